"""From a service's reply, as it came, to a `SourceTable`: names, units, blanks, errors, cuts.

The reply may be any astropy table, with either spelling of VizieR's column names, masked or
not. What a downloader keeps in its cache is that reply: better cuts then cost no new download.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.catalogs.spec import CatalogBand, CatalogSpec, Cut, normalised
from photpipe.catalogs.table import SourceTable, plain_column
from photpipe.ground import timescale
from photpipe.ground.errors import ServiceError
from photpipe.ground.sky import BoolArray, FloatArray

if TYPE_CHECKING:
    from astropy.table import Table

CREDIBLE_MAG = (-5.0, 35.0)  # surveys write -999, -9999, 99 for no measurement
MAG_PER_RELATIVE_FLUX = 2.5 / np.log(10.0)
# below the best catalogs' errors (Gaia: 0.02 to 1 mas): no weight becomes infinite
ERROR_FLOOR_ARCSEC = 0.001
TO_ARCSEC = {"mas": 1e-3, "arcsec": 1.0, "deg": 3600.0}
TO_MAG = {"mag": 1.0, "0.01 mag": 0.01, "mmag": 1e-3}


class Reply:
    """A service's reply, its columns found by either spelling."""

    def __init__(self, raw: "Table", spec: CatalogSpec, request: str) -> None:
        self.raw, self.spec, self.request = raw, spec, request
        self._names = {normalised(name): name for name in raw.colnames}

    def has(self, *columns: str) -> bool:
        """Whether all these columns came."""
        return all(column and normalised(column) in self._names for column in columns)

    def numbers(self, column: str) -> FloatArray:
        """Column as float; anything that is no number is NaN; all NaN if it did not come."""
        if not self.has(column):
            return np.full(len(self.raw), np.nan)
        values = plain_column(self._column(column))
        if values.dtype.kind in "biuf":
            return values.astype(float)
        return np.array([_number(value) for value in values], float)

    def words(self, column: str) -> np.ndarray[Any, Any]:
        """Column as text, ``""`` for blank: long integers keep every digit."""
        return plain_column(self._column(column)).astype(str)

    def unit(self, column: str, default: str) -> str:
        """Unit the reply gives for a column, if it is one of length, else the default."""
        told = str(getattr(self._column(column), "unit", None) or "")
        return told if told in TO_ARCSEC else default

    def essential(self, *columns: str) -> None:
        """Insist on columns.

        Raises
        ------
        ServiceError
            If one is missing: the reply belongs to another table or is damaged.
        """
        missing = [column for column in columns if not self.has(column)]
        if missing:
            listed = ", ".join(missing)
            reason = f"columns are missing in the reply: {listed}; another service may have them"
            raise ServiceError(self.spec.source.service, self.request or self.spec.name, reason)

    def _column(self, column: str) -> Any:
        return self.raw[self._names[normalised(column)]]


def ingest(
    raw: "Table", spec: CatalogSpec, request: str = "", truncated: bool = False
) -> SourceTable:
    """Turn the reply of a service into a `SourceTable`.

    Quality cuts do not drop rows, they mark them in the columns for_astrometry and
    for_photometry; a blank or NaN never passes a cut. A magnitude outside a band's own limits
    (saturated, too few detections) becomes NaN. Rows without a position are dropped, and so
    are repeated designations.

    Parameters
    ----------
    raw : astropy.table.Table
        The reply, with all its rows and columns, unchanged.
    spec : CatalogSpec
        What was asked.
    request : str
        What was requested, readable, for messages.
    truncated : bool
        Whether the service had more rows.

    Raises
    ------
    ServiceError
        If columns of the position or of the limiting magnitude are missing.
    """
    from astropy.table import Table

    reply = Reply(raw, spec, request)
    where = spec.positions
    reply.essential(where.ra, where.dec, spec.limit_column)
    ra, dec = reply.numbers(where.ra) % 360.0, reply.numbers(where.dec)
    e_ra, e_dec = _position_errors(reply)
    columns: dict[str, Any] = {
        "ident": _idents(reply, ra, dec),
        "ra_deg": ra,
        "dec_deg": dec,
        "e_ra_arcsec": e_ra,
        "e_dec_arcsec": e_dec,
        "pm_ra_mas_yr": reply.numbers(where.pm_ra),
        "pm_dec_mas_yr": reply.numbers(where.pm_dec),
        "e_pm_ra_mas_yr": reply.numbers(where.e_pm_ra),
        "e_pm_dec_mas_yr": reply.numbers(where.e_pm_dec),
        "source_epoch_jd": _epochs(reply),
    }
    history = [f"{spec.title} from {spec.source.service}: {len(raw)} sources"]
    if truncated:
        history.append("the service has more sources than were requested: the brightest are used")
    bands = [band for band in spec.bands if reply.has(band.mag)]
    for band in bands:
        columns[f"{band.name}mag"], columns[f"e_{band.name}mag"] = _photometry(reply, band)
    columns["mag"] = columns[f"{spec.limit_band}mag"]
    columns["e_mag"] = columns[f"e_{spec.limit_band}mag"]
    columns["for_astrometry"] = _passing(reply, spec.astrometry_cuts, history)
    columns["for_photometry"] = _passing(reply, spec.photometry_cuts, history)
    table = SourceTable(
        Table(columns),
        spec.name,
        tuple(history),
        spec.positions.epoch_jd,
        truncated,
        MappingProxyType({band.name: band.system for band in bands}),
        spec.limit_band,
    )
    table = table.where(np.isfinite(ra) & (np.abs(dec) <= 90.0), "with a position")
    return table.where(_first_of_its_name(table.data["ident"]), "designation not repeated")


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _first_of_its_name(idents: Iterable[str]) -> BoolArray:
    names = np.asarray(idents)
    first = np.zeros(len(names), bool)
    first[np.unique(names, return_index=True)[1]] = True
    return first


