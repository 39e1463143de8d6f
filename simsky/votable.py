"""VOTables as text, the way VizieR and SkyBoT write them."""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from simsky.survey import Column


def xml_ident(name: str) -> str:
    """XML identifier that VizieR derives from a column name."""
    ident = "".join(c if c.isalnum() or c in "_-." else "_" for c in name)
    return f"_{ident}" if ident[0].isdigit() or ident[0] == "_" else ident


def field(column: Column) -> str:
    """FIELD element of a column."""
    if column.is_text:
        kind = 'datatype="char" arraysize="*"'
    elif column.is_whole:
        kind = 'datatype="long"'
    else:
        kind = 'datatype="double"'
    unit = f" unit={quoteattr(column.unit)}" if column.unit else ""
    names = f"ID={quoteattr(xml_ident(column.name))} name={quoteattr(column.name)}"
    return f"<FIELD {names} {kind}{unit}/>"


def rows(columns: Sequence[Column], order: Iterable[int]) -> str:
    """TR elements of the rows in the given order."""
    at = np.array(list(order), np.intp)
    cells = zip(*([escape(text) for text in column.cells(at)] for column in columns), strict=True)
    return "\n".join(f"<TR><TD>{'</TD><TD>'.join(row)}</TD></TR>" for row in cells)
