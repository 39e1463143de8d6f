"""Rotation period of a light curve: Fourier series with an offset for each session.

The brightness of a rotating asteroid is periodic, its zero level is not: aspect, geometry and
calibration shift whole sessions. For a trial frequency f the model

    m(t) = o_session + sum_{k=1..K} a_k cos(2 pi k f t) + b_k sin(2 pi k f t)

is linear in all other parameters (Harris et al. 1989, Icarus 77, 171), so chi^2(f) is exact and
quick; the Lomb-Scargle periodogram (astropy) is given beside it. Which periods the data allow, and
which is the most probable, `photpipe.science.periods` tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.errors import ReductionError
from photpipe.ground.timescale import HOURS_PER_DAY
from photpipe.science.periods import Candidate, candidates

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SCAN_ORDER = 2  # two maxima a rotation, as an ellipsoid has
MAX_ORDER = 6  # by judgement: higher orders of asteroids drown in noise
MIN_POINTS_PER_PARAMETER = 2
OVERSAMPLING = 12.0  # trial periods in a peak: none falls between two steps
COVERED_PHASE = 0.025  # a phase counts as seen if a point is nearer than this
SAME = 0.01  # relative difference of periods that are one
RATIOS = (
    ("half", 0.5),
    ("double", 2.0),
    ("a third of", 1 / 3),
    ("three times", 3.0),
    ("two thirds of", 2 / 3),
    ("3/2 of", 1.5),
    ("3/4 of", 0.75),
    ("4/3 of", 4 / 3),
)
# by judgement: what the Lightcurve Database calls fragmentary, and full coverage
AMPLITUDE_COVERAGE, SECURE_COVERAGE = 0.5, 0.8
TOLD = 3  # periods in the headline
MOST_LIKELY = 6  # more periods than this are no likely result
QUALITY = {
    3: "secure: no other period fits",
    2: "likely, but ambiguous or not covered: it may be wrong",
    1: "fragmentary: it may be completely wrong",
}
"""Codes of the Asteroid Lightcurve Database (Warner, Harris & Pravec 2009, Icarus 202, 134)."""


@dataclass(frozen=True, slots=True)
class FourierFit:
    """Best series at one frequency.

    Parameters
    ----------
    frequency_per_day : float
        Rotations per day.
    order : int
        Number of harmonics.
    coefficients : ndarray, shape (2 * order,)
        a_1, b_1, a_2, b_2 ... in mag.
    offsets : ndarray, shape (sessions,)
        Zero level of each session in mag.
    chi2 : float
        Weighted sum of squared residuals.
    residuals : ndarray, shape (n,)
        Observed minus computed, mag.
    """

    frequency_per_day: float
    order: int
    coefficients: FloatArray
    offsets: FloatArray
    chi2: float
    residuals: FloatArray

    def curve(self, phase: FloatArray) -> FloatArray:
        """Magnitude relative to the zero level at rotation phases (0 to 1)."""
        return np.asarray(_harmonics(phase, self.order) @ self.coefficients)

    @property
    def maxima(self) -> int:
        """Number of maxima of brightness per rotation."""
        rising = np.diff(self.curve(np.linspace(0.0, 1.0, 721))) > 0
        return int(np.sum(rising & ~np.roll(rising, -1)))

    @property
    def amplitude_mag(self) -> float:
        """Peak-to-peak amplitude in mag."""
        values = self.curve(np.linspace(0.0, 1.0, 1000))
        return float(values.max() - values.min())


@dataclass(frozen=True, slots=True)
class PeriodSolution:
    """Rotation period with its error and its rivals.

    Parameters
    ----------
    period_h, period_error_h : float
        Period and its standard error (bootstrap over residuals), hours.
    alternatives_h : tuple of float
        Other periods that the data do not exclude, best first, and the simple aliases
        (half and double the period).
    scan_period_h, scan_chi2 : ndarray, shape (m,)
        The scan, with errors scaled to reduced chi^2 = 1 at the best period.
    lomb_scargle_power : ndarray, shape (m,)
        Power of the Lomb-Scargle periodogram at the same frequencies.
    candidates : tuple of Candidate
        All periods, or ranges of them, that the data allow, the most probable first.
    coverage : float
        Part of the rotation that was seen.
    amplitude_mag : float
        Peak to peak over the phases seen; NaN where they are less than half.
    """

    fit: FourierFit
    period_h: float
    period_error_h: float
    alternatives_h: tuple[float, ...]
    scan_period_h: FloatArray
    scan_chi2: FloatArray
    lomb_scargle_power: FloatArray
    candidates: tuple[Candidate, ...]
    coverage: float
    amplitude_mag: float

    @property
    def is_unique(self) -> bool:
        """Whether the data allow one period alone."""
        return len(self.candidates) == 1 and not self.candidates[0].is_range

    @property
    def quality(self) -> int:
        """Code of `QUALITY`."""
        if self.is_unique and self.coverage >= SECURE_COVERAGE:
            return 3
        if len(self.candidates) > MOST_LIKELY or any(each.is_range for each in self.candidates):
            return 1
        return 2 if self.coverage >= AMPLITUDE_COVERAGE else 1


def _harmonics(phase: FloatArray, order: int) -> FloatArray:
    """Columns cos, sin of the harmonics 1 .. order; shape (n, 2 * order)."""
    angle = 2 * np.pi * phase[:, None] * np.arange(1, order + 1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(len(phase), 2 * order)


class _LightCurve:
    """Weighted data with the session offsets projected out, ready for many frequencies."""

    def __init__(
        self, time_d: FloatArray, mag: FloatArray, sig: FloatArray, session: IntArray
    ) -> None:
        self.time_d = time_d - time_d.mean()
        self.mag, self.sig = mag, sig
        names, index = np.unique(session, return_inverse=True)
        self.indicator = (index[:, None] == np.arange(len(names))).astype(float)
        # an orthonormal basis of the offsets, in weighted space
        self.basis, _ = np.linalg.qr(self.indicator / sig[:, None])
        self.target = self.freed(mag / sig)

    def freed(self, values: FloatArray) -> FloatArray:
        """Weighted values (n, ...) without their components along the offsets."""
        return np.asarray(values - self.basis @ (self.basis.T @ values))

    def chi2(self, frequency: float, order: int) -> float:
        design = self.freed(_harmonics(frequency * self.time_d, order) / self.sig[:, None])
        solution = np.linalg.lstsq(design, self.target, rcond=1e-8)[0]
        return float(np.sum((self.target - design @ solution) ** 2))

    def fit(self, frequency: float, order: int) -> FourierFit:
        columns = [_harmonics(frequency * self.time_d, order), self.indicator]
        design = np.hstack(columns)
        weighted = design / self.sig[:, None]
        solution = np.asarray(np.linalg.lstsq(weighted, self.mag / self.sig, rcond=1e-8)[0], float)
        residuals = np.asarray(self.mag - design @ solution, float)
        chi2 = float(np.sum((residuals / self.sig) ** 2))
        split = 2 * order
        return FourierFit(frequency, order, solution[:split], solution[split:], chi2, residuals)

    def refined(self, frequency: float, step: float, order: int) -> float:
        """Frequency of the minimum of chi^2 within `step` of a starting value."""
        from scipy.optimize import minimize_scalar

        found = minimize_scalar(
            lambda f: self.chi2(f, order),
            bounds=(max(frequency - step, 1e-6), frequency + step),
            method="bounded",
            options={"xatol": step * 1e-4},
        )
        return float(found.x)


def find_period(
    time_d: FloatArray,
    mag: FloatArray,
    sig: FloatArray,
    session: IntArray,
    *,
    period_range_h: tuple[float, float] = (1.5, 48.0),
    bootstraps: int = 200,
    seed: int = 1,
) -> PeriodSolution:
    """Find the rotation period of a light curve.

    Parameters
    ----------
    time_d : ndarray, shape (n,)
        Light-time corrected Julian dates, days.
    mag, sig : ndarray, shape (n,)
        Magnitudes reduced to unit distances, and their errors.
    session : ndarray of int, shape (n,)
        Number of the session of each point; each session has its own zero level.
    period_range_h : tuple of float
        Shortest and longest trial period in hours.
    bootstraps : int
        Number of resampled light curves for the error.
    seed : int
        Seed of the resampling.

    Raises
    ------
    ReductionError
        If there are too few points for a series of order 2.
    """
    data = _LightCurve(time_d, mag, sig, session)
    sessions = data.indicator.shape[1]
    needed = MIN_POINTS_PER_PARAMETER * (2 * SCAN_ORDER + sessions + 1)
    if len(time_d) < needed:
        message = (
            f"{len(time_d)} points in {sessions} sessions are too few for a period; "
            f"{needed} are needed"
        )
        raise ReductionError(message)
    frequencies, step = _grid(time_d, period_range_h)
    scan = np.array([data.chi2(f, SCAN_ORDER) for f in frequencies])
    allowed = candidates(time_d, mag, sig, session, period_range_h)
    start = HOURS_PER_DAY / allowed[0].period_h
    order = _best_order(data, start, step)
    fit = data.fit(data.refined(start, step, order), order)
    scale = fit.chi2 / max(len(time_d) - 2 * order - sessions - 1, 1)
    sample = _bootstrap(data, fit, step, bootstraps, seed)
    period_h = HOURS_PER_DAY / fit.frequency_per_day
    coverage, amplitude = _seen(data, fit)
    return PeriodSolution(
        fit=fit,
        period_h=period_h,
        period_error_h=float(np.std(HOURS_PER_DAY / sample)),
        alternatives_h=_alternatives(allowed, period_h),
        scan_period_h=HOURS_PER_DAY / frequencies,
        scan_chi2=scan / scale,
        lomb_scargle_power=_lomb_scargle(data, frequencies),
        candidates=tuple(allowed),
        coverage=coverage,
        amplitude_mag=amplitude,
    )


def _grid(time_d: FloatArray, period_range_h: tuple[float, float]) -> tuple[FloatArray, float]:
    """Trial frequencies (per day), fine enough for the second harmonic over the whole span."""
    span = max(float(np.ptp(time_d)), 1.0 / HOURS_PER_DAY)
    step = 1.0 / (OVERSAMPLING * SCAN_ORDER / 2 * span)
    low, high = HOURS_PER_DAY / period_range_h[1], HOURS_PER_DAY / period_range_h[0]
    return np.arange(low, high + step, step), step


def _best_order(data: _LightCurve, frequency: float, step: float) -> int:
    """Order with the smallest Bayesian information criterion at the best frequency nearby."""
    n, sessions = data.indicator.shape

    def criterion(order: int) -> float:
        chi2 = data.chi2(data.refined(frequency, step, order), order)
        parameters = 2 * order + sessions + 1
        return float(n * np.log(max(chi2, 1e-12) / n) + parameters * np.log(n))

    most = min(MAX_ORDER, (n // MIN_POINTS_PER_PARAMETER - sessions - 1) // 2)
    return min(range(SCAN_ORDER, max(most, SCAN_ORDER) + 1), key=criterion)


def _bootstrap(
    data: _LightCurve, fit: FourierFit, step: float, count: int, seed: int
) -> FloatArray:
    """Frequencies of light curves rebuilt from the fit and resampled residuals."""
    generator = np.random.default_rng(seed)
    model = data.mag - fit.residuals
    normalised = fit.residuals / data.sig
    # residuals of a fit are smaller than the noise by the degrees of freedom that it used
    n = len(model)
    inflate = np.sqrt(n / max(n - 2 * fit.order - len(fit.offsets) - 1, 1))
    frequencies = np.empty(count)
    for i in range(count):
        noise = generator.choice(normalised, n) * data.sig * inflate
        data.target = data.freed((model + noise) / data.sig)
        frequencies[i] = data.refined(fit.frequency_per_day, step, fit.order)
    data.target = data.freed(data.mag / data.sig)
    return frequencies


def _seen(data: _LightCurve, fit: FourierFit) -> tuple[float, float]:
    """Part of the rotation that was seen, and the amplitude there."""
    seen = np.sort((data.time_d * fit.frequency_per_day) % 1.0)
    phase = np.linspace(0.0, 1.0, 720, endpoint=False)
    apart = np.abs(phase[:, None] - seen)
    covered = np.minimum(apart, 1.0 - apart).min(axis=1) <= COVERED_PHASE
    coverage = float(covered.mean())
    if coverage < AMPLITUDE_COVERAGE:
        return coverage, float("nan")
    return coverage, float(np.ptp(fit.curve(phase[covered])))


def _alternatives(allowed: Sequence[Candidate], period_h: float) -> tuple[float, ...]:
    """Other periods that the data allow, then half and double the period."""
    others = [each.period_h for each in allowed[1:]]
    simple = [period_h * factor for factor in (0.5, 2.0)]
    known = [*others, period_h]
    extra = [h for h in simple if all(abs(h / other - 1) > SAME for other in known)]
    return (*others, *extra)


def headline(solution: PeriodSolution) -> str:
    """The period, or the periods, in one line: never one number where the data allow several."""
    if solution.is_unique:
        return f"period {solution.period_h:.5f} +- {solution.period_error_h:.5f} h"
    first = ", ".join(hours(each) for each in solution.candidates[:TOLD])
    more = len(solution.candidates) - TOLD
    return f"period not unique: {first}" + (f" and {more} more" if more > 0 else "")


def hours(allowed: Candidate) -> str:
    """A period, or a range, with its probability."""
    if allowed.is_range:
        return f"{allowed.low_h:.3g} to {allowed.high_h:.3g} h ({allowed.probability:.0%})"
    return f"{allowed.period_h:.4f} h ({allowed.probability:.0%})"


def gap_d(time_d: FloatArray, session: IntArray) -> float:
    """Shortest time between the middles of two sessions, days; NaN if there is one alone."""
    middles = np.sort([time_d[session == each].mean() for each in np.unique(session)])
    return float(np.diff(middles).min()) if len(middles) > 1 else float("nan")


def relation(allowed: Candidate, period_h: float, gap_d: float) -> str:
    """What a period has to do with the first one, in words; empty if nothing.

    Parameters
    ----------
    gap_d : float
        Shortest time between the middles of two sessions, days; NaN if there is one alone.
    """
    ratio = allowed.period_h / period_h
    for words, value in RATIOS:
        if abs(ratio / value - 1) < SAME:
            return f"{words} the first"
    cycles = HOURS_PER_DAY * gap_d * (1 / allowed.period_h - 1 / period_h)
    for part, unit in ((1.0, "rotation"), (0.5, "half rotation")):
        count = round(cycles / part) if np.isfinite(cycles) else 0
        if count and abs(cycles / part - count) < 0.1:
            more = "more" if count > 0 else "fewer"
            return f"{abs(count)} {unit}{'s' * (abs(count) > 1)} {more} in {gap_d:.2f} d"
    return ""


def _lomb_scargle(data: _LightCurve, frequencies: FloatArray) -> FloatArray:
    """Power of the classical periodogram after taking the mean of each session away."""
    from astropy.timeseries import LombScargle

    weights = data.indicator / data.sig[:, None] ** 2
    means = data.indicator @ ((weights.T @ data.mag) / weights.sum(axis=0))
    periodogram = LombScargle(data.time_d, data.mag - means, data.sig)
    return np.asarray(periodogram.power(frequencies, method="slow"), dtype=float)
