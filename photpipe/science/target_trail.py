"""Trails: the image of a star drawn along a segment, and fitted to the pixels of a frame.

A source that moves evenly during an exposure is the image of a star convolved with a segment (Vereš
et al. 2012, PASP 124, 1197, who take a Gaussian). Here the image is what the stars of the frame
show: an elliptical Moffat profile, averaged over pixels. Its integral F(u, v) along the direction
of the trail is tabulated once; what moved from u0 to u1 is F(u - u0, v) - F(u - u1, v). Any course
of brightness along the trail is a sum of such parts, and linear in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray

if TYPE_CHECKING:
    from scipy.interpolate import RectBivariateSpline

TYPICAL_BETA = 3.0  # IRAF has 2.5, turbulence 4.765 (Trujillo et al. 2001, MNRAS 328, 977)
NODES = np.array([-0.5, 0.0, 0.5]) * np.sqrt(0.6)  # Gauss-Legendre over a pixel
NODE_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0
# by judgement: wings have sunk to 1e-4 there; a step that is smooth
TABLE_REACH_FWHM, TABLE_STEP_FWHM = 7.0, 0.1
WIDTH_SIGMA = 0.03  # of the logarithm of the width, by which a trail may differ from the stars
REACH_FWHM = 4.0  # of the pixels around a segment that are fitted
ROUNDS = 3  # of variances and outliers
# no noise, but a star or a cosmic ray; more of them are no accident
OUTLIER_SIGMA, MOST_OUTLIERS = 6.0, 0.02
SHAPE_RANGE = (0.7, 1.2, 0.7, 0.7)  # of the logarithms of width, exponent and ratio of axes
FEWEST_PARTS = 3  # that show whether a trail varies
PROFILE_ERROR = 0.01  # of the light of a pixel: what no profile has
FREE_SNR, PLACED_SNR = 20.0, 5.0  # from which on ends and middle are fitted
VARIES_P = 1e-4  # probability of an even trail, below which it varies
PART_FWHM = 1.0  # length of the parts that show whether a trail varies
STEP_PX = 0.02  # of numerical derivatives: far below a width, far above rounding
FEWEST_PIXELS = 30  # by judgement: several times the terms that are fitted


@dataclass(frozen=True, slots=True)
class StarShape:
    """Elliptical Moffat profile of a point source (Moffat 1969, A&A 3, 455).

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum: geometric mean of both axes.
    beta : float
        Exponent of the wings.
    e1, e2 : float
        Logarithm of the ratio of the axes times cosine and sine of twice the position angle.
    """

    fwhm_px: float
    beta: float = TYPICAL_BETA
    e1: float = 0.0
    e2: float = 0.0

    def on_pixels(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Part of the light on pixels at places from the source, averaged over each pixel."""
        alpha2 = self.fwhm_px**2 / 4.0 / (2.0 ** (1.0 / self.beta) - 1.0)
        size = float(np.hypot(self.e1, self.e2))
        stretch = np.sinh(size) / size if size > 0 else 1.0
        a, b = np.cosh(size) - stretch * self.e1, np.cosh(size) + stretch * self.e1
        c = -2.0 * stretch * self.e2
        total = np.zeros(np.broadcast(x_px, y_px).shape)
        for dx, weight_x in zip(NODES, NODE_WEIGHTS, strict=True):
            for dy, weight_y in zip(NODES, NODE_WEIGHTS, strict=True):
                x, y = x_px + dx, y_px + dy
                radius2 = a * x**2 + b * y**2 + c * x * y
                total += weight_x * weight_y * (1.0 + radius2 / alpha2) ** -self.beta
        return np.asarray(total * (self.beta - 1.0) / (np.pi * alpha2))


