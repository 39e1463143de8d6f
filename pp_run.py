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
import functools
import shlex
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.ground.errors import ConfigError
from photpipe.run.workspace import core_count
from photpipe.runner.options import EXAMPLES, RunOptions, run_options

EVERYWHERE = "all"
COMMAND = cli.Command(
    name="pp_run",
    summary="Run the whole pipeline on images, or on all images below a directory ('all').",
    stage=None,  # see photpipe/runner/chain.py: all of them, one after the other
    options_class=RunOptions,
    offered=run_options,
    positional_help="FITS frames, lists of them (.lst), directories, or 'all'",
    has_report=True,
    examples=EXAMPLES,
)


def __getattr__(name: str) -> object:
    """`run_the_pipeline`, for scripts that import it, fetched when it is asked for."""
    if name != "run_the_pipeline":
        raise AttributeError(name)
    from photpipe.original.pipeline import run_the_pipeline

    return run_the_pipeline


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_run; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        values = cli.parsed(COMMAND, words)
    except SystemExit as stop:
        return cli.Status.USAGE if stop.code else cli.Status.DONE
    with cli.reporting(debug=values.debug) as outcome:
        from photpipe.runner.directory import Invocation

        options = RunOptions.of(**{name: getattr(values, name) for name in run_options()})
        common = {name: getattr(values, name) for name in ("offline", "quiet", "debug")}
        invocation = Invocation(
            *(shlex.join(words), uuid.uuid4().hex),
            jobs=values.jobs or core_count(),
            is_verbose=values.verbose,
            **common,
        )
        work = _chosen(values)
        outcome.status = work(options=options, invocation=invocation)
    return outcome.status


def _chosen(values: argparse.Namespace) -> Callable[..., cli.Status]:
    """What works: on one directory, on many, on a cluster, or on frames as they arrive."""
    from photpipe.runner import cluster, one_directory, walk, watch

    everywhere = values.images == [EVERYWHERE] and not Path(EVERYWHERE).exists()
    if values.watch:
        return functools.partial(watch.watch, values.images, everywhere=everywhere)
    if values.cluster and not everywhere:
        raise ConfigError("-cluster shares out directories: use it with 'all'")
    if values.cluster:
        return functools.partial(cluster.run, Path.cwd(), address=values.cluster)
    if everywhere:
        return functools.partial(walk.run, Path.cwd(), jobs=values.jobs)
    return functools.partial(one_directory.run, values.images)


if __name__ == "__main__":
    raise SystemExit(main())
