"""How well fields of 5 to 10 degrees of a photographic lens are registered.

Source lists, not pixels: 800 stars on 3000 x 2000 pixels behind a lens with radial distortion (two
terms of Brown and Conrady, 10 to 60 pixels in the corners) and tangential distortion (its axis is
tilted by up to 4 pixels in the corners), 15 % of the stars missing, errors of 0.1 pixels. The
header has the pointing to 20 arcmin and the scale to 5 %, not the rotation. As many fields of
another sky.

Run: python benchmarks/wide_fields.py [number of fields]
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io.fits import Header
from astropy.table import Table
from astropy.wcs import WCS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from photpipe.catalogs.local import read_stars  # noqa: E402
from photpipe.ground import sky  # noqa: E402
from photpipe.register.plates import Chart, Plate, cone_of, covering  # noqa: E402
from photpipe.register.solver import Solver  # noqa: E402
from photpipe.run.settings import Settings  # noqa: E402
from photpipe.science.astrometry import sky_of  # noqa: E402
from tests.unit.plates import Stars, stars, tan  # noqa: E402

SHAPE = (2000, 3000)
SOURCES = 800
MARGIN_DEG = 20 / 60
NOISE_PX = 0.1


def distorted(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Pixels behind a lens (Brown 1966): radial terms of third and fifth order, tangential ones."""
    middle, reach = complex((SHAPE[1] + 1) / 2, (SHAPE[0] + 1) / 2), np.hypot(*SHAPE) / 2
    at = (pixels - middle) / reach
    r2 = np.abs(at) ** 2
    k1 = random.choice([-1, 1]) * random.uniform(10, 60)
    k2 = random.uniform(-0.3, 0.3) * k1
    p1, p2 = random.uniform(-4, 4, 2)
    x = 2 * p1 * at.real * at.imag + p2 * (r2 + 2 * at.real**2)
    y = p1 * (r2 + 2 * at.imag**2) + 2 * p2 * at.real * at.imag
    return pixels + at * (k1 * r2 + k2 * r2**2) + x + 1j * y


def field(number: int, width_deg: float) -> tuple[Stars, np.ndarray, dict, np.ndarray, np.ndarray]:
    """Stars, sources, the header's WCS, and a grid of pixels with its places in the sky."""
    random = np.random.default_rng([11, number])
    scale = width_deg * 3600 / SHAPE[1]
    dec = float(random.uniform(-60, 60))
    true = tan(150.0, dec, SHAPE, scale, random.uniform(0, 360), bool(number % 2))
    radius = width_deg * 0.75 + 0.5
    area = np.prod(SHAPE) * (scale / 3600) ** 2
    mine = stars(number, 150.0, dec, radius, 1.2 * SOURCES / area, 12.0)
    x, y = WCS(Header(true)).all_world2pix(mine.ra, mine.dec, 1)
    lens = random.bit_generator.state
    at = distorted(x + 1j * y, random)
    inside = (at.real > 1) & (at.real < SHAPE[1]) & (at.imag > 1) & (at.imag < SHAPE[0])
    seen = at[inside & (random.random(at.size) > 0.15)]
    seen = seen + random.normal(0, NOISE_PX, (seen.size, 2)) @ np.array([1, 1j])
    gx, gy = (
        each.ravel() for each in np.meshgrid(np.linspace(1, 3000, 13), np.linspace(1, 2000, 9))
    )
    random.bit_generator.state = lens
    grid = distorted(gx + 1j * gy, random)
    places = np.array(sky_of(true)(gx, gy))
    east, north = np.random.default_rng([12, number]).uniform(-850, 850, 2)
    off = sky.shifted(150.0, dec, east, north)
    off_scale = scale * np.random.default_rng([13, number]).uniform(0.95, 1.05)
    header = tan(float(off[0]), float(off[1]), SHAPE, off_scale)
    return mine, seen, header, grid, places


def run(width_deg: float, count: int, folder: Path, *, other_sky: bool = False) -> None:
    """Register fields of a width and print how far off they are."""
    registered, rms, worst, seconds = 0, [], [], []
    for number in range(count):
        mine, seen, header, grid, places = field(number, width_deg)
        sources = Table({"ERRAWIN_IMAGE": np.full(seen.size, 0.1, "f4")})
        scale = 3600 * float(np.hypot(header["CD1_1"], header["CD2_1"]))
        plate = Plate(
            *("field", SHAPE, scale, 1.0, 2457800.5, "lens", {}, sources, seen, header),
            *(cone_of(header, SHAPE), 2.0, 0, (), False),
        )
        if other_sky:
            centre = plate.cone
            mine = stars(
                9000 + number, centre.ra_deg, centre.dec_deg, centre.radius_deg + 1, 20, 12
            )
        path = folder / "stars.csv"
        Table({"ra_deg": mine.ra, "dec_deg": mine.dec, "Vmag": mine.mag}).write(
            path, overwrite=True
        )
        table = read_stars(path, "stars")
        cone = covering([plate.cone], MARGIN_DEG)
        chart = Chart(table.where(cone.contains(table.ra_deg, table.dec_deg), "inside"), cone)
        solver = Solver(Settings())
        start = time.perf_counter()
        solver.seed([plate], chart, MARGIN_DEG)
        solver.settle([plate], chart)
        solver.polish()
        seconds.append(time.perf_counter() - start)
        for solved in solver.solved.values():
            registered += 1
            apart = sky.separation_deg(*sky_of(solved.wcs)(grid.real, grid.imag), *places)
            rms.append(float(np.sqrt(np.mean(apart**2))) * 3600 / scale)
            worst.append(float(apart.max()) * 3600 / scale)
    name = "another sky" if other_sky else f"{width_deg:g} deg"
    errors = (
        f"; rms over a frame: median {np.median(rms):.3f} px, largest {max(rms):.3f} px; "
        f"in the corners: median {np.median(worst):.2f} px, largest {max(worst):.2f} px"
        if rms
        else ""
    )
    print(f"{name}: {registered} of {count} registered{errors}; median {np.median(seconds):.1f} s")


def main() -> None:
    """Print the scores."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        for width_deg in (5.0, 7.0, 10.0):
            run(width_deg, count, Path(folder))
        run(7.0, count, Path(folder), other_sky=True)


if __name__ == "__main__":
    main()
