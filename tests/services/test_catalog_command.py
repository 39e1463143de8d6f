"""The command catalog.py, on the simulated sky."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import catalog
from photpipe.catalogs.ldac import read_ldac
from photpipe.catalogs.surveys import CATALOGS
from photpipe.command.cli import Status
from photpipe.services import cache as cache_module
from simsky import SkyServer, faults

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(server: SkyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current directory whose settings lead to the server."""
    server.write_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_fetches_and_shows(capsys: Capture) -> None:
    assert catalog.main(["GAIA", "359.99", "-3.0", "0.08", "-maxmag", "17"]) == Status.DONE
    printed = capsys.readouterr().out
    assert "# Gaia" in printed
    assert "ident" in printed
    assert "Gmag" in printed
    assert "-o FILE writes them all" in printed


@pytest.mark.parametrize(
    "where",
    [
        ["23:59:57.6", "-3:00:00"],
        ["23 59 57.6", "-03 00 00"],
        ["-0.01", "-3"],
        ["359.99", "-3.0"],
    ],
)
def test_positions_as_people_type_them(where: list[str], capsys: Capture) -> None:
    assert catalog.main(["APASS9", *where, "0.08"]) == Status.DONE
    assert "Vmag" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".ecsv", ".csv", ".fits", ".cat", ".ldac"])
def test_converts(folder: Path, suffix: str, capsys: Capture) -> None:
    name = f"stars{suffix}"
    words = ["GAIA", "359.99", "-3.0", "0.08", "-o", name, "-epoch", "2017-02-02"]
    assert catalog.main(words) == Status.DONE
    assert f"stars written to {name}" in capsys.readouterr().out
    if suffix in {".cat", ".ldac"}:
        assert len(read_ldac(folder / name)[0]) > 5
        with fits.open(folder / name) as parts:
            assert parts[2].name == "LDAC_OBJECTS"
    else:
        assert len(Table.read(folder / name)) > 5


