#!/usr/bin/env python3
"""Extract the calibrated photometry of targets, and of a control star.

Targets are what the headers name, and what the options ask for: positions by hand, fixed
targets, asteroids and variable stars of the field. The nearest source to a prediction is taken
within its uncertainty; where there is none, an aperture is put there: above 3 sigma it is a
measurement, else an upper limit.

Reads
    the frames and their databases (pp_calibrate); files of positions and of fixed targets,
    ``rejections.txt``; predictions of JPL Horizons, SkyBoT and VSX.
Writes
    ``photometry_<target>.dat`` (documented columns), and ``.ecsv`` and ``.csv`` with all that
    is known, for each target and for the control star.

Example
    ``pp_distill -asteroids -reject pos mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.distill.stage import DistillOptions, distill

COMMAND = cli.Command(
    name="pp_distill",
    summary="Extract the calibrated photometry of targets and of a control star.",
    stage=distill,
    options_class=DistillOptions,
    has_report=True,
    leaves_out_copies=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
