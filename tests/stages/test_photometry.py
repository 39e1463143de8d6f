"""pp_photometry on simulated nights: aperture, catalogs, header cards, what cannot be done."""

import logging
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

import pp_photometry
from photpipe.catalogs.ldac import read_ldac
from photpipe.command import cli
from photpipe.fits.fitsfile import read_header, update_header
from photpipe.ground.errors import ConfigError, FrameError
from photpipe.ground.sky import separation_deg
from photpipe.measure import apertures
from photpipe.measure.stage import GROWTH_FILE, PhotometryOptions, photometry
from photpipe.run.results import PhotometryResult
from photpipe.run.workspace import Workspace
from simsky import camera, faults, night, observe, read_truth, sky_for
from simsky.psf import encircled_fraction
from tests.prepared import make_prepared

PIXEL_FWHM2 = 8 * np.log(2) / 12
FAINT_R = (20.6, 21.0)  # magnitudes of S/N 11 to 16 on the frame that has them


@pytest.fixture
def frames(scene):
    return make_prepared(scene.frames, scene.camera)


@pytest.fixture
def workspace(scene, settings):
    return Workspace(scene.directory, settings, quiet=True, jobs=2)


def stars_of(path):
    """Catalog rows and truth rows of undisturbed stars."""
    table, _ = read_ldac(path.with_suffix(".ldac"))
    truth = read_truth(path)
    distance = np.hypot(
        np.asarray(table["XWIN_IMAGE"])[:, None] - truth["x"].data,
        np.asarray(table["YWIN_IMAGE"])[:, None] - truth["y"].data,
    )
    row = distance.argmin(axis=1)
    good = (distance.min(axis=1) < 1) & (table["FLAGS"] == 0) & (truth["kind"][row] == 6)
    good &= (distance < 15).sum(axis=1) == 1
    return table[good], truth[row[good]]


def true_fraction(radius_px, meta):
    fwhm = np.hypot(meta["fwhm_px"], np.sqrt(PIXEL_FWHM2))
    return encircled_fraction(radius_px, fwhm, meta["moffat_beta"])


def test_target_and_background_choose_the_aperture(frames, workspace, server, monkeypatch):
    grown, grow = [], apertures.frame_growth
    monkeypatch.setattr(
        apertures, "frame_growth", lambda *words: grown.append(grow(*words)) or grown[-1]
    )
    result = photometry(frames, PhotometryOptions(), workspace)
    # views of a row would keep the apertures of all sources of a long series
    assert [each.target_flux.base is each.target_error.base is None for each in grown] == [True] * 3
    assert result.done == 3
    assert not result.failed
    assert result.decided_by == result.strategy == "target and background"
    assert result.target_frames == 3
    assert [each.target.split()[0] for each in result.frames] == ["3552"] * 3
    assert max(each.target_offset_arcsec for each in result.frames) < 0.5
    assert server.count("horizons") <= 2
    chosen, smaller = result.curve[result.aperture_index], result.curve[: result.aperture_index]
    assert min(chosen.background, chosen.target) >= 0.7
    assert chosen.difference < 0.05
    assert not any(min(p.background, p.target) >= 0.7 and p.difference < 0.05 for p in smaller)
    assert len(result.curve) == 20
    assert result.aperture_radius_px == chosen.radius_px
    assert workspace.load(PhotometryResult) == result


def test_the_catalog_holds_one_aperture_and_the_positions_of_the_wcs(frames, workspace):
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    for path, each in zip(frames, result.frames, strict=True):
        table, _ = read_ldac(path.with_suffix(".ldac"))
        assert table["FLUX_APER"].shape == table["MAGERR_APER"].shape == (each.sources,)
        stars, truth = stars_of(path)
        miss = 3600 * separation_deg(
            stars["XWIN_WORLD"], stars["YWIN_WORLD"], truth["ra_deg"], truth["dec_deg"]
        )
        assert np.median(miss[stars["MAGERR_APER"] < 0.05]) < 0.05
        positive = table["FLUX_APER"] > 0
        magnitudes = -2.5 * np.log10(np.asarray(table["FLUX_APER"], float)[positive])
        np.testing.assert_allclose(table["MAG_APER"][positive], magnitudes, rtol=1e-5)
        assert (table["MAG_APER"][~positive] == 99).all()


