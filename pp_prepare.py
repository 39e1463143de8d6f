#!/usr/bin/env python3
"""Prepare images: read who took them, where and when, and write a starting WCS."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.prepare.stage import PrepareOptions, prepare

COMMAND = cli.Command(
    name="pp_prepare",
    summary="Prepare images: telescope, mid-time, pixel scale and a starting WCS.",
    stage=prepare,
    options_class=PrepareOptions,
    has_report=True,
    is_quick=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_prepare; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
