"""pp_prepare on frames of all telescopes: facts, starting WCS, options, and the way back."""

import gzip
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import pp_prepare
from photpipe.command.cli import Status
from photpipe.fits.fitsfile import PRISTINE_FOLDER, read_header, update_header
from photpipe.ground import sky
from photpipe.run.results import PrepareResult
from photpipe.run.workspace import Workspace
from pp_prepare import PrepareOptions, main
from simsky import entries
from tests.framefiles import (
    EXPTIME_S,
    MIDTIME_JD,
    POINTING,
    camera_wcs,
    noise,
    pixel_bytes,
    temporary_files,
    with_raw_cards,
    write_frame,
)

KEYWORDS = sorted(entries())
# what has to be said because no header says it
TOLD: dict[str, dict[str, Any]] = {
    "GENERIC": {"secpix": "0.5"},
    "PWFLINPOI": {"telescope": "PWFLINPOI"},
    "MAGIMACSS": {"ra": POINTING[0], "dec": POINTING[1]},  # its chip 1 was never measured
}
# orders of the pipeline that would be unsafe: numbers that have to be numbers
NUMBERS = ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2", "EQUINOX")


def prepare(*paths: Path, **options: Any) -> PrepareResult:
    workspace = Workspace(paths[0].parent, quiet=True)
    return pp_prepare.prepare(paths, PrepareOptions(**options), workspace)


def prepared(path: Path, **options: Any) -> fits.Header:
    """Header of a frame that has to be prepared without failure."""
    result = prepare(path, **options)
    assert result.failed == ()
    return read_header(path)


def seed_error_px(header: fits.Header, wcs: WCS) -> float:
    """Largest distance of a pixel's position from the true one, in pixels."""
    found = WCS(header, naxis=2)
    x, y = np.meshgrid([0.0, header["NAXIS1"]], [0.0, header["NAXIS2"]])
    here, there = (each.all_pix2world(x.ravel(), y.ravel(), 0) for each in (found, wcs))
    return float(sky.separation_deg(*here, *there).max()) * 3600.0 / header["SECPIX"]


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_every_telescope(tmp_path: Path, keyword: str) -> None:
    entry = entries()[keyword]
    shape = (300, 320) if "trim_px" in entry else (60, 80)
    path = tmp_path / "a.fits"
    original = write_frame(path, keyword, noise(shape))
    result = prepare(path, **TOLD.get(keyword, {}))
    assert result.failed == ()
    (outcome,) = result.frames
    frame = tmp_path / outcome.frame
    header = read_header(frame)
    assert (header["TEL_KEYW"], outcome.telescope) == (keyword, keyword)
    assert header["TELINSTR"] == entry["telescope_instrument"]
    assert header["MIDTIMJD"] == pytest.approx(MIDTIME_JD, abs=1e-8)
    assert header["OBJECT"] == outcome.object_name == "3552"
    assert float(header["EXPTIME"]) == pytest.approx(EXPTIME_S)
    assert float(header["AIRMASS"]) == pytest.approx(outcome.airmass, abs=1e-3)
    assert str(header["FILTER"]).strip()
    assert all(isinstance(header[name], float) for name in NUMBERS)
    if keyword != "GENERIC":
        trimmed_shape = (header["NAXIS2"], header["NAXIS1"])
        truth = camera_wcs(keyword, trimmed_shape)
        if header["CTYPE1"] == "RA---TAN":
            assert seed_error_px(header, truth) < 1.0
        scale = np.hypot(*truth.wcs.cd) * 3600.0
        assert (header["SECPIXX"], header["SECPIXY"]) == pytest.approx(tuple(scale))
    if "trim_px" not in entry:
        assert pixel_bytes(frame) in original

    first = frame.read_bytes()
    again = prepare(path, **({} if keyword == "GENERIC" else TOLD.get(keyword, {})))
    assert again.failed == ()
    assert frame.read_bytes() == first
    assert not again.frames[0].changed
    assert replace(again.frames[0], changed=True) == outcome
    assert prepare(path, restore=True).failed == ()
    assert path.read_bytes() == original
    assert not temporary_files(tmp_path)


