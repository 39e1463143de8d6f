"""The clock of the frames, by the asteroids that pass: how late their times are, in seconds.

A body that moves at r arcsec/s is seen r d ahead of its ephemeris when the exposures were in truth
d seconds later than their headers say. Across its path a wrong clock does nothing: what is seen
there is the error of ephemerides and astrometry, and the measure of what those do along the path.
That error, common to all points of a body, is a parameter: the offset is summed over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# by judgement: clocks that are set by NTP are better; asteroids cannot tell less
SMALLEST_OFFSET_S = 0.5
SIGNIFICANT = 3.0  # standard errors: one clock in 370 is blamed wrongly
FITS = 2.0  # errors within which a cause explains an offset
SHARP = 3.0  # errors that a cause must be away from nought to be named
USUAL_SYSTEMATIC_ARCSEC = 0.03  # half of all bodies are believed to be off by less
SYSTEMATIC_ARCSEC = np.geomspace(0.003, 30.0, 60)
SECONDS_PER_HOUR = 3600.0
WHOLE_SECOND_S = 0.002  # a time within this of a second is a whole one
# time scales and zones whose time may have been written for UTC; seconds ahead of it
SCALES = (("TAI", 37.0), ("TT", 69.184), ("GPS time", 18.0))
QUARTER_HOURS = range(-12 * 4, 14 * 4 + 1)


@dataclass(frozen=True, slots=True)
class Passage:
    """One body on the frames; arrays of shape (n,).

    Parameters
    ----------
    along_arcsec, cross_arcsec : ndarray
        Measured minus predicted, along the motion and to the left of it.
    sigma_arcsec : ndarray
        Random error of one coordinate.
    rate_arcsec_s : ndarray
        Speed on the sky.
    ephemeris_arcsec : float
        Standard error of the prediction.
    """

    along_arcsec: FloatArray
    cross_arcsec: FloatArray
    sigma_arcsec: FloatArray
    rate_arcsec_s: FloatArray
    ephemeris_arcsec: float


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """By how much the exposures were later than their headers say.

    Parameters
    ----------
    seconds, error_s : float
        Offset and its standard deviation; positive: the times of the headers are too early.
    bodies, points : int
        What it rests on.
    systematic_arcsec : float
        Error common to all points of a body, beyond that of its ephemeris.
    """

    seconds: float
    error_s: float
    bodies: int
    points: int
    systematic_arcsec: float

    @property
    def is_off(self) -> bool:
        """Whether the clock is wrong beyond doubt, and by enough to matter."""
        return abs(self.seconds) > max(SIGNIFICANT * self.error_s, SMALLEST_OFFSET_S)


def passage(
    east_arcsec: FloatArray,
    north_arcsec: FloatArray,
    sigma_arcsec: FloatArray,
    rate_arcsec_s: FloatArray,
    sigma3_arcsec: float,
) -> Passage:
    """Turn residuals on the sky into the directions of the motion.

    Parameters
    ----------
    east_arcsec, north_arcsec : ndarray, shape (n,)
        Measured minus predicted.
    sigma_arcsec : ndarray, shape (n,)
        Random error of one coordinate.
    rate_arcsec_s : ndarray, shape (2, n)
        Motion east and north.
    sigma3_arcsec : float
        Three standard errors of the prediction.
    """
    speed = np.hypot(*rate_arcsec_s)
    east, north = rate_arcsec_s / np.where(speed > 0, speed, 1.0)
    along = east_arcsec * east + north_arcsec * north
    cross = north_arcsec * east - east_arcsec * north
    return Passage(along, cross, sigma_arcsec, speed, sigma3_arcsec / 3.0)


def offset(passages: Sequence[Passage]) -> ClockOffset | None:
    """Offset of the clock from all bodies; None without one that moves."""
    moving = [each for each in passages if len(each.along_arcsec) and each.rate_arcsec_s.max() > 0]
    if not moving:
        return None
    along, cross, rate, variance = (np.array(column) for column in zip(*map(_means, moving)))  # noqa: B905 - equal by construction
    # what bodies do across their paths, and along them once the clock is right
    total = variance[:, None] + SYSTEMATIC_ARCSEC**2
    precision = np.sum(rate[:, None] ** 2 / total, axis=0)
    seconds = np.sum((rate * along)[:, None] / total, axis=0) / precision
    chi2 = np.sum(
        (along[:, None] - rate[:, None] * seconds) ** 2 / total + cross[:, None] ** 2 / total,
        axis=0,
    )
    prior = np.gradient(SYSTEMATIC_ARCSEC) / (
        1 + (SYSTEMATIC_ARCSEC / USUAL_SYSTEMATIC_ARCSEC) ** 2
    )
    logs = -0.5 * (chi2 + 2 * np.sum(np.log(total), axis=0) + np.log(precision)) + np.log(prior)
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    mean = float(weight @ seconds)
    spread = float(np.sqrt(weight @ ((seconds - mean) ** 2 + 1 / precision)))
    count = sum(len(each.along_arcsec) for each in moving)
    return ClockOffset(mean, spread, len(moving), count, float(weight @ SYSTEMATIC_ARCSEC))


def _means(body: Passage) -> tuple[float, float, float, float]:
    """Weighted means along and across the path, rate, and the variance of one coordinate."""
    weight = body.sigma_arcsec**-2
    along, cross, rate = (
        float(np.average(each, weights=weight))
        for each in (body.along_arcsec, body.cross_arcsec, body.rate_arcsec_s)
    )
    count = len(weight)
    free = 2 * (count - 1)
    scatter = np.sum(weight * ((body.along_arcsec - along) ** 2 + (body.cross_arcsec - cross) ** 2))
    scale = max(float(scatter) / free, 1.0) if free else 1.0
    return along, cross, rate, scale / float(weight.sum()) + body.ephemeris_arcsec**2


def are_whole_seconds(start_jd: FloatArray) -> bool:
    """Whether all exposures of a night begin on whole seconds, as rounded times do."""
    if len(start_jd) < 3:
        return False
    second = np.round((start_jd - np.floor(start_jd.min())) * 86400.0, 4)
    return bool((np.abs(second - np.round(second)) < WHOLE_SECOND_S).all())


def causes(found: ClockOffset, exptime_s: float, *, whole_seconds: bool) -> list[str]:
    """What explains an offset, the best first; at most two, and only where it is told sharply.

    Parameters
    ----------
    exptime_s : float
        Length of the exposures; NaN if they differ.
    whole_seconds : bool
        Whether the headers have whole seconds alone.
    """
    fitting = [
        (abs(seconds - found.seconds), words)
        for words, seconds in _hypotheses(exptime_s, whole_seconds=whole_seconds)
        if abs(seconds - found.seconds) < FITS * found.error_s
        and abs(seconds) > SHARP * found.error_s
    ]
    return [words for _, words in sorted(fitting)[:2]]


def _hypotheses(exptime_s: float, *, whole_seconds: bool) -> list[tuple[str, float]]:
    """Usual mistakes and the offsets that they make, in seconds."""
    known = [
        ("the time taken for the middle of the exposure is its start", exptime_s / 2),
        ("the time taken for the start of the exposure is its middle", -exptime_s / 2),
        ("the times are one exposure early", exptime_s),
        ("the time taken for the start of the exposure is its end", -exptime_s),
    ]
    known += [(f"the clock shows {name} instead of UTC", -ahead) for name, ahead in SCALES]
    for quarter in QUARTER_HOURS:
        if quarter:
            zone = f"{'-' if quarter < 0 else '+'}{abs(quarter) // 4}:{abs(quarter) % 4 * 15:02d}"
            words = f"the clock shows local time (UTC{zone})"
            known.append((words, -quarter * SECONDS_PER_HOUR / 4))
    if whole_seconds:
        known.append(("the times are cut to whole seconds", 0.5))
    return known
