"""List the numbers of the product that nobody explains: constants without a word of origin.

    .venv/bin/python tools/constants.py              those of photpipe/, by file
    .venv/bin/python tools/constants.py -all         the explained ones, too, with their words

A constant is a name in capitals at the top of a module whose value is made of numbers alone. Its
origin (a paper, the manual, a measurement, a judgement and what it trades off) stands behind it,
in the comment above it, or in the string below it. Names that only give a unit its size
(SECONDS_PER_DAY) need none.
"""

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"_?[A-Z][A-Z0-9_]*")
DEFINED = re.compile(
    r"_PER_|_TO_|_JD$"
)  # the size of a unit, or a date, which is what its name says


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with a name: where it stands, and what is said of it."""

    path: Path
    line: int
    name: str
    words: str


def constants(root: Path) -> Iterator[Constant]:
    """All numeric constants of the package, in the order of the files."""
    for path in sorted(root.glob("photpipe/**/*.py")):
        text = path.read_text("utf-8")
        lines = text.splitlines()
        body = ast.parse(text).body
        for node, following in zip(body, [*body[1:], None], strict=True):
            names = _names(node)
            if names and _is_number(node.value):  # type: ignore[attr-defined]
                words = _words(lines, node, following)
                yield from (Constant(path, node.lineno, name, words) for name in names)


def unexplained(root: Path) -> list[Constant]:
    """Constants without a word of origin."""
    return [each for each in constants(root) if not (each.words or DEFINED.search(each.name))]


def _names(node: ast.stmt) -> list[str]:
    """Names in capitals that a statement gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    found = [name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name.id for name in found if NAME.fullmatch(name.id)]


def _is_number(value: ast.expr) -> bool:
    """Whether a value is made of numbers alone: a number, a pair, a product of numbers."""
    parts = list(ast.walk(value))
    allowed = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.Load)
    numbers = [part.value for part in parts if isinstance(part, ast.Constant)]
    return (
        bool(numbers)
        and all(isinstance(part, allowed) for part in parts)
        and all(type(number) in (int, float) for number in numbers)
    )


def _words(lines: list[str], node: ast.stmt, following: ast.stmt | None) -> str:
    """What is said of a constant: behind it, above its group, or in the string below it."""
    last = (node.end_lineno or node.lineno) - 1
    behind = lines[last].partition("  # ")[2]
    if behind:
        return behind
    if (
        isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
        and following.lineno == last + 2
    ):
        return str(following.value.value)
    above = lines[node.lineno - 2]
    return above.removeprefix("# ") if above.startswith("# ") else ""


def main() -> int:
    """List them; exit status 1 if there are any without a word."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-all", action="store_true", help="the explained ones, too")
    everything = parser.parse_args().all
    wanted = list(constants(ROOT)) if everything else unexplained(ROOT)
    for each in wanted:
        print(f"{each.path.relative_to(ROOT)}:{each.line}: {each.name}  {each.words}".rstrip())
    print(f"{len(unexplained(ROOT))} of {len(list(constants(ROOT)))} constants have no origin")
    return int(bool(unexplained(ROOT)))


if __name__ == "__main__":
    raise SystemExit(main())
