"""The page of a target."""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from photpipe.ground import files
from photpipe.report import symbols, wording
from photpipe.report.comaview import ComaView, coma_view
from photpipe.report.frameview import CutoutView, Facts, magnitude
from photpipe.report.links import Links
from photpipe.report.plots import TimeAxis, light_curve
from photpipe.report.plotspec import Mark, Plot, Series, rounded
from photpipe.report.state import CONTROL, FrameState, State, TargetData
from photpipe.report.symbols import is_limit
from photpipe.report.tables import SENTENCE, TEXT, Column, Link, TableView, Word, table
from photpipe.report.views import Animation
from photpipe.report.wording import number
from photpipe.run import comet_file, trail_file
from photpipe.run.photometry_file import CONTAMINATED, REJECTIONS_FILE, TargetPoint

MOST_TRAILS = 6  # frames whose trails are drawn
BY_USER = "rejected by the user"


@dataclass(frozen=True, slots=True)
class LinkedPoint:
    """A point of a target, its frame if that is there, and whether the user may reject it."""

    point: TargetPoint
    frame: FrameState | None
    links: Links
    can_reject: bool

    @property
    def link(self) -> Link:
        """To the page of the frame."""
        return Link(self.point.frame, self.links.frame(self.frame.slug) if self.frame else "")


@dataclass(frozen=True, slots=True)
class Still:
    """A cut-out among those of the other frames."""

    frame: Link
    number: str
    words: str
    remark: str
    cutout: CutoutView
    subtraction: str = ""


@dataclass(frozen=True, slots=True)
class TargetView:
    """The page of a target."""

    slug: str
    title: str
    main: str
    facts: Facts
    plots: tuple[Plot, ...]
    animation: Animation | None
    animation_note: str
    still: str
    stills: tuple[Still, ...]
    points: TableView
    rejections: Mapping[str, object]
    rejections_file: str
    files: tuple[Link, ...]
    coma: ComaView | None = None


def target_view(
    state: State,
    target: TargetData,
    cutouts: Mapping[str, CutoutView],
    animation: Animation | None,
    links: Links,
    subtractions: Mapping[str, str] | None = None,
) -> TargetView:
    """View of a target.

    Parameters
    ----------
    cutouts : mapping
        Frame to the target's cut-out on it.
    animation : Animation or None
        The moving picture, if there is one.
    subtractions : mapping or None
        Frame to the picture of what was subtracted there.
    """
    frames = {each.name: each for each in state.frames}
    by_hand = _by_hand(state, target)
    name = f"photometry_{target.slug}"
    data = [Link(f"{name}.{each}", links.data(f"{name}.{each}")) for each in ("dat", "ecsv", "csv")]
    if target.trails:
        curve = trail_file.file_name(target.name)
        data.append(Link(curve, links.data(curve)))
    for suffix in (".ecsv", ".icq"):
        if target.coma.frames or target.coma.stack:
            coma = comet_file.file_name(target.name, suffix)
            data.append(Link(coma, links.data(coma)))
    shown = min(len(cutouts), state.settings.report.animation_frames)
    return TargetView(
        slug=target.slug,
        title=target.name,
        main=links.part("results"),
        facts=tuple(_facts(target)),
        plots=tuple(each for each in _plots(target, frames, links) if not each.is_empty),
        animation=animation,
        still=next((cutouts[p.frame].src for p in target.points if p.frame in cutouts), ""),
        animation_note=f"{shown} of {len(cutouts)} frames" if shown < len(cutouts) else "",
        stills=tuple(_stills(target, frames, cutouts, subtractions or {}, links)),
        points=table(
            POINTS,
            (
                LinkedPoint(
                    *(each, frames.get(each.frame), links),
                    can_reject=not each.rejected or each.frame in by_hand,
                )
                for each in target.points
            ),
            key=lambda row: row.point.frame,
        ),
        rejections=_rejections(state, target, by_hand),
        rejections_file=REJECTIONS_FILE,
        files=tuple(each for each in data if each.href),
        coma=coma_view(target.name, target.coma, lambda frame: _page(frame, frames, links)),
    )


