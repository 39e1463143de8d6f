"""What Source Extractor is asked for: columns, arguments, and what it has to know of a frame."""

import math
from dataclasses import dataclass

APERTURE_COLUMNS = ("FLUX_APER", "FLUXERR_APER", "MAG_APER", "MAGERR_APER")
"""Columns with one value per aperture."""

COLUMNS = (
    *("XWIN_IMAGE", "YWIN_IMAGE", "XWIN_WORLD", "YWIN_WORLD", "X_IMAGE", "Y_IMAGE"),
    *("ERRAWIN_IMAGE", "ERRBWIN_IMAGE", "ERRTHETAWIN_IMAGE"),
    *APERTURE_COLUMNS,
    *("FLUX_ISOCOR", "FLUXERR_ISOCOR", "MAG_ISOCOR", "MAGERR_ISOCOR"),
    *("FLUX_AUTO", "FLUXERR_AUTO", "MAG_AUTO", "MAGERR_AUTO"),
    *("FLUX_MAX", "BACKGROUND", "FLUX_RADIUS", "ISOAREA_IMAGE"),
    *("FLUX_GROWTH", "FLUX_GROWTHSTEP"),  # nobody here reads them: the original's files have them
    *("A_IMAGE", "B_IMAGE", "THETA_IMAGE", "FWHM_IMAGE", "FWHM_WORLD", "FLAGS"),
)
"""Columns of every catalog, the same for one aperture and for many.

There is no ELONGATION (it is A_IMAGE / B_IMAGE), so that SCAMP cannot reject trailed sources.
"""

FRAME, WEIGHT, CATALOG = "frame.fits", "weight.fits", "sources.ldac"
SETTINGS, PARAMETERS = "settings.sex", "columns.sexparam"

NO_SATURATION_ADU = 1e20  # far above any count: Source Extractor takes no pixel for saturated
# Source Extractor's default; a tenth of the pixels of larger frames is room for crowded ones
SMALLEST_PIXEL_STACK = 300_000


@dataclass(frozen=True, slots=True)
class Extraction:
    """What is to be extracted.

    Parameters
    ----------
    snr : float
        Detection threshold in standard deviations of the background, for each pixel.
    minarea : int
        Smallest number of connected pixels above the threshold.
    radii_px : tuple of float
        Aperture radii in pixels; more than one makes the aperture columns vectors.
    ignore_saturation : bool
        Flag no source as saturated.
    deblend : bool
        Separate overlapping sources.
    extra_columns : tuple of str
        Columns wanted besides `COLUMNS`.
    """

    snr: float
    minarea: int
    radii_px: tuple[float, ...]
    ignore_saturation: bool = False
    deblend: bool = True
    extra_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detector:
    """What Source Extractor has to know of a frame.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    pixel_scale_arcsec : float
        Arcsec per pixel, mean of both axes.
    saturation_adu : float
        Level from which on a pixel is saturated.
    gain : float
        Electrons per ADU; 0 if unknown: photon noise of the sources is then left out.
    has_mask : bool
        Whether a weight map exists.
    """

    shape: tuple[int, int]
    pixel_scale_arcsec: float
    saturation_adu: float
    gain: float
    has_mask: bool = False


def arguments(extraction: Extraction, detector: Detector) -> list[str]:
    """Arguments of Source Extractor; they win over the settings of the telescope.

    A card of the image would silently win over a level or gain given here, which is why no
    card is named (``SATUR_KEY NONE``).
    """
    saturation_adu = NO_SATURATION_ADU if extraction.ignore_saturation else detector.saturation_adu
    values: dict[str, object] = {
        "c": SETTINGS,
        "PARAMETERS_NAME": PARAMETERS,
        "CATALOG_NAME": CATALOG,
        "CATALOG_TYPE": "FITS_LDAC",
        "HEADER_SUFFIX": ".none",
        "DETECT_MINAREA": extraction.minarea,
        "DETECT_THRESH": extraction.snr,
        "ANALYSIS_THRESH": extraction.snr,
        "PHOT_APERTURES": ",".join(_number(2.0 * radius) for radius in extraction.radii_px),
        "BACKPHOTO_TYPE": "LOCAL",
        "SATUR_LEVEL": saturation_adu,
        "SATUR_KEY": "NONE",
        "GAIN": detector.gain,
        "GAIN_KEY": "NONE",
        "PIXEL_SCALE": detector.pixel_scale_arcsec,
        "MEMORY_PIXSTACK": max(SMALLEST_PIXEL_STACK, math.prod(detector.shape) // 10),
        "CHECKIMAGE_TYPE": "NONE",
        "WRITE_XML": "N",
        "VERBOSE_TYPE": "QUIET",
        "NTHREADS": 1,
    }
    if detector.has_mask:
        values |= {"WEIGHT_TYPE": "MAP_WEIGHT", "WEIGHT_IMAGE": WEIGHT}
    if not extraction.deblend:
        values["DEBLEND_MINCONT"] = 1
    return [FRAME, *(word for key, value in values.items() for word in (f"-{key}", _word(value)))]


def _word(value: object) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:.10g}"


def parameter_lines(extraction: Extraction) -> list[str]:
    """Lines of the parameter file: the columns of the catalog."""
    count = len(extraction.radii_px)
    own = [f"{name}({count})" if name in APERTURE_COLUMNS else name for name in COLUMNS]
    return own + [each for each in extraction.extra_columns if base_name(each) not in COLUMNS]


def base_name(column: str) -> str:
    """Name of a column without its length: ``FLUX_APER`` of ``FLUX_APER(20)``."""
    return column.partition("(")[0]
