"""Pages over HTTP on this machine: points that are clicked on are rejected and distilled again.

Nothing listens beyond loopback. The address holds a random token; without it nothing is given
out. Of the data directory the pages, the files of photometry and LOG are read; ``rejections.txt``
and ``positions.dat``, in which a target is marked by hand, are all that a page may write.
"""

import contextlib
import http.server
import importlib
import json
import logging
import mimetypes
import secrets
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from photpipe.command.history import in_history, write_report
from photpipe.command.parser import Command, parsed
from photpipe.command.reporting import status_of
from photpipe.distill.stage import (
    DistillOptions,
    MeasuredTargets,
    distill,
    judged,
    measured,
)
from photpipe.ground import files
from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.manident.marking import POSITIONS_FILE
from photpipe.report import render
from photpipe.report.write import refresh
from photpipe.run import photometry_file
from photpipe.run.results import DistillResult, FrameFailure, History
from photpipe.run.workspace import Workspace
from photpipe.runner.mark_desk import MarkDesk

log = logging.getLogger("diagnostics")

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

HOST = "127.0.0.1"
MOST_BYTES = 1_000_000  # an answer of the page is a list of rejected points: some kB
GIVEN_OUT = (
    ".html",
    ".css",
    ".js",
    ".json",
    ".jpg",
    ".gif",
    ".png",
    ".svg",
    ".dat",
    ".ecsv",
    ".csv",
)
DISTILL = Command("pp_distill", "", distill, DistillOptions)


class Kept:
    """What a server keeps between two clicks: targets as measured.

    Attributes
    ----------
    over : threading.Event
        Set when the server ends: measuring that nobody waits for any more stops.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self._key: object = None
        self._measured: MeasuredTargets | None = None

    def measured(
        self, paths: Sequence[Path], options: DistillOptions, workspace: Workspace
    ) -> MeasuredTargets:
        """Targets on the frames: those of the last time, unless anything they come from changed.

        Raises
        ------
        PhotPipeError
            As `photpipe.distill.stage.measured`.
        """
        key = (replace(options, reject=""), _stamps(paths, options))
        if self._measured is None or key != self._key:
            self._measured = None
            manners = {
                each.name: getattr(workspace, each.name) for each in fields(Workspace) if each.init
            }
            self._measured = measured(paths, options, _Stoppable(**manners, over=self.over))
            self._key = key
        return self._measured


@dataclass(frozen=True, slots=True)
class _Stoppable(Workspace):
    """A workspace whose work on frames ends when the server does."""

    over: threading.Event = field(default_factory=threading.Event)

    def map_frames(
        self,
        function: Callable[[Item], Outcome],
        items: Sequence[Item],
        label: str,
        *,
        by_copies: bool = False,
    ) -> tuple[list[Outcome], list[FrameFailure]]:
        """Apply a function to all items, as long as the server runs."""

        def unless_over(item: Item) -> Outcome:
            if self.over.is_set():
                raise SystemExit
            return function(item)

        # zero arguments would name the class as it was before it got its slots
        return Workspace.map_frames(self, unless_over, items, label, by_copies=by_copies)


def _stamps(paths: Sequence[Path], options: DistillOptions) -> list[str]:
    """Sizes and times of change of all files that targets are measured from."""
    sources = [*paths, *(path.with_suffix(end) for path in paths for end in (".ldac", ".ldac.db"))]
    folder = paths[0].parent if paths else Path()
    sources += sorted(folder.glob("positions*.dat"))
    named = (options.positions, options.fixedtargets)
    sources += [folder / name for name in named if name]
    return [f"{path} {stamp}" for path, stamp in zip(sources, files.stamps(sources), strict=True)]


@dataclass(frozen=True, slots=True)
class _Last:
    """How the directory was distilled the last time: words, options and frames."""

    words: str
    options: DistillOptions
    paths: list[Path]

    @classmethod
    def of(cls, workspace: Workspace) -> "_Last":
        """That of a directory.

        Raises
        ------
        ConfigError
            If it was not distilled before.
        """
        last = workspace.load(DistillResult)
        if last is None:
            raise ConfigError(f"{workspace.directory}: no target was measured here; run pp_distill")
        history = workspace.load(History) or History()
        words = next((e.arguments for e in history.records if e.command == DISTILL.name), "")
        values = parsed(DISTILL, [*shlex.split(words), "frame.fits"])
        options = DistillOptions(**{name: getattr(values, name) for name in DISTILL.options()})
        return cls(words, options, [workspace.directory / name for name in last.frames])


def distill_again(workspace: Workspace, kept: Kept, positions: str | None = None) -> None:
    """Distill the frames of the last time again, with the options of then, and draw the pages.

    Parameters
    ----------
    kept : Kept
        What was measured before is only judged anew.
    positions : str, optional
        File of marked positions to be measured instead of the targets of then.

    Raises
    ------
    PhotPipeError
        If the frames were not distilled before, or cannot be now.
    """
    last = _Last.of(workspace)
    words, options = last.words, last.options
    if positions:
        options = replace(options, positions=positions)
        words = shlex.join(["-positions", positions, *_without(shlex.split(words), "positions")])
    with in_history(DISTILL.name, words, workspace) as outcome:
        targets = kept.measured(last.paths, options, workspace)
        outcome.status = status_of(judged(targets, options, workspace))
    write_report(workspace)


def _without(words: list[str], option: str) -> list[str]:
    """Words of a command line without an option that has a value."""
    for dashes in ("-", "--"):
        if f"{dashes}{option}" in words:
            at = words.index(f"{dashes}{option}")
            words = words[:at] + words[at + 2 :]
    return words


class Server(http.server.ThreadingHTTPServer):
    """Gives out the pages of one directory on loopback.

    Parameters
    ----------
    workspace : Workspace
        The data directory.
    """

    daemon_threads = True
    request_queue_size = 128  # a page asks for all of its pictures at once

    def __init__(self, workspace: Workspace, port: int = 0) -> None:
        self.workspace, self.directory = workspace, workspace.directory.resolve()
        self.desk = MarkDesk(workspace)
        self.kept = Kept()
        self.token = secrets.token_urlsafe(24)
        self.turn = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Address of the main page."""
        return f"http://{HOST}:{self.server_port}/{self.token}/diagnostics.html"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers of the server."""

    server: Server
    server_version, sys_version = "photpipe", ""

    def do_GET(self) -> None:
        """Give out a file, or what the page for marking needs."""
        if self.path == "/favicon.ico":  # browsers ask for it; a fault on the console otherwise
            self._answer(HTTPStatus.NO_CONTENT, b"", "image/x-icon")
            return
        asked = self._asked()
        if asked in {"mark.html", "mark.js"}:
            text, kind = _marking_page(asked, self.server.token)
            self._answer(HTTPStatus.OK, text.encode(), kind)
            return
        if asked == "marks":
            self._do(self.server.desk.frames)
            return
        path = self._named()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        if kind == "text/html":
            served = f'<html data-serve="/{self.server.token}/" '.encode()
            content = content.replace(b"<html ", served, 1)
        self._answer(HTTPStatus.OK, content, kind)

    def do_POST(self) -> None:
        """Take rejections or a mark of a page, and measure again."""
        deed = {"reject": self._reject, "mark": self._mark, "measure": self._measure}.get(
            self._asked() or ""
        )
        if deed is None or not self._is_own_page():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= MOST_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(length)
        self._do(lambda: deed(body))

    def _do(self, deed: Callable[[], object]) -> None:
        """Answer with what a deed gives, or with what stopped it."""
        try:
            with self.server.turn:
                content = deed()
        except (PhotPipeError, ValueError, OSError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, json.dumps({"error": str(error)}).encode())
            return
        self._answer(HTTPStatus.OK, json.dumps(content or {}).encode())

    def _reject(self, body: bytes) -> None:
        _reject(self.server.directory, body.decode("utf-8"))
        distill_again(self.server.workspace, self.server.kept)

    def _mark(self, body: bytes) -> object:
        asked = json.loads(body)
        if not isinstance(asked, dict):
            raise ConfigError("a mark is an object")
        return self.server.desk.change(asked)

    def _measure(self, _body: bytes) -> None:
        if not (self.server.directory / POSITIONS_FILE).is_file():
            raise ConfigError("nothing is marked yet; click on the target first")
        distill_again(self.server.workspace, self.server.kept, POSITIONS_FILE)

    def _asked(self) -> str | None:
        """What is asked for below the token; None without the token, or by another name of here."""
        hosts = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in hosts:  # a stranger's name that leads to loopback
            return None
        token, _, rest = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        return rest if secrets.compare_digest(token.encode(), self.server.token.encode()) else None

    def _is_own_page(self) -> bool:
        origin = self.headers.get("Origin") or ""
        return urlsplit(origin).netloc == self.headers.get("Host")

    def _named(self) -> Path | None:
        """File that is asked for; None if there is none that may be given out."""
        name = self._asked()
        if not name or "\0" in name:
            return None
        path = (self.server.directory / name).resolve()
        is_ours = path.is_relative_to(self.server.directory)
        is_page = path.suffix in GIVEN_OUT or path.name == "LOG"
        return path if is_ours and is_page and path.is_file() else None

    def _answer(self, status: HTTPStatus, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, template: str, *values: object) -> None:
        """Requests are nobody's business but of those who debug."""
        log.debug(template, *values)


