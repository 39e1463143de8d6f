"""Frames of colour cameras as files of one colour each: mosaics taken apart, cubes by plane.

``a.fits`` becomes ``a_TG.fits``, ``a_TB.fits`` and ``a_TR.fits`` beside it and stays as it is.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photpipe.fits import packed
from photpipe.fits.cards import Card, CardValue, Changes, changed, integer, text_value, to_header
from photpipe.fits.fitsfile import STORED_TYPES, Hdu, read_hdu, stored_pixels
from photpipe.fits.pixels import plane_of
from photpipe.fits.structure import standardised
from photpipe.fits.unpack import write_part
from photpipe.fits.values import as_number, card_value
from photpipe.ground import files
from photpipe.ground.errors import FrameError
from photpipe.instruments import filters, telescopes
from photpipe.instruments.cameras import table
from photpipe.instruments.cameras.facts import CameraFacts, Fact
from photpipe.science import mosaic

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger("pp_prepare")

CUBE_PLANES = 3  # red, green and blue
CUBE = ("TR", "TG", "TB")
"""Colours of the planes of a cube."""
_FLOAT = -32  # BITPIX of float32
_SHIFTED = re.compile(r"CRPIX([12])[A-Z]?")
_STRETCHED = re.compile(r"CD[12]_[12][A-Z]?|CDELT[12][A-Z]?")
_SIP = re.compile(r"(?:A|B|AP|BP)_(\d)_(\d)")


def is_apart(cards: Sequence[Card]) -> bool:
    """Whether a frame is a plane that was taken out of a colour image."""
    return bool(text_value(cards, table.PLANE))


def may_have_several(cards: Sequence[Card]) -> bool:
    """Whether a header speaks of several colours: three planes, or the pattern of a mosaic."""
    names = {card.keyword for card in cards}
    return bool(names & set(table.MOSAIC)) or integer(cards, "NAXIS3", 1) == CUBE_PLANES


def are_among(paths: Sequence[Path]) -> bool:
    """Whether frames of several colours without an entry, or planes of such, are among files.

    Of compressed files only the first is looked into.
    """
    is_first = True
    for path in filter(files.is_file, paths):  # a pipe would be waited for
        with contextlib.suppress(FrameError, OSError, ValueError), packed.opened(path) as opened:
            file, is_packed = opened
            if is_packed and not is_first:
                continue
            is_first = is_first and not is_packed
            cards = read_hdu(file, 0, path.name).cards
            if is_apart(cards):
                return True
            if may_have_several(cards) and telescopes.registered(to_header(cards)) is None:
                return True
    return False


def planes_of(path: Path, hdu: Hdu, facts: CameraFacts, *, write: bool) -> tuple[Path, ...]:
    """Files with the colours of a frame, green first; the frame itself if it has but one.

    Parameters
    ----------
    path : Path
        A plain frame, or a cube.
    hdu : Hdu
        Its header.
    facts : CameraFacts
        What its header tells.
    write : bool
        False: only tell the names of files that would be written.

    Raises
    ------
    FrameError
        If a cube is none of colours, or a file in the way is not its own.
    """
    if facts.planes is not None:
        _check_colours(path, facts)
        parts = _of_cube(path, hdu, facts.planes)
    elif facts.mosaic is not None:
        parts = _of_mosaic(path, hdu, facts.mosaic)
    else:
        return (path,)
    targets = {name: path.with_name(f"{path.stem}_{name}{path.suffix}") for name in mosaic.COLOURS}
    if write:
        for name, cards, pixels in parts:
            write_part(path, targets[name], cards, pixels)
    return tuple(targets.values())


def _check_colours(path: Path, facts: CameraFacts) -> None:
    """Refuse a cube whose filter is one band.

    Raises
    ------
    FrameError
        If it is.
    """
    meaning = filters.meaning(facts.filter_name.value)
    if meaning is not None and meaning.kind is filters.FilterKind.PHOTOMETRIC:
        what = f"a cube of {CUBE_PLANES} images in {facts.filter_name.value}"
        raise FrameError(path.name, f"{what}; split it into frames and prepare those")


def _of_cube(
    path: Path, hdu: Hdu, fact: Fact[int]
) -> "Iterator[tuple[str, list[Card], NDArray[Any]]]":
    """Name, header and pixels of each plane of a cube."""
    stored = stored_pixels(path, hdu)
    for name, pixels in zip(CUBE, stored, strict=True):
        described = {table.CELL: (1, "PP: pixels of the detector along its side")}
        yield name, _cards(hdu, name, pixels, fact.origin, described), pixels


def _of_mosaic(
    path: Path, hdu: Hdu, fact: Fact[str]
) -> "Iterator[tuple[str, list[Card], NDArray[Any]]]":
    """Name, header and pixels of each plane of a mosaic."""
    values, stored = plane_of(path, hdu).values(), stored_pixels(path, hdu)
    pattern, origin = fact.value, f"{fact.origin} = {fact.value}"
    if mosaic.contradicts(values, pattern):
        pattern = mosaic.turned_over(pattern)
        origin += f", but the sky shows {pattern}"
        log.warning("%s: %s; its rows are taken to be turned over", path.name, origin)
    for name, letter in mosaic.COLOURS.items():
        is_green = letter == "G"
        part = mosaic.green(values, pattern) if is_green else mosaic.single(stored, pattern, letter)
        described: dict[str, CardValue | tuple[CardValue, str] | None] = {
            table.CELL: (mosaic.CELL, "PP: pixels of the detector along its side"),
            **_scaled_wcs(hdu.cards, part.offset),
        }
        if is_green:
            described |= {
                table.MEAN_OF: (mosaic.GREENS, "PP: pixels of the detector it is the mean of"),
                **dict.fromkeys(("BZERO", "BSCALE", "BLANK")),
                "BITPIX": _FLOAT,
            }
        pixels = part.pixels.astype(STORED_TYPES[_FLOAT]) if is_green else part.pixels
        yield name, _cards(hdu, name, pixels, origin, described), pixels


def _cards(
    hdu: Hdu,
    name: str,
    pixels: "NDArray[Any]",
    origin: str,
    described: Changes,
) -> list[Card]:
    """Header of a plane."""
    ny, nx = pixels.shape
    glass = next((t for card in table.FILTER if (t := text_value(hdu.cards, card))), "")
    changes: dict[str, CardValue | tuple[CardValue, str] | None] = {
        **{"NAXIS": 2, "NAXIS1": nx, "NAXIS2": ny, "NAXIS3": None},
        **dict.fromkeys((*table.MOSAIC, *(c for pair in table.MOSAIC_OFFSETS for c in pair))),
        "FILTER": (name, "PP: colour of this plane"),
        table.PLANE: (name, "PP: plane of a colour image"),
        table.PLANE_ORIGIN: (origin, "PP: by these cards"),
    }
    if glass:
        changes[table.GLASS] = (glass, "PP: filter before the colours")
    return standardised(changed(hdu.cards, {**changes, **described}))


def _scaled_wcs(
    cards: Sequence[Card], offset: tuple[float, float]
) -> dict[str, CardValue | tuple[CardValue, str] | None]:
    """Cards of a WCS for pixels that are twice as large, and beside the middle of the four."""
    header = to_header(cards)
    changes: dict[str, CardValue | tuple[CardValue, str] | None] = {}
    for keyword in {card.keyword for card in cards}:
        value = as_number(card_value(header, keyword))
        if value is None:
            continue
        if axis := _SHIFTED.fullmatch(keyword):
            beside = offset[int(axis[1]) - 1]
            changes[keyword] = (value - beside + (mosaic.CELL - 1) / 2) / mosaic.CELL
        elif _STRETCHED.fullmatch(keyword):
            changes[keyword] = value * mosaic.CELL
        elif powers := _SIP.fullmatch(keyword):
            changes[keyword] = value * float(mosaic.CELL) ** (int(powers[1]) + int(powers[2]) - 1)
    return changes
