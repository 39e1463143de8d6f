"""How long the pages take, how large they are, how quickly a browser shows them.

    python benchmarks/report.py [-frames 30 -size 1024 -stars 60 -targets 2]

A night is made of noise, stars and results written by hand; all pages are then rendered by
``diagnostics.py`` in a process of its own, from nothing and once more. Give ``-frames 500
-size 512`` for a long night.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.report.browser import Browser  # noqa: E402
from tests.report.nights import Maker, Night, names  # noqa: E402

PER_FRAME = ("frames", "images", "cutouts", "animations", "targets")
PAINTED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(performance.now()))))"""


def render(directory: Path) -> tuple[float, float, float]:
    """Wall clock (s), processor time (s) and peak memory (MB) of one rendering."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, ROOT / "diagnostics.py", directory], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    elapsed = time.perf_counter() - began
    return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def size(directory: Path, folders: tuple[str, ...]) -> int:
    """Bytes of the files in some folders of the report."""
    report = directory / ".diagnostics"
    return sum(path.stat().st_size for name in folders for path in (report / name).iterdir())


def opened(browser: Browser, page: Path) -> float:
    """Time until a page is painted (s), the best of three."""
    times = []
    for _ in range(3):
        browser.open(page)
        times.append(browser.run(PAINTED) / 1000)
    return min(times)


def main() -> None:
    """Make a night, render it, open it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-frames", type=int, default=30)
    parser.add_argument("-size", type=int, default=1024)
    parser.add_argument("-stars", type=int, default=60)
    parser.add_argument("-targets", type=int, default=2)
    values = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        targets = tuple(f"target {number}" for number in range(values.targets))
        night = Night(names(values.frames), targets, (values.size, values.size), values.stars)
        directory = Path(folder) / "night"
        Maker(directory, night).everything()
        print(f"{values.frames} frames of {values.size}², {values.stars} stars on each")
        for what in ("from nothing", "once more"):
            wall, cpu, memory = render(directory)
            print(f"{what:13} {wall:6.2f} s, processor {cpu:6.2f} s, {memory:5.0f} MB at most")
        total = size(directory, PER_FRAME)
        print(f"per frame     {total / values.frames / 1000:6.1f} kB")
        main_page = directory / "diagnostics.html"
        print(f"main page     {main_page.stat().st_size / 1000:6.1f} kB")
        with Browser(Path(folder) / "profile") as browser:
            browser.resize(1400)
            print(f"main page     {opened(browser, main_page):6.2f} s to be painted")
            frame = next((directory / ".diagnostics" / "frames").iterdir())
            print(f"frame page    {opened(browser, frame):6.2f} s to be painted")


if __name__ == "__main__":
    main()
