"""Trails, bright columns and cosmic rays: found where they are, and nowhere else."""

import numpy as np
import pytest

from photpipe.science import trails
from photpipe.science.cosmicrays import hit_in
from photpipe.science.starimage import StarImage
from photpipe.science.trails import KnownStars, column_through, trail_through, window_half
from simsky import Crossing
from simsky.psf import add_crossing

FWHM, RADIUS, NOISE = 3.5, 5.0, 10.0
HALF = window_half(FWHM)
SIZE = 2 * HALF + 1


def window(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, NOISE, (SIZE, SIZE))


def star(x: float, y: float, flux: float, fwhm: float = FWHM) -> np.ndarray:
    """A star at a place from the middle."""
    along = np.arange(SIZE) - HALF
    return StarImage(fwhm, 3.0).surface(along - x, along[:, None] - y) * flux


def crossed(angle: float, offset: float, counts: float, defocus: float = 0.0) -> np.ndarray:
    """A trail that passes the middle at a distance."""
    light = np.zeros((SIZE, SIZE), np.float32)
    turn = np.radians(angle)
    place = HALF + 1 - offset * np.sin(turn), HALF + 1 + offset * np.cos(turn)
    add_crossing(light, Crossing(*place, angle, counts, defocus), FWHM, 3.0)
    return light.astype(float)


def in_aperture(light: np.ndarray) -> float:
    along = np.arange(SIZE) - HALF
    return float(light[np.hypot(along, along[:, None]) <= RADIUS].sum())


@pytest.mark.parametrize("angle", [0.0, 27.0, 45.0, 90.0, 133.0, 179.5])
@pytest.mark.parametrize(("offset", "sigma"), [(0.0, 1.5), (2.5, 2.0), (-4.0, 30.0)])
def test_trail_is_found_with_its_light(angle: float, offset: float, sigma: float) -> None:
    light = crossed(angle, offset, sigma * NOISE)
    found = trail_through(window() + light + star(0, 0, 3000.0), RADIUS, FWHM)
    assert found is not None
    assert abs((found.angle_deg - angle + 90) % 180 - 90) < 1.5
    assert found.counts == pytest.approx(in_aperture(light), rel=0.35)


def test_trail_out_of_focus_is_found() -> None:
    light = crossed(60.0, 1.0, 3 * NOISE, defocus=8.0)
    found = trail_through(window() + light, RADIUS, FWHM)
    assert found is not None
    assert found.counts == pytest.approx(in_aperture(light), rel=0.35)


def test_trail_at_the_edge_of_the_frame_is_found() -> None:
    pixels = window() + crossed(10.0, 0.0, 4 * NOISE)
    pixels[:, : HALF - 8] = np.nan
    assert trail_through(pixels, RADIUS, FWHM) is not None


def test_trails_among_many_known_stars_are_found() -> None:
    """Pieces of a wide line in a direction that is off by some degrees look as bright."""
    rng = np.random.default_rng(8)
    lost = []
    for number in range(12):
        x, y = rng.uniform(-HALF, HALF, (2, 60))
        apart = np.hypot(x, y) > 4 * FWHM
        known = KnownStars(x[apart] + HALF, y[apart] + HALF, np.full(apart.sum(), 3 * FWHM))
        angle, offset = rng.uniform(0, 180), rng.uniform(-1, 1) * FWHM
        pixels = window(number) + crossed(angle, offset, 5 * NOISE)
        if trail_through(pixels, RADIUS, FWHM, known) is None:
            lost.append((number, angle))
    assert lost == []


def test_trail_that_passes_by_is_none() -> None:
    assert trail_through(window() + crossed(30.0, 25.0, 40 * NOISE), RADIUS, FWHM) is None


def test_trail_that_ends_is_none() -> None:
    """What reaches to one side only belongs to something else: a tail, a galaxy, a spike."""
    light = crossed(90.0, 0.0, 10 * NOISE)
    light[:HALF] = 0.0
    assert trail_through(window() + light, RADIUS, FWHM) is None


@pytest.mark.parametrize("apart", [12, 20, 33])
def test_stars_in_a_row_are_none(apart: int) -> None:
    pixels = window()
    for place in range(-HALF, HALF, apart):
        pixels += star(float(place), 1.0, 4e4)
    assert trail_through(pixels, RADIUS, FWHM) is None


def test_spike_of_a_bright_star_is_none() -> None:
    """It runs through the target, and fades."""
    light = crossed(0.0, 0.0, 1.0)
    apart = np.abs(np.arange(SIZE) - HALF + 40.0) + 5.0
    light *= 60 * NOISE * (20.0 / apart) ** 2
    stars = KnownStars(np.array([HALF - 40.0]), np.array([float(HALF)]), np.array([15.0]))
    assert trail_through(window() + light, RADIUS, FWHM, stars) is None


