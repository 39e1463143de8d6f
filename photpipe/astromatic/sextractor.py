"""Source Extractor on one frame: nothing that lies about may change what comes out.

Every run has a folder of its own with plain link names, because the tool cannot read names
with blanks or commas; its settings are written there, so that no ``default.sex`` counts; and
no ``.head`` file beside the frame overrides its header.
"""

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.astromatic.extraction import (
    CATALOG,
    FRAME,
    NO_SATURATION_ADU,
    PARAMETERS,
    SETTINGS,
    WEIGHT,
    Detector,
    Extraction,
    arguments,
    base_name,
    parameter_lines,
)
from photpipe.astromatic.frame_links import link_frame
from photpipe.astromatic.room import temporary_folder
from photpipe.astromatic.tool import SOURCE_EXTRACTOR, Finished, run_tool
from photpipe.catalogs.ldac import columns_of, parse_ldac
from photpipe.fits.pixels import open_plane, read_pixels
from photpipe.fits.values import CardValue, as_number, card_value
from photpipe.ground import files, paths
from photpipe.ground.errors import ConfigError, FrameError, ReductionError
from photpipe.run.results import ExtractedFrame
from photpipe.science.saturation import Ceilings, threshold

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.table import Table

    from photpipe.instruments.frames import Frame

log = logging.getLogger(__name__)

SEEING_SNR = 20.0  # fainter sources say little about the seeing
# by judgement: bright ones that are flawless, or, of fewer than 5, all of them
SEEING_SOURCES, FEWEST_SEEING_SOURCES = 20, 5
LOOKED_AT = frozenset({"FWHM_IMAGE", "FLUX_ISOCOR", "FLUXERR_ISOCOR", "FLAGS"})
_FILE_SETTINGS = ("FILTER_NAME", "STARNNW_NAME", "PSF_NAME", "WEIGHT_IMAGE", "FLAG_IMAGE")


def read_parameter_file(file: Path) -> tuple[str, ...]:
    """Columns named in a user's parameter file.

    Raises
    ------
    ConfigError
        If the file cannot be read or names nothing.
    """
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        reason = f"-paramfile {file}: {error.strerror or error}"
        raise ConfigError(f"{reason}; check its name") from error
    columns = tuple(words[0] for line in lines if (words := line.partition("#")[0].split()))
    if not columns:
        raise ConfigError(f"-paramfile {file}: the file lists no column")
    return columns


def detector_of(frame: "Frame", settings: Mapping[str, str]) -> Detector:
    """Properties of a frame; what its header does not tell is taken from the settings."""
    gain_card = settings.get("GAIN_KEY", "GAIN")  # the usual one is looked at by the frame
    own_gain = None if gain_card == "GAIN" else card_value(frame.header, gain_card)
    return Detector(
        shape=frame.shape,
        pixel_scale_arcsec=math.sqrt(math.prod(frame.pixel_scale_arcsec)),
        saturation_adu=_positive(card_value(frame.header, settings.get("SATUR_KEY", "SATURATE")))
        or _positive(settings.get("SATUR_LEVEL"))
        or math.inf,
        gain=_positive(own_gain) or frame.gain or _positive(settings.get("GAIN")) or 0.0,
        has_mask=frame.mask_path is not None,
    )


def _positive(value: CardValue | None) -> float | None:
    number = as_number(value)
    return number if number is not None and number > 0 else None


