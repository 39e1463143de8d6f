"""SDSS SkyServer: reads the SQL that a client of PhotoPrimary sends, answers with CSV."""

import re

import numpy as np

from photpipe.ground import sky as sphere
from simsky.protocol import Reply, Request, Twist, twisted
from simsky.survey import CatalogTable
from simsky.vizier import meets

_NEARBY = re.compile(
    r"fGetNearbyObjEq\(\s*(?P<ra>[\d.eE+-]+)\s*,\s*(?P<dec>[\d.eE+-]+)\s*,\s*(?P<r>[\d.eE+-]+)\s*\)",
    re.IGNORECASE,
)
_SELECT = re.compile(
    r"SELECT\s+(?:TOP\s+(?P<top>\d+)\s+)?(?P<columns>.*?)\s+FROM\s", re.IGNORECASE | re.DOTALL
)
_CONDITION = re.compile(
    r"(?:\w+\.)?(?P<column>\w+)\s*(?P<sign><=|>=|<>|<|>|=)\s*(?P<value>[\d.+-]+)$"
)
_WHERE = re.compile(r"\sWHERE\s(?P<all>.*?)(?:\sORDER\s|$)", re.IGNORECASE | re.DOTALL)
_ORDER = re.compile(r"ORDER\s+BY\s+(?:\w+\.)?(?P<column>\w+)", re.IGNORECASE)


def answer(photo_primary: CatalogTable, request: Request, twist: Twist | None = None) -> Reply:
    """Reply to one SQL query; SQL that is not understood is an error, as it is there."""
    sql = " ".join(request.query.get("cmd", "").split())
    select, nearby = _SELECT.search(sql), _NEARBY.search(sql)
    if not select or not nearby:
        return Reply('{"error_message": "Incorrect syntax near SELECT"}', "text/plain", 500)
    cone = sphere.Cone(float(nearby["ra"]), float(nearby["dec"]), float(nearby["r"]) / 60)
    inside = cone.contains(photo_primary.ra_deg, photo_primary.dec_deg)
    where = _WHERE.search(sql)
    for condition in re.split(r"\sAND\s", where["all"], flags=re.IGNORECASE) if where else ():
        found = _CONDITION.match(condition.strip())
        column = photo_primary.column(found["column"]) if found else None
        if found and column is not None:
            inside &= meets(column, found["sign"].replace("<>", "!=") + found["value"])
    order = np.flatnonzero(inside)
    by = _ORDER.search(sql)
    key = photo_primary.column(by["column"]) if by else None
    if key is not None:
        order = order[np.argsort(key.values[order], kind="stable")]
    order = order[: int(select["top"] or 500000)]
    wanted = [name.strip().rpartition(".")[2] for name in select["columns"].split(",")]
    columns = [column for column in map(photo_primary.column, wanted) if column is not None]
    twisted_columns, order = twisted(columns, order, twist)
    lines = ["#Table1", ",".join(column.name for column in twisted_columns)]
    cells = zip(*(column.cells(order) for column in twisted_columns), strict=True)
    lines += [",".join(text or "null" for text in row) for row in cells]
    return Reply("\n".join(lines) + "\n", "text/plain")