@pytest.mark.pages
def test_it_alone_writes_its_page(tmp_path: Path) -> None:
    """A table of the frames with time, target, filter, airmass, exposure, field, and an image."""
    path = tmp_path / "a.fits"
    write_frame(path, "VATT4K", noise((60, 80)))
    assert main(["-quiet", str(path)]) == Status.DONE
    page = (tmp_path / "diagnostics.html").read_text("utf-8")
    for cell in ("a.fits", "3552", "TOP 2 BOT 1", "1.20", "60.0", "2017-02-02 09:36:00"):
        assert cell in page
    (frame_page,) = (tmp_path / ".diagnostics" / "frames").iterdir()
    assert f"frames/{frame_page.name}" in page
    assert list((tmp_path / ".diagnostics" / "images").iterdir())


def test_usual_names_in_a_dialect(tmp_path: Path) -> None:
    """A camera that nobody described and its own names of cards; copies are no observations."""
    path = tmp_path / "a.fits"
    own = {
        **{"INSTRUME": "Somebody's CCD", "DATE-OBS": "2017-02-02T10:57:00", "EXPOSURE": 60.0},
        **{"FILTNAM": "R", "OBJNAME": "3552", "RA": 179.28, "DEC": 0.428, "XPIXSZ": 7.5},
        **{"FOCALLEN": 4125.0, "SITELAT": 32.7, "SITELONG": -109.9},
    }
    fits.PrimaryHDU(noise((60, 80)), fits.Header(own)).writeto(path)
    header = prepared(path)
    usual = ("FILTER", "EXPTIME", "OBJECT")
    assert [header[key] for key in usual] == ["R", 60.0, "3552"]
    assert 1.1 < header["AIRMASS"] < 1.6
    there = header["AIRMASS"]
    update_header(path, {"FILTNAM": "V", "EXPOSURE": 120.0})
    header = prepared(path, ra=100.0, dec=30.0)
    assert [header[key] for key in usual] == ["V", 120.0, "3552"]
    assert abs(header["AIRMASS"] - there) > 0.3


@pytest.mark.parametrize("name", ["VATT4K", "UKIRTWFCAM", "GMOSN", "CTIO09"])
@pytest.mark.parametrize(
    "pointing", [(0.002, -0.001), (359.999, 60.0), (10.0, 89.9), (200, -89.95)]
)
def test_seed_at_the_edges_of_the_sky(
    tmp_path: Path, name: str, pointing: tuple[float, float]
) -> None:
    path = tmp_path / "a.fits"
    chip = 3 if name == "UKIRTWFCAM" else None  # the one in the middle
    write_frame(path, name, pointing=pointing, chip=chip)
    header = prepared(path)
    assert seed_error_px(header, camera_wcs(name, (40, 50), pointing, chip=chip)) < 1.0


@pytest.mark.parametrize("chip", range(1, 9))
def test_chips_of_a_mosaic(tmp_path: Path, chip: int) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "MAGIMACSL", chip=chip)
    assert seed_error_px(prepared(path), camera_wcs("MAGIMACSL", (40, 50), chip=chip)) < 1.0


def test_chip_that_nobody_measured_needs_a_pointing(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    original = write_frame(path, "MAGIMACSS", chip=3)
    (failure,) = prepare(path).failed
    assert "give the frame centre with -ra and -dec" in failure.reason
    assert path.read_bytes() == original
    header = prepared(path, ra=POINTING[0], dec=POINTING[1])
    assert (header["CRVAL1"], header["CRVAL2"]) == POINTING


def test_jitter_is_taken_from_the_pointing(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "UKIRTWFCAM", chip=3)
    plain = prepared(path)
    write_frame_again(path, "UKIRTWFCAM", chip=3, cards={"JITTER_X": 10.0, "JITTER_Y": -4.0})
    moved = prepared(path)
    east, north = sky.offsets_arcsec(
        *(header[f"CRVAL{axis}"] for header in (plain, moved) for axis in (1, 2))
    )
    assert (float(east), float(north)) == pytest.approx((-10.0, 4.0), abs=1e-4)


def write_frame_again(path: Path, keyword: str, **how: Any) -> bytes:
    path.unlink()
    return write_frame(path, keyword, **how)


@pytest.mark.parametrize("detector", ["K", "M", "T", "N"])
def test_distortion_of_the_detector_becomes_tpv(tmp_path: Path, detector: str) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "KMTNETS", cards={"CCD_NAME": detector})
    header = prepared(path)
    assert (header["CTYPE1"], header["CTYPE2"]) == ("RA---TPV", "DEC--TPV")
    terms = entries()["KMTNETS"]["distort"][detector]
    assert {name: header[name] for name in terms} == terms
    assert header["CCD_NAME"] == detector


