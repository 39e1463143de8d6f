"""Crowded fields: all stars of frames of up to 3,000 stars per megapixel, against known truth.

Run from the clone with ``python benchmarks/crowded.py``; ``-fields N`` takes more fields of each
density, ``-dump FILE`` writes every star as ECSV. The frames have 1024 x 1024 pixels, seeings from
undersampled to well sampled, 4 % of their stars have a close companion, and stars are 8 % wider in
the corners, where ``-elongation E`` stretches them towards the middle, too; catalogs disagree with
the sky as real ones do. Every field is measured in apertures
and with the PSF. Stars of up to five magnitudes below saturation count; the truth of a star is its
light with that of all stars nearer than 0.45 of the seeing, which no image tells apart.
"""

import argparse
import logging
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.table import Table, vstack
from scipy.spatial import KDTree

from benchmarks.accuracy import Row, print_table, rms, surroundings
from photpipe.catalogs.database import magnitude_columns, read_database
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_calibrate import CalibrateOptions, calibrate
from pp_photometry import PhotometryOptions, photometry
from simsky import Camera, SkyServer, camera, night, observe, read_truth, sky_for
from simsky.psf import moffat_alpha
from tests.prepared import make_prepared

SHAPE = (1024, 1024)
START_JD = 2457786.9
DENSITIES = (100, 300, 600, 1000, 2000, 3000)
GOALS = {2000: 0.05, 3000: 0.06}
SEEING_PX = (1.6, 2.2, 3.0, 4.0)
TELESCOPES = ("LOWELL31", "VATT4K", "LOWELL42", "LCOSINFA15")
RANGE_MAG = 5.0
PAIRS = 0.04
BLUR = 0.08
TOGETHER_FWHM = 0.45
MATCH_FWHM = 0.5
RIM_PX = 12.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A field."""

    density: int
    seed: int
    telescope: str
    seeing_px: float
    elongation: float = 0.0


def plans(
    fields: int, densities: tuple[int, ...], seed: int, elongation: float = 0.0
) -> Iterator[Plan]:
    """Fields of each density, of one seeing after the other."""
    for density in densities:
        for number in range(fields):
            turn = number % len(SEEING_PX)
            name = TELESCOPES[(number // len(SEEING_PX) + turn) % len(TELESCOPES)]
            yield Plan(
                density, 1000 * seed + 10 * density + number, name, SEEING_PX[turn], elongation
            )


def processor_s() -> float:
    """Processor time of this process and of the programs that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def faintest_flux(cam: Camera, meta: dict[str, float]) -> tuple[float, float]:
    """Total counts of a star that just saturates, and of one five magnitudes fainter."""
    alpha = float(moffat_alpha(meta["fwhm_px"], cam.moffat_beta))
    peak = (cam.moffat_beta - 1) / (np.pi * alpha**2)
    brightest = (cam.saturation_adu - meta["sky_adu"]) / peak
    return brightest, brightest * 10 ** (-0.4 * RANGE_MAG)


def true_stars(path: Path, cam: Camera) -> Table:
    """Stars that count, with the light of those that no image tells from them."""
    truth = read_truth(path)
    fwhm = truth.meta["fwhm_px"]
    places = np.column_stack([truth["x"], truth["y"]])
    flux = np.asarray(truth["flux_adu"], float)
    near = KDTree(places).query_ball_point(places, TOGETHER_FWHM * fwhm)
    total = np.array([flux[found].sum() for found in near])
    main = np.array([flux[found].max() == own for found, own in zip(near, flux, strict=True)])
    brightest, faintest = faintest_flux(cam, truth.meta)
    inside = (np.minimum(truth["x"], truth["y"]) > RIM_PX) & (truth["x"] < SHAPE[1] - RIM_PX)
    inside &= truth["y"] < SHAPE[0] - RIM_PX
    counts = main & inside & ~np.asarray(truth["saturated"]) & (flux > faintest)
    counts &= (flux < 0.8 * brightest) & ~np.asarray(truth["varies"])
    stars = Table({"x": truth["x"], "y": truth["y"], "flux": total})[counts]
    stars["mag"] = truth["mag"][counts] - 2.5 * np.log10(total[counts] / flux[counts])
    stars.meta["fwhm_px"] = fwhm
    return stars


def measured(plan: Plan, folder: Path) -> Iterator[Table]:
    """The stars of a field, in apertures and with the PSF."""
    cam = camera(plan.telescope, shape=SHAPE)
    centre = 150.0 + 3.0 * (plan.seed % 30), 12.0 - plan.seed % 30
    stars = plan.density * SHAPE[0] * SHAPE[1] / 1e6
    sky = sky_for(
        cam, plan.seed, *centre, stars_per_frame=stars, blend_fraction=PAIRS, galaxy_fraction=0.01
    )
    seeing = plan.seeing_px * max(cam.scale_arcsec)
    exposures = night(cam, *centre, count=1, start_jd=START_JD, seed=plan.seed)
    exposures = [
        replace(each, seeing_arcsec=seeing, blur=BLUR, elongation=plan.elongation)
        for each in exposures
    ]
    paths = make_prepared(observe(sky, cam, exposures, folder, seed=plan.seed), cam)
    truth = true_stars(paths[0], cam)
    for mode in ("aperture", "psf"):
        with SkyServer(sky) as server:
            settings = replace(Settings(), services=server.service_settings())
            workspace = Workspace(folder, settings, quiet=True)
            before = processor_s()
            options = PhotometryOptions(background_only=True, **{mode: True})
            result = photometry(paths, options, workspace)
            seconds = processor_s() - before
            done = calibrate(paths, CalibrateOptions(), workspace)
        for failure in (*result.failed, *done.failed):
            raise SystemExit(f"{failure.frame}: {failure.reason}")
        known = {
            "density": plan.density,
            "seeing_px": plan.seeing_px,
            "telescope": plan.telescope,
            "seed": plan.seed,
            "mode": mode,
            "seconds": seconds,
            "crowding": result.crowding,
            "with_psf": result.with_psf > 0,
        }
        table = Table(compared(paths[0], truth, done.band, mode))
        for name, value in known.items():
            table[name] = value
        yield table


