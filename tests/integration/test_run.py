"""pp_run in one directory: real tools, real HTTP to the simulated services, known truth."""

import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs.utils import proj_plane_pixel_area

import pp_register
from photpipe.astromatic import sextractor
from photpipe.catalogs.ldac import read_ldac
from photpipe.instruments.frames import Frame
from photpipe.run.results import FrameFailure, RegisterResult
from photpipe.runner import stages
from photpipe.runner.options import RunOptions
from pp_calibrate import CalibrateOptions
from pp_prepare import PrepareOptions
from simsky import SkyServer, camera, faults, night, observe, read_truth
from tests.conftest import FIELD, START_JD, Scene
from tests.integration.runs import errors, points, record, run, stamps, tables, worked

ALL_STEPS = ["pp_prepare", "pp_register", "pp_photometry", "pp_calibrate", "pp_distill"]


@pytest.fixture(scope="module")
def _once(_rendered: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scene after one run, in ``night``, the answers of the services in ``cache``."""
    folder = tmp_path_factory.mktemp("once")
    directory = shutil.copytree(_rendered.directory, folder / "night")
    with SkyServer(_rendered.sky) as server, pytest.MonkeyPatch.context() as patch:
        server.write_settings(directory)
        patch.setenv("PHOTPIPE_CACHE", str(folder / "cache"))
        assert run("-quiet", directory) == 0
        yield folder


@pytest.fixture
def finished(_once: Path, scene: Scene) -> Scene:
    """The scene after a run, in a directory of this test's own."""
    shutil.rmtree(scene.directory)
    shutil.copytree(_once / "night", scene.directory)
    shutil.copytree(_once / "cache", os.environ["PHOTPIPE_CACHE"], dirs_exist_ok=True)
    return scene


def one_more(scene: Scene, name: str = "late.fits", seed: int = 9) -> Path:
    """Another frame of the same night."""
    plan = night(
        scene.camera, *FIELD, count=1, start_jd=START_JD + 0.01, seed=seed, object_name="3552"
    )
    (path,) = observe(scene.sky, scene.camera, plan, scene.directory / "other", seed=seed)
    for each in (path, path.parent / "truth" / f"{path.stem}.ecsv"):
        shutil.move(
            each, scene.directory / each.relative_to(path.parent).with_stem(Path(name).stem)
        )
    return scene.directory / name


@pytest.mark.pages
def test_main_job(commands: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-verbose", *commands.frames) == 0
    measured = points(commands.directory)
    assert [point.frame for point in measured] == [path.name for path in commands.frames]
    difference = errors(commands.directory)
    assert np.abs(difference).max() < 0.05
    assert (np.abs(difference) < 5 * np.array([point.sig for point in measured])).all()
    assert (commands.directory / "photometry_Control_Star.dat").is_file()
    screen = capsys.readouterr().out
    for point in measured:
        assert f"{point.mag:8.4f} +- {point.sig:6.4f}" in screen
    assert screen.splitlines()[-1] == (commands.directory / "diagnostics.html").as_uri()
    assert list(worked(commands.directory)) == ALL_STEPS


@pytest.mark.parametrize(
    ("tolerance", "pixel_arcsec", "times"), [("high", 3.0, 1), ("none", 3.0, 2), ("high", 0.1, 2)]
)
def test_one_extraction_serves_registration_and_photometry(
    commands: Scene,
    monkeypatch: pytest.MonkeyPatch,
    tolerance: str,
    pixel_arcsec: float,
    times: int,
) -> None:
    """Where sources that touch each other may register a frame; otherwise there are two."""
    monkeypatch.setattr("photpipe.register.stage.LARGEST_PIXEL_ARCSEC", pixel_arcsec)
    runs = []
    run_tool = sextractor.run_tool

    def counted(*words: Any) -> Any:
        runs.append(words)
        return run_tool(*words)

    monkeypatch.setattr(sextractor, "run_tool", counted)
    assert run("-source_tolerance", tolerance, commands.directory) == 0
    assert len(runs) == times * len(commands.frames)
    for path in commands.frames:
        table, header = read_ldac(path.with_suffix(".ldac"))
        now = fits.getheader(path)
        for key in ("CRVAL1", "CD1_1", "REGSTAT", "REGNSTAR"):
            assert header[key] == now[key]
        wcs = Frame.read(path).wcs()
        ra, dec = wcs.all_pix2world(table["XWIN_IMAGE"], table["YWIN_IMAGE"], 1)
        np.testing.assert_allclose(table["XWIN_WORLD"], ra, atol=1e-9)
        np.testing.assert_allclose(table["YWIN_WORLD"], dec, atol=1e-9)
        width_deg = table["FWHM_IMAGE"] * np.sqrt(proj_plane_pixel_area(wcs))
        np.testing.assert_allclose(table["FWHM_WORLD"], width_deg, rtol=1e-4)


def calls_since_main() -> int:
    """Calls between pp_run's main and the function that asks."""
    names = [f"{Path(each.filename).stem}.{each.function}" for each in inspect.stack()]
    return names.index("pp_run.main") - 1


def test_six_calls_lead_from_pp_run_to_each_stage(
    commands: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths = {}

    def watched(name: str) -> Callable[..., Any]:
        stage = getattr(stages, name)

        def call(*words: Any, **more: Any) -> Any:
            depths[name] = calls_since_main()
            return stage(*words, **more)

        return call

    for name in ("prepare", "register", "photometry", "calibrate", "distill"):
        monkeypatch.setattr(stages, name, watched(name))
    assert run(commands.directory) == 0
    assert len(depths) == 5
    assert max(depths.values()) <= 6


def test_an_exposure_that_is_there_twice_is_measured_once(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = commands.frames
    copies = [first.with_stem(f"{first.stem} (1)"), second.with_suffix(".fts")]
    for copy, of in zip(copies, (first, second), strict=True):
        shutil.copy(of, copy)
    content = [copy.read_bytes() for copy in copies]
    told = "2 files are copies of an exposure, which is used once"
    for _ in range(2):
        assert run(commands.directory) == 0
        assert capsys.readouterr().out.count(told) == 1
    assert worked(commands.directory) == {}
    assert [point.frame for point in points(commands.directory)] == [
        path.name for path in commands.frames
    ]
    assert copies[0].read_bytes() == content[0]
    assert pp_register.main([str(path) for path in (*copies, *commands.frames)]) == 0
    assert capsys.readouterr().out.count(told) == 1


def test_record_tells_enough_to_repeat_it(commands: Scene, server: SkyServer) -> None:
    assert run("-snr", "3", "-reject", "none", commands.directory) == 0
    kept = record(commands.directory)
    assert kept["options"] == {"snr": 3.0, "reject": "none"}
    assert kept["settings"]["services"]["vizier"][0] == server.address("vizier")
    assert kept["settings"]["photometry"]["num_aprads"] == 20
    assert {"Photometry Pipeline", "SCAMP", "Source Extractor", "astropy"} <= set(kept["versions"])
    assert kept["status"] == "done"
    assert set(kept["sources"]) == {path.name for path in commands.frames}
    asked = {each["request"].split()[0] for step in kept["steps"] for each in step["answers"]}
    assert {"GAIA", "PANSTARRS"} <= asked
    (photometry,) = [each for each in kept["steps"] if each["command"] == "pp_photometry"]
    assert photometry["options"] == {"snr": 3.0}


def test_record_repeats_the_run(commands: Scene) -> None:
    """The settings that were kept and the options of the record, on the frames as they came."""
    originals = commands.directory.parent / "again"
    originals.mkdir()
    for path in commands.frames:
        shutil.copy(path, originals)
    toml = commands.directory / "photpipe.toml"
    toml.write_text(toml.read_text() + "[photometry]\nnum_aprads = 9\n")
    assert run("-snr", "3", "-minstars", "0.8", commands.directory) == 0
    kept = commands.directory / ".diagnostics/state/settings.toml"
    assert "num_aprads = 9" in kept.read_text()
    shutil.copy(kept, originals / "photpipe.toml")
    options = record(commands.directory)["options"]
    words = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    assert run(*words, originals) == 0
    assert tables(originals) == tables(commands.directory)


# -- the second run


def test_second_run_reuses_everything(
    commands: Scene, server: SkyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*commands.frames) == 0
    before, asked = stamps(commands.directory), server.count()
    capsys.readouterr()
    assert run("-verbose", *commands.frames) == 0
    assert stamps(commands.directory) == before
    assert server.count() == asked
    assert worked(commands.directory) == {}
    screen = capsys.readouterr().out
    assert "reused: 3 frames are already registered" in screen
    assert "reused: pp_distill has nothing to do" in screen
    assert f"{points(commands.directory)[0].mag:8.4f}" in screen


def test_new_frame_alone_is_prepared_and_registered(finished: Scene) -> None:
    old = pp_register_rows(finished.directory)
    late = one_more(finished)
    assert run(finished.directory) == 0
    steps = worked(finished.directory)
    assert list(steps) == ALL_STEPS
    assert steps["pp_prepare"] == [late.name]
    assert len(steps["pp_photometry"]) == len(finished.frames) + 1
    new = pp_register_rows(finished.directory)
    assert {name: new[name] for name in old} == old  # with all their numbers
    assert len(points(finished.directory)) == len(finished.frames) + 1
    assert np.abs(errors(finished.directory)).max() < 0.05


def pp_register_rows(directory: Path) -> dict[str, object]:
    from photpipe.run.workspace import Workspace

    result = Workspace(directory).load(RegisterResult)
    assert result is not None
    return {each.frame: each for each in result.frames}


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (["-reject", "none"], ALL_STEPS[4:]),
        (["-cat", "SDSS-R9"], ALL_STEPS[3:]),
        (["-fixed_aprad", "5"], ALL_STEPS[2:]),
        (["-source_tolerance", "none"], ALL_STEPS),
        (["-force"], ALL_STEPS),
    ],
)
def test_other_options_redo_what_depends_on_them(
    finished: Scene, words: list[str], steps: list[str]
) -> None:
    assert run(*words, *finished.frames) == 0
    assert list(worked(finished.directory)) == steps


def test_other_settings_and_files_redo_what_depends_on_them(finished: Scene) -> None:
    directory = finished.directory
    toml = directory / "photpipe.toml"
    toml.write_text(toml.read_text() + "[calibration]\nminstars = 0.8\n")
    assert run(directory) == 0
    assert list(worked(directory)) == ALL_STEPS[3:]
    (directory / "rejections.txt").write_text(f"3552 {finished.frames[1].name} a cosmic ray\n")
    assert run(directory) == 0
    assert list(worked(directory)) == ALL_STEPS[4:]
    assert points(directory)[1].rejected
    finished.frames[2].with_suffix(".ldac.db").unlink()
    assert run(directory) == 0
    assert list(worked(directory)) == ALL_STEPS[3:]


def test_changed_frame_is_worked_on_again(finished: Scene, _rendered: Scene) -> None:
    before = tables(finished.directory)
    finished.frames[1].write_bytes(_rendered.frames[1].read_bytes())
    assert run(finished.directory) == 0
    assert worked(finished.directory)["pp_prepare"] == [finished.frames[1].name]
    assert list(tables(finished.directory)) == list(before)


def test_a_changed_pipeline_calculates_anew(
    finished: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("photpipe.ground.program.sources_digest", lambda _package: "another")
    capsys.readouterr()
    assert run(finished.directory) == 0
    assert "the pipeline changed: starting over" in capsys.readouterr().out
    assert list(worked(finished.directory)) == ALL_STEPS


def test_newer_catalog_is_used(commands: Scene) -> None:
    assert run(commands.directory) == 0
    cache = Path(os.environ["PHOTPIPE_CACHE"])
    (file,) = cache.glob("vizier/PANSTARRS_*.ecsv")
    os.utime(file)
    assert run(commands.directory) == 0
    assert list(worked(commands.directory)) == ALL_STEPS[3:]
    file.unlink()  # which says nothing about the stars
    assert run(commands.directory) == 0
    assert worked(commands.directory) == {}


def test_service_that_failed_is_asked_again(
    commands: Scene, server: SkyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fail(replace(faults.ERROR_503, service="horizons"))
    assert run(commands.directory) == 3
    last = capsys.readouterr().out
    assert "3 of 3 frames completed; see the warnings above: target 3552" in last
    assert "ERROR: target 3552: JPL Horizons" in last
    assert not (commands.directory / "photometry_3552.dat").exists()
    server.heal()
    assert run(commands.directory) == 0
    assert "pp_prepare" not in worked(commands.directory)
    assert len(points(commands.directory)) == len(commands.frames)


def test_fewer_frames(finished: Scene) -> None:
    assert run(*finished.frames[:2]) == 0
    assert list(worked(finished.directory)) == ALL_STEPS[2:]
    assert len(points(finished.directory)) == 2


# -- options and the behaviour of the manual


def test_options_reach_their_stages() -> None:
    options = RunOptions.of(
        target="433",
        filter="V",
        fixed_aprad=(5.0,),
        cat="APASS9",
        regcat="GAIA2",
        snr=2.5,
        solar=True,
        asteroids=True,
        rotate=3.0,
        telescope="VATT4K",
        magzp=(25.0, 0.1),
    )
    told = {step.command: step.options(options) for step in stages.STAGES}
    assert told["pp_prepare"] == PrepareOptions(target="433", rotate=3.0, telescope="VATT4K")
    assert told["pp_register"].cat == "GAIA2"
    assert told["pp_photometry"].aprad == (5.0,)
    assert told["pp_photometry"].snr == told["pp_register"].snr == 2.5
    assert told["pp_calibrate"] == CalibrateOptions(
        cat="APASS9",
        filter="V",
        solar=True,
        magzp=(25.0, 0.1),
        target="433",
        telescope="VATT4K",
    )
    assert told["pp_distill"].target == "433"
    assert told["pp_distill"].asteroids
    assert told["pp_distill"].reject == "pos"
    generic = stages.PREPARE.options(RunOptions.of(telescope="generic", filter="V"))
    assert generic.filter == "V"
    assert RunOptions().prepare == PrepareOptions()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-cat", "NOSUCH"], "unknown catalog 'NOSUCH'"),
        (["-regcat", "NOSUCH"], "unknown catalog 'NOSUCH'"),
        (["-reject", "foo"], "there is no criterion 'foo'"),
        (["-positions", "nowhere.dat"], "-positions: there is no file nowhere.dat"),
        (["-fixedtargets", "nowhere.dat"], "-fixedtargets: there is no file nowhere.dat"),
    ],
)
def test_mistakes_are_told_at_once(
    commands: Scene, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Before anything is done, in one line, and results that are there stay."""
    state = commands.directory / ".diagnostics/state/run.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"status": "done", "done": 3, "reused": ["everything"]}')
    assert run(*words, commands.directory) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert said in line
    assert "everything" in state.read_text()
    assert "MIDTIMJD" not in fits.getheader(commands.frames[0])


def test_target_and_aperture(commands: Scene) -> None:
    fits.setval(commands.frames[0], "OBJECT", value="somewhere else")
    assert run("-target", "1983_SA", "-fixed_aprad", "4.5", commands.directory) == 0
    measured = points(commands.directory, "photometry_1983_SA.dat")
    assert {point.aperture_radius_px for point in measured} == {4.5}
    assert len(measured) == len(commands.frames)


def test_instrumental_without_a_filter(commands: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    card = commands.camera.parameters["filter"]
    for path in commands.frames:
        fits.delval(path, card)
    assert run(commands.directory) == 0
    measured = points(commands.directory)
    assert len(measured) == len(commands.frames)
    assert all(np.isnan(point.zeropoint) for point in measured)
    assert "instrumental" in capsys.readouterr().out
    assert run("-filter", "R", commands.directory) == 0
    assert np.abs(errors(commands.directory)).max() < 0.05


def test_unknown_filter_is_told_before_any_work(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    card = commands.camera.parameters["filter"]
    fits.setval(commands.frames[0], card, value="TOP 9 BOT 9")
    assert run("-filter", "Q", commands.directory) == 1
    assert "-filter Q: there is no such band" in capsys.readouterr().out
    assert run("-filter", "Sloan_r", commands.directory) == 1
    assert "did you mean -filter r?" in capsys.readouterr().out
    for path in commands.frames[1:]:
        fits.setval(path, card, value="TOP 9 BOT 9")
    assert run(commands.directory) == 1
    said = capsys.readouterr().out
    assert said.count("filter 'TOP 9 BOT 9'") == 1
    assert "pp_register" not in said


def test_keep_wcs_skips_the_registration(
    finished: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    registered = [fits.getheader(path)["CRVAL1"] for path in finished.frames]
    fits.setval(finished.frames[0], "CRVAL1", value=registered[0] + 0.002)
    original = finished.directory / ".diagnostics"
    shutil.rmtree(original)  # as if another program had registered them
    capsys.readouterr()
    assert run("-keep_wcs", finished.directory) == 3  # the first finds no reference stars there
    kept = [fits.getheader(path)["CRVAL1"] for path in finished.frames]
    assert kept[1:] == pytest.approx(registered[1:], abs=1e-9)
    assert kept[0] == pytest.approx(registered[0] + 0.002, abs=1e-9)
    assert f"{finished.frames[0].name}: " in capsys.readouterr().out
    assert len(points(finished.directory)) == len(finished.frames)


def test_solar_that_calibrates_nothing_is_left_out(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = commands.directory / "photpipe.toml"
    plain = toml.read_text()
    toml.write_text(plain + "[calibration]\nsolcol = 0.0001\n")
    assert run("-solar", commands.directory) == 0
    assert "calibrating the others with stars of all colours" in capsys.readouterr().out
    assert np.abs(errors(commands.directory)).max() < 0.05
    toml.write_text(plain)
    assert run("-solar", commands.directory) == 0
    assert "calibrating the others" not in capsys.readouterr().out


@pytest.mark.parametrize("again", [False, True])
def test_registration_is_repeated_on_demand(
    commands: Scene, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    calls = []

    def clouded(
        paths: list[Path], options: object, workspace: object, wanted: object
    ) -> RegisterResult:
        """The first time, one frame is not there."""
        calls.append(len(paths))
        some = paths[1:] if len(calls) == 1 else paths
        result = pp_register.register(some, options, workspace, wanted)  # type: ignore[arg-type]
        if len(calls) > 1:
            return result
        failure = FrameFailure(paths[0].name, "clouds")
        return replace(result, failed=(*result.failed, failure))

    monkeypatch.setattr(stages, "register", clouded)
    words = ["-rerun_registration"] if again else []
    assert run(*words, commands.directory) == (0 if again else 3)
    assert len(calls) == 1 + again
    assert len(points(commands.directory)) == len(commands.frames) - (not again)


def test_fixed_targets(commands: Scene, server: SkyServer) -> None:
    truth = commands.truths[0]
    (star,) = [row for row in truth if row["kind"] != 1 and 15.2 < row["mag"] < 16][:1]
    lines = [f"star {star['ra_deg']:.6f} {star['dec_deg']:.6f}"]
    (commands.directory / "stars.dat").write_text("\n".join(lines) + "\n")
    assert run("-fixedtargets", "stars.dat", commands.directory) == 0
    assert server.count("horizons") == 0
    measured = points(commands.directory, "photometry_star.dat")
    assert np.median([point.mag for point in measured]) == pytest.approx(star["mag"], abs=0.05)
    assert not (commands.directory / "photometry_3552.dat").exists()


def test_targets_by_hand_need_no_ephemeris_in_any_stage(commands: Scene, server: SkyServer) -> None:
    lines = []
    for path in commands.frames:
        (row,) = [row for row in read_truth(path) if row["kind"] == 1]
        lines.append(f"{path.name} {row['ra_deg']:.6f} {row['dec_deg']:.6f}")
    (commands.directory / "positions.dat").write_text("\n".join(lines) + "\n")
    words = ["-positions", "positions.dat", "-target", "3552", commands.directory]
    assert run(*words) == 0
    assert server.count("horizons") == 0
    assert np.abs(errors(commands.directory)).max() < 0.05
    history = commands.directory / ".diagnostics/state/history.json"
    assert "horizons" not in history.read_text()


# -- mixed directories


def in_filter(scene: Scene, band: str, count: int, prefix: str) -> list[Path]:
    """Frames of the same field in another filter."""
    plan = night(
        scene.camera,
        *FIELD,
        count=count,
        start_jd=START_JD + 0.02,
        seed=4,
        object_name="3552",
        filter_name=scene.camera.filter_for(band),
    )
    return observe(scene.sky, scene.camera, plan, scene.directory, prefix=prefix, seed=4)


def test_minority_of_another_filter_fails_and_the_others_go_on(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    (stray,) = in_filter(commands, "V", 1, "stray")
    assert run(commands.directory) == 3
    assert f"{stray.name}: is of VATT4K V" in capsys.readouterr().out
    assert [point.frame for point in points(commands.directory)] == [
        path.name for path in commands.frames
    ]


def test_evenly_mixed_frames_are_refused_and_split(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    others = in_filter(commands, "V", 3, "visual")
    assert run(commands.directory) == 1
    screen = capsys.readouterr().out
    assert "the frames are of 2 kinds (VATT4K R" in screen
    assert "-split" in screen
    assert run("-split", commands.directory) == 0
    folders = sorted(path.name for path in commands.directory.iterdir() if path.is_dir())
    assert folders == [".diagnostics", "VATT4K_R_bin2x2", "VATT4K_V_bin2x2", "truth"]
    for name, frames in (("R", commands.frames), ("V", others)):
        folder = commands.directory / f"VATT4K_{name}_bin2x2"
        assert {point.frame for point in points(folder)} == {path.name for path in frames}
        assert {point.band for point in points(folder)} == {name}
    header = fits.getheader(commands.frames[0])
    assert "APRAD" not in header  # what was done in the folder was done there alone
    before = stamps(commands.directory / "VATT4K_R_bin2x2")
    assert run("-split", commands.directory) == 0
    assert stamps(commands.directory / "VATT4K_R_bin2x2") == before


def test_one_group_is_not_split(commands: Scene) -> None:
    assert run("-split", commands.directory) == 0
    assert len(points(commands.directory)) == len(commands.frames)


def test_separate_fields_are_said_and_split(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    cam = camera("VATT4K", shape=(300, 300))
    scene = replace(commands, camera=cam)
    plan = night(cam, FIELD[0] + 0.16, FIELD[1], count=1, start_jd=START_JD, object_name="3552")
    observe(scene.sky, cam, plan, scene.directory, prefix="west")
    assert run(commands.directory) == 0
    assert "2 separate fields" in capsys.readouterr().out


def test_names_that_are_no_files_stop_no_frame(
    commands: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ``*.fits`` brings them."""
    directory = commands.directory
    os.mkfifo(directory / "pipe.fits")
    (directory / "link.fits").symlink_to("nowhere")
    (directory / "folder.fits").mkdir()
    shutil.copy(commands.frames[0], directory / "folder.fits")
    assert run("-quiet", *sorted(directory.glob("*.fits"))) == 3
    screen = capsys.readouterr().out
    assert "pipe.fits: a pipe or a device" in screen
    assert "link.fits: there is no such file" in screen
    assert "folder.fits: a directory" in screen
    assert len(points(directory)) == len(commands.frames)


def test_nothing_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "notes.txt").write_text("no frame")
    assert run(tmp_path) == 1
    assert "there is no frame" in caplog.text
    (tmp_path / "a.fits").write_bytes(b"SIMPLE  =")
    assert run("-prefix", "b", tmp_path) == 1
    assert "starts with 'b'" in caplog.text
    assert run(tmp_path / "none*.fits") == 1
    assert run(tmp_path) == 1
    assert "a.fits: " in caplog.text
