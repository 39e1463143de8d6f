"""How often frames with four to eight stars are placed, and never wrongly.

Source lists, not pixels: fields of 2.7 arcmin with a rough WCS, some per cent of whose stars are
missing and a few of whose sources are no stars. In a series a neighbour tells rotation and scale,
and the pointing is off by up to 30 arcsec; alone the rotation is off by up to 1.5 degrees, the
scale by 0.7 %. As many fields of another sky, of which none may be placed.

Run: python benchmarks/few_stars.py [number of fields]
"""

import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from photpipe.ground import sky  # noqa: E402
from photpipe.register.plates import Chart, cone_of, covering  # noqa: E402
from photpipe.science import fewstars  # noqa: E402
from tests.unit.plates import Stars, tan  # noqa: E402

SHAPE = (400, 400)
SCALE = 0.4
TOLERANCE_PX = 2.0
REACH_ARCSEC = 120.0
DENSITY_DEG2 = 3000.0
NOISE_PX = 0.3


def field(number: int) -> tuple[Stars, dict[str, float | str], np.ndarray]:
    """Stars around a field, its true WCS, and sources: four to eight stars, up to two others."""
    random = np.random.default_rng([3, number])
    true = tan(150.0, 20.0, SHAPE, SCALE, random.uniform(0, 360), bool(number % 2))
    side = 0.14
    count = int(random.poisson(DENSITY_DEG2 * side**2))
    east, north = random.uniform(-side / 2, side / 2, (2, count)) * 3600
    ra, dec = sky.shifted(150.0, 20.0, east, north)
    wanted = int(random.integers(4, 9))
    x, y = random.uniform(20, 380, (2, wanted))
    at = sky_of(true, x, y)
    everything = Stars(np.append(at[0], ra), np.append(at[1], dec), np.zeros(wanted + count))
    seen = x + 1j * y + random.normal(0, NOISE_PX, (wanted, 2)) @ np.array([1, 1j])
    false = int(random.integers(0, 3)) if wanted > 4 else 0
    spurious = random.uniform(1, 400, (false, 2)) @ np.array([1, 1j])
    return everything, true, np.concatenate([seen, spurious])


def sky_of(wcs: dict[str, float | str], x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sky positions of pixels."""
    from photpipe.science import astrometry

    return astrometry.sky_of(wcs)(x, y)


def chart_of(stars: Stars, true: dict[str, float | str]) -> tuple[Chart, np.ndarray]:
    """Plane of a field and its stars in it."""
    chart = Chart(None, covering([cone_of(true, SHAPE)], 0.05))  # type: ignore[arg-type]
    return chart, chart.plane(stars.ra, stars.dec)


def rough(number: int, slack: fewstars.Slack) -> dict[str, float | str]:
    """The WCS that a frame starts from."""
    random = np.random.default_rng([4, number])
    turn, stretch = 0.0, 1.0
    if slack is fewstars.HEADER:
        turn, stretch = random.uniform(-1.5, 1.5), random.uniform(0.993, 1.007)
    angle = np.random.default_rng([3, number]).uniform(0, 360)
    east, north = random.uniform(-30, 30, 2)
    ra, dec = sky.shifted(150.0, 20.0, east, north)
    mirrored = bool(number % 2)
    return tan(float(ra), float(dec), SHAPE, SCALE * stretch, angle + turn, mirrored)


def run(name: str, count: int, slack: fewstars.Slack, *, other_sky: bool) -> None:
    """Place many fields and print the score."""
    placed, wrong, seconds = 0, 0, []
    for number in range(count):
        stars, true, pixels = field(number)
        if other_sky:
            stars = field(number + count)[0]
        chart, plane = chart_of(stars, true)
        start = chart.map_of(rough(number, slack), SHAPE)
        began = time.perf_counter()
        found = fewstars.align(pixels, plane, start, SHAPE, REACH_ARCSEC, TOLERANCE_PX, slack)
        seconds.append(time.perf_counter() - began)
        if found is None or not found.is_sure:
            continue
        placed += 1
        corners = np.array([1, 400, 1, 400]) + 1j * np.array([1, 1, 400, 400])
        truth = chart.map_of(true, SHAPE)
        off_px = np.abs(found.plate(corners) - truth(corners)).max() / SCALE
        wrong += other_sky or bool(off_px > 5.0)
    print(
        f"{name}: {count} fields, {placed} placed ({100 * placed / count:.1f} %), {wrong} wrong, "
        f"median {np.median(seconds):.3f} s"
    )


def main() -> None:
    """Print the scores."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, slack in (("in a series", fewstars.SERIES), ("alone", fewstars.HEADER)):
        run(f"4 to 8 stars, {name}", count, slack, other_sky=False)
        run(f"another sky, {name}", count, slack, other_sky=True)


if __name__ == "__main__":
    main()
