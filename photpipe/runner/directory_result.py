"""What pp_run says of one directory among many."""

from dataclasses import dataclass
from pathlib import Path

from photpipe.command.reporting import Status
from photpipe.run.results import DistillResult, FrameFailure


@dataclass(frozen=True, slots=True)
class DirectoryResult:
    """What became of a directory.

    Parameters
    ----------
    directory : Path
        Which one.
    status : Status
        As an exit status.
    reason : str
        Why it failed as a whole; else empty.
    frames, done : int
        Frames that were there, and that came to the end.
    failed : tuple of FrameFailure
        The others, and targets that could not be had.
    reused : tuple of str
        What was taken from the run before.
    distilled : DistillResult or None
        The targets.
    seconds : float
        How long it took.
    """

    directory: Path
    status: Status
    reason: str = ""
    frames: int = 0
    done: int = 0
    failed: tuple[FrameFailure, ...] = ()
    reused: tuple[str, ...] = ()
    distilled: DistillResult | None = None
    seconds: float = 0.0
