"""Photometry of crowded fields: all stars of a frame fitted at once with its PSF.

Flux and place of every star are solved for together (a sparse system; Stetson 1987, PASP 99, 191,
fitted groups of stars one after the other), the sky is a smooth surface of what is left, and what
is left also shows stars that were hidden.
"""

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from photpipe.science import growth
from photpipe.science.noise import MAD_TO_SIGMA, robust_sigma
from photpipe.science.psf import Psf, Stamps, Tables, refined
from photpipe.science.starimage import GAUSSIAN_FWHM

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

FIT_FWHM = 1.1  # radius of the pixels that tell a star: nearly all that they can tell
SHOWN_SIGMA = 0.1  # of a pixel's noise, to which the wings of stars are drawn
BOX_PX = 64  # of the surface of the sky: many stars wide
LARGEST_STEP_PX = 0.3  # a fit is linear over less than this
PLACE_SIGMA_FWHM = 0.3  # by judgement: as far as a place of a source is off at most
DOUBT = 0.07  # by judgement: of a model's light, which looks like hidden stars where it is wrong
# by judgement: nearer and fainter stars change none, and cannot be told from what a PSF lacks
RING_FWHM, RING_LIGHT = 2.5, 0.006
HIDDEN_SIGMA = 5.0  # stars that are looked for in what is left
APART_FWHM = 0.45  # nearer stars are one: their images differ by less than models do
KEPT_SIGMA = 2.5  # by judgement: fainter ones that were added are dropped again
ROUNDS = 3  # by judgement: a fourth finds hardly any further star
TURNS = (3, 2, 2, 2)  # of the PSF in each round: each as good as the stars' companions are known
SHAPES = (2, 1, 1, 1)  # of these turns change the profile, the others the table
PSF_STARS = 150  # by judgement: more tell little more
PSF_SNR = 40.0  # by judgement: fainter stars tell little
FEWEST_PSF_STARS = 5  # by judgement: a median of five survives two bad ones
# by judgement: neighbours within, of a twentieth of its light, make a star half as welcome
COMPANY_FWHM, COMPANY_WEIGHT = 2.0, 20.0


