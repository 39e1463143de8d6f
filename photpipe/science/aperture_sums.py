"""Aperture sums of all sources above a sky that neither sources nor specks of noise change.

Source Extractor puts mirrored pixels in place of all above the threshold that are not connected
with a source. In faint stars these are mostly their own light where noise adds to it: stars of S/N
10 to 14 lose 6 %. Its local sky begins where the isophote of a star ends, and contains its wings:
another 2 to 3 %. Both are noise, too: the scatter is 1.2 to 1.5 times what photons and sky make
(four simulated telescopes, seeing of 1 to 3 arcsec). Here only pixels of other sources are
mirrored, and the sky is what lies beyond the wings of all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.forced import HALF_DIAGONAL_PX, circle_parts
from photpipe.science.noise import ANNULUS_WIDTH_PX, robust_sigma

FloatArray = NDArray[np.float64]
Pixels = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]
Box = tuple[IndexArray, IndexArray, IndexArray, IndexArray]

BLOCK_PX = 4  # by judgement: means of 16 pixels show wings that hide in the noise of single ones
CLIP_SIGMA, CLIP_ROUNDS = 3.0, 3  # one block of clean sky in 370 is lost
# surface brightness beyond: 1/20 of the detection threshold (Moffat profile, exponent 2.5), below
# which the light of a star in its own annulus is 0.1 % of its flux
WING_ISOPHOTES, WING_FWHM = 2.0, 2.2
SKY_APERTURES = 10.0  # areas of an aperture: its sky then adds 5 % to the noise
WIDENINGS, WIDENING = 4, 1.5  # of the box for the sky, up to five times, where sources crowd
ROWS_AT_ONCE = 64 * BLOCK_PX  # 12 MB of a frame of 6144 columns in place of 600
PIXELS_AT_ONCE = 1_000_000  # that wings cover: 24 MB of their places
POINT_PX = 1e-3  # smaller than any pixel: an ellipse has to have axes
SOURCES_AT_ONCE = 500  # by judgement: 10 MB for apertures of 20 pixels


@dataclass(frozen=True, slots=True)
class Footprints:
    """Where the sources of an image are, and which pixels are theirs; arrays of shape (n,).

    Parameters
    ----------
    x_px, y_px : array
        Centres; the first pixel's centre is 0.
    major_px, minor_px : array
        Semi-axes of the ellipse that has the area of the isophote.
    angle_rad : array
        Direction of its major axis, from x to y.
    """

    x_px: FloatArray
    y_px: FloatArray
    major_px: FloatArray
    minor_px: FloatArray
    angle_rad: FloatArray

    @classmethod
    def points(cls, x_px: FloatArray, y_px: FloatArray) -> "Footprints":
        """Places where there is no source."""
        size = np.full(len(x_px), POINT_PX)
        return cls(x_px, y_px, size, size, np.zeros(len(x_px)))

    @property
    def radius_px(self) -> FloatArray:
        """Radius of the circle with the area of the isophote."""
        return np.asarray(np.sqrt(self.major_px * self.minor_px))

    def apart(self, source: int, x_px: FloatArray, y_px: FloatArray) -> FloatArray:
        """Squared distance from a source in units of its ellipse."""
        cos, sin = np.cos(self.angle_rad[source]), np.sin(self.angle_rad[source])
        dx, dy = x_px - self.x_px[source], y_px - self.y_px[source]
        along, across = dx * cos + dy * sin, dy * cos - dx * sin
        return np.asarray(
            (along / self.major_px[source]) ** 2 + (across / self.minor_px[source]) ** 2
        )


@dataclass(frozen=True, slots=True)
class Sky:
    """Sums of the pixels of an image beyond the wings of its sources, to be had of any box.

    Blocks of 4 × 4 pixels that differ by 3 sigma from what is around them, above or below, are
    left out.

    Parameters
    ----------
    reference : float
        Level (counts per pixel) above which the sums are.
    totals, counts : array, shape (blocks in y + 1, blocks in x + 1)
        Counts in, and number of, all used pixels above and to the left of a corner.
    wings_px : float
        How far the wings of a faint star reach, or an aperture if that is larger.
    radius_px : float
        Radius of the aperture under which the sky is wanted.
    """

    reference: float
    totals: FloatArray
    counts: FloatArray
    wings_px: float
    radius_px: float

    @classmethod
    def of(cls, image: Pixels, sources: Footprints, radius_px: float, fwhm_px: float) -> "Sky":
        """Sky of an image, NaN where masked, shape (ny, nx), with stars of a width."""
        wings_px = max(WING_FWHM * fwhm_px, radius_px)
        reach = np.maximum(WING_ISOPHOTES * sources.radius_px + 0.5 * fwhm_px, wings_px)
        light, number = _blocks(image, _covered(image.shape, sources, reach))
        reference = float(light.sum() / max(number.sum(), 1))
        number, light = _without_wings(number, light - reference * number)
        return cls(reference, _integral(light), _integral(number), wings_px, radius_px)

    def levels(
        self, x_px: FloatArray, y_px: FloatArray, isophote_px: FloatArray | float = 0.0
    ) -> FloatArray:
        """Level under sources (counts per pixel), shape (n,); NaN where none is seen.

        The mean of a box that reaches 24 pixels beyond the wings of a source; of a wider one
        where too little is left of it.

        Parameters
        ----------
        x_px, y_px : array, shape (n,)
            Places; the first pixel's centre is 0.
        isophote_px : array, shape (n,), or 0
            Radii of the isophotes.
        """
        levels = np.full(len(x_px), np.nan)
        reach = np.maximum(WING_ISOPHOTES * isophote_px, self.wings_px) + ANNULUS_WIDTH_PX
        reach = np.broadcast_to(reach, levels.shape)
        for turn in range(1 + WIDENINGS):
            left = np.flatnonzero(np.isnan(levels))
            if not left.size:
                break
            box = self._box(x_px[left], y_px[left], WIDENING**turn * reach[left])
            pixels = _inside(self.counts, box)
            enough = pixels >= SKY_APERTURES * np.pi * self.radius_px**2
            level = _inside(self.totals, box)[enough] / pixels[enough]
            levels[left[enough]] = self.reference + level
        return levels

    def _box(self, x_px: FloatArray, y_px: FloatArray, reach_px: FloatArray) -> Box:
        """First and last rows, first and last columns of blocks within reach."""
        edges = [
            np.clip(np.rint((at + 0.5 + sign * reach_px) / BLOCK_PX), 0, size - 1).astype(np.intp)
            for at, size in zip((y_px, x_px), self.totals.shape, strict=True)
            for sign in (-1, 1)
        ]
        return edges[0], edges[1], edges[2], edges[3]


def _covered(shape: tuple[int, ...], sources: Footprints, reach_px: FloatArray) -> BoolArray:
    """Pixels within reach of a source: between the ends of a circle on each of its rows."""
    tall = np.ceil(2 * reach_px).astype(np.intp) + 1
    x, y, reach = (np.repeat(each, tall) for each in (sources.x_px, sources.y_px, reach_px))
    row = np.floor(y - reach).astype(np.intp) + np.arange(len(y))
    row -= np.repeat(tall.cumsum() - tall, tall)
    half = np.sqrt(np.maximum(reach**2 - (row - y) ** 2, 0.0))
    left, right = (
        np.clip(each, 0, shape[1]).astype(np.intp)
        for each in (np.floor(x - half) + 1, np.ceil(x + half))
    )
    covered = np.zeros(shape, bool)
    wide = np.where((row >= 0) & (row < shape[0]), np.maximum(right - left, 0), 0)
    first = row * shape[1] + left
    for part in np.array_split(np.arange(len(wide)), 1 + wide.sum() // PIXELS_AT_ONCE):
        ends = wide[part].cumsum()
        pixels = np.repeat(first[part] - ends + wide[part], wide[part]) + np.arange(
            wide[part].sum()
        )
        covered.ravel()[pixels] = True
    return covered


def _blocks(image: Pixels, covered: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Sums of the pixels of each block of 4 × 4 that nothing covers, and their number."""
    light: list[FloatArray] = []
    number: list[FloatArray] = []
    for top in range(0, image.shape[0], ROWS_AT_ONCE):
        part = image[top : top + ROWS_AT_ONCE]
        used = np.isfinite(part) & ~covered[top : top + len(part)]
        light.append(_block_sums(np.where(used, part, part.dtype.type(0))))
        number.append(_block_sums(used.view(np.uint8)))
    return np.concatenate(light), np.concatenate(number)


