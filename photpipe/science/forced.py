"""Photometry where a source should be: an aperture put on a predicted position.

The sum is that of Source Extractor's circular aperture (pixels at the rim count by the part
inside), the sky that of an annulus around it, so that a detected and a forced measurement of
one star agree. Faint targets are measured rather than lost; what is too faint gives a limit.
"""

from dataclasses import dataclass

import numpy as np

from photpipe.science.noise import ANNULUS_GAP_PX, annulus_reach
from photpipe.sky import FloatArray

OVERSAMPLING = 10
CLIP_SIGMA = 3.0
CLIP_ROUNDS = 4
MODE_SKEW = 0.3  # beyond this skewness of the annulus its mode cannot be told from its median
FEWEST_SKY_PIXELS = 30


@dataclass(frozen=True, slots=True)
class ForcedFlux:
    """Counts in an aperture on a given place.

    Parameters
    ----------
    flux : float
        Sum above the local sky (counts); NaN where it could not be measured.
    sky_counts : float
        Level of the local sky per pixel.
    peak_counts : float
        Largest pixel in the aperture, sky included.
    problem : str
        Why there is no flux: ``edge``, ``bad pixels`` or empty.
    """

    flux: float
    sky_counts: float
    peak_counts: float
    problem: str = ""


def forced_flux(image: FloatArray, x_px: float, y_px: float, radius_px: float) -> ForcedFlux:
    """Measure an aperture.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts; NaN where masked.
    x_px, y_px : float
        Centre in FITS pixels (the first pixel's centre is 1).
    radius_px : float
        Radius of the aperture.
    """
    column, row = x_px - 1.0, y_px - 1.0
    ny, nx = image.shape
    if not (
        radius_px <= column + 0.5 <= nx - radius_px and radius_px <= row + 0.5 <= ny - radius_px
    ):
        return ForcedFlux(np.nan, np.nan, np.nan, "edge")
    reach = int(np.ceil(annulus_reach(radius_px))) + 1
    top, left = max(0, int(row) - reach), max(0, int(column) - reach)
    stamp = np.asarray(image[top : int(row) + reach + 1, left : int(column) + reach + 1], float)
    weights = _aperture(stamp.shape, column - left, row - top, radius_px)
    inside = weights > 0
    if not np.isfinite(stamp[inside]).all():
        return ForcedFlux(np.nan, np.nan, np.nan, "bad pixels")
    distance = np.hypot(
        np.arange(stamp.shape[1]) - (column - left),
        (np.arange(stamp.shape[0]) - (row - top))[:, None],
    )
    ring = (distance >= radius_px + ANNULUS_GAP_PX) & (distance < annulus_reach(radius_px))
    values = stamp[ring & np.isfinite(stamp)]
    if values.size < FEWEST_SKY_PIXELS:
        return ForcedFlux(np.nan, np.nan, np.nan, "bad pixels")
    level = sky_level(values)
    flux = float(np.sum(weights[inside] * (stamp[inside] - level)))
    return ForcedFlux(flux, level, float(stamp[inside].max()))


def _aperture(shape: tuple[int, int], column: float, row: float, radius_px: float) -> FloatArray:
    """Part of each pixel inside the circle, by a 10 x 10 grid within the pixels at the rim."""
    fine = (np.arange(OVERSAMPLING) + 0.5) / OVERSAMPLING - 0.5
    columns = np.arange(shape[1])[:, None] + fine - column
    rows = np.arange(shape[0])[:, None] + fine - row
    inside = rows[:, None, :, None] ** 2 + columns[None, :, None, :] ** 2 < radius_px**2
    return np.asarray(inside.mean(axis=(2, 3)))


def sky_level(values: FloatArray) -> float:
    """Level of the sky from the pixels of an annulus (counts).

    The sample is clipped at 3 sigma around its median; then, as in Source Extractor (Bertin &
    Arnouts 1996, section 3), the mode 2.5 median - 1.5 mean unless neighbours skew it.
    """
    values = np.asarray(values, float)
    for _ in range(CLIP_ROUNDS):
        middle, sigma = np.median(values), values.std()
        kept = values[np.abs(values - middle) <= CLIP_SIGMA * sigma]
        if kept.size == values.size or kept.size < FEWEST_SKY_PIXELS:
            break
        values = kept
    mean, median, sigma = values.mean(), np.median(values), values.std()
    if sigma > 0 and abs(mean - median) / sigma < MODE_SKEW:
        return float(2.5 * median - 1.5 * mean)
    return float(median)


def light_in_aperture(separation_px: FloatArray, radius_px: float, fwhm_px: float) -> FloatArray:
    """Part of a neighbour's light that falls into an aperture.

    Parameters
    ----------
    separation_px : array, shape (n,)
        Distance of the neighbours from the centre of the aperture.
    radius_px, fwhm_px : float
        Radius of the aperture and width of the (Gaussian) image of a star.

    Notes
    -----
    The square of the distance from the aperture's centre of a Gaussian cloud at separation d
    follows the noncentral chi-squared distribution with two degrees of freedom.
    """
    from scipy.stats import ncx2

    sigma = fwhm_px / 2.3548200450309493
    squared = np.maximum(np.asarray(separation_px, float) / sigma, 1e-6) ** 2
    return np.asarray(ncx2.cdf((radius_px / sigma) ** 2, 2, squared))
