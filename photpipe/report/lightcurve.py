"""The page of pptool_lightcurve: folded light curve, sessions, search for the period."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from photpipe.report import figures, periodview, render, tables, wording
from photpipe.report.tables import TEXT, Column
from photpipe.science import period

if TYPE_CHECKING:
    from astropy.table import Table
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from photpipe.report.periodview import PointLinks
    from photpipe.science.period import PeriodSolution
    from photpipe.science.periods import Candidate


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and what it tells."""

    svg: "Markup"
    caption: str


@dataclass(frozen=True, slots=True)
class Session:
    """The points of a session, its number from 1 on, and its zero level."""

    points: "Table"
    number: int
    level_mag: float


@dataclass(frozen=True, slots=True)
class RelatedPeriod:
    """A period that the data allow, and what it has to do with the first."""

    candidate: "Candidate"
    relation: str


PERIODS: tuple[Column[RelatedPeriod], ...] = (
    Column("Period (probability)", lambda row: period.hours(row.candidate), TEXT),
    Column("From (h)", lambda row: f"{row.candidate.low_h:.4f}"),
    Column("To (h)", lambda row: f"{row.candidate.high_h:.4f}"),
    Column("Maxima", lambda row: row.candidate.maxima),
    Column("Relation", lambda row: row.relation, TEXT),
)

SESSIONS: tuple[Column[Session], ...] = (
    Column("Session", lambda row: row.number),
    Column(
        "First point (UTC)", lambda row: wording.instant(float(row.points["midtime_jd"].min()), 0)
    ),
    Column("Telescope", lambda row: str(row.points["telescope"][0]), TEXT),
    Column("Band", lambda row: str(row.points["band"][0]), TEXT),
    Column("Points", lambda row: len(row.points)),
    Column("Zero level (mag)", lambda row: f"{row.level_mag:.3f}"),
    Column("Phase angle (°)", lambda row: wording.number(float(row.points["phase_deg"].mean()))),
    Column("Scatter (mag)", lambda row: f"{np.std(row.points['residual_mag']):.4f}"),
)


def facts(table: "Table", solution: "PeriodSolution") -> list[tuple[str, str]]:
    """Name and value of what was found."""
    first, last = table["midtime_jd"].min(), table["midtime_jd"].max()
    corrected = "yes" if np.isfinite(table["delta_au"]).all() else "no: no ephemeris available"
    return [
        ("Amplitude", _amplitude(solution)),
        ("Rotational coverage", f"{solution.coverage:.0%}"),
        ("Points, sessions", f"{len(table)}, {len(set(table['session']))}"),
        ("From, to (UTC)", f"{wording.instant(first, 0)}, {wording.instant(last, 0)}"),
        ("Light-time corrected, reduced to 1 au", corrected),
        ("Scatter around the fit", f"{np.std(solution.fit.residuals):.4f} mag"),
    ]


def _amplitude(solution: "PeriodSolution") -> str:
    if not np.isfinite(solution.amplitude_mag):
        return "none: less than half of the rotation was covered"
    condition = "" if solution.is_unique else f", if the period is {solution.period_h:.4f} h"
    return f"{solution.amplitude_mag:.3f} mag over the phases seen{condition}"


def related_periods(table: "Table", solution: "PeriodSolution") -> list[RelatedPeriod]:
    """All periods that the data allow, and what each has to do with the first."""
    gap_d = period.gap_d(np.asarray(table["light_time_jd"]), np.asarray(table["session"]))
    first = solution.candidates[0]
    return [
        RelatedPeriod(
            candidate,
            "" if candidate is first else period.relation(candidate, first.period_h, gap_d),
        )
        for candidate in solution.candidates
    ]


def sessions(table: "Table", solution: "PeriodSolution") -> list[Session]:
    """The sessions with their zero levels."""
    numbers = np.unique(table["session"])
    return [
        Session(table[table["session"] == each], int(each) + 1, float(level))
        for each, level in zip(numbers, solution.fit.offsets, strict=True)
    ]


