"""The light curve along a trail: how bright a body was while it was exposed, and its period.

The trail is cut into equal parts, whose fluxes are found together with its ends
(`photpipe.science.trail_course`). As the parts overlap by the width of the image of a star, and as
ends that lie farther out leave less light for the last parts, their errors are correlated, which
the search for a period takes into account.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from photpipe.ground.sky import FloatArray
from photpipe.science import trail_course
from photpipe.science.noise import POGSON
from photpipe.science.target_trail import Pixels, StarShape, Trail

FEWEST_PARTS = 6  # by judgement: fewer parts show no light curve
LEAST_CYCLES = 1.0  # of a period within the exposure
SHORTEST_PARTS = 2.2  # parts of which the shortest period has so many
FALSE_ALARM = 1e-3  # probability of a period in noise, above which there is none
OVERSAMPLING = 10  # trial frequencies in a peak: none falls between two steps
HARMONICS = 2  # two maxima a rotation, as an ellipsoid has
BETTER = 15.0  # sum of squares of a second harmonic: nearly four sigma of two parameters
STEP_SIGMA = 5.0  # of the free period, within which one phase is looked for
MOST_STEPS = 5000  # by judgement: where more are to be tried, cycles are not to be counted


@dataclass(frozen=True, slots=True, eq=False)
class TrailProfile:
    """Brightness along a trail.

    Parameters
    ----------
    seconds : array, shape (parts,)
        Middles of the parts from the middle of the exposure.
    step_s : float
        Time of a part.
    flux : array, shape (parts,)
        Flux in units of the mean of the trail.
    covariance : array, shape (parts, parts)
        Of the fluxes.
    """

    seconds: FloatArray
    step_s: float
    flux: FloatArray
    covariance: FloatArray

    @property
    def error(self) -> FloatArray:
        """Errors of the fluxes."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


@dataclass(frozen=True, slots=True)
class TrailPeriod:
    """A period of the brightness.

    Parameters
    ----------
    seconds, error_s : float
        Time from maximum to maximum, and its error.
    amplitude_mag : float
        Peak to peak.
    false_alarm : float
        Probability that noise alone shows one as good.
    harmonics : int
        Of the wave that was fitted.
    in_step : bool
        Whether several trails have one phase.
    """

    seconds: float
    error_s: float
    amplitude_mag: float
    false_alarm: float
    harmonics: int
    in_step: bool = False


def followed(
    stamp: Pixels, shape: StarShape, trail: Trail, exptime_s: float
) -> tuple[Trail, TrailProfile | None]:
    """Brightness along a trail, and the trail, whose ends are fitted with it.

    Parameters
    ----------
    stamp : Pixels
        What the trail was fitted to.
    exptime_s : float
        Time in which it was drawn.
    """
    found = trail_course.fit(stamp, shape, trail)
    if found is None:
        return trail, None
    trail, course = found
    count = len(course.flux)
    if count < FEWEST_PARTS:
        return trail, None
    step = exptime_s / count
    seconds = np.asarray((np.arange(count) + 0.5) * step - exptime_s / 2, float)
    return trail, TrailProfile(seconds, step, course.flux, course.covariance)


