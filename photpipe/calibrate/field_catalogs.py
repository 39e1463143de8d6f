"""Reference stars that may calibrate: out of a catalog, without blends and known variables."""

import logging
from dataclasses import dataclass

import numpy as np

from photpipe.calibrate.reference_stars import crowded_stars
from photpipe.catalogs.calibrators import calibrators_for
from photpipe.catalogs.table import SourceTable
from photpipe.ground import bands
from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.ground.sky import BoolArray, Cone, unit_vectors
from photpipe.instruments import filters
from photpipe.run.settings import Settings
from photpipe.services import vsx
from photpipe.services.reference import fetch_catalog, imported_tables

log = logging.getLogger(__name__)

VARIABLE_REACH_ARCSEC = 3.0  # by judgement: older positions of VSX are off by some arcsec
CONSTANT = 2  # VSX flag of stars that proved to be constant


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reference stars are wanted.

    Parameters
    ----------
    cone : Cone
        The field.
    band : str
        Band of the frames.
    epoch_jd : float
        To which the stars are moved by their proper motions.
    aperture_arcsec : float
        Within it, neighbours with 2 % of a star's light spoil it: the aperture, or the distance
        from which on a fit tells stars apart.
    solar, use_all_stars : bool
        As the options of pp_calibrate.
    """

    cone: Cone
    band: str
    epoch_jd: float
    aperture_arcsec: float
    solar: bool
    use_all_stars: bool


def check_band(name: str, settings: Settings) -> None:
    """Refuse a band that no catalog can have; a user's own table may have any.

    Raises
    ------
    ConfigError
        With the band that the word may stand for.
    """
    if bands.named(name) or imported_tables(settings.services):
        return
    found = filters.meaning(name)
    advice = f"; did you mean -filter {found.band}?" if found and found.band else ""
    raise ConfigError(f"-filter {name}: there is no such band{advice} ({' '.join(bands.BANDS)})")


def reference_stars(name: str, wanted: Wanted, settings: Settings) -> SourceTable:
    """Stars of a catalog with magnitudes in the band, fit to calibrate.

    Raises
    ------
    ConfigError
        If there is no catalog of this name.
    ServiceError
        If the catalog cannot be had.
    ReductionError
        If it has no usable star.
    """
    stars = fetch_catalog(name, wanted.cone, settings, epoch_jd=wanted.epoch_jd)
    if not wanted.use_all_stars and len(stars):
        alone = ~crowded_stars(stars, wanted.aperture_arcsec)
        stars = stars.where(alone, "no neighbour with 2 % of the flux in the aperture")
    stars = calibrators_for(
        stars,
        wanted.band,
        solar=wanted.solar,
        use_all_stars=wanted.use_all_stars,
        solar_tolerance_mag=settings.calibration.solcol,
    )
    if wanted.use_all_stars:
        return stars
    return stars.where(~_known_variables(stars, wanted.cone, settings), "not in the VSX")


def _known_variables(stars: SourceTable, cone: Cone, settings: Settings) -> BoolArray:
    """Which stars are in the index of variable stars; none if it cannot be had."""
    from scipy.spatial import KDTree

    try:
        table = vsx.variables(cone, settings)
    except ServiceError as error:
        log.warning("%s; known variable stars are not left out", error)
        return np.zeros(len(stars), bool)
    table = table[np.asarray(table["flag"], float) != CONSTANT]
    if not len(table):
        return np.zeros(len(stars), bool)
    known = KDTree(unit_vectors(table["ra_deg"], table["dec_deg"]))
    distance, _ = known.query(unit_vectors(stars.ra_deg, stars.dec_deg))
    return np.asarray(distance <= np.radians(VARIABLE_REACH_ARCSEC / 3600))
