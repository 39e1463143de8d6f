"""The stages as parts of the chain: what pp_run tells them, and what they depend on."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photpipe.calibrate.stage import CalibrateOptions, calibrate, check_options
from photpipe.distill.stage import DistillOptions, distill
from photpipe.ground.errors import ConfigError, ReductionError
from photpipe.measure.stage import PhotometryOptions, exclusive, photometry, wanted_of
from photpipe.movers.stage import MoversOptions, movers, none_found
from photpipe.prepare.stage import PrepareOptions, prepare
from photpipe.register.stage import RegisterOptions, register, verify
from photpipe.run import photometry_file
from photpipe.run.results import (
    NO_BAND,
    CalibrateResult,
    DistillResult,
    FrameFailure,
    MoversResult,
    PhotometryResult,
    PrepareResult,
    RegisterResult,
    Result,
)
from photpipe.run.workspace import Workspace
from photpipe.runner import reuse
from photpipe.runner.options import RunOptions

log = logging.getLogger("pp_run")

POSITION_FILES = "positions_*.dat"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as a part of the chain.

    Parameters
    ----------
    command : str
        Name of its command.
    kind : type
        Class of its result.
    options : callable
        What it is told, of what the user said.
    work : callable
        ``work(paths, options, run_options, workspace)``: the stage.
    sections : tuple of str
        Sections of the settings that decide its outcome.
    outputs : callable
        Files that it wrote, by its result and the directory.
    inputs : callable
        Files that decide its outcome, beyond the frames.
    """

    command: str
    kind: type
    options: Callable[[RunOptions], Any]
    work: Callable[[Sequence[Path], Any, RunOptions, Workspace], Result]
    sections: tuple[str, ...]
    outputs: Callable[[Any, Path], list[Path]] = lambda _result, _directory: []
    inputs: Callable[[RunOptions, Workspace], list[Path]] = lambda _options, _workspace: []

    def key(self, options: RunOptions, workspace: Workspace) -> str:
        """Digest of all that decides the outcome, frames and answers of services left out."""
        settings = [dataclasses.asdict(getattr(workspace.settings, s)) for s in self.sections]
        rows = workspace.settings.services.row_limit
        inputs = reuse.stamps(self.inputs(options, workspace))
        return reuse.digest(reuse.plain(self.options(options)), settings, rows, inputs)


def _tables_of_users(_options: RunOptions, workspace: Workspace) -> list[Path]:
    from photpipe.services.reference import imported_tables

    return imported_tables(workspace.settings.services)


def _files_of_targets(options: RunOptions, workspace: Workspace) -> list[Path]:
    named = [
        Path(name) for name in (options.distill.positions, options.distill.fixedtargets) if name
    ]
    named += [workspace.directory / path.name for path in named]
    return [
        *named,
        *workspace.directory.glob(POSITION_FILES),
        workspace.directory / photometry_file.REJECTIONS_FILE,
        *_tables_of_users(options, workspace),
    ]


def _prepare(
    paths: Sequence[Path], options: PrepareOptions, run: RunOptions, workspace: Workspace
) -> PrepareResult:
    return prepare(paths, options, workspace, needs_bands=needs_bands(run))


def needs_bands(options: RunOptions) -> bool:
    """Whether the bands have to follow from the names of the filters."""
    said = options.calibrate
    return not (said.filter or said.instrumental or said.magzp)


def _asks_horizons(options: RunOptions) -> bool:
    """Whether a moving target matters: not where the user's files tell what is to be measured."""
    said = options.distill
    named = said.target and not said.positions  # beside it, it is the name of what the file tells
    return bool(named) or not (said.positions or said.fixedtargets)


def _register(
    paths: Sequence[Path], options: RegisterOptions, run: RunOptions, workspace: Workspace
) -> RegisterResult:
    """Register what is not registered yet, if wished for twice, or believe the headers."""
    wanted = wanted_of(paths, run.photometry, workspace)
    options = replace(options, asks_horizons=_asks_horizons(run))
    if run.prepare.keep_wcs:
        return _believed(verify(paths, options, workspace, wanted), workspace)
    before = workspace.load(RegisterResult)
    result = _with_details(register(paths, options, workspace, wanted), before)
    if result.failed and run.rerun_registration:
        log.info("registering the %d frames that failed once more", len(result.failed))
        result = _with_details(register(paths, options, workspace, wanted), result)
    workspace.save(result)
    return result


def _with_details(result: RegisterResult, before: RegisterResult | None) -> RegisterResult:
    """Result in which frames that were registered before have the numbers of then."""
    known = {each.frame: each for each in before.frames} if before else {}
    frames = tuple(
        known.get(each.frame, each) if each.detections == 0 else each for each in result.frames
    )
    return replace(result, frames=frames)


def _believed(result: RegisterResult, workspace: Workspace) -> RegisterResult:
    """Result that holds nothing against frames whose WCS the user trusts."""
    for each in result.failed:
        log.warning("%s: %s; used nevertheless, because of -keep_wcs", each.frame, each.reason)
    believed = replace(result, failed=())
    workspace.save(believed)
    return believed


def _photometry(
    paths: Sequence[Path], options: PhotometryOptions, _run: RunOptions, workspace: Workspace
) -> PhotometryResult:
    return photometry(paths, options, workspace)


