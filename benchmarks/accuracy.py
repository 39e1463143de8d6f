"""Accuracy of registration, photometry and calibration against simulated skies of known truth.

Run from the clone with ``python benchmarks/accuracy.py``; ``-quick`` takes few telescopes,
``-plots DIR`` draws residuals against magnitude and the pulls. It prints one line per goal:
what, goal, measured, and whether it is reached.

Relative rows compare the frames of a night with each other: what light curves need.

A zeropoint calibrates aperture magnitudes: its truth is the zeropoint of the total light plus what
the aperture loses, the light in the local background included. The latter is measured on twins of
the frames: the same exposures of a field of a hundred bright stars that stand alone.
"""

import argparse
import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import KDTree

from benchmarks.accuracy_registration import registration_rows
from photpipe.catalogs.database import read_database
from photpipe.catalogs.ldac import read_ldac
from photpipe.run.results import CalibrateResult, PhotometryResult
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_calibrate import CalibrateOptions, calibrate
from pp_photometry import PhotometryOptions, photometry
from simsky import (
    Camera,
    Exposure,
    Sky,
    SkyServer,
    camera,
    night,
    observe,
    read_truth,
    sky_for,
)
from simsky.night import default_r_range
from simsky.psf import encircled_fraction
from tests.prepared import make_prepared

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PIXEL_FWHM2 = 8 * np.log(2) / 12  # of a pixel, added to the square of a profile's FWHM
TELESCOPES = (
    "VATT4K",
    "DCTLMI",
    "LOWELL31",
    "LOWELL42",
    "CTIO10",
    "WIYN09HDI",
    "TNGDOLORES",
    "LCOSINFA15",
    "NOTALFOSC",
    "INTWFC",
)
BRIGHTNESS_BINS = 6
LIGHT_SNR = ((10, 14), (14, 20), (20, 50))  # of fainter ones only those that noise helps are seen
TWIN_STARS = 120
TWIN_SEPARATION_PX = 50.0
FEWEST_EPOCHS = 4  # of a star, or frames of a night, to be compared with each other


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    goal: str
    measured: str
    reached: bool


@dataclass(slots=True)
class Sample:
    """What the campaign collected."""

    zeropoint_residual: list[float] = field(default_factory=list)
    zeropoint_error: list[float] = field(default_factory=list)
    zeropoint_stars: list[int] = field(default_factory=list)
    relative: list[FloatArray] = field(default_factory=list)
    relative_pull: list[FloatArray] = field(default_factory=list)
    star_relative_pull: list[FloatArray] = field(default_factory=list)
    star_relative_brightness: list[FloatArray] = field(default_factory=list)
    star_residual: list[FloatArray] = field(default_factory=list)
    star_error: list[FloatArray] = field(default_factory=list)
    star_brightness: list[FloatArray] = field(default_factory=list)
    true_snr: list[FloatArray] = field(default_factory=list)
    light: list[FloatArray] = field(default_factory=list)
    correction_residual: list[float] = field(default_factory=list)
    correction_error: list[float] = field(default_factory=list)
    instrumental: int = 0
    frames: int = 0


@contextlib.contextmanager
def surroundings() -> Iterator[Path]:
    """A folder and a cache that vanish afterwards."""
    with tempfile.TemporaryDirectory(prefix="pp_accuracy_") as folder:
        before = os.environ.get("PHOTPIPE_CACHE")
        os.environ["PHOTPIPE_CACHE"] = str(Path(folder) / "cache")
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["PHOTPIPE_CACHE"]
            else:
                os.environ["PHOTPIPE_CACHE"] = before


def reduced(
    sky: Sky, paths: Sequence[Path], **options: object
) -> tuple[PhotometryResult, CalibrateResult]:
    """Photometry and calibration of frames with a perfect registration."""
    with SkyServer(sky) as server:
        settings = replace(Settings(), services=server.service_settings())
        workspace = Workspace(paths[0].parent, settings, quiet=True)
        measured = photometry(paths, PhotometryOptions(background_only=True), workspace)
        return measured, calibrate(paths, CalibrateOptions(**options), workspace)  # type: ignore[arg-type]


def true_fraction(radius_px: float, meta: dict[str, float]) -> float:
    """Fraction of a star's light inside an aperture."""
    fwhm_px = float(np.hypot(meta["fwhm_px"], np.sqrt(PIXEL_FWHM2)))
    return float(encircled_fraction(radius_px, fwhm_px, meta["moffat_beta"]))


