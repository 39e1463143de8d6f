"""The control star is constant, clean, isolated and not too bright."""

import numpy as np

from photpipe.science import control_star


def series(seed: int = 1, stars: int = 100, frames: int = 20) -> control_star.ControlCandidates:
    rng = np.random.default_rng(seed)
    mag = np.sort(rng.uniform(12, 18, stars))[:, None] + rng.normal(0, 0.02, (stars, frames))
    every = np.ones((stars, frames), bool)
    none = np.zeros(stars, bool)
    return control_star.ControlCandidates(mag, every, ~none, none.copy())


def test_about_the_five_percent_rank_and_quiet() -> None:
    candidates = series()
    candidates.mag[5:15] += np.random.default_rng(2).normal(0, 0.1, (10, 20))
    candidates.mag[9] = np.median(candidates.mag[9]) + np.linspace(-0.001, 0.001, 20)
    assert control_star.choose(candidates) == 9


def test_what_disqualifies() -> None:
    candidates = series()
    for number in range(5, 15):
        match number % 4:
            case 0:
                candidates.is_clean[number, ::5] = False  # seen on 80 % of the frames
            case 1:
                candidates.is_isolated[number] = False
            case 2:
                candidates.is_excluded[number] = True
            case 3:
                candidates.mag[number] = np.nan
    chosen = control_star.choose(candidates)
    assert chosen is not None
    assert chosen < 5 or chosen >= 15


def test_demands_are_lowered_before_giving_up() -> None:
    candidates = series(stars=4)
    candidates.is_isolated[:] = False
    assert control_star.choose(candidates) is not None
    candidates.is_clean[:, ::2] = False
    assert control_star.choose(candidates) is not None
    candidates.is_clean[:, 3:] = False
    assert control_star.choose(candidates) is None
    candidates = series(stars=4)
    candidates.is_excluded[:] = True
    assert control_star.choose(candidates) is None
