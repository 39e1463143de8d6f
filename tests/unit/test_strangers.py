"""A directory from a stranger: nothing is written through its links, no pipe is waited for."""

import json
import logging
import os
from pathlib import Path

import pytest

from photpipe.ground import files
from photpipe.ground.errors import ConfigError
from photpipe.ground.log import logging_to
from photpipe.report import render
from photpipe.report.output import Output, write
from photpipe.run.lock import locked
from photpipe.runner.inputs import data_directories


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("keep")
    return folder


def test_a_file_where_the_folder_of_results_belongs_is_named(tmp_path: Path) -> None:
    (tmp_path / ".diagnostics").write_bytes(b"x")
    with (
        pytest.raises(ConfigError, match=r"\.diagnostics is no directory.*rename or delete it"),
        locked(tmp_path),
    ):
        pass


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("link", [".diagnostics", ".diagnostics/frames"])
def test_pages_stay_in_the_directory(data: Path, outside: Path, link: str) -> None:
    (data / link).parent.mkdir(exist_ok=True)
    (data / link).symlink_to(outside)
    with pytest.raises(PermissionError, match="remove it"):
        Output(data / ".diagnostics", ("frames",)).close()
    with pytest.raises(PermissionError, match="remove it"):
        files.write_text(data / link / "frames.html", "x")
    assert [each.name for each in outside.iterdir()] == ["precious"]


def test_a_data_directory_may_be_reached_through_a_link(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(data)
    Output(tmp_path / "mine" / ".diagnostics", ("frames",)).put("frames/x.html", "x")
    assert (data / ".diagnostics" / "frames" / "x.html").read_text() == "x"


def test_headers_of_a_group_are_kept_above_it(data: Path) -> None:
    kept, group = data / ".diagnostics" / "headers", data / "R" / ".diagnostics"
    kept.mkdir(parents=True)
    group.mkdir(parents=True)
    (group / "headers").symlink_to("../../.diagnostics/headers")
    files.write_text(group / "headers" / "x", "x")
    assert (kept / "x").read_text() == "x"


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_log_and_lock_are_files_of_the_directory(data: Path, outside: Path, kind: str) -> None:
    (data / ".diagnostics").mkdir()
    for path in (data / "LOG", data / ".diagnostics" / "lock"):
        if kind == "link":
            path.symlink_to(outside / "precious")
        else:
            os.mkfifo(path)
    with logging_to(data):
        logging.getLogger("x").warning("$(command)")
    with pytest.raises(ConfigError, match="remove it"), locked(data):
        pass
    assert (outside / "precious").read_text() == "keep"


def test_log_shows_control_characters(data: Path) -> None:
    with logging_to(data):
        logging.getLogger("x").warning("OBJECT \x1b[2J\x07")
    assert "OBJECT \\x1b[2J\\x07" in (data / "LOG").read_text()


def test_a_page_takes_the_place_of_a_pipe_or_link(data: Path, outside: Path) -> None:
    os.mkfifo(data / "pipe.html")
    (data / "link.html").symlink_to(outside / "precious")
    for name in ("pipe.html", "link.html"):
        write(data / name, b"page")
        assert not (data / name).is_symlink()
        assert (data / name).read_bytes() == b"page"
    assert (outside / "precious").read_text() == "keep"


def test_pipes_are_not_read(data: Path) -> None:
    os.mkfifo(data / "pipe")
    with pytest.raises(PermissionError, match="no regular file"):
        files.read_text(data / "pipe")
    os.mkfifo(data / f"{files.TEMPORARY_PREFIX}x")
    assert files.sweep(data) == 0


def test_a_file_of_ones_own_takes_the_place_of_a_link_to_an_archive(
    data: Path, outside: Path
) -> None:
    (outside / "precious").chmod(0o444)
    (data / "frame.fits").symlink_to(outside / "precious")
    files.write_bytes(data / "frame.fits", b"mine")
    assert (outside / "precious").read_text() == "keep"
    assert (data / "frame.fits").stat().st_mode & 0o200


def test_pages_allow_no_script_but_ours() -> None:
    assert "script-src 'self' file:;" in render.policy()
    assert "script-src 'sha256-" in render.policy("a()")


def test_folders_that_cannot_be_looked_into_are_passed_by(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "lost+found").mkdir()

    def forbidden(path: Path, **_kind: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", forbidden)
    assert list(data_directories(data)) == []


def test_what_has_another_name_elsewhere_is_not_written_into(data: Path, outside: Path) -> None:
    """An archive may hold hard links to files of the user's."""
    (data / ".diagnostics").mkdir()
    for name in ("LOG", ".diagnostics/lock"):
        (data / name).hardlink_to(outside / "precious")
    with logging_to(data, quiet=True), locked(data):
        logging.getLogger("pp_test").info("measured")
    assert (outside / "precious").read_text() == "keep"
    assert (data / "LOG").read_text().startswith("keeppp_test.py: measured")
    files.write_text(data / "photometry.dat", "x")
    (data / "table.dat").hardlink_to(outside / "precious")
    files.write_text(data / "table.dat", "x")
    write(data / "table.dat", b"y")
    assert (outside / "precious").read_text() == "keep"


def test_only_files_of_our_own_are_removed_from_the_pages(data: Path, outside: Path) -> None:
    report = data / ".diagnostics"

    def rendered(*names: str) -> set[str]:
        output = Output(report, ("frames", "images"))
        for name in names:
            output.put(f"frames/{name}", name)
        output.keep("images/a.jpg", "key", lambda: (b"picture", {}))
        output.close()
        return {path.name for path in (report / "frames").iterdir()}

    assert rendered("a.html", "b.html", "c.html") == {"a.html", "b.html", "c.html"}
    (report / "frames" / "notes.txt").write_text("my own")
    (report / "frames" / "c.html").write_text("mine by now")
    (report / "frames" / "precious").hardlink_to(outside / "precious")
    memory = json.loads((report / "made.json").read_text())
    memory["digests"] |= {"frames/notes.txt": "0" * 24, "../../x": "0", "frames/precious": ""}
    memory["made"]["frames/notes.txt"] = {"key": "x", "info": {}}
    (report / "made.json").write_text(json.dumps(memory))
    assert rendered("a.html") == {"a.html", "c.html", "notes.txt", "precious"}
    assert (report / "frames" / "notes.txt").read_text() == "my own"
    assert (report / "images" / "a.jpg").read_bytes() == b"picture"
    Output(report, ("frames", "images")).close()
    assert {path.name for path in (report / "frames").iterdir()} == {
        *("c.html", "notes.txt", "precious"),
    }
    assert list((report / "images").iterdir()) == []
