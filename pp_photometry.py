#!/usr/bin/env python3
"""Measure instrumental magnitudes in the aperture that curves of growth recommend."""

from collections.abc import Sequence

from photpipe.command import cli
from photpipe.measure.stage import PhotometryOptions, photometry

COMMAND = cli.Command(
    name="pp_photometry",
    summary="Measure instrumental magnitudes in the aperture that curves of growth recommend.",
    stage=photometry,
    options_class=PhotometryOptions,
    has_report=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_photometry; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
