"""One directory from beginning to end: lock, settings, LOG, the chain, the pages."""

import contextlib
import io
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from photpipe.command import cli
from photpipe.ground.log import logging_to
from photpipe.run.record import RunResult
from photpipe.run.results import DistillResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.runner import lock, telling
from photpipe.runner.options import RunOptions
from photpipe.runner.outcome import DirectoryResult

log = logging.getLogger(__name__)

COMMAND = "pp_run"
HANDED_ON_S = 3600.0  # a worker believed dead may still be at it; then its result is taken

_turn = threading.Lock()
"""LOG belongs to a process: of several directories in one process each waits for its turn."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a run behaves: the options that all commands share, and how it was called.

    Parameters
    ----------
    arguments : str
        What was typed behind pp_run.
    identity : str
        Identifies this call of pp_run; a directory whose record bears it is finished.
    offline, quiet, debug : bool
        Ask no service; say little; say everything.
    jobs : int
        Frames worked on side by side in one directory.
    is_silent : bool
        Say nothing on the screen at all: somebody else reports.
    """

    arguments: str
    identity: str
    offline: bool = False
    quiet: bool = False
    debug: bool = False
    jobs: int = 1
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A directory to work on; can be sent to another process.

    Parameters
    ----------
    directory, frames : Path, tuple of Path
        Where, and what.
    options : RunOptions
        What the user says.
    manners : Manners
        How the run behaves.
    retry : bool
        Whether frames that failed in the run before are tried again.
    is_once : bool
        Whether a directory that this call of pp_run has finished already is left alone.
    """

    directory: Path
    frames: tuple[Path, ...]
    options: RunOptions
    manners: Manners
    retry: bool = True
    is_once: bool = False


def workspace_of(task: Task) -> Workspace:
    """Workspace of a directory, with the settings that apply there.

    Raises
    ------
    ConfigError
        If a file of settings is wrong.
    """
    settings = Settings.load(task.directory)
    if task.manners.offline:
        settings = settings.with_offline()
    quiet = task.manners.quiet or task.manners.is_silent
    return Workspace(task.directory, settings, quiet=quiet, jobs=task.manners.jobs)


def run_directory(task: Task) -> DirectoryResult:
    """Work on one directory; whatever happens there is told by the result, not raised.

    An interrupt (Ctrl-C, SIGTERM) ends with `cli.Status.INTERRUPTED`.
    """
    began = time.monotonic()
    outcome = cli.Outcome()
    result = DirectoryResult(task.directory, cli.Status.FAILED, frames=len(task.frames))
    with _turn, _console(task.manners), cli.reporting(outcome, debug=task.manners.debug):
        workspace = workspace_of(task)
        patience_s = HANDED_ON_S if task.is_once else 0.0
        locked = lock.locked(task.directory, patience_s)
        with locked as was_killed, _log(workspace, task.manners):
            if was_killed:
                log.warning("%s: the previous run was killed", task.directory)
            result = _run_locked(task, workspace, outcome)
            telling.tell(result)
    seconds = time.monotonic() - began
    return replace(result, status=outcome.status, reason=outcome.reason, seconds=seconds)


def _console(manners: Manners) -> contextlib.AbstractContextManager[object]:
    if not manners.is_silent:
        return contextlib.nullcontext()
    return contextlib.redirect_stdout(io.StringIO())


@contextlib.contextmanager
def _log(workspace: Workspace, manners: Manners) -> Iterator[None]:
    with logging_to(workspace.directory, quiet=manners.quiet, debug=manners.debug):
        log.debug("%s", f"{COMMAND} {manners.arguments}")
        yield


def _run_locked(task: Task, workspace: Workspace, outcome: cli.Outcome) -> DirectoryResult:
    """Work on a directory that is ours now; the result lacks status and time."""
    record = workspace.load(RunResult) if task.is_once else None
    if record is None or record.identity != task.manners.identity or record.is_unfinished:
        record = _recorded(task, workspace, outcome)
    else:
        outcome.status = cli.status_of(record)
    return DirectoryResult(
        task.directory,
        outcome.status,
        frames=len(task.frames),
        done=record.done,
        failed=record.failed,
        reused=record.reused,
        distilled=workspace.load(DistillResult),
    )


def _recorded(task: Task, workspace: Workspace, outcome: cli.Outcome) -> RunResult:
    """Run the chain, tell the history, and write the pages."""
    from photpipe.runner import chain

    manners = task.manners
    record: RunResult | None = None
    with cli.in_history(COMMAND, manners.arguments, workspace) as told:
        with cli.reporting(outcome, debug=manners.debug):
            record = chain.run(
                task.frames, task.options, workspace, identity=manners.identity, retry=task.retry
            )
            outcome.status = cli.status_of(record)
        told.status, told.reason = outcome.status, outcome.reason
    is_new = record is None or any(step.seconds for step in record.steps)
    has_page = (task.directory / telling.REPORT).is_file()
    if outcome.status is not cli.Status.INTERRUPTED and (is_new or not has_page):
        cli.write_report(workspace)
    if record is None:  # stopped by an error: what was done until then
        record = workspace.load(RunResult)
    return record if record and record.identity == manners.identity else RunResult()
