"""The order of the stages: what pp_run does in one directory.

`pp_prepare` makes the headers uniform, `pp_register` finds where the frames look, `pp_photometry`
measures their sources, `pp_calibrate` finds their zeropoints, `pp_distill` picks out the targets.
Each stage works on the frames that the one before it finished, and on nothing that an earlier
run has done already.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from photpipe.fits.copies import told_without_copies
from photpipe.instruments.kinds_of_frames import sky_frames
from photpipe.run.record import RunResult
from photpipe.run.workspace import Workspace
from photpipe.runner.options import RunOptions, with_card_of_filter
from photpipe.runner.progress import Progress
from photpipe.runner.stages import PREPARE, check, stages_of

log = logging.getLogger("pp_run")


def run(
    paths: Sequence[Path],
    options: RunOptions,
    workspace: Workspace,
    *,
    identity: str = "",
    retry: bool = True,
) -> RunResult:
    """Work on the frames of one directory, reusing what has not changed since the last run.

    **Reads** and **writes** what the stages do; keeps the record of the run in the state.

    Parameters
    ----------
    paths : sequence of Path
        The frames, as they came or as an earlier run left them.
    options : RunOptions
        What the user says.
    workspace : Workspace
        Directory, settings, number of cores.
    identity : str
        Identifies the call of pp_run in the record.
    retry : bool
        Whether frames that failed in the run before are tried again.

    Returns
    -------
    RunResult
        How it went; with nothing done if no frame came to the end.

    Raises
    ------
    PhotPipeError
        What stops a stage altogether.
    """
    options = with_card_of_filter(options, paths)
    check(options, workspace)
    progress = Progress(options, workspace, identity, retry=retry)
    with progress.recorded(paths):
        frames, left_out = sky_frames(paths)
        if left_out:
            log.info("excluded according to their headers: %s", left_out)
        frames = told_without_copies(frames)
        for stage in stages_of(options):
            if stage is not PREPARE and not frames:
                log.error("no usable frames left; stopping")
                break
            todo = progress.todo(stage, frames)
            result = progress.execute(stage, todo) if todo else None
            frames = progress.finished(stage, frames, result)
        else:
            progress.done = len(frames)
    return progress.record
