"""Stacks of simulated nights, against the truth: stars, targets, and the depth that is won.

Run from the clone with ``python benchmarks/stacks.py``; ``-nights N`` takes more nights of each
kind. Clear nights, and nights with clouds of a magnitude and changing seeing, of nine frames; an
asteroid of 3.6 arcsec/min. Another one is too faint for any of 25 single frames. One line per
goal: what, goal, measured, and whether it is reached.
"""

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.accuracy import Row, print_table, surroundings
from photpipe.distill.points import FORCED_SIGMA
from photpipe.instruments.frames import Frame
from photpipe.run import photometry_file
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace
from pp_photometry import PhotometryOptions, photometry
from pp_stackedphotometry import StackedPhotometryOptions, stacked_photometry
from simsky import SkyServer
from tests.stages.stacks import Night
from tests.stages.test_stackedphotometry import star_residuals

KINDS: dict[str, dict[str, Any]] = {
    "clear": {},
    "cloudy": {"cloud_mag": 1.0, "seeing_arcsec": (1.4, 2.4)},
}
FAINT_MAG, FAINT_COUNT = 22.6, 25


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one night came to.

    Parameters
    ----------
    stars_mag, target_mag : float
        Measured minus true: median of the stars in the sky stack, target in the comoving one.
    target_sig : float
        Error of the latter.
    target_snr, best_single_snr : float
        Signal-to-noise ratios of the target on its stack and on the best single frame.
    gain : float
        Noise of an aperture on single frames, in units of that on the sky stack.
    """

    stars_mag: float
    target_mag: float
    target_sig: float
    target_snr: float
    best_single_snr: float
    gain: float


def outcome(night: Night, method: str = "clipped") -> Outcome:
    """Stack a night, calibrate the stack, measure the target."""
    with SkyServer(night.sky) as server:
        settings = replace(Settings(), services=server.service_settings())
        workspace = Workspace(night.directory, settings, quiet=True)
        if not all(path.with_suffix(".ldac").exists() for path in night.paths):
            photometry(night.paths, PhotometryOptions(background_only=True), workspace)
        options = StackedPhotometryOptions(comoving=True, method=method)
        stacked_photometry(night.paths, options, workspace)
    _, (point,) = photometry_file.read(night.directory / "photometry_3552.ecsv")
    rows = [truth[truth["kind"] == 1][0] for truth in night.truths]
    noise, light = single_frames(night)
    flux = np.array([row["flux_adu"] for row in rows])
    stack = Frame.read(night.directory / "skycoadd" / "skycoadd.fits").header
    return Outcome(
        float(np.median(star_residuals(night))),
        point.mag - float(np.mean([row["mag"] for row in rows])),
        point.sig,
        point.snr,
        float((flux * light * 10 ** (0.4 * point.trailing_mag) / noise).max()),
        float(noise.mean() / stack["APNOISE"]),
    )


def single_frames(night: Night) -> tuple[np.ndarray, np.ndarray]:
    """Noise of the stack's aperture on single frames, and the part of the light inside."""
    aperture = Frame.read(night.directory / "skycoadd" / "skycoadd.fits").header["APRAD"]
    folder = night.directory / "singles"
    folder.mkdir()
    copies = [Path(shutil.copy(path, folder)) for path in night.paths]
    workspace = Workspace(folder, Settings().with_offline(), quiet=True)
    options = PhotometryOptions(aprad=(float(aperture),), background_only=True)
    photometry(copies, options, workspace)
    headers = [Frame.read(path).header for path in copies]
    noise = np.array([float(each["APNOISE"]) for each in headers])
    return noise, 10 ** (0.4 * np.array([float(each["APCORR"]) for each in headers]))


def collected(kind: str, nights: int, **night: Any) -> list[Outcome]:
    """Outcomes of several nights."""
    found = []
    for seed in range(nights):
        with surroundings() as folder:
            made = Night(folder / "night", seed=20 + seed, **KINDS[kind], **night)
            found.append(outcome(made))
    return found


def flux_rows(kind: str, found: Sequence[Outcome]) -> list[Row]:
    """How well the light of stars and target is kept."""
    stars = np.array([each.stars_mag for each in found])
    target = np.array([each.target_mag for each in found])
    allowed = 0.01 + 2 * np.array([each.target_sig for each in found])
    return [
        Row(
            f"stars in the sky stack, {kind} nights, median residual",
            "<= 0.01 mag",
            " ".join(f"{each:+.4f}" for each in stars),
            bool((np.abs(stars) <= 0.01).all()),
        ),
        Row(
            f"target in the comoving stack, {kind} nights, residual",
            "<= 0.01 mag + 2 sigma",
            " ".join(f"{each:+.4f}" for each in target) + f" (median {np.median(target):+.4f})",
            bool((np.abs(target) <= allowed).all() and abs(np.median(target)) <= 0.01),
        ),
    ]


def faint_rows(found: Sequence[Outcome]) -> list[Row]:
    """What stacking wins."""
    gains = np.array([each.gain for each in found]) / np.sqrt(FAINT_COUNT)
    single = max(each.best_single_snr for each in found)
    measured = all(
        each.target_snr > 3 and abs(each.target_mag) < 3 * each.target_sig for each in found
    )
    return [
        Row(
            f"depth won by {FAINT_COUNT} frames, in units of the root of their number, median",
            "0.90-1.10",
            " ".join(f"{each:.3f}" for each in gains),
            bool(abs(np.median(gains) - 1) <= 0.10),
        ),
        Row(
            f"target of S/N < {single:.1f} on single frames, on the stack",
            "S/N > 3, right",
            " ".join(f"{e.target_mag:+.2f} at S/N {e.target_snr:.1f}" for e in found),
            measured and single < FORCED_SIGMA,
        ),
    ]


def main() -> int:
    """Run the campaign; returns 0 if all goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-nights", type=int, default=3)
    nights = parser.parse_args().nights
    logging.disable(logging.WARNING)
    rows = [row for kind in KINDS for row in flux_rows(kind, collected(kind, nights))]
    faint = collected("clear", nights, count=FAINT_COUNT, v_mag=FAINT_MAG)
    return 0 if print_table([*rows, *faint_rows(faint)]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
