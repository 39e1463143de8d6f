"""Colour mosaics taken apart: positions, noise, saturation and patterns against known answers."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photpipe.fits.cards import parse_cards, to_header
from photpipe.prepare import colours
from photpipe.science import mosaic

PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
LEVELS = {"R": 400.0, "G": 1000.0, "B": 700.0}


def grey(pattern: str, noise: float = 10.0, shape: tuple[int, int] = (200, 300)) -> np.ndarray:
    image = np.zeros(shape, np.float32)
    for index, letter in enumerate(pattern):
        image[index // 2 :: 2, index % 2 :: 2] = LEVELS[letter]
    return image + np.random.default_rng(3).normal(0, noise, shape).astype(np.float32)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_colours_are_told_apart(pattern: str) -> None:
    image = grey(pattern, 0.0)
    assert np.all(mosaic.green(image, pattern).pixels == LEVELS["G"])
    for letter in "RB":
        assert np.all(mosaic.single(image, pattern, letter).pixels == LEVELS[letter])


def test_green_has_half_the_variance() -> None:
    image = grey("RGGB")
    single = mosaic.single(image, "RGGB", "R").pixels
    assert mosaic.green(image, "RGGB").pixels.std() == pytest.approx(
        single.std() / np.sqrt(2), rel=0.03
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_stars_lie_where_the_offsets_say(pattern: str) -> None:
    """A broad star at x, y of the detector (from 1) lies at (x + 0.5 - offset) / 2 of a plane."""
    x, y = 121.3, 87.8
    rows, columns = np.mgrid[1:201, 1:301]
    image = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2 / 6.0**2)
    parts = [mosaic.green(image, pattern), *(mosaic.single(image, pattern, c) for c in "RB")]
    for part in parts:
        rows, columns = np.mgrid[1 : part.pixels.shape[0] + 1, 1 : part.pixels.shape[1] + 1]
        weight = part.pixels / part.pixels.sum()
        expected = [(at + 0.5 - off) / 2 for at, off in zip((x, y), part.offset, strict=True)]
        assert [(columns * weight).sum(), (rows * weight).sum()] == pytest.approx(
            expected, abs=1e-6
        )


def test_odd_edges_are_left_out() -> None:
    assert mosaic.green(np.ones((7, 9)), "RGGB").pixels.shape == (3, 4)
    assert mosaic.single(np.ones((7, 9)), "RGGB", "B").pixels.shape == (3, 4)


def test_green_is_saturated_where_one_of_both_is() -> None:
    image = grey("RGGB")
    image[50:54, 60:64] = 65535.0
    image[50, 61] = 30000.0  # one green of a cell whose other is full
    assert mosaic.green(image, "RGGB").pixels[25, 30] == 65535.0


@pytest.mark.parametrize("pattern", PATTERNS)
def test_sky_contradicts_a_pattern_that_is_turned_over(pattern: str) -> None:
    image = grey(pattern)
    assert not mosaic.contradicts(image, pattern)
    assert mosaic.contradicts(image, mosaic.turned_over(pattern))
    assert mosaic.turned_over(mosaic.turned_over(pattern)) == pattern


def test_grey_sky_tells_nothing() -> None:
    image = np.random.default_rng(1).normal(500.0, 20.0, (200, 200)).astype(np.float32)
    assert not any(mosaic.contradicts(image, pattern) for pattern in PATTERNS)
    assert not mosaic.contradicts(np.full((200, 200), np.nan, np.float32), "RGGB")


SIP = {
    **{"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 3e-6, "A_0_2": -2e-6, "A_1_1": 1e-6},
    **{"B_2_0": -1e-6, "B_0_2": 4e-6, "B_1_1": 2e-6},
}


@pytest.mark.parametrize("offset", [(0.0, 0.0), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5)])
def test_wcs_follows_the_planes(offset: tuple[float, float]) -> None:
    """The sky at a pixel of a plane is that at the place of the detector, SIP terms included."""
    header = fits.Header({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"})
    header.update({"CRVAL1": 150.0, "CRVAL2": 20.0, "CRPIX1": 101.0, "CRPIX2": 77.5})
    header.update({"CD1_1": -3e-4, "CD1_2": 4e-5, "CD2_1": 5e-5, "CD2_2": 3e-4, **SIP})
    cards, _ = parse_cards(header.tostring().encode())
    scaled = header.copy()
    scaled.update(colours._scaled_wcs(cards, offset))
    detector, plane = WCS(to_header(cards)), WCS(scaled)
    for x, y in ((1.0, 1.0), (60.0, 10.0), (33.0, 90.0)):
        there = (2 * x - 0.5 + offset[0], 2 * y - 0.5 + offset[1])
        found, true = plane.all_pix2world(x, y, 1), detector.all_pix2world(*there, 1)
        assert np.ravel(found) == pytest.approx(np.ravel(true), abs=1e-9)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("RGGB", ("RGGB", "BGGR")),
        ("BGGR", ("RGGB", "BGGR")),
        ("GRBG", ("GRBG", "GBRG")),
        ("GBRG", ("GRBG", "GBRG")),
    ],
)
def test_mosaic_that_no_card_tells_of(pattern: str, found: tuple[str, ...]) -> None:
    """Which diagonal is green the sky shows; which of the two others is red it does not."""
    assert mosaic.suspected(grey(pattern, 100.0)) == found
    dark = 0.05 * grey(pattern, 0.0) + 1000.0  # a sky of few counts above the bias
    noise = np.random.default_rng(4).normal(0, 20.0, dark.shape)
    assert mosaic.suspected(dark + noise) == found


def test_plain_images_are_no_mosaics() -> None:
    random = np.random.default_rng(5)
    flat = random.normal(1000, 10, (800, 800))
    gradient = flat + np.linspace(0, 300, 800)[:, None] + np.linspace(0, 100, 800)[None, :]
    interlaced, columns, pedestal = flat.copy(), flat.copy(), flat.copy()
    interlaced[::2] += 30  # rows read by two amplifiers
    columns[:, ::2] += 30
    pedestal[::2, ::2] += 2  # an artefact of a detector, far below the noise
    quarters = flat.copy()
    quarters[::2, ::2] += 20  # four amplifiers, none on a diagonal equal to another
    quarters[1::2, 1::2] -= 25
    quarters[::2, 1::2] += 70
    for image in (flat, gradient, interlaced, columns, pedestal, quarters):
        assert mosaic.suspected(image) == ()
    assert mosaic.suspected(np.full((800, 800), 5.0)) == ()
    assert mosaic.suspected(np.zeros((4, 4))) == ()
