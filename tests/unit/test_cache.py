"""The memory of the services: what is kept, what it serves, and what cannot hurt it."""

import errno
import logging
import multiprocessing
import threading
import time
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from photpipe.ground import files
from photpipe.ground.errors import ServiceError
from photpipe.ground.sky import Cone, shifted
from photpipe.run.settings import ServiceSettings
from photpipe.services import cache as cache_module
from photpipe.services.cache import Cache, cache_folder, is_truncated
from photpipe.services.cachefile import from_text, read_about
from photpipe.services.request import Request

CONE = Cone(180.0, 30.0, 0.2)
STARS = Request(
    "VizieR",
    "GAIA",
    {"table": "I/355/gaiadr3"},
    cone=CONE,
    max_mag=19.0,
    mag_column="mag",
    row_limit=1000,
)


def stars(cone: Cone, count: int = 50, faintest: float = 18.9) -> Table:
    rng = np.random.default_rng(5)
    radius, angle = cone.radius_deg * 3600 * np.sqrt(rng.random(count)), 6.28 * rng.random(count)
    ra, dec = shifted(cone.ra_deg, cone.dec_deg, radius * np.cos(angle), radius * np.sin(angle))
    table = Table({"ident": [f"star {n}" for n in range(count)], "ra_deg": ra, "dec_deg": dec})
    table["mag"] = np.linspace(10, faintest, count)
    return table


class Service:
    """Counts how often it is asked."""

    def __init__(self, table: Table | None = None) -> None:
        self.table, self.asked, self.error = table, 0, None

    def __call__(self) -> Table:
        self.asked += 1
        if self.error:
            raise self.error
        return stars(CONE) if self.table is None else self.table.copy()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    monkeypatch.delenv("PHOTPIPE_CACHE", raising=False)
    return ServiceSettings(cache=str(tmp_path / "cache"), deadline_s=5.0)


def forget() -> None:
    """Forget what this process holds in memory, as a new process would."""
    cache_module._process.tables.clear()


def kept_file(settings: ServiceSettings) -> Path:
    (file,) = Path(settings.cache).glob("*/*.ecsv")
    return file


def test_answers_are_asked_for_once(settings: ServiceSettings) -> None:
    service = Service()
    first = Cache(settings).remember(STARS, service)
    forget()
    second = Cache(settings).remember(STARS, service)
    assert service.asked == 1
    assert len(first) == len(second) == 50
    assert list(first["ident"]) == list(second["ident"])
    np.testing.assert_array_equal(first["ra_deg"], second["ra_deg"])


def test_files_are_readable_and_tell_what_they_hold(settings: ServiceSettings) -> None:
    Cache(settings).remember(STARS, Service())
    file = kept_file(settings)
    assert file.parent.name == "vizier"
    assert file.name.startswith("GAIA_")
    assert file.name.endswith("_180.00000+30.00000_r0.2200_m19.00.ecsv")
    about = read_about(file)
    assert about["service"] == "VizieR"
    assert about["request"] == "GAIA 180.00000 +30.00000 r=0.2000 to mag 19"
    assert about["retrieved"][:2] == "20"
    assert (about["rows"], about["truncated"]) == (50, False)
    assert "star 7" in file.read_text()


def test_blanks_masks_units_and_texts_survive(settings: ServiceSettings) -> None:
    table = Table({"ra_deg": [180.0, 180.1], "dec_deg": [30.0, 30.1]})
    table["text"] = ["", 'Müller "7", #2']
    table["mag"] = MaskedColumn([1.5, 2.5], mask=[False, True], unit="mag")
    table["number"] = MaskedColumn([2**62 + 1, 0], mask=[False, True])
    table["nan"] = [np.nan, 1.0]
    request = replace(STARS, mag_column="", max_mag=None)
    Cache(settings).remember(request, Service(table))
    forget()
    found = Cache(settings).remember(request, Service())
    assert list(found["text"]) == ["", 'Müller "7", #2']
    assert list(found["mag"].mask) == [False, True]
    assert str(found["mag"].unit) == "mag"
    assert int(found["number"][0]) == 2**62 + 1
    assert np.isnan(found["nan"][0])


def test_what_is_handed_out_cannot_be_spoilt(settings: ServiceSettings) -> None:
    Cache(settings).remember(STARS, Service())["ra_deg"][:] = 0
    assert Cache(settings).remember(STARS, Service())["ra_deg"].min() > 100


def near(east_deg: float, radius_deg: float) -> Cone:
    ra, dec = shifted(CONE.ra_deg, CONE.dec_deg, east_deg * 3600, 0)
    return Cone(float(ra), float(dec), radius_deg)


