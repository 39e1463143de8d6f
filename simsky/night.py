"""A night's work in one call: a sky that fits the camera, a plan, the files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from photpipe.ground import sky as sphere
from photpipe.ground.timescale import SECONDS_PER_DAY
from simsky.cameras import Camera
from simsky.frames import Exposure, render
from simsky.stars import Field, Sky

# Fainter stars are in no catalog that a calibration uses: they would only be there for show.
_FAINTEST = 20.5


def sky_for(
    camera: Camera,
    seed: int,
    ra_deg: float,
    dec_deg: float,
    *,
    stars_per_frame: float = 120,
    margin_deg: float = 0.15,
    **kind: Any,
) -> Sky:
    """Sky with about so many stars on a frame of the camera, reaching beyond its edges.

    Parameters
    ----------
    camera : Camera
        Sets density and size.
    seed : int
        Seed.
    ra_deg, dec_deg : float
        Centre.
    stars_per_frame : float
        Stars on one frame, of all brightnesses within ``r_range``.
    margin_deg : float
        How far the sky reaches beyond the corners of the frame (pointing errors need it).
    kind
        Fields of `Field`; by default the brightest star just saturates in 60 s.
    """
    kind.setdefault("r_range", default_r_range(camera))
    field = Field(stars_per_deg2=stars_per_frame / camera.area_deg2, **kind)
    return Sky.make(seed, ra_deg, dec_deg, camera.half_diagonal_deg + margin_deg, field)


def default_r_range(camera: Camera) -> tuple[float, float]:
    """From saturation in one minute to its detection limit, or to what the catalogs hold."""
    pixel_arcsec2 = camera.scale_arcsec[0] * camera.scale_arcsec[1]
    seeing_arcsec = max(2.0, 1.5 * camera.scale_arcsec[0])
    brightest_e = camera.saturation_adu * camera.gain * 1.6 * seeing_arcsec**2 / pixel_arcsec2
    bright = camera.zeropoint_e - 2.5 * np.log10(brightest_e / 60)
    sky_e = 60 * 10 ** (0.4 * (camera.zeropoint_e - 20.5)) * 7 * seeing_arcsec**2
    faint = camera.zeropoint_e - 2.5 * np.log10(5 * np.sqrt(sky_e) / 60)
    return float(bright), float(max(min(faint, _FAINTEST), bright + 4))


def night(
    camera: Camera,
    ra_deg: float,
    dec_deg: float,
    *,
    count: int,
    start_jd: float,
    seed: int = 0,
    exptime_s: float = 60.0,
    readout_s: float = 20.0,
    seeing_arcsec: tuple[float, float] = (1.6, 2.2),
    cloud_mag: float = 0.0,
    dither_arcsec: float = 10.0,
    pointing_error_arcsec: float = 30.0,
    airmass: tuple[float, float] = (1.1, 1.4),
    follow: tuple[float, float] = (0.0, 0.0),
    **every: Any,
) -> list[Exposure]:
    """Plan of a series of exposures.

    Parameters
    ----------
    camera : Camera
        The camera.
    ra_deg, dec_deg : float
        Field centre in the middle of the series.
    count : int
        Number of exposures.
    start_jd : float
        Start of the first exposure (JD, UTC).
    seed : int
        Seed of seeing, clouds, dithers and pointing errors.
    exptime_s, readout_s : float
        Exposure time and pause between exposures.
    seeing_arcsec : tuple of float
        Range of the seeing, drawn per frame (never below 1.2 pixels).
    cloud_mag : float
        Largest extinction by cloud; drawn per frame between 0 and this.
    dither_arcsec, pointing_error_arcsec : float
        Rms of the true centre and of the header's error, per axis.
    airmass : tuple of float
        Airmass of the first and the last frame.
    follow : tuple of float
        Motion of the field centre from frame to frame (east, north; arcsec/min): a series that
        follows a target. For trailed stars set ``tracking_arcsec_min``, too.
    every
        Any other field of `Exposure`, the same for all.
    """
    rng = np.random.default_rng([seed, 77])
    cadence_d = (exptime_s + readout_s) / SECONDS_PER_DAY
    smallest_arcsec = 1.2 * max(camera.scale_arcsec)
    exposures = []
    for number in range(count):
        midtime_jd = start_jd + number * cadence_d + exptime_s / 2 / SECONDS_PER_DAY
        minutes = (number - (count - 1) / 2) * cadence_d * 1440
        east, north = rng.normal(0, dither_arcsec, 2) + np.multiply(follow, minutes)
        centre = sphere.shifted(ra_deg, dec_deg, east, north)
        progress = number / max(1, count - 1)
        exposure = Exposure(
            midtime_jd=midtime_jd,
            ra_deg=float(centre[0]),
            dec_deg=float(centre[1]),
            exptime_s=exptime_s,
            airmass=airmass[0] + (airmass[1] - airmass[0]) * progress,
            seeing_arcsec=max(smallest_arcsec, float(rng.uniform(*seeing_arcsec))),
            cloud_mag=float(rng.uniform(0, cloud_mag)) if cloud_mag else 0.0,
            pointing_error_arcsec=tuple(rng.normal(0, pointing_error_arcsec, 2).tolist()),
        )
        exposures.append(replace(exposure, **every))
    return exposures


def observe(
    sky: Sky,
    camera: Camera,
    exposures: Sequence[Exposure],
    directory: Path,
    *,
    prefix: str = "mscience",
    seed: int = 0,
    integers: bool = True,
) -> list[Path]:
    """Render exposures into a directory, with the truth beside them.

    Returns
    -------
    list of Path
        ``<prefix>0001.fits`` and so on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, exposure in enumerate(exposures, start=1):
        path = directory / f"{prefix}{number:04d}.fits"
        whole = integers and not exposure.nan_patches
        render(sky, camera, exposure, seed=seed * 10007 + number).write(path, integers=whole)
        paths.append(path)
    return paths
