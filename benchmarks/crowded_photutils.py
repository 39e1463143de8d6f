"""Crowded fields measured with photutils, too: what another program reaches on the same frames.

Run from the clone with ``python benchmarks/crowded_photutils.py`` where photutils is installed;
``-fields N`` takes more fields of each density. The fields are those of `benchmarks.crowded`.
photutils (IterativePSFPhotometry) gets an effective PSF of the brightest stars that stand alone
(EPSFBuilder), the seeing as the simulation has it, and sources by DAOStarFinder at five sigma, in
two passes. Both programs are compared with the truth after their median difference from it, so
that no catalog and no zeropoint matters.
"""

import argparse
import logging
import math
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table
from scipy.spatial import KDTree

from benchmarks.accuracy import surroundings
from benchmarks.crowded import MATCH_FWHM, SHAPE, Plan, measured, plans, processor_s, true_stars
from simsky import camera

DENSITIES = (1000, 2000, 3000)
PSF_STARS, ALONE_FWHM, STAMP_FWHM = 60, 4.0, 6.0
SNR, GROUP_FWHM, FIT_FWHM = 5.0, 1.0, 2.0


def odd(size: float) -> int:
    """The next odd number of pixels."""
    return 2 * math.ceil(size / 2) + 1


def by_photutils(path: Path, fwhm_px: float, saturation: float) -> Table:
    """Places (pixels from 0) and fluxes of all sources, with what it cost in the meta data."""
    from photutils.background import Background2D, MedianBackground
    from photutils.detection import DAOStarFinder
    from photutils.psf import EPSFBuilder, IterativePSFPhotometry, SourceGrouper, extract_stars

    before = processor_s()
    image = fits.getdata(path).astype(float)
    sky = Background2D(image, 64, filter_size=3, bkg_estimator=MedianBackground())
    light = image - sky.background
    finder = DAOStarFinder(SNR * sky.background_rms_median, fwhm_px)
    found = finder(light)
    places = np.column_stack([found["x_centroid"], found["y_centroid"]])
    peaks = np.asarray(found["peak"]) + sky.background_median
    apart = KDTree(places).query(places, k=2)[0][:, 1]
    rim = STAMP_FWHM * fwhm_px
    inside = (places > rim).all(axis=1) & (places < np.array(SHAPE[::-1]) - rim).all(axis=1)
    good = np.flatnonzero(inside & (apart > ALONE_FWHM * fwhm_px) & (peaks < 0.8 * saturation))
    chosen = good[np.argsort(-peaks[good])][:PSF_STARS]
    stars = extract_stars(
        NDData(light),
        Table({"x": places[chosen, 0], "y": places[chosen, 1]}),
        size=odd(STAMP_FWHM * fwhm_px),
    )
    model, _ = EPSFBuilder(oversampling=2, maxiters=8, progress_bar=False)(stars)
    photometry = IterativePSFPhotometry(
        model,
        odd(FIT_FWHM * fwhm_px),
        finder,
        grouper=SourceGrouper(GROUP_FWHM * fwhm_px),
        aperture_radius=fwhm_px,
        maxiters=2,
    )
    fitted = photometry(light, error=np.full(SHAPE, sky.background_rms_median))
    table = Table({name: np.asarray(fitted[f"{name}_fit"]) for name in ("x", "y", "flux")})
    table.meta["seconds"] = processor_s() - before
    return table[np.isfinite(table["flux"]) & (table["flux"] > 0)]


def errors_of(sources: Table, truth: Table) -> np.ndarray:
    """Magnitude minus truth, without the median; NaN where there is no source."""
    places = np.column_stack([sources["x"] + 1.0, sources["y"] + 1.0])
    apart, row = KDTree(places).query(np.column_stack([truth["x"], truth["y"]]))
    mag = -2.5 * np.log10(np.asarray(sources["flux"])[row])
    error = np.where(
        apart < max(1.0, MATCH_FWHM * truth.meta["fwhm_px"]), mag - truth["mag"], np.nan
    )
    return np.asarray(error - np.nanmedian(error))


def compared(plan: Plan) -> Iterator[tuple[str, np.ndarray, float]]:
    """Program, errors and seconds of processor on a field."""
    with surroundings() as folder:
        own = list(measured(plan, folder / "field"))[1]
        error = np.asarray(own["error"])
        yield "ours", error - np.nanmedian(error), float(own["seconds"][0])
        (path,) = (folder / "field").glob("*.fits")
        cam = camera(plan.telescope, shape=SHAPE)
        truth = true_stars(path, cam)
        sources = by_photutils(path, truth.meta["fwhm_px"], cam.saturation_adu)
        yield "photutils", errors_of(sources, truth), sources.meta["seconds"]


def main() -> None:
    """Print a line for each density and program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-fields", type=int, default=4, help="of each density")
    parser.add_argument("-densities", type=int, nargs="+", default=DENSITIES)
    parser.add_argument("-seed", type=int, default=1)
    words = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for density in words.densities:
        rows: dict[str, list[tuple[np.ndarray, float]]] = {}
        for plan in plans(words.fields, (density,), words.seed):
            for program, error, seconds in compared(plan):
                rows.setdefault(program, []).append((error, seconds))
        for program, found in rows.items():
            error = np.concatenate([each for each, _ in found])
            good = np.isfinite(error)
            print(
                f"{density:5d} stars/Mpx, {program:10s}: 95 % of errors below "
                f"{np.percentile(np.abs(error[good]), 95):.3f} mag, {np.mean(~good):.1%} missed, "
                f"{np.median([each for _, each in found]):.1f} s of processor a frame",
                flush=True,
            )


if __name__ == "__main__":
    main()
