"""pp_run in one directory."""

from collections.abc import Sequence
from pathlib import Path

from photpipe.command import cli
from photpipe.fits.packed import RAW_ADVICE, RAW_SUFFIXES
from photpipe.ground.errors import ConfigError
from photpipe.runner import inputs, split
from photpipe.runner.directory import Manners, Task, run_directory
from photpipe.runner.options import RunOptions
from photpipe.runner.outcome import DirectoryResult


def run(names: Sequence[str], options: RunOptions, manners: Manners) -> cli.Status:
    """Work on the images of one directory; returns the exit status.

    Raises
    ------
    ConfigError
        If there is no frame, or there are several directories.
    """
    return run_task(task_of(named_frames(names, options.prefix), options, manners)).status


def task_of(frames: Sequence[Path], options: RunOptions, manners: Manners) -> Task:
    """Task for frames that the user named.

    Raises
    ------
    ConfigError
        If they lie in several directories.
    """
    return Task(cli.common_directory(frames), tuple(frames), options, manners)


def run_task(task: Task) -> DirectoryResult:
    """Work on a directory as a whole, or group by group; the planes of colours are groups."""
    if task.options.split or _has_colours(task):
        return split.run(task)
    return run_directory(task)


def _has_colours(task: Task) -> bool:
    """Whether frames of colour cameras without an entry are among the frames."""
    from photpipe.prepare import colours

    return task.options.prepare.telescope is None and colours.are_among(task.frames)


def named_frames(names: Sequence[str], prefix: str | None) -> list[Path]:
    """Frames that the user named; of directories, all of their frames.

    What the pipeline itself made of other frames is left out. What is missing, and a directory
    among files, is left to the first stage, which tells them among the frames that failed.

    Raises
    ------
    ConfigError
        If there is no file at all, or nothing is left.
    """
    if all(Path(name).is_dir() for name in names):
        paths = [path for name in names for path in inputs.frames_in(Path(name).absolute(), prefix)]
    else:
        paths = [path for path in cli.named_paths(names) if path.name.startswith(prefix or "")]
    frames = inputs.without_own_outputs(list(dict.fromkeys(paths)))
    if not frames:
        _refuse_raw_files(names)
        what = f"whose name starts with {prefix!r}" if prefix else "(.fits .fit .fts .fz .gz)"
        raise ConfigError(f"{' '.join(names)}: there is no frame {what}; nothing to do")
    return frames


def _refuse_raw_files(names: Sequence[str]) -> None:
    """Say what to do with raw files of digital cameras where there is nothing else.

    Raises
    ------
    ConfigError
        If there are any.
    """
    folders = [Path(name) for name in names if Path(name).is_dir()]
    raw = [path for folder in folders for path in folder.iterdir() if _is_raw(path)]
    if raw:
        more = f" and {len(raw) - 1} more" if len(raw) > 1 else ""
        what = f"{min(raw).name}{more}: raw files of a digital camera, and no frame"
        raise ConfigError(f"{what}; {RAW_ADVICE}")


def _is_raw(path: Path) -> bool:
    return path.suffix.lower() in RAW_SUFFIXES
