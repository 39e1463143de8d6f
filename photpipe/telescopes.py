"""The registry of telescopes: the dictionaries of ``setup/telescopes.py`` and of the user.

``setup/telescopes.py`` is read first, then ``setup/mytelescopes.py`` of the user, which may
extend or rebind ``implemented_telescopes``, ``instrument_identifiers`` and
``telescope_parameters`` as the manual teaches. Both are Python files; they are the only code
that is run by name.
"""

import ast
import difflib
import fnmatch
import functools
import logging
import runpy
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from photpipe import paths
from photpipe.dialects import (
    Binning,
    CardValue,
    Chip,
    Distortion,
    MidTime,
    Pointing,
    as_number,
    card_number,
    card_text,
)
from photpipe.errors import ConfigError, HeaderError

if TYPE_CHECKING:
    from astropy.io.fits import Header

log = logging.getLogger(__name__)

USERS_FILE = "mytelescopes.py"
INSTRUMENT_KEYS = ("PPINSTRU", "LCAMMOD", "FPA", "CAM_NAME", "INSTRUME", "TELESCOP")
GENERIC = "GENERIC"
TOOLS = ("sex", "scamp", "swarp")

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
class Telescope:
    """Typed view of one documented dictionary.

    Parameters
    ----------
    keyword : str
        Its key in the registry, e.g. ``"VATT4K"``.
    name : str
        Display name.
    observatory_code : str
        MPC code.
    parameters : mapping
        The documented dictionary, read-only.
    binning, midtime, pointing, chip, distortion
        The parsed languages of the entry.
    supplied : mapping
        Cards given by the user for headers that lack them (GENERIC); `pp_prepare` writes them.
    """

    keyword: str
    name: str
    observatory_code: str
    parameters: Mapping[str, Any] = field(repr=False, compare=False)
    binning: Binning
    midtime: MidTime
    pointing: Pointing
    chip: Chip = field(repr=False, compare=False)
    distortion: Distortion = field(repr=False, compare=False)
    supplied: Mapping[str, CardValue] = field(default_factory=dict, compare=False)

    @classmethod
    def from_parameters(cls, entry: Mapping[str, Any]) -> "Telescope":
        """Parse a dictionary that has all required keys; ValueError names the wrong key."""
        languages: dict[str, Callable[[], Any]] = {
            "binning": lambda: Binning.parse(entry["binning"]),
            "date_keyword": lambda: MidTime.parse(entry["date_keyword"], entry.get("date_marks")),
            "ra, dec, radec_separator": lambda: Pointing.parse(
                *(entry[key] for key in ("ra", "dec", "radec_separator")),
                *(entry.get(key) for key in ("radec_unit", "radec_jitter")),
            ),
            "flipx, flipy, rotate": lambda: Chip.parse(entry),
            "distort": lambda: Distortion.parse(entry.get("distort")),
        }
        parsed: list[Any] = []
        for key, parse in languages.items():
            try:
                parsed.append(parse())
            except (ValueError, TypeError, KeyError, AttributeError, IndexError) as problem:
                raise ValueError(f"{key}: {problem}") from None
        names = (entry["telescope_keyword"], entry["telescope_instrument"])
        code = str(entry["observatory_code"])
        return cls(str(names[0]), str(names[1]), code, MappingProxyType(dict(entry)), *parsed)

    # -- what the stages ask for

    @property
    def secpix_arcsec(self) -> tuple[float, float] | None:
        """Pixel scale of unbinned pixels in x and y; None if the user has to give it."""
        x, y = self.parameters["secpix"]
        return None if x is None or y is None else (float(x), float(y))

    @property
    def filter_translations(self) -> Mapping[str, str | None]:
        """Band in the catalogs of each filter name."""
        return MappingProxyType(dict(self.parameters["filter_translations"]))

    @property
    def source_minarea(self) -> int:
        """Smallest number of pixels of a source in the registration."""
        return int(self.parameters["source_minarea"])

    @property
    def source_snr(self) -> float:
        """Smallest signal-to-noise ratio of a source in the registration."""
        return float(self.parameters["source_snr"])

    @property
    def aprad_default(self) -> float:
        """Aperture radius in pixels, for the registration."""
        return float(self.parameters["aprad_default"])

    @property
    def aprad_range(self) -> tuple[float, float]:
        """Smallest and largest radius of the curve of growth, in pixels."""
        low, high = self.parameters["aprad_range"]
        return float(low), float(high)

    @property
    def reg_max_mag(self) -> float:
        """Faint limit of the reference stars."""
        return float(self.parameters["reg_max_mag"])

    @property
    def reg_search_radius_deg(self) -> float:
        """Margin around the field in the query for reference stars."""
        return float(self.parameters["reg_search_radius"])

    @property
    def source_tolerance(self) -> str:
        """Flagged sources that may enter the registration: none, low, medium, high."""
        return str(self.parameters["source_tolerance"])

    @property
    def copy_keywords(self) -> tuple[str, ...]:
        """Cards carried into a combined image."""
        names = str(self.parameters.get("copy_keywords") or "").split(",")
        return tuple(name.strip() for name in names if name.strip())

    @property
    def astrometry_catalogs(self) -> tuple[str, ...]:
        """Catalogs for the registration, in the order they are tried."""
        return tuple(self.parameters["astrometry_catalogs"])

    @property
    def photometry_catalogs(self) -> tuple[str, ...]:
        """Catalogs for the calibration, in the order they are tried."""
        return tuple(self.parameters["photometry_catalogs"])

    @property
    def trim_px(self) -> Mapping[str, int]:
        """Pixels to cut off (left, right, bottom, top) before extraction; empty: none."""
        return MappingProxyType(dict(self.parameters.get("trim_px") or {}))

    @property
    def drop_cards(self) -> tuple[str, ...]:
        """Cards that break the FITS rules and are removed."""
        return tuple(self.parameters.get("drop_cards") or ())

    @property
    def trust_wcs(self) -> bool:
        """Whether the WCS of the files is better than a registration would be."""
        return bool(self.parameters.get("trust_wcs"))

    def mask_file(self, binning: tuple[int, int]) -> Path | None:
        """Weight mask for a binning, if the entry names one and the file exists."""
        masks = self.parameters.get("mask_file") or {}
        name = masks.get(f"{binning[0]},{binning[1]}")
        path = _setup_path(name) if name else None
        if path is not None and not path.is_file():
            log.debug("%s: mask file %s does not exist, no mask is used", self.keyword, path)
            return None
        return path

    def config_file(self, tool: str) -> Path | None:
        """The user's own configuration file for a tool (sex, scamp, swarp), if it exists."""
        name = self.parameters.get(f"{tool}-config-file")
        path = _setup_path(name) if name else None
        if path is not None and not path.is_file():
            log.info("%s: %s does not exist, the base settings are used", self.keyword, path)
            return None
        return path

    def tool_settings(self, tool: str) -> dict[str, str]:
        """Settings of a tool (sex, scamp, swarp): base, then the entry's, then the user's file.

        Raises
        ------
        ConfigError
            If a configuration file cannot be read.
        """
        settings = _read_tool_config(paths.setup_file(f"base.{tool}"))
        own = self.parameters.get(f"{tool}-settings") or {}
        settings.update({str(key).upper(): str(value) for key, value in own.items()})
        users = self.config_file(tool)
        return settings | (_read_tool_config(users) if users else {})

    def at_site_of(self, header: "Header") -> "Telescope":
        """The same telescope, with the MPC code of the place that the header names."""
        rule = self.parameters.get("observatory_code_by")
        if not rule:
            return self
        cards, codes = rule
        place = tuple((card_text(header, card) or "").casefold() for card in cards)
        code = codes.get(place)
        if code is None and any(place):
            log.debug("%s: no MPC code is known for %s", self.keyword, "-".join(place))
        return replace(self, observatory_code=code) if code else self


