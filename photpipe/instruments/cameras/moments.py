"""When a frame was exposed: the time of the exposure, its length, and stacks that have neither."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photpipe.ground.errors import HeaderError
from photpipe.ground.timescale import SECONDS_PER_DAY
from photpipe.instruments.cameras import table
from photpipe.instruments.cameras.facts import Fact
from photpipe.instruments.cameras.reading import (
    comment,
    first_positive,
    number,
    positive,
    text,
    unit,
)
from photpipe.instruments.midtime import MidTime

if TYPE_CHECKING:
    from astropy.io.fits import Header

MILLISECOND_DAYS = 1e-3 / SECONDS_PER_DAY
AGREEMENT_S = 2.0  # by judgement: cards that are rounded to a second, and reading out
STACK_MARGIN = 1.5  # by judgement: between one exposure and a stack of two
LEAST_SHARE = 0.9  # of the time that the exposures of a stack take one after the other


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment that a card tells.

    Parameters
    ----------
    jd : float
        Julian date (UTC).
    card : str
        Where it stands.
    mark : Mark
        Which moment of the exposure it is.
    """

    jd: float
    card: str
    mark: table.Mark


def exposure(header: "Header") -> Fact[float] | None:
    """Exposure time in seconds; of a stack, of all its exposures together where it says so."""
    for card, seconds in table.EXPOSURE_S.items():
        value = positive(header, card)
        if value is not None:
            factor = table.EXPOSURE_UNITS.get(unit(header, card), seconds)
            return Fact(value * factor, card)
    return None


def stack(header: "Header", single: Fact[float] | None) -> Fact[int] | None:
    """How many exposures a stack is made of, 0 if it does not say; None for a single frame."""
    for card in table.STACK_COUNT:
        count = number(header, card)
        if count is not None and count > 1:
            return Fact(int(count), card)
    for card in table.STACK_MARK:
        if text(header, card) is not None:
            return Fact(0, card)
    total = first_positive(header, table.TOTAL_EXPOSURE)
    if total and single and total[1] > STACK_MARGIN * single.value:
        return Fact(round(total[1] / single.value), f"{total[0]} / {single.origin}")
    if table.STACK_HISTORY.search("\n".join(map(str, header.get("HISTORY", [])))):
        return Fact(0, "HISTORY")
    return None


def stack_exposure(
    header: "Header", single: Fact[float] | None, frames: Fact[int]
) -> Fact[float] | None:
    """Exposure time of a stack as a whole."""
    total = first_positive(header, table.TOTAL_EXPOSURE)
    if total:
        return Fact(total[1], total[0])
    if single and frames.value > 1:
        together_s, span_s = single.value * frames.value, _span_s(header)
        if span_s is not None and span_s < LEAST_SHARE * together_s:
            doubt = f"{frames.value} exposures of that length do not fit into {span_s:.0f} s"
            return Fact(single.value, single.origin, f"taken for that of all together: {doubt}")
        return Fact(
            together_s,
            f"{frames.origin} x {single.origin}",
            f"{single.origin} is taken for the time of one of {frames.value} exposures",
        )
    return single


def _span_s(header: "Header") -> float | None:
    """Seconds from the start of a stack to its end, by its cards; None if they do not tell."""
    marked = {each.mark: each.jd for each in reversed(_moments(header))}
    end, start = _end(header), marked.get("start")
    if start is None:
        return None
    if end is not None:
        return (end.jd - start) * SECONDS_PER_DAY
    return (marked["middle"] - start) * 2 * SECONDS_PER_DAY if "middle" in marked else None


def middle(header: "Header", exptime_s: float, *, is_stack: bool = False) -> Fact[float] | None:
    """Julian date (UTC) of the middle of the exposure; None if the header does not tell.

    A stack has no middle that follows from an exposure time.
    """
    moments = _moments(header)
    centre = next((each for each in moments if each.mark == "middle"), None)
    start = next((each for each in moments if each.mark == "start"), None)
    end = _end(header)
    if centre is not None:
        centre = _finer(header, centre, table.FINER_MIDDLES)
        return Fact(centre.jd, centre.card, "" if is_stack else _doubt(centre, start, exptime_s))
    if start is not None and end is not None and is_stack:
        return Fact((start.jd + end.jd) / 2, f"({start.card} + {end.card}) / 2")
    if is_stack or start is None:
        return None
    start = _finer(header, start, table.FINER_STARTS)
    half = exptime_s / 2 / SECONDS_PER_DAY
    if "end" in comment(header, start.card).casefold().split():
        return Fact(start.jd - half, f"{start.card} - half the exposure")
    if "mid" in comment(header, start.card).casefold():
        return Fact(start.jd, start.card)
    return Fact(
        start.jd + half,
        f"{start.card} + half the exposure",
        _warning(header, start, end, exptime_s),
    )


def told(header: "Header", cards: str, exptime_s: float, *, is_stack: bool) -> Fact[float]:
    """Middle of the exposure by cards that the user names; of a stack they hold its middle.

    Raises
    ------
    HeaderError, ValueError
        If they hold no time, or are no names of cards.
    """
    exposed = 0.0 if is_stack else exptime_s
    return Fact(MidTime.parse(cards).from_header(header, exposed, ""), f"-date_keyword {cards}")


def _moments(header: "Header") -> list[Moment]:
    """All moments that cards tell, in the order in which they are believed."""
    return [
        Moment(jd, each.cards, each.mark)
        for each in table.TIMES
        if (jd := _jd(header, each.cards)) is not None
    ]


def _jd(header: "Header", cards: str) -> float | None:
    """Julian date (UTC) on a card; None if it holds no date with a time."""
    if any(text(header, card) is None for card in cards.split("|")):
        return None
    try:
        return MidTime.parse(cards, "middle").from_header(header, 0.0, "")
    except HeaderError:
        return None


def _end(header: "Header") -> Moment | None:
    found = ((card, _jd(header, card)) for card in table.ENDS)
    return next((Moment(jd, card, "end") for card, jd in found if jd is not None), None)


def _finer(header: "Header", moment: Moment, cards: tuple[str, ...]) -> Moment:
    """The same moment from a card with fractions of a second, where this one has none."""
    second = moment.jd * SECONDS_PER_DAY % 1.0
    if min(second, 1.0 - second) > 1e-3:
        return moment
    for card in cards:
        jd = _jd(header, card)
        if jd is None or card == moment.card:
            continue
        later = (jd - moment.jd) * SECONDS_PER_DAY
        if 1e-3 < later < 1.0:
            return Moment(jd, card, moment.mark)
    return moment


def _doubt(centre: Moment, start: Moment | None, exptime_s: float) -> str:
    """What the start of the exposure says against its middle."""
    if start is None:
        return ""
    apart_s = (centre.jd - start.jd) * SECONDS_PER_DAY - exptime_s / 2
    if abs(apart_s) <= max(AGREEMENT_S, 0.02 * exptime_s):
        return ""
    return f"{start.card} + half the exposure is {-apart_s:+.1f} s from it"


def _warning(header: "Header", start: Moment, end: Moment | None, exptime_s: float) -> str:
    """What is known against the start of an exposure."""
    words = comment(header, start.card).casefold()
    if "grabbed" in words or "created" in words:
        return f"its comment says {comment(header, start.card)!r}: it may be the end"
    if end is not None:
        off_s = (end.jd - start.jd) * SECONDS_PER_DAY - exptime_s
        if off_s < -AGREEMENT_S or off_s > max(30.0, exptime_s):
            return f"{end.card} is {off_s:+.1f} s from the end of the exposure"
    return ""
