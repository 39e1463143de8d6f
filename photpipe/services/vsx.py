"""Variable stars of a field, from the International Variable Star Index (through VizieR)."""

from typing import TYPE_CHECKING

import numpy as np

from photpipe.catalogs.table import plain_column
from photpipe.ground.sky import Cone
from photpipe.run.settings import Settings
from photpipe.services import vizier
from photpipe.services.cache import Cache
from photpipe.services.request import Request

if TYPE_CHECKING:
    from astropy.table import Table

TABLE = "B/vsx/vsx"

_TEXTS = {"name": "Name", "type": "Type"}
_NUMBERS = {
    "ra_deg": "RAJ2000",
    "dec_deg": "DEJ2000",
    "flag": "V",
    "period_d": "Period",
    "max_mag": "max",
    "min_mag": "min",
}
_COLUMNS = (*_TEXTS.values(), *_NUMBERS.values())


def variables(cone: Cone, settings: Settings) -> "Table":
    """All variable stars inside a cone.

    Returns
    -------
    astropy.table.Table
        Columns name, type, ra_deg, dec_deg (J2000), flag (0: confirmed variable, 1: suspected,
        2: constant), period_d, max_mag, min_mag; no rows if there are none.

    Raises
    ------
    ServiceError
        If VizieR gives no usable answer and the cache has none.
    """
    from astropy.table import Table

    services = settings.services
    request = Request(
        vizier.SERVICE,
        "VSX",
        {"table": TABLE},
        cone=cone,
        position_columns=("RAJ2000", "DEJ2000"),
        max_age_days=services.ephemeris_age_days,
    )
    asked = request.asked_cone
    assert asked is not None
    answer = Cache(services).remember(
        request,
        lambda: vizier.cone_search(
            TABLE,
            asked,
            services,
            columns=_COLUMNS,
            position_columns=request.position_columns,
            label=str(request),
        ),
    )
    result = Table()
    for name, theirs in _TEXTS.items():
        known = theirs in answer.colnames
        result[name] = plain_column(answer[theirs]).astype(str) if known else [""] * len(answer)
    for name, theirs in _NUMBERS.items():
        known = theirs in answer.colnames
        values = plain_column(answer[theirs]).astype(float) if known else np.nan
        result[name] = np.broadcast_to(values, len(answer))
    return result
