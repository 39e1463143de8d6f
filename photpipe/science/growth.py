"""Curves of growth: how much of a star's light an aperture holds, and which aperture to take.

Radii are pixels of the image as read; fluxes have any one unit; arrays of curves have the
shape (number of sources, number of apertures) with the apertures in ascending order.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from photpipe.science.leastsquares import fitted
from photpipe.science.noise import MAD_TO_SIGMA, POGSON, robust_sigma

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

APERTURES = 20  # manual: 20 aperture radii
MEDIAN_ERROR = 1.2533  # √(π/2): error of a median relative to that of a mean, normal scatter
MONOTONIC_SIGMA = 3.0  # one ring in 740 falls by more from noise alone
LOCUS_INTERVAL = 0.15  # relative width that surely holds the stars of one frame
# by judgement: 7 stars beside 8 galaxies of one size; never one stray beside few stars
LOCUS_RIVAL = 0.8
LOCUS_SIGMA = 4.0  # one good star in 16 000 lies beyond
LOCUS_MIN_WIDTH = 0.1  # relative; sizes of good stars scatter by a few per cent
NEIGHBOUR_LIGHT = 0.02  # relative light of neighbours that spoils a curve
# the best stars there are: those of the highest step that has enough
SNR_LADDER = (50.0, 20.0, 10.0, 5.0)
SAMPLE_ENOUGH = 5  # a median of five survives two spoilt curves
SAMPLE_LARGEST = 100  # more improve a median by less than its steps


class Strategy(StrEnum):
    """Whose curve decides on the aperture."""

    BOTH = "target and background"
    BACKGROUND = "background"
    TARGET = "target"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class MeanCurve:
    """Typical curve of growth of several curves; arrays of shape (apertures,).

    `fraction` is the light relative to the largest aperture, `snr` the signal-to-noise ratio
    relative to its largest value; errors are those of the typical curve. `noise` is the
    relative error of a typical single curve in the largest aperture.
    """

    fraction: FloatArray
    error: FloatArray
    snr: FloatArray
    snr_error: FloatArray
    number: int
    noise: float


@dataclass(frozen=True, slots=True)
class ApertureChoice:
    """The chosen aperture: its index, the strategy that in the end decided, and why."""

    index: int
    strategy: Strategy
    reason: str
    as_wished: bool


@dataclass(frozen=True, slots=True)
class ApertureCorrection:
    """What to add to an aperture magnitude to get the total magnitude (never positive)."""

    magnitude: float
    error_mag: float


def aperture_radii(smallest_px: float, largest_px: float, number: int = APERTURES) -> FloatArray:
    """Linearly spaced radii in pixels.

    Raises
    ------
    ValueError
        If the limits do not satisfy 0 < smallest < largest.
    """
    if not 0 < smallest_px < largest_px:
        message = f"aperture radii from {smallest_px} to {largest_px} px make no range"
        raise ValueError(message)
    return np.linspace(smallest_px, largest_px, number)


def locus(size_px: FloatArray) -> tuple[float, float]:
    """Centre and half-width, in pixels, of the stellar locus among sizes of sources.

    The centre is that of the interval of fixed relative width that holds most sources: stars
    share one width while galaxies, blends and cosmic rays scatter, so that the fullest
    interval is that of the stars even when they are a minority. Of two that hold nearly as many
    the smaller is taken, as no galaxy is smaller than a star. Both are NaN without a width.
    """
    logs = np.sort(np.log(size_px[np.isfinite(size_px) & (size_px > 0)]))
    if not logs.size:
        return float("nan"), float("nan")
    ends = np.searchsorted(logs, logs + LOCUS_INTERVAL, side="right")
    held = ends - np.arange(logs.size)
    first = int(np.argmax(held))
    smaller = np.flatnonzero((ends <= first) & (held >= LOCUS_RIVAL * held[first]))
    if smaller.size:
        first = int(smaller[np.argmax(held[smaller])])
    mode = float(np.median(logs[first : ends[first]]))
    near = logs[np.abs(logs - mode) <= LOCUS_INTERVAL]
    centre = float(np.median(near))
    width = max(LOCUS_MIN_WIDTH, LOCUS_SIGMA * robust_sigma(near))
    return float(np.exp(centre)), float(np.exp(centre) * width)


def neighbour_light(
    x_px: FloatArray, y_px: FloatArray, flux: FloatArray, reach_px: float
) -> FloatArray:
    """Light of all other sources within `reach_px` relative to the source's own; shape (n,)."""
    from scipy.spatial import KDTree

    light = np.zeros(x_px.size)
    if x_px.size > 1:
        pairs = KDTree(np.column_stack([x_px, y_px])).query_pairs(reach_px, output_type="ndarray")
        np.add.at(light, pairs[:, 0], np.maximum(flux[pairs[:, 1]], 0.0))
        np.add.at(light, pairs[:, 1], np.maximum(flux[pairs[:, 0]], 0.0))
    return np.divide(light, flux, out=np.full_like(light, np.inf), where=flux > 0)


