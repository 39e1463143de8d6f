"""Which card counts for the time of an exposure, and what is said of those that disagree."""

import pytest
from astropy.time import Time

from photpipe.ground.timescale import SECONDS_PER_DAY, date_readings, iso, time_step_s
from photpipe.instruments.midtime import MidTime, impossible, now_jd
from tests.headers import header_of

TRUE = "2017-02-02T10:57:30.24"
TRUE_JD = Time(TRUE, scale="utc").jd


def start_jd(keyword: str, **cards: object) -> float:
    return MidTime.parse(keyword).from_header(header_of(**cards), 60.0, "f") - 30.0 / 86400


def remarks(keyword: str, **cards: object) -> str:
    return "; ".join(MidTime.parse(keyword).remarks(header_of(**cards), 60.0, "f"))


@pytest.mark.parametrize(
    ("time", "apart"),
    [
        ("2017-02-01T10:57:30.24", "24.0 h before"),
        ("2017-02-05T10:57:30.24", "3 days after"),
        ("03:57:30.24", "7.0 h before"),
        ("10:57:30.24-0700", "7.0 h after"),
        ("10:50:30", "7 min before"),
        ("10:57:50.24", "20 s after"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_complete_date_is_the_authority(time: str, apart: str, named: bool) -> None:
    cards = {"date__obs": TRUE, "time__obs": time}
    keyword = "DATE-OBS|TIME-OBS" if named else "DATE-OBS"
    assert start_jd(keyword, **cards) == pytest.approx(TRUE_JD, abs=1e-8)
    said = remarks(keyword, **cards)
    if named or apart != "20 s after":  # clocks of different computers are never alike
        assert f"card TIME-OBS gives a time {apart}" in said
    else:
        assert said == ""


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("2017-02-02T10:57:30", "10:57:30.24"),  # the time card has more digits
        ("2017-02-02T10:57", "10:57:30.24"),
        ("2017-02-02", "10:57:30.24"),
        ("2017-02-02", TRUE),
        ("2017-02-02T99:99", "10:57:30.24"),
        (TRUE, "10:57:30"),
        (TRUE, "10:57:31"),  # rounded up
        (TRUE, "no clock"),
        ("02-FEB-2017", "10:57:30:24"),
        ("20170202", "105730.24"),
    ],
)
def test_cards_that_agree(date: str, time: str) -> None:
    cards = {"date__obs": date, "time__obs": time}
    assert start_jd("DATE-OBS|TIME-OBS", **cards) == pytest.approx(TRUE_JD, abs=1e-8)
    assert remarks("DATE-OBS|TIME-OBS", **cards) == ""


def test_midnight_is_a_placeholder() -> None:
    cards = {"date__obs": "2017-02-02T00:00:00", "ut": "10:57:30.24"}
    assert start_jd("DATE-OBS|UT", **cards) == pytest.approx(TRUE_JD, abs=1e-8)
    assert "midnight" in remarks("DATE-OBS|UT", **cards)


def test_midnight_between_date_and_time() -> None:
    cards = {"date__obs": "2017-02-02T23:59:59.6", "time__obs": "00:00:00"}
    expected = Time("2017-02-02T23:59:59.6").jd
    assert start_jd("DATE-OBS|TIME-OBS", **cards) == pytest.approx(expected, abs=1e-8)
    assert remarks("DATE-OBS|TIME-OBS", **cards) == ""


@pytest.mark.parametrize(
    ("date", "readings"),
    [
        ("17-02-02", ["2017-02-02", "2002-02-17"]),
        ("02/02/17", ["2017-02-02", "2002-02-17"]),
        ("17/02/02", ["2002-02-17", "2017-02-02"]),
        ("02-02-17", ["2002-02-17", "2017-02-02"]),
        ("02/02/00", ["2000-02-02"]),
        ("2/2/17", ["2017-02-02"]),
        ("09/04/92", ["1992-04-09"]),
        ("31-12-99", ["1999-12-31"]),
    ],
)
def test_years_of_two_digits(date: str, readings: list[str]) -> None:
    assert [iso(each, 0)[:10] for each in date_readings(date)] == readings
    said = remarks("DATE-OBS|UT", date__obs=date, ut="10:57:30")
    assert f"is read as {readings[0]}" in said


@pytest.mark.parametrize(
    "witness",
    [
        {"mjd__obs": TRUE_JD - 2400000.5},
        {"jd": TRUE_JD},
        {"date": "2017-02-02T12:00:00"},
        {"date__loc": "2017-02-02T03:57:30"},
    ],
)
@pytest.mark.parametrize("date", ["17/02/02", "02-02-17", "02/02/17", "17-02-02"])
def test_another_card_decides_what_a_short_date_means(
    date: str, witness: dict[str, object]
) -> None:
    found = start_jd("DATE-OBS|UT", date__obs=date, ut="10:57:30.24", **witness)
    assert found == pytest.approx(TRUE_JD, abs=1e-8)


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"mjd__obs": TRUE_JD - 2400000.5 + 1}, "card MJD-OBS gives a time 24.0 h after"),
        ({"mjd__obs": TRUE_JD - 0.25}, "card MJD-OBS gives a time 6.0 h before"),
        ({"mjd__obs": 57000.0}, "card MJD-OBS gives a time 2.2 years before"),
        ({"jd": TRUE_JD - 400.0}, "card JD gives a time 1.1 years before"),
        ({"date__end": "2017-02-02T09:58:00"}, "card DATE-END gives a time 60 min before"),
        ({"utc__obs": "17:57:30"}, "card UTC-OBS gives a time 7.0 h after"),
        ({"mjd__obs": TRUE_JD - 2400000.5 + 20 / SECONDS_PER_DAY}, ""),
        ({"date__end": "2017-02-02T10:59:00"}, ""),
        ({"mjd__obs": 57786.0, "jd": 57786.3, "ut": "late", "date__avg": "?"}, ""),
    ],
)
def test_what_other_cards_say(cards: dict[str, object], said: str) -> None:
    found = remarks("DATE-OBS", date__obs=TRUE, **cards)
    assert found.startswith(said) if said else found == ""


def test_times_that_cannot_be() -> None:
    assert "1917" in impossible(2421262.0)[0]
    assert "future" in impossible(now_jd() + 0.1)[0]
    assert impossible(now_jd() + 0.01) == impossible(TRUE_JD) == ()
    assert "future" in remarks("DATE-OBS", date__obs="2095-01-01T00:00:00", timesys="UTC")


@pytest.mark.parametrize(
    ("text", "step_s"), [("10:57", 60.0), ("10:57:30", 1.0), ("10:57:30.24", 0.01), ("105730", 1.0)]
)
def test_last_digit(text: str, step_s: float) -> None:
    assert time_step_s(text) == pytest.approx(step_s)
