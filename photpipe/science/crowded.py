"""Photometry of crowded fields: all stars of a frame fitted at once with its PSF.

Flux and place of every star are solved for together (a sparse system; Stetson 1987, PASP 99, 191,
fitted groups of stars one after the other), the sky is a smooth surface of what is left, and what
is left also shows stars that were hidden.
"""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from photpipe.science import growth, hidden, skysurface
from photpipe.science.noise import robust_sigma
from photpipe.science.psf import SHAPE_FWHM, Psf, Stamps, Tables, refined
from photpipe.science.starblocks import Blocks
from photpipe.science.starimage import GAUSSIAN_FWHM

FloatArray = NDArray[np.float64]
FloatArray32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Window = tuple[slice, slice]

FIT_FWHM = 1.1  # radius of the pixels that tell a star: nearly all that they can tell
INNER_FWHM = 1.5  # by judgement: further out a step of the fit changes hardly anything
SHOWN_SIGMA = 0.1  # of a pixel's noise, to which the wings of stars are drawn
LARGEST_STEP_PX = 0.3  # a fit is linear over less than this
PLACE_SIGMA_FWHM = 0.3  # by judgement: as far as a place of a source is off at most
DOUBT = 0.07  # by judgement: of a model's light, which looks like hidden stars where it is wrong
# by judgement: nearer and fainter stars change none, and cannot be told from what a PSF lacks
RING_FWHM, RING_LIGHT = 2.5, 0.006
HIDDEN_SIGMA = 5.0  # stars that are looked for in what is left
APART_FWHM = 0.45  # nearer stars are one: their images differ by less than models do
KEPT_SIGMA = 2.5  # by judgement: fainter ones that were added are dropped again
ROUNDS = 3  # by judgement: a fourth finds hardly any further star
# of the PSF, in the beginning and later; of them some change the profile (False), then the table
FIRST_TURNS, TURNS = (False, False, True), (False, True)
# parts of the stars that a round of these adds or drops: below, the next one is not worth its time,
# and the PSF stays (16 frames of 600 to 3,000 stars per megapixel are as good as with all rounds)
FINDS_ENOUGH, CHANGES_PSF = 0.005, 0.02
PSF_STARS = 150  # by judgement: more tell little more
PSF_SNR = 40.0  # by judgement: fainter stars tell little
FEWEST_PSF_STARS = 5  # by judgement: a median of five survives two bad ones
# by judgement: neighbours within, of a twentieth of its light, make a star half as welcome
COMPANY_FWHM, COMPANY_WEIGHT = 2.0, 20.0
DRAWN_PIXELS = 200_000  # at once: what is calculated of them stays in the processor's memory
NOISE_TILES = 60  # a sample of a frame, which tells its noise to 1 %


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

    def take(self, rows: IntArray) -> "_Fitted":
        return _Fitted(self.x[rows], self.y[rows], self.flux[rows], self.origin[rows])

    def put(self, rows: IntArray, others: "_Fitted") -> None:
        """Put others in their place."""
        self.x[rows], self.y[rows], self.flux[rows] = others.x, others.y, others.flux

    def and_others(self, others: "_Fitted") -> "_Fitted":
        """These and others."""
        names = ("x", "y", "flux", "origin")
        return _Fitted(*(np.r_[getattr(self, name), getattr(others, name)] for name in names))

    @property
    def negative(self) -> "_Fitted":
        """The same, to be taken away."""
        return replace(self, flux=-self.flux)