def _marking_page(name: str, token: str) -> tuple[str, str]:
    """Text of the page for marking, or of its script, and its type."""
    if name == "mark.js":
        return render.script(name), "text/javascript"
    return render.page(name, base=f"/{token}/"), "text/html"


def _reject(directory: Path, text: str) -> None:
    """Write the file of rejections, as it was before if a line of it is wrong.

    Raises
    ------
    ConfigError
        If a line is not a target, a frame and a reason.
    """
    path = directory / photometry_file.REJECTIONS_FILE
    before = files.read_text(path) if path.is_file() else None
    files.write_text(path, text)
    try:
        photometry_file.read_rejections(directory)
    except ConfigError:
        if before is None:
            path.unlink()
        else:
            files.write_text(path, before)
        raise


def _warm(server: Server) -> None:
    """Do what the first click needs while the user still looks: import, render, measure."""
    try:
        for name in ("scipy.optimize", "photpipe.distill.clean"):
            importlib.import_module(name)
        with server.turn:
            refresh(server.workspace)
            last = _Last.of(server.workspace)
            server.kept.measured(last.paths, last.options, server.workspace)
    except Exception as error:  # the first click says it, if it still matters then
        log.debug("nothing is measured in advance: %s", error)


@contextlib.contextmanager
def serving(workspace: Workspace, port: int = 0) -> Iterator[Server]:
    """Server of a directory for the length of a block."""
    server = Server(workspace, port)
    threading.Thread(target=_warm, args=(server,), daemon=True).start()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.kept.over.set()
        server.shutdown()
        server.server_close()


def serve(workspace: Workspace) -> None:
    """Give out the pages of a directory until Ctrl-C."""
    with serving(workspace) as server, contextlib.suppress(KeyboardInterrupt):
        log.info("%s", server.address)
        log.info("only this machine can open it; from afar: ssh -L %d:%s:%d", *_tunnel(server))
        log.info("Ctrl-C ends it")
        threading.Event().wait()


def _tunnel(server: Server) -> tuple[int, str, int]:
    return server.server_port, HOST, server.server_port
