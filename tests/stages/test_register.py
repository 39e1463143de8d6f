"""pp_register on simulated frames, with the real tools and the services of that sky."""

import json
import math
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import pp_register
from photpipe.astromatic import scamp, tool
from photpipe.catalogs.ldac import read_ldac
from photpipe.fits import fitsfile
from photpipe.ground import sky
from photpipe.ground.errors import HeaderError
from photpipe.instruments.frames import Frame
from photpipe.register import solver
from photpipe.register.campaign import starting_wcs
from photpipe.register.plates import Plate
from photpipe.register.stage import verify
from photpipe.run.results import RegisterResult
from photpipe.run.settings import RegistrationSettings, Settings
from photpipe.run.workspace import Workspace
from photpipe.science.astrometry import sky_of
from pp_prepare import PrepareOptions, prepare
from pp_register import RegisterOptions, register
from simsky import SkyServer, read_truth
from tests.conftest import Scene
from tests.stages.sightings import Sighting, errors_arcsec, registered, sight, workspace

STRICT_RMS_ARCSEC = 0.05


@pytest.fixture(scope="module")
def _master(tmp_path_factory: pytest.TempPathFactory) -> Sighting:
    return sight(tmp_path_factory.mktemp("field") / "night", 150.0, 20.0, count=3)


@pytest.fixture
def field(_master: Sighting, tmp_path: Path) -> Sighting:
    """Three prepared frames in a directory of this test's own."""
    shutil.copytree(_master.directory, tmp_path / "night")
    return Sighting([tmp_path / "night" / path.name for path in _master.frames], _master.sky)


def names(sighting: Sighting) -> list[str]:
    return [path.name for path in sighting.frames]


