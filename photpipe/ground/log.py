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


class _OneLine(logging.Formatter):
    """Console lines: warnings and errors say what they are; control characters are shown."""

    def format(self, record: logging.LogRecord) -> str:
        """Text of one record."""
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

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        """Send all further words nowhere, those that wait in the stream included."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
            return
        with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), self.stream.fileno())


@contextlib.contextmanager
def logging_to(directory: Path, *, quiet: bool = False, debug: bool = False) -> Iterator[None]:
    """Attach LOG (appended, everything) and the console for the length of a block.

    Parameters
    ----------
    directory : Path
        Data directory; if LOG cannot be written there, the console says so and the run goes on.
    quiet : bool
        Console shows warnings and errors alone.
    debug : bool
        Console shows everything.
    """
    root = logging.getLogger()
    handlers = [_console(quiet=quiet, debug=debug)]
    problem = ""
    try:
        file = _Log(directory / LOG_NAME, encoding="utf-8", errors="replace")
        file.setFormatter(_LogLine(LOG_FORMAT))
        handlers.append(file)
    except OSError as error:
        problem = f"no LOG is written: {error}"
    level_before = root.level
    root.setLevel(logging.DEBUG)
    # other libraries speak at DEBUG about every byte; LOG keeps what they warn of (astropy is
    # not named: it refuses to be imported once somebody else has made a logger of its name)
    for name in FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        if problem:
            logging.getLogger(__name__).warning(problem)
        yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(level_before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


@contextlib.contextmanager
def on_console(*, quiet: bool = False, debug: bool = False) -> Iterator[None]:
    """Attach the console alone for the length of a block: several directories have no one LOG."""
    root = logging.getLogger()
    handler, level_before = _console(quiet=quiet, debug=debug), root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(level_before)
        root.removeHandler(handler)


def _console(*, quiet: bool, debug: bool) -> logging.Handler:
    """Handler of the screen; warnings of Python and of other packages go to LOG alone."""
    console = _Console(sys.stdout)
    console.setFormatter(_OneLine())
    console.setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)
    if not debug:
        console.addFilter(lambda record: record.name.split(".")[0] not in {"py", *FOREIGN})
    return console
