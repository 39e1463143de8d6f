"""Seven real headers of capture programs: every fact against truth worked out by hand.

Times: DATE-OBS plus half of the exposure, on paper. Positions: 15 times the hours; degrees,
minutes and seconds added up. Scales: 206.265 times micrometres over millimetres.
"""

from pathlib import Path
from typing import Any

import pytest

from photpipe.ground.timescale import iso
from photpipe.instruments.cameras import listing, reader
from photpipe.instruments.cameras.bands import choice_of
from photpipe.instruments.cameras.facts import CameraFacts, Fact
from tests.camera_headers import NAMES, real_header

Truth = dict[str, Any]
UCCLE = (4 + 21 / 60 + 31 / 3600, 50 + 47 / 60 + 55 / 3600)

TRUTHS: dict[str, Truth] = {
    "app": {
        "program": ("Astro Pixel Processor by Aries Productions", "SOFTWARE"),
        "exptime_s": (900.0, "EXPTIME"),
        "stack": (0, "INTEGRAT"),
        "binning": ((1, 1), "no card"),
        "filter_name": ("none", "no card"),
        "missing": ["the middle of the exposure", "the pixel scale", "the pointing"],
        "band": "G",
    },
    "apt": {
        "program": ("Astro Photography Tool - APT v.3.54.1", "SWCREATE"),
        "exptime_s": (240.0, "EXPTIME"),
        "midtime_jd": ("2018-09-17T21:06:46.000", "DATE-OBS + half the exposure"),
        "binning": ((1, 1), "XBINNING, YBINNING"),
        "scale_arcsec": ((2.38752, 2.38752), "XPIXSZ / FOCALLEN"),
        "pointings": [((23.75, 30.740278), "OBJCTRA, OBJCTDEC")],
        "site": (*UCCLE, 0.0),
        "observatory_code": ("012", "within 1 km of SITELAT, SITELONG"),
        "gain": (1.00224268436432, "EGAIN"),
        "filter_name": ("none", "no card"),
        "object_name": ("TEST", "OBJECT"),
        "missing": [],
        "band": "G",
    },
    "dwarflab": {
        "program": ("DWARFLAB", "ORIGIN"),
        "exptime_s": (15.0, "EXP"),
        "midtime_jd": ("2023-06-10T21:38:26.942", "DATE-OBS + half the exposure"),
        "binning": ((2, 2), "BINNING"),
        "scale_arcsec": ((5.98168, 5.98168), "data sheet of the maker (INSTRUME)"),
        "filter_name": ("none", "no card"),
        "mosaic": ("GBRG", "BAYERPAT"),
        "missing": ["the pointing"],
        "band": "G",
    },
    "maximdl": {
        "program": ("MaxIm DL Version 5.24 140126 0KJR5", "SWCREATE"),
        "exptime_s": (300.0, "EXPTIME"),
        "midtime_jd": ("2018-07-04T14:05:33.414", "DATE-HP + half the exposure"),
        "binning": ((1, 1), "XBINNING, YBINNING"),
        "scale_arcsec": ((1.073521, 1.073521), "ITELESCOPEPLATESCALEH"),
        "pointings": [((275.2005, -16.183), "RA, DEC")],
        "site": (149 + 3 / 60 + 52 / 3600, -(31 + 16 / 60 + 24 / 3600), 1165.0),
        "observatory_code": ("Q62", "within 1 km of SITELAT, SITELONG, ALT-OBS"),
        "airmass": (1.0416255235, "AIRMASS"),
        "filter_name": ("SII", "FILTER"),
        "object_name": ("m17", "OBJECT"),
        "missing": [],
        "band": "R",
    },
    "nina": {
        "program": ("N.I.N.A. 1.10.2.90", "SWCREATE"),
        "exptime_s": (30.0, "EXPTIME"),
        "midtime_jd": ("2021-03-02T20:19:15.455", "DATE-OBS + half the exposure"),
        "binning": ((1, 1), "XBINNING, YBINNING"),
        "gain": (1.00224268436432, "EGAIN"),
        "filter_name": ("none", "no card"),
        "object_name": ("MarsM45", "OBJECT"),
        "rows": ("TOP-DOWN", "ROWORDER"),
        "mosaic": ("RGGB", "BAYERPAT"),
        "missing": ["the pixel scale"],
        "band": "G",
    },
    "seestar": {
        "program": ("ZWO Seestar S50", "CREATOR"),
        "exptime_s": (1870.0, "TOTALEXP"),
        "stack": (187, "STACKCNT"),
        "binning": ((1, 1), "XBINNING, YBINNING"),
        "scale_arcsec": ((2.37204, 2.37660), "CD matrix of the WCS"),
        # the middle of the image by the matrix, RA and DEC, the reference point
        "pointings": [
            ((239.83616, 20.73175), "the WCS"),
            ((240.1125, 20.661389), "RA, DEC"),
            ((239.749404582, 20.4682320597), "CRVAL1, CRVAL2"),
        ],
        "site": (4.3586, 50.7986, 0.0),
        "observatory_code": ("012", "within 1 km of SITELAT, SITELONG"),
        "filter_name": ("IRCUT", "FILTER"),
        "object_name": ("NGC 6027A", "OBJECT"),
        "planes": (3, "NAXIS3"),
        "missing": ["the middle of the exposure"],
        "band": "G",
    },
    "sgp": {
        "program": ("Sequence Generator Pro v3.1.0.479", "CREATOR"),
        "exptime_s": (30.0, "EXPOSURE"),
        "midtime_jd": ("2020-05-30T00:23:04.097", "DATE-OBS + half the exposure"),
        "binning": ((1, 1), "XBINNING, YBINNING"),
        "scale_arcsec": ((0.65415, 0.65415), "SCALE"),
        "pointings": [((283.395539831101, 33.0340625), "RA, DEC")],
        "site": (*UCCLE, 10.0),
        "observatory_code": ("012", "within 1 km of SITELAT, SITELONG, SITEELEV"),
        "airmass": (1.1136910218553, "AIRMASS"),
        "gain": (3.99000000953674, "EGAIN"),
        "filter_name": ("HaOIII", "FILTER"),
        "object_name": ("M57", "OBJECT"),
        "missing": [],
        "band": "G",
    },
}
"""Facts of the headers; what is not named here, the header does not tell."""

