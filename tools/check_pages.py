"""Check pages of every kind for accessibility, and take their pictures.

    npm pack axe-core && tar xzf axe-core-*.tgz
    .venv/bin/python tools/check_pages.py -axe package/axe.min.js
    .venv/bin/python tools/check_pages.py -pictures folder [directory ...]

Pages of nights made by hand (and of the directories that are named): main page, frame, target,
LOG, stacks, a comet, a night that goes on, failures, single file, period, phase curve, movers,
summary, marking by hand on the server. Each is opened in Chromium in its light and in its dark
look, as on a phone and on a desk; one line per page says what axe-core finds fault with. Returns 1
if it does.
"""

import argparse
import contextlib
import itertools
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

import pptool_lightcurve  # noqa: E402
import pptool_phasecurve  # noqa: E402
from photpipe.report import movers, summary  # noqa: E402
from photpipe.report.write import export_single, refresh  # noqa: E402
from photpipe.run import comet_file, photometry_file  # noqa: E402
from photpipe.run.comet_file import ComaPoint  # noqa: E402
from photpipe.run.results import FrameFailure, Mover, MoversResult  # noqa: E402
from photpipe.runner import serve  # noqa: E402
from photpipe.services import horizons  # noqa: E402
from photpipe.services.ephemeris import Ephemeris  # noqa: E402
from tests.points import point  # noqa: E402
from tests.report.browser import Browser  # noqa: E402
from tests.report.nights import Maker, Night, make_markable, names, periodic_nights  # noqa: E402
from tests.report.pages import all_pages  # noqa: E402
from tests.report.stacked import Stacked  # noqa: E402

WIDTHS_PX = (390, 1280)
SETTLED = "new Promise((done) => setTimeout(done, 400))"
FAULTS = """axe.run(document, {resultTypes: ['violations']}).then((found) =>
  found.violations.flatMap((each) => each.nodes.map((node) =>
    `${each.id} (${each.impact}): ${node.target.join(' ')} ${node.any[0]?.message || ''}`)))"""
OPENED = """for (const each of document.querySelectorAll('details')) each.open = true;
document.querySelectorAll('main section').forEach((e) => (e.style.contentVisibility = 'visible'))"""


@dataclass(frozen=True, slots=True)
class Page:
    """A page by its name and address, and what is done there first."""

    name: str
    address: str
    script: str = "0"


def of_file(name: str, path: Path, script: str = "0") -> Page:
    """A page on disk."""
    return Page(name, path.as_uri(), script)


def of_night(name: str, directory: Path) -> list[Page]:
    """Main page, LOG, and the first page of each kind, of a data directory."""
    by_kind = {path.parent.name: path for path in reversed(all_pages(directory))}
    frame, target = by_kind.get("frames"), by_kind.get("targets")
    log = directory / ".diagnostics" / "log.html"
    pages = {"main": directory / "diagnostics.html", "log": log, "frame": frame, "target": target}
    return [of_file(f"{name}_{kind}", path) for kind, path in pages.items() if path]


def usual(folder: Path) -> list[Page]:
    """A night without faults, and as a single file."""
    workspace = Maker(folder / "night", Night(names(6), shape=(300, 400))).everything()
    path = export_single(workspace, frames=True)
    rejecting = "document.querySelectorAll('.reject')[1].click()"
    target = next((workspace.report_directory / "targets").iterdir())
    return [
        *of_night("usual", workspace.directory),
        of_file("rejecting", target, rejecting),
        of_file("single", path),
        of_file("single_frame", path, "location.hash = '#frame-night0002'"),
        of_file("single_log", path, "location.hash = '#log'"),
    ]


def stacked(folder: Path) -> list[Page]:
    """A night with stacks."""
    night = Stacked(Maker(folder / "stacks", Night(names(5), shape=(300, 320), stars=4)))
    return [of_file("stack", refresh(night.workspace), "location.hash = '#stack'")]


