"""What the commands that write reports share: one report per photometry file."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from photpipe.ground import files
from photpipe.ground.errors import PhotPipeError
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import FrameFailure, ReportResult

log = logging.getLogger(__name__)

CONTROL_STAR = "Control Star"
Render = Callable[[str, Sequence[TargetPoint], Path], tuple[str, str]]


def write_reports(paths: Sequence[Path], render: Render) -> ReportResult:
    """Write one report per photometry file beside it; a file that fails does not stop the others.

    Parameters
    ----------
    paths : sequence of Path
        ``photometry_*.dat`` or ``.ecsv`` files.
    render : callable
        ``render(target, points, path) -> (file name, text)``; raises `PhotPipeError`.
    """
    written: list[str] = []
    failed: list[FrameFailure] = []
    for path in paths:
        try:
            target, points = photometry_file.read(path)
            name, text = render(target, points, path)
            files.write_text(path.parent / name, text)
        except PhotPipeError as error:
            failed.append(FrameFailure(path.name, str(error)))
        except OSError as error:
            failed.append(FrameFailure(path.name, f"the report cannot be written: {error}"))
        else:
            written.append(name)
            log.info("%s: %s", target, name)
    return ReportResult(tuple(written), tuple(failed))
