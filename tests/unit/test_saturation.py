"""Saturation levels out of simulated pixels: found where they are, not where they are not."""

import numpy as np
import pytest
from scipy.ndimage import label

from photpipe.science import saturation
from photpipe.science.saturation import BrightPixels, Ceilings
from simsky.psf import PointSources, add_sources

STEPS = {4095.0: 1, 16383.0: 1, 65535.0: 1, 65520.0: 16, 65532.0: 4, 43210.0: 1}
SHAPE = (160, 160)


def night(
    top: float, seed: int, brightest: float, frames: int = 3
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames whose brightest stars reach a multiple of the top; and which pixels were clipped."""
    rng = np.random.default_rng([seed, int(top)])
    count, fwhm, step, level = 30, rng.uniform(1.8, 5.0), STEPS[top], 0.03 * top
    peak = 0.9 * top * 10 ** rng.uniform(-2.5, 0.0, count)
    peak[:3] = brightest * top * rng.uniform(0.5, 1.0, 3)
    x, y = rng.uniform(6, 154, (2, count))
    pixels, clipped = [], []
    for _ in range(frames):
        image = np.zeros(SHAPE, np.float32)
        width = np.full(count, fwhm * rng.uniform(0.9, 1.2))
        at = x + rng.uniform(-2, 2), y + rng.uniform(-2, 2)
        add_sources(image, PointSources(*at, 1.3 * peak * fwhm**2, width), 3.0, 0.1)
        counts = rng.poisson(image + level) + rng.normal(0, 4, SHAPE)
        counts = np.rint(counts / step) * step
        clipped.append(counts >= top)
        pixels.append(np.minimum(counts, top).astype(np.float32))
    return pixels, clipped


def levels(pixels: list[np.ndarray], card: float) -> list[float]:
    """Level of each frame."""
    ceilings = Ceilings.of({str(n): BrightPixels.of(each) for n, each in enumerate(pixels)})
    return [ceilings.level_of(str(number), card) for number in range(len(pixels))]


@pytest.mark.parametrize("top", STEPS)
@pytest.mark.parametrize("card", [np.inf, 1.0, 1.2])
def test_no_saturated_star_is_missed(top: float, card: float) -> None:
    stars = 0
    for seed in range(4):
        pixels, clipped = night(top, seed, 3.0)
        for image, truth, level in zip(pixels, clipped, levels(pixels, card * top), strict=True):
            found = saturation.saturated_pixels(image, level)
            parts, count = label(truth, np.ones((3, 3)))
            stars += count
            assert all(found[parts == number].any() for number in range(1, count + 1))
            assert image[found & ~truth].size == 0 or image[found].min() > 0.95 * top
    assert stars > 20


@pytest.mark.parametrize("top", STEPS)
def test_what_does_not_saturate_has_no_ceiling(top: float) -> None:
    for seed in range(4):
        pixels, _ = night(top, seed, 0.6)
        assert max(each.max() for each in pixels) < top
        assert levels(pixels, np.inf) == [np.inf] * 3


def test_a_lower_card_wins_and_a_limit_of_the_user() -> None:
    pixels, _ = night(65535.0, 1, 3.0)
    assert levels(pixels, 50000.0) == [50000.0] * 3
    frames = {"a": BrightPixels.of(pixels[0])}
    assert Ceilings.of(frames, limit=40000.0).level_of("a", 50000.0) == 40000.0


def test_one_star_with_one_pixel_on_the_maximum_does_not_saturate() -> None:
    image = np.full(SHAPE, 500.0, np.float32)
    image += np.random.default_rng(1).normal(0, 10, SHAPE)
    image[80, 80], image[80, 81] = 43210.0, 30000.0
    assert levels([image], np.inf) == [np.inf]
    # the same picture twice is no night that shares a ceiling
    assert levels([image, image.copy(), image.copy()], np.inf) == [np.inf] * 3


def test_frames_share_a_ceiling_that_each_touches_with_one_pixel() -> None:
    rng = np.random.default_rng(3)
    pixels = []
    for _ in range(4):
        image = rng.normal(500.0, 10.0, SHAPE)
        image[70:73, 70:73] += rng.uniform(5000.0, 30000.0, (3, 3))
        image[71, 71] = 41234.0
        pixels.append(np.rint(image))
    assert levels(pixels, np.inf) == [41234.0] * 4


def test_a_flat_field_smears_the_ceiling() -> None:
    pixels, clipped = night(43210.0, 2, 6.0, frames=1)
    flat = np.random.default_rng(4).normal(1.0, 0.01, SHAPE)
    (level,) = levels([pixels[0] / flat], np.inf)
    assert 0.93 * 43210 < level < 43210
    assert clipped[0].any()


def test_bad_pixels_above_do_not_hide_a_ceiling() -> None:
    pixels, clipped = night(16383.0, 5, 4.0, frames=1)
    pixels[0][:, 100] = 65535.0
    (level,) = levels(pixels, np.inf)
    assert level == 16383.0
    assert clipped[0].any()


def test_bleeding_columns_are_followed_and_apertures_touch_them() -> None:
    rng = np.random.default_rng(6)
    image = rng.normal(300.0, 5.0, SHAPE)
    image[78:83, 78:83] = 60000.0
    image[40:120, 80] = np.maximum(image[40:120, 80], 20000.0)
    mask = saturation.saturated_pixels(image, 60000.0)
    assert mask[45:115, 80].all()
    assert not mask[:, 70].any()
    x, y = np.array([80.0, 84.0, 90.0, np.nan]), np.array([50.0, 50.0, 50.0, 1.0])
    assert saturation.touched(mask, x, y, 4.0).tolist() == [True, True, False, False]


def test_wings_of_a_star_are_no_bleeding() -> None:
    image = np.zeros(SHAPE, np.float32)
    star = PointSources(*np.array([[80.0], [80.0], [3e6], [4.0]]))
    add_sources(image, star, 3.0, 0.1)
    image = np.minimum(image + 300.0, 60000.0) + np.random.default_rng(7).normal(0, 5, SHAPE)
    mask = saturation.saturated_pixels(image, 60000.0)
    assert mask.sum() < 1.2 * np.sum(image >= saturation.threshold(60000.0))


def test_empty_and_wholly_bad_images() -> None:
    for image in (np.full(SHAPE, np.nan), np.zeros((0, 5)), np.full(SHAPE, 7.0)):
        assert levels([image], np.inf) == [np.inf]
        assert levels([image], 100.0) == [100.0]
