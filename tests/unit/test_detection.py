"""Which sources a higher threshold would find: counted on images of stars."""

import math

import numpy as np
import pytest

from photpipe.science.detection import found_above

FWHM_PX = 4.0


def pixels_above(peak: float, threshold: float) -> int:
    """Pixels of a star above a threshold, on a grid."""
    y, x = np.mgrid[-30:31, -30:31]
    star = peak * np.exp(-4.0 * math.log(2.0) * (x**2 + y**2) / FWHM_PX**2)
    return int((star > threshold).sum())


@pytest.mark.parametrize("minarea", [5, 12])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 5.0])
def test_as_many_as_the_pixels_say(ratio: float, minarea: int) -> None:
    peaks = np.geomspace(2.01, 1000.0, 800)
    area = np.array([pixels_above(peak, 2.0) for peak in peaks])
    found = np.array([pixels_above(peak, 2.0 * ratio) >= minarea for peak in peaks])
    predicted = found_above(area, FWHM_PX, ratio, minarea)
    near = np.abs(np.log(peaks / peaks[np.argmax(found)])) < 0.25  # some pixels more or less
    np.testing.assert_array_equal(predicted[~near], found[~near])
    assert predicted.any()
    assert not predicted.all()


def test_an_unknown_width_leaves_all() -> None:
    assert found_above(np.array([1.0, 50.0]), math.nan, 2.0, 9).all()
