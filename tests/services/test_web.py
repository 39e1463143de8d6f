"""Patience: time-outs, repetitions, redirections, mirrors, and the limit on all of them."""

import contextlib
import gzip
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate

import pytest
import requests

from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.run.settings import ServiceSettings
from photpipe.services import web

Handler = http.server.BaseHTTPRequestHandler


@dataclass
class Server:
    """A server that answers as the test says, and remembers what it was asked."""

    answer: Callable[[Handler, int], None]
    asked: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    address: str = ""


def send(handler: Handler, status: int = 200, body: bytes = b"fine", **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[Handler, int], None]], Server]]:
    running = []

    def begin(answer: Callable[[Handler, int], None]) -> Server:
        server = Server(answer)

        class Own(Handler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append((self.command, self.path, body, dict(self.headers)))
                server.times.append(time.monotonic())
                with contextlib.suppress(OSError):
                    server.answer(self, len(server.asked))

            do_POST = do_GET  # noqa: N815

        http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
        http_server.daemon_threads = True
        thread = threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        running.append(http_server)
        server.address = f"http://127.0.0.1:{http_server.server_port}"
        return server

    yield begin
    for each in running:
        each.shutdown()
        each.server_close()


SETTINGS = ServiceSettings(
    connect_timeout_s=1.0,
    read_timeout_s=0.5,
    deadline_s=3.0,
    retries=2,
    backoff_s=0.05,
    longest_pause_s=1.0,
    requests_per_s=1000.0,
)


class Client:
    """As much of a client of astroquery as matters here."""

    def __init__(self) -> None:
        self._session = requests.Session()


def ask(
    *servers: Server | str, settings: ServiceSettings = SETTINGS, post: bytes | None = None
) -> bytes:
    def query(link: web.ServerQuery) -> bytes:
        client = link.open(Client())
        method = "GET" if post is None else "POST"
        url = "https://service.example/path/x?a=1&b=%22c%22"
        response = client._session.request(method, url, data=post, timeout=99)
        web.text_of(response)
        return bytes(response.content)

    addresses = [each if isinstance(each, str) else each.address for each in servers]
    return web.ask("Service", "a question", addresses, settings, query)


Start = Callable[[Callable[[Handler, int], None]], Server]


def test_requests_go_to_the_address_of_the_settings(start: Start) -> None:
    server = start(lambda handler, _: send(handler))
    assert ask(server, post=b"the query") == b"fine"
    ((method, path, body, headers),) = server.asked
    assert (method, path, body) == ("POST", "/path/x?a=1&b=%22c%22", b"the query")
    assert headers["Host"] in server.address
    assert headers["User-Agent"].startswith("photometrypipeline/1")
    assert ask(f"{server.address}/mirror/") == b"fine"
    assert server.asked[-1][1] == "/mirror/path/x?a=1&b=%22c%22"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(start: Start, status: int) -> None:
    server = start(lambda handler, n: send(handler, status if n < 3 else 200))
    assert ask(server) == b"fine"
    assert len(server.asked) == 3
    first, second = server.times[1] - server.times[0], server.times[2] - server.times[1]
    assert first >= 0.05
    assert second >= 0.1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_what_will_not_pass_is_not(start: Start, status: int) -> None:
    server = start(lambda handler, _: send(handler, status, b""))
    with pytest.raises(ServiceError, match=f"HTTP {status}"):
        ask(server)
    assert len(server.asked) == 1


def test_repetitions_end(start: Start) -> None:
    server = start(lambda handler, _: send(handler, 503))
    with pytest.raises(ServiceError, match=r"HTTP 503 Service Unavailable"):
        ask(server)
    assert len(server.asked) == 3


def test_retry_after_is_honoured_in_both_forms(start: Start) -> None:
    server = start(lambda h, n: send(h, 429, Retry_After="0.4") if n == 1 else send(h))
    ask(server)
    assert server.times[1] - server.times[0] >= 0.4
    date_s = int(time.time()) + 2
    date = formatdate(date_s, usegmt=True)
    server = start(lambda h, n: send(h, 503, Retry_After=date) if n == 1 else send(h))
    ask(server, settings=replace(SETTINGS, longest_pause_s=5.0, deadline_s=5.0))
    assert server.times[1] + time.time() - time.monotonic() > date_s - 0.05


@pytest.mark.parametrize("text", ["3600", "Sun, 01 Jan 2090 00:00:00 GMT"])
def test_a_server_that_wants_a_long_rest_is_left_alone(start: Start, text: str) -> None:
    busy = start(lambda handler, _: send(handler, 429, Retry_After=text))
    free = start(lambda handler, _: send(handler))
    assert ask(busy, free) == b"fine"
    assert len(busy.asked) == 1


@pytest.mark.parametrize("text", ["soon", "", "-5"])
def test_a_senseless_retry_after_does_no_harm(start: Start, text: str) -> None:
    server = start(lambda h, n: send(h, 503, Retry_After=text) if n == 1 else send(h))
    assert ask(server) == b"fine"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_post_keeps_its_query(start: Start, status: int) -> None:
    goal = start(lambda handler, _: send(handler))
    server = start(lambda handler, _: send(handler, status, b"", Location=f"{goal.address}/new"))
    assert ask(server, post=b"the query") == b"fine"
    assert goal.asked[0][:3] == ("POST", "/new", b"the query")


def test_redirections_in_circles_end(start: Start) -> None:
    server = start(lambda handler, _: send(handler, 302, b"", Location="/again"))
    with pytest.raises(ServiceError, match="redirection loop"):
        ask(server)
    assert len(server.asked) < 10


NONSENSE = (
    *("", "http://", "http://[::1", "ftp://host/x", "javascript:alert(1)", "file:///etc/passwd"),
    *("http://host:99999/", "http://host:0/", "http://" + "a" * 70 + "/", "http://a..b/", "//"),
    *("http://user@:80/", "http://127.0.0.1:1/\x1b[2J", "\x00", "http://%zz/"),
)


@pytest.mark.parametrize("location", NONSENSE)
def test_redirections_to_nonsense_end_in_one_line(start: Start, location: str) -> None:
    server = start(lambda handler, _: send(handler, 302, b"", Location=location))
    with pytest.raises(ServiceError) as caught:
        ask(server, settings=replace(SETTINGS, retries=0))
    assert str(caught.value).isprintable()
    assert 1 <= len(server.asked) <= 6


def test_redirection_that_does_not_say_where(start: Start) -> None:
    server = start(lambda handler, _: send(handler, 307, b""))
    with pytest.raises(ServiceError, match="redirected to nowhere, which is no address"):
        ask(server)


def _endless(handler: Handler, _: int) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def _bomb(handler: Handler, _: int) -> None:
    send(handler, 200, gzip.compress(bytes(20_000_000)), Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [_endless, _bomb])
def test_an_answer_has_a_largest_size(start: Start, answer: Callable[[Handler, int], None]) -> None:
    server = start(answer)
    with pytest.raises(ServiceError, match="the answer is larger than 2 MB"):
        ask(server, settings=replace(SETTINGS, largest_answer_mb=2.0, deadline_s=30.0))
    assert len(server.asked) == 1


def _drip_body(handler: Handler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def _drip_header(handler: Handler, _: int) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def _chunked_drip(handler: Handler, _: int) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"1\r\nx\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("drip", [_drip_body, _drip_header, _chunked_drip])
def test_a_trickle_ends_with_the_time_limit(
    start: Start, drip: Callable[[Handler, int], None]
) -> None:
    server = start(drip)
    began = time.monotonic()
    with pytest.raises(ServiceError, match="within"):
        ask(server, settings=replace(SETTINGS, deadline_s=1.0))
    assert time.monotonic() - began < 6.0  # of the ten seconds that the server takes


def test_mirrors_share_the_time(start: Start) -> None:
    slow = start(_drip_body)
    good = start(lambda handler, _: send(handler))
    began = time.monotonic()
    assert ask(slow, good, settings=replace(SETTINGS, deadline_s=2.0)) == b"fine"
    assert time.monotonic() - began < 6.0  # of the ten seconds that the server takes


def test_silence_ends_with_the_read_limit(start: Start) -> None:
    server = start(lambda handler, n: time.sleep(8.0) if n == 1 else send(handler))
    began = time.monotonic()
    assert ask(server) == b"fine"
    assert time.monotonic() - began < 6.0


def test_reasons_of_all_servers_are_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def without_network(host: str, *rest: object, **options: object) -> object:
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", without_network)
    gone = start(lambda handler, _: send(handler, 404))
    closed = start(lambda handler, _: handler.connection.close())
    with pytest.raises(ServiceError) as caught:
        ask(gone, closed, "http://127.0.0.1:1", "http://nowhere.invalid")
    text = str(caught.value)
    assert text.startswith("Service: a question: ")
    for reason in ("HTTP 404", "connection lost", "connection refused", "host unknown"):
        assert reason in text
    assert "\n" not in text


def test_a_body_that_is_cut_off_is_no_answer(start: Start) -> None:
    def cut(handler: Handler, number: int) -> None:
        if number > 1:
            return send(handler)
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        return handler.wfile.write(b"the beginning") and None

    server = start(cut)
    assert ask(server) == b"fine"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty answer"),
        (b" \n\n ", "empty answer"),
        (b"<!DOCTYPE html><html><title>Down for\nrepair</title>", "web page.*Down for"),
        (b"\xef\xbb\xbf\n<HTML><body>oh", "web page"),
    ],
)
def test_pages_and_silence_are_no_answers(start: Start, body: bytes, reason: str) -> None:
    server = start(lambda handler, _: send(handler, 200, body))
    with pytest.raises(ServiceError, match=reason):
        ask(server)


