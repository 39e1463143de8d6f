"""Curves of growth: truth is a Moffat profile whose light inside every radius is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photpipe.science import growth, noise
from photpipe.science.growth import Strategy

RADII = growth.aperture_radii(2.0, 12.0)
LIMIT, MARGIN = 0.7, 0.05


def simulated(rng, fluxes, core_px=4.0, beta=2.6, *, sky_counts=3.0):
    """Aperture fluxes and errors of stars: photon noise (gain 1) and sky noise ring by ring."""
    light = np.outer(fluxes, growth.moffat_growth(RADII, core_px, beta))
    ring_variance = np.diff(light, axis=1, prepend=0.0) + sky_counts**2 * np.pi * np.diff(
        RADII**2, prepend=0.0
    )
    noisy = light + np.cumsum(rng.normal(0.0, np.sqrt(ring_variance)), axis=1)
    return noisy, np.sqrt(np.cumsum(ring_variance, axis=1))


def true_fraction(core_px=4.0, beta=2.6):
    light = growth.moffat_growth(RADII, core_px, beta)
    return light / light[-1]


def test_mean_curve_is_unbiased_with_honest_errors():
    rng = np.random.default_rng(1)
    residuals, pulls = [], []
    for _ in range(200):
        curve = growth.mean_curve(*simulated(rng, rng.uniform(2e4, 5e5, 40)))
        residuals.append(curve.fraction - true_fraction())
        pulls.append(residuals[-1][:-1] / curve.error[:-1])
    assert np.abs(np.mean(residuals, axis=0)).max() < 2e-4
    rms = np.sqrt(np.mean(np.square(pulls), axis=0))
    assert rms.min() > 0.8
    assert rms.max() < 1.3


def test_contaminated_curves_do_not_move_the_mean_curve():
    rng = np.random.default_rng(2)
    flux, error = simulated(rng, rng.uniform(1e5, 5e5, 40))
    flux[:8] += np.outer(flux[:8, -1], np.linspace(0, 0.5, len(RADII)))  # neighbours
    flux[8:12, 10:] *= 0.5  # falls: a bad column through the outer rings
    flux[12] = np.nan
    flux[13, 0] = -1.0
    curve = growth.mean_curve(flux, error)
    assert curve.number == 34
    assert np.abs(curve.fraction - true_fraction()).max() < 0.02


def test_faint_target_over_many_frames_gives_its_curve():
    rng = np.random.default_rng(3)
    fractions = []
    for _ in range(50):
        flux, error = simulated(rng, np.full(30, 1500.0), sky_counts=2.0)
        fractions.append(growth.mean_curve(flux, error).fraction)
    assert np.abs(np.mean(fractions, axis=0) - true_fraction()).max() < 0.03


def test_no_usable_curve_is_none():
    assert growth.mean_curve(np.full((3, 20), -1.0), np.ones((3, 20))) is None
    assert growth.mean_curve(np.empty((0, 20)), np.empty((0, 20))) is None
    assert growth.average_curves([]) is None


def test_two_curves_still_carry_an_error():
    rng = np.random.default_rng(4)
    curve = growth.mean_curve(*simulated(rng, np.array([1e5, 2e5])))
    assert (curve.error[:-1] > 0).all()
    assert curve.error[-1] == 0


curves = st.lists(
    st.lists(st.floats(0.01, 1e4), min_size=20, max_size=20), min_size=1, max_size=12
).map(lambda rows: np.cumsum(np.array(rows), axis=1) + 1.0)


@given(curves)
def test_rising_curves_give_a_rising_mean_curve_that_ends_at_one(flux):
    curve = growth.mean_curve(flux, np.sqrt(flux))
    assert curve.number == len(flux)
    assert curve.fraction[-1] == 1
    assert (np.diff(curve.fraction) >= -1e-12).all() or len(flux) > 1


@given(curves, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_neither_order_nor_unit_matters(flux, random, unit):
    order = list(range(len(flux)))
    random.shuffle(order)
    one = growth.mean_curve(flux, np.sqrt(flux))
    other = growth.mean_curve(unit * flux[order], unit * np.sqrt(flux[order]))
    np.testing.assert_allclose(one.fraction, other.fraction, rtol=1e-9)
    np.testing.assert_allclose(one.snr, other.snr, rtol=1e-9)


def curve_of(fraction):
    fraction = np.asarray(fraction, float)
    return growth.MeanCurve(fraction, 0 * fraction, fraction, 0 * fraction, 10, 0.0)


@given(
    st.lists(st.floats(0, 1), min_size=19, max_size=19),
    st.lists(st.floats(0, 1), min_size=19, max_size=19),
)
def test_the_chosen_aperture_keeps_what_the_manual_promises(background, target):
    background, target = curve_of([*sorted(background), 1]), curve_of([*sorted(target), 1])
    both = growth.choose_aperture(background, target, Strategy.BOTH, LIMIT, MARGIN)
    good = (
        (background.fraction >= LIMIT)
        & (target.fraction >= LIMIT)
        & (np.abs(background.fraction - target.fraction) < MARGIN)
    )
    assert good[both.index]
    assert not good[: both.index].any()
    for strategy, curve in ((Strategy.BACKGROUND, background), (Strategy.TARGET, target)):
        choice = growth.choose_aperture(background, target, strategy, LIMIT, MARGIN)
        assert choice.strategy is strategy
        assert curve.fraction[choice.index] >= LIMIT
        assert not (curve.fraction[: choice.index] >= LIMIT).any()


def test_a_missing_curve_hands_the_decision_over():
    curve = curve_of(np.linspace(0.5, 1, 20))
    choice = growth.choose_aperture(curve, None, Strategy.BOTH, LIMIT, MARGIN)
    assert choice.strategy is Strategy.BACKGROUND
    assert not choice.as_wished
    choice = growth.choose_aperture(None, curve, Strategy.BACKGROUND, LIMIT, MARGIN)
    assert choice.strategy is Strategy.TARGET
    assert growth.choose_aperture(None, None, Strategy.BOTH, LIMIT, MARGIN) is None


def test_a_trailed_target_gets_a_larger_aperture():
    point, trailed = curve_of(true_fraction()), curve_of(true_fraction(core_px=7.0))
    alone = growth.choose_aperture(point, None, Strategy.BACKGROUND, LIMIT, MARGIN)
    both = growth.choose_aperture(point, trailed, Strategy.BOTH, LIMIT, MARGIN)
    assert both.index > alone.index


def test_average_over_frames_counts_sources_and_is_robust():
    frames = [curve_of(true_fraction()) for _ in range(6)] + [curve_of(true_fraction(9.0))]
    average = growth.average_curves(frames)
    assert average.number == 70
    np.testing.assert_allclose(average.fraction, true_fraction())


@pytest.mark.parametrize(("core_px", "beta"), [(3.0, 2.5), (4.0, 4.0), (2.5, 30.0), (6.0, 3.0)])
def test_aperture_correction_reaches_all_the_light(core_px, beta):
    rng = np.random.default_rng(5)
    index, misses, errors = 6, [], []
    truth = 2.5 * np.log10(growth.moffat_growth(RADII[index], core_px, beta))
    for _ in range(20):
        flux, error = simulated(rng, rng.uniform(1e5, 1e6, 30), core_px, beta)
        correction = growth.aperture_correction(RADII, growth.mean_curve(flux, error), index)
        misses.append(correction.magnitude - truth)
        errors.append(correction.error_mag)
    assert abs(np.mean(misses)) < 0.01
    assert np.sqrt(np.mean(np.square(misses))) < 1.3 * np.mean(errors) + 0.002
    assert np.mean(errors) < 0.08


def test_the_locus_is_that_of_the_stars_in_a_cluster_of_galaxies():
    rng = np.random.default_rng(6)
    fwhm = np.concatenate([rng.normal(4.0, 0.1, 25), rng.uniform(5, 15, 60), rng.uniform(1, 2, 9)])
    centre, width = growth.locus(fwhm)
    assert centre == pytest.approx(4.0, abs=0.1)
    assert 0.3 < width < 1.5
    assert np.isnan(growth.locus(np.array([np.nan]))).all()


def test_the_sample_is_bright_clean_isolated_and_star_like():
    rng = np.random.default_rng(7)
    number = 300
    snr = rng.uniform(3, 300, number)
    fwhm = rng.normal(4.0, 0.1, number)
    clean, isolated = rng.random(number) > 0.1, rng.random(number) > 0.2
    fwhm[:30] = 9.0
    sample = growth.star_sample(clean, fwhm, snr, isolated)
    assert len(sample) == growth.SAMPLE_LARGEST
    assert (clean & isolated & (snr > 50))[sample].all()
    assert (sample >= 30).all()
    assert (np.diff(snr[sample]) <= 0).all()


def test_the_sample_takes_fainter_stars_where_bright_ones_are_few():
    snr = np.array([100.0] * 3 + [15.0] * 12)
    sample = growth.star_sample(np.ones(15, bool), np.full(15, 3.0), snr, np.ones(15, bool))
    assert len(sample) == 15
    assert not growth.star_sample(np.zeros(3, bool), np.ones(3), np.ones(3), np.ones(3, bool)).size


def test_locus_is_that_of_the_smaller_of_two_equal_crowds():
    stars, galaxies = np.linspace(2.80, 2.99, 7), np.linspace(3.39, 3.64, 8)
    centre, width = growth.locus(np.concatenate([stars, galaxies]))
    assert centre == pytest.approx(2.9, abs=0.05)
    assert centre + 1.5 * width > stars.max()
    strays = np.array([1.0, 1.02])  # of fewer, the crowd decides
    assert growth.locus(np.concatenate([strays, stars]))[0] == pytest.approx(2.9, abs=0.05)


def test_neighbour_light_is_relative_and_mutual():
    light = growth.neighbour_light(
        np.array([0.0, 3.0, 50.0]), np.zeros(3), np.array([100.0, 1.0, -5.0]), 5.0
    )
    np.testing.assert_allclose(light, [0.01, 100.0, np.inf])


def test_radii_must_make_a_range():
    with pytest.raises(ValueError, match="no range"):
        growth.aperture_radii(5, 5)


def test_sky_noise_is_the_scatter_of_empty_apertures():
    rng = np.random.default_rng(8)
    expected = 5.0 * np.sqrt(np.pi * 16)
    net = rng.normal(0.0, 1.5 * expected, noise.EMPTY_APERTURES)
    net[:20] = np.nan
    found = noise.sky_noise(net, 4.0, 5.0)
    assert found.factor == pytest.approx(1.5, rel=0.15)
    assert found.number == noise.EMPTY_APERTURES - 20
    few = noise.sky_noise(net[:30], 4.0, 5.0)
    assert (few.factor, few.aperture_counts) == (1.0, pytest.approx(expected))


def test_empty_places_keep_off_sources():
    rng = np.random.default_rng(9)
    x, y = rng.uniform(0, 300, 40), rng.uniform(0, 300, 40)
    row, column = noise.empty_places((300, 300), x, y, np.full(40, 12.0), noise.annulus_reach(4.0))
    assert np.hypot(column[:, None] - x, row[:, None] - y).min() > 12
    nowhere = np.empty(0)
    everywhere, _ = noise.empty_places((600, 600), nowhere, nowhere, nowhere, 30.0)
    assert len(everywhere) == noise.EMPTY_APERTURES


def test_noise_of_a_pixel_and_the_gain_come_back_from_the_errors():
    gain, sigma, radius = 1.7, 6.0, 5.0
    flux = np.geomspace(10, 1e5, 50)
    error = np.sqrt(np.pi * radius**2 * sigma**2 + flux / gain)
    variance = noise.sky_variance(flux, error, gain)
    assert noise.pixel_noise(variance, radius) == pytest.approx(sigma)
    assert noise.effective_gain(gain * sigma**2, sigma) == pytest.approx(gain)
    assert noise.effective_gain(-3.0, sigma) is None
    assert noise.effective_gain(sigma, sigma) is None  # the sky was subtracted
    # a normalised frame: the unit of the counts plays no part
    assert noise.effective_gain(1.0, sigma / 1000.0) == pytest.approx(1e6 / sigma**2)
    assert noise.effective_gain(1e9, 1e-3) is None
    again = noise.aperture_errors(flux, variance, 1.0, gain)
    np.testing.assert_allclose(again, error)
    assert np.isnan(noise.pixel_noise(np.empty(0), 5.0))


def test_a_plateau_of_peaks_is_saturation():
    flux = np.geomspace(1e4, 1e6, 40)
    peaks = np.minimum(flux / 20, 20000.0)
    assert noise.plateau(peaks, flux) == pytest.approx(20000.0)
    assert noise.plateau(flux / 20, flux) == np.inf
    assert noise.plateau(np.empty(0), np.empty(0)) == np.inf


def test_limiting_magnitude():
    assert noise.limiting_magnitude(20.0) == pytest.approx(-5.0)
    assert np.isnan(noise.limiting_magnitude(0.0))
