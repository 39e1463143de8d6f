"""Names of targets as observers write them."""

import pytest

from photpipe.services.names import key, lookups, tidied

# name as observers write it: what Horizons is asked for, kind, closest apparition, no fragments
NAMES = {
    "3552": ("3552", "smallbody", False, False),
    "00433": ("433", "smallbody", False, False),
    "(433) Eros": ("433", "smallbody", False, False),
    "433_Eros": ("433", "smallbody", False, False),
    "(5945)_Roachapproach": ("5945", "smallbody", False, False),
    "(65803) Didymos (1996 GT)": ("65803", "smallbody", False, False),
    "5945 1984 SR1": ("5945", "smallbody", False, False),
    "2010_AB12": ("2010 AB12", "designation", False, False),
    "2010ab12": ("2010 AB12", "designation", False, False),
    "2010 AB": ("2010 AB", "designation", False, False),
    "2040 P-L": ("2040 P-L", "designation", False, False),
    "C/2017 K2": ("C/2017 K2", "designation", True, True),
    "C/2017_K2_(PANSTARRS)": ("C/2017 K2", "designation", True, True),
    "C2017K2": ("C/2017 K2", "designation", True, True),
    # as Horizons prints them
    "3552 Don Quixote (1983 SA)": ("3552", "smallbody", False, False),
    "433 Eros (A898 PA)": ("433", "smallbody", False, False),
    "2413 van de Hulst": ("2413", "smallbody", False, False),
    "P/2010 WK (LINEAR)": ("P/2010 WK", "designation", True, True),
    "73P/Schwassmann-Wachmann 3-C": ("73P-C", "designation", True, False),
    "A899_CA": ("A899 CA", "designation", False, False),
    "_QC0aEM": ("2026 CZ6190", "designation", False, False),
    "Jupiter XIII": ("513", None, False, False),
    "S/2003 J 2": ("S/2003 J 2", None, False, False),
    "73P": ("73P", "designation", True, True),
    "73P/Schwassmann-Wachmann 3": ("73P", "designation", True, True),
    "73P-B": ("73P-B", "designation", True, False),
    "73p-bc": ("73P-BC", "designation", True, False),
    "D/1993 F2-A": ("D/1993 F2-A", "designation", True, False),
    "2I/Borisov": ("2I", "designation", True, True),
    # packed, as the Minor Planet Center explains them on its page on packed designations
    "J95X00A": ("1995 XA", "designation", False, False),
    "J95X01L": ("1995 XL1", "designation", False, False),
    "J98SA8Q": ("1998 SQ108", "designation", False, False),
    "K07Tf8A": ("2007 TA418", "designation", False, False),
    "PLS2040": ("2040 P-L", "designation", False, False),
    "T1S3138": ("3138 T-1", "designation", False, False),
    "CJ95O010": ("C/1995 O1", "designation", True, True),
    "CK17K020": ("C/2017 K2", "designation", True, True),
    "DJ94P01b": ("D/1994 P1-B", "designation", True, False),
    "PK07R97A": ("P/2007 RA97", "designation", True, True),
    "0073Pb": ("73P-B", "designation", True, False),
    "0029P": ("29P", "designation", True, True),
}


@pytest.mark.parametrize("name", NAMES)
def test_unambiguous_names_are_asked_once(name: str) -> None:
    (lookup,) = lookups(name)
    found = (lookup.text, lookup.id_type, lookup.closest_apparition, lookup.no_fragments)
    assert found == NAMES[name]


@pytest.mark.parametrize("name", ["Ceres", "Don_Quixote", "Mars", "RR Lyr", "WASP"])
def test_free_names_are_looked_for_among_small_bodies_first(name: str) -> None:
    first, *between, last = lookups(name)
    assert (first.text, first.id_type) == (tidied(name), "smallbody")
    assert all(each.if_ambiguous for each in between)
    assert last.id_type is None


@pytest.mark.parametrize(
    ("name", "number"),
    [("A0345", "100345"), ("a0017", "360017"), ("~0000", "620000"), ("~AZaz", "3140113")],
)
def test_packed_numbers_are_tried_last(name: str, number: str) -> None:
    assert lookups(name)[0].text == name
    assert (lookups(name)[-1].text, lookups(name)[-1].id_type) == (number, "smallbody")


def test_case_counts_where_it_tells_objects_apart() -> None:
    assert key("A3552") != key("a3552")
    assert key("M9762") != key("m9762")
    assert key("CERES") == key("Ceres")
    assert key("3552 Don Quixote (1983 SA)") == key("3552")
    assert key("K07Tf8A") == key("2007 TA418") != key("K07TF8A")


@pytest.mark.parametrize(
    "name",
    ["", "  ", "---", "HD 12345", "NGC1275", "M31", "SA98_978", "HAT-P-32", "flat", "No object"],
)
def test_some_names_need_no_question(name: str) -> None:
    assert lookups(name) == ()


def test_signs_that_mean_something_to_horizons_are_taken_out() -> None:
    assert tidied('Ceres"; CAP;\n!$$SOE') == "Ceres CAP ! SOE"
    assert tidied("'Oumuamua") == "Oumuamua"
    assert tidied("O'Higgins") == "O'Higgins"
    assert len(tidied("x" * 5000)) == 80
