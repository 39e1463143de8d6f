"""Tables of stars that users bring."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from photpipe.catalogs.ldac import write_ldac
from photpipe.catalogs.local import Columns, read_stars, spec_of
from photpipe.ground.errors import ConfigError

ROWS = Table(
    {
        "ID": ["faint", "bright", "nowhere"],
        "RAJ2000": [10.5, 10.6, np.nan],
        "DEJ2000": [-5.0, -5.1, 0.0],
        "Vmag": [15.0, 12.0, 13.0],
        "e_Vmag": [0.02, 0.01, 0.01],
        "g": [15.4, 12.3, 13.0],
        "pmRA": [5.0, -3.0, 0.0],
        "pmDE": [1.0, 2.0, 0.0],
    }
)


@pytest.mark.parametrize("name", ["s.csv", "s.ecsv", "s.fits", "s.txt", "s.cat"])
def test_all_forms_give_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "s.cat":
        rows = ROWS.copy()
        rows.remove_column("ID")
        write_ldac(path, rows)
    else:
        ROWS.write(path, format="ascii.basic" if name == "s.txt" else None)
    table = read_stars(path, "OWN")
    assert table.name == "OWN"
    assert len(table) == 2
    np.testing.assert_allclose(table.ra_deg, [10.6, 10.5])
    np.testing.assert_allclose(table.column("mag"), [12.0, 15.0])
    np.testing.assert_allclose(table.column("e_mag"), [0.01, 0.02])
    np.testing.assert_allclose(table.column("pm_ra_mas_yr"), [-3.0, 5.0])
    assert dict(table.systems) == {"V": "Vega", "g": "AB"}
    np.testing.assert_allclose(table.column("e_gmag"), 0.05)
    assert "no errors in g: 0.05 mag assumed" in table.history


def test_sexagesimal_positions_hours_and_remarks(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("# my stars\nname,RA,Dec,V\na,10:30:00,-05 30 00,12\nb,10h30m,-5d30m,13\n")
    table = read_stars(path, "OWN")
    np.testing.assert_allclose(table.ra_deg, 157.5)
    np.testing.assert_allclose(table.dec_deg, -5.5)
    assert list(table.data["ident"]) == ["a", "b"]


def test_mapped_columns_systems_and_epoch(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("x,y,VT,sigma\n10,20,12,0.1\n")
    names = {"ra_deg": "x", "dec_deg": "y", "rmag": "VT", "e_rmag": "sigma"}
    table = read_stars(path, "OWN", Columns(names, {"r": "Vega"}, 2457388.5))
    assert dict(table.systems) == {"r": "Vega"}
    assert table.column("source_epoch_jd")[0] == 2457388.5
    assert table.data["ident"][0].startswith("J0040")
    assert table.column("e_mag")[0] == 0.1


def test_epochs_of_the_stars_themselves(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("ra,dec,V,epoch\n1,2,10,2016.0\n1,3,11,57388.0\n1,4,12,2457388.5\n1,5,13,7\n")
    jd = read_stars(path, "OWN").column("source_epoch_jd")
    np.testing.assert_allclose(jd, [2457389.0, 2457388.5, 2457388.5, 2451545.0])


@pytest.mark.parametrize(
    ("content", "columns", "reason"),
    [
        ("a,b\n1,2\n", None, "no column for ra_deg; use -map ra_deg=COLUMN; columns: a, b"),
        ("ra,dec\n1,2\n", None, "no magnitudes; use -map Vmag=COLUMN"),
        ("ra,dec,V\nx,y,3\n", None, "no row has a position"),
        ("ra,dec,V\n1,95,3\n", None, "no row has a position"),
        ("ra,dec,V\n1,2,3\n", Columns({"Bmag": "bmag"}), "no such column"),
        ("ra,dec,Vmagn\n1,2,3\n", Columns({"Vmag": "Vmag"}), "did you mean Vmagn"),
        ("", None, "no table of stars"),
        ("ra,dec,V\n1,2\n1,2,3,4\n", None, "no table of stars"),
    ],
)
def test_what_cannot_be_used_is_told(
    tmp_path: Path, content: str, columns: Columns | None, reason: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"s\.csv") as caught:
        read_stars(path, "OWN", columns)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["s.fits", "s.cat", "s.ecsv", "s.csv", "s.dat"])
def test_rubbish_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(ConfigError, match="s\\."):
        read_stars(path, "OWN")


def test_nothing_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "stars"
    path.touch()
    with pytest.raises(ConfigError, match=r"stars: no table of stars \(in none of the forms"):
        read_stars(path, "OWN")


def test_it_describes_itself_as_a_survey_does(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("ra,dec,gp1mag,rp1mag,V\n1,2,10,11,12\n")
    spec = spec_of(read_stars(path, "OWN"))
    assert [band.name for band in spec.bands] == ["V", "gp1", "rp1"]
    assert spec.families == ("PS1",)
    assert spec.limit_band == "V"
    assert spec.registration
    assert spec.photometric
