"""Plain frames out of compressed, multi-extension and untrimmed files.

The pipeline works on files with one two-dimensional image and no extension. From anything
else such files are written beside the original, which stays as it is: ``a.fits.gz`` and
``a.fits.fz`` become ``a.fits``, the detectors of ``a.fits`` become ``a_1.fits``, ``a_2.fits``.
The card PPSOURCE of the new file names the original and PPSRCKEY the bytes of its header, so
that a second run finds its own file, and never writes over somebody else's.
"""

import contextlib
import hashlib
import io
import logging
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from photpipe.fits import packed
from photpipe.fits.cards import (
    BLOCK_BYTES,
    COMMENTARY,
    Card,
    CardValue,
    Changes,
    changed,
    formatted,
    integer,
    joined,
    text_value,
    to_header,
)
from photpipe.fits.fitsfile import (
    STALE_KEYWORDS,
    STORED_TYPES,
    Hdu,
    frame_errors,
    read_hdu,
    read_primary,
    stored_pixels,
)
from photpipe.ground import files
from photpipe.ground.errors import FrameError
from photpipe.ground.log import FRAME

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

SOURCE_KEYWORD = "PPSOURCE"
_KEY_KEYWORD = "PPSRCKEY"
TRIM_KEYWORD = "PPTRIM"
_COMPRESSED_SUFFIXES = (*packed.PACKED_SUFFIXES, ".fz")
_MOST_UNITS = 1000  # the largest mosaics have some hundred detectors
COLOUR_PLANES = (3,)
"""Shape above the picture of an image of red, green and blue."""
_LONGEST_NAME = 255  # NAME_MAX of Linux, bytes
_SMALLEST_TRIMMED_PX = 16  # by judgement: what is smaller holds no star with its sky
# extensions that belong to an image and are none themselves
_ACCESSORY = re.compile(
    r"BPM|ERR(?:OR)?|SIGMA|RMS|NOISE|UNCERT(?:AINTY)?|I?VAR|MASK|DQ|FLAGS?|WHT|WEIGHT|EXP(?:MAP)?"
    r"|CTX|CONTEXT|BKG|BACKGROUND"
)
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|NEXTEND|PCOUNT|GCOUNT|GROUPS|INHERIT|END"
)
_TABLE = re.compile(
    r"TFIELDS|THEAP|(?:TTYPE|TFORM|TUNIT|TSCAL|TZERO|TNULL|TDISP|TDIM)\d+"
    r"|Z(?:IMAGE|SIMPLE|TENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|BLOCKED|CMPTYPE|QUANTIZ"
    r"|DITHER0|BLANK|MASKCMP|HECKSUM|DATASUM|SCALE|ZERO|TILE\d+|NAME\d+|VAL\d+)"
)
_SCALING = frozenset({"BZERO", "BSCALE", "BLANK", "DATAMIN", "DATAMAX"})


@dataclass(frozen=True, slots=True)
class _Detector:
    """One image of a file: where it is, and the header a plain file of it gets."""

    hdu: Hdu
    cards: tuple[Card, ...]
    key: str
    compressed: bool


def plain_frames(path: Path, *, write: bool = True) -> tuple[Path, ...]:
    """Plain frames that a file stands for: itself, or files written beside it.

    Parameters
    ----------
    path : Path
        A FITS file; plain, compressed (gzip, bzip2, xz, zip, tiles) or with extensions.
    write : bool
        False: only tell the names of files that would be written.

    Raises
    ------
    FrameError
        If the file is damaged or holds no image, or a file in the way is not its own.
    """
    with frame_errors(path), packed.opened(path) as (file, compressed):
        units = _units(file, path.name)
        if not compressed and len(units) == 1:
            _check_shape(units[0].shape, path.name)
            return (path,)
        detectors = _detectors(units, path.name)
        names = _names(path, len(detectors))
        for name, detector in zip(names, detectors, strict=True):
            target = path.with_name(name)
            _write(file, detector, target, path, write=write)
        return tuple(path.with_name(name) for name in names)


