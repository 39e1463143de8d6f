"""What was taken from where: the facts of the headers of cameras without an entry."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from photpipe.report import wording
from photpipe.report.state import CONTROL, State
from photpipe.run.results import ToldFact

SOLAR_PARALLAX_ARCSEC = 8.794143  # of the Earth's equatorial radius at 1 au (IAU 1976)
UNKNOWN_PLACE = "unknown"
MOST_VALUES = 3  # a cell that is read at a glance


@dataclass(frozen=True, slots=True)
class OriginRow:
    """A fact, as the headers of all frames have it.

    Parameters
    ----------
    name, value, origin : str
        What, what it is, and where that was taken from.
    doubts : tuple of str
        What contradicts it, or was assumed.
    frames : str
        Which of the frames it is about; empty if it is all.
    """

    name: str
    value: str
    origin: str
    doubts: tuple[str, ...]
    frames: str


def rows(state: State) -> tuple[OriginRow, ...]:
    """All facts, those that frames share in one row; nothing if every frame has an entry."""
    groups: dict[tuple[str, str], dict[str, ToldFact]] = {}
    for frame in state.frames:
        for fact in frame.facts.facts if frame.facts else ():
            groups.setdefault((fact.name, fact.origin), {})[frame.name] = fact
    total = len(state.frames)
    found = [_row(name, origin, facts, total) for (name, origin), facts in groups.items()]
    order = {name: place for place, (name, _) in reversed(list(enumerate(groups)))}
    return tuple(sorted(found, key=lambda row: order[row.name]))


def _row(name: str, origin: str, facts: Mapping[str, ToldFact], total: int) -> OriginRow:
    values = list(dict.fromkeys(each.value for each in facts.values()))
    shown = "; ".join(values)
    if len(values) > MOST_VALUES:
        shown = f"{len(values)} values: {values[0]} \u2026 {values[-1]}"
    doubts = dict.fromkeys(each.doubt for each in facts.values() if each.doubt)
    frames = wording.of(len(facts), total) if len(facts) < total else ""
    return OriginRow(name, shown, origin, tuple(doubts), frames)


def guessed(state: State) -> Mapping[str, object] | None:
    """What of the headers is assumed or contradicted, each thing once."""
    doubts = {
        doubt: row.name
        for row in rows(state)
        for doubt in row.doubts
        if row.value != UNKNOWN_PLACE  # has a verdict of its own
    }
    if not doubts:
        return None
    return {"facts": "; ".join(f"{name}: {doubt}" for doubt, name in doubts.items())}


def without_site(state: State) -> Iterable[Mapping[str, object]]:
    """Targets that move, on frames that nobody knows the place of, and their parallax."""
    if not _is_placeless(state):
        return
    for target in state.targets:
        distance = target.distance_au
        if target.kind == CONTROL or not (math.isfinite(distance) and distance > 0):
            continue
        arcsec = SOLAR_PARALLAX_ARCSEC / distance
        yield {"target": target.name, "parallax": f"{arcsec:.2g}", "distance": f"{distance:.3g}"}


def _is_placeless(state: State) -> bool:
    return any(
        fact.name == "site" and fact.value == UNKNOWN_PLACE
        for frame in state.frames
        if frame.facts
        for fact in frame.facts.facts
    )
