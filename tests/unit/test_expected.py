"""Targets that are brighter than their ephemeris allows."""

from dataclasses import replace

import numpy as np
import pytest

from photpipe.distill.expected import excess_mag, unexpected, wider
from photpipe.distill.targets import ASTEROID, FIXED, MOVING, POSITIONS, Target
from photpipe.run.photometry_file import CLEAN, DETECTED, LIMIT
from tests.points import point

STAR = "star of R = 19.0 at {:.1f} arcsec"


def target(predicted_mag: float, kind: str = MOVING, **more: object) -> Target:
    ones = np.ones(6)
    return Target("T", kind, ones, ones, 0 * ones, predicted_mag, **more)


def night(**changes: object) -> list:
    return [point(frame=f"n{each}.fits", **changes) for each in range(6)]


@pytest.mark.parametrize("kind", [MOVING, ASTEROID])
def test_a_set_that_is_far_too_bright_is_told(kind: str) -> None:
    found = unexpected(night(), target(19.4, kind))
    assert {each.contamination for each in found} == {"2.0 mag brighter than predicted"}
    assert found[0].contamination_mag == pytest.approx(2.0)
    assert not any(each.rejected for each in found)


def test_what_h_and_rotation_explain_raises_no_alarm() -> None:
    points = night()
    for predicted in (12.0, 17.0, 18.3, np.nan):
        assert unexpected(points, target(predicted)) == points
    for kind in (FIXED, POSITIONS):
        assert unexpected(points, target(20.0, kind)) == points


@pytest.mark.parametrize(
    "changes",
    [{"sig": 0.5}, {"zeropoint": np.nan}, {"band": "usm"}, {"method": LIMIT}, {"rejected": "pos"}],
    ids=lambda changes: next(iter(changes)),
)
def test_points_that_tell_little_raise_no_alarm(changes: dict) -> None:
    points = night(**changes)
    assert unexpected(points, target(18.8)) == points


def test_comets_and_large_phase_angles_are_not_predictable() -> None:
    points = night()
    assert unexpected(points, target(20.0, is_comet=True)) == points
    geometry = np.array([[1.0] * 6, [0.1] * 6, [90.0] * 6])
    assert unexpected(points, target(20.0, geometry=geometry)) == points


@pytest.mark.parametrize(("apart", "rejected"), [(0.4, True), (3.0, False)])
def test_a_star_of_the_catalog_within_the_seeing_keeps_the_points_out(
    apart: float, rejected: bool
) -> None:
    points = night(contamination=STAR.format(apart), contamination_arcsec=apart)
    found = unexpected(points, target(19.4))
    assert all(bool(each.rejected) == rejected for each in found)
    if rejected:
        words = (
            "contaminated: star of R = 19.0 at 0.4 arcsec, cannot be told apart; 2.0 mag brighter"
        )
        assert found[0].rejected.startswith(words)


def test_one_bright_point_of_many_is_none_of_a_set() -> None:
    points = night(mag=19.0)
    points[2] = replace(points[2], mag=16.0)
    assert unexpected(points, target(19.4)) == points


def test_a_freed_point_that_is_still_too_bright_is_told() -> None:
    found = unexpected(night(method=CLEAN, contamination=STAR.format(0.4)), target(19.4))
    assert all(each.contamination.endswith("predicted") and not each.rejected for each in found)


def test_magnitudes_are_compared_in_v() -> None:
    assert excess_mag(point(mag=17.0, band="R"), target(17.4)) == pytest.approx(0.0)
    assert excess_mag(point(mag=17.0, band="CV"), target(17.4)) == pytest.approx(0.4)


def test_what_is_wider_than_stars_on_all_frames_is_told() -> None:
    widths = (1.68, 1.67, 1.76, 1.57, 1.94, 1.59)
    points = [
        point(snr=50.0, seeing_arcsec=1.1, fwhm_arcsec=1.1 * each, method=DETECTED)
        for each in widths
    ]
    found = wider(points, target(np.nan))
    assert {each.contamination for each in found} == {"1.7 times as wide as the stars"}
    assert [replace(each, contamination="") for each in found] == points
    one = [*points[:5], replace(points[5], contamination="star of R = 17 at 3 arcsec")]
    assert wider(one, target(np.nan))[5] == one[5]
    usual = [*points[:5], replace(points[5], fwhm_arcsec=1.2)]  # once it is as wide as a star
    assert wider(usual, target(np.nan)) == usual
    for changes in ({"snr": 35.0}, {"method": LIMIT}, {"fwhm_arcsec": np.nan}):
        few = [replace(each, **changes) for each in points]
        assert wider(few, target(np.nan)) == few
    assert wider(points, target(np.nan, is_comet=True)) == points
    assert wider(points, target(np.nan, FIXED)) == points


def test_a_trail_is_not_taken_for_width() -> None:
    """Of 3 arcsec: 60 s at 3 arcsec a minute, in a seeing of 1.5 arcsec."""
    wide = np.hypot(1.5, 3.0 * np.sqrt(8 * np.log(2) / 12))
    points = night(snr=50.0, seeing_arcsec=1.5, fwhm_arcsec=wide, exptime_s=60.0, method=DETECTED)
    moving = target(np.nan, rate_arcsec_min=np.full((2, 6), 3.0 / np.sqrt(2.0)))
    assert wider(points, moving) == points
    assert wider(points, target(np.nan)) != points
