"""FITS header cards as bytes: taken apart, mended, changed and put together again.

A header is a list of `Card` objects. Cards that nobody changes keep their bytes. Headers of
strangers hold cards that make FITS libraries stumble (SOAR's PARAM0, VATT's
``INSTRUME = "Vatt4k"``, values without quotes, bytes beyond ASCII): those are mended while
they are read, so that a header that was read once can be read by everybody.
"""

import functools
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from astropy.io import fits

CARD_BYTES = 80  # FITS standard 4.0, section 3.3
BLOCK_BYTES = 2880  # FITS standard 4.0, section 3.1
_KEPT_HEADERS = 256  # of 20 kB each; a night of more is read again by each stage
COMMENTARY = frozenset({"COMMENT", "HISTORY", ""})

CardValue = str | int | float | bool


class Card(NamedTuple):
    """Keyword (upper case; HIERARCH left out) and bytes: 80, or more with CONTINUE."""

    keyword: str
    image: bytes


Changes = Mapping[str, CardValue | tuple[CardValue, str] | None]

_STRING = rb"'(?:[^']|'')*'"
_NUMBER = rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[ED][+-]?\d+)?"
_VALUE = rb"(?:%s|%s|[TF]|\( *%s *, *%s *\))?" % (_STRING, _NUMBER, _NUMBER, _NUMBER)
_TAIL = rb" *(?:/.*)?"
_STANDARD = re.compile(rb"[A-Z0-9_-]{1,8} *(?<=^.{8})= +%s%s" % (_VALUE, _TAIL))
_COMMENTARY = re.compile(rb"(?:COMMENT |HISTORY |        ).*")
_CONTINUE = re.compile(rb"CONTINUE  +(?P<string>%s)%s" % (_STRING, _TAIL))
_HIERARCH = re.compile(rb"HIERARCH +(?P<name>[!-<>-~]+(?: +[!-<>-~]+)*) *= *%s%s" % (_VALUE, _TAIL))
_CONTINUED = re.compile(rb"[^/']*%s *(?:/.*)?" % rb"'(?:[^']|'')*& *'")
_NAMED = re.compile(rb"(?P<name>[A-Za-z0-9_-]{1,8}) *= *(?P<rest>.*)")
_QUOTED = re.compile(rb"(?P<quote>['\"])(?P<text>.*?)(?:(?P=quote) *(?:/(?P<comment>.*))?)?")
_NUMBER_OR_LOGICAL = re.compile(rb"(?:%s|[TF])" % _NUMBER)
_STRING_VALUE = re.compile(rb"'((?:[^']|'')*)'")
_SIMPLE_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_UNPRINTABLE = bytes(c if 32 <= c < 127 else 32 if c < 32 else ord("?") for c in range(256))


def parse_cards(block: bytes) -> tuple[list[Card], int]:
    """Cards of a header without its END, and how many of them had to be mended.

    Parameters
    ----------
    block : bytes
        Whole cards of 80 bytes; what follows the last whole card is ignored.
    """
    cards, mended = _parsed(block)
    return list(cards), mended


@functools.lru_cache(_KEPT_HEADERS)
def _parsed(block: bytes) -> tuple[tuple[Card, ...], int]:
    cards: list[Card] = []
    mended = 0
    for start in range(0, len(block) - CARD_BYTES + 1, CARD_BYTES):
        raw = block[start : start + CARD_BYTES]
        image = raw.translate(_UNPRINTABLE)
        if image.startswith(b"CONTINUE") and _continues(cards, image):
            cards[-1] = Card(cards[-1].keyword, cards[-1].image + image)
        else:
            cards.append(_card(image))
        mended += not cards[-1].image.endswith(raw)
    return tuple(cards), mended


def _continues(cards: Sequence[Card], image: bytes) -> bool:
    """Whether a CONTINUE card carries on the string of the card before it."""
    return bool(
        cards
        and _CONTINUE.fullmatch(image)
        and _CONTINUED.search(cards[-1].image[-CARD_BYTES:])
        and cards[-1].keyword not in COMMENTARY
    )


def _card(image: bytes) -> Card:
    """Card of 80 printable bytes, mended if it breaks the standard."""
    if _STANDARD.fullmatch(image) or _COMMENTARY.fullmatch(image):
        return Card(image[:8].decode().rstrip(), image)
    hierarch = _HIERARCH.fullmatch(image)
    if hierarch:
        return Card(hierarch["name"].decode().upper(), image)
    named = _NAMED.fullmatch(image.rstrip())
    if named and named["name"].upper() not in {b"COMMENT", b"HISTORY", b"HIERARCH", b"CONTINUE"}:
        keyword = named["name"].decode().upper()
        return Card(keyword, f"{keyword:8}= ".encode() + _mended_value(named["rest"]))
    return Card("COMMENT", (b"COMMENT " + image)[:CARD_BYTES])


def _mended_value(rest: bytes) -> bytes:
    """Seventy bytes of a value field: a number, a logical, or else a quoted string."""
    quoted = _QUOTED.fullmatch(rest)
    if quoted:
        text, comment = quoted["text"].replace(b"''", b"'"), quoted["comment"]
    else:
        text, _, comment = rest.partition(b"/")
        text = text.strip()
        if _NUMBER_OR_LOGICAL.fullmatch(text.upper()):
            return _filled(b"%20s" % text.upper(), comment)
    text = text.rstrip()[:68].replace(b"'", b"''")
    while len(text) > 68:
        text = text[:-2] if text.endswith(b"''") else text[:-1]
    return _filled(b"'%-8s'" % text, comment)


