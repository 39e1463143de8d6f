"""Placing a frame with a handful of stars, whose rotation and scale are nearly known.

Where rotation and scale come from a neighbour in the series, only a shift is free, and four
stars can be beyond chance; where they come from a header, the small turns and stretches that
are tried count as hypotheses, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photpipe.science.astrometry import (
    ComplexArray,
    PlateMap,
    coordinates,
    middle_of,
    nearest_pairs,
    scale_of,
    star_tree,
    surprise,
)

FEWEST_STARS = 4  # by judgement: of three stars, one may be wrong and fit as well
SURE_NATS = 9.0  # one wrong in 8000 fields at most
LEAST_SHARE = 0.5  # of the detections that have to be stars
FEWEST_FOR_SCALE = 6  # by judgement: below, a free scale would follow one wrong star


@dataclass(frozen=True, slots=True)
class Slack:
    """How far rotation and scale may be from those of the start.

    Parameters
    ----------
    turns_deg, stretches : sequence of float
        Rotations and factors that are tried.
    fewest : int
        Coincidences that are needed.
    """

    turns_deg: Sequence[float] = (0.0,)
    stretches: Sequence[float] = (1.0,)
    fewest: int = FEWEST_STARS


SERIES = Slack()
HEADER = Slack(np.arange(-2.0, 2.01, 0.4).tolist(), (0.99, 0.995, 1.0, 1.005, 1.01))


@dataclass(frozen=True, slots=True)
class Alignment:
    """The best place of a frame.

    Parameters
    ----------
    plate : PlateMap
        Detector to plane.
    matched : int
        Coincidences.
    score_nats : float
        Their improbability, less the logarithm of the number of hypotheses.
    is_sure : bool
        Whether chance and rivals are excluded.
    """

    plate: PlateMap
    matched: int
    score_nats: float
    is_sure: bool


def align(
    pixels: ComplexArray,
    stars: ComplexArray,
    start: PlateMap,
    shape: tuple[int, int],
    reach_arcsec: float,
    tolerance_px: float,
    slack: Slack = SERIES,
) -> Alignment | None:
    """Place a frame by a shift and the small turns and stretches that are allowed.

    Parameters
    ----------
    pixels : complex array
        Detections.
    stars : complex array
        Catalog stars in the plane, about as deep as the detections.
    start : PlateMap
        Map of the header or of a neighbour.
    shape : (ny, nx)
        Size of the frame.
    reach_arcsec : float
        Largest shift.
    tolerance_px : float
        Radius of coincidence.
    slack : Slack
        Turns and stretches to try.

    Returns
    -------
    Alignment or None
        None if no four detections coincide with stars.
    """
    if pixels.size < FEWEST_STARS or not stars.size:
        return None
    tolerance = tolerance_px * scale_of(start)
    middle = complex(start(middle_of(shape)))
    trials = []
    hypotheses = 0
    for turn in slack.turns_deg:
        for stretch in slack.stretches:
            factor = stretch * np.exp(1j * math.radians(turn))
            at = middle + factor * (start(pixels) - middle)
            shifts = (stars[None, :] - at[:, None]).ravel()
            shifts = shifts[np.abs(shifts) <= reach_arcsec]
            hypotheses += shifts.size
            trials += _counted(at, stars, shifts, tolerance, factor)
    if not trials:
        return None
    trials.sort(key=lambda each: -each[0])
    matched, shift, factor = trials[0]
    rivals = [each for each in trials if abs(each[1] - shift) > 6 * tolerance]
    rival = rivals[0][0] if rivals else 0
    plate = _refined(pixels, stars, start.turned(middle, factor).shifted(shift), tolerance)
    matched = nearest_pairs(plate(pixels), star_tree(stars), tolerance)[0].size
    inside = np.abs(stars - complex(plate(middle_of(shape)))) <= _reach(shape, start)
    area = math.pi * _reach(shape, start) ** 2
    expected = pixels.size * max(inside.sum(), 1) / area * math.pi * tolerance**2
    score = surprise(matched, float(expected), spent=1) - math.log(max(hypotheses, 1))
    sure = (
        score >= SURE_NATS
        and matched >= max(slack.fewest, LEAST_SHARE * pixels.size)
        and matched >= rival + 2
    )
    return Alignment(plate, matched, float(score), sure)


def _reach(shape: tuple[int, int], start: PlateMap) -> float:
    return math.hypot(*shape) / 2 * scale_of(start)


def _counted(
    at: ComplexArray, stars: ComplexArray, shifts: ComplexArray, tolerance: float, factor: complex
) -> list[tuple[int, complex, complex]]:
    """Coincidences, shift and factor of the shifts that bring enough of them."""
    if not shifts.size:
        return []
    moved = at[None, :] + shifts[:, None]
    distance = star_tree(stars).query(coordinates(moved), distance_upper_bound=tolerance)[0]
    counts = np.isfinite(np.asarray(distance)).sum(axis=1)
    good = np.flatnonzero(counts >= FEWEST_STARS - 1)
    return [(int(counts[k]), complex(shifts[k]), complex(factor)) for k in good]


def _refined(
    pixels: ComplexArray, stars: ComplexArray, plate: PlateMap, tolerance: float
) -> PlateMap:
    """Shift and rotation, and scale where stars suffice, by least squares."""
    tree = star_tree(stars)
    for _ in range(3):
        mine, theirs = nearest_pairs(plate(pixels), tree, tolerance)
        if mine.size < FEWEST_STARS - 1:
            return plate
        keeps_scale = mine.size < FEWEST_FOR_SCALE
        plate = plate.aligned(pixels[mine], stars[theirs], keeps_scale=keeps_scale)
    return plate
