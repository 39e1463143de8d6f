"""pp_calibrate on simulated nights: zeropoints, databases, which stars calibrate, which do not."""

import logging
import sqlite3
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from astropy.table import vstack

import pp_calibrate
from photpipe.catalogs.database import read_database
from photpipe.catalogs.ldac import read_ldac, write_ldac
from photpipe.command import cli
from photpipe.fits.fitsfile import read_header, update_header
from photpipe.ground.errors import ConfigError
from photpipe.run.results import CalibrateResult, to_json
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.runner import stages
from photpipe.runner.options import RunOptions
from pp_calibrate import CalibrateOptions, calibrate
from pp_photometry import PhotometryOptions, photometry
from simsky import SkyServer, camera, night, observe, read_truth, sky_for
from simsky.psf import encircled_fraction
from tests.prepared import make_prepared

PIXEL_FWHM2 = 8 * np.log(2) / 12
START_JD = 2457786.95


@pytest.fixture(scope="module")
def _measured(_rendered, tmp_path_factory):
    """The scene after pp_photometry, made once."""
    import shutil

    directory = tmp_path_factory.mktemp("measured") / "night"
    shutil.copytree(_rendered.directory, directory)
    frames = make_prepared([directory / p.name for p in _rendered.frames], _rendered.camera)
    photometry(frames, PhotometryOptions(background_only=True), Workspace(directory, quiet=True))
    return replace(_rendered, directory=directory, frames=frames)


@pytest.fixture
def frames(_measured, tmp_path):
    """Three measured frames of asteroid 3552, in a directory of this test's own."""
    import shutil

    shutil.copytree(_measured.directory, tmp_path / "night")
    return [tmp_path / "night" / path.name for path in _measured.frames]


@pytest.fixture
def workspace(frames, settings):
    return Workspace(frames[0].parent, settings, quiet=True, jobs=2)


class Night:
    """Frames of any sky, measured, and the services about it."""

    def __init__(self, directory, sky, cam, count=3, server_sky=None, **plan):
        place = plan.pop("place", (179.28, 0.428))
        plan.setdefault("pointing_error_arcsec", 0)
        plan.setdefault("exposures", None)
        exposures = plan.pop("exposures") or night(
            cam, *place, count=count, start_jd=START_JD, **plan
        )
        self.paths = make_prepared(observe(sky, cam, exposures, directory), cam)
        self.server = SkyServer(server_sky or sky)
        self.directory = directory
        self.options = PhotometryOptions(background_only=True)

    def __enter__(self):
        self.server.__enter__()
        settings = replace(Settings(), services=self.server.service_settings())
        self.workspace = Workspace(self.directory, settings, quiet=True, jobs=2)
        self.measured = photometry(self.paths, self.options, self.workspace)
        return self

    def __exit__(self, *reason):
        self.server.__exit__(*reason)

    def calibrate(self, **options):
        return calibrate(self.paths, CalibrateOptions(**options), self.workspace)


def true_zeropoint(path):
    """Zeropoint of magnitudes in the aperture."""
    meta = read_truth(path).meta
    fwhm = np.hypot(meta["fwhm_px"], np.sqrt(PIXEL_FWHM2))
    fraction = encircled_fraction(read_header(path)["APRAD"], fwhm, meta["moffat_beta"])
    return meta["zeropoint_mag"] + 2.5 * np.log10(fraction)


def verdicts(path):
    """Verdict of the reference stars of a frame, by row of the truth."""
    _, data = read_database(path.with_suffix(".ldac.db"))
    truth = read_truth(path)
    distance = np.hypot(
        data["XWIN_IMAGE"][:, None] - truth["x"].data, data["YWIN_IMAGE"][:, None] - truth["y"].data
    )
    rows = distance.argmin(axis=1)
    known = data["ref_verdict"] != ""
    return truth[rows[known]], np.asarray(data["ref_verdict"])[known]


def test_zeropoints_are_near_the_truth(frames, workspace):
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert result.done == result.calibrated == 3
    assert (result.band, result.fields[0].catalog) == ("R", "PANSTARRS")
    for path, each in zip(frames, result.frames, strict=True):
        assert each.zeropoint_mag == pytest.approx(true_zeropoint(path), abs=0.015)
        assert 0.001 < each.standard_error_mag < 0.01 < each.scatter_mag
        assert 0.0005 < each.relative_error_mag < each.standard_error_mag
        assert each.zeropoint_sigma_mag == each.standard_error_mag
        assert each.magnitude_system == "Vega"
        assert each.used <= each.usable <= each.matched
        assert each.used >= 0.9 * each.usable
        assert sum(number for _, number in each.rejected) == each.matched - each.used
        assert each.steps[0].n_stars == each.usable
        assert each.steps[-1].n_stars == 3
        assert each.used in {step.n_stars for step in each.steps}
    assert to_json(workspace.load(CalibrateResult)) == to_json(result)


