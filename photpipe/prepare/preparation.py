"""What preparing a frame means for its header: cards in, cards out, no file touched.

The cards that `pp_prepare` writes or removes are *owned*: the WCS, the equinox and its own
keywords. When a prepared frame is prepared again, the owned cards are taken from the header
as it came, all others from the header as it is: nothing the user edited since gets lost, and
nothing that was computed is mistaken for something observed.
"""

import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.fits.cards import (
    Card,
    CardValue,
    changed,
    formatted,
    text_value,
    to_header,
)
from photpipe.fits.fitsfile import PRISTINE_KEYWORD
from photpipe.fits.standard_wcs import is_wcs_keyword, standard_wcs, with_old_names
from photpipe.fits.structure import standardised
from photpipe.fits.values import as_number, card_text, card_value
from photpipe.ground.errors import ConfigError, HeaderError
from photpipe.ground.sky import ARCSEC_PER_DEG
from photpipe.ground.timescale import SECONDS_PER_DAY, iso, julian_year
from photpipe.instruments import telescopes
from photpipe.instruments.cameras import camera
from photpipe.instruments.dialects import equinox
from photpipe.instruments.frames import STACK_CARD, STARTING_WCS, Frame
from photpipe.instruments.generic import GENERIC
from photpipe.instruments.telescope import Telescope
from photpipe.run.results import PreparedFrame
from photpipe.science.wcs_seed import seed_wcs

if TYPE_CHECKING:
    from astropy.io.fits import Header

log = logging.getLogger(__name__)

