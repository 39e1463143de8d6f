"""pp_manident for real: windows on a display of the test's own, clicks and keys by xdotool."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageGrab

import pp_calibrate
import pp_distill
import pp_manident
import pp_photometry
from photpipe.distill.targets import read_positions
from photpipe.fits.fitsfile import update_header
from photpipe.ground import sky
from photpipe.manident.display import OUTSIDE, DisplayedFrame
from photpipe.manident.marking import MarkableFrame, Marks
from photpipe.run import photometry_file
from simsky import Mover, camera, night, observe, read_truth, sky_for
from tests.prepared import make_prepared

ROOT = Path(__file__).resolve().parents[2]
FIELD = (0.01, 20.0)  # across 0h
START_JD = 2457786.95
COUNT = 5
GREEN, RED, YELLOW = (0, 224, 0), (255, 48, 48), (255, 255, 0)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A display that nobody else sees."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1000x900x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        name = f":{pipe.readline().strip()}"
    yield name
    server.terminate()
    server.wait()


@dataclass
class Frames:
    directory: Path
    paths: list[Path]

    @property
    def names(self) -> list[str]:
        return [str(path) for path in self.paths]

    def target(self, number: int) -> tuple[float, float]:
        """True place of the target on a frame (FITS pixels)."""
        truth = read_truth(self.paths[number])
        row = truth[truth["kind"] == 1][0]
        return float(row["x"]), float(row["y"])


@pytest.fixture(scope="module")
def _measured(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    directory = tmp_path_factory.mktemp("manident")
    cam = camera("VATT4K", shape=(420, 400))
    mover = Mover(
        "Nobody",
        *FIELD,
        epoch_jd=START_JD + 0.002,
        number=None,
        designation="2020 AB1",
        rate_ra_arcsec_min=2.0,
        rate_dec_arcsec_min=1.0,
        v_mag=16.5,
    )
    stars = sky_for(cam, 4, *FIELD, stars_per_frame=60, min_separation_arcsec=15.0)
    plan = night(cam, *FIELD, count=COUNT, start_jd=START_JD, seed=4, object_name="unknown")
    paths = make_prepared(observe(stars.with_movers(mover), cam, plan, directory), cam)
    for path in paths:
        update_header(path, {"REGSTAT": "registered"})
    names = [str(path) for path in paths]
    words = ["-quiet", "-offline", "-background_only"]
    assert pp_photometry.main([*words, *names]) == 0
    assert pp_calibrate.main(["-quiet", "-offline", "-instrumental", *names]) == 0
    return Frames(directory, paths)


@pytest.fixture
def frames(_measured: Frames, tmp_path: Path) -> Frames:
    directory = tmp_path / "night"
    shutil.copytree(_measured.directory, directory)
    return Frames(directory, [directory / path.name for path in _measured.paths])


class Session:
    """The command in a process of its own, and hands on its keys and buttons."""

    def __init__(self, display: str, frames: Frames, *words: str) -> None:
        self.environment = {**os.environ, "DISPLAY": display}
        self.display = display
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "pp_manident.py"), *words, *frames.names],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.window = self._found()
        self.do("windowfocus", self.window)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *reason: object) -> None:
        with self.process:
            self.process.kill()

    def _found(self) -> str:
        words = ["search", "--sync", "--onlyvisible", "--class", "pp_manident"]
        found = subprocess.check_output(["xdotool", *words], env=self.environment, timeout=120)
        time.sleep(0.5)  # the first picture
        return found.split()[-1].decode()

    def do(self, *words: str) -> None:
        """One act of xdotool."""
        subprocess.run(["xdotool", *words], env=self.environment, check=True, timeout=60)

    def act(self, *words: str) -> None:
        """One act that changes the picture; returns when that is done."""
        before = self.screen()
        self.do(*words)
        for _ in range(100):
            time.sleep(0.1)
            now = self.screen()
            if (now != before).any() and (now == self.screen()).all():
                return
        raise AssertionError(f"nothing happened on {words}")

    def screen(self) -> np.ndarray:
        """Colours of the screen; shape (rows, columns, 3)."""
        picture = ImageGrab.grab(xdisplay=self.display)
        keep = os.environ.get("PP_SCREENSHOTS")
        if keep:
            picture.save(Path(keep) / f"manident-{time.monotonic():.2f}.png")
        return np.asarray(picture.convert("RGB"))

    def corner(self) -> tuple[int, int]:
        """Screen place of the frame's upper left corner: below the status, behind the grey."""
        screen = self.screen()
        light = screen[:200, 2].mean(axis=1) > 150
        top = int(np.flatnonzero(light)[-1]) + 1
        outside = (screen[top + 20 : top + 380] == OUTSIDE).all(axis=(0, 2))
        return int(np.flatnonzero(~outside)[0]), top

    def leave(self) -> str:
        """Press q; what the command said."""
        self.do("key", "q")
        return self.process.communicate(timeout=60)[0]


