"""The little languages: every form of binning, time, pointing, chip and distortion."""

import math
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from photpipe.fits.values import as_number, card_number, card_text, card_value
from photpipe.ground.errors import HeaderError
from photpipe.instruments.dialects import Binning, Chip, Distortion, Pointing, equinox
from photpipe.instruments.midtime import MidTime
from tests.headers import header_of

# -- cards


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  text ", "text"),
        ("", None),
        ("   ", None),
        (3, "3"),
        (3552.0, "3552"),
        (1.5, "1.5"),
        (True, "True"),
        (fits.card.Undefined(), None),
        (complex(1, 2), None),
    ],
)
def test_card_text(value: object, expected: str | None) -> None:
    header = fits.Header([("KEY", value)])
    assert card_text(header, "KEY") == expected
    assert card_text(header, "OTHER") is None


def test_hierarchical_and_commentary_cards() -> None:
    header = fits.Header()
    header["HIERARCH ESO DET WIN1 BINX"] = 2
    header["HISTORY"] = "once"
    assert card_value(header, "ESO DET WIN1 BINX") == 2
    assert card_value(header, "HISTORY") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (" -2.5 ", -2.5),
        ("1.0D-2", 0.01),
        ("1e3", 1000.0),
        ("nan", None),
        ("1e999", None),
        ("1_0", None),
        ("12:30", None),
        (True, None),
        (None, None),
        (10**400, None),
    ],
)
def test_as_number(value: object, expected: float | None) -> None:
    assert as_number(value) == expected


def test_card_number_names_card_and_frame() -> None:
    assert card_number(header_of(a="7"), "A", "f.fits", "x") == 7.0
    assert card_number(header_of(), "A", "f.fits", "x") is None
    with pytest.raises(HeaderError, match=r"f\.fits: header card A: 'seven'.*needed for luck"):
        card_number(header_of(a="seven"), "A", "f.fits", "luck")


# -- binning


@pytest.mark.parametrize(
    ("pair", "cards", "expected"),
    [
        ((1, 1), {}, (1, 1)),
        (("CCDSUM#blank0", "CCDSUM#blank1"), {"ccdsum": "2 3"}, (2, 3)),
        (("CCDSUM#blank1", "CCDSUM#blank2"), {"ccdsum": " 2  3 "}, (2, 3)),
        (("BINNING#x1", "BINNING#x2"), {"binning": "2x1"}, (2, 1)),
        (("BIN#_0", "BIN#_1"), {"bin": "1_4"}, (1, 4)),
        (("BIN#x0", "BIN#x1"), {"bin": 2}, (2, 2)),
        (("CCDBIN1", "CCDBIN2"), {"ccdbin1": 2, "ccdbin2": 4.0}, (2, 4)),
        (("CCDBIN1", "CCDBIN2"), {"ccdbin1": "2", "ccdbin2": " 4"}, (2, 4)),
        (("BINNING", "BINNING"), {"binning": 3}, (3, 3)),
        (("BINNING", "BINNING"), {"binning": "3x3"}, (3, 3)),
        (("SC#CH#DTBN", "SC#CH#DTBN"), {"instrume": "C2", "sc2dtbn": 2}, (2, 2)),
        (("SC#CH#DTBN", "SC#CH#DTBN"), {"instrume": "C2", "sc1dtbn": 2}, None),
        (("CCDBIN1", "CCDBIN2"), {"ccdbin1": 2}, None),
        (("CCDSUM#blank0", "CCDSUM#blank1"), {"ccdsum": ""}, None),
        (("CRDELT1", "CRDELT2"), {"crdelt1": 1.0, "crdelt2": 1.0}, (1, 1)),
    ],
)
def test_binning(pair: object, cards: dict[str, object], expected: tuple[int, int] | None) -> None:
    assert Binning.parse(pair).from_header(header_of(**cards), "f") == expected


