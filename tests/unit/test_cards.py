"""Header cards of strangers: everything can be read, nothing that was right is touched."""

import pytest
from astropy.io import fits
from hypothesis import example, given
from hypothesis import strategies as st

from photpipe.fits.cards import (
    Card,
    changed,
    formatted,
    integer,
    joined,
    parse_cards,
    plain,
    to_header,
)

CARD = 80


def parsed(*lines: str | bytes) -> tuple[list[Card], int]:
    raw = (line.encode("latin-1") if isinstance(line, str) else line for line in lines)
    return parse_cards(b"".join(line.ljust(CARD)[:CARD] for line in raw))


@pytest.mark.parametrize(
    ("line", "keyword", "value"),
    [
        ('INSTRUME = "Vatt4k"  / camera', "INSTRUME", "Vatt4k"),
        ("INSTRUME= '= \"Vatt4k\"'", "INSTRUME", '= "Vatt4k"'),
        ("CRVAL1  = NaN / lost", "CRVAL1", "NaN"),
        ("OBJECT  = M 31 / galaxy", "OBJECT", "M 31"),
        ("OBJECT  = 'never closed", "OBJECT", "never closed"),
        ("OBJECT  = 'it's' / c", "OBJECT", "it's"),
        ("EXPTIME = 1.5d3 /", "EXPTIME", 1500.0),
        ("EXPTIME = 30s", "EXPTIME", "30s"),
        ("GAIN = 2", "GAIN", 2),
        ("gain    =                    2", "GAIN", 2),
        ("SHUTTER =T", "SHUTTER", True),
        ("PARAM0  = 'a\tb\0c'", "PARAM0", "a b c"),
        (b"OBSERVER= 'J\xc3\xb6rg'", "OBSERVER", "J??rg"),
        ("X       = .", "X", "."),
    ],
)
def test_broken_cards_are_mended(line: str, keyword: str, value: object) -> None:
    cards, mended = parsed(line)
    header = to_header(cards)
    assert mended == 1 - (line == "INSTRUME= '= \"Vatt4k\"'")
    assert header.cards[0].keyword == keyword
    assert header[keyword] == value


@pytest.mark.parametrize("line", ["X.Y     = 5", "XY Z    = 5", "garbage", "CONTINUE  'lost'"])
def test_what_is_no_card_becomes_a_comment(line: str) -> None:
    cards, mended = parsed(line)
    assert mended == 1
    assert line in str(to_header(cards)["COMMENT"])


def test_text_is_only_continued_where_it_says_so() -> None:
    lines = ("A       = 'abc'", "CONTINUE  'x'", "B       = 'abc&'", "CONTINUE  'y' / last")
    cards, mended = parsed(*lines)
    header = to_header(cards)
    assert mended == 1
    assert (header["A"], header["B"], str(header["COMMENT"])) == ("abc", "abcy", "CONTINUE  'x'")


def test_valid_cards_keep_their_bytes() -> None:
    header = fits.Header()
    header["OBJECT"] = ("it's", "quotes / and slashes")
    header["HIERARCH ESO DET WIN1 BINX"] = 2
    header["LONG"] = "word " * 40
    header["EMPTY"] = None
    header["COMPLEX"] = 1 + 2j
    header["COMMENT"] = "a = b / c"
    header["HISTORY"] = "done"
    text = header.tostring(padding=False, endcard=False).encode()
    cards, mended = parse_cards(text)
    assert mended == 0
    assert b"".join(card.image for card in cards) == text
    assert [card.keyword for card in cards][:3] == ["OBJECT", "ESO DET WIN1 BINX", "LONG"]
    assert to_header(cards)["LONG"] == header["LONG"]


@given(st.lists(st.binary(min_size=CARD, max_size=CARD), max_size=8))
def test_any_bytes_make_a_header_that_reads_without_a_warning(lines: list[bytes]) -> None:
    cards, _ = parse_cards(b"".join(lines))
    for card in to_header(cards).cards:
        assert len(str(card)) % CARD == 0
        assert isinstance(card.keyword, str)
        _ = card.value, card.comment


@given(st.lists(st.binary(min_size=CARD, max_size=CARD), max_size=8))
def test_mended_cards_need_no_mending(lines: list[bytes]) -> None:
    once, _ = parse_cards(b"".join(lines))
    twice, mended = parse_cards(b"".join(card.image for card in once))
    assert (twice, mended) == (once, 0)


_NAMES = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True).filter(
    lambda name: name not in {"COMMENT", "HISTORY", "CONTINUE", "HIERARCH", "END"}
)
_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(-1e300, 1e300, allow_subnormal=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=150),
)


@example("A", "", "'")
@given(_NAMES, _VALUES, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90))
def test_written_values_come_back(name: str, value: object, comment: str) -> None:
    card = formatted(name, value, comment)
    assert len(card.image) % CARD == 0
    cards, mended = parse_cards(card.image)
    assert mended == 0
    read = to_header(cards)[name]
    if isinstance(value, float):
        assert read == pytest.approx(value, rel=1e-12)  # twenty characters
    else:
        assert read == (value.strip() if isinstance(value, str) else value)


@example("A", 0.1 + 0.2)
@example("A", "it's" + 60 * " " + "long")
@example("BLANK", "")
@given(_NAMES, _VALUES)
def test_values_are_written_as_astropy_writes_them(name: str, value: object) -> None:
    theirs = str(fits.Card(name, plain(value) if isinstance(value, str) else value))
    assert formatted(name, value).image.decode().rstrip() == theirs.rstrip()


def test_text_becomes_ascii() -> None:
    assert to_header([formatted("OBJECT", "Čapek\n(1931)")])["OBJECT"] == "Capek (1931)"


def test_changes_keep_the_place_and_remove_doubles() -> None:
    cards, _ = parsed("A       = 1", "B       = 2", "A       = 3", "C       = 4")
    new = changed(cards, {"A": (9, "nine"), "C": None, "D": "new"})
    assert [card.keyword for card in new] == ["A", "B", "D"]
    assert to_header(new)["A"] == 9
    assert new[1] == cards[1]


def test_joined_header_ends_with_a_whole_block() -> None:
    text = joined(parsed("A       = 1")[0])
    assert len(text) == 2880
    assert text[CARD : CARD + 8] == b"END     "


@pytest.mark.parametrize("line", ["NAXIS   = 2.5", "NAXIS   = 'two'", "OTHER   = 1"])
def test_integer_refuses_what_is_none(line: str) -> None:
    with pytest.raises(ValueError, match="NAXIS"):
        integer(parsed(line)[0], "NAXIS")
