"""The facts of a frame of any camera, from its header and from what the user says."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photpipe.fits.values import as_number, card_text
from photpipe.ground import sky
from photpipe.ground.errors import ConfigError, HeaderError
from photpipe.ground.timescale import julian_year, parse_datetime
from photpipe.instruments import observatories
from photpipe.instruments.cameras import moments, optics, places, table
from photpipe.instruments.cameras.facts import CameraFacts, Fact, Missing
from photpipe.instruments.cameras.reading import (
    angle,
    card_angle,
    comment,
    first_positive,
    first_text,
    number,
    positive,
    text,
    unit,
)
from photpipe.instruments.dialects import LARGEST_BINNING, equinox
from photpipe.instruments.observatories import Site

if TYPE_CHECKING:
    from astropy.io.fits import Header

# by judgement: one pointing in two cards, rounded to a second of time
SAME_POINTING_DEG = 10 / 3600
NEAR_WISH_DEG = 5.0  # by judgement: cards of the wish and of the mount that mean one field
GREATEST_AIRMASS = 40.0  # that of the horizon is 38


@dataclass(frozen=True, slots=True)
class Told:
    """What the user says about frames, which overrides single facts; None: nothing.

    Parameters
    ----------
    ra, dec : str or float
        Centre of the frames: degrees, sexagesimal (hours for `ra`), or names of cards.
    exptime, secpix, binning, filter : str or float
        Values, or names of cards; `secpix` is that of the unbinned pixels.
    date_keyword : str
        Cards of date and time.
    site : str
        ``longitude,latitude,elevation``.
    observatory : str
        MPC code.
    mosaic : str
        Colours of the first row and of the second, such as RGGB.
    """

    ra: str | float | None = None
    dec: str | float | None = None
    exptime: str | float | None = None
    secpix: str | float | None = None
    binning: str | float | None = None
    filter: str | None = None
    date_keyword: str | None = None
    site: str | None = None
    observatory: str | None = None
    mosaic: str | None = None


NOTHING_TOLD = Told()


def read(header: "Header", told: Told = NOTHING_TOLD) -> CameraFacts:
    """Facts of a frame.

    Parameters
    ----------
    header : Header
        As the program that took the frame wrote it.
    told : Told
        What the user says.

    Raises
    ------
    ConfigError
        If an option is not usable.
    """
    shape = _shape(header)
    who = optics.program(header)
    binned = _binning(header, told) or optics.binning(header)
    single = moments.exposure(header)
    stack = moments.stack(header, single)
    exptime = _exptime(header, told) or (
        moments.stack_exposure(header, single, stack) if stack else single
    )
    midtime = _midtime(header, told, exptime, is_stack=stack is not None)
    year = julian_year(midtime.value) if midtime else None
    pointings = _pointings(header, told, year)
    sight = places.Sight(
        midtime.value if midtime else None, pointings[0].value if pointings else None
    )
    site, code = _site(header, told, who.value, sight)
    planes = Fact(3, "NAXIS3") if number(header, "NAXIS3") == 3 else None
    facts = CameraFacts(
        bundle=optics.bundle(header, shape, binned.value),
        program=who,
        binning=binned,
        exptime_s=exptime,
        midtime_jd=midtime,
        scale_arcsec=_secpix(header, told, binned.value)
        or optics.scale(header, shape, binned.value),
        pointings=pointings,
        site=site,
        observatory_code=code,
        gain=optics.gain(header, who.value),
        saturation_adu=_positive(header, table.SATURATION),
        airmass=_airmass(header),
        filter_name=_filter(header, told),
        object_name=_text(header, table.OBJECT),
        rows=_text(header, (table.ROWS,)),
        mosaic=None if planes else _mosaic(header, told),
        planes=planes,
        colour=optics.colour(header),
        stack=stack,
    )
    return replace(facts, missing=_missing(facts))


def _shape(header: "Header") -> tuple[int, int]:
    sizes = [int(header.get(f"NAXIS{axis}", 0)) for axis in (2, 1)]
    return sizes[0], sizes[1]


def _missing(facts: CameraFacts) -> tuple[Missing, ...]:
    """What a run cannot do without, and what would tell it."""
    found = []
    if facts.exptime_s is None:
        found.append(Missing("the exposure time", "-exptime, or a card EXPTIME"))
    if facts.midtime_jd is None and facts.stack is not None:
        why = f"a stack ({facts.stack.origin}) has none that follows from its exposure time"
        advice = f"{why}: a card DATE-AVG or DATE-END, or -date_keyword CARD with its middle"
        found.append(Missing("the middle of the exposure", advice))
    elif facts.midtime_jd is None:
        advice = "-date_keyword CARD or CARD|CARD, or a card DATE-OBS with date and time"
        found.append(Missing("the time of the exposure", advice))
    if facts.scale_arcsec is None:
        advice = "-secpix, or cards XPIXSZ and FOCALLEN, or SCALE; else 0.1 to 20 arcsec are tried"
        found.append(Missing("the pixel scale", advice))
    if not facts.pointings and facts.object_name is None:
        advice = "-ra and -dec, or cards RA and DEC, or the target in OBJECT"
        found.append(Missing("the pointing", advice))
    return tuple(found)


def _mosaic(header: "Header", told: Told) -> Fact[str] | None:
    """Pattern of a colour camera as the user tells it, or the header."""
    if told.mosaic is not None and optics.colour(header) is None:
        return Fact(told.mosaic, "-mosaic")
    return optics.mosaic(header)


def _text(header: "Header", cards: tuple[str, ...]) -> Fact[str] | None:
    found = first_text(header, cards)
    return Fact(found[1], found[0]) if found else None


def _positive(header: "Header", cards: tuple[str, ...]) -> Fact[float] | None:
    found = first_positive(header, cards)
    return Fact(found[1], found[0]) if found else None


def _airmass(header: "Header") -> Fact[float] | None:
    for card in table.AIRMASS:
        value = positive(header, card)
        if value is not None and 0.99 <= value <= GREATEST_AIRMASS:
            return Fact(max(value, 1.0), card)
    return None


# -- what the user says


def named_card(header: "Header", answer: object) -> str | None:
    """Card that an answer names; None if it is a value."""
    if not isinstance(answer, str) or as_number(answer) is not None:
        return None
    card = answer.strip().upper()
    return card if card and card_text(header, card) is not None else None


def _number_told(header: "Header", answer: str | float | None, option: str) -> Fact[float] | None:
    """Positive number that the user gives, or that the card holds that he names."""
    if answer is None:
        return None
    card = named_card(header, answer)
    value = positive(header, card) if card else as_number(answer)
    if value is None or not value > 0:
        what = "no positive number" if card or as_number(answer) else "neither number nor card"
        raise ConfigError(f"-{option} {answer}: {what}")
    return Fact(value, f"-{option} {answer}" if card else f"-{option}")


def _exptime(header: "Header", told: Told) -> Fact[float] | None:
    return _number_told(header, told.exptime, "exptime")


def _pair_told(header: "Header", answer: str | float, option: str) -> tuple[float, float]:
    """One or two positive numbers, or those of a card."""
    card = named_card(header, answer)
    words = str(card_text(header, card) if card else answer)
    for separator in ",x*":
        words = words.replace(separator, " ")
    numbers = [as_number(each) or 0.0 for each in words.split()]
    if len(numbers) not in {1, 2} or min(numbers) <= 0:
        raise ConfigError(f"-{option} {answer}: not a positive number, nor two for x and y")
    return numbers[0], numbers[-1]


def _binning(header: "Header", told: Told) -> Fact[tuple[int, int]] | None:
    if told.binning is None:
        return None
    x, y = _pair_told(header, told.binning, "binning")
    if x % 1 or y % 1 or max(x, y) > LARGEST_BINNING:
        raise ConfigError(f"-binning {told.binning}: not a binning such as 2,2")
    return Fact((int(x), int(y)), "-binning")


def _secpix(
    header: "Header", told: Told, binned: tuple[int, int]
) -> Fact[tuple[float, float]] | None:
    if told.secpix is None:
        return None
    x, y = (each * optics.cell(header) for each in _pair_told(header, told.secpix, "secpix"))
    return Fact((x * binned[0], y * binned[1]), "-secpix x binning")


def _filter(header: "Header", told: Told) -> Fact[str]:
    if told.filter is not None:
        card = named_card(header, told.filter)
        value = text(header, card) if card else told.filter
        return Fact(value or "", f"-filter {told.filter}" if card else "-filter")
    unfiltered = Fact("none", "no card", "the frame is taken for unfiltered")
    return _text(header, table.FILTER) or unfiltered


def _midtime(
    header: "Header", told: Told, exptime: Fact[float] | None, *, is_stack: bool
) -> Fact[float] | None:
    if told.date_keyword is None:
        return moments.middle(header, exptime.value if exptime else 0.0, is_stack=is_stack)
    try:
        return Fact(parse_datetime(told.date_keyword), "-date_keyword")
    except ValueError:
        pass
    try:
        exposed = exptime.value if exptime else 0.0
        return moments.told(header, told.date_keyword, exposed, is_stack=is_stack)
    except (HeaderError, ValueError) as problem:
        raise ConfigError(f"-date_keyword {told.date_keyword}: {problem}") from None


def _site(
    header: "Header", told: Told, who: str, sight: places.Sight
) -> tuple[Fact[Site] | None, Fact[str] | None]:
    """Place, and its MPC code: by the user's word, the header, or the list within 1 km."""
    place: Fact[Site] | None = None
    if told.site is not None:
        try:
            place = Fact(places.of_words(told.site), "-site")
        except ValueError as problem:
            raise ConfigError(f"-site {problem}") from None
    if told.observatory is not None:
        known = observatories.site(told.observatory)
        if known is None:
            advice = "is not an observatory code of the Minor Planet Center"
            raise ConfigError(f"-observatory {told.observatory} {advice}")
        return place or Fact(known, "-observatory"), Fact(told.observatory, "-observatory")
    place = place or places.site(header, who, sight)
    if place is None:
        return None, None
    code = observatories.code_at(place.value)
    return place, Fact(code, f"within 1 km of {place.origin}") if code else None


