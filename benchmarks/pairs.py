"""Measure things side by side, on a machine that has other work to do, too.

A round runs every thing once, in an order that is turned from round to round. What counts is
the ratio within a round, of which the median over all rounds is given with its range: a load
that lasts longer than a round weighs on all sides alike, and cancels.
"""

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Thing:
    """What is measured.

    Parameters
    ----------
    name : str
        How it is called in the results.
    run : callable
        The work.
    before : callable
        What has to be done before each run, and does not count.
    """

    name: str
    run: Callable[[], object]
    before: Callable[[], object] = lambda: None
    clock_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run once; note the time of the clock, and of all processors together."""
        self.before()
        began_s, began_cpu_s = time.perf_counter(), _cpu_s()
        self.run()
        self.clock_s.append(time.perf_counter() - began_s)
        self.cpu_s.append(_cpu_s() - began_cpu_s)


def _cpu_s() -> float:
    """Processor time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(things: Sequence[Thing], rounds: int) -> None:
    """Run all things so many times, in turns."""
    for number in range(rounds):
        shift = number % len(things)
        for thing in (*things[shift:], *things[:shift]):
            thing.measure()


@dataclass(frozen=True)
class Ratio:
    """Median of the ratios of all rounds, and their range."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Ratio of two things that were measured in the same rounds."""
    each = [a / b for a, b in zip(numerators, denominators, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))
