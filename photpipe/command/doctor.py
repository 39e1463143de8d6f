"""Whether everything that Photometry Pipeline needs is here, and where it keeps things."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shlex
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import photpipe
from photpipe.astromatic import tool
from photpipe.ground import files, paths
from photpipe.ground.errors import ConfigError, PhotPipeError
from photpipe.ground.files import is_file
from photpipe.run import settings
from photpipe.run.workspace import core_count

DISTRIBUTION = "photometrypipeline"
_REQUIREMENT = re.compile(r"([\w.-]+)\s*>=\s*([\d.]+)")


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at.

    Parameters
    ----------
    group, name : str
        What it is.
    state : str
        What was found.
    remedy : str
        What to do about it; empty if all is well.
    needed : bool
        Whether the pipeline cannot work until that is done.
    """

    group: str
    name: str
    state: str
    remedy: str = ""
    needed: bool = True


def examine(directory: Path) -> list[Examined]:
    """Look at everything; never fails.

    Parameters
    ----------
    directory : Path
        Data directory whose own settings are looked at too.
    """
    return [*_python(), *_packages(), *_tools(), *_files(directory)]


def _python() -> Iterator[Examined]:
    old = sys.version_info < (3, 11)
    remedy = "install Python 3.11 or newer" if old else ""
    state = f"{platform.python_version()}  {sys.executable}"
    yield Examined("Python", "Python", state, remedy)
    yield Examined("Python", "cores", str(core_count()))


def _packages() -> Iterator[Examined]:
    ready = paths.home() / ".venv" / "bin"
    is_elsewhere = files.is_file(ready / "python") and ready.parent.resolve() != Path(sys.prefix)
    for name, minimum in required_packages():
        remedy = f"{sys.executable} -m pip install '{name}>={minimum}'"
        if is_elsewhere:  # no need to install anything into a Python that is not meant
            remedy = (
                f"Python packages are missing; type: source {shlex.quote(str(ready / 'activate'))}"
            )
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Examined("Python", name, "missing", remedy)
            continue
        old = _release(found) < _release(minimum)
        state = f"{found}, older than {minimum}" if old else found
        yield Examined("Python", name, state, remedy if old else "")
    if importlib.util.find_spec("_tkinter") is None:
        remedy = "sudo apt-get install python3-tk (needed only by pp_manident)"
        yield Examined("Python", "tkinter", "missing", remedy, needed=False)


def required_packages() -> list[tuple[str, str]]:
    """Names and smallest versions of the packages that we need."""
    project = paths.home() / "pyproject.toml"
    if project.is_file():
        lines = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
    else:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    matches = [_REQUIREMENT.match(line) for line in lines if "extra ==" not in line]
    return [(match[1], match[2]) for match in matches if match]


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(each) for each in match[0].split(".")) if match else ()


def _tools() -> Iterator[Examined]:
    for program in tool.TOOLS:
        try:
            state = f"{tool.version(program)}  {tool.find(program)}"
        except PhotPipeError as error:
            missing = not any(map(shutil.which, program.executables))
            state = "missing" if missing else str(error).removeprefix(f"{program.name}: ")
            yield Examined("AstrOmatic tools", program.name, state, program.installation)
        else:
            yield Examined("AstrOmatic tools", program.name, state)


def _files(directory: Path) -> Iterator[Examined]:
    group = "Files and directories"
    yield Examined(group, "program", str(paths.home()))
    yield Examined(group, "PHOTPIPEDIR", os.environ.get("PHOTPIPEDIR") or "not set")
    yield _checked(group, "telescopes", _telescopes)
    yield _checked(group, "your telescopes", _users_telescopes)
    yield _checked(group, "settings", lambda: _settings(directory))
    yield _checked(group, "your settings", lambda: _optional(paths.user_settings_file()))
    yield _checked(group, "cache", _cache)
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    yield Examined(group, "temporary files", f"{folder} ({_size(free)} free)")


def _checked(group: str, name: str, look: Callable[[], str]) -> Examined:
    """What a look finds, or the failure as the thing to mend."""
    try:
        return Examined(group, name, look())
    except PhotPipeError as error:
        return Examined(group, name, "wrong", str(error))
    except ModuleNotFoundError as error:
        return Examined(group, name, f"not known while {error.name} is missing")


def _telescopes() -> str:
    from photpipe.instruments import telescopes

    count = len(telescopes.registry().keys() - {telescopes.GENERIC})
    return f"{paths.home() / 'setup' / paths.REGISTRY} ({count} instruments)"


def _users_telescopes() -> str:
    from photpipe.instruments import telescopes

    faults = telescopes.faults()
    if faults:
        raise ConfigError("; ".join(faults.values()))
    return _optional(paths.user_home() / "setup" / "mytelescopes.py")


def _settings(directory: Path) -> str:
    settings.Settings.load(directory)
    ignored = settings.ignored_in(directory)
    own = directory / settings.DATA_DIRECTORY_FILE
    files = [paths.home() / "setup" / "settings.toml", *([own] if is_file(own) else [])]
    return ", ".join(map(str, files)) + (f" ({ignored})" if ignored else "")


def _optional(file: Path) -> str:
    return str(file) if file.is_file() else f"{file} (not found; optional)"


def _cache() -> str:
    folder = paths.cache_directory()
    files = [each for each in folder.rglob("*") if each.is_file()] if folder.is_dir() else []
    size = sum(each.stat().st_size for each in files)
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        message = f"{folder} cannot be written; set PHOTPIPE_CACHE to a directory that can"
        raise ConfigError(message)
    return f"{folder} ({len(files)} files, {_size(size)})"


def _size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"


def rendered(findings: Sequence[Examined], *, quiet: bool = False) -> str:
    """Findings as text: what is there, then what to do.

    Parameters
    ----------
    findings : sequence of Examined
        What was found.
    quiet : bool
        Only what to do.
    """
    lines = [] if quiet else [f"Photometry Pipeline {photpipe.__version__}"]
    for group in dict.fromkeys(each.group for each in findings if not quiet):
        lines += ["", group]
        lines += [f"  {each.name:<18}{each.state}" for each in findings if each.group == group]
    wrong = list({each.remedy: each for each in reversed(findings) if each.remedy}.values())[::-1]
    if wrong:
        lines += ["", "To do"]
        lines += [
            f"  {problem.name}: {problem.remedy}" + ("" if problem.needed else " [optional]")
            for problem in wrong
        ]
    elif not quiet:
        lines += ["", "All required programs and packages are installed."]
    return "".join(f"{line}\n" for line in lines).lstrip()
