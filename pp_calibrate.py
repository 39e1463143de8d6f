#!/usr/bin/env python3
"""Calibrate instrumental magnitudes against reference catalogs.

The catalogs of the telescope are tried in order until one calibrates every frame. The zeropoint
is the weighted mean of the stars that are left when the target, saturated, blended, faint and
variable ones are out; the frames of a field are solved together, so that it does not jump when
other stars are seen.

Reads
    the headers, and ``<frame>.ldac`` of pp_photometry; catalogs and variable stars, from the
    services or the cache.
Writes
    ``<frame>.ldac.db`` (SQLite), and ``<frame>_cal.dat``, the reference stars with what became
    of each. Frames that no catalog calibrates keep instrumental magnitudes.

Example
    ``pp_calibrate -cat PANSTARRS mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.calibrate.stage import CalibrateOptions, calibrate
from photpipe.command import cli

COMMAND = cli.Command(
    name="pp_calibrate",
    summary="Calibrate instrumental magnitudes against reference catalogs.",
    stage=calibrate,
    options_class=CalibrateOptions,
    has_report=True,
    leaves_out_copies=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_calibrate; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
