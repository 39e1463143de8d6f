"""pp_distill on a simulated night: every kind of target, every option, every file it writes."""

import json
import math
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import pp_distill
from photpipe.catalogs.database import read_database
from photpipe.distill.control_candidates import control_candidates
from photpipe.distill.measured_frame import read_measured
from photpipe.distill.surroundings import Surroundings
from photpipe.fits.fitsfile import update_header
from photpipe.ground import sky
from photpipe.run import photometry_file, trail_file
from photpipe.run.photometry_file import BLEEDING, COSMIC_RAY, TRAIL, TargetPoint
from photpipe.run.results import DistillResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.science.control_star import choose
from simsky import Crossing, Hit, SkyServer
from simsky.frames import truth_wcs
from tests.stages.targets import (
    COMET,
    COUNT,
    FAINT,
    FIELD,
    LEAVING,
    LOST,
    MOVERS,
    PRIMARY,
    UNSEEN,
    Night,
    make_night,
    residuals,
)

# trails are not fitted, which takes most of the time where they are not the point
APERTURES = "[distill]\ntrail_fwhm = inf\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return make_night(tmp_path_factory.mktemp("made") / "night")


@pytest.fixture
def night(made: Night, tmp_path: Path) -> Night:
    return made.copied(tmp_path / "night")


@pytest.fixture
def server(night: Night) -> Iterator[SkyServer]:
    with SkyServer(night.sky) as running:
        running.write_settings(night.directory)
        yield running


