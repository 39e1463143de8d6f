"""What is known of a data directory: the saved results and the photometry of the targets."""

import contextlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from photpipe.ground import files
from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.run import comet_file, photometry_file, trail_file
from photpipe.run.comet_file import ComaPoint
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.results import (
    CalibratedFrame,
    CalibrateResult,
    DistillResult,
    FrameFailure,
    History,
    PhotometryFrame,
    PhotometryResult,
    PreparedFrame,
    PrepareResult,
    RegisteredFrame,
    RegisterResult,
    StackedPhotometryResult,
)
from photpipe.run.settings import Settings
from photpipe.run.trail_file import TrailCurve
from photpipe.run.workspace import Workspace

CONTROL = "control"
_PREFIX = "photometry_"


@dataclass(frozen=True, slots=True)
class ComaData:
    """The coma of a comet.

    Parameters
    ----------
    frames, stack : tuple of ComaPoint
        Apertures on single frames, and on the stack that followed the comet.
    line : str
        Line for COBS; empty if there is none.
    """

    frames: tuple[ComaPoint, ...] = ()
    stack: tuple[ComaPoint, ...] = ()
    line: str = ""


NO_COMA = ComaData()


@dataclass(frozen=True, slots=True)
class TargetData:
    """Photometry of one target.

    Parameters
    ----------
    name, kind, slug : str
        Target; its kind (empty if not known); its name as part of file names.
    points : tuple of TargetPoint
        All points, in chronological order.
    predicted_mag : float
        Magnitude expected (V); NaN if unknown.
    whereabouts : str
        Where it is, if it is not where it was predicted to be seen.
    distance_au : float
        Distance from the observer; NaN if unknown.
    trails : tuple of TrailCurve
        Its brightness along its trails, if that was asked for.
    coma : ComaData
        Its coma, if that was asked for.
    """

    name: str
    kind: str
    slug: str
    points: tuple[TargetPoint, ...]
    predicted_mag: float = math.nan
    whereabouts: str = ""
    distance_au: float = math.nan
    trails: tuple[TrailCurve, ...] = ()
    coma: ComaData = NO_COMA

    @property
    def good(self) -> tuple[TargetPoint, ...]:
        """Points that count."""
        return tuple(each for each in self.points if each.is_good)


@dataclass(frozen=True, slots=True)
class StackState:
    """Stacks of the frames, and what was measured on them.

    Parameters
    ----------
    points : tuple of (str, TargetPoint)
        Name of each target and its measurement.
    """

    result: StackedPhotometryResult
    points: tuple[tuple[str, TargetPoint], ...]

    @property
    def names(self) -> set[str]:
        """File names of the stacks."""
        made = (self.result.stars, self.result.comoving)
        return {each.stack for each in made if each}


