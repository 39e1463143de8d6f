#!/usr/bin/env python3
"""Render diagnostics.html again from the saved results; export it as a single file.

Nothing is computed, and no connection opened: the pages show what the stages have saved.

Reads
    ``.diagnostics/state/`` of the data directories that are named (default: this one), and the
    frames for their pictures.
Writes
    ``diagnostics.html`` and the pages and pictures in ``.diagnostics/``; with ``-single`` also
    everything in one file, to be mailed.

Example
    ``./diagnostics.py -single night1 night2``

`refresh`, `export_single`, `write_summary` and the original's `create_...` and `add_...`, each of
which renders the pages, are importable from here.
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
_FUNCTIONS = {"refresh": "write", "export_single": "write", "write_summary": "summary"}


def __getattr__(name: str) -> object:
    """Functions of the report, fetched when they are asked for."""
    module = f"report.{_FUNCTIONS[name]}" if name in _FUNCTIONS else "original.diagnostics"
    return getattr(importlib.import_module(f"photpipe.{module}"), name)


def parser() -> argparse.ArgumentParser:
    """Parser of the command."""
    result = cli.new_parser("diagnostics.py", SUMMARY)
    about = "also write everything into one file, to be mailed"
    result.add_argument("-single", action="store_true", help=about)
    for name in ("jobs", "quiet", "debug"):
        result.add_argument(f"-{name}", **COMMON[name].keywords())
    about = "data directories (default: this one)"
    result.add_argument("directories", nargs="*", default=["."], help=about)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run diagnostics.py; returns the exit status."""
    return cli.run_tool(parser(), _render_all, argv)


def _render_all(values: argparse.Namespace) -> cli.Status:
    """Render the pages of each directory; one that fails does not stop the others."""
    values.offline = True
    status = cli.Status.DONE
    for name in values.directories:
        with cli.reporting(debug=values.debug) as outcome:
            workspace = cli.open_workspace(Path(name).absolute(), values)
            sys.stdout.write(f"{render(workspace, single=values.single)}\n")
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
