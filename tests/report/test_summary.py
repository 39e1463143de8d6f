"""summary.html: rows from results, live while a run goes on, markup escaped."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.report.summary import (
    DONE,
    FAILED,
    PARTIAL,
    RUNNING,
    WAITING,
    SummaryRow,
    SummaryTarget,
    row_of,
    write_summary,
)
from photpipe.report.write import refresh
from photpipe.run.results import FrameFailure
from photpipe.run.workspace import Workspace
from tests.report.nights import Maker
from tests.report.pages import links, parsed, words


def test_row_of_a_night(night: Workspace) -> None:
    refresh(night)
    row = row_of(night, night.directory.parent, DONE, 12.5)
    assert (row.directory, row.link) == ("night", "night/diagnostics.html")
    assert (row.status, row.frames, row.registered, row.band) == (DONE, 3, 3, "R")
    assert (row.aperture_px, row.seconds, row.remark) == (4.0, 12.5, "")
    assert row.zeropoint_mag == pytest.approx(27.5, abs=0.02)
    (target,) = row.targets
    assert (target.name, target.points) == ("3552", 3)
    assert target.mag == pytest.approx(17.04, abs=0.01)


def test_row_of_a_directory_without_results(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    row = row_of(Workspace(tmp_path / "a b"), tmp_path, WAITING)
    assert (row.directory, row.link, row.frames, row.targets) == ("a b", "", 0, ())
    assert math.isnan(row.zeropoint_mag)


def test_the_most_serious_verdict_is_the_remark(make: Callable[..., Maker]) -> None:
    maker = make()
    maker.everything()
    for path in maker.directory.glob("photometry_*"):
        path.unlink()
    row = row_of(maker.workspace, maker.directory.parent, DONE)
    assert "photometry of a target" in row.remark
    said = row_of(maker.workspace, maker.directory.parent, FAILED, remark="disk full")
    assert said.remark == "disk full"


def test_target_outside_of_the_field_is_no_failed_frame(
    make: Callable[..., Maker], tmp_path: Path
) -> None:
    maker = make()
    maker.everything()
    outside = FrameFailure("target 3552", "it lies on none of the frames: 40 arcmin north")
    old = maker.distill()
    maker.workspace.save(replace(old, targets=old.targets[1:], failed=(outside,)))
    row = row_of(maker.workspace, maker.directory.parent, PARTIAL)
    assert (row.frames, row.failed, row.unmeasured) == (3, 0, 1)
    text = words(parsed(write_summary(tmp_path, [row]).read_text("utf-8")))
    assert "1 target not measured" in text
    assert "failed" not in text


@pytest.mark.parametrize(("status", "live"), [(WAITING, True), (RUNNING, True), (DONE, False)])
def test_page_reloads_while_there_is_something_to_come(
    tmp_path: Path, status: str, live: bool
) -> None:
    rows = [SummaryRow("a", DONE), SummaryRow("b", status)]
    text = write_summary(tmp_path, rows).read_text("utf-8")
    tree = parsed(text)
    assert ('http-equiv="refresh"' in text) == live
    assert f"{1 + (not live)} of 2 directories completed" in words(tree)


@pytest.mark.parametrize(("failed", "words_of_status"), [(0, "incomplete"), (2, "2 frames failed")])
def test_partial_directory_says_what_is_missing(
    tmp_path: Path, failed: int, words_of_status: str
) -> None:
    page = write_summary(tmp_path, [SummaryRow("a", PARTIAL, failed=failed)])
    assert words_of_status in words(parsed(page.read_text("utf-8")))


def test_thirty_targets_and_one_point(tmp_path: Path) -> None:
    targets = tuple(SummaryTarget(f"T{number}", 17.0, 0.0, 1) for number in range(30))
    text = words(
        parsed(write_summary(tmp_path, [SummaryRow("a", DONE, targets=targets)]).read_text())
    )
    assert "T0: 17.000 (1 measurement)" in text  # no scatter of a single point
    assert "and 26 more" in text


def test_names_are_escaped_and_links_quoted(tmp_path: Path) -> None:
    name = "<b>field 1</b> #2?"
    target = SummaryTarget("<i>x</i>", math.nan, math.nan, 0)
    row = SummaryRow(name, FAILED, targets=(target,), link=f"{name}/diagnostics.html", remark="<p>")
    tree = parsed(write_summary(tmp_path, [row]).read_text("utf-8"))
    assert name in words(tree)
    assert "<i>x</i>: no magnitude" in words(tree)
    assert links(tree) == ["%3Cb%3Efield%201%3C/b%3E%20%232%3F/diagnostics.html"]


def test_no_directory(tmp_path: Path) -> None:
    assert "0 of 0 directories" in words(parsed(write_summary(tmp_path, []).read_text("utf-8")))
