"""Astrometry and photometry for the Minor Planet Center: ADES 2022 (PSV, XML) and 80 columns.

ADES: IAU Astrometry Data Exchange Standard, version 2022 (ADES_Description, 2024-05-02).
80 columns: https://www.minorplanetcenter.net/iau/info/OpticalObs.html
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import photpipe
from photpipe.exports import choosing
from photpipe.exports.identification import Identification
from photpipe.ground import bands, timescale
from photpipe.ground.errors import ConfigError
from photpipe.run.photometry_file import CLEAN, DETECTED, FITTED_TRAIL, TargetPoint

# our catalog names: code in ADES, code in column 72 of an 80-column record
ASTROMETRIC_CATALOGS = {
    "GAIA": ("Gaia3", "W"),
    "GAIA3": ("Gaia3", "W"),
    "GAIA2": ("Gaia2", "V"),
    "GAIA1": ("Gaia1", "U"),
    "TGAS": ("Gaia1", "U"),
    "2MASS": ("2MASS", "L"),
    "URAT-1": ("URAT1", "S"),
    "PANSTARRS": ("PS1_DR1", "1"),
    "REFCAT2": ("ATLAS2", "Z"),
}
# photometric catalogs without a code (APASS, SDSS, SkyMapper) are left out: photCat is optional
PHOTOMETRIC_CATALOGS = {name: codes[0] for name, codes in ASTROMETRIC_CATALOGS.items()}
UNKNOWN_SIGMA_ARCSEC = 0.1  # decides the digits of a position whose error is not known
SMALLEST_SIGMA_ARCSEC = 1e-3  # ADES: rmsRA has digits enough for it; none of ours is better
# fmt: off
OPTICAL_FIELDS = (
    "permID", "provID", "trkSub", "mode", "stn", "obsTime", "rmsTime", "ra", "dec", "rmsRA",
    "rmsDec", "rmsCorr", "astCat", "mag", "rmsMag", "band", "fltr", "photCat", "photAp", "logSNR",
    "seeing", "exp", "remarks",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the observations.

    Parameters
    ----------
    mpc_code : str
        Observatory code.
    submitter, observers, measurers : str, tuples of str
        Initials and surnames.
    design, aperture_m, detector : str, float, str
        Facts of the telescope.
    rms_time_s : float
        Error of the times; NaN: not told.
    """

    mpc_code: str
    submitter: str
    observers: tuple[str, ...]
    measurers: tuple[str, ...]
    design: str
    aperture_m: float
    detector: str
    telescope: str = ""
    institution: str = ""
    rms_time_s: float = math.nan

    def checked(self) -> "Header":
        """Return the header if nothing that the standard requires is missing.

        Raises
        ------
        ConfigError
            Naming all that is missing and where to write it.
        """
        required = {
            "mpc_code (-mpccode)": self.mpc_code,
            "submitter (-submitter)": self.submitter,
            "telescope_design (-design)": self.design,
            "telescope_aperture_m (-aperture)": self.aperture_m,
        }
        missing = [name for name, value in required.items() if not value]
        if missing:
            message = (
                f"a report needs {', '.join(missing)}; write it into the section [observer] of "
                "your settings, or give the option"
            )
            raise ConfigError(message)
        return self

    def blocks(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Groups of the header with their elements, in the order of the standard."""
        people = self.measurers or (self.submitter,)
        groups = [
            ("observatory", [("mpcCode", self.mpc_code)]),
            ("submitter", [("name", self.submitter), ("institution", self.institution)]),
            ("observers", [("name", each) for each in self.observers]),
            ("measurers", [("name", each) for each in people]),
            (
                "telescope",
                [
                    ("name", self.telescope),
                    ("design", self.design),
                    ("aperture", f"{self.aperture_m:g}"),
                    ("detector", self.detector),
                ],
            ),
            ("software", [("photometry", f"Photometry Pipeline {photpipe.__version__}")]),
        ]
        kept = [(name, [(key, _clean(v)) for key, v in rows if v]) for name, rows in groups]
        return [(name, rows) for name, rows in kept if rows]


def reportable(points: Iterable[TargetPoint]) -> list[TargetPoint]:
    """Points with a measured, registered position that were not rejected.

    Raises
    ------
    ConfigError
        If none is left: why.
    """
    points = list(points)
    good = [p for p in points if p.is_good and _is_centred(p)]
    placed = choosing.kept(good, _has_place, "left out, no time or position is known")
    registered = [p for p in placed if p.astrometric_catalog in ASTROMETRIC_CATALOGS]
    if registered:
        return choosing.unique(registered)
    if placed:
        named = sorted({p.astrometric_catalog or "none" for p in placed})
        message = (
            f"the frames were not registered against a known catalog ({', '.join(named)}); "
            "run pp_register"
        )
    else:
        message = f"none of {len(points)} points is a good detection"
    raise ConfigError(f"nothing to report: {message}")


def _is_centred(point: TargetPoint) -> bool:
    """Whether the place is that of a source; an aperture on the prediction tells none."""
    is_known = math.isfinite(point.sigma_east_arcsec)
    return point.method == DETECTED or (point.method in {CLEAN, FITTED_TRAIL} and is_known)


def _has_place(point: TargetPoint) -> bool:
    numbers = (point.midtime_jd, point.source_ra_deg, point.source_dec_deg)
    return all(math.isfinite(number) for number in numbers)


def with_magnitude(points: Sequence[TargetPoint], report: bands.Report) -> list[TargetPoint]:
    """Points whose magnitude a report can carry; of the others it has the position, which is told.

    Instrumental magnitudes are no magnitudes: only calibrated ones are reported.
    """
    calibrated = choosing.kept(
        points, choosing.is_calibrated, "only the position: the frame has no zeropoint"
    )
    carried = choosing.with_code(calibrated, report, "only the position")
    without = [point for point in carried if not choosing.has_error(point)]
    choosing.tell(without, "the error of the magnitude is not known and is left out")
    return carried


def optical(
    point: TargetPoint, name: Identification, header: Header, *, has_magnitude: bool = True
) -> dict[str, str]:
    """Elements of one observation, as texts with no more digits than the errors allow."""
    east, north = (_sigma(each) for each in (point.sigma_east_arcsec, point.sigma_north_arcsec))
    row = {
        "permID": name.permanent,
        "provID": name.provisional,
        "trkSub": name.tracklet,
        "mode": "CMO" if header.detector.upper().startswith("CM") else "CCD",
        "stn": header.mpc_code,
        "obsTime": f"{timescale.iso(point.midtime_jd, 1)}Z",
        "rmsTime": _positive(header.rms_time_s, _two_figures),
        "ra": _right_ascension(point.source_ra_deg, _decimals(east)),
        "dec": f"{point.source_dec_deg:+.{_decimals(north)}f}",
        "rmsRA": _positive(east, _two_figures),
        "rmsDec": _positive(north, _two_figures),
        "rmsCorr": _correlation(point.sigma_correlation),
        "astCat": ASTROMETRIC_CATALOGS[point.astrometric_catalog][0],
        "logSNR": _positive(point.snr, lambda snr: _positive(math.log10(snr), "{:.2f}".format)),
        "seeing": _positive(point.fwhm_arcsec, "{:.2f}".format),
        "exp": _positive(point.exptime_s, _seconds),
    }
    if has_magnitude:
        row |= _magnitude(point)
    return {key: row[key] for key in OPTICAL_FIELDS if row.get(key)}


def _magnitude(point: TargetPoint) -> dict[str, str]:
    """Elements of the brightness; the error is left out where it is not known."""
    is_precise = choosing.has_error(point) and point.sig <= 0.01
    return {
        "mag": f"{point.mag:.{3 if is_precise else 2}f}",
        "rmsMag": _positive(point.sig, _two_figures),
        "band": bands.code(point.band, "ADES"),
        "photCat": PHOTOMETRIC_CATALOGS.get(point.catalog, ""),
        "photAp": _positive(point.aperture_radius_arcsec, "{:.2f}".format),
        "remarks": _filter_remark(point.band),
    }


def _filter_remark(name: str) -> str:
    """What a filter was whose magnitudes bear the name of another band; else empty.

    The band is that of the reference stars, as the Minor Planet Center wants it.
    """
    band = bands.named(name)
    return f"{band.name}: {band.meaning}" if band and band.reference else ""


def _sigma(value_arcsec: float) -> float:
    """Error of a position, NaN if it is not known; none is smaller than a milliarcsecond."""
    known = math.isfinite(value_arcsec) and value_arcsec > 0
    return max(value_arcsec, SMALLEST_SIGMA_ARCSEC) if known else math.nan


def _positive(value: float, form: Callable[[float], str]) -> str:
    """Text of a number above zero; empty, and hence left out, if it is none."""
    return form(value) if math.isfinite(value) and value > 0 else ""


def _correlation(value: float) -> str:
    """Correlation of the errors of a position; empty where it is not known."""
    return f"{value:.2f}" if math.isfinite(value) else ""


def _seconds(exptime_s: float) -> str:
    return f"{exptime_s:.0f}" if exptime_s >= 10 else f"{exptime_s:.4g}"


def _right_ascension(ra_deg: float, decimals: int) -> str:
    """Degrees below 360 after rounding, too."""
    return f"{round(ra_deg % 360.0, decimals) % 360.0:.{decimals}f}"


def _decimals(sigma_arcsec: float) -> int:
    """Decimals of a coordinate in degrees: ceil(1 - log10 sigma), at most nine."""
    sigma_arcsec = UNKNOWN_SIGMA_ARCSEC if math.isnan(sigma_arcsec) else sigma_arcsec
    return min(9, math.ceil(1 - math.log10(sigma_arcsec / 3600.0)))


def _two_figures(value: float) -> str:
    """Number of two significant figures and at most seven characters."""
    return f"{value:.{max(0, min(5, 1 - math.floor(math.log10(value))))}f}"


def _clean(text: str) -> str:
    """Text without the separator of PSV and without line breaks."""
    return " ".join(text.replace("|", "/").split())


def ades_psv(points: Sequence[TargetPoint], name: Identification, header: Header) -> str:
    """ADES report as pipe-separated text."""
    lines = ["# version=2022"]
    for group, rows in header.checked().blocks():
        lines.append(f"# {group}")
        lines += [f"! {key} {value}" for key, value in rows]
    return "\n".join([*lines, *psv_rows(_observations(points, name, header))]) + "\n"


def psv_rows(observations: Sequence[dict[str, str]]) -> list[str]:
    """Observations as pipe-separated lines, below one with the names of their elements."""
    used = [key for key in OPTICAL_FIELDS if any(key in row for row in observations)]
    widths = {key: max(len(key), *(len(row.get(key, "")) for row in observations)) for key in used}
    titles = "|".join(f"{key:<{widths[key]}}" for key in used)
    rows = ["|".join(f"{row.get(key, ''):<{widths[key]}}" for key in used) for row in observations]
    return [titles, *rows]


def _observations(
    points: Sequence[TargetPoint], name: Identification, header: Header
) -> list[dict[str, str]]:
    """Elements of all observations, in the order of the points."""
    good = reportable(points)
    bright = {id(point) for point in with_magnitude(good, "ADES")}
    return [optical(point, name, header, has_magnitude=id(point) in bright) for point in good]


def ades_xml(points: Sequence[TargetPoint], name: Identification, header: Header) -> str:
    """ADES report as XML."""
    root = ET.Element("ades", version="2022")
    block = ET.SubElement(root, "obsBlock")
    context = ET.SubElement(block, "obsContext")
    for group, rows in header.checked().blocks():
        element = ET.SubElement(context, group)
        for key, value in rows:
            ET.SubElement(element, key).text = value
    data = ET.SubElement(block, "obsData")
    for row in _observations(points, name, header):
        observation = ET.SubElement(data, "optical")
        for key, value in row.items():
            ET.SubElement(observation, key).text = value
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def obs80(points: Sequence[TargetPoint], name: Identification, header: Header) -> str:
    """Report of 80-column records, with its header lines."""
    checked = header.checked()
    lines = [
        f"COD {checked.mpc_code}",
        f"CON {checked.submitter}",
        f"OBS {', '.join(checked.observers or (checked.submitter,))}",
        f"MEA {', '.join(checked.measurers or (checked.submitter,))}",
        f"TEL {checked.aperture_m:g}-m {checked.design} + {checked.detector}",
        "ACK Photometry Pipeline",
    ]
    good = reportable(points)
    bright = {id(point) for point in with_magnitude(good, "80 columns")}
    lines.append(f"NET {ASTROMETRIC_CATALOGS[good[0].astrometric_catalog][0]}")
    return (
        "\n".join(_clean_line(line) for line in lines)
        + "\n"
        + "".join(
            f"{record80(point, name, header, has_magnitude=id(point) in bright)}\n"
            for point in good
        )
    )


def _clean_line(line: str) -> str:
    return _clean(line)[:80]


def record80(
    point: TargetPoint, name: Identification, header: Header, *, has_magnitude: bool = True
) -> str:
    """One record of 80 columns."""
    # rounded before it is split, so that midnight carries into the date
    year, month, day, seconds = timescale.calendar(round(point.midtime_jd * 1e6) / 1e6)
    micro_days = round(seconds / timescale.SECONDS_PER_DAY * 1e6)
    date = f"{year:04d} {month:02d} {day:02d}.{micro_days:06d}"
    note = "B" if header.detector.upper().startswith("CM") else "C"
    magnitude = "      "
    if has_magnitude:
        magnitude = f"{point.mag:5.2f}{bands.code(point.band, '80 columns')}"
    catalog = ASTROMETRIC_CATALOGS[point.astrometric_catalog][1]
    return (
        f"{name.packed:12s}  {note}{date}{sexagesimal(point.source_ra_deg / 15.0, 3)}"
        f"{_signed(point.source_dec_deg)}         {magnitude}{catalog}     {header.mpc_code:3s}"
    )


def sexagesimal(value: float, decimals: int) -> str:
    """``HH MM SS.ddd`` of a number that is not negative; seconds never read 60."""
    ticks = 10**decimals
    total = round(value * 3600 * ticks)
    whole, fraction = divmod(total, ticks)
    hours = whole // 3600
    hours = hours % 24 if decimals == 3 else hours
    return f"{hours:02d} {whole // 60 % 60:02d} {whole % 60:02d}.{fraction:0{decimals}d}"


def _signed(dec_deg: float) -> str:
    """Declination with its sign, which -00 degrees keep."""
    return f"{'-' if dec_deg < 0 else '+'}{sexagesimal(abs(dec_deg), 2)}"
