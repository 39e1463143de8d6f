"""Which stars of a catalog calibrate a band, and with which magnitudes."""

from types import MappingProxyType

import numpy as np
import pytest
from astropy.table import Table

from photpipe.catalogs.calibrators import (
    bands_of,
    calibrators_for,
    description_of,
    in_band,
    magnitude_of_all,
    origin,
    relations,
    solar_like,
)
from photpipe.catalogs.surveys import CATALOGS, spec
from photpipe.catalogs.table import SourceTable
from photpipe.ground.errors import ReductionError

SYSTEMS = {"U": "Vega", "B": "Vega", "V": "Vega", "R": "Vega", "I": "Vega", "J": "Vega"}
SYSTEMS |= {"H": "Vega", "Ks": "Vega", "G": "Vega", "BP": "Vega", "RP": "Vega"}


def catalog(name, stars, error=0.01, good=None):
    """A table of a catalog: stars is a list of band -> magnitude."""
    n = len(stars)
    bands = list(stars[0])
    columns = {
        "ident": [str(i) for i in range(n)],
        "ra_deg": np.linspace(10, 10.1, n),
        "dec_deg": np.zeros(n),
    }
    for band in bands:
        columns[f"{band}mag"] = np.array([star[band] for star in stars], float)
        columns[f"e_{band}mag"] = np.full(n, error, float)
    columns["mag"], columns["e_mag"] = columns[f"{bands[0]}mag"], np.full(n, error, float)
    columns["for_astrometry"] = np.ones(n, bool)
    columns["for_photometry"] = np.ones(n, bool) if good is None else np.array(good)
    systems = MappingProxyType({band: SYSTEMS.get(band, "AB") for band in bands})
    return SourceTable(Table(columns), name, ("made up",), 2457000.0, False, systems, bands[0])


PS1 = {"gp1": 16.5, "rp1": 16.0, "ip1": 15.85, "zp1": 15.8, "yp1": 15.75}
SDSS = {"u": 18.0, "g": 16.5, "r": 16.0, "i": 15.85, "z": 15.8}


def test_a_native_band_is_taken_as_it_is():
    stars = calibrators_for(catalog("PANSTARRS", [PS1, PS1]), "rp1")
    assert stars.column("mag").tolist() == [16.0, 16.0]
    assert (stars.mag_band, stars.mag_system, stars.transformed) == ("rp1", "AB", False)


def test_another_band_comes_through_a_transformation_that_is_told():
    stars = calibrators_for(catalog("PANSTARRS", [PS1, PS1]), "V")
    x = 0.5
    np.testing.assert_allclose(stars.column("mag"), 16.5 + 0.005 - 0.536 * x + 0.011 * x * x)
    assert (stars.mag_band, stars.mag_system, stars.transformed) == ("V", "Vega", True)
    assert "V (Vega) after Tonry et al. 2012" in stars.history[-1]
    assert stars.column("gp1mag").tolist() == [16.5, 16.5]


def test_two_bands_in_a_row_are_both_told():
    table = catalog("PANSTARRS", [PS1, PS1])
    both = in_band(in_band(table, "V"), "B")
    assert sum("Tonry" in sentence for sentence in both.history) == 2
    assert set(both.bands) >= {"V", "B"}


@pytest.mark.parametrize(("band", "offset"), [("u", -0.04), ("z", 0.02), ("g", 0.0), ("r", 0.0)])
def test_sdss_magnitudes_become_ab_only_as_ab_magnitudes(band, offset):
    table = catalog("SDSS-R9", [SDSS, SDSS])
    stars = calibrators_for(table, band)
    np.testing.assert_allclose(stars.column("mag"), SDSS[band] + offset)
    assert stars.column(f"{band}mag")[0] == SDSS[band]
    johnson = calibrators_for(table, "U")
    np.testing.assert_allclose(johnson.column("mag"), SDSS["u"] - 0.854)


def test_stars_that_failed_a_cut_or_lack_an_error_do_not_calibrate():
    stars = [PS1, PS1, {**PS1, "rp1": np.nan}, PS1]
    table = catalog("PANSTARRS", stars, good=[True, False, True, True])
    found = calibrators_for(table, "rp1")
    assert found.data["ident"].tolist() == ["0", "3"]
    assert "passed the survey's quality cuts" in found.history[1]
    assert calibrators_for(table, "rp1", use_all_stars=True).data["ident"].tolist() == [
        "0",
        "1",
        "3",
    ]


