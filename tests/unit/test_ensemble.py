"""Zeropoints of series together: simulated series of known truth, and what must hold exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photpipe.science import ensemble
from photpipe.science import zeropoint as zp

MINSTARS = 0.5
KINDS = {
    "plain": {},
    "scatter that the catalog does not tell": {"hidden": 0.02},
    "a fifth of the stars off the catalog": {"wrong_stars": 0.2},
    "single measurements spoilt": {"spoilt": 0.05},
    "clouds": {"clouds_mag": 1.0},
    "one restless frame": {"restless": 3.0},
    "everything": {"hidden": 0.02, "wrong_stars": 0.1, "spoilt": 0.05, "clouds_mag": 1.0},
}


def off(rng, size):
    """Faults that no error explains."""
    return rng.choice([-1, 1], size) * rng.uniform(0.1, 1.0, size)


def simulated(
    rng,
    frames,
    stars,
    *,
    hidden=0.0,
    wrong_stars=0.0,
    spoilt=0.0,
    clouds_mag=0.0,
    restless=1.0,
    missing=0.15,
):
    """True zeropoints, differences, and the variances of measurements and of the catalog."""
    truth = 25.0 - rng.uniform(0.0, clouds_mag, frames)
    sigma = rng.permutation(np.geomspace(0.004, 0.06, stars))
    sigma = sigma * 10 ** (0.2 * (25.0 - truth))[:, None]
    catalog = 0.02 * rng.uniform(0.5, 1.5, stars)
    offset = rng.normal(0.0, np.hypot(catalog, hidden))
    wrong = rng.permutation(stars) < round(wrong_stars * stars)
    offset[wrong] += off(rng, wrong.sum())
    noise = rng.normal(0.0, sigma)
    noise[frames // 2] *= restless
    difference = truth[:, None] + offset + noise
    hit = rng.random(difference.shape) < spoilt
    difference[hit] += off(rng, hit.sum())
    unseen = rng.random(difference.shape) < missing
    unseen[(~unseen).sum(axis=1) < 5, :5] = False
    difference[unseen] = np.nan
    return truth, difference, sigma**2, catalog**2


def fit(difference, variance, reference):
    return ensemble.fit_series(difference, variance, reference, MINSTARS)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def pulls(number, frames, stars, **kind):
    """Errors of many series, and their pulls: absolute, and about the mean of each series."""
    rng = np.random.default_rng([frames, stars])
    absolute, relative, errors = [], [], []
    for _ in range(number):
        truth, *measured = simulated(rng, frames, stars, **kind)
        found = fit(*measured)
        error = found.zeropoint_mag - truth
        weight = found.relative_error_mag**-2.0
        away = error - np.average(error, weights=weight)
        left = np.sqrt(1.0 - weight / weight.sum())
        errors.append(error)
        absolute.append(error / found.standard_error_mag)
        relative.append(away / (found.relative_error_mag * left))
    return np.array(errors), rms(absolute), rms(relative)


@pytest.mark.parametrize(
    ("frames", "stars", "trials"), [(10, 15, 200), (10, 60, 100), (30, 25, 50)]
)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_zeropoints_are_unbiased_and_both_errors_honest(frames, stars, trials, kind):
    errors, absolute, relative = pulls(trials, frames, stars, **kind)
    assert 0.85 < absolute < 1.15
    assert 0.85 < relative < 1.15
    level = errors.mean(axis=1)
    assert abs(level.mean()) < 3.5 * level.std() / np.sqrt(len(level))


@pytest.mark.parametrize("kind", KINDS, ids=KINDS)
def test_two_frames_will_do(kind):
    _, absolute, relative = pulls(200, 2, 60, **KINDS[kind])
    assert 0.85 < absolute < 1.15
    assert 0.85 < relative < 1.15


def test_errors_of_measurements_quoted_too_large_are_seen_through():
    rng = np.random.default_rng(9)
    shy, honest = [], []
    for _ in range(20):
        _, difference, variance, reference = simulated(rng, 10, 40)
        shy.append(fit(difference, 4 * variance, reference).relative_error_mag)
        honest.append(fit(difference, variance, reference).relative_error_mag)
    assert 0.9 < np.mean(shy) / np.mean(honest) < 1.1


def test_together_frames_differ_by_noise_alone():
    """Other stars on each frame do not make its zeropoint jump by their faults."""
    rng = np.random.default_rng(1)
    jumps = {"alone": [], "together": []}
    for _ in range(40):
        truth, difference, variance, reference = simulated(rng, 10, 30, hidden=0.03, missing=0.4)
        alone = []
        for row, errors in zip(difference, variance, strict=True):
            seen = np.isfinite(row)
            needed = zp.stars_needed(MINSTARS, int(seen.sum()))
            single = zp.fit_zeropoint(row[seen], (errors + reference)[seen], needed)
            alone.append(single.zeropoint_mag)
        jumps["alone"].append(np.std(alone - truth))
        jumps["together"].append(np.std(fit(difference, variance, reference).zeropoint_mag - truth))
    assert rms(jumps["together"]) < 0.5 * rms(jumps["alone"])


@pytest.mark.parametrize("stars", [3, 4, 15, 60])
def test_a_frame_alone_is_as_the_fit_of_one_frame_has_it(stars):
    rng = np.random.default_rng(stars)
    for _ in range(20):
        _, difference, variance, reference = simulated(
            rng, 1, stars, hidden=0.02, wrong_stars=0.2, missing=0.0
        )
        found = fit(difference, variance, reference)
        needed = zp.stars_needed(MINSTARS, stars)
        alone = zp.fit_zeropoint(difference[0], variance[0] + reference, needed)
        np.testing.assert_array_equal(found.kept[0], alone.kept)
        assert found.zeropoint_mag[0] == pytest.approx(alone.zeropoint_mag, abs=1e-5)
        assert found.standard_error_mag[0] == pytest.approx(alone.standard_error_mag, rel=2e-3)
        assert found.relative_error_mag[0] == found.standard_error_mag[0]


def test_more_frames_than_stars_and_fewer_are_solved_alike():
    """One and the same system, by way of frames and by way of stars: the full inverse decides."""
    rng = np.random.default_rng(2)
    for frames, stars in ((4, 9), (9, 4)):
        weight = rng.uniform(1.0, 50.0, (frames, stars)) * (rng.random((frames, stars)) < 0.8)
        weight[:, 0] = weight[0] = 1.0
        difference, prior = rng.normal(25.0, 0.1, (frames, stars)), rng.uniform(0.01, 0.1, stars)
        normal = np.block(
            [
                [np.diag(weight.sum(axis=1)), weight],
                [weight.T, np.diag(weight.sum(axis=0) + 1 / prior)],
            ]
        )
        covariance = np.linalg.inv(normal)
        right = np.concatenate(
            [(weight * difference).sum(axis=1), (weight * difference).sum(axis=0)]
        )
        expected = covariance @ right
        found = ensemble._solve(difference, weight, prior)
        np.testing.assert_allclose(found.zeropoint, expected[:frames], rtol=1e-9)
        np.testing.assert_allclose(found.offset, expected[frames:], atol=1e-9)
        of_frames = covariance[:frames, :frames]
        np.testing.assert_allclose(found.variance, np.diag(of_frames), rtol=1e-9)
        np.testing.assert_allclose(found.row_sum, of_frames.sum(axis=1), rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(5, 30), st.floats(-5, 5), st.integers(0, 2**32 - 1))
def test_order_and_level_do_not_matter(frames, stars, level, seed):
    rng = np.random.default_rng(seed)
    _, difference, variance, reference = simulated(rng, frames, stars, **KINDS["everything"])
    one = fit(difference, variance, reference)
    row, star = rng.permutation(frames), rng.permutation(stars)
    other = fit(difference[row][:, star] + level, variance[row][:, star], reference[star])
    np.testing.assert_array_equal(one.kept[row][:, star], other.kept)
    np.testing.assert_allclose(one.zeropoint_mag[row] + level, other.zeropoint_mag, atol=1e-5)
    np.testing.assert_allclose(one.offset_mag[star], other.offset_mag, atol=1e-5)
    for name in ("standard_error_mag", "relative_error_mag"):
        np.testing.assert_allclose(getattr(one, name)[row], getattr(other, name), rtol=1e-3)


def test_what_is_spoilt_goes_and_the_rest_stays():
    rng = np.random.default_rng(3)
    _, difference, variance, reference = simulated(rng, 8, 40, missing=0.0)
    difference[2, 5] += 0.5  # a cosmic ray
    difference[:, 9] += 0.7  # a star that the catalog has wrong
    difference[6] -= 0.8  # a cloud
    kept = fit(difference, variance, reference).kept
    assert not kept[2, 5]
    assert not kept[:, 9].any()
    assert kept[:2, 5].all()
    assert kept[3:, 5].all()
    assert kept.sum() >= 8 * 40 - 9 - 3


def test_the_brightest_star_spoilt_on_one_of_two_frames_leads_nothing_astray():
    rng = np.random.default_rng(4)
    for _ in range(20):
        truth, difference, variance, reference = simulated(rng, 2, 15, missing=0.0)
        difference[0, np.argmin(variance[0])] += 1.0
        found = fit(difference, variance, reference)
        assert np.ptp(found.zeropoint_mag - truth) < 0.02


def test_a_star_off_the_catalog_that_a_poor_frame_needs_does_not_move_its_level():
    rng = np.random.default_rng(5)
    truth, difference, variance, reference = simulated(rng, 6, 20, missing=0.0)
    difference[:, 0] += 0.6
    difference[3, 3:] = np.nan  # three stars are left, one of them wrong
    found = fit(difference, variance, reference)
    assert found.kept[3].sum() == 3
    assert abs(found.zeropoint_mag[3] - truth[3]) < 4 * found.standard_error_mag[3] < 0.1


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_few_stars_of_which_most_are_spoilt_are_still_a_zeropoint(frames):
    rng = np.random.default_rng(frames)
    for _ in range(60):
        _, difference, variance, reference = simulated(rng, frames, 5, spoilt=0.4)
        found = fit(difference, variance, reference)
        assert np.isfinite(found.zeropoint_mag).all()
        assert (found.standard_error_mag >= found.relative_error_mag).all()
        assert (found.relative_error_mag > 0).all()
        assert (found.kept.sum(axis=1) >= zp.FEWEST_STARS).all()


def test_never_below_minstars():
    rng = np.random.default_rng(6)
    _, difference, variance, reference = simulated(rng, 5, 40, spoilt=0.6)
    kept = fit(difference, variance, reference).kept
    for row, of_frame in zip(difference, kept, strict=True):
        assert of_frame.sum() >= zp.stars_needed(MINSTARS, int(np.isfinite(row).sum()))


def test_frames_without_a_common_star_are_each_as_alone():
    rng = np.random.default_rng(7)
    truth, difference, variance, reference = simulated(rng, 2, 80, missing=0.0)
    difference[0, :40] = difference[1, 40:] = np.nan
    found = fit(difference, variance, reference)
    for row in range(2):
        seen = np.isfinite(difference[row])
        alone = zp.fit_zeropoint(difference[row, seen], (variance[row] + reference)[seen], 20)
        assert found.zeropoint_mag[row] == pytest.approx(alone.zeropoint_mag, abs=0.004)
        assert found.standard_error_mag[row] == pytest.approx(alone.standard_error_mag, rel=0.3)
    assert np.abs(found.zeropoint_mag - truth).max() < 4 * found.standard_error_mag.max()


def test_a_frame_alone_in_a_series_is_known_worse_relative_to_the_others():
    rng = np.random.default_rng(8)
    _, difference, variance, reference = simulated(rng, 6, 60, missing=0.0)
    difference[4, 20:] = np.nan
    relative = fit(difference, variance, reference).relative_error_mag
    assert relative[4] > 1.4 * np.delete(relative, 4).max()
