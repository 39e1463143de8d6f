"""``pp_run all``: every directory below, several at a time, none stopped by another."""

import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from photpipe.command.reporting import Status
from photpipe.ground.errors import ConfigError
from photpipe.ground.log import on_console
from photpipe.run.workspace import core_count
from photpipe.runner import console, inputs, workers
from photpipe.runner.directory import Invocation, Task
from photpipe.runner.directory_result import DirectoryResult
from photpipe.runner.live_summary import LiveSummary
from photpipe.runner.one_directory import run_task
from photpipe.runner.options import RunOptions

log = logging.getLogger(__name__)


def tasks_below(root: Path, options: RunOptions, invocation: Invocation) -> list[Task]:
    """A task for every directory at and below `root` that has frames.

    Raises
    ------
    ConfigError
        If there is none.
    """
    silent = replace(invocation, is_silent=True)
    tasks = [
        Task(found.path, found.frames, options, silent)
        for found in inputs.data_directories(root, options.prefix)
    ]
    if not tasks:
        what = f" whose names start with {options.prefix!r}" if options.prefix else ""
        raise ConfigError(f"{root}: no frames{what} here or below; nothing to do")
    return tasks


def run(root: Path, options: RunOptions, invocation: Invocation, jobs: int | None) -> Status:
    """Work on every directory at and below `root`; returns the exit status.

    Parameters
    ----------
    jobs : int or None
        Directories worked on side by side; none: one per core.

    Raises
    ------
    ConfigError
        If there is no frame.
    """
    tasks = tasks_below(root, options, invocation)
    count = min(jobs or core_count(), len(tasks))
    # the cores are shared: what one directory does not use, another one does
    tasks = shared_out(tasks, max(1, core_count() // count))
    with on_console(quiet=invocation.quiet, debug=invocation.debug):
        log.info("%d directories, %d in parallel", len(tasks), count)
        summary = LiveSummary(root)
        summary.expect(tasks)
        results = workers.side_by_side(run_task, tasks, count, summary.begin)
        with summary.live(), contextlib.closing(results):
            return report(summary, results)


def shared_out(tasks: Iterable[Task], jobs: int) -> list[Task]:
    """Tasks that work on so many frames at a time each."""
    return [replace(task, invocation=replace(task.invocation, jobs=jobs)) for task in tasks]


def report(
    summary: LiveSummary, results: Iterable[tuple[Task, DirectoryResult | workers.Died]]
) -> Status:
    """Say of each directory how it ended, as it ends, and keep summary.html up to date."""
    statuses = []
    for task, outcome in results:
        result = lost(task, _death(outcome)) if isinstance(outcome, workers.Died) else outcome
        statuses.append(result.status)
        _tell(result, summary.path.parent)
        summary.end(result)
    log.info("%s", summary.path)
    return _status(statuses)


def _death(death: workers.Died) -> str:
    code = death.exitcode or 0
    how = f"signal {-code}" if code < 0 else f"status {code}"
    return f"its process ended with {how} (out of memory?); run again"


def lost(task: Task, reason: str) -> DirectoryResult:
    """Result of a directory of which nobody can tell more."""
    return DirectoryResult(task.directory, Status.FAILED, reason, frames=len(task.frames))


def _tell(result: DirectoryResult, root: Path) -> None:
    level = logging.INFO if result.status is Status.DONE else logging.ERROR
    log.log(level, "%s", console.in_one_line(result, root))
    for failure in result.failed:
        log.warning("  %s: %s", failure.frame, failure.reason)


def _status(statuses: Sequence[Status]) -> Status:
    """Done if all are, failed if all failed, otherwise partial."""
    if Status.INTERRUPTED in statuses:
        return Status.INTERRUPTED
    kinds = set(statuses)
    return kinds.pop() if len(kinds) == 1 else Status.PARTIAL
