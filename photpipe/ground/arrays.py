"""Arrays that are kept for a later run: files of numpy, which nobody has to believe."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photpipe.ground import files

# what taking such a file apart may lead to, whoever has written it
DAMAGED = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, RecursionError),
    zipfile.BadZipFile,
)


def read_arrays(path: Path) -> Any:
    """Arrays of a file by their names, to be closed; no objects are made of what it says.

    Raises
    ------
    DAMAGED
        If it cannot be read; also when an array is taken from what is returned.
    """
    return np.load(io.BytesIO(files.read_bytes(path)), allow_pickle=False)


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray[Any, Any]], *, compressed: bool = False
) -> None:
    """Write arrays by their names; the folder is there.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)  # type: ignore[arg-type]
    files.write_bytes(path, stream.getvalue())
