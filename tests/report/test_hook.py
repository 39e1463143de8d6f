"""Stages write the report behind them; the report never costs a stage its success."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import diagnostics
from photpipe.command import cli
from photpipe.ground.errors import ReductionError
from photpipe.report import write
from photpipe.run.results import ExtractResult, FrameFailure, History
from photpipe.run.workspace import Workspace
from tests.report.pages import parsed, words

pytestmark = pytest.mark.pages


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to say."""


def command(
    outcome: object = None, has_report: bool = True, folders: tuple[str, ...] = ()
) -> cli.Command:
    def stage(_paths: Sequence[Path], _options: Options, _workspace: Workspace) -> ExtractResult:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome or ExtractResult((), ())

    return cli.Command(
        "pp_stage", "A stage.", stage, Options, has_report=has_report, folders=folders
    )


@pytest.fixture
def frame(tmp_path: Path) -> str:
    path = tmp_path / "data" / "a.fits"
    path.parent.mkdir()
    path.touch()
    return str(path)


def history(frame: str) -> History:
    found = Workspace(Path(frame).parent).load(History)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("outcome", "status", "word", "reason"),
    [
        (None, 0, "done", ""),
        (ReductionError("no star"), 1, "failed", "no star"),
        (ValueError("oops"), 1, "failed", "ValueError: oops (a bug; please report it)"),
        (ExtractResult((), (FrameFailure("a.fits", "why"),)), 1, "failed", ""),
    ],
)
def test_how_a_stage_went_is_kept_and_shown(
    frame: str, outcome: object, status: int, word: str, reason: str
) -> None:
    assert cli.run(command(outcome), [frame]) == status
    (record,) = history(frame).records
    assert (record.command, record.status, record.reason) == ("pp_stage", word, reason)
    assert record.arguments == frame
    assert record.seconds >= 0
    text = words(parsed((Path(frame).parent / "diagnostics.html").read_text("utf-8")))
    assert (f"pp_stage stopped: {reason}" in text) == bool(reason)


def test_stage_without_report_writes_none(frame: str) -> None:
    assert cli.run(command(has_report=False), [frame]) == 0
    assert sorted(path.name for path in Path(frame).parent.iterdir()) == ["LOG", "a.fits"]


def test_directories_of_stacks_have_pages_of_their_own(frame: str) -> None:
    data = Path(frame).parent
    Workspace(data / "skycoadd").save(ExtractResult((), ()))
    (data / "comove").mkdir()
    assert cli.run(command(folders=("skycoadd", "comove")), [frame]) == 0
    assert (data / "diagnostics.html").is_file()
    assert (data / "skycoadd" / "diagnostics.html").is_file()
    assert not list((data / "comove").iterdir()), "nothing was measured there"


def test_a_link_gets_no_pages(frame: str, tmp_path: Path) -> None:
    Workspace(tmp_path / "elsewhere").save(ExtractResult((), ()))
    (Path(frame).parent / "comove").symlink_to(tmp_path / "elsewhere")
    assert cli.run(command(folders=("comove",)), [frame]) == 0
    assert not (tmp_path / "elsewhere" / "diagnostics.html").exists()


def test_pages_can_be_switched_off(frame: str) -> None:
    (Path(frame).parent / "photpipe.toml").write_text("[report]\npages = false\n")
    assert cli.run(command(), [frame]) == 0
    assert not (Path(frame).parent / "diagnostics.html").exists()
    assert history(frame).records[0].status == "done"


def test_interrupt_is_kept_and_ends_at_once(frame: str) -> None:
    assert cli.run(command(KeyboardInterrupt()), [frame]) == 130
    assert history(frame).records[0].status == "interrupted"
    assert not (Path(frame).parent / "diagnostics.html").exists()


def test_failing_report_is_one_warning(
    frame: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a page")

    monkeypatch.setattr(write, "refresh", fail)
    assert cli.run(command(), [frame]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["warning: diagnostics.html is not up to date: ZeroDivisionError: a page"]


def test_folder_that_cannot_be_made(frame: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(frame).parent / ".diagnostics").write_text("in the way")
    assert cli.run(command(), [frame]) == 0
    assert "diagnostics.html is not up to date" in capsys.readouterr().out


def test_door_renders_again(night: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnostics.main([str(night.directory)]) == 0
    page = night.directory / "diagnostics.html"
    assert capsys.readouterr().out == f"{page}\n"
    before = page.read_bytes()
    page.unlink()
    assert diagnostics.main([str(night.directory), "--single"]) == 0
    assert page.read_bytes() == before
    assert (night.directory / "diagnostics_single.html").stat().st_size > 50_000


def test_door_here_and_elsewhere(
    night: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(night.directory)
    assert diagnostics.main([]) == 0
    assert diagnostics.main([str(night.directory.parent), "."]) == 1
    assert "no results are saved here; run pp_run" in caplog.text
    assert capsys.readouterr().out.count("diagnostics.html") == 2
    assert diagnostics.main(["-nonsense"]) == 2
    assert diagnostics.main(["-h"]) == 0


def test_door_takes_frames_for_their_directory(
    night: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [str(path) for path in sorted(night.directory.glob("*.fits"))]
    assert diagnostics.main(["-single", *frames]) == 0
    assert capsys.readouterr().out == f"{night.directory / 'diagnostics_single.html'}\n"


def test_door_gives_out_functions() -> None:
    assert diagnostics.refresh is write.refresh
    assert diagnostics.export_single is write.export_single
    assert callable(diagnostics.write_summary)
    with pytest.raises(AttributeError):
        _ = diagnostics.no_such_function
