"""Times as headers write them, turned into Julian dates (UTC).

Headers of real observatories hold every form of ISO 8601 and several that are not:
``2017-02-01T12:30:45.1Z``, ``2017-02-01 12:30``, ``01/02/2017``, ``01/02/17``, ``12:59:60``.
A date without a time is not midnight: it is refused.
"""

import math
import re

MJD_ZERO_JD = 2400000.5
J2000_JD = 2451545.0
UNIX_EPOCH_JD = 2440587.5
DAYS_PER_JULIAN_YEAR = 365.25
SECONDS_PER_DAY = 86400.0
MINUTES_PER_DAY = 1440.0
HOURS_PER_DAY = 24.0

CENTURY_PIVOT = 70
"""Years of two digits below it are of the 21st century: no CCD frame is of 1917."""

_YEAR_FIRST, _DAY_FIRST = ("y", "m", "d"), ("d", "m", "y")
# the form of a date, and the meanings of its three fields, the most likely first
_DATE_FORMS = (
    (re.compile(r"(\d{4})[-/._](\d{1,2})[-/._](\d{1,2})"), (_YEAR_FIRST,)),
    (re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)"), (_YEAR_FIRST,)),
    (re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})"), (_DAY_FIRST,)),
    (re.compile(r"(\d{2})-(\d{1,2})-(\d{2})"), (_YEAR_FIRST, _DAY_FIRST)),
    # DATE-OBS before 2000: DD/MM/YY
    (re.compile(r"(\d{2})[/.](\d{1,2})[/.](\d{2})"), (_DAY_FIRST, _YEAR_FIRST)),
    (re.compile(r"(\d)[-/.](\d{1,2})[-/.](\d{2})"), (_DAY_FIRST,)),
)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_MONTH_NAME = re.compile(r"(?<=[-/.])([A-Z]{3})[A-Z]*(?=[-/.])")
_TIME_FORM = re.compile(
    r"(?P<h>\d{1,2})[:h ](?P<m>\d{1,2})(?:[:m ](?P<s>\d{1,2}(?:[.,]\d*)?)s?)?\s*(?P<zone>.*)"
)
_OTHER_TIME_FORMS = (
    re.compile(r"(?P<h>\d\d)(?P<m>\d\d)(?P<s>\d\d(?:[.,]\d*)?)\s*(?P<zone>.*)"),  # 105730.24
    # 10:57:30:24, the fourth field being the decimals
    re.compile(r"(?P<h>\d{1,2}):(?P<m>\d{1,2}):(?P<s>\d{1,2}:\d+)\s*(?P<zone>.*)"),
    # 10-57-30.24, as in the names of files
    re.compile(r"(?P<h>\d\d)-(?P<m>\d\d)-(?P<s>\d\d(?:[.,]\d*)?)\s*(?P<zone>.*)"),
)
_HALF_OF_DAY = re.compile(r"([AP])\.?M\.?\s*")
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


def date_readings(text: str) -> tuple[float, ...]:
    """Julian dates of 0h that a date may mean, the most likely first.

    There are two for years of two digits: ``17-02-02`` is 2 February 2017, or 17 February 2002.
    Such years are those of 1970 to 2069, although the FITS standard wanted 19yy.

    Raises
    ------
    ValueError
        If the text is not a date.
    """
    wanted = text.strip()
    numbered = _MONTH_NAME.sub(_month_number, wanted.upper())
    found: dict[float, None] = {}
    problem = f"{text!r} is not a date"
    for form, orders in _DATE_FORMS:
        fields = form.fullmatch(numbered)
        for order in orders if fields else ():
            part = dict(zip(order, fields.groups() if fields else (), strict=True))
            try:
                found.setdefault(
                    julian_day_number(_whole_year(part["y"]), int(part["m"]), int(part["d"]))
                )
            except ValueError as error:
                problem = str(error)
    if not found:
        raise ValueError(problem)
    return tuple(found)


def _month_number(name: re.Match[str]) -> str:
    return str(_MONTHS.index(name[1]) + 1) if name[1] in _MONTHS else name[0]


def _whole_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 2:
        year += 2000 if year < CENTURY_PIVOT else 1900
    return year


def has_short_year(text: str) -> bool:
    """Whether a date has a year of two digits."""
    return not re.search(r"\d{4}", re.split("[T ]", text.strip(), maxsplit=1)[0])


def parse_date(text: str) -> float:
    """Julian date of 0h of a date such as ``2017-02-01``, ``01/02/2017``, ``01-Feb-2017``.

    The most likely one of `date_readings`.

    Raises
    ------
    ValueError
        If the text is not a date.
    """
    return date_readings(text)[0]


def parse_time_of_day(text: str) -> float:
    """Fraction of a day of a time: ``12:30``, ``12:30:45.25Z``, ``05:10:00-0700``, ``1:30:00 PM``.

    A leap second (``:60``) is accepted. A zone offset is applied: the result is UTC and may lie
    outside [0, 1).

    Raises
    ------
    ValueError
        If the text is not a time of day.
    """
    found = _time_fields(text)
    hours, minutes = int(found["h"]), int(found["m"])
    seconds = float(re.sub("[,:]", ".", found["s"] or "0"))
    if hours > 24 or minutes > 59 or seconds >= 61.0:
        message = f"{text!r} is not a time of day"
        raise ValueError(message)
    zone = found["zone"].strip().upper()
    half = _HALF_OF_DAY.match(zone)
    if half and 1 <= hours <= 12:
        hours, zone = hours % 12 + (12 if half[1] == "P" else 0), zone[half.end() :]
    day = (hours * 3600 + minutes * 60 + seconds) / SECONDS_PER_DAY
    if zone in _UTC_NAMES:
        return day
    offset = _ZONE_FORM.fullmatch(zone)
    if not offset:
        message = f"{text!r} has the unknown time zone {zone!r}"
        raise ValueError(message)
    shift = (int(offset["h"]) * 60 + int(offset["m"])) / 1440.0
    return day + shift if offset["sign"] == "-" else day - shift


def _time_fields(text: str) -> re.Match[str]:
    for form in (*_OTHER_TIME_FORMS, _TIME_FORM):
        found = form.fullmatch(text.strip())
        if found:
            return found
    message = f"{text!r} is not a time of day"
    raise ValueError(message)


def time_step_s(text: str) -> float:
    """What one step of the last digit of a time of day is worth: 1 for ``10:57:30``.

    Raises
    ------
    ValueError
        If the text is not a time of day.
    """
    seconds = _time_fields(text)["s"]
    if seconds is None:
        return 60.0
    decimals = re.split("[.,:]", seconds)[1:]
    return float(10.0 ** -len(decimals[0])) if decimals else 1.0


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
    head, own_clock = split_datetime(date)
    clock = (time if time is not None else own_clock).strip()
    if not clock:
        message = f"{date!r} has no time of day"
        raise ValueError(message)
    return parse_date(head) + parse_time_of_day(clock)


def split_datetime(text: str) -> tuple[str, str]:
    """Date and time of day of a text that holds both; the time is empty if it holds a date."""
    head, _, clock = re.sub("[T ]", " ", text.strip(), count=1).partition(" ")
    return head, clock.strip()


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
