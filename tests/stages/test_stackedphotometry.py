"""pp_stackedphotometry on simulated nights: the target comes out as bright as it was."""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import pp_photometry
import pp_stackedphotometry
from photpipe.catalogs.database import read_database
from photpipe.combine import exposures
from photpipe.fits import fitsfile
from photpipe.ground.sky import separation_deg
from photpipe.instruments.frames import Frame
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from simsky import SkyServer
from tests.stages.stacks import COUNT, Night, stack_of


@contextmanager
def served(night: Night) -> Iterator[SkyServer]:
    """The services about the sky of a night."""
    with SkyServer(night.sky) as server:
        server.write_settings(night.directory)
        yield server


def measure(night: Night, *words: str) -> int:
    return pp_stackedphotometry.main([*words, *night.names])


def point_of(night: Night) -> TargetPoint:
    _, (point,) = photometry_file.read(night.directory / "photometry_3552.ecsv")
    return point


def true_mag(night: Night) -> float:
    return float(np.mean([truth[truth["kind"] == 1][0]["mag"] for truth in night.truths]))


def star_residuals(night: Night, brightest: int = 25) -> np.ndarray:
    """Calibrated magnitude in the stack minus truth, of constant unsaturated stars."""
    _, sources = read_database(night.directory / "skycoadd" / "skycoadd.ldac.db")
    truth = night.truths[0]
    truth = truth[(truth["kind"] == 6) & ~truth["varies"] & ~truth["saturated"]]
    truth.sort("flux_adu", reverse=True)
    residuals = []
    for star in truth[:brightest]:
        apart = separation_deg(
            sources["ra_deg"], sources["dec_deg"], star["ra_deg"], star["dec_deg"]
        )
        row = int(np.argmin(apart))
        if apart[row] * 3600 < 0.5:
            residuals.append(float(sources["_Rmag"][row]) - star["mag"])
    return np.array(residuals)


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return Night(tmp_path_factory.mktemp("bright"), count=7)


@pytest.fixture(scope="module")
def cloudy(tmp_path_factory: pytest.TempPathFactory) -> Night:
    directory = tmp_path_factory.mktemp("cloudy")
    night = Night(directory, count=7, cloud_mag=1.0, seeing_arcsec=(1.4, 2.4), seed=12)
    words = ["-quiet", "-offline", "-background_only", *night.names]
    assert pp_photometry.main(words) == 0
    return night


