"""Light curves for archives: ALCDEF (asteroids) and the extended format of the AAVSO (variables).

ALCDEF: Asteroid Lightcurve Data Exchange Format, version 2.2 (Stephens & Warner, alcdef.org).
AAVSO: Extended File Format 1.2 (aavso.org/aavso-extended-file-format).
"""

import math
from collections.abc import Sequence

import photpipe
from photpipe.exports import choosing
from photpipe.exports.identification import Identification
from photpipe.exports.mpc import sexagesimal
from photpipe.ground import bands, timescale
from photpipe.ground.errors import ConfigError
from photpipe.run.photometry_file import LIMIT, TargetPoint
from photpipe.run.settings import ObserverSettings

SESSION_GAP_D = 0.25  # 6 h: longer than the gap in a night, shorter than the day between two
ALCDEF_LINE = 255  # ALCDEF standard: characters of a line
LARGEST_AAVSO_ERROR_MAG = 1.0  # the AAVSO refuses errors from here on


def usable(points: Sequence[TargetPoint]) -> list[TargetPoint]:
    """Good points in chronological order.

    Raises
    ------
    ConfigError
        If there is none.
    """
    good = choosing.kept([p for p in points if p.is_good], choosing.has_time, "left out, no time")
    if not good:
        raise ConfigError(f"nothing to report: none of {len(points)} points is good")
    return sorted(choosing.unique(good), key=lambda point: point.midtime_jd)


def sessions(points: Sequence[TargetPoint]) -> list[list[TargetPoint]]:
    """Points of each night (a gap of six hours begins a new one), band and telescope.

    Instrumental magnitudes are sessions of their own.
    """

    def kind(point: TargetPoint) -> tuple[str, str, bool]:
        return point.telescope, point.band, choosing.is_calibrated(point)

    found: list[list[TargetPoint]] = []
    for point in sorted(points, key=lambda point: (kind(point), point.midtime_jd)):
        last = found[-1][-1] if found else None
        if (
            last is not None
            and kind(point) == kind(last)
            and point.midtime_jd - last.midtime_jd < SESSION_GAP_D
        ):
            found[-1].append(point)
        else:
            found.append([point])
    return found


def alcdef(points: Sequence[TargetPoint], name: Identification, observer: ObserverSettings) -> str:
    """One block of metadata and data per session.

    Raises
    ------
    ConfigError
        If the observer's name or contact is missing, or there are no good points.
    """
    if not (observer.submitter and observer.contact):
        message = (
            "an ALCDEF file needs submitter and contact; write them into the section [observer] "
            "of your settings"
        )
        raise ConfigError(message)
    named = choosing.with_code(usable(points), "ALCDEF")
    good = choosing.kept(named, choosing.has_error, "left out, the error is not known")
    if not good:
        raise ConfigError("nothing to report: no good point in a band of ALCDEF")
    return "".join(_alcdef_block(each, name, observer) for each in sessions(good))


