"""Pan-STARRS tables of the MAST archive."""

from typing import TYPE_CHECKING

from photpipe.catalogs.spec import CatalogSpec, MastTable
from photpipe.ground.sky import Cone
from photpipe.run.settings import ServiceSettings
from photpipe.services import tables, web

if TYPE_CHECKING:
    from astropy.table import Table

SERVICE = "MAST"

_API = {"path": "panstarrs/{data_release}/{table}.json", "args": {"data_release": "", "table": ""}}


def cone_search(
    spec: CatalogSpec,
    cone: Cone,
    settings: ServiceSettings,
    *,
    max_mag: float | None,
    row_limit: int,
    label: str,
) -> "Table":
    """Rows of the catalog inside a cone, brightest first.

    The client for single requests is used, not the one for catalogs: that one first fetches a
    list of columns in a request of its own, without any time limit.

    Raises
    ------
    ServiceError
        If there is no usable answer.
    """
    from astroquery.mast.services import ServiceAPI

    assert isinstance(spec.source, MastTable)
    source = spec.source
    question = {
        "ra": cone.ra_deg,
        "dec": cone.dec_deg,
        "radius": cone.radius_deg,
        "columns": list(spec.requested_columns),
        "sort_by": [f"{spec.limit_column}.asc"],
        "data_release": source.release,
        "table": source.table,
        **dict(spec.server_filters),
    }
    if max_mag is not None:
        question[f"{spec.limit_column}.lt"] = max_mag

    def query(link: web.ServerQuery) -> "Table":
        client = link.open(ServiceAPI())
        client.TIMEOUT = settings.deadline_s
        client.set_service_params({"panstarrs": _API}, "catalogs", True)
        response = client.service_request_async(
            "panstarrs", dict(question), pagesize=row_limit, use_json=True
        )
        web.text_of(response)
        found = link.read(lambda: client._parse_result(response))
        if len(found) == 0:
            return tables.blank(spec.requested_columns)
        where = (spec.positions.ra, spec.positions.dec)
        return tables.checked(found, cone, where, [spec.limit_column])

    return web.ask(SERVICE, label, settings.mast, settings, query)
