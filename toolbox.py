#!/usr/bin/env python3
"""Explain what PP makes of a header: every fact, the cards it comes from, and what is missing.

For a camera without an entry it tells how each fact was found, and ``-entry`` prints an entry
to be finished by hand.

Reads
    the headers of the images; ``setup/telescopes.py``, the user's ``mytelescopes.py``, and what
    the frames of unknown cameras taught.
Writes
    nothing, but that ``-forget`` removes what was learned of a camera. It prints its findings.

Example
    ``./toolbox.py mscience0001.fits``

`explain` (the lines about one frame), `iso`, `parse_datetime` and `parse_sexagesimal` are
importable from here.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from photpipe.command import cli, headers
from photpipe.ground.sky import parse_sexagesimal
from photpipe.ground.timescale import iso, parse_datetime
from photpipe.run.options import TELESCOPE

if TYPE_CHECKING:
    from photpipe.instruments.explaining import explain

__all__ = ["explain", "iso", "main", "parse_datetime", "parse_sexagesimal"]
SUMMARY = (
    "Explain what PP makes of a header: every fact, the cards it comes from, and what is missing."
)


def __getattr__(name: str) -> object:
    """`explain`, which reads FITS files, is fetched when it is asked for."""
    if name != "explain":
        raise AttributeError(name)
    from photpipe.instruments.explaining import explain

    return explain


def parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    result = cli.new_parser("toolbox.py", SUMMARY)
    result.add_argument("-telescope", **TELESCOPE.keywords())
    result.add_argument(
        "-cameras",
        nargs="?",
        const="all",
        metavar="NAME",
        help="list the cameras that solved frames taught, or one of them",
    )
    result.add_argument("-forget", metavar="NAME", help="forget a camera, or 'all'")
    result.add_argument(
        "-entry", action="store_true", help="print an entry for setup/mytelescopes.py"
    )
    result.add_argument("images", nargs="*", help="FITS images")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Explain the images named on the command line; returns the exit status."""
    return cli.run_tool(parser(), headers.act, argv)


if __name__ == "__main__":
    raise SystemExit(main())
