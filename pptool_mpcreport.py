#!/usr/bin/env python3
"""Write astrometry and photometry for the Minor Planet Center: ADES (PSV, XML) or 80 columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.command import cli
from photpipe.exports import mpc, writing
from photpipe.exports.identification import identified
from photpipe.ground import files
from photpipe.run import kinds
from photpipe.run.options import TARGET, Option
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

    format: str = Option("format of the report", kinds.text, choices=("psv", "xml", "80col")).field(
        "psv"
    )
    target: str | None = TARGET.field(None)
    mpccode: str | None = Option(
        "observatory code, instead of that of the telescope", kinds.text, "CODE"
    ).field(None)
    submitter: str | None = Option(
        "who will send the report: initials and surname", kinds.text, "NAME"
    ).field(None)
    design: str | None = Option("optical design of the telescope", kinds.text, "TEXT").field(None)
    aperture: float | None = Option(
        "clear aperture of the telescope in metres", kinds.positive, "M"
    ).field(None)


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
    positional="photometry",
    positional_help="photometry_<target>.dat files; the last word may be the target",
    ends_with_target=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
