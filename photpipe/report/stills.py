"""Plots as figures that stand still: for pages that need no JavaScript, and for paper.

A `Plot` is the same here and in the browser (report.js), where it can be zoomed and clicked on.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.report import figures, symbols
from photpipe.report.plotspec import Plot, Series

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

UNFILLED = frozenset("x_|")  # markers that are lines
RING_AREA_PT2 = 140  # around the newest point, whose own area is 30


def drawn(plot: Plot, size_inch: tuple[float, float], *, marks_newest: bool = False) -> "Markup":
    """Figure of a plot.

    Parameters
    ----------
    marks_newest : bool
        Draw a ring around the last point that counts: there are more to come.
    """
    figure, (axes,) = figures.new_figure(size_inch=size_inch, has_short_labels=True)
    draw(axes, plot, marks_newest=marks_newest)
    return figures.svg(figure, plot.alt)


def draw(axes: "Axes", plot: Plot, *, marks_newest: bool = False) -> None:
    """Draw a plot into axes of a figure; parameters as for `drawn`."""
    edges = _edges(plot)
    for series in plot.series:
        _points(axes, series, edges)
    for mark in plot.marks:
        _mark(axes, mark.at, mark.text)
    if marks_newest and plot.series and plot.series[0].style == symbols.MEASURED.style:
        x, y = plot.series[0].x[-1], plot.series[0].y[-1]
        ring: dict[str, Any] = {"facecolors": "none", "edgecolors": figures.RED, "linewidths": 1.6}
        axes.scatter(x or 0.0, y or 0.0, s=RING_AREA_PT2, gid="newest", **ring)
    axes.set(xlabel=plot.x, ylabel=plot.y)
    if plot.y_range:
        axes.set_ylim(plot.y_range)
    _wide_enough(axes, plot.least_range)
    if plot.upside_down:
        axes.invert_yaxis()
    if [each.style for each in plot.series] != [symbols.MEASURED.style]:
        figures.legend(axes)  # of measured points alone it would say nothing


def _points(axes: "Axes", series: Series, edges: tuple[float, float]) -> None:
    """Draw points that lead to the pages of their frames, and errors of those that count."""
    symbol = symbols.BY_STYLE[series.style]
    shown = [k for k, (x, y) in enumerate(zip(series.x, series.y, strict=True)) if _is_known(x, y)]
    if not shown:
        return
    x = [series.x[k] or 0.0 for k in shown]
    y = np.clip([series.y[k] or 0.0 for k in shown], *edges).tolist()
    if symbol is symbols.MEASURED and series.error:
        _bars(axes, series, shown, x, y)
    style: dict[str, Any] = {"c": symbol.color, "edgecolors": "none"}
    if symbol.marker in UNFILLED:
        style = {"c": symbol.color, "linewidths": 1.2}
    elif symbol.marker == "D":
        style = {"facecolors": "none", "edgecolors": symbol.color, "linewidths": 1.2}
    label = series.name or None
    points = axes.scatter(
        x, y, s=30, marker=symbol.marker, label=label, zorder=3, clip_on=False, **style
    )
    if series.hrefs:
        points.set_urls([series.hrefs[k] or None for k in shown])


def _bars(axes: "Axes", series: Series, shown: list[int], x: list[Any], y: list[float]) -> None:
    """Draw errors: a bar with caps, or a thin one with a thick one inside."""
    looks: tuple[tuple[tuple[float | None, ...], dict[str, Any]], ...] = (
        ((series.error, {"linewidth": 0.8}), (series.inner, {"linewidth": 2.4}))
        if series.inner
        else ((series.error, {"linewidth": 1.0, "capsize": 2}),)
    )
    color = symbols.BY_STYLE[series.style].color
    for lengths, look in looks:
        errors = [lengths[k] or 0.0 for k in shown]
        axes.errorbar(x, y, errors, fmt="none", ecolor=color, **look)


def _mark(axes: "Axes", at: float, text: str) -> None:
    """Draw a line across, with a word at its end."""
    axes.axhline(at, color=figures.GREEN, linewidth=1.4)
    axes.text(
        *(1, at, f"{text} "),
        color=figures.GREEN,
        fontsize=8,
        ha="right",
        va="bottom",
        transform=axes.get_yaxis_transform(),
    )


def _is_known(x: float | None, y: float | None) -> bool:
    return x is not None and y is not None


def _edges(plot: Plot) -> tuple[float, float]:
    """Range of y to be shown: that of the points that count, twice as much for the others.

    Limits and rejected points beyond it stand at the edge, so that they do not squeeze the rest.
    """
    used = [series for series in plot.series if series.style == symbols.MEASURED.style]
    if not (plot.has_edge and used):
        return -math.inf, math.inf
    heights = [each for each in used[0].y if each is not None]
    errors = [each or 0.0 for each in used[0].error]
    room = max(float(np.ptp(heights) + 2 * np.median(errors)), plot.least_range)
    return min(heights) - room, max(heights) + room


def _wide_enough(axes: "Axes", least: float) -> None:
    """Keep a flat series from looking wild: at least so much on the y axis."""
    low, high = axes.get_ylim()
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)