def test_edges_of_lowell42_are_cut_off_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    pixels = noise((300, 320))
    original = write_frame(path, "LOWELL42", pixels)
    (outcome,) = prepare(path).frames
    assert (outcome.frame, outcome.source) == ("a_trim.fits", "a.fits")
    assert path.read_bytes() == original
    with fits.open(tmp_path / "a_trim.fits") as hdus:
        np.testing.assert_array_equal(hdus[0].data, pixels[100:-100, 100:-100])
        assert (hdus[0].header["CRPIX1"], hdus[0].header["CRPIX2"]) == (60.0, 50.0)
    first = (tmp_path / "a_trim.fits").read_bytes()
    result = prepare(path, tmp_path / "a_trim.fits")
    assert [each.frame for each in result.frames] == ["a_trim.fits"]
    assert result.failed == ()
    assert (tmp_path / "a_trim.fits").read_bytes() == first


def test_cards_that_break_the_rules_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "SOARGOODMAN")
    original = with_raw_cards(
        path,
        b"PARAM0  = 'CCD Temp. [C]' -120.1 \xb0C",
        b"PARAM61 = \x01\x02\xff",
        b"PARAM62 = no quotes / here",
        b"PARAM63   nothing at all",
        b"OBSERVER= 'Jos\xe9'",
    )
    header = prepared(path)
    with fits.open(path) as hdus:
        hdus.verify("exception")
    assert header["OBSERVER"] == "Jos?"
    assert not {"PARAM0", "PARAM61", "PARAM62", "PARAM63"} & set(header)
    prepare(path, restore=True)
    assert path.read_bytes() == original


# -- options


def matrix(header: fits.Header) -> np.ndarray:
    return np.array([[header[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])


@pytest.mark.parametrize("angle", [-90.0, 30.0, 180.0, -725.0])
def test_rotation_of_either_sign(tmp_path: Path, angle: float) -> None:
    path = tmp_path / "a.fits"
    write_frame(path)
    before = matrix(prepared(path))
    after = matrix(prepared(path, rotate=angle))
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    np.testing.assert_allclose(after, [[cos, -sin], [sin, cos]] @ before, atol=1e-17)


def test_flips_toggle(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path)
    before = matrix(prepared(path))
    for options, signs in ({"flipx": True}, [-1, 1]), ({"flipy": True}, [1, -1]), ({}, [1, 1]):
        after = matrix(prepared(path, **options))
        np.testing.assert_allclose(after, before * [signs, signs], rtol=1e-12)
        assert b" -0.0 " not in path.read_bytes()


def test_pointing_of_the_user_and_back(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "GMOSN")  # whose pointing cards are CRVAL1 and CRVAL2
    header = prepared(path, ra=10.0, dec=-20.0)
    assert (header["CRVAL1"], header["CRVAL2"]) == (10.0, -20.0)
    header = prepared(path)
    assert (header["CRVAL1"], header["CRVAL2"]) == pytest.approx(POINTING)


def test_pointing_of_the_user_replaces_one_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    original = write_frame(path, cards={"RA": None, "DEC": "  "})
    (failure,) = prepare(path).failed
    assert "RA: missing; give the frame centre with -ra and -dec" in failure.reason
    assert path.read_bytes() == original
    assert prepared(path, ra=1.0, dec=2.0)["CRVAL2"] == 2.0


@pytest.mark.parametrize(
    ("given", "written"), [("2017_AB", "2017_AB"), ("Čapek", "Capek"), ("../../x", "../../x")]
)
def test_target_goes_into_the_cards_of_the_object(tmp_path: Path, given: str, written: str) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "ARC35AGILE")
    header = prepared(path, target=given)
    assert header["OBJECT"] == header["OBJNAME"] == written
    assert sorted(each.name for each in tmp_path.iterdir()) == [".diagnostics", "a.fits"]


def test_equinox_of_old_catalogs_is_precessed_once(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, cards={"EQUINOX": None, "EPOCH": "J1975.0"})
    expected = sky.to_icrs(*POINTING, 1975.0)
    for _ in range(2):
        header = prepared(path)
        assert (header["CRVAL1"], header["CRVAL2"]) == pytest.approx(expected, abs=1e-5)
        assert (header["EQUINOX"], header["EPOCH"]) == (2000.0, 2000.0)
    # the kept header does not travel with the frame: the card PPEQUINX does
    shutil.rmtree(tmp_path / PRISTINE_FOLDER)
    for _ in range(2):
        header = prepared(path)
        assert (header["CRVAL1"], header["CRVAL2"]) == pytest.approx(expected, abs=1e-5)


def test_all_of_an_old_wcs_goes(tmp_path: Path) -> None:
    old = {
        "CTYPE1": "RA---TNX",
        "CTYPE2": "DEC--TNX",
        "CRVAL1": "10.0",
        "PC1_1": 1.0,
        "CDELT1": 2.0,
        "CROTA2": 3.0,
        "PV1_39": 1.0,
        "A_ORDER": 4,
        "A_3_1": 1.0,
        "AP_ORDER": 2,
        "WAT1_001": "wtype=tnx",
        "LTM1_1": 1.0,
        "LTV1": 5.0,
        "TR1_0": 1.0,
        "CTYPE1A": "RA---TAN",
        "CD1_1A": 1.0,
        "RADECSYS": "FK4",
        "PVTEMP_1": 20.0,
        "ASTRRMS1": "0.1",
    }
    path = tmp_path / "a.fits"
    write_frame(path, cards=old)
    header = prepared(path)
    left = {name for name in old if name in header and header[name] == old[name]}
    assert left == {"PVTEMP_1"}
    renewed = {"CTYPE1", "CTYPE2", "CRVAL1", "RADECSYS"}
    assert {name for name in old if name in header} == {"PVTEMP_1", *renewed}
    assert header["RADECSYS"] == header["RADESYS"] == "ICRS"
    assert seed_error_px(header, camera_wcs("VATT4K", (40, 50))) < 1.0


def test_cards_that_the_telescope_reads_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "TNGDOLORES", cards={"PSCALE": 1.0})
    header = prepared(path)
    assert (header["CRDELT1"], header["CRDELT2"]) == (2, 2)


