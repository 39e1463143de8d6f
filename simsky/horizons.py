"""JPL Horizons: observer tables of the moving objects, and the texts it answers instead."""

import json
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.timescale import calendar, parse_datetime
from simsky.movers import Mover
from simsky.protocol import Reply, Request, Twist

FloatArray = NDArray[np.float64]

_HEAD = "API VERSION: 1.2\nAPI SOURCE: NASA/JPL Horizons API\n\n"
_RULE = "*" * 79
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIRST_COMET_RECORD = 90000000
MAINTENANCE = (
    f"{_HEAD}Horizons is down for maintenance. Please try again later.\n"
    "Contact: the operators of the simulated sky.\n"
)

# Quantities: number -> columns as (name, width, format, values of a mover at dates).
_Values = Callable[[Mover, FloatArray], FloatArray]


def _constant(value: Callable[[Mover], float]) -> _Values:
    return lambda mover, jd: np.full(jd.shape, value(mover))


_QUANTITIES: Mapping[int, Sequence[tuple[str, str, _Values]]] = {
    1: (
        ("R.A._(ICRF)", "{:12.5f}", lambda m, jd: m.predicted_position(jd)[0]),
        ("DEC_(ICRF)", "{:11.5f}", lambda m, jd: m.predicted_position(jd)[1]),
    ),
    3: (
        ("dRA*cosD", "{:10.6f}", lambda m, jd: 60 * m.rates(jd)[0]),
        ("d(DEC)/dt", "{:10.6f}", lambda m, jd: 60 * m.rates(jd)[1]),
    ),
    9: (
        ("APmag", "{:8.3f}", lambda m, jd: np.full(jd.shape, m.v_mag)),
        ("S-brt", "{:7.3f}", lambda m, jd: np.full(jd.shape, np.nan)),
    ),
    19: (
        ("r", "{:16.12f}", _constant(lambda m: m.r_au)),
        ("rdot", "{:11.7f}", _constant(lambda _: 0.0)),
    ),
    20: (
        ("delta", "{:17.14f}", _constant(lambda m: m.delta_au)),
        ("deldot", "{:11.7f}", _constant(lambda _: 0.0)),
    ),
    23: (("S-O-T", "{:9.4f}", _constant(lambda _: 150.0)), ("/r", "/T", _constant(lambda _: 0.0))),
    24: (("S-T-O", "{:9.4f}", _constant(lambda m: m.phase_deg)),),
    36: (
        ("RA_3sigma", "{:10.3f}", _constant(lambda m: m.sigma3_arcsec)),
        ("DEC_3sigma", "{:10.3f}", _constant(lambda m: m.sigma3_arcsec)),
    ),
    37: (
        ("SMAA_3sig", "{:10.5f}", _constant(lambda m: m.sigma3_arcsec)),
        ("SMIA_3sig", "{:10.5f}", _constant(lambda m: m.sigma3_arcsec)),
        ("Theta", "{:8.3f}", _constant(lambda _: 0.0)),
        ("Area_3sig", "{:11.7f}", _constant(lambda m: np.pi * m.sigma3_arcsec**2)),
    ),
    43: (
        ("phi", "{:9.4f}", _constant(lambda m: m.phase_deg)),
        ("PAB-LON", "{:9.4f}", _constant(lambda m: m.ra_deg)),
        ("PAB-LAT", "{:9.4f}", _constant(lambda m: m.dec_deg)),
    ),
}
_COMET_MAGNITUDES = (
    ("T-mag", "{:8.3f}", lambda m, jd: np.full(jd.shape, m.v_mag)),
    ("N-mag", "{:7.3f}", lambda m, jd: np.full(jd.shape, np.nan)),
)


def answer(movers: Sequence[Mover], request: Request, twist: Twist | None = None) -> Reply:
    """Reply to one query, as plain text or inside JSON."""
    query = {key.upper(): value.strip("'\"") for key, value in request.query.items()}
    if request.body:
        query |= _batch_file(request.body)
    text = _text(movers, query, twist)
    if query.get("FORMAT", "json") == "json":
        version, result = {"source": "NASA/JPL Horizons API", "version": "1.2"}, text
        return Reply(json.dumps({"signature": version, "result": result}), "application/json")
    return Reply(text, "text/plain")


def _batch_file(body: str) -> dict[str, str]:
    """Settings of a batch file, lines such as ``COMMAND='3552;'``."""
    settings = {}
    for found in re.finditer(r"^\s*([A-Z_]+)\s*=\s*((?:'[^']*'\s*)+|\S+)", body, re.MULTILINE):
        settings[found[1]] = "\n".join(re.findall(r"'([^']*)'", found[2])) or found[2]
    return settings


