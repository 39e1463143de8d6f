"""Catalogs over HTTP, from the simulated sky, through the cache."""

import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from photpipe.catalogs.local import read_stars
from photpipe.catalogs.surveys import CATALOGS
from photpipe.ground.errors import ConfigError, ServiceError
from photpipe.ground.sky import Cone, separation_deg
from photpipe.run.settings import Settings
from photpipe.services import cache as cache_module
from photpipe.services import skybot, vizier, vsx
from photpipe.services.reference import fetch_catalog, keep_imported
from simsky import Sky, SkyServer, faults
from tests.services.conftest import DEC_DEG, JD, RA_DEG

CONE = Cone(RA_DEG, DEC_DEG, 0.08)


def forget() -> None:
    cache_module._process.tables.clear()


@pytest.mark.parametrize("name", [name for name, spec in CATALOGS.items() if name != "TGAS"])
def test_every_catalog_comes_complete_and_brightest_first(
    server: SkyServer, settings: Settings, name: str
) -> None:
    table = fetch_catalog(name, CONE, settings, max_mag=18.0)
    assert server.count() == 1
    assert len(table) > 5
    assert not table.truncated
    assert CONE.contains(table.ra_deg, table.dec_deg).all()
    mag = table.column("mag")
    assert (mag[np.isfinite(mag)] < 18.0).all()
    assert (np.diff(mag[np.isfinite(mag)]) >= 0).all()
    assert np.ptp(table.ra_deg) > 180  # both sides of 0h
    assert not [each for each in table.history if "missing in the reply" in each]


def test_positions_are_those_of_the_sky(server: SkyServer, settings: Settings, sky: Sky) -> None:
    table = fetch_catalog("GAIA", CONE, settings, max_mag=18.0, epoch_jd=JD)
    assert table.epoch_jd == JD
    ra, dec = sky.positions_at(JD)
    distance = separation_deg(table.ra_deg[:, None], table.dec_deg[:, None], ra, dec).min(axis=1)
    assert np.median(distance) * 3600 < 0.005
    assert distance.max() * 3600 < 0.05


def test_the_second_time_nothing_is_asked(server: SkyServer, settings: Settings) -> None:
    first = fetch_catalog("PANSTARRS", CONE, settings, max_mag=19.0)
    forget()
    again = fetch_catalog("panstarrs", CONE, settings, max_mag=19.0)
    smaller = fetch_catalog("PANSTARRS", Cone(RA_DEG, DEC_DEG + 0.02, 0.05), settings, max_mag=17)
    assert server.count() == 1
    assert list(first.data["ident"]) == list(again.data["ident"])
    for name in ("ra_deg", "mag", "e_mag", "gp1mag", "for_photometry"):
        np.testing.assert_array_equal(first.data[name], again.data[name])
    assert set(smaller.data["ident"]) < set(first.data["ident"])


def test_neighbouring_fields_are_served_too(server: SkyServer, settings: Settings) -> None:
    fetch_catalog("GAIA", CONE, settings)
    fetch_catalog("GAIA", Cone(RA_DEG + 0.002, DEC_DEG - 0.001, 0.08), settings)
    assert server.count() == 1


def test_two_names_of_one_catalog_share_it(server: SkyServer, settings: Settings) -> None:
    fetch_catalog("GAIA", CONE, settings)
    assert fetch_catalog("GAIA3", CONE, settings).name == "GAIA3"
    assert server.count() == 1


