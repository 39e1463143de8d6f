"""``pp_run -watch``: frames are worked on as they arrive, until Ctrl-C or a long silence."""

import contextlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from photpipe.command.file_names import common_directory, named_paths
from photpipe.command.history import write_report
from photpipe.command.reporting import Status
from photpipe.ground import files
from photpipe.ground.errors import FrameError
from photpipe.ground.log import on_console
from photpipe.run.settings import RunSettings, Settings
from photpipe.run.workspace import core_count
from photpipe.runner import inputs, walk, workers
from photpipe.runner.directory import Invocation, Task, workspace_of
from photpipe.runner.live_summary import LiveSummary
from photpipe.runner.one_directory import run_task
from photpipe.runner.options import RunOptions

log = logging.getLogger(__name__)

RETRY_S = 600.0  # after which frames that failed are tried again: a service may be back


def watch(
    names: Sequence[str], options: RunOptions, invocation: Invocation, *, everywhere: bool
) -> Status:
    """Work on the frames of a directory as they arrive; the status of the last update.

    Parameters
    ----------
    names : sequence of str
        Frames in the directory, or the directory.
    everywhere : bool
        Look at all directories at and below the current one instead.

    Raises
    ------
    ConfigError
        If the names lie in several directories.
    """
    root = Path.cwd() if everywhere else _directory(names)
    settings = Settings.load(root).run
    night = _Night(root, options, invocation, settings, everywhere=everywhere)
    with on_console(quiet=invocation.quiet):  # a directory at work has the console by itself
        log.info("waiting for frames in %s; Ctrl-C ends", root)
    with contextlib.suppress(KeyboardInterrupt):
        while not night.is_over:
            time.sleep(settings.poll_s)
            night.look()
    with on_console(quiet=invocation.quiet):
        night.finish()
        log.info("no longer waiting for frames in %s", root)
    return night.status


def _directory(names: Sequence[str]) -> Path:
    """The directory that is meant by frames, or by its own name.

    Raises
    ------
    ConfigError
        If there are several, or a name fits nothing.
    """
    if len(names) == 1 and Path(names[0]).is_dir():
        return Path(names[0]).absolute()
    return common_directory(named_paths(names))


@dataclass(slots=True)
class _Watched:
    """What was seen of a directory: stamps at the last look, and when the last run ended."""

    seen: dict[Path, str] = field(default_factory=dict)
    since_s: dict[Path, float] = field(default_factory=dict)
    done: dict[Path, str] = field(default_factory=dict)
    tried_s: float = -math.inf


class _Night:
    """All looks at the directories, one after the other."""

    def __init__(
        self,
        root: Path,
        options: RunOptions,
        invocation: Invocation,
        settings: RunSettings,
        *,
        everywhere: bool,
    ) -> None:
        self.root, self.options, self.settings = root, options, settings
        self.invocation = replace(invocation, is_silent=everywhere, is_live=True)
        self.everywhere = everywhere
        self.status = Status.DONE
        self._places: dict[Path, _Watched] = {}
        self._news_s = time.monotonic()
        self._summary: LiveSummary | None = None
        for directory in self._directories():
            self._settled(self._place(directory), directory.frames)

    @property
    def is_over(self) -> bool:
        """Whether nothing has come for so long that nothing will."""
        return time.monotonic() - self._news_s > self.settings.idle_s

    def finish(self) -> None:
        """Write the pages once more, as those of a night that is over."""
        over = replace(self.invocation, is_live=False)
        for directory, place in self._places.items():
            if place.done:
                write_report(workspace_of(Task(directory, (), self.options, over)))

    def look(self) -> None:
        """Look once, and work on what is new."""
        tasks = list(self._news())
        if not tasks:
            return
        if self.everywhere:
            self.status = self._run_many(tasks)
        else:
            self.status = run_task(tasks[0]).status
        for task in tasks:
            place = self._places[task.directory]
            place.done = dict(_stamped(task.frames))
            place.seen |= place.done
        self._news_s = time.monotonic()
        if self.status is Status.INTERRUPTED:
            raise KeyboardInterrupt

    def _directories(self) -> Iterator[inputs.DataDirectory]:
        prefix = self.options.prefix
        if self.everywhere:
            yield from inputs.data_directories(self.root, prefix)
        else:
            yield inputs.DataDirectory(self.root, inputs.frames_in(self.root, prefix))

    def _place(self, directory: inputs.DataDirectory) -> _Watched:
        return self._places.setdefault(directory.path, _Watched())

    def _news(self) -> Iterator[Task]:
        """Directories with frames that are complete and were not worked on like this."""
        for directory in self._directories():
            place = self._place(directory)
            settled = self._settled(place, directory.frames)
            if settled and any(place.done.get(path) != stamp for path, stamp in settled.items()):
                now_s = time.monotonic()
                retry = now_s - place.tried_s > RETRY_S
                place.tried_s = now_s if retry else place.tried_s
                yield Task(directory.path, tuple(settled), self.options, self.invocation, retry)

    def _settled(self, place: _Watched, frames: Sequence[Path]) -> dict[Path, str]:
        """Frames that have not changed since the last look, and are whole.

        One that stands still for long is taken as it is: its run will say what is wrong.
        """
        now_s = time.monotonic()
        settled = {}
        for path, stamp in _stamped(frames):
            if place.seen.get(path) != stamp:
                place.seen[path], place.since_s[path] = stamp, now_s
            elif _is_whole(path) or now_s - place.since_s[path] > self.settings.patience_s:
                settled[path] = stamp
        return settled

    def _run_many(self, tasks: list[Task]) -> Status:
        """Work on several directories side by side."""
        count = min(self.invocation.jobs, len(tasks))
        tasks = walk.shared_out(tasks, max(1, core_count() // count))
        if self._summary is None:
            self._summary = LiveSummary(self.root)
        self._summary.expect(tasks)
        results = workers.side_by_side(run_task, tasks, count, self._summary.begin)
        console = on_console(quiet=self.invocation.quiet, debug=self.invocation.debug)
        with console, self._summary.live(), contextlib.closing(results):
            return walk.report(self._summary, results)


def _stamped(frames: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for path in frames:
        with contextlib.suppress(OSError):
            yield path, files.stamp(path)


def _is_whole(path: Path) -> bool:
    """Whether a file is no part of a frame that is still being copied, as far as can be seen."""
    from photpipe.fits.fitsfile import read_primary
    from photpipe.fits.packed import PACKED_SUFFIXES

    if path.suffix.lower() in PACKED_SUFFIXES:
        return path.stat().st_size > 0
    try:
        read_primary(path)
    except FrameError:
        return False
    return True
