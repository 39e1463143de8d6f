"""The command line as the doors use it: every command is run in the same way.

Exit codes are those of `Status`.
"""

import argparse
import contextlib
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from photpipe.command.file_names import common_directory, named_paths
from photpipe.command.history import recorded
from photpipe.command.parser import Command, build_parser, new_parser, normalised, parsed
from photpipe.command.reporting import Outcome, Status, conclude, reporting
from photpipe.ground.log import logging_to
from photpipe.run.lock import in_turn
from photpipe.run.settings import Settings, tell_ignored
from photpipe.run.workspace import Workspace, core_count

__all__ = [
    "Command",
    "Outcome",
    "Status",
    "build_parser",
    "common_directory",
    "named_paths",
    "new_parser",
    "normalised",
    "open_workspace",
    "parsed",
    "reporting",
    "run",
    "run_tool",
]


def run(command: Command, argv: Sequence[str] | None = None) -> int:
    """Parse, open the workspace, run the stage, report; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        values = parsed(command, words)
    except SystemExit as stop:
        return Status.USAGE if stop.code else Status.DONE
    options = command.options_class(**{name: getattr(values, name) for name in command.options()})
    with reporting(debug=values.debug) as outcome:
        outcome.status = _run_stage(command, options, values, words)
    return outcome.status


def run_tool(
    parser: argparse.ArgumentParser,
    action: Callable[[argparse.Namespace], Status],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse the words of a command that is no stage, and act; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    names = [name.lstrip("-") for each in parser._actions for name in each.option_strings]
    try:
        values = parser.parse_args(normalised(words, names))
        with reporting(debug=getattr(values, "debug", False)) as outcome:
            outcome.status = action(values)
    except SystemExit as stop:
        return Status.USAGE if stop.code else Status.DONE
    return outcome.status


def _run_stage(
    command: Command, options: object, values: argparse.Namespace, words: Sequence[str]
) -> Status:
    """Run the stage in the directory of the images, with its LOG open."""
    from photpipe.fits.copies import told_without_copies
    from photpipe.instruments import telescopes

    assert command.stage is not None
    frames = named_paths(getattr(values, command.positional))
    directory = Path.cwd() if command.is_anywhere else common_directory(frames)
    workspace = open_workspace(directory, values)
    with (
        logging_to(workspace.directory, quiet=values.quiet, debug=values.debug),
        recorded(command, words, workspace) as outcome,
        reporting(outcome, debug=values.debug),
    ):
        logging.getLogger(command.name).debug("%s", shlex.join([command.name, *words]))
        tell_ignored(workspace.directory)
        telescopes.registry()  # a mistake in the user's telescopes is told once, not per frame
        if command.leaves_out_copies:
            frames = told_without_copies(frames)
        with in_turn(directory) if command.takes_turns else contextlib.nullcontext():
            outcome.status = conclude(command.stage(frames, options, workspace))
    return outcome.status


def open_workspace(directory: Path, values: argparse.Namespace) -> Workspace:
    """Workspace of a directory with the settings and the common options that apply there."""
    settings = Settings.load(directory)
    if values.offline:
        settings = settings.with_offline()
    return Workspace(directory, settings, quiet=values.quiet, jobs=values.jobs or core_count())
