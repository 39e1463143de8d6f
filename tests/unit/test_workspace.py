"""Files written whole or not at all, results saved and read again, frames side by side."""

import errno
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from astropy.table import Table

from photpipe.catalogs.database import read_database, write_database
from photpipe.ground import files
from photpipe.ground.errors import ReductionError
from photpipe.report.links import FROM_DATA
from photpipe.run.results import FrameFailure, from_json, to_json
from photpipe.run.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SampleResult:
    values: tuple[float, ...]
    pair: tuple[int, str]
    failed: tuple[FrameFailure, ...] = ()
    note: str | None = None
    best: FrameFailure | None = None


SAMPLE = SampleResult((1.5, 2.0), (3, "x"), (FrameFailure("a", "b"),), None, FrameFailure("c", "d"))


def test_results_survive_the_disk(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.load(SampleResult) is None
    workspace.save(SAMPLE)
    assert workspace.load(SampleResult) == SAMPLE
    odd = SampleResult((math.nan, math.inf, -math.inf), (1, ""))
    assert from_json(SampleResult, to_json(odd)) == odd
    assert math.isnan(from_json(SampleResult, to_json(odd)).values[0])


DAMAGED = (
    *("", "[]", "{}", '{"values": 3}', "\x00", '{"values": [1.5], "pair": ["x", 3]}'),
    *('{"values": ["1.5"], "pair": [3, "x"]}', '{"values": [1.5], "pair": [3]}'),
    '{"values": [1.5], "pair": [3, "x"], "best": {"frame": "a"}}',
)


def test_fields_of_other_versions_are_left_out_or_have_their_defaults() -> None:
    text = '{"values": [1], "pair": [3, "x"], "from_tomorrow": {"a": 1}}'
    assert from_json(SampleResult, text) == SampleResult((1.0,), (3, "x"))


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_state_is_ignored_with_a_warning(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = Workspace(tmp_path)
    workspace.save(SAMPLE).write_text(text)
    assert workspace.load(SampleResult) is None
    assert "is ignored" in caplog.text


def test_frames_side_by_side_and_one_fails(tmp_path: Path) -> None:
    barrier = threading.Barrier(2, timeout=10)

    def work(path: Path) -> str:
        barrier.wait()  # would time out if frames came one after the other
        if path.name == "b":
            raise ReductionError("b: no stars")
        return path.name

    done, failed = Workspace(tmp_path, jobs=2).map_frames(work, [Path("a"), Path("b")], "test")
    assert (done, failed) == (["a"], [FrameFailure("b", "no stars")])


def test_bug_in_a_frame_is_its_failure_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    done, (failure,) = Workspace(tmp_path, jobs=2).map_frames(lambda n: 1 / n, [1, 0, 2], "test")
    assert done == [1.0, 0.5]
    assert failure.frame == "0"
    assert "ZeroDivisionError" in failure.reason
    assert "Traceback" in caplog.text


def test_full_disk_is_no_bug(tmp_path: Path) -> None:
    def work(_item: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "a.ldac")

    _, (failure,) = Workspace(tmp_path).map_frames(work, [1], "test")
    assert failure == FrameFailure("1", "a.ldac cannot be written: No space left on device")


def test_replacing_keeps_the_old_file_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    with pytest.raises(RuntimeError), files.replacing(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_text() == "old"
    files.write_text(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("../../x", "x"),
        ("(433) Eros", "433_Eros"),
        ("C/2017 K2", "C_2017_K2"),
        ("<script>alert(1)</script>", "script_alert_1_script"),
        ("'; DROP TABLE data; --", "DROP_TABLE_data"),
        ("Ñandú", "Nandu"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("x" * 500, "x" * 100),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert files.slug(text) == expected


def test_names_that_are_no_utf8_can_be_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"aufnahme_\xfc1.fits")
    path = tmp_path / "list.txt"
    files.write_text(path, f"Nächte {name}\n")
    assert path.read_text("utf-8") == "Nächte aufnahme_\\xfc1.fits\n"
    assert files.encoded("\ud800") == b"\\ud800"
    workspace = Workspace(tmp_path)
    workspace.save(SampleResult((1.0,), (1, name)))
    assert workspace.load(SampleResult) == SampleResult((1.0,), (1, name))
    assert FROM_DATA.data(name) == "aufnahme_%FC1.fits"


def test_names_that_are_no_utf8_enter_databases(tmp_path: Path) -> None:
    path = tmp_path / "a.ldac.db"
    columns = Table({"frame": [os.fsdecode(b"\xfc.fits")], "mag": [1.5]})
    write_database(path, {"frame": os.fsdecode(b"\xfc.fits")}, columns)
    facts, found = read_database(path)
    assert facts["frame"] == found["frame"][0] == "\\xfc.fits"
