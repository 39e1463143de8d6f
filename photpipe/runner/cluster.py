"""``pp_run -cluster``: directories shared out to the workers of a Dask cluster.

All machines have to see the directories under the same paths, and have the product installed.
A directory whose worker dies is handed on to another one; one that is finished is not begun
again, whatever the scheduler may have lost.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photpipe.command.reporting import Status
from photpipe.ground.errors import ConfigError
from photpipe.ground.log import on_console
from photpipe.run.workspace import core_count
from photpipe.runner import walk
from photpipe.runner.directory import Invocation, Task
from photpipe.runner.directory_result import DirectoryResult
from photpipe.runner.live_summary import LiveSummary
from photpipe.runner.one_directory import run_task
from photpipe.runner.options import RunOptions

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

CONNECT_S = "30 s"


def run(root: Path, options: RunOptions, invocation: Invocation, address: str) -> Status:
    """Work on every directory at and below `root` on a cluster; returns the exit status.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``, or the path of its scheduler file.

    Raises
    ------
    ConfigError
        If there is no frame, or no scheduler at that address.
    """
    tasks = [replace(task, is_once=True) for task in walk.tasks_below(root, options, invocation)]
    with on_console(quiet=invocation.quiet, debug=invocation.debug), _connected(address) as client:
        log.info("%d directories, on %s", len(tasks), address)
        summary = LiveSummary(root)
        summary.expect(tasks)
        with summary.live():
            return walk.report(summary, _results(client, tasks))


def _connected(address: str) -> "Client":
    """Client of a scheduler.

    Raises
    ------
    ConfigError
        If Dask is not installed, or there is no scheduler.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        message = "-cluster needs Dask: type pip install '.[cluster]' in your clone"
        raise ConfigError(message) from error
    for name in ("distributed", "asyncio"):
        logging.getLogger(name).setLevel(logging.ERROR)
    file = Path(address)
    where = {"scheduler_file": address} if file.is_file() else {"address": address}
    try:
        return Client(**where, timeout=CONNECT_S)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"-cluster {address}: there is no scheduler ({reason})") from error


def _results(client: Any, tasks: Sequence[Task]) -> Iterator[tuple[Task, DirectoryResult]]:
    """Tasks and their results in the order in which they end."""
    from distributed import as_completed

    pending = {client.submit(work, task, pure=False): task for task in tasks}
    try:
        for future, outcome in as_completed(list(pending), with_results=True, raise_errors=False):
            task = pending.pop(future)
            if isinstance(outcome, DirectoryResult):
                yield task, outcome
            else:  # the exception, or the triple of exc_info
                error = outcome[1] if isinstance(outcome, tuple) else outcome
                yield task, walk.lost(task, f"no worker could finish it: {error}")
    finally:
        client.cancel(list(pending))


def work(task: Task) -> DirectoryResult:
    """Work on one directory, on a worker."""
    from distributed import get_worker

    share = max(1, core_count() // max(1, get_worker().state.nthreads))
    return run_task(replace(task, invocation=replace(task.invocation, jobs=share)))
