"""Frames painted from tables of sources, where the pixels themselves are missing."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import ArrayLike


def paint(
    path: Path,
    header: fits.Header,
    shape: tuple[int, int],
    x_px: ArrayLike,
    y_px: ArrayLike,
    flux_adu: ArrayLike,
    fwhm_px: float,
    sky_adu: float,
    noise_adu: float,
) -> Path:
    """Write a frame with round stars; positions count from 0.

    Parameters
    ----------
    path, header, shape
        The frame.
    x_px, y_px, flux_adu : array
        The stars.
    fwhm_px, sky_adu, noise_adu : float
        Their width, and what is between them.
    """
    rng = np.random.default_rng(int(np.sum(flux_adu)) % 2**32)
    pixels = rng.normal(sky_adu, noise_adu, shape)
    sigma = fwhm_px / 2.3548
    reach = round(6 * sigma)
    stars = zip(*np.broadcast_arrays(x_px, y_px, flux_adu), strict=True)
    for x, y, flux in stars:
        left, low = (max(round(float(at)) - reach, 0) for at in (x, y))
        box = pixels[low : round(float(y)) + reach + 1, left : round(float(x)) + reach + 1]
        rows, columns = np.indices(box.shape)
        squares = (columns + left - x) ** 2 + (rows + low - y) ** 2
        box += flux / (2 * np.pi * sigma**2) * np.exp(-squares / (2 * sigma**2))
    fits.writeto(path, pixels.astype(np.float32), header)
    return path
