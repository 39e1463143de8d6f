"""A data directory and what a run needs to know about it."""

import contextlib
import errno
import functools
import hashlib
import logging
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from photpipe.ground import files
from photpipe.ground.errors import PhotPipeError
from photpipe.ground.log import LOG_NAME
from photpipe.run import forks
from photpipe.run.results import ExtractedFrame, FrameFailure, from_json, to_json
from photpipe.run.settings import Settings

log = logging.getLogger(__name__)

stopping = threading.Event()
"""Set while an interrupted run waits for its threads: who waits for a child process ends it."""

interrupted = threading.Event()
"""Set when a signal came that ends the run, whatever became of its exception."""

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""Errors of a disk that takes no more."""

_SIGNAL_CHECK_S = 0.5  # at most this late; waking up costs microseconds
_NAP_S = 0.01  # how late Ctrl-C is noticed among threads

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def side_by_side(jobs: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """A ``map`` on threads; their tools are ended when anything is raised, as an interrupt is."""
    crew = f"frames-{uuid.uuid4()}"
    pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix=crew)
    try:
        yield functools.partial(_outcomes, pool)
    except BaseException:
        stopping.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _await_end(crew)
        stopping.clear()


def _outcomes(
    pool: ThreadPoolExecutor, function: Callable[..., Outcome], *items: Iterable[Any]
) -> Iterator[Outcome]:
    """Outcomes of a function for all items, in their order; as ``pool.map``, but open to signals.

    Python handles a signal in the main thread, between two of its instructions: one that comes
    just before the thread begins to wait would be noticed only when the wait is over.
    """
    for future in [pool.submit(function, *each) for each in zip(*items, strict=True)]:
        while not wait([future], _SIGNAL_CHECK_S).done:
            if interrupted.is_set():
                raise KeyboardInterrupt
        yield future.result()


def _heeding(outcomes: Iterable[Item]) -> Iterator[Item]:
    """Outcomes, as long as no signal came, that one included whose exception Python dropped."""
    for each in outcomes:
        if interrupted.is_set():
            raise KeyboardInterrupt
        yield each


def _await_end(crew: str) -> None:
    """Wait for all threads of a pool, that one too whose start a signal interrupted.

    The pool does not know of it, and it would miss that the run is stopping.
    """
    while any(thread.name.startswith(crew) for thread in threading.enumerate()):
        time.sleep(_NAP_S)


@dataclass(frozen=True, slots=True)
class KeptCatalog:
    """A catalog that one stage has extracted and another may want.

    Parameters
    ----------
    question : str
        Digest of the frame's pixels and of all that the tool was told of them.
    saturation_adu : float
        Level of a saturated pixel that it was told.
    stamp : str
        Stamp of the file of the catalog: it is worth something only as it was left.
    row : ExtractedFrame
        What came out.
    """

    question: str
    saturation_adu: float
    stamp: str
    row: ExtractedFrame


@dataclass(frozen=True, slots=True)
class Workspace:
    """Names, settings and manners of a run in one data directory.

    Parameters
    ----------
    directory : Path
        The data directory; nothing depends on the current directory.
    settings : Settings
        Constants of the run.
    quiet : bool
        No progress bars.
    jobs : int
        Frames worked on side by side.
    is_live : bool
        More frames are expected (``pp_run -watch``): the pages renew themselves.
    versions : str
        Digest of all programs that results depend on; only where it is given, what an earlier run
        has measured of unchanged frames is taken, and kept for the next one.

    Attributes
    ----------
    catalogs : dict
        Catalog file to what is known of it, for as long as the run lasts.
    nights : dict
        Names of frames to the brightest pixels of their night (`saturation.NightPixels`), likewise.
    """

    directory: Path
    settings: Settings = field(default_factory=Settings)
    quiet: bool = False
    jobs: int = field(default_factory=core_count)
    is_live: bool = False
    versions: str = ""
    catalogs: dict[Path, KeptCatalog] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    nights: dict[frozenset[str], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def log_path(self) -> Path:
        """The LOG of the directory."""
        return self.directory / LOG_NAME

    @property
    def report_directory(self) -> Path:
        """Folder of all that diagnostics.html shows."""
        return self.directory / ".diagnostics"

    @property
    def page_path(self) -> Path:
        """First page of the report."""
        return self.directory / "diagnostics.html"

    @property
    def state_directory(self) -> Path:
        """Folder of the saved results of the stages."""
        return self.report_directory / "state"

    def key_of(self, *told: object) -> str:
        """Digest of the programs and of what else decides for all frames of a stage.

        Empty where nothing is to be taken from an earlier run, nor kept for the next one.
        """
        if not self.versions:
            return ""
        return hashlib.sha256(repr((self.versions, *told)).encode()).hexdigest()

    def save(self, result: object) -> Path:
        """Keep a result of a stage, replacing the one of an earlier run; returns the file.

        Where it cannot be written, a warning is all: the frames are what counts.
        """
        file = self._state_file(type(result))
        try:
            files.make_folder(self.state_directory)
            files.write_text(file, to_json(result))
        except OSError as error:
            log.warning("%s cannot be written: %s", file, error.strerror or error)
        return file

    def load(self, kind: type[Outcome]) -> Outcome | None:
        """Result that was kept last, or None if there is none (or none that can be read)."""
        file = self._state_file(kind)
        try:
            return from_json(kind, files.read_text(file))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be read and is ignored: %s", file, error)
            return None

    def forget(self, what: type | str) -> None:
        """Remove the result or file that was kept last: what it tells is not true any more."""
        with contextlib.suppress(OSError):
            files.check_parents(self.state_directory)
            file = self.state_directory / what if isinstance(what, str) else self._state_file(what)
            file.unlink()

    def _state_file(self, kind: type) -> Path:
        return self.state_directory / f"{kind.__name__.removesuffix('Result').lower()}.json"

    def progress(self, items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
        """Pass the items on, behind a progress bar when the screen is a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield from items
            return
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # a thread of its own, beside which no copy can be made
        yield from tqdm(items, total=total, desc=label, unit="frame", leave=False)

    def map_frames(
        self,
        function: Callable[[Item], Outcome],
        items: Sequence[Item],
        label: str,
        *,
        by_copies: bool = False,
    ) -> tuple[list[Outcome], list[FrameFailure]]:
        """Apply a function to all items on `jobs` threads; the work is done by child processes.

        Where Python itself has the work, `by_copies` shares it among copies of this process, as far
        as they are possible: for a function that returns all that comes of it.

        What fails for one item becomes its `FrameFailure`, named by the item's ``name``; the
        others go on. The traceback of an exception that nobody foresaw goes to LOG.

        Returns
        -------
        done, failed : list
            What the function returned, and what failed; both in the order of the items.
        """

        def one(number: int) -> Outcome | FrameFailure:
            return attempted(
                function, items[number], str(getattr(items[number], "name", items[number]))
            )

        found: dict[int, Outcome | FrameFailure] = {}
        with self._spread(one, len(items), by_copies=by_copies) as outcomes:
            for number, outcome in self.progress(outcomes, len(items), label):
                found[number] = outcome
        ordered = [found[number] for number in range(len(items))]
        failed = [each for each in ordered if isinstance(each, FrameFailure)]
        return [each for each in ordered if not isinstance(each, FrameFailure)], failed

    @contextlib.contextmanager
    def _spread(
        self, function: Callable[[int], Outcome], count: int, *, by_copies: bool
    ) -> Iterator[Iterator[tuple[int, Outcome]]]:
        """Numbers and what a function makes of them, on copies of this process or on threads."""
        if by_copies and self.jobs > 1 and count >= forks.FEWEST and forks.are_possible():
            with contextlib.closing(forks.outcomes(function, count, self.jobs)) as outcomes:
                yield _heeding(outcomes)
            return
        with side_by_side(self.jobs) as spread:
            yield enumerate(spread(function, range(count)))


