#!/usr/bin/env python3
"""Mark a target by hand on some frames; its path tells where it is on the others.

A window shows the frames in the order of time, with the sources that are known. A click marks
the target; from the second mark on, a circle shows where it should be on the other frames.

Reads
    the prepared frames, registered or not, and their catalogs of sources ``<frame>.ldac``, if
    there are any; the marks of an earlier ``positions.dat``.
Writes
    ``positions.dat``, for ``pp_distill -positions``: file name, RA and Dec in degrees by the WCS
    of the frame, mid-time (JD), and a comment where somebody marked it.

Whatever ends the session, what was marked is written. Started again, the
command goes on from these marks.

Example
    ``pp_manident mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.manident.stage import ManidentOptions, manident

COMMAND = cli.Command(
    name="pp_manident",
    summary="Mark a target by hand on some frames; its motion gives its position on the others.",
    stage=manident,
    options_class=ManidentOptions,
    leaves_out_copies=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
