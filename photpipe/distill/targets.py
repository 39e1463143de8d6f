"""What is to be measured: targets with a predicted position on each frame.

Two kinds of files name targets. A positions file has a row per frame: file name, RA, Dec,
mid-time (JD) and, if wanted, the name of the target. A file of fixed targets has a row per
target: name, RA, Dec. Columns are separated by blanks or commas; a line with the names of the
columns may stand on top and then decides on their order; ``#`` begins a comment. RA and Dec
are degrees, or hours and degrees when written with colons. A Julian date is told by its size,
wherever it stands: titles that name another order than the rows have are common.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from photpipe.ground import sky
from photpipe.ground.errors import ConfigError
from photpipe.ground.sky import FloatArray, parse_sexagesimal
from photpipe.ground.timescale import MINUTES_PER_DAY

MOVING, FIXED, POSITIONS, MARKED_STAR, ASTEROID, VARIABLE, CONTROL = (
    "moving",
    "fixed",
    "positions",
    "marked star",
    "asteroid",
    "variable",
    "control",
)


# by judgement, a way that is an asteroid's: longer than a registration drifts during a night, and
# so many times what positions scatter about it, where clicks on a star reach five; of more points
# than a line needs
STEADY_ARCSEC, STEADY_SCATTERS, STEADY_POINTS = 0.3, 10.0, 4
_JULIAN_DATES = (2.0e6, 3.0e6)  # what a column of Julian dates holds: the years 763 to 3501
_TITLES = {
    "frame": ("frame", "filename", "file", "image", "name"),
    "target": ("target", "object", "name", "ident"),
    "ra": ("ra", "ra_deg", "ra(deg)", "raj2000", "source_ra"),
    "dec": ("dec", "dec_deg", "dec(deg)", "de", "dej2000", "source_dec"),
    "jd": ("jd", "midtime_jd", "midtime", "julian_date", "midtime(jd)"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A target and where it should be; arrays of shape (frames,), NaN where it is not known.

    Parameters
    ----------
    name, kind : str
        Name, and one of the kinds of this module.
    ra_deg, dec_deg : array
        Predicted position on each frame (ICRS).
    sigma3_arcsec : array
        Three-sigma uncertainty of the prediction.
    predicted_mag : float
        Magnitude expected, if known.
    rate_arcsec_min : array, shape (2, frames)
        Motion east and north on the sky.
    distance_au : float
        Distance from the observer, if known.
    geometry : array, shape (3, frames)
        Distances from the Sun and from the observer (AU) and phase angle (deg); or empty.
    is_comet : bool
        Whether it is named as a comet; its magnitude is then that of a coma.
    """

    name: str
    kind: str
    ra_deg: FloatArray
    dec_deg: FloatArray
    sigma3_arcsec: FloatArray
    predicted_mag: float = math.nan
    rate_arcsec_min: FloatArray = field(default_factory=lambda: np.zeros((2, 0)))
    distance_au: float = math.nan
    geometry: FloatArray = field(default_factory=lambda: np.zeros((3, 0)))
    is_comet: bool = False

    def __post_init__(self) -> None:
        """Stand still where no motion is given."""
        if not self.rate_arcsec_min.size:
            object.__setattr__(self, "rate_arcsec_min", np.zeros((2, len(self.ra_deg))))

    def geometry_of(self, number: int) -> tuple[float, float, float]:
        """Distances from Sun and observer (AU) and phase angle (deg) on a frame; NaN if unknown."""
        if not self.geometry.size:
            return math.nan, math.nan, math.nan
        r_au, delta_au, phase_deg = (float(each) for each in self.geometry[:, number])
        return r_au, delta_au, phase_deg

    @property
    def moves(self) -> bool:
        """Whether it has a position of its own on each frame."""
        return self.kind in {MOVING, POSITIONS, ASTEROID}

    def moved(self, east_arcsec: FloatArray | float, north_arcsec: FloatArray | float) -> "Target":
        """The target with offsets added to its predictions."""
        ra, dec = sky.shifted(self.ra_deg, self.dec_deg, east_arcsec, north_arcsec)
        return replace(self, ra_deg=ra, dec_deg=dec)