@dataclass(frozen=True, slots=True)
class Pixels:
    """Pixels that are fitted; arrays of one shape.

    Parameters
    ----------
    x_px, y_px : array
        Places.
    values : array
        Counts; NaN where nothing is known.
    variance : array
        Of the sky and of what was taken away.
    photon_counts : float
        Variance of a pixel per count of light (1 / gain).
    """

    x_px: FloatArray
    y_px: FloatArray
    values: FloatArray
    variance: FloatArray
    photon_counts: float

    def of(self, chosen: BoolArray) -> "Pixels":
        """Some of the pixels, as lists."""
        names = ("x_px", "y_px", "values", "variance")
        parts = {name: getattr(self, name)[chosen] for name in names}
        return replace(self, **parts)

    @property
    def known(self) -> BoolArray:
        """Pixels of which something is known."""
        return np.isfinite(self.values) & np.isfinite(self.variance) & (self.variance > 0)

    def weights(self, light: FloatArray) -> FloatArray:
        """Inverse variances, given the light on each pixel; nought where nothing is known."""
        lit = np.maximum(light, 0.0)
        variance = self.variance + self.photon_counts * lit + (PROFILE_ERROR * lit) ** 2
        known = np.isfinite(self.values) & np.isfinite(variance) & (variance > 0)
        return np.where(known, 1.0 / np.where(known, variance, 1.0), 0.0)


# -- the image of a star


def fitted_star(
    stamp: Pixels, expected: StarShape, begin: StarShape | None = None
) -> tuple[StarShape, float, float] | None:
    """Shape, flux and its error of a star that is near the origin; None where there is none.

    Parameters
    ----------
    expected : StarShape
        In the middle of the range in which the shape is looked for.
    begin : StarShape, optional
        Where the fit begins: that of another star of the frame halves its time.
    """
    from scipy.optimize import least_squares

    data = stamp.of(np.isfinite(stamp.values))
    if data.values.size < FEWEST_PIXELS:
        return None
    weight = data.weights(np.maximum(data.values - np.median(data.values), 0.0))

    def light(theta: FloatArray) -> FloatArray:
        shape = StarShape(*np.exp(theta[:2]).tolist(), *theta[2:4].tolist())
        return shape.on_pixels(data.x_px - theta[4], data.y_px - theta[5])

    def misfit(theta: FloatArray) -> FloatArray:
        columns = np.stack([light(theta), np.ones(data.values.size)])
        return np.asarray(np.sqrt(weight) * (data.values - _linear(columns, data, weight)[0]))

    middle = _parameters(expected)
    apart = np.array([*SHAPE_RANGE, expected.fwhm_px, expected.fwhm_px])
    bounds = middle - apart, middle + apart
    first = _parameters(begin or expected)
    found = least_squares(misfit, first, bounds=bounds, xtol=1e-5, max_nfev=40).x
    columns = np.stack([light(found), np.ones(data.values.size)])
    _, flux, covariance = _linear(columns, data, weight)
    if not flux[0] > 0:
        return None
    shape = StarShape(*np.exp(found[:2]).tolist(), *found[2:4].tolist())
    return shape, float(flux[0]), float(np.sqrt(covariance[0, 0]))


def _parameters(shape: StarShape) -> FloatArray:
    """What is fitted to a star: its shape and its place."""
    return np.array([np.log(shape.fwhm_px), np.log(shape.beta), shape.e1, shape.e2, 0.0, 0.0])


def typical_shape(shapes: Sequence[StarShape]) -> StarShape:
    """Median of the shapes of several stars."""
    rows = np.array([[each.fwhm_px, each.beta, each.e1, each.e2] for each in shapes])
    return StarShape(*np.median(rows, axis=0).tolist())


