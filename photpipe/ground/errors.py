"""The failures that Photometry Pipeline can name.

Every message says what happened, where, and what to type next. Anything that is not
one of these is a bug and keeps its traceback.
"""

import re
from collections.abc import Sequence


class PhotPipeError(Exception):
    """Base of all named failures; the command line shows it as one line."""


class ConfigError(PhotPipeError):
    """A setup file, option, environment variable, telescope, filter or catalog is wrong."""


_ADVICE = re.compile(r"\b(give|run|use|name it|name the|correct|exclude|set|add)\b")


class HeaderError(PhotPipeError):
    """A frame lacks a card, or the card holds nothing usable.

    Parameters
    ----------
    frame : str
        Name of the frame as the user knows it.
    keyword : str
        The card (or cards) looked at.
    purpose : str
        What the card was wanted for, and what to do about it.
    """

    def __init__(self, frame: str, keyword: str, purpose: str) -> None:
        advice = "" if _ADVICE.search(purpose) else "; correct the header or exclude the frame"
        super().__init__(f"{frame}: header card {keyword}: {purpose}{advice}")
        self.frame, self.keyword, self.purpose = frame, keyword, purpose


class FrameError(PhotPipeError):
    """A file cannot be used as a frame (truncated, empty, not FITS, no image ...)."""

    def __init__(self, frame: str, reason: str) -> None:
        super().__init__(f"{frame}: {reason}")
        self.frame, self.reason = frame, reason


class ToolError(PhotPipeError):
    """An AstrOmatic tool is missing, failed, hung or wrote nothing usable.

    Parameters
    ----------
    tool : str
        Name of the tool as the user knows it.
    reason : str
        One line.
    argv : sequence of str
        The command as it was run (empty if it was not).
    tail : str
        The last lines of what the tool printed; for the LOG.
    """

    def __init__(self, tool: str, reason: str, argv: Sequence[str] = (), tail: str = "") -> None:
        super().__init__(f"{tool}: {reason}")
        self.tool, self.reason, self.argv, self.tail = tool, reason, tuple(argv), tail


class RoomError(PhotPipeError):
    """A disk that is not that of the frames has no room: which folder, which disk, what to do."""


class ServiceError(PhotPipeError):
    """A network service gave no usable answer and the cache holds none either.

    Parameters
    ----------
    service : str
        Name of the service, e.g. ``"VizieR"``.
    request : str
        What was requested, readable (``"GAIA 179.28 +0.43 r=0.25"``).
    reason : str
        One line: cause and what to do now.
    """

    def __init__(self, service: str, request: str, reason: str) -> None:
        super().__init__(f"{service}: {request}: {reason}")
        self.service, self.request, self.reason = service, request, reason


class UnknownTargetError(ServiceError):
    """The service works and does not know an object of this name."""


class ReductionError(PhotPipeError):
    """The data do not support the step: the message tells how many there are and are needed."""