def with_rates(target: Target, midtime_jd: FloatArray) -> Target:
    """Target with the rates of motion that its positions tell.

    Parameters
    ----------
    midtime_jd : array, shape (frames,)
        Times of the positions, ascending.
    """
    known = np.flatnonzero(np.isfinite(target.ra_deg) & np.isfinite(target.dec_deg))
    known = known[np.diff(midtime_jd[known], prepend=-np.inf) > 0]
    if known.size < 2:
        return target
    middle = known[known.size // 2]
    east, north = sky.offsets_arcsec(
        target.ra_deg[middle], target.dec_deg[middle], target.ra_deg[known], target.dec_deg[known]
    )
    minutes = (midtime_jd[known] - midtime_jd[middle]) * MINUTES_PER_DAY
    rate = np.zeros((2, len(midtime_jd)))
    for row, values in zip(rate, (east, north), strict=True):
        row[known] = np.gradient(values, minutes)
    return replace(target, rate_arcsec_min=rate)


def at_rest(
    target: Target, midtime_jd: FloatArray, limit_arcsec: float, *, registered: bool = False
) -> Target:
    """The target as a star marked by hand if its positions stand still.

    A moving target is never a star of the field; the star itself would be taken for its own
    contamination. A slow asteroid taken for a star, on the other hand, would keep the light of
    stars beside it unmarked: a short way that is far steadier than clicks on a star is a motion.

    Parameters
    ----------
    midtime_jd : array, shape (frames,)
        Times of the positions, ascending.
    limit_arcsec : float
        By so much clicks on a star may differ; what moves by less is taken for a star, unless it
        moves steadily.
    registered : bool
        Whether the frames are: before that, stars drift as steadily as the telescope does.
    """
    known = np.flatnonzero(np.isfinite(target.ra_deg) & np.isfinite(target.dec_deg))
    if known.size < 2:
        return target
    ra, dec = target.ra_deg[known], target.dec_deg[known]
    offsets = np.array(sky.offsets_arcsec(*sky.median_position(ra, dec), ra, dec))
    time = midtime_jd[known] - midtime_jd[known].mean()
    span = float(np.ptp(time))
    slope = (offsets @ time) / (time @ time) if span > 0 else np.zeros(2)
    moved = float(np.hypot(*slope)) * span
    if moved > limit_arcsec or float(np.median(np.hypot(*offsets))) > limit_arcsec:
        return target
    left = offsets - offsets.mean(axis=1, keepdims=True) - slope[:, None] * time
    scatter = float(np.sqrt(np.sum(left**2) / max(2 * known.size - 4, 1)))
    is_steady = moved > max(STEADY_ARCSEC, STEADY_SCATTERS * scatter)
    if registered and known.size >= STEADY_POINTS and is_steady:
        return target
    return replace(target, kind=MARKED_STAR, rate_arcsec_min=np.zeros((2, len(midtime_jd))))


def fixed(
    name: str, ra_deg: float, dec_deg: float, count: int, kind: str = FIXED, mag: float = math.nan
) -> Target:
    """Target that stands still on `count` frames."""
    ones = np.ones(count)
    return Target(name, kind, ra_deg * ones, dec_deg * ones, 0.0 * ones, mag)


def read_fixed_targets(path: Path, count: int) -> list[Target]:
    """Targets of a file of fixed targets.

    Raises
    ------
    ConfigError
        File, line and what is wrong there.
    """
    rows = _rows(path, ("target", "ra", "dec"))
    names = [row["target"] for _, row in rows]
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise ConfigError(f"{path}: the target {double!r} is listed twice; use two names")
    return [
        fixed(row["target"], *_position(row, f"{path}: line {line}"), count) for line, row in rows
    ]


def read_positions(path: Path, frames: Sequence[str], default_name: str) -> list[Target]:
    """Targets of a positions file, on the given frames.

    Rows are assigned by file name, with or without folder and ending; their order does not
    matter, frames without a row have no prediction.

    Parameters
    ----------
    frames : sequence of str
        File names of the frames.
    default_name : str
        Name of the target where the file has none.

    Raises
    ------
    ConfigError
        File, line and what is wrong there; or if no row is of any of the frames.
    """
    index = {_key(name): number for number, name in enumerate(frames)}
    places: dict[str, FloatArray] = {}
    for line, row in _rows(path, ("frame", "ra", "dec", "jd", "target")):
        number = index.get(_key(row["frame"]))
        if number is None:
            continue
        name = row.get("target") or default_name
        here = places.setdefault(name, np.full((2, len(frames)), np.nan))
        if np.isfinite(here[0, number]):
            raise ConfigError(f"{path}: line {line}: a second row for {name!r} on {row['frame']}")
        here[:, number] = _position(row, f"{path}: line {line}")
    if not places:
        message = f"{path}: no row is of any of the {len(frames)} frames; expected are file names"
        raise ConfigError(message)
    zero = np.zeros(len(frames))
    return [Target(name, POSITIONS, ra, dec, zero) for name, (ra, dec) in places.items()]


def _key(name: str) -> str:
    """File name without folder and ending, by which rows and frames find each other."""
    ending = r"\.(fits?|fts|ldac(\.db)?)(\.(gz|fz))?$"
    return re.sub(ending, "", Path(name.strip()).name, flags=re.IGNORECASE)


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Number and columns of the lines that say something."""
    try:
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    rows: list[tuple[int, dict[str, str]]] = []
    order = columns
    for number, line in enumerate(lines, start=1):
        bare = line.partition("#")[0].strip()
        title = _title(line.strip().lstrip("# "), columns)
        if title:
            order = title if not rows else order
        elif bare:
            where = f"{path}: line {number}"
            rows.append((number, _by_size(_columns(bare, order, where), order)))
    if not rows:
        raise ConfigError(f"{path}: the file names no target")
    return rows


def _title(line: str, columns: tuple[str, ...]) -> tuple[str, ...] | None:
    """Order of the columns if the line names them, else None."""
    words = [word.casefold() for word in _words(re.sub(r"[|;]", " ", line))]
    if "," in line:  # "image filename, ra (deg), dec (deg), observations midtime (JD)"
        words = [_plain_title(word) for word in words]
    found: list[str] = []
    for word in words:
        fits = [c for c in columns if word in _TITLES[c] and c not in found]
        if not fits:
            return None
        found.append(fits[0])
    return tuple(found) if {"ra", "dec"} <= set(found) else None


def _plain_title(text: str) -> str:
    """Last word of a title without its unit."""
    return ([*re.sub(r"\(.*?\)", "", text).split()] or [text])[-1]


def _by_size(row: dict[str, str], order: tuple[str, ...]) -> dict[str, str]:
    """The row with its time in its place: what is no angle but a Julian date."""
    if "jd" not in order:
        return row
    dates = [name for name in order if name in row and _is_julian_date(row[name])]
    if len(dates) != 1 or dates == ["jd"]:
        return row
    angles = [row[name] for name in order if name in {"ra", "dec", "jd"} and name not in dates]
    return row | {"jd": row[dates[0]]} | dict(zip(("ra", "dec"), angles, strict=False))


def _is_julian_date(text: str) -> bool:
    try:
        return _JULIAN_DATES[0] < float(text) < _JULIAN_DATES[1]
    except ValueError:
        return False


def _words(line: str) -> list[str]:
    """Columns, separated by commas or, if there are none, by blanks."""
    words = line.split(",") if "," in line else line.split()
    return [word.strip().strip("'\"") for word in words]


def _columns(line: str, order: tuple[str, ...], where: str) -> dict[str, str]:
    """Columns by name; blanks inside the name of a target are understood."""
    words = _words(line)
    needed = [name for name in order if name not in {"jd", "target"} or order[0] == name]
    if len(words) > len(order) and "," not in line and order[0] == "target":
        extra = len(words) - len(order) + 1
        words = [" ".join(words[:extra]), *words[extra:]]
    elif len(words) > len(order) and "," not in line and order[-1] == "target":
        words = [*words[: len(order) - 1], " ".join(words[len(order) - 1 :])]
    if len(words) < len(needed) or len(words) > len(order):
        raise ConfigError(f"{where}: {len(words)} columns; expected are {', '.join(order)}")
    return dict(zip(order, words, strict=False))


def _position(row: Mapping[str, str], where: str) -> tuple[float, float]:
    """RA and Dec in degrees."""
    try:
        ra, dec = parse_sexagesimal(row["ra"]), parse_sexagesimal(row["dec"])
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    if ":" in row["ra"]:
        ra *= 15.0
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise ConfigError(f"{where}: RA {row['ra']}, Dec {row['dec']} is not a position on the sky")
    return ra % 360.0, dec
