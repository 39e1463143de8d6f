"""Relative zeropoints of frames from the stars that they have in common.

Clouds come and go: the exposure time alone does not tell how many counts a star gives. Each
star has one unknown magnitude m_j, each frame one unknown zeropoint z_i, and every measurement
says mag_ij + z_i = m_j. The least-squares solution is exact and one small matrix of frames by
frames; stars that vary and bad measurements are clipped.
"""

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science.noise import robust_sigma

FEWEST_COMMON_STARS = 3  # one of them may vary, and two agree
ERROR_FLOOR_MAG = 0.01  # so that no single bright star decides
CLIP_SIGMA = 4.0  # one good star in 16 000 lies beyond
CLIP_ROUNDS = 4  # by then the clipped set no longer changes, mostly


def relative_zeropoints(mag: FloatArray, error_mag: FloatArray) -> FloatArray:
    """Zeropoints of frames relative to each other.

    Parameters
    ----------
    mag, error_mag : array, shape (frames, stars)
        Instrumental magnitudes and their errors; NaN where a star was not measured.

    Returns
    -------
    array, shape (frames,)
        Their median is 0; the zeropoint of a clear frame is larger. NaN for frames that are
        not connected, by three common stars from frame to frame, with the largest group.
    """
    seen = np.isfinite(mag) & np.isfinite(error_mag)
    seen &= seen.sum(axis=0) > 1
    group = _largest_group(seen)
    zeropoint = np.full(len(mag), np.nan)
    if group.sum() < 2:
        return zeropoint
    safe = np.where(seen, mag, 0.0)[group]
    errors = np.where(seen, error_mag, np.inf)[group]
    weight = 1.0 / (errors**2 + ERROR_FLOOR_MAG**2)
    solution = _solved(safe, weight)
    for _ in range(CLIP_ROUNDS):
        residual = safe + solution[:, None] - _star_magnitudes(safe, weight, solution)
        used = weight > 0
        sigma = np.maximum(robust_sigma(residual[used]), np.hypot(errors, ERROR_FLOOR_MAG))
        outlier = used & (np.abs(residual) > CLIP_SIGMA * sigma)
        if not outlier.any():
            break
        weight[outlier] = 0.0
        solution = _solved(safe, weight)
    zeropoint[group] = solution - np.median(solution)
    return zeropoint


def _largest_group(seen: BoolArray) -> BoolArray:
    """Which frames are connected with the most others; bool array of shape (frames,)."""
    from scipy.sparse.csgraph import connected_components

    shared = seen.astype(int) @ seen.T.astype(int)
    _, label = connected_components(shared >= FEWEST_COMMON_STARS, directed=False)
    return np.asarray(label == np.argmax(np.bincount(label)))


def _star_magnitudes(mag: FloatArray, weight: FloatArray, zeropoint: FloatArray) -> FloatArray:
    """Weighted mean magnitude of each star; 0 for stars without weight."""
    total = weight.sum(axis=0)
    summed = (weight * (mag + zeropoint[:, None])).sum(axis=0)
    return np.asarray(np.divide(summed, total, out=np.zeros_like(total), where=total > 0))


def _solved(mag: FloatArray, weight: FloatArray) -> FloatArray:
    """Zeropoints of the normal equations, the stars eliminated; their mean is 0."""
    total = weight.sum(axis=0)
    share = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    normal = np.diag(weight.sum(axis=1)) - share @ weight.T
    mean = _star_magnitudes(mag, weight, np.zeros(len(mag)))
    right = -(weight * (mag - mean)).sum(axis=1)
    return np.asarray(np.linalg.lstsq(normal, right, rcond=1e-10)[0])
