"""Forced photometry: unbiased, agrees with an exact integral, and says why it cannot."""

import numpy as np
import pytest

from photpipe.science import forced


def star(
    x: float, y: float, flux: float, fwhm: float = 3.0, shape: tuple[int, int] = (80, 90)
) -> np.ndarray:
    """Gaussian star integrated over pixels (FITS coordinates)."""
    from scipy.special import erf

    scale = fwhm / 2.3548 * np.sqrt(2)
    edges = [np.arange(n + 1) + 0.5 - c for n, c in ((shape[0], y), (shape[1], x))]
    parts = [np.diff(erf(each / scale)) / 2 for each in edges]
    return flux * np.outer(*parts)


def encircled(radius: float, fwhm: float = 3.0) -> float:
    """Light in an aperture; binning into pixels and spreading over them widens by 1/12 each."""
    return 1 - np.exp(-(radius**2) / (2 * ((fwhm / 2.3548) ** 2 + 1 / 6)))


@pytest.mark.parametrize(("x", "y"), [(40.0, 40.0), (40.5, 40.5), (41.23, 39.71)])
@pytest.mark.parametrize("radius", [3.0, 4.7])
def test_sum_is_the_integral(x: float, y: float, radius: float) -> None:
    image = star(x, y, 1e5) + 500.0
    found = forced.forced_flux(image, x, y, radius)
    assert found.sky_counts == pytest.approx(500.0, abs=0.05)
    assert found.flux == pytest.approx(1e5 * encircled(radius), rel=5e-3)
    assert found.peak_counts == image.max()


def test_unbiased_and_honest_at_low_signal() -> None:
    rng = np.random.default_rng(2)
    radius, sigma = 4.0, 5.0
    clean = star(40.3, 40.6, 300.0) + 100.0
    fluxes = [
        forced.forced_flux(clean + rng.normal(0, sigma, clean.shape), 40.3, 40.6, radius).flux
        for _ in range(300)
    ]
    error = sigma * np.sqrt(np.pi) * radius
    expected = 300.0 * encircled(radius)
    assert np.mean(fluxes) == pytest.approx(expected, abs=4 * error / np.sqrt(300))
    assert np.std(fluxes) == pytest.approx(error, rel=0.12)


def test_neighbours_in_the_annulus_do_not_count() -> None:
    image = star(40, 40, 1e4) + star(55, 42, 3e5) + star(28, 30, 1e5) + 200.0
    noisy = image + np.random.default_rng(1).normal(0, 3, image.shape)
    assert forced.forced_flux(noisy, 40, 40, 4.0).flux == pytest.approx(
        1e4 * encircled(4.0), rel=0.02
    )


def test_wings_of_stars_around_do_not_raise_the_sky() -> None:
    rng = np.random.default_rng(8)
    fluxes = []
    for _ in range(60):
        image = rng.normal(100.0, 5.0, (80, 90))
        for apart, angle in zip(rng.uniform(15, 30, 4), rng.uniform(0, 2 * np.pi, 4), strict=True):
            x, y = 45.0 + apart * np.cos(angle), 40.0 + apart * np.sin(angle)
            image += star(x, y, 3e3, fwhm=6.0)
        fluxes.append(forced.forced_flux(image, 45.0, 40.0, 4.0).flux)
    # the noise is 35; wings below the clipping of single pixels made it -24 in the mean
    assert np.mean(fluxes) == pytest.approx(0.0, abs=9.0)


def test_edges_and_bad_pixels_are_named() -> None:
    image = np.full((80, 90), 10.0)
    assert forced.forced_flux(image, 2.0, 40.0, 4.0).problem == "edge"
    assert forced.forced_flux(image, 90.2, 40.0, 4.0).problem == "edge"
    assert forced.forced_flux(image, -1e6, np.nan, 4.0).problem == "edge"
    assert forced.forced_flux(image, 4.0, 4.0, 4.0).problem == "edge"
    assert forced.forced_flux(image, 4.6, 4.6, 4.0).problem == ""
    image[40, 40] = np.nan
    assert forced.forced_flux(image, 41.0, 41.0, 4.0).problem == "bad pixels"
    assert np.isnan(forced.forced_flux(image, 41.0, 41.0, 4.0).flux)
    assert forced.forced_flux(image, 60.0, 41.0, 4.0).flux == pytest.approx(0.0)
    assert forced.forced_flux(np.full((12, 12), 1.0), 6, 6, 5.0).problem == "bad pixels"


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.0])
def test_sky_of_integer_pixels_is_resolved(sigma: float) -> None:
    """A median, or a mode made of it, would be off by up to half a count per pixel."""
    rng = np.random.default_rng(5)
    levels = [
        forced.sky_level(np.rint(level + rng.normal(0, sigma, 2500))) - level
        for level in np.linspace(100, 101, 40)
    ]
    assert np.mean(levels) == pytest.approx(0.0, abs=0.02)
    assert np.std(levels) < 0.05 + 1.3 * sigma / 50


@pytest.mark.parametrize("radius", [0.3, 0.7, 2.0, 5.3])
def test_weights_are_exact(radius: float) -> None:
    import sep

    weights = forced.aperture_weights((20, 24), 10.3, 9.6, radius)
    pixels = np.eye(weights.size).reshape(-1, *weights.shape)[weights.ravel() > 0]
    exact = [sep.sum_circle(each, [10.3], [9.6], radius, subpix=0)[0][0] for each in pixels]
    assert weights[weights > 0] == pytest.approx(np.array(exact), abs=1e-7)
    assert weights.sum() == pytest.approx(np.pi * radius**2, rel=1e-9)


def test_circles_beyond_the_pixels_have_no_part() -> None:
    pixels = np.arange(5), np.arange(6)
    parts = forced.circle_parts(*pixels, np.array([-9.0, 2.0]), np.array([2.0, 99.0]), 3.0)
    assert parts.shape == (2, 6, 5)
    assert not parts.any()


def test_known_light_is_taken_from_the_sky_and_left_in_the_aperture() -> None:
    """Wings of a star beside an aperture raise its sky; known, they do not."""
    rng = np.random.default_rng(4)
    radius, sigma, size, place = 4.0, 10.0, 121, (60.3, 57.8)
    y, x = np.mgrid[:size, :size]
    star = 6000.0 * (1 + ((x - 76.0) ** 2 + (y - 59.0) ** 2) / 9.0) ** -1.7
    column, row = round(place[0]) - 1, round(place[1]) - 1
    half = 31
    light = 0.95 * star[row - half : row + half + 1, column - half : column + half + 1]
    own = float(np.sum(forced.aperture_weights(star.shape, 59.3, 56.8, radius) * star))
    noisy = [star + rng.normal(100.0, sigma, star.shape) for _ in range(60)]
    plain = [forced.forced_flux(each, *place, radius).flux - own for each in noisy]
    freed = [
        forced.forced_flux(each, *place, radius, light, 0.5 * sigma).flux - own for each in noisy
    ]
    error = float(np.std(freed)) / np.sqrt(len(freed))
    assert np.mean(plain) < -5 * error
    assert abs(np.mean(freed)) < 3 * error


def test_light_everywhere_leaves_the_sky_as_it_is() -> None:
    image = np.full((90, 90), 7.0)
    found = forced.forced_flux(image, 45.0, 45.0, 4.0, np.full((61, 61), 3.0), 1.0)
    assert found.sky_counts == pytest.approx(4.0)
