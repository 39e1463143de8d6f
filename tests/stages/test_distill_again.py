"""What the server of the pages keeps: judged anew, it gives what measuring again gives."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.distill import stage
from photpipe.fits.fitsfile import update_header
from photpipe.report.write import refresh
from photpipe.run.photometry_file import REJECTIONS_FILE, UNEXPECTED, read
from photpipe.run.results import DistillResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.runner import serve
from simsky import SkyServer
from tests.stages.targets import FAINT, PRIMARY, Night, make_night

pytestmark = pytest.mark.pages


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    made = make_night(tmp_path / "night", (PRIMARY, FAINT), count=4)
    with SkyServer(made.sky) as running:
        running.write_settings(made.directory)
        yield made


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames were measured, each time."""
    counts: list[int] = []

    def counted(*words: object) -> object:
        counts.append(len(words[0]))  # type: ignore[arg-type]
        return stage.measured(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(serve, "measured", counted)
    return counts


def contents(night: Night) -> dict[str, bytes]:
    """Photometry and pages, as far as they do not tell when they were made."""
    folder = night.directory / ".diagnostics"
    paths = [*night.directory.glob("photometry_*"), *folder.glob("frames/*.html")]
    paths += [*folder.glob("targets/*.html"), *folder.glob("cutouts/*")]
    return {str(path.relative_to(night.directory)): path.read_bytes() for path in paths}


def test_rejections_are_applied_without_measuring_again(night: Night, measured: list[int]) -> None:
    assert night.distill() == 0
    workspace = Workspace(night.directory, Settings.load(night.directory), quiet=True)
    before, kept = contents(night), serve.Kept()
    path = night.directory / REJECTIONS_FILE
    for number in (1, 2):
        frame = night.paths[number].name
        path.write_text(f"3552 {frame} a cloud\n")
        serve.distill_again(workspace, kept)
        again = contents(night)
        assert night.distill() == 0  # from the beginning
        assert contents(night) == again != before
        found = workspace.load(DistillResult)
        assert found
        assert found.targets[0].rejected == 1
    assert measured == [len(night.paths)]
    path.unlink()
    serve.distill_again(workspace, kept)
    assert contents(night) == before
    assert len(measured) == 1


def test_changed_frames_are_measured_again(night: Night, measured: list[int]) -> None:
    assert night.distill() == 0
    workspace = Workspace(night.directory, Settings.load(night.directory), quiet=True)
    kept = serve.Kept()
    serve.distill_again(workspace, kept)
    page = night.directory / ".diagnostics" / "frames" / f"{night.paths[0].stem}.html"
    assert "made by hand" not in page.read_text("utf-8")
    update_header(night.paths[0], {"OBJECT": "made by hand"})
    serve.distill_again(workspace, kept)
    assert len(measured) == 2
    page.unlink()
    refresh(workspace)
    assert page.is_file()


def test_measuring_ends_with_the_server(night: Night) -> None:
    assert night.distill() == 0
    workspace = Workspace(night.directory, Settings.load(night.directory), quiet=True)
    kept = serve.Kept()
    kept.over.set()
    with pytest.raises(SystemExit):
        serve.distill_again(workspace, kept)


def test_a_target_far_brighter_than_predicted_is_told(night: Night) -> None:
    workspace = Workspace(night.directory, Settings.load(night.directory), quiet=True)
    options = stage.DistillOptions()
    found = stage.measured(night.paths, options, workspace)
    for fainter_mag, told in ((0.0, False), (1.5, True)):
        tracks = [
            replace(
                each,
                target=replace(each.target, predicted_mag=each.target.predicted_mag + fainter_mag),
            )
            for each in found.tracks
        ]
        stage.judged(replace(found, tracks=tracks), options, workspace)
        points = read(night.directory / "photometry_3552.dat")[1]
        assert [each.contamination.endswith(UNEXPECTED) for each in points] == [told] * 4
