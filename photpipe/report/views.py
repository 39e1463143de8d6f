"""What the main page says: numbers rounded, links relative, nothing left to compute."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photpipe.ground.errors import ConfigError
from photpipe.instruments import telescopes
from photpipe.report import columns, findings, origins, wording
from photpipe.report.columns import LinkedFrame, LinkedRecord, LinkedTarget
from photpipe.report.findings import CHAIN
from photpipe.report.links import Links
from photpipe.report.state import CONTROL, State, TargetData
from photpipe.report.tables import Link, TableView, Word, table
from photpipe.report.verdicts import Severity, Verdict
from photpipe.report.wording import UNKNOWN, number
from photpipe.run.results import PhotometryResult

if TYPE_CHECKING:
    from markupsafe import Markup

    from photpipe.report.finder import FinderView
    from photpipe.report.stackview import StackView

RELOAD_S = 10  # by judgement: an eye on a run; exposures are longer
UNIX_EPOCH_JD, SECONDS_PER_DAY = 2440587.5, 86400.0
MOST_FRAMES_LINKED = 8  # a line of links
MOST_OF_A_RULE = 4  # the others are a click away
CARDS = 4  # targets whose light curves stand on the main page


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the large numbers on top."""

    name: str
    value: str
    detail: str
    href: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """One line of the verdict."""

    severity: str
    word: str
    text: str
    advice: str
    href: str
    frames: tuple[Link, ...]
    more: str


