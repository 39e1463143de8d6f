"""Designations of minor planets, comets and natural satellites: one grammar, both ways.

`parse` reads what observers, capture programs, the Minor Planet Center and JPL Horizons write,
packed and unpacked; `Designation.packed` gives columns 1 to 12 of an 80-column record.

The rules are those of the Minor Planet Center (https://docs.minorplanetcenter.net, *Designations*:
provisional designations with the extended scheme of October 2023, packed designations). Case
counts in packed forms alone: ``A3552`` is number 103552, ``a3552`` is 363552.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ORDER_LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # of the 25 objects of a cycle; there is no I
LARGEST_NUMBER = 620_000 + 62**4 - 1  # ~zzzz
# MPC: packed numbers from here on are ~ and four digits of base 62
FIRST_NUMBER_IN_BASE62 = 620_000
FIRST_EXTENDED_CYCLE = 620  # MPC: extended packed provisional designations begin with cycle 620
FIRST_MODERN_YEAR = 1925  # before, the first digit of the year is written as A
LARGEST_COMET_NUMBER = 9999  # MPC: four digits of a packed comet number
FIRST_EXTENDED_YEAR, LAST_EXTENDED_YEAR = 2010, 2035  # the letters A to Z
PLANETS = {"M": "Mars", "J": "Jupiter", "S": "Saturn", "U": "Uranus", "N": "Neptune"}


class Kind(StrEnum):
    """What kind of body a designation stands for."""

    MINOR_PLANET = "minor planet"
    COMET = "comet"
    SATELLITE = "natural satellite"


@dataclass(frozen=True, slots=True)
class Designation:
    """One object of the Solar System; of the first two texts exactly one is not empty.

    Parameters
    ----------
    kind : Kind
        Minor planet, comet (interstellar objects too) or satellite.
    permanent : str
        Number: ``3552``, ``73P``, ``1I``, ``Jupiter 13``.
    provisional : str
        Unpacked: ``2023 MQ5``, ``A899 CA``, ``2040 P-L``, ``C/2017 K2``, ``S/2003 J 2``.
    fragment : str
        Letters of a piece of a comet.
    """

    kind: Kind
    permanent: str = ""
    provisional: str = ""
    fragment: str = ""

    def __str__(self) -> str:
        piece = f"-{self.fragment}" if self.fragment else ""
        return f"{self.permanent or self.provisional}{piece}"

    @property
    def packed(self) -> str:
        """The twelve columns of an 80-column record.

        Raises
        ------
        ValueError
            If there is no packed form: why.
        """
        if self.permanent:
            return _packed_permanent(self)
        return _packed_provisional(self)


# -- packing


def pack_number(number: int) -> str:
    """Five characters for the number of a minor planet.

    Raises
    ------
    ValueError
        If the number is beyond what five characters hold.
    """
    if not 1 <= number <= LARGEST_NUMBER:
        raise ValueError(f"numbers of minor planets run from 1 to {LARGEST_NUMBER}")
    if number < FIRST_NUMBER_IN_BASE62:
        return f"{BASE62[number // 10_000]}{number % 10_000:04d}"
    return "~" + _in_base62(number - FIRST_NUMBER_IN_BASE62, 4)


def _in_base62(value: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        value, rest = divmod(value, 62)
        digits = f"{BASE62[rest]}{digits}"
    if value:
        raise ValueError(f"the count does not fit into {width} characters")
    return digits


def _from_base62(text: str) -> int:
    value = 0
    for digit in text:
        value = 62 * value + BASE62.index(digit)
    return value


def _count(number: int) -> str:
    """Two characters for a count below 620."""
    if number >= FIRST_EXTENDED_CYCLE:
        raise ValueError(f"a count of {number} has no packed form here")
    return f"{BASE62[number // 10]}{number % 10}"


def _uncount(text: str) -> int:
    return 10 * BASE62.index(text[0]) + int(text[1])


def _packed_permanent(name: Designation) -> str:
    if name.kind is Kind.MINOR_PLANET:
        return f"{pack_number(int(name.permanent)):12s}"
    if name.kind is Kind.SATELLITE:
        planet, number = name.permanent.split()
        return f"{planet[0]}{int(number):03d}S       "
    return f"{int(name.permanent[:-1]):04d}{name.permanent[-1]}{name.fragment.lower():>7s}"


def _packed_provisional(name: Designation) -> str:
    text = name.provisional
    if name.kind is Kind.SATELLITE:
        year, planet, number = text.removeprefix("S/").split()
        return f"    S{_packed_year(int(year))}{planet}{_count(int(number))}0"
    survey = _SURVEY.fullmatch(text)
    if survey:
        return f"     {survey['survey'].replace('-', '')}S{int(survey['number']):04d}"
    if name.kind is Kind.MINOR_PLANET:
        return f"     {_packed_minor_planet(text)}"
    letter, _, rest = text.partition("/")
    if not rest:
        raise ValueError(f"the letter of the comet's type is missing, as in C/{text}")
    return f"    {letter}{_packed_comet(rest, name.fragment)}"


def _packed_year(year: int) -> str:
    """Three characters: the century and two digits."""
    if year < 0:
        raise ValueError("a year BC has no packed form")
    return f"{BASE62[year // 100]}{year % 100:02d}"


def _packed_minor_planet(text: str) -> str:
    found = _MINOR_PLANET.fullmatch(text)
    if found is None:
        raise ValueError("an old-style designation (before 1925), has no packed form")
    year = int(found["year"].replace("A", "1"))
    return _packed_order(year, found["half"], found["order"], int(found["cycle"] or 0))


def _packed_order(year: int, half: str, order: str, cycle: int) -> str:
    """Seven characters of the order of discovery in a half-month."""
    if cycle < FIRST_EXTENDED_CYCLE:
        return f"{_packed_year(year)}{half}{_count(cycle)}{order}"
    if not FIRST_EXTENDED_YEAR <= year <= LAST_EXTENDED_YEAR:
        raise ValueError(f"a count of {cycle} has no packed form in the year {year}")
    rank = (cycle - FIRST_EXTENDED_CYCLE) * len(ORDER_LETTERS) + ORDER_LETTERS.index(order)
    return f"_{BASE62[year % 100]}{half}{_in_base62(rank, 4)}"


def _packed_comet(rest: str, fragment: str) -> str:
    """Seven characters behind the letter of a comet."""
    found = _COMET_ORDER.fullmatch(rest)
    if found is None:
        raise ValueError(f"{rest} is not the designation of a comet")
    year, half, count = int(found["year"]), found["half"], int(found["count"] or 0)
    if found["order"]:  # it was designated as a minor planet first
        if fragment:
            raise ValueError(
                "a fragment of a comet first designated as a minor planet cannot be packed"
            )
        return _packed_order(year, half, found["order"], count)
    if len(fragment) > 1:
        raise ValueError("a fragment named by two letters cannot be packed")
    return f"{_packed_year(year)}{half}{_count(count)}{fragment.lower() or '0'}"


# -- reading: packed forms, case as it stands

_HALF, _ORDER = "[A-HJ-Y]", "[A-HJ-Z]"
_YEAR = r"(?P<century>[IJK])(?P<year>\d\d)"
_PACKED_NUMBER = re.compile(r"(?P<digits>[A-Za-z]\d{4})|~(?P<tilde>[0-9A-Za-z]{4})")
_PACKED_MINOR_PLANET = re.compile(
    rf"{_YEAR}(?P<half>{_HALF})(?P<count>[0-9A-Za-z]\d)(?P<order>{_ORDER})"
)
_PACKED_EXTENDED = re.compile(rf"_(?P<year>[A-Z])(?P<half>{_HALF})(?P<rank>[0-9A-Za-z]{{4}})")
_PACKED_SURVEY = re.compile(r"(?P<survey>PL|T[1-3])S(?P<number>\d{4})")
_PACKED_NUMBERED_COMET = re.compile(
    r"(?P<number>\d{4})(?P<letter>[PDI])(?: *(?P<fragment>[a-z]{1,2}))?"
)
_PACKED_COMET = re.compile(
    r"(?P<letter>[CPDXAI]?)(?P<century>[0-9A-K])(?P<year>\d\d)"
    rf"(?P<half>{_HALF})(?P<count>[0-9A-Za-z]\d)(?P<last>[0a-z])"
)
_PACKED_COMET_AS_MINOR_PLANET = re.compile(r"(?P<letter>[CPDXAI])(?P<packed>[IJK_].{6})")
_PACKED_SATELLITE = re.compile(r"(?P<planet>[MJSUN])(?P<number>\d{3})S")
_PACKED_NEW_SATELLITE = re.compile(
    r"S(?P<century>[IJK])(?P<year>\d\d)(?P<planet>[MJSUN])(?P<count>[0-9A-Za-z]\d)0"
)


def packed_number(text: str) -> int | None:
    """Number of a minor planet in five characters that begin with a letter or ``~``, or None."""
    found = _PACKED_NUMBER.fullmatch(text)
    if found is None:
        return None
    if found["tilde"]:
        return FIRST_NUMBER_IN_BASE62 + _from_base62(found["tilde"])
    return 10_000 * BASE62.index(found["digits"][0]) + int(found["digits"][1:])


def _of_packed_number(found: re.Match[str]) -> Designation | None:
    return _numbered(packed_number(found[0]) or 0)


def _numbered(number: int) -> Designation | None:
    if not 1 <= number <= LARGEST_NUMBER:
        return None
    return Designation(Kind.MINOR_PLANET, permanent=str(number))


def _year(found: re.Match[str]) -> int:
    return 100 * BASE62.index(found["century"]) + int(found["year"])


def _of_packed_minor_planet(found: re.Match[str]) -> Designation | None:
    year, count = _year(found), _uncount(found["count"])
    text = str(year) if year >= FIRST_MODERN_YEAR else f"A{year % 1000:03d}"
    return _provisional(f"{text} {found['half']}{found['order']}{count or ''}")


def _of_packed_extended(found: re.Match[str]) -> Designation | None:
    cycle, order = divmod(_from_base62(found["rank"]), len(ORDER_LETTERS))
    letters = f"{found['half']}{ORDER_LETTERS[order]}"
    year = 2000 + BASE62.index(found["year"])
    return _provisional(f"{year} {letters}{cycle + FIRST_EXTENDED_CYCLE}")


def _provisional(text: str) -> Designation:
    return Designation(Kind.MINOR_PLANET, provisional=text)


def _of_packed_survey(found: re.Match[str]) -> Designation | None:
    survey = found["survey"]
    return _provisional(f"{found['number']} {survey[0]}-{survey[1]}")


def _comet(provisional: str, fragment: str | None = "") -> Designation:
    return Designation(Kind.COMET, provisional=provisional, fragment=(fragment or "").upper())


def _of_packed_comet(found: re.Match[str]) -> Designation | None:
    count = _uncount(found["count"])
    letter = f"{found['letter']}/" if found["letter"] else ""
    text = f"{letter}{_year(found)} {found['half']}{count}"
    return _comet(text, found["last"].strip("0")) if count else None


def _of_packed_comet_as_minor_planet(found: re.Match[str]) -> Designation | None:
    for form in (_PACKED_MINOR_PLANET, _PACKED_EXTENDED):
        inner = form.fullmatch(found["packed"])
        if inner:
            read = _of_packed_minor_planet if form is _PACKED_MINOR_PLANET else _of_packed_extended
            name = read(inner)
            return _comet(f"{found['letter']}/{name}") if name else None
    return None


def _of_numbered_comet(found: re.Match[str]) -> Designation | None:
    number = int(found["number"])
    if not 1 <= number <= LARGEST_COMET_NUMBER:
        return None
    fragment = found["fragment"] or _fragment_behind(found.groupdict().get("name"))
    permanent = f"{number}{found['letter'].upper()}"
    return Designation(Kind.COMET, permanent=permanent, fragment=(fragment or "").upper())


def _of_satellite(planet: str, number: int) -> Designation | None:
    if not 1 <= number <= 999:
        return None
    return Designation(Kind.SATELLITE, permanent=f"{planet.capitalize()} {number}")


def _of_packed_satellite(found: re.Match[str]) -> Designation | None:
    return _of_satellite(PLANETS[found["planet"]], int(found["number"]))


def _of_packed_new_satellite(found: re.Match[str]) -> Designation | None:
    text = f"S/{_year(found)} {found['planet']} {_uncount(found['count'])}"
    return Designation(Kind.SATELLITE, provisional=text)


# -- reading: what people write, in any case of letters

_MINOR_PLANET = re.compile(
    rf"(?P<year>A[89]\d\d|19\d\d|20\d\d) ?(?P<half>{_HALF})(?P<order>{_ORDER}) ?"
    r"(?:0*(?P<cycle>[1-9]\d{0,5})|0*)",
    re.IGNORECASE,
)
_OLD_STYLE = re.compile(r"(?P<year>1[89]\d\d) ?(?P<letters>[A-HJ-Z]{2})", re.IGNORECASE)
_FIRST_OLD_STYLE_YEAR = 1892  # the year of the first letters for asteroids (1892 A)
_SURVEY = re.compile(r"0*(?P<number>[1-9]\d{0,3}) ?(?P<survey>P-L|T-[1-3])", re.IGNORECASE)
_COMET_ORDER = re.compile(
    rf"(?P<year>-?\d{{1,4}}) ?(?P<half>{_HALF})(?P<order>{_ORDER}?)(?P<count>\d{{0,6}})",
    re.IGNORECASE,
)
_FRAGMENT = r"(?:-(?P<fragment>[A-Z]{1,2}))?"
_NUMBERED_COMET = re.compile(
    rf"0*(?P<number>[1-9]\d{{0,3}})(?P<letter>[PDI]){_FRAGMENT}(?:[/ ] ?(?P<name>.*))?",
    re.IGNORECASE,
)
_NEW_COMET = re.compile(
    r"(?:(?P<letter>[CPDXAI])(?:/ ?(?=-?\d)| ?(?=\d{4})))?"
    rf"(?P<order>-?\d{{1,4}} ?{_HALF}{_ORDER}?\d{{0,6}}){_FRAGMENT}(?: .*|\(.*)?",
    re.IGNORECASE,
)
_SATELLITE = re.compile(
    r"(?P<planet>Mars|Jupiter|Saturn|Uranus|Neptune) (?P<number>\d{1,3}|[IVXLCDM]+)", re.IGNORECASE
)
_NEW_SATELLITE = re.compile(
    r"S/?(?P<year>1[89]\d\d|20\d\d) ?(?P<planet>[MJSUN]) ?0*(?P<number>[1-9]\d{0,2})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\(?0*(?P<number>[1-9]\d{0,7})\)?")
_NUMBER_IN_BRACKETS = re.compile(r"\(0*(?P<number>[1-9]\d{0,7})\)(?! ?\d{1,3}$) ?\D.*")
# words of letters, with the dots, hyphens and apostrophes of names; one has at least three letters
_NUMBER_AND_NAME = re.compile(
    r"0*(?P<number>[1-9]\d{0,7}) (?P<name>(?=.*[^\W\d_]{3})[^\W\d_][^\d(]*[^\d(\s])(?: \(.*\))?"
)
_NUMBER_AND_DESIGNATION = re.compile(r"0*(?P<number>[1-9]\d{0,7}) \(?(?P<other>[^()]+)\)?")
_NAME_AND_DESIGNATION = re.compile(r"(?:[^()]*[^()\d\s] )?\((?P<other>[^()]+)\)")
# Flamsteed's stars and such clusters as 47 Tucanae have numbers, too
_LARGEST_NUMBER_IN_A_CONSTELLATION = 150
_CONSTELLATION = re.compile(
    "(?:and|ant|aps|aqr|aql|ara|ari|aur|boo|cae|cam|cnc|cvn|cma|cmi|cap|car|cas|cen|cep|cet|cha"
    "|cir|col|com|cra|crb|crv|crt|cru|cyg|del|dor|dra|equ|eri|for|gem|gru|her|hor|hya|hyi|ind|lac"
    "|leo|lmi|lep|lib|lup|lyn|lyr|men|mic|mon|mus|nor|oct|oph|ori|pav|peg|per|phe|pic|psc|psa|pup"
    "|pyx|ret|sge|sgr|sco|scl|sct|ser|sex|tau|tel|tri|tra|tuc|uma|umi|vel|vir|vol|vul"
    "|andromedae|aquarii|aquilae|arietis|aurigae|bo[oö]tis|cancri|canum venaticorum"
    "|canis (?:majoris|minoris)|capricorni|cassiopeiae|centauri|cephei|ceti|cygni|delphini"
    "|draconis|eridani|geminorum|herculis|hydrae|leonis|lyrae|ophiuchi|orionis|pegasi|persei"
    r"|piscium|sagittarii|scorpii|serpentis|tauri|tucanae|ursae (?:majoris|minoris)|virginis"
    r"|vulpeculae)(?: .*)?",
    re.IGNORECASE,
)


def _of_minor_planet(found: re.Match[str]) -> Designation | None:
    year, letters = found["year"].upper(), f"{found['half']}{found['order']}".upper()
    if int(year.replace("A", "1")) < FIRST_MODERN_YEAR:
        is_modern = year.startswith("A") and not found["cycle"]
        return _provisional(f"{year} {letters}") if is_modern else None
    is_right = not year.startswith("A")
    return _provisional(f"{year} {letters}{found['cycle'] or ''}") if is_right else None


def _of_old_style(found: re.Match[str]) -> Designation | None:
    if not _FIRST_OLD_STYLE_YEAR <= int(found["year"]) < FIRST_MODERN_YEAR:
        return None
    return _provisional(f"{found['year']} {found['letters'].upper()}")


def _of_survey(found: re.Match[str]) -> Designation | None:
    return _provisional(f"{int(found['number']):04d} {found['survey'].upper()}")


def _of_new_comet(found: re.Match[str]) -> Designation | None:
    order = _COMET_ORDER.fullmatch(found["order"])
    if order is None or not (order["order"] or int(order["count"] or 0)):
        return None
    is_bare = not found["letter"]
    if is_bare and (order["order"] or len(order["year"]) < len("1995")):
        return None  # a minor planet, or words
    text = f"{order['year']} {order['half']}{order['order']}".upper()
    count = order["count"].lstrip("0")
    letter = f"{found['letter'].upper()}/" if found["letter"] else ""
    return _comet(f"{letter}{text}{count}", found["fragment"])


def _fragment_behind(name: str | None) -> str:
    """Letters of a piece behind the name of a comet: ``Schwassmann-Wachmann 3-C``.

    Not the last letter of initials, as in ``C-G`` and ``S-W``.
    """
    found = re.search(r"(?:[^\W_]{2}|\d)-([A-Z]{1,2}|(?<=\d-)[a-z]{1,2})$", (name or "").strip())
    return found[1] if found else ""


def _of_named_satellite(found: re.Match[str]) -> Designation | None:
    text = found["number"].upper()
    return _of_satellite(found["planet"], int(text) if text.isdigit() else _from_roman(text))


def _from_roman(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[c] for c in text]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < following else value for value, following in pairs)


def _of_new_satellite(found: re.Match[str]) -> Designation | None:
    text = f"S/{found['year']} {found['planet'].upper()} {found['number']}"
    return Designation(Kind.SATELLITE, provisional=text)


def _of_number(found: re.Match[str]) -> Designation | None:
    return _numbered(int(found["number"]))


def _of_number_and_name(found: re.Match[str]) -> Designation | None:
    is_small = int(found["number"]) <= _LARGEST_NUMBER_IN_A_CONSTELLATION
    is_star = is_small and _CONSTELLATION.fullmatch(found["name"])
    return None if is_star else _of_number(found)


def _of_number_and_designation(found: re.Match[str]) -> Designation | None:
    other = parse(found["other"])
    return _of_number(found) if other is not None and other.provisional else None


def _of_name_and_designation(found: re.Match[str]) -> Designation | None:
    other = parse(found["other"])
    return other if other is not None and other.provisional else None


_Reader = Callable[[re.Match[str]], Designation | None]
# the first form that fits the whole text and makes sense decides; packed forms go first
_PACKED_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_PACKED_NUMBER, _of_packed_number),
    (_PACKED_MINOR_PLANET, _of_packed_minor_planet),
    (_PACKED_EXTENDED, _of_packed_extended),
    (_PACKED_SURVEY, _of_packed_survey),
    (_PACKED_NUMBERED_COMET, _of_numbered_comet),
    (_PACKED_COMET, _of_packed_comet),
    (_PACKED_COMET_AS_MINOR_PLANET, _of_packed_comet_as_minor_planet),
    (_PACKED_SATELLITE, _of_packed_satellite),
    (_PACKED_NEW_SATELLITE, _of_packed_new_satellite),
)
_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_MINOR_PLANET, _of_minor_planet),
    (_OLD_STYLE, _of_old_style),
    (_SURVEY, _of_survey),
    (_NUMBERED_COMET, _of_numbered_comet),
    (_NEW_COMET, _of_new_comet),
    (_SATELLITE, _of_named_satellite),
    (_NEW_SATELLITE, _of_new_satellite),
    (_NUMBER, _of_number),
    (_NUMBER_IN_BRACKETS, _of_number),
    (_NUMBER_AND_NAME, _of_number_and_name),
    (_NUMBER_AND_DESIGNATION, _of_number_and_designation),
    (_NAME_AND_DESIGNATION, _of_name_and_designation),
)


def parse(text: str) -> Designation | None:
    """Object of a number or designation, with or without a name; None if the text holds neither.

    Underscores are blanks, as headers and file names have them. Examples: ``3552``,
    ``3552 Don Quixote (1983 SA)``, ``(433) Eros``, ``A3552``, ``K07Tf8A``, ``2010_AB12``,
    ``A899 CA``, ``2040 P-L``, ``73P/Schwassmann-Wachmann 3-C``, ``P/2010 WK (LINEAR)``,
    ``1I/'Oumuamua (A/2017 U1)``, ``Jupiter XIII``, ``S/2003 J 2``.
    """
    whole = text.strip()
    words = " ".join(text.replace("_", " ").split())
    for forms, given in ((_PACKED_FORMS, whole), (_FORMS, words)):
        for form, read in forms:
            found = form.fullmatch(given)
            name = read(found) if found else None
            if name is not None:
                return name
    return None
