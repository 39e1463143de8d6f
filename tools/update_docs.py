"""Write the --help of every command into docs/functions.md; with --check, compare alone.

Run it after changing an option: ``.venv/bin/python tools/update_docs.py``.
"""

import argparse
import importlib
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "functions.md"
BLOCK = re.compile(r"(<!-- help (\w+) -->\n```text\n).*?(```\n<!-- end -->)", re.DOTALL)


def commands() -> list[str]:
    """Names of all commands: the pp_*.py files of the root."""
    return sorted(path.stem for path in ROOT.glob("pp*_*.py"))


def help_of(name: str) -> str:
    """What ``NAME -h`` prints in a terminal of 80 columns."""
    os.environ["COLUMNS"] = "80"
    module = importlib.import_module(name)
    if hasattr(module, "COMMAND"):
        from photpipe import cli

        return cli.build_parser(module.COMMAND).format_help()
    parser: argparse.ArgumentParser = module.parser()
    return parser.format_help()


def updated(page: str) -> str:
    """The page with every help block as it should be."""
    return BLOCK.sub(lambda found: found[1] + help_of(found[2]) + found[3], page)


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
