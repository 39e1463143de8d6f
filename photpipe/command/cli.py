"""The command line: every option defined once, every command run in the same way.

An option is typed as the manual writes it (``-keep_wcs``) or as people type today
(``--keep-wcs``). Exit codes are those of `Status`.
"""

import argparse
import contextlib
import dataclasses
import enum
import errno
import logging
import math
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
from photpipe.ground.log import logging_to
from photpipe.ground.sky import parse_sexagesimal
from photpipe.run.results import History, Result, StageRecord
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace, core_count

log = logging.getLogger(__name__)


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class Status(enum.IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Option:
    """One option: what follows it (`type`, `nargs`, `metavar`) and what it means.

    `otherwise` tells where the value comes from when the command has no default of its own.
    """

    help: str
    type: Callable[[str], Any] | None = None
    metavar: str | tuple[str, ...] | None = None
    nargs: int | str | None = None
    choices: tuple[str, ...] | None = None
    otherwise: str = ""

    def keywords(self, default: object) -> dict[str, Any]:
        """Arguments for argparse; an option without a type is a switch."""
        if self.type is None:
            return {"action": "store_true", "help": self.help}
        told = self.otherwise if default in (None, (), "") else default
        about = f"{self.help} (default: {told})" if told else self.help
        keywords = {"type": self.type, "help": about, "default": default}
        optional = {"metavar": self.metavar, "nargs": self.nargs, "choices": self.choices}
        return keywords | {name: value for name, value in optional.items() if value is not None}


def _text(text: str) -> str:
    """Reject an empty value, which is nearly always an unset shell variable."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty")
    return text


def _number(text: str) -> float:
    """Any number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _positive(text: str) -> float:
    """Finite number above zero."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _count(text: str) -> int:
    """Whole number of at least one; ``3.0`` is accepted."""
    value = _number(text)
    if not (value >= 1 and value.is_integer()):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(value)


def finite(text: str) -> float:
    """Any number but nan and infinity."""
    value = _number(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


_CARD_NAME = re.compile(r"(?i)[A-Z][A-Z0-9_-]{0,31}")


def _is_card(text: str) -> bool:
    """Whether a value is the name of a card that holds it; nan and infinity are none."""
    return _CARD_NAME.fullmatch(text.strip()) is not None and text.strip().lower() not in {
        *("nan", "inf", "infinity"),
    }


def _or_sexagesimal(text: str, unit: float) -> float:
    """Degrees of a decimal number, or of a sexagesimal one whose first part has a unit."""
    with contextlib.suppress(ValueError):
        return unit * parse_sexagesimal(text) if re.search(r"\d[\s:hd°]+\d", text) else finite(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number, nor an angle, nor a card")


def _right_ascension(text: str) -> float | str:
    """Degrees in [0, 360) of degrees or sexagesimal hours; or the name of a card."""
    if _is_card(text):
        return text.strip().upper()
    value = _or_sexagesimal(text, 15.0)
    if not -360 <= value <= 360:
        raise argparse.ArgumentTypeError(f"{text} is not a right ascension in degrees")
    return value % 360.0


def _declination(text: str) -> float | str:
    """Degrees, decimal or sexagesimal; or the name of a card."""
    if _is_card(text):
        return text.strip().upper()
    value = _or_sexagesimal(text, 1.0)
    if not -90 <= value <= 90:
        raise argparse.ArgumentTypeError(f"{text} is not a declination in degrees")
    return value


def _positive_or_card(text: str) -> float | str:
    """Finite number above zero, or the name of a card."""
    return text.strip().upper() if _is_card(text) else _positive(text)


def _radii(text: str) -> tuple[float, ...]:
    """One radius, or several separated by commas."""
    return tuple(_positive(each) for each in _text(text.replace(",", " ")).split())


_TOLERANCES = ("none", "low", "medium", "high")
_METHODS = ("average", "median", "clipped")

COMMON_OPTIONS = ("telescope", "offline", "jobs", "quiet", "debug")

OPTIONS: dict[str, Option] = {
    "aperture": Option("clear aperture of the telescope in metres", _positive, "M"),
    "aprad": Option(
        "aperture radius in pixels; several, separated by commas, where a command takes a list",
        _radii,
        "PX",
    ),
    "asteroids": Option("extract asteroids that happen to be in the field (SkyBoT)"),
    "background_only": Option("choose the aperture from the background sources alone"),
    "backsub": Option("subtract the background of each frame before combining"),
    "binning": Option("binning of a camera without an entry: 2, or 2,2, or a card", _text, "N"),
    "cat": Option("reference catalog to use instead of those of the telescope", _text, "NAME"),
    "cluster": Option("address of a Dask scheduler that shares out directories", _text, "ADDRESS"),
    "colorterm": Option("fit a colour term where the stars support one"),
    "comoving": Option("combine in the moving frame of the target"),
    "date_keyword": Option(
        "cards of date and time of a camera without an entry", _text, "CARD[|CARD]"
    ),
    "debug": Option("show everything, and the traceback of a failure"),
    "dec": Option("declination of the frame centre: degrees, or a card", _declination, "DEG"),
    "design": Option("optical design of the telescope", _text, "TEXT"),
    "dry_run": Option("print what would change, and change nothing"),
    "exptime": Option(
        "exposure time of a camera without an entry, or its card", _positive_or_card, "S"
    ),
    "filter": Option("filter band, instead of that of the header", _text, "BAND"),
    "fixed_aprad": Option("aperture radius to use instead of a curve of growth", _positive, "PX"),
    "fixedtargets": Option("file of fixed targets: name, RA (deg), Dec (deg)", _text, "FILE"),
    "flipx": Option("flip the x axis relative to the telescope's entry"),
    "flipy": Option("flip the y axis relative to the telescope's entry"),
    "force": Option("start over instead of reusing earlier results"),
    "format": Option("format of the report", _text, choices=("psv", "xml", "80col")),
    "ignore_saturation": Option("do not flag saturated sources"),
    "instrumental": Option("skip the calibration and keep instrumental magnitudes"),
    "jobs": Option("frames worked on side by side (default: one per core)", _count, "N"),
    "keep_files": Option("keep intermediate files"),
    "keep_wcs": Option("keep the WCS of the header"),
    "magzp": Option("use this magnitude zeropoint and its error", finite, ("ZP", "SIGMA"), nargs=2),
    "manual_rates": Option(
        "motion of the target in RA (times cos Dec) and Dec, arcsec per second",
        finite,
        ("RA", "DEC"),
        nargs=2,
    ),
    "maxflag": Option(
        "largest Source Extractor flag value of a source to be used",
        int,
        "FLAG",
        otherwise="the setting maxflag, 3",
    ),
    "maxperiod": Option("longest trial period in hours", _positive, "H"),
    "method": Option("how frames are combined", _text, choices=_METHODS),
    "minarea": Option(
        "smallest number of connected pixels of a source",
        _count,
        "PIXELS",
        otherwise="that of the telescope",
    ),
    "minperiod": Option("shortest trial period in hours", _positive, "H"),
    "minstars": Option(
        "reference stars to keep: a fraction if below 1, else a number",
        _positive,
        "N",
        otherwise="the setting minstars, 0.5",
    ),
    "mpccode": Option("observatory code, instead of that of the telescope", _text, "CODE"),
    "nodeblending": Option("do not deblend sources"),
    "observatory": Option("MPC code of the place of the telescope", _text, "CODE"),
    "offline": Option("use cached catalogs and ephemerides; never open a connection"),
    "offset": Option(
        "arcsec east and north (on the sky) added to the predicted positions",
        finite,
        ("RA", "DEC"),
        nargs=2,
    ),
    "paramfile": Option("Source Extractor parameter file (output columns)", _text, "FILE"),
    "positions": Option(
        "file of target positions: frame, RA (deg), Dec (deg), mid-time (JD)", _text, "FILE"
    ),
    "prefix": Option("only frames whose names start with this, with 'all'", _text, "TEXT"),
    "quiet": Option("show warnings and errors alone"),
    "ra": Option(
        "right ascension of the frame centre: degrees, hours as hh:mm:ss, or a card",
        _right_ascension,
        "DEG",
    ),
    "regcat": Option("reference catalog to register with", _text, "NAME"),
    "reject": Option("rejection schemata, separated by commas", _text, "NAMES"),
    "rerun_registration": Option("register a second time if not all frames succeeded"),
    "restore": Option("put the original headers back, byte for byte"),
    "rotate": Option("angle (east of north) added to that of the telescope's entry", finite, "DEG"),
    "secpix": Option(
        "scale of the unbinned pixels of a camera without an entry, in arcsec; two for x and y, "
        "or a card",
        _text,
        "ARCSEC",
    ),
    "site": Option(
        "place of the telescope: longitude (east) and latitude in degrees, elevation in metres",
        _text,
        "LON,LAT,ALT",
    ),
    "snr": Option(
        "smallest signal-to-noise ratio of a source",
        _positive,
        "RATIO",
        otherwise="that of the stage or the telescope",
    ),
    "solar": Option("calibrate with stars of solar colours only"),
    "source_tolerance": Option(
        "flagged sources that may enter the registration",
        _text,
        choices=_TOLERANCES,
        otherwise="that of the telescope",
    ),
    "spatial": Option("fit a slow spatial variation of the zeropoint where the stars support it"),
    "split": Option(
        "run the groups of a mixed directory (instruments, filters, fields) one after the other, "
        "each in a folder of its own"
    ),
    "submitter": Option("who will send the report: initials and surname", _text, "NAME"),
    "target": Option("name of the target, instead of that of the header", _text, "NAME"),
    "target_only": Option("choose the aperture from the target alone"),
    "targetname": Option("name of the target, instead of that of the header", _text, "NAME"),
    "telescope": Option("telescope keyword, instead of recognising it", _text, "KEYWORD"),
    "use_all_stars": Option("calibrate with all stars, without quality checks"),
    "variable_stars": Option("extract variable stars of the field (VSX)"),
    "watch": Option("keep looking for new frames, and update results and pages, until Ctrl-C"),
    "zoom": Option("zoom factor of the images when loaded", _positive, "FACTOR"),
}

ALIASES = {"catalog": "cat"}


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name and one-line summary, its stage and what the user may say.

    Parameters
    ----------
    stage : callable
        ``stage(paths, options, workspace) -> Result``.
    options_class : type
        Frozen dataclass; a field that bears the name of an option receives its value, and
        its default is the option's default.
    takes : tuple of str
        Names in `OPTIONS`, in the order of the help.
    positional : str
        Name of the last arguments.
    is_anywhere : bool
        The files may lie in several directories; results go into the current one.
    has_report : bool
        The pages of diagnostics.html show its result and are written anew behind it.
    is_quick : bool
        Drawing pages would take longer than the work: they are left to the next command where
        there are none yet and all went well.
    """

    name: str
    summary: str
    stage: Callable[[Sequence[Path], Any, Workspace], Result]
    options_class: type
    takes: tuple[str, ...]
    positional: str = "images"
    positional_help: str = "FITS images, or lists of them (.lst)"
    is_anywhere: bool = False
    has_report: bool = False
    is_quick: bool = False


def build_parser(command: Command) -> argparse.ArgumentParser:
    """Parser of a command, its options and those that all commands share."""
    parser = new_parser(command.name, command.summary)
    defaults = {
        each.name: each.default
        for each in dataclasses.fields(command.options_class)
        if each.default is not dataclasses.MISSING
    }
    common = parser.add_argument_group("common options")
    for group, names in ((parser, command.takes), (common, COMMON_OPTIONS)):
        for name in names:
            group.add_argument(f"-{name}", **OPTIONS[name].keywords(defaults.get(name)))
    parser.add_argument(command.positional, nargs="+", help=command.positional_help)
    return parser


class _Parser(argparse.ArgumentParser):
    """Parser without abbreviations: ``-sn`` is a mistake today and another option tomorrow."""

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        # allow_abbrev=False spares only options with two dashes; ours have one
        return []


def new_parser(name: str, summary: str) -> argparse.ArgumentParser:
    """Parser with the manners that all commands share: no abbreviations, -h and -version."""
    parser = _Parser(
        prog=name,
        description=summary,
        allow_abbrev=False,
        add_help=False,
        epilog="Options may be written -keep_wcs or --keep-wcs. "
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 some frames failed, 130 interrupted.",
    )
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
        elif word.startswith("-") and Path(word).is_file():
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
    names = [*command.takes, *COMMON_OPTIONS]
    return build_parser(command).parse_args(normalised(words, names))


def run(command: Command, argv: Sequence[str] | None = None) -> int:
    """Parse, open the workspace, run the stage, report; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        values = parsed(command, words)
    except SystemExit as stop:
        return Status.USAGE if stop.code else Status.DONE
    options = command.options_class(
        **{
            each.name: getattr(values, each.name)
            for each in dataclasses.fields(command.options_class)
            if hasattr(values, each.name)
        }
    )
    with reporting(debug=values.debug) as outcome:
        outcome.status = _run_stage(command, options, values, words)
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
    if not any(path.is_file() for path in found):
        first = next(iter(found))
        reason = "a folder; name the images in it" if first.is_dir() else "there is no such file"
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
            f"the images lie in {len(directories)} directories; "
            "work on one directory at a time, or use 'pp_run all' from above them"
        )
        raise ConfigError(message)
    return directories.pop()


def _expanded(name: str) -> list[Path]:
    if not name.strip():
        raise ConfigError("one of the names of images is empty: is a variable not set?")
    path = Path(name)
    if path.is_file():
        return _listed(path) if path.suffix == ".lst" else [path]
    if any(sign in name for sign in "*?["):
        matches = sorted(path.parent.glob(path.name))
        if matches:
            return matches
    return [path]


def _listed(path: Path) -> list[Path]:
    """Files named in a list, one per line, relative to the list; blank lines and # skipped."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise ConfigError(f"{path}: the list names no image")
    return [path.parent / each for each in names]


def conclude(result: Result) -> Status:
    """Say which frames failed and why; the exit status of a stage."""
    for failure in result.failed:
        log.error("%s: %s", failure.frame, failure.reason)
    return status_of(result)


def status_of(result: Result) -> Status:
    """Exit status of a stage."""
    if not result.failed:
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
        _say("interrupted; what was finished is kept")
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
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            outcome.reason = f"{error.filename or 'output'} cannot be written: {error.strerror}"
            _say(outcome.reason)
            return
        outcome.reason = f"{type(error).__name__}: {error} (a bug; please report it)"
        traceback.print_exc()
        _say("this is a bug of Photometry Pipeline; please report the lines above")


def _say(message: str) -> None:
    """Error on the console and in LOG, or on the standard error when no LOG is open."""
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
