"""Every fault on every service ends with an answer or one clear line, and spoils nothing."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.run.settings import Settings
from photpipe.services.cache import cache_folder
from photpipe.services.cachefile import read_about
from simsky import Fault, Sky, SkyServer, faults
from tests.services.matrix import (
    FAULTS,
    PATIENCE_S,
    QUESTIONS,
    REFUSED,
    ask_like_a_run,
    impatient,
    inflict,
    outcome,
)

# what ends well under a fault that befalls every request; all else is one clear line
ANSWERED = {(faults.LATE, service) for service in QUESTIONS} | {
    (faults.BLANK_VALUES, "vsx"),  # positions and names are what counts there
    (faults.BLANK_VALUES, "skybot"),
}
EMPTY = {(faults.EMPTY_TABLE, service) for service in QUESTIONS if service != "horizons"}
PAIRS = [(fault, service) for service in QUESTIONS for fault in FAULTS]
SLACK = 1.8  # for reading answers, in units of our patience

Check = Callable[[SkyServer, Settings, float], None]


@pytest.fixture
def at_any_pace(
    sky: Sky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Check], None]:
    """Makes a check with a server of its own and little patience; on a busy machine with more."""

    def made(check: Check) -> None:
        for patience_s in (PATIENCE_S, 4 * PATIENCE_S, 12 * PATIENCE_S):
            monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / f"{patience_s:g}"))
            with SkyServer(sky) as server:
                try:
                    return check(server, impatient(server, patience_s), patience_s)
                except AssertionError:
                    if patience_s > 10 * PATIENCE_S:
                        raise
        return None

    return made


def files(settings: Settings) -> list[Path]:
    folder = cache_folder(settings.services)
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != ".locks"]


@pytest.mark.parametrize(("fault", "service"), PAIRS, ids=lambda each: getattr(each, "name", each))
def test_fault_matrix(at_any_pace: Callable[[Check], None], fault: Fault, service: str) -> None:
    def check(server: SkyServer, settings: Settings, patience_s: float) -> None:
        inflict(server, service, fault)
        result = outcome(service, settings)
        assert result.seconds < SLACK * patience_s
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
            assert files(settings) == []
        for path in files(settings):
            assert read_about(path)["rows"] > 0
        if fault is not REFUSED:
            server.heal()
            assert outcome(service, settings).rows

    at_any_pace(check)


@pytest.mark.parametrize("service", ["vizier", "vsx"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
def test_the_mirror_helps(at_any_pace: Callable[[Check], None], fault: Fault, service: str) -> None:
    if fault is faults.EMPTY_TABLE:
        return  # nothing there is an answer

    def check(server: SkyServer, settings: Settings, patience_s: float) -> None:
        inflict(server, service, fault, mirror=True)
        result = outcome(service, settings)
        assert result.rows, result.error
        assert result.seconds < SLACK * patience_s

    at_any_pace(check)


@pytest.mark.parametrize("fault", [faults.RESET, faults.ERROR_503, faults.TRUNCATED, faults.SILENT])
@pytest.mark.parametrize("service", QUESTIONS)
def test_what_passes_is_waited_for(
    at_any_pace: Callable[[Check], None], fault: Fault, service: str
) -> None:
    def check(server: SkyServer, _settings: Settings, patience_s: float) -> None:
        server.fail(replace(fault, service=service, times=1))
        assert outcome(service, impatient(server, patience_s, deadline_s=3 * patience_s)).rows
        assert server.count(service) == 2

    at_any_pace(check)


def test_the_cache_helps(server: SkyServer, settings: Settings) -> None:
    for service in QUESTIONS:
        assert outcome(service, settings).rows
    before = server.count()
    for name in ("vizier", "vizier2", "sdss", "mast", "horizons", "skybot"):
        server.stop(name)
    for service in QUESTIONS:
        assert outcome(service, settings).rows
    assert server.count() == before


def test_fifty_threads_in_a_dead_network_do_not_queue_up(
    at_any_pace: Callable[[Check], None],
) -> None:
    def check(server: SkyServer, settings: Settings, patience_s: float) -> None:
        server.fail(replace(faults.SILENT, service="horizons"))
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(outcome("horizons", settings)))
            for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all("silent" in result.error or "within" in result.error for result in results)
        assert max(result.seconds for result in results) < 3 * patience_s

    at_any_pace(check)


def test_fifty_frames_of_one_target_ask_each_thing_once(
    server: SkyServer, settings: Settings
) -> None:
    ask_like_a_run(settings)
    # two catalogs and the variable stars, none of which holds the others, and the target
    assert sorted(request.service for request in server.requests) == [
        *("horizons", "vizier", "vizier", "vsx")
    ]
