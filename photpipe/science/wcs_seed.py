"""The starting WCS of a frame: gnomonic, from pointing, pixel scale and orientation alone.

With sx = -1 if the x axis is flipped, else 1, sy likewise, rotation θ and pixel scales
px, py (degrees)::

    CD1_1 = sx cos θ px    CD1_2 = -sy sin θ py
    CD2_1 = sx sin θ px    CD2_2 =  sy cos θ py

The reference pixel is the middle of the image (half its size, rounded down), the reference value
the pointing plus the offset of the chip, taken along great circles.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from photpipe.ground import sky

Matrix = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a detector lies on the sky.

    Parameters
    ----------
    flipx, flipy : bool
        Whether the axis runs against the sense of RA and Dec; flipx = flipy is a mirrored sky.
    rotate_deg : float
        Rotation, east of north.
    offset_deg : (float, float) or None
        Centre of the chip relative to the pointing, degrees east and north on the sky;
        None if nobody measured it.
    """

    flipx: bool
    flipy: bool
    rotate_deg: float
    offset_deg: tuple[float, float] | None = (0.0, 0.0)

    def changed(self, *, flipx: bool, flipy: bool, rotate_deg: float) -> "Orientation":
        """Orientation with flips toggled and a rotation (of either sign) added."""
        return Orientation(
            self.flipx != flipx, self.flipy != flipy, self.rotate_deg + rotate_deg, self.offset_deg
        )

    @property
    def mirrored(self) -> bool:
        """Whether east is on the wrong side of north."""
        return self.flipx == self.flipy

    def matrix(self, scale_arcsec: tuple[float, float]) -> Matrix:
        """CD matrix in degrees per pixel for pixel scales in x and y."""
        px, py = (scale / sky.ARCSEC_PER_DEG for scale in scale_arcsec)
        sx, sy = -1.0 if self.flipx else 1.0, -1.0 if self.flipy else 1.0
        cos, sin = _cos_sin(self.rotate_deg)
        return ((sx * cos * px, -sy * sin * py), (sx * sin * px, sy * cos * py))


def _cos_sin(angle_deg: float) -> tuple[float, float]:
    """Cosine and sine, exactly 0 and ±1 at multiples of 90 degrees."""
    quarter, rest = divmod(angle_deg, 90.0)
    if rest == 0.0:
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter) % 4]
    return math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))


@dataclass(frozen=True, slots=True)
class SeedWcs:
    """Reference value (degrees, ICRS), reference pixel, CD matrix, distortion terms."""

    crval_deg: tuple[float, float]
    crpix: tuple[float, float]
    cd: Matrix
    distortion: Mapping[str, float] = field(default_factory=dict)

    def cards(self) -> dict[str, float | str]:
        """The header cards of this WCS; numbers as numbers."""
        kind = "TPV" if self.distortion else "TAN"
        return {
            "CTYPE1": f"RA---{kind}",
            "CTYPE2": f"DEC--{kind}",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRVAL1": self.crval_deg[0],
            "CRVAL2": self.crval_deg[1],
            "CRPIX1": self.crpix[0],
            "CRPIX2": self.crpix[1],
            "CD1_1": self.cd[0][0],
            "CD1_2": self.cd[0][1],
            "CD2_1": self.cd[1][0],
            "CD2_2": self.cd[1][1],
            # some readers take a missing first term for zero
            **({"PV1_1": 1.0, "PV2_1": 1.0} if self.distortion else {}),
            **self.distortion,
            "RADESYS": "ICRS",
            "EQUINOX": 2000.0,
        }


def seed_wcs(
    shape: tuple[int, int],
    pointing_deg: tuple[float, float],
    scale_arcsec: tuple[float, float],
    orientation: Orientation,
    distortion: Mapping[str, float] | None = None,
) -> SeedWcs:
    """Starting WCS of an image.

    Parameters
    ----------
    shape : (int, int)
        Image size (ny, nx).
    pointing_deg : (float, float)
        RA, Dec (ICRS) of the pointing, or of the frame centre if `orientation` has no offset.
    scale_arcsec : (float, float)
        Scale of the (binned) pixels in x and y.
    orientation : Orientation
        Its offset has to be known.
    distortion : mapping, optional
        PV terms (TPV convention).

    Raises
    ------
    ValueError
        If the offset of the chip is unknown.
    """
    if orientation.offset_deg is None:
        raise ValueError("the offset of this chip from the pointing is unknown")
    ra, dec = pointing_deg
    east, north = (offset * sky.ARCSEC_PER_DEG for offset in orientation.offset_deg)
    if east or north:
        ra, dec = (float(value) for value in sky.shifted(ra, dec, east, north))
    ny, nx = shape
    return SeedWcs(
        (ra, dec),
        (float(nx // 2), float(ny // 2)),
        orientation.matrix(scale_arcsec),
        dict(distortion or {}),
    )
