"""From calibrated frames to points of a target: its source, or what its place shows.

The magnitude of a detected target is that of its source; otherwise an aperture is put where it
should be. Neighbours whose light reaches into the aperture are named, with their effect. What
an aperture loses because target and stars trail differently is given back.
"""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from photpipe.catalogs.database import magnitude_columns
from photpipe.distill.clean import NO_TEMPLATE, Difference, Subtraction
from photpipe.distill.defects import Defect, Neighbourhood
from photpipe.distill.identification import Track
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.own_psf import MISFIT, OwnDifference, own_difference
from photpipe.distill.star_images import Stars, motion_px
from photpipe.distill.surroundings import STAR_TOLERANCE_ARCSEC, Star, Surroundings
from photpipe.distill.target_trails import (
    FrameTrail,
    TrailProfiles,
    half_sides,
    measured,
    on_sky,
    segment_of,
)
from photpipe.distill.targets import CONTROL, Target
from photpipe.ground import sky
from photpipe.ground.sky import FloatArray
from photpipe.run import photometry_file
from photpipe.run.photometry_file import (
    BRIGHTER,
    CLEAN,
    DETECTED,
    FITTED_TRAIL,
    FORCED,
    LIMIT,
    TargetPoint,
)
from photpipe.run.settings import DistillSettings
from photpipe.science import zeropoint
from photpipe.science.flags import SourceFlag, describe
from photpipe.science.forced import forced_flux
from photpipe.science.noise import POGSON, annulus_reach
from photpipe.science.saturation import touched
from photpipe.science.starimage import GAUSSIAN_FWHM
from photpipe.science.subtraction import centroid, misfit
from photpipe.science.target_trail import Segment

