"""The clock of a night, by the known asteroids on its frames."""

import logging
from collections.abc import Sequence

import numpy as np

from photpipe.distill.targets import ASTEROID, MOVING, Target
from photpipe.ground import timescale
from photpipe.ground.log import FRAME
from photpipe.run.photometry_file import DETECTED, FITTED_TRAIL, TargetPoint
from photpipe.run.results import ClockResult
from photpipe.science import clock

log = logging.getLogger("pp_distill")

UNKNOWN_SIGMA3_ARCSEC = 1.0  # of a prediction whose error the service does not tell
SMALLEST_SIGMA_ARCSEC = 0.01  # no centroid is believed better: catalogs and distortion are not
LARGEST_RATIO = 1.01  # of the longest exposure to the shortest, if they are one length
SECONDS_PER_MINUTE = 60.0

Measured = Sequence[tuple[Target, Sequence[TargetPoint]]]


def of_night(measured: Measured, frames: Sequence[str]) -> ClockResult | None:
    """Offset of the clock; None where no known body was seen to move.

    Parameters
    ----------
    measured : sequence of (Target, sequence of TargetPoint)
        All targets of the frames with their points.
    frames : sequence of str
        File names in the order of the arrays of the targets.
    """
    index = {name: number for number, name in enumerate(frames)}
    passages, used = [], []
    for target, points in measured:
        if target.kind not in {MOVING, ASTEROID}:
            continue
        good = [each for each in points if _counts(each)]
        if good:
            passages.append(_passage(target, good, [index[each.frame] for each in good]))
            used += good
    found = clock.offset(passages)
    if found is None:
        return None
    exptimes = np.array([each.exptime_s for each in used])
    exptime_s = float(np.median(exptimes))
    if not np.ptp(exptimes) <= (LARGEST_RATIO - 1) * exptime_s:
        exptime_s = float("nan")
    starts = np.array(
        [each.midtime_jd - each.exptime_s / 2 / timescale.SECONDS_PER_DAY for each in used]
    )
    causes = clock.causes(found, exptime_s, whole_seconds=clock.are_whole_seconds(starts))
    result = ClockResult(
        seconds=found.seconds,
        error_s=found.error_s,
        bodies=found.bodies,
        points=found.points,
        is_off=found.is_off,
        causes=tuple(causes) if found.is_off else (),
    )
    _tell(result)
    return result


def _counts(point: TargetPoint) -> bool:
    """Whether a point tells where its body was."""
    numbers = (point.offset_east_arcsec, point.offset_north_arcsec, point.sigma_east_arcsec)
    detected = (
        point.is_good and point.method in {DETECTED, FITTED_TRAIL} and not point.contamination
    )
    return detected and bool(np.isfinite(numbers).all())


def _passage(target: Target, points: Sequence[TargetPoint], rows: list[int]) -> clock.Passage:
    sigma3 = float(np.nanmedian(np.append(target.sigma3_arcsec[rows], np.nan)))
    return clock.passage(
        -np.array([each.offset_east_arcsec for each in points]),
        -np.array([each.offset_north_arcsec for each in points]),
        np.maximum([each.sigma_east_arcsec for each in points], SMALLEST_SIGMA_ARCSEC),
        np.nan_to_num(target.rate_arcsec_min[:, rows]) / SECONDS_PER_MINUTE,
        sigma3 if np.isfinite(sigma3) else UNKNOWN_SIGMA3_ARCSEC,
    )


def _tell(found: ClockResult) -> None:
    """One line for the user."""
    bodies = "1 body" if found.bodies == 1 else f"{found.bodies} bodies"
    told = f"{found.seconds:+.2f} +- {found.error_s:.2f} s (true minus header, {bodies})"
    if found.is_off:
        why = f": {', or '.join(found.causes)}" if found.causes else ""
        log.warning("clock: the times of the frames are wrong by %s%s", told, why)
    else:
        log.info("clock: %s", told, extra=FRAME)  # nothing to be done