def test_stars_tell_which_band_it_is(frames, workspace, caplog):
    """Frames taken in R: nothing to say; called V, their stars behave like R still."""
    (field,) = calibrate(frames, CalibrateOptions(), workspace).fields
    assert not field.is_contradicted
    assert abs(field.slope) < 0.05 and field.likeness_colour == "gp1-rp1"
    assert "behave like" not in caplog.text
    (field,) = calibrate(frames, CalibrateOptions(filter="V"), workspace).fields
    assert field.is_contradicted
    assert field.nearest_band in {"R", "rp1"} and abs(field.nearest_slope) < 0.1
    assert field.slope == pytest.approx(0.6, abs=0.2)  # of V-R against g-r
    assert "the stars behave like R, not like V" in caplog.text


def test_databases_open_everywhere_and_hold_calibrated_sources(frames, workspace):
    result = calibrate(frames, CalibrateOptions(), workspace)
    path, each = frames[0], result.frames[0]
    with sqlite3.connect(path.with_suffix(".ldac.db")) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert tables == {"header", "data"}
        data = pd.read_sql("SELECT * FROM data", connection)
        header = pd.read_sql("SELECT * FROM header", connection).iloc[0]
    assert len(data) == each.sources
    assert header["zeropoint_mag"] == each.zeropoint_mag
    assert header["relative_error_mag"] == each.relative_error_mag
    assert header["telescope_keyword"] == "VATT4K"
    assert header["calibrated"] == 1
    bright = data[data["MAGERR_APER"] < 0.05]
    offset = bright["_Rmag"] - bright["MAG_APER"] - each.zeropoint_mag
    assert np.abs(offset).max() < 0.05  # the sky term
    least = np.hypot(bright["MAGERR_APER"], each.standard_error_mag)
    assert (bright["_e_Rmag"] >= least - 1e-6).all()
    used = data[data["ref_verdict"] == "used"]
    assert len(used) == each.used
    assert used["ref_mag"].notna().all()
    assert np.abs(used["ref_mag"] - used["_Rmag"] - used["ref_residual_mag"]).max() < 1e-6
    assert set(data["FLAGS"]) <= {0, 1, 2, 3}


