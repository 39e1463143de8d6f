"""What was read of a database is kept, and stands for it as long as it is the same."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from photpipe.catalogs import kept_columns
from photpipe.catalogs.database import read_database_columns, write_database
from photpipe.catalogs.kept_columns import forget_removed, read_kept_columns
from photpipe.ground.errors import ReductionError

WANTED = ("mag", "FLAGS", "ident", "good", "lacking")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.ldac.db"
    write(path, [1.5, np.nan, 2.25])
    return path


def write(path: Path, mag: list[float]) -> None:
    flags, good = np.arange(len(mag)), np.array([each > 2 for each in mag], bool)
    idents = np.array(["a", "", "Žluť"][: len(mag)], "U8")
    table = Table({"ident": idents, "mag": mag, "FLAGS": flags, "good": good, "x": mag})
    facts = {"band": "R", "count": 3, "seeing": float("nan"), "calibrated": True}
    write_database(path, facts, table)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".diagnostics" / "state" / "sources"


def in_the_band_r(facts: dict[str, object]) -> tuple[str, ...]:
    return WANTED if facts["band"] == "R" else ()


def read_alone(monkeypatch: pytest.MonkeyPatch, *words: object) -> object:
    """What is read where the database itself must not be asked."""

    def fail(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(kept_columns, "read_database_columns", fail)
        return read_kept_columns(*words)


@pytest.mark.parametrize("mag", [[1.5, np.nan, 2.25], []])
def test_what_is_kept_is_what_was_read(database, folder, monkeypatch, mag):
    write(database, mag)
    facts, columns = read_database_columns(database, WANTED)
    read_kept_columns(database, WANTED, folder)
    again, kept = read_alone(monkeypatch, database, in_the_band_r, folder)
    assert repr(again) == repr(facts)
    assert kept.colnames == columns.colnames == ["ident", "mag", "FLAGS", "good"]
    for name in columns.colnames:
        np.testing.assert_array_equal(kept[name], columns[name])
        assert kept[name].dtype.kind == columns[name].dtype.kind


def test_without_texts(database, folder, monkeypatch):
    read_kept_columns(database, ["mag"], folder)
    _, kept = read_alone(monkeypatch, database, ["mag"], folder)
    np.testing.assert_array_equal(kept["mag"], [1.5, np.nan, 2.25])


def test_what_is_not_true_any_more_is_read_again(database, folder, tmp_path):
    read_kept_columns(database, WANTED, folder)
    write(database, [7.0])
    assert read_kept_columns(database, WANTED, folder)[1]["mag"].tolist() == [7.0]
    assert read_kept_columns(database, ["x"], folder)[1].colnames == ["x"]
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert read_kept_columns(database, ["x"], folder)[1]["x"].tolist() == [7.0]
    with kept.open("wb") as file:
        np.savez(file, told=np.frombuffer(b"[" * 99999, np.uint8))
    assert read_kept_columns(database, ["x"], folder)[1]["x"].tolist() == [7.0]
    kept.write_bytes(b"")
    assert read_kept_columns(database, ["x"], folder)[1]["x"].tolist() == [7.0]
    elsewhere = tmp_path / "other" / database.name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"no database")
    with pytest.raises(ReductionError, match="not a database of pp_calibrate"):
        read_kept_columns(elsewhere, ["x"], folder)


def test_nothing_is_written_through_a_link(database, folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(outside)
    assert read_kept_columns(database, WANTED, folder)[1]["FLAGS"].tolist() == [0, 1, 2]
    assert list(outside.iterdir()) == []


def test_what_is_kept_of_databases_that_are_gone_is_removed(database, folder, tmp_path):
    write(tmp_path / "b.ldac.db", [1.0])
    for each in ("a", "b"):
        read_kept_columns(tmp_path / f"{each}.ldac.db", WANTED, folder)
    database.unlink()
    forget_removed(tmp_path, folder)
    assert [each.name for each in folder.iterdir()] == ["b.ldac.db.npz"]