def test_wcs_cards_that_a_users_telescope_reads_stay(tmp_path: Path) -> None:
    home = tmp_path / "home" / "setup"
    home.mkdir(parents=True)
    (home / "mytelescopes.py").write_text(
        "mine_param = dict(telescope_parameters['VATT4K'], telescope_keyword='MINE',\n"
        "                  binning=('CDELT1', 'CDELT2'))\n"
        "telescope_parameters['MINE'] = mine_param\n"
        "instrument_identifiers['home made'] = 'MINE'\n"
        "implemented_telescopes.append('MINE')\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOTPIPEDIR", str(home.parent))
        path = tmp_path / "a.fits"
        write_frame(path, cards={"INSTRUME": "home made", "CDELT1": 3, "CDELT2": 3, "CROTA2": 9.0})
        header = prepared(path)
        first = path.read_bytes()
        assert (header["TEL_KEYW"], header["SECPIXX"]) == ("MINE", 0.5625)
        assert (header["CDELT1"], header["CDELT2"], "CROTA2" in header) == (3, 3, False)
        prepared(path)
    assert path.read_bytes() == first


def test_kept_wcs_has_numbers_for_text(tmp_path: Path) -> None:
    true = camera_wcs("VATT4K", (40, 50), (33.0, 44.0)).to_header()
    texts = {name: str(true[name]) for name in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2")}
    texts |= {name: f"{true[name]} " for name in ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2")}
    texts |= {name: str(true[name]) for name in ("PC1_1", "PC2_2") if name in true}
    path = tmp_path / "a.fits"
    original = write_frame(path, cards=texts)
    for _ in range(2):
        header = prepared(path, keep_wcs=True)
        assert all(isinstance(header[name], float) for name in NUMBERS)
        assert seed_error_px(header, camera_wcs("VATT4K", (40, 50), (33.0, 44.0))) < 1e-3
    assert prepared(path)["CRVAL1"] == pytest.approx(POINTING[0])
    header = prepared(path, keep_wcs=True)  # the original one, not the one just written
    assert header["CRVAL1"] == pytest.approx(33.0)
    prepare(path, restore=True)
    assert path.read_bytes() == original


def test_kept_sip_becomes_tpv(tmp_path: Path) -> None:
    true = camera_wcs("VATT4K", (40, 50)).to_header()
    sip = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2}
    sip |= {"A_2_0": 1e-4, "B_1_1": 2e-4, "CRVAL1": true["CRVAL1"], "CRVAL2": true["CRVAL2"]}
    sip |= {"CRPIX1": 20.0, "CRPIX2": 20.0, "CD1_1": -1e-4, "CD2_2": 1e-4}
    path = tmp_path / "a.fits"
    write_frame(path, cards=sip)
    expected = WCS(fits.Header(sip))
    header = prepared(path, keep_wcs=True)
    assert header["CTYPE1"] == "RA---TPV"
    assert "A_ORDER" not in header
    assert seed_error_px(header, expected) < 1e-6


def test_frame_without_wcs_has_none_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    original = write_frame(path)
    (failure,) = prepare(path, keep_wcs=True).failed
    assert "this header has no WCS that -keep_wcs could keep" in failure.reason
    assert "run without -keep_wcs" in failure.reason
    assert path.read_bytes() == original


def test_trusted_wcs_of_ztf_is_kept(tmp_path: Path) -> None:
    good = dict(camera_wcs("ZTFMOSAIC", (40, 50), (33.0, 44.0)).to_header())
    path = tmp_path / "a.fits"
    write_frame(path, "ZTFMOSAIC", cards=good)
    assert prepared(path)["CRVAL1"] == pytest.approx(33.0)
    assert prepared(path, ra=1.0, dec=2.0)["CRVAL1"] == 1.0


def test_frames_of_ztf_without_a_wcs_start_from_the_pointing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "ZTFMOSAIC")
    assert prepared(path)["CTYPE1"] == "RA---TAN"
    assert "a.fits: it came without a usable WCS; the starting WCS is made from" in caplog.text


