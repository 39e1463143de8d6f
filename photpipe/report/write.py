"""All pages of a data directory, rendered from what was saved; as often as one likes."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from photpipe.ground import files, paths, program
from photpipe.ground.files import encoded
from photpipe.ground.log import LOG_NAME
from photpipe.report import links as places
from photpipe.report import render, verdicts
from photpipe.report.assets import Charts, Cutout, FrameAssets, FrameStudio, Spot
from photpipe.report.export import numbers
from photpipe.report.frameview import cutout_view, frame_view
from photpipe.report.links import FROM_DATA, FROM_FOLDER, FROM_PAGE, Links, SingleLinks
from photpipe.report.logview import log_view
from photpipe.report.output import Info, Notes, Output, write
from photpipe.report.page_figures import PageFigures
from photpipe.report.stackview import stack_view
from photpipe.report.state import CONTROL, FrameState, State, TargetData, gather
from photpipe.report.targetview import target_view
from photpipe.report.views import main_view, telescope_name, title
from photpipe.run import subtracted
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.typed import typed
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

SINGLE = "diagnostics_single.html"
PAGES_OF_FRAMES = "frames"
OWNED = (PAGES_OF_FRAMES, "targets", "images", "cutouts", "figures", "animations", "stacks")


def refresh(workspace: Workspace) -> Path:
    """Render the pages of a directory from its saved results.

    Returns
    -------
    Path
        The main page, ``diagnostics.html``.

    Raises
    ------
    OSError
        If the directory cannot be written.
    """
    Report(workspace).write()
    return workspace.directory / places.MAIN


def export_single(workspace: Workspace, *, frames: bool = False) -> Path:
    """Render the pages, and all of them into one file, ``diagnostics_single.html``.

    Parameters
    ----------
    frames : bool
        With the page of every frame; without them a file is small enough to be mailed.

    Raises
    ------
    OSError
        If the directory cannot be written.
    """
    report = Report(workspace)
    report.write()
    path = workspace.directory / SINGLE
    with files.replacing(path) as file:
        file.writelines(encoded(part) for part in report.single(frames=frames))
    return path


def export_cards(workspace: Workspace) -> list[Path]:
    """Render the pages, and a card of one page for each target but the control star.

    Returns
    -------
    list of Path
        ``card_<target>.png`` and ``.pdf`` in the data directory.

    Raises
    ------
    OSError
        If the directory cannot be written.
    """
    from photpipe.report import card

    report = Report(workspace)
    report.write()
    written = []
    for target, figure in report.cards():
        for kind in card.FORMATS:
            path = workspace.directory / f"card_{target.slug}.{kind}"
            with files.replacing(path) as file:
                file.write(card.content(figure, kind))
            written.append(path)
    return written


@dataclass(frozen=True, slots=True)
class SpotPlace:
    """Where a target is on the picture of a frame, as it is kept with the page: see `Spot`."""

    slug: str
    predicted: tuple[float, float] | None
    measured: tuple[float, float] | None
    cutout: Cutout | None


Made = tuple[str, tuple[Spot, ...], Notes]
"""Name of a frame, the targets on its page, and what the output remembers of files."""


@dataclass(frozen=True, slots=True)
class _PagePart:
    """A part of the pages, and how it is made."""

    name: str
    make: Callable[[], Made]


class Report:
    """One rendering of the pages of a directory.

    Parameters
    ----------
    workspace : Workspace
        The directory, its settings, and how many frames are worked on side by side.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.state: State = gather(workspace)
        self.judged = verdicts.judge(self.state)
        self.output = Output(workspace.report_directory, OWNED)
        self.charts = Charts(self.state)
        self.figures = PageFigures(self.state, self.output)
        self.points: dict[str, list[tuple[TargetData, TargetPoint]]] = {}
        for target in self.state.targets:
            for point in target.points:
                self.points.setdefault(point.frame, []).append((target, point))
        self.program = f"{program.sources_digest(paths.package())} {render.digest()}"
        self.spots: dict[str, dict[str, Spot]] = {each.slug: {} for each in self.state.targets}

    def write(self) -> None:
        """Write all pages."""
        self._write_frames()
        for target in self.state.targets:
            text = _page("target.html", self._target_view(target, FROM_PAGE), FROM_PAGE)
            self.output.put(f"targets/{target.slug}.html", text)
        self._write_main()
        self.output.close()

    # -- pages

    def _write_frames(self) -> None:
        """Write the page of every frame and draw the figures, several at a time."""
        parts = [_PagePart("figures", self._draw)]
        for index, frame in enumerate(self.state.frames):
            parts.append(_PagePart(frame.name, partial(self._write_frame, index)))
        render.prepare("frame.html")
        made, failed = self.workspace.map_frames(
            lambda part: part.make(), parts, "pages", by_copies=True
        )
        for name, spots, notes in made:
            self.output.take(notes)
            for spot in spots:
                self.spots[spot.slug][name] = spot
        for failure in failed:
            log.warning("%s: its page could not be written: %s", failure.frame, failure.reason)

    def _draw(self) -> Made:
        """Draw the figures of the main page: what takes longest comes first."""
        return "", (), self.output.notes(self.figures.draw())

    def _write_frame(self, index: int) -> Made:
        """Write the page of a frame, unless it is there as it would be written."""
        frame, key = self.state.frames[index], self._key_of(index)
        page = f"{PAGES_OF_FRAMES}/{frame.slug}.html"
        info = self.output.retain_page(page, key)
        if info and all(self.output.earlier(name) is not None for name in info["files"]):
            return frame.name, self._spots(frame, info), self.output.notes([page, *info["files"]])
        assets = self._assets(frame)
        view = frame_view(self.state, index, assets, FROM_PAGE)
        places = [SpotPlace(s.slug, s.predicted, s.measured, s.cutout) for s in assets.spots]
        info = {"files": list(assets.files), "spots": [asdict(each) for each in places]}
        self.output.put_page(page, key, _page("frame.html", view, FROM_PAGE), info)
        return frame.name, assets.spots, self.output.notes([page, *assets.files])

    def _spots(self, frame: FrameState, info: Info) -> tuple[Spot, ...]:
        """Targets on a frame whose page is there already."""
        seen = {target.slug: (target.name, p) for target, p in self.points.get(frame.name, [])}
        found = []
        for each in info["spots"]:
            place = cast("SpotPlace", typed(each, SpotPlace, "spot"))
            name, point = seen[place.slug]
            where = place.predicted, place.measured, place.cutout
            found.append(Spot(name, place.slug, point, *where))
        return tuple(found)

    def _key_of(self, index: int) -> str:
        """What the page of a frame is made from."""
        frames = self.state.frames
        frame, path = frames[index], self.state.directory / frames[index].name
        sources = [path, path.with_suffix(".ldac")]
        if frame.calibrated:
            sources.append(path.with_name(frame.calibrated.database))
        stamps = files.stamps(sources)
        seen = [(t.slug, t.name, point) for t, point in self.points.get(frame.name, [])]
        beside = [
            each.name for each in (*frames[max(0, index - 1) : index], *frames[index + 1 :][:1])
        ]
        photometry = self.state.photometry
        radius_px = photometry.aperture_radius_px if photometry else None
        telescope = telescope_name(frame.facts.telescope) if frame.facts else ""
        told = self.state.settings.report, telescope, self.program
        chart = self.charts.digest(frame)
        made_from = (frame, index, beside, seen, radius_px, stamps, chart, told)
        return hashlib.sha256(encoded(repr(made_from))).hexdigest()

    def _assets(self, frame: FrameState) -> FrameAssets:
        seen = self.points.get(frame.name, [])
        return FrameStudio(self.state, frame, seen, self.charts, self.output).assets()

    def _frame_view(self, index: int, links: Links) -> object:
        return frame_view(self.state, index, self._assets(self.state.frames[index]), links)

    def _target_view(self, target: TargetData, links: Links) -> object:
        spots = self.spots[target.slug]
        views = {frame: cutout_view(spot, links) for frame, spot in spots.items()}
        cutouts = {frame: view for frame, view in views.items() if view is not None}
        animation = None if self.figures.is_small else self.figures.animation(target, spots, links)
        folder = self.workspace.state_directory
        panels = {} if self.figures.is_small else subtracted.read(folder, target.name)
        subtractions = self.figures.subtractions(target, panels, links)
        return target_view(self.state, target, cutouts, animation, links, subtractions)

    def _write_main(self) -> None:
        """Write the main page (in both places), the LOG, the numbers, style and script."""
        self.output.put("style.css", render.resource("style.css"))
        self.output.put("report.js", render.script("report.js"))
        self.output.put(places.FRAMES, self._list_of_frames())
        log_page = log_view(self.workspace.log_path, FROM_FOLDER)
        self.output.put(places.LOG, _page("log.html", log_page, FROM_FOLDER))
        self.output.put(places.NUMBERS, numbers(self.workspace, self.state, self.judged))
        for links, path in (
            (FROM_FOLDER, self.output.folder / places.MAIN_IN_FOLDER),
            (FROM_DATA, self.workspace.directory / places.MAIN),
        ):
            view = self._main_view(links, log_page.commands)
            write(path, encoded(_page("main.html", view, links)))

    def _list_of_frames(self) -> str:
        """Script with the frames in their order: what pages of frames need not hold themselves."""
        slugs = json.dumps([each.slug for each in self.state.frames]).replace("<", "\\u003c")
        return f"window.ppListed = {slugs};\n"

    def _main_view(self, links: Links, log_lines: dict[str, int]) -> object:
        drawn = self.figures.of_main_page(self.spots, links)
        stack = stack_view(self.state, self.output, links)
        return main_view(self.state, self.judged, drawn, log_lines, links, stack)

    def cards(self) -> "Iterator[tuple[TargetData, Figure]]":
        """Targets and their cards; after `write`."""
        from photpipe.report.card import card
        from photpipe.report.finder import finder_view

        for target in self.state.targets:
            if target.kind == CONTROL:
                continue
            finder = finder_view(self.state, target, self.output, FROM_FOLDER)
            image = self.output.folder / finder.src if finder else None
            yield target, card(self.state, target, self.judged, finder, image)

    def single(self, *, frames: bool) -> Iterator[str]:
        """Text of the single file, part by part; after `write`."""
        links = SingleLinks("", self.output.folder, has_frames=frames)
        self.figures.is_small = not frames
        log_page = log_view(self.workspace.log_path, links)
        yield render.page(
            "single_head.html",
            title=title(self.state),
            style=render.resource("style.css"),
            script=render.script("report.js"),
            links=links,
        )
        main = self._main_view(links, log_page.commands)
        yield render.page("main.html", view=main, links=links)
        for target in self.state.targets:
            yield render.page("target.html", view=self._target_view(target, links), links=links)
        for index in range(len(self.state.frames) if frames else 0):
            yield render.page("frame.html", view=self._frame_view(index, links), links=links)
        yield render.page("log.html", view=log_page, links=links)
        yield render.page("single_foot.html", script=render.script("report.js"))


def _page(content: str, view: Any, links: Links) -> str:
    title = getattr(view, "title", LOG_NAME)
    return render.page("page.html", content=content, title=title, view=view, links=links)