def test_fluxes_are_those_of_the_aperture_with_honest_errors(frames, workspace):
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    pulls = []
    for path in frames:
        stars, truth = stars_of(path)
        light = truth["flux_adu"] * true_fraction(result.aperture_radius_px, truth.meta)
        good = (light / stars["FLUXERR_APER"] > 15) & ~truth["saturated"]
        pulls.append(((stars["FLUX_APER"] - light) / stars["FLUXERR_APER"])[good])
    pulls = np.concatenate(pulls)
    assert len(pulls) > 60
    assert abs(np.median(pulls)) < 0.6  # Source Extractor's background takes some light
    assert 0.8 < 1.4826 * np.median(np.abs(pulls - np.median(pulls))) < 1.3


def test_headers_tell_how_the_frames_were_measured(frames, workspace):
    before = [fits.getdata(path) for path in frames]
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    for path, pixels, each in zip(frames, before, result.frames, strict=True):
        header = read_header(path)
        assert header["APRAD"] == pytest.approx(result.aperture_radius_px, abs=1e-4)
        assert header["APIDX"] == result.aperture_index
        assert header["PHOTMODE"] == "APER"
        assert header["PPSEEING"] == pytest.approx(each.fwhm_arcsec, abs=1e-4)
        assert header["INSTLIM"] == pytest.approx(each.limiting_mag, abs=1e-4)
        np.testing.assert_array_equal(fits.getdata(path), pixels)


def test_correction_seeing_and_limit_are_near_the_truth(frames, workspace):
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    for path, each in zip(frames, result.frames, strict=True):
        meta = read_truth(path).meta
        correction = 2.5 * np.log10(true_fraction(result.aperture_radius_px, meta))
        error = each.aperture_correction_error_mag
        assert abs(each.aperture_correction_mag - correction) < 3 * error
        assert error < 0.1
        assert each.fwhm_px == pytest.approx(meta["fwhm_px"], rel=0.15)
        noise = meta["noise_adu"] * np.sqrt(np.pi) * result.aperture_radius_px
        assert each.limiting_mag == pytest.approx(-2.5 * np.log10(5 * noise), abs=0.25)
        assert each.gain == pytest.approx(meta["gain"])


def test_the_file_of_the_curve_has_the_documented_columns(frames, workspace, scene):
    result = photometry(frames, PhotometryOptions(), workspace)
    table = np.loadtxt(scene.directory / GROWTH_FILE)
    assert table.shape == (20, 8)
    np.testing.assert_allclose(table[:, 0], [p.radius_px for p in result.curve], atol=1e-4)
    np.testing.assert_allclose(table[:, 1], [p.background for p in result.curve], atol=1e-5)
    np.testing.assert_allclose(table[:, 4], [p.target for p in result.curve], atol=1e-5)
    np.testing.assert_allclose(table[:, 7], np.abs(table[:, 1] - table[:, 4]), atol=2e-5)
    assert (np.diff(table[:, 1]) > 0).all()


def test_target_only_and_background_only(frames, workspace, server):
    background = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert background.decided_by == "background"
    assert server.count("horizons") == 0
    index = background.aperture_index
    assert background.curve[index].background >= 0.7 > background.curve[index - 1].background
    target = photometry(frames, PhotometryOptions(target_only=True), workspace)
    assert target.decided_by == "target"
    index = target.aperture_index
    assert target.curve[index].target >= 0.7
    assert all(point.target < 0.7 for point in target.curve[:index])


