"""Tables of stars that users bring themselves, as `SourceTable` under a name of their choice."""

import difflib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.catalogs.ingest import positional_designation
from photpipe.catalogs.ldac import read_ldac
from photpipe.catalogs.spec import (
    CatalogBand,
    CatalogSpec,
    Positions,
    VizierTable,
    normalised,
)
from photpipe.catalogs.table import SourceTable, plain_column
from photpipe.ground import sky
from photpipe.ground.bands import BANDS, MagnitudeSystem, named
from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.ground.timescale import DAYS_PER_JULIAN_YEAR, J2000_JD, MJD_ZERO_JD

if TYPE_CHECKING:
    from astropy.table import Table

# bands whose names mean other things in tables of others: Y is a coordinate
_NOT_LOOKED_FOR = {"K", "Y", "Z", "J_UKIRT", "H_UKIRT", "R2", "furat", "fucac"}
RECOGNISED = tuple(
    band.name
    for system in ("Vega", "AB")
    for band in BANDS.values()
    if band.system == system and not band.reference and band.name not in _NOT_LOOKED_FOR
)
# our column: the spellings of others by which it is recognised, in lower case
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "ra_deg": ("ra_deg", "ra", "ra_icrs", "raicrs", "raj2000", "alpha_j2000", "xwin_world"),
    "dec_deg": ("dec_deg", "dec", "de_icrs", "deicrs", "dej2000", "delta_j2000", "ywin_world"),
    "ident": ("ident", "id", "name", "source", "source_id", "objid", "designation"),
    "e_ra_arcsec": ("e_ra_arcsec", "errawin_world"),
    "e_dec_arcsec": ("e_dec_arcsec", "errbwin_world"),
    "pm_ra_mas_yr": ("pm_ra_mas_yr", "pmra", "pm_ra"),
    "pm_dec_mas_yr": ("pm_dec_mas_yr", "pmdec", "pmde", "pm_dec"),
    "e_pm_ra_mas_yr": ("e_pm_ra_mas_yr", "e_pmra", "pmra_error"),
    "e_pm_dec_mas_yr": ("e_pm_dec_mas_yr", "e_pmde", "pmdec_error"),
    "source_epoch_jd": ("source_epoch_jd", "epoch", "obsdate"),
}
UNKNOWN_BAND = "unknown"
DEFAULT_ERROR_ARCSEC = 0.1  # by judgement: what a position without an error is believed
DEFAULT_ERROR_MAG = 0.05  # by judgement: the same of a magnitude
HOURS_TO_DEG = 15.0


