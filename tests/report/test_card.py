"""The card of a target: one page to be printed or sent."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diagnostics
from photpipe.report.write import export_cards
from photpipe.run.results import DistillResult
from photpipe.run.workspace import Workspace
from tests.report.nights import Maker


def test_command_writes_a_card_for_each_target(
    night: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.main(["-card", str(night.directory)]) == 0
    files = [night.directory / f"card_3552.{kind}" for kind in ("png", "pdf")]
    assert capsys.readouterr().out.splitlines()[:2] == [str(each) for each in files]
    assert not list(night.directory.glob("card_Control*"))
    png, pdf = (each.read_bytes() for each in files)
    with Image.open(io.BytesIO(png)) as image:
        assert image.width > image.height > 1200  # landscape, fine enough for paper
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert len(png) + len(pdf) < 1_500_000
    export_cards(night)
    assert [each.read_bytes() for each in files] == [png, pdf]


def test_card_shows_the_numbers_and_the_verdict(
    night: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from photpipe.report import card

    figures = []
    monkeypatch.setattr(card, "content", lambda figure, kind: figures.append(figure) or b"")
    export_cards(night)
    figure = figures[0]
    said = [each.get_text() for each in figure.texts]
    assert said[0] == "3552"
    assert any(re.fullmatch(r"R = 17\.0\d\d ± 0\.\d{3} mag", each) for each in said)
    assert any(each.endswith("needs a look") or "passed" in each for each in said)
    places = {each.get_title(loc="left"): each for each in figure.axes}
    assert set(places) == {"Light curve", "Finder chart", "Seeing", "Zeropoint", "Verdict"}
    low, high = sorted(places["Light curve"].get_ylim())
    assert low < 17 < high
    assert places["Finder chart"].images
    assert len(places["Zeropoint"].collections[-1].get_offsets()) == 3


def test_names_are_no_formulas_and_nothing_is_needed(
    make: Callable[..., Maker], tmp_path: Path
) -> None:
    maker = make(targets=("$\\frac$ {x}",))
    maker.everything()
    points = [replace(each, method="limit", sig=np.nan) for each in maker.points(0)]
    maker.workspace.save(DistillResult((maker.target("$\\frac$ {x}", points, "moving"),), (), ()))
    for path in (
        maker.workspace.state_directory / f"{name}.json" for name in ("calibrate", "photometry")
    ):
        path.unlink()
    for name in maker.night.names:
        (maker.directory / name).unlink()
    written = export_cards(maker.workspace)
    assert len(written) == 2
    assert all(each.stat().st_size > 5000 for each in written)


def test_without_a_target_it_says_what_to_do(
    make: Callable[..., Maker], caplog: pytest.LogCaptureFixture
) -> None:
    maker = make()
    maker.frames()
    maker.prepare()
    assert diagnostics.main(["-card", str(maker.directory)]) == 1
    assert "no card without a target; run pp_distill first" in caplog.text
