"""A real browser opens every page from disk: nothing is missing, everything that moves works."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from photpipe.report.summary import DONE, RUNNING, SummaryRow, SummaryTarget, write_summary
from photpipe.report.write import export_single, refresh
from photpipe.run.photometry_file import read_rejections
from photpipe.run.results import DistillResult
from photpipe.run.workspace import Workspace
from tests.report.browser import Browser, Firefox, Remote
from tests.report.nights import Maker, Night, names
from tests.report.pages import all_pages

SHOWN = """Promise.all([...document.images].map(async (image) => {
  image.loading = "eager";
  await image.decode().catch(() => null);
  return image.naturalWidth > 0 ? null : image.src;
})).then((sources) => sources.filter(Boolean))"""
EMPTY_PLOTS = """[...document.querySelectorAll('.plot .canvas')]
  .filter((e) => !e.querySelector('svg .point')).length"""
TICKS = """[...document.querySelector('.plot').querySelectorAll('text')]
  .map((e) => e.textContent)"""
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A night with names that need care, rendered, and as a single file."""
    frames = ("a 1.fits", "n#2.fits", "n003.fits", "n004.fits")
    night = Night(names=frames, targets=("<i>3552</i> 'x'", "Control Star"), shape=(300, 400))
    workspace = Maker(tmp_path_factory.mktemp("shown") / "night & day", night).everything()
    export_single(workspace, frames=True)
    return workspace


def frame(workspace: Workspace, slug: str = "n003") -> Path:
    return workspace.report_directory / "frames" / f"{slug}.html"


def target(workspace: Workspace) -> Path:
    return next((workspace.report_directory / "targets").glob("i_3552*.html"))


def texts(browser: Remote, table: str, column: int) -> list[str]:
    cells = f"document.querySelectorAll('{table} tbody tr td:nth-child({column})')"
    return browser.run(f"[...{cells}].map((e) => e.textContent.trim())")


def visible(browser: Remote, selector: str) -> bool:
    return browser.run(
        f"[...document.querySelectorAll('{selector}')].some((e) => e.getClientRects().length > 0)"
    )


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_opens_without_complaint(
    browser: Browser, shown: Workspace, width: int, dark: bool
) -> None:
    browser.resize(width)
    browser.darken(dark=dark)
    for page in [*all_pages(shown.directory), shown.directory / "diagnostics_single.html"]:
        browser.open(page)
        assert browser.run(SHOWN) == []
        browser.run(TWO_FRAMES)
        if "single" not in page.name:
            assert browser.run(EMPTY_PLOTS) == 0
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.complaints == []
        assert {url.split(":")[0] for url in browser.requests} <= {"file", "data"}
        light = (
            browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 250)"
        )
        assert light != dark


def test_every_page_opens_in_firefox(firefox: Firefox, shown: Workspace) -> None:
    width = 400
    firefox.resize(width)
    for page in [*all_pages(shown.directory), shown.directory / "diagnostics_single.html"]:
        firefox.open(page)
        assert firefox.run(SHOWN) == []
        firefox.run(TWO_FRAMES)
        if "single" not in page.name:
            assert firefox.run(EMPTY_PLOTS) == 0
        assert firefox.run("document.documentElement.scrollWidth") <= width
        assert firefox.complaints == []
        assert {url.split(":")[0] for url in firefox.requests} <= {"about", "file", "data"}


def test_tables_sort_by_each_column(any_browser: Remote, shown: Workspace) -> None:
    any_browser.resize(1400)
    any_browser.open(shown.directory / "diagnostics.html")
    heads = any_browser.run("document.querySelectorAll('#table-frames th .sort').length")
    assert heads == 11
    press = "document.querySelectorAll('#table-frames th .sort')[{}].click()"
    any_browser.run(press.format(5))  # airmass
    assert texts(any_browser, "#table-frames", 6) == ["1.10", "1.11", "1.12", "1.13"]
    any_browser.run(press.format(5))
    assert texts(any_browser, "#table-frames", 6) == ["1.13", "1.12", "1.11", "1.10"]
    assert (
        any_browser.run("document.querySelector('#table-frames [aria-sort]').ariaSort")
        == "descending"
    )
    any_browser.run(press.format(1))
    assert texts(any_browser, "#table-frames", 2) == [
        "a 1.fits",
        "n#2.fits",
        "n003.fits",
        "n004.fits",
    ]
    for column in range(heads):
        any_browser.run(press.format(column))
    assert len(texts(any_browser, "#table-frames", 1)) == 4
    assert any_browser.complaints == []


