"""Tasks on several processes of this machine: each dies alone, none is left behind."""

import contextlib
import logging
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

PATIENCE_S = 20.0  # for a process that was told to end: its tools have to be ended first


@dataclass(frozen=True, slots=True)
class Died:
    """A process ended in the middle of an item, by itself or by somebody's signal."""

    exitcode: int | None


@dataclass(slots=True)
class _Worker(Generic[Item]):
    process: SpawnProcess
    pipe: Connection
    item: Item


def side_by_side(
    function: Callable[[Item], Outcome],
    items: Sequence[Item],
    count: int,
    begun: Callable[[Item], None] = lambda _item: None,
) -> Generator[tuple[Item, Outcome | Died]]:
    """Apply a function to items on `count` processes; pairs in the order in which they end.

    Closing the generator ends all processes; so does an exception, Ctrl-C among them.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it.
    items : sequence
        Sent to the processes, one at a time.
    count : int
        Processes at most.
    begun : callable
        Told of each item as it is sent to a process.
    """
    context = multiprocessing.get_context("spawn")  # no threads and no locks are inherited
    waiting = deque(items)
    workers: list[_Worker[Item]] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < count:
                workers.append(_started(context, function, waiting.popleft()))
                begun(workers[-1].item)
            ready = set(wait([worker.pipe for worker in workers]))
            for worker in [each for each in workers if each.pipe in ready]:
                item, outcome = worker.item, _received(worker)
                if isinstance(outcome, Died) or not waiting:
                    workers.remove(worker)
                    _end([worker])
                else:
                    worker.item = waiting.popleft()
                    worker.pipe.send(worker.item)
                    begun(worker.item)
                yield item, outcome
    finally:
        _end(workers)


def _started(
    context: multiprocessing.context.SpawnContext, function: Callable[[Item], Outcome], item: Item
) -> _Worker[Item]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(function, theirs), daemon=False)
    process.start()
    theirs.close()
    ours.send(item)
    return _Worker(process, ours, item)


def _received(worker: _Worker[Item]) -> "Outcome | Died":
    """What a worker has to say; that it died, if it says nothing any more."""
    try:
        return worker.pipe.recv()  # type: ignore[no-any-return]
    except (EOFError, OSError):
        worker.process.join(PATIENCE_S)
        return Died(worker.process.exitcode)


def _end(workers: Sequence[_Worker[Item]]) -> None:
    """End processes: idle ones by closing their pipe, busy ones as Ctrl-C would."""
    for worker in workers:
        worker.pipe.close()
        worker.process.join(0.2)
        if worker.process.is_alive():
            worker.process.terminate()
    for worker in workers:
        worker.process.join(PATIENCE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(function: Callable[[Item], Outcome], pipe: Connection) -> None:
    """Life of a process: items come in, outcomes go out, until the pipe is closed."""
    # Ctrl-C goes to all processes of a terminal; the parent alone decides, by SIGTERM
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt), pipe:
        while True:
            pipe.send(function(pipe.recv()))
    os._exit(0)  # the parent has gone or wants no more: nothing is worth waiting for
