"""pp_register where headers say nothing, or nothing true, about where frames lie."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from photpipe.catalogs.local import read_stars
from photpipe.fits import fitsfile
from photpipe.run.settings import Settings
from photpipe.services.reference import keep_imported
from tests.stages.sightings import Sighting, errors_arcsec, registered, sight

POINTING_CARDS = ("CRVAL1", "CRVAL2", "CTYPE1", "CTYPE2", "RA", "DEC")


def off_px(path: Path, scale_arcsec: float) -> float:
    return float(np.sqrt(np.mean(errors_arcsec(path) ** 2)) / scale_arcsec)


def test_pointing_far_off_rotation_and_parity_wrong(tmp_path: Path) -> None:
    field = sight(tmp_path, 40.0, 25.0, keyword="ZTFMOSAIC", stars=70, count=2, margin_deg=1.9)
    for path in field.frames:
        header = fits.getheader(path)
        changes = {
            "CRVAL2": header["CRVAL2"] + 1.7,
            "CD1_1": 0.0,
            "CD1_2": header["CD2_2"],
            "CD2_1": header["CD2_2"],
            "CD2_2": 0.0,
        }
        fitsfile.update_header(path, changes)
    result = registered(field)
    assert result.failed == ()
    assert {each.seed for each in result.frames} <= {"anywhere", "series"}
    for path, row in zip(field.frames, result.frames, strict=True):
        assert off_px(path, row.pixel_scale_arcsec) < 0.2


def test_frame_without_a_place_is_found_beside_the_others(tmp_path: Path) -> None:
    field = sight(tmp_path, 150.0, 20.0, count=2)
    gone = {**dict.fromkeys(POINTING_CARDS), "OBJECT": "blank field"}
    fitsfile.update_header(field.frames[-1], gone)
    result = registered(field)
    assert result.failed == ()
    assert result.frames[-1].seed in {"anywhere", "series"}
    assert np.sqrt(np.mean(errors_arcsec(field.frames[-1]) ** 2)) < 0.05


def test_frame_without_a_place_alone_is_refused_with_advice(tmp_path: Path) -> None:
    field = sight(tmp_path, 150.0, 20.0, count=1)
    gone = {**dict.fromkeys(POINTING_CARDS), "OBJECT": "blank field"}
    fitsfile.update_header(field.frames[0], gone)
    result = registered(Sighting(field.frames, field.sky))
    assert "give -ra and -dec" in result.failed[0].reason


def test_frames_with_a_handful_of_stars(tmp_path: Path) -> None:
    field = sight(tmp_path, 150.0, 20.0, count=2, stars=16, margin_deg=0.4)
    result = registered(field, snr=10.0)
    assert result.failed == ()
    for path, row in zip(field.frames, result.frames, strict=True):
        assert row.matched <= 10
        assert off_px(path, row.pixel_scale_arcsec) < 1.5


def bright_catalog(directory: Path, sighting: Sighting, share: float) -> None:
    """The brightest stars of the sky of a sighting, as a catalog of the user's own."""
    stars = sighting.sky.stars
    brightest = stars[np.argsort(np.asarray(stars["V"]))[: round(share * len(stars))]]
    table = Table({name: brightest[name] for name in ("ra_deg", "dec_deg")})
    table["Vmag"] = brightest["V"]
    table.write(directory / "bright.csv")
    keep_imported(read_stars(directory / "bright.csv", "BRIGHT"), Settings().services)


def test_many_sources_and_a_catalog_of_few_bright_stars(tmp_path: Path) -> None:
    """Seven stars of the catalog on a frame of 300: the brightest sources tell where they are."""
    field = sight(tmp_path, 150.0, 20.0, count=3, stars=300, shape=(1024, 1024))
    bright_catalog(tmp_path, field, 9 / 300)
    result = registered(field, cat="BRIGHT")
    assert result.failed == ()
    for path, row in zip(field.frames, result.frames, strict=True):
        assert row.fit == "bright stars"
        assert 6 <= row.matched <= row.detections < 40
        assert off_px(path, row.pixel_scale_arcsec) < 1.0


def test_few_bright_stars_of_another_sky_register_nothing(tmp_path: Path) -> None:
    field = sight(tmp_path, 150.0, 20.0, count=2, stars=300, shape=(1024, 1024))
    other = sight(tmp_path / "other", 150.0, 20.0, count=1, stars=300, shape=(1024, 1024), seed=5)
    bright_catalog(tmp_path, other, 9 / 300)
    result = registered(field, cat="BRIGHT")
    assert result.frames == ()
    assert len(result.failed) == 2
