"""Tables of VizieR, and its mirrors."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from photpipe.ground.sky import Cone
from photpipe.run.settings import ServiceSettings
from photpipe.services import tables, votable, web

if TYPE_CHECKING:
    from astropy.table import Table

SERVICE = "VizieR"
PATH = "/viz-bin/votable"
NO_LIMIT = -1  # VizieR calls it "unlimited"
# of the answer: descriptions and units of the columns, no more, positions in degrees
_FORM = ("-out.meta=huUD", "-out.form=mini", "-oc.form=d")

_ERROR = re.compile(r"<(?:\w+:)?INFO[^>]*name=\"(?:Error|QUERY_STATUS)\"[^>]*>", re.IGNORECASE)
_VALUE = re.compile(r"value=\"([^\"]*)\"")


def cone_search(
    table: str,
    cone: Cone,
    settings: ServiceSettings,
    *,
    columns: Sequence[str],
    position_columns: tuple[str, str],
    limit_column: str = "",
    max_mag: float | None = None,
    filters: Sequence[tuple[str, str]] = (),
    row_limit: int = NO_LIMIT,
    label: str = "",
) -> "Table":
    """Rows of a table of VizieR inside a cone, brightest first.

    Parameters
    ----------
    table : str
        Identifier, e.g. ``II/349/ps1``.
    columns : sequence of str
        Columns in the spelling of VizieR; one that it does not have is left out.
    position_columns : tuple of str
        Those of RA and Dec (deg).
    limit_column : str
        Column to sort by, and to compare with `max_mag`; indispensable when given.
    filters : sequence of (str, str)
        Further criteria, column and condition.
    row_limit : int
        Largest number of rows, or `NO_LIMIT`.

    Raises
    ------
    ServiceError
        If no mirror gave a usable answer.
    """
    criteria = dict(filters)
    if limit_column and max_mag is not None:
        criteria[limit_column] = f"<{max_mag:.2f}"
    required = [limit_column] if limit_column else []
    question = "\n".join(
        [
            f"-source={table}",
            f"-out.max={'unlimited' if row_limit == NO_LIMIT else row_limit}",
            f"-out={','.join(columns)}",
            *([f"-sort={limit_column}"] if limit_column else []),
            *(f"{column}={condition}" for column, condition in criteria.items()),
            f"-c={cone.ra_deg:.8f}{cone.dec_deg:+.8f}",
            f"-c.rd={cone.radius_deg:.8f}",
            *_FORM,
        ]
    )

    def query(link: web.ServerQuery) -> "Table":
        response = link.post(PATH, question)
        _check_text(web.text_of(response))
        found = link.read(lambda: votable.parse(response.content))
        if not found:
            return tables.blank(columns)
        if table not in found and len(found) > 1:
            raise web.Unusable(f"the answer is about {', '.join(found)}, not {table}")
        rows = found.get(table, next(iter(found.values())))
        return tables.checked(rows, cone, position_columns, required)

    return web.ask(SERVICE, label or f"{table} {cone}", settings.vizier, settings, query)


def _check_text(text: str) -> None:
    """Refuse what is not a VOTable, or one that brings nothing but an error."""
    if "VOTABLE" not in text[:1000]:
        raise web.Unusable(f"the answer is not a VOTable ({web.first_line(text)})")
    if not re.search(r"</(?:\w+:)?VOTABLE>", text[-200:]):
        raise web.Unusable("answer cut off")
    for info in _ERROR.findall(text):
        value = _VALUE.search(info)
        if value and value[1].strip() not in {"", "OK", "OVERFLOW"} and "<TABLEDATA" not in text:
            raise web.Unusable(f"VizieR reports: {value[1].strip()[:100]}")
