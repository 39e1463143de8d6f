"""Magnitudes of a star in every photometric system, from its Pan-STARRS r and g - i.

The colours along the stellar sequence are a rounded table of dwarfs (after Covey et al. 2007,
2007AJ....134.2398C, and Tonry et al. 2012; solar colours of Willmer 2018, 2018ApJS..236...47W).
Every other system follows from published relations, so that a transformation applied to the
catalogs of this sky gives back the magnitudes of this sky. The published relations contradict
each other by 5 to 30 mmag; which of them is exact here is chosen by `Anchors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Magnitudes = dict[str, FloatArray]

SOLAR_G_MINUS_I = 0.51

# (g-i)_P1: colours of the main sequence, PS1 AB; y-J, J-H, H-Ks end in 2MASS Vega; u-g is SDSS.
_SEQUENCE = np.array(
    [
        # g-i   r-i    i-z    z-y   y-J   J-H   H-Ks  u-g
        [0.20, 0.010, -0.03, -0.02, 0.68, 0.20, 0.04, 0.95],
        [0.30, 0.050, -0.01, -0.01, 0.73, 0.24, 0.05, 1.05],
        [0.40, 0.085, 0.00, 0.00, 0.78, 0.28, 0.05, 1.20],
        [0.51, 0.120, 0.02, 0.00, 0.83, 0.33, 0.06, 1.35],
        [0.60, 0.150, 0.04, 0.01, 0.86, 0.36, 0.06, 1.45],
        [0.80, 0.210, 0.08, 0.03, 0.95, 0.45, 0.08, 1.75],
        [1.00, 0.280, 0.12, 0.06, 1.02, 0.52, 0.10, 2.00],
        [1.20, 0.350, 0.17, 0.08, 1.09, 0.58, 0.12, 2.20],
        [1.40, 0.430, 0.22, 0.11, 1.15, 0.62, 0.14, 2.40],
        [1.60, 0.530, 0.27, 0.14, 1.20, 0.65, 0.16, 2.50],
        [1.80, 0.670, 0.33, 0.17, 1.24, 0.65, 0.18, 2.50],
        [2.00, 0.840, 0.40, 0.20, 1.28, 0.62, 0.20, 2.50],
        [2.20, 1.020, 0.48, 0.24, 1.33, 0.60, 0.22, 2.50],
        [2.50, 1.310, 0.61, 0.30, 1.42, 0.59, 0.25, 2.50],
        [2.80, 1.600, 0.75, 0.37, 1.53, 0.58, 0.29, 2.50],
    ]
)

# Tonry et al. 2012 (2012ApJ...750...99T), table 6: y - base = A0 + A1 x + A2 x^2, x = (g-r)_P1.
_TONRY = {
    "g": ("gp1", (0.013, 0.145, 0.019)),
    "r": ("rp1", (-0.001, 0.004, 0.007)),
    "i": ("ip1", (-0.005, 0.011, 0.010)),
    "z": ("zp1", (0.013, -0.039, -0.012)),
    "B": ("gp1", (0.212, 0.556, 0.034)),
    "V": ("gp1", (0.005, -0.536, 0.011)),
    "R": ("rp1", (-0.137, -0.108, -0.029)),
    "I": ("ip1", (-0.366, -0.136, -0.018)),
}

# G - band as a polynomial of BP - RP.
# Riello et al. 2021 (2021A&A...649A...3R), table C.2, for (E)DR3.
_RIELLO = {
    "B": (0.01448, -0.6874, -0.3604, 0.06718, -0.006061),
    "V": (-0.02704, 0.01424, -0.2156, 0.01426),
    "R": (-0.02275, 0.3961, -0.1243, -0.01396, 0.003775),
    "I": (0.01753, 0.76, -0.0991),
    "g": (0.2199, -0.6365, -0.1548, 0.0064),
    "r": (-0.09837, 0.08592, 0.1907, -0.1701, 0.02263),
    "i": (-0.293, 0.6404, -0.09609, -0.002104),
    "z": (-0.4619, 0.8992, -0.08271, 0.005029),
}
# Evans et al. 2018 (2018A&A...616A...4E) and the DR2 documentation, 5.3.7.
_EVANS = {
    "V": (-0.01760, -0.006860, -0.1732),
    "R": (-0.003226, 0.3833, -0.1345),
    "I": (0.02085, 0.7419, -0.09631),
    "g": (0.13518, -0.46245, -0.25171, 0.021349),
    "r": (-0.12879, 0.24662, -0.027464, -0.049465),
    "i": (-0.29676, 0.64728, -0.10141),
}
_GAIA_RELATIONS = {"GAIA3": _RIELLO, "GAIA2": _EVANS}

# G - RP of dwarfs as a polynomial of BP - RP (rounded).
_G_RP = (0.035, 0.60, -0.055)
_BP_RP_GRID = np.linspace(-0.5, 5.0, 551)


@dataclass(frozen=True, slots=True)
class Anchors:
    """Which published relation is exact in this sky, where the published ones disagree.

    Parameters
    ----------
    johnson : str
        Catalog from which B V R I follow: ``"PANSTARRS"`` (Tonry 2012), ``"SDSS"`` (Chonis &
        Gaskell 2008), ``"GAIA3"`` (Riello 2021) or ``"GAIA2"`` (Evans 2018).
    sloan : str
        Catalog from which SDSS g r i z follow: ``"PANSTARRS"``, ``"GAIA3"`` or ``"GAIA2"``.
        SkyMapper always agrees with the result.
    """

    johnson: str = "PANSTARRS"
    sloan: str = "PANSTARRS"


def magnitudes(
    r_p1: ArrayLike,
    g_minus_i: ArrayLike,
    anchors: Anchors | None = None,
    scatter_mag: float = 0.0,
    seed: int = 0,
) -> Magnitudes:
    """Magnitudes in all bands, keyed by the band names of the catalogs.

    Parameters
    ----------
    r_p1 : array_like, shape (n,)
        Pan-STARRS r (AB mag).
    g_minus_i : array_like, shape (n,)
        Pan-STARRS g - i (mag); the sequence runs from 0.2 to 2.8.
    anchors : Anchors, optional
        Which relations are exact.
    scatter_mag : float
        Gaussian scatter of every star in every band around the relations.
    seed : int
        Seed of the scatter.

    Returns
    -------
    dict of str to ndarray
        gp1 rp1 ip1 zp1 yp1, u g r i z (SDSS), U B V R I, J H Ks (2MASS), Z Y J_ukirt H_ukirt
        K (WFCAM), G BP RP (Gaia), usm vsm gsm rsm ism zsm (SkyMapper), f (URAT).
    """
    anchors = anchors or Anchors()
    r_p1 = np.atleast_1d(np.asarray(r_p1, float))
    mags = _panstarrs_and_2mass(r_p1, np.broadcast_to(np.asarray(g_minus_i, float), r_p1.shape))
    _add_tonry(mags)
    _add_gaia(mags)
    if anchors.sloan in _GAIA_RELATIONS:
        _from_gaia(mags, _GAIA_RELATIONS[anchors.sloan], "griz")
    mags["u"] = mags["g"] + mags.pop("u-g")
    if anchors.johnson in _GAIA_RELATIONS:
        _from_gaia(mags, _GAIA_RELATIONS[anchors.johnson], "BVRI")
    elif anchors.johnson == "SDSS":
        mags.update(chonis_gaskell(mags))
    mags["U"] = mags["u"] - 0.854
    mags.update(_skymapper(mags))
    mags.update(_wfcam(mags))
    mags["f"] = mags["R"] + 0.05
    if scatter_mag > 0:
        rng = np.random.default_rng(seed)
        for band in mags:
            mags[band] = mags[band] + rng.normal(0.0, scatter_mag, r_p1.shape)
    return mags


def _panstarrs_and_2mass(r: FloatArray, g_minus_i: FloatArray) -> Magnitudes:
    """PS1 g r i z y, 2MASS J H Ks, and the colour u-g, along the sequence."""
    grid = _SEQUENCE[:, 0]
    r_i, i_z, z_y, y_j, j_h, h_k, u_g = (
        np.interp(g_minus_i, grid, _SEQUENCE[:, column]) for column in range(1, 8)
    )
    i = r - r_i
    z = i - i_z
    y = z - z_y
    j = y - y_j
    return {
        "gp1": i + np.clip(g_minus_i, grid[0], grid[-1]),
        "rp1": r,
        "ip1": i,
        "zp1": z,
        "yp1": y,
        "J": j,
        "H": j - j_h,
        "Ks": j - j_h - h_k,
        "u-g": u_g,
    }


def _add_tonry(mags: Magnitudes) -> None:
    """SDSS g r i z and B V R I from Pan-STARRS."""
    x = mags["gp1"] - mags["rp1"]
    for band, (base, coefficients) in _TONRY.items():
        mags[band] = mags[base] + polyval(x, coefficients)


def _add_gaia(mags: Magnitudes) -> None:
    """Gaia G, BP, RP from V and I, so that the DR3 relations for those two are exact."""
    v_minus_i = polyval(_BP_RP_GRID, _RIELLO["I"]) - polyval(_BP_RP_GRID, _RIELLO["V"])
    bp_rp = np.interp(mags["V"] - mags["I"], v_minus_i, _BP_RP_GRID)
    mags["G"] = mags["V"] + polyval(bp_rp, _RIELLO["V"])
    mags["RP"] = mags["G"] - polyval(bp_rp, _G_RP)
    mags["BP"] = mags["RP"] + bp_rp


def _from_gaia(mags: Magnitudes, relations: Mapping[str, tuple[float, ...]], bands: str) -> None:
    """Replace bands by those that a published Gaia relation gives."""
    bp_rp = mags["BP"] - mags["RP"]
    for band in bands:
        if band in relations:
            mags[band] = mags["G"] - polyval(bp_rp, relations[band])


def chonis_gaskell(mags: Mapping[str, FloatArray]) -> Magnitudes:
    """B V R I from SDSS g r i (2008AJ....135..264C)."""
    g_r, r_i = mags["g"] - mags["r"], mags["r"] - mags["i"]
    return {
        "B": mags["g"] + 0.327 * g_r + 0.216,
        "V": mags["g"] - 0.587 * g_r - 0.011,
        "R": mags["r"] - 0.272 * r_i - 0.159,
        "I": mags["i"] - 0.337 * r_i - 0.370,
    }


# SkyMapper to SDSS by straight lines in c = (g-i)_SM: (slope, intercept) blue and red of a break.
_SKYMAPPER_LINES = {
    "g": ((0.2366, 0.0598), (-0.1085, 0.5700), 1.5),
    "r": ((-0.0318, -0.0011), (0.0472, -0.1127), 1.5),
    "i": ((0.0389, -0.0137), (0.0617, -0.0362), 1.1),
    "z": ((0.0352, -0.0095), (0.1209, -0.2115), 2.0),
}


def _skymapper(mags: Mapping[str, FloatArray]) -> Magnitudes:
    """SkyMapper magnitudes from which those lines give the SDSS magnitudes back."""
    # Both lines of g - i are inverted; which one holds is settled by the colour each gives.
    g_i = mags["g"] - mags["i"]
    colour = (g_i - 0.0735) / 1.1977
    colour = np.where(colour > 1.1, (g_i - 0.0960) / 1.1749, colour)
    colour = np.where(colour > 1.5, (g_i - 0.6062) / (1 - 0.1085 - 0.0617), colour)
    result = {}
    for band, (blue, red, limit) in _SKYMAPPER_LINES.items():
        slope = np.where(colour < limit, blue[0], red[0])
        intercept = np.where(colour < limit, blue[1], red[1])
        result[f"{band}sm"] = mags[band] - slope * colour - intercept
    result["usm"] = mags["u"] + 0.1
    result["vsm"] = 0.5 * (mags["u"] + mags["g"])
    return result


def _wfcam(mags: Mapping[str, FloatArray]) -> Magnitudes:
    """UKIRT Z Y J H K from 2MASS (Hodgkin et al. 2009, 2009MNRAS.394..675H)."""
    j, h, k = mags["J"], mags["H"], mags["Ks"]
    return {
        "Z": j + 0.95 * (j - h),
        "Y": j + 0.50 * (j - h) + 0.08,
        "J_ukirt": j - 0.065 * (j - h),
        "H_ukirt": h + 0.07 * (j - h) - 0.03,
        "K": k + 0.01 * (j - k),
    }
