"""Write the tables of catalogs and transformations into docs/catalogs.md; --check: compare alone.

Run it after changing a catalog: ``.venv/bin/python tools/update_catalogs.py``.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "catalogs.md"
BLOCK = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def updated(page: str) -> str:
    """The page with every table as it should be."""
    from photpipe.catalogs import listing

    tables = {
        "catalogs": listing.catalogs_markdown,
        "cuts": listing.cuts_markdown,
        "transformations": listing.transformations_markdown,
        "solar": listing.solar_markdown,
    }
    return BLOCK.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", page)


def main() -> int:
    """Update or check the page; exit status 1 when --check finds it out of date."""
    sys.path.insert(0, str(ROOT))
    before = PAGE.read_text("utf-8")
    after = updated(before)
    if "--check" in sys.argv:
        return int(before != after)
    PAGE.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
