"""Kinds of values that options take: from words of the command line to numbers and names.

Each raises `argparse.ArgumentTypeError`, which says what is wrong with the word.
"""

import argparse
import math


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


def count(words: str) -> int:
    """Whole number of at least one; ``3.0`` is accepted."""
    value = number(words)
    if not (value >= 1 and value.is_integer()):
        raise argparse.ArgumentTypeError(f"{words} is not a whole number of at least 1")
    return int(value)


def finite(words: str) -> float:
    """Any number but nan and infinity."""
    value = number(words)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{words} is not a finite number")
    return value


def right_ascension(words: str) -> float:
    """Degrees in [0, 360); negative values are taken modulo 360."""
    value = finite(words)
    if not -360 <= value <= 360:
        raise argparse.ArgumentTypeError(f"{words} is not a right ascension in degrees")
    return value % 360.0


def declination(words: str) -> float:
    """Degrees from the south pole to the north pole."""
    value = finite(words)
    if not -90 <= value <= 90:
        raise argparse.ArgumentTypeError(f"{words} is not a declination in degrees")
    return value


def radii(words: str) -> tuple[float, ...]:
    """One radius, or several separated by commas."""
    return tuple(positive(each) for each in text(words.replace(",", " ")).split())
