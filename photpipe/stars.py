"""What the stars of a frame tell about apertures: the image of a star, and whether they trail."""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from photpipe.calibratedframe import CalibratedFrame
from photpipe.science import growth, starimage
from photpipe.science.starimage import StarImage
from photpipe.sky import BoolArray, FloatArray

FOLLOWED = 0.5  # stars that trail by more than this part of a motion: that target was followed
SHORTEST_TRAIL_PX = 0.5
MOST_STARS = 24


class Stars:
    """The stars of one frame, measured when somebody asks.

    Parameters
    ----------
    calibrated : CalibratedFrame
        The frame.
    motions_px : sequence of tuple
        Motions of the targets during the exposure: the telescope may have followed one of them.
    """

    def __init__(
        self, calibrated: CalibratedFrame, motions_px: Sequence[tuple[float, float]]
    ) -> None:
        self.calibrated = calibrated
        self._motions = motions_px

    @cached_property
    def pixels(self) -> FloatArray:
        """The image."""
        return self.calibrated.pixels()

    @cached_property
    def trail_px(self) -> tuple[float, float]:
        """Trail of the stars: against the motion of the target that the telescope followed."""
        bright = self.calibrated.well_measured_stars()
        a, b, theta = (
            self.calibrated.column(name)[bright] for name in ("A_IMAGE", "B_IMAGE", "THETA_IMAGE")
        )
        for dx, dy in self._motions:
            length = math.hypot(dx, dy)
            direction = math.degrees(math.atan2(dy, dx))
            trail = starimage.trail_along_px(a, b, theta, direction)
            if length > SHORTEST_TRAIL_PX and trail > FOLLOWED * length:
                return -dx, -dy
        return 0.0, 0.0

    @property
    def trail_arcsec(self) -> float:
        """Length of the trail."""
        return math.hypot(*self.trail_px) * self.calibrated.scale_arcsec

    @cached_property
    def image(self) -> StarImage:
        """Image of a star without its trail."""
        calibrated = self.calibrated
        stars = np.flatnonzero(calibrated.well_measured_stars() & self._isolated())
        brightest = stars[np.argsort(-calibrated.column("FLUX_APER")[stars])][:MOST_STARS]
        radii = np.array(starimage.RADII) * calibrated.radius_px
        x, y = (calibrated.column(name)[brightest] for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        curves = starimage.growth_curves(self.pixels, x, y, radii)
        fwhm_px = calibrated.seeing_arcsec / calibrated.scale_arcsec
        found = starimage.fitted(curves, radii, self.trail_px, fwhm_px)
        return found or StarImage(fwhm_px)

    def _isolated(self) -> BoolArray:
        """Which sources have no neighbours that spoil their curve of growth."""
        calibrated = self.calibrated
        x, y, flux = (calibrated.column(name) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_APER"))
        reach = 2.0 * starimage.RADII[-1] * calibrated.radius_px
        return np.asarray(growth.neighbour_light(x, y, flux, reach) < growth.NEIGHBOUR_LIGHT)

    def part_of_aperture(self, dx_px: float, dy_px: float) -> float:
        """Light of a star that falls into an aperture beside it, in units of its own aperture."""
        radius = self.calibrated.radius_px
        part = self.image.light(dx_px, dy_px, radius, self.trail_px)[0]
        return float(part / self.image.light(0.0, 0.0, radius, self.trail_px)[0])

    def trailing_mag(self, motion_px: tuple[float, float]) -> float:
        """What a target's magnitude needs because it trails otherwise than the stars do.

        Parameters
        ----------
        motion_px : tuple of float
            Its motion against the stars during the exposure.
        """
        stars = self.trail_px
        target = motion_px[0] + stars[0], motion_px[1] + stars[1]
        if max(math.hypot(*stars), math.hypot(*target)) < SHORTEST_TRAIL_PX:
            return 0.0
        radius = self.calibrated.radius_px
        lost = self.image.trail_loss_mag(target, radius)
        return self.image.trail_loss_mag(stars, radius) - lost
