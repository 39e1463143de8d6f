"""The TPV convention: polynomials on the tangent plane.

Registered FITS convention TPV (https://fits.gsfc.nasa.gov/registry/tpvwcs/tpv.html): with
(xi, eta) = CD (pixel - CRPIX) in degrees, the distorted tangent-plane coordinates are
polynomials with coefficients PV1_m and PV2_m, the latter with xi and eta interchanged.
The terms of odd powers of the radius (m = 3, 11, 23, 39) are not used.
"""

from collections.abc import Mapping

import numpy as np

from photpipe.ground.sky import FloatArray

MAX_DEGREE = 7  # of the TPV convention (PV1_0 to PV1_39)
_FIRST_TERM = {0: 0, 1: 1, 2: 4, 3: 7, 4: 12, 5: 17, 6: 24, 7: 31}


def terms(degree: int) -> dict[int, tuple[int, int]]:
    """Number m of each TPV term up to a degree, and its powers of xi and eta (for PV1_m)."""
    return {
        first + k: (power - k, k)
        for power, first in _FIRST_TERM.items()
        if power <= degree
        for k in range(power + 1)
    }


def powers(values: FloatArray, highest: int) -> list[FloatArray]:
    """Powers from 0 to the highest; multiplied, which takes a tenth of what ``**`` takes."""
    result = [np.ones_like(values)]
    for _ in range(highest):
        result.append(result[-1] * values)
    return result


def evaluate(
    coefficients: Mapping[str, float], xi_deg: FloatArray, eta_deg: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Distorted tangent-plane coordinates (degrees) of terms named ``PVi_m``.

    Terms that are missing have their default: 1 for PVi_1, else 0.
    """
    result = []
    for axis, (first, second) in ((1, (xi_deg, eta_deg)), (2, (eta_deg, xi_deg))):
        total = np.zeros_like(first)
        along, across = powers(first, MAX_DEGREE), powers(second, MAX_DEGREE)
        for number, (i, j) in terms(MAX_DEGREE).items():
            value = coefficients.get(f"PV{axis}_{number}", 1.0 if number == 1 else 0.0)
            if value:
                total = total + value * along[i] * across[j]
        result.append(total)
    return result[0], result[1]


def fit(
    xi_deg: FloatArray,
    eta_deg: FloatArray,
    true_xi_deg: FloatArray,
    true_eta_deg: FloatArray,
    degree: int,
) -> tuple[dict[str, float], float]:
    """Least-squares TPV terms that turn (xi, eta) into the true tangent-plane coordinates.

    Parameters
    ----------
    xi_deg, eta_deg : array of float, shape (n,)
        Linear intermediate coordinates, CD (pixel - CRPIX), in degrees.
    true_xi_deg, true_eta_deg : array of float, shape (n,)
        Gnomonic coordinates of the same points, in degrees.
    degree : int
        Highest power, 1 to 7.

    Returns
    -------
    coefficients : dict
        ``PVi_m`` to value.
    worst_arcsec : float
        Largest distance between a fitted and a true point.
    """
    scale = float(np.hypot(xi_deg, eta_deg).max())
    coefficients = {}
    for axis, (first, second), true in (
        (1, (xi_deg / scale, eta_deg / scale), true_xi_deg),
        (2, (eta_deg / scale, xi_deg / scale), true_eta_deg),
    ):
        along, across = powers(first, degree), powers(second, degree)
        matrix = np.stack([along[i] * across[j] for i, j in terms(degree).values()], axis=1)
        solution = np.linalg.lstsq(matrix, true / scale, rcond=None)[0]
        for (number, (i, j)), value in zip(terms(degree).items(), solution, strict=True):
            coefficients[f"PV{axis}_{number}"] = float(value) * scale ** (1 - i - j)
    x, y = evaluate(coefficients, xi_deg, eta_deg)
    return coefficients, float(np.hypot(x - true_xi_deg, y - true_eta_deg).max() * 3600.0)
