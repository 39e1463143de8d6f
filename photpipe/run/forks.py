"""Work of Python on several cores: copies of this process, which share what it knows.

Threads of Python calculate one at a time; a copy (``fork``) has an interpreter of its own, and it
starts within milliseconds, because all that was imported and read is there. It hands back what
its function returns and what it logs; what it changes in memory is lost.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")

FEWEST = 2  # items: a copy costs a hundredth of a second, a large frame may take minutes
_MOST = 8192  # items at a time: their numbers fit into a pipe (64 kB on Linux)
_NUMBER_BYTES = 4  # numbers up to 2^32, against room in the pipe
_PATIENCE_S = 5.0  # for a copy that was told to end: its tools have to be ended first
_LINGERING_S = 0.2  # for threads that have ended: on a loaded machine, against waiting for others
_NAP_S = 0.01  # how late the end of a copy is noticed, against waking up
_TASKS = Path("/proc/self/task")  # one entry for each thread, those of libraries included
_DIE_WITH_PARENT = 1  # prctl(2): PR_SET_PDEATHSIG


def are_possible() -> bool:
    """Whether this process can be copied: on Linux, while it has one thread.

    Of several threads the copy would have the one that made it, and all locks of the others. One
    that has ended for Python may end a moment later for the system.
    """
    if sys.platform != "linux":
        return False
    deadline_s = time.monotonic() + _LINGERING_S
    while (count := _thread_count()) > 1 and threading.active_count() == 1:
        if time.monotonic() > deadline_s:
            break
        time.sleep(_NAP_S / 10)
    return count == 1


def _thread_count() -> int:
    """Threads of this process, those of libraries included; 0 if nobody knows."""
    with contextlib.suppress(OSError):
        return len(os.listdir(_TASKS))  # noqa: PTH208
    return 0


def outcomes(
    function: Callable[[int], Outcome], count: int, jobs: int
) -> Generator[tuple[int, Outcome]]:
    """Apply a function to the numbers from 0 to `count`, on this process and on copies of it.

    A copy that dies costs nothing but time: this process does what is missing.

    Parameters
    ----------
    jobs : int
        Processes, this one included.

    Yields
    ------
    (int, object)
        A number and what the function returned for it, in the order in which they come.
    """
    for start in range(0, count, _MOST):
        numbers = range(start, min(start + _MOST, count))
        with _Turns(numbers) as turns, contextlib.ExitStack() as ended:
            copies: list[_Copy[Outcome]] = []
            for _ in range(min(jobs, len(numbers)) - 1):
                copies.append(_Copy(function, turns))
                ended.callback(copies[-1].end)
            missing = set(numbers)
            for number, outcome in _done(function, turns, copies):
                missing.remove(number)
                yield number, outcome
        for number in sorted(missing):
            yield number, function(number)


def _done(
    function: Callable[[int], Outcome], turns: "_Turns", copies: "Sequence[_Copy[Outcome]]"
) -> Iterator[tuple[int, Outcome]]:
    """Our own outcomes, and those of the copies as they come."""
    for number in turns:
        yield number, function(number)
        for copy in copies:
            yield from copy.received(waits=False)
    for copy in copies:
        yield from copy.received(waits=True)


class _Turns:
    """Numbers in a pipe: each process takes the next one when it is ready for it."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._out, inlet = os.pipe()
        os.write(inlet, b"".join(each.to_bytes(_NUMBER_BYTES) for each in numbers))
        os.close(inlet)

    def __iter__(self) -> Iterator[int]:
        while content := os.read(self._out, _NUMBER_BYTES):
            yield int.from_bytes(content)

    def __enter__(self) -> "_Turns":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._out)


class _Kept(logging.Handler):
    """What a copy logs, to be logged by the process that it is a copy of."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, with its text."""
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self.records.append(record)


class _Copy(Generic[Outcome]):
    """A copy of this process at work."""

    def __init__(self, function: Callable[[int], Outcome], turns: _Turns) -> None:
        out, inlet = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(out)
                _live(function, turns, inlet, parent)
            finally:
                os._exit(0)  # nothing of the original is closed, flushed or told twice
        os.close(inlet)
        self._outlet = Connection(out, writable=False)

    def received(self, *, waits: bool) -> Iterator[tuple[int, Outcome]]:
        """What it has to say: all of it if we wait, else what is there."""
        with contextlib.suppress(EOFError, OSError):  # it is through, or dead
            while waits or self._outlet.poll():
                number, outcome, records = self._outlet.recv()
                for record in records:
                    logging.getLogger(record.name).handle(record)
                yield number, outcome

    def end(self) -> None:
        """Wait for its end; one that is still at work is ended as Ctrl-C would."""
        self._outlet.close()
        is_over = False
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, kind)
            deadline_s = time.monotonic() + _PATIENCE_S
            while not is_over and time.monotonic() < deadline_s:
                is_over = os.waitpid(self._pid, os.WNOHANG)[0] != 0
                time.sleep(0 if is_over else _NAP_S)
            if is_over:
                return


def _live(function: Callable[[int], object], turns: _Turns, inlet: int, parent: int) -> None:
    """Life of a copy: as long as there are turns, and somebody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the original decides
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    kept = _Kept()
    logging.getLogger().handlers[:] = [kept]
    with Connection(inlet, readable=False) as pipe:
        for number in turns:
            outcome = function(number)
            pipe.send((number, outcome, kept.records))
            kept.records = []
            if os.getppid() != parent:
                return
