"""Positions of Solar System bodies from JPL Horizons: one object, any number of epochs.

Positions are kept (see `cache`), so that any subset of epochs is served without asking again.
"""

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.errors import ServiceError, UnknownTargetError
from photpipe.services import web
from photpipe.services.cache import Cache, Request
from photpipe.services.names import Lookup, lookups, tidied
from photpipe.settings import Settings
from photpipe.sky import FloatArray
from photpipe.timescale import iso

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

SERVICE = "JPL Horizons"
EPOCHS_PER_REQUEST = 80  # longer addresses are cut by some servers
QUANTITIES = "1,3,9,19,20,24,36"  # position, rates, magnitudes, r, delta, phase angle, 3 sigma

_EPOCH_TOLERANCE_D = 1.5e-7  # epochs travel with seven decimals
_DECIMALS = 7
_MINUTES_PER_HOUR = 60.0
# our column, and the columns of astroquery from which it comes: the first that there is
_COLUMNS: dict[str, tuple[str, ...]] = {
    "jd": ("datetime_jd",),
    "ra_deg": ("RA",),
    "dec_deg": ("DEC",),
    "ra_rate_arcsec_min": ("RA_rate",),
    "dec_rate_arcsec_min": ("DEC_rate",),
    "mag": ("V", "Tmag", "Nmag"),
    "sigma3_ra_arcsec": ("RA_3sigma",),
    "sigma3_dec_arcsec": ("DEC_3sigma",),
    "r_au": ("r",),
    "delta_au": ("delta",),
    "phase_deg": ("alpha",),
}
_PER_HOUR = frozenset({"ra_rate_arcsec_min", "dec_rate_arcsec_min"})
_INDISPENSABLE = ("jd", "ra_deg", "dec_deg")


