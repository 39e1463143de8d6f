#!/usr/bin/env python3
"""Register images astrometrically with SCAMP and catalogs of reference stars.

Frames near their pointing are registered together; the others are looked for further away,
at their target, and where index files are installed, anywhere on the sky. A solution is believed
when far more sources of the frame meet catalog stars than chance would let.

Reads
    the prepared frames; the catalogs of the telescope, or ``-cat``, from the services or the
    cache.
Writes
    the WCS and where it comes from into the headers of the frames that are registered, a card
    REGSTAT into those that are not; ``<frame>.ldac``, the sources; ``<catalog>.cat``, the
    reference stars; the lists ``registration_succeeded.lst`` and ``registration_failed.lst``,
    ``best_astrometry.dat`` and ``astrometry_scamp.xml``.

A frame that an earlier run has registered stays registered if this one cannot do better.

Example
    ``pp_register -cat GAIA mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.register.stage import RegisterOptions, register

COMMAND = cli.Command(
    name="pp_register",
    summary="Register images astrometrically with SCAMP and reference catalogs.",
    stage=register,
    options_class=RegisterOptions,
    has_report=True,
    leaves_out_copies=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_register; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
