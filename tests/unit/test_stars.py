"""What the telescope followed, as the trails of stars tell; and what an aperture loses."""

import numpy as np
import pytest

from photpipe.distill.star_images import Stars, followed, motion_px
from photpipe.distill.targets import CONTROL, MOVING, Target, fixed
from tests.unit.calibrated import SCALE_ARCSEC, calibrated_frame, sky_of

COUNT = 5


def target(name: str, east: float, north: float) -> Target:
    """Target of a motion in pixels per frame (one minute)."""
    ra, dec = np.transpose([sky_of(160.0 - n * east, 150.0 + n * north) for n in range(COUNT)])
    rate = SCALE_ARCSEC * np.array([[east] * COUNT, [north] * COUNT])
    return Target(name, MOVING, ra, dec, np.zeros(COUNT), 18.0, rate)


def trailed_frames(length_px: float, direction_deg: float, noise: float = 0.3) -> list:
    """Frames with trailed stars; the axes of each are as uncertain as those of faint stars."""
    rng = np.random.default_rng(3)
    frames = []
    for number in range(COUNT):
        moments = 4.5 * np.eye(2)
        angle = np.radians(direction_deg)
        way = np.array([np.cos(angle), np.sin(angle)])
        sources = []
        for n in range(60):
            error = rng.normal(0, noise, (2, 2))
            noisy = moments + length_px**2 / 12 * np.outer(way, way) + (error + error.T) / 2
            values, axes = np.linalg.eigh(noisy)
            theta = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
            shape = {"A_IMAGE": values[1] ** 0.5, "B_IMAGE": values[0] ** 0.5}
            x, y = 20.0 + 30 * (n % 10), 30.0 + 40 * (n // 10)
            sources.append({"x": x, "y": y, "mag": 15.0, "THETA_IMAGE": theta, **shape})
        frames.append(calibrated_frame(sources, number))
    return frames


def test_motion_is_that_on_the_detector() -> None:
    frame = calibrated_frame()
    east_is_left = motion_px(frame, target("T", 5.0, 2.0), 0)
    assert east_is_left == pytest.approx((-5.0, 2.0), abs=1e-3)
    assert motion_px(frame, fixed("S", *sky_of(100.0, 100.0), COUNT), 0) == (0.0, 0.0)


@pytest.mark.parametrize("length", [1.3, 4.0, 12.0])
def test_what_was_followed_trails_like_the_stars(length: float) -> None:
    other, own = target("other", 0.0, length), target("own", length, 0.0)
    faster = target("faster", 2.0 * length, 0.0)
    frames = trailed_frames(length, 180.0)
    found = followed(frames, [other, faster, own, fixed("S", 0.0, 40.0, COUNT, CONTROL)])
    assert found is own


def test_round_stars_tell_that_nothing_was_followed() -> None:
    frames = trailed_frames(0.0, 0.0)
    assert followed(frames, [target("slow", 1.3, 0.0), target("fast", 9.0, 0.0)]) is None
    assert followed(frames, [target("hardly", 0.1, 0.0)]) is None
    assert followed([], []) is None


def test_noise_does_not_look_like_a_slow_target() -> None:
    """Round stars as uncertain as in a short series; slow targets in all directions."""
    frames = trailed_frames(0.0, 0.0, noise=0.8)[:2]
    angles = np.radians(np.arange(0, 360, 10))
    slow = [target(f"{n}", 1.2 * np.cos(a), 1.2 * np.sin(a)) for n, a in enumerate(angles)]
    assert followed(frames, slow) is None


def test_what_trails_less_than_the_stars_is_brighter_in_the_aperture() -> None:
    rng = np.random.default_rng(1)
    stars = Stars(calibrated_frame([{"x": 100.0, "y": 100.0, "mag": 15.0}]), (8.0, 0.0))
    stars.pixels = rng.normal(100.0, 5.0, (300, 320))  # no star is fit: the seeing tells
    followed_target, fixed_star = (-8.0, 0.0), (0.0, 0.0)
    assert stars.trailing_mag(followed_target) > 0.05
    assert stars.trailing_mag(fixed_star) == pytest.approx(0.0)
    assert stars.trailing_mag((0.0, 8.0)) < 0.0
    assert stars.part_of_aperture(0.0, 0.0) == pytest.approx(1.0)
    assert 0.0 < stars.part_of_aperture(0.0, 9.0) < stars.part_of_aperture(9.0, 0.0) < 1.0


def test_nothing_around_a_place_needs_no_image_of_a_star() -> None:
    stars = Stars(calibrated_frame([{"x": 100.0, "y": 100.0, "mag": 15.0}]), (0.0, 0.0))
    stars.pixels = np.full((300, 320), 100.0)
    nothing = stars.light_around(np.array([3.0]), np.zeros(1), np.zeros(1))
    assert "image" not in vars(stars)
    light = stars.light_around(np.array([3.0]), np.zeros(1), np.array([1000.0]))
    assert light.shape == nothing.shape
    assert light.max() > 0 == nothing.max()
