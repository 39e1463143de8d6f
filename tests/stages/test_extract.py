"""pp_extract finds the stars that were drawn, where they are and as bright as they are."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import pp_extract
from photpipe.astromatic import sextractor
from photpipe.astromatic.extraction import COLUMNS
from photpipe.catalogs.ldac import read_ldac
from photpipe.command import cli
from photpipe.fits.fitsfile import update_header
from photpipe.run.workspace import Workspace
from photpipe.science.flags import SourceFlag
from pp_extract import ExtractOptions, extract
from tests import starfields
from tests.starfields import FWHM_PX, SECPIX, draw, in_aperture, matched, star_field

LOUD = ExtractOptions(snr=3.0, minarea=5)  # noise is not a source


def run(folder: Path, options: ExtractOptions = LOUD, *paths: Path):
    return extract(paths or sorted(folder.glob("*.fits")), options, Workspace(folder, jobs=2))


@pytest.fixture(scope="module")
def field():
    return star_field(seed=11)


@pytest.fixture(scope="module")
def extracted(field, tmp_path_factory):
    """Frame, its stars, the outcome and the catalog, with a single aperture."""
    folder = tmp_path_factory.mktemp("single")
    field.write(folder / "a.fits")
    result = run(folder, replace(LOUD, aprad=(5.0,)))
    return result, read_ldac(folder / "a.ldac")[0]


def test_a_catalog_that_is_there_is_taken(field, tmp_path, monkeypatch):
    """One extraction serves two stages, unless pixels, wishes or the catalog are others."""
    path = field.write(tmp_path / "a.fits")
    field.write(tmp_path / "b.fits")
    space, runs = Workspace(tmp_path, jobs=2), []
    run_tool = sextractor.run_tool
    monkeypatch.setattr(
        sextractor, "run_tool", lambda *words: [runs.append(words), run_tool(*words)][1]
    )

    def extractions(options: ExtractOptions = LOUD) -> int:
        runs.clear()
        paths = sorted(tmp_path.glob("*.fits"))
        assert [each.frame for each in extract(paths, options, space).frames] == [
            "a.fits",
            "b.fits",
        ]
        return len(runs)

    assert extractions() == 2
    before = read_ldac(path.with_suffix(".ldac"))[0]
    update_header(path, {"OBJECT": "another name"})
    assert extractions() == 0
    assert extractions(replace(LOUD, snr=5.0)) == 2
    assert extractions() == 2
    path.with_suffix(".ldac").unlink()
    assert extractions() == 1
    pixels = fits.getdata(path)
    fits.writeto(path, np.roll(pixels, 7, axis=1), fits.getheader(path), overwrite=True)
    assert extractions() == 1
    after = read_ldac(path.with_suffix(".ldac"))[0]
    assert len(after) == pytest.approx(len(before), abs=2)
    assert not np.allclose(after["X_IMAGE"][:5], before["X_IMAGE"][:5])


def test_every_star_is_found_once_and_nothing_else(field, extracted):
    _, table = extracted
    rows, distance_px = matched(field.stars, table)
    assert distance_px.max() < 0.25
    assert len(set(rows)) == len(field.stars) == len(table)


def test_positions_and_fluxes_are_true_within_their_errors(field, extracted):
    _, table = extracted
    rows, distance_px = matched(field.stars, table)
    flux = np.asarray(table["FLUX_APER"][rows])
    error = np.asarray(table["FLUXERR_APER"][rows])
    true = np.asarray(field.stars["flux"]) * in_aperture(5.0)
    pull = (flux - true) / error
    assert abs(np.median(flux / true - 1)) < 0.004
    assert 0.6 < np.std(pull) < 1.4
    bright = np.asarray(field.stars["flux"]) > 3e4
    assert distance_px[bright].max() < 0.03
    magnitude = -2.5 * np.log10(flux)
    np.testing.assert_allclose(table["MAG_APER"][rows], magnitude, atol=1e-4)


def test_the_outcome_tells_count_and_seeing(field, extracted):
    result, table = extracted
    (frame,) = result.frames
    assert (frame.frame, frame.catalog) == ("a.fits", "a.ldac")
    assert frame.sources == len(table)
    assert frame.fwhm_px == pytest.approx(FWHM_PX, rel=0.03)
    assert frame.fwhm_arcsec == pytest.approx(FWHM_PX * SECPIX, rel=0.03)
    assert (frame.radii_px, frame.gain) == ((5.0,), starfields.GAIN)


def test_the_catalog_has_all_columns_and_the_header_of_the_image(extracted, field, tmp_path):
    _, table = extracted
    assert set(table.colnames) == set(COLUMNS)
    assert table["FLUX_APER"].shape == (len(table),)
    assert np.median(table["BACKGROUND"]) == pytest.approx(starfields.SKY_ADU, rel=0.01)


def test_one_radius_or_twenty_give_the_same_sources_and_fluxes(field, extracted, tmp_path):
    _, single = extracted
    field.write(tmp_path / "a.fits")
    radii = tuple(np.linspace(1.0, 10.5, 20))
    (frame,) = run(tmp_path, replace(LOUD, aprad=radii)).frames
    table, _ = read_ldac(tmp_path / "a.ldac")
    assert frame.radii_px == radii
    for name in ("FLUX_APER", "FLUXERR_APER", "MAG_APER", "MAGERR_APER"):
        assert table[name].shape == (len(single), 20)
        np.testing.assert_allclose(table[name][:, 8], single[name], rtol=1e-5)
    rows, _ = matched(field.stars, table)
    growth = np.median(table["FLUX_APER"][rows] / field.stars["flux"][:, None], axis=0)
    np.testing.assert_allclose(growth, [in_aperture(each) for each in radii], atol=0.02)


def test_without_aprad_the_radius_is_that_of_the_telescope(field, tmp_path):
    field.write(tmp_path / "a.fits")
    assert run(tmp_path).frames[0].radii_px == (5.0,)


def test_defaults_are_those_of_the_manual(field, tmp_path):
    assert (ExtractOptions().snr, ExtractOptions().minarea) == (1.5, 3)
    field.write(tmp_path / "a.fits")
    many = run(tmp_path, ExtractOptions()).frames[0].sources
    few = run(tmp_path, ExtractOptions(snr=20.0)).frames[0].sources
    assert few < len(field.stars) < many


def saturated_field(level_adu: float):
    field = draw(
        np.random.default_rng(5),
        (200, 200),
        Table({"x": [60.0, 140.0], "y": [60.0, 140.0], "flux": [2e6, 2e4]}),
    )
    field.pixels[:] = np.minimum(field.pixels, level_adu)
    return field


@pytest.mark.parametrize("card", [{"SATURATE": 30000.0}, {}], ids=["card", "settings"])
def test_saturated_sources_are_flagged_unless_that_is_ignored(tmp_path, card):
    field = saturated_field(30000.0 if card else 50000.0)
    field.write(tmp_path / "a.fits", **card)
    for ignore in (False, True):
        run(tmp_path, replace(LOUD, ignore_saturation=ignore))
        table, _ = read_ldac(tmp_path / "a.ldac")
        rows, _ = matched(field.stars, table)
        saturated = np.asarray(table["FLAGS"][rows]) & SourceFlag.SATURATED
        assert saturated.astype(bool).tolist() == [not ignore, False]


@pytest.mark.parametrize("absurd", [0, -1.0, "unknown"])
def test_an_absurd_saturation_card_does_not_flag_everything(tmp_path, absurd, field):
    field.write(tmp_path / "a.fits", SATURATE=absurd)
    run(tmp_path)
    table, _ = read_ldac(tmp_path / "a.ldac")
    assert not (np.asarray(table["FLAGS"]) & SourceFlag.SATURATED).all()


def test_a_saturation_level_below_the_sky_is_said(tmp_path, field, caplog):
    field.write(tmp_path / "a.fits", SATURATE=65.535)
    run(tmp_path, replace(LOUD, ignore_saturation=True))
    assert caplog.text == ""
    assert run(tmp_path).done == 1
    assert "a.fits: the saturation level of 65.535 lies below the sky" in caplog.text


def test_blended_stars_are_one_source_without_deblending(tmp_path):
    stars = Table({"x": [100.0, 109.0], "y": [100.0, 100.0], "flux": [5e4, 4e4]})
    draw(np.random.default_rng(3), (200, 200), stars).write(tmp_path / "a.fits")
    assert run(tmp_path).frames[0].sources == 2
    table, _ = read_ldac(tmp_path / "a.ldac")
    assert all(np.asarray(table["FLAGS"]) & SourceFlag.BLENDED)
    assert run(tmp_path, replace(LOUD, nodeblending=True)).frames[0].sources == 1


@pytest.fixture
def users(tmp_path, monkeypatch):
    """The user's own setup folder, with a telescope MASKED."""
    folder = tmp_path / "users, own" / "setup"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PHOTPIPEDIR", str(folder.parent))
    (folder / "mytelescopes.py").write_text(
        "mine = {**telescope_parameters['VATT4K'], 'telescope_keyword': 'MINE',\n"
        "        'mask_file': {'2,2': 'half mask.fits'}, 'sex-config-file': 'mine.sex'}\n"
        "implemented_telescopes = ['MINE']\n"
        "instrument_identifiers = {'Mine': 'MINE'}\n"
        "telescope_parameters = {'MINE': mine}\n"
    )
    return folder


