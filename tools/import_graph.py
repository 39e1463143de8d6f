"""Draw the import graph of the product in figures: rooms, levels, arrows, what goes up or round.

    .venv/bin/python tools/import_graph.py              this clone
    .venv/bin/python tools/import_graph.py -lines       and how many lines each room has
    .venv/bin/python tools/import_graph.py /other/clone

A room is a folder of photpipe/ with all that is in it, a file that lies loose there, or a script
of the root. An arrow leads from a room to one that it imports, wherever in a file the import
stands. The level of a room is the longest way down from it; rooms that import each other in a
circle share one.
"""

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "photpipe"


def room_of(module: str) -> str:
    """Room of a module, by its dotted name."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == PACKAGE else parts[0]


def modules(root: Path) -> dict[str, Path]:
    """Files of the product by the dotted names of their modules."""
    files = [*root.glob(f"{PACKAGE}/**/*.py"), *root.glob("*.py")]
    names = {".".join(path.relative_to(root).with_suffix("").parts): path for path in files}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


def imported(path: Path) -> Iterator[str]:
    """Names that a file imports, in functions and for types, too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows(known: dict[str, Path]) -> dict[str, set[str]]:
    """Rooms that each room imports, itself left out."""
    found: dict[str, set[str]] = {room_of(module): set() for module in known}
    for module, path in known.items():
        # `photpipe` itself names the version alone
        names = {name for name in imported(path) if name in known and name != PACKAGE}
        found[room_of(module)] |= {room_of(name) for name in names} - {room_of(module)}
    return found


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """Rooms that a room imports, directly or through others."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = graph[todo.pop()] - found
        found |= new
        todo += new
    return found


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """Level of each room; those of a circle are on the highest of its own."""
    below = {room: reached(graph, room) for room in graph}
    circle = {
        room: frozenset({room, *(r for r in below[room] if room in below[r])}) for room in graph
    }
    found: dict[str, int] = {}
    for room in sorted(graph, key=lambda name: len(below[name])):
        found[room] = 1 + max((found[r] for r in below[room] - circle[room]), default=0)
    return found


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clone", nargs="?", type=Path, default=ROOT)
    parser.add_argument("-lines", action="store_true", help="lines of each room, by its level")
    words = parser.parse_args()
    known = modules(words.clone.resolve())
    graph = arrows(known)
    level = levels(graph)
    circles = [room for room in graph if room in reached(graph, room)]
    print(f"{len(graph)} rooms on {max(level.values())} levels, {len(known)} files")
    print(f"{sum(map(len, graph.values()))} arrows between rooms")
    print(f"{len(circles)} rooms in circles{': ' if circles else ''}{' '.join(sorted(circles))}")
    lines = {room: 0 for room in graph}
    for module, path in known.items():
        lines[room_of(module)] += len(path.read_text("utf-8").splitlines())
    print(f"{sum(lines.values())} lines")
    if words.lines:
        for room in sorted(graph, key=lambda name: (-level[name], name)):
            print(f"{level[room]:3}  {lines[room]:6}  {room}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
