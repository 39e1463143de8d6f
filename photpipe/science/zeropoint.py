"""Magnitude zeropoint of a frame: closed form, step by step, with an honest error.

A star i contributes the difference d_i = catalog − instrumental magnitude with the variance
v_i of both. The zeropoint is the weighted mean of the d_i; with further terms (colour of the
star, place on the detector) it is the constant of a weighted linear fit. An intrinsic scatter
σ0 (flat field, faults of the catalog, colours) is added in quadrature to all errors; it is found
from the scatter of the kept stars.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.noise import median

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

FEWEST_STARS = 3  # documented: fewer matched stars leave the magnitudes instrumental
MINSTARS_CAP = 100  # documented
REFERENCE_ERROR_FLOOR_MAG = 0.01  # documented
CLIP_SIGMA = 3.5  # one good star in 2150 lies beyond: of a field hardly one is lost
PRIOR_FREEDOM = 2.0  # how many stars the quoted errors weigh against the observed scatter
SCATTER_GRID = 60  # steps of some 4 % of the scatter, of which 50 stars leave 10 % open
MEDIAN_CHI2 = 0.4549364231195727  # median of χ² with one degree of freedom
STRONG_EVIDENCE = 6.0  # difference of the Bayesian information criterion
STARS_FOR_TERMS = 15  # a compromise: with fewer a term would follow their noise
STARS_PER_TERM = 5  # a compromise: more would deny terms to sparse fields
VARIABLE_FALSE_ALARM = 1e-5  # for each star: one of a hundred fields of a thousand loses one
VARIABLE_EXCESS = 1.5  # scatter over expected scatter; formal significance alone is too touchy
FEWEST_EPOCHS = 4  # the scatter of three measurements is uncertain by half
CENTRE_FLOOR_MAG = 0.005  # no star weighs more than this error allows
CENTRE_ROUNDS = 10  # a bound: rows and columns are centred in turn
LARGEST_LEVERAGE = 0.7  # what makes more than this of a mean cannot be seen to leave it


@dataclass(frozen=True, slots=True)
class ZeropointFit:
    """Zeropoint of one frame and what tells how good it is.

    Attributes
    ----------
    zeropoint_mag, standard_error_mag : float
        Constant of the fit and its standard error, intrinsic scatter included.
    relative_error_mag : float
        Error relative to the other frames of a series; the standard error of a frame alone.
    one_star_scatter_mag : float
        Spread to expect for one star, √(weighted variance + mean variance): the manual's sense.
    intrinsic_scatter_mag : float
        σ0.
    reduced_chi2 : float
        Of the kept stars, without σ0.
    parameters, covariance : array, shape (terms,), (terms, terms)
        All terms of the fit; the first is the zeropoint.
    kept : bool array, shape (n,)
        Stars that made the zeropoint.
    order : int array, shape (n,)
        All stars, the most significant outlier first: the order of removal.
    residual_mag : array, shape (n,)
        Difference minus fit.
    steps : array, shape (n - 2, 4)
        On the way from all stars down to three: number of stars, zeropoint and its error (mag),
        reduced chi2.
    bic : float
        Bayesian information criterion of the kept stars, to compare models on equal stars.
    """

    zeropoint_mag: float
    standard_error_mag: float
    relative_error_mag: float
    one_star_scatter_mag: float
    intrinsic_scatter_mag: float
    reduced_chi2: float
    parameters: FloatArray
    covariance: FloatArray
    kept: BoolArray
    order: IntArray
    residual_mag: FloatArray
    steps: FloatArray
    bic: float

    @property
    def parameter_errors(self) -> FloatArray:
        """Standard errors of all terms."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def n_kept(self) -> int:
        """Number of stars that made the zeropoint."""
        return int(self.kept.sum())


def stars_needed(minstars: float, n_matched: int) -> int:
    """Fewest stars to keep: a fraction of the matched ones if below 1, else a number.

    Never more than 100 or than there are, never fewer than three.
    """
    wanted = int(np.ceil(minstars * n_matched - 1e-9)) if minstars < 1 else int(minstars)
    return max(FEWEST_STARS, min(wanted, MINSTARS_CAP, n_matched))


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The value with half of the weight on either side."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, 0.5 * cumulated[-1])])