def star_sample(
    clean: BoolArray, size_px: FloatArray, snr: FloatArray, isolated: BoolArray
) -> NDArray[np.intp]:
    """Indices of the stars whose curves are worth averaging, brightest first, at most 100.

    Parameters
    ----------
    clean : bool array, shape (n,)
        Unflagged, unsaturated, finite.
    size_px, snr : array, shape (n,)
        Half-light radius, and signal-to-noise ratio in the aperture where it is largest.
    isolated : bool array, shape (n,)
        No neighbour of weight in the largest aperture.

    Notes
    -----
    Stars with S/N > 50 if there are five, else > 20, > 10, > 5; the isolated among them, and
    those within the stellar locus.
    """
    for limit in SNR_LADDER:
        bright = clean & (snr > limit)
        centre, width = locus(size_px[bright])
        good = bright & isolated & (np.abs(size_px - centre) <= width)
        if good.sum() >= SAMPLE_ENOUGH:
            break
    chosen = np.flatnonzero(good)
    return chosen[np.argsort(-snr[chosen], kind="stable")][:SAMPLE_LARGEST]


def usable_curves(flux: FloatArray, error: FloatArray) -> BoolArray:
    """Which curves are finite, positive and never fall by more than their noise; shape (n,).

    Apertures are nested, so the noise of a step is that of the ring between two of them.
    """
    finite = (np.isfinite(flux) & np.isfinite(error) & (error > 0)).all(axis=1)
    with np.errstate(invalid="ignore"):
        ring_variance = np.diff(error**2, axis=1)
        ring_sigma = np.sqrt(np.maximum(ring_variance, 0.0))
        rising = (np.diff(flux, axis=1) >= -MONOTONIC_SIGMA * ring_sigma).all(axis=1)
        return np.asarray(finite & (flux > 0).all(axis=1) & rising)


def mean_curve(flux: FloatArray, error: FloatArray) -> MeanCurve | None:
    """Typical curve of the usable ones among curves of shape (n, apertures), or None.

    Every curve is first put on the scale of its flux in the aperture of best signal-to-noise
    ratio: dividing by the largest aperture would carry that aperture's noise into all others.
    The median of the scaled curves is then divided by its own last value. The error is that
    of a ratio of medians, from the scatter of the curves about the typical one.
    """
    good = usable_curves(flux, error)
    if not good.any():
        return None
    flux, error = flux[good], error[good]
    snr = flux / error
    best = int(np.argmax(np.median(snr / snr.max(axis=1, keepdims=True), axis=0)))
    scaled = flux / flux[:, best : best + 1]
    typical = np.median(scaled, axis=0)
    fraction = typical / typical[-1]
    number = len(flux)
    if number > 2:
        spread = _scatter((scaled - fraction * scaled[:, -1:]) / typical[-1])
    else:
        outside = np.sqrt(np.maximum(error[:, -1:] ** 2 - error**2, 0.0)) / flux[:, -1:]
        spread = fraction * np.median(outside, axis=0)
    relative_snr = snr / snr.max(axis=1, keepdims=True)
    typical_snr = np.median(relative_snr, axis=0)
    root = np.sqrt(number) / MEDIAN_ERROR
    return MeanCurve(
        fraction,
        spread / root,
        typical_snr,
        _scatter(relative_snr - typical_snr) / root,
        number,
        float(np.median(1.0 / snr[:, -1])),
    )


def _scatter(residual: FloatArray) -> FloatArray:
    """Robust standard deviation of each column of residuals."""
    return np.asarray(MAD_TO_SIGMA * np.median(np.abs(residual), axis=0))


def average_curves(curves: list[MeanCurve]) -> MeanCurve | None:
    """Median over frames of their typical curves; `number` counts the sources of all frames."""
    if not curves:
        return None
    fraction, fraction_error = _median_with_error(
        [c.fraction for c in curves], [c.error for c in curves]
    )
    snr, snr_error = _median_with_error([c.snr for c in curves], [c.snr_error for c in curves])
    number, noise = sum(c.number for c in curves), float(np.median([c.noise for c in curves]))
    return MeanCurve(fraction, fraction_error, snr, snr_error, number, noise)


