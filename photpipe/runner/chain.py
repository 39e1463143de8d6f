"""The chain of stages in one directory: from frames as they came to photometry of targets."""

import contextlib
import dataclasses
import logging
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photpipe.calibrate.stage import CalibrateOptions, calibrate, check_options
from photpipe.command import cli
from photpipe.distill.stage import DistillOptions, distill
from photpipe.ground import files
from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.instruments.kinds_of_frames import sky_frames
from photpipe.measure.stage import PhotometryOptions, photometry, wanted_of
from photpipe.prepare.stage import PrepareOptions, prepare
from photpipe.register.stage import RegisterOptions, register, verify
from photpipe.run import photometry_file
from photpipe.run.record import INTERRUPTED, RunResult, StepRecord
from photpipe.run.results import (
    NO_BAND,
    CalibrateResult,
    DistillResult,
    FrameFailure,
    PhotometryResult,
    PreparedFrame,
    PrepareResult,
    RegisterResult,
    Result,
    unmet,
)
from photpipe.run.workspace import Workspace
from photpipe.runner import groups, reuse
from photpipe.runner.options import RunOptions, told

log = logging.getLogger(__name__)

SETTINGS_FILE = "settings.toml"
POSITION_FILES = "positions_*.dat"


@dataclass(frozen=True, slots=True)
class Step:
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


# -- the stages, with the manners that the manual promises of the whole


def _prepare(
    paths: Sequence[Path], options: PrepareOptions, run: RunOptions, workspace: Workspace
) -> PrepareResult:
    return prepare(paths, options, workspace, needs_bands=_needs_bands(run))


def _needs_bands(options: RunOptions) -> bool:
    """Whether the bands have to follow from the names of the filters."""
    said = options.calibrate
    return not (said.filter or said.instrumental or said.magzp)


def _register(
    paths: Sequence[Path], options: RegisterOptions, run: RunOptions, workspace: Workspace
) -> RegisterResult:
    """Register what is not registered yet, if wished for twice, or believe the headers."""
    wanted = wanted_of(paths, run.photometry, workspace)
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


def _files_of_photometry(result: PhotometryResult, directory: Path) -> list[Path]:
    return [directory / name for name in (*(f.catalog for f in result.frames), result.growth_file)]


PREPARE = Step("pp_prepare", PrepareResult, lambda options: options.prepare, _prepare, ())
REGISTER = Step(
    "pp_register",
    RegisterResult,
    lambda options: replace(options.register, only_failed=True),
    _register,
    ("registration",),
    inputs=_tables_of_users,
)
SERIES = (
    Step(
        "pp_photometry",
        PhotometryResult,
        lambda options: options.photometry,
        _photometry,
        ("photometry",),
        outputs=_files_of_photometry,
    ),
    Step(
        "pp_calibrate",
        CalibrateResult,
        lambda options: options.calibrate,
        _calibrate,
        ("photometry", "calibration"),
        outputs=lambda result, directory: [directory / each.database for each in result.frames],
        inputs=_tables_of_users,
    ),
    Step(
        "pp_distill",
        DistillResult,
        lambda options: options.distill,
        _distill,
        ("photometry", "distill"),
        outputs=lambda result, directory: [directory / each.file for each in result.targets],
        inputs=_files_of_targets,
    ),
)
"""Stages that look at all frames together, in their order."""
STEPS = (PREPARE, REGISTER, *SERIES)


def run(
    paths: Sequence[Path],
    options: RunOptions,
    workspace: Workspace,
    *,
    identity: str = "",
    retry: bool = True,
) -> RunResult:
    """Work on the frames of one directory, reusing what has not changed since the last run.

    **Reads** and **writes** what the stages do; keeps the record of the run in the state.

    Parameters
    ----------
    paths : sequence of Path
        The frames, as they came or as an earlier run left them.
    options : RunOptions
        What the user says.
    workspace : Workspace
        Directory, settings, manners.
    identity : str
        Identifies the call of pp_run in the record.
    retry : bool
        Whether frames that failed in the run before are tried again.

    Returns
    -------
    RunResult
        How it went; with nothing done if no frame came to the end.

    Raises
    ------
    PhotPipeError
        What stops a stage altogether.
    """
    _check(options, workspace)
    chain = _Chain(options, workspace, identity, retry)
    with chain.recorded(paths):
        chain.work(paths)
    return chain.record


def _check(options: RunOptions, workspace: Workspace) -> None:
    """Refuse before the first stage what a later one would refuse.

    Raises
    ------
    ConfigError
        If a band, a catalog, a rejection schema or a file of targets does not exist.
    """
    from photpipe.distill import rejection
    from photpipe.register.campaign import check_catalog

    if options.prepare.filter is None:  # else it tells what a GENERIC telescope's card would
        check_options(options.calibrate, workspace)
    for name in (options.calibrate.cat, options.register.cat):
        if name:
            check_catalog(name, workspace.settings)
    rejection.schemata(options.distill.reject, workspace.settings.distill)
    for option in ("positions", "fixedtargets"):
        name = getattr(options.distill, option)
        if not name or name == "all":
            continue
        if not Path(name).expanduser().exists() and not (workspace.directory / name).exists():
            raise ConfigError(f"-{option}: there is no file {name}")


