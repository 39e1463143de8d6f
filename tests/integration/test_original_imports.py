"""What scripts for the original import gives the documented names, in the clone as it is."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import _pp_conf
import catalog as catalog_module
import diagnostics
import pp_run
import pp_setup
import toolbox
from photpipe import __version__
from photpipe.original import stages
from photpipe.run.settings import Settings
from tests.conftest import FIELD, Scene

CLONE = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import sys
import _pp_conf, pp_setup
from toolbox import *
from catalog import *
import diagnostics, pp_run
print(_pp_conf.solcol, pp_setup.confcalibrate.caldata_in_db, jd_to_gregorian(2457786.9566))
print(catalog('x').shape, callable(pp_run.run_the_pipeline), callable(diagnostics.create_index))
from _pp_conf import *
print(implemented_telescopes[0] in telescope_parameters)
"""


def test_a_script_beside_the_clone_imports_all_of_it(tmp_path: Path) -> None:
    """With the clone on PYTHONPATH, as the manual sets it up."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CLONE)},
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "0.2 True 2017-02-02 10:57:30",
        "(0, 0) True True",
        "True",
    ]


def test_constants_are_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _pp_conf.solcol == Settings().calibration.solcol
    assert (_pp_conf.num_aprads, _pp_conf.fluxlimit_aprad) == (20, 0.7)
    assert _pp_conf.telescope_parameters["VATT4K"]["secpix"] == (0.1875, 0.1875)
    assert set(_pp_conf.implemented_telescopes) == set(_pp_conf.telescope_parameters)
    assert "VATT4K" in _pp_conf.instrument_identifiers.values()
    assert "INSTRUME" in _pp_conf.instrument_keys
    assert {"GAIA", "PANSTARRS", "SDSS-R9"} <= set(_pp_conf.allcatalogs)
    assert Path(_pp_conf.rootpath) == CLONE
    assert (_pp_conf.log_filename, _pp_conf.diagroot) == ("LOG", ".diagnostics")
    (tmp_path / "photpipe.toml").write_text("[calibration]\nsolcol = 0.1\n")
    assert _pp_conf.solcol == pp_setup.confcalibrate.solcol == 0.1
    assert {"solcol", "telescope_parameters"} <= set(dir(_pp_conf))
    with pytest.raises(AttributeError, match="no setting is called so"):
        _pp_conf.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="confcalibrate"):
        pp_setup.confnonsense  # noqa: B018


def test_constants_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _pp_conf.main() == pp_setup.main() == 0
    said = capsys.readouterr().out
    assert "solcol = 0.2\n" in said
    assert "confcalibrate: {" in said
    assert __version__


def test_functions_of_the_toolbox() -> None:
    header = fits.Header({"CCDBIN1": 2, "CCDBIN2": 3})
    entry = _pp_conf.telescope_parameters["VATT4K"]
    assert toolbox.get_binning(header, entry) == (2, 3)
    assert toolbox.get_binning(fits.Header(), entry) == (1, 1)
    assert toolbox.dateobs_to_jd("2017-02-02T10:57:30.24") == pytest.approx(2457786.9566)
    assert toolbox.jd_to_gregorian(2457786.9566) == "2017-02-02 10:57:30"
    assert toolbox.jd_to_fractionalyear(2451545.0) == 2000.0
    across = {"ra_deg": np.array([359.9, 0.1]), "dec_deg": np.array([0.0, 0.0])}
    ra, dec, radius = toolbox.skycenter([across])
    assert min(ra, 360 - ra) < 1e-6
    assert (dec, radius) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.1, rel=1e-6))


def test_a_catalog_is_fetched_converted_matched_and_written(
    commands: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(commands.directory)
    stars = catalog_module.catalog("PANSTARRS")
    count = stars.download_catalog(*FIELD, 0.03, 1000, save_catalog=True)
    assert count == len(stars) == stars.shape[0] > 30
    assert {"ra_deg", "dec_deg", "gp1mag", "e_gp1mag"} <= set(stars.fields)
    assert Path("PANSTARRS.cat").is_file()
    assert 0 < stars.transform_filters("V") <= count
    assert {"_Vmag", "_e_Vmag"} <= set(stars.fields)
    assert stars.magsys == "Vega"
    bright = stars["_Vmag"] < np.median(stars["_Vmag"])
    before = len(stars)
    assert stars.reject_sources_other_than(bright) == before - bright.sum()
    moved = {"ra_deg": stars["ra_deg"][::-1] + 1e-5, "dec_deg": stars["dec_deg"][::-1]}
    this, other = stars.match_with(moved, extract_this_catalog=["_Vmag", "dec_deg"])
    assert len(this[0]) == len(stars)
    np.testing.assert_array_equal(this[1], other[1])
    assert stars.write_ascii("stars.dat") == stars.write_database("stars.db") == len(stars)
    back = catalog_module.catalog("")
    assert back.read_database("stars.db") == len(stars)
    np.testing.assert_array_equal(back["_Vmag"], stars["_Vmag"])
    assert back.origin == "PANSTARRS"


def test_the_pipeline_is_run_and_its_files_are_read(
    commands: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(commands.directory)
    names = [path.name for path in commands.frames]
    assert pp_run.run_the_pipeline(names, None, "R", 4.0, "high", False, False, False, False) == 0
    frame = catalog_module.catalog("mine")
    assert frame.read_database("mscience0001.ldac.db") > 50
    assert (frame.obj, frame.filtername, frame.exptime) == ("3552", "R", 60.0)
    assert np.isfinite(frame["_RJohnsonmag"]).sum() > 50
    sources = catalog_module.catalog("mine")
    assert sources.read_ldac("mscience0001.ldac", maxflag=0) > 50
    assert set(sources["FLAGS"]) == {0}
    assert (sources.magsys, sources.obj) == ("instrumental", "3552")
    shutil.rmtree(".diagnostics/pages", ignore_errors=True)
    assert Path(diagnostics.create_index()).is_file()
    assert diagnostics.add_registration({}) == diagnostics.create_website("diagnostics.html")


MANUAL = {
    "prepare": "ra dec flipx flipy rotate target keep_wcs",
    "extract": "snr minarea paramfile aprad telescope ignore_saturation nodeblending",
    "register": "snr minarea cat source_tolerance nodeblending",
    "photometry": "snr minarea aprad target background_only target_only",
    "calibrate": "minstars catalog filter maxflag instrumental solar use_all_stars",
    "distill": "target offset positions fixedtargets variable_stars asteroids reject",
    "combine": "comoving targetname manual_rates method backsub keep_files",
}
"""Options of the single stages in the manual of the original, in its order."""


@pytest.mark.parametrize("stage", MANUAL)
def test_stages_take_what_the_manual_lists(stage: str) -> None:
    names = list(inspect.signature(getattr(stages, stage)).parameters)
    assert names == ["filenames", *MANUAL[stage].split()]


def test_stages_one_by_one_as_the_manual_has_them(
    commands: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(commands.directory)
    names = [path.name for path in commands.frames]
    assert stages.prepare(names).done == len(names)
    assert stages.extract(names[:1], 5.0, 5, None, 4.0).done == 1
    assert stages.register(names, None, None, "GAIA").done == len(names)
    found = stages.photometry(names, None, None, 4.0)
    assert found.aperture_radius_px == 4.0
    done = stages.calibrate(names, 10, "PANSTARRS", "V")
    assert (done.calibrated, done.band) == (len(names), "V")
    (target, *_) = stages.distill(names, "3552", (0.0, 0.0)).targets
    assert (target.name, target.points) == ("3552", len(names))
    assert Path("photometry_3552.dat").is_file()
    assert Path(diagnostics.abort("pp_mine")).is_file()
    assert "aborted in pp_mine" in Path("LOG").read_text("utf-8")
    assert "aborted in pp_mine" in capsys.readouterr().out


@pytest.mark.parametrize("module", [catalog_module, diagnostics, toolbox, pp_run])
def test_other_names_do_not_exist(module: object) -> None:
    assert not hasattr(module, "nonsense")
