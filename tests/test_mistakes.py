"""A hundred mistakes: each is told what is wrong, where, and what to do now."""

import importlib
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mistakes import MISTAKES, Mistake

MOST_LINES = 12  # of a command line that cannot work
ONLINE = {"diagnostics", "pp_doctor"}  # which have no -offline


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mistake, Path], None]:
    """Maker of the directory of a mistake; what several have is made once."""
    known: dict[Callable[[Path], None], Path] = {}

    def made(mistake: Mistake, directory: Path) -> None:
        if mistake.scene not in known:
            known[mistake.scene] = tmp_path_factory.mktemp("scene")
            mistake.scene(known[mistake.scene])
        shutil.copytree(known[mistake.scene], directory, dirs_exist_ok=True)

    return made


def typed(words: str) -> tuple[str, list[str]]:
    """Name of a command and its arguments, wildcards expanded as a shell does."""
    name, *given = shlex.split(words)
    arguments = []
    for word in given:
        found = sorted(each.name for each in Path().glob(word)) if "*" in word else []
        arguments += found or [word]
    name = name.removesuffix(".py")
    return name, arguments if name in ONLINE else ["-offline", *arguments]


def test_there_are_a_hundred() -> None:
    assert len(MISTAKES) >= 100
    assert len({(each.words, each.cause) for each in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.words[:60])
def test_mistake_is_told(
    mistake: Mistake,
    built: Callable[[Mistake, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    built(mistake, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DISPLAY", raising=False)
    name, arguments = typed(mistake.words)
    try:
        status = importlib.import_module(name).main(arguments)
    except SystemExit as end:
        status = end.code
    seen = capsys.readouterr()
    logged = "\n".join(each.getMessage() for each in caplog.records if each.levelname != "DEBUG")
    said = f"{seen.out}{seen.err}\n{logged}"
    assert int(status) == mistake.status, said
    assert "Traceback" not in said
    assert len((seen.out + seen.err).splitlines()) <= MOST_LINES, said
    lines = said.splitlines()
    assert any(re.search(mistake.cause, line) for line in lines), said
    # the remedy stands in the line that names the cause
    assert any(
        re.search(mistake.cause, line) and re.search(mistake.remedy, line) for line in lines
    ), said
