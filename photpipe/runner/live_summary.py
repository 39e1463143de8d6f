"""summary.html while many directories are worked on."""

import contextlib
import logging
import math
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.command.reporting import Status
from photpipe.runner.directory import Task, workspace_of
from photpipe.runner.directory_result import DirectoryResult

if TYPE_CHECKING:
    from photpipe.report.summary import SummaryRow

log = logging.getLogger(__name__)


class LiveSummary:
    """The page, and what it says of each directory.

    Parameters
    ----------
    root : Path
        Where it stands.
    """

    def __init__(self, root: Path) -> None:
        from photpipe.report import summary

        self.path = root / summary.SUMMARY
        self._tasks: dict[Path, Task] = {}
        self._rows: dict[Path, SummaryRow] = {}

    def expect(self, tasks: Sequence[Task]) -> None:
        """Name directories that are to be worked on (again)."""
        from photpipe.report import summary

        for task in tasks:
            name = _name(task.directory, self.path.parent)
            row = summary.SummaryRow(name, summary.WAITING, frames=len(task.frames))
            self._tasks[task.directory] = task
            self._rows[task.directory] = row
        self._rows = dict(sorted(self._rows.items()))
        self._write()

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Say so when the block is left before all directories are finished."""
        from photpipe.report import summary

        try:
            yield
        finally:
            open_ends = {summary.WAITING, summary.RUNNING}
            if any(row.status in open_ends for row in self._rows.values()):
                self._rows = {
                    directory: replace(row, status=summary.FAILED, remark="interrupted; run again")
                    if row.status in open_ends
                    else row
                    for directory, row in self._rows.items()
                }
                self._write()

    def begin(self, task: Task) -> None:
        """A directory is being worked on."""
        from photpipe.report import summary

        row = self._rows[task.directory]
        self._rows[task.directory] = replace(row, status=summary.RUNNING)
        self._write()

    def end(self, result: DirectoryResult) -> None:
        """A directory is finished."""
        from photpipe.report import summary

        status = {Status.DONE: summary.DONE, Status.PARTIAL: summary.PARTIAL}
        self._rows[result.directory] = self._row(result, status.get(result.status, summary.FAILED))
        self._write()

    def _row(self, result: DirectoryResult, status: str) -> "SummaryRow":
        from photpipe.report import summary

        root = self.path.parent
        try:
            workspace = workspace_of(self._tasks[result.directory])
            return summary.row_of(workspace, root, status, result.seconds, result.reason)
        except Exception as error:  # a page must not stop the other directories
            log.debug("%s", traceback.format_exc())
            remark = result.reason or str(error)
            name = _name(result.directory, root)
            return summary.SummaryRow(name, status, seconds=math.nan, remark=remark)

    def _write(self) -> None:
        from photpipe.report import summary

        try:
            summary.write(self.path.parent, list(self._rows.values()))
        except Exception as error:  # results are worth more than pages about them
            log.warning("%s is not up to date: %s", self.path, error)
            log.debug("%s", traceback.format_exc())


def _name(directory: Path, root: Path) -> str:
    return directory.relative_to(root).as_posix()
