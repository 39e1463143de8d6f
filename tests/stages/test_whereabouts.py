"""Targets that are not where Horizons predicts them: found nearby, or told to be missing."""

from collections.abc import Iterator

import numpy as np
import pytest

from photpipe.distill.whereabouts import direction
from photpipe.run.results import DistillResult
from photpipe.run.workspace import Workspace
from simsky import SkyServer
from tests.stages.targets import PRIMARY, Night, make_night, mover, residuals

ERROR = (18.0, -15.0)
ASTRAY = mover(
    "Astray", 100011, 30.0, -30.0, (1.5, 0.9), ephemeris_error_arcsec=ERROR, sigma3_arcsec=0.3
)
GONE = mover(
    "Gone", 100012, -40.0, 20.0, (-1.2, 1.0), ephemeris_error_arcsec=(85.0, 0.0), sigma3_arcsec=0.3
)
FAR = mover("Far", 100013, 900.0, 0.0, (1.0, 0.0))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    made = make_night(
        tmp_path_factory.mktemp("astray") / "night", (PRIMARY, ASTRAY, GONE, FAR), count=5
    )
    with SkyServer(made.sky) as server:
        server.write_settings(made.directory)
        yield made


def whereabouts(night: Night, name: str) -> str:
    """What the result says of a target."""
    found = Workspace(night.directory).load(DistillResult)
    assert found is not None
    return next(each.whereabouts for each in found.targets if each.name == name)


def test_a_target_off_its_ephemeris_is_found_and_measured(night: Night) -> None:
    assert night.distill("-target", "100011") == 0
    points = night.points("100011")
    assert len(points) == 5
    offset = np.array([[p.offset_east_arcsec, p.offset_north_arcsec] for p in points])
    assert np.median(np.hypot(*offset.T)) == pytest.approx(np.hypot(18, 15), abs=0.5)
    assert all(not point.rejected for point in points)
    clean = [point for point in points if not point.contamination]
    assert len(clean) >= 3
    assert np.abs(residuals(night, ASTRAY.label, clean)).max() < 0.05
    assert "23.4 arcsec from the ephemeris on 5 of 5 frames" in whereabouts(night, "100011")


def test_a_bright_target_that_is_nowhere_is_told_to_be_missing(night: Night) -> None:
    assert night.distill("-target", "100012") == 0
    words = whereabouts(night, "100012")
    assert words.startswith("predicted V = 16.5, limit ")
    assert "not there" in words
    assert all(point.method == "limit" or point.rejected for point in night.points("100012"))


def test_a_target_in_its_place_is_left_alone(night: Night) -> None:
    assert night.distill() == 0
    assert whereabouts(night, "3552") == ""


def test_how_far_outside_a_target_lies_is_told(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    assert night.distill("-target", "100013") == 3
    said = capsys.readouterr().out
    assert "on none of the frames: 15." in said
    assert "arcmin east of their middle" in said


def test_directions() -> None:
    assert [direction(*each) for each in ((0, 1), (1, 1), (1, 0), (0, -1), (-1, 0))] == [
        *("north", "north-east", "east", "south", "west")
    ]
