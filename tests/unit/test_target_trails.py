"""Trails are fitted to what is drawn: ends, flux, errors; and the brightness along them."""

import numpy as np
import pytest

from photpipe.science import target_trail, trail_profile
from photpipe.science.target_trail import Pixels, Segment, StarShape
from photpipe.science.trail_profile import TrailProfile
from simsky.psf import PointSources, add_sources, trailed

NOISE, BETA = 10.0, 3.0


def painted(
    segment: Segment,
    flux: float,
    fwhm: float = 3.0,
    seed: int = 1,
    period: float = 0.0,
    margin: int = 25,
    phase: float = 0.0,
) -> Pixels:
    """Noisy pixels around a trail, whose middle is near the origin; `period` in exposures."""
    half = [
        int(abs(each) / 2 + margin) for each in np.subtract(*np.reshape(_ends(segment), (2, 2)))
    ]
    image = np.zeros((2 * half[1] + 1, 2 * half[0] + 1), np.float32)
    x, y = segment.middle
    source = PointSources(
        np.array([x + half[0] + 1]), np.array([y + half[1] + 1]), np.array([flux]), np.array([fwhm])
    )

    def brightness(owner: np.ndarray, place: np.ndarray) -> np.ndarray:
        return (
            10 ** (-0.4 * 0.15 * np.cos(2 * np.pi * place / period + phase))
            if period
            else owner * 0 + 1.0
        )

    way = np.array([segment.x1 - segment.x0]), np.array([segment.y1 - segment.y0])
    add_sources(image, trailed(source, *way, brightness=brightness), BETA, 1e-3)
    values = np.random.default_rng(seed).normal(image, np.sqrt(NOISE**2 + image))
    columns, rows = np.meshgrid(
        np.arange(-half[0], half[0] + 1.0), np.arange(-half[1], half[1] + 1.0)
    )
    return Pixels(columns, rows, values, np.full(values.shape, NOISE**2), 1.0)


def _ends(segment: Segment) -> list[float]:
    return [segment.x0, segment.y0, segment.x1, segment.y1]


def around(length: float, angle: float, x: float = 0.2, y: float = -0.3) -> Segment:
    dx, dy = length / 2 * np.cos(angle), length / 2 * np.sin(angle)
    return Segment(x - dx, y - dy, x + dx, y + dy)


@pytest.mark.parametrize("length", [10.0, 60.0])
def test_ends_and_flux_agree_with_their_errors(length: float) -> None:
    pulls, fluxes = [], []
    for seed in range(4):
        true = around(length, 0.7 + seed, seed / 10)
        flux = 150 * NOISE * np.sqrt(4 * 20 + 5 * length)
        found = target_trail.fit(
            painted(true, flux, seed=seed), StarShape(3.0), true.moved(2, -1.5), 6.0
        )
        assert found is not None
        assert found.fitted == "ends"
        pulls.append(
            (np.subtract(_ends(found.segment), _ends(true))) / np.sqrt(np.diag(found.covariance))
        )
        fluxes.append((found.flux - flux) / found.error)
        assert abs(found.flux / flux - 1) < 0.03
        assert found.chi2 == pytest.approx(1.0, abs=0.15)
    assert 0.6 < np.sqrt(np.mean(np.square(pulls))) < 1.5
    assert abs(np.mean(fluxes)) < 1.2


def test_a_faint_trail_is_measured_where_it_is_predicted() -> None:
    true = around(40.0, 0.4)
    found = target_trail.fit(painted(true, 0.0), StarShape(3.0), true, 6.0)
    assert found is not None
    assert found.fitted == ""
    assert np.isnan(found.covariance).all()
    assert abs(found.snr) < 4


def test_a_trail_that_is_cut_off_keeps_its_length() -> None:
    true = around(60.0, 0.0)
    stamp = painted(true, 6e4)
    known = Pixels(
        stamp.x_px,
        stamp.y_px,
        np.where(stamp.x_px > 10, np.nan, stamp.values),
        stamp.variance,
        stamp.photon_counts,
    )
    found = target_trail.fit(known, StarShape(3.0), true, 4.0)
    assert found is not None
    assert found.fitted == "middle"
    assert found.segment.length == pytest.approx(60.0)
    assert found.covered == pytest.approx(0.66, abs=0.05)
    assert found.flux == pytest.approx(6e4, rel=0.05)


def test_nothing_is_made_of_no_pixels() -> None:
    true = around(20.0, 0.0)
    stamp = painted(true, 1e4)
    blank = Pixels(stamp.x_px, stamp.y_px, stamp.values * np.nan, stamp.variance, 1.0)
    assert target_trail.fit(blank, StarShape(3.0), true, 4.0) is None


def test_the_image_of_a_trail_has_unit_light_and_its_parts_add_up() -> None:
    true = around(40.0, 1.1)
    x, y = (each.ravel() for each in np.meshgrid(np.arange(-45.0, 46), np.arange(-45.0, 46)))
    image = target_trail.TrailImage(StarShape(3.0, 3.0, 0.2, -0.1), true.direction)
    whole = image.parts(x, y, true)[0]
    assert whole.sum() == pytest.approx(1.0, abs=0.01)
    parts = image.parts(x, y, true, 5)
    assert np.abs(parts.mean(axis=0) - whole).max() < 1e-6


