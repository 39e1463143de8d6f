"""The light curve along a trail: how bright a body was while it was exposed, and its period.

The trail is cut into equal parts, whose fluxes are found together, each with the image of a star
drawn along it (`photpipe.science.target_trail`). As the parts overlap by the width of that image,
their errors are correlated, which the search for a period takes into account.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from photpipe.ground.sky import FloatArray
from photpipe.science.noise import POGSON
from photpipe.science.target_trail import (
    OUTLIER_SIGMA,
    REACH_FWHM,
    VARIES_P,
    Pixels,
    StarShape,
    Trail,
    TrailImage,
    _linear,
    fit_course,
    near_segment,
)

PART_FWHM = 0.6  # length of the parts: shorter ones are nothing but noise
FEWEST_PARTS = 12  # by judgement: fewer parts show no light curve
MOST_PARTS = 200  # by judgement: finer parts are noise
LEAST_CYCLES = 1.0  # of a period within the exposure
SHORTEST_PARTS = 2.2  # parts of which the shortest period has so many
FALSE_ALARM = 1e-3  # probability of a period in noise, above which there is none
OVERSAMPLING = 10  # trial frequencies in a peak: none falls between two steps
HARMONICS = 2  # two maxima a rotation, as an ellipsoid has
BETTER = 15.0  # sum of squares of a second harmonic: nearly four sigma of two parameters
COURSES = 2  # rounds of ends and brightness
BEND = 0.05  # second difference of the brightness between parts, that smoothness allows


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
    """

    seconds: float
    error_s: float
    amplitude_mag: float
    false_alarm: float
    harmonics: int


def followed(
    stamp: Pixels, shape: StarShape, trail: Trail, exptime_s: float
) -> tuple[Trail, TrailProfile | None, TrailPeriod | None]:
    """Brightness along a trail and its period; and the trail, whose ends are fitted with it.

    A trail that begins or ends in a minimum seems shorter than it is when it is taken for even.
    """
    found = profile(stamp, shape, trail, exptime_s)
    if found is None:
        return trail, None, None
    wave = period(found)
    if trail.variability < VARIES_P or wave is not None:
        for _ in range(COURSES):
            trail = fit_course(stamp, shape, trail, _course(found, wave))
            found = profile(stamp, shape, trail, exptime_s) or found
            wave = period(found)
    return trail, found, wave


def _course(found: TrailProfile, wave: TrailPeriod | None) -> FloatArray:
    """Smooth brightness of all parts, those at the ends included."""
    count = len(found.flux)
    if wave is not None:
        columns = _columns(found, 1.0 / wave.seconds, wave.harmonics)
        weight = np.linalg.pinv(found.covariance, hermitian=True)
        normal = columns.T @ weight
        factors = np.linalg.solve(normal @ columns, normal @ found.flux)
        seconds = np.concatenate(
            [found.seconds[:1] - found.step_s, found.seconds, found.seconds[-1:] + found.step_s]
        )
        whole = TrailProfile(seconds, found.step_s, seconds, found.covariance)
        curve = _columns(whole, 1.0 / wave.seconds, wave.harmonics) @ factors
    else:
        weight = np.linalg.pinv(found.covariance, hermitian=True)
        bends = np.diff(np.eye(count), 2, axis=0) / BEND
        smooth = np.linalg.solve(weight + bends.T @ bends, weight @ found.flux)
        curve = np.concatenate([smooth[:1], smooth, smooth[-1:]])
    return np.asarray(np.maximum(curve, 0.02 * curve.mean()))


