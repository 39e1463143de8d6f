"""Zeropoints: seeded Monte Carlo with known truth, and properties that must hold exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photpipe.science import zeropoint as zp

TRUTH = 25.0


def matched_stars(rng, number, *, contaminated=0.0, hidden_scatter=0.0):
    """Differences and variances: errors 0.01–0.05 mag, some stars off by 0.1–1 mag."""
    sigma = rng.uniform(0.01, 0.05, number)
    difference = TRUTH + rng.normal(0.0, np.hypot(sigma, hidden_scatter))
    bad = rng.permutation(number) < round(contaminated * number)
    difference[bad] += rng.choice([-1, 1], bad.sum()) * rng.uniform(0.1, 1.0, bad.sum())
    return difference, sigma**2


TRIALS = {15: 500, 50: 300, 200: 150}


def campaign(number, **simulation):
    """Errors and pulls of many zeropoints."""
    rng = np.random.default_rng(number)
    needed = zp.stars_needed(0.5, number)
    fits = [
        zp.fit_zeropoint(*matched_stars(rng, number, **simulation), needed)
        for _ in range(TRIALS[number])
    ]
    errors = np.array([fit.zeropoint_mag for fit in fits]) - TRUTH
    return errors, errors / np.array([fit.standard_error_mag for fit in fits]), fits


@pytest.mark.parametrize("number", [15, 50, 200])
@pytest.mark.parametrize("contaminated", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("hidden_scatter", [0.0, 0.02])
def test_zeropoints_are_unbiased_and_their_errors_honest(number, contaminated, hidden_scatter):
    errors, pulls, _ = campaign(number, contaminated=contaminated, hidden_scatter=hidden_scatter)
    assert 0.85 < np.sqrt(np.mean(pulls**2)) < 1.15
    assert abs(np.mean(errors)) < 3.5 * np.std(errors) / np.sqrt(len(errors))
    assert np.std(errors) < (0.012 if number == 15 else 0.007)


def test_clean_stars_are_kept_and_the_error_is_near_the_possible():
    errors, _, fits = campaign(50)
    assert np.mean([fit.n_kept for fit in fits]) > 49.5
    sigma = np.random.default_rng(0).uniform(0.01, 0.05, 10000)
    possible = 1 / np.sqrt(50 * np.mean(sigma**-2.0))
    assert np.std(errors) < 1.15 * possible


def test_contaminated_stars_go():
    rng = np.random.default_rng(5)
    difference, variance = matched_stars(rng, 100)
    difference[:30] += 0.5
    fit = zp.fit_zeropoint(difference, variance, 50)
    assert not fit.kept[:30].any()
    assert fit.n_kept >= 68


def test_a_scatter_below_the_quoted_errors_shrinks_the_standard_error():
    rng = np.random.default_rng(6)
    difference, variance = matched_stars(rng, 100)
    honest = zp.fit_zeropoint(difference, variance, 50)
    shy = zp.fit_zeropoint(difference, 9 * variance, 50)
    assert shy.standard_error_mag < 1.25 * honest.standard_error_mag


def test_hidden_scatter_is_found():
    rng = np.random.default_rng(7)
    found = [
        zp.fit_zeropoint(*matched_stars(rng, 100, hidden_scatter=0.03), 50).intrinsic_scatter_mag
        for _ in range(30)
    ]
    assert np.mean(found) == pytest.approx(0.03, rel=0.05)


def test_never_below_minstars():
    rng = np.random.default_rng(8)
    difference = TRUTH + rng.uniform(-2, 2, 40)
    fit = zp.fit_zeropoint(difference, np.full(40, 1e-4), 30)
    assert fit.n_kept >= 30


@pytest.mark.parametrize(
    ("minstars", "matched", "needed"),
    [
        (0.5, 40, 20),
        (0.5, 41, 21),
        (0.5, 4, 3),
        (5, 40, 5),
        (1, 40, 3),
        (60, 40, 40),
        (0.9, 400, 100),
    ],
)
def test_minstars(minstars, matched, needed):
    assert zp.stars_needed(minstars, matched) == needed


def test_fewer_than_three_stars_are_refused():
    with pytest.raises(ValueError, match="2 stars, 3 are needed"):
        zp.fit_zeropoint(np.zeros(2), np.ones(2), 3)


def test_three_stars_make_a_zeropoint():
    fit = zp.fit_zeropoint(np.array([24.99, 25.0, 25.01]), np.full(3, 1e-4), 3)
    assert fit.zeropoint_mag == pytest.approx(25.0)
    assert fit.steps[:, 0].tolist() == [3]
    same = zp.fit_zeropoint(np.full(3, 25.0), np.full(3, 1e-4), 3)
    assert same.standard_error_mag > 0


many_stars = st.lists(
    st.tuples(st.floats(20, 30), st.floats(0.01, 0.3)), min_size=3, max_size=60
).map(lambda pairs: (np.array([p[0] for p in pairs]), np.array([p[1] ** 2 for p in pairs])))


@settings(max_examples=60)
@given(many_stars, st.randoms(use_true_random=False), st.floats(-5, 5))
def test_order_and_offset_do_not_matter(stars, random, offset):
    difference, variance = stars
    order = list(range(len(difference)))
    random.shuffle(order)
    needed = zp.stars_needed(0.5, len(difference))
    one = zp.fit_zeropoint(difference, variance, needed)
    other = zp.fit_zeropoint(difference[order] + offset, variance[order], needed)
    assert other.n_kept == one.n_kept or np.unique(difference).size < difference.size
    if np.array_equal(one.kept[order], other.kept):
        assert other.zeropoint_mag == pytest.approx(one.zeropoint_mag + offset, abs=1e-6)
        assert other.standard_error_mag == pytest.approx(one.standard_error_mag, rel=1e-4)


@settings(max_examples=60)
@given(many_stars)
def test_the_steps_are_the_closed_form_of_their_stars(stars):
    difference, variance = stars
    fit = zp.fit_zeropoint(difference, variance, 3)
    assert fit.steps[:, 0].tolist() == list(range(len(difference), 2, -1))
    assert sorted(fit.order) == list(range(len(difference)))
    for number, zeropoint_mag, error_mag, reduced_chi2 in fit.steps:
        last = fit.order[-int(number) :]
        d, v = difference[last], variance[last]
        weight = 1 / (v + fit.intrinsic_scatter_mag**2)
        mean = np.sum(weight * d) / np.sum(weight)
        assert zeropoint_mag == pytest.approx(mean, abs=1e-7)
        assert error_mag == pytest.approx(np.sum(weight) ** -0.5, rel=1e-9)
        chi2 = np.sum((d - mean) ** 2 / v) / (number - 1)
        assert reduced_chi2 == pytest.approx(chi2, rel=1e-5, abs=1e-5)
    (chosen,) = fit.steps[fit.steps[:, 0] == fit.n_kept]
    assert chosen[1] == pytest.approx(fit.zeropoint_mag, abs=1e-7)


def test_the_one_star_scatter_is_the_manuals():
    rng = np.random.default_rng(9)
    difference, variance = matched_stars(rng, 200)
    fit = zp.fit_zeropoint(difference, variance, 100)
    weight = 1 / (variance[fit.kept] + fit.intrinsic_scatter_mag**2)
    mean = np.average(difference[fit.kept], weights=weight)
    spread = np.average((difference[fit.kept] - mean) ** 2, weights=weight)
    expected = np.sqrt(spread + variance[fit.kept].mean())
    assert fit.one_star_scatter_mag == pytest.approx(expected, rel=1e-6)


def with_term(rng, coefficient, number=80):
    colour = rng.normal(0.0, 0.4, number)
    difference, variance = matched_stars(rng, number, contaminated=0.1)
    return difference + coefficient * colour, variance, colour[:, None]


@pytest.mark.parametrize("coefficient", [0.0, 0.08, -0.15])
def test_a_colour_term_is_used_when_the_stars_support_it(coefficient):
    rng = np.random.default_rng(10)
    taken, pulls, zeropoint_pulls = 0, [], []
    for _ in range(60):
        difference, variance, terms = with_term(rng, coefficient)
        rich = zp.fit_zeropoint(difference, variance, 40, terms)
        plain = zp.fit_zeropoint(difference, variance, 40, kept=rich.kept)
        taken += zp.supported(plain, rich)
        pulls.append((rich.parameters[1] - coefficient) / rich.parameter_errors[1])
        zeropoint_pulls.append((rich.zeropoint_mag - TRUTH) / rich.standard_error_mag)
    assert taken == 60 if coefficient else taken <= 3
    assert 0.75 < np.sqrt(np.mean(np.square(pulls))) < 1.25
    assert 0.75 < np.sqrt(np.mean(np.square(zeropoint_pulls))) < 1.25


def test_a_term_known_before_counts_like_one_more_measurement_of_it():
    rng = np.random.default_rng(11)
    design = np.column_stack([np.ones(12), rng.normal(0.0, 1.0, (12, 2))])
    measured, sigma = rng.normal(0.0, 1.0, 12), rng.uniform(0.1, 1.0, 12)

    def solved(rows, values, sigma):
        scaled = rows / sigma[:, None]
        covariance = np.linalg.inv(scaled.T @ scaled)
        return covariance @ scaled.T @ (values / sigma), covariance

    expected = solved(
        np.vstack([design, [0.0, 1.0, 0.0]]), np.append(measured, -0.4), np.append(sigma, 0.3)
    )
    found = zp.with_prior(*solved(design, measured, sigma), 1, -0.4, 0.3)
    assert np.allclose(found[0], expected[0])
    assert np.allclose(found[1], expected[1])


def test_few_stars_support_no_term():
    rng = np.random.default_rng(11)
    difference, variance, terms = with_term(rng, 0.5, 18)
    rich = zp.fit_zeropoint(difference, variance, 9, terms)
    assert not zp.supported(zp.fit_zeropoint(difference, variance, 9, kept=rich.kept), rich)


def test_spatial_terms_vanish_at_the_centre():
    terms = zp.spatial_terms(
        np.array([0.5, 50.5, 100.5]), np.array([0.5, 25.5, 50.5]), (50, 100), 2
    )
    np.testing.assert_allclose(terms[1], 0, atol=1e-12)
    np.testing.assert_allclose(terms[0], [-1, -1, 1, 1, 1])
    assert zp.spatial_terms(np.ones(4), np.ones(4), (50, 100), 1).shape == (4, 2)


def series(rng, frames, stars, floor):
    """Residuals of a series: catalog error per star, noise per measurement, scatter beyond it."""
    sigma = np.tile(np.geomspace(0.002, 0.05, stars), (frames, 1))
    residual = rng.normal(0, 0.02, stars) + rng.normal(0, np.hypot(sigma, floor))
    residual[rng.random(residual.shape) < 0.1] = np.nan
    return residual, sigma**2


@pytest.mark.parametrize("floor", [0.0, 0.005, 0.02])
def test_repeatability_is_the_scatter_beyond_the_errors(floor):
    rng = np.random.default_rng(12)
    found = [zp.repeatability(*series(rng, 12, 60, floor)) for _ in range(20)]
    assert np.mean(found) == pytest.approx(floor, abs=0.0012)
    assert np.isnan(zp.repeatability(*series(rng, 3, 60, floor)))
    assert np.isnan(zp.repeatability(*series(rng, 12, 4, floor)))


def test_variable_stars_are_seen_and_constant_ones_are_not():
    rng = np.random.default_rng(13)
    false_alarms = 0
    for _ in range(20):
        residual, variance = series(rng, 15, 80, 0.004)
        residual[:, 5] += 0.15 * np.sin(np.arange(15))
        residual[7, 20] += 1.0  # a cosmic ray in one frame
        vary = zp.seen_to_vary(residual, variance + zp.repeatability(residual, variance) ** 2)
        assert vary[5]
        assert not vary[20]
        false_alarms += vary.sum() - 1
    assert false_alarms == 0
    assert not zp.seen_to_vary(residual[:3], variance[:3]).any()
