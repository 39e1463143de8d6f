"""Stars beside a nucleus: what stands still while the comet moves, and what it spoils."""

import numpy as np

from photpipe.distill import comets
from photpipe.distill.surroundings import Surroundings
from photpipe.distill.targets import MOVING, Target

RA, DEC = 150.0, 0.0
STEP_ARCSEC = 0.6
FRAMES = 3


def moving(step_arcsec: float = STEP_ARCSEC) -> Target:
    ra = RA + np.arange(FRAMES) * step_arcsec / 3600.0
    return Target("T", MOVING, ra, np.full(FRAMES, DEC), np.zeros(FRAMES), 15.0)


def seen(east_arcsec: list[float]) -> Surroundings:
    """A source that was so far east of the first place of the comet on each frame."""
    count = len(east_arcsec)
    ra = RA + np.array(east_arcsec) / 3600.0
    return Surroundings(ra, np.full(count, DEC), np.full(count, 13.3), np.arange(count))


def standing(around: Surroundings, target: Target) -> list[float]:
    return [each.mag for each in around.standing(target, RA, DEC, 10.0, 2.0)]


def test_a_source_that_stands_still_beside_a_comet_is_a_star() -> None:
    assert standing(seen([4.0, 4.1, 4.0]), moving()) == [13.3]


def test_what_moves_along_or_is_the_comet_or_was_seen_once_is_none() -> None:
    along = seen([4.0, 4.0 + 1.2, 4.0 + 2.4])
    assert standing(along, moving(1.2)) == []
    assert standing(seen([0.5, 0.6, 0.5]), moving()) == []
    assert standing(seen([4.0]), moving()) == []
    assert standing(seen([4.0, 4.1, 4.0]), moving(0.1)) == [], "a comet that hardly moves"


def test_a_star_spoils_the_apertures_that_it_is_in() -> None:
    star = comets._Beside(4.0, 13.3, 100.0)
    assert comets._next_to([star], 6.0, 1000.0) == "a star of 13.3 mag stands 4.0 arcsec from it"
    assert comets._next_to([star], 3.0, 1000.0) == ""
    assert comets._next_to([star], 6.0, 20_000.0) == ""


def test_a_point_source_spoils_the_apertures_of_which_it_is_much() -> None:
    point = comets.coma.PointSource(100.0, 10.0)
    assert comets._on_top(point, 1000.0) == "a star or the nucleus makes 10% of the light"
    assert comets._on_top(point, 10_000.0) == ""
    assert comets._on_top(comets.coma.PointSource(100.0, 30.0), 1000.0) == ""
    assert comets._on_top(None, 1000.0) == ""