@dataclass(frozen=True, slots=True)
class Animation:
    """A moving picture of a target."""

    src: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TargetCard:
    """Light curve and animation of a target."""

    target: Link
    detail: str
    curve: "Markup"
    animation: Animation | None
    still: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the main page: where it stands and what it says in a sentence.

    Parameters
    ----------
    is_there : bool
        The stage has left a result.
    summary : str
        What came out; or why there is nothing.
    severity : str
        How that is.
    notes : tuple of str
        More sentences.
    log : str
        Link to the place in the LOG, where a step stopped.
    """

    is_there: bool
    summary: str
    severity: str
    notes: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True)
class Hero:
    """What the first screen shows of the target, beside its light curve.

    Parameters
    ----------
    card : TargetCard
        Light curve and animation.
    finder : FinderView or None
        Finder chart.
    magnitude : str
        Median with error, band and unit.
    detail : str
        Range, number of measurements, time.
    """

    card: TargetCard
    finder: "FinderView | None"
    magnitude: str
    detail: str


@dataclass(frozen=True, slots=True)
class Live:
    """A page that renews itself: how often (s), and the end of the newest exposure.

    Parameters
    ----------
    newest_s : float
        Seconds since 1970, UTC; NaN without a frame.
    frame : Link
        The newest frame.
    """

    reload_s: int
    newest_s: float
    frame: Link


@dataclass(frozen=True, slots=True)
class MainView:
    """The main page.

    Parameters
    ----------
    outcome : Word
        The verdict in one line, with the count of what needs a look.
    """

    title: str
    subtitle: str
    severity: str
    tiles: tuple[Tile, ...]
    outcome: Word
    hero: Hero | None
    live: Live | None
    verdicts: tuple[VerdictView, ...]
    passed: tuple[VerdictView, ...]
    more_verdicts: tuple[VerdictView, ...]
    facts: tuple[tuple[str, str], ...]
    steps: TableView
    log: Link
    report: Link
    origins: TableView
    frames: TableView
    registration: Section
    registration_table: TableView
    photometry: Section
    photometry_table: TableView
    growth: "Markup"
    seeing: "Markup"
    calibration: Section
    calibration_table: TableView
    zeropoints: "Markup"
    results: Section
    targets: TableView
    cards: tuple[TargetCard, ...]
    stack: "StackView | None"


@dataclass(frozen=True, slots=True)
class MainFigures:
    """Figures of the main page, empty where there is nothing to draw."""

    growth: "Markup"
    seeing: "Markup"
    zeropoints: "Markup"
    cards: tuple[TargetCard, ...]
    finder: "FinderView | None" = None


def main_view(
    state: State,
    judged: Iterable[Verdict],
    drawn: MainFigures,
    log_lines: dict[str, int],
    links: Links,
    stack: "StackView | None" = None,
) -> MainView:
    """View of the main page.

    Parameters
    ----------
    judged : iterable of Verdict
        The verdict.
    drawn : MainFigures
        Figures, with links as seen from the page.
    log_lines : mapping
        Line of the LOG page where the last run of each command begins.
    stack : StackView or None
        The section of the stacks.
    """
    judged = list(judged)
    first, more = _first_of_each(judged)
    count = len(state.frames)

    def told(section: Section, command: str) -> Section:
        stopped = _stopped(state, command) and not section.is_there
        return replace(section, log=_log_link(command, log_lines, links)) if stopped else section

    def tried(command: str, part: str) -> list[LinkedFrame]:
        frames = (f for f in state.frames if getattr(f, part) or f.failure(command))
        return [LinkedFrame(frame, links) for frame in frames]

    steps = [
        LinkedRecord(each, _log_link(each.command, log_lines, links))
        for each in state.history.records
    ]
    return MainView(
        title=title(state),
        subtitle=subtitle(state),
        outcome=outcome(judged),
        hero=_hero(state, drawn),
        live=_live(state, links),
        severity=judged[0].severity if judged else Severity.NOTE,
        tiles=tuple(_tiles(state, links)),
        verdicts=tuple(verdict_view(each, count, links) for each in first if not is_good(each)),
        passed=tuple(verdict_view(each, count, links) for each in first if is_good(each)),
        more_verdicts=tuple(verdict_view(each, count, links) for each in more),
        facts=tuple(_facts(state)),
        steps=table(columns.STEPS, steps),
        log=Link("LOG", links.log),
        report=Link("report.json", links.script_data),
        origins=table(columns.ORIGINS, origins.rows(state)),
        frames=table(columns.FRAMES, (LinkedFrame(each, links) for each in state.frames)),
        registration=told(_registration(state), "pp_register"),
        registration_table=table(columns.REGISTRATION, tried("pp_register", "registered")),
        photometry=told(_photometry(state), "pp_photometry"),
        photometry_table=table(columns.PHOTOMETRY, tried("pp_photometry", "measured")),
        growth=drawn.growth,
        seeing=drawn.seeing,
        calibration=told(_calibration(state), "pp_calibrate"),
        calibration_table=table(columns.CALIBRATION, tried("pp_calibrate", "calibrated")),
        zeropoints=drawn.zeropoints,
        results=told(_results(state), "pp_distill"),
        targets=table(columns.TARGETS, (LinkedTarget(each, links) for each in state.targets)),
        cards=drawn.cards,
        stack=stack,
    )


def is_good(verdict: Verdict) -> bool:
    """Whether there is nothing to do about it."""
    return verdict.severity is Severity.GOOD


def outcome(judged: Iterable[Verdict]) -> Word:
    """The verdict in one line."""
    counts = Counter(each.severity for each in judged)
    bad, look = counts[Severity.BAD], counts[Severity.LOOK]
    looks = f"{look} {'needs' if look == 1 else 'need'} a look"
    if bad:
        problems = wording.many(bad, "problem")
        return Word(f"{problems}, {looks}" if look else problems, Severity.BAD)
    if look:
        return Word(looks, Severity.LOOK)
    passed = counts[Severity.GOOD]
    if not passed:
        return Word("no results yet", Severity.NOTE)
    return Word(f"{wording.many(passed, 'check')} passed, nothing needs a look", Severity.GOOD)


def main_target(state: State) -> TargetData | None:
    """The target of the first screen: the first one with a magnitude, else the first."""
    named = [each for each in state.targets if each.kind != CONTROL]
    return next((each for each in named if each.good), named[0] if named else None)


def title(state: State) -> str:
    """Who was observed; the directory where nobody knows."""
    target = main_target(state)
    objects = _distinct(each.facts.object_name for each in state.frames if each.facts)
    name = target.name if target else wording.listed(objects, 2)
    return name or state.directory.name or str(state.directory)


def magnitude(target: TargetData) -> str:
    """Median magnitude with its typical error, band and unit."""
    good = target.good
    if not good:
        return "no magnitude"
    value = wording.with_error(
        wording.median(each.mag for each in good), wording.median(each.sig for each in good)
    )
    system = "" if math.isfinite(good[0].zeropoint) else " (instrumental)"
    return f"{good[0].band or 'no band'} = {value} mag{system}"


def _live(state: State, links: Links) -> Live | None:
    """When the page renews itself; None if no more frames are expected."""
    timed = [each for each in state.frames if math.isfinite(each.midtime_jd)]
    if not state.is_live or not timed:
        return None
    newest = max(timed, key=lambda each: each.midtime_jd)
    half_s = newest.facts.exptime_s / 2.0 if newest.facts else 0.0
    ended_s = (newest.midtime_jd - UNIX_EPOCH_JD) * SECONDS_PER_DAY + half_s
    return Live(RELOAD_S, round(ended_s, 1), Link(newest.name, links.frame(newest.slug)))


def _hero(state: State, drawn: MainFigures) -> Hero | None:
    """The target of the first screen; None if none was measured."""
    target = main_target(state)
    if target is None or not drawn.cards:
        return None
    card = next((each for each in drawn.cards if each.target.text == target.name), drawn.cards[0])
    mags = [each.mag for each in target.good]
    span = f"range {max(mags) - min(mags):.3f} mag, " if len(mags) > 1 else ""
    used = wording.counted(len(target.good), len(target.points))
    return Hero(card, drawn.finder, magnitude(target), f"{span}{used}")


def _first_of_each(judged: Iterable[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    """The first verdicts of each rule, and the others (of the fifth target, and so on)."""
    first: list[Verdict] = []
    more: list[Verdict] = []
    told: Counter[str] = Counter()
    for each in judged:
        told[each.rule] += 1
        (first if told[each.rule] <= MOST_OF_A_RULE else more).append(each)
    return first, more


def telescope_name(keyword: str) -> str:
    """Name of a telescope; its keyword if it is not known here."""
    try:
        return telescopes.by_keyword(keyword).name
    except ConfigError:
        return keyword


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted({each for each in values if each})


def _telescope_names(state: State) -> list[str]:
    return [
        telescope_name(keyword)
        for keyword in _distinct(each.facts.telescope for each in state.frames if each.facts)
    ]


def band(state: State) -> str:
    """Band of the magnitudes; empty if not known."""
    calibrated = state.calibrate.band if state.calibrate else ""
    known = _distinct(each.facts.band for each in state.frames if each.facts)
    return calibrated or wording.listed(known)


def subtitle(state: State) -> str:
    """Object, telescope, band, frames and date in one line."""
    times = [each.midtime_jd for each in state.frames if math.isfinite(each.midtime_jd)]
    objects = _distinct(each.facts.object_name for each in state.frames if each.facts)
    parts = [
        wording.listed([each for each in objects if each != title(state)], 2),
        wording.listed(_telescope_names(state)),
        f"band {band(state)}" if band(state) else "",
        wording.many(len(state.frames), "frame"),
        wording.instant(min(times), 0) + " UTC" if times else "",
    ]
    return " · ".join(part for part in parts if part)


def _tiles(state: State, links: Links) -> Iterable[Tile]:
    frames = len(state.frames)
    yield Tile("Frames", str(frames), _span(state), links.part("frames"))
    if state.register is not None:
        done = state.register.done
        detail = wording.listed(_distinct(each.catalog for each in state.register.frames))
        yield Tile("Registered", f"{done}/{frames}", detail, links.part("registration"))
    if state.photometry is not None:
        radius = number(state.photometry.aperture_radius_px, 2, "px")
        seeing = wording.median(each.fwhm_arcsec for each in state.photometry.frames)
        detail = f"seeing {number(seeing, 1)}″"
        yield Tile("Aperture radius", radius, detail, links.part("photometry"))
    if state.calibrate is not None:
        value = wording.median(each.zeropoint_mag for each in state.calibrate.frames)
        done = state.calibrate.calibrated
        detail = f"{done}/{frames} frames, {band(state)}" if done else "instrumental"
        text = number(value, 3) if math.isfinite(value) else "none"
        yield Tile("Zeropoint", text, detail, links.part("calibration"))
    for target in state.targets[:CARDS]:
        median = wording.median(each.mag for each in target.good)
        detail = wording.of(len(target.good), len(target.points), "measurement")
        yield Tile(target.name, number(median, 3), detail, links.target(target.slug))
    if state.stack:
        count = wording.many(len(state.stack.result.stars.frames), "frame")
        for name, point in state.stack.points:
            yield Tile("Stack", number(point.mag, 3), f"{name}, {count}", links.part("stack"))


def _span(state: State) -> str:
    times = [each.midtime_jd for each in state.frames if math.isfinite(each.midtime_jd)]
    return f"over {wording.duration(86400 * (max(times) - min(times)))}" if len(times) > 1 else ""


def verdict_view(verdict: Verdict, frames: int, links: Links) -> VerdictView:
    """One verdict with links to its frames, unless it is about all of them."""
    linked = verdict.frames if len(verdict.frames) < frames else ()
    shown = linked[:MOST_FRAMES_LINKED]
    href = links.target(verdict.target.slug) if verdict.target else links.part(verdict.section)
    return VerdictView(
        severity=verdict.severity,
        word=verdict.severity.word,
        text=verdict.text,
        advice=verdict.advice,
        href=href,
        frames=tuple(Link(str(each.number), links.frame(each.slug)) for each in shown),
        more=f"and {len(linked) - len(shown)} more" if len(linked) > len(shown) else "",
    )


def _facts(state: State) -> Iterable[tuple[str, str]]:
    """Names and values on top of the data summary."""
    known = [each.facts for each in state.frames if each.facts]
    times = [each.midtime_jd for each in state.frames if math.isfinite(each.midtime_jd)]
    filters = _distinct(
        f"{each.filter_name} → {each.band or 'no band'}" if each.filter_name else ""
        for each in known
    )
    keywords = _distinct(each.telescope for each in known)
    yield "Data directory", str(state.directory.name)
    yield "Telescope", wording.listed(_telescope_names(state)) or UNKNOWN
    yield "Keyword", wording.listed(keywords) or UNKNOWN
    yield "Filter → band", wording.listed(filters) or UNKNOWN
    yield "Object", wording.listed(_distinct(each.object_name for each in known)) or UNKNOWN
    yield "Frames", str(len(state.frames))
    if times:
        span = f"{wording.instant(min(times), 0)} to {wording.instant(max(times), 0)}"
        yield "Mid-exposure (UTC)", span
    airmass = [each.airmass for each in known]
    if airmass:
        yield "Airmass", f"{min(airmass):.2f} to {max(airmass):.2f}"


def _log_link(command: str, log_lines: dict[str, int], links: Links) -> str:
    """Where the last run of a command begins in the LOG."""
    line = log_lines.get(command)
    return f"{links.log}#l{line}" if line is not None and links.log.endswith("html") else links.log


def _stopped(state: State, command: str) -> str:
    """Reason of a command that failed as a whole; empty if it did not."""
    for record in state.history.records:
        if record.command == command and record.status == "failed":
            return record.reason
    return ""


def _missing(state: State, command: str) -> Section:
    """Part of a stage that has left nothing."""
    reason = _stopped(state, command)
    if reason:
        return Section(False, f"{command} stopped: {reason}", Severity.BAD)
    done = {name: each for name, each in zip(CHAIN, _results_of(state), strict=True) if each}
    skipped = command in CHAIN and any(CHAIN.index(name) > CHAIN.index(command) for name in done)
    word = "was left out" if skipped else "has not been run yet"
    return Section(False, f"{command} {word} in this directory.", Severity.NOTE)


def _results_of(state: State) -> tuple[object, ...]:
    return (
        state.prepare,
        state.register,
        state.photometry,
        state.calibrate,
        state.distill or state.targets,
    )


def _share(done: int, failed: int) -> str:
    """Severity of a share of frames."""
    if not done:
        return Severity.BAD
    return Severity.LOOK if failed else Severity.GOOD


def _registration(state: State) -> Section:
    result = state.register
    if result is None:
        return _missing(state, "pp_register")
    done, failed = result.done, len(result.failed)
    catalogs = wording.listed(_distinct(each.catalog for each in result.frames))
    summary = f"{wording.of(done, done + failed)} {wording.be(done)} registered"
    tried = wording.listed(list(result.catalogs))
    return Section(
        True,
        wording.sentence(summary + (f" with {catalogs}." if catalogs else ".")),
        _share(done, failed),
        (f"Catalogs queried: {tried}.",) if tried else (),
    )


def _photometry(state: State) -> Section:
    result = state.photometry
    if result is None:
        return _missing(state, "pp_photometry")
    if not result.frames:
        return Section(True, "No frame could be measured.", Severity.BAD)
    frames = wording.of(result.background_frames, len(result.frames))
    on_target = wording.of(result.target_frames, len(result.frames))
    return Section(
        True,
        f"Aperture radius {number(result.aperture_radius_px, 2, 'px')}: {result.reason}.",
        _share(len(result.frames), len(result.failed)),
        (
            f"Curves of growth of {wording.many(result.background_stars, 'star')} on {frames}, "
            f"of the target on {on_target}.",
            *_crowding(result),
        ),
    )


def _crowding(result: PhotometryResult) -> tuple[str, ...]:
    """How crowded the stars are, and what follows from it."""
    if math.isnan(result.crowding):
        return ()
    why = findings.psf_reason(result)
    if not result.with_psf:
        return (f"Measured in apertures: {why}.",)
    frames = wording.of(result.with_psf, result.done)
    stars = sorted(each.psf_stars for each in result.frames if each.psf_stars)
    typical = wording.many(stars[len(stars) // 2], "star")
    return (
        f"Point-spread function fitted to all stars of {frames} at once: {why}. It was derived "
        f"from typically {typical} a frame. Zeropoints and magnitudes are those of the fit, in "
        "units of the flux in the aperture.",
    )


def _calibration(state: State) -> Section:
    result = state.calibrate
    if result is None:
        return _missing(state, "pp_calibrate")
    notes = [sentence for each in result.fields for sentence in each.history]
    notes += [
        f"{each.catalog}: {wording.many(each.stars, 'star')}; {each.remark}."
        for field in result.fields
        for each in field.attempts
    ]
    notes += [
        f"Across the field magnitudes differ by {number(each.unevenness_mag, 4)} mag (rms), by "
        "flat field and widths of the stars: part of the errors."
        for each in result.fields
        if math.isfinite(each.unevenness_mag)
    ]
    if result.instrumental:
        return Section(True, "Instrumental magnitudes, as requested.", Severity.NOTE)
    total = len(result.frames) + len(result.failed)
    catalogs = wording.listed(_distinct(each.catalog for each in result.frames))
    have = "has" if result.calibrated == 1 else "have"
    done = f"{wording.of(result.calibrated, total)} {have} a zeropoint in {result.band}"
    if not result.calibrated:
        why = next((each.note for each in result.frames if each.note), "")
        summary = f"No zeropoint: the magnitudes are instrumental. {wording.sentence(why)}"
        return Section(True, summary, Severity.BAD, tuple(notes))
    summary = f"{wording.sentence(done)} from {catalogs}."
    severity = _share(result.calibrated, total - result.calibrated)
    return Section(True, summary, severity, tuple(dict.fromkeys(notes)))


def _results(state: State) -> Section:
    if not state.targets:
        if state.distill is None:
            return _missing(state, "pp_distill")
        return Section(True, "No target was measured; see the verdict.", Severity.BAD)
    names = [each.name for each in state.targets if each.kind != CONTROL]
    measured = [each for each in state.targets if each.kind != CONTROL and each.good]
    reasons = (
        [f"{each.frame}: {each.reason}" for each in state.distill.failed] if state.distill else []
    )
    share = wording.of(len(measured), len(names), "target")
    summary = f"{share} {wording.be(len(measured))} measured."
    severity = Severity.GOOD if measured or not names else Severity.BAD
    clock = state.distill.clock if state.distill else None
    if clock is not None:
        bodies = wording.many(clock.bodies, "known body", "known bodies")
        told = f"{clock.seconds:+.2f} ± {clock.error_s:.2f} s"
        reasons.append(f"Clock, true time minus that of the headers: {told} ({bodies}).")
    return Section(True, wording.sentence(summary), severity, tuple(reasons))
