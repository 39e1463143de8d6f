"""What is kept of the calibration of each frame, so that a further frame does not renew them all.

With every frame that comes, the mean magnitudes of the stars of a series move, and with them each
zeropoint by a small part of its error. A frame keeps its database, its list of stars and its row as
long as its files are as they were left, its reference stars and their verdicts are the same, and
nothing that would be written differs by more than `KEPT_SIGMA`. What is compared is what was
written: small steps do not add up.
"""

import dataclasses
import hashlib
import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photpipe.calibrate.frame_calibration import CalibratedSources
from photpipe.ground import files
from photpipe.ground.arrays import DAMAGED, read_arrays, write_arrays
from photpipe.run.results import CalibratedFrame, ZeropointStep, from_json, to_json
from photpipe.run.workspace import Workspace
from photpipe.science.noise import NO_MAGNITUDE

if TYPE_CHECKING:
    from photpipe.calibrate.stage import CalibrateOptions

log = logging.getLogger("pp_calibrate")
FloatArray = NDArray[np.float64]

FILE = "calibration.npz"
# of the error of a zeropoint (of a magnitude, for what depends on the source), by which a frame may
# differ from what is in its database. In quadrature it adds 0.1 %. One frame more moves
# zeropoints of 200 simulated frames by 0.003 of it (largest 0.03), those of 30 by 0.17
KEPT_SIGMA = 0.05
_MAGNITUDES = (
    *("zeropoint_mag", "zeropoint_sigma_mag", "standard_error_mag", "relative_error_mag"),
    *("scatter_mag", "intrinsic_scatter_mag", "limiting_mag"),
)
_MOVING = {*_MAGNITUDES, "reduced_chi2", "steps"}


@dataclass(frozen=True, slots=True)
class KeptCalibration:
    """A frame as it was calibrated.

    Parameters
    ----------
    stamps : tuple of str
        Of the frame, its catalog, its database and its list of stars.
    reference : str
        Digest of its reference stars and their verdicts.
    field_mag : float
        What the field adds to the errors of all magnitudes.
    row : CalibratedFrame
        What was found, the steps left out.
    """

    stamps: tuple[str, ...]
    reference: str
    field_mag: float
    row: CalibratedFrame


@dataclass(frozen=True, slots=True)
class CalibrationMemory:
    """What is kept of all frames; `key` is a digest of what decides for all of them."""

    key: str = ""
    frames: tuple[KeptCalibration, ...] = ()


@dataclass(slots=True)
class Calibrations:
    """What an earlier run has written of frames, and what is kept for the next one.

    Parameters
    ----------
    key : str
        As in `CalibrationMemory`; empty: nothing is taken, nor kept.
    frames : dict
        Name of a frame to what is kept of it.
    corrections, steps : dict
        Name of a frame to what was added to its magnitudes, and the steps of its zeropoint.
    """

    workspace: Workspace
    key: str
    frames: dict[str, KeptCalibration] = field(default_factory=dict)
    corrections: dict[str, FloatArray] = field(default_factory=dict)
    steps: dict[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, options: "CalibrateOptions", workspace: Workspace) -> "Calibrations":
        """What the last run in a directory has kept, if it was told the same."""
        settings = workspace.settings
        told = asdict(options), asdict(settings.photometry), asdict(settings.calibration)
        key = workspace.key_of(told)
        if not key:
            return cls(workspace, key)
        found = cls(workspace, key)
        try:
            found._read()
        except DAMAGED:
            return cls(workspace, key)
        return found

    def _read(self) -> None:
        path = self.workspace.state_directory / FILE
        with read_arrays(path) as stored:
            memory = from_json(CalibrationMemory, stored["memory"].tobytes().decode())
            if memory.key != self.key:
                return
            names = [each.row.frame for each in memory.frames]
            for part, name in ((self.corrections, "corrections"), (self.steps, "steps")):
                ends = np.cumsum(stored[f"{name}_count"])[:-1]
                part.update(zip(names, np.split(stored[name], ends), strict=True))
            self.frames = dict(zip(names, memory.frames, strict=True))

    def rows(self, jobs: Sequence[CalibratedSources]) -> dict[str, CalibratedFrame]:
        """Rows of the frames that are as they were written, by their names."""
        kept = {each.name: self._row(each) for each in jobs if self._is_as_written(each)}
        if kept:
            log.info(
                "%d frames keep their calibration: it moved by less than %g of its error",
                *(len(kept), KEPT_SIGMA),
            )
        return kept

    def _is_as_written(self, job: CalibratedSources) -> bool:
        before = self.frames.get(job.name)
        return (
            before is not None
            and before.stamps == _stamps(job)
            and before.reference == _reference(job)
            and _differ_little(before, self.corrections[job.name], job)
        )

    def _row(self, job: CalibratedSources) -> CalibratedFrame:
        steps = (
            ZeropointStep(int(number), *rest) for number, *rest in self.steps[job.name].tolist()
        )
        return replace(self.frames[job.name].row, steps=tuple(steps))

    def keep(self, jobs: Sequence[CalibratedSources], kept: Collection[str]) -> None:
        """Keep frames for the next run: those in `kept` as they were, the others as written."""
        path = self.workspace.state_directory / FILE
        if not self.key:
            self.workspace.forget(FILE)
            return
        for job in jobs:
            if job.name not in kept:
                steps = [dataclasses.astuple(step) for step in job.calibrated.steps]
                self.steps[job.name] = np.array(steps, float).reshape(-1, 4)
                self.corrections[job.name] = job.corrections
                row = replace(job.calibrated, steps=())
                found = KeptCalibration(_stamps(job), _reference(job), _field_mag(job), row)
                self.frames[job.name] = found
        names = [job.name for job in jobs]
        memory = CalibrationMemory(self.key, tuple(self.frames[name] for name in names))
        arrays: dict[str, NDArray[Any]] = {
            "memory": np.frombuffer(to_json(memory).encode(), np.uint8)
        }
        for part, name in ((self.corrections, "corrections"), (self.steps, "steps")):
            each = [part[name] for name in names]
            arrays[name] = np.concatenate(each) if each else np.zeros(0)
            arrays[f"{name}_count"] = np.array([len(one) for one in each], int)
        try:
            files.make_folder(path.parent)
            write_arrays(path, arrays)
        except OSError as error:
            log.debug("%s cannot be written: %s", path, error)


