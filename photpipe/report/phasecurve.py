"""The page of pptool_phasecurve: nights, curves of all systems, parameters with errors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from photpipe.report import figures, render
from photpipe.report.lightcurve import Figure
from photpipe.report.tables import TEXT, Column, table
from photpipe.run.results import PhaseCurveFit
from photpipe.science import phasecurve

if TYPE_CHECKING:
    from astropy.table import Row, Table


class Curves(Protocol):
    """The nights of one band and their curves."""

    @property
    def band(self) -> str:
        """Photometric band."""

    @property
    def levels(self) -> phasecurve.Levels:
        """Levels of the nights."""

    @property
    def curves(self) -> list[phasecurve.PhaseCurve]:
        """The most probable first."""

    @property
    def rows(self) -> "Table":
        """One row per night."""

    def results(self) -> list[PhaseCurveFit]:
        """The curves, with probabilities and cautions."""


def _slopes(fit: PhaseCurveFit) -> str:
    names = phasecurve.SYSTEMS[fit.system].parameters
    values = zip(names, fit.slopes, fit.slope_sigs, strict=True)
    return ", ".join(f"{name} {value:.3f} ± {sig:.3f}" for name, value, sig in values)


FITS: tuple[Column[PhaseCurveFit], ...] = (
    Column("System", lambda fit: fit.system, TEXT),
    Column("H (mag)", lambda fit: f"{fit.h_mag:.3f} ± {fit.h_sig:.3f}", TEXT),
    Column("Slope", _slopes, TEXT),
    Column("Scatter of nights (mag)", lambda fit: f"{fit.scatter_mag:.3f}"),
    Column("Probability", lambda fit: f"{fit.probability:.0%}"),
)

NIGHTS: "tuple[Column[Row], ...]" = (
    Column("Julian date", lambda row: f"{row['midtime_jd']:.4f}"),
    Column("Telescope", lambda row: row["telescope"], TEXT),
    Column("Points", lambda row: row["points"]),
    Column("Phase angle (°)", lambda row: f"{row['phase_deg']:.2f}"),
    Column("Reduced (mag)", lambda row: f"{row['reduced_mag']:.3f}"),
    Column("Error", lambda row: f"{row['sig']:.3f}"),
    Column("Residual", lambda row: f"{row['residual_mag']:+.3f}"),
)


def figure(band: Curves) -> Figure:
    """Reduced magnitude of each night against phase angle, and the curves."""
    drawn, (axes,) = figures.new_figure(size_inch=(8, 4.5))
    levels = band.levels
    axes.errorbar(
        levels.phase_deg, levels.mag, levels.sig, fmt="o", markersize=5, color=figures.INK
    )
    phase = np.linspace(0, 1.15 * max(float(levels.phase_deg.max()), 5.0), 300)
    for number, curve in enumerate(band.curves):
        values, line = curve.curve(phase), ("-", "--", ":")[number]
        color = figures.CYCLE[number]
        axes.plot(phase, values, linewidth=1.4, label=curve.system, linestyle=line, color=color)
    axes.set(xlabel="phase angle (°)", ylabel=f"reduced magnitude, {band.band}")
    axes.set_xlim(0, float(phase[-1]))
    axes.invert_yaxis()
    axes.legend(frameon=False, labelcolor=figures.INK, fontsize=9)
    text = f"Phase curve in {band.band}"
    return Figure(
        figures.svg(drawn, text),
        f"{text}: one point per night, with its error; the nights scatter by "
        f"{band.curves[0].scatter_mag:.3f} mag more. The solid curve is the most probable one.",
    )


def render_page(target: str, bands: Sequence[Curves], period_h: float | None) -> str:
    """Text of the page, with everything inside."""
    taken = "not taken out: no period was given"
    if period_h is not None:
        amplitudes = (f"{each.levels.amplitude_mag:.2f} mag in {each.band}" for each in bands)
        taken = f"{period_h:g} h, peak to peak {', '.join(amplitudes)}"
    return render.page(
        "phasecurve.html",
        style=render.resource("style.css"),
        target=target,
        rotation=taken,
        bands=[
            {
                "name": band.band,
                "parameters": table(FITS, band.results()),
                "cautions": band.results()[0].cautions,
                "figure": figure(band),
                "nights": table(NIGHTS, band.rows),
            }
            for band in bands
        ],
    )
