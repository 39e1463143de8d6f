"""Altitudes against astropy's AltAz (values typed in), airmasses against their definition."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from photpipe.instruments import observatories
from photpipe.science.airmass import airmass, altitude_deg, precession_of_date


@pytest.mark.parametrize(
    ("ra", "dec", "jd", "latitude", "longitude", "expected"),
    [
        (10, -60, 2451545.3, -30.17, -70.8, 44.516),
        (359.9, 0.1, 2460310.9, 19.8, -155.5, 1.170),
        (120, 89.2, 2457000.1, 43.9, 5.7, 43.054),
        (250, -45, 2440000.6, -33.9, 20.8, 51.123),
    ],
)
def test_altitude(
    ra: float, dec: float, jd: float, latitude: float, longitude: float, expected: float
) -> None:
    assert altitude_deg(ra, dec, jd, latitude, longitude) == pytest.approx(expected, abs=0.01)


@given(st.floats(15, 90))
def test_airmass_is_close_to_the_secant(altitude: float) -> None:
    secant = 1 / math.sin(math.radians(altitude))
    assert 1.0 <= airmass(altitude) <= secant + 1e-6
    assert airmass(altitude) == pytest.approx(secant, rel=0.02)


def test_airmass_near_the_horizon() -> None:
    assert airmass(90.0) == pytest.approx(1.0, abs=1e-6)
    assert airmass(0.0) == pytest.approx(31.7, abs=0.1)


@example(360.0, 0.0, 2451545.0)
@given(st.floats(0, 360), st.floats(-90, 90), st.floats(2415020, 2488070))
def test_precession_stays_on_the_sphere(ra: float, dec: float, jd: float) -> None:
    ra_of_date, dec_of_date = precession_of_date(ra, dec, jd)
    assert 0 <= ra_of_date < 360
    assert abs(dec_of_date - dec) < 0.6


def test_precession_of_theta_persei() -> None:
    # Meeus, Astronomical Algorithms, example 21.b (proper motion included in the start)
    assert precession_of_date(41.054063, 49.227750, 2462088.69) == pytest.approx(
        (41.547214, 49.348483), abs=1e-5
    )


def test_places() -> None:
    place = observatories.site("695")
    assert place is not None
    assert place.latitude_deg == pytest.approx(31.9584, abs=0.002)
    assert place.longitude_deg == pytest.approx(360 - 111.5947, abs=0.002)
    assert observatories.site("500") is None
