"""Finding where on the sky a frame lies, from the pattern of its stars.

Two makers of hypotheses: quadrilaterals of neighbouring stars, whose shapes do not depend on
position, scale, rotation and (read twice) parity; and, when all but the position is known,
a vote of all differences between detections and stars. Every hypothesis is then judged by the
coincidences of the remaining stars, against the number of hypotheses that were made.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from photpipe.science.astrometry import (
    ComplexArray,
    PlateMap,
    bearable_degree,
    coordinates,
    fit_plate,
    middle_of,
    nearest_pairs,
    scale_of,
    star_tree,
    surprise,
)

# by judgement: quads of near stars survive missing ones; their number grows with the cube
NEIGHBOURS = 7
MOST_NUMBERED = 55_000  # points: the fourth power, of four of them, is an integer of 63 bits
CODE_TOLERANCE = 0.015  # in units of the longest side
SURE_NATS = 12.0  # beyond the logarithm of the number of hypotheses: one wrong in 160 000
VOTE_CELL_PX = 8.0  # by judgement: distortion and centroids over a frame
LARGEST_TALLY = 1 << 21  # cells, by judgement: 16 MB of memory against sorting
VOTE_WINNERS = 3  # noise now and then has the most votes
REFINED = 12  # hypotheses of one kind that are refined
TRIED_DETECTIONS = 40  # brightest detections a hypothesis is judged by at first
TRIED_PX = 6.0  # by judgement: within the votes' cell
# from the votes' cell down to what centroids and distortion leave
REFINING_PX = (8.0, 5.0, 3.0, 3.0)
FEWEST_PAIRS = 5  # by judgement: two stars more than the linear terms take
HIGHEST_DEGREE = 3  # of a hypothesis
# detections, and reference stars for each: even, deep, catalog deeper, both deeper
DEPTHS = ((40, 1.5), (90, 1.0), (40, 4.0), (150, 2.5))


@dataclass(frozen=True, slots=True)
class Quads:
    """Quadrilaterals of neighbouring stars.

    Parameters
    ----------
    corners : int array, shape (n, 4)
        Indices of the stars: the two farthest apart, then the two others.
    codes : float array, shape (n, 4)
        Places of the two others when the first two are 0 and 1 of the complex plane.
    """

    corners: NDArray[np.int64]
    codes: NDArray[np.float64]


def quads_of(points: ComplexArray, neighbours: int = NEIGHBOURS) -> Quads:
    """Quadrilaterals made of each point with three of its nearest neighbours."""
    count = min(neighbours, points.size - 1)
    if count < 3:
        return Quads(np.empty((0, 4), np.int64), np.empty((0, 4)))
    near = np.asarray(star_tree(points).query(coordinates(points), k=count + 1)[1])
    triples = np.array(list(itertools.combinations(range(1, count + 1), 3)))
    first = np.repeat(near[:, :1], len(triples), axis=0)
    corners = np.concatenate([first, near[:, triples].reshape(-1, 3)], axis=1)
    return _ordered(points, _distinct(np.sort(corners, axis=1), points.size))


def _distinct(corners: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Each quadrilateral once, in the order of its corners, which are numbers below count."""
    if count >= MOST_NUMBERED:
        return np.unique(corners, axis=0)
    shape = (count,) * 4  # one number for each quadrilateral is sorted three times as fast
    numbers = np.unique(np.ravel_multi_index(tuple(corners.T), shape))
    return np.stack(np.unravel_index(numbers, shape), axis=1)


def _ordered(points: ComplexArray, corners: NDArray[np.int64]) -> Quads:
    """Corners in the order that makes the code unique: base first, others from left to right."""
    pairs = np.array(list(itertools.combinations(range(4), 2)))
    at = points[corners]
    lengths = np.abs(at[:, pairs[:, 0]] - at[:, pairs[:, 1]])
    longest = np.argmax(lengths, axis=1)
    rest = np.array([[k for k in range(4) if k not in pair] for pair in pairs.tolist()])
    order = np.concatenate([pairs, rest], axis=1)[longest]
    corners = np.take_along_axis(corners, order, axis=1)
    base = points[corners[:, 1]] - points[corners[:, 0]]
    good = np.abs(base) > 0
    corners, base = corners[good], base[good]
    inner = (points[corners[:, 2:]] - points[corners[:, :1]]) / base[:, None]
    turned = inner.real.sum(axis=1) > 1
    corners[turned, :2] = corners[turned, 1::-1]
    inner[turned] = 1 - inner[turned]
    swapped = inner[:, 0].real > inner[:, 1].real
    corners[swapped, 2:] = corners[swapped, :1:-1]
    inner[swapped] = inner[swapped, ::-1]
    codes = np.stack([inner[:, 0].real, inner[:, 0].imag, inner[:, 1].real, inner[:, 1].imag], -1)
    return Quads(corners, codes)


