"""Every command line that README and docs print works when it is pasted."""

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from photpipe.command import catalog as catalog_command
from photpipe.command import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
HELP = re.compile(r"<!-- help .*?<!-- end -->", re.DOTALL)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
SHELL = {"", "sh", "text", "bash"}
OURS = {path.stem for path in ROOT.glob("*.py")} - {"_pp_conf", "pp_setup"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PLAIN = {"cd", "source", "export", "firefox", "git", "cp"}
"""Commands of everybody's shell; files that they name have to exist where they are ours."""


def text_of(page: Path) -> str:
    return HELP.sub("", page.read_text("utf-8"))


def blocks(page: Path, languages: set[str]) -> list[str]:
    return [block for language, block in BLOCK.findall(text_of(page)) if language in languages]


def command_lines(page: Path) -> Iterator[str]:
    """Lines of the blocks that a shell would run, one command each, without comments."""
    for block in blocks(page, SHELL):
        if "#SBATCH" in block or "<<" in block or not is_of_commands(block):
            continue
        for line in block.splitlines():
            bare = re.sub(r"^\w+\$ |\s+#.*$|^#.*$", "", line).strip()
            yield from (each.strip() for each in bare.split("&&") if each.strip())


def is_of_commands(block: str) -> bool:
    """Whether a block is to be typed, and not the content of a file."""
    first = re.sub(r"^\w+\$ ", "", block.lstrip().split("\n")[0])
    word = shlex.split(first, comments=True)[0] if not first.startswith("#") else "#"
    return word != "#" and not word.endswith((".fits", ":")) and not word[0].isdigit()


def ours(words: list[str]) -> str:
    """Name of our command that a line calls; empty if it is none."""
    name = Path(words[0]).name.removesuffix(".py")
    return name if name in OURS else ""


def parser_of(name: str) -> argparse.ArgumentParser:
    module = importlib.import_module(name)
    if hasattr(module, "COMMAND"):
        return cli.build_parser(module.COMMAND)
    return catalog_command.parser() if name == "catalog" else module.parser()


def refused(name: str, words: list[str]) -> bool:
    """Whether a command of ours would not understand its words."""
    module = importlib.import_module(name)
    try:
        if hasattr(module, "COMMAND"):
            cli.parsed(module.COMMAND, words)
        else:
            names = [s.lstrip("-") for a in parser_of(name)._actions for s in a.option_strings]
            parser_of(name).parse_args(cli.normalised(words, names))
    except SystemExit as stop:
        return bool(stop.code)
    return False


def fault_of(line: str) -> str:
    """What is wrong with a command line; empty if it works."""
    words = shlex.split(re.sub(r'^eval "\$\((.*)\)"$', r"\1", line))
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if ours(words):
        return "is refused" if refused(ours(words), words[1:]) else ""
    if words[0] == "make":
        targets = [each for each in words[1:] if "=" not in each]
        makefile = (ROOT / "Makefile").read_text("utf-8")
        missing = [each for each in targets if not re.search(rf"^{each}:", makefile, re.MULTILINE)]
        return f"no target {missing}" if missing else ""
    if words[:2] == ["pip", "install"]:
        extra = re.fullmatch(r"\.(?:\[(\w+)\])?", words[2])
        known = extra and (extra[1] is None or extra[1] in PROJECT["optional-dependencies"])
        return "" if known else "nobody published it"
    if words[0] == "conda":
        known = (
            f"name: {words[-1]}" in (ROOT / "environment.yml").read_text()
            or (ROOT / words[-1]).is_file()
        )
        return "" if known else "no such environment"
    if words[0] == "docker":
        return "" if (ROOT / "Dockerfile").is_file() else "no Dockerfile"
    if words[0] == "dask":
        return "" if "cluster" in PROJECT["optional-dependencies"] else "not installed"
    if words[0].startswith(".venv/bin/"):
        return fault_of_script(words)
    return "" if words[0] in PLAIN else "an unknown command"


def fault_of_script(words: list[str]) -> str:
    """What is wrong with a call of a program of ``.venv``."""
    tools = {Path(each.split(">=")[0]).name for each in PROJECT["optional-dependencies"]["dev"]}
    if words[0].endswith("/pre-commit"):
        return "" if "pre-commit" in tools else "not installed"
    if words[1] == "-m":
        return (
            "" if words[2] == "pytest" or (ROOT / words[2].replace(".", "/")).is_dir() else "none"
        )
    script = ROOT / words[1]
    if not script.is_file():
        return "no such script"
    missing = [
        each for each in words[2:] if each[0] == "-" and each not in script.read_text("utf-8")
    ]
    return f"no option {missing}" if missing else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_printed_command_lines_work(page: Path) -> None:
    faults = {line: fault for line in command_lines(page) if (fault := fault_of(line))}
    assert faults == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_options_that_the_text_names_exist(page: Path) -> None:
    """Fragments such as ``pp_prepare -restore`` need not be whole, but their options exist."""
    wrong = []
    for code in INLINE.findall(BLOCK.sub("", text_of(page))):
        words = code.split()
        if len(words) < 2 or not ours(words):
            continue
        known = {name for each in parser_of(ours(words))._actions for name in each.option_strings}
        wrong += [code for word in words[1:] if re.match(r"-[a-z]", word) and word not in known]
    assert wrong == []


def test_messages_name_nothing_that_nobody_published() -> None:
    sources = [*ROOT.glob("photpipe/**/*.py"), *ROOT.glob("*.py"), *ROOT.glob("tools/*.sh")]
    texts = {path: path.read_text("utf-8") for path in sources}
    said = {
        path: re.findall(r"pip install (?![-.'])\S*|pip install '\w\S*", text)
        for path, text in texts.items()
    }
    assert {path.name: found for path, found in said.items() if found} == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("pp_run -snrr 3 *.fits", "is refused"),
        ("pp_prepare", "is refused"),
        ("make everything", "no target ['everything']"),
        ("pip install photometrypipeline", "nobody published it"),
        ("pip install '.[clusters]'", "nobody published it"),
        ("catalog.py GAIA -nothing", "is refused"),
        (".venv/bin/python benchmarks/none.py", "no such script"),
        (".venv/bin/python benchmarks/targets.py -none", "no option ['-none']"),
        ("ds9 a.fits", "an unknown command"),
        ("PHOTPIPE_CACHE=$PWD/cache pp_run *.fits", ""),
    ],
)
def test_faults_are_seen(line: str, fault: str) -> None:
    assert fault_of(line) == fault


@pytest.mark.pages
def test_the_walkthrough_runs_as_it_is_pasted(tmp_path: Path) -> None:
    """Its first block in a shell, without network; then what the pages do with the results."""
    (tmp_path / "example_data").symlink_to(ROOT / "example_data")
    binaries = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{ROOT}:{os.environ['PATH']}",
        "PHOTPIPE_OFFLINE": "1",
    }
    script = blocks(ROOT / "docs" / "walkthrough.md", SHELL)[0]
    run(["bash", "-e", "-c", script], tmp_path, environment)
    night = tmp_path / "night"
    assert (night / "photometry_3552.dat").is_file()
    (night / "field_1").mkdir()
    (night / "field_1" / "R").symlink_to(night)
    for page in ("files.md", "python.md"):
        for block in blocks(ROOT / "docs" / page, {"python"}):
            run([sys.executable, "-c", block], night, environment)
    (report,) = [b for b in blocks(ROOT / "docs" / "diagnostics.md", SHELL) if "<<" in b]
    assert "mscience0001.fits 28." in run(["bash", "-e", "-c", report], night, environment)


def run(words: list[str], directory: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout
