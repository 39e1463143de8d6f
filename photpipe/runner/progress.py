"""How far a run has come: what of the run before is still good, what was done, what failed."""

import contextlib
import dataclasses
import logging
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from photpipe.command.history import in_history
from photpipe.command.reporting import status_of, tell_failures
from photpipe.ground import files
from photpipe.ground.environment import give_back_memory
from photpipe.ground.errors import PhotPipeError
from photpipe.ground.log import FRAME
from photpipe.run.options import options_of
from photpipe.run.record import INTERRUPTED, RunResult, StepRecord
from photpipe.run.results import (
    FrameFailure,
    PreparedFrame,
    PrepareResult,
    RegisterResult,
    Result,
    unmet,
)
from photpipe.run.workspace import Workspace
from photpipe.runner import console, groups, reuse
from photpipe.runner.options import RunOptions, told
from photpipe.runner.stages import PHOTOMETRY, PREPARE, REGISTER, STAGES, Stage, needs_bands

log = logging.getLogger("pp_run")

SETTINGS_FILE = "settings.toml"
LONG_SERIES = 50  # by judgement: frames that leave more behind than a search of 0.1 s is worth


def _words(options: object) -> str:
    """Options of a stage as they would be typed."""
    words = []
    offered = options_of(type(options))
    for name, value in told(options).items():
        if name not in offered:  # what the chain tells the stage
            continue
        words.append(f"-{name}")
        if value is not True:
            words += [str(each) for each in (value if isinstance(value, tuple) else [value])]
    return shlex.join(words)


class Progress:
    """One run: what it knows of the run before, and what has become of it so far."""

    def __init__(
        self, options: RunOptions, workspace: Workspace, identity: str, *, retry: bool
    ) -> None:
        now = reuse.versions()
        self.options, self.retry = options, retry
        self.workspace = replace(workspace, versions=reuse.digest(now))
        self.past = None if options.force else reuse.last_run(workspace, now)
        if options.force:
            reuse.forget_frames(workspace)
        self.is_unbroken = self.past is not None
        self.known = reuse.Known()
        self.rows: dict[str, PreparedFrame] = {}
        self.unchanged: Any = None
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

    # -- before a stage: what is new; after it: the frames to go on with

    def todo(self, stage: Stage, frames: list[Path]) -> list[Path]:
        """Frames that a stage has to work on; none if the run before has done that already."""
        if stage is PREPARE:
            return self._to_prepare(frames)
        if stage is REGISTER:
            is_done = self.is_unbroken and self.workspace.load(RegisterResult) is not None
            return [] if is_done else frames
        self.unchanged = self._unchanged(stage, frames) if self.is_unbroken else None
        self.is_unbroken = self.unchanged is not None
        return [] if self.is_unbroken else frames

    def finished(self, stage: Stage, frames: list[Path], result: Any) -> list[Path]:
        """Frames to go on with, behind a stage; `result` is None if it had nothing to do."""
        if stage is PREPARE:
            return self._paths(self._prepared(result))
        if stage is REGISTER:
            return self._registered(frames, result)
        if result is None:
            result = self.unchanged
            self._carry_over(stage)
            self.reused.append(f"{stage.command} has nothing to do")
            self._fall_short(result)
        return self._paths(each if isinstance(each, str) else each.frame for each in result.frames)

    def _to_prepare(self, paths: Sequence[Path]) -> list[Path]:
        """Frames that are new or changed, or were not registered."""
        self.known = self._known(paths)
        self.failed += self.known.given_up
        self.rows = dict(self.known.rows)
        return self.known.todo

    def _prepared(self, result: PrepareResult | None) -> list[str]:
        """Names of the frames to go on with: of one kind, of a filter that is known."""
        known = self.known
        if result is not None:
            self.rows |= {row.frame: row for row in result.frames}
        elif self.past is not None:
            self._carry_over(PREPARE)
        if known.rows:
            self.reused.append(f"{len(known.rows)} frames are already registered")
            missed = result.failed if result else ()
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
        if not unknown or not needs_bands(self.options):
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
        prepared, series = self.workspace.load(PrepareResult), past.step(PHOTOMETRY.command)
        if prepared is None or series is None:
            return everything
        for stage in (PREPARE, REGISTER):
            record = past.step(stage.command)
            if record is None or not self._is_valid(stage, record):
                log.info("other options, settings or stars for %s: starting over", stage.command)
                return everything
        return reuse.known_frames(paths, past, prepared, series.frames, retry=self.retry)

    def _is_valid(self, stage: Stage, record: StepRecord) -> bool:
        """Whether a stage would be told the same today, by the user and by the services."""
        assert self.past is not None
        return record.key == stage.key(self.options, self.workspace) and reuse.is_current(
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

    def _registered(self, frames: list[Path], result: RegisterResult | None) -> list[Path]:
        """Frames that are registered, or believed to be; what is known of the others is kept."""
        if result is not None:
            done = {each.frame for each in result.frames}
            keeps_wcs = self.options.prepare.keep_wcs
            return [path for path in frames if keeps_wcs or path.name in done]
        past = self.workspace.load(RegisterResult)
        assert past is not None
        self._carry_over(REGISTER)
        names = {path.name for path in frames}
        kept = tuple(each for each in past.frames if each.frame in names)
        failed = tuple(each for each in past.failed if each in self.failed)
        self.workspace.save(replace(past, frames=kept, failed=failed))
        return frames

    def _unchanged(self, stage: Stage, frames: list[Path]) -> Any:
        """Result of the run before, if the stage would only repeat it; None otherwise."""
        record = self.past.step(stage.command) if self.past else None
        if (
            record is None
            or list(record.frames) != [path.name for path in frames]
            or not self._is_valid(stage, record)
        ):
            return None
        if record.failed and self.retry:
            return None
        result = self.workspace.load(stage.kind)
        if result is None:
            return None
        outputs = reuse.stamps(stage.outputs(result, self.workspace.directory))
        return result if outputs == record.outputs else None

    def _carry_over(self, stage: Stage) -> None:
        """Take the record of a stage from the run before."""
        record = self.past.step(stage.command) if self.past else None
        if record is not None:
            self.steps.append(replace(record, seconds=0.0))
            if stage not in {PREPARE, REGISTER}:
                self.failed += record.failed

    def execute(self, stage: Stage, paths: list[Path]) -> Any:
        """Run a stage and keep how it went."""
        from photpipe.services import cache

        self._forget_what_follows(stage)
        options = stage.options(self.options)
        began = time.monotonic()
        log.info("%s: %d frames", stage.command, len(paths), extra=FRAME)
        with (
            in_history(stage.command, _words(options), self.workspace) as outcome,
            cache.traced() as trace,
        ):
            result = stage.work(paths, options, self.options, self.workspace)
            outcome.status = status_of(result)
        if len(paths) >= LONG_SERIES:
            give_back_memory()
        self.steps.append(
            StepRecord(
                command=stage.command,
                options=told(options),
                key=stage.key(self.options, self.workspace),
                frames=tuple(path.name for path in paths),
                outputs=reuse.stamps(stage.outputs(result, self.workspace.directory)),
                answers=tuple(trace.answers.values()),
                missing=tuple(dict.fromkeys(trace.missing)),
                failures=tuple(dict.fromkeys(trace.failures)),
                failed=result.failed,
                seconds=time.monotonic() - began,
            )
        )
        log.info("%s", console.of_stage(stage.command, result, time.monotonic() - began))
        self._fail(result.failed)
        self._fall_short(result)
        return result

    def _forget_what_follows(self, stage: Stage) -> None:
        """Results of later stages are not those of the frames any more."""
        for later in STAGES[STAGES.index(stage) + 1 :]:
            if later is not REGISTER or not self.rows:  # frames that stay registered are in it
                self.workspace.forget(later.kind)

    def _paths(self, names: Iterable[str]) -> list[Path]:
        return [self.workspace.directory / name for name in names]

    def _fail(self, failures: Sequence[FrameFailure]) -> None:
        """Say at once which frames failed, and remember them."""
        tell_failures(failures)
        self.failed += failures

    def _fall_short(self, result: Result) -> None:
        """Remember what was wished for and not had, and say it."""
        tell_failures(unmet(result), logging.WARNING)
        self.failed += unmet(result)
