"""Both ends of the scale: stars near saturation on uneven frames, and what is hardly seen.

Run from the clone with ``python benchmarks/ends.py``; ``-nights N`` takes more of them, ``-dump
FILE`` writes every point as ECSV. On each night ten slow targets of S/N 4 to 10 stand among faint
stars; 1 % of the light is lost in the corners, where stars are 4 % wider. Targets are measured at
their true positions, and what is fainter than its limit counts with its flux: nothing is chosen by
its noise. The registration is perfect.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table, vstack
from scipy.spatial import KDTree

from benchmarks.accuracy import Row, print_table, reduced, rms, surroundings
from photpipe.catalogs.database import read_database
from photpipe.ground import sky
from photpipe.run import photometry_file
from photpipe.run.photometry_file import LIMIT, TargetPoint
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_distill import DistillOptions, distill
from simsky import Camera, Mover, SkyServer, camera, night, observe, read_truth, sky_for
from simsky.night import default_r_range
from tests.prepared import make_prepared

TELESCOPES = ("VATT4K", "LOWELL31", "CTIO10", "NOTALFOSC")
SHAPE = (700, 700)
START_JD = 2457786.9
FRAMES = 8
TARGETS = 10
STARS = 200
DEEPER_MAG = 1.0  # stars beyond the limit, which make the sky uneven
VIGNETTING, BLUR = 0.01, 0.04
SLOWEST, FASTEST = 0.02, 0.5  # arcsec/min
LIMIT_SIGMA = 5.0
BRIGHT_SNR = 150.0
HIDDEN_LIGHT = 0.05  # of others in the aperture of a target, by the truth
FAINT = ((4.0, 6.0), (6.0, 10.0))


def targets(cam: Camera, seed: int, centre: tuple[float, float]) -> list[Mover]:
    """Slow targets all over the frame."""
    from benchmarks.targets import magnitude_of, spread

    rng = np.random.default_rng([seed, 11])
    places = spread(rng, 0.42 * min(SHAPE) * min(cam.scale_arcsec), TARGETS)
    movers = []
    for number, (place, snr) in enumerate(zip(places, np.linspace(4, 11, TARGETS), strict=True)):
        ra, dec = sky.shifted(*centre, *place)
        rate, angle = rng.uniform(SLOWEST, FASTEST), rng.uniform(0, 2 * np.pi)
        movers.append(
            Mover(
                f"Faint{number}",
                float(ra),
                float(dec),
                epoch_jd=START_JD + FRAMES * 80 / 2 / 86400,
                number=100001 + number,
                rate_ra_arcsec_min=rate * np.cos(angle),
                rate_dec_arcsec_min=rate * np.sin(angle),
                v_mag=magnitude_of(cam, float(snr)),
            )
        )
    return movers


def one_night(name: str, seed: int, blur: float, folder: Path) -> tuple[Table, Table]:
    """Stars and points of targets of a night, with what they should be."""
    cam = camera(name, shape=SHAPE)
    centre = 150.0 + 3.0 * (seed % 30), 12.0 - seed % 30
    low, high = default_r_range(cam)
    field = sky_for(
        cam,
        seed,
        *centre,
        stars_per_frame=STARS,
        r_range=(low, high + DEEPER_MAG),
        galaxy_fraction=0.0,
        variable_fraction=0.0,
    )
    movers = targets(cam, seed, centre)
    field = field.with_movers(*movers)
    exposures = night(
        cam,
        *centre,
        count=FRAMES,
        start_jd=START_JD,
        seed=seed,
        seeing_arcsec=(1.4, 2.4),
        cloud_mag=0.2,
        object_name="field",
    )
    exposures = [replace(each, vignetting=VIGNETTING, blur=blur) for each in exposures]
    paths = make_prepared(observe(field, cam, exposures, folder, seed=seed), cam)
    _, done = reduced(field, paths, cat="PANSTARRS")
    truths = {path.name: read_truth(path) for path in paths}
    stars = [
        row
        for frame in done.frames
        if frame.is_calibrated
        for row in stars_of(truths[frame.frame], folder / frame.database, frame.band)
    ]
    write_positions(folder / "positions.dat", truths, movers)
    with SkyServer(field) as server:
        settings = replace(Settings(), services=server.service_settings())
        workspace = Workspace(folder, settings, quiet=True)
        distill(paths, DistillOptions(positions=str(folder / "positions.dat")), workspace)
    points = [row for mover in movers for row in points_of(mover, truths, folder)]
    stars, points = Table(rows=stars), Table(rows=points)
    for table in (stars, points):
        table["telescope"], table["seed"] = name, seed
    return stars, points


def write_positions(path: Path, truths: dict[str, Table], movers: list[Mover]) -> None:
    """True positions of the targets."""
    lines = ["frame RA Dec JD target"]
    for frame, truth in truths.items():
        for mover in movers:
            for row in truth[truth["name"] == mover.label]:
                place = f"{row['ra_deg']:.8f} {row['dec_deg']:.8f}"
                lines.append(f"{frame} {place} {truth.meta['midtime_jd']:.6f} {mover.name}")
    path.write_text("\n".join(lines) + "\n")


def stars_of(truth: Table, database: Path, band: str) -> Iterator[dict[str, float]]:
    """Constant stars of a frame that stand alone, with the S/N that they should have."""
    facts, data = read_database(database)
    tree = KDTree(np.column_stack([data["XWIN_IMAGE"], data["YWIN_IMAGE"]]))
    every = KDTree(np.column_stack([truth["x"], truth["y"]]))
    radius, noise = float(facts["aperture_radius_px"]), float(facts["sky_noise_adu"])
    level = float(facts["zeropoint_mag"])
    for row in truth[(truth["kind"] == 6) & ~truth["saturated"] & ~truth["varies"]]:
        place = row["x"], row["y"]
        edge = min(*place, SHAPE[1] - place[0], SHAPE[0] - place[1])
        if edge < 3 * radius or len(every.query_ball_point(place, 4 * truth.meta["fwhm_px"])) > 1:
            continue
        apart, found = tree.query(place)
        counts = 10 ** (-0.4 * (row["mag"] - level))
        point = {"true_mag": row["mag"], "true_snr": counts / np.hypot(noise, np.sqrt(counts / 2))}
        if apart > 0.7 * truth.meta["fwhm_px"] or data["FLAGS"][found] > 3:
            yield {**point, "mag": np.nan, "sig": np.nan}
        else:
            mag, sig = data[f"_{band}mag"][found], data[f"_e_{band}mag"][found]
            yield {**point, "mag": float(mag), "sig": float(sig)}


def points_of(mover: Mover, truths: dict[str, Table], folder: Path) -> Iterator[dict[str, object]]:
    """Points of a target; those of limits with the flux that was measured."""
    from benchmarks.targets import light_of_others

    file = folder / photometry_file.file_name(mover.name)
    for point in photometry_file.read(file)[1] if file.exists() else []:
        truth = truths[point.frame]
        here = truth[truth["name"] == mover.label]
        true_mag = float(here["mag"][0])
        ratio, error = flux_ratio(point, true_mag)
        yield {
            "target": mover.name,
            "method": point.method,
            "contamination": point.contamination,
            "rejected": point.rejected,
            "true_mag": true_mag,
            "ratio": ratio,
            "error": error,
            "true_snr": 1.0 / error,
            "others": light_of_others(here, truth) / float(here["flux_adu"][0]),
        }


def flux_ratio(point: TargetPoint, true_mag: float) -> tuple[float, float]:
    """Measured flux and its error in units of the true one."""
    shown = 10 ** (-0.4 * (point.mag - true_mag))
    error = shown / LIMIT_SIGMA if point.method == LIMIT else shown / point.snr
    return point.snr * error, error


def collected(nights: int, seed: int, blur: float) -> tuple[Table, Table]:
    """All stars and points of the campaign."""
    tables = []
    for number in range(nights):
        with surroundings() as folder:
            name = TELESCOPES[number % len(TELESCOPES)]
            tables.append(one_night(name, 1000 * seed + number, blur, folder / "night"))
    return vstack([each[0] for each in tables]), vstack([each[1] for each in tables])


def judged(stars: Table, points: Table) -> list[Row]:
    """The goals."""
    bright = (stars["true_snr"] > BRIGHT_SNR) & np.isfinite(stars["mag"])
    pull = np.asarray((stars["mag"] - stars["true_mag"])[bright] / stars["sig"][bright])
    rows = [
        Row(
            f"stars of S/N > {BRIGHT_SNR:.0f}, 1 % of light lost in the corners, "
            f"stars {BLUR:.0%} wider there ({bright.sum()}): pull rms",
            "0.85-1.2",
            f"{rms(pull):.2f}; median sig {np.median(stars['sig'][bright]):.4f} mag",
            0.85 <= rms(pull) <= 1.2,
        )
    ]
    # a slow target on a star that is too faint for all catalogs and frames cannot be told from it
    alone = (points["contamination"] == "") & (points["others"] < HIDDEN_LIGHT)
    clean = points[alone & np.isfinite(points["ratio"])]
    for low, high in FAINT:
        inside = (stars["true_snr"] > low) & (stars["true_snr"] <= high)
        seen = inside & np.isfinite(stars["mag"])
        ratio = 10 ** (-0.4 * (stars["mag"] - stars["true_mag"])[seen])
        words = f"; {seen.sum() / inside.sum():.0%} detected"
        rows.append(mean_row(f"stars of S/N {low:.0f}-{high:.0f}", np.asarray(ratio), words))
        own = clean[(clean["true_snr"] > low) & (clean["true_snr"] <= high)]
        methods = ", ".join(f"{np.sum(own['method'] == m)} {m}" for m in sorted(set(own["method"])))
        rows.append(
            mean_row(
                f"targets of S/N {low:.0f}-{high:.0f}", np.asarray(own["ratio"]), f"; {methods}"
            )
        )
    pulls = []
    for group in clean.group_by(["seed", "target"]).groups:
        if len(group) < FRAMES:
            continue
        pulls.append(float(np.mean((group["ratio"] - 1) / group["error"])))
    rows.append(
        Row(
            f"faint target, mean pull of a night of {FRAMES} frames, rms over {len(pulls)}",
            "<= 0.45",
            f"{rms(pulls):.2f}; mean {np.mean(pulls):+.2f}",
            rms(pulls) <= 0.45,
        )
    )
    return rows


def mean_row(what: str, ratio: np.ndarray, words: str) -> Row:
    """Mean of the ratio of measured and true flux."""
    mean, error = float(np.mean(ratio)), float(np.std(ratio) / np.sqrt(len(ratio)))
    return Row(
        f"{what}: mean flux / truth ({len(ratio)} points)",
        "0.99-1.01",
        f"{mean:.3f} +- {error:.3f}{words}",
        abs(mean - 1) <= 0.01 + 2 * error and abs(mean - 1) <= 0.03,
    )


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-nights", type=int, default=6)
    parser.add_argument("-seed", type=int, default=1)
    parser.add_argument("-blur", type=float, default=BLUR)
    parser.add_argument("-dump", type=Path, help="ECSV files of all stars and points")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    stars, points = collected(words.nights, words.seed, words.blur)
    if words.dump:
        for name, table in (("stars", stars), ("points", points)):
            path = words.dump.with_name(f"{words.dump.stem}_{name}.ecsv")
            table.write(path, format="ascii.ecsv", overwrite=True)
    return 0 if print_table(judged(stars, points)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
