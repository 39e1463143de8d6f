"""Point sources on pixels: Moffat profiles, integrated over each pixel.

The flux is normalised analytically over the whole plane: a star of flux F has exactly F counts
in an infinite aperture. A stamp is cut where the profile has sunk below `floor_adu` per pixel,
so an aperture inside the stamp holds what the profile says it holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Nodes and weights of three-point Gauss-Legendre quadrature over a pixel of width 1.
_NODES = np.array([-0.5, 0.0, 0.5]) * np.sqrt(0.6)
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0
_MAX_STAMP_PX = 400
_BATCH_PIXELS = 100_000  # as many as the cache of a processor holds


def moffat_alpha(fwhm_px: FloatArray | float, beta: float) -> FloatArray:
    """Width parameter (px) of a Moffat profile of a given full width at half maximum."""
    return np.asarray(fwhm_px / (2 * np.sqrt(2 ** (1 / beta) - 1)))


def encircled_fraction(radius_px: FloatArray | float, fwhm_px: float, beta: float) -> FloatArray:
    """Fraction of the flux of a Moffat star inside a circle around its centre."""
    alpha = moffat_alpha(fwhm_px, beta)
    return 1 - (1 + (np.asarray(radius_px) / alpha) ** 2) ** (1 - beta)


def aperture_fraction(radius_px: FloatArray | float, fwhm_px: float, beta: float) -> FloatArray:
    """Fraction of a star's flux in a circular aperture on pixels, averaged over pixel phases.

    Pixels blur a star twice, once when they collect the light and once when the aperture cuts
    them: the encircled fraction of the profile, corrected to second order. Good to 1 mmag for a
    FWHM of at least 2 px and radii of at least 1 FWHM.
    """
    alpha = moffat_alpha(fwhm_px, beta)
    radius = np.asarray(radius_px, float)
    u = 1 + (radius / alpha) ** 2
    slope = -2 * beta * radius / alpha**2 * (beta - 1) / (np.pi * alpha**2) * u ** (-beta - 1)
    return np.asarray(encircled_fraction(radius, fwhm_px, beta) + np.pi * radius * slope / 6)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A satellite or an airplane that crosses the whole frame while it is exposed.

    Parameters
    ----------
    x_px, y_px : float
        A place on its way (FITS pixels).
    angle_deg : float
        Its direction, from the rows towards the columns.
    electrons : float
        Light per pixel on the middle of its trail.
    defocus_px : float
        Full width that is added to that of the stars: it is near.
    """

    x_px: float
    y_px: float
    angle_deg: float
    electrons: float
    defocus_px: float = 0.0


def add_crossing(
    image: NDArray[np.float32], crossing: Crossing, fwhm_px: float, beta: float
) -> None:
    """Add a trail, in place: a Moffat profile summed along the way has an exponent less by 1/2."""
    ny, nx = image.shape
    angle = np.radians(crossing.angle_deg)
    alpha2 = moffat_alpha(np.hypot(fwhm_px, crossing.defocus_px), beta) ** 2
    x, y = np.arange(1, nx + 1) - crossing.x_px, np.arange(1, ny + 1)[:, None] - crossing.y_px
    across2 = (y * np.cos(angle) - x * np.sin(angle)) ** 2
    profile = (1.0 + across2 / alpha2) ** (0.5 - beta)
    image += (crossing.electrons * profile).astype(np.float32)


@dataclass(frozen=True, slots=True)
class PointSources:
    """Moffat sources, each array of shape (n,).

    Attributes
    ----------
    x_px, y_px : ndarray
        Centres, FITS convention (centre of the first pixel is 1).
    flux : ndarray
        Total flux.
    fwhm_px : ndarray
        Full width at half maximum (geometric mean of the axes).
    stretch : ndarray, shape (n, 2), or None
        Logarithm of the ratio of the axes times cosine and sine of twice the angle of the long one
        (from x towards y); None: all are round.
    """

    x_px: FloatArray
    y_px: FloatArray
    flux: FloatArray
    fwhm_px: FloatArray
    stretch: FloatArray | None = None

    def take(self, rows: NDArray[np.int64]) -> "PointSources":
        """The sources of some rows."""
        stretch = None if self.stretch is None else self.stretch[rows]
        columns = (self.x_px, self.y_px, self.flux, self.fwhm_px)
        return PointSources(*(each[rows] for each in columns), stretch)


