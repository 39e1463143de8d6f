"""The finder chart of a target: a frame of the series with the path of the target on it."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from photpipe.report import wording
from photpipe.report.assets import EXPECTED
from photpipe.report.frameview import Arrow, compass, font_px, pixel_in_image, scale_bar
from photpipe.report.links import Links
from photpipe.report.output import Output
from photpipe.report.state import FrameState, State, TargetData
from photpipe.run.photometry_file import TargetPoint

log = logging.getLogger(__name__)

RING_SHARE = 1 / 40  # radius of the circle in units of the width
LETTER_SIZE = 2.2  # in units of those of a frame's page, which is shown larger
SHORTEST_PATH = 1 / 60  # of the width; a shorter one is hidden by the circle
SHORTEST_LABELLED = 1 / 8  # of the width; labels of a shorter one would overlap


@dataclass(frozen=True, slots=True)
class FinderView:
    """A finder chart; places in pixels of the frame, y down.

    Parameters
    ----------
    src, alt : str
        The image and what it shows.
    width, height : int
        Size of the frame.
    ring : (str, str, str)
        Circle around the target on this frame.
    path : str
        Its way through the series; empty if it hardly moves.
    start, end : str
        Times of the ends of the path.
    """

    src: str
    alt: str
    width: int
    height: int
    font: str
    ring: tuple[str, str, str]
    path: str
    ends: tuple[tuple[str, str, str], ...]
    compass: tuple[Arrow, ...]
    compass_at: tuple[str, str]
    bar_px: str
    bar_text: str


def finder_view(
    state: State, target: TargetData, output: Output, links: Links
) -> FinderView | None:
    """Finder chart of a target; None if there is no frame to draw it on."""
    points = [each for each in (target.good or target.points) if _is_known(each)]
    frames = {each.name: each for each in state.frames}
    points = [each for each in points if each.frame in frames]
    if not points:
        return None
    middle = points[len(points) // 2]
    frame = frames[middle.frame]
    info = output.info(f"images/{frame.slug}.jpg")
    if info is None:
        return None
    try:
        places = _pixels(state, frame, points)
    except EXPECTED as error:
        log.debug("%s: no finder chart: %s", target.name, error)
        return None
    width, height = int(info["width"]), int(info["height"])
    return _drawn(target, frame, points, places, (width, height), links)


def _is_known(point: TargetPoint) -> bool:
    return all(map(math.isfinite, _position(point)))


def _position(point: TargetPoint) -> tuple[float, float]:
    """Predicted position of a target (deg), which is smooth; else the measured one."""
    if math.isfinite(point.predicted_ra_deg):
        return point.predicted_ra_deg, point.predicted_dec_deg
    return point.source_ra_deg, point.source_dec_deg


def _pixels(
    state: State, frame: FrameState, points: Sequence[TargetPoint]
) -> list[tuple[float, float]]:
    """Positions of the points in pixels of one frame."""
    from photpipe.instruments import telescopes
    from photpipe.instruments.frames import Frame

    telescope = telescopes.by_keyword(frame.facts.telescope) if frame.facts else None
    wcs: Any = Frame.read(state.directory / frame.name, telescope).wcs()
    ra, dec = zip(*(_position(each) for each in points), strict=True)
    x, y = wcs.all_world2pix(ra, dec, 1, quiet=True)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _drawn(
    target: TargetData,
    frame: FrameState,
    points: Sequence[TargetPoint],
    places: Sequence[tuple[float, float]],
    size: tuple[int, int],
    links: Links,
) -> FinderView:
    width, height = size
    drawn = [pixel_in_image(x, y, height) for x, y in places]
    reach = max(math.dist(places[0], each) for each in places)
    is_moving = reach > SHORTEST_PATH * width
    path = f"M{'L'.join(f'{x} {y}' for x, y in drawn)}" if is_moving else ""
    times = [wording.instant(each.midtime_jd, 0)[11:16] for each in (points[0], points[-1])]
    arrow = max(0.06 * min(width, height), 1.5 * font_px(width))
    letter = LETTER_SIZE * font_px(width)
    margin = 1.35 * arrow + letter
    bar_px, bar_text = scale_bar(frame, width)
    x, y = drawn[len(points) // 2]
    return FinderView(
        src=links.file(f"images/{frame.slug}.jpg"),
        alt=f"Finder chart of {target.name} on {frame.name}",
        width=width,
        height=height,
        font=f"{letter:.1f}",
        ring=(x, y, f"{RING_SHARE * width:.1f}"),
        path=path,
        ends=tuple((a, b, text) for (a, b), text in zip((drawn[0], drawn[-1]), times, strict=True))
        if reach > SHORTEST_LABELLED * width
        else (),
        compass=compass(frame, arrow),
        compass_at=(f"{width - margin:.1f}", f"{margin:.1f}"),
        bar_px=bar_px,
        bar_text=bar_text,
    )
