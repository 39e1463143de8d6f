"""pp_doctor says what is here, what is missing and the command that installs it."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pp_doctor
from photpipe.astromatic.tool import TOOLS
from photpipe.command import cli, doctor
from photpipe.ground import paths
from photpipe.instruments import telescopes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PHOTPIPEDIR", raising=False)


def report(capsys, *words: str) -> tuple[int, str]:
    status = pp_doctor.main(words)
    return status, capsys.readouterr().out


def test_where_all_is_well_it_lists_versions_and_places(capsys, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "answer.ecsv").write_bytes(bytes(1500))
    status, text = report(capsys)
    assert status == cli.Status.DONE
    assert "All required programs and packages are installed." in text
    for each in TOOLS:
        assert each.name in text
    for name, _ in doctor.required_packages():
        assert f"{name} " in text
        assert importlib.metadata.version(name) in text
    assert f"{tmp_path / 'cache'} (1 files, 1.5 kB)" in text
    instruments = len(telescopes.registry()) - 1  # GENERIC is none
    table = paths.home() / "setup" / "telescopes.py"
    assert f"{table} ({instruments} instruments)" in text
    assert str(paths.home() / "setup" / "settings.toml") in text


def test_quiet_says_nothing_where_all_is_well(capsys):
    assert report(capsys, "--quiet") == (cli.Status.DONE, "")


def test_missing_tools_are_named_with_the_commands_that_install_them(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    status, text = report(capsys, "-quiet")
    assert status == cli.Status.FAILED
    for each in TOOLS:
        assert f"sudo apt-get install {each.package}" in text
        assert f"conda install -c conda-forge {each.conda}" in text
        assert f"brew install {each.brew}" in text


def test_a_tool_that_cannot_run_is_missing_too(capsys, tmp_path, monkeypatch):
    broken = tmp_path / "scamp"
    broken.write_text(
        "#!/bin/sh\necho error while loading shared libraries: libplplot.so\nexit 127\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    status, text = report(capsys)
    assert status == cli.Status.FAILED
    assert "failed with status 127: error while loading shared libraries: libplplot.so" in text
    assert "SCAMP: sudo apt-get install scamp" in text


def test_missing_and_old_packages_are_named_with_the_command(capsys, monkeypatch):
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "astroquery":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.9.9rc1" if name == "numpy" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    status, text = report(capsys)
    assert status == cli.Status.FAILED
    assert "1.9.9rc1, older than 2.0" in text
    assert f"{sys.executable} -m pip install 'numpy>=2.0'" in text
    assert f"{sys.executable} -m pip install 'astroquery>=" in text
    assert "scipy: " not in text


def test_without_tkinter_the_pipeline_works(capsys, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "_tkinter" else real(name)
    )
    status, text = report(capsys, "-quiet")
    assert status == cli.Status.DONE
    assert "python3-tk" in text
    assert "[optional]" in text


def test_a_wrong_photpipedir_is_said_once(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTPIPEDIR", str(tmp_path / "nowhere"))
    status, text = report(capsys, "-quiet")
    assert status == cli.Status.FAILED
    assert text.count("which has no directory setup/") == 1


def test_a_photpipedir_that_cannot_be_read_is_one_line(capsys, tmp_path, monkeypatch):
    # no folder may have such a name; where root runs the tests, permissions say nothing
    monkeypatch.setenv("PHOTPIPEDIR", str(tmp_path / ("long" * 100)))
    status, text = report(capsys, "-quiet")
    assert status == cli.Status.FAILED
    assert text.count("whose directory setup/ cannot be read (File name too long)") == 1


def test_the_users_own_files_are_shown_and_their_errors_are_found(capsys, tmp_path, monkeypatch):
    own = tmp_path / "own" / "setup"
    own.mkdir(parents=True)
    monkeypatch.setenv("PHOTPIPEDIR", str(own.parent))
    (own / "mytelescopes.py").write_text("implemented_telescopes = [\n")
    (tmp_path / "photpipe.toml").write_text("[tools]\ntimeout = 3\n")
    status, text = report(capsys)
    assert status == cli.Status.FAILED
    assert "photpipe.toml: [tools] timeout is not a setting; did you mean timeout_s?" in text
    assert f"telescopes: {own / 'mytelescopes.py'}" in text
    (own / "mytelescopes.py").write_text("")
    (tmp_path / "photpipe.toml").write_text("[tools]\ntimeout_s = 3\n")
    status, text = report(capsys)
    assert status == cli.Status.DONE
    assert f"{own / 'mytelescopes.py'}\n" in text
    assert str(tmp_path / "photpipe.toml") in text


def test_a_cache_that_cannot_be_written(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "file" / "cache"))
    status, text = report(capsys, "-quiet")
    assert status == cli.Status.FAILED
    assert "set PHOTPIPE_CACHE to a directory that can" in text


def test_it_runs_where_no_package_is_installed(tmp_path):
    clone = tmp_path / "a clone"
    for name in ("photpipe", "setup"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("pp_doctor.py", "pyproject.toml"):
        shutil.copyfile(ROOT / name, clone / name)
    words = [sys.executable, "-S", str(clone / "pp_doctor.py"), "-quiet"]

    def told() -> str:
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == cli.Status.FAILED
        assert done.stderr == ""
        return done.stdout

    assert "-m pip install 'astropy>=" in told()
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").touch()
    assert f"source '{clone}/.venv/bin/activate'" in told()
    assert "pip install" not in told()


def test_wrong_usage(capsys):
    assert pp_doctor.main(["-nonsense"]) == cli.Status.USAGE
    assert pp_doctor.main(["-h"]) == cli.Status.DONE
    assert "pp_doctor" in capsys.readouterr().out
