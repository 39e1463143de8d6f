"""What is kept of the photometry of each frame, so that the next run need not repeat it.

A frame is taken as it was measured if its file and its catalog are as they were left, if the tool
would be told the same, and its target stands at the same place: `Circumstances`. All else that
decides (options, settings, programs) is in one key of the whole. The catalog of a frame that is
taken is its final one, in one aperture; where another is wanted, the frame is extracted again.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from photpipe.astromatic import sextractor
from photpipe.ground import files
from photpipe.ground.arrays import DAMAGED, read_arrays, write_arrays
from photpipe.ground.errors import PhotPipeError
from photpipe.measure.apertures import FrameGrowth, Gain, TargetPosition
from photpipe.run.results import PhotometryFrame
from photpipe.run.workspace import Workspace
from photpipe.science.growth import FloatArray, MeanCurve
from photpipe.science.saturation import NightPixels

if TYPE_CHECKING:
    from photpipe.astromatic.extraction import Extraction
    from photpipe.instruments.frames import Frame

_PIXELS = "photometry_pixels.npz"
Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides how a frame is measured, beyond what holds for all frames.

    Parameters
    ----------
    frame, catalog : str
        Stamps of the files; that of the catalog is empty before it is written.
    extraction : str
        Digest of the pixels and of all that Source Extractor is told.
    target : tuple of str
        Name and predicted position of the target, as exact texts; empty without one.
    """

    frame: str
    catalog: str
    extraction: str
    target: tuple[str, ...]

    @classmethod
    def of(
        cls, frame: "Frame", extraction: "Extraction", target: TargetPosition | None
    ) -> "Circumstances":
        """That of a frame and its catalog as they are now.

        Raises
        ------
        OSError, PhotPipeError
            If a file is not there, or cannot be used.
        """
        place = tuple(map(repr, astuple(target))) if target else ()
        stamps = files.stamp(frame.path), files.stamp(frame.ldac_path)
        return cls(*stamps, sextractor.question(frame, extraction), place)


