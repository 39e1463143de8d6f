#!/usr/bin/env python3
"""Combine frames: in the rest frame of the stars, or in that of a moving target."""

from collections.abc import Sequence

from photpipe.combine.stage import CombineOptions, combine
from photpipe.command import cli

COMMAND = cli.Command(
    name="pp_combine",
    summary="Combine registered frames, following the stars or a moving target.",
    stage=combine,
    options_class=CombineOptions,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
