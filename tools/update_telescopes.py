"""Write the tables of telescopes into docs/telescopes.md; --check: compare alone.

Run it after changing a telescope: ``.venv/bin/python tools/update_telescopes.py``.
"""

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "telescopes.md"
BLOCK = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
LONGEST = 60


def telescopes_markdown() -> str:
    """One row per telescope and instrument, by keyword."""
    names = runpy.run_path(str(ROOT / "setup" / "telescopes.py"))
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
    names = runpy.run_path(str(ROOT / "setup" / "telescopes.py"))
    lines = ["| Telescope | Key | Published | Here | Reason |", "| --- | --- | --- | --- | --- |"]
    for keyword, key, old, new, reason in names["CORRECTIONS"]:
        values = (str(value) for value in (old, new))
        cells = (v if len(v) <= LONGEST else f"{v[:LONGEST]} ..." for v in values)
        telescope = "all" if keyword == "*" else f"`{keyword}`"
        lines.append(
            " | ".join([f"| {telescope}", f"`{key}`", *map(_escaped, cells), reason]) + " |"
        )
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


def updated(page: str) -> str:
    """The page with every table as it should be."""
    tables = {"telescopes": telescopes_markdown, "corrections": corrections_markdown}
    return BLOCK.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", page)


def main() -> int:
    """Update or check the page; exit status 1 when --check finds it out of date."""
    before = PAGE.read_text("utf-8")
    after = updated(before)
    if "--check" in sys.argv:
        return int(before != after)
    PAGE.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
