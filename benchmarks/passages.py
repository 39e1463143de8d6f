"""Moving targets that pass stars, against a simulated sky of known truth.

Run from the clone with ``python benchmarks/passages.py``; ``-nights N`` takes more of them, ``-dump
FILE`` writes every point as ECSV. On each night ten targets pass a star each, at distances from
zero to three seeings in the middle of the night; half of the stars are as bright as their target,
half are three magnitudes brighter. The registration is perfect. With ``-slow`` the targets hardly
move, so that no other frame shows the sky behind them: the PSF of each frame has to do; with
``-positions`` they do so by a file of positions, without an ephemeris. ``-all`` takes the three in
turn. ``-keep DIRECTORY`` keeps the points of each night there and takes up where it was stopped:
``python benchmarks/passages.py -all -nights 36 -keep passages`` is the campaign of the manual.
"""

import argparse
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table, vstack

from benchmarks.accuracy import Row, print_table, reduced, rms, surroundings
from photpipe.distill.target_search import TargetSearch
from photpipe.fits.fitsfile import update_header
from photpipe.ground import sky
from photpipe.run import photometry_file
from photpipe.run.photometry_file import CLEAN, CONTAMINATED
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.science.noise import POGSON
from photpipe.services.reference import fetch_catalog
from pp_distill import DistillOptions, distill
from simsky import Mover, Sky, SkyServer, camera, night, observe, read_truth, sky_for
from tests.prepared import make_prepared

TELESCOPES = ("VATT4K", "LOWELL31", "CTIO10", "NOTALFOSC")
SHAPE = (700, 700)
START_JD = 2457786.9
TARGETS = 10
WAY_FWHM = 14.0  # that a target moves during a night
SLOW_FWHM = 1.0  # with -slow
BRIGHTER_MAG = 3.0
SIGMA3_ARCSEC = 0.1  # of the ephemerides
BEYOND_3_SIGMA = 0.0027  # of values that are normally distributed


