"""Where on Earth a frame was taken, and on which side of Greenwich.

The sign of a longitude is checked by whatever else the header knows of the sky: the sidereal
time, the altitude, the airmass, the local time; at last the Sun, which has to be below the
horizon, and the target, which has to be above.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photpipe.ground.timescale import parse_datetime
from photpipe.instruments.cameras import table
from photpipe.instruments.cameras.facts import Fact
from photpipe.instruments.cameras.reading import card_angle, comment, number, positive, text
from photpipe.instruments.observatories import Site
from photpipe.science.airmass import airmass, altitude_deg, greenwich_sidereal_time_deg
from photpipe.science.sun import sun_position

if TYPE_CHECKING:
    from astropy.io.fits import Header

SIDEREAL_AGREEMENT_DEG = 3.0  # 12 min of time: rounded cards, and beginning or end of an exposure
ALTITUDE_AGREEMENT_DEG = 3.0  # as above, and refraction
# by judgement: of the square of the airmass, which grows as altitude's error does
AIRMASS_AGREEMENT = 0.05
ZONE_DEG = 37.5  # zones are 15 degrees; politics and summer time add 22.5
WGS84_RADIUS_M, WGS84_FLATTENING = 6378137.0, 1 / 298.257223563  # WGS 84 (NIMA TR8350.2)
# from above the highest mountain to below the shore of the Dead Sea
HIGHEST_M, LOWEST_M = 9000.0, -500.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of the sky that a frame shows.

    Parameters
    ----------
    midtime_jd : float or None
        Julian date (UTC).
    pointing : (float, float) or None
        RA, Dec in degrees.
    """

    midtime_jd: float | None
    pointing: tuple[float, float] | None


def site(header: "Header", program: str, sight: Sight) -> Fact[Site] | None:
    """Geodetic place of a header; None if it has none.

    Parameters
    ----------
    header : Header
        Of the frame.
    program : str
        Who wrote it: some count longitudes to the west.
    sight : Sight
        Time and pointing, which decide about the sign of the longitude.
    """
    geocentric = [number(header, card) for card in table.GEOCENTRIC]
    latitude, longitude = _first(header, table.LATITUDE), _first(header, table.LONGITUDE)
    if latitude is None or longitude is None:
        return _of_geocentric(geocentric)
    (lat_card, lat), (lon_card, lon) = latitude, longitude
    if lat == lon == 0.0 or abs(lat) > 90.0 or not -360.0 <= lon <= 360.0:
        return None
    elevation = next(
        ((c, h) for c in table.ELEVATION if (h := _elevation(header, c)) is not None), None
    )
    place = Site(lat, _wrapped(lon), "", elevation[1] if elevation else 0.0)
    origin = ", ".join([lat_card, lon_card, *([elevation[0]] if elevation else [])])
    return _signed(header, program, sight, Fact(place, origin), lon_card)


def of_words(words: str) -> Site:
    """Place of ``longitude,latitude,elevation`` as a user writes it; east is positive.

    Raises
    ------
    ValueError
        If it is none.
    """
    from photpipe.instruments.cameras.reading import angle

    parts = [each.strip() for each in words.split(",")]
    numbers = [found[0] if (found := angle(part)) else math.nan for part in parts]
    if len(parts) == 2:
        numbers.append(0.0)
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"{words!r} is not a position such as 11.58,48.14,520 (east, north, metres)"
        )
    longitude, latitude, elevation = numbers
    if not (abs(longitude) <= 360 and abs(latitude) <= 90 and LOWEST_M <= elevation <= HIGHEST_M):
        raise ValueError(f"{words!r}: longitude, latitude and elevation are not on Earth")
    return Site(latitude, _wrapped(longitude), "", elevation)


def _wrapped(longitude_deg: float) -> float:
    """Longitude between -180 and 180 degrees, untouched where it is there already."""
    if -180.0 <= longitude_deg <= 180.0:
        return longitude_deg
    return (longitude_deg + 180.0) % 360.0 - 180.0


def _first(header: "Header", cards: tuple[str, ...]) -> tuple[str, float] | None:
    found = ((card, card_angle(header, card)) for card in cards)
    return next(((card, value[0]) for card, value in found if value is not None), None)


def _elevation(header: "Header", card: str) -> float | None:
    height = number(header, card)
    return height if height is not None and LOWEST_M <= height <= HIGHEST_M else None