@dataclass(frozen=True, slots=True)
class StarField:
    """The brighter stars of a region, ready to be searched.

    Parameters
    ----------
    plane : complex array
        Positions in arcsec.
    density : float
        Stars per square arcsec.
    tree : KDTree
        Of the positions.
    """

    plane: ComplexArray
    density: float
    tree: KDTree

    @classmethod
    def of(cls, plane: ComplexArray, area_arcsec2: float) -> "StarField":
        """Prepare a field of at least one star that fills the given area."""
        return cls(plane, plane.size / area_arcsec2, star_tree(plane))


class StarRegion:
    """Catalog stars of a region of the sky, in a tangent plane.

    What is prepared of them for one frame serves the next.

    Parameters
    ----------
    plane_arcsec : complex array
        Positions, brightest first; at least one.
    area_arcsec2 : float
        Area that they fill.
    """

    def __init__(self, plane_arcsec: ComplexArray, area_arcsec2: float) -> None:
        self.plane = plane_arcsec
        self.area_arcsec2 = area_arcsec2
        self._fields: dict[int, StarField] = {}
        self._quads: dict[int, tuple[Quads, KDTree | None]] = {}

    def count_for(self, stars_per_frame: float, frame_area_arcsec2: float) -> int:
        """Number of stars that gives so many per frame, in steps of a quarter."""
        wanted = max(8.0, stars_per_frame * self.area_arcsec2 / frame_area_arcsec2)
        step = round(math.log(wanted) / math.log(1.25))
        return min(math.ceil(1.25**step), self.plane.size)

    def field(self, count: int) -> StarField:
        """The brightest stars."""
        if count not in self._fields:
            self._fields[count] = StarField.of(self.plane[:count], self.area_arcsec2)
        return self._fields[count]

    def quads(self, count: int) -> tuple[Quads, KDTree | None]:
        """Quadrilaterals of the brightest stars, and the tree of their codes if there are any."""
        if count not in self._quads:
            quads = quads_of(self.plane[:count])
            self._quads[count] = quads, KDTree(quads.codes) if len(quads.codes) else None
        return self._quads[count]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known about a frame beforehand.

    Parameters
    ----------
    shape : (ny, nx)
        Size of the frame.
    scale_arcsec : float
        Nominal pixel scale.
    scale_error : float
        Its largest relative error.
    centre_arcsec : complex
        Where in the plane the middle of the frame is expected.
    offset_arcsec : float
        How far from there it may be.
    pixel_ratio : float
        Size of a pixel along y over that along x.
    """

    shape: tuple[int, int]
    scale_arcsec: float
    scale_error: float = 0.2
    centre_arcsec: complex = 0j
    offset_arcsec: float = math.inf
    pixel_ratio: float = 1.0

    @property
    def middle_px(self) -> complex:
        """Frame centre."""
        return middle_of(self.shape)

    @property
    def area_arcsec2(self) -> float:
        """Nominal area of the frame on the sky."""
        return self.shape[0] * self.shape[1] * self.scale_arcsec**2


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """The best hypothesis of a search.

    Parameters
    ----------
    plate : PlateMap
        Detector to plane.
    matched : int
        Coincidences after refinement.
    expected : float
        Coincidences by chance.
    score_nats : float
        Improbability of the coincidences, less the logarithm of the number of hypotheses.
    origin : int
        Which of the known maps led to it; -1: none, the pattern was recognised.
    """

    plate: PlateMap
    matched: int
    expected: float
    score_nats: float
    origin: int = -1

    @property
    def is_sure(self) -> bool:
        """Whether chance is excluded."""
        return self.score_nats >= SURE_NATS


def search(
    pixels: ComplexArray,
    region: StarRegion,
    expectation: Expectation,
    known: Sequence[PlateMap] = (),
    *,
    thorough: bool = True,
) -> PatternMatch | None:
    """Find the map from a frame to the plane of the catalog.

    Parameters
    ----------
    pixels : complex array
        Detections, brightest first.
    region : StarRegion
        Catalog stars.
    expectation : Expectation
        Size, scale and place of the frame, and their uncertainty.
    known : sequence of PlateMap
        Maps whose scale, rotation and parity may hold (header, neighbours in the series).
    thorough : bool
        Recognise patterns where none of the known maps holds.

    Returns
    -------
    Finding or None
        The first hypothesis that is sure, otherwise the best; None if there were too few
        stars to make any.
    """
    best: PatternMatch | None = None
    tried = set()
    for detections, richness in DEPTHS:
        bright = pixels[:detections]
        count = region.count_for(bright.size * richness, expectation.area_arcsec2)
        if (bright.size, count) in tried:
            continue
        tried.add((bright.size, count))
        field = region.field(count)
        attempts = _voted(bright, field, expectation, known)
        if thorough:
            attempts = itertools.chain(attempts, _recognised(bright, region, count, expectation))
        for found in attempts:
            if best is None or found.score_nats > best.score_nats:
                best = found
            if found.is_sure:
                return found
    return best


def _voted(
    bright: ComplexArray, field: StarField, expectation: Expectation, known: Sequence[PlateMap]
) -> Iterator[PatternMatch]:
    """Findings when only the position is unknown: the most frequent differences."""
    for origin, plate in enumerate(known):
        difference = (field.plane[None, :] - plate(bright)[:, None]).ravel()
        from_there = difference + complex(plate(expectation.middle_px)) - expectation.centre_arcsec
        difference = difference[np.abs(from_there) <= expectation.offset_arcsec]
        for lattice in (0, 0.5 + 0.5j):
            cells = _numbered(difference / (VOTE_CELL_PX * expectation.scale_arcsec) + lattice)
            names, votes = _counted(cells)
            for cell in _most(votes, VOTE_WINNERS):
                here = difference[cells == names[cell]]
                moved = plate.shifted(complex(np.median(here.real), np.median(here.imag)))
                found = _refined(moved, bright, field, expectation, names.size)
                if found is not None:
                    yield replace(found, origin=origin)


def _counted(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers that are there, in order, and how often; without sorting where they are small."""
    if not cells.size or cells.max() >= LARGEST_TALLY:
        return np.unique(cells, return_counts=True)
    votes = np.bincount(cells)
    names = np.flatnonzero(votes)
    return names, votes[names]


