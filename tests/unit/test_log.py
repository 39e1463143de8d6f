"""LOG on a full disk, and a screen that nobody reads any more."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from photpipe.command import cli
from photpipe.ground.log import logging_to, on_console

ROOT = Path(__file__).resolve().parents[2]
LINES = 3000
SPEAKER = f"""
import logging, sys
from pathlib import Path
from photpipe.ground.log import logging_to
with logging_to(Path(sys.argv[1])):
    for number in range({LINES}):
        logging.getLogger("photpipe.test").info("line %d", number)
"""


def speak(
    directory: Path, screen: int = subprocess.PIPE, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """A command that says much."""
    return subprocess.run(
        [*before, sys.executable, "-c", SPEAKER, str(directory)],
        cwd=ROOT,
        stdout=screen,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_full_disk_is_said_once(tmp_path: Path) -> None:
    """No file larger than 2000 bytes: the system's own way of saying that a disk is full."""
    done = speak(tmp_path, before=("prlimit", "--fsize=2000"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("warning: LOG cannot be written: File too large\n") == 1
    assert done.stdout.count("line ") == LINES
    assert (tmp_path / "LOG").stat().st_size == 2000


@pytest.mark.parametrize("where", ["a pipe that is closed", "/dev/full"])
def test_work_goes_on_when_nobody_listens(tmp_path: Path, where: str) -> None:
    """As in ``pp_run ... | head -1``: LOG has every line, the status is that of the work."""
    reading, writing = os.pipe()
    os.close(reading)
    if where == "/dev/full":
        os.close(writing)
        writing = os.open(where, os.O_WRONLY)
    done = speak(tmp_path, writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "LOG").read_text().count("line ") == LINES


def test_warnings_of_other_packages_go_to_log_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path):
        logging.getLogger("matplotlib.font_manager").warning("no home for fonts")
        logging.getLogger("photpipe.test").warning("of our own")
    assert capsys.readouterr().out == "warning: of our own\n"
    assert "no home for fonts" in (tmp_path / "LOG").read_text()


def test_output_that_cannot_be_written_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with cli.reporting(debug=False) as outcome, Path("/dev/full").open("w") as file:
        file.write("x" * 9999)
        file.flush()
    assert outcome.status == cli.Status.FAILED
    assert caplog.messages == ["output cannot be written: No space left on device"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pp_run: 1 frames", "pp_run: 1 frame"),
        ("1 of 11 frames, 1 stars", "1 of 11 frames, 1 star"),
        ("0.1 frames, x1 frames, 21 frames", "0.1 frames, x1 frames, 21 frames"),
    ],
)
def test_one_of_a_kind_is_singular(text: str, said: str, tmp_path: Path) -> None:
    with logging_to(tmp_path):
        logging.getLogger("photpipe.test").info("%s", text)
    assert said in (tmp_path / "LOG").read_text()


def test_what_is_said_to_the_root_logger_counts_from_warnings_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine of Astrometry.net tells each file that it tries there."""
    for place in (logging_to(tmp_path), on_console()):
        with place:
            logging.info("loaded 6 index files")
            logging.warning("an index file is damaged")
            logging.getLogger("pp_register").info("3 of 3 frames registered")
        said = capsys.readouterr().out
        assert said.splitlines() == [
            "warning: an index file is damaged",
            "3 of 3 frames registered",
        ]
    assert "loaded" not in (tmp_path / "LOG").read_text("utf-8")
    assert not logging.getLogger().filters
