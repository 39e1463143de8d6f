"""Times as headers write them, turned into Julian dates (UTC).

Headers of real observatories hold every form of ISO 8601 and several that are not:
``2017-02-01T12:30:45.1Z``, ``2017-02-01 12:30``, ``01/02/2017``, ``01/02/97``, ``12:59:60``.
A date without a time is not midnight: it is refused.
"""

import math
import re

MJD_ZERO_JD = 2400000.5
J2000_JD = 2451545.0
DAYS_PER_JULIAN_YEAR = 365.25
SECONDS_PER_DAY = 86400.0

_DATE_FORMS = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4}|\d{2})"),
)
_TIME_FORM = re.compile(
    r"(?P<h>\d{1,2})[:h ](?P<m>\d{1,2})(?:[:m ](?P<s>\d{1,2}(?:\.\d*)?)s?)?\s*(?P<zone>.*)"
)
_UTC_NAMES = frozenset({"", "Z", "UT", "UTC", "GMT"})
_ZONE_FORM = re.compile(r"(?P<sign>[+-])(?P<h>\d{2}):?(?P<m>\d{2})")


def julian_day_number(year: int, month: int, day: int) -> float:
    """Julian date of 0h UTC of a Gregorian calendar date.

    Raises
    ------
    ValueError
        If there is no such date.

    Notes
    -----
    Meeus, Astronomical Algorithms (2nd ed.), chapter 7.
    """
    month_days = (31, 29 if _is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= month_days[month - 1]):
        message = f"there is no date {year:04d}-{month:02d}-{day:02d}"
        raise ValueError(message)
    if month <= 2:
        year, month = year - 1, month + 12
    century = year // 100
    return (
        math.floor(365.25 * (year + 4716))
        + math.floor(30.6001 * (month + 1))
        + day
        + 2
        - century
        + century // 4
        - 1524.5
    )


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def parse_date(text: str) -> float:
    """Julian date of 0h of a date such as ``2017-02-01``, ``2017/02/01``, ``01/02/2017``.

    Two-digit years follow the FITS convention of DATE-OBS before 2000: 19yy.

    Raises
    ------
    ValueError
        If the text is not a date.
    """
    for form in _DATE_FORMS:
        found = form.fullmatch(text.strip())
        if found:
            year = int(found["y"])
            if len(found["y"]) == 2:
                year += 1900
            return julian_day_number(year, int(found["m"]), int(found["d"]))
    message = f"{text!r} is not a date"
    raise ValueError(message)


def parse_time_of_day(text: str) -> float:
    """Fraction of a day of a time such as ``12:30``, ``12:30:45.25Z`` or ``05:10:00-0700``.

    A leap second (``:60``) is accepted. A zone offset is applied: the result is UTC and may lie
    outside [0, 1).

    Raises
    ------
    ValueError
        If the text is not a time of day.
    """
    found = _TIME_FORM.fullmatch(text.strip())
    if not found:
        message = f"{text!r} is not a time of day"
        raise ValueError(message)
    hours, minutes = int(found["h"]), int(found["m"])
    seconds = float(found["s"] or 0.0)
    if hours > 24 or minutes > 59 or seconds >= 61.0:
        message = f"{text!r} is not a time of day"
        raise ValueError(message)
    day = (hours * 3600 + minutes * 60 + seconds) / SECONDS_PER_DAY
    zone = found["zone"].strip().upper()
    if zone in _UTC_NAMES:
        return day
    offset = _ZONE_FORM.fullmatch(zone)
    if not offset:
        message = f"{text!r} has the unknown time zone {zone!r}"
        raise ValueError(message)
    shift = (int(offset["h"]) * 60 + int(offset["m"])) / 1440.0
    return day + shift if offset["sign"] == "-" else day - shift


def parse_datetime(date: str, time: str | None = None) -> float:
    """Julian date (UTC) of a date and time, in one text or in two.

    Parameters
    ----------
    date : str
        Date, with the time after ``T`` or a blank unless `time` is given.
    time : str, optional
        Time of day from a card of its own; a time inside `date` is then ignored.

    Raises
    ------
    ValueError
        If either part is missing or malformed.
    """
    head, *tail = re.split("[T ]", date.strip(), maxsplit=1)
    clock = (time if time is not None else "".join(tail)).strip()
    if not clock:
        message = f"{date!r} has no time of day"
        raise ValueError(message)
    return parse_date(head) + parse_time_of_day(clock)


def calendar(jd: float) -> tuple[int, int, int, float]:
    """Gregorian year, month, day and seconds of day (UTC, to 1 µs) of a Julian date."""
    day_number = math.floor(jd + 0.5)
    seconds = round((jd + 0.5 - day_number) * SECONDS_PER_DAY, 6)
    if seconds >= SECONDS_PER_DAY:
        day_number, seconds = day_number + 1, 0.0
    alpha = math.floor((day_number - 1867216.25) / 36524.25)
    a = day_number + 1 + alpha - alpha // 4
    b = a + 1524
    c = math.floor((b - 122.1) / 365.25)
    d = math.floor(365.25 * c)
    e = math.floor((b - d) / 30.6001)
    month = e - 1 if e < 14 else e - 13
    year = c - 4716 if month > 2 else c - 4715
    return year, month, b - d - math.floor(30.6001 * e), seconds


def iso(jd: float, decimals: int = 3) -> str:
    """ISO 8601 text (UTC) of a Julian date, e.g. ``2017-02-01T10:57:30.240``."""
    ticks = 10**decimals
    year, month, day, seconds = calendar(jd)
    total = min(round(seconds * ticks), 86400 * ticks - 1)
    whole, fraction = divmod(total, ticks)
    clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    text = f"{year:04d}-{month:02d}-{day:02d}T{clock}"
    return f"{text}.{fraction:0{decimals}d}" if decimals else text


def julian_year(jd: float) -> float:
    """Julian epoch in years, e.g. 2015.5."""
    return 2000.0 + (jd - J2000_JD) / DAYS_PER_JULIAN_YEAR


def mjd_to_jd(mjd: float) -> float:
    """Julian date of a modified Julian date."""
    return mjd + MJD_ZERO_JD