def read_header(path: Path) -> "Header":
    """Header of the first image of a file, which may be compressed, mended to be read.

    Raises
    ------
    FrameError
        If the file cannot be used, or has no image.
    """
    with frame_errors(path), packed.opened(path) as (file, _):
        units = _units(file, path.name)
        if len(units) == 1:
            return to_header(units[0].cards)
        return to_header(_detectors(units, path.name)[0].cards)


def _units(file: BinaryIO, name: str) -> list[Hdu]:
    """All header-and-data units of a file; what follows the last one is not looked at."""
    units = [read_hdu(file, 0, name)]
    while True:
        last = units[-1]
        start = last.data_start + -(-last.data_bytes // BLOCK_BYTES) * BLOCK_BYTES
        file.seek(start)
        if file.read(9) != b"XTENSION=":
            return units
        if len(units) >= _MOST_UNITS:
            raise FrameError(
                name, f"it has more than {_MOST_UNITS} extensions: this is not a frame"
            )
        units.append(read_hdu(file, start, name))


def _detectors(units: Sequence[Hdu], name: str) -> list[_Detector]:
    """Images of detectors among the units of a file.

    Raises
    ------
    FrameError
        If there is none, or one is not two-dimensional.
    """
    found = []
    for unit in units:
        compressed = _flag(unit.cards, "ZIMAGE")
        prefix = "Z" if compressed else ""
        is_table = text_value(unit.cards, "XTENSION") not in {"", "IMAGE"} and not compressed
        if is_table or _ACCESSORY.fullmatch(text_value(unit.cards, "EXTNAME").upper()):
            continue
        axes = integer(unit.cards, f"{prefix}NAXIS", 0)
        shape = [integer(unit.cards, f"{prefix}NAXIS{i}") for i in range(axes, 0, -1)]
        if not shape or (0 in shape and len(units) > 1):
            continue
        _check_shape(shape, name)
        cards = _plain_cards(units[0], unit, shape, prefix)
        key = hashlib.sha256(units[0].raw + unit.raw).hexdigest()[:16]
        found.append(_Detector(unit, cards, key, compressed))
    if not found:
        raise FrameError(name, "there is no image in it")
    return found


def _flag(cards: Sequence[Card], keyword: str) -> bool:
    return any(
        card.keyword == keyword and card.image[10:].lstrip().startswith(b"T") for card in cards
    )


def _check_shape(shape: Sequence[int], name: str) -> None:
    """Refuse what is not one picture.

    Raises
    ------
    FrameError
        If it is a cube, a spectrum, or empty.
    """
    planes = 1
    for length in shape[:-2]:
        planes *= length
    if len(shape) < 2 or 0 in shape:
        raise FrameError(name, f"there is no two-dimensional image in it (axes {shape[::-1]})")
    if planes > 1 and tuple(shape[:-2]) != COLOUR_PLANES:
        reason = f"a cube of {planes} images; split it into frames and prepare those"
        raise FrameError(name, reason)


def _plain_cards(primary: Hdu, unit: Hdu, shape: Sequence[int], prefix: str) -> tuple[Card, ...]:
    """Header of a plain file: structure, cards of the primary header, then the unit's own."""
    bitpix = integer(unit.cards, f"{prefix}BITPIX")
    structure = _structure(bitpix, shape if tuple(shape[:-2]) == COLOUR_PLANES else shape[-2:])
    own = [card for card in unit.cards if _is_carried(card.keyword)]
    if unit is primary:
        return (*structure, *own)
    names = {card.keyword for card in own} - COMMENTARY
    shared = [
        card
        for card in primary.cards
        if _is_carried(card.keyword) and card.keyword not in names | _SCALING
    ]
    return (*structure, *shared, *own)


def _structure(bitpix: int, shape: Sequence[int]) -> list[Card]:
    """First cards of a plain file."""
    axes = {f"NAXIS{number}": length for number, length in enumerate(reversed(shape), 1)}
    first: dict[str, CardValue] = {"SIMPLE": True, "BITPIX": bitpix, "NAXIS": len(shape)}
    return [formatted(name, value) for name, value in (first | axes).items()]


def _is_carried(keyword: str) -> bool:
    """Whether a card means the same in a plain file."""
    described = _STRUCTURE.fullmatch(keyword) or _TABLE.fullmatch(keyword)
    return described is None and keyword not in STALE_KEYWORDS


def _names(path: Path, count: int) -> list[str]:
    """Names of the plain files of an original: without its compression, numbered if several."""
    name = path.name
    for suffix in _COMPRESSED_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        stem, suffix = name, "fits"
    if count == 1 and f"{stem}.{suffix}" != path.name:
        return [f"{stem}.{suffix}"]
    return [f"{stem}_{number}.{suffix}" for number in range(1, count + 1)]


def _write(
    file: BinaryIO, detector: _Detector, target: Path, original: Path, *, write: bool
) -> None:
    """Write the plain file of a detector unless it is there already."""
    if _is_there(target, original, detector.key) or not write:
        return
    cards = changed(detector.cards, _provenance(original, detector.key))
    with _creating(target, original, detector.key) as out:
        out.write(joined(cards))
        if detector.compressed:
            length = out.write(_decompressed(file, detector, original.name))
        else:
            length = detector.hdu.data_bytes
            _copy(file, detector.hdu.data_start, length, out)
        out.write(bytes(-length % BLOCK_BYTES))
    log.info("%s: unpacked into %s", original.name, target.name, extra=FRAME)


@contextlib.contextmanager
def _creating(target: Path, original: Path, key: str) -> Iterator[BinaryIO]:
    """New plain file; if somebody wrote one of this name meanwhile, theirs stays.

    Raises
    ------
    FrameError
        If it was made from something else.
    """
    try:
        with files.creating(target) as out:
            yield out
    except FileExistsError:
        _is_there(target, original, key)


def _provenance(original: Path, key: str) -> Changes:
    return {
        SOURCE_KEYWORD: (_encoded(original.name), "PP: unpacked from this file"),
        _KEY_KEYWORD: (key, "PP: identifies its header"),
    }


def _encoded(name: str) -> str:
    """File name in the characters of a header; others, blanks and quotes as in web addresses."""
    return urllib.parse.quote_from_bytes(os.fsencode(name), safe="!#$()*+,;=@[]^_`{}~.-")


def source_name(cards: Sequence[Card]) -> str:
    """Name of the file that a frame was made of; empty if its header holds none."""
    name = os.fsdecode(urllib.parse.unquote_to_bytes(text_value(cards, SOURCE_KEYWORD)))
    is_name = name not in {"", ".", ".."} and not set(name) & {"/", "\0"}
    is_name = is_name and len(os.fsencode(name)) <= _LONGEST_NAME
    return name if is_name else ""


def _is_there(target: Path, original: Path, key: str) -> bool:
    """Whether the plain file exists already.

    Raises
    ------
    FrameError
        If a file of this name exists that was made from something else.
    """
    if not target.exists():
        return False
    try:
        cards = read_primary(target).cards
    except FrameError:
        cards = ()
    source = source_name(cards)
    if source == original.name and text_value(cards, _KEY_KEYWORD) == key:
        return True
    reason = "already exists and was not made from this file; rename or move one of them"
    if source == original.name:
        reason = "was made from another file of this name; remove it and run again"
    raise FrameError(original.name, f"{target.name} {reason}")


def _copy(file: BinaryIO, start: int, length: int, out: BinaryIO) -> None:
    """Copy a stretch of a file."""
    file.seek(start)
    while length > 0:
        piece = file.read(min(length, 1 << 20))
        length -= out.write(piece) or length


def _decompressed(file: BinaryIO, detector: _Detector, name: str) -> bytes:
    """Pixels of a tile-compressed image as they are stored in a plain file.

    Raises
    ------
    FrameError
        If the compressed data are damaged.
    """
    from astropy.io import fits

    unit = io.BytesIO()
    # a file of its own with mended cards: astropy stumbles over strangers' headers
    unit.write(joined(_structure(8, ())))
    unit.write(joined(detector.hdu.cards))
    _copy(file, detector.hdu.data_start, detector.hdu.data_bytes, unit)
    unit.write(bytes(-unit.tell() % BLOCK_BYTES))
    unit.seek(0)
    try:
        with fits.open(unit, do_not_scale_image_data=True) as hdus:
            pixels = hdus[1].data
            bitpix = integer(detector.hdu.cards, "ZBITPIX")
            return bytes(pixels.astype(STORED_TYPES[bitpix], copy=False).tobytes())
    except Exception as error:  # the decoders raise whatever they like
        reason = "its compressed pixels are damaged; copy or download it again"
        raise FrameError(name, reason) from error


def trimmed(path: Path, margins: Mapping[str, int], *, write: bool = True) -> Path:
    """Frame without its edges, as a file ``<stem>_trim`` beside the original.

    Parameters
    ----------
    path : Path
        A plain frame; one that was trimmed already is returned as it is.
    margins : mapping
        Pixels to cut off at ``left``, ``right``, ``bottom`` and ``top``.
    write : bool
        False: only tell the name.

    Raises
    ------
    FrameError
        If the frame is too small, or a file in the way is not its own.
    """
    hdu = read_primary(path)
    if any(card.keyword == TRIM_KEYWORD for card in hdu.cards):
        return path
    ny, nx = hdu.shape[-2:]
    left, right, bottom, top = (margins[side] for side in ("left", "right", "bottom", "top"))
    if min(nx - left - right, ny - bottom - top) < _SMALLEST_TRIMMED_PX:
        raise FrameError(path.name, f"too small ({nx} x {ny} pixels) to cut off its edges")
    target = path.with_name(f"{path.stem}_trim{path.suffix}")
    key = hashlib.sha256(hdu.raw).hexdigest()[:16]
    with frame_errors(path):
        if write and not _is_there(target, path, key):
            pixels = stored_pixels(path, hdu)[..., bottom : ny - top, left : nx - right]
            cards = changed(hdu.cards, _trim_changes(hdu.cards, pixels.shape, (left, bottom)))
            with _creating(target, path, key) as out:
                out.write(joined(changed(cards, _provenance(path, key))))
                length = out.write(pixels.tobytes())
                out.write(bytes(-length % BLOCK_BYTES))
            log.info("%s: edges cut off, written to %s", path.name, target.name)
    return target


def write_part(original: Path, target: Path, cards: Sequence[Card], pixels: "NDArray[Any]") -> None:
    """Write a frame that was made of another one, unless it is there already.

    Parameters
    ----------
    original, target : Path
        The frame it was made of, and the new file beside it.
    cards : sequence of Card
        Header of the new file, its structure included.
    pixels : array
        As they are to be stored.

    Raises
    ------
    FrameError
        If a file in the way is not its own.
    """
    key = hashlib.sha256(read_primary(original).raw).hexdigest()[:16]
    with frame_errors(original):
        if _is_there(target, original, key):
            return
        with _creating(target, original, key) as out:
            out.write(joined(changed(cards, _provenance(original, key))))
            length = out.write(pixels.tobytes())
            out.write(bytes(-length % BLOCK_BYTES))
    log.info("%s: written to %s", original.name, target.name)


def _trim_changes(
    cards: Sequence[Card], shape: tuple[int, ...], corner: tuple[int, int]
) -> Changes:
    """Cards that change when an image loses its edges: its size and its reference pixel."""
    changes: dict[str, CardValue | tuple[CardValue, str]] = {
        "NAXIS1": shape[-1],
        "NAXIS2": shape[-2],
        TRIM_KEYWORD: (True, "PP: edges were cut off"),
    }
    header = to_header(cards)
    for axis, offset in zip((1, 2), corner, strict=True):
        with contextlib.suppress(KeyError, ValueError, TypeError):
            changes[f"CRPIX{axis}"] = float(header[f"CRPIX{axis}"]) - offset
    return changes
