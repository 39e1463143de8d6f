"""Which source of one list is which of another: one-to-one, on the sphere."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photpipe.ground.sky import ARCSEC_PER_DEG, FloatArray, unit_vectors

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Indices = NDArray[np.intp]


class Matches(NamedTuple):
    """Pairs of sources: indices into both lists and separations, each of shape (n_pairs,)."""

    index1: Indices
    index2: Indices
    separation_arcsec: FloatArray


def mutual_matches(
    ra1_deg: ArrayLike,
    dec1_deg: ArrayLike,
    ra2_deg: ArrayLike,
    dec2_deg: ArrayLike,
    tolerance_arcsec: float,
    isolated: bool = False,
) -> Matches:
    """Pairs of sources that are each other's nearest and within the tolerance.

    Parameters
    ----------
    ra1_deg, dec1_deg, ra2_deg, dec2_deg : array_like of shape (n1,), (n1,), (n2,), (n2,)
        Positions in degrees; those that are not finite match nothing.
    tolerance_arcsec : float
        Largest separation on the sky.
    isolated : bool
        Leave out pairs of which either source has a second neighbor within the tolerance:
        a blend must not calibrate.

    Returns
    -------
    Matches
        In ascending order of `index1`; every source appears at most once.
    """
    from scipy.spatial import cKDTree

    rows1, points1 = _points(ra1_deg, dec1_deg)
    rows2, points2 = _points(ra2_deg, dec2_deg)
    if not (len(rows1) and len(rows2) and tolerance_arcsec >= 0):
        return Matches(rows1[:0], rows2[:0], np.zeros(0))
    chord = 2 * np.sin(np.radians(min(tolerance_arcsec / ARCSEC_PER_DEG, 180.0)) / 2)
    tree1, tree2 = cKDTree(points1, balanced_tree=False), cKDTree(points2, balanced_tree=False)
    there, distance, crowded1 = _nearest(tree1, tree2, chord, isolated)
    back, _, crowded2 = _nearest(tree2, tree1, chord, isolated)
    candidates = np.flatnonzero(np.isfinite(distance))
    pairs = candidates[back[there[candidates]] == candidates]
    if isolated:
        pairs = pairs[~crowded1[pairs] & ~crowded2[there[pairs]]]
    separation = np.degrees(2 * np.arcsin(np.minimum(distance[pairs] / 2, 1.0)))
    return Matches(rows1[pairs], rows2[there[pairs]], np.asarray(separation * ARCSEC_PER_DEG))


def _points(ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[Indices, FloatArray]:
    """Rows with a position, and their unit vectors."""
    ra, dec = np.asarray(ra_deg, float).ravel(), np.asarray(dec_deg, float).ravel()
    rows = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    return rows, unit_vectors(ra[rows], dec[rows])


def _nearest(
    tree: "cKDTree", others: "cKDTree", chord: float, second: bool
) -> tuple[Indices, FloatArray, NDArray[np.bool_]]:
    """For each point of a tree: its nearest other, the chord, whether a second is in reach.

    The chord is infinite where nothing is in reach.
    """
    # the bound is exclusive, the tolerance inclusive; the margin is 0.02 micro-arcsec
    bound = float(np.nextafter(chord, 3.0)) + 1e-13
    # neighbors asked one after the other find the nodes of the other tree still in the cache
    order = tree.indices
    found = others.query(tree.data[order], k=[1, 2] if second else [1], distance_upper_bound=bound)
    distances, indices = np.empty((tree.n, 1 + second)), np.empty((tree.n, 1 + second), np.intp)
    distances[order], indices[order] = found
    return indices[:, 0], distances[:, 0], np.isfinite(distances[:, -1])