def test_numbers_sort_as_numbers_and_unknown_comes_last(
    browser: Browser, make: Callable[..., Maker]
) -> None:
    maker = make()
    maker.everything()
    result = maker.calibrate()
    changes = ({"zeropoint_mag": 9.5}, {"zeropoint_mag": float("nan")}, {"zeropoint_mag": 28.1})
    rows = tuple(replace(row, **each) for row, each in zip(result.frames, changes, strict=True))
    maker.workspace.save(replace(result, frames=rows))
    browser.open(refresh(maker.workspace))
    press = "document.querySelectorAll('#table-calibration th .sort')[3].click()"
    browser.run(press)
    assert texts(browser, "#table-calibration", 4) == ["9.5000", "28.1000", "–"]
    browser.run(press)
    assert texts(browser, "#table-calibration", 4) == ["28.1000", "9.5000", "–"]


def test_switches_and_key_hide_what_is_drawn_over_pictures(
    browser: Browser, shown: Workspace
) -> None:
    browser.open(frame(shown))
    layers = {"target": True, "stars": False, "catalog": False, "scale": True}
    for layer, on in layers.items():
        assert visible(browser, f".image .layer-{layer}") == on
        browser.run(f"document.querySelector('[data-layer={layer}]').click()")
        assert visible(browser, f".image .layer-{layer}") != on
    browser.run("document.activeElement.blur()")
    browser.press("o")  # something is shown: all off
    assert not any(visible(browser, f".image .layer-{layer}") for layer in layers)
    browser.press("o")
    assert all(visible(browser, f".image .layer-{layer}") for layer in layers)


def test_keys_and_links_walk_from_frame_to_frame(browser: Browser, shown: Workspace) -> None:
    def title() -> str:
        return browser.run("document.title")

    browser.open(shown.directory / "diagnostics.html")
    browser.follow("document.querySelector('#table-frames a').click()")
    assert title() == "a 1.fits"
    for expected in ("n#2.fits", "n003.fits"):
        browser.follow("document.querySelector('a[rel=next]').click()")
        assert title() == expected
    assert browser.run("document.querySelector('a.up').textContent") == "frame 3 of 4"
    browser.expect_load()
    browser.press("ArrowLeft")
    browser.wait_for_load()
    assert title() == "n#2.fits"
    browser.expect_load()
    browser.press("h")
    browser.wait_for_load()
    assert title() == "<i>3552</i> 'x'"
    assert browser.run("location.hash") == "#frames"
    assert browser.complaints == []


def middle(browser: Remote, selector: str) -> tuple[float, float]:
    """Middle of the first element of a selector, in the window, into which it is scrolled."""
    first = f"document.querySelector({selector!r})"
    browser.run(f"{first}.scrollIntoView({{block: 'center'}})")
    browser.run(TWO_FRAMES)
    box = browser.run(f"{first}.getBoundingClientRect().toJSON()")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def middle_of_point(browser: Remote, key: str) -> tuple[float, float]:
    """Place of a point of the light curve in the window."""
    return middle(browser, f'.plot .point[data-key="{key}"]')


def test_points_of_figures_are_links(any_browser: Remote, shown: Workspace) -> None:
    any_browser.resize(1400)
    any_browser.open(shown.directory / "diagnostics.html")
    place = middle(any_browser, "svg.figure a")
    any_browser.expect_load()
    any_browser.click(*place)
    any_browser.wait_for_load()
    assert any_browser.run("document.title") == "a 1.fits"


def test_hovering_tells_the_values(any_browser: Remote, shown: Workspace) -> None:
    any_browser.resize(1400)
    any_browser.open(target(shown))
    any_browser.mouse("mouseMoved", *middle_of_point(any_browser, "n003.fits"))
    tip = any_browser.run("document.querySelector('.tip').innerText")
    assert "3: n003.fits" in tip
    assert "2017-02-02 10:51:00.0 UTC" in tip
    assert "± 0.010 mag" in tip
    assert any_browser.run("document.querySelector('tr.lit').dataset.key") == "n003.fits"


