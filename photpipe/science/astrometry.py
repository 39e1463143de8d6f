"""Plate solutions: fitting them to pairs of stars, and judging them by all the stars.

Positions in the plane tangent to the sky are complex numbers, east + i north, in arcsec;
positions on the detector are complex numbers x + i y in pixels (FITS convention, the centre
of the first pixel is 1 + 1i). A solution is judged by coincidences: how many detections have
a catalog star beside them, against how many would by chance.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from photpipe.ground import sky
from photpipe.science import tpv

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]
PixelToSky = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


FEWEST_PAIRS = 6  # twice what the linear terms of a frame take
LINEAR_TERMS = 3  # of one coordinate: a constant and two slopes
CELLS_FOR_DEGREE = {5: 80, 3: 45, 2: 22}
FIT_ROUNDS = 3  # the stars beside a fit hardly change after the second
CLIP_SIGMA = 4.0  # for each axis: one good pair in 3000 lies beyond
RAYLEIGH_MEDIAN = 1.1774  # median length of a plane vector, in standard deviations per axis


def tangent_plane(
    ra0_deg: float, dec0_deg: float, ra_deg: ArrayLike, dec_deg: ArrayLike
) -> ComplexArray:
    """Gnomonic projection about position 0, in arcsec; NaN beyond a quarter of the sky."""
    east_of, dec = np.radians(np.asarray(ra_deg, float) - ra0_deg), np.radians(dec_deg)
    sin0, cos0 = math.sin(math.radians(dec0_deg)), math.cos(math.radians(dec0_deg))
    sine, cosine = np.sin(dec), np.cos(dec)
    along = cosine * np.cos(east_of)
    radian = math.degrees(1.0) * sky.ARCSEC_PER_DEG
    with np.errstate(invalid="ignore"):
        depth = sin0 * sine + cos0 * along
        depth = np.where(depth > 0, depth, np.nan)
        north = cos0 * sine - sin0 * along
        return np.asarray((cosine * np.sin(east_of) + 1j * north) / depth * radian)


def from_tangent_plane(
    ra0_deg: float, dec0_deg: float, plane_arcsec: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """RA and Dec in degrees of points of the plane; the inverse of `tangent_plane`."""
    plane = np.asarray(plane_arcsec, complex) / (math.degrees(1.0) * sky.ARCSEC_PER_DEG)
    sin0, cos0 = math.sin(math.radians(dec0_deg)), math.cos(math.radians(dec0_deg))
    outward = cos0 - plane.imag * sin0
    ra = sky.within_circle(ra0_deg + np.degrees(np.arctan2(plane.real, outward)))
    upward = sin0 + plane.imag * cos0
    return ra, np.degrees(np.arctan2(upward, np.hypot(plane.real, outward)))


def _terms(x: FloatArray, y: FloatArray, degree: int) -> FloatArray:
    """Monomials of both coordinates, shape (n, number of terms)."""
    along_x, along_y = tpv.powers(x, degree), tpv.powers(y, degree)
    return np.stack([along_x[i] * along_y[j] for i, j in tpv.terms(degree).values()], axis=-1)


def _least_squares(terms: FloatArray, values: ComplexArray) -> ComplexArray:
    """Complex coefficients of real terms."""
    parts = np.linalg.lstsq(terms, np.stack([values.real, values.imag], axis=-1), rcond=None)[0]
    return np.asarray(parts @ [1.0, 1.0j])


@dataclass(frozen=True, slots=True)
class PlateMap:
    """Polynomial map from the detector to the tangent plane.

    Parameters
    ----------
    middle_px : complex
        Point of the detector about which the polynomial is written.
    unit_px : float
        Length that makes the arguments of the polynomial of order one.
    coefficients_arcsec : complex array
        One coefficient per term: 1, u, v, u², uv, v², u³, ...
    """

    middle_px: complex
    unit_px: float
    coefficients_arcsec: ComplexArray

    @classmethod
    def similarity(
        cls, factor: complex, offset: complex, mirrored: bool, pixel_ratio: float = 1.0
    ) -> Self:
        """Map z → factor·z + offset (of conj(z) if mirrored), z = x + i·pixel_ratio·y.

        The factor is in arcsec per pixel, the offset in arcsec.
        """
        upward = (-1j if mirrored else 1j) * pixel_ratio
        return cls(0j, 1.0, np.array([offset, factor, upward * factor]))

    def __call__(self, pixels: ArrayLike) -> ComplexArray:
        """Plane positions, in arcsec, of detector positions."""
        at = (np.asarray(pixels, complex) - self.middle_px) / self.unit_px
        terms = _terms(at.real, at.imag, self.degree)
        return np.asarray(terms @ self.coefficients_arcsec)

    @property
    def degree(self) -> int:
        """Degree of the polynomial."""
        return {3: 1, 6: 2, 10: 3, 15: 4, 21: 5}[self.coefficients_arcsec.size]

    def shifted(self, offset_arcsec: complex) -> "PlateMap":
        """Same map with all positions moved."""
        moved = self.coefficients_arcsec.copy()
        moved[0] += offset_arcsec
        return PlateMap(self.middle_px, self.unit_px, moved)

    def turned(self, about: complex, factor: complex) -> "PlateMap":
        """Same map, turned and stretched about a point of the plane."""
        coefficients = self.coefficients_arcsec * factor
        coefficients[0] += about - factor * about
        return PlateMap(self.middle_px, self.unit_px, coefficients)

    def aligned(
        self, pixels: ComplexArray, plane_arcsec: ComplexArray, *, keeps_scale: bool = False
    ) -> "PlateMap":
        """Same map shifted, turned and stretched by least squares to pairs, two at least."""
        at = self(pixels)
        here, there = complex(at.mean()), complex(plane_arcsec.mean())
        factor = complex(np.vdot(at - here, plane_arcsec - there))
        factor /= abs(factor) if keeps_scale else float((np.abs(at - here) ** 2).sum())
        return self.turned(here, factor).shifted(there - here)


def scale_of(plate: PlateMap) -> float:
    """Pixel scale of a map at its middle: the root of the area of a pixel, in arcsec."""
    along_x, along_y = plate.coefficients_arcsec[1:3] / plate.unit_px
    return math.sqrt(abs((along_x.conjugate() * along_y).imag))


def fit_plate(
    pixels: ComplexArray,
    plane_arcsec: ComplexArray,
    shape: tuple[int, int],
    degree: int = 1,
) -> PlateMap:
    """Least-squares map from detector to plane through pairs of positions.

    Parameters
    ----------
    pixels, plane_arcsec : complex array, shape (n,)
        The pairs; at least as many as the polynomial has terms (3, 6, 10, 15, 21).
    shape : (ny, nx)
        Size of the frame.
    degree : int
        1 to 5.
    """
    middle, unit = middle_of(shape), max(shape) / 2
    at = (pixels - middle) / unit
    terms = _terms(at.real, at.imag, degree)
    return PlateMap(middle, unit, _least_squares(terms, plane_arcsec))


def middle_of(shape: tuple[int, int]) -> complex:
    """Middle of a frame of (ny, nx) pixels."""
    return complex((shape[1] + 1) / 2, (shape[0] + 1) / 2)


def bearable_degree(pixels: ComplexArray, shape: tuple[int, int]) -> int:
    """Degree of distortion that stars at these places can bear at most.

    The frame is divided into 10 × 10 cells. Stars strewn at random occupy 80 of them if they are
    160, which bear the fifth order of a photographic lens (Brown 1966); sixty occupy 45 and bear a
    cubic, 25 occupy 22 and bear a parabola; fewer, or stars in one heap, bear none.
    """
    column = np.clip((pixels.real - 0.5) / shape[1] * 10, 0, 9.99).astype(int)
    row = np.clip((pixels.imag - 0.5) / shape[0] * 10, 0, 9.99).astype(int)
    occupied = np.unique(10 * row + column).size
    return next((degree for degree, least in CELLS_FOR_DEGREE.items() if occupied >= least), 1)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Detections of one frame and the stars that they are.

    Parameters
    ----------
    pixels : complex array, shape (n,)
        Detector positions.
    plane_arcsec : complex array, shape (n,)
        Positions of the stars in the plane that touches the sky at `middle_deg`.
    error_px : array, shape (n,)
        Standard deviations of the detector positions, as far as they are known.
    middle_deg : (float, float)
        RA and Dec of the middle of the frame, roughly.
    """

    pixels: ComplexArray
    plane_arcsec: ComplexArray
    error_px: FloatArray
    middle_deg: tuple[float, float]

    @classmethod
    def of(
        cls,
        pixels: ComplexArray,
        ra_deg: FloatArray,
        dec_deg: FloatArray,
        error_px: FloatArray,
        middle_deg: tuple[float, float],
    ) -> Self:
        """Pairs of detector and sky positions."""
        return cls(pixels, tangent_plane(*middle_deg, ra_deg, dec_deg), error_px, middle_deg)

    def where(self, kept: NDArray[np.bool_]) -> "Pairs":
        """Some of the pairs."""
        return Pairs(
            self.pixels[kept], self.plane_arcsec[kept], self.error_px[kept], self.middle_deg
        )


