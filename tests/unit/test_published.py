"""The table of published transformations against the papers' equations, written out again here.

Each function below is the equation as its paper prints it, in the paper's own form; nothing is
taken from the product's table.
"""

import itertools

import numpy as np
import pytest

from photpipe.science import transformations
from photpipe.science.published import SOLAR_COLORS, TRANSFORMATIONS, pieces, solar_colors

# Willmer 2018 (2018ApJS..236...47W), apparent magnitudes of the Sun
SUN = {
    "SDSS": {"u": -25.14, "g": -26.47, "r": -26.93, "i": -27.05, "z": -27.09},  # as catalogued
    "APASS": {"r": -26.93, "i": -27.05},
    "PS1": {"gp1": -26.54, "rp1": -26.93, "ip1": -27.05, "zp1": -27.07, "yp1": -27.07},
    "2MASS": {"J": -27.90, "H": -28.25, "Ks": -28.30},
}
SUN_OUT = {"U": -25.97, "B": -26.13, "V": -26.76, "R": -27.15, "I": -27.47} | SUN["SDSS"]
# zero points of the systems are known to this; Willmer's R is 0.035 from that of Ramirez 2012
WILLMER_ERROR_MAG = 0.04


def star(family):
    """Magnitudes of a star of ordinary color, about 16 mag, in the bands of a family."""
    return {
        "SDSS": {"u": 17.9, "g": 16.5, "r": 15.9, "i": 15.7, "z": 15.6},
        "APASS": {"g": 16.5, "r": 15.9, "i": 15.7},
        "PS1": {"gp1": 16.5, "rp1": 16.0, "ip1": 15.8, "zp1": 15.75, "yp1": 15.7},
        "2MASS": {"J": 13.0, "H": 12.6, "Ks": 12.5},
        "SkyMapper": {"gsm": 16.4, "rsm": 16.0, "ism": 15.8, "zsm": 15.75},
        "GaiaDR2": {"G": 15.0, "BP": 15.45, "RP": 14.45},
        "GaiaDR3": {"G": 15.0, "BP": 15.45, "RP": 14.45},
    }[family]


def chonis_gaskell(m):
    """2008AJ....135..264C, equations 1 to 5."""
    return {
        "U": m["u"] - 0.854,
        "B": m["g"] + 0.327 * (m["g"] - m["r"]) + 0.216,
        "V": m["g"] - 0.587 * (m["g"] - m["r"]) - 0.011,
        "R": m["r"] - 0.272 * (m["r"] - m["i"]) - 0.159,
        "I": m["i"] - 0.337 * (m["r"] - m["i"]) - 0.370,
        # Hewett et al. 2006, z in AB
        "Z": (m["z"] + 0.02) - 0.01 + 0.06 * (m["i"] - (m["z"] + 0.02)) - 0.528,
    }


def apass(m):
    return {band: chonis_gaskell({**m, "u": 0, "z": 0})[band] for band in "RI"}


def tonry(m):
    """2012ApJ...750...99T, table 6, quadratic columns: y = A0 + A1 x + A2 x^2."""
    x = m["gp1"] - m["rp1"]
    return {
        "g": m["gp1"] + 0.013 + 0.145 * x + 0.019 * x * x,
        "r": m["rp1"] - 0.001 + 0.004 * x + 0.007 * x * x,
        "i": m["ip1"] - 0.005 + 0.011 * x + 0.010 * x * x,
        "z": m["zp1"] + 0.013 - 0.039 * x - 0.012 * x * x,
        "B": m["gp1"] + 0.212 + 0.556 * x + 0.034 * x * x,
        "V": m["gp1"] + 0.005 - 0.536 * x + 0.011 * x * x,
        "R": m["rp1"] - 0.137 - 0.108 * x - 0.029 * x * x,
        "I": m["ip1"] - 0.366 - 0.136 * x - 0.018 * x * x,
    }


def hodgkin(m):
    """2009MNRAS.394..675H, equations 4 to 8."""
    j, h, k = m["J"], m["H"], m["Ks"]
    return {
        "Z": j + 0.95 * (j - h),
        "Y": j + 0.50 * (j - h) + 0.08,
        "J_UKIRT": j - 0.065 * (j - h),
        "H_UKIRT": h + 0.07 * (j - h) - 0.03,
        "K": k + 0.01 * (j - k),
    }


