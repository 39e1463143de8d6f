"""The two files that describe telescopes, read and checked.

``setup/telescopes.py`` is read first, then ``setup/mytelescopes.py`` of the user, which may
extend or rebind ``implemented_telescopes``, ``instrument_identifiers`` and
``telescope_parameters`` as the manual teaches. Both are Python files; they are the only code
that is run by name. Mistakes of the user come out as one line with file, line and a suggestion.
"""

import ast
import difflib
import logging
import runpy
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photpipe.fits.values import as_number
from photpipe.ground.errors import ConfigError
from photpipe.instruments.telescope import Telescope

log = logging.getLogger(__name__)

USERS_FILE = "mytelescopes.py"

_DOCUMENTED_NAMES = ("implemented_telescopes", "instrument_identifiers", "telescope_parameters")
_REQUIRED_KEYS = (
    *("telescope_instrument", "telescope_keyword", "observatory_code", "secpix"),
    *("flipx", "flipy", "rotate", "binning", "extent", "ra", "dec", "radec_separator"),
    *("date_keyword", "object", "filter", "filter_translations", "exptime", "airmass"),
    *("source_minarea", "source_snr", "aprad_default", "aprad_range"),
    *("reg_max_mag", "reg_search_radius", "source_tolerance"),
    *("astrometry_catalogs", "photometry_catalogs"),
)
_OPTIONAL_KEYS = (
    *("ext_coeff", "chip_id", "chip_offset_fixed", "distort", "obsmidtime_jd", "mask_file"),
    *("sex-config-file", "scamp-config-file", "swarp-config-file", "copy_keywords"),
    *("sex-settings", "scamp-settings", "swarp-settings", "scamp", "dont_remove"),
    *("identified_by", "distinguished_by", "observatory_code_by", "date_marks", "radec_unit"),
    *("radec_jitter", "gain", "trim_px", "drop_cards", "trust_wcs"),
)


@dataclass(frozen=True, slots=True)
class Entries:
    """What the files say.

    Parameters
    ----------
    telescopes : mapping
        By keyword.
    identifiers, users_identifiers : tuple of (str, str)
        Header value (or pattern) and keyword, best first; those of the user apart.
    faults : mapping
        What is wrong with entries of the user, by keyword: it stops the frames that need them,
        and nobody else.
    """

    telescopes: Mapping[str, Telescope]
    identifiers: tuple[tuple[str, str], ...]
    users_identifiers: tuple[tuple[str, str], ...]
    faults: Mapping[str, str]


def read(built_in: Path, users: Path | None) -> Entries:
    """Read the built-in file and, unless None, the user's.

    Raises
    ------
    ConfigError
        If the user's file cannot be run, or does not hold what it has to.
    """
    rootpath = str((users or built_in).parent.parent)
    names = runpy.run_path(str(built_in), init_globals={"rootpath": rootpath})
    entries, documented = names["telescope_parameters"], names["instrument_identifiers"]
    identifiers = tuple(_identifiers(documented, entries))
    own_entries, own_documented = _read_users_file(users, names, rootpath) if users else ({}, {})
    telescopes = {
        keyword: Telescope.from_parameters(entry)
        for keyword, entry in entries.items()
        if keyword not in own_entries
    }
    faults: dict[str, str] = {}
    if users:
        for keyword, entry in own_entries.items():
            try:
                telescopes[keyword] = _checked(keyword, entry, users)
            except ConfigError as fault:
                faults[keyword] = str(fault)
        own_documented = _with_known_keywords(own_documented, [*telescopes, *faults])
        faults |= _lost_identifiers(own_documented, {*telescopes, *faults}, users)
    inherited = {id(entry["identified_by"]) for entry in entries.values()}
    own = {
        keyword: entry
        for keyword, entry in own_entries.items()
        if isinstance(entry, dict)
        and _is_names(entry.get("identified_by") or ())
        and id(entry.get("identified_by")) not in inherited  # by {**another_param, ...}
    }
    users_identifiers = tuple(_identifiers(own_documented, own))
    return Entries(telescopes, identifiers, users_identifiers, faults)


