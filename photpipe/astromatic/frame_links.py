"""Frames under the plain names that the AstrOmatic tools can read."""

from pathlib import Path

from photpipe.fits.cards import BLOCK_BYTES, changed, integer, joined, to_header
from photpipe.fits.fitsfile import Hdu, read_primary, stored_pixels
from photpipe.fits.values import as_number, card_value

_UNSIGNED = 2**63  # BZERO of unsigned integers


def link_frame(path: Path, link: Path) -> None:
    """Link a frame; one of 64-bit integers, which the tools refuse, is rewritten as floats.

    Raises
    ------
    FrameError
        If the frame cannot be read.
    OSError
        If there is no room.
    """
    hdu = read_primary(path)
    if integer(hdu.cards, "BITPIX") == 64:
        link.write_bytes(_as_floats(path, hdu))
    else:
        link.symlink_to(path.absolute())


def _as_floats(path: Path, hdu: Hdu) -> bytes:
    """File of the same image with 64-bit floats, blank pixels being NaN."""
    import numpy as np

    header = to_header(hdu.cards)
    scale, zero, blank = (
        as_number(card_value(header, key)) for key in ("BSCALE", "BZERO", "BLANK")
    )
    stored = stored_pixels(path, hdu)
    if zero == _UNSIGNED:  # as floats they would lose their last digits before the sum
        pixels = (stored.astype("i8").view("u8") ^ np.uint64(_UNSIGNED)).astype(float)
    else:
        pixels = stored.astype(float) * (1.0 if scale is None else scale) + (zero or 0.0)
    if blank is not None:
        pixels[stored == blank] = np.nan
    removed = dict.fromkeys(("BSCALE", "BZERO", "BLANK"))
    content = joined(changed(hdu.cards, {"BITPIX": -64, **removed}))
    content += pixels.astype(">f8").tobytes()
    return content + bytes(-len(content) % BLOCK_BYTES)