@pytest.mark.parametrize(("error", "usable"), [(0.09, True), (0.1, True), (0.11, False)])
def test_large_errors_do_not_calibrate(error, usable):
    table = catalog("PANSTARRS", [PS1], error=error)
    if usable:
        assert len(calibrators_for(table, "rp1")) == 1
    else:
        with pytest.raises(ReductionError, match=r"PANSTARRS: no usable star in rp1 \(made up; "):
            calibrators_for(table, "rp1")
    assert len(calibrators_for(table, "rp1", use_all_stars=True)) == 1
    assert len(calibrators_for(table, "rp1", max_error_mag=0.2)) == 1


def test_an_unknown_error_never_calibrates():
    table = catalog("PANSTARRS", [PS1], error=np.nan)
    for use_all in (False, True):
        with pytest.raises(ReductionError, match="no usable star"):
            calibrators_for(table, "rp1", use_all_stars=use_all)


def test_the_scatter_of_a_relation_does_not_count_against_a_star():
    table = catalog("GAIA2", [{"G": 15.0, "BP": 15.5, "RP": 14.5}], error=0.005)
    stars = calibrators_for(table, "g")
    assert stars.column("e_mag")[0] > 0.165
    faint = catalog("GAIA2", [{"G": 15.0, "BP": 15.5, "RP": 14.5}], error=0.1)
    with pytest.raises(ReductionError):
        calibrators_for(faint, "g")


def test_ranges_hold_unless_all_stars_are_wanted():
    red = {**PS1, "gp1": 17.5}
    table = catalog("PANSTARRS", [PS1, red])
    assert len(calibrators_for(table, "V")) == 1
    assert len(calibrators_for(table, "V", use_all_stars=True)) == 2


def test_all_stars_of_sdss_can_be_used():
    assert len(calibrators_for(catalog("SDSS-R9", [SDSS] * 12), "V", use_all_stars=True)) == 12


SOLAR = {
    "SDSS-R9": SDSS | {"g": 16.44, "i": 15.89},
    "APASS9": {"V": 16.2, "g": 16.44, "r": 16.0, "i": 15.89},
    "PANSTARRS": PS1 | {"gp1": 16.39, "ip1": 15.88},
    "REFCAT2": {"gp1": 16.39, "rp1": 16.0, "ip1": 15.88},
    "SkyMapper": {"gsm": 16.3, "rsm": 16.0, "ism": 15.85},
    "2MASS": {"J": 13.0, "H": 12.71, "Ks": 12.65},
    "GAIA": {"G": 15.0, "BP": 15.32, "RP": 14.5},
    "GAIA2": {"G": 15.0, "BP": 15.32, "RP": 14.5},
    "GAIA-SYNTH": {"V": 16.2, "g": 16.44, "r": 16.0, "i": 15.89},
}


@pytest.mark.parametrize("name", SOLAR)
def test_stars_like_the_sun_are_chosen_in_the_catalogs_own_bands(name):
    sun = SOLAR[name]
    first = next(iter(spec(name).bands)).name if name in {"GAIA", "GAIA2"} else list(sun)[-1]
    colors = {
        "GAIA": ("BP", "RP"),
        "GAIA2": ("BP", "RP"),
        "2MASS": ("J", "H"),
        "PANSTARRS": ("gp1", "rp1"),
        "REFCAT2": ("gp1", "rp1"),
        "SkyMapper": ("gsm", "rsm"),
    }.get(name, ("g", "r"))
    stars = [
        sun,
        {**sun, colors[0]: sun[colors[0]] + 0.19},
        {**sun, colors[0]: sun[colors[0]] - 0.19},
        {**sun, colors[0]: sun[colors[0]] + 0.21},
        {**sun, colors[0]: sun[colors[0]] - 0.21},
        {**sun, colors[0]: np.nan},
    ]
    table = catalog(name, stars)
    assert solar_like(table).tolist() == [True, True, True, False, False, False]
    assert solar_like(table, 0.3).tolist() == [True] * 5 + [False]
    chosen = calibrators_for(table, first, solar=True)
    assert chosen.data["ident"].tolist() == ["0", "1", "2"]
    assert any("colors of the Sun within 0.2 mag" in s for s in chosen.history)
    assert len(calibrators_for(table, first, solar=True, use_all_stars=True)) == 3


def test_no_star_like_the_sun_is_a_reason_to_go_on():
    with pytest.raises(ReductionError, match=r"no usable star in rp1 .*colors of the Sun"):
        calibrators_for(catalog("PANSTARRS", [PS1 | {"gp1": 17.5}] * 5), "rp1", solar=True)


def test_without_colors_there_are_no_solar_stars():
    table = catalog("APASS9", [{"V": 12.0}])
    with pytest.raises(ReductionError, match="APASS9: stars of solar colour cannot be identified"):
        calibrators_for(table, "V", solar=True)


