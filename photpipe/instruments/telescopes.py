"""The registry of telescopes, and which of them took a frame.

The built-in telescopes of ``setup/telescopes.py`` and those of the user are read once; a frame
is recognised by the cards of `INSTRUMENT_KEYS`.
"""

import fnmatch
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from photpipe.fits.values import as_number, card_text
from photpipe.ground import paths, sky
from photpipe.ground.errors import ConfigError, HeaderError
from photpipe.instruments import entries, observatories
from photpipe.instruments.cameras import camera
from photpipe.instruments.telescope import Telescope

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["GENERIC", "INSTRUMENT_KEYS", "Telescope", "by_keyword", "identify", "registry"]

GENERIC = "GENERIC"
INSTRUMENT_KEYS = ("PPINSTRU", "LCAMMOD", "FPA", "CAM_NAME", "INSTRUME", "TELESCOP")
LATITUDE_KEYS = ("LATITUDE", "SITELAT", "OBSGEO-B", "LAT-OBS", "OBS-LAT", "GEOLAT", "TELLAT")
# by judgement: sites in headers are rounded, telescopes of one name are further apart
SAME_PLACE_DEG = 0.5

Identifiers = tuple[tuple[str, str], ...]  # (plain header value or pattern, keyword), best first
Contents = tuple[Mapping[str, Telescope], tuple[Identifiers, Identifiers], Mapping[str, str]]


def registry() -> Mapping[str, Telescope]:
    """All telescopes by keyword: the built-in ones, then those of the user.

    Raises
    ------
    ConfigError
        If the user's file has a mistake: one line with file, line and a suggestion.
    """
    return _registry()[0]


def by_keyword(name: str) -> Telescope:
    """Telescope of a keyword, in any case of letters.

    Raises
    ------
    ConfigError
        If there is none (the message lists near matches), or the user's entry is wrong.
    """
    known = registry()
    if camera.is_camera(name.strip()):
        return camera.telescope_named(name.strip(), known[GENERIC].parameters)
    folded = {keyword.casefold(): keyword for keyword in (*known, *faults())}
    keyword = folded.get(name.strip().casefold())
    telescope = _sound(keyword) if keyword else None
    if telescope is None:
        near = entries.suggestion(name, known)
        raise ConfigError(
            f"there is no telescope {name!r}{near or '; docs/telescopes.md lists all'}"
        )
    return telescope


def faults() -> Mapping[str, str]:
    """What is wrong with entries of the user's file, by keyword."""
    return _registry()[2]


def _sound(keyword: str) -> Telescope:
    """Telescope of a keyword that is in the registry or among the faults.

    Raises
    ------
    ConfigError
        If the user's entry is wrong.
    """
    if keyword in faults():
        raise ConfigError(faults()[keyword])
    return registry()[keyword]


def _registry() -> Contents:
    """Telescopes, the identifiers of the user and of the built-in telescopes, and faults."""
    users = paths.user_home() / "setup" / entries.USERS_FILE
    edited = users.stat().st_mtime_ns if users.is_file() else None
    return _load(paths.home() / "setup" / paths.REGISTRY, users, edited)


@functools.lru_cache(maxsize=8)
def _load(built_in: Path, users: Path, edited: int | None) -> Contents:
    """Read both files; `edited` (time of the user's file) makes the cache notice an edit."""
    read = entries.read(built_in, users if edited is not None else None)
    groups = (_plain(read.users_identifiers), _plain(read.identifiers))
    return MappingProxyType(dict(read.telescopes)), groups, MappingProxyType(dict(read.faults))


def _plain(identifiers: Iterable[tuple[str, str]]) -> Identifiers:
    return tuple((plain_identifier(value), keyword) for value, keyword in identifiers)


# -- recognising


def plain_identifier(value: object) -> str:
    """Header value without blanks around, quotes, a leading ``=``, and in lower case.

    ``= "Vatt4k"`` and ``'VATT4K  '`` both become ``vatt4k``.
    """
    text = str(value).strip().lstrip("=").strip().strip("'\"").strip()
    return " ".join(text.casefold().split())