def test_a_mask_hides_what_it_covers(field, tmp_path, users):
    weight = np.ones(field.pixels.shape, "f4")
    weight[:, 200:] = 0
    fits.writeto(users / "half mask.fits", weight)
    path = field.write(tmp_path / "a.fits", INSTRUME="Mine")
    (frame,) = run(tmp_path).frames
    table, _ = read_ldac(path.with_suffix(".ldac"))
    assert 0 < frame.sources < len(field.stars)
    assert np.asarray(table["XWIN_IMAGE"]).max() < 212
    weight_of_another_size = np.ones((10, 10), "f4")
    fits.writeto(users / "half mask.fits", weight_of_another_size, overwrite=True)
    (failure,) = run(tmp_path).failed
    assert "weight map have different sizes" in failure.reason


def test_settings_of_the_user_count_and_options_win_over_them(field, tmp_path, users):
    (users / "smooth it.conv").write_text("CONV NORM\n1 2 1\n2 4 2\n1 2 1\n")
    (users / "mine.sex").write_text(
        "# mine\nFILTER Y\nFILTER_NAME $PHOTPIPEDIR/setup/smooth it.conv\n"
        "SATUR_LEVEL\t450 # just above the sky\nDETECT_THRESH 1000\nCATALOG_TYPE ASCII\n"
    )
    field.write(tmp_path / "a.fits", INSTRUME="Mine")
    assert run(tmp_path).frames[0].sources == len(field.stars)
    table, header = read_ldac(tmp_path / "a.ldac")
    assert header["SEXFLTR"]
    assert all(np.asarray(table["FLAGS"]) & SourceFlag.SATURATED)


