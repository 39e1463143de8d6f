"""The section of the stacks: both side by side, from one frame to all, measurement and depth."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from photpipe.report.stackview import HALF_PX
from photpipe.report.state import gather
from photpipe.report.write import export_single, refresh
from photpipe.run import photometry_file
from photpipe.run.results import CombineResult, StackedPhotometryResult
from photpipe.run.workspace import Workspace
from tests.points import point
from tests.report.browser import Browser
from tests.report.nights import Maker, names
from tests.report.pages import broken_links, parsed, words

COUNT = 5
STEP_PX = 6.0  # of the target from frame to frame
SIDE = 2 * HALF_PX + 1


class Stacked:
    """A night whose target moves and is seen on none of its frames, with both stacks."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.workspace = maker, maker.everything()
        self.directory = maker.directory
        ny, nx = maker.night.shape
        self.x = [nx / 2 + STEP_PX * (index - COUNT // 2) for index in range(COUNT)]
        self.y = ny / 2
        self.path = [tuple(map(float, maker.wcs.all_pix2world(x, self.y, 1))) for x in self.x]
        self._add_target()
        stars = self._combined("skycoadd.fits", "")
        moving = self._combined("comove.fits", "3552")
        middle = self.path[COUNT // 2]
        measured = point(
            frame="comove.fits",
            mag=21.25,
            sig=0.11,
            snr=9.0,
            limiting_mag=22.3,
            source_ra_deg=middle[0],
            source_dec_deg=middle[1],
            predicted_ra_deg=middle[0],
            predicted_dec_deg=middle[1],
            aperture_radius_px=4.0,
        )
        row = maker.target("3552", maker.points(0), "moving")
        for suffix in (".dat", ".ecsv", ".csv"):
            path = self.directory / row.file
            single = path.with_name(f"{path.stem}_single_frames{suffix}")
            path.with_suffix(suffix).rename(single)
        for folder in (self.directory, self.directory / "comove"):
            photometry_file.write(folder, "3552", [measured])
        result = StackedPhotometryResult(
            stars, moving, 4.0, "R", "PANSTARRS", 27.5, 0.002, (row,), ()
        )
        self.workspace.save(result)

    def _add_target(self) -> None:
        rows, columns = np.mgrid[
            1 : self.maker.night.shape[0] + 1, 1 : self.maker.night.shape[1] + 1
        ]
        for name, x in zip(self.maker.night.names, self.x, strict=True):
            with fits.open(self.directory / name, mode="update") as file:
                apart = (columns - x) ** 2 + (rows - self.y) ** 2
                file[0].data += (80 * np.exp(-apart / 8)).astype(np.float32)

    def _combined(self, name: str, target: str) -> CombineResult:
        frames = self.maker.night.names
        pixels = [fits.getdata(self.directory / each) for each in frames]
        if target:
            moves = [round(STEP_PX * (COUNT // 2 - index)) for index in range(COUNT)]
            pixels = [np.roll(each, by, axis=1) for each, by in zip(pixels, moves, strict=True)]
        header = self.maker.wcs.to_header()
        fits.PrimaryHDU(np.mean(pixels, axis=0), header).writeto(self.directory / name)
        (self.directory / Path(name).stem).mkdir()
        path = self.path if target else []
        return CombineResult(
            stack=name,
            target=target,
            method="clipped",
            midtime_jd=self.maker.jd(COUNT // 2),
            frames=frames,
            failed=(),
            midtimes_jd=tuple(self.maker.jd(index) for index in range(COUNT)),
            path_ra_deg=tuple(ra for ra, _ in path),
            path_dec_deg=tuple(dec for _, dec in path),
            position_deg=self.path[COUNT // 2] if target else (),
        )

    def images(self, name: str) -> np.ndarray:
        """Images of a slider, the stack first, shape (images, side, side)."""
        content = (self.workspace.report_directory / "stacks" / name).read_bytes()
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
    followed, stars = stacked.images("comove.jpg"), stacked.images("skycoadd.jpg")
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
    assert len(stacked.images("comove.jpg")) == len(stacked.images("skycoadd.jpg")) == 1
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
