"""Calibrated frames that exist in memory alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS

from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.frame_facts import FrameFacts
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.instruments import telescopes
from photpipe.instruments.frames import Frame
from simsky.wcs import wcs_header

CENTRE = (0.003, 40.0)
SCALE_ARCSEC = 0.4
SHAPE = (300, 320)
START_JD = 2457786.9
MINUTE_D = 1.0 / 1440.0


def wcs() -> WCS:
    """Plane WCS with north up and east left, RA 0h inside."""
    scale = SCALE_ARCSEC / 3600.0
    return WCS(wcs_header(SHAPE, CENTRE, np.array([[-scale, 0.0], [0.0, scale]]), 0.0))


def calibrated_frame(
    sources: Sequence[dict[str, float]] = (),
    number: int = 0,
    directory: Path = Path(),
    **facts: Any,
) -> MeasuredFrame:
    """Frame `number` of a series, one minute after the one before.

    Parameters
    ----------
    sources : sequence of dict
        Sources with x, y (FITS pixels), mag and, if they differ from the common ones, columns.
    directory : Path
        Where its pixels would be.
    facts
        Facts instead of the common ones.
    """
    world = wcs()
    rows = []
    for source in sources:
        ra, dec = world.all_pix2world(source["x"], source["y"], 1)
        flux = 10 ** (-0.4 * (source["mag"] - 25.0))
        rows.append(
            {
                "XWIN_IMAGE": source["x"],
                "YWIN_IMAGE": source["y"],
                "ra_deg": float(ra),
                "dec_deg": float(dec),
                "MAG_APER": source["mag"] - 25.0,
                "MAGERR_APER": 10.0 / flux,
                "FLUX_APER": flux,
                "FLUXERR_APER": 10.0,
                "FLUX_MAX": 0.05 * flux,
                "BACKGROUND": 100.0,
                "FLAGS": 0,
                "A_IMAGE": 2.0,
                "B_IMAGE": 2.0,
                "THETA_IMAGE": 0.0,
                "FWHM_IMAGE": 5.0,
                "ERRAWIN_IMAGE": 0.05,
                "ERRBWIN_IMAGE": 0.05,
                "_Rmag": source["mag"],
                "_e_Rmag": 0.01,
                **{key: value for key, value in source.items() if key not in ("x", "y", "mag")},
            }
        )
    names = list(rows[0]) if rows else ["XWIN_IMAGE", "YWIN_IMAGE", "ra_deg", "dec_deg", "MAG_APER"]
    names += (
        [] if rows else ["FLUX_APER", "FLUXERR_APER", "FLUX_MAX", "BACKGROUND", "FLAGS", "_Rmag"]
    )
    table = Table(rows) if rows else Table({name: np.zeros(0) for name in names})
    every: dict[str, Any] = {
        "midtime_jd": START_JD + number * MINUTE_D,
        "zeropoint_mag": 25.0,
        "aperture_radius_px": 5.0,
        "pixel_scale_arcsec": SCALE_ARCSEC,
        "seeing_arcsec": 2.0,
        "sky_noise_adu": 10.0,
        "exptime_s": 60.0,
        "single_exptime_s": 60.0,
        "band": "R",
        "catalog": "PANSTARRS",
        "astrometric_catalog": "GAIA",
        "observatory_code": "290",
        "object": "3552",
    }
    header = world.to_header()
    header["NAXIS1"], header["NAXIS2"] = SHAPE[1], SHAPE[0]
    header["SATURATE"] = 60000.0
    frame = Frame(directory / f"frame{number}.fits", header, telescopes.by_keyword("VATT4K"))
    columns = SourceColumns({name: np.asarray(table[name]) for name in table.colnames})
    return MeasuredFrame(frame, world, FrameFacts(**every | facts), columns, 0.5)


def sky_of(x: float, y: float) -> tuple[float, float]:
    """RA and Dec of a pixel."""
    ra, dec = wcs().all_pix2world(x, y, 1)
    return float(ra), float(dec)
