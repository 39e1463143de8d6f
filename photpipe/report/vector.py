"""Figures as SVG of our own: what the main page shows, without the second that matplotlib takes.

Colours and margins are those of `figures`; lengths are points (1/72 inch), y is down.
"""

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from photpipe.report import figures

if TYPE_CHECKING:
    from markupsafe import Markup

Range = tuple[float, float]

POINTS_PER_INCH = 72.0  # as matplotlib and PostScript have them
MARGIN = 0.05  # of the range, beyond the outermost points
LABEL_PT, NUMBER_PT, SMALL_PT = 10.0, 9.0, 8.0  # letters of axes, ticks, and words within
TICK_PT = 3.5  # length of a tick, and from it to its number
LETTER = 0.58  # width of a letter in units of its height: room for words
APART_PT = (70.0, 32.0)  # of two numbers along x and y, by eye
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # between ticks, times a power of ten
LEGEND_PT = 14.0  # height of its line, above the panel
BESIDE_PT = 66.0  # between two panels: numbers and label of the second
# corners of markers, in units of half their width; those of lines are not filled
_STAR = [(math.sin(math.pi * k / 5), -math.cos(math.pi * k / 5)) for k in range(10)]
AREAS = {
    "s": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    "v": [(-1.0, -1.0), (1.0, -1.0), (0.0, 1.0)],
    "*": [
        (x * (0.5 if k % 2 else 1.2), y * (0.5 if k % 2 else 1.2)) for k, (x, y) in enumerate(_STAR)
    ],
}
LINES = {
    "D": [[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0), (0.0, -1.2)]],
    "x": [[(-1.0, -1.0), (1.0, 1.0)], [(-1.0, 1.0), (1.0, -1.0)]],
    "_": [[(-1.0, 0.0), (1.0, 0.0)]],
    "|": [[(0.0, -1.0), (0.0, 1.0)]],
}


