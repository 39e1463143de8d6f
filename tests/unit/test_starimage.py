"""The image of a star: its light in apertures beside it, along trails, and from growth curves."""

import numpy as np
import pytest
from numpy.typing import NDArray

from photpipe.science import starimage
from photpipe.science.starimage import StarImage

FloatArray = NDArray[np.float64]


def exact(image: StarImage, separation: float, radius: float) -> float:
    """Light in an aperture, integrated over the aperture in polar coordinates."""
    alpha2 = image.fwhm_px**2 / 4 / (2 ** (1 / image.beta) - 1)
    turn = 2 * np.pi * np.arange(4000) / 4000
    steps, weights = np.polynomial.legendre.leggauss(400)
    apart = radius * (steps[:, None] + 1) / 2
    r2 = (apart * np.cos(turn) + separation) ** 2 + (apart * np.sin(turn)) ** 2
    density = (image.beta - 1) / (np.pi * alpha2) * (1 + r2 / alpha2) ** -image.beta
    return float(np.sum(weights[:, None] * density * apart) * np.pi * radius / 4000)


@pytest.mark.parametrize("beta", [1.6, 3.0, 9.0])
@pytest.mark.parametrize(("fwhm", "radius"), [(4.0, 5.0), (6.0, 2.0), (1.5, 12.0)])
def test_light_of_a_source_beside_the_aperture(beta: float, fwhm: float, radius: float) -> None:
    image = StarImage(fwhm, beta)
    for separation in (0.0, 0.4, radius - 0.3, radius, radius + 1.0, 2.5 * radius):
        found = image.light(separation / np.sqrt(2), separation / np.sqrt(2), radius)[0]
        assert found == pytest.approx(exact(image, separation, radius), abs=1.5e-3)


def test_light_needs_no_loop() -> None:
    image = StarImage(4.0)
    many = image.light(np.array([0.0, 3.0, 7.0]), np.zeros(3), 5.0)
    one_by_one = [image.light(x, 0.0, 5.0)[0] for x in (0.0, 3.0, 7.0)]
    assert many.tolist() == pytest.approx(one_by_one, rel=1e-12)


@pytest.mark.parametrize("trail_px", [(0.0, 0.0), (3.0, -1.0)])
def test_growth_is_the_light_inside_each_radius(trail_px: tuple[float, float]) -> None:
    image, radii = StarImage(4.0), np.array([1.5, 4.0, 9.0])
    one_by_one = [image.light(0.0, 0.0, each, trail_px)[0] for each in radii]
    assert image.growth(radii, trail_px).tolist() == pytest.approx(one_by_one, rel=1e-5)


@pytest.mark.parametrize("trail", [(6.0, 0.0), (3.0, -9.0)])
def test_trails_are_the_mean_over_their_length(trail: tuple[float, float]) -> None:
    image = StarImage(4.0)
    steps = (np.arange(200) + 0.5) / 200 - 0.5
    for x, y in ((0.0, 0.0), (4.0, 2.0)):
        places = image.light(x + steps * trail[0], y + steps * trail[1], 5.0)
        assert image.light(x, y, 5.0, trail)[0] == pytest.approx(places.mean(), abs=1e-4)
    lost = image.trail_loss_mag(trail, 5.0)
    length = np.hypot(*trail)
    along = image.light(steps * length, 0.0 * steps, 5.0).mean()
    assert lost == pytest.approx(-2.5 * np.log10(along / image.light(0.0, 0.0, 5.0)[0]), abs=1e-4)


def test_no_trail_loses_nothing_and_longer_ones_more() -> None:
    image = StarImage(4.0)
    losses = [image.trail_loss_mag((length, 0.0), 5.0) for length in (0.0, 2.0, 5.0, 10.0, 20.0)]
    assert losses[0] == 0.0
    assert np.all(np.diff(losses) > 0)


