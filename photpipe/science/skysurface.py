"""The sky of a crowded frame: a smooth surface, from what is left when stars are subtracted."""

import numpy as np
from numpy.typing import NDArray

from photpipe.science.noise import MAD_TO_SIGMA

FloatArray = NDArray[np.float64]
FloatArray32 = NDArray[np.float32]
IntArray = NDArray[np.intp]

BOX_PX = 64  # many stars wide
CLIPPED_SIGMA, CLIPPINGS = 2.5, 4  # by judgement: what stars leave is beyond
FEWEST_PIXELS = 50  # by judgement: of a box that has a level
NOISE_PIXELS = 100_000  # half of them are below the sky: they tell its noise to 0.4 %


def surface(sample: FloatArray32, shape: tuple[int, int]) -> FloatArray32:
    """Smooth surface of the clipped levels of boxes.

    Parameters
    ----------
    sample : array, shape (ny, (nx + 1) // 2)
        Every second column of an image: neighbours tell little that is new. NaN does not count.
    shape : (int, int)
        Rows and columns of the image.
    """
    from scipy.ndimage import gaussian_filter

    counts = [max(1, round(length / BOX_PX)) for length in shape]
    edges_y, edges_x = (
        np.linspace(0, length, count + 1).astype(int)
        for length, count in zip(shape, counts, strict=True)
    )
    edges_x = (edges_x + 1) // 2
    # one more, so that each ends with one that does not count
    size = int(np.diff(edges_y).max() * np.diff(edges_x).max()) + 1
    boxes = np.full((counts[0] * counts[1], size), np.nan, np.float32)
    for i in range(counts[0]):
        for j in range(counts[1]):
            box = sample[edges_y[i] : edges_y[i + 1], edges_x[j] : edges_x[j + 1]]
            boxes[i * counts[1] + j, : box.size] = box.ravel()
    level = clipped_levels(boxes).reshape(counts)
    known = np.isfinite(level)
    if not known.any():
        return np.zeros(shape, np.float32)
    level = np.where(known, level, np.median(level[known]))
    level = gaussian_filter(level, 0.7, mode="nearest")
    # one axis after the other: a surface of splines is their product
    along_y, along_x = (_spline(*each) for each in zip(counts, shape, strict=True))
    return (along_y @ level).astype(np.float32) @ along_x.T.astype(np.float32)


def _spline(count: int, length: int) -> FloatArray:
    """Matrix that leads from the middles of boxes to pixels; shape (length, count)."""
    from scipy.interpolate import make_interp_spline

    if count == 1:
        return np.ones((length, 1))
    places = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
    spline = make_interp_spline(np.arange(count), np.eye(count), k=min(3, count - 1))
    return np.asarray(spline(places))


def clipped_levels(boxes: FloatArray32) -> FloatArray:
    """Means of boxes without what stars leave; NaN where too few values count.

    Parameters
    ----------
    boxes : array, shape (boxes, n)
        Values in any order, the last of which does not count; NaN does not count. They are sorted.
    """
    boxes.sort(axis=1)  # NaN is behind
    number = np.arange(len(boxes))
    low = np.zeros(len(boxes), np.intp)
    high = np.sum(np.isfinite(boxes), axis=1)
    active = high >= FEWEST_PIXELS
    known = active.copy()
    for _ in range(CLIPPINGS):
        middle, away = _middle(boxes, number, low, high)
        reach = CLIPPED_SIGMA * MAD_TO_SIGMA * away
        first = np.sum(boxes < (middle - reach)[:, None], axis=1)
        last = np.sum(boxes <= (middle + reach)[:, None], axis=1)
        first, last = np.maximum(first, low), np.minimum(last, high)
        active &= (last - first >= FEWEST_PIXELS) & (last - first < high - low)
        if not active.any():
            break
        low, high = np.where(active, first, low), np.where(active, last, high)
    median, _ = _middle(boxes, number, low, high)
    ends = (np.column_stack([low, high]) + (number * boxes.shape[1])[:, None]).ravel()
    sums = np.add.reduceat(boxes.ravel(), ends, dtype=np.float64)[::2]
    mean = sums / np.maximum(high - low, 1)
    # what still rises above the sky pulls the mean away from the median: Pearson's mode
    level = np.where(mean > median, 2.5 * median - 1.5 * mean, mean)
    return np.asarray(np.where(known, level, np.nan))


def _middle(
    boxes: FloatArray32, number: IntArray, low: IntArray, high: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Medians, and medians of the distances from them, of parts of sorted values."""

    def at(index: IntArray) -> FloatArray:
        return boxes[number, index].astype(float)

    upper = np.maximum(high - 1, 0)
    middle = (at(np.minimum((low + high) // 2, upper)) + at((low + upper) // 2)) / 2
    # half of the values are as near: a run of them, neither of whose ends is further than the other
    span = (high - low) // 2
    first, last = low.copy(), np.maximum(high - 1 - span, low)
    while np.any(first < last):
        half = (first + last) // 2
        right = at(np.minimum(half + span, upper)) - middle >= middle - at(half)
        first, last = np.where(right, first, half + 1), np.where(right, half, last)
        first = np.minimum(first, last)
    away = np.maximum(at(np.minimum(first + span, upper)) - middle, middle - at(first))
    before = np.maximum(first - 1, low)
    other = np.maximum(at(np.minimum(before + span, upper)) - middle, middle - at(before))
    return middle, np.minimum(away, other)


def noise_below(values: FloatArray32) -> float:
    """Noise of a pixel of sky: what scatters below its level."""
    sample = values.ravel()[:: max(7, values.size // NOISE_PIXELS) | 1]  # odd: of all columns
    sample = sample[np.isfinite(sample)]
    below = sample[sample < np.median(sample)] if sample.size else sample
    return float(MAD_TO_SIGMA * np.median(np.median(sample) - below)) if below.size else 1.0