def seen(screen: np.ndarray, x: float, y: float, colour: tuple[int, int, int]) -> int:
    """Pixels of a colour around a place."""
    row, column = int(y), int(x)
    part = screen[max(0, row - 12) : row + 13, max(0, column - 12) : column + 13].astype(int)
    return int((np.abs(part - colour).max(axis=2) < 10).sum())


def test_a_session_from_the_first_click_to_the_photometry(display: str, frames: Frames) -> None:
    scale = 1.7  # the whole frame is in the window
    with Session(display, frames, "-zoom", str(scale)) as session:
        left, top = session.corner()

        def on_screen(x: float, y: float) -> tuple[float, float]:
            return left + (x - 0.5) * scale, top + (420.5 - y) * scale

        def has(colour: tuple[int, int, int], number: int) -> bool:
            return seen(session.screen(), *on_screen(*frames.target(number)), colour) > 10

        def click(number: int) -> None:
            x, y = on_screen(*frames.target(number))
            session.act("mousemove", str(round(x + 3)), str(round(y - 3)), "click", "1")

        first = session.screen()
        sources = MarkableFrame.read(frames.paths[0], None)
        places = zip(sources.x_px, sources.y_px, strict=True)
        circled = [seen(first, *on_screen(*place), GREEN) for place in places]
        assert len(circled) > 20
        assert min(circled) > 10
        assert has(GREEN, 0)
        click(0)
        assert has(RED, 0)
        session.act("key", "a")  # before the first one comes the last
        assert not has(YELLOW, 4)
        click(4)
        assert has(RED, 4)
        session.act("key", "u")
        assert not has(RED, 4)
        click(4)
        session.act("click", "3")  # and behind the last one the first
        assert has(RED, 0)
        for number in (1, 2, 3):
            session.act("key", "d")
            assert has(YELLOW, number)
            assert not has(RED, number)
        said = session.leave()
    assert session.process.returncode == 0
    assert "positions.dat: 5 frames, 2 of them marked; now pp_distill -positions" in said
    _check_positions(frames)
    words = ["-quiet", "-offline", "-positions", "positions.dat", "-target", "2020 AB1"]
    assert pp_distill.main([*words, *frames.names]) == 0
    _, points = photometry_file.read(frames.directory / "photometry_2020_AB1.dat")
    assert len(points) == COUNT
    assert all(point.is_good and point.method == "detected" for point in points)


def _check_positions(frames: Frames) -> None:
    """Compare the positions file with the truth."""
    names = [path.name for path in frames.paths]
    (target,) = read_positions(frames.directory / "positions.dat", names, "nameless")
    for number, path in enumerate(frames.paths):
        truth = read_truth(path)
        row = truth[truth["kind"] == 1][0]
        found = target.ra_deg[number], target.dec_deg[number]
        assert float(sky.separation_deg(*found, row["ra_deg"], row["dec_deg"])) * 3600 < 0.2


