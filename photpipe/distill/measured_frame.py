"""A calibrated frame as the later stages see it: its sources and what pp_calibrate found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from photpipe.catalogs.columns import SourceColumns
from photpipe.catalogs.database import Scalar, magnitude_columns
from photpipe.catalogs.frame_facts import FrameFacts
from photpipe.catalogs.kept_columns import forget_removed, read_kept_columns
from photpipe.catalogs.measures import CHI2, PSF_COLUMNS, adopted, has_psf
from photpipe.fits.values import as_number, card_value
from photpipe.ground import sky
from photpipe.ground.errors import HeaderError, ReductionError
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.instruments.frames import Frame
from photpipe.measure.pixels import read_image
from photpipe.measure.stage import read_frames
from photpipe.run.results import FrameFailure
from photpipe.run.workspace import Workspace
from photpipe.science.noise import NO_MAGNITUDE

if TYPE_CHECKING:
    from astropy.wcs import WCS

# what is read without a second look; databases of the original PHOTOMETRYPIPELINE lack it
_FACTS = ("midtime_jd", "zeropoint_mag", "aperture_radius_px", "pixel_scale_arcsec", "band")
_COLUMNS = (
    *("ra_deg", "dec_deg", "XWIN_IMAGE", "YWIN_IMAGE", "MAG_APER", "FLUX_APER", "FLUXERR_APER"),
    *("FLUX_MAX", "BACKGROUND", "FLAGS"),
)
# what is looked at besides, where it is there; a night of a thousand frames has no room for others
_FURTHER_COLUMNS = (
    *("MAGERR_APER", "ERRAWIN_IMAGE", "ERRBWIN_IMAGE", "FWHM_IMAGE"),
    *("A_IMAGE", "B_IMAGE", "THETA_IMAGE", "ref_ident"),
    *(*PSF_COLUMNS.values(), CHI2),
)
RADIUS_DIGITS_PX = 1e-3  # the card has four digits
STAR_SNR = 30.0  # by judgement: stars that tell the seeing of a frame, and
LINEAR = 0.8  # by judgement: of the saturation level, below which an image is not flattened


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFrame:
    """A frame with its sources and what pp_calibrate found.

    Parameters
    ----------
    facts : FrameFacts
        The table ``header`` of the database.
    sources : SourceColumns
        The table ``data``, as far as it is looked at.
    photon_counts : float
        Variance of a flux per count of flux (1 / gain), as in the quoted errors.
    """

    frame: Frame
    wcs: "WCS"
    facts: FrameFacts
    sources: SourceColumns
    photon_counts: float

    @classmethod
    def read(cls, frame: Frame, kept: Path | None = None) -> "MeasuredFrame":
        """Read what belongs to a frame; `kept` is a folder as of `read_kept_columns`.

        Raises
        ------
        ReductionError
            If pp_calibrate has not been over it.
        HeaderError
            If there is no WCS.
        """
        header, sources = read_kept_columns(frame.database_path, _columns, kept)
        lacking = [name for name in _FACTS if name not in header]
        lacking += [name for name in _COLUMNS if name not in sources.colnames]
        if lacking:
            message = (
                f"{frame.database_path.name}: not a database of this pp_calibrate (it lacks "
                f"{lacking[0]}); run pp_photometry and pp_calibrate on the frame"
            )
            raise ReductionError(message)
        facts = FrameFacts.of(header)
        _check_aperture(frame, facts.aperture_radius_px)
        counts = _photon_counts(sources, facts.sky_noise_adu)
        measured = cls(frame, frame.wcs(), facts, sources, counts)
        if not np.isfinite(measured.corners()).all():
            reason = "its WCS leads some corners of the image to no position on the sky"
            raise HeaderError(frame.name, "CTYPE1", f"{reason}; run pp_register")
        return measured

    @property
    def midtime_jd(self) -> float:
        """Middle of the exposure."""
        return self.facts.midtime_jd

    @property
    def zeropoint_mag(self) -> float:
        """NaN where the magnitudes are instrumental."""
        return self.facts.zeropoint_mag

    @property
    def is_calibrated(self) -> bool:
        """Whether there is a zeropoint."""
        return math.isfinite(self.zeropoint_mag)

    @property
    def radius_px(self) -> float:
        """Radius of the aperture."""
        return self.facts.aperture_radius_px

    @property
    def scale_arcsec(self) -> float:
        """Size of a pixel."""
        return self.facts.pixel_scale_arcsec

    @property
    def aperture_arcsec(self) -> float:
        """Radius of the aperture on the sky."""
        return self.radius_px * self.scale_arcsec

    @property
    def seeing_arcsec(self) -> float:
        """Width of the stars; twice the pixel where it is not known."""
        seeing = self.facts.seeing_arcsec
        return seeing if seeing > 0 else 2.0 * self.scale_arcsec

    @property
    def fwhm_px(self) -> float:
        """Width of the stars in pixels."""
        return self.seeing_arcsec / self.scale_arcsec

    @property
    def pixel_noise_counts(self) -> float:
        """Noise of a pixel of sky, such that it gives that of an aperture."""
        return self.facts.sky_noise_adu / (math.sqrt(math.pi) * self.radius_px)

    def counts_of(self, mag: FloatArray | float) -> FloatArray:
        """Counts in the aperture of magnitudes; those of instrumental ones without a zeropoint."""
        return np.asarray(10 ** (-0.4 * (mag - np.nan_to_num(self.zeropoint_mag))))

    @property
    def has_psf(self) -> bool:
        """Whether the sources were measured with the PSF, their neighbours taken into account."""
        return has_psf(self.sources)

    def column(self, name: str) -> FloatArray:
        """A column of the sources as floats; that of the PSF where it was fitted."""
        return np.asarray(self.sources[adopted(self.sources, name)], float)

    def value(self, name: str, row: int) -> float:
        """A column of one source, likewise."""
        return float(self.sources[adopted(self.sources, name)][row])

    def well_measured_stars(self) -> BoolArray:
        """Which sources are bright, unflagged and unsaturated."""
        flux, error = self.column("FLUX_APER"), self.column("FLUXERR_APER")
        peak = self.column("FLUX_MAX") + self.column("BACKGROUND")
        level = self.frame.saturation or math.inf
        bright = flux > STAR_SNR * error
        return np.asarray(bright & (self.column("FLAGS") == 0) & (peak < LINEAR * level))

    def magnitudes(self) -> FloatArray:
        """Calibrated magnitudes of all sources, or instrumental ones; NaN where there is none."""
        name, _ = magnitude_columns(self.facts.band)
        values = self.column(name if name in self.sources.colnames else "MAG_APER")
        return np.where(values < NO_MAGNITUDE, values, np.nan)

    def pixel_of(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Place of a position in FITS pixels; NaN where it is not in the sky of the frame."""
        if not (math.isfinite(ra_deg) and math.isfinite(dec_deg)):
            return math.nan, math.nan
        centre = self.wcs.wcs.crval
        if sky.separation_deg(centre[0], centre[1], ra_deg, dec_deg) > 45.0:
            return math.nan, math.nan  # the tangent plane has no place for it
        x, y = self.wcs.all_world2pix(ra_deg, dec_deg, 1, quiet=True)
        return float(x), float(y)

    def corners(self) -> FloatArray:
        """RA and Dec (degrees) of the corners of the image, shape (4, 2)."""
        return np.asarray(self.wcs.calc_footprint(axes=self.frame.shape[::-1]))

    def contains(self, x_px: float, y_px: float) -> bool:
        """Whether a pixel position lies on the image."""
        ny, nx = self.frame.shape
        return 0.5 <= x_px <= nx + 0.5 and 0.5 <= y_px <= ny + 0.5

    def pixels(self) -> FloatArray:
        """The image (counts); NaN where the mask of the telescope hides it.

        Raises
        ------
        FrameError
            If it cannot be read.
        """
        return read_image(self.frame)


