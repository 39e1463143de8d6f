"""Figures as SVG: smaller than matplotlib writes them, with every label as it was."""

import json
import re
from collections.abc import Callable

import pytest

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


def test_far_points_stand_at_the_edge_of_a_figure() -> None:
    used = Series("measured", "used", (0.0, 1.0), (17.0, 17.1), (0.01, 0.01))
    limit = Series("5σ limit", "limit", (0.5,), (12.0,))

    def lowest(*, has_edge: bool) -> float:
        plot = Plot("", "", "", "", (used, limit), has_edge=has_edge, least_range=0.05)
        labels = re.findall(r">(1\d(?:\.\d+)?)</text>", str(drawn(plot, CARD_INCH)))
        return min(map(float, labels))

    assert lowest(has_edge=False) < 13
    assert 16.8 < lowest(has_edge=True) < 17
