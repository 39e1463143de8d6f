"""The stacks on the main page: from one frame to all of them, what was measured, how deep it is."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photpipe.report import wording
from photpipe.report.assets import EXPECTED
from photpipe.report.frameview import magnitude
from photpipe.report.links import Links
from photpipe.report.output import Info, Output
from photpipe.report.state import StackState, State
from photpipe.report.tables import SENTENCE, TEXT, Column, Link, TableView, table
from photpipe.report.wording import number
from photpipe.run.photometry_file import TargetPoint, file_name
from photpipe.run.results import CombineResult

if TYPE_CHECKING:
    from photpipe.fits.pixels import Plane

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

MOST_STEPS = 12  # images of a slider
HALF_PX = 40  # of the images of the slider
_LOOK = "1"  # to be raised when the images come to look otherwise


@dataclass(frozen=True, slots=True)
class StackPane:
    """One stack around the target: a strip of images, the stack itself on top.

    Parameters
    ----------
    name, words : str
        File of the stack; what it followed.
    src : str
        The strip; empty if it cannot be shown.
    steps : tuple of int
        Number of frames that were added up for each image below the stack.
    circle : (str, str, str) or None
        Aperture at the measured position, pixels of an image, y down.
    side : int
        Pixels on each side of an image.
    """

    name: str
    words: str
    src: str
    steps: tuple[int, ...]
    circle: tuple[str, str, str] | None
    side: int


@dataclass(frozen=True, slots=True)
class StackedPoint:
    """A target as measured on the stack, and what the frames of the stack say of it."""

    target: str
    point: TargetPoint
    on_frames: tuple[TargetPoint, ...]
    links: Links


@dataclass(frozen=True, slots=True)
class StackView:
    """The section.

    Parameters
    ----------
    summary, depth : str
        What was stacked; the limits of stack and frames.
    steps : tuple of int
        Numbers of frames that the slider can show; empty if there is nothing to slide.
    """

    summary: str
    depth: str
    frames: int
    steps: tuple[int, ...]
    panes: tuple[StackPane, ...]
    targets: TableView


def stack_view(state: State, output: Output, links: Links) -> StackView | None:
    """Section of the stacks; None if there are none."""
    stack = state.stack
    if stack is None:
        return None
    point = next((each for _, each in stack.points), None)
    made = [each for each in (stack.result.stars, stack.result.comoving) if each]
    panes = tuple(_pane(state, each, point, output, links) for each in made)
    return StackView(
        summary=_summary(stack),
        depth=_depth(state, stack),
        frames=len(stack.result.stars.frames),
        steps=max((each.steps for each in panes), key=len),
        panes=panes,
        targets=table(
            TARGETS, (_stacked(state, stack, name, each, links) for name, each in stack.points)
        ),
    )


def _summary(stack: StackState) -> str:
    result = stack.result
    followed = f", and with {result.comoving.target} followed" if result.comoving else ""
    method = {"clipped": "a clipped mean", "average": "a mean", "median": "a median"}
    how = method.get(result.stars.method, result.stars.method)
    frames = wording.many(len(result.stars.frames), "frame")
    zeropoint = "No zeropoint: the magnitudes are instrumental."
    if math.isfinite(result.zeropoint_mag):
        value = wording.with_error(result.zeropoint_mag, result.zeropoint_sigma_mag, 4)
        zeropoint = f"Zeropoint {value} mag in {result.band} from {result.catalog}."
    return f"{frames} combined to {how} with the stars at rest{followed}. {zeropoint}"


def _depth(state: State, stack: StackState) -> str:
    """Limit of the stack beside that of its frames; empty if it is not known."""
    limit = next((p.limiting_mag for _, p in stack.points if math.isfinite(p.limiting_mag)), None)
    if limit is None:
        return ""
    used = set(stack.result.stars.frames)
    rows = [each.calibrated for each in state.frames if each.name in used and each.calibrated]
    of_frame = wording.median(each.limiting_mag for each in rows if each.is_calibrated)
    text = f"5σ limit of the stack: {stack.result.band} = {limit:.2f} mag"
    if not (math.isfinite(of_frame) and math.isfinite(stack.result.zeropoint_mag)):
        return f"{text}."
    count = len(stack.result.stars.frames)
    gain, expected = limit - of_frame, 1.25 * math.log10(count)
    return (
        f"{text}; of a single frame (median): {of_frame:.2f} mag. The stack is {abs(gain):.2f} mag "
        f"{'deeper' if gain > 0 else 'shallower'}; {count} equal frames gain {expected:.2f} mag."
    )


def _stacked(
    state: State, stack: StackState, name: str, point: TargetPoint, links: Links
) -> StackedPoint:
    of_frames = next((each for each in state.targets if each.name == name), None)
    used = stack.result.stars.frames
    good = [each for each in (of_frames.good if of_frames else ()) if each.frame in used]
    return StackedPoint(name, point, tuple(good), links)


def _median_of_frames(row: StackedPoint) -> str:
    if not row.on_frames:
        return wording.UNKNOWN
    median = wording.median(each.mag for each in row.on_frames)
    error = wording.median(each.sig for each in row.on_frames)
    return f"{wording.with_error(median, error)} ({len(row.on_frames)})"


def _file(row: StackedPoint) -> Link:
    file = file_name(row.target)
    return Link(file, row.links.data(file))


TARGETS: tuple[Column[StackedPoint], ...] = (
    Column("Target", lambda row: row.target, TEXT),
    Column("Measured on", lambda row: row.point.frame, TEXT),
    Column("Magnitude", lambda row: f"{magnitude(row.point)} mag", TEXT),
    Column("S/N", lambda row: number(row.point.snr, 1)),
    Column("Method", lambda row: row.point.method, TEXT),
    Column("Median of single frames", _median_of_frames),
    Column("Remark", lambda row: row.point.rejected or row.point.contamination, SENTENCE),
    Column("File", _file, TEXT),
)


# -- images


def _pane(
    state: State, made: CombineResult, point: TargetPoint | None, output: Output, links: Links
) -> StackPane:
    words = f"{made.target} at rest" if made.target else "stars at rest"
    empty = StackPane(made.stack, words, "", (), None, 1)
    if point is None:
        return empty
    try:
        return _strip(state, made, point, words, output, links)
    except EXPECTED as error:
        log.debug("%s: not shown: %s", made.stack, error)
        return empty


def _strip(
    state: State,
    made: CombineResult,
    point: TargetPoint,
    words: str,
    output: Output,
    links: Links,
) -> StackPane:
    """Images of the first frames of a stack added up, below the stack itself."""
    from photpipe.fits.pixels import open_plane

    path = state.directory / made.stack
    plane, wcs = open_plane(path), _wcs(state, path)
    place = _place(point)
    x, y = (float(each) for each in wcs.all_world2pix(*place, 1))
    column, row = round(x), round(y)
    steps = _steps(len(made.frames)) if all(_is_there(state, each) for each in made.frames) else ()
    if made.target and len(made.path_ra_deg) != len(made.frames):
        steps = ()  # an older result without the path

    def images() -> tuple[bytes, Info]:
        from photpipe.report.images import strip

        grid = _Grid(wcs, column, row)
        whole = grid.cut(plane)
        added = _added(state, made, grid, steps) if steps else []
        return strip([whole, *added]), {"steps": steps}

    key = f"{_LOOK} {plane.fingerprint()} {column} {row} {made} {steps}"
    file = f"stacks/{Path(made.stack).stem}.jpg"
    output.keep(file, key, images)
    circle = _circle(point, wcs, column, row)
    side = 2 * HALF_PX + 1
    return StackPane(made.stack, words, links.file(file), steps, circle, side)


def _circle(point: TargetPoint, wcs: Any, column: int, row: int) -> tuple[str, str, str] | None:
    """Aperture in pixels of an image; None if the target has no place of its own."""
    source = wcs.all_world2pix(point.source_ra_deg, point.source_dec_deg, 1)
    x, y = float(source[0]) - column + HALF_PX + 0.5, HALF_PX + 0.5 - (float(source[1]) - row)
    radius = point.aperture_radius_px
    return (f"{x:.1f}", f"{y:.1f}", f"{radius:.1f}") if math.isfinite(x + y + radius) else None


def _place(point: TargetPoint) -> tuple[float, float]:
    if math.isfinite(point.predicted_ra_deg):
        return point.predicted_ra_deg, point.predicted_dec_deg
    return point.source_ra_deg, point.source_dec_deg


def _steps(count: int) -> tuple[int, ...]:
    """Numbers of frames to be shown, from one to all of them."""
    spread = np.unique(np.round(np.geomspace(1, count, MOST_STEPS)).astype(int))
    return tuple(int(each) for each in spread)


def _is_there(state: State, name: str) -> bool:
    return (state.directory / name).is_file()


def _wcs(state: State, path: Path) -> Any:
    """WCS of a frame or a stack, which are all of one telescope."""
    from photpipe.instruments import telescopes
    from photpipe.instruments.frames import Frame

    keyword = next((each.facts.telescope for each in state.frames if each.facts), "")
    return Frame.read(path, telescopes.by_keyword(keyword) if keyword else None).wcs()


@dataclass(frozen=True, slots=True)
class _Grid:
    """Pixels of a stack around a place: its WCS, and the middle one (FITS)."""

    wcs: Any
    column: int
    row: int

    def cut(self, plane: "Plane") -> FloatArray:
        """Pixels of the stack; NaN beyond it."""
        from photpipe.report.images import part_around

        return np.asarray(part_around(plane, self.column, self.row, HALF_PX), float)

    def sampled(self, plane: "Plane", wcs: Any, move: tuple[float, float]) -> FloatArray:
        """Pixels of a frame that lie on those of the grid, less its sky.

        Parameters
        ----------
        move : (float, float)
            What is added to RA and Dec (deg) of the grid to get to those of the frame.
        """
        from scipy.ndimage import map_coordinates

        reach = float(HALF_PX)
        corners = np.array([[0, 0], [reach, 0], [0, reach]])
        ra, dec = self.wcs.all_pix2world(corners[:, 0] + self.column, corners[:, 1] + self.row, 1)
        at = np.array(wcs.all_world2pix(ra + move[0], dec + move[1], 1))
        along_x, along_y = ((at[:, i] - at[:, 0]) / reach for i in (1, 2))
        offsets = np.arange(-HALF_PX, HALF_PX + 1)
        dx, dy = np.meshgrid(offsets, offsets)
        x, y = (at[i, 0] + along_x[i] * dx + along_y[i] * dy - 1 for i in (0, 1))
        left, bottom = math.floor(x.min()), math.floor(y.min())
        ny, nx = plane.shape
        rows = slice(max(bottom, 0), min(math.ceil(y.max()) + 2, ny))
        columns = slice(max(left, 0), min(math.ceil(x.max()) + 2, nx))
        values = plane.part(rows, columns)
        if not values.size:
            return np.full(x.shape, np.nan)
        values = values - np.nanmedian(values)
        places = [y - rows.start, x - columns.start]
        return np.asarray(map_coordinates(values, places, order=1, cval=np.nan, mode="constant"))


def _added(
    state: State, made: CombineResult, grid: _Grid, steps: Sequence[int]
) -> list[FloatArray]:
    """Means of the first frames, as many as each step has."""
    from photpipe.fits.pixels import open_plane

    total = np.zeros((2 * HALF_PX + 1,) * 2)
    seen = np.zeros_like(total)
    images = []
    for index, name in enumerate(made.frames):
        move = (0.0, 0.0)
        if made.target:
            ra, dec = made.path_ra_deg[index], made.path_dec_deg[index]
            move = (ra - made.position_deg[0], dec - made.position_deg[1])
        path = state.directory / name
        values = grid.sampled(open_plane(path), _wcs(state, path), move)
        known = np.isfinite(values)
        total[known] += values[known]
        seen += known
        if index + 1 in steps:
            with np.errstate(invalid="ignore"):
                images.append(total / np.where(seen, seen, np.nan))
    return images
