"""Frames with many sources among a few bright stars: placed by the brightest, or not at all."""

import numpy as np
import pytest

from photpipe.ground import sky
from photpipe.science import astrometry, sparse
from photpipe.science.astrometry import sky_of
from photpipe.science.patterns import Expectation, StarRegion
from tests.unit.plates import Stars, stars, tan, view

SHAPE, SCALE = (1024, 1024), 1.2
RADIUS_DEG = 0.5
ALL_DEG2, BRIGHT_DEG2 = 2600.0, 110.0  # 300 sources and a dozen stars of the catalog on a frame


def field(seed: int) -> Stars:
    return stars(seed, 40.0, 20.0, 0.7, ALL_DEG2)


def region(field: Stars) -> StarRegion:
    """The brightest stars, in the order of another band."""
    mag = field.mag + np.random.default_rng(9).normal(0, 0.2, field.mag.size)
    brightest = np.argsort(mag)[: round(mag.size * BRIGHT_DEG2 / ALL_DEG2)]
    near = sky.separation_deg(40.0, 20.0, field.ra, field.dec)[brightest] < RADIUS_DEG
    at = field.ra[brightest[near]], field.dec[brightest[near]]
    plane = astrometry.tangent_plane(40.0, 20.0, *at)
    return StarRegion(plane, np.pi * (RADIUS_DEG * 3600) ** 2)


def expectation(**changes: float) -> Expectation:
    return Expectation(SHAPE, SCALE, offset_arcsec=900.0, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_a_dozen_stars_among_three_hundred_sources(seed: int) -> None:
    at = sky.shifted(40.0, 20.0, 300.0, -200.0 + 50 * seed)
    scale = SCALE * (0.9 + 0.04 * seed)
    true = tan(float(at[0]), float(at[1]), SHAPE, scale, 50.0 * seed, bool(seed % 2))
    seen = view(seed, field(seed), true, SHAPE, faintest=20.0, missed=0.0)
    assert seen.pixels.size > 200
    found = sparse.place(seen.pixels, region(field(seed)), expectation())
    assert found is not None
    assert found.is_sure
    corners = np.array([1 + 1j, 1024 + 1j, 1 + 1024j, 1024 + 1024j])
    there = astrometry.from_tangent_plane(40.0, 20.0, found.plate(corners))
    apart = sky.separation_deg(*there, *sky_of(true)(corners.real, corners.imag))
    assert apart.max() * 3600 < 0.5 * scale


@pytest.mark.parametrize("seed", range(2))
def test_another_sky_is_never_recognised(seed: int) -> None:
    seen = view(seed, field(seed), tan(40.0, 20.0, SHAPE, SCALE), SHAPE, faintest=20.0)
    found = sparse.place(seen.pixels, region(field(100 + seed)), expectation())
    assert found is None or not found.is_sure


def test_pixels_that_are_not_square() -> None:
    true = tan(40.05, 20.02, SHAPE, SCALE, 30.0)
    seen = view(2, field(2), true, SHAPE, faintest=20.0, missed=0.0)
    squeezed = seen.pixels.real + 0.5j * seen.pixels.imag
    wide = Expectation((512, 1024), SCALE * np.sqrt(2), offset_arcsec=900.0, pixel_ratio=2.0)
    found = sparse.place(squeezed, region(field(2)), wide)
    assert found is not None
    assert found.is_sure


def test_a_rich_catalog_is_a_matter_for_patterns() -> None:
    rich = StarRegion(np.zeros(5000, complex), np.pi * (RADIUS_DEG * 3600) ** 2)
    assert not sparse.is_sparse(300, rich, expectation())
    assert sparse.is_sparse(300, region(field(1)), expectation())
    assert not sparse.is_sparse(12, region(field(1)), expectation())
