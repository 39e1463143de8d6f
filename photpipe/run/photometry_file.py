"""The final product: ``photometry_<target>.dat``, and beside it the same as ECSV and CSV.

The ``.dat`` file has the documented columns, one line per frame, separated by blanks.
Lines that a script should not use start with ``#``: rejected points and upper limits, each
with its reason behind the last column. The ECSV and CSV files hold all points and everything
else that is known about them, with units.
"""

import dataclasses
import functools
import math
import shlex
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photpipe.ground import ecsv, files
from photpipe.ground.errors import ConfigError

DETECTED, FORCED, LIMIT, CLEAN, FITTED_TRAIL = "detected", "forced", "limit", "clean", "trail"
CONTAMINATED, TRAIL, BLEEDING = "contaminated", "trail", "bleeding"
COSMIC_RAY = "cosmic ray"
SPOILERS = (CONTAMINATED, TRAIL, BLEEDING, COSMIC_RAY)
"""What spoils points that were measured well: kinds of rejection with symbols of their own.

``rejected`` begins with the kind and a colon. All that leaves out rejected points leaves these out.
"""


def _column(unit: str, meaning: str, *, is_newer: bool = False) -> Any:
    """Field of a point with its unit and meaning, written into the ECSV file.

    Parameters
    ----------
    is_newer : bool
        Files of earlier versions lack it, and are read nevertheless.
    """
    return ecsv.column(unit, meaning, is_newer=is_newer)


_newer_column = functools.partial(_column, is_newer=True)


