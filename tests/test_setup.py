"""The set-up: what is asked for, installed or done without, on systems that lack something.

The system is a folder of small scripts, which is all that PATH leads to.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "tools" / "install_system.sh"
PROGRAMS = ("source-extractor", "scamp", "swarp")
TEST_PROGRAMS = ("chromium", "firefox", "Xvfb", "xdotool")


@dataclass(frozen=True, slots=True)
class System:
    """A system with what was put there, and nothing else."""

    path: Path

    def put(self, name: str, script: str = "exit 0") -> None:
        file = self.path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.path), "HOME": str(self.path)}
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment,
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def bare(tmp_path: Path) -> System:
    """A user without rights, an apt-get that notes what it is told, a Python without tkinter."""
    system = System(tmp_path)
    system.put("id", "echo 1000")
    system.put("apt-get", 'echo "$@" >> told')
    system.put("python3", 'case "$*" in *tkinter*) exit 1 ;; esac')
    return system


def told(system: System) -> str:
    note = system.path / "told"
    return note.read_text() if note.exists() else ""


def test_without_rights_all_that_is_missing_is_told_at_once(bare: System) -> None:
    done = bare.run(f"{SCRIPT} tests")
    assert done.returncode == 1
    wanted = "source-extractor scamp swarp chromium firefox-esr xvfb xdotool python3-tk"
    assert f"sudo apt-get install {wanted}\n" in done.stderr
    assert told(bare) == ""


def test_what_only_the_window_needs_stops_nobody(bare: System) -> None:
    for name in PROGRAMS:
        bare.put(name)
    done = bare.run(str(SCRIPT))
    assert done.returncode == 0
    assert done.stderr.strip().count("\n") == 0
    assert "pp_manident will not work" in done.stderr
    for name in TEST_PROGRAMS:
        bare.put(name)
    assert bare.run(f"{SCRIPT} tests").returncode == 1  # the tests open that window


def test_root_installs_what_is_missing_and_no_more(bare: System) -> None:
    bare.put("id", "echo 0")
    bare.put("sex")
    done = bare.run(str(SCRIPT))
    assert done.returncode == 0, done.stderr
    assert told(bare).splitlines()[-1].endswith("scamp swarp python3-tk")


def test_sudo_without_a_password_is_used(bare: System) -> None:
    bare.put("sudo", 'case "$1" in -n) exit 0 ;; esac; exec "$@"')
    assert bare.run(str(SCRIPT)).returncode == 0
    assert "source-extractor scamp swarp" in told(bare)


def test_where_all_is_there_nothing_is_done(bare: System) -> None:
    for name in (*PROGRAMS, "python3"):
        bare.put(name)
    done = bare.run(str(SCRIPT))
    assert (done.returncode, done.stdout, done.stderr, told(bare)) == (0, "", "", "")


def planned(system: System, goal: str, python: str | None = None) -> list[str]:
    """What make would run in a clone, whose installation (if any) starts by that Python."""
    clone = system.path / "clone"
    (clone / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(ROOT / name, clone / name)
    for name in ("bin/python", "bin/pip", ".installed") if python else ():
        script = clone / ".venv" / name
        script.write_text(f"#!{python}\n")
        script.chmod(0o755)
    environment = {"PATH": os.environ["PATH"]}
    line = ["make", "-n", "-C", str(clone), "--no-print-directory", goal]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_programs_of_the_tests_are_asked_for_first(bare: System) -> None:
    asked = [line for line in planned(bare, "install-tests") if "install_system" in line]
    assert asked[0].endswith("install_system.sh tests")


def test_an_installation_that_works_is_left_alone(bare: System) -> None:
    (line,) = planned(bare, "install", "/bin/true")
    assert line.startswith("echo")


def test_an_installation_that_was_moved_is_made_anew(bare: System) -> None:
    lines = planned(bare, "install", "/where/it/was/python")
    assert any("venv --clear .venv" in line for line in lines)
    assert any("pip install" in line for line in lines)
