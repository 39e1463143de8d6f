#!/usr/bin/env python3
"""Check the installation of Photometry Pipeline and show where its files are kept.

Starts with Python's own library alone, so that it can tell which packages are missing.

Reads
    the versions of Python, of the packages and of Source Extractor, SCAMP and SWarp; the
    settings of the current directory and of the user; the user's telescopes.
Writes
    nothing. It prints what is there, and for what is missing the command that installs it;
    exit status 1 if something that is needed is missing.

Example
    ``pp_doctor -quiet`` tells what is to be done, and nothing where all is well.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.command.doctor import examine, rendered
from photpipe.run.options import COMMON

SUMMARY = "Check the installation of Photometry Pipeline and show where its files are kept."
_OPTIONS = ("quiet", "debug")


def parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    result = cli.new_parser("pp_doctor", SUMMARY)
    for name in _OPTIONS:
        result.add_argument(f"-{name}", **COMMON[name].keywords())
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_doctor; status 1 if something that is needed is missing."""
    return cli.run_tool(parser(), _look, argv)


def _look(values: argparse.Namespace) -> cli.Status:
    findings = examine(Path.cwd())
    sys.stdout.write(rendered(findings, quiet=values.quiet))
    is_wrong = any(each.remedy and each.needed for each in findings)
    return cli.Status.FAILED if is_wrong else cli.Status.DONE


if __name__ == "__main__":
    raise SystemExit(main())
