"""What the nights of one object have in common: points of all files, distances, light-time."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground import files
from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import FrameFailure
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

LIGHT_TIME_D_PER_AU = 0.0057755183


Sources = dict[tuple[str, float], Path]
"""Frame and middle of the exposure (JD) of points to the file of photometry that has them."""


def joined(
    paths: Sequence[Path], name: str | None
) -> tuple[str, list[TargetPoint], tuple[FrameFailure, ...], Sources]:
    """Good calibrated points of all files; files that cannot be read are failures."""
    points: list[TargetPoint] = []
    sources: Sources = {}
    targets: set[str] = set()
    failed: list[FrameFailure] = []
    for path in paths:
        try:
            target, rows = photometry_file.read(path)
        except ConfigError as error:
            failed.append(FrameFailure(path.name, str(error)))
            continue
        good = [row for row in rows if row.is_good and row.sig > 0]
        if not good:
            failed.append(FrameFailure(str(path), f"none of {len(rows)} points is good"))
            continue
        targets.add(target)
        points += good
        sources |= {(each.frame, each.midtime_jd): path for each in good}
    if not points:
        raise ConfigError("; ".join(f"{each.frame}: {each.reason}" for each in failed))
    if len(targets) > 1 and name is None:
        message = f"the files are of {', '.join(sorted(targets))}; use -target NAME if that is one"
        raise ConfigError(message)
    return name or targets.pop(), points, tuple(failed), sources


def corrected(target: str, points: Sequence[TargetPoint], workspace: Workspace) -> "Table":
    """Table of all points with sessions, light-time corrected and reduced to unit distances."""
    import numpy as np
    from astropy.table import Table

    from photpipe.exports.lightcurves import sessions

    rows = [(p, number) for number, each in enumerate(sessions(points)) for p in each]
    table = Table(meta={"target": target, "time_scale": "UTC"})
    units = {"midtime_jd": "d", "mag": "mag", "sig": "mag", "exptime_s": "s"}
    for name in ("frame", "midtime_jd", "mag", "sig", "band", "telescope", "exptime_s", "airmass"):
        table[name] = [getattr(point, name) for point, _ in rows]
        table[name].unit = units.get(name)
    table["session"] = [number for _, number in rows]
    geometry = _geometry(target, [point for point, _ in rows], workspace)
    for name, unit in (("r_au", "AU"), ("delta_au", "AU"), ("phase_deg", "deg")):
        table[name] = geometry[name]
        table[name].unit = unit
    delta = np.nan_to_num(table["delta_au"].data)
    table["light_time_jd"] = table["midtime_jd"].data - LIGHT_TIME_D_PER_AU * delta
    distance = table["r_au"].data * table["delta_au"].data
    table["reduced_mag"] = table["mag"].data - 5 * np.log10(np.where(distance > 0, distance, 1.0))
    return table


def _geometry(
    target: str, points: Sequence[TargetPoint], workspace: Workspace
) -> dict[str, list[float]]:
    """Distances and phase angle of each point; NaN, with a warning, where Horizons cannot help."""
    import numpy as np

    from photpipe.services import horizons

    names = ("r_au", "delta_au", "phase_deg")
    values = {name: np.full(len(points), math.nan) for name in names}
    codes = np.array([point.observatory_code for point in points])
    for code in sorted(set(codes)):
        here = np.flatnonzero(codes == code)
        times = [points[int(index)].midtime_jd for index in here]
        try:
            ephemeris = horizons.positions(target, times, code, workspace.settings)
        except ServiceError as error:
            log.warning("no light-time correction or reduction: %s", error)
            continue
        for name in names:
            values[name][here] = getattr(ephemeris, name)
    return {name: list(array) for name, array in values.items()}


def write(directory: Path, stem: str, table: "Table", page: str) -> list[str]:
    """Write a table as ECSV and CSV, and the page of its plots; returns their names."""
    import io

    texts = {f"{stem}.html": page}
    for suffix, form in ((".ecsv", "ascii.ecsv"), (".csv", "ascii.csv")):
        text = io.StringIO()
        table.write(text, format=form)
        texts[stem + suffix] = text.getvalue()
    for name, content in texts.items():
        files.write_text(directory / name, content)
        log.info("%s", directory / name)
    return sorted(texts)
