"""Extract the calibrated photometry of targets."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground import files
from photpipe.ground.errors import ConfigError, PhotPipeError, ReductionError
from photpipe.ground.log import FRAME
from photpipe.run import kinds
from photpipe.run.options import COMET, REJECT, TARGET, Option
from photpipe.run.results import DistilledTarget, DistillResult, FrameFailure
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.distill.clean import Kept, Subtraction
    from photpipe.distill.identification import Track
    from photpipe.distill.measured_frame import MeasuredFrame
    from photpipe.distill.memory import Points
    from photpipe.distill.rejection import Schema
    from photpipe.distill.surroundings import Surroundings
    from photpipe.distill.target_search import TargetSearch
    from photpipe.distill.target_trails import TrailProfiles
    from photpipe.distill.targets import Target
    from photpipe.run.comet_file import ComaPoint
    from photpipe.run.photometry_file import TargetPoint
    from photpipe.run.settings import Settings

log = logging.getLogger("pp_distill")

UNPLACED = (
    "the frames are not registered: run pp_register, pp_photometry and pp_calibrate on them, or "
    "mark the target with pp_manident and give -positions"
)


@dataclass(frozen=True, slots=True)
class DistillOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)
    offset: tuple[float, float] | None = Option(
        "arcsec east and north (on the sky) added to the predicted positions",
        kinds.finite,
        ("RA", "DEC"),
        nargs=2,
    ).field(None)
    positions: str | None = Option(
        "file of target positions: frame, RA (deg), Dec (deg), mid-time (JD); or 'all_objects': "
        "every source of the frames",
        kinds.text,
        "FILE",
    ).field(None)
    fixedtargets: str | None = Option(
        "file of fixed targets: name, RA (deg), Dec (deg)", kinds.text, "FILE"
    ).field(None)
    variable_stars: bool = Option("extract variable stars of the field (VSX)").field(False)
    asteroids: bool = Option("extract asteroids that happen to be in the field (SkyBoT)").field(
        False
    )
    reject: str = REJECT.field("pos")
    no_star_subtraction: bool = Option(
        "measure moving targets beside stars as they are, with the light of the stars"
    ).field(False)
    write_subtracted: bool = Option(
        "write the differences around moving targets as FITS files, into .diagnostics/subtracted"
    ).field(False)
    trail_profile: bool = Option(
        "write the light curve along each trail of a moving target, and its period"
    ).field(False)
    comet: bool = COMET.field(False)
    keep_contaminated: bool = Option(
        "use points, too, that neighbours of moving targets, trails of satellites, bleeding or "
        "cosmic rays change by more than 0.02 mag"
    ).field(False)


def distill(paths: Sequence[Path], options: DistillOptions, workspace: Workspace) -> DistillResult:
    """Measure all targets on all frames.

    **Reads** the frames and their databases (pp_calibrate), files of positions and of fixed
    targets; asks JPL Horizons, SkyBoT and VSX. **Writes** ``photometry_<target>.dat``,
    ``.ecsv`` and ``.csv`` for each target and for the control star, and the state.

    With a positions file or a file of fixed targets the OBJECT of the frames is not looked
    for, unless ``-target`` says so. A service that fails costs its targets alone.

    Raises
    ------
    ConfigError
        If a file of targets or a rejection schema is wrong.
    ReductionError
        If no frame is calibrated (or, at least, measured).
    """
    _Judgement.of(options, workspace)  # what is wrong there is told before anything is measured
    return judged(measured(paths, options, workspace), options, workspace)


@dataclass(frozen=True, slots=True)
class MeasuredTargets:
    """Targets as measured on the frames: all that does not depend on what is rejected.

    Parameters
    ----------
    points : dict
        Number of each frame that could be measured: name of a target to its point.
    memory : Points
        What of them an earlier run has measured.
    """

    frames: "Sequence[MeasuredFrame]"
    numbered: "Sequence[_NumberedFrame]"
    search: "TargetSearch"
    tracks: "Sequence[Track]"
    around: "Surroundings"
    subtraction: "Subtraction | None"
    profiles: "TrailProfiles | None"
    points: "Mapping[int, Mapping[str, TargetPoint]]"
    memory: "Points"
    failed: Sequence[FrameFailure]


@dataclass(frozen=True, slots=True)
class _Measured:
    """What comes of one frame."""

    number: int
    points: "Mapping[str, TargetPoint]"
    differences: "Kept"
    along: "TrailProfiles | None"


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What is rejected: by rules, by what spoils points, by hand; radii of comets (km)."""

    rules: "Sequence[Schema]"
    spoilers: "Sequence[Schema]"
    by_hand: Mapping[tuple[str, str], str]
    radii_km: tuple[float, ...]

    @classmethod
    def of(cls, options: DistillOptions, workspace: Workspace) -> "_Judgement":
        """That of the options, the settings and the directory.

        Raises
        ------
        ConfigError
            If a criterion, a radius or a line of the rejections is wrong.
        """
        from photpipe.distill import rejection
        from photpipe.run.photometry_file import SPOILERS, read_rejections

        settings = workspace.settings.distill
        radii_km = radii_of_comas(workspace.settings) if options.comet else ()
        rules = rejection.schemata(options.reject, settings)
        spoilers = rejection.spoilers(settings, SPOILERS if options.keep_contaminated else ())
        return cls(rules, spoilers, read_rejections(workspace.directory), radii_km)