WCS_EQUINOX = 2000.0  # FK5 and ICRS agree to 0.03 arcsec there
KEPT_WCS = "PP: WCS of the header, kept"
_NO_WCS_TO_KEEP = (
    "missing: this header has no WCS that -keep_wcs could keep (pp_prepare -restore also removes "
    "the one that pp_register wrote); run without -keep_wcs"
)
_EQUINOX_KEYWORD = "PPEQUINX"
COPIED = "PP: copy, under the usual name"
_COPIES = ("FILTER", "EXPTIME", "AIRMASS")
_PHOTOMETRIC, _EXTINCTION_MAG = "F", 0.05  # for SCAMP, in the original; nobody reads them
_COMMENTS = {
    "MIDTIMJD": "PP: middle of the exposure, JD (UTC)",
    "SECPIX": "PP: arcsec per binned pixel",
    "SECPIXX": "PP: arcsec per binned pixel in x",
    "SECPIXY": "PP: arcsec per binned pixel in y",
    "TEL_KEYW": "PP: telescope keyword",
    "TELINSTR": "PP: telescope and instrument",
    "PHOTFLAG": "PP: not known to be photometric",
    "PHOT_K": "PP: assumed extinction (mag per airmass)",
    _EQUINOX_KEYWORD: "PP: equinox of the pointing cards",
    PRISTINE_KEYWORD: "PP: original header is kept",
    **camera.CARDS,
}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the user says about the frames; see `pp_prepare.PrepareOptions`."""

    ra: float | None = None
    dec: float | None = None
    flipx: bool = False
    flipy: bool = False
    rotate: float = 0.0
    target: str | None = None
    keep_wcs: bool = False

    @property
    def turned(self) -> bool:
        """Whether the orientation or the pointing of the entry is overruled."""
        return self.ra is not None or self.flipx or self.flipy or self.rotate != 0.0


def is_owned(keyword: str) -> bool:
    """Whether `pp_prepare` decides about a card, whatever the header held before."""
    return keyword in _COMMENTS or is_wcs_keyword(keyword)


def facts(
    cards: Sequence[Card], pristine: Sequence[Card] | None, *, keep_wcs: bool = False
) -> list[Card]:
    """Cards to read a frame by: as they came where `pp_prepare` has changed them since.

    Parameters
    ----------
    cards : sequence of Card
        The header as it is.
    pristine : sequence of Card or None
        The header as it came, if the frame was changed before and it is kept.
    keep_wcs : bool
        Whether the WCS of an earlier registration is the one that the user trusts.
    """
    origin = cards if pristine is None else pristine
    cards = [card for card in cards if not _is_copy(card)]
    registered = keep_wcs and text_value(cards, "REGSTAT") == "registered"
    result = [card for card in cards if not is_owned(card.keyword)]
    result += [
        card for card in origin if is_owned(card.keyword) and not (registered and _is_of_wcs(card))
    ]
    result += [card for card in cards if registered and _is_of_wcs(card)]
    prepared_before = [card for card in origin if card.keyword == _EQUINOX_KEYWORD]
    if prepared_before:  # elsewhere: EQUINOX is that of the WCS by now
        years = as_number(card_value(to_header(prepared_before), _EQUINOX_KEYWORD))
        result = result if years is None else changed(result, {"EQUINOX": years})
    return result


def _is_copy(card: Card) -> bool:
    return card.keyword in _COPIES and COPIED.encode() in card.image


def _is_of_wcs(card: Card) -> bool:
    return card.keyword not in _COMMENTS and is_wcs_keyword(card.keyword)


def recognised(cards: Sequence[Card], header: "Header", name: str) -> Telescope | None:
    """Telescope of a frame with an entry: of its instrument cards, else that of its preparation.

    Parameters
    ----------
    cards : sequence of Card
        The header as it is.
    header : Header
        Its `facts`.
    name : str
        Name of the frame.

    Returns
    -------
    Telescope or None
        None for a camera without an entry: its header as a whole has to tell.

    Raises
    ------
    ConfigError
        If the user's telescope file has a mistake.
    """
    known = telescopes.registry()
    is_stack = card_text(header, STACK_CARD) is not None
    if camera.is_camera(card_text(header, "TEL_KEYW") or "") and not is_stack:
        return None  # prepared, and its original header is lost: read again what it still has
    for keyword in (card_text(header, "TEL_KEYW"), text_value(cards, "TEL_KEYW")):
        if keyword and (keyword in known or keyword == card_text(header, "TEL_KEYW")):
            return telescopes.identify(to_header(cards), name)
    telescope = telescopes.registered(header)
    is_entry = telescope is not None and (
        telescope.keyword != GENERIC or card_text(header, "INSTRUME") == GENERIC
    )
    return telescope if is_entry else None


def told_before(cards: Sequence[Card]) -> dict[str, CardValue]:
    """What the user said about a GENERIC telescope when the frame was prepared last."""
    header = to_header(cards)
    if card_value(header, "TEL_KEYW") != GENERIC:
        return {}
    scales = [as_number(card_value(header, f"SECPIX{axis}")) for axis in "XY"]
    binning = [as_number(card_value(header, f"BIN{axis}")) or 1.0 for axis in "XY"]
    if None in scales:
        return {}
    unbinned = (str((scale or 0.0) / by) for scale, by in zip(scales, binning, strict=True))
    return {"secpix": ",".join(unbinned)}


def prepared(
    path: Path,
    source: str,
    frame_facts: Sequence[Card],
    header: "Header",
    telescope: Telescope,
    overrides: Overrides,
) -> tuple[list[Card], PreparedFrame]:
    """New header of a frame, and what was read out of the old one.

    Parameters
    ----------
    path : Path
        The frame; only its name is used.
    source : str
        Name of the file it was made from.
    frame_facts : sequence of Card
        Its cards, from `facts`.
    header : Header
        The same as a header.
    telescope : Telescope
        Who took it.
    wishes : Overrides
        What the user says.

    Raises
    ------
    HeaderError
        If a card that is needed is missing or absurd.
    """
    frame = Frame(path, header, telescope.at_site_of(header), raw=True)
    wcs, scale = _wcs(frame, overrides)
    written: dict[str, CardValue] = {
        "MIDTIMJD": frame.midtime_jd,
        "SECPIX": math.sqrt(scale[0] * scale[1]),
        "SECPIXX": scale[0],
        "SECPIXY": scale[1],
        "TEL_KEYW": telescope.keyword,
        "TELINSTR": telescope.name,
        "PHOTFLAG": _PHOTOMETRIC,
        "PHOT_K": _EXTINCTION_MAG,
        **_equinox(frame),
        **with_old_names(wcs),
        **_camera_cards(frame),
    }
    spared = read_cards(frame) - set(written)
    kept = [
        card
        for card in frame_facts
        if card.keyword in spared
        or not (is_owned(card.keyword) or card.keyword in telescope.drop_cards)
    ]
    added = _added(frame, overrides)
    cards = changed(standardised(kept), added)
    cards += [formatted(key, value, COPIED) for key, value in _copies(frame, set(added)).items()]
    remark = KEPT_WCS if overrides.keep_wcs else STARTING_WCS
    cards += [
        formatted(name, _unsigned_zero(value), _COMMENTS.get(name, remark))
        for name, value in written.items()
    ]
    return cards, _outcome(frame, source, overrides, wcs, scale)


def _camera_cards(frame: Frame) -> dict[str, CardValue]:
    """Facts of a camera without an entry, and of a place that the user tells."""
    cards = {card: value for card, value in frame.supplied_cards().items() if card in camera.CARDS}
    if camera.is_camera(frame.telescope.keyword):
        cards[camera.AIRMASS] = frame.airmass
    return cards


def _unsigned_zero(value: CardValue) -> CardValue:
    return value + 0.0 if isinstance(value, float) else value


def _outcome(
    frame: Frame,
    source: str,
    overrides: Overrides,
    wcs: Mapping[str, CardValue],
    scale: tuple[float, float],
) -> PreparedFrame:
    """Row of the frame in the result."""
    ny, nx = frame.shape
    return PreparedFrame(
        frame=frame.name,
        source=source,
        telescope=frame.telescope.keyword,
        midtime_jd=frame.midtime_jd,
        object_name=overrides.target or frame.object_name,
        filter_name=frame.filter_name,
        airmass=frame.airmass,
        exptime_s=frame.exptime_s,
        ra_deg=float(wcs.get("CRVAL1", math.nan)),
        dec_deg=float(wcs.get("CRVAL2", math.nan)),
        pixel_scale_arcsec=scale,
        field_arcmin=(nx * scale[0] / 60.0, ny * scale[1] / 60.0),
        changed=True,
        binning=frame.binning,
        band=_band(frame)[0],
        unknown_filter=_band(frame)[1],
        time_remarks=frame.time_remarks,
        notes=tuple(frame.notes),  # by now all facts were asked for
    )


def _band(frame: Frame) -> tuple[str, str]:
    """Band of the filter, empty if no catalog has it; and what is to do if nobody knows it.

    A header without a filter is no unknown one: its magnitudes stay instrumental, as the manual
    has it.
    """
    try:
        return frame.band or "", ""
    except ConfigError as error:
        reason = str(error).removeprefix(f"{frame.name}: ")
        return "", reason if frame.filter_name else ""


def _wcs(frame: Frame, overrides: Overrides) -> tuple[dict[str, CardValue], tuple[float, float]]:
    """WCS to start from, and its pixel scales in arcsec.

    It is that of the header where it is kept, else one of the pointing and the entry.

    Raises
    ------
    HeaderError
        If the header lacks what is needed for it.
    """
    trusted = (frame.telescope.trust_wcs or frame.is_stack) and not overrides.turned
    if overrides.keep_wcs or trusted:
        try:
            kept = standard_wcs(frame.header, frame.shape, frame.name)
        except HeaderError as error:
            if overrides.keep_wcs and card_value(frame.header, "CTYPE1") is None:
                raise HeaderError(frame.name, "CTYPE1", _NO_WCS_TO_KEEP) from error
            if overrides.keep_wcs:
                raise
            remark = "it came without a usable WCS; the starting WCS is made from the pointing"
            log.warning("%s: %s", frame.name, remark)
            log.debug("%s", error)
        else:
            return kept, _matrix_scale(kept)
    orientation = frame.orientation.changed(
        flipx=overrides.flipx, flipy=overrides.flipy, rotate_deg=overrides.rotate
    )
    if overrides.ra is not None and overrides.dec is not None:
        pointing = (overrides.ra, overrides.dec)
        orientation = replace(orientation, offset_deg=(0.0, 0.0))
    elif camera.is_camera(frame.telescope.keyword) and not frame.has_pointing:
        return {}, frame.pixel_scale_arcsec  # pp_register looks where the target is
    else:
        pointing = frame.pointing()
    if orientation.offset_deg is None:
        advice = "the pointing of this chip is not known; give the frame centre with -ra and -dec"
        raise HeaderError(frame.name, str(frame.telescope.chip.card), advice)
    scale = frame.pixel_scale_arcsec
    seed = seed_wcs(frame.shape, pointing, scale, orientation, frame.distortion)
    return dict(seed.cards()), scale


def _matrix_scale(wcs: Mapping[str, CardValue]) -> tuple[float, float]:
    """Pixel scales in x and y, in arcsec, of a CD matrix."""
    x, y = (
        math.hypot(float(wcs[f"CD1_{axis}"]), float(wcs[f"CD2_{axis}"])) * ARCSEC_PER_DEG
        for axis in (1, 2)
    )
    return x, y


def _equinox(frame: Frame) -> dict[str, CardValue]:
    """Equinox of the pointing cards where it is not that of the new WCS."""
    with contextlib.suppress(HeaderError):  # an absurd one does not matter with -ra and -dec
        years = equinox(frame.header, frame.name, julian_year(frame.midtime_jd))
        if years != WCS_EQUINOX:
            return {_EQUINOX_KEYWORD: years}
    return {}


def _added(frame: Frame, overrides: Overrides) -> dict[str, CardValue]:
    """Cards that the header lacks: the target, what the user supplied, the date."""
    target_card = str(frame.telescope.parameters["object"])
    elsewhere = {*camera.CARDS, *camera.TRANSIENT}
    added = {card: v for card, v in frame.supplied_cards().items() if card not in elsewhere}
    exptime_card = str(frame.telescope.parameters["exptime"])
    if exptime_card in added:
        added[exptime_card] = frame.exptime_s  # a number, whatever was typed
    if overrides.target:
        added |= {target_card: overrides.target, "OBJECT": overrides.target}
    elif card_value(frame.header, "OBJECT") is None and frame.object_name:
        added["OBJECT"] = frame.object_name
    if card_value(frame.header, "DATE-OBS") is None:
        start_jd = frame.midtime_jd - frame.exptime_s / 2.0 / SECONDS_PER_DAY
        added["DATE-OBS"] = iso(start_jd, 6)
    return added


def _copies(frame: Frame, added: set[str]) -> dict[str, CardValue]:
    """FILTER, EXPTIME and AIRMASS of a header that has them under other names or not at all."""
    values: tuple[CardValue, ...] = (
        frame.filter_name,
        frame.exptime_s,
        round(frame.airmass, 4),
    )
    return {
        card: value
        for card, value in zip(_COPIES, values, strict=True)
        if value and card not in added and card_value(frame.header, card) is None
    }


def read_cards(frame: Frame) -> set[str]:
    """Cards that the entry of the telescope reads, whatever they mean elsewhere."""
    telescope = frame.telescope
    named = (telescope.chip.card, telescope.distortion.card)
    facts_of_entry = ("object", "filter", "exptime", "airmass")
    return {
        *telescope.pointing.cards,
        *telescope.midtime.cards,
        *telescope.binning.cards(frame.header),
        *(str(telescope.parameters[key]) for key in facts_of_entry),
        *(card for card in named if card),
    }
