#!/usr/bin/env python3
"""Turn the nights of one object into its absolute magnitude and its phase curve."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.exports.phase_curves import PhaseCurveOptions, phasecurve

COMMAND = cli.Command(
    name="pptool_phasecurve",
    summary="Fit H, G; H, G1, G2 and H, G12* to the photometry of one object from several nights.",
    stage=phasecurve,
    options_class=PhaseCurveOptions,
    positional="photometry",
    positional_help="photometry_<target>.dat files, of any directories",
    is_anywhere=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
