"""Write into the manual what the code knows; with --check, compare alone.

The --help of every command into docs/functions.md, the tables of catalogs, transformations,
telescopes, verdicts and columns into docs/catalogs.md, docs/telescopes.md, docs/diagnostics.md and
docs/files.md. Run it after changing one of these: ``.venv/bin/python tools/update_docs.py``.
"""

import argparse
import importlib
import os
import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = tuple(
    ROOT / "docs" / name
    for name in ("functions.md", "catalogs.md", "telescopes.md", "diagnostics.md", "files.md")
)
TELESCOPES = ROOT / "setup" / "telescopes.py"
HELP = re.compile(r"(<!-- help (\w+) -->\n```text\n).*?(```\n<!-- end -->)", re.DOTALL)
TABLE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
VALUE = re.compile(r"\{\w+\}(?: \{\w+\})*")
COLUMNS = "columns_"  # and the name of a table of the main page
LONGEST = 60  # characters of a value in the table of corrections


def commands() -> list[str]:
    """Names of all installed commands: the pp_*.py files of the root."""
    return sorted({path.stem for path in ROOT.glob("pp*_*.py")} - {"pp_setup"})  # a module


DOORS = ("catalog", "diagnostics", "toolbox")
"""The files of the root that are run in the clone."""


def help_of(name: str) -> str:
    """What ``NAME -h`` prints in a terminal of 80 columns."""
    os.environ["COLUMNS"] = "80"
    module = importlib.import_module(name)
    if hasattr(module, "COMMAND"):
        from photpipe.command import cli

        return cli.build_parser(module.COMMAND).format_help()
    parser: argparse.ArgumentParser = module.parser()
    return parser.format_help()


def telescopes_markdown() -> str:
    """One row per telescope and instrument, by keyword."""
    names = runpy.run_path(str(TELESCOPES))
    lines = [
        "| Keyword | Telescope/instrument | Recognised by | Code | Scale (arcsec) | Filters |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for keyword, entry in sorted(names["telescope_parameters"].items()):
        values = ", ".join(f"`{value}`" for value in entry["identified_by"])
        scale = "told by the user" if None in entry["secpix"] else f"{entry['secpix'][0]:g}"
        bands = dict.fromkeys(band for band in entry["filter_translations"].values() if band)
        lines.append(
            f"| `{keyword}` | {entry['telescope_instrument']} | {values} "
            f"| {entry['observatory_code']} | {scale} | {' '.join(bands) or 'unfiltered'} |"
        )
    return "\n".join(lines)


def corrections_markdown() -> str:
    """One row per corrected value."""
    names = runpy.run_path(str(TELESCOPES))
    lines = ["| Telescope | Key | Published | Here | Reason |", "| --- | --- | --- | --- | --- |"]
    for keyword, key, old, new, reason in names["CORRECTIONS"]:
        values = (str(value) for value in (old, new))
        cells = (v if len(v) <= LONGEST else f"{v[:LONGEST]} ..." for v in values)
        telescope = "all" if keyword == "*" else f"`{keyword}`"
        lines.append(
            " | ".join([f"| {telescope}", f"`{key}`", *map(_escaped, cells), reason]) + " |"
        )
    return "\n".join(lines)


def verdicts_markdown() -> str:
    """One row per rule of the verdict, the most serious first; values are dots."""
    from photpipe.report.verdicts import RULES

    lines = ["| | Rule | Verdict | What to try |", "| --- | --- | --- | --- |"]
    for rule in sorted(RULES, key=lambda rule: rule.severity.rank):
        text, advice = (VALUE.sub("…", each) for each in (rule.text, rule.advice))
        text = text[:1].upper() + text[1:]
        lines.append(f"| {rule.severity.word} | {rule.name} | {text} | {advice} |")
    return "\n".join(lines)


def photometry_markdown() -> str:
    """One row per column of the .dat file."""
    from photpipe.run.photometry_file import DAT_COLUMNS

    lines = ["| Column | Unit | Meaning |", "| --- | --- | --- |"]
    rows = [f"| {each.title} | {each.unit} | {_escaped(each.meaning)} |" for each in DAT_COLUMNS]
    return "\n".join([*lines, *rows])


def definitions_markdown(name: str) -> str:
    """The definitions below a table of the main page, by the name of its columns."""
    from photpipe.report import columns, tables

    lines = ["| Column | What it means |", "| --- | --- |"]
    rows = tables.definitions(getattr(columns, name))
    return "\n".join([*lines, *(f"| {title} | {meaning} |" for title, meaning in rows)])


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


def table_of(name: str) -> str:
    """A table of the manual, in Markdown."""
    from photpipe.catalogs import listing

    makers = {
        "catalogs": listing.catalogs_markdown,
        "cuts": listing.cuts_markdown,
        "transformations": listing.transformations_markdown,
        "solar": listing.solar_markdown,
        "telescopes": telescopes_markdown,
        "corrections": corrections_markdown,
        "verdicts": verdicts_markdown,
        "photometry": photometry_markdown,
    }
    if name.startswith(COLUMNS):
        return definitions_markdown(name.removeprefix(COLUMNS).upper())
    return makers[name]()


def updated(page: str) -> str:
    """The page with every help block and every table as it should be."""
    page = HELP.sub(lambda found: found[1] + help_of(found[2]) + found[3], page)
    return TABLE.sub(lambda found: f"{found[1]}\n{table_of(found[2])}\n\n{found[3]}", page)


def main() -> int:
    """Update or check the pages; exit status 1 when --check finds one out of date."""
    sys.path.insert(0, str(ROOT))
    stale = 0
    for path in PAGES:
        before = path.read_text("utf-8")
        after = updated(before)
        stale += before != after
        if "--check" not in sys.argv:
            path.write_text(after, "utf-8")
    return int("--check" in sys.argv and stale > 0)


if __name__ == "__main__":
    raise SystemExit(main())
