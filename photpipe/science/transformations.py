"""Apply a published transformation: one polynomial, one error rule, one range."""

from collections.abc import Mapping, Sequence

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science.published import Range, Transformation

Magnitudes = Mapping[str, FloatArray]
LOCUS_SIGMAS = 3.0  # one good star in 370 lies beyond
LOCUS_ROUNDS = 3  # by then the clipped set no longer changes, mostly
LOCUS_MINIMUM = 10  # fewer stars do not define a locus
MAD_TO_SIGMA = 1.4826
ROUNDING_MAG = 1e-9  # 16.1 - 15.0 is 1.1


def apply(
    rows: Sequence[Transformation],
    magnitudes: Magnitudes,
    errors: Magnitudes,
    everywhere: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Magnitudes and errors in the band that `rows` lead to.

    Parameters
    ----------
    rows : sequence of Transformation
        One relation, or its pieces over different ranges; the first that holds counts.
    magnitudes, errors : mapping of str to array of shape (n,)
        Per band, in mag; NaN where unknown. Bands may be missing.
    everywhere : bool
        Extrapolate beyond the range of validity and ignore the stellar locus.

    Returns
    -------
    mag, e_mag : arrays of shape (n,)
        NaN for stars that lack a band or lie outside the range.
    """
    n = len(next(iter(magnitudes.values())))
    mag, e_mag = np.full(n, np.nan), np.full(n, np.nan)
    for row in rows:
        if not all(band in magnitudes for band in row.inputs):
            continue
        value, error = evaluate(row, magnitudes, errors)
        good = np.isfinite(value) & np.isfinite(error) & ~np.isfinite(mag)
        if not everywhere:
            good &= in_range(row.valid, magnitudes)
            if row.locus:
                good &= on_locus(
                    _color(row.locus[0], magnitudes), _color(row.locus[1], magnitudes), good
                )
        mag[good], e_mag[good] = value[good], error[good]
    return mag, e_mag


def evaluate(
    row: Transformation, magnitudes: Magnitudes, errors: Magnitudes
) -> tuple[FloatArray, FloatArray]:
    """The polynomial and its error, wherever the star is.

    The variance is the sum of (dm/dX e_X)^2 over the bands, the color term included (a band
    that is both base and part of the color counts once, with the sum of its derivatives),
    plus that of the coefficients (taken as independent), plus the scatter of the fit.
    """
    base = magnitudes[row.base]
    x = np.zeros_like(base) if row.color is None else _color(row.color, magnitudes)
    slope = np.polynomial.polynomial.polyval(x, _derivative(row.coefficients))
    partials: dict[str, FloatArray] = {row.base: np.ones_like(base)}
    for band, sign in zip(row.color or (), (1.0, -1.0), strict=False):
        partials[band] = partials.get(band, np.zeros_like(base)) + sign * slope
    variance = np.full(len(base), row.scatter_mag**2)
    for band, partial in partials.items():
        variance += (partial * errors[band]) ** 2
    for power, error in enumerate(row.coefficient_errors):
        variance += (error * x**power) ** 2
    value = base + np.polynomial.polynomial.polyval(x, row.coefficients)
    return np.asarray(value), np.sqrt(variance)


def in_range(ranges: Sequence[Range], magnitudes: Magnitudes) -> BoolArray:
    """Whether stars fulfil all ranges; a band that is missing fulfils none."""
    good = np.ones(len(next(iter(magnitudes.values()))), bool)
    for limits in ranges:
        if not all(band in magnitudes for band in limits.bands):
            return np.zeros_like(good)
        value = magnitudes[limits.bands[0]]
        if len(limits.bands) > 1:
            value = value - magnitudes[limits.bands[1]]
        good &= (value >= limits.low - ROUNDING_MAG) & (value <= limits.high + ROUNDING_MAG)
    return good


def on_locus(x: FloatArray, y: FloatArray, sample: BoolArray) -> BoolArray:
    """Stars of the sample within three robust sigma of the straight line through it.

    The line is the long axis of the sample in (x, y), found again without the outliers;
    distances are perpendicular to it and sigma is 1.4826 times their median absolute
    deviation. A sample of fewer than ten stars defines no line and passes whole.
    """
    keep = np.array(sample, bool)
    if keep.sum() < LOCUS_MINIMUM:
        return keep
    points = np.stack([x, y], axis=-1)
    for _ in range(LOCUS_ROUNDS):
        _, axes = np.linalg.eigh(np.cov(points[keep].T))  # in order of rising variance
        distance = (points - points[keep].mean(axis=0)) @ axes[:, 0]
        middle = np.median(distance[keep])
        sigma = MAD_TO_SIGMA * np.median(np.abs(distance[keep] - middle))
        keep = sample & (np.abs(distance - middle) <= LOCUS_SIGMAS * sigma + 1e-9)
    return np.asarray(keep)


def _color(bands: tuple[str, str], magnitudes: Magnitudes) -> FloatArray:
    return magnitudes[bands[0]] - magnitudes[bands[1]]


def _derivative(coefficients: Sequence[float]) -> FloatArray:
    return np.atleast_1d(np.polynomial.polynomial.polyder(np.asarray(coefficients, float)))
