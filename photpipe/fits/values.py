"""Values of single header cards: numbers and texts, however they were written."""

import math
from typing import TYPE_CHECKING

from photpipe.ground.errors import HeaderError

if TYPE_CHECKING:
    from astropy.io.fits import Header

CardValue = str | int | float | bool


def card_value(header: "Header", keyword: str) -> CardValue | None:
    """Value of a card; None if it is missing, blank or undefined. Broken cards come as text."""
    from astropy.io.fits import VerifyError

    if keyword not in header:
        return None
    try:
        value = header[keyword]
    except VerifyError:  # a header that astropy read: mended as it would be when written
        card = header.cards[keyword]
        card.verify("silentfix")
        value = card.value
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, int | float) else None


def card_text(header: "Header", keyword: str) -> str | None:
    """Value of a card as text; whole numbers without a decimal point (OBJECT = 3552.)."""
    value = card_value(header, keyword)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def card_number(header: "Header", keyword: str, frame: str, purpose: str) -> float | None:
    """Finite number on a card, also when it is written as text; None if the card is missing.

    Raises
    ------
    HeaderError
        If the card holds something else.
    """
    value = card_value(header, keyword)
    if value is None:
        return None
    number = as_number(value)
    if number is None:
        raise HeaderError(frame, keyword, f"{value!r} is not a number; needed for {purpose}")
    return number


def as_number(value: object) -> float | None:
    """Finite float of a number or of a text that is one, else None.

    A text may have a decimal comma (``'60,0'``, of a program that runs in Europe) and the D of
    Fortran: no program writes commas between thousands into a header.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value.strip().upper().replace("D", "E") if isinstance(value, str) else value
    if isinstance(text, str) and "." not in text and text.count(",") == 1:
        text = text.replace(",", ".")
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and "_" not in str(value) else None
