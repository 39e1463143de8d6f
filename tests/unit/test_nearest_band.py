"""Slopes of catalog minus frame against colour: what they are, and when they say something."""

import math

import numpy as np
import pytest

from photpipe.calibrate.nearest_band import Likeness, slope_of

RNG = np.random.default_rng(4)
COLOUR = RNG.normal(0.7, 0.3, 80)


def test_slope_and_its_error_survive_outliers() -> None:
    found = []
    for _ in range(40):
        noise = RNG.normal(0, 0.02, 80)
        noise[::16] += 1.0
        result = slope_of(COLOUR, 20.0 + 0.3 * COLOUR + noise, np.full(80, 0.02**2))
        assert result is not None
        found.append(result)
    slopes, errors = np.array(found).T
    assert slopes.mean() == pytest.approx(0.3, abs=0.01)
    assert 0.6 < slopes.std() / errors.mean() < 1.6


def test_few_stars_or_one_colour_tell_nothing() -> None:
    few = COLOUR[:8]
    assert slope_of(few, few, np.full(8, 1e-4)) is None
    assert slope_of(np.full(80, 0.5), COLOUR, np.full(80, 1e-4)) is None
    assert slope_of(np.full(80, math.nan), COLOUR, np.full(80, 1e-4)) is None


@pytest.mark.parametrize(
    ("slope", "error", "nearest_slope", "says"),
    [
        (0.31, 0.01, 0.02, True),
        (-0.31, 0.01, 0.02, True),
        (0.10, 0.001, 0.0, False),  # a filter of the band, not quite
        (0.31, 0.08, 0.02, False),  # not certain
        (0.31, 0.01, 0.25, False),  # no band is much nearer
        (math.nan, math.nan, math.nan, False),
    ],
)
def test_when_the_stars_contradict(
    slope: float, error: float, nearest_slope: float, says: bool
) -> None:
    assert Likeness("g-r", slope, error, "G", nearest_slope).contradicts is says
