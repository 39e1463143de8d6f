"""Plots as figures that stand still: for pages that need no JavaScript, and for paper.

A `Plot` is the same here and in the browser (report.js), where it can be zoomed and clicked on.
Pages have SVG of our own (`vector`), cards for paper what matplotlib draws.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.report import figures, symbols, vector
from photpipe.report.plotspec import Plot, Series

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

UNFILLED = frozenset("x_|")  # markers that are lines


def drawn(plot: Plot, size_inch: tuple[float, float], *, marks_newest: bool = False) -> "Markup":
    """Figure of a plot.

    Parameters
    ----------
    marks_newest : bool
        Draw a ring around the last point that counts: there are more to come.
    """
    edges = _edges(plot)
    shown = [(each, symbols.BY_STYLE[each.style], _shown(each, edges)) for each in plot.series]
    has_legend = _needs_legend(plot) and any(each.name for each in plot.series)
    (box,) = vector.boxes(size_inch, 1, has_legend=has_legend)
    across = vector.wide(x for _, _, places in shown for _, x, _ in places)
    panel = vector.Panel(box, across, _heights(plot, shown), (plot.x, plot.y))
    for series, symbol, places in shown:
        if symbol is symbols.MEASURED:
            for lengths, width_pt, cap_pt in _looks(series):
                bars = [(x, y, lengths[k] or 0.0) for k, x, y in places]
                panel.bars(symbol.color, bars, width_pt, cap_pt)
    for mark in plot.marks:
        panel.across(mark.at, figures.GREEN, mark.text)
    for series, symbol, places in shown:
        panel.points(
            *(symbol.marker, symbol.color, [(x, y) for _, x, y in places]),
            name=series.name if has_legend else "",
            hrefs=[series.hrefs[k] for k, _, _ in places] if series.hrefs else (),
        )
    if marks_newest and shown and shown[0][1] is symbols.MEASURED and shown[0][2]:
        panel.ring(shown[0][2][-1][1:], figures.RED, "newest")
    return vector.figure(size_inch, [panel], plot.alt)


Place = tuple[int, float, float]
"""Number of a point in its series, and where it stands."""


def _shown(series: Series, edges: vector.Range) -> list[Place]:
    """Points of which both numbers are known."""
    places = enumerate(zip(series.x, series.y, strict=True))
    return [
        (k, x, min(max(y, edges[0]), edges[1]))
        for k, (x, y) in places
        if x is not None and y is not None
    ]


def _heights(
    plot: Plot, shown: "Sequence[tuple[Series, symbols.Symbol, Sequence[Place]]]"
) -> vector.Range:
    """Numbers at the bottom and at the top of the y axis."""
    if plot.y_range:
        low, high = plot.y_range
    else:
        ends = [mark.at for mark in plot.marks]
        for series, symbol, places in shown:
            has_bars = symbol is symbols.MEASURED and series.error
            for k, _, y in places:
                error = (series.error[k] or 0.0) if has_bars else 0.0
                ends += [y - error, y + error]
        low, high = vector.wide(ends, plot.least_range)
    return (high, low) if plot.upside_down else (low, high)


def _looks(series: Series) -> "list[tuple[tuple[float | None, ...], float, float]]":
    """Errors of points, widths of their bars and of the ends: bars with caps, or two bars."""
    if not series.error:
        return []
    if series.inner:
        return [(series.error, 0.8, 0.0), (series.inner, 2.4, 0.0)]
    return [(series.error, 1.0, 2.0)]


def _needs_legend(plot: Plot) -> bool:
    """Whether there are other points than measured ones, of which alone it would say nothing."""
    return [each.style for each in plot.series] != [symbols.MEASURED.style]


def draw(axes: "Axes", plot: Plot) -> None:
    """Draw a plot into axes of a figure of matplotlib, for paper."""
    edges = _edges(plot)
    for series in plot.series:
        _points(axes, series, edges)
    for mark in plot.marks:
        _mark(axes, mark.at, mark.text)
    axes.set(xlabel=plot.x, ylabel=plot.y)
    if plot.y_range:
        axes.set_ylim(plot.y_range)
    _wide_enough(axes, plot.least_range)
    if plot.upside_down:
        axes.invert_yaxis()
    if _needs_legend(plot):
        figures.legend(axes)


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
