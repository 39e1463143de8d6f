"""Airmass of a position on the sky, seen from a place at a time."""

import math

from photpipe.ground import sky
from photpipe.ground.timescale import J2000_JD

DAYS_PER_CENTURY = 36525.0


def precession_of_date(ra_deg: float, dec_deg: float, jd: float) -> tuple[float, float]:
    """Position of J2000 on the mean equator and equinox of date, degrees.

    Notes
    -----
    IAU 1976 precession (Meeus, Astronomical Algorithms, 2nd ed., chapter 21).
    """
    t = (jd - J2000_JD) / DAYS_PER_CENTURY
    zeta = (2306.2181 + (0.30188 + 0.017998 * t) * t) * t / sky.ARCSEC_PER_DEG
    z = (2306.2181 + (1.09468 + 0.018203 * t) * t) * t / sky.ARCSEC_PER_DEG
    theta = math.radians((2004.3109 - (0.42665 + 0.041833 * t) * t) * t / sky.ARCSEC_PER_DEG)
    ra, dec = math.radians(ra_deg + zeta), math.radians(dec_deg)
    a = math.cos(dec) * math.sin(ra)
    b = math.cos(theta) * math.cos(dec) * math.cos(ra) - math.sin(theta) * math.sin(dec)
    c = math.sin(theta) * math.cos(dec) * math.cos(ra) + math.cos(theta) * math.sin(dec)
    ra_of_date = float(sky.within_circle(math.degrees(math.atan2(a, b)) + z))
    return ra_of_date, math.degrees(math.atan2(c, math.hypot(a, b)))


def greenwich_sidereal_time_deg(jd: float) -> float:
    """Mean sidereal time at Greenwich in degrees; UTC serves as UT1 (Meeus, chapter 12)."""
    t = (jd - J2000_JD) / DAYS_PER_CENTURY
    return (280.46061837 + 360.98564736629 * (jd - J2000_JD) + 0.000387933 * t * t) % 360.0


def altitude_deg(
    ra_deg: float, dec_deg: float, jd: float, latitude_deg: float, longitude_deg: float
) -> float:
    """Altitude without refraction of an ICRS position; longitude counts east. Good to 0.01°."""
    ra, dec = precession_of_date(ra_deg, dec_deg, jd)
    hour_angle = math.radians(greenwich_sidereal_time_deg(jd) + longitude_deg - ra)
    latitude, declination = math.radians(latitude_deg), math.radians(dec)
    sine = math.sin(latitude) * math.sin(declination)
    sine += math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(min(1.0, max(-1.0, sine))))


def airmass(altitude: float) -> float:
    """Airmass at an altitude in degrees without refraction, from 0 upwards.

    Notes
    -----
    Young (1994ApOpt..33.1108Y), eq. 5: right to 0.0037 airmasses at the horizon.
    """
    c = math.cos(math.radians(90.0 - altitude))
    above = (1.002432 * c + 0.148386) * c + 0.0096467
    below = ((c + 0.149864) * c + 0.0102963) * c + 0.000303978
    return max(1.0, above / below)
