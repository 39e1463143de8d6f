"""pp_run on colour cameras: mosaics and cubes taken apart, each colour against its own truth."""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import mad_std

from photpipe.catalogs.database import magnitude_columns, read_database
from photpipe.ground import sky
from photpipe.ground.errors import ConfigError
from photpipe.ground.timescale import SECONDS_PER_DAY, iso
from photpipe.prepare.stage import PrepareOptions, prepare
from photpipe.run.workspace import Workspace
from photpipe.runner.one_directory import named_frames
from photpipe.science.mosaic import turned_over
from simsky import SkyServer, camera, night, sky_for
from simsky.colour import Mosaic, render_mosaic
from tests.conftest import FIELD, START_JD, TARGET
from tests.integration.runs import points, run

SHAPE = (900, 900)
SITE = {"SITELAT": 32.7013, "SITELONG": -109.892, "SITEELEV": 3178.0}
PATTERN = "GRBG"
STAR = 6


@dataclass(frozen=True)
class ColourNight:
    """Frames of a colour camera in a directory, and the truth in each colour."""

    directory: Path
    names: list[str]
    mosaics: list[Mosaic]

    def folder(self, name: str) -> Path:
        (found,) = self.directory.glob(f"CAM_*_{name}")
        return found


def cards(mosaic: Mosaic, scale_arcsec: float) -> Mapping[str, Any]:
    """What a program writes of a frame: the focal length is 8 % wrong, no WCS."""
    truth = mosaic.frame.truth.meta
    start = truth["midtime_jd"] - truth["exptime_s"] / 2 / SECONDS_PER_DAY
    return {
        **{"IMAGETYP": "LIGHT", "EXPTIME": truth["exptime_s"], "DATE-OBS": iso(start), **SITE},
        **{"INSTRUME": "ZWO ASI533MC Pro", "XPIXSZ": 3.76, "XBINNING": 1, "YBINNING": 1},
        **{"FOCALLEN": 206.264806 * 3.76 / scale_arcsec * 1.08, "EGAIN": 2.0, "GAIN": 100},
        **{"RA": FIELD[0], "DEC": FIELD[1], "OBJECT": "3552", "SWCREATE": "N.I.N.A. 3.1"},
    }


@pytest.fixture(scope="module")
def rendered() -> tuple[Any, list[Mosaic], float]:
    """Sky, mosaics and pixel scale of the detector, made once."""
    cam = camera("VATT4K", shape=SHAPE)
    seen = sky_for(cam, 3552, *FIELD, stars_per_frame=170, min_separation_arcsec=6.0)
    seen = seen.with_movers(TARGET)
    plan = night(cam, *FIELD, count=3, start_jd=START_JD, seed=5, seeing_arcsec=(1.9, 2.3))
    plan = [replace(each, object_name="3552") for each in plan]
    mosaics = [
        render_mosaic(seen, cam, each, PATTERN, seed=number) for number, each in enumerate(plan)
    ]
    return seen, mosaics, cam.scale_arcsec[0]


@pytest.fixture
def colour_night(rendered: Any, tmp_path: Path) -> Iterator[ColourNight]:
    """The mosaics as files of a capture program, with the services about their sky."""
    seen, mosaics, scale = rendered
    directory = tmp_path / "night"
    directory.mkdir()
    names = []
    for number, each in enumerate(mosaics):
        pixels = np.clip(np.rint(each.frame.pixels), 0, 65535).astype(np.uint16)
        header = fits.Header({**cards(each, scale), "BAYERPAT": PATTERN, "XBAYROFF": 0})
        header.update({"YBAYROFF": 0, "ROWORDER": "TOP-DOWN", "FILTER": "UV/IR"})
        names.append(f"light_{number}.fits")
        fits.PrimaryHDU(pixels, header).writeto(directory / names[-1])
    with SkyServer(seen) as server:
        server.write_settings(directory)
        yield ColourNight(directory, names, mosaics)


