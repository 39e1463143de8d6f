"""Stack frames, calibrate the stack, and measure a target on it."""

import contextlib
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.calibrate import stage as pp_calibrate
from photpipe.combine import stage as pp_combine
from photpipe.distill import stage as pp_distill
from photpipe.distill.rejection import schemata
from photpipe.ground.errors import PhotPipeError, ReductionError
from photpipe.measure import stage as pp_photometry
from photpipe.run.options import (
    COMET,
    COMOVING,
    FILTER,
    FIXED_APRAD,
    METHOD,
    REJECT,
    SNR,
    SOLAR,
    TARGET,
    TELESCOPE,
)
from photpipe.run.results import (
    CalibrateResult,
    CombineResult,
    DistilledTarget,
    PhotometryResult,
    StackedPhotometryResult,
)
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.combine.comoving_stack import TargetPath
    from photpipe.distill.measured_frame import MeasuredFrame
    from photpipe.distill.targets import Target
    from photpipe.instruments.frames import Frame
    from photpipe.run.photometry_file import TargetPoint

log = logging.getLogger("pp_stackedphotometry")

SMEARED = 0.5  # motion, in units of the seeing, that spoils a stack that did not follow it
LOWEST_SNR = 1.5  # of pp_extract, for a stack on which nothing stands out


@dataclass(frozen=True, slots=True)
class StackedPhotometryOptions:
    """What the user may say."""

    comoving: bool = COMOVING.field(False)
    comet: bool = COMET.field(False)
    target: str | None = TARGET.field(None)
    targetname: str | None = TARGET.field(None)
    filter: str | None = FILTER.field(None)
    method: str = METHOD.field("clipped")
    fixed_aprad: float | None = FIXED_APRAD.field(None)
    snr: float = SNR.field(2.0)
    solar: bool = SOLAR.field(False)
    reject: str = REJECT.field("pos")
    telescope: str | None = TELESCOPE.field(None)

    @property
    def follows(self) -> bool:
        """Whether there is a stack along the target: a coma is measured on no other."""
        return self.comoving or self.comet

    @property
    def name(self) -> str | None:
        """Name of the target as the user gave it."""
        return self.target or self.targetname


def stacked_photometry(
    paths: Sequence[Path], options: StackedPhotometryOptions, workspace: Workspace
) -> StackedPhotometryResult:
    """Measure a target on a stack.

    **Reads** registered frames, and what pp_combine, pp_calibrate and pp_distill ask for.
    **Writes** ``skycoadd.fits`` and, with ``-comoving``, ``comove.fits``; folders of these names
    with what belongs to each stack (catalog, database, state); and
    ``photometry_<target>.dat``, ``.ecsv`` and ``.csv``.

    With ``-comet`` there is ``comet_<target>.ecsv`` of the stack of the target, too.

    With ``-comoving`` aperture and zeropoint of the stack of the stars hold for that of the
    target; where the former cannot be calibrated, magnitudes are instrumental, and it is said.

    Raises
    ------
    PhotPipeError
        As the stages that it calls.
    """
    schemata(options.reject, workspace.settings.distill)  # said before the work
    combination = pp_combine.CombineOptions(
        targetname=options.name, method=options.method, telescope=options.telescope
    )
    moving = None
    if options.comet:
        pp_distill.radii_of_comas(workspace.settings)  # said before the work, too
    read = pp_combine.exposures_of(paths, options.telescope, workspace)
    if options.follows:  # first, because it may turn out that nobody knows the target
        moving = _combined(paths, replace(combination, comoving=True), workspace, read)
    still = _combined(paths, combination, workspace, read)
    stars = _Stack(still.stack, workspace)
    measured, calibrated = _calibrated_stars(stars, options)
    calibration = calibrated.frames[0]
    if moving is None:
        targets = _distilled(stars, options, _Followed(stars, still))
    else:
        comove = _Stack(moving.stack, workspace)
        _calibrated_target(comove, stars, measured, calibrated, options)
        targets = _distilled(comove, options, _Followed(stars, moving))
    result = StackedPhotometryResult(
        stars=still,
        comoving=moving,
        aperture_radius_px=measured.aperture_radius_px,
        band=calibration.band,
        catalog=calibration.catalog if calibration.is_calibrated else "",
        zeropoint_mag=calibration.zeropoint_mag,
        zeropoint_sigma_mag=calibration.zeropoint_sigma_mag,
        targets=targets,
        failed=tuple(dict.fromkeys((*(moving.failed if moving else ()), *still.failed))),
    )
    workspace.save(result)
    return result


