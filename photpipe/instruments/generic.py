"""The telescope GENERIC: what nobody described, told by options or asked on a terminal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from photpipe.fits.values import CardValue, as_number, card_number, card_text
from photpipe.ground.errors import ConfigError
from photpipe.instruments.dialects import LARGEST_BINNING
from photpipe.instruments.telescope import Telescope
from photpipe.instruments.telescopes import GENERIC, by_keyword

if TYPE_CHECKING:
    from astropy.io.fits import Header


__all__ = ["GENERIC", "QUESTIONS", "Question", "generic", "missing_for_generic"]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know about a frame of a telescope that nobody described.

    Parameters
    ----------
    name : str
        Option and key of the answers.
    text : str
        The question.
    key : str
        Key of the entry it is about; a header that has the card needs no answer.
    """

    name: str
    text: str
    key: str | None


QUESTIONS = (
    Question("secpix", "pixel scale of the unbinned pixels in arcsec", None),
    Question("binning", "binning, such as 2 or 2,2", "binning"),
    Question("ra", "right ascension of the frame centre (degrees, or hh mm ss)", "ra"),
    Question("dec", "declination of the frame centre (degrees, or dd mm ss)", "dec"),
    Question("filter", "filter band", "filter"),
    Question("date_keyword", "card of date and time, or two as DATE|TIME", "date_keyword"),
    Question("exptime", "exposure time in seconds", "exptime"),
)


def missing_for_generic(header: "Header", answers: Mapping[str, Any]) -> tuple[Question, ...]:
    """Questions that neither the header nor the answers settle."""
    entry = by_keyword(GENERIC)
    return tuple(
        question
        for question in QUESTIONS
        if answers.get(question.name) is None
        and not (question.key and _has_card(header, entry, question.key))
    )


def _has_card(header: "Header", telescope: Telescope, key: str) -> bool:
    wanted = telescope.binning.cards(header) if key == "binning" else (telescope.parameters[key],)
    return all(card_text(header, card) is not None for card in wanted)


def generic(
    header: "Header", answers: Mapping[str, Any], ask: Callable[[str], str] | None = None
) -> Telescope:
    """The telescope GENERIC with what the user says about it.

    Parameters
    ----------
    header : Header
        A header of the frames; the cards that it has are not asked for.
    answers : mapping
        By name of `QUESTIONS`: values, texts of the command line, or names of cards
        of the header that hold the value; None means not given.
    ask : callable, optional
        Asks the user one question (on a terminal); without it nothing is asked.

    Returns
    -------
    Telescope
        Its `supplied` and `copied` cards are to be written into the headers (see
        `Frame.supplied_cards`).

    Raises
    ------
    ConfigError
        If something is missing and nobody can be asked, or an answer is not usable.
    """
    given = {name: value for name, value in answers.items() if value is not None}
    missing = missing_for_generic(header, given)
    if missing and ask is None:
        options = ", ".join(f"-{question.name} ({question.text})" for question in missing)
        raise ConfigError(f"the telescope GENERIC needs: {options}")
    for question in missing:
        given[question.name] = ask(f"{question.text}: ") if ask else None
    return _told(header, given)


def _told(header: "Header", given: Mapping[str, Any]) -> Telescope:
    entry = dict(by_keyword(GENERIC).parameters)
    supplied: dict[str, CardValue] = {"INSTRUME": GENERIC}
    copied: dict[str, str] = {}
    entry["secpix"] = _pair(given["secpix"], "secpix", header)
    if "binning" in given:
        x, y = _pair(given["binning"], "binning", header)
        if not (min(x, y) >= 1 and max(x, y) <= LARGEST_BINNING and x % 1 == y % 1 == 0):
            raise ConfigError(f"-binning {given['binning']}: not a binning such as 2,2")
        supplied |= {"BINX": int(x), "BINY": int(y)}
    for name in ("ra", "dec", "filter", "exptime"):
        if name in given:
            answer = str(given[name]).strip()
            if answer and card_text(header, answer.upper()) is not None:
                copied[entry[name]] = answer.upper()
            else:
                supplied[entry[name]] = answer
    if "date_keyword" in given:
        entry["date_keyword"] = str(given["date_keyword"]).strip()
    try:
        telescope = Telescope.from_parameters(entry)
    except ValueError as problem:
        raise ConfigError(f"telescope GENERIC: {problem}") from None
    return replace(telescope, supplied=MappingProxyType(supplied), copied=MappingProxyType(copied))


def _pair(answer: Any, name: str, header: "Header") -> tuple[float, float]:
    """Positive numbers for x and y out of ``2``, ``"2,2"``, ``"2 2"``, (2, 2) or a card's name."""
    if isinstance(answer, str) and card_text(header, answer.strip().upper() or "-") is not None:
        value = card_number(header, answer.strip().upper(), "the first frame", name)
        answer = (value,)
    parts = answer if isinstance(answer, tuple | list) else str(answer).replace(",", " ").split()
    numbers = [as_number(part) for part in parts]
    if len(numbers) not in {1, 2} or any(number is None or number <= 0 for number in numbers):
        raise ConfigError(f"-{name} {answer}: not a positive number, nor two for x and y")
    values = [float(number or 0.0) for number in numbers]
    return values[0], values[-1]
