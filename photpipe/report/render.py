"""Pages out of templates: everything escaped, nothing missing, nothing from a network."""

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import photpipe

if TYPE_CHECKING:
    import jinja2

_TEMPLATES = resources.files("photpipe.report") / "templates"


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
    environment.globals["version"] = photpipe.__version__
    return environment


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
    """Text of a file beside the templates: style.css, report.js."""
    return (_TEMPLATES / name).read_text("utf-8")
