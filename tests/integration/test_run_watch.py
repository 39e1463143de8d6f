"""pp_run -watch: frames are worked on as they arrive, half-copied ones are waited for."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import Scene
from tests.integration.runs import points, record, run

RULES = "[run]\npoll_s = 0.2\npatience_s = 3.0\nidle_s = {idle_s}\n"


def prepare_night(commands: Scene, directory: Path, idle_s: float) -> None:
    """An empty directory that is led to the simulated services."""
    directory.mkdir(parents=True)
    toml = (commands.directory / "photpipe.toml").read_text()
    (directory / "photpipe.toml").write_text(toml + RULES.format(idle_s=idle_s))


def wait_for(frames: int, directory: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            if record(directory)["done"] == frames:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    pytest.fail(f"{frames} frames were not worked on")


def test_frames_are_worked_on_as_they_arrive(
    commands: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "tonight"
    prepare_night(commands, directory, idle_s=5.0)
    first, second, third = commands.frames
    steps: list[str] = []

    def observe() -> None:
        shutil.copy(first, directory)
        wait_for(1, directory)
        steps.append("first")
        content = second.read_bytes()
        half = directory / second.name
        half.write_bytes(content[: len(content) // 2])
        time.sleep(0.8)  # several looks: it stands still, and is no frame yet
        steps.append(f"half: {record(directory)['sources'].keys() - {first.name}}")
        half.write_bytes(content)
        shutil.copy(third, directory)
        wait_for(3, directory)
        steps.append("all")
        (directory / "broken.fits").write_bytes(content[:9000])

    observer = threading.Thread(target=observe)
    observer.start()
    status = run("-watch", directory)
    observer.join()
    assert steps == ["first", "half: set()", "all"]
    assert status == 3  # the broken one was taken in the end, and fails
    assert [point.frame for point in points(directory)] == [path.name for path in commands.frames]
    screen = capsys.readouterr().out
    assert screen.count("waiting for frames") == 2
    assert "broken.fits: truncated" in screen
    assert screen.count("broken.fits: truncated") == 1  # not again at every look


def test_all_directories_are_watched(
    commands: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "nights"
    prepare_night(commands, root, idle_s=4.0)
    monkeypatch.chdir(root)

    def observe() -> None:
        for name, frame in zip(("a", "b"), commands.frames, strict=False):
            (root / name).mkdir()
            shutil.copy(root / "photpipe.toml", root / name)
            shutil.copy(frame, root / name)
            wait_for(1, root / name)

    observer = threading.Thread(target=observe)
    observer.start()
    assert run("-watch", "all") == 0
    observer.join()
    assert len(points(root / "a")) == len(points(root / "b")) == 1
    assert {"a", "b"} <= set((root / "summary.html").read_text().replace(">", "<").split("<"))
