"""Where the pages and files of the report are, seen from a page."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FOLDER = ".diagnostics"
MAIN = "diagnostics.html"
MAIN_IN_FOLDER = "index.html"
LOG = "log.html"
NUMBERS = "report.json"
FRAMES = "frames.js"
_TYPES = {".jpg": "image/jpeg", ".gif": "image/gif"}


@dataclass(frozen=True, slots=True)
class Links:
    """Relative links of one page.

    Parameters
    ----------
    folder : str
        From the page to the folder of the report, ending in a slash unless it is empty.
    """

    folder: str

    @property
    def main(self) -> str:
        """The main page; that of the folder, so that the folder is whole in itself."""
        return f"{self.folder}{MAIN_IN_FOLDER}" if self.folder != f"{FOLDER}/" else MAIN

    @property
    def log(self) -> str:
        """The page of the LOG."""
        return f"{self.folder}{LOG}"

    @property
    def script_data(self) -> str:
        """The numbers of all pages."""
        return f"{self.folder}{NUMBERS}"

    def part(self, anchor: str) -> str:
        """A part of the main page."""
        return f"{self.main}#{anchor}"

    def frame(self, slug: str) -> str:
        """Page of a frame."""
        return f"{self.folder}frames/{slug}.html"

    def target(self, slug: str) -> str:
        """Page of a target."""
        return f"{self.folder}targets/{slug}.html"

    def file(self, name: str) -> str:
        """A file of the folder."""
        return f"{self.folder}{name}"

    def script(self, name: str) -> str:
        """A script of the folder; empty if there is none."""
        return self.file(name) if name else ""

    def data(self, name: str) -> str:
        """A file of the data directory."""
        up = "" if self.folder == f"{FOLDER}/" else f"{self.folder}../"
        return f"{up}{quote(os.fsencode(name))}"


FROM_DATA = Links(f"{FOLDER}/")
FROM_FOLDER = Links("")
FROM_PAGE = Links("../")


@dataclass(frozen=True, slots=True)
class SingleLinks(Links):
    """Links inside the single file: pages are parts of it, pictures are within.

    Parameters
    ----------
    root : Path
        The folder of the report, where pictures are taken from.
    has_frames : bool
        Whether the pages of the frames are within.
    """

    root: Path
    has_frames: bool = False

    @property
    def main(self) -> str:
        """The top."""
        return ""

    @property
    def log(self) -> str:
        """The part with the LOG."""
        return "#log"

    @property
    def script_data(self) -> str:
        """The numbers are not inside."""
        return ""

    def frame(self, slug: str) -> str:
        """Part of a frame; empty if the frames are left out."""
        return f"#frame-{slug}" if self.has_frames else ""

    def target(self, slug: str) -> str:
        """Part of a target."""
        return f"#target-{slug}"

    def file(self, name: str) -> str:
        """Content of a file, as a link."""
        content = base64.b64encode((self.root / name).read_bytes()).decode()
        return f"data:{_TYPES[Path(name).suffix]};base64,{content}"

    def script(self, name: str) -> str:
        """Scripts beside the one within do not run."""
        return ""

    def data(self, name: str) -> str:
        """Files beside the report do not travel with it."""
        return ""
