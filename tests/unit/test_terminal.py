"""What is seen on a terminal: one line per stage, colours, progress bars, completion of options."""

import io
import logging
import subprocess
from pathlib import Path

import pytest

import pp_calibrate
import pp_run
from photpipe.command import cli, completion
from photpipe.ground.log import FRAME, TINTS, _Console, _OneLine, has_colours, logging_to, tinted
from photpipe.run import photometry_file
from photpipe.run.results import DistilledTarget, PrepareResult
from photpipe.runner import console
from tests.points import point

LOG = logging.getLogger("photpipe.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_of_frames_are_left_to_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for brief in (True, False):
        with logging_to(tmp_path, brief=brief):
            LOG.info("n1.fits: zeropoint 27", extra=FRAME)
            LOG.info("pp_calibrate: 1 of 1 frame calibrated")
        screen = capsys.readouterr().out
        assert ("zeropoint" in screen) != brief
        assert "calibrated" in screen
    assert (tmp_path / "LOG").read_text().count("zeropoint 27") == 2


def test_the_same_lack_of_a_network_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(tmp_path, brief=True):
        for name in ("VizieR", "JPL Horizons", "VizieR"):
            LOG.warning("%s: host unknown; is this computer online?", name)
        LOG.warning("GAIA: 2 stars")
        LOG.error("no frame is registered: host unknown")
    assert capsys.readouterr().out.splitlines() == [
        "warning: VizieR: host unknown; is this computer online?",
        "warning: GAIA: 2 stars",
        "ERROR: no frame is registered: host unknown",
    ]
    assert (tmp_path / "LOG").read_text().count("host unknown") == 4


@pytest.mark.parametrize(
    ("stream", "no_color", "colours"),
    [(Terminal(), "", True), (Terminal(), "1", False), (io.StringIO(), "", False)],
)
def test_colours_are_for_terminals_whose_user_wants_them(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, no_color: str, colours: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    assert has_colours(stream) == colours
    shown = _OneLine(has_colours=has_colours(stream))
    for extra, level, tint in ((tinted("good"), 20, "good"), ({}, 40, "bad"), ({}, 30, "look")):
        record = LOG.makeRecord("x", level, "f", 1, "words", (), None, extra=extra)
        text = shown.format(record)
        assert ("\x1b" in text) == colours
        assert (f"\x1b[{TINTS[tint]}m" in text) == colours


def test_progress_bar_steps_aside_for_a_line() -> None:
    from tqdm import tqdm

    screen = Terminal()
    handler = _Console(screen)
    with tqdm(total=2, file=screen, desc="register") as bar:
        bar.update()
        handler.emit(LOG.makeRecord("x", 20, "f", 1, "a line of words", (), None))
        bar.update()
    before, _, after = screen.getvalue().partition("a line of words\n")
    assert before.endswith("\r")  # the bar was wiped out
    assert after.lstrip("\r").startswith("register")  # and drawn again


def test_light_curve_in_one_line(tmp_path: Path) -> None:
    mags = (17.0, 17.1, 17.2, 17.3, 17.4, 17.5, 17.6, 17.7)
    points = [point(frame=f"{n}.fits", mag=mag) for n, mag in enumerate(mags)]
    path = photometry_file.write(tmp_path, "3552", points)
    target = DistilledTarget("3552", "moving", path.name, 8, 8, 0, 0, 0, 0, 17.3, 0.1, True, 17.0)
    assert console.sparkline(tmp_path, target) == "█▇▆▅▄▃▂▁  17.000 to 17.700 mag"
    photometry_file.write(tmp_path, "3552", points[:2])
    assert console.sparkline(tmp_path, target) == ""
    many = [point(frame=f"{n}.fits", mag=17.0 + n % 2) for n in range(500)]
    photometry_file.write(tmp_path, "3552", many)
    assert len(console.sparkline(tmp_path, target).split()[0]) == console.MOST_BLOCKS


def test_stage_in_one_line() -> None:
    told = console.of_stage("pp_prepare", PrepareResult((), ()), 1.26)
    assert told == "pp_prepare: 0 of 0 frames prepared (1.3 s)"


def test_help_has_three_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert pp_run.main(["-h"]) == 0
    text = capsys.readouterr().out
    assert text.count("\n  pp_run ") == 3
    for typed, _ in pp_run.COMMAND.examples:
        words = [each for each in typed.split()[1:] if each != "*.fits"]
        cli.parsed(pp_run.COMMAND, [*words, "x.fits"])  # what is shown can be typed


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_knows_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pp_run.main(["-completion", shell]) == 0
    text = capsys.readouterr().out
    for name in pp_run.COMMAND.options():
        assert f"-{name}" in text if shell != "fish" else f"-o {name} " in text
    assert pp_run.main(["-completion", "csh"]) == 2


def test_completion_works_in_bash(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    names = completion.options_of(cli.build_parser(pp_calibrate.COMMAND))
    script.write_text(completion.script("bash", "pp_calibrate", names))
    ask = (
        f"source {script}; COMP_WORDS=(pp_calibrate -min); COMP_CWORD=1; "
        "_pp_calibrate; echo ${COMPREPLY[@]}; "
        "COMP_WORDS=(pp_calibrate -completion f); COMP_CWORD=2; _pp_calibrate; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["-minstars", "fish"]
