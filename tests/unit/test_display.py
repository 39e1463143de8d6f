"""Grey pictures of frames: what is where, at any scale, and how bright."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photpipe.ground.errors import FrameError
from photpipe.manident.display import OUTSIDE, DisplayedFrame, View


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """100 rows of 60 columns of sky with three bright squares: in a corner, right, on top."""
    pixels = np.random.default_rng(1).normal(1000, 10, (100, 60))
    for x, y in ((5, 8), (50, 20), (30, 90)):
        pixels[y - 2 : y + 1, x - 2 : x + 1] += 5000
    path = tmp_path / "a b.fits"
    fits.PrimaryHDU(np.rint(pixels).astype(np.uint16)).writeto(path)
    return path


def bright_places(picture: np.ndarray, view: View) -> list[tuple[float, float]]:
    """FITS pixels of the white places, from left to right."""
    rows, columns = np.nonzero(picture > 250)
    x, y = view.to_frame(columns + 0.5, rows + 0.5)
    found = []
    for left, right in ((0, 17), (17, 40), (40, 61)):
        here = (x > left) & (x < right)
        if here.any():
            found.append((float(x[here].mean()), float(y[here].mean())))
    return found


@pytest.mark.parametrize("scale", [0.37, 0.5, 1.0, 2.0, 3.3])
def test_places_and_the_direction_of_y(frame: Path, scale: float) -> None:
    picture = DisplayedFrame.read(frame, (100, 60))
    assert picture.sky == pytest.approx(1000, abs=2)
    assert picture.noise == pytest.approx(10, rel=0.1)
    view = View(0.5, 100.5, int(60 * scale), int(100 * scale), scale)
    rendered = picture.render(view)
    assert rendered.shape == (view.height, view.width)
    found = bright_places(rendered, view)
    for place, true in zip(found, ((5, 8), (30, 90), (50, 20)), strict=True):
        assert place == pytest.approx(true, abs=max(0.3, 1.2 / scale))
    top = rendered[: view.height // 4]
    assert (top > 250).any()  # y = 90 is above
    x, y = view.to_screen(*view.to_frame(7.0, 9.0))
    assert (x, y) == pytest.approx((7.0, 9.0))


def test_beyond_the_image_there_is_grey(frame: Path) -> None:
    picture = DisplayedFrame.read(frame, (100, 60))
    rendered = picture.render(View(-20.0, 130.0, 100, 160, 1.0))
    assert (rendered[:20] == OUTSIDE).all()
    assert (rendered[:, :20] == OUTSIDE).all()
    assert (rendered[60, 30:70] < OUTSIDE).any()
    assert (picture.render(View(500.0, 600.0, 40, 30, 2.0)) == OUTSIDE).all()


def test_contrast_and_bad_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).normal(100, 5, (64, 64)).astype(np.float32)
    pixels[20:30, 20:30] += 40
    pixels[0:10] = np.nan
    path = tmp_path / "nan.fits"
    fits.PrimaryHDU(pixels).writeto(path)
    picture = DisplayedFrame.read(path, (64, 64))
    faint, usual, strong = (
        picture.render(View(0.5, 64.5, 64, 64, 1.0, step)) for step in (-3, 0, 4)
    )
    patch = (slice(34, 44), slice(20, 30))
    assert faint[patch].mean() < usual[patch].mean() < strong[patch].mean()
    assert (usual[-10:] == 0).all()
    assert DisplayedFrame.read(path, (64, 64)).render(View(0.5, 64.5, 32, 32, 0.5)).shape == (
        32,
        32,
    )


def test_what_cannot_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "all_nan.fits"
    fits.PrimaryHDU(np.full((20, 20), np.nan, np.float32)).writeto(path)
    with pytest.raises(FrameError, match="all pixels are NaN"):
        DisplayedFrame.read(path, (20, 20))
    flat = tmp_path / "flat.fits"
    fits.PrimaryHDU(np.full((20, 20), 7, np.int16)).writeto(flat)
    picture = DisplayedFrame.read(flat, (20, 20))
    assert np.ptp(picture.render(View(0.5, 20.5, 20, 20, 1.0))) == 0
    flat.unlink()
    with pytest.raises(FrameError, match=r"flat.fits: there is no such file"):
        picture.render(View(0.5, 20.5, 20, 20, 1.0))
