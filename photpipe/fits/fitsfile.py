"""FITS files of the user: read with patience, changed only in the header, never half.

Every change goes to a temporary file in the same folder, which is flushed and renamed over
the frame: a kill at any moment leaves the old file or the new one. The pixels are copied
byte by byte. Before the first change the header as it came is kept in
``.diagnostics/pristine/<name>.<digest>.hdr`` beside the frame; the card PPPRIST names the
digest, so that `restore` can put back the very bytes.
"""

import contextlib
import errno
import functools
import hashlib
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from photpipe.fits.cards import (
    BLOCK_BYTES,
    CARD_BYTES,
    Card,
    Changes,
    changed,
    integer,
    joined,
    parse_cards,
    text_value,
    to_header,
)
from photpipe.ground import files
from photpipe.ground.errors import FrameError

if TYPE_CHECKING:
    from astropy.io import fits
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PRISTINE_KEYWORD = "PPPRIST"
PRISTINE_FOLDER = Path(".diagnostics", "pristine")
STALE_KEYWORDS = frozenset({"CHECKSUM", "DATASUM"})
_KEPT_HEADERS = 256  # of some 50 kB each; as many as cards
_MAX_HEADER_BLOCKS = 2000  # 72 000 cards: longer ones are no headers, but a loop or a lie
_KEYWORD_FIELD = re.compile(rb"[\0\t\x20-\x7e]{8}")
_NO_END = "the header has no END card: the file is damaged; copy or download it again"
STORED_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_NO_IMAGE = {errno.ENOENT: "there is no such file", errno.EISDIR: "a directory, not a frame"}
_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and run again",
    errno.EDQUOT: "your disk quota is used up; make room and run again",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EACCES: "not permitted; change the permissions of the file and its directory",
    errno.EPERM: "not permitted; change the permissions of the file and its directory",
    errno.ENAMETOOLONG: "its name, or one made of it, is longer than the disk allows; rename it",
    errno.EROFS: "the disk is mounted read-only; copy the frames to another one",
}


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header-and-data unit of a file.

    Parameters
    ----------
    raw : bytes
        The header as it stands in the file, END and fill included.
    cards : tuple of Card
        Its cards, mended where they break the standard.
    start : int
        Byte of the file where the header begins.
    data_bytes : int
        Length of the data without fill.
    """

    raw: bytes
    cards: tuple[Card, ...]
    start: int
    data_bytes: int

    @property
    def data_start(self) -> int:
        """Byte of the file where the data begin."""
        return self.start + len(self.raw)

    @property
    def shape(self) -> tuple[int, ...]:
        """Axis lengths, the fastest last (as numpy has it)."""
        axes = integer(self.cards, "NAXIS", 0)
        return tuple(integer(self.cards, f"NAXIS{axis}") for axis in range(axes, 0, -1))


@contextlib.contextmanager
def frame_errors(path: Path) -> Iterator[None]:
    """Turn failures of the operating system into a `FrameError` that says what to do.

    What is neither a file nor a folder is refused: opening a pipe would wait for ever.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise FrameError(path.name, "a pipe or a device, not a frame")
        yield
    except OSError as error:
        culprit = _culprit(error, path)
        if not culprit and error.errno in _NO_IMAGE:
            raise FrameError(path.name, _NO_IMAGE[error.errno]) from error
        reason = _ADVICE.get(error.errno or 0, f"{error.strerror or error}{culprit}")
        raise FrameError(path.name, f"{reason}; the frame is unchanged") from error


def _culprit(error: OSError, path: Path) -> str:
    """Name of the file that an error is about, where it is not the frame."""
    is_other = isinstance(error.filename, str) and Path(error.filename) != path
    return f": {error.filename}" if is_other else ""


def read_primary(path: Path) -> Hdu:
    """Primary header of a file and the place of its data.

    Raises
    ------
    FrameError
        If the file is missing, empty, not FITS, damaged or truncated.
    """
    with frame_errors(path), path.open("rb") as file:
        return read_hdu(file, 0, path.name)


