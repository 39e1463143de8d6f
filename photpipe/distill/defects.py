"""What spoils a target on one frame alone: trails, bright columns and cosmic rays.

The stars that the other frames and the catalog show are taken out of a window around the target;
what is left there in a line, or is sharper than any image, belongs to this frame alone.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from photpipe.distill.clean import Region, pixels_of
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.surroundings import Surroundings
from photpipe.ground import sky
from photpipe.ground.sky import FloatArray
from photpipe.run.photometry_file import BLEEDING, COSMIC_RAY, TRAIL
from photpipe.science import cosmicrays, trails
from photpipe.science.noise import median
from photpipe.science.starimage import StarImage
from photpipe.science.target_trail import Segment

TRAIL_WORDS = "of a satellite or an airplane"
COLUMN_WORDS = "a bright column runs through"
HIT_WORDS = "or hot pixel"
ROUND = 1.6  # axis ratio of sources that are stars if no other frame shows them
LONGEST_TRAIL_FWHM = 4.0  # of targets in which cosmic rays are looked for
MOST_PLACES = 12  # by judgement: along a trail, at which lines that cross it are looked for
# by judgement: along a trail its own wings make lines (2 in 60 trails, turned by 4 and 8 degrees)
LEAST_ANGLE_DEG = 15.0
STEP_ARCSEC = 10.0  # over which a WCS is taken for straight


class Defect(NamedTuple):
    """What spoils a target: one of `photometry_file.SPOILERS`, words for it, and its counts."""

    kind: str
    words: str
    counts: float


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A part of a frame around a target, in which defects are looked for.

    Parameters
    ----------
    calibrated : MeasuredFrame
        The frame.
    number : int
        Its number in the series.
    ra_deg, dec_deg, x_px, y_px : float
        Where the target is, on the sky and in FITS pixels.
    trail_px : (float, float)
        Its trail on the detector.
    """

    calibrated: MeasuredFrame
    number: int
    ra_deg: float
    dec_deg: float
    x_px: float
    y_px: float
    trail_px: tuple[float, float]

    def defect(self, surroundings: Surroundings, source: tuple[float, float]) -> Defect | None:
        """What spoils the target; None if nothing does.

        Parameters
        ----------
        source : (float, float)
            Where it was measured (FITS pixels).
        """
        if not self.calibrated.pixel_noise_counts > 0 or not math.isfinite(self.x_px + self.y_px):
            return None
        radius, fwhm = self.calibrated.radius_px, self.calibrated.fwhm_px
        clear = math.hypot(*self.trail_px) / 2
        region = Region(self.x_px, self.y_px, trails.window_half(fwhm))
        pixels = pixels_of(self.calibrated, region)
        found = trails.column_through(
            pixels, self.calibrated.pixel_noise_counts, radius, fwhm, clear
        )
        if found:
            return Defect(BLEEDING, COLUMN_WORDS, found.counts)
        stars = self._stars_in(region, surroundings, self.calibrated.radius_px + clear)
        found = trails.trail_through(pixels, radius, fwhm, stars, clear)
        if found:
            return Defect(TRAIL, TRAIL_WORDS, found.counts)
        # of longer trails the image is not known as well
        is_point = 2 * clear < LONGEST_TRAIL_FWHM * fwhm
        hit = self._hit(pixels, region, source) if is_point else None
        return Defect(COSMIC_RAY, HIT_WORDS, hit.counts) if hit else None

    def crossing(self, surroundings: Surroundings, segment: Segment) -> Defect | None:
        """What crosses the trail of the target; None if nothing does.

        The trail itself is masked, and places along it are looked at one by one.

        Parameters
        ----------
        segment : Segment
            The trail (FITS pixels).
        """
        calibrated = self.calibrated
        if not calibrated.pixel_noise_counts > 0:
            return None
        fwhm = calibrated.fwhm_px
        count = int(np.clip(np.ceil(segment.length / (2 * calibrated.radius_px)), 1, MOST_PLACES))
        radius = max(calibrated.radius_px, segment.length / (2 * count))
        found: Defect | None = None
        for part in (np.arange(count) + 0.5) / count:
            x = segment.x0 + part * (segment.x1 - segment.x0)
            y = segment.y0 + part * (segment.y1 - segment.y0)
            here = replace(self, x_px=float(x), y_px=float(y))
            line = here._line_through(surroundings, segment, radius, fwhm)
            if line and (found is None or line.counts > found.counts):
                found = line
        return found

    def _line_through(
        self, surroundings: Surroundings, segment: Segment, radius_px: float, fwhm_px: float
    ) -> Defect | None:
        """A line through a place of the trail, beside which nothing of the trail counts."""
        region = Region(self.x_px, self.y_px, trails.window_half(fwhm_px))
        pixels = pixels_of(self.calibrated, region)
        size = np.arange(2 * region.half + 1.0)
        columns, rows = size + 1 + region.left, size[:, None] + 1 + region.top
        wings = radius_px + trails.CLEAR_FWHM * fwhm_px
        pixels = np.where(segment.distance(columns, rows) < wings, np.nan, pixels)
        stars = self._stars_in(region, surroundings)
        found = trails.trail_through(pixels, radius_px, fwhm_px, stars)
        if found is None:
            return None
        ux, uy = segment.direction
        turned = (found.angle_deg - math.degrees(math.atan2(uy, ux)) + 90.0) % 180.0 - 90.0
        crosses = abs(turned) >= LEAST_ANGLE_DEG
        return Defect(TRAIL, TRAIL_WORDS, found.counts) if crosses else None

    def _hit(
        self, pixels: FloatArray, region: Region, source: tuple[float, float]
    ) -> "cosmicrays.Hit | None":
        radius = self.calibrated.radius_px
        half = min(math.ceil(radius + self.calibrated.fwhm_px) + 1, region.half)
        part = slice(region.half - half, region.half + half + 1)
        known = pixels[np.isfinite(pixels)]
        if not known.size:
            return None
        own = region.left + region.half - half + 1, region.top + region.half - half + 1
        return cosmicrays.hit_in(
            pixels[part, part] - median(known),
            self.calibrated.pixel_noise_counts,
            self.calibrated.photon_counts,
            StarImage(self.calibrated.fwhm_px),
            (source[0] - own[0], source[1] - own[1]),
            self.trail_px,
            radius,
        )

    def _stars_in(
        self, region: Region, surroundings: Surroundings, beyond_px: float = -1.0
    ) -> trails.KnownStars:
        """The stars of the other frames and of the catalog in the window, beyond the target."""
        x, y, counts = self._stars(region, surroundings)
        radii = trails.wings_px(counts, self.calibrated.pixel_noise_counts, self.calibrated.fwhm_px)
        radii = np.maximum(radii, self.calibrated.fwhm_px)
        others = np.hypot(x - self.x_px, y - self.y_px) > beyond_px
        x, y = x - 1 - region.left, y - 1 - region.top
        return trails.KnownStars(x[others], y[others], radii[others])

    def _stars(
        self, region: Region, surroundings: Surroundings
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Places (FITS pixels) and counts of stars in a window."""
        calibrated = self.calibrated
        reach = math.sqrt(2.0) * region.half * calibrated.scale_arcsec
        ra, dec, mag = surroundings.sources_near(self.ra_deg, self.dec_deg, reach, self.number)
        x, y = self._places(ra, dec)
        counts = calibrated.counts_of(mag)
        if not surroundings.others(self.number).size:
            own = calibrated.column("A_IMAGE") < ROUND * calibrated.column("B_IMAGE")
            x = np.append(x, calibrated.column("XWIN_IMAGE")[own])
            y = np.append(y, calibrated.column("YWIN_IMAGE")[own])
            counts = np.append(counts, calibrated.column("FLUX_APER")[own])
        known = np.isfinite(x + y)
        return x[known], y[known], np.nan_to_num(counts[known])

    def _places(self, ra_deg: FloatArray, dec_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pixels of places near the target, as if the WCS were straight around it."""
        columns = []
        for step in ((STEP_ARCSEC, 0.0), (0.0, STEP_ARCSEC)):
            ra, dec = sky.shifted(self.ra_deg, self.dec_deg, *step)
            there = self.calibrated.pixel_of(float(ra), float(dec))
            columns.append((np.array(there) - [self.x_px, self.y_px]) / STEP_ARCSEC)
        east, north = sky.offsets_arcsec(self.ra_deg, self.dec_deg, ra_deg, dec_deg)
        x, y = np.array(columns).T @ np.array([east, north]).reshape(2, -1)
        return self.x_px + x, self.y_px + y