class _Solver(Protocol):
    """A factorised matrix."""

    def solve(self, rhs: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class FittedStars:
    """Stars that were fitted at once.

    Parameters
    ----------
    x, y : array, shape (n,)
        Places, counted from 0.
    flux, error : array, shape (n,)
        Total light of each star and its error (counts).
    place_error_px : array, shape (n,)
        Error of a place, in each axis.
    chi : array, shape (n,)
        Scatter of what is left in units of what is expected.
    origin : array of int, shape (n,)
        Which of the given sources it is; -1: it was found when the others were subtracted.
    """

    x: FloatArray
    y: FloatArray
    flux: FloatArray
    error: FloatArray
    place_error_px: FloatArray
    chi: FloatArray
    origin: NDArray[np.intp]


STAR_COLUMNS = tuple(each.name for each in fields(FittedStars))


@dataclass(frozen=True, slots=True)
class CrowdedField(FittedStars):
    """What a frame of many stars shows.

    Parameters
    ----------
    psf : Psf
        The PSF.
    residual : array, shape (ny, nx)
        What is left.
    """

    psf: Psf
    residual: NDArray[np.floating]

    def take(self, rows: NDArray[np.intp]) -> "CrowdedField":
        """The same with some of its stars."""
        return replace(self, **{name: getattr(self, name)[rows] for name in STAR_COLUMNS})


@dataclass(slots=True)
class _Fitted:
    """Stars that are being fitted."""

    x: FloatArray
    y: FloatArray
    flux: FloatArray
    origin: NDArray[np.intp]

    def take(self, rows: NDArray[np.generic]) -> "_Fitted":
        return _Fitted(self.x[rows], self.y[rows], self.flux[rows], self.origin[rows])


@dataclass(slots=True)
class _Pixels:
    """Pixels and what is known of them."""

    image: FloatArray
    good: BoolArray
    photons: float
    sky: FloatArray
    noise: float
    model: FloatArray
    psf_variance: FloatArray

    @property
    def residual(self) -> FloatArray:
        return np.where(self.good, self.image - self.sky - self.model, 0.0)

    @property
    def variance(self) -> FloatArray:
        light = np.maximum(self.model, 0.0)
        variance = self.noise**2 + self.photons * light + self.psf_variance
        return np.where(self.good, variance, np.inf)

    def at(self, pixel: IntArray) -> tuple[FloatArray, FloatArray]:
        """Residual and variance of some pixels, by their flat numbers: stars cover few."""
        names = ("image", "good", "sky", "model", "psf_variance")
        image, good, sky, model, psf_variance = (
            getattr(self, name).ravel()[pixel] for name in names
        )
        variance = self.noise**2 + self.photons * np.maximum(model, 0.0) + psf_variance
        return np.where(good, image - sky - model, 0.0), np.where(good, variance, np.inf)


def fitted_field(
    image: FloatArray,
    good: BoolArray,
    x: FloatArray,
    y: FloatArray,
    flux: FloatArray,
    usable: BoolArray,
    fwhm_px: float,
    photons: float,
    rounds: int = ROUNDS,
    known: Psf | None = None,
) -> CrowdedField | None:
    """Fit all stars of a frame.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts.
    good : bool array
        Pixels that count: neither masked nor saturated.
    x, y, flux : array, shape (n,)
        Sources to begin with: places from 0, rough counts.
    usable : bool array, shape (n,)
        Sources that may tell the PSF: clear of saturation, edges and defects.
    fwhm_px : float
        Width of a star to begin with.
    photons : float
        Variance of a count of light per count (1 / gain).
    rounds : int
        How often stars are looked for in what is left.
    known : Psf or None
        A PSF from elsewhere, which stays as it is there in the mean; None: the stars tell it.

    Returns
    -------
    CrowdedField or None
        None where too few stars tell the PSF.
    """
    stars = _merged(_Fitted(x.copy(), y.copy(), np.maximum(flux, 1e-3), np.arange(x.size)), fwhm_px)
    shape = image.shape[0], image.shape[1]
    tables = (known.elsewhere(shape) if known else Psf.begin(fwhm_px, shape)).tables()
    filled = np.where(good, image, np.nan)
    zero = np.zeros_like(image)
    frame = _Pixels(np.nan_to_num(image), good, photons, zero, 0.0, zero, zero)
    frame.sky = _surface(filled)
    frame.noise = _noise(filled - frame.sky)
    if not known and _psf_stars(stars, usable, tables.psf, frame).size < FEWEST_PSF_STARS:
        return None
    for number in range(rounds + 1):
        solver: _Solver | None = None
        for turn in range(TURNS[min(number, len(TURNS) - 1)]):
            solver = _fit(frame, stars, tables, 3 if number == turn == 0 else 1, solver)
            if turn == 0:
                _level(frame)
            if known:
                continue
            with_table = turn >= SHAPES[min(number, len(SHAPES) - 1)]
            anew = _told(frame, stars, usable, tables, with_table=with_table)
            if anew is None:
                return None
            tables = anew
        if number < rounds:
            _fit(frame, stars, tables, 1, solver)
            stars = _with_hidden(frame, stars, tables)
    _fit(frame, stars, tables, 2)
    stars = stars.take(np.flatnonzero((stars.origin >= 0) | (stars.flux > 0)))
    _draw(frame, stars, tables)
    _level(frame)
    return _concluded(frame, stars, tables)


def _told(
    frame: _Pixels, stars: _Fitted, usable: BoolArray, tables: Tables, *, with_table: bool
) -> Tables | None:
    """The PSF that the stars tell; None where they are too few."""
    told = _psf_stars(stars, usable, tables.psf, frame)
    if told.size < FEWEST_PSF_STARS:
        return None
    places = stars.x[told], stars.y[told], stars.flux[told]
    return refined(tables.psf, tables, frame.at, *places, with_table=with_table).tables()


def _fit(
    frame: _Pixels, stars: _Fitted, tables: Tables, steps: int, solver: "_Solver | None" = None
) -> "_Solver":
    """Some steps of the fit; the stars are drawn in the end.

    The matrix of the first step serves all that follow with the same stars.
    """
    for _ in range(steps):
        _draw(frame, stars, tables)
        solver = _step(frame, stars, tables, solver)
    _draw(frame, stars, tables)
    assert solver is not None
    return solver


def _surface(values: FloatArray) -> FloatArray:
    """Smooth surface of the clipped medians of boxes; NaN pixels do not count."""
    from scipy.ndimage import gaussian_filter

    ny, nx = values.shape
    rows, columns = max(1, round(ny / BOX_PX)), max(1, round(nx / BOX_PX))
    edges_y = np.linspace(0, ny, rows + 1).astype(int)
    edges_x = np.linspace(0, nx, columns + 1).astype(int)
    level = np.full((rows, columns), np.nan)
    for i in range(rows):
        for j in range(columns):
            box = values[edges_y[i] : edges_y[i + 1], edges_x[j] : edges_x[j + 1]].ravel()[::2]
            level[i, j] = _clipped_level(box[np.isfinite(box)])
    known = np.isfinite(level)
    if not known.any():
        return np.zeros_like(values)
    level = np.where(known, level, np.median(level[known]))
    level = gaussian_filter(level, 0.7, mode="nearest")
    y = (np.arange(ny) + 0.5) * rows / ny - 0.5
    x = (np.arange(nx) + 0.5) * columns / nx - 0.5
    # one axis after the other: a surface of splines is their product
    from scipy.interpolate import make_interp_spline

    for axis, places in ((0, y), (1, x)):
        count = level.shape[axis]
        if count == 1:
            level = np.repeat(level, places.size, axis=axis)
            continue
        spline = make_interp_spline(np.arange(count), level, k=min(3, count - 1), axis=axis)
        level = spline(np.clip(places, 0, count - 1))
    return np.ascontiguousarray(level)


def _clipped_level(values: FloatArray) -> float:
    """Mean without what stars leave."""
    if values.size < 50:
        return math.nan
    for _ in range(4):
        away = np.abs(values - np.median(values))
        kept = values[away <= 2.5 * MAD_TO_SIGMA * np.median(away)]
        if kept.size == values.size or kept.size < 50:
            break
        values = kept
    # what still rises above the sky pulls the mean away from the median: Pearson's mode
    mean, median = float(values.mean()), float(np.median(values))
    return 2.5 * median - 1.5 * mean if mean > median else mean


def _noise(left: FloatArray) -> float:
    """Noise of a pixel of sky: what scatters below its level."""
    sample = left[np.isfinite(left)][::7]
    below = sample[sample < np.median(sample)]
    return float(1.4826 * np.median(np.median(sample) - below)) if below.size else 1.0


def _draw(frame: _Pixels, stars: _Fitted, tables: Tables) -> None:
    """Draw all stars, each as far as it rises above the noise."""
    psf = tables.psf
    core = FIT_FWHM * psf.shape.fwhm_px
    half = psf.mesh.half_px
    profile = np.maximum.accumulate(psf.pixels[half, half:][::-1])[::-1]
    shown = SHOWN_SIGMA * frame.noise / np.maximum(np.abs(stars.flux), 1e-9)
    reach = np.searchsorted(-profile, -shown)  # profile falls outwards
    classes = np.unique(np.r_[math.ceil(core), np.ceil(np.geomspace(core + 2, half, 5))])
    number = np.searchsorted(classes, np.maximum(reach, classes[0]))
    number = np.minimum(number, classes.size - 1)
    light = _Light(frame.image.size, psf.error)
    for index, radius in enumerate(classes):
        rows = np.flatnonzero(number == index)
        for start in range(0, rows.size, 2000):
            own = rows[start : start + 2000]
            stamps = tables.stamps(stars.x[own], stars.y[own], float(radius))
            light.add(stamps.pixel, stars.flux[own][:, None] * stamps.value)
    light.settle()
    frame.model = light.model.reshape(frame.image.shape)
    frame.psf_variance = light.psf_variance.reshape(frame.image.shape)


class _Light:
    """Light of stars on the pixels of an image, and how far the PSF may be wrong there.

    Summing goes over the whole image, however few stars it is for: they wait for each other.
    """

    def __init__(self, size: int, error: float) -> None:
        self.model, self.psf_variance = np.zeros(size), np.zeros(size)
        self._error = error
        self._waiting: list[tuple[IntArray, FloatArray]] = []

    def add(self, pixel: IntArray, light: FloatArray) -> None:
        """Light of some stars."""
        self._waiting.append((pixel.ravel(), light.ravel()))
        if sum(each.size for each, _ in self._waiting) > self.model.size:
            self.settle()

    def settle(self) -> None:
        """Sum what waits."""
        if not self._waiting:
            return
        pixel, light = (np.concatenate(each) for each in zip(*self._waiting, strict=True))
        self.model += np.bincount(pixel, light, self.model.size)
        if self._error > 0:
            self.psf_variance += np.bincount(pixel, (self._error * light) ** 2, self.model.size)
        self._waiting.clear()


def _level(frame: _Pixels) -> None:
    """Sky and noise anew, without the stars."""
    left = np.where(frame.good, frame.image - frame.model, np.nan)
    frame.sky = _surface(left)
    frame.noise = _noise(left - frame.sky)


def _system(
    frame: _Pixels, stars: _Fitted, tables: Tables
) -> "tuple[csr_array, FloatArray, Stamps, FloatArray]":
    """Weighted design (pixels by stars: light, and its changes right and up), and what is left."""
    from scipy.sparse import csr_array

    radius = FIT_FWHM * tables.psf.shape.fwhm_px
    stamps = tables.stamps(stars.x, stars.y, radius, slopes=True)
    residual, variance = frame.at(stamps.pixel)
    own = 1.0 / np.sqrt(variance)
    count, pixels = stamps.value.shape
    assert stamps.right is not None and stamps.up is not None
    data = np.stack([stamps.value * own, stamps.right * own, stamps.up * own], axis=1)
    # rows are unknowns: three of each star one after the other
    index = np.repeat(stamps.pixel[:, None, :], 3, axis=1)
    pointer = np.arange(3 * count + 1) * pixels
    design = csr_array((data.ravel(), index.ravel(), pointer), shape=(3 * count, frame.image.size))
    left = np.zeros(frame.image.size)
    left[stamps.pixel] = residual * own
    return design, left, stamps, own


def _normal(design: "csr_array", stars: _Fitted, fwhm_px: float) -> "csc_array":
    """Normal matrix, with how far a place may be off."""
    from scipy.sparse import diags_array

    normal = design @ design.T
    bound = np.zeros(3 * stars.x.size)
    free = PLACE_SIGMA_FWHM * fwhm_px * np.maximum(np.abs(stars.flux), 1e-3)
    bound[1::3] = bound[2::3] = 1.0 / free**2
    diagonal = normal.diagonal()
    bound += 1e-9 * diagonal + 1e-30 + (diagonal == 0)
    whole: csc_array = (normal + diags_array(bound)).tocsc()
    return whole


def _step(frame: _Pixels, stars: _Fitted, tables: Tables, solver: "_Solver | None") -> "_Solver":
    """One step of Gauss and Newton for all stars, in place."""
    from scipy.sparse.linalg import splu

    design, left, _, _ = _system(frame, stars, tables)
    if solver is None:
        normal = _normal(design, stars, tables.psf.shape.fwhm_px)
        mode = {"SymmetricMode": True}
        solver = splu(normal, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=mode)
    found = solver.solve(design @ left).reshape(-1, 3)
    stars.flux = stars.flux + found[:, 0]
    scale = np.maximum(np.abs(stars.flux), 1e-3)
    shift = np.clip(found[:, 1:] / scale[:, None], -LARGEST_STEP_PX, LARGEST_STEP_PX)
    positive = stars.flux > 0
    stars.x = np.where(positive, stars.x + shift[:, 0], stars.x)
    stars.y = np.where(positive, stars.y + shift[:, 1], stars.y)
    ny, nx = frame.image.shape
    stars.x = np.clip(stars.x, -0.49, nx - 0.51)
    stars.y = np.clip(stars.y, -0.49, ny - 0.51)
    return solver


def _psf_stars(stars: _Fitted, usable: BoolArray, psf: Psf, frame: _Pixels) -> NDArray[np.intp]:
    """Bright stars without bright neighbours, which tell the PSF."""
    noise = frame.noise * math.sqrt(4 * math.pi) * psf.shape.fwhm_px / GAUSSIAN_FWHM
    bright = stars.flux > PSF_SNR * noise
    given = stars.origin >= 0
    allowed = bright & given & usable[np.where(given, stars.origin, 0)]
    ny, nx = frame.image.shape
    rim = 2.5 * psf.shape.fwhm_px
    allowed &= (np.minimum(stars.x, stars.y) > rim) & (stars.x < nx - rim) & (stars.y < ny - rim)
    rows = np.flatnonzero(allowed)
    if not rows.size:
        return rows
    places = np.column_stack([stars.x, stars.y])
    reach = COMPANY_FWHM * psf.shape.fwhm_px
    company = growth.neighbour_light(places[:, 0], places[:, 1], stars.flux, reach)[rows]
    # the brightest of those with least company
    order = np.argsort(-stars.flux[rows] / (1.0 + COMPANY_WEIGHT * company))
    return rows[order[:PSF_STARS]]


def _merged(stars: _Fitted, fwhm_px: float) -> _Fitted:
    """Stars without the fainter ones of pairs that no fit tells apart."""
    from scipy.spatial import KDTree

    pairs = KDTree(np.column_stack([stars.x, stars.y])).query_pairs(
        APART_FWHM * fwhm_px, output_type="ndarray"
    )
    gone = np.zeros(stars.x.size, bool)
    for one, other in pairs[np.argsort(-stars.flux[pairs].max(axis=1))] if pairs.size else ():
        if gone[one] or gone[other]:
            continue
        fainter, brighter = (one, other) if stars.flux[one] < stars.flux[other] else (other, one)
        gone[fainter] = True
        stars.flux[brighter] += max(stars.flux[fainter], 0.0)
    return stars.take(np.flatnonzero(~gone))


def _with_hidden(frame: _Pixels, stars: _Fitted, tables: Tables) -> _Fitted:
    """Stars that what is left shows, too, and without those that were none."""
    psf = tables.psf
    fwhm = psf.shape.fwhm_px
    lasting = (stars.origin >= 0) & (stars.flux > 0) | (
        stars.flux > KEPT_SIGMA * _flux_noise(frame, psf)
    )
    stars = _merged(stars.take(np.flatnonzero(lasting)), fwhm)
    _draw(frame, stars, tables)
    ratio, amount = _matched(frame, psf, DOUBT)
    from scipy.ndimage import maximum_filter

    peaks = (ratio == maximum_filter(ratio, size=2 * math.ceil(0.5 * fwhm) + 1)) & frame.good
    rows, columns = np.nonzero(peaks & (ratio > HIDDEN_SIGMA))
    if rows.size and stars.x.size:
        from scipy.spatial import KDTree

        tree = KDTree(np.column_stack([stars.x, stars.y]))
        places = np.column_stack([columns, rows])
        apart, _ = tree.query(places)
        near = tree.query_ball_point(places, RING_FWHM * fwhm)
        brightest = np.array([max(stars.flux[found], default=0.0) for found in near])
        clear = (apart > APART_FWHM * fwhm) & (amount[rows, columns] > RING_LIGHT * brightest)
        rows, columns = rows[clear], columns[clear]
    added = _Fitted(
        columns.astype(float), rows.astype(float), amount[rows, columns], np.full(rows.size, -1)
    )
    return _Fitted(
        *(
            np.concatenate([getattr(stars, name), getattr(added, name)])
            for name in ("x", "y", "flux", "origin")
        )
    )


def _flux_noise(frame: _Pixels, psf: Psf) -> float:
    """Noise of the flux of a faint star (counts)."""
    kernel = psf.pixels
    return float(frame.noise / np.sqrt(np.sum(kernel**2)))


def _matched(frame: _Pixels, psf: Psf, doubt: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Significance and flux of a star on each pixel of what is left.

    `doubt` is the part of the stars' light by which their model may be wrong.
    """
    from scipy.ndimage import convolve1d

    # the core of the profile as a product of two: what is looked for needs no more
    kernel = psf.pixels
    half = psf.mesh.half_px
    middle, reach = half, min(half, math.ceil(1.5 * psf.shape.fwhm_px))
    cut = slice(middle - reach, middle + reach + 1)
    line = kernel[middle, cut] / math.sqrt(kernel[middle, middle])
    other = kernel[cut, middle] / math.sqrt(kernel[middle, middle])
    weight = 1.0 / (frame.variance + (doubt * frame.model) ** 2)

    def smooth(values: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
        across = convolve1d(values, x[::-1], axis=1, mode="constant")
        return np.asarray(convolve1d(across, y[::-1], axis=0, mode="constant"))

    top = smooth(frame.residual * weight, line, other)
    bottom = smooth(weight, line**2, other**2)
    bottom = np.maximum(bottom, 1e-30)
    return top / np.sqrt(bottom), top / bottom


def _concluded(frame: _Pixels, stars: _Fitted, tables: Tables) -> CrowdedField:
    """Errors from the covariance of neighbours, and how well each star is fitted."""
    design, left, stamps, own = _system(frame, stars, tables)
    normal = (design @ design.T).tocsr()
    psf = tables.psf
    ratio, _ = _matched(frame, psf)
    faint = frame.good & (frame.model < frame.noise)
    factor = max(1.0, robust_sigma(ratio[faint][::5])) if faint.sum() > 1000 else 1.0
    error, place = _errors(normal, stars.x.size)
    chi = np.sqrt(
        np.sum((left[stamps.pixel] * (stamps.value != 0)) ** 2, axis=1)
        / np.maximum(np.sum(own * stamps.value != 0, axis=1) - 3, 1)
    )
    error = error * factor
    place = place * factor / np.maximum(np.abs(stars.flux), 1e-9)
    return CrowdedField(
        stars.x,
        stars.y,
        stars.flux,
        error,
        place,
        chi,
        stars.origin.astype(np.intp),
        psf,
        frame.residual,
    )


def _errors(normal: "csr_array", count: int) -> tuple[FloatArray, FloatArray]:
    """Errors of fluxes, and of places times fluxes, each star with those that touch it."""
    flux, place = np.full(count, np.inf), np.full(count, np.inf)
    pointer, index, data = normal.indptr, normal.indices, normal.data
    for star in range(count):
        near = index[pointer[3 * star] : pointer[3 * star + 1]] // 3
        if not near.size:
            continue  # none of its pixels counts
        near = np.unique(near)
        unknown = (3 * near[:, None] + np.arange(3)).ravel()
        block = np.zeros((unknown.size, unknown.size))
        for line, row in enumerate(unknown):
            columns = index[pointer[row] : pointer[row + 1]]
            at = np.searchsorted(unknown, columns)
            at = np.minimum(at, unknown.size - 1)
            inside = unknown[at] == columns
            block[line, at[inside]] = data[pointer[row] : pointer[row + 1]][inside]
        first = int(np.searchsorted(near, star)) * 3
        try:
            inverse = np.linalg.inv(block + np.diag(1e-9 * np.diag(block) + 1e-30))
        except np.linalg.LinAlgError:
            continue
        own = np.diag(inverse)[first : first + 3]
        flux[star], place[star] = np.sqrt(np.abs(own[0])), np.sqrt(np.abs(own[1:]).mean())
    return flux, place
