"""Plate solutions: projections, fits, and the verdict of the stars."""

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS
from hypothesis import example, given
from hypothesis import strategies as st

from photpipe.ground import sky
from photpipe.science import astrometry
from photpipe.science.astrometry import (
    Limits,
    Pairs,
    PlateCheck,
    check_plate,
    common_distortion,
    fit_together,
    objection,
    sky_of,
)
from tests.unit.plates import barrel, stars, tan, view

SHAPE = (1024, 1024)
EVERYWHERE = [(150.0, 20.0), (0.0, 0.0), (359.99, -45.0), (200.0, 89.5), (77.0, -89.9)]


def grid(shape: tuple[int, int] = SHAPE, count: int = 15) -> np.ndarray:
    x, y = np.linspace(1, shape[1], count), np.linspace(1, shape[0], count)
    return (x[None, :] + 1j * y[:, None]).ravel()


def pairs(
    pixels: np.ndarray, ra: np.ndarray, dec: np.ndarray, middle: tuple[float, float] | None = None
) -> Pairs:
    at = middle or sky.median_position(ra, dec)
    return Pairs.of(pixels, ra, dec, np.full(pixels.size, 0.05), at)


def pairs_of(check: PlateCheck, pixels: np.ndarray) -> Pairs:
    return pairs(pixels[check.sources], check.ra_deg, check.dec_deg, check.middle_deg)


@given(
    ra=st.floats(0, 360),
    dec=st.floats(-90, 90),
    east=st.floats(-2e4, 2e4),
    north=st.floats(-2e4, 2e4),
)
@example(ra=0.0, dec=0.0, east=0.0, north=2.225073858507203e-309)
def test_tangent_plane_and_back(ra: float, dec: float, east: float, north: float) -> None:
    there = np.array([complex(east, north)])
    back = astrometry.tangent_plane(ra, dec, *astrometry.from_tangent_plane(ra, dec, there))
    assert np.abs(back - there).max() < 1e-6


def test_tangent_plane_has_no_far_side() -> None:
    plane = astrometry.tangent_plane(10.0, 0.0, [10.0, 190.0, np.nan], [0.0, 0.0, 0.0])
    assert np.isfinite(plane).tolist() == [True, False, False]