def attempted(function: Callable[[Item], Outcome], item: Item, name: str) -> Outcome | FrameFailure:
    """What a function makes of one frame, or why it fails there: the others do not suffer.

    Parameters
    ----------
    name : str
        What the frame is called in its failure.
    """
    try:
        return function(item)
    except PhotPipeError as error:
        return FrameFailure(name, str(error).removeprefix(f"{name}: "))
    except ModuleNotFoundError:
        raise  # no frame is to blame
    except Exception as error:
        return unforeseen(name, error)


def fault_of_surroundings(error: Exception) -> str:
    """What is wrong with disks, folders or names, in one line; empty if the program is to blame."""
    if not isinstance(error, OSError):
        return ""
    if error.errno in NO_ROOM:
        return f"{error.filename or 'output'} cannot be written: {error.strerror}"
    if error.errno == errno.ENAMETOOLONG:
        name = str(error.filename)
        return f"{name[:40]}... ({len(name)} characters) is too long for a file's name"
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return "the current directory was removed; cd to one that is there"
    return ""


def _is_nowhere() -> bool:
    """Whether the directory is gone in which the command was started."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def unforeseen(name: str, error: Exception) -> FrameFailure:
    """Failure of one frame by an exception that is a fault of the program, or lack of memory."""
    log.debug("%s: %s", name, "".join(traceback.format_exception(error)))
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, MemoryError):
        return FrameFailure(name, "too little memory for it; run with -jobs 1")
    reason = fault_of_surroundings(error)
    if reason:
        return FrameFailure(name, reason)
    advice = "a bug of Photometry Pipeline; LOG has the traceback, please report it"
    return FrameFailure(name, f"{what[:200]} ({advice})")
