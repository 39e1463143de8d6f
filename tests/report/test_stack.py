"""The section of the stacks: both side by side, from one frame to all, measurement and depth."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from photpipe.report.stackview import HALF_PX
from photpipe.report.state import gather
from photpipe.report.write import export_single, refresh
from photpipe.run.results import StackedPhotometryResult
from photpipe.run.workspace import Workspace
from tests.report.browser import Browser
from tests.report.nights import Maker, names
from tests.report.pages import broken_links, parsed, words
from tests.report.stacked import COUNT, Stacked

SIDE = 2 * HALF_PX + 1


def images(stacked: Stacked, name: str) -> np.ndarray:
    """Images of a slider, the stack first, shape (images, side, side)."""
    content = (stacked.workspace.report_directory / "stacks" / name).read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image, float).reshape(-1, SIDE, SIDE)


@pytest.fixture
def stacked(make: Callable[..., Maker]) -> Stacked:
    return Stacked(make(names=names(COUNT), shape=(300, 320), stars=4))


def brightness(image: np.ndarray) -> float:
    """Of the middle, where the target is, in units of the scatter of its surroundings."""
    middle = image[HALF_PX - 1 : HALF_PX + 2, HALF_PX - 1 : HALF_PX + 2].mean()
    return float((middle - np.median(image)) / np.std(image[:20]))


def test_section_shows_stacks_measurement_and_depth(stacked: Stacked) -> None:
    page = refresh(stacked.workspace)
    text = words(parsed(page.read_text("utf-8")))
    assert "5 frames combined to a clipped mean with the stars at rest" in text
    assert "R 21.250 ± 0.110 mag" in text
    assert "5σ limit of the stack: R = 22.30 mag; of a single frame (median): 21.50 mag" in text
    assert "0.80 mag deeper; 5 equal frames gain 0.87 mag" in text
    assert broken_links(stacked.directory) == []


def test_light_curve_of_the_frames_stays(stacked: Stacked) -> None:
    target = gather(stacked.workspace).targets[0]
    assert [each.frame for each in target.points] == list(stacked.maker.night.names)
    row = stacked.maker.target("3552", stacked.maker.points(0), "moving")  # distilled again
    (stacked.directory / "photometry_3552_single_frames.dat").write_text("older")
    target = gather(stacked.workspace).targets[0]
    assert len(target.points) == row.points == COUNT


def test_images_go_from_one_frame_to_all_of_them(stacked: Stacked) -> None:
    refresh(stacked.workspace)
    followed, stars = images(stacked, "comove.jpg"), images(stacked, "skycoadd.jpg")
    assert len(followed) == len(stars) == 1 + COUNT
    assert brightness(followed[0]) > 2.5
    assert brightness(followed[COUNT]) > 1.5 * brightness(followed[1])
    assert brightness(followed[COUNT]) > 1.5 * brightness(stars[COUNT])


def test_result_without_path_or_frames_shows_the_stacks_alone(stacked: Stacked) -> None:
    old = stacked.workspace.load(StackedPhotometryResult)
    moving = replace(old.comoving, path_ra_deg=(), path_dec_deg=(), position_deg=())
    stacked.workspace.save(replace(old, comoving=moving))
    (stacked.directory / stacked.maker.night.names[0]).unlink()
    page = refresh(stacked.workspace)
    assert len(images(stacked, "comove.jpg")) == len(images(stacked, "skycoadd.jpg")) == 1
    assert 'type="range"' not in page.read_text("utf-8")
    (stacked.directory / "skycoadd.fits").write_text("damaged")
    assert "comove.fits: 3552 at rest" in refresh(stacked.workspace).read_text("utf-8")


def test_slider_shows_each_image(browser: Browser, stacked: Stacked) -> None:
    for page in (refresh(stacked.workspace), export_single(stacked.workspace)):
        browser.resize(400)
        browser.open(page)
        browser.run("document.querySelector('#stack').scrollIntoView()")
        shown = "document.querySelector('.slide output').textContent"
        top = (
            "Math.round((document.querySelector('.strip').getBoundingClientRect().top"
            " - document.querySelector('.strip img').getBoundingClientRect().top)"
            " / document.querySelector('.strip').clientHeight)"
        )
        assert (browser.run(shown), browser.run(top)) == ("the stack", 0)
        for at, words_of in ((0, "1 of 5 frames"), (COUNT - 1, "5 of 5 frames")):
            slide = (
                f"{{const s = document.querySelector('.slide input'); s.value = {at};"
                " s.dispatchEvent(new Event('input'))}"
            )
            browser.run(slide)
            assert (browser.run(shown), browser.run(top)) == (words_of, at + 1)
        assert browser.run("document.documentElement.scrollWidth") <= 400
        assert browser.complaints == []


def test_directory_without_stacks_has_no_section(night: Workspace) -> None:
    assert 'id="stack"' not in refresh(night).read_text("utf-8")