def measured(
    paths: Sequence[Path], options: DistillOptions, workspace: Workspace
) -> MeasuredTargets:
    """Measure all targets on all frames; nothing is written.

    Raises
    ------
    ConfigError
        If a file of targets is wrong.
    ReductionError
        If no frame is calibrated (or, at least, measured).
    """
    from photpipe.distill.clean import Subtraction
    from photpipe.distill.memory import Points
    from photpipe.distill.points import points_of_frame
    from photpipe.distill.star_images import followed
    from photpipe.distill.target_search import TargetSearch
    from photpipe.distill.target_trails import TrailProfiles

    frames, failed = _frames(paths, workspace)
    if not options.positions and not any(each.frame.is_placed for each in frames):
        raise ReductionError(UNPLACED)
    search = TargetSearch(frames, workspace.directory, workspace.settings)
    tracks, around = _tracks(search, options, workspace)
    guide = followed(frames, [each.target for each in tracks])
    offset = options.offset or (0.0, 0.0)
    subtraction = None if options.no_star_subtraction else Subtraction(frames, tracks)
    profiles = TrailProfiles() if options.trail_profile else None
    numbered = [_NumberedFrame(number, each) for number, each in enumerate(frames)]
    memory = Points.of(frames, tracks, guide.name if guide else "", options, workspace)

    def one(each: _NumberedFrame) -> "_Measured":
        own = subtraction.alone() if subtraction else None
        along = TrailProfiles() if profiles else None
        where = (each.frame, each.number, tracks, guide, around, offset)
        taken = memory.taken(each.name)
        points = points_of_frame(*where, workspace.settings.distill, own, along, taken=taken)
        known = memory.points_of(each.name)
        return _Measured(each.number, known | points, own.kept if own else {}, along)

    todo = [each for each in numbered if not memory.is_complete(each.name)]
    found, unmeasured = workspace.map_frames(one, todo, "measure", by_copies=True)
    for each in found:
        if subtraction:
            subtraction.kept.update(each.differences)
        if profiles and each.along:
            profiles.kept.update(each.along.kept)
    points = {
        number: memory.points_of(each.name)
        for number, each in enumerate(numbered)
        if memory.is_complete(each.name)
    } | {each.number: each.points for each in found}
    return MeasuredTargets(
        *(frames, numbered, search, tracks, around, subtraction, profiles),
        points=dict(sorted(points.items())),
        memory=memory,
        failed=(*failed, *unmeasured),
    )