def test_errors_shrink_without_gain_and_that_is_said(field, tmp_path, caplog):
    field.write(tmp_path / "a.fits")
    with_gain = run(tmp_path)
    assert "no gain" not in caplog.text
    errors = np.asarray(read_ldac(tmp_path / "a.ldac")[0]["FLUXERR_APER"])
    field.write(tmp_path / "b.fits", GAIN=0)
    without = run(tmp_path, LOUD, tmp_path / "b.fits")
    fewer = np.asarray(read_ldac(tmp_path / "b.ldac")[0]["FLUXERR_APER"])
    assert [each.gain for each in (*with_gain.frames, *without.frames)] == [2.0, 0.0]
    assert np.max(fewer) < 0.6 * np.max(errors)
    assert "no gain is known for 1 of 1 frames" in caplog.text


def test_a_parameter_file_adds_columns_and_takes_none_away(field, tmp_path):
    field.write(tmp_path / "a.fits")
    file = tmp_path / "my columns.sexparam"
    file.write_text("# mine\nNUMBER\nFLUX_APER(3)   # as we say\n\nSNR_WIN\n")
    assert run(tmp_path, replace(LOUD, paramfile=str(file))).done == 1
    table, _ = read_ldac(tmp_path / "a.ldac")
    assert set(table.colnames) == {*COLUMNS, "NUMBER", "SNR_WIN"}
    assert table["FLUX_APER"].shape == (len(table),)


