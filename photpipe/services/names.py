"""Names of targets as observers write them, turned into questions for JPL Horizons.

Numbers and designations are read by `photpipe.ground.designations`; what is none is a name:
``Ceres``, ``Mars``. Underscores are blanks, as headers and file names have them.
"""

import re
from dataclasses import dataclass

from photpipe.ground.designations import Designation, Kind, packed_number, parse

_LONGEST = 80  # characters: no designation is longer
_OF_PLANETS = {"Mars": 400, "Jupiter": 500, "Saturn": 600, "Uranus": 700, "Neptune": 800}
# Horizons: satellites 99 have five digits as 599 is Jupiter itself
_LAST_SATELLITE_WITH_SHORT_ID = 98


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
    """Name with single blanks for underscores and for what means something to Horizons.

    A packed designation, which may begin with an underscore, stays as it is.
    """
    if name.startswith("_") and parse(name) is not None:
        return name.strip()
    return " ".join(re.sub(r"[_\";$\x00-\x1f]", " ", name).strip(" '").split())[:_LONGEST]


def lookups(name: str) -> tuple[Lookup, ...]:
    """Ways to ask for an object, in the order of trying; none if the name is no name of one.

    Stars and deep-sky objects by their catalog numbers (``HD 12345``, ``NGC 1275``) and words
    such as ``flat`` need not be asked for.
    """
    text = tidied(name)
    if not re.search(r"[A-Za-z0-9]", text) or _FIXED.fullmatch(text):
        return ()
    number = packed_number(text)
    designation = parse(text) if number is None else None
    known = _of_designation(designation) if designation else None
    if known:
        return (known,)
    free = (
        Lookup(text),
        Lookup(text, closest_apparition=True, no_fragments=True, if_ambiguous=True),
        Lookup(text, "name", if_ambiguous=True),
        Lookup(text, None),
    )
    return free if number is None else (*free, Lookup(str(number)))


def key(name: str) -> str:
    """What tells objects apart: the same for all spellings of one, never the same for two.

    The case of letters counts where it tells numbers apart (``A3552``, ``a3552``).
    """
    text = lookups(name)[0].text
    return text if packed_number(text) else text.casefold()


def _of_designation(name: Designation) -> Lookup | None:
    """How to ask for a designation; None if it is better looked for as a name."""
    if name.kind is Kind.MINOR_PLANET:
        return Lookup(name.permanent) if name.permanent else Lookup(str(name), "designation")
    if name.kind is Kind.SATELLITE:
        return _of_satellite(name)
    if name.provisional and "/" not in name.provisional:
        return None  # the letter of the comet's type is missing
    return Lookup(str(name), "designation", closest_apparition=True, no_fragments=not name.fragment)


def _of_satellite(name: Designation) -> Lookup:
    """A satellite by its number in Horizons: 513 for the thirteenth of Jupiter."""
    planet, _, number = name.permanent.partition(" ")
    if planet in _OF_PLANETS and int(number) <= _LAST_SATELLITE_WITH_SHORT_ID:
        return Lookup(str(_OF_PLANETS[planet] + int(number)), None)
    return Lookup(str(name), None)


_FIXED = re.compile(
    r"(?:(?:HD|HIP|HR|SAO|BD|CD|CPD|NGC|IC|UGC|PGC|M(?= ?-?\d{1,3}(?:\D|$))|MCG|SA|PG|GD"
    r"|FEIGE|TYC|GSC|UCAC\d?|USNO|2MASS|SDSS|PSO|GAIA(?: E?DR\d)?|WASP|HAT-?P|HATS|KELT|QATAR"
    r"|COROT|KEPLER|TOI|TIC|KIC|KOI|EPIC|GJ|LHS|WD|3C|PKS|ABELL|MRK|ASASSN|GRB|SN|AT"
    r"|LANDOLT|STETSON|FIELD)[ -]*[+-]?\d.*"
    r"|.*\b(?:FLAT|BIAS|DARK|FOCUS|TWILIGHT|STANDARD|UNKNOWN|NONE|TEST|NO OBJECT)\b.*)",
    re.IGNORECASE,
)
