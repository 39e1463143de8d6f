"""How long `pp_X -h` takes against ``python -c "import numpy"``: at most three times as long.

    python benchmarks/help_speed.py [ROUNDS]

Ends with status 1 if a command takes longer.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.pairs import Thing, measure, ratio  # noqa: E402

LIMIT = 3.0
DOORS = ("toolbox", "catalog", "diagnostics")


def started(*words: str) -> None:
    """Run this Python with some words, and wait for its end."""
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Measure and print; the exit status."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    paths = sorted(path for path in ROOT.glob("pp*_*.py") if path.stem != "pp_setup")
    paths += [path for name in DOORS if (path := ROOT / f"{name}.py").is_file()]
    slow = 0
    for path in paths:
        numpy = Thing("numpy", partial(started, "-c", "import numpy"))
        command = Thing(path.name, partial(started, path.name, "-h"))
        measure([numpy, command], rounds)
        times = ratio(command.clock_s, numpy.clock_s)
        slow += times.median > LIMIT
        print(f"{path.name:28s} {min(command.clock_s):.3f} s, {times} times import numpy")
    return int(slow > 0)


if __name__ == "__main__":
    raise SystemExit(main())
