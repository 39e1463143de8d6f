"""Comas: flux in apertures of fixed size at the comet, the sky behind, and A(θ)fρ.

A'Hearn et al. (1984, AJ 89, 579) define A(θ)fρ = (2 Δ r)² / ρ · F / F_sun: albedo times filling
factor of the dust times radius of the aperture, the same at all radii of a coma that expands freely
and shines as 1/ρ. The sky is that of rings around the apertures together with the light of such a
coma there, as no frame is so large that a ring has none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science.forced import aperture_weights

KM_PER_AU = 149_597_870.7
ARCSEC_PER_RADIAN = 206_264.806
CM_PER_KM = 1e5

# apparent magnitudes of the Sun (Willmer 2018, ApJS 236, 47, table 3): Vega magnitudes of
# Johnson-Cousins and 2MASS, AB magnitudes of Sloan and Pan-STARRS1
SUN_MAG: Mapping[str, float] = MappingProxyType(
    {
        **{"U": -25.97, "B": -26.13, "V": -26.76, "R": -27.15, "I": -27.47},
        **{"u": -25.18, "g": -26.47, "r": -26.93, "i": -27.05, "z": -27.07},
        **{"gp1": -26.54, "rp1": -26.93, "ip1": -27.05, "zp1": -27.07, "yp1": -27.07},
        **{"J": -27.90, "H": -28.25, "Ks": -28.30},
    }
)
# phase function of dust, every five degrees (Schleicher & Bair 2011, AJ 141, 177: Halley's of
# Schleicher et al. 1998, that of Marcus 2007 at large angles)
_PHASE_STEP_DEG = 5.0
# fmt: off
_PHASE = (
    1.0000, 0.8205, 0.6871, 0.5872, 0.5122, 0.4559, 0.4142, 0.3840, 0.3634, 0.3482, 0.3397, 0.3389,
    0.3450, 0.3576, 0.3768, 0.4032, 0.4376, 0.4816, 0.5375, 0.6084, 0.6987, 0.8149, 0.9664, 1.1673,
    1.4389, 1.8153, 2.3521,
)
# fmt: on
LARGEST_PHASE_DEG = _PHASE_STEP_DEG * (len(_PHASE) - 1)

# by judgement: rings that show a slope; pixels whose median is none of chance
FEWEST_RINGS, FEWEST_PIXELS = 5, 20
RING_PX = 2.0  # by judgement: as narrow as seeing leaves a profile
CLIP_SIGMA, CLIP_ROUNDS = 3.0, 5  # one good pixel in 370 lies beyond; a bound
INNER_SKY = 0.6  # of the largest radius, from which on rings tell the sky
# by judgement: as far as a point source stands out of a coma, and what a fit of it can cost
POINT_REACH_FWHM, MOST_POINT_PX = 8.0, 60
# exponents of the growth between which dust is found (Jewitt & Meech 1987, ApJ 317, 992)
SLOPES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4)
FINER = 5  # pixels of a coma whose middle is steep are averages of so many squared
SMALLEST_FWHM = 1.5  # radius, below which the seeing takes light out of an aperture


def phase_function(phase_deg: float) -> float:
    """Brightness of dust at a phase angle in units of that at 0; NaN where it is not known."""
    from scipy.interpolate import CubicSpline

    if not 0.0 <= phase_deg <= LARGEST_PHASE_DEG:
        return float("nan")
    angles = np.arange(len(_PHASE)) * _PHASE_STEP_DEG
    return float(np.exp(CubicSpline(angles, np.log(_PHASE))(phase_deg)))


def radius_arcsec(radius_km: float, delta_au: float) -> float:
    """Angle under which a length at the comet is seen."""
    return radius_km / (delta_au * KM_PER_AU) * ARCSEC_PER_RADIAN


def afrho_cm(mag: float, sun_mag: float, r_au: float, delta_au: float, radius_km: float) -> float:
    """A(θ)fρ (cm) of the magnitude in an aperture.

    Parameters
    ----------
    mag, sun_mag : float
        Magnitudes of the coma in the aperture and of the Sun, in one band and system.
    r_au, delta_au : float
        Distances from the Sun and from the observer.
    radius_km : float
        Radius of the aperture at the comet.
    """
    ratio = 10 ** (0.4 * (sun_mag - mag))
    delta_cm = delta_au * KM_PER_AU * CM_PER_KM
    return float((2.0 * delta_cm * r_au) ** 2 / (radius_km * CM_PER_KM) * ratio)


@dataclass(frozen=True, slots=True, eq=False)
class Coma:
    """Light of a coma in apertures; arrays of shape (radii,).

    Parameters
    ----------
    flux, error : array
        Counts, and their errors; NaN where the aperture is too small or leaves the frame.
    filled : array
        Part of the aperture that stars or bad pixels hid, filled with the mean of its rings.
    growth, growth_error : float
        Exponent of the flux as function of the radius: 1 for free expansion, 0 for a star.
    sky : float
        Counts of the sky per pixel.
    """

    flux: FloatArray
    error: FloatArray
    filled: FloatArray
    growth: float
    growth_error: float
    sky: float


@dataclass(frozen=True, slots=True, eq=False)
class _Rings:
    """Means of rings around the comet; arrays of shape (rings,)."""

    radius: FloatArray
    mean: FloatArray
    error: FloatArray


def measured(
    values: FloatArray,
    noise: FloatArray,
    centre: tuple[float, float],
    radii_px: FloatArray,
    fwhm_px: float,
) -> Coma | None:
    """Measure a coma.

    Parameters
    ----------
    values, noise : array, shape (ny, nx)
        Counts and their standard deviations; NaN where hidden.
    centre : (float, float)
        Column and row of the comet, the first pixel is 0.
    radii_px : array
        Radii of the apertures, ascending.
    fwhm_px : float
        Width of a star.

    Returns
    -------
    Coma or None
        None where the rings around do not tell the sky.
    """
    ny, nx = values.shape
    distance = np.hypot(np.arange(nx) - centre[0], (np.arange(ny) - centre[1])[:, None])
    rings = _rings(values, noise, distance)
    found = _sky(rings, max(INNER_SKY * float(radii_px[-1]), 3.0 * fwhm_px))
    if found is None:
        return None
    sky, sky_error = found
    profile = np.interp(distance, rings.radius, rings.mean)
    known = np.isfinite(values)
    light = np.where(known, values, profile) - sky
    spread = np.where(known, noise, 2.0 * np.nanmedian(noise))
    flux, error, filled = (np.full(len(radii_px), np.nan) for _ in range(3))
    for number, radius in enumerate(radii_px):
        inside = min(centre[0], centre[1], nx - 1 - centre[0], ny - 1 - centre[1])
        if radius < SMALLEST_FWHM * fwhm_px or radius > inside:
            continue
        weights = aperture_weights((ny, nx), *centre, float(radius))
        flux[number] = np.sum(weights * light)
        pixels = float(np.sum((weights * spread) ** 2))
        error[number] = np.sqrt(pixels + (weights.sum() * sky_error) ** 2)
        filled[number] = float(np.sum(weights * ~known) / weights.sum())
    return Coma(flux, error, filled, *_growth(radii_px, flux, error), sky)


@dataclass(frozen=True, slots=True)
class PointSource:
    """A source in the middle of a coma: a nucleus without dust, or a star.

    Parameters
    ----------
    flux, error : float
        Counts.
    """

    flux: float
    error: float


def point_source(
    values: FloatArray,
    noise: FloatArray,
    centre: tuple[float, float],
    star: Callable[[FloatArray, FloatArray], FloatArray],
    fwhm_px: float,
) -> PointSource | None:
    """What stands in the middle of a coma of any slope that is smooth; None where little is known.

    Parameters
    ----------
    values, noise : array, shape (ny, nx)
        Counts less the sky, and their standard deviations; NaN where hidden.
    centre : (float, float)
        Column and row of the comet.
    star : callable
        Light of a star of unit flux on pixels at places from it.
    """
    reach = int(min(np.ceil(POINT_REACH_FWHM * fwhm_px), MOST_POINT_PX))
    column, row = (round(each) for each in centre)
    ny, nx = values.shape
    if not (reach <= column < nx - reach and reach <= row < ny - reach):
        return None
    part = np.s_[row - reach : row + reach + 1, column - reach : column + reach + 1]
    dx, dy = centre[0] - column, centre[1] - row
    side = np.arange(-reach, reach + 1.0)
    x, y = side[None, :] - dx, side[:, None] - dy
    image = star(*np.broadcast_arrays(x, y))
    known = np.isfinite(values[part]) & (np.hypot(x, y) <= reach)
    if known.sum() < FEWEST_PIXELS:
        return None
    weight = noise[part][known] ** -2.0
    light = values[part][known]
    found, least = PointSource(0.0, np.inf), np.inf
    for coma in _blurred_comae(reach, (dx, dy), star(*np.meshgrid(side, side))):
        columns = np.stack([image[known], coma[known]])
        covariance = np.linalg.inv((columns * weight) @ columns.T)
        factors = covariance @ ((columns * weight) @ light)
        misfit = float(weight @ (light - factors @ columns) ** 2)
        if misfit < least:
            scatter = max(1.0, misfit / int(known.sum()))
            least = misfit
            found = PointSource(float(factors[0]), float(np.sqrt(covariance[0, 0] * scatter)))
    return found


def _blurred_comae(
    reach: int, offset: tuple[float, float], psf: FloatArray
) -> Iterator[FloatArray]:
    """Comae of each slope as the PSF shows them, on the pixels within reach of the middle one."""
    from scipy.signal import fftconvolve

    # as far again, so that the coma beyond the edge is in the convolution
    wide = np.arange(-2 * reach, 2 * reach + 1.0)
    fine = (np.arange(FINER) + 0.5) / FINER - 0.5
    dx, dy = offset
    apart = [
        np.maximum(np.hypot(wide[None, :] - dx + sub_x, wide[:, None] - dy + sub_y), 0.5 / FINER)
        for sub_x in fine
        for sub_y in fine
    ]
    for slope in SLOPES:
        dust = np.mean([each ** (slope - 2.0) for each in apart], axis=0)
        yield fftconvolve(dust, psf, mode="same")[reach:-reach, reach:-reach]


def _rings(values: FloatArray, noise: FloatArray, distance: FloatArray) -> _Rings:
    """Clipped means of rings, as far as there are pixels."""
    edges = [0.0]
    farthest = float(distance.max())
    while edges[-1] < farthest:
        edges.append(edges[-1] + max(RING_PX, 0.08 * edges[-1]))
    rows = []
    number = np.digitize(distance.ravel(), edges) - 1
    flat, spread, apart = values.ravel(), noise.ravel(), distance.ravel()
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(edges) + 1))
    for first, last in pairwise(bounds):
        own = order[first:last]
        own = own[np.isfinite(flat[own])]
        if len(own) < (FEWEST_PIXELS if first else 4):
            continue
        kept = _clipped(flat[own])
        own = own[kept]
        mean_error = np.sqrt(np.mean(spread[own] ** 2) / len(own))
        rows.append((apart[own].mean(), flat[own].mean(), mean_error))
    return _Rings(*np.array(rows, float).reshape(-1, 3).T)


def _clipped(values: FloatArray) -> BoolArray:
    """Values without outliers."""
    kept = np.ones(len(values), bool)
    for _ in range(CLIP_ROUNDS):
        middle, sigma = values[kept].mean(), values[kept].std()
        inside = np.abs(values - middle) <= CLIP_SIGMA * sigma
        if inside.sum() == kept.sum():
            break
        kept = inside
    return kept


def _sky(rings: _Rings, inner_px: float) -> tuple[float, float] | None:
    """Level and its error from rings outside a radius, with a coma of 1/ρ, which may be nought."""
    outer = rings.radius >= inner_px
    if outer.sum() < FEWEST_RINGS:
        return None
    columns = np.stack([np.ones(outer.sum()), 1.0 / rings.radius[outer]])
    weight = rings.error[outer] ** -2.0
    normal = (columns * weight) @ columns.T
    covariance = np.linalg.inv(normal)
    level, coma = covariance @ ((columns * weight) @ rings.mean[outer])
    left = rings.mean[outer] - np.array([level, coma]) @ columns
    scatter = max(1.0, float(weight @ left**2) / max(1, int(outer.sum()) - 2))
    error = np.sqrt(covariance[0, 0] * scatter)
    if coma < 0:  # no coma takes light away
        level, error = np.average(rings.mean[outer], weights=weight), weight.sum() ** -0.5
    return float(level), float(error)


def _growth(radii_px: FloatArray, flux: FloatArray, error: FloatArray) -> tuple[float, float]:
    """Exponent of the growth of flux with radius, and its error."""
    good = np.isfinite(flux) & (flux > 3.0 * error)
    if good.sum() < 2:
        return float("nan"), float("nan")
    x, y = np.log(radii_px[good]), np.log(flux[good])
    sigma = error[good] / flux[good]
    weight = sigma**-2.0
    middle = np.average(x, weights=weight)
    depth = float(weight @ (x - middle) ** 2)
    return float(weight @ ((x - middle) * y) / depth), float(depth**-0.5)
