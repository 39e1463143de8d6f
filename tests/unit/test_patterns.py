"""Recognising fields: wrong pointing, rotation, parity and scale; never a wrong answer."""

import numpy as np
import pytest

from photpipe.ground import sky
from photpipe.science import astrometry, patterns
from photpipe.science.astrometry import sky_of
from photpipe.science.patterns import Expectation, StarRegion, search
from tests.unit.plates import Stars, stars, tan, view

SHAPE = (1024, 1024)


def region(field: Stars, ra: float, dec: float, radius_deg: float, faintest: float) -> StarRegion:
    kept = (sky.separation_deg(ra, dec, field.ra, field.dec) < radius_deg) & (field.mag < faintest)
    plane = astrometry.tangent_plane(ra, dec, field.ra[kept], field.dec[kept])
    return StarRegion(plane, np.pi * (radius_deg * 3600) ** 2)


def worst_error_px(plate: astrometry.PlateMap, cards: dict, ra: float, dec: float) -> float:
    corners = np.array([1 + 1j, 1024 + 1j, 1 + 1024j, 1024 + 1024j, 512 + 512j])
    found = astrometry.from_tangent_plane(ra, dec, plate(corners))
    true = sky_of(cards)(corners.real, corners.imag)
    return float(sky.separation_deg(*found, *true).max()) * 3600 / 0.6


@pytest.mark.parametrize("seed", range(12))
def test_lost_frame_is_found_half_a_degree_away(seed: int) -> None:
    random = np.random.default_rng(seed)
    ra, dec = float(random.uniform(0, 360)), float(np.degrees(np.arcsin(random.uniform(-1, 1))))
    per_deg2 = 10 ** random.uniform(3.2, 4.2)
    field = stars(seed, ra, dec, 0.9, per_deg2)
    at = sky.shifted(ra, dec, *(1800 * np.array([np.cos(seed), np.sin(seed)])))
    true = tan(
        float(at[0]),
        float(at[1]),
        scale=0.6 * float(random.uniform(0.9, 1.1)),
        angle=float(random.uniform(0, 360)),
        mirrored=bool(seed % 2),
    )
    seen = view(seed, field, true, corner_px=1.5)
    found = search(
        seen.pixels,
        region(field, ra, dec, 0.8, 19.5),
        Expectation(SHAPE, 0.6, offset_arcsec=2400.0),
    )
    assert found is not None
    assert found.is_sure
    assert found.origin == -1
    assert worst_error_px(found.plate, true, ra, dec) < 3.0


@pytest.mark.parametrize("seed", range(8))
def test_known_orientation_finds_what_is_too_poor_for_patterns(seed: int) -> None:
    field = stars(seed, 10.0, 0.0, 0.5, 700)
    at = sky.shifted(10.0, 0.0, 300.0, -200.0)
    true = tan(float(at[0]), float(at[1]), angle=100.5)
    start = tan(10.0, 0.0, angle=100.0)
    corners = np.array([1 + 1j, 1024 + 1j, 1 + 1024j, 1024 + 1024j])
    plane = astrometry.tangent_plane(10.0, 0.0, *sky_of(start)(corners.real, corners.imag))
    known = astrometry.fit_plate(corners, plane, SHAPE)
    seen = view(seed, field, true, faintest=20.0, false=5)
    found = search(
        seen.pixels,
        region(field, 10.0, 0.0, 0.4, 20.5),
        Expectation(SHAPE, 0.6, offset_arcsec=900.0),
        [known],
        thorough=False,
    )
    assert found is not None
    assert found.is_sure
    assert found.origin == 0
    assert worst_error_px(found.plate, true, 10.0, 0.0) < 3.0


def test_another_sky_is_never_recognised() -> None:
    random = np.random.default_rng(4)
    best = -np.inf
    for trial in range(12):
        per_deg2 = 10 ** random.uniform(2.5, 3.6)
        seen = view(trial, stars(trial, 10.0, 0.0, 0.3, per_deg2), tan(10.0, 0.0))
        other = stars(1000 + trial, 10.0, 0.0, 0.7, per_deg2)
        found = search(
            seen.pixels,
            region(other, 10.0, 0.0, 0.7, 19.5),
            Expectation(SHAPE, 0.6, offset_arcsec=1800.0),
        )
        best = max(best, found.score_nats if found else best)
    assert best < 0.7 * patterns.SURE_NATS


