"""Join the photometry of one object from several nights and find its rotation period."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground import files
from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.run import kinds, photometry_file
from photpipe.run.options import TARGET, Option
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import FrameFailure, LightCurveResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.science.period import PeriodSolution

log = logging.getLogger("pptool_lightcurve")

LIGHT_TIME_D_PER_AU = 0.0057755183


@dataclass(frozen=True, slots=True)
class LightCurveOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)
    minperiod: float = Option("shortest trial period in hours", kinds.positive, "H").field(1.5)
    maxperiod: float = Option("longest trial period in hours", kinds.positive, "H").field(48.0)


def lightcurve(
    paths: Sequence[Path], options: LightCurveOptions, workspace: Workspace
) -> LightCurveResult:
    """Join, correct and analyse.

    Reads ``photometry_<target>.ecsv`` files of any directories. Writes
    ``lightcurve_<target>.ecsv`` and ``.csv`` (one table, light-time corrected, reduced to unit
    distances, with phase angle and rotation phase) and ``lightcurve_<target>.html`` (the plots)
    into the current directory.

    Raises
    ------
    ConfigError
        If the files are of different objects and no ``-target`` says that they are one, or if
        no period is to be tried.
    ReductionError
        If there are too few points for a period.
    """
    if options.minperiod >= options.maxperiod:
        message = f"-minperiod {options.minperiod:g} is not below -maxperiod {options.maxperiod:g}"
        raise ConfigError(message)
    target, points, failed = _joined(paths, options.target)
    table = _corrected(target, points, workspace)
    solution = _solved(table, options)
    _report(target, table, solution)
    written = _write(workspace.directory, target, table, solution)
    return LightCurveResult(
        target=target,
        points=len(table),
        sessions=len(set(table["session"])),
        period_h=solution.period_h,
        period_error_h=solution.period_error_h,
        amplitude_mag=solution.amplitude_mag,
        alternatives_h=solution.alternatives_h,
        quality=solution.quality,
        coverage=solution.coverage,
        is_unique=solution.is_unique,
        files=tuple(written),
        failed=failed,
    )


def _joined(
    paths: Sequence[Path], name: str | None
) -> tuple[str, list[TargetPoint], tuple[FrameFailure, ...]]:
    """Good calibrated points of all files; files that cannot be read are failures."""
    points: list[TargetPoint] = []
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
    if not points:
        raise ConfigError("; ".join(f"{each.frame}: {each.reason}" for each in failed))
    if len(targets) > 1 and name is None:
        message = f"the files are of {', '.join(sorted(targets))}; say -target NAME if that is one"
        raise ConfigError(message)
    return name or targets.pop(), points, tuple(failed)


def _corrected(target: str, points: Sequence[TargetPoint], workspace: Workspace) -> "Table":
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


def _solved(table: "Table", options: LightCurveOptions) -> "PeriodSolution":
    """Find the period; the rotation phase and the fit's residuals become columns."""
    import numpy as np

    from photpipe.science import period

    time_d, mag, sig = (
        np.asarray(table[name].data, float) for name in ("light_time_jd", "reduced_mag", "sig")
    )
    solution = period.find_period(
        time_d,
        mag,
        sig,
        np.asarray(table["session"].data, np.int64),
        period_range_h=(options.minperiod, options.maxperiod),
    )
    table.meta["quality_code"] = solution.quality
    table.meta["coverage"] = round(solution.coverage, 3)
    table.meta["periods_h"] = [
        {
            "period": round(each.period_h, 6),
            "low": round(each.low_h, 6),
            "high": round(each.high_h, 6),
            "probability": round(each.probability, 5),
            "maxima": each.maxima,
        }
        for each in solution.candidates
    ]
    turns = (time_d - time_d.mean()) * solution.fit.frequency_per_day
    table["rotation_phase"] = turns % 1.0
    table["residual_mag"] = solution.fit.residuals
    table["residual_mag"].unit = "mag"
    return solution


def _report(target: str, table: "Table", solution: "PeriodSolution") -> None:
    """Tell what is known, and first whether it is one period."""
    from photpipe.report import lightcurve as page
    from photpipe.science import period

    log.info("%s: %s", target, period.headline(solution))
    log.info("quality code %d (%s)", solution.quality, period.QUALITY[solution.quality])
    amplitude = "no amplitude is told"
    if math.isfinite(solution.amplitude_mag):
        amplitude = f"amplitude {solution.amplitude_mag:.3f} mag over the phases seen"
    log.info(
        "%d points in %d sessions see %.0f %% of the rotation; %s (Fourier series of order %d)",
        len(table),
        len(set(table["session"])),
        100 * solution.coverage,
        amplitude,
        solution.fit.order,
    )
    if not solution.is_unique:
        for each, words in page.period_rows(table, solution):
            maxima = f"{each.maxima} maxim{'um' if each.maxima == 1 else 'a'}"
            log.info("  %s, %s%s", period.hours(each), maxima, f", {words}" * bool(words))


def _write(directory: Path, target: str, table: "Table", solution: "PeriodSolution") -> list[str]:
    """Write the tables and the page; returns their names."""
    import io

    from photpipe.report import lightcurve as page

    stem = f"lightcurve_{files.slug(target)}"
    texts = {f"{stem}.html": page.render_page(target, table, solution)}
    for suffix, form in ((".ecsv", "ascii.ecsv"), (".csv", "ascii.csv")):
        text = io.StringIO()
        table.write(text, format=form)
        texts[stem + suffix] = text.getvalue()
    for name, content in texts.items():
        files.write_text(directory / name, content)
        log.info("%s", directory / name)
    return sorted(texts)