def test_magnitudes_of_constant_stars_are_true(frames, workspace):
    calibrate(frames, CalibrateOptions(), workspace)
    residuals, pulls = [], []
    for path in frames:
        _, data = read_database(path.with_suffix(".ldac.db"))
        truth = read_truth(path)
        x, y = (data[name][:, None] for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        distance = np.hypot(x - truth["x"].data, y - truth["y"].data)
        row = distance.argmin(axis=1)
        good = (distance.min(axis=1) < 1) & ((distance < 15).sum(axis=1) == 1)
        good &= (truth["kind"][row] == 6) & ~truth["varies"][row] & ~truth["saturated"][row]
        good &= (data["FLAGS"] == 0) & (data["MAGERR_APER"] < 0.1)
        residuals.append((data["_Rmag"] - truth["mag"][row])[good])
        pulls.append(residuals[-1] / data["_e_Rmag"][good])
    residuals, pulls = np.concatenate(residuals), np.concatenate(pulls)
    assert len(pulls) > 80
    assert abs(np.median(residuals)) < 0.01
    assert 0.75 < 1.4826 * np.median(np.abs(pulls)) < 1.3


def test_lists_of_stars_tell_what_became_of_each(frames, workspace):
    result = calibrate(frames, CalibrateOptions(), workspace)
    for path, each in zip(frames, result.frames, strict=True):
        lines = path.with_name(each.stars_file).read_text().splitlines()
        rows = [line.split() for line in lines if not line.startswith("#")]
        assert len(rows) == each.matched
        assert sum(row[-1] == "used" for row in rows) == each.used
        assert each.stars_file == f"{path.stem}_cal.dat"


def test_the_target_never_calibrates(frames, workspace, server):
    """Even if the catalog has a star where the target happens to be."""
    sky = server.sky
    target = next(row for row in read_truth(frames[1]) if row["kind"] == 1)
    star = sky.sources[int(np.argmin(np.abs(sky.sources["rp1"] - 16.5)))]
    there = sky.sources[[0]].copy()
    for name in star.colnames:
        there[name] = star[name]
    there["ra_deg"], there["dec_deg"] = target["ra_deg"], target["dec_deg"]
    there["pm_ra_mas_yr"] = there["pm_dec_mas_yr"] = 0.0
    there["ident"] = 99
    from astropy.table import vstack

    with SkyServer(replace(sky, sources=vstack([sky.sources, there]))) as other:
        settings = replace(Settings(), services=other.service_settings())
        own = Workspace(frames[0].parent, settings, quiet=True)
        result = calibrate(frames, CalibrateOptions(), own)
    assert ("target", 1) in result.frames[1].rejected


@pytest.mark.parametrize(
    ("cards", "options", "message"),
    [
        ({"FILTER": "TOP 2 BOT 1"}, CalibrateOptions(), "different filters"),
        ({"FILTER": "TOP 1 BOT 1"}, CalibrateOptions(), "different filters"),
        ({"TEL_KEYW": "VATT4K"}, CalibrateOptions(telescope="NOSUCH"), "NOSUCH"),
        ({"TEL_KEYW": "VATT4K"}, CalibrateOptions(cat="GAIAX"), "GAIAX"),
    ],
)
def test_mistakes_are_said_before_anything_is_asked(
    frames, workspace, server, cards, options, message
):
    update_header(frames[0], cards)
    with pytest.raises(ConfigError, match=message) as said:
        calibrate(frames, options, workspace)
    if message == "different filters":
        assert "mscience0001.fits" in str(said.value)
        assert "-filter" in str(said.value)
        assert not server.requests
    assert not frames[0].with_suffix(".ldac.db").exists()


def test_one_band_may_be_given_for_all(frames, workspace):
    update_header(frames[0], {"FILTER": "TOP 2 BOT 1"})
    result = calibrate(frames, CalibrateOptions(filter="r"), workspace)
    assert result.calibrated == 3
    assert result.band == "r"
    assert "_rmag" in read_database(frames[0].with_suffix(".ldac.db"))[1].colnames


def test_an_unknown_filter_costs_its_frame(frames, workspace):
    update_header(frames[0], {"FILTER": "mystery"})
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert result.calibrated == 2
    assert "-filter" in result.failed[0].reason


def test_without_a_band_the_magnitudes_are_instrumental(frames, workspace, server, caplog):
    for path in frames:
        update_header(path, {"FILTER": "TOP 1 BOT 1"})
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert not server.requests
    assert result.done == 3
    assert result.calibrated == 0
    assert "no band in any catalog" in caplog.text
    assert not result.unmet
    check_instrumental(frames[0])


def check_instrumental(path):
    header, data = read_database(path.with_suffix(".ldac.db"))
    assert header["catalog"] == "instrumental"
    assert not header["calibrated"]
    assert np.isnan(header["zeropoint_mag"])
    assert not [name for name in data.colnames if name.startswith("_")]
    assert header["limiting_mag"] < 0


def test_instrumental_magnitudes_if_wanted(frames, workspace, server):
    update_header(frames[0], {"FILTER": "mystery"})
    update_header(frames[1], {"FILTER": "TOP 2 BOT 1"})
    result = calibrate(frames, CalibrateOptions(instrumental=True), workspace)
    assert not server.requests
    assert result.done == 3
    assert result.calibrated == 0
    check_instrumental(frames[0])


def test_lists_of_stars_go_with_their_calibration(frames, workspace):
    calibrate(frames, CalibrateOptions(), workspace)
    assert len(list(frames[0].parent.glob("*_cal.dat"))) == 3
    calibrate(frames, CalibrateOptions(instrumental=True), workspace)
    assert not list(frames[0].parent.glob("*_cal.dat"))


def test_a_given_zeropoint(frames, workspace, server):
    result = calibrate(frames, CalibrateOptions(magzp=(27.5, 0.03)), workspace)
    assert not server.requests
    assert result.calibrated == 3
    header, data = read_database(frames[0].with_suffix(".ldac.db"))
    assert header["catalog"] == "manual_zp"
    good = data["MAG_APER"] < 90
    np.testing.assert_allclose((data["_Rmag"] - data["MAG_APER"])[good], 27.5, atol=1e-4)
    expected = np.hypot(data["MAGERR_APER"], 0.03)[good]
    np.testing.assert_allclose(data["_e_Rmag"][good], expected, rtol=1e-5)


def test_the_sense_of_the_zeropoint_error_is_a_setting(frames, settings):
    calibration = replace(settings.calibration, zeropoint_sigma="scatter")
    workspace = Workspace(frames[0].parent, replace(settings, calibration=calibration), quiet=True)
    each = calibrate(frames, CalibrateOptions(), workspace).frames[0]
    assert each.zeropoint_sigma_mag == each.scatter_mag > 4 * each.standard_error_mag
    _, data = read_database(frames[0].with_suffix(".ldac.db"))
    assert np.nanmin(data["_e_Rmag"]) >= each.scatter_mag


def test_catalogs_are_tried_in_the_order_of_the_telescope(frames, workspace, server, caplog):
    from simsky import faults

    server.fail(replace(faults.ERROR_503, service="vizier", times=2))
    caplog.set_level(logging.INFO)
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert result.calibrated == 3
    attempts = result.fields[0].attempts
    assert attempts[-1].frames == 3


def test_all_services_down_leaves_instrumental_magnitudes(frames, workspace, server, caplog):
    for name in ("vizier", "vizier2", "horizons", "sdss", "mast"):
        server.stop(name)
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert result.done == 3
    assert result.calibrated == 0
    assert len(result.fields[0].attempts) == 3
    assert all(each.remark for each in result.fields[0].attempts)
    check_instrumental(frames[2])
    assert [each.frame for each in result.unmet] == [path.name for path in frames]


def test_a_missing_list_of_variables_costs_nothing_else(frames, workspace, server, caplog):
    from simsky import faults

    server.fail(replace(faults.ERROR_503, service="vsx"))
    assert calibrate(frames, CalibrateOptions(), workspace).calibrated == 3
    assert "known variable stars are not left out" in caplog.text


@pytest.mark.parametrize("options", [{"solar": True}, {"use_all_stars": True}, {"cat": "SDSS-R9"}])
def test_other_choices_of_stars(frames, workspace, options):
    result = calibrate(frames, CalibrateOptions(**options), workspace)
    assert result.calibrated == 3
    for path, each in zip(frames, result.frames, strict=True):
        assert each.zeropoint_mag == pytest.approx(true_zeropoint(path), abs=0.06)
    if "solar" in options:
        colours, _ = verdicts(frames[0])
        assert np.ptp(colours["colour"]) < 0.8


def test_solar_falls_back_for_the_frames_that_it_does_not_calibrate(frames, workspace):
    """As the manual says of pp_run, and for those frames alone."""
    solar = CalibrateOptions(solar=True)
    before = calibrate(frames, solar, workspace)
    assert before.calibrated == 3
    _, data = read_database(frames[0].with_suffix(".ldac.db"))
    used = {float(each["XWIN_IMAGE"]) for each in data[data["ref_verdict"] != ""]}
    table, header = read_ldac(frames[0].with_suffix(".ldac"))
    own = np.array([min(abs(x - each) for each in used) < 0.01 for x in table["XWIN_IMAGE"]])
    write_ldac(frames[0].with_suffix(".ldac"), table[~own], header)
    assert [each.frame for each in calibrate(frames, solar, workspace).unmet] == [frames[0].name]
    result = stages.CALIBRATE.work(frames, solar, RunOptions(), workspace)
    assert result.calibrated == 3
    assert [each.frame for each in result.frames] == [path.name for path in frames]
    for path, each in zip(frames, result.frames, strict=True):
        assert each.zeropoint_mag == pytest.approx(true_zeropoint(path), abs=0.06)
        colours, verdict = verdicts(path)
        assert (np.ptp(colours["colour"][verdict == "used"]) < 0.8) == (path != frames[0])


def test_frame_whose_sources_are_all_flagged_fails_alone(frames, workspace):
    path = frames[0].with_suffix(".ldac")
    table, header = read_ldac(path)
    table["FLAGS"] = 4
    write_ldac(path, table, header)
    result = calibrate(frames, CalibrateOptions(), workspace)
    (failure,) = result.failed
    assert failure.frame == frames[0].name
    assert "correct the card SATURATE" in failure.reason
    assert [each.frame for each in result.frames] == [path.name for path in frames[1:]]


def test_numbers_of_stars_and_flags(frames, workspace):
    every = calibrate(frames, CalibrateOptions(minstars=1000), workspace).frames[0]
    assert every.used == every.usable
    strict = calibrate(frames, CalibrateOptions(maxflag=0), workspace).frames[0]
    _, data = read_database(frames[0].with_suffix(".ldac.db"))
    assert set(data["FLAGS"]) == {0}
    assert strict.sources < every.sources
    lax = calibrate(frames, CalibrateOptions(maxflag=255), workspace).frames[0]
    table, _ = read_ldac(frames[0].with_suffix(".ldac"))
    assert lax.sources == len(table)


def test_again_gives_the_same_and_killed_runs_leave_whole_files(frames, workspace, server):
    calibrate(frames, CalibrateOptions(), workspace)
    first = [path.with_suffix(".ldac.db").read_bytes() for path in frames]
    calibrate(frames, CalibrateOptions(), workspace)
    assert [path.with_suffix(".ldac.db").read_bytes() for path in frames] == first
    for path in frames:
        path.with_suffix(".ldac.db").unlink()
    server.write_settings(frames[0].parent)
    words = [sys.executable, pp_calibrate.__file__, "-quiet", *map(str, frames)]
    for delay_s in (1.2, 1.8):
        victim = subprocess.Popen(words)
        try:
            victim.wait(delay_s)
        except subprocess.TimeoutExpired:
            victim.kill()
            victim.wait()
        for path in frames:
            if path.with_suffix(".ldac.db").exists():
                read_database(path.with_suffix(".ldac.db"))
    subprocess.run(words, check=True)
    assert [path.with_suffix(".ldac.db").read_bytes() for path in frames] == first


def test_one_bad_frame_never_stops_the_others(frames, workspace):
    calibrate(frames, CalibrateOptions(), workspace)
    frames[0].with_suffix(".ldac").unlink()
    table, header = read_ldac(frames[1].with_suffix(".ldac"))
    for name in ("FLUX_APER", "FLUXERR_APER", "MAG_APER", "MAGERR_APER"):
        table[name] = np.repeat(np.asarray(table[name])[:, None], 20, axis=1)
    write_ldac(frames[1].with_suffix(".ldac"), table, header)
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert [each.frame for each in result.frames] == ["mscience0003.fits"]
    assert result.calibrated == 1
    assert "run pp_photometry" in next(
        each.reason for each in result.failed if each.frame == "mscience0002.fits"
    )
    for path in frames[:2]:  # nothing goes before its replacement is there
        assert path.with_suffix(".ldac.db").exists()
        assert path.with_name(f"{path.stem}_cal.dat").exists()
    assert frames[2].with_name(f"{frames[2].stem}_cal.dat").exists()


def test_the_command(commands, capsys):
    paths = make_prepared(commands.frames, commands.camera)
    words = [str(path) for path in paths]
    assert pp_calibrate.main(words) == cli.Status.FAILED
    assert "the catalog cannot be read" in capsys.readouterr().out
    photometry(paths, PhotometryOptions(background_only=True), Workspace(commands.directory))
    assert pp_calibrate.main(["-catalog", "PANSTARRS", *words]) == cli.Status.DONE
    assert "zeropoint" in capsys.readouterr().out
    assert pp_calibrate.main(["-magzp", "25", *words]) == cli.Status.USAGE
    assert pp_calibrate.main(["-cat", "NOSUCH", *words]) == cli.Status.FAILED
    assert "NOSUCH" in capsys.readouterr().out


def test_offline_uses_what_is_kept(frames, workspace, server):
    online = calibrate(frames, CalibrateOptions(), workspace)
    asked = len(server.requests)
    offline = Workspace(workspace.directory, workspace.settings.with_offline(), quiet=True)
    assert to_json(calibrate(frames, CalibrateOptions(), offline)) == to_json(online)
    assert len(server.requests) == asked


# -- skies with faults


CAM = camera("VATT4K", shape=(700, 700))


def plain_sky(seed=4, **kind):
    kind.setdefault("stars_per_frame", 90)
    return sky_for(CAM, seed, 179.28, 0.428, **kind)


def test_clouds_on_one_frame_are_noticed(tmp_path):
    exposures = night(
        CAM, 179.28, 0.428, count=4, start_jd=START_JD, pointing_error_arcsec=0, seed=1
    )
    exposures[2] = replace(exposures[2], cloud_mag=1.0)
    with Night(tmp_path / "n", plain_sky(), CAM, exposures=exposures) as cloudy:
        result = cloudy.calibrate()
    assert result.calibrated == 4
    assert "clouds" in result.frames[2].note
    assert not any(result.frames[index].note for index in (0, 1, 3))
    for path, each in zip(cloudy.paths, result.frames, strict=True):
        assert each.zeropoint_mag == pytest.approx(true_zeropoint(path), abs=0.02)


def test_variable_stars_never_calibrate(tmp_path, monkeypatch):
    sky = plain_sky(variable_fraction=0.3)
    options = {"count": 8, "exptime_s": 60.0, "readout_s": 900.0}
    with Night(tmp_path / "n", sky, CAM, **options) as variable:
        known = variable.calibrate()
        truth, verdict = verdicts(variable.paths[0])
        assert not truth["varies"][verdict == "used"].any()
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "another cache"))
    silent = replace(sky, sources=sky.sources.copy())
    silent.sources["amplitude_mag"] = 0.0  # nobody knows of the variables
    with Night(tmp_path / "m", sky, CAM, server_sky=silent, **options) as unknown:
        seen = unknown.calibrate()
    assert seen.fields[0].variable_stars
    assert not known.fields[0].variable_stars
    for night_, result in ((variable, known), (unknown, seen)):
        misses = [
            each.zeropoint_mag - true_zeropoint(path)
            for path, each in zip(night_.paths, result.frames, strict=True)
        ]
        assert np.sqrt(np.mean(np.square(misses))) < 0.015


