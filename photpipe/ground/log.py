"""One LOG per data directory, one voice on the console.

Modules say ``log = logging.getLogger(__name__)``, stages use the name of their command
(``pp_prepare``); only the command line attaches handlers. The lines of LOG have the documented
form ``pp_prepare.py: message [date]``.
"""

import contextlib
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from photpipe.ground import files

LOG_NAME = "LOG"
FOREIGN = ("matplotlib", "PIL", "urllib3", "asyncio")
LOG_FORMAT = "%(filename)s: %(message)s [%(asctime)s]"
COMMAND_PREFIXES = ("pp_", "pptool_")


class _LogLine(logging.Formatter):
    """Lines of LOG: a stage signs with the name of its command, as the manual shows it."""

    def format(self, record: logging.LogRecord) -> str:
        """Text of one record."""
        if record.name.startswith(COMMAND_PREFIXES):
            record.filename = f"{record.name}.py"
        text = one_of_a_kind(super().format(record))
        if text.isascii() and text.isprintable():
            return text
        return "".join(c if c.isprintable() or c in "\n\t" else escaped(c) for c in text)


_ONE_OF_MANY = re.compile(
    r"(?<![\w.,+-])1 (frame|image|star|source|point|target|group|mark|row|session|catalog|pixel)s\b"
)


def one_of_a_kind(text: str) -> str:
    """Text in which a count of one is followed by the singular: ``1 frame``."""
    return _ONE_OF_MANY.sub(r"1 \1", text)


def escaped(character: str) -> str:
    """A character that must not act on a terminal, as Python writes it."""
    return character.encode("unicode_escape").decode("ascii")


FRAME = {"is_of_frame": True}
"""``log.info(..., extra=FRAME)``: a line about a frame, or a detail, which pp_run keeps for LOG."""

TINTS = {"good": "32", "look": "33", "bad": "31", "note": "2"}
_NETWORK = re.compile(
    r"host unknown|network (?:is )?unreachable|no connection within|no secure connection", re.I
)


