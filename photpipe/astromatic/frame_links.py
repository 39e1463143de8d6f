"""Frames under the plain names that the AstrOmatic tools can read."""

from pathlib import Path

from photpipe.fits.cards import BLOCK_BYTES, Card, changed, integer, joined
from photpipe.fits.fitsfile import read_primary
from photpipe.fits.pixels import plane_of
from photpipe.fits.structure import standardised


def link_frame(path: Path, link: Path) -> None:
    """Link a frame; one whose header would mislead the tools is rewritten with a plain one.

    Images of 64-bit integers, which the tools refuse, are rewritten as floats, blank pixels
    being NaN.

    Raises
    ------
    FrameError
        If the frame cannot be read.
    OSError
        If there is no room.
    """
    hdu = read_primary(path)
    cards = standardised(hdu.cards)
    if integer(cards, "BITPIX") == 64:
        removed = dict.fromkeys(("BSCALE", "BZERO", "BLANK"))
        floats = plane_of(path, hdu).values().astype(">f8").tobytes()
        _write(link, changed(cards, {"BITPIX": -64, **removed}), floats)
    elif tuple(cards) != hdu.cards:
        with path.open("rb") as file:
            file.seek(hdu.data_start)
            _write(link, cards, file.read(hdu.data_bytes))
    else:
        link.symlink_to(path.absolute())


def _write(link: Path, cards: list[Card], data: bytes) -> None:
    link.write_bytes(joined(cards) + data + bytes(-len(data) % BLOCK_BYTES))