class DetectorDistortion:
    """The distortion of a detector, fitted to all its frames together.

    Every frame has linear terms of its own; the higher ones, which move a pixel position to
    where it would be without distortion, are common. They follow from the residuals of the
    linear fits, both sides freed from what linear terms explain (Frisch, Waugh and Lovell).

    Parameters
    ----------
    frames : sequence of Pairs
        At least one, of four pairs or more each.
    shape : (ny, nx)
        Size of the frames.
    degree : int
        1 to 5.
    """

    def __init__(self, frames: Sequence[Pairs], shape: tuple[int, int], degree: int) -> None:
        self.shape = shape
        parts = [self._without_linear(each, degree) for each in frames]
        terms = np.concatenate([part[0] for part in parts])
        residuals = np.concatenate([part[1] for part in parts])
        self._frames, self._count = len(frames), residuals.size
        # of normal equations those of a lower degree are a part; the terms, of order one and
        # without what is linear in them, are independent enough for that
        self._products, self._values = terms.T @ terms, terms.T @ residuals
        self._square = float(np.vdot(residuals, residuals).real)
        self._solve(degree)

    def lowered(self, degree: int) -> "DetectorDistortion":
        """The distortion of a lower degree through the same pairs."""
        lower = copy.copy(self)
        lower._solve(degree)
        return lower

    def _solve(self, degree: int) -> None:
        self.degree = degree
        count = len(tpv.terms(degree)) - LINEAR_TERMS
        values = self._values[:count]
        self.coefficients_px = _least_squares(self._products[:count, :count], values)
        # the sum of squares falls by the product of solution and right-hand side
        self._chi2 = self._square - float(np.vdot(self.coefficients_px, values).real)
        self._parameters = 6 * self._frames + 2 * count

    def _without_linear(self, pairs: Pairs, degree: int) -> tuple[FloatArray, ComplexArray]:
        """Weighted higher terms and residuals (px), both freed from linear terms."""
        weights = 1 / pairs.error_px
        stars = _linear_terms(pairs.plane_arcsec) * weights[:, None]
        pixels = (pairs.pixels - middle_of(self.shape)) * weights
        residuals = -_freed(stars, pixels)
        terms = self._scaled_terms(pairs.pixels, degree) * weights[:, None]
        linear, higher = terms[:, :LINEAR_TERMS], terms[:, LINEAR_TERMS:]
        return _freed(linear, higher), _freed(linear, residuals)

    def _scaled_terms(self, pixels: ComplexArray, degree: int) -> FloatArray:
        at = (pixels - middle_of(self.shape)) / (max(self.shape) / 2)
        return _terms(at.real, at.imag, degree)

    @property
    def information_criterion(self) -> float:
        """Bayesian information criterion; the lower, the better supported."""
        count = 2 * self._count
        chi2 = max(self._chi2, 1e-12)
        return float(count * math.log(chi2 / count) + self._parameters * math.log(count))

    def plate(self, pairs: Pairs) -> PlateMap:
        """Map of one frame with the distortion of the detector."""
        higher = self._scaled_terms(pairs.pixels, self.degree)[:, LINEAR_TERMS:]
        straight = pairs.pixels + higher @ self.coefficients_px
        weights = 1 / pairs.error_px
        terms = _linear_terms(straight) * weights[:, None]
        offset, direct, mirrored = np.linalg.lstsq(terms, pairs.plane_arcsec * weights, rcond=None)[
            0
        ]
        middle, unit = middle_of(self.shape), max(self.shape) / 2
        linear = [
            offset + direct * middle + mirrored * middle.conjugate(),
            (direct + mirrored) * unit,
            1j * (direct - mirrored) * unit,
        ]
        distortion = direct * self.coefficients_px + mirrored * self.coefficients_px.conj()
        return PlateMap(middle, unit, np.concatenate([linear, distortion]))


