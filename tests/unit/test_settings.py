"""Settings: three files, checked; the shipped one tells the truth about the defaults."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from photpipe.ground import paths
from photpipe.ground.errors import ConfigError
from photpipe.run import settings
from photpipe.run.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "user_settings_file", lambda: tmp_path / "none.toml")
    monkeypatch.delenv("PHOTPIPE_OFFLINE", raising=False)


def test_shipped_file_holds_every_key_with_its_default() -> None:
    shipped = settings.read_toml(paths.home() / "setup" / "settings.toml")
    assert Settings.load() == Settings()
    for section in Settings.__dataclass_fields__:
        keys = getattr(Settings(), section).__dataclass_fields__
        assert set(shipped[section]) == set(keys), section


def test_every_key_is_explained() -> None:
    for line in (paths.home() / "setup" / "settings.toml").read_text().splitlines():
        assert "=" not in line.partition("#")[0] or "# " in line or line.endswith("["), line


def test_data_directory_overrides(tmp_path: Path) -> None:
    (tmp_path / "photpipe.toml").write_text("[photometry]\npos_epsilon = 2\n")
    assert Settings.load(tmp_path).photometry.pos_epsilon == 2.0
    assert isinstance(Settings.load(tmp_path).photometry.pos_epsilon, float)


STRANGERS = """
[services]
horizons = ["http://127.0.0.1:1"]
cache = "/tmp/elsewhere"
shared_caches = ["/tmp/poisoned"]
trust_directories = true
retries = 0
[photometry]
num_aprads = 9
"""


def test_a_data_directory_moves_no_servers_and_no_cache(tmp_path: Path) -> None:
    (tmp_path / "photpipe.toml").write_text(STRANGERS)
    services = Settings.load(tmp_path).services
    assert services == replace(Settings().services, retries=0)
    assert Settings.load(tmp_path).photometry.num_aprads == 9
    assert settings.ignored_in(tmp_path) == (
        "photpipe.toml: horizons, cache, shared_caches, trust_directories ignored: a data "
        "directory moves no services and no cache, unless trust_directories = true stands "
        "under [services] "
        f"in {tmp_path / 'none.toml'}"
    )


def test_unless_the_user_trusts_it(tmp_path: Path) -> None:
    (tmp_path / "photpipe.toml").write_text(STRANGERS)
    (tmp_path / "none.toml").write_text("[services]\ntrust_directories = true\n")
    services = Settings.load(tmp_path).services
    assert services.horizons == ("http://127.0.0.1:1",)
    assert (services.cache, services.shared_caches) == ("/tmp/elsewhere", ("/tmp/poisoned",))
    assert not settings.ignored_in(tmp_path)


def test_every_server_is_guarded() -> None:
    """An address that is added later is not forgotten."""
    servers = {
        name
        for name, value in asdict(Settings().services).items()
        if isinstance(value, tuple) or name == "cache"
    }
    assert servers == set(settings.GUARDED) - {"trust_directories"}


def test_what_the_user_says_too_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "none.toml").write_text("[services]\ncache = '/tmp/mine'\n")
    (tmp_path / "photpipe.toml").write_text("[services]\ncache = '/tmp/mine'\noffline = true\n")
    assert Settings.load(tmp_path).services.cache == "/tmp/mine"
    assert Settings.load(tmp_path).services.offline
    assert not settings.ignored_in(tmp_path)


def test_offline_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTPIPE_OFFLINE", "1")
    assert Settings.load().services.offline
    monkeypatch.setenv("PHOTPIPE_OFFLINE", "0")
    assert not Settings.load().services.offline


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[photometry]\npos_epsilom = 1", "did you mean pos_epsilon"),
        ("[fotometry]\npos_epsilon = 1", "did you mean photometry"),
        ("[photometry]\npos_epsilon = 'small'", "should be of type float"),
        ("[photometry]\nnum_aprads = 2.5", "should be of type int"),
        ("[photometry]\npos_epsilon = true", "should be of type float"),
        ("photometry = 1", "is not a section"),
        ("[photometry", "photpipe.toml: Expected"),
    ],
)
def test_mistakes_are_one_line_with_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "photpipe.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        Settings.load(tmp_path)
    assert "photpipe.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_photpipedir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTPIPEDIR", str(tmp_path))
    with pytest.raises(ConfigError, match="PHOTPIPEDIR"):
        paths.user_home()
    (tmp_path / "setup").mkdir()
    (tmp_path / "setup" / "settings.toml").touch()
    assert paths.setup_file("settings.toml") == tmp_path / "setup" / "settings.toml"
    assert paths.setup_file("telescopes.py") == paths.home() / "setup" / "telescopes.py"


def test_settings_written_as_a_file_are_the_same_settings(tmp_path: Path) -> None:
    reject = {"faint": "sig > 0.1", 'odd "name"': "snr < 3"}
    plain = Settings()
    other = replace(
        plain,
        distill=replace(plain.distill, reject=reject),
        services=replace(plain.services, catalog_age_days=12.5, shared_caches=("/a b",)),
    )
    file = tmp_path / "photpipe.toml"
    for start, end in ((plain, other), (other, plain)):
        file.write_text(end.as_toml())
        assert start.overridden(settings.read_toml(file), file) == end


def test_the_examples_answers_are_found_beside_its_frames_alone(tmp_path: Path) -> None:
    shipped = paths.home() / "example_data" / "vatt4k"
    frame = (shipped / "mscience0001.fits").read_bytes()
    (tmp_path / "mscience0001.fits").write_bytes(frame)
    assert Settings.load(tmp_path).services.shared_caches == (str(shipped / "cache"),)
    other = frame[:-40000] + bytes(40000)  # another simulated sky
    (tmp_path / "mscience0001.fits").write_bytes(other)
    assert Settings.load(tmp_path).services.shared_caches == ()
    real = frame.replace(b"'SIMULATED'", b"'OBSERVED '")
    (tmp_path / "mscience0001.fits").write_bytes(real)
    assert Settings.load(tmp_path).services.shared_caches == ()
    assert Settings.load(shipped).services.shared_caches == (str(shipped / "cache"),)


def test_a_user_without_a_home_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    def nowhere(_name: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    for name in ("user_config_path", "user_cache_path"):
        monkeypatch.setattr(platformdirs, name, nowhere)
    monkeypatch.delenv("PHOTPIPE_CACHE", raising=False)
    assert not paths.user_settings_file().is_file()
    assert not paths.cache_directory().is_dir()
    assert Settings.load() == Settings()


def test_settings_that_may_not_be_looked_at_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, is_file = paths.user_settings_file(), Path.is_file

    def may_not_search(file: Path) -> bool:
        if file == hidden:
            raise PermissionError(13, "Permission denied")
        return is_file(file)

    monkeypatch.setattr(Path, "is_file", may_not_search)
    assert hidden not in settings.settings_files(tmp_path)


def test_a_directory_that_may_not_be_searched_has_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat

    def closed(path: Path, **how: bool) -> object:
        if path.parent == tmp_path / "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", closed)
    assert Settings.load(tmp_path / "closed") == Settings()
