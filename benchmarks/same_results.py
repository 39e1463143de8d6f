"""What another version makes of the same frames: the largest change of any magnitude.

    python benchmarks/same_results.py ../before               example data and five nights
    python benchmarks/same_results.py ../before -real FOLDER  frames of yours, too (offline)

The argument is a checkout of the other version, e.g. of ``git worktree add ../before v1.0``. Both
reduce copies of the same frames with ``pp_run``. Printed are the changes of the targets' points and
of the stars in the databases, in units of their quoted errors: median, 99 of 100, and the largest
with its magnitude; and how many are there in one version alone.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from scipy.spatial import KDTree

from benchmarks.speed import CONFIG, services
from photpipe.catalogs.database import magnitude_columns, read_database
from photpipe.ground import sky
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from simsky import Mover, camera, night, observe, sky_for

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "example_data" / "vatt4k"
TELESCOPES = ("VATT4K", "LOWELL31", "CTIO10", "NOTALFOSC", "LOWELL42")
SHAPE, FRAMES, STARS, START_JD = (800, 800), 6, 250, 2457786.9
SAME_PX = 0.5
SAME_ARCSEC = 2.0  # farther off another star was chosen as the control star


def simulated(number: int, folder: Path) -> object:
    """Render a night with a target; returns its sky."""
    cam = camera(TELESCOPES[number % len(TELESCOPES)], shape=SHAPE)
    centre = 150.0 + 11.0 * number, 5.0 - 4.0 * number
    target = Mover(
        *("Same", *centre),
        epoch_jd=START_JD,
        number=3552,
        rate_ra_arcsec_min=0.6,
        rate_dec_arcsec_min=-0.3,
        v_mag=17.5,
        sigma3_arcsec=0.3,
    )
    field = sky_for(cam, 40 + number, *centre, stars_per_frame=STARS).with_movers(target)
    plan = night(
        cam,
        *centre,
        count=FRAMES,
        start_jd=START_JD,
        seed=number,
        object_name="3552",
        cloud_mag=0.2,
    )
    observe(field, cam, plan, folder)
    shutil.rmtree(folder / "truth")
    return field


def reduced(checkout: Path, frames: Path, folder: Path) -> Path:
    """Directory in which a version has reduced a copy of the frames."""
    shutil.copytree(frames, folder)
    environment = os.environ | {
        "PHOTPIPE_CACHE": str(folder.with_name(f"{folder.name}_cache")),
        "XDG_CONFIG_HOME": str(folder / CONFIG),
    }
    command = [sys.executable, str(checkout / "pp_run.py"), "-quiet", "."]
    subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True)
    return folder


def points(folder: Path) -> dict[tuple[str, str], TargetPoint]:
    """All points, by file and frame."""
    found = {}
    for path in sorted(folder.glob("photometry_*.dat")):
        for point in photometry_file.read(path)[1]:
            found[path.name, point.frame] = point
    return found


def pairs_of_points(before: Path, after: Path) -> Iterator[tuple[str, float, float, float]]:
    """What, change, error and magnitude of each point that both versions have."""
    old, new = points(before), points(after)
    for key in sorted(old.keys() | new.keys()):
        then, now = old.get(key), new.get(key)
        same = then and now and apart_arcsec(then, now) < SAME_ARCSEC
        if not (then and now and same):
            yield " ".join(key), np.nan, np.nan, np.nan
        elif np.isfinite([then.mag, now.mag, then.sig]).all():
            yield " ".join(key), now.mag - then.mag, then.sig, then.mag


def apart_arcsec(one: TargetPoint, other: TargetPoint) -> float:
    """Distance of the places where they were measured."""
    places = (each for p in (one, other) for each in (p.source_ra_deg, p.source_dec_deg))
    return float(sky.separation_deg(*places)) * sky.ARCSEC_PER_DEG


def pairs_of_stars(before: Path, after: Path) -> Iterator[tuple[str, float, float, float]]:
    """The same of the stars in the databases."""
    for path in sorted(before.glob("*.ldac.db")):
        header, old = read_database(path)
        _, new = read_database(after / path.name)
        names = magnitude_columns(str(header["band"]))
        places = [np.column_stack([t["XWIN_IMAGE"], t["YWIN_IMAGE"]]) for t in (old, new)]
        apart, row = KDTree(places[1]).query(places[0])
        for here, (far, there) in enumerate(zip(apart, row, strict=True)):
            mag, sig = (float(old[name][here]) for name in names)
            change = float(new[names[0]][there]) - mag if far < SAME_PX else np.nan
            if np.isfinite([mag, sig]).all():
                yield f"{path.name} {here}", change, sig, mag


def told(label: str, rows: list[tuple[str, float, float, float]]) -> str:
    """A line of the table."""
    both = [each for each in rows if np.isfinite(each[1])]
    if not both:
        return f"{label:34s} nothing to compare"
    change = np.array([abs(each[1]) / each[2] for each in both])
    what, largest, sig, mag = both[int(np.argmax(change))]
    return (
        f"{label:34s} {len(both):6d}; in units of the error: median {np.median(change):.4f}, 99 % "
        f"{np.percentile(change, 99):.3f}, largest {change.max():.3f} ({largest:+.4f} of {mag:.2f} "
        f"+- {sig:.4f}, {what}); in one alone {len(rows) - len(both)}"
    )


def main() -> None:
    """Print two lines for each set of frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="checkout of the other version")
    parser.add_argument("-nights", type=int, default=5)
    parser.add_argument("-real", type=Path, nargs="*", default=[], help="directories of frames")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(-1, words.nights + len(words.real)):
            frames = Path(scratch) / f"set{number}"
            if number in range(words.nights):
                field, label = simulated(number, frames), TELESCOPES[number % len(TELESCOPES)]
                with services(field, frames):
                    both = run_both(words.other.resolve(), frames)
            else:
                source = EXAMPLE if number < 0 else words.real[number - words.nights]
                shutil.copytree(source, frames)
                both, label = run_both(words.other.resolve(), frames), source.name
            print(told(f"{label}, points of targets", list(pairs_of_points(*both))), flush=True)
            print(told(f"{label}, stars", list(pairs_of_stars(*both))), flush=True)


def run_both(other: Path, frames: Path) -> tuple[Path, Path]:
    """Directories reduced by the other version and by this one."""
    before, after = frames.with_name(f"{frames.name}_a"), frames.with_name(f"{frames.name}_b")
    return reduced(other, frames, before), reduced(ROOT, frames, after)


if __name__ == "__main__":
    main()
