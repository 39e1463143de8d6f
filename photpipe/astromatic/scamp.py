"""SCAMP: plate solutions of several frames at once against a reference catalog in a file.

Every run has a folder of its own, with input catalogs written for the purpose: plain names,
only the columns that SCAMP needs, and a header with nothing but the starting WCS. The ``.head``
files that it writes for every frame, also for those it did not match, never leave that folder.
"""

import logging
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photpipe.astromatic.room import temporary_folder
from photpipe.astromatic.tool import SCAMP, Finished, run_tool
from photpipe.fits.cards import CARD_BYTES, formatted
from photpipe.fits.values import as_number
from photpipe.ground.sky import ARCSEC_PER_DEG

if TYPE_CHECKING:
    from photpipe.catalogs.columns import SourceColumns
    from photpipe.catalogs.table import SourceTable

REFERENCE, SETTINGS, XML = "reference.cat", "settings.scamp", "scamp.xml"
INSTRUMENT_KEY = "PPINSTR"
COLUMNS = (
    *("XWIN_IMAGE", "YWIN_IMAGE", "ERRAWIN_IMAGE", "ERRBWIN_IMAGE", "ERRTHETAWIN_IMAGE"),
    *("FLUX_ISOCOR", "FLUXERR_ISOCOR", "FLAGS"),
)
"""Columns of the inputs; FLUX_RADIUS is left out, by which SCAMP would reject sources."""

_UNSPOKEN = ("AHEADER_GLOBAL", "FGROUP_RADIUS", "REF_SERVER", "REF_PORT", "CDSCLIENT_EXEC")


log = logging.getLogger(__name__)

_UNUSABLE = (OSError, ValueError, KeyError, IndexError)
_NO_RESULT = "ended without an error and without a usable result"


@dataclass(frozen=True, slots=True)
class ScampInput:
    """One input of SCAMP.

    Parameters
    ----------
    frame : str
        File name of the frame.
    sources : Table
        Rows of its catalog that are to be used.
    wcs : mapping
        Cards of the starting WCS.
    shape : (ny, nx)
        Size of the frame.
    midtime_jd : float
        Middle of the exposure.
    instrument : str
        Frames of one instrument share their distortion.
    """

    frame: str
    sources: "SourceColumns"
    wcs: Mapping[str, float | str]
    shape: tuple[int, int]
    midtime_jd: float
    instrument: str

    def header(self) -> str:
        """Header that goes with the sources, as text."""
        cards: dict[str, Any] = {
            "SIMPLE": True,
            "BITPIX": 16,
            "NAXIS": 2,
            "NAXIS1": self.shape[1],
            "NAXIS2": self.shape[0],
            **self.wcs,
            "MJD-OBS": self.midtime_jd - 2400000.5,
            "EXPTIME": 1.0,
            INSTRUMENT_KEY: self.instrument,
        }
        images = [formatted(keyword, value).image for keyword, value in cards.items()]
        return b"".join([*images, b"END".ljust(CARD_BYTES)]).decode("ascii")


@dataclass(frozen=True, slots=True)
class Search:
    """How SCAMP is to match and fit.

    Parameters
    ----------
    resolution_arcsec : float
        MATCH_RESOL. The contrasts depend on it; SCAMP's own choice takes minutes.
    position_error_arcmin, angle_error_deg, scale_error_factor : float
        What the starting WCS may be wrong by.
    flipped : bool
        Whether its parity may be wrong.
    crossid_arcsec : float
        Radius of cross-identification.
    degree : int
        Degree of the distortion.
    flags_mask : int
        Bits of FLAGS that keep a source out.
    most_stars : int
        Of a frame that are matched, the brightest; 0: as many as the telescope's settings allow.
    """

    resolution_arcsec: float
    position_error_arcmin: float
    angle_error_deg: float
    scale_error_factor: float
    flipped: bool
    crossid_arcsec: float
    degree: int
    flags_mask: int
    most_stars: int = 0


