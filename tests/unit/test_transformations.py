"""One error rule and one range for every relation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photpipe.science.published import TRANSFORMATIONS, Range, Transformation, pieces
from photpipe.science.transformations import apply, evaluate, in_range, on_locus

STEP = 1e-4


def bands_of(row):
    return sorted({*row.inputs, *(band for limits in row.valid for band in limits.bands)})


def magnitudes_of(row, rng, n=20):
    return {band: rng.uniform(14.6, 15.4, n) for band in bands_of(row)}


@pytest.mark.parametrize("row", TRANSFORMATIONS, ids=str)
def test_the_error_is_that_of_finite_differences(row):
    rng = np.random.default_rng(1)
    magnitudes = magnitudes_of(row, rng)
    errors = {band: rng.uniform(0.01, 0.1, 20) for band in magnitudes}
    _, error = evaluate(row, magnitudes, errors)
    variance = np.full(20, row.scatter_mag**2)
    for band in row.inputs:
        up = {**magnitudes, band: magnitudes[band] + STEP}
        down = {**magnitudes, band: magnitudes[band] - STEP}
        slope = (evaluate(row, up, errors)[0] - evaluate(row, down, errors)[0]) / (2 * STEP)
        variance += (slope * errors[band]) ** 2
    if row.coefficient_errors:
        x = 0 if row.color is None else magnitudes[row.color[0]] - magnitudes[row.color[1]]
        variance += sum((e * x**k) ** 2 for k, e in enumerate(row.coefficient_errors))
    np.testing.assert_allclose(error, np.sqrt(variance), rtol=1e-6)


def test_the_error_of_v_from_sdss_by_hand():
    """Partials 0.413 and 0.587: earlier versions had 1.587 and 0.587."""
    magnitudes = {b: np.array([m]) for b, m in {"g": 16.5, "r": 16.0, "i": 15.85}.items()}
    errors = {b: np.array([0.02]) for b in magnitudes}
    _, error = apply(pieces("SDSS", "V"), magnitudes, errors)
    expected = np.sqrt((0.413 * 0.02) ** 2 + (0.587 * 0.02) ** 2 + 0.013**2 + (0.022 * 0.5) ** 2)
    assert error[0] == pytest.approx(expected)


def test_the_error_of_a_monte_carlo():
    rng = np.random.default_rng(3)
    row = pieces("PS1", "B")[0]
    errors = {"gp1": np.array([0.03]), "rp1": np.array([0.02])}
    cloud = {"gp1": rng.normal(16.6, 0.03, 200_000), "rp1": rng.normal(16.0, 0.02, 200_000)}
    spread = np.std(evaluate(row, cloud, {b: np.zeros(200_000) for b in cloud})[0])
    magnitudes = {"gp1": np.array([16.6]), "rp1": np.array([16.0])}
    error = evaluate(row, magnitudes, errors)[1][0]
    assert error == pytest.approx(np.hypot(spread, row.scatter_mag), rel=0.01)


@given(st.sampled_from(TRANSFORMATIONS), st.integers(0, 1000))
def test_brightness_moves_through_unchanged(row, seed):
    magnitudes = magnitudes_of(row, np.random.default_rng(seed), 5)
    errors = {band: np.full(5, 0.02) for band in magnitudes}
    fainter = {band: mag + 2.5 for band, mag in magnitudes.items()}
    first, second = evaluate(row, magnitudes, errors), evaluate(row, fainter, errors)
    np.testing.assert_allclose(second[0] - first[0], 2.5)
    np.testing.assert_allclose(second[1], first[1])


ROW = Transformation(
    "X",
    "V",
    "Vega",
    "g",
    ("g", "r"),
    (0.0, -0.5),
    (Range(("g", "r"), 0.2, 1.4), Range(("g",), 14.0, 19.0)),
    "x",
    "x",
    scatter_mag=0.01,
)


def test_outside_its_range_a_star_gets_nothing():
    magnitudes = {
        "g": np.array([15.0, 15.0, 15.0, 13.9, 15.0, np.nan]),
        "r": np.array([14.8, 14.81, 13.59, 13.0, np.nan, 14.0]),
    }
    errors = {"g": np.full(6, 0.01), "r": np.array([0.01, 0.01, 0.01, 0.01, 0.01, 0.01])}
    mag, error = apply([ROW], magnitudes, errors)
    assert np.isfinite(mag).tolist() == [True, False, False, False, False, False]
    assert np.isfinite(error).tolist() == [True, False, False, False, False, False]
    everywhere, _ = apply([ROW], magnitudes, errors, everywhere=True)
    assert np.isfinite(everywhere).tolist() == [True, True, True, True, False, False]


def test_a_star_without_an_error_gets_nothing():
    magnitudes = {"g": np.array([15.0]), "r": np.array([14.5])}
    mag, _ = apply([ROW], magnitudes, {"g": np.array([0.01]), "r": np.array([np.nan])})
    assert np.isnan(mag).all()


def test_a_missing_band_gives_nothing_at_all():
    g = {"g": np.array([15.0, 16.0])}
    mag, error = apply([ROW], g, g)
    assert np.isnan(mag).all()
    assert np.isnan(error).all()
    assert not in_range([Range(("r",), 0, 20)], g).any()


def locus_stars(n=200, seed=2):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 0.5, n)
    return x, 2.3 * x + 0.15 + rng.normal(0, 0.03, n)


def test_stars_off_the_locus_are_left_out():
    x, y = locus_stars()
    y[:10] += 0.6
    keep = on_locus(x, y, np.ones(200, bool))
    assert not keep[:10].any()
    assert keep[10:].mean() > 0.97


def test_the_locus_is_that_of_the_sample_alone():
    x, y = locus_stars()
    sample = np.ones(200, bool)
    sample[:100] = False
    x[0] = y[1] = np.nan
    y[2:100] -= 3.0
    keep = on_locus(x, y, sample)
    assert not keep[:100].any()
    assert keep[100:].mean() > 0.95


def test_few_stars_define_no_locus():
    x, y = np.arange(9.0), np.zeros(9)
    y[3] = 99.0
    assert on_locus(x, y, np.ones(9, bool)).all()


def test_stars_on_a_perfect_line_all_stay():
    x = np.linspace(0.1, 0.5, 30)
    assert on_locus(x, 2 * x, np.ones(30, bool)).all()
    assert on_locus(np.full(30, 0.3), x, np.ones(30, bool)).all(), "a vertical one too"


@given(st.integers(0, 1000))
def test_the_order_of_stars_does_not_matter(seed):
    x, y = locus_stars(seed=seed)
    y[:5] += 0.5
    order = np.random.default_rng(seed).permutation(200)
    np.testing.assert_array_equal(
        on_locus(x[order], y[order], np.ones(200, bool)), on_locus(x, y, np.ones(200, bool))[order]
    )


def test_galaxies_and_quasars_do_not_calibrate():
    x, y = locus_stars(100)
    r = np.full(100, 16.0)
    magnitudes = {"g": r + y, "r": r, "i": r - x}
    magnitudes["g"][:3] = r[:3] + 0.25
    magnitudes["i"][:3] = r[:3] - 0.45
    errors = {band: np.full(100, 0.01) for band in magnitudes}
    mag, _ = apply(pieces("SDSS", "R"), magnitudes, errors)
    assert np.isnan(mag[:3]).all()
    assert np.isfinite(apply(pieces("SDSS", "R"), magnitudes, errors, everywhere=True)[0]).all()
