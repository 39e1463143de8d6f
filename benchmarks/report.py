"""How long the pages take, how large they are, how quickly a browser shows them.

    python benchmarks/report.py              30 and 60 frames of 1024² and 500 of 512²
    python benchmarks/report.py -quick       30, 60 and 100 frames of 512²
    python benchmarks/report.py -viewer      the 60 frames alone: main page, viewer, single file

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
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.report.browser import Browser  # noqa: E402
from tests.report.nights import Maker, Night, names  # noqa: E402

SHORT, LONG = (30, 1024), (500, 512)  # frames, pixels on each side
QUICK_SHORT, QUICK_LONG = (30, 512), (100, 512)
VIEWED_FRAMES, NEXT_FRAMES = 60, 10
STARS = 60
TARGETS = ("3552", "Control Star")
LONGEST_S, MOST_BYTES, LONGEST_OPENING_S = 4.0, 150_000, 1.0
MOST_MB_PER_FRAME = 0.1  # the numbers of a frame; its pixels would be 1 MB or more
FIRST_PAINT_S, MAIN_BYTES, SINGLE_BYTES = 0.2, 1_500_000, 2_000_000
NEXT_FRAME_S, BLINKS_PER_S, PICTURE_BYTES = 0.05, 10.0, 250_000  # the last per 1024²
BLINK_TOLERANCE = 0.95  # a timer of 100 ms is never early
PER_FRAME = ("frames", "images", "cutouts", "animations", "targets")
PAINTED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(performance.now()))))"""

FIRST_PAINT = """new Promise((done) => {
  const look = () => {
    const paint = performance.getEntriesByName('first-paint')[0];
    return paint ? done(paint.startTime) : setTimeout(look, 5);
  };
  look();
})"""
FILES = """[...document.querySelectorAll('img[src], script[src], link[rel=stylesheet]')]
  .map((each) => each.src || each.href).filter((each) => each.startsWith('file:'))"""
VIEWED = """new Promise((done) => {
  const look = () => document.querySelector('.has-canvas') ? done(0) : setTimeout(look, 20);
  look();
})"""
# a frame that was not loaded before, until its pixels are on a canvas
NEXT_FRAME = """(async () => {
  const box = document.querySelector('.viewer[data-script]');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [1024, 1024];
  const context = canvas.getContext('2d');
  const times = [];
  for (const slug of JSON.parse(box.dataset.frames).slice(5, 15)) {
    const began = performance.now();
    const source = box.dataset.script.replace(/[^/]*$/, `${encodeURIComponent(slug)}.js`);
    const frame = await photpipe.loadFrame(slug, source);
    context.drawImage(frame.picture, 0, 0, 1024, 1024);
    context.getImageData(0, 0, 1, 1);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[times.length / 2];
})()"""
# begins to blink, and counts what is drawn from when all frames are loaded
BLINK = """(async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  window.drawn = 0;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...all) {
    window.drawn += 1;
    return draw.apply(this, all);
  };
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }));
  while (!window.drawn || Object.keys(window.ppFrames).length < FRAMES) await wait(50);
  await wait(1000);
})()"""
BLINKING_S = 4
BLINKS = f"""new Promise((done) => {{
  const [before, began] = [window.drawn, performance.now()];
  setTimeout(
    () => done(1000 * (window.drawn - before) / (performance.now() - began)), {1000 * BLINKING_S});
}})"""


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


