"""Saturation as the pixels show it: the level at which they pile up, and what it spoils.

Nothing lies above the level at which a detector or its converter ends, and many pixels lie on
it: a ceiling. Headers tell it too high, too low, or not at all. Where frames were divided by a
flat field the ceiling is smeared over some per cent; there the pixels stand closer than below.

Light falls off so that every star has about as many pixels in each interval of the logarithm of
the counts below its peak; the number can but fall towards the top of a frame, unless the top is a
ceiling.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NO_CEILING = float("inf")
MARGIN = 0.001  # of the level: what rounding, and read noise behind a full well, make of it
BRIGHT_SIGMA = 20.0  # pixels fainter than this above the sky say nothing
MOST_BRIGHT = 200_000  # the brightest: a ceiling is among them, and sorting stays quick
SAMPLE_PIXELS = 100_000  # tell the sky and its noise to some per mille
FEWEST_PIXELS = 3  # two pixels meet by chance
CHANCE = 1e-8  # of a value that so many pixels share without a ceiling
WINDOW = 0.05  # relative width beside a value that tells how many pixels to expect on it
LEVELS_TRIED = 30  # the most frequent: a ceiling is among them
OUTLIERS = 0.1  # pixels above a ceiling (bad ones), per pixel on it
# relative widths of ceilings that flat field and stacking have smeared
SMEARS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12)
SMEAR_REACH = 1.3  # of the width that shows it: single pixels lie lower
SMEARED_PIXELS, SMEARED_INTEGERS = 5, 20  # by judgement: integers meet by chance more often
SMEARED_EXCESS = 2.5  # 2.4: the flat tops of trails
TOUCHING_PX = 0.7  # beyond the rim of an aperture, half the diagonal of a pixel
# by judgement: of the excess on the column, what its neighbours may have; over the sky
BLEED_CONTRAST, BLEED_SIGMA = 0.3, 10.0
SHORTEST_BLEED_PX = 5  # shorter ones are the image of a narrow star
# what analogue-to-digital converters of cameras have
CONVERTER_BITS = (8, 10, 11, 12, 13, 14, 15, 16)


@dataclass(frozen=True, slots=True)
class BrightPixels:
    """The bright pixels of a frame: what a ceiling shows itself by.

    Parameters
    ----------
    values : array, shape (n,)
        Counts, ascending.
    step : float
        Smallest difference of two of them; 1 or more where the pixels are integers.
    floor : float
        Fainter pixels were left out.
    """

    values: FloatArray
    step: float
    floor: float

    @classmethod
    def of(cls, image: NDArray[np.number]) -> "BrightPixels":
        """Take those that stand out of the sky; none where the image is empty.

        Parameters
        ----------
        image : array, shape (ny, nx)
            Counts; what is not finite is left out.
        """
        every = max(1, image.size // SAMPLE_PIXELS)
        sample = np.asarray(image.ravel()[::every], float)
        sample = sample[np.isfinite(sample)]
        if not sample.size:
            return cls(np.zeros(0), 1.0, 0.0)
        middle = float(np.median(sample))
        low = float(np.percentile(sample, 16.0))
        floor = middle + BRIGHT_SIGMA * (middle - low)
        bright = image[image > floor]
        values = np.sort(np.asarray(bright[np.isfinite(bright)], float))
        if values.size > MOST_BRIGHT:
            values = values[-MOST_BRIGHT:]
            floor = float(values[0])
        apart = np.diff(values)
        apart = apart[apart > 0]
        return cls(values, float(apart.min()) if apart.size else 1.0, floor)

    @property
    def are_integers(self) -> bool:
        """Whether they are as a converter gave them."""
        return bool(self.values.size and np.all(self.values == np.rint(self.values)))


@dataclass(frozen=True, slots=True)
class NightPixels:
    """The brightest pixels of the frames of a night: all that tells the level that they share.

    Parameters
    ----------
    values : array, shape (n,)
        Counts, ascending.
    step, floor : float
        As those of the frames: the smallest step, the highest floor.
    tops : frozenset of str
        Digest of the brightest pixels of each frame: a copy of a frame tells nothing new.
    frames : frozenset of str
        Names of the frames.
    """

    values: FloatArray = field(default_factory=lambda: np.zeros(0))
    step: float = math.inf
    floor: float = -math.inf
    tops: frozenset[str] = frozenset()
    frames: frozenset[str] = frozenset()

    def with_frames(self, frames: Mapping[str, BrightPixels]) -> "NightPixels":
        """The same with further frames, as if all had come together."""
        known = {_top(each): each for each in frames.values() if each.values.size}
        new = [each for top, each in known.items() if top not in self.tops]
        names = self.frames.union(frames)
        if not new:
            return replace(self, frames=names)
        values = np.sort(np.concatenate([self.values, *(each.values for each in new)]))
        return NightPixels(
            values[-MOST_BRIGHT:],
            min(self.step, *(each.step for each in new)),
            max(self.floor, *(each.floor for each in new)),
            self.tops.union(known),
            names,
        )

    def ceiling(self) -> float:
        """Level that the frames share; infinite if there is none.

        A star that only just saturates shows it by one pixel a frame, but on all frames by the
        same.
        """
        if len(self.tops) < 2:
            return NO_CEILING
        return _shared(BrightPixels(self.values, self.step, self.floor))


def _top(bright: BrightPixels) -> str:
    return hashlib.sha256(bright.values[-20:].tobytes()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Where the pixels of the frames of a night end.

    Parameters
    ----------
    frames : mapping
        Bright pixels of each frame, by its name.
    night : NightPixels
        Those of the whole night.
    limit : float
        Counts from which the detector is not linear any more.
    of_night : float
        Level that all frames share (counts).
    """

    frames: Mapping[str, BrightPixels]
    night: NightPixels
    limit: float = NO_CEILING
    of_night: float = field(init=False)

    def __post_init__(self) -> None:
        """Find the level of the night once for all frames."""
        object.__setattr__(self, "of_night", self.night.ceiling())

    @classmethod
    def of(
        cls,
        frames: Mapping[str, BrightPixels],
        limit: float = NO_CEILING,
        before: NightPixels | None = None,
    ) -> "Ceilings":
        """What frames show, together with those of the same night that were seen before."""
        return cls(frames, (before or NightPixels()).with_frames(frames), limit)

    def level_of(self, name: str, card: float) -> float:
        """Saturation level of a frame (counts); infinite if nothing tells it."""
        bright = self.frames.get(name)
        found = level_of_frame(bright, self.of_night, card) if bright else card
        return min(found, self.limit)