def test_pixels_that_are_not_square() -> None:
    field = stars(2, 10.0, 0.0, 0.5, 8000)
    true = tan(10.05, 0.02, angle=30.0)
    seen = view(2, field, true)
    squeezed = seen.pixels.real + 0.5j * seen.pixels.imag
    found = search(
        squeezed,
        region(field, 10.0, 0.0, 0.4, 19.5),
        Expectation((512, 1024), 0.6 * np.sqrt(2), offset_arcsec=900.0, pixel_ratio=2.0),
    )
    assert found is not None
    assert found.is_sure
    ours = astrometry.from_tangent_plane(10.0, 0.0, found.plate(np.array([512.5 + 256.25j])))
    assert sky.separation_deg(*ours, 10.05, 0.02)[0] * 3600 < 1.0


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_too_few_stars_find_nothing(count: int) -> None:
    field = stars(2, 10.0, 0.0, 0.5, 2000)
    pixels = view(2, field, tan(10.0, 0.0)).pixels
    few = StarRegion(region(field, 10.0, 0.0, 0.4, 19.0).plane[: max(count, 1)], 1e6)
    assert search(pixels, few, Expectation(SHAPE, 0.6)) is None
    rich = region(field, 10.0, 0.0, 0.4, 19.0)
    found = search(pixels[:count], rich, Expectation(SHAPE, 0.6))
    assert found is None or not found.is_sure


def test_code_of_a_quadrilateral_forgets_place_size_and_turn() -> None:
    random = np.random.default_rng(5)
    points = random.normal(size=40) + 1j * random.normal(size=40)
    moved = 7.3 * np.exp(2.1j) * points + (30 - 4j)
    codes, again = patterns.quads_of(points).codes, patterns.quads_of(moved).codes
    assert np.allclose(np.sort(codes.sum(axis=1)), np.sort(again.sum(axis=1)))
    assert (codes[:, 0] <= codes[:, 2] + 1e-12).all()
    assert (codes[:, 0] + codes[:, 2] <= 1 + 1e-12).all()
    assert np.hypot(codes[:, 0] - 0.5, codes[:, 1]).max() <= np.sqrt(0.75) + 1e-12


def test_points_on_one_spot_make_no_quadrilateral() -> None:
    assert len(patterns.quads_of(np.zeros(10, complex)).codes) == 0


def test_many_points_have_the_same_quadrilaterals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what one number holds they are compared corner by corner."""
    x, y = np.random.default_rng(4).uniform(size=(2, 300))
    few = patterns.quads_of(x + 1j * y)
    monkeypatch.setattr(patterns, "MOST_NUMBERED", 0)
    many = patterns.quads_of(x + 1j * y)
    np.testing.assert_array_equal(few.corners, many.corners)
    assert len(np.unique(np.sort(few.corners, axis=1), axis=0)) == len(few.corners) > 1000


@pytest.mark.parametrize("largest", [3, 1 << 10, patterns.LARGEST_TALLY + 5])
def test_votes_are_counted_as_by_sorting(largest: int) -> None:
    cells = np.random.default_rng(largest).integers(0, largest, 2000, endpoint=True)
    cells[7] = largest
    for found, expected in zip(
        patterns._counted(cells), np.unique(cells, return_counts=True), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    names, votes = patterns._counted(np.zeros(0, np.int64))
    assert names.size == votes.size == 0


@pytest.mark.parametrize("size", [0, 2, 3, 4, 500])
def test_most_votes_come_first(size: int) -> None:
    votes = np.random.default_rng(size).integers(1, 6, size)
    expected = sorted(range(size), key=lambda place: (-votes[place], place))[:3]
    assert patterns._most(votes, 3).tolist() == expected
