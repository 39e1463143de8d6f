"""One play from its seed: draw the mishaps, run, judge, let the mishaps end, run again, judge."""

import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.campaign import judge, mishaps
from tests.campaign.mishaps import CALIBRATION, REGISTRATION, TARGET, Mishap
from tests.campaign.theatre import GOOD, Outcome, Stage, Theatre, rows

PAGES = 0.3  # part of the plays that draw pages, which take half of the time of a run


@dataclass(frozen=True, slots=True)
class Verdict:
    """A play and all that was wrong."""

    name: str
    mishaps: tuple[str, ...]
    statuses: tuple[int | None, ...]
    seconds: float
    wrong: tuple[str, ...]
    screen: str = ""


def play(theatre: Theatre, seed: int) -> Verdict:
    """Play the mishaps of a seed."""
    random = Random(seed)
    theatre.server.heal()
    stage = theatre.stage(f"play{seed}")
    happened = mishaps.draw(random, stage)
    hostile = any(each.name.startswith(("hostile", "frame called")) for each in happened)
    stage.write_settings(pages=hostile or random.random() < PAGES)
    words = arguments(happened, random, stage)
    began = time.monotonic()
    first = stage.run(words)
    wrong = judge.judge(stage, happened, first)
    end_mishaps(stage)
    again = stage.run(words)
    wrong += judge.healed(stage, happened, again)
    return finished(stage, happened, [first, again], wrong, time.monotonic() - began)


def arguments(happened: Sequence[Mishap], random: Random, stage: Stage) -> list[str]:
    """Command line of a play: the directory, or all the names in it."""
    words = [word for each in happened for word in each.words]
    words += random.choice([[], [], ["-jobs", "1"], ["-quiet"], ["-rerun_registration"]])
    if "-quiet" in words and any(each.spoils for each in happened):
        words.remove("-quiet")  # what failed is to be named on the screen
    if any(each.name in {"frame: fifo", "frame: dangling link"} for each in happened):
        return [*words, "night"]
    names = sorted(str(path.relative_to(stage.root)) for path in stage.night.glob("*.fits*"))
    return [*words, *random.choice([["night"], ["night"], names])]


def end_mishaps(stage: Stage) -> None:
    """Heal services, tools and surroundings; frames stay as they are."""
    stage.theatre.server.heal()
    stage.environment.clear()
    for path in (stage.root / "bin").iterdir():
        path.unlink()
    cache = stage.root / "cache"
    if cache.is_file():
        cache.unlink()


def finished(
    stage: Stage,
    happened: Sequence[Mishap],
    outcomes: Sequence[Outcome],
    wrong: Sequence[str],
    seconds: float,
) -> Verdict:
    """Verdict; the directory of a good play is removed."""
    if not wrong:
        shutil.rmtree(stage.root)
    return Verdict(
        stage.root.name,
        tuple(each.name for each in happened),
        tuple(each.status for each in outcomes),
        seconds,
        tuple(wrong),
        "".join(f"{each.screen}{each.errors}\n----\n" for each in outcomes) if wrong else "",
    )


def kill(theatre: Theatre, seed: int) -> Verdict:
    """Kill a run at a random moment, and run again: the same results, nothing damaged."""
    random = Random(f"kill {seed}")
    theatre.server.heal()
    stage = theatre.stage(f"kill{seed}")
    stage.write_settings(pages=random.random() < PAGES)
    began = time.monotonic()
    moment_s = random.uniform(0.1, 1.1) * theatre.seconds
    with stage.start() as process:
        time.sleep(moment_s)
        process.send_signal(signal.SIGKILL)
        screen, errors = process.communicate()
    killed = Outcome(process.returncode, screen, errors, moment_s)
    wrong = [f"when killed: {each}" for each in judge.files(stage)]
    again = stage.run()
    shutil.rmtree(stage.root / "tmp")  # what a killed process leaves there is the system's
    (stage.root / "tmp").mkdir()
    wrong += judge.judge(stage, [], again)
    wrong += [f"{name}: {theatre.sources[name]} sources" for name in GOOD if not same(stage, name)]
    last = screen.strip().splitlines()[-1:] or ["at the start"]
    return finished(stage, [Mishap(last[0][:60])], [killed, again], wrong, time.monotonic() - began)


def same(stage: Stage, name: str) -> bool:
    """Whether the database of a frame has as many sources as undisturbed."""
    return rows(stage.night / name) == stage.theatre.sources[name]


def full_disk(theatre: Theatre, seed: int) -> Verdict:
    """Let every file end at some size, as on a full disk; and run again with room for all."""
    random = Random(f"disk {seed}")
    theatre.server.heal()
    stage = theatre.stage(f"disk{seed}")
    stage.write_settings(pages=random.random() < PAGES)
    limit = int(10 ** random.uniform(0, 5.7))
    began = time.monotonic()
    first = stage.run(before=("prlimit", f"--fsize={limit}"))
    mishap = Mishap(f"no file above {limit} bytes", frozenset({REGISTRATION, CALIBRATION, TARGET}))
    wrong = judge.judge(stage, [mishap], replace(first, errors=""))
    if "Traceback" in first.errors or first.errors.count("\n") > 1:
        wrong.append(f"standard error: {first.errors[:500]}")
    again = stage.run()
    wrong += judge.healed(stage, [], again)
    return finished(stage, [mishap], [first, again], wrong, time.monotonic() - began)
