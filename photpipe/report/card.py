"""A card of one page for each target, to be printed or sent: curve, finder chart, verdict."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.report import figures, plots, stills, views
from photpipe.report.finder import FinderView
from photpipe.report.plotspec import Plot
from photpipe.report.state import State, TargetData
from photpipe.report.verdicts import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCH = (11.69, 8.27)  # A4, landscape
DPI = 150  # by judgement: a page of A4 printed, or a slide
FORMATS = ("png", "pdf")
BOXES = {  # left, bottom, width, height
    "Light curve": (0.07, 0.5, 0.55, 0.34),
    "Finder chart": (0.66, 0.45, 0.31, 0.39),
    "Seeing": (0.07, 0.11, 0.24, 0.28),
    "Zeropoint": (0.38, 0.11, 0.24, 0.28),
    "Verdict": (0.66, 0.11, 0.31, 0.28),
}
MOST_VERDICTS = 5  # what fits beside the figures
WIDTH_OF_VERDICT = 58  # letters
SOFT, INK = "#5b6670", "#1d2329"
COLOURS = {"good": "#00704f", "look": "#8a5a00", "bad": "#b03a00", "note": "#4d5b68"}
ON_IMAGE, PATH, APERTURE = "#ffffff", "#ffd54a", "#ff5a3c"
CITATION = "Photometry Pipeline (Mommert 2017, Astronomy & Computing 18, 47)"


def card(
    state: State,
    target: TargetData,
    judged: Sequence[Verdict],
    finder: FinderView | None,
    image: Path | None,
) -> "Figure":
    """Card of a target.

    Parameters
    ----------
    judged : sequence of Verdict
        The verdict; what is about other targets is left out.
    finder : FinderView or None
        What is drawn on the finder chart.
    image : Path or None
        Its image.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcdefaults()
    figure = Figure(figsize=SIZE_INCH, facecolor="white")
    own = [each for each in judged if each.target in (None, target)]
    _head(figure, state, target, own)
    place = {name: figure.add_axes(box) for name, box in BOXES.items()}
    for name, plot in (
        ("Light curve", plots.light_curve(target, _nowhere)),
        ("Seeing", plots.seeing(state, _nowhere)),
        ("Zeropoint", plots.zeropoints(state, _nowhere)),
    ):
        if not plot.is_empty:
            _drawn(place[name], plot)
    _finder(place["Finder chart"], finder, image)
    _verdicts(place["Verdict"], own)
    for name, axes in place.items():
        axes.set_title(name, color=INK, fontsize=10, loc="left")
        if not axes.has_data() and not axes.texts:
            axes.axis("off")
            axes.text(0, 0.9, "nothing to show", color=SOFT, fontsize=8, transform=axes.transAxes)
    figure.text(0.07, 0.025, CITATION, color=SOFT, fontsize=8)
    return figure


def content(figure: "Figure", kind: str) -> bytes:
    """Bytes of a card, the same ones for the same numbers.

    Parameters
    ----------
    kind : str
        One of `FORMATS`.
    """
    stream = io.BytesIO()
    metadata = {"CreationDate": None} if kind == "pdf" else {"Software": None}
    figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()


def _head(figure: "Figure", state: State, target: TargetData, judged: Sequence[Verdict]) -> None:
    """Who, when, how bright, and the verdict in one line."""
    outcome = views.outcome(judged)
    # parse_math: a name with a dollar sign is no formula
    figure.text(0.07, 0.935, target.name, color=INK, fontsize=20, weight="bold", parse_math=False)
    where = textwrap.shorten(views.subtitle(state), 110, placeholder=" …")
    figure.text(0.07, 0.9, where, color=SOFT, fontsize=10, parse_math=False)
    figure.text(
        0.97, 0.935, views.magnitude(target), color=INK, fontsize=15, ha="right", parse_math=False
    )
    colour = COLOURS[outcome.severity]
    figure.text(0.97, 0.9, outcome.text, color=colour, fontsize=11, ha="right", parse_math=False)


def _nowhere(_frame: str) -> str:
    """Where a click on paper leads."""
    return ""


def _drawn(axes: "Axes", plot: Plot) -> None:
    """Draw a plot on paper."""
    figures.dress(axes, INK)
    stills.draw(axes, plot)
    if (legend := axes.get_legend()) is not None:
        for text in legend.get_texts():
            text.set_color(INK)


def _finder(axes: "Axes", view: FinderView | None, image: Path | None) -> None:
    """Finder chart with the path of the target, compass and scale; pixels, y down."""
    if view is None or image is None:
        return
    axes.axis("off")
    axes.set_anchor("NW")
    from matplotlib.patches import Circle
    from PIL import Image

    with Image.open(image) as opened:
        axes.imshow(
            opened.convert("L"), cmap="gray", extent=(0, view.width, view.height, 0), aspect="equal"
        )
    x, y, radius = map(float, view.ring)
    axes.add_patch(Circle((x, y), radius, fill=False, edgecolor=APERTURE, linewidth=1.4))
    if view.path:
        places = [tuple(map(float, each.split())) for each in view.path[1:].split("L")]
        axes.plot(*zip(*places, strict=True), color=PATH, linewidth=1.4)
    for end_x, end_y, text in view.ends:
        place = float(end_x) + radius, float(end_y) + radius
        axes.text(*place, text, color=ON_IMAGE, fontsize=7)
    if view.bar_px:
        left, bottom = 0.04 * view.width, 0.95 * view.height
        axes.plot([left, left + float(view.bar_px)], [bottom, bottom], color=ON_IMAGE, linewidth=2)
        axes.text(left, 0.93 * view.height, view.bar_text, color=ON_IMAGE, fontsize=8)
    middle = tuple(map(float, view.compass_at))
    for arrow in view.compass:
        end = middle[0] + float(arrow.dx), middle[1] + float(arrow.dy)
        axes.plot([middle[0], end[0]], [middle[1], end[1]], color=ON_IMAGE, linewidth=1.4)
        place = middle[0] + float(arrow.text_x), middle[1] + float(arrow.text_y)
        axes.text(*place, arrow.letter, color=ON_IMAGE, fontsize=8, ha="center", va="center")
    axes.set(xlim=(0, view.width), ylim=(view.height, 0))


def _verdicts(axes: "Axes", judged: Sequence[Verdict]) -> None:
    """The first lines of the verdict, what needs a look before what is good."""
    axes.axis("off")
    lines = [each for each in judged if not views.is_good(each)] or list(judged)
    top = 0.97
    for each in lines[:MOST_VERDICTS]:
        text = textwrap.fill(f"{each.severity.word}: {each.text}", WIDTH_OF_VERDICT)
        colour = COLOURS[each.severity]
        axes.text(
            0,
            top,
            text,
            color=colour,
            fontsize=8,
            va="top",
            transform=axes.transAxes,
            parse_math=False,
        )
        top -= 0.06 * (text.count("\n") + 1) + 0.035
    if len(lines) > MOST_VERDICTS:
        more = f"and {len(lines) - MOST_VERDICTS} more on the main page"
        axes.text(0, top, more, color=SOFT, fontsize=8, va="top", transform=axes.transAxes)
