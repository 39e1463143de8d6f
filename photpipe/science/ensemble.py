"""Zeropoints of all frames of a series together: every star keeps its own offset.

A star i is off the catalog by the same δ_i on all frames j (its colour, faults of the catalog),

    catalog_i + δ_i = instrumental_ij + zeropoint_j + noise_ij,

and the δ_i have the errors of the catalog and the intrinsic scatter σ0 of all stars. Zeropoints
that ignore this jump by σ0/√n whenever other stars are used; together, they differ from each
other only by the noise of the measurements. The level that they share, on the other hand, is
known no better than the mean of the δ_i. Both errors are told. One frame alone comes out as
`zeropoint.fit_zeropoint` has it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science import zeropoint
from photpipe.science.noise import median_of_known

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

ANY_OFFSET_MAG = 1.0  # of a star from the catalog, while single measurements are judged
ROUNDS = 10  # a bound: it ends when the zeropoints have settled
SETTLED_MAG = 1e-5  # a hundredth of the smallest errors, 0.001 mag
TYPICAL_STARS = 3.0  # what the quoted errors weigh against a frame's own scatter; by simulation


@dataclass(frozen=True, slots=True)
class SeriesFit:
    """Zeropoints of a series.

    Attributes
    ----------
    zeropoint_mag, standard_error_mag, relative_error_mag : array, shape (frames,)
        Zeropoints, their errors, and the errors of their differences: the variance of the
        difference of two zeropoints is the sum of the squares of their relative errors. A
        frame alone has its standard error there.
    offset_mag : array, shape (stars,)
        Measured minus catalog magnitude of each star, drawn to zero by what is known before.
    kept : bool array, shape (frames, stars)
        The measurements that made the zeropoints.
    """

    zeropoint_mag: FloatArray
    standard_error_mag: FloatArray
    relative_error_mag: FloatArray
    offset_mag: FloatArray
    kept: BoolArray


@dataclass(frozen=True, slots=True)
class _Solution:
    """Least squares: zeropoints and offsets; diagonal and sums of the rows of the covariance."""

    zeropoint: FloatArray
    offset: FloatArray
    variance: FloatArray
    row_sum: FloatArray

    def residual(self, difference: FloatArray) -> FloatArray:
        """Differences minus what the solution makes of them; shape (frames, stars)."""
        return np.asarray(difference - self.zeropoint[:, None] - self.offset)


def fit_series(
    difference_mag: FloatArray,
    variance_mag2: FloatArray,
    reference_variance_mag2: FloatArray,
    minstars: float,
) -> SeriesFit:
    """Zeropoints from catalog − instrumental magnitudes of a series.

    Parameters
    ----------
    difference_mag, variance_mag2 : array, shape (frames, stars)
        NaN where a star does not calibrate a frame, at least three on each; variances of the
        measurements alone.
    reference_variance_mag2 : array, shape (stars,)
        Variances of the catalog.
    minstars : float
        Stars to keep on every frame: a fraction if below 1, else a number.
    """
    usable = np.isfinite(difference_mag)
    difference = np.where(usable, difference_mag, 0.0)
    steady = _steady(difference, variance_mag2, usable)
    variance = _with_own_scatter(difference, variance_mag2, steady)
    needed = [zeropoint.stars_needed(minstars, n) for n in usable.sum(axis=1).tolist()]
    solution = _solve(difference, np.where(steady, 1 / variance, 0.0), ANY_OFFSET_MAG**2)
    for _ in range(ROUNDS):
        before = solution.zeropoint
        away = difference - before[:, None]
        stars = _Stars.of(away, variance, reference_variance_mag2, steady)
        alone = stars.fit(minstars)
        agrees = stars.among(alone.kept)
        offset_variance = reference_variance_mag2 + alone.intrinsic_scatter_mag**2
        away = away - alone.zeropoint_mag
        significance = np.abs(away) / np.sqrt(variance + offset_variance)
        kept = _at_least(needed, steady & agrees, usable, significance)
        weight = np.where(kept, 1 / (variance + np.where(steady, 0.0, away**2)), 0.0)
        # a star off the catalog still tells how frames differ, but not where their level is
        solution = _solve(difference, weight, np.where(agrees, offset_variance, ANY_OFFSET_MAG**2))
        if np.abs(solution.zeropoint - before).max() < SETTLED_MAG:
            break
    standard = np.sqrt(stars.inflation(alone) * solution.variance)
    least = 1 / weight.sum(axis=1)
    relative = np.sqrt(_relative(solution, least)) if len(standard) > 1 else standard
    return SeriesFit(
        solution.zeropoint, np.maximum(standard, relative), relative, solution.offset, kept
    )


@dataclass(frozen=True, slots=True)
class _Stars:
    """Stars averaged over the frames; arrays of shape (n,)."""

    index: IntArray
    mean: FloatArray
    variance: FloatArray
    count: int

    @classmethod
    def of(
        cls,
        deviation: FloatArray,
        variance: FloatArray,
        reference_variance: FloatArray,
        steady: BoolArray,
    ) -> "_Stars":
        """Means of the steady measurements."""
        weight = np.where(steady, 1 / variance, 0.0)
        total = weight.sum(axis=0)
        index = np.flatnonzero(total > 0)
        mean = np.sum(weight * deviation, axis=0)[index] / total[index]
        return cls(index, mean, 1 / total[index] + reference_variance[index], len(total))

    def fit(self, minstars: float) -> zeropoint.ZeropointFit:
        """The level of all stars, their scatter, and which of them are outliers."""
        needed = zeropoint.stars_needed(minstars, len(self.mean))
        return zeropoint.fit_zeropoint(self.mean, self.variance, needed)

    def among(self, kept: BoolArray) -> BoolArray:
        """Whether each star of the catalog is among some of these; shape (stars,)."""
        among = np.zeros(self.count, bool)
        among[self.index[kept]] = True
        return among

    def inflation(self, fit: zeropoint.ZeropointFit) -> float:
        """Variance of the level over that of a weighted mean: few stars do not tell σ0 well."""
        known = 1 / np.sum(1 / (self.variance[fit.kept] + fit.intrinsic_scatter_mag**2))
        return float(fit.standard_error_mag**2 / known)


def _solve(
    difference: FloatArray, weight: FloatArray, offset_variance: FloatArray | float
) -> _Solution:
    """Weighted least squares for zeropoints and offsets, the offsets around zero.

    The larger of the two groups of unknowns is eliminated.
    """
    of_star = weight.sum(axis=0) + 1 / (np.zeros(weight.shape[1]) + offset_variance)
    of_frame = weight.sum(axis=1)
    star_sum, frame_sum = (weight * difference).sum(axis=0), (weight * difference).sum(axis=1)
    if len(of_frame) <= len(of_star):
        matrix = np.diag(of_frame) - (weight / of_star) @ weight.T
        covariance = np.linalg.inv(matrix)
        zeropoints = covariance @ (frame_sum - weight @ (star_sum / of_star))
        offset = (star_sum - weight.T @ zeropoints) / of_star
        return _Solution(zeropoints, offset, np.diag(covariance), covariance.sum(axis=1))
    share = weight / of_frame[:, None]
    covariance = np.linalg.inv(np.diag(of_star) - weight.T @ share)
    offset = covariance @ (star_sum - share.T @ frame_sum)
    spread = share @ covariance
    return _Solution(
        (frame_sum - weight @ offset) / of_frame,
        offset,
        1 / of_frame + np.sum(spread * share, axis=1),
        1 / of_frame + spread @ share.sum(axis=0),
    )


def _relative(solution: _Solution, least: FloatArray) -> FloatArray:
    """Variances whose sums come nearest to those of the differences of all pairs of frames."""
    count = len(solution.variance)
    to_others = count * solution.variance + solution.variance.sum() - 2 * solution.row_sum
    if count == 2:
        return np.asarray(np.maximum(to_others / 2, least))
    own = (to_others - to_others.sum() / (2 * (count - 1))) / (count - 2)
    return np.asarray(np.maximum(own, least))


def _leverage(weight: FloatArray) -> FloatArray:
    """How much each measurement makes its own star's offset and its frame's zeropoint."""
    leverage = np.zeros_like(weight)
    for axis in (0, 1):
        leverage += weight / np.maximum(weight.sum(axis=axis, keepdims=True), 1e-300)
    return leverage


def _tolerant(
    difference: FloatArray, variance: FloatArray, usable: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Residuals that outliers do not spoil (Huber 1964), and variances of restless frames.

    Frames that scatter as a whole have their variances enlarged, so that not half of their
    measurements look like outliers.
    """
    sigma = np.sqrt(variance)
    weight = np.where(usable, 1 / variance, 0.0)
    expected = sigma * np.sqrt(np.maximum(1 - _leverage(weight), 1 - zeropoint.LARGEST_LEVERAGE))
    count = usable.sum(axis=1)
    scale = np.ones((len(difference), 1))
    residual = np.zeros_like(difference)
    for _ in range(ROUNDS):
        tamed = np.minimum(1.0, 1 / np.maximum(np.abs(residual) / (scale * sigma), 1e-9))
        now = _solve(difference, weight * tamed / scale**2, ANY_OFFSET_MAG**2)
        before, residual = residual, now.residual(difference)
        typical = median_of_known(residual**2 / expected**2, usable)
        excess = (TYPICAL_STARS + count * typical / zeropoint.MEDIAN_CHI2) / (TYPICAL_STARS + count)
        scale = np.sqrt(np.maximum(excess, 1.0))[:, None]
        if np.abs(residual - before)[usable].max() < SETTLED_MAG:
            break
    return residual, variance * scale**2