def _calibrate(
    paths: Sequence[Path], options: CalibrateOptions, _run: RunOptions, workspace: Workspace
) -> CalibrateResult:
    """Calibrate; without -solar or without a catalog if there is no other way."""
    result = calibrate(paths, options, workspace)
    if options.solar and result.band:
        result = _without_solar(result, paths, options, workspace)
    if result.failed and not result.done and not options.instrumental:
        log.warning(
            "no frame can be calibrated (%s: %s); the magnitudes stay instrumental",
            result.failed[0].frame,
            result.failed[0].reason,
        )
        why = f"no frame can be calibrated: {result.failed[0].reason}"
        if "filter ''" in result.failed[0].reason:  # as the manual has it without a filter
            why = f"{NO_BAND}: the headers name no filter"
        instrumental = replace(options, instrumental=True)
        result = calibrate(paths, instrumental, workspace, why_instrumental=why)
    return result


def _without_solar(
    result: CalibrateResult, paths: Sequence[Path], options: CalibrateOptions, workspace: Workspace
) -> CalibrateResult:
    """Result in which frames that -solar does not calibrate have stars of all colours."""
    missing = {each.frame for each in result.unmet}
    if not missing:
        return result
    log.warning(
        "-solar calibrates %d of %d frames: calibrating the others with stars of all colours",
        result.calibrated,
        len(paths),
    )
    others = [path for path in paths if path.name in missing]
    second = calibrate(others, replace(options, solar=False), workspace)
    if len(missing) == len(result.frames):
        merged = replace(second, failed=(*result.failed, *second.failed))
    else:
        again = {each.frame: each for each in second.frames}
        merged = replace(
            result,
            fields=(*result.fields, *second.fields),
            frames=tuple(again.get(each.frame, each) for each in result.frames),
            failed=(*result.failed, *second.failed),
        )
    workspace.save(merged)
    return merged


def _distill(
    paths: Sequence[Path], options: DistillOptions, _run: RunOptions, workspace: Workspace
) -> DistillResult:
    return distill(paths, options, workspace)


def _movers(
    paths: Sequence[Path], options: MoversOptions, _run: RunOptions, workspace: Workspace
) -> MoversResult:
    try:
        return movers(paths, options, workspace)
    except ReductionError as error:  # the photometry is done all the same
        failure = FrameFailure("-movers", str(error))
        return none_found([path.name for path in paths], failure)


def _files_of_photometry(result: PhotometryResult, directory: Path) -> list[Path]:
    return [directory / name for name in (*(f.catalog for f in result.frames), result.growth_file)]


PREPARE = Stage(
    command="pp_prepare",
    kind=PrepareResult,
    options=lambda options: options.prepare,
    work=_prepare,
    sections=(),
)
REGISTER = Stage(
    command="pp_register",
    kind=RegisterResult,
    options=lambda options: replace(options.register, only_failed=True),
    work=_register,
    sections=("registration",),
    inputs=_tables_of_users,
)
PHOTOMETRY = Stage(
    command="pp_photometry",
    kind=PhotometryResult,
    options=lambda options: replace(options.photometry, asks_horizons=_asks_horizons(options)),
    work=_photometry,
    sections=("photometry",),
    outputs=_files_of_photometry,
)
CALIBRATE = Stage(
    command="pp_calibrate",
    kind=CalibrateResult,
    options=lambda options: replace(options.calibrate, asks_horizons=_asks_horizons(options)),
    work=_calibrate,
    sections=("photometry", "calibration"),
    outputs=lambda result, directory: [directory / each.database for each in result.frames],
    inputs=_tables_of_users,
)
DISTILL = Stage(
    command="pp_distill",
    kind=DistillResult,
    options=lambda options: options.distill,
    work=_distill,
    sections=("photometry", "distill"),
    outputs=lambda result, directory: [directory / each.file for each in result.targets],
    inputs=_files_of_targets,
)
STAGES = (PREPARE, REGISTER, PHOTOMETRY, CALIBRATE, DISTILL)
"""All stages, in their order."""
MOVERS = Stage(
    command="pp_movers",
    kind=MoversResult,
    options=lambda _options: MoversOptions(),
    work=_movers,
    sections=("photometry",),
    outputs=lambda result, directory: [directory / name for name in result.files],
)
"""What only ``-movers`` asks for, behind them."""


def stages_of(options: RunOptions) -> tuple[Stage, ...]:
    """Stages that the user wants, in their order."""
    return (*STAGES, MOVERS) if options.movers else STAGES


def check(options: RunOptions, workspace: Workspace) -> None:
    """Refuse before the first stage what a later one would refuse.

    Raises
    ------
    ConfigError
        If a band, a catalog, a rejection schema or a file of targets does not exist, or the list
        of rejected points cannot be read.
    """
    from photpipe.distill import rejection
    from photpipe.run.photometry_file import read_rejections

    if options.prepare.filter is None:  # else it tells what a GENERIC telescope's card would
        check_options(options.calibrate, workspace)
    for name in filter(None, (options.calibrate.cat, options.register.cat)):
        from photpipe.services.reference import check_catalog

        check_catalog(name, workspace.settings)
    rejection.schemata(options.distill.reject, workspace.settings.distill)
    read_rejections(workspace.directory)
    for option in ("positions", "fixedtargets"):
        name = getattr(options.distill, option)
        if not name or name in {"all", "all_objects"}:
            continue
        if not Path(name).expanduser().exists() and not (workspace.directory / name).exists():
            raise ConfigError(f"-{option}: there is no file {name}; check its name")
    exclusive(options.photometry)