def _alcdef_block(
    points: Sequence[TargetPoint], name: Identification, observer: ObserverSettings
) -> str:
    middle = points[len(points) // 2]
    midtime = timescale.iso((points[0].midtime_jd + points[-1].midtime_jd) / 2, 0)
    calibrated = choosing.is_calibrated(middle)
    band = bands.code(middle.band, "ALCDEF")
    metadata = {
        "REVISEDDATA": "FALSE",
        "OBJECTNUMBER": name.permanent or "0",
        "OBJECTNAME": name.permanent or name.provisional or name.tracklet,
        "MPCDESIG": name.provisional,
        "ALLOWSHARING": "TRUE",
        "CONTACTNAME": observer.submitter,
        "CONTACTINFO": observer.contact,
        "OBSERVERS": "; ".join(observer.observers) or observer.submitter,
        "FACILITY": observer.institution,
        "MPCCODE": observer.mpc_code or middle.observatory_code,
        "TELESCOPE": middle.telescope,
        "DETECTOR": observer.telescope_detector,
        "EXPOSURE": f"{middle.exptime_s:.0f}" if math.isfinite(middle.exptime_s) else "-99",
        "EXPJD": "MID",
        "SESSIONDATE": midtime[:10],
        "SESSIONTIME": midtime[11:],
        "OBJECTRA": sexagesimal(middle.source_ra_deg / 15.0, 3)[:5].replace(" ", ":"),
        "OBJECTDEC": _signed_degrees(middle.source_dec_deg),
        "EQUINOX": "J2000.0",
        "FILTER": bands.alcdef_filter(middle.band),
        "MAGBAND": band,
        "STANDARD": "STANDARD" if calibrated else "NONE",
        "DIFFERMAGS": "FALSE" if calibrated else "TRUE",
        "LTCTYPE": "NONE",
        "REDUCEDMAGS": "NONE",
        "DELIMITER": "PIPE",
        "COMMENT": f"Photometry Pipeline {photpipe.__version__}; {middle.catalog}",
    }
    lines = ["STARTMETADATA"]
    lines += [f"{key}={' '.join(v.split())}"[:ALCDEF_LINE] for key, v in metadata.items() if v]
    lines.append("ENDMETADATA")
    for point in points:
        airmass = f"|{point.airmass:.3f}" if math.isfinite(point.airmass) else ""
        lines.append(f"DATA={point.midtime_jd:.6f}|{point.mag:.3f}|{point.sig:.3f}{airmass}")
    return "\n".join([*lines, "ENDDATA"]) + "\n"


def _signed_degrees(dec_deg: float) -> str:
    return f"{'-' if dec_deg < 0 else '+'}{sexagesimal(abs(dec_deg), 2)[:5]}"


def aavso(
    points: Sequence[TargetPoint],
    star: str,
    observer: ObserverSettings,
    check_star: Sequence[TargetPoint] = (),
) -> str:
    """Extended format with ensemble calibration; limits carry ``<``.

    Parameters
    ----------
    points : sequence of TargetPoint
        The variable.
    star : str
        Its name in the index of the AAVSO, at most 30 characters.
    check_star : sequence of TargetPoint
        The control star, whose instrumental magnitudes are given as check.

    Raises
    ------
    ConfigError
        If the observer code is missing or there is nothing to report.
    """
    if not observer.aavso_code:
        message = (
            "an AAVSO report needs aavso_code; write it into the section [observer] of your "
            "settings"
        )
        raise ConfigError(message)
    rows = _reportable(points)
    checks = {p.frame: p.aperture_mag for p in check_star if math.isfinite(p.aperture_mag)}
    lines = [
        "#TYPE=EXTENDED",
        f"#OBSCODE={observer.aavso_code}",
        f"#SOFTWARE=Photometry Pipeline {photpipe.__version__}",
        "#DELIM=,",
        "#DATE=JD",
        f"#OBSTYPE={'CMOS' if observer.telescope_detector.upper() == 'CMOS' else 'CCD'}",
        "#NAME,DATE,MAG,MERR,FILT,TRANS,MTYPE,CNAME,CMAG,KNAME,KMAG,AMASS,GROUP,CHART,NOTES",
    ]
    return "\n".join([*lines, *(_aavso_line(p, star, checks) for p in rows)]) + "\n"


def _reportable(points: Sequence[TargetPoint]) -> list[TargetPoint]:
    """Calibrated points and limits that the AAVSO takes, in chronological order.

    Raises
    ------
    ConfigError
        If there is none.
    """
    rows = [p for p in points if not p.rejected and math.isfinite(p.mag)]
    rows = choosing.kept(rows, choosing.has_time, "left out, no time")
    rows = choosing.kept(rows, choosing.is_calibrated, "left out, the frame has no zeropoint")
    rows = choosing.with_code(rows, "AAVSO")
    limit = f"left out, the AAVSO takes no errors of {LARGEST_AAVSO_ERROR_MAG:g} mag and more"
    rows = choosing.kept(rows, _is_precise, limit)
    if not rows:
        raise ConfigError("nothing to report: no good point in a band of the AAVSO")
    unknown = [p for p in rows if p.method != LIMIT and not choosing.has_error(p)]
    choosing.tell(unknown, "the error is not known and is written as na")
    return sorted(choosing.unique(rows), key=lambda point: point.midtime_jd)


def _is_precise(point: TargetPoint) -> bool:
    """Whether the error, as it is written, is below what the AAVSO refuses."""
    return point.method == LIMIT or not round(point.sig, 3) >= LARGEST_AAVSO_ERROR_MAG


def _aavso_line(point: TargetPoint, star: str, checks: dict[str, float]) -> str:
    is_limit = point.method == LIMIT
    check = checks.get(point.frame)
    fields = (
        star.replace(",", " ")[:30],
        f"{point.midtime_jd:.6f}",
        f"{'<' if is_limit else ''}{point.mag:.3f}",
        f"{max(point.sig, 0.001):.3f}" if choosing.has_error(point) and not is_limit else "na",
        bands.code(point.band, "AAVSO"),
        "YES" if math.isfinite(point.colour_term) else "NO",
        "STD",
        "ENSEMBLE",
        "na",
        "CONTROL" if check is not None else "na",
        f"{check:.3f}" if check is not None else "na",
        f"{point.airmass:.3f}" if math.isfinite(point.airmass) else "na",
        "na",
        "na",
        _notes(point),
    )
    return ",".join(fields)


def _notes(point: TargetPoint) -> str:
    """Notes of a row; the instrumental magnitude only where there is one."""
    instrumental = point.aperture_mag
    mag = f"|VMAGINS={instrumental:.3f}" if math.isfinite(instrumental) else ""
    return f"|CAT={point.catalog}{mag}"
