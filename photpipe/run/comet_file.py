"""``comet_<target>.ecsv``: the coma in apertures of fixed size; a line for COBS beside it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.ground import ecsv, files
from photpipe.ground.ecsv import column
from photpipe.ground.errors import ConfigError
from photpipe.run.photometry_file import SINGLE_FRAMES

LINE_LENGTH = 80  # of a line of the International Comet Quarterly
MOST_BYTES = 20_000_000  # by judgement: larger files are none of ours


@dataclass(frozen=True, slots=True)
class ComaPoint:
    """One aperture on one frame; NaN where a quantity is not known."""

    frame: str = column("", "file name of the frame")
    midtime_jd: float = column("d", "Julian date (UTC) at mid-exposure")
    radius_km: float = column("km", "radius of the aperture at the comet")
    radius_arcsec: float = column("arcsec", "the same on the sky")
    mag: float = column("mag", "magnitude in the aperture")
    sig: float = column("mag", "its error, zeropoint included")
    band: str = column("", "photometric band")
    afrho_cm: float = column("cm", "A(theta)f rho at the phase angle of the frame")
    afrho_sig: float = column("cm", "its error")
    a0frho_cm: float = column("cm", "A(0)f rho: the same at phase angle 0")
    a0frho_sig: float = column("cm", "its error; that of the phase function is not part of it")
    filled: float = column("", "part of the aperture that stars hid")
    growth: float = column("", "exponent of the flux as function of the radius: 1, free expansion")
    growth_sig: float = column("", "its error")
    r_au: float = column("AU", "distance from the Sun")
    delta_au: float = column("AU", "distance from the observer")
    phase_deg: float = column("deg", "phase angle")
    problem: str = column("", "why there is no value, or what is wrong with it")


def file_name(target: str, suffix: str = ".ecsv") -> str:
    """Name of the file of a target."""
    return f"comet_{files.slug(target)}{suffix}"


def write(directory: Path, target: str, points: Sequence[ComaPoint], line: str = "") -> None:
    """Write the apertures of a target, and a line for COBS; without any, older files go."""
    path = directory / file_name(target)
    if not points:
        path.unlink(missing_ok=True)
    else:
        table = ecsv.table_of(points, ComaPoint, target=target, time_scale="UTC")
        files.write_text(path, ecsv.to_text(table))
    report = directory / file_name(target, ".icq")
    if line:
        files.write_text(report, line + "\n")
    else:
        report.unlink(missing_ok=True)


def set_aside(directory: Path, target: str, stacks: Sequence[str]) -> bool:
    """Keep an earlier file of single frames under another name; whether there was one."""
    path = directory / file_name(target)
    points = read(directory, target)
    if not points or all(point.frame in stacks for point in points):
        return False
    for suffix in (".ecsv", ".icq"):
        old = path.with_suffix(suffix)
        if old.exists():
            old.replace(old.with_name(f"{old.stem}{SINGLE_FRAMES}{suffix}"))
    return True


def read_line(directory: Path, target: str) -> str:
    """Line for COBS of a target; empty if there is none."""
    path = directory / file_name(target, ".icq")
    try:
        if path.stat().st_size > MOST_BYTES:
            return ""
        return files.read_text(path).rstrip("\n")[:LINE_LENGTH]
    except (OSError, ValueError, ConfigError):
        return ""


def read(directory: Path, target: str, suffix: str = "") -> list[ComaPoint]:
    """Apertures of a target; none where nothing can be read.

    Parameters
    ----------
    suffix : str
        End of the name of a file that was set aside.
    """
    path = directory / file_name(target, f"{suffix}.ecsv")
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        table = ecsv.from_text(files.read_text(path))
        kinds: dict[str, type] = {each.name: each.type for each in dataclasses.fields(ComaPoint)}  # type: ignore[misc]
        rows = ecsv.rows_of(table)
        return [
            ComaPoint(**{name: kind(row[name]) for name, kind in kinds.items()}) for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return []
