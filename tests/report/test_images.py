"""Quick-look images, cut-outs and animations: what is where, how bright, how large."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from photpipe.fits.pixels import Plane, open_plane
from photpipe.report.images import (
    Cel,
    Look,
    Stretch,
    animation,
    animation_size,
    cutout,
    jpeg,
    reduced,
)

NAN = math.nan


def plane(values: np.ndarray) -> Plane:
    return Plane(np.asarray(values, np.float32), 1.0, 0.0, NAN)


def picture(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"), float)


def noise(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(3).normal(1000, 10, shape)


def test_the_first_row_is_at_the_bottom() -> None:
    values = noise((64, 100))
    values[4:8, 90:94] = 5000
    seen = picture(jpeg(Look.at(plane(values), 800).grey, 10**6))
    assert seen.shape == (64, 100)
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    assert 56 <= row <= 59
    assert 90 <= column <= 93


@pytest.mark.parametrize(
    ("shape", "size"), [((1000, 1000), (500, 500)), ((801, 10), (400, 5)), ((2500, 3), (625, 1))]
)
def test_reduction_is_a_mean_of_blocks(shape: tuple[int, int], size: tuple[int, int]) -> None:
    values = np.add.outer(np.arange(shape[0]), np.zeros(shape[1]))
    small = reduced(plane(values), 800)
    assert small.shape == size
    step = math.ceil(max(shape) / 800)
    assert small[0, 0] == pytest.approx((step - 1) / 2 if shape[0] > step else values[:, 0].mean())


def test_blank_pixels_do_not_spread() -> None:
    values = np.full((900, 900), 10.0)
    values[0, 0] = np.nan
    values[200:210] = np.nan
    small = reduced(plane(values), 800)
    assert small[0, 0] == 10.0
    assert np.isnan(small[100:105]).all()
    assert np.nanmax(small) == 10.0


def test_scaled_integers_and_blanks_are_read(tmp_path: Path) -> None:
    stored = np.array([[0, 1], [2, -32768]], np.int16)
    path = tmp_path / "a.fits"
    hdu = fits.PrimaryHDU(stored)
    hdu.header.update({"BZERO": 32768.0, "BSCALE": 2.0, "BLANK": -32768})
    hdu.writeto(path)
    found = open_plane(path).part(slice(None), slice(None))
    assert found[0].tolist() == [32768.0, 32770.0]
    assert found[1, 0] == 32772.0
    assert np.isnan(found[1, 1])


def test_fingerprint_follows_the_pixels_alone() -> None:
    values = noise((50, 50))
    other = values.copy()
    other[0, 0] += 1
    assert plane(values).fingerprint() == plane(values.copy()).fingerprint()
    assert plane(values).fingerprint() != plane(other).fingerprint()


@pytest.mark.parametrize("level", [0.0, -300.0, 65535.0, 1e30])
def test_constant_frames_are_even(level: float) -> None:
    seen = picture(jpeg(Look.at(plane(np.full((40, 50), level)), 800).grey, 10**6))
    assert np.ptp(seen) <= 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_frames_without_values_are_black(value: float) -> None:
    seen = picture(jpeg(Look.at(plane(np.full((40, 50), value)), 800).grey, 10**6))
    assert seen.max() <= 2


def test_sky_is_dark_and_stars_are_bright() -> None:
    values = noise((200, 200))
    values[100:103, 100:103] += 2000
    grey = Stretch.of(values).grey(np.float32(values))
    assert 10 < np.median(grey) < 80
    assert grey.max() > 250


def test_jpeg_stays_below_its_limit_where_it_can() -> None:
    grey = np.random.default_rng(1).integers(0, 255, (400, 400)).astype(np.uint8)
    large, small = len(jpeg(grey, 10**6)), len(jpeg(grey, 60_000))
    assert small <= 60_000 < large
    assert len(jpeg(grey, 1)) > 1


@pytest.mark.parametrize(("x", "y"), [(50.0, 40.0), (1.0, 1.0), (100.0, 80.0), (-30.0, 500.0)])
def test_cutout_has_its_place_in_the_middle(x: float, y: float) -> None:
    values = np.zeros((80, 100))
    column, row = round(x) - 1, round(y) - 1
    inside = 0 <= row < 80 and 0 <= column < 100
    if inside:
        values[row, column] = 1.0
    content = cutout(plane(values), Stretch(0.0, 1.0, 1.0), x, y, 10)
    seen = picture(content)
    assert seen.shape == (21, 21)
    if inside:
        assert np.unravel_index(seen.argmax(), seen.shape) == (10, 10)
    else:
        assert seen.max() <= 2


def test_animation_shows_aperture_and_prediction(tmp_path: Path) -> None:
    path = tmp_path / "c.jpg"
    path.write_bytes(jpeg(np.full((61, 61), 100, np.uint8), 10**6))
    cels = [
        Cel(path, "2017 <ä>", (30.5, 30.5, 8.0), (35.0, 20.0)),
        Cel(path, "second", None, None),
    ]
    with Image.open(io.BytesIO(animation(cels))) as film:
        assert film.n_frames == 2
        assert film.size == animation_size(61) == (183, 199)
        first = np.asarray(film.convert("RGB"), int)
        film.seek(1)
        second = np.asarray(film.convert("RGB"), int)
    red = (first[..., 0] > 200) & (first[..., 2] < 100)
    blue = (first[..., 2] > 200) & (first[..., 0] < 100)
    rows, columns = np.nonzero(red)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(91.5, abs=2)
    assert np.ptp(columns) == pytest.approx(48, abs=3)
    rows, columns = np.nonzero(blue)
    assert (columns.mean(), rows.mean()) == pytest.approx((105, 60), abs=2)
    assert not ((second[..., 0] > 200) & (second[..., 2] < 100)).any()


@pytest.mark.parametrize("shape", [(900, 600), (300, 1200), (3, 1000), (200, 100)])
def test_a_smaller_look_keeps_its_proportions(shape: tuple[int, int]) -> None:
    look = Look.at(plane(noise(shape)), 4096)
    small = look.smaller(300)
    scale = min(1.0, 300 / max(shape))
    assert look.grey.shape == shape
    assert small.shape == tuple(max(1, round(scale * size)) for size in shape)
    assert small.mean() == pytest.approx(look.grey.mean(), abs=1.5)