def test_frames_are_registered(field: Sighting, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = [fits.getdata(path).copy() for path in field.frames]
    plates, of = [], Plate.of
    monkeypatch.setattr(Plate, "of", lambda *words: plates.append(of(*words)) or plates[-1])
    with SkyServer(field.sky) as server:
        result = register(field.frames, RegisterOptions(), workspace(field, server))
        assert server.count() == 1
    # a long series has no room for the apertures of all its sources
    assert [tuple(each.sources.colnames) for each in plates] == [scamp.COLUMNS] * 3
    assert [each.frame for each in result.frames] == names(field)
    assert result.failed == ()
    assert result.catalogs == ("GAIA",)
    for path, row, before in zip(field.frames, result.frames, pixels, strict=True):
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < STRICT_RMS_ARCSEC
        assert (row.seed, row.fit) == ("header", "SCAMP and least squares")
        assert min(row.as_contrast, row.xy_contrast) > 2.5
        assert row.matched > 40 * row.expected
        assert row.offset_arcsec > 1.0
        assert abs(row.scale_error) < 0.001
        assert (fits.getdata(path) == before).all()


@pytest.mark.parametrize(("off_arcmin", "margins_arcmin"), [(1.0, [3.0]), (7.0, [3.0, 15.0])])
def test_stars_are_asked_for_as_far_around_as_frames_need(
    field: Sighting, off_arcmin: float, margins_arcmin: list[float]
) -> None:
    """VATT4K's entry allows 15 arcmin: stars so far around are asked for by frames off by some."""
    path = field.frames[0]
    before = Frame.read(path)
    fitsfile.update_header(path, {"CRVAL2": before.header["CRVAL2"] + off_arcmin / 60})
    with SkyServer(field.sky) as server:
        result = register([path], RegisterOptions(), workspace(field, server))
        asked = [re.search(r"-c\.rd=([\d.]+)", each.body) for each in server.requests]
    radii = np.array([60.0 * float(each[1]) for each in asked if each])
    half = 512 * math.sqrt(0.5) * before.pixel_scale_arcsec[0] / 60.0
    # a twentieth and up to 0.6 arcmin more serve the neighbours, too
    assert len(radii) == len(margins_arcmin)
    assert (radii / (half + np.array(margins_arcmin)) > 1.0).all()
    assert (radii - 1.05 * (half + np.array(margins_arcmin)) < 0.7).all()
    assert result.failed == ()
    assert result.frames[0].offset_arcsec == pytest.approx(60.0 * off_arcmin, abs=60.0)
    assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < STRICT_RMS_ARCSEC


def test_without_an_ephemeris_a_lost_frame_is_looked_for_elsewhere(
    field: Sighting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the user's files tell the targets, nobody asks where the object of a frame was."""

    def asked(*_: object) -> None:
        raise AssertionError("Horizons is asked")

    monkeypatch.setattr("photpipe.services.horizons.positions", asked)
    lost = field.frames[0]
    cards = ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2")
    fitsfile.update_header(lost, dict.fromkeys(cards))
    frame = Frame.read(lost)
    settings = Settings().with_offline()
    with pytest.raises(AssertionError, match="asked"):
        starting_wcs(frame, settings)
    with pytest.raises(HeaderError, match="no pointing; give -ra and -dec"):
        starting_wcs(frame, settings, asks_horizons=False)
    options = RegisterOptions(asks_horizons=False)
    result = register([lost], options, Workspace(lost.parent, settings, quiet=True))
    assert [each.frame for each in result.failed] == [lost.name]


def test_batches_of_scamp_change_next_to_nothing(
    field: Sighting, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = registered(field)
    before = [fits.getheader(path) for path in field.frames]
    monkeypatch.setattr(solver, "MOST_TOGETHER", 1)
    runs, run = [], scamp.run
    monkeypatch.setattr(scamp, "run", lambda *a, **k: runs.append(a) or run(*a, **k))
    apart = registered(field)
    assert apart.failed == ()
    assert [(len(frames), search.most_stars) for frames, _, search, _ in runs] == [(1, 200)] * 3
    for row, other in zip(together.frames, apart.frames, strict=True):
        assert (row.frame, row.fit, row.as_contrast) == (other.frame, other.fit, other.as_contrast)
    for path, old in zip(field.frames, before, strict=True):
        now = fits.getheader(path)
        apart_arcsec = [3600 * abs(now[key] - old[key]) for key in ("CRVAL1", "CRVAL2")]
        assert max(apart_arcsec) < 0.1 * STRICT_RMS_ARCSEC
    rows = scamp.read_xml((field.directory / "astrometry_scamp.xml").read_bytes())
    assert [row["Catalog_Name"] for row in rows] == ["00000.ldac", "00001.ldac", "00002.ldac"]


def test_header_holds_numbers_and_where_they_come_from(field: Sighting) -> None:
    result = registered(field)
    for path, row in zip(field.frames, result.frames, strict=True):
        header = fits.getheader(path)
        assert (header["CTYPE1"], header["CTYPE2"]) in {
            ("RA---TPV", "DEC--TPV"),
            ("RA---TAN", "DEC--TAN"),
        }
        for key in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD2_2", "EQUINOX"):
            assert isinstance(header[key], float)
        assert all(isinstance(header[key], float) for key in header if key.startswith("PV"))
        assert header["RADESYS"] == "ICRS"
        assert header["REGSTAT"] == "registered"
        assert header["REGCAT"] == "GAIA"
        assert header["REGASCON"] == pytest.approx(row.as_contrast, rel=1e-4)
        assert header["REGXYCON"] == pytest.approx(row.xy_contrast, rel=1e-4)
        assert header["REGNSTAR"] == row.matched
        assert header["REGRMS"] == pytest.approx(row.rms_arcsec, rel=1e-4)
        assert header["ASTRRMS1"] * 3600 == pytest.approx(row.sigma_arcsec[0], rel=1e-4)


def test_documented_files_are_written(field: Sighting) -> None:
    result = registered(field)
    directory = field.directory
    assert (directory / "registration_succeeded.lst").read_text().split() == names(field)
    assert (directory / "registration_failed.lst").read_text() == ""
    best = (directory / "best_astrometry.dat").read_text().splitlines()
    assert best[0].startswith("# frame")
    rms = [float(line.split()[5]) for line in best[1:]]
    assert rms == sorted(rms)
    assert len(rms) == 3
    stars, _ = read_ldac(directory / "GAIA.cat")
    assert {"XWIN_WORLD", "YWIN_WORLD", "MAG", "OBSDATE"} <= set(stars.colnames)
    assert len(stars) > 100
    assert b"VOTABLE" in (directory / "astrometry_scamp.xml").read_bytes()
    assert all(path.with_suffix(".ldac").is_file() for path in field.frames)
    saved = Workspace(directory).load(RegisterResult)
    assert saved is not None
    assert [each.frame for each in saved.frames] == [each.frame for each in result.frames]
    left = {path.suffix for path in directory.iterdir() if path.is_file()}
    assert left <= {".fits", ".ldac", ".lst", ".dat", ".cat", ".xml"}


def test_astropy_source_extractor_and_swarp_agree(field: Sighting, tmp_path: Path) -> None:
    """A quadratic and a cubic term are put in, so that all of TPV is at stake."""
    registered(field)
    path = field.frames[0]
    terms = {"PV1_0": 0.0, "PV1_1": 1.0, "PV1_4": 0.003, "PV1_7": 2.0, "PV1_9": 2.0}
    changes = {**terms, **{key.replace("PV1", "PV2"): value for key, value in terms.items()}}
    stale = {key: None for key in fits.getheader(path) if key.startswith("PV")}
    fitsfile.update_header(path, {**stale, "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", **changes})
    from pp_extract import ExtractOptions, extract

    extract([path], ExtractOptions(snr=5.0, minarea=5), Workspace(tmp_path, quiet=True))
    seen, _ = read_ldac(path.with_suffix(".ldac"))
    wcs = Frame.read(path).wcs()
    plain = sky_of({**fits.getheader(path), "CTYPE1": "RA---TAN"})
    x, y = seen["XWIN_IMAGE"], seen["YWIN_IMAGE"]
    ours = wcs.all_pix2world(x, y, 1)
    theirs = seen["XWIN_WORLD"], seen["YWIN_WORLD"]
    assert sky.separation_deg(*ours, *plain(x, y)).max() * 3600 > 0.3
    assert sky.separation_deg(*ours, *theirs).max() * 3600 < 1e-5

    shutil.copy(path, tmp_path / "in.fits")
    arguments = ["in.fits", "-c", "none.swarp", "-IMAGEOUT_NAME", "out.fits", "-PROJECTION_TYPE",
        "TAN", "-SUBTRACT_BACK", "N", "-HEADER_SUFFIX", ".none", "-WRITE_XML", "N"]  # fmt: skip
    tool.run_tool(tool.SWARP, arguments, tmp_path, 60.0).check()
    with fits.open(tmp_path / "out.fits", mode="update") as hdus:
        hdus[0].header.update(INSTRUME="Vatt4k", CCDBIN1=2, CCDBIN2=2)
    extract([tmp_path / "out.fits"], ExtractOptions(snr=5.0, minarea=5, telescope="VATT4K"),
        Workspace(tmp_path, quiet=True))  # fmt: skip
    again, _ = read_ldac(tmp_path / "out.ldac")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SWarp's header has MJD-OBS without DATE-OBS
        combined = WCS(fits.getheader(tmp_path / "out.fits"))
    there = combined.all_pix2world(again["XWIN_IMAGE"], again["YWIN_IMAGE"], 1)
    distance = sky.separation_deg(
        ours[0][:, None], ours[1][:, None], there[0][None, :], there[1][None, :]
    )
    nearest = distance.min(axis=1)[seen["FLAGS"] == 0] * 3600
    assert np.median(nearest) < 0.03


@pytest.mark.parametrize(
    ("ra", "dec"), [(0.01, -5.0), (120.0, 89.5), (300.0, -89.5)], ids=["0h", "north", "south"]
)
def test_fields_across_zero_hours_and_at_the_poles(tmp_path: Path, ra: float, dec: float) -> None:
    field = sight(tmp_path, ra, dec, pointing_error_arcsec=60.0)
    result = registered(field)
    assert result.failed == ()
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < STRICT_RMS_ARCSEC


@pytest.mark.parametrize("corner_arcsec", [1.0, 4.0])
def test_distortion_leaves_no_systematic(tmp_path: Path, corner_arcsec: float) -> None:
    field = sight(
        tmp_path, 200.0, -40.0, count=5, stars=150, distortion_arcsec=corner_arcsec,
        dither_arcsec=30.0,
    )  # fmt: skip
    result = registered(field)
    assert result.failed == ()
    assert {each.degree for each in result.frames} == {3}
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.02
        assert errors_arcsec(path).max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("keyword", "seed"), [("VATT4K", 1), ("LOWELL31", 2)])
def test_lost_frames_are_found(tmp_path: Path, keyword: str, seed: int) -> None:
    """Pointing wrong by half a degree; rotation, parity and scale wrong."""
    field = sight(
        tmp_path,
        40.0 * seed,
        25.0,
        keyword=keyword,
        seed=seed,
        stars=45,
        count=1,
        margin_deg=1.7,
        pointing_error_arcsec=1800 / math.sqrt(2),
        rotation_error_deg=97.0 * seed,
        mirrored=seed != 2,
        scale_error=(-1) ** seed * 0.1,
    )
    result = registered(field)
    assert result.failed == ()
    assert {each.seed for each in result.frames} <= {"pattern", "series"}
    for path, row in zip(field.frames, result.frames, strict=True):
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 0.2 * row.pixel_scale_arcsec


def test_stars_have_moved_since_the_catalog_was_made(field: Sighting) -> None:
    """The catalog is of 2016; without proper motions every frame would be off by their mean."""
    registered(field)
    path = field.frames[0]
    truth = read_truth(path)
    at = Frame.read(path).wcs().all_pix2world(truth["x"], truth["y"], 1)
    east, north = sky.offsets_arcsec(truth["ra_deg"], truth["dec_deg"], *at)
    assert math.hypot(np.median(east), np.median(north)) < 0.02


def test_a_second_run_gives_the_same(field: Sighting) -> None:
    registered(field)
    before = [Frame.read(path).wcs().all_pix2world(7.0, 9.0, 1) for path in field.frames]
    result = registered(field)
    assert result.failed == ()
    for path, old in zip(field.frames, before, strict=True):
        new = Frame.read(path).wcs().all_pix2world(7.0, 9.0, 1)
        assert float(sky.separation_deg(*old, *new)) * 3600 < 0.01


def test_registered_frames_stay_so_when_a_later_run_fails(field: Sighting) -> None:
    registered(field)
    headers = [path.read_bytes() for path in field.frames]
    elsewhere = SkyServer(field.sky)
    with elsewhere as server:
        space = workspace(field, server)
        for path in (Path(space.directory, "unused"),):
            assert not path.exists()
        for name in ("vizier", "vizier2"):
            server.stop(name)
        result = register(field.frames, RegisterOptions(cat="2MASS"), space)
    assert result.done == 0  # what was requested was not done, and nothing is lost
    assert [each.frame for each in result.failed] == [path.name for path in field.frames]
    assert all("it keeps its earlier WCS" in each.reason for each in result.failed)
    assert [path.read_bytes() for path in field.frames] == headers


def test_only_failed_leaves_the_others_alone(field: Sighting) -> None:
    register_two = Sighting(field.frames[:2], field.sky)
    registered(register_two)
    stamp = [path.stat().st_mtime_ns for path in field.frames[:2]]
    result = registered(field, only_failed=True)
    assert result.done == 3
    assert [path.stat().st_mtime_ns for path in field.frames[:2]] == stamp
    assert result.frames[2].matched > 20


def test_preparing_again_forgets_the_registration(field: Sighting) -> None:
    registered(field)
    prepare(field.frames, PrepareOptions(), Workspace(field.directory, quiet=True))
    with SkyServer(field.sky) as server:
        for name in ("vizier", "vizier2"):
            server.stop(name)
        result = register(field.frames, RegisterOptions(cat="2MASS"), workspace(field, server))
    assert result.done == 0


def test_a_kept_wcs_is_verified(field: Sighting) -> None:
    registered(field)
    off = fits.getheader(field.frames[1])["CRVAL2"] + 0.01
    fitsfile.update_header(field.frames[1], {"CRVAL2": off})
    with SkyServer(field.sky) as server:
        result = verify(field.frames, RegisterOptions(), workspace(field, server))
    assert [each.frame for each in result.frames] == [names(field)[0], names(field)[2]]
    assert {each.fit for each in result.frames} == {"kept"}
    assert "does not fit the stars" in result.failed[0].reason
    assert np.sqrt(np.mean(errors_arcsec(field.frames[0]) ** 2)) < STRICT_RMS_ARCSEC
    assert fits.getheader(field.frames[1])["CRVAL2"] == off


def test_the_next_catalog_is_used_when_the_first_is_poor(field: Sighting) -> None:
    """TGAS has next to no stars here."""
    with SkyServer(field.sky) as server:
        space = workspace(field, server)
        from dataclasses import replace

        from photpipe.instruments.telescopes import by_keyword

        vatt = by_keyword("VATT4K")
        poor = replace(
            vatt, parameters={**vatt.parameters, "astrometry_catalogs": ("TGAS", "URAT-1")}
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("photpipe.instruments.telescopes.by_keyword", lambda _name: poor)
            result = register(field.frames, RegisterOptions(telescope="VATT4K"), space)
    assert result.failed == ()
    assert {each.catalog for each in result.frames} == {"URAT-1"}
    assert (field.directory / "URAT-1.cat").is_file()


def test_contrast_limits_are_settings(field: Sighting) -> None:
    """Frames that SCAMP does not like are fitted by least squares, if the stars are sure."""
    with SkyServer(field.sky) as server:
        space = workspace(field, server)
        from dataclasses import replace

        strict = replace(
            space.settings, registration=RegistrationSettings(scamp_as_contrast_limit=1000.0)
        )
        result = register(field.frames, RegisterOptions(), replace(space, settings=strict))
    assert {each.fit for each in result.frames} == {"least squares"}
    assert all("REGASCON" not in fits.getheader(path) for path in field.frames)
    for path in field.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < 2 * STRICT_RMS_ARCSEC


def test_command(commands: Scene) -> None:
    prepare(commands.frames, PrepareOptions(), Workspace(commands.directory, quiet=True))
    words = [str(path) for path in commands.frames]
    assert pp_register.main([*words, "-quiet", "-source_tolerance", "medium", "-snr", "4"]) == 0
    log = (commands.directory / "LOG").read_text()
    assert log.count("registered with GAIA") == 3
    state = json.loads((commands.directory / ".diagnostics/state/register.json").read_text())
    assert len(state["frames"]) == 3
    for path in commands.frames:
        assert np.sqrt(np.mean(errors_arcsec(path) ** 2)) < STRICT_RMS_ARCSEC


@pytest.mark.parametrize(
    ("words", "status"),
    [(["-cat", "NOSUCH"], 1), (["-source_tolerance", "some"], 2), (["-snr", "-1"], 2)],
)
def test_wrong_options(field: Sighting, words: list[str], status: int) -> None:
    assert pp_register.main([*words, "-quiet", str(field.frames[0])]) == status
    assert not field.frames[0].with_suffix(".ldac").exists()
