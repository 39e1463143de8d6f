"""A body of synthetic tracking, fitted to all frames at once, and judged frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.starimage import GAUSSIAN_FWHM
from photpipe.science.tracking import (
    LEAST_MOTION_FWHM,
    SEARCH_SIGMA,
    StarlessFrames,
    UniformMotion,
    cap_sigma,
    trailed_psf,
)

FloatArray = NDArray[np.float64]

STAMP_FWHM = 1.7  # half a side of what is fitted around each place
ROUNDS = 20  # a bound: fits converge within a few
BRIGHT, BLUR = 0.75, 2.0  # of the most that the search can tell; width of the first fit then
LARGEST_STEP_PX = 0.7  # by judgement: within the image of a star, where it is linear
CONVERGED_PX = 0.005  # by judgement: below the error of every centroid
LARGEST_SHIFT_FWHM = 2.5  # from the place of the search
OUTLIER_SIGMA = 6.0  # no noise, but a star or a cosmic ray
EPSILON_PX = 0.05  # of numerical derivatives: far below a width, far above rounding
LEAST_COVERED = 0.3  # of the light, by valid pixels, on a frame that counts
FASTER = 1.02  # than what was tried: a fine step of rate, and the error of a fit
LEAST_ON_GRID = 0.6  # of the significance of a body: half a step of rate and half a pixel away
LEAST_KNOWN = 1e-3  # by judgement: of the light, that is not like a star's; less is rounding
LEAST_FRAMES = 0.5  # of all, on which there are pixels along the track
JACKKNIFE = 0.8  # of the significance that has to stay without any one frame
TYPICAL = 0.4  # of the significance that the median of the frames has to tell
FALSE_ALARMS = 0.5  # that noise alone may make in a night
LEAST_SIGNIFICANCE = 5.0  # by judgement: however few places were tried
FEW_FRAMES = 5.0  # by judgement: residuals of few frames have wider wings than a Gaussian
WING_SIGMA = 0.3  # of a pixel, from which on the light of a body is nothing
PLACE_SIGMA, MOST_PLACES = 4.0, 5  # of the groups of frames that places are told of


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A body on the frames.

    Parameters
    ----------
    track : UniformMotion
        GroupPlace at the reference time, rate, significance.
    flux : float
        Counts on the scale of the frames.
    covariance : ndarray, shape (5, 5)
        Of x, y, vx, vy (pixels, pixels per minute) and flux.
    fluxes, errors : ndarray, shape (n,)
        Flux on each frame and its error; NaN where the track is not on it.
    """

    track: UniformMotion
    flux: float
    covariance: FloatArray
    fluxes: FloatArray
    errors: FloatArray

    @property
    def seen(self) -> int:
        """Frames on which its track has pixels."""
        return int(np.isfinite(self.errors).sum())

    def significance(self, without: int | None = None) -> float:
        """Significance of the weighted mean of the fluxes, of all frames or without one."""
        weight = np.where(np.isfinite(self.errors), self.errors, np.inf) ** -2.0
        if without is not None:
            weight = np.where(np.arange(len(weight)) == without, 0.0, weight)
        total = float(weight.sum())
        return (
            float(np.nansum(weight * np.nan_to_num(self.fluxes)) / np.sqrt(total)) if total else 0.0
        )

    @property
    def jackknife(self) -> float:
        """Least significance without any one frame."""
        return min(self.significance(without=number) for number in range(len(self.fluxes)))

    @property
    def typical(self) -> float:
        """Significance that the median of the frames stands for."""
        known = np.isfinite(self.errors)
        if not known.any():
            return 0.0
        return float(np.median(self.fluxes[known] / self.errors[known]) * np.sqrt(known.sum()))

    @property
    def capped(self) -> float:
        """Significance when no frame counts for more than it does in the search."""
        known = np.isfinite(self.errors)
        depth = 1.0 / self.errors[known]
        cap = cap_sigma(len(self.fluxes))
        share = np.clip(self.fluxes[known] / self.errors[known], -cap, cap)
        return float(np.sum(share * depth) / np.sqrt(np.sum(depth**2))) if known.any() else 0.0


