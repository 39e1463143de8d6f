#!/usr/bin/env python3
"""Extract the calibrated photometry of targets."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.distill.stage import DistillOptions, distill

COMMAND = cli.Command(
    name="pp_distill",
    summary="Extract the calibrated photometry of targets and of a control star.",
    stage=distill,
    options_class=DistillOptions,
    has_report=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