@dataclass(frozen=True, slots=True)
class TargetPoint:
    """One target on one frame; NaN where a quantity is not known."""

    frame: str = _column("", "file name of the frame")
    midtime_jd: float = _column("d", "Julian date (UTC) at mid-exposure")
    mag: float = _column("mag", "calibrated magnitude, or 5 sigma limit; instrumental without ZP")
    sig: float = _column("mag", "its standard error, zeropoint included")
    source_ra_deg: float = _column("deg", "measured right ascension (ICRS)")
    source_dec_deg: float = _column("deg", "measured declination (ICRS)")
    predicted_ra_deg: float = _column("deg", "predicted right ascension (ICRS)")
    predicted_dec_deg: float = _column("deg", "predicted declination (ICRS)")
    offset_east_arcsec: float = _column("arcsec", "predicted minus measured, east, on the sky")
    offset_north_arcsec: float = _column("arcsec", "predicted minus measured, north")
    sigma_east_arcsec: float = _column("arcsec", "random error of the measured position, east")
    sigma_north_arcsec: float = _column("arcsec", "the same, north")
    manual_east_arcsec: float = _column("arcsec", "offset given by the user, east, on the sky")
    manual_north_arcsec: float = _column("arcsec", "offset given by the user, north")
    exptime_s: float = _column("s", "exposure time")
    zeropoint: float = _column("mag", "magnitude zeropoint of the frame; NaN: instrumental")
    zeropoint_sig: float = _column("mag", "error of the zeropoint (see settings)")
    zeropoint_scatter: float = _column("mag", "scatter of one calibration star")
    instrumental_mag: float = _column("mag", "mag without ZP: all corrections are part of it")
    instrumental_sig: float = _column("mag", "error of mag without that of the zeropoint")
    trailing_mag: float = _column("mag", "correction for trailing that is part of mag")
    catalog: str = _column("", "photometric catalog; instrumental without calibration")
    band: str = _column("", "photometric band")
    flags: int = _column("", "Source Extractor flags")
    flags_in_words: str = _column("", "the same in words")
    astrometric_catalog: str = _column("", "catalog of the registration; empty if there was none")
    telescope: str = _column("", "telescope and instrument")
    telescope_keyword: str = _column("", "keyword of the telescope's entry")
    observatory_code: str = _column("", "observatory code of the Minor Planet Center")
    method: str = _column("", "detected, forced, clean (neighbours subtracted), trail, or limit")
    snr: float = _column("", "signal-to-noise ratio in the aperture")
    fwhm_arcsec: float = _column("arcsec", "full width at half maximum of the source")
    seeing_arcsec: float = _column("arcsec", "median full width at half maximum of the stars")
    aperture_radius_px: float = _column("pix", "radius of the aperture")
    aperture_radius_arcsec: float = _column("arcsec", "radius of the aperture on the sky")
    limiting_mag: float = _column("mag", "5 sigma limit of the frame")
    airmass: float = _column("", "airmass")
    filter: str = _column("", "filter as the header names it")
    colour_term: float = _column("", "coefficient of the colour term; NaN if none was used")
    contamination_mag: float = _column("mag", "estimated brightening by neighbours, sky included")
    contamination: str = _column("", "what may contaminate the aperture")
    rejected: str = _column("", "reason of the rejection; empty if the measurement is good")
    aperture_mag: float = _newer_column(
        "mag", "instrumental magnitude in the aperture, as measured"
    )
    aperture_sig: float = _newer_column("mag", "its error from sky and photon noise only")
    plain_mag: float = _newer_column("mag", "mag with its neighbours; NaN: none was subtracted")
    plain_sig: float = _newer_column("mag", "its error")
    subtraction_sig: float = _newer_column("mag", "part of sig: noise and misfit of the template")
    subtraction_misfit: float = _newer_column(
        "", "fraction of a star's flux that a template leaves"
    )
    subtraction: str = _newer_column("", "what was subtracted, or why nothing was")
    sigma_correlation: float = _newer_column(
        "", "correlation of the errors of the position, of trails"
    )
    trail_arcsec: float = _newer_column(
        "arcsec", "length of the fitted trail; NaN: none was fitted"
    )
    trail_sig: float = _newer_column(
        "arcsec", "its error; NaN: the length is that of the ephemeris"
    )
    trail_start_ra_deg: float = _newer_column("deg", "right ascension at the start of the exposure")
    trail_start_dec_deg: float = _newer_column("deg", "declination there")
    trail_end_ra_deg: float = _newer_column("deg", "right ascension at the end of the exposure")
    trail_end_dec_deg: float = _newer_column("deg", "declination there")
    trail_end_along_arcsec: float = _newer_column(
        "arcsec", "error of start and end along the trail"
    )
    trail_end_across_arcsec: float = _newer_column("arcsec", "the same across it")
    trail_period_s: float = _newer_column("s", "period of the brightness along the trail, if any")
    trail_period_sig: float = _newer_column("s", "its error")
    contamination_arcsec: float = _newer_column("arcsec", "distance of the worst neighbour")
    defect_mag: float = _newer_column("mag", "estimated brightening by a trail, a column or a hit")
    defect: str = _newer_column("", "which of them is in the aperture; empty if none was found")

    def corrected(self, correction_mag: float, error_mag: float) -> "TargetPoint":
        """The point with a correction for trailing added to magnitude and error."""
        mag, sig = self.mag + correction_mag, math.hypot(self.sig, error_mag)
        instrumental = without_zeropoint(mag, sig, self.zeropoint, self.zeropoint_sig)
        return dataclasses.replace(
            self,
            mag=mag,
            sig=sig,
            instrumental_mag=instrumental[0],
            instrumental_sig=instrumental[1],
            trailing_mag=self.trailing_mag + correction_mag,
        )

    @property
    def spoiler(self) -> str:
        """Which of `SPOILERS` keeps the point out; empty if none does."""
        kind = self.rejected.partition(":")[0]
        return kind if kind in SPOILERS else ""

    @property
    def is_too_bright(self) -> bool:
        """Whether it is brighter than expected, and no neighbour answers for it."""
        return self.contamination.endswith((BRIGHTER, UNEXPECTED))

    @property
    def is_too_wide(self) -> bool:
        """Whether it is wider than the stars, and no neighbour answers for it."""
        return self.contamination.endswith(WIDER)

    @property
    def is_good(self) -> bool:
        """Whether the line stands in the .dat file without ``#``."""
        return not self.rejected and self.method != LIMIT and math.isfinite(self.mag)


