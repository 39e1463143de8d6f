"""Stacks of a simulated night: fluxes, depth, times and masks are those of the truth."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import pp_combine
import pp_photometry
import pp_prepare
from photpipe.catalogs.ldac import read_ldac
from photpipe.combine.exposures import Exposure, scaled
from photpipe.fits import fitsfile
from photpipe.instruments.frames import Frame
from simsky import SkyServer
from tests.stages.stacks import (
    COUNT,
    Night,
    stack_of,
    star_offsets,
    target_offset,
)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return Night(tmp_path_factory.mktemp("combine"))


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Clouds of up to 1.2 mag, and seeing from 1.1 to 2.6 arcsec."""
    night = Night(
        tmp_path_factory.mktemp("uneven"), count=7, cloud_mag=1.2, seeing_arcsec=(1.1, 2.6), seed=8
    )
    words = ["-quiet", "-offline", "-background_only", *night.names]
    assert pp_photometry.main(words) == 0
    return night


@pytest.mark.parametrize("method", ["average", "clipped", "median"])
def test_sky_stack_keeps_the_flux_of_stars(nights: Night, method: str) -> None:
    assert nights.combine("-method", method) == 0
    _, frame = stack_of(nights.directory)
    offsets = star_offsets(nights)
    assert len(offsets) >= 8
    # a median of different seeings does not conserve flux, as the manual says
    assert abs(np.median(offsets)) < (0.02 if method == "median" else 0.01)
    assert frame.midtime_jd == pytest.approx(
        np.mean([truth.meta["midtime_jd"] for truth in nights.truths]), abs=1e-7
    )
    assert frame.header["NCOMBINE"] == COUNT
    single = Frame.read(nights.paths[0])
    assert frame.telescope.keyword == "VATT4K"
    assert frame.single_exptime_s == pytest.approx(60.0)
    assert frame.exptime_s == pytest.approx(60.0 * COUNT)
    assert frame.band == single.band
    assert single.gain is not None
    factor = COUNT * (2 / np.pi if method == "median" else 1)
    assert frame.gain == pytest.approx(single.gain * factor, rel=0.02)
    assert frame.pixel_scale_arcsec[0] == pytest.approx(0.375, rel=1e-3)


@pytest.mark.parametrize("method", ["average", "clipped"])
def test_depth_grows_with_the_root_of_the_frames(
    nights: Night, tmp_path: Path, method: str
) -> None:
    assert nights.combine("-method", method) == 0
    names = [path.name for path in nights.paths] + ["skycoadd.fits"]
    paths = [Path(shutil.copy(nights.directory / name, tmp_path)) for name in names]
    words = ["-quiet", "-offline", "-aprad", "6"]
    assert pp_photometry.main([*words, *map(str, paths[:-1])]) == 0
    assert pp_photometry.main([*words, str(paths[-1])]) == 0
    *singles, stack = (Frame.read(path).header["APNOISE"] for path in paths)
    assert np.mean(singles) / stack == pytest.approx(np.sqrt(COUNT), rel=0.10)


