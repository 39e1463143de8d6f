"""Medians that are cheap for a few dozens of values agree with numpy's to the last bit."""

import numpy as np
import pytest

from photpipe.science.noise import median, median_of_known


@pytest.mark.parametrize("size", [1, 2, 3, 10, 61])
def test_median_is_that_of_numpy(size: int) -> None:
    values = np.random.default_rng(size).normal(size=size)
    assert median(values) == np.median(values)


@pytest.mark.parametrize("shape", [(1, 1), (4, 2), (10, 15), (10, 16)])
def test_median_of_known_values_is_that_of_numpy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape)
    values, known = rng.normal(size=shape), rng.random(shape) < 0.6
    known[:, 0] = True
    wanted = np.nanmedian(np.where(known, values, np.nan), axis=1)
    assert np.array_equal(median_of_known(values, known), wanted)
    known[0] = False
    assert np.isnan(median_of_known(values, known)[0])
