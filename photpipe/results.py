"""What flows through the pipeline: the results of the stages, side by side.

All of them are frozen, hold plain values (str, float, int, bool, None, tuples and other
results) and can be saved and read again. NaN is written as null.
"""

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class FrameFailure:
    """One frame that a stage could not finish.

    Parameters
    ----------
    frame : str
        File name.
    reason : str
        One line: what happened and what to do now.
    """

    frame: str
    reason: str


class Result(Protocol):
    """What all results of stages have in common."""

    @property
    def failed(self) -> tuple[FrameFailure, ...]:
        """Frames that were not finished."""

    @property
    def done(self) -> int:
        """How many frames were finished."""


def to_json(result: object) -> str:
    """Result as JSON text; NaN and infinities become null."""
    return json.dumps(_plain(dataclasses.asdict(result)), indent=1)  # type: ignore[call-overload]


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def from_json(kind: type[ResultT], text: str) -> ResultT:
    """Result of the given class out of JSON text.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the text was written by something else.
    """
    return typing.cast("ResultT", _rebuilt(json.loads(text), kind))


def _rebuilt(value: Any, hint: Any) -> object:
    """Value in the shape of its type hint."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        if value is None and type(None) in arguments:
            return None
        return _rebuilt(value, next(each for each in arguments if each is not type(None)))
    if value is None and hint is float:
        return math.nan
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        known = {each.name for each in dataclasses.fields(hint)}
        return hint(**{k: _rebuilt(v, hints[k]) for k, v in value.items() if k in known})
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_rebuilt(each, arguments[0]) for each in value)
        return tuple(_rebuilt(each, kind) for each, kind in zip(value, arguments, strict=True))
    if origin is dict:
        return {key: _rebuilt(each, arguments[1]) for key, each in value.items()}
    return float(value) if hint is float else value


@dataclass(frozen=True, slots=True)
class ExtractedFrame:
    """Sources of one frame (pp_extract).

    Parameters
    ----------
    frame, catalog : str
        File names of the frame and of its catalog.
    sources : int
        Rows of the catalog.
    fwhm_px, fwhm_arcsec : float
        Median width of the well exposed sources, that is the seeing; NaN if none has a width.
    radii_px : tuple of float
        Aperture radii, in the order of the aperture columns.
    gain : float
        Electrons per ADU as used; 0 if unknown, when errors lack the sources' photon noise.
    """

    frame: str
    catalog: str
    sources: int
    fwhm_px: float
    fwhm_arcsec: float
    radii_px: tuple[float, ...]
    gain: float


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """Outcome of pp_extract."""

    frames: tuple[ExtractedFrame, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames were extracted."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class ReportResult:
    """Outcome of the commands that write reports: names of the files."""

    files: tuple[str, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many reports were written."""
        return len(self.files)


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """What `pp_prepare` read out of one frame.

    Parameters
    ----------
    frame : str
        File name of the plain frame that the next stages work on.
    source : str
        File the user named; another one if the frame was unpacked or trimmed.
    telescope : str
        Keyword of the telescope.
    midtime_jd : float
        Middle of the exposure, JD (UTC).
    object_name, filter_name : str
        As in the header; empty if unknown.
    airmass, exptime_s : float
        Airmass and exposure time (s).
    ra_deg, dec_deg : float
        Reference value of the starting WCS (ICRS).
    pixel_scale_arcsec, field_arcmin : (float, float)
        Scale of the binned pixels and size of the image, in x and y.
    changed : bool
        Whether the file was written; False if it was prepared alike before.
    """

    frame: str
    source: str
    telescope: str
    midtime_jd: float
    object_name: str
    filter_name: str
    airmass: float
    exptime_s: float
    ra_deg: float
    dec_deg: float
    pixel_scale_arcsec: tuple[float, float]
    field_arcmin: tuple[float, float]
    changed: bool


@dataclass(frozen=True, slots=True)
class PrepareResult:
    """Outcome of `pp_prepare`: frames prepared, frames put back as they came, failures."""

    frames: tuple[PreparedFrame, ...]
    failed: tuple[FrameFailure, ...]
    restored: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """How many frames were finished."""
        return len(self.frames) + len(self.restored)


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """One aperture of the mean curves of growth.

    Fluxes are relative to the largest aperture, S/N to the best one; NaN without a curve.
    """

    radius_px: float
    background: float
    background_error: float
    background_snr: float
    target: float
    target_error: float
    target_snr: float
    difference: float


@dataclass(frozen=True, slots=True)
class PhotometryFrame:
    """Instrumental photometry of one frame (pp_photometry); NaN where unknown.

    Parameters
    ----------
    frame, catalog : str
        File names of the frame and of its catalog.
    midtime_jd : float
        Middle of the exposure (JD, UTC).
    sources, stars : int
        Rows of the catalog, and how many of them made the curve of growth.
    target : str
        Name that was looked for; empty if none was.
    target_offset_arcsec : float
        Distance of the target's source from its prediction; NaN if it was not found.
    fwhm_px, fwhm_arcsec : float
        Median width of the stars, that is the seeing.
    aperture_correction_mag, aperture_correction_error_mag : float
        To be added to an aperture magnitude to get the total magnitude.
    sky_noise_adu : float
        Noise of the sky in the aperture, local background included.
    noise_factor : float
        That noise relative to what independent pixels would give.
    gain, gain_from : float, str
        Electrons per ADU as used for photon noise and its origin: header, sky, or none.
    limiting_mag : float
        Instrumental magnitude of a 5 sigma source.
    """

    frame: str
    catalog: str
    midtime_jd: float
    sources: int
    stars: int
    target: str
    target_offset_arcsec: float
    fwhm_px: float
    fwhm_arcsec: float
    aperture_correction_mag: float
    aperture_correction_error_mag: float
    sky_noise_adu: float
    noise_factor: float
    gain: float
    gain_from: str
    limiting_mag: float


@dataclass(frozen=True, slots=True)
class PhotometryResult:
    """Outcome of pp_photometry.

    Parameters
    ----------
    aperture_radius_px, aperture_index : float, int
        The chosen aperture and its place in `curve`, counted from 0.
    strategy, decided_by, reason : str
        What was to decide on the aperture, what did in the end, and how.
    flux_limit, flux_margin : float
        The limits that were applied.
    curve : tuple of GrowthPoint
        The mean curves of growth.
    background_frames, background_stars, target_frames : int
        How many frames and stars made the curves.
    growth_file : str
        File name of the curves.
    """

    aperture_radius_px: float
    aperture_index: int
    strategy: str
    decided_by: str
    reason: str
    flux_limit: float
    flux_margin: float
    curve: tuple[GrowthPoint, ...]
    background_frames: int
    background_stars: int
    target_frames: int
    growth_file: str
    frames: tuple[PhotometryFrame, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames have instrumental magnitudes."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class LightCurveResult:
    """Outcome of pptool_lightcurve: periods in hours, amplitude peak to peak."""

    target: str
    points: int
    sessions: int
    period_h: float
    period_error_h: float
    amplitude_mag: float
    alternatives_h: tuple[float, ...]
    files: tuple[str, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many points the light curve has."""
        return self.points