def test_rejecting_points_makes_a_file_that_is_understood(
    browser: Browser, shown: Workspace, tmp_path: Path
) -> None:
    browser.resize(1400)
    browser.open(target(shown))
    assert not visible(browser, ".rejections")
    browser.click(*middle_of_point(browser, "a 1.fits"))
    browser.run("document.querySelectorAll('.reject')[2].click()")
    assert visible(browser, ".rejections")
    assert browser.run("document.querySelector('.count').textContent").startswith("2 measurements")
    assert (
        browser.run(
            "document.querySelectorAll('.plot')[0].querySelectorAll('.point.chosen').length"
        )
        == 2
    )
    browser.open(target(shown))  # what was chosen survives a reload, and is where one looks
    assert browser.run("document.querySelector('.count').textContent").startswith("2 measurements")
    panel = "document.querySelector('.rejections').getBoundingClientRect()"
    assert browser.run(f"{panel}.top >= 0 && {panel}.bottom <= innerHeight + 1")
    href = browser.run("document.querySelector('.rejections a').href")
    (tmp_path / "rejections.txt").write_text(unquote(href.partition(",")[2]))
    slug = "i_3552_i_x"
    assert read_rejections(tmp_path) == {
        (slug, "a 1.fits"): "rejected by the user",
        (slug, "n003.fits"): "rejected by the user",
    }
    browser.click(*middle_of_point(browser, "a 1.fits"))  # taken back
    assert browser.run("document.querySelector('textarea').value").count("\n") == 1
    browser.run("document.querySelector('.copy').click()")
    assert browser.complaints == []
    browser.expect_load()
    browser.click(*middle_of_point(browser, "n003.fits"), modifiers=8)  # shift opens the frame
    browser.wait_for_load()
    assert browser.run("document.title") == "n003.fits"
    browser.run("localStorage.clear()")


def test_reasons_in_any_words_come_through(browser: Browser, make: Callable[..., Maker]) -> None:
    maker = make()
    workspace = maker.everything()
    (maker.directory / "rejections.txt").write_text(
        """3552 n001.fits "it's star #2"\nother 'b c.fits' "a 'halo' # here"\n"""
    )
    before = read_rejections(maker.directory)
    refresh(workspace)
    browser.open(workspace.report_directory / "targets" / "3552.html")
    browser.run("document.querySelectorAll('.reject')[2].click()")
    (maker.directory / "rejections.txt").write_text(
        browser.run("document.querySelector('textarea').value")
    )
    added = {("3552", "n003.fits"): "rejected by the user"}
    assert read_rejections(maker.directory) == {**before, **added}


def ticks(browser: Remote) -> list[str]:
    return browser.run(TICKS)


def test_plots_zoom_and_move(any_browser: Remote, shown: Workspace) -> None:
    any_browser.resize(1400)
    any_browser.open(target(shown))
    any_browser.run(TWO_FRAMES)
    whole = ticks(any_browser)
    any_browser.run("document.querySelector('.buttons button').click()")
    closer = ticks(any_browser)
    assert closer != whole
    any_browser.run("document.querySelector('.plot .canvas').focus()")
    any_browser.press("0")
    assert ticks(any_browser) == whole
    any_browser.press("+")
    assert ticks(any_browser) == closer
    any_browser.press("0")
    x, y = middle_of_point(any_browser, "n003.fits")
    any_browser.mouse("mousePressed", x, y - 30, button="left", clickCount=1)
    for step in (20, 60, 120):
        any_browser.mouse("mouseMoved", x + step, y - 30, button="left", buttons=1)
    any_browser.mouse("mouseReleased", x + 120, y - 30, button="left", clickCount=1)
    moved = middle_of_point(any_browser, "n003.fits")
    assert moved[0] == pytest.approx(x + 120, abs=2)
    assert not visible(any_browser, ".rejections")  # a drag is no click
    any_browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-100, modifiers=2)
    any_browser.run(TWO_FRAMES)
    assert ticks(any_browser) != whole


def test_far_limits_do_not_squeeze_the_light_curve(
    browser: Browser, make: Callable[..., Maker]
) -> None:
    maker = make(names=names(6))
    maker.everything()
    points = maker.points(0)
    points[2] = replace(points[2], method="limit", mag=21.0, sig=float("nan"))
    points[4] = replace(points[4], rejected="pos: 11.0 arcsec from the prediction", mag=12.0)
    maker.workspace.save(DistillResult((maker.target("3552", points, "moving"),), (), ()))
    refresh(maker.workspace)
    browser.resize(1400)
    browser.open(maker.workspace.report_directory / "targets" / "3552.html")
    heights = [float(each) for each in ticks(browser) if re.match(r"\d\d\.\d\d", each)]
    assert max(heights) - min(heights) < 1
    box = "document.querySelector('.plot .frame').getBBox()"
    top, bottom = (browser.run(f"{box}.y{more}") for more in ("", f" + {box}.height"))
    for kind, edge in (("limit", bottom), ("rejected", top)):
        point = f"document.querySelector('.plot .point.{kind}').getBBox()"
        assert abs(browser.run(f"{point}.y") - edge) < 20


