"""Targets that pass a star, on frames made by hand: freed of it, or kept out."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photpipe.distill import star_images
from photpipe.distill.clean import Subtraction
from photpipe.distill.identification import told_apart
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.own_psf import OwnDifference, corner_around
from photpipe.distill.points import points_of_frame
from photpipe.distill.surroundings import Surroundings
from photpipe.distill.targets import MOVING, Target
from photpipe.report import images
from photpipe.run import subtracted
from photpipe.run.photometry_file import CLEAN, DETECTED, FITTED_TRAIL, FORCED, TargetPoint
from photpipe.run.settings import DistillSettings
from photpipe.science.forced import forced_flux
from photpipe.science.starimage import StarImage
from photpipe.science.subtraction import centroid, masked
from tests.unit.calibrated import SCALE_ARCSEC, SHAPE, calibrated_frame, sky_of

COUNT, STEP_PX, PLACE, MAG = 4, 35.0, (150.0, 140.0), 15.5
STARS = [{"x": 45.0 + 57 * n, "y": 45.0 + 95 * (m % 3), "mag": 13.0 + 0.2 * n}
         for m in (0, 2) for n in range(5)]  # fmt: skip
SEEING_PX = (5.0, 4.5, 5.5, 5.0)
RADIUS_PX = 5.0
NOISE = 2.0
TRAIL_PARTS = 25  # images of a star that draw a trail


def pixels(number: int, *sources: dict[str, float]) -> np.ndarray:
    """A frame with stars of its seeing."""
    rng = np.random.default_rng(number)
    image = np.full(SHAPE, 100.0)
    profile = StarImage(SEEING_PX[number], 3.0)
    y, x = np.ogrid[1 : SHAPE[0] + 1, 1 : SHAPE[1] + 1]
    for source in sources:
        part = float(profile.light(0.0, 0.0, RADIUS_PX)[0])
        flux = 10 ** (-0.4 * (source["mag"] - 25.0)) / part
        image += flux * profile.surface(x - source["x"], y - source["y"])
    return image + rng.normal(0, np.sqrt(NOISE**2 + 0.5 * (image - 100.0)))


def night(
    directory: Path,
    apart_px: float,
    star_mag: float = MAG,
    step_px: float = STEP_PX,
    trail_px: float = 0.0,
) -> tuple[list[MeasuredFrame], Target]:
    """Frames of a target that passes a star on the first one, and may trail upwards."""
    star = {"x": PLACE[0] + apart_px, "y": PLACE[1], "mag": star_mag}
    frames, places = [], []
    for number in range(COUNT):
        own = {"x": PLACE[0], "y": PLACE[1] + step_px * number, "mag": MAG}
        parts = np.linspace(-trail_px / 2, trail_px / 2, TRAIL_PARTS if trail_px else 1)
        fainter = 2.5 * math.log10(len(parts))
        drawn = [{**own, "y": own["y"] + each, "mag": MAG + fainter} for each in parts]
        image = pixels(number, *STARS, star, *drawn)
        fits.writeto(directory / f"frame{number}.fits", image.astype("float32"))
        seen = [*STARS, star] + ([own] if number and step_px > 20 else [])
        facts = {"seeing_arcsec": 0.4 * SEEING_PX[number], "sky_noise_adu": 18.0}
        frames.append(calibrated_frame(seen, number, directory, **facts))
        places.append(sky_of(own["x"], own["y"]))
    ra, dec = np.transpose(places)
    rates = np.tile([[0.0], [trail_px * SCALE_ARCSEC]], COUNT)  # exposures of a minute
    return frames, Target("T", MOVING, ra, dec, np.zeros(COUNT), MAG, rate_arcsec_min=rates)


def measured(
    frames: list[MeasuredFrame],
    target: Target,
    *,
    subtracts: bool,
    catalog: np.ndarray | None = None,
) -> TargetPoint:
    around, settings = Surroundings.of(frames), DistillSettings()
    if catalog is not None:
        around.catalog_ra_deg, around.catalog_dec_deg, around.catalog_mag = catalog
    tracks = told_apart([target], frames, around, settings)
    way = Subtraction(frames, tracks) if subtracts else None
    return points_of_frame(frames[0], 0, tracks, None, around, (0.0, 0.0), settings, way)["T"]


@pytest.mark.parametrize("apart_px", [4.0, 9.0])
def test_a_star_is_subtracted(tmp_path: Path, apart_px: float) -> None:
    frames, target = night(tmp_path, apart_px)
    plain = measured(frames, target, subtracts=False)
    clean = measured(frames, target, subtracts=True)
    assert plain.contamination_mag > 0.02
    assert (clean.method, clean.contamination, clean.contamination_mag) == (CLEAN, "", 0.0)
    assert clean.mag == pytest.approx(MAG, abs=max(3 * clean.sig, 0.02))
    assert clean.plain_mag == plain.mag < MAG - 0.03
    assert 0.001 < clean.subtraction_sig < clean.sig < 0.03
    assert clean.subtraction.startswith("star of R = 15.5")
    assert clean.subtraction.endswith("by 3 frames")
    assert 0 < clean.sigma_east_arcsec < 0.05
    assert math.hypot(clean.offset_east_arcsec, clean.offset_north_arcsec) < 0.1


@pytest.mark.parametrize("apart_px", [3.0, 6.0])
def test_a_star_on_a_trail_is_subtracted(tmp_path: Path, apart_px: float) -> None:
    """Its image alone would leave 0.3 of the light on so short a trail in doubt."""
    frames, target = night(tmp_path, apart_px, trail_px=12.0)
    plain = measured(frames, target, subtracts=False)
    clean = measured(frames, target, subtracts=True)
    assert plain.contamination == "stars on the trail"
    assert plain.contamination_mag > 0.04
    assert (clean.method, clean.contamination) == (FITTED_TRAIL, "")
    assert clean.mag == pytest.approx(MAG, abs=max(3 * clean.sig, 0.02))
    assert clean.subtraction == "stars on the trail, by 3 frames"
    assert clean.plain_mag == plain.mag
    assert clean.sig < 0.03
    (tmp_path / "alone").mkdir()
    alone, target = night(tmp_path / "alone", 60.0, trail_px=12.0)
    with_it, without = (measured(alone, target, subtracts=each) for each in (True, False))
    assert str(with_it) == str(without)


def test_trails_of_other_frames_are_hidden() -> None:
    hidden = np.isnan(masked(np.zeros((21, 31)), (15.0, 10.0), 3.0, (12.0, 0.0)))
    assert np.flatnonzero(hidden[10]).tolist() == [*range(7, 24)]
    assert np.flatnonzero(hidden[:, 20]).tolist() == [8, 9, 10, 11, 12]
    assert not hidden[7].any()
    point = np.isnan(masked(np.zeros((21, 31)), (15.0, 10.0), 3.0))
    assert np.flatnonzero(point[10]).tolist() == [13, 14, 15, 16, 17]


def test_a_target_alone_stays_as_it_is(tmp_path: Path) -> None:
    frames, target = night(tmp_path, 60.0)
    with_it, without = (measured(frames, target, subtracts=each) for each in (True, False))
    assert str(with_it) == str(without)


def test_what_cannot_be_subtracted_says_why(tmp_path: Path) -> None:
    for name in ("slow", "saturated", "deep", "lonely"):
        (tmp_path / name).mkdir()
    star = np.array([*sky_of(PLACE[0] + 9.0, PLACE[1]), MAG])[:, None]
    frames, target = night(tmp_path / "slow", 9.0, step_px=1.0)
    for each in frames:
        each.sources["FLAGS"][:] = 4
    slow = measured(frames, target, subtracts=True, catalog=star)
    assert slow.subtraction == (
        "no other frame shows the place without the target, and no PSF describes the stars of this "
        "one"
    )
    frames, target = night(tmp_path / "saturated", 9.0, star_mag=11.0)
    for each in frames:
        each.frame.header["SATURATE"] = 3000.0
    frames = [replace(each, frame=replace(each.frame)) for each in frames]
    saturated = measured(frames, target, subtracts=True)
    assert saturated.method in (FORCED, DETECTED)
    assert saturated.subtraction
    deep = measured(*night(tmp_path / "deep", 1.0, star_mag=MAG - 3), subtracts=True)
    assert deep.subtraction == "too deep in the light of a star"
    assert deep.contamination_mag > 1.0


@pytest.mark.parametrize("apart_px", [4.0, 6.0, 9.0])
@pytest.mark.parametrize("brighter_mag", [0.0, 1.0])
def test_slow_targets_are_freed_by_the_psf_of_their_frame(
    tmp_path: Path, apart_px: float, brighter_mag: float
) -> None:
    star_mag = MAG - brighter_mag
    frames, target = night(tmp_path, apart_px, star_mag, step_px=1.0)
    star = np.array([*sky_of(PLACE[0] + apart_px, PLACE[1]), star_mag + 0.04])[:, None]
    plain = measured(frames, target, subtracts=False, catalog=star)
    clean = measured(frames, target, subtracts=True, catalog=star)
    assert abs(plain.contamination_mag) > 0.02
    assert (clean.method, clean.contamination) == (CLEAN, "")
    assert clean.subtraction.endswith("by the PSF of the frame")
    assert clean.mag == pytest.approx(MAG, abs=max(3 * clean.sig, 0.02))
    assert clean.sig < 0.06
    assert abs(clean.mag - MAG) < abs(plain.mag - MAG)


@pytest.mark.parametrize(("halo_mag", "left_mag"), [(15.5, 0.06), (99.0, 0.0)])
def test_light_that_a_galaxy_leaves_is_that_on_its_other_sides(
    tmp_path: Path, halo_mag: float, left_mag: float
) -> None:
    apart_px = 11.0
    frames, target = night(tmp_path, apart_px, step_px=1.0)
    with fits.open(tmp_path / "frame0.fits", mode="update") as file:
        y, x = np.ogrid[1 : SHAPE[0] + 1, 1 : SHAPE[1] + 1]
        halo = StarImage(14.0, 5.0).surface(x - PLACE[0] - apart_px, y - PLACE[1])
        file[0].data += (10 ** (-0.4 * (halo_mag - 25.0)) * halo).astype("float32")
    star = np.array([*sky_of(PLACE[0] + apart_px, PLACE[1]), MAG])[:, None]
    seen: list[tuple[float, float]] = []
    before = OwnDifference.left_beside

    def recorded(found: OwnDifference, *place: float) -> tuple[float, float]:
        seen.append(before(found, *place))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OwnDifference, "left_beside", recorded)
        clean = measured(frames, target, subtracts=True, catalog=star)
    ((left, error),) = seen
    counts = 10 ** (-0.4 * (MAG - 25.0))
    assert clean.method == CLEAN
    assert left / counts == pytest.approx(left_mag, abs=0.02)
    assert (error > 0) == (left > 0)
    assert clean.mag == pytest.approx(MAG, abs=2 * clean.sig)
    assert clean.sig < 0.05


def test_of_a_large_frame_a_part_tells_the_psf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, target = night(tmp_path, 6.0, MAG, step_px=1.0)
    star = np.array([*sky_of(PLACE[0] + 6.0, PLACE[1]), MAG])[:, None]
    whole = measured(frames, target, subtracts=True, catalog=star)
    for sides in ((240,), (24, 240)):  # of the smaller there are not enough stars
        monkeypatch.setattr(star_images, "PATCHES_PX", sides)
        part = measured(frames, target, subtracts=True, catalog=star)
        assert part.method == CLEAN
        assert part.mag == pytest.approx(whole.mag, abs=0.3 * whole.sig)
        assert str(part) != str(whole)


def test_patches_begin_at_even_pixels_and_hold_their_place() -> None:
    """Even: a half rounds to the same side in the frame and in its part."""
    for length in (100, 1536, 1537, 6145):
        for at_px in np.linspace(1.0, length, 57).tolist():
            first = corner_around(at_px, length, 1536)
            assert first % 2 == 0
            assert 0 <= first < at_px
            assert at_px <= first + 1536 or first >= length - 1537


def test_a_star_on_the_target_is_as_bright_as_the_catalog_says(tmp_path: Path) -> None:
    """The error of the catalog becomes one of the target; it is kept out where that is large."""
    frames, target = night(tmp_path, 0.5, MAG, step_px=1.0)
    star = np.array([*sky_of(PLACE[0] + 0.5, PLACE[1]), MAG + 0.05])[:, None]
    on_it = measured(frames, target, subtracts=True, catalog=star)
    assert on_it.method == CLEAN
    assert 0.05 < on_it.sig < 0.15
    assert on_it.mag == pytest.approx(MAG, abs=2 * on_it.sig)
    (tmp_path / "deep").mkdir()
    frames, target = night(tmp_path / "deep", 0.5, MAG - 2.0, step_px=1.0)
    star = np.array([*sky_of(PLACE[0] + 0.5, PLACE[1]), MAG - 2.0])[:, None]
    deep = measured(frames, target, subtracts=True, catalog=star)
    assert deep.method != CLEAN
    assert deep.contamination_mag > 1.0


def test_errors_tell_what_is_left(tmp_path: Path) -> None:
    """The sum of the target alone, against which the difference is judged, is another program's."""
    frames, target = night(tmp_path, 5.0)
    clean = measured(frames, target, subtracts=True)
    own = {"x": PLACE[0], "y": PLACE[1], "mag": MAG}
    alone = forced_flux(pixels(0, own), PLACE[0], PLACE[1], RADIUS_PX).flux
    assert clean.aperture_mag == pytest.approx(-2.5 * math.log10(alone), abs=4 * clean.sig)


