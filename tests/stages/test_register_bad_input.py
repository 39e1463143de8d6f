"""Whatever the frames, the tool or the services: one clear line per frame, the others go on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photpipe.fits import fitsfile
from photpipe.ground.errors import ConfigError, ToolError
from photpipe.register.stage import verify
from photpipe.run.results import RegisterResult
from photpipe.run.settings import ToolSettings
from pp_register import RegisterOptions, register
from simsky import Mover, SkyServer, camera, night, observe, sky_for
from simsky.faults import RESET
from tests.stages.sightings import (
    START_JD,
    Sighting,
    errors_arcsec,
    registered,
    sight,
    workspace,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def _master(tmp_path_factory: pytest.TempPathFactory) -> Sighting:
    return sight(tmp_path_factory.mktemp("field") / "night", 150.0, 20.0, count=3)


@pytest.fixture
def field(_master: Sighting, tmp_path: Path) -> Sighting:
    """Three good frames in a directory of this test's own."""
    shutil.copytree(_master.directory, tmp_path / "night")
    return Sighting([tmp_path / "night" / path.name for path in _master.frames], _master.sky)


def repaint(path: Path, pixels: np.ndarray) -> None:
    """Replace the pixels of a frame and keep its header."""
    header = fits.getheader(path)
    for key in ("BZERO", "BSCALE", "BITPIX"):
        header.remove(key, ignore_missing=True)
    fits.writeto(path, pixels.astype("f4"), header, overwrite=True)


def noise(shape: tuple[int, int] = (512, 512), stars: int = 0) -> np.ndarray:
    random = np.random.default_rng(stars)
    pixels = random.normal(500, 10, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for _ in range(stars):
        x0, y0 = random.uniform(50, 450, 2)
        pixels += 5000 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 8)
    return pixels


def good_ones_are_good(field: Sighting, result: RegisterResult, bad: int = 1) -> None:
    """The last frame failed in one line, the others are registered as ever."""
    names = [path.name for path in field.frames]
    assert [each.frame for each in result.frames] == names[:-bad]
    assert [each.frame for each in result.failed] == names[-bad:]
    assert all(each.reason and "\n" not in each.reason for each in result.failed)
    assert (field.directory / "registration_failed.lst").read_text().split() == names[-bad:]
    for path in field.frames[:-bad]:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.05


@pytest.mark.parametrize("stars", [0, 3, 9])
def test_next_to_no_stars(field: Sighting, stars: int) -> None:
    repaint(field.frames[-1], noise(stars=stars))
    before = fits.getheader(field.frames[-1])
    result = registered(field, snr=5.0)
    good_ones_are_good(field, result)
    reason = result.failed[0].reason
    said = {0: "no source has", 3: "only 3 sources", 9: "9 sources, too few for pattern matching"}
    assert said[stars] in reason
    after = fits.getheader(field.frames[-1])
    assert after["REGSTAT"] == "failed"
    assert {key: after[key] for key in before if key != "COMMENT"} == {
        key: before[key] for key in before if key != "COMMENT"
    }


def test_stars_that_no_catalog_knows(field: Sighting) -> None:
    repaint(field.frames[-1], noise(stars=40))
    result = registered(field, snr=5.0, cat="GAIA")
    good_ones_are_good(field, result)
    reason = result.failed[0].reason
    assert "sources and" in reason
    assert "stars of GAIA within" in reason
    assert "-ra and -dec" in reason


def test_only_saturated_stars(field: Sighting) -> None:
    """They register, but for those who tolerate no flaw."""
    path = field.frames[-1]
    pixels = fits.getdata(path).astype(float)
    sky_level = np.median(pixels)
    repaint(path, np.where(pixels > sky_level + 60, 65000.0, sky_level + noise() - 500))
    strict = registered(field, source_tolerance="none", snr=5.0)
    assert strict.failed[-1].frame == path.name
    assert "are flagged; try -source_tolerance high" in strict.failed[-1].reason
    generous = registered(field, source_tolerance="high", snr=5.0)
    assert generous.failed == ()
    assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.5


