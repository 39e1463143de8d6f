"""What is kept of a command beside its results: how it went, and the pages about it."""

import contextlib
import logging
import math
import shlex
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace

from photpipe.command.parser import Command
from photpipe.command.reporting import Outcome, Status
from photpipe.run.results import History, StageRecord
from photpipe.run.workspace import Workspace

log = logging.getLogger(__name__)


@contextlib.contextmanager
def recorded(command: Command, words: Sequence[str], workspace: Workspace) -> Iterator[Outcome]:
    """Keep how a command went, and write its pages anew; neither can fail the command."""
    if not command.has_report:
        yield Outcome()
        return
    with in_history(command.name, shlex.join(words), workspace) as outcome:
        yield outcome
    if outcome.status is Status.INTERRUPTED:
        return
    for name in command.folders:
        folder = replace(workspace, directory=workspace.directory / name)
        if folder.state_directory.is_dir() and not folder.directory.is_symlink():
            write_report(folder)
    write_report(workspace)


@contextlib.contextmanager
def in_history(
    name: str, arguments: str, workspace: Workspace, outcome: Outcome | None = None
) -> Iterator[Outcome]:
    """Keep in the directory how a command goes: as running at first, then how it ended."""
    outcome = outcome or Outcome()
    began = time.monotonic()
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def keep(status: str, seconds: float) -> None:
        history = workspace.load(History) or History()
        record = StageRecord(name, arguments, status, outcome.reason, started, seconds)
        workspace.save(history.with_record(record))

    keep("running", math.nan)
    try:
        yield outcome
    except Exception as error:
        outcome.status, outcome.reason = Status.FAILED, str(error)
        raise
    except BaseException:
        outcome.status = Status.INTERRUPTED
        raise
    finally:
        keep(outcome.status.name.lower(), time.monotonic() - began)


def write_report(workspace: Workspace) -> None:
    """Write diagnostics.html and its pages anew; a warning is all that can go wrong."""
    if not workspace.settings.report.pages:
        return
    try:
        from photpipe.report.write import refresh

        refresh(workspace)
    except Exception as error:  # results are worth more than pages about them
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        log.warning("diagnostics.html is not up to date: %s", reason)
        log.debug("%s", traceback.format_exc())
