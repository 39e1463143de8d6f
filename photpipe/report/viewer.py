"""What the frame viewer of a page needs: the whole frame in 8 bits, its sky and its counts.

It is a script, because a page from disk may load scripts beside it but read no other file: the
image is within, so that the page may look at its pixels.
"""

import base64
import json
import math
from typing import Any

import numpy as np

from photpipe.report.images import Look, jpeg

BYTES_PER_MEGAPIXEL = 180_000  # as JPEG; a third more as text
MEGAPIXEL = 1024 * 1024  # 2^20


def script(
    slug: str,
    look: Look,
    shape: tuple[int, int],
    wcs: Any,
    target: tuple[float, float] | None,
) -> bytes:
    """Text of the script of a frame.

    Parameters
    ----------
    slug : str
        Name of the frame on the pages.
    look : Look
        The frame in grey.
    shape : (int, int)
        Rows and columns of the frame itself.
    wcs : WCS or None
        Its world coordinate system.
    target : (float, float) or None
        Where the target is, in pixels of the frame (FITS).
    """
    stretch, grey = look.stretch, look.grey
    height, width = shape
    limit = max(20_000, int(BYTES_PER_MEGAPIXEL * grey.size / MEGAPIXEL))
    content = {
        "width": width,
        "height": height,
        "black": _short(stretch.black),
        "unit": _short(stretch.unit),
        "white": _short(stretch.white),
        "sky": None if wcs is None else sky(wcs, width, height),
        "target": None if target is None else [round(each, 2) for each in target],
        "image": "data:image/jpeg;base64," + base64.b64encode(jpeg(grey, limit)).decode(),
    }
    name = json.dumps(slug).replace("<", "\\u003c")
    text = json.dumps(content, separators=(",", ":"))
    return f"(window.ppFrames ||= {{}})[{name}] = {text};\n".encode()


def sky(wcs: Any, width: int, height: int) -> dict[str, Any] | None:
    """Tangential projection about the middle of a frame that agrees with its WCS there.

    Returns
    -------
    dict or None
        ``at`` (FITS pixel), ``ra``, ``dec`` (deg), and ``cd`` (deg per pixel: east per x, east
        per y, north per x, north per y).
    """
    x, y = (width + 1) / 2, (height + 1) / 2
    reach = min(width, height) / 4
    ra, dec = wcs.all_pix2world([x, x - reach, x + reach, x, x], [y, y, y, y - reach, y + reach], 1)
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        return None
    east, north = zip(
        *(_plane(ra[0], dec[0], a, d) for a, d in zip(ra, dec, strict=True)), strict=True
    )
    cd = [
        (each[high] - each[low]) / (2 * reach)
        for each in (east, north)
        for low, high in ((1, 2), (3, 4))
    ]
    return {"at": [x, y], "ra": float(ra[0]), "dec": float(dec[0]), "cd": cd}


def _plane(ra0: float, dec0: float, ra: float, dec: float) -> tuple[float, float]:
    """East and north on the tangential plane (deg)."""
    a, d0, d = math.radians(ra - ra0), math.radians(dec0), math.radians(dec)
    below = math.sin(d0) * math.sin(d) + math.cos(d0) * math.cos(d) * math.cos(a)
    east = math.cos(d) * math.sin(a) / below
    north = (math.cos(d0) * math.sin(d) - math.sin(d0) * math.cos(d) * math.cos(a)) / below
    return math.degrees(east), math.degrees(north)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
