"""Who took a frame: an instrument with an entry, GENERIC as the user tells it, or any camera."""

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from photpipe.fits.cards import Card
from photpipe.fits.values import as_number, card_text, card_value
from photpipe.ground.errors import ConfigError, FrameError
from photpipe.instruments import observatories, telescopes
from photpipe.instruments.cameras import camera, fact_lines, light, memory, reader
from photpipe.instruments.cameras.facts import SOLUTIONS, CameraFacts, Fact, told_missing
from photpipe.instruments.cameras.places import of_words
from photpipe.instruments.generic import GENERIC, generic, missing_for_generic
from photpipe.instruments.telescope import Telescope, place_cards
from photpipe.prepare import colours, preparation
from photpipe.run.results import ToldFact
from photpipe.science.wcs_seed import Orientation

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from numpy.typing import NDArray

log = logging.getLogger("pp_prepare")

WITHOUT_ENTRY = ("secpix", "binning", "filter", "date_keyword", "exptime")
SEARCHED = ("the pointing", "the pixel scale")
"""What of a header may be missing: frames are looked for anywhere, and solved at any scale."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The telescope of a frame, and what it was recognised by if it has no entry."""

    telescope: Telescope
    facts: tuple[ToldFact, ...] = ()


@dataclass(slots=True)
class Recognition:
    """Recognises frame after frame; asks the user about a GENERIC telescope, each thing once.

    Parameters
    ----------
    named : Telescope or None
        The one that the user names.
    told : Told
        What the user says of frames without an entry.
    """

    named: Telescope | None
    told: reader.Told
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _said: dict[str, str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def of(
        self, cards: Sequence[Card], header: "Header", name: str, pixels: "NDArray[Any]"
    ) -> Recognised:
        """Telescope of a frame.

        Parameters
        ----------
        cards : sequence of Card
            The header as it is.
        header : Header
            Its facts, see `preparation.facts`.
        name : str
            Of the frame.
        pixels : array
            As they are stored.

        Raises
        ------
        FrameError, HeaderError, ConfigError
            If it lacks something that nobody told.
        """
        telescope = self.named or preparation.recognised(cards, header, name)
        if telescope is None and not self._is_generic(header):
            return self._camera(header, name, pixels)
        telescope = telescope or telescopes.by_keyword(GENERIC)
        if telescope.keyword == GENERIC:
            return Recognised(self._placed(self._generic(cards, header), header))
        useless = [
            f"-{key}" for key in (*WITHOUT_ENTRY, "mosaic") if getattr(self.told, key) is not None
        ]
        if useless:
            reason = f"{' '.join(useless)}: only for cameras without an entry"
            raise ConfigError(f"{name}: {reason}, not {telescope.keyword}; leave it out")
        return Recognised(self._placed(telescope, header))

    def _is_generic(self, header: "Header") -> bool:
        """Whether a header names GENERIC, and with the user's word leaves no question open."""
        entry = telescopes.registered(header)
        told = {name: getattr(self.told, name) for name in ("ra", "dec", *WITHOUT_ENTRY)}
        is_named = entry is not None and entry.keyword == GENERIC
        return is_named and not missing_for_generic(header, told)

    def centre(self, header: "Header") -> tuple[float, float] | None:
        """Centre of a frame as the user tells it, in degrees; None if he does not.

        Raises
        ------
        ConfigError
            If it is neither an angle nor the name of a card.
        """
        if self.told.ra is None or self.told.dec is None:
            return None
        ra = reader.angle_told(header, self.told.ra, "ra")
        return ra, reader.angle_told(header, self.told.dec, "dec")

    def has_entry(self, cards: Sequence[Card], header: "Header", name: str) -> bool:
        """Whether a frame is of an instrument with an entry, or of one that the user names."""
        telescope = self.named or preparation.recognised(cards, header, name)
        return telescope is not None or self._is_generic(header)

    def may_have_several(self, cards: Sequence[Card]) -> bool:
        """Whether a frame may have several colours, by its header or by the user's word."""
        is_told = self.told.mosaic is not None and not colours.is_apart(cards)
        return is_told or colours.may_have_several(cards)

    def colours(self, cards: Sequence[Card], header: "Header", name: str) -> CameraFacts | None:
        """Facts of a frame of several colours that lacks nothing; None for any other.

        Raises
        ------
        ConfigError
            If an option is not usable.
        """
        if not self.may_have_several(cards) or self.has_entry(cards, header, name):
            return None
        facts = self._facts(header)[0]
        lacks = any(each.name not in SEARCHED for each in facts.missing)
        return None if lacks or (facts.mosaic or facts.planes) is None else facts

    def _facts(self, header: "Header") -> tuple[CameraFacts, memory.Learned | None]:
        """What the header, the user and earlier frames of the camera tell."""
        facts = reader.read(header, self.told)
        learned = memory.recall(facts.bundle.identity)
        if learned is not None and self.told.secpix is None:
            facts = _with_learned(facts, learned)
        return facts, learned

    def _camera(self, header: "Header", name: str, pixels: "NDArray[Any]") -> Recognised:
        """Telescope made of what the header of a camera without an entry tells.

        Raises
        ------
        FrameError
            What is missing, and which card or option would tell it.
        """
        facts, learned = self._facts(header)
        lacking = [each for each in facts.missing if each.name not in SEARCHED]
        if lacking:
            who = ", ".join(telescopes.seen(header)) or "no name"
            what = f"{who}: a camera without an entry, and the header lacks"
            advice = "give these, or -telescope KEYWORD if it has an entry"
            raise FrameError(name, f"{what} {told_missing(facts.missing)}; {advice}")
        facts = light.checked(facts, _scaled(header, light.sample(pixels)), _zero_level(header))
        telescope = camera.telescope_of(
            facts, telescopes.by_keyword(GENERIC).parameters, _orientation(learned)
        )
        told = fact_lines.told(facts)
        self._announce(facts, told)
        return Recognised(telescope, told)

    def _announce(self, facts: CameraFacts, told: Sequence[ToldFact]) -> None:
        """Say once of each camera what its frames are taken for."""
        with self._lock:
            if facts.bundle.keyword in self._seen:
                return
            self._seen.add(facts.bundle.keyword)
        log.info(
            "%s has no entry: taken from its header (%s)",
            facts.bundle.name,
            "; ".join(f"{each.name}: {each.value} from {each.origin}" for each in told),
        )
        if facts.filter_name.doubt:
            log.warning("%s: %s", facts.bundle.name, facts.filter_name.doubt)
        for each in facts.rejected:
            log.warning("%s (%s) is ignored: %s", each.value, each.origin, each.doubt)

    def _generic(self, cards: Sequence[Card], header: "Header") -> Telescope:
        """GENERIC as the user tells it, where he does not as it was before or the header tells."""
        told = {
            each.name: getattr(self.told, each.name)
            for each in fields(self.told)
            if each.name in ("ra", "dec", *WITHOUT_ENTRY)
        }
        answers = {**preparation.told_before(cards), **_given(told)}
        for question in missing_for_generic(header, answers):
            answers |= _given({question.name: _answer(header, question.name, self.told)})
        return generic(header, answers, self._ask if sys.stdin.isatty() else None)

    def _placed(self, telescope: Telescope, header: "Header") -> Telescope:
        """The telescope where the user says that it stands; GENERIC where the header says so."""
        code, words = self.told.observatory, self.told.site
        if code is not None and observatories.site(code) is None:
            reason = f"-observatory {code} is not a code of the Minor Planet Center's list"
            raise ConfigError(f"{reason}; correct it, or give -site LON,LAT,ALT")
        try:
            site = of_words(words) if words is not None else None
        except ValueError as problem:
            raise ConfigError(f"-site {problem}") from None
        if telescope.keyword == GENERIC and code is None and site is None:
            facts = reader.read(header)
            site = facts.site.value if facts.site else None
            code = facts.observatory_code.value if facts.observatory_code else None
        if code is None and site is None:
            return telescope
        code = code or observatories.code_at(site) or "" if site else code or ""
        supplied = {**telescope.supplied, **place_cards(site, code)}
        return replace(
            telescope, site=site, observatory_code=code, supplied=MappingProxyType(supplied)
        )

    def _ask(self, question: str) -> str:
        with self._lock:
            if question not in self._said:
                self._said[question] = input(question)
            return self._said[question]


def _given(answers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answers.items() if value is not None}


def _answer(header: "Header", name: str, told: reader.Told) -> str | None:
    """What the header says to a question about a GENERIC telescope; None if it says nothing."""
    facts = reader.read(header, told)
    scale, pointing = facts.scale_arcsec, next(iter(facts.pointings), None)
    is_binning_told = facts.binning.origin != "no card"
    is_scale_of_wcs = scale is not None and "WCS" in scale.origin  # of the pixels as they are
    answers = {
        "secpix": scale
        and ",".join(str(s / b) for s, b in zip(scale.value, facts.binning.value, strict=True)),
        "binning": "{},{}".format(*facts.binning.value)
        if is_binning_told or is_scale_of_wcs
        else None,
        "ra": pointing and str(pointing.value[0]),
        "dec": pointing and str(pointing.value[1]),
        "filter": facts.filter_name.value if facts.filter_name.origin != "no card" else None,
        "exptime": facts.exptime_s and str(facts.exptime_s.value),
    }
    return answers.get(name) or None


def _with_learned(facts: CameraFacts, learned: memory.Learned) -> CameraFacts:
    """Facts with the scale of earlier solved frames."""
    scale = learned.scale_arcsec
    hint = facts.scale_arcsec
    doubt = ""
    if hint is not None and abs(hint.value[0] / scale - 1) > memory.SCALE_AGREEMENT:
        doubt = f"{hint.origin} gives {hint.value[0]:.4f}"
    known = Fact((scale, scale), SOLUTIONS, doubt)
    missing = tuple(each for each in facts.missing if each.name != "the pixel scale")
    return replace(facts, scale_arcsec=known, missing=missing)


def _orientation(learned: memory.Learned | None) -> Orientation | None:
    return learned.orientation if learned else None


def _scaled(header: "Header", pixels: "NDArray[Any]") -> "NDArray[Any]":
    """Stored pixels in ADU."""
    factor, zero = (as_number(card_value(header, card)) for card in ("BSCALE", "BZERO"))
    return pixels * (1.0 if factor is None else factor) + (zero or 0.0)


def _zero_level(header: "Header") -> float | None:
    """ADU of a pixel without light, where the header says that the bias was subtracted."""
    if not set("BD") & set((card_text(header, "CALSTAT") or "").upper()):
        return None
    return -(as_number(card_value(header, "PEDESTAL")) or 0.0)