def question(frame: "Frame", extraction: Extraction) -> str:
    """Digest of all that decides what the tool finds on a frame, but for the saturation level.

    Raises
    ------
    HeaderError, FrameError
        If the frame cannot be used.
    """
    _check_picture(frame)
    settings = frame.telescope.tool_settings("sex")
    files_of_settings = [
        paths.setup_file(settings.get(key, "").replace("$PHOTPIPEDIR", str(paths.user_home())))
        for key in _FILE_SETTINGS
    ]
    stamps = [files.stamp(file) for file in files_of_settings if file.is_file()]
    mask = files.stamp(frame.mask_path) if frame.mask_path else ""
    told = arguments(extraction, detector_of(frame, settings)), parameter_lines(extraction)
    parts = (
        open_plane(frame.path).fingerprint(),
        frame.shape,
        mask,
        sorted(settings.items()),
        stamps,
        told,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def saturation_level(frame: "Frame", bright: Ceilings | None) -> float:
    """Saturation level (counts) by the header and by the pixels of the frame and of its night."""
    level_adu = detector_of(frame, frame.telescope.tool_settings("sex")).saturation_adu
    return level_adu if bright is None else bright.level_of(frame.name, level_adu)


def extract_frame(
    frame: "Frame", extraction: Extraction, timeout_s: float, level_adu: float | None = None
) -> ExtractedFrame:
    """Extract the sources of a frame into its catalog ``<stem>.ldac``.

    The catalog appears when it is complete.

    Parameters
    ----------
    level_adu : float, optional
        Saturation level (counts); otherwise the header alone tells.

    Raises
    ------
    HeaderError, FrameError
        If the frame cannot be used, or the catalog cannot be written.
    ToolError
        If Source Extractor is missing, fails, hangs, or writes no usable catalog.
    ReductionError
        If there is no source.
    """
    _check_picture(frame)
    settings = frame.telescope.tool_settings("sex")
    detector = detector_of(frame, settings)
    if level_adu is None:
        level_adu = detector.saturation_adu
    # the tool compares peak + background, which rounding puts below a pixel on the level
    detector = replace(detector, saturation_adu=min(threshold(level_adu), NO_SATURATION_ADU))
    with temporary_folder("pp_extract_") as folder:
        content, finished = _run(frame, settings, extraction, detector, folder, timeout_s)
    table, header = _catalog(content, extraction, finished)
    if len(table) == 0:
        raise ReductionError(_nothing_found(frame, extraction))
    try:
        files.write_bytes(frame.ldac_path, content)
    except OSError as error:
        reason = f"the catalog {frame.ldac_path.name} cannot be written: {error.strerror}"
        raise FrameError(frame.name, reason) from error
    if not extraction.ignore_saturation:
        _warn_of_low_saturation(frame, level_adu, header)
    fwhm_px = median_fwhm_px(table)
    return ExtractedFrame(
        frame=frame.name,
        catalog=frame.ldac_path.name,
        sources=len(table),
        fwhm_px=fwhm_px,
        fwhm_arcsec=fwhm_px * detector.pixel_scale_arcsec,
        radii_px=extraction.radii_px,
        gain=detector.gain,
        saturation_adu=level_adu,
    )


def _warn_of_low_saturation(frame: "Frame", level_adu: float, header: "Header") -> None:
    """Warn where a level is absurd, as of a card in other units than the pixels."""
    if level_adu <= header.get("SEXBKGND", 0.0):
        log.warning(
            "%s: the saturation level of %g lies below the sky, which flags all sources; "
            "correct the card SATURATE or use -ignore_saturation",
            frame.name,
            level_adu,
        )


def _check_picture(frame: "Frame") -> None:
    """Refuse what Source Extractor would take for a picture, or take a part of."""
    count = frame.header.get("NAXIS", 0)
    axes = [frame.header.get(f"NAXIS{axis}", 0) for axis in range(1, count + 1)]
    if len(axes) < 2:
        reason = "there is no image in its first part; pp_prepare unpacks files of several parts"
        raise FrameError(frame.name, reason)
    if math.prod(axes[2:]) != 1:
        reason = f"a cube of {math.prod(axes[2:])} images; split it into frames"
        raise FrameError(frame.name, reason)


def _run(
    frame: "Frame",
    settings: Mapping[str, str],
    extraction: Extraction,
    detector: Detector,
    folder: Path,
    timeout_s: float,
) -> tuple[bytes, Finished]:
    """Run the tool in a folder of its own; what it wrote."""
    log.debug("%s: %s in %s", frame.name, SOURCE_EXTRACTOR.name, folder)
    link_frame(frame.path, folder / FRAME)
    mask = frame.mask_path if detector.has_mask else None
    if mask is not None:
        (folder / WEIGHT).symlink_to(mask.absolute())
    lines = [f"{key} {value}" for key, value in _with_links(settings, folder).items() if value]
    (folder / SETTINGS).write_text("\n".join(lines) + "\n", "utf-8")
    (folder / PARAMETERS).write_text("\n".join(parameter_lines(extraction)) + "\n", "utf-8")
    finished = run_tool(SOURCE_EXTRACTOR, arguments(extraction, detector), folder, timeout_s)
    finished.check()
    try:
        return (folder / CATALOG).read_bytes(), finished
    except FileNotFoundError:
        raise finished.error("ended without an error and without a catalog") from None


def _with_links(settings: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Settings whose files are links in the folder, relative names being those of ``setup/``."""
    result = dict(settings)
    for key in _FILE_SETTINGS:
        name = settings.get(key, "").replace("$PHOTPIPEDIR", str(paths.user_home()))
        file = paths.setup_file(name)  # an absolute name stays what it is
        if name and file.is_file():
            (folder / key).symlink_to(file.absolute())
            result[key] = key
    return result


def _catalog(content: bytes, extraction: Extraction, finished: Finished) -> "tuple[Table, Header]":
    """Catalog out of what the tool wrote, which has all columns that were asked for: a few."""
    try:
        found = columns_of(content, CATALOG)
        table, header = parse_ldac(content, CATALOG, LOOKED_AT)
    except FrameError as error:
        raise finished.error(
            f"ended without an error but wrote an unreadable catalog: {error}"
        ) from error
    missing = {base_name(each) for each in parameter_lines(extraction)}.difference(found)
    if missing:
        message = (
            f"does not know the output columns {', '.join(sorted(missing))}; -paramfile takes a "
            "list of columns, while settings belong in the .sex file of the telescope"
        )
        raise finished.error(message)
    return table, header


def median_fwhm_px(table: "Table") -> float:
    """Seeing: median FWHM in pixels of the brightest flawless sources.

    Faint ones are left out, because noise widens them. Where there are hardly any bright
    ones, the median of all sources; NaN if none has a width.
    """
    import numpy as np

    fwhm_px = np.asarray(table["FWHM_IMAGE"], dtype=float)
    flux, error = (np.asarray(table[name]) for name in ("FLUX_ISOCOR", "FLUXERR_ISOCOR"))
    measured = fwhm_px > 0
    flawless = measured & (np.asarray(table["FLAGS"]) == 0) & (flux > SEEING_SNR * error)
    brightest = np.argsort(np.where(flawless, -flux, np.inf))[: min(SEEING_SOURCES, flawless.sum())]
    chosen = fwhm_px[brightest] if len(brightest) >= FEWEST_SEEING_SOURCES else fwhm_px[measured]
    return float(np.median(chosen)) if chosen.size else math.nan


def _nothing_found(frame: "Frame", extraction: Extraction) -> str:
    """Say that there is no source, and why if the pixels tell."""
    import numpy as np

    pixels = read_pixels(frame.path)
    values = pixels[np.isfinite(pixels)]
    if values.size == 0:
        return f"{frame.name}: all pixels are NaN; set the frame aside"
    if values.min() == values.max():
        return f"{frame.name}: all pixels have the value {values[0]:g}; set the frame aside"
    return (
        f"{frame.name}: no source has {extraction.minarea} connected pixels above "
        f"{extraction.snr:g} sigma; lower -snr or -minarea, or set the frame aside"
    )
