"""Cosmic rays are sharper than the image of any source."""

import numpy as np
import pytest

from photpipe.science import tracking
from photpipe.science.cosmicrays import sharp_pixels

NOISE = 10.0


def field(fwhm_px: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise and stars, everywhere within their pixels; and where their middles are."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, NOISE, (300, 300))
    middles = np.zeros(image.shape, bool)
    axis = np.arange(-12, 13)
    for row in range(20, 290, 30):
        for column in range(20, 290, 30):
            dx, dy = rng.uniform(-0.5, 0.5, 2)
            light = 10 ** rng.uniform(2.5, 5) * tracking.trailed_psf(
                axis[None, :] - dx, axis[:, None] - dy, fwhm_px, (0.0, 0.0)
            )
            image[row - 12 : row + 13, column - 12 : column + 13] += rng.normal(
                light, np.sqrt(light)
            )
            middles[row - 3 : row + 4, column - 3 : column + 4] = True
    return image, middles


@pytest.mark.parametrize("fwhm_px", [1.6, 2.2, 4.0])
def test_stars_are_not_hits(fwhm_px: float) -> None:
    image, _ = field(fwhm_px, 1)
    assert not sharp_pixels(image, NOISE, 1.0, fwhm_px).any()


@pytest.mark.parametrize(("fwhm_px", "counts"), [(1.6, 300.0), (2.2, 150.0), (4.0, 120.0)])
def test_hits_are(fwhm_px: float, counts: float) -> None:
    image, middles = field(fwhm_px, 2)
    places = [(row, column) for row in range(5, 290, 30) for column in range(5, 290, 30)]
    for row, column in places:
        image[row, column] += counts
    found = sharp_pixels(image, NOISE, 1.0, fwhm_px)
    assert sum(found[place] for place in places) > 0.9 * len(places)
    assert not (found & middles).any()
