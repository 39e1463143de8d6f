"""Which of the sources found above one threshold would be found above a higher one.

Above a threshold t, a star of peak P and width w (FWHM) covers the area
A(t) = pi w² / (4 ln 2) ln(P / t), so that A(T) = A(t) - pi w² / (4 ln 2) ln(T / t).
"""

import math

import numpy as np
from numpy.typing import NDArray

AREA_PER_WIDTH = math.pi / (4.0 * math.log(2.0))


def found_above(
    area_px: NDArray[np.floating], fwhm_px: float, ratio: float, minarea_px: int
) -> NDArray[np.bool_]:
    """Sources that keep enough connected pixels above a threshold so many times as high.

    Parameters
    ----------
    area_px : array, shape (n,)
        Pixels of each source above the lower threshold.
    fwhm_px : float
        Width of the stars; NaN if unknown, which lets all sources through.
    ratio : float
        Higher threshold over lower one, at least 1.
    minarea_px : int
        Pixels that are asked for.
    """
    lost_px = AREA_PER_WIDTH * fwhm_px**2 * math.log(ratio)
    if not math.isfinite(lost_px):
        return np.ones(len(area_px), bool)
    return np.asarray(area_px - lost_px >= minarea_px)