def tinted(tint: str) -> dict[str, str]:
    """``log.info(..., extra=tinted("good"))``: a line in colour, on a terminal that has colours."""
    return {"tint": tint}


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose user did not refuse colours (https://no-color.org)."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not is_plain


class _Brief(logging.Filter):
    """Keeps from the screen what LOG has anyway: lines of frames, a warning or a lack again."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown."""
        if getattr(record, "is_of_frame", False):
            return False
        if record.levelno != logging.WARNING:
            return True
        message = record.getMessage()
        is_told = message in self._told
        self._told.add(message)
        lack = _NETWORK.search(message)
        if lack is None or is_told:
            return not is_told
        is_new = not self._seen
        self._seen.add(lack[0].lower())
        return is_new


class _OneLine(logging.Formatter):
    """Console lines: warnings and errors say what they are; control characters are shown."""

    def __init__(self, *, has_colours: bool = False) -> None:
        super().__init__()
        self.has_colours = has_colours

    def format(self, record: logging.LogRecord) -> str:
        """Text of one record, in colour where that is wanted."""
        text = self._plain(record)
        level = {logging.ERROR: "bad", logging.WARNING: "look"}.get(record.levelno, "")
        tint = TINTS.get(getattr(record, "tint", level), "")
        return f"\x1b[{tint}m{text}\x1b[0m" if tint and self.has_colours else text

    def _plain(self, record: logging.LogRecord) -> str:
        text = one_of_a_kind(record.getMessage())
        text = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
        if record.levelno >= logging.ERROR:
            return f"ERROR: {text}"
        return f"warning: {text}" if record.levelno == logging.WARNING else text


class _Log(logging.FileHandler):
    """LOG. When the disk is full, that is said once, and the run goes on."""

    _is_failing = False

    def _open(self) -> io.TextIOWrapper:
        """Append to a regular file of the directory, never through a link to elsewhere."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        path = Path(self.baseFilename)
        handle = files.open_regular(path, flags)
        if os.fstat(handle).st_nlink > 1:  # the file of somebody else, too: go on with a copy
            os.close(handle)
            files.write_bytes(path, files.read_bytes(path))
            handle = files.open_regular(path, flags)
        return os.fdopen(handle, "a", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        """Say that a record could not be written; the next one is tried all the same."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_failing:
            self._is_failing = True
            reason = error.strerror or error
            logging.getLogger(__name__).warning("%s cannot be written: %s", LOG_NAME, reason)

    def close(self) -> None:
        """Close it; what the full disk did not take is lost."""
        with contextlib.suppress(OSError):
            super().close()


class _Console(logging.StreamHandler[TextIO]):
    """The screen. When nobody listens any more (``| head``), the run goes on in silence."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; a progress bar steps aside for it."""
        tqdm = sys.modules.get("tqdm")
        if tqdm is None:
            super().emit(record)
            return
        with tqdm.tqdm.external_write_mode(file=self.stream):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        """Send all further words nowhere, those that wait in the stream included."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
            return
        with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), self.stream.fileno())


@contextlib.contextmanager
def logging_to(
    directory: Path, *, quiet: bool = False, debug: bool = False, brief: bool = False
) -> Iterator[None]:
    """Attach LOG (appended, everything) and the console for the length of a block.

    Parameters
    ----------
    directory : Path
        Data directory; if LOG cannot be written there, the console says so and the run goes on.
    quiet : bool
        Console shows warnings and errors alone.
    debug : bool
        Console shows everything.
    brief : bool
        Console leaves lines about single frames to LOG.
    """
    handlers = [_console(quiet=quiet, debug=debug, brief=brief)]
    problem = ""
    try:
        file = _Log(directory / LOG_NAME, encoding="utf-8", errors="replace")
        file.setFormatter(_LogLine(LOG_FORMAT))
        handlers.append(file)
    except OSError as error:
        problem = f"no LOG is written: {error}"
    # other libraries speak at DEBUG about every byte; LOG keeps what they warn of (astropy is
    # not named: it refuses to be imported once somebody else has made a logger of its name)
    for name in FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)
    with _attached(*handlers), warnings_kept():
        if problem:
            logging.getLogger(__name__).warning(problem)
        yield


@contextlib.contextmanager
def warnings_kept() -> Iterator[None]:
    """Keep warnings of Python and of other packages off the screen; LOG has them while it is open.

    Blocks may lie within each other.
    """
    before = warnings.showwarning
    logging.captureWarnings(True)
    is_outermost = warnings.showwarning is not before
    try:
        yield
    finally:
        if is_outermost:
            logging.captureWarnings(False)


@contextlib.contextmanager
def on_console(*, quiet: bool = False, debug: bool = False) -> Iterator[None]:
    """Attach the console alone for the length of a block: several directories have no one LOG."""
    with _attached(_console(quiet=quiet, debug=debug)):
        yield


@contextlib.contextmanager
def _attached(*handlers: logging.Handler) -> Iterator[None]:
    """Handlers on the root logger for the length of a block, and their end.

    What other packages say to the root logger itself (the engine of Astrometry.net lists each file
    that it tries) counts from warnings on.
    """
    root = logging.getLogger()
    level_before = root.level

    def is_serious(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING

    root.setLevel(logging.DEBUG)
    root.addFilter(is_serious)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level_before)
        root.removeFilter(is_serious)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _console(*, quiet: bool, debug: bool, brief: bool = False) -> logging.Handler:
    """Handler of the screen; warnings of Python and of other packages go to LOG alone."""
    console = _Console(sys.stdout)
    console.setFormatter(_OneLine(has_colours=has_colours(sys.stdout)))
    console.setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)
    if brief and not debug:
        console.addFilter(_Brief())
    if not debug:
        others = {"py", "astropy", *FOREIGN}
        console.addFilter(lambda record: record.name.split(".")[0] not in others)
    return console