@pytest.mark.parametrize(("ra", "dec"), EVERYWHERE)
@pytest.mark.parametrize("angle", [0.0, 137.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_evaluates_as_astropy_does(ra: float, dec: float, angle: float, mirrored: bool) -> None:
    cards = tan(ra, dec, angle=angle, mirrored=mirrored)
    points = grid()
    ours = sky_of(cards)(points.real, points.imag)
    theirs = WCS(Header(cards)).all_pix2world(points.real, points.imag, 1)
    assert sky.separation_deg(*ours, *theirs).max() * 3600 < 1e-6


@pytest.mark.parametrize(("ra", "dec"), EVERYWHERE)
@pytest.mark.parametrize(("corner_px", "within"), [(0.0, 1e-6), (1.7, 0.005), (10.0, 0.1)])
def test_fit_recovers_a_cubic_distortion(
    ra: float, dec: float, corner_px: float, within: float
) -> None:
    """The inverse of a cubic is nearly a cubic as long as it is small."""
    points = grid()
    at = sky_of(tan(ra, dec, angle=33.0))(points.real, points.imag)
    seen = barrel(points, SHAPE, corner_px)
    cards = fit_together([pairs(seen, *at, (ra, dec))], SHAPE)[0]
    assert cards["CTYPE1"] == ("RA---TPV" if corner_px else "RA---TAN")
    assert (cards["CRPIX1"], cards["CRPIX2"]) == (512.5, 512.5)
    for found in (
        sky_of(cards)(seen.real, seen.imag),
        WCS(Header(cards)).all_pix2world(seen.real, seen.imag, 1),
    ):
        assert sky.separation_deg(*found, *at).max() * 3600 < within


def test_frames_of_one_detector_are_fitted_better_together() -> None:
    field = stars(5, 150.0, 20.0, 0.4, 4000)
    frames, truths = [], []
    for number in range(8):
        cards = tan(150.0 + 0.01 * number, 20.0, angle=40.0 * number, mirrored=number == 2)
        seen = view(number, field, cards, corner_px=2.0, false=0, noise_px=0.1)
        middle = (float(cards["CRVAL1"]), 20.0)
        pixels = seen.pixels.copy()
        pixels[3] += 2.0  # an outlier
        frames.append(pairs(pixels, field.ra[seen.star], field.dec[seen.star], middle))
        truths.append(sky_of(cards))
    points = grid()
    seen_points = barrel(points, SHAPE, 2.0)

    def rms_px(solutions: list[dict[str, float | str]]) -> float:
        off = [
            sky.separation_deg(
                *sky_of(cards)(seen_points.real, seen_points.imag),
                *truth(points.real, points.imag),
            )
            for cards, truth in zip(solutions, truths, strict=True)
        ]
        return float(np.sqrt(np.mean(np.square(off)))) * 3600 / 0.6

    alone = rms_px([fit_together([frame], SHAPE)[0] for frame in frames])
    together = rms_px(fit_together(frames, SHAPE))
    assert together < 0.7 * alone
    assert together < 0.05


def test_map_written_as_cards_of_another_tangent_point() -> None:
    points = grid()
    true = tan(150.3, 20.4, angle=20.0)
    plane = astrometry.tangent_plane(150.0, 20.0, *sky_of(true)(points.real, points.imag))
    plate = astrometry.fit_plate(points, plane, SHAPE, degree=3)
    cards = astrometry.wcs_cards(plate, 150.0, 20.0)
    a, b = sky_of(cards)(points.real, points.imag), sky_of(true)(points.real, points.imag)
    assert sky.separation_deg(*a, *b).max() * 3600 < 1e-3
    assert plate.degree == 3
    assert astrometry.scale_of(plate) == pytest.approx(0.6, rel=1e-3)


@pytest.mark.parametrize(("count", "degree"), [(400, 5), (80, 3), (32, 2), (12, 1), (3, 1)])
def test_number_of_stars_limits_the_degree(count: int, degree: int) -> None:
    random = np.random.default_rng(count)
    at = random.uniform(1, 1024, count) + 1j * random.uniform(1, 1024, count)
    assert astrometry.bearable_degree(at, SHAPE) == degree


def test_stars_in_one_heap_bear_no_distortion() -> None:
    random = np.random.default_rng(1)
    heap = random.uniform(400, 600, 500) + 1j * random.uniform(400, 600, 500)
    assert astrometry.bearable_degree(heap, SHAPE) == 1


def series(corner_px: float, per_deg2: float, wrong: int = 0) -> list[Pairs]:
    """Frames of one field, turned and shifted against each other."""
    field = stars(5, 150.0, 20.0, 0.4, per_deg2)
    result = []
    for number in range(4):
        cards = tan(150.0 + 0.003 * number, 20.0, angle=40.0 * number, mirrored=number == 2)
        seen = view(number, field, cards, corner_px=corner_px, false=0)
        pixels = seen.pixels.copy()
        pixels[:wrong] += 2.5
        middle = (float(cards["CRVAL1"]), 20.0)
        result.append(pairs(pixels, field.ra[seen.star], field.dec[seen.star], middle))
    return result


@pytest.mark.parametrize(
    ("corner_px", "per_deg2", "degree"),
    [(0.0, 6000, 1), (1.5, 6000, 3), (1.5, 3000, 3), (0.0, 1000, 1), (0.02, 6000, 1)],
)
def test_degree_is_what_the_stars_support(corner_px: float, per_deg2: float, degree: int) -> None:
    assert common_distortion(series(corner_px, per_deg2), SHAPE).degree == degree


def test_wrong_pairs_do_not_raise_the_degree() -> None:
    frames = series(0.0, 6000, wrong=3)
    assert all(cards["CTYPE1"] == "RA---TAN" for cards in fit_together(frames, SHAPE))
    poor = frames[0].where(np.arange(frames[0].pixels.size) < 5)
    assert common_distortion([poor], SHAPE).degree == 1


def test_pairs_are_one_to_one_and_nearest() -> None:
    tree = astrometry.star_tree(np.array([0j, 10 + 0j, 20 + 0j]))
    mine, theirs = astrometry.nearest_pairs(np.array([0.4, 0.1, 9.0, 14.0 + 0j]), tree, 2.0)
    assert mine.tolist() == [1, 2]
    assert theirs.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("matched", "expected", "spent", "nats"),
    [(0, 5.0, 0, 0.0), (5, 5.0, 0, 0.0), (10, 1.0, 0, 14.03), (10, 1.0, 9, 0.0), (8, 0.0, 4, 56.8)],
)
def test_surprise(matched: int, expected: float, spent: int, nats: float) -> None:
    assert astrometry.surprise(matched, expected, spent) == pytest.approx(nats, abs=0.01)


@pytest.mark.parametrize(("ra", "dec"), EVERYWHERE)
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_true_solution_is_believed(ra: float, dec: float, mirrored: bool) -> None:
    field = stars(5, ra, dec, 0.4, 3000)
    cards = tan(ra, dec, angle=211.0, mirrored=mirrored)
    seen = view(6, field, cards)
    check = check_plate(sky_of(cards), seen.pixels, field.ra, field.dec, SHAPE)
    assert objection(check, 0.6) is None
    assert check.matched >= 0.95 * np.count_nonzero(seen.star >= 0)
    assert check.rms_arcsec == pytest.approx(0.05 * 0.6, rel=0.4)
    assert check.scale_arcsec == pytest.approx(0.6, rel=1e-4)
    assert check.mirrored is mirrored
    assert check.rotation_deg % 360 == pytest.approx(
        211.0 if dec < 89 else check.rotation_deg % 360
    )
    assert check.expected < 1
    assert float(sky.separation_deg(*check.middle_deg, ra, dec)) < 1e-9


def test_no_wrong_solution_is_believed() -> None:
    """Three hundred wrong ones, fitted to their own chance pairs, at all densities."""
    random = np.random.default_rng(9)
    believed, closest = 0, 0.0
    for trial in range(15):
        per_deg2 = 10 ** random.uniform(2.5, 4.5)
        field = stars(trial, 150.0, 20.0, 0.4, per_deg2)
        seen = view(trial, field, tan(150.0, 20.0), faintest=random.uniform(17, 20))
        for _ in range(20):
            ra, dec = sky.shifted(150.0, 20.0, *random.uniform(-500, 500, 2))
            wrong = tan(
                float(ra),
                float(dec),
                angle=float(random.uniform(3, 357)),
                mirrored=bool(random.random() < 0.5),
                scale=0.6 * float(random.uniform(0.9, 1.1)),
            )
            check = check_plate(
                sky_of(wrong), seen.pixels, field.ra, field.dec, SHAPE, tolerance_px=4.0
            )
            if check.matched >= 6:
                wrong = fit_together([pairs_of(check, seen.pixels)], SHAPE)[0]
                check = check_plate(sky_of(wrong), seen.pixels, field.ra, field.dec, SHAPE)
            believed += objection(check, 0.6) is None
            closest = max(closest, check.surprise_nats)
    assert believed == 0
    assert closest < 0.7 * Limits().surprise_nats


def test_a_cluster_does_not_confirm_a_shifted_solution() -> None:
    random = np.random.default_rng(3)
    heap = 150 + random.normal(0, 0.01, 400), 20 + random.normal(0, 0.01, 400)
    cards = tan(150.0, 20.0)
    x, y = WCS(Header(cards)).all_world2pix(*heap, 1)
    shifted = tan(150.001, 20.001)
    check = check_plate(sky_of(shifted), x + 1j * y, *heap, SHAPE)
    assert check.matched > 30
    assert objection(check, 0.6) is not None


def verdict(cards: dict[str, float | str], nominal: float = 0.6, **kind: float) -> str | None:
    field = stars(5, 150.0, 20.0, 0.4, 3000)
    seen = view(6, field, cards, **kind)
    check = check_plate(sky_of(cards), seen.pixels, field.ra, field.dec, SHAPE)
    return objection(check, nominal)


def test_objections_say_why() -> None:
    true = tan(150.0, 20.0)
    assert "off the header's" in str(verdict(true, nominal=0.9))
    assert "match" in str(verdict(true, faintest=12.0))
    stretched = {**true, "CD1_1": float(true["CD1_1"]) * 1.06}
    assert "implausible distortion" in str(verdict(stretched))
    assert "as chance pairs do" in str(verdict(true, noise_px=1.3))
    assert verdict(true) is None


def test_a_hopeless_solution_is_no_error() -> None:
    field = stars(5, 150.0, 20.0, 0.2, 3000)
    pixels = view(6, field, tan(150.0, 20.0)).pixels
    for cards in (
        tan(330.0, -20.0),
        {**tan(150.0, 20.0), "CD1_1": 0.0, "CD2_1": 0.0},
        {**tan(150.0, 20.0), "CD1_1": np.nan},
        tan(150.0, 20.0, scale=3600 * 40.0),
    ):
        check = check_plate(sky_of(cards), pixels, field.ra, field.dec, SHAPE)
        assert objection(check, 0.6) is not None
    none = check_plate(sky_of(tan(150.0, 20.0)), pixels[:0], field.ra, field.dec, SHAPE)
    assert none.matched == 0


def test_regions_show_a_distortion_that_the_fit_lacks() -> None:
    field = stars(5, 150.0, 20.0, 0.4, 20000)
    cards = tan(150.0, 20.0)
    seen = view(6, field, cards, corner_px=1.5)
    check = check_plate(sky_of(cards), seen.pixels, field.ra, field.dec, SHAPE)
    assert check.region_arcsec > 0.3
    better = fit_together([pairs_of(check, seen.pixels)], SHAPE)[0]
    again = check_plate(sky_of(better), seen.pixels, field.ra, field.dec, SHAPE)
    assert again.region_arcsec < 0.02
