"""The starting WCS against astropy's own reading of it."""

import math

import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from photpipe.science.wcs_seed import Orientation, SeedWcs, seed_wcs


def as_wcs(seed: SeedWcs) -> WCS:
    return WCS(fits.Header(seed.cards()))


@pytest.mark.parametrize("rotate", [0, 90, 180, 270, 33.3, -45, 720])
@pytest.mark.parametrize("flipx", [False, True])
@pytest.mark.parametrize("flipy", [False, True])
def test_parity_and_rotation(rotate: float, flipx: bool, flipy: bool) -> None:
    orientation = Orientation(flipx, flipy, rotate)
    (cd11, cd12), (cd21, cd22) = orientation.matrix((0.5, 0.5))
    sx, sy, theta = -1 if flipx else 1, -1 if flipy else 1, math.radians(rotate)
    expected = (
        *(sx * math.cos(theta), -sy * math.sin(theta)),
        *(sx * math.sin(theta), sy * math.cos(theta)),
    )
    assert [v * 7200 for v in (cd11, cd12, cd21, cd22)] == pytest.approx(expected, abs=1e-12)
    determinant = cd11 * cd22 - cd12 * cd21
    assert orientation.mirrored == (determinant > 0)  # the sky has a negative determinant


def test_multiples_of_90_degrees_are_exact() -> None:
    for turns in range(-4, 8):
        matrix = Orientation(False, False, 90.0 * turns).matrix((3600.0, 3600.0))
        assert {abs(each) for row in matrix for each in row} == {0.0, 1.0}


def test_user_flips_toggle_and_rotations_add() -> None:
    entry = Orientation(True, False, 90.0, (0.1, 0.2))
    changed = entry.changed(flipx=True, flipy=False, rotate_deg=-100.0)
    assert changed == Orientation(False, False, -10.0, (0.1, 0.2))
    assert changed.changed(flipx=True, flipy=False, rotate_deg=100.0) == entry


def test_scale_and_reference_pixel() -> None:
    seed = seed_wcs((2049, 1025), (10.0, -20.0), (0.4, 0.6), Orientation(True, False, 0.0))
    assert seed.crpix == (512.0, 1024.0)
    wcs = as_wcs(seed)
    assert wcs.pixel_to_world_values(511.0, 1023.0) == pytest.approx((10.0, -20.0))
    assert [scale.to_value("arcsec") for scale in wcs.proj_plane_pixel_scales()] == pytest.approx(
        [0.4, 0.6]
    )
    cards = seed.cards()
    assert (cards["CTYPE1"], cards["RADESYS"], cards["EQUINOX"]) == ("RA---TAN", "ICRS", 2000.0)
    assert all(isinstance(cards[key], float) for key in cards if key[:2] in {"CR", "CD"})


def test_distortion_makes_it_tpv() -> None:
    terms = {"PV1_1": 1.0, "PV2_1": 1.0, "PV1_4": 0.01}
    seed = seed_wcs((100, 100), (10.0, -20.0), (0.4, 0.4), Orientation(True, False, 0.0), terms)
    cards = seed.cards()
    assert (cards["CTYPE1"], cards["CTYPE2"], cards["PV1_4"]) == ("RA---TPV", "DEC--TPV", 0.01)
    assert as_wcs(seed).pixel_to_world_values(49.0, 49.0) == pytest.approx((10.0, -20.0))


@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(-0.5, 0.5),
    st.floats(-0.5, 0.5),
)
def test_chip_offsets_are_angles_on_the_sky(
    ra: float, dec: float, east: float, north: float
) -> None:
    orientation = Orientation(True, False, 0.0, (east, north))
    seed = seed_wcs((10, 10), (ra, dec), (1.0, 1.0), orientation)
    distance = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(*seed.crval_deg, unit="deg"))
    assert distance.deg == pytest.approx(math.hypot(east, north), abs=1e-9)
    assert -90 <= seed.crval_deg[1] <= 90


def test_chip_offset_at_high_declination_is_divided_by_cos_dec() -> None:
    seed = seed_wcs((10, 10), (20.0, 60.0), (1.0, 1.0), Orientation(True, False, 0.0, (-0.01, 0)))
    assert seed.crval_deg[0] == pytest.approx(20.0 - 0.01 / math.cos(math.radians(60)), abs=1e-6)


def test_unknown_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        seed_wcs((10, 10), (20.0, 60.0), (1.0, 1.0), Orientation(True, False, 0.0, None))
