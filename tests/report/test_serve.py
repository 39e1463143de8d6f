"""diagnostics.py -serve: pages on loopback; what a page rejects is measured again at once."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

import pytest

from photpipe.distill.targets import read_positions
from photpipe.instruments import telescopes
from photpipe.manident.marking import MarkableFrame, Marks
from photpipe.report.write import refresh
from photpipe.run.photometry_file import read_rejections
from photpipe.run.workspace import Workspace
from photpipe.runner import serve
from tests.report.browser import Remote
from tests.report.nights import make_markable


@pytest.fixture
def redone(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Directories that were distilled again; nothing is measured here."""
    done: list[Path] = []
    monkeypatch.setattr(
        serve, "distill_again", lambda workspace, *_: done.append(workspace.directory)
    )
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
    any_browser: Remote, server: serve.Server, night: Workspace, redone: list[Path]
) -> None:
    page = server.address.replace("diagnostics.html", ".diagnostics/targets/3552.html")
    any_browser.open_address(page)
    any_browser.expect_load()
    any_browser.run("document.querySelectorAll('.reject')[1].click()")
    any_browser.wait_for_load()
    assert redone == [night.directory]
    assert read_rejections(night.directory) == {("3552", "n002.fits"): "rejected by the user"}
    any_browser.run("localStorage.clear()")


@pytest.fixture
def markable(night: Workspace) -> Workspace:
    """The frames with times, and catalogs of sources to snap to."""
    make_markable(night.directory)
    return night


def told(answer: tuple[int, bytes]) -> dict[str, Any]:
    assert answer[0] == 200, answer[1]
    return json.loads(answer[1])


def test_a_target_is_marked_as_in_the_window(
    markable: Workspace, ask: Ask, redone: list[Path]
) -> None:
    frames = told(ask("marks"))
    assert [each["name"] for each in frames["frames"]] == ["n001.fits", "n002.fits", "n003.fits"]
    x, y = frames["frames"][0]["sources"][3]
    status, answer = ask("measure", "{}")
    assert status == 400
    assert b"nothing is marked yet" in answer

    def change(**asked: object) -> dict[str, Any]:
        return told(ask("mark", json.dumps(asked)))

    state = change(do="mark", number=0, x=x + 2, y=y - 1, reach=5)
    assert state["places"][0] == pytest.approx([x, y], abs=0.1)  # snapped
    assert state["places"][1:] == [None, None]
    state = change(do="mark", number=2, x=x + 10, y=y, reach=0)
    assert state["marked"] == [True, False, True]
    assert state["places"][1] == pytest.approx([x + 5, y], abs=0.2)  # on the path

    sights = [
        MarkableFrame.read(markable.directory / each["name"], telescopes.by_keyword("VATT4K"))
        for each in frames["frames"]
    ]
    by_window = Marks(sights)
    by_window.mark(0, *sights[0].snapped(x + 2, y - 1, 5))
    by_window.mark(2, x + 10, y)
    by_window.write(markable.directory / "window.dat")
    positions = markable.directory / "positions.dat"
    assert positions.read_text() == (markable.directory / "window.dat").read_text()

    assert change(do="undo")["marked"] == [True, False, False]
    assert change(do="remove", number=0)["marked"] == [False, False, False]
    for wrong in ({"do": "mark", "number": 9}, {"do": "mark", "number": 0}, {"do": "fly"}, []):
        status, answer = ask("mark", json.dumps(wrong))
        assert status == 400
        assert json.loads(answer)["error"]
    wrong = {"do": "mark", "number": 0, "x": -5, "y": 3, "reach": 5}
    assert b"is not on n001.fits" in ask("mark", json.dumps(wrong))[1]
    assert ask("mark", json.dumps(wrong), Origin="http://elsewhere")[0] == 404
    told(ask("measure", "{}"))
    assert redone == [markable.directory]


def test_marks_are_made_in_the_browser(
    markable: Workspace, any_browser: Remote, server: serve.Server
) -> None:
    any_browser.resize(1000)
    any_browser.open_address(server.address)
    any_browser.follow("[...document.querySelectorAll('nav a')].at(-1).click()")
    settled = """new Promise((done) => {
      const look = () => document.querySelector('.marking-frame').textContent.startsWith('START')
        ? done(true) : setTimeout(look, 20);
      look();
    })"""
    assert any_browser.run(settled.replace("START", "1/3"))
    assert any_browser.run("document.querySelector('.marking-advice').textContent") == (
        "Click on the target."
    )
    # the sections above are laid out when they come into sight, and move what is below
    resting = """new Promise((done) => {
      const canvas = document.querySelector('.marking canvas');
      let before = '', same = 0;
      const look = () => {
        canvas.scrollIntoView({block: 'center'});
        const box = canvas.getBoundingClientRect().toJSON(), now = JSON.stringify(box);
        same = now === before ? same + 1 : 0;
        before = now;
        same === 5 ? done(box) : requestAnimationFrame(look);
      };
      look();
    })"""

    def click(right: float) -> dict[str, float]:
        box = any_browser.run(resting)
        place = box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2
        any_browser.click(*place, modifiers=8)
        return box

    said = "document.querySelector('.marking-advice').textContent"
    count = f"""new Promise((done) => {{
      const look = () => {said}.startsWith('WORDS') ? done(true) : setTimeout(look, 20);
      look();
    }})"""
    click(0)
    assert any_browser.run(count.replace("WORDS", "One frame is marked."))
    any_browser.press("d")
    any_browser.press("d")
    assert any_browser.run(settled.replace("START", "3/3"))
    box = click(20)
    assert any_browser.run(count.replace("WORDS", "2 frames are marked."))
    (target,) = read_positions(
        markable.directory / "positions.dat", ["n001.fits", "n002.fits", "n003.fits"], "target"
    )
    scale = 200 / box["height"]  # the whole frame is seen
    moved = (target.ra_deg[2] - target.ra_deg[0]) * 3600
    assert abs(moved) == pytest.approx(20 * scale * 0.5, rel=0.05)
    assert any_browser.complaints == []


def test_many_who_ask_at_once_wait_for_their_turn(night: Workspace) -> None:
    with serve.Server(night) as busy, contextlib.ExitStack() as waiting:
        for _ in range(40):  # a page with cutouts asks for all of them
            waiting.enter_context(socket.create_connection(busy.server_address, timeout=5))


def test_ctrl_c_ends_the_server(night: Workspace) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, root / "diagnostics.py", "-serve", night.directory]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said
