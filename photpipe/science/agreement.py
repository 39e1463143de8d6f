"""Where a target is, when its prediction is uncertain: the offset on which the frames agree."""

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.sky import BoolArray, FloatArray

FEWEST_FRAMES = 2  # with one frame there is nothing to agree with


def agreeing(
    east_arcsec: FloatArray,
    north_arcsec: FloatArray,
    frame: NDArray[np.int64],
    radius_arcsec: float,
) -> BoolArray | None:
    """Candidates, one per frame at most, that lie at one offset from the predictions.

    An error of a prediction hardly changes during a night; noise and passing stars do not
    move with the target.

    Parameters
    ----------
    east_arcsec, north_arcsec : array, shape (n,)
        Offsets of the candidates from the predictions.
    frame : int array, shape (n,)
        Number of the frame of each.
    radius_arcsec : float
        How far the offsets may be apart.

    Returns
    -------
    bool array, shape (n,), or None
        None unless at least two frames agree, more of them than have candidates elsewhere
        alone, and on one offset alone.
    """
    apart = np.hypot(east_arcsec - east_arcsec[:, None], north_arcsec - north_arcsec[:, None])
    near = apart <= radius_arcsec
    frames = np.array([len(set(frame[row])) for row in near], int)
    if not frames.size or frames.max() < FEWEST_FRAMES:
        return None
    best = frames == frames.max()
    spread = np.where(best, np.sum(apart * near, axis=1) / near.sum(axis=1), np.inf)
    centre = int(np.argmin(spread))
    is_alone = not (best & (apart[centre] > 2 * radius_arcsec)).any()
    if not is_alone or len(set(frame)) >= 2 * frames[centre]:
        return None
    chosen = np.zeros(len(frame), bool)
    for number in set(frame[near[centre]]):
        own = np.flatnonzero(frame == number)
        chosen[own[np.argmin(apart[centre, own])]] = True
    return chosen
