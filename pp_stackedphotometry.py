#!/usr/bin/env python3
"""Stack frames, calibrate the stack, and measure a target on it.

For targets that are too faint for single frames: the stack along the stars (pp_combine) is
measured and calibrated (pp_photometry, pp_calibrate), and the target measured on it
(pp_distill). With ``-comoving`` there is a second stack along the target, where the target is
measured in the aperture and with the zeropoint of the first.

Reads
    registered frames, their databases or catalogs of sources, if there are any; catalogs and
    positions of the target, from the services or the cache.
Writes
    the stacks ``skycoadd.fits`` and ``comove.fits``, a folder for each with all that was made
    of it, its pages (``skycoadd/diagnostics.html``) among it, and ``photometry_<target>.dat``,
    ``.ecsv`` and ``.csv``; the photometry of single frames becomes
    ``photometry_<target>_single_frames.dat``.

Example
    ``pp_stackedphotometry -comoving mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.combine.stacked import StackedPhotometryOptions, stacked_photometry
from photpipe.command import cli

COMMAND = cli.Command(
    name="pp_stackedphotometry",
    summary="Stack frames, calibrate the stack, and measure a target on it.",
    stage=stacked_photometry,
    options_class=StackedPhotometryOptions,
    has_report=True,
    leaves_out_copies=True,
    takes_turns=True,
    folders=("skycoadd", "comove"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