def ceiling(bright: BrightPixels) -> float:
    """Level (counts) at which the pixels pile up; infinite if they do not."""
    values = bright.values
    if values.size < 1:
        return NO_CEILING
    if bright.are_integers and values[-1] in _converter_tops():
        return min(float(values[-1]), _shared(bright))
    return min(_shared(bright), _smeared(bright))


def level_of_frame(bright: BrightPixels, of_night: float, card: float) -> float:
    """The lowest of what a frame, its night and its header say (counts); infinite if unknown.

    Parameters
    ----------
    of_night : float
        Level of all frames; it does not hold for a frame whose pixels reach beyond.
    card : float
        Level by the header, infinite if it tells none.
    """
    above = np.count_nonzero(bright.values > of_night * (1.0 + MARGIN))
    on_it = np.count_nonzero(bright.values >= of_night * (1.0 - MARGIN)) - above
    if above > OUTLIERS * on_it:
        of_night = NO_CEILING
    return min(ceiling(bright), of_night, card)


def threshold(level: float) -> float:
    """Counts from which a pixel is taken for saturated."""
    return level * (1.0 - MARGIN)


def _converter_tops() -> frozenset[float]:
    """Largest values of converters of some bits, also when they are scaled to 16 bits."""
    tops = [float(2**bits - 1) for bits in CONVERTER_BITS]
    return frozenset(tops + [top * (65536 / (top + 1)) for top in tops])


def _shared(bright: BrightPixels) -> float:
    """Lowest value that more pixels share than chance allows, with hardly any above."""
    from scipy.special import pdtrc

    values = bright.values
    levels, first, count = np.unique(values, return_index=True, return_counts=True)
    often = np.flatnonzero(count >= FEWEST_PIXELS)
    often = often[np.argsort(-count[often])][:LEVELS_TRIED]
    width = np.maximum(WINDOW * np.abs(levels[often]), bright.step)
    begin = np.searchsorted(values, levels[often] - width)
    expected = (first[often] - begin + 1) * bright.step / width
    piled = often[pdtrc(count[often] - 1, expected) < CHANCE]
    for index in np.sort(piled):
        others = piled[piled > index]
        above = values.size - first[index] - count[index] - count[others].sum()
        if above <= OUTLIERS * count[index]:
            return float(levels[index])
    return NO_CEILING