def _columns(facts: Mapping[str, Scalar]) -> tuple[str, ...]:
    """Columns of the sources that are read, by the facts of a frame."""
    return (*_COLUMNS, *_FURTHER_COLUMNS, *magnitude_columns(str(facts.get("band", ""))))


def _photon_counts(sources: SourceColumns, noise: float) -> float:
    """Photon noise per count that the errors of the bright sources hold beyond that of the sky."""
    flux = np.asarray(sources["FLUX_APER"], float)
    variance = np.asarray(sources["FLUXERR_APER"], float) ** 2
    bright = (flux > 0) & (variance > 2 * noise**2)
    if not bright.any():
        return 0.0
    return float(np.median((variance[bright] - noise**2) / flux[bright]))


def _check_aperture(frame: Frame, radius_px: float) -> None:
    """Refuse a database of before the last pp_photometry, which measured in another aperture.

    Raises
    ------
    ReductionError
        If the radii differ.
    """
    measured_px = as_number(card_value(frame.header, "APRAD"))
    if measured_px is not None and abs(measured_px - radius_px) > RADIUS_DIGITS_PX:
        raise ReductionError(
            f"{frame.database_path.name}: of an aperture of {radius_px:.2f} px, while "
            f"pp_photometry measured in {measured_px:.2f} px since; run pp_calibrate"
        )


def read_measured(
    paths: Sequence[Path], workspace: Workspace
) -> tuple[list[MeasuredFrame], list[FrameFailure]]:
    """Calibrated frames, and what is wrong with the others.

    Raises
    ------
    ReductionError
        If none is left.
    """
    prepared, failed = read_frames(paths, None)
    kept = workspace.state_directory / "sources"
    frames, unread = workspace.map_frames(
        lambda frame: MeasuredFrame.read(frame, kept), prepared, "read"
    )
    forget_removed(workspace.directory, kept)
    failed += unread
    if not frames:
        reasons = "; ".join(f"{each.frame}: {each.reason}" for each in failed[:3])
        raise ReductionError(f"no frame can be used: {reasons}")
    return frames, failed