@pytest.mark.parametrize(
    ("request_", "served"),
    [
        (replace(STARS, cone=near(0.05, 0.1)), True),
        (replace(STARS, cone=near(0.005, 0.2)), True),
        (replace(STARS, cone=near(0.05, 0.1), max_mag=15.0), True),
        (replace(STARS, cone=near(0.05, 0.1), row_limit=5), True),
        (replace(STARS, cone=near(0.15, 0.1)), False),
        (replace(STARS, cone=near(0.0, 0.3)), False),
        (replace(STARS, cone=near(0.05, 0.1), max_mag=20.0), False),
        (replace(STARS, cone=near(0.05, 0.1), max_mag=None), False),
        (replace(STARS, name="PANSTARRS"), False),
        (replace(STARS, details={"table": "I/345/gaia2"}), False),
    ],
)
def test_a_cone_is_served_from_a_larger_and_deeper_one(
    settings: ServiceSettings, request_: Request, served: bool
) -> None:
    Cache(settings).remember(STARS, Service())
    forget()
    found = Cache(settings).find(request_)
    assert (found is not None) == served
    if found is not None:
        assert request_.cone is not None
        assert request_.cone.contains(found["ra_deg"], found["dec_deg"]).all()
        assert len(found) > 0
        assert (found["mag"] < request_.max_mag).all()
        assert list(found["mag"]) == sorted(found["mag"])
        assert len(found) <= request_.row_limit
        assert is_truncated(found) == (request_.row_limit == 5)


@pytest.mark.parametrize("centre", [(0.02, 0.0), (359.95, -60.0), (123.0, 89.9), (0.0, -90.0)])
def test_zero_hours_and_poles_are_ordinary(
    settings: ServiceSettings, centre: tuple[float, float]
) -> None:
    cone = Cone(*centre, 0.2)
    request = replace(STARS, cone=cone)
    Cache(settings).remember(request, Service(stars(cone)))
    forget()
    ra, dec = shifted(*centre, 200.0, -150.0)
    found = Cache(settings).find(replace(request, cone=Cone(float(ra), float(dec), 0.1)))
    assert found is not None
    assert len(found) > 3


def test_an_unlimited_answer_serves_a_limited_one_without_its_blanks(
    settings: ServiceSettings,
) -> None:
    table = stars(CONE)
    table["mag"][:10] = np.nan
    Cache(settings).remember(replace(STARS, max_mag=None), Service(table))
    found = Cache(settings).find(replace(STARS, max_mag=15.0))
    assert found is not None
    assert len(found) == int((table["mag"] < 15.0).sum())


def test_a_truncated_answer_serves_what_it_is_complete_for(settings: ServiceSettings) -> None:
    request = replace(STARS, row_limit=200, max_mag=None)
    asked = request.asked_rows
    assert asked == 242  # the cone asked for has 1.21 times the area
    assert request.asked_cone is not None
    table = stars(request.asked_cone, asked, faintest=17.0)
    assert is_truncated(Cache(settings).remember(request, Service(table)))
    forget()
    cache = Cache(settings)
    inside = int(CONE.contains(table["ra_deg"], table["dec_deg"]).sum())
    assert inside < 220
    smaller = Cone(180.0, 30.0, 0.1)
    assert cache.find(replace(request, row_limit=inside)) is not None
    assert cache.find(replace(request, row_limit=inside + 1)) is None
    assert cache.find(replace(request, cone=smaller)) is None
    assert cache.find(replace(request, cone=smaller, row_limit=20)) is not None
    bright = cache.find(replace(request, max_mag=16.9, row_limit=1000))
    assert bright is not None
    assert not is_truncated(bright)
    assert is_truncated(cache.find(replace(request, cone=smaller, row_limit=20)))
    assert cache.find(replace(request, max_mag=17.1, row_limit=1000)) is None
    assert cache.find(replace(request, row_limit=None)) is None


def aged(settings: ServiceSettings, days: float) -> None:
    """Make the only kept file older than it is."""
    file = kept_file(settings)
    text = file.read_text()
    date = read_about(file)["retrieved"]
    jd = Cache.now_jd() - days
    file.write_text(text.replace(date, cache_module.iso(jd, 0)))
    forget()


def test_old_answers_are_asked_for_again(settings: ServiceSettings) -> None:
    request = replace(STARS, max_age_days=30.0)
    service = Service()
    Cache(settings).remember(request, service)
    aged(settings, 29.5)
    Cache(settings).remember(request, service)
    assert service.asked == 1
    aged(settings, 30.5)
    Cache(settings).remember(request, service)
    assert service.asked == 2


