"""The rules of ARCHITECTURE.md: imports go down the stairs or stay in their room, never up."""

import ast
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import import_graph  # noqa: E402

# the stairs, lowest floor first; rooms of one floor know nothing of each other
STAIRS: tuple[tuple[str, ...], ...] = (
    ("ground",),
    ("science", "run"),
    ("fits", "catalogs"),
    ("instruments",),
    ("services", "astromatic"),
    ("prepare", "measure"),
    ("register",),
    ("calibrate",),
    ("distill",),
    ("combine", "manident"),
    ("report",),
    ("exports",),
    ("movers",),
    ("command",),
    ("runner",),
    ("original",),
)
FLOOR = {room: level for level, rooms in enumerate(STAIRS) for room in rooms}
DOOR = len(STAIRS)  # the scripts of the root: above all, and closed to each other
FACE, FRONT_DOOR = "photpipe", "photpipe.door"  # the package, and its door for Python


MONOPOLIES = {
    "subprocess": ("photpipe.astromatic.tool",),
    "astroquery": ("photpipe.services.",),
    "matplotlib": ("photpipe.report.", "photpipe.manident.window", FRONT_DOOR),
    "tkinter": ("photpipe.manident.window",),
}
READS = ("Reads", "Writes")  # headings in the docstring of a door
WORLDLY = {"socket", "subprocess", "os", "pathlib", "tempfile", "urllib", "requests", "time"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def own_modules() -> dict[str, Path]:
    files = [*ROOT.glob("photpipe/**/*.py"), *ROOT.glob("*.py")]
    return {module_name(path): path for path in files}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(own_modules()[module].read_text("utf-8"))


def imports(tree: ast.AST) -> set[str]:
    """Modules that a file imports, in functions and for types, too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def room(module: str) -> str:
    """Room of a module: a folder of the package, or a script of the root for itself."""
    parts = module.split(".")
    return parts[1] if parts[0] == "photpipe" and len(parts) > 1 else parts[0]


def floor(module: str) -> int:
    return -1 if module == FACE else FLOOR.get(room(module), DOOR)


def trespasses(module: str, imported: set[str]) -> list[str]:
    """Imports of a module that go up, or sideways into another room."""
    known = own_modules()
    return [
        f"{module} imports {name}"
        for name in sorted(imported)
        if name in known
        and name != FACE
        and (module, name) != (FACE, FRONT_DOOR)
        and room(name) != room(module)
        and floor(name) >= floor(module)
    ]


def monopolies_broken(module: str, imported: set[str]) -> list[str]:
    """Libraries that a module imports though another room has them alone."""
    roots = {name.split(".")[0] for name in imported}
    wrong = [
        library
        for library, doors in MONOPOLIES.items()
        if library in roots and not module.startswith(doors)
    ]
    return wrong + sorted(roots & WORLDLY if module.startswith("photpipe.science.") else ())


@pytest.mark.parametrize("module", sorted(own_modules()))
def test_imports_stay_on_the_stairs(module: str) -> None:
    assert trespasses(module, imports(tree_of(module))) == []


@pytest.mark.parametrize("module", sorted(own_modules()))
def test_outside_world_has_one_door(module: str) -> None:
    imported = imports(tree_of(module))
    assert monopolies_broken(module, imported) == []


def test_the_drawing_is_of_this_house() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rows = re.findall(r"^\| \d+ \| (`[a-z]+/`.*?) \|", page, re.MULTILINE)
    drawn = [tuple(sorted(re.findall(r"`([a-z]+)/`", row))) for row in reversed(rows)]
    assert drawn == [tuple(sorted(rooms)) for rooms in STAIRS]


def test_every_folder_is_a_room() -> None:
    folders = {path.parent.name for path in ROOT.glob("photpipe/*/__init__.py")}
    assert folders == set(FLOOR)


def test_two_files_lie_loose() -> None:
    assert {path.name for path in ROOT.glob("photpipe/*.py")} == {"__init__.py", "door.py"}


def faults_of_door(text: str) -> list[str]:
    """What a script of the root is not, as a door should be."""
    lines = len(text.splitlines())
    told = ast.get_docstring(ast.parse(text)) or ""
    missing = [
        f"does not tell what it {each.lower()}" for each in READS if f"\n{each}\n" not in told
    ]
    return missing + ([] if 40 <= lines <= 90 else [f"has {lines} lines"])


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.py")), ids=lambda path: path.name)
def test_scripts_of_the_root_are_doors(path: Path) -> None:
    assert faults_of_door(path.read_text("utf-8")) == []


def test_faults_of_doors_are_seen() -> None:
    door = (ROOT / "pp_distill.py").read_text("utf-8")
    assert faults_of_door(door.replace("\nWrites\n", "\nMakes\n")) == [
        "does not tell what it writes"
    ]
    assert faults_of_door(door + "\n" * 60) == [f"has {len(door.splitlines()) + 60} lines"]


def names_told_twice(classes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names of classes that stand for two things, with the modules of both."""
    found: dict[str, list[str]] = {}
    for module, name in classes:
        found.setdefault(name, []).append(module)
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_class_has_the_name_of_another() -> None:
    classes = [
        (module, node.name)
        for module in own_modules()
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(classes) > 200
    assert names_told_twice(classes) == {}
    assert names_told_twice([("a", "Frame"), ("b", "Frame")]) == {"Frame": ["a", "b"]}


def test_figures_of_the_import_graph() -> None:
    known = import_graph.modules(ROOT)
    graph = import_graph.arrows(known)
    level = import_graph.levels(graph)
    assert len([room for room in graph if room.startswith("photpipe")]) <= 23
    assert max(level.values()) <= 14
    assert sum(map(len, graph.values())) < 200
    assert not [room for room in graph if room in import_graph.reached(graph, room)]
    # one more import that goes up makes a circle, which is seen
    graph["photpipe.ground"].add("photpipe.runner")
    assert "photpipe.ground" in import_graph.reached(graph, "photpipe.ground")
    assert import_graph.levels({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"c"}}) == {
        "c": 1,
        "d": 2,
        "b": 3,
        "a": 4,
    }


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("photpipe.ground.errors", "photpipe.measure.apertures"),  # up
        ("photpipe.science.growth", "photpipe.run.settings"),  # sideways
        ("photpipe.catalogs.ldac", "photpipe.fits.cards"),  # sideways
        ("photpipe.calibrate.stage", "photpipe.distill.stage"),  # a stage of a stage above it
        ("photpipe.runner.chain", "pp_prepare"),  # the package opens no door
        ("pp_register", "pp_extract"),  # doors are closed to each other
        ("photpipe.runner.chain", "photpipe.door"),  # the door for Python leads inwards
    ],
)
def test_trespassers_are_seen(module: str, imported: str) -> None:
    assert trespasses(module, {imported}) == [f"{module} imports {imported}"]
    assert trespasses("photpipe.measure.stage", {"photpipe.measure.apertures", "numpy"}) == []
    assert trespasses("pp_run", {"photpipe.runner.chain", "photpipe"}) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("photpipe.fits.unpack", "subprocess"),
        ("photpipe.distill.stage", "astroquery.jplhorizons"),
        ("photpipe.runner.live_summary", "matplotlib.figure"),
        ("photpipe.command.cli", "tkinter"),
        ("photpipe.science.growth", "pathlib"),
    ],
)
def test_broken_monopolies_are_seen(module: str, imported: str) -> None:
    assert monopolies_broken(module, {imported}) == [imported.split(".", maxsplit=1)[0]]
    assert monopolies_broken("photpipe.astromatic.tool", {"subprocess"}) == []
