#!/usr/bin/env python3
"""Find and measure the sources of images with Source Extractor."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.measure.extract import ExtractOptions, extract

COMMAND = cli.Command(
    name="pp_extract",
    summary="Find and measure the sources of images with Source Extractor.",
    stage=extract,
    options_class=ExtractOptions,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_extract; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
