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
TYPICAL_BETA = 3.0
BETA_RANGE = (1.3, 30.0)


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


def moffat_beta(fwhm_px: float, radius_px: float, fraction: float) -> float:
    """Exponent of the Moffat profile of a width that holds a fraction of its light in an aperture.

    Parameters
    ----------
    fwhm_px, radius_px : float
        Width of the stars and radius of the aperture.
    fraction : float
        Part of the light inside; `TYPICAL_BETA` results if it is unknown or beyond the profile.

    Notes
    -----
    The light within R is 1 - (1 + R^2 / alpha^2)^(1 - beta), alpha^2 = FWHM^2 / 4 /
    (2^(1 / beta) - 1) (Moffat 1969, A&A 3, 455).
    """
    from scipy.optimize import brentq

    def excess(beta: float) -> float:
        alpha2 = _alpha_squared(fwhm_px, beta)
        return float(1.0 - (1.0 + radius_px**2 / alpha2) ** (1.0 - beta) - fraction)

    low, high = BETA_RANGE
    if not (fwhm_px > 0 and np.isfinite(fraction)) or excess(low) * excess(high) > 0:
        return TYPICAL_BETA
    return float(brentq(excess, low, high, xtol=1e-3))


def _alpha_squared(fwhm_px: float, beta: float) -> float:
    return float(fwhm_px**2 / 4.0 / (2.0 ** (1.0 / beta) - 1.0))


def light_in_aperture(
    separation_px: FloatArray, radius_px: float, fwhm_px: float, beta: float
) -> FloatArray:
    """Part of a source's light that falls into an aperture beside it.

    Parameters
    ----------
    separation_px : array, shape (n,)
        Distance of the sources from the centre of the aperture.
    radius_px : float
        Radius of the aperture.
    fwhm_px, beta : float
        Width and exponent of their (Moffat) images.
    """
    rings, spokes = 32, 48
    r = radius_px * np.sqrt((np.arange(rings) + 0.5) / rings)
    angle = 2 * np.pi * (np.arange(spokes) + 0.5) / spokes
    x, y = np.outer(r, np.cos(angle)).ravel(), np.outer(r, np.sin(angle)).ravel()
    distance2 = (x - np.asarray(separation_px, float)[:, None]) ** 2 + y**2
    alpha2 = _alpha_squared(fwhm_px, beta)
    density = (beta - 1.0) / (np.pi * alpha2) * (1.0 + distance2 / alpha2) ** -beta
    return np.asarray(density.mean(axis=1) * np.pi * radius_px**2)
