"""Positions of one moving object: as Horizons gives them, as they are kept, as they are used."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.ground import sky
from photpipe.ground.sky import FloatArray
from photpipe.services.web import Unusable

if TYPE_CHECKING:
    from astropy.table import Table

DECIMALS = 7  # of the epochs, as they travel

_EPOCH_TOLERANCE_D = 1.5e-7  # 0.013 s: what rounding of dates, asked and answered, leaves
_WIDEST_GAP_D = 1.5 / 24.0  # between two kept positions, for those in between to be computed
_MINUTES_PER_HOUR = 60.0
_MINUTES_PER_DAY = 1440.0
# our column, and the columns of astroquery from which it comes: the first that there is
COLUMNS: dict[str, tuple[str, ...]] = {
    "jd": ("datetime_jd",),
    "ra_deg": ("RA",),
    "dec_deg": ("DEC",),
    "ra_rate_arcsec_min": ("RA_rate",),
    "dec_rate_arcsec_min": ("DEC_rate",),
    "mag": ("V", "Tmag", "Nmag"),
    "sigma3_ra_arcsec": ("RA_3sigma",),
    "sigma3_dec_arcsec": ("DEC_3sigma",),
    "r_au": ("r",),
    "delta_au": ("delta",),
    "phase_deg": ("alpha",),
}
_PER_HOUR = frozenset({"ra_rate_arcsec_min", "dec_rate_arcsec_min"})
_INDISPENSABLE = ("jd", "ra_deg", "dec_deg")


@dataclass(frozen=True, slots=True, eq=False)
class Ephemeris:
    """Positions of one object as seen by one observatory; arrays of shape (n,), NaN if unknown.

    Parameters
    ----------
    target : str
        Name as it was requested.
    name : str
        Name as Horizons writes it, e.g. ``3552 Don Quixote (1983 SA)``.
    observatory : str
        MPC code.
    jd : array
        Epochs (UTC).
    ra_deg, dec_deg : array
        Astrometric position (ICRF).
    ra_rate_arcsec_min, dec_rate_arcsec_min : array
        Motion on the sky, the cosine of the declination included.
    mag : array
        Predicted V magnitude; for comets the total magnitude.
    sigma3_arcsec : array
        Three-sigma uncertainty of the position.
    r_au, delta_au, phase_deg : array
        Distances from Sun and observer, and phase angle.
    """

    target: str
    name: str
    observatory: str
    jd: FloatArray
    ra_deg: FloatArray
    dec_deg: FloatArray
    ra_rate_arcsec_min: FloatArray
    dec_rate_arcsec_min: FloatArray
    mag: FloatArray
    sigma3_arcsec: FloatArray
    r_au: FloatArray
    delta_au: FloatArray
    phase_deg: FloatArray

    def __len__(self) -> int:
        return len(self.jd)


def translated(answer: Any) -> "Table":
    """Answer of Horizons in our columns and units."""
    from astropy.table import Table

    table = Table()
    for name, theirs in COLUMNS.items():
        source = next((each for each in theirs if each in answer.colnames), None)
        if source is None:
            if name in _INDISPENSABLE:
                raise Unusable(f"no column {theirs[0]}")
            table[name] = np.full(len(answer), np.nan)
            continue
        try:
            values = np.ma.filled(np.ma.asarray(answer[source]).astype(float), np.nan)
        except (ValueError, TypeError) as error:
            raise Unusable(f"column {source} holds no numbers") from error
        table[name] = values / _MINUTES_PER_HOUR if name in _PER_HOUR else values
    if len(table) == 0 or not all(np.isfinite(table[name]).all() for name in _INDISPENSABLE):
        raise Unusable("no positions")
    if "targetname" not in answer.colnames:
        raise Unusable("no column targetname")
    table.meta = {"name": str(answer["targetname"][0])}
    return table


def rows_at(jd: FloatArray, times: FloatArray) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Row of `jd` for each of `times`, -1 where there is none."""
    if len(jd) == 0:
        return np.full(len(times), -1)
    order = np.argsort(jd)
    right = np.clip(np.searchsorted(jd, times, sorter=order), 0, len(jd) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(jd[order[left]] - times) < np.abs(jd[order[right]] - times)
    best = order[np.where(nearer_left, left, right)]
    return np.where(np.abs(jd[best] - times) <= _EPOCH_TOLERANCE_D, best, -1)


def interpolated(table: "Table", times: FloatArray) -> "Table | None":
    """Positions between kept ones, which must lie close around each time; None if they do not.

    Cubic Hermite interpolation of the direction by positions and rates: with 10 minutes between
    the kept positions the error is below a milliarcsecond for all but the closest objects.
    """
    from astropy.table import Table
    from scipy.interpolate import CubicHermiteSpline

    kept = table.copy()
    kept.sort("jd")
    jd, first = np.unique(np.asarray(kept["jd"], float), return_index=True)
    kept = kept[first]
    if len(jd) < 2 or (times < jd[0]).any() or (times > jd[-1]).any():
        return None
    right = np.searchsorted(jd[1:-1], times) + 1
    if (jd[right] - jd[right - 1] > _WIDEST_GAP_D).any():
        return None
    value = {name: np.asarray(kept[name], float) for name in COLUMNS}
    east, north = sky.local_axes(value["ra_deg"], value["dec_deg"])
    per_day = np.radians(_MINUTES_PER_DAY / sky.ARCSEC_PER_DEG)
    motion = (
        east * value["ra_rate_arcsec_min"][:, None] + north * value["dec_rate_arcsec_min"][:, None]
    )
    direction = sky.unit_vectors(value["ra_deg"], value["dec_deg"])
    result = Table({name: np.interp(times, jd, value[name]) for name in COLUMNS})
    path = CubicHermiteSpline(jd - jd[0], direction, motion * per_day)
    result["ra_deg"], result["dec_deg"] = sky.radec(path(times - jd[0]))
    result["jd"] = times
    result.meta = dict(table.meta)
    return result
