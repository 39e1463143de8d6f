"""What scripts for the original look for in ``<stem>.ldac.db``, beside our own columns.

SQLite does not tell ``_Rmag`` from ``_rmag``: the original called B V R I ``_RJohnsonmag``.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.catalogs.database import magnitude_columns

if TYPE_CHECKING:
    from photpipe.calibrate.frame_calibration import CalibratedSources, ReferenceStars
    from photpipe.catalogs.database import Scalar

JOHNSON = ("B", "V", "R", "I")
Columns = dict[str, NDArray[np.generic]]


def facts(each: "CalibratedSources") -> "dict[str, Scalar]":
    """Columns of the table ``header``."""
    frame, calibrated = each.sources.frame, each.calibrated
    what = f"calibrated with {calibrated.catalog}" if calibrated.is_calibrated else "instrumental"
    return {
        "name": frame.ldac_path.name,
        "origin": f"{frame.telescope.keyword};{frame.name}",
        "description": f"sources of {frame.name}, {what}",
        "magsys": calibrated.magnitude_system or "instrumental",
        "obstime": frame.midtime_jd,
        "exptime": frame.exptime_s,
        "obj": frame.object_name,
        "filtername": calibrated.band or frame.filter_name,
    }


def columns(
    band: str, magnitudes: tuple[NDArray[np.float64], NDArray[np.float64]] | None
) -> Columns:
    """Calibrated magnitudes and errors of a band that has another name there."""
    if magnitudes is None or band not in JOHNSON:
        return {}
    return dict(zip(magnitude_columns(f"{band}Johnson"), magnitudes, strict=True))


def catalog_columns(count: int, reference: "ReferenceStars | None") -> Columns:
    """What the catalog has of each source: a magnitude and its error in each of its bands."""
    result: Columns = {}
    if reference is None:
        return result
    for band in reference.stars.bands:
        for name in (f"{band}mag", f"e_{band}mag"):
            values = np.full(count, np.nan)
            values[reference.source] = reference.stars.column(name)[reference.star]
            result[name] = values
    return result
