"""Pictures of frames: quick-look images, cut-outs around targets, animations."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.fits.pixels import Plane
from photpipe.science.noise import median

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = NDArray[np.float32]
Grey = NDArray[np.uint8]

# tried in turn until the file is small enough; part of the bytes with codes made for the image
QUALITIES = {80: 0.95, 65: 0.93, 50: 0.91, 35: 0.89, 20: 0.85}  # measured: noise and stars
HEADER_BYTES = 600  # of a JPEG with the codes of the standard: not a share of the image
CUTOUT_QUALITY = 75  # by eye: noise of the sky without blocks
STRIP_ROWS = 256  # of pixels at a time: memory against calls
SAMPLES_PER_AXIS = 250
SOFTENING_SIGMA = 3.0  # where the asinh turns from linear to logarithmic
HIGHEST_SIGMA = 40.0  # white, unless the frame has brighter pixels
DEEP_SIGMA = 30.0  # white in cut-outs
WHITE_PERCENTILE = 99.8  # by eye: stars are white, their wings are grey
_HIGHEST = 1e15  # counts; its square is still a float32
_WHITE = 255.01  # white is 255 in spite of rounding
PANEL_GAP_PX = 2  # by eye
FRAME_MS = 350  # by eye: three frames a second let the eye follow
ANIMATION_PX = 240  # on each side, by eye
_GREYS = 30  # of the 32 colours of a GIF with 5 bits; two are for circle and cross
_TITLE_PX = 16  # a line of text of Pillow's font
_RED, _BLUE, _TEXT = 30, 31, 29  # places in the palette, behind and at the end of the greys


@dataclass(frozen=True, slots=True)
class Stretch:
    """From pixel values to grey: linear near the sky, logarithmic above (asinh)."""

    black: float
    unit: float
    white: float

    @classmethod
    def of(cls, values: Pixels, *, deep: bool = False) -> "Stretch":
        """Stretch that shows the noise of the sky darkly and the stars brightly.

        Parameters
        ----------
        values : array
            Pixels of the frame, or a sample of them.
        deep : bool
            Show what is faint, whatever becomes of bright stars.
        """
        finite = values[np.isfinite(values)]
        if not finite.size:
            return cls(0.0, 1.0, 1.0)
        middle = median(finite)
        sigma = 1.4826 * median(np.abs(finite - np.float32(middle)))
        if not sigma > 0:
            sigma = float(np.std(finite, dtype=np.float64)) or 1.0
        if deep:
            return cls(middle - 2 * sigma, SOFTENING_SIGMA * sigma, middle + DEEP_SIGMA * sigma)
        place = int(WHITE_PERCENTILE / 100 * (finite.size - 1))
        bright = float(np.partition(finite, place)[place])
        white = max(bright, middle + HIGHEST_SIGMA * sigma)
        return cls(middle - sigma, SOFTENING_SIGMA * sigma, white)

    def grey(self, values: Pixels) -> Grey:
        """Grey values with the y axis up, as on the sky; blank pixels are black.

        asinh x = ln(x + √(x² + 1)), which numpy vectorises, in float32 and four times as fast.
        """
        height = min(self.white - self.black, _HIGHEST)
        raised = np.fmin(np.fmax(values - np.float32(self.black), np.float32(0)), height)
        raised /= np.float32(self.unit)
        grey = np.sqrt(raised * raised + np.float32(1))
        grey += raised
        np.log(grey, out=grey)
        # a level of 1e30 has no room for a difference
        grey *= np.float32(_WHITE / (math.asinh(height / self.unit) or 1.0))
        return np.asarray(np.minimum(grey, 255.0)[::-1], np.uint8)


def sample(plane: Plane) -> Pixels:
    """Some pixels from all over the frame."""
    steps = [max(1, size // SAMPLES_PER_AXIS) for size in plane.shape]
    return plane.part(slice(None, None, steps[0]), slice(None, None, steps[1]))


def reduced(plane: Plane, limit_px: int) -> Pixels:
    """The frame with its longer side at most `limit_px`: means of blocks of pixels."""
    ny, nx = plane.shape
    step = math.ceil(max(ny, nx) / limit_px)
    if step == 1:
        return plane.part(slice(None), slice(None))
    ny, nx = (max(size // step, 1) * step for size in (ny, nx))
    rows_per_strip = step * max(1, STRIP_ROWS // step)
    strips = []
    for top in range(0, ny, rows_per_strip):
        values = plane.part(slice(top, min(top + rows_per_strip, ny)), slice(0, nx))
        known = np.isfinite(values)
        if known.all() and values.shape[0] % step == values.shape[1] % step == 0:
            strips.append(_block_sums(values, step) / np.float32(step**2))
            continue
        total = _block_sums(np.where(known, values, np.float32(0)), step)
        with np.errstate(invalid="ignore"):
            strips.append(total / _block_sums(known.astype(np.float32), step))
    return np.concatenate(strips)


def _block_sums(values: Pixels, step: int) -> Pixels:
    """Sums over blocks of pixels; slices are added, which is faster than to reduce short axes."""
    ny, nx = values.shape
    total = np.zeros((math.ceil(ny / step), math.ceil(nx / step)), np.float32)
    for row in range(min(step, ny)):
        for column in range(min(step, nx)):
            part = values[row::step, column::step]
            total[: part.shape[0], : part.shape[1]] += part
    return total


@dataclass(frozen=True, slots=True)
class Look:
    """A whole frame in grey, and how it came about."""

    stretch: Stretch
    grey: Grey

    @classmethod
    def at(cls, plane: Plane, limit_px: int) -> "Look":
        """The frame with its longer side at most `limit_px`; its pixels are read once."""
        values = reduced(plane, limit_px)
        stretch = Stretch.of(values[::4, ::4] if min(values.shape) > SAMPLES_PER_AXIS else values)
        return cls(stretch, stretch.grey(values))

    def smaller(self, limit_px: int) -> Grey:
        """The same with its longer side at most `limit_px`: means of grey values."""
        from PIL import Image

        ny, nx = self.grey.shape
        scale = limit_px / max(ny, nx)
        if scale >= 1:
            return self.grey
        size = max(1, round(nx * scale)), max(1, round(ny * scale))
        image = Image.fromarray(np.ascontiguousarray(self.grey))
        return np.asarray(image.resize(size, Image.Resampling.BOX))


def jpeg(grey: Grey, limit_bytes: int) -> bytes:
    """JPEG in the best quality that keeps it below a size, or in the lowest.

    What a quality costs is judged by the middle of the image first. Codes made for the image save a
    tenth of the bytes, and take more time than all else: they are made where they are needed.
    """
    middle = grey[tuple(slice(size // 4, size - size // 4) for size in grey.shape)]
    room, worst = limit_bytes * middle.size / grey.size, min(QUALITIES)
    fitting = (
        quality
        for quality, part in QUALITIES.items()
        if part * (len(_encoded(middle, quality)) - HEADER_BYTES) <= room
    )
    content, best = b"", next(fitting, worst)
    for quality in (each for each in QUALITIES if each <= best):
        for has_own_codes in (False, True):
            content = _encoded(grey, quality, has_own_codes=has_own_codes)
            if len(content) <= limit_bytes:
                return content
    return content


def _encoded(grey: Grey, quality: int, *, has_own_codes: bool = False) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(grey))
    image.save(stream, "JPEG", quality=quality, optimize=has_own_codes)
    return stream.getvalue()


def cutout(plane: Plane, stretch: Stretch, x: float, y: float, half_px: int) -> bytes:
    """JPEG of the surroundings of a place; what lies beyond the frame is black.

    Parameters
    ----------
    x, y : float
        Place in pixels (the centre of the first pixel is 1, 1).
    half_px : int
        The picture has 2 `half_px` + 1 pixels on each side, the middle one over the place.
    """
    return _encoded(stretch.grey(part_around(plane, round(x), round(y), half_px)), CUTOUT_QUALITY)


def part_around(plane: Plane, column: int, row: int, half_px: int) -> Pixels:
    """Pixels around one of them (the first is 1, 1), ``2 half_px + 1`` on each side.

    What lies beyond the frame is NaN.
    """
    ny, nx = plane.shape
    side = 2 * half_px + 1
    values = np.full((side, side), np.nan, np.float32)
    top, left = row - 1 - half_px, column - 1 - half_px
    y0, y1, x0, x1 = max(top, 0), min(top + side, ny), max(left, 0), min(left + side, nx)
    if y0 < y1 and x0 < x1:
        values[y0 - top : y1 - top, x0 - left : x1 - left] = plane.part(
            slice(y0, y1), slice(x0, x1)
        )
    return values


def strip(images: Sequence[NDArray[np.float64]]) -> bytes:
    """JPEG of images one below the other, each in the stretch of its own noise."""
    greys = []
    for image in images:
        values = image.astype(np.float32)
        greys.append(Stretch.of(values, deep=True).grey(values))
    return _encoded(np.vstack(greys), CUTOUT_QUALITY)


def subtraction(panels: NDArray[np.float16]) -> bytes:
    """JPEG of a frame, its template and the difference side by side, in one stretch.

    Parameters
    ----------
    panels : array, shape (3, n, n)
        Counts above the sky.
    """
    stretch = Stretch.of(panels[2].astype(np.float32), deep=True)
    greys = [stretch.grey(each.astype(np.float32)) for each in panels]
    gap = np.full((greys[0].shape[0], PANEL_GAP_PX), 255, np.uint8)
    return _encoded(np.hstack([greys[0], gap, greys[1], gap, greys[2]]), CUTOUT_QUALITY)


@dataclass(frozen=True, slots=True)
class Cel:
    """One picture of an animation: a cut-out and what is drawn on it.

    Parameters
    ----------
    path : Path
        The cut-out.
    title : str
        Words below it.
    circle : (float, float, float) or None
        Centre and radius of the aperture, in pixels of the cut-out, y down.
    cross : (float, float) or None
        Predicted place.
    """

    path: Path
    title: str
    circle: tuple[float, float, float] | None
    cross: tuple[float, float] | None


def animation(cels: Sequence[Cel]) -> bytes:
    """GIF of cut-outs with aperture (red circle) and prediction (blue cross)."""
    pictures = _pictures(cels)
    stream = io.BytesIO()
    first = next(pictures)
    first.save(
        stream,
        "GIF",
        save_all=True,
        append_images=pictures,
        duration=FRAME_MS,
        loop=0,
        optimize=False,
    )
    return stream.getvalue()


def animation_size(side_px: int) -> tuple[int, int]:
    """Width and height of an animation of cut-outs of so many pixels."""
    width = side_px * _enlargement(side_px)
    return width, width + _TITLE_PX


def _enlargement(side_px: int) -> int:
    return max(1, ANIMATION_PX // side_px)


def _pictures(cels: Sequence[Cel]) -> Iterator["Image"]:
    """Pictures in 30 greys, red and blue."""
    from PIL import Image, ImageDraw

    palette = [level for grey in range(_GREYS) for level in [grey * 255 // (_GREYS - 1)] * 3]
    palette += [255, 60, 40, 70, 160, 255]
    for cel in cels:
        with Image.open(cel.path) as opened:
            grey = np.asarray(opened.convert("L"))
        scale = _enlargement(grey.shape[1])
        large = np.kron(
            (grey.astype(np.uint16) * (_GREYS - 1) // 255).astype(np.uint8),
            np.ones((scale, scale), np.uint8),
        )
        height, width = large.shape
        canvas = np.zeros((height + _TITLE_PX, width), np.uint8)
        canvas[:height] = large
        picture = Image.fromarray(canvas)
        picture.putpalette(palette)
        draw = ImageDraw.Draw(picture)
        if cel.circle:
            x, y, radius = (scale * each for each in cel.circle)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=_RED, width=2)
        if cel.cross:
            x, y = (scale * each for each in cel.cross)
            draw.line((x - 9, y, x + 9, y), fill=_BLUE, width=2)
            draw.line((x, y - 9, x, y + 9), fill=_BLUE, width=2)
        draw.text(
            (4, height + 2), cel.title[: width // 6].encode("ascii", "replace").decode(), fill=_TEXT
        )
        yield picture