def test_zoom_contrast_and_moving(display: str, frames: Frames) -> None:
    with Session(display, frames, "-zoom", "1") as session:
        before = session.screen()
        session.act("mousemove", "200", "200", "click", "--repeat", "4", "--delay", "150", "4")
        larger = session.screen()
        assert (larger != before).any()
        session.act("key", "plus")
        session.act("key", "bracketright")
        brighter = session.screen()
        sky_part = (slice(60, 380), slice(20, 380))
        assert brighter[sky_part].mean() > larger[sky_part].mean() + 20
        session.act("key", "minus")
        session.act("key", "bracketleft")
        session.act("key", "Right")
        moved = session.screen()
        assert (moved != larger).any()
        session.act("key", "Left")
        assert (session.screen() == larger).all()
        assert "nothing was marked; positions.dat is as it was" in session.leave()
        assert session.process.returncode == 0
        assert not (frames.directory / "positions.dat").exists()


def test_a_click_without_a_source_and_frames_that_cannot_be_shown(
    display: str, frames: Frames
) -> None:
    """No catalogs, no registration, one file broken, one without WCS: still a session."""
    for path in frames.paths:
        path.with_suffix(".ldac").unlink()
        update_header(path, {"REGSTAT": None})
    frames.paths[1].write_bytes(b"rubbish")
    update_header(frames.paths[2], {"CTYPE1": None, "CTYPE2": None})
    with Session(display, frames, "-zoom", "1") as session:
        left, top = session.corner()
        session.act("mousemove", str(left + 100), str(top + 120), "click", "1")
        session.act("key", "d")
        session.act("mousemove", str(left + 110), str(top + 110), "click", "1")
        said = session.leave()
        assert session.process.returncode == 3
        assert "run pp_photometry first for the circles" in said
        for path, words in zip(
            frames.paths[1:3], ("not a FITS file", "no celestial WCS"), strict=True
        ):
            assert f"{path.name}: " in said
            assert words in said
        lines = (frames.directory / "positions.dat").read_text().splitlines()
        assert [line.split()[0] for line in lines[1:]] == [
            frames.paths[number].name for number in (0, 3, 4)
        ]
        sight = MarkableFrame.read(frames.paths[0], None)
        name, ra, dec, _jd = lines[1].split()[:4]
        assert name == frames.paths[0].name
        assert sight.pixel_of(float(ra), float(dec)) == pytest.approx((101.0, 300.0), abs=1.5)


def test_interrupts_lose_nothing(display: str, frames: Frames) -> None:
    with Session(display, frames, "-zoom", "1") as session:
        _, top = session.corner()
        session.act("mousemove", "100", str(top + 120), "click", "1")
        session.process.send_signal(signal.SIGINT)
        said = session.process.communicate(timeout=30)[0]
        assert session.process.returncode == 130
        assert "interrupted" in said
        assert "Traceback" not in said
        assert (frames.directory / "positions.dat").read_text().count("# marked") == 1


