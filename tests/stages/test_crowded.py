"""Crowded fields through the commands: who decides, what the catalogs hold, how good it is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from scipy.spatial import KDTree

import pp_calibrate
import pp_photometry
from photpipe.catalogs.database import magnitude_columns, read_database
from photpipe.catalogs.ldac import read_ldac
from photpipe.catalogs.measures import PSF_COLUMNS, adopted, has_psf
from photpipe.command import cli
from photpipe.ground.errors import ConfigError
from photpipe.measure.stage import PhotometryOptions, photometry
from photpipe.run.results import PhotometryResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.science import patches
from simsky import SkyServer, camera, night, observe, read_truth, sky_for
from tests.prepared import make_prepared

SHAPE = (420, 420)
PER_MEGAPIXEL = 3000
CENTRE = (150.0, 12.0)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A sky, and a directory with a prepared frame of it."""
    folder = tmp_path_factory.mktemp("crowd")
    cam = camera("LOWELL31", shape=SHAPE)
    stars = PER_MEGAPIXEL * SHAPE[0] * SHAPE[1] / 1e6
    sky = sky_for(cam, 5, *CENTRE, stars_per_frame=stars, blend_fraction=0.04, galaxy_fraction=0)
    plan = night(cam, *CENTRE, count=1, start_jd=2457786.9, seed=5)
    plan = [replace(each, seeing_arcsec=3.2 * cam.scale_arcsec[0], blur=0.08) for each in plan]
    make_prepared(observe(sky, cam, plan, folder, seed=5), cam)
    return sky, folder


@pytest.fixture
def frame(crowd, tmp_path):
    """A copy of the frame, with its truth."""
    _, folder = crowd
    (tmp_path / "truth").mkdir()
    for path in (*folder.glob("*.fits"), *folder.glob("truth/*")):
        (tmp_path / path.relative_to(folder)).write_bytes(path.read_bytes())
    return next(tmp_path.glob("*.fits"))


def errors(path):
    """Errors and quoted errors of calibrated stars that stand 0.8 seeings from all others."""
    truth = read_truth(path)
    fwhm = truth.meta["fwhm_px"]
    header, sources = read_database(path.with_suffix(".ldac.db"))
    mag, sig = (np.asarray(sources[name], float) for name in magnitude_columns(header["band"]))
    known = np.isfinite(mag)
    x, y = (np.asarray(sources[adopted(sources, f"{axis}WIN_IMAGE")], float) for axis in "XY")
    places = np.column_stack([truth["x"], truth["y"]])
    nearest = KDTree(places).query(places, 2)[0][:, 1]
    good = (nearest > 0.8 * fwhm) & ~truth["saturated"] & ~truth["varies"] & (truth["kind"] == 6)
    good &= (np.abs(places - SHAPE[0] / 2) < SHAPE[0] / 2 - 10).all(axis=1)
    good &= truth["flux_adu"] > 4e3
    apart, row = KDTree(np.column_stack([x, y])[known]).query(places[good])
    found = apart < 1.0
    assert np.mean(found) > 0.97
    rows = row[found]
    return mag[known][rows] - truth["mag"][good][found], sig[known][rows]


def test_commands_measure_crowded_stars_with_the_psf(frame, crowd, monkeypatch):
    monkeypatch.chdir(frame.parent)
    with SkyServer(crowd[0]) as server:
        workspace = Workspace(
            frame.parent, replace(Settings(), services=server.service_settings()), quiet=True
        )
        (frame.parent / "photpipe.toml").write_text(workspace.settings.as_toml())
        trusted = replace(workspace.settings.services, trust_directories=True)
        monkeypatch.setattr(
            Settings, "of_user", classmethod(lambda cls: replace(cls(), services=trusted))
        )
        assert cli.run(pp_photometry.COMMAND, ["-background_only", frame.name]) == 0
        assert cli.run(pp_calibrate.COMMAND, [frame.name]) == 0
    off, sig = errors(frame)
    assert len(off) > 60
    assert np.percentile(np.abs(off), 95) < 0.06
    assert abs(np.median(off)) < 0.01
    low, high = np.percentile(off / sig, (15.87, 84.13))
    assert 0.7 < (high - low) / 2 < 1.4
    assert fits.getheader(frame)["PHOTMODE"] == "PSF"
    header, sources = read_database(frame.with_suffix(".ldac.db"))
    assert header["photometry_mode"] == "PSF"
    assert header["psf_fwhm_px"] == pytest.approx(3.2, rel=0.1)
    assert {*PSF_COLUMNS, *PSF_COLUMNS.values(), "CHI2_PSF"} <= {*sources.colnames}
    state = json.loads((frame.parent / ".diagnostics/state/photometry.json").read_text())
    assert state["crowding"] > state["crowding_limit"]
    assert state["frames"][0]["psf_found"] > 20


