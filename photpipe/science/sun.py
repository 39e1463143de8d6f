"""Where the Sun stands."""

import math

from photpipe.ground import sky
from photpipe.ground.timescale import J2000_JD


def sun_position(jd: float) -> tuple[float, float]:
    """RA and Dec of the Sun in degrees (equinox of date), good to 0.02 degrees from 1950 to 2050.

    Parameters
    ----------
    jd : float
        Julian date.

    Notes
    -----
    The low-precision formula of the Astronomical Almanac (Meeus, Astronomical Algorithms, 2nd
    ed., chapter 25).
    """
    days = jd - J2000_JD
    anomaly = math.radians((357.528 + 0.9856003 * days) % 360.0)
    mean_longitude = 280.460 + 0.9856474 * days
    longitude = math.radians(
        mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)
    )
    obliquity = math.radians(23.439 - 4e-7 * days)
    ra = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    return float(sky.within_circle(math.degrees(ra))), math.degrees(
        math.asin(math.sin(obliquity) * math.sin(longitude))
    )