class _Stamps:
    """Pixels around a track on all frames, ready to be compared with a model."""

    def __init__(self, night: StarlessFrames, track: UniformMotion, blur: float = 1.0) -> None:
        self.night, self.blur = night, blur
        self.minutes = night.minutes
        speed = np.hypot(track.vx, track.vy)
        longest = float((speed * night.exptime_min).max())
        self.reach = int(np.ceil(STAMP_FWHM * blur * night.width_px + longest / 2))
        side = np.arange(-self.reach, self.reach + 1)
        self.column = np.round(track.x_px + track.vx * self.minutes).astype(int)
        self.row = np.round(track.y_px + track.vy * self.minutes).astype(int)
        _, ny, nx = night.residual.shape
        x = self.column[:, None, None] + side[None, None, :]
        y = self.row[:, None, None] + side[None, :, None]
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        x_in, y_in = np.clip(x, 0, nx - 1), np.clip(y, 0, ny - 1)
        number = np.arange(len(self.minutes))[:, None, None]
        values = night.residual[number, y_in, x_in].astype(float)
        variance = night.sigma[:, None, None] ** 2 + night.excess[y_in, x_in]
        good = inside & np.isfinite(values) & np.isfinite(variance)
        self.values = np.where(good, values, 0.0)
        self.weight = np.where(good, 1.0 / np.where(good, variance, 1.0), 0.0)
        self.x, self.y = np.broadcast_arrays(x, y)
        places, pixel = np.unique(y_in * nx + x_in, return_inverse=True)
        self.pixel = pixel.ravel()
        self._look_elsewhere(places)

    def _look_elsewhere(self, places: NDArray[np.intp]) -> None:
        """Sums over the frames on which the pixels of the track are free of the body."""
        night = self.night
        frames = len(self.minutes)
        values = night.residual.reshape(frames, -1)[:, places].astype(float)
        variance = night.sigma[:, None] ** 2 + night.excess.ravel()[places]
        free = np.isfinite(values) & np.isfinite(variance)
        number = np.repeat(np.arange(frames), self.pixel.size // frames)
        free[number, self.pixel] = False
        sigma = np.sqrt(np.where(free, variance, 1.0))
        middle = _middle(np.where(free, values, np.nan))
        free &= np.abs(np.where(free, values - middle, 0.0)) <= OUTLIER_SIGMA * sigma
        weight = np.where(free, 1.0 / sigma**2, 0.0)
        self.free_weight = weight.sum(axis=0)
        self.free_light = np.sum(weight * np.where(free, values, 0.0), axis=0)

    def _per_pixel(self, values: FloatArray) -> FloatArray:
        """Sums over the frames, pixel by pixel."""
        return np.asarray(np.bincount(self.pixel, values.ravel(), len(self.free_weight)), float)

    def normal(
        self, columns: FloatArray, weight: FloatArray, values: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Normal matrix and right side of a fit in which the sky stands still, whatever it is.

        What every pixel shows in the mean of all frames is fitted along with the body, so that it
        does not matter what of a slow body, or of a faint star, is in it.

        Parameters
        ----------
        columns : ndarray, shape (k, n, side, side)
            What is fitted.
        """
        count = len(columns)
        weighted = columns * weight
        flat = weighted.reshape(count, -1)
        normal = flat @ columns.reshape(count, -1).T
        right = flat @ values.ravel()
        sums = np.stack([self._per_pixel(each) for each in weighted])
        total = self.free_weight + self._per_pixel(weight)
        share = sums / np.where(total > 0, total, np.inf)
        normal -= share @ sums.T
        right -= share @ (self.free_light + self._per_pixel(weight * values))
        return normal, right

    def sky(self, weight: FloatArray, values: FloatArray) -> FloatArray:
        """What stands still in the pixels, given the values without the body."""
        total = self.free_weight + self._per_pixel(weight)
        light = self.free_light + self._per_pixel(weight * values)
        level = light / np.where(total > 0, total, np.inf)
        return np.asarray(level[self.pixel].reshape(values.shape), float)

    def model(self, parameters: FloatArray) -> FloatArray:
        """Image of unit flux on every frame."""
        x, y, vx, vy = parameters
        minutes = self.minutes[:, None, None]
        trail = np.hypot(vx, vy) * self.night.exptime_min
        fwhm = self.blur * self.night.fwhm_px[:, None, None]
        dx, dy = self.x - x - vx * minutes, self.y - y - vy * minutes
        if np.ptp(trail) == 0:
            length = float(self.night.exptime_min[0])
            return trailed_psf(dx, dy, fwhm, (vx * length, vy * length))
        parts = [
            trailed_psf(dx[i], dy[i], float(fwhm[i, 0, 0]), (vx * length, vy * length))
            for i, length in enumerate(self.night.exptime_min)
        ]
        return np.array(parts)

    def gradient(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Model and its derivatives by x, y, vx, vy; shape (4, n, side, side)."""
        image = self.model(parameters)
        rows = []
        for axis in (0, 1):
            step = np.zeros(4)
            step[axis] = EPSILON_PX
            difference = self.model(parameters + step) - self.model(parameters - step)
            rows.append(difference / (2 * EPSILON_PX))
        minutes = self.minutes[:, None, None]
        return image, np.stack([*rows, rows[0] * minutes, rows[1] * minutes])


def fit(night: StarlessFrames, track: UniformMotion) -> Body | None:
    """Fit place, rate and flux to all frames; None where that leads elsewhere."""
    start = np.array([track.x_px, track.y_px, track.vx, track.vy])
    begin: FloatArray | None = start
    if track.snr > BRIGHT * cap_sigma(len(night.minutes)) * np.sqrt(len(night.minutes)):
        # where every frame counts for the most it may, the search knows the place but roughly
        begin = _converged(_Stamps(night, track, BLUR), start, night)[0]
    if begin is None:
        return None
    x, y, vx, vy = begin.tolist()
    stamps = _Stamps(night, UniformMotion(x, y, vx, vy, track.snr))
    found, flux, normal = _converged(stamps, begin, night, start)
    return None if found is None else _judged(stamps, found, flux, normal)


def _converged(
    stamps: _Stamps, begin: FloatArray, night: StarlessFrames, start: FloatArray | None = None
) -> tuple[FloatArray | None, float, FloatArray]:
    """Parameters where the fit comes to rest, flux and normal matrix; None if it runs away."""
    start = begin if start is None else start
    found = begin.copy()
    limit = LARGEST_SHIFT_FWHM * night.width_px
    span = max(night.span_min, 1e-6)
    weight = stamps.weight
    flux, normal = 0.0, np.eye(5)
    for _ in range(ROUNDS):
        image, slopes = stamps.gradient(found)
        power, light = stamps.normal(image[None], weight, stamps.values)
        flux = float(light[0] / power[0, 0]) if power[0, 0] > 0 else 0.0
        if flux <= 0:
            return None, flux, normal
        residual = stamps.values - flux * image
        residual_sky = residual - stamps.sky(weight, residual)
        weight = _without_outliers(stamps.weight, residual_sky, flux * image)
        normal, right = stamps.normal(
            np.concatenate([flux * slopes, image[None]]), weight, residual
        )
        step = np.linalg.lstsq(normal, right, rcond=1e-10)[0]
        largest = max(float(np.abs(step[:2]).max()), float(np.abs(step[2:4]).max()) * span / 2)
        found = found + step[:4] * min(1.0, LARGEST_STEP_PX / max(largest, 1e-9))
        moved = np.abs(found - start) * np.array([1, 1, span / 2, span / 2])
        if moved.max() > limit:
            return None, flux, normal
        if largest < CONVERGED_PX:
            break
    return found, flux, normal


def _middle(values: FloatArray) -> FloatArray:
    """Median over the first axis; nought where there is nothing."""
    known = np.isfinite(values).any(axis=0)
    found = np.zeros(values.shape[1])
    found[known] = np.nanmedian(values[:, known], axis=0)
    return found


def _without_outliers(weight: FloatArray, residual: FloatArray, model: FloatArray) -> FloatArray:
    """Weights without pixels that no source of this brightness explains: cosmic rays."""
    sigma = np.sqrt(1.0 / np.maximum(weight, 1e-30))
    peak = model.max(axis=(1, 2), keepdims=True)
    return np.where(residual > OUTLIER_SIGMA * sigma + peak, 0.0, weight)


def _judged(
    stamps: _Stamps, parameters: FloatArray, flux: float, normal: FloatArray
) -> Body | None:
    """Fluxes frame by frame along the motion that was fitted."""
    image = stamps.model(parameters)
    residual = stamps.values - flux * image
    weight = stamps.weight
    for _ in range(2):  # the sky without outliers, then outliers of that sky
        weight = _without_outliers(
            stamps.weight, residual - stamps.sky(weight, residual), flux * image
        )
    values = stamps.values - stamps.sky(weight, residual)
    power = np.sum(weight * image**2, axis=(1, 2))
    covered = np.sum(np.where(stamps.weight > 0, image**2, 0.0), axis=(1, 2))
    on = (covered > LEAST_COVERED * np.sum(image**2, axis=(1, 2))) & (power > 0)
    fluxes = np.where(on, np.sum(weight * image * values, axis=(1, 2)), np.nan)
    fluxes = fluxes / np.where(on, power, 1.0)
    # what the sky behind the body costs
    known = float(stamps.normal(image[None], weight, values)[0][0, 0]) / max(power.sum(), 1e-30)
    power = power * max(known, LEAST_KNOWN)
    errors = np.where(on, 1.0 / np.sqrt(np.where(on, power, 1.0)), np.nan)
    if not on.any():
        return None
    x, y, vx, vy = parameters.tolist()
    covariance = np.asarray(np.linalg.pinv(normal), float)
    body = Body(UniformMotion(x, y, vx, vy, 0.0), flux, covariance, fluxes, errors)
    track = UniformMotion(x, y, vx, vy, body.significance())
    return Body(track, flux, body.covariance, fluxes, errors)


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Where a body was in the mean of some frames.

    Parameters
    ----------
    minutes : float
        Weighted mean of their times.
    x_px, y_px, sigma_x, sigma_y : float
        GroupPlace and its errors.
    flux, error : float
        Mean flux.
    frames : int
        How many frames.
    """

    minutes: float
    x_px: float
    y_px: float
    sigma_x: float
    sigma_y: float
    flux: float
    error: float
    frames: int


def places(night: StarlessFrames, body: Body) -> list[GroupPlace]:
    """Independent places of a body in groups of frames that follow each other.

    As many groups as make each of them significant, two to five.
    """
    track = body.track
    on = np.flatnonzero(np.isfinite(body.errors))
    order = on[np.argsort(night.minutes[on])]
    count = int(np.clip((track.snr / PLACE_SIGMA) ** 2, 2, MOST_PLACES))
    stamps = _Stamps(night, track)
    image, slopes = stamps.gradient(np.array([track.x_px, track.y_px, track.vx, track.vy]))
    residual = stamps.values - body.flux * image
    residual = residual - stamps.sky(stamps.weight, residual)
    found = []
    for group in np.array_split(order, min(count, len(order))):
        design = np.stack(
            [body.flux * slopes[0][group], body.flux * slopes[1][group], image[group]]
        ).reshape(3, -1)
        root = np.sqrt(stamps.weight[group]).ravel()
        normal = (design * root) @ (design * root).T
        covariance = np.linalg.pinv(normal)
        step = covariance @ ((design * root) @ (root * residual[group].ravel()))
        weight = body.errors[group] ** -2.0
        middle = float(np.average(night.minutes[group], weights=weight))
        sigma = np.sqrt(np.diag(covariance))
        found.append(
            GroupPlace(
                middle,
                float(track.x_px + track.vx * middle + step[0]),
                float(track.y_px + track.vy * middle + step[1]),
                float(sigma[0]),
                float(sigma[1]),
                float(body.flux + step[2]),
                float(sigma[2]),
                len(group),
            )
        )
    return found


def cutout(night: StarlessFrames, body: Body, half_px: int) -> FloatArray:
    """Mean of the surroundings of a body along its motion, the body in the middle."""
    side = 2 * half_px + 1
    total, count = np.zeros((side, side)), np.zeros((side, side))
    axis = np.arange(-half_px, half_px + 1)
    _, ny, nx = night.residual.shape
    track = body.track
    for number, minute in enumerate(night.minutes):
        if not np.isfinite(body.errors[number]):
            continue
        x, y = track.x_px + track.vx * minute, track.y_px + track.vy * minute
        columns, rows = round(x) + axis, round(y) + axis
        inside = ((rows >= 0) & (rows < ny))[:, None] & ((columns >= 0) & (columns < nx))
        clipped = np.ix_(np.clip(rows, 0, ny - 1), np.clip(columns, 0, nx - 1))
        values = night.residual[number][clipped].astype(float)
        good = inside & np.isfinite(values) & np.isfinite(night.excess[clipped])
        total += np.where(good, values, 0.0)
        count += good
    return np.asarray(total / np.maximum(count, 1))


def threshold(night: StarlessFrames, speed: float, fastest: float) -> float:
    """Significance that noise alone reaches `FALSE_ALARMS` times in a night.

    The expected number of maxima above u of a smooth Gaussian field in four dimensions, place and
    rate (Adler 1981, The Geometry of Random Fields): V |L|^(1/2) (u^3 - 3 u) exp(-u^2 / 2)
    (2 pi)^(-5/2), L the second moments of the gradient of the filtered noise. Each interval of the
    logarithm of the speed may make as many of them as any other, though there are four times as
    many rates at twice the speed: a slow body needs less.

    Parameters
    ----------
    speed, fastest : float
        That of a body, and the largest that was tried; pixels per minute.
    """
    from scipy.optimize import brentq

    variance = 2 * (night.width_px / GAUSSIAN_FWHM) ** 2  # of the autocorrelation of the filter
    area = float(np.isfinite(night.excess).sum())
    slowest = least_speed(night)
    speed = float(np.clip(speed, min(slowest, fastest), fastest))
    # the volume grows as the square of the speed: by twice of it in an interval of the logarithm
    share = max(1.0, 2.0 * float(np.log(max(fastest / slowest, 1.0))))
    volume = share * area * np.pi * speed**2 * float(np.var(night.minutes)) / variance**2

    def expected(u: float) -> float:
        return float(volume * (u**3 - 3 * u) * np.exp(-(u**2) / 2) / (2 * np.pi) ** 2.5)

    # few frames tell the scatter of a pixel badly: the noise has wings
    wings = float(np.hypot(1.0, FEW_FRAMES / len(night.minutes)))
    if expected(LEAST_SIGNIFICANCE) <= FALSE_ALARMS:
        return LEAST_SIGNIFICANCE * wings
    found = brentq(lambda u: expected(u) - FALSE_ALARMS, LEAST_SIGNIFICANCE, 20.0)
    return float(found) * wings


def search_sigma(night: StarlessFrames, slowest: float, fastest: float) -> float:
    """Least significance on the grid of what may be a body between two speeds."""
    return max(SEARCH_SIGMA, LEAST_ON_GRID * threshold(night, slowest, fastest))


def least_speed(night: StarlessFrames) -> float:
    """Speed (pixels per minute) below which a body cannot be told from what varies."""
    return LEAST_MOTION_FWHM * night.width_px / max(night.span_min, 1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A body, its places in groups of frames, and the mean of its surroundings."""

    body: Body
    places: list[GroupPlace]
    cutout: FloatArray


def sightings(
    night: StarlessFrames,
    tracks: Sequence[UniformMotion],
    decoys: Sequence[UniformMotion],
    fastest: float,
    half_px: int = 20,
) -> list[Sighting]:
    """Real bodies among the tracks of a search, the most significant first.

    The pixels of each are taken out of the residuals of `night`, **in place**, before the next one
    is fitted.

    Parameters
    ----------
    tracks, decoys : sequence of UniformMotion
        Of the search, the most significant first. Whatever is less significant than a decoy that
        looks like a body is none.
    fastest : float
        Largest speed that was tried, pixels per minute.
    half_px : int
        The pictures have 2 `half_px` + 1 pixels on each side.
    """
    found = []
    for track in tracks:
        body = _real(night, track, fastest)
        if body is None:
            continue
        found.append(Sighting(body, places(night, body), cutout(night, body, half_px)))
        _take_out(night, body)
    np.negative(night.residual, out=night.residual)
    holes = [each for each in (_real(night, track, fastest) for track in decoys) if each]
    np.negative(night.residual, out=night.residual)
    least = max([1.0, *(_excess(night, each, fastest) for each in holes)])
    kept = [each for each in found if _excess(night, each.body, fastest) >= least]
    return sorted(kept, key=lambda each: -each.body.track.snr)


def _excess(night: StarlessFrames, body: Body, fastest: float) -> float:
    """Significance of a body in units of the least one at its speed."""
    speed = float(np.hypot(body.track.vx, body.track.vy))
    return body.track.snr / threshold(night, speed, fastest)


def _real(night: StarlessFrames, track: UniformMotion, fastest: float) -> Body | None:
    """Body of a track if it is a real one that moves enough."""
    body = fit(night, track)
    if body is None:
        return None
    speed = float(np.hypot(body.track.vx, body.track.vy))
    if not least_speed(night) <= speed <= FASTER * fastest or not is_real(
        body, threshold(night, speed, fastest)
    ):
        return None
    return body


def _take_out(night: StarlessFrames, body: Body) -> None:
    """Blank the pixels in which the light of a body, wings and all, is more than noise."""
    track = body.track
    _, ny, nx = night.residual.shape
    for number, minute in enumerate(night.minutes):
        fwhm = float(night.fwhm_px[number])
        flux = max(float(np.nan_to_num(body.fluxes[number])), 0.0)
        peak = flux / (1.13 * fwhm**2) / (WING_SIGMA * night.sigma[number])
        # a Moffat profile of exponent 3, which has the wings of the seeing
        reach = fwhm / 2 * np.sqrt(max(peak, 1.0) ** (1 / 3) - 1) / 0.5098
        reach = max(float(reach), fwhm)
        x, y = track.x_px + track.vx * minute, track.y_px + track.vy * minute
        half = night.exptime_min[number] / 2
        dx, dy = track.vx * half, track.vy * half
        box = int(np.ceil(reach + np.hypot(dx, dy)))
        rows = np.arange(max(0, round(y) - box), min(ny, round(y) + box + 1))
        columns = np.arange(max(0, round(x) - box), min(nx, round(x) + box + 1))
        if not (rows.size and columns.size):
            continue
        apart = _from_segment(columns[None, :] - x, rows[:, None] - y, dx, dy)
        stamp = night.residual[number, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        stamp[apart <= reach] = np.nan


def _from_segment(x: FloatArray, y: FloatArray, dx: float, dy: float) -> FloatArray:
    """Distance from the segment between (-dx, -dy) and (dx, dy)."""
    length2 = dx**2 + dy**2
    part = np.clip((x * dx + y * dy) / length2, -1, 1) if length2 > 0 else np.zeros(1)
    return np.asarray(np.hypot(x - part * dx, y - part * dy))


def is_real(body: Body, least: float) -> bool:
    """Whether a body is more than noise, and more than what one frame makes of it."""
    without_one = JACKKNIFE * least
    return (
        body.track.snr >= least
        and body.jackknife >= without_one
        and body.capped >= without_one
        and body.typical >= TYPICAL * min(body.capped, least)
        and body.seen >= LEAST_FRAMES * len(body.fluxes)
    )