SINGLE_FRAMES = "_single_frames"
"""End of the name under which the photometry of frames is kept when that of a stack comes."""


def file_name(target: str, suffix: str = ".dat") -> str:
    """Name of the file of a target, safe whatever the target is called."""
    return f"photometry_{files.slug(target)}{suffix}"


REJECTIONS_FILE = "rejections.txt"
# contamination that nobody answers for
BRIGHTER = "brighter than on the other frames"
UNEXPECTED = "brighter than predicted"
WIDER = "as wide as the stars"


_KEPT_FILES = 4  # 0.2 MB each for a hundred points; the pages and the summary read the same ones


def read_rejections(directory: Path) -> dict[tuple[str, str], str]:
    """Points that the user rejected by hand: (slug of the target, frame) and the reason.

    ``rejections.txt`` holds a line per point: slug of the target, file name of the frame and,
    if wanted, the reason; a file name with blanks stands in quotation marks.

    Raises
    ------
    ConfigError
        If the file cannot be read or understood: file and line.
    """
    path = directory / REJECTIONS_FILE
    try:
        lines = files.read_text(path).splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    rejections = {}
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise ConfigError(f"{path}: line {number}: {error}") from error
        if len(words) == 1:
            raise ConfigError(f"{path}: line {number}: expected are target, frame and reason")
        if words:
            rejections[words[0], words[1]] = " ".join(words[2:]) or "rejected by the user"
    return rejections


_DECIMALS = 4  # of a magnitude: 0.1 mmag, below all real errors
_METHODS = {
    DETECTED: "APER",
    FORCED: "FORCED",
    LIMIT: "LIMIT",
    CLEAN: "CLEAN",
    FITTED_TRAIL: "TRAIL",
}


def _word(text: str) -> str:
    """Text without blanks, so that columns stay columns."""
    return "_".join(text.split()) or "-"


def without_zeropoint(
    mag: float, sig: float, zeropoint: float, zeropoint_sig: float
) -> tuple[float, float]:
    """What is left of a magnitude and its error when the zeropoint is taken away.

    These are ``inst_mag`` and ``in_sig``: mag = ZP + inst_mag, sig = hypot(ZP_sig, in_sig). A
    zeropoint that is NaN (instrumental magnitudes) counts as 0.
    """
    if math.isnan(zeropoint):
        return mag, sig
    return mag - zeropoint, math.sqrt(max(sig**2 - zeropoint_sig**2, 0.0))


def _as_printed(value: float) -> float:
    """Magnitude with the digits of the file; NaN stays what it is."""
    return round(value, _DECIMALS) + 0.0


@dataclass(frozen=True, slots=True)
class _Printed:
    """A point with the digits of the file.

    The sums are those of what is printed, so that a script that adds the columns finds no
    difference.
    """

    point: TargetPoint
    mag: float
    sig: float
    zeropoint: float
    zeropoint_sig: float
    instrumental: float
    instrumental_sig: float

    @classmethod
    def of(cls, point: TargetPoint) -> "_Printed":
        """Point as it is printed; the zeropoint of instrumental magnitudes is 0."""
        calibrated = math.isfinite(point.zeropoint)
        known = (point.zeropoint, point.zeropoint_sig) if calibrated else (0.0, 0.0)
        zeropoint, zeropoint_sig = map(_as_printed, known)
        mag, sig = _as_printed(point.mag), _as_printed(point.sig)
        parts = without_zeropoint(mag, sig, zeropoint, zeropoint_sig)
        instrumental, instrumental_sig = map(_as_printed, parts)
        sig = math.hypot(zeropoint_sig, instrumental_sig)
        return cls(point, mag, sig, zeropoint, zeropoint_sig, instrumental, instrumental_sig)

    @property
    def catalog(self) -> str:
        """Photometric catalog; empty if the magnitudes are instrumental."""
        return self.point.catalog if math.isfinite(self.point.zeropoint) else ""