def flux_of_star(stamp: Pixels, shape: StarShape) -> float:
    """Flux of a star of known shape near the origin (counts); its place is fitted."""
    from scipy.optimize import least_squares

    data = stamp.of(np.isfinite(stamp.values))
    weight = data.weights(np.maximum(data.values - np.median(data.values), 0.0))

    def columns(place: FloatArray) -> FloatArray:
        image = shape.on_pixels(data.x_px - place[0], data.y_px - place[1])
        return np.stack([image, np.ones(data.values.size)])

    def misfit(place: FloatArray) -> FloatArray:
        model = _linear(columns(place), data, weight)[0]
        return np.asarray(np.sqrt(weight) * (data.values - model))

    place = least_squares(misfit, np.zeros(2), xtol=1e-5, max_nfev=20).x
    return float(_linear(columns(place), data, weight)[1][0])


def _linear(
    columns: FloatArray, data: Pixels, weight: FloatArray, priors: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Model, factors of its columns (least squares), and their covariance."""
    weighted = columns * weight
    normal = weighted @ columns.T
    if priors is not None:
        normal = normal + priors
    covariance = np.linalg.pinv(normal, hermitian=True)
    factors = covariance @ (weighted @ np.nan_to_num(data.values))
    return np.asarray(factors @ columns), np.asarray(factors), np.asarray(covariance, float)


# -- trails


@dataclass(frozen=True, slots=True)
class Segment:
    """Where a trail begins and ends (pixels, in the direction of the motion)."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def length(self) -> float:
        """Length in pixels."""
        return float(np.hypot(self.x1 - self.x0, self.y1 - self.y0))

    @property
    def middle(self) -> tuple[float, float]:
        """Place at the middle of the exposure."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def direction(self) -> tuple[float, float]:
        """Unit vector of the motion."""
        length = max(self.length, 1e-9)
        return (self.x1 - self.x0) / length, (self.y1 - self.y0) / length

    def moved(self, dx: float, dy: float) -> "Segment":
        """The segment somewhere else."""
        return Segment(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def distance(self, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Distance of places from the segment."""
        (ux, uy), length = self.direction, self.length
        along = np.clip((x_px - self.x0) * ux + (y_px - self.y0) * uy, 0.0, length)
        return np.asarray(np.hypot(x_px - self.x0 - along * ux, y_px - self.y0 - along * uy))


class TrailImage:
    """Image of a source that moves along a direction.

    Parameters
    ----------
    shape : StarShape
        Image of a source that stands still.
    direction : (float, float)
        Unit vector.
    """

    def __init__(self, shape: StarShape, direction: tuple[float, float]) -> None:
        self.shape = shape
        self.reach = TABLE_REACH_FWHM * shape.fwhm_px
        self._table = self._integrated(direction)

    def _integrated(self, direction: tuple[float, float]) -> "RectBivariateSpline":
        from scipy.integrate import cumulative_simpson
        from scipy.interpolate import RectBivariateSpline

        count = int(np.ceil(TABLE_REACH_FWHM / TABLE_STEP_FWHM))
        axis = np.arange(-count, count + 1) * (self.reach / count)
        u, v = axis[:, None], axis[None, :]
        ux, uy = direction
        image = self.shape.on_pixels(u * ux - v * uy, u * uy + v * ux)
        table = cumulative_simpson(image, x=axis, axis=0, initial=0.0)
        return RectBivariateSpline(axis, axis, table)

    def parts(
        self,
        x_px: FloatArray,
        y_px: FloatArray,
        segment: Segment,
        count: int = 1,
        log_width: float = 0.0,
    ) -> FloatArray:
        """Light of equal parts of a trail on pixels, each of unit flux; shape (count, pixels).

        Parameters
        ----------
        log_width : float
            Logarithm of the width in units of that of the stars.
        """
        (ux, uy), length, width = segment.direction, max(segment.length, 1e-6), np.exp(log_width)
        along = (x_px - segment.x0) * ux + (y_px - segment.y0) * uy
        across = ((y_px - segment.y0) * ux - (x_px - segment.x0) * uy) / width
        near = np.abs(across) < self.reach
        edges = np.linspace(0.0, length, count + 1)
        level = np.zeros((count + 1, len(along)))
        whole = np.zeros(len(along))
        far = near & (along / width >= self.reach)  # none, beside a short trail
        whole[far] = self._table.ev(np.full(far.sum(), self.reach), across[far])
        for row, edge in zip(level, edges, strict=True):
            u = (along - edge) / width
            row[u >= self.reach] = whole[u >= self.reach]
            inside = near & (np.abs(u) < self.reach)
            row[inside] = self._table.ev(u[inside], across[inside])
        return np.asarray(-np.diff(level, axis=0) / width * (count / length))


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """A fitted trail.

    Parameters
    ----------
    segment : Segment
        Where it begins and ends.
    covariance : array, shape (4, 4)
        Of x0, y0, x1, y1; NaN where the place is not fitted.
    width : float
        Width across in units of that of the stars.
    flux, error : float
        Counts, and their error.
    fitted : str
        What was fitted besides the flux: ``ends``, ``middle`` or nothing.
    covered : float
        Part of the light within `REACH_FWHM` that falls on known pixels.
    variability : float
        Probability that an even trail differs from one as much as this one does.
    chi2 : float
        Reduced.
    """

    segment: Segment
    covariance: FloatArray
    width: float
    flux: float
    error: float
    fitted: str
    covered: float
    variability: float
    chi2: float

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio."""
        return self.flux / self.error if self.error > 0 else 0.0

    @property
    def middle_covariance(self) -> FloatArray:
        """Covariance of the middle, shape (2, 2)."""
        half = np.array([[0.5, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5]])
        return np.asarray(half @ self.covariance @ half.T)


def near_segment(stamp: Pixels, segment: Segment, reach_px: float) -> Pixels:
    """Pixels of a stamp within a distance of a segment."""
    return stamp.of(segment.distance(stamp.x_px, stamp.y_px) <= reach_px)


def searched(stamp: Pixels, shape: StarShape, segment: Segment, reach_px: float) -> Segment:
    """A segment of this length and direction where it stands out most, within a distance.

    Parameters
    ----------
    stamp : Pixels
        A whole part of the frame, shape (ny, nx), steps of one pixel.
    """
    from scipy.signal import fftconvolve

    image = TrailImage(shape, segment.direction)
    flat = image.parts(stamp.x_px.ravel(), stamp.y_px.ravel(), segment)[0]
    kernel = flat.reshape(stamp.values.shape)
    weight = stamp.weights(np.zeros_like(stamp.values))
    level = float(np.median(stamp.values[weight > 0])) if (weight > 0).any() else 0.0
    signal = np.nan_to_num(stamp.values - level) * weight
    turned = kernel[::-1, ::-1]
    depth = fftconvolve(weight, turned**2, mode="full")
    deep = depth > 0.1 * depth.max()
    found = fftconvolve(signal, turned, mode="full") / np.sqrt(np.where(deep, depth, np.inf))
    ny, nx = kernel.shape
    dy, dx = np.arange(1 - ny, ny)[:, None], np.arange(1 - nx, nx)[None, :]
    found[np.hypot(dx, dy) > reach_px] = -np.inf
    row, column = np.unravel_index(int(np.argmax(found)), found.shape)
    return segment.moved(float(column + 1 - nx), float(row + 1 - ny))


def fit(stamp: Pixels, shape: StarShape, predicted: Segment, reach_px: float) -> Trail | None:
    """Fit a trail: its flux, and as far as its light allows its middle, ends and width.

    Parameters
    ----------
    stamp : Pixels
        A part of the frame, shape (ny, nx), that holds the trail and its surroundings.
    predicted : Segment
        Where the ephemeris has it.
    reach_px : float
        By so much it may be elsewhere.

    Returns
    -------
    Trail or None
        None where too few pixels are known.
    """
    begin = searched(stamp, shape, predicted, reach_px)
    trail = _measured(stamp, shape, begin, "")
    if trail is None or trail.snr < PLACED_SNR:
        return _measured(stamp, shape, predicted, "")
    is_whole = trail.covered > 0.95
    wanted = "ends" if trail.snr >= FREE_SNR and is_whole else "middle"
    found = _measured(stamp, shape, begin, wanted)
    if found is not None and wanted == "ends" and not _is_plausible(found, predicted, shape):
        found = _measured(stamp, shape, begin, "middle")
    if found is None or not np.hypot(
        *np.subtract(found.segment.middle, predicted.middle)
    ) <= reach_px + max(shape.fwhm_px, 2.0):
        return _measured(stamp, shape, predicted, "")
    return found


def _is_plausible(found: Trail, predicted: Segment, shape: StarShape) -> bool:
    """Whether a trail is about as long as predicted, in about this direction."""
    apart = np.subtract(
        np.multiply(found.segment.direction, found.segment.length),
        np.multiply(predicted.direction, predicted.length),
    )
    return bool(np.hypot(*apart) <= 0.3 * predicted.length + 2.0 * shape.fwhm_px)


def _measured(stamp: Pixels, shape: StarShape, begin: Segment, wanted: str) -> Trail | None:
    """Fit a trail from where it is thought to be.

    Parameters
    ----------
    wanted : str
        ``ends``, ``middle`` or nothing.
    """
    data = near_segment(stamp, begin, REACH_FWHM * shape.fwhm_px)
    if np.isfinite(data.values).sum() < FEWEST_PIXELS:
        return None
    fitting = _Fitting(data, shape, begin, wanted)
    for _ in range(ROUNDS):
        fitting.step()
    return fitting.outcome()


class _Fitting:
    """The parameters of a trail on their way to the best ones."""

    def __init__(self, data: Pixels, shape: StarShape, begin: Segment, wanted: str) -> None:
        self.data, self.shape, self.wanted = data, shape, wanted
        self.segment, self.log_width = begin, 0.0
        # fits of more than the flux are worth nothing if the table is of another direction
        self.image = TrailImage(shape, begin.direction)
        scale = max(begin.length, 10.0)
        centre = begin.middle
        ones = np.ones(data.values.size)
        self.plane = np.stack(
            [ones, (data.x_px - centre[0]) / scale, (data.y_px - centre[1]) / scale]
        )
        self.weight = data.weights(np.zeros(data.values.size))
        self.sky = float(np.nanmedian(data.values))

    @property
    def free(self) -> int:
        """Number of parameters that are not linear."""
        return {"": 0, "middle": 2, "ends": 5}[self.wanted]

    def at(self, theta: FloatArray) -> tuple[Segment, float]:
        """Segment and logarithm of the width of some parameters, from those at the beginning."""
        if self.wanted == "ends":
            x0, y0, x1, y1, log_width = (*theta[:4], theta[4])
            own = self.segment
            moved = Segment(own.x0 + x0, own.y0 + y0, own.x1 + x1, own.y1 + y1)
            return moved, self.log_width + float(log_width)
        if self.wanted == "middle":
            return self.segment.moved(float(theta[0]), float(theta[1])), self.log_width
        return self.segment, self.log_width

    def columns(self, theta: FloatArray) -> FloatArray:
        """Trail of unit flux and the plane of the sky; shape (4, pixels)."""
        segment, log_width = self.at(theta)
        place = self.data.x_px, self.data.y_px, segment
        light = self.image.parts(*place, log_width=log_width)[0]
        return np.concatenate([light[None], self.plane])

    def misfit(self, theta: FloatArray) -> FloatArray:
        """Residuals in units of their errors; the last one holds the width to that of the stars."""
        model = _linear(self.columns(theta), self.data, self.weight)[0]
        left = np.sqrt(self.weight) * (np.nan_to_num(self.data.values) - model)
        if self.wanted == "ends":
            left = np.append(left, self.at(theta)[1] / WIDTH_SIGMA)
        return np.asarray(left)

    def step(self) -> None:
        """Find the best parameters; then variances and outliers anew."""
        from scipy.optimize import least_squares

        theta = np.zeros(self.free)
        if self.free:
            theta = least_squares(
                self.misfit,
                theta,
                x_scale=[1.0] * min(self.free, 4) + [0.05] * (self.free == 5),
                xtol=1e-5,
                ftol=1e-8,
                max_nfev=30,
            ).x
        columns = self.columns(theta)
        self.segment, self.log_width = self.at(theta)
        model, factors, _ = _linear(columns, self.data, self.weight)
        light = factors[0] * columns[0]
        weight = self.data.weights(light)
        with np.errstate(invalid="ignore"):
            wild = np.sqrt(weight) * np.abs(self.data.values - model) > OUTLIER_SIGMA
        # a trail that is not where it is thought to be is no outlier
        if wild.mean() < MOST_OUTLIERS:
            weight = np.where(wild, 0.0, weight)
        self.weight = weight
        if self.free:
            self.image = TrailImage(self.shape, self.segment.direction)

    def outcome(self) -> Trail:
        """The trail with its errors."""
        zero = np.zeros(self.free)
        columns = self.columns(zero)
        model, factors, _ = _linear(columns, self.data, self.weight)
        free = self.free
        slopes = []
        for number in range(free):
            step = np.zeros(free)
            step[number] = STEP_PX
            slopes.append(factors @ (self.columns(step) - self.columns(-step)) / (2 * STEP_PX))
        design = np.concatenate([np.reshape(slopes, (free, columns.shape[1])), columns])
        normal = (design * self.weight) @ design.T
        if self.wanted == "ends":
            normal[4, 4] += WIDTH_SIGMA**-2
        covariance = np.linalg.pinv(normal, hermitian=True)
        left = np.sqrt(self.weight) * (np.nan_to_num(self.data.values) - model)
        known = self.weight > 0
        return Trail(
            segment=self.segment,
            covariance=self._places(covariance[:free, :free]),
            width=float(np.exp(self.log_width)),
            flux=float(factors[0]),
            error=float(np.sqrt(max(covariance[free, free], 0.0))),
            fitted=self.wanted,
            # an outlier of an even trail may be one that varies
            covered=float(columns[0][self.data.known].sum()) / self._within_reach(),
            variability=self._variability(),
            chi2=float(left @ left) / max(1, int(known.sum()) - free - 4),
        )

    def _within_reach(self) -> float:
        """Part of the light near the segment: less where stars have wide wings."""
        reach, own = REACH_FWHM * self.shape.fwhm_px, self.segment
        x, y = (
            np.arange(np.floor(min(ends) - reach), np.ceil(max(ends) + reach) + 1)
            for ends in ((own.x0, own.x1), (own.y0, own.y1))
        )
        columns, rows = (each.ravel() for each in np.meshgrid(x, y))
        near = own.distance(columns, rows) <= reach
        light = self.image.parts(columns[near], rows[near], own, log_width=self.log_width)
        return max(float(light.sum()), 1e-9)

    def _places(self, covariance: FloatArray) -> FloatArray:
        """Covariance of both ends."""
        if self.wanted == "ends":
            return covariance[:4, :4]
        if self.wanted == "middle":
            return np.tile(covariance, (2, 2))
        return np.full((4, 4), np.nan)

    def _variability(self) -> float:
        """Probability that an even trail has parts as different as these are."""
        from scipy.stats import chi2

        count = round(self.segment.length / (PART_FWHM * self.shape.fwhm_px))
        if count < FEWEST_PARTS:
            return 1.0
        parts = self.image.parts(
            self.data.x_px, self.data.y_px, self.segment, count, self.log_width
        )
        sums = []
        for columns in (parts, parts.mean(axis=0)[None]):
            model = _linear(np.concatenate([columns, self.plane]), self.data, self.weight)[0]
            sums.append(float(self.weight @ (np.nan_to_num(self.data.values) - model) ** 2))
        return float(chi2.sf(sums[1] - sums[0], count - 1))
