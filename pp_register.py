#!/usr/bin/env python3
"""Register images astrometrically with SCAMP and catalogs of reference stars."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.register.stage import RegisterOptions, register

COMMAND = cli.Command(
    name="pp_register",
    summary="Register images astrometrically with SCAMP and reference catalogs.",
    stage=register,
    options_class=RegisterOptions,
    has_report=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_register; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
