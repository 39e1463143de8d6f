"""Child processes: found, watched, stopped and never left behind."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from photpipe.astromatic import tool
from photpipe.astromatic.tool import SOURCE_EXTRACTOR, TOOLS, Tool, run_tool
from photpipe.ground import paths
from photpipe.ground.errors import ToolError
from photpipe.run import workspace

FAKE = Tool("Fake", ("pp-fake-tool", "pp_fake"), "fake-deb", "fake-conda", "fake-brew")


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Install a shell script as the tool; returns the function that does it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(script: str, name: str = "pp-fake-tool", first_line: str = "#!/bin/sh") -> Path:
        program = folder / name
        program.write_text(f"{first_line}\n{script}\n")
        program.chmod(0o755)
        return program

    return install


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _is_gone(pid: int) -> bool:
    """Whether a process is dead, allowing the system a moment to bury it."""
    for _ in range(100):
        if not _is_alive(pid):
            return True
        time.sleep(0.02)
    return False


def _await_pid(file: Path) -> int:
    for _ in range(1500):
        if file.is_file() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{file} was never written")


@pytest.mark.parametrize("each", TOOLS, ids=lambda each: each.name)
def test_the_tools_are_installed_and_tell_their_versions(each):
    assert tool.find(each).is_file()
    assert tool.version(each)[0].isdigit()


def test_a_missing_tool_is_an_error_that_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        run_tool(SOURCE_EXTRACTOR, [], tmp_path, 5)
    message = str(caught.value)
    assert "source-extractor or sex or sextractor" in message
    assert "apt-get install source-extractor" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", FAKE.executables)
def test_a_tool_is_found_under_any_of_its_names_when_first_used(fake, tmp_path, name):
    with pytest.raises(ToolError):
        tool.find(FAKE)
    program = fake("exit 0", name)
    assert tool.find(FAKE) == program
    assert run_tool(FAKE, [], tmp_path, 5).returncode == 0


def test_arguments_arrive_as_they_are_and_the_folder_is_the_one_given(fake, tmp_path):
    fake('for word in "$@"; do echo "<$word>"; done; pwd')
    words = ["a b", "$HOME", "`x`", "-q", "c;d", "'", ""]
    finished = run_tool(FAKE, words, tmp_path, 5)
    assert finished.output_tail.splitlines() == [f"<{word}>" for word in words] + [str(tmp_path)]


def test_status_and_last_lines_are_kept_and_failure_is_one_line(fake, tmp_path):
    fake(
        'i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); done\n'
        'echo "> no luck" >&2; exit 3'
    )
    finished = run_tool(FAKE, [], tmp_path, 5)
    assert finished.returncode == 3
    assert finished.output_tail.splitlines()[0] == "line 11"
    assert len(finished.output_tail.splitlines()) == tool.TAIL_LINES
    with pytest.raises(ToolError, match=r"^Fake: failed with status 3: no luck$") as caught:
        finished.check()
    assert "line 29" in caught.value.tail


def test_a_crash_names_its_signal(fake, tmp_path):
    fake("kill -SEGV $$")
    with pytest.raises(ToolError, match="ended by signal SIGSEGV without a message"):
        run_tool(FAKE, [], tmp_path, 5).check()


def test_there_is_no_input_to_wait_for(fake, tmp_path):
    fake("read answer; echo got:$answer")
    ours, typed = os.pipe()
    os.write(typed, b"typed by the user\n")
    keyboard = os.dup(0)
    os.dup2(ours, 0)
    try:
        assert run_tool(FAKE, [], tmp_path, 5).output_tail == "got:"
    finally:
        os.dup2(keyboard, 0)
        for each in (ours, typed, keyboard):
            os.close(each)


def test_output_of_any_bytes_is_decoded_and_escapes_are_removed(fake, tmp_path):
    fake(r"printf '\033[1M> caf\351 \303\251\rnext\n'")
    assert run_tool(FAKE, [], tmp_path, 5).output_tail == "> caf� é\nnext"


def test_endless_output_without_line_ends_is_bounded(fake, tmp_path, caplog):
    fake("head -c 3000000 /dev/zero | tr '\\0' 'x'; yes | head -n 200000")
    with caplog.at_level(logging.DEBUG):
        finished = run_tool(FAKE, [], tmp_path, 30)
    assert finished.returncode == 0
    assert len(finished.output_tail) < tool.TAIL_LINES * (tool.LINE_LIMIT + 1)
    assert len(caplog.records) <= tool.LOG_LINES_LIMIT + 1


def test_what_the_tool_says_goes_to_the_log(fake, tmp_path, caplog):
    fake("echo hello")
    with caplog.at_level(logging.DEBUG, logger="photpipe.astromatic.tool"):
        run_tool(FAKE, ["-x", "a b"], tmp_path, 5)
    assert any("pp-fake-tool -x 'a b'" in line for line in caplog.messages)
    assert f"Fake in {tmp_path.name}: hello" in caplog.messages


def test_a_program_that_cannot_be_started(fake, tmp_path):
    fake("", first_line="#!/no/such/interpreter")
    with pytest.raises(ToolError, match="cannot be started"):
        run_tool(FAKE, [], tmp_path, 5)


def test_a_hanging_tool_is_ended_with_all_its_children(fake, tmp_path):
    fake(f"echo begin; sleep 60 & echo $! > {tmp_path}/child; wait")
    began = time.monotonic()
    with pytest.raises(ToolError, match=r"did not finish within 0.5 s .* timeout_s") as caught:
        run_tool(FAKE, [], tmp_path, 0.5)
    assert time.monotonic() - began < 5
    assert caught.value.tail == "begin"
    assert _is_gone(_await_pid(tmp_path / "child"))


def test_a_tool_that_closes_its_output_and_hangs_is_ended(fake, tmp_path):
    fake(f"echo $$ > {tmp_path}/pid; exec >&- 2>&-; sleep 60")
    with pytest.raises(ToolError, match="did not finish"):
        run_tool(FAKE, [], tmp_path, 0.5)
    assert _is_gone(_await_pid(tmp_path / "pid"))


def test_a_child_left_behind_does_not_hold_us_up(fake, tmp_path):
    fake(f"sleep 60 & echo $! > {tmp_path}/child; echo done")
    began = time.monotonic()
    finished = run_tool(FAKE, [], tmp_path, 30)
    assert time.monotonic() - began < 5
    assert (finished.returncode, finished.output_tail) == (0, "done")
    assert _is_gone(_await_pid(tmp_path / "child"))


def test_an_interrupted_run_ends_its_tools(fake, tmp_path):
    fake(f"echo $$ > {tmp_path}/pid; sleep 60")
    caught: list[ToolError] = []

    def work() -> None:
        try:
            run_tool(FAKE, [], tmp_path, 30)
        except ToolError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    pid = _await_pid(tmp_path / "pid")
    workspace.stopping.set()
    try:
        thread.join(5)
    finally:
        workspace.stopping.clear()
    assert "interrupted" in str(caught[0])
    assert _is_gone(pid)


@pytest.mark.parametrize("where", ["alone", "map_frames"])
def test_an_interrupt_whose_exception_was_dropped_counts(fake, tmp_path, where):
    """As those are that come while an object is deleted."""
    fake(f"echo $$ > {tmp_path}/pid; sleep 60")

    def work(_item):
        return run_tool(FAKE, [], tmp_path, 60)

    def later():
        _await_pid(tmp_path / "pid")
        workspace.interrupted.set()

    other = threading.Thread(target=later)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            if where == "alone":
                work(0)
            else:
                workspace.Workspace(tmp_path, jobs=2).map_frames(work, [1, 2], "x")
    finally:
        workspace.interrupted.clear()
        other.join()
    assert _is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["alone", "map_frames"])
def test_ctrl_c_and_sigterm_leave_no_process_behind(fake, tmp_path, number, where):
    fake(f"echo $$ > {tmp_path}/pid; sleep 60")
    script = f"""
import sys
from pathlib import Path
from photpipe.command import cli
from photpipe.astromatic.tool import Tool, run_tool
from photpipe.run.workspace import Workspace

FAKE = Tool("Fake", ("pp-fake-tool",), "", "", "")
here = Path({str(tmp_path)!r})
work = lambda item: run_tool(FAKE, [], here, 60)
with cli.reporting(debug=False) as outcome:
    {"work(0)" if where == "alone" else "Workspace(here, jobs=2).map_frames(work, [1, 2], 'x')"}
sys.exit(outcome.status)
"""
    run = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    pid = _await_pid(tmp_path / "pid")
    run.send_signal(number)
    assert run.wait(30) == 130
    assert _is_gone(pid)


def test_the_environment_has_a_decimal_point_and_no_competing_threads(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.delenv("PHOTPIPEDIR", raising=False)
    fake('echo "$LC_ALL $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS"; echo "$PHOTPIPEDIR"')
    lines = run_tool(FAKE, [], tmp_path, 5, threads=3).output_tail.splitlines()
    assert lines[0] == "C 3 3"
    assert lines[1] == str(paths.home())


def test_a_tool_without_version_is_said_to_have_none(fake):
    fake("echo I am what I am")
    assert tool.version(FAKE) == "unknown"
