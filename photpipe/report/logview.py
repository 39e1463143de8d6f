"""The page of the LOG: its last lines, each to be linked to."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from photpipe.ground import files
from photpipe.report.links import Links
from photpipe.report.tables import Link

MOST_BYTES = 400_000  # what a browser opens without delay
MOST_LINES = 3000  # the end of a LOG that somebody would read
# the first line of a command signs with its name and repeats it as it was typed; pp_run signs
# for the steps. Logs of version 1.0 have the names of Python files there
_COMMAND = re.compile(
    r"^(?:(?:cli|directory)\.py: (?=\w+(?: |$))|chain\.py: (?=\w+: \d+ frames?)"
    r"|pp_run\.py: (?=\w+: \d+ frames?)|(?P<signed>\w+)\.py: (?=(?P=signed)(?: |$)))"
    r"(?P<command>(?:pp|pptool)_\w+)"
)
_FOREIGN = "warnings.py: "  # of other packages: recorded, and no trouble of the run
_TROUBLE = re.compile(r"\b(error|fail|traceback|not registered|warning)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line and what it is: command, bad, or nothing in particular."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class LogView:
    """The page of the LOG.

    Parameters
    ----------
    first : int
        Number of the first line.
    left_out : bool
        Whether there are more lines before.
    """

    file: Link
    first: int
    left_out: bool
    lines: tuple[LogLine, ...]

    @property
    def commands(self) -> dict[str, int]:
        """Line where the last run of each command begins."""
        found = {}
        for number, line in enumerate(self.lines, start=self.first):
            match = _COMMAND.match(line.text)
            if match and line.kind == "command":
                found[match["command"]] = number
        return found


def log_view(path: Path, links: Links) -> LogView:
    """View of a LOG; without lines if there is none."""
    try:
        size = path.stat().st_size
        with os.fdopen(files.open_regular(path, os.O_RDONLY), "rb") as file:
            file.seek(max(0, size - MOST_BYTES))
            raw = file.read()
    except OSError:
        return LogView(Link("", ""), 1, False, ())
    texts = raw.decode("utf-8", "replace").splitlines()
    left_out = size > MOST_BYTES or len(texts) > MOST_LINES
    texts = texts[-MOST_LINES:]
    lines = tuple(LogLine(each, _kind(each)) for each in texts)
    return LogView(Link("LOG", links.data(path.name)), 1, left_out, lines)


def _kind(text: str) -> str:
    if _COMMAND.match(text):
        return "command"
    is_ours = not text.startswith(_FOREIGN)
    return "bad" if is_ours and _TROUBLE.search(text) else ""
