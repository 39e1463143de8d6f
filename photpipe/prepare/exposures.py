"""Exposures of a series against each other: no camera begins one before the last has ended."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from photpipe.ground.timescale import SECONDS_PER_DAY
from photpipe.run.results import PreparedFrame

# by judgement: detectors of one exposure are stamped one after the other
SIMULTANEOUS_S = 5.0
OVERLAP = 0.5  # by judgement: part of an exposure, more than any rounding of times


def compared(frames: Sequence[PreparedFrame]) -> list[PreparedFrame]:
    """Frames with a remark on the time of those that overlap others of their camera and filter."""
    series: dict[tuple[str, str], list[PreparedFrame]] = defaultdict(list)
    for frame in sorted(frames, key=lambda each: each.midtime_jd):
        series[frame.telescope, frame.filter_name].append(frame)
    overlapping: dict[str, float] = {}
    for members in series.values():
        for one, other in pairwise(members):
            apart_s = (other.midtime_jd - one.midtime_jd) * SECONDS_PER_DAY
            shorter_s = min(one.exptime_s, other.exptime_s)
            if SIMULTANEOUS_S < apart_s < OVERLAP * shorter_s:
                overlapping |= {one.frame: shorter_s, other.frame: shorter_s}
    return [
        replace(each, time_remarks=(*each.time_remarks, _remark(overlapping[each.frame])))
        if each.frame in overlapping
        else each
        for each in frames
    ]


def _remark(exptime_s: float) -> str:
    return (
        f"exposures of {exptime_s:g} s overlap: the exposure time, its unit or the times are wrong"
    )
