"""Aperture photometry of one frame: its curve of growth, and its final catalog.

Both work on the catalog that Source Extractor wrote with one column per aperture.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.catalogs.ldac import read_ldac, read_ldac_columns, write_ldac
from photpipe.catalogs.measures import adopted
from photpipe.ground.errors import FrameError, HeaderError
from photpipe.ground.sky import ARCSEC_PER_DEG, separation_deg
from photpipe.measure import crowding
from photpipe.measure.pixels import read_image
from photpipe.run.results import PhotometryFrame
from photpipe.science import aperture_sums, growth, noise, saturation
from photpipe.science.aperture_sums import WING_ISOPHOTES, Sky
from photpipe.science.flags import SourceFlag

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.table import Table
    from astropy.wcs import WCS

    from photpipe.instruments.frames import Frame

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

APERTURE_COLUMNS = ("FLUX_APER", "FLUXERR_APER", "MAG_APER", "MAGERR_APER")
LINEAR_RANGE = 0.9  # of the saturation level: fuller pixels are mistrusted
CENTROID_SIGMA = 3.0  # one good source in 370 lies beyond
# by judgement: a wrong binning is a factor of 2, distortion some per cent
LARGEST_SCALE_RATIO = 1.5
_COMMENTARY = frozenset({"COMMENT", "HISTORY", "", "END"})
MISSING_PART = 0.05  # of an aperture's pixels: beyond, its flux is no measurement


@dataclass(frozen=True, slots=True)
class TargetPosition:
    """Where a target is predicted on a frame, with the 3 sigma error of the prediction."""

    name: str
    ra_deg: float
    dec_deg: float
    sigma3_arcsec: float


@dataclass(frozen=True, slots=True)
class Gain:
    """Electrons per ADU for the photon noise (None: left out), and where it comes from."""

    e_per_adu: float | None
    origin: str


@dataclass(frozen=True, slots=True)
class FrameGrowth:
    """What one frame says about the aperture; `target_flux`, `target_error`: shape (apertures,)."""

    frame: "Frame"
    header_gain: float | None
    gain: Gain
    stars: int
    background: growth.MeanCurve | None
    fwhm_px: float
    target: TargetPosition | None
    target_offset_arcsec: float = math.nan
    target_flux: FloatArray | None = None
    target_error: FloatArray | None = None
    saturation_adu: float = math.inf
    bright: int = 0

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.frame.name


def placed(frame: "Frame") -> "tuple[WCS, float]":
    """The WCS of a frame and its pixel scale (arcsec).

    Raises
    ------
    HeaderError
        If there is no WCS, or its pixels are of quite another size than those of the camera.
    """
    wcs = frame.wcs()
    scale = float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * ARCSEC_PER_DEG)
    expected = math.sqrt(math.prod(frame.pixel_scale_arcsec))
    if not 1 / LARGEST_SCALE_RATIO < scale / expected < LARGEST_SCALE_RATIO:
        reason = f"pixels of {scale:.3g} arcsec instead of {expected:.3g}; run pp_prepare"
        raise HeaderError(frame.name, "CD1_1", reason)
    return wcs, scale


def is_linear(table: "Table", saturation_adu: float | None) -> BoolArray:
    """Which sources stay clear of saturation, declared or betrayed by a plateau of the peaks."""
    peak = np.asarray(table["FLUX_MAX"] + table["BACKGROUND"], float)
    level = min(
        saturation_adu or math.inf, noise.plateau(peak, np.asarray(table["FLUX_ISOCOR"], float))
    )
    return np.asarray(peak < LINEAR_RANGE * level)


def frame_growth(
    frame: "Frame",
    radii_px: FloatArray,
    header_gain: float | None,
    target: TargetPosition | None,
    tolerance_arcsec: float,
    saturation_adu: float = math.inf,
) -> FrameGrowth:
    """Curves of growth of one frame.

    Parameters
    ----------
    frame : Frame
        Its catalog has just been extracted with all apertures.
    radii_px : array
        The apertures.
    header_gain : float or None
        Electrons per ADU as given to Source Extractor.
    target : TargetPosition or None
        The moving target.
    tolerance_arcsec : float
        How far from its prediction the target may at least be.
    saturation_adu : float
        Level of a saturated pixel.

    Raises
    ------
    FrameError, HeaderError
        If the catalog or the WCS is unusable.
    """
    table = read_ldac_columns(frame.ldac_path)
    flux, error = (np.asarray(table[name], float) for name in APERTURE_COLUMNS[:2])
    gain = _gain(table, radii_px, header_gain)
    sky_variance = noise.sky_variance(flux, error, header_gain)
    error = noise.aperture_errors(flux, sky_variance, 1.0, gain.e_per_adu)
    row, offset_arcsec = _target_row(frame, table, target, tolerance_arcsec)
    snr = _snr(flux, error)
    sample = _sample(table, flux, snr, radii_px, saturation_adu)
    sample = sample[sample != row]
    fwhm = np.asarray(table["FWHM_IMAGE"], float)[sample]
    return FrameGrowth(
        frame,
        header_gain,
        gain,
        len(sample),
        growth.mean_curve(flux[sample], error[sample]),
        float(np.median(fwhm)) if fwhm.size else math.nan,
        target,
        offset_arcsec,
        None if row < 0 else flux[row].copy(),  # of a row alone, not of all sources
        None if row < 0 else error[row].copy(),
        saturation_adu,
        int(np.sum(snr > crowding.BRIGHT_SNR)),
    )


def _snr(flux: FloatArray, error: FloatArray) -> FloatArray:
    """Signal-to-noise ratio of each source in the aperture where it is largest."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nanmax(np.where(error > 0, flux / error, 0.0), axis=1))


