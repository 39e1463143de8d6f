"""One kept answer as a readable ECSV file that shows whether it is whole.

The header holds, under ``photpipe``, the request, the service, the date, the version, the number
of rows and their checksum.
"""

import hashlib
import io
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photpipe.ground import ecsv

if TYPE_CHECKING:
    from astropy.table import Table

FORMAT = 1  # to be raised when files of the cache are written otherwise
ABOUT = "photpipe"

_BLANK = "0" * 64

DAMAGE = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What reading a damaged file may raise: our own checks, and whatever the ECSV reader meets."""


def to_text(table: "Table") -> str:
    """ECSV text of a table with ``meta["photpipe"]``."""
    marked = table.copy(copy_data=False)
    marked.meta = dict(table.meta)
    marked.meta[ABOUT] = {**table.meta[ABOUT], "rows": len(table), "sha256": _BLANK}
    text = ecsv.to_text(marked)
    return text.replace(_BLANK, _checksum(text), 1)


def from_text(text: str) -> "Table":
    """Table of an ECSV text.

    Raises
    ------
    ValueError
        If it was cut off or changed (or another error of `DAMAGE`).
    """
    about = _header(io.StringIO(text))
    if about["sha256"] != _checksum(text):
        raise ValueError("the checksum of the rows differs from that in the header")
    table = ecsv.from_text(text)
    if len(table) != about["rows"]:
        raise ValueError("the header gives a different number of rows")
    for name in table.colnames:
        if table[name].dtype.kind == "U" and hasattr(table[name], "filled"):
            table[name] = table[name].filled("")  # ECSV knows no empty text, only a missing one
    return table


def read_about(path: Path) -> dict[str, Any]:
    """What the header tells of a kept answer.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged (or another error of `DAMAGE`).
    """
    with path.open(encoding="utf-8") as file:
        return _header(file)


def _header(lines: Iterable[str]) -> dict[str, Any]:
    header = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    about = ecsv.header_of(header)["meta"][ABOUT]
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}, not {FORMAT}")
    return dict(about)


def _checksum(text: str) -> str:
    """SHA-256 of the rows, whatever the line ends."""
    rows = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return hashlib.sha256(rows.encode()).hexdigest()
