"""Times of strangers' headers, checked against astropy."""

import contextlib
import warnings

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from photpipe.ground import timescale

DAY_1900, DAY_2100 = 2415020.5, 2488069.5


@given(st.floats(DAY_1900, DAY_2100))
def test_calendar_agrees_with_astropy(jd: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ERFA doubts UTC far from today
        expected = Time(jd, format="jd", scale="utc")
        year, month, day, _ = timescale.calendar(jd)
        near_midnight = abs((jd + 0.5) % 1 - 0.5) > 0.5 - 1e-6
        if not near_midnight:
            assert f"{year:04d}-{month:02d}-{day:02d}" == expected.iso[:10]
        assert abs(timescale.parse_datetime(timescale.iso(jd)) - jd) < 1.2e-8  # 1 ms


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2017-02-01T10:57:30.24", None, "2017-02-01T10:57:30.240"),
        ("2017-02-01 10:57", None, "2017-02-01T10:57:00.000"),
        ("2017-02-01T10:57:30Z", None, "2017-02-01T10:57:30.000"),
        ("2017/02/01", "10:57:30", "2017-02-01T10:57:30.000"),
        ("01/02/2017", "10:57:30", "2017-02-01T10:57:30.000"),
        ("01/02/97", "10:57:30", "1997-02-01T10:57:30.000"),
        ("01-02-2017", "10:57:30 UT", "2017-02-01T10:57:30.000"),
        ("2017-12-20T22:03:12-0700", None, "2017-12-21T05:03:12.000"),
        ("2016-12-31T23:59:60", None, "2017-01-01T00:00:00.000"),
        ("2017-02-01T99:99", "10:57:30", "2017-02-01T10:57:30.000"),
        ("2000-02-29", "24:00:00", "2000-03-01T00:00:00.000"),
    ],
)
def test_forms(date: str, time: str | None, expected: str) -> None:
    assert timescale.iso(timescale.parse_datetime(date, time)) == expected


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("2017-02-01", None),  # a date alone is not midnight
        ("", None),
        ("yesterday", "10:00:00"),
        ("2017-02-30T10:00:00", None),
        ("1900-02-29T10:00:00", None),
        ("2017-13-01T10:00:00", None),
        ("2017-02-01T25:00:00", None),
        ("2017-02-01T10:60:00", None),
        ("2017-02-01T10:00:61.5", None),
        ("2017-02-01T10:00:00 MST", None),
        ("2017-02-01", "nan"),
    ],
)
def test_what_is_no_time_is_refused(date: str, time: str | None) -> None:
    with pytest.raises(ValueError, match=r"date|time"):
        timescale.parse_datetime(date, time)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert timescale.parse_datetime(text) > 0


def test_julian_year_of_gaia() -> None:
    assert timescale.julian_year(Time("2016-01-01T12:00:00").jd) == pytest.approx(2016.0, abs=1e-3)
    assert timescale.mjd_to_jd(51544.5) == timescale.J2000_JD
    assert timescale.iso(timescale.J2000_JD, 0) == "2000-01-01T12:00:00"
