"""Which source of each frame is the target.

A source is a candidate when it lies within the tolerance of the prediction and is not a star:
a moving target is never a source that stands there also when the target is elsewhere, nor one
of the reference catalog. Predictions may be off by more than sources are apart; the offset is
the same on all frames, though, and so the frames decide together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.surroundings import STAR_TOLERANCE_ARCSEC, Star, Surroundings
from photpipe.distill.targets import MARKED_STAR, POSITIONS, Target
from photpipe.ground import sky
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.run.settings import DistillSettings
from photpipe.science.agreement import FEWEST_FRAMES, agreeing
from photpipe.science.flags import SourceFlag
from photpipe.science.noise import NO_MAGNITUDE

# a star that is so near and no fainter than this beside a source draws its centre by up to 0.1
# seeings (2.5 mag: 0.1 of the light at one seeing)
DRAWN_SEEINGS, DRAWN_MAG = 2.0, 2.5
DRIFT_FRAMES = 5  # from so many frames on the offset may change steadily


@dataclass(frozen=True, eq=False)
class Track:
    """A target as the series shows it.

    Parameters
    ----------
    target : Target
        What was looked for.
    rows : tuple
        Row of the source on each frame; None where there is none.
    shift_arcsec : array, shape (2, frames)
        Where it is, east and north of the prediction.
    is_confirmed : bool
        Whether several frames agree on that.
    doubts : mapping
        Number of a frame and why what is measured there cannot be trusted.
    mag : float
        Typical magnitude of its sources, or the one expected.
    whereabouts : str
        Where it is, if it is not where it was predicted to be seen.
    is_elsewhere : bool
        Whether it was found far from the prediction.
    """

    target: Target
    rows: tuple[int | None, ...]
    shift_arcsec: FloatArray
    is_confirmed: bool
    doubts: Mapping[int, str]
    mag: float
    whereabouts: str = ""
    is_elsewhere: bool = False

    @cached_property
    def located(self) -> Target:
        """The target where the series shows it."""
        return self.target.moved(*self.shift_arcsec)

    def as_star(self, number: int) -> Star:
        """The target as a neighbour of others on a frame."""
        ra, dec = self.located.ra_deg[number], self.located.dec_deg[number]
        return Star(float(ra), float(dec), self.mag, self.target.name)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sources that may be the target; arrays of shape (n,)."""

    frame: NDArray[np.int64]
    row: NDArray[np.int64]
    east: FloatArray
    north: FloatArray
    is_whole: BoolArray

    def nearest(self, number: int, shift: FloatArray, reach_arcsec: float) -> int | None:
        """Index of the candidate of a frame nearest to a shifted prediction."""
        apart = np.hypot(self.east - shift[0], self.north - shift[1])
        own = np.flatnonzero((self.frame == number) & (apart <= reach_arcsec))
        return int(own[np.argmin(apart[own])]) if own.size else None


def tolerance_arcsec(calibrated: MeasuredFrame, settings: DistillSettings) -> float:
    """How far a target may be from a prediction that is certain."""
    return max(settings.match_tolerance_arcsec, 0.5 * calibrated.seeing_arcsec)


def tracked(
    target: Target,
    frames: Sequence[MeasuredFrame],
    surroundings: Surroundings,
    settings: DistillSettings,
    taken: Collection[tuple[int, int]] = (),
) -> Track:
    """Find a target on the frames of a series.

    Parameters
    ----------
    taken : collection of (int, int)
        Numbers of frames and rows of sources that are known to be something else.
    """
    least = np.array([tolerance_arcsec(each, settings) for each in frames])
    uncertain = np.nan_to_num(target.sigma3_arcsec)
    reach = np.minimum(np.maximum(least, uncertain), settings.largest_tolerance_arcsec)
    found = candidates(target, frames, reach, surroundings, taken)
    radius = float(np.median(least))
    is_certain = bool((reach <= least).all())
    agreed = agreeing(found.east, found.north, found.frame, radius)
    if agreed is not None and not is_certain and way_arcsec(target) < 2 * radius:
        agreed = None  # what stands still may be a star that no catalog knows
    elif agreed is not None:
        agreed = _whole_ones(found, agreed, is_certain=is_certain)
    shift = np.zeros((2, len(frames)))
    if agreed is not None:
        shift = _shift(found, agreed, np.array([each.midtime_jd for each in frames]))
        reach = least
    rows: list[int | None] = []
    doubts = _doubts_about_frames(target, frames)
    for number in range(len(frames)):
        index = found.nearest(number, shift[:, number], float(reach[number]))
        rows.append(None if index is None else int(found.row[index]))
        if index is not None and agreed is None:
            apart = float(np.hypot(found.east[index], found.north[index]))
            if apart > least[number]:
                doubts.setdefault(
                    number,
                    f"{apart:.1f} arcsec from an uncertain prediction, and no other frame "
                    "confirms that it is the target",
                )
    mags = [
        each.magnitudes()[row] for each, row in zip(frames, rows, strict=True) if row is not None
    ]
    mag = float(np.nanmedian(mags)) if np.isfinite(mags).any() else target.predicted_mag
    return Track(target, tuple(rows), shift, agreed is not None, doubts, mag)


