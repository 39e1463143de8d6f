"""Work shared with copies of the process: all of it done once, whatever becomes of a copy."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from photpipe.run import forks
from photpipe.run.workspace import Workspace

HEAD = """
import logging, os, signal, sys, time
from pathlib import Path
from photpipe.run import forks
from photpipe.run.workspace import Workspace
logging.basicConfig(format="%(message)s", stream=sys.stdout, level=logging.INFO)
log = logging.getLogger("test")
us = os.getpid()
def both(number):
    time.sleep(0.02)
    log.info("number %d", number, extra={"is_of_frame": True})
    return number, os.getpid() == us
"""


def said(script: str) -> list[str]:
    """What a process of one thread prints."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + script], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_work_is_shared_and_told_in_order() -> None:
    *lines, last = said("""
done, failed = Workspace(Path(), jobs=2).map_frames(
    lambda n: 1 / (n - 3) and both(n), range(8), "test", by_copies=True)
print([number for number, _ in done], {ours for _, ours in done}, failed[0].frame, len(failed))
""")
    assert last == "[0, 1, 2, 4, 5, 6, 7] {False, True} 3 1"
    lines = [each for each in lines if each.startswith("number")]
    assert sorted(lines) == [f"number {n}" for n in (0, 1, 2, 4, 5, 6, 7)]


def test_two_large_frames_are_shared() -> None:
    *_, last = said("""
slowly = lambda n: time.sleep(0.5) or both(n)
done, _ = Workspace(Path(), jobs=2).map_frames(slowly, range(2), "test", by_copies=True)
print([number for number, _ in done], {ours for _, ours in done})
""")
    assert last == "[0, 1] {False, True}"


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux")
def test_threads_that_have_just_ended_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    counts = iter([3, 2, 2, 1])
    monkeypatch.setattr(forks, "_thread_count", lambda: next(counts))
    assert forks.are_possible()
    monkeypatch.setattr(forks, "_LINGERING_S", 0.01)
    monkeypatch.setattr(forks, "_thread_count", lambda: 2)  # those of a library stay
    assert not forks.are_possible()
    monkeypatch.setattr(forks, "_LINGERING_S", 60.0)
    monkeypatch.setattr(threading, "active_count", lambda: 2)  # one of ours is at work
    assert not forks.are_possible()


def test_what_a_dead_copy_leaves_is_done() -> None:
    *_, last = said("""
def fatal(number):
    both(number)
    if os.getpid() != us and number > 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
print(sorted(forks.outcomes(fatal, 12, 3)) == [(n, n) for n in range(12)])
""")
    assert last == "True"


def test_copies_end_with_an_exception_and_leave_nobody(tmp_path: Path) -> None:
    *_, last = said(f"""
def endless(number):
    if os.getpid() == us:
        while not (Path({str(tmp_path)!r}) / "copy").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt
    (Path({str(tmp_path)!r}) / "copy").write_text(str(os.getpid()))
    time.sleep(60)
try:
    list(forks.outcomes(endless, 12, 2))
except KeyboardInterrupt:
    print("interrupted")
""")
    assert last == "interrupted"
    assert not Path(f"/proc/{(tmp_path / 'copy').read_text()}").exists()


def test_copies_die_with_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    script = f"""
def endless(number):
    if os.getpid() != us:
        Path({str(path)!r}).write_text(str(os.getpid()))
    time.sleep(60)
list(forks.outcomes(endless, 12, 2))
"""
    with subprocess.Popen([sys.executable, "-c", HEAD + script]) as process:
        while not (path.exists() and path.read_text()):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 30
    while is_alive(int(path.read_text())) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not is_alive(int(path.read_text()))


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no corpse that nobody has buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except OSError:
        return False


def test_beside_other_threads_there_are_no_copies(tmp_path: Path) -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        assert not forks.are_possible()
        work = lambda _: os.getpid()  # noqa: E731
        done, _ = Workspace(tmp_path, jobs=2).map_frames(work, range(8), "test", by_copies=True)
    finally:
        over.set()
        other.join()
    assert set(done) == {os.getpid()}


def test_a_progress_bar_leaves_room_for_copies() -> None:
    *_, last = said("""
import io
class Terminal(io.StringIO):
    isatty = lambda self: True
sys.stderr = Terminal()
workspace = Workspace(Path(), jobs=2)
for _ in range(2):
    done, _ = workspace.map_frames(both, range(8), "bar", by_copies=True)
print("bar" in sys.stderr.getvalue(), {ours for _, ours in done}, forks.are_possible())
""")
    assert last == "True {False, True} True"
