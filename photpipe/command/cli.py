"""The command line: every option defined once, every command run in the same way.

An option is typed as the manual writes it (``-keep_wcs``) or as people type today
(``--keep-wcs``). Exit codes are those of `Status`.
"""

import argparse
import codecs
import contextlib
import difflib
import enum
import logging
import math
import os
import re
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import photpipe
from photpipe.ground.errors import ConfigError, PhotPipeError, ToolError
from photpipe.ground.files import is_file, is_folder
from photpipe.ground.log import logging_to
from photpipe.run.options import CommonOptions, Option, options_of
from photpipe.run.results import FrameFailure, History, Result, StageRecord, unmet
from photpipe.run.settings import Settings
from photpipe.run.workspace import NO_ROOM, Workspace, core_count

log = logging.getLogger(__name__)


class Status(enum.IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    INTERRUPTED = 130


ALIASES = {"catalog": "cat"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name and one-line summary, its stage and what the user may say.

    Parameters
    ----------
    stage : callable
        ``stage(paths, options, workspace) -> Result``.
    options_class : type
        Frozen dataclass whose fields declare options (`photpipe.run.options`).
    positional : str
        Name of the last arguments.
    ends_with_target : bool
        The last argument may be the name of the target, as the original's command has it.
    is_anywhere : bool
        The files may lie in several directories; results go into the current one.
    has_report : bool
        The pages of diagnostics.html show its result and are written anew behind it.
    is_quick : bool
        Drawing pages would take longer than the work: they are left to the next command where
        there are none yet and all went well.
    offered : callable, optional
        What the command takes, where that is more than the class declares.
    """

    name: str
    summary: str
    stage: Callable[[Sequence[Path], Any, Workspace], Result]
    options_class: type
    positional: str = "images"
    positional_help: str = "FITS frames, or lists of them (.lst)"
    ends_with_target: bool = False
    is_anywhere: bool = False
    has_report: bool = False
    is_quick: bool = False
    offered: Callable[[], dict[str, tuple[Option, Any]]] | None = None

    def options(self) -> dict[str, tuple[Option, Any]]:
        """What the command takes, with the defaults."""
        return self.offered() if self.offered else options_of(self.options_class)


def build_parser(command: Command) -> argparse.ArgumentParser:
    """Parser of a command, its options and those that all commands share."""
    parser = new_parser(command.name, command.summary)
    common = options_of(CommonOptions)
    groups = dict.fromkeys(option.group for option, _ in command.options().values())
    shown = {name: parser.add_argument_group(name) if name else parser for name in groups}
    for name, (option, default) in command.options().items():
        if name not in common:
            shown[option.group].add_argument(f"-{name}", **option.keywords(default))
    group = parser.add_argument_group("common options")
    for name, (option, default) in common.items():
        group.add_argument(f"-{name}", **option.keywords(default))
    parser.add_argument(command.positional, nargs="+", help=command.positional_help)
    return parser


class _Parser(argparse.ArgumentParser):
    """Parser without abbreviations: ``-sn`` is a mistake today and another option tomorrow.

    With `is_mixed`, options may stand between the words that are none.
    """

    is_mixed = False

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        # allow_abbrev=False spares only options with two dashes; ours have one
        return []

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Values of the options; of a word that is none it says which one may be meant."""
        parse = self.parse_known_intermixed_args if self.is_mixed else self.parse_known_args
        values, unknown = parse(args, namespace)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings]
            near = difflib.get_close_matches(unknown[0], known, n=2, cutoff=0.6)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return values


def new_parser(name: str, summary: str, *, is_mixed: bool = False) -> argparse.ArgumentParser:
    """Parser as all commands have it: no abbreviations, -h and -version."""
    parser = _Parser(
        prog=name,
        description=summary,
        allow_abbrev=False,
        add_help=False,
        epilog="Options may be written -keep_wcs or --keep-wcs. "
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 some frames failed, 130 interrupted.",
    )
    parser.is_mixed = is_mixed
    parser.add_argument("-h", "-help", action="help", help="show this help and exit")
    version = f"%(prog)s (Photometry Pipeline) {photpipe.__version__}"
    parser.add_argument("-version", action="version", version=version, help="show the version")
    return parser


_ANGLES = ("ra", "dec", "site")
_ANGLE = re.compile(r"[-+]\d+(?:[:dh,]|\.\d*,)")


def normalised(argv: Sequence[str], names: Sequence[str]) -> list[str]:
    """Arguments with every spelling of a known option (``--keep-wcs``) as ``-keep_wcs``.

    What follows a lone ``--`` is left alone, as are values and file names. A file whose name
    begins with a dash, as a wildcard may bring it, is no option.
    """
    known = {*names, "help", "version"}
    result: list[str] = []
    for position, word in enumerate(argv):
        if word == "--":
            return [*result, *argv[position:]]
        head, equals, value = word.partition("=")
        name = head.lstrip("-").replace("-", "_")
        name = ALIASES.get(name, name)
        if head.startswith("-") and name in known:
            result += [f"-{name}", value] if equals else [f"-{name}"]
        elif result and result[-1].lstrip("-") in _ANGLES and _ANGLE.match(word):
            result[-1] = f"{result[-1]}={word}"  # argparse takes -05:30:00 for an option
        elif word.startswith("-") and is_file(Path(word)):
            result.append(f"./{word}")
        else:
            result.append(word)
    return result


def parsed(command: Command, words: Sequence[str]) -> argparse.Namespace:
    """Values of the options of a command.

    Raises
    ------
    SystemExit
        After a mistake, or when nothing but help was wanted.
    """
    names = [*command.options(), *options_of(CommonOptions)]
    values = build_parser(command).parse_args(normalised(words, names))
    if command.ends_with_target and values.target is None:
        _take_target(values, getattr(values, command.positional))
    return values


def _take_target(values: argparse.Namespace, given: list[str]) -> None:
    """Take the last of several arguments for the target if it is no file, nor called like one."""
    last = given[-1]
    is_file = Path(last).exists() or Path(last).suffix in {".dat", ".ecsv", ".csv", ".lst"}
    if len(given) > 1 and not is_file and not any(sign in last for sign in "*?["):
        values.target = given.pop()


def run(command: Command, argv: Sequence[str] | None = None) -> int:
    """Parse, open the workspace, run the stage, report; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        values = parsed(command, words)
    except SystemExit as stop:
        return Status.USAGE if stop.code else Status.DONE
    options = command.options_class(**{name: getattr(values, name) for name in command.options()})
    with reporting(debug=values.debug) as outcome:
        outcome.status = _run_stage(command, options, values, words)
    return outcome.status


def run_tool(
    parser: argparse.ArgumentParser,
    action: Callable[[argparse.Namespace], Status],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse the words of a command that is no stage, and act; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    names = [name.lstrip("-") for each in parser._actions for name in each.option_strings]
    try:
        values = parser.parse_args(normalised(words, names))
        with reporting(debug=getattr(values, "debug", False)) as outcome:
            outcome.status = action(values)
    except SystemExit as stop:
        return Status.USAGE if stop.code else Status.DONE
    return outcome.status


def _run_stage(
    command: Command, options: object, values: argparse.Namespace, words: Sequence[str]
) -> Status:
    """Run the stage in the directory of the images, with its LOG open."""
    from photpipe.instruments import telescopes

    paths = named_paths(getattr(values, command.positional))
    directory = Path.cwd() if command.is_anywhere else common_directory(paths)
    workspace = open_workspace(directory, values)
    with (
        logging_to(workspace.directory, quiet=values.quiet, debug=values.debug),
        recorded(command, words, workspace) as outcome,
        reporting(outcome, debug=values.debug),
    ):
        log.debug("%s", shlex.join([command.name, *words]))
        telescopes.registry()  # a mistake in the user's telescopes is told once, not per frame
        outcome.status = conclude(command.stage(paths, options, workspace))
    return outcome.status


@contextlib.contextmanager
def recorded(command: Command, words: Sequence[str], workspace: Workspace) -> "Iterator[Outcome]":
    """Keep how a command went, and write its pages anew; neither can fail the command."""
    if not command.has_report:
        yield Outcome()
        return
    with in_history(command.name, shlex.join(words), workspace) as outcome:
        yield outcome
    is_new = not workspace.page_path.exists()
    may_wait = command.is_quick and is_new and outcome.status is Status.DONE
    if outcome.status is not Status.INTERRUPTED and not may_wait:
        write_report(workspace)


@contextlib.contextmanager
def in_history(name: str, arguments: str, workspace: Workspace) -> "Iterator[Outcome]":
    """Keep in the directory how a command goes: as running at first, then how it ended."""
    outcome = Outcome()
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


def open_workspace(directory: Path, values: argparse.Namespace) -> Workspace:
    """Workspace of a directory with the settings and the common options that apply there."""
    settings = Settings.load(directory)
    if values.offline:
        settings = settings.with_offline()
    return Workspace(directory, settings, quiet=values.quiet, jobs=values.jobs or core_count())


def named_paths(names: Sequence[str]) -> list[Path]:
    """Files that the user named, each once; ``.lst`` files are read, wildcards expanded.

    A folder, and what is missing, are left to the stage, which tells them among the frames
    that failed.

    Raises
    ------
    ConfigError
        If there is no file at all.
    """
    found = dict.fromkeys(each.absolute() for name in names for each in _expanded(name))
    if not any(map(is_file, found)):
        first = next(iter(found))
        reason = (
            "a directory; name the frames in it" if is_folder(first) else "there is no such file"
        )
        raise ConfigError(f"{first.name}: {reason} ({first})")
    return list(found)


def common_directory(paths: Sequence[Path]) -> Path:
    """Directory of the images.

    Raises
    ------
    ConfigError
        If they lie in several.
    """
    directories = {path.parent for path in paths}
    if len(directories) != 1:
        message = (
            f"the frames lie in {len(directories)} directories; "
            "work on one directory at a time, or use 'pp_run all' from above them"
        )
        raise ConfigError(message)
    return directories.pop()


_LIST_SUFFIXES = {".lst", ".list"}
_LONGEST_PATH = 4096


def _expanded(name: str) -> list[Path]:
    if not name.strip():
        raise ConfigError("one of the file names is empty: is a variable not set?")
    path = Path(name)
    if is_file(path):
        return _listed(path) if path.suffix.lower() in _LIST_SUFFIXES else [path]
    if any(sign in name for sign in "*?["):
        with contextlib.suppress(OSError):
            matches = sorted(path.parent.glob(path.name))
            if matches:
                return matches
    return [path]


def _listed(path: Path) -> list[Path]:
    """Files named in a list, one per line, relative to the list; blank lines and # skipped."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    lines = os.fsdecode(content.removeprefix(codecs.BOM_UTF8)).splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    wrong = next((name for name in names if "\0" in name or len(name) > _LONGEST_PATH), None)
    if wrong is not None:
        raise ConfigError(
            f"{path}: {wrong[:40]!r} is not a file name; a list is text, one name per line"
        )
    if not names:
        raise ConfigError(f"{path}: the list names no frame")
    return [path.parent / each for each in names]


MOST_NAMES = 3


def conclude(result: Result) -> Status:
    """Say which frames failed and why; the exit status of a stage."""
    tell_failures(result.failed)
    tell_failures(unmet(result), logging.WARNING)
    return status_of(result)


def tell_failures(failures: Sequence[FrameFailure], level: int = logging.ERROR) -> None:
    """Say what failed: one line for each cause, however many frames it cost; LOG has them all."""
    causes: dict[str, list[FrameFailure]] = {}
    for each in failures:
        causes.setdefault(_cause(each), []).append(each)
    for cause, cost in causes.items():
        if len(cost) == 1:
            log.log(level, "%s: %s", cost[0].frame, cost[0].reason)
            continue
        for each in cost:
            log.debug("%s: %s", each.frame, each.reason)
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
    try:
        with _terminable():
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
            "and 'source .venv/bin/activate', or 'pip install photometrypipeline'"
        )
        if debug:
            traceback.print_exc()
    except Exception as error:
        outcome.status = Status.FAILED
        log.debug("%s", traceback.format_exc())
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            outcome.reason = f"{error.filename or 'output'} cannot be written: {error.strerror}"
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


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a run as cleanly as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: somebody else looks after signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