def _of_geocentric(xyz: list[float | None]) -> Fact[Site] | None:
    """Geodetic place of geocentric coordinates in metres (Bowring's formula)."""
    if None in xyz:
        return None
    x, y, z = (float(each or 0.0) for each in xyz)
    if not 6.3e6 < math.sqrt(x * x + y * y + z * z) < 6.4e6:
        return None
    axis, e2 = WGS84_RADIUS_M, WGS84_FLATTENING * (2 - WGS84_FLATTENING)
    polar = axis * (1 - WGS84_FLATTENING)
    across = math.hypot(x, y)
    u = math.atan2(z * axis, across * polar)
    latitude = math.atan2(
        z + e2 / (1 - e2) * polar * math.sin(u) ** 3, across - e2 * axis * math.cos(u) ** 3
    )
    radius = axis / math.sqrt(1 - e2 * math.sin(latitude) ** 2)
    height = across * math.cos(latitude) + z * math.sin(latitude) - axis**2 / radius
    place = Site(math.degrees(latitude), math.degrees(math.atan2(y, x)), "", round(height, 1))
    return Fact(place, ", ".join(table.GEOCENTRIC))


# -- east or west


def _signed(
    header: "Header", program: str, sight: Sight, found: Fact[Site], card: str
) -> Fact[Site]:
    """The place on the side of Greenwich that the header as a whole speaks for."""
    as_written = found.value
    mirrored = replace(as_written, longitude_deg=_wrapped(-as_written.longitude_deg))
    if card in table.CERTAINLY_EAST or abs(as_written.longitude_deg) < 0.1:
        return found
    words = comment(header, card)
    if "+W" in words or "west positive" in words.casefold():
        return Fact(mirrored, found.origin, f"{card} is positive to the west, its comment says")
    for witness, verdict in _verdicts(header, sight):
        east, west = verdict(as_written), verdict(mirrored)
        if east and not west:
            return found
        if west and not east:
            return Fact(
                mirrored, found.origin, f"{card} is positive to the west: {witness} shows it"
            )
    if table.WEST_POSITIVE.search(program):
        return Fact(
            mirrored,
            found.origin,
            f"{card} is positive to the west in {program.split(maxsplit=1)[0]}",
        )
    if "+E" in words or abs(as_written.longitude_deg) > 179.9:
        return found
    return Fact(
        as_written, found.origin, f"{card} is taken as positive to the east: nothing checks it"
    )


Verdict = Callable[[Site], bool]


def _verdicts(header: "Header", sight: Sight) -> Iterator[tuple[str, Verdict]]:
    """Checks of a place, the sharpest first: the name of the witness, and whether it agrees."""
    jd = sight.midtime_jd
    if jd is None:
        return
    for card in table.SIDEREAL:
        if sidereal := card_angle(header, card):
            yield card, _sidereal(jd, sidereal[0] * 15.0)
    if sight.pointing is not None:
        ra, dec = sight.pointing
        for card in table.ALTITUDE:
            if height := card_angle(header, card):
                yield card, _altitude(ra, dec, jd, height[0])
        for card in table.AIRMASS:
            if (told := positive(header, card)) and told >= 1.0:
                yield card, _airmass(ra, dec, jd, told)
    zone = _zone_deg(header)
    if zone:
        yield zone[0], _local_time(zone[1])
    yield "the Sun", lambda place: _height(*sun_position(jd), jd, place) < 0.0
    if sight.pointing is not None:
        ra, dec = sight.pointing
        yield "the height of the target", lambda place: _height(ra, dec, jd, place) > 0.0


def _height(ra: float, dec: float, jd: float, place: Site) -> float:
    return altitude_deg(ra, dec, jd, place.latitude_deg, place.longitude_deg)


def _sidereal(jd: float, sidereal_deg: float) -> Verdict:
    def agrees(place: Site) -> bool:
        here = greenwich_sidereal_time_deg(jd) + place.longitude_deg
        return abs(_wrapped(here - sidereal_deg)) < SIDEREAL_AGREEMENT_DEG

    return agrees


def _altitude(ra: float, dec: float, jd: float, told_deg: float) -> Verdict:
    return lambda place: abs(_height(ra, dec, jd, place) - told_deg) < ALTITUDE_AGREEMENT_DEG


def _airmass(ra: float, dec: float, jd: float, told: float) -> Verdict:
    def agrees(place: Site) -> bool:
        height = _height(ra, dec, jd, place)
        return height > 0 and abs(airmass(height) - told) < AIRMASS_AGREEMENT * told**2

    return agrees


def _local_time(zone_deg: float) -> Verdict:
    return lambda place: abs(_wrapped(place.longitude_deg - zone_deg)) < ZONE_DEG


def _zone_deg(header: "Header") -> tuple[str, float] | None:
    """Longitude of the time zone by a card of local time; None if it is that of Greenwich."""
    universal = text(header, "DATE-OBS")
    for card in table.LOCAL_TIME:
        local = text(header, card)
        if local is None or universal is None:
            continue
        with contextlib.suppress(ValueError):
            days = parse_datetime(local.split(" DST")[0].split(" STD")[0]) - parse_datetime(
                universal
            )
            if 0.01 < abs(days) < 0.65:
                return card, days * 360.0
    return None
