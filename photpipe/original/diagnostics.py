"""Functions of the original's ``diagnostics``: each renders the pages of a directory again.

Our pages show what the stages have saved. What scripts hand over for a page is not needed.
"""

import logging
from pathlib import Path
from typing import Any

from photpipe.run.workspace import Workspace

log = logging.getLogger("diagnostics")


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


def abort(where: str, directory: str | Path = ".") -> str:
    """Say in LOG where a script gave up, and render ``diagnostics.html``; its path.

    Parameters
    ----------
    where : str
        Name of the module or the step.
    directory : str or Path
        The data directory.
    """
    from photpipe.ground.log import logging_to

    folder = Path(directory).absolute()
    with logging_to(folder, quiet=False, debug=False):
        log.error("aborted in %s; see LOG for what came before", where)
    return create_index((), folder)


def __getattr__(name: str) -> Any:
    """The other functions that add a part to the pages: each renders all of them."""
    if name.startswith("add_"):
        return add_results
    raise AttributeError(name)