def _gain(table: "Table", radii_px: FloatArray, header_gain: float | None) -> Gain:
    """Gain of the header, or else the one that the noise of the sky betrays."""
    if header_gain:
        return Gain(header_gain, "header")
    middle = len(radii_px) // 2
    error = np.asarray(table["FLUXERR_APER"], float)[:, middle]
    pixel_adu = noise.pixel_noise(error**2, float(radii_px[middle]))
    background_adu = float(np.median(np.asarray(table["BACKGROUND"], float)))
    estimate = noise.effective_gain(background_adu, pixel_adu)
    return Gain(estimate, "sky" if estimate else "none")


def _target_row(
    frame: "Frame", table: "Table", target: TargetPosition | None, tolerance_arcsec: float
) -> tuple[int, float]:
    """Row of the source at the target's prediction (-1 if there is none) and its distance."""
    if target is None:
        return -1, math.nan
    wcs, scale_arcsec = placed(frame)
    ra, dec = wcs.all_pix2world(
        np.asarray(table["XWIN_IMAGE"], float), np.asarray(table["YWIN_IMAGE"], float), 1
    )
    distance = separation_deg(ra, dec, target.ra_deg, target.dec_deg) * ARCSEC_PER_DEG
    row = int(np.nanargmin(distance))
    centroid = CENTROID_SIGMA * float(table["ERRAWIN_IMAGE"][row]) * scale_arcsec
    reach = max(tolerance_arcsec, np.hypot(np.nan_to_num(target.sigma3_arcsec), centroid))
    return (row, float(distance[row])) if distance[row] <= reach else (-1, math.nan)


def _sample(
    table: "Table",
    flux: FloatArray,
    snr: FloatArray,
    radii_px: FloatArray,
    saturation_adu: float | None,
) -> NDArray[np.intp]:
    """Rows of the stars that make the curve of growth of a frame."""
    x, y, size = (
        np.asarray(table[name], float) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_RADIUS")
    )
    light = growth.neighbour_light(x, y, flux[:, -1], float(radii_px[-1]) + 2.0)
    clean = (np.asarray(table["FLAGS"]) == 0) & is_linear(table, saturation_adu)
    return growth.star_sample(clean, size, snr, light < growth.NEIGHBOUR_LIGHT)


@dataclass(frozen=True, slots=True)
class MeasuredCatalog:
    """The catalog of a frame in the chosen aperture, before and after a fit with the PSF."""

    image: FloatArray
    table: "Table"
    header: "Header"
    sky: noise.SkyNoise
    fitted: "crowding.PsfOutcome | None" = None

    def crowd(self, found: FrameGrowth) -> "crowding.Crowd":
        """Its stars, to be fitted with the PSF."""
        known = found.fwhm_px, found.gain.e_per_adu, found.saturation_adu
        return crowding.Crowd.of(self.image, self.table, *known)

    def with_psf(self, crowd: "crowding.Crowd", radius_px: float) -> "MeasuredCatalog":
        """The same with the stars fitted; as it is where too few stars tell the PSF."""
        fitted = crowd.fitted(radius_px)
        if fitted is None:
            return self
        nothing = aperture_sums.Footprints.points(np.zeros(0), np.zeros(0))
        background = Sky.of(fitted.residual, nothing, radius_px, fitted.fwhm_px)
        sky = _noise_on_places(fitted.residual, background, nothing, self.sky.pixel_counts)
        return replace(self, table=fitted.table, sky=sky, fitted=fitted)