def folded(table: "Table", solution: "PeriodSolution") -> Figure:
    """Light curve against rotation phase, every session in its own colour."""
    figure, (axes,) = figures.new_figure(size_inch=(8, 4.5))
    marks = "osD^vP"
    for index, number in enumerate(np.unique(table["session"])):
        here = table[table["session"] == number]
        axes.errorbar(
            here["rotation_phase"],
            here["reduced_mag"] - solution.fit.offsets[index],
            here["sig"],
            fmt=marks[index % len(marks)],
            markersize=4,
            linewidth=0.8,
            color=figures.CYCLE[index % len(figures.CYCLE)],
            label=f"session {number + 1}",
        )
    phase = np.linspace(0, 1, 500)
    axes.plot(phase, solution.fit.curve(phase), color=figures.INK, linewidth=1.2)
    axes.set(xlabel="rotation phase", ylabel="relative magnitude", xlim=(0, 1))
    axes.invert_yaxis()
    axes.legend(frameon=False, labelcolor=figures.INK, fontsize=8, ncols=4)
    text = f"Light curve folded with {solution.period_h:.5f} hours"
    return Figure(
        figures.svg(figure, text),
        f"{text}; the line is a Fourier series of order {solution.fit.order}. "
        "The zero level of each session was fitted.",
    )


def search(solution: "PeriodSolution") -> Figure:
    """Chi-squared against trial period, and the Lomb-Scargle power beside it."""
    figure, (upper, lower) = figures.new_figure(2, 1, size_inch=(8, 5))
    upper.plot(solution.scan_period_h, solution.scan_chi2, color=figures.BLUE, linewidth=0.7)
    upper.set(xscale="log", ylabel="χ² of the series")
    power_period = 2 * solution.scan_period_h
    lower.plot(power_period, solution.lomb_scargle_power, color=figures.GREEN, linewidth=0.7)
    lower.set(xscale="log", xlabel="rotation period (h)", ylabel="Lomb–Scargle power")
    lower.set_xlim(upper.get_xlim())
    hours = [h for h in (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 96, 200) if _within(h, upper)]
    for axes in (upper, lower):
        axes.set_xticks(hours, [f"{h:g}" for h in hours])
        axes.set_xticks([], minor=True)
        axes.axvline(solution.period_h, color=figures.RED, linewidth=1, linestyle="--")
    text = "Period search"
    return Figure(
        figures.svg(figure, text),
        "Above: misfit of a Fourier series against trial period (deepest is best, dashed). Below: "
        "Lomb–Scargle power, drawn at twice its period because two maxima make one rotation.",
    )


def _within(value: float, axes: "Axes") -> bool:
    low, high = axes.get_xlim()
    return bool(low <= value <= high)


def render_page(
    target: str,
    table: "Table",
    solution: "PeriodSolution",
    links: "Sequence[PointLinks]",
    stem: str,
) -> str:
    """Text of the page, with everything inside.

    Parameters
    ----------
    links : sequence of PointLinks
        Where each row of the table leads.
    stem : str
        Name of the files of the table, without their suffixes.
    """
    nights = {row: each.night for row, each in zip(table["session"], links, strict=True)}
    return render.page(
        "lightcurve.html",
        style=render.resource("style.css"),
        script=render.script("period.js"),
        target=target,
        headline=period.headline(solution).replace("+-", "±"),
        quality=solution.quality,
        meaning=period.QUALITY[solution.quality],
        spec=periodview.spec(table, solution, links),
        files=[f"{quote(stem)}{suffix}" for suffix in (".ecsv", ".csv")],
        nights=[(int(row) + 1, night) for row, night in sorted(nights.items()) if night],
        facts=facts(table, solution),
        periods=tables.table(PERIODS, related_periods(table, solution)),
        figures=[folded(table, solution), search(solution)],
        sessions=tables.table(SESSIONS, sessions(table, solution)),
    )