def judged(night: MeasuredTargets, options: DistillOptions, workspace: Workspace) -> DistillResult:
    """Reject what is to be rejected of measured targets, and write their files and the result.

    Raises
    ------
    ConfigError
        If a criterion or a line of the rejections is wrong.
    """
    from photpipe.distill import clock, rejection
    from photpipe.distill.expected import unexpected, wider
    from photpipe.distill.memory import PointsMemory
    from photpipe.distill.points import suspected
    from photpipe.distill.whereabouts import outside
    from photpipe.run import subtracted
    from photpipe.run.photometry_file import CONTAMINATED

    judgement = _Judgement.of(options, workspace)
    frames, subtraction, failed = night.frames, night.subtraction, list(night.failed)
    done, measured_points, freed = [], [], []
    workspace.forget(PointsMemory)  # until all is written that it tells
    for track in night.tracks:
        target = track.target
        points = [each[target.name] for each in night.points.values() if target.name in each]
        # what was found far away on purpose is not far by mistake
        kept = [each for each in judgement.rules if each.name != "pos" or not track.is_elsewhere]
        # what stands beside a fixed target stands there on all frames
        kept += [each for each in judgement.spoilers if target.moves or each.name != CONTAMINATED]
        points = rejection.judged(points, target.name, kept, judgement.by_hand)
        measured_points.append((target, points))
        panels = dict(subtraction.panels(target.name)) if subtraction else {}
        panels |= {
            f: each for (name, f), each in night.memory.panels.items() if name == target.name
        }
        subtracted.write(workspace.state_directory, target.name, dict(sorted(panels.items())))
        freed += [(target.name, frame) for frame in panels]
        _write_curves(night.profiles, target.name, workspace)
        if subtraction and options.write_subtracted:
            _write_images(subtraction, target.name, workspace)
        if target.moves:
            points = wider(suspected(unexpected(points, target)), target)
        outcome = _written(target, points, workspace)
        if isinstance(outcome, FrameFailure):
            reason = outcome.reason + outside(target, frames) + night.search.hint(target)
            failed.append(replace(outcome, reason=reason))
        else:
            done.append(replace(outcome, whereabouts=track.whereabouts))
            if track.whereabouts:
                log.warning("%s: %s", target.name, track.whereabouts)
    failed += _comas(
        night.tracks, night.numbered, night.around, judgement.radii_km, options, workspace
    )
    names = tuple(each.frame.name for each in frames)
    result = DistillResult(
        targets=tuple(done),
        frames=names,
        failed=(*failed, *night.search.failed),
        # a user's offset is part of the predictions: no measure of a clock
        clock=None if options.offset else clock.of_night(measured_points, names),
    )
    night.memory.keep(night.points, freed)
    workspace.save(result)
    return result


def radii_of_comas(settings: "Settings") -> tuple[float, ...]:
    """Radii (km) of the apertures at comets, ascending.

    Raises
    ------
    ConfigError
        If there are none.
    """
    radii = tuple(sorted(settings.distill.comet_km))
    if not (radii and all(0 < each < math.inf for each in radii)):
        raise ConfigError(f"comet_km = {list(radii)}: wanted are radii in km above 0")
    return radii


def _comas(
    tracks: "Sequence[Track]",
    numbered: "Sequence[_NumberedFrame]",
    around: "Surroundings",
    radii: tuple[float, ...],
    options: DistillOptions,
    workspace: Workspace,
) -> list[FrameFailure]:
    """Measure the comas of the targets, if that is asked for; files of before go."""
    from photpipe.distill import comets
    from photpipe.run import comet_file

    failed = []
    for track in filter(comets.is_comet, tracks):
        points = []
        if options.comet:
            measured = partial(_coma, track, around, radii)
            rows, unread = workspace.map_frames(measured, numbered, "coma")
            failed += unread
            points = [each for row in rows for each in row]
            comets.tell(track.target.name, points)
        catalog = numbered[0].frame.facts.catalog
        line = comets.icq_line(track.target.name, points, catalog)
        comet_file.write(workspace.directory, track.target.name, points, line)
    if options.comet and not any(map(comets.is_comet, tracks)):
        reason = "-comet needs a target known to JPL Horizons, for its distances"
        failed.append(FrameFailure("comet", reason))
    return failed


