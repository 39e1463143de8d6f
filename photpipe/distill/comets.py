"""Comets: apertures of fixed size at the comet on every frame, and what dust they show."""

import logging
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from photpipe.distill.identification import Track
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.points import correction_mag
from photpipe.distill.star_images import Stars
from photpipe.distill.surroundings import STAR_TOLERANCE_ARCSEC, Surroundings
from photpipe.distill.target_trails import pixels_around, star_light
from photpipe.distill.targets import MOVING, Target
from photpipe.ground import bands, sky, timescale
from photpipe.ground.sky import FloatArray
from photpipe.run.comet_file import ComaPoint
from photpipe.science import coma
from photpipe.science.noise import POGSON
from photpipe.science.subtraction import centroid
from photpipe.science.target_trail import Pixels

log = logging.getLogger("pp_distill")

SKY_RADII = 3.0  # of the largest aperture, as far as rings tell the sky
# by judgement: enough sky around a small coma; what a frame can spare for a large one
LEAST_SKY_PX, MOST_SKY_PX = 40.0, 700.0
FARTHEST_CENTRE_FWHM = 2.0  # by judgement: a nucleus that is further off its place is a star
HIDDEN_SIGMA = 1.0  # of a pixel: where the image of a star may be wrong by more, it is left out
STAR_ERROR = 0.05  # of the light of a star, by which its image may be wrong
# on a stack that followed the comet: clipping and medians leave much of it out, or nothing
STACKED_STAR_ERROR = 1.0
MOST_FILLED = 0.5  # by judgement: more of it would be a guess
# of the light of an aperture, from which on a point source in it counts, and of its own error
MOST_POINT, POINT_SIGMA = 0.05, 5.0
MOST_BESIDE = 0.01  # the same of a star beside it, whose magnitude there is up to 1.5 mag too faint
ICQ_METHODS = {"V": "V", "R": "k", "I": "H", "B": "D", "U": "U", "g": "g", "r": "r"}
ICQ_REFERENCES = {"APASS9": "AQ"}  # the only one of our catalogs that has a code


