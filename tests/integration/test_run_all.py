"""pp_run all: which directories, side by side, none stopped by another, clean ends."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.io import fits

from photpipe.runner import inputs, workers
from simsky import Sky, SkyServer, camera, night, observe, sky_for
from tests.conftest import FIELD, START_JD, TARGET
from tests.integration.runs import points, record, run, stamps
from tests.integration.sleeper import sleep_or_die

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def small() -> tuple[Sky, object]:
    """A sky and a small camera: whole runs in a second or two."""
    cam = camera("VATT4K", shape=(300, 300))
    sky = sky_for(cam, 3552, *FIELD, stars_per_frame=60, min_separation_arcsec=4.0)
    return sky.with_movers(TARGET), cam


@pytest.fixture(scope="module")
def observed(small: tuple[Sky, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three directories of three frames, and what is no frame, made once."""
    sky, cam = small
    root = tmp_path_factory.mktemp("observed") / "all data"
    for number, name in enumerate(("field_1/R", "field_1/other", "field_2")):
        plan = night(
            cam, *FIELD, count=3, start_jd=START_JD + number / 200, seed=number, object_name="3552"
        )
        observe(sky, cam, plan, root / name, seed=number, prefix="reduced")
    (root / "notes.txt").write_text("TELESCOPE")
    return root


@pytest.fixture
def tree(small: tuple[Sky, object], observed: Path, tmp_path: Path) -> Iterator[Path]:
    """These directories, this test's own, with services."""
    root = tmp_path / observed.name
    shutil.copytree(observed, root)
    with SkyServer(small[0]) as server:
        for folder in {path.parent for path in root.rglob("*.fits")}:
            server.write_settings(folder)
        yield root


