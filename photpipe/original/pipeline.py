"""``pp_run.run_the_pipeline``, as scripts for the original call it."""

import shlex
import uuid
from collections.abc import Sequence
from pathlib import Path

from photpipe.run.workspace import core_count
from photpipe.runner import one_directory
from photpipe.runner.directory import Invocation
from photpipe.runner.options import RunOptions


def run_the_pipeline(
    filenames: Sequence[str | Path],
    man_targetname: str | None = None,
    man_filtername: str | None = None,
    fixed_aprad: float | None = None,
    source_tolerance: str | None = None,
    solar: bool = False,
    rerun_registration: bool = False,
    asteroids: bool = False,
    keep_wcs: bool = False,
    *,
    offline: bool = False,
) -> int:
    """Run the whole pipeline on frames of one directory; the exit status of pp_run.

    Parameters
    ----------
    filenames : sequence of str or Path
        The frames.
    man_targetname, man_filtername, fixed_aprad, source_tolerance, solar, rerun_registration
        What the options -target, -filter, -fixed_aprad, ... of pp_run say; an aperture radius of
        0 and a name of None or ``""`` say nothing.
    asteroids, keep_wcs : bool
        The options of these names.
    offline : bool
        Ask no service.

    Raises
    ------
    PhotPipeError
        If there is no frame, or an option is wrong.
    """
    said = {
        "target": man_targetname or None,
        "filter": man_filtername or None,
        "fixed_aprad": (float(fixed_aprad),) if fixed_aprad else None,
        "source_tolerance": source_tolerance or None,
        "solar": solar,
        "rerun_registration": rerun_registration,
        "asteroids": asteroids,
        "keep_wcs": keep_wcs,
    }
    names = [str(each) for each in filenames]
    invocation = Invocation(shlex.join(names), uuid.uuid4().hex, offline=offline, jobs=core_count())
    return int(one_directory.run(names, RunOptions.of(**said), invocation))