def test_filters_that_nobody_knows_are_told_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / name for name in ("a.fits", "b.fits", "c.fits")]
    for path in paths:
        write_frame(path)
    for path in paths[:2]:
        update_header(path, {"FILTER": "TOP 9 BOT 9"})
    result = prepare(*paths)
    assert result.failed == ()
    assert [bool(each.unknown_filter) for each in result.frames] == [True, True, False]
    (line,) = [each.message for each in caplog.records if "TOP 9" in each.message]
    assert line.startswith("2 frames: filter 'TOP 9 BOT 9' (card FILTER) is not among")


# -- a second run, a dry run, the way back


def test_what_the_user_edits_between_two_runs_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path)
    prepared(path, target="Ceres")
    update_header(path, {"FILTER": "TOP 5 BOT 1", "EXPTIME": 120.0, "CRVAL1": 1.0, "SECPIX": 9.0})
    result = prepare(path)
    assert (result.frames[0].filter_name, result.frames[0].exptime_s) == ("TOP 5 BOT 1", 120.0)
    assert result.frames[0].midtime_jd == pytest.approx(MIDTIME_JD + 30 / 86400, abs=1e-8)
    header = read_header(path)
    assert header["CRVAL1"] == pytest.approx(POINTING[0])
    assert header["SECPIX"] == 0.375
    assert header["OBJECT"] == "Ceres"


def test_dry_run_tells_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, packed, edges = (tmp_path / name for name in ("a.fits", "b.fits.gz", "c.fits"))
    content = write_frame(path, cards={"CDELT1": 5.0})
    packed.write_bytes(gzip.compress(content))
    write_frame(edges, "LOWELL42", noise((300, 300)))
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    caplog.set_level("INFO")
    result = prepare(path, packed, edges, dry_run=True, target="Ceres")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
    for line in (
        "a.fits: CDELT1: 5.0 -> removed",
        "a.fits: OBJECT: '3552    ' -> 'Ceres   '",
        "a.fits: SECPIX: missing -> 0.375",
        "b.fits.gz: would be unpacked into b.fits",
        "c.fits: its edges would be cut off, in c_trim.fits",
    ):
        assert line in caplog.text
    assert result.failed == ()
    prepare(path)
    prepare(path, dry_run=True)
    assert "a.fits: nothing would change" in caplog.text
    prepare(path, restore=True, dry_run=True)
    assert "a.fits: would be restored" in caplog.text
    assert path.read_bytes() != content


def test_restore_of_frames_never_prepared_and_of_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a.fits", tmp_path / "b.fits"
    archived = tmp_path / "archive" / "b.fits"
    archived.parent.mkdir()
    original = write_frame(archived)
    write_frame(path)
    link.symlink_to(archived)
    prepare(link)
    assert archived.read_bytes() == original
    assert fits.getheader(link)["TEL_KEYW"] == "VATT4K"
    result = prepare(path, link, restore=True)
    assert (result.done, result.restored) == (2, ("a.fits", "b.fits"))
    assert link.read_bytes() == original


def test_result_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path)
    result = prepare(path)
    assert Workspace(tmp_path).load(PrepareResult) == result
    (row,) = result.frames
    assert row.field_arcmin == pytest.approx((50 * 0.375 / 60, 40 * 0.375 / 60))
    assert (row.airmass, row.exptime_s, row.source) == (1.2, 60.0, "a.fits")


