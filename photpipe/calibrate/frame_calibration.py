"""Frames with their calibration: what the fits of a field, or the user, say about each."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photpipe.calibrate.reference_stars import GOOD, Match, Sources
from photpipe.calibrate.series import FrameSeries, colours
from photpipe.fits.values import as_number, card_value
from photpipe.run.results import CalibratedFrame, FieldCalibration, ZeropointStep

if TYPE_CHECKING:
    from photpipe.catalogs.table import SourceTable
    from photpipe.science.zeropoint import ZeropointFit

FloatArray = NDArray[np.float64]

INSTRUMENTAL = "instrumental"
MANUAL = "manual_zp"
STEPS_KEPT = 100  # a page draws no more
CLOUD_MAG = 0.3  # a compromise: less is calibrated away like an airmass, more is worth a word

NO_FIELD = FieldCalibration(
    catalog="",
    history=(),
    attempts=(),
    frames=0,
    repeatability_mag=math.nan,
    variable_stars=(),
    colour="",
    colour_reference=math.nan,
    colour_term=math.nan,
    colour_term_error=math.nan,
    sky_term=math.nan,
    sky_term_error=math.nan,
    spatial=(),
)


@dataclass(frozen=True, slots=True)
class ReferenceStars:
    """Reference stars found on a frame; arrays of shape (n,).

    `bands` are the two of `colour`; empty if the catalog has none.
    """

    stars: "SourceTable"
    star: NDArray[np.intp]
    source: NDArray[np.intp]
    separation_arcsec: FloatArray
    residual_mag: FloatArray
    bands: tuple[str, ...]
    colour: FloatArray
    verdict: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class CalibratedSources:
    """Sources of a frame with their calibration, ready to be written.

    `corrections` (shape (n sources,)) are what the terms of the field add to the magnitudes;
    `reference` is None where no catalog was used.
    """

    sources: Sources
    calibrated: CalibratedFrame
    field: FieldCalibration
    corrections: FloatArray
    reference: ReferenceStars | None

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.sources.name


def with_catalog(
    series: FrameSeries, field: FieldCalibration, band: str, zeropoint_sigma: str
) -> list[CalibratedSources]:
    """The frames of a field with their zeropoints; those with too few stars without.

    Parameters
    ----------
    series : FrameSeries
        Frames and fits.
    field : FieldCalibration
        What they have in common.
    band : str
        Band of the frames.
    zeropoint_sigma : str
        Sense of the error to quote: "standard", or "scatter" of one star.
    """
    clear = [
        fit.zeropoint_mag - _exposure_mag(match.sources)
        for match, fit in zip(series.matches, series.fits, strict=True)
        if fit is not None
    ]
    typical = float(np.median(clear)) if clear else math.nan
    result = []
    for match, fit in zip(series.matches, series.fits, strict=True):
        verdict = series.verdicts(match, fit)
        calibrated = _matched(series, match, verdict, band)
        if fit is None:
            note = f"{calibrated.usable} usable of {calibrated.matched} matched stars, too few"
            calibrated = replace(calibrated, note=note)
        else:
            deficit = typical + _exposure_mag(match.sources) - fit.zeropoint_mag
            calibrated = replace(
                calibrated,
                catalog=series.stars.name,
                magnitude_system=series.stars.mag_system,
                **_of_fit(fit, series.standard_error(match, fit), zeropoint_sigma),
                limiting_mag=calibrated.limiting_mag + fit.zeropoint_mag,
                note=f"zeropoint {deficit:.2f} mag below the others: clouds"
                if deficit > CLOUD_MAG
                else "",
            )
        reference = _reference(series, match, fit, verdict)
        result.append(
            CalibratedSources(
                match.sources, calibrated, field, series.corrections(match), reference
            )
        )
    return result


def _exposure_mag(sources: Sources) -> float:
    """What the exposure time makes of a zeropoint."""
    return 2.5 * math.log10(sources.frame.exptime_s)


def _matched(
    series: FrameSeries, match: Match, verdict: NDArray[np.str_], band: str
) -> CalibratedFrame:
    """Facts about the reference stars of a frame."""
    rejected = Counter(verdict[verdict != GOOD].tolist())
    return replace(
        instrumental(match.sources, band),
        stars_file=f"{match.sources.frame.stem}_cal.dat",
        matched=len(match.star),
        usable=int(series.usable(match).sum()),
        needed=series.needed(match),
        rejected=tuple(sorted(rejected.items())),
    )


def _reference(
    series: FrameSeries, match: Match, fit: "ZeropointFit | None", verdict: NDArray[np.str_]
) -> ReferenceStars:
    """The reference stars of a frame, and what became of each."""
    unknown = np.full(len(match.star), math.nan)
    bands = _bands_of_colour(series)
    return ReferenceStars(
        series.stars,
        match.star,
        match.source,
        match.separation_arcsec,
        series.residuals(match, fit) if fit else unknown,
        bands,
        colours(series.stars, bands)[match.star] if bands else unknown,
        verdict,
    )


def _bands_of_colour(series: FrameSeries) -> tuple[str, ...]:
    """Bands of the colour given for each star: of the colour term, or the catalog's first."""
    from photpipe.catalogs.calibrators import solar_colors_of

    known = solar_colors_of(series.stars)
    return series.terms.colour or (known[0].color if known else ())


