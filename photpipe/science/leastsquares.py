"""Fits of a few numbers within limits, as scipy.optimize makes them, which takes long to import.

Levenberg (1944, Quart. Appl. Math. 2, 164) and Marquardt (1963, SIAM J. Appl. Math. 11, 431); a
number that the fit would take beyond its limit stays there.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Misfit = Callable[[FloatArray], FloatArray]

ROUNDS = 100  # a bound: a dozen are enough
# Marquardt's 0.01 and less, as these fits begin near their ends; beyond, nothing moves any more
DAMPING, LEAST_DAMPING, LARGEST_DAMPING = 1e-3, 1e-9, 1e9
ENOUGH = 1e-10  # by which the sum of squares still falls, relative: far below any error
STEP = 1e-7  # of the differences that tell the slopes: the root of what a float resolves, and more


def fitted(
    misfit: Misfit,
    begin: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """Numbers within limits for which the sum of squares is smallest; shape (parameters,).

    Parameters
    ----------
    misfit : callable
        Differences, in units of their errors.
    begin, low, high : array, shape (parameters,)
        Where the search begins, and the limits.
    """
    here = np.clip(begin, low, high)
    left = misfit(here)
    damping = DAMPING
    for _ in range(ROUNDS):
        slopes = _slopes(misfit, here, left, high)
        downhill = -slopes.T @ left
        free = ~((here <= low) & (downhill < 0) | (here >= high) & (downhill > 0))
        if not free.any():
            break
        normal = slopes[:, free].T @ slopes[:, free]
        before = float(left @ left)
        while damping < LARGEST_DAMPING:
            matrix = normal + np.diag(damping * np.diag(normal))
            there = here.copy()
            there[free] += np.linalg.lstsq(matrix, downhill[free], rcond=None)[0]
            there = np.clip(there, low, high)
            found = misfit(there)
            if found @ found < before:
                here, left, damping = there, found, max(damping / 10, LEAST_DAMPING)
                break
            damping *= 10
        if before - float(left @ left) <= ENOUGH * before:
            break
    return here


def _slopes(
    misfit: Misfit,
    here: FloatArray,
    left: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """Derivatives of the misfits, shape (misfits, parameters)."""
    steps = STEP * np.maximum(np.abs(here), 1.0)
    steps = np.where(here + steps > high, -steps, steps)
    return np.column_stack([(misfit(here + each) - left) / each.sum() for each in np.diag(steps)])