@dataclass(frozen=True, slots=True)
class Tried:
    """A frame in the chosen aperture, and what a fit of some of its patches has told."""

    measured: MeasuredCatalog
    crowd: "crowding.Crowd"
    error: float

    @classmethod
    def of(cls, found: FrameGrowth, radii_px: FloatArray, index: int) -> "Tried":
        """Measure a frame, and fit some patches of it.

        Raises
        ------
        FrameError
            If the frame or the catalog is unusable.
        """
        measured = measured_catalog(found, radii_px, index)
        crowd = measured.crowd(found)
        return cls(measured, crowd, crowd.patches.psf_error())


def measured_catalog(found: FrameGrowth, radii_px: FloatArray, index: int) -> MeasuredCatalog:
    """Measure a frame in the chosen aperture.

    Raises
    ------
    FrameError
        If the frame or the catalog is unusable.
    """
    table, header = read_ldac(found.frame.ldac_path)
    flux, error = (np.asarray(table[name], float)[:, index] for name in APERTURE_COLUMNS[:2])
    sky_variance = noise.sky_variance(flux, error, found.header_gain)
    radius_px = float(radii_px[index])
    image = read_image(found.frame)
    sources = _footprints(table)
    width = crowding.star_width(found.fwhm_px, table)
    background = Sky.of(image, sources, radius_px, width)
    own = aperture_sums.aperture_sums(
        image, sources, radius_px, background.levels(sources.x_px, sources.y_px, sources.radius_px)
    )
    flux = np.where(np.isfinite(own), own, flux)
    pixel_adu = noise.pixel_noise(sky_variance, radius_px)
    sky = _noise_on_places(image, background, sources, pixel_adu)
    table["FLAGS"][_with_gaps(image, table, radius_px)] |= SourceFlag.APERTURE_INCOMPLETE
    saturated = _saturated(image, table, radius_px, found.saturation_adu)
    table["FLAGS"][saturated] |= SourceFlag.SATURATED
    error = noise.aperture_errors(flux, sky_variance, sky.factor, found.gain.e_per_adu)
    table["FLUX_APER"], table["FLUXERR_APER"] = flux, error
    table["MAG_APER"], table["MAGERR_APER"] = noise.magnitudes(flux, error, flux > 0)
    return MeasuredCatalog(image, table, header, sky)


def _footprints(table: "Table") -> aperture_sums.Footprints:
    """Where the sources of a catalog are, and which pixels are theirs."""
    x, y, major, minor, area, angle = (
        np.asarray(table[name], float)
        for name in (
            *("XWIN_IMAGE", "YWIN_IMAGE", "A_IMAGE", "B_IMAGE"),
            *("ISOAREA_IMAGE", "THETA_IMAGE"),
        )
    )
    major, minor = (np.maximum(each, aperture_sums.POINT_PX) for each in (major, minor))
    size = np.sqrt(np.maximum(area, 1.0) / (math.pi * major * minor))
    return aperture_sums.Footprints(x - 1.0, y - 1.0, size * major, size * minor, np.radians(angle))


