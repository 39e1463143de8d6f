"""What pip installs: the package and the commands, and nothing of the user's."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*cache", ".hypothesis", "example_data", "demo")


def run(*words: str | Path, **options: object) -> str:
    done = subprocess.run(
        [str(word) for word in words], check=False, capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = tmp_path_factory.mktemp("wheel") / "clone"
    shutil.copytree(ROOT, clone, symlinks=True, ignore=LEFT_OUT)
    (clone / "setup" / "mytelescopes.py").write_text("PRIVATE = True\n")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", clone)
    return next((clone / "dist").glob("*.whl"))


def test_wheel_holds_the_package_and_the_stages_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    stages = {path.name for path in ROOT.glob("pp*_*.py")}
    assert tops == {"photpipe", *stages}
    assert "photpipe/setup/telescopes.py" in names
    assert "photpipe/setup/mytelescopes.example.py" in names
    assert not [name for name in names if name.endswith("setup/mytelescopes.py")]


def test_installed_copy_works_without_the_clone(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--system-site-packages", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile"]
    run(*pip, "--disable-pip-version-check", "--force-reinstall", wheel)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    # the libraries of the environment that runs the tests, behind the freshly installed package
    site = next(Path(sys.prefix).glob("lib/python*/site-packages"))
    (next((tmp_path / "venv").glob("lib/python*/site-packages")) / "zz.pth").write_text(f"{site}\n")
    options = {"cwd": tmp_path, "env": environment}
    script = "import photpipe.paths as p; print(p.home())"
    home = run(python, "-c", script, **options).strip()
    assert home == str(next((tmp_path / "venv").glob("lib/python*/site-packages")) / "photpipe")
    for command in (tmp_path / "venv" / "bin").glob("pp*_*"):
        assert command.name in run(command, "-h", **options)
    assert len(list((tmp_path / "venv" / "bin").glob("pp*_*"))) == len(list(ROOT.glob("pp*_*.py")))
