"""The reference stars of one band out of a catalog: native magnitudes or transformed ones."""

from collections.abc import Iterable

import numpy as np

from photpipe.catalogs.spec import CatalogSpec
from photpipe.catalogs.surveys import CATALOGS
from photpipe.catalogs.table import SourceTable
from photpipe.ground import bands
from photpipe.ground.errors import ReductionError
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science import published, transformations

MAX_ERROR_MAG = 0.1  # the original's limit of magnitude errors
SOLAR_TOLERANCE_MAG = 0.2  # manual: solcol, the colour index +- 0.2 mag


def calibrators_for(
    table: SourceTable,
    band: str,
    *,
    solar: bool = False,
    use_all_stars: bool = False,
    max_error_mag: float = MAX_ERROR_MAG,
    solar_tolerance_mag: float = SOLAR_TOLERANCE_MAG,
) -> SourceTable:
    """Stars of a catalog fit to calibrate a frame in a band.

    Parameters
    ----------
    table : SourceTable
        As `ingest.ingest` made it.
    band : str
        Band of the observation. A band of the catalog itself is taken as it is (SDSS u and z
        with their AB offsets); any other through a published transformation.
    solar : bool
        Only stars with the colors of the Sun.
    use_all_stars : bool
        No quality cuts, no ranges of validity, no limit on the error.
    max_error_mag : float
        Largest error of the reference magnitude.
    solar_tolerance_mag : float
        Largest difference from each solar color.

    Returns
    -------
    SourceTable
        At least one star; mag, e_mag and mag_band, mag_system, transformed tell of the wanted
        band, and the history tells how the stars were chosen.

    Raises
    ------
    ReductionError
        If the catalog has no way to the band, no solar colors, or no star that is good enough.
    """
    spec = description_of(table)
    name = bands.reference(band)
    if not spec.photometric:
        message = f"{table.name} serves for registration only"
        raise ReductionError(message)
    if not origin(spec, name):
        message = f"{table.name} gives no magnitudes in {band} (gives {' '.join(bands_of(spec))})"
        raise ReductionError(message)
    if not use_all_stars:
        table = table.where(table.data["for_photometry"], "passed the survey's quality cuts")
    if solar:
        table = table.where(
            solar_like(table, solar_tolerance_mag),
            f"colors of the Sun within {solar_tolerance_mag:g} mag",
        )
    table = in_band(table, name, everywhere=use_all_stars)
    usable = np.isfinite(table.column("mag")) & np.isfinite(table.column("e_mag"))
    table = table.where(usable, f"magnitude and error in {name}")
    if not use_all_stars:
        # the scatter of a relation is the same for all stars and says nothing about one of them
        rows = relations(table, name) if table.transformed else ()
        limit = np.hypot(max_error_mag, max((row.scatter_mag for row in rows), default=0.0))
        table = table.where(
            table.column("e_mag") <= limit, f"error in {name} at most {limit:.2g} mag"
        )
    if not len(table):
        message = f"{table.name}: no usable star in {band} ({'; '.join(table.history)})"
        raise ReductionError(message)
    return table


def in_band(table: SourceTable, band: str, everywhere: bool = False) -> SourceTable:
    """The table with mag and e_mag in a band, NaN where a star has none; no star is dropped.

    Parameters
    ----------
    table : SourceTable
        Sources of a catalog.
    band : str
        Band, native or within reach of a transformation.
    everywhere : bool
        Apply the transformation beyond its range too.

    Raises
    ------
    ReductionError
        If the band is neither native nor within reach.
    """
    native = description_of(table).band(band)
    if native is not None and band in table.systems:
        return table.selecting(band, native.ab_offset_mag)
    rows = relations(table, band)
    if not rows:
        message = f"{table.name}: the table holds no bands that lead to {band}"
        raise ReductionError(message)
    mag, e_mag = transformations.apply(
        rows,
        {known: table.column(f"{known}mag") for known in table.bands},
        {known: table.column(f"e_{known}mag") for known in table.bands},
        everywhere,
    )
    why = f"{band} ({rows[0].system}) after {rows[0].citation} ({rows[0].reference})"
    return table.with_bands({band: (mag, e_mag)}, rows[0].system, why).selecting(
        band, transformed=True
    )


def magnitude_of_all(table: SourceTable, band: str) -> FloatArray:
    """Magnitude of each source in a band, rough where the catalog has another band alone.

    Close companions often have one band only (Gaia gives no BP and RP in blends); their light is
    there all the same. They have the median colour of the stars with both bands.

    Returns
    -------
    array, shape (n,)
        NaN where no band helps.

    Raises
    ------
    ReductionError
        If the catalog has no way to the band.
    """
    mag = in_band(table, bands.reference(band), everywhere=True).column("mag").copy()
    known = np.isfinite(mag)
    others = {each: table.column(f"{each}mag") for each in table.bands}
    both = {each: int(np.sum(known & np.isfinite(values))) for each, values in others.items()}
    for each in sorted(others, key=lambda name: -both[name]):
        rough = np.isnan(mag) & np.isfinite(others[each])
        if both[each] and rough.any():
            mag[rough] = others[each][rough] + np.nanmedian((mag - others[each])[known])
    return mag


def solar_like(table: SourceTable, tolerance_mag: float = SOLAR_TOLERANCE_MAG) -> BoolArray:
    """Which sources have the colors of the Sun, in the catalog's own bands; shape (n,).

    Raises
    ------
    ReductionError
        If there are no solar colors for the catalog, or its reply lacks the bands.
    """
    colors = solar_colors_of(table)
    if not colors:
        message = f"{table.name}: stars of solar colour cannot be identified"
        raise ReductionError(message)
    like = np.ones(len(table), bool)
    for solar in colors:
        blue, red = (table.column(f"{band}mag") for band in solar.color)
        like &= np.abs(blue - red - solar.mag) <= tolerance_mag
    return like


def solar_colors_of(table: SourceTable) -> tuple[published.SolarColor, ...]:
    """Colors of the Sun in bands that the table has; none if it has not."""
    families = description_of(table).families
    offers = (published.solar_colors(family) for family in families)
    return next((o for o in offers if o and _has(table, [b for c in o for b in c.color])), ())


def relations(table: SourceTable, band: str) -> tuple[published.Transformation, ...]:
    """Published relations to a band from the bands that the table has; none if it has not."""
    offers = (published.pieces(family, band) for family in description_of(table).families)
    return next((rows for rows in offers if any(_has(table, row.inputs) for row in rows)), ())


def description_of(table: SourceTable) -> CatalogSpec:
    """The catalog that a table comes from; a user's own table describes itself."""
    if table.name in CATALOGS:
        return CATALOGS[table.name]
    from photpipe.catalogs import local

    return local.spec_of(table)


def origin(spec: CatalogSpec, band: str) -> str:
    """How a catalog gives a band: ``"native"``, ``"transformed"`` or ``""`` if not at all."""
    name = bands.reference(band)
    if spec.band(name):
        return "native"
    found = any(published.pieces(family, name) for family in spec.families)
    return "transformed" if found else ""


def bands_of(spec: CatalogSpec) -> tuple[str, ...]:
    """All bands a catalog gives, native ones first; transformed ones end in an asterisk."""
    native = [band.name for band in spec.bands]
    rows = [t for family in spec.families for t in published.TRANSFORMATIONS if t.family == family]
    transformed = dict.fromkeys(row.band for row in rows if row.band not in native)
    return (*native, *(f"{band}*" for band in transformed))


def _has(table: SourceTable, bands: Iterable[str]) -> bool:
    return set(bands) <= set(table.systems)
