"""The page of pp_movers: each body with its picture, the frames added along its motion."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.ground import timescale
from photpipe.report import images, render
from photpipe.report.wording import number
from photpipe.run.results import Mover, MoversResult

LARGEST_PICTURE_BYTES = 20_000
ENLARGED = 4  # pixels of the page for one of the picture


@dataclass(frozen=True, slots=True)
class MoverView:
    """A mover, numbers rounded."""

    name: str
    known: str
    image: str
    ra: str
    dec: str
    rate: str
    angle: str
    mag: str
    snr: str
    without: str
    frames: str


def render_page(result: MoversResult, pictures: Sequence[NDArray[np.float64]]) -> str:
    """Text of the page, with everything inside."""
    views = [
        _view(each, picture, result.compared)
        for each, picture in zip(result.movers, pictures, strict=True)
    ]
    return render.page(
        "movers.html",
        style=render.resource("style.css"),
        movers=views,
        midtime=timescale.iso(result.midtime_jd, 0),
        threshold=number(result.threshold, 1),
        fastest=number(result.fastest_arcsec_min, 2),
        frames=len(result.frames),
        band=result.band or "instrumental",
        compared=result.compared,
    )


def _view(mover: Mover, picture: NDArray[np.float64], compared: bool) -> MoverView:
    rate = math.hypot(mover.rate_east, mover.rate_north)
    angle = math.degrees(math.atan2(mover.rate_east, mover.rate_north)) % 360.0
    known = "not known" if compared else "not compared"
    if mover.known:
        known = f"{mover.known}, {mover.offset_arcsec:.1f}″ from its prediction"
    return MoverView(
        name=mover.name,
        known=known,
        image=_picture(picture),
        ra=f"{mover.ra_deg:.5f}",
        dec=f"{mover.dec_deg:+.5f}",
        rate=f"{rate:.3f} ± {mover.rate_sigma:.3f}",
        angle=f"{angle:.0f}",
        mag=f"{mover.mag:.2f} ± {mover.sig:.2f}",
        snr=f"{mover.snr:.1f}",
        without=f"{mover.snr_without_best:.1f}",
        frames=str(mover.frames),
    )


def _picture(pixels: NDArray[np.float64]) -> str:
    """Address of a JPEG that is part of the page."""
    values = np.asarray(pixels, np.float32)
    stretch = images.Stretch.of(values, deep=True)
    large = np.repeat(np.repeat(stretch.grey(values), ENLARGED, axis=0), ENLARGED, axis=1)
    content = base64.b64encode(images.jpeg(large, LARGEST_PICTURE_BYTES)).decode()
    return f"data:image/jpeg;base64,{content}"
