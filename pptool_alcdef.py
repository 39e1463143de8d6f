#!/usr/bin/env python3
"""Write light curves of asteroids in the format of the ALCDEF archive (alcdef.org).

A block for each session: night, telescope and band. Rejected points and limits are left out,
and what else is left out is said.

Reads
    ``photometry_<target>.ecsv`` beside the files that are named; ``submitter`` and ``contact``
    from the section ``[observer]`` of the settings.
Writes
    ``ALCDEF_<number>_<target>.txt`` beside each photometry file. Nothing is sent.

A file that cannot be reported is named, and does not stop the others.

Example
    ``pptool_alcdef photometry_3552.dat``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.exports.stage import AlcdefOptions, alcdef

COMMAND = cli.Command(
    name="pptool_alcdef",
    summary="Write light curves of asteroids as ALCDEF files; nothing is sent.",
    stage=alcdef,
    options_class=AlcdefOptions,
    positional="photometry",
    positional_help="photometry_<target>.dat files; the last word may be the target",
    ends_with_target=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