def period(
    found: Sequence[TrailProfile], middles_s: Sequence[float] = (0.0,)
) -> TrailPeriod | None:
    """Period of the brightness, by least squares with two harmonics; None where noise does as well.

    Periods from `SHORTEST_PARTS` parts to the length of the exposure are tried. Where twice the
    best period fits significantly better, it is the better one (Bretthorst 1988, chapter 3, for the
    statistics of one sinusoid). The waves of several trails have one period, and phases of their
    own; where those agree and one number of cycles from trail to trail is far better than any
    other, they have one phase.

    Parameters
    ----------
    found : sequence of TrailProfile
        Trails of one body.
    middles_s : sequence of float
        Middles of their exposures.
    """
    waves = _Waves([_Whitened.of(each, at) for each, at in zip(found, middles_s, strict=True)])
    low, high = waves.range
    if high <= low:
        return None
    span = waves.span
    grid = np.arange(low, high, 1.0 / (OVERSAMPLING * span))
    sums = np.array([waves.misfit(each, 1) for each in grid])
    best, least = _refined(lambda f: waves.misfit(f, 1), grid, int(np.argmin(sums)))
    false_alarm = waves.false_alarm(least)
    if false_alarm > FALSE_ALARM:
        return None
    harmonics = 1
    improved = least - waves.misfit(best, HARMONICS)
    if 2 * best < high and improved > BETTER + 2.0 * HARMONICS * (len(found) - 1):
        harmonics = HARMONICS
        near = np.linspace(best - 0.5 / span, best + 0.5 / span, 41)
        sums = np.array([waves.misfit(max(each, low / 2), harmonics) for each in near])
        best, least = _refined(lambda f: waves.misfit(f, harmonics), near, int(np.argmin(sums)))
    sigma = waves.sigma(best, harmonics)
    coherent = waves.in_step(best, sigma, harmonics)
    if coherent is not None:
        best, sigma = coherent
    return TrailPeriod(
        1.0 / best,
        sigma / best**2,
        waves.amplitude_mag(best, harmonics),
        false_alarm,
        harmonics,
        coherent is not None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Whitened:
    """A profile whose errors are made independent and equal to one."""

    profile: TrailProfile
    middle_s: float
    inverse: FloatArray
    flux: FloatArray

    @classmethod
    def of(cls, profile: TrailProfile, middle_s: float) -> "_Whitened":
        """From a profile and the middle of its exposure."""
        covariance = profile.covariance
        floor = 1e-9 * float(np.median(np.diag(covariance)))
        root = np.linalg.cholesky(covariance + floor * np.eye(len(covariance)))
        inverse = np.linalg.inv(root)
        return cls(profile, middle_s, inverse, inverse @ profile.flux)

    def columns(self, frequency: float, harmonics: int, middle_s: float = 0.0) -> FloatArray:
        """Constant and waves; shape (parts, 1 + 2 harmonics)."""
        seconds = self.profile.seconds + middle_s
        return np.asarray(
            self.inverse @ _columns(seconds, self.profile.step_s, frequency, harmonics)
        )


class _Waves:
    """Sums of squares of waves in several profiles."""

    def __init__(self, parts: Sequence[_Whitened]) -> None:
        self.parts = parts
        self.span = max(each.profile.step_s * len(each.flux) for each in parts)
        steps = max(each.profile.step_s for each in parts)
        self.range = LEAST_CYCLES / self.span, 1.0 / (SHORTEST_PARTS * steps)

    def misfit(self, frequency: float, harmonics: int) -> float:
        """Sum of squares of waves with phases of their own."""
        total = 0.0
        for each in self.parts:
            columns = each.columns(frequency, harmonics)
            factors = np.linalg.lstsq(columns, each.flux, rcond=None)[0]
            total += float(np.sum((each.flux - columns @ factors) ** 2))
        return total

    def misfit_in_step(self, frequency: float, harmonics: int) -> float:
        """Sum of squares of one wave through all of them, each with a mean of its own."""
        columns, flux = self._stacked(frequency, harmonics)
        factors = np.linalg.lstsq(columns, flux, rcond=None)[0]
        return float(np.sum((flux - columns @ factors) ** 2))

    def _stacked(self, frequency: float, harmonics: int) -> tuple[FloatArray, FloatArray]:
        rows = []
        for number, each in enumerate(self.parts):
            own = each.columns(frequency, harmonics, each.middle_s - self.parts[0].middle_s)
            means = np.zeros((len(own), len(self.parts)))
            means[:, number] = own[:, 0]
            rows.append(np.concatenate([means, own[:, 1:]], axis=1))
        return np.concatenate(rows), np.concatenate([each.flux for each in self.parts])

    def false_alarm(self, least: float) -> float:
        """Probability that noise alone has waves as good."""
        from scipy.stats import chi2

        flat = self.misfit(0.0, 0)
        trials = (self.range[1] - self.range[0]) * self.span
        return min(1.0, trials * float(chi2.sf(flat - least, 2 * len(self.parts))))

    def sigma(self, best: float, harmonics: int) -> float:
        """Error of a frequency, from the curvature of the sum of squares."""
        return self._sigma(lambda f: self.misfit(f, harmonics), best, 0.05 / self.span, harmonics)

    def _sigma(
        self, misfit: Callable[[float], float], best: float, step: float, harmonics: int
    ) -> float:
        least = misfit(best)
        curvature = (misfit(best - step) + misfit(best + step) - 2 * least) / step**2
        count = sum(len(each.flux) for each in self.parts)
        free = count - (2 * harmonics + 1) * len(self.parts) - 1
        scatter = max(1.0, least / max(1, free))
        return float(np.sqrt(2 * scatter / curvature)) if curvature > 0 else np.nan

    def in_step(self, best: float, sigma: float, harmonics: int) -> tuple[float, float] | None:
        """Frequency and its error of one wave through all trails; None where that is not sure."""
        from scipy.stats import chi2

        if len(self.parts) < 2 or not np.isfinite(sigma):
            return None
        middles = np.array([each.middle_s for each in self.parts])
        whole = float(np.ptp(middles)) + self.span
        step = 1.0 / (OVERSAMPLING * whole)
        reach = STEP_SIGMA * sigma
        if not step < reach < MOST_STEPS * step:
            return None
        near = np.arange(best - reach, best + reach, step)
        sums = np.array([self.misfit_in_step(each, harmonics) for each in near])
        first = int(np.argmin(sums))
        # the next best number of cycles
        others = np.abs(near - near[first]) > 0.5 / whole
        minima = np.flatnonzero((sums[1:-1] < sums[:-2]) & (sums[1:-1] < sums[2:])) + 1
        rivals = [sums[each] for each in minima if others[each]]
        free, least = self.misfit(best, harmonics), sums[first]
        phases = 2 * harmonics * (len(self.parts) - 1)
        if rivals and min(rivals) - least < BETTER:
            return None
        if chi2.sf(least - free, phases) < FALSE_ALARM:
            return None

        def misfit(frequency: float) -> float:
            return self.misfit_in_step(frequency, harmonics)

        found, _ = _refined(misfit, near, first)
        return found, self._sigma(misfit, found, 0.05 / whole, harmonics)

    def amplitude_mag(self, frequency: float, harmonics: int) -> float:
        """Peak to peak in magnitudes: median of the trails."""
        found = []
        for each in self.parts:
            columns = each.columns(frequency, harmonics)
            factors = np.linalg.lstsq(columns, each.flux, rcond=None)[0]
            cycle = np.linspace(0.0, 1.0 / frequency, 200)
            curve = np.maximum(_columns(cycle, 0.0, frequency, harmonics) @ factors, 1e-3)
            found.append(POGSON * np.log(curve.max() / curve.min()))
        return float(np.median(found))


def _columns(seconds: FloatArray, step_s: float, frequency: float, harmonics: int) -> FloatArray:
    """Constant and waves, averaged over each part; shape (parts, 1 + 2 harmonics)."""
    rows = [np.ones(len(seconds))]
    for number in range(1, harmonics + 1):
        phase = 2 * np.pi * number * frequency * seconds
        blunt = np.sinc(number * frequency * step_s)
        rows += [blunt * np.cos(phase), blunt * np.sin(phase)]
    return np.stack(rows, axis=1)


def _refined(
    function: Callable[[float], float], grid: FloatArray, index: int
) -> tuple[float, float]:
    """Place and value of a minimum near a point of a grid."""
    from scipy.optimize import minimize_scalar

    low, high = grid[max(index - 1, 0)], grid[min(index + 1, len(grid) - 1)]
    found = minimize_scalar(
        function, bounds=(float(low), float(high)), method="bounded", options={"xatol": 1e-7 * high}
    )
    return float(found.x), float(found.fun)
