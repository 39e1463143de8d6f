"""What flows through the pipeline: the results of the stages, side by side.

All of them are frozen, hold plain values (str, float, int, bool, None, tuples and other
results) and can be saved and read again. NaN is written as null.
"""

import dataclasses
import json
import math
import typing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from photpipe.run.typed import fields_of, typed

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


NO_BAND = "the filter has no band in any catalog"


def unmet(result: Result) -> tuple[FrameFailure, ...]:
    """Frames that were finished without what was wished for; few stages know of such."""
    found: tuple[FrameFailure, ...] = getattr(result, "unmet", ())
    return found


_PLAIN = frozenset({str, int, bool, type(None)})
# JSON has no word for infinities, but its readers take what is beyond every float for them
_BEYOND = {"\0inf": "1e999", "\0-inf": "-1e999"}


def to_json(result: object) -> str:
    """Result as JSON text, a line for each field; NaN becomes null, an infinity 1e999.

    Indented throughout it would be written by Python itself, at five times the time.
    """
    values = plain(result, marks_infinities=True)
    assert isinstance(values, dict)
    lines = (f" {json.dumps(name)}: {json.dumps(each)}" for name, each in values.items())
    text = "{\n" + ",\n".join(lines) + "\n}"
    for mark, number in _BEYOND.items():
        text = text.replace(json.dumps(mark), number)
    return text


def plain(value: object, *, marks_infinities: bool = False) -> object:
    """Value as JSON can say it: dataclasses as objects, tuples as lists, NaN, infinities as None.

    Infinities become texts instead, if wished, that nothing else says.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return f"\0{value}" if marks_infinities and math.isinf(value) else None
    if dataclasses.is_dataclass(value):
        return {
            name: plain(getattr(value, name), marks_infinities=marks_infinities)
            for name in fields_of(type(value))
        }
    if isinstance(value, dict):
        return {
            str(key): plain(each, marks_infinities=marks_infinities) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(each, marks_infinities=marks_infinities) for each in value]
    return value


def from_json(kind: type[ResultT], text: str) -> ResultT:
    """Result of the given class out of JSON text.

    Raises
    ------
    ValueError, TypeError
        If the text was written by something else.
    """
    return typing.cast("ResultT", typed(json.loads(text), kind, kind.__name__))


@dataclass(frozen=True, slots=True)
class StageRecord:
    """How the last run of one command in a directory went.

    Parameters
    ----------
    command, arguments : str
        Name of the command, and what was typed behind it.
    status : str
        running, done, partial, failed or interrupted; a command that was killed stays running.
    reason : str
        Why it failed, in one line; else empty.
    started : str
        When it began, ISO 8601 (UTC).
    seconds : float
        How long it took; NaN while it runs.
    """

    command: str
    arguments: str
    status: str
    reason: str
    started: str
    seconds: float


@dataclass(frozen=True, slots=True)
class History:
    """The last run of every command in a directory, in chronological order."""

    records: tuple[StageRecord, ...] = ()

    def with_record(self, record: StageRecord) -> "History":
        """Copy in which a record replaces the one of the same command."""
        others = tuple(each for each in self.records if each.command != record.command)
        return History((*others, record))


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
    saturation_adu : float
        Level of a saturated pixel; infinite if neither the pixels nor the header tell it.
    """

    frame: str
    catalog: str
    sources: int
    fwhm_px: float
    fwhm_arcsec: float
    radii_px: tuple[float, ...]
    gain: float
    saturation_adu: float = math.inf


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
class ToldFact:
    """One thing that a header tells of a frame, in words.

    Parameters
    ----------
    name, value : str
        What, and what it is.
    origin : str
        The cards, or whatever else it was taken from.
    doubt : str
        What contradicts it or was assumed; empty if nothing.
    """

    name: str
    value: str
    origin: str
    doubt: str = ""


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
        Whether the file was written; False if it was already prepared in the same way.
    binning : (int, int)
        In x and y.
    band : str
        Band of the filter in the catalogs; empty if no catalog has it.
    facts : tuple of ToldFact
        Of a camera without an entry: what was taken from where.
    unknown_filter : str
        What to do about a filter that the telescope's entry does not have; else empty.
    time_remarks : tuple of str
        What is doubtful about the time of the exposure.
    notes : tuple of str
        What was assumed because a card is missing.
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
    binning: tuple[int, int] = (1, 1)
    band: str = ""
    facts: tuple[ToldFact, ...] = ()
    unknown_filter: str = ""
    time_remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
    saturation_adu : float
        Level of a saturated pixel; infinite if neither the pixels nor the header tell it.
    saturated : int
        Sources with saturated pixels in their aperture.
    psf_stars, psf_found : int
        Stars that told the PSF, and sources that only its fit has found; 0: the sources were
        measured in apertures.
    psf_fwhm_px, psf_beta : float
        Width and exponent of the wings of the PSF.
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
    saturation_adu: float = math.inf
    saturated: int = 0
    psf_stars: int = 0
    psf_found: int = 0
    psf_fwhm_px: float = math.nan
    psf_beta: float = math.nan


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
    crowding, crowding_limit : float
        Stars per area of the aperture, and from which on they are measured with the PSF.
    psf_wish : str
        What the user said of it: psf, aperture, aprad, or nothing.
    psf_error, psf_error_limit : float
        By which pixels of the stars of a typical frame differ from its PSF, and from which on
        they are measured in apertures all the same.
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
    crowding: float = math.nan
    crowding_limit: float = math.nan
    psf_wish: str = ""
    psf_error: float = math.nan
    psf_error_limit: float = math.nan

    @property
    def done(self) -> int:
        """How many frames have instrumental magnitudes."""
        return len(self.frames)

    @property
    def with_psf(self) -> int:
        """How many frames were measured with the PSF."""
        return sum(each.psf_stars > 0 for each in self.frames)

    @property
    def wants_psf(self) -> bool:
        """Whether the frames were to be measured with it."""
        is_crowded = self.crowding >= self.crowding_limit
        is_crowded &= not self.psf_error > self.psf_error_limit
        return self.psf_wish == "psf" or (is_crowded and not self.psf_wish)

    @property
    def psf_lack(self) -> str:
        """Why crowded stars are measured in apertures all the same, or nothing."""
        if not self.psf_error > self.psf_error_limit:
            return ""
        if math.isinf(self.psf_error):
            return "too few of them are isolated"
        return f"their pixels differ from it by {100 * self.psf_error:.0f} %"


