"""How long the pages take, how large they are, how quickly a browser shows them.

    python benchmarks/report.py              30 frames of 1024² and 500 of 512²
    python benchmarks/report.py -quick       30 and 100 frames of 512²

Nights are made of noise, stars and results written by hand; all pages are rendered by
``diagnostics.py`` in a process of its own, from nothing and once more. One line per goal: what,
goal, measured, and whether it is reached. Pages count as quick if the clock or the
processor says so: on a machine that is busy with other things the clock tells of those.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.report.browser import Browser  # noqa: E402
from tests.report.nights import Maker, Night, names  # noqa: E402

SHORT, LONG = (30, 1024), (500, 512)  # frames, pixels on each side
QUICK_SHORT, QUICK_LONG = (30, 512), (100, 512)
STARS = 60
TARGETS = ("3552", "Control Star")
LONGEST_S, MOST_BYTES, LONGEST_OPENING_S = 4.0, 150_000, 1.0
MOST_MB_PER_FRAME = 0.1  # the numbers of a frame; its pixels would be 1 MB or more
PER_FRAME = ("frames", "images", "cutouts", "animations", "targets")
PAINTED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(performance.now()))))"""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; without a goal if `is_reached` is None."""

    what: str
    goal: str
    measured: str
    is_reached: bool | None = None


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one rendering took: seconds by the clock and of the processor, peak memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float

    @property
    def words(self) -> str:
        """For the table."""
        return f"{self.wall_s:.1f} s (processor {self.cpu_s:.1f} s)"


def render(directory: Path) -> Rendering:
    """Render the pages of a directory."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, ROOT / "diagnostics.py", directory], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    elapsed = time.perf_counter() - began
    return Rendering(elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def night(folder: Path, frames: int, side_px: int) -> Path:
    """Directory of a night with all results and no pages."""
    directory = folder / f"{frames}x{side_px}"
    Maker(directory, Night(names(frames), TARGETS, (side_px, side_px), STARS)).everything()
    return directory


def opened(browser: Browser, page: Path) -> tuple[float, float]:
    """Time until a page is painted (s) and that of the processor, the best of three."""
    wall_s, cpu_s = [], []
    for _ in range(3):
        before_s = process_time(browser)
        browser.open(page)
        wall_s.append(browser.run(PAINTED) / 1000)
        after_s = process_time(browser)
        cpu_s.append(after_s - before_s if after_s > before_s else after_s)  # a process of its own
    return min(wall_s), min(cpu_s)


def process_time(browser: Browser) -> float:
    """Time of the processor (s) that the pages have taken so far."""
    browser.send("Performance.enable")
    metrics = browser.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "ProcessTime")


def size_rows(directory: Path, frames: int, label: str) -> list[Row]:
    """Bytes per frame, and of the main page."""
    report = directory / ".diagnostics"
    total = sum(path.stat().st_size for name in PER_FRAME for path in (report / name).iterdir())
    each = total / frames
    main_kb = (directory / "diagnostics.html").stat().st_size / 1000
    goal = f"<= {MOST_BYTES / 1000:.0f} kB"
    return [
        Row(f"{label}: per frame", goal, f"{each / 1000:.0f} kB", each <= MOST_BYTES),
        Row(f"{label}: main page", "", f"{main_kb:.0f} kB"),
    ]


def opening_rows(browser: Browser, directory: Path, label: str) -> list[Row]:
    """Time that the browser needs for the main page, and for that of a frame."""
    frame = next((directory / ".diagnostics" / "frames").iterdir())
    pages = {"main page": directory / "diagnostics.html", "page of a frame": frame}
    rows = []
    for name, page in pages.items():
        times = opened(browser, page)
        words = "{:.2f} s (processor {:.2f} s)".format(*times)
        goal, is_reached = f"< {LONGEST_OPENING_S:g} s", min(times) < LONGEST_OPENING_S
        rows.append(Row(f"{label}: {name} painted", goal, words, is_reached))
    return rows


def table(folder: Path, short: tuple[int, int], long: tuple[int, int]) -> list[Row]:
    """All lines."""
    rows, peaks = [], []
    with Browser(folder / "profile") as browser:
        browser.resize(1400)
        for frames, side_px in (short, long):
            label = f"{frames} frames of {side_px}²"
            directory = night(folder, frames, side_px)
            new, again = render(directory), render(directory)
            peaks.append(new.peak_mb)
            is_goal = (frames, side_px) == short
            rows += [
                Row(
                    f"{label}: all pages",
                    f"<= {LONGEST_S:g} s" if is_goal else "",
                    new.words,
                    min(new.wall_s, new.cpu_s) <= LONGEST_S if is_goal else None,
                ),
                Row(f"{label}: all pages once more", "", again.words),
                *size_rows(directory, frames, label),
                *opening_rows(browser, directory, label),
            ]
    growth = (peaks[1] - peaks[0]) / (long[0] - short[0])
    words = f"{growth:.2f} MB ({peaks[0]:.0f} and {peaks[1]:.0f} MB in all)"
    goal = f"<= {MOST_MB_PER_FRAME:g} MB"
    return [*rows, Row("memory per further frame", goal, words, growth <= MOST_MB_PER_FRAME)]


def main() -> int:
    """Make nights, render them, open them; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-quick", action="store_true", help="smaller nights")
    sizes = (QUICK_SHORT, QUICK_LONG) if parser.parse_args().quick else (SHORT, LONG)
    with tempfile.TemporaryDirectory() as folder:
        rows = table(Path(folder), *sizes)
    print(f"{'':44} {'goal':12} measured; processors: {os.cpu_count()}, busy with", end=" ")
    print(f"{os.getloadavg()[0]:.0f} programs")
    for row in rows:
        verdict = {True: "ok", False: "MISSED", None: ""}[row.is_reached]
        print(f"{row.what:44} {row.goal:12} {row.measured:40} {verdict}".rstrip())
    return int(any(row.is_reached is False for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