@dataclass(slots=True)
class _Light:
    """Light of stars on the pixels of an image, and its squares, as far as they are needed."""

    model: FloatArray32
    squares: FloatArray32 | None

    @classmethod
    def none(cls, shape: tuple[int, int]) -> "_Light":
        return cls(np.zeros(shape, np.float32), None)

    def copy(self) -> "_Light":
        return _Light(self.model.copy(), None if self.squares is None else self.squares.copy())

    def become(self, other: "_Light | None") -> None:
        """Take over what another has; None: nothing."""
        for name in ("model", "squares"):
            own, new = getattr(self, name), getattr(other, name) if other else None
            if own is not None:
                own[:] = 0.0 if new is None else new
            elif new is not None:
                setattr(self, name, new.copy())

    def draw(
        self, stars: _Fitted, tables: Tables, shown: float, reach_fwhm: float = math.inf
    ) -> None:
        """Add stars, or take those of negative flux away, each as far as it rises above a level.

        `reach_fwhm` bounds how far.
        """
        psf = tables.psf
        core = FIT_FWHM * psf.shape.fwhm_px
        half = psf.mesh.half_px
        profile = np.maximum.accumulate(psf.pixels[half, half:][::-1])[::-1]
        seen = shown / np.maximum(np.abs(stars.flux), 1e-9)
        reach = np.searchsorted(-profile, -seen)  # profile falls outwards
        classes = np.unique(np.r_[math.ceil(core), np.ceil(np.geomspace(core + 2, half, 5))])
        number = np.searchsorted(classes, np.maximum(reach, classes[0]))
        classes = np.minimum(classes, math.ceil(min(reach_fwhm * psf.shape.fwhm_px, half)))
        classes = np.unique(classes)
        number = np.minimum(number, classes.size - 1)
        if psf.error > 0 and self.squares is None:
            self.squares = np.zeros_like(self.model)
        for index, radius in enumerate(classes):
            rows = np.flatnonzero(number == index)
            together = max(1, int(DRAWN_PIXELS / (4 * radius**2)))
            for start in range(0, rows.size, together):
                own = rows[start : start + together]
                stamps = tables.stamps(stars.x[own], stars.y[own], float(radius))
                light = stars.flux[own].astype(np.float32)[:, None] * stamps.value
                pixel = stamps.pixel.ravel()
                np.add.at(self.model.ravel(), pixel, light.ravel())
                if self.squares is not None:
                    np.add.at(self.squares.ravel(), pixel, (light * np.abs(light)).ravel())


@dataclass(slots=True)
class _Pixels:
    """Pixels and what is known of them."""

    image: FloatArray32
    good: BoolArray
    photons: float
    sky: FloatArray32
    noise: float
    light: _Light
    psf_error: float = 0.0
    shown: float = 0.0

    def left(self, window: Window) -> FloatArray32:
        """What is left in a window; 0 where a pixel does not count."""
        left = self.image[window] - self.sky[window]
        left -= self.light.model[window]
        left *= self.good[window]
        return left

    def seen(self, window: Window, doubt: float = 0.0) -> tuple[FloatArray32, FloatArray32]:
        """What is left in a window, and its variance with a part of the light that is doubted."""
        squares = self.light.squares
        of_window = None if squares is None else squares[window]
        return self.left(window), self._variance(
            self.light.model[window], of_window, self.good[window], doubt
        )

    def at(self, pixel: IntArray) -> tuple[FloatArray32, FloatArray32]:
        """Residual and variance of some pixels, by their flat numbers: stars cover few."""
        image, sky, model = (
            each.take(pixel, mode="clip") for each in (self.image, self.sky, self.light.model)
        )
        good, squares = self.good.take(pixel, mode="clip"), self.light.squares
        squares = None if squares is None else squares.take(pixel, mode="clip")
        variance = self._variance(model, squares, good)
        return np.where(good, image - sky - model, np.float32(0.0)), variance

    def _variance(
        self,
        model: FloatArray32,
        squares: FloatArray32 | None,
        good: BoolArray,
        doubt: float = 0.0,
    ) -> FloatArray32:
        variance = np.maximum(model, np.float32(0.0))
        variance *= np.float32(self.photons)
        variance += np.float32(self.noise**2)
        if squares is not None:
            variance += np.float32(self.psf_error**2) * np.maximum(squares, np.float32(0.0))
        if doubt:
            variance += np.square(np.float32(doubt) * model)
        variance[~good] = np.inf
        return variance


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
    counts = np.where(good, image, 0.0).astype(np.float32)
    nothing = np.zeros(shape, np.float32)
    frame = _Pixels(counts, good, photons, nothing, 0.0, _Light.none(shape))
    _level(frame)
    fit = _Fit(frame, stars, tables, None if known else usable)
    fit.draw()
    if not fit.tell(FIRST_TURNS, 3):
        return None
    fit.whole(3)
    fit.draw()
    _level(frame)
    if not fit.tell(TURNS):
        return None
    fit.whole(1)
    places = None
    for _ in range(rounds):
        places = fit.add_hidden(places)
        share = places[0].size / fit.stars.x.size
        if share < FINDS_ENOUGH:
            break
        fit.whole(1)
        if share >= CHANGES_PSF and not fit.tell(TURNS):
            return None
        fit.whole(1)
    _level(frame)
    fit.whole(2)
    stars = fit.stars
    fit.stars = stars.take(np.flatnonzero((stars.origin >= 0) | (stars.flux > 0)))
    fit.draw()
    return fit.concluded()