def compared(path: Path, truth: Table, band: str, mode: str) -> dict[str, object]:
    """Calibrated magnitudes of the stars; NaN where there is no source."""
    _, sources = read_database(path.with_suffix(".ldac.db"))
    names = magnitude_columns(band)
    mag, sig = (np.asarray(sources[name], float) for name in names)
    kind = "PSF" if mode == "psf" and "XPSF_IMAGE" in sources.colnames else "WIN"
    known = np.isfinite(mag)
    places = np.column_stack([sources[f"{axis}{kind}_IMAGE"][known] for axis in "XY"])
    apart, row = KDTree(places).query(np.column_stack([truth["x"], truth["y"]]))
    found = apart < max(1.0, MATCH_FWHM * truth.meta["fwhm_px"])
    return {
        "error": np.where(found, mag[known][row] - truth["mag"], np.nan),
        "sig": np.where(found, sig[known][row], np.nan),
        "flags": np.where(found, np.asarray(sources["FLAGS"])[known][row], 0),
        "mag": np.asarray(truth["mag"]),
    }


def collected(planned: Iterator[Plan]) -> Table:
    """All stars of all fields."""
    tables = []
    for plan in planned:
        with surroundings() as folder:
            for table in measured(plan, folder / "field"):
                tables.append(table)
                print(line(tables[-1]), file=sys.stderr, flush=True)
    return vstack(tables)


def line(table: Table) -> str:
    """A field in a line."""
    first = table[0]
    error = np.asarray(table["error"])
    good = np.isfinite(error)
    pull = error[good] / table["sig"][good]
    return (
        f"{first['density']:5d}/Mpx {first['telescope']:10s} seeing {first['seeing_px']:.1f} px, "
        f"crowding {first['crowding']:.3f}, {first['mode']:8s}: {len(table)} stars, "
        f"{np.mean(~good):.1%} missed, 95 % of errors below "
        f"{np.percentile(np.abs(error[good]), 95):.4f}, bias {np.median(error[good]):+.4f}, "
        f"pull {core(pull):.2f} (rms {rms(np.clip(pull, -5, 5)):.2f}), {first['seconds']:.1f} s"
    )


def core(pull: np.ndarray) -> float:
    """Width of the middle 68 % of pulls."""
    low, high = np.percentile(pull, (15.87, 84.13))
    return float((high - low) / 2)


def judged(table: Table) -> list[Row]:
    """The goals."""
    rows = []
    for density in sorted(set(table["density"])):
        both = []
        for mode in ("aperture", "psf"):
            own = table[(table["density"] == density) & (table["mode"] == mode)]
            both.append(own)
        shown = []
        for own in both:
            error = np.asarray(own["error"])
            good = np.isfinite(error)
            shown.append(float(np.percentile(np.abs(error[good]), 95)))
        own = both[1]
        error = np.asarray(own["error"])
        good = np.isfinite(error)
        pull = error[good] / own["sig"][good]
        crowding = float(np.median(own["crowding"]))
        goal = GOALS.get(int(density))
        rows.append(
            Row(
                f"{density} stars/Mpx ({crowding:.3f} per aperture, {len(own)} stars): 95 % of "
                "errors below",
                f"<= {goal} mag" if goal else "",
                f"{shown[1]:.3f}; in apertures {shown[0]:.3f}; missed {np.mean(~good):.1%}, "
                f"in apertures {np.mean(~np.isfinite(both[0]['error'])):.1%}",
                goal is None or shown[1] <= goal,
            )
        )
        if goal is None:
            continue
        rows.append(
            Row(
                f"{density} stars/Mpx: pulls, width of the middle 68 %",
                "0.85-1.2",
                f"{core(pull):.2f}; beyond 5 sigma {np.mean(np.abs(pull) > 5):.1%}",
                0.85 <= core(pull) <= 1.2,
            )
        )
        seconds = np.unique(own["seconds"])
        rows.append(
            Row(
                f"{density} stars/Mpx: pp_photometry, processor, frame of 1024 x 1024",
                "<= 5 s",
                f"median {np.median(seconds):.1f} s, largest {seconds.max():.1f} s",
                float(np.median(seconds)) <= 5,
            )
        )
    return rows


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-fields", type=int, default=4, help="of each density")
    parser.add_argument("-densities", type=int, nargs="+", default=DENSITIES)
    parser.add_argument("-seed", type=int, default=1)
    parser.add_argument("-elongation", type=float, default=0.0, help="of stars in the corners")
    parser.add_argument("-dump", type=Path, help="ECSV file of all stars")
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    planned = plans(words.fields, tuple(words.densities), words.seed, words.elongation)
    table = collected(planned)
    if words.dump:
        table.write(words.dump, format="ascii.ecsv", overwrite=True)
    return 0 if print_table(judged(table)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