def test_a_given_radius_is_taken_as_it_is(frames, workspace, server):
    result = photometry(frames, PhotometryOptions(aprad=(4.2,)), workspace)
    assert result.aperture_radius_px == 4.2
    assert result.decided_by == "fixed"
    assert len(result.curve) == 21
    assert server.count("horizons") == 0
    assert read_header(frames[0])["APRAD"] == 4.2
    fluxes = np.asarray(read_ldac(frames[0].with_suffix(".ldac"))[0]["FLUX_APER"])
    larger = photometry(frames, PhotometryOptions(aprad=(10.0,)), workspace)
    assert len(larger.curve) == 20
    assert np.median(read_ldac(frames[0].with_suffix(".ldac"))[0]["FLUX_APER"] / fluxes) > 1.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PhotometryOptions(aprad=(3.0, 4.0)), "one radius"),
        (PhotometryOptions(background_only=True, target_only=True), "exclude each other"),
        (PhotometryOptions(telescope="VATT5K"), "VATT4K"),
    ],
)
def test_contradictions_are_said_at_once(frames, workspace, options, message):
    with pytest.raises(ConfigError, match=message):
        photometry(frames, options, workspace)
    assert not frames[0].with_suffix(".ldac").exists()


def test_an_unknown_target_leaves_the_decision_to_the_background(frames, workspace, caplog):
    caplog.set_level(logging.INFO)
    result = photometry(frames, PhotometryOptions(target="field 17"), workspace)
    assert result.done == 3
    assert result.decided_by == "background"
    assert "field 17 is not a Solar System object" in caplog.text


def test_a_broken_service_leaves_the_decision_to_the_background(frames, workspace, server, caplog):
    server.stop("horizons")
    result = photometry(frames, PhotometryOptions(target_only=True), workspace)
    assert result.done == 3
    assert result.decided_by == "background"
    assert "the target of 3 frames is not considered" in caplog.text
    assert "chosen from the background only" in caplog.text


def test_targets_of_different_frames_are_asked_for_once_each(frames, workspace, server):
    update_header(frames[2], {"OBJECT": "no such thing"})
    result = photometry(frames, PhotometryOptions(), workspace)
    assert result.target_frames == 2
    assert result.done == 3


def test_deblending_and_smallest_area_reach_the_extraction(frames, workspace):
    options = PhotometryOptions(background_only=True)
    many = photometry(frames, options, workspace)
    few = photometry(frames, replace(options, minarea=60), workspace)
    loud = photometry(frames, replace(options, snr=20.0), workspace)
    assert few.frames[0].sources < many.frames[0].sources
    assert loud.frames[0].sources < many.frames[0].sources
    assert photometry(frames, replace(options, nodeblending=True), workspace).done == 3


def test_without_a_gain_the_sky_tells_one(frames, workspace, caplog):
    for path in frames:
        update_header(path, {"GAIN": None})
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert {each.gain_from for each in result.frames} == {"sky"}
    # read noise makes it a little too small
    assert result.frames[0].gain == pytest.approx(read_truth(frames[0]).meta["gain"], rel=0.25)
    assert "estimated from the noise of the sky" in caplog.text
    stars, _ = stars_of(frames[0])
    bright = stars["FLUX_APER"] > 1e5
    assert (stars["FLUXERR_APER"][bright] > np.sqrt(stars["FLUX_APER"][bright] / 2.5)).all()


def test_correlated_noise_enters_the_errors(frames, workspace):
    from scipy.ndimage import gaussian_filter

    plain = photometry(frames, PhotometryOptions(background_only=True), workspace)
    rng = np.random.default_rng(1)
    for path in frames:
        with fits.open(path, mode="update") as hdus:
            waves = gaussian_filter(rng.normal(0, 1, hdus[0].data.shape), 2.0)
            hdus[0].data = (hdus[0].data + 10 * waves / waves.std()).round().astype(np.uint16)
    noisy = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert all(0.85 < each.noise_factor < 1.3 for each in plain.frames)
    assert all(each.noise_factor > 1.6 for each in noisy.frames)
    assert noisy.frames[0].limiting_mag < plain.frames[0].limiting_mag - 0.5


def outcome(paths):
    """All that a run leaves, dates apart."""
    tables = [read_ldac(path.with_suffix(".ldac"))[0] for path in paths]
    return [table.as_array().tobytes() for table in tables], [path.read_bytes() for path in paths]


def test_again_gives_the_same(frames, workspace):
    photometry(frames, PhotometryOptions(), workspace)
    first = outcome(frames)
    photometry(frames, PhotometryOptions(), workspace)
    assert outcome(frames) == first


