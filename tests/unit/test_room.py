"""A full disk for working files is told: which folder, which disk, what to do."""

import errno
import os
import re
import tempfile
from pathlib import Path

import pytest

from photpipe.astromatic import room
from photpipe.astromatic.room import temporary_folder, told_when_full
from photpipe.ground.errors import RoomError, ToolError


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_folder_vanishes(temporary: Path) -> None:
    with temporary_folder("pp_") as folder:
        (folder / "a").write_text("")
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_full_disk_is_named(temporary: Path) -> None:
    with pytest.raises(RoomError) as caught, temporary_folder("pp_"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    said = re.escape(f"no room for working files in {temporary} (")
    said += r"[\d.]+ of \d+ MB left on (/\S*)\); make room, or set TMPDIR to a directory on a disk"
    found = re.match(said, str(caught.value))
    assert found
    assert Path(found[1]).is_mount()


def test_what_a_tool_complains_of_on_a_full_disk(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolError, match="no stars"), temporary_folder("pp_"):
        raise ToolError("SCAMP", "no stars")
    monkeypatch.setattr(room, "_LEAST_BYTES", 1e30)
    with pytest.raises(RoomError, match="no room"), temporary_folder("pp_"):
        raise ToolError("SCAMP", "error while writing scamp.xml")
    with (
        pytest.raises(RoomError, match="; make room and run again"),
        told_when_full(temporary, "make room and run again"),
    ):
        raise ToolError("SWarp", "no weight")


def test_other_failures_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), temporary_folder("pp_"):
        raise PermissionError
    with pytest.raises(KeyError), temporary_folder("pp_"):
        raise KeyError
