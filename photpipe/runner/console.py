"""What a run prints at its end: the photometry, what failed, and where to look at it."""

import logging
import math
import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from photpipe.distill.targets import CONTROL
from photpipe.ground import timescale
from photpipe.ground.errors import ConfigError
from photpipe.ground.log import FRAME, tinted
from photpipe.run import photometry_file
from photpipe.run.results import (
    CalibrateResult,
    DistilledTarget,
    PhotometryResult,
    RegisterResult,
)
from photpipe.run.workspace import Workspace
from photpipe.runner.directory_result import DirectoryResult

log = logging.getLogger("pp_run")

REPORT = "diagnostics.html"
MOST_LINES = 40  # a screen or two
MOST_VERDICTS = 6  # what is read at a glance
BLOCKS = "▁▂▃▄▅▆▇█"
# a sparkline of fewer shows nothing; of more does not fit a line
FEWEST_BLOCKS, MOST_BLOCKS = 3, 60


def print_result(result: DirectoryResult, workspace: Workspace) -> None:
    """Say what came out of one directory: its targets, the verdict, where to look at it."""
    for reused in result.reused if result.done else ():
        log.info("reused: %s (-force starts over)", reused)
    for target in result.distilled.targets if result.distilled and result.done else ():
        log.info("%s", summary(target))
        for line in photometry(result.directory, target):
            log.info("%s", line, extra=FRAME)
        curve = sparkline(result.directory, target)
        if curve and target.kind != CONTROL:
            log.info("  %s", curve)
    if result.failed:
        log.warning("%s", _shortfall(result))
    page = result.directory / REPORT
    if page.is_file():
        _judge(workspace)
        log.info("%s", page.as_uri())


def _judge(workspace: Workspace) -> None:
    """Say the verdict: what needs a look with its remedy, and how much is good."""
    from photpipe.report.state import gather
    from photpipe.report.verdicts import Severity, judge

    judged = judge(gather(workspace))
    serious = [each for each in judged if each.severity in (Severity.BAD, Severity.LOOK)]
    for each in serious[:MOST_VERDICTS]:
        text = f"{each.severity.word}: {each.text}"
        if each.advice:
            text += f"{'' if text.endswith(('.', '?', '!')) else '.'} {each.advice}"
        log.info("%s", text, extra=tinted(each.severity))
    more = len(serious) - MOST_VERDICTS
    if more > 0:
        log.info("and %d more; see diagnostics.html", more)
    good = sum(each.severity is Severity.GOOD for each in judged)
    if good:
        nothing = "" if serious else ", nothing needs a look"
        log.info("Good: %s passed%s", _counted(good, "check"), nothing, extra=tinted("good"))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def of_stage(command: str, result: Any, seconds: float) -> str:
    """One line about a stage: what it did to how many frames, and how long it took."""
    done, total = result.done, result.done + len(result.failed)
    what = {
        "pp_prepare": "prepared",
        "pp_register": "registered",
        "pp_photometry": "measured",
        "pp_calibrate": "calibrated",
    }.get(command)
    if what is None:
        targets = [each for each in result.targets if each.kind != CONTROL]
        said = f"{_counted(len(targets), 'target')} measured"
    else:
        said = f"{done} of {_counted(total, 'frame')} {what}"
    return f"{command}: {said}{_detail(result)} ({seconds:.1f} s)"


def _detail(result: Any) -> str:
    """The one number of a stage that everybody wants to know."""
    if isinstance(result, RegisterResult) and result.frames:
        rms = statistics.median(each.rms_arcsec for each in result.frames)
        catalogs = ", ".join(sorted({each.catalog for each in result.frames if each.catalog}))
        return f" with {catalogs}, rms {rms:.2f} arcsec" if math.isfinite(rms) else ""
    if isinstance(result, PhotometryResult) and math.isfinite(result.aperture_radius_px):
        return f", aperture radius {result.aperture_radius_px:.2f} px"
    if isinstance(result, CalibrateResult):
        known = [each for each in result.frames if each.is_calibrated]
        if known:
            zeropoint = statistics.median(each.zeropoint_mag for each in known)
            error = statistics.median(each.zeropoint_sigma_mag for each in known)
            return f", zeropoint {zeropoint:.3f} +- {error:.3f} mag in {result.band}"
    return ""


