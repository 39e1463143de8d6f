"""Noise of aperture photometry: from sky, photons and detector to an honest error.

Source Extractor's aperture error is σ_pixel √area plus photon noise. It knows neither noise
that neighbouring pixels share (resampling, flat field, unseen sources) nor the error of the
local background, and without a gain it leaves the photon noise out. Here the noise of the sky
is measured where it matters: in apertures put on empty places of the same image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

POGSON = 2.5 / np.log(10.0)  # magnitude error per relative flux error
NO_MAGNITUDE = 99.0  # Source Extractor's word for a flux that is not positive
MAD_TO_SIGMA = 1.4826022185056018  # of a normal distribution
EMPTY_APERTURES = 300  # their scatter (from the MAD) is good to 7 %
EMPTY_APERTURES_ENOUGH = 30  # to 20 %
ANNULUS_GAP_PX = 2.0  # by judgement: the outermost wings of a star stay out
ANNULUS_WIDTH_PX = 24.0  # that of Source Extractor's local background
FACTOR_LIMITS = (0.7, 5.0)  # beyond, the measurement of the noise is to be mistrusted
GAIN_PLAUSIBLE = (1e-4, 1e7)  # electrons per count; normalised frames have few counts
SKY_SIGNIFICANCE = 5.0  # of a sky level: below, the sky was subtracted, or is lost in read noise


@dataclass(frozen=True, slots=True)
class SkyNoise:
    """Noise of a sky-subtracted aperture sum (counts) and how it was found."""

    aperture_counts: float
    pixel_counts: float
    number: int
    factor: float


def magnitudes(
    flux: FloatArray, error: FloatArray, known: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Instrumental magnitudes of fluxes, and their errors; `NO_MAGNITUDE` where none is known."""
    safe = np.where(known, flux, 1.0)
    mag = np.where(known, -2.5 * np.log10(safe), NO_MAGNITUDE)
    return mag, np.where(known, POGSON * error / safe, NO_MAGNITUDE)


def median(values: NDArray[np.floating]) -> float:
    """Median of finite values, at least one; as numpy.median, at a tenth of its cost or less.

    To find what belongs into one place is quick; numpy.median asks for three at once.
    """
    half = values.size // 2
    ordered = np.partition(values, half, axis=None)
    if values.size % 2:
        return float(ordered[half])
    return 0.5 * (float(ordered[half]) + float(ordered[:half].max()))


