"""The sky without a target: what is left of a frame when the other frames are taken away.

Where a neighbour changes a moving target, frames of the night on which the target is elsewhere make
a template (`photpipe.science.subtraction`), and the target is measured on the difference.
"""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.distill.identification import Track
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.star_images import motion_px
from photpipe.fits.pixels import Plane, open_plane
from photpipe.ground import sky
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science import growth, subtraction
from photpipe.science.noise import annulus_reach
from photpipe.science.saturation import threshold
from photpipe.science.subtraction import KernelMatch, Stamp

if TYPE_CHECKING:
    from photpipe.distill.own_psf import OwnDifference

NO_TEMPLATE = "no other frame shows the place without the target"
MOST_TEMPLATES = 6  # by judgement: each costs as much as the first and helps less
MOST_STARS = 10  # by judgement: the brightest tell the kernel; more of them cost time
FEWEST_TEMPLATES = 1  # one template will do, with its own noise
# by judgement: there a Moffat star has sunk to 1e-3 of its peak; what a neighbour spoils most
CLEAR_FWHM, MASK_FWHM = 3.0, 1.5
CORE_FWHM = 2.0  # around stars, of which the pixels make the kernel
STAR_REACH_PX = 8.0  # of the stamps around stars, beyond aperture and seeing
OPEN_FRAMES = 64  # by judgement: memory against reading frames again
MARGIN_PX = 4  # that splines need around a stamp
STEP_PX = 10.0  # over which the WCS of two frames are compared


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a frame: middle (FITS pixels), first column and row, half the size."""

    x_px: float
    y_px: float
    half: int

    @property
    def left(self) -> int:
        """First column, counted from 0."""
        return round(self.x_px) - 1 - self.half

    @property
    def top(self) -> int:
        """First row, counted from 0."""
        return round(self.y_px) - 1 - self.half

    @property
    def size(self) -> int:
        """Pixels on a side."""
        return 2 * self.half + 1

    def grown(self, by: int) -> "Region":
        """The window with a rim around it."""
        return replace(self, half=self.half + by)


@dataclass(frozen=True, slots=True)
class Difference:
    """A frame around a target, and what is left without the template.

    Parameters
    ----------
    window : Region
        Where it is on the frame.
    raw, template, difference : array, shape (n, n)
        Counts above the sky.
    match : KernelMatch
        How the template was made like the frame.
    variance : array
        Of the template before it was matched, larger by the kernel.
    frames : int
        Frames of which the template was made.
    """

    window: Region
    raw: FloatArray
    template: FloatArray
    difference: FloatArray
    match: KernelMatch
    variance: FloatArray
    frames: int

    @property
    def by(self) -> str:
        """How the neighbours were found, in words."""
        return f"by {self.frames} frames"

    def place(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Column and row (from 0) in the arrays of a place on the frame (FITS pixels)."""
        return x_px - 1 - self.window.left, y_px - 1 - self.window.top

    def error(self, x_px: float, y_px: float, radius_px: float) -> float:
        """Error (counts) of an aperture, as far as it is due to the noise of the template."""
        place = self.place(x_px, y_px)
        return math.sqrt(
            subtraction.aperture_variance(self.variance, self.match.kernel, *place, radius_px)
        )


@lru_cache(maxsize=OPEN_FRAMES)
def _plane(path: Path, _changed_ns: int) -> Plane:
    return open_plane(path)


def pixels_of(calibrated: MeasuredFrame, window: Region) -> FloatArray:
    """Pixels of a window; NaN beyond the edges, where masked, and where saturated."""
    frame = calibrated.frame
    plane = _plane(frame.path, frame.path.stat().st_mtime_ns)
    ny, nx = plane.shape
    rows = slice(max(window.top, 0), max(0, min(window.top + window.size, ny)))
    columns = slice(max(window.left, 0), max(0, min(window.left + window.size, nx)))
    values = np.full((window.size, window.size), np.nan)
    inside = (
        slice(rows.start - window.top, rows.stop - window.top),
        slice(columns.start - window.left, columns.stop - window.left),
    )
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return values
    part = np.asarray(plane.part(rows, columns), float)
    if frame.mask_path is not None:
        mask = _plane(frame.mask_path, frame.mask_path.stat().st_mtime_ns).part(rows, columns)
        part = np.where(mask > 0, part, np.nan)
    with np.errstate(invalid="ignore"):
        part[part >= threshold(frame.saturation or math.inf)] = np.nan
    values[inside] = part
    return values


def _stamp(calibrated: MeasuredFrame, window: Region) -> Stamp:
    """Counts of a window above the sky, with their variances."""
    values = pixels_of(calibrated, window)
    apart = np.hypot(
        calibrated.column("XWIN_IMAGE") - window.x_px, calibrated.column("YWIN_IMAGE") - window.y_px
    )
    values -= calibrated.value("BACKGROUND", int(np.argmin(apart)))
    noise = calibrated.pixel_noise_counts
    return Stamp(values, noise**2 + calibrated.photon_counts * np.maximum(values, 0.0))


