"""Replies of services become tables: names, units, blanks, errors, marks."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from astropy import units as u
from astropy.io.votable import parse_single_table
from astropy.table import Column, MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st

from photpipe.catalogs import ingest as module
from photpipe.catalogs.ingest import ellipse_errors, ingest, positional_designation
from photpipe.catalogs.spec import Positions
from photpipe.catalogs.surveys import CATALOGS, spec
from photpipe.ground.errors import ServiceError

PS1_ROWS = 6


def ps1_reply(**changes):
    """A reply of II/349/ps1: star 0 is perfect; a change replaces columns."""
    columns = {
        "objID": np.arange(1, PS1_ROWS + 1) + 107_650_000_000_000_000,
        "RAJ2000": np.linspace(10, 10.1, PS1_ROWS),
        "DEJ2000": np.full(PS1_ROWS, -0.5),
        "e_RAJ2000": Column(np.full(PS1_ROWS, 0.02), unit="arcsec"),
        "e_DEJ2000": Column(np.full(PS1_ROWS, 0.03), unit="arcsec"),
        "Epoch": np.full(PS1_ROWS, 56000.25),
        "Qual": np.full(PS1_ROWS, 52),
        "iKmag": np.full(PS1_ROWS, 16.51),
    }
    for letter, mag in zip("grizy", (17.2, 16.8, 16.5, 16.4, 16.3), strict=True):
        columns |= {f"{letter}mag": np.full(PS1_ROWS, mag)}
        columns |= {f"e_{letter}mag": np.full(PS1_ROWS, 0.004), f"N{letter}": np.full(PS1_ROWS, 9)}
    return Table({**columns, **changes})


def test_a_reply_becomes_a_table_of_our_own_columns():
    table = ingest(ps1_reply(), spec("PANSTARRS"), "10 -0.5 r=0.2")
    assert table.name == "PANSTARRS"
    assert table.data["ident"][0] == "107650000000000001"
    assert table.column("rp1mag")[0] == 16.8
    assert table.column("e_rp1mag")[0] == 0.004
    assert table.mag_band == "rp1"
    assert table.column("mag")[0] == 16.8
    assert table.systems["yp1"] == "AB"
    assert table.column("e_ra_arcsec")[0] == 0.02
    assert table.column("source_epoch_jd")[0] == 2456000.75
    assert np.isnan(table.column("pm_ra_mas_yr")).all()
    assert table.data["for_photometry"].all()
    assert table.history == ("Pan-STARRS DR1 from VizieR: 6 sources",)


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("Qual", [52, 48, 52, 52, 52, 52], "bit 4 not set"),
        ("iKmag", [16.51, 16.2, 16.51, 16.51, 16.51, 16.51], "extended"),
        ("e_rmag", [0.004, 0.031, 0.004, 0.004, 0.004, 0.004], "large error"),
        ("e_rmag", [0.004, np.nan, 0.004, 0.004, 0.004, 0.004], "NaN"),
        (
            "e_rmag",
            MaskedColumn([0.004, 0.01, 0.004, 0.004, 0.004, 0.004], mask=[0, 1, 0, 0, 0, 0]),
            "masked over a value that would pass",
        ),
        (
            "Qual",
            MaskedColumn([52] * 6, mask=[0, 1, 0, 0, 0, 0]),
            "masked integer over a value that would pass",
        ),
    ],
)
def test_the_star_cut_marks_and_drops_nothing(column, values, why):
    table = ingest(ps1_reply(**{column: values}), spec("PANSTARRS"))
    assert len(table) == PS1_ROWS
    assert table.data["for_photometry"].tolist() == [True, False, True, True, True, True], why


@pytest.mark.parametrize(
    ("changes", "band", "lost"),
    [
        ({"gmag": [13.4, 13.5, 17, 17, 17, 17]}, "gp1", 0),
        ({"Nz": [2, 3, 3, 3, 3, 3]}, "zp1", 0),
        ({"ymag": [-999.0, 16, 16, 16, 16, 16]}, "yp1", 0),
        ({"ymag": [99.0, 16, 16, 16, 16, 16]}, "yp1", 0),
    ],
)
def test_a_magnitude_that_is_none_is_nan_in_its_band_only(changes, band, lost):
    table = ingest(ps1_reply(**changes), spec("PANSTARRS"))
    bad = np.isnan(table.column(f"{band}mag"))
    assert bad.tolist() == [i == lost for i in range(PS1_ROWS)]
    assert np.isnan(table.column(f"e_{band}mag"))[lost]
    others = [b for b in table.bands if b != band]
    assert all(np.isfinite(table.column(f"{b}mag")).all() for b in others)


@pytest.mark.parametrize("error", [0.0, -0.1, 99.0, np.nan])
def test_an_error_that_is_none_is_unknown_and_the_magnitude_stays(error):
    table = ingest(ps1_reply(e_gmag=[error] + [0.0001] * 5), spec("PANSTARRS"))
    assert np.isnan(table.column("e_gp1mag")[0])
    assert table.column("gp1mag")[0] == 17.2
    assert table.column("e_gp1mag")[1] == spec("PANSTARRS").error_floor_mag


def test_rows_without_position_and_repeated_rows_go():
    reply = ps1_reply(
        RAJ2000=MaskedColumn(np.linspace(10, 10.1, 6), mask=[1, 0, 0, 0, 0, 0]),
        DEJ2000=[0.0, np.nan, 1, 1, 1, 1],
        objID=[1, 2, 3, 3, 4, 5],
    )
    table = ingest(reply, spec("PANSTARRS"))
    assert table.data["ident"].tolist() == ["3", "4", "5"]
    assert table.history[1:] == (
        "kept 4 of 6 sources: with a position",
        "kept 3 of 4 sources: designation not repeated",
    )


def test_an_empty_reply_is_an_empty_table():
    table = ingest(ps1_reply()[:0], spec("PANSTARRS"), truncated=True)
    assert len(table) == 0
    assert table.truncated
    assert "brightest" in table.history[1]
    assert table.bands == ("gp1", "rp1", "ip1", "zp1", "yp1")


def test_a_foreign_reply_is_one_clear_error():
    with pytest.raises(
        ServiceError, match=r"VizieR: 1 2 r=3: columns are missing in the reply: DEJ2000, rmag"
    ):
        ingest(Table({"RAJ2000": [1.0], "Vmag": [1.0]}), spec("PANSTARRS"), "1 2 r=3")
    with pytest.raises(ServiceError, match="VizieR: PANSTARRS: "):
        ingest(Table({"x": [1]}), spec("PANSTARRS"))


def test_missing_optional_columns_are_told_and_not_fatal():
    reply = ps1_reply()
    reply.remove_columns(["Qual", "ymag", "e_zmag", "Ng", "e_RAJ2000", "e_DEJ2000"])
    table = ingest(reply, spec("PANSTARRS"))
    assert "not tested, columns missing in the reply: measured well" in table.history[1]
    assert "yp1" not in table.bands
    assert np.isnan(table.column("e_zp1mag")).all()
    assert np.isfinite(table.column("gp1mag")).all()
    assert (table.column("e_ra_arcsec") == 0.02).all()


APASS = {
    "RAJ2000": [359.9999, 0.0001],
    "DEJ2000": [-0.5, 0.5],
    "nobs": [5, 1],
    "Vmag": [12.0, 9.9],
    "e_Vmag": [0.02, 0.02],
    "Bmag": [12.6, 13.0],
    "e_Bmag": [0.03, 0.0],
}


@pytest.mark.parametrize("letter", ["{}'", "{}_"])
def test_both_spellings_of_vizier_are_read(letter):
    names = {name: letter.format(name) for name in "gri"}
    reply = Table(APASS)
    for i, name in enumerate("gri"):
        reply[f"{names[name]}mag"] = [12.3 - i / 10, 13.0]
        reply[f"e_{names[name]}mag"] = [0.02, 0.02]
    table = ingest(reply, spec("APASS9"))
    assert table.column("gmag")[0] == 12.3
    assert table.column("imag")[0] == pytest.approx(12.1)
    assert dict(table.systems) == {"V": "Vega", "B": "Vega", "g": "AB", "r": "AB", "i": "AB"}
    assert np.isnan(table.column("Vmag")[1]), "saturated"
    assert table.data["for_photometry"].tolist() == [True, False], "single observation"
    assert table.data["ident"][0] == "J235959.976-003000.00"


def test_the_error_ellipse_of_2mass_counts_from_north_to_east():
    reply = Table(
        {
            "2MASS": ["a", "b", "c"],
            "RAJ2000": [1.0, 2, 3],
            "DEJ2000": [0.0, 0, 0],
            "errMaj": [0.2, 0.2, 0.2],
            "errMin": [0.1, 0.1, 0.1],
            "errPA": [0.0, 90.0, 45.0],
            "JD": [2451000.5, 0.0, 2451500.5],
            "Jmag": [12.0, 13, 14],
            "e_Jmag": [0.02, 0.02, 0.02],
            "Hmag": [11.5, 12.5, 13.5],
            "e_Hmag": [0.02, 0.02, 0.02],
            "Qflg": ["AAA", "AUA", ""],
            "Rflg": ["222", "262", "222"],
            "Cflg": ["000", "000", "c00"],
        }
    )
    table = ingest(reply, spec("2MASS"))
    diagonal = np.hypot(0.2, 0.1) / np.sqrt(2)
    np.testing.assert_allclose(table.column("e_ra_arcsec"), [0.1, 0.2, diagonal])
    np.testing.assert_allclose(table.column("e_dec_arcsec"), [0.2, 0.1, diagonal])
    assert np.isfinite(table.column("Jmag")).tolist() == [True, True, False]
    assert np.isfinite(table.column("Hmag")).tolist() == [True, False, False]
    assert "Ks" not in table.bands
    assert table.data["for_astrometry"].tolist() == [True, False, False]
    nominal = spec("2MASS").positions.epoch_jd
    assert table.column("source_epoch_jd").tolist() == [2451000.5, nominal, 2451500.5]
    del reply["errPA"]
    assert (ingest(reply, spec("2MASS")).column("e_ra_arcsec") == 0.1).all()


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0, 180))
def test_an_ellipse_keeps_its_size(major, minor, angle):
    e_ra, e_dec = ellipse_errors(np.array([major]), np.array([minor]), np.array([angle]))
    assert np.hypot(e_ra, e_dec)[0] == pytest.approx(np.hypot(major, minor))


def test_gaia_proper_motions_and_milliarcseconds():
    reply = Table(
        {
            "Source": MaskedColumn([4295806720, 38655544960], dtype=np.int64),
            "RA_ICRS": [44.99, 45.0],
            "DE_ICRS": [0.0, 0.1],
            "e_RA_ICRS": Column([0.3, 0.0], unit=u.mas),
            "e_DE_ICRS": Column([20.0, np.nan], unit=u.mas),
            "pmRA": MaskedColumn([11.5, 0.0], mask=[0, 1]),
            "pmDE": MaskedColumn([-22.5, 0.0], mask=[0, 1]),
            "Gmag": [15.0, 16.0],
            "RUWE": MaskedColumn([1.0, 1.1], mask=[0, 1]),
            "VarFlag": ["NOT_AVAILABLE", "VARIABLE"],
        }
    )
    table = ingest(reply, spec("GAIA"))
    assert table.data["ident"].tolist() == ["4295806720", "38655544960"]
    np.testing.assert_allclose(table.column("e_ra_arcsec"), [0.001, 0.002])
    np.testing.assert_allclose(table.column("e_dec_arcsec"), [0.02, 0.002])
    np.testing.assert_array_equal(table.column("pm_ra_mas_yr"), [11.5, np.nan])
    assert table.data["for_astrometry"].tolist() == [True, False]
    assert table.data["for_photometry"].tolist() == [True, False]
    assert table.epoch_jd == pytest.approx(2457389.0)


def test_the_unit_told_by_the_reply_wins_and_a_foreign_one_does_not():
    told = ps1_reply(e_RAJ2000=Column(np.full(6, 20.0), unit="mas"))
    assert ingest(told, spec("PANSTARRS")).column("e_ra_arcsec")[0] == pytest.approx(0.02)
    foreign = ps1_reply(e_RAJ2000=Column(np.full(6, 0.02), unit="mag"))
    assert ingest(foreign, spec("PANSTARRS")).column("e_ra_arcsec")[0] == pytest.approx(0.02)


def test_ucac_writes_errors_in_hundredths():
    reply = Table(
        {
            "UCAC4": ["625-088770", "625-088771"],
            "RAJ2000": [299.3, 299.4],
            "DEJ2000": [35.0, 35.0],
            "f.mag": [12.6, 12.7],
            "e_a.mag": [0.05, 0.06],
            "Bmag": [13.36, 13.4],
            "e_Bmag": [3, 1],
            "f_Bmag": [".", "-"],
        }
    )
    table = ingest(reply, spec("UCAC4"))
    assert table.column("e_Bmag")[0] == 0.03
    assert np.isnan(table.column("Bmag")[1]), "measured once"


def test_errors_follow_from_fluxes_where_a_catalog_gives_only_those():
    reply = Table(
        {
            "Source": [1, 2],
            "RA_ICRS": [1.0, 2.0],
            "DE_ICRS": [1.0, 2.0],
            "Vmag": [15.0, 15.0],
            "FV": [1000.0, 1000.0],
            "e_FV": [10.0, 10.0],
            "VFlag": [1, 0],
            "E(BP/RP)corr": [0.001, 0.5],
        }
    )
    table = ingest(reply, spec("GAIA-SYNTH"))
    assert table.column("e_Vmag")[0] == pytest.approx(0.010857, abs=1e-6)
    assert np.isnan(table.column("Vmag")[1])
    assert table.data["for_photometry"].tolist() == [True, False]


def test_a_real_votable_with_blanks_is_read():
    text = b"""<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE name="I/337">