@dataclass(frozen=True, slots=True)
class Solution:
    """What SCAMP says about one frame; it may be wrong.

    Parameters
    ----------
    frame : str
        File name of the frame.
    as_contrast, xy_contrast : float
        Contrasts of the match in angle and scale, and in position.
    wcs : dict
        Cards of the solution.
    scale_change, angle_change_deg : float
        DPixelScale, DPosAngle: correction of the starting WCS.
    offset_deg : (float, float)
        DX, DY.
    shear : float
        Shear of the affine solution.
    sigma_arcsec : (float, float)
        Scatter of the stars used.
    chi2, chi2_internal : float
        Reduced chi2 against the reference, and between the frames.
    stars : int
        Reference stars used.
    internal_arcsec : (float, float)
        Scatter of positions between the frames.
    flux_rms_mag : float
        Scatter of fluxes between the frames.
    """

    frame: str
    as_contrast: float
    xy_contrast: float
    wcs: dict[str, float | str]
    scale_change: float
    angle_change_deg: float
    offset_deg: tuple[float, float]
    shear: float
    sigma_arcsec: tuple[float, float]
    chi2: float
    chi2_internal: float
    stars: int
    internal_arcsec: tuple[float, float] = (math.nan, math.nan)
    flux_rms_mag: float = math.nan


def arguments(search: Search, count: int, threads: int, first: int = 0) -> list[str]:
    """Arguments of SCAMP for inputs numbered from `first`; they win over other settings."""
    values: dict[str, object] = {
        "c": SETTINGS,
        "ASTREF_CATALOG": "FILE",
        "ASTREFCAT_NAME": REFERENCE,
        "ASTREFCENT_KEYS": "XWIN_WORLD,YWIN_WORLD",
        "ASTREFERR_KEYS": "ERRAWIN_WORLD,ERRBWIN_WORLD,ERRTHETAWIN_WORLD",
        "ASTREFMAG_KEY": "MAG",
        "ASTREFMAGERR_KEY": "MAGERR",
        "ASTREFOBSDATE_KEY": "OBSDATE",
        "SAVE_REFCATALOG": "N",
        "MATCH": "Y",
        "MATCH_RESOL": f"{search.resolution_arcsec:.6g}",
        "POSITION_MAXERR": f"{search.position_error_arcmin:.6g}",
        "POSANGLE_MAXERR": f"{search.angle_error_deg:.6g}",
        "PIXSCALE_MAXERR": f"{search.scale_error_factor:.6g}",
        "MATCH_FLIPPED": "Y" if search.flipped else "N",
        "CROSSID_RADIUS": f"{search.crossid_arcsec:.6g}",
        "SOLVE_ASTROM": "Y",
        "PROJECTION_TYPE": "TPV",
        "ASTRINSTRU_KEY": INSTRUMENT_KEY,
        "STABILITY_TYPE": "INSTRUMENT",
        "DISTORT_KEYS": "XWIN_IMAGE,YWIN_IMAGE",
        "DISTORT_GROUPS": "1,1",
        "DISTORT_DEGREES": search.degree,
        "CENTROID_KEYS": "XWIN_IMAGE,YWIN_IMAGE",
        "CENTROIDERR_KEYS": "ERRAWIN_IMAGE,ERRBWIN_IMAGE,ERRTHETAWIN_IMAGE",
        "ASTRCLIP_NSIGMA": 3,
        "ASTR_FLAGSMASK": f"0x{search.flags_mask:04x}",
        "FLAGS_MASK": f"0x{search.flags_mask:04x}",
        "SOLVE_PHOTOM": "N",
        "PHOTFLUX_KEY": "FLUX_ISOCOR",
        "PHOTFLUXERR_KEY": "FLUXERR_ISOCOR",
        "SN_THRESHOLDS": "3,50",
        "FWHM_THRESHOLDS": "0,100000",
        "ELLIPTICITY_MAX": 1,
        "AHEADER_SUFFIX": ".none",
        "HEADER_SUFFIX": ".head",
        "HEADER_TYPE": "NORMAL",
        "MERGEDOUTCAT_TYPE": "NONE",
        "FULLOUTCAT_TYPE": "NONE",
        "CHECKPLOT_TYPE": "NONE",
        "CHECKPLOT_DEV": "NULL",
        "WRITE_XML": "Y",
        "XML_NAME": XML,
        "VERBOSE_TYPE": "NORMAL",
        "NTHREADS": threads,
    }
    if search.most_stars:
        values["MATCH_NMAX"] = search.most_stars
    words = [word for key, value in values.items() for word in (f"-{key}", str(value))]
    return [*_input_names(count, first), *words]


