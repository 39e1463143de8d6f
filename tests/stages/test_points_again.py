"""pp_distill after an earlier run: points of frames that nobody changed are not measured again."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photpipe.distill import memory, points, stage
from photpipe.distill.memory import KeptPlace, PointsMemory
from photpipe.run import subtracted
from photpipe.run.results import DistillResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.runner.reuse import forget_frames
from simsky import SkyServer
from tests.stages.targets import PRIMARY, Night, make_night

COUNT = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return make_night(tmp_path_factory.mktemp("made") / "night", (PRIMARY,), COUNT)


@pytest.fixture
def night(made: Night, tmp_path: Path) -> Night:
    return made.copied(tmp_path / "night")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the frames that were measured."""
    names: list[str] = []
    measure = points.points_of_frame

    def watched(calibrated: Any, number: int, tracks: Any, *words: Any, taken: Any) -> Any:
        if "3552" not in taken:
            names.append(calibrated.frame.name)
        return measure(calibrated, number, tracks, *words, taken=taken)

    monkeypatch.setattr(points, "points_of_frame", watched)
    return names


@pytest.fixture
def workspace(night: Night) -> Iterator[Workspace]:
    with SkyServer(night.sky) as running:
        settings = replace(Settings(), services=running.service_settings())
        yield Workspace(night.directory, settings, quiet=True, jobs=1, versions="of today")


def distill(night: Night, workspace: Workspace, count: int = COUNT, **told: Any) -> DistillResult:
    return stage.distill(night.paths[:count], stage.DistillOptions(**told), workspace)


def files(night: Night) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in night.directory.glob("photometry_*")}


def fresh(night: Night, workspace: Workspace) -> dict[str, bytes]:
    """What a run without memory writes."""
    distill(night, replace(workspace, versions=""))
    return files(night)


def names(night: Night, *numbers: int) -> list[str]:
    return [night.paths[number].name for number in numbers]


def test_what_nobody_changed_is_not_measured_again(
    night: Night, workspace: Workspace, measured: list[str]
) -> None:
    distill(night, workspace)
    first = files(night)
    assert measured == names(night, *range(COUNT))
    measured.clear()
    distill(night, workspace)
    assert measured == []
    assert files(night) == first == fresh(night, workspace)


def test_a_further_frame_alone_is_measured_until_the_night_has_grown(
    night: Night, workspace: Workspace, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "GROWTH", 0.4)
    distill(night, workspace, 3)
    measured.clear()
    distill(night, workspace, 4)
    assert measured == names(night, 3)
    assert len(night.points("3552")) == 4
    measured.clear()
    distill(night, workspace, 5)  # from three to five is too much
    assert measured == names(night, 0, 1, 2, 4)
    measured.clear()
    distill(night, workspace, 5)
    assert measured == []


def spoil_database(night: Night, _workspace: Workspace) -> None:
    os.utime(night.paths[2].with_suffix(".ldac.db"), ns=(1, 1))


def spoil_frame(night: Night, _workspace: Workspace) -> None:
    os.utime(night.paths[2], ns=(1, 1))


def let_wait(night: Night, workspace: Workspace) -> None:
    """A point beside a star for which there was no template."""
    path, frame = workspace._state_file(PointsMemory), night.paths[2].name
    memory = json.loads(path.read_text())
    row = next(e for e in memory["points"] if (e["frame"], e["target"]) == (frame, "3552"))
    row["point"] |= {"contamination": "star", "plain_mag": None}
    path.write_text(json.dumps(memory))


@pytest.mark.parametrize("spoil", [spoil_database, spoil_frame, let_wait])
def test_a_frame_that_changed_or_waits_is_measured_again(
    night: Night,
    workspace: Workspace,
    measured: list[str],
    spoil: Callable[[Night, Workspace], None],
) -> None:
    distill(night, workspace)
    spoil(night, workspace)
    measured.clear()
    distill(night, workspace)
    assert measured == names(night, 2)
    assert files(night) == fresh(night, workspace)


@pytest.mark.parametrize(
    "change", [{"offset": (0.1, 0.0)}, {"no_star_subtraction": True}, {"trail_profile": True}]
)
def test_other_options_measure_all_frames(
    night: Night, workspace: Workspace, measured: list[str], change: dict[str, Any]
) -> None:
    distill(night, workspace)
    measured.clear()
    distill(night, workspace, **change)
    assert measured == names(night, *range(COUNT))


def test_other_programs_or_a_fresh_start_measure_all_frames(
    night: Night, workspace: Workspace, measured: list[str]
) -> None:
    distill(night, workspace)
    for changed in (replace(workspace, versions="of tomorrow"), workspace):
        forget_frames(changed)
        measured.clear()
        distill(night, changed)
        assert measured == names(night, *range(COUNT))


def test_rejections_judge_points_that_were_kept(
    night: Night, workspace: Workspace, measured: list[str]
) -> None:
    distill(night, workspace)
    measured.clear()
    path = night.directory / "rejections.txt"
    path.write_text(f"3552 {night.paths[1].name} a cloud\n")
    assert distill(night, workspace).targets[0].rejected == 1
    path.unlink()
    assert distill(night, workspace).targets[0].rejected == 0
    assert measured == []


def test_a_place_that_moved_is_looked_at_again() -> None:
    then = KeptPlace(4, 10.0, 20.0, "('3552',)")
    seeing_arcsec = 2.0
    apart_deg = memory.PLACE * seeing_arcsec / 3600.0
    assert then.is_still(then, seeing_arcsec)
    assert then.is_still(replace(then, dec_deg=20.0 + 0.9 * apart_deg), seeing_arcsec)
    assert not then.is_still(replace(then, dec_deg=20.0 + 1.1 * apart_deg), seeing_arcsec)
    assert not then.is_still(replace(then, row=5), seeing_arcsec)
    assert not then.is_still(replace(then, rest="('another',)"), seeing_arcsec)
    nowhere = replace(then, ra_deg=float("nan"))
    assert nowhere.is_still(nowhere, seeing_arcsec)
    assert not nowhere.is_still(then, seeing_arcsec)


def test_what_was_subtracted_is_kept_with_its_points(
    night: Night, workspace: Workspace, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = points.points_of_frame

    def freeing(calibrated: Any, number: int, *words: Any, taken: Any) -> Any:
        found, subtraction = measure(calibrated, number, *words, taken=taken), words[-2]
        if "3552" not in taken and number in {1, 3}:
            panels = np.full((3, 4, 4), 10.0 * number + len(measured), np.float32)
            subtraction.kept["3552", calibrated.frame.name] = None, panels
        return found

    monkeypatch.setattr(points, "points_of_frame", freeing)
    distill(night, workspace)
    first = subtracted.read(workspace.state_directory, "3552")
    assert list(first) == names(night, 1, 3)
    os.utime(night.paths[3].with_suffix(".ldac.db"), ns=(1, 1))
    measured.clear()
    distill(night, workspace)
    assert measured == names(night, 3)
    second = subtracted.read(workspace.state_directory, "3552")
    assert [each.flat[0] for each in second.values()] == [first[names(night, 1)[0]].flat[0], 31.0]
    for path in workspace.state_directory.glob("subtracted_*"):
        path.unlink()
    measured.clear()
    distill(night, workspace)  # a point that a page could not show is measured again
    assert measured == names(night, 1, 3)
