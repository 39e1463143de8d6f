"""Marks of a target on frames: where somebody saw it, and where it should be on the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from photpipe.catalogs.ldac import read_ldac_columns
from photpipe.ground import files
from photpipe.ground.errors import PhotPipeError
from photpipe.ground.sky import FloatArray
from photpipe.science.trajectory import Trajectory

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from photpipe.instruments.telescopes import Telescope

POSITIONS_FILE = "positions.dat"
_TITLE = "# filename RA(deg) Dec(deg) midtime(JD)"
_MARKED = "# marked"


@dataclass(frozen=True, slots=True, eq=False)
class MarkableFrame:
    """A frame that can be looked at and marked.

    Parameters
    ----------
    path : Path
        The frame.
    shape : (ny, nx)
        Its size.
    midtime_jd : float
        Middle of the exposure (JD, UTC).
    wcs : WCS
        Registered or not.
    is_registered : bool
        Whether the WCS is one of pp_register.
    x_px, y_px : array, shape (n,)
        Sources of pp_extract or pp_photometry (FITS pixels), brightest first.
    """

    path: Path
    shape: tuple[int, int]
    midtime_jd: float
    wcs: "WCS"
    is_registered: bool
    x_px: FloatArray
    y_px: FloatArray

    @classmethod
    def read(cls, path: Path, telescope: "Telescope | None") -> "MarkableFrame":
        """Read a frame and its catalog; without a catalog there are no sources.

        Raises
        ------
        FrameError, HeaderError, ConfigError
            If it cannot be used, or has no WCS or time.
        """
        from photpipe.instruments.frames import Frame
        from photpipe.register.registration import REGISTERED, STATUS

        frame = Frame.read(path, telescope)
        is_registered = frame.header.get(STATUS) == REGISTERED
        sources = _sources(frame.ldac_path)
        return cls(path, frame.shape, frame.midtime_jd, frame.wcs(), is_registered, *sources)

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name

    def sky_of(self, x_px: float, y_px: float) -> tuple[float, float]:
        """RA and Dec (degrees) of a FITS pixel."""
        ra, dec = self.wcs.all_pix2world(x_px, y_px, 1)
        return float(ra), float(dec)

    def pixel_of(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """FITS pixel of a position; NaN if it is not in the sky of the frame."""
        x, y = self.wcs.all_world2pix(ra_deg, dec_deg, 1, quiet=True)
        return float(x), float(y)

    def snapped(self, x_px: float, y_px: float, reach_px: float) -> tuple[float, float]:
        """Position of the nearest source within reach, or else the place itself."""
        apart = np.hypot(self.x_px - x_px, self.y_px - y_px)
        if not apart.size or apart.min() > reach_px:
            return x_px, y_px
        nearest = int(np.argmin(apart))
        return float(self.x_px[nearest]), float(self.y_px[nearest])


def _sources(path: Path) -> tuple[FloatArray, FloatArray]:
    try:
        table = read_ldac_columns(path)
        x, y, flux = (
            np.asarray(table[name], float) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_AUTO")
        )
    except (PhotPipeError, KeyError):
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-flux)
    return x[order], y[order]


class Marks:
    """Marks of one target on some frames, in chronological order."""

    def __init__(self, sights: Sequence[MarkableFrame]) -> None:
        self.sights = sorted(sights, key=lambda each: each.midtime_jd)
        self._marks: dict[int, tuple[float, float]] = {}
        self._past: list[tuple[int, tuple[float, float] | None]] = []
        self._trajectory: Trajectory | None = None

    def __len__(self) -> int:
        """How many frames are marked."""
        return len(self._marks)

    def mark(self, number: int, x_px: float, y_px: float) -> None:
        """Mark the target on a frame; an earlier mark there is replaced."""
        self._change(number, self.sights[number].sky_of(x_px, y_px))

    def remove(self, number: int) -> None:
        """Take the mark of a frame away, if there is one."""
        if number in self._marks:
            self._change(number, None)

    def undo(self) -> int | None:
        """Take the last change back; the number of its frame, None if there is none."""
        if not self._past:
            return None
        number, before = self._past.pop()
        self._set(number, before)
        return number

    def _change(self, number: int, place: tuple[float, float] | None) -> None:
        self._past.append((number, self._marks.get(number)))
        self._set(number, place)

    def _set(self, number: int, place: tuple[float, float] | None) -> None:
        if place is None:
            del self._marks[number]
        else:
            self._marks[number] = place
        numbers = list(self._marks)
        times = [self.sights[each].midtime_jd for each in numbers]
        self._trajectory = None
        if len(set(times)) > 1:
            places = [self._marks[each] for each in numbers]
            self._trajectory = Trajectory.through(times, *np.array(places).T)

    def is_marked(self, number: int) -> bool:
        """Whether a frame is marked."""
        return number in self._marks

    def position(self, number: int) -> tuple[float, float] | None:
        """RA and Dec (degrees) of the target: marked, or on the path through the marks."""
        if number in self._marks:
            return self._marks[number]
        if self._trajectory is None:
            return None
        ra, dec = self._trajectory.at(self.sights[number].midtime_jd)
        return float(ra), float(dec)

    def pixel(self, number: int) -> tuple[float, float] | None:
        """The same in FITS pixels of the frame."""
        position = self.position(number)
        return None if position is None else self.sights[number].pixel_of(*position)

    def restore(self, path: Path) -> int:
        """Take over the marks of an earlier positions file; returns how many there are."""
        index = {each.name: number for number, each in enumerate(self.sights)}
        for line in _lines(path):
            row, _, comment = line.partition("#")
            name, numbers = _parts(row)
            if f"#{comment}".strip() == _MARKED and name in index and len(numbers) == 3:
                self._set(index[name], (numbers[0], numbers[1]))
        return len(self)

    def write(self, path: Path) -> int:
        """Write the positions file; rows of other frames in it are kept.

        Returns
        -------
        int
            How many positions of these frames there are.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        own = {each.name for each in self.sights}
        lines = _lines(path)
        if lines and lines[0] != _TITLE:  # somebody else's: kept
            path.replace(path.with_name(f"{path.name}.bak"))
        parts = [(line, *_parts(line)) for line in lines]
        kept = [line for line, name, numbers in parts if len(numbers) == 3 and name not in own]
        rows = []
        for number, sight in enumerate(self.sights):
            position = self.position(number)
            if position is not None:
                marked = f"  {_MARKED}" if self.is_marked(number) else ""
                rows.append(_row(sight, *position) + marked)
        files.write_text(path, "\n".join([_TITLE, *kept, *rows]) + "\n", lasting=True)
        return len(rows)


def _row(sight: MarkableFrame, ra_deg: float, dec_deg: float) -> str:
    columns = [sight.name, f"{ra_deg:.8f}", f"{dec_deg:+.8f}", f"{sight.midtime_jd:.8f}"]
    # commas part the columns where blanks are part of the name
    return (", " if len(sight.name.split()) > 1 else " ").join(columns)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _parts(line: str) -> tuple[str, list[float]]:
    """File name and numbers of a row; no numbers where it is none."""
    bare = line.partition("#")[0]
    name, *words = [
        word.strip() for word in (bare.split(",") if "," in bare else bare.split())
    ] or [""]
    try:
        return name, [float(word) for word in words]
    except ValueError:
        return name, []