def _input_names(count: int, first: int) -> list[str]:
    return [_input_name(first + number) for number in range(count)]


def _input_name(number: int) -> str:
    return f"{number:05d}.ldac"


def run(
    exposures: Sequence[ScampInput],
    reference: "SourceTable",
    search: Search,
    settings: Mapping[str, str],
    *,
    timeout_s: float,
    threads: int = 1,
    first: int = 0,
) -> tuple[list[Solution | None], bytes]:
    """Solve frames together.

    Parameters
    ----------
    exposures : sequence of ScampInput
        The frames.
    reference : SourceTable
        Stars at the epoch of the frames: SCAMP does not move them.
    search : Search
        How.
    settings : mapping
        Further settings of the telescope.
    timeout_s : float
        Seconds after which SCAMP is stopped.
    threads : int
        Cores it may use.
    first : int
        Number of the first frame: they are called by their numbers in the report.

    Returns
    -------
    solutions : list of Solution or None
        One per frame, in order. SCAMP also solves what it did not match. None where it wrote
        nothing usable about a frame.
    xml : bytes
        Its report.

    Raises
    ------
    ToolError
        If SCAMP is missing, crashes, hangs, or writes nothing usable about any frame.
    """
    from photpipe.catalogs.ldac import write_ldac

    with temporary_folder("pp_scamp_") as folder:
        names = _input_names(len(exposures), first)
        for input_name, each in zip(names, exposures, strict=True):
            write_ldac(folder / input_name, each.sources.only(COLUMNS), each.header())
        reference.write_ldac(folder / REFERENCE)
        lines = [f"{key} {value}" for key, value in settings.items() if value]
        kept = [line for line in lines if not line.startswith(_UNSPOKEN)]
        (folder / SETTINGS).write_text("\n".join(kept) + "\n", "utf-8")
        argv = arguments(search, len(exposures), threads, first)
        finished = run_tool(SCAMP, argv, folder, timeout_s, threads)
        finished.check()
        return _results(folder, names, exposures, finished)


_TABLE = re.compile(rb'(<TABLE ID="(\w+)".*?<TABLEDATA>)(.*?)(\s*</TABLEDATA>)', re.DOTALL)


def joined(reports: Sequence[bytes]) -> bytes:
    """One report of several runs: the first, whose tables have the rows of all."""
    rows: dict[bytes, bytes] = {}
    for report in reports:
        for _, name, more, _ in _TABLE.findall(report):
            rows[name] = rows.get(name, b"") + more

    def whole(table: re.Match[bytes]) -> bytes:
        return table[1] + rows[table[2]] + table[4]

    return _TABLE.sub(whole, reports[0]) if reports else b""


def _results(
    folder: Path, names: Sequence[str], exposures: Sequence[ScampInput], finished: Finished
) -> tuple[list[Solution | None], bytes]:
    """Solutions out of the files that SCAMP wrote; None for a frame whose file is unusable.

    Raises
    ------
    ToolError
        If the report is missing or holds something else, or no frame has a usable file.
    """
    problems = []
    try:
        xml = (folder / XML).read_bytes()
        rows = read_xml(xml)
        if len(rows) != len(exposures):
            raise ValueError(f"it reports on {len(rows)} of {len(exposures)} frames")
    except _UNUSABLE as error:
        raise finished.error(f"{_NO_RESULT} ({error})") from error
    solutions: list[Solution | None] = []
    for name, each, row in zip(names, exposures, rows, strict=True):
        try:
            head = (folder / name).with_suffix(".head").read_bytes()
            solutions.append(_solution(each.frame, row, head))
        except _UNUSABLE as error:
            solutions.append(None)
            problems.append(str(error))
            log.debug("%s: no usable solution by SCAMP: %s", each.frame, error)
    if len(problems) == len(exposures):
        raise finished.error(f"{_NO_RESULT} ({problems[0]})")
    return solutions, xml