def render(directory: Path, *options: str) -> Rendering:
    """Render the pages of a directory."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, ROOT / "diagnostics.py", *options, directory], stdout=subprocess.DEVNULL
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


def goal_row(what: str, goal: float, unit: str, value: float) -> Row:
    """A line with a goal: at most so much."""
    return Row(what, f"<= {goal:g} {unit}", f"{value:.3g} {unit}", value <= goal)


def viewer_rows(browser: Browser, folder: Path, side_px: int) -> list[Row]:
    """Main page, viewer and single file of 60 frames."""
    label = f"{VIEWED_FRAMES} frames of {side_px}²"
    directory = night(folder, VIEWED_FRAMES, side_px)
    render(directory, "-single")
    main = directory / "diagnostics.html"
    paints = []
    for _ in range(5):
        browser.open(main)
        paints.append(browser.run(FIRST_PAINT) / 1000)
    loaded = {Path(unquote(urlsplit(each).path)) for each in browser.run(FILES)}
    weight = main.stat().st_size + sum(path.stat().st_size for path in loaded)
    report = directory / ".diagnostics"
    pictures = [path.stat().st_size for path in (report / "images").glob("*.js")]
    browser.open(next((report / "frames").iterdir()))
    browser.run(VIEWED)
    began_s = process_time(browser)
    next_s = browser.run(NEXT_FRAME) / 1000
    next_cpu_s = (process_time(browser) - began_s) / NEXT_FRAMES
    browser.run(BLINK.replace("FRAMES", str(VIEWED_FRAMES)))
    began_s = process_time(browser)
    blinks = browser.run(BLINKS)
    blink_cpu_s = (process_time(browser) - began_s) / max(1, blinks * BLINKING_S)
    is_quick = blinks >= BLINK_TOLERANCE * BLINKS_PER_S or blink_cpu_s <= 1 / BLINKS_PER_S
    single = (directory / "diagnostics_single.html").stat().st_size
    of_1024 = max(pictures) * (1024 / side_px) ** 2
    return [
        goal_row(f"{label}: main page, first paint", FIRST_PAINT_S, "s", min(paints)),
        goal_row(f"{label}: main page and its images", MAIN_BYTES / 1e6, "MB", weight / 1e6),
        goal_row(f"{label}: image of a frame per 1024²", PICTURE_BYTES / 1e3, "kB", of_1024 / 1e3),
        Row(
            f"{label}: viewer, next frame",
            f"<= {NEXT_FRAME_S * 1e3:g} ms",
            f"{next_s * 1e3:.0f} ms (processor {next_cpu_s * 1e3:.0f} ms)",
            min(next_s, next_cpu_s) <= NEXT_FRAME_S,
        ),
        Row(
            f"{label}: viewer, blinking",
            f">= {BLINKS_PER_S:g} per s",
            f"{blinks:.1f} per s (processor {blink_cpu_s * 1e3:.0f} ms each)",
            blinks > 0 and is_quick,
        ),
        goal_row(f"{label}: -single", SINGLE_BYTES / 1e6, "MB", single / 1e6),
    ]


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
        rows += viewer_rows(browser, folder, short[1])
    growth = (peaks[1] - peaks[0]) / (long[0] - short[0])
    words = f"{growth:.2f} MB ({peaks[0]:.0f} and {peaks[1]:.0f} MB in all)"
    goal = f"<= {MOST_MB_PER_FRAME:g} MB"
    return [*rows, Row("memory per further frame", goal, words, growth <= MOST_MB_PER_FRAME)]


def main() -> int:
    """Make nights, render them, open them; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-quick", action="store_true", help="smaller nights")
    parser.add_argument("-viewer", action="store_true", help="the 60 frames alone")
    values = parser.parse_args()
    sizes = (QUICK_SHORT, QUICK_LONG) if values.quick else (SHORT, LONG)
    with tempfile.TemporaryDirectory() as folder:
        if values.viewer:
            with Browser(Path(folder) / "profile") as browser:
                browser.resize(1400)
                rows = viewer_rows(browser, Path(folder), sizes[0][1])
        else:
            rows = table(Path(folder), *sizes)
    print(f"{'':44} {'goal':12} measured; processors: {os.cpu_count()}, busy with", end=" ")
    print(f"{os.getloadavg()[0]:.0f} programs")
    for row in rows:
        verdict = {True: "ok", False: "MISSED", None: ""}[row.is_reached]
        print(f"{row.what:44} {row.goal:12} {row.measured:40} {verdict}".rstrip())
    return int(any(row.is_reached is False for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