@pytest.mark.parametrize(
    "pair", [(0, 1), (65, 1), ("A", 1), ("A#y1", "A#y2"), ("", ""), None, "CCDSUM", ("A",)]
)
def test_binning_that_is_no_binning(pair: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        Binning.parse(pair)


@given(st.integers(1, 64), st.integers(1, 64), st.sampled_from([" ", "x", "_", ",", "  "]))
def test_any_binning_in_one_card(x: int, y: int, separator: str) -> None:
    binning = Binning.parse(("CCDSUM#blank0", "CCDSUM#blank1"))
    assert binning.from_header(header_of(ccdsum=f"{x}{separator}{y}"), "f") == (x, y)


# -- time

FIRST, LAST = datetime(1930, 1, 1), datetime(2099, 12, 30)
MILLISECOND = 1.0 / 86400e3


def astropy_jd(moment: datetime) -> float:
    """Independent Julian date of a moment (UTC)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        time = Time(moment, scale="utc")
        return float(time.jd1 + time.jd2)


def utc_day_fraction(moment: datetime) -> float:
    """Julian date with days of 86,400 s: what a header's clock shows, leap seconds aside."""
    return (moment.replace(tzinfo=UTC) - datetime(2000, 1, 1, 12, tzinfo=UTC)) / timedelta(
        days=1
    ) + 2451545.0


@pytest.mark.parametrize(
    ("keyword", "cards"),
    [
        ("DATE-OBS", {"date__obs": "2017-02-01T12:13:40.3"}),
        ("DATE-OBS", {"date__obs": "2017-02-01 12:13:40.3"}),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:13:40.3Z"}),
        ("DATE-OBS", {"date__obs": "2017/02/01T12:13:40.300UTC"}),
        ("DATE-OBS", {"date__obs": "01-02-2017 12:13:40.3"}),
        ("DATE-OBS", {"date__obs": "01/02/2017T12:13:40.3"}),
        ("DATE-OBS", {"date__obs": "2017-02-01T05:13:40.3-0700"}),
        ("DATE-OBS", {"date__obs": "2017-02-02T01:43:40.3+13:30"}),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01", "ut": "12:13:40.3"}),
        ("DATE-OBS|UT", {"date__obs": "2017/02/01", "ut": " 12:13:40.3 "}),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01T00:00:00", "ut": "12:13:40.3"}),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01T12:13:40.3"}),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01T12:13:40.3", "ut": ""}),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01", "ut": "2017-02-01T12:13:40.3"}),
        ("JD", {"jd": 2457786.00949421}),
        ("JD", {"jd": "2457786.00949421"}),
        ("MJD-OBS", {"mjd__obs": 57785.50949421}),
        ("OBSJD", {"obsjd": 57785.50949421}),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:13:40.3", "timesys": "UTC approximate"}),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:14:17.3", "timesys": "TAI"}),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:14:49.484", "timesys": "TT"}),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:13:58.3", "timesys": "GPS"}),
        ("MJD-OBS", {"mjd__obs": 57785.50949421 + 37 / 86400, "timesys": "tai"}),
    ],
)
def test_every_form_of_time(keyword: str, cards: dict[str, object]) -> None:
    expected = astropy_jd(datetime(2017, 2, 1, 12, 13, 40, 300000)) + 15.0 / 86400
    jd = MidTime.parse(keyword).from_header(header_of(**cards), 30.0, "f")
    assert jd == pytest.approx(expected, abs=2 * MILLISECOND, rel=0)


@pytest.mark.parametrize(
    ("marks", "cards", "shift_s"),
    [
        (None, {}, 15.0),
        ("start", {}, 15.0),
        ("middle", {}, 0.0),
        ("end", {}, -15.0),
        ({"card": "TRIGGER", "Internal": "end"}, {"trigger": "INTERNAL "}, -15.0),
        ({"card": "TRIGGER", "Internal": "end"}, {"trigger": "External"}, 15.0),
        ({"card": "TRIGGER", "Internal": "end"}, {}, 15.0),
    ],
)
def test_what_the_date_marks(marks: object, cards: dict[str, object], shift_s: float) -> None:
    header = header_of(obsdate="2017-02-01T12:00:00", **cards)
    jd = MidTime.parse("OBSDATE", marks).from_header(header, 30.0, "f")
    assert (jd - 2457786.0) * 86400 == pytest.approx(shift_s, abs=1e-4)


