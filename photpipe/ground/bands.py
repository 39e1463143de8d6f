"""The photometric bands: one row a band, with its name in every report.

A band that a report cannot carry says so in its row (`CANNOT`), and the report tells it: no
point is left out, or called by another band's name, without a word.

Sources of the codes: ADES and the 80-column format, the Minor Planet Center's list of field
values and the reference converter (``xmltompc80col``, IAU-ADES); ALCDEF, version 2.2 of its
standard and files of the archive; AAVSO, its list of bands (aavso.org/filters).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

MagnitudeSystem = Literal["AB", "Vega"]
Report = Literal["ADES", "80 columns", "ALCDEF", "AAVSO"]

CANNOT = ""  # the report has no name for the band
REPORTS: tuple[Report, ...] = ("ADES", "80 columns", "ALCDEF", "AAVSO")


@dataclass(frozen=True, slots=True)
class Band:
    """One band.

    Parameters
    ----------
    name : str
        As in results; case counts: R is Cousins, r is Sloan.
    system : str
        Magnitude system, AB or Vega.
    meaning : str
        The band in words.
    ades, obs80, alcdef, aavso : str
        Its name in the reports; `CANNOT` where it has none. ADES and the 80 columns want the
        band of the reference stars, not the filter.
    reference : str
        Band of the catalogs that calibrates it, where it is none of theirs.
    alcdef_filter : str
        The filter in ALCDEF, where it is not called as the band of the magnitudes.
    aliases : tuple of str
        Other names that observers write.
    to_v : float
        Typical V minus the band of an asteroid (mag), by which the Minor Planet Center converts
        (minorplanetcenter.net/iau/info/BandConversion.txt); NaN if it has none.
    """

    name: str
    system: MagnitudeSystem
    meaning: str
    ades: str
    obs80: str
    alcdef: str
    aavso: str
    reference: str = ""
    alcdef_filter: str = ""
    aliases: tuple[str, ...] = ()
    to_v: float = math.nan

    def code(self, report: Report) -> str:
        """Name of the band in a report; `CANNOT` if it has none there."""
        return {
            "ADES": self.ades,
            "80 columns": self.obs80,
            "ALCDEF": self.alcdef,
            "AAVSO": self.aavso,
        }[report]


# fmt: off
_ROWS = (
    # Johnson-Cousins; Landolt 1992
    Band("U", "Vega", "Johnson U", "Uj", "U", "U", "U", to_v=-1.3),
    Band("B", "Vega", "Johnson B", "Bj", "B", "B", "B", to_v=-0.8),
    Band("V", "Vega", "Johnson V", "Vj", "V", "V", "V", to_v=0.0),
    Band("R", "Vega", "Cousins R", "Rc", "R", "R", "R", to_v=0.4),
    Band("I", "Vega", "Cousins I", "Ic", "I", "I", "I", to_v=0.8),
    # Sloan; Fukugita et al. 1996
    Band("u", "AB", "Sloan u", "Su", "u", "SU", "SU"),
    Band("g", "AB", "Sloan g", "Sg", "g", "SG", "SG", to_v=-0.35),
    Band("r", "AB", "Sloan r", "Sr", "r", "SR", "SR", to_v=0.14),
    Band("i", "AB", "Sloan i", "Si", "i", "SI", "SI", to_v=0.32),
    Band("z", "AB", "Sloan z", "Sz", "z", "SZ", "SZ", to_v=0.26),
    # Pan-STARRS1; Tonry et al. 2012
    Band("gp1", "AB", "Pan-STARRS g", "Pg", "g", "PG", CANNOT, to_v=-0.35),
    Band("rp1", "AB", "Pan-STARRS r", "Pr", "r", "PR", CANNOT, to_v=0.14),
    Band("ip1", "AB", "Pan-STARRS i", "Pi", "i", "PI", CANNOT, to_v=0.32),
    Band("zp1", "AB", "Pan-STARRS z", "Pz", "z", "PZ", CANNOT, to_v=0.26),
    Band("yp1", "AB", "Pan-STARRS y", "Py", "y", "PY", CANNOT, aliases=("y",), to_v=0.32),
    # SkyMapper; Bessell et al. 2011: not the bands of Sloan, and in no list of a report
    Band("usm", "AB", "SkyMapper u", CANNOT, CANNOT, CANNOT, CANNOT),
    Band("vsm", "AB", "SkyMapper v", CANNOT, CANNOT, CANNOT, CANNOT, aliases=("v",)),
    Band("gsm", "AB", "SkyMapper g", CANNOT, CANNOT, CANNOT, CANNOT),
    Band("rsm", "AB", "SkyMapper r", CANNOT, CANNOT, CANNOT, CANNOT),
    Band("ism", "AB", "SkyMapper i", CANNOT, CANNOT, CANNOT, CANNOT),
    Band("zsm", "AB", "SkyMapper z", CANNOT, CANNOT, CANNOT, CANNOT),
    # near infrared: 2MASS (Cohen et al. 2003) and WFCAM (Hewett et al. 2006); the reports have
    # one J, H and K for both
    Band("J", "Vega", "2MASS J", "J", "J", "J", "J", to_v=1.2),
    Band("H", "Vega", "2MASS H", "H", "H", "H", "H", to_v=1.4),
    Band("Ks", "Vega", "2MASS Ks", "K", "K", "K", "K", to_v=1.7),
    Band("J_UKIRT", "Vega", "WFCAM J", "J", "J", "J", "J"),
    Band("H_UKIRT", "Vega", "WFCAM H", "H", "H", "H", "H"),
    Band("K", "Vega", "WFCAM K", "K", "K", "K", "K"),
    Band("Y", "Vega", "WFCAM Y", "Y", "Y", CANNOT, CANNOT),
    Band("Z", "Vega", "WFCAM Z", CANNOT, CANNOT, CANNOT, CANNOT),
    # Gaia; Riello et al. 2021
    Band("G", "Vega", "Gaia G", "G", "G", "GG", CANNOT, to_v=0.28),
    Band("BP", "Vega", "Gaia BP", "Gb", "G", CANNOT, CANNOT),
    Band("RP", "Vega", "Gaia RP", "Gr", "G", CANNOT, CANNOT),
    # the photographic and natural bands of old catalogs
    Band("R2", "Vega", "USNO-B1 second red", CANNOT, CANNOT, CANNOT, CANNOT),
    Band("furat", "Vega", "URAT, between R and I", CANNOT, CANNOT, CANNOT, CANNOT),
    Band("fucac", "Vega", "UCAC, between V and R", CANNOT, CANNOT, CANNOT, CANNOT),
    # filters that no catalog has, calibrated to the nearest band
    Band("TB", "Vega", "blue of a colour camera or LRGB set, as B",
         "Bj", "B", CANNOT, "TB", reference="B"),
    Band("TG", "Vega", "green of a colour camera or LRGB set, as V",
         "Vj", "V", CANNOT, "TG", reference="V"),
    Band("TR", "Vega", "red of a colour camera or LRGB set, as R",
         "Rc", "R", CANNOT, "TR", reference="R"),
    Band("CV", "Vega", "no filter, as V",
         "Vj", "V", "V", "CV", reference="V", alcdef_filter="C"),
    Band("CR", "Vega", "no filter, as R",
         "Rc", "R", "R", "CR", reference="R", alcdef_filter="C"),
    Band("CG", "Vega", "no filter, as Gaia G",
         "G", "G", "GG", CANNOT, reference="G", alcdef_filter="C"),
)
# fmt: on

BANDS: Mapping[str, Band] = MappingProxyType({band.name: band for band in _ROWS})
ALIASES: Mapping[str, str] = MappingProxyType(
    {alias: band.name for band in _ROWS for alias in band.aliases}
)


def named(name: str) -> Band | None:
    """Band of a name or alias; None for one that a user's own table brought along."""
    return BANDS.get(ALIASES.get(name, name))


def reference(name: str) -> str:
    """Band of the catalogs that calibrates a band; a name that nobody knows stays."""
    band = named(name)
    return name if band is None else band.reference or band.name


def code(name: str, report: Report) -> str:
    """Name of a band in a report; `CANNOT` if it has none there or is not known."""
    band = named(name)
    return CANNOT if band is None else band.code(report)


def alcdef_filter(name: str) -> str:
    """Name of the filter in ALCDEF, which is not always that of the magnitudes; or `CANNOT`."""
    band = named(name)
    return CANNOT if band is None else band.alcdef_filter or band.alcdef