# -- pointings


def angle_told(header: "Header", answer: str | float, option: str) -> float:
    """Degrees of ``-ra`` or ``-dec``: a number, sexagesimal (hours for ra), or a card's name.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    card = named_card(header, answer)
    found = card_angle(header, card) if card else angle(answer)
    if found is None:
        raise ConfigError(f"-{option} {answer}: neither degrees, nor sexagesimal, nor a card")
    value, is_sexagesimal = found
    is_hours = is_sexagesimal or (card is not None and _in_hours(header, card, False))
    degrees = value * 15.0 if option == "ra" and is_hours else value
    limit = 360.0 if option == "ra" else 90.0
    if not (math.isfinite(degrees) and abs(degrees) <= limit):
        raise ConfigError(f"-{option} {answer}: not on the sky")
    return degrees % 360.0 if option == "ra" else degrees


def _in_hours(header: "Header", card: str, usually: bool) -> bool:
    """Whether a plain number of a right ascension is in hours, by its comment or by habit."""
    words = f"{unit(header, card)} {comment(header, card)}".casefold()
    if unit(header, card) in {"h", "hr", "hour", "hours"} or "hour" in words:
        return True
    return usually and "deg" not in words


def _pointings(
    header: "Header", told: Told, year: float | None
) -> tuple[Fact[tuple[float, float]], ...]:
    """Where the frame may lie; what the user says is the only one."""
    if told.ra is not None and told.dec is not None:
        place = (angle_told(header, told.ra, "ra"), angle_told(header, told.dec, "dec"))
        return (Fact(place, "-ra, -dec"),)
    found: list[Fact[tuple[float, float]]] = _solved_centre(header)
    for cards in table.POINTINGS:
        pointing = _pointing(header, cards, year)
        if pointing and not any(_are_close(pointing, each, SAME_POINTING_DEG) for each in found):
            found.append(pointing)
    return tuple(_with_doubt(found))


def _are_close(
    one: Fact[tuple[float, float]], other: Fact[tuple[float, float]], degrees: float
) -> bool:
    return float(sky.separation_deg(*one.value, *other.value)) < degrees


def _with_doubt(
    found: list[Fact[tuple[float, float]]],
) -> list[Fact[tuple[float, float]]]:
    """Pointings, the first with what the second says against it."""
    if len(found) < 2 or _are_close(found[0], found[1], 0.5):
        return found
    apart = float(sky.separation_deg(*found[0].value, *found[1].value))
    doubt = f"{found[1].origin} lies {apart:.1f} deg away and is tried, too"
    return [replace(found[0], doubt=doubt), *found[1:]]


def _pointing(
    header: "Header", cards: table.PointingCards, year: float | None
) -> Fact[tuple[float, float]] | None:
    first, second = card_angle(header, cards.ra), card_angle(header, cards.dec)
    if first is None or second is None or first[0] == second[0] == 0.0:
        return None
    is_hours = first[1] or _in_hours(header, cards.ra, cards.hours and first[0] < 24.0)
    ra, dec = first[0] * 15.0 if is_hours else first[0], second[0]
    if not (-360.0 <= ra <= 360.0 and abs(dec) <= 90.0):
        return None
    if not is_hours and not first[1] and _fits_better_in_hours(header, cards, ra, dec):
        ra *= 15.0
    try:
        years = equinox(header, "", year)
    except HeaderError:
        years = 2000.0
    if years != 2000.0 and not cards.ra.startswith("CRVAL"):
        ra, dec = sky.to_icrs(ra % 360.0, dec, years)
    return Fact((ra % 360.0, dec), f"{cards.ra}, {cards.dec}")


def _fits_better_in_hours(
    header: "Header", cards: table.PointingCards, ra: float, dec: float
) -> bool:
    """Whether a number below 24 is in hours, since a sexagesimal card of the header agrees."""
    if not 0.0 <= ra < 24.0:
        return False
    for other in table.POINTINGS:
        value = card_angle(header, other.ra)
        if other != cards and value is not None and value[1]:
            wish = value[0] * 15.0
            return abs((ra * 15.0 - wish + 180.0) % 360.0 - 180.0) < NEAR_WISH_DEG
    return False


def _solved_centre(header: "Header") -> list[Fact[tuple[float, float]]]:
    """Frame centre by a WCS that a plate solution may have left."""
    from photpipe.fits.standard_wcs import standard_wcs

    if "INDI" in optics.program(header).value or card_text(header, "CD1_1") is None:
        return []
    try:
        cards = standard_wcs(header, _shape(header), "")
    except HeaderError:
        return []
    ny, nx = _shape(header)
    dx, dy = (nx + 1) / 2 - float(cards["CRPIX1"]), (ny + 1) / 2 - float(cards["CRPIX2"])
    east, north = (
        (float(cards[f"CD{axis}_1"]) * dx + float(cards[f"CD{axis}_2"]) * dy) * sky.ARCSEC_PER_DEG
        for axis in (1, 2)
    )
    ra, dec = sky.shifted(float(cards["CRVAL1"]), float(cards["CRVAL2"]), east, north)
    return [Fact((float(ra), float(dec)), "the WCS")]
