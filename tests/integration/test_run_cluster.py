"""pp_run -cluster: a real scheduler, two worker processes, one of which is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsky import SkyServer, camera, night, observe, sky_for
from tests.conftest import FIELD, START_JD, TARGET
from tests.integration.runs import points, record, run

ROOT = Path(__file__).resolve().parents[2]
DIRECTORIES = 4


def dask(*words: str, cwd: Path) -> subprocess.Popen[bytes]:
    """A process of Dask that finds the product."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "DASK_DISTRIBUTED__DASHBOARD__ENABLED": "0",
    }
    line = [sys.executable, "-m", "dask", *words]
    with (cwd / "dask.log").open("ab") as log:
        return subprocess.Popen(line, cwd=cwd, env=environment, stdout=log, stderr=log)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Scheduler file, and two workers."""
    place = tmp_path / "dask"
    place.mkdir()
    file = place / "scheduler.json"
    one = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    scheduler = dask("scheduler", "--port", "0", *one, cwd=place)
    two = [*one, "--nthreads", "1", "--no-nanny", "--local-directory", str(place)]
    workers = [dask("worker", *two, cwd=place) for _ in range(2)]
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, (place / "dask.log").read_text()
        time.sleep(0.1)
    try:
        yield str(file), workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """Directories of two small frames."""
    cam = camera("VATT4K", shape=(300, 300))
    sky = sky_for(cam, 3552, *FIELD, stars_per_frame=60, min_separation_arcsec=4.0)
    sky = sky.with_movers(TARGET)
    with SkyServer(sky) as server:
        for number in range(DIRECTORIES):
            start_jd = START_JD + number / 400
            plan = night(cam, *FIELD, count=2, start_jd=start_jd, seed=number, object_name="3552")
            folder = tmp_path / "data" / f"night{number}"
            observe(sky, cam, plan, folder, seed=number)
            server.write_settings(folder)
        yield tmp_path / "data"


def killed_in_the_middle(tree: Path, workers: list[subprocess.Popen[bytes]]) -> Path:
    """Kill the worker of the first directory that is being worked on."""
    pids = {process.pid: process for process in workers}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for lock in tree.glob("night*/.diagnostics/lock"):
            holder = lock.read_text().split()
            if holder and (lock.parents[1] / "LOG").exists():
                time.sleep(0.3)
                os.kill(int(holder[0]), signal.SIGKILL)
                pids[int(holder[0])].wait()
                return lock.parents[1]
        time.sleep(0.02)
    raise AssertionError


def test_no_directory_is_lost_and_none_done_twice(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tree: Path
) -> None:
    address, workers = cluster
    line = [sys.executable, ROOT / "pp_run.py", "-cluster", address, "all"]
    process = subprocess.Popen(
        line, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    victim = killed_in_the_middle(tree, workers)
    screen, _ = process.communicate(timeout=120)
    assert process.returncode == 0, screen
    assert screen.count(": done: 2 of 2 frames") == DIRECTORIES
    assert "Traceback" not in screen
    for number in range(DIRECTORIES):
        folder = tree / f"night{number}"
        assert len(points(folder)) == 2
        assert record(folder)["status"] == "done"
        log = (folder / "LOG").read_text()
        assert log.count("2 frames: photometry_3552.dat") == 1
        assert log.count("pp_distill: 2 frames") == 1 or folder == victim
    assert (victim / "LOG").read_text().count("was killed") == 1
    assert f"night{DIRECTORIES - 1}" in (tree / "summary.html").read_text()


def test_wrong_use_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fits").touch()
    monkeypatch.setattr("photpipe.runner.cluster.CONNECT_S", "1 s")
    assert run("-cluster", "tcp://127.0.0.1:9", "a.fits") == 1
    assert "use it with 'all'" in caplog.text
    assert run("-cluster", "tcp://127.0.0.1:9", "all") == 1
    assert "there is no scheduler" in caplog.text
