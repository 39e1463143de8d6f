"""The manual in docs/ knows every command and option, and what the original promised exists."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from photpipe.instruments.telescopes import GENERIC, registry

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import update_docs  # noqa: E402

# options in the manual of PHOTOMETRYPIPELINE (2022), section "Functions"
PROMISED = {
    "pp_run": "prefix target filter fixed_aprad source_tolerance solar rerun_registration "
    "asteroids keep_wcs",
    "pp_prepare": "ra dec flipx flipy rotate target keep_wcs",
    "pp_extract": "snr minarea paramfile aprad telescope ignore_saturation nodeblending quiet",
    "pp_register": "snr minarea cat source_tolerance nodeblending",
    "pp_photometry": "snr minarea aprad target background_only target_only nodeblending",
    "pp_calibrate": "minstars cat filter maxflag instrumental solar use_all_stars",
    "pp_distill": "target offset positions fixedtargets variable_stars asteroids reject",
    "pp_manident": "zoom",
    "pp_combine": "comoving targetname manual_rates method backsub keep_files",
    "pp_stackedphotometry": "comoving filter method fixed_aprad snr solar",
}
COMMANDS = update_docs.commands()


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described(name: str) -> None:
    assert f"## {name}\n" in page("functions.md")
    assert f"<!-- help {name} -->" in page("functions.md")
    assert name in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", update_docs.DOORS)
def test_every_door_is_described(name: str) -> None:
    assert f"## {name}.py\n" in page("functions.md")
    assert f"<!-- help {name} -->" in page("functions.md")
    assert f"`{name}.py`" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name in PROMISED])
def test_every_promised_option_is_taken(name: str) -> None:
    offered = set(re.findall(r"(?<![\w-])-([a-z]\w+)", update_docs.help_of(name)))
    assert set(PROMISED[name].split()) <= offered


@pytest.mark.parametrize("path", update_docs.PAGES, ids=lambda path: path.name)
def test_help_and_tables_in_the_manual_are_up_to_date(path: Path) -> None:
    text = path.read_text("utf-8")
    assert update_docs.updated(text) == text, "run tools/update_docs.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_installed_and_linked(name: str) -> None:
    script = f'{name} = "{name}:main"'
    assert script in (ROOT / "pyproject.toml").read_text("utf-8")
    link = ROOT / name
    assert link.is_symlink()
    assert link.readlink() == Path(f"{name}.py")
    assert (ROOT / f"{name}.py").stat().st_mode & 0o111
    assert callable(importlib.import_module(name).main)


def test_number_of_instruments_in_the_readme() -> None:
    told = re.search(r"(\d+) instruments are known", (ROOT / "README.md").read_text("utf-8"))
    assert told
    assert int(told[1]) == len(set(registry()) - {GENERIC})


def test_each_page_says_first_who_needs_it() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        if path.name in {"index.md", "changes.md"}:
            continue
        title, first, *_ = path.read_text("utf-8").split("\n\n")
        assert title.startswith("# "), path.name
        assert first.startswith(("For whoever ", "For everybody")), path.name


def test_links_between_pages_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_manual_renders_as_a_site(tmp_path: Path) -> None:
    """mkdocs in strict mode: no page left out, no broken link."""
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "functions.html").is_file()
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//[^"]*"', page.read_text()
        )
        assert loaded == [], page.name


def test_the_changes_of_the_manual_are_those_of_the_changelog() -> None:
    assert (ROOT / "docs" / "changes.md").read_text("utf-8") == (ROOT / "CHANGELOG.md").read_text(
        "utf-8"
    )
