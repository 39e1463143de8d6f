"""Geometry on the celestial sphere, without plane coordinates: RA 0h and the poles are ordinary.

Angles are degrees (ICRS) unless a name says otherwise. East and north offsets are
arcseconds on the sky, that is with the cosine of the declination included.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ARCSEC_PER_DEG = 3600.0


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> FloatArray:
    """Unit vectors, shape (..., 3), of sky positions."""
    ra, dec = np.radians(np.asarray(ra_deg, float)), np.radians(np.asarray(dec_deg, float))
    return np.stack(
        [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec) * np.ones_like(ra)],
        axis=-1,
    )


def within_circle(degrees: ArrayLike) -> FloatArray:
    """Angles in [0, 360): what lies a little below 0 is 360.0 after one division by 360."""
    return np.asarray(np.asarray(degrees, float) % 360.0 % 360.0)


def radec(vectors: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """RA in [0, 360) and Dec, both in degrees, of vectors of shape (..., 3) and any length."""
    v = np.asarray(vectors, float)
    ra = within_circle(np.degrees(np.arctan2(v[..., 1], v[..., 0])))
    return ra, np.degrees(np.arctan2(v[..., 2], np.hypot(v[..., 0], v[..., 1])))


def separation_deg(
    ra1_deg: ArrayLike, dec1_deg: ArrayLike, ra2_deg: ArrayLike, dec2_deg: ArrayLike
) -> FloatArray:
    """Great-circle separation in degrees, accurate at all angles."""
    ra1, dec1, ra2, dec2 = (np.radians(each) for each in (ra1_deg, dec1_deg, ra2_deg, dec2_deg))
    sin1, cos1, sin2, cos2 = np.sin(dec1), np.cos(dec1), np.sin(dec2), np.cos(dec2)
    east, along = cos2 * np.sin(ra2 - ra1), cos2 * np.cos(ra2 - ra1)
    across = np.hypot(east, cos1 * sin2 - sin1 * along)
    return np.asarray(np.degrees(np.arctan2(across, sin1 * sin2 + cos1 * along)))


def local_axes(ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Unit vectors towards east and north at positions, each of shape (..., 3)."""
    ra, dec = np.radians(np.asarray(ra_deg, float)), np.radians(np.asarray(dec_deg, float))
    zero = np.zeros_like(ra + dec)
    east = np.stack([-np.sin(ra) + zero, np.cos(ra) + zero, zero], axis=-1)
    north = np.stack(
        [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec) + zero], axis=-1
    )
    return east, north


