"""Marking a target in the browser: what pp_manident does in its window, asked for by a page.

The marks are those of `photpipe.manident.marking`: a click snaps to the nearest source, from the
second mark on there is a path, and ``positions.dat`` is the same file. It is written after every
change, so that nothing is lost when the page, the connection or the server goes away.
"""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.manident.marking import POSITIONS_FILE, MarkableFrame, Marks
from photpipe.report.state import gather
from photpipe.run.workspace import Workspace

MOST_SOURCES = 2000  # circles on a frame
LARGEST_REACH_PX = 50.0  # by judgement: an image of a star is smaller


@dataclass
class MarkDesk:
    """Frames of one directory and their marks.

    Parameters
    ----------
    workspace : Workspace
        The directory.
    """

    workspace: Workspace
    _marks: Marks | None = None
    _slugs: dict[str, str] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def frames(self) -> dict[str, Any]:
        """What does not change: frames in chronological order with sizes and sources.

        Raises
        ------
        ConfigError
            If no frame can be marked.
        """
        with self._turn:
            marks = self._opened()
            return {"frames": [self._frame(each) for each in marks.sights], **self._state(marks)}

    def change(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a page asks for, write the positions, and tell the marks.

        Parameters
        ----------
        asked : mapping
            ``do``: mark (with ``number``, ``x``, ``y`` in FITS pixels and ``reach`` in pixels),
            remove (with ``number``), or undo.

        Raises
        ------
        ConfigError
            If that is not possible.
        """
        with self._turn:
            marks = self._opened()
            if asked.get("do") == "undo":
                marks.undo()
            else:
                number = asked.get("number")
                if not isinstance(number, int) or not 0 <= number < len(marks.sights):
                    raise ConfigError(f"frame number {number!r} is not known")
                if asked.get("do") == "mark":
                    marks.mark(number, *_place(marks.sights[number], asked))
                elif asked.get("do") == "remove":
                    marks.remove(number)
                else:
                    raise ConfigError(f"{asked.get('do')!r} is not known: mark, remove or undo")
            marks.write(self.workspace.directory / POSITIONS_FILE)
            return self._state(marks)

    def _opened(self) -> Marks:
        """The marks, with those of an earlier session; frames are read when first asked for."""
        if self._marks is not None:
            return self._marks
        from photpipe.instruments import telescopes

        sights = []
        for frame in gather(self.workspace).frames:
            keyword = frame.facts.telescope if frame.facts else ""
            telescope = telescopes.by_keyword(keyword) if keyword else None
            try:
                sight = MarkableFrame.read(self.workspace.directory / frame.name, telescope)
            except PhotPipeError:
                continue
            self._slugs[frame.name] = frame.slug
            sights.append(sight)
        if not sights:
            raise ConfigError(f"{self.workspace.directory}: no frame here can be marked")
        self._marks = Marks(sights)
        self._marks.restore(self.workspace.directory / POSITIONS_FILE)
        return self._marks

    def _frame(self, sight: MarkableFrame) -> dict[str, Any]:
        ny, nx = sight.shape
        sources = zip(sight.x_px[:MOST_SOURCES], sight.y_px[:MOST_SOURCES], strict=True)
        return {
            "name": sight.name,
            "slug": self._slugs[sight.name],
            "width": nx,
            "height": ny,
            "jd": round(sight.midtime_jd, 6),
            "registered": sight.is_registered,
            "sources": [[round(float(x), 1), round(float(y), 1)] for x, y in sources],
        }

    def _state(self, marks: Marks) -> dict[str, Any]:
        places = []
        for number in range(len(marks.sights)):
            pixel = marks.pixel(number)
            is_known = pixel is not None and all(map(math.isfinite, pixel))
            places.append([round(each, 2) for each in pixel] if is_known and pixel else None)
        marked = [marks.is_marked(number) for number in range(len(marks.sights))]
        return {"places": places, "marked": marked}


def _place(sight: MarkableFrame, asked: Mapping[str, Any]) -> tuple[float, float]:
    """Pixel that is to be marked: that of the nearest source within reach.

    Raises
    ------
    ConfigError
        If it is not on the frame.
    """
    try:
        x, y, reach = (float(asked[name]) for name in ("x", "y", "reach"))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("a mark needs the numbers x, y and reach") from error
    ny, nx = sight.shape
    if not (0.5 <= x <= nx + 0.5 and 0.5 <= y <= ny + 0.5 and 0 <= reach <= LARGEST_REACH_PX):
        raise ConfigError(f"x = {x:.1f}, y = {y:.1f} is not on {sight.name}")
    return sight.snapped(x, y, reach)
