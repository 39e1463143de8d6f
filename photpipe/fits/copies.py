"""Copies of an exposure: ``frame (1).fits`` beside ``frame.fits``, ``.fit`` beside ``.fits``.

Two files are one exposure if one camera took them at one time through one filter and all of their
pixels are the same. Chips and planes of one exposure are not: their pixels differ.
"""

import filecmp
import logging
import zlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photpipe.fits import packed
from photpipe.fits.cards import BLOCK_BYTES, Card
from photpipe.fits.fitsfile import PRISTINE_KEYWORD, Hdu, pristine_cards, read_primary
from photpipe.fits.pixels import Plane, plane_of
from photpipe.ground.errors import FrameError

log = logging.getLogger(__name__)

_TIME = ("DATE-OBS", "TIME-OBS", "UTSTART", "UT", "JD", "MJD-OBS")
_IDENTITY = (
    *_TIME,
    *("EXPTIME", "EXPOSURE", "INSTRUME", "TELESCOP", "DETECTOR", "CCDNAME", "CHIP", "FILTER"),
)
_FINGERPRINT_ROWS = 24  # rows tell copies apart already: noise is never the same twice
_MOST_LISTED = 3  # a line that is read at a glance


@dataclass(frozen=True, slots=True)
class _File:
    """A file that may be a copy of another.

    Parameters
    ----------
    path : Path
        Where it is.
    identity : hashable
        What all copies of the exposure share, the pixels left out.
    was_prepared : bool
        Whether its header was changed before: its results may be there.
    image : Hdu or None
        Its only image; None where the file as a whole has to be compared.
    """

    path: Path
    identity: Hashable
    was_prepared: bool = False
    image: Hdu | None = None

    @property
    def rank(self) -> tuple[bool, int, bool, str]:
        """Order in which files are preferred."""
        path = self.path
        return not self.was_prepared, len(path.stem), path.suffix.lower() != ".fits", path.name

    def plane(self) -> Plane | None:
        """Pixels of its image."""
        return None if self.image is None else plane_of(self.path, self.image)

    def fingerprint(self) -> int:
        """Checksum of some rows of the pixels."""
        plane = self.plane()
        if plane is None:
            return 0
        step = max(1, plane.shape[0] // _FINGERPRINT_ROWS)
        return zlib.crc32(plane.part(slice(None, None, step), slice(None)).tobytes())

    def shows_the_same(self, other: "_File") -> bool:
        """Whether all pixels are equal, or all bytes where there is more than one image."""
        mine, theirs = self.plane(), other.plane()
        if mine is None or theirs is None:
            return filecmp.cmp(self.path, other.path, shallow=False)
        blocks = zip(mine.blocks(), theirs.blocks(), strict=True)
        return all(np.array_equal(*pair, equal_nan=True) for pair in blocks)


def told_without_copies(paths: Iterable[Path]) -> list[Path]:
    """Files without copies of others among them, which are told in one line."""
    kept, told = without_copies(paths)
    if told:
        log.warning("%s", told)
    return kept


def without_copies(paths: Iterable[Path]) -> tuple[list[Path], str]:
    """Files without those that are copies of others among them, and what these were.

    Of several files the one that was prepared before stays, else the one with the shortest name,
    with ``.fits`` before other suffixes.
    A file that cannot be read stays: the stages tell what is wrong with it.
    """
    paths = list(dict.fromkeys(paths))
    groups: dict[Hashable, list[_File]] = {}
    for file in map(_file, paths):
        if file is not None:
            groups.setdefault(file.identity, []).append(file)
    copies: dict[Path, Path] = {}
    for group in groups.values():
        copies |= _copies_in(sorted(group, key=lambda file: file.rank)) if len(group) > 1 else {}
    told = _told({path: copies[path] for path in paths if path in copies})
    return [path for path in paths if path not in copies], told


def _told(copies: dict[Path, Path]) -> str:
    """What became of copies, in one line; empty if there are none."""
    listed = [f"{copy.name} (of {kept.name})" for copy, kept in list(copies.items())[:_MOST_LISTED]]
    if len(copies) > len(listed):
        listed.append(f"and {len(copies) - len(listed)} more")
    number = "1 file is a copy" if len(copies) == 1 else f"{len(copies)} files are copies"
    return f"{number} of an exposure, which is used once: {', '.join(listed)}" if copies else ""


def _file(path: Path) -> _File | None:
    """File as far as copies of it can be recognised; None if they cannot."""
    try:
        size = path.stat().st_size
        if path.name.lower().endswith((*packed.PACKED_SUFFIXES, ".fz")):
            return _File(path, size)
        hdu = read_primary(path)
        cards: Sequence[Card] = pristine_cards(path, hdu.cards) or hdu.cards
    except (FrameError, OSError):
        return None
    values = {card.keyword: _value(card) for card in reversed(cards) if card.keyword in _IDENTITY}
    if not any(values.get(keyword) for keyword in _TIME):
        return None
    is_only = size <= hdu.data_start + -(-hdu.data_bytes // BLOCK_BYTES) * BLOCK_BYTES
    was_prepared = any(card.keyword == PRISTINE_KEYWORD for card in hdu.cards)
    identity = (hdu.shape, tuple(values.get(keyword, "") for keyword in _IDENTITY))
    return _File(path, identity, was_prepared, hdu if is_only and len(hdu.shape) >= 2 else None)


def _value(card: Card) -> str:
    """Value of a card as another program might write it, too."""
    text = card.image[10:80].decode().strip()
    if text.startswith("'"):
        return text[1:].partition("'")[0].strip()
    text = text.partition("/")[0].strip()
    try:
        return repr(float(text))
    except ValueError:
        return text


def _copies_in(group: Sequence[_File]) -> dict[Path, Path]:
    """Copies among files of one identity, and the file of which each is one."""
    kept: dict[int, list[_File]] = {}
    copies: dict[Path, Path] = {}
    for file in group:
        try:
            alike = kept.setdefault(file.fingerprint(), [])
            of = next((each for each in alike if each.shows_the_same(file)), None)
        except (FrameError, OSError):
            continue
        if of is None:
            alike.append(file)
        else:
            copies[file.path] = of.path
    return copies