def read_hdu(file: BinaryIO, start: int, name: str) -> Hdu:
    """Header-and-data unit that begins at a byte of an open file.

    Raises
    ------
    FrameError
        If there is no FITS header, or the file ends before its data do.
    """
    raw, end = _raw_header(file, start, name)
    cards, mended = parse_cards(raw[:end])
    try:
        shape, data_bytes = _layout(cards)
    except ValueError as error:
        raise FrameError(name, f"{error}; the header is damaged") from error
    hdu = Hdu(raw, tuple(cards), start, data_bytes)
    if data_bytes:  # what is not needed of a compressed file is not unpacked
        file.seek(hdu.data_start + data_bytes - 1)
    if data_bytes and not file.read(1):
        present = file.seek(0, os.SEEK_END) - hdu.data_start
        reason = f"truncated: {max(present, 0)} of {data_bytes} bytes of pixels {shape} are there"
        raise FrameError(name, f"{reason}; copy or download it again")
    if mended:
        log.debug("%s: %d header cards break the standard and were corrected", name, mended)
    return hdu


def _raw_header(file: BinaryIO, start: int, name: str) -> tuple[bytes, int]:
    """Header that begins at `start`, to the end of its last block, and where its END stands."""
    file.seek(start)
    raw = bytearray()
    for _ in range(_MAX_HEADER_BLOCKS):
        block = file.read(BLOCK_BYTES)
        if not raw and not block.startswith((b"SIMPLE  =", b"XTENSION=")):
            raise FrameError(
                name,
                f"{'not a FITS file' if block else 'the file is empty'}; copy or download it again",
            )
        for at in range(0, len(block), CARD_BYTES):
            keyword = block[at : at + 8]
            if keyword == b"END     ":
                return bytes(raw + block), len(raw) + at
            if not _KEYWORD_FIELD.fullmatch(keyword):
                raise FrameError(name, _NO_END)
        raw += block
        if len(block) < BLOCK_BYTES:
            break
    raise FrameError(name, _NO_END)


def _layout(cards: Sequence[Card]) -> tuple[tuple[int, ...], int]:
    """Axis lengths and the number of bytes of the data.

    Raises
    ------
    ValueError
        If a structural card is missing or absurd.
    """
    bitpix, axes = integer(cards, "BITPIX"), integer(cards, "NAXIS")
    if bitpix not in STORED_TYPES or not 0 <= axes <= 999:
        raise ValueError(f"BITPIX is {bitpix}, NAXIS is {axes}")
    shape = tuple(integer(cards, f"NAXIS{axis}") for axis in range(axes, 0, -1))
    groups, extra = integer(cards, "GCOUNT", 1), integer(cards, "PCOUNT", 0)
    if min((*shape, groups, extra)) < 0:
        raise ValueError(f"an axis has a negative length: {shape}")
    values = math.prod(shape) if shape else 0
    return shape, abs(bitpix) // 8 * groups * (extra + values)


def read_header(path: Path) -> "fits.Header":
    """Primary header of a frame, mended so that reading it warns of nothing; not to be changed.

    Stages read the header of a frame again and again, and the values of astropy's cards are taken
    apart when they are looked at: the last headers that were read are kept.

    Raises
    ------
    FrameError
        If the file cannot be used.
    """
    return _header_of(read_primary(path).cards)


@functools.lru_cache(_KEPT_HEADERS)
def _header_of(cards: tuple[Card, ...]) -> "fits.Header":
    return to_header(cards)


def stored_pixels(path: Path, hdu: Hdu) -> "NDArray[Any]":
    """Pixels as they are stored, without BZERO and BSCALE; read from disk when looked at."""
    import numpy as np

    stored_type = STORED_TYPES[integer(hdu.cards, "BITPIX")]
    return np.memmap(path, stored_type, "r", hdu.data_start, hdu.shape)


def update_header(path: Path, changes: Changes) -> None:
    """Change header cards of a frame: all of them or, on failure, none.

    Parameters
    ----------
    path : Path
        The frame; its pixels are not touched.
    changes : mapping
        Keyword to value, to (value, comment), or to None for removal.

    Raises
    ------
    FrameError
        If the frame cannot be read or written.
    """
    hdu = read_primary(path)
    write_cards(path, hdu, changed(hdu.cards, changes))


