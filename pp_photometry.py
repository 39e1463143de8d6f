#!/usr/bin/env python3
"""Measure instrumental magnitudes in the aperture that curves of growth recommend.

All sources are measured in twenty apertures. The smallest one that holds 70 % of the light of
the target and of the background stars, with less than 5 % between them, serves all frames
(settings ``fluxlimit_aprad``, ``fluxmargin_aprad``), unless ``-aprad`` gives another.

Reads
    the prepared frames with their pixels; the predicted positions of a moving target, from
    JPL Horizons or the cache.
Writes
    ``<frame>.ldac`` with the magnitudes in the chosen aperture and positions by the WCS of the
    header; ``aperturephotometry_curveofgrowth.dat``; into the headers how the frame was
    measured: APRAD, APCORR, PPSATUR, PPSEEING, APNOISE, PHOTGAIN, INSTLIM.

Example
    ``pp_photometry mscience*.fits``
"""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.measure.stage import PhotometryOptions, photometry

COMMAND = cli.Command(
    name="pp_photometry",
    summary="Measure instrumental magnitudes in the aperture that curves of growth recommend.",
    stage=photometry,
    options_class=PhotometryOptions,
    has_report=True,
    leaves_out_copies=True,
    takes_turns=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_photometry; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
