"""Every row of the table of verdicts: when it applies, what it says, that it says it in words."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from photpipe.report.links import FROM_DATA
from photpipe.report.state import State, gather
from photpipe.report.verdicts import RULES, Severity, Verdict, judge
from photpipe.report.views import MainFigures, main_view
from photpipe.run.photometry_file import BRIGHTER, UNEXPECTED, WIDER
from photpipe.run.results import (
    CatalogAttempt,
    ClockResult,
    DistillResult,
    FrameFailure,
    RegisterResult,
    StageRecord,
    ToldFact,
)
from tests.report.nights import Maker

NAN = math.nan
Change = Callable[[Maker], None]


def judged(maker: Maker) -> list[Verdict]:
    return judge(gather(maker.workspace))


def failing(stage: str, everywhere: bool = False) -> Change:
    """A stage on which the first frame, or all frames, failed."""

    def change(maker: Maker) -> None:
        result = getattr(maker, stage)()
        failed = result.frames if everywhere else result.frames[:1]
        reasons = tuple(FrameFailure(each.frame, "only 6 sources") for each in failed)
        maker.workspace.save(replace(result, frames=result.frames[len(failed) :], failed=reasons))

    return change


def rows(stage: str, first: int = 1, **changes: Any) -> Change:
    """A stage with other numbers on the first frames."""

    def change(maker: Maker) -> None:
        result = getattr(maker, stage)()
        changed = tuple(replace(each, **changes) for each in result.frames[:first])
        maker.workspace.save(replace(result, frames=changed + result.frames[first:]))

    return change


def result(stage: str, **changes: Any) -> Change:
    """A stage with other results for the run as a whole."""

    def change(maker: Maker) -> None:
        maker.workspace.save(replace(getattr(maker, stage)(), **changes))

    return change


def field(**changes: Any) -> Change:
    def change(maker: Maker) -> None:
        before = maker.calibrate()
        maker.workspace.save(
            replace(before, fields=tuple(replace(each, **changes) for each in before.fields))
        )

    return change


def points(first: int = 1, number: int = 0, **changes: Any) -> Change:
    """Targets of which the first one (or the one of a number) has other points."""

    def change(maker: Maker) -> None:
        targets = []
        for index, name in enumerate(maker.night.targets):
            found = maker.points(index)
            if index == number:
                found = [replace(each, **changes) for each in found[:first]] + found[first:]
            targets.append(maker.target(name, found, "control" if index else "moving"))
        maker.workspace.save(DistillResult(tuple(targets), maker.night.names, ()))

    return change


def record(**changes: Any) -> Change:
    def change(maker: Maker) -> None:
        from photpipe.run.results import History

        history = maker.workspace.load(History)
        assert history is not None
        usual = StageRecord("pp_register", "*.fits", "done", "", "2026-01-01T00:01:00Z", 2.0)
        maker.workspace.save(history.with_record(replace(usual, **changes)))

    return change


def without(stage: str) -> Change:
    def change(maker: Maker) -> None:
        (maker.workspace.state_directory / f"{stage}.json").unlink()
        if stage == "distill":
            for path in maker.directory.glob("photometry_*"):
                path.unlink()

    return change


def varying(maker: Maker) -> None:
    targets = []
    for index, name in enumerate(maker.night.targets):
        found = [
            replace(each, mag=each.mag + 0.1 * index * (number % 2))
            for number, each in enumerate(maker.points(index))
        ]
        targets.append(maker.target(name, found, "control" if index else "moving"))
    maker.workspace.save(DistillResult(tuple(targets), maker.night.names, ()))


def broken_rejections(maker: Maker) -> None:
    (maker.directory / "rejections.txt").write_text("3552\n")


def fixed_by_lack(maker: Maker) -> None:
    reason = "the aperture nearest to the default of the telescope: no curve of growth"
    maker.workspace.save(replace(maker.photometry(), decided_by="fixed", reason=reason))


def trailed(maker: Maker) -> None:
    before = maker.photometry()
    curve = tuple(replace(each, difference=0.12) for each in before.curve)
    maker.workspace.save(replace(before, curve=curve))


def restless(maker: Maker) -> None:
    found = [
        replace(each, offset_east_arcsec=4.0 * (number - 1))
        for number, each in enumerate(maker.points(0))
    ]
    targets = (maker.target("3552", found, "moving"),)
    maker.workspace.save(DistillResult(targets, maker.night.names, ()))


def mirrors(maker: Maker) -> None:
    before = maker.register()
    other = replace(before.frames[0], catalog="TGAS")
    maker.workspace.save(RegisterResult((other, *before.frames[1:]), (), ("TGAS", "GAIA")))


# name of the rule, what is changed in a good night, words that the verdict must contain
def elsewhere(maker: Maker) -> None:
    """A target that ought to be seen is not there."""
    found = maker.target("3552", maker.points(0), "moving")
    found = replace(found, whereabouts="predicted V = 17.5, limit 21.9: not there")
    maker.workspace.save(DistillResult((found,), maker.night.names, ()))


def clock_off(maker: Maker) -> None:
    """Asteroids ran ahead of their ephemerides."""
    clock = ClockResult(30.4, 0.5, 3, 60, True, ("the times are one exposure early",))
    maker.workspace.save(replace(maker.distill(), clock=clock))


def another_band(maker: Maker) -> None:
    """Stars that show another band than the header names."""
    result = maker.calibrate()
    field = replace(result.fields[0], likeness_colour="g-r", slope=0.31, slope_error=0.01)
    field = replace(field, nearest_band="G", nearest_slope=0.02, is_contradicted=True)
    maker.workspace.save(replace(result, fields=(field,)))


def nowhere(maker: Maker) -> None:
    """A near asteroid, and nobody says where the telescope stands."""
    unknown = ToldFact("site", "unknown", "no card", "positions are those of the Earth's centre")
    rows("prepare", 3, facts=(unknown,))(maker)
    found = replace(maker.target("3552", maker.points(0), "moving"), distance_au=0.5)
    maker.workspace.save(DistillResult((found,), maker.night.names, ()))


CASES: tuple[tuple[str, Change, str], ...] = (
    ("stopped", record(status="failed", reason="SCAMP died"), "pp_register stopped: SCAMP died"),
    ("interrupted", record(status="interrupted"), "pp_register was interrupted"),
    ("running", record(status="running"), "has been running since 2026-01-01 00:01:00 UTC, or was"),
    ("outdated", record(started="2027-01-01T00:00:00Z"), "pp_photometry are older than those of"),
    ("unfinished", without("distill"), "pp_distill has not been run"),
    ("unreadable", broken_rejections, "rejections.txt: line 1"),
    ("nothing prepared", failing("prepare", True), "No frame could be prepared: only 6 sources"),
    ("not prepared", failing("prepare"), "1 of 3 frames was not prepared: only 6 sources"),
    ("several objects", rows("prepare", object_name="433"), "several objects: 3552, 433"),
    (
        "doubtful time",
        rows("prepare", 2, time_remarks=("the date lies in the future",)),
        "The time of 2 of 3 frames is doubtful: the date lies in the future",
    ),
    (
        "header guessed",
        rows("prepare", 3, facts=(ToldFact("site", "+4 E", "SITELONG", "nothing checks it"),)),
        "in the headers: site: nothing checks it",
    ),
    ("no site", nowhere, "centre of the Earth, wrong by up to 18″ at its distance of 0.5 au"),
    (
        "another band",
        another_band,
        "behave like G, not like R: in R +0.31 ± 0.01 mag per mag of g-r",
    ),
    ("high airmass", rows("prepare", 2, airmass=3.0), "2 of 3 frames are at an airmass"),
    ("nothing registered", failing("register", True), "No frame is registered: only 6 sources"),
    ("not registered", failing("register"), "1 of 3 frames was not registered: only 6 sources"),
    ("low contrast", rows("register", 3, as_contrast=2.0), "contrasts are low on all 3 frames"),
    ("rough positions", rows("register", rms_arcsec=0.9), "uncertain by up to 0.90″"),
    (
        "few matched",
        rows("register", matched=5),
        "fewer than 8 catalog stars support the solution of 1 of 3 frames",
    ),
    ("pixel scale", rows("register", scale_error=-0.03), "pixel scale of 1 of 3 frames differs"),
    ("header off", rows("register", offset_arcsec=300.0), "half a field (up to 5.0′)"),
    ("several catalogs", mirrors, "different catalogs: GAIA (2), TGAS (1)"),
    ("nothing measured", failing("photometry", True), "No frame could be measured: only 6"),
    ("not measured", failing("photometry"), "1 of 3 frames was not measured: only 6 sources"),
    ("narrow aperture", rows("photometry", fwhm_px=9.0), "narrower than the stars on 1 of 3"),
    ("seeing varies", rows("photometry", fwhm_arcsec=3.5), "varies from 2.0″ to 3.5″"),
    ("no curve of growth", fixed_by_lack, "default of the telescope"),
    ("trailed", trailed, "differ by 12 % in the flux"),
    ("aperture at the end", result("photometry", aperture_index=0), "smallest that was tried"),
    (
        "no PSF",
        result("photometry", crowding=0.2, crowding_limit=0.03),
        "(0.200 stars per area of the aperture; the limit is 0.030), but too few",
    ),
    (
        "uneven PSF",
        result(
            "photometry", crowding=0.2, crowding_limit=0.03, psf_error=0.07, psf_error_limit=0.03
        ),
        "describes them (their pixels differ from it by 7 %): they are measured in apertures",
    ),
    (
        "uneven PSF",
        result(
            "photometry",
            crowding=0.2,
            crowding_limit=0.03,
            psf_error=float("inf"),
            psf_error_limit=0.03,
        ),
        "describes them (too few of them are isolated): they are measured in apertures",
    ),
    (
        "crowded apertures",
        result("photometry", crowding=0.2, crowding_limit=0.03, psf_wish="aperture"),
        "(0.200 per area of the aperture, the limit is 0.030) and are measured in apertures",
    ),
    ("few curves", result("photometry", background_stars=2), "is based on only 2 stars"),
    ("no gain", rows("photometry", 3, gain_from="none"), "gain of all 3 frames is unknown"),
    ("target missed", rows("photometry", 3, target_offset_arcsec=NAN), "on all 3 frames when"),
    ("instrumental", result("calibrate", instrumental=True), "instrumental, as requested"),
    ("calibration failed", failing("calibrate", True), "No frame has a database: only 6"),
    ("calibration failed on some", failing("calibrate"), "1 of 3 frames was not calibrated"),
    (
        "no zeropoint",
        rows("calibrate", 3, zeropoint_mag=NAN, note="too few"),
        "No frame has a zeropoint: too few",
    ),
    (
        "some without zeropoint",
        rows("calibrate", zeropoint_mag=NAN, note="too few"),
        "1 of 3 frames has no zeropoint: too few",
    ),
    ("clouds", rows("calibrate", zeropoint_mag=26.5), "below the median by up to 1.0 mag"),
    (
        "zeropoint varies",
        rows("calibrate", zeropoint_mag=27.3),
        "by 0.21 mag (thin clouds, or the airmass)",
    ),
    ("few stars", rows("calibrate", used=4), "1 of 3 frames is based on fewer than 5 stars"),
    ("uncertain zeropoint", rows("calibrate", zeropoint_sigma_mag=0.1), "by more than 0.05 mag"),
    ("large chi2", rows("calibrate", reduced_chi2=4.0), "scatter more than their errors allow"),
    (
        "other catalogs failed",
        field(attempts=(CatalogAttempt("SDSS-R9", 0, 0, "0 stars"),)),
        "PANSTARRS was used; other catalogs were not usable (SDSS-R9: 0 stars)",
    ),
    ("repeatability", field(repeatability_mag=0.05), "scatter by 0.050 mag from frame to frame"),
    ("uneven field", field(unevenness_mag=0.013), "differ by 0.013 mag (rms) across the field"),
    ("variable stars", field(variable_stars=("a", "b")), "2 reference stars left out as variable"),
    (
        "no target",
        result("distill", targets=()),
        "No target was measured: no header names a target",
    ),
    (
        "search failed",
        result("distill", failed=(FrameFailure("SkyBoT", "does not answer"),)),
        "SkyBoT: does not answer",
    ),
    ("never measured", points(3, rejected="pos"), "3552 has no usable magnitude on 3 frames"),
    ("limits", points(method="limit"), "3552 is not detected on 1 of 3 frames: these are upper"),
    (
        "passes a star",
        points(2, contamination="star of V = 17 at 1.1 arcsec", contamination_mag=-0.12),
        "3552 passes a star of V = 17 at 1.1 arcsec on frames 1–2, which changes its magnitude",
    ),
    (
        "contaminated",
        points(2, contamination="star of V = 17", rejected="contaminated: star of V = 17"),
        "3552 passes a star of V = 17 on frames 1–2, which changes its magnitude",
    ),
    (
        "affected on a frame",
        points(2, defect="trail", defect_mag=-0.3, rejected="trail: over the target"),
        "3552 is affected by trail on frames 1–2, by up to 0.30 mag",
    ),
    (
        "brighter",
        points(2, contamination=f"0.4 mag {BRIGHTER}", contamination_mag=0.4),
        "3552 is brighter than its median by up to 0.4 mag on frames 1–2",
    ),
    (
        "brighter than predicted",
        points(2, contamination=f"1.5 mag {UNEXPECTED}", contamination_mag=1.5),
        "3552 is 1.5 mag brighter than predicted on frames 1–2",
    ),
    (
        "wider than stars",
        points(3, contamination=f"1.7 times {WIDER}"),
        "3552 is 1.7 times as wide as the stars on frames 1–3.",
    ),
    ("far from prediction", points(3, offset_east_arcsec=5.0), "3552 was measured 5.0″ from"),
    (
        "elsewhere",
        elsewhere,
        "3552: predicted V = 17.5, limit 21.9: not there.",
    ),
    (
        "clock",
        clock_off,
        "30.4 ± 0.5 s too early, say 3 known bodies (the times are one exposure early)",
    ),
    ("restless", restless, "the position of 3552 scatters by"),
    ("saturated", points(flags=4), "3552 is saturated on 1 of 3 frames"),
    ("truncated", points(flags=8), "3552 is truncated by the edge of the frame on 1 of 3 frames"),
    ("wide", points(3, fwhm_arcsec=4.0), "3552 is 2.0 times as wide as the stars"),
    ("faint", points(3, snr=5.0), "signal-to-noise ratio 5"),
    ("rejected", points(rejected="pos: 11 arcsec"), "of 3552 are rejected on 1 of 3 frames: pos"),
    ("control star varies", varying, "the control star scatters by 0.05"),
    ("no control star", restless, "no star in the field is suitable"),
    ("registered", rows("register"), "All 3 frames were registered with GAIA; typical rms 0.03″"),
    (
        "crowded",
        rows("photometry", 3, psf_stars=40, psf_found=100),
        "function was fitted to all stars of all 3 frames at once, which found 300 further",
    ),
    ("aperture", rows("photometry"), "Aperture radius 4.00 px"),
    ("calibrated", rows("calibrate"), "All 3 frames have a zeropoint from PANSTARRS"),
    ("control star constant", rows("calibrate"), "constant to within 0.00"),
    ("measured", rows("calibrate"), "3552: R = 17.042 mag, typical error 0.010 mag"),
)


@pytest.fixture
def maker(make: Callable[..., Maker]) -> Maker:
    """A good night without frames and catalogs: the verdict needs results alone."""
    maker = make()
    for stage in ("prepare", "register", "photometry", "calibrate", "distill", "history"):
        getattr(maker, stage)()
    return maker


@pytest.mark.parametrize(("name", "change", "words"), CASES, ids=[case[0] for case in CASES])
def test_rule(maker: Maker, name: str, change: Change, words: str) -> None:
    change(maker)
    found = [each for each in judged(maker) if each.rule == name]
    assert found
    assert words.casefold() in found[0].text.casefold()
    assert "{" not in found[0].text + found[0].advice
    assert "nan" not in found[0].text.lower().split()


def test_every_rule_has_a_case_and_advice() -> None:
    assert {rule.name for rule in RULES} == {case[0] for case in CASES}
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert {rule.section for rule in RULES} <= {
        *("stages", "frames", "origins", "registration", "photometry", "calibration", "results"),
    }
    for rule in RULES:
        silent = {"search failed", "other catalogs failed", "variable stars"}
        assert rule.advice or rule.severity is Severity.GOOD or rule.name in silent


def test_good_night_has_good_news_alone(maker: Maker) -> None:
    assert [each.rule for each in judged(maker)] == [
        "registered",
        "aperture",
        "calibrated",
        "control star constant",
        "measured",
    ]


def test_most_serious_comes_first(maker: Maker) -> None:
    failing("register")(maker)
    points(flags=4)(maker)
    ranks = [each.severity.rank for each in judged(maker)]
    assert ranks == sorted(ranks)
    assert judged(maker)[0].severity is Severity.BAD


def test_many_targets_do_not_bury_the_verdict(make: Callable[..., Maker]) -> None:
    maker = make(targets=tuple(f"target {number}" for number in range(9)), stars=25)
    maker.distill()
    state = gather(maker.workspace)
    view = main_view(state, judge(state), MainFigures("", "", "", ()), {}, FROM_DATA)
    told = [each.text for each in view.passed if each.text.startswith("Target")]
    assert len(told) == 4
    assert len([each for each in view.more_verdicts if each.text.startswith("Target")]) == 4


def test_failure_of_a_frame_is_told_once(maker: Maker) -> None:
    failing("register")(maker)
    failing("photometry")(maker)
    assert [each.rule for each in judged(maker) if "sources" in each.text] == ["not registered"]


def test_width_is_told_once(maker: Maker) -> None:
    points(3, contamination=f"2.0 times {WIDER}", fwhm_arcsec=4.0)(maker)
    told = [each.rule for each in judged(maker) if "as wide as" in each.text]
    assert told == ["wider than stars"]


def test_step_that_stopped_is_not_told_twice(maker: Maker) -> None:
    (maker.workspace.state_directory / "register.json").unlink()
    record(status="failed", reason="SCAMP died")(maker)
    assert "unfinished" not in {each.rule for each in judged(maker)}


def test_zeropoint_that_follows_the_seeing_is_no_cloud(maker: Maker) -> None:
    rows("calibrate", zeropoint_mag=27.3)(maker)
    rows("photometry", aperture_correction_mag=-0.47)(maker)
    texts = {each.rule: each.text for each in judged(maker)}
    assert "as the seeing does" in texts["zeropoint varies"]
    assert "clouds" not in texts


def test_short_exposures_are_no_clouds(maker: Maker) -> None:
    rows("prepare", exptime_s=30.0)(maker)
    rows("calibrate", zeropoint_mag=27.5 - 2.5 * math.log10(2.0))(maker)
    assert not {"clouds", "zeropoint varies"} & {each.rule for each in judged(maker)}


def test_nothing_is_said_of_an_empty_directory(maker: Maker) -> None:
    assert judge(State(maker.directory)) == []


def test_reasons_with_braces_are_left_alone(maker: Maker) -> None:
    record(status="failed", reason="KeyError: {'a'} {which}")(maker)
    assert judged(maker)[0].text == "pp_register stopped: KeyError: {'a'} {which}"
