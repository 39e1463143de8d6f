"""``comet_<target>.ecsv``: the coma in apertures of fixed size; a line for COBS beside it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photpipe.ground import files
from photpipe.ground.errors import ConfigError

MOST_BYTES = 20_000_000  # by judgement: larger files are none of ours


def _column(unit: str, meaning: str) -> Any:
    return dataclasses.field(metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True, slots=True)
class ComaPoint:
    """One aperture on one frame; NaN where a quantity is not known."""

    frame: str = _column("", "file name of the frame")
    midtime_jd: float = _column("d", "Julian date (UTC) at mid-exposure")
    radius_km: float = _column("km", "radius of the aperture at the comet")
    radius_arcsec: float = _column("arcsec", "the same on the sky")
    mag: float = _column("mag", "magnitude in the aperture")
    sig: float = _column("mag", "its error, zeropoint included")
    band: str = _column("", "photometric band")
    afrho_cm: float = _column("cm", "A(theta)f rho at the phase angle of the frame")
    afrho_sig: float = _column("cm", "its error")
    a0frho_cm: float = _column("cm", "A(0)f rho: the same at phase angle 0")
    a0frho_sig: float = _column("cm", "its error; that of the phase function is not part of it")
    filled: float = _column("", "part of the aperture that stars hid")
    growth: float = _column("", "exponent of the flux as function of the radius: 1, free expansion")
    growth_sig: float = _column("", "its error")
    r_au: float = _column("AU", "distance from the Sun")
    delta_au: float = _column("AU", "distance from the observer")
    phase_deg: float = _column("deg", "phase angle")
    problem: str = _column("", "why there is no value, or what is wrong with it")


def file_name(target: str, suffix: str = ".ecsv") -> str:
    """Name of the file of a target."""
    return f"comet_{files.slug(target)}{suffix}"


def write(directory: Path, target: str, points: Sequence[ComaPoint], line: str = "") -> None:
    """Write the apertures of a target, and a line for COBS; without any, older files go."""
    from astropy.table import Column, Table

    from photpipe.ground import ecsv

    path = directory / file_name(target)
    if not points:
        path.unlink(missing_ok=True)
    else:
        table = Table(meta={"target": target, "time_scale": "UTC"})
        for each in dataclasses.fields(ComaPoint):
            values = [getattr(point, each.name) for point in points]
            unit, meaning = each.metadata["unit"] or None, each.metadata["meaning"]
            table[each.name] = Column(values, dtype=each.type, unit=unit, description=meaning)
        files.write_text(path, ecsv.to_text(table))
    report = directory / file_name(target, ".icq")
    if line:
        files.write_text(report, line + "\n")
    else:
        report.unlink(missing_ok=True)


def read(directory: Path, target: str) -> list[ComaPoint]:
    """Apertures of a target; none where nothing can be read."""
    from photpipe.ground import ecsv

    path = directory / file_name(target)
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        table = ecsv.from_text(files.read_text(path))
        kinds: dict[str, type] = {each.name: each.type for each in dataclasses.fields(ComaPoint)}  # type: ignore[misc]
        columns = [
            column.filled("") if hasattr(column, "mask") else column
            for column in table.columns.values()
        ]
        cells = zip(*(column.tolist() for column in columns), strict=True)
        rows = [dict(zip(table.colnames, row, strict=True)) for row in cells]
        return [
            ComaPoint(**{name: kind(row[name]) for name, kind in kinds.items()}) for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return []