def _text(movers: Sequence[Mover], query: Mapping[str, str], twist: Twist | None) -> str:
    """Table, list of candidates, or complaint."""
    found, texts = _find(movers, query["COMMAND"])
    if found is None:
        return _HEAD + texts
    dates = _dates(query)
    if dates is None:
        return (
            f"{_HEAD}BATVAR: no TLIST values found (or missing quotes)\n"
            "WLDINI: error loading execution-control file.\n"
        )
    outside = (dates < found.valid_jd[0]) | (dates > found.valid_jd[1])
    if outside.any():
        after = dates[outside][0] > found.valid_jd[1]
        limit = _calendar(found.valid_jd[1 if after else 0]).upper()
        side = "after" if after else "prior to"
        return f'{_HEAD}\nNo ephemeris for target "{found.label}" {side} A.D. {limit} UT\n'
    return _HEAD + _table(found, dates, query, twist)


# -- which object -------------------------------------------------------------------------------


def _find(movers: Sequence[Mover], command: str) -> tuple[Mover | None, str]:
    """The object of a COMMAND, or None and what Horizons says instead."""
    text, *options = [part.strip() for part in command.split(";")]
    flags = {option.split("=")[0].upper() for option in options}
    key, _, value = text.partition("=")
    if not value:
        key, value = "", text
    if ";" not in command:
        majors = _majors(movers, value)
        if len(majors) > 1:
            return None, _multiple_majors(value, majors)
        if majors:
            return majors[0], ""
    candidates = [mover for mover in movers if _matches(mover, key.upper(), value)]
    records = [record for mover in candidates for record in _records(mover, flags)]
    if value.isdigit() and int(value) > _FIRST_COMET_RECORD:
        return _by_record(movers, int(value)), ""
    if not records:
        return None, _search_results(text, "    No matches found.")
    if len(records) > 1:
        return None, _search_results(text, _candidates(records))
    return candidates[0], ""


def _majors(movers: Sequence[Mover], text: str) -> list[Mover]:
    """Planets, moons and spacecraft: a number is a code, a text a part of the name."""
    majors = [mover for mover in movers if mover.kind == "major"]
    if text.lstrip("-").isdigit():
        return [mover for mover in majors if mover.major_code == int(text)]
    return [mover for mover in majors if text.lower() in mover.name.lower()]


def _matches(mover: Mover, key: str, text: str) -> bool:
    """Whether a small body answers to a lookup of the given kind."""
    wanted = text.lower()
    is_designation = mover.designation.lower() == wanted
    if key == "DES":
        return mover.kind != "major" and (is_designation or str(mover.number) == wanted)
    if key in {"NAME", "ASTNAM", "COMNAM"}:
        kinds = {"ASTNAM": {"asteroid"}, "COMNAM": {"comet"}}.get(key, {"asteroid", "comet"})
        return mover.kind in kinds and mover.name.lower() == wanted
    return mover.kind != "major" and (is_designation or mover.answers_to(text))


def _records(mover: Mover, flags: set[str]) -> list[tuple[int, str, Mover]]:
    """Records (number, name) by which an object is known: comets have several."""
    if mover.kind != "comet":
        return [(mover.number or 0, mover.label, mover)]
    first = _FIRST_COMET_RECORD + 1
    apparitions = 1 if "CAP" in flags else mover.apparitions
    records = [(first + number, mover.label, mover) for number in range(apparitions)]
    if "NOFRAG" not in flags:
        start = first + mover.apparitions
        records += [
            (start + number, f"{mover.designation}-{fragment}", mover)
            for number, fragment in enumerate(mover.fragments)
        ]
    return records


def _by_record(movers: Sequence[Mover], number: int) -> Mover | None:
    """Comet of a record number."""
    records = [record for mover in movers for record in _records(mover, set())]
    return next((mover for record, _, mover in records if record == number), None)


def _candidates(records: Sequence[tuple[int, str, Mover]]) -> str:
    lines = [
        "",
        "    Record #  Epoch-yr  >MATCH DESIG<  Primary Desig  Name  ",
        "    --------  --------  -------------  -------------  -------------------------",
    ]
    for number, name, mover in records:
        epoch = 2017 - 5 * (records[-1][0] - number)
        desig = mover.designation or str(mover.number)
        lines.append(f"    {number:8d}    {epoch:4d}    {desig:13s}  {desig:13s}  {name}")
    count = len(records)
    lines.append(
        f"\n ({count} matches. To SELECT, enter record # (integer), followed by semi-colon.)"
    )
    return "\n".join(lines)


def _search_results(text: str, found: str) -> str:
    return (
        f"{_RULE}\nJPL/DASTCOM            Small-body Index Search Results     "
        f"2017-Feb-02 12:00:00\n \n Comet AND asteroid index search:\n \n    NAME = {text};\n \n"
        f" Matching small-bodies: \n{found}\n{_RULE}\n"
    )