def _median_with_error(
    values: list[FloatArray], errors: list[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Median over rows and its error: the larger of propagation and observed scatter."""
    stack, number = np.array(values), len(values)
    median = np.median(stack, axis=0)
    propagated = np.sqrt(np.sum(np.square(errors), axis=0)) / number
    return median, np.maximum(propagated, MEDIAN_ERROR * _scatter(stack - median) / np.sqrt(number))


def choose_aperture(
    background: MeanCurve | None,
    target: MeanCurve | None,
    strategy: Strategy,
    flux_limit: float,
    flux_margin: float,
) -> ApertureChoice | None:
    """Choose the smallest aperture that the strategy allows, or None if there is no curve at all.

    Parameters
    ----------
    background, target : MeanCurve or None
        Curves of growth of the fixed sources and of the moving target.
    strategy : Strategy
        BOTH: both fractions above the limit and closer than the margin (or, if they nowhere
        are, closest); BACKGROUND, TARGET: that fraction alone above the limit.
    flux_limit, flux_margin : float
        Fractions of the light in the largest aperture, documented as 0.7 and 0.05.

    Notes
    -----
    A curve that is missing hands the decision to the other one. An aperture at exactly the
    limit counts as reaching it.
    """
    if background is not None and target is not None and strategy is Strategy.BOTH:
        return _choose_by_both(background, target, flux_limit, flux_margin)
    by_target = target is not None and (strategy is Strategy.TARGET or background is None)
    curve = target if by_target else background
    if curve is None:
        return None
    deciding = Strategy.TARGET if by_target else Strategy.BACKGROUND
    index = int(np.argmax(curve.fraction >= flux_limit))
    return ApertureChoice(
        index,
        deciding,
        f"smallest aperture with {flux_limit:.0%} of the {deciding} flux",
        deciding is strategy,
    )


def _choose_by_both(
    background: MeanCurve, target: MeanCurve, flux_limit: float, flux_margin: float
) -> ApertureChoice:
    """Choose the smallest aperture good for both curves.

    The last aperture holds all the light of both by definition, so one always reaches the
    limit, and the difference vanishes there.
    """
    enough = (background.fraction >= flux_limit) & (target.fraction >= flux_limit)
    difference = np.abs(target.fraction - background.fraction)
    index = int(np.argmax(enough & (difference < flux_margin)))
    return ApertureChoice(
        index,
        Strategy.BOTH,
        f"smallest aperture with {flux_limit:.0%} of the flux of target and background and "
        f"less than {flux_margin:.0%} between them",
        True,
    )


def moffat_growth(radius_px: FloatArray, core_px: float, beta: float) -> FloatArray:
    """Fraction of the light of a Moffat profile inside a radius: 1 − (1 + r²/α²)^(1 − β)."""
    return np.asarray(1.0 - (1.0 + (radius_px / core_px) ** 2) ** (1.0 - beta))


def aperture_correction(radius_px: FloatArray, curve: MeanCurve, index: int) -> ApertureCorrection:
    """Correction from aperture `index` to all the light, with its error, in magnitudes.

    A Moffat profile is fitted to the rings of the curve; it tells how much light lies beyond
    the largest aperture. Half of that extrapolation counts as uncertainty, because the far
    wings of a real profile are no Moffat function, and half of the noise of one curve, because
    the background of all of them may be wrong alike.
    """
    rings = np.diff(curve.fraction, prepend=0.0)
    sigma = np.hypot(0.002, np.diff(curve.error, prepend=0.0))
    half_light = float(np.interp(0.5, curve.fraction, radius_px))

    def misfit(parameters: FloatArray) -> FloatArray:
        total, log_core, log_excess = parameters
        model = total * moffat_growth(radius_px, np.exp(log_core), 1.2 + np.exp(log_excess))
        return np.asarray((np.diff(model, prepend=0.0) - rings) / sigma)

    start = (1.02, np.log(1.5 * half_light), np.log(1.8))
    limits = ((1.0, np.log(0.1 * half_light), -1.0), (1.5, np.log(20 * half_light), 4.0))
    total = float(fitted(misfit, *(np.array(each) for each in (start, *limits)))[0])
    fraction = curve.fraction[index]
    systematic = 0.5 * np.hypot((total - 1.0) / total, curve.noise)
    relative_error = np.hypot(curve.error[index] / fraction, systematic)
    return ApertureCorrection(
        float(2.5 * np.log10(fraction / total)), float(POGSON * relative_error)
    )