@dataclass(slots=True)
class Panel:
    """Axes, and what is drawn between them.

    Parameters
    ----------
    box : (float, float, float, float)
        Left, top, right and bottom (points).
    x, y : (float, float)
        What of the numbers is at the left and the right, at the bottom and the top.
    names : (str, str)
        Labels of the axes.
    drawn : list of str
        Elements, the first behind the others.
    legend : list of (str, str)
        Markers with their words.
    """

    box: tuple[float, float, float, float]
    x: Range
    y: Range
    names: tuple[str, str]
    drawn: list[str] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)

    def at_x(self, value: float) -> float:
        """Place of a number of the x axis."""
        left, _, right, _ = self.box
        return left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (right - left)

    def at_y(self, value: float) -> float:
        """Place of a number of the y axis."""
        _, top, _, bottom = self.box
        return bottom - (value - self.y[0]) / (self.y[1] - self.y[0]) * (bottom - top)

    def points(
        self,
        marker: str,
        color: str,
        places: Iterable[tuple[float, float]],
        *,
        half_pt: float = 2.7,
        name: str = "",
        hrefs: Sequence[str] = (),
    ) -> None:
        """Draw markers, which lead somewhere where there is an address."""
        from markupsafe import escape

        marks = [_marker(marker, self.at_x(x), self.at_y(y), half_pt) for x, y in places]
        for number, href in enumerate(hrefs):
            if href:
                marks[number] = f'<a href="{escape(href)}">{marks[number]}</a>'
        if marker in LINES:
            look = f'fill="none" stroke="{_color(color)}" stroke-width="1.2"'
        else:
            look = f'fill="{_color(color)}"'
        self.drawn.append(f"<g {look}>{''.join(marks)}</g>")
        if name:
            self.legend.append((f"<g {look}>{_marker(marker, 0.0, 0.0, half_pt)}</g>", name))

    def line(
        self, color: str, places: Iterable[tuple[float, float]], width_pt: float = 1.2
    ) -> None:
        """Draw a line from point to point."""
        path = "L".join(f"{_n(self.at_x(x))} {_n(self.at_y(y))}" for x, y in places)
        self._path(f"M{path}", color, width_pt)

    def bars(
        self,
        color: str,
        bars: Iterable[tuple[float, float, float]],
        width_pt: float,
        cap_pt: float = 0.0,
    ) -> None:
        """Draw errors: x, y and length on either side."""
        parts = []
        for x, y, error in bars:
            at, (top, bottom) = self.at_x(x), sorted((self.at_y(y + error), self.at_y(y - error)))
            low, high = max(top, self.box[1]), min(bottom, self.box[3])
            parts.append(f"M{_n(at)} {_n(low)}V{_n(high)}")
            for end in (top, bottom) if cap_pt else ():
                if low <= end <= high:
                    parts.append(f"M{_n(at - cap_pt)} {_n(end)}h{_n(2 * cap_pt)}")
        self._path("".join(parts), color, width_pt)

    def across(self, at: float, color: str, text: str = "", *, dashes: str = "") -> None:
        """Draw a line from left to right at a height, with a word above its end."""
        left, top, right, bottom = self.box
        y = self.at_y(at)
        if top <= y <= bottom:
            self._path(f"M{_n(left)} {_n(y)}H{_n(right)}", color, 1.4, dashes)
            if text:
                self.drawn.append(_text(text, right - 3, y - 2.5, SMALL_PT, "end", color))

    def upright(self, at: float, color: str) -> None:
        """Draw a line from top to bottom."""
        _, top, _, bottom = self.box
        self._path(f"M{_n(self.at_x(at))} {_n(top)}V{_n(bottom)}", color, 1.4)

    def ring(self, at: tuple[float, float], color: str, ident: str) -> None:
        """Draw a ring around a point."""
        x, y = _n(self.at_x(at[0])), _n(self.at_y(at[1]))
        look = f'fill="none" stroke="{_color(color)}" stroke-width="1.6"'
        self.drawn.append(f'<circle id="{ident}" cx="{x}" cy="{y}" r="5.9" {look}/>')

    def svg(self) -> str:
        """All of it."""
        left, top, right, bottom = self.box
        grid, ticks, words = [], [], []
        for value, text in labelled(self.x, (right - left) / APART_PT[0]):
            x = _n(self.at_x(value))
            grid.append(f"M{x} {_n(bottom)}V{_n(top)}")
            ticks.append(f"M{x} {_n(bottom)}v{TICK_PT}")
            place = bottom + 2 * TICK_PT + 0.76 * NUMBER_PT
            words.append(_text(text, self.at_x(value), place, NUMBER_PT, "middle"))
        heights = labelled(self.y, (bottom - top) / APART_PT[1])
        for value, text in heights:
            y = self.at_y(value)
            grid.append(f"M{_n(left)} {_n(y)}H{_n(right)}")
            ticks.append(f"M{_n(left)} {_n(y)}h-{TICK_PT}")
            words.append(_text(text, left - 2 * TICK_PT, y + 0.35 * NUMBER_PT, NUMBER_PT, "end"))
        middle = (top + bottom) / 2
        words.append(_text(self.names[0], (left + right) / 2, bottom + 32, LABEL_PT, "middle"))
        room = LETTER * NUMBER_PT * max((len(text) for _, text in heights), default=0)
        beside = left - 2 * TICK_PT - room - LABEL_PT
        turned = f' transform="rotate(-90 {_n(beside)} {_n(middle)})"'
        words.append(_text(self.names[1], beside, middle, LABEL_PT, "middle", more=turned))
        axes = f"M{_n(left)} {_n(top)}V{_n(bottom)}H{_n(right)}"
        lines = (
            f'<g fill="none" stroke="currentColor"><path stroke-opacity=".2" stroke-width=".6" '
            f'd="{"".join(grid)}"/><path stroke-width=".8" d="{axes}{"".join(ticks)}"/></g>'
        )
        return "".join([lines, *words, *self.drawn, *self._legend()])

    def _legend(self) -> Iterable[str]:
        """Markers and words in a line above, that ends at the right."""
        right = self.box[2]
        for marker, name in reversed(self.legend):
            start = right - LETTER * SMALL_PT * len(name)
            place = f"translate({_n(start - 8)} {_n(self.box[1] - 7)})"
            yield f'<g transform="{place}">{marker}</g>'
            yield _text(name, start, self.box[1] - 4, SMALL_PT, "start")
            right = start - 20

    def _path(self, path: str, color: str, width_pt: float, dashes: str = "") -> None:
        broken = f' stroke-dasharray="{dashes}"' if dashes else ""
        look = f'fill="none" stroke="{_color(color)}" stroke-width="{width_pt:g}"{broken}'
        self.drawn.append(f'<path {look} d="{path}"/>')


