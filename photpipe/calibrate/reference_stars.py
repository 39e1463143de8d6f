"""The reference stars of one frame: which of its sources they are, and which may calibrate."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.ldac import read_ldac_columns
from photpipe.catalogs.matching import mutual_matches
from photpipe.catalogs.measures import CHI2, PSF_COLUMNS, adopted, has_psf
from photpipe.catalogs.table import SourceTable
from photpipe.fits.values import as_number, card_value
from photpipe.ground import sky
from photpipe.ground.errors import FrameError
from photpipe.measure.apertures import TargetPosition, is_linear, placed
from photpipe.science import growth, noise, zeropoint
from photpipe.science.noise import NO_MAGNITUDE

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.str_]

GOOD = "used"
LOOKED_AT = frozenset(
    {
        *PSF_COLUMNS,
        *PSF_COLUMNS.values(),
        *(CHI2, "FLAGS", "FLUX_MAX", "BACKGROUND", "FLUX_ISOCOR", "FLUX_RADIUS"),
    }
)
"""Columns of a catalog that a calibration looks at; a night has no room for all of them."""
LARGEST_ERROR_MAG = 0.1  # documented for the catalogs; the same for the frame's own magnitudes
# by judgement: a target is no calibration star, however poor its prediction
TARGET_REACH_ARCSEC = 5.0
MATCH_PX = 0.5  # coarse pixels need a wider tolerance than the documented one
# by judgement: sizes of fainter sources tell little; galaxies are wider than this
STARLIKE_SNR, STARLIKE_WIDTHS = 30.0, 1.5
LARGEST_CHI2 = 9.0  # by judgement: of a fit of the PSF, in units of what is usual on the frame


@dataclass(frozen=True, slots=True)
class Sources:
    """Measured sources of one frame; arrays of shape (n,).

    Parameters
    ----------
    table : SourceColumns
        What calibrates them: `LOOKED_AT`.
    rows : array
        Their rows in the catalog of the frame.
    """

    frame: "Frame"
    table: SourceColumns
    rows: NDArray[np.intp]
    ra_deg: FloatArray
    dec_deg: FloatArray
    pixel_scale_arcsec: float
    aperture_radius_px: float
    seeing_px: float
    sky_noise_adu: float

    @property
    def sky_error_mag(self) -> FloatArray:
        """Magnitude error that the noise of the sky makes; 0 where there is no flux."""
        flux = self.column("FLUX_APER")
        noisy = np.full_like(flux, noise.POGSON * self.sky_noise_adu)
        return np.divide(noisy, flux, out=np.zeros_like(flux), where=flux > self.sky_noise_adu)

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.frame.name

    @property
    def has_positions(self) -> bool:
        """Whether any source was found, and where it is."""
        return bool(np.any(np.isfinite(self.ra_deg) & np.isfinite(self.dec_deg)))

    def column(self, name: str) -> FloatArray:
        """A column of the catalog as floats; that of the PSF where it was fitted."""
        return np.asarray(self.table[adopted(self.table, name)], float)

    @property
    def has_psf(self) -> bool:
        """Whether magnitudes are those of a fit of the PSF."""
        return has_psf(self.table)

    @property
    def company_px(self) -> float:
        """Distance within which neighbours spoil a star: in its aperture, or not told from it."""
        if self.has_psf and self.seeing_px > 0:
            return self.seeing_px
        return self.aperture_radius_px


@dataclass(frozen=True, slots=True)
class Rules:
    """Which stars may calibrate, and how far a match may be off."""

    use_all_stars: bool
    tolerance_arcsec: float
    admits_saturated: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Reference stars found on a frame; arrays of shape (n matched,).

    `verdict` is "used" or the reason why a star does not calibrate.
    """

    sources: Sources
    star: NDArray[np.intp]
    source: NDArray[np.intp]
    separation_arcsec: FloatArray
    difference_mag: FloatArray
    instrumental_variance: FloatArray
    reference_variance: FloatArray
    verdict: TextArray

    @property
    def good(self) -> BoolArray:
        """Which stars may calibrate."""
        return np.asarray(self.verdict == GOOD)