def test_galaxies_never_calibrate(tmp_path):
    sky = plain_sky(stars_per_frame=40, galaxy_fraction=1.5)
    with Night(tmp_path / "n", sky, CAM) as cluster:
        result = cluster.calibrate(use_all_stars=False)
        truth, verdict = verdicts(cluster.paths[0])
    assert result.calibrated == 3
    bright = truth["mag"] < np.median(truth["mag"])
    galaxies = (truth["kind"] == 3) & bright
    assert (verdict[galaxies] == "used").mean() < 0.1 if galaxies.any() else True
    for path, each in zip(cluster.paths, result.frames, strict=True):
        assert each.zeropoint_mag == pytest.approx(true_zeropoint(path), abs=0.02)


def test_saturated_stars_never_calibrate_even_if_the_header_lies(tmp_path):
    sky = plain_sky(r_range=(11.0, 19.0))
    cards = {"SATURATE": 1e6}
    with Night(tmp_path / "n", sky, CAM, cards=cards) as bright:
        result = bright.calibrate()
        truth, verdict = verdicts(bright.paths[0])
        assert read_truth(bright.paths[0])["saturated"].any()
    assert not truth["saturated"][verdict == "used"].any()
    assert result.frames[0].zeropoint_mag == pytest.approx(
        true_zeropoint(bright.paths[0]), abs=0.02
    )


