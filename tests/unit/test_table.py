"""SourceTable: nothing is changed in place, everything is told, files give back what they got."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time

from photpipe.catalogs.ldac import read_ldac
from photpipe.catalogs.table import MOTION_COLUMNS, SourceTable, plain, plain_column
from photpipe.ground.errors import ReductionError
from photpipe.ground.sky import separation_deg

EPOCH_JD = 2457206.375  # J2015.5
NOW_JD = EPOCH_JD + 10 * 365.25


def table(**changes):
    columns = {
        "ident": ["3457120586149702656", "b", "c"],
        "ra_deg": [359.99999, 10.0, 20.0],
        "dec_deg": [89.9, 60.0, -30.0],
        "e_ra_arcsec": [0.001, 0.002, 0.003],
        "e_dec_arcsec": [0.002, 0.002, 0.003],
        "pm_ra_mas_yr": [1000.0, -50.0, np.nan],
        "pm_dec_mas_yr": [-2000.0, 20.0, np.nan],
        "e_pm_ra_mas_yr": [1.0, 0.5, np.nan],
        "e_pm_dec_mas_yr": [2.0, np.nan, np.nan],
        "source_epoch_jd": [EPOCH_JD] * 3,
        "Gmag": [12.0, 13.0, np.nan],
        "e_Gmag": [0.01, np.nan, np.nan],
        "rmag": [12.1, 13.1, 14.1],
        "e_rmag": [0.01, 0.02, 0.03],
        "mag": [12.0, 13.0, np.nan],
        "e_mag": [0.01, np.nan, np.nan],
        "for_astrometry": [True, False, True],
        "for_photometry": [True, True, False],
    }
    data = Table({**columns, **changes})
    systems = {"G": "Vega", "r": "AB"}
    return SourceTable(data, "GAIA", ("from °somewhere",), EPOCH_JD, True, systems, "G")


def test_selection_makes_a_new_table_and_says_so():
    old = table()
    new = old.where(old.column("rmag") > 13, "faint")
    assert (len(old), len(new)) == (3, 2)
    assert new.history == (*old.history, "kept 2 of 3 sources: faint")
    assert old.where([True] * 3, "all").history == old.history


def test_nothing_can_be_changed_in_place():
    old = table()
    with pytest.raises(ValueError, match="read-only"):
        old.data["mag"][0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        old.ra_deg[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        old.where([True, False, True], "x").data["mag"][0] = 1.0


def test_new_bands_keep_the_old_ones():
    old = table()
    new = old.with_bands({"V": ([1, 2, 3], [0.1, 0.2, 0.3])}, "Vega", "V after somebody")
    assert new.bands == ("G", "r", "V")
    assert new.history[-1] == "V after somebody"
    assert old.bands == ("G", "r")
    shown = new.selecting("V", transformed=True)
    assert shown.transformed
    assert (shown.mag_band, shown.mag_system) == ("V", "Vega")
    assert shown.column("mag").tolist() == [1, 2, 3]
    assert new.column("rmag").tolist() == old.column("rmag").tolist()


def test_an_offset_moves_mag_but_not_the_band():
    shown = table().selecting("r", offset_mag=-0.04)
    np.testing.assert_allclose(shown.column("mag"), [12.06, 13.06, 14.06])
    assert shown.column("rmag")[0] == 12.1
    assert shown.history[-1] == "r shifted by -0.04 mag to AB"
    assert not shown.transformed


def test_a_band_it_does_not_have():
    with pytest.raises(ReductionError, match=r"GAIA has no magnitudes in V \(has G r\)"):
        table().selecting("V")
    with pytest.raises(KeyError):
        table().column("Vmag")


def test_registration_takes_what_is_good_for_it():
    good = table(ra_deg=[np.nan, 10.0, 20.0]).for_registration()
    assert good.data["ident"].tolist() == ["c"]


def test_positions_move_as_astropy_moves_them():
    old = table()
    new = old.at_epoch(NOW_JD)
    stars = SkyCoord(
        old.ra_deg[:2] * u.deg,
        old.dec_deg[:2] * u.deg,
        pm_ra_cosdec=old.column("pm_ra_mas_yr")[:2] * u.mas / u.yr,
        pm_dec=old.column("pm_dec_mas_yr")[:2] * u.mas / u.yr,
        distance=10 * u.pc,
        obstime=Time(EPOCH_JD, format="jd", scale="tdb"),
    )
    moved = stars.apply_space_motion(new_obstime=Time(NOW_JD, format="jd", scale="tdb"))
    error = separation_deg(moved.ra.deg, moved.dec.deg, new.ra_deg[:2], new.dec_deg[:2])
    assert (error * 3.6e6 < 0.05).all()  # mas
    assert (new.ra_deg[2], new.dec_deg[2]) == pytest.approx((20.0, -30.0), abs=1e-12)
    assert new.epoch_jd == NOW_JD
    assert (new.column("source_epoch_jd") == NOW_JD).all()
    assert new.history[-1] == "positions moved to epoch 2025.500"


def test_proper_motions_come_from_another_catalog():
    """A star that moves by 0.1 arcsec/yr is found where the other catalog has it, at its epoch."""
    moving = table()
    none = {name: np.full(3, np.nan) for name in MOTION_COLUMNS}
    then = moving.at_epoch(NOW_JD - 8 * 365.25)
    still = table(
        **none, ra_deg=then.ra_deg, dec_deg=then.dec_deg, source_epoch_jd=[then.epoch_jd] * 3
    )
    given = still.with_motions_of(moving)
    places = given.at_epoch(NOW_JD), moving.at_epoch(NOW_JD)
    apart = separation_deg(*(f for each in places for f in (each.ra_deg, each.dec_deg)))
    np.testing.assert_allclose(apart * 3600, 0.0, atol=1e-3)
    assert given.history[-1] == "proper motions of GAIA for 2 sources"
    assert moving.with_motions_of(still) is moving


def test_errors_grow_with_time():
    new = table().at_epoch(NOW_JD)
    np.testing.assert_allclose(
        new.column("e_ra_arcsec"),
        [np.hypot(0.001, 0.010), np.hypot(0.002, 0.005), np.hypot(0.003, 0.1)],
    )
    np.testing.assert_allclose(
        new.column("e_dec_arcsec"), [np.hypot(0.002, 0.020), 0.002, np.hypot(0.003, 0.1)]
    )


def test_moving_there_and_back_is_staying():
    old = table()
    back = old.at_epoch(NOW_JD).at_epoch(EPOCH_JD)
    np.testing.assert_allclose(
        separation_deg(back.ra_deg, back.dec_deg, old.ra_deg, old.dec_deg), 0, atol=1e-8
    )
    np.testing.assert_allclose(back.column("pm_ra_mas_yr"), old.column("pm_ra_mas_yr"), rtol=1e-6)


def test_scamp_gets_true_errors_and_epochs(tmp_path):
    path = tmp_path / "ref.cat"
    table(ra_deg=[1.0, 2.0, 3.0]).at_epoch(NOW_JD).write_ldac(path)
    rows, _ = read_ldac(path)
    assert len(rows) == 2, "NaN in MAG stops SCAMP from matching"
    np.testing.assert_allclose(rows["OBSDATE"], 2025.5)
    np.testing.assert_allclose(rows["ERRAWIN_WORLD"][0] * 3600, np.hypot(0.001, 0.01), rtol=1e-5)
    np.testing.assert_allclose(rows["ERRBWIN_WORLD"][0] * 3600, np.hypot(0.002, 0.02), rtol=1e-5)
    np.testing.assert_allclose(rows["MAG"], [12, 13])
    np.testing.assert_allclose(rows["MAGERR"], [0.01, 0.1])
    assert rows["XWIN_WORLD"].dtype == np.float64
    assert rows["FLAGS"].dtype == np.int16
    assert set(rows.colnames) >= {"YWIN_WORLD", "ERRTHETAWIN_WORLD"}


def test_stars_of_a_further_patch_of_sky_are_added(tmp_path):
    path = tmp_path / "ref.cat"
    near = table(ra_deg=[1.0, 2.0, 3.0])
    moved = table(ra_deg=[1.0 + 0.1 / 3600, 2.0, 3.0])
    near.write_ldac(path, adds=True)  # nothing is there
    first = path.read_bytes()
    moved.write_ldac(path, adds=True)
    assert path.read_bytes() == first
    table(ra_deg=[11.0, 2.0, 3.0]).write_ldac(path, adds=True)
    np.testing.assert_allclose(sorted(read_ldac(path)[0]["XWIN_WORLD"]), [1.0, 2.0, 11.0])
    path.write_bytes(b"half")
    near.write_ldac(path, adds=True)
    assert path.read_bytes() == first


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".FITS"])
def test_files_give_everything_back(tmp_path, suffix):
    old, path = table(), tmp_path / f"stars{suffix}"
    old.write(path)
    new = SourceTable.read(path)
    assert new.data.colnames == old.data.colnames
    for name in old.data.colnames:
        np.testing.assert_array_equal(new.data[name], old.data[name])
        assert new.data[name].dtype.kind == old.data[name].dtype.kind
    for fact in ("name", "history", "epoch_jd", "truncated", "mag_band", "transformed"):
        assert getattr(new, fact) == getattr(old, fact)
    assert list(new.systems.items()) == list(old.systems.items())


def test_a_csv_gives_the_columns_back(tmp_path):
    old, path = table(), tmp_path / "mystars.csv"
    old.write(path)
    new = SourceTable.read(path)
    assert new.name == "mystars"
    assert new.bands == ("G", "r")
    assert new.mag_system == ""
    for name in old.data.colnames:
        np.testing.assert_array_equal(new.data[name], old.data[name])


def test_long_designations_survive_as_text(tmp_path):
    path = tmp_path / "x.csv"
    only = table().where([True, False, False], "one")
    only.write(path)
    assert SourceTable.read(path).data["ident"].tolist() == ["3457120586149702656"]


def test_units_are_in_the_file(tmp_path):
    path = tmp_path / "x.ecsv"
    table().write(path)
    units = Table.read(path)
    assert units["ra_deg"].unit == u.deg
    assert units["pm_ra_mas_yr"].unit == u.mas / u.yr
    assert units["rmag"].unit == u.mag
    assert units["ident"].unit is None


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ReductionError, match=r"x\.txt: .* \.ecsv, \.csv, \.fits"):
        table().write(tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("no.ecsv", None),
        ("empty.ecsv", ""),
        ("other.csv", "a,b\n1,2\n"),
        ("binary.fits", "SIMPLE  = nonsense"),
        ("truncated.ecsv", "# %ECSV 1.0\n# ---\n# datatype:\n"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_error(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(ReductionError, match=f"{name}: not a table of catalog sources"):
        SourceTable.read(path)


def test_a_damaged_header_of_facts_is_one_clear_error(tmp_path):
    path = tmp_path / "x.fits"
    data = Table(table().data)
    data.meta = {"photpipe": json.dumps({"name": "x"})[:-1]}
    data.write(path)
    with pytest.raises(ReductionError, match="not a table"):
        SourceTable.read(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.ecsv"
    path.write_text("old")
    bad = table()
    object.__setattr__(bad, "history", (object(),))
    with pytest.raises(Exception, match="object"):
        bad.write(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.ecsv"]


def test_columns_without_masks():
    raw = Table(
        {
            "i": MaskedColumn([1, 2], mask=[0, 1]),
            "n": Column([1, 2], unit="mag"),
            "b": MaskedColumn([True, True], mask=[0, 1]),
            "s": MaskedColumn([b" x ", b"y"], mask=[0, 1]),
            "o": Column(["y", None], dtype=object),
        }
    )
    made = plain(raw)
    np.testing.assert_array_equal(made["i"], [1.0, np.nan])
    assert made["n"].dtype.kind == "i"
    assert made["n"].unit is None
    assert made["b"].tolist() == [True, False]
    assert made["s"].tolist() == ["x", ""]
    assert made["o"].tolist() == ["y", "None"]
    assert plain_column(np.array([1.0], ">f8")).dtype.isnative