def _of_fit(fit: "ZeropointFit", error_mag: float, zeropoint_sigma: str) -> dict[str, Any]:
    """What a fit says about its frame."""
    every, stars = -(-len(fit.steps) // STEPS_KEPT), fit.steps[:, 0]
    kept = (stars - stars[-1]) % every == 0
    kept |= (stars == fit.n_kept) | (stars == len(fit.kept))
    return {
        "zeropoint_mag": fit.zeropoint_mag,
        "zeropoint_sigma_mag": fit.one_star_scatter_mag
        if zeropoint_sigma == "scatter"
        else error_mag,
        "standard_error_mag": error_mag,
        "relative_error_mag": fit.relative_error_mag,
        "scatter_mag": fit.one_star_scatter_mag,
        "intrinsic_scatter_mag": fit.intrinsic_scatter_mag,
        "reduced_chi2": fit.reduced_chi2,
        "used": fit.n_kept,
        "steps": tuple(
            ZeropointStep(int(number), *rest) for number, *rest in fit.steps[kept].tolist()
        ),
    }


def instrumental(sources: Sources, band: str | None) -> CalibratedFrame:
    """Facts of a frame whose magnitudes are instrumental."""
    limit = as_number(card_value(sources.frame.header, "INSTLIM"))
    return CalibratedFrame(
        frame=sources.name,
        database=sources.frame.database_path.name,
        stars_file="",
        midtime_jd=sources.frame.midtime_jd,
        band=band or "",
        catalog=INSTRUMENTAL,
        magnitude_system="",
        zeropoint_mag=math.nan,
        zeropoint_sigma_mag=math.nan,
        standard_error_mag=math.nan,
        scatter_mag=math.nan,
        intrinsic_scatter_mag=math.nan,
        reduced_chi2=math.nan,
        matched=0,
        usable=0,
        used=0,
        needed=0,
        rejected=(),
        steps=(),
        limiting_mag=math.nan if limit is None else limit,
        seeing_arcsec=sources.seeing_px * sources.pixel_scale_arcsec,
        sources=len(sources.table),
        note="",
    )


def without_catalog(
    sources: Sources,
    band: str | None,
    note: str,
    zeropoint: tuple[float, float] | None = None,
    field: FieldCalibration = NO_FIELD,
) -> CalibratedSources:
    """A frame with instrumental magnitudes, or with a zeropoint and its error that are given."""
    calibrated = replace(instrumental(sources, band), note=note)
    if zeropoint is not None:
        value, error = zeropoint
        calibrated = replace(
            calibrated,
            band=band or sources.frame.filter_name or "unknown",
            catalog=MANUAL,
            zeropoint_mag=value,
            zeropoint_sigma_mag=error,
            standard_error_mag=error,
            relative_error_mag=error,
            scatter_mag=error,
            limiting_mag=calibrated.limiting_mag + value,
        )
    return CalibratedSources(sources, calibrated, field, np.zeros(len(sources.table)), None)
