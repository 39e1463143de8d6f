"""Data releases of SDSS on SkyServer: primary objects, one SQL query."""

from typing import TYPE_CHECKING

from photpipe.catalogs.spec import CatalogSpec, SkyServerTable, skyserver_sql
from photpipe.ground.sky import Cone
from photpipe.run.settings import ServiceSettings
from photpipe.services import tables, web

if TYPE_CHECKING:
    from astropy.table import Table

SERVICE = "SDSS SkyServer"


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

    Raises
    ------
    ServiceError
        If there is no usable answer.
    """
    from astroquery.sdss import SDSSClass

    assert isinstance(spec.source, SkyServerTable)
    release = spec.source.release
    sql = skyserver_sql(spec, cone, max_mag, row_limit)

    def query(link: web.ServerQuery) -> "Table":
        client = link.open(SDSSClass())
        response = client.query_sql_async(sql, data_release=release, cache=False)
        text = web.text_of(response)
        if not text.startswith("#Table"):
            raise web.Unusable(f"the answer is not a table ({web.first_line(text)})")
        if not text.endswith("\n"):
            raise web.Unusable("answer cut off")
        found = link.read(lambda: client._parse_result(response))
        if found is None:
            return tables.blank(spec.requested_columns)
        where = (spec.positions.ra, spec.positions.dec)
        return tables.checked(found, cone, where, [spec.limit_column])

    return web.ask(SERVICE, label, settings.sdss, settings, query)
