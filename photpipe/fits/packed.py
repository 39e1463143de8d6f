"""Compressed files, unpacked as far as they are read and no further.

Four megabytes can hold four gigabytes of blanks: nobody unpacks more than the header declares,
nor more than the disk takes.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from photpipe.ground.errors import FrameError

PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip")
_CHUNK = 1 << 20  # bytes at a time: memory against calls
_DAMAGED = (
    *(EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError),
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError),
)
_OPENERS: tuple[tuple[bytes, Callable[[Path], object]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
_ZIP = b"PK\x03\x04"
_REFUSED = (
    (b"\x1f\x9d", "a file of 'compress' (.Z)", "gunzip"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x"),
    (b"Rar!", "a RAR archive", "unrar x"),
)
_FOREIGN = (
    (b"II*\0", "a raw file of a digital camera, or a TIFF"),
    (b"MM\0*", "a raw file of a digital camera, or a TIFF"),
    (b"IIRO", "a raw file of a digital camera"),
    (b"IIRS", "a raw file of a digital camera"),
    (b"IIU\0", "a raw file of a digital camera"),
    (b"\0\0\0\x18ftypcrx", "a raw file of a digital camera"),
    (b"FUJIFILM", "a raw file of a digital camera"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"\x89PNG", "a PNG"),
    (b"XISF0100", "a file of PixInsight (XISF)"),
)
RAW_SUFFIXES = frozenset(
    {".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2", ".pef", ".dng"}
)
"""How the names of raw files of digital cameras end, in small letters."""
RAW_ADVICE = (
    "convert it to FITS without debayering (Siril does), and run on that; the colours are taken "
    "apart here"
)
_LONGEST_MAGIC = 12  # bytes: no magic number is longer


class _Unpacking(io.BufferedIOBase):
    """Content of a compressed file that can be read at any place."""

    def __init__(self, packed: BinaryIO, store: BinaryIO, path: Path) -> None:
        self._packed, self._store, self._path = packed, store, path
        self._unpacked = self._position = 0

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def tell(self) -> int:
        """Byte that is read next."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte; the end is that of what was unpacked by then."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._unpacked}[whence]
        self._position = start + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Read so many bytes from here on.

        Raises
        ------
        FrameError
            If the compressed data are damaged, or there is no room for them.
        """
        wanted = self._unpacked if size is None or size < 0 else self._position + size
        self._unpack_to(wanted)
        self._store.seek(self._position)
        content = self._store.read(max(0, wanted - self._position))
        self._position += len(content)
        return content

    def _unpack_to(self, end: int) -> None:
        if end <= self._unpacked:
            return
        free = shutil.disk_usage(self._path.parent).free
        if end - self._unpacked > free:
            needed = (end - self._unpacked) / 1e9
            reason = f"unpacked it needs {needed:.1f} GB, the disk has {free / 1e9:.1f} GB left"
            raise FrameError(self._path.name, f"{reason}; make room and run again")
        self._store.seek(self._unpacked)
        with _damage_told(self._path):
            while self._unpacked < end:
                piece = self._packed.read(min(_CHUNK, end - self._unpacked))
                if not piece:
                    return
                self._store.write(piece)
                self._unpacked += len(piece)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """File to read and whether it was compressed; unpacked data vanish with the process.

    Raises
    ------
    FrameError
        If the compressed data are damaged, or of a kind that is not unpacked here.
    """
    with path.open("rb") as file:
        start = file.read(_LONGEST_MAGIC)
        for magic, what, command in _REFUSED:
            if start.startswith(magic):
                raise FrameError(path.name, f"{what}; unpack it first: {command} '{path.name}'")
        for magic, what in _FOREIGN:
            if start.startswith(magic):
                raise FrameError(path.name, f"{what}, no FITS file; {RAW_ADVICE}")
        opener = next((each for magic, each in _OPENERS if start.startswith(magic)), None)
        if opener is None and not start.startswith(_ZIP):
            file.seek(0)
            yield file, False
            return
    with (
        tempfile.TemporaryFile(dir=path.parent) as store,
        _damage_told(path),
        _unzipped(path) if opener is None else cast("BinaryIO", opener(path)) as packed,
    ):
        yield cast("BinaryIO", _Unpacking(packed, cast("BinaryIO", store), path)), True


@contextlib.contextmanager
def _unzipped(path: Path) -> Iterator[BinaryIO]:
    """The one file in a ZIP archive.

    Raises
    ------
    FrameError
        If there are more, or none.
    """
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
        if len(members) != 1:
            reason = f"an archive of {len(members)} files; unzip it and prepare the images"
            raise FrameError(path.name, reason)
        with archive.open(members[0]) as packed:
            yield cast("BinaryIO", packed)


@contextlib.contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turn what the decoders raise into a `FrameError`."""
    reason = "the compressed file is damaged, truncated or locked; copy or download it again"
    try:
        yield
    except _DAMAGED as error:
        raise FrameError(path.name, reason) from error
    except OSError as error:
        if error.errno is None:  # bz2 has no error of its own
            raise FrameError(path.name, reason) from error
        raise
