"""How fast pp_run is, as a multiple of what the tools alone need for the same frames.

    python benchmarks/speed.py                     the sets of some minutes
    python benchmarks/speed.py -sets 200x1024 1000x512 3x6144 2x9576x6388
    python benchmarks/speed.py -again 200x1024     a second run, and one with a new frame
    python benchmarks/speed.py -stack 30x1024      pp_stackedphotometry -comoving
    python benchmarks/speed.py -profile 10x1024    where the time goes

A set is a number of frames and their side, or rows and columns, in pixels. Where others use the
machine, compare the seconds of processor.

The unit is one Source Extractor pass with twenty apertures per frame, two frames at a time, and
one SCAMP run at fixed resolution over all of them. Frames come from the simulator, services from
a server on loopback in a process of its own. Cold runs: nothing cached, pages included.
"""

import argparse
import contextlib
import importlib
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from photpipe.ground.environment import settle_threads  # noqa: E402

settle_threads()  # as pp_run and the tools that it starts

from photpipe.astromatic import extraction  # noqa: E402
from simsky import SkyServer, camera, night, observe, sky_for  # noqa: E402
from tests.conftest import FIELD, START_JD, TARGET  # noqa: E402

SETS = ("10x1024", "30x1024", "10x2048")
GOALS = {  # ratio to the tools
    **{"10x1024": 2.5, "30x1024": 1.6, "200x1024": 1.0, "10x2048": 1.0},
    **{"3x6144": 1.5, "2x9576x6388": 1.5},
}
STARS_PER_MPIX = 600
SIDE_BY_SIDE = 2
RESOLUTION_ARCSEC = 1.0
CONFIG = ".config"


@contextlib.contextmanager
def services(sky: Any, folder: Path) -> Iterator[None]:
    """The simulated services in another process, and a photpipe.toml that leads there."""
    context = multiprocessing.get_context("fork")
    ready, over = context.Event(), context.Event()

    def serve() -> None:
        with SkyServer(sky) as server:
            server.write_settings(folder)
            server.let_directories_lead(folder / CONFIG)
            ready.set()
            over.wait()

    process = context.Process(target=serve, daemon=True)
    process.start()
    ready.wait(60)
    try:
        yield
    finally:
        over.set()
        process.join(10)


def frames_of(name: str) -> tuple[int, tuple[int, int]]:
    """Number and shape of the frames of a set."""
    count, *sides = (int(word) for word in name.split("x"))
    return count, (sides[0], sides[-1])


def make_frames(count: int, shape: tuple[int, int], folder: Path) -> Any:
    """Render frames; returns the sky."""
    cam = camera("VATT4K", shape=shape)
    stars = STARS_PER_MPIX * shape[0] * shape[1] / 1024**2
    sky = sky_for(cam, 3552, *FIELD, stars_per_frame=stars).with_movers(TARGET)
    plan = night(
        cam, *FIELD, count=count, start_jd=START_JD, seed=1, object_name="3552", cloud_mag=0.2
    )
    observe(sky, cam, plan, folder)
    shutil.rmtree(folder / "truth")
    return sky


def timed_run(
    folder: Path, cache: Path, words: Sequence[str] = ("pp_run.py", "-quiet", ".")
) -> tuple[float, float, float]:
    """Wall seconds of a command, CPU seconds with all tools, and its peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    config = str(folder / CONFIG)
    environment = os.environ | {"PHOTPIPE_CACHE": str(cache), "XDG_CONFIG_HOME": config}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once
    start, peak_mb = time.perf_counter(), 0.0
    command = [sys.executable, str(ROOT / words[0]), *words[1:]]
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        while process.poll() is None:
            peak_mb = max(peak_mb, peak_memory_mb(process.pid))
            time.sleep(0.05)
    wall_s = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{words[0]} ended with status {process.returncode}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall_s, cpu_s, peak_mb


def peak_memory_mb(pid: int) -> float:
    """Largest resident memory of a process so far."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


def timed_tools(folder: Path, work: Path) -> tuple[float, float, float]:
    """Wall seconds of Source Extractor over all frames and of SCAMP, and the CPU seconds of both.

    The frames are prepared, the reference stars those that pp_run fetched.
    """
    frames = sorted(folder.glob("*.fits"))
    radii = tuple(2.0 + 8.0 * step / 19 for step in range(20))
    wanted = extraction.Extraction(snr=2.0, minarea=12, radii_px=radii)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    def extract(frame: Path) -> None:
        place = work / frame.stem
        place.mkdir()
        (place / extraction.FRAME).symlink_to(frame)
        (place / extraction.SETTINGS).write_text((ROOT / "setup" / "base.sex").read_text())
        lines = extraction.parameter_lines(wanted)
        (place / extraction.PARAMETERS).write_text("\n".join(lines) + "\n")
        detector = extraction.Detector((0, 0), 0.375, 60000.0, 2.0)
        arguments = extraction.arguments(wanted, detector)
        run("source-extractor", *arguments, cwd=place)
        (place / extraction.CATALOG).rename(work / f"{frame.stem}.ldac")

    start = time.perf_counter()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(extract, frames))
    extracted_s = time.perf_counter() - start
    settings = {
        "ASTREFCAT_NAME": folder / "GAIA.cat",
        "MATCH_RESOL": RESOLUTION_ARCSEC,
        "POSITION_MAXERR": 2.0,  # arcmin; a telescope that points well
        "POSANGLE_MAXERR": 5.0,
        "PIXSCALE_MAXERR": 1.05,
        "MATCH_FLIPPED": "N",
        "CHECKPLOT_DEV": "NULL",
        "WRITE_XML": "N",
        "NTHREADS": SIDE_BY_SIDE,
        "VERBOSE_TYPE": "QUIET",
    }
    words = [str(word) for key, value in settings.items() for word in (f"-{key}", value)]
    catalogs = sorted(path.name for path in work.glob("*.ldac"))
    start = time.perf_counter()
    run("scamp", *catalogs, "-c", str(ROOT / "setup" / "base.scamp"), *words, cwd=work)
    solved_s = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return extracted_s, solved_s, cpu_s