def star_field(
    image: StarImage, trail: tuple[float, float], noise: float, count: int = 16
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Frame with trailed stars: pixels, x, y (FITS)."""
    rng = np.random.default_rng(4)
    side = int(np.sqrt(count))
    grid = np.arange(side) * 60.0 + 40.0
    x, y = (each.ravel() + rng.uniform(-0.5, 0.5, side**2) for each in np.meshgrid(grid, grid))
    size = int(grid[-1] + 40)
    pixels = rng.normal(50.0, noise, (size, size))
    alpha2 = image.fwhm_px**2 / 4 / (2 ** (1 / image.beta) - 1)
    fine = (np.arange(3) - 1) / 3
    for x0, y0 in zip(x - 1, y - 1, strict=True):
        top, left = int(y0) - 38, int(x0) - 38
        rows = np.arange(top, top + 77)[:, None] - y0
        columns = np.arange(left, left + 77) - x0
        for step in (np.arange(15) + 0.5) / 15 - 0.5:
            for a in fine:
                for b in fine:
                    r2 = (columns + a - step * trail[0]) ** 2 + (rows + b - step * trail[1]) ** 2
                    part = (1 + r2 / alpha2) ** -image.beta * (image.beta - 1) / (np.pi * alpha2)
                    pixels[top : top + 77, left : left + 77] += 2e5 / 15 / 9 * part
    return pixels, x, y


def lost_on_frames(image: StarImage, length: float) -> float:
    """Magnitudes that apertures of 6 pixels lose of trailed stars, measured on frames.

    Pixels widen the image of a star, and so do those at the rim of an aperture.
    """
    still, trailed = (
        starimage.growth_curves(
            *star_field(image, (trail, 0.0), noise=0.0, count=4), np.array([6.0])
        )
        for trail in (0.0, length)
    )
    return float(-2.5 * np.log10(np.median(trailed / still)))


@pytest.mark.parametrize("trail", [(0.0, 0.0), (6.0, 3.0), (0.0, 14.0)])
@pytest.mark.parametrize("beta", [2.5, 4.0])
def test_growth_curves_give_the_image_back(trail: tuple[float, float], beta: float) -> None:
    truth = StarImage(5.0, beta)
    pixels, x, y = star_field(truth, trail, noise=4.0)
    radii = 6.0 * np.array(starimage.RADII)
    curves = starimage.growth_curves(pixels, x, y, radii)
    found = starimage.fitted(curves, radii, trail, 4.0)
    assert found is not None
    for length in (5.0, 12.0):
        expected = lost_on_frames(truth, length)
        assert found.trail_loss_mag((length, 0.0), 6.0) == pytest.approx(expected, rel=0.03)
    assert found.fwhm_px == pytest.approx(5.1, rel=0.05)


def test_growth_curves_leave_out_edges_and_bad_pixels() -> None:
    image = np.full((90, 90), 7.0)
    image[40, 40] = np.nan
    radii = 4.0 * np.array(starimage.RADII)
    curves = starimage.growth_curves(
        image, np.array([41.0, 5.0, 88.0]), np.array([41.0] * 3), radii
    )
    assert np.isnan(curves).all()
    assert starimage.fitted(curves, radii, (0.0, 0.0), 4.0) is None


def test_one_bad_star_does_not_spoil_the_fit() -> None:
    truth = StarImage(5.0, 3.0)
    pixels, x, y = star_field(truth, (0.0, 0.0), noise=2.0)
    radii = 6.0 * np.array(starimage.RADII)
    curves = starimage.growth_curves(pixels, x, y, radii)
    curves[0, -1] *= 1.5
    curves[1] *= -1.0
    found = starimage.fitted(curves, radii, (0.0, 0.0), 9.0)
    assert found is not None
    assert found.light(0.0, 0.0, 6.0)[0] == pytest.approx(truth.light(0.0, 0.0, 6.0)[0], abs=0.02)


@pytest.mark.parametrize("angle", [0.0, 35.0, 130.0])
def test_trail_of_stars_from_their_moments(angle: float) -> None:
    rng = np.random.default_rng(1)
    count, length = 30, 8.0
    b = 2.0 + rng.normal(0, 0.05, count)
    a = np.sqrt(b**2 + length**2 / 12)
    theta = angle + rng.normal(0, 3.0, count)
    along, across = (
        np.median(starimage.squared_trails_px2(a, b, theta, angle + turn)) for turn in (0.0, 90.0)
    )
    assert np.sqrt(along) == pytest.approx(length, rel=0.03)
    assert across == pytest.approx(-along)