def _most(votes: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """Places of the largest numbers, the largest first, of equal ones the first."""
    if votes.size <= count:
        return np.argsort(-votes, kind="stable")
    least = np.partition(votes, votes.size - count)[-count]
    large = np.flatnonzero(votes >= least)
    return np.asarray(large[np.argsort(-votes[large], kind="stable")][:count])


def _numbered(places: ComplexArray) -> NDArray[np.int64]:
    """Number of the unit square that each place lies in, column by column."""
    if not places.size:
        return np.empty(0, np.int64)
    column, row = (np.floor(each).astype(np.int64) for each in (places.real, places.imag))
    row -= row.min()
    return np.asarray((column - column.min()) * (row.max() + 1) + row)


def _recognised(
    bright: ComplexArray, region: StarRegion, count: int, expectation: Expectation
) -> Iterator[PatternMatch]:
    """Findings from quadrilaterals of the same shape, as seen and in the mirror."""
    square = bright.real + 1j * bright.imag * expectation.pixel_ratio
    seen = quads_of(square)
    charted, tree = region.quads(count)
    if tree is None or not len(seen.codes):
        return
    field = region.field(count)
    turned = (1.0, -1.0, 1.0, -1.0)
    factors, offsets, mirrors = [], [], []
    for mirror in (False, True):
        codes = seen.codes * turned if mirror else seen.codes
        mine, theirs = _alike(codes, tree)
        factor, offset = _similarities(
            (square.conj() if mirror else square)[seen.corners[mine]],
            field.plane[charted.corners[theirs]],
        )
        stretch = np.abs(factor) * math.sqrt(expectation.pixel_ratio) / expectation.scale_arcsec
        error = 1 + expectation.scale_error
        fits = (stretch < error) & (stretch > 1 / error)
        factor, offset = factor[fits], offset[fits]
        factors.append(factor)
        offsets.append(offset)
        mirrors.append(np.full(factor.size, mirror))
    factor, offset = np.concatenate(factors), np.concatenate(offsets)
    mirrored = np.concatenate(mirrors)
    gathered = _gathered(square, factor, offset, mirrored, field, expectation)
    for best in np.argsort(gathered, kind="stable")[::-1][:REFINED]:
        plate = PlateMap.similarity(
            complex(factor[best]),
            complex(offset[best]),
            bool(mirrored[best]),
            expectation.pixel_ratio,
        )
        found = _refined(plate, bright, field, expectation, factor.size)
        if found is not None:
            yield found


def _alike(codes: NDArray[np.float64], tree: KDTree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of quadrilaterals of nearly the same shape."""
    hits: list[list[int]] = np.asarray(
        tree.query_ball_point(codes, CODE_TOLERANCE), object
    ).tolist()
    counts = np.array([len(each) for each in hits])
    theirs = np.fromiter(itertools.chain.from_iterable(hits), np.int64, counts.sum())
    return np.repeat(np.arange(len(codes)), counts), theirs


def _similarities(source: ComplexArray, target: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Factors and offsets of the maps that best carry corners, shape (n, 4), into corners."""
    source_mean, target_mean = source.mean(axis=1), target.mean(axis=1)
    source, target = source - source_mean[:, None], target - target_mean[:, None]
    factor = (source.conj() * target).sum(axis=1) / (np.abs(source) ** 2).sum(axis=1)
    return factor, target_mean - factor * source_mean


def _gathered(
    square: ComplexArray,
    factor: ComplexArray,
    offset: ComplexArray,
    mirror: NDArray[np.bool_],
    field: StarField,
    expectation: Expectation,
) -> NDArray[np.int64]:
    """How many detections each map brings beside a star (none if it leads out of the region)."""
    brightest = square[:TRIED_DETECTIONS]
    middle = expectation.middle_px
    middle = complex(middle.real, middle.imag * expectation.pixel_ratio)
    at = factor * np.where(mirror, middle.conjugate(), middle) + offset
    counts = np.zeros(factor.size, np.int64)
    inside = np.flatnonzero(np.abs(at - expectation.centre_arcsec) <= expectation.offset_arcsec)
    for part in np.array_split(inside, 1 + inside.size // 5000):
        seen = np.where(mirror[part, None], brightest.conj()[None, :], brightest[None, :])
        predicted = factor[part, None] * seen + offset[part, None]
        distance = np.asarray(
            field.tree.query(
                coordinates(predicted), distance_upper_bound=TRIED_PX * expectation.scale_arcsec
            )[0]
        )
        counts[part] = np.isfinite(distance).sum(axis=1)
    return counts


def _refined(
    plate: PlateMap,
    bright: ComplexArray,
    field: StarField,
    expectation: Expectation,
    hypotheses: int,
) -> PatternMatch | None:
    """Hypothesis fitted to all its coincidences, narrower each time; None if it falls apart."""
    for tolerance_px in REFINING_PX:
        tolerance = tolerance_px * expectation.scale_arcsec
        mine, theirs = nearest_pairs(plate(bright), field.tree, tolerance)
        if mine.size < FEWEST_PAIRS:
            return None
        degree = min(bearable_degree(bright[mine], expectation.shape), HIGHEST_DEGREE)
        plate = fit_plate(bright[mine], field.plane[theirs], expectation.shape, degree)
    mine, theirs = nearest_pairs(plate(bright), field.tree, tolerance)
    spent = {1: 4, 2: 6, 3: 10}[plate.degree]
    middle = complex(plate(expectation.middle_px))
    reach = math.sqrt(expectation.area_arcsec2 / math.pi)
    nearby = np.count_nonzero(np.abs(field.plane - middle) <= reach)
    density = max(field.density, nearby / expectation.area_arcsec2)
    expected = bright.size * density * math.pi * tolerance**2
    score = surprise(mine.size, expected, spent) - math.log(max(hypotheses, 1))
    off = abs(scale_of(plate) / expectation.scale_arcsec - 1)
    if off > expectation.scale_error:
        return None
    return PatternMatch(plate, mine.size, float(expected), float(score))