def test_the_shape_of_an_elongated_star() -> None:
    axis = np.arange(-14.0, 15)
    x, y = np.meshgrid(axis, axis)
    true = StarShape(3.4, 2.7, 0.15, -0.1)
    light = 5e5 * true.on_pixels(x - 0.3, y + 0.2)
    stamp = Pixels(x, y, light + 300, np.full(x.shape, 100.0), 1.0)
    shape, flux, _ = target_trail.fitted_star(stamp, StarShape(3.0)) or pytest.fail("no star")
    assert shape.fwhm_px == pytest.approx(3.4, rel=0.01)
    assert shape.beta == pytest.approx(2.7, rel=0.03)
    assert (shape.e1, shape.e2) == (pytest.approx(0.15, abs=0.01), pytest.approx(-0.1, abs=0.01))
    assert flux == pytest.approx(5e5, rel=0.01)
    assert target_trail.flux_of_star(stamp, shape) == pytest.approx(flux, rel=1e-3)


def test_the_period_along_a_trail() -> None:
    true = around(120.0, 0.3)
    stamp = painted(true, 500 * NOISE * np.sqrt(700.0), period=1 / 7)
    found = target_trail.fit(stamp, StarShape(3.0), true.moved(1, 1), 4.0)
    assert found is not None
    assert found.variability < target_trail.VARIES_P
    trail, profile = trail_profile.followed(stamp, StarShape(3.0), found, 70.0)
    assert profile is not None
    wave = trail_profile.period([profile])
    assert wave is not None
    assert wave.seconds == pytest.approx(10.0, rel=0.006)
    assert abs(wave.seconds - 10.0) < 4 * wave.error_s
    assert wave.amplitude_mag == pytest.approx(0.3, abs=0.04)
    assert np.abs(np.subtract(_ends(trail.segment), _ends(true))).max() < 0.15


def test_an_even_trail_has_no_period() -> None:
    true = around(60.0, 0.3)
    stamp = painted(true, 300 * NOISE * np.sqrt(400.0))
    found = target_trail.fit(stamp, StarShape(3.0), true, 4.0)
    assert found is not None
    assert found.variability > target_trail.VARIES_P
    _, profile = trail_profile.followed(stamp, StarShape(3.0), found, 60.0)
    assert profile is not None
    assert trail_profile.period([profile]) is None
    pulls = (profile.flux - 1) / profile.error
    assert 0.6 < np.sqrt(np.mean(pulls**2)) < 1.4


def test_a_short_trail_has_no_light_curve() -> None:
    true = around(9.0, 0.3)
    stamp = painted(true, 1e5)
    found = target_trail.fit(stamp, StarShape(3.0), true, 4.0)
    assert found is not None
    assert trail_profile.followed(stamp, StarShape(3.0), found, 60.0)[1] is None


def test_ends_of_a_trail_that_varies_agree_with_their_errors() -> None:
    """Phases at which a bright end looks like a shift."""
    pulls, even = [], []
    for seed in range(5):
        true = around(15.0, 0.9 * seed)
        stamp = painted(true, 2e5, seed=seed, period=0.45, phase=0.8 * seed)
        found = target_trail.fit(stamp, StarShape(3.0), true.moved(0.5, -0.5), 4.0)
        assert found is not None
        trail = trail_profile.followed(stamp, StarShape(3.0), found, 60.0)[0]
        assert trail.flux == pytest.approx(found.flux, rel=0.02)
        for which, pull in ((found, even), (trail, pulls)):
            off = np.subtract(which.segment.middle, true.middle)
            pull.append(off @ np.linalg.solve(which.middle_covariance, off) / 2)
    assert np.sqrt(np.mean(even)) > 1.8
    assert 0.5 < np.sqrt(np.mean(pulls)) < 1.5


def test_an_even_trail_keeps_small_errors() -> None:
    true = around(15.0, 0.4)
    stamp = painted(true, 5e4)
    found = target_trail.fit(stamp, StarShape(3.0), true, 4.0)
    assert found is not None
    trail = trail_profile.followed(stamp, StarShape(3.0), found, 60.0)[0]
    errors = np.sqrt([np.trace(each.middle_covariance) for each in (found, trail)])
    assert errors[0] <= errors[1] < 1.8 * errors[0]


def waves(period_s: float, middles_s: list[float], step: float = 0.0) -> list[TrailProfile]:
    """Profiles of 40 s, with errors of 10 % a second, of one wave that may lose its step."""
    found = []
    seconds = np.arange(40) - 19.5
    for number, middle in enumerate(middles_s):
        phase = 2 * np.pi * (seconds + middle) / period_s + step * number
        noise = np.random.default_rng(number).normal(0, 0.1, 40)
        found.append(TrailProfile(seconds, 1.0, 1 + 0.15 * np.cos(phase) + noise, np.eye(40) / 100))
    return found


def test_the_period_of_trails_in_step_is_better_than_that_of_each() -> None:
    middles = [0.0, 60.0, 118.0, 180.0]
    profiles = waves(9.0, middles)
    alone = trail_profile.period(profiles[:1])
    free = trail_profile.period(waves(9.0, middles, step=2.0), middles)
    wave = trail_profile.period(profiles, middles)
    assert alone is not None
    assert free is not None
    assert wave is not None
    assert (free.in_step, wave.in_step) == (False, True)
    assert wave.error_s < free.error_s / 3 < alone.error_s / 3
    assert abs(free.seconds - 9.0) < 3 * free.error_s
    assert abs(wave.seconds - 9.0) < 3 * wave.error_s


def test_trails_of_noise_have_no_period_together() -> None:
    middles = [0.0, 60.0, 118.0, 180.0]
    profiles = waves(1e9, middles)
    assert trail_profile.period(profiles, middles) is None


def test_the_number_of_cycles_between_far_trails_is_not_guessed() -> None:
    for apart in (2000.0, 86400.0):
        wave = trail_profile.period(waves(9.0, [0.0, apart]), [0.0, apart])
        assert wave is not None
        assert not wave.in_step