def _steady(difference: FloatArray, variance: FloatArray, usable: BoolArray) -> BoolArray:
    """Measurements that agree with the same star's others; shape (frames, stars).

    One that pulls its star or its frame along makes others look bad, too: of a star and of a
    frame, only the worst go at a time. Where nothing is left to compare with, nothing goes, and
    the last three of a frame stay: who of so few is wrong cannot be told.
    """
    fewest = [zeropoint.FEWEST_STARS] * len(difference)
    residual, variance = _tolerant(difference, variance, usable)
    significance = np.abs(residual) / np.sqrt(variance)
    agrees = usable & (significance <= zeropoint.CLIP_SIGMA)
    steady = _at_least(fewest, agrees, usable, significance)
    while True:
        weight = np.where(steady, 1 / variance, 0.0)
        residual = _solve(difference, weight, ANY_OFFSET_MAG**2).residual(difference)
        leverage = _leverage(weight)
        judged = steady & (leverage < zeropoint.LARGEST_LEVERAGE)
        expected = np.sqrt(variance * np.where(judged, 1 - leverage, 1.0))
        significance = np.where(judged, np.abs(residual) / expected, 0.0)
        worst = np.maximum(
            significance.max(axis=0, keepdims=True), significance.max(axis=1, keepdims=True)
        )
        bad = (significance > zeropoint.CLIP_SIGMA) & (significance > 0.5 * worst)
        bad[(steady & ~bad).sum(axis=1) < zeropoint.FEWEST_STARS] = False
        if not bad.any():
            return steady
        steady &= ~bad


