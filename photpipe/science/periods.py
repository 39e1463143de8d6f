"""All rotation periods that a light curve allows, each with its probability.

A light curve of few short sessions allows many periods: aliases, where the number of rotations
between sessions is open; half and double the period, where the extrema look alike; whole ranges,
where no session saw a rotation. For a trial frequency f the model is a Fourier series with a
free zero level for each session. It is linear, so that with a normal prior on the coefficients
the probability of the data is exact, whatever the coefficients (Bretthorst 1988, Bayesian
Spectrum Analysis, eq. 3.17, with proper priors). The priors say what light curves of asteroids
look like: mostly two maxima per rotation, seldom one, or three, or two that are alike
(Warner, Harris & Pravec 2009, Icarus 202, 134, section 4).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.timescale import HOURS_PER_DAY

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ORDER = 6  # that of period.MAX_ORDER
# size of the harmonics, in units of the largest; how often light curves are so
SHAPES = (
    (0.35, (0.35, 1.0, 0.25, 0.30, 0.12, 0.10)),  # two maxima
    (0.30, (0.20, 1.0, 0.12, 0.12, 0.05, 0.05)),  # two, nearly a sine
    (0.15, (0.03, 1.0, 0.03, 0.08, 0.02, 0.04)),  # two that are alike
    (0.15, (1.0, 0.35, 0.20, 0.10, 0.05, 0.05)),  # one
    (0.04, (0.40, 0.6, 1.0, 0.40, 0.20, 0.30)),  # three
    (0.002, (0.30, 0.5, 0.30, 1.0, 0.20, 0.20)),  # four
)
# an elongated body has two; other numbers come from small amplitudes (Harris et al. 2014,
# Icarus 235, 55)
SEMI_AMPLITUDES_MAG = (0.03, 0.08, 0.2, 0.5)
NOT_TWO = (1.0, 0.4, 0.1, 0.01)  # by judgement after that paper: how often, at these amplitudes
STEPS_PER_CYCLE = 24.0  # trial frequencies per rotation more or less over the whole span
MOST_CELLS = 4_000_000  # 32 MB at a time: memory against calls
PEAK_DEPTH = 30.0  # natural logarithm of a probability below which a peak is forgotten
REFINEMENTS = 12  # a bound: each halves a step, or more
SMALLEST_VARIANCE_SCALE = 0.3  # by judgement: errors of points are not too large by more than 1.8
LISTED_PROBABILITY = 0.999  # by judgement: of all listed periods together
NARROW = 0.1  # relative width from which a listed period is rather a range


def _priors() -> tuple[tuple[float, FloatArray], ...]:
    """Weights and standard deviations (mag) of the coefficients, cosines first."""
    return tuple(
        (share * (1.0 if sizes[1] == 1.0 else rare), amplitude * np.tile(sizes, 2))
        for share, sizes in SHAPES
        for amplitude, rare in zip(SEMI_AMPLITUDES_MAG, NOT_TWO, strict=True)
    )


PRIORS = _priors()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A period, or a range of periods, that the data allow.

    Parameters
    ----------
    period_h : float
        The most probable one of the range, hours.
    low_h, high_h : float
        The range.
    probability : float
        Share of all periods that were tried.
    maxima : int
        Maxima of brightness per rotation.
    """

    period_h: float
    low_h: float
    high_h: float
    probability: float
    maxima: int = 0

    @property
    def is_range(self) -> bool:
        """Whether it is a stretch of periods rather than one."""
        return self.high_h - self.low_h > NARROW * self.period_h


