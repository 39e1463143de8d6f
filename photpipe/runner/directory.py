"""One directory from beginning to end: lock, settings, LOG, the chain, the pages."""

import contextlib
import io
import logging
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from photpipe.command.history import in_history, write_report
from photpipe.command.reporting import Outcome, Status, reporting, status_of
from photpipe.ground.log import logging_to
from photpipe.run import lock
from photpipe.run.record import RunResult
from photpipe.run.results import DistillResult
from photpipe.run.settings import Settings, tell_ignored
from photpipe.run.workspace import Workspace
from photpipe.runner import console
from photpipe.runner.directory_result import DirectoryResult
from photpipe.runner.options import RunOptions

COMMAND = "pp_run"
log = logging.getLogger(COMMAND)

HANDED_ON_S = 3600.0  # a worker believed dead may still be at it; then its result is taken

_turn = threading.Lock()
"""LOG belongs to a process: of several directories in one process each waits for its turn."""


@dataclass(frozen=True, slots=True)
class Invocation:
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
    is_live : bool
        More frames are expected: the pages renew themselves.
    is_verbose : bool
        Show a line for every frame, as LOG has it.
    """

    arguments: str
    identity: str
    offline: bool = False
    quiet: bool = False
    debug: bool = False
    jobs: int = 1
    is_silent: bool = False
    is_live: bool = False
    is_verbose: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A directory to work on; can be sent to another process.

    Parameters
    ----------
    directory, frames : Path, tuple of Path
        Where, and what.
    options : RunOptions
        What the user says.
    invocation : Invocation
        How the run behaves.
    retry : bool
        Whether frames that failed in the run before are tried again.
    is_once : bool
        Whether a directory that this call of pp_run has finished already is left alone.
    """

    directory: Path
    frames: tuple[Path, ...]
    options: RunOptions
    invocation: Invocation
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
    if task.invocation.offline:
        settings = settings.with_offline()
    quiet = task.invocation.quiet or task.invocation.is_silent
    jobs, is_live = task.invocation.jobs, task.invocation.is_live
    return Workspace(task.directory, settings, quiet=quiet, jobs=jobs, is_live=is_live)


def run_directory(task: Task) -> DirectoryResult:
    """Work on one directory; whatever happens there is told by the result, not raised.

    An interrupt (Ctrl-C, SIGTERM) ends with `Status.INTERRUPTED`.
    """
    from photpipe.runner import chain

    began = time.monotonic()
    outcome, invocation = Outcome(), task.invocation
    workspace, record, earlier = None, None, None
    result = DirectoryResult(task.directory, Status.FAILED, frames=len(task.frames))
    with _turn, _console(invocation), contextlib.ExitStack() as held:
        with contextlib.ExitStack() as kept, reporting(outcome, debug=invocation.debug):
            workspace = _opened(task, held)
            record = earlier = _finished_before(task, workspace)
            if record is None:
                told = in_history(COMMAND, invocation.arguments, workspace, outcome)
                kept.enter_context(told)  # ends when a failure has been caught
                record = chain.run(
                    *(task.frames, task.options, workspace),
                    identity=invocation.identity,
                    retry=task.retry,
                )
            outcome.status = status_of(record)
        if workspace is not None:
            with reporting(outcome, debug=invocation.debug):
                if earlier is None:
                    _write_pages(workspace, record, outcome)
                result = _result(task, workspace, record, outcome)
                console.print_result(result, workspace)
    seconds = time.monotonic() - began
    return replace(result, status=outcome.status, reason=outcome.reason, seconds=seconds)


def _console(invocation: Invocation) -> contextlib.AbstractContextManager[object]:
    if not invocation.is_silent:
        return contextlib.nullcontext()
    return contextlib.redirect_stdout(io.StringIO())


def _opened(task: Task, held: contextlib.ExitStack) -> Workspace:
    """Workspace of a directory that is ours as long as `held` lasts, with its LOG open."""
    workspace, invocation = workspace_of(task), task.invocation
    patience_s = HANDED_ON_S if task.is_once else 0.0
    was_killed = held.enter_context(lock.locked(task.directory, patience_s))
    manners = {name: getattr(invocation, name) for name in ("quiet", "debug")}
    held.enter_context(logging_to(task.directory, **manners, brief=not invocation.is_verbose))
    log.debug("%s", f"{COMMAND} {invocation.arguments}")
    tell_ignored(task.directory)
    if was_killed:
        log.warning("%s: the previous run was killed", task.directory)
    return workspace


def _finished_before(task: Task, workspace: Workspace) -> RunResult | None:
    """Record of this call of pp_run, if it has finished the directory already."""
    record = workspace.load(RunResult) if task.is_once else None
    if record is None or record.identity != task.invocation.identity or record.is_unfinished:
        return None
    return record


def _write_pages(workspace: Workspace, record: RunResult | None, outcome: Outcome) -> None:
    """Write the pages anew, unless they are what they would be."""
    is_new = record is None or any(step.seconds for step in record.steps)
    has_page = (workspace.directory / console.REPORT).is_file()
    if outcome.status is not Status.INTERRUPTED and (is_new or not has_page):
        write_report(workspace)


def _result(
    task: Task, workspace: Workspace, record: RunResult | None, outcome: Outcome
) -> DirectoryResult:
    """What became of the directory; of a run that stopped, what was done until then."""
    if record is None:
        record = workspace.load(RunResult)
        if record is None or record.identity != task.invocation.identity:
            record = RunResult()
    return DirectoryResult(
        task.directory,
        outcome.status,
        frames=len(task.frames),
        done=record.done,
        failed=record.failed,
        reused=record.reused,
        distilled=workspace.load(DistillResult),
    )