def test_only_saturated_stars_leave_instrumental_magnitudes(tmp_path):
    with Night(tmp_path / "n", plain_sky(r_range=(8.0, 11.5), stars_per_frame=40), CAM) as bright:
        result = bright.calibrate(cat="PANSTARRS")
    assert result.calibrated == 0
    assert result.done + len(result.failed) == 3


def test_a_catalog_of_which_too_few_stars_are_usable_gives_way_to_the_next(tmp_path):
    """Pan-STARRS knows many stars here, too faint for the frame, and leaves out the bright ones."""
    bright = plain_sky(seed=6, r_range=(10.5, 12.5), stars_per_frame=60, galaxy_fraction=0.0)
    faint = plain_sky(seed=7, r_range=(19.3, 20.3), stars_per_frame=300, galaxy_fraction=0.0)
    faint.sources["ident"] += int(bright.sources["ident"].max()) + 1
    both = replace(bright, sources=vstack([bright.sources, faint.sources]))
    options = {"exptime_s": 1.0, "filter_name": CAM.filter_for("V")}
    with Night(tmp_path / "n", both, CAM, **options) as short:
        result = short.calibrate()
    attempts = {each.catalog: each for each in result.fields[0].attempts}
    assert list(attempts) == ["PANSTARRS", "SDSS-R9", "APASS9"]
    assert attempts["PANSTARRS"].stars > 50  # enough, if all of them were seen
    assert attempts["PANSTARRS"].frames == 0
    assert result.fields[0].catalog == "APASS9"
    assert result.calibrated == 3
    for path, each in zip(short.paths, result.frames, strict=True):
        assert each.zeropoint_mag == pytest.approx(true_zeropoint(path), abs=0.05)


