"""What a catalog is, written as data: where it lives, its columns, units, systems and cuts.

A survey is one `CatalogSpec` (see `surveys`). A downloader reads from it what to ask for
(`CatalogSpec.source`, `requested_columns`, `limit_column`, `server_filters`) and hands the
reply, as it came, to `ingest.ingest`, which turns it into a `SourceTable`.

Names
-----
A *column* is always the service's own spelling (``"g'mag"``, ``"<Gmag>"``); a *band* is ours.
Bands are case-sensitive: u g r i z (SDSS), U B V R I (Johnson-Cousins), J H Ks (2MASS),
Z Y K J_UKIRT H_UKIRT (WFCAM), gp1 rp1 ip1 zp1 yp1 (Pan-STARRS1), usm vsm gsm rsm ism zsm
(SkyMapper), G BP RP (Gaia), R2 (USNO-B1), furat and fucac (the natural bands of URAT and UCAC).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.bands import MagnitudeSystem
from photpipe.ground.sky import BoolArray, Cone
from photpipe.ground.timescale import DAYS_PER_JULIAN_YEAR, J2000_JD

DECIMALS_OF_A_QUERY = 6  # of a degree: 4 mas, finer than any cone needs


@dataclass(frozen=True, slots=True)
class VizierTable:
    """A table of VizieR, by its identifier, e.g. ``II/349/ps1``."""

    table: str
    service: str = "VizieR"


@dataclass(frozen=True, slots=True)
class SkyServerTable:
    """The view PhotoPrimary (one row per object) of a data release of SDSS."""

    release: int
    service: str = "SDSS SkyServer"


@dataclass(frozen=True, slots=True)
class MastTable:
    """A Pan-STARRS table of the MAST catalogs service."""

    table: str
    release: str
    service: str = "MAST"


Source = VizierTable | SkyServerTable | MastTable


@dataclass(frozen=True, slots=True)
class Cut:
    """A quality criterion on one or more columns of the reply.

    Parameters
    ----------
    columns : tuple of str
        Columns in the service's spelling, handed to `passes` in this order.
    passes : callable
        Arrays of shape (n,) in (float with NaN for blank, or text with ``""`` for blank),
        booleans of shape (n,) out.
    why : str
        What the survivors are, e.g. ``"not extended"``.
    blank_passes : bool
        Whether a row with a blank cell in one of the columns survives. By default it does not.
    text : bool
        Whether the columns hold words; else they hold numbers.
    """

    columns: tuple[str, ...]
    passes: Callable[..., BoolArray]
    why: str
    blank_passes: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class CatalogBand:
    """One passband of a catalog.

    Parameters
    ----------
    name : str
        Our name of the band.
    mag, error : str
        Columns of the magnitude and its error; ``error=""`` if there is none.
    system : str
        ``"AB"`` or ``"Vega"``.
    error_unit : str
        Unit of the error column unless the reply itself tells another.
    flux, flux_error : str
        Columns from which the error follows as 1.0857 e_F/F where the catalog gives no other.
    ab_offset_mag : float
        To be added when the catalogued magnitude itself serves as an AB magnitude.
    cuts : tuple of Cut
        A star that fails one has no magnitude in this band (NaN).
    """

    name: str
    mag: str
    error: str
    system: MagnitudeSystem
    error_unit: str = "mag"
    flux: str = ""
    flux_error: str = ""
    ab_offset_mag: float = 0.0
    cuts: tuple[Cut, ...] = ()

    def columns(self) -> Iterator[str]:
        """Every column of the service that this band needs."""
        yield from filter(None, (self.mag, self.error, self.flux, self.flux_error))
        for cut in self.cuts:
            yield from cut.columns


@dataclass(frozen=True, slots=True)
class Positions:
    """Columns of the position, its errors, motion and epoch.

    Parameters
    ----------
    ra, dec : str
        Columns in degrees (ICRS).
    e_ra, e_dec : str
        Columns of the errors (of RA: on the sky); may be the same column; ``""`` if none.
    error_unit : str
        Unit of the errors unless the reply tells another: ``"mas"``, ``"arcsec"`` or ``"deg"``.
    ellipse : tuple of str
        Instead of e_ra and e_dec: major axis, minor axis, position angle (deg, east of north).
    pm_ra, pm_dec, e_pm_ra, e_pm_dec : str
        Columns of the proper motion in mas/yr, cos Dec included; ``""`` if none.
    default_error_arcsec : float
        Where the catalog gives no error.
    epoch_yr : float
        Julian epoch of the positions (typical, if `epoch` names a column).
    epoch : str
        Column with the epoch of each source.
    epoch_unit : str
        ``"MJD"``, ``"JD"`` or ``"yr"``.
    """

    ra: str
    dec: str
    e_ra: str = ""
    e_dec: str = ""
    error_unit: str = "mas"
    ellipse: tuple[str, str, str] | None = None
    pm_ra: str = ""
    pm_dec: str = ""
    e_pm_ra: str = ""
    e_pm_dec: str = ""
    default_error_arcsec: float = 0.1
    epoch_yr: float = 2000.0
    epoch: str = ""
    epoch_unit: Literal["MJD", "JD", "yr"] = "yr"

    def columns(self) -> Iterator[str]:
        """Every column of the service that the positions need."""
        yield from (self.ra, self.dec)
        yield from self.ellipse or ()
        optional = (self.e_ra, self.e_dec, self.pm_ra, self.pm_dec, self.e_pm_ra, self.e_pm_dec)
        yield from filter(None, (*optional, self.epoch))

    @property
    def epoch_jd(self) -> float:
        """Epoch of the positions as a Julian date."""
        return J2000_JD + (self.epoch_yr - 2000.0) * DAYS_PER_JULIAN_YEAR


@dataclass(frozen=True, slots=True)
class CatalogSpec:
    """Everything the product knows of a catalog.

    Parameters
    ----------
    name : str
        What the user types, e.g. ``PANSTARRS``.
    title, reference : str
        Full name, and the bibcode of the paper.
    source : Source
        Where it is asked for.
    positions : Positions
        Columns of the astrometry.
    bands : tuple of CatalogBand
        Native bands.
    limit_band : str
        The band that limits and sorts a query, and that gives magnitudes to the registration.
    families : tuple of str
        Photometric systems of the native bands, in the words of `science.published`: they
        decide which transformations and which solar colors apply, the first one first.
    ident : str
        Column of a stable designation; ``""`` to make one from the position.
    registration : bool
        Whether it may serve as an astrometric reference.
    photometric : bool
        Whether it may serve as a photometric reference.
    dec_range_deg : tuple of float
        Declinations outside of which it holds nothing.
    mag_range : tuple of float
        Useful magnitudes in `limit_band`, roughly.
    coverage : str
        Coverage in words.
    server_filters : tuple of (str, str)
        Criteria the service applies itself, in its own spelling, so that fewer rows travel.
    astrometry_cuts, photometry_cuts : tuple of Cut
        What a star must pass to be used for registration or for calibration.
    error_floor_mag : float
        Smallest magnitude error believed.
    comment : str
        One line for the table of catalogs.
    """

    name: str
    title: str
    reference: str
    source: Source
    positions: Positions
    bands: tuple[CatalogBand, ...]
    limit_band: str
    families: tuple[str, ...]
    ident: str = ""
    registration: bool = False
    photometric: bool = True
    dec_range_deg: tuple[float, float] = (-90.0, 90.0)
    mag_range: tuple[float, float] = (-5.0, 21.0)
    coverage: str = "all sky"
    server_filters: tuple[tuple[str, str], ...] = ()
    astrometry_cuts: tuple[Cut, ...] = ()
    photometry_cuts: tuple[Cut, ...] = ()
    error_floor_mag: float = 0.001
    comment: str = field(default="", compare=False)

    def band(self, name: str) -> CatalogBand | None:
        """The native band of this name, or None."""
        return next((band for band in self.bands if band.name == name), None)

    @property
    def limit_column(self) -> str:
        """Column (service's spelling) by which a query is limited and sorted, brightest first."""
        return next(band.mag for band in self.bands if band.name == self.limit_band)

    @property
    def requested_columns(self) -> tuple[str, ...]:
        """All columns to ask for, in the service's spelling, without repetition.

        A service leaves out a column that it does not have without a word; `ingest` decides
        which of them it cannot do without.
        """
        wanted = [self.ident] if self.ident else []
        wanted += self.positions.columns()
        for band in self.bands:
            wanted += band.columns()
        for cut in (*self.astrometry_cuts, *self.photometry_cuts):
            wanted += cut.columns
        return tuple(dict.fromkeys(wanted))

    @property
    def is_all_sky(self) -> bool:
        """Whether every field has stars of this catalog."""
        return self.coverage == "all sky"

    def may_cover(self, cone: Cone) -> bool:
        """Whether the catalog can hold anything in this cone; a patchy survey may still not."""
        low, high = self.dec_range_deg
        return cone.dec_deg + cone.radius_deg >= low and cone.dec_deg - cone.radius_deg <= high


def skyserver_sql(spec: CatalogSpec, cone: Cone, max_mag: float | None, row_limit: int) -> str:
    """The query of a catalog on SkyServer: primary objects around a position, brightest first."""
    d = DECIMALS_OF_A_QUERY
    columns = ", ".join(f"p.{name}" for name in spec.requested_columns)
    criteria = [f"p.{column}={value}" for column, value in spec.server_filters]
    if max_mag is not None:
        criteria.append(f"p.{spec.limit_column}<{max_mag:.{d}f}")
    where = f" WHERE {' AND '.join(criteria)}" if criteria else ""
    return (
        f"SELECT TOP {row_limit} {columns} FROM dbo.fGetNearbyObjEq("
        f"{cone.ra_deg:.{d}f}, {cone.dec_deg:.{d}f}, {cone.radius_deg * 60:.{d}f}) n "
        f"JOIN PhotoPrimary p ON p.objID = n.objID{where} ORDER BY p.{spec.limit_column}"
    )


def below(column: str, limit: float, why: str) -> Cut:
    """A value smaller than a limit."""
    return Cut((column,), lambda value: value < limit, why)


def at_most(column: str, limit: float, why: str) -> Cut:
    """A value not larger than a limit."""
    return Cut((column,), lambda value: value <= limit, why)


def at_least(column: str, limit: float, why: str) -> Cut:
    """A value not smaller than a limit."""
    return Cut((column,), lambda value: value >= limit, why)


def equals(column: str, wanted: float, why: str) -> Cut:
    """A number equal to another."""
    return Cut((column,), lambda value: value == wanted, why)


def differs_at_most(column: str, other: str, limit: float, why: str) -> Cut:
    """Two columns that agree within a limit."""
    return Cut((column, other), lambda a, b: np.abs(a - b) <= limit, why)


def has_bit(column: str, bit: int, why: str) -> Cut:
    """An integer flag in which a bit is set."""
    return Cut((column,), lambda value: (_integers(value) & bit) != 0, why)


def is_not(column: str, text: str, why: str) -> Cut:
    """A word other than the given one; no word at all will do."""
    return Cut((column,), lambda value: value != text, why, blank_passes=True, text=True)


def letter_in(column: str, position: int, allowed: str, why: str) -> Cut:
    """A text whose character at a position is one of those allowed."""
    place = slice(position, position + 1)
    return Cut((column,), lambda value: _letters_in(value, place, allowed), why, text=True)


def letters_in(column: str, allowed: str, why: str) -> Cut:
    """A text all of whose characters are allowed."""
    return Cut((column,), lambda value: _letters_in(value, slice(None), allowed), why, text=True)


def _integers(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.nan_to_num(values, nan=0.0).astype(np.int64)


def _letters_in(values: NDArray[Any], where: slice, allowed: str) -> BoolArray:
    words = (str(value)[where] for value in values)
    return np.array([bool(word) and set(word) <= set(allowed) for word in words], bool)


def normalised(column: str) -> str:
    """Key under which both spellings of a VizieR column agree (``g'mag`` and ``g_mag``).

    Every character that is not a letter or a digit becomes ``_``; leading ones go. Case counts:
    VizieR has tables with both ``upmag`` and ``uPmag``.
    """
    return "".join(c if c.isalnum() else "_" for c in column).lstrip("_")