def aperture_zeropoints(
    cam: Camera, plan: Sequence[Exposure], radius_px: float, folder: Path, seed: int
) -> dict[str, float]:
    """True zeropoints of aperture magnitudes, by the names of the frames."""
    brightest, _ = default_r_range(cam)
    sky = sky_for(
        cam,
        seed,
        plan[0].ra_deg,
        plan[0].dec_deg,
        stars_per_frame=TWIN_STARS,
        r_range=(brightest + 1.2, brightest + 2.7),  # none saturates in the best seeing
        min_separation_arcsec=TWIN_SEPARATION_PX * max(cam.scale_arcsec),
        galaxy_fraction=0.0,
        variable_fraction=0.0,
    )
    paths = make_prepared(observe(sky, cam, plan, folder, seed=seed), cam)
    photometry(paths, PhotometryOptions(aprad=(radius_px,)), Workspace(folder, quiet=True))
    zeropoints = {}
    for path in paths:
        data, _ = read_ldac(path.with_suffix(".ldac"))
        truth = read_truth(path)
        good, row = constant_stars(data, truth)
        difference = (truth["mag"][row] - data["MAG_APER"])[good]
        weight = np.asarray(data["MAGERR_APER"])[good] ** -2.0
        zeropoints[path.name] = float(np.average(difference, weights=weight))
    return zeropoints


def collect(
    sample: Sample,
    directory: Path,
    measured: PhotometryResult,
    done: CalibrateResult,
    zeropoints: Mapping[str, float],
) -> None:
    """Compare the frames of one night with the truth."""
    corrections = {each.frame: each for each in measured.frames}
    series = _Night()
    sample.frames += len(done.frames)
    for frame in done.frames:
        truth = read_truth(directory / frame.frame)
        if not frame.is_calibrated:
            sample.instrumental += 1
            continue
        correction = 2.5 * np.log10(true_fraction(measured.aperture_radius_px, truth.meta))
        own = corrections[frame.frame]
        sample.correction_residual.append(own.aperture_correction_mag - correction)
        sample.correction_error.append(own.aperture_correction_error_mag)
        facts, data = read_database(directory / frame.database)
        good, row = constant_stars(data, truth)
        collect_stars(sample, frame.band, data, truth["mag"][row], good)
        collect_light(sample, frame.band, data, truth, measured.aperture_radius_px)
        residual = np.asarray(data[f"_{frame.band}mag"] - truth["mag"][row])[good]
        error = np.hypot(data["MAGERR_APER"][good], np.nan_to_num(facts["repeatability_mag"]))
        series.star.append(np.asarray(truth["ident"][row])[good])
        series.residual.append(residual)
        used = np.asarray(data["ref_verdict"])[good] == "used"
        series.error.append(about_zeropoint(error, frame.relative_error_mag, used))
        series.brightness.append(np.asarray(data["MAGERR_APER"])[good])
        sample.zeropoint_residual.append(frame.zeropoint_mag - zeropoints[frame.frame])
        sample.zeropoint_error.append(frame.standard_error_mag)
        sample.zeropoint_stars.append(frame.used)
        series.zeropoint.append(sample.zeropoint_residual[-1])
        series.zeropoint_error.append(frame.relative_error_mag)
    series.collect(sample)


def about_zeropoint(error: FloatArray, of_zeropoint: float, used: BoolArray) -> FloatArray:
    """Errors of stars about a zeropoint, which has the noise of those in it that made it."""
    sign = np.where(used, -1.0, 1.0)
    return np.sqrt(np.maximum(error**2 + sign * of_zeropoint**2, 0.1 * error**2))


@dataclass(slots=True)
class _Night:
    """Residuals of one night, to be compared with their means."""

    zeropoint: list[float] = field(default_factory=list)
    zeropoint_error: list[float] = field(default_factory=list)
    star: list[FloatArray] = field(default_factory=list)
    residual: list[FloatArray] = field(default_factory=list)
    error: list[FloatArray] = field(default_factory=list)
    brightness: list[FloatArray] = field(default_factory=list)

    def collect(self, sample: Sample) -> None:
        """Add zeropoints and stars, about their means, to the sample."""
        zeropoint, error = np.array(self.zeropoint), np.array(self.zeropoint_error)
        if len(zeropoint) < FEWEST_EPOCHS:
            return
        night = np.zeros(len(zeropoint), np.intp)
        away, pull = about_means(night, zeropoint, error)
        sample.relative.append(away)
        sample.relative_pull.append(pull)
        _, star = np.unique(np.concatenate(self.star), return_inverse=True)
        often = np.bincount(star)[star] >= FEWEST_EPOCHS
        _, star = np.unique(star[often], return_inverse=True)
        residual, error = (np.concatenate(each)[often] for each in (self.residual, self.error))
        sample.star_relative_pull.append(about_means(star, residual, error)[1])
        sample.star_relative_brightness.append(np.concatenate(self.brightness)[often])


