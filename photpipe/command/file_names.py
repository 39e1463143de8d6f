"""The files that a command is given: wildcards, lists, and the directory they lie in."""

import codecs
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from photpipe.ground.errors import ConfigError
from photpipe.ground.files import is_file, is_folder


def named_paths(names: Sequence[str]) -> list[Path]:
    """Files that the user named, each once; ``.lst`` files are read, wildcards expanded.

    A folder, and what is missing, are left to the stage, which tells them among the frames
    that failed.

    Raises
    ------
    ConfigError
        If there is no file at all.
    """
    found = dict.fromkeys(each.absolute() for name in names for each in _expanded(name))
    if not any(map(is_file, found)):
        first = next(iter(found))
        raise ConfigError(f"{first.name}: {_why_no_file(first)}")
    return list(found)


def _why_no_file(path: Path) -> str:
    """What keeps a path from being a file, and what to do."""
    if is_folder(path):
        return f"a directory; name the frames in it ({path}); check name and directory"
    for folder in reversed(path.parents):
        if not os.access(folder, os.X_OK) and is_folder(folder):
            return f"its directory {folder} cannot be entered by this user; check its permissions"
    return f"there is no such file ({path}); check name and directory"


def common_directory(paths: Sequence[Path]) -> Path:
    """Directory of the images.

    Raises
    ------
    ConfigError
        If they lie in several.
    """
    directories = {path.parent for path in paths}
    if len(directories) != 1:
        message = (
            f"the frames lie in {len(directories)} directories; "
            "work on one directory at a time, or use 'pp_run all' from above them"
        )
        raise ConfigError(message)
    return directories.pop()


_LIST_SUFFIXES = {".lst", ".list"}
_LONGEST_PATH = 4096  # PATH_MAX of Linux


def _expanded(name: str) -> list[Path]:
    if not name.strip():
        raise ConfigError("one of the file names is empty: is a variable not set?")
    path = Path(name)
    if is_file(path):
        return _listed(path) if path.suffix.lower() in _LIST_SUFFIXES else [path]
    if any(sign in name for sign in "*?["):
        with contextlib.suppress(OSError):
            matches = sorted(path.parent.glob(path.name))
            if matches:
                return matches
    return [path]


def _listed(path: Path) -> list[Path]:
    """Files named in a list, one per line, relative to the list; blank lines and # skipped."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    lines = os.fsdecode(content.removeprefix(codecs.BOM_UTF8)).splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    wrong = next((name for name in names if "\0" in name or len(name) > _LONGEST_PATH), None)
    if wrong is not None:
        raise ConfigError(
            f"{path}: {wrong[:40]!r} is not a file name; a list is text, one name per line"
        )
    if not names:
        raise ConfigError(f"{path}: the list names no frame")
    return [path.parent / each for each in names]
