"""How often, how fast and how truly fields without a pointing are found.

Source lists, not pixels: in a kit of 6 degrees, fields of 12 to 30 arcmin; as many of another
sky, of which none may be accepted; and, where index files of the whole sky are installed (make
install-blind), fields of 1 to 5 degrees anywhere. The scale is known within a factor of three,
rotation and parity are not known.

Run: python benchmarks/blind.py [number of fields]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
USERS = dict(os.environ)  # the tests keep the user's folders out, and with them the index files

from photpipe.catalogs.local import read_stars  # noqa: E402
from photpipe.ground import sky  # noqa: E402
from photpipe.register import blind, kits  # noqa: E402
from photpipe.register.plates import Chart, Plate, cone_of  # noqa: E402
from photpipe.register.solver import Solver  # noqa: E402
from photpipe.run.settings import Settings  # noqa: E402
from photpipe.science.astrometry import sky_of  # noqa: E402
from tests.unit.plates import Stars, View, stars, tan, view  # noqa: E402

os.environ.update(USERS)
for name in os.environ.keys() - USERS.keys():
    del os.environ[name]

SHAPE = (1024, 1024)
KIT = sky.Cone(150.0, 30.0, 6.0)
NOISE_PX = 0.3


@dataclass
class Score:
    """What came out of many fields."""

    name: str
    fields: int = 0
    found: int = 0
    accepted: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        median, worst = np.median(self.seconds), max(self.seconds)
        return (
            f"{self.name}: {self.fields} fields, {self.found} proposed, {self.accepted} accepted "
            f"({100 * self.accepted / self.fields:.1f} %), {self.wrong} wrong, "
            f"median {median:.3f} s, longest {worst:.2f} s"
        )


def plate_of(seen: View, scale: float) -> Plate:
    """Plate of a source list that lies anywhere."""
    sources = Table({"ERRAWIN_IMAGE": np.full(seen.pixels.size, 0.1, "f4")})
    nowhere = tan(0.0, 0.0, SHAPE, scale)
    return Plate(
        *("field", SHAPE, scale, 1.0, 2457800.5, "camera", {}, sources, seen.pixels, nowhere),
        *(cone_of(nowhere, SHAPE), 2.0, 0, (), False, True, 3.0),
    )


def judge(plate: Plate, found: blind.Proposal, chart: Chart) -> dict[str, float | str] | None:
    """WCS that the independent check accepts, without SCAMP's help; else None."""
    solver = Solver(Settings())
    solver.place(replace(plate, scale_arcsec=found.scale_arcsec), found.wcs)
    solver.settle([replace(plate, scale_arcsec=found.scale_arcsec)], chart)
    solved = solver.solved.get(plate.frame)
    return dict(solved.wcs) if solved else None


def run(
    name: str,
    count: int,
    draw: Callable[[int], tuple[View, dict[str, float | str], float]],
    files: Callable[[float], list[Path]],
    chart_of: Callable[[sky.Cone], Chart],
) -> Score:
    """Look for many fields."""
    score, random = Score(name), np.random.default_rng(5)
    for number in range(count):
        seen, true, scale = draw(number)
        low = scale * random.uniform(1 / 3, 1)
        hints = blind.Hints((), (low, 3 * low))
        plate = plate_of(seen, low * np.sqrt(3))
        start = time.perf_counter()
        found = blind.ask(files(scale), plate, hints, blind.TRIED_STARS)
        score.seconds.append(time.perf_counter() - start)
        score.fields += 1
        if found is None:
            continue
        score.found += 1
        wcs = judge(plate, found, chart_of(cone_of(found.wcs, SHAPE)))
        if wcs is not None:
            score.accepted += 1
            score.wrong += off_px(wcs, true, scale) > 2.0
    return score


def off_px(found: dict[str, float | str], true: dict[str, float | str], scale: float) -> float:
    """Largest distance of two solutions over the frame."""
    x, y = (np.array(each, float) for each in ([1, 1024, 1, 1024, 512], [1, 1, 1024, 1024, 512]))
    apart = sky.separation_deg(*sky_of(found)(x, y), *sky_of(true)(x, y))
    return float(apart.max()) * 3600 / scale