def test_an_empty_answer_is_asked_for_again_the_next_day(settings: ServiceSettings) -> None:
    service = Service(stars(CONE)[:0])
    assert len(Cache(settings).remember(STARS, service)) == 0
    assert len(Cache(settings).remember(STARS, service)) == 0
    assert service.asked == 1
    aged(settings, 1.5)
    Cache(settings).remember(STARS, service)
    assert service.asked == 2


def test_an_old_answer_is_better_than_none(
    settings: ServiceSettings, caplog: pytest.LogCaptureFixture
) -> None:
    request = replace(STARS, max_age_days=30.0)
    service = Service()
    Cache(settings).remember(request, service)
    aged(settings, 99.0)
    service.error = ServiceError("VizieR", "GAIA", "down")
    assert len(Cache(settings).remember(request, service)) == 50
    assert "an older answer from the cache is used" in caplog.text
    offline = replace(settings, offline=True)
    assert len(Cache(offline).remember(request, Service())) == 50


def test_offline_names_service_request_and_place(settings: ServiceSettings) -> None:
    service = Service()
    with pytest.raises(ServiceError) as caught:
        Cache(replace(settings, offline=True)).remember(STARS, service)
    assert service.asked == 0
    assert "VizieR" in str(caught.value)
    assert "GAIA 180.00000 +30.00000 r=0.2000 to mag 19" in str(caught.value)
    assert settings.cache in str(caught.value)
    assert "prefetch" in str(caught.value)


def test_failures_are_not_kept(settings: ServiceSettings) -> None:
    service = Service()
    service.error = ServiceError("VizieR", "GAIA", "down")
    with pytest.raises(ServiceError):
        Cache(settings).remember(STARS, service)
    service.error = None
    assert len(Cache(settings).remember(STARS, service)) == 50


def _cut(text: str) -> str:
    return "\n".join(text.splitlines()[:-7]) + "\n"


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        lambda text: text[: len(text) // 2],
        lambda text: text[:40],
        lambda text: "",
        lambda text: text.replace("star 7", "star 8"),
        lambda text: text.replace("rows: 50", "rows: many"),
        lambda text: text.replace("format: 1", "format: 99"),
        lambda text: "\x00\x01\x02" * 300,
        lambda text: "# %ECSV 1.0\n# ---\n# {{{ : -\n# schema: astropy-2.0\na b\n",
        lambda text: "# %ECSV 1.0\n# ---\n# datatype: 5\n# meta: 7\na b\n",
        lambda text: "ra_deg,dec_deg\n1,2\n",
    ],
)
def test_damaged_files_are_set_aside_and_asked_for_again(
    settings: ServiceSettings, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service()
    Cache(settings).remember(STARS, service)
    file = kept_file(settings)
    file.write_text(damage(file.read_text()))  # type: ignore[operator]
    forget()
    assert len(Cache(settings).remember(STARS, service)) == 50
    assert service.asked == 2
    assert "is damaged" in caplog.text
    assert file.with_suffix(".damaged").exists()
    assert len(from_text(file.read_text())) == 50


def test_bytes_that_are_no_text_are_damage(settings: ServiceSettings) -> None:
    service = Service()
    Cache(settings).remember(STARS, service)
    kept_file(settings).write_bytes(b"\xff\xfe\x00" * 100)
    forget()
    assert len(Cache(settings).remember(STARS, service)) == 50


def test_other_line_ends_are_no_damage(settings: ServiceSettings) -> None:
    service = Service()
    Cache(settings).remember(STARS, service)
    file = kept_file(settings)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    forget()
    Cache(settings).remember(STARS, service)
    assert service.asked == 1


@pytest.mark.parametrize("place", ["a file/cache", "/proc/photpipe/cache"])
def test_a_dead_folder_costs_one_warning(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHOTPIPE_CACHE", raising=False)
    (tmp_path / "a file").write_text("in the way")
    settings = ServiceSettings(cache=str(tmp_path / place), deadline_s=5.0)
    service = Service()
    for _ in range(3):
        assert len(Cache(settings).remember(STARS, service)) == 50
    other = Service()
    assert len(Cache(settings).remember(replace(STARS, name="OTHER"), other)) == 50
    assert service.asked == 1  # what cannot be written is held in memory
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "cannot be used" in warnings[0].getMessage()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ESTALE])
def test_a_full_or_read_only_disk_leaves_no_half_file(
    settings: ServiceSettings,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(files, "_flush", full)
    cache_module._process.useless.clear()
    service = Service()
    for _ in range(2):
        assert len(Cache(settings).remember(STARS, service)) == 50
    assert service.asked == 1
    assert caplog.text.count("cannot be used") == 1
    assert [each for each in Path(settings.cache).rglob("*") if each.suffix == ".ecsv"] == []
    assert list(Path(settings.cache).glob("vizier/.pp_tmp*")) == []


def test_folders_that_are_only_read(settings: ServiceSettings, tmp_path: Path) -> None:
    Cache(settings).remember(STARS, Service())
    forget()
    elsewhere = replace(
        settings, cache=str(tmp_path / "other"), shared_caches=(settings.cache,), offline=True
    )
    assert len(Cache(elsewhere).remember(STARS, Service())) == 50
    assert not (tmp_path / "other").exists()


def test_environment_goes_before_settings(
    settings: ServiceSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder(settings) == tmp_path / "cache"
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "mine"))
    assert cache_folder(settings) == tmp_path / "mine"


