"""Join the photometry of one object from several nights and find its rotation period."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.exports import nights
from photpipe.ground import files
from photpipe.ground.errors import ConfigError
from photpipe.run import kinds
from photpipe.run.options import TARGET, Option
from photpipe.run.results import LightCurveResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.science.period import PeriodSolution

log = logging.getLogger("pptool_lightcurve")


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
    from photpipe.report import lightcurve as page
    from photpipe.report.periodview import point_links

    if options.minperiod >= options.maxperiod:
        message = f"-minperiod {options.minperiod:g} is not below -maxperiod {options.maxperiod:g}"
        raise ConfigError(message)
    target, points, failed, sources = nights.joined(paths, options.target)
    table = nights.corrected(target, points, workspace)
    solution = _solved(table, options)
    _report(target, table, solution)
    rows = zip(table["frame"], table["midtime_jd"], strict=True)
    links = [
        point_links(sources[str(frame), float(jd)], str(frame), workspace.directory)
        for frame, jd in rows
    ]
    stem = f"lightcurve_{files.slug(target)}"
    text = page.render_page(target, table, solution, links, stem)
    written = nights.write(workspace.directory, stem, table, text)
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
            "period": round(candidate.period_h, 6),
            "low": round(candidate.low_h, 6),
            "high": round(candidate.high_h, 6),
            "probability": round(candidate.probability, 5),
            "maxima": candidate.maxima,
        }
        for candidate in solution.candidates
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
    amplitude = "no amplitude is given"
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
        for row in page.related_periods(table, solution):
            maxima = row.candidate.maxima
            words = f"{maxima} maxim{'um' if maxima == 1 else 'a'}"
            relation = f", {row.relation}" * bool(row.relation)
            log.info("  %s, %s%s", period.hours(row.candidate), words, relation)
