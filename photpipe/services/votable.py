"""Tables out of VOTables as VizieR writes them, with the cells as texts (TABLEDATA).

astropy reads every kind of VOTable; to import its reader, and the units of CDS for one with units,
takes longer than to read a catalog of 10,000 stars here.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Tree

import numpy as np

if TYPE_CHECKING:
    from astropy.table import MaskedColumn, Table

_WHOLE = frozenset({"unsignedByte", "short", "int", "long"})  # VOTable 1.4, section 2.1
_FLOATING = {"float": np.float32, "double": np.float64}


def parse(content: bytes) -> "dict[str, Table]":
    """Tables that have rows, by their names.

    Raises
    ------
    ElementTree.ParseError, ValueError
        If it is not XML, or rows do not have a cell for each field.
    """
    from astropy.table import Table, vstack

    root = Tree.fromstring(content)
    space = root.tag.removesuffix("VOTABLE")  # one for all; patterns for any cost half of the time
    found: dict[str, list[Table]] = {}
    for element in root.iter(f"{space}TABLE"):
        fields = element.findall(f"{space}FIELD")
        data = element.find(f"{space}DATA/{space}TABLEDATA")
        rows = [[cell.text or "" for cell in row] for row in ([] if data is None else data)]
        if rows:
            cells = zip(*rows, strict=True)
            columns = [_column(*each) for each in zip(fields, cells, strict=True)]
            found.setdefault(element.get("name", ""), []).append(Table(columns))
    return {name: each[0] if len(each) == 1 else vstack(each) for name, each in found.items()}


def _column(field: Tree.Element, cells: Sequence[str]) -> "MaskedColumn":
    """Column of a field; cells without a value are masked."""
    from astropy.table import MaskedColumn

    datatype, unit = field.get("datatype", ""), field.get("unit", "").replace("/", " / ")
    values: Any
    if datatype in _WHOLE and "arraysize" not in field.attrib:
        null = next((each.get("null") for each in field.iterfind("{*}VALUES")), None)
        whole = [None if text.strip() == null else _whole(text) for text in cells]
        mask = np.array([each is None for each in whole])
        values = np.array([each or 0 for each in whole], np.int64)
    elif datatype in _FLOATING and "arraysize" not in field.attrib:
        values = np.array(_numbers(cells), _FLOATING[datatype])
        mask = np.isnan(values)
    else:
        values = np.array([text.strip() for text in cells])
        mask = values == ""
    return MaskedColumn(values, name=field.get("name"), mask=mask, unit=unit or None)


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _numbers(cells: Sequence[str]) -> list[float]:
    try:
        return [float(text) if text else math.nan for text in cells]
    except ValueError:
        return [_number(text) for text in cells]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
