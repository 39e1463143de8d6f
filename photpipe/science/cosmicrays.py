"""Charge in an aperture that no light made: cosmic rays and hot pixels, which no optics blurred.

An image of a star, scaled to the source, tells how bright each pixel should be. A pixel that is far
brighter, and has next to it pixels that are fainter than the image of any source would leave them,
was not lit. Undersampled frames cannot tell the one from the other, and nothing is found on them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science.starimage import StarImage

HIT_SIGMA = 7.0  # above the image: chance makes it once in 1e10 apertures
PROFILE_ERROR = 0.2  # of the brightest light within a pixel of each: shape and place of the image
SHARPER = 0.5  # light beside a hit, in units of what the sharpest image leaves there
BESIDE_SIGMA = 1.0  # of what is left there, that is allowed for
MOST_PIXELS = 25  # by judgement: a cosmic ray is small; more is a trail or a star
# by judgement: of a pixel above the sky, that is looked at; light beside it, in units of what the
# sharpest image leaves there, below which no light made it; of the noise of that
LOOKED_AT_SIGMA, SHARPER_AROUND, AROUND_SIGMA = 6.0, 0.6, 3.0
PHASES = (0.0, 0.25, 0.5)  # places of a source within a pixel


@dataclass(frozen=True, slots=True)
class Hit:
    """Charge in an aperture.

    Parameters
    ----------
    counts : float
        All of it.
    pixels : int
        Number of the pixels that hold it.
    """

    counts: float
    pixels: int


def hit_in(
    values: FloatArray,
    noise_counts: float,
    photon_counts: float,
    image: StarImage,
    place: tuple[float, float],
    trail_px: tuple[float, float],
    radius_px: float,
) -> Hit | None:
    """Charge in an aperture beside the light of its source; None if there is none.

    Parameters
    ----------
    values : array, shape (ny, nx)
        Counts above the sky around the source; NaN where nothing is known.
    noise_counts : float
        Noise of a pixel of sky.
    photon_counts : float
        Variance of a count of light.
    image : StarImage
        Image of a star.
    place : (float, float)
        Column and row of the source; the first pixel's centre is 0.
    trail_px : (float, float)
        Trail of the source.
    radius_px : float
        Radius of the aperture.
    """
    if not noise_counts > 0:
        return None
    ny, nx = values.shape
    x: FloatArray = np.arange(float(nx)) - place[0]
    y: FloatArray = np.arange(float(ny))[:, None] - place[1]
    model = _on_pixels(image, x, y, trail_px)
    inside = (np.hypot(x, y) <= radius_px + 0.5) & np.isfinite(values)
    blurred = _largest_around(model)
    beside = _light_beside(image)
    hit: BoolArray = np.zeros(values.shape, bool)
    flux = 0.0
    for _ in range(MOST_PIXELS):
        flux = _fitted(values, model, blurred, inside & ~hit, noise_counts, photon_counts, flux)
        left = values - flux * model
        light = np.maximum(flux, 0.0)
        variance = noise_counts**2 + photon_counts * light * model
        sigma = np.sqrt(variance + (PROFILE_ERROR * light * blurred) ** 2)
        excess = np.where(inside & ~hit, left / sigma, -np.inf)
        row, column = np.unravel_index(int(np.argmax(excess)), excess.shape)
        if not excess[row, column] > HIT_SIGMA:
            break
        if not _is_sharp(left, sigma, int(row), int(column), beside):
            break
        hit[row, column] = True
    if not hit.any():
        return None
    return Hit(float((values - flux * model)[hit].sum()), int(hit.sum()))


def _on_pixels(
    image: StarImage,
    x: FloatArray,
    y: FloatArray,
    trail_px: tuple[float, float] = (0.0, 0.0),
) -> FloatArray:
    """Light of a source of one count on pixels, each sampled at nine places."""
    steps = np.array([-1.0, 0.0, 1.0]) / 3.0
    parts = image.surface(x + steps[:, None, None, None], y + steps[:, None, None], trail_px)
    return np.asarray(parts.mean(axis=(0, 1)))


def _largest_around(model: FloatArray) -> FloatArray:
    """Brightest of the 3 x 3 pixels around each."""
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(model, 3))


@lru_cache(maxsize=64)
def _light_beside(image: StarImage) -> float:
    """Least light that a source leaves on the two fainter neighbours of its brightest pixel."""
    along = np.arange(-1.0, 2.0)
    models = [_on_pixels(image, along - x, along[:, None] - y) for x in PHASES for y in PHASES]
    return min(_fainter_two(model, 1, 1) / float(model[1, 1]) for model in models)


def _fainter_two(values: FloatArray, row: int, column: int) -> float:
    """Mean of the two faintest of the four pixels beside one."""
    ny, nx = values.shape
    beside = [
        float(values[r, c])
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
        if 0 <= r < ny and 0 <= c < nx and np.isfinite(values[r, c])
    ]
    return float(np.mean(sorted(beside)[:2])) if len(beside) > 2 else np.inf


def _is_sharp(left: FloatArray, sigma: FloatArray, row: int, column: int, beside: float) -> bool:
    """Whether what a pixel has beyond the image of the source was not blurred by the optics."""
    fainter = _fainter_two(left, row, column)
    noise = float(sigma[row, column]) / math.sqrt(2.0)
    most = SHARPER * beside * float(left[row, column])
    return fainter + BESIDE_SIGMA * noise < most


def _fitted(
    values: FloatArray,
    model: FloatArray,
    blurred: FloatArray,
    used: BoolArray,
    noise_counts: float,
    photon_counts: float,
    before: float,
) -> float:
    """Counts of the source, by weights for which no pixel counts for much."""
    light = max(before, 0.0)
    variance = noise_counts**2 + photon_counts * light * model
    variance = variance + (PROFILE_ERROR * light * blurred) ** 2
    weight = np.where(used, model / variance, 0.0)
    total = float((weight * model).sum())
    return float((weight * np.where(used, values, 0.0)).sum()) / total if total > 0 else 0.0


def sharp_pixels(
    values: FloatArray, noise_counts: float, photon_counts: float, fwhm_px: float
) -> BoolArray:
    """Pixels of a frame that are sharper than any image on it: cosmic rays, hot pixels.

    The eight pixels around the brightest one of a Gaussian have the least part of the light if it
    is centred there. A pixel that has less around it, beyond the noise, was not lit.

    Parameters
    ----------
    values : array, shape (ny, nx)
        Counts above the sky; NaN where nothing is known.
    noise_counts, photon_counts : float
        Noise of a pixel of sky; variance of a count of light.
    fwhm_px : float
        Width of a star.
    """
    from scipy.ndimage import convolve, maximum_filter

    filled = np.nan_to_num(values)
    ring = np.ones((3, 3))
    ring[1, 1] = 0.0
    beside = math.exp(-4.0 * math.log(2.0) / fwhm_px**2)
    least = SHARPER_AROUND * 4.0 * (beside + beside**2)
    variance = noise_counts**2 + max(photon_counts, 0.0) * np.maximum(filled, 0.0)
    around = convolve(filled, ring, mode="nearest")
    # of the light around, and of the pixel itself
    error = np.sqrt(convolve(variance, ring, mode="nearest") + least**2 * variance)
    is_top = (filled >= maximum_filter(filled, 3)) & (filled > LOOKED_AT_SIGMA * np.sqrt(variance))
    # pixels without data have no light
    known = convolve(np.isfinite(values).astype(float), ring, mode="nearest") > 7.5
    return np.asarray(is_top & known & (least * filled - around > AROUND_SIGMA * error))
