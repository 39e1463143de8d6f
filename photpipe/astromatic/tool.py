"""The AstrOmatic tools as child processes: found when first used, watched, never left behind.

This is the only module that starts processes. A tool runs in a process group of its own, with
no input, in a folder that the caller names; what it prints goes to LOG.
"""

import codecs
import contextlib
import logging
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from photpipe.ground import paths
from photpipe.ground.environment import THREADS
from photpipe.ground.errors import ToolError
from photpipe.run import workspace

log = logging.getLogger(__name__)

TAIL_LINES = 20  # of a tool's output that an error keeps: a screen
LINE_LIMIT = 500  # characters; a tool that writes rubbish writes it without line ends
LOG_LINES_LIMIT = 1000  # per run, so that no tool fills the disk by way of LOG
POLL_S = 0.25  # how late a deadline or Ctrl-C is noticed; waiting costs nothing
_READ_BYTES = 65536  # what a pipe of Linux holds
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_VERSION = re.compile(r"version\s+(\d[\w.+-]*)")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program of the AstrOmatic family.

    Parameters
    ----------
    name : str
        As the user knows it.
    executables : tuple of str
        Its names on the various systems, the commonest first.
    package : str
        Package of Debian and Ubuntu.
    conda : str
        Package of the channel conda-forge.
    brew : str
        Formula of Homebrew.
    """

    name: str
    executables: tuple[str, ...]
    package: str
    conda: str
    brew: str

    @property
    def installation(self) -> str:
        """Commands that install the tool on the systems we know of."""
        return (
            f"sudo apt-get install {self.package} (Debian, Ubuntu), "
            f"conda install -c conda-forge {self.conda}, or brew install {self.brew}"
        )


SOURCE_EXTRACTOR = Tool(
    "Source Extractor",
    ("source-extractor", "sex", "sextractor"),
    package="source-extractor",
    conda="astromatic-source-extractor",
    brew="brewsci/science/sextractor",
)
SCAMP = Tool(
    "SCAMP", ("scamp",), package="scamp", conda="astromatic-scamp", brew="brewsci/science/scamp"
)
SWARP = Tool(
    "SWarp",
    ("SWarp", "swarp"),
    package="swarp",
    conda="astromatic-swarp",
    brew="brewsci/science/swarp",
)
TOOLS = (SOURCE_EXTRACTOR, SCAMP, SWARP)


@dataclass(frozen=True, slots=True)
class Finished:
    """A tool that ran to its end.

    Parameters
    ----------
    tool : Tool
        Which one.
    argv : tuple of str
        The command as it was run.
    returncode : int
        Negative if a signal ended it.
    output_tail : str
        Its last lines, standard output and standard error together.
    """

    tool: Tool
    argv: tuple[str, ...]
    returncode: int
    output_tail: str

    def error(self, reason: str) -> ToolError:
        """The failure of this run, for the caller to raise."""
        return ToolError(self.tool.name, reason, self.argv, self.output_tail)

    def check(self) -> None:
        """Refuse a run that did not end with status 0.

        Raises
        ------
        ToolError
            With the last thing that the tool said.
        """
        if self.returncode == 0:
            return
        lines = [line.strip("> ") for line in self.output_tail.splitlines() if line.strip("> ")]
        said = f": {lines[-1]}" if lines else " without a message"
        raise self.error(f"{_ending(self.returncode)}{said}")


def _ending(returncode: int) -> str:
    if returncode > 0:
        return f"failed with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = str(-returncode)
    return f"was ended by signal {name}"


def find(tool: Tool) -> Path:
    """Program on PATH, under the first of its names that exists.

    Raises
    ------
    ToolError
        If there is none: which names were tried, and how to install it.
    """
    for executable in tool.executables:
        found = shutil.which(executable)
        if found:
            return Path(found)
    names = " or ".join(tool.executables)
    raise ToolError(tool.name, f"there is no {names} on PATH; install it with {tool.installation}")


def version(tool: Tool) -> str:
    """Version as the tool reports it (``"2.25.0"``), or ``"unknown"`` if it reports none.

    Raises
    ------
    ToolError
        If the tool is missing, does not start, fails or hangs.
    """
    finished = run_tool(tool, ["-v"], cwd=Path(os.sep), timeout_s=20.0)
    finished.check()
    match = _VERSION.search(finished.output_tail)
    return match[1] if match else "unknown"


def run_tool(
    tool: Tool, argv: Sequence[str], cwd: Path, timeout_s: float, threads: int = 1
) -> Finished:
    """Run a tool to its end and keep its last words.

    Parameters
    ----------
    tool : Tool
        Which one.
    argv : sequence of str
        Its arguments; no shell sees them.
    cwd : Path
        Folder in which it runs.
    timeout_s : float
        Seconds after which it is ended, with all that it started.
    threads : int
        How many threads its libraries may use.

    Raises
    ------
    ToolError
        If it is missing, cannot be started, or did not end in time. A failure that the tool
        itself reports is in the result: `Finished.check`.
    """
    command = [str(find(tool)), *argv]
    log.debug("%s: %s", cwd, shlex.join(command))
    name = f"{tool.name} in {cwd.name}" if cwd.name else tool.name  # several run side by side
    output = _Output(name)
    process = None
    try:
        with _signals_held():  # one that comes while it starts would leave it behind
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=_environment(threads),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _follow(process, output, _Patience(timeout_s))
    except OSError as error:
        if process:
            raise
        raise ToolError(tool.name, f"cannot be started: {error}", command) from error
    except _StoppedError as stop:
        raise ToolError(tool.name, str(stop), command, output.tail) from None
    finally:
        if process:
            with process:
                if process.returncode is None:
                    _kill_group(process)
    return Finished(tool, tuple(command), process.returncode, output.tail)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back what would interrupt the block, until it is over."""
    came: list[int] = []
    if not _is_main_thread():
        yield  # signals are handled in the main thread alone
        return
    kinds = [kind for kind in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(kind))]
    before = {kind: signal.signal(kind, lambda number, _: came.append(number)) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def _environment(threads: int) -> dict[str, str]:
    """Our environment, with the decimal point and without competing threads."""
    environment = {**os.environ, "LC_ALL": "C"}
    environment |= dict.fromkeys(THREADS, str(threads))
    # settings files of users refer to $PHOTPIPEDIR; Source Extractor stops when it is not set
    if not environment.get("PHOTPIPEDIR"):
        environment["PHOTPIPEDIR"] = str(paths.home())
    return environment


class _StoppedError(Exception):
    """The tool has to be ended; the text says why."""


class _Patience:
    """How long we wait, beginning now."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._deadline_s = time.monotonic() + timeout_s

    @property
    def nap_s(self) -> float:
        """Seconds to wait at most before looking around again."""
        return min(POLL_S, max(0.0, self._deadline_s - time.monotonic()))

    def check(self) -> None:
        """Raise `_StoppedError` when the time is over or the user wants to stop."""
        if workspace.interrupted.is_set() and _is_main_thread():
            raise KeyboardInterrupt
        if workspace.stopping.is_set():
            raise _StoppedError("was ended because the run was interrupted")
        if time.monotonic() >= self._deadline_s:
            message = (
                f"did not finish within {self._timeout_s:g} s and was stopped; "
                "raise the limit in settings.toml: [tools] timeout_s"
            )
            raise _StoppedError(message)


def _follow(process: subprocess.Popen[bytes], output: "_Output", patience: _Patience) -> None:
    """Read what the process prints until it ends.

    A pipe that stays open although the process has ended is held by something that the
    process left behind; it is ended.
    """
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            had_ended = process.poll() is not None
            ready = selector.select(patience.nap_s)
            content = os.read(pipe, _READ_BYTES) if ready else None
            if content == b"":
                break
            if content:
                output.feed(content)
            elif had_ended:
                _kill_group(process)
                break
            patience.check()
    output.close()
    while process.poll() is None:  # it closed its output and works on
        patience.check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience.nap_s)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class _Output:
    """What a tool prints: every line to LOG, the last ones kept."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._count = 0

    @property
    def tail(self) -> str:
        """The last lines, one below the other."""
        return "\n".join(self._lines)

    def feed(self, content: bytes) -> None:
        """Take bytes as they come; a line may arrive in pieces."""
        *lines, rest = re.split(r"[\r\n]", self._rest + self._decoder.decode(content))
        for line in lines:
            self._take(line)
        self._rest = rest[-LINE_LIMIT:]

    def close(self) -> None:
        """Take what came without a line end."""
        self._take(self._rest)
        self._rest = ""

    def _take(self, line: str) -> None:
        text = _ESCAPES.sub("", line).rstrip()[:LINE_LIMIT]
        if not text:
            return
        self._lines.append(text)
        self._count += 1
        if self._count <= LOG_LINES_LIMIT:
            log.debug("%s: %s", self._name, text)
