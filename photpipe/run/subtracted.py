"""What was subtracted from the points of a target, for the pages: frame, template, difference."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photpipe.ground import files
from photpipe.ground.arrays import DAMAGED, read_arrays, write_arrays

Panels = NDArray[np.float16]
_FILE = "subtracted_{}.npz"
_LARGEST = 6e4  # of half precision


def write(folder: Path, target: str, panels: Mapping[str, NDArray[np.float32]]) -> None:
    """Write the panels of a target, shape (3, n, n) for each frame; an older file goes.

    Parameters
    ----------
    folder : Path
        Where the results are.
    """
    path = folder / _FILE.format(files.slug(target))
    if not panels:
        path.unlink(missing_ok=True)
        return
    halves = {
        name: np.clip(each, -_LARGEST, _LARGEST).astype(np.float16) for name, each in panels.items()
    }
    names = {f"p{number}": each for number, each in enumerate(halves.values())}
    write_arrays(path, {"frames": np.array(list(halves)), **names}, compressed=True)


def read(folder: Path, target: str) -> dict[str, Panels]:
    """Panels of a target by frame; none where nothing was subtracted or nothing can be read."""
    path = folder / _FILE.format(files.slug(target))
    try:
        with read_arrays(path) as stored:
            frames = [str(each) for each in stored["frames"]]
            return {frame: stored[f"p{number}"] for number, frame in enumerate(frames)}
    except DAMAGED:
        return {}
