"""The door for Python: tables of what a run left."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import photpipe
import pp_run
from photpipe.door import Night, plot, to_table
from photpipe.ground.errors import ConfigError, ReductionError

EXAMPLE = Path(__file__).resolve().parents[2] / "example_data" / "vatt4k"


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