def test_star_is_found_in_picture_plots_and_table(browser: Browser, shown: Workspace) -> None:
    browser.resize(1400)
    browser.open(frame(shown))
    browser.mouse("mouseMoved", *middle(browser, 'tr[data-key="5"] td'))
    browser.run(TWO_FRAMES)
    assert browser.run("document.querySelectorAll('.plot .point.lit').length") == 4
    assert browser.run("document.querySelectorAll('.image .lit').length") == 1


# settles when the viewer has its frame, and a number of frames are loaded
VIEWED = """new Promise((done) => {
  const count = () => Object.keys(window.ppFrames || {}).length;
  const is = () => document.querySelector('.has-canvas') && count() >= COUNT;
  const look = () => (is() ? done(true) : setTimeout(look, 20));
  look();
})"""


def test_viewer_zooms_tells_and_keeps_what_was_chosen(
    any_browser: Remote, shown: Workspace
) -> None:
    any_browser.resize(1400)
    any_browser.open(frame(shown))
    any_browser.run("sessionStorage.clear()")
    any_browser.open(frame(shown))
    assert any_browser.run(VIEWED.replace("COUNT", "1"))
    box = "document.querySelector('svg.over').getAttribute('viewBox').split(' ').map(Number)"
    assert any_browser.run(box) == pytest.approx([0, 0, 400, 300], abs=1.0)
    where = "const r = document.querySelector('.viewer canvas').getBoundingClientRect();"
    at = "clientX: r.left + r.width / 2, clientY: r.top + r.height / 2, bubbles: true"
    dispatch = "document.querySelector('.viewer canvas').dispatchEvent"
    any_browser.run(f"{{{where} {dispatch}(new PointerEvent('pointermove', {{{at}}}))}}")
    told = any_browser.run("document.querySelector('.readout').textContent")
    assert told.startswith("x 200.5, y 150.5 · RA 11:57:07.")
    assert "Dec +0" in told
    assert "ADU" in told
    any_browser.run(f"{{{where} {dispatch}(new WheelEvent('wheel', {{deltaY: -1, {at}}}))}}")
    assert any_browser.run(box)[2] == pytest.approx(400 / 1.25, abs=1.0)
    any_browser.run("document.querySelector('input[data-layer=catalog]').click()")
    any_browser.expect_load()
    any_browser.press("ArrowLeft")
    any_browser.wait_for_load()
    assert any_browser.run(VIEWED.replace("COUNT", "1"))
    assert any_browser.run("document.querySelector('input[data-layer=catalog]').checked")
    assert any_browser.run(box)[2] == pytest.approx(400 / 1.25, abs=1.0)
    any_browser.run(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true}))"
    )
    assert any_browser.run(VIEWED.replace("COUNT", "3"))
    assert any_browser.complaints == []
    any_browser.run("sessionStorage.clear()")


def test_two_fingers_zoom_the_viewer(browser: Browser, shown: Workspace) -> None:
    browser.resize(400)
    browser.open(frame(shown))
    browser.run("sessionStorage.clear()")
    browser.open(frame(shown))
    assert browser.run(VIEWED.replace("COUNT", "1"))
    x, y = middle(browser, ".viewer canvas")
    for kind, half in (("touchStart", 20), ("touchMove", 30), ("touchMove", 40), ("touchEnd", 0)):
        points = [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}]
        browser.send("Input.dispatchTouchEvent", type=kind, touchPoints=points if half else [])
    box = "document.querySelector('svg.over').getAttribute('viewBox').split(' ').map(Number)"
    assert browser.run(box)[2] == pytest.approx(400 / 2, rel=0.02)
    browser.run("sessionStorage.clear()")