@dataclass(frozen=True, slots=True)
class _Stack:
    """A stack in the folder of its own, in which it is measured."""

    name: str
    parent: Workspace

    @property
    def workspace(self) -> Workspace:
        """The folder as a data directory of its own, with the settings of the frames."""
        return replace(self.parent, directory=self.parent.directory / Path(self.name).stem)

    @property
    def path(self) -> Path:
        """The stack in its folder."""
        return self.workspace.directory / self.name


def _combined(
    paths: Sequence[Path],
    options: pp_combine.CombineOptions,
    workspace: Workspace,
    read: "pp_combine.ReadExposures",
) -> CombineResult:
    """Make a stack, and a copy of it in its folder."""
    result = pp_combine.combine(paths, options, workspace, read)
    stack = _Stack(result.stack, workspace)
    try:
        if stack.path.parent.is_symlink():
            raise ReductionError(f"{stack.path.parent} is a link; remove it")
        stack.path.parent.mkdir(exist_ok=True)
        for stale in (".fits", ".ldac", ".ldac.db"):
            stack.path.with_suffix(stale).unlink(missing_ok=True)
        shutil.copyfile(workspace.directory / result.stack, stack.path)
    except OSError as error:
        raise ReductionError(f"{stack.path} cannot be written: {error.strerror}") from error
    return result


def _calibrated_stars(
    stack: _Stack, options: StackedPhotometryOptions
) -> tuple[PhotometryResult, CalibrateResult]:
    """Measure and calibrate the stack of the stars.

    Raises
    ------
    ReductionError
        If no source can be measured on it.
    """
    photometry = pp_photometry.PhotometryOptions(
        snr=options.snr,
        aprad=(options.fixed_aprad,) if options.fixed_aprad else (),
        target=options.name,
        background_only=options.follows and not options.fixed_aprad,
        telescope=options.telescope,
    )
    measured = pp_photometry.photometry([stack.path], photometry, stack.workspace)
    calibration = pp_calibrate.CalibrateOptions(
        filter=options.filter,
        solar=options.solar,
        target=options.name,
        telescope=options.telescope,
    )
    calibrated = pp_calibrate.calibrate([stack.path], calibration, stack.workspace)
    for failure in (*measured.failed, *calibrated.failed):
        raise ReductionError(f"{failure.frame}: {failure.reason}")
    (frame,) = calibrated.frames
    if not frame.is_calibrated:
        log.warning("%s is not calibrated: magnitudes are instrumental", stack.name)
    return measured, calibrated


def _calibrated_target(
    stack: _Stack,
    stars: _Stack,
    measured: PhotometryResult,
    calibrated: CalibrateResult,
    options: StackedPhotometryOptions,
) -> None:
    """Measure the stack of the target in the aperture of that of the stars; take its zeropoint."""
    from photpipe.calibrate.frame_calibration import NO_FIELD
    from photpipe.combine.comoving_stack import calibrate_like

    photometry = pp_photometry.PhotometryOptions(
        snr=options.snr, aprad=(measured.aperture_radius_px,), telescope=options.telescope
    )
    found = pp_photometry.photometry([stack.path], photometry, stack.workspace)
    if found.failed:  # nothing stands out: what is there has to be looked for in the noise
        faint = replace(photometry, snr=LOWEST_SNR, minarea=1)
        found = pp_photometry.photometry([stack.path], faint, stack.workspace)
    for failure in found.failed:
        raise ReductionError(f"{failure.frame}: {failure.reason}")
    calibration = calibrate_like(
        _frame(stack, options),
        _frame(stars, options),
        calibrated.frames[0],
        calibrated.fields[0] if calibrated.fields else NO_FIELD,
        stack.parent.settings.calibration.maxflag,
    )
    stack.workspace.save(replace(calibrated, frames=(calibration,)))  # for its page
    if calibration.is_calibrated:
        log.info("%s: aperture and zeropoint are those of %s", stack.name, stars.name)


