"""Movers in simulated nights: how many are found, how many are invented, and what it costs.

Run from the clone with ``python benchmarks/movers.py``; ``-nights N`` takes more or fewer than
twenty nights of 30 frames of 1024 x 1024 pixels, 400 stars and ten movers of 0.2 to 3 arcsec/min
and S/N of 1.5 to 10 a frame; ``-first N`` begins with another one, ``-stacked LOW HIGH`` takes
movers of another S/N, that of all frames together. One line per goal: what, goal, measured, and
whether it is reached.

Beside the movers found stands how many a search could find that makes as few false ones in Gaussian
noise and loses nothing: a body of significance s reaches the threshold u with the probability of
s - u in a Gaussian, and what it loses by trailing within an exposure is part of s.
"""

import argparse
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from scipy.stats import norm

from benchmarks.accuracy import Row, print_table
from photpipe.science import trackfit
from photpipe.science.starimage import GAUSSIAN_FWHM
from tests.unit.test_tracking import FASTEST, Sim, found, matched, simulated

STACKED = 7.0
LONGEST_S, CORES = 240.0, 2
LARGEST_GB = 1.0
RATES = (0.2, 0.5, 1.0, 2.0, 3.0)  # between which movers are counted


def possible(sim: Sim, numbers: np.ndarray) -> float:
    """How many of the movers a search without losses finds at this threshold, in the mean."""
    night = sim.series()
    speed = np.hypot(*sim.truth[numbers, 2:4].T)
    way = speed * float(np.median(sim.exptime_min))
    sigma = night.width_px / GAUSSIAN_FWHM
    trailed = (1.0 + way**2 / 12.0 / sigma**2) ** -0.25
    snr = sim.truth[numbers, 4] * np.sqrt(len(sim.minutes)) * trailed
    least = [trackfit.threshold(night, each, FASTEST) for each in speed]
    return float(np.sum(norm.cdf(snr - least)))


def campaign(first: int, nights: int, stacked: tuple[float, float] | None = None) -> list[Row]:
    """Search many nights."""
    rates, was_found, false, cost, most = [], [], 0, [], 0.0
    for seed in range(first, first + nights):
        frames = 30
        snr = (stacked[0] / frames**0.5, stacked[1] / frames**0.5) if stacked else (1.5, 10.0)
        sim = simulated(1000 + seed, frames=frames, snr=snr)
        began = time.process_time()
        sightings = found(sim)
        cost.append(time.process_time() - began)
        pairs = matched(sim, sightings)
        strong = np.flatnonzero(sim.truth[:, 4] * np.sqrt(len(sim.minutes)) >= STACKED)
        most += possible(sim, strong)
        rates += np.hypot(*sim.truth[strong, 2:4].T).tolist()
        was_found += [number in pairs for number in strong]
        false += len(sightings) - len(pairs)
    there, seen = len(rates), sum(was_found)
    bins = []
    for low, high in pairwise(RATES):
        own = [good for rate, good in zip(rates, was_found, strict=True) if low <= rate < high]
        bins.append(f"{sum(own)} of {len(own)}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    time_s = max(cost) / CORES
    return [
        Row(
            "movers found; possible at this rate of false ones",
            ">= 95 %",
            f"{seen} of {there}; {most:.0f}",
            seen >= 0.95 * there,
        ),
        Row(
            "the same at " + ", ".join(f"{a:g}-{b:g}" for a, b in pairwise(RATES)) + " arcsec/min",
            "",
            ", ".join(bins),
            reached=True,
        ),
        Row("false ones", "<= 1 a night", f"{false} in {nights} nights", false <= nights),
        Row("time of a night on two cores", "<= 4 min", f"{time_s:.0f} s", time_s <= LONGEST_S),
        Row("memory", "<= 1 GB", f"{memory:.2f} GB", memory <= LARGEST_GB),
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-nights", type=int, default=20)
    parser.add_argument("-first", type=int, default=0)
    parser.add_argument("-stacked", type=float, nargs=2, metavar=("LOW", "HIGH"))
    words = parser.parse_args()
    stacked = tuple(words.stacked) if words.stacked else None
    return 0 if print_table(campaign(words.first, words.nights, stacked)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
