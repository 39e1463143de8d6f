"""The coma of a comet on the page of its target."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from photpipe.report.comaview import coma_view
from photpipe.report.state import ComaData, _coma
from photpipe.run import comet_file
from photpipe.run.comet_file import ComaPoint

NAN = math.nan


def point(frame: str, radius_km: float, afrho_cm: float = 100.0, problem: str = "") -> ComaPoint:
    """An aperture on a coma of 1/ρ."""
    blank = problem != ""
    return ComaPoint(
        frame=frame,
        midtime_jd=2457786.9 + len(frame) / 1000,
        radius_km=radius_km,
        radius_arcsec=radius_km / 800,
        mag=NAN if blank else 22.0 - 2.5 * math.log10(radius_km),
        sig=0.01,
        band="R",
        afrho_cm=NAN if blank else afrho_cm,
        afrho_sig=1.0,
        a0frho_cm=2.4 * afrho_cm,
        a0frho_sig=2.4,
        filled=0.1,
        growth=1.0,
        growth_sig=0.01,
        r_au=1.5,
        delta_au=1.1,
        phase_deg=30.0,
        problem=problem,
    )


FRAMES = tuple(
    point(frame, radius, value)
    for frame, value in (("a.fits", 100.0), ("bb.fits", 110.0), ("ccc.fits", 150.0))
    for radius in (1e4, 2e4)
)


def test_medians_of_the_frames_and_the_stack_beside_them() -> None:
    stack = (point("comove.fits", 1e4, 105.0), point("comove.fits", 2e4, problem="too faint"))
    view = coma_view("C/2017 B3", ComaData(FRAMES, stack, "a line"))
    assert view is not None
    rows = [[str(cell.content) for cell in row.cells] for row in view.apertures.rows]
    assert [row[0] for row in rows] == ["10000", "20000", "10000", "20000"]
    assert [row[2] for row in rows] == ["all 3 frames", "all 3 frames", "stack", "stack"]
    assert [row[5] for row in rows][:3] == ["110.0", "110.0", "105.0"]
    assert rows[3][9] == "too faint"
    growth, dust, time = view.plots
    line, frames, own = growth.series
    assert line.y[0] == pytest.approx(frames.y[0], abs=1e-3)
    assert line.y[-1] == pytest.approx(frames.y[1], abs=1e-3)
    assert (len(frames.x), len(own.x)) == (2, 1)
    assert dust.series[0].y == (110.0, 110.0)
    assert time.series[0].y == (100.0, 110.0, 150.0)
    assert "20000 km" in time.title
    assert dict(view.facts)["Growth of the flux with the radius"] == "exponent 1.000 ± 0.010"


def test_a_target_without_a_coma_has_no_section() -> None:
    assert coma_view("3552", ComaData()) is None


def test_apertures_that_all_lack_are_told_with_the_reason() -> None:
    view = coma_view("C/2017 B3", ComaData((point("a.fits", 1e4, problem="too faint"),)))
    assert view is not None
    assert view.plots == ()
    assert "too faint" in str(view.apertures.rows[0].cells[9].content)


def test_frames_and_stack_are_told_apart(tmp_path: Path) -> None:
    comet_file.write(tmp_path, "C/2017 B3", FRAMES, "old")
    assert _coma(tmp_path, "C/2017 B3", None) == ComaData(FRAMES, (), "old")
    assert comet_file.set_aside(tmp_path, "C/2017 B3", ("comove.fits",))
    stack = (replace(FRAMES[0], frame="comove.fits"),)
    comet_file.write(tmp_path, "C/2017 B3", stack, "new")
    assert not comet_file.set_aside(tmp_path, "C/2017 B3", ("comove.fits",))

    stacks = SimpleNamespace(names={"comove.fits"})
    found = _coma(tmp_path, "C/2017 B3", stacks)  # type: ignore[arg-type]
    assert found == ComaData(FRAMES, stack, "new")
