"""A night of targets, fresh for every test, where a module says with `made` what is in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simsky import SkyServer
from tests.stages.targets import Night


@pytest.fixture
def night(made: Night, tmp_path: Path) -> Night:
    return made.copied(tmp_path / "night")


@pytest.fixture
def server(night: Night) -> Iterator[SkyServer]:
    with SkyServer(night.sky) as running:
        running.write_settings(night.directory)
        yield running