def coma(folder: Path) -> list[Page]:
    """A comet; some of its apertures are spoilt."""
    maker = Maker(folder / "coma", Night(names(4)))
    workspace = maker.everything()
    rows = [
        ComaPoint(
            frame, 2457786.9 + 0.002 * number, radius, radius / 800, 22 - 2.5 * math.log10(radius),
            0.02, "R", 120.0 + 4 * number, 3.0, 290.0, 7.0, 0.03 * number, 0.98, 0.02, 1.5, 1.1,
            30.0, "",
        )
        for number, frame in enumerate(maker.night.names)
        for radius in (5000.0, 10_000.0, 20_000.0, 40_000.0)
    ]  # fmt: skip
    star = "a star of 13.3 mag stands 4.0 arcsec from it"
    rows[0] = replace(rows[0], problem=star)
    rows[7] = replace(
        rows[7], mag=math.nan, afrho_cm=math.nan, a0frho_cm=math.nan, problem="it leaves the frame"
    )
    line = "   2017B3  2017 02  2.40  k 12.1 AQ              1.75              ICQ XX*     "
    comet_file.write(workspace.directory, "3552", rows, line)
    refresh(workspace)
    return of_night("coma", workspace.directory)[-1:]


def live(folder: Path) -> list[Page]:
    """A night that goes on."""
    workspace = Maker(folder / "live", Night(names(4))).everything()
    return [of_file("live", refresh(replace(workspace, is_live=True)))]


def failing(folder: Path) -> list[Page]:
    """A night of which half fails, and one of which nothing is left."""
    maker = Maker(folder / "failing", Night(names(6)))
    workspace = maker.everything()
    result = maker.register()
    why = "12 of 40 sources match the catalog, too few; check SECPIX and -flipx"
    failed = tuple(FrameFailure(each.frame, why) for each in result.frames[3:])
    workspace.save(replace(result, frames=result.frames[:3], failed=failed))
    refresh(workspace)
    empty = Maker(folder / "empty", Night(names(3)))
    empty.frames()
    prepared = empty.prepare()
    lost = tuple(FrameFailure(each, "no WCS and no pointing") for each in empty.night.names)
    empty.workspace.save(replace(prepared, frames=(), failed=lost))
    return [
        *of_night("failing", workspace.directory),
        of_file("empty", refresh(empty.workspace)),
    ]


def period(folder: Path) -> list[Page]:
    """The search for a period in two nights."""
    files = periodic_nights(folder, 4.0)
    with contextlib.chdir(folder):
        words = ["-offline", "-minperiod", "2", "-maxperiod", "12", *files]
        assert pptool_lightcurve.main(words) == 0
    return [of_file("period", folder / "lightcurve_3552.html")]


def phase_curve(folder: Path) -> list[Page]:
    """The phase curve of six nights, with an ephemeris made by hand."""
    rng = np.random.default_rng(1)
    files = []
    for day in (0.0, 2, 5, 9, 14, 20):
        times = 2459000.5 + day + np.linspace(0, 0.2, 9)
        mags = 16.4 + 0.04 * day + rng.normal(0, 0.01, 9)
        rows = [
            point(midtime_jd=float(t), mag=float(m), sig=0.01, band="V", frame=f"{t}.fits")
            for t, m in zip(times, mags, strict=True)
        ]
        night = folder / f"night {day:.0f}"
        night.mkdir()
        files.append(str(photometry_file.write(night, "3552", rows)))

    def positions(target: str, times: list[float], code: str, _settings: object) -> object:
        ones, jd = np.ones(len(times)), np.array(times)
        sky = ("ra_deg", "dec_deg", "ra_rate_arcsec_min", "dec_rate_arcsec_min", "mag")
        rest = dict.fromkeys((*sky, "sigma3_arcsec"), ones)
        return Ephemeris(
            target, target, code, jd=jd, phase_deg=jd - 2459000, r_au=2 * ones, delta_au=ones,
            **rest,
        )  # fmt: skip

    with contextlib.chdir(folder), mock.patch.object(horizons, "positions", positions):
        assert pptool_phasecurve.main(files) == 0
    return [of_file("phasecurve", folder / "phasecurve_3552.html")]


