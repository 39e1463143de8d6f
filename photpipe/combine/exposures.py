"""The frames of a stack: where they lie, how noisy they are, and how their fluxes compare."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photpipe.calibrate.frame_calibration import MANUAL
from photpipe.catalogs.frame_facts import read_facts
from photpipe.catalogs.ldac import read_ldac_columns
from photpipe.catalogs.matching import mutual_matches
from photpipe.fits.pixels import read_pixels
from photpipe.fits.values import card_text
from photpipe.ground import sky
from photpipe.ground.errors import FrameError, PhotPipeError
from photpipe.ground.sky import FloatArray
from photpipe.register.registration import FAILED, REGISTERED, STATUS
from photpipe.run.results import FrameFailure
from photpipe.science.flags import SourceFlag
from photpipe.science.noise import robust_sigma
from photpipe.science.relativeflux import relative_zeropoints

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from photpipe.instruments.frames import Frame
    from photpipe.instruments.telescopes import Telescope

log = logging.getLogger(__name__)

IntArray = NDArray[np.integer[Any]]

SAMPLE_PIXELS = 200_000  # a median of so many pixels is good to 0.3 % of their noise
BRIGHTEST_STARS = 400  # of each frame: more tell nothing new about clouds
STAR_SNR = 20.0  # by judgement: fainter stars are many but say less
# by judgement: three times a poor centroid, less than the distance of stars
STAR_TOLERANCE_PX = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredStars:
    """Well measured sources of a frame, brightest first; arrays of shape (n,)."""

    ra_deg: FloatArray
    dec_deg: FloatArray
    mag: FloatArray
    error_mag: FloatArray
    fwhm_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """A frame and what a stack needs of it.

    Parameters
    ----------
    frame : Frame
        The frame.
    wcs : mapping
        CRVALi, CRPIXi, CDi_j and PVi_m; moved with a target if there is one.
    midtime_jd, exptime_s : float
        Middle (JD, UTC) and length of the exposure.
    background_adu, noise_adu : float
        Median level of its sky, and the scatter of the pixels about it.
    zeropoint_mag : float
        Magnitude zeropoint of its counts; NaN if it is not calibrated.
    stars : MeasuredStars or None
        Sources of pp_photometry or pp_register, if there are any.
    scale : float
        Factor that brings its counts to those of the stack.
    weight : float
        Part of the stack that it makes; the sum over all frames is 1.
    """

    frame: "Frame"
    wcs: Mapping[str, float]
    midtime_jd: float
    exptime_s: float
    background_adu: float
    noise_adu: float
    zeropoint_mag: float
    stars: MeasuredStars | None
    scale: float = 1.0
    weight: float = math.nan

    @classmethod
    def read(cls, path: Path, telescope: "Telescope | None") -> "Exposure":
        """Read what belongs to a frame.

        Raises
        ------
        FrameError, HeaderError, ConfigError
            If it cannot take part in a stack.
        """
        from photpipe.fits.standard_wcs import standard_wcs
        from photpipe.instruments.frames import Frame

        frame = Frame.read(path, telescope)
        if not frame.is_prepared:
            raise FrameError(frame.name, "not prepared; run pp_prepare and pp_register first")
        if card_text(frame.header, STATUS) == FAILED:
            raise FrameError(frame.name, "its registration failed; its position is not known")
        cards = standard_wcs(frame.header, frame.shape, frame.name)
        terms = {
            key: float(value) for key, value in cards.items() if isinstance(value, float | int)
        }
        return cls(
            frame,
            terms,
            frame.midtime_jd,
            frame.single_exptime_s,
            *_sky(path, frame.name),
            _zeropoint(frame),
            _stars(frame),
        )

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.frame.name

    @property
    def is_registered(self) -> bool:
        """Whether pp_register found its place on the sky."""
        return card_text(self.frame.header, STATUS) == REGISTERED

    @property
    def cards(self) -> dict[str, float | str]:
        """The WCS as header cards."""
        kind = "TPV" if any(key.startswith("PV") for key in self.wcs) else "TAN"
        names = {"CTYPE1": f"RA---{kind}", "CTYPE2": f"DEC--{kind}", "RADESYS": "ICRS"}
        return {**names, **self.wcs}

    def sky_of(self, x_px: Sequence[float], y_px: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """RA and Dec (degrees) of FITS pixels."""
        from astropy.io import fits
        from astropy.wcs import WCS

        ra, dec = WCS(fits.Header(self.cards), naxis=2).all_pix2world(x_px, y_px, 1)
        return ra, dec

    def corners(self) -> tuple[FloatArray, FloatArray]:
        """RA and Dec (degrees) of the four outermost corners, one after the other."""
        ny, nx = self.frame.shape
        return self.sky_of([0.5, nx + 0.5, nx + 0.5, 0.5], [0.5, 0.5, ny + 0.5, ny + 0.5])

    def centre(self) -> tuple[float, float]:
        """RA and Dec (degrees) of the middle of the image."""
        ny, nx = self.frame.shape
        ra, dec = self.sky_of([(nx + 1) / 2], [(ny + 1) / 2])
        return float(ra[0]), float(dec[0])


def _sky(path: Path, name: str) -> tuple[float, float]:
    """Median and scatter of the pixels: the sky in all but the most crowded fields."""
    pixels = read_pixels(path)
    sample = pixels.ravel()[:: max(1, pixels.size // SAMPLE_PIXELS)].astype(float)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        raise FrameError(name, "all pixels are NaN")
    return float(np.median(sample)), robust_sigma(sample)


def _zeropoint(frame: "Frame") -> float:
    """Zeropoint that pp_calibrate found; one that the user gave knows nothing of clouds."""
    if not frame.database_path.is_file():
        return math.nan
    try:
        facts, _ = read_facts(frame.database_path, ())
    except PhotPipeError:
        return math.nan
    return math.nan if facts.catalog == MANUAL else facts.zeropoint_mag


def _stars(frame: "Frame") -> MeasuredStars | None:
    """Sources of an earlier extraction that compare well with those of other frames."""
    if not frame.ldac_path.is_file():
        return None
    try:
        table = read_ldac_columns(frame.ldac_path)
        columns = [
            np.asarray(table[name], float)
            for name in ("XWIN_IMAGE", "YWIN_IMAGE", "MAG_AUTO", "MAGERR_AUTO", "FWHM_IMAGE")
        ]
    except (PhotPipeError, KeyError):
        return None
    flags, error = np.asarray(table["FLAGS"]), columns[3]
    good = np.flatnonzero((flags < SourceFlag.SATURATED) & (error > 0) & (error < 1.0 / STAR_SNR))
    good = good[np.argsort(columns[2][good])][:BRIGHTEST_STARS]
    x, y, mag, error, fwhm = (column[good] for column in columns)
    ra, dec = frame.wcs().all_pix2world(x, y, 1)
    return MeasuredStars(ra, dec, mag, error, float(np.median(fwhm)) if fwhm.size else math.nan)


def scaled(exposures: Sequence[Exposure]) -> tuple[list[Exposure], list[FrameFailure]]:
    """Bring all frames to one scale of flux.

    By the zeropoints of pp_calibrate if all frames have one; else by the stars that they have
    in common, which tell of clouds; else by exposure time. The stack has the counts of a
    frame of typical transparency and of the mean exposure.

    Returns
    -------
    list of Exposure, list of FrameFailure
        Frames with their scale, and those that share too few stars with the others.
    """
    by_time = 2.5 * np.log10([each.exptime_s for each in exposures])
    zeropoints, what = _zeropoints(exposures, by_time)
    log.info("fluxes are compared by %s", what)
    known = np.isfinite(zeropoints)
    reason = "it shares too few stars with the other frames to compare fluxes"
    failed = [FrameFailure(e.name, reason) for e, k in zip(exposures, known, strict=True) if not k]
    mean_s = np.mean([each.exptime_s for each in exposures])
    reference = float(np.median((zeropoints - by_time)[known]) + 2.5 * np.log10(mean_s))
    pairs = zip(exposures, zeropoints, strict=True)
    return [
        replace(each, scale=10 ** (0.4 * (reference - float(zeropoint))))
        for each, zeropoint in pairs
        if math.isfinite(zeropoint)
    ], failed


def _zeropoints(exposures: Sequence[Exposure], by_time: FloatArray) -> tuple[FloatArray, str]:
    """Absolute or relative zeropoints, and what they are from."""
    calibrated = np.array([each.zeropoint_mag for each in exposures])
    if np.isfinite(calibrated).all():
        return calibrated, "the zeropoints of pp_calibrate"
    stars = [each.stars for each in exposures if each.stars is not None]
    if len(stars) == len(exposures):
        scale = max(exposures[0].frame.pixel_scale_arcsec)
        relative = relative_zeropoints(*_star_matrix(stars, STAR_TOLERANCE_PX * scale))
        if np.isfinite(relative).sum() >= max(2.0, len(exposures) / 2):
            return relative, "the stars that the frames have in common"
    return by_time, "exposure time only; run pp_photometry first if there were clouds"


def _star_matrix(
    stars: Sequence[MeasuredStars], tolerance_arcsec: float
) -> tuple[FloatArray, FloatArray]:
    """Magnitudes and errors of all stars on all frames, NaN where a star is not seen."""
    ra, dec = np.zeros(0), np.zeros(0)
    seen = []
    for frame in stars:
        pairs = mutual_matches(frame.ra_deg, frame.dec_deg, ra, dec, tolerance_arcsec)
        column = np.full(len(frame.ra_deg), -1)
        column[pairs.index1] = pairs.index2
        new = column < 0
        column[new] = len(ra) + np.arange(new.sum())
        ra, dec = np.append(ra, frame.ra_deg[new]), np.append(dec, frame.dec_deg[new])
        seen.append(column)
    mag, error = np.full((2, len(stars), len(ra)), np.nan)
    for row, (frame, column) in enumerate(zip(stars, seen, strict=True)):
        mag[row, column], error[row, column] = frame.mag, frame.error_mag
    return mag, error


def weighted_mean(exposures: Sequence[Exposure], values: Sequence[float]) -> float:
    """Mean of values weighted by exposure; differences first, for the digits of Julian dates."""
    total = sum(each.exptime_s for each in exposures)
    start = values[0]
    pairs = zip(exposures, values, strict=True)
    return start + sum(e.exptime_s * (value - start) for e, value in pairs) / total


def with_weights(exposures: Sequence[Exposure], by_noise: bool) -> list[Exposure]:
    """Frames with their parts of the stack: all alike, or by the noise of their sky."""
    noise = np.array([each.noise_adu * each.scale for each in exposures])
    weight = 1.0 / noise**2 if by_noise and (noise > 0).all() else np.ones(len(exposures))
    weight /= weight.sum()
    return [replace(e, weight=float(w)) for e, w in zip(exposures, weight, strict=True)]


def seeing_excess(exposures: Sequence[Exposure]) -> float:
    """How far the peak of a star rises above the typical one on the frame of best seeing.

    0.8 means 80 % higher. NaN if the width of the stars is not known on all frames.
    """
    fwhm = np.array([each.stars.fwhm_px if each.stars else math.nan for each in exposures])
    return float((np.median(fwhm) / fwhm.min()) ** 2 - 1.0) if (fwhm > 0).all() else math.nan


def spread(exposures: Sequence[Exposure]) -> float:
    """Area of the smallest image of all frames, in areas of one frame."""
    corners = np.array([each.corners() for each in exposures])
    ra, dec = corners[:, 0].ravel(), corners[:, 1].ravel()
    east, north = sky.offsets_arcsec(*sky.median_position(ra, dec), ra, dec)
    frame = exposures[0].frame
    one = float(np.prod(frame.shape) * np.prod(frame.pixel_scale_arcsec))
    return float(np.ptp(east) * np.ptp(north)) / one


def coverage(exposures: Sequence[Exposure], wcs: "WCS", shape: tuple[int, int]) -> IntArray:
    """How many frames cover each pixel of a stack.

    Parameters
    ----------
    wcs : WCS
        Of the stack.
    shape : (ny, nx)
        Of the stack.
    """
    rows = np.arange(shape[0])
    change = np.zeros((shape[0], shape[1] + 1), np.int32)  # of the number, from column to column
    for exposure in exposures:
        x, y = wcs.all_world2pix(*exposure.corners(), 0)
        first, behind = inside_outline(x, y, shape)
        change[rows, first] += 1
        change[rows, behind] -= 1
    return np.cumsum(change, axis=1, out=change)[:, :-1]


def inside_outline(
    x_px: FloatArray, y_px: FloatArray, shape: tuple[int, int]
) -> tuple[IntArray, IntArray]:
    """Pixels whose centres lie inside a convex outline: columns of each row.

    Parameters
    ----------
    x_px, y_px : array, shape (n,)
        Zero-based corners, in either sense.
    shape : (ny, nx)
        Of the image.

    Returns
    -------
    first, behind : array, shape (ny,)
        The first column inside, and the first one behind it; equal where none is inside.
    """
    row = np.arange(shape[0])
    along_x, along_y = np.roll(x_px, -1) - x_px, np.roll(y_px, -1) - y_px
    sense = np.sign(np.sum(x_px * along_y - y_px * along_x))  # of twice the area
    first, last = np.zeros(shape[0]), np.full(shape[0], shape[1] - 1.0)
    if not np.isfinite([x_px, y_px]).all():
        return np.zeros(shape[0], np.intp), np.zeros(shape[0], np.intp)
    for x, y, dx, dy in zip(x_px, y_px, sense * along_x, sense * along_y, strict=True):
        # inside is where dx (row - y) - dy (column - x) >= 0
        if dy == 0:
            last[dx * (row - y) < 0] = -1.0
            continue
        edge = x + dx * (row - y) / dy
        if dy > 0:
            last = np.minimum(last, np.floor(edge))
        else:
            first = np.maximum(first, np.ceil(edge))
    behind = np.maximum(last + 1.0, 0.0)
    return np.minimum(first, behind).astype(np.intp), behind.astype(np.intp)