@dataclass(frozen=True, slots=True)
class KeptCurve:
    """A `MeanCurve` in numbers that JSON knows."""

    fraction: Numbers
    error: Numbers
    snr: Numbers
    snr_error: Numbers
    number: int
    noise: float


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame as it was measured: its curve of growth, and its final catalog.

    Parameters
    ----------
    aperture_index : int
        Aperture of the catalog.
    with_psf : bool
        Whether a fit of the PSF was wanted.
    """

    question: Circumstances
    header_gain: float | None
    gain: float | None
    gain_origin: str
    background: KeptCurve | None
    target_flux: Numbers
    target_error: Numbers
    bright: int
    saturation_adu: float
    aperture_index: int
    with_psf: bool
    row: PhotometryFrame

    @classmethod
    def of(
        cls,
        question: Circumstances,
        grown: FrameGrowth,
        row: PhotometryFrame,
        how: tuple[int, bool],
    ) -> "KeptFrame":
        """What is kept of a frame that was measured in an aperture, with a PSF or without."""
        curve = grown.background
        background = None
        if curve:
            fraction, error = _numbers(curve.fraction), _numbers(curve.error)
            snr, snr_error = _numbers(curve.snr), _numbers(curve.snr_error)
            background = KeptCurve(fraction, error, snr, snr_error, curve.number, curve.noise)
        return cls(
            question,
            grown.header_gain,
            grown.gain.e_per_adu,
            grown.gain.origin,
            background,
            _numbers(grown.target_flux),
            _numbers(grown.target_error),
            grown.bright,
            grown.saturation_adu,
            *how,
            row,
        )

    def growth(self, frame: "Frame", target: TargetPosition | None) -> FrameGrowth:
        """What the frame said about the aperture."""
        curve = self.background
        background = None
        if curve:
            fraction, error = np.array(curve.fraction), np.array(curve.error)
            snr, snr_error = np.array(curve.snr), np.array(curve.snr_error)
            background = MeanCurve(fraction, error, snr, snr_error, curve.number, curve.noise)
        return FrameGrowth(
            frame,
            self.header_gain,
            Gain(self.gain, self.gain_origin),
            self.row.stars,
            background,
            self.row.fwhm_px,
            target,
            self.row.target_offset_arcsec,
            np.array(self.target_flux) if self.target_flux else None,
            np.array(self.target_error) if self.target_error else None,
            self.saturation_adu,
            self.bright,
        )


def _numbers(values: FloatArray | None) -> Numbers:
    return () if values is None else tuple(values.tolist())


@dataclass(frozen=True, slots=True)
class PhotometryMemory:
    """What is kept of all frames.

    Parameters
    ----------
    key : str
        Digest of what decides for all frames; what was kept under another one is of no use.
    psf_frame, psf_index, psf_error : str, int, float
        Frame whose stars were compared with its PSF, in which aperture, and how they differ.
    """

    key: str = ""
    frames: tuple[KeptFrame, ...] = ()
    psf_frame: str = ""
    psf_index: int = -1
    psf_error: float = math.nan


@dataclass(slots=True)
class Recollection:
    """What of an earlier run is still true of frames.

    Parameters
    ----------
    key : str
        As that of `PhotometryMemory`; empty: nothing is taken, nor kept.
    frames : dict
        Name of each frame that is as it was measured, to what is kept of it.
    night : NightPixels
        Brightest pixels of the frames that were measured then.
    psf : (str, int, float)
        As in `PhotometryMemory`.
    """

    key: str = ""
    frames: dict[str, KeptFrame] = field(default_factory=dict)
    night: NightPixels = field(default_factory=NightPixels)
    psf: tuple[str, int, float] = ("", -1, math.nan)

    @classmethod
    def of(
        cls,
        key: str,
        frames: Sequence["Frame"],
        extraction: "Extraction",
        targets: dict[Path, TargetPosition],
        workspace: Workspace,
    ) -> "Recollection":
        """What is known of frames in a directory."""
        if not key:
            return cls()
        memory = workspace.load(PhotometryMemory) or PhotometryMemory()
        night = _read_night(workspace.state_directory / _PIXELS, key)
        if memory.key != key or night is None:
            return cls(key)
        known = {each.row.frame: each for each in memory.frames}

        def is_true(frame: "Frame") -> bool:
            kept = known.get(frame.name)
            try:
                now = Circumstances.of(frame, extraction, targets.get(frame.path))
            except (OSError, PhotPipeError):
                return False
            return kept is not None and kept.question == now

        taken = {each.name: known[each.name] for each in frames if is_true(each)}
        psf = memory.psf_frame, memory.psf_index, memory.psf_error
        return cls(key, taken, night, psf)


def keep(memory: PhotometryMemory, night: NightPixels | None, workspace: Workspace) -> None:
    """Keep what was measured for the next run, or nothing where it cannot be relied upon."""
    if not memory.key or night is None:
        workspace.forget(PhotometryMemory)
        return
    arrays = {
        "key": np.array(memory.key),
        "values": night.values,
        "limits": np.array([night.step, night.floor]),
        "tops": np.array(sorted(night.tops), "U"),
        "frames": np.array(sorted(night.frames), "U"),
    }
    workspace.save(memory)
    try:
        write_arrays(workspace.state_directory / _PIXELS, arrays)
    except OSError:
        workspace.forget(PhotometryMemory)


def _read_night(path: Path, key: str) -> NightPixels | None:
    """Brightest pixels that were kept under a key; None if there are none."""
    try:
        with read_arrays(path) as stored:
            if str(stored["key"]) != key:
                return None
            step, floor = stored["limits"].tolist()
            tops, frames = (frozenset(stored[name].tolist()) for name in ("tops", "frames"))
            return NightPixels(np.array(stored["values"], float), step, floor, tops, frames)
    except DAMAGED:
        return None
