"""Moving a WCS so that a target which moved stands still.

A frame is turned on the sphere, along the great circle that leads its target's position to
the position at the reference time. All angles within the frame stay as they are; only the
reference value and, because north has another direction there, the rotation change. The terms
of a TPV distortion turn with it (`photpipe.science.tpv`).
"""

from collections.abc import Mapping

import numpy as np

from photpipe.ground import sky
from photpipe.ground.sky import FloatArray
from photpipe.science import tpv


def moved_wcs(
    cards: Mapping[str, float], start: tuple[float, float], end: tuple[float, float]
) -> dict[str, float]:
    """WCS cards after the frame was turned.

    Parameters
    ----------
    cards : mapping
        CRVAL1, CRVAL2 (degrees), CDi_j, and PVi_m if the projection is TPV.
    start, end : tuple of float
        RA and Dec (degrees) of the target in the frame, and where it shall be.

    Returns
    -------
    dict
        The same cards with their new values.
    """
    if start == end:
        return dict(cards)  # rounding would make new distortion terms of some 1e-20
    turn = _shortest_rotation(sky.unit_vectors(*start), sky.unit_vectors(*end))
    reference = (cards["CRVAL1"], cards["CRVAL2"])
    ra, dec = sky.radec(turn @ sky.unit_vectors(*reference))
    _, old_north = sky.local_axes(*reference)
    east, north = sky.local_axes(ra, dec)
    turned = turn @ old_north
    angle = float(np.arctan2(turned @ east, turned @ north))
    moved = {**cards, "CRVAL1": float(ra), "CRVAL2": float(dec)}
    has_distortion = any(key.startswith("PV") for key in cards)
    return moved | (_turned_terms(cards, angle) if has_distortion else _turned_cd(cards, angle))


def _shortest_rotation(start: FloatArray, end: FloatArray) -> FloatArray:
    """Matrix of the rotation that leads one unit vector to another (Rodrigues' formula)."""
    cross, cosine = np.cross(start, end), float(start @ end)
    k = np.array(
        [[0.0, -cross[2], cross[1]], [cross[2], 0.0, -cross[0]], [-cross[1], cross[0], 0.0]]
    )
    return np.asarray(np.eye(3) + k + k @ k / (1.0 + cosine))


def _turned_cd(cards: Mapping[str, float], angle: float) -> dict[str, float]:
    cd = np.array([[cards[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])
    new = _plane(angle) @ cd
    return {f"CD{i}_{j}": float(new[i - 1, j - 1]) for i in (1, 2) for j in (1, 2)}


def _plane(angle: float) -> FloatArray:
    """Turn tangent-plane coordinates (east, north) by an angle of north (radians)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s], [-s, c]])


def _turned_terms(cards: Mapping[str, float], angle: float) -> dict[str, float]:
    """Terms of both polynomials mixed: the distorted plane turns, the detector does not."""
    powers = tpv.terms(tpv.MAX_DEGREE)
    number = {power: m for m, power in powers.items()}

    def term(axis: int, m: int) -> float:
        return cards.get(f"PV{axis}_{m}", 1.0 if m == 1 else 0.0)

    (c, s), (t, d) = _plane(angle)
    turned = {}
    for m, (i, j) in powers.items():
        mirrored = number[j, i]  # the term of the other axis with the same powers of xi and eta
        first, second = term(1, m), term(2, mirrored)
        turned[f"PV1_{m}"] = float(c * first + s * second)
        turned[f"PV2_{mirrored}"] = float(t * first + d * second)
    return {
        key: value
        for key, value in turned.items()
        if key in cards or value != (1.0 if key.endswith("_1") else 0.0)
    }