def _facts(target: TargetData) -> Iterable[tuple[str, str]]:
    good = target.good
    if target.kind:
        yield "Kind", "control star" if target.kind == CONTROL else target.kind
    yield "Measurements", wording.counted(len(good), len(target.points))
    if good:
        mags = np.array([each.mag for each in good])
        calibrated = math.isfinite(good[0].zeropoint)
        median = f"{number(float(np.median(mags)), 3)} mag" + (
            "" if calibrated else " (instrumental)"
        )
        yield f"Median in {good[0].band or 'no band'}", median
        if len(good) > 1:
            scatter = float(np.std(mags, ddof=1))
            yield "Scatter, range", f"{number(scatter, 3)}, {number(float(np.ptp(mags)), 3)} mag"
        yield "Typical error", number(wording.median(each.sig for each in good), 3, "mag")
        yield "Typical S/N", number(wording.median(each.snr for each in good), 0)
    if math.isfinite(target.predicted_mag):
        yield "Predicted (V)", number(target.predicted_mag, 1, "mag")
    limits = sum(is_limit(each) for each in target.points)
    if limits:
        yield "Upper limits", str(limits)
    for symbol, points in symbols.kinds(target):
        if symbol not in (symbols.MEASURED, symbols.UPPER_LIMIT):
            yield wording.sentence(symbol.label), str(len(points))


def _plots(target: TargetData, frames: Mapping[str, FrameState], links: Links) -> Iterable[Plot]:
    axis = TimeAxis.of([each.midtime_jd for each in target.points])

    def href(name: str) -> str:
        return _page(name, frames, links)

    yield light_curve(target, href, lambda point: _label(point, frames))
    yield from _trail_plots(target)
    yield from _offset_plots(target.points, axis, frames, links)


def _trail_plots(target: TargetData) -> Iterable[Plot]:
    """Brightness along the trail of each frame."""
    for curve in target.trails[:MOST_TRAILS]:
        period = f" ± {curve.period_sig:.3f} s" if math.isfinite(curve.period_s) else ""
        title = (
            f"Along the trail, period {curve.period_s:.3f}{period}" if period else "Along the trail"
        )
        points = Series(
            "part of the trail",
            "used",
            rounded(curve.seconds, 3),
            rounded(curve.mag, 4),
            rounded(curve.sig, 4),
            labels=tuple(f"{each:+.2f} s" for each in curve.seconds),
        )
        yield Plot(
            f"{title}: {curve.frame}",
            "seconds from the middle of the exposure",
            "fainter than the mean (mag)",
            f"Brightness of {target.name} along its trail on {curve.frame}",
            (points,),
            upside_down=True,
        )


def _offset_plots(
    points: Sequence[TargetPoint],
    axis: TimeAxis,
    frames: Mapping[str, FrameState],
    links: Links,
) -> Iterable[Plot]:
    """Predicted minus measured position over time."""
    seen = [
        each for each in points if math.isfinite(each.offset_east_arcsec) and not is_limit(each)
    ]
    times = rounded([axis.at(each.midtime_jd) for each in seen], 5)
    series = [
        Series(
            direction,
            style,
            times,
            rounded([getattr(each, f"offset_{direction}_arcsec") for each in seen], 3),
            rounded([getattr(each, f"sigma_{direction}_arcsec") for each in seen], 3),
            keys=tuple(each.frame for each in seen),
            labels=tuple(_label(each, frames) for each in seen),
            hrefs=tuple(_page(each.frame, frames, links) for each in seen),
        )
        for direction, style in (("east", "used"), ("north", "other"))
    ]
    yield Plot(
        "Predicted minus measured position",
        axis.label,
        "offset (″)",
        "Offsets of the target from its predicted position over time",
        tuple(series),
        (Mark("y", 0.0, ""),),
        is_large=True,
    )


