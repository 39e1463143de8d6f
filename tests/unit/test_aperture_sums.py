"""Sums in apertures: the light of one source, above a sky without any."""

import numpy as np
import pytest

from photpipe.science.aperture_sums import Footprints, Sky, aperture_sums
from simsky.psf import PointSources, add_sources, aperture_fraction

FWHM, BETA, RADIUS, SKY = 3.5, 2.5, 4.5, 200.0
INSIDE = float(aperture_fraction(RADIUS, FWHM, BETA))


def image_of(places: list[tuple[float, float]], flux: list[float], size: int = 300) -> np.ndarray:
    """Stars above an even sky."""
    image = np.full((size, size), SKY, np.float32)
    x, y = np.array(places).T
    sources = PointSources(x + 1.0, y + 1.0, np.array(flux), np.full(len(x), FWHM))
    add_sources(image, sources, BETA, 1e-4)
    return image.astype(float)


def footprints(places: list[tuple[float, float]], radius_px: list[float]) -> Footprints:
    x, y = np.array(places).T
    radius = np.array(radius_px)
    return Footprints(x, y, radius, radius, np.zeros(len(x)))


def measured(image: np.ndarray, sources: Footprints) -> np.ndarray:
    sky = Sky.of(image, sources, RADIUS, FWHM)
    levels = sky.levels(sources.x_px, sources.y_px, sources.radius_px)
    return aperture_sums(image, sources, RADIUS, levels)


@pytest.mark.parametrize("place", [(150.0, 150.0), (150.5, 149.5), (81.23, 190.71)])
def test_sum_is_the_light_in_the_aperture(place: tuple[float, float]) -> None:
    found = measured(image_of([place], [1e5]), footprints([place], [5.0]))
    assert found == pytest.approx(1e5 * INSIDE, rel=2e-3)


def test_faint_stars_keep_their_light_in_noise() -> None:
    """Of S/N 10: specks of noise beside them and their own wings change nothing."""
    rng = np.random.default_rng(4)
    places = [(x + 0.3, y + 0.4) for x in range(30, 780, 30) for y in range(30, 780, 30)]
    sigma = 8.0
    flux = 10 * sigma * np.sqrt(np.pi) * RADIUS / INSIDE
    image = image_of(places, [flux] * len(places), 810)
    image += rng.normal(0.0, sigma, image.shape)
    found = measured(image, footprints(places, [2.0] * len(places))) / (flux * INSIDE)
    assert found.mean() == pytest.approx(1.0, abs=0.012)  # 3 sigma
    assert found.std() == pytest.approx(0.1, rel=0.12)


def test_other_sources_are_mirrored_away() -> None:
    places = [(150.0, 150.0), (157.2, 151.0)]
    image = image_of(places, [1e4, 4e4])
    alone = measured(image, footprints(places[:1], [5.0])) / (1e4 * INSIDE)
    both = measured(image, footprints(places, [5.0, 7.5])) / (1e4 * INSIDE)
    assert alone[0] > 1.2  # what of the wing is nearer to the star itself stays
    assert both[0] < 1.13


def test_bright_stars_do_not_lift_the_sky_of_others() -> None:
    places = [(150.0, 150.0), (200.0, 150.0)]
    image = image_of(places, [1e6, 1e3])
    sky = Sky.of(image, footprints(places, [14.0, 1.0]), RADIUS, FWHM)
    levels = sky.levels(np.array([200.0]), np.array([150.0]))
    there = image_of(places[:1], [1e6])[145:156, 195:206].mean()
    assert abs(levels[0] - there) < 0.02 * 1e3 / (np.pi * RADIUS**2)


def test_sky_is_that_of_the_place() -> None:
    rng = np.random.default_rng(5)
    image = SKY + 0.1 * np.arange(300.0) + rng.normal(0.0, 8.0, (300, 300))
    sky = Sky.of(image, Footprints.points(np.zeros(0), np.zeros(0)), RADIUS, FWHM)
    levels = sky.levels(np.array([60.0, 149.0, 250.0]), np.array([100.0, 150.0, 200.0]))
    np.testing.assert_allclose(levels, SKY + np.array([6.0, 14.9, 25.0]), atol=0.6)


def test_masked_pixels_and_edges_are_mirrored() -> None:
    places = [(150.0, 150.0), (2.0, 150.0)]
    image = image_of(places, [1e5, 1e5])
    image[149:152, 152] = np.nan
    found = measured(image, footprints(places, [5.0, 5.0]))
    np.testing.assert_allclose(found, 1e5 * INSIDE, rtol=3e-3)


def test_what_cannot_be_measured_is_unknown() -> None:
    image = image_of([(150.0, 150.0)], [1e4])
    outside = footprints([(150.0, 150.0), (-4.0, 20.0)], [5.0, 5.0])
    assert np.isnan(measured(image, outside)).tolist() == [False, True]
    everywhere = footprints([(150.0, 150.0)], [400.0])  # leaves no pixel for the sky
    assert np.isnan(measured(image, everywhere)).all()
