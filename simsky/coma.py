"""Comas of dust that flows freely: surface brightness as 1 / distance from the nucleus."""

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from simsky.cameras import Camera
from simsky.psf import PointSources, add_sources
from simsky.stars import Sky

if TYPE_CHECKING:
    from simsky.frames import Exposure

# apparent magnitudes of the Sun, Vega and AB (Willmer 2018, ApJS 236, 47)
SUN_MAG = {
    **{"B": -26.13, "V": -26.76, "R": -27.15, "I": -27.47},
    **{"g": -26.47, "r": -26.93, "i": -27.05, "z": -27.07},
}
KM_PER_AU = 149_597_870.7
PSF_REACH_PX = 30
FINE = 5


def coma_mag(
    afrho_cm: float, r_au: float, delta_au: float, radius_km: float, sun_mag: float
) -> float:
    """Magnitude of a coma in an aperture (A'Hearn et al. 1984, AJ 89, 579)."""
    ratio = afrho_cm * radius_km * 1e5 / (2.0 * delta_au * KM_PER_AU * 1e5 * r_au) ** 2
    return float(sun_mag - 2.5 * np.log10(ratio))


def add_comas(
    image: NDArray[np.float32],
    sky: Sky,
    camera: Camera,
    exposure: "Exposure",
    truth: Table,
    band: str,
) -> None:
    """Add the comas of the comets on a frame (electrons), in place."""
    for row in truth:
        mover = sky.movers[-1 - int(row["ident"])] if row["ident"] < 0 else None
        if mover is None or not mover.afrho_cm > 0:
            continue
        scale = float(np.sqrt(np.prod(camera.scale_arcsec))) * (1.0 + exposure.scale_error)
        km_per_px = scale / 206_264.806 * mover.delta_au * KM_PER_AU
        mag = coma_mag(mover.afrho_cm, mover.r_au, mover.delta_au, km_per_px, SUN_MAG[band])
        electrons = row["flux_adu"] * camera.gain * 10 ** (-0.4 * (mag - row["mag"]))
        light = electrons / (2 * np.pi) * _inverse_distance(image.shape, row["x"], row["y"])
        image += fftconvolve(light, _star(camera, exposure, scale), mode="same").astype(np.float32)


def _star(camera: Camera, exposure: "Exposure", scale_arcsec: float) -> NDArray[np.float32]:
    """Image of a star of unit light."""
    side = 2 * PSF_REACH_PX + 1
    star = np.zeros((side, side), np.float32)
    middle, one = np.array([PSF_REACH_PX + 1.0]), np.ones(1)
    width = one * exposure.seeing_arcsec / scale_arcsec
    add_sources(star, PointSources(middle, middle, one, width), camera.moffat_beta, 1e-9)
    return star / star.sum()


def _inverse_distance(shape: tuple[int, ...], x_px: float, y_px: float) -> NDArray[np.float64]:
    """Mean of 1 / distance over each pixel."""
    fine = (np.arange(FINE) + 0.5) / FINE - 0.5
    total = np.zeros(shape)
    for dx in fine:
        for dy in fine:
            x = np.arange(shape[1]) + 1.0 - x_px + dx
            y = (np.arange(shape[0]) + 1.0 - y_px + dy)[:, None]
            total += 1.0 / np.maximum(np.hypot(x, y), 0.28 / FINE)
    return total / FINE**2
