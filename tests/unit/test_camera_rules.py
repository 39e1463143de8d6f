"""The rules by which headers of strangers are read: each with a header that needs it."""

import math
from typing import Any

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from photpipe.ground.errors import ConfigError
from photpipe.ground.timescale import iso
from photpipe.instruments.cameras import camera, fact_lines, optics, reader, table
from photpipe.instruments.cameras.facts import CameraFacts
from photpipe.instruments.telescopes import by_keyword

SIZE = {"NAXIS": 2, "NAXIS1": 800, "NAXIS2": 600}
FRAME = {"DATE-OBS": "2022-03-04T05:06:07.5", "EXPTIME": 30.0, "OBJECT": "M67"}


def read(cards: dict[str, Any]) -> CameraFacts:
    header = fits.Header()
    for key, value in {**SIZE, **cards}.items():
        header[key if len(key) <= 8 else f"HIERARCH {key}"] = value
    return reader.read(header)


def test_numbers_that_are_strings() -> None:
    facts = read(
        {
            **{"EXPTIME": "120.00", "XPIXSZ": "4.63", "FOCALLEN": "926.", "EGAIN": "3.62"},
            **{"RA": "167.64", "DEC": "55,70", "DATE-OBS": "2022-03-04T05:06:07.5"},
            **{"SITELAT": "48.1 ", "SITELONG": "11.6 deg", "XBINNING": "2"},
            "YBINNING": "2",
        }
    )
    assert facts.exptime_s is not None and facts.exptime_s.value == 120.0
    assert facts.scale_arcsec is not None
    assert facts.scale_arcsec.value[0] == pytest.approx(1.03132, abs=1e-5)
    assert facts.gain is not None and facts.gain.value == 3.62
    assert facts.pointings[0].value == pytest.approx((167.64, 55.7))
    assert facts.site is not None and facts.site.value.longitude_deg == pytest.approx(11.6)
    airmass = read({**FRAME, "AIRMASS": "1.25"}).airmass
    assert airmass is not None and airmass.value == 1.25
    assert facts.binning.value == (2, 2)
    assert facts.missing == ()


@pytest.mark.parametrize(
    ("ra", "dec"),
    [("00 00 00", "+00 00 00"), ("", ""), ("  ", "  "), ("None", "None"), (0.0, 0.0), ("N/A", "-")],
)
def test_values_that_mean_not_set(ra: Any, dec: Any) -> None:
    assert read({**FRAME, "OBJCTRA": ra, "OBJCTDEC": dec}).pointings == ()
    told = read({**FRAME, "RA": ra, "DEC": dec, "OBJCTRA": "8 51 18", "OBJCTDEC": "+11 48 00"})
    assert [each.origin for each in told.pointings] == ["OBJCTRA, OBJCTDEC"]
    assert told.pointings[0].value == pytest.approx((132.825, 11.8))


@pytest.mark.parametrize("empty", ["", "  ", "unknown", "None", "n/a"])
def test_texts_that_mean_not_set(empty: str) -> None:
    facts = read({**FRAME, "OBJECT": empty, "FILTER": empty, "INSTRUME": empty})
    assert facts.object_name is None
    assert facts.filter_name.origin == "no card"
    assert facts.bundle.name == "camera without a name"


@pytest.mark.parametrize("zero", [0, -1.0, "0.0"])
def test_numbers_that_mean_not_set(zero: Any) -> None:
    facts = read({**FRAME, "EXPTIME": zero, "EXPOSURE": 45.0, "FOCALLEN": zero, "XPIXSZ": 3.8})
    assert facts.exptime_s is not None and facts.exptime_s.origin == "EXPOSURE"
    assert facts.scale_arcsec is None


