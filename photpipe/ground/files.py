"""Small certainties about files: names that cannot hurt, and writing all of a file or nothing."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

TEMPORARY_PREFIX = ".pp_tmp_"
OWN_FOLDER = ".diagnostics"


def slug(text: str, fallback: str = "unnamed") -> str:
    """Name safe as part of a file name: letters, digits, ``._-+`` kept, all else an underscore.

    ``../../x`` becomes ``x``, ``(433) Eros`` becomes ``433_Eros``.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", plain).strip("._-")
    return plain[:100] or fallback


def check_parents(path: Path) -> None:
    """Make sure that nothing of the folder of our own is a link that leads out of the directory.

    A directory from a stranger may hold links to any place of the user's. The data directory
    itself may be reached through links: its path is the user's own.

    Raises
    ------
    PermissionError
        If a folder from ``.diagnostics`` down is such a link.
    """
    for folder in reversed((path, *path.parents)):
        if OWN_FOLDER in folder.parts and folder.is_symlink():
            at = folder.parts.index(OWN_FOLDER)
            _check_link(folder, Path(*folder.parts[:at]), Path(*folder.parts[at:]))


def _check_link(link: Path, directory: Path, inside: Path) -> None:
    """Allow a link within the directory, or from a group's to the same folder above it."""
    target, home = link.resolve(), directory.resolve()
    if not target.is_relative_to(home) and target != home.parent / inside:
        raise PermissionError(
            errno.EPERM, f"a link out of the data directory, to {target}; remove it", str(link)
        )


def make_folder(path: Path) -> None:
    """Make a folder of our own with its parents, never through a link out of the directory.

    Raises
    ------
    OSError
        If it cannot be made, or is such a link.
    """
    check_parents(path)
    path.mkdir(parents=True, exist_ok=True)


def open_regular(path: Path, flags: int) -> int:
    """Descriptor of a regular file; a pipe or a device is refused and not waited for.

    Raises
    ------
    OSError
        If it cannot be opened or is not regular; with `os.O_NOFOLLOW`, if it is a link.
    """
    try:
        handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PermissionError(errno.EPERM, "a link; remove it", str(path)) from error
        if error.errno == errno.ENXIO:
            raise PermissionError(errno.EPERM, "no regular file; remove it", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PermissionError(errno.EPERM, "no regular file; remove it", str(path))
    return handle


def read_bytes(path: Path) -> bytes:
    """Content of a regular file.

    Raises
    ------
    OSError
        If it cannot be read, or is a pipe or a device.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read()


def read_text(path: Path) -> str:
    """Text (UTF-8) of a regular file.

    Raises
    ------
    OSError, UnicodeDecodeError
        If it cannot be read, or is a pipe or a device.
    """
    return read_bytes(path).decode()


@contextlib.contextmanager
def replacing(path: Path, *, lasting: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its place when the block ends well.

    A kill at any moment leaves the old file or the new one; an exception leaves the old one.
    The new file has the permissions of the old one, or those of a newly made file.

    Parameters
    ----------
    lasting : bool
        Whether this holds when the power fails, too: for what cannot be calculated again. It
        costs a movement of the disk, which is often longer than all the rest.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full.
    """
    with _temporary(path) as (file, temporary):
        yield file
        _flush(file, lasting=lasting)
        if path.is_symlink() and path.exists():  # becomes a file of the user's own
            temporary.chmod(path.stat().st_mode & 0o777 | 0o200)
        elif path.exists():
            _copy_ownership(path, temporary)
        temporary.replace(path)


@contextlib.contextmanager
def creating(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when the block ends well, if nobody was faster.

    Raises
    ------
    FileExistsError
        If there is such a file by then; it stays.
    OSError
        If the folder cannot be written or the disk is full.
    """
    with _temporary(path) as (file, temporary):
        yield file
        _flush(file, lasting=False)
        try:
            path.hardlink_to(temporary)
            temporary.unlink()
        except FileExistsError:
            raise
        except OSError:  # disks of cameras and of some networks know no second name
            if path.exists():
                raise FileExistsError(errno.EEXIST, "File exists", str(path)) from None
            temporary.rename(path)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Temporary file beside `path`, gone after an exception; no wildcard for images fits it."""
    check_parents(path.parent)
    file, temporary = _created(path)
    try:
        with file:
            yield file, temporary
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _created(path: Path) -> tuple[BinaryIO, Path]:
    """Temporary file beside `path`, locked; a new one if `sweep` took it before it was locked."""
    while True:
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        file = os.fdopen(handle, "wb")
        _lock(file)
        if temporary.exists():
            return file, temporary
        file.close()


def _flush(file: BinaryIO, *, lasting: bool) -> None:
    """Hand all of a file to the system, or bring it to the disk."""
    file.flush()
    if lasting:
        os.fsync(file.fileno())
    else:
        os.close(os.dup(file.fileno()))  # a disk on the network tells here that it is full


def _lock(file: BinaryIO) -> None:
    """Mark a temporary file as being written; the mark dies with the process."""
    with contextlib.suppress(OSError):  # some network disks know no locks
        fcntl.flock(file, fcntl.LOCK_EX)  # only `sweep` can hold it, for a moment


def _copy_ownership(old: Path, new: Path) -> None:
    """Give the new file the owner, group and permissions of the old one."""
    status = old.stat()
    with contextlib.suppress(OSError):  # only root may give files away
        os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o7777)


def sweep(folder: Path) -> int:
    """Remove the temporary files that killed processes left in a folder; returns how many."""
    count = 0
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with (
            contextlib.suppress(OSError),
            os.fdopen(open_regular(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file,
        ):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while somebody writes it
            path.unlink()
            count += 1
    return count


def is_file(path: Path) -> bool:
    """Whether there is such a file; under names too long and in closed folders there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder, as far as can be seen."""
    try:
        return path.is_dir()
    except OSError:
        return False


def stamp(path: Path) -> str:
    """Size and time of change of a file, by which a later change is recognised.

    Raises
    ------
    OSError
        If there is none.
    """
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"


def stamps(paths: Iterable[Path]) -> tuple[str, ...]:
    """Stamps of files; empty where there is none."""
    return tuple(stamp(each) if each.is_file() else "" for each in paths)


def write_bytes(path: Path, content: bytes, *, lasting: bool = False) -> None:
    """Write the whole content or leave the file as it was; `lasting` as in `replacing`."""
    with replacing(path, lasting=lasting) as file:
        file.write(content)


def write_text(path: Path, content: str, *, lasting: bool = False) -> None:
    """Write the whole text (UTF-8) or leave the file as it was; `lasting` as in `replacing`."""
    write_bytes(path, encoded(content), lasting=lasting)


def encoded(text: str) -> bytes:
    """UTF-8 of a text; bytes of a file name that are none appear as backslash, x and two digits.

    Names of old disks and archives are of Latin-1: Python holds such bytes as lone surrogates,
    which no encoding takes.
    """
    try:
        name_bytes = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that are no bytes
        name_bytes = text.encode("utf-8", "backslashreplace")
    return name_bytes.decode("utf-8", "backslashreplace").encode()