def write_cards(path: Path, hdu: Hdu, cards: Sequence[Card]) -> bool:
    """Give a frame new header cards; its pixels, owner and permissions stay.

    The header as it came is kept first. A frame that would not change is not written.

    Parameters
    ----------
    path : Path
        The frame.
    hdu : Hdu
        Its primary header as it was read.
    cards : sequence of Card
        All cards of the new header, without END.

    Returns
    -------
    bool
        Whether the file was written.

    Raises
    ------
    FrameError
        If the frame or its folder cannot be written, or the disk is full.
    """
    new = [card for card in cards if card.keyword not in STALE_KEYWORDS]
    with frame_errors(path):
        if pristine_cards(path, hdu.cards) is None:
            new = changed(new, {PRISTINE_KEYWORD: (_digest(hdu.raw), "PP: kept original header")})
        header = joined(new)
        if header == hdu.raw:
            return False
        _check_permission(path)
        _keep(path, hdu)
        _rewrite(path, hdu, header)
    return True


def _rewrite(path: Path, hdu: Hdu, header: bytes) -> None:
    """Replace the header; everything behind it is copied as it is.

    Raises
    ------
    FrameError
        If the header is not the one that was read: somebody else works on the frame.
    """
    with path.open("rb") as source, files.replacing(path, lasting=True) as target:
        if source.read(len(hdu.raw)) != hdu.raw:
            raise FrameError(path.name, "another program changed it meanwhile; run again")
        target.write(header)
        shutil.copyfileobj(source, target, 1 << 20)


def _check_permission(path: Path) -> None:
    """Respect a write protection that renaming would step over.

    Raises
    ------
    PermissionError
        If nobody may write the file.
    """
    if path.is_symlink():  # the link is replaced by a file of its own; what it leads to stays
        return
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "write-protected")


def pristine_cards(path: Path, cards: Sequence[Card]) -> tuple[Card, ...] | None:
    """Cards that a frame had before its first change, or None if none are kept for it."""
    kept = _kept_file(path, cards)
    if kept is None:
        return None
    with kept.open("rb") as file:
        raw, end = _raw_header(file, 0, kept.name)
    return tuple(parse_cards(raw[:end])[0])


def _kept_file(path: Path, cards: Sequence[Card]) -> Path | None:
    """File of the kept header that the card PPPRIST names, under whatever name it was kept."""
    digest = text_value(cards, PRISTINE_KEYWORD)
    if not digest.isalnum():
        return None
    folder = path.parent / PRISTINE_FOLDER
    expected = folder / _kept_name(path, digest)
    for file in [expected] if expected.is_file() else sorted(folder.glob(f"*.{digest}.hdr")):
        if _digest(file.read_bytes()) == digest:
            return file
        log.warning("%s is damaged and is ignored", file)
    return None


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]


def _kept_name(path: Path, digest: str) -> str:
    return f"{path.name[:200]}.{digest}.hdr"


def _keep(path: Path, hdu: Hdu) -> None:
    """Keep the header as it came; a header that is kept is never written again."""
    if _kept_file(path, hdu.cards) is not None:
        return
    folder = path.parent / PRISTINE_FOLDER
    files.make_folder(folder)
    kept = folder / _kept_name(path, _digest(hdu.raw))
    files.write_bytes(kept, hdu.raw, lasting=True)


def restore(path: Path) -> bool:
    """Put the header back that the frame had before its first change, byte for byte.

    Returns
    -------
    bool
        False if the frame was never changed: there is nothing to restore.

    Raises
    ------
    FrameError
        If the frame was changed and its kept header is gone, or it cannot be written.
    """
    hdu = read_primary(path)
    with frame_errors(path):
        kept = _kept_file(path, hdu.cards)
        if kept is None:
            if not text_value(hdu.cards, PRISTINE_KEYWORD):
                return False
            raise FrameError(path.name, f"no original header is in {path.parent / PRISTINE_FOLDER}")
        _check_permission(path)
        _rewrite(path, hdu, kept.read_bytes())
    return True
