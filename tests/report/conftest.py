"""Nights made by hand, and one browser for all tests."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.run.workspace import Workspace
from tests.report.browser import Browser
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
    """The browser."""
    with Browser(tmp_path_factory.mktemp("browser") / "profile") as running:
        yield running