def told_apart(
    targets: Sequence[Target],
    frames: Sequence[MeasuredFrame],
    surroundings: Surroundings,
    settings: DistillSettings,
) -> list[Track]:
    """Find several targets; no two moving ones share a source.

    A source that several could be is that of which it is nearest to the prediction, in units of
    the tolerance; the others are looked for again without it.
    """
    taken: list[set[tuple[int, int]]] = [set() for _ in targets]
    tracks = [tracked(each, frames, surroundings, settings) for each in targets]
    while True:
        lost = _lost_claims(tracks, frames, settings)
        if not lost:
            return tracks
        for index, source in lost:
            taken[index].add(source)
        for index in {index for index, _ in lost}:
            own = tracked(targets[index], frames, surroundings, settings, taken[index])
            # of unknown brightness: it may be all of the light that it is lost in
            mag = own.mag if np.isfinite(own.mag) else tracks[index].mag
            tracks[index] = replace(own, mag=mag)


def _lost_claims(
    tracks: Sequence[Track], frames: Sequence[MeasuredFrame], settings: DistillSettings
) -> list[tuple[int, tuple[int, int]]]:
    """Index of a track and a source (frame, row) of it that rather is another target."""
    claims: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for index, track in enumerate(tracks):
        for number, row in enumerate(track.rows):
            if row is not None and track.target.moves:
                off = _off_prediction(track.target, frames[number], number, row, settings)
                claims.setdefault((number, row), []).append((off, index))
    return [(index, source) for source, claim in claims.items() for _, index in sorted(claim)[1:]]


def _off_prediction(
    target: Target, calibrated: MeasuredFrame, number: int, row: int, settings: DistillSettings
) -> float:
    """Distance of a source from a prediction, in units of what the prediction allows."""
    place = calibrated.value("ra_deg", row), calibrated.value("dec_deg", row)
    apart = sky.separation_deg(*place, target.ra_deg[number], target.dec_deg[number])
    uncertain = float(np.nan_to_num(target.sigma3_arcsec[number]))
    allowed = max(tolerance_arcsec(calibrated, settings), uncertain)
    return float(apart) * sky.ARCSEC_PER_DEG / allowed


def _doubts_about_frames(target: Target, frames: Sequence[MeasuredFrame]) -> dict[int, str]:
    """Frames that lack the zeropoint or the registration that others of the series have."""
    doubts = {}
    some_registered = any(each.facts.astrometric_catalog for each in frames)
    some_calibrated = any(each.is_calibrated for each in frames)
    for number, each in enumerate(frames):
        # positions found by hand hold for a frame however it is registered
        by_hand = target.kind in {POSITIONS, MARKED_STAR}
        if some_registered and not by_hand and not each.facts.astrometric_catalog:
            doubts[number] = "the frame is not registered: the target may be elsewhere"
        elif some_calibrated and not each.is_calibrated:
            doubts[number] = "the frame has no zeropoint: the magnitude is instrumental"
    return doubts


def way_arcsec(target: Target) -> float:
    """Distance between the ends of the predicted path."""
    known = np.flatnonzero(np.isfinite(target.ra_deg))
    if known.size < 2 or not target.moves:
        return 0.0
    first, last = known[0], known[-1]
    way = sky.separation_deg(
        target.ra_deg[first], target.dec_deg[first], target.ra_deg[last], target.dec_deg[last]
    )
    return float(way) * sky.ARCSEC_PER_DEG


