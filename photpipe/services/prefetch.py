"""Filling the cache for a night, from a list of fields and targets."""

import logging
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photpipe.ground import sky
from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.ground.sky import Cone, FloatArray
from photpipe.ground.timescale import parse_date, parse_datetime
from photpipe.run.settings import Settings
from photpipe.services import horizons, reference

log = logging.getLogger(__name__)

LARGEST_RADIUS_DEG = 6.0  # by judgement: larger cones take minutes to download
LONGEST_RANGE_D = 31.0  # a month of nights
EPHEMERIS_STEP_D = 10.0 / 1440.0  # close enough for any time in between to be interpolated
DEFAULT_CATALOGS = ("GAIA", "PANSTARRS", "SkyMapper-DR4", "APASS9")

_SEPARATED = re.compile(r"\d[: ]+\d")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:T[\d:.]+)?")


@dataclass(frozen=True, slots=True)
class Field:
    """A patch of sky by name."""

    name: str
    cone: Cone


@dataclass(frozen=True, slots=True)
class MovingTarget:
    """A moving object during a range of dates (JD), and the field of view around it."""

    name: str
    start_jd: float
    end_jd: float
    radius_deg: float


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one catalog of one field; `problem` is empty if it is in the cache."""

    field: str
    catalog: str
    stars: int = 0
    problem: str = ""


def read_list(path: Path, radius_deg: float) -> list[Field | MovingTarget]:
    """Read a list, one field or target a line.

    Lines are ``NAME RA DEC [RADIUS]`` (degrees, or sexagesimal with colons) or
    ``TARGET FROM TO [RADIUS]`` (dates such as 2017-02-01, or 2017-02-01T20:00). Names that hold
    blanks stand in quotes; what follows a ``#`` is a remark.

    Parameters
    ----------
    radius_deg : float
        Where a line gives none.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a line is neither: its number and what is wrong.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a list of fields: the file is not text (UTF-8)") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
            if words:
                found.append(_entry(words, radius_deg))
        except ValueError as error:
            raise ConfigError(
                f"{path.name}, line {number}: {error}; a line is NAME RA DEC [RADIUS] in degrees, "
                "or TARGET FROM TO [RADIUS] with dates such as 2017-02-01"
            ) from error
    if not found:
        raise ConfigError(f"{path.name}: the list names no field")
    return found


def _entry(words: list[str], radius_deg: float) -> Field | MovingTarget:
    """Field or target of one line."""
    if len(words) not in {3, 4}:
        raise ValueError(f"{len(words)} words")
    name, first, second = words[:3]
    radius = _checked_radius(numeric(words[3]) if len(words) == 4 else radius_deg)
    if _DATE.fullmatch(first):
        start, end = _date(first), _date(second)
        if not start <= end <= start + LONGEST_RANGE_D:
            raise ValueError(f"{first} to {second} is not a range of up to {LONGEST_RANGE_D:g} d")
        return MovingTarget(name, start, max(end, start + EPHEMERIS_STEP_D), radius)
    return Field(name, cone_of(first, second, radius))


def cone_of(ra: str, dec: str, radius_deg: float) -> Cone:
    """Cone around a position as people type it.

    Raises
    ------
    ValueError
        If that is not a position, or no radius.
    """
    ra_deg = 15.0 * sky.parse_sexagesimal(ra) if _SEPARATED.search(ra) else numeric(ra)
    dec_deg = sky.parse_sexagesimal(dec) if _SEPARATED.search(dec) else numeric(dec)
    if not (-360.0 <= ra_deg <= 360.0 and -90.0 <= dec_deg <= 90.0):
        raise ValueError(f"{ra} {dec} is not a position")
    return Cone(ra_deg % 360.0, dec_deg, _checked_radius(radius_deg))


def numeric(text: str) -> float:
    """Number of a text.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _checked_radius(radius_deg: float) -> float:
    if not 0 < radius_deg <= LARGEST_RADIUS_DEG:
        limit = f"{LARGEST_RADIUS_DEG:g} deg"
        raise ValueError(f"a radius of {radius_deg:g} is not between 0 and {limit}")
    return radius_deg


def _date(text: str) -> float:
    return parse_datetime(text) if "T" in text else parse_date(text)


def prefetch(
    entries: Sequence[Field | MovingTarget],
    catalogs: Sequence[str],
    observatory_code: str,
    settings: Settings,
    max_mag: float | None = None,
) -> Iterator[Fetched]:
    """Put catalogs and ephemerides into the cache, one outcome after the other.

    One that fails does not stop the others.
    """
    for entry in entries:
        try:
            fields = _fields(entry, observatory_code, settings)
        except PhotPipeError as error:
            problem = str(error).removeprefix(f"{horizons.SERVICE}: ")
            yield Fetched(entry.name, horizons.SERVICE, problem=problem)
            continue
        for field in fields:
            for catalog in catalogs:
                try:
                    table = reference.fetch_catalog(catalog, field.cone, settings, max_mag=max_mag)
                    yield Fetched(field.name, catalog, len(table))
                except PhotPipeError as error:
                    yield Fetched(field.name, catalog, problem=str(error))


def _fields(entry: Field | MovingTarget, observatory_code: str, settings: Settings) -> list[Field]:
    """The field itself, or the fields along the path of a target."""
    if isinstance(entry, Field):
        return [entry]
    count = int(np.ceil((entry.end_jd - entry.start_jd) / EPHEMERIS_STEP_D)) + 1
    times = np.array([entry.start_jd + step * EPHEMERIS_STEP_D for step in range(count)])
    path = horizons.positions(entry.name, times, observatory_code, settings)
    log.info("%s: %d positions in the cache", path.name, len(path))
    cones = _cones_along(path.ra_deg, path.dec_deg, entry.radius_deg)
    return [Field(entry.name, cone) for cone in cones]


def _cones_along(ra_deg: FloatArray, dec_deg: FloatArray, radius_deg: float) -> list[Cone]:
    """Cones that hold every field of view along a path, each at most twice as wide as one."""
    cones, start = [], 0
    while start < len(ra_deg):
        away = sky.separation_deg(ra_deg[start], dec_deg[start], ra_deg[start:], dec_deg[start:])
        beyond = np.flatnonzero(away > 2 * radius_deg)
        end = start + (int(beyond[0]) if beyond.size else len(away))
        cones.append(sky.enclosing_cone(ra_deg[start:end], dec_deg[start:end], radius_deg))
        start = end
    return cones
