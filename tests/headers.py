"""Headers for tests: from golden files and from lists of cards."""

import csv
from pathlib import Path

from astropy.io import fits

from photpipe.fits.cards import CARD_BYTES, parse_cards, to_header
from photpipe.instruments.frames import Frame
from photpipe.instruments.telescopes import Telescope

GOLDEN = Path(__file__).parent / "golden" / "headers"


def golden_block(keyword: str) -> bytes:
    """Cards of a golden header, 80 bytes each, as a file holds them."""
    lines = (GOLDEN / f"{keyword.lower()}.txt").read_text().splitlines()
    return b"".join(line.ljust(CARD_BYTES).encode("latin-1") for line in lines if line != "END")


def golden_header(keyword: str) -> fits.Header:
    return to_header(parse_cards(golden_block(keyword))[0])


def expectations() -> dict[str, dict[str, str]]:
    """Expected facts by keyword."""
    with (GOLDEN / "expected.csv").open() as file:
        return {row["keyword"]: row for row in csv.DictReader(file)}


def frame_of(header: fits.Header, telescope: Telescope | None = None) -> Frame:
    return Frame.of(Path("frame.fits"), header, telescope)


def header_of(**cards: object) -> fits.Header:
    """Header of keyword arguments; ``__`` in a name stands for ``-``."""
    header = fits.Header()
    for name, value in cards.items():
        header[name.replace("__", "-").upper()] = value
    return header