@pytest.mark.parametrize(
    ("name", "band", "words"),
    [
        ("PANSTARRS", "K", "PANSTARRS gives no magnitudes in K (gives gp1 rp1"),
        ("PANSTARRS", "", "gives no magnitudes"),
        ("SkyMapper", "u", "SkyMapper gives no magnitudes in u (gives usm vsm"),
        ("TGAS", "G", "TGAS serves for registration only"),
        ("USNO-B1", "R2", "USNO-B1 serves for registration only"),
    ],
)
def test_a_band_out_of_reach_is_one_clear_reason(name, band, words):
    with pytest.raises(ReductionError) as caught:
        calibrators_for(catalog(name, [PS1]), band)
    assert words in str(caught.value)


def test_a_reply_without_the_bands_is_one_clear_reason():
    with pytest.raises(ReductionError, match="APASS9: the table holds no bands that lead to R"):
        calibrators_for(catalog("APASS9", [{"V": 12.0}]), "R")
    with pytest.raises(ReductionError, match="lead to g"):
        calibrators_for(catalog("APASS9", [{"V": 12.0}]), "g")


def test_bands_of_one_survey_only_may_be_called_by_their_letter():
    assert calibrators_for(catalog("PANSTARRS", [PS1]), "y").mag_band == "yp1"
    table = catalog("SkyMapper", [{"vsm": 15.0}])
    assert calibrators_for(table, "v").mag_band == "vsm"


@pytest.mark.parametrize(
    ("name", "band", "how"),
    [
        ("REFCAT2", "r", "transformed"),
        ("REFCAT2", "rp1", "native"),
        ("REFCAT2", "J", "native"),
        ("REFCAT2", "K", "transformed"),
        ("2MASS", "K", "transformed"),
        ("2MASS", "J_UKIRT", "transformed"),
        ("GAIA", "Ks", "transformed"),
        ("GAIA2", "B", ""),
        ("APASS9", "z", ""),
        ("GAIA-SYNTH", "U", "native"),
        ("SDSS-R17", "U", "transformed"),
    ],
)
def test_how_a_catalog_gives_a_band(name, band, how):
    assert origin(spec(name), band) == how


def test_refcat2_prefers_pan_starrs_to_gaia():
    star = {"rp1": 16.0, "gp1": 16.5, "ip1": 15.85, "G": 16.0, "BP": 16.5, "RP": 15.5}
    assert {row.family for row in relations(catalog("REFCAT2", [star]), "V")} == {"PS1"}
    gaia_only = catalog("REFCAT2", [{"G": 16.0, "BP": 16.5, "RP": 15.5}])
    assert {row.family for row in relations(gaia_only, "V")} == {"GaiaDR2"}
    assert calibrators_for(gaia_only, "V").mag_system == "Vega"


def test_users_own_stars_calibrate_too():
    table = catalog("mystars", [PS1, PS1])
    assert description_of(table).name == "mystars"
    assert len(calibrators_for(table, "rp1")) == 2
    assert calibrators_for(table, "V").transformed


@pytest.mark.parametrize("name", CATALOGS)
def test_every_band_that_is_offered_is_given(name):
    row = spec(name)
    if not row.photometric:
        return
    star = {"u": 17.0, "g": 16.0, "r": 15.6, "i": 15.4, "z": 15.3, "J": 13.0, "H": 12.6, "Ks": 12.5}
    star |= {"G": 15.5, "BP": 15.9, "RP": 14.9, "gp1": 16.0, "rp1": 15.6, "ip1": 15.4}
    star |= {"gsm": 15.9, "rsm": 15.6, "ism": 15.4}
    table = catalog(name, [{b.name: star.get(b.name, 15.5) for b in row.bands}])
    for band in bands_of(row):
        stars = calibrators_for(table, band.rstrip("*"))
        assert np.isfinite(stars.column("mag")).all()
        assert stars.transformed is band.endswith("*")
        assert stars.mag_system in {"AB", "Vega"}


def test_a_star_of_one_band_alone_has_the_colour_of_the_others():
    nan = float("nan")
    gaia = {"G": 16.0, "BP": 16.4, "RP": 15.5}
    stars = [gaia, gaia, {"G": 18.0, "BP": nan, "RP": nan}, {"G": nan, "BP": nan, "RP": nan}]
    mag = magnitude_of_all(catalog("GAIA3", stars), "R")
    assert np.isfinite(mag[:3]).all()
    assert mag[2] - mag[0] == pytest.approx(2.0)
    assert np.isnan(mag[3])