def test_single_file_shows_one_page_at_a_time(any_browser: Remote, shown: Workspace) -> None:
    page = shown.directory / "diagnostics_single.html"
    any_browser.resize(1400)
    any_browser.open(page)
    pages = "[...document.querySelectorAll('.page')].filter((e) => !e.hidden).map((e) => e.id)"
    assert any_browser.run(pages) == ["top"]
    any_browser.run("document.querySelector('#table-frames tr:nth-child(2) a').click()")
    any_browser.run(TWO_FRAMES)
    assert any_browser.run(pages) == ["frame-n_2"]
    assert any_browser.run(SHOWN) == []
    any_browser.press("ArrowRight")
    any_browser.run(TWO_FRAMES)
    assert any_browser.run(pages) == ["frame-n003"]
    assert visible(any_browser, "#frame-n003 .plot svg")
    any_browser.press("h")
    any_browser.run(TWO_FRAMES)
    assert any_browser.run(pages) == ["top"]
    assert any_browser.run("document.querySelector('#frames').getBoundingClientRect().top") < 200
    any_browser.run("document.querySelector('#table-targets a').click()")
    any_browser.run(TWO_FRAMES)
    assert any_browser.run(pages)[0].startswith("target-i_3552")
    assert any_browser.run("location.hash").startswith("#target-")
    assert any_browser.complaints == []


def test_printed_page_has_no_buttons(browser: Browser, shown: Workspace) -> None:
    browser.open(target(shown))
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert not visible(browser, "nav.top")
        assert not visible(browser, "button.reject")
        assert browser.run("getComputedStyle(document.querySelector('.wide')).maxHeight") == "none"
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")


def test_paper_is_white_whatever_the_screen(browser: Browser, shown: Workspace) -> None:
    browser.resize(1400)
    browser.open(target(shown))
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.send("Emulation.setEmulatedMedia", media="print", features=[dark])
    try:
        line = "getComputedStyle(document.querySelector('.plot .grid')).stroke"
        assert browser.run(line) == "rgb(217, 221, 225)"
    finally:
        browser.send("Emulation.setEmulatedMedia", media="", features=[])


def test_plots_are_drawn_for_the_width_of_paper(browser: Browser, shown: Workspace) -> None:
    browser.resize(1400)
    browser.open(target(shown))
    width = "document.querySelector('.plot svg').viewBox.baseVal.width"
    on_screen = browser.run(width)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(width) < 704
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run(width) == on_screen > 1000


def test_figures_stay_readable_on_a_phone(browser: Browser, shown: Workspace) -> None:
    browser.resize(400)
    browser.open(shown.directory / "diagnostics.html")
    width = "document.querySelector('{} svg.figure').getBoundingClientRect().width"
    assert browser.run(width.format("#calibration")) >= 640  # moves inside its card
    assert browser.run(width.format(".curve")) <= 400  # the light curve is seen whole
    number = "document.querySelector('.curve svg.figure text').getBoundingClientRect().height"
    assert browser.run(number) >= 9
    assert browser.run("document.documentElement.scrollWidth") <= 400


def test_without_javascript_nothing_is_lost(browser: Browser, shown: Workspace) -> None:
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(frame(shown))
        root = browser.send("DOM.getDocument")["root"]["nodeId"]
        found = browser.send("DOM.querySelectorAll", nodeId=root, selector="tr[data-key]")
        assert len(found["nodeIds"]) == 25
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_summary_sorts_and_remembers(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "diagnostics.html").write_text("<!DOCTYPE html><title>a</title>")
    rows = [
        SummaryRow(
            "a",
            DONE,
            24,
            21,
            4.1,
            28.4,
            "R",
            (SummaryTarget("3552", 17.0, 0.02, 21),),
            4000.0,
            "a/diagnostics.html",
        ),
        SummaryRow("b <i>", RUNNING, 7, remark="look"),
        SummaryRow("c", DONE, 100, 100, 3.0, seconds=59.0),
    ]
    browser.resize(1400)
    browser.open(write_summary(tmp_path, rows))
    press = "document.querySelectorAll('th .sort')[{}].click()"
    browser.run(press.format(2))
    assert texts(browser, "table", 3) == ["7", "24", "100"]
    browser.run(press.format(7))
    assert texts(browser, "table", 8) == ["59.0 s", "1 h 7 min", "–"]
    browser.follow("location.reload()")
    assert texts(browser, "table", 8) == ["59.0 s", "1 h 7 min", "–"]
    assert browser.run("document.querySelector('meta[name=reload]').content") == "10"
    browser.follow("document.querySelector('td a').click()")
    assert browser.run("document.title") == "a"
