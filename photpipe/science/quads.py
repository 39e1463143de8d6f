"""Quadrilaterals of stars over a piece of sky, and search trees of them.

The conventions are those of Astrometry.net (Lang et al. 2010AJ....139.1782L): with star A at
(0, 0) and B at (1, 1), the places of C and D are the code of a quadrilateral; C and D lie in
the circle over AB, C left of D, and both together left of the middle.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.astrometry import ComplexArray, coordinates, star_tree

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STARS_PER_CELL = 8
PAIRS_PER_CELL = 8
INNER_STARS = 4  # by judgement: stars between the two of a pair; more make no other quads
QUADS_PER_PAIR = 2
LEAF_SIZE = 16  # by judgement: stars in a leaf of the tree; any number can be read
LARGEST_RANK = 255  # a byte of the index file


@dataclass(frozen=True, slots=True)
class SkyQuads:
    """Quadrilaterals of one size.

    Parameters
    ----------
    stars : int array, shape (n,)
        The stars that may be corners, brightest first.
    rank : int array, shape (n,)
        How many brighter ones there are in the cell of each.
    corners : int array, shape (m, 4)
        Places in `stars` of A, B, C, D.
    codes : array, shape (m, 4)
        Places of C and D.
    """

    stars: IntArray
    rank: IntArray
    corners: IntArray
    codes: FloatArray


def sky_quads(plane: ComplexArray, smallest: float, largest: float) -> SkyQuads:
    """Quadrilaterals of bright stars, evenly over the plane.

    Parameters
    ----------
    plane : complex array
        Positions, brightest first, east + i north.
    smallest, largest : float
        Limits of the distance of A and B, in the unit of the plane.
    """
    rank = _rank_in_cell(_cells(plane, smallest))
    stars = np.flatnonzero(rank < STARS_PER_CELL)
    at, rank = plane[stars], rank[stars]
    pairs = _pairs(at, rank, smallest, largest)
    corners = _completed(at, pairs)
    corners, codes = _coded(at, corners)
    return SkyQuads(stars, rank, corners, codes)


def _cells(plane: ComplexArray, side: float) -> IntArray:
    """Number of the square cell in which each point lies."""
    column, row = (np.floor(part / side).astype(np.int64) for part in (plane.real, plane.imag))
    return np.asarray(column * 1_000_003 + row)


def _rank_in_cell(cells: IntArray) -> IntArray:
    """How many earlier entries share the cell of each."""
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    first = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(cells.size, np.int64)
    rank[order] = np.arange(cells.size) - first
    return rank


def _pairs(at: ComplexArray, rank: IntArray, smallest: float, largest: float) -> IntArray:
    """Pairs of stars at the right distance, the brighter ones of each cell; shape (n, 2)."""
    if at.size < 2:
        return np.empty((0, 2), np.int64)
    pairs = star_tree(at).query_pairs(largest, output_type="ndarray")
    apart = np.abs(at[pairs[:, 0]] - at[pairs[:, 1]])
    pairs = pairs[apart >= smallest]
    pairs = pairs[np.argsort(rank[pairs].sum(axis=1), kind="stable")]
    middle = at[pairs].mean(axis=1)
    return np.asarray(pairs[_rank_in_cell(_cells(middle, smallest)) < PAIRS_PER_CELL], np.int64)


def _completed(at: ComplexArray, pairs: IntArray) -> IntArray:
    """Pairs with two stars inside their circles, the brighter ones; shape (n, 4)."""
    tree = star_tree(at)
    middle = at[pairs].mean(axis=1)
    radius = np.abs(at[pairs[:, 0]] - at[pairs[:, 1]]) / 2
    inside = tree.query_ball_point(coordinates(middle), radius * (1 - 1e-6), return_sorted=True)
    rows = [
        (*pair, *two)
        for pair, found in zip(pairs.tolist(), inside, strict=True)
        for two in itertools.islice(
            itertools.combinations([k for k in found if k not in pair][:INNER_STARS], 2),
            QUADS_PER_PAIR,
        )
    ]
    return np.array(rows, np.int64).reshape(-1, 4)


def _coded(at: ComplexArray, corners: IntArray) -> tuple[IntArray, FloatArray]:
    """Corners in the order that makes the code unique, and the codes."""
    a, b = at[corners[:, 0]], at[corners[:, 1]]
    inner = (at[corners[:, 2:]] - a[:, None]) / (b - a)[:, None] * (1 + 1j)
    x, y = inner.imag, inner.real
    turned = x.sum(axis=1) > 1
    corners[turned, :2] = corners[turned, 1::-1]
    x[turned], y[turned] = 1 - x[turned], 1 - y[turned]
    swapped = x[:, 0] > x[:, 1]
    corners[swapped, 2:] = corners[swapped, :1:-1]
    x[swapped], y[swapped] = x[swapped, ::-1], y[swapped, ::-1]
    return corners, np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=-1)


@dataclass(frozen=True, slots=True)
class SearchTree:
    """A balanced k-d tree in the form of Astrometry.net's files.

    Parameters
    ----------
    order : int array
        The points in the order of the leaves.
    ends : int array
        Last point of each leaf.
    splits : int array
        Splitting plane of each inner node, its dimension in the lowest bits.
    """

    order: IntArray
    ends: IntArray
    splits: IntArray


def search_tree(points: IntArray) -> SearchTree:
    """Tree of points with non-negative integer coordinates, shape (n, d), d from 2 to 4."""
    count, dimensions = points.shape
    levels = max(1, int(math.log2(max(count / LEAF_SIZE, 2))))
    leaves = 2**levels
    mask = 2 ** math.ceil(math.log2(dimensions)) - 1
    order = np.arange(count)
    spans: list[tuple[int, int]] = [(0, count)]
    splits = np.zeros(leaves - 1, np.int64)
    for node in range(leaves - 1):
        start, end = spans[node]
        part = order[start:end]
        dimension = int(np.argmax(np.ptp(points[part], axis=0))) if part.size else 0
        part = part[np.argsort(points[part, dimension], kind="stable")]
        values = points[part, dimension]
        split = int(values[part.size // 2]) & ~mask if part.size else 0
        order[start:end] = part
        middle = start + int(np.searchsorted(values, split, side="right"))
        splits[node] = split | dimension
        spans += [(start, middle), (middle, end)]
    ends = np.array([end - 1 for _, end in spans[leaves - 1 :]], np.int64)
    return SearchTree(order, ends, splits)
