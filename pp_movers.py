#!/usr/bin/env python3
"""Find what moved on the frames of a night: asteroids that nobody looked for, known or not.

Synthetic tracking: the stars are taken out of the frames (the median of the night on one grid and
scale), what is left is added along trial motions, and whatever stands out is fitted with place,
rate and flux to all frames. Noise makes one such body in three nights; a single bad frame makes
none. SkyBoT tells which of them are known.

Reads
    registered frames of one field and filter, four at least, and their databases
    (pp_calibrate); SkyBoT's list of known bodies, from the service or the cache.
Writes
    ``movers_positions.dat`` for ``pp_distill -positions``, ``movers.psv`` (lines for the Minor
    Planet Center in ADES; nothing is sent) and ``movers.html`` with an image of each.

Frames whose stars trail, and frames of several nights, are refused.

Example
    ``pp_movers -rates 0 3 mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.movers.stage import MoversOptions, movers

COMMAND = cli.Command(
    name="pp_movers",
    summary="Find what moved on the frames of a night, known or not, by synthetic tracking.",
    stage=movers,
    options_class=MoversOptions,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
