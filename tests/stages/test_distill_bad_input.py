"""Whatever the input: one clear line for what is wrong, and everything else is measured."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import pp_distill
from photpipe.fits.fitsfile import update_header
from photpipe.ground import sky
from photpipe.instruments.frames import Frame
from photpipe.run.results import DistillResult
from photpipe.run.workspace import Workspace
from simsky import SkyServer, faults
from tests.stages.targets import COMET, COUNT, LOST, PRIMARY, Night, make_night, mover

NEIGHBOUR = replace(PRIMARY, name="Close", number=100007, designation="", v_mag=17.5)
NEIGHBOUR = replace(NEIGHBOUR, ra_deg=PRIMARY.ra_deg + 0.9 / 3600)
ELSEWHERE = mover("Absent", 100008, 4000.0, 0.0, (0.5, 0.5))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Night:
    movers = (PRIMARY, LOST, COMET, NEIGHBOUR, ELSEWHERE)
    return make_night(tmp_path_factory.mktemp("made") / "night", movers)


@pytest.fixture
def night(made: Night, tmp_path: Path) -> Night:
    return made.copied(tmp_path / "night")


@pytest.fixture
def server(night: Night) -> Iterator[SkyServer]:
    with SkyServer(night.sky) as running:
        running.write_settings(night.directory)
        yield running


def names(night: Night) -> list[str]:
    """Targets that were measured."""
    found = Workspace(night.directory).load(DistillResult)
    assert found is not None
    return [each.name for each in found.targets]


def set_object(night: Night, name: str) -> None:
    """Another name of the target in all headers and databases."""
    for path in night.paths:
        update_header(path, {"OBJECT": name})
        with sqlite3.connect(Frame.read(path).database_path) as database:
            database.execute('UPDATE header SET "object" = ?', (name,))
        database.close()


def position(night: Night, number: int) -> tuple[float, float]:
    """RA and Dec of the primary target on a frame."""
    row = night.true_row(number, PRIMARY.label)
    assert row is not None
    return float(row["ra_deg"]), float(row["dec_deg"])


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("(3552) Don Quixote", "3552_Don_Quixote"),
        ("3552_Don_Quixote", "3552_Don_Quixote"),
        ("1983_SA", "1983_SA"),
        ("don quixote", "don_quixote"),
        ("J83S00A", "J83S00A"),
    ],
)
def test_names_of_all_forms(night: Night, name: str, file: str) -> None:
    assert night.distill("-target", name) == 0
    assert len((night.directory / f"photometry_{file}.dat").read_text().splitlines()) > COUNT


@pytest.mark.usefixtures("server")
def test_comet_with_fragments_is_the_comet(night: Night) -> None:
    assert night.distill("-target", "73P") == 0
    assert len(night.points("73P")) == COUNT
    assert "73P is 73P/Schwassmann: the apparition nearest" in night.log()


def test_star_as_object_gives_the_control_star(
    night: Night, server: SkyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    set_object(night, "HD 12345")
    assert night.distill() == 0
    assert server.count("horizons") == 0
    said = capsys.readouterr().out
    assert "not known to JPL Horizons; check the spelling (a star needs -fixedtargets)" in said
    assert names(night) == ["Control Star"]


@pytest.mark.usefixtures("server")
def test_frames_without_a_name(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    set_object(night, "   ")
    assert night.distill() == 0
    assert "the headers name no target; use -target NAME" in capsys.readouterr().out
    assert names(night) == ["Control Star"]


@pytest.mark.usefixtures("server")
def test_names_cannot_leave_the_directory(night: Night) -> None:
    ra, dec = position(night, 0)
    (night.directory / "stars.txt").write_text(f"../../evil,{ra},{dec}\n..,{ra},{dec}\n")
    assert night.distill("-fixedtargets", "stars.txt") == 0
    assert (night.directory / "photometry_evil.dat").exists()
    assert (night.directory / "photometry_unnamed.dat").exists()
    assert not list(night.directory.parent.glob("*.dat"))


@pytest.mark.usefixtures("server")
def test_targets_of_one_name_keep_their_files(night: Night) -> None:
    ra, dec = position(night, 0)
    (night.directory / "stars.txt").write_text(f"a b,{ra},{dec}\na_b,{ra},{dec + 0.01}\n")
    assert night.distill("-fixedtargets", "stars.txt") == 0
    assert names(night)[:2] == ["a b", "a_b 2"]
    assert len(list(night.directory.glob("photometry_a_b*.dat"))) == 2
    assert "a second target of this name is called" in night.log()


# -- where targets are -----------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_target_outside_of_all_frames(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert night.distill("-target", "100008") == 3
    assert "target 100008: it lies on none of the frames" in capsys.readouterr().out
    assert names(night) == ["Control Star"]


@pytest.mark.usefixtures("server")
def test_two_targets_closer_than_the_aperture(night: Night) -> None:
    positions = []
    for label in (PRIMARY.label, NEIGHBOUR.label):
        for number, path in enumerate(night.paths):
            row = night.true_row(number, label)
            assert row is not None
            name = label.split()[0]
            positions.append(f"{path.name}, {row['ra_deg']}, {row['dec_deg']}, 0, {name}")
    (night.directory / "positions.dat").write_text("\n".join(positions))
    assert night.distill("-positions", "positions.dat") == 0
    bright, faint = night.points("3552"), night.points("100007")
    assert len(bright) == len(faint) == COUNT
    # one source for two targets: the nearer one has it, and each is said to disturb the other
    assert not any(a.method == b.method == "detected" for a, b in zip(bright, faint, strict=True))
    assert all("100007 of R = " in point.contamination for point in bright)
    assert all("3552 of R = " in point.contamination for point in faint)
    assert all(point.contamination_mag > 0.7 for point in faint)


@pytest.mark.usefixtures("server")
def test_hours_instead_of_degrees(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    ra, dec = position(night, 0)
    (night.directory / "stars.txt").write_text(f"star {ra / 15.0:.8f} {dec:.7f}\n")
    far = (night.directory / "far.txt").write_text(f"far 100.0 {dec:.7f}\n")
    assert far
    status = night.distill("-fixedtargets", "stars.txt")
    said = capsys.readouterr().out
    # near 0h both readings may be on the frame: only what is outside is said
    assert (status, "seems to be in hours" in said) in {(0, False), (3, True)}
    assert night.distill("-fixedtargets", "far.txt") == 3
    assert "target far: it lies on none of the frames" in capsys.readouterr().out


def test_hint_about_hours(night: Night) -> None:
    from photpipe.distill import targets
    from photpipe.distill.measured_frame import MeasuredFrame
    from photpipe.distill.target_search import TargetSearch
    from photpipe.run.settings import Settings

    frames = [MeasuredFrame.read(Frame.read(path)) for path in night.paths]
    search = TargetSearch(frames, night.directory, Settings())
    ra, dec = position(night, 0)
    hours = targets.fixed("x", (ra + 360.0) / 15.0, dec, COUNT)
    assert "its RA seems to be in hours" in search.hint(hours)
    assert search.hint(targets.fixed("x", 100.0, dec, COUNT)) == ""
    assert search.hint(targets.fixed("x", ra, dec, COUNT)) == ""
    assert search.hint(replace(hours, kind=targets.VARIABLE)) == ""


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x0001.fits 0.1 30 1\ny.fits 0.1 30 1\n", "no row is of any of the 5 frames"),
        ("mscience0001.fits 0.1\n", "line 1: 2 columns"),
        ("\n# nothing\n\n", "the file names no target"),
        ("mscience0001.fits nan 30 1\n", "'nan' is not a sexagesimal number"),
    ],
)
def test_mistakes_in_positions_files(
    night: Night, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (night.directory / "positions.dat").write_text(text)
    assert night.distill("-positions", "positions.dat") == 1
    said = capsys.readouterr().out
    assert message in said
    assert "positions.dat" in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.usefixtures("server")
def test_positions_with_missing_and_extra_rows_blanks_and_comments(night: Night) -> None:
    ra, dec = position(night, 1)
    (night.directory / "positions.dat").write_text(
        f"# image ra dec jd\n\nother.fits 1 2 3\n   \nmscience0002 {ra} {dec} 0 # here\n"
    )
    assert night.distill("-positions", "positions.dat") == 0
    assert [point.frame for point in night.points("manual_target")] == ["mscience0002.fits"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "words", [("-positions", "none.dat"), ("-positions", "all"), ("-fixedtargets", "none.dat")]
)
def test_missing_files(
    night: Night, words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert night.distill(*words) == 1
    said = capsys.readouterr().out
    assert ("none.dat: cannot be read" if words[1] != "all" else "there is no positions_") in said


# -- services --------------------------------------------------------------------------------------


def test_horizons_down_costs_its_targets_alone(
    night: Night, server: SkyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop("horizons")
    ra, dec = position(night, 2)
    (night.directory / "stars.txt").write_text(f"star,{ra},{dec}\n")
    words = ["-target", "3552", "-fixedtargets", "stars.txt", "-variable_stars"]
    assert night.distill(*words) == 3
    said = capsys.readouterr().out
    assert "target 3552: JPL Horizons: " in said
    assert {"star", "Control Star"} <= set(names(night))
    assert "3552" not in names(night)


def test_horizons_down_and_the_cache_knows(night: Night, server: SkyServer) -> None:
    assert night.distill("-quiet") == 0
    before = night.points("3552")
    server.stop("horizons")
    assert night.distill("-quiet") == 0
    assert [p.mag for p in night.points("3552")] == [p.mag for p in before]


@pytest.mark.parametrize("service", ["skybot", "vsx"])
def test_other_services_down(
    night: Night, server: SkyServer, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fail(replace(faults.ERROR_503, service=service))
    assert night.distill("-asteroids", "-variable_stars") == 3
    option = {"skybot": "-asteroids", "vsx": "-variable_stars"}[service]
    assert f"{option}: " in capsys.readouterr().out
    assert "3552" in names(night)
    assert names(night)[-1] == "Control Star"


def test_offline_without_a_cache(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert night.distill("-offline") == 3
    assert "3552" in capsys.readouterr().out
    assert names(night) == ["Control Star"]


# -- frames ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
def test_one_bad_frame_does_not_stop_the_others(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    Frame.read(night.paths[0]).database_path.unlink()
    Frame.read(night.paths[1]).database_path.write_bytes(b"no database")
    night.paths[2].write_text("no FITS")
    assert night.distill() == 3
    said = capsys.readouterr().out.splitlines()
    assert "pp_calibrate" in next(line for line in said if "mscience0001" in line)
    for name in ("mscience0001", "mscience0002", "mscience0003"):
        assert sum(name in line for line in said) == 1
    frames = [point.frame for point in night.points("3552")]
    assert frames == ["mscience0004.fits", "mscience0005.fits"]


@pytest.mark.usefixtures("server")
def test_no_frame_can_be_used(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    for path in night.paths:
        Frame.read(path).database_path.unlink()
    assert night.distill() == 1
    assert "no frame can be used: mscience0001.fits" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_databases_of_the_original_are_told(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in night.paths:
        database = Frame.read(path).database_path
        database.unlink()
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE header (name TEXT, origin TEXT, obstime REAL)")
            connection.execute("INSERT INTO header VALUES ('x.ldac', 'x', 2457786.9)")
            connection.execute("CREATE TABLE data (ident INTEGER, ra_deg REAL, _RJohnsonmag REAL)")
            connection.execute("INSERT INTO data VALUES (1, 179.2, 17.0)")
    assert night.distill() == 1
    said = capsys.readouterr().out
    assert "not a database of this pp_calibrate" in said
    assert "run pp_photometry and pp_calibrate" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("server")
def test_texts_in_the_cards_of_the_wcs_are_numbers(night: Night) -> None:
    assert night.distill("-quiet") == 0
    before = [point.source_ra_deg for point in night.points("3552")]
    for path in night.paths:
        header = Frame.read(path).header
        update_header(path, {key: repr(header[key]) for key in ("CRVAL1", "CD1_1", "CD2_2")})
    assert night.distill("-quiet") == 0
    assert [point.source_ra_deg for point in night.points("3552")] == before


@pytest.mark.usefixtures("server")
def test_a_wcs_that_leads_nowhere_costs_its_frame_alone(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    away = {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "CD1_1": 1.0, "CD2_2": 1.0}
    update_header(night.paths[1], away)
    assert night.distill() == 3
    said = capsys.readouterr().out
    assert "leads some corners of the image to no position on the sky" in said
    assert len(night.points("3552")) == COUNT - 1
    assert "Traceback" not in said


@pytest.mark.usefixtures("server")
def test_frames_that_are_not_registered_are_told(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in night.paths:
        value = Frame.read(path).header["CRVAL1"]
        update_header(path, {"REGSTAT": "failed", "CRVAL1": (value, "PP: starting WCS")})
    assert night.distill() == 1
    assert "run pp_register" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_a_database_of_another_aperture_is_not_believed(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    update_header(night.paths[1], {"APRAD": 9.25})
    assert night.distill() == 3
    told = capsys.readouterr().out
    assert f"{night.paths[1].name}: {night.paths[1].stem}.ldac.db: of an aperture of" in told
    assert "9.25 px since; run pp_calibrate" in told
    assert len(night.points("3552")) == COUNT - 1


@pytest.mark.usefixtures("server")
def test_misspelt_target_is_a_failure(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert night.distill("-target", "3552x") == 3
    said = capsys.readouterr().out
    assert "check the spelling: did you mean 3552?" in said


@pytest.mark.usefixtures("server")
def test_frame_without_time(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    update_header(night.paths[0], {"MIDTIMJD": None})
    assert night.distill() == 3
    assert "mscience0001.fits: not prepared; run pp_prepare" in capsys.readouterr().out
    assert len(night.points("3552")) == COUNT - 1


@pytest.mark.usefixtures("server")
def test_pixels_that_cannot_be_read_cost_what_needs_them(night: Night) -> None:
    ra, dec = position(night, 0)
    empty = sky.shifted(ra, dec, 0.0, 25.0)
    (night.directory / "stars.txt").write_text(f"nothing,{float(empty[0])},{float(empty[1])}\n")
    content = night.paths[0].read_bytes()
    night.paths[0].write_bytes(content[: len(content) // 2])
    assert night.distill("-fixedtargets", "stars.txt") == 3
    assert len(night.points("nothing")) == COUNT - 1


@pytest.mark.usefixtures("server")
def test_bad_pixels_under_a_faint_target_are_no_measurement(night: Night) -> None:
    ra, dec = position(night, 0)
    empty = sky.shifted(ra, dec, 0.0, 25.0)
    (night.directory / "stars.txt").write_text(f"nothing,{float(empty[0])},{float(empty[1])}\n")
    with fits.open(night.paths[0]) as opened:
        header = opened[0].header.copy()
        pixels = np.asarray(opened[0].data, "f4")
    del header["BZERO"], header["BSCALE"]
    fits.writeto(night.paths[0], np.full_like(pixels, np.nan), header, overwrite=True)
    assert night.distill("-fixedtargets", "stars.txt") == 0
    first = night.points("nothing")[0]
    assert first.rejected == "no measurement: bad pixels"
    line = (night.directory / "photometry_nothing.dat").read_text().splitlines()[1]
    assert line.startswith("#")
    assert line.endswith("# no measurement: bad pixels")


@pytest.mark.usefixtures("server")
def test_several_bands(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(Frame.read(night.paths[0]).database_path) as database:
        database.execute("UPDATE header SET band = 'V'")
    database.close()
    assert night.distill() == 1
    assert (
        "the frames have several bands (R, V); distill each separately" in capsys.readouterr().out
    )


@pytest.mark.usefixtures("server")
def test_one_frame_alone(night: Night) -> None:
    assert pp_distill.main([night.words[0]]) == 0
    assert len(night.points("3552")) == 1
    assert len(night.points("Control Star")) == 1


@pytest.mark.usefixtures("server")
def test_frames_without_sources(night: Night) -> None:
    for path in night.paths:
        with sqlite3.connect(Frame.read(path).database_path) as database:
            database.execute("DELETE FROM data")
        database.close()
    assert night.distill("-asteroids", "-variable_stars") in {0, 3}
    points = night.points("3552")
    assert [point.method for point in points] == ["forced"] * COUNT
    assert "no star is suitable as a control star" in night.log()


@pytest.mark.usefixtures("server")
def test_file_that_cannot_be_written(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    (night.directory / "photometry_3552.dat").mkdir()
    assert night.distill() == 3
    said = capsys.readouterr().out
    assert "target 3552: " in said
    assert "cannot be written" in said
    assert names(night) == ["Control Star"]


# -- rejection -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("words", "toml", "message"),
    [
        (("-reject", "wild"), "", "there is no criterion 'wild'; choose from none, pos"),
        (("-reject", "bad"), 'bad = "brightness > 3"', "bad = 'brightness > 3' should be"),
        (("-reject", "bad"), 'bad = "mag > 1..3"', "bad = 'mag > 1..3'"),
        ((), 'bad = "mag"', "bad = 'mag' should be"),
    ],
)
def test_mistakes_in_rejection_schemata(
    night: Night,
    words: tuple[str, ...],
    toml: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = night.directory / "photpipe.toml"
    path.write_text(f"{path.read_text()}[distill.reject]\n{toml}\n")
    assert night.distill(*words) == 1
    assert message in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_malformed_rejections(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    (night.directory / "rejections.txt").write_text("3552\n")
    assert night.distill() == 1
    assert (
        "rejections.txt: line 1: expected are target, frame and reason" in capsys.readouterr().out
    )


def test_wrong_usage(night: Night) -> None:
    assert night.distill("-offset", "1.0") == 2
    assert night.distill("-offset", "east", "north") == 2
    assert night.distill("-reject", "") == 2
    assert pp_distill.main([]) == 2
