"""Rotation period of a light curve: Fourier series with an offset for each session.

The brightness of a rotating asteroid is periodic, its zero level is not: aspect, geometry and
calibration shift whole sessions. For a trial frequency f the model

    m(t) = o_session + sum_{k=1..K} a_k cos(2 pi k f t) + b_k sin(2 pi k f t)

is linear in all other parameters (Harris et al. 1989, Icarus 77, 171), so chi^2(f) is exact and
quick. The scan of chi^2 decides; the Lomb-Scargle periodogram (astropy) is given beside it. Most
light curves have two maxima per rotation, therefore K >= 2, and a best series with a single
maximum is taken for half a rotation: its double period is the solution, itself an alternative.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.errors import ReductionError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HOURS_PER_DAY = 24.0
SCAN_ORDER = 2
MAX_ORDER = 6
MIN_POINTS_PER_PARAMETER = 2
OVERSAMPLING = 12.0
# a trial period whose chi^2 exceeds the best by this much is not an alternative (99.99 % for one
# parameter of interest), after errors are scaled to reduced chi^2 = 1
ALTERNATIVE_DELTA_CHI2 = 15.0
MAX_ALTERNATIVES = 10


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
    """

    fit: FourierFit
    period_h: float
    period_error_h: float
    alternatives_h: tuple[float, ...]
    scan_period_h: FloatArray
    scan_chi2: FloatArray
    lomb_scargle_power: FloatArray


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
    start = data.refined(float(frequencies[scan.argmin()]), step, SCAN_ORDER)
    if data.fit(start, SCAN_ORDER).maxima < 2 and start / 2 >= frequencies[0]:
        start = data.refined(start / 2, step, SCAN_ORDER)
    order = _best_order(data, start, step)
    fit = data.fit(data.refined(start, step, order), order)
    scale = fit.chi2 / max(len(time_d) - 2 * order - sessions - 1, 1)
    sample = _bootstrap(data, fit, step, bootstraps, seed)
    period_h = HOURS_PER_DAY / fit.frequency_per_day
    return PeriodSolution(
        fit=fit,
        period_h=period_h,
        period_error_h=float(np.std(HOURS_PER_DAY / sample)),
        alternatives_h=_alternatives(data, frequencies, scan / scale, fit, order, scale, step),
        scan_period_h=HOURS_PER_DAY / frequencies,
        scan_chi2=scan / scale,
        lomb_scargle_power=_lomb_scargle(data, frequencies),
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


def _alternatives(
    data: _LightCurve,
    frequencies: FloatArray,
    scan: FloatArray,
    fit: FourierFit,
    order: int,
    scale: float,
    step: float,
) -> tuple[float, ...]:
    """Periods of other minima that the data do not exclude, then half and double the period."""
    inner = (scan[1:-1] <= scan[:-2]) & (scan[1:-1] <= scan[2:])
    minima = np.flatnonzero(inner) + 1
    minima = minima[np.argsort(scan[minima])][: 3 * MAX_ALTERNATIVES]
    best = fit.chi2 / scale
    found: list[tuple[float, float]] = []
    for index in minima:
        frequency = data.refined(float(frequencies[index]), step, order)
        excess = data.chi2(frequency, order) / scale - best
        is_new = all(abs(frequency - f) > step for _, f in found)
        if abs(frequency - fit.frequency_per_day) > step and is_new:
            found.append((excess, frequency))
    allowed = [f for excess, f in sorted(found) if excess < ALTERNATIVE_DELTA_CHI2]
    simple = [fit.frequency_per_day * factor for factor in (2.0, 0.5)]
    extra = [f for f in simple if all(abs(f - g) > step for g in allowed)]
    return tuple(HOURS_PER_DAY / f for f in [*allowed[:MAX_ALTERNATIVES], *extra])


def _lomb_scargle(data: _LightCurve, frequencies: FloatArray) -> FloatArray:
    """Power of the classical periodogram after taking the mean of each session away."""
    from astropy.timeseries import LombScargle

    weights = data.indicator / data.sig[:, None] ** 2
    means = data.indicator @ ((weights.T @ data.mag) / weights.sum(axis=0))
    periodogram = LombScargle(data.time_d, data.mag - means, data.sig)
    return np.asarray(periodogram.power(frequencies, method="slow"), dtype=float)
