"""Comas of comets against a simulated sky of known truth: A(theta)f rho, alone and among stars.

Run from the clone with ``python benchmarks/comets.py``; ``-nights N`` takes more of them. Each has
four frames with a comet of 1/rho coma, of 50 to 2000 cm, in a field of few stars or of many. The
registration is perfect.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table

from benchmarks.accuracy import Row, nights_main, reduced, surroundings
from photpipe.run import comet_file
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_distill import DistillOptions, distill
from simsky import Mover, SkyServer, camera, night, observe, sky_for
from tests.prepared import make_prepared

TELESCOPES = ("VATT4K", "LOWELL31", "CTIO10", "NOTALFOSC")
SHAPE = (700, 700)
START_JD = 2457786.9
FRAMES = 4
AFRHO_CM = (50.0, 2000.0)
FEW, MANY = 60, 400


def rows_of(name: str, seed: int, folder: Path, *, stars: int) -> Iterator[dict[str, object]]:
    """All apertures of a night with what they should be."""
    rng = np.random.default_rng([seed, 13])
    cam = camera(name, shape=SHAPE)
    centre = 150.0 + 3.0 * (seed % 30), 12.0 - seed % 30
    dust = float(np.exp(rng.uniform(*np.log(AFRHO_CM))))
    comet = Mover(
        "Simulated",
        *centre,
        epoch_jd=START_JD + 0.003,
        designation="2017 B3",
        kind="comet",
        rate_ra_arcsec_min=0.7,
        rate_dec_arcsec_min=-0.3,
        v_mag=20.5,
        r_au=float(rng.uniform(1.2, 2.0)),
        delta_au=float(rng.uniform(0.5, 1.4)),
        phase_deg=float(rng.uniform(5, 60)),
        afrho_cm=dust,
    )
    field = sky_for(cam, seed, *centre, stars_per_frame=stars).with_movers(comet)
    exposures = night(
        cam,
        *centre,
        count=FRAMES,
        start_jd=START_JD,
        seed=seed,
        seeing_arcsec=(1.6, 2.4),
        object_name=comet.label,
        filter_name=None,
    )
    paths = make_prepared(observe(field, cam, exposures, folder, seed=seed), cam)
    reduced(field, paths)
    with SkyServer(field) as server:
        settings = replace(Settings(), services=server.service_settings())
        workspace = Workspace(folder, settings, quiet=True)
        distill(paths, DistillOptions(target=comet.label, comet=True), workspace)
    for point in comet_file.read(folder, comet.label):
        yield {
            "telescope": name,
            "seed": seed,
            "many": stars == MANY,
            "true": dust,
            "ratio": point.afrho_cm / dust,
            "error": point.afrho_sig / dust,
            "radius_km": point.radius_km,
            "radius_arcsec": point.radius_arcsec,
            "filled": point.filled,
            "growth": point.growth,
            "problem": point.problem,
        }


def collected(nights: int, first: int) -> Table:
    """All apertures of the campaign."""
    rows = []
    for number in range(first, first + nights):
        with surroundings() as folder:
            name = TELESCOPES[(number // 2) % len(TELESCOPES)]
            stars = MANY if number % 2 else FEW
            rows += list(rows_of(name, 5000 + number, folder / "night", stars=stars))
    return Table(rows=rows)


def judged(table: Table) -> list[Row]:
    """The goals."""
    rows = []
    for words, goal, many in (("few stars", 0.03, False), ("many stars", 0.05, True)):
        own = table[(np.asarray(table["many"]) == many) & (np.asarray(table["problem"]) == "")]
        if not len(own):
            continue
        nights = [own[own["seed"] == seed] for seed in np.unique(own["seed"])]
        # of each night the mean of an aperture; errors of single frames are noise
        off = np.array(
            [
                np.median(each["ratio"][each["radius_km"] == radius]) - 1.0
                for each in nights
                for radius in np.unique(each["radius_km"])
            ]
        )
        part = float(np.mean(np.abs(off) <= goal))
        rows.append(
            Row(
                f"A(theta)f rho of a night, {words} ({len(off)} apertures)",
                f"within {goal:.0%}",
                f"median {np.median(np.abs(off)):.1%}, largest {np.abs(off).max():.1%}; "
                f"{part:.0%} within",
                bool(np.abs(off).max() <= goal),
            )
        )
        rows.append(
            Row(
                f"growth of the coma, {words}",
                "1.00 +- 0.03",
                f"{np.median(own['growth']):.3f}",
                bool(abs(np.median(own["growth"]) - 1) < 0.03),
            )
        )
    return rows


if __name__ == "__main__":
    raise SystemExit(nights_main(__doc__, collected, judged, nights=8))
