"""How the points of a target are drawn: a symbol for each kind, the same on every plot."""

from collections.abc import Iterator
from typing import NamedTuple

from photpipe.report import figures
from photpipe.report.state import TargetData
from photpipe.run.photometry_file import (
    BLEEDING,
    CONTAMINATED,
    COSMIC_RAY,
    LIMIT,
    TRAIL,
    TargetPoint,
)


class Symbol(NamedTuple):
    """A kind of points.

    Parameters
    ----------
    label : str
        What the legend says.
    color, marker : str
        In figures of matplotlib.
    style : str
        In plots that the browser draws.
    """

    label: str
    color: str
    marker: str
    style: str


MEASURED = Symbol("measured", figures.BLUE, "o", "used")
UPPER_LIMIT = Symbol("5σ limit", figures.ORANGE, "v", "limit")
REJECTED = Symbol("rejected", figures.RED, "x", "rejected")
SPOILED = {
    CONTAMINATED: Symbol(CONTAMINATED, figures.PURPLE, "D", CONTAMINATED),
    TRAIL: Symbol(TRAIL, figures.PURPLE, "_", TRAIL),
    BLEEDING: Symbol(BLEEDING, figures.PURPLE, "|", BLEEDING),
    COSMIC_RAY: Symbol(COSMIC_RAY, figures.PURPLE, "*", "hit"),
}
"""Symbols of all of `photometry_file.SPOILERS`."""
BY_STYLE = {each.style: each for each in (MEASURED, UPPER_LIMIT, REJECTED, *SPOILED.values())}


def is_limit(point: TargetPoint) -> bool:
    """Whether a point is an upper limit that counts."""
    return point.method == LIMIT and not point.rejected


def kinds(target: TargetData) -> Iterator[tuple[Symbol, list[TargetPoint]]]:
    """Points of a target by their symbols, without the kinds that have none."""
    found: dict[Symbol, list[TargetPoint]] = {MEASURED: list(target.good)}
    for point in target.points:
        if not point.is_good:
            found.setdefault(symbol(point), []).append(point)
    for each in (MEASURED, UPPER_LIMIT, *SPOILED.values(), REJECTED):
        if found.get(each):
            yield each, found[each]


def symbol(point: TargetPoint) -> Symbol:
    """Symbol of a point that does not count."""
    if is_limit(point):
        return UPPER_LIMIT
    return SPOILED.get(point.spoiler, REJECTED)
