"""The commands that write reports: for the Minor Planet Center, ALCDEF and the AAVSO."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.exports import lightcurves, mpc, writing
from photpipe.exports.identification import identified
from photpipe.ground import files
from photpipe.ground.errors import ConfigError
from photpipe.run import kinds, photometry_file
from photpipe.run.options import TARGET, Option
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import DistillResult, ReportResult
from photpipe.run.workspace import Workspace

MPC_FORMATS = {
    "psv": (mpc.ades_psv, ".psv"),
    "xml": (mpc.ades_xml, ".xml"),
    "80col": (mpc.obs80, ".obs"),
}
"""What renders a report to the Minor Planet Center, and the ending of its file, by format."""


@dataclass(frozen=True, slots=True)
class MpcReportOptions:
    """What the user may say; the rest comes from the settings and the telescope's entry."""

    format: str = Option("format of the report", kinds.text, choices=tuple(MPC_FORMATS)).field(
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
    rmstime: float | str | None = Option(
        "error of the times in seconds, or 'clock': as the asteroids of the night tell it",
        kinds.seconds_or_clock,
        "S",
    ).field(None)


@dataclass(frozen=True, slots=True)
class AlcdefOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)


@dataclass(frozen=True, slots=True)
class AavsoOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)


def mpcreport(
    paths: Sequence[Path], options: MpcReportOptions, workspace: Workspace
) -> ReportResult:
    """Write one report per photometry file. Nothing is sent.

    Reads ``photometry_<target>.ecsv``; writes ``mpcreport_<target>.psv``, ``.xml`` or ``.obs``.
    Rejected points, upper limits and forced measurements are left out; so are the magnitudes
    of frames without a zeropoint.
    """
    render, suffix = MPC_FORMATS[options.format]

    def one(target: str, points: Sequence[TargetPoint], path: Path) -> tuple[str, str]:
        name = identified(options.target or target)
        good = mpc.reportable(points)
        text = render(good, name, mpc_header(options, good[0], workspace, path.parent))
        return f"mpcreport_{files.slug(target)}{suffix}", text

    return writing.write_reports(paths, one)


def _rms_time_s(options: MpcReportOptions, folder: Path) -> float:
    """Error of the times of a folder; NaN where none is wanted.

    Raises
    ------
    ConfigError
        If the asteroids were to tell it, and pp_distill found none there.
    """
    if not isinstance(options.rmstime, str):
        return math.nan if options.rmstime is None else options.rmstime
    found = Workspace(folder).load(DistillResult)
    if found is None or found.clock is None:
        message = f"-rmstime clock: pp_distill saw no known asteroid move in {folder}"
        raise ConfigError(message)
    off_s = found.clock.seconds if found.clock.is_off else 0.0
    return math.hypot(off_s, found.clock.error_s)


def mpc_header(
    options: MpcReportOptions, point: TargetPoint, workspace: Workspace, folder: Path
) -> mpc.Header:
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
        rms_time_s=_rms_time_s(options, folder),
    )


def alcdef(paths: Sequence[Path], options: AlcdefOptions, workspace: Workspace) -> ReportResult:
    """Write one file per photometry file; reads the observer from the settings."""

    def one(target: str, points: Sequence[TargetPoint], _path: Path) -> tuple[str, str]:
        name = identified(options.target or target)
        text = lightcurves.alcdef(points, name, workspace.settings.observer)
        return f"ALCDEF_{name.permanent or '0'}_{files.slug(target)}.txt", text

    return writing.write_reports(paths, one)


def aavso(paths: Sequence[Path], options: AavsoOptions, workspace: Workspace) -> ReportResult:
    """Write one file per photometry file; the control star beside it is the check star."""

    def one(target: str, points: Sequence[TargetPoint], path: Path) -> tuple[str, str]:
        star = options.target or target
        try:
            control = path.parent / photometry_file.file_name(writing.CONTROL_STAR)
            _, check = photometry_file.read(control)
        except ConfigError:
            check = []
        text = lightcurves.aavso(points, star, workspace.settings.observer, check)
        return f"aavso_{files.slug(target)}.txt", text

    return writing.write_reports(paths, one)
