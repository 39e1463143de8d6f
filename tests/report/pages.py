"""Looking into pages without a browser: links, pictures, identifiers, validity."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import html5lib

_LINKS = {"href", "src", "srcset", "{http://www.w3.org/1999/xlink}href"}


def parsed(text: str) -> Element:
    """Tree of a page; anything that is not valid HTML5 is an error."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(text)


def links(tree: Element) -> list[str]:
    """Everything that a page refers to."""
    return [value for each in tree.iter() for name, value in each.attrib.items() if name in _LINKS]


def identifiers(tree: Element) -> list[str]:
    return [each.attrib["id"] for each in tree.iter() if "id" in each.attrib]


def words(tree: Element) -> str:
    """Text of a page, blanks and line ends drawn together."""
    return re.sub(r"\s+", " ", "".join(tree.itertext()))


def all_pages(directory: Path) -> list[Path]:
    """Pages of a data directory."""
    folder = directory / ".diagnostics"
    return [directory / "diagnostics.html", *sorted(folder.rglob("*.html"))]


def broken_links(directory: Path) -> list[str]:
    """Links of all pages that lead nowhere, leave the directory, or need a network."""
    trees = {page: parsed(page.read_text("utf-8")) for page in all_pages(directory)}
    names = {page: set(identifiers(tree)) for page, tree in trees.items()}
    wrong = []
    for page, tree in trees.items():
        for link in links(tree):
            parts = urlsplit(link)
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if parts.scheme == "data":
                continue
            known = target.is_file() and (
                not parts.fragment or target not in names or parts.fragment in names[target]
            )
            inside = target.is_relative_to(directory.resolve())
            if parts.scheme or parts.netloc or not known or not inside:
                wrong.append(f"{page.name}: {link}")
    return wrong