def compared(folder: Path, name: str, mosaics: list[Mosaic], letter: str) -> np.ndarray:
    """Stars of all frames of a colour: measured minus true magnitude, and its error."""
    found = []
    for path, mosaic in zip(sorted(folder.glob("light_*.fits")), mosaics, strict=True):
        _, data = read_database(path.with_suffix(".ldac.db"))
        truth = mosaic.truths[letter]
        truth = truth[(truth["kind"] == STAR) & ~truth["saturated"] & ~truth["varies"]]
        apart = sky.separation_deg(
            *(np.asarray(data[axis])[:, None] for axis in ("ra_deg", "dec_deg")),
            *(np.asarray(truth[axis])[None, :] for axis in ("ra_deg", "dec_deg")),
        )
        near, rows = apart.argmin(axis=1), np.arange(len(data))
        good = (apart[rows, near] * 3600 < 0.5) & (np.asarray(data["FLAGS"]) == 0)
        mag, e_mag = (np.asarray(data[column], float) for column in magnitude_columns(name))
        found.append(np.stack([mag - truth["mag"][near], e_mag])[:, good & (e_mag < 0.05)])
    return np.concatenate(found, axis=1)


def test_mosaic_becomes_three_nights(colour_night: ColourNight) -> None:
    before = {name: (colour_night.directory / name).read_bytes() for name in colour_night.names}
    assert run(*(colour_night.directory / name for name in colour_night.names)) == 0
    for name, letter in (("TG", "G"), ("TB", "B"), ("TR", "R")):
        measured = points(colour_night.folder(name))
        assert [point.band for point in measured] == [name] * 3
        for point, mosaic in zip(measured, colour_night.mosaics, strict=True):
            truth = mosaic.truths[letter]
            (row,) = truth[truth["kind"] == 1]
            assert abs(point.mag - row["mag"]) < 3 * point.sig
            assert abs(point.midtime_jd - truth.meta["midtime_jd"]) * SECONDS_PER_DAY < 0.01
            apart = np.hypot(
                (point.source_ra_deg - row["ra_deg"]) * np.cos(np.radians(row["dec_deg"])),
                point.source_dec_deg - row["dec_deg"],
            )
            assert apart * 3600 < 0.1
        off, error = compared(colour_night.folder(name), name, colour_night.mosaics, letter)
        assert off.size > 80
        assert abs(np.median(off)) < 0.01
        lowest, highest = (0.85, 1.15) if name == "TG" else (0.7, 1.3)  # fewer bright stars
        assert lowest < mad_std(off / error) < highest
    for name, content in before.items():
        assert (colour_night.directory / name).read_bytes() == content


def test_planes_beside_their_mosaics_are_made_once(colour_night: ColourNight) -> None:
    """The shell's *.fits holds the planes by now: none is a frame of its own, or made again."""
    workspace = Workspace(colour_night.directory)
    first = prepare(sorted(colour_night.directory.glob("*.fits")), PrepareOptions(), workspace)
    assert len(first.frames) == 9 and not first.failed
    names = sorted(colour_night.directory.glob("*.fits"))
    again = prepare(names, PrepareOptions(), workspace)
    assert len(names) == 12 and len(again.frames) == 9 and not again.failed
    assert not any(row.changed for row in again.frames)
    assert named_frames([str(colour_night.directory)], None) == names[::4]


