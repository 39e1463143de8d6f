"""Synthetic tracking: bodies too faint for one frame, found by adding frames along trial motions.

The residuals of the frames (without stars) are filtered with the image of a point source, and cut
off at a few sigma, so that no single frame, cosmic ray or satellite makes a body. They are added
along a grid of rates in two steps (Shao et al. 2014, ApJ 782, 1): groups of frames that follow each
other are added along coarse rates, the groups along fine ones. What stands out is fitted with
place, rate and flux to all frames at once.

Arrays of frames are float32 of shape (n, ny, nx) on one grid of pixels; places and rates are pixels
and pixels per minute, at and from the reference time, to which all times are relative.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photpipe.science.noise import robust_sigma
from photpipe.science.resampling import flattened
from photpipe.science.starimage import GAUSSIAN_FWHM

FloatArray = NDArray[np.float64]
Images = NDArray[np.float32]
IntArray = NDArray[np.int64]

CAP_SIGMA = 4.0  # a frame counts for no more than this, unless there are few
# by judgement: what a body may reach that is bright on every frame; two frames alone make no more
# than the search wants, from four frames on
CAP_TOGETHER = 12.5
ROWS_AT_ONCE = 64  # of pixels at a time: memory against calls
RATE_STEP_FWHM = 2.0  # between fine rates, over the whole span of time
COARSE_STEPS = 3  # fine rates across a coarse one
LEAST_MOTION_FWHM = 2.0  # over the whole span; less is a variable star
TRAILED_FWHM = 1.5  # longer trails in one exposure have a filter of their own
TRAIL_CLASSES = ((1.5, 3.0), (3.0, 6.0), (6.0, 12.0))  # lengths in widths
TRAIL_DIRECTIONS = 12  # by judgement: a filter each 15 degrees
KERNEL_REACH_FWHM = 1.6  # holds 99.9 % of the light of a Gaussian
SEARCH_SIGMA = 5.0  # on the grid; noise alone makes hundreds of these
MOST_CANDIDATES = 3000  # a bound: noise makes hundreds
NEAREST, NEAREST_SIGMA = 1 / 3, 0.4307  # quantile of |x| of a Gaussian of unit width
EXCESS = 1.4  # of the scatter of a pixel in time over that of the sky, that tells of a star
LEAST_WEIGHT = 0.3  # of a filter on valid pixels
# of the median of all frames; of an early and a late part of them: one of 1000 is noise, and 3 in
# 10 000 of those; a body that is brighter is found all the same
STANDING_SIGMA, STANDING_PART_SIGMA = 3.0, 2.0
FEWEST_PIXELS = 100  # by judgement: of two frames, that tell the noise
LEAST_VARIANCE = 0.1  # by judgement: of that of the others; less is a fit gone astray
MARGIN_FWHM = 12.0  # beyond the edges, so that spectra do not bring them together


def sky_model(images: Images, sigma: FloatArray) -> tuple[Images, Images]:
    """Median of the frames pixel by pixel, and the scatter about it in units of the noise.

    The scatter is that of the third of the frames that are nearest to the median: what passes a
    pixel does not count, even if it is there for half of the time.

    Parameters
    ----------
    images : ndarray, shape (n, ny, nx)
        Frames on one grid, NaN where they have no data.
    sigma : ndarray, shape (n,)
        Noise of a pixel of each frame.
    """
    _, ny, nx = images.shape
    template = np.full((ny, nx), np.nan, np.float32)
    scatter = np.full((ny, nx), np.nan, np.float32)
    noise = sigma[:, None, None].astype(np.float32)
    for start in range(0, ny, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        template[rows] = _median(images[:, rows])
        apart = np.abs(images[:, rows] - template[rows]) / noise
        scatter[rows] = _quantile(apart, NEAREST) / NEAREST_SIGMA
    return template, scatter


def standing(
    images: Images, template: Images, sigma: FloatArray, order: IntArray, fwhm_px: float
) -> NDArray[np.bool_]:
    """Pixels in which there is light that is there early and late, too: of stars, of no mover.

    A slow body, too, is in the median of the frames, as its image covers a pixel for a good part of
    the night. What is taken out of the frames is therefore no more than what stands out of the
    noise in the median, and in the first third of the exposure as well as in the last one.

    Parameters
    ----------
    order : ndarray, shape (n,)
        Frames in the order of time.
    """
    from scipy.ndimage import binary_dilation

    depth = np.cumsum(np.where(np.isfinite(sigma[order]), sigma[order], np.inf) ** -2.0)
    share = depth / depth[-1]
    first = order[: int(np.searchsorted(share, 1 / 3)) + 1]
    last = order[int(np.searchsorted(share, 2 / 3)) :]
    stands = _significance(template, fwhm_px)
    found = np.abs(stands) > STANDING_SIGMA
    for group in (first, last):
        part = _significance(_mean(images, sigma, group), fwhm_px)
        found &= part * np.sign(stands) > STANDING_PART_SIGMA
    grown: NDArray[np.bool_] = binary_dilation(found, iterations=max(1, round(fwhm_px / 2)))
    return grown


def _mean(images: Images, sigma: FloatArray, group: IntArray) -> Images:
    """Weighted mean of some frames."""
    total = np.zeros(images.shape[1:], np.float32)
    weight = np.zeros(images.shape[1:], np.float32)
    for number in group:
        good = np.isfinite(images[number])
        own = np.float32(sigma[number] ** -2.0)
        total += np.where(good, images[number], 0.0) * own
        weight += good * own
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def _significance(image: Images, fwhm_px: float) -> Images:
    """Image filtered with that of a star, in units of its own noise."""
    from scipy.ndimage import gaussian_filter

    smooth: Images = gaussian_filter(np.nan_to_num(image), fwhm_px / GAUSSIAN_FWHM)
    sample = smooth[::3, ::3][np.isfinite(image[::3, ::3])]
    noise = robust_sigma(sample.astype(float)) if sample.size else 1.0
    return smooth / np.float32(noise if noise > 0 else 1.0)


def noise_of(images: Images, order: IntArray) -> FloatArray:
    """Noise of a pixel of each frame, by the differences of frames, in which stars do not count.

    The variance of a difference is the sum of those of both frames. Infinite for a frame without
    data.
    """
    from scipy.optimize import nnls

    count = len(order)
    rows, sums = [], []
    for apart in (1, 2):
        for place in range(count):
            a, b = order[place], order[(place + apart) % count]
            part = (slice(None, None, 3), slice(None, None, 3))
            known = images[a][part] - images[b][part]
            known = known[np.isfinite(known)]
            if a == b or known.size < FEWEST_PIXELS:
                continue
            row = np.zeros(count)
            row[[a, b]] = 1.0
            variance = robust_sigma(known.astype(float)) ** 2
            if variance > 0:
                rows.append(row / variance)
                sums.append(1.0)
    if not rows:
        return np.full(count, np.inf)
    found = nnls(np.array(rows), np.array(sums))[0]
    usual = float(np.median(found[found > 0])) if (found > 0).any() else 1.0
    known = np.sum(rows, axis=0) > 0
    return np.where(known, np.sqrt(np.maximum(found, LEAST_VARIANCE * usual)), np.inf)


def _median(values: Images) -> Images:
    return _quantile(values, 0.5)


def _quantile(values: Images, part: float) -> Images:
    """Quantile over the first axis without NaN, which sorting puts last."""
    ordered = np.sort(values, axis=0)
    place = part * np.maximum(np.isfinite(values).sum(axis=0) - 1, 0).astype(np.float32)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, len(values) - 1)
    first, second = (np.take_along_axis(ordered, each[None], axis=0)[0] for each in (low, high))
    rest = place - low
    between: Images = first + np.where(rest > 0, rest * (second - first), 0.0)
    return between.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class StarlessFrames:
    """Frames of a night without their stars.

    Parameters
    ----------
    residual : ndarray, shape (n, ny, nx)
        Counts on one scale of flux, NaN where there are none.
    sigma : ndarray, shape (n,)
        Noise of a pixel of the sky on each frame.
    excess : ndarray, shape (ny, nx)
        Variance beyond that of the sky, where there were stars.
    minutes : ndarray, shape (n,)
        Middles of the exposures from the reference time.
    exptime_min : ndarray, shape (n,)
        Lengths of the exposures.
    fwhm_px : ndarray, shape (n,)
        Width of a point source on each frame.
    """

    residual: Images
    sigma: FloatArray
    excess: Images
    minutes: FloatArray
    exptime_min: FloatArray
    fwhm_px: FloatArray

    @property
    def span_min(self) -> float:
        """Time from the first to the last frame."""
        return float(np.ptp(self.minutes))

    @property
    def width_px(self) -> float:
        """Typical width of a point source."""
        return float(np.median(self.fwhm_px))


def series(
    images: Images, minutes: FloatArray, exptime_min: FloatArray, fwhm_px: FloatArray
) -> StarlessFrames:
    """Take the stars, which stand still, out of frames on one grid; `images` become residuals."""
    from scipy.ndimage import median_filter

    for number, each in enumerate(images):
        images[number] = flattened(each)
    order = np.argsort(minutes)
    sigma = noise_of(images, order)
    width = float(np.median(fwhm_px))
    template, scatter = sky_model(images, sigma)
    known = np.isfinite(template)
    stars = standing(images, template, sigma, order, width)
    images -= np.where(stars, template, 0.0)
    for number, each in enumerate(images):
        images[number] = flattened(each)
    smooth = median_filter(np.nan_to_num(scatter, nan=1.0), 3)
    empty = smooth[known & ~stars]
    smooth /= float(np.median(empty)) if empty.size else 1.0
    # the photons of stars, and what is left of them because the seeing varies
    usual = float(np.mean(sigma**-2.0) ** -0.5) if np.isfinite(sigma).any() else 1.0
    excess = np.where(stars & (smooth > EXCESS), (smooth**2 - 1.0) * usual**2, 0.0)
    excess = excess.astype(np.float32)
    excess[~known] = np.inf
    found = StarlessFrames(images, sigma, excess, minutes, exptime_min, fwhm_px)
    # the noise of neighbouring pixels is correlated where frames were resampled
    filters = Filter(found, 1)
    for number in range(len(images)):
        significance, _ = filters.significance(number, (0.0, 0.0))
        sigma[number] *= max(
            robust_sigma(_seen(significance / np.maximum(filters.share, 0.1))), 0.5
        )
    return found


def _seen(significance: NDArray[Any]) -> FloatArray:
    """A sample of the values that are not nought, which stands for no data."""
    sample = significance[::3, ::3]
    return sample[sample != 0].astype(float) if (sample != 0).any() else np.ones(1)


def _finite(values: Images) -> FloatArray:
    found = values[np.isfinite(values)].astype(float)
    return found if found.size else np.ones(1)


# -- filters


def kernel(fwhm_px: float, trail_px: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """Image of a point source, spread along a trail; its sum is 1."""
    length = float(np.hypot(*trail_px))
    reach = int(np.ceil(KERNEL_REACH_FWHM * fwhm_px + length / 2))
    axis = np.arange(-reach, reach + 1.0)
    image = trailed_psf(axis[None, :], axis[:, None], fwhm_px, trail_px)
    return np.asarray(image / image.sum())


def trailed_psf(
    x_px: FloatArray, y_px: FloatArray, fwhm_px: FloatArray | float, trail_px: Sequence[float]
) -> FloatArray:
    """Gaussian of unit sum along a segment whose middle is the origin.

    The convolution of a Gaussian with a segment of length L is, with u along and v across it,
    exp(-v^2 / 2 s^2) / (sqrt(2 pi) s) [erf((u + L/2) / w) - erf((u - L/2) / w)] / 2L, w = sqrt(2) s
    (Vereš et al. 2012, PASP 124, 1197); the width of a pixel is part of s.
    """
    from scipy.special import erf

    s = np.asarray(fwhm_px) / GAUSSIAN_FWHM
    length = max(float(np.hypot(trail_px[0], trail_px[1])), 1e-3)
    ux, uy = float(trail_px[0]) / length, float(trail_px[1]) / length
    if length <= 1e-3:
        ux, uy = 1.0, 0.0
    along, across = x_px * ux + y_px * uy, y_px * ux - x_px * uy
    profile = erf((along + length / 2) / (np.sqrt(2) * s))
    profile = profile - erf((along - length / 2) / (np.sqrt(2) * s))
    return np.asarray(
        np.exp(-0.5 * (across / s) ** 2) / (np.sqrt(2 * np.pi) * s) * profile / (2 * length)
    )


def cap_sigma(frames: int) -> float:
    """Significance beyond which a frame counts no more."""
    return max(CAP_SIGMA, CAP_TOGETHER / float(np.sqrt(max(frames, 1))))


class Filter:
    """Matched filters of the frames of a night; their spectra are calculated once.

    Parameters
    ----------
    night : StarlessFrames
        Frames without stars.
    jobs : int
        Threads.
    """

    def __init__(self, night: StarlessFrames, jobs: int) -> None:
        from scipy import fft

        self.night, self.jobs = night, jobs
        _, ny, nx = night.residual.shape
        margin = round(MARGIN_FWHM * night.width_px)
        self.shape = (fft.next_fast_len(ny + margin, real=True), fft.next_fast_len(nx + margin))
        self.frequency = (
            np.fft.fftfreq(self.shape[0]).astype(np.float32)[:, None],
            np.fft.rfftfreq(self.shape[1]).astype(np.float32)[None, :],
        )
        half = (self.shape[0], self.shape[1] // 2 + 1)
        self.spectra = np.empty((len(night.residual), *half), np.complex64)
        _in_threads(self._transform, range(len(night.residual)), jobs)
        self.share = self._share()

    def _weight(self, number: int) -> Images:
        """Inverse variances of a frame; nought where there is no data."""
        variance = self.night.sigma[number] ** 2 + self.night.excess
        valid = np.isfinite(self.night.residual[number]) & np.isfinite(variance)
        weight: Images = np.where(valid, 1.0 / np.where(valid, variance, 1.0), 0.0)
        return weight.astype(np.float32)

    def _transform(self, number: int) -> None:
        from scipy import fft

        signal = np.nan_to_num(self.night.residual[number]) * self._weight(number)
        self.spectra[number] = fft.rfft2(signal, self.shape)

    def _share(self) -> Images:
        """Depth of the filter beside stars and edges, in units of that on the empty sky."""
        from scipy.ndimage import gaussian_filter

        number = int(np.argsort(self.night.sigma)[len(self.night.sigma) // 2])
        weight = self._weight(number) * self.night.sigma[number] ** 2
        # the square of a Gaussian is one of smaller width
        width = float(self.night.fwhm_px[number]) / GAUSSIAN_FWHM / np.sqrt(2)
        share = np.clip(gaussian_filter(weight, width, mode="constant"), 0.0, 1.0)
        return np.where(share > LEAST_WEIGHT**2, np.sqrt(share), 0.0).astype(np.float32)

    def significance(self, number: int, trail_px: tuple[float, float]) -> tuple[Images, float]:
        """Filtered frame, capped, in units of its noise; and how deep it is (1 / error)."""
        from scipy import fft

        row, column = self.frequency
        width = np.float32(self.night.fwhm_px[number] / GAUSSIAN_FWHM)
        spectrum = np.exp(-2 * (np.pi * width) ** 2 * (row**2 + column**2))
        if trail_px != (0.0, 0.0):
            spectrum *= np.sinc(column * np.float32(trail_px[0]) + row * np.float32(trail_px[1]))
        found = fft.irfft2(self.spectra[number] * spectrum, self.shape)
        _, ny, nx = self.night.residual.shape
        image = kernel(float(self.night.fwhm_px[number]), trail_px)
        depth = float(np.sqrt(np.sum(image**2)) / self.night.sigma[number])
        if depth == 0:
            return np.zeros((ny, nx), np.float32), 0.0
        limit = np.float32(cap_sigma(len(self.spectra))) * self.share
        return np.clip(found[:ny, :nx] / np.float32(depth), -limit, limit), depth

    def maps(self, trail_px_min: tuple[float, float]) -> Images:
        """Significance of a source at each pixel of each frame; their sum has unit noise.

        Parameters
        ----------
        trail_px_min : tuple of float
            Motion that is part of the filter, pixels per minute.
        """
        maps = np.empty_like(self.night.residual)
        depth = np.empty(len(maps))

        def one(number: int) -> None:
            length = float(self.night.exptime_min[number])
            trail = (trail_px_min[0] * length, trail_px_min[1] * length)
            maps[number], depth[number] = self.significance(number, trail)

        _in_threads(one, range(len(maps)), self.jobs)
        depth /= np.sqrt(np.sum(depth**2))
        maps *= depth[:, None, None].astype(np.float32)
        return maps


def _in_threads(function: Callable[[int], None], items: Iterable[int], jobs: int) -> None:
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for _ in pool.map(function, items):
            pass


# -- the search


@dataclass(frozen=True, slots=True)
class UniformMotion:
    """A uniform motion: place at the reference time, rate, and what speaks for it.

    Parameters
    ----------
    x_px, y_px : float
        GroupPlace (the first pixel is 0).
    vx, vy : float
        Rate, pixels per minute.
    snr : float
        Significance.
    """

    x_px: float
    y_px: float
    vx: float
    vy: float
    snr: float


@dataclass(frozen=True, slots=True)
class Sector:
    """Coarse rates that share a filter; shape (k, 2), pixels per minute."""

    trail_px_min: tuple[float, float]
    coarse: FloatArray
    step: float


def sectors(night: StarlessFrames, slowest: float, fastest: float) -> list[Sector]:
    """Grid of rates between two speeds (pixels per minute), by the filters that they need."""
    fine = RATE_STEP_FWHM * night.width_px / night.span_min
    step = COARSE_STEPS * fine
    count = int(np.ceil(fastest / step))
    axis = np.arange(-count, count + 1) * step
    rates = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    speed = np.hypot(*rates.T)
    half = step / np.sqrt(2)
    rates = rates[(speed <= fastest + half) & (speed >= slowest - half)]
    speed, angle = np.hypot(*rates.T), np.arctan2(rates[:, 1], rates[:, 0]) % np.pi
    length = speed * float(np.median(night.exptime_min)) / night.width_px
    found = [Sector((0.0, 0.0), rates[length < TRAILED_FWHM], fine)]
    turn = np.pi / TRAIL_DIRECTIONS
    direction = np.round(angle / turn).astype(int) % TRAIL_DIRECTIONS
    for low, high in TRAIL_CLASSES:
        typical = np.sqrt(low * high) * night.width_px / float(np.median(night.exptime_min))
        for number in range(TRAIL_DIRECTIONS):
            here = rates[(length >= low) & (length < high) & (direction == number)]
            unit = (float(np.cos(number * turn)), float(np.sin(number * turn)))
            found.append(Sector((typical * unit[0], typical * unit[1]), here, fine))
    return [each for each in found if len(each.coarse)]


def rates_of(night: StarlessFrames, fastest: float) -> float:
    """Number of fine rates up to a speed (pixels per minute): what a search costs."""
    fine = RATE_STEP_FWHM * night.width_px / max(night.span_min, 1e-6)
    return float(np.pi * (fastest / fine) ** 2)


def search(
    night: StarlessFrames, slowest: float, fastest: float, jobs: int, sigma: float = SEARCH_SIGMA
) -> tuple[list[UniformMotion], list[UniformMotion]]:
    """Motions along which the frames add up to something; the most significant first.

    Motions along which they add up to less than nothing come second: no body does that, and what
    does tells how often stars badly taken out look like one.

    Parameters
    ----------
    slowest, fastest : float
        Range of speeds, pixels per minute.
    jobs : int
        Threads.
    sigma : float
        Least significance on the grid.
    """
    found: list[UniformMotion] = []
    decoys: list[UniformMotion] = []
    filters = Filter(night, jobs)
    for sector in sectors(night, slowest, fastest):
        maps = filters.maps(sector.trail_px_min)
        hits, holes = _hits(maps, night.minutes, sector, sigma, jobs, (slowest, fastest))
        found += _greedy(maps, night, hits, sigma)
        maps *= np.float32(-1)
        decoys += _greedy(maps, night, holes, sigma)
    for each in (found, decoys):
        each.sort(key=lambda track: -track.snr)
    return found, decoys


def _groups(minutes: FloatArray) -> list[IntArray]:
    """Frames that follow each other, in about as many groups as one has frames."""
    order = np.argsort(minutes)
    return [
        np.asarray(each) for each in np.array_split(order, max(1, round(np.sqrt(len(minutes)))))
    ]


def _hits(
    maps: Images,
    minutes: FloatArray,
    sector: Sector,
    sigma: float,
    jobs: int,
    speeds: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Best motion of every pixel that stands out, and of every one that is a hole.

    Rows of x, y, vx, vy, significance.
    """
    groups = _groups(minutes)
    middles = np.array([minutes[each].mean() for each in groups])
    shape = maps.shape[1:]
    best = [np.zeros((2, 3, *shape), np.float32) for _ in range(jobs)]
    offsets = (np.arange(COARSE_STEPS) - COARSE_STEPS // 2) * sector.step

    def one(worker: int) -> None:
        parts = np.empty((len(groups), *shape), np.float32)
        total = np.empty(shape, np.float32)
        mine, holes = best[worker].reshape(2, 3, -1)
        for vx, vy in sector.coarse[worker::jobs]:
            for part, group, middle in zip(parts, groups, middles, strict=True):
                part[:] = 0.0
                for number in group:
                    apart = minutes[number] - middle
                    _add(part, maps[number], round(vx * apart), round(vy * apart))
            for dx in offsets:
                for dy in offsets:
                    fx, fy = vx + dx, vy + dy
                    if not speeds[0] <= np.hypot(fx, fy) <= speeds[1]:
                        continue
                    total[:] = 0.0
                    for part, middle in zip(parts, middles, strict=True):
                        _add(total, part, round(fx * middle), round(fy * middle))
                    _keep(mine, total.ravel(), sigma, fx, fy)
                    np.negative(total, out=total)
                    _keep(holes, total.ravel(), sigma, fx, fy)

    _in_threads(one, range(jobs), jobs)
    return _rows([each[0] for each in best]), _rows([each[1] for each in best])


def _rows(best: Sequence[Images]) -> FloatArray:
    """What the workers found, as rows of x, y, vx, vy, significance."""
    together = np.stack(best)
    top = together[:, 0].argmax(axis=0)
    snr = np.take_along_axis(together[:, 0], top[None], axis=0)[0]
    y, x = np.nonzero(snr)
    picked = together[top[y, x], :, y, x]
    return np.column_stack([x, y, picked[:, 1], picked[:, 2], picked[:, 0]]).astype(float)


def _keep(mine: Images, total: Images, sigma: float, fx: float, fy: float) -> None:
    """Remember the pixels in which this motion is the best one so far."""
    index = np.flatnonzero(total > sigma)
    index = index[total[index] > mine[0, index]]
    mine[0, index], mine[1, index], mine[2, index] = total[index], fx, fy


def _add(total: Images, image: Images, dx: int, dy: int) -> None:
    """Add an image moved by (-dx, -dy): what is at (x + dx, y + dy) comes to (x, y)."""
    ny, nx = total.shape
    if abs(dx) >= nx or abs(dy) >= ny:
        return
    y, x = slice(max(0, -dy), ny - max(0, dy)), slice(max(0, -dx), nx - max(0, dx))
    ys, xs = slice(max(0, dy), ny - max(0, -dy)), slice(max(0, dx), nx - max(0, -dx))
    total[y, x] += image[ys, xs]


def _greedy(
    maps: Images, night: StarlessFrames, hits: FloatArray, sigma: float
) -> list[UniformMotion]:
    """One motion for each body: the best one first, its light taken away from all others."""
    found: list[UniformMotion] = []
    minutes, reach = night.minutes, round(2 * night.width_px)
    hits = hits[np.argsort(-hits[:, 4])][: 40 * MOST_CANDIDATES]
    changed = False
    while len(hits) and len(found) < MOST_CANDIDATES:
        if changed:
            hits = hits[_along(maps, minutes, hits) > sigma]
            if not len(hits):
                break
        best = hits[0]
        found.append(UniformMotion(*best.tolist()))
        trail = float(np.hypot(best[2], best[3]) * night.exptime_min.max()) / 2
        _erase(maps, minutes, best, reach + round(trail))
        hits = hits[1:]
        changed = True
    return found


def _along(maps: Images, minutes: FloatArray, hits: FloatArray) -> FloatArray:
    """Significance of motions on maps that may have changed."""
    _, ny, nx = maps.shape
    total = np.zeros(len(hits))
    for image, minute in zip(maps, minutes, strict=True):
        x = np.round(hits[:, 0] + hits[:, 2] * minute).astype(int)
        y = np.round(hits[:, 1] + hits[:, 3] * minute).astype(int)
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        total[inside] += image[y[inside], x[inside]]
    return total


def _erase(maps: Images, minutes: FloatArray, hit: FloatArray, reach: int) -> None:
    """Take the light along a motion away."""
    for image, minute in zip(maps, minutes, strict=True):
        x, y = round(hit[0] + hit[2] * minute), round(hit[1] + hit[3] * minute)
        image[
            max(0, y - reach) : max(0, y + reach + 1), max(0, x - reach) : max(0, x + reach + 1)
        ] = 0