@pytest.mark.parametrize("keyword", ["DATE-AVG", "MIDTIMJD", "MJD-MID"])
def test_names_of_the_middle(keyword: str) -> None:
    assert MidTime.parse(keyword).marks == "middle"


@pytest.mark.parametrize(
    ("keyword", "cards", "message"),
    [
        ("DATE-OBS", {}, "DATE-OBS: missing"),
        ("DATE-OBS", {"date__obs": " "}, "DATE-OBS: missing"),
        ("DATE-OBS", {"date__obs": "2017-02-01"}, "no time of day"),
        ("DATE-OBS", {"date__obs": "2017-02-01", "ut": "10:00:00"}, r"'DATE-OBS\|UT'"),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01"}, "card UT is missing"),
        ("DATE-OBS", {"date__obs": "2017-02-31T10:00:00"}, "no date 2017-02-31"),
        ("DATE-OBS", {"date__obs": "2017-02-01T25:00:00"}, "not a time of day"),
        ("DATE-OBS", {"date__obs": "yesterday at noon"}, "not a date"),
        ("DATE-OBS|UT", {"date__obs": "2017-02-01", "ut": "T"}, "UT"),
        ("DATE-OBS", {"date__obs": "1492-10-12T02:00:00"}, "1880 to 2100"),
        ("DATE-OBS", {"date__obs": "2517-10-12T02:00:00"}, "1880 to 2100"),
        ("JD", {"jd": 2017.5}, "not a Julian date"),
        ("JD", {"jd": -1e300}, "not a Julian date"),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:00:00", "timesys": "LOCAL"}, "TIMESYS"),
        ("DATE-OBS", {"date__obs": "2017-02-01T12:00:00 PST"}, "time zone"),
    ],
)
def test_times_that_are_none(keyword: str, cards: dict[str, object], message: str) -> None:
    with pytest.raises(HeaderError, match=message) as problem:
        MidTime.parse(keyword).from_header(header_of(**cards), 30.0, "f.fits")
    assert str(problem.value).startswith("f.fits: header card ")


@pytest.mark.parametrize(
    ("keyword", "marks"),
    [("", None), (5, None), ("A|B|C", None), ("|B", None), ("A", "begin"), ("A", {"X": "start"})],
)
def test_date_keywords_that_are_none(keyword: object, marks: object) -> None:
    with pytest.raises(ValueError, match=r"keyword|date_marks"):
        MidTime.parse(keyword, marks)


@given(
    st.datetimes(FIRST, LAST),
    st.sampled_from(["T", " "]),
    st.sampled_from(["", "Z", "UTC"]),
    st.floats(0.001, 7200),
)
def test_any_time_in_one_card(start: datetime, separator: str, zone: str, exptime_s: float) -> None:
    header = header_of(date__obs=start.isoformat(separator, "microseconds") + zone)
    jd = MidTime.parse("DATE-OBS").from_header(header, exptime_s, "f")
    expected = utc_day_fraction(start) + exptime_s / 2 / 86400
    assert jd == pytest.approx(expected, abs=MILLISECOND, rel=0)


