"""What diagnostics.py does: the pages of directories are rendered again."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.ground.errors import ConfigError
from photpipe.ground.log import logging_to
from photpipe.run.workspace import Workspace


def render_all(
    values: argparse.Namespace, serve: Callable[[Workspace], None] | None = None
) -> cli.Status:
    """Render the pages of each directory; one that fails does not stop the others.

    Parameters
    ----------
    serve : callable, optional
        What shows the pages of a directory with ``-serve``.
    """
    values.offline = True
    status = cli.Status.DONE
    for directory in data_directories(values.directories):
        with cli.reporting(debug=values.debug) as outcome:
            workspace = cli.open_workspace(directory, values)
            page = render(workspace, single=values.single, frames=values.frames)
            if values.card:
                sys.stdout.writelines(f"{each}\n" for each in cards(workspace))
            if values.serve and serve:
                with logging_to(directory, quiet=values.quiet, debug=values.debug):
                    serve(workspace)
            else:
                sys.stdout.write(f"{page}\n")
        status = max(status, outcome.status)
    return status


def data_directories(names: Sequence[str]) -> list[Path]:
    """Directories that the user named, each once; of a file, that in which it lies."""
    paths = [Path(name).absolute() for name in names]
    return list(dict.fromkeys(path.parent if path.is_file() else path for path in paths))


def render(workspace: Workspace, *, single: bool, frames: bool = False) -> Path:
    """Render the pages of a directory; the page to be looked at.

    Raises
    ------
    ConfigError
        If the directory holds no results, or cannot be written.
    """
    from photpipe.report import write

    directory = workspace.directory
    if not workspace.state_directory.is_dir():
        raise ConfigError(f"{directory}: no results are saved here; run pp_run or pp_prepare first")
    try:
        if single:
            return write.export_single(workspace, frames=frames)
        return write.refresh(workspace)
    except OSError as error:
        raise ConfigError(f"{directory}: the pages cannot be written: {error}") from error


def cards(workspace: Workspace) -> list[Path]:
    """Write the cards of a directory; their files.

    Raises
    ------
    ConfigError
        If there is no target, or the directory cannot be written.
    """
    from photpipe.report import write

    directory = workspace.directory
    try:
        written = write.export_cards(workspace)
    except OSError as error:
        raise ConfigError(f"{directory}: the cards cannot be written: {error}") from error
    if not written:
        raise ConfigError(f"{directory}: no card without a target; run pp_distill first")
    return written
