"""Frames drawn with numpy: Gaussian stars of known position and flux on a flat, noisy sky."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

GAIN = 2.0  # electrons per ADU
SKY_ADU = 400.0
SIGMA_PX = 1.7
FWHM_PX = SIGMA_PX * 2.0 * np.sqrt(2.0 * np.log(2.0))
SECPIX = 0.375  # arcsec per pixel of VATT4K, binned 2 x 2


def vatt_header(**cards: object) -> fits.Header:
    """Header as the VATT writes it, never prepared."""
    header = fits.Header(
        {
            "INSTRUME": "Vatt4k",
            "CCDBIN1": 2,
            "CCDBIN2": 2,
            "RA": "11:57:07.2",
            "DEC": "+00:25:48",
            "DATE-OBS": "2017-02-01",
            "TIME-OBS": "10:00:00",
            "EXPTIME": 60.0,
            "AIRMASS": 1.1,
            "FILTER": "TOP 3 BOT 1",
            "OBJECT": "field",
            "GAIN": GAIN,
        }
    )
    header.update(cards)
    return header


@dataclass(frozen=True, slots=True)
class StarField:
    """Pixels, and the stars that are in them (x, y as FITS counts; flux in ADU)."""

    pixels: np.ndarray
    stars: Table

    def write(self, path: Path, **cards: object) -> Path:
        fits.writeto(path, self.pixels.astype("f4"), vatt_header(**cards))
        return path


def star_field(seed: int, shape: tuple[int, int] = (400, 420), spacing_px: int = 40) -> StarField:
    """Stars on a jittered grid, so that none is blended and none touches the edge.

    Parameters
    ----------
    seed : int
        Of positions, fluxes and noise.
    shape : tuple of int
        Rows and columns.
    spacing_px : int
        Of the grid; fluxes go from 2,000 to 100,000 ADU.
    """
    random = np.random.default_rng(seed)
    rows, columns = (np.arange(spacing_px, size - spacing_px // 2, spacing_px) for size in shape)
    y, x = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    x, y = (each + random.uniform(-5.0, 5.0, each.size) for each in (x, y))
    flux = 10 ** random.uniform(np.log10(2e3), 5.0, x.size)
    return draw(random, shape, Table({"x": x + 1.0, "y": y + 1.0, "flux": flux}))


def draw(random: np.random.Generator, shape: tuple[int, int], stars: Table) -> StarField:
    """Draw stars with the noise of their photons."""
    pixels = np.full(shape, SKY_ADU)
    reach = 15
    for star in stars:
        x, y = star["x"] - 1.0, star["y"] - 1.0
        box = tuple(
            slice(max(0, round(at) - reach), min(size, round(at) + reach + 1))
            for at, size in zip((y, x), shape, strict=True)
        )
        yy, xx = np.mgrid[box]
        profile = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2.0 * SIGMA_PX**2))
        pixels[box] += star["flux"] * profile / (2.0 * np.pi * SIGMA_PX**2)
    return StarField(random.poisson(pixels * GAIN) / GAIN, stars)


def in_aperture(radius_px: float) -> float:
    """Fraction of a star's flux within an aperture."""
    return float(1.0 - np.exp(-(radius_px**2) / (2.0 * SIGMA_PX**2)))


def matched(stars: Table, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Row of the nearest source for each star, and its distance in pixels."""
    dx = np.asarray(table["XWIN_IMAGE"])[:, None] - np.asarray(stars["x"])[None, :]
    dy = np.asarray(table["YWIN_IMAGE"])[:, None] - np.asarray(stars["y"])[None, :]
    distance = np.hypot(dx, dy)
    return distance.argmin(axis=0), distance.min(axis=0)
