"""The rooms behind the commands of Photometry Pipeline (see ARCHITECTURE.md)."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photpipe.door import Night

__version__ = "1.0.0"


def open(directory: str | Path) -> "Night":
    """Results of a directory as tables, see `photpipe.door.Night`.

    Raises
    ------
    ConfigError
        If there is no such directory, or nothing was done in it.
    """
    from photpipe.door import Night

    return Night(Path(directory))
