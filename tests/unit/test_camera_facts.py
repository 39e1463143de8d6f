"""The facts of headers that capture programs write; truth worked out by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import EarthLocation, get_sun
from astropy.io import fits
from astropy.time import Time

from photpipe.ground.errors import ConfigError
from photpipe.ground.timescale import iso
from photpipe.instruments import observatories
from photpipe.instruments.cameras import light, memory, places, reader
from photpipe.instruments.cameras.bands import choice_of
from photpipe.instruments.cameras.reader import Told
from photpipe.instruments.cameras.reading import angle
from photpipe.science.sun import sun_position

SIZE = {"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": 4144, "NAXIS2": 2822}


def header(cards: Mapping[str, Any]) -> fits.Header:
    result = fits.Header()
    for key, value in {**SIZE, **cards}.items():
        result[key] = value
    return result


NINA = {
    **{"EXPOSURE": 30.0, "EXPTIME": 30.0, "DATE-OBS": "2021-03-02T20:19:00.455", "XPIXSZ": 4.63},
    **{"DATE-LOC": "2021-03-02T21:19:00.455", "XBINNING": 1, "YBINNING": 1, "GAIN": 120},
    **{"EGAIN": 1.002, "BAYERPAT": "RGGB", "XBAYROFF": 0, "YBAYROFF": 0, "OBJCTRA": "00 00 00"},
    **{"OBJCTDEC": "+00 00 00", "ROWORDER": "TOP-DOWN", "SWCREATE": "N.I.N.A. 1.10.2.90"},
    "OBJECT": "M45",
}
SGP = {
    **{"CREATOR": "Sequence Generator Pro v3.1", "EXPOSURE": 30, "CTYPE1": "RA---TAN"},
    **{"DATE-OBS": "2020-05-30T00:22:49.0968820", "CRVAL1": 283.3955, "CRVAL2": 33.0340},
    **{"CRPIX1": 2072, "CRPIX2": 1411, "CTYPE2": "DEC--TAN", "RA": 283.3955, "DEC": 33.0340},
    **{"SITELAT": "50 47 55.000", "SITELONG": "4 21 31.000", "SITEELEV": 10, "FOCALLEN": 1480},
    **{"SCALE": 0.65415, "GAIN": 120, "EGAIN": 3.99, "AIRMASS": 1.1137, "OBJECT": "M57"},
}
MAXIM = {
    **{"SWCREATE": "MaxIm DL Version 5.24", "DATE-OBS": "2018-07-04T14:03:03", "EXPTIME": 300.0},
    **{"JD": 2458304.0854513887, "DATE-HP": "2018-07-04T14:03:03.414", "XPIXSZ": 7.4},
    **{"FOCALLEN": 1425.0, "SITELAT": "-31 16 24", "SITELONG": "149 03 52", "FILTER": "SII"},
    **{"OBJCTRA": "18 20 48.12", "OBJCTDEC": "-16 10 58.8", "AIRMASS": 1.0416, "ALT-OBS": 1165.0},
    **{"CLRBAND": "R", "OBJECT": "m17"},
}
SEESTAR = {
    **{"CREATOR": "ZWO Seestar S50", "EXPTIME": 10.0, "STACKCNT": 187, "TOTALEXP": 1870.0},
    **{"DATE-OBS": "2025-05-13T22:48:35.751879", "XPIXSZ": 2.9, "FOCALLEN": 250, "GAIN": 80},
    **{"RA": 240.1125, "DEC": 20.661389, "FILTER": "IRCUT", "OBJECT": "NGC 6027A"},
}
DWARF = {
    **{"ORIGIN": "DWARFLAB", "INSTRUME": "DWARFII", "EXP": 15.0, "BINNING": "2*2", "GAIN": 110},
    **{"DATE-OBS": "2023-06-10T21:38:19.442", "RA": 0.0, "DEC": 0.0, "BAYERPAT": "GBRG"},
    **{"NAXIS1": 1920, "NAXIS2": 1080, "OBJECT": " "},
}


def test_nina() -> None:
    facts = reader.read(header({**NINA, "FOCALLEN": 400}))
    assert facts.exptime_s is not None and facts.exptime_s.value == 30.0
    assert facts.midtime_jd is not None
    assert iso(facts.midtime_jd.value) == "2021-03-02T20:19:15.455"
    assert facts.scale_arcsec is not None and facts.scale_arcsec.origin == "XPIXSZ / FOCALLEN"
    assert facts.scale_arcsec.value[0] == pytest.approx(2.3875, abs=1e-4)
    assert facts.gain is not None and (facts.gain.value, facts.gain.origin) == (1.002, "EGAIN")
    assert facts.pointings == ()
    assert facts.mosaic is not None and facts.mosaic.value == "RGGB"
    assert facts.missing == ()


def test_scale_is_missing_without_a_focal_length() -> None:
    (missing,) = reader.read(header(NINA)).missing
    assert missing.name == "the pixel scale"
    assert "-secpix" in missing.advice


def test_sequence_generator() -> None:
    facts = reader.read(header(SGP))
    assert facts.exptime_s is not None and facts.exptime_s.origin == "EXPOSURE"
    assert facts.midtime_jd is not None
    assert iso(facts.midtime_jd.value) == "2020-05-30T00:23:04.097"
    assert facts.scale_arcsec is not None and facts.scale_arcsec.value == (0.65415, 0.65415)
    assert [each.origin for each in facts.pointings] == ["RA, DEC"]
    assert facts.site is not None and facts.site.value.longitude_deg == pytest.approx(4.358611)
    assert facts.observatory_code is not None and facts.observatory_code.value == "012"  # Uccle


def test_maxim() -> None:
    facts = reader.read(header(MAXIM))
    assert facts.midtime_jd is not None and facts.midtime_jd.origin.startswith("DATE-HP")
    assert iso(facts.midtime_jd.value) == "2018-07-04T14:05:33.414"
    assert facts.pointings[0].value == pytest.approx((275.2005, -16.183))
    assert facts.filter_name.value == "SII"
    assert choice_of("SII").band == "R" and "narrow" in choice_of("SII").assumption
    assert facts.site is not None
    assert facts.site.value.latitude_deg == pytest.approx(-31.27333, abs=1e-5)
    assert facts.site.value.longitude_deg == pytest.approx(149.06444, abs=1e-5)


def test_stack_has_no_middle_but_its_own() -> None:
    facts = reader.read(header(SEESTAR))
    assert facts.stack is not None and facts.stack.value == 187
    assert facts.exptime_s is not None and facts.exptime_s.value == 1870.0
    assert facts.midtime_jd is None
    assert "DATE-AVG" in facts.missing[0].advice
    ended = reader.read(header({**SEESTAR, "DATE-END": "2025-05-13T23:48:35.751879"}))
    assert ended.midtime_jd is not None
    assert iso(ended.midtime_jd.value) == "2025-05-13T23:18:35.752"
    told = reader.read(header(SEESTAR), Told(date_keyword="DATE-OBS"))
    assert told.midtime_jd is not None
    assert iso(told.midtime_jd.value) == "2025-05-13T22:48:35.752"


def test_dwarf() -> None:
    facts = reader.read(header(DWARF))
    assert facts.binning.value == (2, 2)
    assert facts.pointings == () and facts.gain is None
    assert facts.scale_arcsec is not None
    assert facts.scale_arcsec.value[0] == pytest.approx(5.98, abs=0.01)  # 2 x 1.45 um / 100 mm
    assert [each.name for each in facts.missing] == ["the pointing"]


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("51 3 0.000", 51.05),
        ("+122 30 31", 122.508611),
        ("-22:57:08:99", -22.952497),
        ("50d47m55s", 50.798611),
        ("4 21 31 W", -4.358611),
        ("33.5 S", -33.5),
        ("-0 30 0", -0.5),
        (12.25, 12.25),
    ],
)
def test_angles_in_every_form(text: object, degrees: float) -> None:
    found = angle(text)
    assert found is not None and found[0] == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize("text", ["", "north", "12 75 00", None, True])
def test_what_is_no_angle(text: object) -> None:
    assert angle(text) is None


WEST = {**SGP, "SITELAT": "+37 02 00", "SITELONG": "+122 30 31", "DATE-OBS": "2020-05-30T08:00:00"}


@pytest.mark.parametrize(
    "cards",
    [
        {"AIRMASS": None, "SWCREATE": "TheSkyX Version 10"},
        {"AIRMASS": None, "DATE-LOC": "2020-05-30T01:00:00"},
        {"AIRMASS": None, "OBSGEO-L": -122.508611},
        {"AIRMASS": None, "SITELONG": 360 - 122.508611},
        {"AIRMASS": None, "SITELONG": "122 30 31 W"},
    ],
)
def test_longitude_west(cards: dict[str, Any]) -> None:
    merged = {key: value for key, value in {**WEST, **cards}.items() if value is not None}
    site = reader.read(header(merged)).site
    assert site is not None and site.value.longitude_deg == pytest.approx(-122.508611, abs=1e-5)


def test_option_and_card_override_one_fact() -> None:
    told = Told(exptime="FOCALLEN", secpix="0.5", ra="10 00 00", dec="-5", binning="2")
    facts = reader.read(header(SGP), told)
    assert facts.exptime_s is not None and facts.exptime_s.value == 1480.0
    assert facts.scale_arcsec is not None and facts.scale_arcsec.value == (1.0, 1.0)
    assert facts.pointings[0].value == (150.0, -5.0)
    with pytest.raises(ConfigError, match="neither number nor card"):
        reader.read(header(SGP), Told(exptime="NOSUCH"))
    with pytest.raises(ConfigError, match="-observatory"):
        reader.read(header(SGP), Told(observatory="zzz"))
    with pytest.raises(ConfigError, match="-site"):
        reader.read(header(SGP), Told(site="here"))


def test_site_goes_round_as_text() -> None:
    site = places.of_words("-109.892,32.7013,3178")
    again = observatories.Site.of_observer(site.observer)
    assert again is not None and again.longitude_deg == pytest.approx(-109.892)
    assert observatories.Site.of_observer("290") is None
    assert observatories.code_at(site) == "290"
    assert observatories.code_at(places.of_words("-140,-40,0")) is None


def test_geocentric_site_by_astropy() -> None:
    place = EarthLocation.from_geodetic(-70.4, -24.6, 2400)
    xyz = dict(
        zip(("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z"), (v.value for v in place.geocentric), strict=True)
    )
    site = reader.read(header({**NINA, **xyz})).site
    assert site is not None
    assert site.value.latitude_deg == pytest.approx(-24.6, abs=1e-6)
    assert site.value.elevation_m == pytest.approx(2400, abs=1)


@pytest.mark.parametrize("jd", [2451545.0, 2457786.95, 2461000.25])
def test_sun_by_astropy(jd: float) -> None:
    truth = get_sun(Time(jd, format="jd")).transform_to("precessedgeocentric")
    ra, dec = sun_position(jd)
    assert abs(dec - truth.dec.deg) < 0.3  # equinox of date against J2000
    assert abs((ra - truth.ra.deg + 180) % 360 - 180) < 0.5


def sky_pixels(gain: float, level_adu: float, bias_adu: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.poisson(level_adu * gain, (300, 300)) / gain + bias_adu


@pytest.mark.parametrize(
    ("claimed", "zero", "is_refused"),
    [(1.0, None, False), (120.0, None, True), (139.0, 0.0, True), (0.2, 0.0, True)],
)
def test_gain_against_the_noise_of_the_sky(
    claimed: float, zero: float | None, is_refused: bool
) -> None:
    assert bool(light.objection(claimed, sky_pixels(1.0, 800.0), zero)) is is_refused


def test_gain_of_pixels_between_0_and_1() -> None:
    assert "between 0 and 1" in light.objection(3.6, sky_pixels(1.0, 800.0) / 65535, None)


def learned(scale: float = 1.0, mirrored: bool = False) -> memory.Learned:
    return memory.Learned("abc123", "ZWO", scale, 10.0, mirrored, 1.0, 60000.0, 3, "2026-01-01")


def test_camera_is_remembered_and_dropped_when_contradicted() -> None:
    assert "remembered" in memory.learn(learned())
    assert memory.learn(learned(1.001)) == ""
    known = memory.recall("abc123")
    assert known is not None and known.frames == 6
    assert "dropped: the scale is 1.2000" in memory.learn(learned(1.2))
    assert "mirrored" in memory.learn(learned(1.2, mirrored=True))
    assert [each.name for each in memory.forget("zwo")] == ["ZWO"]
    assert memory.recall("abc123") is None


def test_spoiled_memory_is_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    memory.store().parent.mkdir(parents=True, exist_ok=True)
    memory.store().write_text("{")
    assert memory.known() == {}
    assert "no camera is remembered" in caplog.text


@pytest.mark.parametrize(
    ("word", "band"),
    [("R", "R"), ("Sloan r", "r"), ("L", "G"), ("Ha", "R"), ("OIII", "V"), ("none", "G")],
)
def test_band_of_a_filter(word: str, band: str) -> None:
    assert choice_of(word).band == band