def test_magnitudes_that_stay_instrumental_unasked_end_with_status_3(commands, server):
    paths = make_prepared(commands.frames, commands.camera)
    photometry(paths, PhotometryOptions(background_only=True), Workspace(commands.directory))
    for name in ("vizier", "vizier2", "horizons", "sdss", "mast"):
        server.stop(name)
    words = ["-quiet", *map(str, paths)]
    assert pp_calibrate.main(words) == cli.Status.PARTIAL
    assert "as requested" not in (commands.directory / "LOG").read_text("utf-8")
    assert pp_calibrate.main(["-instrumental", *words]) == cli.Status.DONE
    assert "as requested" in (commands.directory / "LOG").read_text("utf-8")


def test_maxflag_7_lets_saturated_stars_calibrate(tmp_path):
    """The manual's own advice for fields whose bright stars are all there is."""
    sky = plain_sky(r_range=(10.0, 11.8), stars_per_frame=40)
    with Night(tmp_path / "n", sky, CAM, filter_name=CAM.filter_for("V")) as bright:
        assert bright.calibrate(cat="APASS9").calibrated == 0
        result = bright.calibrate(cat="APASS9", maxflag=7)
        truth, verdict = verdicts(bright.paths[0])
    assert result.calibrated == 3
    assert truth["saturated"][verdict == "used"].sum() > 3


