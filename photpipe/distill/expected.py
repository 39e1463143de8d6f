"""Targets that are brighter than their ephemeris allows, or wider than stars, on all frames alike.

The light of a star that stands with a slow target on every frame, and that no frame shows apart, is
in all its points: their scatter tells nothing then, but the magnitude predicted does. A galaxy that
no catalog lists need not double the light; it makes the target wider than the stars.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from photpipe.distill.targets import ASTEROID, MOVING, POSITIONS, Target
from photpipe.ground import bands
from photpipe.run.photometry_file import (
    CLEAN,
    CONTAMINATED,
    DETECTED,
    LIMIT,
    UNEXPECTED,
    WIDER,
    TargetPoint,
)

# three times the scatter of catalogued H, 0.3 mag (Juric et al. 2002, 2002AJ....124.1776J; Pravec
# et al. 2012, 2012Icar..221..365P: H are too bright in the mean, which raises no alarm), and half
# an amplitude of 1 mag, which few asteroids exceed, in quadrature
LARGEST_EXCESS_MAG = 1.0
LARGEST_PHASE_DEG = 60.0  # by judgement: from there on H, G is an extrapolation
EXCESS_SIGMA = 3.0  # of a point, beyond that: faint sets scatter
WIDTH_SNR = 40.0  # noise makes sources of S/N 22 to 29 seem 1.3 to 1.8 times as wide as stars
WIDTH_POINTS = 3  # by judgement: of fewer, a hit by a cosmic ray would be one of a few
# width in units of that of stars, in the median and at least: 1.7 and 1.6 of a target 1.3 seeings
# from a galaxy as bright, 1.1 and 1.2 at most of one 1.6 seeings from a star as bright (simulated)
LARGEST_WIDTH, EACH_WIDTH = 1.3, 1.15
TRAIL_WIDTH = 8.0 * math.log(2.0) / 12.0  # squared, of a trail of length 1


def excess_mag(point: TargetPoint, target: Target) -> float:
    """By how much a point is brighter than predicted; NaN if that cannot be said."""
    band = bands.named(bands.reference(point.band))
    if band is None or not math.isfinite(point.zeropoint):
        return math.nan
    return target.predicted_mag - (point.mag + band.to_v)


def unexpected(points: Sequence[TargetPoint], target: Target) -> list[TargetPoint]:
    """Points of a target; all that count are suspected of company if it is far too bright.

    A neighbour that the catalog has in the aperture makes them contaminated points, which are left
    out, whatever its listed magnitude explains; without one nobody knows what is there, and
    they are told.
    """
    good = [each for each in points if not each.rejected and each.method != LIMIT]
    excess = np.array([excess_mag(each, target) for each in good])
    error = np.array([each.sig for each in good])
    known = np.isfinite(excess + error)
    if target.kind not in {MOVING, ASTEROID} or not known.any() or not _is_predictable(target):
        return list(points)
    middle = float(np.median(excess[known]))
    if middle <= LARGEST_EXCESS_MAG + EXCESS_SIGMA * float(np.median(error[known])):
        return list(points)
    words = f"{middle:.1f} mag {UNEXPECTED}"
    counted = {id(each) for each in good}
    return [_marked(each, middle, words) if id(each) in counted else each for each in points]


def wider(points: Sequence[TargetPoint], target: Target) -> list[TargetPoint]:
    """Points of a target; those that nobody answers for are marked if it is wider than stars.

    On all frames alike, its trail taken out: another source stands with it, or it has a coma.
    """
    seen = [
        each
        for each in points
        if each.method == DETECTED and not each.rejected and each.snr > WIDTH_SNR
    ]
    widths = np.array([_width(each, target) for each in seen])
    widths = widths[np.isfinite(widths)]
    is_wide = (
        len(widths) >= WIDTH_POINTS
        and np.median(widths) > LARGEST_WIDTH
        and widths.min() > EACH_WIDTH
    )
    if not is_wide or target.is_comet or target.kind not in {MOVING, ASTEROID, POSITIONS}:
        return list(points)
    words = f"{np.median(widths):.1f} times {WIDER}"
    return [
        replace(each, contamination=words)
        if each.method == DETECTED and not each.rejected and not each.contamination
        else each
        for each in points
    ]


def _width(point: TargetPoint, target: Target) -> float:
    """Width of a source without its trail, in units of the seeing."""
    rate = float(np.nanmax(np.hypot(*target.rate_arcsec_min), initial=0.0))
    trail_arcsec = rate * point.exptime_s / 60.0
    squared = point.fwhm_arcsec**2 - TRAIL_WIDTH * trail_arcsec**2
    return math.sqrt(max(squared, 0.0)) / point.seeing_arcsec


def _marked(point: TargetPoint, middle: float, words: str) -> TargetPoint:
    is_blended = point.contamination_arcsec <= point.seeing_arcsec
    if not is_blended or point.method == CLEAN:
        return replace(point, contamination_mag=middle, contamination=words)
    reason = f"{CONTAMINATED}: {point.contamination}, cannot be told apart; {words}"
    return replace(point, rejected=reason)


def _is_predictable(target: Target) -> bool:
    """Whether H and G tell how bright it is; a coma is no part of them."""
    phase = target.geometry[2] if target.geometry.size else np.zeros(1)
    return not target.is_comet and not float(np.nanmax(phase, initial=0.0)) > LARGEST_PHASE_DEG
