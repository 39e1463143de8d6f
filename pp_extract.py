#!/usr/bin/env python3
"""Find and measure the sources of images with Source Extractor.

A step for working by hand, or with a file of parameters of one's own: pp_register and
pp_photometry extract for themselves. Where the saturation of a frame lies is told by its card
or its pixels, unless ``-ignore_saturation`` asks not to flag saturated sources at all.

Reads
    the frames, prepared or not; they are not changed. With ``-paramfile``, the columns that
    are wanted.
Writes
    one catalog for each frame, ``<frame>.ldac`` (FITS_LDAC); where an extraction fails, none
    remains.

The order for working by hand is pp_prepare, pp_register, pp_photometry, pp_calibrate,
pp_distill; each of them explains itself with ``-h``.

Example
    ``pp_extract -snr 3 -aprad 4,6,8 mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.measure.extract import ExtractOptions, extract

COMMAND = cli.Command(
    name="pp_extract",
    summary="Find and measure the sources of images with Source Extractor.",
    stage=extract,
    options_class=ExtractOptions,
    leaves_out_copies=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_extract; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