@dataclass(frozen=True, slots=True)
class DatColumn:
    """A column of the .dat file, told once: the file, its footnotes and the manual follow.

    Parameters
    ----------
    title : str
        What stands above it; one in brackets is explained in a footnote.
    width : int
        Characters; a blank stands before each column.
    form : str
        Format of the number; empty for words, whose blanks become underscores.
    value : callable
        What stands in the line of a point.
    unit, meaning : str
        As the manual tells it.
    is_explained : bool
        Whether there is a footnote although the title is a word.
    """

    title: str
    width: int
    form: str
    value: Callable[[_Printed], Any]
    unit: str
    meaning: str
    is_explained: bool = False

    def cell(self, printed: _Printed) -> str:
        """Cell of a line."""
        value = self.value(printed)
        return f"{format(value, self.form) if self.form else _word(value):>{self.width}s}"

    @property
    def footnote(self) -> str:
        """Lines below the table; none if the title says it all."""
        if not (self.is_explained or self.title.startswith("[")):
            return ""
        unit = f" ({self.unit})" if self.unit else ""
        return textwrap.fill(f"# {self.title}: {self.meaning}{unit}", 98, **_HANGING) + "\n"


_HANGING: dict[str, Any] = {"subsequent_indent": "#       ", "break_on_hyphens": False}
DAT_COLUMNS: tuple[DatColumn, ...] = (
    DatColumn(
        *("filename", 35, "", lambda it: it.point.frame),
        *("", "frame (blanks in names as underscores)"),
    ),
    DatColumn("julian_date", 15, ".7f", lambda it: it.point.midtime_jd, "d", "mid-exposure, UTC"),
    DatColumn(
        *("mag", 8, ".4f", lambda it: it.mag),
        *("mag", "calibrated magnitude; instrumental where ZP is 0"),
    ),
    DatColumn("sig", 7, ".4f", lambda it: it.sig, "mag", "its error"),
    DatColumn(
        *("source_ra", 13, ".8f", lambda it: it.point.source_ra_deg),
        *("deg", "measured right ascension, ICRS"),
    ),
    DatColumn(
        *("source_dec", 12, "+.8f", lambda it: it.point.source_dec_deg),
        *("deg", "measured declination, ICRS"),
    ),
    DatColumn(
        *("[1]", 7, ".2f", lambda it: it.point.offset_east_arcsec),
        *("arcsec", "predicted RA minus measured RA, on the sky"),
    ),
    DatColumn(
        *("[2]", 7, ".2f", lambda it: it.point.offset_north_arcsec),
        *("arcsec", "predicted Dec minus measured Dec"),
    ),
    DatColumn(
        *("[3]", 7, ".2f", lambda it: it.point.manual_east_arcsec),
        *("arcsec", "offset in RA given by the user, on the sky"),
    ),
    DatColumn(
        *("[4]", 7, ".2f", lambda it: it.point.manual_north_arcsec),
        *("arcsec", "offset in Dec given by the user"),
    ),
    DatColumn("[5]", 7, ".2f", lambda it: it.point.exptime_s, "s", "exposure time"),
    DatColumn("ZP", 8, ".4f", lambda it: it.zeropoint, "mag", "zeropoint"),
    DatColumn(
        *("ZP_sig", 7, ".4f", lambda it: it.zeropoint_sig),
        *("mag", "its standard error (see the setting `zeropoint_sigma`)"),
    ),
    DatColumn(
        *("inst_mag", 8, ".4f", lambda it: it.instrumental),
        *("mag", "instrumental magnitude with all corrections"),
    ),
    DatColumn(
        *("in_sig", 7, ".4f", lambda it: it.instrumental_sig),
        *("mag", "its error, without that of the zeropoint"),
    ),
    DatColumn(
        *("[6]", 12, "", lambda it: it.catalog),
        *("", "photometric catalog ('-': the magnitudes are instrumental)"),
    ),
    DatColumn("[7]", 6, "", lambda it: it.point.band, "", "photometric band"),
    DatColumn("[8]", 3, "d", lambda it: it.point.flags, "", "Source Extractor flags"),
    DatColumn("[9]", 30, "", lambda it: it.point.telescope, "", "telescope and instrument"),
    DatColumn(
        *("[10]", 7, "", lambda it: _METHODS[it.point.method]),
        unit="",
        meaning="how it was measured: APER (detected source), FORCED (aperture at the predicted "
        "position), CLEAN (neighbours subtracted), TRAIL (image of a star drawn along the motion)",
    ),
    DatColumn(
        *("FWHM", 5, ".2f", lambda it: it.point.fwhm_arcsec),
        *("arcsec", "full width at half maximum of the source"),
        is_explained=True,
    ),
)
_LAST_WORDS = """\
# mag = ZP + inst_mag and sig = hypot(ZP_sig, in_sig), to the last digit: corrections for trailing,
# colour, position on the frame and background are part of inst_mag, their errors of in_sig; the
# magnitude in the aperture as measured is the column aperture_mag of the .ecsv file
# julian_date is that of mid-exposure (UTC); lines that start with '#' are rejected points or
# upper limits, with the reason behind the last column
"""