def test_a_trailed_series(tmp_path: Path) -> None:
    field = sight(tmp_path, 80.0, -10.0, count=3, tracking_arcsec_min=(6.0, 4.0))
    result = registered(field)
    assert result.failed == ()
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.15


def test_streaks_are_registered_or_refused_with_advice(tmp_path: Path) -> None:
    field = sight(tmp_path, 80.0, -10.0, count=2, tracking_arcsec_min=(25.0, 4.0))
    result = registered(field, cat="GAIA")
    assert all("try -nodeblending" in each.reason for each in result.failed)
    for row in result.frames:
        path = field.directory / row.frame
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 1.0


def test_one_frame_behind_a_cloud(tmp_path: Path) -> None:
    cam = camera("VATT4K", shape=(512, 512))
    plan = night(cam, 80.0, 10.0, count=3, start_jd=START_JD, seed=4)
    plan[1] = replace(plan[1], cloud_mag=2.0)
    plan[2] = replace(plan[2], cloud_mag=12.0)
    field = sight(tmp_path, 80.0, 10.0, exposures=plan)
    result = registered(field)
    good_ones_are_good(field, result)
    assert result.frames[1].matched < result.frames[0].matched


def test_a_cluster_of_galaxies(tmp_path: Path) -> None:
    """Two thirds of the sources are no stars and in no star catalog."""
    field = sight(tmp_path, 195.0, 28.0, seed=6)
    for number, path in enumerate(field.frames):
        pixels = fits.getdata(path).astype(float)
        y, x = np.mgrid[:512, :512]
        random = np.random.default_rng(6)
        for _ in range(150):
            x0, y0 = random.normal(256, 70, 2) + 3 * number
            width = random.uniform(3, 6)
            pixels += 900 * np.exp(-np.hypot(x - x0, y - y0) / width)
        repaint(path, pixels)
    result = registered(field)
    assert result.failed == ()
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.1


def join(first: Sighting, second: Sighting) -> Sighting:
    """Frames of two fields in one directory."""
    (first.directory / "truth").mkdir(exist_ok=True)
    moved = []
    for path in second.frames:
        other = first.directory / f"other_{path.name}"
        shutil.copy(path, other)
        truth = second.directory / "truth" / f"{path.stem}.ecsv"
        shutil.copy(truth, first.directory / "truth" / f"{other.stem}.ecsv")
        moved.append(other)
    return Sighting([*first.frames, *moved], first.sky)


def test_a_field_elsewhere_is_set_aside(field: Sighting, tmp_path: Path) -> None:
    other = sight(tmp_path / "other", 150.0, 26.0, count=1, stars=40)
    both = join(field, other)
    result = registered(both)
    good_ones_are_good(both, result)
    assert "more than 5 deg from the others" in result.failed[0].reason


def test_a_frame_of_another_place_in_reach(field: Sighting, tmp_path: Path) -> None:
    """Its header is right, the services know no star there."""
    other = sight(tmp_path / "other", 152.0, 21.0, count=1)
    both = join(field, other)
    result = registered(both)
    good_ones_are_good(both, result)
    assert "an empty answer" in result.failed[0].reason


def test_two_fields_in_reach_are_both_registered(tmp_path: Path) -> None:
    cam = camera("VATT4K", shape=(512, 512))
    sky = sky_for(cam, 3, 60.0, 5.0, stars_per_frame=60, margin_deg=1.2)
    plan = [
        *night(cam, 59.6, 5.0, count=2, start_jd=START_JD, seed=1),
        *night(cam, 60.6, 5.3, count=2, start_jd=START_JD + 0.1, seed=2),
    ]
    paths = observe(sky, cam, plan, tmp_path)
    from photpipe.run.workspace import Workspace
    from pp_prepare import PrepareOptions, prepare

    prepare(paths, PrepareOptions(), Workspace(tmp_path, quiet=True))
    result = registered(Sighting(paths, sky))
    assert result.failed == ()
    for path in paths:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.05


