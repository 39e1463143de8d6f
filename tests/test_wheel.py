"""What pip installs: the package and the commands, and nothing of the user's."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from tests.headers import golden_header

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
    stages = {path.name for path in ROOT.glob("pp*_*.py")} - {"pp_setup.py"}
    assert tops == {"photpipe", *stages}
    assert "photpipe/setup/telescopes.py" in names
    assert "photpipe/setup/mytelescopes.example.py" in names
    assert not [name for name in names if name.endswith("setup/mytelescopes.py")]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of a fresh environment that holds the wheel."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--system-site-packages", folder)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    run(*pip, "--no-compile", "--disable-pip-version-check", "--force-reinstall", wheel)
    # the libraries of the environment that runs the tests, behind the freshly installed package
    site = next(Path(sys.prefix).glob("lib/python*/site-packages"))
    (next(folder.glob("lib/python*/site-packages")) / "zz.pth").write_text(f"{site}\n")
    return folder / "bin"


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PHOTPIPE"))}
    return kept | more


def test_installed_copy_works_without_the_clone(installed: Path, tmp_path: Path) -> None:
    options = {"cwd": tmp_path, "env": environment()}
    script = "import photpipe.ground.paths as p; print(p.home())"
    home = run(installed / "python", "-c", script, **options).strip()
    assert home == str(next(installed.parent.glob("lib/python*/site-packages")) / "photpipe")
    commands = sorted(path.name for path in installed.glob("pp*_*"))
    assert commands == sorted({path.stem for path in ROOT.glob("pp*_*.py")} - {"pp_setup"})
    for command in commands:
        assert command in run(installed / command, "-h", **options)


@pytest.mark.parametrize("kind", ["installed", "clone"])
def test_telescopes_of_the_user(kind: str, installed: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "setup").mkdir(parents=True)
    example = ROOT / "setup" / "mytelescopes.example.py"
    shutil.copyfile(example, own / "setup" / "mytelescopes.py")
    header = golden_header("ARC35ARCTIC")
    header["INSTRUME"] = "my camera"
    frame = tmp_path / "a.fits"
    fits.writeto(frame, np.arange(100, dtype=np.float32).reshape(10, 10), header)
    program = (installed if kind == "installed" else ROOT) / "pp_prepare"
    options = {"cwd": tmp_path, "env": environment(PHOTPIPEDIR=str(own))}
    options["env"]["PATH"] = f"{installed}{os.pathsep}{os.environ['PATH']}"
    assert "prepared for MYTELESCOPE" in run(program, "a.fits", **options)
    options["env"]["PHOTPIPEDIR"] = str(tmp_path / "nowhere")
    words = [str(program), "a.fits"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, **options)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "which has no directory setup/" in done.stdout
