"""What a plot shows: plain numbers, that both the browser and `stills` draw.

Written into a page they cost no time to make, stay small, and can be zoomed and clicked on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Number = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """Points or a line.

    Parameters
    ----------
    name : str
        What the legend says.
    style : str
        used, rejected, contaminated, trail, bleeding, hit, limit, other, or line.
    x, y : tuple of float
        Where they are.
    error, inner : tuple of float
        Lengths of the thin error bars and of the thick ones inside; empty: none.
    keys : tuple of str
        What each point stands for on the page (a star, a frame).
    labels : tuple of str
        What is said when the pointer is over it.
    hrefs : tuple of str
        Where a click leads.
    """

    name: str
    style: str
    x: tuple[Number, ...]
    y: tuple[Number, ...]
    error: tuple[Number, ...] = ()
    inner: tuple[Number, ...] = ()
    keys: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    hrefs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the plot: at a value of the axis x or y, with a word."""

    axis: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot.

    Parameters
    ----------
    title, x, y : str
        Words above and at the axes.
    alt : str
        What it shows, for readers who do not see it.
    upside_down : bool
        The y axis grows downwards, as magnitudes do.
    is_large : bool
        Wide, to be zoomed and moved.
    can_reject : bool
        A click on a point rejects it.
    has_edge : bool
        Points that are not used and far away are drawn at the edge instead of widening the axes.
    least_range : float
        So much at least is shown of y in a figure.
    y_range : (float, float) or None
        What is shown of y in a figure; None: what the points need.
    """

    title: str
    x: str
    y: str
    alt: str
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    upside_down: bool = False
    is_large: bool = False
    can_reject: bool = False
    has_edge: bool = False
    least_range: float = 0.0
    y_range: tuple[float, float] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(each.x for each in self.series)

    @property
    def spec(self) -> Mapping[str, Any]:
        """What the page carries."""
        return {
            "x": self.x,
            "y": self.y,
            "down": self.upside_down,
            "large": self.is_large,
            "reject": self.can_reject,
            "edge": self.has_edge,
            "series": [_series(each) for each in self.series if each.x],
            "marks": [{"axis": each.axis, "at": each.at, "text": each.text} for each in self.marks],
        }


def rounded(values: Sequence[float], decimals: int) -> tuple[Number, ...]:
    """Numbers short enough for a page; None for what is not finite."""
    return tuple(round(float(each), decimals) if math.isfinite(each) else None for each in values)


def _series(series: Series) -> dict[str, Any]:
    parts = {
        "name": series.name,
        "style": series.style,
        "x": series.x,
        "y": series.y,
        "e": series.error,
        "inner": series.inner,
        "key": series.keys,
        "label": series.labels,
        "href": series.hrefs,
    }
    return {name: each for name, each in parts.items() if each}
