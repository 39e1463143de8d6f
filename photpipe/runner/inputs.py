"""Which files are frames to work on: real suffixes, nothing hidden, nothing of our own making."""

import contextlib
import gzip
import os
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.ground.errors import FrameError

GROUP_FILE = Path(".diagnostics", "group.json")
"""Marks a directory that ``-split`` made; it belongs to the one above."""

_SUFFIX = re.compile(r"\.(fits|fit|fts)(\.(gz|fz|bz2|xz|zip|Z))?$|\.fz$", re.IGNORECASE)
_GZIP_SUFFIX = ".gz"
_STACKED_CARD = "COMBINET"
_FIRST_BYTES = b"SIMPLE  ="


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A directory and its frames, in the order of their names."""

    path: Path
    frames: tuple[Path, ...]


def is_frame_name(path: Path) -> bool:
    """Whether a file is a FITS image by its name; of a plain ``.gz``, by its first bytes."""
    if path.name.startswith("."):
        return False
    if _SUFFIX.search(path.name):
        return True
    return path.suffix.lower() == _GZIP_SUFFIX and _begins_as_fits(path)


def _begins_as_fits(path: Path) -> bool:
    try:
        with gzip.open(path) as file:
            return file.read(len(_FIRST_BYTES)) == _FIRST_BYTES
    except (OSError, EOFError, zlib.error):
        return False


def frames_in(directory: Path, prefix: str | None = None) -> tuple[Path, ...]:
    """Frames of a directory, sorted by name; unreadable directories have none."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.is_file())
    except OSError:
        return ()
    chosen = [directory / name for name in names if name.startswith(prefix or "")]
    return tuple(without_own_outputs([path for path in chosen if is_frame_name(path)]))


def without_own_outputs(paths: Sequence[Path]) -> list[Path]:
    """Leave out what the pipeline made of other files: unpacked and trimmed frames, stacks.

    A file that was made of one that is not named, or not there any more, is a frame like
    others, and so are stacks among themselves.
    """
    named = frozenset(paths)
    made = {path: _maker(path, named) for path in named}
    kept = [path for path in paths if not made[path] or made[path] == _STACKED_CARD]
    frames = [path for path in kept if not made[path]]
    return frames or kept


def _maker(path: Path, named: Collection[Path]) -> str:
    """Named file that a frame was made of, or the card that marks stacks; empty for a frame."""
    from photpipe.fits.cards import text_value
    from photpipe.fits.fitsfile import read_primary
    from photpipe.fits.unpack import source_name

    with contextlib.suppress(FrameError):
        cards = read_primary(path).cards
        source = source_name(cards)  # a header may hold anything
        origin = path.parent / source
        if source not in {"", path.name} and origin in named and origin.is_file():
            return source
        return _STACKED_CARD if text_value(cards, _STACKED_CARD) else ""
    return ""


def data_directories(root: Path, prefix: str | None = None) -> Iterator[DataDirectory]:
    """All directories at and below `root` that hold frames, in the order of their names.

    Hidden directories, links to directories and those that ``-split`` made are left out.
    """
    for folder, below, _ in os.walk(root):
        here = Path(folder)
        below[:] = sorted(
            name for name in below if not name.startswith(".") and not _is_group(here / name)
        )
        frames = frames_in(here, prefix)
        if frames:
            yield DataDirectory(here, frames)


def _is_group(folder: Path) -> bool:
    """Whether ``-split`` made a folder; nobody can tell of one that may not be entered."""
    try:
        return (folder / GROUP_FILE).exists()
    except OSError:
        return False
