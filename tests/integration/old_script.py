"""What a user of the original has in a drawer: reads a finished directory, knows nothing of ours.

Only sqlite3, numpy and FITS headers; names of columns and cards as the original wrote them.
"""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

CARDS = (
    *("MIDTIMJD", "SECPIX", "TEL_KEYW", "TELINSTR", "EPOCH", "EQUINOX", "RADECSYS", "RADESYS"),
    *("PHOTFLAG", "PHOT_K", "REGCAT", "ASTRRMS1", "ASTRRMS2", "ASTIRMS1", "ASTIRMS2"),
    *("MAGZEROP", "PHOTIRMS", "APRAD", "FILTER", "EXPTIME", "AIRMASS", "OBJECT"),
)


def photometry(path: Path) -> list[tuple[str, float, float, float]]:
    """File name, Julian date, magnitude and its error of each point."""
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    return [(row[0], float(row[1]), float(row[2]), float(row[3])) for row in rows]


def cards(path: Path) -> dict[str, Any]:
    """The cards of a finished frame."""
    header = fits.getheader(path)
    return {key: header[key] for key in CARDS}


def database(path: Path, band: str) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Facts of a frame; position, calibrated and instrumental magnitude of its sources."""
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT name, origin, description, magsys, obstime, exptime, obj, filtername "
            "FROM header"
        )
        facts = dict(zip([each[0] for each in found.description], found.fetchone(), strict=True))
        rows = connection.execute(
            f"SELECT ident, ra_deg, dec_deg, _{band}mag, _e_{band}mag, MAG_APER, MAGERR_APER, "
            "FLUX_GROWTH, FLUX_GROWTHSTEP, FLAGS, rp1mag, e_rp1mag FROM data ORDER BY ident"
        ).fetchall()
    connection.close()
    return facts, np.array(rows, float)


def calibrators(path: Path) -> int:
    """How many stars the list of calibration stars has."""
    return sum(not line.startswith("#") for line in path.read_text().splitlines())


def best_frames(directory: Path) -> list[str]:
    """Frames, the best registered first."""
    lines = (directory / "best_astrometry.dat").read_text().splitlines()
    return [line.split()[0] for line in lines if not line.startswith("#")]