@dataclass(frozen=True, slots=True)
class FrameState:
    """All results about one frame; None where a stage has none.

    Parameters
    ----------
    name : str
        File name of the frame.
    slug : str
        Its name on the pages, unique in the directory.
    number : int
        Its place in chronological order, from 1.
    facts : PreparedFrame or None
        Its header in numbers.
    failures : tuple of (str, str)
        Stage and reason.
    """

    name: str
    slug: str
    number: int
    facts: PreparedFrame | None
    registered: RegisteredFrame | None
    measured: PhotometryFrame | None
    calibrated: CalibratedFrame | None
    failures: tuple[tuple[str, str], ...]

    @property
    def midtime_jd(self) -> float:
        """Middle of the exposure (JD, UTC); NaN if unknown."""
        known = self.facts or self.measured or self.calibrated
        return known.midtime_jd if known else math.nan

    def failure(self, stage: str) -> str:
        """Why a stage failed on it; empty if it did not."""
        return next((reason for name, reason in self.failures if name == stage), "")


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the pages tell, as numbers.

    Parameters
    ----------
    directory : Path
        The data directory.
    frames : tuple of FrameState
        All frames that any stage saw, in chronological order.
    rejections : mapping
        Points that the user rejected: (slug of the target, frame) to reason.
    remarks : tuple of str
        What of the directory could not be read.
    is_live : bool
        Whether frames are still being taken.
    stack : StackState or None
        What pp_stackedphotometry left.
    """

    directory: Path
    settings: Settings = field(default_factory=Settings)
    history: History = field(default_factory=History)
    prepare: PrepareResult | None = None
    register: RegisterResult | None = None
    photometry: PhotometryResult | None = None
    calibrate: CalibrateResult | None = None
    distill: DistillResult | None = None
    frames: tuple[FrameState, ...] = ()
    targets: tuple[TargetData, ...] = ()
    rejections: dict[tuple[str, str], str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    is_live: bool = False
    stack: StackState | None = None

    def failures(self, stage: str) -> list[FrameState]:
        """Frames on which a stage failed."""
        return [each for each in self.frames if each.failure(stage)]


def gather(workspace: Workspace) -> State:
    """Read the saved results of a directory; what is missing or damaged is None."""
    prepare = workspace.load(PrepareResult)
    register = workspace.load(RegisterResult)
    photometry = workspace.load(PhotometryResult)
    calibrate = workspace.load(CalibrateResult)
    distill = workspace.load(DistillResult)
    stack = _stack(workspace)
    targets, remarks = _targets(workspace.directory, distill, stack)
    try:
        rejections = photometry_file.read_rejections(workspace.directory)
    except ConfigError as error:
        rejections, remarks = {}, [*remarks, str(error)]
    return State(
        directory=workspace.directory,
        settings=workspace.settings,
        history=workspace.load(History) or History(),
        prepare=prepare,
        register=register,
        photometry=photometry,
        calibrate=calibrate,
        distill=distill,
        frames=tuple(_frames(workspace.directory, prepare, register, photometry, calibrate)),
        targets=tuple(targets),
        rejections=rejections,
        remarks=tuple(remarks),
        is_live=workspace.is_live,
        stack=stack,
    )


def _stack(workspace: Workspace) -> StackState | None:
    """Stacks and the measurements in their directories, as far as they can be read."""
    result = workspace.load(StackedPhotometryResult)
    if result is None:
        return None
    folder = workspace.directory / Path((result.comoving or result.stars).stack).stem
    points = []
    for target in result.targets:
        with contextlib.suppress(ConfigError):
            _, measured = photometry_file.read(folder / Path(target.file).name)
            points += [(target.name, each) for each in measured]
    return StackState(result, tuple(points))


def _of_frames(path: Path, stack: StackState | None) -> tuple[str, list[TargetPoint]]:
    """Target and points of a file; those of single frames where a stack took their place."""
    target, points = photometry_file.read(path)
    single = path.with_name(f"{path.stem}{photometry_file.SINGLE_FRAMES}{path.suffix}")
    if stack and single.is_file() and all(each.frame in stack.names for each in points):
        return photometry_file.read(single)
    return target, points


def _targets(
    directory: Path, distill: DistillResult | None, stack: StackState | None
) -> tuple[list[TargetData], list[str]]:
    """Targets of pp_distill; those of the files that are there if it did not say."""
    if distill is not None:
        known = [
            (
                Path(each.file).name,
                each.kind,
                (each.predicted_mag, each.whereabouts, each.distance_au),
            )
            for each in distill.targets
        ]
    else:
        known = [
            (path.name, "", (math.nan, "", math.nan))
            for path in sorted(directory.glob(f"{_PREFIX}*.dat"))
            if not path.stem.endswith(photometry_file.SINGLE_FRAMES)
        ]
    targets, remarks = [], []
    for name, kind, expected in known:
        path = directory / name
        try:
            target, points = _of_frames(path, stack)
        except ConfigError as error:
            remarks.append(str(error))
            continue
        points.sort(key=lambda point: point.midtime_jd)
        slug = path.stem.removeprefix(_PREFIX)
        curves = tuple(trail_file.read(directory, target or slug))
        coma = _coma(directory, target or slug, stack)
        targets.append(
            TargetData(target or slug, kind, slug, tuple(points), *expected, curves, coma)
        )
    return targets, remarks


def _coma(directory: Path, target: str, stack: StackState | None) -> ComaData:
    """Apertures at a comet, of frames and of a stack."""
    points = comet_file.read(directory, target)
    single = comet_file.read(directory, target, photometry_file.SINGLE_FRAMES)
    stacks = stack.names if stack else ()
    shown = tuple(each for each in points if each.frame in stacks)
    return ComaData(
        tuple(each for each in points if each.frame not in stacks) or tuple(single),
        shown,
        comet_file.read_line(directory, target),
    )


def _frames(
    directory: Path,
    prepare: PrepareResult | None,
    register: RegisterResult | None,
    photometry: PhotometryResult | None,
    calibrate: CalibrateResult | None,
) -> Iterator[FrameState]:
    """Union of the frames of all stages, in chronological order."""
    facts = {each.frame: each for each in prepare.frames} if prepare else {}
    registered = {each.frame: each for each in register.frames} if register else {}
    measured = {each.frame: each for each in photometry.frames} if photometry else {}
    calibrated = {each.frame: each for each in calibrate.frames} if calibrate else {}
    failures: dict[str, list[tuple[str, str]]] = {}
    stages: tuple[tuple[str, Iterable[FrameFailure]], ...] = (
        ("pp_prepare", prepare.failed if prepare else ()),
        ("pp_register", register.failed if register else ()),
        ("pp_photometry", photometry.failed if photometry else ()),
        ("pp_calibrate", calibrate.failed if calibrate else ()),
    )
    for stage, failed in stages:
        for each in failed:
            failures.setdefault(each.frame, []).append((stage, each.reason))
    names = dict.fromkeys([*facts, *registered, *measured, *calibrated, *failures])
    slugs = _unique_slugs(names)
    rows = [
        FrameState(
            name=name,
            slug=slugs[name],
            number=0,
            facts=facts.get(name)
            or (None if name in failures else _facts_of_header(directory / name)),
            registered=registered.get(name),
            measured=measured.get(name),
            calibrated=calibrated.get(name),
            failures=tuple(failures.get(name, ())),
        )
        for name in names
    ]
    rows.sort(key=lambda row: (math.isnan(row.midtime_jd), row.midtime_jd))
    for number, row in enumerate(rows, start=1):
        yield replace(row, number=number)


def _unique_slugs(names: Iterable[str]) -> dict[str, str]:
    """Name of each frame as part of file names, with a number where two would be alike."""
    slugs: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = files.slug(Path(name).stem, "frame")
        slug, number = plain, 1
        while slug.casefold() in taken:  # some disks know no capital letters
            number += 1
            slug = f"{plain}_{number}"
        taken.add(slug.casefold())
        slugs[name] = slug
    return slugs


def _facts_of_header(path: Path) -> PreparedFrame | None:
    """Facts of a frame that pp_prepare did not tell of, as far as its header has them."""
    from photpipe.instruments.frames import Frame

    try:
        frame = Frame.read(path)
        ny, nx = frame.shape
        scale = frame.pixel_scale_arcsec
        ra, dec = frame.pointing()
        return PreparedFrame(
            frame=path.name,
            source=path.name,
            telescope=frame.telescope.keyword,
            midtime_jd=frame.midtime_jd,
            object_name=frame.object_name,
            filter_name=frame.filter_name,
            airmass=frame.airmass,
            exptime_s=frame.exptime_s,
            ra_deg=ra,
            dec_deg=dec,
            pixel_scale_arcsec=scale,
            field_arcmin=(nx * scale[0] / 60.0, ny * scale[1] / 60.0),
            changed=False,
            binning=frame.binning,
        )
    except PhotPipeError:
        return None
