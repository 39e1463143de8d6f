"""The campaign in short: some plays, kills and full disks; and that the judge is awake."""

import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.campaign import judge
from tests.campaign.mishaps import MARK, Mishap, write_fake
from tests.campaign.play import full_disk, kill, play
from tests.campaign.theatre import GOOD, TARGET_FILE, Outcome, Stage, Theatre
from tests.rights import without_privileges

SEEDS = (53, 55, 137)
KILLS = (1, 2)
DISKS = (1, 3)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    opened = Theatre.open(tmp_path_factory.mktemp("campaign"))
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_play(theatre: Theatre, seed: int) -> None:
    verdict = play(theatre, seed)
    assert verdict.wrong == (), verdict


@pytest.mark.slow
@pytest.mark.parametrize("seed", KILLS)
def test_killed_and_run_again(theatre: Theatre, seed: int) -> None:
    verdict = kill(theatre, seed)
    assert verdict.wrong == (), verdict


@pytest.mark.slow
@pytest.mark.parametrize("seed", DISKS)
def test_full_disk(theatre: Theatre, seed: int) -> None:
    verdict = full_disk(theatre, seed)
    assert verdict.wrong == (), verdict


@pytest.mark.slow
def test_two_runs_at_once(theatre: Theatre) -> None:
    """The second one says who works there, and leaves the first one alone."""
    stage = theatre.stage("two")
    write_fake(stage, "source-extractor", "takes its time", 1)
    with stage.start() as first:
        while not (stage.root / "source-extractor.calls").exists() and first.poll() is None:
            time.sleep(0.05)
        second = stage.run()
        screen, errors = first.communicate(timeout=200)
    assert second.status == 1
    assert f"process {first.pid} on " in second.screen + second.errors
    assert (second.screen + second.errors).count("\n") == 1
    assert judge.judge(stage, [], Outcome(first.returncode, screen, errors, 0)) == []


@pytest.mark.parametrize("other", ["new", "done"])
def test_read_only_directory(theatre: Theatre, other: str) -> None:
    """One line says so, before anything is done; results that are there stay."""
    stage = theatre.finished("readonly") if other == "done" else theatre.stage("readonly")
    before = {path: path.stat().st_mtime_ns for path in stage.night.rglob("*")}
    for path in (stage.night, *stage.night.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    outcome = stage.run(before=tuple(without_privileges()))
    assert outcome.status == 1
    said = outcome.screen + outcome.errors
    assert "cannot be written" in said
    assert said.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in stage.night.rglob("*")} == before
    for path in (stage.night, *stage.night.rglob("*")):
        path.chmod(0o755)


# -- the judge


@pytest.fixture
def stage(theatre: Theatre) -> Stage:
    """A directory with a result."""
    return theatre.finished("judged")


GOOD_END = Outcome(0, "", "", 1.0)


def test_judge_sees_what_is_wrong(stage: Stage) -> None:
    assert judge.judge(stage, [], GOOD_END) == []
    night = stage.night
    spoiled = Mishap("frame", spoils=("broken.fits",))
    assert "status 0 with ['broken.fits'] spoiled" in judge.judge(stage, [spoiled], GOOD_END)
    assert "broken.fits is not named" in judge.judge(stage, [spoiled], GOOD_END)
    assert judge.manners(replace(GOOD_END, status=None)) == ["hangs"]
    assert judge.manners(replace(GOOD_END, status=-11)) == ["status -11"]
    assert judge.manners(Outcome(1, "", "Traceback (most recent", 1.0)) != []
    assert judge.manners(Outcome(1, "", "", 1.0)) == ["fails without a word"]

    content = (night / TARGET_FILE).with_suffix(".ecsv").read_text()
    (night / TARGET_FILE).with_suffix(".ecsv").write_text(content[:-200])
    database = (night / GOOD[0]).with_suffix(".ldac.db")
    os.truncate(database, database.stat().st_size // 2)
    (night / ".pp_tmp_x").touch()
    (stage.root / "tmp/pp_scamp_x").mkdir()
    (night / MARK).touch()
    (night / "evil.html").write_text("<p><script>alert(1)</script>")
    frame = bytearray((night / GOOD[1]).read_bytes())
    frame[-3000] ^= 1
    (night / GOOD[1]).write_bytes(frame)
    wrong = "\n".join(judge.files(stage) + judge.leftovers(stage))
    for word in (database.name, ".pp_tmp_x", "pp_scamp_x", MARK, "live markup", GOOD[1]):
        assert word in wrong


def test_judge_compares_with_the_undisturbed_run(stage: Stage) -> None:
    points = stage.points()
    other = replace(points[GOOD[0]], mag=points[GOOD[0]].mag + 0.01)
    assert judge.compared(other, stage.theatre, set()) == [f"{GOOD[0]}: +0.0100 mag off"]
    other = replace(points[GOOD[0]], catalog="APASS9")
    assert judge.compared(other, stage.theatre, set()) == [f"{GOOD[0]}: calibrated with APASS9"]
    (stage.night / TARGET_FILE).unlink()
    with sqlite3.connect((stage.night / GOOD[0]).with_suffix(".ldac.db")) as database:
        database.execute("DELETE FROM data")
    wrong = judge.judge(stage, [], GOOD_END)
    assert f"{GOOD[2]} has no result" in wrong
    assert any(each.startswith(f"{GOOD[0].removesuffix('.fits')}.ldac.db is") for each in wrong)
