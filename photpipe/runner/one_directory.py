"""pp_run in one directory."""

from collections.abc import Sequence
from pathlib import Path

from photpipe.command.file_names import common_directory, named_paths
from photpipe.command.reporting import Status
from photpipe.fits.packed import RAW_ADVICE, RAW_SUFFIXES
from photpipe.ground.errors import ConfigError
from photpipe.runner import inputs, split
from photpipe.runner.directory import Invocation, Task, run_directory
from photpipe.runner.directory_result import DirectoryResult
from photpipe.runner.options import RunOptions


def run(names: Sequence[str], options: RunOptions, invocation: Invocation) -> Status:
    """Work on the images of one directory; returns the exit status.

    Raises
    ------
    ConfigError
        If there is no frame, or there are several directories.
    """
    frames = named_frames(names, options.prefix)
    task = Task(common_directory(frames), tuple(frames), options, invocation)
    work = split.run if _is_divided(task) else run_directory
    return work(task).status


def run_task(task: Task) -> DirectoryResult:
    """Work on a directory as a whole, or group by group; the planes of colours are groups."""
    work = split.run if _is_divided(task) else run_directory
    return work(task)


def _is_divided(task: Task) -> bool:
    """Whether the user asks for it, or frames of colour cameras without an entry are among them."""
    from photpipe.prepare import colours

    if task.options.split:
        return True
    prepare = task.options.prepare
    if prepare.telescope is not None:
        return False
    return prepare.mosaic is not None or colours.are_among(task.frames)


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
        named = [path for path in named_paths(names) if path.name.startswith(prefix or "")]
        paths = inputs.without_own_outputs(named)
    frames = list(dict.fromkeys(paths))
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
