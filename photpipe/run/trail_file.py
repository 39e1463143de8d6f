"""``trail_<target>.ecsv``: how bright a target was along its trails, frame by frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.ground import files
from photpipe.ground.errors import ConfigError

MOST_BYTES = 20_000_000  # by judgement: larger files are none of ours


@dataclass(frozen=True, slots=True)
class TrailCurve:
    """Brightness along the trail of one frame.

    Parameters
    ----------
    frame : str
        File name.
    seconds : tuple of float
        Middles of the parts of the trail from the middle of the exposure.
    mag, sig : tuple of float
        Magnitudes fainter than the mean of the trail, and their errors.
    period_s, period_sig : float
        From maximum to maximum, and its error; NaN where there is none.
    series_period_s, series_period_sig : float
        Of the trails of all frames together.
    """

    frame: str
    seconds: tuple[float, ...]
    mag: tuple[float, ...]
    sig: tuple[float, ...]
    period_s: float
    period_sig: float
    series_period_s: float = math.nan
    series_period_sig: float = math.nan


_COLUMNS = {
    "frame": ("", "file name of the frame"),
    "seconds": ("s", "from the middle of the exposure"),
    "mag": ("mag", "fainter than the mean of the trail"),
    "sig": ("mag", "its error; those of neighbours are correlated"),
    "period_s": ("s", "period of the brightness, from maximum to maximum; NaN: none"),
    "period_sig": ("s", "its error"),
    "series_period_s": ("s", "period of the trails of all frames together; NaN: none"),
    "series_period_sig": ("s", "its error"),
}


def file_name(target: str) -> str:
    """Name of the file of a target."""
    return f"trail_{files.slug(target)}.ecsv"


def write(directory: Path, target: str, curves: Sequence[TrailCurve]) -> None:
    """Write the curves of a target; without any, an older file goes."""
    from astropy.table import Column, Table

    from photpipe.ground import ecsv

    path = directory / file_name(target)
    if not curves:
        path.unlink(missing_ok=True)
        return
    values: dict[str, list[float | str]] = {name: [] for name in _COLUMNS}
    for curve in curves:
        count = len(curve.seconds)
        for name in _COLUMNS:
            value = getattr(curve, name)
            values[name] += value if isinstance(value, tuple) else [value] * count
    table = Table(meta={"target": target})
    for name, (unit, meaning) in _COLUMNS.items():
        table[name] = Column(values[name], unit=unit or None, description=meaning)
    files.write_text(path, ecsv.to_text(table))


def read(directory: Path, target: str) -> list[TrailCurve]:
    """Curves of a target, in the order of the file; none where nothing can be read."""
    from photpipe.ground import ecsv

    path = directory / file_name(target)
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        table = ecsv.from_text(files.read_text(path))
        return _curves(ecsv.rows_of(table))
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return []


def _curves(rows: Sequence[dict[str, float | str]]) -> list[TrailCurve]:
    """Curves of rows that stand frame by frame."""
    frames = list(dict.fromkeys(str(row["frame"]) for row in rows))
    found = []
    for frame in frames:
        own = [row for row in rows if row["frame"] == frame]
        seconds, mag, sig = (
            tuple(float(row[name]) for row in own) for name in ("seconds", "mag", "sig")
        )
        periods = [
            float(own[0].get(f"{of}{name}", math.nan))
            for of in ("", "series_")
            for name in ("period_s", "period_sig")
        ]
        found.append(TrailCurve(frame, seconds, mag, sig, *periods))
    return found
