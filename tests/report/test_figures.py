"""Figures as SVG: smaller than matplotlib writes them, with every label as it was."""

import re

import pytest

from photpipe.report.figures import new_figure, svg


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
