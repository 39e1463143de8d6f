"""Every fault on every service ends with an answer or one clear line, and spoils nothing."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.services.cache import cache_folder
from photpipe.services.cachefile import read_about
from photpipe.settings import Settings
from tests.services.matrix import (
    FAULTS,
    IMPATIENT,
    PATIENCE_S,
    QUESTIONS,
    REFUSED,
    ask_like_a_run,
    inflict,
    outcome,
)
from tests.simsky import Fault, SkyServer, faults

# what ends well under a fault that befalls every request; all else is one clear line
ANSWERED = {(faults.LATE, service) for service in QUESTIONS} | {
    (faults.BLANK_VALUES, "vsx"),  # positions and names are what counts there
    (faults.BLANK_VALUES, "skybot"),
}
EMPTY = {(faults.EMPTY_TABLE, service) for service in QUESTIONS if service != "horizons"}
PAIRS = [(fault, service) for service in QUESTIONS for fault in FAULTS]
SLACK_S = 0.8  # for reading answers on a busy machine


@pytest.fixture
def impatient(server: SkyServer) -> Settings:
    return replace(Settings(), services=server.service_settings(**IMPATIENT))


def files(settings: Settings) -> list[Path]:
    folder = cache_folder(settings.services)
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != ".locks"]


@pytest.mark.parametrize(("fault", "service"), PAIRS, ids=lambda each: getattr(each, "name", each))
def test_fault_matrix(server: SkyServer, impatient: Settings, fault: Fault, service: str) -> None:
    inflict(server, service, fault)
    result = outcome(service, impatient)
    assert result.seconds < PATIENCE_S + SLACK_S
    if (fault, service) in EMPTY:
        assert result.rows == 0
        return
    if (fault, service) in ANSWERED:
        assert result.rows
    else:
        assert result.rows is None
        assert "\n" not in result.error
        assert len(result.error) < 700
        assert "Traceback" not in result.error
        assert files(impatient) == []
    for path in files(impatient):
        assert read_about(path)["rows"] > 0
    if fault is not REFUSED:
        server.heal()
        assert outcome(service, impatient).rows


@pytest.mark.parametrize("service", ["vizier", "vsx"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
def test_the_mirror_helps(
    server: SkyServer, impatient: Settings, fault: Fault, service: str
) -> None:
    if fault is faults.EMPTY_TABLE:
        return  # nothing there is an answer
    inflict(server, service, fault, mirror=True)
    result = outcome(service, impatient)
    assert result.rows, result.error
    assert result.seconds < PATIENCE_S + SLACK_S


@pytest.mark.parametrize("fault", [faults.RESET, faults.ERROR_503, faults.TRUNCATED, faults.SILENT])
@pytest.mark.parametrize("service", QUESTIONS)
def test_what_passes_is_waited_for(
    server: SkyServer, impatient: Settings, fault: Fault, service: str
) -> None:
    server.fail(replace(fault, service=service, times=1))
    patient = replace(impatient, services=replace(impatient.services, deadline_s=3.0))
    assert outcome(service, patient).rows
    assert server.count(service) == 2


def test_the_cache_helps(server: SkyServer, impatient: Settings) -> None:
    for service in QUESTIONS:
        assert outcome(service, impatient).rows
    before = server.count()
    for name in ("vizier", "vizier2", "sdss", "mast", "horizons", "skybot"):
        server.stop(name)
    for service in QUESTIONS:
        result = outcome(service, impatient)
        assert result.rows
        assert result.seconds < 0.5
    assert server.count() == before


def test_fifty_threads_in_a_dead_network_do_not_queue_up(
    server: SkyServer, impatient: Settings
) -> None:
    server.fail(replace(faults.SILENT, service="horizons"))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(outcome("horizons", impatient)))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("silent" in result.error or "within" in result.error for result in results)
    assert max(result.seconds for result in results) < 3 * PATIENCE_S


def test_fifty_frames_of_one_target_ask_each_thing_once(
    server: SkyServer, settings: Settings
) -> None:
    ask_like_a_run(settings)
    # two catalogs and the variable stars, none of which holds the others, and the target
    assert sorted(request.service for request in server.requests) == [
        *("horizons", "vizier", "vizier", "vsx")
    ]
