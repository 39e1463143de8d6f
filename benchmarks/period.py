"""Rotation periods of simulated asteroids.

Run from the clone with ``python benchmarks/period.py``; ``-seeds N`` takes more or fewer than a
hundred. Each is seen in three nights of six hours, 35 points each of 0.02 mag, with an unknown
zero level per night: periods of 2 to 12 h, amplitudes of 0.15 to 0.6 mag, two maxima of different
brightness. Further ``-short N`` (200) are seen in one to three sessions of 1 to 6 h, 15 to 60
points, of 0.01 to 0.04 mag, periods of 2.2 to 20 h. One line per goal: what, goal, measured, and
whether it is reached.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import Row, print_table, pull_row, rms
from photpipe.science.period import find_period
from tests.unit.test_period import is_listed, short_sessions, simulated

WITHIN_SIGMA = 3.0
ALIAS_TOLERANCE = 0.01


def campaign(seeds: int) -> list[Row]:
    """Find the periods of many asteroids."""
    pulls, aliases, missed = [], 0, []
    for seed in range(seeds):
        true_h, light_curve = simulated(seed)
        found = find_period(*light_curve)
        pull = (found.period_h - true_h) / found.period_error_h
        if abs(pull) < WITHIN_SIGMA:
            pulls.append(pull)
        elif any(abs(true_h / other - 1) < ALIAS_TOLERANCE for other in found.alternatives_h):
            aliases += 1
        else:
            missed.append(f"seed {seed}: {true_h:.3f} h taken for {found.period_h:.3f} h")
    for each in missed:
        print(each)
    recovered = len(pulls) + aliases
    return [
        Row(
            "periods recovered, or among the alternatives",
            ">= 95 %",
            f"{recovered} of {seeds}: {len(pulls)} within 3 sigma, {aliases} alternatives",
            recovered >= 0.95 * seeds,
        ),
        pull_row("pull of the recovered periods, rms", [rms(pulls)]),
    ]


def ambiguous(seeds: int) -> list[Row]:
    """Judge bodies seen in one to three short sessions: what is listed, what is called secure."""
    listed, wrong, codes = 0, 0, {1: 0, 2: 0, 3: 0}
    for seed in range(seeds):
        true_h, light_curve = short_sessions(seed)
        found = find_period(*light_curve, bootstraps=2)
        listed += is_listed(true_h, found)
        codes[found.quality] += 1
        wrong += found.quality == 3 and abs(found.period_h / true_h - 1) > ALIAS_TOLERANCE
    spread = ", ".join(f"code {code}: {count}" for code, count in codes.items())
    return [
        Row(
            "short sessions: truth among the periods listed",
            ">= 95 %",
            f"{listed} of {seeds}; {spread}",
            listed >= 0.95 * seeds,
        ),
        Row("code 3 given wrongly", "<= 1 %", f"{wrong} of {seeds}", wrong <= 0.01 * seeds),
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-seeds", type=int, default=100)
    parser.add_argument("-short", type=int, default=200, help="bodies of short sessions")
    words = parser.parse_args()
    return 0 if print_table([*campaign(words.seeds), *ambiguous(words.short)]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
