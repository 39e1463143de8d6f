"""pp_movers on a simulated night: what is found, what is written, what is refused."""

from collections.abc import Iterator

import html5lib
import pytest

import pp_movers
from photpipe.distill.targets import read_positions
from photpipe.ground import sky
from photpipe.run.results import MoversResult
from photpipe.run.workspace import Workspace
from simsky import SkyServer
from tests.stages.targets import FAINT, PRIMARY, Night, make_night

COUNT = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    night = make_night(tmp_path_factory.mktemp("movers") / "night", (PRIMARY, FAINT), count=COUNT)
    with SkyServer(night.sky) as server:
        server.write_settings(night.directory)
        yield night


def result(night: Night) -> MoversResult:
    found = Workspace(night.directory).load(MoversResult)
    assert found is not None
    return found


def test_movers_of_the_night_are_found_named_and_written(
    made: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.directory)
    assert pp_movers.main(["-rates", "0.5", "2", *made.words]) == 0
    found = result(made)
    assert [each.name for each in found.movers] == ["3552", "100002"]
    assert found.compared
    names = [path.name for path in made.paths]
    targets = read_positions(made.directory / "movers_positions.dat", names, "x")
    for target, mover in zip(targets, (PRIMARY, FAINT), strict=True):
        for number in range(COUNT):
            row = made.true_row(number, mover.label)
            assert row is not None
            place = target.ra_deg[number], target.dec_deg[number]
            assert sky.separation_deg(*place, row["ra_deg"], row["dec_deg"]) * 3600 < 0.3
    lines = (made.directory / "movers.psv").read_text().splitlines()
    assert len(lines) == 2 + 10
    assert "rmsRA" in lines[1]
    page = (made.directory / "movers.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(page)
    assert "Don Quixote" in page
    assert page.count("data:image/jpeg") == 2


@pytest.mark.parametrize(
    ("words", "count", "said"),
    [
        ([], 1, "one frame: at least 4 are needed to tell what moves from what does not"),
        ([], 3, "3 frames: at least 4 are needed"),
        (["-rates", "3", "1"], 6, "wanted are a smaller and a larger rate"),
    ],
)
def test_bad_input_ends_in_one_line(
    words: list[str],
    count: int,
    said: str,
    made: Night,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert pp_movers.main([*words, *made.words[:count]]) == 1
    assert said in capsys.readouterr().out
