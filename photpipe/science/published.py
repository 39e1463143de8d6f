"""Published relations between photometric systems, and the colors of the Sun, as data.

One row of `TRANSFORMATIONS` is one polynomial of one paper:

    m(band) = m(base) + c0 + c1 x + c2 x^2 + ...,   x = m(color[0]) - m(color[1])

with the range over which it was fitted, its scatter or the errors of its coefficients, and the
magnitude system of the result. Band names are those of `photpipe.catalogs.spec`. Where a paper
gives no range, the bound is ours and the row says so.
"""

from dataclasses import dataclass
from typing import Literal

SDSS_LOCUS = (("r", "i"), ("g", "r"))


@dataclass(frozen=True, slots=True)
class Range:
    """Closed interval of a magnitude (one band) or a color (first band minus second)."""

    bands: tuple[str, ...]
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} ≤ {'−'.join(self.bands)} ≤ {self.high:g}"


@dataclass(frozen=True, slots=True)
class Transformation:
    """One published polynomial.

    Parameters
    ----------
    family : str
        Photometric system of the bands it starts from.
    band, system : str
        Resulting band and its magnitude system.
    base : str
        Band to which the polynomial is added.
    color : tuple of str or None
        Two bands; None if the relation is a constant.
    coefficients : tuple of float
        In mag, ascending powers of the color.
    valid : tuple of Range
        All must hold, or the star gets no magnitude.
    citation, reference : str
        Where it is printed, and the bibcode.
    scatter_mag : float
        Scatter of the fit.
    coefficient_errors : tuple of float
        One sigma, ascending powers of the color.
    locus : tuple of color pairs or None
        Two colors (x, y): stars off the straight stellar locus in y against x are left out.
    note : str
        What deviates from the print, and why.
    """

    family: str
    band: str
    system: Literal["AB", "Vega"]
    base: str
    color: tuple[str, str] | None
    coefficients: tuple[float, ...]
    valid: tuple[Range, ...]
    citation: str
    reference: str
    scatter_mag: float = 0.0
    coefficient_errors: tuple[float, ...] = ()
    locus: tuple[tuple[str, str], tuple[str, str]] | None = None
    note: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Bands that the relation itself needs, without repetition."""
        return tuple(dict.fromkeys((self.base, *(self.color or ()))))

    def __str__(self) -> str:
        x = f" ({'−'.join(self.color)})" if self.color else ""
        powers = ("", x, f"{x}²", f"{x}³", f"{x}⁴")
        terms = [
            f"{c:+.6g}{power}" for c, power in zip(self.coefficients, powers, strict=False) if c
        ]
        return f"{self.band} = {self.base} {' '.join(terms)}"


@dataclass(frozen=True, slots=True)
class SolarColor:
    """A color of the Sun in the bands of a photometric family."""

    family: str
    color: tuple[str, str]
    mag: float
    reference: str


def _chonis_gaskell(
    family: str,
    band: str,
    base: str,
    color: tuple[str, str] | None,
    coefficients: tuple[float, ...],
    errors: tuple[float, ...],
) -> Transformation:
    """Chonis & Gaskell 2008; APASS offers r and i only, and no locus to speak of."""
    needed = ("g", "r", "i") if family == "SDSS" else ("r", "i")
    valid = [Range((name,), 14.5, 19.5) for name in needed]
    valid += [Range((base,), 16.0, 19.5)] if base == "u" else []
    valid += [Range(("g", "r"), 0.2, 1.4)] if family == "SDSS" else []
    return Transformation(
        family,
        band,
        "Vega",
        base,
        color,
        coefficients,
        (*valid, Range(("r", "i"), 0.08, 0.5)),
        "Chonis & Gaskell 2008",
        "2008AJ....135..264C",
        coefficient_errors=errors,
        locus=SDSS_LOCUS if family == "SDSS" else None,
    )


def _tonry(
    band: str,
    system: Literal["AB", "Vega"],
    base: str,
    coefficients: tuple[float, float, float],
    scatter: float,
) -> Transformation:
    return Transformation(
        "PS1",
        band,
        system,
        base,
        ("gp1", "rp1"),
        coefficients,
        (Range(("gp1", "rp1"), -0.3, 1.3),),
        "Tonry et al. 2012, table 6",
        "2012ApJ...750...99T",
        scatter_mag=scatter,
        note="color range of main-sequence stars, our bound",
    )


def _hodgkin(
    band: str,
    base: str,
    color: tuple[str, str],
    coefficients: tuple[float, float],
    scatter: float,
) -> Transformation:
    return Transformation(
        "2MASS",
        band,
        "Vega",
        base,
        color,
        coefficients,
        (Range(("J", "H"), -0.1, 1.0), Range(("J",), 4.0, 18.0), Range(("H",), 4.0, 17.0)),
        "Hodgkin et al. 2009, eqs. 4 to 8",
        "2009MNRAS.394..675H",
        scatter_mag=scatter,
        note="range of color and magnitude as earlier versions of the pipeline had it",
    )


def _gaia(
    release: Literal["GaiaDR2", "GaiaDR3"],
    band: str,
    printed: tuple[float, ...],
    scatter: float,
    low: float,
    high: float,
    note: str = "",
) -> Transformation:
    """The print gives G - band; the row gives band - G."""
    return Transformation(
        release,
        band,
        "AB" if band in "griz" else "Vega",
        "G",
        ("BP", "RP"),
        tuple(-c for c in printed),
        (Range(("BP", "RP"), low, high),),
        {
            "GaiaDR2": "Evans et al. 2018; Gaia DR2 documentation 5.3.7",
            "GaiaDR3": "Riello et al. 2021, table C.2; Gaia DR3 documentation 5.5.1",
        }[release],
        {"GaiaDR2": "2018A&A...616A...4E", "GaiaDR3": "2021A&A...649A...3R"}[release],
        scatter_mag=scatter,
        note=note,
    )


def _skymapper(
    band: str,
    coefficients: tuple[float, float],
    high: float,
    low: float = -0.3,
    scatter: float = 0.02,
    errors: tuple[float, ...] = (),
) -> Transformation:
    return Transformation(
        "SkyMapper",
        band,
        "AB",
        f"{band}sm",
        ("gsm", "ism"),
        coefficients,
        (Range(("gsm", "ism"), low, high),),
        "lines of earlier versions of the pipeline, from data of Wolf et al. 2018",
        "2018PASA...35...10W",
        scatter_mag=scatter,
        coefficient_errors=errors,
        note="limited to where it agrees with Pan-STARRS within its scatter, our bound",
    )


_RI, _GR = ("r", "i"), ("g", "r")
_JH, _JK = ("J", "H"), ("J", "Ks")
_GIANTS = "redder stars are left out: there the relation holds for M giants only"

TRANSFORMATIONS: tuple[Transformation, ...] = (
    _chonis_gaskell("SDSS", "U", "u", None, (-0.854,), (0.007,)),
    _chonis_gaskell("SDSS", "B", "g", _GR, (0.216, 0.327), (0.027, 0.047)),
    _chonis_gaskell("SDSS", "V", "g", _GR, (-0.011, -0.587), (0.013, 0.022)),
    _chonis_gaskell("SDSS", "R", "r", _RI, (-0.159, -0.272), (0.022, 0.092)),
    _chonis_gaskell("SDSS", "I", "i", _RI, (-0.370, -0.337), (0.041, 0.191)),
    _chonis_gaskell("APASS", "R", "r", _RI, (-0.159, -0.272), (0.022, 0.092)),
    _chonis_gaskell("APASS", "I", "i", _RI, (-0.370, -0.337), (0.041, 0.191)),
    Transformation(
        "SDSS",
        "Z",
        "Vega",
        "z",
        ("i", "z"),
        # printed for z_AB = z + 0.02: -0.01 + 0.06 (i - z_AB) - 0.528
        (0.02 - 0.01 - 0.06 * 0.02 - 0.528, 0.06),
        (Range(("i", "z"), -0.3, 1.0),),
        "Hewett et al. 2006",
        "2006MNRAS.367..454H",
        scatter_mag=0.03,
        note="WFCAM Z; range and scatter are our bounds",
    ),
    _tonry("g", "AB", "gp1", (0.013, 0.145, 0.019), 0.008),
    _tonry("r", "AB", "rp1", (-0.001, 0.004, 0.007), 0.004),
    _tonry("i", "AB", "ip1", (-0.005, 0.011, 0.010), 0.004),
    _tonry("z", "AB", "zp1", (0.013, -0.039, -0.012), 0.010),
    _tonry("B", "Vega", "gp1", (0.212, 0.556, 0.034), 0.032),
    _tonry("V", "Vega", "gp1", (0.005, -0.536, 0.011), 0.012),
    _tonry("R", "Vega", "rp1", (-0.137, -0.108, -0.029), 0.015),
    _tonry("I", "Vega", "ip1", (-0.366, -0.136, -0.018), 0.017),
    _hodgkin("Z", "J", _JH, (0.0, 0.95), 0.02),
    _hodgkin("Y", "J", _JH, (0.08, 0.50), 0.02),
    _hodgkin("J_UKIRT", "J", _JH, (0.0, -0.065), 0.015),
    _hodgkin("H_UKIRT", "H", _JH, (-0.03, 0.07), 0.015),
    _hodgkin("K", "Ks", _JK, (0.0, 0.01), 0.015),
    _skymapper("g", (0.0598, 0.2366), 0.9, scatter=0.03, errors=(0.0036, 0.0045)),
    _skymapper("r", (-0.0011, -0.0318), 1.2),
    _skymapper("i", (-0.0137, 0.0389), 1.1),
    _skymapper("i", (-0.0362, 0.0617), 1.2, low=1.1),
    _skymapper("z", (-0.0095, 0.0352), 1.2),
    _gaia("GaiaDR2", "V", (-0.01760, -0.006860, -0.1732), 0.045858, -0.5, 2.75),
    _gaia("GaiaDR2", "R", (-0.003226, 0.3833, -0.1345), 0.04840, -0.5, 2.75),
    _gaia("GaiaDR2", "I", (0.02085, 0.7419, -0.09631), 0.04956, -0.5, 2.75),
    _gaia("GaiaDR2", "g", (0.13518, -0.46245, -0.25171, 0.021349), 0.16497, -0.5, 2.0),
    _gaia("GaiaDR2", "r", (-0.12879, 0.24662, -0.027464, -0.049465), 0.066739, 0.2, 2.7),
    _gaia("GaiaDR2", "i", (-0.29676, 0.64728, -0.10141), 0.098957, 0.0, 4.5),
    _gaia(
        "GaiaDR3", "B", (0.01448, -0.6874, -0.3604, 0.06718, -0.006061), 0.0633, -0.5, 1.75, _GIANTS
    ),
    _gaia("GaiaDR3", "V", (-0.02704, 0.01424, -0.2156, 0.01426), 0.03017, -0.5, 5.0),
    _gaia(
        "GaiaDR3", "R", (-0.02275, 0.3961, -0.1243, -0.01396, 0.003775), 0.03167, 0.0, 2.0, _GIANTS
    ),
    _gaia("GaiaDR3", "I", (0.01753, 0.76, -0.0991), 0.03765, -0.5, 4.5),
    _gaia("GaiaDR3", "g", (0.2199, -0.6365, -0.1548, 0.0064), 0.0745, 0.3, 2.0, _GIANTS),
    _gaia(
        "GaiaDR3", "r", (-0.09837, 0.08592, 0.1907, -0.1701, 0.02263), 0.03776, 0.0, 2.0, _GIANTS
    ),
    _gaia("GaiaDR3", "i", (-0.293, 0.6404, -0.09609, -0.002104), 0.04092, 0.5, 2.0),
    _gaia("GaiaDR3", "z", (-0.4619, 0.8992, -0.08271, 0.005029), 0.041161, -0.5, 4.5),
    _gaia("GaiaDR3", "J", (0.01798, 1.389, -0.09338), 0.04762, -0.5, 2.5),
    _gaia("GaiaDR3", "H", (-0.1048, 2.011, -0.1758), 0.07805, -0.5, 2.5),
    _gaia("GaiaDR3", "Ks", (-0.0981, 2.089, -0.1579), 0.08553, -0.5, 2.5),
)

_SDSS_SUN, _WILLMER = "SDSS data release pages, solar colors", "2018ApJS..236...47W"

SOLAR_COLORS: tuple[SolarColor, ...] = (
    *(
        SolarColor(family, color, mag, _SDSS_SUN)
        for family in ("SDSS", "APASS", "GaiaSynthetic")
        for color, mag in ((_GR, 0.44), (_RI, 0.11))
    ),
    SolarColor("PS1", ("gp1", "rp1"), 0.39, _WILLMER),
    SolarColor("PS1", ("rp1", "ip1"), 0.12, _WILLMER),
    # the Sun in Pan-STARRS bands carried over by the inverse SkyMapper relations
    SolarColor("SkyMapper", ("gsm", "rsm"), 0.30, _WILLMER),
    SolarColor("SkyMapper", ("rsm", "ism"), 0.15, _WILLMER),
    SolarColor("2MASS", _JH, 0.29, "2012ApJ...761...16C"),
    SolarColor("GaiaDR2", ("BP", "RP"), 0.82, "2018MNRAS.479L.102C"),
    SolarColor("GaiaDR3", ("BP", "RP"), 0.82, "2018MNRAS.479L.102C"),
)


def pieces(family: str, band: str) -> tuple[Transformation, ...]:
    """All rows that lead from a family to a band."""
    return tuple(row for row in TRANSFORMATIONS if (row.family, row.band) == (family, band))


def solar_colors(family: str) -> tuple[SolarColor, ...]:
    """Solar colors in the bands of a family."""
    return tuple(color for color in SOLAR_COLORS if color.family == family)
