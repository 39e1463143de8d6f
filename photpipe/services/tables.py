"""Answers that are tables: fit to be kept, and about what was asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.catalogs.spec import normalised
from photpipe.catalogs.table import plain_column
from photpipe.ground.sky import Cone
from photpipe.services.web import Unusable

if TYPE_CHECKING:
    from astropy.table import Table


def checked(
    table: "Table", cone: Cone, position_columns: tuple[str, str], required: Sequence[str] = ()
) -> "Table":
    """Answer with plain columns, after a look at whether it belongs to the question.

    Parameters
    ----------
    table : astropy.table.Table
        Answer as the client of the service read it.
    cone : Cone
        Patch of sky that was requested.
    position_columns : tuple of str
        Columns of RA and Dec in degrees.
    required : sequence of str
        Further columns of numbers without which, or without values in which, the answer is of
        no use.

    Returns
    -------
    astropy.table.Table
        The named columns in the spelling in which they were asked for.

    Raises
    ------
    Unusable
        If columns are missing, hold no numbers, or all positions lie elsewhere.
    """
    names = {normalised(name): name for name in table.colnames}
    missing = [name for name in (*position_columns, *required) if normalised(name) not in names]
    if missing:
        raise Unusable(f"columns are missing in the answer: {', '.join(missing)}")
    stored = _storable(table)
    ra, dec = (_numbers(stored, names[normalised(name)]) for name in position_columns)
    if len(stored) and not cone.contains(ra, dec).any():
        raise Unusable("the answer covers a different field")
    for name in required:
        if len(stored) and not np.isfinite(_numbers(stored, names[normalised(name)])).any():
            raise Unusable(f"column {name} of the answer is blank")
    for asked in (*position_columns, *required):
        if names[normalised(asked)] != asked:
            stored.rename_column(names[normalised(asked)], asked)
    return stored


def blank(columns: Sequence[str]) -> "Table":
    """The answer of a service that has nothing in the cone: the columns, without rows."""
    from astropy.table import Table

    return Table({name: np.empty(0) for name in columns})


def _numbers(table: "Table", name: str) -> Any:
    try:
        return plain_column(table[name]).astype(float)
    except ValueError as error:
        raise Unusable(f"column {name} holds no numbers") from error


def _storable(table: "Table") -> "Table":
    """Copy that an ECSV file can hold: texts as text, no odd units, no foreign remarks."""
    from astropy.table import MaskedColumn, Table

    stored = Table()
    for name in table.colnames:
        column = table[name]
        if column.dtype.kind in "OSU":
            stored[name] = plain_column(column)
            continue
        values = MaskedColumn(np.ma.asarray(column), name=name)
        unit = str(getattr(column, "unit", None) or "")
        values.unit = unit if unit in _UNITS else None
        stored[name] = values
    return stored


_UNITS = frozenset(
    {
        "deg",
        "arcsec",
        "mas",
        "mag",
        "mas / yr",
        "yr",
        "d",
        "mmag",
        "arcsec / h",
        "AU",
        "km",
        "km / s",
    }
)