def _whole_ones(found: Candidates, agreed: BoolArray, *, is_certain: bool) -> BoolArray | None:
    """Those of the agreeing sources that are not parts of trails nor beside stars, which mislead.

    With parts alone a certain prediction is better than they are.
    """
    whole = agreed & found.is_whole
    if whole.sum() >= FEWEST_FRAMES:
        return np.asarray(whole)
    return None if is_certain else agreed


def _shift(found: Candidates, agreed: BoolArray, midtime_jd: FloatArray) -> FloatArray:
    """Offset from the prediction on each frame: the median, or a steady drift."""
    time = midtime_jd - midtime_jd[0]
    of_agreed = time[found.frame[agreed]]
    offsets = np.stack([found.east[agreed], found.north[agreed]])
    if len(of_agreed) < DRIFT_FRAMES or np.ptp(of_agreed) < time[-1] / 2:
        return np.asarray(np.repeat(np.median(offsets, axis=1), len(time)).reshape(2, -1))
    return np.stack([_line(of_agreed, each, time) for each in offsets])


def _line(time: FloatArray, values: FloatArray, wanted: FloatArray) -> FloatArray:
    """Straight line through points of which some may be wrong (Sen 1968, JASA 63, 1379)."""
    one, other = np.triu_indices(len(time), 1)
    apart = time[other] - time[one]
    slope = np.median((values[other] - values[one])[apart > 0] / apart[apart > 0])
    return np.asarray(np.median(values - slope * time) + slope * wanted)


def candidates(
    target: Target,
    frames: Sequence[MeasuredFrame],
    reach_arcsec: FloatArray,
    surroundings: Surroundings,
    taken: Collection[tuple[int, int]],
) -> Candidates:
    """Sources within reach of the predictions that are no stars, nor taken by other targets."""
    numbers, rows, places, whole = [], [], [], []
    for number, calibrated in enumerate(frames):
        prediction = float(target.ra_deg[number]), float(target.dec_deg[number])
        if not np.isfinite(prediction).all():
            continue
        east, north = sky.offsets_arcsec(
            *prediction, calibrated.column("ra_deg"), calibrated.column("dec_deg")
        )
        near = np.hypot(east, north) <= reach_arcsec[number]
        for row in np.flatnonzero(near & (calibrated.column("MAG_APER") < NO_MAGNITUDE)):
            if (number, int(row)) in taken:
                continue
            if not target.moves or not _is_star(
                calibrated, int(row), target, surroundings, float(reach_arcsec[number])
            ):
                numbers.append(number)
                rows.append(int(row))
                places.append((float(east[row]), float(north[row])))
                blended = int(calibrated.value("FLAGS", int(row))) & SourceFlag.BLENDED
                whole.append(
                    not blended and not _is_drawn(calibrated, int(row), target, surroundings)
                )
    place = np.array(places, float).reshape(-1, 2)
    return Candidates(
        np.array(numbers, np.int64),
        np.array(rows, np.int64),
        place[:, 0],
        place[:, 1],
        np.array(whole, bool),
    )


def _is_drawn(
    calibrated: MeasuredFrame, row: int, target: Target, surroundings: Surroundings
) -> bool:
    """Whether a known star beside a moving target draws the centre of its source."""
    if not target.moves:
        return False
    here = calibrated.value("ra_deg", row), calibrated.value("dec_deg", row)
    reach = DRAWN_SEEINGS * calibrated.seeing_arcsec
    clear = calibrated.aperture_arcsec + calibrated.seeing_arcsec
    mag = calibrated.magnitudes()[row]
    stars = surroundings.stars_near(target, *here, reach, clear)
    return any(star.mag < mag + DRAWN_MAG for star in stars)


def _is_star(
    calibrated: MeasuredFrame,
    row: int,
    target: Target,
    surroundings: Surroundings,
    reach_arcsec: float,
) -> bool:
    """Whether a source stands there without the target, too."""
    here = calibrated.value("ra_deg", row), calibrated.value("dec_deg", row)
    limit = max(STAR_TOLERANCE_ARCSEC, calibrated.scale_arcsec)
    clear = max(reach_arcsec, calibrated.aperture_arcsec + calibrated.seeing_arcsec)
    stars = surroundings.stars_near(target, *here, limit, clear)
    # a target that outshines the star under it is the target, and contaminated
    mag = calibrated.magnitudes()[row]
    return any(star.mag < mag + 1.0 for star in stars)
