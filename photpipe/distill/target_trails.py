"""Targets that trail: their image is a star's, drawn along the way that they moved.

Where a target moves by more than 1.5 widths of a star during an exposure, an aperture loses light
and its centre tells little. Instead the trail is fitted (`photpipe.science.target_trail`) from
where the ephemeris has it: ends, width and flux, beside the stars that stand around.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from photpipe.distill.clean import Difference
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.star_images import SHORTEST_TRAIL_PX, Stars
from photpipe.ground import sky
from photpipe.ground.sky import FloatArray
from photpipe.ground.timescale import SECONDS_PER_DAY
from photpipe.run.trail_file import TrailCurve
from photpipe.science import target_trail, trail_profile
from photpipe.science.noise import POGSON
from photpipe.science.starimage import FEWEST_STARS
from photpipe.science.target_trail import REACH_FWHM, Pixels, Segment, StarShape, Trail
from photpipe.science.trail_profile import TrailPeriod, TrailProfile

MOST_STARS = 12  # by judgement: a median of their images; more cost time
STAR_STAMP_FWHM = 4.0  # by judgement: half a side that holds the wings
LEAST_LIGHT = 0.02  # of the noise of a pixel, to which the wings of stars are drawn
NEIGHBOUR_ERROR = 0.1  # of the light of a star, by which its image may be wrong
TEMPLATE_ERROR = 0.02  # the same where other frames show it: about what is left in apertures
BEYOND_PX = 3  # of the stamp around a trail
FARTHEST_LENGTHS = 1.0  # a trail is looked for no farther away, in units of its length
LEAST_COVERED = 0.3  # of the light of a trail, on known pixels


@dataclass(frozen=True, slots=True)
class FrameShape:
    """Image of a star on a frame, and what of its light is in the aperture of the zeropoint.

    Parameters
    ----------
    shape : StarShape
        Without the trail of the stars, if they trail.
    in_aperture, error : float
        Flux in the aperture in units of that of a fit, and its error.
    """

    shape: StarShape
    in_aperture: float
    error: float


def frame_shape(stars: Stars) -> FrameShape:
    """Image of the stars: fits of bright single ones; curves of growth where there are too few."""
    calibrated = stars.calibrated
    found = [] if stars.trail_arcsec > SHORTEST_TRAIL_PX * calibrated.scale_arcsec else _fits(stars)
    if len(found) < FEWEST_STARS:
        image, radius = stars.image, calibrated.radius_px
        part = float(image.light(0.0, 0.0, radius, stars.trail_px)[0])
        return FrameShape(StarShape(image.fwhm_px, image.beta), part, 0.01)
    shape = target_trail.typical_shape([each for each, _, _ in found])
    ratios = np.array(
        [counts / target_trail.flux_of_star(stamp, shape) for _, stamp, counts in found], float
    )
    ratio = float(np.median(ratios))
    scatter = 1.4826 * float(np.median(np.abs(ratios - ratio)))
    return FrameShape(shape, ratio, 1.25 * scatter / math.sqrt(len(ratios)))


def _fits(stars: Stars) -> list[tuple[StarShape, Pixels, float]]:
    """Shape of bright single stars, their pixels, and their light in the aperture."""
    calibrated = stars.calibrated
    fwhm = calibrated.fwhm_px
    reach = math.ceil(STAR_STAMP_FWHM * fwhm)
    x, y, flux = (calibrated.column(name) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_APER"))
    rows = np.flatnonzero(calibrated.well_measured_stars() & stars.isolated())
    rows = rows[np.argsort(-flux[rows])][:MOST_STARS]
    found: list[tuple[StarShape, Pixels, float]] = []
    for row in rows:
        stamp = pixels_around(stars, x[row], y[row], reach)
        if stamp.values.shape != (2 * reach + 1,) * 2 or not np.isfinite(stamp.values).all():
            continue
        begin = found[-1][0] if found else None
        fitted = target_trail.fitted_star(stamp, StarShape(fwhm), begin)
        if fitted is not None:
            found.append((fitted[0], stamp, float(flux[row])))
    return found


def pixels_around(stars: Stars, x_px: float, y_px: float, reach: int, reach_y: int = 0) -> Pixels:
    """Pixels around a place (FITS pixels), which is the origin of their coordinates."""
    calibrated, image = stars.calibrated, stars.pixels
    ny, nx = image.shape
    column, row = round(x_px) - 1, round(y_px) - 1
    reach_y = reach_y or reach
    rows = np.arange(max(0, row - reach_y), min(ny, row + reach_y + 1))
    columns = np.arange(max(0, column - reach), min(nx, column + reach + 1))
    values = np.asarray(image[np.ix_(rows, columns)], float)
    values[stars.saturated[np.ix_(rows, columns)]] = np.nan
    noise = calibrated.pixel_noise_counts
    x, y = np.meshgrid(columns + 1.0 - x_px, rows + 1.0 - y_px)
    return Pixels(x, y, values, np.full(values.shape, noise**2), calibrated.photon_counts)


def star_light(
    stars: Stars, stamp: Pixels, dx_px: FloatArray, dy_px: FloatArray, counts: FloatArray
) -> FloatArray:
    """Light of stars on the pixels of a stamp, each as far as it is more than a part of the noise.

    Parameters
    ----------
    dx_px, dy_px, counts : array, shape (stars,)
        Places from the origin of the stamp, and counts in apertures of their own.
    """
    light = np.zeros(stamp.values.shape)
    if not light.size:
        return light
    image, trail = stars.image, stars.trail_px
    part = float(image.light(0.0, 0.0, stars.calibrated.radius_px, trail)[0])
    faint = LEAST_LIGHT * math.sqrt(float(np.nanmin(stamp.variance)))
    left, top = float(stamp.x_px[0, 0]), float(stamp.y_px[0, 0])
    for dx, dy, total in zip(dx_px, dy_px, counts / part, strict=True):
        peak = max(total / (image.fwhm_px**2 * faint), 1.0) if faint > 0 else 1.0
        reach = image.fwhm_px * peak ** (1.0 / (2.0 * image.beta)) + math.hypot(*trail) + 2.0
        rows = slice(max(0, math.floor(dy - top - reach)), max(0, math.ceil(dy - top + reach)))
        columns = slice(max(0, math.floor(dx - left - reach)), max(0, math.ceil(dx - left + reach)))
        box = rows, columns
        light[box] += total * image.surface(stamp.x_px[box] - dx, stamp.y_px[box] - dy, trail)
    return light


@dataclass(frozen=True, slots=True, eq=False)
class FrameTrail:
    """A trail on a frame; places are FITS pixels.

    Parameters
    ----------
    trail : Trail
        As fitted.
    flux, error : float
        Counts as in the aperture of the zeropoint.
    neighbours : float
        By how much stars around would change the flux if they were left where they are (counts).
    profile : TrailProfile or None
        Brightness along it, if it is wanted and can be told.
    period : TrailPeriod or None
        Its period, if there is one.
    difference : Difference or None
        On which it was fitted; None: on the frame, without the images of the stars.
    drawn : FrameTrail or None
        The latter, where it was fitted on a difference.
    """

    trail: Trail
    flux: float
    error: float
    neighbours: float
    profile: TrailProfile | None
    period: TrailPeriod | None
    difference: Difference | None = None
    drawn: "FrameTrail | None" = None


def measured(
    stars: Stars,
    predicted: Segment,
    reach_px: float,
    neighbours: tuple[FloatArray, FloatArray, FloatArray],
    exptime_s: float,
    *,
    wants_profile: bool,
    difference: Difference | None = None,
) -> FrameTrail | None:
    """Fit a trail from where it is predicted; None if too little of it is on good pixels.

    Parameters
    ----------
    predicted : Segment
        FITS pixels.
    reach_px : float
        By so much the prediction may be off.
    neighbours : arrays
        Places (px from the middle of the prediction) and counts of the stars around.
    difference : Difference or None
        The frame without the stars, as other frames show them; None: their images are drawn.
    """
    found = stars.frame_shape
    half = half_sides(stars, predicted, reach_px)
    reach_px = _bounded(stars, predicted, reach_px)
    x, y = predicted.middle
    stamp = pixels_around(stars, x, y, *half)
    if stamp.values.size == 0:
        return None
    own = predicted.moved(-x, -y)
    light = star_light(stars, stamp, *neighbours)
    if difference is None:
        clean = _without(stamp, light, (NEIGHBOUR_ERROR * light) ** 2)
    else:
        clean = _without(stamp, *_template(stamp, difference, (x, y)))
    trail = target_trail.fit(clean, found.shape, own, reach_px)
    if trail is None or trail.covered < LEAST_COVERED:
        return None
    profile, period = None, None
    if trail.fitted == "ends":
        trail, profile = trail_profile.followed(clean, found.shape, trail, exptime_s)
    if profile is not None and (wants_profile or trail.variability < target_trail.VARIES_P):
        period = trail_profile.period([profile])
    image = target_trail.TrailImage(found.shape, trail.segment.direction)
    columns = image.parts(stamp.x_px.ravel(), stamp.y_px.ravel(), trail.segment)[0]
    weight = clean.weights(np.zeros(clean.values.shape)).ravel() * columns
    effect = float(weight @ light.ravel() / max(float(weight @ columns), 1e-30))
    ratio = found.in_aperture
    moved = Trail(
        trail.segment.moved(x, y),
        *(getattr(trail, name) for name in Trail.__slots__ if name != "segment"),
    )
    return FrameTrail(
        moved,
        trail.flux * ratio,
        math.hypot(trail.error * ratio, trail.flux * found.error),
        effect * ratio,
        profile if wants_profile else None,
        period,
        difference,
    )


def _bounded(stars: Stars, predicted: Segment, reach_px: float) -> float:
    """How far a trail is looked for at most, in pixels."""
    fwhm = stars.frame_shape.shape.fwhm_px
    return min(reach_px, max(FARTHEST_LENGTHS * predicted.length, 2 * fwhm))


def half_sides(stars: Stars, predicted: Segment, reach_px: float) -> tuple[int, int]:
    """Half the columns and rows of the stamp around a trail, in pixels."""
    margin = _bounded(stars, predicted, reach_px)
    margin += REACH_FWHM * stars.frame_shape.shape.fwhm_px + BEYOND_PX
    half = (abs(predicted.x1 - predicted.x0) / 2, abs(predicted.y1 - predicted.y0) / 2)
    return math.ceil(half[0] + margin), math.ceil(half[1] + margin)


def _without(stamp: Pixels, light: FloatArray, variance: FloatArray) -> Pixels:
    """Pixels without the light of stars, of which the image has a variance of its own."""
    return replace(
        stamp,
        values=stamp.values - light,
        variance=stamp.variance + stamp.photon_counts * np.maximum(light, 0.0) + variance,
    )


def _template(
    stamp: Pixels, difference: Difference, origin: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """What other frames show on the pixels of a stamp, and the variance of that.

    Parameters
    ----------
    origin : (float, float)
        Of the coordinates of the stamp (FITS pixels).
    """
    columns = np.rint(stamp.x_px + origin[0]).astype(int) - 1 - difference.window.left
    rows = np.rint(stamp.y_px + origin[1]).astype(int) - 1 - difference.window.top
    ny, nx = difference.template.shape
    inside = (columns >= 0) & (columns < nx) & (rows >= 0) & (rows < ny)
    rim = (len(difference.variance) - ny) // 2
    light, noise = np.full((2, *inside.shape), np.nan)
    light[inside] = difference.template[rows[inside], columns[inside]]
    noise[inside] = difference.variance[rows[inside] + rim, columns[inside] + rim]
    return light, noise + (TEMPLATE_ERROR * np.maximum(light, 0.0)) ** 2


@dataclass(frozen=True, slots=True)
class TrailOnSky:
    """A trail on the sky (ICRS, degrees; arcsec).

    Parameters
    ----------
    middle, start, end : (float, float)
        Right ascension and declination.
    sigma_east, sigma_north, correlation : float
        Errors of the middle, and how they are correlated; NaN where it was not fitted.
    length, length_sigma : float
        Length and its error.
    end_along, end_across : float
        Errors of an end, along the trail and across it.
    """

    middle: tuple[float, float]
    start: tuple[float, float]
    end: tuple[float, float]
    sigma_east: float
    sigma_north: float
    correlation: float
    length: float
    length_sigma: float
    end_along: float
    end_across: float


def on_sky(calibrated: MeasuredFrame, trail: Trail) -> TrailOnSky:
    """Places of a trail and their errors."""
    segment = trail.segment
    x, y = segment.middle
    places = np.array(
        [[x, y], [segment.x0, segment.y0], [segment.x1, segment.y1], [x + 1, y], [x, y + 1]]
    )
    ra, dec = calibrated.wcs.all_pix2world(places[:, 0], places[:, 1], 1)
    middle, start, end = ((float(a), float(b)) for a, b in zip(ra[:3], dec[:3], strict=True))
    turn = np.array(sky.offsets_arcsec(*middle, ra[3:], dec[3:]))
    covariance = turn @ trail.middle_covariance @ turn.T
    east, north = np.sqrt(np.diag(covariance))
    scale = math.sqrt(abs(float(np.linalg.det(turn))))
    ux, uy = segment.direction
    along, across = np.array([ux, uy]), np.array([-uy, ux])
    first, last = trail.covariance[:2, :2], trail.covariance[2:, 2:]
    ends = (first + last) / 2
    longer = np.concatenate([-along, along])
    is_fitted = trail.fitted == "ends"
    nan = math.nan
    return TrailOnSky(
        middle=middle,
        start=start,
        end=end,
        sigma_east=float(east),
        sigma_north=float(north),
        correlation=float(covariance[0, 1] / (east * north)) if east * north > 0 else nan,
        length=segment.length * scale,
        length_sigma=scale * math.sqrt(longer @ trail.covariance @ longer) if is_fitted else nan,
        end_along=scale * math.sqrt(along @ ends @ along) if is_fitted else nan,
        end_across=scale * math.sqrt(across @ ends @ across) if is_fitted else nan,
    )


@dataclass(frozen=True, slots=True)
class TrailProfiles:
    """Light curves along the trails of a series, by target and frame."""

    kept: dict[tuple[str, str], tuple[TrailProfile, TrailPeriod | None, float]] = field(
        default_factory=dict
    )

    def keep(self, target: str, frame: str, midtime_jd: float, found: FrameTrail) -> None:
        """Keep the curve of a frame, if it has one."""
        if found.profile is not None:
            self.kept[target, frame] = found.profile, found.period, midtime_jd * SECONDS_PER_DAY

    def curves(self, target: str) -> list[TrailCurve]:
        """Those of a target, in the order of the frames' names, with the period of them all."""
        own = sorted((frame, each) for (name, frame), each in self.kept.items() if name == target)
        whole = None
        if len(own) > 1:
            middles_s = [middle - own[0][1][2] for _, (_, _, middle) in own]
            whole = trail_profile.period([each[0] for _, each in own], middles_s)
        return [_curve(frame, profile, wave, whole) for frame, (profile, wave, _) in own]


def _curve(
    frame: str, profile: TrailProfile, wave: TrailPeriod | None, whole: TrailPeriod | None
) -> TrailCurve:
    """Light curve in magnitudes; parts without light have none.

    Neither have the first and the last, whose light depends on where the ends are.
    """
    lit = profile.flux > 0
    lit[[0, -1]] = False
    flux, error = profile.flux[lit], profile.error[lit]
    return TrailCurve(
        frame,
        tuple(profile.seconds[lit].tolist()),
        tuple((-POGSON * np.log(flux)).tolist()),
        tuple((POGSON * error / flux).tolist()),
        wave.seconds if wave else math.nan,
        wave.error_s if wave else math.nan,
        whole.seconds if whole else math.nan,
        whole.error_s if whole else math.nan,
    )


def segment_of(x_px: float, y_px: float, motions: Sequence[tuple[float, float]]) -> Segment:
    """Segment around a place, of the sum of motions during the exposure."""
    dx, dy = (sum(each[axis] for each in motions) / 2 for axis in (0, 1))
    return Segment(x_px - dx, y_px - dy, x_px + dx, y_px + dy)
