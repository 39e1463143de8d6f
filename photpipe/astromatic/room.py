"""Folders for the tools to work in, and the room that they need."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from photpipe.ground.errors import RoomError, ToolError
from photpipe.run.workspace import NO_ROOM

_LEAST_BYTES = 1_000_000  # a disk with less left is full: no tool can work there
_ADVICE = "make room, or set TMPDIR to a directory on a disk with room"


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Folder in the user's TMPDIR for the length of a block.

    Raises
    ------
    RoomError
        If none can be made, or its disk is full: which folder, which disk, what to do.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        reason = f"no temporary directory can be used: {error.strerror or error}"
        raise RoomError(f"{reason}; {_ADVICE}") from error
    with folder as name, told_when_full(Path(name)):
        yield Path(name)


@contextlib.contextmanager
def told_when_full(folder: Path, advice: str = _ADVICE) -> Iterator[None]:
    """Say of a failure in a block that a full disk is the reason, if it is.

    Raises
    ------
    RoomError
        If it is.
    """
    try:
        yield
    except (OSError, ToolError) as error:
        says_so = isinstance(error, OSError) and error.errno in NO_ROOM
        if not says_so and not _is_full(folder):
            raise
        usage = shutil.disk_usage(folder)
        disk = f"{usage.free / 1e6:.1f} of {usage.total / 1e6:.0f} MB left on {_disk_of(folder)}"
        raise RoomError(
            f"no room for working files in {folder.parent} ({disk}); {advice}"
        ) from error


def _is_full(folder: Path) -> bool:
    status = os.statvfs(folder)
    is_without_names = status.f_files > 0 and status.f_favail == 0
    return is_without_names or status.f_bavail * status.f_frsize < _LEAST_BYTES


def _disk_of(folder: Path) -> Path:
    """Where the disk of a folder is mounted."""
    folder = folder.resolve()
    return next(each for each in (folder, *folder.parents) if each.is_mount())
