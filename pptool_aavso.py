#!/usr/bin/env python3
"""Write photometry of variable stars in the extended format of the AAVSO."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.command import cli
from photpipe.exports import lightcurves, writing
from photpipe.ground import files
from photpipe.ground.errors import ConfigError
from photpipe.run import photometry_file
from photpipe.run.options import TARGET
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import ReportResult
from photpipe.run.workspace import Workspace


@dataclass(frozen=True, slots=True)
class AavsoOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)


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
