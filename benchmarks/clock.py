"""The clock of simulated nights, by the asteroids on their frames.

Run from the clone with ``python benchmarks/clock.py``; ``-nights N`` takes more or fewer than two
hundred whose clock is right, and as many that are shifted by 0 to 20 s. One line per goal: what,
goal, measured, and whether it is reached.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.accuracy import Row, print_table, rms
from tests.unit.test_clock import nights


def campaign(count: int) -> list[Row]:
    """Nights with a wrong clock, and with a right one."""
    deviations, off = nights(1, count, 20.0)
    within = int(np.sum(np.abs(deviations) < 2))
    _, false = nights(2, count, 0.0)
    return [
        Row(
            "shifts of 0 to 20 s found within 2 sigma",
            ">= 95 %",
            f"{within} of {count}, pull {rms(deviations):.2f}; {off} called wrong",
            within >= 0.95 * count,
        ),
        Row("false alarms", "0", f"{false} of {count}", false == 0),
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-nights", type=int, default=200)
    return 0 if print_table(campaign(parser.parse_args().nights)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
