"""The pages as text: valid, escaped, linked, complete whatever is missing, made again alike."""

import base64
import hashlib
import io
import json
import math
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photpipe import report
from photpipe.catalogs.ldac import read_ldac, write_ldac
from photpipe.ground import program
from photpipe.report.assets import FrameAssets, FrameStudio
from photpipe.report.symbols import SPOILED
from photpipe.report.write import export_single, refresh
from photpipe.run import forks, photometry_file, subtracted
from photpipe.run.photometry_file import SPOILERS, UNEXPECTED
from photpipe.run.results import (
    CalibrateResult,
    DistillResult,
    FrameFailure,
    History,
    PhotometryResult,
    PrepareResult,
    RegisterResult,
    StageRecord,
    ToldFact,
)
from photpipe.run.settings import ReportSettings
from photpipe.run.workspace import Workspace
from tests.points import point
from tests.report.nights import Maker, names, registered
from tests.report.pages import all_pages, broken_links, identifiers, links, parsed, words

GOLDEN = Path(__file__).parent.parent / "golden" / "report"
UGLY = ("<script>alert(1)<b> &amp; 'x' \"y\".fits", "a b.fits", "a_b.fits", "ä#?%41.fits")


def main_page(workspace: Workspace) -> str:
    return words(parsed(refresh(workspace).read_text("utf-8")))


def contents(directory: Path) -> dict[str, bytes]:
    pages = [directory / "diagnostics.html", *(directory / ".diagnostics").rglob("*")]
    return {str(path): path.read_bytes() for path in pages if path.is_file()}


def test_all_pages_are_valid_and_all_links_lead_somewhere(night: Workspace) -> None:
    refresh(night)
    assert len(all_pages(night.directory)) == 8  # main twice, LOG, three frames, two targets
    assert broken_links(night.directory) == []
    for page in all_pages(night.directory):
        tree = parsed(page.read_text("utf-8"))
        assert [name for name, count in Counter(identifiers(tree)).items() if count > 1] == []
        for image in tree.iter("img"):
            assert image.attrib["alt"]


def test_nothing_comes_from_a_network(night: Workspace) -> None:
    export_single(night)
    for page in [*all_pages(night.directory), night.directory / "diagnostics_single.html"]:
        text = page.read_text("utf-8")
        addresses = set(re.findall(r"(?:https?:)?//[a-z][\w.]*\.[a-z]+", text))
        assert addresses <= {"http://www.w3.org"}


