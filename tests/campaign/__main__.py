"""The long version: ``python -m tests.campaign -seeds 200 -kills 100``; status 1 if any failed."""

import argparse
import collections
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.campaign.play import Verdict, full_disk, kill, play
from tests.campaign.theatre import Theatre


def main() -> int:
    """Play, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("-seeds", type=int, default=200, help="number of plays")
    parser.add_argument("-kills", type=int, default=100, help="number of runs that are killed")
    parser.add_argument("-disks", type=int, default=50, help="number of full disks")
    parser.add_argument("-first", type=int, default=0, help="first seed")
    parser.add_argument("-keep", type=Path, help="directory in which plays that fail are kept")
    values = parser.parse_args()
    home = values.keep or Path(tempfile.mkdtemp(prefix="campaign_"))
    home.mkdir(parents=True, exist_ok=True)
    theatre = Theatre.open(home)
    verdicts = []
    try:
        for act, count in ((play, values.seeds), (kill, values.kills), (full_disk, values.disks)):
            for seed in range(values.first, values.first + count):
                verdicts.append(acted(act, theatre, seed))
                tell(verdicts[-1], home)
    finally:
        theatre.close()
    summarise(verdicts)
    return int(any(each.wrong for each in verdicts))


def acted(act: Callable[[Theatre, int], Verdict], theatre: Theatre, seed: int) -> Verdict:
    """Verdict of a play; what the campaign itself cannot read is wrong, too."""
    try:
        return act(theatre, seed)
    except Exception as error:  # one play that cannot be judged does not end the campaign
        name = f"{act.__name__}{seed}"
        return Verdict(name, ("cannot be judged",), (), 0.0, (f"{type(error).__name__}: {error}",))


def tell(verdict: Verdict, home: Path) -> None:
    """One line per play, more where something was wrong."""
    sign = "WRONG" if verdict.wrong else "ok"
    print(
        f"{time.strftime('%H:%M:%S')} {verdict.name:9s} {sign:5s} {verdict.seconds:6.1f} s "
        f"status {verdict.statuses}  {' | '.join(verdict.mishaps)}",
        flush=True,
    )
    for each in verdict.wrong:
        print(f"    {each}", flush=True)
    if verdict.wrong:
        (home / f"{verdict.name}.screen").write_text(verdict.screen)


def summarise(verdicts: list[Verdict]) -> None:
    """How often each mishap was played, and with which status the runs ended."""
    counts: collections.Counter[str] = collections.Counter()
    failures: collections.Counter[str] = collections.Counter()
    for verdict in verdicts:
        if not verdict.name.startswith("play"):
            continue
        for each in {each.split(" (")[0] for each in verdict.mishaps}:
            counts[each] += 1
            failures[each] += bool(verdict.wrong)
    print("\nmishap, plays, of them wrong")
    for name, count in sorted(counts.items()):
        print(f"{name:60s} {count:4d} {failures[name]:4d}")
    statuses = collections.Counter((each.name[:4], *each.statuses) for each in verdicts)
    print("\nkind, status with mishaps, status behind them: runs")
    for key, count in sorted(statuses.items(), key=str):
        print(key, count)
    wrong = sum(bool(each.wrong) for each in verdicts)
    print(f"\n{len(verdicts)} plays, {wrong} wrong")


if __name__ == "__main__":
    sys.exit(main())
