"""The memory of the services: answers kept as readable ECSV files in one folder.

A file is ``<folder>/<service>/<name>_<key>_<cone>.ecsv``; its header holds the request, the
service, the date and a checksum of the rows. Files appear whole or not at all, also when many
processes and threads work with one folder. A cone is served from a larger one that is at
least as deep. A damaged file is set aside and asked for again. A folder that cannot be
written costs a warning, never a run.
"""

import contextlib
import fcntl
import hashlib
import logging
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import photpipe
from photpipe.ground import files, paths
from photpipe.ground.errors import ServiceError, UnknownTargetError
from photpipe.ground.timescale import SECONDS_PER_DAY, UNIX_EPOCH_JD, iso, parse_datetime
from photpipe.run.record import Answer
from photpipe.run.settings import ServiceSettings
from photpipe.services.cachefile import ABOUT, DAMAGE, FORMAT, from_text, read_about, to_text
from photpipe.services.request import Request

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

_LOCK_POLL_S = 0.05  # how late the end of another download is noticed
_LOCKS = 64  # files of locks that are shared: few on disk, hardly ever two that meet
_TABLES_IN_MEMORY = 4  # the catalogs of a field


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the cache, for lists."""

    path: Path
    service: str
    request: str
    rows: int
    size_bytes: int
    age_days: float


@dataclass(slots=True)
class _Process:
    """What the threads of this process know together."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    tables: "OrderedDict[Path, tuple[tuple[int, int] | None, Table]]" = field(
        default_factory=OrderedDict
    )
    failures: dict[Path, tuple[float, ServiceError]] = field(default_factory=dict)
    asking: dict[Path, threading.Lock] = field(default_factory=dict)
    useless: set[Path] = field(default_factory=set)


_process = _Process()


