"""Targets measured by the whole chain, against a simulated sky of known truth.

Run from the clone with ``python benchmarks/targets.py``; ``-quick`` takes two telescopes,
``-seed N`` another sky, ``-dump FILE`` writes every point as ECSV. Ten telescopes, each with a
sidereal and a non-sidereal night, and eight asteroids per night of signal-to-noise ratios 5 to
200 and rates 0 to 5 arcsec/min. On a non-sidereal night the telescope follows six of them, which
move alike; the other two happen to be in the field and are found with -asteroids. The rows of
``passages.py`` follow. One line per goal: what, goal, measured, and whether it is reached.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from benchmarks import passages
from benchmarks.accuracy import Row, print_table, pull_row, rms, surroundings
from photpipe.ground import sky
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from photpipe.science.starimage import StarImage
from pp_calibrate import CalibrateOptions, calibrate
from pp_distill import DistillOptions, distill
from pp_photometry import PhotometryOptions, photometry
from pp_prepare import PrepareOptions, prepare
from pp_register import RegisterOptions, register
from simsky import Camera, Mover, SkyServer, camera, night, observe, read_truth, sky_for
from tests.unit.test_whereabouts import tally

BoolArray = NDArray[np.bool_]

TELESCOPES = (
    "VATT4K",
    "DCTLMI",
    "CTIO09",
    "GMOSN",
    "LOWELL31",
    "NOTALFOSC",
    "ZTFMOSAIC",
    "UH88SNIFS",
    "LCOSINFA15",
    "MMTCAM",
)
SHAPE = (640, 640)
START_JD = 2457786.9
EXPTIME_S, READOUT_S = 60.0, 20.0
SNR = (5.0, 7.0, 10.0, 20.0, 40.0, 80.0, 120.0, 200.0)
FASTEST_ARCSEC_MIN = 5.0
SIGMA3_ARCSEC = (0.3, 0.3, 0.3, 6.0)  # of the ephemerides per axis, in turn
NUMBERS = ("mag", "sig", "snr", "trailing_mag", "contamination_mag", "aperture_radius_px")
NUMBERS += ("seeing_arcsec", "fwhm_arcsec", "instrumental_sig")
CHANCE = (6, 7)  # asteroids that move otherwise on non-sidereal nights


@dataclass(frozen=True, slots=True)
class Night:
    """What is simulated and reduced in one go."""

    camera: Camera
    seed: int
    follows: bool
    frames: int

    @property
    def centre(self) -> tuple[float, float]:
        """RA and Dec of the field."""
        return 150.0 + 3.0 * (self.seed % 30), 12.0 - self.seed % 30


def asteroids(plan: Night) -> list[Mover]:
    """Asteroids on one night; the first is the one that is followed."""
    rng = np.random.default_rng([plan.seed, plan.follows, 5])
    reach = 0.42 * min(SHAPE) * plan.camera.scale_arcsec[0]
    middle_jd = START_JD + plan.frames * (EXPTIME_S + READOUT_S) / 2 / 86400
    rates = rng.permutation(np.linspace(0.0, FASTEST_ARCSEC_MIN, len(SNR)))
    angles = rng.uniform(0, 2 * np.pi, len(SNR))
    if plan.follows:
        alike = [number not in CHANCE for number in range(len(SNR))]
        rates[alike], angles[alike] = (plan.seed % 10 + 1) / 10 * FASTEST_ARCSEC_MIN, angles[0]
    movers: list[Mover] = []
    places = spread(rng, reach, len(SNR))
    for number, (snr, rate, angle) in enumerate(zip(SNR, rates, angles, strict=True)):
        place = sky.shifted(*plan.centre, *places[number])
        sigma3 = SIGMA3_ARCSEC[number % len(SIGMA3_ARCSEC)]
        if number in CHANCE:
            sigma3 = 0.1  # -asteroids takes accurate orbits alone
        error = rng.normal(0.0, sigma3 / 3, 2)
        movers.append(
            Mover(
                f"Test{number}",
                float(place[0]),
                float(place[1]),
                epoch_jd=middle_jd,
                number=100001 + number,
                rate_ra_arcsec_min=rate * np.cos(angle),
                rate_dec_arcsec_min=rate * np.sin(angle),
                v_mag=magnitude_of(plan.camera, snr),
                ephemeris_error_arcsec=(float(error[0]), float(error[1])),
                sigma3_arcsec=sigma3,
            )
        )
    return movers


def spread(rng: np.random.Generator, reach: float, count: int) -> NDArray[np.float64]:
    """Places (arcsec from the middle) at which several asteroids do not meet each other."""
    for _ in range(1000):
        places = rng.uniform(-reach, reach, (count, 2))
        apart = np.linalg.norm(places - places[:, None], axis=2) + 2 * reach * np.eye(count)
        if apart.min() > 0.4 * reach:
            break
    return np.asarray(places)


def magnitude_of(cam: Camera, snr: float) -> float:
    """V of an asteroid that one exposure in 2 arcsec seeing measures to about this precision."""
    pixel_arcsec2 = cam.scale_arcsec[0] * cam.scale_arcsec[1]
    seeing_arcsec = max(2.0, 1.3 * cam.scale_arcsec[0])
    pixels = np.pi * (0.9 * seeing_arcsec) ** 2 / pixel_arcsec2
    sky_e = EXPTIME_S * 10 ** (0.4 * (cam.zeropoint_e - 20.5)) * pixel_arcsec2
    noise2 = pixels * (sky_e + cam.read_noise_e**2)
    counts = snr**2 / 2 + np.sqrt(snr**4 / 4 + snr**2 * noise2)
    return float(cam.zeropoint_e - 2.5 * np.log10(counts / 0.75 / EXPTIME_S) + 0.3)


def points(plan: Night, folder: Path) -> Iterator[tuple[Mover, TargetPoint | None, Table]]:
    """Run the chain; each target on each frame with its point (or none) and the truth."""
    movers = asteroids(plan)
    followed = movers[0]
    rate = (followed.rate_ra_arcsec_min, followed.rate_dec_arcsec_min)
    field = sky_for(plan.camera, plan.seed, *plan.centre, stars_per_frame=100)
    field = field.with_movers(*movers)
    exposures = night(
        plan.camera,
        *plan.centre,
        count=plan.frames,
        start_jd=START_JD,
        seed=plan.seed,
        exptime_s=EXPTIME_S,
        readout_s=READOUT_S,
        object_name=str(followed.number),
        cloud_mag=0.3,
        tracking_arcsec_min=rate if plan.follows else (0.0, 0.0),
    )
    paths = observe(field, plan.camera, exposures, folder, seed=plan.seed)
    truths = {path.name: read_truth(path) for path in paths}
    with SkyServer(field) as server:
        settings = replace(Settings(), services=server.service_settings())
        workspace = Workspace(folder, settings, quiet=True)
        prepare(paths, PrepareOptions(), workspace)
        for each in register(paths, RegisterOptions(), workspace).failed:
            print(f"{plan.camera.keyword}: not registered: {each.frame}: {each.reason}")
            del truths[each.frame]  # a matter of registration, not of targets
        photometry(paths, PhotometryOptions(), workspace)
        calibrate(paths, CalibrateOptions(), workspace)
        for number, mover in enumerate(movers):
            # one target is not told where the telescope went; by chance in the field is
            chance = plan.follows and number in CHANCE
            name = str((followed if chance else mover).number)
            distill(paths, DistillOptions(target=name, asteroids=chance), workspace)
            file = folder / photometry_file.file_name(str(mover.number))
            rows = photometry_file.read(file)[1] if file.exists() else []
            found = {row.frame: row for row in rows}
            for frame, truth in truths.items():
                here = truth[truth["name"] == mover.label]
                if len(here):
                    here["light_of_others"] = light_of_others(here, truth)
                    yield mover, found.get(frame), here


def light_of_others(target: Table, truth: Table) -> float:
    """Counts of all other sources in an aperture of 0.8 FWHM, by the truth."""
    meta = truth.meta
    image = StarImage(meta["fwhm_px"], meta["moffat_beta"])
    dx, dy = truth["x"] - target["x"][0], truth["y"] - target["y"][0]
    near = (np.hypot(dx, dy) < 30.0) & (truth["ident"] != target["ident"][0])
    others = truth[near]
    trails = np.transpose([others["vx_px_s"], others["vy_px_s"]]) * meta["exptime_s"]
    radius = 0.8 * meta["fwhm_px"]
    parts = [
        image.light(float(x), float(y), radius, (float(trail[0]), float(trail[1])))[0]
        for x, y, trail in zip(dx[near], dy[near], trails, strict=True)
    ]
    return float(np.sum(np.array(parts) * others["flux_adu"]))


def collected(telescopes: Sequence[str], frames: int, seed: int) -> Table:
    """All points of the campaign with what they should be."""
    rows = []
    for number, name in enumerate(telescopes):
        for follows in (False, True):
            plan = Night(camera(name, shape=SHAPE), 1000 * seed + number, follows, frames)
            with surroundings() as folder:
                for mover, point, truth in points(plan, folder / "night"):
                    rows.append(row_of(plan, mover, point, truth))
    return Table(rows=rows)


def row_of(plan: Night, mover: Mover, point: TargetPoint | None, truth: Table) -> dict[str, object]:
    """One target on one frame."""
    ny, nx = SHAPE
    x, y = float(truth["x"][0]), float(truth["y"][0])
    edge = min(x - 0.5, nx + 0.5 - x, y - 0.5, ny + 0.5 - y)
    row: dict[str, object] = {
        "telescope": plan.camera.keyword,
        "seed": plan.seed,
        "follows": plan.follows,
        "target": mover.number,
        "rate": float(np.hypot(mover.rate_ra_arcsec_min, mover.rate_dec_arcsec_min)),
        "sigma3": mover.sigma3_arcsec,
        "edge_px": edge,
        "true_mag": float(truth["mag"][0]),
        "others": float(truth["light_of_others"][0] / truth["flux_adu"][0]),
        "method": point.method if point else "",
    }
    for name in NUMBERS:
        row[name] = getattr(point, name) if point else np.nan
    for name in ("contamination", "rejected", "frame"):
        row[name] = getattr(point, name) if point else ""
    row["flags"] = point.flags if point else 0
    row["apart_arcsec"] = np.nan
    if point:
        place = point.source_ra_deg, point.source_dec_deg, truth["ra_deg"][0], truth["dec_deg"][0]
        row["apart_arcsec"] = float(sky.separation_deg(*place)) * sky.ARCSEC_PER_DEG
    row["scale"] = plan.camera.scale_arcsec[0]
    return row


def judged(table: Table) -> list[Row]:
    """The goals."""
    whole = table[table["edge_px"] > np.nan_to_num(table["aperture_radius_px"], nan=12.0) + 2.0]
    wrong = wrong_source(whole)
    unflagged = wrong & (whole["contamination"] == "") & (whole["rejected"] == "")
    measured = (whole["method"] != "") & ~(wrong & ~unflagged)
    none = (whole["method"] != "") & ~np.isfinite(whole["mag"])
    clean = whole[(whole["contamination"] == "") & (whole["rejected"] == "") & ~wrong]
    residual = clean["mag"] - clean["true_mag"]
    pull = np.asarray(residual / clean["sig"])
    rows = [
        Row(
            "targets in the field with a row of their own",
            "100 %",
            f"{np.sum(measured & ~none)} of {len(whole)}; "
            + " ".join(f"{np.sum(whole['method'] == m)} {m}" for m in set(whole["method"])),
            bool(np.all(measured & ~none)),
        ),
        Row("wrong source without a flag", "0", f"{np.sum(unflagged)}", not unflagged.any()),
    ]
    for label, which in (
        ("sidereal", ~clean["follows"]),
        ("following", clean["follows"]),
    ):
        bright = np.asarray(which & (clean["snr"] > 50) & (clean["method"] == "detected"))
        middle = float(np.median(residual[bright]))
        rows.append(
            Row(
                f"residual of targets of S/N > 50, {label}, median",
                "<= 0.005 mag",
                f"{middle:+.4f} mag ({np.sum(bright)} points, "
                f"median size {np.median(np.abs(residual[bright])):.4f})",
                abs(middle) <= 0.005,
            )
        )
    for method in ("detected", "forced"):
        which = np.asarray(clean["method"] == method)
        rows.append(pull_row(f"pull of {method} points ({which.sum()}), rms", [rms(pull[which])]))
    return rows


def wrong_source(table: Table) -> BoolArray:
    """Detections too far from the truth to be the target."""
    centroid = 0.6 * table["seeing_arcsec"] / np.maximum(table["snr"], 3.0)
    reach = np.maximum(4 * centroid, np.maximum(0.5, 0.5 * table["scale"])) + 0.02 * table["rate"]
    return np.asarray((table["method"] == "detected") & (table["apart_arcsec"] > reach))


def off_ephemeris(seeds: int) -> list[Row]:
    """Targets 3 to 30 arcsec off an ephemeris that seems certain, on tables of sources."""
    count, right, wrong = tally(seeds)
    words = f"{right} of {count} found, {wrong} wrong sources"
    return [
        Row(
            "ephemeris off by 3-30 arcsec",
            ">= 95 %, 0",
            words,
            right >= 0.95 * count and wrong == 0,
        )
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-quick", action="store_true", help="two telescopes")
    parser.add_argument("-seed", type=int, default=1)
    parser.add_argument("-frames", type=int, default=5)
    parser.add_argument("-dump", type=Path, help="ECSV file of all points")
    parser.add_argument("-lost", type=int, default=150, help="targets off their ephemeris")
    parser.add_argument("-passages", type=int, default=3, help="nights of targets that pass stars")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    table = collected(TELESCOPES[:2] if words.quick else TELESCOPES, words.frames, words.seed)
    if words.dump:
        table.write(words.dump, format="ascii.ecsv", overwrite=True)
    beside = passages.judged(passages.collected(passages.plans(words.passages, words.seed)))
    return 0 if print_table([*judged(table), *off_ephemeris(words.lost), *beside]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
