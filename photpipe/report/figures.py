"""The look of all figures: colour-blind safe, readable on light and dark, reproducible SVG."""

import io
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Wong 2011, Nature Methods 8, 441: eight colours that all readers can tell apart
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#f0e442",
)
# on a page the style sheet says how bright they are, by day and by night
NAMES = {BLUE: "blue", ORANGE: "orange", GREEN: "green", RED: "red", PURPLE: "purple", SKY: "sky"}
# what matplotlib writes and no page needs: comments, blanks, hundredths of a point
_SHORTER = (
    (re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL), ""),
    (re.compile(r">\s+<"), "><"),
)
_TAG = re.compile(r"<[^>]*>")
_LONG_NUMBER = re.compile(r"(\d\.\d\d)\d+")
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
# the colour of text and axes is that of the page: this grey is replaced by the style sheet's
INK = "#7f7e7d"
MARGINS_INCH = (0.85, 0.5, 0.15, 0.1)  # left, bottom, right, top


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    size_inch: tuple[float, float] = (7.0, 4.0),
    has_short_labels: bool = False,
) -> "tuple[Figure, list[Axes]]":
    """Figure of the object interface (no pyplot, no global state) with its axes in a list.

    Parameters
    ----------
    has_short_labels : bool
        Fixed margins will do; to fit them to the labels takes as long as the drawing itself.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcdefaults()  # a matplotlibrc of the data directory, or of the user, is not obeyed
    figure = Figure(figsize=size_inch, layout=None if has_short_labels else "constrained")
    if has_short_labels:
        width, height = size_inch
        left, bottom, right, top = MARGINS_INCH
        figure.subplots_adjust(
            left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.16
        )
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for panel in axes:
        dress(panel)
    return figure, axes


def dress(axes: "Axes", ink: str = INK) -> None:
    """Transparent background, thin axes in the colour of the page's text, a faint grid."""
    axes.set_facecolor("none")
    axes.grid(visible=True, color=ink, alpha=0.2, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(ink)
    axes.tick_params(which="both", colors=ink, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(ink)
        label.set_fontsize(10)


def legend(axes: "Axes") -> None:
    """Legend, where anything has a name."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, labelcolor=INK, fontsize=8)


def svg(figure: "Figure", description: str) -> "Markup":
    """Figure as inline SVG with an alternative text; text stays text, colours follow the page.

    Parameters
    ----------
    description : str
        What the figure shows, for readers who do not see it.
    """
    import matplotlib as mpl
    from markupsafe import Markup, escape

    stream = io.StringIO()
    salt = {"svg.fonttype": "none", "svg.hashsalt": description}
    with mpl.rc_context(salt):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    for color, name in NAMES.items():
        text = text.replace(color, f"var(--{name}, {color})")
    for superfluous, short in _SHORTER:
        text = superfluous.sub(short, text)
    # within tags alone: between them are the labels of the axes
    text = _TAG.sub(lambda tag: _LONG_NUMBER.sub(r"\1", tag[0]), text)
    text = text.replace(' target="_blank"', "")  # a report is one walk, not many windows
    # identifiers of several figures on one page must not meet
    prefix = f"f{zlib.crc32(description.encode())}_"
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", text)
    title = escape(description)
    head = f'<svg role="img" aria-label="{title}" class="figure" '
    return Markup(text.replace("<svg ", head, 1))
