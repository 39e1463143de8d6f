"""What filters are called, and what they are: the words of observers, camera programs, vendors.

One table, `WORDS`: the plain form of a name and its `Meaning`. The case of a letter that names a
band counts: ``R`` is Cousins, ``r`` is Sloan. The table serves cameras that nobody described; the
filters of a telescope that has an entry are those of its entry.

Sources: the names that N.I.N.A., MaxIm DL, SGP, APT, Ekos and PRISM write and the wheels of
Astrodon, Baader, Chroma, Antlia, ZWO and Optolong are sold with (headers seen 2026-11).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class FilterKind(StrEnum):
    """What kind of filter a name stands for."""

    PHOTOMETRIC = "photometric band"
    CLEAR = "clear, or nearly so"
    NARROW = "narrow band"
    TRICOLOUR = "red, green or blue of an LRGB set"
    PLANE = "one colour of a colour camera"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a filter is.

    Parameters
    ----------
    kind : FilterKind
        Its kind.
    band : str or None
        Its row in `photpipe.ground.bands`; None where no band of any catalog is near it, or
        where the user has to choose one (clear filters).
    """

    kind: FilterKind
    band: str | None = None


# letters that name a band; all else is compared without regard to case
_LETTERS = "UBVRIugrizyYZJHK"
_JOHNSON = ("johnson", "cousins", "bessel", "bessell", "bess", "bes", "harris", "kron", "jc")
_SLOAN = ("sloan", "sdss", "gen2 sloan", "gen2 sdss")
_CLEAR = (
    *("l", "lum", "luminance", "luminosity", "c", "clr", "clear", "cl", "w", "white", "wide"),
    *("open", "none", "no filter", "nofilter", "no", "nf", "empty", "free", "air", "blank"),
    *("unfiltered", "without", "ircut", "ir cut", "irc", "uvir", "uv ir", "uv/ir", "uvircut"),
    *("uv ir cut", "uv/ir cut", "ir uv cut", "l pro", "lpro", "lp", "lps", "cls", "idas", "gg495"),
    *("exo", "cbb", "exoplanet bb", "clear bb"),
    *("luminanz", "klar", "ohne", "luminancia", "luminanza", "sin filtro", "sans", "sans filtre"),
)
_NARROW = (
    *(
        "ha",
        "H a",
        "halpha",
        "H alpha",
        "hydrogen alpha",
        "hb",
        "hbeta",
        "H beta",
        "h a",
        "h alpha",
        "h beta",
        "oiii",
        "o iii",
    ),
    *("o3", "sii", "s ii", "s2", "nii", "n ii", "n2", "oii", "o ii", "heii", "ch4", "methane"),
    *("haoiii", "ha oiii", "siioiii", "sii oiii", "hbeta oiii", "duo", "dualband", "dual band"),
    *("lextreme", "l extreme", "lenhance", "l enhance", "lultimate", "l ultimate", "uhc", "nb"),
    *("triband", "quadband", "nbz", "alp t", "cn", "c2", "c3", "nh", "oh", "co+", "h2o+"),
)
_COLOURS = {"R": ("red", "TR"), "G": ("green", "TG"), "B": ("blue", "TB")}
# as they are called in German, French, Spanish and Italian; headers have no letter but ASCII
_FOREIGN = {
    "R": ("rot", "rouge", "rojo", "rosso"),
    "G": ("gruen", "grün", "gr?n", "vert", "verde"),
    "B": ("blau", "bleu", "azul", "blu"),
}


def plain(name: str) -> str:
    """Name in the form of `WORDS`.

    Separators become blanks, and case goes except in the letter that names a band:
    ``Sloan_r`` is ``sloan r``, ``R Bessell`` is ``R bessell``.
    """
    words = re.split(r"[\s_\-.:,()]+", name.strip().strip("'\"").strip())
    words = [word if _is_letter(word) else word.lower() for word in words if word]
    return " ".join(word for word in words if word != "filter") or " ".join(words)


def _is_letter(word: str) -> bool:
    """Whether a word is a letter of a band, perhaps with the mark of its system: R, Rc, g', rp."""
    return re.fullmatch(rf"[{_LETTERS}G](?:[cjps]|'|′|’|2)?", word) is not None


