"""The paragraphs of all catalogs are complete, and offer what the manual promises."""

import re

import numpy as np
import pytest

from photpipe.catalogs import listing, surveys
from photpipe.catalogs.calibrators import bands_of, origin
from photpipe.catalogs.spec import (
    CatalogSpec,
    MastTable,
    Positions,
    SkyServerTable,
    VizierTable,
    at_least,
    at_most,
    below,
    differs_at_most,
    equals,
    has_bit,
    is_not,
    letter_in,
    letters_in,
    normalised,
    skyserver_sql,
)
from photpipe.ground.errors import ConfigError
from photpipe.ground.sky import Cone
from photpipe.science import published

ALL = list(surveys.CATALOGS.values())

# "Supported Reference Catalogs" of the manual: name: (type, registration, bands with an asterisk
# where transformed). Deliberate differences are marked.
MANUAL = {
    "GAIA1": ("astrometric", True, "G"),
    "TGAS": ("astrometric", True, "G"),
    "USNO-B1": ("astrometric", True, "R2"),
    "2MASS": ("astrometric/photometric", True, "J H Ks K*"),
    "URAT-1": ("astrometric/photometric", True, "g r i B V R* I*"),
    "SDSS-R9": ("astrometric/photometric", True, "u g r i z U* B* V* R* I*"),
    "APASS9": ("photometric", False, "g r i B V R* I*"),
    # the manual leaves out the asterisks: griz are those of SDSS through Tonry et al. 2012
    "PANSTARRS": ("photometric", False, "g* r* i* z* y B* V* R* I*"),
    # likewise; the survey's u is not that of SDSS and is offered under its own name
    "SkyMapper": ("photometric", False, "usm v g* r* i* z*"),
}


@pytest.mark.parametrize("name", MANUAL)
def test_every_catalog_of_the_manual_gives_what_the_manual_says(name):
    kind, registration, bands = MANUAL[name]
    spec = surveys.spec(name)
    assert listing.kind(spec) == kind
    assert spec.registration is registration
    for band in bands.split():
        wanted = "transformed" if band.endswith("*") else "native"
        assert origin(spec, band.rstrip("*")) == wanted, band


def test_the_name_gaia_means_the_latest_release():
    assert surveys.spec("GAIA").source == VizierTable("I/355/gaiadr3")
    assert surveys.spec("GAIA").bands == surveys.spec("GAIA3").bands
    assert surveys.spec("GAIA2").source == VizierTable("I/345/gaia2")
    assert [surveys.spec(f"GAIA{n}").positions.epoch_yr for n in "123"] == [2015.0, 2015.5, 2016.0]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_a_catalog_is_complete(spec: CatalogSpec):
    assert re.fullmatch(r"\d{4}[A-Za-z&.]{5}[\w.]{4}[\w.][\w.]{4}[A-Z]", spec.reference)
    assert spec.title
    assert spec.coverage
    assert spec.comment
    assert spec.registration or spec.photometric
    assert spec.limit_column in spec.requested_columns
    assert spec.mag_range[0] < spec.mag_range[1]
    assert spec.dec_range_deg[0] < spec.dec_range_deg[1]
    assert 1990 < spec.positions.epoch_yr < 2025
    assert 0 < spec.positions.default_error_arcsec < 1
    assert spec.error_floor_mag > 0
    names = [band.name for band in spec.bands]
    assert len(set(names)) == len(names)
    assert {band.system for band in spec.bands} <= {"AB", "Vega"}
    assert all(band.error or band.flux_error for band in spec.bands) or not spec.photometric


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_columns_of_a_request_are_distinct_by_either_spelling(spec: CatalogSpec):
    columns = spec.requested_columns
    assert len({normalised(column) for column in columns}) == len(columns)
    assert "" not in columns


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_systems_agree_with_the_band(spec: CatalogSpec):
    for band in spec.bands:
        vega = band.name in {*"UBVRIJHG", "Ks", "BP", "RP", "R2", "furat", "fucac"}
        assert band.system == ("Vega" if vega else "AB"), band.name


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_families_have_bands_and_colors_of_the_sun(spec: CatalogSpec):
    names = {band.name for band in spec.bands}
    assert not spec.families or published.solar_colors(spec.families[0])
    for family in spec.families:
        for row in (*published.TRANSFORMATIONS, *published.SOLAR_COLORS):
            if row.family == family:
                needed = row.inputs if isinstance(row, published.Transformation) else row.color
                assert set(needed) <= names


@pytest.mark.parametrize(
    ("typed", "name"),
    [("panstarrs", "PANSTARRS"), ("sdss r9", "SDSS-R9"), ("urat1", "URAT-1"), ("Gaia", "GAIA")],
)
def test_names_are_found_however_they_are_typed(typed, name):
    assert surveys.spec(typed).name == name


@pytest.mark.parametrize(
    ("typed", "words"), [("PANSTAR", ["PANSTARRS"]), ("xyz", ["GAIA", "USNO-B1"]), ("", ["GAIA"])]
)
def test_an_unknown_name_is_told_the_known_ones(typed, words):
    with pytest.raises(ConfigError) as caught:
        surveys.spec(typed)
    assert all(word in str(caught.value) for word in words)


