"""Colour mosaics: one colour behind each pixel, taken apart without interpolation.

Of four neighbouring pixels two see green, one blue and one red. The mean of both greens lies in
the middle of the four whatever the pattern, has half the variance of one of them, and samples a
star twice as densely: it is the plane to measure. Blue and red lie half a pixel of the detector
beside the middle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photpipe.science import saturation

FloatArray = NDArray[np.float64]

CELL = 2
"""Pixels of the detector along one side of a pixel of a plane."""
GREENS = 2
"""Pixels of the detector that a green pixel is the mean of."""
COLOURS: Mapping[str, str] = {"TG": "G", "TB": "B", "TR": "R"}
"""Planes in the order in which they are measured, and their letters in a pattern."""

SAMPLE_PX = 400  # a median of 160 000 pixels is good to 0.3 % of their noise
MEDIAN_ERROR = 1.2533  # of a median, in sigma of one value over the root of their number
MAD_TO_SIGMA = 1.4826022185056018
# by judgement: green pixels are alike, the others differ, by more than noise and gradients
SURE_SIGMA, SURE_RATIO = 5.0, 4.0
LEAST_COLOUR = 0.3  # of the noise of a pixel: amplifiers differ by less, colours of the sky by more


@dataclass(frozen=True, slots=True)
class Part:
    """One plane of a mosaic.

    Parameters
    ----------
    pixels : array, shape (ny // 2, nx // 2)
        As they are stored; the mean of both greens as floats.
    offset : (float, float)
        x and y of its pixels against the middle of the four they come from, in pixels of the
        detector.
    """

    pixels: NDArray[Any]
    offset: tuple[float, float]


def green(values: FloatArray, pattern: str) -> Part:
    """Mean of both greens; where one of them is saturated, the larger one.

    Parameters
    ----------
    values : array, shape (ny, nx)
        The mosaic (counts), NaN where it is blank.
    pattern : str
        Colours of the first row and of the second, such as RGGB.
    """
    one, other = (_taken(values, place) for place in _places(pattern, "G"))
    mean = (one + other) / np.float32(2)
    level = saturation.ceiling(saturation.BrightPixels.of(np.stack([one, other])))
    larger = np.maximum(one, other)
    full = larger >= saturation.threshold(level)
    return Part(np.where(full, larger, mean), (0.0, 0.0))


def single(stored: NDArray[Any], pattern: str, letter: str) -> Part:
    """The one plane of blue or of red.

    Parameters
    ----------
    stored : array, shape (ny, nx)
        The mosaic, of any type.
    pattern : str
        As with `green`.
    letter : str
        B or R.
    """
    (place,) = _places(pattern, letter)
    return Part(_taken(stored, place), (place[0] - 0.5, place[1] - 0.5))


def turned_over(pattern: str) -> str:
    """Pattern of a mosaic whose rows are counted from the other side (an even number of them)."""
    return pattern[2:] + pattern[:2]


def contradicts(values: FloatArray, pattern: str) -> bool:
    """Whether the sky shows its two equal colours on the other diagonal than the pattern.

    A grey sky tells nothing; then the pattern is believed.

    Parameters
    ----------
    values : array, shape (ny, nx)
        The mosaic (counts).
    pattern : str
        As with `green`.
    """
    phases = _phases(values)
    if phases is None:
        return False
    claimed = _places(pattern, "G")
    apart, others = (
        float(np.ptp([phases[place].level for place in places]))
        for places in (claimed, [place for place in phases if place not in claimed])
    )
    error = float(np.linalg.norm([phases[place].error for place in claimed]))
    return apart > SURE_SIGMA * error and apart > SURE_RATIO * others


def suspected(values: FloatArray) -> tuple[str, ...]:
    """Patterns of an image whose sky has the levels of a colour mosaic; none of a plain image.

    Two of the four kinds of pixels, on a diagonal, are equally bright; the two others differ from
    them, and far more than the amplifiers of a detector do. Which of these is red, the sky does
    not tell.

    Parameters
    ----------
    values : array, shape (ny, nx)
        The image (counts).
    """
    phases = _phases(values)
    if phases is None:
        return ()
    for patterns in (("RGGB", "BGGR"), ("GRBG", "GBRG")):
        greens = [phases[place] for place in _places(patterns[0], "G")]
        others = [phase for place, phase in phases.items() if phase not in greens]
        green = (greens[0].level + greens[1].level) / 2
        apart = [abs(each.level - green) for each in others]
        error = float(np.linalg.norm([phase.error for phase in phases.values()]))
        equal = abs(greens[0].level - greens[1].level)
        is_plain = max(apart) < max(LEAST_COLOUR * greens[0].scatter, 2 * SURE_SIGMA * error)
        if not is_plain and min(apart) > SURE_SIGMA * error and SURE_RATIO * equal < min(apart):
            return patterns
    return ()


@dataclass(frozen=True, slots=True)
class _Phase:
    """Sky level of one of the four kinds of pixels, its error, and the scatter of the pixels."""

    place: tuple[int, int]
    level: float
    error: float
    scatter: float


def _phases(values: FloatArray) -> dict[tuple[int, int], _Phase] | None:
    """Sky levels of the four kinds of pixels; None where there are too few."""
    phases = {}
    for place in ((0, 0), (1, 1), (1, 0), (0, 1)):
        part = _middle(_taken(values, place))
        part = part[np.isfinite(part)]
        if part.size < 100:
            return None
        level = float(np.median(part))
        scatter = MAD_TO_SIGMA * float(np.median(np.abs(part - level)))
        error = MEDIAN_ERROR * scatter / np.sqrt(part.size)
        phases[place] = _Phase(place, level, error, scatter)
    return phases


def _places(pattern: str, letter: str) -> list[tuple[int, int]]:
    """Places (x, y) in the cell where a colour sits."""
    return [(index % 2, index // 2) for index, each in enumerate(pattern) if each == letter]


def _taken(image: NDArray[Any], place: tuple[int, int]) -> NDArray[Any]:
    """Every second pixel of every second row; an odd last row or column is left out."""
    ny, nx = (side // CELL * CELL for side in image.shape)
    return image[place[1] : ny : CELL, place[0] : nx : CELL]


def _middle(image: FloatArray) -> FloatArray:
    ny, nx = image.shape
    top, left = max(0, (ny - SAMPLE_PX) // 2), max(0, (nx - SAMPLE_PX) // 2)
    return image[top : top + SAMPLE_PX, left : left + SAMPLE_PX]
