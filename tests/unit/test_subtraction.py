"""Subtraction of what other frames show: stars vanish, targets stay, errors are honest."""

import numpy as np
import pytest

from photpipe.science import subtraction
from photpipe.science.forced import forced_flux
from photpipe.science.starimage import StarImage
from photpipe.science.subtraction import Stamp

SIZE, NOISE = 49, 5.0
MIDDLE = SIZE // 2


def image(fwhm: float, *sources: tuple[float, float, float], size: int = SIZE) -> np.ndarray:
    """Stars at places from the middle, of some counts."""
    along = np.arange(size) - size // 2
    profile = StarImage(fwhm, 3.0)
    return np.asarray(
        sum(flux * profile.surface(along - x, along[:, None] - y) for x, y, flux in sources)
    )


def stamp(rng: np.random.Generator, light: np.ndarray) -> Stamp:
    variance = np.full(light.shape, NOISE**2) + light
    return Stamp(light + rng.normal(0, np.sqrt(variance)), variance)


def stars(rng: np.random.Generator, fwhm: float, reach: int = 0) -> list[Stamp]:
    """Eight stars on a frame; a template is larger by the reach of the kernel."""
    places = np.random.default_rng(2).uniform(-0.5, 0.5, (8, 2))
    fluxes = np.geomspace(2e4, 2e5, 8)
    size = 35 + 2 * reach
    return [
        stamp(rng, image(fwhm, (x, y, flux), size=size))
        for (x, y), flux in zip(places, fluxes, strict=True)
    ]


def freed(rng: np.random.Generator, seeing: float, apart: float) -> tuple[float, float]:
    """Flux of a target beside a star that is as bright, and its error, on a difference."""
    reach = subtraction.kernel_reach(seeing)
    match = subtraction.matched(stars(rng, seeing), stars(rng, 4.0, reach), reach, 9)
    assert match is not None
    star, target = (apart, 0.0, 2e4), (0.3, -0.2, 2e4)
    frame = stamp(rng, image(seeing, star, target))
    behind = [stamp(rng, image(4.0, star, size=SIZE + 2 * reach)) for _ in range(3)]
    template = subtraction.combined(behind)
    left = frame.values - subtraction.convolved(template.values, match.kernel)
    x, y, radius = MIDDLE + 0.3, MIDDLE - 0.2, 5.0
    flux = forced_flux(left, x + 1, y + 1, radius).flux
    added = subtraction.aperture_variance(template.variance, match.kernel, x, y, radius)
    own = NOISE**2 * np.pi * radius**2 * 1.04 + forced_flux(frame.values, x + 1, y + 1, 5.0).flux
    misfit = 2e4 * subtraction.misfit(match, -apart, 0.0, radius)
    return flux, float(np.sqrt(own + added + misfit**2))


@pytest.mark.parametrize("seeing", [4.0, 5.0])
@pytest.mark.parametrize("apart", [2.5, 7.0])
def test_a_target_is_freed_of_a_star(seeing: float, apart: float) -> None:
    rng = np.random.default_rng(5)
    found = np.array([freed(rng, seeing, apart) for _ in range(12)])
    truth = forced_flux(image(seeing, (0.3, -0.2, 2e4)), MIDDLE + 1.3, MIDDLE + 0.8, 5.0).flux
    off = found[:, 0] - truth
    assert abs(np.mean(off)) < 0.01 * truth
    assert 0.4 < np.sqrt(np.mean((off / found[:, 1]) ** 2)) < 1.5


def test_a_kernel_needs_stars() -> None:
    rng = np.random.default_rng(5)
    own, other = stars(rng, 4.0), stars(rng, 4.0, 2)
    assert subtraction.matched(own[:2], other[:2], 2, 9) is None
    hidden = [Stamp(np.full_like(each.values, np.nan), each.variance) for each in other[:6]]
    assert subtraction.matched(own, [*hidden, *other[6:]], 2, 9) is None