def _identifiers(
    documented: Mapping[str, str], entries: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """(Header value, keyword) of a file: first as documented, then of the entries."""
    yield from documented.items()
    for keyword, entry in entries.items():
        yield from ((str(value), keyword) for value in entry.get("identified_by") or ())


def _read_users_file(
    users: Path, names: Mapping[str, Any], rootpath: str
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """Entries and identifiers that the user's file adds or changes."""
    before = {key: dict(entry) for key, entry in names["telescope_parameters"].items()}
    given = {name: value for name, value in names.items() if not name.startswith("__")}
    given |= {
        "rootpath": rootpath,
        "implemented_telescopes": list(names["implemented_telescopes"]),
        "instrument_identifiers": dict(names["instrument_identifiers"]),
        "telescope_parameters": dict(names["telescope_parameters"]),
    }
    try:
        after = runpy.run_path(str(users), init_globals=given)
    except (Exception, SystemExit) as problem:  # a stranger's code may raise anything
        raise ConfigError(_one_line(problem, users)) from None
    implemented, identifiers, entries = (after.get(name) for name in _DOCUMENTED_NAMES)
    if not isinstance(entries, dict) or not isinstance(identifiers, dict):
        raise ConfigError(
            f"{users}: telescope_parameters and instrument_identifiers have to be dictionaries"
        )
    _warn_of_missing(implemented or (), {**before, **entries}, users)
    _warn_of_forgotten(after, entries, names, users)
    built_in = names["instrument_identifiers"]
    return (
        {str(key): entry for key, entry in entries.items() if entry != before.get(key)},
        {str(key): str(to) for key, to in identifiers.items() if built_in.get(key) != to},
    )


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean X or Y?`` for names close to the given one, else empty."""
    folded = {key.casefold(): key for key in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(folded[key] for key in near)}?" if near else ""


def _one_line(problem: BaseException, users: Path) -> str:
    """File, line and what went wrong there."""
    if isinstance(problem, SyntaxError):
        line = f", line {problem.lineno}" if problem.lineno else ""
        return f"{users}{line}: {problem.msg}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(problem.__traceback__)
        if Path(frame.filename) == users
    ]
    where = f"{users}, line {lines[-1]}" if lines else str(users)
    what = f"{type(problem).__name__}: {problem}".splitlines()[0]
    return f"{where}: {what}; setup/mytelescopes.example.py shows how it is written"


def _warn_of_missing(implemented: Any, known: Mapping[str, Any], users: Path) -> None:
    """Say so when a telescope is listed and not described; no frame can need it."""
    folded = {str(each).casefold() for each in known}
    for keyword in implemented:
        if str(keyword).casefold() not in folded:
            log.warning(
                "%s%s: implemented_telescopes names %r, which telescope_parameters does not have%s",
                *(users, _line_of(keyword, users), keyword, suggestion(str(keyword), known)),
            )


def _warn_of_forgotten(
    after: Mapping[str, Any], entries: Mapping[str, Any], names: Mapping[str, Any], users: Path
) -> None:
    """Say so when a dictionary was written and never entered."""
    for name, value in after.items():
        is_entry = isinstance(value, dict) and "telescope_keyword" in value
        entered = any(value is entry for entry in entries.values())
        if is_entry and not entered and value is not names.get(name):
            keyword = value["telescope_keyword"]
            log.warning(
                "%s: %s is not used; add the line telescope_parameters[%r] = %s",
                *(users.name, name, keyword, name),
            )


def _line_of(text: object, users: Path) -> str:
    """Where a text stands in the user's file, as ``, line 12``; empty if nowhere."""
    for node in ast.walk(ast.parse(users.read_bytes())):
        if isinstance(node, ast.Constant) and node.value == text:
            return f", line {node.lineno}"
    return ""


def _checked(keyword: str, entry: Any, users: Path) -> Telescope:
    """Telescope of one of the user's dictionaries; ConfigError names the file, line and key."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{users}: telescope_parameters[{keyword!r}] is not a dictionary")
    _check_keys(keyword, entry, users)
    try:
        _check_values(keyword, entry)
        return Telescope.from_parameters({**entry, "telescope_keyword": keyword})
    except (ValueError, TypeError, KeyError) as problem:
        key = str(problem).partition(":")[0].partition(",")[0]
        line = _line_of(key, users) or _line_of(keyword, users)
        raise ConfigError(f"{users}{line}: telescope {keyword}: {problem}") from None


def _check_keys(keyword: str, entry: Mapping[Any, Any], users: Path) -> None:
    """Complain of misspelt and of missing keys."""
    known = {*_REQUIRED_KEYS, *_OPTIONAL_KEYS}
    missing = [key for key in _REQUIRED_KEYS if key not in entry]
    for key in entry:
        near = difflib.get_close_matches(str(key), missing or known, n=1, cutoff=0.75)
        if key not in known and near:
            raise ConfigError(
                f"{users}{_line_of(key, users)}: telescope {keyword}: unknown key {key!r}; "
                f"did you mean {near[0]!r}?"
            )
        if key not in known:
            log.warning("%s: telescope %s: unknown key %r is ignored", users.name, keyword, key)
    if missing:
        raise ConfigError(
            f"{users}{_line_of(keyword, users)}: telescope {keyword}: missing "
            f"{', '.join(map(repr, missing))}; copy them from setup/mytelescopes.example.py"
        )


def _numbers(count: int) -> Callable[[Any], bool]:
    return lambda value: len(value) == count and all(as_number(each) is not None for each in value)


def _is_number(value: Any) -> bool:
    return as_number(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_positive(value: Any) -> bool:
    return (as_number(value) or 0.0) > 0


def _is_dict(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value is a dictionary with texts for keys, and what values it has."""
    return lambda value: (
        isinstance(value, dict)
        and all(isinstance(key, str) for key in value)
        and all(is_right(each) for each in value.values())
    )


def _is_setting(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_margins(value: Any) -> bool:
    sides = {"left", "right", "bottom", "top"}
    return set(value) == sides and all(isinstance(n, int) and n >= 0 for n in value.values())


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (("secpix",), lambda v: _numbers(2)(v) and min(v) > 0, "is (x, y) in arcsec per pixel"),
    (("aprad_range",), lambda v: _numbers(2)(v) and 0 < v[0] < v[1], "is (smallest, largest)"),
    (("reg_max_mag",), _is_number, "is a number"),
    (
        ("source_minarea", "source_snr", "aprad_default", "reg_search_radius"),
        _is_positive,
        "is a positive number",
    ),
    (
        ("telescope_instrument", "telescope_keyword", "object", "filter", "exptime", "airmass"),
        _is_text,
        "is a text",
    ),
    (
        ("filter_translations",),
        _is_dict(lambda v: v is None or _is_text(v)),
        "is a dictionary {filter: band, filter: None}",
    ),
    (("astrometry_catalogs", "photometry_catalogs"), _is_names, "is a list of names"),
    (("extent",), lambda v: _is_names(v) and len(v) == 2, "is a pair of keywords (x, y)"),
    (
        ("source_tolerance",),
        lambda v: v in {"none", "low", "medium", "high"},
        "is none, low, medium or high",
    ),
)
_OPTIONAL_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (("identified_by", "drop_cards"), _is_names, "is a list of names"),
    (("radec_jitter",), lambda v: _is_names(v) and len(v) == 2, "is a pair of keywords"),
    (("distinguished_by",), _is_dict(lambda v: _is_text(v) or _is_names(v)), "is a dictionary"),
    (
        ("observatory_code_by",),
        lambda v: _is_names(v[0]) and isinstance(v[1], dict) and len(v) == 2,
        "is (keywords, {values: code})",
    ),
    (
        ("mask_file",),
        _is_dict(_is_text),
        "is a dictionary {'1,1': file, '2,2': file}",
    ),
    (
        ("sex-settings", "scamp-settings", "swarp-settings"),
        _is_dict(_is_setting),
        "is a dictionary {setting: value}",
    ),
    (("sex-config-file", "scamp-config-file", "swarp-config-file"), _is_text, "is a file name"),
    (("trim_px",), _is_margins, "is {'left': 0, 'right': 0, 'bottom': 0, 'top': 0} in pixels"),
    (("gain",), lambda v: _is_text(v) or _is_positive(v), "is a keyword or a positive number"),
    (("distort",), lambda v: isinstance(v, dict), "is a dictionary of PV terms"),
)


def _check_values(keyword: str, entry: Mapping[str, Any]) -> None:
    """ValueError for the first value that is not of the kind its key wants."""
    if str(entry["telescope_keyword"]).casefold() != keyword.casefold():
        raise ValueError(
            f"telescope_keyword: {entry['telescope_keyword']!r} has to be the same as its key in "
            f"telescope_parameters, {keyword!r}"
        )
    given = {key for key in _OPTIONAL_KEYS if entry.get(key) is not None}
    for keys, is_right, kind in (*_CHECKS, *_OPTIONAL_CHECKS):
        for key in keys:
            if key in _OPTIONAL_KEYS and key not in given:
                continue
            try:
                right = is_right(entry[key])
            except (TypeError, ValueError, IndexError, KeyError, AttributeError):
                right = False
            if not right:
                raise ValueError(f"{key}: {entry[key]!r} {kind.replace('is ', 'is not ', 1)}")


def _with_known_keywords(identifiers: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Identifiers with the keywords spelt as in the entries, whatever their case."""
    folded = {keyword.casefold(): keyword for keyword in known}
    return {value: folded.get(to.casefold(), to) for value, to in identifiers.items()}


def _lost_identifiers(
    identifiers: Mapping[str, str], known: Iterable[str], users: Path
) -> dict[str, str]:
    """What is wrong with identifiers that lead nowhere, by the keyword that does not exist."""
    known = set(known)
    return {
        keyword: f"{users}{_line_of(keyword, users)}: instrument_identifiers sends {value!r} to "
        f"the telescope {keyword!r}, which does not exist{suggestion(keyword, known)}"
        for value, keyword in identifiers.items()
        if keyword not in known
    }