<TABLE ID="I_337_tgas" name="I/337/tgas">
<FIELD name="RA_ICRS" datatype="double" unit="deg"/><FIELD name="DE_ICRS" datatype="double"/>
<FIELD name="e_RA_ICRS" datatype="double" unit="mas"/>
<FIELD ID="__Gmag_" name="&lt;Gmag&gt;" datatype="float" unit="mag"/>
<FIELD name="Source" datatype="long"/>
<DATA><TABLEDATA>
<TR><TD>10.5</TD><TD>-1.5</TD><TD>0.5</TD><TD>9.25</TD><TD>3457120586149702656</TD></TR>
<TR><TD>10.6</TD><TD>-1.5</TD><TD/><TD/><TD>3457120586149702657</TD></TR>
</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
    votable = parse_single_table(BytesIO(text))
    for names in (True, False):  # by name, as today; by ID, as before
        table = ingest(votable.to_table(use_names_over_ids=names), spec("TGAS"))
        assert table.data["ident"].tolist() == ["3457120586149702656", "3457120586149702657"]
        np.testing.assert_array_equal(table.column("Gmag"), [9.25, np.nan])
        np.testing.assert_allclose(table.column("e_ra_arcsec"), [0.001, 0.002])


def test_numbers_that_came_as_words_are_numbers():
    table = ingest(ps1_reply(gmag=["17.1", "", "x", "17", "17", "17"]), spec("PANSTARRS"))
    np.testing.assert_array_equal(table.column("gp1mag")[:4], [17.1, np.nan, np.nan, 17.0])