def test_names_that_the_tools_cannot_read(field: Sighting) -> None:
    odd = field.directory / "a, b (c) 1.fits"
    truth = field.directory / "truth"
    shutil.copy(field.frames[0], odd)
    shutil.copy(truth / f"{field.frames[0].stem}.ecsv", truth / f"{odd.stem}.ecsv")
    prefix = field.directory / "mscience00010.fits"
    shutil.copy(field.frames[1], prefix)
    shutil.copy(truth / f"{field.frames[1].stem}.ecsv", truth / f"{prefix.stem}.ecsv")
    frames = Sighting([*field.frames, odd, prefix], field.sky)
    result = registered(frames)
    assert result.failed == ()
    for path in frames.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.05


def test_stale_head_file_is_not_believed(field: Sighting) -> None:
    head = field.frames[0].with_suffix(".head")
    head.write_text("CRVAL1  =   10.0\nCRVAL2  =   -80.0\nEND\n")
    result = registered(field)
    assert result.failed == ()
    assert np.sqrt(np.mean(errors_arcsec(field.frames[0]) ** 2)) < 0.05


def test_damaged_frame_among_the_others(field: Sighting) -> None:
    field.frames[-1].write_bytes(field.frames[-1].read_bytes()[:50_000])
    result = registered(field)
    good_ones_are_good(field, result)
    assert "truncated" in result.failed[0].reason


def test_write_protected_frame(field: Sighting) -> None:
    field.frames[-1].chmod(0o444)
    result = registered(field)
    good_ones_are_good(field, result)
    assert "not permitted" in result.failed[0].reason


def test_a_lying_header_is_not_followed(field: Sighting) -> None:
    """The reference pixel is far outside, the scale absurd: found all the same, or refused."""
    header = fits.getheader(field.frames[-1])
    changes = {"CRVAL1": header["CRVAL1"] + 0.4, "CD1_1": 3 * header["CD1_1"]}
    fitsfile.update_header(field.frames[-1], changes)
    result = registered(field)
    if result.failed:
        good_ones_are_good(field, result)
    else:
        assert np.sqrt(np.mean(errors_arcsec(field.frames[-1]) ** 2)) < 0.1


FAKES = {
    "crashes": "kill -SEGV $$",
    "complains": "echo '> *Error*: no source'; exit 1",
    "hangs": "sleep 60",
    "writes nothing": "exit 0",
    "writes rubbish": "echo rubbish > scamp.xml; echo x > 00000.head",
}