def test_step_of_the_sky_is_none() -> None:
    pixels = window()
    pixels[:, HALF:] += 3 * NOISE  # two amplifiers
    assert trail_through(pixels, RADIUS, FWHM) is None
    assert column_through(pixels, NOISE, RADIUS, FWHM) is None


@pytest.mark.parametrize("count", [40, 400])
def test_stars_make_no_trails(count: int) -> None:
    """Of 25 places in a field, none."""
    rng = np.random.default_rng(count)
    known = 0
    for seed in range(25):
        x, y = rng.uniform(-HALF, HALF, (2, count))
        flux = 300.0 * rng.pareto(0.8, count).clip(1, 3000)
        pixels = window(seed)
        for each in zip(x, y, flux, strict=True):
            _add(pixels, *each)
        bright = flux > 5 * NOISE * np.sqrt(np.pi) * RADIUS
        radii = np.maximum(trails.wings_px(flux, NOISE, FWHM), FWHM)
        stars = KnownStars(*(each[bright] for each in (x + HALF, y + HALF, radii)))
        known += trail_through(pixels, RADIUS, FWHM, stars) is not None
        known += column_through(pixels, NOISE, RADIUS, FWHM) is not None
    assert known == 0


def _add(pixels: np.ndarray, x: float, y: float, flux: float) -> None:
    """A star, on the pixels around it."""
    column, row = round(x) + HALF, round(y) + HALF
    rows = slice(max(row - 30, 0), row + 31)
    columns = slice(max(column - 30, 0), column + 31)
    part = pixels[rows, columns]
    along = np.arange(part.shape[1]) + columns.start - HALF - x
    up = np.arange(part.shape[0]) + rows.start - HALF - y
    part += StarImage(FWHM, 3.0).surface(along, up[:, None]) * flux


@pytest.mark.parametrize("turned", [False, True])
def test_bright_column_is_found_and_is_no_trail(turned: bool) -> None:
    pixels = window() + star(0, 0, 3000.0)
    pixels[HALF - 60 : HALF + 60, HALF + 2] += 80.0
    found = column_through(pixels.T if turned else pixels, NOISE, RADIUS, FWHM)
    assert found is not None
    assert found.angle_deg == (0.0 if turned else 90.0)
    assert found.counts == pytest.approx(80.0 * 2 * np.sqrt(RADIUS**2 - 4), rel=0.2)
    assert column_through(window() + star(0, 0, 3000.0), NOISE, RADIUS, FWHM) is None
    # light is blurred: a trail along the pixels is no column
    assert column_through(window() + crossed(90.0, 0.0, 80.0), NOISE, RADIUS, FWHM) is None


def hit(pixels: np.ndarray, place: tuple[float, float] = (0.0, 0.0), fwhm: float = FWHM):
    part = slice(HALF - 12, HALF + 13)
    image = StarImage(fwhm, 3.0)
    place = 12 + place[0], 12 + place[1]
    return hit_in(pixels[part, part], NOISE, 0.5, image, place, (0.0, 0.0), RADIUS)


@pytest.mark.parametrize("flux", [300.0, 5000.0, 2e5])
@pytest.mark.parametrize("counts", [0.15, 0.5, 3.0])
def test_cosmic_ray_is_found_with_its_charge(flux: float, counts: float) -> None:
    rng = np.random.default_rng(4)
    light = star(0.3, -0.2, flux)
    pixels = window() + light + rng.normal(0, np.sqrt(0.5 * light))
    assert hit(pixels, (0.3, -0.2)) is None
    charge = max(counts * flux, 200.0)
    pixels[HALF + 2, HALF - 1] += charge / 2
    pixels[HALF + 2, HALF - 2] += charge / 2
    found = hit(pixels, (0.3, -0.2))
    assert found is not None
    assert found.counts == pytest.approx(charge, rel=0.25)
    assert found.pixels == 2


def test_images_of_stars_are_no_cosmic_rays() -> None:
    """Of another width, off the middle, with a neighbour in the aperture."""
    rng = np.random.default_rng(5)
    for seed in range(100):
        flux, beside = 10 ** rng.uniform(2.5, 5.5, 2)
        light = star(*rng.uniform(-0.4, 0.4, 2), flux, FWHM * rng.uniform(0.85, 1.2))
        light += star(*rng.uniform(-4, 4, 2), beside, FWHM * rng.uniform(0.9, 1.1))
        pixels = window(seed) + light + rng.normal(0, np.sqrt(0.5 * light))
        assert hit(pixels) is None, seed


def test_undersampled_stars_are_no_cosmic_rays() -> None:
    rng = np.random.default_rng(6)
    for seed in range(50):
        light = star(*rng.uniform(-0.5, 0.5, 2), 10 ** rng.uniform(3, 5), 1.5)
        assert hit(window(seed) + light, fwhm=1.5) is None