def write_final_catalog(
    found: FrameGrowth,
    radii_px: FloatArray,
    index: int,
    with_psf: bool = False,
    tried: Tried | None = None,
) -> PhotometryFrame:
    """Replace the catalog of a frame by one with the chosen aperture and measured noise.

    The columns FLUX_APER, FLUXERR_APER, MAG_APER, MAGERR_APER become numbers, XWIN_WORLD and
    YWIN_WORLD those of the WCS in the frame's header. With the PSF there are further columns
    (`photpipe.catalogs.measures`) and rows; where it cannot be found, apertures have to do.

    Parameters
    ----------
    tried : Tried or None
        What is known already of the frame; None: it is measured here.

    Raises
    ------
    FrameError, HeaderError
        If the frame or the catalog is unusable or cannot be written.
    """
    frame = found.frame
    measured = tried.measured if tried else measured_catalog(found, radii_px, index)
    if with_psf:
        crowd = tried.crowd if tried else measured.crowd(found)
        measured = measured.with_psf(crowd, float(radii_px[index]))
    table, header, sky, fitted = measured.table, measured.header, measured.sky, measured.fitted
    wcs, scale_arcsec = placed(frame)
    x, y = (np.asarray(table[adopted(table, name)], float) for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    table["XWIN_WORLD"], table["YWIN_WORLD"] = wcs.all_pix2world(x, y, 1)
    table["FWHM_WORLD"] = table["FWHM_IMAGE"] * (scale_arcsec / ARCSEC_PER_DEG)
    _renew(header, frame.header)
    try:
        write_ldac(frame.ldac_path, table, header)
    except OSError as problem:
        raise FrameError(frame.name, f"no catalog can be written: {problem}") from problem
    correction = (
        growth.aperture_correction(radii_px, found.background, index)
        if found.background
        else growth.ApertureCorrection(math.nan, math.nan)
    )
    return PhotometryFrame(
        frame=frame.name,
        catalog=frame.ldac_path.name,
        midtime_jd=frame.midtime_jd,
        sources=len(table),
        stars=found.stars,
        target=found.target.name if found.target else "",
        target_offset_arcsec=found.target_offset_arcsec,
        fwhm_px=found.fwhm_px,
        fwhm_arcsec=found.fwhm_px * scale_arcsec,
        aperture_correction_mag=correction.magnitude,
        aperture_correction_error_mag=correction.error_mag,
        sky_noise_adu=sky.aperture_counts,
        noise_factor=sky.factor,
        gain=found.gain.e_per_adu or math.nan,
        gain_from=found.gain.origin,
        limiting_mag=noise.limiting_magnitude(sky.aperture_counts),
        saturation_adu=found.saturation_adu,
        saturated=int(np.sum((np.asarray(table["FLAGS"]) & SourceFlag.SATURATED) > 0)),
        psf_stars=fitted.stars if fitted else 0,
        psf_found=fitted.found if fitted else 0,
        psf_fwhm_px=fitted.fwhm_px if fitted else math.nan,
        psf_beta=fitted.beta if fitted else math.nan,
    )


def _renew(header: "Header", now: "Header") -> None:
    """Give the header of a catalog the cards that the frame has got since it was extracted."""
    for card in now.cards:
        if card.keyword not in _COMMENTARY and header.get(card.keyword) != card.value:
            header[card.keyword] = (card.value, card.comment)


def _with_gaps(image: FloatArray, table: "Table", radius_px: float) -> BoolArray:
    """Sources whose apertures lack pixels; Source Extractor only mirrors the others into them."""
    x, y = (np.asarray(table[name], float) - 1.0 for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    return np.asarray(noise.missing_part(image, x, y, radius_px) > MISSING_PART)


def _saturated(image: FloatArray, table: "Table", radius_px: float, level_adu: float) -> BoolArray:
    """Sources with saturated pixels, or charge that bled from them, in their aperture."""
    if not math.isfinite(level_adu):
        return np.zeros(len(table), bool)
    x, y = (np.asarray(table[name], float) - 1.0 for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
    return saturation.touched(saturation.saturated_pixels(image, level_adu), x, y, radius_px)


def _noise_on_places(
    image: NDArray[np.floating],
    background: Sky,
    sources: aperture_sums.Footprints,
    pixel_adu: float,
) -> noise.SkyNoise:
    """Noise of the sky in the aperture, measured on places away from sources."""
    radius_px = background.radius_px
    keep_off = radius_px + WING_ISOPHOTES * sources.radius_px
    shape = image.shape[0], image.shape[1]
    border_px = noise.annulus_reach(radius_px) + 1.0
    row, column = noise.empty_places(shape, sources.x_px, sources.y_px, keep_off, border_px)
    places = aperture_sums.Footprints.points(column.astype(float), row.astype(float))
    level = background.levels(places.x_px, places.y_px)
    whole = noise.missing_part(image, places.x_px, places.y_px, radius_px + 1.0) == 0
    net = aperture_sums.aperture_sums(image, places, radius_px, np.where(whole, level, np.nan))
    return noise.sky_noise(net, radius_px, pixel_adu)
