#!/usr/bin/env python3
"""Prepare images: read who took them, where and when, and write a starting WCS.

The telescope is recognised by the cards of the header; a camera without an entry is understood
from the cards that every program writes, and from what solved frames taught.

Reads
    the images, compressed or with several detectors if need be; ``setup/telescopes.py`` and
    the user's ``mytelescopes.py``.
Writes
    their headers, in place and never half: TEL_KEYW, MIDTIMJD, the pixel scale and a
    starting WCS. The header that a frame came with is kept in ``.diagnostics/pristine/``, and
    ``-restore`` puts it back byte for byte. Compressed frames and mosaics stay as they are:
    plain frames are written beside them. Pixels are never changed.

Example
    ``pp_prepare mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.prepare.stage import PrepareOptions, prepare

COMMAND = cli.Command(
    name="pp_prepare",
    summary="Prepare images: telescope, mid-time, pixel scale and a starting WCS.",
    stage=prepare,
    options_class=PrepareOptions,
    has_report=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_prepare; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