def skymapper(m):
    c = m["gsm"] - m["ism"]
    return {
        "g": m["gsm"] + 0.2366 * c + 0.0598,
        "r": m["rsm"] - 0.0318 * c - 0.0011,
        "i": m["ism"] + (0.0389 * c - 0.0137 if c <= 1.1 else 0.0617 * c - 0.0362),
        "z": m["zsm"] + 0.0352 * c - 0.0095,
    }


def evans(m):
    """Gaia DR2 documentation 5.3.7: G - X."""
    g, x = m["G"], m["BP"] - m["RP"]
    return {
        "V": g - (-0.01760 - 0.006860 * x - 0.1732 * x**2),
        "R": g - (-0.003226 + 0.3833 * x - 0.1345 * x**2),
        "I": g - (0.02085 + 0.7419 * x - 0.09631 * x**2),
        "g": g - (0.13518 - 0.46245 * x - 0.25171 * x**2 + 0.021349 * x**3),
        "r": g - (-0.12879 + 0.24662 * x - 0.027464 * x**2 - 0.049465 * x**3),
        "i": g - (-0.29676 + 0.64728 * x - 0.10141 * x**2),
    }


def riello(m):
    """2021A&A...649A...3R, table C.2: G - X."""
    g, x = m["G"], m["BP"] - m["RP"]
    return {
        "B": g - (0.01448 - 0.6874 * x - 0.3604 * x**2 + 0.06718 * x**3 - 0.006061 * x**4),
        "V": g - (-0.02704 + 0.01424 * x - 0.2156 * x**2 + 0.01426 * x**3),
        "R": g - (-0.02275 + 0.3961 * x - 0.1243 * x**2 - 0.01396 * x**3 + 0.003775 * x**4),
        "I": g - (0.01753 + 0.76 * x - 0.0991 * x**2),
        "g": g - (0.2199 - 0.6365 * x - 0.1548 * x**2 + 0.0064 * x**3),
        "r": g - (-0.09837 + 0.08592 * x + 0.1907 * x**2 - 0.1701 * x**3 + 0.02263 * x**4),
        "i": g - (-0.293 + 0.6404 * x - 0.09609 * x**2 - 0.002104 * x**3),
        "z": g - (-0.4619 + 0.8992 * x - 0.08271 * x**2 + 0.005029 * x**3),
        "J": g - (0.01798 + 1.389 * x - 0.09338 * x**2),
        "H": g - (-0.1048 + 2.011 * x - 0.1758 * x**2),
        "Ks": g - (-0.0981 + 2.089 * x - 0.1579 * x**2),
    }


PAPERS = {
    "SDSS": chonis_gaskell,
    "APASS": apass,
    "PS1": tonry,
    "2MASS": hodgkin,
    "SkyMapper": skymapper,
    "GaiaDR2": evans,
    "GaiaDR3": riello,
}


def value(family, band, magnitudes):
    arrays = {name: np.array([mag]) for name, mag in magnitudes.items()}
    errors = {name: np.array([0.0]) for name in magnitudes}
    mag, error = transformations.apply(pieces(family, band), arrays, errors)
    return float(mag[0]), float(error[0])


@pytest.mark.parametrize("family", PAPERS)
def test_the_table_gives_what_the_papers_equations_give(family):
    magnitudes = star(family)
    expected = PAPERS[family](magnitudes)
    assert set(expected) == {t.band for t in TRANSFORMATIONS if t.family == family}
    for band, mag in expected.items():
        assert value(family, band, magnitudes)[0] == pytest.approx(mag, abs=1e-9), band


def test_faults_of_earlier_versions_are_gone():
    """Each by its size."""
    infrared = star("2MASS")
    wrong_h = infrared["H"] + 0.07 * (infrared["J"] - infrared["Ks"]) - 0.03
    assert value("2MASS", "H_UKIRT", infrared)[0] == pytest.approx(wrong_h - 0.007)
    assert value("2MASS", "Z", infrared)[0] == pytest.approx(13.0 + 0.95 * 0.4)
    optical = star("GaiaDR2")
    wrong_i = 15.0 - (0.02085 + 0.7419 - 0.09531)
    assert value("GaiaDR2", "I", optical)[0] == pytest.approx(wrong_i + 0.001)


@pytest.mark.parametrize("family", ["SDSS", "APASS", "PS1"])
def test_the_sun_has_the_same_magnitudes_in_every_system(family):
    # a star of the Sun's colors, of 42 mag less light
    sun = {band: mag + 42.0 for band, mag in SUN[family].items()}
    for band in {t.band for t in TRANSFORMATIONS if t.family == family} & set(SUN_OUT):
        mag, error = value(family, band, sun)
        tolerance = np.hypot(error, WILLMER_ERROR_MAG)
        assert mag == pytest.approx(SUN_OUT[band] + 42.0, abs=tolerance), band


