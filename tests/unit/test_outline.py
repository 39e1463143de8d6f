"""Pixels inside the outline of a frame, against matplotlib's answer."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from photpipe.combine.exposures import coverage, inside_outline

SHAPE = (45, 60)


def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    first, behind = inside_outline(x, y, SHAPE)
    columns = np.arange(SHAPE[1])
    return (columns >= first[:, None]) & (columns < behind[:, None])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sense", [1, -1])
def test_pixels_are_those_inside_the_corners(seed: int, sense: int) -> None:
    rng = np.random.default_rng(seed)
    x = (np.array([5.0, 50, 50, 5]) + rng.normal(0, 6, 4))[::sense]  # over the edges at times
    y = (np.array([5.0, 5, 38, 38]) + rng.normal(0, 4, 4))[::sense]
    rows, columns = np.indices(SHAPE)
    places = np.column_stack([columns.ravel(), rows.ravel()])
    expected = Outline(np.column_stack([x, y])).contains_points(places).reshape(SHAPE)
    found = inside(x, y)
    assert found.any() and not found.all()
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shift", [(90.0, 0.0), (-90.0, 0.0), (0.0, 60.0), (0.0, -60.0)])
def test_outline_beyond_the_image_covers_nothing(shift: tuple[float, float]) -> None:
    x, y = np.array([5.0, 50, 50, 5]) + shift[0], np.array([5.0, 5, 38, 38]) + shift[1]
    assert not inside(x, y).any()


def test_stack_counts_the_frames_over_each_pixel() -> None:
    outlines = [(np.array([x, x + 20, x + 20, x]), np.array([5.0, 5, 20, 20])) for x in (3.5, 15.5)]
    exposures = [SimpleNamespace(corners=lambda each=each: each) for each in outlines]
    sky = SimpleNamespace(all_world2pix=lambda x, y, _: (x, y))
    count = coverage(exposures, sky, SHAPE)  # type: ignore[arg-type]
    assert np.array_equal(count, inside(*outlines[0]).astype(int) + inside(*outlines[1]))
    assert count[10].tolist() == [0] * 4 + [1] * 12 + [2] * 8 + [1] * 12 + [0] * 24
