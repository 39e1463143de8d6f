"""The page of pp_movers: each body with its picture, the frames added along its motion."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from photpipe.report import images, render, wording
from photpipe.report.tables import SENTENCE, TEXT, Column, table
from photpipe.report.wording import number
from photpipe.run.results import Mover, MoversResult

LARGEST_PICTURE_BYTES = 20_000  # a page of 50 bodies has a megabyte
ENLARGED = 4  # pixels of the page for one of the picture


@dataclass(frozen=True, slots=True)
class SeenMover:
    """A mover, its picture, and whether it was compared with the known bodies."""

    mover: Mover
    picture: NDArray[np.float64]
    compared: bool


def columns(band: str) -> tuple[Column[SeenMover], ...]:
    """Columns of the table, with magnitudes in a band."""
    return (
        Column("Image", _picture, TEXT),
        Column("Name", lambda row: row.mover.name, TEXT),
        Column("Known", _known, SENTENCE),
        Column("RA (°)", lambda row: f"{row.mover.ra_deg:.5f}"),
        Column("Dec (°)", lambda row: f"{row.mover.dec_deg:+.5f}"),
        Column("Rate (″/min)", _rate),
        Column("Direction (°)", _direction),
        Column(f"Magnitude ({band})", lambda row: f"{row.mover.mag:.2f} ± {row.mover.sig:.2f}"),
        Column("S/N", lambda row: f"{row.mover.snr:.1f}"),
        Column("S/N without best frame", lambda row: f"{row.mover.snr_without_best:.1f}"),
        Column("Frames", lambda row: row.mover.frames),
    )


def render_page(result: MoversResult, pictures: Sequence[NDArray[np.float64]]) -> str:
    """Text of the page, with everything inside."""
    seen = [
        SeenMover(each, picture, result.compared)
        for each, picture in zip(result.movers, pictures, strict=True)
    ]
    return render.page(
        "movers.html",
        style=render.resource("style.css"),
        movers=table(columns(result.band or "instrumental"), seen),
        midtime=wording.instant(result.midtime_jd, 0),
        threshold=number(result.threshold, 1),
        fastest=number(result.fastest_arcsec_min, 2),
        frames=len(result.frames),
        compared=result.compared,
    )


def _rate(row: SeenMover) -> str:
    rate = math.hypot(row.mover.rate_east, row.mover.rate_north)
    return f"{rate:.3f} ± {row.mover.rate_sigma:.3f}"


def _direction(row: SeenMover) -> str:
    """Position angle of the motion, north through east."""
    return f"{math.degrees(math.atan2(row.mover.rate_east, row.mover.rate_north)) % 360.0:.0f}"


def _known(row: SeenMover) -> str:
    if row.mover.known:
        return f"{row.mover.known}, {row.mover.offset_arcsec:.1f}″ from its prediction"
    return "not known" if row.compared else "not compared"


def _picture(row: SeenMover) -> Markup:
    """A JPEG that is part of the page."""
    values = np.asarray(row.picture, np.float32)
    stretch = images.Stretch.of(values, deep=True)
    large = np.repeat(np.repeat(stretch.grey(values), ENLARGED, axis=0), ENLARGED, axis=1)
    content = base64.b64encode(images.jpeg(large, LARGEST_PICTURE_BYTES)).decode()
    return Markup(
        '<img src="data:image/jpeg;base64,{}" alt="frames added along the motion of {}" '
        'width="123" height="123">'
    ).format(content, row.mover.name)