def _smeared(bright: BrightPixels) -> float:
    """Lower edge of a ceiling that a flat field has smeared."""
    values = bright.values
    fewest = SMEARED_INTEGERS if bright.are_integers else SMEARED_PIXELS
    # of lower values more are above than outliers could be, were all others on them
    lowest = max(math.ceil(values.size / (1.0 + OUTLIERS)) - 1, 0)
    tops, up_to = values[lowest:], np.arange(lowest + 1, values.size + 1)
    above = values.size - up_to
    for width in SMEARS:
        edges = [np.searchsorted(values, tops / (1.0 + width) ** k) for k in range(1, 5)]
        here = up_to - edges[0]
        below = np.max([edges[k] - edges[k + 1] for k in range(3)], axis=0)
        piled = (here >= fewest) & (above <= OUTLIERS * here)
        piled &= here > SMEARED_EXCESS * (below + np.sqrt(below))
        piled &= tops > bright.floor * (1.0 + width) ** 3  # below nothing is known
        if piled.any():
            found = int(np.flatnonzero(piled)[np.argmax(here[piled])])
            return float(tops[found] / (1.0 + SMEAR_REACH * width))
    return NO_CEILING


def saturated_pixels(image: NDArray[np.number], level: float) -> BoolArray:
    """Mask of saturated pixels, with the columns or rows into which they bleed.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts; what is not finite counts as not saturated.
    level : float
        Saturation level.
    """
    with np.errstate(invalid="ignore"):
        mask: BoolArray = np.asarray(image >= threshold(level))
    if mask.any():
        sample = np.asarray(image.ravel()[:: max(1, image.size // SAMPLE_PIXELS)], float)
        low, middle = np.percentile(sample[~np.isnan(sample)], (16.0, 50.0))
        _add_bleeding(image, mask, middle, BLEED_SIGMA * (middle - low))
        _add_bleeding(image.T, mask.T, middle, BLEED_SIGMA * (middle - low))
    return mask


def _add_bleeding(image: NDArray[np.number], mask: BoolArray, middle: float, least: float) -> None:
    """Follow charge along columns away from saturated pixels, in place.

    A column bleeds as long as it is brighter than both columns beside it by far, and by `least`
    than the sky (both in counts).
    """
    ny, nx = image.shape
    rows, columns = _places(mask)
    for column in np.unique(columns):
        own = rows[columns == column]
        left, right = max(column - 2, 0), min(column + 2, nx - 1)
        for start, step in ((int(own.min()), -1), (int(own.max()), 1)):
            row = start + step
            while 0 <= row < ny and not mask[row, column]:
                excess = float(image[row, column]) - middle
                beside = max(float(image[row, left]), float(image[row, right])) - middle
                if not (excess > least and beside < BLEED_CONTRAST * excess):
                    break
                row += step
            if abs(row - start) > SHORTEST_BLEED_PX:
                mask[min(start, row + 1) : max(start + 1, row), column] = True


def _places(mask: BoolArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels of a mask, few of whose rows have any."""
    those = np.flatnonzero(mask.any(axis=1))
    rows, columns = np.nonzero(mask[those])
    return those[rows], columns


def touched(mask: BoolArray, x_px: FloatArray, y_px: FloatArray, radius_px: float) -> BoolArray:
    """Which apertures hold a saturated pixel; shape (n,).

    Parameters
    ----------
    mask : array, shape (ny, nx)
        `saturated_pixels`.
    x_px, y_px : array, shape (n,)
        Zero-based centres.
    """
    from scipy.spatial import KDTree

    rows, columns = _places(mask)
    if not rows.size or not len(x_px):
        return np.zeros(len(x_px), bool)
    places = np.column_stack([x_px, y_px])
    known = np.asarray(np.isfinite(places).all(axis=1), bool)
    apart, _ = KDTree(np.column_stack([columns, rows])).query(
        np.where(known[:, None], places, -1e9)
    )
    return np.asarray(known & (apart <= radius_px + TOUCHING_PX))