def sparkline(directory: Path, target: DistilledTarget) -> str:
    """The light curve in one line of blocks, the brighter the higher; empty for few points."""
    try:
        _, points = photometry_file.read(directory / target.file)
    except ConfigError:
        return ""
    mags = [each.mag for each in points if each.is_good and math.isfinite(each.mag)]
    if len(mags) < FEWEST_BLOCKS:
        return ""
    if len(mags) > MOST_BLOCKS:
        edges = [round(number * len(mags) / MOST_BLOCKS) for number in range(MOST_BLOCKS + 1)]
        mags = [statistics.fmean(mags[a:b]) for a, b in pairwise(edges)]
    faint, bright = max(mags), min(mags)
    span = faint - bright
    steps = [round((faint - mag) / span * (len(BLOCKS) - 1)) if span else 0 for mag in mags]
    return f"{''.join(BLOCKS[step] for step in steps)}  {bright:.3f} to {faint:.3f} mag"


def _shortfall(result: DirectoryResult) -> str:
    """Frames that did not complete, and what else was not had."""
    counts = f"{result.done} of {result.frames} frames completed"
    if result.done < result.frames:
        return f"{counts}; the failures are listed above"
    causes = dict.fromkeys(
        each.frame if " " in each.frame else each.reason.partition(":")[0] for each in result.failed
    )
    return f"{counts}; see the warnings above: {', '.join(causes)}"


def photometry(directory: Path, target: DistilledTarget) -> Iterator[str]:
    """Lines about the points of one target; none about the control star."""
    if target.kind == CONTROL:
        return
    try:
        _, points = photometry_file.read(directory / target.file)
    except ConfigError as error:
        yield str(error)
        return
    for point in points[:MOST_LINES]:
        sign = ">" if point.method == photometry_file.LIMIT else " "
        remark = point.rejected or (
            "" if point.method == photometry_file.DETECTED else point.method
        )
        yield (
            f"  {point.frame:<28} {point.midtime_jd:.6f}  {timescale.iso(point.midtime_jd, 0)} "
            f"{_measured(sign, point)} {point.band:3} {remark}"
        ).rstrip()
    if len(points) > MOST_LINES:
        yield f"  ... and {len(points) - MOST_LINES} more in {target.file}"


def _measured(sign: str, point: photometry_file.TargetPoint) -> str:
    """Magnitude and error of a point, as far as they are known."""
    if not math.isfinite(point.mag):
        return " not measured     "
    error = f" +- {point.sig:6.4f}" if math.isfinite(point.sig) else " " * 10
    return f"{sign}{point.mag:8.4f}{error}"


def summary(target: DistilledTarget) -> str:
    """One line about a target."""
    kind = "mag" if target.is_calibrated else "mag (instrumental)"
    counts = {
        "forced": target.forced,
        "limits": target.limits,
        "rejected": target.rejected,
        "contaminated": target.contaminated,
    }
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    brightness = "no magnitude"
    if math.isfinite(target.median_mag):
        brightness = f"{target.median_mag:.4f} {kind}, scatter {target.scatter_mag:.4f}"
    return (
        f"{target.name}: {brightness}, "
        f"{target.points} frames{f' ({parts})' if parts else ''}: {target.file}"
    )


def _in_short(target: DistilledTarget) -> str:
    known = math.isfinite(target.median_mag)
    return f"{target.median_mag:.3f} mag" if known else "no magnitude"


def in_one_line(result: DirectoryResult, root: Path) -> str:
    """A directory among others: how it ended, and its targets."""
    name = "." if result.directory == root else str(result.directory.relative_to(root))
    status = result.status.name.lower()
    if result.reason:
        return f"{name}: {status}: {result.reason}"
    targets = result.distilled.targets if result.distilled and result.done else ()
    found = "; ".join(
        f"{each.name} {_in_short(each)} on {each.points} frames"
        for each in targets
        if each.kind != CONTROL
    )
    reused = ", nothing new" if _is_old(result) else ""
    return (
        f"{name}: {status}: {result.done} of {result.frames} frames in {result.seconds:.1f} s"
        f"{reused}{f': {found}' if found else ''}"
    )


def _is_old(result: DirectoryResult) -> bool:
    from photpipe.runner.stages import STAGES

    # all frames were prepared and registered before: one line for the first two stages
    return len(result.reused) == len(STAGES) - 1
