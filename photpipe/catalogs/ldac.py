"""Catalogs in the form FITS_LDAC, which Source Extractor writes and SCAMP reads.

A primary HDU without pixels, then two binary tables: ``LDAC_IMHEAD`` with the header of the
image in a single cell, and ``LDAC_OBJECTS`` with one row per source. The tables are taken by
name. The parts are read and written directly instead of as HDUs of astropy: that is three times
as fast, a damaged file is an error instead of a warning, and the cards of the image keep the
blanks at their ends, without which SCAMP 2.10 crashes.
"""

import contextlib
import functools
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from photpipe.catalogs.columns import SourceColumns
from photpipe.ground import files
from photpipe.ground.errors import FrameError

OBJECTS = "LDAC_OBJECTS"
IMAGE_HEADER = "LDAC_IMHEAD"

_BLOCK = 2880  # bytes; FITS standard 4.0, section 3.1
_CARD = 80  # FITS standard 4.0, section 3.3: characters of a card
_KNOWN_HEADERS = 64  # kept in memory
_QUOTED = re.compile(r"\s*'((?:[^']|'')*)'")
_WHOLE = re.compile(r"[+-]?\d+")
_TYPES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_LETTERS = {"i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
# Source Extractor fills the cards that it edits with zero bytes
_PRINTABLE = bytes([32, *(each if 32 <= each < 127 else 63 for each in range(1, 256))])


class _DamagedError(ValueError):
    """The bytes are not those of a catalog; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Cards of one HDU and where its data begin."""

    header: dict[str, int | str]
    start: int
    size: int


def read_ldac(path: Path) -> tuple[Table, fits.Header]:
    """Read a catalog.

    Parameters
    ----------
    path : Path
        File in the form FITS_LDAC.

    Returns
    -------
    table : Table
        One row per source; a vector such as FLUX_APER has the shape (rows, apertures).
    header : fits.Header
        Header of the image, with what Source Extractor added (``SEX...``); empty if the file
        holds none.

    Raises
    ------
    FrameError
        If the file cannot be read, is truncated, is something else, or holds the sources of
        several images.
    """
    return parse_ldac(_content(path), path.name)


def read_ldac_columns(path: Path, wanted: Collection[str] | None = None) -> SourceColumns:
    """Read the sources of a catalog alone: to take the header apart lasts longer.

    Parameters
    ----------
    wanted : collection of str, optional
        The only columns to read, as far as there are; all if not given.

    Raises
    ------
    FrameError
        As `read_ldac`.
    """
    with _refusing(path.name):
        content = _content(path)
        return _sources(list(_parts(content)), content, wanted)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = f"the catalog cannot be read: {error.strerror or error}; run pp_extract"
        raise FrameError(path.name, reason) from error


def parse_ldac(
    content: bytes, name: str, columns: Collection[str] | None = None
) -> tuple[Table, fits.Header]:
    """Catalog out of the bytes of a file; see `read_ldac`.

    Raises
    ------
    FrameError
        As `read_ldac`; `name` is what the message calls the file.
    """
    with _refusing(name):
        parts = list(_parts(content))
        table = Table(dict(_sources(parts, content, columns).data), copy=False)
        headers = _named(parts, IMAGE_HEADER)
        return table, _image_header(headers[0], content) if headers else fits.Header()


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Say what is wrong with a catalog of a name."""
    try:
        yield
    except (_DamagedError, KeyError, TypeError, ValueError, fits.VerifyError) as error:
        reason = f"this is no complete FITS_LDAC catalog ({error}); run pp_extract again"
        raise FrameError(name, reason) from error


def columns_of(content: bytes, name: str) -> tuple[str, ...]:
    """Names of the columns of the sources in the bytes of a file.

    Raises
    ------
    FrameError
        As `read_ldac`; `name` is what the message calls the file.
    """
    with _refusing(name):
        return _kind(_objects(list(_parts(content))).header).names or ()


def _sources(
    parts: list[_Part], content: bytes, columns: Collection[str] | None = None
) -> SourceColumns:
    return _table(_objects(parts), content, columns)


def _objects(parts: list[_Part]) -> _Part:
    """The one table of sources."""
    objects = _named(parts, OBJECTS)
    if len(objects) != 1:
        wrong = "no table" if not objects else f"{len(objects)} tables"
        raise _DamagedError(f"it holds {wrong} named {OBJECTS} instead of one")
    return objects[0]


def _parts(content: bytes) -> Iterator[_Part]:
    """HDUs of a file, in order."""
    if not content.startswith(b"SIMPLE  ="):
        raise _DamagedError("the file is empty" if not content else "it is not FITS")
    start = 0
    while start < len(content):
        header, start = _header(content, start)
        size = _data_size(header)
        if start + size > len(content):
            missing = start + size - len(content)
            raise _DamagedError(f"the file is truncated, {missing} bytes are missing")
        yield _Part(header, start, size)
        start += -(-size // _BLOCK) * _BLOCK


def _header(content: bytes, start: int) -> tuple[dict[str, int | str], int]:
    """Cards of the header that begins at `start`, and where its data begin."""
    for end in range(start + _BLOCK, len(content) + 1, _BLOCK):
        block = content[end - _BLOCK : end]
        if any(block.startswith(b"END     ", card) for card in range(0, _BLOCK, _CARD)):
            return _values(_ascii(content[start:end])), end
    raise _DamagedError("the file is truncated in a header")


@functools.lru_cache(_KNOWN_HEADERS)
def _values(text: str) -> dict[str, int | str]:
    """Values of cards; of several of one name the first: whole numbers, and all others as texts.

    What describes a table needs no more, and is the same in all catalogs of a night.
    """
    found: dict[str, int | str] = {}
    for start in range(0, len(text), _CARD):
        card = text[start : start + _CARD]
        if card[8:10] == "= ":
            found.setdefault(card[:8].rstrip(), _value(card[10:]))
    return found


def _value(field: str) -> int | str:
    quoted = _QUOTED.match(field)
    if quoted:
        return quoted[1].rstrip()
    word = field.partition("/")[0].strip()
    return int(word) if _WHOLE.fullmatch(word) else word


def _ascii(content: bytes) -> str:
    """Text with question marks where bytes are no printable ASCII."""
    return content.translate(_PRINTABLE).decode("ascii")


def _whole(header: dict[str, int | str], name: str) -> int:
    """A whole number that a header must have."""
    value = header[name]
    if not isinstance(value, int):
        raise _DamagedError(f"{name} is {value!r}")
    return value


def _data_size(header: dict[str, int | str]) -> int:
    """Bytes of data behind a header, without the filling (FITS standard 4.0, section 4.4.1)."""
    axes = [_whole(header, f"NAXIS{axis}") for axis in range(1, _whole(header, "NAXIS") + 1)]
    if not axes:
        return 0
    groups, extra = int(header.get("GCOUNT", 1)), int(header.get("PCOUNT", 0))
    count = groups * (extra + math.prod(axes))
    if min(count, *axes) < 0:
        raise _DamagedError("the size of a table is not plausible")
    return abs(_whole(header, "BITPIX")) // 8 * count


def _named(parts: list[_Part], name: str) -> list[_Part]:
    return [each for each in parts if str(each.header.get("EXTNAME", "")).strip() == name]


def _table(part: _Part, content: bytes, columns: Collection[str] | None) -> SourceColumns:
    """Rows of a binary table, in the byte order of this machine."""
    kind = _kind(part.header)
    rows = np.frombuffer(content, kind, _whole(part.header, "NAXIS2"), part.start)
    names = [each for each in kind.names or () if columns is None or each in columns]
    return SourceColumns({name: _native(rows[name]) for name in names})


def _kind(header: dict[str, int | str]) -> np.dtype[Any]:
    """Columns of a binary table, as numpy describes them."""
    count = _whole(header, "TFIELDS")
    kind = np.dtype([_field(header, number) for number in range(1, count + 1)])
    if kind.itemsize != header["NAXIS1"]:
        raise _DamagedError("its rows differ in length from its columns")
    return kind


def _field(header: dict[str, int | str], number: int) -> tuple[Any, ...]:
    """Name, type and length of one column, as numpy describes it."""
    form, name = (str(header[f"{key}{number}"]).strip() for key in ("TFORM", "TTYPE"))
    repeat = int(form[:-1] or 1)
    if form[-1] == "A":
        return name, f"S{repeat}"
    if form[-1] not in _TYPES:
        raise _DamagedError(f"column {name} has the unexpected type {form}")
    return (name, _TYPES[form[-1]]) if repeat == 1 else (name, _TYPES[form[-1]], (repeat,))


def _native(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if values.dtype.kind == "S":
        return np.char.rstrip(np.char.decode(values, "ascii", "replace"))
    return values.astype(values.dtype.newbyteorder("="))


def _image_header(part: _Part, content: bytes) -> fits.Header:
    """Header of the image, whatever bytes its comments hold."""
    return fits.Header.fromstring(_ascii(content[part.start : part.start + part.size]))


def write_ldac(path: Path, table: Table | SourceColumns, header: fits.Header | str = "") -> None:
    """Write a catalog that SCAMP reads, all of it or nothing.

    Parameters
    ----------
    path : Path
        File to write; an older one is replaced.
    table : Table or SourceColumns
        One row per source. Masked values become NaN, 0 or blank.
    header : fits.Header or str, optional
        Header of the image, or the text of its cards with END; SCAMP does without it in a
        reference catalog.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full.
    """
    columns = {name: _storable(table[name]) for name in table.colnames}
    kinds = [(name, each.dtype, each.shape[1:]) for name, each in columns.items()]
    rows = np.empty(len(table), kinds)
    for name, values in columns.items():
        rows[name] = values
    cards = header if isinstance(header, str) else header.tostring(padding=False)
    cards = cards or f"{'END':{_CARD}}"
    shape = [("TDIM1", f"({_CARD}, {len(cards) // _CARD})")]
    with files.replacing(path) as file:
        file.write(_hdu([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]))
        file.write(_binary_table(IMAGE_HEADER, _cell(cards), shape))
        file.write(_binary_table(OBJECTS, rows))


def _cell(cards: str) -> np.ndarray[Any, Any]:
    """Table of one row and one column that holds the cards of a header."""
    return np.frombuffer(cards.encode("ascii"), [("Field Header Card", f"S{len(cards)}")])


def _binary_table(
    name: str, rows: np.ndarray[Any, Any], extra: Sequence[tuple[str, Any]] = ()
) -> bytes:
    """HDU of a binary table, in the order of cards that Source Extractor uses."""
    names = rows.dtype.names or ()
    cards = [("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2)]
    cards += [("NAXIS1", rows.dtype.itemsize), ("NAXIS2", len(rows)), ("PCOUNT", 0)]
    cards += [("GCOUNT", 1), ("TFIELDS", len(names)), ("EXTNAME", name)]
    for number, column in enumerate(names, 1):
        kind, shape = rows.dtype[column].base, rows.dtype[column].shape
        text = kind.kind == "S"
        length, letter = (
            (kind.itemsize, "A") if text else (math.prod(shape), _LETTERS[kind.str[1:]])
        )
        cards += [(f"TTYPE{number}", column), (f"TFORM{number}", f"{length}{letter}")]
    return _hdu([*cards, *extra], rows.tobytes())


def _hdu(cards: Sequence[tuple[str, Any]], content: bytes = b"") -> bytes:
    """Header and data, each filled up to whole blocks."""
    header = "".join(f"{_card(*each):{_CARD}}" for each in cards) + "END"
    return (
        header.encode("ascii").ljust(-(-len(header) // _BLOCK) * _BLOCK)
        + content
        + bytes(-len(content) % _BLOCK)
    )


def _card(keyword: str, value: str | int) -> str:
    """A card of ours, whose texts are short and without quotes."""
    if isinstance(value, bool):
        return f"{keyword:8}= {'T' if value else 'F':>20}"
    text = f"'{value:8}'" if isinstance(value, str) else f"{value:>20}"
    return f"{keyword:8}= {text}"


def _storable(column: Any) -> np.ndarray[Any, Any]:
    """Values of a column as FITS holds them: floats, signed integers or ASCII text."""
    if np.ma.isMaskedArray(column):
        column = column.filled({"f": np.nan, "i": 0, "u": 0, "b": False}.get(column.dtype.kind, ""))
    values: np.ndarray[Any, Any] = np.asarray(column)
    if values.dtype.kind in "USO":
        text = np.char.encode(values.astype(str), "ascii", "replace")
        return text.astype(f"S{max(1, text.dtype.itemsize)}")
    if values.dtype.str[1:] not in _LETTERS:
        values = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    return values.astype(values.dtype.newbyteorder(">"))