@given(st.datetimes(FIRST, LAST), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y"]))
def test_any_time_in_two_cards(start: datetime, form: str) -> None:
    header = header_of(date=start.strftime(form), time=start.time().isoformat("microseconds"))
    jd = MidTime.parse("DATE|TIME").from_header(header, 60.0, "f")
    expected = utc_day_fraction(start) + 30.0 / 86400
    assert jd == pytest.approx(expected, abs=MILLISECOND, rel=0)


@given(st.datetimes(FIRST, LAST), st.integers(-14 * 60, 14 * 60), st.booleans())
def test_any_time_zone(start: datetime, offset_min: int, with_colon: bool) -> None:
    local = start + timedelta(minutes=offset_min)
    hours, minutes = divmod(abs(offset_min), 60)
    zone = f"{'-' if offset_min < 0 else '+'}{hours:02d}{':' if with_colon else ''}{minutes:02d}"
    jd = MidTime.parse("DATE-OBS", "middle").from_header(
        header_of(date__obs=local.isoformat("T", "milliseconds") + zone), 1.0, "f"
    )
    assert jd == pytest.approx(utc_day_fraction(start), abs=2 * MILLISECOND, rel=0)


@given(st.floats(2425000.5, 2480000.5))
def test_julian_and_modified_julian_dates_agree(jd: float) -> None:
    parsed = MidTime.parse("JD", "middle").from_header(header_of(jd=jd), 1.0, "f")
    modified = MidTime.parse("MJD", "middle").from_header(header_of(mjd=jd - 2400000.5), 1.0, "f")
    assert parsed == pytest.approx(jd, abs=1e-9, rel=0)
    assert modified == pytest.approx(jd, abs=1e-9, rel=0)


def test_leap_second() -> None:
    header = header_of(date__obs="2016-12-31T23:59:60.5")
    jd = MidTime.parse("DATE-OBS", "middle").from_header(header, 1.0, "f")
    assert jd == pytest.approx(2457754.5, abs=1e-5, rel=0)


# -- pointing

COLON = Pointing.parse("RA", "DEC", ":")
BLANK = Pointing.parse("RA", "DEC", " ")
DEGREES = Pointing.parse("RA", "DEC", "XXX")
HOURS = Pointing.parse("RA", "DEC", "XXX", "hours", ("JITTER_X", "JITTER_Y"))


@pytest.mark.parametrize(
    ("pointing", "ra", "dec", "expected"),
    [
        (COLON, "11:57:08.2", "+00:25:41", (179.2841667, 0.4280556)),
        (COLON, "11 57 08.2", "00 25 41", (179.2841667, 0.4280556)),
        (COLON, "00:00:00.00", "-00:00:36", (0.0, -0.01)),
        (COLON, "23:59:60", "-0:30:00", (0.0, -0.5)),
        (COLON, "12h30m00s", "-12d30m00s", (187.5, -12.5)),
        (COLON, 187.5, -12.5, (187.5, -12.5)),
        (COLON, "187.5", "-12.5", (187.5, -12.5)),
        (COLON, "24:00:00", "+90:00:00", (0.0, 90.0)),
        (BLANK, "05 55 10.31", "-00 24 25.4", (88.7929583, -0.4070556)),
        (BLANK, "05:55:10.31", "-00:24:25.4", (88.7929583, -0.4070556)),
        (DEGREES, 359.999, -89.999, (359.999, -89.999)),
        (DEGREES, "-10.5", "1.0D1", (349.5, 10.0)),
        (DEGREES, "11:57:08.2", "+00:25:41", (179.2841667, 0.4280556)),
        (DEGREES, 360, -90, (0.0, -90.0)),
        (HOURS, 11.9522778, -0.5, (179.284167, -0.5)),
    ],
)
def test_every_form_of_pointing(
    pointing: Pointing, ra: object, dec: object, expected: tuple[float, float]
) -> None:
    found = pointing.from_header(header_of(ra=ra, dec=dec), "f")
    assert found == pytest.approx(expected, abs=1e-6)
    assert 0 <= found[0] < 360


@pytest.mark.parametrize(
    ("ra", "dec", "card"),
    [
        (None, 1.0, "RA"),
        (1.0, None, "DEC"),
        ("", 1.0, "RA"),
        ("NaN", 1.0, "RA"),
        (1.0, "nan", "DEC"),
        (1.0, 90.1, "RA, DEC"),
        (1.0, "-91:00:00", "RA, DEC"),
        ("25:00:00", 1.0, "RA, DEC"),
        ("12:70:00", 1.0, "RA"),
        (1e9, 0.0, "RA, DEC"),
        (True, 0.0, "RA"),
        ("--12:00:00", 0.0, "RA"),
    ],
)
def test_pointings_that_are_none(ra: object, dec: object, card: str) -> None:
    cards = {name: v for name, v in (("ra", ra), ("dec", dec)) if v is not None}
    with pytest.raises(HeaderError, match=rf"f\.fits: header card {card}: "):
        COLON.from_header(header_of(**cards), "f.fits")


@pytest.mark.parametrize(
    "arguments",
    [
        (1, "DEC", ":"),
        ("RA", None, ":"),
        ("RA", "DEC", "/"),
        ("RA", "DEC", None),
        ("RA", "DEC", "XXX", "radians"),
    ],
)
def test_pointing_keys_that_are_none(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"ra and dec|radec"):
        Pointing.parse(*arguments)


def sexagesimal(value: float, separator: str, decimals: int) -> str:
    """Text of a number, written here without the code under test."""
    ticks = round(abs(value) * 3600 * 10**decimals)
    whole, fraction = divmod(ticks, 10**decimals)
    parts = [f"{whole // 3600:02d}", f"{whole // 60 % 60:02d}", f"{whole % 60:02d}"]
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    return f"{sign}{separator.join(parts)}.{fraction:0{decimals}d}"


@given(
    st.floats(0, 23.999),
    st.floats(-90, 90) | st.floats(-0.999, -1e-9),
    st.sampled_from([":", " "]),
)
def test_any_sexagesimal_pointing(ra_hours: float, dec_deg: float, separator: str) -> None:
    header = header_of(
        ra=sexagesimal(ra_hours, separator, 5), dec=sexagesimal(dec_deg, separator, 4)
    )
    for pointing in (COLON, BLANK):
        ra, dec = pointing.from_header(header, "f")
        assert ra == pytest.approx(ra_hours * 15, abs=1e-7)
        assert dec == pytest.approx(dec_deg, abs=2e-8)


@pytest.mark.parametrize("text", ["-00:30:00", "-0 30", "- 00:30:00.0", "-00:30"])
def test_negative_zero_keeps_its_sign(text: str) -> None:
    assert COLON.from_header(header_of(ra="01:00:00", dec=text), "f")[1] == -0.5


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
def test_any_pointing_in_degrees(ra: float, dec: float) -> None:
    found = DEGREES.from_header(header_of(ra=ra, dec=dec), "f")
    assert found == pytest.approx((ra, dec), abs=1e-9)


@pytest.mark.parametrize(("ra", "dec"), [(359.99999, 10.0), (0.00001, -60.0), (10.0, 89.9999)])
def test_jitter_across_0h_and_near_the_pole(ra: float, dec: float) -> None:
    header = header_of(ra=ra / 15, dec=dec, jitter_x=3.0, jitter_y=-2.0)
    found = SkyCoord(*HOURS.from_header(header, "f"), unit="deg")
    there = SkyCoord(ra, dec, unit="deg")
    assert there.separation(found).arcsec == pytest.approx(math.hypot(3, 2), abs=1e-6)
    angle = there.position_angle(found).deg
    assert angle == pytest.approx(math.degrees(math.atan2(-3, 2)) % 360, abs=1e-3)


# -- equinox


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({}, 2000.0),
        ({"equinox": 2000.0}, 2000.0),
        ({"equinox": 2000}, 2000.0),
        ({"equinox": "J2000"}, 2000.0),
        ({"equinox": "J2000.0"}, 2000.0),
        ({"equinox": " 2000.0 "}, 2000.0),
        ({"epoch": "J2000.0"}, 2000.0),
        ({"epoch": 1950.0}, 1950.0),
        ({"equinox": "B1950"}, 1950.0),
        ({"equinox": "", "epoch": 2014.5}, 2014.5),
        ({"equinox": 0.0, "epoch": 2014.5}, 2014.5),
        ({"equinox": 2000.0, "epoch": 2014.5}, 2000.0),
        ({"equinox": 0}, 2000.0),
        ({"equinox": "0.0"}, 2000.0),
        ({"equinox": "ICRS"}, 2000.0),
        ({"equinox": "apparent"}, 2017.25),
        ({"equinox": "JNOW"}, 2017.25),
        ({"equinox": "Current"}, 2017.25),
    ],
)
def test_equinox(cards: dict[str, object], expected: float) -> None:
    assert equinox(header_of(**cards), "f", 2017.25) == expected


