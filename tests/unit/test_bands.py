"""One row a band, one meaning a word: what the reports and the cameras rely on."""

import pytest

from photpipe.catalogs.surveys import CATALOGS
from photpipe.ground import bands
from photpipe.instruments import filters
from photpipe.instruments.filters import FilterKind, meaning
from photpipe.science.published import TRANSFORMATIONS

# "bandconv" of the reference converter of the standard (IAU-ADES, xmltompc80col.py), and its rule
# for all others: the last letter
REFERENCE_CONVERSION = {"Vj": "V", "Rc": "R", "Ic": "I", "Bj": "B", "Uj": "U", "Gb": "G", "Gr": "G"}
# the list of bands of the AAVSO (aavso.org/data/ql/bandhelp.shtml)
OF_THE_AAVSO = {*"UBVRIJHK", "SU", "SG", "SR", "SI", "SZ", "TB", "TG", "TR", "CV", "CR"}


@pytest.mark.parametrize("band", bands.BANDS.values(), ids=lambda band: band.name)
def test_every_band_has_a_code_or_none_in_every_report(band: bands.Band) -> None:
    codes = {report: band.code(report) for report in bands.REPORTS}
    assert all(isinstance(code, str) for code in codes.values())
    assert band.aavso == bands.CANNOT or band.aavso in OF_THE_AAVSO
    assert bool(band.ades) == bool(band.obs80)
    if band.ades:
        assert band.obs80 == REFERENCE_CONVERSION.get(band.ades, band.ades[-1])


def test_every_band_that_can_be_calibrated_has_a_row() -> None:
    of_catalogs = {band.name for spec in CATALOGS.values() for band in spec.bands}
    of_papers = {row.band for row in TRANSFORMATIONS}
    assert of_catalogs | of_papers <= set(bands.BANDS)
    assert {band.reference or band.name for band in bands.BANDS.values()} <= of_catalogs | of_papers


def test_systems_are_those_of_catalogs_and_papers() -> None:
    for spec in CATALOGS.values():
        for band in spec.bands:
            assert band.system == bands.BANDS[band.name].system, (spec.name, band.name)
    for row in TRANSFORMATIONS:
        assert row.system == bands.BANDS[row.band].system


def test_aliases_and_references() -> None:
    assert bands.named("y") is bands.BANDS["yp1"]
    assert bands.reference("TG") == "V"
    assert bands.reference("y") == "yp1"
    assert bands.reference("somebody's own") == "somebody's own"
    assert bands.code("Ks", "AAVSO") == "K"
    assert bands.code("somebody's own", "ADES") == bands.CANNOT


@pytest.mark.parametrize(
    ("name", "band"),
    [
        *(("R", "R"), ("Rc", "R"), ("R Bessell", "R"), ("Johnson R", "R"), ("Cousins R", "R")),
        *(("r", "r"), ("Sloan r", "r"), ("SDSS-rp", "r"), ("r'", "r"), ("Sloan_R", "r")),
        *(("I", "I"), ("i", "i"), ("U", "U"), ("u", "u"), ("g", "g"), ("SDSS G", "g")),
        *(("V_Johnson", "V"), ("bessell v", None), ("BessellV", "V"), ("zs", "z"), ("SG", "g")),
        ("Filter_V", "V"),
    ],
)
def test_photometric_filters(name: str, band: str | None) -> None:
    found = meaning(name)
    assert (found.band if found else None) == band
    assert found is None or found.kind is FilterKind.PHOTOMETRIC


@pytest.mark.parametrize(
    ("name", "kind", "band"),
    [
        *(
            (word, FilterKind.CLEAR, None)
            for word in ("L", "Lum", "Luminance", "Clear", "IRCUT", "LP")
        ),
        *((word, FilterKind.CLEAR, None) for word in ("UV/IR", "No Filter", "Filter_L", "w")),
        *((word, FilterKind.NARROW, None) for word in ("Ha", "OIII", "SII", "H-alpha", "HaOIII")),
        *((word, FilterKind.TRICOLOUR, "TG") for word in ("G", "Green", "Baader Green")),
        *((word, FilterKind.TRICOLOUR, "TR") for word in ("Red", "RGB R")),
        *((band, FilterKind.PLANE, band) for band in ("TB", "TG", "TR")),
    ],
)
def test_filters_that_are_no_bands(name: str, kind: FilterKind, band: str | None) -> None:
    assert meaning(name) == filters.Meaning(kind, band)


@pytest.mark.parametrize("name", ["", "Q", "RC", "H", "x7", "4 Hole Mask"])
def test_what_nobody_can_know_has_no_meaning(name: str) -> None:
    assert meaning(name) is None


def test_letters_of_an_lrgb_set_are_no_johnson_bands() -> None:
    red = filters.Meaning(FilterKind.TRICOLOUR, "TR")
    assert meaning("R", ["L", "R", "G", "B"]) == red
    assert meaning("R", ["Lum", "R", "Ha"]) == red
    for wheel in (["B", "V", "R", "I"], ["R"], ["B", "V", "R", "L"], ["g", "r", "R", "L"]):
        assert meaning("R", wheel) == filters.Meaning(FilterKind.PHOTOMETRIC, "R"), wheel


def test_every_word_means_a_band_that_exists() -> None:
    named = {found.band for found in filters.WORDS.values()} - {None}
    assert named <= set(bands.BANDS)
    assert all(filters.plain(word) == word for word in filters.WORDS)
    meanings: dict[str, set[filters.Meaning]] = {}
    for word, found in filters._words():
        meanings.setdefault(filters.plain(word), set()).add(found)
    assert [word for word, found in meanings.items() if len(found) > 1] == []