def moving(folder: Path) -> list[Page]:
    """What moved on the frames: a known body and another one."""
    known = Mover("3552", "(3552) Don Quixote", 179.28, 0.43, 0.05, 1.0, -0.3, 0.01, 16.93, 0.01,
                  742.8, 629.9, 10, 0.2)  # fmt: skip
    other = replace(known, name="p5778601", known="", mag=21.3, sig=0.14, snr=9.3)
    frames = names(10)
    result = MoversResult((known, other), 2457786.96, "R", 6.5, 3.0, True, frames, (), ())
    rng = np.random.default_rng(3)
    spot = np.exp(-np.add.outer(np.arange(-20, 21) ** 2, np.arange(-20, 21) ** 2) / 8)
    pictures = [rng.normal(0, 1, (41, 41)) + height * spot for height in (80, 6)]
    path = folder / "movers.html"
    path.write_text(movers.render_page(result, pictures), "utf-8")
    return [of_file("movers", path)]


def summed_up(folder: Path) -> list[Page]:
    """The directories of a run in one table."""
    target = summary.SummaryTarget("3552", 17.0, 0.02, 21)
    rows = [
        summary.SummaryRow("a/R", summary.DONE, 24, 24, 4.1, 28.4, "R", (target,), 4000.0),
        summary.SummaryRow(
            "a/V", summary.PARTIAL, 24, 21, 4.3, 28.1, "V", (target,), 80.0, failed=3
        ),
        summary.SummaryRow("b/R", summary.FAILED, 12, remark="no frame was registered"),
        summary.SummaryRow("c/R", summary.RUNNING, 7),
        summary.SummaryRow("d/R", summary.WAITING),
    ]
    return [of_file("summary", summary.write_summary(folder, rows))]


KINDS = (usual, stacked, coma, live, failing, period, phase_curve, moving, summed_up)


@contextlib.contextmanager
def gallery(folder: Path) -> Iterator[list[Page]]:
    """Pages of every kind; one of them is served as long as the block lasts."""
    pages: list[Page] = []
    for kind in KINDS:
        place = folder / kind.__name__
        place.mkdir()
        pages += kind(place)
    workspace = Maker(folder / "served", Night()).everything()
    make_markable(workspace.directory)
    refresh(workspace)
    with serve.serving(workspace) as server:
        target = server.address.replace("diagnostics.html", ".diagnostics/targets/3552.html")
        mark = server.address.replace("diagnostics.html", "mark.html")
        yield [*pages, Page("served_target", target), Page("mark", mark)]


def looks(browser: Browser, page: Page) -> Iterator[str]:
    """Open a page in every look; the name of each."""
    for dark in (False, True):
        for width in WIDTHS_PX:
            browser.resize(width)
            browser.darken(dark=dark)
            browser.open_address(page.address)
            browser.run(page.script)
            browser.run(OPENED)
            browser.run(SETTLED)
            yield f"{page.name}_{'dark' if dark else 'light'}_{width}"


def check(browser: Browser, page: Page, axe: str, pictures: Path | None) -> list[str]:
    """Faults of a page; its pictures are taken."""
    faults = []
    for look in looks(browser, page):
        faults += [f"{look}: {each}" for each in browser.complaints]
        if pictures:
            browser.screenshot(pictures / f"{look}.png")
        if axe:
            browser.run(axe)
            faults += [f"{look}: {each}" for each in browser.run(FAULTS)]
    if pictures:
        browser.darken(dark=False)
        browser.print_to(pictures / f"{page.name}_print.pdf")
    return faults


def main() -> int:
    """Check all pages; returns 1 if any has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-axe", type=Path, help="axe.min.js of axe-core")
    parser.add_argument("-pictures", type=Path, help="directory for screenshots and prints")
    parser.add_argument("-only", default="", help="pages whose name begins like this")
    parser.add_argument("directories", nargs="*", type=Path, help="data directories with pages")
    values = parser.parse_args()
    axe = values.axe.read_text("utf-8") if values.axe else ""
    if values.pictures:
        values.pictures.mkdir(parents=True, exist_ok=True)
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ["PHOTPIPE_CACHE"] = str(place / "cache")
        with gallery(place) as pages, Browser(place / "profile") as browser:
            named = [of_night(each.name, each.resolve()) for each in values.directories]
            for page in [*pages, *itertools.chain(*named)]:
                if not page.name.startswith(values.only):
                    continue
                faults = check(browser, page, axe, values.pictures)
                found += len(faults)
                sys.stdout.write(f"{page.name}: {len(faults)} violations\n")
                sys.stdout.writelines(f"    {each}\n" for each in faults)
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