def _stamps(job: CalibratedSources) -> tuple[str, ...]:
    """Stamps of the files that decide a calibration, and of those that it wrote."""
    frame = job.sources.frame
    paths = [frame.path, frame.ldac_path, frame.database_path]
    if job.calibrated.stars_file:
        paths.append(frame.path.with_name(job.calibrated.stars_file))
    return files.stamps(paths)


def _reference(job: CalibratedSources) -> str:
    """Digest of what was written of the reference stars, their residuals left out."""
    digest = hashlib.sha256(repr((job.field.colour, len(job.field.spatial))).encode())
    found = job.reference
    if found is not None:
        stars = [found.stars.column(name) for name in ("ra_deg", "dec_deg", "mag", "e_mag")]
        idents = np.asarray(found.stars.data["ident"]).astype(str)
        parts = (idents, *stars)
        for each in (
            found.source,
            found.verdict,
            found.colour,
            *(one[found.star] for one in parts),
        ):
            digest.update(np.ascontiguousarray(each).tobytes())
        digest.update(repr(found.bands).encode())
    return digest.hexdigest()


def _field_mag(job: CalibratedSources) -> float:
    """What the field adds to the errors of all magnitudes of a frame."""
    return math.hypot(*np.nan_to_num([job.field.repeatability_mag, job.field.unevenness_mag]))


def _differ_little(
    before: KeptCalibration, corrections: FloatArray, job: CalibratedSources
) -> bool:
    """Whether a frame would be written as it was, but for a small part of its errors."""
    then, now = before.row, job.calibrated
    if any(
        not _same(getattr(then, each.name), getattr(now, each.name))
        for each in dataclasses.fields(CalibratedFrame)
        if each.name not in _MOVING
    ):
        return False
    margin = KEPT_SIGMA * then.standard_error_mag
    pairs = [(getattr(then, name), getattr(now, name), margin) for name in _MAGNITUDES]
    pairs.append((then.reduced_chi2, now.reduced_chi2, KEPT_SIGMA * then.reduced_chi2))
    pairs.append((before.field_mag, _field_mag(job), margin))
    if not all(_same(one, other) or abs(other - one) <= most for one, other, most in pairs):
        return False
    if not now.is_calibrated:
        return True
    moved = job.corrections - corrections + now.zeropoint_mag - then.zeropoint_mag
    error = job.sources.column("MAGERR_APER")
    known = (job.sources.column("MAG_APER") < NO_MAGNITUDE) & (error > 0)
    total = np.hypot(error, then.standard_error_mag)
    return bool(np.all(np.abs(moved[known]) <= KEPT_SIGMA * total[known]))


def _same(one: object, other: object) -> bool:
    """Whether two values are equal, or both unknown."""
    unknown = [isinstance(each, float) and math.isnan(each) for each in (one, other)]
    return all(unknown) or one == other