@pytest.mark.parametrize(
    ("cards", "middle", "origin"),
    [
        ({}, "2022-03-04T05:06:22.500", "DATE-OBS + half the exposure"),
        ({"DATE-AVG": "2022-03-04T05:06:22.6"}, "2022-03-04T05:06:22.600", "DATE-AVG"),
        ({"MJD-AVG": 59642.25}, "2022-03-04T06:00:00.000", "MJD-AVG"),
        ({"DATE-BEG": "2022-03-04T05:00:00.0"}, "2022-03-04T05:00:15.000", "DATE-BEG + half"),
        (  # whole seconds are refined by a card that has their fraction
            {"DATE-OBS": "2022-03-04T05:06:07", "MJD-OBS": 59642.21258680556},
            "2022-03-04T05:06:22.500",
            "MJD-OBS + half the exposure",
        ),
        (  # but not by one that is as coarse, or of another moment
            {"DATE-OBS": "2022-03-04T05:06:07", "MJD-OBS": 59642.3},
            "2022-03-04T05:06:22.000",
            "DATE-OBS + half the exposure",
        ),
        (  # zones are taken off
            {"DATE-OBS": "2022-03-03T22:06:07.5-0700"},
            "2022-03-04T05:06:22.500",
            "DATE-OBS + half the exposure",
        ),
        ({"EXPTIME": (30000, "[ms] exposure")}, "2022-03-04T05:06:22.500", "DATE-OBS + half"),
    ],
)
def test_middle_of_the_exposure(cards: dict[str, Any], middle: str, origin: str) -> None:
    fact = read({**FRAME, **cards}).midtime_jd
    assert fact is not None
    assert iso(fact.value) == middle
    assert fact.origin.startswith(origin)


def test_middle_that_its_start_contradicts() -> None:
    fact = read({**FRAME, "DATE-AVG": "2022-03-04T05:07:22.5"}).midtime_jd
    assert fact is not None and "-60.0 s from it" in fact.doubt


def test_start_that_is_said_to_be_the_end() -> None:
    fact = read({**FRAME, "DATE-OBS": (FRAME["DATE-OBS"], "[UTC] end of exposure")}).midtime_jd
    assert fact is not None and iso(fact.value) == "2022-03-04T05:05:52.500"


@pytest.mark.parametrize(
    ("cards", "value", "origin"),
    [
        ({"EGAIN": 1.5, "CVF": 2.5, "GAIN": 3.5}, 1.5, "EGAIN"),
        ({"CVF": 2.5, "GAIN": 3.5}, 2.5, "CVF"),
        ({"GAIN": 3.5, "SWCREATE": "MaxIm DL Version 6"}, 3.5, "GAIN"),
        ({"EGAIN": 0.0, "GAIN": 3.5}, 3.5, "GAIN"),
    ],
)
def test_gain_in_the_order_of_trust(cards: dict[str, Any], value: float, origin: str) -> None:
    fact = read({**FRAME, **cards}).gain
    assert fact is not None and (fact.value, fact.origin) == (value, origin)


@pytest.mark.parametrize("program", ["N.I.N.A. 3.1", "SharpCap v4", "ZWO ASIAIR Plus", "Siril"])
def test_gain_that_is_a_setting(program: str) -> None:
    assert read({**FRAME, "SWCREATE": program, "GAIN": 100}).gain is None


@pytest.mark.parametrize(
    "cards",
    [
        {"STACKCNT": 12},
        {"SNAPSHOT": 3},
        {"INTEGRAT": "Integration"},
        {"TOTALEXP": 900.0},
        {"HISTORY": "ImageIntegration of 20 images"},
    ],
)
def test_stack_has_no_middle(cards: dict[str, Any]) -> None:
    facts = read({**FRAME, **cards})
    assert facts.stack is not None and facts.midtime_jd is None
    assert facts.missing[0].name == "the middle of the exposure"
    assert read({**FRAME, **cards, "DATE-AVG": "2022-03-04T05:06:22"}).midtime_jd is not None


@pytest.mark.parametrize("card", ["SCALE", "PIXSCALE", "SECPIX", "IM_SCALE", "PLTSCALE"])
def test_scale_that_is_told_wins_over_the_optics(card: str) -> None:
    fact = read({**FRAME, card: 1.5, "XPIXSZ": 3.8, "FOCALLEN": 800.0}).scale_arcsec
    assert fact is not None and fact.value == (1.5, 1.5)
    assert fact.doubt == "XPIXSZ / FOCALLEN gives 0.980"


def test_rows_from_the_bottom_begin_the_pattern_at_the_top() -> None:
    cards = {**FRAME, "BAYERPAT": "RGGB"}
    patterns = [
        read({**cards, "ROWORDER": order, "NAXIS2": height}).mosaic
        for order in ("TOP-DOWN", "BOTTOM-UP")
        for height in (600, 601)
    ]
    assert [each.value for each in patterns if each] == ["RGGB", "RGGB", "GBRG", "RGGB"]
    shifted = read({**cards, "XBAYROFF": 1, "YBAYROFF": 1}).mosaic
    assert shifted is not None and shifted.value == "BGGR"


