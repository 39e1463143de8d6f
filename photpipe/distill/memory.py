"""What is kept of the points of each frame, so that a further frame does not renew them all.

What stands around a target, and the templates without it, come from the other frames: with every
further one a point would change a little. It is kept as long as its frame and its database are as
they were left, its targets are found in the same sources, and the night has not grown by more than
`GROWTH` since it was measured. Points that wait for a template are measured again each time.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.distill.identification import Track
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.ground import files
from photpipe.ground.sky import ARCSEC_PER_DEG, separation_deg
from photpipe.run import subtracted
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.distill.stage import DistillOptions

log = logging.getLogger("pp_distill")

# by judgement: each frame is measured again seven times while their number doubles, and never lacks
# what more than a tenth of the frames tell
GROWTH = 0.1
# of the seeing, by which a place may move: an aperture loses 0.0003 of a star's light by it
PLACE = 0.02


@dataclass(frozen=True, slots=True)
class KeptPlace:
    """Where a target was looked for on a frame, and in which row its source was found (-1: none).

    `rest` holds what has to be the same: name and kind, prediction where it moves, doubts.
    """

    row: int
    ra_deg: float
    dec_deg: float
    rest: str

    @classmethod
    def of(cls, track: Track, number: int) -> "KeptPlace":
        """That of a track on the frame of a number."""
        target, row = track.target, track.rows[number]
        predicted = float(target.ra_deg[number]), float(target.dec_deg[number])
        told = (
            *(target.name, target.kind, predicted if target.moves else ()),
            *(track.is_confirmed, track.is_elsewhere, track.doubts.get(number, "")),
        )
        ra, dec = (float(each[number]) for each in (track.located.ra_deg, track.located.dec_deg))
        return cls(-1 if row is None else row, ra, dec, repr(told))

    def is_still(self, now: "KeptPlace", seeing_arcsec: float) -> bool:
        """Whether a target is where it was, in the same source."""
        if (self.row, self.rest) != (now.row, now.rest):
            return False
        places = self.ra_deg, self.dec_deg, now.ra_deg, now.dec_deg
        if np.isnan(places).any():
            return repr(places[:2]) == repr(places[2:])
        return bool(separation_deg(*places) * ARCSEC_PER_DEG <= PLACE * seeing_arcsec)


@dataclass(frozen=True, slots=True)
class KeptPoint:
    """The point of a target on a frame as it was measured.

    Parameters
    ----------
    frame : str
        Name of the frame.
    stamps : tuple of str
        Of the frame and of its database.
    count : int
        How many frames the night had then.
    target : str
        Name of the target.
    place : KeptPlace
        Where it was looked for.
    point : TargetPoint or None
        None: it is not on the frame.
    has_panels : bool
        Whether something was subtracted that `run.subtracted` keeps.
    """

    frame: str
    stamps: tuple[str, ...]
    count: int
    target: str
    place: KeptPlace
    point: TargetPoint | None
    has_panels: bool

    @property
    def waits(self) -> bool:
        """Whether a further frame may free it of its neighbours."""
        point = self.point
        return bool(point and point.contamination and not np.isfinite(point.plain_mag))


@dataclass(frozen=True, slots=True)
class PointsMemory:
    """What is kept of all frames; `key` is a digest of what decides for all of them."""

    key: str = ""
    points: tuple[KeptPoint, ...] = ()


Panels = NDArray[np.float32]


@dataclass(slots=True)
class Points:
    """What an earlier run has measured, and what is kept for the next one.

    Parameters
    ----------
    key : str
        As in `PointsMemory`; empty: nothing is taken, nor kept.
    kept : dict
        Name of a frame to its points that are taken, by the names of the targets.
    panels : dict
        Target and frame to what was subtracted from such a point.
    """

    workspace: Workspace
    frames: Sequence[MeasuredFrame]
    tracks: Sequence[Track]
    key: str
    kept: dict[str, dict[str, KeptPoint]] = field(default_factory=dict)
    panels: dict[tuple[str, str], Panels] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        frames: Sequence[MeasuredFrame],
        tracks: Sequence[Track],
        guide: str,
        options: "DistillOptions",
        workspace: Workspace,
    ) -> "Points":
        """What is still true of frames, if the last run was told the same."""
        alone = options.write_subtracted or options.trail_profile  # what they write is not kept
        if alone:
            return cls(workspace, frames, tracks, "")
        settings = workspace.settings
        told = asdict(options), asdict(settings.photometry), asdict(settings.distill)
        names = [(each.target.name, each.target.kind) for each in tracks]
        found = cls(workspace, frames, tracks, workspace.key_of(told, guide, names))
        if found.key:
            found._recall()
        return found

    def _recall(self) -> None:
        memory = self.workspace.load(PointsMemory) or PointsMemory()
        if memory.key != self.key:
            return
        known = {(each.target, each.frame): each for each in memory.points}
        shown = {each.target.name: self._panels(each.target.name) for each in self.tracks}
        for number, frame in enumerate(self.frames):
            name, stamps = frame.frame.name, _stamps(frame)
            for track in self.tracks:
                target = track.target.name
                before, panels = known.get((target, name)), shown[target].get(name)
                if before is None or before.stamps != stamps:
                    continue
                now = KeptPlace.of(track, number)
                if self._is_young(before) and before.place.is_still(now, frame.seeing_arcsec):
                    if before.has_panels and panels is None:
                        continue
                    self.kept.setdefault(name, {})[target] = before
                    if before.has_panels and panels is not None:
                        self.panels[target, name] = panels
        if self.kept:
            log.info("points of %d frames are as they were measured", len(self.kept))

    def _panels(self, target: str) -> Mapping[str, Panels]:
        read = subtracted.read(self.workspace.state_directory, target)
        return {frame: each.astype(np.float32) for frame, each in read.items()}

    def _is_young(self, before: KeptPoint) -> bool:
        """Whether the night has not grown since by what might change a point."""
        grown = abs(len(self.frames) - before.count)
        return not before.waits and grown <= GROWTH * before.count

    def taken(self, frame: str) -> Mapping[str, KeptPoint]:
        """Points of a frame that are as they were measured, by the names of the targets."""
        return self.kept.get(frame, {})

    def points_of(self, frame: str) -> dict[str, TargetPoint]:
        """The points themselves; none where a target is not on the frame."""
        return {name: each.point for name, each in self.taken(frame).items() if each.point}

    def is_complete(self, frame: str) -> bool:
        """Whether nothing of a frame has to be measured."""
        return len(self.taken(frame)) == len(self.tracks)

    def keep(
        self,
        points: Mapping[int, Mapping[str, TargetPoint]],
        panels: Collection[tuple[str, str]],
    ) -> None:
        """Keep points for the next run.

        Parameters
        ----------
        points : mapping
            Numbers of frames to their points, by the names of their targets.
        panels : collection of (str, str)
            Targets and frames of which there are panels.
        """
        if not self.key:
            return
        rows = []
        for number, found in points.items():
            name, stamps = self.frames[number].frame.name, _stamps(self.frames[number])
            for track in self.tracks:
                target = track.target.name
                row = self.taken(name).get(target)
                if row is None:
                    where = name, stamps, len(self.frames), target, KeptPlace.of(track, number)
                    row = KeptPoint(*where, found.get(target), (target, name) in panels)
                rows.append(row)
        self.workspace.save(PointsMemory(self.key, tuple(rows)))


def _stamps(frame: MeasuredFrame) -> tuple[str, ...]:
    """Stamps of a frame and of its database."""
    return files.stamps((frame.frame.path, frame.frame.database_path))
