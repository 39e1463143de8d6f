"""Tables of the pages: a column is told once, with its head, its cells and what it means."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

NUMBER, TEXT, SENTENCE = "", "text", "text reason"
"""Kinds of columns, as the style sheet calls them; a sentence may be broken into lines."""


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead somewhere; nowhere if `href` is empty."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Word:
    """A short judgement and how serious it is (good, look, bad, note)."""

    text: str
    severity: str


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a table.

    Parameters
    ----------
    head : str
        Its title, with the unit.
    cell : callable
        What stands in the cell of a row: text, `Link`, `Word`, links side by side, or markup.
    kind : str
        `NUMBER`, `TEXT` or `SENTENCE`.
    meaning : str
        Its definition below the table; empty if the title says it all.
    defined : str
        What is defined there, if that is more than this column, or less than its head.
    sort : callable or None
        Number to sort by, where the cell does not begin with one.
    """

    head: str
    cell: Callable[[Row], object]
    kind: str = NUMBER
    meaning: str = ""
    defined: str = ""
    sort: Callable[[Row], str] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell, the kind of its column, and the number to sort by."""

    content: object
    kind: str
    sort: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """Cells of a row, what it stands for on the page, and whether it does not count."""

    cells: tuple[Cell, ...]
    key: str = ""
    is_rejected: bool = False


@dataclass(frozen=True, slots=True)
class TableView:
    """A table: titles with the kinds of the columns, rows, and names with their definitions."""

    heads: tuple[tuple[str, str], ...]
    rows: tuple[TableRow, ...]
    definitions: tuple[tuple[str, str], ...] = ()


def table(
    columns: Sequence[Column[Row]],
    rows: Iterable[Row],
    *,
    key: Callable[[Row], str] = lambda _: "",
    is_rejected: Callable[[Row], bool] = lambda _: False,
) -> TableView:
    """Table of some columns.

    Parameters
    ----------
    key : callable
        What a row stands for on the page: a star, a frame.
    is_rejected : callable
        Whether a row does not count.
    """
    return TableView(
        tuple((each.head, each.kind.partition(" ")[0]) for each in columns),
        tuple(
            TableRow(tuple(_cell(each, row) for each in columns), key(row), is_rejected(row))
            for row in rows
        ),
        definitions(columns),
    )


def definitions(columns: Iterable[Column[Row]]) -> tuple[tuple[str, str], ...]:
    """Names and definitions of the columns that have one."""
    return tuple((each.defined or each.head, each.meaning) for each in columns if each.meaning)


def _cell(column: Column[Row], row: Row) -> Cell:
    return Cell(column.cell(row), column.kind, column.sort(row) if column.sort else "")
