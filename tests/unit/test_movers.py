"""Movers among the stages of a run, and by what names they go."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table

from photpipe.ground.errors import ReductionError
from photpipe.movers import night
from photpipe.movers.stage import MoversOptions, _named
from photpipe.run.results import Mover
from photpipe.run.workspace import Workspace
from photpipe.runner import stages
from photpipe.runner.options import RunOptions

NAN = float("nan")
SEEN = Mover("p0000001", "", 10.0, 20.0, 0.1, 0.5, -0.2, 0.01, 19, 0.1, 20, 18, 30, NAN)


def known(**changes: float) -> Table:
    row = {
        "target": "433",
        "name": "Eros",
        "ra_deg": 10.0005,
        "dec_deg": 20.0,
        "uncertainty_arcsec": 0.1,
        "ra_rate_arcsec_min": 0.51,
        "dec_rate_arcsec_min": -0.21,
    }
    return Table({name: [value] for name, value in (row | changes).items()})


def test_a_known_body_is_named() -> None:
    (mover,) = _named([SEEN], known())
    assert (mover.name, mover.known) == ("433", "Eros")
    assert mover.offset_arcsec == pytest.approx(0.0005 * 3600 * np.cos(np.radians(20)), rel=1e-3)


@pytest.mark.parametrize(
    "changes", [{"ra_deg": 10.01}, {"ra_rate_arcsec_min": -0.5}, {"dec_rate_arcsec_min": 0.4}]
)
def test_another_body_is_not(changes: dict[str, float]) -> None:
    assert _named([SEEN], known(**changes)) == [SEEN]


def test_one_name_is_given_once() -> None:
    assert [each.known for each in _named([SEEN, SEEN], known())] == ["Eros", ""]


def frame(jd: float, elongation: float = 1.1) -> SimpleNamespace:
    columns = {"A_IMAGE": np.full(9, elongation), "B_IMAGE": np.ones(9)}
    return SimpleNamespace(
        midtime_jd=jd,
        sources=SimpleNamespace(colnames=list(columns)),
        column=columns.__getitem__,
        well_measured_stars=lambda: np.ones(9, bool),
    )


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([frame(1.0)], "one frame: at least 4 are needed"),
        ([frame(1.0)] * 3, "3 frames: at least 4 are needed"),
        ([frame(1.0)] * 5, "all frames have the same time"),
        ([frame(1.0 + day) for day in range(5)], "the frames span 4.0 days"),
        ([frame(1 + i / 99, 3.0) for i in range(5)], "the stars trail \\(they are 3.0 times"),
    ],
)
def test_frames_that_do_not_do(frames: list[SimpleNamespace], said: str) -> None:
    with pytest.raises(ReductionError, match=said):
        night.checked(frames)  # type: ignore[arg-type]


def test_frames_that_do() -> None:
    frames = [frame(1 + i / 99) for i in (3, 1, 2, 0)]
    assert [each.midtime_jd for each in night.checked(frames)] == sorted(  # type: ignore[arg-type]
        each.midtime_jd for each in frames
    )


def test_the_run_looks_for_movers_where_it_is_told_to() -> None:
    assert stages.stages_of(RunOptions.of()) == stages.STAGES
    assert stages.stages_of(RunOptions.of(movers=True)) == (*stages.STAGES, stages.MOVERS)


def test_a_run_does_not_end_where_movers_cannot_be_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*_words: object) -> None:
        raise ReductionError("3 frames: too few")

    monkeypatch.setattr(stages, "movers", refused)
    result = stages.MOVERS.work(
        [tmp_path / "a.fits"], MoversOptions(), RunOptions(), Workspace(tmp_path)
    )
    assert result.frames == ("a.fits",)
    assert [each.reason for each in result.failed] == ["3 frames: too few"]
