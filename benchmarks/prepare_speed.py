"""How fast pp_prepare is against cp: MB/s over many frames, measured in turn.

    python benchmarks/prepare_speed.py -frames 500 -size 2048 [-folder DIR]

Three ways to write every frame once: ``cp``; a copy of each frame that is flushed to the disk
before the next one (what pp_prepare promises, and cp does not); and pp_prepare itself. The
disk is flushed between the measurements; the time of that flush counts for cp.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

ROOT = Path(__file__).resolve().parent.parent
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


def timed(label: str, total_bytes: int, work: Callable[[], object]) -> float:
    """Run, flush the disk, print and return MB/s."""
    os.sync()
    start = time.perf_counter()
    work()
    os.sync()
    speed = total_bytes / 1e6 / (time.perf_counter() - start)
    print(f"{label:28s} {speed:8.0f} MB/s")
    return speed


def copy_flushed(source: Path, target: Path) -> None:
    """Copy frame by frame, each flushed to the disk."""
    target.mkdir()
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-frames", type=int, default=500)
    parser.add_argument("-size", type=int, default=2048)
    parser.add_argument("-folder", type=Path, help="where the disk to be measured is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        work = Path(name)
        frames = work / "frames"
        frames.mkdir()
        total = make_frames(frames, options.frames, options.size)
        print(f"{options.frames} frames of {options.size} x {options.size}: {total / 1e6:.0f} MB")
        copy = timed(
            "cp", total, lambda: subprocess.run(["cp", "-r", frames, work / "a"], check=True)
        )
        shutil.rmtree(work / "a")
        flushed = timed("copy, each frame flushed", total, lambda: copy_flushed(frames, work / "b"))
        shutil.rmtree(work / "b")
        speed = timed("pp_prepare", total, lambda: prepare(frames))
        print(f"pp_prepare / cp {speed / copy:.2f}, / flushed copy {speed / flushed:.2f}")
        timed("pp_prepare again, no change", total, lambda: prepare(frames))


if __name__ == "__main__":
    main()