@pytest.mark.parametrize("name", CATALOGS)
def test_every_catalog_reads_a_reply_of_all_its_columns(name):
    row = spec(name)
    raw = Table({column: np.array([17.0, np.nan]) for column in row.requested_columns})
    raw[row.positions.ra] = [10.0, 20.0]
    table = ingest(raw, row)
    assert len(table) == 1
    assert table.bands == tuple(band.name for band in row.bands)


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [
        (135.68157, 49.745309, "J090243.576+494443.11"),
        (0.0, -0.00001, "J000000.000-000000.03"),
        (359.9999999, 89.9999999, "J235959.999+895959.99"),
        (360.0, 90.0, "J000000.000+900000.00"),
        (-15.0, -12.5, "J230000.000-123000.00"),
        (float("nan"), 1.0, ""),
    ],
)
def test_designations_from_positions(ra, dec, expected):
    assert positional_designation(ra, dec) == expected


def test_epochs_in_years_become_julian_dates():
    raw = Table({c: [17.0, 17.0] for c in spec("URAT-1").requested_columns})
    raw["URAT1"], raw["Epoch"] = ["a", "b"], [2013.5, 0.0]
    table = ingest(raw, spec("URAT-1"))
    assert table.column("source_epoch_jd")[0] == pytest.approx(2456475.875)
    assert table.column("source_epoch_jd")[1] == spec("URAT-1").positions.epoch_jd


def test_a_catalog_with_neither_errors_nor_ellipse_gets_its_typical_error():
    row = replace(spec("REFCAT2"), positions=Positions("RA", "DE", default_error_arcsec=0.25))
    raw = Table({"RA": [1.0], "DE": [2.0], "rmag": [15.0], "e_rmag": [0.01]})
    assert ingest(raw, row).column("e_dec_arcsec")[0] == 0.25
    assert module.ERROR_FLOOR_ARCSEC == 0.001
