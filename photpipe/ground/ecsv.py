"""ECSV texts of plain tables, the same as astropy's and ten times as fast.

Astropy writes and reads the format cell by cell in Python, which for a catalog of some thousand
stars takes longer than all the measuring on a frame. Here whole columns pass through the csv
module; tables with anything but plain columns are left to astropy.
"""

import csv
import dataclasses
import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astropy.table import Table

FORMAT = "ascii.ecsv"
_PLAIN = frozenset("biufU")  # kinds of columns that are a text per cell
_SCHEMA = "# schema:"  # last line of a header, after that of meta
_BLANK = "no-value-here-4d2f"  # becomes an empty text in quotes


def column(unit: str, meaning: str, **about: Any) -> Any:
    """Field of a dataclass that is a column of a file; `about` joins its metadata."""
    return dataclasses.field(metadata={"unit": unit, "meaning": meaning, **about})


def table_of(rows: Sequence[Any], kind: type, **meta: str) -> "Table":
    """Table of instances of a dataclass whose fields are made by `column`."""
    from astropy.table import Column, Table

    table = Table(meta=meta)
    for each in dataclasses.fields(kind):
        values = [getattr(row, each.name) for row in rows]
        unit, meaning = each.metadata["unit"] or None, each.metadata["meaning"]
        table[each.name] = Column(values, dtype=each.type, unit=unit, description=meaning)
    return table


def rows_of(table: "Table") -> list[dict[str, Any]]:
    """Rows of a table by the names of its columns; a missing text is an empty one."""
    columns = [
        each.filled("") if hasattr(each, "mask") else each for each in table.columns.values()
    ]
    cells = zip(*(each.tolist() for each in columns), strict=True)
    return [dict(zip(table.colnames, row, strict=True)) for row in cells]


def to_text(table: "Table") -> str:
    """ECSV text of a table, as astropy writes it."""
    if not all(
        column.dtype.kind in _PLAIN and column.ndim == 1 for column in table.columns.values()
    ):
        return _by_astropy(table)
    out = io.StringIO()
    out.write(_head(table))
    rows = csv.writer(out, delimiter=" ", lineterminator="\n")
    rows.writerows(zip(*map(_cells, table.columns.values()), strict=True))
    return out.getvalue().replace(_BLANK, '""')


def to_csv(table: "Table") -> str:
    """CSV text of a table of plain columns, as astropy writes it; single numbers in short form."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(table.colnames)
    cells = (
        [
            "" if each is _BLANK else each.strip() if isinstance(each, str) else each
            for each in column
        ]
        for column in map(_cells, table.columns.values())
    )
    rows.writerows(zip(*cells, strict=True))
    return out.getvalue()


def _head(table: "Table") -> str:
    """Header of a text: what astropy says of the columns, which many tables share, and of meta."""
    from astropy.table import Table

    columns = table.columns.values()
    if any(each.info.format or each.info.meta for each in columns):
        return _by_astropy(table[:0])
    facts = ((c.name, c.dtype.kind, c.dtype.itemsize, c.unit, c.description) for c in columns)
    above, below = _head_of_columns(tuple(facts))
    if not table.meta:
        return above + below
    of_meta = _by_astropy(Table([[0.0]], names=["a"], meta=table.meta)[:0])
    return above + of_meta[of_meta.index("# meta:") : of_meta.rindex(_SCHEMA)] + below


@cache
def _head_of_columns(facts: tuple[tuple[str, str, int, Any, str | None], ...]) -> tuple[str, str]:
    """What astropy writes of such columns, before and from where meta would stand."""
    from astropy.table import Column, Table

    empty = [
        Column(
            np.empty(0, kind if kind == "U" else f"{kind}{size}"), name, unit=unit, description=of
        )
        for name, kind, size, unit, of in facts
    ]
    text = _by_astropy(Table(empty))
    at = text.rindex(_SCHEMA)
    return text[:at], text[at:]


def _by_astropy(table: "Table") -> str:
    out = io.StringIO()
    table.write(out, format=FORMAT)
    return out.getvalue()


def _cells(column: Any) -> list[object]:
    """What the csv module writes of a column: Python's numbers have the shortest form."""
    values = np.ma.getdata(column)
    kind, blank = values.dtype.kind, np.ma.getmaskarray(column)
    if kind == "f" and values.dtype.itemsize != 8:
        cells: list[object] = [str(value) for value in np.asarray(values)]
    else:
        cells = np.asarray(values).tolist()
    if kind == "U":
        return [
            _BLANK if hidden or not cell else cell
            for cell, hidden in zip(cells, blank, strict=True)
        ]
    if blank.any():
        return [_BLANK if hidden else cell for cell, hidden in zip(cells, blank, strict=True)]
    return cells


