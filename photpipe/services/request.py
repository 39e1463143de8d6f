"""What is asked of a service, in a form that the cache understands."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.ground.files import slug
from photpipe.ground.sky import Cone, FloatArray
from photpipe.services.cachefile import ABOUT

if TYPE_CHECKING:
    from astropy.table import Table

UNLIMITED = math.inf

_CONE_IN_NAME = re.compile(
    r"_(?P<ra>\d+\.\d{5})(?P<dec>[+-]\d+\.\d{5})_r(?P<radius>\d+\.\d{4})(?:_m(?P<mag>-?\d+\.\d\d))?"
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a service, and how its answer can serve other requests.

    Parameters
    ----------
    service : str
        Name of the service for messages, e.g. ``VizieR``.
    name : str
        What is asked for, in the user's words, e.g. ``PANSTARRS``.
    details : mapping
        All else that decides the answer (texts and numbers), the cone and depth left out.
    cone : Cone, optional
        Patch of sky that is wanted; `asked_cone` is what the service is asked for.
    max_mag : float, optional
        Faintest magnitude; none means all.
    position_columns, mag_column
        Columns of the answer by which a larger or deeper answer is cut down to this request.
    row_limit : int, optional
        Largest number of rows wanted, brightest first; `asked_rows` is what the service is
        asked for.
    max_age_days : float
        Age from which an answer is asked for again.
    """

    service: str
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)
    cone: Cone | None = None
    max_mag: float | None = None
    position_columns: tuple[str, str] = ("ra_deg", "dec_deg")
    mag_column: str = ""
    row_limit: int | None = None
    max_age_days: float = UNLIMITED

    def __str__(self) -> str:
        depth = "" if self.max_mag is None else f" to mag {self.max_mag:g}"
        return f"{self.name}{'' if self.cone is None else f' {self.cone}'}{depth}"

    @property
    def asked_cone(self) -> Cone | None:
        """A cone a little larger (5 %, and up to a round 0.01 deg) that serves its neighbours."""
        if self.cone is None:
            return None
        ra_deg = round(self.cone.ra_deg % 360.0, 5) % 360.0
        radius_deg = math.ceil(self.cone.radius_deg * 105 + 0.01) / 100
        return Cone(ra_deg, round(self.cone.dec_deg, 5), min(radius_deg, 180.0))

    @property
    def asked_rows(self) -> int | None:
        """Row limit of `asked_cone`: as many stars per area as are wanted."""
        if self.row_limit is None or self.cone is None or self.asked_cone is None:
            return self.row_limit
        ratio = self.asked_cone.radius_deg / max(self.cone.radius_deg, 1e-6)
        return math.ceil(self.row_limit * min(ratio, 2.0) ** 2)

    @property
    def folder(self) -> str:
        """Name of the folder of the service inside the cache."""
        return slug(self.service.lower())

    @property
    def stem(self) -> str:
        """Start of the file names of all answers that differ in cone and depth alone."""
        key = json.dumps(dict(self.details), sort_keys=True)
        return f"{slug(self.name)}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"

    @property
    def file_name(self) -> str:
        """Name of the file of the answer to exactly this request."""
        where = depth = ""
        c = self.asked_cone
        if c is not None:
            where = f"_{c.ra_deg:.5f}{c.dec_deg:+.5f}_r{c.radius_deg:.4f}"
            depth = "" if self.max_mag is None else f"_m{self.max_mag:.2f}"
        return f"{self.stem}{where}{depth}.ecsv"

    def offer_of(self, file_name: str) -> tuple[Cone, float | None] | None:
        """Cone and depth that a file holds by its name, if they include this request."""
        named = _CONE_IN_NAME.match(file_name, len(self.stem))
        if self.cone is None or named is None or not file_name.startswith(self.stem):
            return None
        cone = Cone(float(named["ra"]), float(named["dec"]), float(named["radius"]))
        depth = float(named["mag"]) if named["mag"] else None
        deep = depth is None or (self.max_mag is not None and depth >= self.max_mag)
        return (cone, depth) if deep and cone.covers(self.cone) else None

    def trim(self, table: "Table", depth: float | None) -> "Table":
        """Rows of an answer of some depth that were asked for: brightest first, up to the limit."""
        if self.cone is None or len(table) == 0:
            return table
        ra, dec = (_numbers(table, name) for name in self.position_columns)
        keep = self.cone.contains(ra, dec)
        if not self.mag_column or self.mag_column not in table.colnames:
            return table[keep]
        mag = _numbers(table, self.mag_column)
        if self.max_mag is not None and depth != self.max_mag:
            keep &= mag < self.max_mag
        rows = np.flatnonzero(keep)
        rows = rows[np.argsort(mag[rows], kind="stable")]
        found = table[rows[: self.row_limit]]
        if self.row_limit is not None and len(rows) > self.row_limit:
            found.meta[ABOUT] = {**table.meta[ABOUT], "truncated": True}
        return found

    def is_complete(self, table: "Table", found: "Table") -> bool:
        """Whether all that is wanted is in a table of which the service sent the brightest rows."""
        if not self.mag_column:
            return False
        if self.row_limit is not None and len(found) >= self.row_limit:
            return True
        faintest = float(np.nanmax(_numbers(table, self.mag_column)))
        return self.max_mag is not None and self.max_mag <= faintest


def _numbers(table: "Table", column: str) -> FloatArray:
    """Column as plain numbers, NaN for blank."""
    return np.asarray(np.ma.filled(np.ma.asarray(table[column], float), np.nan))
