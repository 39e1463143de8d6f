"""The FLAGS of Source Extractor: what each bit says of a source, and who may register a frame.

Source: Source Extractor manual, section "Internal flags".
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType


class SourceFlag(enum.IntFlag):
    """Bits of the FLAGS column; a flawless source has none of them."""

    CROWDED = 1
    BLENDED = 2
    SATURATED = 4
    TRUNCATED = 8
    APERTURE_INCOMPLETE = 16
    ISOPHOTE_INCOMPLETE = 32
    DEBLENDING_OVERFLOW = 64
    EXTRACTION_OVERFLOW = 128


WORDS: Mapping[SourceFlag, str] = MappingProxyType(
    {
        SourceFlag.CROWDED: "bright neighbours or many bad pixels",
        SourceFlag.BLENDED: "blended with another source",
        SourceFlag.SATURATED: "at least one pixel saturated",
        SourceFlag.TRUNCATED: "cut off by the edge of the image",
        SourceFlag.APERTURE_INCOMPLETE: "aperture incomplete or corrupted",
        SourceFlag.ISOPHOTE_INCOMPLETE: "isophotal area incomplete or corrupted",
        SourceFlag.DEBLENDING_OVERFLOW: "memory overflow while deblending",
        SourceFlag.EXTRACTION_OVERFLOW: "memory overflow while extracting",
    }
)

SPOILS_PSF = SourceFlag.SATURATED | SourceFlag.TRUNCATED | SourceFlag.APERTURE_INCOMPLETE
"""Bits of sources that do not tell the PSF."""

ALL_FLAGS = 0xFF  # Source Extractor's flags are 8 bits

_TOLERATED: Mapping[str, SourceFlag] = {
    "none": SourceFlag(0),
    "low": SourceFlag.CROWDED,
    "medium": SourceFlag.CROWDED | SourceFlag.BLENDED,
    "high": SourceFlag.CROWDED | SourceFlag.BLENDED | SourceFlag.SATURATED,
}

TOLERANCE_MASKS: Mapping[str, int] = MappingProxyType(
    {level: ALL_FLAGS & ~int(tolerated) for level, tolerated in _TOLERATED.items()}
)
"""Bits that keep a source out of the registration, for each ``source_tolerance``."""


def describe(flags: int) -> tuple[str, ...]:
    """Words for the bits that are set, the lowest bit first; none for a flawless source.

    Parameters
    ----------
    flags : int
        Value of the FLAGS column. Bits above 128 mean nothing and are left out.
    """
    return tuple(words for flag, words in WORDS.items() if flags & flag)
