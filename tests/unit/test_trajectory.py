"""Paths through marked positions: exact where they must be, tame where nobody marked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photpipe.ground import sky
from photpipe.science.trajectory import Trajectory

EPOCH = 2457786.95


def path(days: np.ndarray, ra: float, dec: float, *terms: tuple[float, float]) -> tuple:
    """Positions along a polynomial on the sky (arcsec per day^k, east and north)."""
    east = sum(term[0] * days ** (k + 1) for k, term in enumerate(terms))
    north = sum(term[1] * days ** (k + 1) for k, term in enumerate(terms))
    return sky.shifted(ra, dec, east, north)


def apart_arcsec(one: tuple, other: tuple) -> float:
    return float(np.max(sky.separation_deg(*one, *other))) * 3600


PLACES = [(0.0, 0.0), (359.9999, 45.0), (120.0, 89.97), (200.0, -89.99)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("marks", "terms"),
    [
        (2, [(900.0, -300.0)]),
        (3, [(900.0, -300.0), (200.0, 900.0)]),
        (4, [(900.0, -300.0), (200.0, 900.0), (-100.0, 60.0)]),
        (7, [(900.0, -300.0), (200.0, 900.0), (-100.0, 60.0)]),
    ],
)
def test_order_of_the_path(place, marks, terms):
    """A straight path from two marks, a parabola from three, a cubic from more; any order."""
    days = np.linspace(-0.1, 0.15, marks)
    order = np.random.default_rng(1).permutation(marks)
    ra, dec = path(days, *place, *terms)
    found = Trajectory.through(EPOCH + days[order], ra[order], dec[order])
    between = np.linspace(-0.1, 0.15, 50)
    # the origin of the offsets is another one: a straight line stays one to a milliarcsecond
    assert apart_arcsec(found.at(EPOCH + between), path(between, *place, *terms)) < 0.01
    assert apart_arcsec(found.at(EPOCH + days), (ra, dec)) < 1e-5


def test_beyond_the_marks_the_path_goes_on_straight():
    days = np.array([0.0, 0.01, 0.02])
    rng = np.random.default_rng(2)
    ra, dec = path(days, 359.9999, 10.0, (3600.0, -1800.0))
    ra, dec = sky.shifted(ra, dec, *rng.normal(0, 0.05, (2, 3)))
    found = Trajectory.through(EPOCH + days, ra, dec)
    later = np.linspace(-0.1, 0.12, 23)
    truth = path(later, 359.9999, 10.0, (3600.0, -1800.0))
    # five times beyond the marks, their errors of 0.05 arcsec have grown; a parabola: 15 arcsec
    assert apart_arcsec(found.at(EPOCH + later), truth) < 5.0
    east, north = sky.offsets_arcsec(ra[2], dec[2], *found.at(EPOCH + np.array([0.05, 0.08])))
    assert east[1] / east[0] == pytest.approx(2.0, rel=1e-3)
    assert north[1] / north[0] == pytest.approx(2.0, rel=1e-3)


def test_marks_at_one_time_are_averaged_and_too_few_are_refused():
    found = Trajectory.through([EPOCH, EPOCH, EPOCH + 1], [10.0, 10.002, 10.0], [0.0, 0.0, 1.0])
    ra, dec = found.at(EPOCH)
    assert float(ra) == pytest.approx(10.001)
    assert float(dec) == pytest.approx(0.0, abs=1e-9)
    for times in ([EPOCH], [EPOCH, EPOCH]):
        with pytest.raises(ValueError, match="marks at two times; there are 1"):
            Trajectory.through(times, [1.0] * len(times), [2.0] * len(times))
    with pytest.raises(ValueError, match="there are 0"):
        Trajectory.through([], [], [])


@given(
    st.floats(0, 360),
    st.floats(-90, 90),
    st.lists(st.tuples(st.floats(-60, 60), st.floats(-60, 60)), min_size=2, max_size=8),
)
def test_marks_are_always_hit(ra, dec, offsets):
    east, north = np.array(offsets).T
    jd = EPOCH + np.arange(len(offsets)) / 1440
    place = sky.shifted(ra, dec, east, north)
    found = Trajectory.through(jd, *place)
    assert apart_arcsec(found.at(jd), place) < 1e-4
    everywhere = found.at(np.linspace(EPOCH - 1, EPOCH + 1, 9))
    assert np.isfinite(everywhere).all()