def test_what_was_subtracted_is_kept_for_the_pages(tmp_path: Path) -> None:
    frames, target = night(tmp_path, 6.0)
    around, settings = Surroundings.of(frames), DistillSettings()
    tracks = told_apart([target], frames, around, settings)
    way = Subtraction(frames, tracks)
    points_of_frame(frames[0], 0, tracks, None, around, (0.0, 0.0), settings, way)
    assert not way.panels("another")
    ((name, content),) = way.images("T")
    assert name == "frame0.fits"
    with fits.open(io.BytesIO(content)) as written:
        assert [each.name for each in written] == ["PRIMARY", "TEMPLATE"]
        x, y = WCS(written[0].header).all_world2pix(*sky_of(*PLACE), 0)
        shown = centroid(written[0].data.astype(float), float(x), float(y), 5.0)
        assert shown == pytest.approx((float(x), float(y)), abs=0.3)  # the target
    subtracted.write(tmp_path, "T", way.panels("T"))
    ((frame, panels),) = subtracted.read(tmp_path, "T").items()
    assert frame == "frame0.fits"
    raw, template, difference = panels.astype(float)
    middle = len(raw) // 2
    assert template[middle, middle + 6] > 100  # the star
    assert abs(difference[middle, middle + 6]) < 0.3 * template[middle, middle + 6]
    assert difference[middle, middle] > 0.7 * raw[middle, middle]  # the target
    assert images.subtraction(panels).startswith(b"\xff\xd8")
    subtracted.write(tmp_path, "T", {})
    assert subtracted.read(tmp_path, "T") == {}
    (tmp_path / "subtracted_T.npz").write_bytes(b"no archive")
    assert subtracted.read(tmp_path, "T") == {}
