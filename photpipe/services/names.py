"""Names of targets as observers write them, turned into questions for JPL Horizons.

``3552``, ``2010_AB12``, ``(433) Eros``, ``433 Eros``, ``C/2017 K2 (PANSTARRS)``, ``73P-B``,
``K10A12B``, ``Ceres``, ``Mars``. Underscores are blanks, as headers and file names have them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CENTURIES = {"I": 18, "J": 19, "K": 20}
_FIRST_NUMBER_IN_BASE62 = 620000
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Lookup:
    """One way to ask Horizons for an object.

    Parameters
    ----------
    text : str
        Designation, number or name.
    id_type : str or None
        Kind of `text` in the words of astroquery; None asks for planets, moons and spacecraft.
    closest_apparition, no_fragments : bool
        For comets: the record nearest to the date, and the comet itself, not its pieces.
    if_ambiguous : bool
        Only worth asking when the lookup before it found several objects.
    """

    text: str
    id_type: str | None = "smallbody"
    closest_apparition: bool = False
    no_fragments: bool = False
    if_ambiguous: bool = False


def tidied(name: str) -> str:
    """Name with single blanks for underscores and for what means something to Horizons."""
    return " ".join(re.sub(r"[_\";$\x00-\x1f]", " ", name).strip(" '").split())[:_LONGEST]


def lookups(name: str) -> tuple[Lookup, ...]:
    """Ways to ask for an object, in the order of trying; none if the name is no name of one.

    Stars and deep-sky objects by their catalog numbers (``HD 12345``, ``NGC 1275``) and words
    such as ``flat`` need not be asked for.
    """
    text = tidied(name)
    if not re.search(r"[A-Za-z0-9]", text) or _FIXED.fullmatch(text):
        return ()
    for form, read in _FORMS:
        found = form.fullmatch(text)
        if found:
            return (read(found),)
    free = (
        Lookup(text),
        Lookup(text, closest_apparition=True, no_fragments=True, if_ambiguous=True),
        Lookup(text, "name", if_ambiguous=True),
        Lookup(text, None),
    )
    packed = _PACKED_NUMBER.fullmatch(text)
    return (*free, Lookup(str(_packed_number(packed)))) if packed else free


def _number(found: re.Match[str]) -> Lookup:
    return Lookup(str(int(found["number"])))


def _designation(found: re.Match[str]) -> Lookup:
    letters = found["letters"].upper()
    return Lookup(f"{found['year']} {letters}{(found['count'] or '').lstrip('0')}", "designation")


def _survey(found: re.Match[str]) -> Lookup:
    return Lookup(f"{found['number']} {found['survey'].upper()}", "designation")


def _comet(designation: str, fragment: str | None) -> Lookup:
    """A comet, or one piece of it that the observer named."""
    text = f"{designation}-{fragment.upper()}" if fragment else designation
    return Lookup(text, "designation", closest_apparition=True, no_fragments=not fragment)


def _numbered_comet(found: re.Match[str]) -> Lookup:
    return _comet(f"{int(found['number'])}{found['kind'].upper()}", found["fragment"])


def _provisional_comet(found: re.Match[str]) -> Lookup:
    kind, half_month = found["kind"].upper(), found["half_month"].upper()
    return _comet(f"{kind}/{found['year']} {half_month}", found["fragment"])


def _packed_designation(found: re.Match[str]) -> Lookup:
    return Lookup(_unpacked(found), "designation")


def _packed_comet(found: re.Match[str]) -> Lookup:
    last = found["last"]
    if last.isupper():  # a comet first taken for an asteroid
        return _comet(f"{found['kind']}/{_unpacked(found)}", None)
    year = f"{_CENTURIES[found['century']]}{found['year']}"
    designation = f"{found['kind']}/{year} {found['half_month']}{_packed_count(found['count'])}"
    return _comet(designation, None if last == "0" else last)


def _packed_survey(found: re.Match[str]) -> Lookup:
    letters = found["survey"]
    return Lookup(f"{int(found['number'])} {letters[0]}-{letters[1]}", "designation")


def _unpacked(found: re.Match[str]) -> str:
    """``2010 AB12`` of ``K10A12B``."""
    year = f"{_CENTURIES[found['century']]}{found['year']}"
    count = _packed_count(found["count"])
    return f"{year} {found['half_month']}{found['last']}{count or ''}"


def _packed_count(text: str) -> int:
    return 10 * _BASE62.index(text[0]) + int(text[1])


def _packed_number(found: re.Match[str]) -> int:
    if found["tilde"]:
        value = 0
        for digit in found["tilde"]:
            value = 62 * value + _BASE62.index(digit)
        return _FIRST_NUMBER_IN_BASE62 + value
    return 10000 * _BASE62.index(found["letter"]) + int(found["rest"])


_PROVISIONAL = (
    r"(?P<year>1[89]\d\d|20\d\d) ?(?P<letters>[A-HJ-Ya-hj-y][A-HJ-Za-hj-z]) ?(?P<count>\d{0,4})"
)
_FRAGMENT = r"(?:-(?P<fragment>[A-Za-z]{1,2}))?"
_PACKED = r"(?P<century>[IJK])(?P<year>\d\d)(?P<half_month>[A-HJ-Y])(?P<count>[0-9A-Za-z]\d)"

# the first form that fits the whole name decides
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Lookup]], ...] = (
    (re.compile(_PROVISIONAL), _designation),
    (re.compile(r"(?P<number>\d{4}) ?(?P<survey>[Pp]-[Ll]|[Tt]-[1-3])"), _survey),
    (re.compile(_PACKED + r"(?P<last>[A-HJ-Z])"), _packed_designation),
    (re.compile(r"(?P<survey>PL|T[1-3])S(?P<number>\d{4})"), _packed_survey),
    (
        re.compile(rf"0*(?P<number>\d{{1,4}})(?P<kind>[PDIpdi]){_FRAGMENT}(?:[/ ].*)?"),
        _numbered_comet,
    ),
    (re.compile(r"(?P<number>\d{4})(?P<kind>[PDI])(?P<fragment>[a-z])"), _numbered_comet),
    (
        re.compile(
            r"(?P<kind>[CPDXAcpdxa])[/ ]? ?(?P<year>1\d{3}|20\d\d) ?"
            rf"(?P<half_month>[A-HJ-Ya-hj-y][A-Za-z]?\d{{1,3}}){_FRAGMENT}(?: .*|\(.*)?"
        ),
        _provisional_comet,
    ),
    (re.compile(r"(?P<kind>[CPDXA])" + _PACKED + r"(?P<last>[0-9A-Za-z])"), _packed_comet),
    (re.compile(r"(?P<number>\d{1,7})"), _number),
    (re.compile(r"\((?P<number>\d{1,7})\).*"), _number),
    (
        re.compile(
            r"(?P<number>\d{1,7}) (?:[A-Z][a-z][A-Za-z' -]*|[A-Z]{3,}[A-Z' -]*|[a-z' -]{3,})"
        ),
        _number,
    ),
    (re.compile(rf"(?P<number>\d{{1,7}}) \(?{_PROVISIONAL}\)?"), _number),
)
_PACKED_NUMBER = re.compile(r"(?P<letter>[A-Za-z])(?P<rest>\d{4})|~(?P<tilde>[0-9A-Za-z]{4})")
_FIXED = re.compile(
    r"(?:(?:HD|HIP|HR|SAO|BD|CD|CPD|NGC|IC|UGC|PGC|M|MCG|SA|PG|GD|FEIGE|TYC|GSC|UCAC\d?|USNO|2MASS"
    r"|SDSS|PSO|GAIA(?: E?DR\d)?|WASP|HAT-?P|HATS|KELT|QATAR|COROT|KEPLER|TOI|TIC|KIC|KOI|EPIC"
    r"|GJ|LHS|WD|3C|PKS|ABELL|MRK|ASASSN|GRB|SN|AT|LANDOLT|STETSON|FIELD)[ -]*[+-]?\d.*"
    r"|.*\b(?:FLAT|BIAS|DARK|FOCUS|TWILIGHT|STANDARD|UNKNOWN|NONE|TEST|NO OBJECT)\b.*)",
    re.IGNORECASE,
)
