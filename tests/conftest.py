"""What all tests share: no network, a cache of their own, a small simulated night.

`scene` is three frames of an asteroid by VATT4K in a fresh directory, `server` speaks for the
services about the same sky, `settings` leads to it; `commands` lets whole commands reach it
through a ``photpipe.toml`` beside the frames. For other telescopes see `simsky`.
"""

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from astropy.table import Table
from hypothesis import settings as hypothesis_settings

from photpipe.ground.environment import settle_collector
from photpipe.run.settings import Settings
from simsky import (
    Camera,
    Mover,
    Sky,
    SkyServer,
    camera,
    night,
    observe,
    read_truth,
    sky_for,
)
from simsky.guard import forbid_network

# how long one example takes says more about the machine than about the code
hypothesis_settings.register_profile("photpipe", deadline=None)
hypothesis_settings.load_profile("photpipe")

# as the commands: reading answers of services takes twice as long otherwise
settle_collector()

# shells let what they start in the background ignore Ctrl-C, and all its children, too
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Names that are no UTF-8 stand in captured LOGs, and no report with them can be sent."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "replace").decode()) for title, text in report.sections
    ]
    return report


FIELD = (179.280, 0.428)
START_JD = 2457786.95
TARGET = Mover(
    "Don Quixote",
    *FIELD,
    epoch_jd=START_JD,
    number=3552,
    designation="1983 SA",
    rate_ra_arcsec_min=1.2,
    rate_dec_arcsec_min=-0.5,
    v_mag=17.0,
)


@pytest.fixture(autouse=True, scope="session")
def _one_core() -> Iterator[None]:
    """Tests run beside each other: threads of one command would only wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)
        yield


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test that opens a connection beyond loopback."""
    if not request.node.get_closest_marker("network"):
        forbid_network(monkeypatch)


@pytest.fixture(scope="session")
def _users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings of the users of all tests: one has commands draw pages, the other has not."""
    folder = tmp_path_factory.mktemp("users")
    SkyServer.let_directories_lead(folder / "pages")
    with SkyServer.let_directories_lead(folder / "none").open("a", encoding="utf-8") as file:
        file.write("[report]\npages = false\n")
    return folder


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _own_surroundings(
    request: pytest.FixtureRequest, _users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the user's cache, settings and environment out of the tests, and the disk quiet.

    No test cuts the power: that files are brought to the disk is a test of its own, and for all
    others a wait for the disk that is longer than their work. The user of the tests lets a
    ``photpipe.toml`` beside the frames lead to the simulated services, and has commands draw
    pages, which take a third of their time, where a test is marked so. Folders that are a test's
    own are made by the commands that write there: most tests do not.
    """
    own = _users / f"{next(_numbers)}"
    drawn = request.node.get_closest_marker("pages")
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setenv("PHOTPIPE_CACHE", str(own / "sky-cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(_users / ("pages" if drawn else "none")))
    monkeypatch.setenv("XDG_DATA_HOME", str(own / "data"))
    for name in ("PHOTPIPEDIR", "PHOTPIPE_OFFLINE", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """Frames in a directory, and what they show.

    Attributes
    ----------
    directory : Path
        Data directory, this test's own.
    frames : list of Path
        The frames in chronological order.
    sky : Sky
        The sky with the target 3552.
    camera : Camera
        What took the frames.
    """

    directory: Path
    frames: list[Path]
    sky: Sky
    camera: Camera

    @property
    def truths(self) -> list[Table]:
        """Truth about each frame."""
        return [read_truth(path) for path in self.frames]


@pytest.fixture(scope="session")
def _rendered(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene as it is made once."""
    directory = tmp_path_factory.mktemp("scene")
    cam = camera("VATT4K", shape=(700, 700))
    sky = sky_for(cam, 3552, *FIELD, stars_per_frame=150, min_separation_arcsec=5.0)
    sky = sky.with_movers(TARGET)
    plan = night(cam, *FIELD, count=3, start_jd=START_JD, seed=3552, object_name="3552")
    return Scene(directory, observe(sky, cam, plan, directory), sky, cam)


@pytest.fixture
def scene(_rendered: Scene, tmp_path: Path) -> Scene:
    """Three frames of asteroid 3552 by VATT4K, in a directory of this test's own."""
    directory = tmp_path / "night"
    shutil.copytree(_rendered.directory, directory)
    frames = [directory / path.name for path in _rendered.frames]
    return replace(_rendered, directory=directory, frames=frames)


@pytest.fixture
def server(_rendered: Scene) -> Iterator[SkyServer]:
    """The services about the sky of the scene."""
    with SkyServer(_rendered.sky) as running:
        yield running


@pytest.fixture
def settings(server: SkyServer) -> Settings:
    """Settings that lead to `server`."""
    return replace(Settings(), services=server.service_settings())


@pytest.fixture
def commands(scene: Scene, server: SkyServer) -> Scene:
    """The scene, with a ``photpipe.toml`` that leads whole commands to `server`."""
    server.write_settings(scene.directory)
    return scene
