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

`explain` (the lines about one frame) and all other names of `__all__`, among them those of the
original, are importable from here.
"""

import argparse
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from photpipe.command import cli, headers
from photpipe.ground.sky import parse_sexagesimal
from photpipe.ground.timescale import iso, parse_datetime
from photpipe.run.options import TELESCOPE

if TYPE_CHECKING:
    from photpipe.instruments.explaining import explain
    from photpipe.original.toolbox import (
        dateobs_to_jd,
        get_binning,
        jd_to_fractionalyear,
        jd_to_gregorian,
        skycenter,
    )

__all__ = [
    "dateobs_to_jd",
    "explain",
    "get_binning",
    "iso",
    "jd_to_fractionalyear",
    "jd_to_gregorian",
    "main",
    "parse_datetime",
    "parse_sexagesimal",
    "skycenter",
]
SUMMARY = (
    "Explain what PP makes of a header: every fact, the cards it comes from, and what is missing."
)


def __getattr__(name: str) -> object:
    """Functions that read FITS files, or are for scripts, fetched when they are asked for."""
    if name not in __all__:
        raise AttributeError(name)
    room = "instruments.explaining" if name == "explain" else "original.toolbox"
    return getattr(importlib.import_module(f"photpipe.{room}"), name)


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
