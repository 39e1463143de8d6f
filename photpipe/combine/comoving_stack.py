"""A target on a stack that followed it, where the stars are trails.

What only stars can tell - zeropoint, seeing, aperture correction, the image of a point source -
comes from the stack of the same frames that followed the stars.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from photpipe.calibrate import output
from photpipe.calibrate.frame_calibration import CalibratedSources, instrumental
from photpipe.calibrate.reference_stars import read_sources
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.points import TRAILING_UNCERTAINTY
from photpipe.distill.star_images import Stars, followed, motion_px
from photpipe.distill.targets import Target
from photpipe.fits.cards import Changes
from photpipe.fits.fitsfile import update_header
from photpipe.fits.values import card_value
from photpipe.ground.sky import FloatArray
from photpipe.instruments.frames import Frame
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import CalibratedFrame, FieldCalibration
from photpipe.run.settings import DistillSettings

OF_STARS = ("APCORR", "APCORRER", "PPSEEING")
"""Cards of pp_photometry that trails get wrong."""


def calibrate_like(
    comove: Frame, stars: Frame, calibration: CalibratedFrame, field: FieldCalibration, maxflag: int
) -> CalibratedFrame:
    """Write the database of a comoving stack with the calibration of the stack of the stars.

    Parameters
    ----------
    comove, stars : Frame
        Both stacks, measured in the same aperture. The header of the first one takes over what
        the stars of the second tell.
    calibration, field : CalibratedFrame, FieldCalibration
        Outcome of pp_calibrate for the stack of the stars; without a zeropoint the magnitudes
        stay instrumental.
    maxflag : int
        Largest flag of sources that are written.

    Raises
    ------
    FrameError
        If there is no catalog, or a file cannot be written.
    """
    changes: Changes = {key: card_value(stars.header, key) for key in OF_STARS}
    update_header(comove.path, changes)
    sources = read_sources(Frame.read(comove.path, comove.telescope), maxflag)
    own = instrumental(sources, calibration.band or None)
    corrections = np.zeros(len(sources.table))
    if calibration.is_calibrated:
        own = replace(
            own,
            catalog=calibration.catalog,
            magnitude_system=calibration.magnitude_system,
            zeropoint_mag=calibration.zeropoint_mag,
            zeropoint_sigma_mag=calibration.zeropoint_sigma_mag,
            standard_error_mag=calibration.standard_error_mag,
            scatter_mag=calibration.scatter_mag,
            intrinsic_scatter_mag=calibration.intrinsic_scatter_mag,
            reduced_chi2=calibration.reduced_chi2,
            used=calibration.used,
            limiting_mag=own.limiting_mag + calibration.zeropoint_mag,
            note=f"zeropoint of {stars.name}",
        )
        corrections = np.nan_to_num(field.sky_term) * sources.sky_error_mag
    return output.write(CalibratedSources(sources, own, field, corrections, None))


@dataclass(frozen=True, slots=True, eq=False)
class TargetPath:
    """Positions (degrees) of a target on the frames of a stack, arrays of shape (frames,)."""

    ra_deg: FloatArray
    dec_deg: FloatArray


def finished(
    point: TargetPoint,
    target: Target,
    path: TargetPath,
    stars: MeasuredFrame,
    settings: DistillSettings,
) -> TargetPoint:
    """A point of a comoving stack with all that depends on the image of stars.

    Parameters
    ----------
    point : TargetPoint
        As pp_distill measured it, without a correction for trailing.
    target : Target
        The target at the mid-time of the stack, with its motion.
    path : TargetPath
        Where it was on the frames.
    stars : MeasuredFrame
        The stack of the stars.
    settings : DistillSettings
        Whether trails are corrected for, and which neighbours are named.
    """
    motion = motion_px(stars, target, 0)
    with_target = followed([stars], [target]) is not None
    image = Stars(stars, (-motion[0], -motion[1]) if with_target else (0.0, 0.0))
    correction = image.trailing_mag(motion) if settings.trailing_correction else 0.0
    effect, text = _crossed(point, path, stars, image)
    return replace(
        point.corrected(correction, TRAILING_UNCERTAINTY * correction),
        contamination_mag=effect,
        contamination=text if effect >= settings.contamination_mag else "",
    )


def _crossed(
    point: TargetPoint, path: TargetPath, stars: MeasuredFrame, image: Stars
) -> tuple[float, str]:
    """Brightening (mag) by the stars on the path, and the worst of them.

    It is what a plain mean would suffer: clipping and medians leave most of it out.
    """
    instrumental = point.aperture_mag
    if not math.isfinite(instrumental):
        return 0.0, ""
    places = np.array(
        [stars.pixel_of(*place) for place in zip(path.ra_deg, path.dec_deg, strict=True)]
    )
    known = np.flatnonzero(np.asarray(stars.sources["ref_ident"]).astype(str) != "")
    x, y = (stars.column(name)[known] for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    apart = np.hypot(x - places[:, :1], y - places[:, 1:])  # shape (frames, stars)
    seeing_px = stars.fwhm_px
    reach = stars.radius_px + 2.0 * seeing_px
    total, worst, text = 0.0, 0.0, ""
    for star in np.flatnonzero((apart < reach).any(axis=0)):
        near = np.flatnonzero(apart[:, star] < reach)
        parts = image.part_of_aperture(x[star] - places[near, 0], y[star] - places[near, 1])
        flux = stars.value("FLUX_APER", int(known[star])) * float(parts.sum()) / len(places)
        total += flux
        if flux > worst:
            worst = flux
            mag = stars.magnitudes()[known[star]]
            text = f"at most: star of {mag:.1f} mag on {len(near)} of {len(places)} frames"
    own = max(10 ** (-0.4 * instrumental) - total, 0.05 * 10 ** (-0.4 * instrumental))
    return 2.5 * math.log10(1.0 + total / own), text