class Evidence:
    """Probability of a light curve for trial frequencies.

    Parameters
    ----------
    time_d, mag, sig : array, shape (n,)
        Days, magnitudes, errors.
    session : int array, shape (n,)
        Number of the session of each point.
    """

    def __init__(
        self, time_d: FloatArray, mag: FloatArray, sig: FloatArray, session: IntArray
    ) -> None:
        self.time_d = time_d - time_d.mean()
        names, index = np.unique(session, return_inverse=True)
        indicator = (index[:, None] == np.arange(len(names))) / sig[:, None]
        self.basis, _ = np.linalg.qr(indicator)
        self.weight = 1.0 / sig
        self.target = mag / sig - self.basis @ (self.basis.T @ (mag / sig))
        self.scale = 1.0
        self.freedom = len(mag) - len(names)
        self.span_d = max(float(np.ptp(time_d)), 1.0 / HOURS_PER_DAY)

    def _normal(self, frequency: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Normal matrices (m, 2 ORDER, 2 ORDER) and right sides (m, 2 ORDER)."""
        turn = np.exp(2j * np.pi * frequency[:, None] * self.time_d)
        powers = np.stack([turn**k for k in range(1, ORDER + 1)], axis=-1)
        design = np.concatenate([powers.real, powers.imag], axis=-1) * self.weight[:, None]
        design -= self.basis @ (self.basis.T @ design)
        side = np.swapaxes(design, 1, 2)
        return side @ design, side @ self.target

    def __call__(self, frequency: FloatArray) -> FloatArray:
        """Natural logarithm of the probability density of each frequency, shape (m,)."""
        chunk = max(1, MOST_CELLS // (len(self.time_d) * 2 * ORDER))
        parts = [
            self._chunk(frequency[start : start + chunk])
            for start in range(0, len(frequency), chunk)
        ]
        # periods are as probable a priori as their logarithms are dense
        return np.concatenate(parts) - np.log(frequency)

    def _chunk(self, frequency: FloatArray) -> FloatArray:
        normal, side = self._normal(frequency)
        total = np.full(len(frequency), -np.inf)
        for weight, prior in PRIORS:
            total = np.logaddexp(total, self._term(normal, side, prior) + np.log(weight))
        return total

    def _term(self, normal: FloatArray, side: FloatArray, prior: FloatArray) -> FloatArray:
        """Logarithm of the probability with one prior."""
        scaled = normal * np.outer(prior, prior) / self.scale
        scaled[:, np.arange(2 * ORDER), np.arange(2 * ORDER)] += 1.0
        right = side * prior / self.scale
        root = np.linalg.cholesky(scaled)
        half = np.linalg.solve(root, right[..., None])[..., 0]
        logdet = np.log(root[:, np.arange(2 * ORDER), np.arange(2 * ORDER)]).sum(axis=1)
        return np.asarray(0.5 * np.sum(half**2, axis=1) - logdet)

    def _fitted(self, frequency: float) -> tuple[FloatArray, float, float]:
        """Coefficients with the best prior, chi^2 left, and how many of them were free."""
        normal, side = self._normal(np.array([frequency]))
        values = [np.log(weight) + self._term(normal, side, prior)[0] for weight, prior in PRIORS]
        prior = PRIORS[int(np.argmax(values))][1]
        inverse = np.linalg.inv(normal[0] / self.scale + np.diag(prior**-2.0))
        fitted = inverse @ side[0] / self.scale
        left = self.target @ self.target - 2 * fitted @ side[0] + fitted @ normal[0] @ fitted
        return fitted, float(left), float(np.trace(inverse @ normal[0]) / self.scale)

    def adapt(self, frequency: float) -> None:
        """Scale the errors to what is left of the scatter at a frequency."""
        _, left, used = self._fitted(frequency)
        freedom = max(self.freedom - used - 1.0, 1.0)
        self.scale = max(left / freedom, SMALLEST_VARIANCE_SCALE)

    def maxima(self, period_h: float) -> int:
        """Maxima of brightness per rotation of the best curve."""
        fitted, _, _ = self._fitted(HOURS_PER_DAY / period_h)
        angle = np.linspace(0.0, 2 * np.pi, 361)[:-1, None] * np.arange(1, ORDER + 1)
        curve = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) @ fitted
        rising = np.roll(curve, -1) > curve
        return int(np.sum(rising & ~np.roll(rising, -1)))


def candidates(
    time_d: FloatArray,
    mag: FloatArray,
    sig: FloatArray,
    session: IntArray,
    period_range_h: tuple[float, float],
) -> list[Candidate]:
    """Periods that together hold 99.9 % of the probability, the most probable first.

    Parameters
    ----------
    time_d, mag, sig, session
        As for `Evidence`.
    period_range_h : (float, float)
        Shortest and longest trial period, hours.
    """
    evidence = Evidence(time_d, mag, sig, session)
    low, high = (HOURS_PER_DAY / each for each in reversed(period_range_h))
    step = 1.0 / (STEPS_PER_CYCLE * evidence.span_d)
    grid = np.linspace(low, high, max(int((high - low) / step) + 2, 200))
    values = evidence(grid)
    frequency, value = _refined(evidence, grid, values)
    evidence.adapt(float(frequency[value.argmax()]))
    values = evidence(grid)
    frequency, value = _refined(evidence, grid, values)
    maxima = evidence.maxima
    return [replace(each, maxima=maxima(each.period_h)) for each in _listed(frequency, value)]


def _refined(
    evidence: Evidence, grid: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Frequencies, dense where the probability is peaked, and its logarithms; ascending."""
    padded = np.concatenate([[-np.inf], values, [-np.inf]])
    peaks = np.flatnonzero((padded[1:-1] >= padded[:-2]) & (padded[1:-1] >= padded[2:]))
    # a peak between two trial frequencies may stand much higher than they do
    peaks = peaks[np.argsort(-values[peaks])][:400]
    step = grid[1] - grid[0]
    centre, width = grid[peaks], np.full(len(peaks), step)
    best = values[peaks]
    frequencies, found = [grid], [values]
    for _ in range(REFINEMENTS):
        trial = np.clip(centre[:, None] + width[:, None] * np.array([-0.5, 0.5]), grid[0], grid[-1])
        value = evidence(trial.ravel()).reshape(trial.shape)
        frequencies.append(trial.ravel())
        found.append(value.ravel())
        side = np.argmax(value, axis=1)
        rows = np.arange(len(centre))
        better = value[rows, side] > best
        centre = np.where(better, trial[rows, side], centre)
        best = np.where(better, value[rows, side], best)
        # half as far next time, where the top is between the neighbours
        width = np.where(better, width, width / 2)
        keep = (best > best.max() - 4 * PEAK_DEPTH) & (best - value.min(axis=1) > 0.02)
        if not keep.any():
            break
        centre, width, best = centre[keep], width[keep], best[keep]
    frequency, index = np.unique(np.concatenate(frequencies), return_index=True)
    return frequency, np.concatenate(found)[index]


def _listed(frequency: FloatArray, value: FloatArray) -> list[Candidate]:
    """Stretches of frequency of the highest probability that hold what is to be listed."""
    density = np.exp(value - value.max())
    cell = np.gradient(frequency)
    mass = density * cell
    mass /= mass.sum()
    order: IntArray = np.argsort(-density)
    needed = int(np.searchsorted(np.cumsum(mass[order]), LISTED_PROBABILITY)) + 1
    chosen = np.zeros(len(frequency), bool)
    chosen[order[:needed]] = True
    starts = np.flatnonzero(chosen & ~np.concatenate([[False], chosen[:-1]]))
    ends = np.flatnonzero(chosen & ~np.concatenate([chosen[1:], [False]]))
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        top = start + int(density[start : end + 1].argmax())
        first, last = max(start - 1, 0), min(end + 1, len(frequency) - 1)
        found.append(
            Candidate(
                float(HOURS_PER_DAY / frequency[top]),
                float(HOURS_PER_DAY / frequency[last]),
                float(HOURS_PER_DAY / frequency[first]),
                float(mass[start : end + 1].sum()),
            )
        )
    return sorted(found, key=lambda each: -each.probability)
