"""Absolute magnitudes of simulated apparitions.

Run from the clone with ``python benchmarks/phasecurve.py``; ``-seeds N`` takes more or fewer than
a hundred apparitions of each system of phase curves, with the period known and without. One line
per goal: what, goal, measured, and whether it is reached.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import Row, print_table, pull_row, rms
from photpipe.science.phasecurve import SYSTEMS
from tests.unit.test_phasecurve import pulls


def campaign(seeds: int) -> list[Row]:
    """Pull of H in every system."""
    return [
        pull_row(
            f"pull of H, {system}, {'rotation taken out' if known else 'period not known'}",
            [rms(pulls(system, seeds, is_period_known=known))],
        )
        for system in SYSTEMS
        for known in (True, False)
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-seeds", type=int, default=100)
    return 0 if print_table(campaign(parser.parse_args().seeds)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
