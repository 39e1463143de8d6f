"""The figures of the main page; every point leads to the page of its frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.report import figures, symbols, wording
from photpipe.report.state import State, TargetData
from photpipe.run.results import PhotometryResult

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

FRAME_LINK = "frame:"  # replaced by the link to a page where the figure is shown
LEAST_RANGE_MAG = 0.05  # of the axis of a light curve
_HOURS_PER_DAY = 24.0


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Times since the first one, in a unit that suits them."""

    origin_jd: float
    unit: str
    per_day: float

    @classmethod
    def of(cls, jds: Sequence[float]) -> "TimeAxis":
        """Axis that suits some dates."""
        finite = [jd for jd in jds if math.isfinite(jd)] or [0.0]
        hours = (max(finite) - min(finite)) * _HOURS_PER_DAY
        unit, per_day = ("minutes", 1440.0) if hours < 2 else ("hours", _HOURS_PER_DAY)
        return cls(min(finite), *(("days", 1.0) if hours > 48 else (unit, per_day)))

    @property
    def label(self) -> str:
        """What stands at the axis."""
        return f"{self.unit} after {wording.instant(self.origin_jd, 0)} UTC"

    def at(self, jd: float) -> float:
        """Place of a date."""
        return (jd - self.origin_jd) * self.per_day


def growth(result: PhotometryResult) -> "Markup":
    """Curves of growth: flux and signal-to-noise ratio of target and stars, and the choice."""
    figure, (flux, noise) = figures.new_figure(1, 2, size_inch=(10, 4), has_short_labels=True)
    radius = [each.radius_px for each in result.curve]
    curves = (
        ("background", figures.BLUE, "o", "stars"),
        ("target", figures.RED, "s", "target"),
    )
    for name, color, marker, label in curves:
        values = np.array([getattr(each, name) for each in result.curve])
        if not np.isfinite(values).any():
            continue
        errors = np.array([getattr(each, f"{name}_error") for each in result.curve])
        snr = np.array([getattr(each, f"{name}_snr") for each in result.curve])
        style: dict[str, Any] = {
            "color": color,
            "marker": marker,
            "markersize": 3.5,
            "linewidth": 1.2,
        }
        flux.errorbar(radius, values, np.nan_to_num(errors), label=label, capsize=2, **style)
        noise.plot(radius, snr, label=label, **style)
    flux.axhline(result.flux_limit, color=figures.INK, linestyle=":", linewidth=1)
    flux.text(
        radius[-1],
        result.flux_limit,
        f"{100 * result.flux_limit:.0f} %",
        color=figures.INK,
        fontsize=8,
        ha="right",
        va="bottom",
    )
    for axes in (flux, noise):
        if math.isfinite(result.aperture_radius_px):
            axes.axvline(result.aperture_radius_px, color=figures.GREEN, linewidth=1.4)
        axes.set(xlabel="aperture radius (px)", ylim=(0, 1.08))
        _legend(axes)
    flux.set_ylabel("fraction of the flux")
    noise.set_ylabel("S/N relative to the best")
    chosen = wording.number(result.aperture_radius_px, 2, "px")
    return figures.svg(
        figure,
        "Curves of growth: fraction of the flux and signal-to-noise ratio of target and stars "
        f"against aperture radius; the chosen radius is {chosen}",
    )


def seeing(state: State) -> "Markup":
    """Width of the stars over time, with the diameter of the aperture."""
    rows = [each for each in state.frames if each.measured and each.measured.fwhm_px > 0]
    axis = TimeAxis.of([each.midtime_jd for each in rows])
    figure, (axes,) = figures.new_figure(size_inch=(10, 3.2), has_short_labels=True)
    _linked(
        axes,
        [axis.at(each.midtime_jd) for each in rows],
        [each.measured.fwhm_px if each.measured else math.nan for each in rows],
        [each.slug for each in rows],
        figures.BLUE,
    )
    highest = max(each.measured.fwhm_px for each in rows if each.measured)
    if state.photometry is not None and math.isfinite(state.photometry.aperture_radius_px):
        diameter = 2 * state.photometry.aperture_radius_px
        axes.axhline(diameter, color=figures.GREEN, linewidth=1.4)
        axes.text(
            1,
            diameter,
            "aperture diameter ",
            color=figures.GREEN,
            fontsize=8,
            ha="right",
            va="bottom",
            transform=axes.get_yaxis_transform(),
        )
        highest = max(highest, diameter)
    lowest = min(each.measured.fwhm_px for each in rows if each.measured)
    axes.set(xlabel=axis.label, ylabel="FWHM (px)", ylim=(0.7 * lowest, 1.1 * highest))
    return figures.svg(
        figure, "Median width (FWHM) of the stars on each frame over time, and aperture diameter"
    )


