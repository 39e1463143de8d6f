"""Trails of satellites and airplanes, and bright columns, that run through an aperture.

Only lines through one place are looked for, so that little is to be searched: around the place a
window is read along lines of all directions (a Radon transform of a strip), and a line is believed
that goes on far beyond the source on both sides, with one brightness, above what lies beside it on
either hand. Medians over pieces of the line leave stars aside, in a row or not; a spike of a bright
star fades along the line, and a step of the sky has nothing to tell on its brighter side.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.sky import FloatArray
from photpipe.science.noise import median, robust_sigma

REACH = 64  # of the window, in binned pixels: 20 to 60 times the seeing on each side
BINNED_FWHM = 1.5  # of stars, in binned pixels, at least: nothing is gained by finer ones
DIRECTIONS = 180  # a line ends half a pixel from the middle of its direction
WIDTHS = (3, 7)  # of lines in binned pixels: in focus, and out of focus
GAP = 1  # between a line and what lies beside it
PIECE = 8  # of the lines, in binned pixels
FEWEST_PIECES = 4  # on a side that counts
KNOWN_PART = 0.4  # of the pixels of a piece
CLIPS_SIGMA = (4.0, 16.0, 64.0)  # brighter pixels count as these: a star is no long line
CANDIDATES = 12  # lines that are looked at more closely
SIDE_SIGMA = 4.0  # of a line on each side and against either hand; by chance once in 1e5 windows
LINE_SIGMA = 6.0  # above all lines of a window, among which stars are as well
ONLY_SIDE_SIGMA = 7.0  # that of `SIDE_SIGMA`, where the frame ends on the other side
MOST_UNEVEN = 2.0  # brightness of the sides, one in units of the other: spikes fade
FAINTEST_PIECE = 0.3  # of the brightness of a line, that most of its pieces reach
PART_OF_PIECES = 0.75  # by judgement: what most of them is
CLEAR_FWHM = 1.5  # beyond the aperture, where the light of the source ends
COLUMN_FWHM = 0.6  # width of a line along the pixels that no optics made, in units of the seeing
COLUMN_EDGE = 0.3  # of its brightness at half that distance: light would have a half there
COLUMN_SIGMA = 5.0  # no noise
COLUMN_REACH_FWHM = 4.0  # beyond the aperture, that a column goes on
COLUMN_SKY_PX = 3  # distance of the columns beside it, at least
MASK_SIGMA = 0.5  # surface brightness of the wings of stars that are left out, noise of a pixel
WING_BETA = 3.0  # Moffat profile of stars
LARGEST_MASK_FWHM = 12.0  # by judgement: wider masks leave nothing of a window
MASKED_PARTS = (1.0, 0.6, 0.35)  # of those radii, the first that leaves enough of a window
LEFT_PART = 0.6  # by judgement: of a window, that is enough


@dataclass(frozen=True, slots=True)
class Line:
    """A line through an aperture.

    Parameters
    ----------
    angle_deg : float
        Direction, from the axis of the columns' numbers counterclockwise, 0 to 180.
    offset_px : float
        Distance of its middle from that of the aperture.
    counts : float
        Its light in the aperture.
    surface_counts : float
        Counts per pixel on its middle.
    significance : float
        Standard deviations on its worse side.
    """

    angle_deg: float
    offset_px: float
    counts: float
    surface_counts: float
    significance: float


@lru_cache(maxsize=8)
def _strip(half_width: int, clear: int) -> tuple[NDArray[np.int32], FloatArray]:
    """Index into a window of the places of a strip, and the offsets of its lines.

    Returns
    -------
    index : array, shape (PIECE, directions, offsets, pieces)
        Pixels of each piece; the pieces of the one side are the first half. What lies outside is
        the pixel behind the last, of which nothing is known.
    offsets : array, shape (offsets,)
        Distances from the middle, in binned pixels.
    """
    size = 2 * REACH + 1
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    offsets = np.arange(-half_width, half_width + 1.0)
    number = max((REACH - clear) // PIECE, 1)
    one_side = clear + 1.0 + np.arange(number * PIECE)
    along = np.concatenate([-one_side[::-1], one_side]).reshape(2 * number, PIECE).T
    along = along[:, None, None, :]
    cosine, sine = (each(angles)[:, None, None] for each in (np.cos, np.sin))
    across = offsets[:, None]
    column = np.rint(REACH + along * cosine - across * sine).astype(np.int32)
    row = np.rint(REACH + along * sine + across * cosine).astype(np.int32)
    outside = (column < 0) | (column >= size) | (row < 0) | (row >= size)
    return np.where(outside, size * size, row * size + column).astype(np.int32), offsets


def window_half(fwhm_px: float) -> int:
    """Half the size of the window that `trail_through` needs, in pixels."""
    return _binning(fwhm_px) * REACH + _binning(fwhm_px) // 2


def _binning(fwhm_px: float) -> int:
    return max(1, int(fwhm_px / BINNED_FWHM))


def wings_px(flux: FloatArray, noise_counts: float, fwhm_px: float) -> FloatArray:
    """Radii (px) within which stars of some fluxes (counts) are seen above the noise of a pixel."""
    alpha = 0.5 * fwhm_px / np.sqrt(2.0 ** (1.0 / WING_BETA) - 1.0)
    peak = np.maximum(flux, 0.0) * (WING_BETA - 1.0) / (np.pi * alpha**2)
    ratio = np.maximum(peak / (MASK_SIGMA * noise_counts), 1.0)
    radius = alpha * np.sqrt(ratio ** (1.0 / WING_BETA) - 1.0)
    return np.asarray(np.minimum(radius, LARGEST_MASK_FWHM * fwhm_px))


class KnownStars(NamedTuple):
    """Stars of a window: places (its first pixel's centre is 0) and radii (px), shape (n,)."""

    x_px: FloatArray
    y_px: FloatArray
    radii_px: FloatArray


NO_STARS = KnownStars(np.zeros(0), np.zeros(0), np.zeros(0))


def _masked(pixels: FloatArray, stars: KnownStars, begin: int, step: int) -> FloatArray:
    """Binned pixels with NaN where stars are; in a crowd that leaves little, where they are bright.

    There the wings of the stars count as noise, against which a bright trail is still seen.
    """
    for part in MASKED_PARTS:
        left = pixels.copy()
        _mask(left, KnownStars(stars.x_px, stars.y_px, part * stars.radii_px), begin, step)
        if np.isfinite(left).sum() > LEFT_PART * np.isfinite(pixels).sum():
            break
    return left


def _mask(pixels: FloatArray, stars: KnownStars, begin: int, step: int) -> None:
    """NaN where stars are, on binned pixels, in place."""
    middle = begin + (step - 1) / 2
    places = np.array(
        [(each - off) / step for each, off in zip(stars, (middle, middle, 0), strict=True)]
    )
    x, y, radii = places
    reaches = (np.minimum(x, y) > -radii) & (np.maximum(x, y) < len(pixels) + radii)
    for column, row, radius in places[:, reaches].T.tolist():
        top, left = max(math.ceil(row - radius), 0), max(math.ceil(column - radius), 0)
        part = pixels[top : max(int(row + radius) + 1, 0), left : max(int(column + radius) + 1, 0)]
        if part.size:
            across = (np.arange(left, left + part.shape[1]) - column) ** 2
            along = (np.arange(top, top + part.shape[0]) - row) ** 2
            part[across + along[:, None] < radius**2] = np.nan


def trail_through(
    window: FloatArray,
    radius_px: float,
    fwhm_px: float,
    stars: KnownStars = NO_STARS,
    clear_px: float = 0.0,
) -> Line | None:
    """The trail that runs through an aperture in the middle of a window; None if there is none.

    Parameters
    ----------
    window : array, shape (2 n + 1, 2 n + 1), n = `window_half`
        Counts; NaN beyond the edges of the frame.
    radius_px : float
        Radius of the aperture.
    fwhm_px : float
        Seeing.
    stars : KnownStars
        What is taken out of the window.
    clear_px : float
        How far the source in the aperture reaches beyond it, because it trails itself.
    """
    step = _binning(fwhm_px)
    binned = _masked(
        _binned(window, step), stars, (len(window) - (2 * REACH + 1) * step) // 2, step
    )
    known = np.isfinite(binned)
    if known.mean() < KNOWN_PART / 4:
        return None
    level, noise = median(binned[known]), robust_sigma(binned[known])
    if not noise > 0:
        return None
    values = (binned - level) / noise
    touching = int(np.ceil(radius_px / step)) + WIDTHS[0]
    half_width = touching + WIDTHS[-1] + GAP + WIDTHS[-1] // 2 + 1
    clear = math.ceil((radius_px + CLEAR_FWHM * fwhm_px + clear_px) / step)
    index, offsets = _strip(half_width, clear)
    believed, pieces = _believed(values, index, touching, half_width)
    # a wide line in a direction that is a little off is more significant, and leaves the trail
    closed = (each for each in believed if pieces.is_closed(*each[1:]))
    significance, direction, offset = next(closed, (0.0, 0, 0))
    if not significance:
        return None
    profile = pieces.profile(direction, offset) * noise / step**2
    counts = _in_aperture(profile, offsets * step, radius_px, step)
    middle = offsets[offset] * step
    surface = float(np.nanmax(profile[max(offset - 2, 0) : offset + 3]))
    angle = 180.0 * direction / DIRECTIONS
    return Line(angle, float(middle), counts, surface, significance)


def _believed(
    values: FloatArray, index: NDArray[np.int32], touching: int, half_width: int
) -> "tuple[list[tuple[float, int, int]], _Pieces]":
    """Lines (significance, direction, offset), the most significant first, and their strip.

    Stars are clipped, and so is a bright line, whose direction then is not well known: where a line
    stands out, stars may be as bright as it is.
    """
    for clip in CLIPS_SIGMA:
        pieces = _Pieces.of(values, index, clip)
        found = [each for width in WIDTHS for each in pieces.lines(width, touching, half_width)]
        believed = sorted((each for each in found if each[0] > 0), reverse=True)
        if not found or (believed and pieces.level(*believed[0][1:]) < clip / 2):
            break
    return believed, pieces


def _binned(window: FloatArray, step: int) -> FloatArray:
    """Means of `step` x `step` pixels times their number; NaN where less than half is known."""
    size = (2 * REACH + 1) * step
    begin = (len(window) - size) // 2
    part = window[begin : begin + size, begin : begin + size]
    if step == 1:
        return np.array(part, float)
    known = np.isfinite(part)
    total, count = (_cells(each, step) for each in (np.where(known, part, 0.0), known))
    enough = 2 * count >= step**2
    return np.where(enough, total / np.maximum(count, 1) * step**2, np.nan)


def _cells(values: NDArray[Any], step: int) -> FloatArray:
    """Sums over cells of `step` x `step` pixels."""
    rows = np.zeros((len(values) // step, len(values)))
    for start in range(step):
        rows += values[start::step]
    cells = np.zeros((len(rows), len(rows)))
    for start in range(step):
        cells += rows[:, start::step]
    return cells


@dataclass(frozen=True, slots=True)
class _Pieces:
    """A strip of lines, cut into pieces: sums and numbers of its known pixels.

    Parameters
    ----------
    clipped, count : array, shape (directions, offsets, pieces)
        Sums of the pixels (clipped, in standard deviations), and their number.
    pixels : array
        The window (standard deviations, not clipped), and a pixel of which nothing is known.
    index : array
        That of `_strip`.
    """

    clipped: FloatArray
    count: FloatArray
    pixels: NDArray[np.float32]
    index: NDArray[np.int32]

    @classmethod
    def of(cls, values: FloatArray, index: NDArray[np.int32], clip: float) -> "_Pieces":
        """Read the pixels along the lines, without those of the source in the middle."""
        known = np.isfinite(values)
        flat, good = (
            np.asarray(np.append(each.ravel(), 0.0), np.float32)
            for each in (np.where(known, values, 0.0), known)
        )
        clipped = np.clip(flat, -clip, clip)
        light, count = (each.take(index).sum(axis=0) for each in (clipped, good))
        return cls(light, count, flat, index)

    def bands(self, width: int, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Means of the pieces over `width` lines around each, and the number of their pixels."""
        total, count = (_boxes(each, width) for each in (sums, self.count))
        enough = count >= KNOWN_PART * width * PIECE
        return np.where(enough, total / np.maximum(count, 1.0), np.nan), count

    def lines(self, width: int, touching: int, half_width: int) -> "list[tuple[float, int, int]]":
        """Significance (0: not believed), direction and offset of lines that stand out."""
        means, count = self.bands(width, self.clipped)
        away = width + GAP
        own = np.arange(half_width - touching, half_width + touching + 1)
        middle, sides = means[:, own], (means[:, own - away], means[:, own + away])
        inverse = 1.0 / np.maximum(count, 1.0)
        outstanding = _outstanding(middle - np.fmax(*sides))
        order = np.argsort(-outstanding, axis=None)[:CANDIDATES]
        found = []
        for direction, offset in zip(*np.unravel_index(order, outstanding.shape), strict=True):
            if outstanding[direction, offset] < LINE_SIGMA:
                break
            excesses = [middle[direction, offset] - each[direction, offset] for each in sides]
            noises = [
                np.sqrt(inverse[direction, own[offset]] + inverse[direction, own[offset] + beside])
                for beside in (-away, away)
            ]
            significance = self._judged(excesses, noises)
            believed = SIDE_SIGMA * significance if significance > 1.0 else 0.0
            found.append((believed, int(direction), int(own[offset])))
        return found

    def _judged(self, excesses: "list[FloatArray]", noises: "list[FloatArray]") -> float:
        """How far a line is beyond what is asked for on its worse side; 0 where it is uneven."""
        first = self.count.shape[2] // 2
        halves = slice(None, first), slice(first, None)
        sides = []
        for half in halves:
            known = [np.isfinite(each[half]) for each in excesses]
            if min(each.sum() for each in known) < FEWEST_PIECES:
                continue
            level = worst = math.inf
            for excess, noise, good in zip(excesses, noises, known, strict=True):
                middle = median(excess[half][good])
                error = 1.25 * float(np.mean(noise[half][good])) / np.sqrt(good.sum())
                level, worst = min(level, middle), min(worst, middle / error)
            sides.append((level, worst))
        if not sides:
            return 0.0
        levels, worsts = zip(*sides, strict=True)
        needed = SIDE_SIGMA if len(sides) == 2 else ONLY_SIDE_SIGMA
        if min(levels) <= 0 or max(levels) > MOST_UNEVEN * min(levels):
            return 0.0
        either = np.fmax(*excesses)  # a star beside a piece says nothing against it
        either = either[np.isfinite(either)]
        typical = float(np.mean(levels))
        spread = float(np.nanmean(noises[0]))
        steady = either > FAINTEST_PIECE * typical - spread
        if steady.mean() < PART_OF_PIECES:
            return 0.0
        return float(min(worsts)) / needed

    def level(self, direction: int, offset: int) -> float:
        """Typical brightness of a line (standard deviations of a pixel)."""
        pixels = self.pixels[self.index[:, direction, offset]]
        return _middle(pixels[pixels != 0.0])

    def is_closed(self, direction: int, offset: int) -> bool:
        """Whether a line has no gaps, as a row of stars has, and does not fade, as a spike does."""
        pixels = self.pixels[self.index[:, direction, offset - 1 : offset + 2]]
        line, known = pixels.mean(axis=1), (pixels != 0.0).all(axis=1)
        count = known.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(known, line, 0.0).sum(axis=0) / count
        noise = 1.0 / math.sqrt(pixels.shape[1])
        sides = [_middle(each) for each in np.split(means, 2)]
        if not np.isfinite(means).any() or max(sides) > MOST_UNEVEN * min(sides) + noise:
            return False
        # a single star on the line does not tell how bright it is
        bright = line[known] > FAINTEST_PIECE * _middle(means) - noise
        return bool(bright.mean() > PART_OF_PIECES)

    def profile(self, direction: int, offset: int) -> FloatArray:
        """Light across a line (standard deviations per binned pixel), by offset."""
        sums, count = self.pixels[self.index[:, direction]].sum(axis=0), self.count[direction]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(count >= KNOWN_PART * PIECE, sums / count, np.nan)
        across = np.array([_middle(each) for each in means])
        near = np.abs(np.arange(len(across)) - offset)
        beside = (near > WIDTHS[0]) & (near <= WIDTHS[-1] + GAP + 2)
        level = np.nanmedian(across[beside]) if np.isfinite(across[beside]).any() else 0.0
        return np.where(near <= WIDTHS[-1] // 2 + 1, across - level, 0.0)


def _middle(values: FloatArray) -> float:
    good = values[np.isfinite(values)]
    return median(good) if good.size else math.nan


def _outstanding(excess: FloatArray) -> FloatArray:
    """Medians over the pieces of lines, in standard deviations of those of all lines.

    Parameters
    ----------
    excess : array, shape (directions, offsets, pieces)
        Over the brighter of the sides; NaN where it is not known.
    """
    ordered = np.sort(excess, axis=2)  # NaN goes last
    count = np.isfinite(excess).sum(axis=2)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pair = [
        np.take_along_axis(ordered, np.minimum(each, excess.shape[2] - 1)[..., None], axis=2)
        for each in (low, high)
    ]
    levels = np.where(count >= FEWEST_PIECES, np.mean(pair, axis=0)[..., 0], np.nan)
    known = levels[np.isfinite(levels)]
    if not known.size:
        return np.full(levels.shape, -np.inf)
    sigmas = (levels - median(known)) / max(robust_sigma(known), 1e-9)
    return np.where(np.isfinite(sigmas), sigmas, -np.inf)


def _boxes(values: FloatArray, width: int) -> FloatArray:
    """Sums over `width` neighbours along the second axis; NaN-free, zero beyond the ends."""
    total = np.zeros_like(values)
    half = width // 2
    for shift in range(-half, half + 1):
        own = slice(max(0, -shift), values.shape[1] - max(0, shift))
        other = slice(max(0, shift), values.shape[1] - max(0, -shift))
        total[:, own] += values[:, other]
    return total


def _in_aperture(profile: FloatArray, offsets_px: FloatArray, radius_px: float, step: int) -> float:
    """Light of a line in an aperture, from its profile (counts per pixel)."""
    fine = (np.arange(10) + 0.5) / 10 - 0.5
    chord = 2 * np.sqrt(
        np.maximum(radius_px**2 - (offsets_px[:, None] + step * fine) ** 2, 0.0)
    ).mean(axis=1)
    return float(np.nansum(profile * chord * step))


def column_through(
    window: FloatArray, noise_counts: float, radius_px: float, fwhm_px: float, clear_px: float = 0.0
) -> Line | None:
    """A bright column or row through an aperture in the middle, by bleeding or bad pixels.

    It is narrower than any image of a star, and is seen on both sides of the source.

    Parameters
    ----------
    window, radius_px, fwhm_px, clear_px
        As those of `trail_through`; stars need not be taken out.
    noise_counts : float
        Noise of a pixel.
    """
    best = None
    for angle, pixels in ((90.0, window), (0.0, window.T)):
        found = _column(pixels, noise_counts, radius_px, fwhm_px, clear_px)
        if found and (best is None or found[0] > best.significance):
            significance, offset, counts, surface = found
            best = Line(angle, offset, counts, surface, significance)
    return best


def _column(
    pixels: FloatArray, noise_counts: float, radius_px: float, fwhm_px: float, clear_px: float
) -> tuple[float, float, float, float] | None:
    """Significance, offset, counts in the aperture and per pixel of the brightest column."""
    middle = len(pixels) // 2
    start = int(np.ceil(radius_px + CLEAR_FWHM * fwhm_px + clear_px))
    stop = start + int(np.ceil(COLUMN_REACH_FWHM * fwhm_px)) + PIECE
    away = max(COLUMN_SKY_PX, int(np.ceil(COLUMN_FWHM * fwhm_px)) + 1)
    half = max(1, round(COLUMN_FWHM * fwhm_px))
    wide = int(np.ceil(radius_px)) + away
    columns = slice(middle - wide, middle + wide + 1)
    sides = []
    for rows in (slice(middle - stop, middle - start), slice(middle + start, middle + stop)):
        part = pixels[rows, columns]
        if part.shape[0] < PIECE or not np.isfinite(part).any(axis=0).all():
            return None
        levels = np.nanmedian(part, axis=0)
        own = part[:, away:-away]
        beside = np.maximum(levels[: -2 * away], levels[2 * away :])
        sides.append((levels - np.nanmedian(levels), levels[away:-away] - beside, own - beside))
    excess = np.minimum(sides[0][1], sides[1][1])
    place = int(np.argmax(excess))
    offset = float(place - len(excess) // 2)
    error = 1.25 * noise_counts * np.sqrt(2.0 / (stop - start))
    if excess[place] < COLUMN_SIGMA * error or abs(offset) > radius_px:
        return None
    for profile, each, pixels_on_it in sides:
        near = profile[[place + away - half, place + away + half]] - profile[place + away]
        steady = pixels_on_it[:, place] > FAINTEST_PIECE * excess[place] - noise_counts
        if (
            each[place] > 2 * MOST_UNEVEN * excess[place]
            or -near.max() < (1.0 - COLUMN_EDGE) * each[place]
            or steady.mean() < PART_OF_PIECES
        ):
            return None
    chord = 2 * np.sqrt(
        np.maximum(radius_px**2 - (np.arange(len(excess)) - len(excess) // 2) ** 2, 0)
    )
    bright = excess > 0.1 * excess[place]
    counts = float(np.sum(np.where(bright, excess, 0.0) * chord))
    return float(excess[place] / error), offset, counts, float(excess[place])