def _photometric() -> Iterator[tuple[str, str]]:
    """Names of photometric bands, and the band."""
    for band in "UBVRI":
        yield from ((form, band) for form in (band, f"{band}{'c' if band in 'RI' else 'j'}"))
        for system in _JOHNSON:
            yield from ((form, band) for form in (f"{system} {band}", f"{band} {system}"))
            yield f"{system}{band.lower()}", band
            for letter in (f"{band}c", f"{band}j") if band in "RI" else (f"{band}j",):
                yield f"{system} {letter}", band
    for band in "ugriz":
        forms = (f"{band}'", f"{band}′", f"{band}’", f"{band}p", f"{band}p'")
        yield from ((form, band) for form in (band, *forms, f"s{band}"))
        for system in _SLOAN:
            for letter in (band, band.upper(), *forms):  # the system's name settles it
                yield from ((form, band) for form in (f"{system} {letter}", f"{letter} {system}"))
            yield f"{system}{band}", band
            yield f"{system}{band}'", band
        yield f"ztf {band}", band
    for band in "grizy":
        yield from ((f"{system} {band}", f"{band}p1") for system in ("ps1", "panstarrs"))
    yield from (("zs", "z"), ("z s", "z"))
    # H alone is left out: on the wheels of amateurs it is H-alpha
    yield from (("J", "J"), ("K", "K"), ("Ks", "Ks"), ("K short", "Ks"), ("K s", "Ks"))
    yield from ((f"2mass {band}", band) for band in ("J", "H", "Ks"))
    yield from (("gaia G", "G"), ("gaia bp", "BP"), ("gaia rp", "RP"))


def _words() -> Iterator[tuple[str, Meaning]]:
    yield from ((word, Meaning(FilterKind.CLEAR)) for word in _CLEAR)
    yield from ((word, Meaning(FilterKind.NARROW)) for word in _NARROW)
    for letter, (word, band) in _COLOURS.items():
        meaning = Meaning(FilterKind.TRICOLOUR, band)
        yield from (
            (form, meaning) for form in (word, f"{word} rgb", f"rgb {word}", f"lrgb {word}")
        )
        yield from ((form, meaning) for form in (f"rgb {letter}", f"{letter} rgb"))
        yield from ((f"{vendor} {word}", meaning) for vendor in ("astrodon", "baader", "chroma"))
        yield from ((form, meaning) for form in _FOREIGN[letter])
        yield band.lower(), Meaning(FilterKind.PLANE, band)
    yield "G", Meaning(FilterKind.TRICOLOUR, "TG")  # no photometric filter is called G
    yield from ((word, Meaning(FilterKind.PHOTOMETRIC, band)) for word, band in _photometric())


WORDS: Mapping[str, Meaning] = MappingProxyType({plain(word): it for word, it in _words()})
_SET_OF_LRGB = frozenset({FilterKind.CLEAR, FilterKind.TRICOLOUR})


def meaning(name: str, companions: Collection[str] = ()) -> Meaning | None:
    """What a filter is; None if the table has no such name.

    Parameters
    ----------
    name : str
        As the header has it.
    companions : collection of str
        Names of the other filters of the same camera, where they are known: beside a ``G`` or an
        ``L``, and without a ``V``, the letters ``R`` and ``B`` are those of an LRGB set.
    """
    form = plain(name)
    if form in ("R", "B") and _is_lrgb(companions):
        return Meaning(FilterKind.TRICOLOUR, _COLOURS[form][1])
    return WORDS.get(form)


def is_same(name: str, known: str, band: str | None) -> bool:
    """Whether a name is a spelling of a known filter, whose band is told.

    Case and blanks are forgiven where they cannot mean another filter: ``OPEN`` is ``open`` and
    ``SDSS G`` is ``SDSS g``, but ``r`` is not ``R``, and ``R_G0303`` is not ``r_G0303``.
    """
    if name.casefold().split() != known.casefold().split():
        return False
    found = meaning(name)
    means_it = found is not None and found.band == band
    return means_it or plain(name) == plain(known) or band in plain(name).split()


def _is_lrgb(names: Collection[str]) -> bool:
    """Whether the filters of a camera are an LRGB set."""
    forms = {plain(name) for name in names}
    kinds = {WORDS[form].kind for form in forms if form in WORDS and form not in ("R", "B")}
    has_green = any(WORDS[f].band == "TG" for f in forms if f in WORDS)
    has_luminance = bool(forms & {"l", "lum", "luminance"})
    return (has_green or has_luminance) and kinds <= {*_SET_OF_LRGB, FilterKind.NARROW}