def _idents(reply: Reply, ra_deg: FloatArray, dec_deg: FloatArray) -> np.ndarray[Any, Any]:
    if reply.has(reply.spec.ident):
        return reply.words(reply.spec.ident)
    pairs = zip(ra_deg, dec_deg, strict=True)
    return np.array([positional_designation(a, d) for a, d in pairs], str)


def positional_designation(ra_deg: float, dec_deg: float) -> str:
    """Designation from a position, truncated as the IAU wants: ``J090243.580+494518.90``."""
    if not (np.isfinite(ra_deg) and np.isfinite(dec_deg)):
        return ""
    ra_ms = int(round(ra_deg % 360.0 * 240e6) // 1000) % 86_400_000
    dec_cs = int(round(abs(dec_deg) * 3600e6) // 10_000)
    hours, minutes, milliseconds = ra_ms // 3_600_000, ra_ms // 60_000 % 60, ra_ms % 60_000
    degrees, arcmin, centiseconds = dec_cs // 360_000, dec_cs // 6000 % 60, dec_cs % 6000
    sign = "-" if dec_deg < 0 else "+"
    return (
        f"J{hours:02d}{minutes:02d}{milliseconds / 1000:06.3f}"
        f"{sign}{degrees:02d}{arcmin:02d}{centiseconds / 100:05.2f}"
    )


def _position_errors(reply: Reply) -> tuple[FloatArray, FloatArray]:
    where = reply.spec.positions
    if where.ellipse and reply.has(*where.ellipse):
        scale = TO_ARCSEC[reply.unit(where.ellipse[0], where.error_unit)]
        major, minor, angle = (reply.numbers(name) for name in where.ellipse)
        e_ra, e_dec = ellipse_errors(major * scale, minor * scale, angle)
    else:
        e_ra, e_dec = (
            reply.numbers(name) * TO_ARCSEC[reply.unit(name, where.error_unit)]
            if reply.has(name)
            else np.full(len(reply.raw), np.nan)
            for name in (where.e_ra, where.e_dec)
        )
    return _believed(e_ra, where.default_error_arcsec), _believed(e_dec, where.default_error_arcsec)


def _believed(error_arcsec: FloatArray, default_arcsec: float) -> FloatArray:
    known = np.where(error_arcsec > 0, error_arcsec, default_arcsec)
    return np.asarray(np.maximum(known, ERROR_FLOOR_ARCSEC))


def ellipse_errors(
    major: FloatArray, minor: FloatArray, angle_deg: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Errors along RA and Dec of an error ellipse whose angle counts from north to east."""
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    return np.hypot(major * sine, minor * cosine), np.hypot(major * cosine, minor * sine)


def _epochs(reply: Reply) -> FloatArray:
    where = reply.spec.positions
    epochs = reply.numbers(where.epoch)
    if where.epoch_unit == "MJD":
        epochs = epochs + timescale.MJD_ZERO_JD
    elif where.epoch_unit == "yr":
        epochs = timescale.J2000_JD + (epochs - 2000.0) * timescale.DAYS_PER_JULIAN_YEAR
    # blank, or a zero that means blank: nothing in these surveys is older than 1950
    credible = epochs > timescale.julian_day_number(1950, 1, 1)
    return np.where(credible, epochs, where.epoch_jd)


def _photometry(reply: Reply, band: CatalogBand) -> tuple[FloatArray, FloatArray]:
    """Magnitudes and errors of a band; NaN where either is no measurement."""
    mag = reply.numbers(band.mag)
    usable = (mag > CREDIBLE_MAG[0]) & (mag < CREDIBLE_MAG[1])
    for cut in band.cuts:
        if reply.has(*cut.columns):
            usable &= _verdict(reply, cut)
    if reply.has(band.error):
        error = reply.numbers(band.error) * TO_MAG[band.error_unit]
    elif reply.has(band.flux, band.flux_error):
        relative = reply.numbers(band.flux_error) / reply.numbers(band.flux)
        error = MAG_PER_RELATIVE_FLUX * relative
    else:
        error = np.full(len(mag), np.nan)
    # an error of zero, or one of 99, is a survey's way to say that it does not know
    known = (error > 0) & (error < 9)
    floored = np.maximum(error, reply.spec.error_floor_mag)
    return np.where(usable, mag, np.nan), np.where(usable & known, floored, np.nan)


def _verdict(reply: Reply, cut: Cut) -> BoolArray:
    arrays = [reply.words(c) if cut.text else reply.numbers(c) for c in cut.columns]
    with np.errstate(invalid="ignore"):
        passes = np.asarray(cut.passes(*arrays), bool)
    for values in arrays:
        blank = values == "" if cut.text else np.isnan(values)
        passes = passes | blank if cut.blank_passes else passes & ~blank
    return passes


def _passing(reply: Reply, cuts: tuple[Cut, ...], history: list[str]) -> BoolArray:
    good = np.ones(len(reply.raw), bool)
    for cut in cuts:
        if not reply.has(*cut.columns):
            history.append(f"not tested, columns missing in the reply: {cut.why}")
            continue
        good &= _verdict(reply, cut)
    return good