def test_entries_for_the_list(settings: ServiceSettings) -> None:
    Cache(settings).remember(STARS, Service())
    Cache(settings).remember(Request("JPL Horizons", "3552 from 290"), Service())
    damaged = Path(settings.cache) / "vizier" / "bad.ecsv"
    damaged.write_text("nothing")
    entries = {entry.service: entry for entry in Cache(settings).entries()}
    assert set(entries) == {"VizieR", "JPL Horizons"}
    assert entries["VizieR"].rows == 50
    assert entries["VizieR"].size_bytes > 1000
    assert 0 <= entries["VizieR"].age_days < 0.01


class SlowService(Service):
    def __call__(self) -> Table:
        time.sleep(0.3)
        return super().__call__()


def together(settings: ServiceSettings, service: Service, threads: int) -> list[object]:
    outcomes: list[object] = []
    start = threading.Barrier(threads)

    def one() -> None:
        start.wait()
        try:
            outcomes.append(len(Cache(settings).remember(STARS, service)))
        except ServiceError as error:
            outcomes.append(error)

    workers = [threading.Thread(target=one) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return outcomes


def test_200_threads_make_one_download(settings: ServiceSettings) -> None:
    service = SlowService()
    assert together(settings, service, 200) == [50] * 200
    assert service.asked == 1


def test_200_threads_share_one_failure(settings: ServiceSettings) -> None:
    service = SlowService()
    service.error = ServiceError("VizieR", "GAIA", "down")
    assert all(isinstance(each, ServiceError) for each in together(settings, service, 200))
    assert service.asked < 5  # not one after the other, each with all its patience


def _ask_in_a_process(settings: ServiceSettings, tally: Path, start: Barrier) -> None:
    def fetch() -> Table:
        with tally.open("a") as file:
            file.write("x")
        time.sleep(1.0)
        return stars(CONE)

    start.wait()
    assert len(Cache(settings).remember(STARS, fetch)) == 50


@pytest.mark.slow
def test_8_processes_make_one_download(settings: ServiceSettings, tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    # copies of a process that has imported what they need; each for itself takes a second
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    arguments = (replace(settings, deadline_s=60), tally, context.Barrier(8))
    processes = [context.Process(target=_ask_in_a_process, args=arguments) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert tally.read_text() == "x"


def test_a_holder_of_the_lock_that_hangs_is_not_waited_for_for_ever(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(cache_module.fcntl, "flock", busy)
    began = time.monotonic()
    assert len(Cache(replace(settings, deadline_s=0.2)).remember(STARS, Service())) == 50
    assert time.monotonic() - began < 2.0


def test_what_a_killed_process_left_goes_with_the_next_answer(settings: ServiceSettings) -> None:
    folder = Path(settings.cache) / "vizier"
    folder.mkdir(parents=True)
    left = folder / f"{files.TEMPORARY_PREFIX}0123"
    left.write_text("half an answer")
    with files.replacing(folder / "of_another_process.ecsv") as file:
        Cache(settings).remember(STARS, Service())
        file.write(b"whole")
    assert not left.exists()
    assert (folder / "of_another_process.ecsv").read_bytes() == b"whole"


def test_a_new_file_is_not_swept_away_before_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = files._lock
    swept: list[int] = []

    def swept_at_first(file: object) -> None:
        if not swept:
            swept.append(files.sweep(tmp_path))
        locked(file)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "_lock", swept_at_first)
    files.write_text(tmp_path / "a", "whole")
    assert swept == [1]
    assert (tmp_path / "a").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