def _block_sums(values: NDArray[np.number]) -> FloatArray:
    """Sums over blocks; slices are added, which is faster than to reduce short axes."""
    rows = np.zeros((-(-values.shape[0] // BLOCK_PX), values.shape[1]), values.dtype)
    for first in range(min(BLOCK_PX, values.shape[0])):
        part = values[first::BLOCK_PX]
        rows[: len(part)] += part
    sums = np.zeros((len(rows), -(-values.shape[1] // BLOCK_PX)))
    for first in range(min(BLOCK_PX, values.shape[1])):
        part = rows[:, first::BLOCK_PX]
        sums[:, : part.shape[1]] += part
    return sums


def _without_wings(number: FloatArray, light: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Numbers and sums of blocks without those that differ from what is around them."""
    from scipy.ndimage import uniform_filter

    size = 2 * int(ANNULUS_WIDTH_PX // BLOCK_PX) + 1
    number, light = np.where(number > BLOCK_PX**2 / 2, [number, light], 0.0)
    for _ in range(CLIP_ROUNDS):
        near = uniform_filter(light, size) / np.maximum(uniform_filter(number, size), 1e-9)
        away = np.sqrt(number) * (light / np.maximum(number, 1.0) - near)
        kept = np.abs(away) <= CLIP_SIGMA * robust_sigma(away[number > 0])
        number, light = np.where(kept, [number, light], 0.0)
    return number, light


def _integral(values: FloatArray) -> FloatArray:
    """Sums of all that is above and to the left."""
    return np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def _inside(integral: FloatArray, box: Box) -> FloatArray:
    """Sums within boxes."""
    top, bottom, left, right = box
    return np.asarray(
        integral[bottom, right]
        - integral[top, right]
        - integral[bottom, left]
        + integral[top, left]
    )


def aperture_sums(
    image: Pixels, sources: Footprints, radius_px: float, sky: FloatArray
) -> FloatArray:
    """Counts above the sky in an aperture on each source, shape (n,); NaN where the sky is.

    Pixels within the ellipse of another source, masked ones and those beyond the edges of the
    image have the value of the pixel on the other side of the centre; where that is not free
    either, the sky.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts; NaN where masked.
    radius_px : float
        Radius of the aperture.
    sky : array, shape (n,)
        Level of the sky under each source.
    """
    foreign = _foreign_pixels(sources, radius_px)
    half = int(radius_px) + 2
    along = np.arange(-half, half + 1)
    sums = np.full(len(sky), np.nan)
    known = np.isfinite(sky) & _within(image.shape, sources)
    for part in np.array_split(np.flatnonzero(known), 1 + len(sky) // SOURCES_AT_ONCE):
        column, row = (np.rint(each[part]).astype(np.intp) for each in (sources.x_px, sources.y_px))
        stamp = _stamps(image, row, column, along) - sky[part, None, None]
        for index in np.flatnonzero([source in foreign for source in part]):
            stamp[index][foreign[part[index]]] = np.nan
        free = np.isfinite(stamp)
        stamp = np.where(free, stamp, np.where(free, stamp, 0.0)[:, ::-1, ::-1])
        shift = sources.x_px[part] - column, sources.y_px[part] - row
        sums[part] = np.einsum("ijk,ijk->i", circle_parts(along, along, *shift, radius_px), stamp)
    return sums


def _stamps(image: Pixels, row: IndexArray, column: IndexArray, along: IndexArray) -> FloatArray:
    """Pixels around places, shape (n, size, size); NaN beyond the edges of the image."""
    rows, columns = (each[:, None] + along for each in (row, column))
    inside = [
        (each >= 0) & (each < size) for each, size in zip((rows, columns), image.shape, strict=True)
    ]
    stamps = image.take(rows[:, :, None] * image.shape[1] + columns[:, None, :], mode="clip")
    return np.where(inside[0][:, :, None] & inside[1][:, None, :], stamps, np.nan)


def _within(shape: tuple[int, ...], sources: Footprints) -> BoolArray:
    """Sources whose middle is on the image."""
    return np.asarray(
        (sources.x_px > -0.5)
        & (sources.x_px < shape[1] - 0.5)
        & (sources.y_px > -0.5)
        & (sources.y_px < shape[0] - 0.5)
    )


def _foreign_pixels(sources: Footprints, radius_px: float) -> dict[int, BoolArray]:
    """For sources with others near: which pixels of their stamps are in the ellipse of another."""
    from scipy.spatial import KDTree

    places = np.column_stack([sources.x_px, sources.y_px])
    if not len(places):
        return {}
    reach = radius_px + HALF_DIAGONAL_PX + sources.major_px
    half = int(radius_px) + 2
    along = np.arange(-half, half + 1)
    foreign: dict[int, BoolArray] = {}
    for other, near in enumerate(KDTree(places).query_ball_point(places, reach)):
        for source in near:
            if source == other:
                continue
            x = np.rint(sources.x_px[source]) + along
            y = (np.rint(sources.y_px[source]) + along)[:, None]
            apart = sources.apart(other, x, y)
            theirs = (apart < 1.0) & (apart < sources.apart(source, x, y))
            foreign[source] = foreign.get(source, False) | theirs
    return foreign
