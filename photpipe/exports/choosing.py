"""Which points a report carries; what is left out is told, one line a cause."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence

from photpipe.ground import bands
from photpipe.run.photometry_file import TargetPoint

log = logging.getLogger(__name__)

LISTED_FRAMES = 5  # a line that is read at a glance


def kept(
    points: Iterable[TargetPoint], is_fit: Callable[[TargetPoint], bool], why: str
) -> list[TargetPoint]:
    """Points that are fit for a report; of the others one line says how many, and why."""
    points = list(points)
    good = [point for point in points if is_fit(point)]
    tell([point for point in points if not is_fit(point)], why)
    return good


def tell(points: Sequence[TargetPoint], what: str) -> None:
    """Say of some points what became of them; nothing if there are none."""
    if points:
        names = [point.frame for point in points[:LISTED_FRAMES]]
        more = f" and {len(points) - len(names)} more" * (len(points) > len(names))
        count = "1 point" if len(points) == 1 else f"{len(points)} points"
        log.warning("%s: %s: %s%s", count, what, ", ".join(names), more)


def unique(points: Iterable[TargetPoint]) -> list[TargetPoint]:
    """Points without those of the same exposure under another file name, which are told.

    They agree in time, telescope and filter, and in the measurement to the last digit: two
    detectors that are exposed together do not.
    """
    first: dict[tuple[object, ...], TargetPoint] = {}
    repeated = []
    for point in points:
        of = first.setdefault(_measurement(point), point)
        if of is not point:
            repeated.append(point)
    tell(repeated, "the same exposure as another frame, used once")
    return list(first.values())


def _measurement(point: TargetPoint) -> tuple[object, ...]:
    numbers = (point.midtime_jd, point.exptime_s, point.source_ra_deg, point.source_dec_deg)
    words = (point.telescope, point.observatory_code, point.filter, point.band, point.method)
    return (*words, *(repr(number) for number in (*numbers, point.instrumental_mag)))


def with_code(
    points: Iterable[TargetPoint], report: bands.Report, consequence: str = "left out"
) -> list[TargetPoint]:
    """Points in bands that a report has a name for; the others are told, band by band."""
    points = list(points)
    for band in dict.fromkeys(point.band for point in points):
        if not bands.code(band, report):
            without = [point for point in points if point.band == band]
            tell(without, f"{consequence}, {cannot(band, report)}")
    return [point for point in points if bands.code(point.band, report)]


def cannot(band: str, report: bands.Report) -> str:
    """Why a band cannot be reported."""
    row = bands.named(band)
    what = f"{band} ({row.meaning})" if row else band or "no band"
    return f"{what} has no name in {report} and cannot be reported there"


def has_error(point: TargetPoint) -> bool:
    """Whether the error of a magnitude is known."""
    return math.isfinite(point.sig) and point.sig > 0


def is_calibrated(point: TargetPoint) -> bool:
    """Whether the magnitude is more than an instrumental one."""
    return math.isfinite(point.zeropoint)


def has_time(point: TargetPoint) -> bool:
    """Whether the middle of the exposure is known."""
    return math.isfinite(point.midtime_jd)
