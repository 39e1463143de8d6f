"""The little languages in which telescopes write binning, time, pointing, chip and distortion.

The values of an entry of ``setup/telescopes.py`` are parsed once, by `parse` of one of the
classes here; its method `from_header` then reads a header. The grammar::

    binning        = ( number, number ) | ( place, place )
    place          = KEY                      one card, one number (twice the same: both axes)
                   | KEY "#blank" digit       one card, two numbers separated by blanks
                   | KEY "#x" digit           one card such as 1x1
                   | KEY "#_" digit           one card such as 1_1
                                              (x is the first number, the digit is decoration)
                     KEY may contain "#CH#", the channel: the digit of INSTRUME = 'C0' ... 'C9'
    date_keyword   = KEY                      date and time (ISO 8601, T or blank, dd/mm/yyyy),
                                              a Julian date or a modified Julian date
                   | KEY "|" KEY              date card and time card
    date_marks     = "start" | "middle" | "end"
                   | { "card": KEY, value of KEY: "start" | "middle" | "end", ... }
    ra, dec        = KEY, KEY
    radec_separator= ":" | " "                sexagesimal hours and degrees
                   | "XXX"                    decimal degrees (hours if radec_unit is "hours")
    radec_jitter   = ( KEY, KEY )             arcsec east and north to subtract, if present
    chip_id        = KEY                      flipx, flipy, rotate, chip_offset_fixed are then
                                              { chip number: value }
    distort        = { "PV1_0": number, ... } | { "functionof": KEY, value of KEY: { PV ... } }

A blank card is a missing card.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from photpipe.fits.values import as_number, card_number, card_text, card_value
from photpipe.ground import sky
from photpipe.ground.errors import HeaderError
from photpipe.science.wcs_seed import Orientation

if TYPE_CHECKING:
    from astropy.io.fits import Header

EARLIEST_JD, LATEST_JD = 2407715.5, 2488069.5  # years 1880 and 2100: outside, a date is a mistake
LARGEST_BINNING = 64  # by judgement: larger numbers are no binning


# -- binning


@dataclass(frozen=True, slots=True)
class Binning:
    """Where the binning is found: a card for each axis, or fixed numbers."""

    x: str | int
    y: str | int
    one_card: bool = False

    _PLACE = re.compile(r"(?P<key>[^#|]+(?:#CH#[^#|]*)?)(?:#(?:blank|x|_)\d)?")

    @classmethod
    def parse(cls, pair: Any) -> "Binning":
        """Read the value of ``binning``; ValueError if it is not of the grammar."""
        x, y = pair
        if isinstance(x, int) and isinstance(y, int):
            if not (1 <= x <= LARGEST_BINNING and 1 <= y <= LARGEST_BINNING):
                raise ValueError("the binning is not between 1 and 64")
            return cls(x, y)
        keys = []
        for place in (x, y):
            found = cls._PLACE.fullmatch(place) if isinstance(place, str) else None
            if not found:
                raise ValueError(f"{place!r} is neither a keyword nor a number")
            keys.append(found["key"])
        return cls(keys[0], keys[1], one_card="#" in x.replace("#CH#", ""))

    def cards(self, header: "Header") -> tuple[str, ...]:
        """Keywords that this header is asked for."""
        keys = (key for key in (self.x, self.y) if isinstance(key, str))
        return tuple(dict.fromkeys(self._with_channel(key, header) for key in keys))

    @staticmethod
    def _with_channel(key: str, header: "Header") -> str:
        if "#CH#" not in key:
            return key
        digits = re.sub(r"\D", "", card_text(header, "INSTRUME") or "")
        return key.replace("#CH#", digits[:1])

    def from_header(self, header: "Header", frame: str) -> tuple[int, int] | None:
        """Binning in x and y; None if the card is missing.

        Raises
        ------
        HeaderError
            If the card holds no sensible binning.
        """
        if isinstance(self.x, int) and isinstance(self.y, int):
            return self.x, self.y
        cards = self.cards(header)
        texts = [card_text(header, card) for card in cards]
        if None in texts:
            return None
        found = [re.findall(r"[-+]?\d+(?:\.\d*)?(?![\d.])", str(text)) for text in texts]
        numbers = [each for per_card in found for each in per_card]
        readable = all(found) and len(numbers) in {1, 2}
        pair = [float(each) for each in (numbers * 2)[:2] if readable]
        if len(pair) < 2 or any(n % 1 or not 1 <= n <= LARGEST_BINNING for n in pair):
            raise HeaderError(
                frame, ", ".join(cards), f"{' '.join(map(str, texts))!r} is not a binning"
            )
        return int(pair[0]), int(pair[1])


def plain(text: object) -> str:
    """Text in lower case with single blanks, for comparisons that forgive."""
    return " ".join(str(text).casefold().split())


# -- pointing

Unit = Literal["hours", "degrees"]


@dataclass(frozen=True, slots=True)
class Pointing:
    """Which cards hold the pointing and how it is written."""

    ra: str
    dec: str
    ra_unit: Unit | None
    jitter: tuple[str, str] | None = None

    @classmethod
    def parse(
        cls, ra: Any, dec: Any, separator: Any, unit: Any = None, jitter: Any = None
    ) -> "Pointing":
        """Read ``ra dec radec_separator radec_unit radec_jitter``; ValueError if malformed."""
        if not (isinstance(ra, str) and isinstance(dec, str)):
            raise ValueError("ra and dec are header keywords")
        if separator not in {":", " ", "XXX"}:
            raise ValueError("radec_separator is ':', ' ' or 'XXX' (degrees)")
        if unit not in {None, "hours", "degrees"}:
            raise ValueError("radec_unit is 'hours' or 'degrees'")
        decimal: Unit | None = (unit or "degrees") if separator == "XXX" else None
        east_north = None if jitter is None else (str(jitter[0]), str(jitter[1]))
        return cls(ra, dec, decimal, east_north)

    @property
    def cards(self) -> tuple[str, ...]:
        """Keywords that are looked at."""
        return (self.ra, self.dec, *(self.jitter or ()))

    def from_header(
        self, header: "Header", frame: str, date_year: float | None = None
    ) -> tuple[float, float]:
        """Right ascension and declination in degrees, ICRS.

        Parameters
        ----------
        date_year : float, optional
            Julian year of the frame, for headers whose equinox is that of the date.

        Raises
        ------
        HeaderError
            If the cards are missing or are no position.
        """
        ra = self._angle(header, self.ra, frame)
        dec = self._angle(header, self.dec, frame)
        if not (-360.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
            raise HeaderError(frame, f"{self.ra}, {self.dec}", f"{ra}, {dec} is not on the sky")
        ra, dec = self._without_jitter(header, frame, ra % 360.0, dec)
        years = equinox(header, frame, date_year)
        return (ra, dec) if years == 2000.0 else sky.to_icrs(ra, dec, years)

    def _angle(self, header: "Header", keyword: str, frame: str) -> float:
        """Degrees on a card; text with separators is sexagesimal whatever the entry says."""
        value = card_value(header, keyword)
        if value is None:
            raise HeaderError(frame, keyword, "missing; give the frame centre with -ra and -dec")
        is_ra = keyword == self.ra
        number = as_number(value)
        if number is not None:  # decimal: degrees, as FITS wants it, unless the entry says hours
            return number * 15.0 if is_ra and self.ra_unit == "hours" else number
        try:
            angle = sky.parse_sexagesimal(str(value))
        except ValueError as problem:
            raise HeaderError(
                frame, keyword, f"{problem}; give the frame centre with -ra and -dec"
            ) from None
        return angle * 15.0 if is_ra else angle

    def _without_jitter(
        self, header: "Header", frame: str, ra: float, dec: float
    ) -> tuple[float, float]:
        if self.jitter is None:
            return ra, dec
        offsets = [card_number(header, key, frame, "the pointing") or 0.0 for key in self.jitter]
        if not any(offsets):
            return ra, dec
        ra_moved, dec_moved = sky.shifted(ra, dec, -offsets[0], -offsets[1])
        return float(ra_moved), float(dec_moved)


_OF_DATE = {"date", "apparent", "app", "current", "jnow", "now", "of date", "true"}


def equinox(header: "Header", frame: str, date_year: float | None = None) -> float:
    """Equinox of the pointing in years; 2000 (that is, ICRS) if the header names none.

    Understands ``2000.0``, ``'J2000'``, ``'J2000.0'``, ``'B1950'`` and, where the date of the
    frame is known, ``'DATE'``, ``'APPARENT'``, ``'CURRENT'``, ``'JNOW'``. Zero means unknown.

    Raises
    ------
    HeaderError
        If the card holds something else, or lies outside 1800 to 2200.
    """
    for keyword in ("EQUINOX", "EPOCH"):
        value = card_value(header, keyword)
        if value is None or value == 0:
            continue
        text = plain(value)
        if text in _OF_DATE and date_year is not None:
            return date_year
        years = as_number(text.lstrip("jb") if isinstance(value, str) else value)
        if text == "icrs":
            return 2000.0
        if years == 0:
            continue
        if years is None or not 1800.0 <= years <= 2200.0:
            raise HeaderError(frame, keyword, f"{value!r} is not an equinox such as 2000.0")
        return years
    return 2000.0


# -- chips and distortion


@dataclass(frozen=True, slots=True)
class Chip:
    """Orientation of the detector, or of each detector of a mosaic."""

    card: str | None
    orientations: Mapping[int, Orientation]

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Chip":
        """Read ``flipx flipy rotate chip_id chip_offset_fixed``; ValueError if malformed."""
        card = entry.get("chip_id")
        if card is None:
            return cls(None, {0: _orientation([entry[key] for key in _FLIPS], (0.0, 0.0))})
        tables = [entry[key] for key in _FLIPS]
        if not all(isinstance(table, Mapping) for table in tables):
            raise ValueError("with chip_id, flipx, flipy and rotate are {chip number: value}")
        offsets = entry.get("chip_offset_fixed") or {}
        return cls(
            str(card),
            {
                int(chip): _orientation([t[chip] for t in tables], offsets.get(chip, (0.0, 0.0)))
                for chip in tables[0]
            },
        )

    def from_header(self, header: "Header", frame: str) -> Orientation:
        """Orientation of the frame's detector.

        Raises
        ------
        HeaderError
            If the chip number is missing or unknown.
        """
        if self.card is None:
            return self.orientations[0]
        number = card_number(header, self.card, frame, "the orientation of the chip")
        known = ", ".join(map(str, sorted(self.orientations)))
        if number is None:
            raise HeaderError(frame, self.card, f"missing; it tells the chip ({known})")
        if number not in self.orientations:
            raise HeaderError(frame, self.card, f"there is no chip {number:g}; choose from {known}")
        return self.orientations[int(number)]


_FLIPS = ("flipx", "flipy", "rotate")


def _orientation(flips: Sequence[Any], offset: Any) -> Orientation:
    flipx, flipy, rotate = flips
    angle = as_number(rotate)
    if angle is None or not (isinstance(flipx, bool | int) and isinstance(flipy, bool | int)):
        raise ValueError("flipx and flipy are True or False, rotate is an angle in degrees")
    known = None if None in offset else (float(offset[0]), float(offset[1]))
    return Orientation(bool(flipx), bool(flipy), angle, known)


@dataclass(frozen=True, slots=True)
class Distortion:
    """Starting distortion: PV terms (TPV), possibly one set per value of a card."""

    card: str | None
    terms: Mapping[str, Mapping[str, float]]

    @classmethod
    def parse(cls, distort: Any) -> "Distortion":
        """Read ``distort``; ValueError if malformed."""
        table = dict(distort or {})
        card = table.pop("functionof", None)
        sets = table if card is not None else {"": table}
        for terms in sets.values():
            bad = [term for term in terms if not re.fullmatch(r"PV[12]_\d{1,2}", str(term))]
            if bad or any(as_number(value) is None for value in terms.values()):
                raise ValueError(f"{(bad or ['a value'])[0]!r} is not a PV term")
        return cls(card, {plain(value): dict(terms) for value, terms in sets.items()})

    def from_header(self, header: "Header") -> Mapping[str, float]:
        """PV terms of the frame; empty if there are none, or none for its detector."""
        value = card_text(header, self.card) or "" if self.card else ""
        return self.terms.get(plain(value), {})