@pytest.mark.parametrize("name", ["", ":987"])
def test_without_a_display_there_is_one_line(
    name: str,
    frames: Frames,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DISPLAY", name)
    assert pp_manident.main(frames.names) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("ERROR: no window can be opened")
    assert "ssh -X" in said


@pytest.fixture
def window(display: str, frames: Frames, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """The window in this process, for what needs no hands."""
    from photpipe.manident import window

    monkeypatch.setenv("DISPLAY", display)
    sights = [MarkableFrame.read(path, None) for path in frames.paths]
    pictures = [DisplayedFrame.read(each.path, each.shape) for each in sights]
    with window.open_display() as root:
        opened = window.Window(root, Marks(sights), pictures, 1.0)
        root.deiconify()
        opened.show(0)
        root.update()
        yield opened


def test_the_thread_of_the_window_frees_it(
    display: str, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    from photpipe.manident import window

    monkeypatch.setenv("DISPLAY", display)
    sights = [MarkableFrame.read(path, None) for path in frames.paths]
    pictures = [DisplayedFrame.read(each.path, each.shape) for each in sights]

    def session() -> list[weakref.ref]:
        with window.open_display() as root:
            opened = window.Window(root, Marks(sights), pictures, 1.0)
            opened.show(0)
            root.update()
            return [weakref.ref(root), weakref.ref(opened._photo)]

    gc.collect()
    gc.disable()  # which frees what is left in whatever thread is allocating then
    try:
        assert [each() for each in session()] == [None, None]
    finally:
        gc.enable()


def test_what_is_under_the_pointer_stays_there(window) -> None:
    place = window.view(0).to_frame(140, 90)
    for delta in (4, 4, 4, 5, 4):
        window.canvas.event_generate(f"<Button-{delta}>", x=140, y=90)
        window.root.update()
    assert window.scale == pytest.approx(1.25**3)
    assert window.view(0).to_frame(140, 90) == pytest.approx(place, abs=1e-6)
    # the same stars stay in place from frame to frame, although the telescope was dithered
    star = window.marks.sights[0].sky_of(*place)
    window.show(1)
    x, y = window.marks.sights[1].pixel_of(*star)
    assert window.view(1).to_screen(x, y) == pytest.approx((140, 90), abs=1.0)


def test_shift_marks_exactly_there_and_advice_follows(window) -> None:
    assert window.message.cget("text") == "Click on the target."
    x, y = window.view(0).to_screen(window.marks.sights[0].x_px[0], window.marks.sights[0].y_px[0])
    window.canvas.event_generate("<Button-1>", x=round(x) + 2, y=round(y))
    window.root.update()
    assert window.marks.pixel(0) == pytest.approx(
        (window.marks.sights[0].x_px[0], window.marks.sights[0].y_px[0])
    )
    assert "Go to another one" in window.message.cget("text")
    window.canvas.event_generate("<Button-1>", x=round(x) + 2, y=round(y), state=1)
    window.root.update()
    assert window.marks.pixel(0)[0] == pytest.approx(window.view(0).to_frame(round(x) + 2, 0)[0])
    window.show(1)
    assert "Click on the target here, too" in window.message.cget("text")
    window.marks.mark(1, 390.0, 200.0)
    window.show(1)
    assert "2 frames are marked. Browse" in window.message.cget("text")
    window.show(4)
    assert "2 frames are marked." in window.message.cget("text")
    window.remove()
    window.undo()
    assert window.number == 1
    window.undo()
    window.undo()
    window.undo()
    assert window.message.cget("text") == "There is nothing to undo."
    window.canvas.event_generate("<Button-1>", x=3, y=3)


def test_the_target_is_brought_into_the_middle_and_windows_may_grow(window) -> None:
    window.marks.mark(0, 300.0, 100.0)
    window.scale = 4.0
    window.centre_on_target()
    view = window.view(0)
    assert view.to_screen(300.0, 100.0) == pytest.approx((view.width / 2, view.height / 2))
    window.root.geometry("700x600")
    window.root.update()
    assert window.size[0] == 700
    assert window.rendered(0).startswith(f"P5 700 {window.size[1]} 255\n".encode())
    window.scale = 0.05
    assert window.view(0).to_frame(350, window.size[1] / 2) == pytest.approx((200.5, 210.5))


def test_pixels_that_vanish_are_told(window, frames: Frames) -> None:
    frames.paths[2].unlink()
    window.show(2)
    assert "there is no such file" in window.message.cget("text")
    window.show(3)
    assert window.message.cget("text") == "Click on the target."


def test_a_bug_in_a_deed_ends_the_session_with_its_name(window) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    window._bind("z", fail)
    window.root.after(200, lambda: window.root.event_generate("<KeyPress-z>"))
    with pytest.raises(ZeroDivisionError):
        window.run()


def test_screenshots_are_of_this_display(display: str) -> None:
    assert isinstance(ImageGrab.grab(xdisplay=display), Image.Image)
