"""Geometry of the sphere, checked against astropy at 0h and at the poles."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from photpipe.ground import sky

ra_deg = st.floats(0, 360, exclude_max=True)
dec_deg = st.floats(-89.999, 89.999)


@given(ra_deg, dec_deg, ra_deg, dec_deg)
def test_separation_agrees_with_astropy(ra1: float, dec1: float, ra2: float, dec2: float) -> None:
    expected = SkyCoord(ra1, dec1, unit="deg").separation(SkyCoord(ra2, dec2, unit="deg")).deg
    assert sky.separation_deg(ra1, dec1, ra2, dec2) == pytest.approx(expected, abs=1e-12)


@given(ra_deg, dec_deg, st.floats(-7200, 7200), st.floats(-7200, 7200))
def test_shift_and_offset_are_inverse(ra: float, dec: float, east: float, north: float) -> None:
    moved = sky.shifted(ra, dec, east, north)
    assert sky.separation_deg(ra, dec, *moved) * 3600 == pytest.approx(
        np.hypot(east, north), abs=1e-6
    )
    assert sky.offsets_arcsec(ra, dec, *moved) == (
        pytest.approx(east, abs=1e-5),
        pytest.approx(north, abs=1e-5),
    )


def test_proper_motion_agrees_with_astropy_near_the_pole() -> None:
    star = SkyCoord(
        120.0 * u.deg,
        89.9 * u.deg,
        pm_ra_cosdec=900 * u.mas / u.yr,
        pm_dec=-500 * u.mas / u.yr,
        distance=100 * u.pc,
        radial_velocity=0 * u.km / u.s,
    )
    expected = star.apply_space_motion(dt=10 * u.yr)
    ra, dec = sky.propagated(120.0, 89.9, 900.0, -500.0, 10.0)
    assert sky.separation_deg(ra, dec, expected.ra.deg, expected.dec.deg) * 3.6e6 < 0.01
    assert sky.propagated(10.0, 0.0, np.nan, np.nan, 10.0) == (pytest.approx(10.0), 0.0)


@pytest.mark.parametrize(
    ("centre_ra", "centre_dec"), [(0.0, 0.0), (180.0, 89.95), (359.99, -60.0), (12.0, -89.99)]
)
def test_enclosing_cone_is_tight_everywhere(centre_ra: float, centre_dec: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ra, dec = sky.shifted(centre_ra, centre_dec, 360 * np.cos(angle), 360 * np.sin(angle))
    cone = sky.enclosing_cone(ra, dec)
    assert cone.radius_deg == pytest.approx(0.1, rel=1e-3)
    assert sky.separation_deg(cone.ra_deg, cone.dec_deg, centre_ra, centre_dec) < 1e-3
    assert cone.contains(ra, dec).all()
    assert cone.covers(sky.Cone(centre_ra, centre_dec, 0.09))
    assert not cone.covers(sky.Cone(centre_ra, centre_dec, 0.11))


def test_enclosing_cone_ignores_nan_and_needs_something() -> None:
    assert sky.enclosing_cone([10.0, np.nan], [5.0, 0.0]).ra_deg == pytest.approx(10.0)
    with pytest.raises(ValueError, match="no finite position"):
        sky.enclosing_cone([np.nan], [np.nan])


def test_median_position_across_0h() -> None:
    ra, dec = sky.median_position([359.9, 0.0, 0.1], [0.0, 0.0, 0.0])
    assert sky.separation_deg(ra, dec, 0.0, 0.0) < 1e-9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:30:45.0", 12.5125),
        ("-00:30:00", -0.5),
        ("-00 30 00", -0.5),
        ("+12d30m", 12.5),
        ("12h30m45s", 12.5125),
        ("12.25", 12.25),
        ("05:59:60", 6.0),
        (" 08:18:29.9 ", 8.308305555555556),
    ],
)
def test_sexagesimal(text: str, expected: float) -> None:
    assert sky.parse_sexagesimal(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "north", "12:61:00", "1:2:3:4:5", "--1", "nan", "1e5:0:0"])
def test_not_sexagesimal(text: str) -> None:
    with pytest.raises(ValueError, match=r"sexagesimal|beyond 60"):
        sky.parse_sexagesimal(text)


def test_precession_of_b1950_size() -> None:
    ra, dec = sky.to_icrs(180.0, 0.0, 1950.0)
    expected = SkyCoord(180, 0, unit="deg", frame="fk5", equinox="J1950").icrs
    assert (ra, dec) == (pytest.approx(expected.ra.deg), pytest.approx(expected.dec.deg))
    assert sky.separation_deg(ra, dec, 180.0, 0.0) * 60 > 40  # 50 years of precession


@pytest.mark.parametrize("below", [-1e-300, -1e-17, -360.0, 360.0, -1e-14])
def test_a_right_ascension_is_below_360(below: float) -> None:
    assert 0 <= sky.within_circle(below) < 360
    x, y = np.cos(np.radians(below)), np.sin(np.radians(below))
    ra, _ = sky.radec([x, y, 0.0])
    assert 0 <= ra < 360


def test_designations_are_cut_not_rounded() -> None:
    assert sky.designation(179.2684, 0.42773) == "J115704.41+002539.8"
    assert sky.designation(0.00001, -0.0001) == "J000000.00-000000.3"
    assert sky.designation(359.9999999, -89.99999) == "J235959.99-895959.9"
    assert sky.designation(22.5, 10.5) == "J013000.00+103000.0"