def _with_own_scatter(
    difference: FloatArray, variance: FloatArray, steady: BoolArray
) -> FloatArray:
    """Variances as the scatter about a common solution has them.

    Larger on frames that scatter more than they should (thin clouds, guiding), and smaller on
    all frames alike if the errors quoted are too large.
    """
    weight = np.where(steady, 1 / variance, 0.0)
    residual = _solve(difference, weight, ANY_OFFSET_MAG**2).residual(difference)
    chi2 = np.sum(weight * residual**2, axis=1)
    freedom = np.sum(np.where(steady, np.maximum(1 - _leverage(weight), 0.0), 0.0), axis=1)
    excess = np.maximum((TYPICAL_STARS + chi2) / (TYPICAL_STARS + freedom), 1.0)
    calm = (TYPICAL_STARS + np.sum(chi2 / excess)) / (TYPICAL_STARS + freedom.sum())
    return np.asarray(variance * excess[:, None] * min(calm, 1.0))


def _at_least(
    needed: list[int], wanted: BoolArray, usable: BoolArray, significance: FloatArray
) -> BoolArray:
    """The wanted measurements, and on frames with too few of them the next best."""
    kept = wanted.copy()
    for frame in np.flatnonzero(wanted.sum(axis=1) < needed):
        rank = np.where(usable[frame], significance[frame], np.inf) - 1e9 * wanted[frame]
        kept[frame, np.argsort(rank, kind="stable")[: needed[frame]]] = True
    return kept