def median_of_known(values: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Median of the known values of each row, shape (n,) of (n, m); NaN where there is none.

    As numpy.nanmedian, which takes ten times as long for the some dozens of stars of a frame.
    """
    count = known.sum(axis=1)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    row = np.arange(len(values))
    middle = 0.5 * (ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, count // 2])
    return np.where(count > 0, middle, np.nan)


def robust_sigma(values: NDArray[np.floating]) -> float:
    """Standard deviation of the normal core of a sample, from the median absolute deviation."""
    if not values.size or np.isnan(values).any():
        return float("nan")
    return MAD_TO_SIGMA * median(np.abs(values - median(values)))


def _offsets(inner_px: float, outer_px: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column offsets of the pixels with inner <= distance < outer."""
    reach = int(np.ceil(outer_px))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(rows, columns)
    inside = (distance >= inner_px) & (distance < outer_px)
    return rows[inside], columns[inside]


def empty_places(
    shape: tuple[int, int],
    x_px: FloatArray,
    y_px: FloatArray,
    keep_off_px: FloatArray,
    border_px: float,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of up to 300 places, spread evenly, away from all sources.

    Parameters
    ----------
    shape : (ny, nx)
    x_px, y_px : array, shape (n,)
        Zero-based positions of the sources.
    keep_off_px : array, shape (n,)
        Distance to keep from each.
    border_px : float
        Distance to keep from the edges of the image.
    """
    from scipy.spatial import KDTree

    ny, nx = shape
    step = np.arange(1, 6 * EMPTY_APERTURES + 1)
    # the additive recurrence with the plastic number fills a square evenly and without chance
    column = np.floor((step * 0.7548776662466927 % 1.0) * nx).astype(np.intp)
    row = np.floor((step * 0.5698402909980532 % 1.0) * ny).astype(np.intp)
    inside = (
        (column >= border_px)
        & (column < nx - border_px)
        & (row >= border_px)
        & (row < ny - border_px)
    )
    row, column = row[inside], column[inside]
    if x_px.size and row.size:
        reach = np.minimum(keep_off_px, max(shape))
        places = KDTree(np.column_stack([column, row]))
        covered = places.query_ball_point(np.column_stack([x_px, y_px]), reach)
        taken = np.unique(np.concatenate([np.asarray(found, np.intp) for found in covered]))
        row, column = np.delete(row, taken), np.delete(column, taken)
    return row[:EMPTY_APERTURES], column[:EMPTY_APERTURES]


def missing_part(
    image: NDArray[np.floating], x_px: FloatArray, y_px: FloatArray, radius_px: float
) -> FloatArray:
    """Part of the pixels of each aperture that are masked (NaN); shape (n,).

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts; NaN where masked.
    x_px, y_px : array, shape (n,)
        Zero-based centres; what lies beyond the edges does not count.
    radius_px : float
        Aperture radius.
    """
    masked = ~np.isfinite(image)
    if not masked.any():
        return np.zeros(len(x_px))
    rows, columns = _offsets(0.0, radius_px)
    row = np.rint(y_px).astype(np.intp)[:, None] + rows
    column = np.rint(x_px).astype(np.intp)[:, None] + columns
    inside = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
    missing = masked[np.where(inside, row, 0), np.where(inside, column, 0)] & inside
    return np.asarray(missing.mean(axis=1))


def sky_noise(net: FloatArray, radius_px: float, pixel_counts: float) -> SkyNoise:
    """Noise of the sky in an aperture, from sums in empty ones.

    Parameters
    ----------
    net : array, shape (n,)
        Counts above the sky in apertures on empty places; NaN where unknown.
    radius_px : float
        Aperture radius.
    pixel_counts : float
        Standard deviation of one pixel, to fall back on when fewer than 30 places are left.
    """
    expected = pixel_counts * np.sqrt(np.pi * radius_px**2)
    known = net[np.isfinite(net)]
    if known.size < EMPTY_APERTURES_ENOUGH or not expected > 0:
        return SkyNoise(float(expected), pixel_counts, known.size, 1.0)
    factor = float(np.clip(robust_sigma(known) / expected, *FACTOR_LIMITS))
    return SkyNoise(float(factor * expected), pixel_counts, known.size, factor)


def annulus_reach(radius_px: float) -> float:
    """Outer radius of the sky annulus that belongs to an aperture radius, in pixels."""
    return radius_px + ANNULUS_GAP_PX + ANNULUS_WIDTH_PX


def pixel_noise(sky_variance_counts2: FloatArray, radius_px: float) -> float:
    """Typical noise (counts) of one sky pixel from the variances of apertures; NaN if none."""
    good = sky_variance_counts2[sky_variance_counts2 > 0]
    return float(np.sqrt(np.median(good) / np.pi) / radius_px) if good.size else float("nan")


def sky_variance(flux: FloatArray, flux_error: FloatArray, gain: float | None) -> FloatArray:
    """Aperture variance without the photon noise of the source (counts², shape of flux).

    Source Extractor's errors are σ² = area σ_pixel² + flux/gain, without a gain only the first.
    """
    photons = np.maximum(flux, 0.0) / gain if gain else 0.0
    return np.asarray(flux_error**2 - photons)


def effective_gain(background_counts: float, pixel_counts: float) -> float | None:
    """Electrons per count if the sky noise is photon noise of the sky; None if that is absurd.

    Right for sky-limited frames whose bias was subtracted; read noise makes it too small,
    a bias left in makes it too large. What subtraction leaves of a sky tells nothing: a level of
    5 sigma is asked for, which is 25 electrons whatever the unit of the counts.
    """
    if not (pixel_counts > 0 and background_counts > SKY_SIGNIFICANCE * pixel_counts):
        return None
    gain = background_counts / pixel_counts**2
    return gain if GAIN_PLAUSIBLE[0] <= gain <= GAIN_PLAUSIBLE[1] else None


def aperture_errors(
    flux: FloatArray, sky_variance_counts2: FloatArray, factor: float, gain: float | None
) -> FloatArray:
    """Errors of aperture fluxes (counts): measured sky noise plus photon noise of the source."""
    photons = np.maximum(flux, 0.0) / gain if gain else 0.0
    return np.sqrt(np.maximum(sky_variance_counts2, 0.0) * factor**2 + photons)


def limiting_magnitude(aperture_counts: float, n_sigma: float = 5.0) -> float:
    """Instrumental magnitude of a source whose flux is n_sigma times the sky noise; NaN if none."""
    if not aperture_counts > 0:
        return float("nan")
    return float(-2.5 * np.log10(n_sigma * aperture_counts))


def plateau(peak_counts: FloatArray, flux: FloatArray) -> float:
    """Level (counts) at which peaks stop growing with flux, infinite if they do not.

    A detector that saturates below the level its header claims shows itself by several
    bright sources of different flux and one common peak.
    """
    good = np.isfinite(peak_counts) & np.isfinite(flux) & (flux > 0)
    order = np.argsort(-flux[good])
    peaks, bright = peak_counts[good][order], flux[good][order]
    top = float(peaks.max()) if peaks.size else float("inf")
    level = peaks > 0.98 * top
    if level.sum() >= 3 and bright[level].max() > 2.0 * bright[level].min():
        return float(np.median(peaks[level]))
    return float("inf")
