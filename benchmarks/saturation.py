"""Whether saturated stars and targets are all flagged, through ``pp_run``.

Run from the clone with ``python benchmarks/saturation.py``. Converters of 12, 14 and 16 bits and a
well that is full at 41,000 counts, each with a card SATURATE that is right, too high, too low, or
missing: three frames each, of stars of up to 2.5 magnitudes above saturation and of ten slow
asteroids around it. What is clipped is seen in the pixels as they were written; a star is saturated
if a pixel within half a seeing of its place is, as its own peak is then no longer known.
``-dump FILE`` writes every star and target as ECSV.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.io import fits
from astropy.table import Table

import pp_run
from benchmarks.accuracy import Row, print_table, surroundings
from photpipe.catalogs.database import read_database
from photpipe.catalogs.ldac import read_ldac
from photpipe.ground import sky
from photpipe.run import photometry_file
from photpipe.science.flags import SourceFlag
from simsky import Camera, Mover, SkyServer, camera, night, observe, read_truth, sky_for
from simsky.night import default_r_range

TELESCOPE = "VATT4K"
SHAPE = (700, 700)
START_JD = 2457786.9
FRAMES, STARS, TARGETS = 3, 110, 10
BRIGHTER_MAG, FAINTER_MAG = 2.5, 3.2  # than saturation: the brightest and the faintest stars
LEVELS = {"12 bits": 4095.0, "14 bits": 16383.0, "16 bits": 65535.0, "full well": 41000.0}
CARDS = {"equal": 1.0, "above": 1.15, "below": 0.85, "none": None}
FULL_WELL_E = 80000.0  # whatever the converter makes of it
RATE_ARCSEC_MIN = 0.5
MOVER = 1  # kind of an asteroid in the truth
STAR, ASTEROID, CALIBRATOR, CONTROL = "star", "asteroid", "calibrator", "control star"


@dataclass(frozen=True, slots=True)
class Plan:
    """Levels of what is simulated and reduced in one go."""

    level: str
    card: str
    seed: int

    @property
    def camera(self) -> Camera:
        """The camera of these levels."""
        top = LEVELS[self.level]
        return replace(camera(TELESCOPE, shape=SHAPE), saturation_adu=top, gain=FULL_WELL_E / top)

    @property
    def card_value(self) -> float | None:
        """Value of the card SATURATE; None: it is missing."""
        factor = CARDS[self.card]
        return None if factor is None else factor * LEVELS[self.level]


def asteroids(plan: Plan, centre: tuple[float, float]) -> list[Mover]:
    """Slow asteroids from a magnitude below saturation to a magnitude above."""
    from benchmarks.targets import spread

    cam = plan.camera
    rng = np.random.default_rng([plan.seed, 3])
    just, _ = default_r_range(cam)
    movers = []
    for number, place in enumerate(spread(rng, 0.4 * min(SHAPE) * cam.scale_arcsec[0], TARGETS)):
        ra, dec = sky.shifted(*centre, *place)
        angle = rng.uniform(0, 2 * np.pi)
        movers.append(
            Mover(
                f"Bright{number}",
                float(ra),
                float(dec),
                epoch_jd=START_JD + FRAMES * 40 / 86400,
                number=100001 + number,
                rate_ra_arcsec_min=RATE_ARCSEC_MIN * np.cos(angle),
                rate_dec_arcsec_min=RATE_ARCSEC_MIN * np.sin(angle),
                v_mag=float(just + np.linspace(-1, 1, TARGETS)[number] + 0.35),
                sigma3_arcsec=0.1,
            )
        )
    return movers


def reduced(plan: Plan, folder: Path) -> list[Path]:
    """Simulate and run the pipeline as a user does."""
    cam = plan.camera
    centre = 150.0 + 3.0 * (plan.seed % 30), 12.0 - plan.seed % 30
    just, _ = default_r_range(cam)
    r_range = just - BRIGHTER_MAG, just + FAINTER_MAG
    field = sky_for(cam, plan.seed, *centre, stars_per_frame=STARS, r_range=r_range)
    field = field.with_movers(*asteroids(plan, centre))
    exposures = night(
        cam,
        *centre,
        count=FRAMES,
        start_jd=START_JD,
        seed=plan.seed,
        seeing_arcsec=(1.4, 2.4),
        object_name="100001",
        cards={"SATURATE": plan.card_value},
    )
    paths = observe(field, cam, exposures, folder, seed=plan.seed)
    with SkyServer(field) as server:
        server.write_settings(folder)
        config = folder.parent / "config"
        server.let_directories_lead(config)
        os.environ["XDG_CONFIG_HOME"] = str(config)
        words = ["-quiet", "-asteroids", "-jobs", "1", *map(str, paths)]
        if pp_run.main(words) != 0:
            print(f"{plan}: pp_run failed")
    return paths


def clipped_near(truth: Table, pixels: np.ndarray, top: float) -> np.ndarray:
    """Clipped pixels within half a seeing of each source."""
    rows, columns = np.nonzero(pixels >= top)
    reach = max(0.5 * truth.meta["fwhm_px"], 1.0)
    apart = np.hypot(truth["x"][:, None] - 1 - columns, truth["y"][:, None] - 1 - rows)
    return np.asarray((apart <= reach).sum(axis=1))


def matched(truth: Table, sources: Table) -> Iterator[tuple[int, int]]:
    """Rows of stars in the truth and in a catalog of the frame."""
    x, y = (np.asarray(sources[name], float) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    for number in np.flatnonzero(truth["kind"] != MOVER):
        apart = np.hypot(x - truth["x"][number], y - truth["y"][number])
        if apart.size and apart.min() <= 0.5 * truth.meta["fwhm_px"]:
            yield int(number), int(np.argmin(apart))


def rows_of(plan: Plan, folder: Path) -> Iterator[dict[str, object]]:
    """Saturated and unsaturated stars and targets, and what became of them."""
    for path in reduced(plan, folder):
        truth = read_truth(path)
        pixels = np.asarray(fits.getdata(path), float)
        clipped = clipped_near(truth, pixels, LEVELS[plan.level])
        sources, _ = read_ldac(path.with_suffix(".ldac"))
        _, kept = read_database(path.with_suffix(".ldac.db"))
        used = kept[np.asarray(kept["ref_verdict"]).astype(str) == "used"]
        common = {"level": plan.level, "card": plan.card, "frame": path.name}
        for kind, table in ((STAR, sources), (CALIBRATOR, used)):
            for number, found in matched(truth, table):
                flags = int(table["FLAGS"][found])
                yield common | {
                    "kind": kind,
                    "name": str(truth["ident"][number]),
                    "mag": float(truth["mag"][number]),
                    "clipped": int(clipped[number]),
                    "flagged": bool(flags & SourceFlag.SATURATED),
                }
        for file in sorted(folder.glob("photometry_*.ecsv")):
            name, points = photometry_file.read(file)
            for point in points:
                if point.frame != path.name:
                    continue
                far = sky.separation_deg(
                    truth["ra_deg"], truth["dec_deg"], point.source_ra_deg, point.source_dec_deg
                )
                nearest = int(np.argmin(far))
                is_control = name == "Control Star"
                yield common | {
                    "kind": CONTROL if is_control else ASTEROID,
                    "name": name,
                    "mag": float(truth["mag"][nearest]),
                    "clipped": int(clipped[nearest]),
                    "flagged": bool(point.flags & SourceFlag.SATURATED) or not point.is_good,
                }


def judged(table: Table) -> list[Row]:
    """The goals."""
    saturated, flagged = table["clipped"] > 0, np.asarray(table["flagged"], bool)
    rows = []
    for kind in (STAR, ASTEROID, CALIBRATOR, CONTROL):
        own = table["kind"] == kind
        missed = own & saturated & ~flagged
        where = sorted({f"{each['level']}, {each['card']}" for each in table[missed]})
        rows.append(
            Row(
                f"{kind}: saturated, not flagged (of {(own & saturated).sum()} saturated, "
                f"{own.sum()} in all)",
                "0",
                f"{missed.sum()}{' (' + '; '.join(where) + ')' if where else ''}",
                not missed.any(),
            )
        )
    # a card that is too low flags more, as it ought to
    free = (table["kind"] == STAR) & ~saturated & (table["card"] != "below")
    faint = free & (table["mag"] > np.median(table["mag"][free]))
    share = float(np.mean(flagged[faint]))
    rows.append(
        Row(
            f"the fainter half of the stars without a clipped pixel ({faint.sum()}): flagged",
            "<= 2 %",
            f"{share:.1%}",
            share <= 0.02,
        )
    )
    return rows


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-seed", type=int, default=1)
    parser.add_argument("-dump", type=Path, help="ECSV file of all stars and targets")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    rows: list[dict[str, object]] = []
    plans = [Plan(level, card, 0) for level in LEVELS for card in CARDS]
    for number, plan in enumerate(plans):
        with surroundings() as folder:
            rows += rows_of(replace(plan, seed=100 * words.seed + number), folder / "night")
    table = Table(rows=rows)
    if words.dump:
        table.write(words.dump, format="ascii.ecsv", overwrite=True)
    return 0 if print_table(judged(table)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
