"""MAST: the Pan-STARRS mean object table, as JSON."""

import json
from typing import Any

import numpy as np

from photpipe.ground import sky as sphere
from simsky.protocol import Reply, Request, Twist, twisted
from simsky.survey import CatalogTable, Column
from simsky.vizier import meets

_SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<", "eq": "", "ne": "!="}
_BLANK = -999


def answer(mean: CatalogTable, request: Request, twist: Twist | None = None) -> Reply:
    """Reply to one query, or the list of columns for ``metadata.json``."""
    if request.path.endswith("metadata.json"):
        return Reply(json.dumps([_description(column) for column in mean.columns]), _JSON)
    query: dict[str, Any] = json.loads(request.body) if request.body else dict(request.query)
    cone = sphere.Cone(float(query["ra"]), float(query["dec"]), float(query["radius"]))
    inside = cone.contains(mean.ra_deg, mean.dec_deg)
    for key, value in query.items():
        name, _, sign = key.partition(".")
        column = mean.column(name)
        if sign in _SIGNS and column is not None:
            inside &= meets(column, f"{_SIGNS[sign]}{value}")
    order = np.flatnonzero(inside)
    for entry in reversed(query.get("sort_by", [])):
        name, _, direction = entry.partition(".")
        column = mean.column(name)
        if column is not None:
            values = column.values[order] * (-1 if direction == "desc" else 1)
            order = order[np.argsort(values, kind="stable")]
    first = int(query.get("pagesize", 1001)) * (int(query.get("page", 1)) - 1)
    order = order[first : first + int(query.get("pagesize", 1001))]
    wanted = query.get("columns") or [column.name for column in mean.columns]
    wanted = [wanted] if isinstance(wanted, str) else wanted
    columns = [column for column in map(mean.column, wanted) if column is not None]
    twisted_columns, order = twisted(columns, order, twist)
    info = [_info(column) for column in twisted_columns]
    rows = [[_value(column, int(row)) for column in twisted_columns] for row in order]
    return Reply(json.dumps({"info": info, "data": rows}), _JSON)


_JSON = "application/json"


def _info(column: Column) -> dict[str, str]:
    kind = "char" if column.is_text else "long" if column.is_whole else "double"
    db_type = "STRING" if column.is_text else "NUMBER"
    return {"name": column.name, "type": kind, "db_type": db_type, "description": column.name}


def _description(column: Column) -> dict[str, str]:
    return {**_info(column), "column_name": column.name, "unit": column.unit or "NULL"}


def _value(column: Column, row: int) -> Any:
    """Value for JSON; MAST sends long numbers as text and blanks as -999."""
    value = column.values[row]
    if column.is_text:
        return str(value)
    if column.is_whole:
        return str(value) if value > 2**53 else int(value)
    return float(column.cell(row)) if np.isfinite(value) else _BLANK