@pytest.mark.parametrize("kind", FAKES)
def test_a_broken_scamp(
    field: Sighting, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Frames that the stars confirm without a doubt are registered all the same, and it is said."""
    program = tmp_path / "bin" / "scamp"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{FAKES[kind]}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    repaint(field.frames[-1], noise(stars=40))
    with SkyServer(field.sky) as server:
        space = workspace(field, server)
        impatient = replace(space.settings, tools=ToolSettings(timeout_s=1.5))
        if kind != "crashes":  # one of them goes through all that is tried for the lost frame
            near = replace(impatient.registration, anywhere=False, repeat_registrations=1)
            impatient = replace(impatient, registration=near)
        options = RegisterOptions(cat="GAIA", snr=5.0)
        result = register(field.frames, options, replace(space, settings=impatient))
    good_ones_are_good(field, result)
    assert {each.fit for each in result.frames} == {"least squares"}
    assert any("SCAMP: " in each.getMessage() for each in caplog.records)
    assert not (field.directory / "astrometry_scamp.xml").exists()


def test_no_scamp_at_all(field: Sighting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    headers = [path.read_bytes() for path in field.frames]
    with pytest.raises(ToolError, match="install"):
        registered(field)
    assert [path.read_bytes() for path in field.frames] == headers


def test_services_are_down(field: Sighting) -> None:
    with SkyServer(field.sky) as server:
        space = workspace(field, server)
        server.fail(RESET)
        result = register(field.frames, RegisterOptions(), space)
        assert result.done == 0
        assert len(result.failed) == 3
        assert all("VizieR" in each.reason for each in result.failed)
        assert not any("clouds" in each.reason for each in result.failed)
        assert all(fits.getheader(path)["REGSTAT"] == "failed" for path in field.frames)
        server.heal()
        assert register(field.frames, RegisterOptions(), space).done == 3


@pytest.mark.parametrize("down", ["vizier", "vizier2"])
def test_half_of_the_services_are_down(field: Sighting, down: str) -> None:
    """Catalogs come from the mirror, and pp_register needs nobody else."""
    with SkyServer(field.sky) as server:
        for name in (down, "horizons", "skybot", "sdss", "mast"):
            server.stop(name)
        result = register(field.frames, RegisterOptions(), workspace(field, server))
    assert result.failed == ()
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.05


def test_an_edge_of_the_catalog_in_the_field(field: Sighting) -> None:
    """Half of the frame is beyond a survey's end: no star is known there."""
    edge_deg = float(np.median([fits.getheader(path)["CRVAL1"] for path in field.frames]))
    west = replace(field.sky, sources=field.sky.sources[field.sky.sources["ra_deg"] < edge_deg])
    result = registered(Sighting(field.frames, west))
    assert result.failed == ()
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.05


def test_offline_without_a_cache(field: Sighting) -> None:
    with SkyServer(field.sky) as server:
        space = workspace(field, server)
        offline = replace(space, settings=space.settings.with_offline())
        assert register(field.frames, RegisterOptions(), offline).done == 0
        assert server.count() == 0
        assert register(field.frames, RegisterOptions(), space).done == 3
        assert register(field.frames, RegisterOptions(), offline).done == 3


def test_unknown_catalog_is_said_before_anything_is_done(field: Sighting) -> None:
    with pytest.raises(ConfigError, match="NOSUCH"):
        registered(field, cat="NOSUCH")
    assert not list(field.directory.glob("*.ldac"))


def test_no_frame_at_all(field: Sighting) -> None:
    for path in field.frames:
        path.write_bytes(b"")
    result = registered(field)
    assert result.done == 0
    assert len(result.failed) == 3
    with SkyServer(field.sky) as server:
        assert verify(field.frames, RegisterOptions(), workspace(field, server)).done == 0


def test_pointing_of_the_target_where_the_header_has_none(tmp_path: Path) -> None:
    target = Mover("Don Quixote", 150.02, 20.01, epoch_jd=START_JD, number=3552, v_mag=17.0)
    field = sight(tmp_path, 150.0, 20.0, count=2, object_name="3552")
    known = Sighting(field.frames, field.sky.with_movers(target))
    for path in field.frames:
        gone = ("CRVAL1", "CRVAL2", "CTYPE1", "CTYPE2", "RA", "DEC")
        fitsfile.update_header(path, dict.fromkeys(gone))
    result = registered(known)
    assert result.failed == ()
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.05


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again(field: Sighting, tmp_path: Path) -> None:
    """The outcome is that of an undisturbed run."""
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(field.directory, undisturbed)
    calm = Sighting([undisturbed / path.name for path in field.frames], field.sky)
    with SkyServer(field.sky) as server:
        assert register(calm.frames, RegisterOptions(), workspace(calm, server)).done == 3
        server.write_settings(field.directory, read_timeout_s=60.0)
        command = [sys.executable, str(ROOT / "pp_register.py"), "-quiet"]
        for delay_s in (0.6, 1.2, 1.8, 2.4, 3.2):
            process = subprocess.Popen(
                [*command, *map(str, field.frames)], stderr=subprocess.DEVNULL
            )
            time.sleep(delay_s)
            process.send_signal(signal.SIGKILL)
            process.wait()
            for path in field.frames:
                assert fits.getdata(path).shape == (512, 512)
        assert subprocess.run([*command, *map(str, field.frames)], check=False).returncode == 0
    for path, other in zip(field.frames, calm.frames, strict=True):
        ours, theirs = fits.getheader(path), fits.getheader(other)
        assert ours["REGSTAT"] == "registered"
        assert abs(ours["CRVAL1"] - theirs["CRVAL1"]) * 3600 < 0.005
        assert abs(ours["CRVAL2"] - theirs["CRVAL2"]) * 3600 < 0.005
