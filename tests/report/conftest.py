"""Nights made by hand, and the browsers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.run.workspace import Workspace
from tests.report.browser import Browser, Firefox, Remote
from tests.report.nights import Maker, Night


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Maker]:
    """Maker of a night in a directory of its own; what differs from the usual night is said."""

    def maker(directory: str = "night", **changes: object) -> Maker:
        return Maker(tmp_path / directory, replace(Night(), **changes))

    return maker


@pytest.fixture
def night(make: Callable[..., Maker]) -> Workspace:
    """A whole night of three frames, a target and a control star."""
    return make().everything()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, which all tests of the pages use."""
    with Browser(tmp_path_factory.mktemp("browser") / "profile") as running:
        yield running


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Firefox."""
    with Firefox(tmp_path_factory.mktemp("firefox") / "profile") as running:
        yield running


@pytest.fixture(params=["browser", "firefox"])
def any_browser(request: pytest.FixtureRequest) -> Remote:
    """Chromium, then Firefox."""
    running: Remote = request.getfixturevalue(request.param)
    return running
