"""Where a target is that ought to be seen and is not where it was predicted.

An orbit may be worse than its quoted uncertainty. What moves like the target on most frames, is
about as bright, stands on no star and is alone in that, is the target; of several none is taken.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from photpipe.distill import identification
from photpipe.distill.identification import Track, tolerance_arcsec
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.surroundings import Surroundings
from photpipe.distill.targets import ASTEROID, MOVING, Target
from photpipe.ground import sky
from photpipe.run.settings import DistillSettings

BRIGHTER_MAG = 1.0  # than the limit: a target that ought to be seen
# by judgement: main-belt asteroids of old orbits; further off chance matches grow
REACH_ARCSEC = 60.0
LARGEST_DIFFERENCE_MAG = 2.5  # from the V predicted: band, rotation, phase
FEWEST_FRAMES = 3  # two points lie on a line always
SHORTEST_WAY = 3.0  # of the target, in tolerances: what hardly moves may be a star
DIRECTIONS = (
    *("north", "north-east", "east", "south-east"),
    *("south", "south-west", "west", "north-west"),
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Something that moves like a target: offset (arcsec), frames that show it, magnitude."""

    east: float
    north: float
    frames: int
    mag: float

    @property
    def apart(self) -> float:
        """Distance from the prediction, arcsec."""
        return math.hypot(self.east, self.north)


def looked_for(
    tracks: Sequence[Track],
    frames: Sequence[MeasuredFrame],
    surroundings: Surroundings,
    settings: DistillSettings,
) -> list[Track]:
    """Tracks, those of targets that ought to be seen and are not looked for around.

    Parameters
    ----------
    tracks : sequence of Track
        As told apart; what is a source of one of them is not that of another.
    """
    result = []
    for track in tracks:
        inside = _inside(track.target, frames)
        limit = _limit(frames)
        unseen = sum(track.rows[number] is None for number in inside)
        ought = track.target.predicted_mag < limit - BRIGHTER_MAG and len(inside) > 0
        if track.target.kind in {MOVING, ASTEROID} and ought and 2 * unseen > len(inside):
            others = {
                (number, row)
                for each in tracks
                if each is not track
                for number, row in enumerate(each.rows)
                if row is not None
            }
            result.append(_looked_for(track, frames, surroundings, settings, others, inside, limit))
        else:
            result.append(track)
    return result


def _looked_for(
    track: Track,
    frames: Sequence[MeasuredFrame],
    surroundings: Surroundings,
    settings: DistillSettings,
    taken: set[tuple[int, int]],
    inside: Sequence[int],
    limit: float,
) -> Track:
    """One target, found elsewhere or told to be missing."""
    target = track.target
    found = _moving_alike(target, frames, surroundings, settings, taken)
    needed = max(FEWEST_FRAMES, len(inside) // 2 + 1)
    found = [each for each in found if each.frames >= needed]
    told = f"predicted V = {target.predicted_mag:.1f}, limit {limit:.1f}: "
    if not found:
        reach = f"nothing within {REACH_ARCSEC:.0f} arcsec moves like it"
        return replace(track, whereabouts=f"{told}not there; {reach}")
    if len(found) > 1:
        places = "; ".join(
            f"{place.apart:.1f} arcsec {direction(place.east, place.north)} of the prediction "
            f"({place.mag:.1f} mag, {place.frames} frames)"
            for place in found
        )
        return replace(track, whereabouts=f"{told}not there; several candidates: {places}")
    best = found[0]
    own = identification.tracked(
        target.moved(best.east, best.north), frames, surroundings, settings, taken
    )
    seen = sum(row is not None for row in own.rows)
    if seen < needed:
        return replace(track, whereabouts=f"{told}not there")
    shift = own.shift_arcsec + np.array([[best.east], [best.north]])
    words = f"{best.apart:.1f} arcsec from the ephemeris on {seen} of {len(inside)} frames"
    return replace(
        own,
        target=target,
        shift_arcsec=shift,
        is_confirmed=True,
        is_elsewhere=True,
        whereabouts=words,
    )


def _moving_alike(
    target: Target,
    frames: Sequence[MeasuredFrame],
    surroundings: Surroundings,
    settings: DistillSettings,
    taken: set[tuple[int, int]],
) -> list[Elsewhere]:
    """What keeps its distance from the prediction, the one on most frames first."""
    radius = float(np.median([tolerance_arcsec(each, settings) for each in frames]))
    if identification.way_arcsec(target) < SHORTEST_WAY * radius:
        return []
    reach = np.full(len(frames), REACH_ARCSEC)
    places = identification.candidates(target, frames, reach, surroundings, taken)
    mags = np.array(
        [frames[n].magnitudes()[row] for n, row in zip(places.frame, places.row, strict=True)]
    )
    left = np.abs(mags - target.predicted_mag) <= LARGEST_DIFFERENCE_MAG
    apart = np.hypot(places.east - places.east[:, None], places.north - places.north[:, None])
    found: list[Elsewhere] = []
    while left.any():
        near = (apart <= radius) & left
        count = np.array([len(set(places.frame[row])) for row in near], int)
        best = int(np.argmax(np.where(left, count, -1)))
        group = near[best]
        if count[best] < FEWEST_FRAMES:
            break
        east, north = (float(np.median(each[group])) for each in (places.east, places.north))
        mag = float(np.median(mags[group]))
        found.append(Elsewhere(east, north, int(count[best]), mag))
        left &= np.hypot(places.east - east, places.north - north) > 2 * radius
    return found


def _inside(target: Target, frames: Sequence[MeasuredFrame]) -> list[int]:
    """Numbers of the frames on which a target is predicted."""
    places = zip(frames, target.ra_deg.tolist(), target.dec_deg.tolist(), strict=True)
    return [
        number
        for number, (each, ra, dec) in enumerate(places)
        if each.contains(*each.pixel_of(ra, dec))
    ]


def _limit(frames: Sequence[MeasuredFrame]) -> float:
    """Typical limiting magnitude; NaN where the frames are not calibrated."""
    limits = [each.facts.limiting_mag for each in frames if each.is_calibrated]
    return float(np.median(limits)) if limits else math.nan


def outside(target: Target, frames: Sequence[MeasuredFrame]) -> str:
    """How far and where a target lies outside of the frames; empty if that is not known."""
    known = np.flatnonzero(np.isfinite(target.ra_deg) & np.isfinite(target.dec_deg))
    if not known.size or _inside(target, frames):
        return ""
    number = int(known[known.size // 2])
    calibrated = frames[number]
    ny, nx = calibrated.frame.shape
    centre = calibrated.wcs.all_pix2world((nx + 1) / 2, (ny + 1) / 2, 1)
    east, north = sky.offsets_arcsec(
        float(centre[0]), float(centre[1]), target.ra_deg[number], target.dec_deg[number]
    )
    apart = math.hypot(float(east), float(north)) / 60.0
    size = max(nx, ny) * calibrated.scale_arcsec / 60.0
    where = direction(float(east), float(north))
    return f": {apart:.1f} arcmin {where} of their middle, frames of {size:.1f} arcmin"


def direction(east: float, north: float) -> str:
    """One of eight points of the compass."""
    return DIRECTIONS[round(math.degrees(math.atan2(east, north)) / 45.0) % 8]