def about_means(
    group: NDArray[np.intp], value: FloatArray, error: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Values minus the weighted means of their groups, and the pulls of these differences."""
    weight = error**-2.0
    total = np.bincount(group, weight)
    away = value - (np.bincount(group, weight * value) / total)[group]
    return away, away / (error * np.sqrt(1 - weight / total[group]))


def constant_stars(
    data: Table, truth: Table, largest_error: float = 0.1
) -> tuple[BoolArray, NDArray[np.intp]]:
    """Constant, unsaturated, isolated stars of a frame, and their rows in the truth.

    Fainter stars than usual are seen only when noise helps them.
    """
    tree = KDTree(np.column_stack([truth["x"], truth["y"]]))
    places = np.column_stack([data["XWIN_IMAGE"], data["YWIN_IMAGE"]])
    distance, row = tree.query(places)
    crowd = np.array([len(near) for near in tree.query_ball_point(places, 15.0)])
    good = (distance < 1.0) & (truth["kind"][row] == 6) & ~truth["varies"][row] & (crowd == 1)
    good &= ~truth["saturated"][row] & (data["FLAGS"] == 0)
    good &= data["MAGERR_APER"] < largest_error
    return np.asarray(good), row


def collect_stars(
    sample: Sample, band: str, data: Table, true_mag: FloatArray, good: BoolArray
) -> None:
    """Residuals and quoted errors of calibrated stars."""
    sample.star_residual.append(np.asarray(data[f"_{band}mag"] - true_mag)[good])
    sample.star_error.append(np.asarray(data[f"_e_{band}mag"])[good])
    sample.star_brightness.append(np.asarray(data["MAGERR_APER"])[good])


def collect_light(sample: Sample, band: str, data: Table, truth: Table, radius_px: float) -> None:
    """What part of its light a star has after calibration, and its true signal-to-noise."""
    good, row = constant_stars(data, truth, np.inf)
    flux = np.asarray(truth["flux_adu"][row]) * true_fraction(radius_px, truth.meta)
    noise = truth.meta["noise_adu"] * np.sqrt(np.pi) * radius_px
    excess = np.asarray(data[f"_{band}mag"] - truth["mag"][row])
    good &= np.isfinite(excess)
    sample.true_snr.append((flux / np.sqrt(noise**2 + flux / truth.meta["gain"]))[good])
    sample.light.append(10 ** (-0.4 * excess[good]))


def campaign(
    telescopes: Sequence[str], frames: int, *, stars: float, seeds: Sequence[int]
) -> Sample:
    """Nights of several telescopes: seeing 1 to 3 arcsec, clouds up to 1 mag."""
    sample = Sample()
    for seed, (number, name) in product(seeds, enumerate(telescopes)):
        own_seed, place = 100 * seed + number, (150.0 + 7 * number, 10.0 - 3 * number)
        with surroundings() as folder:
            cam = camera(name, shape=(1024, 1024))
            sky = sky_for(cam, own_seed, *place, stars_per_frame=stars)
            plan = night(
                cam,
                *place,
                count=frames,
                start_jd=2457786.9,
                seed=own_seed,
                seeing_arcsec=(1.0, 3.0),
                cloud_mag=1.0,
                filter_name=cam.filter_for(None),
            )
            paths = make_prepared(observe(sky, cam, plan, folder / "night", seed=own_seed), cam)
            results = reduced(sky, paths, cat="PANSTARRS")
            radius_px = results[0].aperture_radius_px
            true = aperture_zeropoints(cam, plan, radius_px, folder / "twin", own_seed)
            collect(sample, folder / "night", *results, true)
    return sample


def rms(values: Sequence[float] | FloatArray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def pulls_by_brightness(pulls: FloatArray, brightness: FloatArray) -> list[float]:
    """Rms pull of stars, in bins of their quoted error, brightest first."""
    parts = np.array_split(pulls[np.argsort(brightness)], BRIGHTNESS_BINS)
    return [clipped_rms(part) for part in parts]


def clipped_rms(pulls: FloatArray) -> float:
    """Rms without the five in a thousand largest: unresolved companions below the truth's limit."""
    return rms(pulls[np.abs(pulls) <= np.quantile(np.abs(pulls), 0.995)])


def zeropoint_row(sample: Sample, label: str, goal_mag: float) -> Row:
    """Zeropoints against the truth."""
    measured = rms(sample.zeropoint_residual)
    count = int(np.median(sample.zeropoint_stars))
    return Row(
        f"zeropoint against truth, rms, {label} (median {count} stars)",
        f"<= {goal_mag:g} mag",
        f"{measured:.4f} mag ({len(sample.zeropoint_residual)} frames)",
        measured <= goal_mag,
    )


def pull_row(what: str, pulls: Sequence[float]) -> Row:
    """Pulls inside their range."""
    return Row(
        what,
        "0.85-1.15",
        " ".join(f"{each:.2f}" for each in pulls),
        all(0.85 <= each <= 1.15 for each in pulls),
    )


def star_pulls(sample: Sample) -> list[float]:
    """Pulls of constant stars against the truth."""
    pulls = np.divide(np.concatenate(sample.star_residual), np.concatenate(sample.star_error))
    return pulls_by_brightness(pulls, np.concatenate(sample.star_brightness))


def relative_rows(sample: Sample, label: str, goal_mag: float) -> list[Row]:
    """Zeropoints and constant stars against their means over the night."""
    measured = rms(np.concatenate(sample.relative))
    stars = pulls_by_brightness(
        np.concatenate(sample.star_relative_pull), np.concatenate(sample.star_relative_brightness)
    )
    return [
        Row(
            f"zeropoints relative to each other, rms, {label} fields",
            f"<= {goal_mag:g} mag",
            f"{measured:.4f} mag",
            measured <= goal_mag,
        ),
        pull_row(
            f"pull of relative zeropoints, rms, {label} fields",
            [rms(np.concatenate(sample.relative_pull))],
        ),
        pull_row(f"pull of constant stars about their means, {label} fields", stars),
    ]


def light_row(sample: Sample, low: float, high: float) -> Row:
    """Part of their light that stars of a true signal-to-noise have."""
    snr, light = np.concatenate(sample.true_snr), np.concatenate(sample.light)
    chosen = (snr >= low) & (snr < high)
    weight, part = snr[chosen] ** 2, light[chosen]
    mean = float(np.average(part, weights=weight))
    error = float(np.sqrt(np.sum((weight * (part - mean)) ** 2)) / weight.sum())
    return Row(
        f"light of isolated stars of S/N {low:g} to {high:g}",
        "0.99-1.01",
        f"{mean:.3f} +- {error:.3f} ({chosen.sum()} measurements)",
        0.99 <= mean <= 1.01,
    )


def offset_row(sample: Sample) -> Row:
    """Median offset of calibrated magnitudes over three magnitudes of brightness."""
    residual, brightness = (
        np.concatenate(each) for each in (sample.star_residual, sample.star_brightness)
    )
    bright = brightness < np.quantile(brightness, 0.6)
    offset = float(np.median(residual[bright]))
    return Row(
        "constant stars after calibration, median offset",
        "<= 0.003 mag",
        f"{offset:+.4f} mag ({bright.sum()} measurements)",
        abs(offset) <= 0.003,
    )


def photometry_rows(plots: Path | None, *, quick: bool) -> list[Row]:
    """Photometry and calibration."""
    telescopes, frames, nights = (TELESCOPES[:2], 6, 1) if quick else (TELESCOPES, 10, 2)
    rich = campaign(telescopes, frames, stars=130, seeds=(1, 3)[:nights])
    poor = campaign(telescopes, frames, stars=35, seeds=(2, 4)[:nights])
    if plots is not None:
        draw(rich, plots)
    zeropoint_pulls = [
        rms(np.divide(each.zeropoint_residual, each.zeropoint_error)) for each in (rich, poor)
    ]
    corrections = rich.correction_residual + poor.correction_residual
    correction = np.divide(corrections, rich.correction_error + poor.correction_error)
    return [
        zeropoint_row(rich, "rich fields", 0.005),
        zeropoint_row(poor, "poor fields", 0.01),
        pull_row("pull of zeropoints, rms (rich, poor)", zeropoint_pulls),
        pull_row("pull of constant stars, rms, brightest to faintest", star_pulls(rich)),
        *relative_rows(rich, "rich", 0.003),
        *relative_rows(poor, "poor", 0.006),
        offset_row(rich),
        *(light_row(rich, *each) for each in LIGHT_SNR),
        Row(
            "aperture correction against truth",
            "pull <= 1.15",
            f"rms {rms(corrections):.4f} mag, pull {rms(correction):.2f}",
            rms(correction) <= 1.15,
        ),
        Row(
            "frames left instrumental",
            "0",
            f"{rich.instrumental + poor.instrumental} of {rich.frames + poor.frames}",
            rich.instrumental + poor.instrumental == 0,
        ),
    ]


def speed_row(frames: int = 50) -> Row:
    """Python's own time in both stages: CPU time of this process, the tools being others."""
    with surroundings() as folder:
        cam: Camera = camera("VATT4K", shape=(1024, 1024))
        sky = sky_for(cam, 5, 179.28, 0.428, stars_per_frame=120)
        plan = night(cam, 179.28, 0.428, count=frames, start_jd=2457786.9, seed=5)
        paths = make_prepared(observe(sky, cam, plan, folder / "night"), cam)
        reduced(sky, paths[:2])  # imports, and the catalog's place in the cache
        before = time.process_time()
        reduced(sky, paths)
        spent_s = time.process_time() - before
    return Row(
        f"Python's own time, pp_photometry + pp_calibrate, {frames} frames",
        "<= 5 s",
        f"{spent_s:.1f} s",
        spent_s <= 5.0,
    )


def draw(sample: Sample, folder: Path) -> None:
    """Residuals against brightness and the distribution of pulls."""
    from matplotlib.figure import Figure

    residual, error, brightness = (
        np.concatenate(each)
        for each in (sample.star_residual, sample.star_error, sample.star_brightness)
    )
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes_of = figure.subplot_mosaic("tt;lr")
    top, left, right = (axes_of[name] for name in "tlr")
    top.semilogx(brightness, residual, ".", ms=1.5, alpha=0.4)
    top.set(
        xlabel="quoted error of the flux (mag)", ylabel="measured - true (mag)", ylim=(-0.3, 0.3)
    )
    top.axhline(0, color="k", lw=0.5)
    grid = np.linspace(-5, 5, 101)
    normal = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    stars, zeropoints = (
        residual / error,
        np.divide(sample.zeropoint_residual, sample.zeropoint_error),
    )
    for axes, pulls, title in ((left, stars, "stars"), (right, zeropoints, "zeropoints")):
        axes.hist(pulls, bins=60, range=(-5, 5), density=True, alpha=0.6)
        axes.plot(grid, normal)
        axes.set(xlabel=f"pull of {title}, rms {rms(pulls):.2f}")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "accuracy.png", dpi=110)


