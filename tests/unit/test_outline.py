"""Pixels inside the outline of a frame, against matplotlib's answer."""

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from photpipe.combine.exposures import inside_outline

SHAPE = (45, 60)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sense", [1, -1])
def test_pixels_are_those_inside_the_corners(seed: int, sense: int) -> None:
    rng = np.random.default_rng(seed)
    x = (np.array([5.0, 50, 50, 5]) + rng.normal(0, 6, 4))[::sense]  # over the edges at times
    y = (np.array([5.0, 5, 38, 38]) + rng.normal(0, 4, 4))[::sense]
    rows, columns = np.indices(SHAPE)
    places = np.column_stack([columns.ravel(), rows.ravel()])
    expected = Outline(np.column_stack([x, y])).contains_points(places).reshape(SHAPE)
    found = inside_outline(x, y, SHAPE)
    assert found.any() and not found.all()
    assert np.array_equal(found, expected)


def test_outline_beyond_the_image_covers_nothing() -> None:
    x, y = np.array([100.0, 120, 120, 100]), np.array([5.0, 5, 20, 20])
    assert not inside_outline(x, y, SHAPE).any()
