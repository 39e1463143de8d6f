"""An error that nobody foresaw in one frame's work is that frame's failure, and no other's."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from photpipe.calibrate import stage as calibrating
from photpipe.calibrate.stage import CalibrateOptions
from photpipe.ground.errors import ReductionError
from photpipe.instruments.frames import Frame
from photpipe.measure.stage import read_frames
from photpipe.register import campaign, solver
from photpipe.register.campaign import Campaign
from photpipe.register.solver import Solver
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace

BAD = "n002.fits"
NAMES = ("n001.fits", BAD, "n003.fits")
TOLD = "a bug of Photometry Pipeline; LOG has the traceback"


def broken(name: str) -> None:
    if name == BAD:
        raise ZeroDivisionError("float division by zero")


def test_reading_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def read(path: Path, _telescope: object) -> SimpleNamespace:
        broken(path.name)
        telescope = SimpleNamespace(keyword="VATT4K")
        return SimpleNamespace(name=path.name, is_prepared=True, telescope=telescope)

    monkeypatch.setattr(Frame, "read", read)
    frames, failed = read_frames([tmp_path / name for name in NAMES], None)
    assert [frame.name for frame in frames] == [NAMES[0], NAMES[2]]
    assert [failure.frame for failure in failed] == [BAD]
    assert TOLD in failed[0].reason


def plates() -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            frame=name, pixels=np.zeros(9, complex), wcs={}, shape=(9, 9), cone=None, catalogs=()
        )
        for name in NAMES
    ]


def test_patterns_are_looked_for_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    every = plates()
    asked = []

    def search(pixels: np.ndarray, **_: object) -> None:
        name = next(each.frame for each in every if each.pixels is pixels)
        asked.append(name)
        broken(name)

    monkeypatch.setattr(solver.patterns, "search", search)
    monkeypatch.setattr(solver, "_expectation", lambda *_: None)
    monkeypatch.setattr(solver, "_unrecognised", lambda plate, *_: f"{plate.frame} is unknown")
    work = Solver(Settings(), 1)
    chart = SimpleNamespace(region=lambda: None, map_of=lambda *_: None)
    work.seed(every, chart, 0.1)  # type: ignore[arg-type]
    assert asked == list(NAMES)
    assert TOLD in work.complaints[BAD]
    assert work.complaints[NAMES[2]] == f"{NAMES[2]} is unknown"


def test_the_others_are_settled_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    every = plates()

    def fitted(_plate: SimpleNamespace, *_: object, **__: object) -> SimpleNamespace:
        broken(_plate.frame)
        return SimpleNamespace(is_overwhelming=True, objection="")

    work = Solver(Settings(), 1)
    monkeypatch.setattr(solver, "_fitted", lambda plate, _chart, _seed: fitted(plate))
    for each in every:
        work.place(each, {})  # type: ignore[arg-type]
    work.settle(every, None)  # type: ignore[arg-type]
    assert set(work.solved) == {NAMES[0], NAMES[2]}
    assert TOLD in work.complaints[BAD]

    whole = Campaign(Settings(), 1, "GAIA")
    monkeypatch.setattr(campaign, "covering", lambda *_: None)
    monkeypatch.setattr(Campaign, "_chart", lambda *_: None)
    monkeypatch.setattr(campaign.Solved, "of", fitted)
    whole.compare(every)  # type: ignore[arg-type]
    assert set(whole.solved) == {NAMES[0], NAMES[2]}
    assert TOLD in whole.failures[BAD]


def test_the_others_of_few_stars_are_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    every = plates()
    solved = SimpleNamespace(plate=SimpleNamespace(instrument="VATT4K"), fit=solver.FEW_STARS)

    def aligned(_self: Solver, plate: SimpleNamespace, *_: object) -> SimpleNamespace:
        broken(plate.frame)
        return SimpleNamespace(is_sure=True, plate=None)

    monkeypatch.setattr(Solver, "_aligned", aligned)
    monkeypatch.setattr(solver.astrometry, "wcs_cards", lambda *_: {})
    monkeypatch.setattr(solver.Solved, "of", lambda *_: solved)
    work = Solver(Settings(), 1)
    chart = SimpleNamespace(cone=SimpleNamespace(ra_deg=0.0, dec_deg=0.0))
    for each in every:
        each.instrument = "VATT4K"
    work.settle_few(every, chart, 0.1)  # type: ignore[arg-type]
    assert set(work.solved) == {NAMES[0], NAMES[2]}
    assert TOLD in work.complaints[BAD]


def test_the_others_of_a_field_are_calibrated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def field(sources: list[SimpleNamespace], *_: object) -> tuple[str, list[SimpleNamespace]]:
        for each in sources:
            broken(each.name)
        return "field", sources

    sources = [SimpleNamespace(name=name, frame=SimpleNamespace(path=Path(name))) for name in NAMES]
    monkeypatch.setattr(calibrating, "fields_of", lambda every: [every])
    monkeypatch.setattr(calibrating, "_calibrate_field", field)
    monkeypatch.setattr(calibrating, "_targets", lambda *_: {})
    bands = dict.fromkeys(map(Path, NAMES), "R")
    space = Workspace(tmp_path, quiet=True)

    def jobs() -> tuple[list[SimpleNamespace], tuple[str, ...], list[object]]:
        return calibrating._jobs(sources, bands, CalibrateOptions(), space, "")  # type: ignore

    done, fields, failed = jobs()
    assert [each.name for each in done] == [NAMES[0], NAMES[2]]
    assert len(fields) == 2
    assert [each.frame for each in failed] == [BAD]  # type: ignore[attr-defined]

    def unserved(*_: object) -> None:
        raise ReductionError("nobody answers")

    monkeypatch.setattr(calibrating, "_calibrate_field", unserved)
    with pytest.raises(ReductionError):  # what concerns all is told once
        jobs()
