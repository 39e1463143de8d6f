"""Positions of Solar System bodies from JPL Horizons: one object, any number of epochs.

Positions are kept (see `cache`), so that any subset of epochs is served without asking again.
"""

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from photpipe.ground.errors import ServiceError, UnknownTargetError
from photpipe.ground.sky import FloatArray
from photpipe.ground.timescale import iso
from photpipe.instruments.observatories import Site
from photpipe.run.settings import Settings
from photpipe.services import web
from photpipe.services.cache import Cache
from photpipe.services.ephemeris import (
    COLUMNS,
    DECIMALS,
    Ephemeris,
    interpolated,
    rows_at,
    translated,
)
from photpipe.services.names import Lookup, key, lookups, tidied
from photpipe.services.request import Request

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

SERVICE = "JPL Horizons"
EPOCHS_PER_REQUEST = 80  # longer addresses are cut by some servers
QUANTITIES = "1,3,9,19,20,24,36"  # position, rates, magnitudes, r, delta, phase angle, 3 sigma


def positions(
    target: str,
    midtimes_jd: Sequence[float] | FloatArray,
    observatory_code: str,
    settings: Settings,
) -> Ephemeris:
    """Positions of a target at the given times, in their order.

    Parameters
    ----------
    target : str
        Number, designation or name, as observers write it.
    midtimes_jd : sequence of float
        Julian dates (UTC); one request serves up to 80.
    observatory_code : str
        MPC code, or a place as ``longitude,latitude,elevation`` (degrees east and north, metres);
        ``""`` stands for the centre of the Earth.

    Raises
    ------
    UnknownTargetError
        If Horizons works and knows no such object: a star, most likely.
    ServiceError
        If Horizons gives no usable answer and the cache has none.
    """
    text = tidied(target)
    if not lookups(target):
        raise UnknownTargetError(SERVICE, target or "(no name)", "not a known Solar System object")
    times = np.round(np.asarray(midtimes_jd, float), DECIMALS)
    if times.size == 0 or not np.isfinite(times).all():
        raise ServiceError(SERVICE, text, "a time of observation is missing")
    search = _Search(text, observatory_code or "500", np.unique(times), settings)
    table = search.positions()
    rows = rows_at(np.asarray(table["jd"], float), times)
    columns = {name: np.asarray(table[name], float)[rows] for name in COLUMNS}
    sigma3 = np.hypot(columns.pop("sigma3_ra_arcsec"), columns.pop("sigma3_dec_arcsec"))
    columns["jd"] = np.array(midtimes_jd, float)
    name = str(table.meta["name"])
    return Ephemeris(text, name, search.observatory, sigma3_arcsec=sigma3, **columns)


