#!/usr/bin/env python3
"""Render diagnostics.html again from the saved results; export it as a single file.

`refresh` (all pages of a directory), `export_single` and `write_summary` (the table of
several directories) are importable from here.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.ground.errors import ConfigError
from photpipe.run.options import COMMON
from photpipe.run.workspace import Workspace

SUMMARY = "Render diagnostics.html again from the saved results of the stages."
OPTION_NAMES = ("single", "jobs", "quiet", "debug")
_FUNCTIONS = {"refresh": "write", "export_single": "write", "write_summary": "summary"}


def __getattr__(name: str) -> object:
    """Functions of the report; they are fetched when asked for, since they draw slow libraries."""
    if name not in _FUNCTIONS:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"photpipe.report.{_FUNCTIONS[name]}"), name)


def parser() -> argparse.ArgumentParser:
    """Parser of the command."""
    result = cli.new_parser("diagnostics.py", SUMMARY)
    result.add_argument(
        "-single", action="store_true", help="also write everything into one file, to be mailed"
    )
    for name in ("jobs", "quiet", "debug"):
        result.add_argument(f"-{name}", **COMMON[name].keywords())
    result.add_argument(
        "directories", nargs="*", default=["."], help="data directories (default: this one)"
    )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run diagnostics.py; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        values = parser().parse_args(cli.normalised(words, OPTION_NAMES))
    except SystemExit as stop:
        return cli.Status.USAGE if stop.code else cli.Status.DONE
    values.offline = True
    status = cli.Status.DONE
    for name in values.directories:
        with cli.reporting(debug=values.debug) as outcome:
            directory = Path(name).absolute()
            page = render(cli.open_workspace(directory, values), single=values.single)
            sys.stdout.write(f"{page}\n")
        status = max(status, outcome.status)
    return status


def render(workspace: Workspace, *, single: bool) -> Path:
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
        return write.export_single(workspace) if single else write.refresh(workspace)
    except OSError as error:
        raise ConfigError(f"{directory}: the pages cannot be written: {error}") from error


if __name__ == "__main__":
    raise SystemExit(main())
