"""What the stars of a frame tell about apertures: the image of a star, and whether they trail."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.targets import Target
from photpipe.ground import sky
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science import growth, starimage
from photpipe.science.noise import annulus_reach
from photpipe.science.saturation import saturated_pixels
from photpipe.science.starimage import StarImage

if TYPE_CHECKING:
    from photpipe.distill.own_psf import Patch
    from photpipe.distill.target_trails import FrameShape

SHORTEST_TRAIL_PX = 0.5  # adds 0.5 % to a width (sigma) of 1.5 px
# trails of stars, in units of the motion of a target, that show that the telescope followed it
FOLLOWED = (0.7, 1.4)
MOST_STARS = 24  # by judgement: a median of curves of growth; more cost time
# sides of what tells the PSF around a target: enough stars of most fields; of 38 megapixels the
# fit of all stars took 50 s and 4 GB
PATCHES_PX = (1536, 3072)
SIGNIFICANT = 2.0  # standard errors; stars that trail by less do not tell


def motion_px(calibrated: MeasuredFrame, target: Target, number: int) -> tuple[float, float]:
    """Motion of a target against the stars during an exposure; zero if it is not known.

    Parameters
    ----------
    number : int
        Number of the frame in the arrays of the target.
    """
    east, north = target.rate_arcsec_min[:, number] * calibrated.facts.single_exptime_s / 60.0
    ra, dec = float(target.ra_deg[number]), float(target.dec_deg[number])
    if not (np.isfinite([east, north, ra, dec]).all() and math.hypot(east, north) > 0):
        return 0.0, 0.0
    ends = [sky.shifted(ra, dec, part * east, part * north) for part in (-0.5, 0.5)]
    (x0, y0), (x1, y1) = (calibrated.pixel_of(float(a), float(d)) for a, d in ends)
    return (x1 - x0, y1 - y0) if math.isfinite(x1 - x0) else (0.0, 0.0)


def followed(frames: Sequence[MeasuredFrame], targets: Sequence[Target]) -> Target | None:
    """The target that the telescope followed, as the trails of the stars tell; None: the stars."""
    best, found = math.inf, None
    for target in targets:
        ratio = _trail_ratio(frames, target) if target.moves else 0.0
        if FOLLOWED[0] <= ratio <= FOLLOWED[1] and abs(math.log(ratio)) < best:
            best, found = abs(math.log(ratio)), target
    return found


def _trail_ratio(frames: Sequence[MeasuredFrame], target: Target) -> float:
    """Trail of the stars along the motion of a target, in units of it.

    The stars of all frames together tell trails that are short against the seeing; the bright
    ones, because the second moments of faint ones end where the trail fades. Zero where it
    is lost in the noise: of several slow targets one would else fit by chance.
    """
    squares = []
    for number, each in enumerate(frames):
        dx, dy = motion_px(each, target, number)
        length = math.hypot(dx, dy)
        if length < SHORTEST_TRAIL_PX:
            continue
        bright = _brightest(each, each.well_measured_stars())
        a, b, theta = (each.column(name)[bright] for name in ("A_IMAGE", "B_IMAGE", "THETA_IMAGE"))
        direction = math.degrees(math.atan2(dy, dx))
        squares.append(starimage.squared_trails_px2(a, b, theta, direction) / length**2)
    every = np.concatenate(squares) if squares else np.zeros(0)
    if every.size < starimage.FEWEST_STARS:
        return 0.0
    middle = float(np.median(every))
    error = 1.2533 * 1.4826 * float(np.median(np.abs(every - middle))) / math.sqrt(every.size)
    return math.sqrt(middle) if middle > SIGNIFICANT * error else 0.0


def _brightest(calibrated: MeasuredFrame, among: BoolArray) -> NDArray[np.int64]:
    """Rows of the brightest of some stars."""
    rows = np.flatnonzero(among)
    return np.asarray(rows[np.argsort(-calibrated.column("FLUX_APER")[rows])][:MOST_STARS])


class Stars:
    """The stars of one frame, measured when somebody asks.

    Parameters
    ----------
    calibrated : MeasuredFrame
        The frame.
    trail_px : tuple of float
        Trail of the stars: against the motion of the target that the telescope followed.
    """

    def __init__(self, calibrated: MeasuredFrame, trail_px: tuple[float, float]) -> None:
        self.calibrated = calibrated
        self.trail_px = trail_px
        self._patches: dict[tuple[int, int, int], Patch] = {}

    @cached_property
    def pixels(self) -> FloatArray:
        """The image."""
        return self.calibrated.pixels()

    @cached_property
    def saturated(self) -> BoolArray:
        """Mask of the saturated pixels, and of what bled from them."""
        return saturated_pixels(self.pixels, self.calibrated.frame.saturation or math.inf)

    def patch(self, x_px: float, y_px: float) -> "Patch":
        """The frame around a place, with its PSF: all of it, or as little as has one."""
        from photpipe.distill.own_psf import Patch, corner_around

        ny, nx = self.pixels.shape
        for side in PATCHES_PX:
            left, top = corner_around(x_px, nx, side), corner_around(y_px, ny, side)
            if (left, top, side) not in self._patches:
                cut = np.s_[top : top + side, left : left + side]
                pixels = self.pixels[cut]
                good = np.isfinite(pixels) & ~self.saturated[cut]
                found = Patch.of(self.calibrated, pixels, good, (left, top))
                self._patches[left, top, side] = found
            if self._patches[left, top, side].tables is not None or side >= max(nx, ny):
                break
        return self._patches[left, top, side]

    @property
    def trail_arcsec(self) -> float:
        """Length of the trail."""
        return math.hypot(*self.trail_px) * self.calibrated.scale_arcsec

    @cached_property
    def image(self) -> StarImage:
        """Image of a star without its trail."""
        calibrated = self.calibrated
        if calibrated.has_psf:  # curves of growth hold the neighbours' light
            facts = calibrated.facts
            return StarImage(math.hypot(facts.psf_fwhm_px, starimage.PIXEL_FWHM), facts.psf_beta)
        brightest = _brightest(calibrated, calibrated.well_measured_stars() & self.isolated())
        radii = np.array(starimage.RADII) * calibrated.radius_px
        x, y = (calibrated.column(name)[brightest] for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        curves = starimage.growth_curves(self.pixels, x, y, radii)
        fwhm_px = calibrated.fwhm_px
        found = starimage.fitted(curves, radii, self.trail_px, fwhm_px)
        return found or StarImage(fwhm_px)

    def isolated(self) -> BoolArray:
        """Which sources have no neighbours that spoil their curve of growth."""
        calibrated = self.calibrated
        x, y, flux = (calibrated.column(name) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_APER"))
        reach = 2.0 * starimage.RADII[-1] * calibrated.radius_px
        return np.asarray(growth.neighbour_light(x, y, flux, reach) < growth.NEIGHBOUR_LIGHT)

    @cached_property
    def frame_shape(self) -> "FrameShape":
        """Image of a star as it is drawn along trails."""
        from photpipe.distill.target_trails import frame_shape

        return frame_shape(self)

    def part_of_aperture(self, dx_px: FloatArray | float, dy_px: FloatArray | float) -> FloatArray:
        """Light of stars that falls into an aperture beside them, in units of their own aperture.

        Parameters
        ----------
        dx_px, dy_px : array, shape (stars,)
            Places from the middle of the aperture.
        """
        radius = self.calibrated.radius_px
        part = self.image.light(dx_px, dy_px, radius, self.trail_px)
        return np.asarray(part / self.image.light(0.0, 0.0, radius, self.trail_px)[0])

    def light_around(self, dx_px: FloatArray, dy_px: FloatArray, counts: FloatArray) -> FloatArray:
        """Light of stars on the pixels around an aperture in the middle (counts per pixel).

        Parameters
        ----------
        dx_px, dy_px, counts : array, shape (stars,)
            Places from the middle, and counts in apertures of their own.
        """
        radius = self.calibrated.radius_px
        along = np.arange(-math.ceil(annulus_reach(radius)), math.ceil(annulus_reach(radius)) + 1.0)
        light = np.zeros((along.size, along.size))
        if not counts.any():
            return light  # what a star looks like takes a dozen curves of growth
        total = counts / self.image.light(0.0, 0.0, radius, self.trail_px)[0]
        for x, y, flux in zip(dx_px, dy_px, total, strict=True):
            light += flux * self.image.surface(along - x, along[:, None] - y, self.trail_px)
        return light

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
