"""Every package that is declared is imported by the product, and the other way round."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = {"pillow": "PIL", "pyyaml": "yaml"}  # imported under another name
OPTIONAL = {"distributed"}  # the extra 'cluster'
OWN = {path.stem for path in ROOT.glob("*.py")} | {"photpipe"}


def imported() -> set[str]:
    found: set[str] = set()
    for path in [*ROOT.glob("photpipe/**/*.py"), *ROOT.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".", maxsplit=1)[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".", maxsplit=1)[0])
    return found - set(sys.stdlib_module_names) - OWN


def test_what_is_declared_is_what_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.match(r"[\w-]+", line) for line in project["dependencies"]]
    declared = {MODULES.get(name[0], name[0].replace("-", "_")) for name in names if name}
    assert imported() - OPTIONAL == declared