def _coma(
    track: "Track", around: "Surroundings", radii: tuple[float, ...], numbered: "_NumberedFrame"
) -> "list[ComaPoint]":
    """The coma of a target on one frame."""
    from photpipe.distill import comets

    return comets.apertures(track, numbered.number, numbered.frame, around, radii)


def _write_curves(profiles: "TrailProfiles | None", target: str, workspace: Workspace) -> None:
    """Write the light curves along the trails of a target, and tell their periods.

    Where they are not asked for, a file of before, which is of other points, goes.
    """
    from photpipe.run import trail_file

    curves = profiles.curves(target) if profiles else []
    trail_file.write(workspace.directory, target, curves)
    if not curves and profiles:
        log.info("%s: no trail is long and bright enough for a light curve along it", target)
    for each in curves:
        period = "no period along the trail"
        if math.isfinite(each.period_s):
            period = f"period along the trail {each.period_s:.3f} +- {each.period_sig:.3f} s"
        log.info("%s: %s: %s", target, each.frame, period)
    if curves and math.isfinite(curves[0].series_period_s):
        whole = curves[0].series_period_s, curves[0].series_period_sig
        log.info("%s: period of %d trails %.4f +- %.4f s", target, len(curves), *whole)


def _write_images(subtraction: "Subtraction", target: str, workspace: Workspace) -> None:
    """Write the differences around a target as FITS files, for the eye and for other programs."""
    folder = workspace.report_directory / "subtracted"
    files.make_folder(folder)
    for frame, content in subtraction.images(target):
        files.write_bytes(folder / f"{Path(frame).stem}_{files.slug(target)}.fits", content)


@dataclass(frozen=True, slots=True)
class _NumberedFrame:
    """A frame and its number in the arrays of the targets."""

    number: int
    frame: "MeasuredFrame"

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.frame.frame.name


def _frames(
    paths: Sequence[Path], workspace: Workspace
) -> "tuple[list[MeasuredFrame], list[FrameFailure]]":
    """Calibrated frames in chronological order, and what is wrong with the others."""
    from photpipe.distill.measured_frame import read_measured

    frames, failed = read_measured(paths, workspace)
    bands = {each.facts.band for each in frames}
    if len(bands) > 1:
        message = (
            f"the frames have several bands ({', '.join(sorted(bands))}); distill each separately"
        )
        raise ConfigError(message)
    return sorted(frames, key=lambda each: each.midtime_jd), failed


def _tracks(
    search: "TargetSearch", options: DistillOptions, workspace: Workspace
) -> "tuple[list[Track], Surroundings]":
    """All targets, each found on the frames, and what stands around them."""
    from photpipe.distill.identification import told_apart
    from photpipe.distill.target_search import named_apart
    from photpipe.distill.whereabouts import looked_for

    found = _from_files(search, options)
    found += search.moving(_names(search, options))
    if options.asteroids:
        found += search.asteroids()
    variables = search.catalogued_variables(wanted=options.variable_stars)
    if options.variable_stars and variables is not None:
        found += search.variable_stars(variables)
    if options.offset:
        found = [each.moved(*options.offset) for each in found]
    around = _surroundings(search.frames, workspace)
    found = named_apart([*found, *search.control_star(found, variables, around)])
    settings = workspace.settings.distill
    tracks = told_apart(found, search.frames, around, settings)
    if options.offset:
        return tracks, around  # the user says where to look
    return looked_for(tracks, search.frames, around, settings), around


def _from_files(search: "TargetSearch", options: DistillOptions) -> "list[Target]":
    """Targets that the user listed."""
    found = []
    if options.positions:
        found += search.of_positions(options.positions, options.target)
    if options.fixedtargets:
        found += search.of_fixed_targets(options.fixedtargets)
    return found


