"""A telescope made of facts: what a camera without an entry is to the stages.

`pp_prepare` writes the facts of a frame into cards of its own (`CARDS`); the telescope of a
prepared frame is made of these alone, so that the later stages work from the header, whatever
the program that took it calls its cards.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from photpipe.fits.values import CardValue, card_text
from photpipe.instruments.cameras.bands import band_of
from photpipe.instruments.cameras.facts import KEYWORD_PREFIX, SOLUTIONS, CameraFacts
from photpipe.instruments.telescope import SITE_CARDS, Telescope, place_cards
from photpipe.science.wcs_seed import Orientation

if TYPE_CHECKING:
    from astropy.io.fits import Header

EXPTIME, MIDTIME, FILTER = "PPEXPT", "PPMIDTIM", "PPFILT"
BINX, BINY, RA, DEC = "PPBINX", "PPBINY", "PPRA", "PPDEC"
AIRMASS, GAIN, SATURATION = "PPAIRM", "PPEGAIN", "PPSATLEV"
SCALE_ORIGIN, NAME = "PPSCALFR", "PPCAMERA"

CARDS = {
    EXPTIME: "PP: exposure time (s)",
    FILTER: "PP: filter",
    BINX: "PP: binning in x",
    BINY: "PP: binning in y",
    AIRMASS: "PP: airmass",
    GAIN: "PP: electrons per ADU",
    SATURATION: "PP: saturation (ADU)",
    **SITE_CARDS,
    SCALE_ORIGIN: "PP: where the pixel scale came from",
    NAME: "PP: name of the camera",
}
"""Cards that stay in the header of a prepared frame, with their comments."""
TRANSIENT = (MIDTIME, RA, DEC)
"""Cards that are in no file: what is read out of them is kept under the names of all telescopes."""

UNKNOWN_SCALE = "unknown"
LEAST_SCALE_ARCSEC, LARGEST_SCALE_ARCSEC = 0.1, 20.0
"""Between these the scale of a frame is looked for that no card tells."""
ANY_SCALE_ARCSEC = math.sqrt(LEAST_SCALE_ARCSEC * LARGEST_SCALE_ARCSEC)

KNOWN_SCALE_FACTOR = 1.25  # by judgement: of an entry, a plate solution, or the user's word
GUESSED_SCALE_FACTOR = 3.3  # a binning of three that no card tells, and optics 10 % off

CATALOGS = ("REFCAT2", "PANSTARRS", "SDSS-R9", "APASS9", "SkyMapper", "GAIA", "2MASS")
SCAMP = {"PIXSCALE_MAXERR": "1.25", "DISTORT_DEGREES": "3", "POSITION_MAXERR": "20"}


def is_camera(keyword: str) -> bool:
    """Whether a keyword is that of a camera without an entry."""
    return keyword.startswith(KEYWORD_PREFIX)


def scale_factor(header: "Header") -> float:
    """How many times larger or smaller than told the scale of a prepared frame may be."""
    origin = card_text(header, SCALE_ORIGIN) or UNKNOWN_SCALE
    if origin == UNKNOWN_SCALE:
        return LARGEST_SCALE_ARCSEC / ANY_SCALE_ARCSEC
    is_known = origin == SOLUTIONS or "WCS" in origin or origin.startswith("-secpix")
    return KNOWN_SCALE_FACTOR if is_known else GUESSED_SCALE_FACTOR


def telescope_of(
    facts: CameraFacts,
    entry: Mapping[str, Any],
    orientation: Orientation | None = None,
) -> Telescope:
    """Telescope of a frame that is to be prepared.

    Parameters
    ----------
    facts : CameraFacts
        Nothing may be `missing` but the pointing.
    entry : mapping
        The documented dictionary GENERIC.
    orientation : Orientation, optional
        As earlier frames of the camera had it.
    """
    site, code = facts.site, facts.observatory_code
    supplied: dict[str, CardValue] = {
        BINX: facts.binning.value[0],
        BINY: facts.binning.value[1],
        SCALE_ORIGIN: facts.scale_arcsec.origin if facts.scale_arcsec else UNKNOWN_SCALE,
        NAME: facts.bundle.name,
    }
    numbers = {
        EXPTIME: facts.exptime_s,
        MIDTIME: facts.midtime_jd,
        AIRMASS: facts.airmass,
        GAIN: facts.gain,
        SATURATION: facts.saturation_adu,
    }
    supplied |= {card: fact.value for card, fact in numbers.items() if fact is not None}
    texts = {FILTER: facts.filter_name, "OBJECT": facts.object_name}
    supplied |= {card: fact.value for card, fact in texts.items() if fact is not None}
    if facts.pointings:
        supplied |= dict(zip((RA, DEC), facts.pointings[0].value, strict=True))
    supplied |= place_cards(site.value if site else None, code.value if code else "")
    made = _made(
        entry,
        facts.bundle.keyword,
        facts.bundle.name,
        facts.filter_name.value,
        orientation,
    )
    scale = facts.scale_arcsec.value if facts.scale_arcsec else (ANY_SCALE_ARCSEC,) * 2
    unbinned = tuple(s / b for s, b in zip(scale, facts.binning.value, strict=True))
    return replace(
        made,
        parameters=MappingProxyType({**made.parameters, "secpix": unbinned}),
        supplied=MappingProxyType(supplied),
        observatory_code=code.value if code else "",
        site=site.value if site else None,
    )


def telescope_of_prepared(header: "Header", entry: Mapping[str, Any]) -> Telescope:
    """Telescope of a frame that `pp_prepare` has prepared.

    Parameters
    ----------
    header : Header
        With TEL_KEYW and the cards `CARDS`.
    entry : mapping
        The documented dictionary GENERIC.
    """
    keyword = card_text(header, "TEL_KEYW") or KEYWORD_PREFIX
    name = card_text(header, NAME) or keyword
    return _made(entry, keyword, name, card_text(header, FILTER) or "", None).at_site_of(header)


def telescope_named(keyword: str, entry: Mapping[str, Any]) -> Telescope:
    """Telescope of a camera's keyword alone: what all frames of cameras have in common."""
    return _made(entry, keyword, keyword, "", None)


def _made(
    entry: Mapping[str, Any],
    keyword: str,
    name: str,
    filter_name: str,
    orientation: Orientation | None,
) -> Telescope:
    flips: dict[str, Any] = {"flipx": True, "flipy": False, "rotate": 0}
    if orientation is not None:
        flips = {
            "flipx": orientation.flipx,
            "flipy": orientation.flipy,
            "rotate": orientation.rotate_deg,
        }
    return Telescope.from_parameters(
        {
            **entry,
            **flips,
            "telescope_keyword": keyword,
            "telescope_instrument": name,
            "observatory_code": "",
            "binning": (BINX, BINY),
            "exptime": EXPTIME,
            "date_keyword": MIDTIME,
            "date_marks": "middle",
            "ra": RA,
            "dec": DEC,
            "radec_separator": "XXX",
            "filter": FILTER,
            "object": "OBJECT",
            "airmass": AIRMASS,
            "gain": GAIN,
            "saturation": SATURATION,
            "filter_translations": {filter_name: band_of(filter_name)},
            "photometry_catalogs": CATALOGS,
            "scamp-settings": SCAMP,
            "copy_keywords": ",".join(
                ("TELESCOP", "INSTRUME", "OBJECT", "DATE-OBS", "SECPIX", "TEL_KEYW", *CARDS)
            ),
        }
    )
