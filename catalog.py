#!/usr/bin/env python3
"""Catalogs at hand: fetch and show one, convert it, fill the cache, bring one's own stars.

``NAME RA DEC RADIUS``
    shows the stars of a catalog around a position (degrees); ``-o FILE`` writes all of them
``-list``
    tells what each catalog can do
``prefetch FILE``
    fills the cache for a night without network
``cache``
    tells what is kept
``import NAME FILE``
    takes a table of one's own, for ``-cat NAME``
``kit 'RA DEC'``
    makes patterns of the stars around a place, by which frames without a pointing are found

Reads
    the catalogs, from the services or the cache; for ``prefetch`` and ``kit`` a list of places;
    for ``import`` a table (ECSV, CSV, FITS).
Writes
    what ``-o`` names: ``.ecsv``, ``.csv``, ``.fits``, or ``.cat`` (LDAC, for SCAMP); else into
    the cache alone.

``from catalog import catalog`` gives scripts for the original its class.

Example
    ``./catalog.py PANSTARRS 179.28 0.43 0.1 -maxmag 18 -o stars.csv``
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from photpipe.command import cli
from photpipe.command.catalog import act, decimal, parser

if TYPE_CHECKING:
    from photpipe.original.catalog import catalog

__all__ = ["catalog", "main"]


def __getattr__(name: str) -> object:
    """The class `catalog`, fetched when it is asked for."""
    if name != "catalog":
        raise AttributeError(name)
    from photpipe.original.catalog import catalog

    return catalog


def main(argv: Sequence[str] | None = None) -> int:
    """Run catalog.py; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    return cli.run_tool(parser(), act, [decimal(word) for word in words])


if __name__ == "__main__":
    raise SystemExit(main())