@pytest.mark.parametrize("value", ["NaN", "soon", -1.0, 20000.0, True])
def test_equinoxes_that_are_none(value: object) -> None:
    with pytest.raises(HeaderError, match="EQUINOX"):
        equinox(header_of(equinox=value), "f")
    with pytest.raises(HeaderError, match="EQUINOX"):
        equinox(header_of(equinox="apparent"), "f")


@pytest.mark.parametrize("years", [1950.0, 1975.0, 2014.96, 2025.5])
@pytest.mark.parametrize(
    ("ra", "dec"), [(0.01, 0.0), (359.99, -0.001), (123.0, 45.0), (200.0, 89.9), (10.0, -90.0)]
)
def test_pointing_is_precessed(years: float, ra: float, dec: float) -> None:
    found = DEGREES.from_header(header_of(ra=ra, dec=dec, equinox=years), "f")
    expected = SkyCoord(ra, dec, unit="deg", frame=FK5(equinox=Time(years, format="jyear"))).icrs
    assert SkyCoord(*found, unit="deg").separation(expected).arcsec < 1e-3


def test_missing_equinox_is_icrs() -> None:
    assert DEGREES.from_header(header_of(ra=12.5, dec=-7.25), "f") == (12.5, -7.25)


# -- chips

MOSAIC = {
    "chip_id": "CHIP",
    "flipx": {1: True, 2: False},
    "flipy": {1: False, 2: False},
    "rotate": {1: 270, 2: 90},
    "chip_offset_fixed": {1: (-0.1, 0.2), 2: (None, None)},
}


