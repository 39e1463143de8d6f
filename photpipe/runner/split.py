"""A directory with several instruments, filters or fields: a folder for each, one after the other.

The folders hold links to the prepared frames, which cost no space: a stage that changes a
header writes a new file, so that what it does in a folder is done there alone.
"""

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from photpipe.command.reporting import Outcome, Status, reporting, tell_failures
from photpipe.fits.fitsfile import PRISTINE_FOLDER
from photpipe.ground import files
from photpipe.ground.errors import ConfigError
from photpipe.ground.log import logging_to
from photpipe.run import lock
from photpipe.run.results import FrameFailure
from photpipe.run.settings import DATA_DIRECTORY_FILE
from photpipe.runner import groups, inputs
from photpipe.runner.directory import Task, run_directory, workspace_of
from photpipe.runner.directory_result import DirectoryResult

log = logging.getLogger(__name__)

_BESIDE = (DATA_DIRECTORY_FILE, "cache")


def run(task: Task) -> DirectoryResult:
    """Prepare the frames of a directory, then work on each group in a folder of its own.

    A directory with one group alone is worked on where it is.
    """
    began = time.monotonic()
    outcome = Outcome()
    parts: list[groups.Group] = []
    failed: list[FrameFailure] = []
    with reporting(outcome, debug=task.invocation.debug):
        parts, failed = _groups(task)
    task = replace(task, options=replace(task.options, split=False))
    if len(parts) == 1 and not failed:
        return run_directory(task)
    results = []
    if outcome.status is Status.DONE:
        for part in parts:
            results.append(run_directory(_task_of(task, part)))
            if results[-1].status is Status.INTERRUPTED:
                break
    return DirectoryResult(
        task.directory,
        _status([outcome.status, *(each.status for each in results)], bool(failed)),
        reason=outcome.reason,
        frames=len(task.frames),
        done=sum(each.done for each in results),
        failed=(*failed, *(failure for each in results for failure in each.failed)),
        seconds=time.monotonic() - began,
    )


def _status(statuses: Sequence[Status], any_failed: bool) -> Status:
    """The status of many: what all agree on, otherwise partial."""
    if Status.INTERRUPTED in statuses:
        return Status.INTERRUPTED
    last = set(statuses[1:] or statuses)
    if len(last) > 1 or any_failed:
        return Status.PARTIAL if last != {Status.FAILED} else Status.FAILED
    return last.pop()


def _groups(task: Task) -> tuple[list[groups.Group], list[FrameFailure]]:
    """Prepare the frames where they are; the groups, with their folders made.

    Raises
    ------
    ConfigError
        If the directory cannot be written, or another run works there.
    """
    from photpipe.prepare.stage import prepare
    from photpipe.runner.stages import PREPARE

    workspace = workspace_of(task)
    invocation = task.invocation
    with (
        lock.locked(task.directory),
        logging_to(task.directory, quiet=invocation.quiet, debug=invocation.debug),
    ):
        result = prepare(task.frames, PREPARE.options(task.options), workspace)
        tell_failures(result.failed)
        parts = groups.separate(result.frames, by_filter=task.options.calibrate.filter is None)
        log.info("%d groups: %s", len(parts), ", ".join(each.name for each in parts))
        if len(parts) > 1 or result.failed:
            for part in parts:
                _fill(task.directory, part)
    return parts, list(result.failed)


def _fill(directory: Path, group: groups.Group) -> None:
    """Make the folder of a group, with links to its frames and to what lies beside them.

    Raises
    ------
    ConfigError
        If it cannot be written, or is in the way.
    """
    folder = directory / group.folder
    marker = folder / inputs.GROUP_FILE
    try:
        if folder.exists() and not marker.is_file():
            raise ConfigError(
                f"{folder} already exists and does not belong to the group {group.name}; rename it"
            )
        marker.parent.mkdir(parents=True, exist_ok=True)
        linked = _linked(marker)
        for row in group.frames:
            source, place = directory / row.frame, folder / row.frame
            if linked.get(row.frame) != files.stamp(source) or not place.exists():
                _link(source, place)
                linked[row.frame] = files.stamp(source)
        for name in (*_BESIDE, PRISTINE_FOLDER):
            _point(folder / name, directory / name)
        files.write_text(marker, json.dumps({"group": group.name, "frames": linked}, indent=1))
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror or error}") from error


def _linked(marker: Path) -> dict[str, str]:
    """Frames of a group and the stamps of what they were linked to."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return dict(json.loads(marker.read_text("utf-8"))["frames"])
    return {}


def _link(source: Path, place: Path) -> None:
    """Second name for a file; a copy where the disk knows none."""
    temporary = place.with_name(f"{files.TEMPORARY_PREFIX}{place.name}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(source)
    except OSError:
        shutil.copy2(source, temporary)
    temporary.replace(place)


def _point(place: Path, target: Path) -> None:
    """Symbolic link to a file or folder above, if it exists."""
    if target.exists() and not place.is_symlink():
        place.symlink_to(os.path.relpath(target, place.parent))


def _task_of(task: Task, group: groups.Group) -> Task:
    folder = task.directory / group.folder
    frames = tuple(folder / row.frame for row in group.frames)
    log.info("%s", group.name)
    return replace(task, directory=folder, frames=frames)
