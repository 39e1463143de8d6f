#!/usr/bin/env python3
"""Stack frames, calibrate the stack, and measure a target on it."""

from collections.abc import Sequence

from photpipe.combine.stacked import StackedPhotometryOptions, stacked_photometry
from photpipe.command import cli

COMMAND = cli.Command(
    name="pp_stackedphotometry",
    summary="Stack frames, calibrate the stack, and measure a target on it.",
    stage=stacked_photometry,
    options_class=StackedPhotometryOptions,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
