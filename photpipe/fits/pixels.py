"""The one reader of pixels: whatever their type, their scaling and their blanks.

What the FITS standard calls harmless is harmless here: axes of length one, NAXISn cards beyond
NAXIS, ``SIMPLE = F``, BLANK of floats, BZERO and BSCALE written as texts, bytes behind the image.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photpipe.fits.cards import to_header
from photpipe.fits.fitsfile import Hdu, frame_errors, read_primary, stored_pixels
from photpipe.fits.values import as_number, card_value
from photpipe.ground.errors import FrameError

Pixels = NDArray[np.float32]
FloatArray = NDArray[Any]

_SCALING = ("BSCALE", "BZERO", "BLANK")
_UNSIGNED_64 = 2**63  # BZERO of unsigned integers of 64 bits
_EXACT_IN_FLOAT32 = 2**24  # IEEE 754: integers up to here have a float32 of their own
_SMALL_INTEGER_BITS = 16  # larger integers do not fit a float32 exactly
_BLOCK_PIXELS = 1 << 22  # 16 MB of float32 at a time: memory against calls
_FINGERPRINT_ROWS = 24  # tell whether a file is the same: noise is never the same twice


@dataclass(frozen=True, slots=True)
class Plane:
    """Pixels of a frame, read from disk where they are looked at; NaN where blank.

    Parameters
    ----------
    stored : array, shape (ny, nx)
        Pixels as they are stored.
    scale, zero, blank : float
        BSCALE, BZERO, BLANK (NaN if there is none).
    """

    stored: NDArray[np.generic]
    scale: float
    zero: float
    blank: float

    @property
    def shape(self) -> tuple[int, int]:
        """Size (ny, nx)."""
        ny, nx = self.stored.shape
        return int(ny), int(nx)

    def part(self, rows: slice, columns: slice) -> Pixels:
        """Values of a part of the frame, in single precision."""
        return np.asarray(self._values(np.asarray(self.stored[rows, columns])), np.float32)

    def values(self) -> FloatArray:
        """All values, shape (ny, nx), in single precision where that is exact, else in double."""
        return self._values(np.asarray(self.stored))

    def blocks(self) -> Iterator[FloatArray]:
        """All values, some rows at a time: frames may be larger than the memory."""
        ny, nx = self.shape
        step = max(1, _BLOCK_PIXELS // nx)
        for row in range(0, ny, step):
            yield self._values(np.asarray(self.stored[row : row + step]))

    def _values(self, stored: NDArray[Any]) -> FloatArray:
        is_integer = stored.dtype.kind in "iu"
        blank = stored == self.blank if is_integer and not np.isnan(self.blank) else None
        if self.zero == _UNSIGNED_64 and stored.dtype.itemsize == 8 and is_integer:
            # as floats they would lose their last digits before the sum
            values = (stored.astype("i8").view("u8") ^ np.uint64(_UNSIGNED_64)).astype(float)
        else:
            kind = self._precision(stored.dtype)
            values = stored.astype(kind)
            if (self.scale, self.zero) != (1.0, 0.0):
                values = values * kind(self.scale) + kind(self.zero)
        if blank is not None:
            values[blank] = np.nan
        if not is_integer:
            values[~np.isfinite(values)] = np.nan
        return values

    def _precision(self, stored: np.dtype[Any]) -> type[np.float32] | type[np.float64]:
        """Type that holds all values that can be stored."""
        if stored.kind == "f":
            return np.float32 if stored.itemsize == 4 else np.float64
        is_whole = self.scale == 1.0 and self.zero % 1.0 == 0.0
        is_small = stored.itemsize * 8 <= _SMALL_INTEGER_BITS and abs(self.zero) < _EXACT_IN_FLOAT32
        return np.float32 if is_whole and is_small else np.float64

    def fingerprint(self) -> str:
        """Short text that changes with the pixels: checksum of some rows."""
        step = max(1, self.shape[0] // _FINGERPRINT_ROWS)
        return f"{zlib.crc32(np.ascontiguousarray(self.stored[::step]).tobytes()):08x}"


def open_plane(path: Path) -> Plane:
    """Pixels of a frame.

    Raises
    ------
    FrameError
        If the file is no plane image.
    """
    return plane_of(path, read_primary(path))


def plane_of(path: Path, hdu: Hdu) -> Plane:
    """Pixels of a frame whose header was read.

    Raises
    ------
    FrameError
        If it is no plane image, or cannot be read.
    """
    header = to_header(each for each in hdu.cards if each.keyword in _SCALING)
    if 0 in hdu.shape or len(hdu.shape) < 2:
        raise FrameError(path.name, "it contains no two-dimensional image")
    with frame_errors(path):
        stored = stored_pixels(path, hdu)
    while stored.ndim > 2 and stored.shape[0] == 1:
        stored = stored[0]
    if stored.ndim != 2:
        raise FrameError(path.name, "it contains no two-dimensional image")
    scale, zero, blank = (as_number(card_value(header, key)) for key in _SCALING)
    return Plane(stored, scale or 1.0, zero or 0.0, np.nan if blank is None else blank)


def read_pixels(path: Path) -> FloatArray:
    """All pixels of a frame, shape (ny, nx); NaN where they are blank or infinite.

    Raises
    ------
    FrameError
        If the file is no plane image, or cannot be read.
    """
    return open_plane(path).values()