@pytest.mark.parametrize("delay_s", [0.9, 1.3])
def test_killed_and_run_again_gives_the_same(frames, delay_s):
    copies = [frames[0].parent.with_name("copy") / path.name for path in frames]
    shutil.copytree(frames[0].parent, copies[0].parent)
    words = [sys.executable, pp_photometry.__file__, "-background_only", "-quiet"]
    victim = subprocess.Popen([*words, *map(str, frames)])
    time.sleep(delay_s)
    victim.kill()
    victim.wait()
    for paths in (frames, copies):
        subprocess.run([*words, *map(str, paths)], check=True)
    assert outcome(frames) == outcome(copies)
    assert not list(frames[0].parent.glob("*_tmp_*"))


def test_cards_come_only_with_the_result(frames, workspace, monkeypatch):
    monkeypatch.setattr(
        "photpipe.measure.apertures.write_final_catalog", _failing("mscience0002.fits")
    )
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert [each.frame for each in result.failed] == ["mscience0002.fits"]
    assert result.done == 2
    assert "APRAD" not in read_header(frames[1])
    assert "APRAD" in read_header(frames[2])


def _failing(name):
    from photpipe.measure.apertures import write_final_catalog

    def write(found, *arguments):
        if found.name == name:
            raise FrameError(name, "the disk is full")
        return write_final_catalog(found, *arguments)

    return write


def test_one_bad_frame_never_stops_the_others(frames, workspace, scene):
    frames[0].write_bytes(frames[0].read_bytes()[:20000])
    update_header(frames[1], {"TEL_KEYW": None, "MIDTIMJD": None})
    empty = scene.directory / "empty.fits"
    empty.touch()
    missing = scene.directory / "missing.fits"
    result = photometry([*frames, empty, missing], PhotometryOptions(), workspace)
    assert [each.frame for each in result.frames] == ["mscience0003.fits"]
    reasons = {each.frame: each.reason for each in result.failed}
    assert set(reasons) == {"mscience0001.fits", "mscience0002.fits", "empty.fits", "missing.fits"}
    assert reasons["mscience0002.fits"] == "not prepared; run pp_prepare on it"
    assert all(reasons.values())


def test_a_frame_without_stars_is_set_aside(frames, workspace):
    with fits.open(frames[1], mode="update") as hdus:
        hdus[0].data[:] = 300
    result = photometry(frames, PhotometryOptions(), workspace)
    assert result.done == 2
    assert [each.frame for each in result.failed] == ["mscience0002.fits"]
    assert not frames[1].with_suffix(".ldac").exists()


def test_only_saturated_stars_leave_the_default_aperture(frames, workspace, caplog):
    for path in frames:
        update_header(path, {"SATURATE": 400.0})
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert result.done == 3
    assert result.background_stars == 0
    assert result.decided_by == "fixed"
    assert "the default aperture is taken" in caplog.text


def test_frames_of_another_telescope_are_refused(frames, workspace):
    update_header(frames[2], {"TEL_KEYW": "DCTLMI"})
    result = photometry(frames, PhotometryOptions(), workspace)
    assert result.done == 2
    assert "work on one telescope at a time" in result.failed[0].reason


def test_no_frame_at_all_is_a_result(frames, workspace):
    for path in frames:
        path.write_bytes(b"rubbish")
    result = photometry(frames, PhotometryOptions(), workspace)
    assert result.done == 0
    assert len(result.failed) == 3


def test_three_stars_will_do(tmp_path, settings):
    cam = camera("VATT4K", shape=(512, 512))
    sky = sky_for(cam, 9, 50.0, 20.0, stars_per_frame=200)
    centre = (separation_deg(sky.sources["ra_deg"], sky.sources["dec_deg"], 50, 20) < 0.02) & (
        sky.sources["rp1"] < 17
    )
    few = replace(sky, sources=sky.sources[np.flatnonzero(centre)[:3]])
    assert len(few.sources) == 3
    plan = night(cam, 50.0, 20.0, count=2, start_jd=2457786.9, pointing_error_arcsec=0)
    paths = make_prepared(observe(few, cam, plan, tmp_path / "few"), cam)
    workspace = Workspace(tmp_path / "few", settings, quiet=True)
    result = photometry(paths, PhotometryOptions(background_only=True), workspace)
    assert result.done == 2
    assert result.decided_by == "background"


