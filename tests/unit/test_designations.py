"""One grammar of designations, judged by the Minor Planet Center's rules and the ADES converter."""

import pytest
from ades import packUtil
from hypothesis import given
from hypothesis import strategies as st

from photpipe.ground.designations import (
    LARGEST_NUMBER,
    ORDER_LETTERS,
    Designation,
    Kind,
    pack_number,
    parse,
)

# examples of the Minor Planet Center: its pages on packed designations, on provisional ones and
# on the extended scheme (docs.minorplanetcenter.net), and old comets of its catalog
EXAMPLES = {
    "3202": "03202",
    "50000": "50000",
    "100345": "A0345",
    "360017": "a0017",
    "203289": "K3289",
    "620000": "~0000",
    "620061": "~000z",
    "3140113": "~AZaz",
    "15396335": "~zzzz",
    "1995 XA": "J95X00A",
    "1995 XL1": "J95X01L",
    "1995 FB13": "J95F13B",
    "1998 SQ108": "J98SA8Q",
    "1998 SV127": "J98SC7V",
    "1998 SS162": "J98SG2S",
    "2099 AZ193": "K99AJ3Z",
    "2008 AA360": "K08Aa0A",
    "2007 TA418": "K07Tf8A",
    "A904 OA": "J04O00A",
    "A924 OA": "J24O00A",
    "A898 PA": "I98P00A",
    "1925 OA": "J25O00A",
    "2023 BA": "K23B00A",
    "2024 CZ3": "K24C03Z",
    "2025 DZ619": "K25Dz9Z",
    "2025 DA620": "_PD0000",
    "2026 DY620": "_QD000N",
    "2027 DZ6190": "_RD0aEM",
    "2028 EA339749": "_SEZZZZ",
    "2029 FL591673": "_TFzzzz",
    "2026 CZ619": "K26Cz9Z",
    "2026 CA620": "_QC0000",
    "2026 CZ6190": "_QC0aEM",
    "2026 CL591673": "_QCzzzz",
    "2040 P-L": "PLS2040",
    "3138 T-1": "T1S3138",
    "1010 T-2": "T2S1010",
    "4101 T-3": "T3S4101",
    "C/1995 A1": "CJ95A010",
    "X/1994 P1-B": "XJ94P01b",
    "D/1994 P1": "DJ94P010",
    "A/2048 X13": "AK48X130",
    "C/2033 L89-C": "CK33L89c",
    "P/2088 A103": "PK88AA30",
    "P/2023 BA": "PK23B00A",
    "C/2024 CZ3": "CK24C03Z",
    "A/2025 DZ619": "AK25Dz9Z",
    "P/2025 DA620": "P_PD0000",
    "C/2028 EA339749": "C_SEZZZZ",
    "C/1680 V1": "CG80V010",
    "C/1066 G1": "CA66G010",
    "C/837 F1": "C837F010",
    "P/1772 E1": "PH72E010",
    "3D": "0003D",
    "29P": "0029P",
    "73P-B": "0073P      b",
    "73P-BC": "0073P     bc",
    "1I": "0001I",
    "Jupiter 13": "J013S",
    "Saturn 10": "S010S",
    "Neptune 2": "N002S",
    "S/2003 J 2": "SK03J020",
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_minor_planet_center(text: str) -> None:
    name = parse(text)
    assert name is not None
    assert str(name) == text
    assert name.packed.strip() == EXAMPLES[text]
    assert len(name.packed) == 12
    assert parse(EXAMPLES[text]) == name
    assert parse(name.packed) == name
    assert parse(text.replace(" ", "_")) == name


@pytest.mark.parametrize(
    ("text", "designation"),
    {
        # as JPL Horizons prints names
        "3552 Don Quixote (1983 SA)": "3552",
        "433 Eros (A898 PA)": "433",
        "2413 van de Hulst (6816 P-L)": "2413",
        "162173 Ryugu (1999 JU3)": "162173",
        "(2010 AB12)": "2010 AB12",
        "P/2010 WK (LINEAR)": "P/2010 WK",
        "73P/Schwassmann-Wachmann 3-C": "73P-C",
        "73P/Schwassmann-Wachmann 3": "73P",
        "332P/Ikeya-Murakami-C": "332P-C",
        "C/2019 Y4-B (ATLAS)": "C/2019 Y4-B",
        "D/1993 F2-A (Shoemaker-Levy 9-A)": "D/1993 F2-A",
        "C/2014 UN271 (Bernardinelli-Bernstein)": "C/2014 UN271",
        "1I/'Oumuamua (A/2017 U1)": "1I",
        "'Oumuamua (A/2017 U1)": "A/2017 U1",
        # as observers write them
        "2413 van de Hulst": "2413",
        "2309 Mr. Spock": "2309",
        "229762 Gǃkúnǁʼhòmdímà": "229762",
        "00433": "433",
        "(433) Eros": "433",
        "(162173) 1999 JU3": "162173",
        "5945 1984 SR1": "5945",
        "A899_CA": "A899 CA",
        "1898 DQ": "1898 DQ",
        "2010ab12": "2010 AB12",
        "C_2017_K2_(PANSTARRS)": "C/2017 K2",
        "C2017K2": "C/2017 K2",
        "P2010WK": "P/2010 WK",
        "73p-bc": "73P-BC",
        "73P-C/Schwassmann-Wachmann 3": "73P-C",
        "67P/C-G": "67P",
        "29P/S-W": "29P",
        "73P/S-W 3-BC": "73P-BC",
        "3I/ATLAS": "3I",
        "0073Pb": "73P-B",
        "Jupiter XIII": "Jupiter 13",
        "S/2003 J2": "S/2003 J 2",
        "C/-43 K1": "C/-43 K1",
    }.items(),
)
def test_what_others_write(text: str, designation: str) -> None:
    assert str(parse(text)) == designation


@pytest.mark.parametrize(
    "text",
    [
        *("", "Ceres", "Mars", "RR Lyr", "NGC 1275", "M31", "GJ 1214", "LP 944-20", "P10xYz1"),
        *("47 Tuc", "47_Tuc", "61 Cygni", "51 Peg b", "3552 R", "12 P"),
        *("0", "15396336", "20170202", "00000", "0000P", "J000S", "~zzzzz"),
        *("2020 IA", "2020 ZA", "2020 AI", "C/2016 I1", "A925 AA", "C/2016 A", "K20I00A"),
        *("K20A00I", "L01A00A", "H01A00A", "(87) 1", "1880 AA", "A904 OA1"),
    ],
)
def test_what_is_no_designation(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1898 DQ", "old-style"),
        ("2017 K2", "letter of the comet's type is missing"),
        ("J95A010", "letter of the comet's type is missing"),
        ("C/-43 K1", "BC"),
        ("C/1996 B2-AA", "two letters"),
        ("2036 AA620", "no packed form in the year 2036"),
        ("2026 CM591673", "does not fit"),
        ("C/2026 A620", "no packed form"),
        ("P/2010 WK-B", "cannot be packed"),
    ],
)
def test_what_has_no_packed_form_says_why(text: str, why: str) -> None:
    name = parse(text)
    assert name is not None
    with pytest.raises(ValueError, match=why):
        _ = name.packed


