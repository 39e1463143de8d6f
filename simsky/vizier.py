"""VizieR: parses the text body of a query, answers with a VOTable."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from photpipe.ground import sky as sphere
from simsky.protocol import Reply, Request, Twist, twisted
from simsky.survey import CatalogTable, Column
from simsky.surveys import VIZIER
from simsky.votable import field, rows

BoolArray = NDArray[np.bool_]

_DEFAULT_ROWS = 50000
_LIST_MARK = "===="
_UNITS_DEG = {"d": 1.0, "m": 1 / 60, "s": 1 / 3600}
_CONDITION = re.compile(r"\s*(?P<sign>!=|>=|<=|<>|[<>=!]?)\s*(?P<value>.*?)\s*")


def parse_body(text: str) -> dict[str, str]:
    """Keys and values of a query; the positions of a list are joined by newlines."""
    query: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        key, _, value = line.partition("=")
        if value.startswith("<<"):
            mark = value[2:]
            value = "\n".join(iter(lambda: next(lines), mark))
        query[key] = value
    return query


def answer(
    catalogs: Mapping[str, CatalogTable], request: Request, twist: Twist | None = None
) -> Reply:
    """Reply to one query.

    Parameters
    ----------
    catalogs : mapping
        Tables by VizieR identifier.
    request : Request
        The query: in the body of a POST, or in the address of a GET.
    twist : Twist, optional
        What to get wrong on purpose.
    """
    query = parse_body(request.body) if request.body else dict(request.query)
    parts = [_head(query)]
    for name in query.get("-source", "").split(","):
        known = [table for table in VIZIER if table == name or table.startswith(f"{name}/")]
        parts += [_resource(catalogs[table], query, twist) for table in known]
        if not known:
            parts.append(f'<INFO name="QUERY_STATUS" value="ERROR">No such table: {name}</INFO>')
    parts.append("</VOTABLE>\n")
    return Reply("\n".join(parts), "text/xml")


def _head(query: Mapping[str, str]) -> str:
    source = query.get("-source", "")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns="http://www.ivoa.net/xml/VOTable/v1.3"
  xsi:schemaLocation="http://www.ivoa.net/xml/VOTable/v1.3 http://www.ivoa.net/xml/VOTable/v1.3">
 <DESCRIPTION>
   VizieR Astronomical Server of the simulated sky
 </DESCRIPTION>
<INFO ID="VERSION" name="votable-version" value="1.99+ (14-Oct-2013)"/>
<INFO ID="MaxTuples" name="-out.max" value="{query.get("-out.max", _DEFAULT_ROWS)}"/>
<INFO name="queryParameters" value="1">
-source={source}
</INFO>"""


def _resource(table: CatalogTable, query: Mapping[str, str], twist: Twist | None) -> str:
    """RESOURCE with the rows that a query selects; without a TABLE if there are none."""
    catalog = table.name.rsplit("/", 1)[0]
    order, distance, index = _selected(table, query)
    columns = _wanted_columns(table, query, distance, index)
    columns, order = twisted(columns, order, twist)
    opening = f'<RESOURCE ID="yCat_{catalog.replace("/", "_")}" name="{catalog}">'
    if not len(order) and twist is not Twist.EMPTY_TABLE:
        return f"{opening}\n</RESOURCE>"
    fields = "\n".join(field(column) for column in columns)
    return f"""{opening}
<COOSYS ID="ICRS" system="ICRS" epoch="J2000"/>
<TABLE ID="{table.name.replace("/", "_")}" name="{table.name}">
{fields}
<DATA><TABLEDATA>
{rows(columns, order)}
</TABLEDATA></DATA>
</TABLE>
</RESOURCE>"""


