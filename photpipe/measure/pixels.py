"""The pixels of a frame as they are measured."""

from typing import TYPE_CHECKING

import numpy as np

from photpipe.fits.pixels import FloatArray, read_pixels

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame


def read_image(frame: "Frame") -> FloatArray:
    """Pixels of a frame, shape (ny, nx); NaN where they are blank or masked.

    Raises
    ------
    FrameError
        If they cannot be read.
    """
    image = read_pixels(frame.path)
    if frame.mask_path is None:
        return image
    return np.where(read_pixels(frame.mask_path) > 0, image, np.nan)