def drawn(
    of: Stars, places: Callable[..., tuple[float, float]], sizes_deg: tuple[float, float]
) -> Callable[[int], tuple[View, dict[str, float | str], float]]:
    """Function that draws fields of a list of stars."""

    def draw(number: int) -> tuple[View, dict[str, float | str], float]:
        random = np.random.default_rng([7, number])
        scale = 10 ** random.uniform(*np.log10(sizes_deg)) * 3600 / SHAPE[0]
        angle, mirrored = float(random.uniform(0, 360)), bool(number % 2)
        true = tan(*places(random), SHAPE, scale, angle, mirrored)
        seen = view(number, of, true, noise_px=NOISE_PX, false=10, missed=0.15)
        return seen, true, scale

    return draw


def chart_maker(of: Stars, folder: Path) -> Callable[[sky.Cone], Chart]:
    """Function that cuts a chart out of a list of stars."""
    path = folder / "stars.csv"
    columns = {"ra_deg": of.ra, "dec_deg": of.dec, "Vmag": of.mag}
    Table(columns).write(path, format="ascii.csv", overwrite=True)
    table = read_stars(path, "stars")

    def chart(cone: sky.Cone) -> Chart:
        inside = cone.contains(table.ra_deg, table.dec_deg)
        return Chart(table.where(inside, "inside"), cone)

    return chart


def in_kit(random: np.random.Generator) -> tuple[float, float]:
    """A place within the kit."""
    radius, angle = 5.5 * 3600 * np.sqrt(random.random()), random.uniform(0, 2 * np.pi)
    at = sky.shifted(KIT.ra_deg, KIT.dec_deg, radius * np.cos(angle), radius * np.sin(angle))
    return float(at[0]), float(at[1])


def anywhere(random: np.random.Generator) -> tuple[float, float]:
    """A place on the sky."""
    return float(random.uniform(0, 360)), float(np.degrees(np.arcsin(random.uniform(-1, 1))))


def tycho(path: Path) -> Stars:
    """Stars of an index file of the whole sky."""
    with fits.open(path) as hdus:
        limits = np.frombuffer(hdus[10].data.tobytes(), "<f8")
        units = np.frombuffer(hdus[11].data.tobytes(), "<u4").reshape(-1, 3)
        mag = np.array(hdus[13].data["MAG_VT"], float)
    x, y, z = (limits[:3] + units / limits[6]).T
    order = np.argsort(mag)
    ra, dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))
    return Stars(ra[order], dec[order], mag[order])


def main() -> None:
    """Print the scores."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        mine = stars(1, *in_kit_centre(), 6.0, 900.0, 16.5)
        start = time.perf_counter()
        files = kits.write_kit(Path(folder), KIT, mine.ra[:50000], mine.dec[:50000])
        size = sum(path.stat().st_size for path in files) / 1e6
        print(f"kit of 6 deg: {time.perf_counter() - start:.1f} s, {size:.1f} MB")
        charts = chart_maker(mine, Path(folder))
        draw = drawn(mine, in_kit, (0.2, 0.5))
        print(run("in the kit, 12 to 30 arcmin", count, draw, lambda _: files, charts))
        other = drawn(stars(2, *in_kit_centre(), 6.0, 900.0, 16.5), in_kit, (0.2, 0.5))
        score = run("another sky", count, other, lambda _: files, charts)
        score.wrong = score.accepted
        print(score)
        whole = blind.whole_sky_files(0.3, 5.0)
        if not whole:
            print("no index files of the whole sky (make install-blind)")
            return
        sky_stars = tycho(whole[0])
        draw = drawn(sky_stars, anywhere, (1.0, 5.0))
        print(
            run(
                f"whole sky, 1 to 5 deg ({whole[0].name} ...)",
                count,
                draw,
                lambda scale: blind.whole_sky_files(scale * 0.28 / 3, scale * 0.28 * 3),
                chart_maker(sky_stars, Path(folder)),
            )
        )


def in_kit_centre() -> tuple[float, float]:
    """Middle of the kit."""
    return KIT.ra_deg, KIT.dec_deg


if __name__ == "__main__":
    main()