def run(*words: str, cwd: Path) -> None:
    """Run a tool, quietly."""
    done = subprocess.run(words, cwd=cwd, check=False, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode())


def measure(name: str, scratch: Path) -> None:
    """Print a row of the table."""
    (count, shape), goal = frames_of(name), GOALS.get(name, float("nan"))
    folder, work = scratch / name, scratch / f"{name}_tools"
    work.mkdir()
    sky = make_frames(count, shape, folder)
    with services(sky, folder):
        wall_s, cpu_s, peak_mb = timed_run(folder, scratch / f"{name}_cache")
    extracted_s, solved_s, tools_cpu_s = timed_tools(folder, work)
    ratio, cpu_ratio = wall_s / (extracted_s + solved_s), cpu_s / tools_cpu_s
    print(
        f"{name:>9} {wall_s:8.1f} {extracted_s:8.2f} {solved_s:7.2f} {ratio:6.2f} {goal:6.1f} "
        f"{1000 * wall_s / count:9.0f} {cpu_s:8.1f} {cpu_ratio:6.2f} {peak_mb:8.0f}",
        flush=True,
    )
    shutil.rmtree(folder)
    shutil.rmtree(work)


def measure_again(name: str, scratch: Path) -> None:
    """Print what a second run costs when nothing is new, and when one frame is."""
    count, shape = frames_of(name)
    folder, cache = scratch / name, scratch / "cache"
    sky = make_frames(count + 1, shape, folder)
    late = max(folder.glob("*.fits"))
    late.rename(scratch / late.name)
    with services(sky, folder):
        for label in ("all frames", "nothing new", "a new frame"):
            if label == "a new frame":
                (scratch / late.name).rename(late)
            wall_s, cpu_s, peak_mb = timed_run(folder, cache)
            print(f"{name:>9} {label:>12} {wall_s:8.1f} s {cpu_s:8.1f} CPU s {peak_mb:6.0f} MB")


def measure_stack(name: str, scratch: Path) -> None:
    """Print what a comoving stack and the photometry on it cost."""
    count, shape = frames_of(name)
    folder, cache = scratch / name, scratch / "cache"
    sky = make_frames(count, shape, folder)
    with services(sky, folder):
        timed_run(folder, cache)
        names = sorted(path.name for path in folder.glob("*.fits"))
        words = ("pp_stackedphotometry.py", "-quiet", "-comoving", *names)
        wall_s, cpu_s, peak_mb = timed_run(folder, cache, words)
    print(f"{name:>9} {'stack':>12} {wall_s:8.1f} s {cpu_s:8.1f} CPU s {peak_mb:6.0f} MB")


def profile(name: str, scratch: Path) -> None:
    """Print how long each stage took, and how much of it was work of Python and of the tools."""
    from photpipe.runner import directory
    from photpipe.runner.progress import Progress

    count, shape = frames_of(name)
    folder = scratch / name
    sky = make_frames(count, shape, folder)
    os.environ |= {
        "PHOTPIPE_CACHE": str(scratch / "cache"),
        "XDG_CONFIG_HOME": str(folder / CONFIG),
    }
    rows: list[tuple[str, float, float, float]] = []

    def usage() -> tuple[float, float, float]:
        own, tools = (
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return time.perf_counter(), own.ru_utime + own.ru_stime, tools.ru_utime + tools.ru_stime

    def watched(function: Any, label: Any) -> Any:
        def call(*words: Any, **options: Any) -> Any:
            before = usage()
            result = function(*words, **options)
            after = usage()
            differences = (later - earlier for later, earlier in zip(after, before, strict=True))
            rows.append((label(*words), *differences))
            return result

        return call

    Progress.execute = watched(Progress.execute, lambda _self, stage, _p: stage.command)  # type: ignore[method-assign]
    directory.write_report = watched(directory.write_report, lambda _workspace: "pages")
    import pp_run

    with services(sky, folder):
        main = watched(pp_run.main, lambda _words: "all (imports done)")
        main(["-quiet", str(folder)])
    print(f"{name:20} {'wall s':>8} {'Python s':>9} {'tools s':>8}")
    for label, *numbers in rows:
        print(f"{label:20} {numbers[0]:8.2f} {numbers[1]:9.2f} {numbers[2]:8.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-sets", nargs="+", default=list(SETS), metavar="NxSIDE")
    parser.add_argument("-profile", metavar="NxSIDE")
    parser.add_argument("-again", metavar="NxSIDE")
    parser.add_argument("-stack", metavar="NxSIDE")
    parser.add_argument("-folder", type=Path, help="where frames are written")
    options = parser.parse_args()
    importlib.import_module("matplotlib.font_manager")  # lists the fonts, as once for each user
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        for name, what in (
            (options.profile, profile),
            (options.again, measure_again),
            (options.stack, measure_stack),
        ):
            if name:
                what(name, Path(scratch))
                return
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(
            "      set   pp_run  extract   SCAMP  ratio   goal  ms/frame    CPU s  ratio  peak MB"
        )
        for name in options.sets:
            measure(name, Path(scratch))


if __name__ == "__main__":
    main()