def test_chips() -> None:
    chip = Chip.parse(MOSAIC)
    first, second = (chip.from_header(header_of(chip=n), "f") for n in ("1", 2.0))
    assert (first.mirrored, first.rotate_deg, first.offset_deg) == (False, 270.0, (-0.1, 0.2))
    assert (second.mirrored, second.rotate_deg, second.offset_deg) == (True, 90.0, None)
    single = Chip.parse({"flipx": True, "flipy": True, "rotate": 0})
    assert single.from_header(fits.Header(), "f").mirrored
    without = {key: value for key, value in MOSAIC.items() if key != "chip_offset_fixed"}
    assert Chip.parse(without).from_header(header_of(chip=2), "f").offset_deg == (0.0, 0.0)


@pytest.mark.parametrize("value", [3, 1.5, "one", None, "", float(10**6)])
def test_chips_that_are_none(value: object) -> None:
    cards = {} if value is None else {"chip": value}
    with pytest.raises(HeaderError, match=r"f\.fits: header card CHIP: "):
        Chip.parse(MOSAIC).from_header(header_of(**cards), "f.fits")


@pytest.mark.parametrize(
    "entry",
    [
        {"flipx": "yes", "flipy": False, "rotate": 0},
        {"flipx": True, "flipy": False, "rotate": "west"},
        {**MOSAIC, "rotate": 0},
        {**MOSAIC, "rotate": {1: 0}},
        {"flipx": True, "rotate": 0},
    ],
)
def test_orientations_that_are_none(entry: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError)):
        Chip.parse(entry)


# -- distortion


def test_distortion() -> None:
    plain = Distortion.parse({"PV1_1": 1.0, "PV2_4": 0.1})
    assert plain.from_header(fits.Header()) == {"PV1_1": 1.0, "PV2_4": 0.1}
    by_chip = Distortion.parse({"functionof": "CCD", "K": {"PV1_1": 1.0}, "M": {"PV1_1": 2.0}})
    assert by_chip.from_header(header_of(ccd=" m ")) == {"PV1_1": 2.0}
    assert by_chip.from_header(header_of(ccd="Z")) == {}
    assert by_chip.from_header(fits.Header()) == {}
    assert Distortion.parse(None).from_header(fits.Header()) == {}


@pytest.mark.parametrize("distort", [{"PV3_1": 1.0}, {"PV1_1": "x"}, {"A_2_0": 1.0}, {"PV1_1": 0j}])
def test_distortions_that_are_none(distort: object) -> None:
    with pytest.raises(ValueError, match="PV term"):
        Distortion.parse(distort)