@dataclass(frozen=True, slots=True)
class Kind:
    """How targets move during a night, and what tells where they are."""

    name: str
    way_fwhm: float = WAY_FWHM
    by_positions: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated and reduced in one go."""

    seed: int
    frames: int
    seeing_arcsec: tuple[float, float]
    stars: int = 150
    kind: Kind = Kind("fast")


KINDS = (Kind("fast"), Kind("slow", SLOW_FWHM), Kind("positions", SLOW_FWHM, by_positions=True))


def plans(nights: int, seed: int, kinds: Sequence[Kind] = KINDS[:1]) -> Iterator[Plan]:
    """Nights of good, usual and bad seeing, short and long, each of the kinds in turn."""
    for number in range(nights):
        season = number // len(kinds) % 3
        low = (1.0, 1.6, 2.2)[season]
        kind = kinds[number % len(kinds)]
        yield Plan(1000 * seed + number, (6, 10, 16)[season], (low, 1.35 * low), kind=kind)


def passing(plan: Plan, stars: Sky, centre: tuple[float, float], half_arcsec: float) -> list[Mover]:
    """Targets, each on its way past a star."""
    rng = np.random.default_rng([plan.seed, 7])
    minutes = plan.frames * 80.0 / 60.0
    fwhm = float(np.mean(plan.seeing_arcsec))
    table = stars.sources
    east, north = sky.offsets_arcsec(*centre, table["ra_deg"], table["dec_deg"])
    inside = np.maximum(np.abs(east), np.abs(north)) < 0.8 * half_arcsec
    mags = np.asarray(table["R"])
    movers: list[Mover] = []
    taken: list[int] = []
    order = np.argsort(mags[inside])
    rows = np.flatnonzero(inside)[order[len(order) // 20 : len(order) // 2]]
    for row in rng.permutation(rows):
        place = np.array([east[row], north[row]])
        others = [np.hypot(*(place - [east[n], north[n]])) for n in taken]
        if len(taken) == TARGETS or any(apart < 2 * WAY_FWHM * fwhm for apart in others):
            continue
        number = len(taken)
        if number % 2 and mags[row] > np.median(mags[rows]) - 0.7:
            continue  # its target is three magnitudes fainter
        angle, side = rng.uniform(0, 2 * np.pi), rng.uniform(0, 3) * fwhm
        rate = plan.kind.way_fwhm * fwhm / minutes
        brighter = BRIGHTER_MAG if number % 2 else 0.0
        start = place + side * np.array([-np.sin(angle), np.cos(angle)])
        ra, dec = sky.shifted(*centre, *start)
        movers.append(
            Mover(
                f"Pass{number}",
                float(ra),
                float(dec),
                epoch_jd=START_JD + minutes / 2 / 1440.0,
                number=100001 + number,
                rate_ra_arcsec_min=rate * np.cos(angle),
                rate_dec_arcsec_min=rate * np.sin(angle),
                v_mag=float(mags[row]) + brighter + 0.35,
                sigma3_arcsec=SIGMA3_ARCSEC,
            )
        )
        taken.append(int(row))
    return movers


def positions(paths: Sequence[Path], truths: Mapping[str, Table], movers: Sequence[Mover]) -> Path:
    """File of the positions of all targets."""
    lines = ["frame RA Dec JD target"]
    for path in paths:
        truth = truths[path.name]
        for mover in movers:
            for row in truth[truth["name"] == mover.label]:
                place = f"{row['ra_deg']:.8f} {row['dec_deg']:.8f}"
                lines.append(f"{path.name} {place} {truth.meta['midtime_jd']:.6f} {mover.number}")
    file = paths[0].parent / "positions.dat"
    file.write_text("\n".join(lines) + "\n")
    return file


def rows_of(name: str, plan: Plan, folder: Path) -> Iterator[dict[str, object]]:
    """All points of a night with what they should be; and the time it took."""
    from benchmarks.targets import light_of_others

    cam = camera(name, shape=SHAPE)
    centre = 150.0 + 3.0 * (plan.seed % 30), 12.0 - plan.seed % 30
    field = sky_for(cam, plan.seed, *centre, stars_per_frame=plan.stars)
    movers = passing(plan, field, centre, 0.5 * min(SHAPE) * min(cam.scale_arcsec))
    field = field.with_movers(*movers)
    exposures = night(
        cam,
        *centre,
        count=plan.frames,
        start_jd=START_JD,
        seed=plan.seed,
        seeing_arcsec=plan.seeing_arcsec,
        cloud_mag=0.2,
        object_name="field",
    )
    exposures = [replace(each, vignetting=0.01) for each in exposures]
    paths = make_prepared(observe(field, cam, exposures, folder, seed=plan.seed), cam)
    for path in paths:
        update_header(path, {"REGCAT": "GAIA"})
    reduced(field, paths)
    truths = {path.name: read_truth(path) for path in paths}
    with SkyServer(field) as server:
        workspace = Workspace(
            folder, replace(Settings(), services=server.service_settings()), quiet=True
        )
        fov = sky.Cone(*centre, min(SHAPE) * max(cam.scale_arcsec) / sky.ARCSEC_PER_DEG)
        fetch_catalog("GAIA", fov, workspace.settings)  # as pp_register did
        before = time.process_time()
        options = DistillOptions(asteroids=True)
        if plan.kind.by_positions:
            options = DistillOptions(positions=str(positions(paths, truths, movers)))
        # faint targets, lost beside bright stars, are measured, too
        with patch.object(TargetSearch, "_depth_mag", return_value=math.inf):
            distill(paths, options, workspace)
        seconds = time.process_time() - before
    for number, mover in enumerate(movers):
        for point in photometry_file.read(folder / photometry_file.file_name(str(mover.number)))[1]:
            truth = truths[point.frame]
            here = truth[truth["name"] == mover.label]
            apart = np.hypot(truth["x"] - here["x"][0], truth["y"] - here["y"][0])
            apart[truth["ident"] == here["ident"][0]] = np.inf
            flux = np.where(apart < 6 * truth.meta["fwhm_px"], truth["flux_adu"], 0.0)
            nearest = int(np.argmax(flux / (1.0 + apart**2)))
            yield {
                "telescope": name,
                "seed": plan.seed,
                "target": mover.name,
                "brighter": bool(number % 2),
                "frame": point.frame,
                "apart_fwhm": float(apart[nearest] / truth.meta["fwhm_px"]),
                "ratio": float(flux[nearest] / here["flux_adu"][0]),
                "others": light_of_others(here, truth) / float(here["flux_adu"][0]),
                "true_mag": float(here["mag"][0]),
                "seconds": seconds,
                "frames": plan.frames,
                **{
                    each: getattr(point, each)
                    for each in (
                        *("mag", "sig", "method", "rejected", "snr", "plain_mag", "subtraction"),
                        *("subtraction_sig", "contamination", "contamination_mag"),
                        *("fwhm_arcsec", "seeing_arcsec"),
                    )
                },
            }


def collected(planned: Iterable[Plan], keep: Path | None = None) -> Table:
    """All points of the campaign; nights whose points are kept already are not repeated."""
    nights = []
    for number, plan in enumerate(planned):
        file = keep / f"{plan.kind.name}{plan.seed}.ecsv" if keep else None
        if file is not None and file.exists():
            nights.append(Table.read(file, format="ascii.ecsv", fill_values=[]))
            continue
        with surroundings() as folder:
            telescope = TELESCOPES[number % len(TELESCOPES)]
            nights.append(Table(rows=list(rows_of(telescope, plan, folder / "night"))))
        if file is not None:
            file.parent.mkdir(exist_ok=True)
            nights[-1].write(file, format="ascii.ecsv")
    return vstack(nights)


def judged(table: Table) -> list[Row]:
    """The goals."""
    error = np.asarray(table["mag"] - table["true_mag"])
    pull = error / table["sig"]
    used = np.asarray(table["rejected"] == "") & (table["method"] != "limit")
    beside = np.asarray(table["apart_fwhm"] < 3)
    ratio = np.maximum(table["ratio"], 1e-9)
    equal = beside & ~table["brighter"] & (np.abs(np.log10(ratio)) < 0.3)
    clean = np.asarray(table["method"] == CLEAN)
    bright = beside & table["brighter"] & (table["apart_fwhm"] > 1.5) & (table["ratio"] > 8)
    freed = clean | ((np.abs(table["contamination_mag"]) < 0.02) & used)
    kept_out = np.array([str(each).startswith(CONTAMINATED) for each in table["rejected"]])
    seen = equal & used
    bias = float(np.median(error[seen]))
    # noise is even in light, not in magnitudes: of S/N 3, twice the light is within 3 sigma
    light = 10 ** (-0.4 * error)
    apart = np.abs(light - 1.0) / (light * np.asarray(table["sig"]) / POGSON)
    wrong = bright & used & (np.abs(error) > 0.05) & (apart > 3)
    effect = np.abs(2.5 * np.log10(1 + np.asarray(table["others"], float))) > 0.02
    off = np.abs(error) > 0.02 + 2 * table["sig"]
    unmarked = effect & off & used & ~clean & (table["contamination"] == "")
    per_frame = np.unique(
        np.column_stack([table["seed"], table["seconds"], table["frames"]]), axis=0
    )
    seconds = float(np.max(30.0 * per_frame[:, 1] / per_frame[:, 2]))
    return [
        Row(
            f"passing an equal star at 0-3 seeings, bias ({seen.sum()} points)",
            "<= 0.02 mag",
            f"{bias:+.4f}",
            abs(bias) <= 0.02,
        ),
        Row(
            "the same, pull rms",
            "0.85-1.15",
            f"{rms(pull[seen]):.2f}",
            0.85 <= rms(pull[seen]) <= 1.15,
        ),
        Row(
            "the same, points clean, or changed by less than 0.02 mag",
            ">= 95 %",
            f"{np.mean(freed[equal]):.1%}; kept out {np.mean(kept_out[equal]):.1%}",
            float(np.mean(freed[equal])) >= 0.95,
        ),
        Row(
            f"star 3 mag brighter, outside 1.5 seeings ({bright.sum()} points): neither "
            "within 0.05 mag (3 sigma) nor marked",
            "0",
            f"{wrong.sum()} (chance gives {BEYOND_3_SIGMA * (bright & used).sum():.1f}); "
            f"clean {np.mean(clean[bright]):.1%}",
            not wrong.any(),
        ),
        Row(
            f"contaminated by > 0.02 mag, unmarked, off by 2 sigma more (of {len(table)} points, "
            f"{effect.sum()} are contaminated)",
            "0",
            f"{unmarked.sum()}",
            not unmarked.any(),
        ),
        Row(
            "pp_distill, processor, 30 frames, ten targets",
            "<= 30 s",
            f"{seconds:.1f} s",
            seconds <= 30,
        ),
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-nights", type=int, default=3)
    parser.add_argument("-seed", type=int, default=1)
    parser.add_argument("-slow", action="store_true", help="targets that hardly move")
    parser.add_argument("-positions", action="store_true", help="these, by a file of positions")
    parser.add_argument("-all", action="store_true", help="the three in turn")
    parser.add_argument("-keep", type=Path, help="directory of the points of each night")
    parser.add_argument("-dump", type=Path, help="ECSV file of all points")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    kinds = [each for each in KINDS if words.all or getattr(words, each.name, False)]
    table = collected(plans(words.nights, words.seed, kinds or KINDS[:1]), words.keep)
    if words.dump:
        table.write(words.dump, format="ascii.ecsv", overwrite=True)
    return 0 if print_table(judged(table)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