def run_all(root: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(root)
    return run(*words, "all")


def start(root: Path, *words: str) -> subprocess.Popen[str]:
    """pp_run all as a process, which can be sent signals."""
    # tests that run in the background of a shell ignore Ctrl-C, and so would their children
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, ROOT / "pp_run.py", *words, "all"],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_directory(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_all(tree, monkeypatch=monkeypatch) == 0
    screen = capsys.readouterr().out
    assert re.search(
        r"field_1/other: done: 3 of 3 frames in .* s: .*3552 \d+\.\d+ mag on 3", screen
    )
    for name in ("field_1/R", "field_1/other", "field_2"):
        assert len(points(tree / name)) == 3
        log = (tree / name / "LOG").read_text()
        assert "reduced0001.fits: registered" in log
        assert log.count("pp_prepare: 3 frames") == 1  # its own, and nobody else's
    assert not (tree / "LOG").exists()
    page = (tree / "summary.html").read_text()
    assert "field_1/other" in page
    assert len({record(tree / name)["identity"] for name in ("field_1/R", "field_2")}) == 1
    before = stamps(tree / "field_2")
    assert run_all(tree, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.count("nothing new") == 3
    assert stamps(tree / "field_2") == before


def test_one_that_fails_stops_no_other(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tree / "field_1" / "R").glob("*.fits"):
        path.write_bytes(path.read_bytes()[:9000])
    (tree / "field_2" / "photpipe.toml").write_text("[photometry\n")
    assert run_all(tree, "-jobs", "1", monkeypatch=monkeypatch) == 3
    screen = capsys.readouterr().out
    assert "field_1/R: failed: 0 of 3 frames" in screen
    assert "reduced0001.fits: truncated" in screen
    assert "field_2: failed: " in screen
    assert "photpipe.toml" in screen
    assert len(points(tree / "field_1" / "other")) == 3
    assert "Traceback" not in screen
    page = (tree / "summary.html").read_text()
    assert "failed" in page


def test_prefix_and_nothing_to_do(
    tree: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(tree / "field_2" / "reduced0001.fits", tree / "field_2" / "flat.fits")
    assert run_all(tree / "field_2", "-prefix", "red", monkeypatch=monkeypatch) == 0
    assert set(record(tree / "field_2")["sources"]) == {f"reduced000{n}.fits" for n in (1, 2, 3)}
    assert run_all(tree, "-prefix", "raw", monkeypatch=monkeypatch) == 1
    assert "no frames whose names start with 'raw'" in caplog.text


def test_what_is_a_frame(tmp_path: Path) -> None:
    header = fits.Header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 0})
    frame = header.tostring(sep="", padding=True).encode()
    packed = gzip.compress(frame)
    yes = {
        **dict.fromkeys(("a.fits", "b.FIT", "c.fts", "d.Fits.fz", "e.fz", "a b.fits"), frame),
        **dict.fromkeys(("f.FITS.gz", "g.gz", "h.fit.GZ"), packed),
        "broken.fits": b"",
    }
    no = {
        **dict.fromkeys((".hidden.fits", "notes.txt", "pos.dat", "SETTINGS", "x.fits.txt"), frame),
        "archive.tar.gz": gzip.compress(b"tar"),
        "damaged.gz": packed[:12],
    }
    for name, content in (yes | no).items():
        (tmp_path / name).write_bytes(content)
    for folder in (".diagnostics", ".hidden", "deep/er"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "z.fits").write_bytes(frame)
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dir.fits").mkdir()
    found = list(inputs.data_directories(tmp_path))
    assert [each.path for each in found] == [tmp_path, tmp_path / "deep" / "er"]
    assert {path.name for path in found[0].frames} == set(yes)


def test_own_outputs_are_no_frames(tmp_path: Path) -> None:
    def write(name: str, **cards: object) -> None:
        fits.PrimaryHDU(header=fits.Header(cards)).writeto(tmp_path / name)

    write("a.fits")
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
    write("b.fits", PPSOURCE="b.fits.gz")
    write("c.fits", PPSOURCE="gone.fits.gz")
    write("skycoadd.fits", COMBINET="clipped")
    write("d.fits", PPSOURCE="../../etc/passwd")
    write("e.fits", PPSOURCE="e.fits")
    names = [path.name for path in inputs.frames_in(tmp_path)]
    assert names == ["a.fits", "b.fits.gz", "c.fits", "d.fits", "e.fits"]
    stacks = inputs.without_own_outputs([tmp_path / "skycoadd.fits"])
    assert [path.name for path in stacks] == ["skycoadd.fits"]


# -- processes


def test_a_process_that_dies_takes_nobody_along() -> None:
    begun: list[str] = []
    found = dict(workers.side_by_side(sleep_or_die, ["0.1", "die", "0.2", "0.3"], 2, begun.append))
    assert found.pop("die") == workers.Died(-signal.SIGKILL)
    assert begun == ["0.1", "die", "0.2", "0.3"]
    pids = set(found.values())
    assert len(found) == 3
    assert len(pids) <= 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def children_of(pid: int) -> set[int]:
    """Processes below a process."""
    below: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(status.parent.name)
            below |= {child} | children_of(child)
    return below


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_everything(tree: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tree / "field_2")
    process = start(tree, "-jobs", "2")
    deadline = time.monotonic() + 60
    while not list(tree.rglob("*.ldac")):  # the tools are at work
        assert time.monotonic() < deadline
        time.sleep(0.02)
    below = children_of(process.pid)
    assert below
    process.send_signal(number)
    screen, _ = process.communicate(timeout=60)
    assert process.returncode == 130, screen
    assert "Traceback" not in screen
    assert "interrupted" in screen
    time.sleep(0.2)
    assert not [pid for pid in below if is_alive(pid)]
    assert "interrupted; run again" in (tree / "summary.html").read_text()
    assert not list(tree.rglob(".pp_tmp_*"))
    assert run_all(tree, monkeypatch=monkeypatch) == 0
    for name in ("field_1/R", "field_1/other"):
        assert len(points(tree / name)) == 3
