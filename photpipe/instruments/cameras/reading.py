"""Cards of strangers: numbers as text, angles in every form, values that mean "not set"."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from photpipe.fits.values import as_number, card_text, card_value
from photpipe.ground import sky

if TYPE_CHECKING:
    from astropy.io.fits import Header

_LEADING_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*([a-zA-Z\"'µ/°%]*)\s*")
_COMPASS = re.compile(r"\s*([NSEW])\s*$|^\s*([NSEW])\s*")
_FOUR_FIELDS = re.compile(r"([-+]?\d+)[:\s]+(\d{1,2})[:\s]+(\d{1,2})[:\s]+(\d+)")
_DEGREES = re.compile(r"\s*deg(?:rees?)?\.?$", re.IGNORECASE)
_HOURS = re.compile(r"([-+]?\d+(?:[.,]\d*)?)\s*h(?:ours?|rs?)?\.?", re.IGNORECASE)
_EPOCH = re.compile(r"\s*(?:[\[(]\s*J?2000(?:\.0)?\s*[\])]|J2000(?:\.0)?)$", re.IGNORECASE)
_UNSET = {"", "none", "null", "nan", "n/a", "na", "unknown", "undefined", "-", "--", "not set"}


def text(header: "Header", keyword: str) -> str | None:
    """Text of a card; None if it is missing or says that it is not set."""
    found = card_text(header, keyword)
    return None if found is None or found.strip().casefold() in _UNSET else found


def number(header: "Header", keyword: str) -> float | None:
    """Number of a card, also as text, with a decimal comma or a unit; None if there is none."""
    value = card_value(header, keyword)
    found = as_number(value)
    if found is not None or not isinstance(value, str):
        return found
    plain = _LEADING_NUMBER.fullmatch(value.replace(",", "."))
    return as_number(plain[1]) if plain else None


def positive(header: "Header", keyword: str) -> float | None:
    """Number above zero of a card: zero is how programs write "not set"."""
    found = number(header, keyword)
    return found if found is not None and found > 0 else None


def first_text(header: "Header", keywords: Iterable[str]) -> tuple[str, str] | None:
    """The first card that holds a text, and the text."""
    found = ((keyword, text(header, keyword)) for keyword in keywords)
    return next(((keyword, value) for keyword, value in found if value is not None), None)


def first_positive(header: "Header", keywords: Iterable[str]) -> tuple[str, float] | None:
    """The first card that holds a number above zero, and the number."""
    found = ((keyword, positive(header, keyword)) for keyword in keywords)
    return next(((keyword, value) for keyword, value in found if value is not None), None)


def comment(header: "Header", keyword: str) -> str:
    """Comment of a card; empty if there is none."""
    return str(header.comments[keyword]) if keyword in header else ""


def unit(header: "Header", keyword: str) -> str:
    """Unit behind a number in a text, or in square brackets as comments begin; empty if none."""
    value = card_value(header, keyword)
    behind = _LEADING_NUMBER.fullmatch(value.replace(",", ".")) if isinstance(value, str) else None
    if behind and behind[2]:
        return behind[2]
    found = re.match(r"\s*\[([^\]]*)\]", comment(header, keyword))
    return found[1].strip() if found else ""


def angle(value: object) -> tuple[float, bool] | None:
    """An angle in the unit of its first part, and whether it was sexagesimal.

    Decimal numbers and ``51 3 0.000``, ``+122:30:31``, ``50d47m55s``, ``-22:57:08:99`` (four
    fields: the last is the fraction of the seconds), ``4 21 31 W``; south and west are negative.
    Hours that say so (``8.855 h``) count as sexagesimal; ``(J2000)`` behind an angle is left out.
    """
    if value is None or isinstance(value, bool):
        return None
    plain = as_number(value)
    if plain is not None:
        return plain, False
    letters = _EPOCH.sub("", str(value).strip())
    hours = _HOURS.fullmatch(letters)
    if hours:
        return float(hours[1].replace(",", ".")), True
    compass = _COMPASS.search(letters)
    sign = -1.0 if compass and (compass[1] or compass[2]).upper() in "SW" else 1.0
    letters = _COMPASS.sub("", letters).replace("º", "°")
    plain = as_number(_DEGREES.sub("", letters).rstrip("° "))
    if plain is not None:
        return sign * plain, False
    four = _FOUR_FIELDS.fullmatch(letters)
    if four:
        letters = f"{four[1]}:{four[2]}:{four[3]}.{four[4]}"
    try:
        return sign * sky.parse_sexagesimal(letters.replace(",", ".")), True
    except ValueError:
        return None


def card_angle(header: "Header", keyword: str) -> tuple[float, bool] | None:
    """The `angle` of a card."""
    return angle(card_value(header, keyword)) if text(header, keyword) is not None else None