@dataclass(slots=True)
class Trace:
    """Answers that were used while it was open.

    Parameters
    ----------
    answers : dict
        File to answer.
    missing : list of str
        Files that were looked for in vain where nobody was to be asked.
    failures : list of str
        What services that were asked in vain had to say.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


_traces: list[Trace] = []


@contextlib.contextmanager
def traced() -> Iterator[Trace]:
    """Note what this process asks for in the block."""
    trace = Trace()
    _traces.append(trace)
    try:
        yield trace
    finally:
        _traces.remove(trace)


def is_current(answer: Answer, *, any_age: bool) -> bool:
    """Whether asking today would give the same: the file is not changed, and not too old."""
    try:
        is_same = not answer.stamp or files.stamp(Path(answer.file)) == answer.stamp
    except OSError:  # it was deleted, which says nothing about the sky
        is_same = True
    if any_age or not math.isfinite(answer.max_age_days):
        return is_same
    return is_same and _age_days({"retrieved": answer.retrieved}) < answer.max_age_days


class Cache:
    """The folders of kept answers: one to write, any number to read.

    Parameters
    ----------
    settings : ServiceSettings
        Tells the folders, and whether to work offline.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.folder = cache_folder(settings)
        shared = (Path(each).expanduser() for each in settings.shared_caches)
        self.folders = (self.folder, *(each for each in shared if each != self.folder))

    def remember(
        self,
        request: Request,
        fetch: Callable[[], "Table"],
        find: "Callable[[bool], Table | None] | None" = None,
    ) -> "Table":
        """Answer from the cache, else from the service (and then kept).

        Parameters
        ----------
        fetch : callable
            Asks the service; raises ServiceError.
        find : callable, optional
            Looks into the cache in another way than by `find`; its argument tells whether an
            answer past its age will do.

        Raises
        ------
        ServiceError
            If there is none: in offline mode with the place that was looked at.
        """
        try:
            return self._remembered(request, fetch, find)
        except ServiceError as error:
            if self.settings.offline:
                for trace in _traces:
                    trace.missing.append(str(self.path(request)))
            elif not isinstance(error, UnknownTargetError):
                _note_failure(error)
            raise

    def _remembered(
        self,
        request: Request,
        fetch: Callable[[], "Table"],
        find: "Callable[[bool], Table | None] | None",
    ) -> "Table":
        look = find or (lambda any_age: self.find(request, any_age=any_age))
        began = time.monotonic()
        found = look(self.settings.offline)
        if found is not None:
            return found
        if self.settings.offline:
            raise ServiceError(
                request.service,
                str(request),
                f"not in the cache ({self.path(request)}) and -offline is set; "
                "run 'catalog.py prefetch' while online",
            )
        with self._one_at_a_time(request):
            found = look(False)
            if found is not None:
                return found
            failed_at, failure = _process.failures.get(self.path(request), (-math.inf, None))
            if failure is not None and failed_at > began:
                raise failure  # somebody has asked in vain while this thread was waiting
            try:
                answer = fetch()
            except ServiceError as error:
                _process.failures[self.path(request)] = (time.monotonic(), error)
                stale = look(True)
                if stale is None:
                    raise
                log.warning("%s; an older answer from the cache is used", error)
                _note_failure(error)
                return stale
            self.keep(request, answer)
        return request.trim(answer, request.max_mag)

    def find(self, request: Request, *, any_age: bool = False) -> "Table | None":
        """Kept answer to this request, or to a larger one, cut down; None if there is none."""
        for path, depth in self._candidates(request):
            table = self.load(path)
            if table is None or not (any_age or self._is_fresh(table, request)):
                continue
            self.note(path, table, request)
            found = request.trim(table, depth)
            if not is_truncated(table):
                return found
            if request.is_complete(table, found):
                cut = request.row_limit is not None and len(found) >= request.row_limit
                found.meta[ABOUT] = {**found.meta[ABOUT], "truncated": cut}
                return found
        return None

    def _is_fresh(self, table: "Table", request: Request) -> bool:
        """Whether an answer is young enough; an empty one is asked for again the next day."""
        return _age_days(table.meta[ABOUT]) < self._max_age_days(table, request)

    def _max_age_days(self, table: "Table", request: Request) -> float:
        if len(table):
            return request.max_age_days
        return min(request.max_age_days, self.settings.unknown_age_days)

    def note(self, path: Path, table: "Table", request: Request, *, grows: bool = False) -> None:
        """Tell the open traces of an answer; the file of one that grows changes without harm."""
        if not _traces:
            return
        about = table.meta[ABOUT]
        stamp = ""
        with contextlib.suppress(OSError):
            stamp = "" if grows else files.stamp(path)
        answer = Answer(
            service=str(about["service"]),
            request=str(about["request"]),
            retrieved=str(about["retrieved"]),
            file=str(path),
            stamp=stamp,
            max_age_days=self._max_age_days(table, request),
        )
        for trace in _traces:
            trace.answers[answer.file] = answer

    def _candidates(self, request: Request) -> list[tuple[Path, float | None]]:
        """Files that may hold the answer with their depths, the smallest cone first."""
        places = [folder / request.folder for folder in self.folders]
        exact = [(place / request.file_name, request.max_mag) for place in places]
        with _process.guard:
            kept = [each for each in _process.tables if each.parent in places]
        found = [each for each in exact if each[0].is_file() or each[0] in kept]
        if request.cone is None:
            return found
        larger = []
        for place in places:
            with contextlib.suppress(OSError):
                kept += place.glob(f"{request.stem}_*.ecsv")
        for path in dict.fromkeys(kept):
            offer = request.offer_of(path.name)
            if offer is not None:
                larger.append((offer[0].radius_deg, path, offer[1]))
        larger.sort(key=lambda each: each[0])
        return [*found, *((path, depth) for _, path, depth in larger if (path, depth) not in found)]

    def path(self, request: Request) -> Path:
        """File of the answer to exactly this request."""
        return self.folder / request.folder / request.file_name

    def load(self, path: Path) -> "Table | None":
        """Table of a file; None if there is none, or a damaged one (which is set aside)."""
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = None
        with _process.guard:
            kept = _process.tables.get(path)
        if kept is not None and kept[0] == stamp:
            return kept[1].copy()
        if stamp is None:
            return None
        try:
            table = from_text(path.read_text("utf-8"))
        except OSError as error:
            self._warn(path.parent, error)
            return None
        except DAMAGE as error:
            log.warning("%s is damaged (%s); set aside", path, str(error).splitlines()[0][:100])
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
            return None
        self._hold(path, stamp, table)
        return table.copy()

    def keep(self, request: Request, table: "Table") -> None:
        """Write an answer; where that is impossible, hold it in memory and warn once."""
        path = self.path(request)
        truncated = request.asked_rows is not None and len(table) >= request.asked_rows
        table.meta[ABOUT] = {
            "format": FORMAT,
            "version": photpipe.__version__,
            "service": request.service,
            "request": str(request),
            "details": dict(request.details),
            "retrieved": iso(Cache.now_jd(), 0),
            "truncated": truncated,
        }
        stamp = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.sweep(path.parent)
            files.write_text(path, to_text(table))
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError as error:
            self._warn(self.folder, error)
        self._hold(path, stamp, table.copy())
        self.note(path, table, request)

    def _hold(self, path: Path, stamp: tuple[int, int] | None, table: "Table") -> None:
        with _process.guard:
            _process.tables[path] = (stamp, table)
            _process.tables.move_to_end(path)
            while len(_process.tables) > _TABLES_IN_MEMORY:
                _process.tables.popitem(last=False)

    def _warn(self, folder: Path, error: OSError) -> None:
        """Say once per folder that it is of no use."""
        with _process.guard:
            if folder in _process.useless:
                return
            _process.useless.add(folder)
        log.warning(
            "the cache %s cannot be used (%s); continuing without it",
            folder,
            error.strerror or error,
        )

    @contextlib.contextmanager
    def _one_at_a_time(self, request: Request) -> Iterator[None]:
        """Let one thread of one process ask for an answer while the others wait for it."""
        path = self.path(request)
        with _process.guard:
            thread_lock = _process.asking.setdefault(path, threading.Lock())
        number = int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % _LOCKS
        with thread_lock, contextlib.ExitStack() as stack:
            try:
                place = self.folder / ".locks"
                place.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((place / f"{number:02d}.lock").open("a"))
                _wait_for(lock.fileno(), 2 * self.settings.deadline_s)
            except (
                OSError
            ) as error:  # no file locks here; if nothing can be written, keep() says so
                log.debug("no lock in %s: %s", self.folder, error)
            yield

    @staticmethod
    def now_jd() -> float:
        """Julian date (UTC) of this moment."""
        return time.time() / SECONDS_PER_DAY + UNIX_EPOCH_JD

    def entries(self) -> list[Entry]:
        """All files of the cache that can be read, oldest first."""
        found = []
        for folder in self.folders:
            for path in sorted(folder.glob("*/*.ecsv")):
                with contextlib.suppress(*DAMAGE, OSError):
                    about = read_about(path)
                    found.append(
                        Entry(
                            path,
                            str(about["service"]),
                            str(about["request"]),
                            int(about["rows"]),
                            path.stat().st_size,
                            _age_days(about),
                        )
                    )
        return sorted(found, key=lambda entry: -entry.age_days)


def _note_failure(error: ServiceError) -> None:
    for trace in _traces:
        trace.failures.append(str(error))


def cache_folder(settings: ServiceSettings) -> Path:
    """Folder of the settings; ``$PHOTPIPE_CACHE`` goes before, the user's cache folder after."""
    if settings.cache and not os.environ.get("PHOTPIPE_CACHE"):
        return Path(settings.cache).expanduser()
    return paths.cache_directory()


def is_truncated(table: "Table") -> bool:
    """Whether the service stopped at the row limit when this table was requested."""
    return bool(table.meta.get(ABOUT, {}).get("truncated", False))


def _age_days(about: Mapping[str, Any]) -> float:
    return max(0.0, Cache.now_jd() - parse_datetime(str(about["retrieved"])))


def _wait_for(handle: int, patience_s: float) -> None:
    """Lock a file; whoever holds it longer than that is taken for dead, and not waited for."""
    ends_at = time.monotonic() + patience_s
    while time.monotonic() < ends_at:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_POLL_S)
        else:
            return