def _frame(stack: _Stack, options: StackedPhotometryOptions) -> "Frame":
    from photpipe.instruments import telescopes
    from photpipe.instruments.frames import Frame

    known = telescopes.by_keyword(options.telescope) if options.telescope else None
    return Frame.read(stack.path, known)


@dataclass(frozen=True, slots=True)
class _Followed:
    """What made a stack: its frames, and the stack of their stars."""

    stars: _Stack
    combined: CombineResult


def _distilled(
    stack: _Stack, options: StackedPhotometryOptions, made: _Followed
) -> tuple[DistilledTarget, ...]:
    """Measure the targets of a stack; their files go into the data directory."""
    from photpipe.distill import targets
    from photpipe.run import photometry_file

    workspace = stack.workspace
    is_comoving = stack is not made.stars
    # what trails on a stack is no image of a star along the motion of one exposure
    distill = replace(workspace.settings.distill, trail_fwhm=math.inf)
    if is_comoving:
        distill = replace(distill, trailing_correction=False)
    workspace = replace(workspace, settings=replace(workspace.settings, distill=distill))
    wanted = pp_distill.DistillOptions(target=options.name, reject=options.reject)
    with _unheard(pp_distill.log):  # its summary knows nothing of what is still to be done
        result = pp_distill.distill([stack.path], wanted, workspace)
    for failure in result.failed:
        log.error("%s: %s", failure.frame, failure.reason)
    done = []
    for each in result.targets:
        if each.kind == targets.CONTROL:
            continue
        _, points = photometry_file.read(workspace.directory / each.file)
        if is_comoving:
            points = [_finished(point, stack, made, options) for point in points]
        elif each.kind == targets.MOVING:
            points = [_smeared(point, stack, made, each.name, options) for point in points]
        photometry_file.write(workspace.directory, each.name, points)
        directory = stack.parent.directory
        _set_aside(directory, each.name)
        path = photometry_file.write(directory, each.name, points)
        mags = [point.mag for point in points if point.is_good]
        done.append(replace(each, file=path.name, median_mag=mags[0] if mags else math.nan))
        for point in points:
            log.info("%s: %s", path.name, _said(point))
        if options.comet and points:
            _coma(points[0], each.name, stack, made, options)
    return tuple(done)


def _coma(
    point: "TargetPoint",
    name: str,
    stack: _Stack,
    made: _Followed,
    options: StackedPhotometryOptions,
) -> None:
    """Measure the coma on the stack of the target; the file is that of pp_distill."""
    from photpipe.distill import comets
    from photpipe.run import comet_file, photometry_file

    settings, directory = stack.parent.settings, stack.parent.directory
    on_target, stars, target, path = _path(stack, made, options)
    seen = math.isfinite(point.source_ra_deg + point.source_dec_deg)
    place = (
        (point.source_ra_deg, point.source_dec_deg)
        if seen and not point.rejected
        else (float(target.ra_deg[0]), float(target.dec_deg[0]))
    )
    radii = pp_distill.radii_of_comas(settings)
    points = comets.on_stack(target, place, (path.ra_deg, path.dec_deg), (on_target, stars), radii)
    comets.tell(name, points)
    if comet_file.set_aside(directory, name, (pp_combine.COMOVING_STACK,)):
        kept = comet_file.file_name(name, f"{photometry_file.SINGLE_FRAMES}.ecsv")
        log.info("%s of single frames is now %s", comet_file.file_name(name), kept)
    line = comets.icq_line(name, points, on_target.facts.catalog)
    comet_file.write(directory, name, points, line)


