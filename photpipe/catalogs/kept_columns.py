"""What is looked at of the databases of a directory, kept in a form that is read at once.

SQLite gives the sources of a frame one by one, 15 ms for a thousand, which a night of hundreds of
frames would pay with each frame that comes. What was read is kept in a file per database, which
stands for it as long as it is the database that was read: same place, size and time of change.
"""

import contextlib
import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.database import Scalar, Wanted, read_database_columns
from photpipe.ground import files
from photpipe.ground.arrays import DAMAGED, read_arrays, write_arrays

log = logging.getLogger("photpipe")
ENDING = ".npz"
Content = tuple[dict[str, Scalar], SourceColumns]


def read_kept_columns(path: Path, wanted: Wanted, folder: Path | None) -> Content:
    """Facts and some columns of a database, as `read_database_columns` gives them.

    Parameters
    ----------
    path : Path
        The database.
    wanted : collection of str, or function
        The columns.
    folder : Path or None
        Where what is read is kept; None: nowhere.

    Raises
    ------
    ReductionError
        If there is no such file, or it is not such a database.
    """
    if folder is None:
        return read_database_columns(path, wanted)
    file = folder / (path.name + ENDING)
    mark = [str(path), *files.stamps([path])]
    found = _kept(file, mark, wanted)
    if found is None:
        found = read_database_columns(path, wanted)
        _keep(file, mark, _names(wanted, found[0]), found)
    return found


def forget_removed(directory: Path, folder: Path) -> None:
    """Remove what is kept of databases that a directory has no more."""
    with contextlib.suppress(OSError):
        files.check_parents(folder)
        for each in folder.glob("*" + ENDING):
            if not (directory / each.name.removesuffix(ENDING)).is_file():
                each.unlink()


def _names(wanted: Wanted, facts: dict[str, Scalar]) -> Collection[str]:
    return wanted(facts) if callable(wanted) else wanted


def _kept(file: Path, mark: list[str], wanted: Wanted) -> Content | None:
    """What a file holds, if it is of this database and of these columns."""
    try:
        with read_arrays(file) as stored:
            told = json.loads(stored["told"].tobytes())
            facts: dict[str, Scalar] = told["facts"]
            if told["mark"] != mark or told["wanted"] != sorted(_names(wanted, facts)):
                return None
            numbers = zip(told["numbers"].items(), stored["numbers"], strict=True)
            columns = {name: values.astype(kind, copy=False) for (name, kind), values in numbers}
            columns |= zip(told["texts"], stored["texts"], strict=True)
            return facts, SourceColumns({name: columns[name] for name in told["order"]})
    except DAMAGED:
        return None


def _keep(file: Path, mark: list[str], wanted: Collection[str], content: Content) -> None:
    """Keep what was read of a database."""
    facts, columns = content
    texts = [name for name, each in columns.data.items() if each.dtype.kind == "U"]
    numbers = [name for name in columns.colnames if name not in texts]
    told = {
        **{"mark": mark, "wanted": sorted(wanted), "facts": facts, "order": columns.colnames},
        **{"numbers": {name: columns[name].dtype.str for name in numbers}, "texts": texts},
    }
    arrays = {
        "told": np.frombuffer(json.dumps(told).encode(), np.uint8),
        "numbers": _stacked(columns, numbers, float),
        "texts": _stacked(columns, texts, str),
    }
    try:
        files.make_folder(file.parent)
        write_arrays(file, arrays)
    except OSError as error:
        log.debug("%s cannot be written: %s", file, error)


def _stacked(columns: SourceColumns, names: list[str], kind: type) -> np.ndarray[Any, Any]:
    """Some columns, shape (columns, rows)."""
    return np.array([columns[name] for name in names], kind).reshape(len(names), len(columns))
