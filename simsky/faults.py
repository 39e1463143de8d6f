"""What can go wrong between a client and a service."""

from collections.abc import Callable
from dataclasses import dataclass

from simsky.horizons import MAINTENANCE
from simsky.protocol import Reply, Request, Twist

_ERROR_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>"
    "<body><h1>We are working on it</h1><p>The service will be back soon.</p></body></html>\n"
)
_STATUS_TEXT = "the simulated service says no\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that befalls some requests of a service; make one with the functions below.

    Parameters
    ----------
    name : str
        What it is called in a table of faults.
    wait_s : float
        Silence before anything is sent.
    resets, closes : bool
        The connection is reset, or closed, without a reply.
    body, status, headers, content_type
        Reply instead of the true one; ``body`` None keeps the true one.
    cut_at : float
        Fraction of the body after which the connection is closed.
    byte_pause_s : float
        The body is sent byte by byte with this pause.
    twist : Twist, optional
        A well-formed reply that is wrong.
    service, server : str, optional
        Only requests of this service (``vsx``), to this server (``vizier2``).
    first, times : int, int or None
        From which request of the service on (counting from 1), and for how many; None: for ever.
    """

    name: str
    wait_s: float = 0.0
    resets: bool = False
    closes: bool = False
    body: str | None = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/html"
    cut_at: float = 1.0
    byte_pause_s: float = 0.0
    twist: Twist | None = None
    service: str | None = None
    server: str | None = None
    first: int = 1
    times: int | None = None

    def befalls(self, request: Request, number: int) -> bool:
        """Whether the fault strikes a request that is the number-th of its service."""
        return (
            self.service in {None, request.service}
            and self.server in {None, request.server}
            and number >= self.first
            and (self.times is None or number < self.first + self.times)
        )

    def reply(self, true_reply: Callable[[Twist | None], Reply]) -> Reply:
        """What is sent."""
        if self.body is None:
            return true_reply(self.twist)
        return Reply(self.body, self.content_type, self.status, dict(self.headers))


RESET = Fault("connection reset", resets=True)
CLOSED = Fault("connection closed without a reply", closes=True)
SILENT = Fault("no first byte", wait_s=30.0, closes=True)
LATE = Fault("answer after 0.3 s", wait_s=0.3)
TRUNCATED = Fault("truncated body", cut_at=0.6)
DRIP = Fault("one byte every 50 ms", byte_pause_s=0.05)
ERROR_500 = Fault("HTTP 500", body=_STATUS_TEXT, status=500)
ERROR_503 = Fault("HTTP 503", body=_STATUS_TEXT, status=503)
NOT_FOUND = Fault("HTTP 404", body=_STATUS_TEXT, status=404)
TOO_MANY = Fault(
    "HTTP 429 with Retry-After", body=_STATUS_TEXT, status=429, headers=(("Retry-After", "1"),)
)
PAGE = Fault("HTML page with status 200", body=_ERROR_PAGE)
DOWN = Fault("maintenance notice with status 200", body=MAINTENANCE, content_type="text/plain")
EMPTY = Fault("empty body", body="")
RUBBISH = Fault("binary rubbish", body="\x01\x02\x03" * 500, content_type="application/x-none")
REDIRECT_LOOP = Fault(
    "redirection in a circle", body="", status=302, headers=(("Location", "/viz-bin/votable"),)
)
EMPTY_TABLE = Fault("empty table", twist=Twist.EMPTY_TABLE)
WRONG_COLUMNS = Fault("wrong columns", twist=Twist.WRONG_COLUMNS)
BLANK_VALUES = Fault("blank values", twist=Twist.BLANK_VALUES)

ALL_FAULTS = (
    RESET,
    CLOSED,
    SILENT,
    LATE,
    TRUNCATED,
    DRIP,
    ERROR_500,
    ERROR_503,
    NOT_FOUND,
    TOO_MANY,
    PAGE,
    DOWN,
    EMPTY,
    RUBBISH,
    REDIRECT_LOOP,
    EMPTY_TABLE,
    WRONG_COLUMNS,
    BLANK_VALUES,
)