def add_sources(
    image: NDArray[np.float32], sources: PointSources, beta: float, floor: float
) -> None:
    """Add Moffat sources to an image, in place.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        The image.
    sources : PointSources
        What to add.
    beta : float
        Exponent of the profile (> 1).
    floor : float
        Flux per pixel below which a profile is cut off.
    """
    reach = _reach_px(sources.flux, moffat_alpha(sources.fwhm_px, beta), beta, floor)
    sizes = 8 * np.ceil(reach / 8).astype(int)
    for half_px in np.unique(sizes):
        members = np.flatnonzero(sizes == half_px)
        per_batch = max(1, _BATCH_PIXELS // (2 * half_px + 1) ** 2)
        for start in range(0, members.size, per_batch):
            batch = sources.take(members[start : start + per_batch])
            _add_batch(image, batch, beta, int(half_px))


def _reach_px(flux: FloatArray, alpha: FloatArray, beta: float, floor: float) -> FloatArray:
    """Radius (px) at which each profile falls to `floor`, at least 4 alpha."""
    peak = np.abs(flux) * (beta - 1) / (np.pi * alpha**2)
    ratio = np.maximum(peak / floor, 1.0)
    radius = alpha * np.sqrt(ratio ** (1 / beta) - 1)
    return np.clip(np.maximum(radius, 4 * alpha + 2), 8, _MAX_STAMP_PX)


def _add_batch(
    image: NDArray[np.float32], sources: PointSources, beta: float, half_px: int
) -> None:
    """Add sources that share one stamp size."""
    alpha = moffat_alpha(sources.fwhm_px, beta)
    ny, nx = image.shape
    column = np.floor(sources.x_px - 0.5).astype(int)
    row = np.floor(sources.y_px - 0.5).astype(int)
    steps = np.arange(-half_px, half_px + 1)
    dx = steps[None, :] - (sources.x_px - 1 - column)[:, None]
    dy = steps[None, :] - (sources.y_px - 1 - row)[:, None]
    stretch = sources.stretch
    stamps = _mid_pixel_profile(dx, dy, alpha, beta, stretch)
    core_px = int(min(half_px, np.ceil(4 * alpha.max()) + 1))
    core = slice(half_px - core_px, half_px + core_px + 1)
    stamps[:, core, core] = _integrated_profile(dx[:, core], dy[:, core], alpha, beta, stretch)
    stamps *= (sources.flux * (beta - 1) / (np.pi * alpha**2))[:, None, None]
    for stamp, x0, y0 in zip(stamps, column - half_px, row - half_px, strict=True):
        left, bottom = max(0, -x0), max(0, -y0)
        right, top = min(steps.size, nx - x0), min(steps.size, ny - y0)
        if left < right and bottom < top:
            image[y0 + bottom : y0 + top, x0 + left : x0 + right] += stamp[bottom:top, left:right]


def _shape(radius2: FloatArray, alpha: FloatArray, beta: float) -> FloatArray:
    """(1 + r^2/alpha^2)^-beta; whole exponents without the slow power function."""
    inverse = 1 / (1 + radius2 / (alpha**2)[:, None, None])
    if float(beta).is_integer():
        result = inverse.copy()
        for _ in range(int(beta) - 1):
            result *= inverse
        return result
    return np.asarray(inverse**beta)


def _mid_pixel_profile(
    dx: FloatArray,
    dy: FloatArray,
    alpha: FloatArray,
    beta: float,
    stretch: FloatArray | None = None,
) -> FloatArray:
    """Profile at the pixel centres: good enough in the wings."""
    right, up = dx[:, None, :], dy[:, :, None]
    if stretch is None:
        return _shape(right**2 + up**2, alpha, beta)
    # the inverse of a matrix of determinant 1, so that area and flux stay
    size = np.hypot(*stretch.T)
    along, across = (stretch / np.maximum(size, 1e-12)[:, None]).T * np.sinh(size)
    round_part = np.cosh(size)
    columns = (round_part - along, round_part + along, -2.0 * across)
    xx, yy, xy = (each[:, None, None] for each in columns)
    return _shape(xx * right**2 + yy * up**2 + xy * right * up, alpha, beta)


def _integrated_profile(
    dx: FloatArray,
    dy: FloatArray,
    alpha: FloatArray,
    beta: float,
    stretch: FloatArray | None = None,
) -> FloatArray:
    """Profile averaged over each pixel by Gauss-Legendre quadrature.

    Pixels are divided until a sub-pixel is no wider than alpha / 1.5, where three nodes
    integrate the profile to better than 1e-4.
    """
    parts = max(1, int(np.ceil(1.5 / alpha.min())))
    total = np.zeros((dx.shape[0], dy.shape[1], dx.shape[1]))
    offsets = (np.arange(parts) + 0.5) / parts - 0.5
    nodes = (offsets[:, None] + _NODES[None, :] / parts).ravel()
    weights = np.tile(_WEIGHTS / parts, parts)
    for shift_x, weight_x in zip(nodes, weights, strict=True):
        for shift_y, weight_y in zip(nodes, weights, strict=True):
            profile = _mid_pixel_profile(dx + shift_x, dy + shift_y, alpha, beta, stretch)
            total += weight_x * weight_y * profile
    return total


def trailed(
    sources: PointSources,
    trail_x_px: FloatArray,
    trail_y_px: FloatArray,
    brightness: Callable[[NDArray[np.int64], FloatArray], FloatArray] | None = None,
) -> PointSources:
    """Replace each source that moves during the exposure by a row of fainter ones.

    Total flux, centroid and second moment of each trail are kept.

    Parameters
    ----------
    sources : PointSources
        Sources at mid-exposure.
    trail_x_px, trail_y_px : ndarray, shape (n,)
        Motion during the exposure.
    brightness : callable, optional
        From source and time (from -0.5 at the start of the exposure to 0.5) to its brightness.
    """
    length = np.hypot(trail_x_px, trail_y_px)
    parts = np.maximum(1, np.ceil(length / (0.15 * sources.fwhm_px))).astype(int)
    owner = np.repeat(np.arange(parts.size), parts)
    first = np.cumsum(parts) - parts
    place = (np.arange(owner.size) - first[owner] + 0.5) / parts[owner] - 0.5
    # n points have 1 - 1 / n^2 of the variance of the line on which they stand
    place *= (1 - np.minimum(parts[owner], 2**30).clip(2).astype(float) ** -2) ** -0.5
    lit = np.ones(owner.size) if brightness is None else brightness(owner, place)
    return PointSources(
        sources.x_px[owner] + place * trail_x_px[owner],
        sources.y_px[owner] + place * trail_y_px[owner],
        sources.flux[owner] / parts[owner] * lit,
        sources.fwhm_px[owner],
        None if sources.stretch is None else sources.stretch[owner],
    )
