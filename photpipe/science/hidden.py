"""Stars that show when all known ones are subtracted: what is left, matched with the PSF.

A frame is looked at in tiles, which stay in the processor's memory, and again only where something
has changed.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.psf import Psf

FloatArray = NDArray[np.float64]
FloatArray32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Window = tuple[slice, slice]

TILE_PX = 64  # by measurement: of 32 to 256 the fastest
REACH_FWHM = 1.5  # of the core of the profile, which is what is looked for
PEAK_FWHM = 0.5  # within which a peak is the only one


@dataclass(frozen=True, slots=True)
class Peaks:
    """Places (pixels from 0) where a star may be, and its light."""

    row: IntArray
    column: IntArray
    flux: FloatArray


class Matching:
    """A frame and what is looked for on it.

    Parameters
    ----------
    psf : Psf
        Of the stars.
    shape : (int, int)
        Rows and columns of the frame.
    seen : function
        What is left in a window, and its variance; infinite where a pixel does not count.
    """

    def __init__(
        self,
        psf: Psf,
        shape: tuple[int, int],
        seen: Callable[[Window], tuple[FloatArray32, FloatArray32]],
    ) -> None:
        # the core of the profile as a product of two: what is looked for needs no more
        middle = psf.mesh.half_px
        self._reach = min(middle, math.ceil(REACH_FWHM * psf.shape.fwhm_px))
        self._margin = math.ceil(PEAK_FWHM * psf.shape.fwhm_px)
        cut = slice(middle - self._reach, middle + self._reach + 1)
        root = math.sqrt(psf.pixels[middle, middle])
        self._lines = psf.pixels[cut, middle] / root, psf.pixels[middle, cut] / root
        self._matrices = [
            _sliding(line**power, TILE_PX + 2 * self._margin)
            for power in (1, 2)
            for line in self._lines
        ]
        self._shape, self._seen = shape, seen

    def tiles(self, x: FloatArray | None = None, y: FloatArray | None = None) -> IntArray:
        """Numbers of all tiles, or of those that places concern."""
        rows, columns = (math.ceil(length / TILE_PX) for length in self._shape)
        if x is None or y is None:
            return np.arange(rows * columns)
        away = float(self._reach + self._margin)
        corners = [
            np.clip((along + shift) // TILE_PX, 0, count - 1).astype(int)
            for along, count in ((y, rows), (x, columns))
            for shift in (-away, away)
        ]
        near = [(a, b) for a in corners[:2] for b in corners[2:]]
        return np.unique(np.concatenate([row * columns + column for row, column in near]))

    def peaks(self, tiles: IntArray, least_sigma: float) -> Peaks:
        """Places of some tiles where a star is that significant, more than anywhere near."""
        found: list[tuple[IntArray, IntArray, FloatArray32]] = []
        margin = self._margin
        core = slice(margin, margin + TILE_PX)
        direct = np.array([[-1, 1, 0, 0], [0, 0, -1, 1]])
        around = np.indices((2 * margin + 1, 2 * margin + 1)).reshape(2, -1) - margin
        for top, left, over, weight in self._matched(tiles):
            bright = over[core, core] > least_sigma * np.sqrt(weight[core, core])
            index = np.flatnonzero(bright)
            if not index.size:
                continue
            ratio = over / np.sqrt(weight)
            row, column = (each + margin for each in divmod(index, TILE_PX))
            for shifts in (direct, around):  # few are above those beside them
                near = ratio[row[:, None] + shifts[0], column[:, None] + shifts[1]]
                higher = np.flatnonzero(ratio[row, column] >= near.max(axis=1))
                row, column = row[higher], column[higher]
            flux = over[row, column] / weight[row, column]
            found.append((row - margin + top, column - margin + left, flux))
        if not found:
            nothing = np.empty(0, np.intp)
            return Peaks(nothing, nothing, np.empty(0))
        row, column = (np.concatenate([each[axis] for each in found]) for axis in (0, 1))
        flux = np.concatenate([each[2] for each in found])
        good = (row < self._shape[0]) & (column < self._shape[1])
        return Peaks(row[good], column[good], flux[good].astype(float))

    def significances(self, tiles: IntArray) -> Iterator[tuple[Window, FloatArray32]]:
        """Windows of a frame, and how significant a star would be on each pixel."""
        for top, left, over, weight in self._matched(tiles):
            part = (
                slice(self._margin, self._margin + min(TILE_PX, self._shape[0] - top)),
                slice(self._margin, self._margin + min(TILE_PX, self._shape[1] - left)),
            )
            ratio = np.divide(over[part], np.sqrt(weight[part]), dtype=np.float32)
            yield (slice(top, top + len(ratio)), slice(left, left + ratio.shape[1])), ratio

    def _matched(self, tiles: IntArray) -> Iterator[tuple[int, int, FloatArray32, FloatArray32]]:
        """First row and column of tiles; flux of a star times its weight, and the weight.

        The two have a margin, in which peaks are compared.
        """
        columns = math.ceil(self._shape[1] / TILE_PX)
        wide = self._reach + self._margin
        side = TILE_PX + 2 * wide
        both = np.zeros((2, side, side), np.float32)
        over_y, over_x, square_y, square_x = self._matrices
        for tile in tiles.tolist():
            top, left = (TILE_PX * each for each in divmod(tile, columns))
            window, place = zip(
                *(
                    _inside(first - wide, side, length)
                    for first, length in zip((top, left), self._shape, strict=True)
                ),
                strict=True,
            )
            residual, variance = self._seen((window[0], window[1]))
            if residual.shape != (side, side):
                both[:] = 0.0
            np.divide(1.0, variance, out=both[1][place])
            np.multiply(residual, both[1][place], out=both[0][place])
            over = over_y @ both[0] @ over_x.T
            weight = square_y @ both[1] @ square_x.T
            yield top, left, over, np.maximum(weight, 1e-30, out=weight)


def _inside(first: int, length: int, end: int) -> tuple[slice, slice]:
    """Part of a window that is inside of an axis, and where it is in the window."""
    start, stop = max(first, 0), min(first + length, end)
    return slice(start, stop), slice(start - first, stop - first)


def _sliding(line: FloatArray, length: int) -> FloatArray32:
    """Matrix whose rows are a line of weights, each one further."""
    matrix = np.zeros((length, length + line.size - 1), np.float32)
    for row in range(length):
        matrix[row, row : row + line.size] = line
    return matrix