@pytest.mark.parametrize("method", ["average", "clipped"])
def test_clouds_and_seeing_take_nothing_from_the_stars(
    uneven: Night, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exposures, failed = scaled([Exposure.read(path, None) for path in uneven.paths])
    assert not failed
    scales = np.array([each.scale for each in exposures])
    true = np.array([truth.meta["zeropoint_mag"] for truth in uneven.truths])
    assert 2.5 * np.log10(scales) == pytest.approx(np.median(true) - true, abs=0.03)
    assert uneven.combine("-method", method) == 0
    assert "by the stars that the frames have in common" in capsys.readouterr().out
    offsets = star_offsets(uneven, 3000.0, scales)
    half = len(offsets) // 2
    # the weights of a clipped mean are those of the noise: seeing and extinction of the best
    limit = 0.01 if method == "average" else 0.02
    assert len(offsets) >= 20
    assert abs(np.median(offsets[:half])) < limit
    assert abs(np.median(offsets[:half]) - np.median(offsets[half:])) < 0.02


def test_the_midtime_is_weighted_by_exposure(tmp_path: Path) -> None:
    times = (20.0, 60.0, 180.0)
    night = Night(tmp_path, count=3, exptimes_s=times)
    assert night.combine("-method", "average") == 0
    _, frame = stack_of(tmp_path)
    jd = [truth.meta["midtime_jd"] for truth in night.truths]
    assert frame.midtime_jd == pytest.approx(np.average(jd, weights=times), abs=1e-7)
    assert frame.single_exptime_s == pytest.approx(np.mean(times))
    assert frame.exptime_s == frame.header["EXPTIME"] == pytest.approx(np.sum(times))
    assert frame.header["TEXPTIME"] == pytest.approx(np.sum(times))
    assert frame.header["COMBO_N"] == len(times)
    assert (frame.header["COMBO_M"], frame.header["COMOVE"]) == ("average", "False")
    assert (frame.header["RADECSYS"], frame.header["EPOCH"]) == ("ICRS", 2000.0)
    scales = np.mean(times) / np.array(times)
    assert abs(np.median(star_offsets(night, 20000.0, scales))) < 0.01


def test_uncovered_pixels_are_never_measured(nights: Night, tmp_path: Path) -> None:
    """NaN in the stack; sources that reach into it are flagged, none is found in it."""
    whole = nights.truths[4]
    inside = (np.abs(whole["x"] - 300) < 120) & (np.abs(whole["y"] - 320) < 120)
    star = whole[inside & (whole["kind"] == 6) & ~whole["saturated"]]
    star = star[np.argmax(star["flux_adu"])]
    for path in nights.paths:
        frame = Frame.read(path)
        x, y = frame.wcs().all_world2pix(star["ra_deg"], star["dec_deg"], 0)
        pixels = fits.getdata(path).astype(np.float32)
        pixels[int(y) - 60 : int(y) + 60, int(x) - 100 : int(x) + 1] = np.nan
        fits.PrimaryHDU(pixels, frame.header).writeto(tmp_path / path.name)
    names = [str(path) for path in sorted(tmp_path.glob("*.fits"))]
    assert pp_combine.main(["-method", "average", *names]) == 0
    pixels, stack = stack_of(tmp_path)
    assert np.isnan(pixels).sum() > 5000
    assert np.nanmin(pixels) > 100  # no zero, no garbage where nothing is known
    words = ["-quiet", "-background_only", str(tmp_path / "skycoadd.fits")]
    assert pp_photometry.main(words) == 0
    sources, _ = read_ldac(tmp_path / "skycoadd.ldac")
    x, y = (np.asarray(sources[name]) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    at = np.rint(y - 1).astype(int), np.rint(x - 1).astype(int)
    flagged = np.asarray(sources["FLAGS"]) & 16 > 0
    assert flagged[np.isnan(pixels[at])].all()
    here = stack.wcs().all_world2pix(star["ra_deg"], star["dec_deg"], 1)
    assert flagged[np.hypot(x - here[0], y - here[1]) < 10].all()
    assert not flagged.all()


def test_inputs_are_untouched_and_nothing_is_left(
    nights: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [path.read_bytes() for path in nights.paths]
    left = nights.directory / ".pp_combine_of_a_killed_run"
    left.mkdir(exist_ok=True)
    (left / "lock").touch()
    assert nights.combine("-method", "average") == 0
    assert [path.read_bytes() for path in nights.paths] == before
    names = {path.name for path in nights.directory.iterdir()}
    allowed = {path.name for path in nights.paths} | {"truth", "LOG", ".diagnostics"}
    assert names <= allowed | {"skycoadd.fits", "comove.fits", "skycoadd_files"}
    capsys.readouterr()
    # a second run with wildcards does not stack the stack
    assert pp_combine.main(["-method", "average", str(nights.directory / "*.fits")]) == 0
    assert stack_of(nights.directory)[1].header["NCOMBINE"] == COUNT
    assert "skycoadd.fits" in capsys.readouterr().out.split("left out")[0]


def test_a_stack_is_a_frame_for_the_other_commands(nights: Night) -> None:
    # the middle of four exposures is that of none
    assert pp_combine.main(["-method", "average", *nights.names[:4]]) == 0
    path = nights.directory / "skycoadd.fits"
    before = Frame.read(path)
    assert "PPPRIST" not in before.header
    assert pp_prepare.main(["-quiet", str(path)]) == 0
    after = Frame.read(path)
    assert after.midtime_jd == before.midtime_jd
    for key in ("CRVAL1", "CRVAL2", "CD1_1", "CD2_2", "CRPIX1", "SECPIXX"):
        assert after.header[key] == pytest.approx(before.header[key], rel=1e-9)
    path.unlink()


@pytest.mark.parametrize("words", [("-comoving",), ("-manual_rates", "0.05", "-0.0333333")])
def test_comoving_stack_keeps_the_flux_of_the_target(nights: Night, words: tuple[str, ...]) -> None:
    with SkyServer(nights.sky) as server:
        server.write_settings(nights.directory)
        assert nights.combine("-method", "average", *words) == 0
        if words == ("-comoving",):
            assert server.count("horizons") == 1
    (nights.directory / "photpipe.toml").unlink()
    assert abs(target_offset(nights)) < 0.01
    assert fits.getval(nights.directory / "comove.fits", "COMOVE") == "True"


def test_manual_rates_are_on_the_sky_also_near_the_pole(tmp_path: Path) -> None:
    night = Night(tmp_path, count=5, field=(300.0, 85.0))
    assert night.combine("-method", "average", "-manual_rates", "0.05", "-0.0333333") == 0
    assert abs(target_offset(night)) < 0.01


def test_a_telescope_that_followed_the_target(tmp_path: Path) -> None:
    """The field drifts by two thirds of its size; the stack is where half of the frames are."""
    night = Night(tmp_path, count=7, follow=(20.0, 0.0), dither_arcsec=2.0)
    assert night.combine("-method", "clipped") == 0
    pixels, _ = stack_of(tmp_path)
    assert pixels.shape[0] > 600
    assert 560 < pixels.shape[1] < 680
    assert np.isfinite(pixels).mean() > 0.9
    with SkyServer(night.sky) as server:
        server.write_settings(tmp_path)
        assert night.combine("-comoving", "-method", "average") == 0
    assert abs(target_offset(night)) < 0.01


def test_frames_that_cannot_be_combined(
    nights: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pp_combine.main([str(nights.paths[0])]) == 1
    assert "only one frame can be combined, two are needed" in capsys.readouterr().out
    paths = [Path(shutil.copy(path, tmp_path)) for path in nights.paths]
    paths[0].write_bytes(b"")
    fitsfile.update_header(paths[1], {"REGSTAT": "failed"})
    fitsfile.update_header(paths[2], {"REGSTAT": None})
    fitsfile.update_header(paths[3], {"MIDTIMJD": None})
    names = [str(path) for path in paths]
    assert pp_combine.main(["-method", "average", *names]) == 3
    said = capsys.readouterr().out
    for name, words in zip(
        names,
        ("empty", "registration failed", "not registered, in contrast", "not prepared"),
        strict=False,
    ):
        assert f"{Path(name).name}: " in said
        assert words in said
    assert stack_of(tmp_path)[1].header["NCOMBINE"] == COUNT - 4


def test_what_does_not_belong_together(
    nights: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [Path(shutil.copy(path, tmp_path)) for path in nights.paths[:3]]
    names = [str(path) for path in paths]
    fitsfile.update_header(paths[1], {"FILTER": "TOP 1 BOT 1"})
    assert pp_combine.main(names) == 1
    assert "of 2 filters (TOP 1 BOT 1, TOP 3 BOT 1); combine each" in capsys.readouterr().out
    fitsfile.update_header(paths[1], {"FILTER": "TOP 3 BOT 1", "CRVAL1": 10.0})
    assert pp_combine.main(names) == 1
    assert "combine the frames of one field at a time" in capsys.readouterr().out


def test_targets_that_cannot_be_followed(
    nights: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nights.combine("-comoving", "-targetname", "HD 12345", "-offline") == 1
    assert "not a known Solar System object" in capsys.readouterr().out
    assert nights.combine("-comoving", "-offline") == 1
    assert capsys.readouterr().out.count("ERROR") == 1
    paths = [Path(shutil.copy(path, tmp_path)) for path in nights.paths[:3]]
    for path in paths:
        fitsfile.update_header(path, {"OBJECT": None})
    assert pp_combine.main(["-comoving", "-offline", *map(str, paths)]) == 1
    assert "use -targetname NAME or -manual_rates" in capsys.readouterr().out


def test_intermediate_files_are_kept_if_wanted(nights: Night) -> None:
    assert nights.combine("-keep_files", "-method", "average") == 0
    kept = nights.directory / "skycoadd_files"
    assert (kept / "stack.weight.fits").is_file()
    assert len(list(kept.glob("frame*.resamp.fits"))) == COUNT
    shutil.rmtree(kept)


FAKES = {
    "crashes": ("kill -SEGV $$", "was ended by signal SIGSEGV"),
    "fails": ("echo '> *Error*: Not enough memory' >&2; exit 1", "*Error*: Not enough memory"),
    "hangs": ("sleep 60 & wait", "did not finish within 3 s and was stopped"),
    "writes nothing": ("exit 0", "without stack.fits"),
    "writes rubbish": ("echo x > stack.fits; echo x > stack.weight.fits", "cannot be read"),
    "is not there": ("", "install it with"),
}


@pytest.mark.parametrize("what", FAKES)
def test_a_swarp_that_goes_wrong(
    what: str,
    nights: Night,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deed, words = FAKES[what]
    tools, data = tmp_path / "bin", tmp_path / "data"
    tools.mkdir()
    data.mkdir()
    paths = [Path(shutil.copy(path, data)) for path in nights.paths[:3]]
    (data / "photpipe.toml").write_text("[tools]\ntimeout_s = 3.0\n")
    (data / "skycoadd.fits").write_bytes(b"of an earlier run")
    if deed:
        (tools / "SWarp").write_text(f"#!/bin/sh\n{deed}\n")
        (tools / "SWarp").chmod(0o755)
    search = f"{tools}{os.pathsep}{os.environ['PATH']}" if deed else str(tools)
    monkeypatch.setenv("PATH", search)
    assert pp_combine.main(["-quiet", *map(str, paths)]) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("ERROR: SWarp: ")
    assert words in said
    assert (data / "skycoadd.fits").read_bytes() == b"of an earlier run"
    assert not list(data.glob(".pp_*"))
