"""Light curves for archives: ALCDEF (asteroids) and the extended format of the AAVSO (variables).

ALCDEF: Asteroid Lightcurve Data Exchange Format, version 2.2 (Stephens & Warner, alcdef.org).
AAVSO: Extended File Format 1.2 (aavso.org/aavso-extended-file-format).
"""

import math
from collections.abc import Sequence

import photpipe
from photpipe.exports.mpc import sexagesimal
from photpipe.ground import timescale
from photpipe.ground.designations import Designation
from photpipe.ground.errors import ConfigError
from photpipe.run.photometry_file import LIMIT, TargetPoint
from photpipe.run.settings import ObserverSettings

SESSION_GAP_D = 0.25
ALCDEF_LINE = 255
# our bands: names in ALCDEF and in the AAVSO's list
ALCDEF_BANDS = {
    **{band: band for band in "UBVRIJHK"},
    **{band: f"S{band.upper()}" for band in "ugriz"},
    **{f"{band}p1": f"P{band.upper()}" for band in "grizy"},
    "G": "GG",
}
AAVSO_BANDS = {
    **{band: band for band in "UBVRIJHK"},
    **{band: f"S{band.upper()}" for band in "ugri"},
    "z": "SZ",
}


def usable(points: Sequence[TargetPoint]) -> list[TargetPoint]:
    """Good points in the order of time.

    Raises
    ------
    ConfigError
        If there is none.
    """
    good = sorted((p for p in points if p.is_good), key=lambda point: point.midtime_jd)
    if not good:
        raise ConfigError(f"nothing to report: none of {len(points)} points is good")
    return good


def sessions(points: Sequence[TargetPoint]) -> list[list[TargetPoint]]:
    """Points of each night (a gap of six hours begins a new one), band and telescope."""
    found: list[list[TargetPoint]] = []
    key = lambda point: (point.telescope, point.band, point.midtime_jd)  # noqa: E731
    for point in sorted(points, key=key):
        last = found[-1][-1] if found else None
        if (
            last is not None
            and (point.telescope, point.band) == (last.telescope, last.band)
            and point.midtime_jd - last.midtime_jd < SESSION_GAP_D
        ):
            found[-1].append(point)
        else:
            found.append([point])
    return found


def alcdef(points: Sequence[TargetPoint], name: Designation, observer: ObserverSettings) -> str:
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
    return "".join(_alcdef_block(each, name, observer) for each in sessions(usable(points)))


def _alcdef_block(
    points: Sequence[TargetPoint], name: Designation, observer: ObserverSettings
) -> str:
    middle = points[len(points) // 2]
    midtime = timescale.iso((points[0].midtime_jd + points[-1].midtime_jd) / 2, 0)
    calibrated = all(math.isfinite(point.zeropoint) for point in points)
    band = ALCDEF_BANDS.get(middle.band, "C")
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
        "EXPOSURE": f"{middle.exptime_s:.0f}",
        "EXPJD": "MID",
        "SESSIONDATE": midtime[:10],
        "SESSIONTIME": midtime[11:],
        "OBJECTRA": sexagesimal(middle.source_ra_deg / 15.0, 3)[:5].replace(" ", ":"),
        "OBJECTDEC": _signed_degrees(middle.source_dec_deg),
        "EQUINOX": "J2000.0",
        "FILTER": band,
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
    rows = sorted(
        (p for p in points if not p.rejected and math.isfinite(p.mag) and p.band in AAVSO_BANDS),
        key=lambda point: point.midtime_jd,
    )
    if not rows:
        raise ConfigError("nothing to report: no good point in a band of the AAVSO")
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


def _aavso_line(point: TargetPoint, star: str, checks: dict[str, float]) -> str:
    is_limit = point.method == LIMIT
    check = checks.get(point.frame)
    fields = (
        star.replace(",", " ")[:30],
        f"{point.midtime_jd:.6f}",
        f"{'<' if is_limit else ''}{point.mag:.3f}",
        f"{point.sig:.3f}" if math.isfinite(point.sig) and not is_limit else "na",
        AAVSO_BANDS[point.band],
        "YES" if math.isfinite(point.colour_term) else "NO",
        "STD",
        "ENSEMBLE",
        "na",
        "CONTROL" if check is not None else "na",
        f"{check:.3f}" if check is not None else "na",
        f"{point.airmass:.3f}" if math.isfinite(point.airmass) else "na",
        "na",
        "na",
        f"|CAT={point.catalog}|VMAGINS={point.aperture_mag:.3f}",
    )
    return ",".join(fields)
