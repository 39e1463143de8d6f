#!/usr/bin/env python3
"""Render diagnostics.html again from the saved results; export it as a single file.

Nothing is computed, and no connection opened: the pages show what the stages have saved.

Reads
    ``.diagnostics/state/`` of the data directories that are named (default: this one), and the
    frames for their images.
Writes
    ``diagnostics.html`` and the pages and images in ``.diagnostics/``; with ``-single`` also
    everything in one file, to be mailed; with ``-card`` a page to be printed for each target.

Example
    ``./diagnostics.py -single night1 night2``

`refresh`, `export_single`, `write_summary` and the original's `create_...` and `add_...`, each of
which renders the pages, are importable from here.
"""

import argparse
import importlib
from collections.abc import Sequence

from photpipe.command import cli, rendering
from photpipe.run.options import COMMON

SUMMARY = "Render diagnostics.html again from the saved results of the stages."
_FUNCTIONS = {"refresh": "write", "export_single": "write", "write_summary": "summary"}


def __getattr__(name: str) -> object:
    """Functions of the report, fetched when they are asked for."""
    module = f"report.{_FUNCTIONS[name]}" if name in _FUNCTIONS else "original.diagnostics"
    return getattr(importlib.import_module(f"photpipe.{module}"), name)


def parser() -> argparse.ArgumentParser:
    """Parser of the command."""
    result = cli.new_parser("diagnostics.py", SUMMARY)
    about = "also write all but the pages of the frames into one file, to be mailed"
    result.add_argument("-single", action="store_true", help=about)
    about = "with -single: the pages of the frames, too (some 200 kB each)"
    result.add_argument("-frames", action="store_true", help=about)
    about = "also write a card of one page for each target: card_<target>.png and .pdf"
    result.add_argument("-card", action="store_true", help=about)
    about = "show the pages in a browser: points that are clicked on are measured again at once"
    result.add_argument("-serve", action="store_true", help=about)
    for name in ("jobs", "quiet", "debug"):
        result.add_argument(f"-{name}", **COMMON[name].keywords())
    about = "data directories, or frames in them (default: this one)"
    result.add_argument("directories", nargs="*", default=["."], help=about)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run diagnostics.py; returns the exit status."""

    def work(values: argparse.Namespace) -> cli.Status:
        from photpipe.runner.serve import serve

        return rendering.render_all(values, serve)

    return cli.run_tool(parser(), work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
