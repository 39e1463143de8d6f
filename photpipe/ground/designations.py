"""Designations of minor planets and comets, as words and packed for 80-column records.

Packing follows the Minor Planet Center (https://www.minorplanetcenter.net/iau/info/PackedDes.html).
"""

import re
from dataclasses import dataclass

from photpipe.ground.errors import ConfigError

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CENTURIES = {"18": "I", "19": "J", "20": "K"}

_NUMBERED = re.compile(r"\(?0*(?P<number>[1-9]\d{0,6})\)?(?:\s+.*)?")
_PROVISIONAL = re.compile(
    r"(?P<year>(?:18|19|20)\d\d) (?P<half>[A-HJ-Y])(?P<second>[A-HJ-Z])(?P<cycle>\d{0,4})"
)
_SURVEY = re.compile(r"(?P<number>\d{4}) (?P<survey>P-L|T-[123])")
_COMET = re.compile(
    r"(?P<type>[CPDXA])/(?P<year>(?:18|19|20)\d\d) (?P<half>[A-HJ-Y])(?P<second>[A-Z]?)"
    r"(?P<order>\d{1,3})(?:-(?P<fragment>[A-Z]{1,2}))?(?:\s.*)?"
)
_NUMBERED_COMET = re.compile(
    r"0*(?P<number>[1-9]\d{0,3})(?P<type>[PDI])(?:-(?P<fragment>[A-Z]{1,2}))?(?:[/\s].*)?"
)
_TRACKLET = re.compile(r"(?=.*[A-Za-z])[-A-Za-z0-9_]{1,8}")


@dataclass(frozen=True, slots=True)
class Designation:
    """What a report calls an object; exactly one of the three is not empty.

    Parameters
    ----------
    permanent : str
        Number of a minor planet (``3552``) or comet (``73P``, ``73P-B``).
    provisional : str
        Unpacked provisional designation (``2023 MQ5``, ``C/2017 K2``).
    tracklet : str
        The observer's own name for a new object, at most eight characters.
    packed : str
        Columns 1 to 12 of an 80-column record.
    """

    permanent: str = ""
    provisional: str = ""
    tracklet: str = ""
    packed: str = ""


def designation(name: str) -> Designation:
    """Designation of a target as observers write it (``3552``, ``(433) Eros``, ``2010_AB12``).

    Raises
    ------
    ConfigError
        If the name is neither a number nor a designation nor a valid name of a tracklet.
    """
    text = " ".join(name.replace("_", " ").split())
    for form, build in (
        (_PROVISIONAL, _provisional),
        (_SURVEY, _survey),
        (_NUMBERED_COMET, _numbered_comet),
        (_COMET, _comet),
        (_NUMBERED, _numbered),
    ):
        found = form.fullmatch(text.upper() if form is not _NUMBERED else text)
        if found:
            return build(found)
    if _TRACKLET.fullmatch(name):
        return Designation(tracklet=name, packed=f"     {name:7.7s}")
    message = (
        f"{name!r} is no number or designation that a report can carry; "
        "give one with -target, e.g. -target 2010_AB12, or a name of at most eight characters"
    )
    raise ConfigError(message)


def pack_number(number: int) -> str:
    """Five characters for the number of a minor planet.

    Raises
    ------
    ValueError
        If the number is beyond what five characters hold.
    """
    if number < 100_000:
        return f"{number:05d}"
    if number < 620_000:
        return f"{_BASE62[number // 10_000]}{number % 10_000:04d}"
    return "~" + _base62(number - 620_000, 4)


def _base62(value: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        value, rest = divmod(value, 62)
        digits = _BASE62[rest] + digits
    if value:
        message = f"the value does not fit into {width} characters"
        raise ValueError(message)
    return digits


def _numbered(found: re.Match[str]) -> Designation:
    number = int(found["number"])
    return Designation(permanent=str(number), packed=f"{pack_number(number)}       ")


def _packed_provisional(found: re.Match[str]) -> str:
    """Seven characters: century, year, half-month, cycle, second letter."""
    year, cycle = found["year"], int(found["cycle"] or 0)
    if cycle >= 620:
        # extended form: _, year, half-month, and the rank within it in base 62
        second = "ABCDEFGHJKLMNOPQRSTUVWXYZ".index(found["second"])
        rank = (cycle - 620) * 25 + second
        return f"_{_BASE62[int(year[2:])]}{found['half']}{_base62(rank, 4)}"
    tens, unit = divmod(cycle, 10)
    return f"{_CENTURIES[year[:2]]}{year[2:]}{found['half']}{_BASE62[tens]}{unit}{found['second']}"


def _provisional(found: re.Match[str]) -> Designation:
    text = f"{found['year']} {found['half']}{found['second']}{int(found['cycle'] or 0) or ''}"
    return Designation(provisional=text, packed=f"     {_packed_provisional(found)}")


def _survey(found: re.Match[str]) -> Designation:
    letters = found["survey"].replace("-", "")
    return Designation(
        provisional=f"{found['number']} {found['survey']}",
        packed=f"     {letters}S{found['number']}",
    )


def _fragment(found: re.Match[str]) -> str:
    return f"-{found['fragment']}" if found["fragment"] else ""


def _numbered_comet(found: re.Match[str]) -> Designation:
    number = int(found["number"])
    piece = (found["fragment"] or "").lower()
    return Designation(
        permanent=f"{number}{found['type']}{_fragment(found)}",
        packed=f"{number:04d}{found['type']}{piece:>7s}",
    )


def _comet(found: re.Match[str]) -> Designation:
    year, order = found["year"], int(found["order"])
    tens, unit = divmod(order, 10)
    # a second letter tells that the object was designated as a minor planet first
    last = found["second"] or (found["fragment"] or "0").lower()[-1]
    packed = f"{_CENTURIES[year[:2]]}{year[2:]}{found['half']}{_BASE62[tens]}{unit}{last}"
    text = f"{found['type']}/{year} {found['half']}{found['second']}{order}{_fragment(found)}"
    return Designation(provisional=text, packed=f"    {found['type']}{packed}")
