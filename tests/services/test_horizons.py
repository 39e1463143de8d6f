"""Positions from Horizons, over HTTP, from the simulated sky."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from photpipe.ground.errors import ServiceError, UnknownTargetError
from photpipe.ground.sky import separation_deg
from photpipe.run.settings import Settings
from photpipe.services import cache as cache_module
from photpipe.services import ephemeris, web
from photpipe.services.horizons import positions
from simsky import Sky, SkyServer, faults
from tests.services.conftest import JD

TIMES = JD + np.arange(50) / 1440.0


def forget() -> None:
    cache_module._process.tables.clear()


def test_fifty_frames_make_one_request(server: SkyServer, settings: Settings, sky: Sky) -> None:
    found = positions("3552", TIMES, "290", settings)
    assert server.count() == 1
    assert len(found) == 50
    truth = sky.mover("3552")
    away = separation_deg(found.ra_deg, found.dec_deg, *truth.predicted_position(TIMES))
    assert away.max() * 3600 < 0.001
    np.testing.assert_allclose(found.ra_rate_arcsec_min, 2.5, atol=1e-5)
    np.testing.assert_allclose(found.dec_rate_arcsec_min, 0.0, atol=1e-5)
    np.testing.assert_allclose(found.mag, 17.0)
    np.testing.assert_allclose(found.sigma3_arcsec, 0.3 * np.sqrt(2))
    np.testing.assert_allclose(
        (found.r_au[0], found.delta_au[0], found.phase_deg[0]), (2.2, 1.4, 15)
    )
    assert found.name == "3552 Don Quixote (1983 SA)"
    assert found.observatory == "290"
    assert server.requests[0].query["CENTER"] == "'290'"


def test_epochs_travel_in_batches(server: SkyServer, settings: Settings) -> None:
    times = JD + np.arange(200) / 1440.0
    assert len(positions("3552", times, "290", settings)) == 200
    sizes = [len(request.query["TLIST"].split()) for request in server.requests]
    assert sum(sizes) == 200
    assert max(sizes) <= 80
    assert len(sizes) == 3
    decimals = server.requests[0].query["TLIST"].split()[0].partition(".")[2]
    assert len(decimals) == 7


def test_order_and_repetition_of_the_times_are_kept(
    server: SkyServer, settings: Settings, sky: Sky
) -> None:
    times = [JD + 0.3, JD, JD + 0.3, JD + 0.1]
    found = positions("3552", times, "290", settings)
    np.testing.assert_array_equal(found.jd, times)
    np.testing.assert_allclose(
        found.ra_deg, sky.mover("3552").predicted_position(np.array(times))[0], atol=1e-7
    )


def test_any_subset_comes_from_the_cache(server: SkyServer, settings: Settings) -> None:
    everything = positions("3552", TIMES, "290", settings)
    forget()
    some = positions("(3552) Don Quixote", TIMES[7:30:3], "290", settings)
    assert server.count() == 1
    np.testing.assert_array_equal(some.ra_deg, everything.ra_deg[7:30:3])
    assert some.name == everything.name


def test_only_what_is_missing_is_asked_for(server: SkyServer, settings: Settings) -> None:
    positions("3552", TIMES[:30], "290", settings)
    found = positions("3552", TIMES, "290", settings)
    assert [len(each.query["TLIST"].split()) for each in server.requests] == [30, 20]
    assert np.isfinite(found.ra_deg).all()
    positions("3552", TIMES, "I11", settings)
    assert server.count() == 3


@pytest.mark.parametrize(
    ("name", "resolved", "requests"),
    [
        ("Don_Quixote", "3552 Don Quixote (1983 SA)", 1),
        ("2010_AB12", "(2010 AB12)", 1),
        ("K10A12B", "(2010 AB12)", 1),
        ("A0345", "100345", 3),
        ("73P", "73P/Schwassmann-Wachmann 3", 1),
        ("73P/Schwassmann-Wachmann 3", "73P/Schwassmann-Wachmann 3", 1),
        ("73P-B", "73P-B/Schwassmann-Wachmann 3", 1),
        ("C/2012 F6 (Lemmon)", "C/2012 F6/Lemmon", 1),
        ("Lemmon", "C/2012 F6/Lemmon", 2),
        ("Io", "85 Io", 1),
        ("Mars", "Mars (499)", 3),
        ("Mars Odyssey (spacecraft)", "Mars Odyssey (spacecraft) (-53)", 2),
    ],
)
def test_names_as_observers_write_them(
    server: SkyServer,
    settings: Settings,
    name: str,
    resolved: str,
    requests: int,
) -> None:
    assert positions(name, [JD], "290", settings).name.strip() == resolved
    assert server.count() == requests
    positions(name, [JD], "290", settings)
    assert server.count() == requests


def test_the_log_tells_which_apparition(
    settings: Settings, server: SkyServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        positions("73P", [JD], "290", settings)
    assert "73P is 73P/Schwassmann-Wachmann 3: the apparition nearest" in caplog.text
    assert "without fragments" in caplog.text


def test_a_star_is_no_solar_system_object(
    server: SkyServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with pytest.raises(UnknownTargetError, match="not a known Solar System object"):
            positions("RR Lyr", TIMES, "290", settings)
    assert server.count() == 2
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    with pytest.raises(UnknownTargetError, match="not a known Solar System object"):
        positions("HD 12345", TIMES, "290", settings)
    assert server.count() == 2


def test_an_unknown_name_is_asked_again_the_next_day(server: SkyServer, settings: Settings) -> None:
    impatient = replace(settings, services=replace(settings.services, unknown_age_days=0.0))
    for count in (1, 2):
        with pytest.raises(UnknownTargetError):
            positions("2099 AB12", [JD], "290", impatient)
        assert server.count() == count


def test_an_ambiguous_name_lists_the_candidates(server: SkyServer, settings: Settings) -> None:
    with pytest.raises(UnknownTargetError, match=r"ambiguous name; .*2688.*Halley"):
        positions("Halley", [JD], "290", settings)


def test_dates_without_ephemeris(server: SkyServer, settings: Settings) -> None:
    with pytest.raises(ServiceError, match=r"No ephemeris for target.*check the dates"):
        positions("7", [JD], "290", settings)
    assert server.count() == 1


def test_a_service_that_is_down_is_no_unknown_object(server: SkyServer, settings: Settings) -> None:
    server.stop("horizons")
    with pytest.raises(ServiceError, match="connection refused") as caught:
        positions("3552", [JD], "290", settings)
    assert not isinstance(caught.value, UnknownTargetError)


def test_offline_positions_between_prefetched_ones(
    server: SkyServer, settings: Settings, sky: Sky
) -> None:
    grid = JD + np.arange(0, 0.3, 10 / 1440)
    positions("2010 AB12", grid, "290", settings)
    offline = settings.with_offline()
    times = JD + np.array([0.0, 0.0123, 0.1, 0.2222])
    found = positions("2010 AB12", times, "290", offline)
    away = separation_deg(
        found.ra_deg, found.dec_deg, *sky.mover("2010 AB12").predicted_position(times)
    )
    assert away.max() * 3600 < 0.001
    assert server.count() == 1
    for beyond in (JD - 0.1, JD + 0.5):
        with pytest.raises(ServiceError, match="not in the cache"):
            positions("2010 AB12", [JD, beyond], "290", offline)


def test_far_kept_positions_are_not_bridged(server: SkyServer, settings: Settings) -> None:
    positions("3552", [JD, JD + 0.5], "290", settings)
    with pytest.raises(ServiceError):
        positions("3552", [JD + 0.2], "290", settings.with_offline())


def test_old_positions_are_asked_for_again(server: SkyServer, settings: Settings) -> None:
    impatient = replace(settings, services=replace(settings.services, ephemeris_age_days=0.0))
    positions("3552", [JD], "290", impatient)
    positions("3552", [JD + 0.1], "290", impatient)
    assert server.count() == 2
    positions("3552", [JD, JD + 0.1], "290", impatient.with_offline())


@pytest.mark.parametrize("times", [[], [np.nan], [JD, np.inf]])
def test_times_must_be_times(settings: Settings, server: SkyServer, times: list[float]) -> None:
    with pytest.raises(ServiceError, match="time of observation is missing"):
        positions("3552", times, "290", settings)
    assert server.count() == 0


def test_the_centre_of_the_earth_by_default(server: SkyServer, settings: Settings) -> None:
    assert positions("3552", [JD], "", settings).observatory == "500"


def test_an_answer_about_other_times_is_refused(server: SkyServer, settings: Settings) -> None:
    body = server.answer
    request_times = JD + 1.0
    positions("3552", [request_times], "290", settings)
    foreign = body(server.requests[-1], None).body
    server.heal()
    server.fail(replace(faults.PAGE, name="foreign", body=foreign, content_type="text/plain"))
    with pytest.raises(ServiceError, match="other times"):
        positions("3552", [JD + 2.0], "290", settings)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("API VERSION: 1.2\n\nHorizons is down for maintenance.\n", "down for maintenance"),
        ("\n** Cannot interpret date **\n", "check the dates"),
        ('Cannot find central body matching "XYZ"\n', "observatory code"),
        ("$$SOE\n$$EOE\n", "without positions"),
        ("$$SOE\n1, 2, 3,\n$$EOE\n", "unreadable answer"),
        ("\x1c\x1d\x1e", "no table of positions"),
    ],
)
def test_other_refusals(server: SkyServer, settings: Settings, text: str, reason: str) -> None:
    server.fail(replace(faults.PAGE, name="refusal", body=text, content_type="text/plain"))
    with pytest.raises(ServiceError, match=reason) as caught:
        positions("3552", [JD], "290", settings)
    assert not isinstance(caught.value, UnknownTargetError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"datetime_jd": None}, "no column datetime_jd"),
        ({"datetime_jd": [np.nan] * 2}, "no positions"),
        ({"datetime_jd": ["2017-Feb-02", "n.a."]}, "column datetime_jd holds no numbers"),
        ({"datetime_jd": np.ma.masked_all(2)}, "no positions"),
        ({"RA": None}, "no column RA"),
        ({"targetname": None}, "no column targetname"),
    ],
)
def test_an_answer_without_times_places_or_name_is_told(
    changes: dict[str, object], reason: str
) -> None:
    columns = {"targetname": ["x"] * 2, "datetime_jd": [1.0, 2.0], "RA": [1.0, 2.0]}
    columns |= {"DEC": [1.0, 2.0], **changes}
    answer = Table({name: column for name, column in columns.items() if column is not None})
    with pytest.raises(web.Unusable, match=reason):
        ephemeris.translated(answer)
