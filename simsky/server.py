"""A loopback HTTP server that speaks for the services, with faults on request.

Each server of the settings has a port of its own, so that one of them can be down while the
others answer: ``vizier`` and its mirror ``vizier2``, ``horizons``, ``skybot``, ``sdss``, ``mast``.
VSX is a table of VizieR: its requests carry the service name ``vsx``.
"""

import hashlib
import json
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from photpipe.run.settings import ServiceSettings
from simsky import horizons, mast, sdss, skybot, surveys, vizier
from simsky.faults import Fault
from simsky.protocol import Reply, Request, Twist
from simsky.stars import Sky
from simsky.survey import CatalogTable

SERVERS = ("vizier", "vizier2", "horizons", "skybot", "sdss", "mast")
_VSX_TABLE = "B/vsx"


class SkyServer:
    """All services of one sky, on 127.0.0.1, for the length of a ``with`` block.

    Parameters
    ----------
    sky : Sky
        What the services know.
    catalog_noise : float
        Factor on the random errors of the catalogs (0: exact; quoted errors do not change).

    Attributes
    ----------
    requests : list of Request
        Everything that was asked, in the order of arrival.
    """

    def __init__(self, sky: Sky, catalog_noise: float = 1.0) -> None:
        self.sky, self.catalog_noise = sky, catalog_noise
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._listeners: dict[str, _Listener] = {}
        self._memory = _Memory.of(sky, catalog_noise)

    def __enter__(self) -> Self:
        for name in SERVERS:
            self._listeners[name] = _Listener(name, self)
        return self

    def __exit__(self, *_reason: object) -> None:
        for name in SERVERS:
            self.stop(name)

    def address(self, server: str) -> str:
        """Base address of a server, e.g. ``http://127.0.0.1:40123``."""
        return self._listeners[server].address

    def service_settings(self, **changes: Any) -> ServiceSettings:
        """Settings that lead to this server, with little patience.

        Parameters
        ----------
        changes
            Any other field of `ServiceSettings`.
        """
        values: dict[str, Any] = {
            "vizier": (self.address("vizier"), self.address("vizier2")),
            **{name: (self.address(name),) for name in SERVERS[2:]},
            "connect_timeout_s": 2.0,
            "read_timeout_s": 2.0,
            "deadline_s": 10.0,
            "retries": 1,
            "backoff_s": 0.05,
            "longest_pause_s": 2.0,
            "requests_per_s": 1000.0,
        }
        return ServiceSettings(**(values | changes))

    def write_settings(self, directory: Path, **changes: Any) -> Path:
        """Lead commands that run in a data directory here, by a ``photpipe.toml`` in it."""
        lines = ["[services]"]
        settings = self.service_settings(**changes)
        for name in ("vizier", *SERVERS[2:]):
            lines.append(f"{name} = {json.dumps(getattr(settings, name))}")
        for name in ("connect_timeout_s", "read_timeout_s", "deadline_s", "retries", "backoff_s"):
            lines.append(f"{name} = {getattr(settings, name)}")
        lines.append(f"requests_per_s = {settings.requests_per_s}")
        path = directory / "photpipe.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    @staticmethod
    def let_directories_lead(config: Path) -> Path:
        """Let the user whose ``XDG_CONFIG_HOME`` this is trust what `write_settings` writes."""
        path = config / "photpipe" / "settings.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[services]\ntrust_directories = true\n", "utf-8")
        return path

    def stop(self, server: str) -> None:
        """Take a server down for good: connections to it are refused."""
        self._listeners[server].stop()

    def fail(self, fault: Fault) -> None:
        """Let requests fail; of several faults that apply the latest given counts."""
        with self._lock:
            self._faults.insert(0, fault)

    def heal(self) -> None:
        """Forget all faults (a stopped server stays down) and all requests so far."""
        with self._lock:
            self._faults.clear()
            self.requests.clear()

    def count(self, service: str | None = None) -> int:
        """Number of requests, of one service or of all."""
        return sum(service in {None, request.service} for request in self.requests)

    def received(self, request: Request) -> Fault | None:
        """Record a request; the fault that befalls it, if any."""
        with self._lock:
            self.requests.append(request)
            number = self.count(request.service)
            return next((fault for fault in self._faults if fault.befalls(request, number)), None)

    def answer(self, request: Request, twist: Twist | None) -> Reply:
        """What the service says to a request; an equal one is answered alike."""
        if twist is not None:
            return self._composed(request, twist)
        question = (request.service, request.path, tuple(request.query.items()), request.body)
        known = self._memory.replies.get(question)
        if known is None:
            known = self._memory.replies[question] = self._composed(request, None)
        return known

    def _composed(self, request: Request, twist: Twist | None) -> Reply:
        if request.service in {"vizier", "vsx"}:
            return vizier.answer(_Tables(self._table), request, twist)
        if request.service == "horizons":
            return horizons.answer(self.sky.movers, request, twist)
        if request.service == "skybot":
            return skybot.answer(self.sky.movers, request, twist)
        if request.service == "sdss":
            return sdss.answer(self._table("PhotoPrimary"), request, twist)
        return mast.answer(self._table("panstarrs"), request, twist)

    def _table(self, name: str) -> CatalogTable:
        """A catalog of the sky, made once, also when many ask for it at the same time."""
        with self._memory.making:
            if name not in self._memory.tables:
                self._memory.tables[name] = self._make_table(name)
            return self._memory.tables[name]

    def _make_table(self, name: str) -> CatalogTable:
        makers = {
            **surveys.VIZIER,
            "PhotoPrimary": surveys.skyserver,
            "panstarrs": surveys.panstarrs_dr2,
        }
        return makers[name](self.sky, self.catalog_noise)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What was made of a sky, for the next server that is asked about it."""

    tables: dict[str, CatalogTable] = field(default_factory=dict)
    replies: dict[tuple[object, ...], Reply] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, sky: Sky, catalog_noise: float) -> "_Memory":
        """Memory of all servers about equal skies; of the last ten skies, that is."""
        digest = hashlib.sha256(sky.sources.as_array().tobytes())
        digest.update(repr((sky.movers, sky.seed, catalog_noise, sky.sources.colnames)).encode())
        memory = _memories.pop(digest.digest(), None) or cls()
        _memories[digest.digest()] = memory
        while len(_memories) > _SKIES_IN_MEMORY:
            _memories.pop(next(iter(_memories)), None)
        return memory


_SKIES_IN_MEMORY = 10
_memories: dict[bytes, _Memory] = {}


@dataclass(frozen=True, slots=True)
class _Tables(Mapping[str, CatalogTable]):
    """The tables of VizieR, made when first asked for."""

    make: Callable[[str], CatalogTable]

    def __getitem__(self, name: str) -> CatalogTable:
        return self.make(name)

    def __iter__(self) -> Any:
        return iter(surveys.VIZIER)

    def __len__(self) -> int:
        return len(surveys.VIZIER)


class _Listener:
    """One port and the thread that serves it."""

    def __init__(self, name: str, owner: SkyServer) -> None:
        handler = type("Handler", (_Handler,), {"server_name": name, "owner": owner})
        self._http = _QuietServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._ends = os.pipe()
        self._thread = threading.Thread(target=self._http.serve, args=self._ends[:1], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        if self._thread.is_alive():
            os.write(self._ends[1], b".")  # tests take sockets away: nobody can connect
            self._thread.join()
            self._http.server_close()
            for end in self._ends:
                os.close(end)


class _QuietServer(ThreadingHTTPServer):
    """Clients that hang up are part of the game.

    It sleeps until somebody connects: six servers that look 200 times a second whether they shall
    end take two per cent of the tests' time.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    timeout = 0.0  # somebody has connected, or has gone again

    def serve(self, end: int) -> None:
        """Answer until there is something to be read from the file with this number."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(end, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, lets its fault happen, sends what the service says."""

    server_name: str
    owner: SkyServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """A query in the address."""
        self._serve("")

    def do_POST(self) -> None:
        """A query in the body."""
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _serve(self, body: str) -> None:
        parts = urlsplit(self.path)
        service = self.server_name.rstrip("2")
        if service == "vizier" and _VSX_TABLE in body + parts.query:
            service = "vsx"
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        moment = time.monotonic()
        request = Request(
            service, self.server_name, self.command, parts.path, query, body, at_s=moment
        )
        fault = self.owner.received(request)
        if fault is None:
            self._send(self.owner.answer(request, None))
        else:
            self._fail(fault, request)

    def _fail(self, fault: Fault, request: Request) -> None:
        """Send what a fault leaves of the reply, in its way."""
        time.sleep(fault.wait_s)
        if fault.resets:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        if fault.closes:
            self.close_connection = True
            return
        reply = fault.reply(lambda twist: self.owner.answer(request, twist))
        self._send(reply, cut_at=fault.cut_at, byte_pause_s=fault.byte_pause_s)

    def _send(self, reply: Reply, cut_at: float = 1.0, byte_pause_s: float = 0.0) -> None:
        """Send a reply, perhaps only a part of it, perhaps drop by drop."""
        body = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        sent = body[: int(len(body) * cut_at)]
        if byte_pause_s:
            for number in range(len(sent)):
                self.wfile.write(sent[number : number + 1])
                self.wfile.flush()
                time.sleep(byte_pause_s)
        else:
            self.wfile.write(sent)
        if cut_at < 1:
            self.close_connection = True