def test_mosaic_of_which_no_card_tells(
    colour_night: ColourNight, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told with its remedy; the user's word gives the planes that the card would give."""
    path = colour_night.directory / colour_night.names[0]
    expected = [f"{path.stem}_{name}.fits" for name in ("TG", "TB", "TR")]
    for card in ("BAYERPAT", "XBAYROFF", "YBAYROFF", "ROWORDER"):
        fits.delval(path, card)
    workspace = Workspace(colour_night.directory)
    result = prepare([path], PrepareOptions(), workspace)
    (named,) = [fact for fact in result.frames[0].facts if fact.name == "filter"]
    assert "-mosaic GRBG or GBRG" in named.doubt
    assert "-mosaic GRBG or GBRG" in caplog.text
    told = prepare([path], PrepareOptions(mosaic=PATTERN), workspace)
    assert [row.frame for row in told.frames] == expected
    again = prepare(
        [path, *(colour_night.directory / name for name in expected)],
        PrepareOptions(mosaic=PATTERN),
        workspace,
    )
    assert [row.frame for row in again.frames] == expected


def test_header_that_the_sky_contradicts(
    colour_night: ColourNight, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows are counted from the other side: the sky shows which diagonal is green."""
    path = colour_night.directory / colour_night.names[0]
    fits.setval(path, "BAYERPAT", value=turned_over(PATTERN))
    fits.setval(path, "FILTER", value="L-eXtreme")
    result = prepare([path], PrepareOptions(), Workspace(colour_night.directory))
    assert [row.frame for row in result.frames] == [
        f"{path.stem}_{name}.fits" for name in ("TG", "TB", "TR")
    ]
    assert f"the sky shows {PATTERN}" in caplog.text
    truth = colour_night.mosaics[0].frame.pixels
    found = fits.getdata(path.with_name(f"{path.stem}_TB.fits"))
    assert np.array_equal(found, np.rint(truth[1::2, 0::2]))  # B of GRBG
    (colour,) = [fact for fact in result.frames[0].facts if fact.name == "colour"]
    assert f"the sky shows {PATTERN}; seen through 'L-eXtreme' (narrow band)" in colour.doubt


def test_cube_is_taken_apart_by_plane(colour_night: ColourNight) -> None:
    """What a smart telescope writes: three planes, a stack, with its middle on a card."""
    mosaic = colour_night.mosaics[0]
    rng = np.random.default_rng(1)
    planes = rng.integers(500, 600, (3, 60, 80)).astype(np.uint16)
    header = fits.Header({**cards(mosaic, 0.375), "STACKCNT": 10, "CREATOR": "ZWO Seestar S50"})
    header.update({"DATE-AVG": "2017-02-02T10:48:30", "FILTER": "IRCUT", "BAYERPAT": "GRBG"})
    path = colour_night.directory / "stack.fit"
    fits.PrimaryHDU(planes, header).writeto(path)
    packed = path.with_name("other.fit.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    result = prepare([path, packed], PrepareOptions(), Workspace(colour_night.directory))
    assert not result.failed
    for stem in ("stack", "other"):
        for number, name in enumerate(("TR", "TG", "TB")):
            with fits.open(path.with_name(f"{stem}_{name}.fit")) as hdus:
                assert np.array_equal(hdus[0].data, planes[number])
                assert hdus[0].header["FILTER"] == name and "NAXIS3" not in hdus[0].header
        assert result.frames[0].pixel_scale_arcsec == pytest.approx((0.375 / 1.08,) * 2)
    assert {row.band for row in result.frames} == {"TG", "TB", "TR"}


def test_cube_of_one_band_is_none_of_colours(colour_night: ColourNight) -> None:
    header = fits.Header({**cards(colour_night.mosaics[0], 0.375), "FILTER": "V"})
    path = colour_night.directory / "cube.fits"
    fits.PrimaryHDU(np.ones((3, 60, 80), np.uint16), header).writeto(path)
    (failure,) = prepare([path], PrepareOptions(), Workspace(colour_night.directory)).failed
    assert "a cube of 3 images in V; split it" in failure.reason


def test_raw_files_are_refused_with_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, start in (("IMG_1.CR2", b"II*\0\x10\0\0\0CR"), ("IMG_2.NEF", b"MM\0*\0\0\0\x08")):
        (tmp_path / name).write_bytes(start + bytes(5000))
    assert run(tmp_path / "IMG_1.CR2", tmp_path / "IMG_2.NEF") == 1
    told = "".join(capsys.readouterr())
    assert told.count("2 frames: a raw file of a digital camera") == 1
    assert "without debayering" in told
    with pytest.raises(ConfigError, match=r"IMG_1\.CR2 and 1 more: raw files"):
        named_frames([str(tmp_path)], None)
