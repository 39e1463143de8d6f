#!/usr/bin/env python3
"""Combine registered frames with SWarp: in the rest frame of the stars, or of a moving target.

Frames of one telescope and filter are brought to one scale of flux first, by their zeropoints,
or by the stars that they have in common, or by their exposure times.

Reads
    frames with the WCS of pp_register; their databases or catalogs of sources, if there are
    any; for ``-comoving`` the positions of the target, unless ``-manual_rates`` tells its
    motion.
Writes
    ``skycoadd.fits``, or ``comove.fits`` in the frame of the target: counts of one frame of the
    mean exposure, NaN where too few frames have data, and the header of the middle frame with
    what a stack changes. No zeropoint: pp_calibrate finds it as for any frame.

Stacks are never stacked again: older ones among the frames are left out.

Example
    ``pp_combine -comoving -targetname 3552 mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.combine.stage import CombineOptions, combine
from photpipe.command import cli

COMMAND = cli.Command(
    name="pp_combine",
    summary="Combine registered frames, following the stars or a moving target.",
    stage=combine,
    options_class=CombineOptions,
    leaves_out_copies=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
