#!/usr/bin/env python3
"""Write light curves of asteroids in the format of the ALCDEF archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.command import cli
from photpipe.exports import lightcurves, writing
from photpipe.exports.identification import identified
from photpipe.ground import files
from photpipe.run.options import TARGET
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import ReportResult
from photpipe.run.workspace import Workspace


@dataclass(frozen=True, slots=True)
class AlcdefOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)


def alcdef(paths: Sequence[Path], options: AlcdefOptions, workspace: Workspace) -> ReportResult:
    """Write one file per photometry file; reads the observer from the settings."""

    def one(target: str, points: Sequence[TargetPoint], _path: Path) -> tuple[str, str]:
        name = identified(options.target or target)
        text = lightcurves.alcdef(points, name, workspace.settings.observer)
        return f"ALCDEF_{name.permanent or '0'}_{files.slug(target)}.txt", text

    return writing.write_reports(paths, one)


COMMAND = cli.Command(
    name="pptool_alcdef",
    summary="Write light curves of asteroids as ALCDEF files; nothing is sent.",
    stage=alcdef,
    options_class=AlcdefOptions,
    positional="photometry",
    positional_help="photometry_<target>.dat files; the last word may be the target",
    ends_with_target=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
