"""The door for Python: tables of what a run left."""

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import photpipe
import pp_run
from photpipe.door import Night, plot, to_table
from photpipe.ground.errors import ConfigError, ReductionError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example_data" / "vatt4k"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    directory = tmp_path_factory.mktemp("night")
    frames = [shutil.copy(EXAMPLE / f"mscience000{k}.fits", directory) for k in (1, 2, 3)]
    shutil.copytree(EXAMPLE / "cache", directory / "cache")
    assert pp_run.main(["-offline", "-quiet", *map(str, frames)]) == 0
    return photpipe.open(str(directory))


def test_frames_have_what_the_stages_found(night: Night) -> None:
    frames = night.frames
    assert list(frames.index) == ["mscience0001.fits", "mscience0002.fits", "mscience0003.fits"]
    assert set(frames["telescope"]) == {"VATT4K"}
    assert frames["zeropoint_mag"].between(27, 29).all()
    assert "mscience0001.fits" in night._repr_html_()
    assert "3 frames" in repr(night)


def test_targets_are_those_of_the_files(night: Night) -> None:
    assert set(night.targets) == {"3552", "Control Star"}
    points = night.targets["3552"]
    lines = (night.directory / "photometry_3552.dat").read_text().splitlines()
    printed = [float(line.split()[2]) for line in lines if not line.startswith("#")]
    assert points["mag"].round(4).tolist() == printed
    assert points.attrs["units"]["mag"] == "mag"
    assert str(to_table(points)["midtime_jd"].unit) == "d"
    with pytest.raises(KeyError):
        night.targets["433"]


def test_stars_are_those_of_the_database(night: Night) -> None:
    stars = night.stars("mscience0001.fits")
    assert {"ra_deg", "dec_deg", "_Rmag", "_e_Rmag"} <= set(stars.columns)
    assert np.isfinite(stars["_Rmag"]).sum() > 50
    assert stars.attrs["facts"]
    with pytest.raises(ReductionError, match="run pp_calibrate"):
        night.stars("mscience0009.fits")


def test_a_light_curve_is_drawn(night: Night) -> None:
    axes = plot(night.targets["3552"])
    assert axes.yaxis_inverted()
    assert len(axes.containers[0].lines[0].get_xdata()) == 3


def test_a_directory_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run pp_run in it first"):
        photpipe.open(tmp_path)
    with pytest.raises(ConfigError, match="no such directory"):
        photpipe.open(tmp_path / "nowhere")


def shown(cell: str, names: dict[str, Any]) -> Any:
    """What a notebook shows below a cell: the value of its last expression."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


def test_the_notebook_of_the_manual_runs(
    night: Night,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "demo").symlink_to(night.directory)
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "night.ipynb").read_text("utf-8"))
    cells = ["".join(each["source"]) for each in notebook["cells"] if each["cell_type"] == "code"]
    names: dict[str, Any] = {}
    results = [shown(cell, names) for cell in cells]
    figures = [each for each in results if isinstance(each, Figure)]
    assert len(figures) == 1
    tables = [each for each in results if hasattr(each, "_repr_html_")]
    tables = [each for each in tables if not isinstance(each, Figure)]
    assert len(tables) == 5
    assert all("<table" in each._repr_html_() for each in tables)
    assert names["mean_mag"] == pytest.approx(names["good"]["mag"].mean(), abs=0.02)
    assert 20 < len(names["used"]) < len(names["stars"])
    assert abs(names["residual_mag"].mean()) < 0.02
    assert "sources calibrate" in capsys.readouterr().out