def boxes(
    size_inch: tuple[float, float], count: int, *, has_legend: bool
) -> list[tuple[float, float, float, float]]:
    """Places of panels beside each other."""
    left, bottom, right, top = (POINTS_PER_INCH * each for each in figures.MARGINS_INCH)
    width, height = (POINTS_PER_INCH * each for each in size_inch)
    upper = top + LEGEND_PT * has_legend
    each = (width - left - right - (count - 1) * BESIDE_PT) / count
    starts = [left + number * (each + BESIDE_PT) for number in range(count)]
    return [(start, upper, start + each, height - bottom) for start in starts]


def figure(size_inch: tuple[float, float], panels: Iterable[Panel], description: str) -> "Markup":
    """Panels as inline SVG with an alternative text; identifiers are of this figure alone."""
    from markupsafe import Markup, escape

    width, height = (_n(POINTS_PER_INCH * each) for each in size_inch)
    prefix = f"f{zlib.crc32(description.encode())}_"
    content = "".join(each.svg() for each in panels).replace(' id="', f' id="{prefix}')
    return Markup(
        f'<svg role="img" aria-label="{escape(description)}" class="figure" '
        f'xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}" font-family="\'DejaVu Sans\', Verdana, Geneva, Arial, '
        f'Helvetica, sans-serif">{content}</svg>'
    )


def wide(values: Iterable[float], least: float = 0.0) -> Range:
    """Range that shows numbers, and a little beyond; at least so wide."""
    known = [each for each in values if math.isfinite(each)] or [0.0]
    low, high = min(known), max(known)
    room = MARGIN * (high - low)
    least = max(least, 0.0 if high > low else 0.1 * abs(low) or 1.0)
    room = max(room, (least - (high - low)) / 2)
    return low - room, high + room


def labelled(shown: Range, most: float) -> list[tuple[float, str]]:
    """Ticks of an axis, at round numbers, and what stands there."""
    low, high = sorted(shown)
    least = (high - low) / max(most, 1.0)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(each * power for each in STEPS if each * power >= least * (1 - 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    decimals += not math.isclose(round(step, decimals), step, rel_tol=1e-6)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    return [(each, f"{each + 0.0:.{decimals}f}".replace("-", "−")) for each in values]


def _marker(kind: str, x: float, y: float, half_pt: float) -> str:
    if kind in AREAS or kind in LINES:
        strokes = [
            "L".join(f"{_n(x + half_pt * dx)} {_n(y + half_pt * dy)}" for dx, dy in corners)
            for corners in ([AREAS[kind]] if kind in AREAS else LINES[kind])
        ]
        end = "z" if kind in AREAS else ""
        return f'<path d="M{"M".join(strokes)}{end}"/>'
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(half_pt)}"/>'


def _text(
    text: str,
    x: float,
    y: float,
    size_pt: float,
    anchor: str,
    color: str = figures.INK,
    more: str = "",
) -> str:
    from markupsafe import escape

    look = f'font-size="{size_pt:g}px" text-anchor="{anchor}" fill="{_color(color)}"'
    return f'<text x="{_n(x)}" y="{_n(y)}" {look}{more}>{escape(text)}</text>'


def _color(color: str) -> str:
    """Colour as the style sheet of the page has it, by day and by night."""
    if color == figures.INK:
        return "currentColor"
    name = figures.NAMES.get(color)
    return f"var(--{name}, {color})" if name else color


def _n(value: float) -> str:
    """Length in hundredths of a point at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
