"""The point-spread function of a frame, from its stars: a profile, what varies, what is left.

An elliptical Moffat profile, integrated over pixels, whose width and elongation change smoothly
over the frame, plus a table of what the stars show beyond it (Stetson 1987, PASP 99, 191). All is
kept as an effective PSF (Anderson & King 2000, PASP 112, 1360): what a pixel receives as a function
of its distance from the centre of a star, on a grid finer than the pixels.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
FloatArray32 = NDArray[np.float32]
IntArray = NDArray[np.intp]

# steps of the grid per pixel, of narrow and of wide stars: cubic splines between them err by 1e-4
FINE, COARSE, WIDE_FWHM_PX = 4, 2, 3.0
# places within a pixel, from which the slope leads to where a star is: the rest is 1e-3 of a peak
PHASES_FWHM, PHASES_RANGE = 45.0, (6, 20)
TRACE = 1e-12  # of a node's own weight: five orders below single precision
CORE_ALPHAS, CORE_PX = 2.0, 2.0  # inside, a profile is summed over the pixel, node by node
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(5)
REACH_FWHM, REACH_PX = 6.0, (10, 32)  # of the grid; a Moffat profile is there at 1e-4 of its peak
FWHM_RANGE_PX = (0.8, 30.0)  # of narrower stars most of the light is on one pixel
BETA_RANGE = (1.6, 10.0)  # wider wings have no finite light, narrower ones are a Gaussian's
LARGEST_ELONGATION = 0.6  # by judgement: an axis ratio of 2, as of stars that trail
STEP = 0.02  # relative, of the finite differences by shape
# by judgement: stars for six coefficients each of width and elongation, and for three
QUADRATIC_STARS, LINEAR_STARS = 60, 20


@dataclass(frozen=True, slots=True)
class Mesh:
    """Where a PSF is known: as far as `half_px`, with `fine` steps a pixel, in `phases` of it."""

    half_px: int
    fine: int
    phases: int

    @classmethod
    def of(cls, fwhm_px: float) -> "Mesh":
        """As fine as stars of a width need it."""
        half = int(np.clip(math.ceil(REACH_FWHM * fwhm_px), *REACH_PX))
        phases = int(np.clip(math.ceil(PHASES_FWHM / fwhm_px), *PHASES_RANGE))
        return cls(half, FINE if fwhm_px < WIDE_FWHM_PX else COARSE, phases)

    @property
    def along(self) -> FloatArray:
        """Distances (px) of the grid along an axis."""
        count = self.half_px * self.fine
        return np.arange(-count, count + 1) / self.fine


@dataclass(frozen=True, slots=True)
class Shape:
    """Elliptical Moffat profile (Moffat 1969, A&A 3, 455): width, wings, two elongations."""

    fwhm_px: float
    beta: float = 3.0
    along: float = 0.0
    diagonal: float = 0.0

    def changed(self, steps: FloatArray) -> "Shape":
        """Shape after steps in the logarithms of width and wings and in the elongations."""
        fwhm = np.clip(self.fwhm_px * math.exp(float(np.clip(steps[0], -0.4, 0.4))), *FWHM_RANGE_PX)
        beta = np.clip(self.beta * math.exp(float(np.clip(steps[1], -0.4, 0.4))), *BETA_RANGE)
        bent = np.clip(
            [self.along + steps[2], self.diagonal + steps[3]],
            -LARGEST_ELONGATION,
            LARGEST_ELONGATION,
        )
        return Shape(float(fwhm), float(beta), float(bent[0]), float(bent[1]))

    def grid(self, mesh: Mesh) -> FloatArray:
        """Part of the light on a pixel, by its distance from the centre, on the fine grid."""
        return _grid(self, mesh)

    def slopes(self, mesh: Mesh) -> list[FloatArray]:
        """Changes of the grid with each of the four numbers of the shape."""
        return _slopes(self, mesh)


@functools.lru_cache(maxsize=4)  # the profile of a PSF is asked for again and again
def _grid(shape: Shape, mesh: Mesh) -> FloatArray:
    alpha2 = shape.fwhm_px**2 / 4.0 / (2.0 ** (1.0 / shape.beta) - 1.0)
    stretch = math.sqrt(max(1.0 - shape.along**2 - shape.diagonal**2, 0.05))
    scale = (shape.beta - 1.0) / (math.pi * alpha2)

    def profile(x: FloatArray, y: FloatArray) -> FloatArray:
        square = (1.0 + shape.along) * x**2 + (1.0 - shape.along) * y**2
        square = (square + 2.0 * shape.diagonal * x * y) / stretch
        return np.asarray(scale * np.exp(-shape.beta * np.log1p(square / alpha2)))

    along = mesh.along
    grid = profile(along, along[:, None])
    core_px = min(CORE_PX + CORE_ALPHAS * math.sqrt(alpha2), mesh.half_px)
    near = np.flatnonzero(np.abs(along) <= core_px)
    core = slice(int(near[0]), int(near[-1]) + 1)
    fine = along[core]
    summed = np.zeros((fine.size, fine.size))
    for shift_y, weight_y in zip(NODES / 2, NODE_WEIGHTS / 2, strict=True):
        for shift_x, weight_x in zip(NODES / 2, NODE_WEIGHTS / 2, strict=True):
            summed += weight_x * weight_y * profile(fine + shift_x, (fine + shift_y)[:, None])
    grid[core, core] = summed
    grid.setflags(write=False)
    return grid


@functools.lru_cache(maxsize=2)  # a PSF is asked for them when it is sampled, and when refined
def _slopes(shape: Shape, mesh: Mesh) -> list[FloatArray]:
    return [
        (shape.changed(step).grid(mesh) - shape.changed(-step).grid(mesh)) / (2 * STEP)
        for step in STEP * np.eye(4)
    ]


@functools.lru_cache(maxsize=8)
def _sampling(mesh: Mesh) -> tuple[FloatArray32, FloatArray32]:
    """Matrices that lead from the fine grid to pixels of all phases, and to their slopes.

    Their rows are phases times pixels, for a star right of the middle of its pixel by
    ``phase / phases - 0.5``.
    """
    from scipy.interpolate import make_interp_spline

    along, half = mesh.along, mesh.half_px
    spline = make_interp_spline(along, np.eye(along.size), k=3)
    phase = np.arange(mesh.phases + 1) / mesh.phases - 0.5
    places = np.clip(np.arange(-half, half + 1.0) - phase[:, None], -half, half).ravel()
    return _without_traces(spline(places)), _without_traces(-spline.derivative()(places))


def _without_traces(weights: FloatArray) -> FloatArray32:
    """Weights of a spline without those of far nodes, which fall by 0.27 a node.

    Products with numbers below the normal ones of single precision take sixty times as long.
    """
    return np.where(np.abs(weights) > TRACE, weights, 0.0).astype(np.float32)


def terms(x: FloatArray, y: FloatArray, shape: tuple[int, int], degree: int) -> FloatArray:
    """Polynomials over a frame, from -1 to 1 in both axes; shape (n, 1, 3 or 6)."""
    u = 2.0 * x / shape[1] - 1.0
    v = 2.0 * y / shape[0] - 1.0
    one = np.ones_like(u)
    columns = [one, u, v, u * v, u**2, v**2][: (1, 3, 6)[degree]]
    return np.column_stack(columns)


@dataclass(frozen=True, slots=True)
class Psf:
    """Effective PSF of a frame.

    Parameters
    ----------
    shape : Shape
        The profile in the mean over the frame.
    mesh : Mesh
        Where it is known.
    beyond : array, shape (1 or 3, m, m)
        What the stars show beyond the profile, on the fine grid: in the mean, and what is added
        from the left to the right and from the bottom to the top edge, halved.
    variation : array, shape (3, k)
        Coefficients of `terms` for the logarithm of the width and both elongations.
    frame : (int, int)
        Rows and columns of the frame.
    degree : int
        Of the polynomials.
    stars : int
        Stars that told it.
    error : float
        What a pixel of a star differs from it by chance, relative to the model.
    """

    shape: Shape
    mesh: Mesh
    beyond: FloatArray
    variation: FloatArray
    frame: tuple[int, int]
    degree: int = 0
    stars: int = 0
    error: float = 0.0

    @classmethod
    def begin(cls, fwhm_px: float, frame: tuple[int, int]) -> "Psf":
        """A round profile of usual wings."""
        mesh = Mesh.of(fwhm_px)
        size = mesh.along.size
        return cls(Shape(fwhm_px), mesh, np.zeros((1, size, size)), np.zeros((3, 1)), frame)

    def elsewhere(self, frame: tuple[int, int]) -> "Psf":
        """The same as it is here in the mean, for another part of the sky."""
        return Psf(
            self.shape, self.mesh, self.beyond[:1], np.zeros((3, 1)), frame, 0, 0, self.error
        )

    @property
    def mean(self) -> FloatArray:
        """The PSF in the mean over the frame, on the fine grid."""
        return np.asarray(self.shape.grid(self.mesh) + self.beyond[0])

    @property
    def pixels(self) -> FloatArray:
        """The PSF in the mean over the frame, of a star on the middle of a pixel."""
        return self.mean[:: self.mesh.fine, :: self.mesh.fine]

    def tables(self) -> "Tables":
        """The PSF in all phases."""
        value, slope = _sampling(self.mesh)
        mean = self.mean
        grids: list[FloatArray] = []
        if self.degree > 0:
            wide, _, along, diagonal = self.shape.slopes(self.mesh)
            grids = [wide, along, diagonal, self._second(), *self.beyond[1:]]
        return Tables(
            self,
            _phased(value, mean, value),
            _phased(value, mean, slope),
            _phased(slope, mean, value),
            tuple(_phased(value, each, value) for each in grids),
        )

    def _second(self) -> FloatArray:
        """Half the second derivative by the logarithm of the width."""
        step = 5 * STEP * np.eye(4)[0]
        wider, narrower = (self.shape.changed(each).grid(self.mesh) for each in (step, -step))
        middle = self.shape.grid(self.mesh)
        return np.asarray((wider + narrower - 2 * middle) / (2 * (5 * STEP) ** 2))

    def within(self, radius_px: float) -> float:
        """Part of the light of a star, in the mean over the frame, inside an aperture on it."""
        from photpipe.science.forced import aperture_weights

        values, middle = self.pixels, float(self.mesh.half_px)
        return float(np.sum(aperture_weights(values.shape, middle, middle, radius_px) * values))


def _phased(rows: FloatArray32, grid: FloatArray, columns: FloatArray32) -> FloatArray32:
    """A grid sampled by pixels of all phases, flat: phase, pixel (of y), phase, pixel (of x)."""
    return np.ascontiguousarray((rows @ grid.astype(np.float32)) @ columns.T).ravel()


@dataclass(frozen=True, slots=True)
class Tables:
    """A PSF in all phases, and its slopes when a star moves right and up."""

    psf: Psf
    value: FloatArray32
    right: FloatArray32
    up: FloatArray32
    varied: tuple[FloatArray32, ...]

    def stamps(
        self, x: FloatArray, y: FloatArray, radius_px: float, slopes: bool = False
    ) -> "Stamps":
        """The PSF on the pixels around stars; places are counted from 0."""
        psf, mesh, half = self.psf, self.psf.mesh, self.psf.mesh.half_px
        reach = min(half, math.ceil(radius_px))
        offset = np.arange(-reach, reach + 1)
        inside = np.hypot(offset, offset[:, None]) <= radius_px + 0.5
        rows, columns = np.nonzero(inside)
        rows, columns = offset[rows], offset[columns]
        column, row = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        size, width = 2 * half + 1, (mesh.phases + 1) * (2 * half + 1)
        phase_x = np.rint((x - column + 0.5) * mesh.phases).astype(np.intp)
        phase_y = np.rint((y - row + 0.5) * mesh.phases).astype(np.intp)
        at = ((phase_y * size + half) * width + phase_x * size + half)[:, None]
        at = at + (rows * width + columns)
        rest_x = x - column - (phase_x / mesh.phases - 0.5)
        rest_y = y - row - (phase_y / mesh.phases - 0.5)
        # all are inside; not to look takes a third of the time
        right, up, value = (
            table.take(at, mode="clip") for table in (self.right, self.up, self.value)
        )
        factors = [(rest_x, right), (rest_y, up)]
        if self.varied:
            places = terms(x, y, psf.frame, psf.degree)
            wide, along, diagonal = (places @ psf.variation.T).T
            varying = [wide, along, diagonal, wide**2, places[:, 1], places[:, 2]]
            factors += [
                (factor, table.take(at, mode="clip"))
                for factor, table in zip(varying, self.varied, strict=False)
            ]
        for factor, each in factors:
            value += factor.astype(np.float32)[:, None] * each
        ny, nx = psf.frame
        pixel = (row * nx + column)[:, None] + (rows * nx + columns)
        over = np.flatnonzero(
            (np.minimum(row, column) < reach) | (row >= ny - reach) | (column >= nx - reach)
        )
        there_x, there_y = column[over, None] + columns, row[over, None] + rows
        outside = (there_x < 0) | (there_x >= nx) | (there_y < 0) | (there_y >= ny)
        for of_star, star in zip(outside, over, strict=True):
            pixel[star, of_star] = 0
            for each in (value, right, up):
                each[star, of_star] = 0.0
        return Stamps(
            pixel,
            value,
            right if slopes else None,
            up if slopes else None,
            at,
            row,
            column,
            rows,
            columns,
        )


@dataclass(frozen=True, slots=True)
class Stamps:
    """The PSF around stars: flat numbers of pixels and what falls on them; shape (stars, pixels).

    `right` and `up` are the changes when a star moves by a pixel. The pixels are `rows` and
    `columns` away from that of the star, `row` and `column`.
    """

    pixel: IntArray
    value: FloatArray32
    right: FloatArray32 | None
    up: FloatArray32 | None
    at: IntArray
    row: IntArray
    column: IntArray
    rows: IntArray
    columns: IntArray


HUBER = 2.5  # by judgement: standard deviations from which on a pixel counts less
SHAPE_FWHM = 2.5  # radius of the pixels that tell the shape: where wings drown
SMOOTHING_PX = 0.45  # by judgement: of what stars show beyond the profile; the rest is noise
RIM = 0.2  # by judgement: outer part of the radius over which the table sinks to nothing
SIGNIFICANT = 2.0  # standard errors, below which nothing is beyond the profile


def refined(
    psf: Psf,
    tables: Tables,
    seen: Callable[[IntArray], tuple[FloatArray32, FloatArray32]],
    x: FloatArray,
    y: FloatArray,
    flux: FloatArray,
    with_table: bool,
) -> Psf:
    """The PSF after what is left of its stars, when all stars were subtracted.

    Parameters
    ----------
    seen : function
        What is left on pixels of the image, by their flat numbers, and its variance; infinite
        where a pixel does not count.
    x, y, flux : array, shape (stars,)
        Stars that tell the PSF: places from 0, counts.
    with_table : bool
        Whether what the profile does not tell is put into the table; else the shape is changed.
    """
    radius = SHAPE_FWHM * psf.shape.fwhm_px
    stamps = tables.stamps(x, y, radius, slopes=True)
    left, variance = (each.astype(float) for each in seen(stamps.pixel))
    sigma = np.sqrt(variance)
    outside = stamps.value == 0.0
    weight = np.where(outside, 0.0, 1.0 / sigma)
    assert stamps.right is not None and stamps.up is not None
    nuisance = np.stack([stamps.value, stamps.right, stamps.up, np.ones_like(left)], axis=2)
    if with_table:
        return _with_table(psf, stamps, left, weight, nuisance, (x, y, flux), radius)
    value, _ = _sampling(psf.mesh)
    slopes = [_phased(value, each, value) for each in psf.shape.slopes(psf.mesh)]
    columns = np.stack(
        [flux[:, None] * each.take(stamps.at, mode="clip") for each in slopes], axis=2
    )
    enough = (x.size >= LINEAR_STARS) + (x.size >= QUADRATIC_STARS)
    places = terms(x, y, psf.frame, int(enough))
    for _ in range(2):
        free_left, free = _without(nuisance, weight, left[:, :, None], columns)
        count = places.shape[1]
        design = np.concatenate(
            [
                free[:, :, 1:2],
                *(free[:, :, index : index + 1] * places[:, None, :] for index in (0, 2, 3)),
            ],
            axis=2,
        ).reshape(-1, 1 + 3 * count)
        normal = design.T @ design
        normal += np.diag(1e-6 * np.diag(normal) + 1e-12)
        found = np.linalg.solve(normal, design.T @ free_left.ravel())
        off = np.abs(free_left.ravel() - design @ found).reshape(left.shape)
        weight = np.where(
            outside, 0.0, np.sqrt(np.minimum(1.0, HUBER / np.maximum(off, 1e-9))) / sigma
        )
    steps = found[1:].reshape(3, count)
    variation = np.zeros((3, count))
    old = psf.variation[:, : min(count, psf.variation.shape[1])]
    variation[:, : old.shape[1]] = old
    variation += steps
    mean = _mean_terms(count) @ variation.T
    shape = psf.shape.changed(np.array([mean[0], found[0], mean[1], mean[2]]))
    variation[:, 0] -= mean
    return Psf(shape, psf.mesh, psf.beyond, variation, psf.frame, int(enough), x.size, psf.error)


def _mean_terms(count: int) -> FloatArray:
    """Means of `terms` over a frame."""
    return np.array([1.0, 0.0, 0.0, 0.0, 1 / 3, 1 / 3])[:count]


def _without(
    nuisance: FloatArray, weight: FloatArray, left: FloatArray, columns: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Residuals and columns, weighted, without what flux, place and sky of each star explain."""
    basis, _ = np.linalg.qr(nuisance * weight[:, :, None])
    both = np.concatenate([left, columns], axis=2) * weight[:, :, None]
    both -= basis @ (basis.transpose(0, 2, 1) @ both)
    return both[:, :, 0], both[:, :, 1:]


