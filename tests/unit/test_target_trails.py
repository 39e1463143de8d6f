"""Trails are fitted to what is drawn: ends, flux, errors; and the brightness along them."""

import numpy as np
import pytest

from photpipe.science import target_trail, trail_profile
from photpipe.science.target_trail import Pixels, Segment, StarShape
from simsky.psf import PointSources, add_sources, trailed

NOISE, BETA = 10.0, 3.0


def painted(
    segment: Segment,
    flux: float,
    fwhm: float = 3.0,
    seed: int = 1,
    period: float = 0.0,
    margin: int = 30,
) -> Pixels:
    """Noisy pixels around a trail, whose middle is near the origin; `period` in exposures."""
    half = [
        int(abs(each) / 2 + margin) for each in np.subtract(*np.reshape(_ends(segment), (2, 2)))
    ]
    image = np.zeros((2 * half[1] + 1, 2 * half[0] + 1), np.float32)
    x, y = segment.middle
    source = PointSources(
        np.array([x + half[0] + 1]), np.array([y + half[1] + 1]), np.array([flux]), np.array([fwhm])
    )

    def brightness(owner: np.ndarray, place: np.ndarray) -> np.ndarray:
        return (
            10 ** (-0.4 * 0.15 * np.cos(2 * np.pi * place / period)) if period else owner * 0 + 1.0
        )

    way = np.array([segment.x1 - segment.x0]), np.array([segment.y1 - segment.y0])
    add_sources(image, trailed(source, *way, brightness=brightness), BETA, 1e-3)
    values = np.random.default_rng(seed).normal(image, np.sqrt(NOISE**2 + image))
    columns, rows = np.meshgrid(
        np.arange(-half[0], half[0] + 1.0), np.arange(-half[1], half[1] + 1.0)
    )
    return Pixels(columns, rows, values, np.full(values.shape, NOISE**2), 1.0)


def _ends(segment: Segment) -> list[float]:
    return [segment.x0, segment.y0, segment.x1, segment.y1]


def around(length: float, angle: float, x: float = 0.2, y: float = -0.3) -> Segment:
    dx, dy = length / 2 * np.cos(angle), length / 2 * np.sin(angle)
    return Segment(x - dx, y - dy, x + dx, y + dy)


@pytest.mark.parametrize("length", [10.0, 60.0])
def test_ends_and_flux_agree_with_their_errors(length: float) -> None:
    pulls, fluxes = [], []
    for seed in range(4):
        true = around(length, 0.7 + seed, seed / 10)
        flux = 150 * NOISE * np.sqrt(4 * 20 + 5 * length)
        found = target_trail.fit(
            painted(true, flux, seed=seed), StarShape(3.0), true.moved(2, -1.5), 6.0
        )
        assert found is not None
        assert found.fitted == "ends"
        pulls.append(
            (np.subtract(_ends(found.segment), _ends(true))) / np.sqrt(np.diag(found.covariance))
        )
        fluxes.append((found.flux - flux) / found.error)
        assert abs(found.flux / flux - 1) < 0.03
        assert found.chi2 == pytest.approx(1.0, abs=0.15)
    assert 0.6 < np.sqrt(np.mean(np.square(pulls))) < 1.5
    assert abs(np.mean(fluxes)) < 1.2


def test_a_faint_trail_is_measured_where_it_is_predicted() -> None:
    true = around(40.0, 0.4)
    found = target_trail.fit(painted(true, 0.0), StarShape(3.0), true, 6.0)
    assert found is not None
    assert found.fitted == ""
    assert np.isnan(found.covariance).all()
    assert abs(found.snr) < 4


def test_a_trail_that_is_cut_off_keeps_its_length() -> None:
    true = around(60.0, 0.0)
    stamp = painted(true, 6e4)
    known = Pixels(
        stamp.x_px,
        stamp.y_px,
        np.where(stamp.x_px > 10, np.nan, stamp.values),
        stamp.variance,
        stamp.photon_counts,
    )
    found = target_trail.fit(known, StarShape(3.0), true, 4.0)
    assert found is not None
    assert found.fitted == "middle"
    assert found.segment.length == pytest.approx(60.0)
    assert found.covered == pytest.approx(0.66, abs=0.05)
    assert found.flux == pytest.approx(6e4, rel=0.05)