@pytest.fixture(scope="module")
def trailed(made: Night, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The night with the photometry of the target that leaves trails, to be looked at."""
    night = made.copied(tmp_path_factory.mktemp("trailed") / "night")
    with SkyServer(night.sky) as running:
        path = running.write_settings(night.directory)
        own = f'cache = "{night.directory / "cache"}"\n[report]\npages = false\n'
        path.write_text(path.read_text() + own)
        assert night.distill("-target", "100005") == 0
    return night


def settings(night: Night, text: str) -> None:
    """Add to the settings of the data directory."""
    path = night.directory / "photpipe.toml"
    path.write_text(path.read_text() + text)


def result(night: Night) -> DistillResult:
    found = Workspace(night.directory).load(DistillResult)
    assert found is not None
    return found


def write_positions(night: Night, name: str, label: str, rows: list[int]) -> None:
    """A positions file of a target, in the order of `rows`."""
    lines = []
    for number in rows:
        row = night.true_row(number, label)
        assert row is not None
        time = night.truths[number].meta["midtime_jd"]
        lines.append(f"{night.paths[number].name} {row['ra_deg']:.8f} {row['dec_deg']:.8f} {time}")
    (night.directory / name).write_text("\n".join(lines) + "\n")


def clean_star(night: Night) -> tuple[float, float]:
    """RA and Dec of an isolated constant star of middling brightness on all frames."""
    truth = night.truths[0]
    inside = (abs(truth["x"] - 300) < 200) & (abs(truth["y"] - 280) < 180)
    stars = truth[inside & (truth["kind"] == 6) & ~truth["varies"] & ~truth["saturated"]]
    stars.sort("mag")
    star = stars[len(stars) // 3]
    return float(star["ra_deg"]), float(star["dec_deg"])


# -- the target of the header --------------------------------------------------------------------


def test_target_of_the_header_is_measured_with_one_request(night: Night, server: SkyServer) -> None:
    assert night.distill() == 0
    assert server.count("horizons") == 1
    assert server.count() == 1  # the catalog is that of pp_calibrate, VSX is only asked on demand
    points = night.points("3552")
    assert [point.frame for point in points] == [path.name for path in night.paths]
    assert {point.method for point in points} == {"detected"}
    residual = residuals(night, PRIMARY.label, points)
    assert abs(np.median(residual)) < 0.008
    assert np.all(abs(residual) < 4 * np.array([point.sig for point in points]))
    for number, point in enumerate(points):
        row = night.true_row(number, PRIMARY.label)
        assert row is not None
        apart = sky.separation_deg(
            point.source_ra_deg, point.source_dec_deg, row["ra_deg"], row["dec_deg"]
        )
        assert float(apart) * 3600 < 0.1
        assert math.hypot(point.offset_east_arcsec, point.offset_north_arcsec) < 0.1


def test_second_run_asks_nothing(night: Night, server: SkyServer) -> None:
    assert night.distill("-quiet") == 0
    first = (night.directory / "photometry_3552.dat").read_text()
    server.heal()
    assert night.distill("-quiet", "-offline") == 0
    assert server.count() == 0
    assert (night.directory / "photometry_3552.dat").read_text() == first


def test_state_tells_all_targets(night: Night, server: SkyServer) -> None:
    assert night.distill() == 0
    assert server.count("horizons") == 1
    state = result(night)
    assert [each.name for each in state.targets] == ["3552", "Control Star"]
    target = state.targets[0]
    assert (target.points, target.detected, target.forced, target.rejected) == (COUNT, COUNT, 0, 0)
    assert target.predicted_mag == pytest.approx(PRIMARY.v_mag)
    assert target.is_calibrated
    assert state.frames == tuple(path.name for path in night.paths)
    assert state.done == COUNT
    assert "3552: 5 frames: 5 detected, 0 forced, 0 limits, 0 rejected; median R = " in night.log()


@pytest.mark.usefixtures("server")
def test_the_clock_of_the_night_is_told(night: Night) -> None:
    assert night.distill() == 0
    right = result(night).clock
    assert right is not None
    assert not right.is_off
    assert abs(right.seconds) < 3 * right.error_s < 25
    for path in night.paths:  # the middle is the start now
        with sqlite3.connect(path.with_suffix(".ldac.db")) as database:
            database.execute("UPDATE header SET midtime_jd = midtime_jd - 30 / 86400.0")
    assert night.distill() == 0
    wrong = result(night).clock
    assert wrong is not None
    assert wrong.is_off
    assert wrong.seconds == pytest.approx(30, abs=3 * wrong.error_s)
    assert "the time taken for the middle of the exposure is its start" in night.log()
    assert night.distill("-offset", "1", "0") == 0
    assert result(night).clock is None


@pytest.mark.usefixtures("server")
def test_option_target_overrides_the_header(night: Night) -> None:
    assert night.distill("-target", "100004") == 0
    assert len(night.points("100004")) == COUNT
    assert not (night.directory / "photometry_3552.dat").exists()


@pytest.mark.usefixtures("server")
def test_frames_in_any_order_come_out_in_the_order_of_time(night: Night) -> None:
    assert pp_distill.main([*night.words[::-1], night.words[0]]) == 0
    times = [point.midtime_jd for point in night.points("3552")]
    assert times == sorted(times)
    assert len(times) == COUNT


# -- faint, uncertain, lost ----------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_faint_target_is_measured_on_every_frame(night: Night) -> None:
    for path in night.paths:  # nothing as faint as the target is a source any more
        drop_sources(night, path, fainter_than=19.5)
    assert night.distill("-target", "100002") == 0
    points = night.points("100002")
    assert [point.method for point in points] == ["forced"] * COUNT
    residual = residuals(night, FAINT.label, points)
    pulls = residual / np.array([point.sig for point in points])
    assert np.sqrt(np.mean(pulls**2)) < 1.8
    assert all(math.isnan(point.fwhm_arcsec) for point in points)
    text = (night.directory / "photometry_100002.dat").read_text()
    assert sum(" FORCED " in line for line in text.splitlines() if "mscience" in line) == COUNT


def drop_sources(night: Night, path: Path, fainter_than: float) -> None:
    """Take faint sources out of the database of a frame."""
    from photpipe.catalogs.database import write_database
    from photpipe.instruments.frames import Frame

    database = Frame.read(path).database_path
    facts, sources = read_database(database)
    write_database(database, facts, sources[np.asarray(sources["_Rmag"]) < fainter_than])


@pytest.mark.usefixtures("server")
def test_unseen_target_gives_limits(night: Night) -> None:
    assert night.distill("-target", "100003") == 0
    points = night.points("100003")
    assert {point.method for point in points} == {"limit"}
    truth = [night.true_row(number, UNSEEN.label)["mag"] for number in range(COUNT)]
    assert all(point.mag < true for point, true in zip(points, truth, strict=True))
    assert all(abs(point.mag - point.limiting_mag) < 0.3 for point in points)
    lines = (night.directory / "photometry_100003.dat").read_text().splitlines()
    limits = [line for line in lines if " LIMIT " in line]
    assert len(limits) == COUNT
    assert all(line.startswith("#") and "# 5 sigma limit 2" in line for line in limits)
    assert "no magnitude" in night.log()


@pytest.mark.usefixtures("server")
def test_uncertain_prediction_finds_the_target_by_its_motion(night: Night) -> None:
    assert night.distill("-target", "100004") == 0
    points = night.points("100004")
    assert [point.method for point in points] == ["detected"] * COUNT
    assert [point.rejected for point in points] == [""] * COUNT
    assert [point.contamination for point in points] == [""] * COUNT
    assert np.all(np.abs(residuals(night, LOST.label, points)) < 0.03)
    east, north = LOST.ephemeris_error_arcsec
    assert points[0].offset_east_arcsec == pytest.approx(east, abs=0.1)
    assert points[0].offset_north_arcsec == pytest.approx(north, abs=0.1)


@pytest.mark.usefixtures("server")
def test_one_frame_alone_does_not_confirm_an_uncertain_target(night: Night) -> None:
    assert pp_distill.main(["-target", "100004", night.words[0]]) == 0
    (point,) = night.points("100004")
    assert not point.is_good
    assert "arcsec from an uncertain prediction" in point.rejected


def test_target_that_leaves_the_field_has_rows_while_it_is_inside(trailed: Night) -> None:
    night = trailed
    points = {point.frame: point for point in night.points("100005")}
    for number, path in enumerate(night.paths):
        row = night.true_row(number, LEAVING.label)
        is_inside = row is not None and 1 <= row["x"] <= 600 and 1 <= row["y"] <= 560
        assert (path.name in points) == is_inside
    assert 0 < len(points) < COUNT
    good = [point for point in points.values() if point.is_good]
    assert np.all(np.abs(residuals(night, LEAVING.label, good)) < 0.1)


@pytest.mark.usefixtures("server")
def test_fast_target_gets_back_what_its_trail_loses(night: Night) -> None:
    settings(night, APERTURES)
    assert night.distill("-target", "100005") == 0
    good = [point for point in night.points("100005") if point.is_good]
    assert all(point.trailing_mag < -0.5 for point in good)
    assert abs(np.median(residuals(night, LEAVING.label, good))) < 0.05
    settings(night, "trailing_correction = false\n")
    assert night.distill("-target", "100005") == 0
    plain = [point for point in night.points("100005") if point.is_good]
    assert all(point.trailing_mag == 0.0 for point in plain)
    assert np.median(residuals(night, LEAVING.label, plain)) > 0.5


def test_a_trail_is_fitted(trailed: Night) -> None:
    night = trailed
    points = night.points("100005")
    good = [point for point in points if point.is_good]
    assert {point.method for point in points} == {photometry_file.FITTED_TRAIL}
    assert {point.trailing_mag for point in points} == {0.0}
    off = residuals(night, LEAVING.label, good)
    sigma = np.array([point.sig for point in good])
    assert abs(np.median(off)) < 0.02
    assert np.sqrt(np.mean((off / sigma) ** 2)) < 2.0
    long = [point for point in good if np.isfinite(point.trail_sig)]
    assert len(long) > 1
    for point in long:
        truth = night.truths[[path.name for path in night.paths].index(point.frame)]
        row = truth[truth["name"] == LEAVING.label][0]
        scale = 3600 * np.sqrt(abs(np.linalg.det(truth_wcs(truth).pixel_scale_matrix)))
        way = np.hypot(row["vx_px_s"], row["vy_px_s"]) * scale * point.exptime_s
        assert point.trail_arcsec == pytest.approx(way, abs=5 * point.trail_sig)
        east, north = sky.offsets_arcsec(
            row["ra_deg"], row["dec_deg"], point.source_ra_deg, point.source_dec_deg
        )
        assert abs(east) < 5 * point.sigma_east_arcsec
        assert abs(north) < 5 * point.sigma_north_arcsec
        assert -1 <= point.sigma_correlation <= 1
    assert " TRAIL " in (night.directory / "photometry_100005.dat").read_text()
    assert not list(night.directory.glob("trail_*"))


@pytest.mark.usefixtures("server")
def test_the_light_curve_along_a_trail(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert night.distill("-target", "100005", "-trail_profile") == 0
    said = capsys.readouterr().out
    curves = trail_file.read(night.directory, "100005")
    long = [each for each in night.points("100005") if each.trail_sig > 0 and each.snr > 20]
    assert curves
    assert "100005: no trail is long" not in said
    assert len(curves) <= len(long)
    assert night.distill("-target", "3552", "-trail_profile") == 0
    assert "3552: no trail is long and bright enough" in capsys.readouterr().out


# -- other kinds of targets ----------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_positions_file_in_any_order_with_gaps(night: Night) -> None:
    write_positions(night, "positions.dat", PRIMARY.label, [3, 0, 4])
    assert night.distill("-positions", "positions.dat") == 0
    points = night.points("manual_target")
    assert [point.frame for point in points] == [night.paths[n].name for n in (0, 3, 4)]
    assert np.all(np.abs(residuals(night, PRIMARY.label, points)) < 0.03)
    assert not (night.directory / "photometry_Don_Quixote.dat").exists()


@pytest.mark.usefixtures("server")
def test_star_marked_by_hand_is_measured_beside_the_real_target(night: Night) -> None:
    assert night.distill() == 0
    before = (night.directory / "photometry_3552.dat").read_bytes()
    star = night.points("Control Star")
    rows = [
        f"{point.frame:>35s} {point.source_ra_deg:11.5f} {point.source_dec_deg:+11.5f} "
        f"{point.midtime_jd:15.7f}"
        for point in star
    ]
    title = "#                            filename      midtime_JD          RA         DEC"
    (night.directory / "positions.dat").write_text("\n".join([title, *rows]) + "\n")
    assert night.distill("-positions", "positions.dat") == 0
    points = night.points("manual_target")
    assert {point.method for point in points} == {"detected"}
    assert not any(point.contamination for point in points)
    assert [point.mag for point in points] == [point.mag for point in star]
    assert (night.directory / "photometry_3552.dat").read_bytes() == before


def test_positions_tell_the_rate_of_motion(night: Night, server: SkyServer) -> None:
    write_positions(night, "positions_fast.dat", LEAVING.label, [0, 1, 2])
    assert night.distill("-positions", "positions_fast.dat") == 0
    assert server.count("horizons") == 0
    good = [point for point in night.points("fast") if point.is_good]
    assert {point.method for point in good} == {photometry_file.FITTED_TRAIL}
    assert abs(np.median(residuals(night, LEAVING.label, good))) < 0.05


@pytest.mark.usefixtures("server")
def test_all_positions_files_at_once(night: Night) -> None:
    write_positions(night, "positions_one.dat", PRIMARY.label, list(range(COUNT)))
    write_positions(night, "positions_the other.dat", COMET.label, list(range(COUNT)))
    write_positions(night, "unrelated.dat", COMET.label, [0])
    assert night.distill("-positions", "all") == 0
    names = [each.name for each in result(night).targets]
    assert names == ["one", "the other", "Control Star"]
    assert len(night.points("the other")) == COUNT


@pytest.mark.usefixtures("server")
def test_name_of_a_positions_target(night: Night) -> None:
    write_positions(night, "positions.dat", PRIMARY.label, [0, 1])
    assert night.distill("-positions", "positions.dat", "-target", "2010_AB12") == 0
    assert len(night.points("2010_AB12")) == 2
    assert not (night.directory / "photometry_3552.dat").exists()


def test_fixed_targets(night: Night, server: SkyServer) -> None:
    ra, dec = clean_star(night)
    (night.directory / "stars.txt").write_text(f"# name ra dec\nSS Test  {ra:.7f} {dec:+.7f}\n")
    assert night.distill("-fixedtargets", "stars.txt") == 0
    assert server.count() == 0
    points = night.points("SS Test")
    assert len(points) == COUNT
    truth = night.truths[0]
    near = sky.separation_deg(truth["ra_deg"], truth["dec_deg"], ra, dec)
    true = float(truth["mag"][np.argmin(near)])
    assert np.median([point.mag for point in points]) == pytest.approx(true, abs=0.02)
    assert {point.trailing_mag for point in points} == {0.0}


def test_all_objects_are_targets(night: Night, server: SkyServer) -> None:
    """Each source that is on half of the frames has a file; nobody is asked."""
    assert night.distill("-positions", "all_objects") == 0
    assert server.count() == 0
    objects = [each for each in result(night).targets if each.kind == "fixed"]
    _, sources = read_database(night.paths[0].with_suffix(".ldac.db"))
    assert len(objects) > 0.7 * len(sources)
    truth = night.truths[0]
    differences = []
    for each in objects:
        point = night.points(each.name)[0]
        assert each.name == sky.designation(*point_of(each.name))
        near = sky.separation_deg(truth["ra_deg"], truth["dec_deg"], *point_of(each.name))
        if near.min() * 3600 < 1 and point.is_good and not point.contamination:
            differences.append(point.mag - float(truth["mag"][np.argmin(near)]))
    assert len(differences) > 0.5 * len(objects)
    assert abs(np.median(differences)) < 0.02


def point_of(designation: str) -> tuple[float, float]:
    """Place that a designation names, in the middle of what was cut off."""
    ra, dec = designation[1:].replace("+", " +").replace("-", " -").split()
    hours = int(ra[:2]) + int(ra[2:4]) / 60 + (float(ra[4:]) + 0.005) / 3600
    degrees = int(dec[1:3]) + int(dec[3:5]) / 60 + (float(dec[5:]) + 0.05) / 3600
    return 15 * hours, degrees if dec[0] == "+" else -degrees


def test_variable_stars_of_vsx(night: Night, server: SkyServer) -> None:
    assert night.distill("-variable_stars") == 0
    assert server.count("vsx") == 1
    variables = [each for each in result(night).targets if each.kind == "variable"]
    assert len(variables) == 1
    points = night.points(variables[0].name)
    truth = night.truths[0]
    star = truth[truth["varies"] & (truth["x"] > 0)][0]
    assert points[0].mag == pytest.approx(star["mag"], abs=4 * points[0].sig)
    apart = sky.separation_deg(
        points[0].source_ra_deg, points[0].source_dec_deg, star["ra_deg"], star["dec_deg"]
    )
    assert float(apart) * 3600 < 0.5


def test_asteroids_of_skybot_beside_the_primary_target(night: Night, server: SkyServer) -> None:
    settings(night, APERTURES)
    assert night.distill("-asteroids") == 0
    assert server.count("skybot") == 1
    found = {each.name: each.kind for each in result(night).targets}
    # the faint ones are below the 90th percentile of the sources, the uncertain one is left out
    comet = COMET.name
    kinds = {"3552": "moving", "100005": "asteroid", comet: "asteroid", "Control Star": "control"}
    assert found == kinds


@pytest.mark.usefixtures("server")
def test_asteroid_known_by_another_name_is_measured_once(night: Night) -> None:
    settings(night, APERTURES)
    assert night.distill("-target", "Don_Quixote", "-asteroids") == 0
    names = [each.name for each in result(night).targets]
    assert "Don Quixote" in names
    assert "3552" not in names


def test_targets_of_all_kinds_in_one_run(night: Night, server: SkyServer) -> None:
    write_positions(night, "positions.dat", COMET.label, list(range(COUNT)))
    ra, dec = clean_star(night)
    (night.directory / "stars.txt").write_text(f"star,{ra},{dec}\n")
    words = ["-positions", "positions.dat", "-fixedtargets", "stars.txt", "-asteroids"]
    assert night.distill(*words, "-variable_stars") == 0
    kinds = [each.kind for each in result(night).targets]
    assert set(kinds) == {"positions", "fixed", "asteroid", "variable", "control"}
    assert kinds[-1] == "control"
    assert server.count("skybot") == 1
    for each in result(night).targets:
        assert (night.directory / each.file).exists()


# -- offset, rejection, contamination ------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_offset_is_added_on_the_sky(night: Night) -> None:
    assert night.distill("-quiet") == 0
    before = night.points("3552")
    assert night.distill("-quiet", "-offset", "0.8", "-0.5") == 0
    for plain, moved in zip(before, night.points("3552"), strict=True):
        east, north = sky.offsets_arcsec(
            plain.predicted_ra_deg,
            plain.predicted_dec_deg,
            moved.predicted_ra_deg,
            moved.predicted_dec_deg,
        )
        assert (float(east), float(north)) == pytest.approx((0.8, -0.5), abs=1e-4)
        assert (moved.manual_east_arcsec, moved.manual_north_arcsec) == (0.8, -0.5)
        assert moved.offset_east_arcsec == pytest.approx(plain.offset_east_arcsec + 0.8, abs=1e-3)
        assert moved.mag == pytest.approx(plain.mag)
    control = night.points("Control Star")[0]
    assert control.manual_east_arcsec == 0.0
    assert abs(control.offset_east_arcsec) < 0.3


def test_offset_leads_to_another_place(night: Night) -> None:
    # the ephemeris of this target is wrong and does not know it: the user does
    east, north = LOST.ephemeris_error_arcsec
    certain = replace(LOST, sigma3_arcsec=0.1)
    sky_of_certain = replace(night.sky, movers=(certain,))
    with SkyServer(sky_of_certain) as server:
        server.write_settings(night.directory)
        assert night.distill("-quiet", "-target", "100004") == 0
        # found beside the prediction, which the user mends
        assert min(math.hypot(*offset_of(point)) for point in night.points("100004")) > 7.0
        words = ("-offset", str(-east), str(-north))
        assert night.distill("-quiet", "-offline", "-target", "100004", *words) == 0
    assert {point.method for point in night.points("100004")} == {"detected"}
    assert max(math.hypot(*offset_of(point)) for point in night.points("100004")) < 1.0


def offset_of(point: TargetPoint) -> tuple[float, float]:
    return point.offset_east_arcsec, point.offset_north_arcsec


@pytest.mark.usefixtures("server")
def test_reject_pos_comments_points_out(night: Night) -> None:
    settings(night, "[distill]\nrejection_pos_arcsec = 5.0\n")
    assert night.distill("-target", "100004") == 0
    assert all(point.rejected.startswith("pos: ") for point in night.points("100004"))
    lines = (night.directory / "photometry_100004.dat").read_text().splitlines()
    commented = [line for line in lines if "mscience" in line]
    assert all(line.startswith("#") and "# pos: 7.8 arcsec from" in line for line in commented)
    assert night.distill("-target", "100004", "-reject", "none") == 0
    assert all(point.is_good for point in night.points("100004"))


@pytest.mark.usefixtures("server")
def test_schemata_of_the_user(night: Night) -> None:
    times = sorted(point.meta["midtime_jd"] for point in night.truths)
    rule = f'[distill.reject]\nlate = "midtime_jd > {times[2] + 1e-5:.6f}"\nbad = "snr < 1e5"\n'
    settings(night, rule)
    assert night.distill("-reject", "pos,late") == 0
    assert [bool(point.rejected) for point in night.points("3552")] == [False] * 3 + [True] * 2
    assert night.points("3552")[-1].rejected.startswith("late: midtime_jd = ")
    assert night.distill("-reject", "bad") == 0
    assert not any(point.is_good for point in night.points("3552"))


@pytest.mark.usefixtures("server")
def test_rejections_by_hand(night: Night) -> None:
    (night.directory / "rejections.txt").write_text(
        f"# made by hand\n3552 {night.paths[1].name} cosmic ray\n3552 {night.paths[2].name}\n"
    )
    assert night.distill() == 0
    reasons = [point.rejected for point in night.points("3552")]
    assert reasons == ["", "cosmic ray", "rejected by the user", "", ""]
    assert not any(point.rejected for point in night.points("Control Star"))


@pytest.mark.usefixtures("server")
def test_star_in_the_aperture_is_named_with_its_effect(night: Night) -> None:
    """A point that passes over a star: a positions file leads there."""
    ra, dec = clean_star(night)
    number = 2
    truth = night.truths[number]
    lines = []
    for index, path in enumerate(night.paths):
        east = 1.5 * (index - number) + 1.0  # slow enough not to be measured as a trail
        there = sky.shifted(ra, dec, east, 0.5)
        lines.append(f"{path.name} {float(there[0]):.8f} {float(there[1]):.8f} 0")
    (night.directory / "positions_crossing.dat").write_text("\n".join(lines) + "\n")
    assert night.distill("-positions", "positions_crossing.dat") == 0
    point = next(p for p in night.points("crossing") if p.frame == night.paths[number].name)
    assert point.method == "forced"  # the star there is not taken for the target
    near = sky.separation_deg(truth["ra_deg"], truth["dec_deg"], ra, dec)
    star_mag = float(truth["mag"][np.argmin(near)])
    assert point.contamination.startswith(f"star of R = {star_mag:.1f} at 1.1 arcsec")
    assert point.contamination_mag > 1.0
    assert point.contamination_arcsec == pytest.approx(1.118, abs=0.05)
    assert point.rejected.startswith(f"contaminated: {point.contamination}")
    text = (night.directory / "photometry_crossing.dat").read_text("utf-8")
    (line,) = [each for each in text.splitlines() if point.frame in each]
    assert line.startswith("#")
    assert line.rstrip().endswith(point.rejected)
    for point in night.points("crossing"):
        near = sky.separation_deg(
            truth["ra_deg"], truth["dec_deg"], point.source_ra_deg, point.source_dec_deg
        )
        is_near = bool(np.min(near) * 3600 < point.aperture_radius_arcsec)
        assert bool(point.contamination) >= is_near


# -- what spoils a frame --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoiled(made: Night, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The night, with what comes over the target: a bright trail, a faint one, a hit, a column."""
    places = []
    for number in range(COUNT):
        row = made.true_row(number, PRIMARY.label)
        assert row is not None
        places.append((float(row["x"]), float(row["y"])))
    noise_e = float(made.truths[0].meta["noise_adu"]) * made.camera.gain
    charge = 0.2 * float(made.true_row(3, PRIMARY.label)["flux_adu"]) * made.camera.gain  # type: ignore[index]
    hits = [
        Hit(places[3][0] + 2, places[3][1] - 1, charge / 2, 2, 90.0),
        Hit(places[4][0] + 1, places[4][1], 80 * noise_e, 400, 90.0),
    ]
    leaving = made.true_row(0, LEAVING.label)
    assert leaving is not None
    way = places[0][0] - float(leaving["x"]), places[0][1] - float(leaving["y"])
    aside = np.degrees(np.arctan2(way[1], way[0])) + 90.0
    along = np.array([leaving["vx_px_s"], leaving["vy_px_s"]]) * 10.0
    start = float(leaving["x"] + along[0]), float(leaving["y"] + along[1])
    changes = {
        0: {"crossings": (Crossing(*start, aside, 30 * noise_e),)},
        1: {"crossings": (Crossing(*places[1], 35.0, 60 * noise_e),)},
        2: {"crossings": (Crossing(places[2][0] + 1, places[2][1], 110.0, 4 * noise_e),)},
        3: {"hits": (hits[0],)},
        4: {"hits": (hits[1],)},
    }
    directory = tmp_path_factory.mktemp("spoiled") / "night"
    return make_night(directory, changes=changes)  # type: ignore[arg-type]


def test_trails_hits_and_columns_over_the_target_are_kept_out(
    spoiled: Night, tmp_path: Path
) -> None:
    night = spoiled.copied(tmp_path / "night")
    with SkyServer(night.sky) as running:
        running.write_settings(night.directory)
        assert night.distill() == 0
        points = night.points("3552")
        assert [point.spoiler for point in points] == ["", TRAIL, TRAIL, COSMIC_RAY, BLEEDING]
        residual = -residuals(night, PRIMARY.label, points)
        assert residual[1] > 0.2  # much, and nothing but the pixels shows it
        for point, brighter in list(zip(points, residual, strict=True))[1:]:
            assert brighter > 0.01  # as seen, with the errors of the points
            assert point.defect_mag == pytest.approx(brighter, rel=0.4, abs=0.015)
            assert point.rejected.startswith(f"{point.spoiler}: ")
            assert point.rejected.endswith(f", {point.defect_mag:.2f} mag brighter")
        text = (night.directory / "photometry_3552.dat").read_text("utf-8")
        kept_out = [line for line in text.splitlines() if "mscience" in line and line[0] == "#"]
        assert [line.split("  # ")[1] for line in kept_out] == [p.rejected for p in points[1:]]
        (target,) = [each for each in result(night).targets if each.name == "3552"]
        assert (target.rejected, target.median_mag) == (4, pytest.approx(points[0].mag))
        assert not any(point.rejected for point in night.points("Control Star"))
        assert night.distill("-keep_contaminated") == 0
        kept = night.points("3552")
    assert all(point.is_good for point in kept)
    assert [point.defect_mag for point in kept] == [point.defect_mag for point in points]


def test_a_satellite_that_crosses_a_trailed_target_is_kept_out(
    spoiled: Night, tmp_path: Path
) -> None:
    night = spoiled.copied(tmp_path / "night")
    with SkyServer(night.sky) as running:
        running.write_settings(night.directory)
        assert night.distill("-target", "100005") == 0
    points = night.points("100005")
    assert {point.method for point in points} == {photometry_file.FITTED_TRAIL}
    assert [point.spoiler for point in points] == [TRAIL] + [""] * (len(points) - 1)
    assert points[0].defect_mag > 0.01


# -- control star --------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_control_star_is_a_constant_clean_star(night: Night) -> None:
    assert night.distill() == 0
    points = night.points("Control Star")
    assert len(points) == COUNT
    assert {(point.method, point.flags, point.rejected) for point in points} == {
        ("detected", 0, "")
    }
    truth = night.truths[0]
    place = points[0].source_ra_deg, points[0].source_dec_deg
    star = truth[np.argmin(sky.separation_deg(truth["ra_deg"], truth["dec_deg"], *place))]
    assert not star["varies"]
    assert not star["saturated"]
    assert np.std([point.mag for point in points]) < 0.015
    assert np.median([point.mag for point in points]) == pytest.approx(star["mag"], abs=0.02)


def test_frames_hold_what_is_looked_at_alone(night: Night) -> None:
    """Of a thousand frames all columns of the databases would take 0.1 GB."""
    frames, _ = read_measured(night.paths, Workspace(night.directory, Settings()))
    for each in frames:
        names = set(each.sources.colnames)
        assert {"ra_deg", "MAGERR_APER", "A_IMAGE", "ref_ident", "_Rmag", "_e_Rmag"} <= names
        assert not names & {"FLUX_AUTO", "ref_mag", "_RJohnsonmag"}
        assert len(names) < 25


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("fainter_mag", "is_left"), [(3.0, True), (6.0, False)])
def test_control_star_has_no_catalogued_neighbour(
    night: Night, fainter_mag: float, is_left: bool
) -> None:
    """Not even one that no frame tells apart; what adds less than the noise does not count."""
    workspace = Workspace(night.directory, Settings())
    frames, _ = read_measured(night.paths, workspace)
    around = Surroundings.of(frames)
    first, ra, dec = control_candidates(frames, [], None, around)
    chosen = choose(first)
    beside = sky.shifted(ra[chosen], dec[chosen], 2.0, 0.0)
    around.catalog_ra_deg, around.catalog_dec_deg = (
        np.array([own, float(other)])
        for own, other in zip((ra[chosen], dec[chosen]), beside, strict=True)
    )
    mag = float(np.median(first.mag[chosen]))
    around.catalog_mag = np.array([mag, mag + fainter_mag])
    second, _, _ = control_candidates(frames, [], None, around)
    assert (choose(second) != chosen) == is_left


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_dat_file_is_read_by_a_plain_script_and_by_astropy(night: Night) -> None:
    update_header(night.paths[0], {"FILTER": "TOP 3 BOT 1"})
    assert night.distill() == 0
    path = night.directory / "photometry_3552.dat"
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(rows) == COUNT
    points = night.points("3552")
    for row, point in zip(rows, points, strict=True):
        assert len(row) == 21
        assert row[0] == point.frame
        numbers = [float(row[index]) for index in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)]
        assert numbers == pytest.approx(
            [
                point.midtime_jd,
                point.mag,
                point.sig,
                point.source_ra_deg,
                point.source_dec_deg,
                point.offset_east_arcsec,
                point.offset_north_arcsec,
                0.0,
                0.0,
                point.exptime_s,
                point.zeropoint,
                point.zeropoint_sig,
                point.instrumental_mag,
                point.instrumental_sig,
            ],
            abs=0.006,
        )
        assert row[15:21:1][:3] == ["PANSTARRS", "R", "0"]
        assert row[18] == "VATT/VATT4k"
        assert row[19] == "APER"
        assert float(row[20]) == pytest.approx(point.fwhm_arcsec, abs=0.01)
        assert len(row[2].split(".")[1]) == 4
        assert len(row[4].split(".")[1]) == 8
        assert f"{numbers[12] + numbers[10]:.4f}" == row[2]
        assert f"{math.hypot(numbers[13], numbers[11]):.4f}" == row[3]
    table = Table.read(path, format="ascii.no_header", comment="#")
    assert len(table) == COUNT
    assert len(table.colnames) == 21
    title = path.read_text().splitlines()[0].lstrip("#").split()
    assert len(title) == 21
    assert title[:6] == ["filename", "julian_date", "mag", "sig", "source_ra", "source_dec"]


