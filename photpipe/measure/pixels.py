"""The pixels of a frame as they are measured."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.ground.errors import FrameError

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame

FloatArray = NDArray[np.float64]


def read_image(frame: "Frame") -> FloatArray:
    """Pixels of a frame, NaN where they are masked.

    Raises
    ------
    FrameError
        If they cannot be read.
    """
    from astropy.io import fits

    try:
        image = np.asarray(fits.getdata(frame.path, memmap=False))
        if frame.mask_path is not None:
            mask = np.asarray(fits.getdata(frame.mask_path, memmap=False))
            image = np.where(mask > 0, image, np.nan)
    except (OSError, ValueError, TypeError) as problem:
        raise FrameError(frame.name, f"the pixels cannot be read: {problem}") from problem
    return image