def read_sources(frame: "Frame", maxflag: int) -> Sources:
    """Sources of a frame with flags up to `maxflag`, placed by the WCS of its header.

    Raises
    ------
    FrameError
        If there is no catalog of pp_photometry, or no source in it that can be used.
    HeaderError
        If there is no WCS.
    """
    table = read_ldac_columns(frame.ldac_path, LOOKED_AT)
    if "MAG_APER" not in table.colnames or table["MAG_APER"].ndim != 1:
        reason = "its catalog has no aperture magnitudes, or several; run pp_photometry"
        raise FrameError(frame.name, reason)
    rows = np.flatnonzero(table["FLAGS"] <= maxflag)
    if not rows.size:
        reason = f"none of its {len(table)} sources has flags of {maxflag} or less"
        advice = (
            "correct the card SATURATE, use pp_photometry -ignore_saturation, or a larger -maxflag"
        )
        raise FrameError(frame.name, f"{reason}; {advice}")
    table = table.rows(rows)
    wcs, scale = placed(frame)
    x, y = (np.asarray(table[adopted(table, name)], float) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    ra, dec = wcs.all_pix2world(x, y, 1)
    if not np.any(np.isfinite(ra) & np.isfinite(dec)):
        raise FrameError(frame.name, "its WCS puts no source on the sky; run pp_register")
    radius, seeing, sky_noise = (
        as_number(card_value(frame.header, card)) for card in ("APRAD", "PPSEEING", "APNOISE")
    )
    return Sources(
        frame,
        table,
        rows,
        np.asarray(ra, float),
        np.asarray(dec, float),
        scale,
        radius if radius else frame.telescope.aprad_default,
        seeing / scale if seeing else math.nan,
        sky_noise or 0.0,
    )


def match(
    sources: Sources, stars: SourceTable, rules: Rules, target: TargetPosition | None
) -> Match:
    """Find reference stars among the sources of a frame and judge each."""
    tolerance = max(rules.tolerance_arcsec, MATCH_PX * sources.pixel_scale_arcsec)
    pairs = mutual_matches(sources.ra_deg, sources.dec_deg, stars.ra_deg, stars.dec_deg, tolerance)
    floor = zeropoint.REFERENCE_ERROR_FLOOR_MAG
    reference_error = np.maximum(np.nan_to_num(stars.column("e_mag")), floor)[pairs.index2]
    verdict = _verdicts(sources, rules, target)[pairs.index1]
    return Match(
        sources,
        pairs.index2,
        pairs.index1,
        pairs.separation_arcsec,
        stars.column("mag")[pairs.index2] - sources.column("MAG_APER")[pairs.index1],
        sources.column("MAGERR_APER")[pairs.index1] ** 2,
        reference_error**2,
        verdict,
    )


def _verdicts(sources: Sources, rules: Rules, target: TargetPosition | None) -> TextArray:
    """For each source "used" or the first reason against it as a calibrator."""
    error = sources.column("MAGERR_APER")
    no_magnitude = ~(error > 0) | (sources.column("MAG_APER") >= NO_MAGNITUDE)
    reasons: list[tuple[str, BoolArray]] = [("no magnitude", no_magnitude)]
    if target is not None:
        reasons.append(("target", _near_target(sources, target)))
    if not rules.use_all_stars:
        flags = np.asarray(sources.table["FLAGS"])
        saturated = ((flags & 4) > 0) | ~is_linear(sources.table, sources.frame.saturation)
        reasons += [
            ("saturated", saturated & ~np.bool_(rules.admits_saturated)),
            ("blended", _blended(sources)),
            ("not star-like", _not_like_a_star(sources)),
            ("too faint", ~(error <= LARGEST_ERROR_MAG)),
        ]
    verdict = np.full(len(sources.table), GOOD, dtype="U24")
    for reason, applies in reversed(reasons):
        verdict[applies] = reason
    return verdict


def _near_target(sources: Sources, target: TargetPosition) -> BoolArray:
    distance = sky.separation_deg(sources.ra_deg, sources.dec_deg, target.ra_deg, target.dec_deg)
    aperture = 2.0 * sources.aperture_radius_px * sources.pixel_scale_arcsec
    reach = max(TARGET_REACH_ARCSEC, aperture, np.nan_to_num(target.sigma3_arcsec))
    return np.asarray(distance * sky.ARCSEC_PER_DEG <= reach)


def _blended(sources: Sources) -> BoolArray:
    """Which sources share their aperture with others that have 2 % of their light."""
    x, y = sources.column("XWIN_IMAGE"), sources.column("YWIN_IMAGE")
    if sources.has_psf:
        return np.asarray(
            growth.neighbour_light(x, y, sources.column("FLUX_APER"), sources.company_px)
            > growth.NEIGHBOUR_LIGHT
        )
    reach = sources.aperture_radius_px + 0.5 * np.nan_to_num(sources.seeing_px)
    light = growth.neighbour_light(x, y, sources.column("FLUX_ISOCOR"), float(reach))
    return np.asarray(light > growth.NEIGHBOUR_LIGHT)


def _not_like_a_star(sources: Sources) -> BoolArray:
    """Which bright sources have not the size of stars (galaxies, close pairs, cosmic rays)."""
    size, error = sources.column("FLUX_RADIUS"), sources.column("MAGERR_APER")
    bright = (error > 0) & (error < noise.POGSON / STARLIKE_SNR)
    if sources.has_psf:  # what Source Extractor makes of sizes holds the neighbours' light, too
        chi2 = sources.column(CHI2)
        typical = np.nanmedian(chi2[bright]) if bright.any() else 1.0
        return np.asarray(bright & (chi2 > LARGEST_CHI2 * max(typical, 1.0)))
    flawless = bright & (np.asarray(sources.table["FLAGS"]) == 0)
    if flawless.sum() < growth.SAMPLE_ENOUGH:
        return np.zeros(len(size), bool)
    centre, width = growth.locus(size[flawless])
    return np.asarray(bright & (np.abs(size - centre) > STARLIKE_WIDTHS * width))


def crowded_stars(stars: SourceTable, reach_arcsec: float) -> BoolArray:
    """Which stars of a catalog have neighbours with 2 % of their light within reach; shape (n,).

    A neighbour without a magnitude does not count.
    """
    if not len(stars):
        return np.zeros(0, bool)
    flux = np.nan_to_num(10 ** (-0.4 * stars.column("mag")))
    centre = sky.median_position(stars.ra_deg, stars.dec_deg)
    east, north = sky.offsets_arcsec(*centre, stars.ra_deg, stars.dec_deg)
    light = growth.neighbour_light(east, north, flux, reach_arcsec)
    return np.asarray((flux > 0) & (light > growth.NEIGHBOUR_LIGHT))