def test_case_counts_in_packed_forms() -> None:
    assert [str(parse(text)) for text in ("A3552", "a3552")] == ["103552", "363552"]
    assert pack_number(LARGEST_NUMBER) == "~zzzz"
    for number in (0, LARGEST_NUMBER + 1):
        with pytest.raises(ValueError, match="run from 1"):
            pack_number(number)


orders = st.builds(
    lambda year, half, order, cycle: f"{year} {half}{order}{cycle or ''}",
    st.integers(2025, 2035),  # the converter knows the extended scheme from 2025 on
    st.sampled_from("ABCDEFGHJKLMNOPQRSTUVWXY"),
    st.sampled_from(ORDER_LETTERS),
    st.integers(0, 591672),
)


@given(orders)
def test_minor_planets_agree_with_the_reference_converter(text: str) -> None:
    name = parse(text)
    assert name == Designation(Kind.MINOR_PLANET, provisional=text)
    assert parse(name.packed) == name
    assert packUtil.unpackPackedID(name.packed)[1] == text


@given(st.integers(1, LARGEST_NUMBER))
def test_numbers_agree_with_the_reference_converter(number: int) -> None:
    name = parse(str(number))
    assert name is not None
    assert parse(name.packed) == name
    assert packUtil.unpackPackedID(name.packed)[0] == str(number)


@given(
    st.sampled_from("CPDX"),
    st.integers(1000, 2099),
    st.sampled_from("ABCDEFGHJKLMNOPQRSTUVWXY"),
    st.integers(1, 619),
    st.sampled_from(["", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]),
)
def test_comets_agree_with_the_reference_converter(
    letter: str, year: int, half: str, count: int, fragment: str
) -> None:
    text = f"{letter}/{year} {half}{count}{'-' * bool(fragment)}{fragment}"
    name = parse(text)
    assert name is not None
    assert str(name) == text
    assert parse(name.packed) == name
    assert packUtil.unpackPackedID(name.packed)[1] == text


@given(st.text(max_size=40))
def test_any_text_is_read_or_not_and_never_breaks(text: str) -> None:
    name = parse(text)
    assert name is None or parse(str(name)) == name