CARDS = sorted(
    {
        *table.PROGRAM, *table.EXPOSURE_S, *table.TOTAL_EXPOSURE, *table.STACK_COUNT,
        *table.STACK_MARK, *(name for each in table.TIMES for name in each.cards.split("|")),
        *table.ENDS, *table.FINER_STARTS, *(name for pair in table.BINNING for name in pair),
        *(name for pair in (*table.PIXEL_UM, *table.UNBINNED_PIXEL_UM) for name in pair),
        *table.FOCAL_LENGTH_MM, *table.FOCAL_RATIO, *table.APERTURE_MM,
        *(name for pair in table.SCALE_ARCSEC for name in pair),
        *(name for each in table.POINTINGS for name in (each.ra, each.dec)),
        *table.LATITUDE, *table.LONGITUDE, *table.ELEVATION, *table.GEOCENTRIC, *table.SIDEREAL,
        *table.ALTITUDE, *table.AIRMASS, *table.LOCAL_TIME, *table.GAIN, *table.SATURATION,
        *table.FILTER, *table.OBJECT, table.ROWS, *table.MOSAIC,
        *(name for pair in table.MOSAIC_OFFSETS for name in pair), table.PLANE, table.CELL,
        table.MEAN_OF, table.GLASS, "CTYPE1", "CTYPE2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2",
        "CD2_1", "CD2_2", "CDELT1", "CDELT2", "EQUINOX", "RADESYS", "TIMESYS", "INSTRUME",
        "TELESCOP", "NAXIS3",
    }
)  # fmt: skip
GOOD = st.sampled_from(
    [
        *(
            "2022-03-04T05:06:07.5",
            "2022-03-04",
            "05:06:07",
            "04/03/22",
            "59642.2",
            "2022",
            "Light",
        ),
        *(
            "8 51 18",
            "-22:57:08:99",
            "+122 30 31 W",
            "51d03m",
            "R",
            "RGGB",
            "2*2",
            "1,2",
            "TOP-DOWN",
        ),
        *(
            "N.I.N.A. 3",
            "TheSkyX",
            "RA---TAN",
            "DEC--TAN",
            "TT",
            "FK4",
            "[m] x",
            "None",
            "'",
            "1e400",
        ),
    ]
)
VALUES = st.one_of(
    GOOD,
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)


@given(st.dictionaries(st.sampled_from(CARDS), VALUES, max_size=25))
def test_any_mixture_of_cards_gives_facts_that_make_sense(cards: dict[str, Any]) -> None:
    """No header of a stranger breaks the reader, and no nonsense comes out of it."""
    try:
        facts = read(cards)
    except ConfigError:
        pytest.fail("nobody gave an option")
    for fact in (facts.exptime_s, facts.gain, facts.airmass, facts.saturation_adu):
        assert fact is None or (math.isfinite(fact.value) and fact.value > 0)
    assert facts.midtime_jd is None or math.isfinite(facts.midtime_jd.value)
    for pointing in facts.pointings:
        ra, dec = pointing.value
        assert 0.0 <= ra < 360.0 and abs(dec) <= 90.0
    if facts.site is not None:
        place = facts.site.value
        assert abs(place.latitude_deg) <= 90 and abs(place.longitude_deg) <= 180
        assert math.isfinite(place.elevation_m)
    if facts.scale_arcsec is not None:
        assert all(0.01 < side < 300 for side in facts.scale_arcsec.value)
    assert min(facts.binning.value) >= 1
    assert facts.mosaic is None or sorted(facts.mosaic.value) == sorted("RGGB")
    assert all(line.name for line in fact_lines.told(facts))
    if not [each for each in facts.missing if "pointing" not in each.name]:
        camera.telescope_of(facts, by_keyword("GENERIC").parameters)


def test_cell_of_a_plane_scales_pixels_and_gain() -> None:
    plane = {**FRAME, "XPIXSZ": 3.8, "FOCALLEN": 800.0, "EGAIN": 0.8, "PPPLANE": "TG"}
    plain, scaled = read(plane), read({**plane, "PPCELL": 2, "PPMEANOF": 2})
    assert plain.scale_arcsec is not None and scaled.scale_arcsec is not None
    assert scaled.scale_arcsec.value[0] == pytest.approx(2 * plain.scale_arcsec.value[0])
    assert scaled.gain is not None and scaled.gain.value == pytest.approx(1.6)
    assert optics.cell(fits.Header({"PPCELL": 2})) == 2
