"""One at a time in a directory: a lock that vanishes with the process that holds it.

By hand on purpose: the library filelock tells neither who holds a lock nor that its holder was
killed, and has no answer where a network disk knows no locks.
"""

import contextlib
import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from photpipe.ground import files
from photpipe.ground.errors import ConfigError

log = logging.getLogger(__name__)

LOCK_FILE = Path(".diagnostics", "lock")
POLL_S = 0.5  # how late the end of the other command is noticed
# by judgement: longer than a stage on a night of frames, shorter than a coffee
STAGES_WAIT_S = 600.0


class OccupiedError(ConfigError):
    """Another process works in the directory."""


@contextlib.contextmanager
def in_turn(directory: Path) -> Iterator[None]:
    """Let commands that were started at once work one after the other.

    Where no lock can be written nothing else can be, either: the work itself says why.

    Raises
    ------
    OccupiedError
        If another one works there for very long.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(directory, STAGES_WAIT_S))
        except OccupiedError:
            raise
        except ConfigError as error:
            log.debug("no lock: %s", error)
        yield


@contextlib.contextmanager
def locked(directory: Path, patience_s: float = 0.0) -> Iterator[bool]:
    """Keep other runs out of a directory for the length of a block.

    Parameters
    ----------
    directory : Path
        The directory.
    patience_s : float
        How long to wait for another run to end.

    Yields
    ------
    bool
        Whether the previous run was killed: it left its name in the lock.

    Raises
    ------
    ConfigError
        If another run works there, or the directory cannot be written.
    """
    path = directory / LOCK_FILE
    try:
        files.make_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        file = os.fdopen(files.open_regular(path, flags), "a+", encoding="utf-8", errors="replace")
    except PermissionError as error:
        if error.errno != errno.EPERM:
            raise _unwritable(directory, error) from error
        raise ConfigError(f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        raise _unwritable(directory, error) from error
    with file:
        deadline_s = time.monotonic() + patience_s
        tells = patience_s > 0
        while not _take(file):
            if tells:
                log.info("waiting for %s, which is working here", _named(_holder(file)))
                tells = False
            if time.monotonic() >= deadline_s:
                raise _occupied(directory, _holder(file))
            time.sleep(POLL_S)
        was_killed = _is_name(_holder(file))
        _write(file, f"{os.getpid()} {socket.gethostname()} {_now()}")
        try:
            yield was_killed
        finally:
            _write(file, "")


def _unwritable(directory: Path, error: OSError) -> ConfigError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return ConfigError(
            f"{error.filename} is no directory, and the results belong there; rename or delete it"
        )
    return ConfigError(
        f"{directory} cannot be written ({error.strerror or error}); "
        "copy the frames to a directory of your own"
    )


def _take(file: TextIO) -> bool:
    """Lock the file, unless somebody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # some network disks know no locks: believe the name in the file
        log.debug("no lock of %s: %s", file.name, error)
        return not _is_alive(_holder(file))
    return True


def _named(holder: list[str]) -> str:
    is_name = _is_name(holder)
    return "process {} on {} since {}".format(*holder) if is_name else "another process"


def _occupied(directory: Path, holder: list[str]) -> OccupiedError:
    advice = "wait for it to end (or end it), then run again"
    return OccupiedError(f"{directory}: {_named(holder)} is working here; {advice}")


def _holder(file: TextIO) -> list[str]:
    file.seek(0)
    return file.read(1000).split()


def _is_name(holder: list[str]) -> bool:
    """Whether a lock holds the name of a process, and no garbage."""
    return len(holder) == 3 and holder[0].isascii() and holder[0].isdecimal()


def _is_alive(holder: list[str]) -> bool:
    """Whether the process named in a lock may still work; those of other machines may."""
    if not _is_name(holder):
        return False
    if holder[1] != socket.gethostname():
        return True
    try:
        os.kill(int(holder[0]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return int(holder[0]) != os.getpid()


def _write(file: TextIO, text: str) -> None:
    """Put a text into the lock, unless the file has another name, too: it is not ours alone."""
    if os.fstat(file.fileno()).st_nlink > 1:
        return
    with contextlib.suppress(OSError):  # a full disk: the lock itself holds all the same
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
