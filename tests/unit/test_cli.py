"""The manners that all commands share, tried on a stage that does what the test wants."""

import argparse
import logging
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from photpipe.command import cli, parser, streams
from photpipe.ground import environment
from photpipe.ground.errors import ConfigError, ReductionError
from photpipe.run import kinds
from photpipe.run.options import Option
from photpipe.run.results import FrameFailure
from photpipe.run.workspace import Workspace
from tests.framefiles import write_frame
from tests.rights import without_privileges


@dataclass(frozen=True, slots=True)
class Options:
    snr: float = Option("ratio", kinds.positive).field(1.5)
    keep_wcs: bool = Option("keep").field(False)
    offset: tuple[float, float] | None = Option("offset", kinds.finite, nargs=2).field(None)
    aprad: tuple[float, ...] = Option("radii", kinds.radii).field(())
    cat: str | None = Option("catalog", kinds.text).field(None)


@dataclass(frozen=True, slots=True)
class Outcome:
    failed: tuple[FrameFailure, ...] = ()
    done: int = 1


Stage = Callable[[Sequence[Path], Any, Workspace], Outcome]


def command(stage: Stage) -> cli.Command:
    return cli.Command("pp_test", "Test.", stage, Options)


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "a b.fits"
    path.write_bytes(b"")
    return str(path)


def run(stage: Stage, *words: str) -> int:
    return cli.run(command(stage), list(words))


def finds(expected: Options) -> Stage:
    def stage(_paths: Sequence[Path], options: Options, _workspace: Workspace) -> Outcome:
        assert options == expected
        return Outcome()

    return stage


@pytest.mark.parametrize(
    "words",
    [
        ("-keep_wcs", "-snr", "3", "-offset", "-1.5", "2"),
        ("--keep-wcs", "--snr=3", "--offset", "-1.5", "2"),
        ("--keep_wcs", "-snr=3", "-offset", "-1.5", "2"),
    ],
)
def test_options_in_both_spellings(image: str, words: tuple[str, ...]) -> None:
    expected = Options(snr=3.0, keep_wcs=True, offset=[-1.5, 2.0])  # type: ignore[arg-type]
    assert run(finds(expected), *words, image) == cli.Status.DONE


def test_defaults_come_from_the_stage(image: str) -> None:
    assert run(finds(Options()), image) == cli.Status.DONE
    assert run(finds(Options(aprad=(2.0, 3.5))), "-aprad", "2,3.5", image) == cli.Status.DONE


