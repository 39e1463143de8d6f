#!/usr/bin/env python3
"""Write astrometry and photometry for the Minor Planet Center: ADES (PSV, XML) or 80 columns."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.command import cli
from photpipe.exports import mpc, writing
from photpipe.exports.identification import identified
from photpipe.ground import files
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import ReportResult
from photpipe.run.workspace import Workspace

RENDERERS = {
    "psv": (mpc.ades_psv, ".psv"),
    "xml": (mpc.ades_xml, ".xml"),
    "80col": (mpc.obs80, ".obs"),
}


@dataclass(frozen=True, slots=True)
class MpcReportOptions:
    """What the user may say; the rest comes from the settings and the telescope's entry."""

    format: str = "psv"
    target: str | None = None
    mpccode: str | None = None
    submitter: str | None = None
    design: str | None = None
    aperture: float | None = None


def header(options: MpcReportOptions, point: TargetPoint, workspace: Workspace) -> mpc.Header:
    """Header of a report: options first, then settings, then the telescope."""
    observer = workspace.settings.observer
    return mpc.Header(
        mpc_code=options.mpccode or observer.mpc_code or point.observatory_code,
        submitter=options.submitter or observer.submitter,
        institution=observer.institution,
        observers=observer.observers,
        measurers=observer.measurers,
        design=options.design or observer.telescope_design,
        aperture_m=options.aperture or observer.telescope_aperture_m,
        detector=observer.telescope_detector,
        telescope=point.telescope,
    )


def mpcreport(
    paths: Sequence[Path], options: MpcReportOptions, workspace: Workspace
) -> ReportResult:
    """Write one report per photometry file. Nothing is sent.

    Reads ``photometry_<target>.ecsv``; writes ``mpcreport_<target>.psv``, ``.xml`` or ``.obs``.
    Rejected points, upper limits and forced measurements are left out; so are the magnitudes
    of frames without a zeropoint.
    """
    render, suffix = RENDERERS[options.format]

    def one(target: str, points: Sequence[TargetPoint], _path: Path) -> tuple[str, str]:
        name = identified(options.target or target)
        good = mpc.reportable(points)
        text = render(good, name, header(options, good[0], workspace))
        return f"mpcreport_{files.slug(target)}{suffix}", text

    return writing.write_reports(paths, one)


COMMAND = cli.Command(
    name="pptool_mpcreport",
    summary="Write a report for the Minor Planet Center from photometry files; nothing is sent.",
    stage=mpcreport,
    options_class=MpcReportOptions,
    takes=tuple(each.name for each in dataclasses.fields(MpcReportOptions)),
    positional="photometry",
    positional_help="photometry_<target>.dat files; the last word may be the target",
    ends_with_target=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