@pytest.mark.pages
def test_target_and_stars_on_a_clear_night(
    bright: Night, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    sky = exposures._sky

    def watched(path: Path, name: str) -> tuple[float, float]:
        read.append(name)
        return sky(path, name)

    monkeypatch.setattr(exposures, "_sky", watched)
    with served(bright) as server:
        assert measure(bright, "-comoving") == 0
        assert server.count("horizons") == 1
    assert len(read) == len(set(read)) > 1, "two stacks of frames that are read once"
    said = capsys.readouterr().out
    assert "comove.fits: aperture and zeropoint are those of skycoadd.fits" in said
    assert "photometry_3552.dat: detected, R = " in said
    assert "Control Star" not in said
    residuals = star_residuals(bright)
    assert len(residuals) >= 10
    assert abs(np.median(residuals)) < 0.01
    point = point_of(bright)
    assert point.frame == "comove.fits"
    assert point.is_good
    assert abs(point.mag - true_mag(bright)) < 0.01 + 2 * point.sig
    assert point.sig < 0.03
    assert point.catalog == "PANSTARRS"
    assert point.midtime_jd == pytest.approx(
        stack_of(bright.directory, "comove.fits")[1].midtime_jd
    )
    for stack in ("skycoadd", "comove"):
        page = (bright.directory / stack / "diagnostics.html").read_text("utf-8")
        assert f"{stack}.fits" in page
        assert "pp_prepare" not in page, "a stack needs none"
    assert f"{point.mag:.3f}" in page
    names = {path.name for path in bright.directory.iterdir()}
    assert {"skycoadd.fits", "comove.fits", "skycoadd", "comove"} <= names
    assert {f"photometry_3552{end}" for end in (".dat", ".ecsv", ".csv")} <= names
    state = json.loads((bright.directory / ".diagnostics/state/stackedphotometry.json").read_text())
    assert state["catalog"] == "PANSTARRS"
    assert state["stars"]["frames"] == state["comoving"]["frames"]
    facts, _ = read_database(bright.directory / "comove" / "comove.ldac.db")
    of_stars, _ = read_database(bright.directory / "skycoadd" / "skycoadd.ldac.db")
    for name in ("zeropoint_mag", "aperture_radius_px", "seeing_arcsec", "aperture_correction_mag"):
        assert facts[name] == of_stars[name]


@pytest.mark.parametrize("method", ["average", "clipped", "median"])
def test_clouds_and_seeing_do_not_matter(cloudy: Night, method: str) -> None:
    with served(cloudy):
        assert measure(cloudy, "-comoving", "-method", method) == 0
    point = point_of(cloudy)
    limit = 0.02 if method == "median" else 0.01  # which does not conserve flux, as the manual says
    assert abs(point.mag - true_mag(cloudy)) < limit + 2 * point.sig
    assert abs(np.median(star_residuals(cloudy))) < 0.01


def test_a_target_that_no_single_frame_shows(tmp_path: Path) -> None:
    night = Night(tmp_path, count=16, v_mag=22.88)
    with served(night):
        assert measure(night, "-comoving") == 0
    stack = Frame.read(tmp_path / "skycoadd" / "skycoadd.fits").header
    copies = [Path(shutil.copy(path, tmp_path / "comove")) for path in night.paths]
    words = ["-quiet", "-offline", "-aprad", str(stack["APRAD"])]
    assert pp_photometry.main([*words, *map(str, copies)]) == 0
    singles = [Frame.read(path).header for path in copies]
    noise = np.array([single["APNOISE"] for single in singles])
    assert noise.mean() / stack["APNOISE"] == pytest.approx(4.0, rel=0.10)
    light = 10 ** (0.4 * np.array([single["APCORR"] for single in singles]))
    flux = [truth["flux_adu"][truth["kind"] == 1][0] for truth in night.truths]
    snr = flux * light * 10 ** (0.4 * point_of(night).trailing_mag) / noise
    assert snr.max() < 2.5  # a point needs 3
    point = point_of(night)
    assert point.is_good
    assert point.snr > 3
    assert abs(point.mag - true_mag(night)) < 3 * point.sig


def test_without_following_the_target_is_looked_for_among_the_stars(
    bright: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(bright):
        assert measure(bright, "-targetname", "3552") == 0
    said = capsys.readouterr().out
    assert "photometry_3552.dat: " in said
    point = point_of(bright)
    assert point.frame == "skycoadd.fits"
    # it moved by 28 arcsec: clipped away, it is not there, and nothing else is taken for it
    assert point.method != "detected"
    assert point.rejected == "the target moved 28.8 arcsec during the stack: use -comoving"
    assert not point.is_good
    assert abs(np.median(star_residuals(bright))) < 0.01


def test_photometry_of_single_frames_is_kept(bright: Night) -> None:
    for suffix in (".dat", ".ecsv", ".csv"):
        (bright.directory / f"photometry_3552{suffix}").unlink(missing_ok=True)
    light_curve = bright.directory / "photometry_3552.dat"
    light_curve.write_text("the light curve of the night")
    with served(bright):
        assert measure(bright, "-comoving", "-quiet") == 0
        assert measure(bright, "-comoving", "-quiet") == 0
    kept = bright.directory / "photometry_3552_single_frames.dat"
    assert kept.read_text() == "the light curve of the night"
    assert point_of(bright).frame == "comove.fits"


def test_without_a_calibration_that_is_said_and_no_zeropoint_is_made_up(
    bright: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(bright) as server:
        for service in ("vizier", "vizier2", "sdss", "mast"):
            server.stop(service)
        server.write_settings(bright.directory, retries=0)
        assert measure(bright, "-comoving", "-filter", "I") == 0
    said = capsys.readouterr().out
    assert "skycoadd.fits is not calibrated: magnitudes are instrumental" in said
    assert "instrumental magnitude = " in said
    point = point_of(bright)
    assert math.isnan(point.zeropoint)
    assert point.mag == pytest.approx(point.aperture_mag + point.trailing_mag)
    assert point.mag == point.instrumental_mag
    state = json.loads((bright.directory / ".diagnostics/state/stackedphotometry.json").read_text())
    assert state["zeropoint_mag"] is None
    assert state["catalog"] == ""
    line = (bright.directory / "photometry_3552.dat").read_text().splitlines()[1]
    assert " - " in line


def test_what_cannot_be_measured(
    bright: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(bright, "-comoving", "-offline", "-target", "2019 XX99") == 1
    assert capsys.readouterr().out.count("ERROR") == 1
    paths = [Path(shutil.copy(path, tmp_path)) for path in bright.paths[:4]]
    paths[0].write_bytes(b"")
    fitsfile.update_header(paths[1], {"REGSTAT": "failed"})
    with SkyServer(bright.sky) as server:
        server.write_settings(tmp_path)
        assert pp_stackedphotometry.main(["-comoving", *map(str, paths)]) == 3
    said = capsys.readouterr().out
    assert said.count(f"{paths[0].name}: ") == 1
    assert said.count(f"{paths[1].name}: ") == 1
    assert stack_of(tmp_path, "comove.fits")[1].header["NCOMBINE"] == 2


def test_reject_is_a_word_to_the_distillation(
    bright: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [Path(shutil.copy(path, tmp_path)) for path in bright.paths[:3]]
    words = [str(path) for path in paths]
    assert pp_stackedphotometry.main(["-reject", "nonsense", "-offline", *words]) == 1
    assert "nonsense" in capsys.readouterr().out
    assert not (tmp_path / "skycoadd.fits").exists(), "told before the work"
    with SkyServer(bright.sky) as server:
        with server.write_settings(tmp_path).open("a") as file:
            file.write('[distill.reject]\nall = "sig > 0"\n')
        assert pp_stackedphotometry.main(["-comoving", "-reject", "all", *words]) == 0
    (point,) = photometry_file.read(tmp_path / "photometry_3552.ecsv")[1]
    assert point.rejected


def test_nothing_is_left_and_the_frames_are_as_they_were(bright: Night) -> None:
    before = [path.read_bytes() for path in bright.paths]
    with served(bright):
        assert measure(bright, "-comoving", "-method", "average", "-solar") == 0
    assert [path.read_bytes() for path in bright.paths] == before
    assert not list(bright.directory.glob(".pp_*"))
    assert stack_of(bright.directory)[1].header["NCOMBINE"] == 7 != COUNT
