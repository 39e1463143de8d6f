"""diagnostics.py -serve: pages on loopback; what a page rejects is measured again at once."""

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from photpipe.report.write import refresh
from photpipe.run.photometry_file import read_rejections
from photpipe.run.workspace import Workspace
from photpipe.runner import serve
from tests.report.browser import Browser


@pytest.fixture
def redone(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Directories that were distilled again; nothing is measured here."""
    done: list[Path] = []
    monkeypatch.setattr(serve, "distill_again", lambda workspace: done.append(workspace.directory))
    return done


@pytest.fixture
def server(night: Workspace, redone: list[Path]) -> Iterator[serve.Server]:
    refresh(night)
    with serve.serving(night) as server:
        yield server


Ask = Callable[..., tuple[int, bytes]]


@pytest.fixture
def ask(server: serve.Server) -> Ask:
    def asked(
        name: str, body: str | None = None, token: str = "", **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        path = f"/{token or server.token}/{name}"
        origin = {"Origin": f"http://127.0.0.1:{server.server_port}"} if body is not None else {}
        connection.request("GET" if body is None else "POST", path, body, origin | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    return asked


def test_pages_are_given_out_to_who_knows_the_token(ask: Ask, server: serve.Server) -> None:
    assert urlsplit(server.address).hostname == "127.0.0.1"
    assert len(server.token) >= 32
    status, page = ask("diagnostics.html")
    assert status == 200
    assert f'data-serve="/{server.token}/"'.encode() in page
    assert ask(".diagnostics/report.js")[0] == 200
    assert ask("photometry_3552.dat")[0] == 200
    assert ask("LOG")[0] == 200
    assert ask("diagnostics.html", token="x" * len(server.token))[0] == 404
    assert ask("diagnostics.html", Host="night.example:80")[0] == 404


@pytest.mark.parametrize(
    "name", ["../secret.html", "%2e%2e/secret.html", "link.html", "n001.fits", "", ".diagnostics"]
)
def test_nothing_else_is_given_out(ask: Ask, night: Workspace, name: str) -> None:
    secret = night.directory.parent / "secret.html"
    secret.write_text("secret")
    (night.directory / "link.html").symlink_to(secret)
    assert ask(name)[0] == 404


def test_rejections_are_written_and_measured_at_once(
    ask: Ask, night: Workspace, redone: list[Path]
) -> None:
    assert ask("reject", "3552 n001.fits a cloud\n")[0] == 200
    assert read_rejections(night.directory) == {("3552", "n001.fits"): "a cloud"}
    assert redone == [night.directory]
    status, answer = ask("reject", "3552\n")
    assert status == 400
    assert b"line 1" in answer
    assert read_rejections(night.directory) == {("3552", "n001.fits"): "a cloud"}
    assert ask("reject", "3552 n002.fits x\n", Origin="http://elsewhere")[0] == 404
    assert ask("photometry_3552.dat", "")[0] == 404  # nothing else can be written
    assert len(redone) == 1


def test_click_in_the_browser_is_applied(
    browser: Browser, server: serve.Server, night: Workspace, redone: list[Path]
) -> None:
    page = server.address.replace("diagnostics.html", ".diagnostics/targets/3552.html")
    browser.open_address(page)
    browser._loaded = False
    browser.run("document.querySelectorAll('.reject')[1].click()")
    browser.wait_for_load()
    assert redone == [night.directory]
    assert read_rejections(night.directory) == {("3552", "n002.fits"): "rejected by the user"}
    browser.run("localStorage.clear()")