def _setup_path(name: object) -> Path:
    """Path of a file that an entry names: as it is, or in setup/."""
    path = Path(str(name)).expanduser()
    return path if path.is_absolute() else paths.setup_file(path.name)


def _read_tool_config(path: Path) -> dict[str, str]:
    """Parameters of an AstrOmatic configuration file: KEY value  # comment."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror or problem}") from None
    settings = {}
    for line in text.splitlines():
        key, _, value = line.partition("#")[0].strip().partition(" ")
        if key:
            settings[key.upper()] = ",".join(part.strip() for part in value.split(","))
    return settings


# -- loading


@dataclass(frozen=True, slots=True)
class _Registry:
    telescopes: Mapping[str, Telescope]
    identifiers: tuple[tuple[str, str], ...]  # (normalised value or pattern, keyword), best first


def registry() -> Mapping[str, Telescope]:
    """All telescopes by keyword: the built-in ones, then those of the user.

    Raises
    ------
    ConfigError
        If the user's file has a mistake: one line with file, line and a suggestion.
    """
    return _registry().telescopes


def by_keyword(name: str) -> Telescope:
    """Telescope of a keyword, in any case of letters.

    Raises
    ------
    ConfigError
        If there is none; the message lists near matches.
    """
    telescopes = registry()
    folded = {keyword.casefold(): telescope for keyword, telescope in telescopes.items()}
    telescope = telescopes.get(name.strip()) or folded.get(name.strip().casefold())
    if telescope is None:
        raise ConfigError(f"there is no telescope {name!r}{_suggestion(name, telescopes)}")
    return telescope


def _suggestion(name: str, known: Mapping[str, Any]) -> str:
    folded = {key.casefold(): key for key in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if not near:
        return "; all are listed in the manual under Supported Observatories"
    return f"; did you mean {' or '.join(folded[key] for key in near)}?"


def _registry() -> _Registry:
    users = paths.user_home() / "setup" / USERS_FILE
    changed = users.stat().st_mtime_ns if users.is_file() else 0
    return _load(paths.home() / "setup" / paths.REGISTRY, users, changed)


@functools.lru_cache(maxsize=8)
def _load(built_in: Path, users: Path, changed: int) -> _Registry:
    """Read both files; `changed` (time of the user's file) makes the cache notice an edit."""
    rootpath = str(users.parent.parent)
    names = runpy.run_path(str(built_in), init_globals={"rootpath": rootpath})
    entries = dict(names["telescope_parameters"])
    identifiers = list(_identifiers(names["instrument_identifiers"], entries))
    telescopes = {key: Telescope.from_parameters(entry) for key, entry in entries.items()}
    if changed:
        own_entries, own_identifiers = _read_users_file(users, names, rootpath)
        telescopes |= {key: _checked(entry, users) for key, entry in own_entries.items()}
        _check_identifiers(own_identifiers, telescopes, users)
        identifiers = [*_identifiers(own_identifiers, own_entries), *identifiers]
    return _Registry(MappingProxyType(telescopes), tuple(identifiers))


def _identifiers(
    documented: Mapping[str, str], entries: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """(Header value, keyword) of a file: first as documented, then of the entries."""
    seen = {(plain_identifier(value), keyword) for value, keyword in documented.items()}
    yield from ((plain_identifier(value), keyword) for value, keyword in documented.items())
    for keyword, entry in entries.items():
        for value in entry.get("identified_by") or ():
            if (plain_identifier(value), keyword) not in seen:
                yield plain_identifier(value), keyword


def _read_users_file(
    users: Path, names: Mapping[str, Any], rootpath: str
) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """Entries and identifiers that the user's file adds or changes."""
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
        raise ConfigError(f"{users}: telescope_parameters, instrument_identifiers: dictionaries")
    own = {
        str(key): entry
        for key, entry in entries.items()
        if entry is not names["telescope_parameters"].get(key)
    }
    _check_lists(implemented or (), entries, names, users)
    _warn_of_forgotten(after, entries, names, users)
    built_in = names["instrument_identifiers"]
    return own, {str(k): v for k, v in identifiers.items() if built_in.get(k) != v}


def _one_line(problem: BaseException, users: Path) -> str:
    """File, line and what went wrong there."""
    if isinstance(problem, SyntaxError):
        return f"{users}, line {problem.lineno}: {problem.msg}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(problem.__traceback__)
        if Path(frame.filename) == users
    ]
    where = f"{users}, line {lines[-1]}" if lines else str(users)
    what = f"{type(problem).__name__}: {problem}".splitlines()[0]
    return f"{where}: {what}; setup/mytelescopes.example.py shows how it is written"


def _check_lists(
    implemented: Any, entries: Mapping[str, Any], names: Mapping[str, Any], users: Path
) -> None:
    known = {**names["telescope_parameters"], **entries}
    for keyword in implemented:
        if keyword not in known:
            line = _line_of(keyword, users)
            raise ConfigError(
                f"{users}{line}: implemented_telescopes names {keyword!r}, which "
                f"telescope_parameters does not have{_suggestion(str(keyword), known)}"
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


def _checked(entry: Any, users: Path) -> Telescope:
    """Telescope of one of the user's dictionaries; ConfigError names the file, line and key."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{users}: telescope_parameters holds {entry!r}, not a dictionary")
    keyword = entry.get("telescope_keyword", "?")
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
    try:
        _check_values(entry)
        return Telescope.from_parameters(entry)
    except (ValueError, TypeError, KeyError) as problem:
        key = str(problem).split(":", maxsplit=1)[0].split(",")[0]
        line = _line_of(key, users) or _line_of(keyword, users)
        raise ConfigError(f"{users}{line}: telescope {keyword}: {problem}") from None


def _numbers(count: int) -> Callable[[Any], bool]:
    return lambda value: len(value) == count and all(as_number(each) is not None for each in value)


def _is_number(value: Any) -> bool:
    return as_number(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (("secpix",), lambda v: _numbers(2)(v) and min(v) > 0, "is (x, y) in arcsec per pixel"),
    (("aprad_range",), lambda v: _numbers(2)(v) and 0 < v[0] < v[1], "is (smallest, largest)"),
    (
        ("source_minarea", "source_snr", "aprad_default", "reg_max_mag", "reg_search_radius"),
        _is_number,
        "is a number",
    ),
    (
        ("telescope_instrument", "telescope_keyword", "object", "filter", "exptime", "airmass"),
        _is_text,
        "is a text",
    ),
    (("filter_translations",), lambda v: isinstance(v, dict), "is a dictionary"),
    (("astrometry_catalogs", "photometry_catalogs"), _is_names, "is a list of names"),
    (
        ("source_tolerance",),
        lambda v: v in {"none", "low", "medium", "high"},
        "is none, low, medium or high",
    ),
)


def _check_values(entry: Mapping[str, Any]) -> None:
    """ValueError for the first value that is not of the kind its key wants."""
    for keys, is_right, kind in _CHECKS:
        for key in keys:
            try:
                right = is_right(entry[key])
            except (TypeError, ValueError, IndexError):
                right = False
            if not right:
                raise ValueError(f"{key}: {entry[key]!r} {kind.replace('is ', 'is not ', 1)}")


def _check_identifiers(
    identifiers: Mapping[str, str], telescopes: Mapping[str, Telescope], users: Path
) -> None:
    for value, keyword in identifiers.items():
        if keyword not in telescopes:
            raise ConfigError(
                f"{users}{_line_of(keyword, users)}: instrument_identifiers sends {value!r} to "
                f"the telescope {keyword!r}, which does not exist"
                f"{_suggestion(str(keyword), telescopes)}"
            )


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
    entries say under ``distinguished_by``.

    Raises
    ------
    HeaderError
        If no card names a known instrument: what was seen, and how to add a telescope.
    ConfigError
        If the user's telescope file has a mistake.
    """
    named = card_text(header, "TEL_KEYW")
    telescopes = _registry().telescopes
    if named is not None and named in telescopes:
        return telescopes[named].at_site_of(header)
    seen, refused = [], []
    for card in INSTRUMENT_KEYS:
        value = card_text(header, card)
        if value is None:
            continue
        seen.append(f"{card} = {value!r}")
        candidates = [telescopes[keyword] for keyword in _candidates(plain_identifier(value))]
        telescope = _distinguished(candidates, header)
        if telescope is not None:
            return telescope.at_site_of(header)
        refused += [each.keyword for each in candidates]
    raise HeaderError(frame_name, "|".join(INSTRUMENT_KEYS), _unknown(seen, refused))


def _candidates(value: str) -> list[str]:
    """Keywords of the telescopes that use an identifier, best first."""
    identifiers = _registry().identifiers
    exact = [keyword for known, keyword in identifiers if known == value]
    like = [keyword for known, keyword in identifiers if fnmatch.fnmatchcase(value, known)]
    return list(dict.fromkeys(exact or like))


def _distinguished(candidates: list[Telescope], header: "Header") -> Telescope | None:
    """The one that the header confirms, else the first that it does not contradict."""
    verdicts = [(_verdict(telescope, header), telescope) for telescope in candidates]
    confirmed = [telescope for verdict, telescope in verdicts if verdict is True]
    open_ones = [telescope for verdict, telescope in verdicts if verdict is None]
    return next(iter(confirmed or open_ones), None)


def _verdict(telescope: Telescope, header: "Header") -> bool | None:
    """Whether the header confirms (True) or contradicts (False) ``distinguished_by``."""
    rules = telescope.parameters.get("distinguished_by") or {}
    answers = []
    for card, wanted in rules.items():
        value = card_text(header, card)
        if tuple(wanted) == ("*",):
            answers.append(value is not None)
        elif value is not None:
            patterns = [str(pattern).casefold() for pattern in wanted]
            answers.append(any(fnmatch.fnmatchcase(value.casefold(), p) for p in patterns))
    return all(answers) if answers else None


def _unknown(seen: list[str], refused: list[str]) -> str:
    if not seen:
        return "none of these cards is there; name the telescope with -telescope KEYWORD"
    what = f"{', '.join(seen)} is no instrument known to PP"
    if refused:
        what = f"{', '.join(seen)} looks like {' or '.join(refused)}, but other cards contradict"
    return (
        f"{what}; use -telescope KEYWORD (-telescope GENERIC for any), or add your telescope in "
        "setup/mytelescopes.py as setup/mytelescopes.example.py shows"
    )


# -- GENERIC


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know about a frame of a telescope that nobody described.

    Parameters
    ----------
    name : str
        Option and key of the answers.
    text : str
        The question.
    key : str
        Key of the entry it is about; a header that has the card needs no answer.
    """

    name: str
    text: str
    key: str | None


GENERIC_QUESTIONS = (
    Question("secpix", "pixel scale of the unbinned pixels in arcsec", None),
    Question("binning", "binning, such as 2 or 2,2", "binning"),
    Question("ra", "right ascension of the frame centre (degrees, or hh mm ss)", "ra"),
    Question("dec", "declination of the frame centre (degrees, or dd mm ss)", "dec"),
    Question("filter", "filter band", "filter"),
    Question("date_keyword", "card of date and time, or two as DATE|TIME", "date_keyword"),
    Question("exptime", "exposure time in seconds", "exptime"),
)


def missing_for_generic(header: "Header", answers: Mapping[str, Any]) -> tuple[Question, ...]:
    """Questions that neither the header nor the answers settle."""
    generic_entry = by_keyword(GENERIC)
    return tuple(
        question
        for question in GENERIC_QUESTIONS
        if answers.get(question.name) is None
        and not (question.key and _has_card(header, generic_entry, question.key))
    )


def _has_card(header: "Header", telescope: Telescope, key: str) -> bool:
    wanted = telescope.binning.cards(header) if key == "binning" else (telescope.parameters[key],)
    return all(card_text(header, card) is not None for card in wanted)


def generic(
    header: "Header", answers: Mapping[str, Any], ask: Callable[[str], str] | None = None
) -> Telescope:
    """The telescope GENERIC with what the user says about it.

    Parameters
    ----------
    header : Header
        A header of the frames; the cards that it has are not asked for.
    answers : mapping
        By name of `GENERIC_QUESTIONS`: values, texts of the command line, or names of cards
        of the header that hold the value; None means not given.
    ask : callable, optional
        Asks the user one question (on a terminal); without it nothing is asked.

    Returns
    -------
    Telescope
        Its `supplied` cards are to be written into the headers.

    Raises
    ------
    ConfigError
        If something is missing and nobody can be asked, or an answer is not usable.
    """
    given = {name: value for name, value in answers.items() if value is not None}
    missing = missing_for_generic(header, given)
    if missing and ask is None:
        options = ", ".join(f"-{question.name} ({question.text})" for question in missing)
        raise ConfigError(f"the telescope GENERIC has to be told: {options}")
    for question in missing:
        given[question.name] = ask(f"{question.text}: ") if ask else None
    return _generic_telescope(header, given)


def _generic_telescope(header: "Header", given: Mapping[str, Any]) -> Telescope:
    entry = dict(by_keyword(GENERIC).parameters)
    supplied: dict[str, CardValue] = {"INSTRUME": GENERIC}
    scale = _pair(given["secpix"], "secpix", header)
    entry["secpix"] = scale
    if "binning" in given:
        x, y = _pair(given["binning"], "binning", header)
        if not (1 <= x <= 64 and 1 <= y <= 64 and x % 1 == y % 1 == 0):
            raise ConfigError(f"-binning {given['binning']}: not a binning such as 2,2")
        supplied |= {"BINX": int(x), "BINY": int(y)}
    for name, key in (("ra", "ra"), ("dec", "dec"), ("filter", "filter"), ("exptime", "exptime")):
        if name in given:
            answer = str(given[name]).strip()
            card = card_text(header, answer.upper()) if answer else None
            supplied[entry[key]] = answer if card is None else card
    if "date_keyword" in given:
        entry["date_keyword"] = str(given["date_keyword"]).strip()
    try:
        telescope = Telescope.from_parameters(entry)
    except ValueError as problem:
        raise ConfigError(f"telescope GENERIC: {problem}") from None
    return replace(telescope, supplied=MappingProxyType(supplied))


def _pair(answer: Any, name: str, header: "Header") -> tuple[float, float]:
    """Positive numbers for x and y out of ``2``, ``"2,2"``, ``"2 2"``, (2, 2) or a card's name."""
    if isinstance(answer, str) and card_text(header, answer.strip().upper() or "-") is not None:
        value = card_number(header, answer.strip().upper(), "the first frame", name)
        answer = (value,)
    parts = answer if isinstance(answer, tuple | list) else str(answer).replace(",", " ").split()
    numbers = [as_number(part) for part in parts]
    if len(numbers) not in {1, 2} or any(number is None or number <= 0 for number in numbers):
        raise ConfigError(f"-{name} {answer}: not a positive number, nor two for x and y")
    values = [float(number or 0.0) for number in numbers]
    return values[0], values[-1]