def _words(options: object) -> str:
    """Options of a stage as they would be typed."""
    words = []
    for name, value in told(options).items():
        words.append(f"-{name}")
        if value is not True:
            words += [str(each) for each in (value if isinstance(value, tuple) else [value])]
    return shlex.join(words)


class _Chain:
    """One run: what it knows of the run before, and what has become of it so far."""

    def __init__(
        self, options: RunOptions, workspace: Workspace, identity: str, retry: bool
    ) -> None:
        now = reuse.versions()
        self.options, self.workspace, self.retry = options, workspace, retry
        self.past = None if options.force else reuse.last_run(workspace, now)
        self.is_unbroken = self.past is not None
        self.rows: dict[str, PreparedFrame] = {}
        self.failed: list[FrameFailure] = []
        self.steps: list[StepRecord] = []
        self.reused: list[str] = []
        self.done = 0
        self.group = ""
        self.record = RunResult(
            identity=identity,
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            options=options.said(),
            settings=dataclasses.asdict(workspace.settings),
            versions=now,
            offline=workspace.settings.services.offline,
        )

    @contextlib.contextmanager
    def recorded(self, paths: Sequence[Path]) -> Iterator[None]:
        """Keep the record: as running before the block, as it ended behind it."""
        began = time.monotonic()
        self.workspace.save(self.record)
        self._keep_settings()
        status, reason = INTERRUPTED, ""
        try:
            yield
            status = "done" if not self.failed else "partial" if self.done else "failed"
        except Exception as error:
            status, reason = "failed", str(error)
            raise
        finally:
            directory = self.workspace.directory
            self.record = replace(
                self.record,
                status=status,
                reason=reason,
                seconds=time.monotonic() - began,
                telescopes=self._telescopes(),
                group=self.group,
                sources=reuse.stamps(paths),
                frames=reuse.stamps(directory / name for name in self.rows),
                steps=tuple(self.steps),
                reused=tuple(self.reused),
                failed=tuple(self.failed),
                done=self.done,
            )
            self.workspace.save(self.record)

    def _keep_settings(self) -> None:
        """Keep the settings as a file that can be used again."""
        with contextlib.suppress(OSError):  # as with the record itself, which warned
            text = self.workspace.settings.as_toml()
            files.write_text(self.workspace.state_directory / SETTINGS_FILE, text)

    def _telescopes(self) -> dict[str, str]:
        try:
            return reuse.telescope_digests(row.telescope for row in self.rows.values())
        except PhotPipeError:
            return {}

    # -- the chain

    def work(self, paths: Sequence[Path]) -> None:
        """All stages in their order; stops when no frame is left."""
        paths, left_out = sky_frames(paths)
        if left_out:
            log.info("excluded according to their headers: %s", left_out)
        names = self._registered(self._prepared(paths))
        for step in SERIES:
            if not names:
                log.error("no usable frames left; stopping")
                return
            result = self._series(step, names)
            done = result.frames
            names = [each if isinstance(each, str) else each.frame for each in done]
        self.done = len(names)

    def _prepared(self, paths: Sequence[Path]) -> list[str]:
        """Prepare what is new or changed; names of the frames to go on with."""
        known = self._known(paths)
        self.failed += known.given_up
        self.rows = dict(known.rows)
        if known.todo:
            result = self._execute(PREPARE, known.todo)
            self.rows |= {row.frame: row for row in result.frames}
        elif self.past is not None:
            self._carry_over(PREPARE)
        if known.rows:
            self.reused.append(f"{len(known.rows)} frames are already registered")
            missed = result.failed if known.todo else ()
            merged = PrepareResult(tuple(self.rows.values()), (*missed, *known.given_up))
            self.workspace.save(merged)
        self._leave_out_unknown_filters()
        if not self.rows:
            return []
        main, failed = groups.majority(
            list(self.rows.values()), by_filter=self.options.calibrate.filter is None
        )
        self.group = main.name
        self._fail(failed)
        self._say_fields(main)
        self.is_unbroken = self.is_unbroken and not known.todo
        return [row.frame for row in main.frames]

    def _leave_out_unknown_filters(self) -> None:
        """Let frames fail whose filter nobody knows, unless the user named a band or needs none."""
        unknown = [row for row in self.rows.values() if row.unknown_filter]
        if not unknown or not _needs_bands(self.options):
            return
        self.rows = {name: row for name, row in self.rows.items() if not row.unknown_filter}
        failures = tuple(FrameFailure(row.frame, row.unknown_filter) for row in unknown)
        self.failed += failures  # pp_prepare said so
        prepared = self.workspace.load(PrepareResult)
        if prepared is not None:
            failed = tuple(dict.fromkeys((*prepared.failed, *failures)))
            self.workspace.save(PrepareResult(tuple(self.rows.values()), failed))

    def _known(self, paths: Sequence[Path]) -> reuse.Known:
        """What the run before has done for the frames; nothing if it was told otherwise."""
        everything = reuse.Known(todo=list(paths))
        past = self.past
        if past is None:
            return everything
        prepared, series = self.workspace.load(PrepareResult), past.step(SERIES[0].command)
        if prepared is None or series is None:
            return everything
        for step in (PREPARE, REGISTER):
            record = past.step(step.command)
            if record is None or not self._is_valid(step, record):
                log.info("other options, settings or stars for %s: starting over", step.command)
                return everything
        return reuse.known_frames(paths, past, prepared, series.frames, retry=self.retry)

    def _is_valid(self, step: Step, record: StepRecord) -> bool:
        """Whether a stage would be told the same today, by the user and by the services."""
        assert self.past is not None
        return record.key == step.key(self.options, self.workspace) and reuse.is_current(
            record, self.past, offline=self.record.offline, retry=self.retry
        )

    def _say_fields(self, main: groups.Group) -> None:
        parts = groups.fields(main.frames)
        if len(parts) > 1:
            listed = "; ".join(f"{part[0].frame} and {len(part) - 1} more" for part in parts)
            log.warning(
                "the headers list %d separate fields (%s); use -split to run each separately",
                len(parts),
                listed,
            )

    def _registered(self, names: list[str]) -> list[str]:
        """Register what is new; names of the frames to go on with."""
        if not names:
            return []
        past = self.workspace.load(RegisterResult) if self.is_unbroken else None
        if past is not None:
            self._carry_over(REGISTER)
            frames = tuple(each for each in past.frames if each.frame in names)
            failed = tuple(each for each in past.failed if each in self.failed)
            self.workspace.save(replace(past, frames=frames, failed=failed))
            return names
        result = self._execute(REGISTER, self._paths(names))
        if self.options.prepare.keep_wcs:
            return names
        done = {each.frame for each in result.frames}
        return [name for name in names if name in done]

    def _series(self, step: Step, names: list[str]) -> Any:
        """Run a stage on all frames, or take its result from the run before."""
        result = self._unchanged(step, names) if self.is_unbroken else None
        if result is not None:
            self._carry_over(step)
            self.reused.append(f"{step.command} has nothing to do")
            self._fall_short(result)
            return result
        self.is_unbroken = False
        return self._execute(step, self._paths(names))

    def _unchanged(self, step: Step, names: list[str]) -> Any:
        """Result of the run before, if the stage would only repeat it; None otherwise."""
        record = self.past.step(step.command) if self.past else None
        if record is None or list(record.frames) != names or not self._is_valid(step, record):
            return None
        if record.failed and self.retry:
            return None
        result = self.workspace.load(step.kind)
        if result is None:
            return None
        outputs = reuse.stamps(step.outputs(result, self.workspace.directory))
        return result if outputs == record.outputs else None

    def _carry_over(self, step: Step) -> None:
        """Take the record of a stage from the run before."""
        record = self.past.step(step.command) if self.past else None
        if record is not None:
            self.steps.append(replace(record, seconds=0.0))
            if step in SERIES:
                self.failed += record.failed

    def _paths(self, names: Sequence[str]) -> list[Path]:
        return [self.workspace.directory / name for name in names]

    def _fail(self, failures: Sequence[FrameFailure]) -> None:
        """Say at once which frames failed, and remember them."""
        cli.tell_failures(failures)
        self.failed += failures

    def _fall_short(self, result: Result) -> None:
        """Remember what was wished for and not had, and say it."""
        cli.tell_failures(unmet(result), logging.WARNING)
        self.failed += unmet(result)

    def _execute(self, step: Step, paths: list[Path]) -> Any:
        """Run a stage and keep how it went."""
        from photpipe.services import cache

        for later in STEPS[STEPS.index(step) + 1 :]:
            if later is not REGISTER or not self.rows:  # frames that stay registered are in it
                self.workspace.forget(later.kind)
        options = step.options(self.options)
        began = time.monotonic()
        log.info("%s: %d frames", step.command, len(paths))
        with (
            cli.in_history(step.command, _words(options), self.workspace) as outcome,
            cache.traced() as trace,
        ):
            result = step.work(paths, options, self.options, self.workspace)
            outcome.status = cli.status_of(result)
        self.steps.append(
            StepRecord(
                command=step.command,
                options=told(options),
                key=step.key(self.options, self.workspace),
                frames=tuple(path.name for path in paths),
                outputs=reuse.stamps(step.outputs(result, self.workspace.directory)),
                answers=tuple(trace.answers.values()),
                missing=tuple(dict.fromkeys(trace.missing)),
                failures=tuple(dict.fromkeys(trace.failures)),
                failed=result.failed,
                seconds=time.monotonic() - began,
            )
        )
        self._fail(result.failed)
        self._fall_short(result)
        return result
