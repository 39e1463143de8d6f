"""Kinds of values that options take: from words of the command line to numbers and names.

Each raises `argparse.ArgumentTypeError`, which says what is wrong with the word.
"""

import argparse
import contextlib
import math
import re

_CARD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_NO_CARDS = frozenset({"nan", "inf", "infinity"})
_SEXAGESIMAL = re.compile(r"\d[\s:hd°]+\d")


def text(words: str) -> str:
    """Reject an empty value, which is nearly always an unset shell variable."""
    if not words.strip():
        raise argparse.ArgumentTypeError("the value is empty")
    return words


def number(words: str) -> float:
    """Any number."""
    try:
        return float(words)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words!r} is not a number") from None


def positive(words: str) -> float:
    """Finite number above zero."""
    value = number(words)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{words} is not a positive number")
    return value


CLOCK = "clock"


def seconds_or_clock(words: str) -> float | str:
    """Finite number above zero, or the word ``clock``."""
    return CLOCK if words.strip().casefold() == CLOCK else positive(words)


def positive_or_card(words: str) -> float | str:
    """Finite number above zero, or the name of a card."""
    return _card(words) or positive(words)


def count(words: str) -> int:
    """Whole number of at least one; ``3.0`` is accepted."""
    value = number(words)
    if not (value >= 1 and value.is_integer()):
        raise argparse.ArgumentTypeError(f"{words} is not a whole number of at least 1")
    return int(value)


def count_or_none(words: str) -> int:
    """A whole number of at least 0."""
    try:
        value = int(words)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{words} is not a whole number of at least 0")
    return value


def finite(words: str) -> float:
    """Any number but nan and infinity."""
    value = number(words)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{words} is not a finite number")
    return value


def _card(words: str) -> str | None:
    """Name of a card that holds the value; None if the words are none."""
    name = words.strip()
    is_card = _CARD_NAME.fullmatch(name) and name.lower() not in _NO_CARDS
    return name.upper() if is_card else None


def _angle(words: str, unit_deg: float) -> float:
    """Degrees of a decimal number, or of a sexagesimal one whose first part has a unit."""
    if not _SEXAGESIMAL.search(words):
        return finite(words)
    from photpipe.ground.sky import parse_sexagesimal  # numpy would make -h slow

    with contextlib.suppress(ValueError):
        return unit_deg * parse_sexagesimal(words)
    raise argparse.ArgumentTypeError(f"{words!r} is not an angle")


def right_ascension(words: str) -> float | str:
    """Degrees in [0, 360), decimal or as sexagesimal hours, or the name of a card.

    Negative values are taken modulo 360.
    """
    card = _card(words)
    if card is not None:
        return card
    value = _angle(words, 15.0)
    if not -360 <= value <= 360:
        raise argparse.ArgumentTypeError(f"{words} is not a right ascension in degrees")
    return value % 360.0


def declination(words: str) -> float | str:
    """Degrees from the south pole to the north pole, or the name of a card."""
    card = _card(words)
    if card is not None:
        return card
    value = _angle(words, 1.0)
    if not -90 <= value <= 90:
        raise argparse.ArgumentTypeError(f"{words} is not a declination in degrees")
    return value


def radii(words: str) -> tuple[float, ...]:
    """One radius, or several separated by commas."""
    return tuple(positive(each) for each in text(words.replace(",", " ")).split())