Kept = dict[tuple[str, str], tuple[Region, NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class Subtraction:
    """Differences of one series.

    Parameters
    ----------
    frames : sequence of MeasuredFrame
        All frames, in the order of the arrays of the targets.
    tracks : sequence of Track
        The targets; the light of those that move is kept out of the templates.
    kept : dict
        Names of target and frame, where something was subtracted, and frame, template and
        difference there, shape (3, n, n).
    """

    frames: Sequence[MeasuredFrame]
    tracks: Sequence[Track]
    kept: Kept = field(default_factory=dict)

    def alone(self) -> "Subtraction":
        """The same with nothing kept, for the differences of one frame."""
        return replace(self, kept={})

    def keep(self, target: str, frame: str, found: "Difference | OwnDifference") -> None:
        """Keep what was subtracted from a point, for the pages."""
        panels = np.stack([found.raw, found.template, found.difference])
        self.kept[target, frame] = found.window, panels.astype(np.float32)

    def panels(self, target: str) -> dict[str, NDArray[np.float32]]:
        """Frame, template and difference of a target, shape (3, n, n), by the name of the frame."""
        places = sorted(key for key in self.kept if key[0] == target)
        return {frame: self.kept[target, frame][1] for _, frame in places}

    def images(self, target: str) -> Iterator[tuple[str, bytes]]:
        """FITS files of the differences around a target, the template as extension, by frame."""
        from astropy.io import fits

        for calibrated in self.frames:
            key = target, calibrated.frame.name
            if key not in self.kept:
                continue
            header = calibrated.wcs.to_header(relax=True)
            window, (_, template, difference) = self.kept[key]
            header["CRPIX1"] -= window.left
            header["CRPIX2"] -= window.top
            header["OBJECT"] = target.encode("ascii", "replace").decode()
            stream = io.BytesIO()
            fits.HDUList(
                [
                    fits.PrimaryHDU(difference, header),
                    fits.ImageHDU(template, header, name="TEMPLATE"),
                ]
            ).writeto(stream)
            yield calibrated.frame.name, stream.getvalue()

    def difference(self, number: int, track: Track, half_px: int = 0) -> Difference | str:
        """The frame `number` without the sky behind a target, or why there is none.

        Parameters
        ----------
        half_px : int
            Half a side of what is wanted around a trail; 0: aperture and annulus.
        """
        chosen = self.templates(number, track, half_px)
        if len(chosen) < FEWEST_TEMPLATES:
            return NO_TEMPLATE
        calibrated = self.frames[number]
        fwhm = self.frames[number].fwhm_px
        reach = subtraction.kernel_reach(fwhm)
        place = calibrated.pixel_of(*self._place(track, number))
        own = Region(*place, half_px or math.ceil(annulus_reach(calibrated.radius_px)) + 1)
        windows = [own, *self._stars(number)]
        stamps = [_stamp(calibrated, each) for each in windows]
        aligned = [self._aligned(number, other, windows, reach) for other in chosen]
        templates = [subtraction.combined(each) for each in zip(*aligned, strict=True)]
        match = subtraction.matched(stamps[1:], templates[1:], reach, math.ceil(CORE_FWHM * fwhm))
        if match is None:
            return "too few stars to match the frames"
        template = subtraction.convolved(templates[0].values, match.kernel)
        raw = stamps[0].values
        return Difference(
            own, raw, template, raw - template, match, templates[0].variance, len(chosen)
        )

    def templates(self, number: int, track: Track, half_px: int = 0) -> list[int]:
        """Frames, the sharpest first, that show the place of a target on a frame without it."""
        located, calibrated = track.located, self.frames[number]
        place = self._place(track, number)
        apart = sky.separation_deg(located.ra_deg, located.dec_deg, *place) * sky.ARCSEC_PER_DEG
        good = []
        for other, each in enumerate(self.frames):
            fwhm = max(each.seeing_arcsec, calibrated.seeing_arcsec)
            reach = subtraction.kernel_reach(self.frames[number].fwhm_px) * calibrated.scale_arcsec
            trail = math.hypot(*motion_px(each, track.target, other)) * each.scale_arcsec
            if half_px:  # both trails by half their length, and what is masked around the other
                own = math.hypot(*motion_px(calibrated, track.target, number)) / 2
                own, trail = own * calibrated.scale_arcsec + MASK_FWHM * fwhm, trail / 2
            else:
                own = calibrated.aperture_arcsec
            clear = max(CLEAR_FWHM * fwhm, own + reach + MASK_FWHM * fwhm + trail)
            x, y = each.pixel_of(*place)
            if other != number and apart[other] > clear and each.contains(x, y):
                good.append(other)
        return sorted(good, key=lambda n: self.frames[n].seeing_arcsec)[:MOST_TEMPLATES]

    def _place(self, track: Track, number: int) -> tuple[float, float]:
        located = track.located
        return float(located.ra_deg[number]), float(located.dec_deg[number])

    def _stars(self, number: int) -> list[Region]:
        """Windows around bright stars that stand alone."""
        calibrated = self.frames[number]
        half = math.ceil(calibrated.radius_px + STAR_REACH_PX + self.frames[number].fwhm_px)
        x, y, flux = (calibrated.column(name) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_APER"))
        good = calibrated.well_measured_stars() & self._away(number, x, y, 1.5 * half)
        alone = growth.neighbour_light(x, y, flux, 1.5 * half) < growth.NEIGHBOUR_LIGHT
        ny, nx = calibrated.frame.shape
        inside = (np.minimum(x, y) > half + 1) & (x < nx - half) & (y < ny - half)
        rows = np.flatnonzero(good & alone & inside)
        rows = rows[np.argsort(-flux[rows])][:MOST_STARS]
        return [Region(float(x[row]), float(y[row]), half) for row in rows]

    def _movers(self, number: int) -> FloatArray:
        """Places of all moving targets on a frame and their trails (FITS pixels), shape (n, 4)."""
        frame = self.frames[number]
        places = [
            (*frame.pixel_of(*self._place(each, number)), *motion_px(frame, each.target, number))
            for each in self.tracks
            if each.target.moves
        ]
        found = np.array(places, float).reshape(-1, 4)
        return np.asarray(found[np.isfinite(found).all(axis=1)])

    def _away(self, number: int, x: FloatArray, y: FloatArray, apart_px: float) -> BoolArray:
        """Which places are away from all moving targets."""
        movers = self._movers(number)
        apart = np.hypot(x[:, None] - movers[:, 0], y[:, None] - movers[:, 1])
        return np.asarray((apart > apart_px).all(axis=1))

    def _aligned(
        self, number: int, other: int, windows: Sequence[Region], reach: int
    ) -> list[Stamp]:
        """Windows of a frame, with a rim for the kernel, as another frame shows them."""
        own, there = self.frames[number], self.frames[other]
        scale = _scale(own, there)
        aligned = []
        movers = self._movers(other)
        mask_px = MASK_FWHM * self.frames[other].fwhm_px
        for window, (matrix, middle) in zip(windows, _mapped(own, there, windows), strict=True):
            grown = window.grown(reach)
            spread = math.ceil(float(np.abs(matrix).sum(axis=1).max()) * grown.half) + MARGIN_PX
            wanted = Region(float(middle[1]), float(middle[0]), spread)
            stamp = _stamp(there, wanted)
            for x, y, *trail in movers.tolist():
                beyond = spread + mask_px + math.hypot(*trail) / 2
                if max(abs(x - wanted.x_px), abs(y - wanted.y_px)) < beyond:
                    place = x - 1 - wanted.left, y - 1 - wanted.top
                    hidden = subtraction.masked(stamp.values, place, mask_px, trail)
                    stamp = replace(stamp, values=hidden)
            first = np.array([grown.top + 1 - window.y_px, grown.left + 1 - window.x_px])
            offset = matrix @ first + middle - 1 - [wanted.top, wanted.left]
            size = grown.size, grown.size
            aligned.append(subtraction.resampled(stamp, matrix, offset, size, scale))
        return aligned


def _scale(own: MeasuredFrame, other: MeasuredFrame) -> float:
    """Counts of a frame for one of another."""
    if own.is_calibrated and other.is_calibrated:
        return float(10 ** (0.4 * (own.zeropoint_mag - other.zeropoint_mag)))
    ratio = own.facts.exptime_s / other.facts.exptime_s
    return float(ratio) if math.isfinite(ratio) and ratio > 0 else 1.0


def _mapped(
    own: MeasuredFrame, other: MeasuredFrame, windows: Sequence[Region]
) -> list[tuple[FloatArray, FloatArray]]:
    """Matrix and middle (row, column; FITS pixels) of windows on another frame."""
    steps = np.array([[0.0, 0.0], [STEP_PX, 0.0], [0.0, STEP_PX]])
    places = np.array([[each.x_px, each.y_px] for each in windows])[:, None] + steps
    world = own.wcs.all_pix2world(places.reshape(-1, 2), 1)
    there = other.wcs.all_world2pix(world, 1, quiet=True).reshape(-1, 3, 2)
    mapped = []
    for middle, right, up in there:
        columns = np.array([up - middle, right - middle])[:, ::-1] / STEP_PX
        mapped.append((columns.T, middle[::-1]))
    return mapped