def test_an_uncovered_field_is_skipped():
    panstarrs, skymapper = surveys.spec("PANSTARRS"), surveys.spec("SkyMapper")
    assert not panstarrs.may_cover(Cone(10, -60, 0.5))
    assert panstarrs.may_cover(Cone(10, -31.2, 0.5))
    assert panstarrs.may_cover(Cone(10, 90, 0.5))
    assert not skymapper.may_cover(Cone(10, 30, 1))
    assert skymapper.may_cover(Cone(10, 2.5, 1))
    assert surveys.spec("GAIA").may_cover(Cone(0, -90, 1))


def test_saturated_stars_of_sdss_have_no_magnitude_in_that_band():
    for name in ("SDSS-R9", "SDSS-R13", "SDSS-R16", "SDSS-R17"):
        limits = {"u": 12.0, "g": 14.0, "r": 14.0, "i": 14.0, "z": 12.3}
        for band in surveys.spec(name).bands:
            mag = limits[band.name] + np.array([-0.1, 0.1])
            assert [list(cut.passes(mag)) for cut in band.cuts] == [[False, True]]


def test_the_query_of_skyserver_asks_for_stars_brightest_first():
    spec = surveys.spec("SDSS-R13")
    sql = skyserver_sql(spec, Cone(179.28, -0.43, 0.25), 21.0, 20000)
    assert sql.startswith("SELECT TOP 20000 p.objID, p.ra, p.dec,")
    assert "fGetNearbyObjEq(179.280000, -0.430000, 15.000000) n" in sql
    assert "JOIN PhotoPrimary p ON p.objID = n.objID" in sql
    assert "WHERE p.type=6 AND p.clean=1 AND p.psfMag_g<21.000000" in sql
    assert sql.endswith("ORDER BY p.psfMag_g")
    assert "psfMag_g<" not in skyserver_sql(spec, Cone(1, 1, 1), None, 10)
    bare = CatalogSpec(
        "x", "x", "x", SkyServerTable(1), Positions("ra", "dec"), spec.bands, "g", ()
    )
    assert "WHERE" not in skyserver_sql(bare, Cone(1, 1, 1), None, 10)


NUMBERS = np.array([1.0, 2.0, 6.0, np.nan])


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (below("x", 2, ""), [True, False, False, False]),
        (at_most("x", 2, ""), [True, True, False, False]),
        (at_least("x", 2, ""), [False, True, True, False]),
        (equals("x", 6, ""), [False, False, True, False]),
        (has_bit("x", 4, ""), [False, False, True, False]),
    ],
)
def test_cuts_on_numbers(cut, expected):
    assert cut.passes(NUMBERS).tolist() == expected


def test_cuts_on_words_and_pairs():
    words = np.array(["AAA", "ABX", ""])
    assert letters_in("x", "AB", "").passes(words).tolist() == [True, False, False]
    assert letter_in("x", 1, "B", "").passes(words).tolist() == [False, True, False]
    assert is_not("x", "ABX", "").passes(words).tolist() == [True, False, True]
    close = differs_at_most("a", "b", 0.05, "")
    assert close.passes(np.array([1.0, 1.0]), np.array([1.04, 1.06])).tolist() == [True, False]


def test_flux_excess_cuts_keep_single_stars_and_drop_blends():
    dr3 = surveys.spec("GAIA3").photometry_cuts[1].passes
    color, g = np.array([0.3, 0.8, 2.0, 4.5]), np.full(4, 15.0)
    # expected excess after Riello et al. 2021, table 2, worked out by hand
    normal = np.array([1.167396, 1.199688, 1.334920, 1.689989])
    bp, rp = g + color / 2, g - color / 2
    assert dr3(normal, bp, rp, g).all()
    assert not dr3(normal + 0.1, bp, rp, g).any()
    dr2 = surveys.spec("GAIA2").photometry_cuts[0].passes
    assert dr2(np.array([1.2, 1.6, 0.9]), bp[:3], rp[:3]).tolist() == [True, False, False]
    synthetic = surveys.spec("GAIA-SYNTH").photometry_cuts[0].passes
    assert synthetic(np.array([0.01, -0.2]), np.array([12.0, 12.0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("new", "old"),
    [("g'mag", "g_mag"), ("2MASS", "_2MASS"), ("<Gmag>", "__Gmag_"), ("E(BP/RP)", "E_BP_RP_")],
)
def test_both_spellings_of_a_column_have_one_key(new, old):
    assert normalised(new) == normalised(old)


def test_case_tells_columns_apart():
    assert normalised("upmag") != normalised("uPmag")


def test_the_listing_shows_every_catalog_with_its_bands():
    lines = listing.listing().splitlines()
    assert len(lines) == len(ALL) + 2
    for line, spec in zip(lines[1:-1], ALL, strict=True):
        assert line.startswith(spec.name)
        assert all(band in line for band in bands_of(spec))
    assert lines[-1].startswith("*")


def test_every_kind_of_source_has_an_address():
    text = listing.catalogs_markdown()
    assert "VizieR II/349/ps1" in text
    assert "MAST dr2 mean" in text
    assert "SkyServer DR13 PhotoPrimary" in text
    assert {type(spec.source) for spec in ALL} == {VizierTable, SkyServerTable, MastTable}
