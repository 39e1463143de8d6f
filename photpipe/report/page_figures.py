"""Figures and animations of the pages, made again only when their numbers change."""

import hashlib
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from photpipe.ground import files
from photpipe.ground.files import encoded
from photpipe.report import wording
from photpipe.report.assets import EXPECTED, Cutout, Spot
from photpipe.report.links import FROM_FOLDER, Links
from photpipe.report.output import Info, Output
from photpipe.report.state import State, TargetData
from photpipe.report.tables import Link
from photpipe.report.views import CARDS, Animation, MainFigures, TargetCard, main_target
from photpipe.run.photometry_file import TargetPoint
from photpipe.run.subtracted import Panels

if TYPE_CHECKING:
    from markupsafe import Markup

    from photpipe.report.images import Cel

log = logging.getLogger(__name__)

Item = TypeVar("Item")
SMALL_FRAMES = 12  # by judgement: a file to be mailed, and a page to be opened, stay small
WIDE_INCH, TALL_INCH, CARD_INCH = (10.0, 3.2), (10.0, 3.6), (6.0, 3.2)  # sizes of figures
FRAME_LINK = "frame:"  # replaced by the link to a page where the figure is shown

_LOOK = "9"  # to be raised when figures or animations come to look otherwise
_FRAME_LINK = re.compile(r'"frame:([^"]*)"')
_ANCHOR = re.compile(r'<a [^>]*"frame:[^>]*>|</a>')


