"""What is kept of a run beside its results: enough to repeat it, and to reuse what has not changed.

It is read again by the next run and shown on the pages; it is not an interface for editing.
"""

from dataclasses import dataclass, field
from typing import Any

from photpipe.run.results import FrameFailure

RUNNING, INTERRUPTED = "running", "interrupted"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a network service that was used.

    Parameters
    ----------
    service, request : str
        Who was asked, and what for.
    retrieved : str
        When the service gave it (ISO 8601, UTC).
    file, stamp : str
        Its file in the cache, and size and time of change by which another content is
        recognised; the stamp is empty where that says nothing.
    max_age_days : float
        Age from which it is asked for again; NaN or infinite: never.
    """

    service: str
    request: str
    retrieved: str
    file: str
    stamp: str
    max_age_days: float


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One stage of a run.

    Parameters
    ----------
    command : str
        Name of its command.
    options : dict
        What it was told beyond its defaults.
    key : str
        Digest of all that decides its outcome, the frames and answers left out.
    frames : tuple of str
        Frames that it was given.
    outputs : dict
        Files that it wrote and their stamps, for the stages whose files are looked at.
    answers : tuple of Answer
        Answers of services that it used.
    missing, failures : tuple of str
        Files of the cache looked for in vain; what services had to say that were asked in vain.
    failed : tuple of FrameFailure
        Frames (or targets) that it did not finish.
    seconds : float
        How long it took; 0 if it was reused.
    """

    command: str
    options: dict[str, Any]
    key: str
    frames: tuple[str, ...]
    outputs: dict[str, str]
    answers: tuple[Answer, ...]
    missing: tuple[str, ...]
    failures: tuple[str, ...]
    failed: tuple[FrameFailure, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """Outcome of pp_run in one directory, saved beside its results.

    Parameters
    ----------
    status, reason : str
        running, done, partial, failed or interrupted, and why it failed.
    identity : str
        Identifies the call of pp_run; the directories of one ``pp_run all`` share it.
    started : str
        When it began, ISO 8601 (UTC).
    seconds : float
        How long it took.
    options : dict
        What the user said.
    settings : dict
        All settings, section by section.
    versions : dict
        Versions of the pipeline, of Python and its packages, and of the AstrOmatic tools.
    telescopes : dict
        Keyword of each telescope and a digest of its entry.
    offline : bool
        Whether services could be asked.
    group : str
        What the frames have in common.
    sources, frames : dict
        Files that were given, and the frames made of them, with their stamps.
    steps : tuple of StepRecord
        The stages, in the order of the chain.
    reused : tuple of str
        What was taken from the run before, in words.
    failed : tuple of FrameFailure
        Frames and targets that were not finished.
    done : int
        How many frames came to the end.
    """

    status: str = RUNNING
    reason: str = ""
    identity: str = ""
    started: str = ""
    seconds: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    telescopes: dict[str, str] = field(default_factory=dict)
    offline: bool = False
    group: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    frames: dict[str, str] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    reused: tuple[str, ...] = ()
    failed: tuple[FrameFailure, ...] = ()
    done: int = 0

    @property
    def is_unfinished(self) -> bool:
        """Whether the run was killed or interrupted (or is at work)."""
        return self.status in {RUNNING, INTERRUPTED}

    def step(self, command: str) -> StepRecord | None:
        """Record of one stage."""
        return next((each for each in self.steps if each.command == command), None)