def _names(search: "TargetSearch", options: DistillOptions) -> list[str]:
    """Names to ask Horizons for: that of the user, else those of the frames."""
    if options.target:
        # beside a positions file it is the name of what the file describes
        return [] if options.positions else [options.target]
    if options.positions or options.fixedtargets:
        return []
    names = sorted({each.facts.object.strip() for each in search.frames} - {""})
    if not names:
        log.warning("the headers name no target; use -target NAME")
    return names


def _surroundings(frames: "Sequence[MeasuredFrame]", workspace: Workspace) -> "Surroundings":
    """Stars around the targets: of the series, and of the catalog that calibrated it."""
    from photpipe.catalogs.calibrators import magnitude_of_all
    from photpipe.distill.surroundings import Surroundings, catalogued

    around = Surroundings.of(frames)
    best = next((each for each in frames if each.is_calibrated), None)
    catalog = best.facts.catalog if best else ""
    if best is None or not catalog or not around.ra_deg.size:
        return around
    from photpipe.ground import sky

    cone = sky.enclosing_cone(around.ra_deg, around.dec_deg)
    try:
        stars = catalogued(catalog, best.facts.astrometric_catalog, cone, workspace.settings)
        stars = stars.at_epoch(best.midtime_jd)
        around.catalog_mag = magnitude_of_all(stars, best.facts.band)
    except PhotPipeError as error:
        log.debug("no catalog stars around the targets: %s", error)
        return around
    around.catalog_ra_deg, around.catalog_dec_deg = stars.ra_deg, stars.dec_deg
    return around


def _written(
    target: "Target", points: "list[TargetPoint]", workspace: Workspace
) -> DistilledTarget | FrameFailure:
    """Write the files of a target and say what was found, or why there is nothing."""
    import numpy as np

    from photpipe.run import photometry_file as files

    if not points:
        return FrameFailure(f"target {target.name}", "it lies on none of the frames")
    try:
        path = files.write(workspace.directory, target.name, points)
    except OSError as error:
        reason = f"{error.filename}: cannot be written: {error.strerror}"
        return FrameFailure(f"target {target.name}", reason)
    good = [each for each in points if each.is_good]
    mags = np.array([each.mag for each in good])
    kept = [each.method for each in points if not each.rejected]
    done = DistilledTarget(
        name=target.name,
        kind=target.kind,
        file=path.name,
        points=len(points),
        detected=kept.count(files.DETECTED),
        forced=kept.count(files.FORCED),
        limits=kept.count(files.LIMIT),
        clean=kept.count(files.CLEAN),
        trails=kept.count(files.FITTED_TRAIL),
        rejected=len(points) - len(kept),
        contaminated=sum(bool(each.contamination) for each in points),
        median_mag=float(np.median(mags)) if good else math.nan,
        scatter_mag=float(np.std(mags)) if good else math.nan,
        is_calibrated=all(math.isfinite(each.zeropoint) for each in good or points),
        predicted_mag=target.predicted_mag,
        distance_au=target.distance_au,
    )
    _say(done, points)
    return done


def _say(done: DistilledTarget, points: "list[TargetPoint]") -> None:
    """Tell the user, and the LOG, what was measured of a target."""
    counts = f"{done.detected} detected, {done.forced} forced, {done.limits} limits"
    counts += f", {done.rejected} rejected"
    if done.trails:
        counts += f", {done.trails} fitted trails"
    if done.clean:
        counts += f", {done.clean} freed of neighbours"
    if done.contaminated:
        counts += f", {done.contaminated} contaminated"
    brightness = "no magnitude"
    if math.isfinite(done.median_mag):
        band = points[0].band if done.is_calibrated else "instrumental"
        brightness = f"median {band} = {done.median_mag:.3f} mag, scatter {done.scatter_mag:.3f}"
    log.info("%s: %d frames: %s; %s", done.name, done.points, counts, brightness, extra=FRAME)
    for each in points:
        if each.rejected or each.contamination:
            why = each.rejected or f"{each.contamination} ({each.contamination_mag:.2f} mag)"
            log.debug("%s: %s: %s", done.name, each.frame, why)
