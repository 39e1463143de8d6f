"""The page of a period search in a browser: a period is dragged, points lead to their frames."""

from html import unescape
from pathlib import Path

import pytest

import pptool_lightcurve
from tests.report.browser import Browser, Remote
from tests.report.nights import PERIODIC_FRAMES as COUNT
from tests.report.nights import periodic_nights
from tests.report.pages import parsed

PERIOD_H = 4.0
SAID = "document.querySelector('.outcome-of-period').textContent"
HOURS = "Number(document.querySelector('.hours').value)"
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of two nights, each with its pages, of a body with two unequal maxima."""
    folder = tmp_path_factory.mktemp("period")
    files = periodic_nights(folder, PERIOD_H)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PHOTPIPE_CACHE", str(folder / "cache"))
        words = ["-offline", "-minperiod", "2", "-maxperiod", "12", *files]
        assert pptool_lightcurve.main(words) == 0
    return folder / "lightcurve_3552.html"


def choose(browser: Remote, hours: float) -> str:
    """What is said of a period that was typed."""
    browser.run(
        f"{{const e = document.querySelector('.hours'); e.value = {hours};"
        " e.dispatchEvent(new Event('change'))}"
    )
    browser.run(FRAMES)
    return str(browser.run(SAID))


def test_best_period_is_that_of_the_search(browser: Browser, page: Path) -> None:
    text = page.read_text("utf-8")
    parsed(text)
    assert "script-src 'sha256-" in unescape(text)  # no inline script but the one of the page
    for width, dark in ((1280, False), (390, True)):
        browser.resize(width)
        browser.darken(dark=dark)
        browser.open(page)
        assert browser.run(HOURS) == pytest.approx(PERIOD_H, rel=2e-3)
        said = browser.run(SAID)
        assert said.startswith("2 maxima and 2 minima per rotation")
        assert "χ² 1.00 times" in said
        assert browser.run("document.querySelectorAll('.folded .dot').length") == 2 * COUNT
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.complaints == []
    browser.darken(dark=False)


def test_other_periods_are_folded_and_counted(browser: Browser, page: Path) -> None:
    browser.resize(1280)
    browser.open(page)
    assert choose(browser, PERIOD_H * 2).startswith("4 maxima and 4 minima")
    wrong = choose(browser, PERIOD_H * 1.13)
    assert float(wrong.split("χ² ")[1].split()[0]) > 10
    names_of = browser.run(
        "[...document.querySelectorAll('.jumps button')].map((e) => e.textContent.split(':')[0])"
    )
    assert {"best", "P/2", "2P", "3P/2", "+1/d", "−½/d"} <= set(names_of)
    browser.run("document.querySelector('.jumps button').click()")
    browser.run(FRAMES)
    assert "χ² 1.00 times" in browser.run(SAID)
    browser.run("document.querySelector('.search').focus()")
    browser.press("ArrowRight")
    browser.run(FRAMES)
    assert browser.run(HOURS) == pytest.approx(PERIOD_H * 1.0001, rel=2e-3)
    assert browser.run("document.querySelectorAll('.sign.alias').length") >= 2


def test_period_is_dragged_in_the_periodogram(any_browser: Remote, page: Path) -> None:
    any_browser.resize(1280)
    any_browser.open(page)
    any_browser.run("document.querySelector('.search').scrollIntoView({block: 'center'})")
    box = any_browser.run("document.querySelector('.search').getBoundingClientRect().toJSON()")
    y = box["y"] + box["height"] / 2
    any_browser.mouse("mousePressed", box["x"] + 300, y, button="left", clickCount=1)
    before = any_browser.run(f"{FRAMES}.then(() => {HOURS})")
    any_browser.mouse("mouseMoved", box["x"] + 700, y, button="left", buttons=1)
    any_browser.mouse("mouseReleased", box["x"] + 700, y, button="left", clickCount=1)
    after = any_browser.run(f"{FRAMES}.then(() => {HOURS})")
    assert 2 < before < after < 12
    any_browser.mouse("mouseMoved", box["x"] + 400, y)  # not held: nothing moves
    assert any_browser.run(f"{FRAMES}.then(() => {HOURS})") == after


def test_points_lead_to_cut_outs_and_sessions_can_be_hidden(
    any_browser: Remote, page: Path
) -> None:
    any_browser.resize(1280)
    any_browser.open(page)
    any_browser.run("scrollTo(0, 0)")
    place = any_browser.run(
        "document.querySelector('.folded .dot').getBoundingClientRect().toJSON()"
    )
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    any_browser.mouse("mouseMoved", x, y)
    image = "document.querySelector('.of-point img')"
    assert any_browser.run(f"{image}.decode().then(() => {image}.naturalWidth)") > 20
    told = any_browser.run("document.querySelector('.of-point').textContent")
    assert "night0001.fits" in told
    assert "session 1" in told
    any_browser.run("document.querySelectorAll('.session')[0].click()")
    assert any_browser.run("document.querySelectorAll('.folded .dot').length") == COUNT
    any_browser.follow("document.querySelector('.of-point a').click()")
    assert any_browser.run("document.title") == "night0001.fits"
    assert any_browser.complaints == []
