"""ECSV texts are those of astropy, byte for byte, and so are the tables that are read."""

import io
import math
import os

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from astropy.table.meta import get_header_from_yaml
from hypothesis import given
from hypothesis import strategies as st

from photpipe.ground import ecsv


def by_astropy(table: Table) -> str:
    out = io.StringIO()
    table.write(out, format="ascii.ecsv")
    return out.getvalue()


def assert_equal(one: Table, other: Table) -> None:
    assert one.colnames == other.colnames
    assert dict(one.meta) == dict(other.meta)
    for name in one.colnames:
        first, second = one[name], other[name]
        assert type(first) is type(second)
        assert (first.dtype, first.unit, first.description) == (
            second.dtype,
            second.unit,
            second.description,
        )
        hidden = np.ma.getmaskarray(first)
        np.testing.assert_array_equal(hidden, np.ma.getmaskarray(second))
        np.testing.assert_array_equal(np.ma.getdata(first)[~hidden], np.ma.getdata(second)[~hidden])


def every_kind() -> Table:
    table = Table(meta={"about": {"rows": 3, "service": "x: #y"}, "target": "1983 SA"})
    table["number"] = [1.5, math.nan, -1e-300]
    table["number"].unit, table["number"].description = "deg", "a position, 'quoted'"
    table["single"] = np.array([0.1, 3e8, math.inf], np.float32)
    table["count"] = np.array([2**62 + 1, 0, -5])
    table["small"] = np.array([1, 2, 255], np.uint8)
    table["yes"] = [True, False, True]
    table["text"] = ["", 'Müller "7", #2', "#first of two"]
    table["mag"] = MaskedColumn([1.5, 2.5, 3.5], mask=[False, True, False], unit="mag")
    table["id"] = MaskedColumn([2**62 + 1, 0, 1], mask=[False, True, False])
    table["word"] = MaskedColumn(["a", "b", "c#"], mask=[True, False, False])
    return table


@pytest.mark.parametrize("rows", [3, 1, 0])
def test_text_and_table_are_those_of_astropy(rows: int) -> None:
    table = every_kind()[:rows]
    text = ecsv.to_text(table)
    assert text == by_astropy(table)
    assert_equal(ecsv.from_text(text), Table.read(text.splitlines(), format="ascii.ecsv"))


@pytest.mark.parametrize("rows", [3, 1, 0])
def test_csv_text_is_that_of_astropy(rows: int) -> None:
    table = every_kind()[:rows]
    table.remove_column("single")
    table["name"] = [" 1983 SA ", 'a "b", c', "two\nlines"][:rows]
    out = io.StringIO()
    table.write(out, format="ascii.csv")
    assert ecsv.to_csv(table) == out.getvalue().replace(os.linesep, "\n")


def test_headers_of_like_tables_are_their_own() -> None:
    """Columns that differ in a unit, a description, a format or a width, and other metadata."""
    for change in ("", "unit", "description", "format", "meta"):
        table = every_kind()
        if change:
            setattr(
                table["number"].info, change, {"meta": {"a": 1}, "format": "%.3f"}.get(change, "s")
            )
        for about in ({}, {"target": "1"}, {"target": "2", "deep": {"schema": [1, "# schema: x"]}}):
            table.meta = about
            assert ecsv.to_text(table[:2]) == by_astropy(table[:2])


def test_what_is_no_plain_column_is_left_to_astropy() -> None:
    table = Table({"pair": np.ones((2, 2)), "n": [1, 2]})
    text = ecsv.to_text(table)
    assert text == by_astropy(table)
    np.testing.assert_array_equal(ecsv.from_text(text)["pair"], np.ones((2, 2)))


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.floats())))
def test_any_text_and_number_survive(rows: list[tuple[str, float]]) -> None:
    table = Table(rows=rows or None, names=("text", "x"), dtype=(str, float))
    found = ecsv.from_text(ecsv.to_text(table))
    if rows:
        assert [str(v) if v is not np.ma.masked else "" for v in found["text"]] == [
            row[0].rstrip("\0") for row in rows
        ]
        np.testing.assert_array_equal(found["x"], [row[1] for row in rows])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2.5 ", "2.5 7 "),
        ("a b", "a"),
        ("1 ", "one "),
        ("datatype: int64", "datatype: nonsense"),
        ("# %ECSV", "ECSV"),
    ],
)
def test_damage_is_told(old: str, new: str) -> None:
    text = ecsv.to_text(Table({"a": [1, 2], "b": [2.5, 2.5], "c": ["x", "y"]}))
    assert old in text
    with pytest.raises((ValueError, KeyError, TypeError, IndexError, AttributeError)):
        ecsv.from_text(text.replace(old, new))


def test_header_that_is_none_is_refused() -> None:
    lines = ecsv.to_text(every_kind()).splitlines(keepends=True)
    header = [line for line in lines if line.startswith("#")]
    assert ecsv.header_of(header) == get_header_from_yaml([line[2:] for line in header[1:]])
    for wrong in ("# {a: [1\n", "# - 1\n", "# a: !!python/object:os.system {}\n"):
        with pytest.raises(ValueError, match="the header is no"):
            ecsv.header_of([header[0], wrong])
