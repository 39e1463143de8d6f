"""Relative zeropoints: those put in come out, whatever varies or is missing."""

import numpy as np
import pytest

from photpipe.science.relativeflux import relative_zeropoints


def night(frames: int, stars: int, noise: float, seed: int = 1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    true = rng.uniform(-1.5, 0.3, frames)
    star = rng.uniform(-12, -8, stars)
    error = noise * 10 ** (0.2 * (star + 10))[None, :] * np.ones((frames, 1))
    mag = star - true[:, None] + rng.normal(0, 1, (frames, stars)) * error
    return mag, error, true - np.median(true)


def test_zeropoints_come_back_within_their_errors() -> None:
    mag, error, true = night(12, 80, 0.01)
    assert relative_zeropoints(mag, error) == pytest.approx(true, abs=0.01)
    exact, error, true = night(5, 4, 0.0)
    assert relative_zeropoints(exact, error) == pytest.approx(true, abs=1e-9)


def test_variable_stars_and_missing_ones_do_not_matter() -> None:
    mag, error, true = night(20, 60, 0.005)
    rng = np.random.default_rng(2)
    mag[:, :5] += rng.normal(0, 0.5, (20, 5))
    mag[rng.random(mag.shape) < 0.4] = np.nan
    assert relative_zeropoints(mag, error) == pytest.approx(true, abs=0.01)


def test_a_drifting_field_is_bridged_from_frame_to_frame() -> None:
    mag, error, true = night(15, 100, 0.002)
    for number in range(15):
        mag[number, : number * 6] = np.nan
        mag[number, number * 6 + 12 :] = np.nan  # no star is on the first and the last frame
    assert relative_zeropoints(mag, error) == pytest.approx(true, abs=0.02)


def test_frames_without_common_stars_have_none() -> None:
    mag, error, true = night(6, 40, 0.002)
    mag[4, 2:] = np.nan
    mag[5] = np.nan
    found = relative_zeropoints(mag, error)
    assert np.isnan(found[4:]).all()
    assert found[:4] == pytest.approx(true[:4] - np.median(true[:4]), abs=0.01)
    alone, error, _ = night(3, 2, 0.01)
    assert np.isnan(relative_zeropoints(alone, error)).all()
    assert np.isnan(relative_zeropoints(np.zeros((2, 0)), np.zeros((2, 0)))).all()