@pytest.mark.usefixtures("server")
def test_ecsv_and_csv_hold_everything_with_units(night: Night) -> None:
    assert night.distill("-target", "100003") == 0
    table = Table.read(night.directory / "photometry_100003.ecsv", format="ascii.ecsv")
    assert len(table) == COUNT
    assert table["mag"].unit == "mag"
    assert table["source_ra_deg"].unit == "deg"
    assert table["midtime_jd"].description.startswith("Julian date (UTC)")
    assert table.meta["target"] == "100003"
    for name in ("airmass", "seeing_arcsec", "limiting_mag", "aperture_radius_arcsec", "snr"):
        assert np.isfinite(table[name].astype(float)).all()
    csv = Table.read(night.directory / "photometry_100003.csv", format="ascii.csv")
    assert csv.colnames == table.colnames
    assert len(csv) == COUNT
    target, points = photometry_file.read(night.directory / "photometry_100003.dat")
    assert target == "100003"
    assert {point.method for point in points} == {"limit"}


@pytest.mark.usefixtures("server")
def test_terms_of_the_calibration_are_part_of_the_instrumental_magnitude(night: Night) -> None:
    import pp_calibrate

    words = ["-quiet", "-cat", "PANSTARRS", "-colorterm", "-spatial"]
    assert pp_calibrate.main([*words, *night.words]) == 0
    assert night.distill("-target", "100005") == 0  # trails, and leaves the field
    for name in ("100005", "Control_Star"):
        lines = (night.directory / f"photometry_{name}.dat").read_text().splitlines()[1:]
        rows = [line.lstrip("#").split() for line in lines if "VATT/" in line]
        points = night.points(name)
        assert len(rows) == len(points) > 0
        for row, point in zip(rows, points, strict=True):
            level, level_sig, own, own_sig = map(float, row[11:15])
            assert f"{level + own:.4f}" == row[2]
            assert f"{math.hypot(level_sig, own_sig):.4f}" == row[3]
            # a fitted trail has lost no light of which an aperture would have to be corrected
            is_same = math.isclose(point.instrumental_mag, point.aperture_mag, abs_tol=1e-9)
            assert is_same == (point.method == "trail")


