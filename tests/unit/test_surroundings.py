"""Whoever runs the tests, and wherever: libraries see nobody's settings."""

import os
import subprocess
import sys
from pathlib import Path


def test_folders_that_are_not_there_fail_no_test() -> None:
    """Astropy warns of them when it is imported, and warnings are errors here."""
    nowhere = {"XDG_CONFIG_HOME": "/not/there", "XDG_CACHE_HOME": "/not/there/either"}
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
            __file__,
        ],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
