"""Which frames show no sky: darks, biases and flats, by the cards that say so."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from photpipe.fits.cards import Card, integer, text_value
from photpipe.fits.fitsfile import read_primary
from photpipe.ground.errors import FrameError

CARDS = ("IMAGETYP", "FRAME", "PICTTYPE", "OBSTYPE", "IMGTYPE", "FRAMETYP")
_KINDS = (
    ("dark flat", re.compile(r"dark[ _-]?flat|flat[ _-]?dark")),
    ("dark", re.compile(r"\b(?:master[ _]?)?darks?\b")),
    ("bias", re.compile(r"\b(?:master[ _]?)?(?:bias|zeros?|offset)\b")),
    (
        "flat",
        re.compile(r"\b(?:master[ _]?)?(?:(?:sky|dome|twilight|d|s)[ _-]?)?flats?\b|\bflatfield\b"),
    ),
)
_NUMBERS = {2: "bias", 3: "dark", 4: "flat"}  # PICTTYPE of TheSkyX; 1 is a light frame


def calibration_kind(cards: Sequence[Card]) -> str:
    """What calibration a frame is: dark, bias, flat or dark flat; empty for all others."""
    number = integer(cards, "PICTTYPE", 0) if _has_number(cards) else 0
    if number in _NUMBERS:
        return _NUMBERS[number]
    for name in CARDS:
        words = text_value(cards, name).strip().casefold()
        for kind, pattern in _KINDS:
            if pattern.search(words) and "light" not in words:
                return kind
    return ""


def _has_number(cards: Sequence[Card]) -> bool:
    return any(
        card.keyword == "PICTTYPE" and card.image[10:].lstrip()[:1].isdigit() for card in cards
    )


def sky_frames(paths: Sequence[Path]) -> tuple[list[Path], str]:
    """Frames without those that show no sky, and how many of each kind these were.

    A file whose header cannot be read as it is stays: the stages tell what is wrong with it.
    """
    kinds = {path: _kind_of(path) for path in paths}
    counts = Counter(kind for kind in kinds.values() if kind)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return [path for path in paths if not kinds[path]], told


def _kind_of(path: Path) -> str:
    try:
        return calibration_kind(read_primary(path).cards)
    except FrameError:
        return ""
