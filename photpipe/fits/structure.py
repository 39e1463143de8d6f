"""The structural cards of an image as the FITS standard has them.

Programs write what the standard forbids and everybody can understand: BZERO as a text, NAXIS3
beyond NAXIS, ``SIMPLE = F``, BLANK on floats, axes of length one. Some readers stumble over it.
"""

import re
from collections.abc import Sequence

from photpipe.fits.cards import Card, CardValue, Changes, changed, integer, to_header
from photpipe.fits.values import as_number, card_value

_PLANE_AXES = 2  # an image; further axes of length 1 are harmless
_SIMPLE = b"SIMPLE  =" + b"T".rjust(21)
_AXIS = re.compile(r"NAXIS([1-9]\d*)")
_DEFAULTS = {"BSCALE": 1.0, "BZERO": 0.0}


def standardised(cards: Sequence[Card]) -> list[Card]:
    """Cards of an image whose structure every reader understands; others keep their bytes.

    Axes of length one behind the second are left out: the bytes of the image stay the same.

    Parameters
    ----------
    cards : sequence of Card
        Header of one plane image.
    """
    changes: dict[str, CardValue | tuple[CardValue, str] | None] = {}
    first = cards[0] if cards else None
    if first and first.keyword == "SIMPLE" and first.image[:30] != _SIMPLE:
        changes["SIMPLE"] = True
    changes.update(_axes(cards))
    changes.update(_scaling(cards))
    return changed(cards, changes) if changes else list(cards)


def _axes(cards: Sequence[Card]) -> Changes:
    """Changes of NAXIS and its companions."""
    changes: dict[str, CardValue | None] = {}
    axes = integer(cards, "NAXIS", 0)
    lengths = [integer(cards, f"NAXIS{axis}", 1) for axis in range(_PLANE_AXES + 1, axes + 1)]
    if axes > _PLANE_AXES and all(length == 1 for length in lengths):
        changes["NAXIS"] = axes = _PLANE_AXES
    for card in cards:
        axis = _AXIS.fullmatch(card.keyword)
        if axis and int(axis[1]) > axes:
            changes[card.keyword] = None
        elif card.keyword in {"BITPIX", "NAXIS"} or axis:
            value = integer(cards, card.keyword)
            if card.keyword not in changes and card.image[10:30].strip() != b"%d" % value:
                changes[card.keyword] = value
    return changes


def _scaling(cards: Sequence[Card]) -> Changes:
    """Changes of BSCALE, BZERO and BLANK: numbers, or nothing."""
    keywords = {card.keyword for card in cards}
    if not keywords & {"BSCALE", "BZERO", "BLANK"}:
        return {}
    header = to_header(cards)
    changes: dict[str, CardValue | tuple[CardValue, str] | None] = {}
    for keyword, default in _DEFAULTS.items():
        if keyword in keywords:
            value = card_value(header, keyword)
            number = as_number(value)
            if isinstance(value, str | bool) or not number:
                changes[keyword] = number if number else (None if number is None else default)
    if "BLANK" in keywords:
        changes.update(_blank(header.get("BLANK"), integer(cards, "BITPIX")))
    return {
        key: value for key, value in changes.items() if value is None or value != header.get(key)
    }


def _blank(value: object, bitpix: int) -> Changes:
    """BLANK as an integer that a pixel can hold, or nothing."""
    number = as_number(value)
    lowest, highest = (0, 255) if bitpix == 8 else (-(2 ** (bitpix - 1)), 2 ** (bitpix - 1) - 1)
    if bitpix < 0 or number is None or number % 1 or not lowest <= number <= highest:
        return {"BLANK": None}
    return {"BLANK": int(number)}
