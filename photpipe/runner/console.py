"""What a run prints at its end: the photometry, what failed, and where to look at it."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path

from photpipe.distill.targets import CONTROL
from photpipe.ground import timescale
from photpipe.ground.errors import ConfigError
from photpipe.run import photometry_file
from photpipe.run.results import DistilledTarget
from photpipe.runner.directory_result import DirectoryResult

log = logging.getLogger("pp_run")

REPORT = "diagnostics.html"
MOST_LINES = 40


def print_result(result: DirectoryResult) -> None:
    """Say what came out of one directory: every point of its targets, what failed, the page."""
    for reused in result.reused if result.done else ():
        log.info("reused: %s (-force starts over)", reused)
    for target in result.distilled.targets if result.distilled and result.done else ():
        for line in photometry(result.directory, target):
            log.info("%s", line)
    if result.failed:
        log.warning("%s", _shortfall(result))
    page = result.directory / REPORT
    if page.is_file():
        log.info("%s", page)


def _shortfall(result: DirectoryResult) -> str:
    """Frames that did not complete, and what else was not had."""
    lost = result.frames - result.done
    if lost > 0:
        return f"{result.done} of {result.frames} frames completed; the failures are listed above"
    causes = dict.fromkeys(
        each.frame if " " in each.frame else each.reason.partition(":")[0] for each in result.failed
    )
    return f"all {result.frames} frames completed; see the warnings above: {', '.join(causes)}"


def photometry(directory: Path, target: DistilledTarget) -> Iterator[str]:
    """Lines about one target; of the control star the summary alone."""
    yield summary(target)
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