@pytest.mark.parametrize(
    "words",
    [
        ("-snr", "-3"),
        ("-snr", "many"),
        ("-sn", "3"),  # no abbreviations: tomorrow they mean something else
        ("-offset", "1"),
        ("-nonsense",),
        ("-cat", ""),
        ("-aprad", ""),
        ("-aprad", ","),
    ],
)
def test_wrong_usage_is_status_2(
    image: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(finds(Options()), *words, image) == cli.Status.USAGE
    assert "Traceback" not in capsys.readouterr().err
    assert run(finds(Options())) == cli.Status.USAGE


def test_partial_and_complete_failure(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    failure = FrameFailure("a b.fits", "no sources; try -snr 1")

    def stage(done: int) -> Stage:
        return lambda *_: Outcome((failure,), done)

    assert run(stage(4), image) == cli.Status.PARTIAL
    assert capsys.readouterr().out == "ERROR: a b.fits: no sources; try -snr 1\n"
    assert run(stage(0), image) == cli.Status.FAILED
    assert (Path(image).parent / "LOG").read_text().count("no sources; try -snr 1 [") == 2


def raises(error: BaseException) -> Stage:
    def stage(*_: object) -> Outcome:
        raise error

    return stage


def test_named_failure_is_one_line(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raises(ReductionError("3 stars, 5 needed")), image) == cli.Status.FAILED
    assert capsys.readouterr() == ("ERROR: 3 stars, 5 needed\n", "")
    assert run(raises(ReductionError("3 stars")), "-debug", image) == cli.Status.FAILED
    assert "Traceback" in capsys.readouterr().err


def test_bug_keeps_its_traceback(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raises(ZeroDivisionError("oops")), image) == cli.Status.FAILED
    assert "ZeroDivisionError: oops" in capsys.readouterr().err
    assert "ZeroDivisionError: oops" in (Path(image).parent / "LOG").read_text()


def test_missing_package_says_what_to_do(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = ModuleNotFoundError("No module named 'astropy'", name="astropy")
    assert run(raises(error), image) == cli.Status.FAILED
    assert "package astropy is missing" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_with_130(image: str, number: int) -> None:
    def stage(*_: object) -> Outcome:
        os.kill(os.getpid(), number)
        signal.pause()
        raise AssertionError

    assert run(stage, image) == cli.Status.INTERRUPTED
    assert "interrupted" in (Path(image).parent / "LOG").read_text()


def test_quiet_and_log(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    def stage(*_: object) -> Outcome:
        logging.getLogger("photpipe.x").info("told")
        logging.getLogger("photpipe.x").warning("warned")
        return Outcome()

    assert run(stage, "-quiet", image) == cli.Status.DONE
    assert capsys.readouterr().out == "warning: warned\n"
    text = (Path(image).parent / "LOG").read_text()
    assert "test_cli.py: told [20" in text
    assert "pp_test -quiet" in text


def test_images_are_found_listed_and_refused(tmp_path: Path) -> None:
    for name in ("a.fits", "b.fits", "-c.fits"):
        (tmp_path / name).touch()
    (tmp_path / "good.lst").write_bytes(b"\xef\xbb\xbfa.fits\r\n\n# no\nb.fits\na.fits\n")
    found = cli.named_paths([str(tmp_path / "good.lst"), str(tmp_path / "?.fits")])
    assert [path.name for path in found] == ["a.fits", "b.fits"]
    (tmp_path / "empty.lst").touch()
    (tmp_path / "wrong.lst").write_text("c.fits\n")
    (tmp_path / "long.LST").write_text("x" * 5000)
    (tmp_path / "nul.list").write_bytes(b"a.fits\0\n")
    (tmp_path / "binary.lst").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="one of the file names is empty"):
        cli.named_paths(["", str(tmp_path / "a.fits")])
    for name in (
        "empty.lst",
        "wrong.lst",
        "binary.lst",
        "none.fits",
        "*.xyz",
        "x" * 300,
        "long.LST",
        "nul.list",
    ):
        assert run(finds(Options()), str(tmp_path / name)) == cli.Status.FAILED
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.fits").touch()
    both = str(tmp_path / "a.fits"), str(tmp_path / "sub" / "d.fits")
    assert run(finds(Options()), *both) == cli.Status.FAILED


@pytest.mark.parametrize(
    "words", [("--", "-snr.fits"), ("-snr.fits",), ("-c d.fits", "-snr", "1.5")]
)
def test_names_with_a_leading_dash(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-snr.fits").touch()
    Path("-c d.fits").touch()
    assert run(finds(Options()), *words) == cli.Status.DONE


def test_folders_and_missing_files_are_left_to_the_stage(image: str) -> None:
    (Path(image).parent / "sub").mkdir()
    seen: list[str] = []

    def stage(paths: Sequence[Path], *_: object) -> Outcome:
        seen.extend(path.name for path in paths)
        return Outcome()

    names = [str(Path(image).parent / name) for name in ("sub", "gone.fits")]
    assert run(stage, image, *names) == cli.Status.DONE
    assert seen == ["a b.fits", "sub", "gone.fits"]


@pytest.mark.parametrize(
    ("word", "said"), [("sub", "a directory; name the frames in it"), ("gone", "no such file")]
)
def test_no_image_at_all(
    word: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sub").mkdir()
    assert run(finds(Options()), str(tmp_path / word)) == cli.Status.FAILED
    assert said in caplog.text


def test_what_is_no_number_is_called_so(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(finds(Options()), "-offset", "1", image) == cli.Status.USAGE
    assert "is not a number" in capsys.readouterr().err


def test_wrong_settings_are_one_line(image: str, caplog: pytest.LogCaptureFixture) -> None:
    (Path(image).parent / "photpipe.toml").write_text("[photometry]\npos_epsilom = 1\n")
    assert run(finds(Options()), image) == cli.Status.FAILED
    assert "did you mean pos_epsilon?" in caplog.text


def test_mistakes_in_telescopes_are_told_once(
    image: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Path(image).parent / "own"
    monkeypatch.setenv("PHOTPIPEDIR", str(own))
    assert run(finds(Options()), image) == cli.Status.FAILED
    assert capsys.readouterr().out.count("which has no directory setup/") == 1
    (own / "setup").mkdir(parents=True)
    (own / "setup" / "mytelescopes.py").write_text("implemented_telescopes.append('X'\n")
    assert run(finds(Options()), image) == cli.Status.FAILED
    assert capsys.readouterr().out.count("mytelescopes.py, line 1: ") == 1


def test_unwritable_log_does_not_stop(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(image).parent / "LOG").mkdir()
    assert run(finds(Options()), image) == cli.Status.DONE
    assert "no LOG is written" in capsys.readouterr().out


def test_help_tells_defaults() -> None:
    described = Option("how much", float, otherwise="that of the telescope")
    assert described.keywords(1.5)["help"] == "how much (default: 1.5)"
    assert described.keywords(None)["help"] == "how much (default: that of the telescope)"
    assert Option("how much", float).keywords(None)["help"] == "how much"


def test_help_is_quick_in_imports() -> None:
    script = (
        "import sys; from photpipe.command import cli\n"
        "slow = {'numpy', 'astropy', 'astroquery', 'matplotlib', 'pandas'} & set(sys.modules)\n"
        "raise SystemExit(str(sorted(slow)) if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.stderr == b""
    assert done.returncode == 0


@pytest.mark.parametrize(("said", "threads"), [(None, "1"), ("3", "3")])
def test_linear_algebra_has_one_thread_unless_the_user_says_otherwise(
    said: str | None, threads: str
) -> None:
    script = (
        "import os, sys; from photpipe.command.reporting import reporting\n"
        "assert 'numpy' not in sys.modules\n"
        "with reporting(debug=False): print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    own = {name: value for name, value in os.environ.items() if name not in environment.THREADS}
    own |= {"OPENBLAS_NUM_THREADS": said} if said else {}
    done = subprocess.run([sys.executable, "-c", script], env=own, check=True, capture_output=True)
    assert done.stdout.decode().strip() == threads


def test_a_misspelt_option_is_recognised(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(finds(Options()), "-keep_wsc", image) == cli.Status.USAGE
    assert "unrecognized arguments: -keep_wsc; did you mean -keep_wcs?" in capsys.readouterr().err
    assert run(finds(Options()), "-xyzzy", image) == cli.Status.USAGE
    assert "unrecognized arguments: -xyzzy; pp_test -h lists all options\n" in (
        capsys.readouterr().err
    )


def test_one_cause_is_one_line_and_the_log_names_every_frame(
    image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"frame{k}.fits" for k in range(25)]
    failed = (*(FrameFailure(name, "no gain") for name in names), FrameFailure("z.fits", "empty"))
    assert run(lambda *_: Outcome(failed), image) == cli.Status.PARTIAL
    told = [line for line in capsys.readouterr().out.splitlines() if "ERROR" in line]
    assert told[0].startswith("ERROR: 25 frames: no gain (frame0.fits frame1.fits")
    assert told[1:] == ["ERROR: z.fits: empty"]
    text = (Path(image).parent / "LOG").read_text()
    assert all(name in text for name in names)


def test_what_a_data_directory_has_no_say_in_is_one_line(
    image: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (Path(image).parent / "photpipe.toml").write_text("[services]\ncache = '/tmp/elsewhere'\n")
    assert run(finds(Options()), image) == cli.Status.DONE
    screen = capsys.readouterr().out
    assert screen.count("warning: photpipe.toml: cache ignored: a data directory moves no") == 1


def test_warnings_of_other_packages_stay_off_the_screen(image: str) -> None:
    """Even those of the first import, before LOG is open; toolbox.py opens none at all."""
    write_frame(Path(image))
    surroundings = {**os.environ, "XDG_CONFIG_HOME": "/not/there"}
    for command in ("toolbox.py", "pp_prepare.py"):
        done = subprocess.run(
            [sys.executable, str(Path(PREPARE).with_name(command)), image],
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "XDG_CONFIG_HOME" not in done.stdout + done.stderr
        assert Path(image).name in done.stdout


def test_a_directory_that_may_not_be_entered_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "night").mkdir(parents=True)
    write_frame(closed / "night" / "a.fits")
    frame = closed / "night" / "a.fits"
    closed.chmod(0o600)
    try:
        done = subprocess.run(
            [*without_privileges(), sys.executable, PREPARE, str(frame)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        closed.chmod(0o700)
    assert done.returncode == cli.Status.FAILED
    said = f"a.fits: its directory {closed} cannot be entered by this user; check its permissions"
    assert said in done.stdout + done.stderr


# -- what surrounds a command

PREPARE = str(Path(__file__).resolve().parents[2] / "pp_prepare.py")


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2), (0,)])
def test_closed_streams_cost_nothing(tmp_path: Path, closed: tuple[int, ...]) -> None:
    """Nor does what a child process complains of go into the file that got their number."""
    content = write_frame(tmp_path / "a.fits")
    with (tmp_path / "screen").open("w") as screen:
        done = subprocess.run(
            [sys.executable, PREPARE, "a.fits"],
            cwd=tmp_path,
            stdout=screen,
            stderr=screen,
            check=False,
            preexec_fn=lambda: [os.close(number) for number in closed] and None,
        )
    assert done.returncode == cli.Status.DONE
    said = (tmp_path / "screen").read_text()
    assert said.count("\n") == (1 not in closed)
    assert "a.fits: prepared" in (tmp_path / "LOG").read_text()
    assert (tmp_path / "a.fits").read_bytes() != content


def test_standard_streams_are_open_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdin", None)
    streams.open_streams()
    sys.stderr.write("into the void")
    assert not sys.stderr.isatty()
    assert sys.stdin.read() == ""
    sys.stderr.close()
    sys.stdin.close()


def test_a_current_directory_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(finds(Options()), "a.fits") == cli.Status.FAILED
    told = "the current directory was removed; cd to one that is there"
    assert caplog.messages[-1] == told


@pytest.mark.parametrize("length", [300, 5000])
def test_names_that_are_too_long_are_one_line(
    image: str, length: int, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "x" * length

    def stage(_paths: Sequence[Path], options: Options, _workspace: Workspace) -> Outcome:
        Path(str(options.cat)).read_text()
        raise AssertionError

    assert run(finds(Options()), name) == cli.Status.FAILED
    assert run(stage, "-cat", name, image) == cli.Status.FAILED
    screen = "".join(capfd.readouterr())
    assert "Traceback" not in screen
    assert f"ERROR: {'x' * 40}... ({length} characters) is too long for a file's name" in screen


def test_a_target_may_have_any_length(image: str) -> None:
    given = [image, "x" * 300]
    values = argparse.Namespace(target=None)
    parser._take_target(values, given)
    assert (given, len(values.target)) == ([image], 300)


NO_HOME = """
import os, pwd, sys
os.environ.pop("HOME", None)
def unknown(_number):
    raise KeyError("uid not found")
pwd.getpwuid = unknown
import {command}
sys.exit({command}.main(["a.fits"]))
"""
SAID = {
    "pp_calibrate": "not prepared; run pp_prepare",
    "pp_run": "no source has 12 connected pixels",
}


@pytest.mark.parametrize("command", ["pp_calibrate", "pp_run"])
def test_a_user_without_a_home_is_one_like_others(tmp_path: Path, command: str) -> None:
    """No HOME and no entry in the file of passwords, as in containers: astropy asks for it."""
    words = [sys.executable, "-c", NO_HOME.format(command=command)]
    _check_ordinary_end(command, words, tmp_path, {})


@pytest.mark.parametrize("command", ["pp_calibrate", "pp_run"])
@pytest.mark.parametrize("name", ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"])
def test_a_closed_home_is_no_obstacle(tmp_path: Path, command: str, name: str) -> None:
    """That of another user, as after sudo -u; astropy looks into it while it is imported."""
    closed = tmp_path / "closed"
    (closed / "user").mkdir(parents=True)
    closed.chmod(0o600)
    script = Path(PREPARE).with_name(f"{command}.py")
    words = [*without_privileges(), sys.executable, str(script), "a.fits"]
    try:
        _check_ordinary_end(command, words, tmp_path, {name: str(closed / "user")})
    finally:
        closed.chmod(0o700)


def _check_ordinary_end(
    command: str, words: list[str], tmp_path: Path, surroundings: dict[str, str]
) -> None:
    night = tmp_path / "night"
    night.mkdir()
    write_frame(night / "a.fits")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    done = subprocess.run(
        words,
        cwd=night,
        env={**kept, "PYTHONPATH": str(Path(PREPARE).parent), **surroundings},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert SAID[command] in said, said
    assert "Traceback" not in said
    assert done.returncode == cli.Status.FAILED


def test_rings_of_dead_objects_go_between_stages() -> None:
    class Ring:
        pass

    ring = Ring()
    ring.itself = ring  # type: ignore[attr-defined]
    watched = weakref.ref(ring)
    del ring
    assert watched() is not None
    environment.give_back_memory()
    assert watched() is None


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is that of Linux")
def test_what_is_free_goes_back_to_the_system() -> None:
    script = """if True:
    import re, threading
    from pathlib import Path
    from photpipe.ground.environment import give_back_memory

    def resident_mb():
        return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

    kept = []

    def work():
        rows = [bytes(2000) for _ in range(40_000)]
        kept.append(rows[::20])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    full = resident_mb()
    give_back_memory()
    print(full - resident_mb())
    """
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert float(done.stdout) > 20
