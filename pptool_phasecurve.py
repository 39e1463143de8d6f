#!/usr/bin/env python3
"""Turn the nights of one object into its absolute magnitude and its phase curve.

Three systems are fitted: H, G; H, G1, G2 and H, G12*. The errors contain the slopes that the nights
allow and the scatter of the nights; slopes of which the phase angles say nothing are named.
Distances and phase angles come from JPL Horizons or the cache.

Reads
    ``photometry_<target>.ecsv`` beside the files that are named, of any nights and directories.
Writes
    into the current directory ``phasecurve_<target>.ecsv`` and ``.csv``, one row per night, and
    ``phasecurve_<target>.html``: parameters, curves and nights of each band.

Example
    ``pptool_phasecurve -period 3.1325 2026-0[1-3]*/photometry_3552.dat``
"""

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
