"""The frames of a night on one grid, their fluxes on one scale, and the sky of its pixels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photpipe.catalogs.matching import mutual_matches
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.ground.errors import ReductionError
from photpipe.ground.sky import FloatArray
from photpipe.science import tracking
from photpipe.science.cosmicrays import sharp_pixels
from photpipe.science.resampling import flattened, mesh, resampled
from photpipe.science.tracking import StarlessFrames, trailed_psf

log = logging.getLogger("pp_movers")

FEWEST_FRAMES = 4  # of three, one may be spoilt, and two always lie on a line
LONGEST_SPAN_D = 0.75  # 18 h: a night; later, straight lines do not hold
LARGEST_ELONGATION = 1.8  # of the stars; those of longer ones trail
# by judgement: a zeropoint by the median of five stars survives two variable ones
FEWEST_COMMON = 5
BRIGHTEST_STARS = 60  # of each frame: more tell nothing new about clouds
MATCH_ARCSEC = 2.0  # by judgement: stars of registered frames
MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True, slots=True, eq=False)
class SearchNight:
    """Frames of a night in the grid of the middle one.

    Parameters
    ----------
    frames : list of MeasuredFrame
        In the order of time.
    reference : MeasuredFrame
        The middle frame.
    series : StarlessFrames
        Their residuals.
    psf_to_aperture : float
        Factor from the fluxes of fits to those in the aperture of the reference frame.
    """

    frames: list[MeasuredFrame]
    reference: MeasuredFrame
    series: StarlessFrames
    psf_to_aperture: float

    @property
    def midtime_jd(self) -> float:
        """The reference time."""
        return self.reference.midtime_jd

    @property
    def scale_arcsec(self) -> float:
        """Size of a pixel of the grid, as registered (that of a header may be wrong)."""
        from astropy.wcs.utils import proj_plane_pixel_area

        area_deg2 = float(proj_plane_pixel_area(self.reference.wcs))
        return float(np.sqrt(area_deg2)) * 3600.0

    def sky_of(self, x_px: FloatArray, y_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """RA and Dec (degrees) of places of the grid, whose first pixel is 0."""
        ra, dec = self.reference.wcs.all_pix2world(x_px, y_px, 0)
        return np.asarray(ra, float), np.asarray(dec, float)


def checked(frames: Sequence[MeasuredFrame]) -> list[MeasuredFrame]:
    """Frames in the order of time, if movers can be found on them.

    Raises
    ------
    ReductionError
        If there are too few, if they are of one moment or of several nights, or if stars trail.
    """
    frames = sorted(frames, key=lambda each: each.midtime_jd)
    if len(frames) < FEWEST_FRAMES:
        count = "one frame" if len(frames) == 1 else f"{len(frames)} frames"
        raise ReductionError(
            f"{count}: at least {FEWEST_FRAMES} are needed to tell what moves from what does not"
        )
    span_d = frames[-1].midtime_jd - frames[0].midtime_jd
    if not span_d > 0:
        raise ReductionError("all frames have the same time: nothing can be seen to move")
    if span_d > LONGEST_SPAN_D:
        message = f"the frames span {span_d:.1f} days: look for movers in each night alone"
        raise ReductionError(message)
    elongation = float(np.median([_elongation(each) for each in frames]))
    if elongation > LARGEST_ELONGATION:
        message = (
            f"the stars trail (they are {elongation:.1f} times as long as wide): movers are looked "
            "for on frames that followed the stars"
        )
        raise ReductionError(message)
    return frames


def _elongation(frame: MeasuredFrame) -> float:
    stars = frame.well_measured_stars()
    if not stars.any() or "A_IMAGE" not in frame.sources.colnames:
        return 1.0
    return float(np.median(frame.column("A_IMAGE")[stars] / frame.column("B_IMAGE")[stars]))


def prepared(frames: Sequence[MeasuredFrame]) -> SearchNight:
    """Bring frames to one grid and scale, and take their stars out.

    Raises
    ------
    ReductionError, FrameError
        If they have no stars in common, or one cannot be read.
    """
    reference = frames[len(frames) // 2]
    shape = reference.frame.shape
    x, y = mesh(shape)
    ra, dec = reference.wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    images = np.empty((len(frames), *shape), np.float32)
    for number, each in enumerate(frames):
        there = each.wcs.all_world2pix(ra, dec, 0, quiet=True)
        pixels = _without_hits(each)
        scale = 1.0 if each is reference else _scale(each, reference)
        column, row = (np.asarray(axis, float).reshape(x.shape) for axis in there)
        images[number] = resampled((pixels - np.nanmedian(pixels)) * scale, column, row, shape)
    fwhm_px = np.array([each.seeing_arcsec for each in frames]) / reference.scale_arcsec
    factor = _psf_to_aperture(reference, images[len(frames) // 2], float(fwhm_px[len(frames) // 2]))
    midtimes = np.array([each.midtime_jd for each in frames])
    found = tracking.series(
        images,
        (midtimes - reference.midtime_jd) * MINUTES_PER_DAY,
        np.array([each.facts.exptime_s for each in frames]) / 60.0,
        fwhm_px,
    )
    return SearchNight(list(frames), reference, found, factor)


def _without_hits(frame: MeasuredFrame) -> FloatArray:
    """Pixels of a frame; NaN where a cosmic ray hit, and beside it."""
    from scipy.ndimage import binary_dilation

    pixels = np.array(frame.pixels(), float)
    hits = sharp_pixels(
        np.asarray(flattened(pixels), float),
        frame.pixel_noise_counts,
        frame.photon_counts,
        frame.fwhm_px,
    )
    pixels[binary_dilation(hits, np.ones((3, 3), bool))] = np.nan
    return pixels


def _scale(frame: MeasuredFrame, reference: MeasuredFrame) -> float:
    """Factor that brings the counts of a frame to those of the reference, by common stars."""
    places = []
    for each in (frame, reference):
        stars = np.flatnonzero(each.well_measured_stars())
        places.append((each.column("ra_deg")[stars], each.column("dec_deg")[stars], stars))
    (ra, dec, own), (other_ra, other_dec, other) = places
    if min(len(own), len(other)) >= FEWEST_COMMON:
        pairs = mutual_matches(ra, dec, other_ra, other_dec, MATCH_ARCSEC)
        if len(pairs.index1) >= FEWEST_COMMON:
            theirs = reference.column("FLUX_APER")[other[pairs.index2]]
            return float(np.median(theirs / frame.column("FLUX_APER")[own[pairs.index1]]))
    if frame.is_calibrated and reference.is_calibrated:
        return float(10 ** (0.4 * (reference.zeropoint_mag - frame.zeropoint_mag)))
    raise ReductionError(f"{frame.frame.name}: it has too few stars in common with the others")


def _psf_to_aperture(reference: MeasuredFrame, image: np.ndarray, fwhm_px: float) -> float:
    """Flux in the aperture in units of that of a fit, by the stars of the reference frame."""
    stars = np.flatnonzero(reference.well_measured_stars())
    stars = stars[np.argsort(-reference.column("FLUX_APER")[stars])][:BRIGHTEST_STARS]
    reach = int(np.ceil(1.7 * fwhm_px))
    axis = np.arange(-reach, reach + 1)
    ratios = []
    x, y = reference.column("XWIN_IMAGE") - 1.0, reference.column("YWIN_IMAGE") - 1.0
    flux = reference.column("FLUX_APER")
    for star in stars:
        column, row = round(x[star]), round(y[star])
        stamp = image[
            max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1
        ]
        if stamp.shape != (len(axis), len(axis)) or not np.isfinite(stamp).all():
            continue
        psf = trailed_psf(
            axis[None, :] + column - x[star], axis[:, None] + row - y[star], fwhm_px, (0.0, 0.0)
        )
        ratios.append(flux[star] * float(np.sum(psf**2)) / float(np.sum(psf * stamp)))
    return float(np.median(ratios)) if ratios else 1.0