def print_table(rows: Sequence[Row]) -> bool:
    """Print rows of the table; whether all goals are reached."""
    for row in rows:
        verdict = "reached" if row.reached else "MISSED"
        print(f"{row.what:76} {row.goal:16} {row.measured:52} {verdict}", flush=True)
    return all(row.reached for row in rows)


def nights_main(
    about: str | None,
    collected: Callable[[int, int], Table],
    judged: Callable[[Table], Sequence[Row]],
    nights: int,
) -> int:
    """Run a campaign of nights as the command line says; returns 0 if all goals are reached.

    Parameters
    ----------
    collected : callable
        What the nights from a number of nights and the first of them show.
    judged : callable
        The rows of the table.
    nights : int
        How many, if nobody says otherwise.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("-nights", type=int, default=nights)
    parser.add_argument("-first", type=int, default=0)
    parser.add_argument("-dump", type=Path, help="ECSV file of all that was measured")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    table = collected(words.nights, words.first)
    if words.dump:
        table.write(words.dump, format="ascii.ecsv", overwrite=True)
    return 0 if print_table(judged(table)) else 1


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-quick", action="store_true", help="few telescopes and frames")
    parser.add_argument("-only", choices=("photometry", "registration", "speed"))
    parser.add_argument("-plots", type=Path, help="directory for plots")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    parts: dict[str, Callable[[], Sequence[Row]]] = {
        "photometry": lambda: photometry_rows(words.plots, quick=words.quick),
        "registration": lambda: registration_rows(quick=words.quick),
        "speed": lambda: [speed_row()],
    }
    wanted = [words.only] if words.only else parts
    return 0 if all([print_table(parts[name]()) for name in wanted]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