def test_catalogs_hold_both_measures(frame, monkeypatch):
    workspace = Workspace(frame.parent, Settings(), quiet=True)
    fits_made = []
    fit = patches.fitted_field
    monkeypatch.setattr(
        patches, "fitted_field", lambda *words, **more: fits_made.append(1) or fit(*words, **more)
    )
    result = photometry([frame], PhotometryOptions(background_only=True), workspace)
    assert len(fits_made) == 1  # the fit that decides is that of the catalog
    table, _ = read_ldac(frame.with_suffix(".ldac"))
    assert has_psf(table)
    assert result.with_psf == 1
    measured = np.asarray(table["MAG_APER"]) < 99
    assert measured.sum() == len(table) - result.frames[0].psf_found or measured.sum() > 300
    # where a star stands alone, both are the light in the aperture
    places = np.column_stack([table["XPSF_IMAGE"], table["YPSF_IMAGE"]])
    alone = KDTree(places).query(places, 2)[0][:, 1] > 12.0
    bright = alone & (table["MAGERR_PSF"] < 0.02) & measured & (table["FLAGS"] == 0)
    assert bright.sum() >= 5
    assert abs(np.median((table["MAG_PSF"] - table["MAG_APER"])[bright])) < 0.02
    seen = np.asarray(table["MAG_PSF"]) < 99
    flux = np.asarray(table["FLUX_PSF"], float)[seen]
    np.testing.assert_allclose(table["MAG_PSF"][seen], -2.5 * np.log10(flux), rtol=1e-4)


def test_apertures_on_request_are_those_of_ever(frame):
    workspace = Workspace(frame.parent, Settings(), quiet=True)
    with_psf = PhotometryOptions(background_only=True, psf=True)
    photometry([frame], with_psf, workspace)
    both = read_ldac(frame.with_suffix(".ldac"))[0]
    result = photometry([frame], PhotometryOptions(background_only=True, aperture=True), workspace)
    table = read_ldac(frame.with_suffix(".ldac"))[0]
    assert not has_psf(table)
    assert not result.wants_psf
    header = fits.getheader(frame)
    assert header["PHOTMODE"] == "APER"
    assert "PSFFWHM" not in header
    for name in ("FLUX_APER", "FLUXERR_APER", "MAG_APER", "XWIN_IMAGE"):
        np.testing.assert_array_equal(table[name], both[name][: len(table)])


def test_sparse_fields_stay_on_apertures(scene, settings):
    frames = make_prepared(scene.frames, scene.camera)
    workspace = Workspace(scene.directory, settings, quiet=True)
    result = photometry(frames, PhotometryOptions(background_only=True), workspace)
    assert result.crowding < result.crowding_limit
    assert result.with_psf == 0
    for path in frames:
        assert not has_psf(read_ldac(path.with_suffix(".ldac"))[0])
        assert fits.getheader(path)["PHOTMODE"] == "APER"


def test_psf_and_aperture_exclude_each_other(frame):
    workspace = Workspace(frame.parent, Settings(), quiet=True)
    with pytest.raises(ConfigError, match="-psf and -aperture"):
        photometry([frame], PhotometryOptions(psf=True, aperture=True), workspace)
    assert workspace.load(PhotometryResult) is None


def test_frames_without_stars_for_a_psf_stay_on_apertures(tmp_path, caplog):
    cam = camera("LOWELL31", shape=SHAPE)
    sky = sky_for(cam, 1, *CENTRE, stars_per_frame=12, r_range=(19.0, 20.0))
    plan = night(cam, *CENTRE, count=1, start_jd=2457786.9, seed=5)
    frames = make_prepared(observe(sky, cam, plan, tmp_path, seed=5), cam)
    workspace = Workspace(tmp_path, Settings(), quiet=True)
    result = photometry(frames, PhotometryOptions(background_only=True, psf=True), workspace)
    assert result.with_psf == 0
    assert "too few isolated stars for a PSF" in caplog.text
    assert fits.getheader(frames[0])["PHOTMODE"] == "APER"


def test_stars_that_no_psf_describes_stay_on_apertures(frame, caplog):
    """Each star trails in a direction of its own, as rotating fields make them."""
    rng = np.random.default_rng(0)
    with fits.open(frame, mode="update") as hdus:
        pixels = hdus[0].data.astype(float)
        parts = np.array_split(np.arange(SHAPE[0]), 14)
        for rows in parts:
            for columns in parts:
                block = np.ix_(rows, columns)
                step = rng.integers(-3, 4, 2)
                pixels[block] = (pixels[block] + np.roll(pixels[block], step, (0, 1))) / 2
        hdus[0].data = pixels.astype("f4")
    workspace = Workspace(frame.parent, Settings(), quiet=True)
    result = photometry([frame], PhotometryOptions(background_only=True), workspace)
    assert result.crowding > result.crowding_limit
    assert result.psf_error > result.psf_error_limit
    assert result.with_psf == 0
    assert "no PSF describes them" in caplog.text