# by judgement: no asteroid brightens so much from frame to frame, a star beside it does
BRIGHTENING_MAG, BRIGHTENING_SIGMA = 1.0, 5.0
BRIGHTENING_POINTS = 4  # a median of fewer is moved by the bright point itself
LIMIT_SIGMA = 5.0  # 5 sigma limits, as the manual quotes them
FORCED_SIGMA = 3.0  # of an aperture on a known place: one false detection in 740
SPOILED_SIGMA = 0.1  # of its error, by which neighbours must change a point to be subtracted
DEEPEST = 4.0  # light with neighbours of a target that can be told from them
MOST_EXAMINED = 50  # targets around which defects of a frame are looked for: it takes time
WORST = 2  # neighbours of which it is looked how well they are subtracted
CENTRED_SNR = 10.0  # from which on a target has a place of its own on a frame
FARTHEST_CENTRE = 0.3  # of the seeing, from where the series shows it
# standard deviations of a pixel, from which on light of neighbours is left out of a local sky; what
# is below is subtracted: a model that is off by a tenth leaves a twentieth of the noise
HIDDEN_SIGMA = 0.5
# what a faint source tells better than an aperture at its place
OF_SOURCE = (
    *("method", "flags", "flags_in_words", "rejected", "fwhm_arcsec"),
    *("source_ra_deg", "source_dec_deg", "offset_east_arcsec", "offset_north_arcsec"),
    *("sigma_east_arcsec", "sigma_north_arcsec"),
)
# of the seeing, by which a target trails unlike the stars: longer, its fit with the PSF is biased
LIKE_A_STAR = 0.3  # adds 2 % to a width; 0.8 of the seeing made targets 0.4 mag too faint
TOLD_APART = 0.35  # of the seeing: a fitted source within is the star that stands there
OFF_CENTRE = 0.15  # of the seeing, by which a part of a cut source misses its middle
TOUCHING_REACHES = 3.0  # distance of a star that touches a target at most, in units of the reach
# of the light of stars on a trail, when their images were taken away
LEFT_OVER = 0.03
# the same of a trail that ought to be shorter than so many seeings: what is left of a star's core
# draws it (`benchmarks/passages.py`: 33 trails of two seeings, all of the light 0.1 to 2 mag); of 9
# of four seeings and more (`benchmarks/target_trails.py`) none was off
LEFT_OVER_SHORT, SHORT_SEEINGS = 0.3, 3.0
# of light of stars on a trail, from which on other frames are asked for them: images of stars that
# are drawn left up to 5 sigma (`benchmarks/passages.py`)
STARRY_MAG = 0.02
LARGEST_HALF_PX = 60  # by judgement: stamps of trails that other frames show; longer fit well
# the same where other frames showed the stars: what kernels leave of them (59 points of six nights
# of `benchmarks/passages.py` beside stars up to 3 mag brighter: pull 0.97)
LEFT_OVER_TEMPLATE = 0.01
TRAILING_UNCERTAINTY = 0.05  # relative error of the correction, as simulations show it


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands around a target on one frame.

    Parameters
    ----------
    text : str
        The worst of them; empty if there is none.
    near : float
        Light (counts) in the aperture of those that are so near that they may touch the target.
    flux : float
        Light of all in the aperture.
    around : array, shape (n, n)
        Their light on the pixels around (counts), those of the sky annulus included.
    worst : array, shape (n, 3)
        Places (px from the target) and counts of those that matter most.
    apart_arcsec : float
        How far from the target the worst of them is.
    """

    text: str
    near: float
    flux: float
    around: FloatArray
    worst: FloatArray
    apart_arcsec: float = math.nan


class Contamination(NamedTuple):
    """What neighbours do to a point: its columns of that name."""

    mag: float = 0.0
    text: str = ""
    apart_arcsec: float = math.nan


def points_of_frame(
    calibrated: MeasuredFrame,
    number: int,
    tracks: Sequence[Track],
    guide: Target | None,
    surroundings: Surroundings,
    offset_arcsec: tuple[float, float],
    settings: DistillSettings,
    subtraction: Subtraction | None = None,
    profiles: TrailProfiles | None = None,
    *,
    taken: Collection[str] = (),
) -> dict[str, TargetPoint]:
    """Points of all targets on one frame; targets outside of it have none.

    Parameters
    ----------
    number : int
        Number of the frame in the arrays of the targets.
    guide : Target or None
        The target that the telescope followed; none: it followed the stars.
    offset_arcsec : (float, float)
        East and north offset that the user added to the predictions.
    subtraction : Subtraction or None
        How neighbours of moving targets are subtracted; None: they are not.
    profiles : TrailProfiles or None
        Takes the light curves along trails, if they are wanted.
    taken : collection of str
        Targets that are not wanted: an earlier run has measured them.
    """
    east, north = motion_px(calibrated, guide, number) if guide else (0.0, 0.0)
    stars = Stars(calibrated, (-east, -north))
    points = {}
    for track in tracks:
        if track.target.name in taken:
            continue
        place = _Place.of(calibrated, stars, track, number, settings)
        others = [each for each in tracks if each is not track]
        drawn = place.trail(surroundings, others, profiles, subtraction) if place.trails else None
        if drawn is not None:
            point = place.trailed(drawn)
            if len(tracks) <= MOST_EXAMINED:
                point = place.crossed(point, drawn.trail.segment, surroundings)
            points[track.target.name] = _by_hand(point, track, offset_arcsec)
            if subtraction is not None and drawn.difference is not None:
                subtraction.keep(track.target.name, point.frame, drawn.difference)
            continue
        around = place.neighbours(surroundings, others)
        row = place.source(surroundings, others, around)
        if row is None and not calibrated.contains(place.x_px, place.y_px):
            continue
        point = place.forced(around) if row is None else place.measured(row, around)
        if subtraction is not None and place.is_spoiled(point, others):
            found: Difference | OwnDifference | str = subtraction.difference(number, track)
            if found == NO_TEMPLATE:
                found = place.by_own_psf(point, surroundings, others)
            point = place.clean(point, found, around)
            if not isinstance(found, str) and math.isfinite(point.plain_mag):
                subtraction.keep(track.target.name, point.frame, found)
        if len(tracks) <= MOST_EXAMINED:
            point = place.examined(point, surroundings)
        points[track.target.name] = _by_hand(point, track, offset_arcsec)
    return points


def _with_defect(point: TargetPoint, found: Defect | None) -> TargetPoint:
    """Point with a defect and by how much that makes it brighter."""
    if found is None:
        return point
    flux = 10 ** (-0.4 * point.aperture_mag)
    effect = _effect_mag(flux, found.counts, max(found.counts, 0.0))
    return replace(point, defect_mag=effect, defect=f"{found.kind}: {found.words}")


def _by_hand(point: TargetPoint, track: Track, offset_arcsec: tuple[float, float]) -> TargetPoint:
    """Point with the offset that the user added to the prediction."""
    if track.target.kind == CONTROL:
        return point
    return replace(point, manual_east_arcsec=offset_arcsec[0], manual_north_arcsec=offset_arcsec[1])


def correction_mag(calibrated: MeasuredFrame, x_px: float, y_px: float) -> float:
    """From an instrumental to a calibrated magnitude at a place, for the colour of the Sun."""
    if not calibrated.is_calibrated:
        return 0.0
    terms = np.array(json.loads(calibrated.facts.spatial_terms or "[]"))
    total = calibrated.zeropoint_mag
    if terms.size:
        place = np.array([x_px]), np.array([y_px])
        degree = 1 if terms.size == 2 else 2
        columns = zeropoint.spatial_terms(*place, calibrated.frame.shape, degree)
        total += float((columns @ terms)[0])
    return total


def suspected(points: Sequence[TargetPoint]) -> list[TargetPoint]:
    """Points of a moving target; those much brighter than the others are suspected of company.

    A passing asteroid that nobody knows, a variable star or a cosmic ray hit shows itself so.
    """
    known = [each for each in points if not each.rejected and math.isfinite(each.mag)]
    if len(known) < BRIGHTENING_POINTS:
        return list(points)
    middle = float(np.median([each.mag for each in known]))

    def judged(point: TargetPoint) -> TargetPoint:
        excess = middle - point.mag
        is_bright = excess > max(BRIGHTENING_MAG, BRIGHTENING_SIGMA * point.sig)
        if not is_bright or point.method == LIMIT or point.contamination:
            return point
        words = f"{excess:.1f} mag {BRIGHTER}"
        return replace(point, contamination_mag=excess, contamination=words)

    return [judged(each) for each in points]


@dataclass(frozen=True, slots=True)
class _Place:
    """A target's place on one frame."""

    calibrated: MeasuredFrame
    stars: Stars
    track: Track
    number: int
    ra_deg: float
    dec_deg: float
    x_px: float
    y_px: float
    settings: DistillSettings

    @classmethod
    def of(
        cls,
        calibrated: MeasuredFrame,
        stars: Stars,
        track: Track,
        number: int,
        settings: DistillSettings,
    ) -> "_Place":
        """Where the series shows that the target is."""
        place = float(track.located.ra_deg[number]), float(track.located.dec_deg[number])
        return cls(calibrated, stars, track, number, *place, *calibrated.pixel_of(*place), settings)

    @property
    def target(self) -> Target:
        """What is measured."""
        return self.track.target

    def source(
        self, surroundings: Surroundings, others: Sequence[Track], around: Neighbours
    ) -> int | None:
        """Row of the source that is the target; None where an aperture serves it better.

        Source Extractor cuts a trail, or a target that touches a star, into sources, and takes
        the others out of the aperture of each; or it does not tell target and star apart. A
        source whose centre is not the target's is none then; nor is one that was cut from
        something else than a known neighbour.
        """
        row = self.track.rows[self.number]
        if row is None or not self.target.moves or self.number in self.track.doubts:
            return row
        if self.calibrated.has_psf:  # its neighbours are told apart, or named; a trail is cut
            return row if self.is_fitted else None
        place = self.calibrated.value("ra_deg", row), self.calibrated.value("dec_deg", row)
        off = float(sky.separation_deg(*place, self.ra_deg, self.dec_deg)) * sky.ARCSEC_PER_DEG
        error = max(OFF_CENTRE * self.calibrated.seeing_arcsec, 3.0 * self._centroid_arcsec(row))
        if not int(self.calibrated.value("FLAGS", row)) & SourceFlag.BLENDED:
            effect = _effect_mag(self.calibrated.value("FLUX_APER", row), around.near, around.near)
            company = effect >= self.settings.contamination_mag
            return None if self.track.is_confirmed and company and off > error else row
        return row if off <= error and self._touches_others(row, surroundings, others) else None

    def _touches_others(
        self, row: int, surroundings: Surroundings, others: Sequence[Track]
    ) -> bool:
        """Whether the nearest blended source beside that of the target is another object."""
        calibrated = self.calibrated
        ra, dec = calibrated.column("ra_deg"), calibrated.column("dec_deg")
        apart = sky.separation_deg(ra, dec, self.ra_deg, self.dec_deg) * sky.ARCSEC_PER_DEG
        blended = np.asarray(calibrated.sources["FLAGS"], int) & SourceFlag.BLENDED > 0
        blended[row] = False
        if not blended.any():
            return False
        nearest = int(np.argmin(np.where(blended, apart, np.inf)))
        near = max(STAR_TOLERANCE_ARCSEC, 0.5 * calibrated.seeing_arcsec)
        stars = self._stars_near(surroundings, float(ra[nearest]), float(dec[nearest]), near)
        stars += [each.as_star(self.number) for each in others if each.rows[self.number] == nearest]
        return bool(apart[nearest] <= TOUCHING_REACHES * self.reach_arcsec and stars)

    def _centroid_arcsec(self, row: int) -> float:
        """Error of the position of a source."""
        axes = (self.calibrated.value(name, row) for name in ("ERRAWIN_IMAGE", "ERRBWIN_IMAGE"))
        return max(axes) * self.calibrated.scale_arcsec

    @property
    def is_fitted(self) -> bool:
        """Whether its source was fitted with the PSF, and looks like a star."""
        row = self.track.rows[self.number]
        if not self.calibrated.has_psf or row is None:
            return False
        if self.target.moves:
            dx, dy = (a - b for a, b in zip(self.trail_px, self.stars.trail_px, strict=True))
            if math.hypot(dx, dy) > LIKE_A_STAR * self.calibrated.fwhm_px:
                return False
        return self.calibrated.value("FLUX_APER", row) > 0

    @property
    def own_motion_px(self) -> tuple[float, float]:
        """Motion of the target against the stars during the exposure."""
        return motion_px(self.calibrated, self.target, self.number)

    @property
    def trail_px(self) -> tuple[float, float]:
        """Its trail on the detector: the telescope may have followed it, so that stars trail."""
        (x, y), (stars_x, stars_y) = self.own_motion_px, self.stars.trail_px
        return x + stars_x, y + stars_y

    @property
    def reach_arcsec(self) -> float:
        """Farthest distance of sources that matter."""
        trail = max(
            self.stars.trail_arcsec, math.hypot(*self.own_motion_px) * self.calibrated.scale_arcsec
        )
        return self.calibrated.aperture_arcsec + 2.0 * self.calibrated.seeing_arcsec + trail

    @property
    def trails(self) -> bool:
        """Whether the target trails by more than an aperture is good for."""
        if not (self.target.moves and math.isfinite(self.x_px)):
            return False
        fwhm = self.calibrated.fwhm_px
        return math.hypot(*self.trail_px) > self.settings.trail_fwhm * fwhm

    def trail(
        self,
        surroundings: Surroundings,
        others: Sequence[Track],
        profiles: TrailProfiles | None,
        subtraction: Subtraction | None,
    ) -> FrameTrail | None:
        """The trail of the target, fitted from where the ephemeris has it; None if that fails.

        Where the images of stars on it would be subtracted too badly, other frames show them.
        """
        place = self.x_px, self.y_px
        if not self.track.is_elsewhere:
            # parts of a trail that were taken for sources tell badly where it is
            number = self.number
            place = self.calibrated.pixel_of(
                float(self.target.ra_deg[number]), float(self.target.dec_deg[number])
            )
        if not math.isfinite(place[0]):
            return None
        predicted = segment_of(*place, [self.own_motion_px, self.stars.trail_px])
        half_arcsec = predicted.length / 2 * self.calibrated.scale_arcsec
        clear = half_arcsec + self.calibrated.aperture_arcsec + self.calibrated.seeing_arcsec
        ra, dec = self.calibrated.wcs.all_pix2world(*place, 1)
        reach = clear + 4.0 * self.calibrated.seeing_arcsec + self.reach_arcsec
        near = surroundings.stars_near(self.track.located, float(ra), float(dec), reach, clear)
        movers = [each.as_star(self.number) for each in others if each.target.moves]
        x, y, counts = self._counts_of([*near, *movers])
        sigma3 = float(np.nan_to_num(self.target.sigma3_arcsec[self.number]))
        allowed = min(
            max(self.settings.match_tolerance_arcsec, sigma3, 2.0 * self.calibrated.seeing_arcsec),
            self.settings.largest_tolerance_arcsec,
        )
        reach_px = allowed / self.calibrated.scale_arcsec
        fitted = partial(
            measured,
            self.stars,
            predicted,
            reach_px,
            (x + self.x_px - place[0], y + self.y_px - place[1], counts),
            self.calibrated.facts.single_exptime_s,
            wants_profile=profiles is not None,
        )
        found = fitted()
        half_px = max(half_sides(self.stars, predicted, reach_px))
        if (
            found is not None
            and subtraction is not None
            and half_px <= LARGEST_HALF_PX
            and abs(_effect_mag(found.flux, found.neighbours, found.neighbours)) >= STARRY_MAG
            and not any(self._apart(each) <= reach for each in movers)
        ):
            difference = subtraction.difference(self.number, self.track, half_px)
            again = fitted(difference=difference) if isinstance(difference, Difference) else None
            found = replace(again, drawn=found) if again is not None else found
        if profiles is not None and found is not None:
            frame = self.calibrated.frame.name
            profiles.keep(self.target.name, frame, self.calibrated.midtime_jd, found)
        return found

    def _left_over_mag(self, found: FrameTrail) -> float:
        """By how much stars may change a trail, of which they were subtracted (mag)."""
        seeings = math.hypot(*self.trail_px) / self.calibrated.fwhm_px
        part = left_over(seeings) if found.difference is None else LEFT_OVER_TEMPLATE
        return _effect_mag(found.flux, part * found.neighbours, found.neighbours)

    def trailed(self, found: FrameTrail) -> TargetPoint:
        """Point of a fitted trail: a measurement, or a limit."""
        place = on_sky(self.calibrated, found.trail)
        point = self._of_aperture(found.flux, found.error, found.trail.segment.middle, FITTED_TRAIL)
        effect = self._left_over_mag(found)
        is_worth = abs(effect) >= self.settings.contamination_mag
        east, north = sky.offsets_arcsec(
            *place.middle, point.predicted_ra_deg, point.predicted_dec_deg
        )
        wave = found.period
        if found.drawn is not None and found.difference is not None:
            plain = self.trailed(found.drawn)
            point = replace(
                point,
                plain_mag=plain.mag,
                plain_sig=plain.sig,
                subtraction=f"stars on the trail, {found.difference.by}",
            )
        return replace(
            point,
            source_ra_deg=place.middle[0],
            source_dec_deg=place.middle[1],
            offset_east_arcsec=float(east),
            offset_north_arcsec=float(north),
            sigma_east_arcsec=place.sigma_east,
            sigma_north_arcsec=place.sigma_north,
            sigma_correlation=place.correlation,
            fwhm_arcsec=found.trail.width
            * self.stars.frame_shape.shape.fwhm_px
            * self.calibrated.scale_arcsec,
            contamination_mag=effect,
            contamination="stars on the trail" if is_worth else "",
            trail_arcsec=place.length,
            trail_sig=place.length_sigma,
            trail_start_ra_deg=place.start[0],
            trail_start_dec_deg=place.start[1],
            trail_end_ra_deg=place.end[0],
            trail_end_dec_deg=place.end[1],
            trail_end_along_arcsec=place.end_along,
            trail_end_across_arcsec=place.end_across,
            trail_period_s=wave.seconds if wave else math.nan,
            trail_period_sig=wave.error_s if wave else math.nan,
        )

    def trailing_mag(self) -> float:
        """Correction of the magnitude for what trails of target and stars lose differently."""
        if not (self.target.moves and self.settings.trailing_correction):
            return 0.0
        return self.stars.trailing_mag(self.own_motion_px)

    def neighbours(self, surroundings: Surroundings, others: Sequence[Track]) -> Neighbours:
        """What stands around or passes by, and how much of its light falls into the aperture."""
        reach = self.reach_arcsec
        outer = annulus_reach(self.calibrated.radius_px) * self.calibrated.scale_arcsec
        stars = self._stars_near(surroundings, self.ra_deg, self.dec_deg, max(reach, outer))
        if not self.target.moves:
            # the target itself stands here too
            own = max(self.settings.match_tolerance_arcsec, 0.5 * self.calibrated.seeing_arcsec)
            stars = [each for each in stars if self._apart(each) > own]
        stars += [each.as_star(self.number) for each in others if each.target.moves]
        stars = [each for each in stars if self._apart(each) <= max(reach, outer)]
        if self.is_fitted:
            stars = self._not_fitted(stars, self.track.rows[self.number])
        x, y, counts = self._counts_of(stars)
        # from the middle of the pixel that the target is in; no light where there is no place
        within = np.nan_to_num(np.array([self.x_px, self.y_px]))
        within -= np.rint(within)
        around = self.stars.light_around(x + within[0], y + within[1], counts)
        if not counts.any():
            return Neighbours("", 0.0, 0.0, around, np.zeros((0, 3)))
        inside = counts * self.stars.part_of_aperture(x, y)
        near = inside * np.array([self._apart(each) <= reach for each in stars])
        order = np.argsort(-(near if near.any() else inside))
        worst = np.column_stack([x, y, counts])[order[:WORST]]
        first = stars[int(order[0])]
        return Neighbours(
            self._named(first),
            float(near.sum()),
            float(inside.sum()),
            around,
            worst,
            self._apart(first),
        )

    def _not_fitted(self, stars: list[Star], own: int | None) -> list[Star]:
        """Stars that were not fitted on this frame: their light is in that of the target."""
        calibrated = self.calibrated
        ra, dec, flux = (calibrated.column(name) for name in ("ra_deg", "dec_deg", "FLUX_APER"))
        fitted = flux > 0
        fitted[own if own is not None else slice(0)] = False
        near = max(STAR_TOLERANCE_ARCSEC / 2, TOLD_APART * calibrated.seeing_arcsec)

        def is_fitted(star: Star) -> bool:
            apart = sky.separation_deg(ra[fitted], dec[fitted], star.ra_deg, star.dec_deg)
            return bool((apart * sky.ARCSEC_PER_DEG < near).any())

        return [each for each in stars if not is_fitted(each)]

    def _named(self, star: Star) -> str:
        """A star in words."""
        band = self.calibrated.facts.band if self.calibrated.is_calibrated else "inst."
        return f"{star.name} of {band} = {star.mag:.1f} at {self._apart(star):.1f} arcsec"

    def _stars_near(
        self, surroundings: Surroundings, ra_deg: float, dec_deg: float, reach_arcsec: float
    ) -> list[Star]:
        """Stars within reach of a place, the target aside."""
        clear = self.calibrated.aperture_arcsec + self.calibrated.seeing_arcsec
        if not self.track.is_confirmed:
            clear = max(clear, float(np.nan_to_num(self.target.sigma3_arcsec[self.number])))
        return surroundings.stars_near(self.track.located, ra_deg, dec_deg, reach_arcsec, clear)

    def _apart(self, star: Star) -> float:
        apart = sky.separation_deg(self.ra_deg, self.dec_deg, star.ra_deg, star.dec_deg)
        return float(apart) * sky.ARCSEC_PER_DEG

    def _counts_of(self, stars: Sequence[Star]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Places of stars (px from the target), and their counts; 0 if a magnitude is unknown."""
        places = [self.calibrated.pixel_of(star.ra_deg, star.dec_deg) for star in stars]
        x, y = np.array(places, float).reshape(-1, 2).T - [[self.x_px], [self.y_px]]
        mags = np.array([star.mag for star in stars], float)
        counts = self.calibrated.counts_of(mags)
        known = np.isfinite(mags + x + y)
        return np.where(known, x, 0.0), np.where(known, y, 0.0), np.where(known, counts, 0.0)

    def measured(self, row: int, around: Neighbours) -> TargetPoint:
        """Point of a source of the catalog, of a faint one with the flux at its place.

        A faint source is centred on its noise, which makes it brighter than it is; the series
        shows better where it is.
        """
        point = self.detected(row, around)
        is_known = self.track.is_confirmed and self.number not in self.track.doubts
        if not (self.target.moves and is_known and point.snr < CENTRED_SNR):
            return point
        placed = self.forced(around)
        if placed.method != FORCED:
            return point
        own = {name: getattr(point, name) for name in OF_SOURCE}
        return replace(placed, **own)

    def detected(self, row: int, around: Neighbours) -> TargetPoint:
        """Point of a source of the catalog."""
        calibrated = self.calibrated
        band = calibrated.facts.band
        names = magnitude_columns(band)
        instrumental, error = (
            calibrated.value("MAG_APER", row),
            calibrated.value("MAGERR_APER", row),
        )
        mag, sig = instrumental, error
        if names[0] in calibrated.sources.colnames:
            mag, sig = calibrated.value(names[0], row), calibrated.value(names[1], row)
        flux = calibrated.value("FLUX_APER", row)
        return self._point(
            mag=mag,
            sig=sig,
            aperture=(instrumental, error),
            source=(calibrated.value("ra_deg", row), calibrated.value("dec_deg", row)),
            sigma_arcsec=self._centroid_arcsec(row),
            flags=int(calibrated.value("FLAGS", row)),
            method=DETECTED,
            snr=flux / calibrated.value("FLUXERR_APER", row),
            fwhm_arcsec=calibrated.value("FWHM_IMAGE", row) * calibrated.scale_arcsec,
            contamination=self._contamination(flux, around),
            rejected=self.track.doubts.get(self.number, ""),
        )

    def forced(self, around: Neighbours) -> TargetPoint:
        """Point of an aperture on the prediction: a measurement, or a limit."""
        noise, radius = self.calibrated.facts.sky_noise_adu, self.calibrated.radius_px
        place = self.x_px, self.y_px
        hidden = HIDDEN_SIGMA * float(np.nan_to_num(self.calibrated.pixel_noise_counts))
        found = forced_flux(self.stars.pixels, *place, radius, around.around, hidden)
        if found.problem or not noise > 0:
            return self._unmeasured(found.problem or "the noise of the sky is unknown")
        error = math.sqrt(noise**2 + max(found.flux, 0.0) * self.calibrated.photon_counts)
        point = self._of_aperture(found.flux, error, (self.x_px, self.y_px), FORCED)
        found_there = self._contamination(found.flux, around)
        return replace(
            point,
            contamination_mag=found_there.mag,
            contamination=found_there.text,
            contamination_arcsec=found_there.apart_arcsec,
        )

    def _of_aperture(
        self, flux: float, error: float, place: tuple[float, float], method: str
    ) -> TargetPoint:
        """Point of counts in an aperture of ours: a measurement, or a limit."""
        calibrated = self.calibrated
        facts = calibrated.facts
        is_seen = flux >= FORCED_SIGMA * error
        counts = flux if is_seen else LIMIT_SIGMA * error
        instrumental = -2.5 * math.log10(counts)
        instrumental_sig = POGSON * error / counts if is_seen else math.nan
        extra = np.nan_to_num([facts.repeatability_mag, facts.unevenness_mag])
        zeropoint_sig = np.nan_to_num(facts.zeropoint_sigma_mag)
        source, sigma = (self.ra_deg, self.dec_deg), math.nan
        if method == CLEAN and flux >= CENTRED_SNR * error:
            ra, dec = calibrated.wcs.all_pix2world(*place, 1)
            source = float(ra), float(dec)
            sigma = calibrated.seeing_arcsec / GAUSSIAN_FWHM * error / flux
        return self._point(
            mag=instrumental + correction_mag(self.calibrated, self.x_px, self.y_px),
            sig=math.hypot(instrumental_sig, *extra, zeropoint_sig),
            aperture=(instrumental, instrumental_sig),
            source=source,
            sigma_arcsec=sigma,
            flags=self._forced_flags(),
            method=method if is_seen else LIMIT,
            snr=flux / error,
            fwhm_arcsec=math.nan,
            contamination=Contamination(),
            rejected=self.track.doubts.get(self.number) or self._uncertain(),
            trailing=0.0 if method == FITTED_TRAIL else None,
        )

    def examined(self, point: TargetPoint, surroundings: Surroundings) -> TargetPoint:
        """The point with what spoils it on this frame alone."""
        if point.method == LIMIT or point.rejected or not math.isfinite(point.aperture_mag):
            return point
        source = self.calibrated.pixel_of(point.source_ra_deg, point.source_dec_deg)
        place = self.ra_deg, self.dec_deg, self.x_px, self.y_px
        window = Neighbourhood(self.calibrated, self.number, *place, self.trail_px)
        return _with_defect(point, window.defect(surroundings, source))

    def crossed(
        self, point: TargetPoint, segment: Segment, surroundings: Surroundings
    ) -> TargetPoint:
        """The point of a trail with what crosses it on this frame alone."""
        if point.method == LIMIT or point.rejected or not math.isfinite(point.aperture_mag):
            return point
        place = self.ra_deg, self.dec_deg, *segment.middle
        window = Neighbourhood(self.calibrated, self.number, *place, self.trail_px)
        return _with_defect(point, window.crossing(surroundings, segment))

    def is_spoiled(self, point: TargetPoint, others: Sequence[Track]) -> bool:
        """Whether neighbours change a moving target, and can be subtracted: movers cannot."""
        known = math.isfinite(point.mag) and self.number not in self.track.doubts
        least = max(self.settings.subtraction_mag, SPOILED_SIGMA * np.nan_to_num(point.sig))
        if not (self.target.moves and known and abs(point.contamination_mag) >= least):
            return False
        movers = [each.as_star(self.number) for each in others if each.target.moves]
        reach = self.reach_arcsec
        return all(self._apart(each) > reach for each in movers)

    def by_own_psf(
        self, plain: TargetPoint, surroundings: Surroundings, others: Sequence[Track]
    ) -> OwnDifference | str:
        """The frame without the neighbours of the target, by the PSF of the frame itself."""
        patch = self.stars.patch(self.x_px, self.y_px)
        if patch.tables is None:
            return f"{NO_TEMPLATE}, and no PSF describes the stars of this one"
        calibrated = self.calibrated
        outer = annulus_reach(calibrated.radius_px) + 1.0
        reach = outer * calibrated.scale_arcsec
        stars = self._stars_near(surroundings, self.ra_deg, self.dec_deg, reach)
        stars += [each.as_star(self.number) for each in others if each.target.moves]
        x, y, counts = self._counts_of([each for each in stars if self._apart(each) <= reach])
        known = counts > 0
        neighbours = np.column_stack([x + self.x_px, y + self.y_px, counts])[known]
        own = max(10 ** (-0.4 * plain.aperture_mag) - float(np.sum(counts[known])), 0.0)
        target = self.x_px, self.y_px, own
        return own_difference(
            calibrated,
            patch,
            target,
            self.own_motion_px,
            neighbours,
            outer,
        )

    def clean(
        self, plain: TargetPoint, found: Difference | OwnDifference | str, around: Neighbours
    ) -> TargetPoint:
        """Point on a difference; the plain one, with the reason, where that is no better."""
        if isinstance(found, str):
            return replace(plain, subtraction=found)
        radius = self.calibrated.radius_px
        own = found.window.left, found.window.top
        x, y = self._centre(found)
        sums = [
            forced_flux(image, x - own[0], y - own[1], radius)
            for image in (found.difference, found.raw)
        ]
        problem = next((each.problem for each in sums if each.problem), "")
        if problem:
            return replace(plain, subtraction=f"not subtracted: {problem}")
        flux = sums[0].flux
        if isinstance(found, Difference):
            misfits = [misfit(found.match, -dx, -dy, radius) for dx, dy, _ in around.worst]
            left = float(np.linalg.norm(np.array(misfits) * around.worst[:, 2]))
        else:
            beside, unsure = found.left_beside(x, y, radius)
            flux -= beside
            misfits, left = [MISFIT], math.hypot(found.misfit(x, y, radius), unsure)
        added = math.hypot(found.error(x, y, radius), left)
        photons = max(flux, sums[1].flux, 0.0) * self.calibrated.photon_counts
        error = math.hypot(self.calibrated.facts.sky_noise_adu, math.sqrt(photons), added)
        subtraction_sig = POGSON * added / max(flux, FORCED_SIGMA * error)
        if subtraction_sig > self.settings.subtraction_error_mag and added > 0.5 * error:
            return replace(plain, subtraction=f"subtracted to {subtraction_sig:.2f} mag only")
        if sums[1].flux > DEEPEST * max(flux, FORCED_SIGMA * error):
            return replace(plain, subtraction="too deep in the light of a star")
        point = self._of_aperture(flux, error, (x, y), CLEAN)
        return replace(
            point,
            plain_mag=plain.mag,
            plain_sig=plain.sig,
            subtraction_sig=subtraction_sig,
            subtraction_misfit=max(misfits, default=0.0),
            subtraction=f"{around.text}, {found.by}",
        )

    def _centre(self, found: Difference | OwnDifference) -> tuple[float, float]:
        """Centre of a target on a difference (FITS pixels); where it should be if it is faint."""
        fwhm = self.calibrated.fwhm_px
        own = found.window.left + 1, found.window.top + 1
        x, y = centroid(found.difference, self.x_px - own[0], self.y_px - own[1], fwhm)
        x, y = x + own[0], y + own[1]
        apart = math.hypot(x - self.x_px, y - self.y_px)
        return (x, y) if apart <= FARTHEST_CENTRE * fwhm else (self.x_px, self.y_px)

    def _uncertain(self) -> str:
        """Why an aperture here may miss the target; empty if it does not."""
        sigma3 = float(np.nan_to_num(self.target.sigma3_arcsec[self.number]))
        if self.track.is_confirmed or sigma3 <= self.calibrated.aperture_arcsec:
            return ""
        return f"the prediction is uncertain by {sigma3:.0f} arcsec"

    def _forced_flags(self) -> int:
        place = np.array([self.x_px - 1.0]), np.array([self.y_px - 1.0])
        spoilt = touched(self.stars.saturated, *place, self.calibrated.radius_px)
        return int(SourceFlag.SATURATED) if spoilt[0] else 0

    def _contamination(self, flux: float, around: Neighbours) -> Contamination:
        """Brightening in mag by the neighbours, and who, if that is worth a word.

        Their light in the aperture makes a target brighter; the sky is without their light.
        """
        if not around.text:
            return Contamination()
        effect = _effect_mag(flux, around.flux, around.flux)
        is_worth = abs(effect) >= self.settings.contamination_mag
        return (
            Contamination(effect, around.text, around.apart_arcsec)
            if is_worth
            else Contamination(effect)
        )

    def _unmeasured(self, problem: str) -> TargetPoint:
        nan = math.nan
        return self._point(
            mag=nan,
            sig=nan,
            aperture=(nan, nan),
            source=(self.ra_deg, self.dec_deg),
            sigma_arcsec=nan,
            flags=int(SourceFlag.APERTURE_INCOMPLETE),
            method=LIMIT,
            snr=nan,
            fwhm_arcsec=nan,
            contamination=Contamination(),
            rejected=f"no measurement: {problem}",
        )

    def _point(
        self,
        *,
        mag: float,
        sig: float,
        aperture: tuple[float, float],
        source: tuple[float, float],
        sigma_arcsec: float,
        flags: int,
        method: str,
        snr: float,
        fwhm_arcsec: float,
        contamination: Contamination,
        rejected: str = "",
        trailing: float | None = None,
    ) -> TargetPoint:
        """Point with all that the frame tells."""
        calibrated, facts = self.calibrated, self.calibrated.facts
        predicted = (
            float(self.target.ra_deg[self.number]),
            float(self.target.dec_deg[self.number]),
        )
        east, north = sky.offsets_arcsec(*source, *predicted)
        level = calibrated.zeropoint_mag, facts.zeropoint_sigma_mag
        instrumental = photometry_file.without_zeropoint(mag, sig, *level)
        correction = self.trailing_mag() if trailing is None else trailing
        point = TargetPoint(
            frame=calibrated.frame.name,
            midtime_jd=calibrated.midtime_jd,
            mag=mag,
            sig=sig,
            source_ra_deg=source[0],
            source_dec_deg=source[1],
            predicted_ra_deg=predicted[0],
            predicted_dec_deg=predicted[1],
            offset_east_arcsec=float(east),
            offset_north_arcsec=float(north),
            sigma_east_arcsec=sigma_arcsec,
            sigma_north_arcsec=sigma_arcsec,
            manual_east_arcsec=0.0,
            manual_north_arcsec=0.0,
            exptime_s=facts.exptime_s,
            zeropoint=level[0],
            zeropoint_sig=level[1],
            zeropoint_scatter=facts.scatter_mag,
            instrumental_mag=instrumental[0],
            instrumental_sig=instrumental[1],
            trailing_mag=0.0,
            catalog=facts.catalog,
            band=facts.band,
            flags=flags,
            flags_in_words="; ".join(describe(flags)),
            astrometric_catalog=facts.astrometric_catalog,
            telescope=facts.telescope,
            telescope_keyword=facts.telescope_keyword,
            observatory_code=facts.observatory_code,
            method=method,
            snr=snr,
            fwhm_arcsec=fwhm_arcsec,
            seeing_arcsec=facts.seeing_arcsec,
            aperture_radius_px=self.calibrated.radius_px,
            aperture_radius_arcsec=calibrated.aperture_arcsec,
            limiting_mag=facts.limiting_mag,
            airmass=facts.airmass,
            filter=facts.filter,
            colour_term=facts.colour_term,
            contamination_mag=contamination.mag,
            contamination=contamination.text,
            contamination_arcsec=contamination.apart_arcsec,
            rejected=rejected or ("saturated" if flags & SourceFlag.SATURATED else ""),
            aperture_mag=aperture[0],
            aperture_sig=aperture[1],
            plain_mag=math.nan,
            plain_sig=math.nan,
            subtraction_sig=math.nan,
            subtraction_misfit=math.nan,
            subtraction="",
            defect_mag=0.0,
            defect="",
            sigma_correlation=math.nan,
            trail_arcsec=math.nan,
            trail_sig=math.nan,
            trail_start_ra_deg=math.nan,
            trail_start_dec_deg=math.nan,
            trail_end_ra_deg=math.nan,
            trail_end_dec_deg=math.nan,
            trail_end_along_arcsec=math.nan,
            trail_end_across_arcsec=math.nan,
            trail_period_s=math.nan,
            trail_period_sig=math.nan,
        )
        return point.corrected(correction, TRAILING_UNCERTAINTY * correction)


def left_over(seeings: float) -> float:
    """Part of the light of stars that is left on a trail of so many seeings, when subtracted."""
    return LEFT_OVER_SHORT if seeings < SHORT_SEEINGS else LEFT_OVER


def _effect_mag(flux: float, counts: float, light: float) -> float:
    """By how much others brighten a target.

    Parameters
    ----------
    flux : float
        What was measured (counts).
    counts : float
        What of it is due to others.
    light : float
        Light of the others in the aperture; a target that is lost in it counts as a twentieth.
    """
    least = 0.05 * max(abs(flux), light, abs(counts))
    if not least > 0:
        return 0.0
    own = max(flux - counts, least)
    return 2.5 * math.log10(max(own + counts, least) / own)