def header_of(lines: Sequence[str]) -> dict[str, Any]:
    """What the header of an ECSV text tells: `datatype` of its columns, `meta` and more.

    By libyaml, which takes a tenth of the time of the reader in Python that astropy has; objects of
    astropy, which it does not know, are left to that one.

    Parameters
    ----------
    lines : sequence of str
        The lines that begin with ``#``.

    Raises
    ------
    ValueError
        If they are no such header.
    """
    import yaml
    from astropy.table.meta import YamlParseError, get_header_from_yaml

    text = [line[2:] for line in lines[1:]]
    try:
        try:
            about = yaml.load("".join(text), Loader=_loader())
        except yaml.constructor.ConstructorError:
            about = get_header_from_yaml(text)
    except (yaml.YAMLError, YamlParseError) as error:
        raise ValueError("the header is not YAML") from error
    if not isinstance(about, dict):
        raise ValueError("the header is no mapping")
    return about


@cache
def _loader() -> Any:
    """Safe reader of YAML that gives ordered mappings as dictionaries."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """With the one tag of ECSV headers."""

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        pairs = (loader.construct_pairs(each, deep=True) for each in node.value)
        return {key: value for ((key, value),) in pairs}

    Loader.add_constructor("tag:yaml.org,2002:omap", mapping)
    return Loader


def from_text(text: str) -> "Table":
    """Table of an ECSV text, with the columns that astropy would give it.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the text is no ECSV table.
    """
    from astropy.table import Table

    stream = io.StringIO(text, newline=None)
    header, line = [], ""
    for line in stream:
        if not line.startswith("#"):
            break
        header.append(line)
    about = header_of(header)
    declared = about["datatype"]
    if about.get("delimiter", " ") != " " or not all(_is_plain(each) for each in declared):
        return Table.read(text.splitlines(), format=FORMAT)
    names = next(csv.reader([line], delimiter=" "))
    if names != [each["name"] for each in declared]:
        raise ValueError("the columns are not those that the header declares")
    rows = [row for row in csv.reader(stream, delimiter=" ", strict=True) if row]
    cells = zip(*rows, strict=True) if rows else [()] * len(names)
    table = Table(meta=dict(about.get("meta") or {}))
    for each, column in zip(declared, cells, strict=True):
        table[each["name"]] = _column(each, column)
    return table


def _is_plain(declared: dict[str, Any]) -> bool:
    if "subtype" in declared or "meta" in declared or "format" in declared:
        return False
    name = declared["datatype"]
    return name in {"string", "bool"} or np.dtype(name).kind in "iuf"


def _column(declared: dict[str, Any], cells: Sequence[str]) -> Any:
    """A column; one with blank cells is masked."""
    from astropy.table import Column, MaskedColumn

    blank = np.array([not cell for cell in cells], bool)
    about = {"unit": declared.get("unit"), "description": declared.get("description")}
    if not blank.any():
        return Column(_values(declared["datatype"], cells), **about)
    filler = (
        ""
        if declared["datatype"] == "string"
        else "False"
        if declared["datatype"] == "bool"
        else "0"
    )
    filled = [cell or filler for cell in cells]
    return MaskedColumn(_values(declared["datatype"], filled), mask=blank, **about)


def _values(kind: str, cells: Sequence[str]) -> NDArray[Any]:
    """Cells of one type as an array."""
    if kind == "string":
        return np.array(cells, str)
    if kind == "bool":
        return np.array([{"True": True, "False": False}[cell] for cell in cells], bool)
    return np.array(cells, str).astype(np.dtype(kind))
