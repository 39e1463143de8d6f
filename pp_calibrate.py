#!/usr/bin/env python3
"""Calibrate instrumental magnitudes against reference catalogs."""

from collections.abc import Sequence

from photpipe.calibrate.stage import CalibrateOptions, calibrate
from photpipe.command import cli

COMMAND = cli.Command(
    name="pp_calibrate",
    summary="Calibrate instrumental magnitudes against reference catalogs.",
    stage=calibrate,
    options_class=CalibrateOptions,
    has_report=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_calibrate; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
