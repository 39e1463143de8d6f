"""Figures as SVG: smaller than matplotlib writes them, with every label as it was."""

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from photpipe.report import vector
from photpipe.report.figures import new_figure, svg
from photpipe.report.page_figures import CARD_INCH
from photpipe.report.plots import light_curve
from photpipe.report.plotspec import Plot, Series
from photpipe.report.state import gather
from photpipe.report.stills import drawn
from photpipe.report.write import refresh
from tests.report.nights import Maker
from tests.report.pages import parsed


@pytest.mark.parametrize("step", [0.5, 0.025, 0.0025])
def test_labels_of_the_axes_keep_their_digits(step: float) -> None:
    figure, (axes,) = new_figure()
    ticks = [17.0 + step * k for k in range(5)]
    axes.set_yticks(ticks)
    axes.plot([0.123456789, 1.987654321], [17.0, ticks[-1]])
    text = str(svg(figure, "a light curve"))
    labels = [float(each) for each in re.findall(r">(1[6-9]\.\d+)<", text)]
    assert labels == pytest.approx(ticks, abs=1e-9)
    assert not re.search(r"<[^>]*\d\.\d{3,}[^>]*>", text)


def test_one_plot_is_drawn_by_the_browser_and_as_a_figure(make: Callable[..., Maker]) -> None:
    """What the target's page carries is what the figure of the main page was drawn from."""
    workspace = make().everything()
    refresh(workspace)
    state = gather(workspace)
    target = state.targets[0]
    slugs = {each.name: each.slug for each in state.frames}
    plot = light_curve(target, lambda name: f"frame:{slugs[name]}")
    page = parsed((workspace.report_directory / f"targets/{target.slug}.html").read_text("utf-8"))
    carried = next(
        json.loads(each.get("data-plot")) for each in page.iter() if each.get("data-plot")
    )
    for told, shown in zip(plot.spec["series"], carried["series"], strict=True):
        assert [told[key] for key in ("name", "style")] == [shown[key] for key in ("name", "style")]
        for key in ("x", "y", "e", "inner"):
            assert list(told[key]) == shown[key]
    figure = (workspace.report_directory / f"figures/curve-{target.slug}.svg").read_text("utf-8")
    assert figure == str(drawn(plot, CARD_INCH))
    assert sorted(re.findall(r'"frame:([^"]*)"', figure)) == sorted(slugs.values())


@pytest.mark.parametrize(
    ("shown", "most", "labels"),
    [
        ((16.62, 16.64), 4, ["16.620", "16.625", "16.630", "16.635", "16.640"]),
        ((30.0, -2.0), 6, ["0", "10", "20", "30"]),
        ((-0.26, 0.3), 2.5, ["−0.25", "0.00", "0.25"]),
        ((0.0, 1.08), 5, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ((2.0, 10.0), 4, ["2", "4", "6", "8", "10"]),
    ],
)
def test_ticks_are_round_numbers(
    shown: tuple[float, float], most: float, labels: list[str]
) -> None:
    ticks = vector.labelled(shown, most)
    assert [text for _, text in ticks] == labels
    assert [value for value, _ in ticks] == pytest.approx(
        [float(each.replace("−", "-")) for each in labels]
    )


def test_points_stand_where_the_ticks_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's figures are our own: matplotlib is not asked."""
    monkeypatch.setattr("photpipe.report.figures.new_figure", None)
    heights = (17.0, 17.1, 17.2, None)
    series = (
        Series("measured", "used", (0.0, 1.0, 2.0, 3.0), heights, (0.01,) * 4),
        Series("<rejected>", "rejected", (0.5,), (17.15,), hrefs=("frame:a&b",)),
    )
    figure = str(drawn(Plot("", "x", "y (mag)", "a & b", series, upside_down=True), CARD_INCH))
    tree = ElementTree.fromstring(figure)
    name = "{http://www.w3.org/2000/svg}"
    circles = [each for each in tree.iter(f"{name}circle") if float(each.attrib["cy"])]
    ticks = {
        float(each.text or ""): float(each.attrib["y"])
        for each in tree.iter(f"{name}text")
        if re.fullmatch(r"17\.\d+", each.text or "")
    }
    slope = (ticks[17.2] - ticks[17.0]) / 0.2
    assert slope > 0  # fainter is lower
    places = [float(each.attrib["cy"]) for each in circles]
    assert len(places) == 3
    assert np.diff(places) == pytest.approx([0.1 * slope] * 2, abs=0.02)
    assert "&lt;rejected&gt;" in figure
    assert [each.attrib["href"] for each in tree.iter(f"{name}a")] == ["frame:a&b"]


@pytest.mark.parametrize("y", [(), (None,), (17.0,), (17.0, 17.0)])
def test_a_figure_of_few_points_has_axes(y: tuple[float | None, ...]) -> None:
    x = tuple(float(k) for k in range(len(y)))
    figure = str(drawn(Plot("", "", "", "", (Series("", "used", x, y),)), CARD_INCH))
    assert "nan" not in figure
    assert figure.count("<text") > 6


def test_far_points_stand_at_the_edge_of_a_figure() -> None:
    used = Series("measured", "used", (0.0, 1.0), (17.0, 17.1), (0.01, 0.01))
    limit = Series("5σ limit", "limit", (0.5,), (12.0,))

    def lowest(*, has_edge: bool) -> float:
        plot = Plot("", "", "", "", (used, limit), has_edge=has_edge, least_range=0.05)
        labels = re.findall(r">(1\d(?:\.\d+)?)</text>", str(drawn(plot, CARD_INCH)))
        return min(map(float, labels))

    assert lowest(has_edge=False) < 13
    assert 16.8 < lowest(has_edge=True) < 17
