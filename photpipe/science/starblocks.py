"""The normal matrix of stars that are fitted at once: blocks of three by three unknowns.

Flux and place of a star are coupled with those of the stars that share pixels with it, and few do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.psf import Stamps

FloatArray = NDArray[np.float64]
FloatArray32 = NDArray[np.float32]
IntArray = NDArray[np.intp]

TOGETHER = 2000  # pairs of stars that are multiplied at once: 3 MB


@dataclass(frozen=True, slots=True)
class Blocks:
    """A symmetric matrix of blocks that are not zero.

    Parameters
    ----------
    count : int
        Stars.
    key : array of int, shape (n,)
        Row times `count` plus column of each block, rising.
    block : array, shape (n, 3, 3)
        The blocks.
    """

    count: int
    key: IntArray
    block: FloatArray

    @classmethod
    def of(cls, design: FloatArray32, stamps: Stamps) -> "Blocks":
        """Normal matrix of a design, of shape (stars, 3, pixels)."""
        count = len(design)
        own = (design @ design.transpose(0, 2, 1)).astype(float)
        one, other = _touching(stamps)
        lookup, side = _lookup(stamps)
        # the last pixel is none
        padded = np.zeros((count, design.shape[2] + 1, 3), np.float32)
        padded[:, :-1] = design.transpose(0, 2, 1)
        mixed = np.empty((one.size, 3, 3))
        for start in range(0, one.size, TOGETHER):
            a, b = one[start : start + TOGETHER], other[start : start + TOGETHER]
            row = stamps.rows + (stamps.row[a] - stamps.row[b])[:, None] + side
            column = stamps.columns + (stamps.column[a] - stamps.column[b])[:, None] + side
            inside = (np.minimum(row, column) >= 0) & (np.maximum(row, column) <= 2 * side)
            there = lookup[np.where(inside, row * (2 * side + 1) + column, -1)]
            mixed[start : start + TOGETHER] = design[a] @ padded[b[:, None], there]
        diagonal = np.arange(count) * (count + 1)
        key = np.concatenate([diagonal, one * count + other, other * count + one])
        order = np.argsort(key)
        block = np.concatenate([own, mixed, mixed.transpose(0, 2, 1)])
        return cls(count, key[order], block[order])

    @property
    def diagonal(self) -> FloatArray:
        """Shape (count, 3)."""
        own = self.key % (self.count + 1) == 0
        return np.asarray(self.block[own][:, [0, 1, 2], [0, 1, 2]])

    def solved(self, added: FloatArray, right: FloatArray) -> FloatArray:
        """What solves the matrix, with an addition to its diagonal; all of shape (count, 3)."""
        from scipy.sparse import bsr_array
        from scipy.sparse.linalg import splu

        block = self.block.copy()
        own = np.flatnonzero(self.key % (self.count + 1) == 0)
        for axis in range(3):
            block[own, axis, axis] += added[:, axis]
        pointer = np.searchsorted(self.key, np.arange(self.count + 1) * self.count)
        side = 3 * self.count
        whole = bsr_array((block, self.key % self.count, pointer), shape=(side, side))
        mode = {"SymmetricMode": True}
        solver = splu(
            whole.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=mode
        )
        return np.asarray(solver.solve(right.ravel())).reshape(-1, 3)

    def variances(self) -> FloatArray:
        """Variances of each star's unknowns, fitted with those that touch it; shape (count, 3).

        Infinite where none of its pixels counts.
        """
        found = np.full((self.count, 3), np.inf)
        pointer = np.searchsorted(self.key, np.arange(self.count + 1) * self.count)
        touching = np.diff(pointer)
        column = self.key % self.count
        for size in np.unique(touching):
            star = np.flatnonzero(touching == size)
            near = column[pointer[star][:, None] + np.arange(size)]
            wanted = near[:, :, None] * self.count + near[:, None, :]
            at = np.minimum(np.searchsorted(self.key, wanted.ravel()), self.key.size - 1)
            block = np.where(
                (self.key[at] == wanted.ravel())[:, None, None], self.block[at], 0.0
            ).reshape(star.size, size, size, 3, 3)
            matrix = block.transpose(0, 1, 3, 2, 4).reshape(star.size, 3 * size, 3 * size)
            unknown = np.arange(3 * size)
            matrix[:, unknown, unknown] += 1e-9 * matrix[:, unknown, unknown] + 1e-30
            first = 3 * np.argmax(near == star[:, None], axis=1)
            inverse = _inverses(matrix)
            own = first[:, None] + np.arange(3)
            found[star] = np.abs(inverse[np.arange(star.size)[:, None], own, own])
        found[self.diagonal[:, 0] == 0] = np.inf
        return found


def _inverses(matrices: FloatArray) -> FloatArray:
    """Inverses; infinite where there is none."""
    try:
        return np.asarray(np.linalg.inv(matrices), float)
    except np.linalg.LinAlgError:
        found = np.full_like(matrices, np.inf)
        for number, matrix in enumerate(matrices):
            try:
                found[number] = np.linalg.inv(matrix)
            except np.linalg.LinAlgError:
                continue
        return found


def _touching(stamps: Stamps) -> tuple[IntArray, IntArray]:
    """Pairs of stars that may share pixels."""
    from scipy.spatial import KDTree

    places = np.column_stack([stamps.column, stamps.row]).astype(float)
    reach = 2.0 * float(np.hypot(stamps.rows, stamps.columns).max())
    pairs = KDTree(places).query_pairs(reach + 1e-6, output_type="ndarray").astype(np.intp)
    return pairs[:, 0], pairs[:, 1]


def _lookup(stamps: Stamps) -> tuple[IntArray, int]:
    """Numbers of the pixels of a stamp by their place in its square, and half the square's side.

    The last number, of no place, is that of no pixel.
    """
    side = int(np.abs(stamps.rows).max())
    number = np.full((2 * side + 1) ** 2 + 1, stamps.rows.size)
    number[(stamps.rows + side) * (2 * side + 1) + stamps.columns + side] = np.arange(
        stamps.rows.size
    )
    return number, side
