"""summary.html: the directories of `pp_run all` in one table, live while the run goes on."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from photpipe.ground.files import encoded
from photpipe.report import render, wording
from photpipe.report.links import MAIN
from photpipe.report.output import write as write_file
from photpipe.report.state import State, gather
from photpipe.report.tables import SENTENCE, TEXT, Column, Link, Word, table
from photpipe.report.verdicts import Severity, judge
from photpipe.report.wording import number
from photpipe.run.workspace import Workspace

SUMMARY = "summary.html"
RELOAD_S = 10  # by judgement: an eye on a run
WAITING, RUNNING, DONE, PARTIAL, FAILED = "waiting", "running", "done", "partial", "failed"


@dataclass(frozen=True, slots=True)
class SummaryTarget:
    """Magnitude of a target: name, median and scatter (mag), points that count."""

    name: str
    mag: float
    scatter_mag: float
    points: int


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One directory; NaN and empty where nothing is known yet.

    Parameters
    ----------
    directory : str
        Path from the root.
    status : str
        waiting, running, done, partial (some frames failed), or failed.
    frames, registered : int
        Frames that were given, and those that were registered.
    aperture_px, zeropoint_mag : float
        Aperture radius; median zeropoint.
    band : str
        Band of the zeropoint.
    targets : tuple of SummaryTarget
        The targets, without the control star.
    seconds : float
        How long it took.
    link : str
        Path of its main page from the root; empty if there is none.
    remark : str
        The most serious verdict, or why it failed.
    failed, unmeasured : int
        Frames that failed at any stage; targets of which there is no measurement.
    """

    directory: str
    status: str
    frames: int = 0
    registered: int = 0
    aperture_px: float = math.nan
    zeropoint_mag: float = math.nan
    band: str = ""
    targets: tuple[SummaryTarget, ...] = ()
    seconds: float = math.nan
    link: str = ""
    remark: str = ""
    failed: int = 0
    unmeasured: int = 0


_WORDS = {
    WAITING: Severity.NOTE,
    RUNNING: Severity.NOTE,
    DONE: Severity.GOOD,
    PARTIAL: Severity.LOOK,
    FAILED: Severity.BAD,
}


def row_of(
    workspace: Workspace, root: Path, status: str, seconds: float = math.nan, remark: str = ""
) -> SummaryRow:
    """Row of a directory from its saved results.

    Parameters
    ----------
    workspace : Workspace
        The directory.
    root : Path
        Where summary.html stands.
    status, seconds, remark
        As in `SummaryRow`; without a remark the most serious verdict is given.
    """
    state = gather(workspace)
    directory = workspace.directory.relative_to(root).as_posix()
    has_page = (workspace.directory / MAIN).is_file()
    zeropoints = state.calibrate.frames if state.calibrate else ()
    return SummaryRow(
        directory=directory,
        status=status,
        frames=len(state.frames),
        registered=state.register.done if state.register else 0,
        aperture_px=state.photometry.aperture_radius_px if state.photometry else math.nan,
        zeropoint_mag=wording.median(each.zeropoint_mag for each in zeropoints),
        band=state.calibrate.band if state.calibrate else "",
        targets=_targets(state),
        seconds=seconds,
        link=f"{directory}/{MAIN}" if has_page else "",
        remark=remark or _worst(state),
        failed=sum(bool(each.failures) for each in state.frames),
        unmeasured=_unmeasured(state),
    )


def _targets(state: State) -> tuple[SummaryTarget, ...]:
    found = []
    for target in state.distill.targets if state.distill else ():
        if target.kind != "control":
            good = target.points - target.rejected - target.limits
            found.append(SummaryTarget(target.name, target.median_mag, target.scatter_mag, good))
    return tuple(found)


def _unmeasured(state: State) -> int:
    """Targets that failed as a whole: outside of all frames, or not known."""
    failed = state.distill.failed if state.distill else ()
    return sum(each.frame.startswith("target ") for each in failed)


def _worst(state: State) -> str:
    serious = (Severity.BAD, Severity.LOOK)
    return next((each.text for each in judge(state) if each.severity in serious), "")


def write(root: Path, rows: Sequence[SummaryRow]) -> Path:
    """Write summary.html; while a directory is waiting or running the page reloads itself.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    is_live = any(each.status in {WAITING, RUNNING} for each in rows)
    text = render.page(
        "summary.html",
        title=root.name or str(root),
        directories=table(DIRECTORIES, rows),
        done=sum(each.status not in {WAITING, RUNNING} for each in rows),
        reload_s=RELOAD_S if is_live else 0,
        style=render.resource("style.css"),
        script=render.script("report.js"),
    )
    path = root / SUMMARY
    write_file(path, encoded(text))
    return path


write_summary = write


def _partial(row: SummaryRow) -> str:
    """What is missing in a directory that was not done completely."""
    parts = [f"{wording.many(row.failed, 'frame')} failed"] if row.failed else []
    if row.unmeasured:
        parts.append(f"{wording.many(row.unmeasured, 'target')} not measured")
    return wording.listed(parts) or "incomplete"


def _target_text(target: SummaryTarget) -> str:
    points = wording.many(target.points, "measurement")
    if not math.isfinite(target.mag):
        return f"{target.name}: no magnitude"
    scatter_mag = target.scatter_mag if target.points > 1 else math.nan
    return f"{target.name}: {wording.with_error(target.mag, scatter_mag)} ({points})"


def _status(row: SummaryRow) -> Word:
    text = _partial(row) if row.status == PARTIAL else row.status
    return Word(text, _WORDS.get(row.status, Severity.NOTE))


def _if_known(count: int, row: SummaryRow) -> str:
    return str(count) if row.frames else wording.UNKNOWN


def _zeropoint(row: SummaryRow) -> str:
    zeropoint = number(row.zeropoint_mag, 3)
    return f"{zeropoint} {row.band}" if math.isfinite(row.zeropoint_mag) else zeropoint


DIRECTORIES: tuple[Column[SummaryRow], ...] = (
    Column("Directory", lambda row: Link(row.directory, quote(os.fsencode(row.link))), TEXT),
    Column("Status", _status, TEXT),
    Column("Frames", lambda row: _if_known(row.frames, row)),
    Column("Registered", lambda row: _if_known(row.registered, row)),
    Column("Aperture (px)", lambda row: number(row.aperture_px, 2)),
    Column("Zeropoint", _zeropoint),
    Column(
        "Targets (mag ± scatter)",
        lambda row: wording.listed([_target_text(each) for each in row.targets]),
        SENTENCE,
    ),
    Column(
        "Duration",
        lambda row: wording.duration(row.seconds),
        sort=lambda row: number(row.seconds, 1),
    ),
    Column("Remark", lambda row: row.remark, SENTENCE),
)