def identify(header: "Header", frame_name: str) -> Telescope:
    """Telescope and instrument of a header, at its site.

    A prepared frame names it in TEL_KEYW. Else the cards of `INSTRUMENT_KEYS` are tried in
    turn, all of them. An identifier that several instruments use is decided by what their
    entries say under ``distinguished_by``; the user's own identifiers go first.

    Raises
    ------
    HeaderError
        If no card names a known instrument: what was seen, and how to add a telescope.
    ConfigError
        If the user's entry of this telescope is wrong, or the file cannot be read.
    """
    known, _, wrong = _registry()
    named = card_text(header, "TEL_KEYW")
    if named is not None and (named in known or named in wrong):
        return _sound(named).at_site_of(header)
    if named is not None and camera.is_camera(named):
        return camera.telescope_of_prepared(header, known[GENERIC].parameters)
    telescope = registered(header)
    if telescope is None:
        raise HeaderError(frame_name, "|".join(INSTRUMENT_KEYS), _unknown(header))
    return telescope


def registered(header: "Header") -> Telescope | None:
    """Telescope whose entry the instrument cards of a header name; None if there is none.

    Raises
    ------
    ConfigError
        If the user's entry of this telescope is wrong, or the file cannot be read.
    """
    _, groups, _ = _registry()
    for card in INSTRUMENT_KEYS:
        value = card_text(header, card)
        if value is None:
            continue
        for identifiers in groups:
            keywords = _candidates(plain_identifier(value), identifiers)
            telescope = _distinguished([_sound(keyword) for keyword in keywords], header)
            if telescope is not None:
                return telescope.at_site_of(header)
    return None


def _candidates(value: str, identifiers: Identifiers) -> list[str]:
    """Keywords of the telescopes that use an identifier, best first."""
    exact = [keyword for known, keyword in identifiers if known == value]
    like = [keyword for known, keyword in identifiers if fnmatch.fnmatchcase(value, known)]
    return list(dict.fromkeys(exact or like))


def _distinguished(candidates: Iterable[Telescope], header: "Header") -> Telescope | None:
    """The first that the header confirms, else the first that it does not contradict."""
    verdicts = [(_verdict(telescope, header), telescope) for telescope in candidates]
    confirmed = [telescope for verdict, telescope in verdicts if verdict is True]
    undecided = [telescope for verdict, telescope in verdicts if verdict is None]
    return next(iter(confirmed or undecided), None)


def _verdict(telescope: Telescope, header: "Header") -> bool | None:
    """Whether the header confirms or contradicts ``distinguished_by``; None: it says nothing."""
    answers = []
    for card, wanted in (telescope.parameters.get("distinguished_by") or {}).items():
        value = card_text(header, card)
        if card == "site":
            answers.append(_is_at(str(wanted), header))
        elif tuple(wanted) == ("*",):
            answers.append(value is not None)
        elif value is not None:
            patterns = [str(pattern).casefold() for pattern in wanted]
            answers.append(any(fnmatch.fnmatchcase(value.casefold(), p) for p in patterns))
    decided = [answer for answer in answers if answer is not None]
    return all(decided) if decided else None


def _is_at(code: str, header: "Header") -> bool | None:
    """Whether the latitude of the header is that of an MPC code; None if either is unknown."""
    place = observatories.site(code)
    for key in LATITUDE_KEYS if place is not None else ():
        text = card_text(header, key)
        latitude = as_number(text)
        if latitude is None and text is not None:
            try:
                latitude = sky.parse_sexagesimal(text)
            except ValueError:
                continue
        if latitude is not None and place is not None:
            return abs(latitude - place.latitude_deg) < SAME_PLACE_DEG
    return None


def seen(header: "Header") -> list[str]:
    """Cards of a header that may name an instrument, and what they hold."""
    texts = ((card, card_text(header, card)) for card in INSTRUMENT_KEYS)
    return [f"{card} = {value!r}" for card, value in texts if value]


def _unknown(header: "Header") -> str:
    cards = ", ".join(seen(header))
    if not cards:
        return "none of these cards is there; run pp_prepare, or name it with -telescope KEYWORD"
    _, groups, _ = _registry()
    values = [card_text(header, card) or "" for card in INSTRUMENT_KEYS]
    alike = [
        keyword
        for value in values
        for identifiers in groups
        for keyword in _candidates(plain_identifier(value), identifiers)
    ]
    what = "no instrument with an entry"
    if alike:
        what = f"looks like {' or '.join(dict.fromkeys(alike))}, but other cards contradict"
    return (
        f"{cards}: {what}; run pp_prepare first, name it with -telescope KEYWORD, or add it to "
        "setup/mytelescopes.py as setup/mytelescopes.example.py shows"
    )
