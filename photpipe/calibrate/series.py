"""All frames of a field together: zeropoints, stars that vary, terms of colour and place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from photpipe.calibrate.reference_stars import GOOD, Match
from photpipe.catalogs.table import SourceTable
from photpipe.science import ensemble, zeropoint
from photpipe.science.unevenness import Unevenness, unevenness

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

OUTLIER, VARIES, TOO_FEW = "outlier", "varies in this series", "too few stars"
UNKNOWN_REPEATABILITY_MAG = 0.005  # of bright stars, where too few frames tell it
# sums above a sky without sources are right: instrumental fluxes of simulated stars of S/N 10 to 14
# are 0.997 ± 0.005. Fits to rich simulated fields tell 0.15 ± 0.05, as the faintest stars of
# the catalog pass the limit of 0.1 mag where noise helps them; the prior holds that down
SKY_TERM, SKY_TERM_SIGMA = 0.0, 0.1


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of the calibration beside the zeropoint, the same for all frames of a field.

    mag = instrumental + zeropoint + colour_term (colour − colour_reference)
    + sky_term × (magnitude error that the noise of the sky makes) + polynomial over the frame.

    The sky term is a flux that all sources lack, or have too much, because the background is
    not exactly zero where sources are: wings, crowding, and noise that helps faint sources to
    be detected.

    Parameters
    ----------
    colour : tuple of str
        The two bands of the colour; empty without a colour term.
    colour_reference : float
        Colour at which the zeropoint holds: that of the Sun.
    with_sky : bool
        Whether there is a sky term.
    degree : int
        Degree of the polynomial over the frame, 0 without one.
    values, covariance : array, shape (terms,), (terms, terms)
        Coefficients in the order colour, sky, polynomial, and their covariance.
    """

    colour: tuple[str, ...] = ()
    colour_reference: float = math.nan
    with_sky: bool = False
    degree: int = 0
    values: FloatArray = field(default_factory=lambda: np.zeros(0))
    covariance: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def colour_term(self) -> tuple[float, float]:
        """Colour term and its error; NaN without one."""
        return self._value(0) if self.colour else (math.nan, math.nan)

    @property
    def sky_term(self) -> tuple[float, float]:
        """Sky term and its error; NaN without one."""
        return self._value(int(bool(self.colour))) if self.with_sky else (math.nan, math.nan)

    @property
    def spatial(self) -> tuple[float, ...]:
        """Coefficients of `zeropoint.spatial_terms`; empty without them."""
        return tuple(self.values[int(bool(self.colour)) + self.with_sky :].tolist())

    def _value(self, index: int) -> tuple[float, float]:
        return float(self.values[index]), float(np.sqrt(self.covariance[index, index]))

    def columns(self, facts: "Facts", shape: tuple[int, int]) -> FloatArray:
        """What the coefficients multiply; an unknown colour counts as the reference."""
        parts = [np.zeros((len(facts.x_px), 0))]
        if self.colour:
            parts.append(np.nan_to_num(facts.colour - self.colour_reference)[:, None])
        if self.with_sky:
            parts.append(facts.sky_error_mag[:, None])
        if self.degree:
            parts.append(zeropoint.spatial_terms(facts.x_px, facts.y_px, shape, self.degree))
        return np.column_stack(parts)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the terms depend on, for some sources; arrays of shape (n,)."""

    colour: FloatArray
    sky_error_mag: FloatArray
    x_px: FloatArray
    y_px: FloatArray


@dataclass(slots=True)
class FrameSeries:
    """The frames of one field with one catalog.

    Parameters
    ----------
    stars : SourceTable
        Reference stars.
    matches : list of Match
        One per frame.
    minstars : float
        Stars to keep: a fraction if below 1, else a number.
    fewest : int
        Frames with fewer usable stars get no zeropoint.
    """

    stars: SourceTable
    matches: list[Match]
    minstars: float
    fewest: int
    terms: Terms = field(default_factory=Terms)
    repeatability_mag: float = math.nan
    varies: BoolArray = field(init=False)
    fits: list[zeropoint.ZeropointFit | None] = field(init=False)

    def __post_init__(self) -> None:
        self.varies = np.zeros(len(self.stars), bool)
        self.fits = [self._fit_alone(each) for each in self.matches]

    @property
    def calibrated(self) -> int:
        """How many frames have a zeropoint."""
        return sum(each is not None for each in self.fits)

    def usable(self, match: Match) -> BoolArray:
        """Which matched stars of a frame may calibrate; shape (n matched,)."""
        return np.asarray(match.good & ~self.varies[match.star])

    def needed(self, match: Match) -> int:
        """How many stars of a frame have to be kept."""
        return zeropoint.stars_needed(self.minstars, int(self.usable(match).sum()))

    def _fit_alone(
        self, match: Match, kept: BoolArray | None = None
    ) -> zeropoint.ZeropointFit | None:
        """Zeropoint that a frame has by itself, of certain stars if they are given."""
        use = self.usable(match)
        if use.sum() < self.fewest:
            return None
        variance = match.instrumental_variance + match.reference_variance
        difference = match.difference_mag - self.corrections(match)[match.source]
        return zeropoint.fit_zeropoint(
            difference[use], variance[use], self.needed(match), kept=kept
        )

    def fit(self) -> None:
        """Fit the zeropoints of all frames with enough stars, together."""
        together = self._together()
        self.fits = [None] * len(self.matches)
        for index, (row, star) in enumerate(zip(together.rows, together.stars, strict=True)):
            alone = self._fit_alone(self.matches[row], together.fit.kept[index, star])
            self.fits[row] = alone and replace(
                alone,
                zeropoint_mag=float(together.fit.zeropoint_mag[index]),
                standard_error_mag=float(together.fit.standard_error_mag[index]),
                relative_error_mag=float(together.fit.relative_error_mag[index]),
            )

    def _together(self) -> "_Together":
        """Zeropoints of all frames with enough stars, the terms applied."""
        uses = [self.usable(match) for match in self.matches]
        rows = [row for row, use in enumerate(uses) if use.sum() >= self.fewest]
        floor = self.repeatability_mag
        if not math.isfinite(floor):
            floor = UNKNOWN_REPEATABILITY_MAG if len(rows) > 1 else 0.0
        known = np.unique(np.concatenate([self.matches[row].star[uses[row]] for row in rows]))
        stars = [np.searchsorted(known, self.matches[row].star[uses[row]]) for row in rows]
        difference = np.full((len(rows), len(known)), math.nan)
        variance, reference = np.ones(difference.shape), np.ones(len(known))
        for index, (row, star) in enumerate(zip(rows, stars, strict=True)):
            match, use = self.matches[row], uses[row]
            corrections = self.corrections(match)[match.source]
            difference[index, star] = (match.difference_mag - corrections)[use]
            variance[index, star] = match.instrumental_variance[use] + floor**2
            reference[star] = match.reference_variance[use]
        fit = ensemble.fit_series(difference, variance, reference, self.minstars)
        return _Together(rows, stars, fit)

    def corrections(self, match: Match) -> FloatArray:
        """What the terms add to the magnitude of each source of a frame; shape (n sources,)."""
        return np.asarray(self._columns(match) @ self.terms.values)

    def colours(self, match: Match) -> FloatArray:
        """Colour of each source of a frame, NaN if it is no catalog star; shape (n sources,)."""
        colour = np.full(len(match.sources.table), math.nan)
        if self.terms.colour:
            colour[match.source] = colours(self.stars, self.terms.colour)[match.star]
        return colour

    def _columns(self, match: Match) -> FloatArray:
        """What the values of the terms multiply, for all sources of a frame."""
        x, y = (match.sources.column(name) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        facts = Facts(self.colours(match), match.sources.sky_error_mag, x, y)
        return self.terms.columns(facts, match.sources.frame.shape)

    def residuals(self, match: Match, fit: zeropoint.ZeropointFit) -> FloatArray:
        """Catalog minus calibrated magnitude of the matched stars; shape (n matched,)."""
        zeropoints = self.corrections(match)[match.source] + fit.zeropoint_mag
        return np.asarray(match.difference_mag - zeropoints)

    def verdicts(self, match: Match, fit: zeropoint.ZeropointFit | None) -> NDArray[np.str_]:
        """What became of each matched star of a frame; shape (n matched,)."""
        verdict = match.verdict.copy()
        use = np.flatnonzero(self.usable(match))
        verdict[match.good & self.varies[match.star]] = VARIES
        verdict[use] = TOO_FEW if fit is None else np.where(fit.kept, GOOD, OUTLIER)
        return verdict

    def standard_error(self, match: Match, fit: zeropoint.ZeropointFit) -> float:
        """Standard error of a frame's zeropoint, with what the errors of the terms add."""
        used = np.flatnonzero(self.usable(match))[fit.kept]
        variance = (match.instrumental_variance + match.reference_variance)[used]
        weight = 1.0 / (variance + fit.intrinsic_scatter_mag**2)
        mean = np.average(self._columns(match)[match.source[used]], axis=0, weights=weight)
        of_terms = float(mean @ self.terms.covariance @ mean)
        return math.hypot(fit.standard_error_mag, math.sqrt(max(of_terms, 0.0)))

    def refine(self, colour: tuple[str, ...], colour_reference: float, *, spatial: bool) -> None:
        """Set stars that vary aside, adopt further terms, and fit all frames together.

        Parameters
        ----------
        colour : tuple of str
            The two bands of a colour term; empty if none is wanted.
        colour_reference : float
            Colour at which the zeropoints shall hold.
        spatial : bool
            Whether a polynomial over the frame is wanted.
        """
        self._find_variables()
        if any(self.usable(match).sum() >= self.fewest for match in self.matches):
            self._find_terms(colour, colour_reference, spatial=spatial)
            self.fit()
        else:
            self.fits = [None] * len(self.matches)

    def _find_variables(self) -> None:
        """Measure the scatter from frame to frame, and set stars that vary aside."""
        residual, variance = self._residual_matrix()
        self.repeatability_mag = zeropoint.repeatability(residual, variance)
        floor = np.nan_to_num(self.repeatability_mag)
        self.varies = zeropoint.seen_to_vary(residual, variance + floor**2)
        if self.varies.any():
            constant = ~self.varies
            self.repeatability_mag = zeropoint.repeatability(
                residual[:, constant], variance[:, constant]
            )

    def _residual_matrix(self) -> tuple[FloatArray, FloatArray]:
        """Residuals of the good stars, shape (frames, stars), NaN if unknown; their variances."""
        shape = (len(self.matches), len(self.stars))
        residual, variance = np.full(shape, math.nan), np.ones(shape)
        for row, (match, fit) in enumerate(zip(self.matches, self.fits, strict=True)):
            if fit is not None:
                star = match.star[match.good]
                residual[row, star] = self.residuals(match, fit)[match.good]
                variance[row, star] = match.instrumental_variance[match.good]
        return residual, variance

    def _find_terms(
        self, colour: tuple[str, ...], colour_reference: float, *, spatial: bool
    ) -> None:
        """Adopt a sky term, and further terms where the stars support them.

        A colour term if a colour is given, a polynomial over the frame if wanted. Each star
        enters once, with its mean over the frames, because the error of its catalog magnitude is
        the same on all of them.
        """
        values, covariance = np.full(1, SKY_TERM), np.full((1, 1), SKY_TERM_SIGMA**2)
        known = Terms(with_sky=True, values=values, covariance=covariance)
        mean = self._means()
        if len(mean.star) < zeropoint.STARS_FOR_TERMS:
            self.terms = known
            return
        self._take(known, self._fit_terms(known, mean))
        if colour:
            wanted = replace(self.terms, colour=colour, colour_reference=colour_reference)
            self._adopt(wanted, mean)
        for degree in (1, 2) if spatial else ():
            self._adopt(replace(self.terms, degree=degree), mean)

    def _adopt(self, wanted: Terms, mean: "_Means") -> None:
        """Take new terms if the stars support them against those at hand."""
        rich = self._fit_terms(wanted, mean)
        if zeropoint.supported(self._fit_terms(self.terms, mean, rich.kept), rich):
            self._take(wanted, rich)

    def _fit_terms(
        self, terms: Terms, mean: "_Means", kept: BoolArray | None = None
    ) -> zeropoint.ZeropointFit:
        """Fit certain terms to stars averaged over frames."""
        columns = terms.columns(self._facts(mean, terms), self.matches[0].sources.frame.shape)
        needed = zeropoint.stars_needed(self.minstars, len(mean.star))
        return zeropoint.fit_zeropoint(mean.difference, mean.variance, needed, columns, kept)

    def _take(self, wanted: Terms, fit: zeropoint.ZeropointFit) -> None:
        """Take the terms of a fit, and what is known of the sky term without it."""
        values, covariance = zeropoint.with_prior(
            fit.parameters, fit.covariance, 1 + bool(wanted.colour), SKY_TERM, SKY_TERM_SIGMA
        )
        self.terms = replace(wanted, values=values[1:], covariance=covariance[1:, 1:])

    def _facts(self, mean: "_Means", terms: Terms) -> Facts:
        """What the terms depend on, for stars averaged over frames."""
        colour = colours(self.stars, terms.colour)[mean.star] if terms.colour else mean.x_px
        return Facts(colour, mean.sky_error_mag, mean.x_px, mean.y_px)

    def unevenness(self) -> Unevenness:
        """How much magnitudes differ across the field beyond what the terms correct."""
        mean = self._means()
        shape = self.matches[0].sources.frame.shape
        fit = self._fit_terms(self.terms, mean)
        terms = self.terms.columns(self._facts(mean, self.terms), shape) @ self.terms.values
        kept = fit.kept
        residual = (mean.difference - terms)[kept]
        return unevenness(
            mean.x_px[kept],
            mean.y_px[kept],
            residual - np.median(residual),
            (mean.variance - mean.reference_variance)[kept],
            mean.reference_variance[kept],
            shape,
        )

    def averaged(self) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
        """Usable stars averaged over calibrated frames, terms not applied.

        Returns
        -------
        star : array, shape (n,)
            Their rows in the table of reference stars.
        difference, variance : array, shape (n,)
            Reference minus instrumental magnitude without the zeropoints; its variance.
        """
        mean = self._means()
        return mean.star, mean.difference, mean.variance

    def _means(self) -> "_Means":
        """Means over the frames of each usable star, terms not applied."""
        together = self._together()
        zeropoints = together.fit.zeropoint_mag.tolist()
        parts = [
            (match, self.usable(match), match.difference_mag - level)
            for match, level in zip(
                (self.matches[row] for row in together.rows), zeropoints, strict=True
            )
        ]
        star, inverse = np.unique(
            np.concatenate([match.star[use] for match, use, _ in parts]), return_inverse=True
        )
        weight = np.concatenate([1.0 / match.instrumental_variance[use] for match, use, _ in parts])
        total = np.bincount(inverse, weight)

        def mean(values: list[FloatArray]) -> FloatArray:
            return np.asarray(np.bincount(inverse, weight * np.concatenate(values)) / total)

        def mean_of(name: str) -> FloatArray:
            return mean([match.sources.column(name)[match.source[use]] for match, use, _ in parts])

        reference = mean([match.reference_variance[use] for match, use, _ in parts])
        return _Means(
            star,
            mean([difference[use] for _, use, difference in parts]),
            1.0 / total + reference,
            reference,
            mean([m.sources.sky_error_mag[m.source[use]] for m, use, _ in parts]),
            mean_of("XWIN_IMAGE"),
            mean_of("YWIN_IMAGE"),
        )


@dataclass(frozen=True, slots=True)
class _Together:
    """Numbers of the frames that were fitted, places of their usable stars in it, and the fit."""

    rows: list[int]
    stars: list[NDArray[np.intp]]
    fit: ensemble.SeriesFit


@dataclass(frozen=True, slots=True)
class _Means:
    """Reference stars averaged over frames; arrays of shape (n,)."""

    star: NDArray[np.intp]
    difference: FloatArray
    variance: FloatArray
    reference_variance: FloatArray
    sky_error_mag: FloatArray
    x_px: FloatArray
    y_px: FloatArray


def colours(stars: SourceTable, bands: Sequence[str]) -> FloatArray:
    """Colour of each star in two bands of the catalog; NaN if unknown; shape (n,)."""
    blue, red = (stars.column(f"{band}mag") for band in bands)
    return np.asarray(blue - red)
