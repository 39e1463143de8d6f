#!/usr/bin/env python3
"""Join the photometry of one object from several nights and find its rotation period."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.exports.period_search import LightCurveOptions, lightcurve

COMMAND = cli.Command(
    name="pptool_lightcurve",
    summary="Join the photometry of one object from several nights; find its rotation period.",
    stage=lightcurve,
    options_class=LightCurveOptions,
    positional="photometry",
    positional_help="photometry_<target>.dat files, of any directories",
    is_anywhere=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
