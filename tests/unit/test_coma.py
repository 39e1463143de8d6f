"""Comas: light in apertures, the sky behind them, and the dust that they stand for."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from photpipe.science import coma
from photpipe.science.target_trail import StarShape
from simsky.coma import _inverse_distance, coma_mag

NOISE, SKY, PER_PX = 1.0, 500.0, 2000.0
RADII = np.array([8.0, 16.0, 32.0])


def painted(light: float = PER_PX, side: int = 221, seed: int = 1) -> np.ndarray:
    """A coma whose flux is `light` times the radius, around the middle; sky and noise."""
    middle = side // 2 + 1
    image = light / (2 * np.pi) * _inverse_distance((side, side), middle, middle)
    return image + SKY + np.random.default_rng(seed).normal(0, NOISE, image.shape)


def measured(values: np.ndarray) -> coma.Coma:
    middle = values.shape[0] // 2
    found = coma.measured(values, np.full(values.shape, NOISE), (middle, middle), RADII, 3.0)
    assert found is not None
    return found


def test_light_grows_with_the_radius_and_the_sky_is_that_behind_the_coma() -> None:
    found = measured(painted())
    assert found.flux == pytest.approx(PER_PX * RADII, rel=0.02)
    # the painted coma is good to half a per cent in its innermost pixels
    assert np.all(np.abs(found.flux - PER_PX * RADII) < 4 * found.error + 0.005 * found.flux)
    assert found.growth == pytest.approx(1.0, abs=0.02)
    assert found.sky == pytest.approx(SKY, abs=0.1)
    assert np.all(found.filled == 0)


def test_hidden_pixels_are_filled_with_the_light_of_their_rings() -> None:
    values = painted()
    values[112:120, 116:124] = np.nan
    found = measured(values)
    assert found.flux == pytest.approx(PER_PX * RADII, rel=0.03)
    assert found.filled[2] > 0


def test_a_star_does_not_grow() -> None:
    values = painted(0.0)
    apart = np.hypot(*(np.mgrid[:221, :221] - 110.0))
    values += 3e3 * np.exp(-0.5 * (apart / 1.3) ** 2)
    found = measured(values)
    assert found.growth == pytest.approx(0.0, abs=0.03)


def test_apertures_that_are_too_small_or_leave_the_frame_have_no_value() -> None:
    values = painted()
    found = coma.measured(
        values, np.full(values.shape, NOISE), (110, 110), np.array([2.0, 20.0, 150.0]), 3.0
    )
    assert found is not None
    assert list(np.isfinite(found.flux)) == [False, True, False]
    assert coma.measured(values[:9, :9], values[:9, :9], (4, 4), RADII, 3.0) is None


def test_the_dust_of_a_magnitude() -> None:
    # A'Hearn's definition by hand: 2 AU from the Sun, 1 from us, a hundred-billionth of its light
    mag = -27.15 + 2.5 * 11
    wanted = (2 * 1.495978707e13 * 2.0) ** 2 / 1e9 * 1e-11
    assert coma.afrho_cm(mag, -27.15, 2.0, 1.0, 1e4) == pytest.approx(wanted)
    for radius in (5e3, 2e4):
        mag = coma_mag(300.0, 1.4, 0.7, radius, -26.76)
        assert coma.afrho_cm(mag, -26.76, 1.4, 0.7, radius) == pytest.approx(300.0)
    assert coma.radius_arcsec(10_000, 1.0) == pytest.approx(13.788, abs=0.001)


def test_the_phase_function_is_that_of_the_table() -> None:
    # values of the table of a degree that are not among ours
    for angle, value in ((0.0, 1.0), (3.0, 0.8859), (17.0, 0.5546), (52.0, 0.3385), (93.0, 0.578)):
        assert coma.phase_function(angle) == pytest.approx(value, rel=0.005)
    assert np.isnan(coma.phase_function(160.0))
    assert np.isnan(coma.phase_function(np.nan))


def star(x_px: np.ndarray, y_px: np.ndarray) -> np.ndarray:
    return StarShape(3.0).on_pixels(x_px, y_px)


@pytest.mark.parametrize("slope", [0.8, 1.0, 1.2])
def test_a_star_on_the_nucleus_is_told_from_a_coma_of_any_slope(slope: float) -> None:
    side = np.arange(-90.0, 91)
    fine = np.zeros((181, 181))
    for dx in (-0.4, -0.2, 0.0, 0.2, 0.4):
        for dy in (-0.4, -0.2, 0.0, 0.2, 0.4):
            apart = np.hypot(side + dx, side[:, None] + dy)
            fine += np.maximum(apart, 0.1) ** (slope - 2.0) / 25
    dust = 2000.0 * fftconvolve(fine, star(*np.meshgrid(side, side)), mode="same")
    rng = np.random.default_rng(3)
    noise = np.full(dust.shape, 20.0)
    for light in (0.0, 2e5):
        values = rng.normal(dust + light * star(*np.meshgrid(side, side)), noise)
        found = coma.point_source(values, noise, (90.0, 90.0), star, 3.0)
        assert found is not None
        assert found.flux == pytest.approx(light, abs=max(5 * found.error, 0.02 * light + 400))
    assert found.flux > 50 * found.error


def test_nothing_is_told_of_a_nucleus_at_the_edge() -> None:
    values = painted()
    assert coma.point_source(values, np.ones(values.shape), (3.0, 90.0), star, 3.0) is None