# -- the command


def test_command_prepares_and_returns_statuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "a.fits", tmp_path / "b.fits"
    write_frame(good)
    bad.write_bytes(b"")
    assert main([str(good)]) == Status.DONE
    assert main(["--keep-wcs", "-quiet", str(good), str(bad)]) == Status.FAILED
    assert main(["-rotate", "-90", str(good), str(bad)]) == Status.PARTIAL
    assert main([str(bad)]) == Status.FAILED
    assert main(["-flipz", str(good)]) == Status.USAGE
    assert main(["-restore", str(good)]) == Status.DONE
    printed = capsys.readouterr()
    assert "ERROR: b.fits: the file is empty" in printed.out
    assert "a.fits: prepared for VATT4K: 3552" in printed.out
    assert "pp_prepare.py: a.fits: restored" in (tmp_path / "LOG").read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-ra", "10"], "-ra without -dec"),
        (["-dec", "-10"], "-dec without -ra"),
        (["-keep_wcs", "-rotate", "-1"], "-keep_wcs keeps"),
        (["-restore", "-target", "x"], "-restore puts back"),
        (["-telescope", "VATT"], "did you mean VATT4K"),
    ],
)
def test_contradictions_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    path = tmp_path / "a.fits"
    original = write_frame(path)
    assert main([*options, str(path)]) == Status.FAILED
    assert reason in capsys.readouterr().out
    assert path.read_bytes() == original


# -- GENERIC

UNKNOWN = {"INSTRUME": "home made", "TELESCOP": "mine", "OBJCTRA": None, "OBJCTDEC": None}
UNKNOWN |= {"FILTER": None, "BINX": None, "BINY": None, "EXPTIME": None, "DATE-OBS": None}
UNKNOWN |= {"UT-START": "2017-02-02T09:35:30.0", "GAIN": 2.0}
ANSWERS = {"ra": POINTING[0], "dec": POINTING[1], "filter": "V", "exptime": 60.0}
ANSWERS |= {"date_keyword": "UT-START", "secpix": "0.5,0.6", "binning": "2"}


def test_generic_without_a_terminal_lists_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path, "GENERIC", cards=UNKNOWN)
    (failure,) = prepare(path).failed
    assert "-exptime" in failure.reason and "-telescope KEYWORD" in failure.reason
    (failure,) = prepare(path, telescope="GENERIC", filter="V").failed
    for option in ("-secpix", "-binning", "-ra", "-dec", "-date_keyword", "-exptime"):
        assert option in failure.reason
    assert "-filter" not in failure.reason


def test_generic_told_by_options_and_prepared_again_without_them(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    original = write_frame(path, "GENERIC", cards=UNKNOWN)
    header = prepared(path, telescope="GENERIC", **ANSWERS)
    assert (header["SECPIXX"], header["SECPIXY"]) == (1.0, 1.2)
    assert header["MIDTIMJD"] == pytest.approx(MIDTIME_JD, abs=1e-8)
    assert (header["FILTER"], header["CRVAL1"], header["BINX"]) == ("V", POINTING[0], 2)
    assert header["EXPTIME"] == 60.0
    again = prepared(path)
    for name in ("SECPIXX", "SECPIXY", "CRVAL1", "CRVAL2", "MIDTIMJD"):
        assert again[name] == pytest.approx(header[name], rel=1e-12)
    prepare(path, restore=True)
    assert path.read_bytes() == original


def test_generic_asks_each_thing_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{name}.fits" for name in "abc"]
    for path in paths:
        write_frame(path, "GENERIC", cards=UNKNOWN)
    asked: list[str] = []
    replies = {"pixel scale": "0.5", "binning": "2", "right": "179.28", "decl": "0.428"}
    replies |= {"filter": "V", "card of date": "UT-START", "exposure": "60"}

    def answer(question: str) -> str:
        asked.append(question)
        return next(text for start, text in replies.items() if question.startswith(start))

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    assert prepare(*paths, telescope="GENERIC").failed == ()
    assert len(asked) == len(set(asked)) == len(replies)
    assert {fits.getheader(path)["SECPIX"] for path in paths} == {1.0}


def test_options_of_generic_are_refused_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write_frame(path)
    (failure,) = prepare(path, secpix="0.5").failed
    assert "-secpix: only for cameras without an entry, not VATT4K" in failure.reason