def test_a_row_limit_is_noticed_and_told(
    server: SkyServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    table = fetch_catalog("GAIA", CONE, settings, row_limit=20)
    assert table.truncated
    assert len(table) == 20
    assert "more than" not in caplog.text  # it was wished
    everything = fetch_catalog("GAIA", CONE, settings)
    assert not everything.truncated
    assert server.count() == 2
    brightest = np.sort(everything.column("mag"))[: len(table)]
    np.testing.assert_array_equal(np.sort(table.column("mag")), brightest)
    (limit,) = {
        line for line in server.requests[0].body.splitlines() if line.startswith("-out.max")
    }
    assert limit == f"-out.max={np.ceil(20 * (0.09 / 0.08) ** 2):.0f}"
    few = replace(settings, services=replace(settings.services, row_limit=30))
    assert fetch_catalog("APASS9", CONE, few).truncated
    assert "APASS9 has more than 30 stars" in caplog.text


def test_outside_of_a_survey_nothing_is_asked(server: SkyServer, settings: Settings) -> None:
    table = fetch_catalog("PANSTARRS", Cone(10.0, -60.0, 0.1), settings)
    assert (len(table), server.count()) == (0, 0)


def test_nothing_there_is_an_answer(server: SkyServer, settings: Settings) -> None:
    far = Cone(90.0, 20.0, 0.1)
    for name in ("GAIA", "SDSS-R13", "PANSTARRS-DR2"):
        assert len(fetch_catalog(name, far, settings)) == 0
        assert len(fetch_catalog(name, far, settings)) == 0
    assert server.count() == 3
    assert len(vsx.variables(far, settings)) == 0
    assert len(skybot.asteroids(far, JD, "290", settings)) == 0


def test_an_unknown_catalog_lists_the_known(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="known: "):
        fetch_catalog("GALEX", CONE, settings)


def test_the_mirror_answers_when_the_first_is_down(server: SkyServer, settings: Settings) -> None:
    server.stop("vizier")
    assert len(fetch_catalog("GAIA", CONE, settings)) > 5
    assert {request.server for request in server.requests} == {"vizier2"}


def test_an_error_of_the_database_is_no_empty_field(server: SkyServer, settings: Settings) -> None:
    # as CDS sends it, shortened: astroquery, tests of vizier, no_server_error.xml (BSD-3)
    error = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ns0:VOTABLE '
        'xmlns:ns0="http://www.ivoa.net/xml/VOTable/v1.3" version="1.4">\n'
        '<ns0:INFO ID="Error" name="Error" value="The database is not currently reachable." />\n'
        '<ns0:INFO name="QUERY_STATUS" value="ERROR">no connection</ns0:INFO>\n'
        "<ns0:RESOURCE></ns0:RESOURCE></ns0:VOTABLE>\n"
    )
    server.fail(replace(faults.PAGE, name="database", body=error, content_type="text/xml"))
    with pytest.raises(ServiceError, match="not currently reachable"):
        fetch_catalog("GAIA", CONE, settings)
    server.heal()
    assert len(fetch_catalog("GAIA", CONE, settings)) > 5


def test_an_answer_about_another_field_is_refused(server: SkyServer, settings: Settings) -> None:
    fetch_catalog("GAIA", CONE, settings)
    foreign = server.answer(server.requests[-1], None).body
    server.fail(replace(faults.PAGE, name="foreign", body=foreign, content_type="text/xml"))
    with pytest.raises(ServiceError, match="a different field"):
        fetch_catalog("GAIA", Cone(RA_DEG, 10.0, 0.08), settings)


