"""A frame: one image file, its header and its telescope, and what they say about each other.

Facts a frame cannot live without raise `HeaderError` with the name of the card. For the others
there is a documented fallback, used with a warning:

==========  ==========================================================================
object      empty text
filter      empty text, hence no band unless the telescope translates an empty text
binning     1 x 1
airmass     computed from position, time and site; 1 where the site is unknown
==========  ==========================================================================
"""

import logging
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.fits.standard_wcs import is_wcs_keyword, plain_wcs
from photpipe.fits.values import CardValue, as_number, card_number, card_text, card_value
from photpipe.ground.errors import ConfigError, FrameError, HeaderError
from photpipe.ground.timescale import julian_year
from photpipe.instruments import filters, telescopes
from photpipe.instruments.cameras import optics, reading
from photpipe.instruments.cameras.camera import AIRMASS
from photpipe.instruments.cameras.table import EXPOSURE_UNITS
from photpipe.instruments.dialects import EARLIEST_JD, LATEST_JD, plain
from photpipe.instruments.midtime import impossible
from photpipe.instruments.telescopes import Telescope
from photpipe.science.airmass import airmass, altitude_deg
from photpipe.science.wcs_seed import Orientation

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

_filtering = threading.Lock()
log = logging.getLogger(__name__)

LONGEST_EXPOSURE_S = 1e6  # 11 days: larger numbers are no seconds
GREATEST_AIRMASS = 40.0  # that of the horizon is 38
LOWEST_ALTITUDE_DEG = 3.0  # by judgement: below, refraction makes a calculated airmass doubtful
STACK_CARD = "PPSTACK"
SINGLE_EXPOSURE_CARD = "PPEXPT1"  # of a stack
STARTING_WCS = "PP: starting WCS"  # comment of what pp_prepare makes of the pointing alone