@dataclass(frozen=True, slots=True)
class _Search:
    """One question: an object, an observatory, times (ascending, each once)."""

    target: str
    observatory: str
    times: FloatArray
    settings: Settings

    def positions(self) -> "Table":
        """Table with at least the times wanted, from the cache or from Horizons."""
        cache = Cache(self.settings.services)
        unknown = self._request("unknown name", self.settings.services.unknown_age_days)
        if cache.find(unknown, any_age=self.settings.services.offline) is not None:
            raise UnknownTargetError(SERVICE, self.target, "not a known Solar System object")
        request = self._request("positions", self.settings.services.ephemeris_age_days)

        def find(any_age: bool) -> "Table | None":
            table = self._kept(cache, request, any_age=any_age)
            return table if table is not None and self._missing(table).size == 0 else None

        def fetch() -> "Table":
            missing = self._missing(self._kept(cache, request, any_age=False))
            return self._fetched(missing, self._kept(cache, request, any_age=True))

        try:
            found = cache.remember(request, fetch, find)
            cache.note(cache.path(request), found, request, grows=True)
            return found
        except UnknownTargetError:
            cache.keep(unknown, _empty(self.target))
            raise
        except ServiceError:
            kept = self._kept(cache, request, any_age=True)
            between = None if kept is None else interpolated(kept, self.times)
            if between is None:
                raise
            log.info("%s: positions interpolated between those in the cache", self.target)
            return between

    def _request(self, kind: str, max_age_days: float) -> Request:
        name = key(self.target)
        details = {"kind": kind, "target": name}
        if kind == "positions":
            details |= {"observatory": self.observatory, "quantities": QUANTITIES}
            name = f"{name} from {self.observatory}"
        return Request(SERVICE, name, details, max_age_days=max_age_days)

    def _kept(self, cache: Cache, request: Request, *, any_age: bool) -> "Table | None":
        """Positions of all cache folders together, those past their age left out."""
        from astropy.table import vstack

        found = []
        for folder in cache.folders:
            table = cache.load(folder / request.folder / request.file_name)
            if table is not None:
                age = cache.now_jd() - np.asarray(table["asked_jd"], float)
                found.append(table[any_age | (age < request.max_age_days)])
        if not found:
            return None
        return found[0] if len(found) == 1 else vstack(found, metadata_conflicts="silent")

    def _missing(self, table: "Table | None") -> FloatArray:
        if table is None:
            return self.times
        return self.times[rows_at(np.asarray(table["jd"], float), self.times) < 0]

    def _fetched(self, missing: FloatArray, kept: "Table | None") -> "Table":
        """Positions at the missing times, and all kept ones at other times."""
        from astropy.table import vstack

        batches = math.ceil(len(missing) / EPOCHS_PER_REQUEST)
        tables = []
        lookup = None
        for batch in np.array_split(missing, batches):
            lookup, table = self._resolved(lookup, batch)
            tables.append(table)
        name = tables[0].meta["name"]
        if kept is not None:
            tables.append(kept[rows_at(missing, np.asarray(kept["jd"], float)) < 0])
        merged = vstack(tables, metadata_conflicts="silent")
        merged.meta = {"name": name}
        merged.sort("jd")
        return merged

    def _resolved(self, known: Lookup | None, times: FloatArray) -> "tuple[Lookup, Table]":
        """Positions by the first way of asking that finds one object, and that way."""
        candidates = [known] if known else list(lookups(self.target))
        several: _Several | None = None
        while candidates:
            lookup = candidates.pop(0)
            if lookup.if_ambiguous and several is None:
                continue
            try:
                table = self._asked(lookup, times)
            except _Nothing:
                continue
            except _Several as error:
                several = error
                exact = error.identifier_of(self.target)
                if lookup.id_type is None and exact and exact != lookup.text:
                    candidates.insert(0, Lookup(exact, None))
                continue
            if known is None:
                which = "the apparition nearest to the observations"
                which += ", without fragments" if lookup.no_fragments else ""
                remark = f": {which}" if lookup.closest_apparition else ""
                log.info("%s is %s%s", self.target, table.meta["name"], remark)
            return lookup, table
        reason = "not a known Solar System object"
        if several is not None:
            reason = f"ambiguous name; write the number or designation of one of: {several}"
        raise UnknownTargetError(SERVICE, self.target, reason)

    def _asked(self, lookup: Lookup, times: FloatArray) -> "Table":
        """Positions by one way of asking, in one request."""
        from astroquery.jplhorizons import HorizonsClass

        services = self.settings.services

        def query(link: web.ServerQuery) -> "Table":
            client = link.open(
                HorizonsClass(
                    id=lookup.text,
                    id_type=lookup.id_type,
                    location=_location(self.observatory),
                    epochs=[f"{jd:.{DECIMALS}f}" for jd in times],
                )
            )
            options = {}
            if lookup.id_type is not None:
                options = {
                    "closest_apparition": lookup.closest_apparition,
                    "no_fragments": lookup.no_fragments,
                }
            response = client.ephemerides_async(
                quantities=QUANTITIES, extra_precision=True, cache=False, **options
            )
            _check_text(web.text_of(response), self)
            table = translated(link.read(lambda: client._parse_result(response)))
            if (rows_at(np.asarray(table["jd"], float), times) < 0).any():
                raise web.Unusable("positions for other times than requested")
            return table

        night = iso(float(times[0]), 0)
        label = f"{self.target} from {self.observatory}, {len(times)} times from {night}"
        table = web.ask(SERVICE, label, services.horizons, services, query)
        table["asked_jd"] = Cache.now_jd()
        return table


def _location(observer: str) -> str | dict[str, float]:
    """Observer as the client wants it: a code, or geodetic coordinates with kilometres."""
    place = Site.of_observer(observer)
    if place is None:
        return observer
    return {
        "lon": place.longitude_deg,
        "lat": place.latitude_deg,
        "elevation": place.elevation_m / 1000.0,
    }


class _Nothing(Exception):  # noqa: N818 - an answer, not an error
    """Horizons knows no object of this name."""


class _Several(Exception):  # noqa: N818 - an answer, not an error
    """Horizons knows several objects of this name; the text lists some of them."""

    def __init__(self, listing: str) -> None:
        rows = [line.split() for line in listing.splitlines()]
        self.rows = [row for row in rows if row and re.fullmatch(r"-?\d+", row[0])]
        super().__init__(", ".join(" ".join(row) for row in self.rows[:5]))

    def identifier_of(self, name: str) -> str | None:
        """Identifier of the one whose whole name this is."""
        words = name.casefold().split()
        for row in self.rows:
            if [word.casefold() for word in row[1 : len(words) + 1]] == words and (
                len(row) == len(words) + 1 or not row[len(words) + 1].isalpha()
            ):
                return row[0]
        return None


def _check_text(text: str, search: _Search) -> None:
    """Tell a table of positions from the ways in which Horizons says no."""
    if re.search(r"\$\$SOE\s*\$\$EOE", text):
        raise web.Unusable("a table without positions")
    if "$$SOE" in text and "$$EOE" in text:
        return
    if "No matches found" in text:
        raise _Nothing
    if "Matching small-bodies" in text or "Multiple major-bodies" in text:
        raise _Several(text)
    for sign, advice in _REFUSALS:
        found = re.search(rf"^.*{sign}.*$", text, re.MULTILINE)
        if found:
            reason = " ".join(found[0].split())
            raise ServiceError(SERVICE, search.target, f"{reason}; {advice}")
    lines = [line.strip("* ") for line in text.splitlines()]
    reason = next((line for line in lines if line and not line.startswith("API ")), "")
    raise web.Unusable(f"no table of positions ({web.first_line(reason)})")


_REFUSALS = (
    ("No ephemeris for target", "check the dates in the headers"),
    ("Cannot interpret date", "check the dates in the headers"),
    ("(?i:unknown) (?:station|site|observatory)", "check the observatory code of the telescope"),
    ("Cannot find central body", "check the observatory code of the telescope"),
)


def _empty(target: str) -> "Table":
    from astropy.table import Table

    return Table({"target": np.array([target])})