def _solution(frame: str, row: Mapping[str, str], head: bytes) -> Solution:
    wcs, scatter = read_head(head), read_scatter(head)
    sigma, offset = row["AstromSigma_Reference"].split(), (float(row["DX"]), float(row["DY"]))
    return Solution(
        frame=frame,
        as_contrast=float(row["AS_Contrast"]),
        xy_contrast=float(row["XY_Contrast"]),
        wcs=wcs,
        scale_change=float(row["DPixelScale"]),
        angle_change_deg=float(row["DPosAngle"]),
        offset_deg=offset,
        shear=float(row["Shear"]),
        sigma_arcsec=(float(sigma[0]), float(sigma[1])),
        chi2=float(row["Chi2_Reference"]),
        chi2_internal=float(row["Chi2_Internal"]),
        stars=int(row["NDeg_Reference"]),
        internal_arcsec=(scatter[0] * ARCSEC_PER_DEG, scatter[1] * ARCSEC_PER_DEG),
        flux_rms_mag=scatter[2],
    )


def read_xml(content: bytes) -> list[dict[str, str]]:
    """Rows of the table ``Fields`` of SCAMP's report, in the order of its inputs; cells as texts.

    Raises
    ------
    ValueError
        If the report is not a VOTable or lacks the table.
    """
    from xml.etree import ElementTree as Tree  # astropy's reader takes longer than SCAMP

    try:
        root = Tree.fromstring(content)
    except Tree.ParseError as error:
        raise ValueError(f"its report is not a VOTable: {error}") from error
    for table in root.iterfind(".//{*}TABLE[@name='Fields']"):
        names = [each.get("name", "") for each in table.iterfind("{*}FIELD")]
        rows = table.iterfind("{*}DATA/{*}TABLEDATA/{*}TR")
        return [dict(zip(names, (cell.text or "" for cell in row), strict=True)) for row in rows]
    raise ValueError("its report has no table Fields")


_WCS_CARDS = ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CD1_", "CD2_", "PV1_", "PV2_")


def read_head(content: bytes) -> dict[str, float | str]:
    """WCS cards of a ``.head`` file: numbers as numbers, ICRS.

    One of its comments is not ASCII, which is why it is not read as a file of FITS cards.

    Raises
    ------
    ValueError
        If it does not hold a complete celestial solution.
    """
    from astropy.io.fits import Header, VerifyError

    lines = content.decode("ascii", "replace").splitlines()
    header = Header.fromstring(
        "\n".join(each for each in lines if each.startswith(_WCS_CARDS)), sep="\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            cards = {key: header[key] for key in header}
        except (VerifyError, Warning) as error:
            raise ValueError("its solution is unreadable") from error
    needed = ("CTYPE1", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD2_2")
    numbers = [value for key, value in cards.items() if not key.startswith(("CTYPE", "CUNIT"))]
    if any(key not in cards for key in needed) or any(
        isinstance(value, bool) or as_number(value) != value for value in numbers
    ):
        raise ValueError("its solution is incomplete")
    if not any(key.startswith("PV") for key in cards):
        cards |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    elif cards["CTYPE1"] != "RA---TPV":
        raise ValueError(f"its projection is {cards['CTYPE1']}")
    return {**cards, "RADESYS": "ICRS", "EQUINOX": 2000.0}


def read_scatter(content: bytes) -> tuple[float, float, float]:
    """ASTIRMS1, ASTIRMS2 (deg) and PHOTIRMS (mag) of a ``.head`` file; NaN where unknown."""
    lines = content.decode("ascii", "replace").splitlines()
    cards = {each[:8].rstrip(): each[10:].partition("/")[0] for each in lines}
    found = [as_number(cards.get(key)) for key in ("ASTIRMS1", "ASTIRMS2", "PHOTIRMS")]
    first, second, flux = (math.nan if each is None else each for each in found)
    return first, second, flux