class PageFigures:
    """Figures and animations that several pages show.

    Parameters
    ----------
    state : State
        All results.
    output : Output
        Where figures are kept.

    Attributes
    ----------
    is_small : bool
        One short animation, of the main target, is all that there is room for.
    drawn : list of str
        Files of the figures.
    """

    def __init__(self, state: State, output: Output) -> None:
        self.state, self.output = state, output
        self.slugs = {each.name: each.slug for each in state.frames}
        self.is_small = False
        self.drawn: list[str] = []

    def of_main_page(self, spots: Mapping[str, Mapping[str, Spot]], links: Links) -> MainFigures:
        """Figures of the main page.

        Parameters
        ----------
        spots : mapping
            Slug of each target to frame to what is shown of it there.
        """
        from photpipe.report.finder import finder_view

        targets = self.state.targets[:CARDS]
        main = main_target(self.state)
        return MainFigures(
            growth=self._growth(links),
            seeing=self._seeing(links),
            zeropoints=self._zeropoints(links),
            cards=tuple(self._card(each, spots[each.slug], links) for each in targets),
            finder=finder_view(self.state, main, self.output, links) if main else None,
        )

    def draw(self) -> tuple[str, ...]:
        """Make the figures of the main page, unless they are there; their files."""
        for figure in (self._growth, self._seeing, self._zeropoints):
            figure(FROM_FOLDER)
        for target in self.state.targets[:CARDS]:
            self._curve(target, FROM_FOLDER)
        return tuple(self.drawn)

    def _href(self, name: str) -> str:
        """What a figure says where it leads to a frame; it is shown on several pages."""
        slug = self.slugs.get(name)
        return f"{FRAME_LINK}{slug}" if slug else ""

    def _growth(self, links: Links) -> "Markup":
        from photpipe.report import plots

        result = self.state.photometry
        if result is None or not result.curve:
            return _nothing()
        key = (result.curve, result.aperture_radius_px, result.flux_limit)
        return self._figure("growth", key, lambda: plots.growth(result), links)

    def _seeing(self, links: Links) -> "Markup":
        from photpipe.report import plots, stills

        result = self.state.photometry
        widths = [
            (frame.slug, frame.midtime_jd, frame.measured.fwhm_px)
            for frame in self.state.frames
            if frame.measured and frame.measured.fwhm_px > 0
        ]
        if result is None or not widths:
            return _nothing()
        key = (widths, result.aperture_radius_px)
        plot = plots.seeing(self.state, self._href)
        return self._figure("seeing", key, lambda: stills.drawn(plot, WIDE_INCH), links)

    def _zeropoints(self, links: Links) -> "Markup":
        from photpipe.report import plots, stills

        values = [
            (frame.slug, frame.midtime_jd, row.zeropoint_mag, row.zeropoint_sigma_mag, row.band)
            for frame in self.state.frames
            if (row := frame.calibrated) and row.is_calibrated
        ]
        if not values:
            return _nothing()
        plot = plots.zeropoints(self.state, self._href)
        return self._figure("zeropoints", values, lambda: stills.drawn(plot, TALL_INCH), links)

    def _card(self, target: TargetData, spots: Mapping[str, Spot], links: Links) -> TargetCard:
        is_main = target is main_target(self.state)
        animation = self.animation(target, spots, links, is_short=not is_main)
        cutouts = _cutouts(target, spots)
        good = len(target.good)
        return TargetCard(
            target=Link(target.name, links.target(target.slug)),
            detail=f"{wording.sentence(wording.counted(good, len(target.points)))}.",
            curve=self._curve(target, links),
            animation=animation,
            still=links.file(cutouts[0][1].file) if animation and cutouts else "",
        )

    def _curve(self, target: TargetData, links: Links) -> "Markup":
        from photpipe.report import plots, stills

        kinds = [(p.method, bool(p.rejected), p.spoiler, p.band) for p in target.points]
        values = [
            (self.slugs.get(p.frame), p.midtime_jd, p.mag, p.sig, p.instrumental_sig)
            for p in target.points
        ]
        return self._figure(
            f"curve-{target.slug}",
            (kinds, values, self.state.is_live),
            lambda: stills.drawn(
                plots.light_curve(target, self._href), CARD_INCH, marks_newest=self.state.is_live
            ),
            links,
        )

    def _figure(
        self, name: str, data: object, draw: "Callable[[], Markup]", links: Links
    ) -> "Markup":
        """Figure with links as seen from a page; nothing if it cannot be drawn."""
        from markupsafe import Markup

        def made() -> tuple[bytes, Info]:
            raw = encoded(draw())
            return raw, {"sha256": hashlib.sha256(raw).hexdigest()}

        file = f"figures/{name}.svg"
        path = self.output.folder / file
        try:
            info = self.output.keep(file, _key(data), made)
            if hashlib.sha256(files.read_bytes(path)).hexdigest() != info.get("sha256"):
                self.output.put(file, made()[0])  # edited: what is not ours enters no page
            text = files.read_text(path)
            self.drawn.append(file)
        except EXPECTED as error:
            log.warning("figure %s cannot be drawn: %s", name, error)
            return Markup("")
        return Markup(_linked(text, links))

    # -- subtractions

    def subtractions(
        self, target: TargetData, panels_of: Mapping[str, Panels], links: Links
    ) -> dict[str, str]:
        """Pictures of frame, template and difference of a target, by frame."""
        from photpipe.report.images import subtraction

        pictures = {}
        for frame, panels in panels_of.items():
            if frame not in self.slugs or panels.ndim != 3 or len(panels) != 3:
                continue
            file = f"cutouts/{target.slug}-{self.slugs[frame]}-subtracted.jpg"
            self.output.keep(file, _key(panels.tobytes()), partial(_picture, subtraction, panels))
            pictures[frame] = links.file(file)
        return pictures

    # -- animations

    def animation(
        self,
        target: TargetData,
        spots: Mapping[str, Spot],
        links: Links,
        *,
        is_short: bool = False,
    ) -> Animation | None:
        """Animation of a target, or a short one; None if there are fewer than two cut-outs."""
        from photpipe.report.images import animation, animation_size

        seen = _cutouts(target, spots)
        is_short = is_short or self.is_small
        most = SMALL_FRAMES if is_short else self.state.settings.report.animation_frames
        chosen = _evenly(seen, most)
        if len(chosen) < 2 or (self.is_small and target is not main_target(self.state)):
            return None
        cels = [self._cel(point, cutout) for point, cutout in chosen]
        file = f"animations/{target.slug}{'-small' if is_short else ''}.gif"

        def made() -> tuple[bytes, Info]:
            return animation(cels), {}

        drawn = [
            (point.midtime_jd, cutout, self.output.key(cutout.file)) for point, cutout in chosen
        ]
        self.output.keep(file, _key(drawn), made)
        return Animation(links.file(file), *animation_size(chosen[0][1].side_px))

    def _cel(self, point: TargetPoint, cutout: Cutout) -> "Cel":
        from photpipe.report.images import Cel

        circle = None
        if cutout.measured and cutout.radius_px > 0:
            circle = (*cutout.measured, cutout.radius_px)
        time = wording.instant(point.midtime_jd, 0)
        return Cel(self.output.folder / cutout.file, time, circle, cutout.predicted)


def _linked(figure: str, links: Links) -> str:
    """Figure whose points lead to the pages of their frames, as far as there are any."""
    if not links.frame(""):
        return _ANCHOR.sub("", figure)
    return _FRAME_LINK.sub(lambda found: f'"{links.frame(found[1])}"', figure)


def _cutouts(target: TargetData, spots: Mapping[str, Spot]) -> list[tuple[TargetPoint, Cutout]]:
    """Points of a target that have a cut-out, in chronological order."""
    seen = ((point, spots.get(point.frame)) for point in target.points)
    return [(point, spot.cutout) for point, spot in seen if spot and spot.cutout]


def _picture(draw: "Callable[[Panels], bytes]", panels: Panels) -> tuple[bytes, Info]:
    return draw(panels), {}


def _nothing() -> "Markup":
    from markupsafe import Markup

    return Markup("")


def _key(data: object) -> str:
    """Short text that changes with the data."""
    return hashlib.sha1(f"{_LOOK} {data!r}".encode(), usedforsecurity=False).hexdigest()


def _evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly chosen, the first and last among them."""
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / max(1, most - 1)
    return [items[math.floor(number * step + 0.5)] for number in range(most)]