def _filled(value: bytes, comment: bytes | None) -> bytes:
    """Value and comment, cut and filled to the 70 bytes behind ``KEYWORD =``."""
    if comment:
        value += b" / " + comment.strip()
    return value[: CARD_BYTES - 10].ljust(CARD_BYTES - 10)


def formatted(keyword: str, value: CardValue, comment: str = "") -> Card:
    """New card; the comment is cut where it does not fit, long texts are continued."""
    if isinstance(value, str):
        value = plain(value)
    if value == "":  # astropy takes a quote in the comment for the end of the value
        comment = comment.replace("'", " ")
    image = _simple(keyword, value) or _by_astropy(keyword, value)
    if comment and len(image) < CARD_BYTES:
        image = f"{image:30} / {comment}"[:CARD_BYTES]
    length = -(-len(image) // CARD_BYTES) * CARD_BYTES
    return Card(keyword, image.ljust(length).encode("ascii"))


def _simple(keyword: str, value: CardValue) -> str:
    """Card without a comment as astropy writes it; empty where more than formatting is needed."""
    if not _SIMPLE_KEYWORD.fullmatch(keyword) or keyword in COMMENTARY:
        return ""
    if isinstance(value, str):
        inner = value.replace("'", "''")
        quoted = f"'{inner:8}'" if value else "''"
        return f"{keyword:8}= {quoted}" if len(quoted) <= CARD_BYTES - 10 else ""
    if type(value) is bool:
        return f"{keyword:8}= {'T' if value else 'F':>20}"
    if type(value) is int:
        return f"{keyword:8}= {value:>20d}"
    text = str(value).replace("e", "E") if isinstance(value, float) and math.isfinite(value) else ""
    return f"{keyword:8}= {text:>20}" if 0 < len(text) <= 20 else ""


def _by_astropy(keyword: str, value: CardValue) -> str:
    from astropy.io import fits

    name = keyword if _SIMPLE_KEYWORD.fullmatch(keyword) else f"HIERARCH {keyword}"
    return str(fits.Card(name, value)).rstrip()


def plain(text: str) -> str:
    """Text in the printable ASCII characters that a header may hold: accents are dropped."""
    ascii_bytes = unicodedata.normalize("NFKD", text).encode("ascii", "ignore")
    return ascii_bytes.translate(_UNPRINTABLE).decode().strip()


def changed(cards: Sequence[Card], changes: Changes) -> list[Card]:
    """Cards with values set in place, appended, or (value None) removed.

    All cards of a changed keyword give way to the new one, which stands where the first of
    them stood. A value may come with a comment: ``(value, comment)``.
    """
    new = {}
    for keyword, setting in changes.items():
        value, comment = setting if isinstance(setting, tuple) else (setting, "")
        new[keyword] = None if value is None else formatted(keyword, value, comment)
    pending = dict(new)
    result = []
    for card in cards:
        if card.keyword not in new:
            result.append(card)
        elif (first := pending.pop(card.keyword, None)) is not None:
            result.append(first)
    return [*result, *(card for card in pending.values() if card is not None)]


def joined(cards: Iterable[Card]) -> bytes:
    """Header as it stands in a file: cards, END, and blanks up to a whole block."""
    text = b"".join(card.image for card in cards) + b"END".ljust(CARD_BYTES)
    return text.ljust(-(-len(text) // BLOCK_BYTES) * BLOCK_BYTES)


def to_header(cards: Iterable[Card]) -> "fits.Header":
    """Cards as an astropy header that can be read without warnings or exceptions."""
    from astropy.io import fits

    return fits.Header.fromstring(b"".join(card.image for card in cards))


def integer(cards: Iterable[Card], keyword: str, default: int | None = None) -> int:
    """Whole number of the first card of a keyword.

    Raises
    ------
    ValueError
        If the card is missing (and there is no default) or holds something else.
    """
    for card in cards:
        if card.keyword == keyword:
            value = card.image[10:].partition(b"/")[0].strip(b" '")
            found = re.fullmatch(rb"([+-]?\d{1,12})(?:\.0*)?", value)  # some write 16. or '16'
            if not found:
                raise ValueError(f"card {keyword} holds {value.decode()!r}, not a whole number")
            return int(found[1])
    if default is None:
        raise ValueError(f"card {keyword} is missing")
    return default


def text_value(cards: Iterable[Card], keyword: str) -> str:
    """Text of the first card of a keyword without quotes and blanks; empty if it is missing."""
    for card in cards:
        if card.keyword == keyword:
            texts = [_STRING_VALUE.match(card.image[10:CARD_BYTES].lstrip())]
            for start in range(CARD_BYTES, len(card.image), CARD_BYTES):  # CONTINUE
                texts.append(
                    _STRING_VALUE.match(card.image[start + 8 : start + CARD_BYTES].lstrip())
                )
            parts = [each[1].replace(b"''", b"'").decode() for each in texts if each]
            joints = [part.rstrip().removesuffix("&") for part in parts[:-1]]
            return "".join([*joints, *parts[-1:]]).strip()
    return ""
