"""Star lists drawn with numpy: a piece of sky, and what a detector sees of it."""

from dataclasses import dataclass

import numpy as np

from photpipe.ground import sky
from photpipe.science.astrometry import sky_of


@dataclass(frozen=True, slots=True)
class Stars:
    """Stars, brightest first."""

    ra: np.ndarray
    dec: np.ndarray
    mag: np.ndarray


def stars(
    seed: int, ra: float, dec: float, radius_deg: float, per_deg2: float, faintest: float = 20.0
) -> Stars:
    """Stars in a cone, more of them the fainter they are."""
    random = np.random.default_rng(seed)
    count = int(per_deg2 * np.pi * radius_deg**2)
    radius = radius_deg * 3600 * np.sqrt(random.random(count))
    angle = 2 * np.pi * random.random(count)
    at = sky.shifted(ra, dec, radius * np.cos(angle), radius * np.sin(angle))
    mag = np.sort(faintest + np.log10(random.random(count)) / 0.35)
    return Stars(np.asarray(at[0]), np.asarray(at[1]), mag)


def tan(
    ra: float,
    dec: float,
    shape: tuple[int, int] = (1024, 1024),
    scale: float = 0.6,
    angle: float = 0.0,
    mirrored: bool = False,
) -> dict[str, float | str]:
    """Cards of a plain gnomonic WCS with the reference pixel in the middle."""
    step = scale / 3600
    cos, sin = step * np.cos(np.radians(angle)), step * np.sin(np.radians(angle))
    parity = 1 if mirrored else -1
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": (shape[1] + 1) / 2,
        "CRPIX2": (shape[0] + 1) / 2,
        "CD1_1": parity * cos,
        "CD1_2": sin,
        "CD2_1": -parity * sin,
        "CD2_2": cos,
        "RADESYS": "ICRS",
        "EQUINOX": 2000.0,
    }


def barrel(pixels: np.ndarray, shape: tuple[int, int], corner_px: float) -> np.ndarray:
    """Pixels moved outwards with the cube of their distance from the middle."""
    middle = complex((shape[1] + 1) / 2, (shape[0] + 1) / 2)
    reach = np.hypot(*shape) / 2
    return pixels + corner_px * np.abs((pixels - middle) / reach) ** 2 * (pixels - middle) / reach


@dataclass(frozen=True, slots=True)
class View:
    """What a detector sees, brightest first: pixels, and which star each one is (-1: none)."""

    pixels: np.ndarray
    star: np.ndarray


def view(
    seed: int,
    of: Stars,
    cards: dict[str, float | str],
    shape: tuple[int, int] = (1024, 1024),
    *,
    faintest: float = 19.0,
    corner_px: float = 0.0,
    false: int = 10,
    noise_px: float = 0.05,
    missed: float = 0.1,
) -> View:
    """Positions of the stars on a detector, with errors, gaps and false detections."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    random = np.random.default_rng(seed)
    middle = sky_of(cards)(np.array([shape[1] / 2]), np.array([shape[0] / 2]))
    near = sky.separation_deg(*middle, of.ra, of.dec) < 5
    x, y = np.full(near.size, np.nan), np.full(near.size, np.nan)
    x[near], y[near] = WCS(Header(cards)).all_world2pix(of.ra[near], of.dec[near], 1)
    pixels = barrel(x + 1j * y, shape, corner_px)
    mag = of.mag + random.normal(0, 0.2, of.mag.size)
    seen = (mag < faintest) & (random.random(mag.size) > missed)
    seen &= (pixels.real > 1) & (pixels.real < shape[1])
    seen &= (pixels.imag > 1) & (pixels.imag < shape[0])
    index = np.flatnonzero(seen)
    at = pixels[index] + random.normal(0, noise_px, index.size)
    at = at + 1j * random.normal(0, noise_px, index.size)
    spurious = random.uniform(1, shape[1], false) + 1j * random.uniform(1, shape[0], false)
    mags = np.concatenate([mag[index], faintest - random.exponential(1.5, false)])
    order = np.argsort(mags)
    return View(
        np.concatenate([at, spurious])[order],
        np.concatenate([index, np.full(false, -1)])[order],
    )
