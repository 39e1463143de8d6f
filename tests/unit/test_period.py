"""Rotation periods of simulated asteroids come back, or stand among the alternatives."""

import numpy as np
import pytest

from photpipe.ground.errors import ReductionError
from photpipe.science import period


def simulated(seed: int) -> tuple[float, tuple[np.ndarray, ...]]:
    """Three nights of a body with P = 2 .. 12 h and an amplitude of 0.15 .. 0.6 mag."""
    rng = np.random.default_rng(seed)
    period_h = rng.uniform(2.0, 12.0)
    amplitude = rng.uniform(0.15, 0.6)
    start = np.concatenate([day + np.sort(rng.uniform(0.0, 0.25, 35)) for day in (0.0, 1.02, 3.05)])
    session = np.repeat([0, 1, 2], 35)
    phase = start * 24 / period_h
    shape = np.cos(4 * np.pi * phase) + 0.25 * np.cos(2 * np.pi * phase + rng.uniform(0, 6))
    shape = shape + 0.15 * np.sin(6 * np.pi * phase + rng.uniform(0, 6))
    mag = 15 + amplitude / np.ptp(shape) * shape + rng.normal(0, 0.05, 3)[session]
    sig = np.full(len(mag), 0.02)
    return period_h, (start + 2459000.5, mag + rng.normal(0, sig), sig, session)


def is_found(true_h: float, solution: period.PeriodSolution) -> bool:
    if abs(true_h - solution.period_h) < 3 * solution.period_error_h:
        return True
    return any(abs(true_h / other - 1) < 0.01 for other in solution.alternatives_h)


def test_periods_of_many_seeds() -> None:
    found = 0
    for seed in range(20):
        true_h, data = simulated(seed)
        found += is_found(true_h, period.find_period(*data, bootstraps=40))
    assert found >= 19


def test_error_is_that_of_repeated_observations() -> None:
    deviations = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        time = np.concatenate([d + np.linspace(0, 0.3, 40) for d in (0, 1, 2)])
        session = np.repeat([0, 1, 2], 40)
        mag = 0.2 * np.cos(4 * np.pi * time * 24 / 5.0) + rng.normal(0, 0.02, 120)
        found = period.find_period(time, mag, np.full(120, 0.01), session, bootstraps=60)
        deviations.append((found.period_h - 5.0) / found.period_error_h)
        assert found.fit.amplitude_mag == pytest.approx(0.4, abs=0.03)
    assert 0.5 < np.sqrt(np.mean(np.square(deviations))) < 1.6


def test_session_offsets_do_not_matter() -> None:
    _, (time, mag, sig, session) = simulated(3)
    shifted = mag + np.array([0.0, 1.5, -0.7])[session]
    first = period.find_period(time, mag, sig, session, bootstraps=5)
    second = period.find_period(time, shifted, sig, session, bootstraps=5)
    assert second.period_h == pytest.approx(first.period_h, rel=1e-6)
    assert second.lomb_scargle_power.argmax() == first.lomb_scargle_power.argmax()


def test_too_few_points() -> None:
    _, (time, mag, sig, session) = simulated(1)
    with pytest.raises(ReductionError, match="10 points in 1 sessions are too few"):
        period.find_period(time[:10], mag[:10], sig[:10], session[:10])
