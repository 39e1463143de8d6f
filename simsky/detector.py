"""What a detector makes of light."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simsky.cameras import Camera

FloatArray = NDArray[np.float64]
Image = NDArray[np.float32]

# Above this many electrons in the darkest pixel, Poisson noise is drawn as a Gaussian.
_GAUSSIAN_ABOVE_E = 40.0


class Hit(NamedTuple):
    """Charge that no light made, one pixel wide: a cosmic ray, a hot pixel, a bright column.

    Parameters
    ----------
    x_px, y_px : float
        Its middle in FITS pixels.
    electrons : float
        Charge on each of its pixels.
    length_px : int
        Number of its pixels.
    angle_deg : float
        Its direction, from the rows towards the columns.
    """

    x_px: float
    y_px: float
    electrons: float
    length_px: int = 1
    angle_deg: float = 0.0


def vignette(shape: tuple[int, int], loss: float) -> Image:
    """Transmission that falls quadratically to 1 - loss in the corners."""
    columns, rows = np.arange(shape[1], dtype=float), np.arange(shape[0], dtype=float)[:, None]
    return (1 - loss * corner_distance(shape, columns, rows)).astype(np.float32)


def corner_distance(shape: tuple[int, int], column: FloatArray, row: FloatArray) -> FloatArray:
    """Square of the distance from the middle, 1 in the corners; pixels are counted from 0."""
    ny, nx = shape
    x, y = (column - (nx - 1) / 2) / (nx / 2), (row - (ny - 1) / 2) / (ny / 2)
    return np.asarray((x**2 + y**2) / 2)


def read_out(
    rng: np.random.Generator,
    electrons: Image,
    camera: Camera,
    *,
    cosmic_rays: int,
    nan_patches: int,
    hits: Sequence[Hit] = (),
) -> Image:
    """Counts (ADU) that a detector gives: noise, cosmic rays, saturation, bad patches.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the noise.
    electrons : ndarray, shape (ny, nx)
        Expected electrons per pixel.
    camera : Camera
        Gain, read noise and saturation.
    cosmic_rays, nan_patches : int
        Number of cosmic ray hits, and of patches of 20 x 20 px without a value.
    hits : sequence of Hit
        Hits on places of their own.
    """
    if electrons.size and electrons.min() < _GAUSSIAN_ABOVE_E:
        noisy = rng.poisson(electrons).astype(np.float32)
    else:
        unit_noise = rng.standard_normal(electrons.shape, dtype=np.float32)
        noisy = (electrons + np.sqrt(electrons) * unit_noise).astype(np.float32)
    _add_cosmic_rays(rng, noisy, cosmic_rays)
    for each in hits:
        _add_hit(noisy, each)
    _bleed(noisy, camera.saturation_adu * camera.gain)
    noisy += camera.read_noise_e * rng.standard_normal(electrons.shape, dtype=np.float32)
    noisy /= np.float32(camera.gain)
    np.minimum(noisy, camera.saturation_adu, out=noisy)
    for _ in range(nan_patches):
        row, column = (int(rng.integers(0, max(1, side - 20))) for side in noisy.shape)
        noisy[row : row + 20, column : column + 20] = np.nan
    return noisy


def _add_cosmic_rays(rng: np.random.Generator, image: Image, count: int) -> None:
    """Short straight tracks of 500 to 20000 electrons, one pixel wide."""
    ny, nx = image.shape
    for _ in range(count):
        length = int(rng.integers(1, 12))
        angle, energy = rng.uniform(0, np.pi), 10 ** rng.uniform(2.7, 4.3)
        steps = np.arange(length)
        x = np.rint(rng.uniform(0, nx - 1) + steps * np.cos(angle)).astype(int)
        y = np.rint(rng.uniform(0, ny - 1) + steps * np.sin(angle)).astype(int)
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        np.add.at(image, (y[inside], x[inside]), energy / length)


def _add_hit(image: Image, hit: Hit) -> None:
    """Charge on pixels in a row."""
    angle = np.radians(hit.angle_deg)
    steps = np.arange(hit.length_px) - (hit.length_px - 1) / 2
    x = np.rint(hit.x_px - 1 + steps * np.cos(angle)).astype(int)
    y = np.rint(hit.y_px - 1 + steps * np.sin(angle)).astype(int)
    ny, nx = image.shape
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    np.add.at(image, (y[inside], x[inside]), hit.electrons)


def _bleed(image: Image, full_well_e: float) -> None:
    """Let charge beyond the full well run up and down its column, half each way."""
    for column in np.unique(np.nonzero(image > full_well_e)[1]):
        charge = image[:, column].astype(float)
        excess = np.clip(charge - full_well_e, 0, None)
        charge -= excess
        for rows in (range(len(charge)), range(len(charge) - 1, -1, -1)):
            carried = 0.0
            for row in rows:
                carried += excess[row] / 2
                taken = min(carried, full_well_e - charge[row])
                charge[row] += taken
                carried -= taken
        image[:, column] = charge
