"""What solved frames teach about cameras without an entry."""

import time
from collections.abc import Iterable, Sequence

import numpy as np

from photpipe.instruments.cameras import camera, memory
from photpipe.instruments.frames import Frame
from photpipe.run.results import RegisteredFrame


def learned(solved: Iterable[tuple[Frame, RegisteredFrame]]) -> list[str]:
    """Remember scale, orientation, gain and saturation of each camera; what to tell of it.

    Raises
    ------
    ConfigError
        If the memory cannot be written.
    """
    groups: dict[str, list[tuple[Frame, RegisteredFrame]]] = {}
    for frame, row in solved:
        if camera.is_camera(frame.telescope.keyword):
            groups.setdefault(frame.telescope.keyword, []).append((frame, row))
    lines = [memory.learn(_of(group)) for group in groups.values()]
    return [line for line in lines if line]


def _of(group: Sequence[tuple[Frame, RegisteredFrame]]) -> memory.Learned:
    """What the frames of one camera agree on."""
    frame, _ = group[0]
    rows = [row for _, row in group]
    return memory.Learned(
        identity=frame.telescope.keyword.rpartition("_")[2],
        name=frame.telescope.name,
        scale_arcsec=float(np.median([row.pixel_scale_arcsec for row in rows])),
        rotation_deg=rows[-1].rotation_deg % 360.0,
        mirrored=sum(row.mirrored for row in rows) * 2 > len(rows),
        gain=frame.gain,
        saturation_adu=frame.saturation,
        frames=len(rows),
        seen=time.strftime("%Y-%m-%d", time.gmtime()),
    )
