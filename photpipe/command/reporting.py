"""How a command ends: its exit status, what is said of frames that failed, the one catcher."""

import contextlib
import enum
import logging
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.command.signals import terminable
from photpipe.ground import environment, paths
from photpipe.ground.errors import PhotPipeError, ToolError
from photpipe.ground.log import warnings_kept
from photpipe.run.results import FrameFailure, Result, unmet
from photpipe.run.workspace import fault_of_surroundings

log = logging.getLogger(__name__)


class Status(enum.IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    INTERRUPTED = 130


MOST_NAMES = 3  # a line that is read at a glance


def conclude(result: Result) -> Status:
    """Say which frames failed and why; the exit status of a stage."""
    tell_failures(result.failed)
    tell_failures(unmet(result), logging.WARNING)
    return status_of(result)


def tell_failures(failures: Sequence[FrameFailure], level: int = logging.ERROR) -> None:
    """Say what failed: one line for each cause, however many frames it cost; LOG has them all."""
    causes: dict[str, list[FrameFailure]] = {}
    for failure in failures:
        causes.setdefault(_cause(failure), []).append(failure)
    for cause, cost in causes.items():
        if len(cost) == 1:
            log.log(level, "%s: %s", cost[0].frame, cost[0].reason)
            continue
        for failure in cost:
            log.debug("%s: %s", failure.frame, failure.reason)
        names = [each.frame for each in cost]
        if len(names) > MOST_NAMES:
            names = [*names[: MOST_NAMES - 1], "...", names[-1]]
        log.log(level, "%d frames: %s (%s)", len(cost), cause, " ".join(names))


def _cause(failure: FrameFailure) -> str:
    """Reason without the name of the frame, which is no part of the cause."""
    path = Path(failure.frame)
    if not path.suffix:  # a target, not a frame
        return f"{failure.frame}: {failure.reason}"
    own_files = rf"(?<![\w.-]){re.escape(path.stem)}(?=\.\w)"
    return re.sub(own_files, "*", failure.reason.replace(failure.frame, "it"))


def status_of(result: Result) -> Status:
    """Exit status of a stage."""
    if not result.failed and not unmet(result):
        return Status.DONE
    return Status.PARTIAL if result.done else Status.FAILED


@dataclass(slots=True)
class Outcome:
    """Exit status of a block under `reporting`, and why it failed."""

    status: Status = Status.DONE
    reason: str = ""


@contextlib.contextmanager
def reporting(outcome: Outcome | None = None, *, debug: bool) -> Iterator[Outcome]:
    """Turn what escapes from a block into one line and an exit status.

    Named failures are one line; interrupts (Ctrl-C, SIGTERM) end with status 130; anything
    else is a bug: its traceback goes to LOG and to the screen.
    """
    outcome = outcome or Outcome()
    paths.settle_home()
    environment.settle_threads()
    environment.settle_collector()
    try:
        with warnings_kept(), terminable():
            yield outcome
    except PhotPipeError as error:
        outcome.status, outcome.reason = Status.FAILED, str(error)
        _say(str(error))
        if isinstance(error, ToolError) and error.tail:
            log.debug("%s\n%s", shlex.join(error.argv), error.tail)
        if debug:
            traceback.print_exc()
    except KeyboardInterrupt:
        outcome.status = Status.INTERRUPTED
        _say("interrupted; completed work is kept")
    except BrokenPipeError:
        outcome.status = Status.FAILED
    except ModuleNotFoundError as error:
        outcome.status = Status.FAILED
        outcome.reason = f"the Python package {error.name} is missing"
        _say(
            f"the Python package {error.name} is missing here; type 'make install' in your clone "
            "and 'source .venv/bin/activate', or 'pip install .' there"
        )
        if debug:
            traceback.print_exc()
    except Exception as error:
        outcome.status = Status.FAILED
        log.debug("%s", traceback.format_exc())
        outcome.reason = fault_of_surroundings(error)
        if outcome.reason:
            _say(outcome.reason)
            return
        outcome.reason = f"{type(error).__name__}: {error} (a bug; please report it)"
        traceback.print_exc()
        _say("this is a bug of Photometry Pipeline; please report the lines above")


def _say(message: str) -> None:
    """Error on the console and in LOG, or on the standard error when no LOG is open."""
    message = message.encode("utf-8", "replace").decode()  # a file's name may be any bytes
    if logging.getLogger().handlers:
        log.error("%s", message)
    else:
        sys.stderr.write(f"ERROR: {message}\n")
