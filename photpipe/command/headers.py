"""What toolbox.py does: explain headers, list and forget cameras that frames taught."""

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.ground.errors import PhotPipeError
from photpipe.instruments.cameras import listing, memory


def act(values: argparse.Namespace) -> cli.Status:
    """Do what the words of the command ask for.

    Raises
    ------
    SystemExit
        If they ask for nothing.
    """
    if not (values.images or values.cameras or values.forget):
        cli.new_parser("toolbox.py", "").error("the following arguments are required: images")
    if values.forget:
        _forget(values.forget)
    if values.cameras:
        _print(listing.cameras(values.cameras))
    if not values.images:
        return cli.Status.DONE
    remarks = logging.getLogger("photpipe.instruments.frames")
    remarks.setLevel(logging.ERROR)  # they are part of what is printed
    try:
        return _explained(cli.named_paths(values.images), values.telescope, entry=values.entry)
    finally:
        remarks.setLevel(logging.NOTSET)


def _print(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _forget(name: str) -> None:
    gone = memory.forget(name)
    _print(f"{each.name} ({each.identity}) is forgotten" for each in gone)
    if not gone:
        _print([f"no camera {name} is remembered"])


def _explained(images: Sequence[Path], keyword: str | None, *, entry: bool) -> cli.Status:
    from photpipe.instruments import explaining, telescopes

    telescope = telescopes.by_keyword(keyword) if keyword else None
    complete = 0
    for path in images:
        try:
            lines, is_complete = explaining.of_image(path, telescope, entry=entry)
        except PhotPipeError as problem:
            lines, is_complete = [str(problem)], False
        sys.stdout.write("\n".join(lines) + "\n")
        complete += is_complete
    if complete == len(images):
        return cli.Status.DONE
    return cli.Status.PARTIAL if complete else cli.Status.FAILED