def _selected(
    table: CatalogTable, query: Mapping[str, str]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Rows in the order of the reply; distance (deg) and number of the position for all rows."""
    inside, distance, index = _around(table, query)
    for key, condition in query.items():
        column = table.column(key)
        if column is not None:
            inside &= meets(column, condition)
    order = np.flatnonzero(inside)
    for key in reversed([key for key in query.get("-sort", "").split(",") if key]):
        column = table.column(key.lstrip("+-"))
        if column is not None:
            values = column.values[order]
            order = order[np.argsort(-values if key.startswith("-") else values, kind="stable")]
    limit = query.get("-out.max", str(_DEFAULT_ROWS))
    if limit != "unlimited":
        order = order[: int(float(limit))]
    return order, distance, index


def _around(
    table: CatalogTable, query: Mapping[str, str]
) -> tuple[BoolArray, NDArray[np.float64], NDArray[np.int64]]:
    """Rows near the position or positions of the query."""
    everywhere = np.ones(table.ra_deg.size, bool)
    nearest = np.full(table.ra_deg.size, np.inf)
    index = np.zeros(table.ra_deg.size, np.int64)
    if not query.get("-c"):
        return everywhere, nearest, index
    inside = ~everywhere
    for number, text in enumerate(query["-c"].split("\n"), start=1):
        ra, dec = _position(text)
        distance = sphere.separation_deg(ra, dec, table.ra_deg, table.dec_deg)
        closer = distance < nearest
        nearest[closer], index[closer] = distance[closer], number
        inside |= _in_region(table, (ra, dec), query)
    return inside, nearest, index


def _position(text: str) -> tuple[float, float]:
    """RA and Dec of ``80.5+12.3``, ``80.5-12.3`` or ``80.5 12.3``."""
    found = re.fullmatch(r"\s*(?P<ra>[+-]?[\d.eE]+)\s*(?P<dec>[+-]?[\d.eE]+)\s*", text)
    if not found:
        message = f"position {text!r}"
        raise ValueError(message)
    return float(found["ra"]), float(found["dec"])


def _in_region(
    table: CatalogTable, centre: tuple[float, float], query: Mapping[str, str]
) -> BoolArray:
    """Rows in the circle or box around a position; VizieR's default is a circle of 2'."""
    for letter, unit_deg in _UNITS_DEG.items():
        if f"-c.r{letter}" in query:
            radius = float(query[f"-c.r{letter}"]) * unit_deg
            return sphere.Cone(*centre, radius).contains(table.ra_deg, table.dec_deg)
        if f"-c.b{letter}" in query:
            sides = [float(side) * unit_deg for side in query[f"-c.b{letter}"].split("x")]
            east, north = sphere.offsets_arcsec(*centre, table.ra_deg, table.dec_deg)
            return np.asarray(
                (np.abs(east) <= sides[0] * 1800) & (np.abs(north) <= sides[-1] * 1800)
            )
    return sphere.Cone(*centre, 2 / 60).contains(table.ra_deg, table.dec_deg)


def meets(column: Column, condition: str) -> BoolArray:
    """Rows that meet a VizieR condition such as ``<21``, ``>=3``, ``12..14``, ``!=0`` or ``+``."""
    found = _CONDITION.fullmatch(condition)
    sign, value = (found["sign"], found["value"]) if found else ("", condition)
    if column.is_text:
        same = column.values == value
        return np.asarray(~same if sign.startswith("!") else same)
    values = column.values.astype(float)
    if ".." in value:
        low, high = value.split("..")
        return np.asarray((values >= float(low)) & (values <= float(high)))
    limit = float(value)
    comparisons = {
        "<": values < limit,
        "<=": values <= limit,
        ">": values > limit,
        ">=": values >= limit,
        "!=": values != limit,
        "<>": values != limit,
        "!": values != limit,
    }
    return np.asarray(comparisons.get(sign, values == limit) & np.isfinite(values))


def _wanted_columns(
    table: CatalogTable,
    query: Mapping[str, str],
    distance: NDArray[np.float64],
    index: NDArray[np.int64],
) -> Sequence[Column]:
    """Columns of the reply; names that the table does not have are passed over."""
    added = [name for name in query.get("-out.add", "").split(",") if name]
    computed = {"_r": Column("_r", distance, "deg", 6), "_q": Column("_q", index)}
    columns = [computed[name] for name in added if name in computed]
    if "-out.all" in query or not query.get("-out") or query["-out"] == "*":
        return [*columns, *table.columns]
    wanted = (table.column(name) for name in query["-out"].split(","))
    return [*columns, *(column for column in wanted if column is not None)]
