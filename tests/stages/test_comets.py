"""pp_distill -comet: apertures of fixed km, dust, a line for COBS; and what cannot be measured."""

import shutil
from pathlib import Path

import html5lib
import numpy as np
import pytest

import pp_distill
import pp_stackedphotometry
from benchmarks.accuracy import reduced
from photpipe.run import comet_file
from simsky import Mover, SkyServer, camera, night, observe, sky_for
from tests.prepared import make_prepared

START_JD = 2457786.9
DUST_CM = 800.0


@pytest.fixture(scope="module")
def sky_of_comet():
    cam = camera("VATT4K", shape=(420, 420))
    comet = Mover(
        "Simulated",
        150.0,
        12.0,
        epoch_jd=START_JD + 0.001,
        designation="C/2017 B3",
        kind="comet",
        rate_ra_arcsec_min=0.5,
        v_mag=20.0,
        r_au=1.5,
        delta_au=1.1,
        phase_deg=30.0,
        afrho_cm=DUST_CM,
    )
    field = sky_for(cam, 5, 150.0, 12.0, stars_per_frame=50).with_movers(comet)
    return cam, comet, field


@pytest.fixture(scope="module")
def frames(sky_of_comet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    cam, _, field = sky_of_comet
    plan = night(cam, 150.0, 12.0, count=2, start_jd=START_JD, seed=5, object_name="C/2017 B3")
    folder = tmp_path_factory.mktemp("comet")
    paths = make_prepared(observe(field, cam, plan, folder, seed=5), cam)
    reduced(field, paths)
    return paths


def distill(field, frames: list[Path], *words: str) -> int:
    with SkyServer(field) as server:
        server.write_settings(frames[0].parent)
        return pp_distill.main([*words, *map(str, frames)])


def test_the_dust_of_a_coma(sky_of_comet, frames, capsys: pytest.CaptureFixture[str]) -> None:
    field = sky_of_comet[2]
    assert distill(field, frames, "-comet", "-target", "C/2017 B3") == 0
    said = capsys.readouterr().out
    assert "A(theta)f rho = " in said
    points = comet_file.read(frames[0].parent, "C/2017 B3")
    assert len(points) == 2 * 4
    good = [each for each in points if not each.problem]
    assert len(good) >= 4
    ratio = np.array([each.afrho_cm for each in good]) / DUST_CM
    assert np.abs(ratio - 1).max() < 0.08
    assert np.median(ratio) == pytest.approx(1.0, abs=0.04)
    # Schleicher's table has 0.4142 at 30 degrees
    assert good[0].a0frho_cm == pytest.approx(good[0].afrho_cm / 0.4142, rel=1e-3)
    line = (frames[0].parent / "comet_C_2017_B3.icq").read_text()
    assert line.startswith("   2017B3  2017 02 ") or line.startswith("   2017B3  2017  2 ")
    assert line[68:71] == "ICQ"
    assert distill(field, frames, "-target", "C/2017 B3") == 0
    assert not list(frames[0].parent.glob("comet_*")), "they are of another run"


def test_a_target_without_distances_has_no_dust(
    sky_of_comet, frames, capsys: pytest.CaptureFixture[str]
) -> None:
    positions = frames[0].parent / "positions.dat"
    positions.write_text("".join(f"{each.name} 150.0 12.0 {START_JD}\n" for each in frames))
    assert distill(sky_of_comet[2], frames, "-comet", "-positions", str(positions)) == 3
    assert "-comet needs a target known to JPL Horizons" in "".join(capsys.readouterr())


def test_radii_that_are_none(sky_of_comet, frames, capsys: pytest.CaptureFixture[str]) -> None:
    settings = frames[0].parent / "photpipe.toml"
    with SkyServer(sky_of_comet[2]) as server:
        server.write_settings(frames[0].parent)
        before = settings.read_text()
        settings.write_text(before + "[distill]\ncomet_km = [0.0]\n")
        assert pp_distill.main(["-comet", *map(str, frames)]) == 1
        settings.write_text(before)
    assert "comet_km = [0.0]: wanted are radii in km above 0" in "".join(capsys.readouterr())


@pytest.fixture(scope="module")
def series(sky_of_comet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames, and the dust on each of them."""
    cam, _, field = sky_of_comet
    plan = night(cam, 150.0, 12.0, count=6, start_jd=START_JD, seed=6, object_name="C/2017 B3")
    folder = tmp_path_factory.mktemp("series")
    paths = make_prepared(observe(field, cam, plan, folder, seed=6), cam)
    reduced(field, paths)
    assert distill(field, paths, "-comet", "-target", "C/2017 B3") == 0
    return folder


@pytest.mark.pages
@pytest.mark.parametrize("method", ["clipped", "average"])
def test_the_dust_on_a_stack_that_followed_the_comet(
    method: str, sky_of_comet, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    field = sky_of_comet[2]
    shutil.copytree(series, tmp_path, dirs_exist_ok=True)
    paths = sorted(tmp_path.glob("*.fits"))
    with SkyServer(field) as server:
        server.write_settings(tmp_path)
        words = ["-comet", "-method", method, "-target", "C/2017 B3", *map(str, paths)]
        assert pp_stackedphotometry.main(words) == 0
    assert "A(theta)f rho = " in capsys.readouterr().out
    points = comet_file.read(tmp_path, "C/2017 B3")
    assert {each.frame for each in points} == {"comove.fits"}
    assert [each.radius_km for each in points] == [5000.0, 10000.0, 20000.0, 40000.0]
    good = [each for each in points if not each.problem]
    assert len(good) >= 2
    ratio = np.array([each.afrho_cm for each in good]) / DUST_CM
    assert np.abs(ratio - 1).max() < 0.06
    assert good[0].growth == pytest.approx(1.0, abs=0.05)
    assert max(each.filled for each in good) > 0.02, "stars are taken out of it"
    assert (tmp_path / "comet_C_2017_B3.icq").exists()
    page = (tmp_path / ".diagnostics" / "targets" / "C_2017_B3.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(page)
    assert "A(θ)fρ against aperture" in page
    assert "<td>stack" in page or ">stack" in page
    assert (tmp_path / "comet_C_2017_B3.icq").read_text().strip() in page
    assert (tmp_path / "comet_C_2017_B3_single_frames.ecsv").exists()
