#!/usr/bin/env python3
"""Write astrometry and photometry for the Minor Planet Center: ADES (PSV, XML) or 80 columns.

Reported are detected, accepted points of frames that were registered against a catalog with a
code; no limits, no forced measurements, no magnitudes without a zeropoint.

Reads
    ``photometry_<target>.ecsv`` beside the files that are named; observer and telescope from
    the section ``[observer]`` of the settings.
Writes
    ``mpcreport_<target>.psv``, ``.xml`` or ``.obs`` beside each photometry file. Nothing is
    sent: read it, then submit it yourself.

Example
    ``pptool_mpcreport -format xml photometry_3552.dat``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.exports.stage import MpcReportOptions, mpcreport

COMMAND = cli.Command(
    name="pptool_mpcreport",
    summary="Write a report for the Minor Planet Center from photometry files; nothing is sent.",
    stage=mpcreport,
    options_class=MpcReportOptions,
    positional="photometry",
    positional_help="photometry_<target>.dat files; the last word may be the target",
    ends_with_target=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
