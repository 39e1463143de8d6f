"""Where the observatories are: the table ``setup/observatories.txt``."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from photpipe.ground import paths
from photpipe.ground.errors import ConfigError

TABLE = "observatories.txt"
EARTH_FLATTENING = 1 / 298.257


@dataclass(frozen=True, slots=True)
class Site:
    """A place on Earth.

    Parameters
    ----------
    latitude_deg, longitude_deg : float
        Geodetic latitude (height neglected: good to 0.01°) and longitude, counted east.
    name : str
        Name in the list of the Minor Planet Center.
    """

    latitude_deg: float
    longitude_deg: float
    name: str


def site(code: str) -> Site | None:
    """Place of an MPC code; None if the table does not have it.

    Raises
    ------
    ConfigError
        If the table cannot be read.
    """
    return _sites(paths.setup_file(TABLE)).get(code)


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
            latitude = math.atan2(float(rho_sin), float(rho_cos) * (1 - EARTH_FLATTENING) ** 2)
            sites[code] = Site(math.degrees(latitude), float(longitude), name)
        except ValueError:
            wanted = "code, longitude, rho cos phi', rho sin phi', name"
            raise ConfigError(f"{table}, line {number}: not of the form {wanted}") from None
    return sites