def test_nothing_is_made_of_no_pixels() -> None:
    true = around(20.0, 0.0)
    stamp = painted(true, 1e4)
    blank = Pixels(stamp.x_px, stamp.y_px, stamp.values * np.nan, stamp.variance, 1.0)
    assert target_trail.fit(blank, StarShape(3.0), true, 4.0) is None


def test_the_image_of_a_trail_has_unit_light_and_its_parts_add_up() -> None:
    true = around(40.0, 1.1)
    x, y = (each.ravel() for each in np.meshgrid(np.arange(-45.0, 46), np.arange(-45.0, 46)))
    image = target_trail.TrailImage(StarShape(3.0, 3.0, 0.2, -0.1), true.direction)
    whole = image.parts(x, y, true)[0]
    assert whole.sum() == pytest.approx(1.0, abs=0.01)
    parts = image.parts(x, y, true, 5)
    assert np.abs(parts.mean(axis=0) - whole).max() < 1e-6
    uneven = target_trail.UnevenImage(StarShape(3.0, 3.0, 0.2, -0.1), true, np.full(4, 0.25))
    assert np.abs(uneven.on_pixels(x, y, true, 0.0) - whole).max() < 0.01 * whole.max()


def test_the_shape_of_an_elongated_star() -> None:
    axis = np.arange(-14.0, 15)
    x, y = np.meshgrid(axis, axis)
    true = StarShape(3.4, 2.7, 0.15, -0.1)
    light = 5e5 * true.on_pixels(x - 0.3, y + 0.2)
    stamp = Pixels(x, y, light + 300, np.full(x.shape, 100.0), 1.0)
    shape, flux, _ = target_trail.fitted_star(stamp, StarShape(3.0)) or pytest.fail("no star")
    assert shape.fwhm_px == pytest.approx(3.4, rel=0.01)
    assert shape.beta == pytest.approx(2.7, rel=0.03)
    assert (shape.e1, shape.e2) == (pytest.approx(0.15, abs=0.01), pytest.approx(-0.1, abs=0.01))
    assert flux == pytest.approx(5e5, rel=0.01)
    assert target_trail.flux_of_star(stamp, shape) == pytest.approx(flux, rel=1e-3)


def test_the_period_along_a_trail() -> None:
    true = around(120.0, 0.3)
    stamp = painted(true, 500 * NOISE * np.sqrt(700.0), period=1 / 7)
    found = target_trail.fit(stamp, StarShape(3.0), true.moved(1, 1), 4.0)
    assert found is not None
    assert found.variability < target_trail.VARIES_P
    trail, profile, wave = trail_profile.followed(stamp, StarShape(3.0), found, 70.0)
    assert wave is not None
    assert profile is not None
    assert wave.seconds == pytest.approx(10.0, rel=0.006)
    assert abs(wave.seconds - 10.0) < 4 * wave.error_s
    assert wave.amplitude_mag == pytest.approx(0.3, abs=0.04)
    assert np.abs(np.subtract(_ends(trail.segment), _ends(true))).max() < 0.15


def test_an_even_trail_has_no_period() -> None:
    true = around(100.0, 0.3)
    stamp = painted(true, 300 * NOISE * np.sqrt(600.0))
    found = target_trail.fit(stamp, StarShape(3.0), true, 4.0)
    assert found is not None
    assert found.variability > target_trail.VARIES_P
    _, profile, wave = trail_profile.followed(stamp, StarShape(3.0), found, 60.0)
    assert profile is not None
    assert wave is None
    pulls = (profile.flux - 1) / profile.error
    assert 0.7 < np.sqrt(np.mean(pulls**2)) < 1.3


def test_a_short_trail_has_no_light_curve() -> None:
    true = around(12.0, 0.3)
    stamp = painted(true, 1e5)
    found = target_trail.fit(stamp, StarShape(3.0), true, 4.0)
    assert found is not None
    assert trail_profile.profile(stamp, StarShape(3.0), found, 60.0) is None
