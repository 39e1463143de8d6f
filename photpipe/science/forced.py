"""Photometry where a source should be: an aperture put on a predicted position.

The sum is that of Source Extractor's circular aperture (pixels at the rim count by the part
inside), the sky that of an annulus around it, so that a detected and a forced measurement of
one star agree. Faint targets are measured rather than lost; what is too faint gives a limit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science.noise import ANNULUS_GAP_PX, annulus_reach, median, robust_sigma

ROUNDING_PX = 1e-9  # far above the rounding of areas of 10^5 pixels, far below any noise
HALF_DIAGONAL_PX = 0.7072  # of a pixel, a trifle more
CLIP_SIGMA = 2.5  # a compromise: 1.2 % of good pixels are lost, wings of stars are left out
CLIP_ROUNDS = 10  # a bound: it ends when nothing more is clipped
FEWEST_SKY_PIXELS = 30  # their mean is good to a fifth of the noise of a pixel
WING_BOX_PX = 5  # by judgement: as wide as the wings of a star, and 5 times less noise
WING_ROUNDS = 5  # a bound: it ends when too few pixels are left


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


def forced_flux(
    image: FloatArray,
    x_px: float,
    y_px: float,
    radius_px: float,
    light: FloatArray | None = None,
    hidden_counts: float = np.inf,
) -> ForcedFlux:
    """Measure an aperture.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts; NaN where masked.
    x_px, y_px : float
        Centre in FITS pixels (the first pixel's centre is 1).
    radius_px : float
        Radius of the aperture.
    light : array, shape (n, n), n odd, optional
        Light of the neighbours (counts per pixel), which is taken from the local sky; its middle
        is the pixel of the centre. In the aperture it stays.
    hidden_counts : float
        Where it is brighter pixels are left out of the sky: no model of a star is exact.
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
    weights = aperture_weights(stamp.shape, column - left, row - top, radius_px)
    inside = weights > 0
    if not np.isfinite(stamp[inside]).all():
        return ForcedFlux(np.nan, np.nan, np.nan, "bad pixels")
    distance = np.hypot(
        np.arange(stamp.shape[1]) - (column - left),
        (np.arange(stamp.shape[0]) - (row - top))[:, None],
    )
    ring = (distance >= radius_px + ANNULUS_GAP_PX) & (distance < annulus_reach(radius_px))
    ring &= np.isfinite(stamp)
    dark = stamp
    if light is not None:
        known = _aligned(light, stamp.shape, round(column) - left, round(row) - top)
        clear = ring & (known < hidden_counts)
        ring = clear if clear.sum() >= FEWEST_SKY_PIXELS else ring
        dark = stamp - known
    if ring.sum() < FEWEST_SKY_PIXELS:
        return ForcedFlux(np.nan, np.nan, np.nan, "bad pixels")
    level = sky_level(dark[_without_wings(dark, ring)])
    flux = float(np.sum(weights[inside] * (stamp[inside] - level)))
    return ForcedFlux(flux, level, float(stamp[inside].max()))


def _aligned(light: FloatArray, shape: tuple[int, int], column: int, row: int) -> FloatArray:
    """An array whose middle is at a pixel of another shape, 0 beyond its edges."""
    half = len(light) // 2
    padded = np.zeros((shape[0] + 2 * len(light), shape[1] + 2 * len(light)))
    top, left = row - half + len(light), column - half + len(light)
    padded[top : top + len(light), left : left + len(light)] = light
    inner = slice(len(light), -len(light))
    return padded[inner, inner]


def _without_wings(stamp: FloatArray, ring: BoolArray) -> BoolArray:
    """Pixels of an annulus without the wings of stars, that hide in the noise of single pixels.

    Means of 5 x 5 pixels show them. What lies below is left out as well as what lies above, so
    that noise alone changes nothing.
    """
    from scipy.ndimage import uniform_filter

    filled = np.where(np.isfinite(stamp), stamp, median(stamp[ring]))
    smooth = uniform_filter(filled, WING_BOX_PX)
    kept = ring
    for _ in range(WING_ROUNDS):
        middle, sigma = median(smooth[kept]), robust_sigma(smooth[kept])
        found = ring & (np.abs(smooth - middle) <= CLIP_SIGMA * sigma)
        if found.sum() < FEWEST_SKY_PIXELS:
            break
        kept = found
    return kept


def aperture_weights(
    shape: tuple[int, int], column: float, row: float, radius_px: float
) -> FloatArray:
    """Part of each pixel inside a circle; array of a shape.

    Parameters
    ----------
    column, row : float
        Centre of the circle; the first pixel's centre is 0.
    """
    pixels = np.arange(shape[1]), np.arange(shape[0])
    centre = np.array([column]), np.array([row])
    return np.asarray(circle_parts(*pixels, *centre, radius_px)[0])


def circle_parts(
    columns: NDArray[np.intp],
    rows: NDArray[np.intp],
    x_px: FloatArray,
    y_px: FloatArray,
    radius_px: float,
) -> FloatArray:
    """The same of several circles on pixels of these columns and rows; shape (n, rows, columns).

    What a circle has in common with the rectangle between its centre and a corner of a pixel is
    the rectangle, or where the corner is outside, what is below the arc. Differences of those of
    its four corners are the part of a pixel.

    Parameters
    ----------
    columns, rows : array
        One after the other, without gaps.
    x_px, y_px : array, shape (n,)
        Centres of the circles.
    """
    x, y = (
        np.clip(np.append(each, each[-1] + 1) - 0.5 - centre[:, None], -radius_px, radius_px)
        for each, centre in ((columns, x_px), (rows, y_px))
    )
    end = np.sqrt(radius_px**2 - y**2)  # of the row of pixels in the circle
    below_arc = 0.5 * (x * np.sqrt(radius_px**2 - x**2) + radius_px**2 * np.arcsin(x / radius_px))
    rest = 0.5 * (end * y - radius_px**2 * np.arcsin(end / radius_px) * np.sign(y))
    common = np.where(
        np.abs(x)[:, None, :] < end[:, :, None],
        x[:, None, :] * y[:, :, None],
        np.sign(x)[:, None, :] * rest[:, :, None] + below_arc[:, None, :] * np.sign(y)[:, :, None],
    )
    parts = np.diff(np.diff(common, axis=1), axis=2)
    parts[parts < ROUNDING_PX] = 0.0
    return np.asarray(parts)


def sky_level(values: FloatArray) -> float:
    """Level of the sky from the pixels of an annulus (counts).

    The mean of what is left after clipping at 2.5 sigma. A median, and the more a mode made of
    it, cannot resolve the steps of integer pixels: with three counts of noise it is off by as
    much as the noise of an aperture.
    """
    values = np.asarray(values, float)
    for _ in range(CLIP_ROUNDS):
        kept = values[np.abs(values - values.mean()) <= CLIP_SIGMA * values.std()]
        if kept.size == values.size or kept.size < FEWEST_SKY_PIXELS:
            break
        values = kept
    return float(values.mean())
