"""A column is told once: file, page, definitions, manual and tables of Python follow."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

import photpipe
from photpipe.report import columns, tables
from photpipe.report.tables import TEXT, Column, Link, Word
from photpipe.report.write import refresh
from photpipe.run import photometry_file
from photpipe.run.photometry_file import DAT_COLUMNS, DatColumn, TargetPoint
from photpipe.run.workspace import Workspace
from tests.points import point
from tests.report.nights import Maker
from tests.report.pages import parsed, words

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import update_docs  # noqa: E402


def page_table(workspace: Workspace, name: str) -> list[list[str]]:
    """Cells of a table of the main page, titles first."""
    tree = parsed(refresh(workspace).read_text("utf-8"))
    found = next(each for each in tree.iter("table") if each.get("id") == f"table-{name}")
    return [[words(cell).strip() for cell in row] for row in found.iter("tr")]


@pytest.mark.parametrize("name", ["REGISTRATION", "PHOTOMETRY", "CALIBRATION"])
def test_a_new_column_of_the_page_is_seen_everywhere(
    make: Callable[..., Maker], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    new: Column[columns.LinkedFrame] = Column(
        "Grown (″)", lambda row: f"<{row.frame.number}>", TEXT, "It grew < 1.", "Grown"
    )
    monkeypatch.setattr(columns, name, (*getattr(columns, name), new))
    workspace = make().everything()
    first, *rows = page_table(workspace, name.lower())
    assert first[-1] == "Grown (″)"
    assert [row[-1] for row in rows] == ["<1>", "<2>", "<3>"]
    page = refresh(workspace).read_text("utf-8")
    assert "<dt>Grown<dd>It grew &lt; 1." in page
    assert "| Grown | It grew < 1. |" in update_docs.table_of(f"columns_{name.lower()}")


def test_cells_are_text_links_words_and_numbers() -> None:
    kinds: tuple[Column[int], ...] = (
        Column("Number", lambda row: row),
        Column("Word", lambda _: Word("bad", "bad"), TEXT),
        Column("Link", lambda row: Link(f"n{row}", "x.html"), TEXT, sort=str),
    )
    view = tables.table(kinds, [1, 2], key=str, is_rejected=lambda row: row == 2)
    assert view.heads == (("Number", ""), ("Word", "text"), ("Link", "text"))
    assert [(row.key, row.is_rejected) for row in view.rows] == [("1", False), ("2", True)]
    assert [cell.sort for cell in view.rows[1].cells] == ["", "", "2"]
    assert view.definitions == ()


def grown(title: str) -> DatColumn:
    return DatColumn(title, 9, ".3f", lambda it: it.point.snr, "adu", "what has grown")


def test_a_new_column_of_the_file_is_seen_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = (*DAT_COLUMNS, grown("[11]"), grown("snr"))
    monkeypatch.setattr(photometry_file, "DAT_COLUMNS", longer)
    path = photometry_file.write(tmp_path, "T", [point(snr=1.25), point(snr=2.0, rejected="no")])
    title, good, bad, *rest = path.read_text("utf-8").splitlines()
    assert title.split()[-2:] == ["[11]", "snr"]
    assert good.split()[-2:] == ["1.250", "1.250"]
    assert len(title) == len(good) == bad.index("  # no")
    assert "# [11]: what has grown (adu)" in rest
    assert not [line for line in rest if line.startswith("# snr")]
    assert "| [11] | adu | what has grown |" in update_docs.table_of("photometry")


def test_titles_stand_above_their_columns(tmp_path: Path) -> None:
    path = photometry_file.write(tmp_path, "T", [point()])
    title, line, *_ = path.read_text("utf-8").splitlines()
    ends = [
        len(title[: title.index(f" {each.title}") + 1 + len(each.title)]) for each in DAT_COLUMNS
    ]
    assert ends == sorted(ends)
    for each, end in zip(DAT_COLUMNS, ends, strict=True):
        assert line[end : end + 1].strip() == "", each.title


def test_a_new_field_of_a_point_is_seen_everywhere(
    night: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"unit": "mag", "meaning": "what has grown", "is_newer": True}
    names = [("grown_mag", float, dataclasses.field(metadata=about))]
    longer: Any = dataclasses.make_dataclass("Longer", names, bases=(TargetPoint,), frozen=True)
    old = photometry_file.read(night.directory / "photometry_3552.dat")[1]
    monkeypatch.setattr(photometry_file, "TargetPoint", longer)
    photometry_file._read.cache_clear()  # the other class would come back
    # a file of before lacks it, and is read nevertheless
    before = photometry_file.read(night.directory / "photometry_3552.dat")[1]
    assert len(before) == len(old) > 0
    rows = [dataclasses.replace(each, grown_mag=0.5) for each in before]  # type: ignore[call-arg]
    path = photometry_file.write(night.directory, "3552", rows)
    table = Table.read(path.with_suffix(".ecsv"))
    assert (str(table["grown_mag"].unit), table["grown_mag"].description) == (
        "mag",
        "what has grown",
    )
    assert "grown_mag" in path.with_suffix(".csv").read_text("utf-8").splitlines()[0].split(",")
    frame = photpipe.open(night.directory).targets["3552"]
    assert set(frame["grown_mag"]) == {0.5}
    assert frame.attrs["units"]["grown_mag"] == "mag"
