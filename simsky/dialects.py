"""Headers as each telescope writes them, from the telescope's own registry entry.

The entry is the documented dictionary: which cards hold pointing, time, exposure, filter,
binning, and in which form. This module writes what the product reads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from astropy.io import fits

from photpipe.ground.timescale import MJD_ZERO_JD, SECONDS_PER_DAY, iso

# Cards that hold the identifier where it is not INSTRUME.
_IDENTIFIER_CARDS = {
    "nasa42": "LCAMMOD",
    "prism": "LCAMMOD",
    "loneos": "LCAMMOD",
    "NASAcam": "LCAMMOD",
    "KMTS": "TELESCOP",
    "2.1m Otto Struve": "TELESCOP",
    "P60": "TELESCOP",
    "Rainbow Cam": "CAM_NAME",
}
# Latitudes (deg) of the sites by which entries that share an identifier are told apart.
_LATITUDES_DEG = {"C42": 43.47, "511": 43.93, "688": 35.10, "699": 35.10}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a header has to tell about one exposure, in plain units.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Where the telescope believes to point (ICRS).
    midtime_jd : float
        Middle of the exposure (UTC).
    exptime_s : float
        Exposure time.
    filter_name : str
        Name of the filter as the telescope writes it.
    object_name : str
        What OBJECT says.
    airmass : float
        Airmass.
    binning : tuple of int
        Binning in x and y.
    chip : int or None
        Detector, for mosaics described chip by chip.
    """

    ra_deg: float
    dec_deg: float
    midtime_jd: float
    exptime_s: float
    filter_name: str
    object_name: str
    airmass: float
    binning: tuple[int, int]
    chip: int | None = None


def header_of(parameters: Mapping[str, Any], facts: Facts) -> fits.Header:
    """Header of one exposure in the dialect of a telescope.

    Parameters
    ----------
    parameters : mapping
        The documented dictionary of the telescope.
    facts : Facts
        What to tell.
    """
    header = fits.Header()
    identifier = _write_identity(header, parameters)
    header[_card(parameters["object"])] = facts.object_name
    header[_card(parameters["exptime"])] = facts.exptime_s
    header[_card(parameters["filter"])] = facts.filter_name
    header[_card(parameters["airmass"])] = round(facts.airmass, 4)
    if "chip_id" in parameters:
        header[_card(parameters["chip_id"])] = facts.chip
    _write_pointing(header, parameters, facts)
    _write_time(header, parameters, facts)
    _write_binning(header, parameters["binning"], facts.binning, identifier)
    return header


def orientation(
    parameters: Mapping[str, Any], chip: int | None
) -> tuple[bool, bool, float, tuple[float, float]]:
    """flipx, flipy, rotation (deg), offset east and north (deg) of a telescope or of a chip."""
    flip_x, flip_y, rotate = (parameters[key] for key in ("flipx", "flipy", "rotate"))
    offset = (0.0, 0.0)
    if "chip_id" in parameters:
        flip_x, flip_y, rotate = (
            value[chip] if isinstance(value, Mapping) else value
            for value in (flip_x, flip_y, rotate)
        )
        fixed = parameters.get("chip_offset_fixed", {}).get(chip)
        if fixed and None not in fixed:
            offset = (float(fixed[0]), float(fixed[1]))
    return bool(flip_x), bool(flip_y), float(rotate), offset


def _write_identity(header: fits.Header, parameters: Mapping[str, Any]) -> str:
    """Cards by which the instrument is recognised; returns the identifying value."""
    identifier = re.sub(r"\[(.)[^]]*\]", r"\1", parameters["identified_by"][0])
    header[_IDENTIFIER_CARDS.get(identifier, "INSTRUME")] = identifier
    for card, patterns in parameters.get("distinguished_by", {}).items():
        if card == "site":
            header["LATITUDE"] = _LATITUDES_DEG[patterns]
        else:
            header[card] = patterns[0].replace("*", "")
    return str(identifier)


def _card(keyword: str) -> str:
    """Keyword as astropy wants it: more than eight characters need HIERARCH."""
    return f"HIERARCH {keyword}" if len(keyword) > 8 else keyword


def sexagesimal(value: float, separator: str, decimals: int, signed: bool) -> str:
    """Number as text of three parts, e.g. ``+00:25:41.28``."""
    ticks = round(abs(value) * 3600 * 10**decimals)
    whole, fraction = divmod(ticks, 10**decimals)
    sign = ("-" if value < 0 else "+") if signed else ""
    parts = (f"{sign}{whole // 3600:02d}", f"{whole // 60 % 60:02d}", f"{whole % 60:02d}")
    return f"{separator.join(parts)}.{fraction:0{decimals}d}"


def _write_pointing(header: fits.Header, parameters: Mapping[str, Any], facts: Facts) -> None:
    """RA and Dec as text or degrees; hours for the one camera that does so."""
    ra_card, dec_card = _card(parameters["ra"]), _card(parameters["dec"])
    separator = parameters["radec_separator"]
    if parameters.get("radec_unit") == "hours":
        header[ra_card], header[dec_card] = facts.ra_deg / 15.0, facts.dec_deg
    elif separator == "XXX":
        header[ra_card], header[dec_card] = facts.ra_deg, facts.dec_deg
    else:
        header[ra_card] = sexagesimal(facts.ra_deg / 15 % 24, separator, 3, signed=False)
        header[dec_card] = sexagesimal(facts.dec_deg, separator, 2, signed=True)
    header["EQUINOX"] = 2000.0


def _write_time(header: fits.Header, parameters: Mapping[str, Any], facts: Facts) -> None:
    """Start (or what else the entry says) of the exposure, in one or two cards or as a JD."""
    keyword, marks = parameters["date_keyword"], parameters.get("date_marks", "start")
    if isinstance(marks, Mapping):
        value, marks = next((key, mark) for key, mark in marks.items() if key != "card")
        header[parameters["date_marks"]["card"]] = value
    elapsed_s = {"start": 0.0, "middle": 0.5, "end": 1.0}[marks] * facts.exptime_s
    moment_jd = facts.midtime_jd + (elapsed_s - facts.exptime_s / 2) / SECONDS_PER_DAY
    if "JD" in keyword:
        header[keyword] = moment_jd - (MJD_ZERO_JD if "MJD" in keyword else 0.0)
        return
    start = iso(moment_jd, decimals=3)
    date_card, _, time_card = keyword.partition("|")
    if time_card:
        header[date_card], header[time_card] = start.split("T")
    else:
        header[date_card] = start


def _write_binning(
    header: fits.Header, forms: tuple[Any, Any], binning: tuple[int, int], identifier: str
) -> None:
    """Binning in the little language of the entries (``CCDSUM#blank0`` and others)."""
    if not isinstance(forms[0], str):
        return
    separators = {"blank": " ", "x": "x", "_": "_"}
    shared = re.fullmatch(r"(?P<card>[^#]+)#(?P<how>blank|x|_|CH#)(?P<rest>.*)", forms[0])
    if shared and shared["how"] == "CH#":
        header[shared["card"] + identifier[1] + shared["rest"]] = binning[0]
    elif shared:
        header[shared["card"]] = separators[shared["how"]].join(str(value) for value in binning)
    else:
        for form, value in zip(forms, binning, strict=True):
            header[_card(form)] = value