def _multiple_majors(text: str, majors: Sequence[Mover]) -> str:
    lines = [
        _RULE,
        f' Multiple major-bodies match string "{text.upper()}*"',
        " ",
        "  ID#      Name                               Designation  IAU/aliases/other   ",
        "  -------  ---------------------------------- -----------  ------------------- ",
        *(f"{mover.major_code:9d}  {mover.name:35s}" for mover in majors),
        " ",
        f"   Number of matches = {len(majors):2d}. Use ID# to make unique selection.",
        _RULE,
    ]
    return "\n".join(lines)


# -- which dates, and the table -----------------------------------------------------------------


def _dates(query: Mapping[str, str]) -> FloatArray | None:
    """Dates (JD UT) of a query: a list, or start, stop and step."""
    if "TLIST" in query:
        values = query["TLIST"].replace("'", " ").split()
        return np.array([float(value) for value in values]) if values else None
    start, stop = (_date(query[key]) for key in ("START_TIME", "STOP_TIME"))
    found = re.fullmatch(r"(\d+)\s*([dhm]?)\w*", query["STEP_SIZE"].strip())
    if not found:
        return None
    if not found[2]:
        return np.linspace(start, stop, int(found[1]) + 1)
    step = int(found[1]) / {"d": 1, "h": 24, "m": 1440}[found[2]]
    return np.asarray(np.arange(start, stop + step / 1000, step))


def _date(text: str) -> float:
    """Date of ``2017-02-02``, ``2017-02-02 10:00`` or ``JD2457786.9``."""
    if text.upper().startswith("JD"):
        return float(text[2:])
    return parse_datetime(text if ":" in text else f"{text} 00:00")


def _calendar(jd: float) -> str:
    """Date as Horizons prints it, e.g. ``2017-Feb-02 10:57:30.240``."""
    year, month, day, seconds = calendar(jd)
    ticks = min(round(seconds * 1000), 86_399_999)
    clock = f"{ticks // 3_600_000:02d}:{ticks // 60_000 % 60:02d}:{ticks // 1000 % 60:02d}"
    return f"{year}-{_MONTHS[month - 1]}-{day:02d} {clock}.{ticks % 1000:03d}"


def _table(mover: Mover, dates: FloatArray, query: Mapping[str, str], twist: Twist | None) -> str:
    """Ephemeris in CSV form between $$SOE and $$EOE."""
    columns: list[tuple[str, str, _Values]] = []
    for number in [int(part) for part in query["QUANTITIES"].split(",")]:
        is_comet_magnitude = number == 9 and mover.kind == "comet"
        columns += _COMET_MAGNITUDES if is_comet_magnitude else _QUANTITIES.get(number, ())
    if twist is Twist.WRONG_COLUMNS:
        columns = [(f"x{name}", form, values) for name, form, values in columns]
    names = ", ".join(name for name, *_ in columns)
    header = f" Date__(UT)__HR:MN:SC.fff, Date_________JDUT, , , {names},"
    precise = query.get("EXTRA_PREC", "NO") == "YES"
    cells = [_cells(values(mover, dates), form, precise) for _, form, values in columns]
    if twist is Twist.BLANK_VALUES:
        cells = [["n.a."] * dates.size for _ in columns]
    lines = [
        f" {_calendar(jd)}, {jd:.9f}, , , {', '.join(column[row] for column in cells)},"
        for row, jd in enumerate(dates)
    ]
    if twist is Twist.EMPTY_TABLE:
        lines = []
    rule = "*" * len(header)
    return "\n".join([_preamble(mover, query), rule, header, rule, "$$SOE", *lines, "$$EOE", rule])


def _cells(values: FloatArray, form: str, precise: bool) -> list[str]:
    """Values of a column as text; right ascension and declination finer with EXTRA_PREC."""
    if precise and form in {"{:12.5f}", "{:11.5f}"}:
        form = "{:15.9f}"
    return [form.format(value) if np.isfinite(value) else "n.a." for value in values]


def _preamble(mover: Mover, query: Mapping[str, str]) -> str:
    """The pages before the table, as far as somebody reads them."""
    site = query.get("CENTER", "500")
    body = mover.label.ljust(32)
    physical = (
        "Comet physical (GM= km^3/s^2; RAD= km):\n"
        "   GM= n.a.                RAD= n.a.\n"
        "   M1=  12.0     M2=  n.a.     k1=  4.5    k2= n.a.     PHCOF= n.a."
        if mover.kind == "comet"
        else "Asteroid physical parameters (km, seconds, rotational period in hours):\n"
        "   GM= n.a.                RAD= n.a.               ROTPER= n.a.\n"
        "   H= 13.0                 G= .150                 B-V= n.a.\n"
        "                           ALBEDO= n.a.            STYP= n.a."
    )
    return f"""{_RULE}
Ephemeris / API_USER Thu Feb  2 12:00:00 2017 Pasadena, USA      / Horizons
{_RULE}
Target body name: {body}  {{source: SIMULATED}}
Center body name: Earth (399)                     {{source: SIMULATED}}
Center-site name: {site}
{_RULE}
Table format    : Comma Separated Values (spreadsheet)
{_RULE}
{physical}"""
