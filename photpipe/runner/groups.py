"""Frames that belong together: one instrument, one filter, one field."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from photpipe.ground import files, sky
from photpipe.ground.errors import ConfigError
from photpipe.run.results import FrameFailure, PreparedFrame

GAP = 2.0  # fields of view between the centres of frames from which on they are separate fields


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that can be worked on together.

    Parameters
    ----------
    name : str
        What they have in common, for messages.
    frames : tuple of PreparedFrame
        In the order in which they were given.
    """

    name: str
    frames: tuple[PreparedFrame, ...]

    @property
    def folder(self) -> str:
        """Name of the folder of the group."""
        return files.slug(self.name.replace(" ", "_"), "group")


def kinds(frames: Sequence[PreparedFrame], *, by_filter: bool = True) -> list[Group]:
    """Groups of one instrument, binning and (unless the user names it) filter, largest first."""

    def key(frame: PreparedFrame) -> tuple[str, ...]:
        binning = "x".join(str(side) for side in frame.binning)
        return frame.telescope, f"binned {binning}", *([_filter(frame)] if by_filter else [])

    return _largest_first([_group(each) for each in _by(key, frames)])


def _filter(frame: PreparedFrame) -> str:
    """Band, or name of the filter where it has none: two names of one band belong together."""
    return frame.band or frame.filter_name or "no filter"


def _by(
    key: Callable[[PreparedFrame], Hashable], frames: Sequence[PreparedFrame]
) -> list[list[PreparedFrame]]:
    groups: dict[Hashable, list[PreparedFrame]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return list(groups.values())


def _group(frames: Sequence[PreparedFrame]) -> Group:
    """Group with a name made of all that its frames have in common."""
    first = frames[0]
    words = [first.telescope, _filter(first)]
    if first.binning != (1, 1):
        words.append("bin{}x{}".format(*first.binning))
    return Group(" ".join(words), tuple(frames))


def _largest_first(groups: list[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: -len(group.frames))


def majority(
    frames: Sequence[PreparedFrame], *, by_filter: bool = True
) -> tuple[Group, list[FrameFailure]]:
    """The group of more than half of the frames, and what to say of the others.

    Raises
    ------
    ConfigError
        If no group has more than half: which ones there are, and what to do.
    """
    groups = kinds(frames, by_filter=by_filter)
    main, others = groups[0], groups[1:]
    if 2 * len(main.frames) <= len(frames):
        listed = "; ".join(f"{each.name}: {_counted(each.frames)}" for each in groups)
        message = (
            f"the frames are of {len(groups)} kinds ({listed}); run them one after the other with "
            "-split, or name the frames of one kind"
        )
        raise ConfigError(message)
    reason = "is of {}, most frames are of {}; process it separately, or use -split"
    failures = [
        FrameFailure(frame.frame, reason.format(group.name, main.name))
        for group in others
        for frame in group.frames
    ]
    return main, failures


def _counted(frames: Sequence[PreparedFrame]) -> str:
    more = f" and {len(frames) - 1} more" if len(frames) > 1 else ""
    return f"{frames[0].frame}{more}"


def separate(frames: Sequence[PreparedFrame], *, by_filter: bool = True) -> list[Group]:
    """Groups of one instrument, filter and field; each with a name of its own."""
    groups = []
    for kind in kinds(frames, by_filter=by_filter):
        parts = fields(kind.frames)
        for part in parts:
            name = kind.name if len(parts) == 1 else f"{kind.name} {_place(part[0])}"
            groups.append(Group(name, tuple(part)))
    return _unique(groups)


def fields(frames: Sequence[PreparedFrame]) -> list[list[PreparedFrame]]:
    """Frames of separate fields: gaps between them are comparable to the field of view, or larger.

    The frames of a series that follows a target are one field, through their neighbours.
    """
    parts: list[list[PreparedFrame]] = []
    for frame in frames:
        near = [part for part in parts if any(_are_near(frame, other) for other in part)]
        joined = [other for part in near for other in part]
        parts = [part for part in parts if part not in near] + [[*joined, frame]]
    return parts


def _are_near(one: PreparedFrame, other: PreparedFrame) -> bool:
    if math.isnan(one.ra_deg) or math.isnan(other.ra_deg):
        return True  # nobody knows where the frame lies before it is registered
    reach_arcmin = GAP * max(*one.field_arcmin, *other.field_arcmin)
    distance_deg = sky.separation_deg(one.ra_deg, one.dec_deg, other.ra_deg, other.dec_deg)
    return float(distance_deg) * 60.0 < reach_arcmin


def _place(frame: PreparedFrame) -> str:
    """Rough position as part of a name."""
    if math.isnan(frame.ra_deg):
        return "somewhere"
    hours = math.floor(frame.ra_deg % 360.0 * 4.0)  # minutes of right ascension
    return f"{hours // 60:02d}{hours % 60:02d}{frame.dec_deg:+05.1f}"


def _unique(groups: list[Group]) -> list[Group]:
    """The groups with numbers where names would be the same folder."""
    taken: dict[str, int] = {}
    unique = []
    for group in groups:
        key = group.folder.casefold()
        taken[key] = taken.get(key, 0) + 1
        name = group.name if taken[key] == 1 else f"{group.name} {taken[key]}"
        unique.append(Group(name, group.frames))
    return unique
