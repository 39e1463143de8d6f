"""Frames as grey pictures: any part of them, at any scale, read when it is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.fits.pixels import open_plane
from photpipe.ground.errors import FrameError
from photpipe.science.noise import robust_sigma

if TYPE_CHECKING:
    from photpipe.ground.sky import FloatArray

SAMPLE_ROWS = 48  # by judgement: thousands of pixels tell a median
BLACK_SIGMA, WHITE_SIGMA = 2.0, 40.0  # below and above the sky
CONTRAST_STEP = 1.5  # a key press that is seen
SOFTENING = 8.0  # of the asinh scale: the larger, the more faint things are lifted
OUTSIDE = 60  # grey of what lies beyond the image

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of a frame.

    Parameters
    ----------
    left, top : float
        FITS coordinates of the upper left corner of the picture; y points up.
    width, height : int
        Size of the picture on the screen.
    scale : float
        Screen pixels per pixel of the frame.
    contrast : int
        Steps of contrast, 0 being usual.
    """

    left: float
    top: float
    width: int
    height: int
    scale: float
    contrast: int = 0

    def to_screen(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Place on the screen of a FITS pixel."""
        return (x_px - self.left) * self.scale, (self.top - y_px) * self.scale

    def to_frame(self, column: float, row: float) -> tuple[float, float]:
        """FITS pixel of a place on the screen."""
        return self.left + column / self.scale, self.top - row / self.scale


@dataclass(frozen=True, slots=True)
class DisplayedFrame:
    """The pixels of one frame.

    Parameters
    ----------
    path : Path
        The frame: plain FITS with its image in the first part.
    shape : (ny, nx)
        Its size.
    sky, noise : float
        Median and scatter of the pixels.
    """

    path: Path
    shape: tuple[int, int]
    sky: float
    noise: float

    @classmethod
    def read(cls, path: Path, shape: tuple[int, int]) -> "DisplayedFrame":
        """Look at some rows of a frame.

        Raises
        ------
        FrameError
            If its pixels cannot be read.
        """
        step = max(1, shape[0] // SAMPLE_ROWS)
        rows = [(slice(row, row + 1), slice(0, shape[1])) for row in range(0, shape[0], step)]
        sample = np.concatenate(_read(path, rows))
        values = sample[np.isfinite(sample)].astype(float)
        if not values.size:
            raise FrameError(path.name, "all pixels are NaN")
        return cls(path, shape, float(np.median(values)), robust_sigma(values) or 1.0)

    def render(self, view: View) -> Pixels:
        """Picture of a part of the frame; shape (height, width), the first row on top.

        Raises
        ------
        FrameError
            If the pixels cannot be read any more.
        """
        columns = np.floor(view.left + (np.arange(view.width) + 0.5) / view.scale - 0.5)
        rows = np.floor(view.top - (np.arange(view.height) + 0.5) / view.scale - 0.5)
        picture = np.full((view.height, view.width), OUTSIDE, np.uint8)
        inside_x = (columns >= 0) & (columns < self.shape[1])
        inside_y = (rows >= 0) & (rows < self.shape[0])
        if inside_x.any() and inside_y.any():
            part = self._part(rows[inside_y], columns[inside_x], max(1, int(1 / view.scale)))
            picture[np.ix_(inside_y, inside_x)] = self._grey(part, view.contrast)
        return picture

    def _part(self, rows: "FloatArray", columns: "FloatArray", block: int) -> NDArray[np.float32]:
        """Values at rows and columns, averaged over blocks where pixels are left out."""
        r, c = rows.astype(int), columns.astype(int)
        low_r, low_c = int(r.min()), int(c.min())
        place = slice(low_r, int(r.max()) + block), slice(low_c, int(c.max()) + block)
        (values,) = _read(self.path, [place])
        if block > 1:
            values = _block_means(values, block)
        index = np.ix_(
            np.minimum((r - low_r) // block, values.shape[0] - 1),
            np.minimum((c - low_c) // block, values.shape[1] - 1),
        )
        return np.asarray(values[index])

    def _grey(self, values: NDArray[np.float32], contrast: int) -> Pixels:
        black = self.sky - BLACK_SIGMA * self.noise
        white = self.sky + WHITE_SIGMA * self.noise / CONTRAST_STEP**contrast
        part = np.clip((values - np.float32(black)) / np.float32(white - black), 0.0, 1.0)
        shown = np.arcsinh(SOFTENING * np.nan_to_num(part)) * (255.0 / np.arcsinh(SOFTENING))
        return np.asarray(shown, np.uint8)


def _block_means(values: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Means of blocks; what does not fill a block at the far sides is left out."""
    high, wide = (min(block, size) for size in values.shape)
    ny, nx = values.shape[0] // high, values.shape[1] // wide
    total = np.zeros((ny, nx), np.float32)
    for row in range(high):
        for column in range(wide):
            total += values[row : ny * high : high, column : nx * wide : wide]
    total /= high * wide
    return total


def _read(path: Path, places: Sequence[tuple[slice, slice]]) -> list[NDArray[np.float32]]:
    """Parts of the pixels of a frame (rows, columns), without reading the rest."""
    plane = open_plane(path)
    return [plane.part(rows, columns) for rows, columns in places]