def test_rendering_again_changes_nothing(night: Workspace) -> None:
    refresh(night)
    before = contents(night.directory)
    times = {path: Path(path).stat().st_mtime_ns for path in before}
    refresh(night)
    assert contents(night.directory) == before
    assert {path: Path(path).stat().st_mtime_ns for path in before} == times


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Frames whose pages were made."""
    names: list[str] = []
    assets = FrameStudio.assets

    def watched(studio: FrameStudio) -> FrameAssets:
        names.append(studio.frame.name)
        return assets(studio)

    monkeypatch.setattr(FrameStudio, "assets", watched)
    monkeypatch.setattr(forks, "are_possible", lambda: False)
    return names


def test_pages_of_frames_stay_until_what_they_tell_changes(
    night: Workspace, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(night)
    every = sorted(drawn)
    assert len(every) == 3
    drawn.clear()
    before = contents(night.directory)
    refresh(night)
    assert drawn == []
    assert contents(night.directory) == before
    os.utime(night.directory / every[1], ns=(1, 1))
    refresh(night)
    assert drawn == [every[1]]
    drawn.clear()
    refresh(replace(night, settings=replace(night.settings, report=ReportSettings(cutout_px=31))))
    assert sorted(drawn) == every
    drawn.clear()
    monkeypatch.setattr(program, "sources_digest", lambda _package: "of tomorrow")
    refresh(night)
    assert sorted(drawn) == every


def test_what_seals_the_pages_is_the_users_alone(night: Workspace) -> None:
    refresh(night)
    (path,) = Path(os.environ["PHOTPIPE_CACHE"]).glob("pages.key")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_page_that_somebody_else_wrote_does_not_stay(
    night: Workspace, drawn: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refresh(night)
    folder = night.report_directory
    page = next((folder / "frames").iterdir())
    own = page.read_bytes()
    memory = json.loads((folder / "made.json").read_text("utf-8"))
    name = f"frames/{page.name}"

    def forged(text: bytes, **told: object) -> None:
        page.write_bytes(text)
        made = memory["made"] | {name: memory["made"][name] | told}
        digests = memory["digests"] | {name: hashlib.sha256(text).hexdigest()[:24]}
        (folder / "made.json").write_text(json.dumps({"made": made, "digests": digests}), "utf-8")

    for change in (
        lambda: forged(own + b"<script>alert(1)</script>"),
        lambda: forged(own, info=memory["made"][name]["info"] | {"files": ["images/other.jpg"]}),
        lambda: forged(own, key="0" * 64),
        page.unlink,
        lambda: monkeypatch.setenv("PHOTPIPE_CACHE", str(tmp_path / "of another user")),
    ):
        drawn.clear()
        change()
        refresh(night)
        assert len(drawn) in {1, 3}
        assert page.read_bytes() == own


def test_two_renderings_from_scratch_are_alike(make: Callable[..., Maker]) -> None:
    texts = []
    for name in ("one/night", "two/night"):
        workspace = make(name).everything()
        refresh(workspace)
        found = contents(workspace.directory)
        names_of = {path: Path(path).name for path in found}
        # made.json holds the times of the files that pages were made from
        texts.append({name: found[path] for path, name in names_of.items() if name != "made.json"})
    assert texts[0] == texts[1]


def test_a_further_frame_leaves_the_pages_of_the_others(make: Callable[..., Maker]) -> None:
    workspace = make(names=names(4)).everything()
    kinds = (PrepareResult, RegisterResult, PhotometryResult, CalibrateResult)
    whole = [workspace.load(kind) for kind in kinds]
    for each in whole:
        workspace.save(replace(each, frames=each.frames[:3]))  # type: ignore[type-var, union-attr]
    refresh(workspace)
    pages = [workspace.report_directory / "frames" / f"night000{n}.html" for n in (1, 2, 3)]
    before = [page.stat().st_mtime_ns for page in pages]
    assert "last frame" in pages[2].read_text("utf-8")
    for each in whole:
        workspace.save(each)
    refresh(workspace)
    after = [page.stat().st_mtime_ns for page in pages]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False]
    assert "night0004.html" in pages[2].read_text("utf-8")
    listed = (workspace.report_directory / "frames.js").read_text("utf-8")
    assert listed.count("night") == 4


@pytest.mark.parametrize(("apart_deg", "is_new"), [(1.0, False), (0.001, True)])
def test_stars_of_the_registration_renew_the_pages_that_show_them(
    make: Callable[..., Maker], monkeypatch: pytest.MonkeyPatch, apart_deg: float, is_new: bool
) -> None:
    maker = make()
    workspace = maker.everything()
    refresh(workspace)
    stars, _ = read_ldac(workspace.directory / "GAIA.cat")
    row = dict(stars[0]) | {"YWIN_WORLD": float(np.median(stars["YWIN_WORLD"])) + apart_deg}
    stars.add_row(row)
    write_ldac(workspace.directory / "GAIA.cat", stars)
    made = []
    assets = FrameStudio.assets
    monkeypatch.setattr(FrameStudio, "assets", lambda self: made.append(1) or assets(self))
    refresh(workspace)
    assert bool(made) == is_new


def test_markup_in_names_and_headers_stays_text(make: Callable[..., Maker]) -> None:
    evil = "<script>alert('x')</script>"
    maker = make(names=UGLY, object_name=evil, filter_name='"><img src=x>', targets=(evil, "a/b"))
    workspace = maker.everything()
    refresh(workspace)
    assert broken_links(workspace.directory) == []
    export_single(workspace)
    for page in [*all_pages(workspace.directory), workspace.directory / "diagnostics_single.html"]:
        text = page.read_text("utf-8")
        tree = parsed(text)
        assert evil not in text
        assert "alert" not in "".join(each.text or "" for each in tree.iter("script"))
        assert not [each for each in tree.iter("img") if each.attrib["src"] == "x"]
    assert evil in words(parsed((workspace.directory / "diagnostics.html").read_text("utf-8")))


def test_origins_of_facts_are_told_once_and_escaped(make: Callable[..., Maker]) -> None:
    """Shared facts are one row; the header of a stranger stays text; no entry, no section."""
    maker = make()
    maker.everything()
    assert "Origin of the header values" not in main_page(maker.workspace)
    evil = "<img src=x onerror=alert(1)>"
    prepared = maker.prepare()
    frames = tuple(
        replace(
            row,
            facts=(
                ToldFact("mid-time", f"time {number}", "DATE-OBS", ""),
                ToldFact("filter", evil, "FILTER", f"{evil} is guessed"),
                *([ToldFact("gain", "2 e-/ADU", "EGAIN", "")] if number == 0 else []),
            ),
        )
        for number, row in enumerate(prepared.frames)
    )
    maker.workspace.save(replace(prepared, frames=frames))
    assert "Origin of the header values" in main_page(maker.workspace)
    page = (maker.directory / "diagnostics.html").read_text()
    assert evil not in page
    section = page.partition('id="origins"')[2].partition("</section>")[0]
    assert section.count("<tr><td") == 3
    assert "time 0; time 1; time 2" in section and "1 of 3 frames" in section
    assert section.count("is guessed") == 1 and "&lt;img" in section


def test_frames_with_names_alike_have_pages_of_their_own(make: Callable[..., Maker]) -> None:
    workspace = make(names=("a b.fits", "a_b.fits", "A_b.fits")).everything()
    refresh(workspace)
    pages = sorted((workspace.report_directory / "frames").iterdir())
    assert [page.name for page in pages] == ["A_b_3.html", "a_b.html", "a_b_2.html"]


def test_main_page_tells_what_the_manual_promises(night: Workspace) -> None:
    text = main_page(night)
    for promised in (
        *("night", "VATT/VATT4k", "R → R", "3 frames", "LOG", "Data summary", "n002.fits"),
        *("2017-02-02", "2×2", "2.0×1.7", "AS contrast", "20.4", "19.9", "0.022", "0.025"),
        *("χ² reference", "χ² internal", "Column definitions", "GAIA", "registered"),
        *("Aperture radius 4.00 px", "70% of the flux", "PANSTARRS", "3552", "Control Star"),
    ):
        assert promised in text, promised


def test_points_of_the_figures_lead_to_their_frames(night: Workspace) -> None:
    tree = parsed(refresh(night).read_text("utf-8"))
    in_figures = [
        link
        for svg in tree.iter("{http://www.w3.org/2000/svg}svg")
        for link in links(svg)
        if not link.startswith("#")
    ]
    for name in ("n001", "n002", "n003"):
        # seeing, zeropoint, and two light curves
        assert in_figures.count(f".diagnostics/frames/{name}.html") == 4


def test_frame_page_has_calibration_and_targets(night: Workspace) -> None:
    refresh(night)
    text = (night.report_directory / "frames" / "n002.html").read_text("utf-8")
    tree = parsed(text)
    said = words(tree)
    for promised in ("frame 2", "star 4", "outlier", "Residual against colour", "3552", "0.031"):
        assert promised in said, promised
    groups = [each.attrib.get("class") for each in tree.iter("{http://www.w3.org/2000/svg}g")]
    assert {"layer-catalog", "layer-stars", "layer-target", "layer-scale"} <= set(groups)
    circles = list(tree.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 25 + 25 + 2 + 2  # catalog, stars, targets, their cut-outs
    plots = [
        json.loads(each.attrib["data-plot"])
        for each in tree.iter("figure")
        if "data-plot" in each.attrib
    ]
    assert len(plots) == 6
    assert {each["y"] for each in plots} == {
        "zeropoint (mag)",
        "reduced χ²",
        "catalog − measured (mag)",
    }
    steps = [link for link in tree.iter("a") if link.attrib.get("rel")]
    assert [(each.attrib["rel"], each.attrib["href"]) for each in steps] == [
        ("prev", "../frames/n001.html"),
        ("next", "../frames/n003.html"),
    ]


def test_target_page_carries_points_and_rejections(night: Workspace) -> None:
    (night.directory / "rejections.txt").write_text(
        "3552 n002.fits clouds\nother 'a b.fits' \"it's #2\"\n"
    )
    refresh(night)
    tree = parsed((night.report_directory / "targets" / "3552.html").read_text("utf-8"))
    article = next(each for each in tree.iter("article"))
    assert json.loads(article.attrib["data-rejections"]) == {
        "slug": "3552",
        "reason": "rejected by the user",
        "chosen": {"n002.fits": "clouds"},
        "others": ["other 'a b.fits' 'it'\"'\"'s' '#2'"],
    }
    curve = next(
        json.loads(each.attrib["data-plot"])
        for each in tree.iter("figure")
        if "data-plot" in each.attrib
    )
    assert curve["reject"]
    assert curve["down"]
    (measured,) = curve["series"]
    assert measured["key"] == ["n001.fits", "n002.fits", "n003.fits"]
    assert measured["e"] == [0.01] * 3
    assert measured["inner"] == [0.008] * 3
    assert measured["href"][0] == "../frames/n001.html"
    assert "n001.fits" in measured["label"][0]


def test_residuals_against_colour_name_its_bands(night: Workspace) -> None:
    refresh(night)
    text = (night.report_directory / "frames" / "n001.html").read_text("utf-8")
    figures = [e for e in parsed(text).iter("figure") if "data-plot" in e.attrib]
    axes = [json.loads(each.attrib["data-plot"])["x"] for each in figures]
    assert "gp1-rp1 (mag)" in axes


def test_golden_pages(night: Workspace, request: pytest.FixtureRequest) -> None:
    refresh(night)
    accept = os.environ.get("PP_ACCEPT") == "1"
    for name in ("index.html", "frames/n002.html", "targets/3552.html", "log.html"):
        text = (night.report_directory / name).read_text("utf-8")
        # figures are matplotlib's; the numbers in them have tests of their own
        text = re.sub(r"<svg role=.*?</svg>", "<svg/>", text, flags=re.DOTALL)
        golden = GOLDEN / name.replace("/", "_")
        if accept:
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text, "utf-8")
        assert text == golden.read_text("utf-8"), f"PP_ACCEPT=1 accepts the new {golden.name}"


# -- what may be missing


def test_empty_directory(tmp_path: Path) -> None:
    text = main_page(Workspace(tmp_path))
    assert "Nothing has been run in this directory yet" in text
    assert broken_links(tmp_path) == []


@pytest.mark.parametrize("count", range(1, 6))
def test_after_each_stage_the_others_say_that_they_are_missing(
    make: Callable[..., Maker], count: int
) -> None:
    maker = make()
    maker.frames()
    maker.catalogs()
    stages = ("prepare", "register", "photometry", "calibrate", "distill")
    for stage in stages[:count]:
        getattr(maker, stage)()
    text = main_page(maker.workspace)
    for stage in stages[1:]:
        missing = f"pp_{stage} has not been run yet" in text
        assert missing == (stage in stages[count:])
    assert broken_links(maker.directory) == []


@pytest.mark.parametrize("only", ["register", "photometry", "calibrate", "distill"])
def test_stages_by_themselves(make: Callable[..., Maker], only: str) -> None:
    maker = make()
    getattr(maker, only)()  # neither frames nor catalogs are there
    main_page(maker.workspace)
    assert broken_links(maker.directory) == []


def test_facts_of_unprepared_frames_come_from_their_headers(
    make: Callable[..., Maker], commands: object
) -> None:
    scene_directory = commands.directory
    maker = make("other", names=tuple(path.name for path in commands.frames))
    for path in scene_directory.iterdir():
        if path.is_file():
            shutil.copy(path, maker.directory)
    maker.photometry()
    assert "60.0" in main_page(maker.workspace)


def test_crash_is_a_notice_with_the_reason_and_a_link_into_the_log(night: Workspace) -> None:
    history = night.load(History)
    assert history is not None
    crash = StageRecord(
        "pp_register", "*.fits", "failed", "SCAMP died", "2026-01-01T00:01:00Z", 2.0
    )
    night.save(history.with_record(crash))
    (night.state_directory / "register.json").unlink()
    text = main_page(night)
    assert "pp_register stopped: SCAMP died LOG" in text
    tree = parsed((night.directory / "diagnostics.html").read_text("utf-8"))
    assert ".diagnostics/log.html#l3" in links(tree)
    line = (night.directory / "LOG").read_text().splitlines()[2]
    assert line.startswith("pp_register.py: pp_register")


@pytest.mark.parametrize(
    ("command", "chain"), [("pp_run", "pp_run"), ("directory", "chain")], ids=["now", "in 1.0"]
)
def test_steps_of_pp_run_lead_to_their_place_in_the_log(
    night: Workspace, command: str, chain: str
) -> None:
    (night.directory / "LOG").write_text(
        f"{command}.py: pp_run -offline a.fits [2026-01-01 00:00:00,000]\n"
        f"{chain}.py: pp_prepare: 3 frames [2026-01-01 00:00:00,000]\n"
        "pp_prepare.py: n001.fits: prepared\n"
        f"{chain}.py: pp_register: 3 frames [2026-01-01 00:00:01,000]\n"
        f"{chain}.py: pp_register: something else\n"
    )
    refresh(night)
    tree = parsed((night.directory / "diagnostics.html").read_text("utf-8"))
    lines = [link for link in links(tree) if "log.html#" in link]
    assert lines == [".diagnostics/log.html#l2", ".diagnostics/log.html#l4"]


def test_instrumental_run_says_so(make: Callable[..., Maker]) -> None:
    maker = make()
    maker.everything()
    result = maker.calibrate()
    rows = tuple(
        replace(each, zeropoint_mag=np.nan, catalog="instrumental", note="as requested", steps=())
        for each in result.frames
    )
    maker.workspace.save(replace(result, instrumental=True, frames=rows, fields=()))
    text = main_page(maker.workspace)
    assert "Instrumental magnitudes, as requested." in text
    assert "They compare sources on one frame only" in text


@pytest.mark.parametrize(
    ("kind", "stage", "word"),
    [
        (PrepareResult, "prepare", "not prepared"),
        (RegisterResult, "register", "not registered"),
        (PhotometryResult, "photometry", "not measured"),
        (CalibrateResult, "calibrate", "not calibrated"),
    ],
)
@pytest.mark.parametrize("everywhere", [False, True])
def test_failed_frames_at_every_stage(
    make: Callable[..., Maker], kind: type, stage: str, word: str, everywhere: bool
) -> None:
    maker = make()
    maker.everything()
    result = getattr(maker, stage)()
    failed = result.frames if everywhere else result.frames[:1]
    reasons = tuple(FrameFailure(each.frame, "<b>only 6 sources</b>") for each in failed)
    maker.workspace.save(replace(result, frames=result.frames[len(failed) :], failed=reasons))
    text = main_page(maker.workspace)
    assert word in text
    assert "<b>only 6 sources</b>" in text
    page = (maker.workspace.report_directory / "frames" / "n001.html").read_text("utf-8")
    assert f"pp_{stage} failed" in words(parsed(page))
    assert broken_links(maker.directory) == []


def test_damaged_state_is_a_stage_that_was_not_run(night: Workspace) -> None:
    for name in ("register.json", "calibrate.json", "distill.json", "history.json"):
        (night.state_directory / name).write_text('{"frames": [1, {"x": 2}]')
    text = main_page(night)
    assert "pp_register was left out" in text
    assert "3552" in text  # the photometry of the targets is read from its own files
    assert broken_links(night.directory) == []


def test_damaged_files_cost_their_part_alone(night: Workspace) -> None:
    (night.directory / "n001.fits").write_bytes(b"SIMPLE")
    (night.directory / "n002.ldac.db").write_bytes(b"nothing")
    (night.directory / "n003.ldac").write_bytes(b"")
    (night.directory / "photometry_3552.ecsv").write_text("rubbish")
    (night.directory / "rejections.txt").write_text("3552\n")
    text = main_page(night)
    assert "rejections.txt: line 1" in text
    assert "no photometry of a target can be read" in text
    pages = night.report_directory / "frames"
    assert "not shown image" in words(parsed((pages / "n001.html").read_text("utf-8")))
    assert "not shown reference stars" in words(parsed((pages / "n002.html").read_text("utf-8")))
    assert "not shown catalog stars" in words(parsed((pages / "n003.html").read_text("utf-8")))
    assert broken_links(night.directory) == []


def test_pictures_outlive_their_frames(night: Workspace) -> None:
    refresh(night)
    for path in night.directory.glob("*.fits"):
        path.unlink()
    refresh(night)
    assert len(list((night.report_directory / "images").iterdir())) == 3
    page = (night.report_directory / "frames" / "n001.html").read_text("utf-8")
    assert "the image is from an earlier run" in page


def test_pages_of_an_earlier_run_are_removed(make: Callable[..., Maker]) -> None:
    maker = make()
    workspace = maker.everything()
    refresh(workspace)
    for stage in ("prepare", "register", "photometry", "calibrate"):
        result = getattr(maker, stage)()
        workspace.save(replace(result, frames=result.frames[:1]))
    workspace.save(DistillResult((), ("n001.fits",), ()))
    refresh(workspace)
    assert [path.name for path in (workspace.report_directory / "frames").iterdir()] == [
        "n001.html"
    ]
    assert not list((workspace.report_directory / "targets").iterdir())
    assert (workspace.report_directory / "state" / "prepare.json").is_file()
    assert broken_links(workspace.directory) == []


# -- how many there may be


def test_one_frame_and_no_target(make: Callable[..., Maker]) -> None:
    workspace = make(names=("only.fits",), targets=()).everything()
    text = main_page(workspace)
    assert "No target was measured" in text
    assert "The one frame is registered" in text
    assert broken_links(workspace.directory) == []


def test_thirty_targets(make: Callable[..., Maker]) -> None:
    targets = tuple(f"({number}) asteroid" for number in range(30))
    workspace = make(names=names(2), targets=targets, stars=30).everything()
    refresh(workspace)
    assert len(list((workspace.report_directory / "targets").iterdir())) == 30
    assert len(list((workspace.report_directory / "cutouts").iterdir())) == 60
    assert broken_links(workspace.directory) == []


@pytest.mark.parametrize(
    "pixels",
    [
        lambda rng: np.full((60, 80), np.nan),
        lambda rng: np.full((60, 80), 65000.0),
        lambda rng: rng.normal(-500, 20, (60, 80)),
        lambda rng: rng.normal(65000, 200, (60, 80)).clip(0, 65535),
        lambda rng: np.where(rng.uniform(size=(60, 80)) < 0.3, np.nan, rng.normal(size=(60, 80))),
        lambda rng: np.full((60, 80), np.inf),
        lambda rng: np.zeros((1, 900)),
        lambda rng: rng.normal(size=(2500, 3)),
    ],
)
def test_strange_pixels(make: Callable[..., Maker], pixels: Callable[..., np.ndarray]) -> None:
    workspace = make(shape=(60, 80), pixels=pixels).everything()
    refresh(workspace)
    assert len(list((workspace.report_directory / "images").glob("*.jpg"))) == 3
    assert broken_links(workspace.directory) == []


def test_nan_everywhere(make: Callable[..., Maker]) -> None:
    maker = make()
    maker.everything()
    nan = float("nan")
    for stage in ("register", "photometry", "calibrate"):
        result = getattr(maker, stage)()
        rows = []
        for row in result.frames:
            numbers = {
                name: nan
                for name in row.__slots__
                if isinstance(getattr(row, name), float) and name != "midtime_jd"
            }
            rows.append(replace(row, **numbers))
        changes = {"aperture_radius_px": nan} if stage == "photometry" else {}
        maker.workspace.save(replace(result, frames=tuple(rows), **changes))
    keep = {"midtime_jd"}
    blank = {
        name: nan
        for name, each in photometry_file.TargetPoint.__dataclass_fields__.items()
        if each.type is float and name not in keep
    }
    points = [
        point(frame=name, midtime_jd=maker.jd(n), **blank)
        for n, name in enumerate(maker.night.names)
    ]
    maker.workspace.save(DistillResult((maker.target("3552", points, "moving"),), (), ()))
    text = main_page(maker.workspace)
    assert re.findall(r".{20}\bnan\b.{20}", text.lower()) == []
    assert broken_links(maker.directory) == []


def test_far_points_stand_at_the_edge_of_the_light_curve(make: Callable[..., Maker]) -> None:
    maker = make()
    maker.everything()
    points = maker.points(0)
    points[0] = replace(points[0], method="limit", mag=23.0)
    maker.workspace.save(DistillResult((maker.target("3552", points, "moving"),), (), ()))
    refresh(maker.workspace)
    text = (maker.workspace.report_directory / "figures" / "curve-3552.svg").read_text("utf-8")
    heights = [float(each) for each in re.findall(r">(1\d\.\d+|2\d\.\d+)</text>", text)]
    assert heights
    assert max(heights) < 17.5


def test_names_of_targets_stay_on_the_picture(make: Callable[..., Maker]) -> None:
    maker = make(targets=("Control Star with a long name",))
    maker.x[0] = 200.0  # of 240
    maker.everything()
    refresh(maker.workspace)
    text = (maker.workspace.report_directory / "frames" / "n001.html").read_text("utf-8")
    assert re.search(r'text-anchor="end">Control Star', text)


@pytest.mark.parametrize("shape", [(200, 240), (1200, 1000), (120, 1200), (1200, 120)])
def test_compass_is_inside_the_picture(make: Callable[..., Maker], shape: tuple[int, int]) -> None:
    maker = make(names=("a.fits",), shape=shape)
    maker.everything()
    refresh(maker.workspace)
    text = (maker.workspace.report_directory / "frames" / "a.html").read_text("utf-8")
    x, y = map(float, re.findall(r"translate\((\S+) (\S+)\)", text)[0])
    font = float(re.findall(r'font-size="([\d.]+)" aria-hidden', text)[0])
    ends = re.findall(r'<text x="(\S+)" y="(\S+)" text-anchor="middle"', text)
    assert len(ends) == 2
    for right, down in ends:
        assert font / 2 <= x + float(right) <= shape[1] - font / 2
        assert font / 2 <= y + float(down) <= shape[0] - font / 2


def test_limits_and_rejected_points_are_drawn_as_such(make: Callable[..., Maker]) -> None:
    maker = make()
    maker.everything()
    usual = maker.points(0)
    points = [*usual, replace(usual[0], midtime_jd=usual[0].midtime_jd + 0.1)]
    points[0] = replace(points[0], method="limit", mag=21.0, sig=float("nan"))
    points[1] = replace(points[1], rejected="pos: 11.0 arcsec from the prediction")
    points[2] = replace(points[2], rejected="contaminated: star of R = 17.0, 0.35 mag brighter")
    points[3] = replace(points[3], contamination=f"1.6 mag {UNEXPECTED}", contamination_mag=1.6)
    maker.workspace.save(DistillResult((maker.target("3552", points, "moving"),), (), ()))
    refresh(maker.workspace)
    text = (maker.workspace.report_directory / "targets" / "3552.html").read_text("utf-8")
    assert text.count("too bright") == 1  # under its cut-out
    figure = next(e for e in parsed(text).iter("figure") if "data-plot" in e.attrib)
    styles = [each["style"] for each in json.loads(figure.attrib["data-plot"])["series"]]
    assert styles == ["used", "limit", "contaminated", "rejected"]
    assert set(SPOILED) == set(SPOILERS)
    looks = [
        (Path(report.__file__).parent / "templates" / name).read_text("utf-8")
        for name in ("report.js", "style.css")
    ]
    for each in SPOILED.values():
        assert f" {each.style}: (x, y)" in looks[0]
        assert f".plot .{each.style}" in looks[1]
    assert "R &gt; 21.00 (5σ)" in text


def test_what_was_subtracted_is_shown_beside_the_frame(make: Callable[..., Maker]) -> None:
    maker = make()
    maker.everything()
    page = maker.workspace.report_directory / "targets" / "3552.html"
    refresh(maker.workspace)
    assert "subtracted" not in page.read_text("utf-8")
    panels = np.random.default_rng(1).normal(0, 5, (3, 9, 9)).astype(np.float32)
    subtracted.write(
        maker.workspace.state_directory, "3552", {"n001.fits": panels, "gone.fits": panels}
    )
    refresh(maker.workspace)
    (source,) = re.findall(r'<img class="subtraction" src="([^"]+)"', page.read_text("utf-8"))
    assert (page.parent / source).resolve().read_bytes().startswith(b"\xff\xd8")
    assert "the difference, on which the target was measured" in words(
        parsed(page.read_text("utf-8"))
    )


# -- what goes out


def test_report_json_has_all_numbers(night: Workspace) -> None:
    refresh(night)
    numbers = json.loads((night.report_directory / "report.json").read_text())
    assert [each["frame"] for each in numbers["prepare"]["frames"]] == [
        "n001.fits",
        "n002.fits",
        "n003.fits",
    ]
    assert numbers["register"]["frames"][0]["rms_arcsec"] == 0.031
    assert numbers["photometry"]["aperture_radius_px"] == 4.0
    assert numbers["calibrate"]["frames"][2]["band"] == "R"
    assert [each["name"] for each in numbers["targets"]] == ["3552", "Control Star"]
    assert numbers["targets"][0]["points"][0]["trailing_mag"] is None
    assert {each["severity"] for each in numbers["verdict"]} == {"good"}
    assert numbers["steps"][0]["command"] == "pp_prepare"


def test_single_file_has_everything_inside(night: Workspace) -> None:
    page = export_single(night, frames=True)
    tree = parsed(page.read_text("utf-8"))
    known = set(identifiers(tree))
    assert {"top", "frame-n001", "frame-n003", "target-3552", "log"} <= known
    assert len(known) == len(identifiers(tree))
    for link in links(tree):
        assert link.startswith("data:") or (link.startswith("#") and link[1:] in known), link[:80]


def test_single_file_without_frames_is_small(make: Callable[..., Maker]) -> None:
    workspace = make(names=names(12), shape=(120, 120), stars=12).everything()
    page = export_single(workspace)
    tree = parsed(page.read_text("utf-8"))
    known = set(identifiers(tree))
    assert {"top", "target-3552", "log"} <= known
    assert not any(each.startswith("frame-") for each in known)
    for link in links(tree):
        assert link.startswith("data:") or (link.startswith("#") and link[1:] in known), link[:80]
    assert page.stat().st_size < 2_000_000 * 12 / 60 + 100_000  # 2 MB for a night of 60 frames


def test_first_screen_shows_who_when_and_how_bright(night: Workspace) -> None:
    tree = parsed(refresh(night).read_text("utf-8"))
    text = words(tree)
    assert text.index("3552") < text.index("R = 17.042 ± 0.010 mag") < text.index("Data summary")
    assert "5 checks passed, nothing needs a look" in text
    finder = next(e for e in tree.iter("div") if "finder" in e.attrib.get("class", ""))
    marks = [e for e in finder.iter() if e.attrib.get("class") in ("aperture", "bar")]
    assert len(marks) == 4  # ring, scale, north and east
    assert [e.text for e in finder.iter() if e.text in ("N", "E")] == ["N", "E"]


def test_path_of_the_finder_chart_follows_the_prediction(make: Callable[..., Maker]) -> None:
    maker = make()
    workspace = maker.everything()
    found = [
        maker.point(name, index, 40.0 + 60 * index, 100.0)
        for index, name in enumerate(maker.night.names)
    ]
    workspace.save(DistillResult((maker.target("3552", found, "moving"),), maker.night.names, ()))
    tree = parsed(refresh(workspace).read_text("utf-8"))
    way = next(e for e in tree.iter() if e.attrib.get("class") == "way").attrib["d"]
    places = [tuple(map(float, each.split())) for each in way.removeprefix("M").split("L")]
    height = maker.night.shape[0]
    for (x, y), index in zip(places, range(3), strict=True):
        assert x == pytest.approx(40.0 + 60 * index - 0.5 - 0.2, abs=0.15)
        assert y == pytest.approx(height - 100.0 + 0.5, abs=0.1)


def test_live_page_renews_itself_and_marks_the_newest_point(night: Workspace) -> None:
    assert 'http-equiv="refresh"' not in refresh(night).read_text("utf-8")
    text = refresh(replace(night, is_live=True)).read_text("utf-8")
    assert 'http-equiv="refresh"' in text
    assert text.count('_newest"') == 2  # the target's and the control star's
    (line,) = [e for e in parsed(text).iter("p") if "data-newest" in e.attrib]
    newest_s = (2457786.95 + 2 * 90 / 86400 - 2440587.5) * 86400 + 30
    assert float(line.attrib["data-newest"]) == pytest.approx(newest_s, abs=0.2)
    assert "n003.fits" in words(line)


def test_stars_that_are_not_used_do_not_flatten_the_residuals(night: Workspace) -> None:
    refresh(night)
    tree = parsed((night.report_directory / "frames" / "n002.html").read_text("utf-8"))
    plots = [
        json.loads(e.attrib["data-plot"]) for e in tree.iter("figure") if "data-plot" in e.attrib
    ]
    assert [each["edge"] for each in plots] == [False, False, True, True, True, True]


def test_warnings_of_other_packages_are_no_trouble_of_the_run(night: Workspace) -> None:
    (night.directory / "LOG").write_text(
        "warnings.py: x.py:1: FITSFixedWarning: 'datfix' made the change [2026]\n"
        "chain.py: pp_register: 1 frame [2026]\npp_register.py: error: n1.fits failed [2026]\n"
    )
    refresh(night)
    tree = parsed((night.report_directory / "log.html").read_text("utf-8"))
    kinds = [each.attrib.get("class", "") for each in tree.iter("li")]
    assert kinds == ["", "command", "bad"]


def test_viewer_has_the_whole_frame_its_sky_and_its_counts(make: Callable[..., Maker]) -> None:
    maker = make(shape=(1024, 1024), stars=200)
    refresh(maker.everything())
    path = maker.workspace.report_directory / "images" / "n002.js"
    assert path.stat().st_size < 250_000  # of 1024 x 1024 pixels
    text = path.read_text("utf-8")
    name, _, content = text.removesuffix(";\n").partition(" = ")
    assert name == '(window.ppFrames ||= {})["n002"]'
    frame = json.loads(content)
    with Image.open(io.BytesIO(base64.b64decode(frame["image"].partition(",")[2]))) as image:
        assert image.size == (1024, 1024)
        grey = float(np.median(np.asarray(image)))
    full = math.asinh((frame["white"] - frame["black"]) / frame["unit"])
    counts = frame["black"] + frame["unit"] * math.sinh(grey / 255 * full)
    assert counts == pytest.approx(1000.0, abs=10.0)  # the sky of the night
    (at_x, at_y), cd = frame["sky"]["at"], frame["sky"]["cd"]
    ra, dec = maker.wcs.all_pix2world(at_x, at_y, 1)
    assert (frame["sky"]["ra"], frame["sky"]["dec"]) == pytest.approx((float(ra), float(dec)))
    assert cd == pytest.approx([-0.5 / 3600, 0, 0, 0.5 / 3600], abs=1e-9)


def test_folder_travels_alone(night: Workspace, tmp_path: Path) -> None:
    refresh(night)
    mailed = tmp_path / "mailed"
    shutil.copytree(night.report_directory, mailed)
    text = (mailed / "index.html").read_text("utf-8")
    outside = [link for link in links(parsed(text)) if link.startswith("..")]
    assert {Path(link).suffix for link in outside} <= {".dat", ".ecsv", ".csv", ""}
    for page in mailed.rglob("*.html"):
        for link in links(parsed(page.read_text("utf-8"))):
            inside = (page.parent / link.split("#")[0]).resolve()
            assert inside.exists() or not inside.is_relative_to(mailed.resolve()), link


def test_size_per_frame(make: Callable[..., Maker]) -> None:
    workspace = make(names=names(4), shape=(1024, 1024), stars=60).everything()
    refresh(workspace)
    folder = workspace.report_directory
    per_frame = ("frames", "images", "cutouts", "animations", "targets")
    sizes = {path: path.stat().st_size for name in per_frame for path in (folder / name).iterdir()}
    viewed = [size for path, size in sizes.items() if path.suffix == ".js"]
    assert len(viewed) == 4
    assert max(viewed) <= 250_000
    assert (sum(sizes.values()) - sum(viewed)) / 4 <= 150_000


def test_registration_with_another_orientation_turns_the_compass(
    make: Callable[..., Maker],
) -> None:
    maker = make()
    maker.everything()
    rows = (
        registered("n001.fits", rotation_deg=90.0),
        registered("n002.fits", mirrored=True),
        registered("n003.fits", rotation_deg=float("nan")),
    )
    maker.workspace.save(RegisterResult(rows, (), ("GAIA",)))
    refresh(maker.workspace)
    arrows = []
    for name in ("n001", "n002", "n003"):
        text = (maker.workspace.report_directory / "frames" / f"{name}.html").read_text("utf-8")
        arrows.append(re.findall(r'd="M0 0L(\S+) (\S+)"', text))
    assert arrows[0] == [("12.0", "-0.0"), ("-0.0", "-12.0")]  # north to the right, east up
    assert arrows[1] == [("-0.0", "-12.0"), ("12.0", "-0.0")]  # north up, east to the right
    assert arrows[2] == []
