#!/usr/bin/env python3
"""Write photometry of variable stars in the extended format of the AAVSO.

Limits have a ``<``; the control star is the check star. ``-target`` gives the name of the star
in the VSX, if the file has another one.

Reads
    ``photometry_<target>.ecsv`` beside the files that are named, that of the control star, and
    ``aavso_code`` from the section ``[observer]`` of the settings.
Writes
    ``aavso_<target>.txt`` beside each photometry file. Nothing is sent.

A file that cannot be reported is named, and does not stop the others.

Example
    ``pptool_aavso photometry_AB_And.dat``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.exports.stage import AavsoOptions, aavso

COMMAND = cli.Command(
    name="pptool_aavso",
    summary="Write photometry of variable stars for the AAVSO; nothing is sent.",
    stage=aavso,
    options_class=AavsoOptions,
    positional="photometry",
    positional_help="photometry_<target>.dat files; the last word may be the target",
    ends_with_target=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
