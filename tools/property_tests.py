#!/usr/bin/env python3
"""Run the property tests again and again, each time with fresh examples and an empty memory.

    tools/property_tests.py [TIMES] [PYTEST ARGUMENTS ...]

TIMES is 50 unless told. An example found by one run in four is found by fifty. The status is
the number of runs that failed; their output, with the example to copy into the test, is shown.
Without `tests/stages` (add `tests/unit`) a run takes half a minute.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = ["-m", "pytest", "-q", "-m", "hypothesis", "-p", "no:cacheprovider"]


def passes(arguments: list[str]) -> bool:
    """One run; whether all its tests passed."""
    with tempfile.TemporaryDirectory() as memory:
        run = subprocess.run(
            [sys.executable, *COMMAND, *arguments],
            cwd=ROOT,
            env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": memory},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    print(run.stdout.strip().splitlines()[-1] if run.returncode == 0 else run.stdout, flush=True)
    return run.returncode == 0


def main(arguments: list[str]) -> int:
    """Run them as often as requested; the number of runs that failed."""
    times = int(arguments[0]) if arguments else 50
    failed = sum(not passes(arguments[1:]) for _ in range(times))
    print(f"{times} runs, {failed} failed")
    return min(failed, 125)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