@pytest.mark.parametrize("place", [(0.001, 5.0), (123.0, 89.5)])
def test_right_ascension_zero_and_the_pole_are_ordinary(tmp_path, settings, place):
    cam = camera("VATT4K", shape=(512, 512))
    sky = sky_for(cam, 3, *place, stars_per_frame=60)
    plan = night(cam, *place, count=1, start_jd=2457786.9, pointing_error_arcsec=0)
    paths = make_prepared(observe(sky, cam, plan, tmp_path / "edge"), cam)
    workspace = Workspace(tmp_path / "edge", settings, quiet=True)
    assert photometry(paths, PhotometryOptions(background_only=True), workspace).done == 1
    stars, truth = stars_of(paths[0])
    miss = 3600 * separation_deg(
        stars["XWIN_WORLD"], stars["YWIN_WORLD"], truth["ra_deg"], truth["dec_deg"]
    )
    assert np.median(miss) < 0.3


def test_the_command_says_what_failed(commands, capsys):
    paths = make_prepared(commands.frames, commands.camera)
    paths[1].write_bytes(b"")
    status = pp_photometry.main(["-background_only", *map(str, paths)])
    assert status == cli.Status.PARTIAL
    assert "ERROR: mscience0002.fits" in capsys.readouterr().out
    assert pp_photometry.main([str(paths[0]), "-aprad", "3,4"]) == cli.Status.FAILED
    assert pp_photometry.main(["-snr", "-1", str(paths[0])]) == cli.Status.USAGE


def test_a_list_of_frames_and_names_with_blanks(commands):
    paths = make_prepared(commands.frames, commands.camera)
    blank = paths[0].rename(commands.directory / "first frame.fits")
    listed = commands.directory / "frames.lst"
    listed.write_text(f"{blank.name}\n{paths[1].name}\n")
    assert pp_photometry.main(["-background_only", "-quiet", str(listed)]) == cli.Status.DONE
    assert blank.with_suffix(".ldac").exists()
    assert not paths[2].with_suffix(".ldac").exists()


def test_a_wcs_of_another_scale_is_refused(frames, workspace):
    cards = {f"CD{i}_{j}": 1.0 if i == j else 0.0 for i in (1, 2) for j in (1, 2)}
    update_header(frames[1], cards)
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert result.done == 2
    assert "pixels of 3.6e+03 arcsec instead of 0.375; run pp_prepare" in result.failed[0].reason


def test_faults_of_the_service_do_not_hang(frames, workspace, server):
    server.fail(replace(faults.ERROR_503, service="horizons"))
    result = photometry(frames, PhotometryOptions(), workspace)
    assert result.done == 3
    assert result.target_frames == 0


def test_faint_stars_keep_their_light(tmp_path):
    """Stars of S/N 10 to 16: noise near them and their wings in the sky took 7 %."""
    cam, place = camera("VATT4K", shape=(1024, 1024)), (150.0, 10.0)
    plan = night(cam, *place, count=1, start_jd=2457786.9, seed=3)
    deep = {"galaxy_fraction": 0.0, "variable_fraction": 0.0, "min_separation_arcsec": 10.0}
    sky = sky_for(cam, 3, *place, stars_per_frame=500, r_range=FAINT_R, **deep)
    (path,) = make_prepared(observe(sky, cam, plan, tmp_path, seed=3), cam)
    workspace = Workspace(tmp_path, quiet=True)
    photometry([path], PhotometryOptions(aprad=(4.0,), aperture=True), workspace)
    table, truth = stars_of(path)
    ratio = table["FLUX_APER"] / truth["flux_adu"] / true_fraction(4.0, truth.meta)
    assert len(ratio) > 120
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.02)  # 3 sigma
    error = np.median(table["FLUXERR_APER"] / table["FLUX_APER"])
    assert np.std(ratio) == pytest.approx(error, rel=0.2)
