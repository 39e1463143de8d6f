"""The per-image SQLite file (``<stem>.ldac.db``): all sources of a frame, calibrated.

Two tables, readable by any program: ``header`` with one row of facts, ``data`` with one row per
source. Positions are ra_deg and dec_deg; a calibrated magnitude and its error in the band X
are ``_Xmag`` and ``_e_Xmag`` (`magnitude_columns`).

SQLite takes ``_Rmag`` and ``_rmag`` for the same column. A column keeps its name, unless
another differs from it in case only: then the one with more lower-case letters keeps it, and
the others end in ``_uc`` (upper case), ``_uc2``, ... Thus R beside r is ``_Rmag_uc``. Reading
gives the names back as they were.
"""

import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.catalogs.columns import SourceColumns
from photpipe.ground.errors import ReductionError
from photpipe.ground.files import encoded, write_bytes

if TYPE_CHECKING:
    from astropy.table import Table

Scalar = str | int | float | bool
Wanted = Collection[str] | Callable[[Mapping[str, Scalar]], Collection[str]]
UPPER_CASE = "_uc"
_ENDING = re.compile(rf"{UPPER_CASE}\d*$")
_READ_AS: dict[str, tuple[type, Any]] = {
    "REAL": (float, float("nan")),
    "INTEGER": (int, 0),
    "BOOLEAN": (bool, False),
}
_TYPES = {"f": "REAL", "i": "INTEGER", "u": "INTEGER", "b": "BOOLEAN"}


def magnitude_columns(band: str) -> tuple[str, str]:
    """Names of the columns of the calibrated magnitude and its error in a band."""
    return f"_{band}mag", f"_e_{band}mag"


def write_database(
    path: Path,
    header: Mapping[str, Scalar],
    table: "Table | Mapping[str, np.ndarray[Any, Any]]",
) -> None:
    """Write a frame's sources; the file is complete or stays as it was.

    Parameters
    ----------
    path : Path
        The database.
    header : mapping of str to scalar
        Facts about the frame and its calibration; NaN becomes NULL.
    table : Table or mapping
        Sources: columns of numbers, booleans or text, one value per row; NaN becomes NULL.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If a column has several values per row, or there is no column or no header.
    """
    from photpipe.catalogs.table import plain_column

    columns = {name: plain_column(column) for name, column in table.items()}
    for name, column in columns.items():
        if column.ndim != 1:
            message = f"column {name} has several values per row; choose one of them first"
            raise ValueError(message)
    facts = {key: np.array([value]) for key, value in header.items()}
    connection = sqlite3.connect(":memory:")
    try:
        _fill(connection, "header", facts)
        _fill(connection, "data", columns)
        connection.commit()
        content = connection.serialize()
    finally:
        connection.close()
    write_bytes(path, content)


def read_database(path: Path) -> tuple[dict[str, Scalar], "Table"]:
    """Read what `write_database` wrote: facts and sources.

    Raises
    ------
    ReductionError
        If there is no such file, or it is not such a database.
    """
    from astropy.table import Table

    header, columns = read_database_columns(path)
    return header, Table(dict(columns.data))


def read_database_columns(
    path: Path, wanted: Wanted | None = None
) -> tuple[dict[str, Scalar], SourceColumns]:
    """Read facts and some columns of the sources.

    Parameters
    ----------
    wanted : collection of str, or function, optional
        The columns of the sources to be read, as far as there are, or what tells them by the
        facts; all if not given.

    Raises
    ------
    ReductionError
        If there is no such file, or it is not such a database.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path.name}: cannot be read ({error.strerror}); run pp_calibrate on the frame"
        raise ReductionError(message) from error
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(content or b"empty")  # nothing at all would be a MemoryError
        header = {name: c[0].item() for name, c in _read(connection, "header").items()}
        names = wanted(header) if callable(wanted) else wanted
        data = _read(connection, "data", names)
    except (sqlite3.Error, IndexError, ValueError) as error:
        message = f"{path.name}: not a database of pp_calibrate ({error}); run pp_calibrate again"
        raise ReductionError(message) from error
    finally:
        connection.close()
    return header, SourceColumns(data)


def sql_names(names: Iterable[str]) -> dict[str, str]:
    """Name in the database of each column: unique whatever the case."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.lower(), []).append(name)
    result: dict[str, str] = {}
    for group in groups.values():
        ordered = sorted(group, key=lambda name: (sum(c.isupper() for c in name), name))
        for number, name in enumerate(ordered):
            ending = f"{UPPER_CASE}{number if number > 1 else ''}" if number else ""
            result[name] = name + ending
    return result


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fill(
    connection: sqlite3.Connection, table: str, columns: Mapping[str, np.ndarray[Any, Any]]
) -> None:
    if not columns:
        message = f"nothing to write into the table {table}"
        raise ValueError(message)
    names = sql_names(columns)
    declared = ", ".join(
        f"{_quoted(names[name])} {_TYPES.get(column.dtype.kind, 'TEXT')}"
        for name, column in columns.items()
    )
    connection.execute(f"CREATE TABLE {table} ({declared})")
    rows = zip(*map(_storable, columns.values()), strict=True)
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)


def _storable(column: np.ndarray[Any, Any]) -> list[Any]:
    """Values of a column; names that are no UTF-8, which SQLite refuses, readable."""
    values: list[Any] = column.tolist()
    if column.dtype.kind not in "UO":
        return values
    return [encoded(each).decode() if isinstance(each, str) else each for each in values]


def _read(
    connection: sqlite3.Connection, table: str, wanted: Collection[str] | None = None
) -> dict[str, np.ndarray[Any, Any]]:
    """Columns of a table by their original names; NULL is NaN, or ``""`` among texts."""
    described = [
        (name, declared)
        for _, name, declared, *_ in connection.execute(f"PRAGMA table_info({table})")
        if wanted is None or _ENDING.sub("", name) in wanted
    ]
    names = ", ".join(_quoted(name) for name, _ in described) or "NULL"
    rows = connection.execute(f"SELECT {names} FROM {table}").fetchall()
    cells = zip(*rows, strict=True) if rows and described else [()] * len(described)
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for (name, declared), found in zip(described, cells, strict=True):
        dtype, blank = _READ_AS.get(declared, (str, ""))
        values: Sequence[Any] = found
        if dtype is not float and None in found:  # of floats, numpy itself makes NaN of None
            values = [blank if each is None else each for each in found]
        columns[_ENDING.sub("", name)] = np.array(values, dtype)
    return columns
