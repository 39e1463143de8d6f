"""What of the run before is still good: recognised by stamps of files and digests of settings."""

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import platform
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import photpipe
from photpipe.ground import files, paths, program
from photpipe.ground.errors import PhotPipeError
from photpipe.run.record import RunResult, StepRecord
from photpipe.run.results import FrameFailure, PreparedFrame, PrepareResult
from photpipe.run.workspace import Workspace

log = logging.getLogger(__name__)

PIPELINE = "Photometry Pipeline"
_PACKAGES = ("numpy", "scipy", "astropy", "astroquery", "matplotlib")


def versions() -> dict[str, str]:
    """Versions of all that a result may depend on."""
    from photpipe.astromatic import tool

    def of_tool(each: tool.Tool) -> str:
        try:
            return tool.version(each)
        except PhotPipeError as error:
            return str(error)

    with ThreadPoolExecutor(len(tool.TOOLS)) as pool:
        tools = list(pool.map(of_tool, tool.TOOLS))
    return {
        PIPELINE: f"{photpipe.__version__} ({program.sources_digest(paths.package())})",
        **{each.name: version for each, version in zip(tool.TOOLS, tools, strict=True)},
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def digest(*parts: object) -> str:
    """Short digest of plain values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def telescope_digests(keywords: Iterable[str]) -> dict[str, str]:
    """Digest of the entry of each telescope and of its settings for the tools.

    Raises
    ------
    ConfigError
        If a telescope is not known any more.
    """
    from photpipe.instruments import telescopes

    found = {}
    for keyword in sorted(set(keywords)):
        telescope = telescopes.by_keyword(keyword)
        settings = [telescope.tool_settings(tool) for tool in ("sex", "scamp")]
        found[keyword] = digest(repr(sorted(telescope.parameters.items(), key=str)), settings)
    return found


def stamps(paths: Iterable[Path]) -> dict[str, str]:
    """Name and stamp of the files that exist."""
    found = {}
    for path in paths:
        try:
            found[path.name] = files.stamp(path)
        except OSError:
            continue
    return found


def last_run(workspace: Workspace, now: Mapping[str, str]) -> RunResult | None:
    """The run before, if anything of it can be reused.

    Parameters
    ----------
    now : mapping
        Versions of today.
    """
    past = workspace.load(RunResult)
    if past is None:
        return None
    if past.is_unfinished:
        log.info("the previous run did not complete: starting over")
        return None
    try:
        if past.telescopes != telescope_digests(past.telescopes):
            log.info("the entry of the telescope has changed: starting over")
            return None
    except PhotPipeError as error:
        log.debug("nothing is reused: %s", error)
        return None
    if past.versions.get(PIPELINE) != now[PIPELINE]:
        log.info("the pipeline changed: starting over")
        return None
    if dict(past.versions) != dict(now):
        log.info("the previous run used other versions: starting over")
        return None
    return past


def forget_frames(workspace: Workspace) -> None:
    """Let nothing be taken that was measured on single frames."""
    from photpipe.calibrate.memory import FILE
    from photpipe.distill.memory import PointsMemory
    from photpipe.measure.memory import PhotometryMemory

    for each in (PhotometryMemory, PointsMemory, FILE):
        workspace.forget(each)


@dataclass(slots=True)
class Known:
    """What of the frames is known from the run before.

    Parameters
    ----------
    rows : dict
        Frames that are prepared and registered, and as they were left.
    todo : list of Path
        Files to work on.
    given_up : list of FrameFailure
        Frames that failed before and are not tried again.
    """

    rows: dict[str, PreparedFrame] = field(default_factory=dict)
    todo: list[Path] = field(default_factory=list)
    given_up: list[FrameFailure] = field(default_factory=list)


def known_frames(
    paths: Sequence[Path],
    past: RunResult,
    prepared: PrepareResult,
    registered: Iterable[str],
    *,
    retry: bool,
) -> Known:
    """Sort files into those that are done with and those to work on.

    Parameters
    ----------
    paths : sequence of Path
        Files that the user names today.
    past, prepared, registered
        The run before: its record, what it prepared, and the frames that it registered.
    retry : bool
        Whether frames that failed are tried again.
    """
    known = Known()
    left = {**past.sources, **past.frames}
    failures = {each.frame: each for each in past.failed}
    good = set(registered)
    rows: dict[str, list[PreparedFrame]] = {}
    for row in prepared.frames:
        for name in {row.source, row.frame}:
            rows.setdefault(name, []).append(row)

    def take(path: Path) -> None:
        """A file that has to be worked on, unless it failed before and nobody wants that again."""
        if not retry and path.name in failures and _is_as_left(path, left):
            known.given_up.append(failures[path.name])
        else:
            known.todo.append(path)

    for path in paths:
        if path.name not in rows or not _is_as_left(path, left):
            take(path)
            continue
        for row in rows[path.name]:
            frame = path.with_name(row.frame)
            if row.frame in good and _is_as_left(frame, left):
                known.rows[row.frame] = row
            else:
                take(frame if frame.is_file() else path)
    known.todo = list(dict.fromkeys(known.todo))
    known.given_up = list(dict.fromkeys(known.given_up))
    return known


def _is_as_left(path: Path, left: Mapping[str, str]) -> bool:
    try:
        return left.get(path.name) == files.stamp(path)
    except OSError:
        return False


def is_current(record: StepRecord, past: RunResult, *, offline: bool, retry: bool) -> bool:
    """Whether the services would say the same today as when a stage asked them."""
    from photpipe.services import cache

    if record.failures and retry:
        return False
    if past.offline and not offline and record.missing:
        return False
    return all(cache.is_current(each, any_age=offline) for each in record.answers) and not any(
        Path(each).exists() for each in record.missing
    )


def plain(options: object) -> dict[str, Any]:
    """Options as plain values."""
    return dataclasses.asdict(options)  # type: ignore[call-overload, no-any-return]