def _title() -> str:
    """Line of titles; the first one stands behind ``#``."""
    return "#" + " ".join(f"{each.title:>{each.width}s}" for each in DAT_COLUMNS) + "\n"


def _footnotes() -> str:
    return "#\n" + "".join(each.footnote for each in DAT_COLUMNS) + _LAST_WORDS


def _line(point: TargetPoint) -> str:
    printed = _Printed.of(point)
    cells = " ".join(each.cell(printed) for each in DAT_COLUMNS)
    reason = point.rejected or (f"5 sigma limit {point.mag:.2f}" if not point.is_good else "")
    return f"{' ' if point.is_good else '#'}{cells}{'  # ' + reason if reason else ''}\n"


def write(directory: Path, target: str, points: Sequence[TargetPoint]) -> Path:
    """Write the three files of a target; each whole or not at all.

    Returns
    -------
    Path
        The ``.dat`` file.
    """
    path = directory / file_name(target)
    files.write_text(path, _title() + "".join(map(_line, points)) + _footnotes())
    _write_tables(path, target, points)
    return path


def _write_tables(path: Path, target: str, points: Sequence[TargetPoint]) -> None:
    """Write the ECSV and the CSV beside the .dat file."""
    table = ecsv.table_of(points, TargetPoint, target=target, time_scale="UTC")
    files.write_text(path.with_suffix(".ecsv"), ecsv.to_text(table))
    files.write_text(path.with_suffix(".csv"), ecsv.to_csv(table))


def read(path: Path) -> tuple[str, list[TargetPoint]]:
    """Target and points of an ECSV file that `write` wrote, or of the one beside a .dat file.

    Raises
    ------
    ConfigError
        If the file is missing or is something else.
    """
    file = path.with_suffix(".ecsv")
    try:
        target, points = _read(file, files.stamp(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        message = f"{file}: no photometry of a target can be read: {what}"
        raise ConfigError(f"{message}; give files photometry_<target>.dat") from error
    return target, list(points)


@functools.lru_cache(_KEPT_FILES)
def _read(file: Path, _stamp: str) -> tuple[str, tuple[TargetPoint, ...]]:
    """Target and points of a file; types as declared.

    Files of earlier versions lack the newest columns.
    """
    table = ecsv.from_text(file.read_text("utf-8"))
    fields = dataclasses.fields(TargetPoint)
    kinds: dict[str, type] = {each.name: each.type for each in fields}  # type: ignore[misc]
    newer = {
        each.name: math.nan if each.type is float else ""
        for each in fields
        if each.metadata["is_newer"]
    }
    points = []
    for told in ecsv.rows_of(table):
        row = newer | told
        points.append(TargetPoint(**{name: kind(row[name]) for name, kind in kinds.items()}))
    return str(table.meta.get("target", "")), tuple(points)
