"""Placing a frame among a few bright stars: a catalog that ends where its many sources begin.

Seven stars of Tycho-2 among 300 sources are no pattern as long as all sources are compared: faint
ones crowd around each star. The sources are therefore cut to the depth of the catalog. Every two of
the brightest may then be every two of the stars that the pixel scale and the pointing allow; that
is one hypothesis of position, rotation and scale each, which two pairs make and all others judge.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from photpipe.science.astrometry import (
    SPENT_BY_SIMILARITY,
    ComplexArray,
    PlateMap,
    coordinates,
    nearest_pairs,
    scale_of,
    star_tree,
    surprise,
)
from photpipe.science.patterns import Expectation, StarRegion

FEWEST_STARS = 6  # by judgement: fewer matches happen by chance
SURE_NATS = 12.0  # beyond the logarithm of the number of hypotheses, as for patterns
MOST_STARS_PER_FRAME = 25.0  # more are a matter for patterns
LEAST_CUT = 3.0  # sources per star of the catalog from which on the cut matters
DEPTHS = (1.5, 3.0)  # sources per star that are left; a colour moves a star up or down the list
MORE_SOURCES = 3  # that are left
SHORTEST_SIDE = 0.2  # of a pair, in sides of the frame: shorter ones tell no rotation
TRIED_PX = 6.0  # by judgement: what centroids and distortion leave before the fit
MOST_TRIED = 4_000_000  # positions of sources, over all hypotheses: three seconds
MOST_COMPARED = 20_000_000  # pairs of stars, over all pairs of sources: a second
REFINED = 12  # a step costs a match of all stars; the right one is among the best
# from the first match down to what centroids and distortion leave
REFINING_PX = (6.0, 3.0, 2.0, 2.0)


@dataclass(frozen=True, slots=True)
class Placement:
    """The best place of a frame among bright stars.

    Parameters
    ----------
    plate : PlateMap
        Detector to plane: a similarity.
    sources : int
        How many of the brightest sources were compared.
    matched : int
        Coincidences.
    score_nats : float
        Their improbability, less the logarithm of the number of hypotheses.
    """

    plate: PlateMap
    sources: int
    matched: int
    score_nats: float

    @property
    def is_sure(self) -> bool:
        """Whether chance is excluded."""
        return self.score_nats >= SURE_NATS and self.matched >= FEWEST_STARS


def stars_per_frame(region: StarRegion, expectation: Expectation) -> float:
    """Stars of a region that a frame shows on average."""
    return region.plane.size * expectation.area_arcsec2 / region.area_arcsec2


def is_sparse(sources: int, region: StarRegion, expectation: Expectation) -> bool:
    """Whether a region has far fewer stars than a frame has sources."""
    stars = stars_per_frame(region, expectation)
    return stars <= MOST_STARS_PER_FRAME and sources >= LEAST_CUT * stars


def place(pixels: ComplexArray, region: StarRegion, expectation: Expectation) -> Placement | None:
    """Place a frame by its brightest sources.

    Parameters
    ----------
    pixels : complex array
        Sources, brightest first.
    region : StarRegion
        All stars of the catalog around the frame.
    expectation : Expectation
        Size, scale and place of the frame, and their uncertainty.

    Returns
    -------
    Placement or None
        The first that is sure, otherwise the best; None if no six sources coincide with stars.
    """
    stars = stars_per_frame(region, expectation)
    best: Placement | None = None
    for depth in DEPTHS:
        bright = pixels[: max(FEWEST_STARS, math.ceil(depth * stars)) + MORE_SOURCES]
        found = _placed(bright, region.plane, expectation)
        if found is not None and (best is None or found.score_nats > best.score_nats):
            best = found
        if best is not None and best.is_sure:
            break
    return best


def _placed(
    bright: ComplexArray, stars: ComplexArray, expectation: Expectation
) -> Placement | None:
    """Best place of so many sources."""
    if stars.size < FEWEST_STARS or bright.size < FEWEST_STARS:
        return None
    tree = star_tree(stars)
    square = bright.real + 1j * bright.imag * expectation.pixel_ratio
    middle = expectation.middle_px
    middle = complex(middle.real, middle.imag * expectation.pixel_ratio)
    tolerance = TRIED_PX * expectation.scale_arcsec
    hypotheses = 0
    tried: list[tuple[int, complex, complex, bool]] = []
    for mirrored in (False, True):
        seen, centre = (square.conj(), middle.conjugate()) if mirrored else (square, middle)
        for factors, offsets in _similarities(seen, centre, stars, expectation):
            hypotheses += factors.size
            predicted = factors[:, None] * seen[None, :] + offsets[:, None]
            near = tree.query(coordinates(predicted), distance_upper_bound=tolerance)[0]
            counts = np.isfinite(np.asarray(near)).sum(axis=1)
            good = np.argsort(-counts, kind="stable")[:REFINED]
            tried += [
                (int(counts[k]), complex(factors[k]), complex(offsets[k]), mirrored) for k in good
            ]
    tried.sort(key=lambda each: -each[0])
    found = [
        _refined(
            PlateMap.similarity(factor, offset, mirrored, expectation.pixel_ratio),
            bright,
            stars,
            expectation,
            hypotheses,
        )
        for _, factor, offset, mirrored in tried[:REFINED]
    ]
    return max(
        (each for each in found if each is not None),
        key=lambda each: each.score_nats,
        default=None,
    )


def _similarities(
    seen: ComplexArray, middle: complex, stars: ComplexArray, expectation: Expectation
) -> Iterator[tuple[ComplexArray, ComplexArray]]:
    """Factors and offsets that carry two sources to two stars, some at a time.

    Scale and place of the frame have to be as expected.
    """
    shortest = SHORTEST_SIDE * min(expectation.shape)
    first, second = np.nonzero(np.abs(seen[:, None] - seen[None, :]) > shortest)
    upward = first < second
    first, second = first[upward], second[upward]
    here = seen[second] - seen[first]
    one, other = np.nonzero(~np.eye(stars.size, dtype=bool))
    there = stars[other] - stars[one]
    length = np.abs(there)
    order = np.argsort(length)
    one, there, length = one[order], there[order], length[order]
    unit = expectation.scale_arcsec / math.sqrt(expectation.pixel_ratio)
    error = 1 + expectation.scale_error
    low = np.searchsorted(length, np.abs(here) * unit / error)
    high = np.searchsorted(length, np.abs(here) * unit * error)
    left, compared = MOST_TRIED // seen.size, 0
    for k in np.argsort(-np.abs(here)):  # long pairs tell rotation and scale best
        part = slice(low[k], high[k])
        compared += int(high[k] - low[k])
        factors = there[part] / here[k]
        offsets = stars[one[part]] - factors * seen[first[k]]
        at = factors * middle + offsets
        inside = np.abs(at - expectation.centre_arcsec) <= expectation.offset_arcsec
        left -= int(inside.sum())
        if inside.any():
            yield factors[inside], offsets[inside]
        if left < 0 or compared > MOST_COMPARED:
            return


def _refined(
    plate: PlateMap,
    bright: ComplexArray,
    stars: ComplexArray,
    expectation: Expectation,
    hypotheses: int,
) -> Placement | None:
    """Shift, rotation and scale by least squares through all coincidences, narrower each time."""
    tree = star_tree(stars)
    for tolerance_px in REFINING_PX:
        tolerance = tolerance_px * expectation.scale_arcsec
        mine, theirs = nearest_pairs(plate(bright), tree, tolerance)
        if mine.size < FEWEST_STARS - 1:
            return None
        plate = plate.aligned(bright[mine], stars[theirs])
    mine, _ = nearest_pairs(plate(bright), tree, tolerance)
    if abs(scale_of(plate) / expectation.scale_arcsec - 1) > expectation.scale_error:
        return None
    middle = complex(plate(expectation.middle_px))
    reach = math.sqrt(expectation.area_arcsec2 / math.pi)
    nearby = max(int(np.count_nonzero(np.abs(stars - middle) <= reach)), FEWEST_STARS)
    expected = bright.size * nearby / expectation.area_arcsec2 * math.pi * tolerance**2
    score = surprise(mine.size, float(expected), SPENT_BY_SIMILARITY) - math.log(max(hypotheses, 1))
    return Placement(plate, bright.size, mine.size, float(score))
