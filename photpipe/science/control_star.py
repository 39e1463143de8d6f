"""The control star: a constant, unsaturated, isolated star that is measured like the target."""

from dataclasses import dataclass

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray

PRESENCE = 0.9  # least fraction of the frames on which it was seen
BRIGHTNESS_RANK = 0.05  # about the star that 5 % of the candidates outshine
RANK_WIDTH = 0.10  # among the candidates up to this rank beyond, the quietest is taken
EDGE_PX = 20.0  # by judgement: an aperture with most of its sky


@dataclass(frozen=True, slots=True)
class ControlCandidates:
    """Stars of a series; arrays of shape (stars,) or (stars, frames), NaN where not seen.

    Parameters
    ----------
    mag : array, shape (stars, frames)
        Magnitudes; frame to frame differences must be small (calibrated, or nearly so).
    is_clean : bool array, shape (stars, frames)
        Seen there without any flag, below 70 % of saturation, away from the edges.
    is_isolated : bool array, shape (stars,)
        No neighbour within three apertures.
    is_excluded : bool array, shape (stars,)
        Catalogued variables and what the targets pass.
    """

    mag: FloatArray
    is_clean: BoolArray
    is_isolated: BoolArray
    is_excluded: BoolArray


def choose(candidates: ControlCandidates) -> int | None:
    """Index of the control star, or None if no star will do.

    Among the candidates around the 5 % brightness rank the one with the smallest scatter is
    taken. When none is isolated, or seen often enough, the demands are lowered in this order:
    isolation, then presence (to half of the frames).
    """
    seen = candidates.is_clean.mean(axis=1)
    median = np.nanmedian(_filled(candidates.mag), axis=1)
    never = np.logical_or(candidates.is_excluded, ~np.isfinite(median))
    demands = (
        (seen >= PRESENCE) & candidates.is_isolated,
        seen >= PRESENCE,
        seen >= PRESENCE / 2,
    )
    for wanted in demands:
        usable = np.flatnonzero(wanted & ~never)
        if usable.size:
            return _quietest(candidates, usable)
    return None


def _filled(mag: FloatArray) -> FloatArray:
    """Magnitudes, with infinity for stars that were never seen (no warning of empty slices)."""
    seen = np.isfinite(mag).any(axis=1, keepdims=True)
    return np.where(seen, mag, np.inf)


def _quietest(
    candidates: ControlCandidates, usable: "np.ndarray[tuple[int], np.dtype[np.intp]]"
) -> int:
    """Candidate of the smallest scatter among those of the right brightness."""
    mag = np.where(candidates.is_clean[usable], candidates.mag[usable], np.nan)
    brightness = np.nanmedian(_filled(mag), axis=1)
    order = np.argsort(brightness)
    first = int(BRIGHTNESS_RANK * usable.size)
    last = max(first + 1, int((BRIGHTNESS_RANK + RANK_WIDTH) * usable.size))
    shortlist = order[first:last]
    deviation = np.abs(mag[shortlist] - brightness[shortlist, None])
    return int(usable[shortlist[np.argmin(np.nanmedian(deviation, axis=1))]])
