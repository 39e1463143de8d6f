"""What differs across a field, against maps of known scatter."""

import numpy as np
import pytest

from photpipe.science.unevenness import USUAL_MAG, even_terms, unevenness

SHAPE = (800, 1200)


def stars(count: int, loss: float, error_mag: float, seed: int) -> tuple[np.ndarray, ...]:
    """Stars that lack light in the corners, and are 0.004 mag off a catalog that quotes 0.01."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.5, SHAPE[1] + 0.5, count), rng.uniform(0.5, SHAPE[0] + 0.5, count)
    u, v = 2 * x / SHAPE[1] - 1, 2 * y / SHAPE[0] - 1
    error = error_mag * rng.uniform(0.3, 1.5, count)
    lost = 1.0857 * loss * (u**2 + v**2) / 2
    residual = -lost + rng.normal(0, error) + rng.normal(0, 0.004, count)
    return x, y, residual, error**2, np.full(count, 0.01**2)


def found(count: int, loss: float, error_mag: float = 0.005) -> float:
    """Median over several skies."""
    return float(
        np.median(
            [unevenness(*stars(count, loss, error_mag, n), SHAPE).scatter_mag for n in range(9)]
        )
    )


@pytest.mark.parametrize("loss", [0.01, 0.03, 0.1])
def test_scatter_is_that_of_the_light_lost_in_the_corners(loss):
    scatter = 1.0857 * loss * np.sqrt(2 * (1 / 5 - 1 / 9)) / 2
    assert found(150, loss) == pytest.approx(scatter, rel=0.25)


def test_even_field_is_even():
    assert found(150, 0.0) < 0.001
    assert found(600, 0.0) < found(60, 0.0)


def test_few_stars_leave_what_is_usual():
    assert found(2, 0.03) == USUAL_MAG
    assert 0.5 * USUAL_MAG < found(6, 0.0) < 2 * USUAL_MAG


def test_map_is_that_of_the_field():
    found = unevenness(*stars(600, 0.05, 0.003, 1), SHAPE)
    coefficients = np.array(found.coefficients)
    corner, middle = even_terms(np.array([1.0, 600.0]), np.array([1.0, 400.0]), SHAPE)
    assert (corner - middle) @ coefficients == pytest.approx(-1.0857 * 0.05, abs=0.004)


def test_terms_are_of_one_size_and_without_each_other():
    y, x = np.mgrid[1:200, 1:300].reshape(2, -1).astype(float)
    terms = even_terms(x, y, (199, 299))
    assert terms.T @ terms / len(terms) == pytest.approx(np.eye(5), abs=1e-3)