def test_compressed_answers_are_unpacked(start: Start) -> None:
    body = gzip.compress(b"text " * 10000)
    server = start(lambda handler, _: send(handler, 200, body, Content_Encoding="gzip"))
    assert ask(server) == b"text " * 10000


def test_requests_keep_a_polite_distance(start: Start) -> None:
    server = start(lambda handler, _: send(handler))
    for _ in range(4):
        ask(server, settings=replace(SETTINGS, requests_per_s=10.0))
    assert server.times[3] - server.times[0] >= 0.28


def test_offline_never_asks(start: Start) -> None:
    server = start(lambda handler, _: send(handler))
    with pytest.raises(ServiceError, match="-offline"):
        ask(server, settings=replace(SETTINGS, offline=True))
    assert server.asked == []


@pytest.mark.parametrize("address", ["vizier.cds.unistra.fr", "ftp://x", "", "https://"])
def test_an_address_must_be_one(address: str) -> None:
    with pytest.raises(ConfigError, match="is not an address"):
        ask(address)


def test_no_server_at_all() -> None:
    with pytest.raises(ServiceError, match="no server is set"):
        ask()


def test_what_a_parser_chokes_on_is_unusable(start: Start) -> None:
    def query(link: web.ServerQuery) -> object:
        return link.read(lambda: {}["missing"])

    with pytest.raises(ServiceError, match=r"unreadable answer \(there is no 'missing'\)"):
        web.ask("Service", "a question", ["http://127.0.0.1:1"], SETTINGS, query)
