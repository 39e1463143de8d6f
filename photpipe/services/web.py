"""How long, how often and where a network service is asked: the one place that decides it.

The clients of astroquery bring the knowledge of the services' languages; VizieR is asked without
one. All requests go through an HTTP adapter that sends them to the addresses of the settings, with
a limit on the whole of each request (a server that trickles bytes included), with patience for
what may pass (time-outs, lost connections, HTTP 429 and 5xx) and none for what will not.
"""

import contextlib
import email.utils
import functools
import itertools
import logging
import re
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

import photpipe
from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.run.settings import ServiceSettings

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_MAY_PASS = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5  # browsers allow 20; services need one
_CHUNK_BYTES = 65536  # what a socket delivers at once, mostly
USER_AGENT = f"photometrypipeline/{photpipe.__version__}"

_turn = threading.Lock()
_next_turn: dict[str, float] = {}
_parsing = threading.Lock()


class Unusable(Exception):  # noqa: N818 - a reason, caught here; what escapes is a ServiceError
    """An attempt gave no usable answer; the text is the reason, in one line."""

    def __init__(self, reason: str, *, may_pass: bool = False, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.may_pass, self.wait_s = may_pass, wait_s


def ask(
    service: str,
    request: str,
    servers: Sequence[str],
    settings: ServiceSettings,
    query: Callable[["ServerQuery"], Answer],
) -> Answer:
    """Put one question to the servers of a service, one after the other, until one answers.

    The overall time limit of the settings holds for all of them together; each gets an equal
    share of what is left.

    Parameters
    ----------
    service, request : str
        Names for messages.
    servers : sequence of str
        Base addresses, e.g. ``https://vizier.cfa.harvard.edu``; the first is asked first.
    query : callable
        Asks and reads the answer through the `ServerQuery` it is given; raises `Unusable`.

    Raises
    ------
    ServiceError
        If no server gave a usable answer, with the reason of each.
    """
    if settings.offline:
        raise ServiceError(service, request, "not queried, because -offline is set")
    ends_at = time.monotonic() + settings.deadline_s
    reasons = []
    for position, server in enumerate(servers):
        left_s = ends_at - time.monotonic()
        if left_s <= 0:
            break
        share_s = left_s / (len(servers) - position)
        try:
            with ServerQuery(server, settings, time.monotonic() + share_s) as link:
                return query(link)
        except Unusable as error:
            log.debug("%s: %s: %s: %s", service, server, request, error)
            reasons.append(f"{urlsplit(server).netloc}: {error}")
    advice = "try again later, or name another server in settings.toml"
    raise ServiceError(service, request, f"{'; '.join(reasons) or 'no server is set'}; {advice}")


class ServerQuery:
    """One server for the length of one question.

    Parameters
    ----------
    server : str
        Base address.
    ends_at : float
        Monotonic time, in seconds, at which patience ends.
    """

    def __init__(self, server: str, settings: ServiceSettings, ends_at: float) -> None:
        self._adapter = _Adapter(server, settings, ends_at)
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> "ServerQuery":
        return self

    def __exit__(self, *_reason: object) -> None:
        for session in self._sessions:
            session.close()

    def open(self, client: Any) -> Any:
        """Connect a client of astroquery (that is, its session) with the server."""
        self._connected(client._session)
        return client

    def post(self, path: str, question: str) -> requests.Response:
        """Answer of the server to a question that is sent to a path, where no client is needed."""
        session = self._connected(requests.Session())
        return session.post(urljoin(self._adapter.server, path), data=question)

    def _connected(self, session: requests.Session) -> requests.Session:
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        session.headers["User-Agent"] = f"{USER_AGENT} {session.headers['User-Agent']!s}"
        self._sessions.append(session)
        return session

    def read(self, parse: Callable[[], Answer]) -> Answer:
        """Outcome of a foreign parser; whatever it chokes on makes the answer unusable.

        Its warnings are left out. Python keeps the filters of warnings once per process,
        therefore one answer is read at a time.
        """
        with _parsing, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return parse()
            except Exception as error:
                log.debug("unreadable answer", exc_info=True)
                raise Unusable(f"unreadable answer ({first_line(error)})") from error


def text_of(response: requests.Response) -> str:
    """Text of an answer that is neither empty nor a web page.

    Raises
    ------
    Unusable
        If it is.
    """
    text = response.content.decode("utf-8", "replace")
    start = text[:2000].lstrip("\ufeff \t\r\n").lower()
    if not start:
        raise Unusable("empty answer")
    if start.startswith(("<!doctype html", "<html")):
        title = re.search(r"<title>\s*(.*?)\s*</title>", text[:5000], re.IGNORECASE | re.DOTALL)
        raise Unusable(f"a web page instead of data ({first_line(title[1] if title else start)})")
    return text


class _Adapter(HTTPAdapter):
    """Sends every request of a session to one server, within a time limit."""

    def __init__(self, server: str, settings: ServiceSettings, ends_at: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        if urlsplit(server).scheme not in {"http", "https"} or not urlsplit(server).netloc:
            message = f"settings [services]: {server!r} is not an address such as https://host"
            raise ConfigError(message)
        self.server, self.settings, self.ends_at = server, settings, ends_at

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        """Answer with status 200 and its whole body; waits and repeats as the settings say.

        Raises
        ------
        Unusable
            If there is none.
        """
        request = request.copy()
        request.url = _moved(str(request.url), self.server)
        options = {name: options.get(name) for name in ("verify", "cert")}
        for attempt in itertools.count():
            try:
                return self._followed(request, options)
            except Unusable as error:
                pause_s = error.wait_s
                if pause_s is None:
                    pause_s = self.settings.backoff_s * 2**attempt
                last = attempt >= self.settings.retries or not error.may_pass
                if last or pause_s > min(self.settings.longest_pause_s, self._left_s()):
                    raise
                log.debug("%s: %s; retrying in %.1f s", request.url, error, pause_s)
                time.sleep(pause_s)
        raise AssertionError

    def _followed(
        self, request: requests.PreparedRequest, options: dict[str, Any]
    ) -> requests.Response:
        """Answer behind redirections; a POST stays a POST, or its query would be lost."""
        for _ in range(_MOST_REDIRECTS):
            response = self._limited(request, options)
            if response.status_code not in _REDIRECTS:
                _check_status(response)
                return response
            target = _target_of(str(request.url), response.headers.get("Location", ""))
            log.debug("%s: redirected to %s", request.url, target)
            request = request.copy()
            request.url = target
        raise Unusable("redirection loop")

    def _limited(
        self, request: requests.PreparedRequest, options: dict[str, Any]
    ) -> requests.Response:
        """Answer within the time limit, whatever the name server or the server do.

        The work is done on a thread that is left behind when time is up: nothing else ends
        the wait for a name server, or for a header that comes byte by byte.
        """
        _wait_for_turn(urlsplit(str(request.url)).netloc, self.settings.requests_per_s)
        outcome: Future[requests.Response] = Future()

        def work() -> None:
            try:
                outcome.set_result(self._whole(request, options))
            except BaseException as error:
                outcome.set_exception(error)

        threading.Thread(target=work, daemon=True, name="photpipe-request").start()
        try:
            return outcome.result(max(0.0, self._left_s()))
        except TimeoutError:
            message = f"no complete answer within {self.settings.deadline_s:g} s"
            raise Unusable(message) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _plain(error, self.settings) from error
        except ValueError as error:  # UnicodeError included: names of hosts that are none
            raise Unusable(first_line(error) or type(error).__name__) from error

    def _whole(
        self, request: requests.PreparedRequest, options: dict[str, Any]
    ) -> requests.Response:
        """Answer with its body, read piece by piece as it comes."""
        url = str(request.url)
        left_s = max(0.01, self._left_s())
        timeout = (
            min(self.settings.connect_timeout_s, left_s),
            min(self.settings.read_timeout_s, left_s),
        )
        proxies = requests.utils.get_environ_proxies(url)
        response = super().send(request, stream=True, timeout=timeout, proxies=proxies, **options)
        with contextlib.closing(response):
            body = bytearray()
            most_mb = self.settings.largest_answer_mb
            for piece in iter(functools.partial(response.raw.read1, _CHUNK_BYTES, True), b""):
                body += piece
                if len(body) > most_mb * 1e6:
                    raise Unusable(f"the answer is larger than {most_mb:g} MB")
                if self._left_s() <= 0:
                    raise TimeoutError
            response._content = bytes(body)
            response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _left_s(self) -> float:
        return self.ends_at - time.monotonic()


def _moved(url: str, server: str) -> str:
    """Address with scheme and host (and leading path) of the server."""
    base, parts = urlsplit(server), urlsplit(url)
    path = base.path.rstrip("/") + parts.path
    return urlunsplit((base.scheme, base.netloc, path, parts.query, ""))


def _target_of(url: str, location: str) -> str:
    """Address that a redirection leads to.

    Raises
    ------
    Unusable
        If it is none of the web.
    """
    try:
        target = urljoin(url, location.strip())
        parts = urlsplit(target)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not location.strip() or not target.isprintable():
        raise Unusable(f"redirected to {first_line(location) or 'nowhere'}, which is no address")
    return target


def _check_status(response: requests.Response) -> None:
    """Refuse every status but 200."""
    if response.status_code == requests.codes.ok:
        return
    raise Unusable(
        f"HTTP {response.status_code} {response.reason or ''}".rstrip(),
        may_pass=response.status_code in _MAY_PASS,
        wait_s=_retry_after_s(response.headers.get("Retry-After")),
    )


def _retry_after_s(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds a number of seconds or a date."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(text))
    with contextlib.suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _wait_for_turn(host: str, requests_per_s: float) -> None:
    """Wait until the next request to a host is polite."""
    with _turn:
        now = time.monotonic()
        start = max(now, _next_turn.get(host, now))
        _next_turn[host] = start + 1.0 / requests_per_s
    time.sleep(start - now)


def _plain(error: Exception, settings: ServiceSettings) -> Unusable:
    """Reason of a failed transfer in plain words, and whether it may pass."""
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return Unusable(f"no secure connection ({first_line(error)})")
    if isinstance(error, requests.ConnectTimeout):
        return Unusable(f"no connection within {settings.connect_timeout_s:g} s", may_pass=True)
    if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return Unusable(f"silent for {settings.read_timeout_s:g} s", may_pass=True)
    for sign, reason in _SIGNS:
        if sign in text:
            return Unusable(reason, may_pass=True)
    lost = isinstance(error, requests.ConnectionError | urllib3.exceptions.ProtocolError | OSError)
    return Unusable(first_line(error), may_pass=lost)


_SIGNS = (
    ("Connection refused", "connection refused"),
    ("NameResolutionError", "host unknown; is this computer online?"),
    ("Network is unreachable", "network unreachable; is this computer online?"),
    ("IncompleteRead", "answer cut off"),
    ("reset by peer", "connection lost"),
    ("RemoteDisconnected", "connection lost"),
    ("Connection aborted", "connection lost"),
)


def first_line(text: object) -> str:
    """Beginning of a text, or of what an error says, fit for a message."""
    line = next((each.strip() for each in str(text).splitlines() if each.strip()), "")
    plain = "".join(sign if sign.isprintable() else "?" for sign in line[:100])
    return f"there is no {plain}" if isinstance(text, KeyError) else plain