def apertures(
    track: Track,
    number: int,
    calibrated: MeasuredFrame,
    around: Surroundings,
    radii_km: Sequence[float],
) -> list[ComaPoint]:
    """The coma of a target on a frame; a row for each radius, with the reason where it lacks."""
    stars = Stars(calibrated, (0.0, 0.0))
    place = _centre(track, number, calibrated)
    return _measured(
        _Comet(calibrated, place, track.target.geometry_of(number)),
        stars,
        lambda stamp: _star_light(track, stars, around, place, stamp),
        STAR_ERROR,
        radii_km,
        beside=_beside(track, stars, around, place),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Comet:
    """A comet on a frame: where it is (FITS pixels), its distances (AU) and phase angle (deg)."""

    calibrated: MeasuredFrame
    place: tuple[float, float]
    geometry: tuple[float, float, float]


def on_stack(
    target: Target,
    place_deg: tuple[float, float],
    path_deg: tuple[FloatArray, FloatArray],
    stacks: tuple[MeasuredFrame, MeasuredFrame],
    radii_km: Sequence[float],
) -> list[ComaPoint]:
    """The coma of a target on a stack that followed it; a row for each radius.

    Parameters
    ----------
    target : Target
        At the mid-time of the stack.
    place_deg : (float, float)
        Where the stack shows it: RA and Dec.
    path_deg : (array, array), shape (frames,)
        RA and Dec on the frames of the stack, by the ephemeris.
    stacks : (MeasuredFrame, MeasuredFrame)
        The stack that followed the target, and that of the stars, which has their image.
    """
    comove, still = stacks
    place = comove.pixel_of(*place_deg)
    path = np.array([still.pixel_of(*each) for each in zip(*path_deg, strict=True)])
    predicted = comove.pixel_of(float(target.ra_deg[0]), float(target.dec_deg[0]))
    known = np.asarray(still.sources["ref_ident"]).astype(str) != ""
    x, y, counts = (still.column(n) for n in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_APER"))
    apart = np.hypot(x - path[:, :1], y - path[:, 1:]).min(axis=0)
    # what no catalog has and lies on the path is the comet itself
    stars = np.flatnonzero((known | (apart > still.radius_px + 2.0 * still.fwhm_px)) & (counts > 0))
    shown = Stars(comove, (0.0, 0.0))
    shape = Stars(still, (0.0, 0.0))

    def light(stamp: Pixels) -> FloatArray:
        # a star is where the target is not: it goes backwards from frame to frame
        dx, dy = (
            (place_of - path[:, axis : axis + 1] + predicted[axis] - place[axis]).ravel()
            for axis, place_of in enumerate((x[stars], y[stars]))
        )
        return star_light(shape, stamp, dx, dy, np.tile(counts[stars] / len(path), len(path)))

    comet = _Comet(comove, place, target.geometry_of(0))
    return _measured(comet, shown, light, STACKED_STAR_ERROR, radii_km, shape)


def _measured(
    comet: _Comet,
    stars: Stars,
    star_light_on: Callable[[Pixels], FloatArray],
    star_error: float,
    radii_km: Sequence[float],
    star_image: Stars | None = None,
    beside: Sequence["_Beside"] = (),
) -> list[ComaPoint]:
    """Apertures around a place, the light of stars taken out.

    Parameters
    ----------
    star_light_on : callable
        Light of the stars on the pixels of a stamp.
    star_error : float
        Of that light, by which it may be wrong.
    star_image : Stars or None
        Stars of another frame, whose image is not a trail.
    beside : sequence
        Stars so near to the nucleus that they could not be taken out.
    """
    calibrated, place, (r_au, delta_au, phase_deg) = comet.calibrated, comet.place, comet.geometry
    empty = [_empty(calibrated, each, (r_au, delta_au, phase_deg)) for each in radii_km]
    if not (r_au > 0 and delta_au > 0):
        return [replace(each, problem="the distances of the comet are not known") for each in empty]
    radii = np.array([coma.radius_arcsec(each, delta_au) for each in radii_km])
    radii_px = radii / calibrated.scale_arcsec
    if not calibrated.contains(*place):
        return [replace(each, problem="it is not on the frame") for each in empty]
    reach = math.ceil(min(max(SKY_RADII * radii_px[-1], LEAST_SKY_PX), MOST_SKY_PX))
    stamp = pixels_around(stars, *place, reach)
    light = star_light_on(stamp)
    values = stamp.values - light
    noise = np.sqrt(stamp.variance + stamp.photon_counts * np.maximum(light, 0.0))
    values[star_error * light > HIDDEN_SIGMA * noise] = np.nan
    column, row = -float(stamp.x_px[0, 0]), -float(stamp.y_px[0, 0])
    fwhm = calibrated.fwhm_px
    centre = _refined(values, (column, row), fwhm)
    found = coma.measured(values, noise, centre, radii_px, fwhm)
    if found is None:
        return [replace(each, problem="too little sky around it is on the frame") for each in empty]
    image = (star_image or stars).frame_shape
    part, gain = image.in_aperture, calibrated.photon_counts
    point_light = coma.point_source(values - found.sky, noise, centre, image.shape.on_pixels, fwhm)
    rows = []
    for index, point in enumerate(empty):
        flux = float(found.flux[index])
        error = math.sqrt(float(found.error[index]) ** 2 + gain * max(flux, 0.0))
        known = replace(
            point,
            radius_arcsec=float(radii[index]),
            filled=float(found.filled[index]),
            growth=found.growth,
            growth_sig=found.growth_error,
            problem=_on_top(point_light, flux)
            or _next_to(beside, float(radii[index]) + calibrated.seeing_arcsec, flux),
        )
        rows.append(_row(known, (flux * part, error * part), calibrated, place))
    return rows


class _Beside(NamedTuple):
    """A star beside the nucleus: how far, how bright, and its counts."""

    apart_arcsec: float
    mag: float
    counts: float


def _beside(
    track: Track, stars: Stars, around: Surroundings, place: tuple[float, float]
) -> list[_Beside]:
    """Stars that are as near as the comet's own light, and in no catalog."""
    calibrated = stars.calibrated
    ra, dec = (float(each) for each in calibrated.wcs.all_pix2world(*place, 1))
    clear = calibrated.aperture_arcsec + 2.0 * calibrated.seeing_arcsec
    own = around.stars_near(track.located, ra, dec, clear, clear)
    found = []
    for star in around.standing(track.located, ra, dec, clear, calibrated.seeing_arcsec):
        taken_out = any(
            sky.separation_deg(*star[:2], *each[:2]) * sky.ARCSEC_PER_DEG < STAR_TOLERANCE_ARCSEC
            for each in own
        )
        if not taken_out and math.isfinite(star.mag):
            apart = sky.separation_deg(ra, dec, *star[:2]) * sky.ARCSEC_PER_DEG
            counts = float(calibrated.counts_of(star.mag))
            found.append(_Beside(float(apart), star.mag, counts))
    return found


def _next_to(beside: Sequence[_Beside], reach_arcsec: float, flux: float) -> str:
    """What a star beside the nucleus does to an aperture; empty if it is nothing."""
    for each in sorted(beside, key=lambda star: -star.counts):
        if each.apart_arcsec < reach_arcsec and each.counts > MOST_BESIDE * flux:
            return f"a star of {each.mag:.1f} mag stands {each.apart_arcsec:.1f} arcsec from it"
    return ""


def _on_top(point_light: "coma.PointSource | None", flux: float) -> str:
    """What a star or a nucleus in the middle does to an aperture; empty if it is nothing."""
    if point_light is None or not point_light.flux > POINT_SIGMA * point_light.error:
        return ""
    share = point_light.flux / flux if flux > 0 else 0.0
    if share <= MOST_POINT:
        return ""
    return f"a star or the nucleus makes {share:.0%} of the light"


def _empty(
    calibrated: MeasuredFrame, radius_km: float, geometry: tuple[float, float, float]
) -> ComaPoint:
    nan = math.nan
    return ComaPoint(
        calibrated.frame.name,
        calibrated.midtime_jd,
        radius_km,
        nan,
        nan,
        nan,
        calibrated.facts.band if calibrated.is_calibrated else "",
        *(nan,) * 7,
        *geometry,
        "",
    )


def _row(
    point: ComaPoint,
    light: tuple[float, float],
    calibrated: MeasuredFrame,
    place: tuple[float, float],
) -> ComaPoint:
    """Magnitude and dust of the light in an aperture."""
    flux, error = light
    if not math.isfinite(flux):
        return replace(
            point, problem="the aperture is smaller than the seeing, or leaves the frame"
        )
    if not flux > 3.0 * error:
        return replace(point, problem="too faint")
    mag = -2.5 * math.log10(flux) + correction_mag(calibrated, *place)
    facts = calibrated.facts
    shared = np.nan_to_num([facts.zeropoint_sigma_mag, facts.unevenness_mag])
    sig = math.hypot(POGSON * error / flux, *shared)
    point = replace(point, mag=mag, sig=sig)
    if not calibrated.is_calibrated:
        return replace(point, problem="the frame has no zeropoint")
    sun_mag = coma.SUN_MAG.get(bands.reference(point.band))
    if sun_mag is None:
        return replace(point, problem=f"the magnitude of the Sun in {point.band} is not known")
    dust = coma.afrho_cm(mag, sun_mag, point.r_au, point.delta_au, point.radius_km)
    dust_sig = dust * sig / POGSON
    phase = coma.phase_function(point.phase_deg)
    hidden = f"stars hide {point.filled:.0%} of it" if point.filled > MOST_FILLED else ""
    problem = "; ".join(each for each in (point.problem, hidden) if each)
    return replace(
        point,
        afrho_cm=dust,
        afrho_sig=dust_sig,
        a0frho_cm=dust / phase,
        a0frho_sig=dust_sig / phase,
        problem=problem,
    )


def _centre(track: Track, number: int, calibrated: MeasuredFrame) -> tuple[float, float]:
    """Where the series shows the comet (FITS pixels)."""
    located = track.located
    return calibrated.pixel_of(float(located.ra_deg[number]), float(located.dec_deg[number]))


def _refined(
    values: np.ndarray, centre: tuple[float, float], fwhm_px: float
) -> tuple[float, float]:
    """The brightest place near a centre; the centre itself where that is somewhere else."""
    level = float(np.nanmedian(values))
    x, y = centroid(values - level, *centre, fwhm_px)
    apart = math.hypot(x - centre[0], y - centre[1])
    return (x, y) if apart <= FARTHEST_CENTRE_FWHM * fwhm_px else centre


def _star_light(
    track: Track, stars: Stars, around: Surroundings, place: tuple[float, float], stamp: Pixels
) -> FloatArray:
    """Light of the stars of the series on the pixels around a comet."""
    calibrated = stars.calibrated
    ra, dec = calibrated.wcs.all_pix2world(*place, 1)
    reach = float(np.hypot(stamp.x_px, stamp.y_px).max()) * calibrated.scale_arcsec
    clear = calibrated.aperture_arcsec + 2.0 * calibrated.seeing_arcsec
    near = around.stars_near(track.located, float(ra), float(dec), reach, clear)
    rows = [
        (x - place[0], y - place[1], calibrated.counts_of(star.mag))
        for star in near
        for x, y in [calibrated.pixel_of(star.ra_deg, star.dec_deg)]
        if math.isfinite(x + y + star.mag)
    ]
    return star_light(stars, stamp, *np.array(rows, float).reshape(-1, 3).T)


@dataclass(frozen=True, slots=True)
class Summary:
    """The coma of a night in one aperture: means over the frames.

    Parameters
    ----------
    radius_km : float
        The aperture: the largest that most frames have.
    frames : int
        Frames that count.
    mag, sig, afrho_cm, afrho_sig, a0frho_cm, growth : float
        Medians; the errors have the zeropoint, which the frames share, in full.
    """

    radius_km: float
    frames: int
    mag: float
    sig: float
    afrho_cm: float
    afrho_sig: float
    a0frho_cm: float
    growth: float


def summary(points: Sequence[ComaPoint]) -> Summary | None:
    """Means of a night; None where there is no value."""
    good = [each for each in points if math.isfinite(each.afrho_cm) and not each.problem]
    if not good:
        return None
    radii = sorted({each.radius_km for each in good})
    counts = [sum(each.radius_km == radius for each in good) for radius in radii]
    chosen = [r for r, count in zip(radii, counts, strict=True) if 2 * count >= max(counts)][-1]
    own = [each for each in good if each.radius_km == chosen]
    sig = float(np.median([each.sig for each in own]))
    dust = float(np.median([each.afrho_cm for each in own]))
    return Summary(
        chosen,
        len(own),
        float(np.median([each.mag for each in own])),
        sig,
        dust,
        dust * sig / POGSON,
        float(np.median([each.a0frho_cm for each in own])),
        float(np.median([each.growth for each in own])),
    )


def tell(name: str, points: Sequence[ComaPoint]) -> None:
    """One line for the user, and what is wrong."""
    found = summary(points)
    if found is None:
        reasons = sorted({each.problem for each in points if each.problem})
        log.warning("%s: no coma was measured: %s", name, "; ".join(reasons) or "no frame")
        return
    log.info(
        "%s: A(theta)f rho = %.1f +- %.1f cm, A(0)f rho = %.1f cm, %.3f mag within %.0f km "
        "(median of %d frames); flux grows as radius to the %.2f",
        name,
        found.afrho_cm,
        found.afrho_sig,
        found.a0frho_cm,
        found.mag,
        found.radius_km,
        found.frames,
        found.growth,
    )


def icq_line(name: str, points: Sequence[ComaPoint], catalog: str) -> str:
    """Line for COBS in the 80 columns of the ICQ, as far as the program knows the columns.

    Instrument and observer, which the files do not tell, are left blank; COBS asks for them.
    Empty where the comet has no designation or the band no letter.
    """
    found = summary(points)
    ident = _icq_designation(name)
    if found is None or not ident:
        return ""
    own = [each for each in points if each.radius_km == found.radius_km and not each.problem]
    band = bands.reference(own[0].band)
    method = ICQ_METHODS.get(band)
    if method is None:
        return ""
    jd = float(np.mean([each.midtime_jd for each in own]))
    date = timescale.iso(jd, 0)
    day = (jd + 0.5) % 1.0 + int(date[8:10])
    coma_arcmin = 2.0 * float(np.median([each.radius_arcsec for each in own])) / 60.0
    reference = ICQ_REFERENCES.get(catalog.upper(), "  ")
    return (
        f"{ident:<11s}{date[:4]} {int(date[5:7]):2d} {day:5.2f}  {method} {found.mag:4.1f} "
        f"{reference:2s}{'':13s}{'':1s}{coma_arcmin:5.2f}{'':14s}ICQ XX*     "
    )


def _icq_designation(name: str) -> str:
    """Columns 1 to 11 of a comet: number, or year and half-month; empty if it is none."""
    text = name.strip().replace("_", " ")
    numbered = re.match(r"^(\d{1,3})P\b", text)
    if numbered:
        return f"{int(numbered[1]):3d}"
    other = re.match(r"^([CPDXA])/(\d{4}) ([A-Z])(\d{1,3})(?:-([A-Z]{1,2}))?", text)
    if other is None:
        return ""
    kind = "  P" if other[1] == "P" else "   "
    return f"{kind}{other[2]}{other[3]}{other[4]}{(other[5] or '').lower()}"


def is_comet(track: Track) -> bool:
    """Whether Afρ is wanted of a target: of those that were asked for by name."""
    return track.target.kind == MOVING
