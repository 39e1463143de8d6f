"""Functions of the original's ``toolbox``."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.ground import sky
from photpipe.ground.timescale import iso, julian_year, parse_datetime

if TYPE_CHECKING:
    from astropy.io.fits import Header


def get_binning(header: "Header", obsparam: Mapping[str, Any]) -> tuple[int, int]:
    """Binning in x and y of a frame; 1, 1 if its header tells none.

    Parameters
    ----------
    header : Header
        Header of the frame.
    obsparam : mapping
        Dictionary of the telescope, as in ``_pp_conf.telescope_parameters``.
    """
    from photpipe.instruments.telescope import Telescope

    binning = Telescope.from_parameters(obsparam).binning.from_header(header, "the frame")
    return binning or (1, 1)


def skycenter(
    catalogs: Iterable[Any], ra_key: str = "ra_deg", dec_key: str = "dec_deg"
) -> tuple[float, float, float]:
    """RA and Dec (degrees) of the middle of all sources of catalogs, and the radius (degrees).

    Parameters
    ----------
    catalogs : iterable
        Anything that gives a column by its name: ours, astropy Tables, dictionaries of arrays.
    ra_key, dec_key : str
        Columns of the positions, degrees.
    """
    tables = list(catalogs)
    ra, dec = (
        np.concatenate([np.asarray(each[key], float) for each in tables])
        for key in (ra_key, dec_key)
    )
    cone = sky.enclosing_cone(ra, dec)
    return cone.ra_deg, cone.dec_deg, cone.radius_deg


def jd_to_gregorian(jd: float) -> str:
    """Date and time (UTC) of a Julian date: ``2017-02-02 10:57:30``, rounded to a second."""
    return iso(jd, 0).replace("T", " ")


def dateobs_to_jd(date: str) -> float:
    """Julian date of a date and time in any form that headers have."""
    return parse_datetime(date)


def jd_to_fractionalyear(jd: float) -> float:
    """Julian year, such as 2017.088, of a Julian date."""
    return julian_year(jd)