def test_offline_opens_no_socket(
    server: SkyServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_catalog("GAIA", CONE, settings)

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    offline = settings.with_offline()
    assert len(fetch_catalog("GAIA", CONE, offline)) > 5
    for ask in (
        lambda: fetch_catalog("APASS9", CONE, offline),
        lambda: fetch_catalog("SDSS-R13", CONE, offline),
        lambda: fetch_catalog("PANSTARRS-DR2", CONE, offline),
        lambda: vsx.variables(CONE, offline),
        lambda: skybot.asteroids(CONE, JD, "290", offline),
    ):
        with pytest.raises(ServiceError, match=r"not in the cache .* -offline is set"):
            ask()


def test_variables(server: SkyServer, settings: Settings, sky: Sky) -> None:
    found = vsx.variables(CONE, settings)
    inside = sky.within(CONE)
    assert len(found) == int((inside["amplitude_mag"] > 0).sum())
    assert found.colnames == [
        *("name", "type", "ra_deg", "dec_deg", "flag", "period_d", "max_mag", "min_mag")
    ]
    assert (found["min_mag"] > found["max_mag"]).all()
    assert all(name.startswith("SIM J") for name in found["name"])
    assert "-out.max=unlimited" in server.requests[0].body
    vsx.variables(CONE, settings)
    assert server.count() == 1


def test_asteroids(server: SkyServer, settings: Settings) -> None:
    found = skybot.asteroids(CONE, JD, "290", settings)
    by_target = {row["target"]: row for row in found}
    assert {"3552", "2010 AB12", "85"} <= set(by_target)
    quixote = by_target["3552"]
    assert quixote["name"] == "Don Quixote"
    assert quixote["ra_deg"] == pytest.approx(0.01, abs=1e-5)  # across 0h
    assert quixote["ra_rate_arcsec_min"] == pytest.approx(2.5, abs=1e-4)
    assert (quixote["mag"], quixote["r_au"]) == (17.0, 2.2)
    query = server.requests[0].query
    assert (query["-loc"], query["-objFilter"]) == ("290", "101")
    skybot.asteroids(Cone(RA_DEG, DEC_DEG, 0.05), JD, "290", settings)
    assert server.count() == 1
    skybot.asteroids(CONE, JD + 0.1, "290", settings)
    assert server.count() == 2


def test_a_table_of_the_user_serves_as_a_catalog(
    server: SkyServer, settings: Settings, tmp_path: Path, sky: Sky
) -> None:
    stars = sky.within(Cone(RA_DEG, DEC_DEG, 0.1))
    table = Table({"RA": stars["ra_deg"], "DEC": stars["dec_deg"], "V_T": stars["V"]})
    table.write(tmp_path / "my stars.csv")
    from photpipe.catalogs.local import Columns

    own = read_stars(tmp_path / "my stars.csv", "MYSTARS", Columns({"Vmag": "V_T"}))
    keep_imported(own, settings.services)
    found = fetch_catalog("mystars", CONE, settings, max_mag=17.0, epoch_jd=JD)
    assert server.count() == 0
    assert found.bands == ("V",)
    inside = CONE.contains(stars["ra_deg"], stars["dec_deg"]) & (stars["V"] < 17.0)
    assert len(found) == int(inside.sum())
    assert len(fetch_catalog("MYSTARS", Cone(90.0, 0.0, 0.1), settings)) == 0
    assert fetch_catalog("MYSTARS", CONE, settings, row_limit=7).truncated


def test_a_table_under_the_name_of_a_survey_goes_before_it(
    server: SkyServer, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "stars.csv").write_text(f"ra,dec,Gmag\n{RA_DEG},{DEC_DEG},10.0\n")
    keep_imported(read_stars(tmp_path / "stars.csv", "GAIA"), settings.services)
    assert len(fetch_catalog("GAIA", CONE, settings)) == 1
    assert server.count() == 0
    fetch_catalog("GAIA", Cone(RA_DEG, DEC_DEG + 0.09, 0.05), settings)
    assert server.count() == 1


def test_the_example_format_is_the_cache(
    server: SkyServer, settings: Settings, tmp_path: Path
) -> None:
    fetch_catalog("GAIA", CONE, settings)
    folder = cache_module.cache_folder(settings.services)
    (tmp_path / "night").mkdir()
    folder.rename(tmp_path / "night" / "cache")
    forget()
    loaded = Settings.load(tmp_path / "night").with_offline()
    assert len(fetch_catalog("GAIA", CONE, loaded)) > 5
    assert not folder.exists()


def test_vizier_is_spoken_as_its_manual_says(server: SkyServer, settings: Settings) -> None:
    fetch_catalog("SDSS-R9", CONE, settings, max_mag=19.0)
    lines = server.requests[0].body.splitlines()
    assert server.requests[0].method == "POST"
    assert server.requests[0].path == "/viz-bin/votable"
    for line in ("-source=V/139/sdss9", "gpmag=<19.00", "-sort=gpmag", "mode=1", "cl=6"):
        assert line in lines
    assert vizier.SERVICE == "VizieR"


def test_an_empty_answer_of_a_survey_of_the_whole_sky_is_a_fault(
    server: SkyServer, settings: Settings
) -> None:
    """It is not kept: the next run asks again. A small field may be empty."""
    server.fail(replace(faults.EMPTY_TABLE, service="vizier"))
    large = Cone(RA_DEG, DEC_DEG, 0.25)
    with pytest.raises(ServiceError, match="an empty answer"):
        fetch_catalog("GAIA", large, settings)
    assert len(fetch_catalog("GAIA", Cone(RA_DEG, DEC_DEG, 0.05), settings)) == 0
    assert len(fetch_catalog("SDSS-R9", large, settings)) == 0
    server.heal()
    assert len(fetch_catalog("GAIA", large, settings)) > 100
