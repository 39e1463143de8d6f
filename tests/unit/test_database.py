"""The per-image database: whole or not at all, open to any program, no column lost to case."""

import sqlite3

import numpy as np
import pandas as pd
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st

from photpipe.catalogs.database import (
    magnitude_columns,
    read_database,
    read_database_columns,
    sql_names,
    write_database,
)
from photpipe.ground import files
from photpipe.ground.errors import ReductionError

HEADER = {
    "name": "r0001.fits",
    "origin": "LOWELL42",
    "description": "calibrated; 'quoted' \"twice\"",
    "magsys": "Vega",
    "obstime": 2457206.375,
    "exptime": 30.0,
    "nstars": 17,
    "solar": True,
    "zp": float("nan"),
}


def sources():
    mag, e_mag = magnitude_columns("R")
    return Table(
        {
            "ident": ["a", "", "ü'\""],
            "ra_deg": [1.0, 2.0, 3.0],
            "flags": np.array([0, 3, 0], np.int16),
            "used": [True, False, True],
            mag: [12.0, np.nan, 14.0],
            e_mag: np.array([0.01, np.nan, 0.02], np.float32),
            "_rmag": MaskedColumn([12.2, 13.2, 14.2], mask=[0, 0, 1]),
            "FLUX-APER 1": [1.0, 2.0, 3.0],
        }
    )


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "r0001.ldac.db"
    write_database(path, HEADER, sources())
    header, data = read_database(path)
    assert np.isnan(header.pop("zp"))
    assert header == {k: v for k, v in HEADER.items() if k != "zp"}
    assert [type(v) for v in header.values()] == [type(v) for v in list(HEADER.values())[:-1]]
    assert data.colnames == sources().colnames
    np.testing.assert_array_equal(data["_Rmag"], [12.0, np.nan, 14.0])
    np.testing.assert_array_equal(data["_rmag"], [12.2, 13.2, np.nan])
    assert data["ident"].tolist() == ["a", "", "ü'\""]
    assert data["flags"].dtype.kind == "i"
    assert data["used"].tolist() == [True, False, True]


def test_some_columns_may_be_read_alone(tmp_path):
    path = tmp_path / "a.ldac.db"
    table = Table({"FLAGS": [1, 2], "flags": [3, 4], "x": [0.5, np.nan]})
    write_database(path, {"a": 1}, table)
    assert read_database(path)[1].colnames == ["FLAGS", "flags", "x"]
    found = read_database_columns(path, ["flags", "none"])[1]
    assert (found.colnames, list(found["flags"])) == (["flags"], [3, 4])
    assert read_database_columns(path, ["FLAGS"])[1]["FLAGS"].tolist() == [1, 2]
    told = read_database_columns(path, lambda facts: ["x"] if facts == {"a": 1} else [])
    assert told[1].colnames == ["x"]
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE data")
    connection.commit()
    connection.close()
    with pytest.raises(ReductionError, match="no such table: data"):
        read_database_columns(path, ())


def test_other_programs_can_read_it(tmp_path):
    path = tmp_path / "x.db"
    write_database(path, HEADER, sources())
    with sqlite3.connect(path) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        frame = pd.read_sql("SELECT * FROM data", connection)
        facts = pd.read_sql("SELECT * FROM header", connection)
        bright = connection.execute("SELECT ra_deg FROM data WHERE _Rmag_uc < 13").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert names == {"header", "data"}
    assert frame["_Rmag_uc"].tolist()[0] == 12.0
    assert frame["_rmag"].isna().tolist() == [False, False, True]
    assert facts["magsys"][0] == "Vega"
    assert len(facts) == 1
    assert bright == [(1.0,)]


def test_a_lone_band_keeps_its_plain_name(tmp_path):
    write_database(tmp_path / "x.db", {"name": "x"}, Table({"_Vmag": [1.0], "_e_Vmag": [0.1]}))
    with sqlite3.connect(tmp_path / "x.db") as connection:
        assert connection.execute("SELECT _Vmag, _e_Vmag FROM data").fetchall() == [(1.0, 0.1)]
    connection.close()


def test_no_source_is_a_table_too(tmp_path):
    write_database(tmp_path / "x.db", {"name": "x"}, sources()[:0])
    _, data = read_database(tmp_path / "x.db")
    assert len(data) == 0
    assert data["_Rmag"].dtype.kind == "f"
    assert data.colnames == sources().colnames


NAMES = st.lists(
    st.text("aAbBrR_'\" 1", min_size=1, max_size=4).filter(lambda name: not name.endswith("_uc")),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(NAMES)
def test_names_never_collide_and_come_back(names):
    written = sql_names(names)
    assert len({name.lower() for name in written.values()}) == len(names)
    assert set(written) == set(names)
    assert sql_names(reversed(names)) == written, "whatever the order"


@given(NAMES, st.integers(0, 3))
def test_any_column_name_survives(tmp_path_factory, names, rows):
    path = tmp_path_factory.getbasetemp() / "names.db"
    table = Table({name: np.arange(float(rows)) + i for i, name in enumerate(names)})
    write_database(path, {"a": 1, "A": 2}, table)
    header, back = read_database(path)
    assert header == {"a": 1, "A": 2}
    assert back.colnames == names
    assert all((back[name] == table[name]).all() for name in names)


def test_a_vector_column_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="FLUX_APER has several values"):
        write_database(tmp_path / "x.db", {"a": 1}, Table({"FLUX_APER": np.zeros((2, 3))}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("header", "table"), [({}, Table({"a": [1]})), ({"a": 1}, Table())])
def test_nothing_to_write_is_refused(tmp_path, header, table):
    with pytest.raises(ValueError, match="nothing to write"):
        write_database(tmp_path / "x.db", header, table)


def test_a_missing_file_is_not_created(tmp_path):
    with pytest.raises(ReductionError, match=r"no\.db: cannot be read .* run pp_calibrate"):
        read_database(tmp_path / "no.db")
    assert list(tmp_path.iterdir()) == []


def foreign():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def without_rows():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE header (a TEXT)")
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


def wrong_types():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE header (a INTEGER)")
    connection.execute("INSERT INTO header VALUES ('x')")
    connection.commit()
    content = connection.serialize()
    connection.close()
    return content


@pytest.mark.parametrize(
    "content",
    [b"", b"not a database at all" * 100, foreign(), without_rows(), wrong_types()],
    ids=["empty", "rubbish", "foreign", "no header row", "words for numbers"],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(ReductionError, match=r"x\.db: not a database .* run pp_calibrate again"):
        read_database(path)
    assert path.read_bytes() == content


def test_a_truncated_file_is_one_clear_error(tmp_path):
    path = tmp_path / "x.db"
    table = Table({"a": np.arange(5000.0)})
    write_database(path, {"a": 1}, table)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ReductionError, match="not a database"):
        read_database(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.db"
    write_database(path, {"a": 1}, Table({"a": [1]}))
    old = path.read_bytes()

    def full(_file, **_how):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_flush", full)
    with pytest.raises(OSError, match="No space"):
        write_database(path, {"a": 2}, Table({"a": [2]}))
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["x.db"]


def test_arrays_by_name_are_written_as_a_table_of_them(tmp_path):
    columns = {
        "a": np.array([1.5, np.nan], ">f4"),
        "b": np.array([3, -1], ">i2"),
        "c": np.array([True, False]),
        "d": np.array(["x", " y "]),
    }
    write_database(tmp_path / "arrays.db", HEADER, columns)
    write_database(tmp_path / "table.db", HEADER, Table(columns))
    assert (tmp_path / "arrays.db").read_bytes() == (tmp_path / "table.db").read_bytes()
