"""Imports go down the stairs of ARCHITECTURE.md, or sideways inside one room, never up."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# first match decides; a room is a folder, or all single files of a floor
FLOORS = (
    ("photpipe.errors", 0),
    ("photpipe.timescale", 0),
    ("photpipe.sky", 0),
    ("photpipe.files", 0),
    ("photpipe.science", 1),
    ("photpipe.astromatic", 3),
    ("photpipe.services", 3),
    ("photpipe.report", 4),
    ("photpipe.cli", 4),
    ("photpipe.manident_window", 4),
    ("photpipe.runner", 6),
    ("photpipe", 2),
    ("pp_run", 6),
    ("pp_stackedphotometry", 6),
    ("pp_", 5),
    ("pptool_", 5),
    ("toolbox", 6),
    ("catalog", 6),
    ("diagnostics", 6),
)
OWN = ("photpipe", "pp_", "pptool_", "toolbox", "catalog", "diagnostics")
# stages that may be called by other stages of the same floor, lowest first
STAGE_ORDER = ("pp_extract", "pp_prepare", "pp_register", "pp_photometry", "pp_calibrate")

MONOPOLIES = {
    "subprocess": ("photpipe.astromatic.tool",),
    "astroquery": ("photpipe.services",),
    "matplotlib": ("photpipe.report", "photpipe.manident_window"),
    "tkinter": ("photpipe.manident_window",),
}
WORLDLY = {"socket", "subprocess", "os", "pathlib", "tempfile", "urllib", "requests", "time"}


def floor(module: str) -> int:
    if module == "photpipe":
        return 0  # only the version
    return next(level for prefix, level in FLOORS if module.startswith(prefix))


def room(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 or module.count(".") > 1 else "photpipe"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_modules() -> dict[str, Path]:
    files = [*ROOT.glob("photpipe/**/*.py"), *ROOT.glob("*.py")]
    return {module_name(path): path for path in files}


def climbing(module: str, imported: set[str]) -> list[str]:
    """Imports of a module that go up the stairs."""
    wrong = []
    for name in sorted(imported):
        if not name.startswith(OWN) or (name not in own_modules() and name.count(".")):
            continue
        if floor(name) < floor(module) or name == module:
            continue
        if floor(name) == floor(module) and floor(name) not in (5,):
            continue
        if name in STAGE_ORDER and module in STAGE_ORDER:
            if STAGE_ORDER.index(name) < STAGE_ORDER.index(module):
                continue
        elif floor(name) == 5 and floor(module) == 5 and name in STAGE_ORDER:
            continue
        wrong.append(f"{module} imports {name}")
    return wrong


@pytest.mark.parametrize("module", sorted(own_modules()))
def test_imports_go_down(module: str) -> None:
    tree = ast.parse(own_modules()[module].read_text("utf-8"))
    assert climbing(module, imports(tree)) == []


@pytest.mark.parametrize("module", sorted(own_modules()))
def test_outside_world_has_one_door(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(ast.parse(own_modules()[module].read_text()))}
    for library, doors in MONOPOLIES.items():
        assert library not in roots or module.startswith(doors), f"{module} imports {library}"
    if module.startswith("photpipe.science"):
        assert not roots & WORLDLY


def test_the_rule_would_notice() -> None:
    assert climbing("photpipe.errors", {"pp_prepare"}) == ["photpipe.errors imports pp_prepare"]
    assert climbing("photpipe.science.growth", {"photpipe.cli"})
    assert climbing("pp_extract", {"pp_register"})
    assert not climbing("pp_register", {"pp_extract", "photpipe.cli", "numpy"})
