"""The time of an exposure out of the cards of a header, and what contradicts it.

A date card that holds a complete date and time is the authority (FITS standard 4.0, section 9.5);
a time card beside it is read where the date card holds a date alone. What other cards say of the
time is compared: frames were found whose TIME-OBS was of the day before, or local time.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from photpipe.fits.values import as_number, card_text, card_value
from photpipe.ground.errors import HeaderError
from photpipe.ground.timescale import (
    MJD_ZERO_JD,
    SECONDS_PER_DAY,
    UNIX_EPOCH_JD,
    date_readings,
    has_short_year,
    iso,
    mjd_to_jd,
    parse_datetime,
    parse_time_of_day,
    split_datetime,
    time_step_s,
)
from photpipe.instruments.dialects import EARLIEST_JD, LATEST_JD, plain

if TYPE_CHECKING:
    from astropy.io.fits import Header

FIRST_CCD_JD = 2442413.5
"""1975-01-01, the year of the first pictures of the sky by a CCD (Janesick 2001, chapter 1)."""

Mark = Literal["start", "middle", "end"]
_SHARE_OF_EXPOSURE: dict[Mark, float] = {"start": 0.5, "middle": 0.0, "end": -0.5}
_UTC_NAMES = re.compile(r"(?:UTC|UT1?|GMT|ZULU)\b.*|Z")
_TIME_CARDS = (*("TIME-OBS", "UT", "UTC-OBS", "UTSTART", "UT-TIME", "UTC", "TIME_OBS", "EXPSTART"),)
_DATE_CARDS = ("DATE-OBS", "DATE-BEG", "DATE-AVG", "DATE-END")
_MJD_CARDS = ("MJD-OBS", "MJD-BEG", "MJD-AVG", "MJD-END", "MJD")
_JULIAN_CARDS = (*_MJD_CARDS, "JD")
_WITNESSES_OF_DATE = (*_DATE_CARDS, *_JULIAN_CARDS, "DATE-LOC", "UTDATE", "DATE")
_SAME_DAY_DAYS = 1.5  # of the start of the day that is looked for, local dates included
_ROUNDING_S = 1.5  # what is less far off was rounded, or cut off
# clocks of a camera and of its telescope differ by half a minute (GMOS), read-out takes minutes
_BEFORE_S, _BEHIND_S = 120.0, 600.0
_CLOCK_ERROR_S = 3600.0  # by judgement: clock of this machine; what is later is no observation yet


@dataclass(frozen=True, slots=True)
class _Reading:
    """A moment out of the cards of the entry, in the time scale of the header."""

    jd: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MidTime:
    """Which cards hold the time of the exposure and which moment of it they mark."""

    date: str
    time: str | None
    marks: Mark = "start"
    marks_card: str | None = None
    marks_by_value: Mapping[str, Mark] | None = None

    @classmethod
    def parse(cls, date_keyword: Any, marks: Any = None) -> "MidTime":
        """Read ``date_keyword`` and ``date_marks``; ValueError if not of the grammar."""
        if not isinstance(date_keyword, str) or not date_keyword.strip():
            raise ValueError(f"{date_keyword!r} is not a keyword")
        date, _, time_card = (part.strip() for part in date_keyword.partition("|"))
        if not date or "|" in time_card:
            raise ValueError(f"{date_keyword!r} is not a keyword, nor two separated by |")
        if isinstance(marks, Mapping):
            by_value = {plain(k): v for k, v in marks.items() if k != "card"}
            _check_marks("card" in marks, *by_value.values())
            return cls(date, time_card or None, "start", str(marks["card"]), by_value)
        if marks is None:
            marks = "middle" if re.search("MID|AVG", date.upper()) else "start"
        _check_marks(True, marks)
        return cls(date, time_card or None, marks)

    @property
    def cards(self) -> tuple[str, ...]:
        """Keywords that are looked at."""
        return tuple(key for key in (self.date, self.time, self.marks_card) if key)

    def from_header(self, header: "Header", exptime_s: float, frame: str) -> float:
        """Julian date (UTC) of the middle of the exposure.

        Raises
        ------
        HeaderError
            If the cards are missing, or are no plausible date and time.
        """
        jd = _to_utc(self._marked(header, frame).jd, header, frame)
        jd += _SHARE_OF_EXPOSURE[self._mark(header)] * exptime_s / SECONDS_PER_DAY
        if not EARLIEST_JD <= jd <= LATEST_JD:
            raise HeaderError(frame, self.date, "the date lies outside the years 1880 to 2100")
        return jd

    def remarks(self, header: "Header", exptime_s: float, frame: str) -> tuple[str, ...]:
        """What a reader of the time has to know: guesses, contradictions, times that cannot be.

        Raises
        ------
        HeaderError
            If the cards are missing, or are no plausible date and time.
        """
        marked = self._marked(header, frame)
        middle_jd = marked.jd + _SHARE_OF_EXPOSURE[self._mark(header)] * exptime_s / SECONDS_PER_DAY
        others = self._contradictions(header, middle_jd, exptime_s)
        return (*marked.remarks, *others, *impossible(middle_jd))

    def _mark(self, header: "Header") -> Mark:
        if self.marks_card is None or self.marks_by_value is None:
            return self.marks
        value = plain(card_text(header, self.marks_card) or "")
        return self.marks_by_value.get(value, self.marks)

    def _marked(self, header: "Header", frame: str) -> _Reading:
        """The moment that the entry's cards tell.

        Raises
        ------
        HeaderError
            If they tell none.
        """
        date = card_value(header, self.date)
        if date is None:
            raise HeaderError(frame, self.date, "missing; it holds the date of the exposure")
        number = as_number(date)
        if number is not None and self.time is None:
            return _Reading(_julian_date(number, self.date, frame))
        text, time_text = str(date), card_text(header, self.time) if self.time else None
        complete = _complete(text)
        if complete is not None:
            return self._of_complete_date(header, complete, text, time_text)
        try:
            if time_text is not None and _complete(time_text) is not None:
                return self._dated(header, time_text, None)
            return self._dated(header, text, time_text)
        except ValueError as problem:
            hint = self._hint(header) if "no time" in str(problem) else ""
            raise HeaderError(frame, "|".join(self.cards[:2]), f"{problem}{hint}") from None

    def _dated(self, header: "Header", text: str, time_text: str | None) -> _Reading:
        """Moment of a date, and a time of day in it or in a text of its own.

        Raises
        ------
        ValueError
            If it is none.
        """
        head, clock = split_datetime(text)
        most_likely_jd = parse_datetime(head, time_text if time_text is not None else clock)
        if not has_short_year(head):
            return _Reading(most_likely_jd)
        readings = date_readings(head)
        chosen = _likeliest(readings, header, self.date)
        others = [iso(each, 0)[:10] for each in readings if each != chosen]
        remark = (
            f"{self.date} = {head!r} has a year of two digits and is read as {iso(chosen, 0)[:10]}"
        )
        if others:
            remark += f" (it may mean {others[0]})"
        return _Reading(most_likely_jd + (chosen - readings[0]), (remark,))

    def _of_complete_date(
        self, header: "Header", own_jd: float, text: str, time_text: str | None
    ) -> _Reading:
        """Moment of a complete date, compared with the time card that the entry names."""
        own = self._dated(header, text, None)
        if time_text is None:
            return own
        try:
            has_date = _complete(time_text) is not None
            other_jd = (
                self._dated(header, time_text, None).jd
                if has_date
                else _nearest_day(parse_time_of_day(time_text), own.jd)
            )
        except ValueError:
            return own
        apart_s = (other_jd - own.jd) * SECONDS_PER_DAY
        clock, other_clock = split_datetime(text)[1], split_datetime(time_text)[1] or time_text
        if abs(apart_s) < time_step_s(clock) and time_step_s(other_clock) < time_step_s(clock):
            return _Reading(other_jd, own.remarks)  # the same, with more digits
        if parse_time_of_day(clock) == 0.0 and abs(apart_s) > _ROUNDING_S and not has_date:
            remark = f"{self.date} is midnight, contradicted by {self.time}, which is used"
            jd = self._dated(header, split_datetime(text)[0], time_text).jd
            return _Reading(jd, (*own.remarks, remark))
        if abs(apart_s) > _ROUNDING_S:
            return _Reading(own.jd, (*own.remarks, self._contradicted(self.time, apart_s)))
        return own

    def _contradicted(self, card: str | None, apart_s: float) -> str:
        where = "before" if apart_s < 0 else "after"
        span = _span(apart_s)
        return f"card {card} gives a time {span} {where} that of {self.date}, which is used"

    def _contradictions(
        self, header: "Header", middle_jd: float, exptime_s: float
    ) -> Iterator[str]:
        """Cards whose time lies outside the exposure."""
        half_s = exptime_s / 2.0
        for card, jd in self._witnesses(header, middle_jd):
            apart_s = (jd - middle_jd) * SECONDS_PER_DAY
            if apart_s < -half_s - _BEFORE_S:
                yield self._contradicted(card, apart_s + half_s)
            elif apart_s > half_s + _BEHIND_S:
                yield self._contradicted(card, apart_s - half_s)

    def _witnesses(self, header: "Header", middle_jd: float) -> Iterator[tuple[str, float]]:
        """Cards that the entry does not name, and the times that they tell."""
        for card in _DATE_CARDS:
            jd = _complete(card_text(header, card) or "")
            if jd is not None and card not in self.cards and not has_short_year(str(header[card])):
                yield card, jd
        for card in _JULIAN_CARDS:
            jd = _julian_card(header, card, days=True)
            if jd is None or card in self.cards:
                continue
            if jd % 0.5 or abs(jd - middle_jd) > _SAME_DAY_DAYS:  # else the day of the night
                yield card, jd
        for card in _TIME_CARDS:
            text = card_text(header, card) or ""
            if text and card not in self.cards and ":" in text:
                jd = _complete(text)
                try:
                    yield card, jd or _nearest_day(parse_time_of_day(text), middle_jd)
                except ValueError:
                    continue

    def _hint(self, header: "Header") -> str:
        """What to do about a date without a time."""
        if self.time:
            return f": card {self.time} is missing"
        there = [key for key in _TIME_CARDS if card_value(header, key) is not None]
        if not there:
            return "; no card with a time of day is known to PP in this header"
        return f"; set date_keyword to '{self.date}|{there[0]}' in setup/mytelescopes.py"


def impossible(middle_jd: float) -> tuple[str, ...]:
    """What to say of a time at which nobody can have taken a frame."""
    year = iso(middle_jd, 0)[:4]
    if middle_jd < FIRST_CCD_JD:
        return (f"the date is {year}, before the CCD era",)
    if middle_jd > now_jd() + _CLOCK_ERROR_S / SECONDS_PER_DAY:
        return ("the date lies in the future",)
    return ()


def now_jd() -> float:
    """Julian date of this moment."""
    return UNIX_EPOCH_JD + time.time() / SECONDS_PER_DAY


def _complete(text: str) -> float | None:
    """Julian date of a text that holds date and time of day; else None."""
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _nearest_day(day_fraction: float, jd: float) -> float:
    """Julian date of a time of day, on the day that brings it nearest to another."""
    return jd + (day_fraction - (jd + 0.5) + 0.5) % 1.0 - 0.5


def _likeliest(readings: tuple[float, ...], header: "Header", own_card: str) -> float:
    """Meaning of a date that another card of the header confirms; else the most likely one."""
    for card in _WITNESSES_OF_DATE:
        text = card_text(header, card) if card != own_card else None
        if text is None or (card in _DATE_CARDS and has_short_year(text)):
            continue
        witness = _julian_card(header, card) if card in _JULIAN_CARDS else _date_of(text)
        for reading in readings if witness is not None else ():
            if abs(reading + 0.5 - (witness or 0.0)) <= _SAME_DAY_DAYS:
                return reading
    past = [reading for reading in readings if reading < now_jd()]
    return (past or list(readings))[0]


def _date_of(text: str) -> float | None:
    """Julian date of 0h of a date with a whole year; else None."""
    try:
        head = split_datetime(text)[0]
        return None if has_short_year(head) else date_readings(head)[0]
    except ValueError:
        return None


def _julian_card(header: "Header", card: str, *, days: bool = False) -> float | None:
    """Julian date on a card, which may be modified; None if it holds none, or a whole day."""
    number = as_number(card_value(header, card))
    if number is None or not (days or number % 0.5):
        return None
    if card == "JD" and number < MJD_ZERO_JD:
        return None
    try:
        return _julian_date(number, card, "")
    except HeaderError:
        return None


def _span(seconds: float) -> str:
    """Length of time in the unit that suits it, without the digits that change by the frame."""
    size = abs(seconds)
    if size >= 365.25 * SECONDS_PER_DAY:
        return f"{size / 365.25 / SECONDS_PER_DAY:.1f} years"
    if size >= 2.0 * SECONDS_PER_DAY:
        return f"{size / SECONDS_PER_DAY:.0f} days"
    if size >= 3600.0:
        return f"{size / 3600.0:.1f} h"
    return f"{size / 60.0:.0f} min" if size >= 120.0 else f"{size:.0f} s"


def _check_marks(has_card: bool, *marks: Any) -> None:
    if not has_card or any(mark not in _SHARE_OF_EXPOSURE for mark in marks):
        raise ValueError("date_marks is start, middle, end or {'card': KEY, value: start, ...}")


def _julian_date(number: float, keyword: str, frame: str) -> float:
    """Julian date of a number that is one, or a modified one: they differ by their size."""
    for jd in (number, mjd_to_jd(number)):
        if EARLIEST_JD <= jd <= LATEST_JD:
            return jd
    raise HeaderError(frame, keyword, f"{number} is not a Julian date of the years 1880 to 2100")


def _to_utc(jd: float, header: "Header", frame: str) -> float:
    """Julian date in UTC of one in the scale of the card TIMESYS (FITS standard 4.0, sec. 9.2)."""
    scale = (card_text(header, "TIMESYS") or "UTC").upper()
    if _UTC_NAMES.fullmatch(scale):
        return jd
    names = {"TAI": "tai", "IAT": "tai", "TT": "tt", "TDT": "tt", "ET": "tt", "TDB": "tdb"}
    if scale == "GPS":
        jd, scale = jd + 19 / SECONDS_PER_DAY, "TAI"
    if scale not in names:
        raise HeaderError(frame, "TIMESYS", f"PP cannot turn the time scale {scale!r} into UTC")
    return _astropy_utc(jd, names[scale])


def _astropy_utc(jd: float, scale: str) -> float:
    import warnings

    from astropy.time import Time

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "dubious year" before 1960 and in the future
        return float(Time(jd, format="jd", scale=scale).utc.jd)