@dataclass(slots=True)
class _Fit:
    """Stars of a frame, as far as they are known, and their PSF."""

    frame: _Pixels
    stars: _Fitted
    tables: Tables
    usable: BoolArray | None  # None: the PSF is that from elsewhere

    def draw(self) -> None:
        """Draw all stars, and nothing else."""
        frame = self.frame
        frame.light.become(None)
        frame.psf_error = self.tables.psf.error
        frame.shown = SHOWN_SIGMA * frame.noise
        frame.light.draw(self.stars, self.tables, frame.shown)

    def whole(self, steps: int) -> None:
        """Some steps of the fit of all stars, whose outer parts stay as they are drawn."""
        others = self.others(self.stars, INNER_FWHM)
        for _ in range(steps):
            _step(self.frame, self.stars, self.tables)
            self.redraw(others, self.stars, INNER_FWHM)

    def others(self, part: _Fitted, reach_fwhm: float) -> _Light:
        """The light but for some stars out to a distance."""
        others = self.frame.light.copy()
        others.draw(part.negative, self.tables, self.frame.shown, reach_fwhm)
        return others

    def redraw(self, others: _Light, part: _Fitted, reach_fwhm: float) -> None:
        """Draw these stars to the others."""
        self.frame.psf_error = self.tables.psf.error
        self.frame.light.become(others)
        self.frame.light.draw(part, self.tables, self.frame.shown, reach_fwhm)

    def near(self, x: FloatArray, y: FloatArray, reach_fwhm: float) -> IntArray:
        """Stars that are that near to some places."""
        from scipy.spatial import KDTree

        reach = reach_fwhm * self.tables.psf.shape.fwhm_px
        apart, _ = KDTree(np.column_stack([x, y])).query(
            np.column_stack([self.stars.x, self.stars.y]), distance_upper_bound=reach
        )
        return np.flatnonzero(np.isfinite(apart))

    def tell(self, turns: tuple[bool, ...], steps: int = 1) -> bool:
        """Let stars tell the PSF, fitted anew with those around them; False: they are too few.

        All are drawn with it in the end.
        """
        if self.usable is None:
            return True
        told = _psf_stars(self.stars, self.usable, self.tables.psf, self.frame)
        if told.size < FEWEST_PSF_STARS:
            return False
        rows = self.near(self.stars.x[told], self.stars.y[told], SHAPE_FWHM + FIT_FWHM)
        own = np.searchsorted(rows, told)
        part, reach_fwhm = self.stars.take(rows), SHAPE_FWHM
        others = self.others(part, reach_fwhm)
        for number, with_table in enumerate(turns):
            if number:
                self.redraw(others, part, reach_fwhm)
            for _ in range(steps):
                _step(self.frame, part, self.tables)
                self.redraw(others, part, reach_fwhm)
            places = part.x[own], part.y[own], part.flux[own]
            self.tables = refined(
                self.tables.psf, self.tables, self.frame.at, *places, with_table=with_table
            ).tables()
            steps = 1
        self.stars.put(rows, part)
        self.draw()
        return True

    def add_hidden(
        self, places: tuple[FloatArray, FloatArray] | None
    ) -> tuple[FloatArray, FloatArray]:
        """Add stars that what is left shows, too, and drop those that were none.

        Parameters
        ----------
        places : (array, array) or None
            Around which to look; None: everywhere.

        Returns
        -------
        (array, array)
            Places where something has changed.
        """
        frame, stars, psf = self.frame, self.stars, self.tables.psf
        fwhm = psf.shape.fwhm_px
        before = stars.flux.copy()
        lasting = (stars.origin >= 0) & (stars.flux > 0) | (
            stars.flux > KEPT_SIGMA * _flux_noise(frame, psf)
        )
        stars.flux[~lasting] = 0.0
        kept = lasting & ~_merging(stars, fwhm)
        stars.flux[~kept] = 0.0
        changed = np.flatnonzero(stars.flux != before)
        difference = stars.take(changed)
        difference.flux = difference.flux - before[changed]
        frame.light.draw(difference, self.tables, frame.shown)
        stars = stars.take(np.flatnonzero(kept))
        matching = _matching(frame, psf, DOUBT)
        added = _hidden(matching, places, stars, frame, fwhm)
        frame.light.draw(added, self.tables, frame.shown)
        self.stars = stars.and_others(added)
        return np.r_[difference.x, added.x], np.r_[difference.y, added.y]

    def concluded(self) -> CrowdedField:
        """Errors from the covariance of neighbours, and how well each star is fitted."""
        frame, stars = self.frame, self.stars
        design, left, stamps, own = _system(frame, stars, self.tables)
        factor = _noise_factor(frame, self.tables.psf)
        variances = Blocks.of(design, stamps).variances()
        error = np.sqrt(variances[:, 0])
        place = np.sqrt(variances[:, 1:].mean(axis=1))
        counted = own * stamps.value != 0
        chi = np.sqrt(
            np.sum((left * (stamps.value != 0)) ** 2, axis=1, dtype=float)
            / np.maximum(np.sum(counted, axis=1) - 3, 1)
        )
        return CrowdedField(
            stars.x,
            stars.y,
            stars.flux,
            error * factor,
            place * factor / np.maximum(np.abs(stars.flux), 1e-9),
            chi,
            stars.origin.astype(np.intp),
            self.tables.psf,
            frame.left((slice(None), slice(None))),
        )


