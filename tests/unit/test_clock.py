"""The clock of a night, by asteroids of known ephemerides: found, told, and never invented."""

import math

import numpy as np
import pytest

from photpipe.distill import clock as of_frames
from photpipe.distill.targets import ASTEROID, FIXED, Target
from photpipe.science import clock
from tests.points import point


def passages(rng: np.random.Generator, shift_s: float, bodies: int = 0) -> list[clock.Passage]:
    """Asteroids of a night whose exposures were `shift_s` later than their headers say.

    One to eight, 0.2 to 3 arcsec/min (a tenth of them up to 30), on 5 to 59 frames that are
    registered to 0.03 arcsec, points of 0.03 to 0.3 arcsec, ephemerides of 0.01 to 0.33 arcsec,
    and 0.01 to 0.06 arcsec that neither tells.
    """
    unknown = rng.uniform(0.01, 0.06)
    frames = rng.integers(5, 60)
    registration = rng.normal(0, 0.03, (2, frames))
    found = []
    for _ in range(bodies or rng.integers(1, 9)):
        rate = 10 ** rng.uniform(np.log10(0.2), np.log10(3)) / 60
        rate *= rng.uniform(2, 10) if rng.random() < 0.1 else 1.0
        angle = rng.uniform(0, 2 * np.pi)
        motion = rate * np.array([[np.sin(angle)], [np.cos(angle)]])
        sigma3, sigma = 10 ** rng.uniform(-1.5, 0), rng.uniform(0.03, 0.3)
        seen = rng.random(frames) < 0.9
        seen[0] = True
        error = rng.normal(0, sigma3 / 3 / np.sqrt(2), (2, 1)) + rng.normal(0, unknown, (2, 1))
        residual = error + motion * shift_s + registration[:, seen]
        residual = residual + rng.normal(0, sigma, residual.shape)
        sigmas = np.full(seen.sum(), sigma)
        rates = np.repeat(motion, seen.sum(), axis=1)
        found.append(clock.passage(*residual, sigmas, rates, sigma3))
    return found


def nights(seed: int, count: int, largest_s: float) -> tuple[np.ndarray, int]:
    """Pulls of the offsets of many nights, shifted by 0 to so many seconds; how many are off."""
    rng = np.random.default_rng(seed)
    deviations, off = [], 0
    for _ in range(count):
        shift_s = rng.uniform(0, largest_s)
        found = clock.offset(passages(rng, shift_s))
        assert found is not None
        deviations.append((found.seconds - shift_s) / found.error_s)
        off += found.is_off
    return np.array(deviations), off


def test_shifted_nights_are_found() -> None:
    deviations, off = nights(1, 60, 20.0)
    assert np.mean(np.abs(deviations) < 2) >= 0.92
    assert 0.7 < np.sqrt(np.mean(deviations**2)) < 1.2
    assert off > 20


def test_no_night_is_called_wrong_that_is_right() -> None:
    assert nights(2, 60, 0.0)[1] == 0


def test_along_and_across_the_path() -> None:
    rate = np.array([[0.03], [0.04]])
    seen = clock.passage(np.array([0.3]), np.array([0.4]), np.array([0.1]), rate, 0.3)
    assert (seen.along_arcsec[0], seen.cross_arcsec[0]) == pytest.approx((0.5, 0.0))
    assert (seen.rate_arcsec_s[0], seen.ephemeris_arcsec) == pytest.approx((0.05, 0.1))
    left = clock.passage(np.array([-0.4]), np.array([0.3]), np.array([0.1]), rate, 0.3)
    assert (left.along_arcsec[0], left.cross_arcsec[0]) == pytest.approx((0.0, 0.5))


def test_bodies_at_rest_tell_nothing() -> None:
    zero = np.zeros(3)
    still = clock.passage(zero, zero, zero + 0.1, np.zeros((2, 3)), 0.1)
    assert clock.offset([still]) is None
    assert clock.offset([]) is None


@pytest.mark.parametrize(
    ("seconds", "exptime_s", "whole", "words"),
    [
        (30.1, 60.0, False, ["the time taken for the middle of the exposure is its start"]),
        (-29.9, 60.0, False, ["the time taken for the start of the exposure is its middle"]),
        (60.2, 60.0, False, ["the times are one exposure early"]),
        (-60.1, 60.0, False, ["the time taken for the start of the exposure is its end"]),
        (-3600.2, 60.0, False, ["the clock shows local time (UTC+1:00)"]),
        (25200.0, 60.0, False, ["the clock shows local time (UTC-7:00)"]),
        (-69.2, 60.0, False, ["the clock shows TT instead of UTC"]),
        (0.55, 60.0, True, ["the times are cut to whole seconds"]),
        (0.55, 60.0, False, []),
        (11.0, 60.0, False, []),
        (30.0, math.nan, False, []),
    ],
)
def test_usual_mistakes_are_named(
    seconds: float, exptime_s: float, whole: bool, words: list[str]
) -> None:
    found = clock.ClockOffset(seconds, 0.15, 2, 50, 0.03)
    assert clock.causes(found, exptime_s, whole_seconds=whole) == words


def test_nothing_is_named_that_is_not_told_sharply() -> None:
    assert clock.causes(clock.ClockOffset(30.0, 12.0, 2, 50, 0.03), 60.0, whole_seconds=True) == []


def test_whole_seconds_are_seen() -> None:
    start = 2459000.5 + np.array([10.0, 75.0, 140.0, 205.0]) / 86400
    assert clock.are_whole_seconds(start)
    assert not clock.are_whole_seconds(start + np.array([0, 0, 0, 0.3]) / 86400)
    assert not clock.are_whole_seconds(start[:2])


def test_points_of_known_moving_bodies_count() -> None:
    frames = [f"n{number}.fits" for number in range(5)]
    ones = np.ones(5)
    rate = np.array([60.0 * ones, 0 * ones])  # one arcsec a second eastwards
    moving = Target("433", ASTEROID, ones, ones, 0.1 * ones, rate_arcsec_min=rate)
    star = Target("star", FIXED, ones, ones, 0 * ones, rate_arcsec_min=rate)
    times = 2459000.5 + np.arange(5) / 1440
    ahead = [
        point(frame=name, midtime_jd=time, offset_east_arcsec=-30.0, offset_north_arcsec=0.0)
        for name, time in zip(frames, times, strict=True)
    ]
    off = [point(frame=name, offset_east_arcsec=5.0) for name in frames]
    limits = [point(frame=name, method="limit", offset_east_arcsec=9.0) for name in frames]
    found = of_frames.of_night([(moving, [*ahead, *limits]), (star, off)], frames)
    assert found is not None
    assert (found.bodies, found.points, found.is_off) == (1, 5, True)
    assert found.seconds == pytest.approx(30.0, abs=0.01)
    assert found.causes == ("the time taken for the middle of the exposure is its start",)
    assert of_frames.of_night([(star, off)], frames) is None
