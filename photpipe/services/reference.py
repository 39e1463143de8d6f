"""Reference stars of a field: the user's own table, else the cache, else the service."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from photpipe.catalogs import surveys
from photpipe.catalogs.ingest import ingest
from photpipe.catalogs.spec import CatalogSpec, MastTable, SkyServerTable
from photpipe.catalogs.table import SourceTable
from photpipe.ground.errors import ConfigError, ReductionError, ServiceError
from photpipe.ground.files import slug
from photpipe.ground.sky import Cone
from photpipe.run.settings import ServiceSettings, Settings
from photpipe.services import mast, sdss, vizier
from photpipe.services.cache import Cache, cache_folder, is_truncated
from photpipe.services.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    from astropy.table import Table

log = logging.getLogger(__name__)

IMPORTED = "imported"
# what has no star of a survey of the whole sky is no field, but a service in trouble
LARGE_DEG = 0.2
DEEP_MAG = 15.0  # by judgement: every field of LARGE_DEG has stars of that magnitude


def fetch_catalog(
    name: str,
    cone: Cone,
    settings: Settings,
    *,
    max_mag: float | None = None,
    epoch_jd: float | None = None,
    row_limit: int | None = None,
) -> SourceTable:
    """Stars of a catalog inside a cone, brightest first.

    Parameters
    ----------
    name : str
        Name of a catalog, or one given to ``catalog.py import``.
    max_mag : float, optional
        Faintest magnitude, in the band by which the catalog is limited.
    epoch_jd : float, optional
        Moment (JD) to which the stars are moved by their proper motions.
    row_limit : int, optional
        Largest number of stars; the settings tell the default.

    Returns
    -------
    SourceTable
        No rows if the catalog has nothing there; `truncated` if it has more than the limit.

    Raises
    ------
    ConfigError
        If there is no catalog of this name.
    ServiceError
        If the service gives no usable answer and the cache has none.
    """
    limit = row_limit or settings.services.row_limit
    table = _imported_stars(name, cone, settings.services, max_mag, limit)
    if table is None:
        table = _survey_stars(surveys.spec(name), cone, settings.services, max_mag, limit)
    if table.truncated and row_limit is None:
        log.warning(
            "%s has more than %d stars in %s; the brightest are used (services.row_limit)",
            table.name,
            limit,
            cone,
        )
    return table if epoch_jd is None else table.at_epoch(epoch_jd)


def _survey_stars(
    spec: CatalogSpec, cone: Cone, settings: ServiceSettings, max_mag: float | None, limit: int
) -> SourceTable:
    where = (spec.positions.ra, spec.positions.dec)
    if not spec.may_cover(cone):
        log.info("%s does not reach %s (%s)", spec.name, cone, spec.coverage)
        return ingest(_blank(spec), spec, str(cone))
    request = Request(
        spec.source.service,
        _first_name(spec),
        {
            "source": repr(spec.source),
            "columns": list(spec.requested_columns),
            "filters": [list(each) for each in spec.server_filters],
        },
        cone=cone,
        max_mag=None if max_mag is None else round(max_mag, 2),
        position_columns=where,
        mag_column=spec.limit_column,
        row_limit=limit,
        max_age_days=settings.catalog_age_days,
    )
    raw = Cache(settings).remember(request, lambda: _believable(spec, request, settings))
    return ingest(raw, spec, str(request), truncated=is_truncated(raw))


def _believable(spec: CatalogSpec, request: Request, settings: ServiceSettings) -> "Table":
    """Reply of the service, unless it cannot be: no star where every field has many.

    Raises
    ------
    ServiceError
        If a survey of the whole sky has no star in a large field. Nothing is kept then, and the
        next run asks again.
    """
    table = _fetched(spec, request, settings)
    assert request.cone is not None
    is_deep = request.max_mag is None or request.max_mag >= DEEP_MAG
    if not len(table) and spec.is_all_sky and is_deep and request.cone.radius_deg >= LARGE_DEG:
        reason = "an empty answer, although the survey covers the whole sky; try again later"
        raise ServiceError(request.service, str(request), reason)
    return table


def _fetched(spec: CatalogSpec, request: Request, settings: ServiceSettings) -> "Table":
    """Reply of the service that holds the catalog."""
    cone = request.asked_cone
    assert cone is not None
    assert request.asked_rows is not None
    log.info("asking %s for %s", request.service, request)
    if isinstance(spec.source, MastTable | SkyServerTable):
        search = mast.cone_search if isinstance(spec.source, MastTable) else sdss.cone_search
        return search(
            spec,
            cone,
            settings,
            max_mag=request.max_mag,
            row_limit=request.asked_rows,
            label=str(request),
        )
    return vizier.cone_search(
        spec.source.table,
        cone,
        settings,
        columns=spec.requested_columns,
        position_columns=request.position_columns,
        limit_column=spec.limit_column,
        max_mag=request.max_mag,
        filters=spec.server_filters,
        row_limit=request.asked_rows,
        label=str(request),
    )


def _first_name(spec: CatalogSpec) -> str:
    """First of the names under which the same thing is asked (``GAIA`` is ``GAIA3``)."""
    return next(
        row.name
        for row in surveys.CATALOGS.values()
        if row.source == spec.source and row.requested_columns == spec.requested_columns
    )


def _blank(spec: CatalogSpec) -> "Table":
    from photpipe.services.tables import blank

    return blank(spec.requested_columns)


def imported_path(name: str, folder: "Path") -> "Path":
    """File of a table of stars that the user put into a cache folder under a name."""
    return folder / IMPORTED / f"{slug(name.upper())}.ecsv"


def check_catalog(name: str, settings: Settings) -> None:
    """Refuse a catalog that does not exist before anything is done.

    Raises
    ------
    ConfigError
        If there is none of this name; the message lists those that there are.
    """
    if imported(name, settings.services) is None:
        surveys.spec(name)


def imported_tables(settings: ServiceSettings) -> list["Path"]:
    """Files of all tables that the user imported."""
    folders = Cache(settings).folders
    return [path for folder in folders for path in sorted((folder / IMPORTED).glob("*.ecsv"))]


def imported(name: str, settings: ServiceSettings) -> SourceTable | None:
    """The user's own table of this name, or None."""
    for folder in Cache(settings).folders:
        path = imported_path(name, folder)
        if path.is_file():
            try:
                return SourceTable.read(path)
            except ReductionError as error:
                raise ConfigError(f"{error}; import it again with catalog.py import") from error
    return None


def keep_imported(table: SourceTable, settings: ServiceSettings) -> "Path":
    """Put a table of the user's own into the cache, under its name; returns the file.

    Raises
    ------
    ConfigError
        If the cache cannot be written.
    """
    path = imported_path(table.name, cache_folder(settings))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; set PHOTPIPE_CACHE to a directory") from error
    return path


def _imported_stars(
    name: str, cone: Cone, settings: ServiceSettings, max_mag: float | None, limit: int
) -> SourceTable | None:
    """Stars of the user's own table in the cone; None if the survey itself is to be asked."""
    table = imported(name, settings)
    if table is None:
        return None
    table = table.where(cone.contains(table.ra_deg, table.dec_deg), f"inside {cone}")
    if not len(table):
        known = any(row.name.casefold() == name.casefold() for row in surveys.CATALOGS.values())
        return None if known else table
    if max_mag is not None:
        table = table.where(table.column("mag") < max_mag, f"brighter than {max_mag:g}")
    brightest = table.where(np.arange(len(table)) < limit, f"the {limit} brightest")
    return replace(brightest, truncated=len(table) > limit)