def _linear_fit(
    design: FloatArray, difference: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Parameters of the weighted linear fit and their covariance matrix."""
    weighted = design / variance[:, None]
    covariance = np.asarray(np.linalg.inv(design.T @ weighted), float)
    return covariance @ (weighted.T @ difference), covariance


def _robust_extra_variance(residual: FloatArray, variance: FloatArray) -> float:
    """Extra variance that brings the median of the squared significances to its normal value.

    Up to half of the stars may be outliers without spoiling it.
    """
    lower, upper = 0.0, float(np.max(residual**2)) / MEDIAN_CHI2
    for _ in range(30):
        middle = 0.5 * (lower + upper)
        if median(residual**2 / (variance + middle)) > MEDIAN_CHI2:
            lower = middle
        else:
            upper = middle
    return 0.5 * (lower + upper) if lower > 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Marginal:
    """Intrinsic scatter and covariance matrix, averaged over the scatters that may be."""

    scatter_mag: float
    covariance: FloatArray
    chi2_without: float


def _marginal(design: FloatArray, difference: FloatArray, variance: FloatArray) -> _Marginal:
    """Average over the intrinsic scatter with its likelihood as weight.

    The prior 1/(1 + scatter/typical error) was chosen by simulation: with it, errors are honest
    to 10 % from 15 stars on, with 0 to 30 % of outliers and up to 0.02 mag of hidden scatter.
    Few stars do not tell their scatter well. The scatter of best likelihood is often zero
    where it should not be, and then the error of the fit is too small and the most precise
    stars weigh too much; the average has neither fault.
    """
    start, _ = _linear_fit(design, difference, variance)
    largest = 2.5 * np.std(difference - design @ start) + np.sqrt(variance.min())
    scatter = np.linspace(0.0, largest, SCATTER_GRID)
    weight = 1.0 / (variance + scatter[:, None] ** 2)
    weighted = weight[:, :, None] * design
    covariance = np.linalg.inv(weighted.transpose(0, 2, 1) @ design)
    each = np.einsum("gab,gnb,n->ga", covariance, weighted, difference, optimize=True)
    chi2 = np.sum(weight * (difference - each @ design.T) ** 2, axis=1)
    likelihood = 0.5 * (np.log(weight).sum(axis=1) - chi2 + np.linalg.slogdet(covariance)[1])
    prior = 1.0 / (1.0 + scatter / np.sqrt(np.median(variance)))
    share = prior * np.exp(likelihood - likelihood.max())
    share /= share.sum()
    away = each - share @ each
    spread = away[:, :, None] * away[:, None, :]
    return _Marginal(
        float(share @ scatter),
        np.tensordot(share, covariance + spread, axes=1),
        float(chi2[0]),
    )


def _clipped(
    design: FloatArray, difference: FloatArray, variance: FloatArray, needed: int
) -> tuple[BoolArray, FloatArray]:
    """Stars within 3.5 σ and the significance of all; rejects until nothing is left to reject.

    The centre is a weighted median and the scatter a robust one, so that outliers cannot
    hide behind the scatter that they make, nor throw out the most precise stars.
    """
    kept = np.ones(len(difference), bool)
    while True:
        used = np.flatnonzero(kept)
        parameters, _ = _linear_fit(design[used], difference[used], variance[used])
        residual = difference - design @ parameters
        residual = residual - weighted_median(residual[used], 1.0 / np.sqrt(variance[used]))
        extra = _robust_extra_variance(residual[used], variance[used])
        significance = np.abs(residual) / np.sqrt(variance + extra)
        now = kept & (significance <= CLIP_SIGMA)
        if now.sum() <= needed:
            now = np.zeros_like(kept)
            now[used[np.argsort(significance[used], kind="stable")[:needed]]] = True
            return now, significance
        if now.sum() == kept.sum():
            return kept, significance
        kept = now


def _steps(
    difference: FloatArray, variance: FloatArray, extra: float, order: IntArray
) -> FloatArray:
    """Zeropoints of the last n stars of the order of removal, n from all down to three."""
    d, v = difference[order][::-1], variance[order][::-1]
    centre = float(np.median(d))
    weight = np.cumsum(1.0 / (v + extra))
    mean = np.cumsum((d - centre) / (v + extra)) / weight
    plain = np.cumsum(1.0 / v)
    linear, squares = np.cumsum((d - centre) / v), np.cumsum((d - centre) ** 2 / v)
    chi2 = squares - 2 * mean * linear + mean**2 * plain
    n = np.arange(1.0, len(d) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # one star has no chi2
        steps = np.column_stack([n, centre + mean, 1.0 / np.sqrt(weight), chi2 / (n - 1)])
    return np.asarray(steps[: FEWEST_STARS - 2 : -1])


def fit_zeropoint(
    difference_mag: FloatArray,
    variance_mag2: FloatArray,
    needed: int,
    terms: FloatArray | None = None,
    kept: BoolArray | None = None,
) -> ZeropointFit:
    """Zeropoint from catalog − instrumental magnitudes.

    Parameters
    ----------
    difference_mag, variance_mag2 : array, shape (n,)
        Finite; variances positive.
    needed : int
        Never keep fewer stars than this.
    terms : array, shape (n, k), optional
        Further terms of the linear fit, e.g. colours relative to a reference colour.
    kept : bool array, shape (n,), optional
        Use exactly these stars instead of rejecting outliers.

    Raises
    ------
    ValueError
        If there are fewer than three stars.

    Notes
    -----
    If the scatter is smaller than the quoted errors allow, the standard error shrinks with
    it, the quoted errors counting as two stars.
    """
    n = len(difference_mag)
    if n < FEWEST_STARS:
        message = f"{n} stars, {FEWEST_STARS} are needed"
        raise ValueError(message)
    design = np.ones((n, 1)) if terms is None else np.column_stack([np.ones(n), terms])
    clipped, significance = _clipped(design, difference_mag, variance_mag2, needed)
    kept = clipped if kept is None else kept
    a, d, v = design[kept], difference_mag[kept], variance_mag2[kept]
    marginal = _marginal(a, d, v)
    extra = marginal.scatter_mag**2
    parameters, _ = _linear_fit(a, d, v + extra)
    residual = difference_mag - design @ parameters
    freedom = len(d) - design.shape[1]
    calm = min(1.0, (PRIOR_FREEDOM + marginal.chi2_without) / (PRIOR_FREEDOM + freedom))
    covariance = marginal.covariance * calm
    weight = 1.0 / (v + extra)
    chi2 = float(np.sum(weight * residual[kept] ** 2))
    spread = float(np.sum(weight * residual[kept] ** 2) / np.sum(weight))
    order = np.lexsort((-significance, kept))
    return ZeropointFit(
        zeropoint_mag=float(parameters[0]),
        standard_error_mag=float(np.sqrt(covariance[0, 0])),
        relative_error_mag=float(np.sqrt(covariance[0, 0])),
        one_star_scatter_mag=float(np.sqrt(spread + v.mean())),
        intrinsic_scatter_mag=marginal.scatter_mag,
        reduced_chi2=float(np.sum(residual[kept] ** 2 / v) / max(freedom, 1)),
        parameters=parameters,
        covariance=covariance,
        kept=kept,
        order=order,
        residual_mag=residual,
        steps=_steps(residual + parameters[0], variance_mag2, extra, order),
        bic=float(chi2 + np.sum(np.log(v + extra)) + design.shape[1] * np.log(len(d))),
    )


def with_prior(
    parameters: FloatArray, covariance: FloatArray, index: int, mean: float, sigma: float
) -> tuple[FloatArray, FloatArray]:
    """Parameters and covariance of a linear fit, after what was known of one of them before.

    Parameters
    ----------
    parameters, covariance : array, shape (terms,), (terms, terms)
        Of the fit by itself.
    index : int
        The parameter that was known.
    mean, sigma : float
        Its value and error before the fit.
    """
    share = covariance[:, index] / (covariance[index, index] + sigma**2)
    return (
        parameters + share * (mean - parameters[index]),
        covariance - np.outer(share, covariance[index]),
    )


def supported(plain: ZeropointFit, richer: ZeropointFit) -> bool:
    """Whether the stars support a model with more terms, fitted to the same stars."""
    added = len(richer.parameters) - len(plain.parameters)
    enough = plain.n_kept >= STARS_FOR_TERMS + STARS_PER_TERM * added
    return enough and richer.bic < plain.bic - STRONG_EVIDENCE


def spatial_terms(
    x_px: FloatArray, y_px: FloatArray, shape: tuple[int, int], degree: int
) -> FloatArray:
    """Terms of a polynomial over the frame, zero at its centre; shape (n, 2 or 5), degree 1 or 2.

    Coordinates run from −1 to 1 across the frame (pixels counted from 1, shape = (ny, nx)).
    """
    u, v = 2 * (x_px - 0.5) / shape[1] - 1, 2 * (y_px - 0.5) / shape[0] - 1
    columns = [u, v] if degree == 1 else [u, v, u**2, u * v, v**2]
    return np.column_stack(columns)


def repeatability(residual_mag: FloatArray, variance_mag2: FloatArray) -> float:
    """Scatter (mag) that constant stars show from frame to frame beyond their quoted errors.

    From the brightest third: the faint ones would tell of errors of their errors.

    Parameters
    ----------
    residual_mag, variance_mag2 : array, shape (frames, stars)
        Calibrated minus catalog magnitudes, NaN where a star was not measured, and their
        variances without those of the catalog.

    Returns
    -------
    float
        NaN if fewer than five stars were seen on four frames.
    """
    usable = np.isfinite(residual_mag).sum(axis=0) >= FEWEST_EPOCHS
    if usable.sum() < 5:
        return float("nan")
    variance = variance_mag2[:, usable]
    centred, leverage = _centred(residual_mag[:, usable], variance)
    seen = np.isfinite(centred) & (leverage < LARGEST_LEVERAGE)
    bright = np.nanmedian(np.where(np.isfinite(centred), variance, np.nan), axis=0)
    seen &= bright <= np.quantile(bright, max(1 / 3, 5 / bright.size))
    if not seen.any():
        return float("nan")
    scaled = centred[seen] / np.sqrt(1.0 - leverage[seen])
    return float(np.sqrt(_robust_extra_variance(scaled, variance[seen])))


def _centred(residual: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Residuals minus the mean of each star and of each frame, and their leverage on both.

    The zeropoints have errors of their own, which all stars of a frame share: they would pass
    for scatter of the stars.
    """
    seen = np.isfinite(residual)
    weight = np.where(seen, 1.0 / (variance + CENTRE_FLOOR_MAG**2), 0.0)
    centred = np.where(seen, residual, 0.0)
    leverage = np.zeros_like(residual)
    for axis in (0, 1):
        leverage += weight / np.maximum(weight.sum(axis=axis, keepdims=True), 1e-300)
    for _ in range(CENTRE_ROUNDS):
        for axis in (0, 1):
            total = np.maximum(weight.sum(axis=axis, keepdims=True), 1e-300)
            centred = centred - np.sum(weight * centred, axis=axis, keepdims=True) / total
    return np.where(seen, centred, np.nan), leverage


def seen_to_vary(residual_mag: FloatArray, variance_mag2: FloatArray) -> BoolArray:
    """Which stars vary from frame to frame more than constant ones can; shape (stars,).

    The frame on which a star deviates most does not count (a cosmic ray is no variability).
    Parameters as in `repeatability`, the repeatability included in the variances.
    """
    from scipy.special import chdtri  # scipy.stats takes half a second to import

    vary = np.zeros(residual_mag.shape[1], bool)
    usable = np.flatnonzero(np.isfinite(residual_mag).sum(axis=0) > FEWEST_EPOCHS)
    if not usable.size:
        return vary
    residual, variance = residual_mag[:, usable].copy(), variance_mag2[:, usable]
    centred, _ = _centred(residual, variance)
    worst = np.argmax(np.nan_to_num(centred**2 / variance), axis=0)
    residual[worst, np.arange(usable.size)] = np.nan
    centred, _ = _centred(residual, variance)
    freedom = np.isfinite(residual).sum(axis=0) - 1
    reduced = np.nansum(centred**2 / variance, axis=0) / freedom
    limit = np.maximum(VARIABLE_EXCESS**2, chdtri(freedom, VARIABLE_FALSE_ALARM) / freedom)
    vary[usable] = reduced > limit
    return vary
