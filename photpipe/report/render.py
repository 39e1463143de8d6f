"""Pages out of templates: everything escaped, nothing missing, nothing from a network."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import photpipe

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

    from photpipe.report.frameview import Ring
    from photpipe.report.tables import Cell, TableRow

_TEMPLATES = resources.files("photpipe.report") / "templates"
_PLAIN = (str, int, float)
_SPECIAL = re.compile("[&<>'\"]")
REJECTED = ' class="rejected"'


@lru_cache(maxsize=1)
def _environment() -> "jinja2.Environment":
    """Jinja2, told to escape all text and to fail on a value that is missing."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("photpipe.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["policy"] = policy
    environment.filters |= {"rows": _rows, "circles": _circles, "stars": _stars}
    environment.globals["version"] = photpipe.__version__
    return environment


def _rows(rows: Iterable["TableRow"], cell: Callable[[object], object]) -> "Markup":
    """Rows of a table; plain text, of which there is most, without the macro `cell`."""
    from markupsafe import Markup

    lines = []
    for row in rows:
        key = f' data-key="{_escaped(row.key)}"' if row.key else ""
        rejected = REJECTED if row.is_rejected else ""
        lines.append(f"<tr{key}{rejected}>{_cells(row.cells, cell)}\n")
    return Markup("".join(lines))


def _cells(cells: Iterable["Cell"], cell: Callable[[object], object]) -> str:
    parts = []
    for each in cells:
        kind = f' class="{each.kind}"' if each.kind else ""
        sort = f' data-sort="{_escaped(each.sort)}"' if each.sort else ""
        write = _escaped if type(each.content) in _PLAIN else cell
        parts.append(f"<td{kind}{sort}>{write(each.content)}")
    return "".join(parts)


def _escaped(content: object) -> str:
    """Text as markup; most of it has nothing to be escaped, which is quick to see."""
    from markupsafe import escape

    text = str(content)
    return str(escape(text)) if _SPECIAL.search(text) else text


def _circles(rings: Iterable["Ring"], radius: str) -> "Markup":
    """Circles of an SVG; what is within are our own numbers."""
    from markupsafe import Markup

    marks = (f'<circle cx="{ring.x}" cy="{ring.y}" r="{radius}"/>' for ring in rings)
    return Markup("".join(marks))


def _stars(rings: Iterable["Ring"], radius: str) -> "Markup":
    """Circles with the numbers of their stars."""
    from markupsafe import Markup

    marks = (
        f'<g data-key="{ring.key}"{"" if ring.is_used else REJECTED}>'
        f'<circle cx="{ring.x}" cy="{ring.y}" r="{radius}"/>'
        f'<text x="{ring.x}" y="{ring.y}" dx="{radius}" dy="-{radius}">{ring.key}</text></g>'
        for ring in rings
    )
    return Markup("".join(marks))


def policy(script: str = "") -> str:
    """Content-Security-Policy of a page: what a stranger's file smuggles in does not run.

    Parameters
    ----------
    script : str
        The one script within the page; without it, report.js beside the page alone.
    """
    allowed = "'self' file:"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed = f"'sha256-{digest}'"
    return (
        f"default-src 'self' file: data: blob:; script-src {allowed}; "
        "style-src 'self' file: 'unsafe-inline'; "
        "object-src 'none'; frame-src 'none'; base-uri 'none'; form-action 'none'"
    )


def prepare(template: str) -> None:
    """Load a template with those that it builds on, before copies of this process are made."""
    environment = _environment()
    for name in ("page.html", template):
        environment.get_template(name)


def page(template: str, **values: Any) -> str:
    """Text of a page.

    Parameters
    ----------
    template : str
        Name in the folder ``templates``.
    values
        What the template prints; text is escaped, SVG of our own figures is `markupsafe.Markup`.
    """
    return _environment().get_template(template).render(**values)


def resource(name: str) -> str:
    """Text of a file beside the templates: style.css."""
    return (_TEMPLATES / name).read_text("utf-8")


@lru_cache(maxsize=1)
def digest() -> str:
    """Digest of all templates."""
    found = hashlib.sha256()
    for each in sorted(_TEMPLATES.iterdir(), key=lambda each: each.name):
        if each.is_file():
            found.update(each.name.encode() + b"\0" + each.read_bytes())
    return found.hexdigest()[:12]


def script(name: str) -> str:
    """Text of a script beside the templates (report.js), behind what all scripts share."""
    return resource("common.js") + resource(name)
