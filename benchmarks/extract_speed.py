"""Frames per second of pp_extract against Source Extractor alone, run by xargs on all cores.

Both measure the same frames with the same settings and columns; pp_extract starts Python, reads
headers and catalogs, and writes the catalogs safely besides. The ratio is what it costs::

    python benchmarks/extract_speed.py [FRAMES [SIZE [STARS]]]
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from astropy.table import Table  # noqa: E402

from benchmarks.pairs import Thing, measure, ratio  # noqa: E402
from photpipe.astromatic import extraction as wanted  # noqa: E402
from photpipe.astromatic import sextractor, tool  # noqa: E402
from photpipe.instruments.frames import Frame  # noqa: E402
from photpipe.run.workspace import core_count  # noqa: E402
from tests.starfields import draw  # noqa: E402

ROUNDS = 5


def make_frames(folder: Path, count: int, size_px: int, stars: int) -> list[Path]:
    """Write frames of random stars."""
    paths = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        x, y = random.uniform(1, size_px, (2, stars))
        flux = 10 ** random.uniform(2.5, 5.5, stars)
        field = draw(random, (size_px, size_px), Table({"x": x, "y": y, "flux": flux}))
        paths.append(field.write(folder / f"f{seed:04d}.fits"))
    return paths


def alone(folder: Path, paths: Sequence[Path]) -> None:
    """Source Extractor on all frames, by xargs."""
    frame = Frame.read(paths[0])
    extraction = wanted.Extraction(1.5, 3, (frame.telescope.aprad_default,))
    settings = frame.telescope.tool_settings("sex")
    (folder / wanted.SETTINGS).write_text("".join(f"{k} {v}\n" for k, v in settings.items()))
    columns = wanted.parameter_lines(extraction)
    (folder / wanted.PARAMETERS).write_text("\n".join(columns) + "\n")
    words = wanted.arguments(extraction, sextractor.detector_of(frame, settings))
    names = {wanted.FRAME: "{}", wanted.CATALOG: "{}.ldac"}
    command = [str(tool.find(tool.SOURCE_EXTRACTOR)), *(names.get(word, word) for word in words)]
    subprocess.run(
        ["xargs", "-P", str(core_count()), "-I", "{}", *command],
        input="\n".join(path.name for path in paths),
        text=True,
        cwd=folder,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def with_pp(folder: Path, paths: Sequence[Path]) -> None:
    """The command as a user types it."""
    command = [
        sys.executable,
        str(ROOT / "pp_extract.py"),
        "-quiet",
        *(str(path) for path in paths),
    ]
    subprocess.run(command, cwd=folder, check=True)


def main() -> None:
    """Measure in turns and print."""
    count, size_px, stars = (
        int(each) for each in (*sys.argv[1:], *("50", "1024", "1000")[len(sys.argv) - 1 :])
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_frames(folder, count, size_px, stars)
        xargs = Thing("Source Extractor by xargs", lambda: alone(folder, paths))
        command = Thing("pp_extract", lambda: with_pp(folder, paths))
        measure([xargs, command], ROUNDS)
    print(f"{count} frames of {size_px} x {size_px} with {stars} stars on {core_count()} cores")
    for each in (xargs, command):
        speed, cpu_s = count / min(each.clock_s), min(each.cpu_s) / count
        print(f"{each.name:<26}{speed:6.2f} frames/s, {cpu_s:.3f} CPU s per frame")
    speeds, cpu = ratio(xargs.clock_s, command.clock_s), ratio(xargs.cpu_s, command.cpu_s)
    print(f"speed of pp_extract against it: {speeds} by the clock, {cpu} by CPU time")


if __name__ == "__main__":
    main()