def _level(frame: _Pixels) -> None:
    """Sky and noise anew, without the stars."""
    half = slice(None), slice(None, None, 2)
    left = frame.image[half] - frame.light.model[half]
    left[~frame.good[half]] = np.nan
    frame.sky = skysurface.surface(left, (frame.image.shape[0], frame.image.shape[1]))
    frame.noise = skysurface.noise_below(left - frame.sky[half])


def _system(
    frame: _Pixels, stars: _Fitted, tables: Tables
) -> tuple[FloatArray32, FloatArray32, Stamps, FloatArray32]:
    """Weighted design (light, and its changes right and up), and what is left, of each star."""
    radius = FIT_FWHM * tables.psf.shape.fwhm_px
    stamps = tables.stamps(stars.x, stars.y, radius, slopes=True)
    residual, variance = frame.at(stamps.pixel)
    own = np.reciprocal(np.sqrt(variance))
    assert stamps.right is not None and stamps.up is not None
    design = np.stack([stamps.value, stamps.right, stamps.up], axis=1)
    design *= own[:, None]
    return design, residual * own, stamps, own


def _step(frame: _Pixels, stars: _Fitted, tables: Tables) -> None:
    """One step of Gauss and Newton for all stars, in place."""
    design, left, stamps, _ = _system(frame, stars, tables)
    blocks = Blocks.of(design, stamps)
    diagonal = blocks.diagonal
    added = 1e-9 * diagonal + 1e-30 + (diagonal == 0)
    # how far a place may be off
    free = PLACE_SIGMA_FWHM * tables.psf.shape.fwhm_px * np.maximum(np.abs(stars.flux), 1e-3)
    added[:, 1:] += 1.0 / free[:, None] ** 2
    slope = (design @ left[:, :, None]).astype(float)
    found = blocks.solved(added, slope)
    stars.flux = stars.flux + found[:, 0]
    scale = np.maximum(np.abs(stars.flux), 1e-3)
    shift = np.clip(found[:, 1:] / scale[:, None], -LARGEST_STEP_PX, LARGEST_STEP_PX)
    positive = stars.flux > 0
    stars.x = np.where(positive, stars.x + shift[:, 0], stars.x)
    stars.y = np.where(positive, stars.y + shift[:, 1], stars.y)
    ny, nx = frame.image.shape
    stars.x = np.clip(stars.x, -0.49, nx - 0.51)
    stars.y = np.clip(stars.y, -0.49, ny - 0.51)


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
    return stars.take(np.flatnonzero(~_merging(stars, fwhm_px)))


