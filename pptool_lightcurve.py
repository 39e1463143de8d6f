#!/usr/bin/env python3
"""Join the photometry of one object from several nights and find its rotation period.

Times are corrected for light-time and magnitudes reduced to 1 au from Sun and observer, with
distances from JPL Horizons or the cache; all periods that together hold 99.9 % of the
probability are told.

Reads
    ``photometry_<target>.ecsv`` beside the files that are named, of any nights and directories.
Writes
    into the current directory ``lightcurve_<target>.ecsv`` and ``.csv``, one table of all
    points, and ``lightcurve_<target>.html``: the folded light curve, the sessions and the
    periodogram.

Example
    ``pptool_lightcurve 2026-0[1-3]*/photometry_3552.dat``
"""

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
