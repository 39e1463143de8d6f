"""Known asteroids and comets of a field, from SkyBoT (IMCCE)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from photpipe.ground.sky import Cone, FloatArray
from photpipe.instruments import observatories
from photpipe.run.settings import Settings
from photpipe.services import tables, web
from photpipe.services.cache import Cache
from photpipe.services.request import Request

if TYPE_CHECKING:
    from astropy.table import Table

SERVICE = "SkyBoT"
LARGEST_RADIUS_DEG = 10.0  # IMCCE: the largest cone that SkyBoT answers
# by judgement: what is less certain cannot be told from others on a frame
LARGEST_UNCERTAINTY_ARCSEC = 120.0

_NOTHING = "No solar system object was found"
_MINUTES_PER_HOUR = 60.0
_COLUMNS = {
    "ra_deg": "RA",
    "dec_deg": "DEC",
    "mag": "V",
    "uncertainty_arcsec": "posunc",
    "ra_rate_arcsec_min": "RA_rate",
    "dec_rate_arcsec_min": "DEC_rate",
    "r_au": "heliodist",
    "delta_au": "geodist",
}
_PER_HOUR = frozenset({"ra_rate_arcsec_min", "dec_rate_arcsec_min"})


def asteroids(cone: Cone, jd: float, observatory_code: str, settings: Settings) -> "Table":
    """Solar System objects inside a cone at one moment, as seen by an observatory.

    For a series of frames: ask for its middle, with a radius enlarged by the motion during
    half its length, and follow the objects with `horizons.positions`.

    Parameters
    ----------
    cone : Cone
        At most 10 degrees of radius.
    jd : float
        Julian date (UTC).
    observatory_code : str
        MPC code, or a place as ``longitude,latitude,elevation``: SkyBoT knows codes alone, hence
        that of the nearest observatory is asked; ``""`` stands for the centre of the Earth.

    Returns
    -------
    astropy.table.Table
        Columns target (the number, or the designation of an unnumbered object: what Horizons
        understands), name, type, ra_deg, dec_deg, mag (V), uncertainty_arcsec,
        ra_rate_arcsec_min (on the sky), dec_rate_arcsec_min, r_au, delta_au; no rows if there
        is nothing.

    Raises
    ------
    ServiceError
        If SkyBoT gives no usable answer and the cache has none.
    """
    services = settings.services
    place = observatories.Site.of_observer(observatory_code)
    code = observatories.nearest(place)[0] if place else observatory_code
    details = {"jd": round(jd, 4), "observatory": code or "500"}
    request = Request(
        SERVICE,
        f"{details['jd']:.4f} from {details['observatory']}",
        details,
        cone=cone,
        max_age_days=services.ephemeris_age_days,
    )
    return Cache(services).remember(request, lambda: _fetched(request, services))


def _fetched(request: Request, services: Any) -> "Table":
    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from astroquery.imcce import SkybotClass

    cone = request.asked_cone
    assert cone is not None
    radius_deg = min(cone.radius_deg, LARGEST_RADIUS_DEG)

    def query(link: web.ServerQuery) -> "Table":
        client = link.open(SkybotClass())
        response = client.cone_search_async(
            SkyCoord(cone.ra_deg, cone.dec_deg, unit="deg"),
            radius_deg,
            Time(request.details["jd"], format="jd", scale="utc"),
            location=request.details["observatory"],
            position_error=LARGEST_UNCERTAINTY_ARCSEC,
            find_planets=False,
            cache=False,
        )
        text = web.text_of(response)
        if _NOTHING.casefold() in text.casefold():
            return _nothing()
        if "VOTABLE" not in text[:1000]:
            raise web.Unusable(f"the answer is not a VOTable ({web.first_line(text)})")
        found = link.read(lambda: client._parse_result(response))
        if len(found) == 0:
            return _nothing()
        return tables.checked(_translated(found), cone, ("ra_deg", "dec_deg"))

    return web.ask(SERVICE, str(request), services.skybot, services, query)


def _translated(answer: Any) -> "Table":
    """Answer in our columns and units."""
    from astropy.table import Table

    missing = {"Number", "Name", "Type", *_COLUMNS.values()} - set(answer.colnames)
    if missing:
        raise web.Unusable(f"columns are missing in the answer: {', '.join(sorted(missing))}")
    numbers = np.ma.filled(answer["Number"], 0)
    names = [str(name).strip() for name in answer["Name"]]
    pairs = zip(numbers, names, strict=True)
    table = Table()
    table["target"] = np.array([str(number) if number else name for number, name in pairs], str)
    table["name"] = np.array(names, str)
    table["type"] = np.array([str(each).strip() for each in answer["Type"]], str)
    for name, theirs in _COLUMNS.items():
        column = getattr(answer[theirs], "value", answer[theirs])
        values: FloatArray = np.asarray(np.ma.filled(np.ma.asarray(column, float), np.nan))
        table[name] = values / _MINUTES_PER_HOUR if name in _PER_HOUR else values
    return table


def _nothing() -> "Table":
    from astropy.table import Table

    texts = {name: np.empty(0, "U1") for name in ("target", "name", "type")}
    return Table({**texts, **{name: np.empty(0) for name in _COLUMNS}})
