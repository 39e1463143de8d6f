"""Functions of the original's ``diagnostics``: each renders the pages of a directory again.

Our pages show what the stages have saved. What scripts hand over for a page is not needed.
"""

from pathlib import Path
from typing import Any

from photpipe.run.workspace import Workspace


def create_index(filenames: Any = (), directory: str | Path = ".", *_: Any, **__: Any) -> str:
    """Render ``diagnostics.html`` of a directory; its path.

    Parameters
    ----------
    filenames : sequence of str
        Not needed: the frames are those of the stages.
    directory : str or Path
        The data directory.
    """
    from photpipe.report.write import refresh

    return str(refresh(Workspace(Path(directory).absolute())))


def create_website(filename: str | Path = "diagnostics.html", *_: Any, **__: Any) -> str:
    """Render ``diagnostics.html`` beside a file name; its path."""
    return create_index((), Path(filename).absolute().parent)


def add_results(*_: Any, **__: Any) -> str:
    """Render ``diagnostics.html`` of the current directory; its path."""
    return create_index()


def __getattr__(name: str) -> Any:
    """The other functions that add a part to the pages: each renders all of them."""
    if name.startswith("add_"):
        return add_results
    raise AttributeError(name)
