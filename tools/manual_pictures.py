"""Take the pictures of the manual's page on diagnostics: pages of a run, in a real browser.

make demo; .venv/bin/python tools/manual_pictures.py demo
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDTH_PX = 1100
COLOURS = 64
SETTLED = "new Promise((done) => setTimeout(done, 800))"
LAYERS = """document.querySelectorAll('input[data-layer]:not(:checked):not([data-layer=catalog])')
  .forEach((box) => box.click())"""
REJECT = "document.querySelectorAll('.reject')[3].click()"


@dataclass(frozen=True, slots=True)
class DisplayedFrame:
    """One picture: page below the run, what is done there, what stands on top, how high it is."""

    name: str
    page: str
    top: str
    height_px: int
    script: str = "0"


PICTURES = (
    DisplayedFrame("top", "diagnostics.html", "body", 800),
    DisplayedFrame("photometry", "diagnostics.html", "#photometry", 1000),
    DisplayedFrame("frame", ".diagnostics/frames/mscience0004.html", "body", 640, LAYERS),
    DisplayedFrame("target", ".diagnostics/targets/3552.html", "body", 1000, REJECT),
)


def main() -> None:
    """Take all pictures."""
    from PIL import Image

    sys.path.insert(0, str(ROOT))
    from tests.report.browser import Browser

    directory = Path(sys.argv[1]).resolve()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder) / "profile") as browser:
        for each in PICTURES:
            path = IMAGES / f"diagnostics_{each.name}.png"
            browser.resize(WIDTH_PX, each.height_px)
            browser.darken(dark=False)
            browser.open(directory / each.page)
            browser.run(each.script)
            browser.run(f"document.querySelector('{each.top}').scrollIntoView()")
            browser.run(SETTLED)
            browser.screenshot(path, whole=False)
            with Image.open(path) as picture:
                small = picture.convert("RGB").quantize(
                    COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
                )
            small.save(path, optimize=True)


if __name__ == "__main__":
    main()