@dataclass(frozen=True, slots=True)
class Columns:
    """What the user says of a table.

    Parameters
    ----------
    names : mapping
        Our column (those of `photpipe.catalogs.table`, e.g. ``Vmag``) to that of the file.
    systems : mapping
        Magnitude system of bands, where it is not the usual one.
    epoch_jd : float
        Epoch of the positions.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    systems: Mapping[str, MagnitudeSystem] = field(default_factory=dict)
    epoch_jd: float = J2000_JD


def read_stars(path: Path, name: str, columns: Columns | None = None) -> SourceTable:
    """Read a table of stars: CSV, ECSV, other text tables, FITS tables, FITS_LDAC.

    Columns are recognised by their usual names. Of each band there should be a magnitude
    (``Vmag``, ``V_mag``, ``mag_V`` or ``V``) and an error (``e_Vmag``, ``V_err`` ...).

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the catalog from now on.
    columns : Columns, optional
        What cannot be recognised.

    Raises
    ------
    ConfigError
        If the file cannot be read, or positions or magnitudes cannot be found in it: the
        message lists the columns and how to map them.
    """
    from astropy.table import Table

    columns = columns or Columns()
    raw = _read(path)
    if not raw.colnames:
        raise ConfigError(f"{path.name}: no table of stars (the file is empty)")
    finder = _Finder(path, raw, columns)
    ra, dec = finder.degrees("ra_deg"), finder.degrees("dec_deg")
    good = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)
    if not good.any():
        raise ConfigError(f"{path.name}: no row has a position in degrees or sexagesimal")
    bands = finder.bands()
    data: dict[str, Any] = {"ident": finder.idents(ra, dec), "ra_deg": ra % 360.0, "dec_deg": dec}
    for column in ("e_ra_arcsec", "e_dec_arcsec"):
        error = finder.position_errors(column)
        data[column] = np.where(error > 0, error, DEFAULT_ERROR_ARCSEC)
    for column in ("pm_ra_mas_yr", "pm_dec_mas_yr", "e_pm_ra_mas_yr", "e_pm_dec_mas_yr"):
        data[column] = finder.numbers(column)
    epochs = finder.epochs()
    data["source_epoch_jd"] = np.where(np.isfinite(epochs), epochs, columns.epoch_jd)
    history = []
    for band in bands:
        mag, error = finder.photometry(band)
        if not np.isfinite(error).any():
            error = np.where(np.isfinite(mag), DEFAULT_ERROR_MAG, np.nan)
            history.append(f"no errors in {band}: {DEFAULT_ERROR_MAG:g} mag assumed")
        data[f"{band}mag"], data[f"e_{band}mag"] = mag, error
    first = bands[0]
    data["mag"], data["e_mag"] = data[f"{first}mag"], data[f"e_{first}mag"]
    data["for_astrometry"] = data["for_photometry"] = np.ones(len(ra), bool)
    table = Table(data)[good]
    table = table[np.argsort(np.asarray(table["mag"]), kind="stable")]
    systems = {band: columns.systems.get(band, _system(band)) for band in bands}
    history.insert(0, f"{len(table)} stars imported from {path.name}")
    return SourceTable(
        table, name, tuple(history), columns.epoch_jd, False, MappingProxyType(systems), first
    )


def spec_of(table: SourceTable) -> CatalogSpec:
    """Description of an imported table in the words of the surveys, so that it can serve as one."""
    bands = tuple(
        CatalogBand(band, f"{band}mag", f"e_{band}mag", "AB" if system == "AB" else "Vega")
        for band, system in table.systems.items()
    )
    own = set(table.bands)
    families = tuple(family for family, needed in _FAMILIES.items() if own & needed)
    return CatalogSpec(
        name=table.name,
        title=f"{table.name}, imported",
        reference="",
        source=VizierTable("", service="the user's own table"),
        positions=Positions("ra_deg", "dec_deg"),
        bands=bands,
        limit_band=table.mag_band,
        families=families,
        registration=True,
        coverage="where it has stars",
        comment="imported with catalog.py",
    )


_FAMILIES = {
    "PS1": {"gp1", "rp1", "ip1", "zp1"},
    "SDSS": {"g", "r", "i", "z"},
    "2MASS": {"J", "H", "Ks"},
    "SkyMapper": {"gsm", "rsm", "ism", "zsm"},
}


def _system(name: str) -> MagnitudeSystem:
    """Usual magnitude system of a band."""
    band = named(name)
    return "Vega" if band is None else band.system


def _read(path: Path) -> "Table":
    """Table of a file in any of the forms."""
    from astropy.io import fits
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd units and the like: the numbers count
            if path.suffix.lower() in {".fits", ".fit", ".fts", ".cat", ".ldac"}:
                with fits.open(path) as parts:
                    is_ldac = any(part.name == "LDAC_OBJECTS" for part in parts)
                return read_ldac(path)[0] if is_ldac else Table.read(path, format="fits")
            if path.suffix.lower() == ".csv":
                return Table.read(path, format="ascii.csv", comment="#")
            return Table.read(path, format="ascii.ecsv" if path.suffix == ".ecsv" else "ascii")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError, PhotPipeError) as error:
        reason = str(getattr(error, "strerror", None) or error).strip().partition("\n")[0]
        if not reason or "Unable to guess" in reason:
            reason = "in none of the forms that are known"
        raise ConfigError(f"{path}: no table of stars ({reason[:100]})") from error


class _Finder:
    """Finds our columns in a foreign table."""

    def __init__(self, path: Path, raw: "Table", columns: Columns) -> None:
        self.path, self.raw, self.columns = path, raw, columns
        self._lower = {normalised(name).lower(): name for name in raw.colnames}
        self._exact = {normalised(name): name for name in raw.colnames}
        for ours, theirs in columns.names.items():
            if theirs not in raw.colnames:
                near = difflib.get_close_matches(theirs, raw.colnames, 1)
                hint = f"; did you mean {near[0]}?" if near else self._listing()
                raise ConfigError(f"{path.name}: {ours}={theirs}: no such column{hint}")

    def column(self, ours: str) -> Any | None:
        """Column of the file for one of ours, or None."""
        if ours in self.columns.names:
            return self.raw[self.columns.names[ours]]
        for spelling in SPELLINGS.get(ours, ()):
            if spelling in self._lower:
                return self.raw[self._lower[spelling]]
        return None

    def numbers(self, ours: str) -> sky.FloatArray:
        """Column as numbers, NaN where there is none."""
        column = self.column(ours)
        return np.full(len(self.raw), np.nan) if column is None else _numbers(column)

    def position_errors(self, ours: str) -> sky.FloatArray:
        """Errors in arcsec; LDAC has them in degrees."""
        in_degrees = str(getattr(self.column(ours), "name", "")).lower().endswith("_world")
        return self.numbers(ours) * (sky.ARCSEC_PER_DEG if in_degrees else 1.0)

    def epochs(self) -> sky.FloatArray:
        """Epochs as Julian dates, from years, modified Julian dates or Julian dates."""
        value = self.numbers("source_epoch_jd")
        with np.errstate(invalid="ignore"):
            return np.select(
                [(value > 1800) & (value < 2200), (value > 3e4) & (value < 1e5), value > 2e6],
                [
                    J2000_JD + (value - 2000.0) * DAYS_PER_JULIAN_YEAR,
                    value + MJD_ZERO_JD,
                    value,
                ],
                np.nan,
            )

    def degrees(self, ours: str) -> sky.FloatArray:
        """RA or Dec in degrees, from degrees, hours or sexagesimal text."""
        column = self.column(ours)
        if column is None:
            raise ConfigError(
                f"{self.path.name}: no column for {ours}; use -map {ours}=COLUMN{self._listing()}"
            )
        is_ra = ours == "ra_deg"
        if plain_column(column).dtype.kind in "US":
            return np.array([_angle(str(text), is_ra=is_ra) for text in plain_column(column)])
        in_hours = is_ra and str(getattr(column, "unit", None)) in {"hourangle", "h"}
        return _numbers(column) * (HOURS_TO_DEG if in_hours else 1.0)

    def idents(self, ra_deg: sky.FloatArray, dec_deg: sky.FloatArray) -> Any:
        """Designations: those of the file, else made from the positions."""
        column = self.column("ident")
        if column is None:
            return [positional_designation(a, d) for a, d in zip(ra_deg, dec_deg, strict=True)]
        blank = np.ma.getmaskarray(column)
        return ["" if b else str(v).lstrip("# ") for v, b in zip(column, blank, strict=True)]

    def bands(self) -> tuple[str, ...]:
        """Bands of which there is a magnitude."""
        mapped = [name[:-3] for name in self.columns.names if name.endswith("mag")]
        own = [name for name in mapped if name and not name.startswith("e_")]
        own += [band for band in RECOGNISED if band not in own and self._magnitude(band)]
        if not own and self._generic():
            own = [UNKNOWN_BAND]
        if not own:
            raise ConfigError(
                f"{self.path.name}: no magnitudes; use -map Vmag=COLUMN e_Vmag=COLUMN (or another "
                f"band){self._listing()}"
            )
        return tuple(own)

    def photometry(self, band: str) -> tuple[sky.FloatArray, sky.FloatArray]:
        """Magnitudes and errors of a band."""
        names = self.columns.names
        mag = names.get(f"{band}mag") or self._magnitude(band) or self._generic()
        error = names.get(f"e_{band}mag") or self._error(band, mag)
        blank = np.full(len(self.raw), np.nan)
        return (
            _numbers(self.raw[mag]) if mag else blank,
            _numbers(self.raw[error]) if error else blank,
        )

    def _magnitude(self, band: str) -> str:
        forms = [f"{band}mag", f"{band}_mag", f"mag_{band}"]
        if len(band) == 1:  # the bare names of longer ones mean other things, e.g. rp1 in REFCAT2
            forms.append(band)
        return next((self._exact[form] for form in forms if form in self._exact), "")

    def _error(self, band: str, mag: str) -> str:
        forms = [f"e_{band}mag", f"{band}mag_err", f"{band}_err", f"e_{band}", f"err_{band}"]
        forms += [f"{band}_mag_err", f"{band}_mag_error", f"magerr_{band}", f"e_{mag}"]
        if mag and mag == self._generic():
            forms += ["magerr", "MAGERR", "mag_err", "mag_error", "error"]
        return next((self._exact[form] for form in forms if form in self._exact), "")

    def _generic(self) -> str:
        return next((self._exact[name] for name in ("mag", "MAG") if name in self._exact), "")

    def _listing(self) -> str:
        return f"; columns: {', '.join(self.raw.colnames[:30])}"


def _numbers(column: Any) -> sky.FloatArray:
    """Column as numbers; what is none becomes NaN."""
    values = plain_column(column)
    if values.dtype.kind in "biuf":
        return values.astype(float)
    return np.array([_number(str(word)) for word in values])


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _angle(text: str, *, is_ra: bool) -> float:
    """Degrees of ``10.5`` or sexagesimal text (hours, for a right ascension)."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return sky.parse_sexagesimal(text) * (HOURS_TO_DEG if is_ra else 1.0)
    except ValueError:
        return float("nan")
