"""Frames on one grid of pixels, for what is added or compared pixel by pixel in memory."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Images = NDArray[np.float32]

MESH_PX = 32  # between places whose map is calculated; the distortion between them is linear
LEVEL_PX = 64  # side of the boxes in which the level of the sky is taken
SPLINE_PX = 3  # as far as a missing pixel is felt
FEWEST_IN_BOX = 0.1  # of a box: a median of fewer pixels is that of its stars


def mesh(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Places of a coarse mesh over an image, shape (rows, columns) each; the first pixel is 0."""
    ny, nx = shape
    x = np.linspace(0, nx - 1.0, max(2, -(-nx // MESH_PX) + 1))
    y = np.linspace(0, ny - 1.0, max(2, -(-ny // MESH_PX) + 1))
    columns, rows = np.meshgrid(x, y)
    return columns, rows


def resampled(
    image: FloatArray, x_px: FloatArray, y_px: FloatArray, shape: tuple[int, int]
) -> Images:
    """Image on another grid (cubic splines); NaN where it has no data.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Counts; NaN where masked.
    x_px, y_px : ndarray, shape of the mesh
        Where the places of `mesh` lie on the image.
    shape : (int, int)
        Rows and columns of the other grid.
    """
    from scipy.ndimage import binary_dilation, map_coordinates

    valid = np.isfinite(image)
    level = float(np.median(image[valid])) if valid.any() else 0.0
    filled = np.where(valid, image, level).astype(np.float32)
    rows, columns = x_px.shape
    at_row = np.linspace(0, rows - 1.0, shape[0])
    at_column = np.linspace(0, columns - 1.0, shape[1])
    grid = np.meshgrid(at_row, at_column, indexing="ij")
    places = [map_coordinates(each, grid, order=1, mode="nearest") for each in (y_px, x_px)]
    found: Images = map_coordinates(filled, places, order=3, mode="constant", cval=np.nan)
    if not valid.all():
        near = binary_dilation(~valid, iterations=SPLINE_PX)
        bad = map_coordinates(near.astype(np.float32), places, order=1, mode="nearest")
        found[bad > 0.01] = np.nan
    return found


def flattened(image: Images) -> Images:
    """Image without the level of its sky: medians of boxes, linear between them."""
    from scipy.ndimage import zoom

    ny, nx = image.shape
    rows, columns = max(1, round(ny / LEVEL_PX)), max(1, round(nx / LEVEL_PX))
    boxes = np.zeros((rows, columns), np.float32)
    whole = float(np.nanmedian(image)) if np.isfinite(image).any() else 0.0
    for i, across in enumerate(np.array_split(image, rows, axis=0)):
        for j, box in enumerate(np.array_split(across, columns, axis=1)):
            seen = box[np.isfinite(box)]
            boxes[i, j] = np.median(seen) if seen.size > FEWEST_IN_BOX * box.size else whole
    if min(rows, columns) < 2:
        return image - np.float32(whole)
    level: Images = zoom(boxes, (ny / rows, nx / columns), order=1, mode="nearest", grid_mode=True)
    return image - level[:ny, :nx]