@pytest.mark.parametrize(("number", "calibrated"), [(2, 0), (3, 2)])
def test_three_stars_make_a_zeropoint_and_two_do_not(tmp_path, number, calibrated):
    sky = plain_sky(galaxy_fraction=0.0, variable_fraction=0.0, min_separation_arcsec=10.0)
    near = np.hypot(sky.sources["ra_deg"] - 179.28, sky.sources["dec_deg"] - 0.428) < 0.03
    middling = np.abs(sky.sources["rp1"] - 16.5) < 1.2
    rows = np.flatnonzero(near & middling)[:number]
    assert len(rows) == number
    few = replace(sky, sources=sky.sources[rows])
    with Night(tmp_path / "n", few, CAM, count=2) as poor:
        result = poor.calibrate(cat="PANSTARRS")
    assert result.calibrated == calibrated
    assert result.done == 2
    if calibrated:
        assert result.frames[0].used == 3
        assert result.frames[0].zeropoint_mag == pytest.approx(
            true_zeropoint(poor.paths[0]), abs=0.05
        )


def test_faint_stars_lack_no_light(tmp_path):
    """No flux is missing that a sky term would have to give back, few stars or many."""
    few = plain_sky(stars_per_frame=25)
    many = plain_sky(seed=5, stars_per_frame=150)
    terms = []
    for sky, name in ((few, "few"), (many, "many")):
        with Night(tmp_path / name, sky, CAM, count=2) as night_:
            (field,) = night_.calibrate().fields
        terms.append((field.sky_term, field.sky_term_error))
    assert all(abs(term) < 3 * error for term, error in terms)
    assert terms[1][1] < terms[0][1] <= 0.1


def test_an_edge_of_the_catalog_in_the_field(tmp_path):
    sky = plain_sky(stars_per_frame=150)
    half = replace(sky, sources=sky.sources[sky.sources["ra_deg"] > 179.28])
    with Night(tmp_path / "n", sky, CAM, server_sky=half) as edge:
        result = edge.calibrate()
    assert result.calibrated == 3
    assert result.frames[0].zeropoint_mag == pytest.approx(true_zeropoint(edge.paths[0]), abs=0.02)


def test_a_catalog_that_ends_before_the_field_gives_way_to_the_next(tmp_path):
    place = (150.0, -40.0)  # south of Pan-STARRS and SDSS
    cam = camera("VATT4K", shape=(700, 700))
    sky = sky_for(cam, 8, *place, stars_per_frame=120, r_range=(12.0, 17.0))
    with Night(tmp_path / "n", sky, cam, place=place, filter_name=cam.filter_for("V")) as south:
        result = south.calibrate()
    attempts = result.fields[0].attempts
    assert [each.catalog for each in attempts] == ["PANSTARRS", "SDSS-R9", "APASS9"]
    assert [each.frames for each in attempts] == [0, 0, 3]
    assert result.fields[0].catalog == "APASS9"


@pytest.mark.parametrize("place", [(0.001, 5.0), (123.0, 89.5)])
def test_right_ascension_zero_and_the_pole_are_ordinary(tmp_path, place):
    sky = sky_for(CAM, 3, *place, stars_per_frame=90)
    with Night(tmp_path / "n", sky, CAM, count=2, place=place) as edge:
        result = edge.calibrate()
    assert result.calibrated == 2
    truth = read_truth(edge.paths[0])
    assert result.frames[0].matched > 0.25 * len(truth)
    assert result.frames[0].zeropoint_mag == pytest.approx(true_zeropoint(edge.paths[0]), abs=0.02)


def test_frames_of_another_field_are_calibrated_by_themselves(tmp_path):
    near = sky_for(CAM, 4, 179.28, 0.428, stars_per_frame=90)
    far = sky_for(CAM, 5, 200.0, 20.0, stars_per_frame=90)
    plans = [
        night(CAM, *place, count=2, start_jd=START_JD + shift, pointing_error_arcsec=0)
        for shift, place in enumerate([(179.28, 0.428), (200.0, 20.0)])
    ]
    exposures = [plans[0][0], plans[1][0], plans[0][1], plans[1][1]]
    with Night(tmp_path / "n", near + far, CAM, exposures=exposures) as two:
        result = two.calibrate()
        radii = [request for request in two.server.requests if request.service == "vizier"]
    assert result.calibrated == 4
    assert [each.frame for each in result.frames] == [path.name for path in two.paths]
    assert len(result.fields) == 2
    assert len(radii) == 2