def _linear_terms(places: ComplexArray) -> ComplexArray:
    """What is linear in places, as terms of shape (n, 3)."""
    return np.stack([np.ones(places.size), places, places.conj()], axis=-1)


def _freed(terms: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values without what terms, one per column, explain of them."""
    basis = np.linalg.qr(terms)[0]
    return np.asarray(values - basis @ (basis.conj().T @ values))


def common_distortion(frames: Sequence[Pairs], shape: tuple[int, int]) -> DetectorDistortion:
    """Distortion that frames share, of the degree that their stars support.

    It is the one with the least Bayesian information criterion, and no higher than the places
    of the stars can bear; frames with hardly any stars have no say.
    """
    usable = [each for each in frames if each.pixels.size >= FEWEST_PAIRS]
    if not usable:
        return DetectorDistortion(frames, shape, 1)
    highest = bearable_degree(np.concatenate([each.pixels for each in usable]), shape)
    detector = DetectorDistortion(usable, shape, highest)
    every = [detector.lowered(degree) for degree in range(1, highest + 1)]
    best = min(every, key=lambda each: each.information_criterion)
    return best if len(usable) == len(frames) else DetectorDistortion(frames, shape, best.degree)


def fit_together(frames: Sequence[Pairs], shape: tuple[int, int]) -> list[dict[str, float | str]]:
    """World coordinate cards of frames of one detector through their pairs.

    Weighted least squares with a common distortion of the supported degree. Outliers beyond
    four standard deviations are clipped; to the known errors of position is added what the
    brighter stars scatter beyond theirs.

    Parameters
    ----------
    frames : sequence of Pairs
        Frames of one detector, `FEWEST_PAIRS` pairs or more each, brightest first.
    shape : (ny, nx)
        Size of the frames.

    Returns
    -------
    list of dict
        TAN (degree 1) or TPV. The reference pixel is the middle of the frame.
    """
    kept = list(frames)
    for _ in range(FIT_ROUNDS):
        detector = common_distortion(kept, shape)
        plates = [detector.plate(each) for each in kept]
        kept = _clipped(frames, plates)
    return [wcs_cards(plate, *each.middle_deg) for plate, each in zip(plates, frames, strict=True)]


def _clipped(frames: Sequence[Pairs], plates: Sequence[PlateMap]) -> list[Pairs]:
    """Pairs without outliers, with errors that tell the scatter."""
    off_px = [
        np.abs(plate(each.pixels) - each.plane_arcsec) / scale_of(plate)
        for plate, each in zip(plates, frames, strict=True)
    ]
    bright = np.concatenate([off[: max(FEWEST_PAIRS, off.size // 3)] for off in off_px])
    floor_px = float(np.median(bright)) / RAYLEIGH_MEDIAN
    result = []
    for off, each in zip(off_px, frames, strict=True):
        error_px = np.hypot(each.error_px, floor_px)
        good = off <= CLIP_SIGMA * error_px
        if good.sum() < FEWEST_PAIRS:
            good = np.ones(off.size, bool)
        result.append(replace(each, error_px=error_px).where(good))
    return result


def wcs_cards(plate: PlateMap, ra0_deg: float, dec0_deg: float) -> dict[str, float | str]:
    """World coordinate cards (TAN or TPV) of a map whose plane touches the sky at position 0.

    The map is written about its own middle: the tangent point moves there, and the polynomial
    is fitted again on a grid, which is exact but for the curvature of the sky beyond the
    third order.
    """
    ra, dec = from_tangent_plane(ra0_deg, dec0_deg, plate.coefficients_arcsec[0])
    side = np.linspace(-1.0, 1.0, 15) * plate.unit_px
    grid = (side[None, :] + 1j * side[:, None]).ravel()
    at_ra, at_dec = from_tangent_plane(ra0_deg, dec0_deg, plate(grid + plate.middle_px))
    target = tangent_plane(float(ra), float(dec), at_ra, at_dec) / sky.ARCSEC_PER_DEG
    linear = np.linalg.lstsq(
        _terms(grid.real, grid.imag, max(plate.degree, 1)).astype(complex), target, rcond=None
    )[0]
    along_x, along_y = complex(linear[1]), complex(linear[2])
    kind = "TAN" if plate.degree == 1 else "TPV"
    cards: dict[str, float | str] = {
        "CTYPE1": f"RA---{kind}",
        "CTYPE2": f"DEC--{kind}",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": float(ra),
        "CRVAL2": float(dec),
        "CRPIX1": plate.middle_px.real,
        "CRPIX2": plate.middle_px.imag,
        "CD1_1": along_x.real,
        "CD1_2": along_y.real,
        "CD2_1": along_x.imag,
        "CD2_2": along_y.imag,
        "RADESYS": "ICRS",
        "EQUINOX": 2000.0,
    }
    if plate.degree > 1:
        linear_deg = grid.real * along_x + grid.imag * along_y
        distortion, _ = tpv.fit(
            linear_deg.real, linear_deg.imag, target.real, target.imag, plate.degree
        )
        cards |= distortion
    return cards


def sky_of(cards: Mapping[str, float | str]) -> PixelToSky:
    """Function from detector to sky of world coordinate cards in the standard form.

    Parameters
    ----------
    cards : mapping
        TAN or TPV, RA first, with a CD matrix and units of degrees.
    """
    ra0, dec0, x0, y0 = (float(cards[key]) for key in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"))
    along_x = complex(float(cards.get("CD1_1", 0)), float(cards.get("CD2_1", 0)))
    along_y = complex(float(cards.get("CD1_2", 0)), float(cards.get("CD2_2", 0)))
    distortion = {key: float(value) for key, value in cards.items() if key.startswith("PV")}

    def transform(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        plane = (np.asarray(x, float) - x0) * along_x + (np.asarray(y, float) - y0) * along_y
        if cards["CTYPE1"] == "RA---TPV":
            xi, eta = tpv.evaluate(distortion, plane.real, plane.imag)
            plane = xi + 1j * eta
        return from_tangent_plane(ra0, dec0, plane * sky.ARCSEC_PER_DEG)

    return transform


def nearest_pairs(
    plane_arcsec: ComplexArray, tree: KDTree, tolerance_arcsec: float
) -> tuple[IntArray, IntArray]:
    """Indices of detections and stars that are each other's only nearest within the tolerance."""
    nearest = tree.query(coordinates(plane_arcsec), distance_upper_bound=tolerance_arcsec)
    distance, star = np.asarray(nearest[0]), np.asarray(nearest[1])
    order = np.argsort(distance, kind="stable")
    order = order[np.isfinite(distance[order])]
    _, first = np.unique(star[order], return_index=True)
    chosen = np.sort(order[first])
    return chosen.astype(np.int64), star[chosen].astype(np.int64)


def star_tree(plane: ComplexArray) -> KDTree:
    """Search tree of points of the plane."""
    return KDTree(coordinates(plane))


def coordinates(plane: ComplexArray) -> FloatArray:
    """Real coordinates, shape (..., 2)."""
    return np.stack([plane.real, plane.imag], axis=-1)


def surprise(matched: int, expected: float, spent: int = 0) -> float:
    """How improbable so many coincidences are by chance, in nats.

    Parameters
    ----------
    matched : int
        Coincidences found.
    expected : float
        Coincidences that chance would give.
    spent : int
        Coincidences that the choice of the hypothesis brought about by itself.

    Notes
    -----
    Chernoff's bound of the Poisson tail: P(≥ k | λ) ≤ exp(−(k ln(k/λ) − k + λ)).
    """
    free = matched - spent
    rate = max(expected, 1e-6)
    if free <= rate:
        return 0.0
    return free * math.log(free / rate) - free + rate


@dataclass(frozen=True, slots=True)
class PlateCheck:
    """What the stars say about a solution, independently of how it was found.

    Parameters
    ----------
    detections, references : int
        Stars compared: the brightest of both lists inside the frame.
    matched : int
        Pairs within the tolerance.
    expected : float
        Pairs that chance would give, measured by displacing the detections.
    surprise_nats : float
        Improbability of the pairs.
    tolerance_arcsec : float
        Radius of coincidence.
    rms_arcsec : float
        Root mean square of all residuals per axis.
    region_arcsec : float
        Largest median residual of the nine regions of the frame with five pairs or more.
    scale_arcsec : float
        Pixel scale at the middle.
    anisotropy : float
        Ratio of the two scales of the solution relative to those of the detector, minus 1.
    swelling : float
        Largest relative change of pixel area between the middle and the corners.
    rotation_deg : float
        Position angle of the detector's y axis, north through east.
    mirrored : bool
        East is to the right when north is up.
    middle_deg : (float, float)
        RA and Dec of the middle of the frame.
    sources : int array
        Indices of the matched detections.
    ra_deg, dec_deg : arrays
        Their stars.
    residual_arcsec : array
        Distances between the two.
    """

    detections: int
    references: int
    matched: int
    expected: float
    surprise_nats: float
    tolerance_arcsec: float
    rms_arcsec: float
    region_arcsec: float
    scale_arcsec: float
    anisotropy: float
    swelling: float
    rotation_deg: float
    mirrored: bool
    middle_deg: tuple[float, float]
    sources: IntArray
    ra_deg: FloatArray
    dec_deg: FloatArray
    residual_arcsec: FloatArray


@dataclass(frozen=True, slots=True)
class Limits:
    """What a solution has to fulfil to be believed.

    Parameters
    ----------
    surprise_nats : float
        Least improbability of the coincidences.
    matched : int
        Fewest pairs.
    scale_error : float
        Largest relative deviation from the nominal pixel scale.
    anisotropy, swelling : float
        Largest distortion of a pixel's shape at the middle, and of its area at the corners.
    """

    surprise_nats: float = 25.0
    matched: int = 6
    scale_error: float = 0.2
    anisotropy: float = 0.03
    swelling: float = 0.2


DISPLACEMENTS = 12  # shifted copies of a match tell chance to 30 % of its square root
SPENT_BY_LINEAR, SPENT_BY_SIMILARITY = 4, 2  # pairs that a solution makes coincide by itself
DEFAULT_LIMITS = Limits()


def check_plate(
    to_sky: PixelToSky,
    pixels: ComplexArray,
    ra_deg: FloatArray,
    dec_deg: FloatArray,
    shape: tuple[int, int],
    tolerance_px: float = 2.0,
    most: int = 500,
    pixel_ratio: float = 1.0,
    spent: int = SPENT_BY_LINEAR,
) -> PlateCheck:
    """Compare detections with catalog stars through a solution.

    Parameters
    ----------
    to_sky : callable
        Detector x, y → RA, Dec of the solution.
    pixels : complex array
        Detections, brightest first.
    ra_deg, dec_deg : array
        Catalog stars, brightest first.
    shape : (ny, nx)
        Size of the frame.
    tolerance_px : float
        Radius of coincidence in pixels.
    most : int
        Largest number of detections and of stars compared.
    pixel_ratio : float
        Nominal size of a pixel along y over that along x.
    spent : int
        Pairs that the solution made coincide by itself.
    """
    middle = middle_of(shape)
    grid = _grid(shape)
    half = complex(shape[1] / 2 - 1, shape[0] / 2 - 1)
    corners = middle + np.array([half, half.conjugate(), -half, -half.conjugate()])
    around = np.append(middle, corners)[:, None] + np.array([0.5, -0.5, 0.5j, -0.5j])
    bright = pixels[:most]
    points = np.concatenate([[middle], around.ravel(), grid, bright])  # one call is a tenth of ten
    ra, dec = to_sky(points.real, points.imag)
    ra0, dec0 = float(ra[0]), float(dec[0])
    plane = tangent_plane(ra0, dec0, ra, dec)[1:]
    edges = plane[: around.size].reshape(around.shape)
    outline, detected = np.split(plane[around.size :], [grid.size])
    along_x, along_y = edges[:, 0] - edges[:, 1], edges[:, 2] - edges[:, 3]
    areas = (along_x.conj() * along_y).imag
    scale = math.sqrt(abs(areas[0])) or math.nan
    tolerance = tolerance_px * scale
    stars, chosen = _stars_inside(outline, grid, shape, ra0, dec0, ra_deg, dec_deg)
    stars, chosen = stars[:most], chosen[:most]
    usable = np.flatnonzero(np.isfinite(detected))
    detected = detected[usable]
    found, star, expected = _coincidences(detected, stars, tolerance)
    residual = detected[found] - stars[star]
    return PlateCheck(
        detections=detected.size,
        references=chosen.size,
        matched=found.size,
        expected=expected,
        surprise_nats=surprise(found.size, expected, spent),
        tolerance_arcsec=tolerance,
        rms_arcsec=float(np.sqrt(np.mean(np.abs(residual) ** 2) / 2)) if found.size else math.nan,
        region_arcsec=_worst_region(pixels[usable[found]], residual, shape),
        scale_arcsec=scale,
        anisotropy=_anisotropy(complex(along_x[0]), complex(along_y[0]) / pixel_ratio),
        swelling=_swelling(areas),
        rotation_deg=math.degrees(math.atan2(along_y[0].real, along_y[0].imag)),
        mirrored=bool(areas[0] > 0),
        middle_deg=(ra0, dec0),
        sources=usable[found],
        ra_deg=ra_deg[chosen[star]],
        dec_deg=dec_deg[chosen[star]],
        residual_arcsec=np.abs(residual),
    )


def _grid(shape: tuple[int, int]) -> ComplexArray:
    """Places all over a frame, its edges included."""
    across, up = (np.linspace(0.5, side + 0.5, 9) for side in shape[::-1])
    return np.asarray((across[None, :] + 1j * up[:, None]).ravel())


def _stars_inside(
    outline: ComplexArray,
    grid: ComplexArray,
    shape: tuple[int, int],
    ra0: float,
    dec0: float,
    ra_deg: FloatArray,
    dec_deg: FloatArray,
) -> tuple[ComplexArray, IntArray]:
    """Plane positions and indices of the stars that fall on the detector."""
    if not np.isfinite(outline).all():
        return np.empty(0, complex), np.empty(0, np.int64)
    reach = float(np.abs(outline).max()) or 1.0
    beside = _within(1.001 * reach / sky.ARCSEC_PER_DEG, ra0, dec0, ra_deg, dec_deg)
    stars = tangent_plane(ra0, dec0, ra_deg[beside], dec_deg[beside])
    back = _least_squares(_terms(outline.real / reach, outline.imag / reach, 3), grid)
    near = np.flatnonzero(np.abs(stars) <= reach)
    at = _terms(stars[near].real / reach, stars[near].imag / reach, 3) @ back
    on_frame = (
        (at.real >= 0.5)
        & (at.real <= shape[1] + 0.5)
        & (at.imag >= 0.5)
        & (at.imag <= shape[0] + 0.5)
    )
    return stars[near[on_frame]], beside[near[on_frame]]


def _within(
    reach_deg: float, ra0: float, dec0: float, ra_deg: FloatArray, dec_deg: FloatArray
) -> IntArray:
    """Indices of all stars within the reach, and of some that are not.

    The tangent plane stretches: what lies within the reach on it lies within the reach on the sky.
    """
    beside = np.flatnonzero(np.abs(dec_deg - dec0) <= reach_deg)
    if abs(dec0) + reach_deg >= 90.0:
        return beside
    widest = math.sin(math.radians(reach_deg)) / math.cos(math.radians(dec0))
    apart = np.abs((ra_deg[beside] - ra0 + 180.0) % 360.0 - 180.0)
    return beside[apart <= math.degrees(math.asin(min(widest, 1.0)))]


def _coincidences(
    detected: ComplexArray, stars: ComplexArray, tolerance: float
) -> tuple[IntArray, IntArray, float]:
    """Pairs, and the number that chance gives: the mean over a ring of displacements."""
    nothing = np.empty(0, np.int64)
    if not detected.size or not stars.size or not math.isfinite(tolerance):
        return nothing, nothing, 0.0
    tree = star_tree(stars)
    found, star = nearest_pairs(detected, tree, tolerance)
    ring = 6.0 * tolerance * np.exp(2j * np.pi * np.arange(DISPLACEMENTS) / DISPLACEMENTS)
    moved = coordinates(detected + ring[:, None])
    apart, star_of = tree.query(moved, distance_upper_bound=tolerance)
    # as many pairs as stars have a detection of the copy beside them
    pairs = (star_of + (tree.n + 1) * np.arange(DISPLACEMENTS)[:, None])[np.isfinite(apart)]
    by_chance = np.unique(pairs).size / DISPLACEMENTS
    extent = np.ptp(stars.real) * np.ptp(stars.imag) if stars.size > 1 else 0.0
    uniform = detected.size * stars.size * math.pi * tolerance**2 / extent if extent else 0.0
    return found, star, max(float(by_chance), uniform)


def _worst_region(pixels: ComplexArray, residual: ComplexArray, shape: tuple[int, int]) -> float:
    """Largest length of the median residual of the nine regions with five pairs or more."""
    column = np.clip((pixels.real - 0.5) / shape[1] * 3, 0, 2.99).astype(int)
    row = np.clip((pixels.imag - 0.5) / shape[0] * 3, 0, 2.99).astype(int)
    worst = 0.0
    for region in np.unique(3 * row + column):
        here = residual[3 * row + column == region]
        if here.size >= 5:
            ordered = np.sort([here.real, here.imag])  # np.median takes three times as long
            middle = ordered[:, [(here.size - 1) // 2, here.size // 2]].mean(axis=1)
            worst = max(worst, math.hypot(*middle))
    return worst


def _anisotropy(along_x: complex, along_y: complex) -> float:
    """Ratio of the larger to the smaller stretch of the map with these axes, minus 1."""
    matrix = np.array([[along_x.real, along_y.real], [along_x.imag, along_y.imag]])
    if not np.isfinite(matrix).all():
        return math.inf
    largest, smallest = np.linalg.svd(matrix, compute_uv=False)
    return float(largest / smallest - 1) if smallest > 0 else math.inf


def _swelling(areas: FloatArray) -> float:
    """Largest relative difference of pixel area between the middle, which is first, and others."""
    worst = float(np.abs(areas[1:] / areas[0] - 1).max()) if areas[0] else math.inf
    return worst if math.isfinite(worst) else math.inf


def objection(
    check: PlateCheck, nominal_scale_arcsec: float, limits: Limits = DEFAULT_LIMITS
) -> str | None:
    """Why a solution cannot be believed, or None if it can.

    Chance pairs fill the circle of coincidence evenly (rms per axis half its radius); true
    ones crowd at its centre: an rms above 0.4 of the radius tells them apart.
    """
    counted = (
        f"{check.matched} of {check.detections} detections and {check.references} catalog stars "
        f"match, {check.expected:.1f} by chance"
    )
    off = check.scale_arcsec / nominal_scale_arcsec - 1
    if check.matched < limits.matched or check.surprise_nats < limits.surprise_nats:
        return counted
    if check.rms_arcsec > 0.4 * check.tolerance_arcsec:
        return f"{counted}, but scatter by {check.rms_arcsec:.2f}″ as chance pairs do"
    if abs(off) > limits.scale_error:
        return f"pixel scale {check.scale_arcsec:.4f}″ is {100 * off:+.0f} % off the header's"
    if check.anisotropy > limits.anisotropy or check.swelling > limits.swelling:
        return (
            f"implausible distortion (pixels stretched by {100 * check.anisotropy:.1f} %, "
            f"area differs by {100 * check.swelling:.0f} % across the frame)"
        )
    return None
