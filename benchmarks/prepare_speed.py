"""How fast pp_prepare is against cp: MB/s over many frames, measured in turns.

    python benchmarks/prepare_speed.py -frames 100 -size 2048 -rounds 5 [-folder DIR]

Three ways to write every frame once: ``cp``; a copy of each frame that is flushed to the disk
before the next one (what pp_prepare promises, and cp does not); and pp_prepare itself. The
disk is flushed before and after each run; the time of the latter counts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.pairs import Thing, measure, ratio  # noqa: E402

HEADER = {
    "INSTRUME": "Vatt4k",
    "OBJECT": "3552",
    "EXPTIME": 60.0,
    "FILTER": "TOP 3 BOT 1",
    "AIRMASS": 1.1,
    "RA": "11:57:09.17",
    "DEC": "+00:25:01.3",
    "DATE-OBS": "2017-02-02",
    "TIME-OBS": "09:36:00.0",
    "CCDBIN1": 2,
    "CCDBIN2": 2,
}


def make_frames(folder: Path, count: int, size: int) -> int:
    """Write frames of `size` squared 16-bit pixels with 200 cards; returns their bytes."""
    pixels = np.random.default_rng(1).normal(1000, 30, (size, size)).astype(">i2")
    header = fits.Header({**HEADER, **{f"CARD{i}": i / 7 for i in range(190)}})
    first = folder / "frame000.fits"
    fits.writeto(first, pixels, header)
    for number in range(1, count):
        shutil.copyfile(first, folder / f"frame{number:03d}.fits")
    return first.stat().st_size * count


def copy_flushed(source: Path, target: Path) -> None:
    """Copy frame by frame, each flushed to the disk."""
    for path in sorted(source.glob("*.fits")):
        with path.open("rb") as frame, (target / path.name).open("wb") as copy:
            shutil.copyfileobj(frame, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())


def prepare(folder: Path) -> None:
    """Run the command, as a user does."""
    names = sorted(str(path) for path in folder.glob("*.fits"))
    command = [sys.executable, ROOT / "pp_prepare.py", "-quiet", *names]
    subprocess.run(command, check=True)


def copy_all(source: Path, target: Path) -> None:
    """Copy all frames with cp."""
    subprocess.run(["cp", *source.glob("*.fits"), target], check=True)


def writing(name: str, work: Callable[[], object], before: Callable[[], object]) -> Thing:
    """Something that writes all frames, with the flush of the disk."""

    def run() -> None:
        work()
        os.sync()

    def before_run() -> None:
        before()
        os.sync()

    return Thing(name, run, before_run)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-frames", type=int, default=100)
    parser.add_argument("-size", type=int, default=2048)
    parser.add_argument("-rounds", type=int, default=5)
    parser.add_argument("-folder", type=Path, help="where the disk to be measured is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        source, target = Path(name, "frames"), Path(name, "work")
        source.mkdir()
        total = make_frames(source, options.frames, options.size)

        def emptied() -> None:
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()

        def filled() -> None:
            emptied()
            copy_all(source, target)

        def done() -> None:
            filled()
            prepare(target)

        prepared = writing("pp_prepare", lambda: prepare(target), filled)
        things = (
            writing("cp", lambda: copy_all(source, target), emptied),
            writing("copy, each frame flushed", lambda: copy_flushed(source, target), emptied),
            prepared,
            writing("pp_prepare again", lambda: prepare(target), done),
        )
        measure(things, options.rounds)
    print(f"{options.frames} frames of {options.size} x {options.size}: {total / 1e6:.0f} MB")
    for each in things:
        against = ratio(each.clock_s, prepared.clock_s)
        speed = total / 1e6 / min(each.clock_s)
        print(f"{each.name:25s} {speed:6.0f} MB/s; pp_prepare has {against} of its speed")


if __name__ == "__main__":
    main()