def test_colour_term(tmp_path):
    sky = plain_sky(stars_per_frame=150, variable_fraction=0.0)
    with Night(tmp_path / "n", sky, CAM, colour_term_mag=0.08) as coloured:
        plain = coloured.calibrate()
        result = coloured.calibrate(colorterm=True)
        _, verdict = verdicts(coloured.paths[0])
    field = result.fields[0]
    assert field.colour == "gp1-rp1"
    assert field.colour_reference == pytest.approx(0.39)
    # instrumental magnitudes grow by 0.08 (g - i), that is 0.1 or more per mag of g - r
    assert -0.16 < field.colour_term < -0.08
    assert field.colour_term_error < 0.02
    assert result.frames[0].intrinsic_scatter_mag < plain.frames[0].intrinsic_scatter_mag
    solar = true_zeropoint(coloured.paths[0])  # (g - i) of the Sun is 0.51: no effect
    assert result.frames[0].zeropoint_mag == pytest.approx(solar, abs=0.02)
    assert (verdict == "used").any()


def test_no_colour_term_without_need(tmp_path):
    with Night(tmp_path / "n", plain_sky(), CAM) as plain:
        result = plain.calibrate(colorterm=True, spatial=True)
    field = result.fields[0]
    assert field.colour == ""
    assert np.isnan(field.colour_term)
    assert field.spatial == ()
    facts, table = read_database(plain.paths[0].with_suffix(".ldac.db"))
    assert facts["ref_colour"] == "gp1-rp1"  # told all the same: residuals are drawn against it
    stars = np.asarray(table["ref_ident"]).astype(str) != ""
    assert np.isfinite(np.asarray(table["ref_colour"], float)[stars]).all()


def test_spatial_term(tmp_path):
    sky = plain_sky(stars_per_frame=200, variable_fraction=0.0)
    with Night(tmp_path / "n", sky, CAM, vignetting=0.3) as dark:
        plain = dark.calibrate()
        facts, data = read_database(dark.paths[0].with_suffix(".ldac.db"))
        result = dark.calibrate(spatial=True)
    # its scatter over the frame is 0.21 of what is lost, and all errors have it
    uneven = float(facts["unevenness_mag"])
    assert uneven == pytest.approx(0.21 * 0.39, rel=0.35)
    assert uneven == plain.fields[0].unevenness_mag
    assert np.nanmin(data["_e_Rmag"]) > uneven
    assert result.fields[0].unevenness_mag < 0.2 * uneven
    assert len(result.fields[0].spatial) == 5
    # the corners lose 30 % of the light: the zeropoint is 0.39 mag lower there
    u2, uv, v2 = result.fields[0].spatial[2:]
    assert -0.28 < u2 < -0.12
    assert -0.28 < v2 < -0.12
    assert abs(uv) < 0.05
    assert result.frames[0].intrinsic_scatter_mag < 0.5 * plain.frames[0].intrinsic_scatter_mag
    assert result.frames[0].zeropoint_mag == pytest.approx(true_zeropoint(dark.paths[0]), abs=0.025)


def test_trailed_stars_and_cosmic_rays_still_calibrate(tmp_path):
    sky = plain_sky(stars_per_frame=120, variable_fraction=0.0)
    options = {"tracking_arcsec_min": (3.0, 2.0), "cosmic_rays": 60}
    with Night(tmp_path / "n", sky, CAM, **options) as trailed:
        result = trailed.calibrate()
        _, verdict = verdicts(trailed.paths[0])
    assert result.calibrated == 3
    assert (verdict == "used").sum() > 15
    # the aperture loses more light than that of a round star: the zeropoint tells how much
    _, data = read_database(trailed.paths[0].with_suffix(".ldac.db"))
    residual = (data["ref_mag"] - data["_Rmag"])[data["ref_verdict"] == "used"]
    assert abs(np.median(residual)) < 0.01


def test_frames_that_are_not_registered_are_refused_with_the_command_that_helps(
    frames, workspace, server
):
    for path in frames:
        update_header(path, {"CRVAL1": (179.28, "PP: starting WCS")})
    result = calibrate(frames, CalibrateOptions(), workspace)
    assert not server.requests
    assert result.done == 0
    assert all(each.reason.startswith("not registered: run pp_register") for each in result.failed)
    assert calibrate(frames, CalibrateOptions(instrumental=True), workspace).done == 3