def _merging(stars: _Fitted, fwhm_px: float) -> BoolArray:
    """The fainter stars of pairs that no fit tells apart, whose light is given to the others."""
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
    return gone


def _hidden(
    matching: hidden.Matching,
    places: tuple[FloatArray, FloatArray] | None,
    stars: _Fitted,
    frame: _Pixels,
    fwhm_px: float,
) -> _Fitted:
    """Stars that what is left shows, around some places or everywhere."""
    from scipy.spatial import KDTree

    tiles = matching.tiles(*places) if places else matching.tiles()
    peaks = matching.peaks(tiles, HIDDEN_SIGMA)
    clear = frame.good[peaks.row, peaks.column]
    if peaks.row.size and stars.x.size:
        tree = KDTree(np.column_stack([stars.x, stars.y]))
        there = np.column_stack([peaks.column, peaks.row])
        apart, _ = tree.query(there)
        near = tree.query_ball_point(there, RING_FWHM * fwhm_px)
        brightest = np.array([max(stars.flux[found], default=0.0) for found in near])
        clear &= (apart > APART_FWHM * fwhm_px) & (peaks.flux > RING_LIGHT * brightest)
    row, column = (each[clear].astype(float) for each in (peaks.row, peaks.column))
    return _Fitted(column, row, peaks.flux[clear], np.full(row.size, -1))


def _flux_noise(frame: _Pixels, psf: Psf) -> float:
    """Noise of the flux of a faint star (counts)."""
    kernel = psf.pixels
    return float(frame.noise / np.sqrt(np.sum(kernel**2)))


def _matching(frame: _Pixels, psf: Psf, doubt: float = 0.0) -> hidden.Matching:
    """What is left, matched with the PSF; `doubt` is the part of light by which it may be wrong."""
    shape = frame.image.shape[0], frame.image.shape[1]
    return hidden.Matching(psf, shape, lambda window: frame.seen(window, doubt))


def _noise_factor(frame: _Pixels, psf: Psf) -> float:
    """By which faint stars scatter more than the noise of pixels lets expect."""
    matching = _matching(frame, psf)
    tiles = matching.tiles()
    sample = []
    for window, ratio in matching.significances(tiles[:: max(1, tiles.size // NOISE_TILES)]):
        faint = frame.good[window] & (frame.light.model[window] < frame.noise)
        sample.append(ratio[faint][::5])
    found = np.concatenate(sample)
    return max(1.0, robust_sigma(found.astype(float))) if found.size > 200 else 1.0