@dataclass(frozen=True, slots=True)
class LightCurveResult:
    """Outcome of pptool_lightcurve: periods in hours, amplitude peak to peak.

    `quality` is the code of the Asteroid Lightcurve Database, `coverage` the part of the rotation
    that was seen; the amplitude is NaN where that is too little.
    """

    target: str
    points: int
    sessions: int
    period_h: float
    period_error_h: float
    amplitude_mag: float
    alternatives_h: tuple[float, ...]
    quality: int
    coverage: float
    is_unique: bool
    files: tuple[str, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many points the light curve has."""
        return self.points


@dataclass(frozen=True, slots=True)
class PhaseCurveFit:
    """A phase curve of one band in one system.

    Parameters
    ----------
    band, system : str
        Photometric band; name of the system of phase curves.
    h_mag, h_sig : float
        H, mean over the rotation.
    slopes, slope_sigs : tuple of float
        Slope parameters of the system.
    scatter_mag : float
        Scatter of the nights beyond their errors.
    probability : float
        Of this system among those tried.
    cautions : tuple of str
        What to know before using the numbers.
    """

    band: str
    system: str
    h_mag: float
    h_sig: float
    slopes: tuple[float, ...]
    slope_sigs: tuple[float, ...]
    scatter_mag: float
    probability: float
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhaseCurveResult:
    """Outcome of pptool_phasecurve; the fits of each band, the most probable first."""

    target: str
    nights: int
    period_h: float
    fits: tuple[PhaseCurveFit, ...]
    files: tuple[str, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many nights were used."""
        return self.nights


@dataclass(frozen=True, slots=True)
class CombineResult:
    """Outcome of pp_combine.

    Parameters
    ----------
    stack, target, method : str
        File name of the stack; the target whose motion was followed, if any; how.
    midtime_jd : float
        Mid-time weighted by exposure (JD, UTC).
    frames : tuple of str
        Frames that went in, in chronological order.
    midtimes_jd : tuple of float
        The middles of their exposures.
    path_ra_deg, path_dec_deg : tuple of float
        Positions of the target on them that were brought to one; empty if it was not followed.
    position_deg : tuple of float
        RA and Dec that they were brought to; empty if it was not followed.
    """

    stack: str
    target: str
    method: str
    midtime_jd: float
    frames: tuple[str, ...]
    failed: tuple[FrameFailure, ...]
    midtimes_jd: tuple[float, ...] = ()
    path_ra_deg: tuple[float, ...] = ()
    path_dec_deg: tuple[float, ...] = ()
    position_deg: tuple[float, ...] = ()

    @property
    def done(self) -> int:
        """How many frames were combined."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class ZeropointStep:
    """The zeropoint from a number of stars, the most significant outliers removed."""

    n_stars: int
    zeropoint_mag: float
    error_mag: float
    reduced_chi2: float


@dataclass(frozen=True, slots=True)
class CalibratedFrame:
    """Photometric calibration of one frame (pp_calibrate); NaN where unknown.

    Parameters
    ----------
    frame, database, stars_file : str
        File names of the frame, of its database, and of the list of its reference stars
        (empty if there is none).
    midtime_jd : float
        Middle of the exposure (JD, UTC).
    band, catalog, magnitude_system : str
        What the magnitudes are; catalog "instrumental" if there is no zeropoint.
    zeropoint_mag : float
        NaN: the magnitudes are instrumental, and `note` tells why.
    zeropoint_sigma_mag : float
        Error to quote, in the sense of the setting zeropoint_sigma.
    standard_error_mag, scatter_mag, intrinsic_scatter_mag : float
        Standard error of the zeropoint, scatter of one star about it, and the part of that
        which the quoted errors do not explain.
    reduced_chi2 : float
        Of the stars used.
    matched, usable, used, needed : int
        Reference stars found on the frame, fit to calibrate, used, and to be kept at least.
    rejected : tuple of (str, int)
        Reasons and how many stars each cost.
    steps : tuple of ZeropointStep
        From all usable stars down to three; at most about a hundred of them.
    limiting_mag : float
        Magnitude of a 5 sigma source; instrumental without a zeropoint.
    seeing_arcsec : float
        Median width of the stars.
    sources : int
        Rows of the database.
    note : str
        What the user should know of this frame; empty if there is nothing.
    relative_error_mag : float
        Error of the zeropoint relative to those of the other frames of its field; the standard
        error if there are no others.
    """

    frame: str
    database: str
    stars_file: str
    midtime_jd: float
    band: str
    catalog: str
    magnitude_system: str
    zeropoint_mag: float
    zeropoint_sigma_mag: float
    standard_error_mag: float
    scatter_mag: float
    intrinsic_scatter_mag: float
    reduced_chi2: float
    matched: int
    usable: int
    used: int
    needed: int
    rejected: tuple[tuple[str, int], ...]
    steps: tuple[ZeropointStep, ...]
    limiting_mag: float
    seeing_arcsec: float
    sources: int
    note: str
    relative_error_mag: float = math.nan

    @property
    def is_calibrated(self) -> bool:
        """Whether there is a zeropoint."""
        return math.isfinite(self.zeropoint_mag)


@dataclass(frozen=True, slots=True)
class CatalogAttempt:
    """One catalog that was tried: its stars, the frames it calibrated, what was wrong."""

    catalog: str
    stars: int
    frames: int
    remark: str


@dataclass(frozen=True, slots=True)
class FieldCalibration:
    """What the frames of one field have in common.

    Parameters
    ----------
    catalog : str
        The catalog used; empty if none would do.
    history : tuple of str
        How its stars were chosen, in sentences.
    attempts : tuple of CatalogAttempt
        All catalogs that were tried, in order.
    frames : int
        Frames of the field.
    repeatability_mag : float
        Scatter of constant stars from frame to frame beyond their quoted errors.
    variable_stars : tuple of str
        Reference stars that were seen to vary.
    colour : str
        Colour of the colour term, e.g. "g-r"; empty without one.
    colour_reference, colour_term, colour_term_error : float
        mag = instrumental + zeropoint + colour_term (colour - colour_reference).
    sky_term, sky_term_error : float
        Flux that all sources have too much, in units of the noise of the sky; NaN without.
    spatial : tuple of float
        Coefficients of the polynomial over the frame (`science.zeropoint.spatial_terms`).
    likeness_colour : str
        Colour of the catalog that the slopes belong to; empty if there are none.
    slope, slope_error : float
        Slope of catalog minus frame against that colour in the band of the filter.
    nearest_band, nearest_slope : str, float
        Band of the catalog with the least slope, and that slope.
    is_contradicted : bool
        Whether the stars are clearly those of another band than the filter's.
    unevenness_mag : float
        Scatter of magnitudes across the field, by flat field and widths of stars: a part of the
        errors.
    unevenness : tuple of float
        Coefficients of its map (`science.unevenness.even_terms`), catalog minus frame.
    """

    catalog: str
    history: tuple[str, ...]
    attempts: tuple[CatalogAttempt, ...]
    frames: int
    repeatability_mag: float
    variable_stars: tuple[str, ...]
    colour: str
    colour_reference: float
    colour_term: float
    colour_term_error: float
    sky_term: float
    sky_term_error: float
    spatial: tuple[float, ...]
    likeness_colour: str = ""
    slope: float = math.nan
    slope_error: float = math.nan
    nearest_band: str = ""
    nearest_slope: float = math.nan
    is_contradicted: bool = False
    unevenness_mag: float = math.nan
    unevenness: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrateResult:
    """Outcome of pp_calibrate.

    Parameters
    ----------
    band : str
        Band of all frames; empty if they have none or were left instrumental.
    solar, instrumental : bool
        What the user asked for.
    zeropoint_sigma : str
        "standard" or "scatter": the sense of the errors quoted.
    """

    band: str
    solar: bool
    instrumental: bool
    zeropoint_sigma: str
    fields: tuple[FieldCalibration, ...]
    frames: tuple[CalibratedFrame, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames have a database."""
        return len(self.frames)

    @property
    def calibrated(self) -> int:
        """How many frames have a zeropoint."""
        return sum(each.is_calibrated for each in self.frames)

    @property
    def unmet(self) -> tuple[FrameFailure, ...]:
        """Frames whose magnitudes are instrumental although nobody asked for that.

        A header without a filter asks for it, as the manual has it.
        """
        if self.instrumental:
            return ()
        return tuple(
            FrameFailure(each.frame, f"instrumental magnitudes: {each.note}")
            for each in self.frames
            if not (each.is_calibrated or each.note.startswith(NO_BAND))
        )


@dataclass(frozen=True, slots=True)
class RegisteredFrame:
    """Plate solution of one frame (pp_register); NaN where unknown.

    Parameters
    ----------
    frame, catalog : str
        File name of the frame, and the reference catalog.
    seed : str
        How its place on the sky was found: header, series, pattern, SCAMP.
    fit : str
        Who fitted the solution: SCAMP, least squares, or kept.
    as_contrast, xy_contrast : float
        Contrasts of SCAMP's match.
    detections, references : int
        Sources and catalog stars that were compared.
    matched : int
        How many of them coincide.
    expected : float
        How many would by chance.
    surprise_nats : float
        Improbability of the coincidences (negative logarithm).
    rms_arcsec, region_arcsec : float
        Root mean square per axis of all residuals; largest median of nine regions.
    ra_deg, dec_deg : float
        Frame centre.
    offset_arcsec : float
        How far the header had it from there.
    pixel_scale_arcsec, scale_error : float
        Pixel scale, and its relative deviation from the nominal one.
    rotation_deg : float
        Position angle of the y axis, north through east.
    mirrored : bool
        East is to the right when north is up.
    degree : int
        Degree of the distortion.
    sigma_arcsec : (float, float)
        Scatter that SCAMP reports.
    chi2 : float
        Reduced chi2 that SCAMP reports against the reference.
    chi2_internal : float
        Reduced chi2 that SCAMP reports between frames.
    internal_arcsec : (float, float)
        Scatter of positions between frames that SCAMP reports.
    flux_rms_mag : float
        Scatter of fluxes between frames that SCAMP reports.
    """

    frame: str
    catalog: str
    seed: str
    fit: str
    as_contrast: float
    xy_contrast: float
    detections: int
    references: int
    matched: int
    expected: float
    surprise_nats: float
    rms_arcsec: float
    region_arcsec: float
    ra_deg: float
    dec_deg: float
    offset_arcsec: float
    pixel_scale_arcsec: float
    scale_error: float
    rotation_deg: float
    mirrored: bool
    degree: int
    sigma_arcsec: tuple[float, float]
    chi2: float
    chi2_internal: float = math.nan
    internal_arcsec: tuple[float, float] = (math.nan, math.nan)
    flux_rms_mag: float = math.nan


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """Outcome of pp_register.

    Parameters
    ----------
    frames : tuple of RegisteredFrame
        In the order in which they were given.
    failed : tuple of FrameFailure
        The others.
    catalogs : tuple of str
        Reference catalogs that were tried, in order; each is in ``<name>.cat``.
    """

    frames: tuple[RegisteredFrame, ...]
    failed: tuple[FrameFailure, ...]
    catalogs: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """How many frames are registered."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class DistilledTarget:
    """Photometry of one target (pp_distill); all points are in the ECSV beside `file`.

    Parameters
    ----------
    name, kind, file : str
        Target; moving, fixed, positions, asteroid, variable or control; its ``.dat`` file.
    points, detected, forced, limits, rejected, contaminated : int
        Frames that show its place; how it was measured there; points that were rejected, and
        those with a neighbour in the aperture.
    median_mag, scatter_mag : float
        Of the good points; NaN without any.
    is_calibrated : bool
        False if the magnitudes are instrumental.
    predicted_mag : float
        Magnitude expected (V); NaN if unknown.
    whereabouts : str
        Where it is, if it is not where it was predicted to be seen.
    distance_au : float
        Distance from the observer; NaN if unknown.
    clean, trails : int
        Points from which neighbours were subtracted; points that are fitted trails.
    """

    name: str
    kind: str
    file: str
    points: int
    detected: int
    forced: int
    limits: int
    rejected: int
    contaminated: int
    median_mag: float
    scatter_mag: float
    is_calibrated: bool
    predicted_mag: float
    whereabouts: str = ""
    distance_au: float = math.nan
    clean: int = 0
    trails: int = 0


@dataclass(frozen=True, slots=True)
class ClockResult:
    """The clock of a night, by the known bodies on its frames.

    Parameters
    ----------
    seconds, error_s : float
        By how much the exposures were later than their headers say; standard deviation.
    bodies, points : int
        What it rests on.
    is_off : bool
        Whether the times are wrong, beyond 3 sigma and half a second.
    causes : tuple of str
        What explains it, the best first.
    """

    seconds: float
    error_s: float
    bodies: int
    points: int
    is_off: bool
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DistillResult:
    """Outcome of pp_distill: targets (the control star last), frames in chronological order."""

    targets: tuple[DistilledTarget, ...]
    frames: tuple[str, ...]
    failed: tuple[FrameFailure, ...]
    clock: ClockResult | None = None

    @property
    def done(self) -> int:
        """How many frames were searched."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class Mover:
    """A body that pp_movers found.

    Parameters
    ----------
    name : str
        What SkyBoT knows it as, or a name of our own (trkSub).
    known : str
        Full name of the known body; empty if it is none.
    ra_deg, dec_deg, sigma_arcsec : float
        Place at the reference time, and its error.
    rate_east, rate_north, rate_sigma : float
        Motion on the sky (arcsec/min), and its error.
    mag, sig : float
        Magnitude and error; instrumental without a zeropoint.
    snr, snr_without_best : float
        Significance of all frames together, and without the one that says most.
    frames : int
        Frames on which its track lies.
    offset_arcsec : float
        From the place where the known body was predicted; NaN if it is none.
    """

    name: str
    known: str
    ra_deg: float
    dec_deg: float
    sigma_arcsec: float
    rate_east: float
    rate_north: float
    rate_sigma: float
    mag: float
    sig: float
    snr: float
    snr_without_best: float
    frames: int
    offset_arcsec: float


@dataclass(frozen=True, slots=True)
class MoversResult:
    """Outcome of pp_movers, the most significant body first.

    Parameters
    ----------
    midtime_jd : float
        The reference time (JD, UTC).
    threshold : float
        Significance from which on a body counts.
    fastest_arcsec_min : float
        Largest rate that was tried.
    compared : bool
        Whether SkyBoT's list was at hand.
    """

    movers: tuple[Mover, ...]
    midtime_jd: float
    band: str
    threshold: float
    fastest_arcsec_min: float
    compared: bool
    frames: tuple[str, ...]
    files: tuple[str, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames were searched."""
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class ManidentResult:
    """Outcome of pp_manident.

    Parameters
    ----------
    file : str
        Name of the positions file; empty if nothing was marked.
    marked, written, frames : int
        Frames that were marked, positions in the file, frames that were shown.
    """

    file: str
    marked: int
    written: int
    frames: int
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames were shown."""
        return self.frames


@dataclass(frozen=True, slots=True)
class StackedPhotometryResult:
    """Outcome of pp_stackedphotometry.

    Parameters
    ----------
    stars : CombineResult
        The stack that followed the stars.
    comoving : CombineResult or None
        The one that followed the target.
    aperture_radius_px : float
        Aperture of both.
    band, catalog : str
        Of the calibration; the catalog is empty if there is none.
    zeropoint_mag, zeropoint_sigma_mag : float
        NaN without a calibration.
    targets : tuple of DistilledTarget
        What was measured.
    """

    stars: CombineResult
    comoving: CombineResult | None
    aperture_radius_px: float
    band: str
    catalog: str
    zeropoint_mag: float
    zeropoint_sigma_mag: float
    targets: tuple[DistilledTarget, ...]
    failed: tuple[FrameFailure, ...]

    @property
    def done(self) -> int:
        """How many frames were stacked."""
        return self.stars.done