def test_the_sun_has_its_johnson_colors_from_gaia():
    """BP-RP of Casagrande & VandenBerg 2018; colors of Ramirez et al. 2012."""
    for family in ("GaiaDR2", "GaiaDR3"):
        sun = {"G": 15.0, "BP": 15.33, "RP": 14.51}
        v, v_error = value(family, "V", sun)
        for band, color in (("R", 0.356), ("I", 0.701)):
            mag, error = value(family, band, sun)
            assert v - mag == pytest.approx(color, abs=np.hypot(error, v_error))
    assert value("GaiaDR3", "B", sun)[0] - v == pytest.approx(0.653, abs=0.0633)


def test_chonis_gaskell_agrees_with_lupton_at_solar_colors():
    """Lupton 2005 (SDSS web pages), an independent fit; differences known to be this small."""
    sun = {"u": 17.4, "g": 16.45, "r": 16.0, "i": 15.88, "z": 15.85}
    lupton = {
        "B": 16.45 + 0.3130 * 0.45 + 0.2271,
        "V": 16.45 - 0.5784 * 0.45 - 0.0038,
        "R": 16.0 - 0.2936 * 0.12 - 0.1439,
        "I": 16.0 - 1.2444 * 0.12 - 0.3820,
    }
    differences = {band: value("SDSS", band, sun)[0] - mag for band, mag in lupton.items()}
    expected = {"B": -0.005, "V": -0.011, "R": -0.013, "I": 0.001}
    for band, difference in differences.items():
        assert difference == pytest.approx(expected[band], abs=0.0011)


def test_skymapper_jumps_little_at_the_break():
    rows = pieces("SkyMapper", "i")
    assert len(rows) == 2
    edge = {"gsm": np.array([16.1]), "ism": np.array([15.0])}
    errors = {band: np.array([0.01]) for band in edge}
    blue, red = (transformations.evaluate(row, edge, errors)[0][0] for row in rows)
    assert abs(blue - red) < 0.003
    assert transformations.apply(rows, edge, errors)[0][0] == blue


@pytest.mark.parametrize("row", TRANSFORMATIONS, ids=str)
def test_a_row_is_complete(row):
    assert row.valid
    assert all(limits.low < limits.high for limits in row.valid)
    assert row.scatter_mag > 0 or len(row.coefficient_errors) == len(row.coefficients)
    assert row.system == ("AB" if row.band in "griz" else "Vega")
    assert len(row.reference) == 19
    assert row.citation
    assert (row.color is None) == (len(row.coefficients) == 1)
    assert row.base in row.inputs
    ranged = {band for limits in row.valid for band in limits.bands}
    assert row.color is None or ranged & set(row.color)


def test_rows_do_not_overlap():
    for family in PAPERS:
        for band in {t.band for t in TRANSFORMATIONS if t.family == family}:
            rows = pieces(family, band)
            if len(rows) > 1:
                limits = sorted((row.valid[0].low, row.valid[0].high) for row in rows)
                assert all(a[1] <= b[0] for a, b in itertools.pairwise(limits))


def test_rows_print_as_equations():
    assert str(pieces("PS1", "V")[0]) == "V = gp1 +0.005 -0.536 (gp1−rp1) +0.011 (gp1−rp1)²"
    assert str(pieces("SDSS", "U")[0]) == "U = u -0.854"
    assert str(pieces("2MASS", "Z")[0]) == "Z = J +0.95 (J−H)"
    assert str(pieces("PS1", "V")[0].valid[0]) == "-0.3 ≤ gp1−rp1 ≤ 1.3"


def test_nothing_leads_nowhere():
    assert pieces("PS1", "K") == ()
    assert solar_colors("USNO") == ()


def test_colors_of_the_sun_agree_with_its_magnitudes():
    for sun in SOLAR_COLORS:
        magnitudes = SUN.get(sun.family, {})
        if set(sun.color) <= set(magnitudes):
            color = magnitudes[sun.color[0]] - magnitudes[sun.color[1]]
            # the SDSS pages say 0.44 and 0.11, Casagrande 2012 0.29 where Willmer has 0.35
            assert sun.mag == pytest.approx(color, abs=0.061)