def zeropoints(state: State) -> "Markup":
    """Magnitude zeropoint over time."""
    rows = [each for each in state.frames if each.calibrated and each.calibrated.is_calibrated]
    axis = TimeAxis.of([each.midtime_jd for each in rows])
    figure, (axes,) = figures.new_figure(size_inch=(10, 3.6), has_short_labels=True)
    known = [each.calibrated for each in rows if each.calibrated]
    times = [axis.at(each.midtime_jd) for each in rows]
    values = [each.zeropoint_mag for each in known]
    errors = np.nan_to_num([each.zeropoint_sigma_mag for each in known])
    axes.errorbar(times, values, errors, fmt="none", ecolor=figures.BLUE, capsize=2, linewidth=1)
    _linked(axes, times, values, [each.slug for each in rows], figures.BLUE)
    axes.set(xlabel=axis.label, ylabel=f"zeropoint in {known[0].band} (mag)")
    _wide_enough(axes, 0.02)
    return figures.svg(figure, "Magnitude zeropoint of each frame over time, with its error")


def light_curve(
    target: TargetData, slugs: dict[str, str], *, marks_newest: bool = False
) -> "Markup":
    """Magnitudes of a target over time; what does not count has symbols of its own.

    Parameters
    ----------
    marks_newest : bool
        Draw a ring around the last point: there are more to come.
    """
    axis = TimeAxis.of([each.midtime_jd for each in target.points])
    figure, (axes,) = figures.new_figure(size_inch=(7.5, 3.6), has_short_labels=True)
    edges = _edges(target)
    for (label, color, marker, _), points in symbols.kinds(target):
        shown = [each for each in points if math.isfinite(each.mag)]
        if not shown:
            continue
        times = [axis.at(each.midtime_jd) for each in shown]
        mags = np.clip([each.mag for each in shown], *edges).tolist()
        if label == symbols.MEASURED.label:
            for name, width in (("sig", 0.8), ("instrumental_sig", 2.4)):
                errors = np.nan_to_num([getattr(each, name) for each in shown])
                axes.errorbar(times, mags, errors, fmt="none", ecolor=color, linewidth=width)
        _linked(
            axes, times, mags, [slugs.get(each.frame, "") for each in shown], color, marker, label
        )
    if marks_newest and target.good:
        last = target.good[-1]
        ring: dict[str, Any] = {"facecolors": "none", "edgecolors": figures.RED, "linewidths": 1.6}
        axes.scatter(axis.at(last.midtime_jd), last.mag, s=140, gid="newest", **ring)
    band = next((each.band for each in target.points if each.band), "")
    axes.set(xlabel=axis.label, ylabel=f"{band} (mag)".strip())
    _wide_enough(axes, LEAST_RANGE_MAG)
    axes.invert_yaxis()
    _legend(axes)
    return figures.svg(figure, f"Light curve of {target.name}: magnitude over time")


def _edges(target: TargetData) -> tuple[float, float]:
    """Range of magnitudes to be shown: that of the good points, twice as much for the others.

    Limits and rejected points beyond it stand at the edge, so that they do not squeeze the rest.
    """
    good = [each.mag for each in target.good]
    if not good:
        return -math.inf, math.inf
    errors = np.nan_to_num([each.sig for each in target.good])
    room = max(float(np.ptp(good) + 2 * np.median(errors)), LEAST_RANGE_MAG)
    return min(good) - room, max(good) + room


def _linked(
    axes: "Axes",
    x: Sequence[float],
    y: Sequence[float],
    slugs: Sequence[str],
    color: str,
    marker: str = "o",
    label: str = "",
) -> None:
    """Points that lead to the pages of their frames."""
    style: dict[str, Any] = {"c": color, "edgecolors": "none"}
    if marker == "x":
        style = {"c": color, "linewidths": 1.2}
    elif marker == "D":
        style = {"facecolors": "none", "edgecolors": color, "linewidths": 1.2}
    points = axes.scatter(
        x, y, s=30, marker=marker, label=label or None, zorder=3, clip_on=False, **style
    )
    points.set_urls([f"{FRAME_LINK}{slug}" if slug else None for slug in slugs])


def _wide_enough(axes: "Axes", least: float) -> None:
    """Keep a flat series from looking wild: at least so much on the y axis."""
    low, high = axes.get_ylim()
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)


def _legend(axes: "Axes") -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, labelcolor=figures.INK, fontsize=8)
