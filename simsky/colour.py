"""Frames of a colour camera: behind each pixel one of three filters, in cells of four."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from astropy.table import Table

from simsky.cameras import Camera
from simsky.frames import Exposure, Frame, Image, render
from simsky.stars import Sky

SKY_MAG = {"R": 19.6, "G": 20.3, "B": 21.0}
"""Brightness of the sky (mag per square arcsec) in the colours of a cell."""


@dataclass(frozen=True, slots=True)
class Mosaic:
    """A mosaic and the truth in each colour.

    Attributes
    ----------
    frame : Frame
        The mosaic; its truth is that of green.
    truths : mapping
        Letter of a colour to the truth in it.
    """

    frame: Frame
    truths: Mapping[str, Table]


def render_mosaic(
    sky: Sky,
    camera: Camera,
    exposure: Exposure,
    pattern: str = "RGGB",
    seed: int = 0,
    bands: Mapping[str, str] | None = None,
) -> Mosaic:
    """Take a picture with a colour camera.

    Parameters
    ----------
    sky, camera, exposure, seed
        As with `render`; the header is in the camera's dialect, without cards of the mosaic.
    pattern : str
        Colours of the first row of the pixels and of the second.
    bands : mapping
        Band that each letter's filter has: by default R, V and B.
    """
    response = {"R": "R", "G": "V", "B": "B", **(bands or {})}
    frames = {
        letter: render(
            sky,
            camera,
            replace(
                exposure,
                filter_name=camera.filter_for(response[letter]),
                sky_mag_arcsec2=SKY_MAG[letter],
            ),
            seed * 3 + number,
        )
        for number, letter in enumerate("RGB")
    }
    return Mosaic(
        replace(frames["G"], pixels=interleaved({k: f.pixels for k, f in frames.items()}, pattern)),
        {letter: each.truth for letter, each in frames.items()},
    )


def interleaved(colours: Mapping[str, Image], pattern: str) -> Image:
    """Mosaic of images of the same size in each colour."""
    result = np.empty_like(colours["G"])
    for index, letter in enumerate(pattern):
        x, y = index % 2, index // 2
        result[y::2, x::2] = colours[letter][y::2, x::2]
    return result


def with_cards(frame: Frame, cards: Mapping[str, object]) -> Frame:
    """The frame with nothing but these cards, as another program would have written it."""
    return replace(frame, header=fits.Header(cards))
