#!/usr/bin/env python3
"""Mark a target by hand, for pp_distill -positions."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.manident.stage import ManidentOptions, manident

COMMAND = cli.Command(
    name="pp_manident",
    summary="Mark a target by hand on some frames; its path tells where it is on the others.",
    stage=manident,
    options_class=ManidentOptions,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