def test_lists_every_catalog(capsys: Capture) -> None:
    assert catalog.main(["-list"]) == Status.DONE
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in CATALOGS)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["GAIA"],
        ["GAIA", "1", "2"],
        ["prefetch"],
        ["cache", "x"],
        ["-nonsense"],
        ["GAIA", "1", "2", "0.1", "-maxmag", "nan"],
        ["prefetch", "photpipe.toml", "-radius", "inf"],
    ],
)
def test_wrong_usage_is_told(words: list[str], capsys: Capture) -> None:
    assert catalog.main(words) == Status.USAGE
    told = capsys.readouterr().err
    assert "catalog.py prefetch FILE" in told or "catalog.py -h lists all options" in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["GALEX", "1", "2", "0.1"], "unknown catalog"),
        (["GAIA", "1", "92", "0.1"], "is not a position"),
        (["GAIA", "east", "2", "0.1"], "degrees"),
        (["GAIA", "1", "2", "-0.1"], "is not between 0 and"),
        (["GAIA", "1", "2", "0.1", "-epoch", "yesterday"], "yesterday: not a year"),
        (["GAIA", "1", "2", "0.1", "-epoch", "nan"], "nan: not a year"),
        (["GAIA", "1", "2", "0.1", "-epoch", "20170201"], "not a year"),
        (["import", "X", "missing.csv"], "there is no such file"),
        (["import", "X", "."], ".: no table of stars (Is a directory)"),
        (["prefetch", "missing.txt"], "missing.txt: No such file or directory"),
        (["prefetch", "photpipe.toml", "-cat", "GALEX"], "unknown catalog"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert catalog.main(words) == Status.FAILED
    assert reason in caplog.messages[-1]
    assert "\n" not in caplog.messages[-1]


def test_forms_of_tables_are_checked_before_fetching(server: SkyServer, capsys: Capture) -> None:
    assert catalog.main(["GAIA", "359.99", "-3.0", "0.08", "-o", "stars.xls"]) == Status.USAGE
    assert "stars.xls does not end in one of .ecsv" in capsys.readouterr().err
    assert not server.requests


def test_an_unwritable_table_is_one_line(
    server: SkyServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert (
        catalog.main(["GAIA", "359.99", "-3.0", "0.08", "-o", "no/where/stars.csv"])
        == Status.FAILED
    )
    assert "no/where/stars.csv cannot be written: No such file" in caplog.messages[-1]


def test_a_fault_is_one_line(server: SkyServer, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("vizier", "vizier2"):
        server.fail(dataclasses.replace(faults.PAGE, server=name))
    assert catalog.main(["GAIA", "0.0", "-3.0", "0.05"]) == Status.FAILED
    assert caplog.messages[-1].startswith("VizieR: GAIA 0.00000 -3.00000 r=0.0500: ")
    assert "a web page instead of data (Service unavailable)" in caplog.messages[-1]


LIST = """
# tonight
field1   359.99 -3.0 0.05          # beside 0h
"my field" 23:59:57 -03:00:30
3552  2017-02-02T10:00 2017-02-02T12:00 0.04
"RR Lyr" 2017-02-02 2017-02-03
"""


def test_prefetch_makes_the_night_work_offline(
    server: SkyServer, folder: Path, capsys: Capture
) -> None:
    (folder / "night.txt").write_text(LIST)
    words = ["prefetch", "night.txt", "-cat", "GAIA,APASS9", "-radius", "0.05"]
    assert catalog.main([*words, "-observatory", "290"]) == Status.PARTIAL
    printed = capsys.readouterr().out
    assert "field1: GAIA: " in printed
    assert "my field: APASS9: " in printed
    assert "3552: GAIA: " in printed
    assert "RR Lyr: JPL Horizons: " in printed
    assert "not a known Solar System object" in printed
    before = server.count()
    assert before <= 9
    assert catalog.main(words) == Status.PARTIAL
    cache_module._process.tables.clear()
    assert catalog.main(["-offline", "APASS9", "359.99", "-3.0", "0.04"]) == Status.DONE

    from photpipe.run.settings import Settings
    from photpipe.services.horizons import positions

    settings = Settings.load(folder).with_offline()
    found = positions("3552", 2457786.92 + np.arange(50) / 1441.0, "290", settings)
    assert np.isfinite(found.ra_deg).all()


def test_prefetch_for_a_telescope(server: SkyServer, folder: Path, capsys: Capture) -> None:
    (folder / "night.txt").write_text("field1 359.99 -3.0 0.05\n")
    assert catalog.main(["prefetch", "night.txt", "-telescope", "VATT4K"]) == Status.DONE
    from photpipe.instruments.telescopes import by_keyword

    telescope = by_keyword("VATT4K")
    printed = capsys.readouterr().out
    for name in (*telescope.astrometry_catalogs, *telescope.photometry_catalogs):
        assert f"field1: {name}: " in printed


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("field 1", "2 words"),
        ("field one two", "'one' is not a number"),
        ("field 1 2 three", "'three' is not a number"),
        ("field 1 95", "not a position"),
        ("field 1 2 50", "radius"),
        ("field 1 2 -1", "radius"),
        ("field 1 2 nan", "radius"),
        ("3552 2017-02-02 2016-01-01", "range"),
        ("3552 2017-02-02 2018-01-01", "range"),
        ("3552 2017-02-31 2017-03-01", "no date"),
        ('"field 1 2', "quotation"),
        ("", "names no field"),
    ],
)
def test_a_bad_line_is_told(
    folder: Path, line: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "night.txt").write_text(f"# tonight\n{line}\n")
    assert catalog.main(["prefetch", "night.txt"]) == Status.FAILED
    message = caplog.messages[-1]
    assert reason in message
    assert "night.txt" in message
    assert "line 2" in message or not line


def test_cache_shows_size_and_age(capsys: Capture, folder: Path) -> None:
    catalog.main(["GAIA", "359.99", "-3.0", "0.08"])
    (folder / "own.csv").write_text("ra,dec,V\n10.0,20.0,12.5\n")
    catalog.main(["import", "OWN", "own.csv"])
    capsys.readouterr()
    assert catalog.main(["cache"]) == Status.DONE
    printed = capsys.readouterr().out
    assert "VizieR: GAIA 359.99000 -3.00000 r=0.0800" in printed
    assert "0.0 d" in printed
    assert "kB" in printed
    assert "imported: OWN" in printed
    assert "1 answers" in printed


def test_import_serves_under_its_name(folder: Path, capsys: Capture) -> None:
    (folder / "own.csv").write_text("star,alpha,delta,VT\na,23:59:58,-03:00:10,12.5\n")
    words = ["import", "OWN", "own.csv", "-map", "ra_deg=alpha", "dec_deg=delta", "ident=star"]
    assert catalog.main([*words, "Vmag=VT", "-system", "V=Vega", "-epoch", "2000"]) == Status.DONE
    assert "1 stars (V) kept in" in capsys.readouterr().out
    assert catalog.main(["OWN", "0", "-3", "0.1"]) == Status.DONE
    assert "359.991" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["-map", "Vmag"], ["-map", "Vmag=x", "-system", "V=ST"]])
def test_a_mapping_that_is_none_is_told(
    folder: Path, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "own.csv").write_text("ra,dec,x\n10.0,20.0,12.5\n")
    assert catalog.main(["import", "OWN", "own.csv", *words]) == Status.FAILED
    assert "should look like" in caplog.messages[-1] or "AB or Vega" in caplog.messages[-1]


def test_kit_is_made_once_and_kept(folder: Path, capsys: Capture, server: SkyServer) -> None:
    """Patterns of the stars around a place, or the places of a list, for the night without net."""
    assert catalog.main(["kit", "359.99 -3.0", "-radius", "0.12"]) == Status.DONE
    printed = capsys.readouterr().out
    (kit,) = (cache_module.paths.cache_directory() / "kits").iterdir()
    files = sorted(path.name for path in kit.glob("index-*.fits"))
    assert kit.name == "GAIA_360.0_-3.0_0.1" and f"{len(files)} files" in printed
    assert files[0] == "index-002.00.fits"  # quadrilaterals from 2 arcmin on
    with fits.open(kit / files[0]) as parts:
        assert parts[0].header["NQUADS"] > 100 and parts[0].header["DIMQUADS"] == 4
    asked = server.count("vizier")
    (folder / "fields.txt").write_text("one 359.99 -3.0 0.12\ntwo 0.01 -3.01 0.12\n")
    assert catalog.main(["kit", "fields.txt"]) == Status.DONE
    assert server.count("vizier") == asked + 1  # the first is kept
    assert capsys.readouterr().out.count("files") == 2


@pytest.mark.parametrize("words", ["here", "400 -3", "1 2 3"])
def test_kit_of_no_place_is_refused(words: str, caplog: pytest.LogCaptureFixture) -> None:
    assert catalog.main(["kit", words]) == Status.FAILED
    assert "RA" in caplog.messages[-1]