def test_what_the_kernel_cannot_make_alike_is_a_misfit() -> None:
    """Stars that are wider in one direction than any small kernel makes them."""
    rng = np.random.default_rng(5)
    own, other = stars(rng, 4.0), stars(rng, 4.0, 2)
    good = subtraction.matched(own, other, 2, 9)
    spoilt = [
        Stamp(each.values + 0.1 * np.roll(each.values, 7 * (-1) ** n, axis=1), each.variance)
        for n, each in enumerate(own)
    ]
    bad = subtraction.matched(spoilt, other, 2, 9)
    assert good is not None
    assert bad is not None
    assert subtraction.misfit(good, 7.0, 0.0, 4.0) < 0.005
    assert subtraction.misfit(bad, 7.0, 0.0, 4.0) > 0.02


def test_what_is_on_one_template_alone_goes() -> None:
    flat = Stamp(np.full((9, 9), 10.0), np.ones((9, 9)))
    hit = Stamp(flat.values.copy(), flat.variance)
    hit.values[4, 4] = 500.0
    hidden = Stamp(flat.values.copy(), flat.variance)
    hidden.values[0, 0] = np.nan
    found = subtraction.combined([flat, flat, hit, hidden])
    assert found.values == pytest.approx(np.full((9, 9), 10.0))
    assert found.variance[4, 4] == pytest.approx(1 / 3)
    assert found.variance[0, 0] == pytest.approx(1 / 3)
    assert found.variance[8, 8] == pytest.approx(1 / 4)
    nothing = Stamp(np.full((9, 9), np.nan), flat.variance)
    assert np.isnan(subtraction.combined([nothing]).values).all()


def test_frames_that_are_turned_and_shifted_are_aligned() -> None:
    angle = np.radians(30.0)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = image(4.0, (3.0, -2.0, 1e4), size=81)
    middle, other = np.array([24.0, 24.0]), np.array([40.0, 40.0])
    found = subtraction.resampled(
        Stamp(there, np.ones_like(there)), matrix, other - matrix @ middle, (SIZE, SIZE), 2.0
    )
    row, column = np.linalg.solve(matrix, [-2.0, 3.0])
    expected = image(4.0, (float(column), float(row), 2e4))
    assert found.values == pytest.approx(expected, abs=0.01 * expected.max())
    assert found.variance[24, 24] == pytest.approx(4.0)
    there[40, 40] = np.nan
    found = subtraction.resampled(
        Stamp(there, np.ones_like(there)), matrix, other - matrix @ middle, (SIZE, SIZE), 2.0
    )
    assert np.isnan(found.values[24, 24])
    assert np.isfinite(found.values).mean() > 0.95


def test_noise_of_a_template_is_that_of_an_aperture() -> None:
    rng = np.random.default_rng(9)
    kernel = image(2.5, (0.4, 0.0, 1.0), size=5)
    variance = np.full((SIZE, SIZE), 9.0)
    sums = []
    for _ in range(300):
        smooth = subtraction.convolved(rng.normal(0, 3.0, (SIZE, SIZE)), kernel)
        distance = np.hypot(np.arange(45) - 22, (np.arange(45) - 22)[:, None])
        sums.append(smooth[distance < 4.5].sum())
    expected = subtraction.aperture_variance(variance, kernel, 22.0, 22.0, 4.5)
    assert np.var(sums) == pytest.approx(expected, rel=0.3)


def test_centre_of_a_source() -> None:
    values = image(4.0, (1.3, -0.7, 1e4))
    column, row = subtraction.centroid(values, MIDDLE, MIDDLE, 4.0)
    assert (column, row) == pytest.approx((MIDDLE + 1.3, MIDDLE - 0.7), abs=0.05)
    assert np.isnan(subtraction.centroid(-values, MIDDLE, MIDDLE, 4.0)).all()
