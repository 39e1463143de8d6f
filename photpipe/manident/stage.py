"""Mark a target by hand, for pp_distill -positions."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground.errors import ConfigError, ReductionError
from photpipe.run import kinds
from photpipe.run.options import TELESCOPE, Option
from photpipe.run.results import FrameFailure, ManidentResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.manident.display import DisplayedFrame
    from photpipe.manident.marking import MarkableFrame, Marks

log = logging.getLogger("pp_manident")


@dataclass(frozen=True, slots=True)
class ManidentOptions:
    """What the user may say."""

    zoom: float = Option("zoom factor of the images when loaded", kinds.positive, "FACTOR").field(
        0.5
    )
    telescope: str | None = TELESCOPE.field(None)


def manident(
    paths: Sequence[Path], options: ManidentOptions, workspace: Workspace
) -> ManidentResult:
    """Let the user mark a target on frames, and find it on the others from the path through them.

    **Reads** prepared frames, registered or not, and their catalogs of sources, if there are any;
    the marks of an earlier ``positions.dat``. **Writes** ``positions.dat``: file name, RA and Dec
    in degrees by the WCS of the frame, mid-time (JD), and a comment where somebody marked it.

    Raises
    ------
    ConfigError
        If no window can be opened, or the telescope is unknown.
    ReductionError
        If no frame can be shown.
    """
    try:
        from photpipe.manident import window
    except ModuleNotFoundError as error:
        if error.name not in {"tkinter", "_tkinter"}:
            raise
        message = "this Python cannot open windows; sudo apt-get install python3-tk"
        raise ConfigError(message) from error
    from photpipe.manident.marking import POSITIONS_FILE, Marks

    with window.open_display() as root:
        loaded, failed = _loaded(paths, options, workspace)
        marks = Marks([sight for sight, _ in loaded])
        path = workspace.directory / POSITIONS_FILE
        restored = marks.restore(path)
        if restored:
            log.info("%s: %d marks of an earlier session", path.name, restored)
        pictures = {sight.path: picture for sight, picture in loaded}
        ordered = [pictures[each.path] for each in marks.sights]
        view = window.Window(root, marks, ordered, options.zoom)
        workspace.map_frames(view.rendered, range(len(ordered)), "load")
        try:
            view.run()
        finally:  # what was clicked is kept, whatever ends the session
            written = _write(marks, path)
    log.info("%s", _outcome(len(marks), written, len(ordered), path.name))
    return ManidentResult(
        file=path.name if written else "",
        marked=len(marks),
        written=written,
        frames=len(ordered),
        failed=tuple(failed),
    )


def _write(marks: "Marks", path: Path) -> int:
    """Write the positions file, if anything was marked; returns how many positions."""
    if not len(marks):
        return 0
    try:
        return marks.write(path)
    except OSError as error:
        raise ReductionError(f"{path} cannot be written: {error.strerror or error}") from error


def _loaded(
    paths: Sequence[Path], options: ManidentOptions, workspace: Workspace
) -> "tuple[list[tuple[MarkableFrame, DisplayedFrame]], list[FrameFailure]]":
    """Frames that can be shown, and those that cannot."""
    from photpipe.instruments import telescopes
    from photpipe.manident.display import DisplayedFrame
    from photpipe.manident.marking import MarkableFrame

    telescope = telescopes.by_keyword(options.telescope) if options.telescope else None

    def load(path: Path) -> tuple[MarkableFrame, DisplayedFrame]:
        sight = MarkableFrame.read(path, telescope)
        return sight, DisplayedFrame.read(path, sight.shape)

    loaded, failed = workspace.map_frames(load, list(dict.fromkeys(paths)), "read")
    if not loaded:
        reasons = "; ".join(f"{each.frame}: {each.reason}" for each in failed[:3])
        raise ReductionError(f"no frame can be shown: {reasons}")
    if not any(sight.x_px.size for sight, _ in loaded):
        log.warning("no frame has a catalog of sources: run pp_photometry first for the circles")
    return loaded, failed


def _outcome(marked: int, written: int, frames: int, name: str) -> str:
    if not marked:
        return f"nothing was marked; {name} is as it was"
    if written < frames:
        return f"{name}: {written} of {frames} frames; mark a second one to find it on all"
    return f"{name}: {frames} frames, {marked} of them marked; now pp_distill -positions {name}"
