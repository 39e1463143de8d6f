"""What becomes a point of a target, on frames made by hand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from photpipe.catalogs.table import SourceTable
from photpipe.distill.identification import told_apart
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.points import left_over, points_of_frame, suspected
from photpipe.distill.star_images import Stars
from photpipe.distill.surroundings import Surroundings, catalogued
from photpipe.distill.targets import MOVING, Target, fixed
from photpipe.ground import sky
from photpipe.ground.errors import ConfigError
from photpipe.run import photometry_file
from photpipe.run.photometry_file import DETECTED, FORCED, LIMIT, TargetPoint
from photpipe.run.settings import DistillSettings, Settings
from photpipe.science.flags import SourceFlag
from photpipe.science.starimage import StarImage
from photpipe.services import reference
from tests.points import point
from tests.unit.calibrated import SHAPE, START_JD, calibrated_frame, sky_of

COUNT = 4
PLACE = (150.0, 140.0)
STARS = [{"x": 40.0 + 60 * n, "y": 30.0 + 20 * (n % 3), "mag": 15.0} for n in range(5)]
BLENDED = float(SourceFlag.BLENDED)


def target(name: str = "T", x: float = PLACE[0], y: float = PLACE[1]) -> Target:
    """Target that is there on the first frame, and 30 pixels further on each of the others."""
    ra, dec = np.transpose([sky_of(x + 30.0 * n, y) for n in range(COUNT)])
    return Target(name, MOVING, ra, dec, np.zeros(COUNT), 18.0)


def series(directory: Path, *sources: dict[str, float], light: float = 0.0) -> list:
    """Frames, of which the first one has more sources, and pixels with light at the target."""
    rng = np.random.default_rng(5)
    pixels = rng.normal(100.0, 2.0, SHAPE)
    y, x = np.mgrid[1 : SHAPE[0] + 1, 1 : SHAPE[1] + 1]
    image = np.exp(-((x - PLACE[0]) ** 2 + (y - PLACE[1]) ** 2) / 8.0)
    pixels += light * image / image.sum()
    fits.writeto(directory / "frame0.fits", pixels.astype("float32"))
    rest = [calibrated_frame(STARS, number, directory) for number in range(1, COUNT)]
    return [calibrated_frame([*STARS, *sources], 0, directory), *rest]


def measured(frames: list[MeasuredFrame], *targets: Target) -> dict[str, TargetPoint]:
    """Points on the first frame."""
    around, settings = Surroundings.of(frames), DistillSettings()
    tracks = told_apart(targets, frames, around, settings)
    return points_of_frame(frames[0], 0, tracks, None, around, (1.0, 2.0), settings)


def source(dx: float = 0.0, mag: float = 18.0, **columns: float) -> dict[str, float]:
    return {"x": PLACE[0] + dx, "y": PLACE[1], "mag": mag, **columns}


def test_a_source_is_measured_as_the_catalog_has_it(tmp_path: Path) -> None:
    found = measured(series(tmp_path, source(dx=1.0)), target())["T"]
    assert (found.method, found.mag, found.snr) == (DETECTED, 18.0, pytest.approx(63.1, abs=0.1))
    assert (found.manual_east_arcsec, found.manual_north_arcsec) == (1.0, 2.0)
    assert found.offset_east_arcsec == pytest.approx(0.4, abs=0.01)  # predicted minus measured
    assert not found.contamination


def test_without_a_source_there_is_light_or_a_limit(tmp_path: Path) -> None:
    (tmp_path / "faint").mkdir()
    bright = measured(series(tmp_path, light=2000.0), target())["T"]
    assert bright.method == FORCED
    assert bright.mag == pytest.approx(25.0 - 2.5 * math.log10(2000.0), abs=0.1)
    assert math.isnan(bright.sigma_east_arcsec)
    faint = measured(series(tmp_path / "faint"), target())["T"]
    assert faint.method == LIMIT
    assert faint.mag == pytest.approx(25.0 - 2.5 * math.log10(5 * 10.0), abs=0.3)


def test_a_faint_source_has_the_flux_at_the_place_that_the_series_shows(tmp_path: Path) -> None:
    """Its centre follows its noise: with the place known, the flux does not."""
    faint = {"FLUXERR_APER": 350.0, "MAGERR_APER": 0.12}
    seen = source(dx=0.6, mag=16.3, **faint)  # brighter by its noise
    frames = series(tmp_path, light=2000.0)
    frames[0] = calibrated_frame([*STARS, seen], 0, tmp_path)
    around, settings = Surroundings.of(frames), DistillSettings()
    (track,) = told_apart([target()], frames, around, settings)
    for confirmed in (True, False):
        known = replace(track, is_confirmed=confirmed)
        found = points_of_frame(frames[0], 0, [known], None, around, (0.0, 0.0), settings)["T"]
        assert found.method == DETECTED
        assert found.offset_east_arcsec == pytest.approx(0.6 * 0.4, abs=0.01)
        assert found.fwhm_arcsec == pytest.approx(2.0)
        placed = 25.0 - 2.5 * math.log10(2000.0)
        assert found.mag == pytest.approx(placed if confirmed else 16.3, abs=0.1)
        assert (found.snr > 20) == confirmed


def columns_of(path: Path) -> list[list[str]]:
    """Columns of the lines of a .dat file, those of limits and rejected points included."""
    lines = path.read_text("utf-8").splitlines()[1:]
    return [line.lstrip("#").split() for line in lines if "VATT" in line]


def is_sum_of_parts(row: list[str]) -> bool:
    """Whether mag = ZP + inst_mag and sig = hypot(ZP_sig, in_sig) to the last printed digit."""
    mag, sig, level, level_sig, own, own_sig = (row[n] for n in (2, 3, 11, 12, 13, 14))
    total = f"{float(level) + float(own):.4f}"
    error = f"{math.hypot(float(level_sig), float(own_sig)):.4f}"
    return (total, error) == (mag, sig)


FACTS = {
    "calibrated": {"zeropoint_mag": 25.00004, "zeropoint_sigma_mag": 0.01237},
    "spatial": {
        "zeropoint_mag": 25.00004,
        "zeropoint_sigma_mag": 0.01237,
        "spatial_terms": "[0.0513, -0.0217]",
        "repeatability_mag": 0.0041,
        "unevenness_mag": 0.0062,
    },
    "instrumental": {"zeropoint_mag": math.nan, "zeropoint_sigma_mag": math.nan},
}


@pytest.mark.parametrize("facts", list(FACTS.values()), ids=list(FACTS))
@pytest.mark.parametrize("trail", [0.0, 2.5], ids=["still", "trailed"])
@pytest.mark.parametrize("method", [DETECTED, FORCED, LIMIT])
def test_magnitude_is_zeropoint_and_instrumental_magnitude(
    tmp_path: Path, facts: dict[str, float], trail: float, method: str
) -> None:
    terms = {"_Rmag": 18.0713, "_e_Rmag": 0.0235}  # colour, background, place: 0.0713 mag
    seen = [source(dx=1.0, mag=18.0, **terms)] if method == DETECTED else []
    frames = series(tmp_path, *seen, light=2000.0 if method == FORCED else 0.0)
    frames[0] = calibrated_frame([*STARS, *seen], 0, tmp_path, telescope="VATT/VATT4k", **facts)
    rate = np.tile([[trail], [0.0]], COUNT)
    found = measured(frames, replace(target(), rate_arcsec_min=rate))["T"]
    assert found.method == method
    assert (abs(found.trailing_mag) > 0.01) == (trail > 0)
    path = photometry_file.write(tmp_path, "T", [found])
    (row,) = columns_of(path)
    assert is_sum_of_parts(row)
    assert row[2] == f"{found.mag:.4f}"
    level = np.nan_to_num(found.zeropoint)
    assert found.mag == pytest.approx(level + found.instrumental_mag, abs=1e-12)
    assert photometry_file.read(path)[1][0].aperture_mag == pytest.approx(found.aperture_mag)
    if method == DETECTED:
        assert found.aperture_mag == pytest.approx(-7.0)


def test_a_target_without_a_place_on_a_frame_has_no_point_there(tmp_path: Path) -> None:
    lost = target()
    lost.ra_deg[0] = lost.dec_deg[0] = math.nan
    assert measured(series(tmp_path), lost) == {}


def test_error_of_an_aperture_has_what_differs_across_the_field(tmp_path: Path) -> None:
    sigs = []
    frames = series(tmp_path, light=2000.0)
    for uneven in (0.0, 0.06):
        facts = {"zeropoint_sigma_mag": 0.01, "unevenness_mag": uneven}
        frames[0] = calibrated_frame(STARS, 0, tmp_path, telescope="VATT/VATT4k", **facts)
        found = measured(frames, target())["T"]
        assert found.method == FORCED
        sigs.append(found.sig)
    assert sigs[1] == pytest.approx(math.hypot(sigs[0], 0.06))


def test_what_is_outside_has_no_point_and_what_is_at_the_edge_a_reason(tmp_path: Path) -> None:
    frames = series(tmp_path)
    points = measured(frames, target("out", x=-4.0), target("edge", x=3.0))
    assert set(points) == {"edge"}
    assert points["edge"].rejected == "no measurement: edge"


def test_a_target_beside_a_star_is_not_cut_but_one_in_parts_is(tmp_path: Path) -> None:
    for name in ("star", "parts", "alone", "off"):
        (tmp_path / name).mkdir()
    touching = {**source(dx=22.0, mag=16.0, FLAGS=BLENDED)}
    frames = series(tmp_path / "star", source(FLAGS=BLENDED), touching, light=2000.0)
    for number in range(1, COUNT):  # the star stands there on the other frames, too
        frames[number] = calibrated_frame([*STARS, touching], number, tmp_path)
    assert measured(frames, target())["T"].method == DETECTED
    parts = [source(FLAGS=BLENDED), source(dx=9.0, mag=18.5, FLAGS=BLENDED)]
    frames = series(tmp_path / "parts", *parts, light=2000.0)
    assert measured(frames, target())["T"].method == FORCED
    frames = series(tmp_path / "alone", source(FLAGS=BLENDED), light=2000.0)
    assert measured(frames, target())["T"].method == FORCED
    frames = series(tmp_path / "off", source(dx=2.0, FLAGS=BLENDED), touching, light=2000.0)
    for number in range(1, COUNT):
        frames[number] = calibrated_frame([*STARS, touching], number, tmp_path)
    assert measured(frames, target())["T"].method == FORCED


def test_a_source_that_is_target_and_star_together_is_neither(tmp_path: Path) -> None:
    star = source(dx=6.0, mag=17.5)
    frames = [*series(tmp_path, source(dx=2.5, mag=17.0), light=2000.0)]
    for number in range(1, COUNT):
        own = {"x": PLACE[0] + 30.0 * number, "y": PLACE[1], "mag": 18.0}
        frames[number] = calibrated_frame([*STARS, star, own], number, tmp_path)
    found = measured(frames, target())["T"]
    assert found.method == FORCED
    assert found.contamination.startswith("star of R = 17.5")


def test_light_of_neighbours_is_told(tmp_path: Path) -> None:
    star = source(dx=7.0, mag=17.0)
    frames = series(tmp_path, source(), star)
    for number in range(1, COUNT):
        frames[number] = calibrated_frame([*STARS, star], number, tmp_path)
    found = measured(frames, target())["T"]
    assert found.contamination == "star of R = 17.0 at 2.8 arcsec"
    assert 0.05 < found.contamination_mag < 1.0


@pytest.mark.parametrize("method", [DETECTED, FORCED])
def test_wings_of_neighbours_are_not_in_the_sky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(Stars, "image", StarImage(5.0, 5.0))
    star = source(dx=28.0, mag=12.0)
    seen = [source(mag=20.0)] if method == DETECTED else []
    frames = series(tmp_path, *seen, star, light=120.0)
    for number in range(1, COUNT):
        frames[number] = calibrated_frame([*STARS, star], number, tmp_path)
    found = measured(frames, target())["T"]
    assert found.method == method
    assert (found.contamination, abs(found.contamination_mag) < 0.01) == ("", True)


def test_what_is_seen_once_is_no_star(tmp_path: Path) -> None:
    """A frame or two on which the target is elsewhere and nothing stands there tell."""
    noise = source(dx=7.0, mag=17.0)
    frames = series(tmp_path, source(), noise)
    assert not measured(frames, target())["T"].contamination


def test_targets_closer_than_the_aperture_name_each_other(tmp_path: Path) -> None:
    frames = series(tmp_path, source(), light=5000.0)
    points = measured(frames, target(), target("U", x=PLACE[0] + 2.5))
    assert [points[name].method for name in "TU"] == [DETECTED, FORCED]
    assert points["U"].contamination.startswith("T of R = 18.0")
    assert points["T"].contamination.startswith("U of R = 18.0")


def test_neighbours_stand_where_the_astrometric_catalog_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A star that moves by 0.2 arcsec/yr is 2.4 arcsec beside its place in Pan-STARRS."""

    def fetched(name: str, _cone: object, settings: Settings) -> SourceTable:
        assert settings.services.offline
        if name == "NONE":
            raise ConfigError("no catalog of this name")
        motion = 200.0 if name == "GAIA" else math.nan
        columns = {"ra_deg": 10.0, "dec_deg": 20.0, "pm_ra_mas_yr": motion, "pm_dec_mas_yr": motion}
        errors = dict.fromkeys(
            ("e_ra_arcsec", "e_dec_arcsec", "e_pm_ra_mas_yr", "e_pm_dec_mas_yr"), 0.1
        )
        row = columns | errors | {"source_epoch_jd": START_JD}
        return SourceTable(Table([row]), name)

    monkeypatch.setattr(reference, "fetch_catalog", fetched)
    cone = sky.Cone(10.0, 20.0, 0.1)
    later = START_JD + 12 * 365.25
    for astrometric, moved in {"GAIA": 2.4, "PANSTARRS": 0.0, "": 0.0, "NONE": 0.0}.items():
        stars = catalogued("PANSTARRS", astrometric, cone, Settings()).at_epoch(later)
        north = (stars.dec_deg[0] - 20.0) * sky.ARCSEC_PER_DEG
        assert north == pytest.approx(moved, abs=1e-3)


def test_a_fixed_target_is_no_neighbour_of_itself(tmp_path: Path) -> None:
    frames = series(tmp_path)
    star = fixed("S", *sky_of(STARS[1]["x"], STARS[1]["y"]), COUNT)
    found = measured(frames, star)["S"]
    assert (found.method, found.contamination, found.contamination_mag) == (DETECTED, "", 0.0)


def test_stars_spoil_short_trails_more_than_long_ones() -> None:
    assert left_over(1.8) == pytest.approx(10 * left_over(5.0))


def test_sudden_brightness_is_suspected() -> None:
    usual = [point(mag=18.0 + 0.01 * n) for n in range(5)]
    assert suspected(usual) == usual
    flash = [*usual, point(mag=16.5)]
    assert suspected(flash)[-1].contamination == "1.5 mag brighter than on the other frames"
    assert suspected(flash)[-1].contamination_mag == pytest.approx(1.515)
    named = replace(flash[-1], contamination="star")
    assert suspected([*usual, named])[-1] == named
    assert suspected([*usual, replace(flash[-1], method=LIMIT)])[-1].contamination == ""
    assert suspected(flash[-3:]) == flash[-3:]  # too few to tell what is usual