@pytest.mark.usefixtures("server")
def test_instrumental_magnitudes_are_said_to_be(night: Night) -> None:
    import pp_calibrate

    assert pp_calibrate.main(["-quiet", "-instrumental", *night.words]) == 0
    assert night.distill() == 0
    points = night.points("3552")
    assert all(point.is_good and math.isnan(point.zeropoint) for point in points)
    row = next(
        line
        for line in (night.directory / "photometry_3552.dat").read_text().splitlines()
        if not line.startswith("#")
    ).split()
    assert (row[11], row[15]) == ("0.0000", "-")
    assert row[2:4] == row[13:15]
    assert "median instrumental = " in night.log()


@pytest.mark.usefixtures("server")
def test_frame_without_the_zeropoint_of_the_others_is_rejected(night: Night) -> None:
    import pp_calibrate

    assert pp_calibrate.main(["-quiet", "-instrumental", night.words[1]]) == 0
    assert night.distill() == 0
    points = night.points("3552")
    assert points[1].rejected == "the frame has no zeropoint: the magnitude is instrumental"
    assert [point.is_good for point in points] == [True, False, True, True, True]


@pytest.mark.usefixtures("server")
def test_frame_that_was_not_registered_is_rejected(night: Night) -> None:
    from photpipe.catalogs.database import write_database
    from photpipe.instruments.frames import Frame

    database = Frame.read(night.paths[1]).database_path
    facts, sources = read_database(database)
    write_database(database, {**facts, "astrometric_catalog": ""}, sources)
    assert night.distill() == 0
    assert "not registered" in night.points("3552")[1].rejected
    write_positions(night, "positions_hand.dat", PRIMARY.label, list(range(COUNT)))
    assert night.distill("-positions", "all") == 0
    assert not any(point.rejected for point in night.points("hand"))


def test_json_of_the_state_is_plain(night: Night, server: SkyServer) -> None:
    assert night.distill("-target", "100003") == 0
    assert server.count("horizons") == 1
    state = json.loads((night.directory / ".diagnostics/state/distill.json").read_text())
    assert "100003" in json.dumps(state)
    assert len(MOVERS) == 6
    assert FIELD[0] < 0.01  # the night is across 0h