@dataclass(frozen=True, slots=True, eq=False)
class Ephemeris:
    """Positions of one object as seen by one observatory; arrays of shape (n,), NaN if unknown.

    Parameters
    ----------
    target : str
        Name as it was asked for.
    name : str
        Name as Horizons writes it, e.g. ``3552 Don Quixote (1983 SA)``.
    observatory : str
        MPC code.
    jd : array
        Epochs (UTC).
    ra_deg, dec_deg : array
        Astrometric position (ICRF).
    ra_rate_arcsec_min, dec_rate_arcsec_min : array
        Motion on the sky, the cosine of the declination included.
    mag : array
        Predicted V magnitude; for comets the total magnitude.
    sigma3_arcsec : array
        Three-sigma uncertainty of the position.
    r_au, delta_au, phase_deg : array
        Distances from Sun and observer, and phase angle.
    """

    target: str
    name: str
    observatory: str
    jd: FloatArray
    ra_deg: FloatArray
    dec_deg: FloatArray
    ra_rate_arcsec_min: FloatArray
    dec_rate_arcsec_min: FloatArray
    mag: FloatArray
    sigma3_arcsec: FloatArray
    r_au: FloatArray
    delta_au: FloatArray
    phase_deg: FloatArray

    def __len__(self) -> int:
        return len(self.jd)


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
        MPC code; ``""`` stands for the centre of the Earth.

    Raises
    ------
    UnknownTargetError
        If Horizons works and knows no such object: a star, most likely.
    ServiceError
        If Horizons gives no usable answer and the cache has none.
    """
    text = tidied(target)
    if not lookups(target):
        raise UnknownTargetError(SERVICE, target or "(no name)", "no Solar System object")
    times = np.round(np.asarray(midtimes_jd, float), _DECIMALS)
    if not np.isfinite(times).all():
        raise ServiceError(SERVICE, text, "a time of observation is missing")
    search = _Search(text, observatory_code or "500", np.unique(times), settings)
    table = search.positions()
    rows = _rows(np.asarray(table["jd"], float), times)
    columns = {name: np.asarray(table[name], float)[rows] for name in _COLUMNS}
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
            raise UnknownTargetError(SERVICE, self.target, "no Solar System object")
        request = self._request("positions", self.settings.services.ephemeris_age_days)

        def find(any_age: bool) -> "Table | None":
            table = self._kept(cache, request, any_age=any_age)
            return table if table is not None and self._missing(table).size == 0 else None

        def fetch() -> "Table":
            return self._fetched(self._kept(cache, request, any_age=False))

        try:
            return cache.remember(request, fetch, find)
        except UnknownTargetError:
            cache.keep(unknown, _empty(self.target))
            raise

    def _request(self, kind: str, max_age_days: float) -> Request:
        details = {"kind": kind, "target": self.target.casefold()}
        name = self.target
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
                found.append(table[any_age | (age <= request.max_age_days)])
        if not found:
            return None
        return found[0] if len(found) == 1 else vstack(found, metadata_conflicts="silent")

    def _missing(self, table: "Table | None") -> FloatArray:
        if table is None:
            return self.times
        return self.times[_rows(np.asarray(table["jd"], float), self.times) < 0]

    def _fetched(self, kept: "Table | None") -> "Table":
        """Kept positions and those that were missing."""
        from astropy.table import vstack

        missing = self._missing(kept)
        batches = math.ceil(len(missing) / EPOCHS_PER_REQUEST)
        tables = [] if kept is None else [kept]
        lookup = None
        for batch in np.array_split(missing, batches):
            lookup, table = self._resolved(lookup, batch)
            tables.append(table)
        merged = vstack(tables, metadata_conflicts="silent")
        merged.meta = {"name": tables[-1].meta["name"]}
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
            if lookup.closest_apparition:
                log.info(
                    "%s is %s: the apparition nearest to the observations%s",
                    self.target,
                    table.meta["name"],
                    ", without fragments" if lookup.no_fragments else "",
                )
            else:
                log.info("%s is %s", self.target, table.meta["name"])
            return lookup, table
        reason = "no Solar System object"
        if several is not None:
            reason = f"ambiguous name; write the number or designation of one of: {several}"
        raise UnknownTargetError(SERVICE, self.target, reason)

    def _asked(self, lookup: Lookup, times: FloatArray) -> "Table":
        """Positions by one way of asking, in one request."""
        from astroquery.jplhorizons import HorizonsClass

        services = self.settings.services

        def query(link: web.Link) -> "Table":
            client = link.open(
                HorizonsClass(
                    id=lookup.text,
                    id_type=lookup.id_type,
                    location=self.observatory,
                    epochs=[f"{jd:.{_DECIMALS}f}" for jd in times],
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
            table = _translated(link.read(lambda: client._parse_result(response)))
            if (_rows(np.asarray(table["jd"], float), times) < 0).any():
                raise web.Unusable("positions for other times than asked for")
            return table

        night = iso(float(times[0]), 0)
        label = f"{self.target} from {self.observatory}, {len(times)} times from {night}"
        table = web.ask(SERVICE, label, services.horizons, services, query)
        table["asked_jd"] = Cache.now_jd()
        return table


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
    raise web.Unusable(f"no table of positions ({reason[:100]})")


_REFUSALS = (
    ("No ephemeris for target", "check the dates in the headers"),
    ("Cannot interpret date", "check the dates in the headers"),
    ("[Uu]nknown (?:station|site|observatory)", "check the observatory code of the telescope"),
    ("Cannot find central body", "check the observatory code of the telescope"),
)


def _translated(answer: Any) -> "Table":
    """Answer of Horizons in our columns and units."""
    from astropy.table import Table

    table = Table()
    for name, theirs in _COLUMNS.items():
        source = next((each for each in theirs if each in answer.colnames), None)
        if source is None:
            if name in _INDISPENSABLE:
                raise web.Unusable(f"no column {theirs[0]}")
            table[name] = np.full(len(answer), np.nan)
            continue
        try:
            values = np.ma.filled(np.ma.asarray(answer[source]).astype(float), np.nan)
        except ValueError as error:
            raise web.Unusable(f"column {source} holds no numbers") from error
        table[name] = values / _MINUTES_PER_HOUR if name in _PER_HOUR else values
    if len(table) == 0 or not all(np.isfinite(table[name]).all() for name in _INDISPENSABLE):
        raise web.Unusable("no positions")
    table.meta = {"name": str(answer["targetname"][0])}
    return table


def _empty(target: str) -> "Table":
    from astropy.table import Table

    return Table({"target": np.array([target])})


def _rows(jd: FloatArray, times: FloatArray) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Row of `jd` for each of `times`, -1 where there is none."""
    if len(jd) == 0:
        return np.full(len(times), -1)
    order = np.argsort(jd)
    right = np.clip(np.searchsorted(jd, times, sorter=order), 0, len(jd) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(jd[order[left]] - times) < np.abs(jd[order[right]] - times)
    best = order[np.where(nearer_left, left, right)]
    return np.where(np.abs(jd[best] - times) <= _EPOCH_TOLERANCE_D, best, -1)
