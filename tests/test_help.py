"""What `-h` costs: no command imports what it does not need to explain itself.

How long it takes is measured by ``benchmarks/help_speed.py``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = sorted({path.stem for path in ROOT.glob("pp*_*.py")} - {"pp_setup"})
DOORS = sorted({"toolbox", "catalog", "diagnostics"} & {path.stem for path in ROOT.glob("*.py")})
SLOW = ("astropy", "astroquery", "matplotlib", "pandas", "scipy", "tkinter", "PIL")


@pytest.mark.parametrize("name", [*COMMANDS, *DOORS])
def test_help_imports_little_and_writes_nothing(name: str, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {name}\n"
        f"status = {name}.main(['-h'])\n"
        f"slow = sorted(set({SLOW!r}) & set(sys.modules))\n"
        "raise SystemExit(f'imports {slow}' if slow else int(status))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert name in done.stdout
    assert not list(tmp_path.iterdir())
