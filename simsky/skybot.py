"""SkyBoT: which moving objects are in a cone at a date, as a VOTable."""

from collections.abc import Sequence

import numpy as np

from photpipe.ground import sky as sphere
from simsky.dialects import sexagesimal
from simsky.movers import Mover
from simsky.protocol import Reply, Request, Twist
from simsky.survey import Column
from simsky.votable import rows

_NONE_FOUND = "# Flag: 0\n# No solar system object was found in the requested FOV\n"
# Field ID, name, unit, type; as IMCCE writes them.
_FIELDS = (
    ("num", "Num", "", "char"),
    ("name", "Name", "", "char"),
    ("ra", "RA", "h:m:s", "char"),
    ("de", "DEC", "d:m:s", "char"),
    ("class", "Class", "", "char"),
    ("magV", "Mv", "", "float"),
    ("errpos", "ErrPos", "arcsec", "float"),
    ("angdist", "d", "arcsec", "float"),
    ("dracosdec", "dRAcosDec", "arcsec/h", "double"),
    ("ddec", "dDEC", "arcsec/h", "double"),
    ("dgeo", "Dgeo", "AU", "double"),
    ("dhelio", "Dhelio", "AU", "double"),
    ("_raj2000", "_RAJ2000", "deg", "double"),
    ("_decj2000", "_DECJ2000", "deg", "double"),
    ("externallink", "ExternalLink", "", "char"),
)


def answer(movers: Sequence[Mover], request: Request, twist: Twist | None = None) -> Reply:
    """Reply to one cone search."""
    query = request.query
    if twist is Twist.EMPTY_TABLE:
        return Reply(_NONE_FOUND, "text/plain")
    cone = sphere.Cone(float(query["-ra"]), float(query["-dec"]), float(query["-rd"]))
    jd = float(query["-ep"])
    found = [
        mover
        for mover in movers
        if _is_wanted(mover, query.get("-objFilter", "110"))
        and mover.sigma3_arcsec <= float(query.get("-filter", "120"))
        and cone.contains(*mover.predicted_position(jd))
    ]
    lines = [_row(mover, cone, jd) for mover in found]
    columns = [
        Column(names[0], np.array(cells, dtype=str))
        for names, cells in zip(_FIELDS, zip(*lines, strict=True), strict=False)
    ]
    return Reply(_document(rows(columns, range(len(lines))), twist), "text/xml")


def _is_wanted(mover: Mover, bits: str) -> bool:
    """Whether the class of an object is asked for: bits for asteroids, planets, comets."""
    return bits[("asteroid", "major", "comet").index(mover.kind)] == "1"


def _row(mover: Mover, cone: sphere.Cone, jd: float) -> tuple[str, ...]:
    ra, dec = (float(angle) for angle in mover.predicted_position(jd))
    rate_ra, rate_dec = (60 * float(rate) for rate in mover.rates(jd))
    distance = 3600 * float(sphere.separation_deg(cone.ra_deg, cone.dec_deg, ra, dec))
    name = mover.name or mover.designation
    return (
        str(mover.number) if mover.number else "-",
        name,
        sexagesimal(ra / 15, " ", 4, signed=False),
        sexagesimal(dec, " ", 3, signed=True),
        {"asteroid": "MB>Inner", "major": "Planet", "comet": "Comet"}[mover.kind],
        f"{mover.v_mag:.2f}",
        f"{mover.sigma3_arcsec:.3f}",
        f"{distance:.3f}",
        f"{rate_ra:.4f}",
        f"{rate_dec:.4f}",
        f"{mover.delta_au:.9f}",
        f"{mover.r_au:.9f}",
        f"{ra:.12f}",
        f"{dec:.12f}",
        f"https://ssp.imcce.fr/webservices/ssodnet/api/ssocard/{name.replace(' ', '_')}",
    )


def _document(body: str, twist: Twist | None) -> str:
    prefix = "x" if twist is Twist.WRONG_COLUMNS else ""
    fields = "\n".join(_field(f"{prefix}{ident}", *rest) for ident, *rest in _FIELDS)
    body = body.replace("<T", "<vot:T").replace("</T", "</vot:T")
    return f"""<?xml version="1.0" encoding="UTF-8" ?>
<vot:VOTABLE version="1.3" xmlns:vot="http://www.ivoa.net/xml/VOTable/v1.3">
<vot:INFO ID="status" name="QUERY_STATUS" value="OK"/>
<vot:RESOURCE name="Skybot.ConeSearch"><vot:INFO name="QUERY_STATUS" value="OK"/>
<vot:TABLE ID="SkybotConeSearch_results" name="SkybotConeSearch">
{fields}
<vot:DATA><vot:TABLEDATA>
{body}
</vot:TABLEDATA></vot:DATA>
</vot:TABLE>
</vot:RESOURCE>
</vot:VOTABLE>
"""


def _field(ident: str, name: str, unit: str, datatype: str) -> str:
    size = ' arraysize="*"' if datatype == "char" else ""
    in_unit = f' unit="{unit}"' if unit else ""
    return f'<vot:FIELD ID="{ident}" name="{name}" datatype="{datatype}"{size}{in_unit}/>'
