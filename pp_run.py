#!/usr/bin/env python3
"""Run the whole pipeline: from frames as they came to photometry of their targets.

The stages pp_prepare, pp_register, pp_photometry, pp_calibrate and pp_distill follow each other
in the directory of the frames. What has not changed since the last run is not done again; frames
that fail are left behind and named.

Reads
    the frames that are named; with ``all``, those of every directory below this one.
Writes
    what the stages write, beside the frames; ``LOG``, ``diagnostics.html`` and its folder
    ``.diagnostics/``.
"""

import argparse
import shlex
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.ground.errors import ConfigError
from photpipe.run.results import Result
from photpipe.run.workspace import Workspace, core_count
from photpipe.runner.options import RunOptions, run_options

EVERYWHERE = "all"


def run(paths: Sequence[Path], options: RunOptions, workspace: Workspace) -> Result:
    """Work on the frames of one directory; see `photpipe.runner.chain.run`."""
    from photpipe.runner import chain

    return chain.run(paths, options, workspace)


COMMAND = cli.Command(
    name="pp_run",
    summary="Run the whole pipeline on images, or on all images below a directory ('all').",
    stage=run,
    options_class=RunOptions,
    offered=run_options,
    positional_help="FITS frames, lists of them (.lst), directories, or 'all'",
    has_report=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_run; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        values = cli.parsed(COMMAND, words)
    except SystemExit as stop:
        return cli.Status.USAGE if stop.code else cli.Status.DONE
    outcome = cli.Outcome()
    with cli.reporting(outcome, debug=values.debug):
        outcome.status = _run(values, words)
    return outcome.status


def _run(values: argparse.Namespace, words: Sequence[str]) -> cli.Status:
    """Find the frames, and work on them in one directory, in many, or all night."""
    from photpipe.runner import cluster, single, walk, watch
    from photpipe.runner.directory import Manners

    options = RunOptions.of(**{name: getattr(values, name) for name in run_options()})
    manners = Manners(
        arguments=shlex.join(words),
        identity=uuid.uuid4().hex,
        offline=values.offline,
        quiet=values.quiet,
        debug=values.debug,
        jobs=values.jobs or core_count(),
    )
    everywhere = values.images == [EVERYWHERE] and not Path(EVERYWHERE).exists()
    if values.watch:
        return watch.watch(values.images, options, manners, everywhere=everywhere)
    if values.cluster and not everywhere:
        raise ConfigError("-cluster shares out directories: use it with 'all'")
    if values.cluster:
        return cluster.run(Path.cwd(), options, manners, values.cluster)
    if everywhere:
        return walk.run(Path.cwd(), options, manners, values.jobs)
    return single.run(values.images, options, manners)


if __name__ == "__main__":
    raise SystemExit(main())
