"""Frames agree on the offset of a target, or it is left open."""

import numpy as np

from photpipe.science.agreement import agreeing


def test_target_among_passers_by() -> None:
    frame = np.array([0, 0, 1, 2, 2, 3])
    east = np.array([5.0, -8.0, 5.2, 4.9, 0.0, 9.0])
    north = np.array([-3.0, 1.0, -3.1, -2.8, 7.0, 9.0])
    found = agreeing(east, north, frame, 1.0)
    assert found is not None
    assert np.flatnonzero(found).tolist() == [0, 2, 3]


def test_one_source_per_frame() -> None:
    frame = np.array([0, 0, 1, 2])
    east = np.array([5.0, 5.6, 5.05, 4.95])
    found = agreeing(east, np.zeros(4), frame, 1.0)
    assert found is not None
    assert np.flatnonzero(found).tolist() == [0, 2, 3]


def test_what_is_left_open() -> None:
    nothing = np.zeros(0)
    assert agreeing(nothing, nothing, np.zeros(0, np.int64), 1.0) is None
    # a single frame, even with two sources in one place
    assert agreeing(np.zeros(2), np.zeros(2), np.array([3, 3]), 1.0) is None
    # as many frames elsewhere
    east, frame = np.array([0.0, 0.1, 5.0, 9.0]), np.arange(4)
    assert agreeing(east, np.zeros(4), frame, 1.0) is None
    # two that move alike, such as the fragments of a comet
    east, frame = np.array([0.0, 6.0, 0.1, 6.1, 0.0, 6.0]), np.array([0, 0, 1, 1, 2, 2])
    assert agreeing(east, np.zeros(6), frame, 1.0) is None