FACTS = (
    *("program", "exptime_s", "midtime_jd", "binning", "scale_arcsec", "site", "observatory_code"),
    *("gain", "saturation_adu", "airmass", "filter_name", "object_name", "rows", "mosaic"),
    *("planes", "stack"),
)


def plain(name: str, fact: Fact[Any]) -> Any:
    """Value and origin of a fact in the form of the truths."""
    if name == "site":
        place = fact.value
        return place.longitude_deg, place.latitude_deg, place.elevation_m
    value = iso(fact.value) if name == "midtime_jd" else fact.value
    return value, fact.origin


def test_every_header_has_a_truth() -> None:
    assert tuple(TRUTHS) == NAMES and len(NAMES) == 7


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("program", NAMES)
def test_fact_of_a_real_header(program: str, name: str) -> None:
    fact = getattr(read(program), name)
    expected = TRUTHS[program].get(name)
    if expected is None:
        assert fact is None
        return
    found = plain(name, fact)
    if name == "site":
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found[0] == (
            expected[0] if isinstance(expected[0], str) else pytest.approx(expected[0], rel=1e-5)
        )
        assert found[1] == expected[1]


@pytest.mark.parametrize("program", NAMES)
def test_pointings_of_a_real_header(program: str) -> None:
    found, expected = read(program).pointings, TRUTHS[program].get("pointings", [])
    assert [each.origin for each in found] == [origin for _, origin in expected]
    for each, (place, _) in zip(found, expected, strict=True):
        assert each.value == pytest.approx(place, abs=5e-6)


@pytest.mark.parametrize("program", NAMES)
def test_what_a_real_header_lacks_and_its_band(program: str) -> None:
    facts, truth = read(program), TRUTHS[program]
    assert [each.name for each in facts.missing] == truth["missing"]
    assert choice_of(facts.filter_name.value).band == truth["band"]


@pytest.mark.parametrize("program", ["sgp", "seestar"])
def test_manual_shows_what_toolbox_prints(program: str) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "cameras.md").read_text("utf-8")
    lines, _ = listing.explained(f"{program}.fits", read(program))
    assert "\n".join(lines) in manual


def read(program: str) -> CameraFacts:
    """Facts of a real header."""
    return reader.read(real_header(program))