def _page(name: str, frames: Mapping[str, FrameState], links: Links) -> str:
    """Link to the page of a frame; empty if there is none."""
    frame = frames.get(name)
    return links.frame(frame.slug) if frame else ""


def _label(point: TargetPoint, frames: Mapping[str, FrameState]) -> str:
    """What is said of a point under the pointer."""
    frame = frames.get(point.frame)
    number_of = f"{frame.number}: " if frame else ""
    remark = point.rejected or point.contamination
    lines = [
        f"{number_of}{point.frame}",
        f"{wording.instant(point.midtime_jd)} UTC",
        f"{magnitude(point)} mag",
    ]
    return "\n".join([*lines, *([remark] if remark else [])])


def _state(point: TargetPoint) -> Word:
    if point.rejected:
        return Word(point.spoiler or "rejected", "bad")
    if is_limit(point):
        return Word("limit", "look")
    return Word(point.method, "good" if point.method == "detected" else "note")


_REJECT = Markup('<button type="button" class="reject" aria-pressed="false">reject</button>')

POINTS: tuple[Column[LinkedPoint], ...] = (
    Column("#", lambda row: str(row.frame.number) if row.frame else wording.UNKNOWN),
    Column("Frame", lambda row: row.link, TEXT),
    Column("Mid-exposure (UTC)", lambda row: wording.instant(row.point.midtime_jd), TEXT),
    Column(
        "Magnitude",
        lambda row: ("> " if is_limit(row.point) else "") + number(row.point.mag, 3),
    ),
    Column("±", lambda row: number(row.point.sig, 3)),
    Column("State", lambda row: _state(row.point), TEXT),
    Column("S/N", lambda row: number(row.point.snr, 1)),
    Column("FWHM (″)", lambda row: number(row.point.fwhm_arcsec, 2)),
    Column(
        "East (″)",
        lambda row: number(row.point.offset_east_arcsec, 2),
        meaning="predicted minus measured position.",
        defined="East, north",
    ),
    Column("North (″)", lambda row: number(row.point.offset_north_arcsec, 2)),
    Column("Flags", lambda row: row.point.flags_in_words or str(row.point.flags or ""), TEXT),
    Column("Remark", lambda row: row.point.rejected or row.point.contamination, SENTENCE),
    Column("Reject", lambda row: _REJECT if row.can_reject else "", TEXT),
)


def _stills(
    target: TargetData,
    frames: Mapping[str, FrameState],
    cutouts: Mapping[str, CutoutView],
    subtractions: Mapping[str, str],
    links: Links,
) -> Iterable[Still]:
    for point in target.points:
        cutout, frame = cutouts.get(point.frame), frames.get(point.frame)
        if cutout is None or frame is None:
            continue
        yield Still(
            Link(point.frame, links.frame(frame.slug)),
            str(frame.number),
            magnitude(point),
            _spoilt(point),
            cutout,
            subtractions.get(point.frame, ""),
        )


def _spoilt(point: TargetPoint) -> str:
    """One word for what is wrong with a point; empty if nothing is."""
    if point.rejected:
        return point.spoiler or "rejected"
    if point.is_too_bright:
        return "too bright"  # nobody knows why
    if point.is_too_wide:
        return "too wide"
    return CONTAMINATED if point.contamination else ""


def _by_hand(state: State, target: TargetData) -> dict[str, str]:
    """Frames on which the user rejected a target, with the reasons."""
    slug = files.slug(target.name)
    return {frame: why for (name, frame), why in state.rejections.items() if name == slug}


def _rejections(
    state: State, target: TargetData, by_hand: Mapping[str, str]
) -> Mapping[str, object]:
    """What the page needs to write the file of rejections: this target's and the other lines."""
    slug = files.slug(target.name)
    return {
        "slug": slug,
        "reason": BY_USER,
        "chosen": by_hand,
        "others": [
            shlex.join([name, frame, *why.split()])
            for (name, frame), why in state.rejections.items()
            if name != slug
        ],
    }
