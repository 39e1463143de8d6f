"""pp_calibrate after an earlier run: a frame whose zeropoint hardly moves keeps its database."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photpipe.calibrate import memory, series
from photpipe.calibrate.stage import CalibrateOptions, calibrate
from photpipe.catalogs.database import read_database
from photpipe.fits.fitsfile import update_header
from photpipe.ground.arrays import write_arrays
from photpipe.measure.stage import PhotometryOptions, photometry
from photpipe.run.results import CalibrateResult, to_json
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.runner.reuse import forget_frames
from tests.conftest import Scene
from tests.prepared import make_prepared

Run = Callable[..., CalibrateResult]


@pytest.fixture
def frames(scene: Scene) -> list[Path]:
    frames = make_prepared(scene.frames, scene.camera)
    photometry(frames, PhotometryOptions(aprad=(5.0,)), Workspace(scene.directory, quiet=True))
    return frames


@pytest.fixture
def run(scene: Scene, settings: Settings) -> Run:
    """One run of the stage, as pp_run does it."""

    def run(frames: list[Path], programs: str = "of today", **options: Any) -> CalibrateResult:
        workspace = Workspace(scene.directory, settings, quiet=True, jobs=1, versions=programs)
        return calibrate(frames, CalibrateOptions(**options), workspace)

    return run


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """By how many magnitudes the zeropoint of a frame is moved."""
    by: dict[str, float] = {}
    fit = series.FrameSeries.fit

    def moving(self: series.FrameSeries) -> None:
        fit(self)
        for row, match in enumerate(self.matches):
            found, shift = self.fits[row], by.get(match.sources.name, 0.0)
            if found and shift:
                self.fits[row] = replace(found, zeropoint_mag=found.zeropoint_mag + shift)

    monkeypatch.setattr(series.FrameSeries, "fit", moving)
    return by


def written(frames: list[Path]) -> list[int]:
    """When the databases were written."""
    return [path.with_suffix(".ldac.db").stat().st_mtime_ns for path in frames]


def zeropoint(frame: Path) -> float:
    """As the database has it."""
    return float(read_database(frame.with_suffix(".ldac.db"))[0]["zeropoint_mag"])


def renewed(frames: list[Path], before: list[int]) -> list[str]:
    """Frames whose databases were written since."""
    return [
        f.name for f, then, now in zip(frames, before, written(frames), strict=True) if then != now
    ]


def test_what_nobody_changed_is_not_written_again(frames: list[Path], run: Run) -> None:
    first, before = run(frames), written(frames)
    assert to_json(run(frames)) == to_json(first)
    assert renewed(frames, before) == []


def test_a_frame_is_written_again_once_it_has_moved_enough(
    frames: list[Path], run: Run, moved: dict[str, float]
) -> None:
    first, before = run(frames), written(frames)
    row = first.frames[1]
    step = 0.6 * memory.KEPT_SIGMA * row.standard_error_mag
    moved[row.frame] = step
    second = run(frames)
    assert renewed(frames, before) == []
    assert str(second.frames) == str(first.frames)  # pages and databases agree
    moved[row.frame] = 2 * step  # small steps do not add up
    third = run(frames)
    assert renewed(frames, before) == [row.frame]
    assert third.frames[1].zeropoint_mag == pytest.approx(row.zeropoint_mag + 2 * step, abs=1e-9)
    assert zeropoint(frames[1]) == third.frames[1].zeropoint_mag
    assert str(third.frames[::2]) == str(first.frames[::2])
    before = written(frames)
    moved[row.frame] = 2.5 * step  # from where it is now
    assert str(run(frames).frames) == str(third.frames)
    assert renewed(frames, before) == []


def test_another_verdict_is_written(
    frames: list[Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(frames)
    before, verdicts = written(frames), series.FrameSeries.verdicts

    def other(self: series.FrameSeries, match: Any, fit: Any) -> Any:
        found = verdicts(self, match, fit)
        if match.sources.name == frames[2].name:
            found[:2] = found[1::-1] if found[0] != found[1] else "outlier"
        return found

    monkeypatch.setattr(series.FrameSeries, "verdicts", other)
    run(frames)
    assert renewed(frames, before) == [frames[2].name]


def spoil_header(frame: Path) -> None:
    update_header(frame, {"AIRMASS": (1.9, "another")})


def spoil_catalog(frame: Path) -> None:
    os.utime(frame.with_suffix(".ldac"), ns=(1, 1))


def spoil_database(frame: Path) -> None:
    frame.with_suffix(".ldac.db").write_bytes(b"half")


def spoil_stars(frame: Path) -> None:
    frame.with_name(f"{frame.stem}_cal.dat").unlink()


@pytest.mark.parametrize("spoil", [spoil_header, spoil_catalog, spoil_database, spoil_stars])
def test_a_frame_whose_files_changed_is_written_again(
    frames: list[Path], run: Run, spoil: Callable[[Path], None]
) -> None:
    run(frames)
    before = written(frames)
    spoil(frames[1])
    result = run(frames)
    assert renewed(frames, before) == [frames[1].name]
    assert frames[1].with_name(f"{frames[1].stem}_cal.dat").is_file()
    facts, sources = read_database(frames[1].with_suffix(".ldac.db"))
    assert to_json(result) == to_json(run(frames, programs=""))  # as if nothing had been there
    again, same = read_database(frames[1].with_suffix(".ldac.db"))
    assert str(facts) == str(again)
    assert all(
        np.array_equal(sources[n], same[n], equal_nan=sources[n].dtype.kind == "f")
        for n in sources.colnames
    )


@pytest.mark.parametrize(
    "change", [{"minstars": 0.9}, {"magzp": (28.0, 0.1)}, {"programs": "of tomorrow"}]
)
def test_other_options_or_programs_write_all_frames(
    frames: list[Path], run: Run, change: dict[str, Any]
) -> None:
    run(frames)
    before = written(frames)
    run(frames, **change)
    assert len(renewed(frames, before)) == len(frames)


def test_a_fresh_start_or_a_spoilt_memory_writes_all_frames(
    frames: list[Path], run: Run, scene: Scene
) -> None:
    workspace = Workspace(scene.directory)
    first = run(frames)
    for spoil in (
        forget_frames,
        lambda each: (each.state_directory / memory.FILE).write_bytes(b"PK\3\4half"),
        lambda each: write_arrays(
            each.state_directory / memory.FILE, {"memory": np.frombuffer(b"[" * 99999, np.uint8)}
        ),
        lambda _each: run(frames, programs=""),  # pp_calibrate by itself
    ):
        before = written(frames)
        spoil(workspace)
        assert to_json(run(frames)) == to_json(first)
        assert len(renewed(frames, before)) == len(frames)