def offsets_arcsec(
    ra0_deg: ArrayLike, dec0_deg: ArrayLike, ra_deg: ArrayLike, dec_deg: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Offsets east and north, in arcsec on the sky, from position 0 to the other position.

    The length of the offset is the great-circle separation, its direction that of the
    great circle at position 0.
    """
    east, north = local_axes(ra0_deg, dec0_deg)
    v = unit_vectors(ra_deg, dec_deg)
    x, y = np.sum(v * east, axis=-1), np.sum(v * north, axis=-1)
    length = np.hypot(x, y)
    angle = separation_deg(ra0_deg, dec0_deg, ra_deg, dec_deg) * ARCSEC_PER_DEG
    scale = np.divide(angle, length, out=np.zeros_like(angle + length), where=length > 0)
    return np.asarray(x * scale), np.asarray(y * scale)


def shifted(
    ra_deg: ArrayLike, dec_deg: ArrayLike, east_arcsec: ArrayLike, north_arcsec: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Positions moved along great circles; the inverse of `offsets_arcsec`."""
    dx = np.radians(np.asarray(east_arcsec, float) / ARCSEC_PER_DEG)
    dy = np.radians(np.asarray(north_arcsec, float) / ARCSEC_PER_DEG)
    angle = np.hypot(dx, dy)
    east, north = local_axes(ra_deg, dec_deg)
    direction = east * dx[..., None] + north * dy[..., None]
    v = unit_vectors(ra_deg, dec_deg) * np.cos(angle)[..., None]
    return radec(v + direction * np.sinc(angle / np.pi)[..., None])


def propagated(
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    pm_ra_mas_yr: ArrayLike,
    pm_dec_mas_yr: ArrayLike,
    years: ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Positions after `years` of proper motion (pm_ra includes cos Dec; NaN counts as no motion).

    Straight motion along the tangent, renormalised to the sphere: within 0.01 mas of the
    rigorous space motion for 10 arcsec/yr over ten years at any declination.
    """
    east, north = local_axes(ra_deg, dec_deg)
    to_rad = np.radians(1.0 / ARCSEC_PER_DEG / 1000.0) * np.asarray(years, float)
    move_east = np.nan_to_num(np.asarray(pm_ra_mas_yr, float)) * to_rad
    move_north = np.nan_to_num(np.asarray(pm_dec_mas_yr, float)) * to_rad
    v = unit_vectors(ra_deg, dec_deg)
    return radec(v + east * move_east[..., None] + north * move_north[..., None])


def carried(
    ra1_deg: ArrayLike,
    dec1_deg: ArrayLike,
    east: ArrayLike,
    north: ArrayLike,
    ra2_deg: ArrayLike,
    dec2_deg: ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Components at nearby positions 2 of vectors given east and north at positions 1.

    Near a pole east turns quickly: a star that crosses it moves north before and south after.
    """
    east1, north1 = local_axes(ra1_deg, dec1_deg)
    east2, north2 = local_axes(ra2_deg, dec2_deg)
    vector = east1 * np.asarray(east, float)[..., None]
    vector = vector + north1 * np.asarray(north, float)[..., None]
    return np.sum(vector * east2, axis=-1), np.sum(vector * north2, axis=-1)


@dataclass(frozen=True, slots=True)
class Cone:
    """A circular patch of sky: centre and angular radius, in degrees."""

    ra_deg: float
    dec_deg: float
    radius_deg: float

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Whether positions lie inside or on the edge."""
        return np.asarray(
            separation_deg(self.ra_deg, self.dec_deg, ra_deg, dec_deg) <= self.radius_deg + 1e-9
        )

    def covers(self, other: "Cone") -> bool:
        """Whether the other cone lies wholly inside this one."""
        distance = float(separation_deg(self.ra_deg, self.dec_deg, other.ra_deg, other.dec_deg))
        return distance + other.radius_deg <= self.radius_deg + 1e-9

    def __str__(self) -> str:
        return f"{self.ra_deg:.5f} {self.dec_deg:+.5f} r={self.radius_deg:.4f}"


def enclosing_cone(ra_deg: ArrayLike, dec_deg: ArrayLike, margin_deg: float = 0.0) -> Cone:
    """Cone around all finite positions: centre of their bounding box in the tangent plane.

    Raises
    ------
    ValueError
        If no position is finite.
    """
    ra, dec = np.atleast_1d(np.asarray(ra_deg, float)), np.atleast_1d(np.asarray(dec_deg, float))
    good = np.isfinite(ra) & np.isfinite(dec)
    if not good.any():
        message = "no finite position"
        raise ValueError(message)
    ra, dec = ra[good], dec[good]
    ra0, dec0 = radec(unit_vectors(ra, dec).mean(axis=0))
    east, north = offsets_arcsec(ra0, dec0, ra, dec)
    middle = ((east.min() + east.max()) / 2, (north.min() + north.max()) / 2)
    ra_c, dec_c = shifted(ra0, dec0, *middle)
    radius = float(separation_deg(ra_c, dec_c, ra, dec).max())
    return Cone(float(ra_c), float(dec_c), radius + margin_deg)


def median_position(ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[float, float]:
    """Direction of the component-wise median unit vector, in degrees."""
    v = np.median(unit_vectors(np.atleast_1d(ra_deg), np.atleast_1d(dec_deg)), axis=0)
    ra, dec = radec(v)
    return float(ra), float(dec)


# a degree sign that a FITS header cannot hold has become a question mark
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<a>\d+(?:\.\d*)?)"
    r"(?:[\s:hd°?]+(?P<b>\d+(?:\.\d*)?)"
    r"(?:[\s:m'′]+(?P<c>\d+(?:\.\d*)?|\d+:\d+)\s*(?:[s\"″]|'')?)?)?[m'′\s]*",
    re.IGNORECASE,
)


def parse_sexagesimal(text: str) -> float:
    """Value of ``12:30:45.1``, ``-00 30 15`` or ``+12d30m`` in the unit of its first part.

    A fourth field holds the decimals of the third (``-22:57:08:99``); a comma is a decimal point.

    Raises
    ------
    ValueError
        If the text is not such a number, or minutes or seconds are 60 or more
        (60 seconds exactly are accepted, as sloppy rounding writes them).
    """
    found = _SEXAGESIMAL.fullmatch(text.strip().replace(",", "."))
    if not found:
        message = f"{text!r} is not a sexagesimal number"
        raise ValueError(message)
    minutes, seconds = float(found["b"] or 0), float((found["c"] or "0").replace(":", "."))
    if minutes > 60 or seconds > 60:
        message = f"{text!r} has minutes or seconds beyond 60"
        raise ValueError(message)
    value = float(found["a"]) + minutes / 60 + seconds / 3600
    return -value if found["sign"] == "-" else value


def designation(ra_deg: float, dec_deg: float) -> str:
    """Name of a source by its place, as the IAU has it: J115704.41+002539.8; digits are cut."""
    hundredths = int(ra_deg % 360.0 / 15.0 * 360000.0 + 1e-6)
    tenths = int(abs(dec_deg) * 36000.0 + 1e-6)
    minutes, seconds = divmod(hundredths, 6000)
    arcmin, arcsec = divmod(tenths, 600)
    sign = "-" if dec_deg < 0 else "+"
    ra = f"{minutes // 60:02d}{minutes % 60:02d}{seconds / 100:05.2f}"
    return f"J{ra}{sign}{arcmin // 60:02d}{arcmin % 60:02d}{arcsec / 10:04.1f}"


def to_icrs(ra_deg: float, dec_deg: float, equinox: float) -> tuple[float, float]:
    """Position of FK5 mean equinox `equinox` (years) in ICRS, degrees (precession by astropy)."""
    from astropy.coordinates import FK5, SkyCoord

    position = SkyCoord(ra_deg, dec_deg, unit="deg", frame=FK5(equinox=f"J{equinox:.6f}")).icrs
    return float(position.ra.deg), float(position.dec.deg)
