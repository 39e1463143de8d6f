"""How often a frame of 300 sources is registered by a few bright catalog stars, never wrongly.

Source lists, not pixels: frames of 26 arcmin with 300 sources, 10 of them false, of which some six
to ten are stars of a catalog as bright as Tycho-2 (38 per square degree); colours move the stars up
or down by 0.3 mag between both lists. The pointing is off by up to 10 arcmin, the scale by up to
15 %, rotation and parity are unknown. As many frames of another sky, of which none may be accepted.

Run: python benchmarks/sparse.py [number of fields]
"""

import sys
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from photpipe.catalogs.local import read_stars  # noqa: E402
from photpipe.ground import sky  # noqa: E402
from photpipe.register.plates import Chart, Plate, cone_of, covering  # noqa: E402
from photpipe.register.solver import Solver  # noqa: E402
from photpipe.run.settings import Settings  # noqa: E402
from photpipe.science.astrometry import sky_of  # noqa: E402
from tests.unit.plates import Stars, stars, tan, view  # noqa: E402

SHAPE, SCALE = (1400, 1400), 1.1
RA, DEC = 150.0, 20.0
CATALOG_DEG2, SOURCES_DEG2 = 38.0, 1700.0
COLOUR_MAG, NOISE_PX = 0.3, 0.2
MARGIN_DEG = 20 / 60


def chart_of(sky_stars: Stars, number: int, cone: sky.Cone, folder: Path) -> Chart:
    """The brightest stars, as a catalog in another band has them."""
    random = np.random.default_rng([9, number])
    mag = sky_stars.mag + random.normal(0, COLOUR_MAG, sky_stars.mag.size)
    order = np.argsort(mag)[: round(sky_stars.mag.size * CATALOG_DEG2 / SOURCES_DEG2)]
    path = folder / "bright.csv"
    columns = {"ra_deg": sky_stars.ra, "dec_deg": sky_stars.dec, "Vmag": mag}
    Table({name: each[order] for name, each in columns.items()}).write(path, overwrite=True)
    table = read_stars(path, "bright")
    return Chart(table.where(cone.contains(table.ra_deg, table.dec_deg), "inside"), cone)


def plate_of(number: int, pixels: np.ndarray) -> Plate:
    """Plate whose header is off."""
    random = np.random.default_rng([8, number])
    nominal = SCALE * random.uniform(0.85, 1.15)
    east, north = random.uniform(-420, 420, 2)
    at = sky.shifted(RA, DEC, east, north)
    wcs = tan(float(at[0]), float(at[1]), SHAPE, nominal)
    sources = Table({"ERRAWIN_IMAGE": np.full(pixels.size, 0.05, "f4")})
    return Plate(
        *("field", SHAPE, nominal, 1.0, 2457800.5, "camera", {}, sources, pixels, wcs),
        *(cone_of(wcs, SHAPE), 2.0, 0, (), False),
    )


def run(name: str, count: int, folder: Path, *, other_sky: bool) -> None:
    """Register many fields and print the score."""
    fields, placed, wrong, seconds = {}, {}, 0, []
    for number in range(count):
        random = np.random.default_rng([7, number])
        true = tan(RA, DEC, SHAPE, SCALE, random.uniform(0, 360), bool(number % 2))
        mine = stars(2 * number, RA, DEC, 0.9, SOURCES_DEG2, 17.0)
        seen = view(number, mine, true, SHAPE, faintest=16.6, noise_px=NOISE_PX, missed=0.05)
        plate = plate_of(number, seen.pixels)
        theirs = stars(2 * number + 1, RA, DEC, 0.9, SOURCES_DEG2, 17.0) if other_sky else mine
        chart = chart_of(theirs, number, covering([plate.cone], MARGIN_DEG), folder)
        on_chip = len(chart.check(plate, true).sources)
        solver = Solver(Settings())
        start = time.perf_counter()
        solver.settle_sparse([plate], chart, MARGIN_DEG)
        seconds.append(time.perf_counter() - start)
        key = min(on_chip, 10) if not other_sky else 0
        fields[key] = fields.get(key, 0) + 1
        for solved in solver.solved.values():
            placed[key] = placed.get(key, 0) + 1
            wrong += other_sky or off_px(solved.wcs, true) > 3.0
    every = ", ".join(f"{n} stars: {placed.get(n, 0)} of {fields[n]}" for n in sorted(fields))
    print(
        f"{name}: {every}; {wrong} wrong; "
        f"median {np.median(seconds):.2f} s, longest {max(seconds):.1f} s"
    )


def off_px(found: dict, true: dict) -> float:
    """Largest distance of two solutions over the frame."""
    x, y = (np.array(each, float) for each in ([1, 1400, 1, 1400, 700], [1, 1, 1400, 1400, 700]))
    apart = sky.separation_deg(*sky_of(found)(x, y), *sky_of(true)(x, y))
    return float(apart.max()) * 3600 / SCALE


def main() -> None:
    """Print the scores."""
    import tempfile

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        run("bright stars on the chip", count, Path(folder), other_sky=False)
        run("another sky", count, Path(folder), other_sky=True)


if __name__ == "__main__":
    main()