def test_any_telescope_may_be_named(field, tmp_path):
    field.write(tmp_path / "a.fits", INSTRUME="never heard of it")
    assert "VATT4K" not in str(run(tmp_path).frames)
    assert run(tmp_path).done == 0
    (frame,) = run(tmp_path, replace(LOUD, telescope="VATT4K")).frames
    assert frame.fwhm_arcsec == pytest.approx(FWHM_PX * SECPIX, rel=0.03)


def test_frames_are_not_changed_and_nothing_else_is_left(field, tmp_path):
    path = field.write(tmp_path / "a.fits")
    before = path.read_bytes(), path.stat().st_mtime_ns
    run(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert {each.name for each in tmp_path.iterdir()} == {"a.fits", "a.ldac"}


def test_stray_files_in_the_folder_do_not_matter(field, extracted, tmp_path, monkeypatch):
    field.write(tmp_path / "a.fits")
    stale = {"default.sex": "DETECT_THRESH 1000\nCATALOG_TYPE ASCII\nNONSENSE 1\n"}
    stale |= {"default.param": "NUMBER\n", "default.conv": "CONV NORM\n9 9 9\n"}
    stale |= {"a.head": "CRVAL1 = 10.0\nGAIN = 9999.\nNAXIS1 = 10\nEND\n"}
    for name, text in stale.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    run(tmp_path, replace(LOUD, aprad=(5.0,)))
    table, header = read_ldac(tmp_path / "a.ldac")
    for name in COLUMNS:
        np.testing.assert_array_equal(table[name], extracted[1][name])
    assert header["GAIN"] == starfields.GAIN


AWKWARD = [
    *("two words.fits", "a,b;c.fits", 'it\'s "so".fits', "-c.fits", "$HOME.fits", "größe.fits"),
    *("[1].fits", "x.fits.fits", "a.b.fit", "UPPER.FITS", "new\nline.fits"),
]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names(field, tmp_path, name):
    folder = tmp_path / "my data, 2nd night"
    folder.mkdir()
    path = field.write(folder / name)
    (frame,) = run(folder, LOUD, path).frames
    assert frame.sources == len(field.stars)
    assert len(read_ldac(folder / frame.catalog)[0]) == len(field.stars)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(("kind", "bzero"), [("i8", 0), ("u8", 2**63)])
def test_pixels_of_64_bits_come_out_alike(field, extracted, tmp_path, kind, bzero):
    path = field.write(tmp_path / "a.fits")
    pixels, header = fits.getdata(path), fits.getheader(path)
    for name in ("BZERO", "BSCALE"):
        header.remove(name, ignore_missing=True)
    fits.writeto(path, np.round(pixels).astype(kind), header, overwrite=True)
    content = path.read_bytes()
    assert (fits.getheader(path)["BITPIX"], fits.getheader(path).get("BZERO", 0)) == (64, bzero)
    (frame,) = run(tmp_path, replace(LOUD, aprad=(5.0,))).frames
    assert frame.sources == len(field.stars)
    table, as_before = read_ldac(tmp_path / "a.ldac")[0], extracted[1]
    for name in ("XWIN_IMAGE", "FLUX_APER"):  # their order hangs on the roundings
        np.testing.assert_allclose(np.sort(table[name]), np.sort(as_before[name]), rtol=0.06)
    assert path.read_bytes() == content


def test_many_frames_side_by_side_come_out_as_one_by_one(tmp_path):
    fields = {f"f{seed:02d}.fits": star_field(seed, shape=(200, 200)) for seed in range(12)}
    for name, each in fields.items():
        each.write(tmp_path / name)
    result = extract(sorted(tmp_path.glob("*.fits")), LOUD, Workspace(tmp_path, jobs=5))
    assert [each.frame for each in result.frames] == list(fields)
    for name, each in fields.items():
        table, _ = read_ldac((tmp_path / name).with_suffix(".ldac"))
        assert matched(each.stars, table)[1].max() < 0.25


def test_a_simulated_sky_comes_back(tmp_path):
    """Stars of the simulated night: found, where and as bright as the truth beside them says."""
    from simsky import camera, night, observe, read_truth, sky_for

    cam = camera("VATT4K", shape=(700, 700))
    sky = sky_for(cam, seed=4, ra_deg=359.99, dec_deg=-30.0, stars_per_frame=200)
    exposures = night(cam, 359.99, -30.0, count=1, start_jd=2457786.9, seed=4)
    (path,) = observe(sky, cam, exposures, tmp_path)
    (frame,) = run(tmp_path, replace(LOUD, aprad=(12.0,)), path).frames
    table, _ = read_ldac(path.with_suffix(".ldac"))
    truth = read_truth(path)
    good = np.all([(truth[axis] > 30) & (truth[axis] < 670) for axis in ("x", "y")], axis=0)
    gaps_px = np.hypot(*(np.subtract.outer(*[np.asarray(truth[axis])] * 2) for axis in ("x", "y")))
    good &= np.sort(gaps_px, axis=0)[1] > 15
    good &= (truth["flux_adu"] > 2e4) & ~truth["saturated"] & (truth["kind"] == 6)
    truth = truth[good]
    rows, distance_px = matched(truth, table)
    clean = np.asarray(table["FLAGS"][rows]) == 0
    assert clean.sum() > 10
    assert distance_px[clean].max() < 0.15
    ratio = np.asarray(table["FLUX_APER"][rows] / truth["flux_adu"])[clean]
    assert np.std(ratio) / np.mean(ratio) < 0.02
    assert frame.fwhm_px == pytest.approx(truth.meta["fwhm_px"], rel=0.15)


def test_the_command(field, tmp_path, capsys, monkeypatch):
    for exptime_s, name in enumerate(("-a b.fits", "c.fits"), 60):  # else one is a copy
        field.write(tmp_path / name, EXPTIME=float(exptime_s))
    monkeypatch.chdir(tmp_path)
    words = ["-snr", "3", "-minarea", "5", "--aprad", "3,4.5", "-ignore_saturation"]
    assert (
        pp_extract.main([*words, "-nodeblending", "c.fits", "--", "-a b.fits"]) == cli.Status.DONE
    )
    text = capsys.readouterr().out
    assert re.search(rf"^c.fits: {len(field.stars)} sources, seeing [34]\.\d\d px \(1", text)
    assert read_ldac(tmp_path / "-a b.ldac")[0]["FLUX_APER"].shape == (len(field.stars), 2)
    assert "-a b.fits" in (tmp_path / "LOG").read_text()
    shutil.rmtree(tmp_path)


def test_quiet_is_quiet(field, tmp_path, capsys):
    path = field.write(tmp_path / "c.fits")
    assert pp_extract.main(["-quiet", "-snr", "3", str(path)]) == cli.Status.DONE
    assert capsys.readouterr().out == ""
    assert "sources, seeing" in (tmp_path / "LOG").read_text()