@dataclass(frozen=True, slots=True)
class Frame:
    """Read-only facts of one image.

    Parameters
    ----------
    path : Path
        The image file.
    header : astropy.io.fits.Header
        Header of the image.
    telescope : Telescope
        Who took it.
    raw : bool
        Ignore the cards that `pp_prepare` wrote and read the telescope's own.
    """

    path: Path
    header: "Header" = field(repr=False, compare=False)
    telescope: Telescope
    raw: bool = False
    notes: list[str] = field(default_factory=list, repr=False, compare=False)
    _supplied: "list[Header]" = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def read(cls, path: Path, telescope: Telescope | None = None) -> "Frame":
        """Read the header of an image file and recognise its telescope.

        Raises
        ------
        FrameError
            If the file is not a usable image.
        HeaderError, ConfigError
            If the telescope is not known.
        """
        from photpipe.fits.fitsfile import read_header

        return cls.of(path, read_header(path), telescope)

    @classmethod
    def prepared(cls, path: Path, telescope: Telescope | None = None) -> "Frame":
        """As `read`, for stages that need what `pp_prepare` writes.

        Raises
        ------
        FrameError, HeaderError, ConfigError
            As `read`; and if it has not been over the header.
        """
        frame = cls.read(path, telescope)
        if not frame.is_prepared:
            raise FrameError(frame.name, "not prepared; run pp_prepare on it")
        return frame

    @classmethod
    def of(cls, path: Path, header: "Header", telescope: Telescope | None = None) -> "Frame":
        """Frame of a header that was read already."""
        known = telescope or telescopes.identify(header, path.name)
        return cls(path, header, known.at_site_of(header))

    # -- names of files

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name

    @property
    def stem(self) -> str:
        """File name without ``.fits``."""
        return self.path.stem

    @property
    def ldac_path(self) -> Path:
        """Catalog of sources, beside the frame."""
        return self.path.with_suffix(".ldac")

    @property
    def database_path(self) -> Path:
        """Database of calibrated sources, beside the frame."""
        return self.path.with_suffix(".ldac.db")

    @property
    def mask_path(self) -> Path | None:
        """Weight mask of the detector; none for a stack, whose pixels are others."""
        return None if self.is_stack else self.telescope.mask_file(self.binning)

    # -- facts

    @property
    def is_prepared(self) -> bool:
        """Whether `pp_prepare` has been over the header."""
        return not self.raw and all(
            card_value(self.header, key) is not None for key in ("TEL_KEYW", "MIDTIMJD", "SECPIXX")
        )

    @property
    def is_placed(self) -> bool:
        """Whether its WCS is more than the pointing of the telescope: registered, kept, trusted."""
        if card_text(self.header, "REGSTAT") == "registered":
            return True
        known = "CRVAL1" in self.header and self.header.comments["CRVAL1"] != STARTING_WCS
        return self.is_stack or self.telescope.trust_wcs or known

    @property
    def is_stack(self) -> bool:
        """Whether pp_combine made it: its time and WCS are its own, not those of a camera."""
        return card_value(self.header, STACK_CARD) is not None

    @property
    def shape(self) -> tuple[int, int]:
        """Image size (ny, nx)."""
        keys = self.telescope.parameters["extent"]
        sizes = [self._required(str(key), "the image size") for key in keys]
        if len(sizes) != 2 or any(size < 1 or size % 1 for size in sizes):
            raise HeaderError(self.name, ", ".join(keys), "not the size of a two-dimensional image")
        return int(sizes[1]), int(sizes[0])

    @property
    def exptime_s(self) -> float:
        """Exposure time."""
        key = str(self.telescope.parameters["exptime"])
        header = self._header_with_supplied()
        number = reading.number(header, key)
        exptime = self._required(key, "the exposure time") if number is None else number
        exptime *= EXPOSURE_UNITS.get(reading.unit(header, key), 1.0)
        if not 0.0 < exptime <= LONGEST_EXPOSURE_S:
            reason = (
                "is zero; this is not a science frame"
                if exptime == 0
                else "is not an exposure time"
            )
            raise HeaderError(self.name, key, f"{exptime:g} s {reason}")
        return exptime

    @property
    def single_exptime_s(self) -> float:
        """Exposure time to which the counts belong: of a stack, the mean of its frames."""
        return as_number(card_value(self.header, SINGLE_EXPOSURE_CARD)) or self.exptime_s

    @property
    def object_name(self) -> str:
        """Name of the target as the header has it; empty if it has none."""
        return self._text("object")

    @property
    def filter_name(self) -> str:
        """Filter as the header has it; empty if it has none."""
        return self._text("filter")

    @property
    def band(self) -> str | None:
        """Band of the filter in the catalogs; None if no catalog has it.

        Raises
        ------
        ConfigError
            If the telescope's entry does not translate the filter.
        """
        name = self.filter_name
        table = self.telescope.filter_translations
        if name in table:
            return table[name]
        alike = {band for key, band in table.items() if filters.is_same(name, key, band)}
        if len(alike) == 1:
            return alike.pop()
        raise ConfigError(f"{self.name}: {self._unknown_filter(name)}")

    def _unknown_filter(self, name: str) -> str:
        """What to say of a filter that the telescope's entry does not have."""
        table = self.telescope.filter_translations
        known = ", ".join(repr(key) for key in table)
        case = [key for key in table if plain(key) == plain(name)]
        hint = f"; the case of letters counts, {case[0]!r} is another filter" if case else ""
        found = filters.meaning(name)
        advice = f", such as -filter {found.band}" if found and found.band else ""
        return (
            f"filter {name!r} (card {self.telescope.parameters['filter']}) is not among the "
            f"filters of {self.telescope.keyword} ({known}){hint}; name the band with -filter"
            f"{advice}, or add it to filter_translations in setup/mytelescopes.py"
        )

    @property
    def binning(self) -> tuple[int, int]:
        """Binning in x and y; 1, 1 if the header tells none."""
        header = self._header_with_supplied()
        binning = self.telescope.binning.from_header(header, self.name)
        if binning is None:
            cards = ", ".join(self.telescope.binning.cards(header))
            self._note(f"card {cards} is missing; binning 1 x 1 is assumed")
        return binning or (1, 1)

    @property
    def pixel_scale_arcsec(self) -> tuple[float, float]:
        """Scale of the (binned) pixels in x and y."""
        if self.is_prepared:
            x, y = (self._required(key, "the pixel scale") for key in ("SECPIXX", "SECPIXY"))
            if not (x > 0 and y > 0):
                raise HeaderError(self.name, "SECPIXX, SECPIXY", "not a pixel scale")
            return x, y
        scale = self.telescope.secpix_arcsec
        if scale is None:
            raise HeaderError(self.name, "SECPIX", "the pixel scale is not known; give -secpix")
        binning = self.binning
        return scale[0] * binning[0], scale[1] * binning[1]

    @property
    def midtime_jd(self) -> float:
        """Julian date (UTC) of the middle of the exposure."""
        if self.is_prepared or self.is_stack:
            jd = self._required("MIDTIMJD", "the time of the exposure")
            if not EARLIEST_JD <= jd <= LATEST_JD:
                raise HeaderError(self.name, "MIDTIMJD", f"{jd} lies outside 1880 to 2100")
            return jd
        header = self._header_with_supplied()
        return self.telescope.midtime.from_header(header, self.exptime_s, self.name)

    @property
    def has_pointing(self) -> bool:
        """Whether the header holds cards of a pointing, right or wrong."""
        header = self._header_with_supplied()
        return all(card_value(header, card) is not None for card in self.telescope.pointing.cards)

    @property
    def time_remarks(self) -> tuple[str, ...]:
        """What is doubtful about the time: guessed, contradicted by other cards, impossible.

        Raises
        ------
        HeaderError
            If there is no time.
        """
        if self.is_prepared or self.is_stack:
            return impossible(self.midtime_jd)
        header = self._header_with_supplied()
        cards = (str(self.telescope.parameters["exptime"]), *self.telescope.midtime.cards)
        return (
            *_doubled(header, cards),
            *self.telescope.midtime.remarks(header, self.exptime_s, self.name),
        )

    def pointing(self) -> tuple[float, float]:
        """RA and Dec in degrees, ICRS: of the telescope; of the WCS if prepared."""
        if not self.is_prepared:
            header = self._header_with_supplied()
            return self.telescope.pointing.from_header(header, self.name, self._date_year())
        ra, dec = (self._required(f"CRVAL{axis}", "the position") for axis in (1, 2))
        if not -90.0 <= dec <= 90.0:
            raise HeaderError(self.name, "CRVAL2", f"{dec} is not a declination")
        return ra % 360.0, dec

    @property
    def airmass(self) -> float:
        """Airmass at least 1; computed, or 1, where the card holds none."""
        key = str(self.telescope.parameters["airmass"])
        value = card_value(self._header_with_supplied(), key)
        number = as_number(value)
        if number is not None and 0.99 <= number <= GREATEST_AIRMASS:
            return max(number, 1.0)
        what = "is missing" if value is None else f"holds {value!r}"
        computed = self._computed_airmass()
        how = "airmass 1 is assumed" if computed is None else "airmass is computed"
        if not (value is None and computed and key == AIRMASS):  # of cameras: one of our own
            self._note(f"card {key} {what}; {how}")
        return computed or 1.0

    def _computed_airmass(self) -> float | None:
        """Airmass from position, time and site; None where one is unknown or it is nonsense."""
        place = self.telescope.place
        if place is None:
            return None
        try:
            (ra, dec), jd = self.pointing(), self.midtime_jd
        except HeaderError:
            return None
        altitude = altitude_deg(ra, dec, jd, place.latitude_deg, place.longitude_deg)
        return airmass(altitude) if altitude > LOWEST_ALTITUDE_DEG else None

    @property
    def gain(self) -> float | None:
        """Electrons per ADU; None if the header tells none, or none that can be believed.

        PP_GAIN is the effective gain of a combined image and wins over the telescope's rule.
        """
        stacked = as_number(card_value(self.header, "PP_GAIN"))
        if stacked is not None and stacked > 0:
            return stacked
        rule = self.telescope.parameters.get("gain", "GAIN")
        header = self._header_with_supplied()
        if self.telescope.keyword == telescopes.GENERIC:  # a card GAIN may be a driver's setting
            told = optics.gain(header, card_text(header, "INSTRUME") or "")
            return told.value if told else None
        number = as_number(card_value(header, rule) if isinstance(rule, str) else rule)
        return number if number is not None and number > 0 else None

    @property
    def saturation(self) -> float | None:
        """Level in ADU from which pixels are saturated; None if unknown.

        PPSATUR is what pp_photometry found in the pixels.
        """
        header, own_card = self._header_with_supplied(), self.telescope.parameters.get("saturation")
        cards = (str(own_card or "SATURATE"), "PPSATUR")
        levels = (as_number(card_value(header, name)) for name in cards)
        told = [each for each in levels if each is not None and each > 0]
        if told:
            return min(told)
        own = self.telescope.parameters.get("sex-settings") or {}
        return as_number(own.get("SATUR_LEVEL"))

    @property
    def orientation(self) -> Orientation:
        """How the detector lies on the sky."""
        return self.telescope.chip.from_header(self.header, self.name)

    @property
    def distortion(self) -> Mapping[str, float]:
        """PV terms to start from; empty if there are none."""
        return self.telescope.distortion.from_header(self.header)

    def wcs(self) -> "WCS":
        """The WCS of the header.

        Raises
        ------
        HeaderError
            If the header has no celestial WCS.
        """
        from astropy.wcs import WCS

        plain = plain_wcs(self.header)
        if plain is not None:
            return plain
        # astropy remarks on every repair it makes; filters are one for all threads
        with _filtering, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wcs = WCS(self._wcs_header(), naxis=2)
            except Exception as problem:  # wcslib and astropy have no common exception
                reason = str(problem).strip().splitlines() or ["not understood"]
                raise HeaderError(self.name, "CTYPE1", f"no usable WCS: {reason[-1]}") from None
        if not wcs.has_celestial:
            raise HeaderError(self.name, "CTYPE1", "no celestial WCS; run pp_prepare")
        return wcs

    def _wcs_header(self) -> "Header":
        """The cards of the WCS alone: wcslib takes strangers' cards for its own (CVF, OBSGEO).

        Numbers written as texts, as the original's pp_register wrote them, are numbers.
        """
        cards = self.header.cards
        own = []
        for card in cards:
            if card.keyword[:5] == "NAXIS" or is_wcs_keyword(card.keyword):
                number = as_number(card.value) if isinstance(card.value, str) else None
                own.append(card if number is None else type(card)(card.keyword, number))
        return type(self.header)(own)

    def supplied_cards(self) -> dict[str, CardValue]:
        """Cards that the header lacks and the user gave (GENERIC); to be written into it."""
        cards = dict(self.telescope.supplied)
        for key, source in self.telescope.copied.items():
            value = card_value(self.header, source)
            if value is not None:
                cards[key] = value
        return {k: v for k, v in cards.items() if card_value(self.header, k) is None}

    # -- helpers

    def _header_with_supplied(self) -> "Header":
        if not self._supplied:  # a copy for each property would be a third of pp_prepare
            header, lacking = self.header, self.supplied_cards()
            if lacking:
                header = header.copy()
                header.update(lacking)
            self._supplied.append(header)
        return self._supplied[0]

    def _required(self, key: str, purpose: str) -> float:
        number = card_number(self._header_with_supplied(), key, self.name, purpose)
        if number is None:
            raise HeaderError(self.name, key, f"missing; it holds {purpose}")
        return number

    def _text(self, key: str) -> str:
        card = str(self.telescope.parameters[key])
        text = card_text(self._header_with_supplied(), card)
        if text is None:
            self._note(f"card {card} is missing; the {key} is unknown")
        return text or ""

    def _date_year(self) -> float | None:
        """Year of the exposure; None if the header's date is unusable."""
        try:
            return julian_year(self.midtime_jd)
        except HeaderError:
            return None

    def _note(self, text: str) -> None:
        """Remember a fallback; pp_prepare tells those of all frames."""
        if text not in self.notes:
            self.notes.append(text)
            log.debug("%s: %s", self.name, text)


def _doubled(header: "Header", cards: Iterable[str]) -> Iterator[str]:
    """What to say of cards that stand in a header twice with different values."""
    for card in filter(header.__contains__, dict.fromkeys(cards)):
        values = [str(header[card, number]) for number in range(header.count(card))]
        if len(set(values)) > 1:
            yield f"card {card} is there {len(values)} times; the first, {values[0]}, is used"