@contextlib.contextmanager
def _unheard(logger: logging.Logger) -> Iterator[None]:
    """Hear warnings alone."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _finished(
    point: "TargetPoint", stack: _Stack, followed: _Followed, options: StackedPhotometryOptions
) -> "TargetPoint":
    """Point of the comoving stack with what only the stars can tell."""
    from photpipe.combine.comoving_stack import finished

    _, stars, target, path = _path(stack, followed, options)
    return finished(point, target, path, stars, stack.parent.settings.distill)


def _path(
    stack: _Stack, followed: _Followed, options: StackedPhotometryOptions
) -> "tuple[MeasuredFrame, MeasuredFrame, Target, TargetPath]":
    """Stack of the target and that of the stars; the target, and where it was on the frames."""
    from photpipe.combine.comoving_stack import TargetPath
    from photpipe.distill.measured_frame import MeasuredFrame
    from photpipe.distill.target_search import TargetSearch
    from photpipe.services import horizons

    settings, combined = stack.parent.settings, followed.combined
    on_target = MeasuredFrame.read(_frame(stack, options))
    stars = MeasuredFrame.read(_frame(followed.stars, options))
    (target,) = TargetSearch([on_target], stack.parent.directory, settings).moving(
        [combined.target]
    )
    observer = on_target.facts.observer or on_target.facts.observatory_code
    places = horizons.positions(combined.target, combined.midtimes_jd, observer, settings)
    return on_target, stars, target, TargetPath(places.ra_deg, places.dec_deg)


def _smeared(
    point: "TargetPoint",
    stack: _Stack,
    made: _Followed,
    name: str,
    options: StackedPhotometryOptions,
) -> "TargetPoint":
    """Point of the stack of the stars; rejected if the target moved while it was made."""
    from photpipe.distill.measured_frame import MeasuredFrame
    from photpipe.distill.target_search import TargetSearch

    on_stars = MeasuredFrame.read(_frame(stack, options))
    search = TargetSearch([on_stars], stack.parent.directory, stack.parent.settings)
    span_min = (max(made.combined.midtimes_jd) - min(made.combined.midtimes_jd)) * 1440.0
    for target in search.moving([name]):
        moved = math.hypot(*target.rate_arcsec_min[:, 0]) * span_min
        if moved > SMEARED * on_stars.seeing_arcsec and not point.rejected:
            reason = f"the target moved {moved:.1f} arcsec during the stack: use -comoving"
            return replace(point, rejected=reason)
    return point


def _said(point: "TargetPoint") -> str:
    """Outcome in one line."""
    from photpipe.run.photometry_file import LIMIT

    kind = "instrumental magnitude" if math.isnan(point.zeropoint) else point.band
    remarks = "".join(f"; {each}" for each in (point.contamination, point.rejected) if each)
    if point.method == LIMIT:
        return f"not seen; 5 sigma limit: {kind} = {point.mag:.2f}{remarks}"
    return f"{point.method}, {kind} = {point.mag:.4f} +- {point.sig:.4f} mag{remarks}"


def _set_aside(directory: Path, target: str) -> None:
    """Keep an earlier photometry of single frames under another name."""
    from photpipe.run import photometry_file

    path = directory / photometry_file.file_name(target)
    try:
        _, points = photometry_file.read(path)
    except PhotPipeError:
        points = []
    own = {pp_combine.SKY_STACK, pp_combine.COMOVING_STACK}
    if not path.exists() or (points and all(point.frame in own for point in points)):
        return
    for suffix in (".dat", ".ecsv", ".csv"):
        old = path.with_suffix(suffix)
        if old.exists():
            old.replace(old.with_name(f"{old.stem}{photometry_file.SINGLE_FRAMES}{suffix}"))
    kept = f"{path.stem}{photometry_file.SINGLE_FRAMES}.dat"
    log.info("%s of single frames is now %s", path.name, kept)
