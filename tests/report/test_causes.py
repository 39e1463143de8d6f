"""Every verdict that gives a reason advises the remedy for its cause."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from photpipe.report.causes import CAUSES, remedy
from photpipe.report.state import State, gather
from photpipe.report.verdicts import Verdict, judge
from photpipe.run.results import (
    DistillResult,
    FrameFailure,
    PrepareResult,
    RegisterResult,
    StageRecord,
)
from tests.report.nights import Maker
from tests.unit.test_words import strings

ROOT = Path(__file__).resolve().parent.parent.parent

# name of the cause, a reason as a stage gives it, words of the remedy
REASONS = (
    ("not cached", "GAIA: not in the cache (x.ecsv) and -offline is set", "prefetch"),
    ("no network", "VizieR: host unknown; is this computer online?", "network connection"),
    ("service down", "VizieR: HTTP 503 Service Unavailable", "later"),
    ("unknown target", "target 355x: not a known Solar System object", "-target NAME"),
    ("target outside", "target 3552: it lies on none of the frames: 40.1 arcmin N", "cover"),
    ("no target named", "no header names a target", "-positions"),
    ("no such band", "-filter Rc: there is no such band; did you mean -filter R?", "-filter R"),
    ("no band", "the filter has no band in any catalog: the headers name no filter", "BAND"),
    ("wrong telescope", "header card DATE: missing; it holds the date", "leave out -telescope"),
    ("no time", "header card DATE: no card with a time of day is known to PP", "date_keyword"),
    ("unknown telescope", "INSTRUME: none; name it with -telescope KEYWORD", "-telescope KEYWORD"),
    ("other kind", "is of V, most frames are of R; process it separately, or use -split", "-split"),
    ("damaged", "the header has no END card: the file is damaged", "Copy or download"),
    ("no signal", "all pixels are NaN; set the frame aside", "Exclude"),
    ("disk full", "the disk is full; make room and run again", "Make room"),
    ("little memory", "sex was ended by signal SIGKILL", "-jobs 1"),
    ("missing program", "there is no scamp on PATH; install it with apt", "pp_doctor"),
    ("too slow", "sex did not finish within 600 s and was stopped", "timeout_s"),
    ("not prepared", "not prepared; run pp_prepare on it", "Run pp_prepare"),
    ("stage missing", "not registered: run pp_register, then pp_photometry", "Run pp_register"),
    ("no pointing", "no pointing, and no position of the target (x)", "-ra -dec"),
    ("trailed stars", "the stars are trailed, try -nodeblending", "-nodeblending"),
    ("saturated stars", "none of its 9 sources has flags of 3 or less", "SATURATE"),
    ("few sources", "only 6 sources to register with, more than 10 are needed", "-minarea"),
    ("few catalog stars", "GAIA has 2 stars in 1.0 +1.0 r=0.1; 4 are needed", "deeper catalog"),
    ("few reference stars", "2 usable of 9 matched stars, too few", "-minstars"),
    ("band not in catalog", "GAIA gives no magnitudes in B (gives G)", "has the band"),
    ("wrong orientation", "90 sources and 99 stars of GAIA: no common pattern", "orientation"),
)


def named_telescope(state: State) -> State:
    record = StageRecord("pp_run", "-telescope DCTLMI *.fits", "failed", "", "2026", 1.0)
    history = replace(state.history, records=(record,))
    return replace(state, history=history, prepare=PrepareResult((), ()))


@pytest.mark.parametrize(("name", "reason", "words"), REASONS, ids=[row[0] for row in REASONS])
def test_reason_leads_to_the_remedy_for_its_cause(
    tmp_path: Path, name: str, reason: str, words: str
) -> None:
    state = State(tmp_path)
    if name == "wrong telescope":
        assert remedy(reason, state) != (remedy(reason, named_telescope(state)))
        state = named_telescope(state)
    assert words in remedy(reason, state)
    assert remedy(reason, state) == next(row.remedy for row in CAUSES if row.name == name)


def test_every_cause_has_a_reason_that_a_stage_gives() -> None:
    assert [row.name for row in CAUSES] == [row[0] for row in REASONS]
    written = [
        text
        for path in (ROOT / "photpipe").rglob("*.py")
        if path.name != "causes.py"
        for text in strings(path.read_text("utf-8"))
        if " " in text
    ]
    filled = [re.sub(r"\{[^{}]*\}|%[sdg]", "5", text) for text in written]
    for row in CAUSES:
        assert any(re.search(row.pattern, text, re.IGNORECASE) for text in filled), row.name


def verdicts(maker: Maker) -> list[Verdict]:
    return judge(gather(maker.workspace))


@pytest.fixture
def maker(make: Callable[..., Maker]) -> Maker:
    maker = make()
    for stage in ("prepare", "register", "photometry", "calibrate", "distill", "history"):
        getattr(maker, stage)()
    return maker


def test_without_network_the_advice_is_about_the_network(maker: Maker) -> None:
    reason = "VizieR: host unknown; is this computer online?"
    failed = tuple(FrameFailure(name, reason) for name in maker.night.names)
    maker.workspace.save(RegisterResult((), failed, ("GAIA",)))
    found = next(each for each in verdicts(maker) if each.rule == "nothing registered")
    assert "network" in found.advice
    assert "-flipx" not in found.advice


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("it lies on none of the frames: 40.1 arcmin N of their middle", "do not cover"),
        ("not a known Solar System object; check the spelling", "-target NAME"),
    ],
)
def test_target_that_is_outside_or_unknown_is_told_once(
    maker: Maker, reason: str, words: str
) -> None:
    rows = maker.photometry()
    missed = tuple(replace(row, target_offset_arcsec=float("nan")) for row in rows.frames)
    maker.workspace.save(replace(rows, frames=missed))
    for path in maker.directory.glob("photometry_*"):
        path.unlink()
    failed = (FrameFailure("target 3552", reason),)
    maker.workspace.save(DistillResult((), maker.night.names, failed))
    about = [each for each in verdicts(maker) if each.severity in ("bad", "look")]
    assert [each.rule for each in about] == ["no target"]
    assert reason.split(":", maxsplit=1)[0] in about[0].text
    assert words in about[0].advice