def _with_table(
    psf: Psf,
    stamps: Stamps,
    left: FloatArray,
    weight: FloatArray,
    nuisance: FloatArray,
    stars: tuple[FloatArray, FloatArray, FloatArray],
    radius: float,
) -> Psf:
    """The PSF with the mean of what its stars show beyond the profile, where it is significant."""
    x, y, flux = stars
    free_left, _ = _without(nuisance, weight, left[:, :, None], np.zeros((*left.shape, 0)))
    known = weight > 0
    sample = np.divide(free_left, weight * flux[:, None], out=np.zeros_like(left), where=known)
    weights = (weight * flux[:, None]) ** 2
    # a star that differs much from the others has company
    limit = HUBER * 2.0 / np.sqrt(np.maximum(weights, 1e-30)) + 3.0 * psf.error * stamps.value
    weights = np.where(np.abs(sample) > limit, 0.0, weights)
    nx, fine = psf.frame[1], psf.mesh.fine
    step_x = np.rint(((stamps.pixel % nx) - x[:, None]) * fine).astype(np.intp)
    step_y = np.rint(((stamps.pixel // nx) - y[:, None]) * fine).astype(np.intp)
    middle, size = psf.mesh.half_px * fine, psf.mesh.along.size
    inside = known & (np.hypot(step_x, step_y) <= radius * fine)
    inside &= np.maximum(np.abs(step_x), np.abs(step_y)) <= middle
    cell = ((step_y + middle) * size + step_x + middle)[inside]
    along = psf.mesh.along
    window = np.clip((1.0 - np.hypot(along, along[:, None]) / radius) / RIM, 0, 1)
    count = 3 if psf.degree == 2 else 1
    places = terms(x, y, psf.frame, 1)[:, :count]
    beyond = np.zeros((count, size, size))
    beyond[: len(psf.beyond)] = psf.beyond[:count]
    weights, values = weights[inside], sample[inside]
    for number in range(count):
        factor = np.repeat(places[:, number], inside.sum(axis=1))
        found = _smoothed(cell, weights * factor**2, weights * factor * values, psf.mesh) * window
        values = values - factor * found.ravel()[cell]
        # the part that looks like the star itself is flux: light is only moved
        beyond[number] += found - found.sum() / psf.mean.sum() * psf.mean
    core = known & (stamps.value > 0.3 * stamps.value.max(axis=1, keepdims=True))
    light = np.maximum(flux[:, None] * stamps.value, 1e-9)
    relative = (left / light)[core]
    expected = (1.0 / np.maximum(weight, 1e-30) / light)[core] ** 2
    from photpipe.science.noise import robust_sigma

    # what is expected holds the error that was known before
    extra = robust_sigma(relative) ** 2 - float(np.median(expected))
    error = math.sqrt(max(psf.error**2 + extra, 0.0))
    return Psf(psf.shape, psf.mesh, beyond, psf.variation, psf.frame, psf.degree, x.size, error)


def _smoothed(cell: IntArray, weights: FloatArray, weighted: FloatArray, mesh: Mesh) -> FloatArray:
    """Smoothed mean of samples on the fine grid, shrunk where it is not significant.

    Parameters
    ----------
    cell : array of int, shape (n,)
        Flat number of the step of the grid.
    weights, weighted : array, shape (n,)
        Inverse variances, and those times the samples.
    """
    from scipy.ndimage import gaussian_filter

    size, wide = mesh.along.size, SMOOTHING_PX * mesh.fine
    sums = [
        np.bincount(cell, each, size * size).reshape(size, size) for each in (weights, weighted)
    ]
    total, numerator = (gaussian_filter(each, wide, mode="constant") for each in sums)
    # the square of the kernel is narrower by sqrt 2, and its sum 1 / (4 pi sigma^2)
    squares = np.asarray(gaussian_filter(sums[0], wide / math.sqrt(2), mode="constant"), float)
    squares = squares / (4 * math.pi * wide**2)
    good = total > 1e-3 * total.max()  # elsewhere too few pixels tell anything
    mean = np.divide(numerator, total, out=np.zeros_like(total), where=good)
    error2 = np.divide(squares, total**2, out=np.zeros_like(total), where=good)
    mean *= np.maximum(0.0, 1.0 - SIGNIFICANT**2 * error2 / np.maximum(mean**2, 1e-30))
    return np.asarray(mean)