def profile(stamp: Pixels, shape: StarShape, trail: Trail, exptime_s: float) -> TrailProfile | None:
    """Brightness along a trail; None where it is too short to tell anything.

    Parameters
    ----------
    stamp : Pixels
        What the trail was fitted to.
    exptime_s : float
        Time in which it was drawn.
    """
    count = min(int(trail.segment.length / (PART_FWHM * shape.fwhm_px)), MOST_PARTS)
    if count < FEWEST_PARTS or trail.fitted != "ends" or not trail.flux > 0:
        return None
    data = near_segment(stamp, trail.segment, REACH_FWHM * shape.fwhm_px)
    image = TrailImage(shape, trail.segment.direction)
    parts = image.parts(data.x_px, data.y_px, trail.segment, count, float(np.log(trail.width)))
    x, y = np.subtract(data.x_px, trail.segment.x0), np.subtract(data.y_px, trail.segment.y0)
    columns = np.concatenate([parts, [np.ones(len(x)), x / 100.0, y / 100.0]])
    weight = data.weights(trail.flux / count * parts.sum(axis=0))
    for _ in range(2):
        model, factors, covariance = _linear(columns, data, weight)
        weight = data.weights(factors[:count] @ parts)
        with np.errstate(invalid="ignore"):
            weight[np.sqrt(weight) * np.abs(data.values - model) > OUTLIER_SIGMA] = 0.0
    step = exptime_s / count
    seconds = (np.arange(count) + 0.5) * step - exptime_s / 2
    # a trail that is a hundredth of a pixel longer or shorter takes light from its ends
    inner = slice(1, -1)
    scale = trail.flux / count
    return TrailProfile(
        np.asarray(seconds[inner], float),
        step,
        (factors[:count] / scale)[inner],
        (covariance[:count, :count] / scale**2)[inner, inner],
    )


def period(found: TrailProfile) -> TrailPeriod | None:
    """Period of the brightness, by least squares with two harmonics; None where noise does as well.

    Periods from `SHORTEST_PARTS` parts to the length of the exposure are tried. Where twice the
    best period fits significantly better, it is the better one (Bretthorst 1988, chapter 3, for the
    statistics of one sinusoid).
    """
    count = len(found.flux)
    span = float(found.step_s * count)
    root = np.linalg.cholesky(found.covariance + 1e-9 * np.trace(found.covariance) * np.eye(count))
    whitened = np.linalg.solve(root, found.flux)

    def fitted(frequency: float, harmonics: int) -> tuple[float, FloatArray]:
        columns = np.linalg.solve(root, _columns(found, frequency, harmonics))
        factors, *_ = np.linalg.lstsq(columns, whitened, rcond=None)
        return float(np.sum((whitened - columns @ factors) ** 2)), factors

    low, high = LEAST_CYCLES / span, 1.0 / (SHORTEST_PARTS * found.step_s)
    if high <= low:
        return None
    grid = np.arange(low, high, 1.0 / (OVERSAMPLING * span))
    flat = fitted(0.0, 0)[0]
    sums = np.array([fitted(each, 1)[0] for each in grid])
    best, least = _refined(lambda f: fitted(f, 1)[0], grid, int(np.argmin(sums)))
    false_alarm = min(1.0, (high - low) * span * float(np.exp(-(flat - least) / 2)))
    if false_alarm > FALSE_ALARM:
        return None
    harmonics = 1
    improved = least - fitted(best, HARMONICS)[0]
    if 2 * best < high and improved > BETTER:
        harmonics = HARMONICS
        near = np.linspace(best - 0.5 / span, best + 0.5 / span, 41)
        sums = np.array([fitted(max(each, low / 2), harmonics)[0] for each in near])
        best, least = _refined(lambda f: fitted(f, harmonics)[0], near, int(np.argmin(sums)))
    step = 0.05 / span
    curvature = (
        fitted(best - step, harmonics)[0] + fitted(best + step, harmonics)[0] - 2 * least
    ) / step**2
    scatter = max(1.0, least / max(1, count - 2 * harmonics - 2))
    sigma = float(np.sqrt(2 * scatter / curvature)) if curvature > 0 else np.nan
    _, factors = fitted(best, harmonics)
    return TrailPeriod(
        1.0 / best,
        sigma / best**2,
        _amplitude_mag(found, best, factors, harmonics),
        false_alarm,
        harmonics,
    )


def _columns(found: TrailProfile, frequency: float, harmonics: int) -> FloatArray:
    """Constant and waves, averaged over each part; shape (parts, 1 + 2 harmonics)."""
    rows = [np.ones(len(found.flux))]
    for number in range(1, harmonics + 1):
        phase = 2 * np.pi * number * frequency * found.seconds
        blunt = np.sinc(number * frequency * found.step_s)
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


def _amplitude_mag(
    found: TrailProfile, frequency: float, factors: FloatArray, harmonics: int
) -> float:
    """Peak to peak in magnitudes."""
    cycle = TrailProfile(
        np.linspace(0.0, 1.0 / frequency, 200), 0.0, np.zeros(200), found.covariance
    )
    curve = np.maximum(_columns(cycle, frequency, harmonics) @ factors, 1e-3)
    return float(POGSON * np.log(curve.max() / curve.min()))
