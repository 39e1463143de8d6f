"""What the rules of the verdict look at: numbers of a run in, findings out."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from photpipe.calibrate.frame_calibration import CLOUD_MAG
from photpipe.instruments.cameras.camera import is_camera
from photpipe.report import wording
from photpipe.report.state import CONTROL, FrameState, State, TargetData
from photpipe.report.wording import number
from photpipe.run.photometry_file import BRIGHTER, CONTAMINATED, UNEXPECTED, TargetPoint
from photpipe.run.results import PhotometryResult, StageRecord
from photpipe.science.flags import SourceFlag

STACKS = {"skycoadd.fits", "comove.fits"}
CHAIN = ("pp_prepare", "pp_register", "pp_photometry", "pp_calibrate", "pp_distill")
LARGEST_RMS_PX = 0.7  # by judgement: a registration of centroids is better than this
LARGEST_RMS_ARCSEC = 0.3  # by judgement: the same for small pixels, where seeing limits
FEWEST_MATCHED = 8  # by judgement: the six linear terms take three stars
LARGEST_SCALE_ERROR = 0.02  # by judgement: focus and refraction move it by per mille
SEEING_RATIO = 1.5  # by judgement: an aperture for the one frame no longer suits the other
LARGEST_ZEROPOINT_ERROR_MAG = 0.05  # by judgement: worse than a point of a light curve should be
STEADY_ZEROPOINT_MAG = 0.05  # by judgement: thin clouds begin here
SEEING_SHARE = 0.6  # of the scatter that is left when the aperture corrections are taken out
LARGEST_CHI2 = 3.0  # by judgement: errors are too small by 1.7
FEWEST_STARS = 5  # a mean curve of fewer is at the mercy of one
LARGEST_REPEATABILITY_MAG = 0.03  # by judgement: above, flat field or apertures limit, not photons
LARGEST_UNEVENNESS_MAG = 0.01  # that of a flat field which is off by 4 % in the corners
CONTAMINATION_MAG = 0.01  # as much as the error of a good point
LARGEST_OFFSET_ARCSEC = 2.0  # by judgement: predictions of numbered asteroids are better
# by judgement: a wrong source on some frames scatters more than that
LARGEST_OFFSET_SCATTER_ARCSEC = 1.0
FAINT_SNR = 10.0  # errors of 0.1 mag
WIDE_RATIO = 1.4  # by judgement: seeing and focus vary less over a frame
CONTROL_CHI2 = 4.0  # scatter of twice the errors, and
CONTROL_SCATTER_MAG = 0.02  # by judgement: as much as matters to a light curve
LARGEST_AIRMASS = 2.5  # by judgement: extinction by the colours of stars grows with it
SATURATED, TRUNCATED = SourceFlag.SATURATED, SourceFlag.TRUNCATED


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: values for its texts, the frames it is about, the target."""

    values: Mapping[str, object] = field(default_factory=dict)
    frames: tuple[FrameState, ...] = ()
    target: TargetData | None = None


# -- finders that serve several rules


def on_frames(
    row: str,
    test: Callable[[Any, FrameState, State], bool],
    values: Callable[[list[Any], State], Mapping[str, object]] | None = None,
) -> Callable[[State], Iterator[Finding]]:
    """Frames whose row of a stage (`registered`, `measured` ...) passes a test."""

    def find(state: State) -> Iterator[Finding]:
        known = [each for each in state.frames if getattr(each, row) is not None]
        found = [each for each in known if test(getattr(each, row), each, state)]
        if not found:
            return
        rows = [getattr(each, row) for each in found]
        which = {
            "which": wording.of(len(found), len(known)),
            "are": wording.be(len(found)),
            "numbers": wording.ranges(each.number for each in found),
        }
        yield Finding({**which, **(values(rows, state) if values else {})}, tuple(found))

    return find


def on_points(
    test: Callable[[TargetPoint], bool],
    values: Callable[[list[TargetPoint]], Mapping[str, object]] | None = None,
) -> Callable[[State], Iterator[Finding]]:
    """Points of each target (the control star left out) that pass a test."""

    def find(state: State) -> Iterator[Finding]:
        numbers = {each.name: each for each in state.frames}
        for target in _targets(state):
            found = [point for point in target.points if test(point)]
            if not found:
                continue
            frames = tuple(numbers[each.frame] for each in found if each.frame in numbers)
            yield Finding(
                {
                    "target": target.name,
                    "which": wording.of(len(found), len(target.points)),
                    "numbers": wording.ranges(each.number for each in frames),
                    **(values(found) if values else {}),
                },
                frames,
                target,
            )

    return find


def on_targets(
    values: Callable[[TargetData], Mapping[str, object] | None],
) -> Callable[[State], Iterator[Finding]]:
    """Targets (the control star left out) of which there is something to tell."""

    def find(state: State) -> Iterator[Finding]:
        for target in _targets(state):
            found = values(target)
            if found is not None:
                yield Finding({"target": target.name, **found}, (), target)

    return find


def run(
    values: Callable[[State], Mapping[str, object] | None],
) -> Callable[[State], list[Finding]]:
    """Something to tell of the run as a whole."""

    def find(state: State) -> list[Finding]:
        found = values(state)
        return [] if found is None else [Finding(found)]

    return find


def each(
    values: Callable[[State], Iterable[Mapping[str, object]]],
) -> Callable[[State], list[Finding]]:
    """Things to tell of the run as a whole."""
    return lambda state: [Finding(found) for found in values(state)]


def failed(stage: str, row: str, *, everywhere: bool) -> Callable[[State], Iterator[Finding]]:
    """Frames on which a stage failed (and no stage before it): all of them, or some."""
    before = CHAIN[: CHAIN.index(stage)]

    def find(state: State) -> Iterator[Finding]:
        failed = [each for each in state.failures(stage) if not any(map(each.failure, before))]
        done = sum(getattr(each, row) is not None for each in state.frames)
        if not failed or everywhere == bool(done):
            return
        reason, count = Counter(each.failure(stage) for each in failed).most_common(1)[0]
        same = "" if count == len(failed) else f" ({count} of these)"
        values = {
            "which": wording.of(len(failed), len(failed) + done),
            "were": "was" if len(failed) == 1 else "were",
            "reason": reason + same,
        }
        yield Finding(values, tuple(failed))

    return find


PP_RUN = "pp_run"


def records(status: str) -> Callable[[State], Iterator[Finding]]:
    """Commands whose last run ended in a certain way."""

    def find(state: State) -> Iterator[Finding]:
        told = {each.reason for each in state.history.records if each.command != PP_RUN}
        for each in state.history.records:
            if each.command == PP_RUN and each.reason in told:
                continue  # it passes on what a stage of it said
            if each.status == status and (status != "failed" or each.reason):
                values = {
                    "command": each.command,
                    "reason": each.reason,
                    "started": each.started.replace("T", " ").replace("Z", " UTC"),
                }
                yield Finding(values)

    return find


def _targets(state: State) -> list[TargetData]:
    return [each for each in state.targets if each.kind != CONTROL]


def _control(state: State) -> TargetData | None:
    return next((each for each in state.targets if each.kind == CONTROL), None)


# -- what single rules look at


def outdated(state: State) -> Iterator[Finding]:
    """Stages whose results are older than those they were made from."""
    records = {each.command: each for each in state.history.records if each.status != "failed"}
    newest: StageRecord | None = None
    for command in CHAIN:
        record = records.get(command)
        if record is None:
            continue
        if newest is not None and record.started < newest.started:
            yield Finding({"command": command, "newer": newest.command})
        else:
            newest = record


def time_remarks(rows: list[Any], _state: State) -> Mapping[str, object]:
    """What is said against the times of frames, each remark once."""
    return {"remarks": "; ".join(dict.fromkeys(r for row in rows for r in row.time_remarks))}


def other_bands(state: State) -> Iterator[Mapping[str, object]]:
    """Fields whose stars are those of another band than that of the filter."""
    result = state.calibrate
    for field_ in result.fields if result else ():
        if field_.is_contradicted:
            yield {
                "nearest": field_.nearest_band,
                "band": result.band if result else "",
                "slope": f"{field_.slope:+.2f} \u00b1 {field_.slope_error:.2f}",
                "nearest_slope": f"{field_.nearest_slope:+.2f}",
                "colour": field_.likeness_colour,
            }


def scale_is_wrong(registered: Any, frame: FrameState, _state: State) -> bool:
    """Whether the pixel scale is not that of the entry; that of other cameras is but a hint."""
    if frame.facts is not None and is_camera(frame.facts.telescope):
        return False
    return bool(abs(registered.scale_error) > LARGEST_SCALE_ERROR)


def header_far_off(registered: Any, frame: FrameState, _state: State) -> bool:
    """Whether the header had a frame more than half a field from its place."""
    if frame.facts is None:
        return False
    return bool(registered.offset_arcsec > 30.0 * min(frame.facts.field_arcmin))


def largest_offset(rows: list[Any], _state: State) -> Mapping[str, object]:
    """Largest such distance."""
    return {"offset": number(max(each.offset_arcsec for each in rows) / 60, 1)}


def largest_rms(rows: list[Any], _state: State) -> Mapping[str, object]:
    """Largest rms of some frames."""
    return {"rms": number(max(each.rms_arcsec for each in rows), 2)}


def low_contrast(registered: Any, _frame: FrameState, state: State) -> bool:
    """Whether SCAMP's contrasts are below the limits of the settings."""
    limits = state.settings.registration
    return bool(
        registered.as_contrast < limits.scamp_as_contrast_limit
        or registered.xy_contrast < limits.scamp_xy_contrast_limit
    )


def several_catalogs(state: State) -> Mapping[str, object] | None:
    """Catalogs of the registration, if there are several."""
    catalogs = Counter(each.registered.catalog for each in state.frames if each.registered)
    if len(catalogs) < 2:
        return None
    return {"catalogs": wording.listed([f"{name} ({n})" for name, n in catalogs.most_common()])}


def several_objects(state: State) -> Mapping[str, object] | None:
    """Objects of the frames, if there are several."""
    names = {each.facts.object_name for each in state.frames if each.facts}
    return {"names": wording.listed(sorted(names))} if len(names) > 1 else None


def all_registered(state: State) -> Mapping[str, object] | None:
    """All frames are registered."""
    done = [each.registered for each in state.frames if each.registered]
    if not done or state.failures("pp_register"):
        return None
    return {
        "which": wording.of(len(done), len(done)),
        "were": "was" if len(done) == 1 else "were",
        "catalogs": ", ".join(sorted({each.catalog for each in done})),
        "rms": number(wording.median(each.rms_arcsec for each in done), 2),
    }


def narrow_aperture(measured: Any, _frame: FrameState, state: State) -> bool:
    """Whether the stars of a frame are wider than the aperture."""
    result = state.photometry
    return result is not None and bool(measured.fwhm_px > 2.0 * result.aperture_radius_px)


def seeing_varies(state: State) -> Mapping[str, object] | None:
    """Range of the seeing, if it is large."""
    widths = [each.measured.fwhm_arcsec for each in state.frames if each.measured]
    finite = [each for each in widths if each > 0]
    if not finite or max(finite) < SEEING_RATIO * min(finite):
        return None
    return {"low": number(min(finite), 1), "high": number(max(finite), 1)}


def no_curve(state: State) -> Mapping[str, object] | None:
    """The aperture had to be chosen without a curve of growth."""
    result = state.photometry
    if result is None or not result.frames or result.strategy == "fixed":
        return None
    return {"reason": result.reason} if result.decided_by == "fixed" else None


def trailed(state: State) -> Mapping[str, object] | None:
    """Target and stars lose different parts of their light."""
    result = state.photometry
    if result is None or not 0 <= result.aperture_index < len(result.curve):
        return None
    difference = result.curve[result.aperture_index].difference
    if not difference > result.flux_margin:
        return None
    return {"difference": number(100 * difference, 0)}


def aperture_at_the_end(state: State) -> Mapping[str, object] | None:
    """The aperture is the first or last of those tried."""
    result = state.photometry
    if result is None or result.strategy == "fixed" or len(result.curve) < 2:
        return None
    ends = {0: "smallest", len(result.curve) - 1: "largest"}
    word = ends.get(result.aperture_index)
    return {"word": word} if word else None


def few_curves(state: State) -> Mapping[str, object] | None:
    """Very few stars made the curve of growth."""
    result = state.photometry
    if result is None or not 0 < result.background_stars < FEWEST_STARS:
        return None
    return {"stars": wording.many(result.background_stars, "star")}


def good_aperture(state: State) -> Mapping[str, object] | None:
    """The aperture was chosen as it should."""
    result = state.photometry
    if result is None or not result.frames or result.decided_by == "fixed":
        return None
    return {
        "radius": number(result.aperture_radius_px, 2),
        "by": result.decided_by,
        "stars": wording.many(result.background_stars, "star"),
    }


def crowded(state: State) -> Mapping[str, object] | None:
    """The PSF was fitted to all stars."""
    result = state.photometry
    if result is None or not result.with_psf:
        return None
    found = sum(each.psf_found for each in result.frames)
    return {
        "frames": wording.of(result.with_psf, result.done),
        "why": psf_reason(result),
        "found": wording.many(found, "further source"),
    }


def psf_reason(result: PhotometryResult) -> str:
    """Why the PSF was fitted, or was not."""
    if result.psf_wish:
        return f"as requested with -{result.psf_wish}"
    return (
        f"{number(result.crowding, 3)} stars per area of the aperture; "
        f"the limit is {number(result.crowding_limit, 3)}"
    )


def no_psf(state: State) -> Mapping[str, object] | None:
    """Frames whose PSF could not be found, although their stars crowd."""
    result = state.photometry
    if result is None or not result.wants_psf or result.with_psf == result.done:
        return None
    return {
        "which": wording.of(result.done - result.with_psf, result.done),
        "why": psf_reason(result),
    }


def uneven_psf(state: State) -> Mapping[str, object] | None:
    """Stars crowd, but no PSF describes them."""
    result = state.photometry
    if result is None or not result.psf_lack:
        return None
    return {"why": psf_reason(result), "lack": result.psf_lack}


def crowded_apertures(state: State) -> Mapping[str, object] | None:
    """Stars crowd, and the user wanted apertures."""
    result = state.photometry
    if result is None or result.psf_wish not in {"aperture", "aprad"}:
        return None
    if not result.crowding >= result.crowding_limit:
        return None
    density, limit = number(result.crowding, 3), number(result.crowding_limit, 3)
    return {"density": density, "limit": limit, "wish": result.psf_wish}


def target_missed(state: State) -> Mapping[str, object] | None:
    """The target was not found on most frames when the aperture was chosen."""
    wanted = [each.measured for each in state.frames if each.measured and each.measured.target]
    missed = [each for each in wanted if math.isnan(each.target_offset_arcsec)]
    if not missed or len(missed) * 2 < len(wanted):
        return None
    if state.distill and any(each.frame.startswith("target ") for each in state.distill.failed):
        return None  # outside of the frames, or not known: pp_distill says why
    return {"target": missed[0].target, "which": wording.of(len(missed), len(wanted))}


def instrumental_by_wish(state: State) -> Mapping[str, object] | None:
    """The user wants no zeropoint."""
    return {} if state.calibrate and state.calibrate.instrumental else None


def uncalibrated(*, everywhere: bool) -> Callable[[State], Iterator[Finding]]:
    """Frames without a zeropoint although one was wanted: all of them, or some."""

    def find(state: State) -> Iterator[Finding]:
        known = [each for each in state.frames if each.calibrated]
        missing = [each for each in known if each.calibrated and not each.calibrated.is_calibrated]
        if state.calibrate is None or state.calibrate.instrumental or not missing:
            return
        if everywhere == (len(missing) == len(known)):
            notes = Counter(each.calibrated.note for each in missing if each.calibrated)
            values = {
                "which": wording.of(len(missing), len(known)),
                "have": "has" if len(missing) == 1 else "have",
                "note": notes.most_common(1)[0][0],
            }
            yield Finding(values, tuple(missing))

    return find


def _transparency(state: State) -> dict[str, float]:
    """Zeropoint of each frame as if it had been exposed for a second, by the frame's name."""
    return {
        each.name: each.calibrated.zeropoint_mag - _exposure_mag(each)
        for each in state.frames
        if each.calibrated and each.calibrated.is_calibrated
    }


def _exposure_mag(frame: FrameState) -> float:
    """What the exposure time makes of a zeropoint."""
    exptime_s = frame.facts.exptime_s if frame.facts else math.nan
    return 2.5 * math.log10(exptime_s) if exptime_s > 0 else 0.0


def _cloudy(state: State) -> dict[str, float]:
    """By how much zeropoints are lower than usual (mag), where it is much."""
    known = _transparency(state)
    usual = wording.median(known.values())
    return {name: usual - each for name, each in known.items() if usual - each > CLOUD_MAG}


def clouds(state: State) -> Iterator[Finding]:
    """Frames with a zeropoint much lower than usual."""
    drops = _cloudy(state)
    if drops:
        known = sum(each.calibrated is not None for each in state.frames)
        frames = tuple(each for each in state.frames if each.name in drops)
        values = {"which": wording.of(len(drops), known), "drop": number(max(drops.values()), 1)}
        yield Finding(values, frames)


def zeropoint_varies(state: State) -> Mapping[str, object] | None:
    """Range of the zeropoints and what they follow, if they vary without clear clouds."""
    clear = _transparency(state)
    if len(clear) < 2 or _cloudy(state):
        return None
    values = np.array(list(clear.values()))
    if np.std(values, ddof=1) <= STEADY_ZEROPOINT_MAG:
        return None
    frames = [each for each in state.frames if each.name in clear]
    lost = [each.measured.aperture_correction_mag if each.measured else math.nan for each in frames]
    follows = bool(np.std(values - np.array(lost)) < SEEING_SHARE * np.std(values))
    return {
        "range": number(float(np.ptp(values)), 2),
        "cause": "as the seeing does: wider stars have less light in the aperture"
        if follows
        else "thin clouds, or the airmass",
    }


def earlier_catalogs(state: State) -> Iterator[Finding]:
    """Fields whose first catalogs would not do."""
    for each in state.calibrate.fields if state.calibrate else ():
        refused = [tried for tried in each.attempts if tried.catalog != each.catalog]
        if each.catalog and refused:
            remarks = "; ".join(f"{tried.catalog}: {tried.remark}" for tried in refused)
            yield Finding({"catalog": each.catalog, "remarks": remarks})


def field_values(
    values: Callable[[Any], Mapping[str, object] | None],
) -> Callable[[State], Iterator[Finding]]:
    """Something to tell of the calibration of a field."""

    def find(state: State) -> Iterator[Finding]:
        for each in state.calibrate.fields if state.calibrate else ():
            found = values(each)
            if found is not None:
                yield Finding(found)

    return find


def repeatability(each: Any) -> Mapping[str, object] | None:
    """Constant stars scatter too much."""
    poor = each.repeatability_mag > LARGEST_REPEATABILITY_MAG
    return {"scatter": number(each.repeatability_mag, 3)} if poor else None


def unevenness(each: Any) -> Mapping[str, object] | None:
    """Magnitudes differ across the field."""
    poor = each.unevenness_mag > LARGEST_UNEVENNESS_MAG
    return {"scatter": number(each.unevenness_mag, 3)} if poor else None


def variables(each: Any) -> Mapping[str, object] | None:
    """Reference stars that were seen to vary."""
    names = each.variable_stars
    if not names:
        return None
    return {"stars": wording.many(len(names), "reference star"), "names": wording.listed(names)}


def all_calibrated(state: State) -> Mapping[str, object] | None:
    """All frames have a zeropoint."""
    frames = [each.calibrated for each in state.frames if each.calibrated]
    known = [each for each in frames if each.is_calibrated]
    if not known or len(known) < len(frames):
        return None
    return {
        "which": wording.of(len(known), len(known)),
        "have": "has" if len(known) == 1 else "have",
        "catalog": wording.listed(sorted({each.catalog for each in known})),
        "zeropoint": number(wording.median(each.zeropoint_mag for each in known), 3),
        "error": number(wording.median(each.zeropoint_sigma_mag for each in known), 3),
        "stars": number(wording.median(float(each.used) for each in known), 0),
    }


def nothing_measured(state: State) -> Mapping[str, object] | None:
    """There is no target."""
    if state.distill is None or any(each.kind != CONTROL for each in state.distill.targets):
        return None
    failed = [f"{each.frame}: {each.reason}" for each in state.distill.failed]
    return {"reasons": wording.listed(failed) or "no header names a target"}


def search_failed(state: State) -> Iterator[Finding]:
    """Targets that could not be searched, and frames that could not be measured.

    Without any target these are the reasons that `nothing_measured` gives.
    """
    told = nothing_measured(state) is not None
    for each in state.distill.failed if state.distill and not told else ():
        yield Finding({"what": each.frame, "reason": each.reason})


def is_brighter(point: TargetPoint) -> bool:
    """Whether a point is too bright, and no neighbour answers for it."""
    return not point.rejected and point.contamination.endswith(BRIGHTER)


def is_unexpected(point: TargetPoint) -> bool:
    """Whether a point is brighter than predicted, and no neighbour answers for it."""
    return not point.rejected and point.contamination.endswith(UNEXPECTED)


def is_wide(point: TargetPoint) -> bool:
    """Whether a point is of a source wider than stars, and no neighbour answers for it."""
    return not point.rejected and point.is_too_wide


def width(points: list[TargetPoint]) -> Mapping[str, object]:
    """How wide a target is."""
    return {"wide": points[0].contamination}


def is_kept_out(point: TargetPoint) -> bool:
    """Whether a neighbour keeps a point out."""
    return point.spoiler == CONTAMINATED


def is_defective(point: TargetPoint) -> bool:
    """Whether a trail, a bright column or a cosmic ray keeps a point out."""
    return bool(point.spoiler) and point.spoiler != CONTAMINATED


def defects(points: list[TargetPoint]) -> Mapping[str, object]:
    """What it is on the frames, and by how much it changes a target at most."""
    worst = max(abs(each.defect_mag) for each in points)
    return {
        "what": wording.listed(sorted({each.spoiler for each in points})),
        "change": number(worst, 2),
    }


def is_spoiled(point: TargetPoint) -> bool:
    """Whether a neighbour changes a point that is used."""
    much = abs(point.contamination_mag) > CONTAMINATION_MAG
    unknown = point.rejected or point.is_too_bright or point.is_too_wide
    return not unknown and (bool(point.contamination) or much)


def brightest(points: list[TargetPoint]) -> Mapping[str, object]:
    """By how much a target is too bright at most."""
    return {"excess": number(max(each.contamination_mag for each in points), 1)}


def passes_a_star(points: list[TargetPoint]) -> Mapping[str, object]:
    """The worst neighbour and its effect."""
    worst = max(points, key=lambda point: abs(np.nan_to_num(point.contamination_mag)))
    effect = abs(worst.contamination_mag)
    change = f"by up to {effect:.2f} mag" if math.isfinite(effect) else "by an unknown amount"
    who = worst.contamination or "another source"
    return {"star": f"a {who}" if who.startswith("star ") else who, "change": change}


def _offsets(target: TargetData) -> tuple[float, float]:
    """Median distance from the prediction and scatter about it (arcsec)."""
    seen = [each for each in target.good if math.isfinite(each.source_ra_deg)]
    east = np.array([each.offset_east_arcsec for each in seen])
    north = np.array([each.offset_north_arcsec for each in seen])
    known = np.isfinite(east) & np.isfinite(north)
    if known.sum() < 1:
        return math.nan, math.nan
    east, north = east[known], north[known]
    centre = float(np.median(east)), float(np.median(north))
    spread = np.hypot(east - centre[0], north - centre[1])
    return math.hypot(*centre), float(np.median(spread)) * 1.48


def far_from_prediction(target: TargetData) -> Mapping[str, object] | None:
    """The target is not where it should be."""
    distance, _ = _offsets(target)
    return {"distance": number(distance, 1)} if distance > LARGEST_OFFSET_ARCSEC else None


def elsewhere(target: TargetData) -> Mapping[str, object] | None:
    """The target ought to be seen and is not where it was predicted."""
    return {"where": target.whereabouts} if target.whereabouts else None


def clock_off(state: State) -> Mapping[str, object] | None:
    """The known bodies are ahead of their ephemerides, or behind, all by the same time."""
    clock = state.distill.clock if state.distill else None
    if clock is None or not clock.is_off:
        return None
    return {
        "seconds": number(abs(clock.seconds), 1),
        "error": number(clock.error_s, 1),
        "early": "early" if clock.seconds > 0 else "late",
        "bodies": wording.many(clock.bodies, "known body", "known bodies"),
        "causes": f" ({', or '.join(clock.causes)})" if clock.causes else "",
    }


def restless(target: TargetData) -> Mapping[str, object] | None:
    """The target jumps about its predicted position."""
    _, spread = _offsets(target)
    return {"spread": number(spread, 1)} if spread > LARGEST_OFFSET_SCATTER_ARCSEC else None


def never_measured(target: TargetData) -> Mapping[str, object] | None:
    """No point of the target counts."""
    return None if target.good else {"points": wording.many(len(target.points), "frame")}


def faint(target: TargetData) -> Mapping[str, object] | None:
    """The target has a low signal."""
    snr = wording.median(each.snr for each in target.good)
    return {"snr": number(snr, 0)} if snr < FAINT_SNR else None


def wide(target: TargetData) -> Mapping[str, object] | None:
    """The target is wider than the stars, and its points are not marked for it."""
    if any(is_wide(each) for each in target.good):
        return None
    ratios = [each.fwhm_arcsec / each.seeing_arcsec for each in target.good if each.seeing_arcsec]
    ratio = wording.median(ratios)
    return {"ratio": number(ratio, 1)} if ratio > WIDE_RATIO else None


def is_rejected(point: TargetPoint) -> bool:
    """Whether a rule or the user rejected a point; what spoils points is told apart."""
    return bool(point.rejected) and not point.spoiler


def rejected(points: list[TargetPoint]) -> Mapping[str, object]:
    """Reasons of rejection."""
    kinds = Counter(each.rejected.split(":")[0] for each in points)
    return {"reasons": wording.listed([f"{kind} ({count})" for kind, count in kinds.most_common()])}


def measured(target: TargetData) -> Mapping[str, object] | None:
    """What came out for the target."""
    good = target.good
    if not good:
        return None
    mags = np.array([each.mag for each in good])
    system = "" if math.isfinite(good[0].zeropoint) else " (instrumental)"
    return {
        "points": wording.of(len(good), len(target.points)),
        "band": good[0].band or "?",
        "mag": number(float(np.median(mags)), 3),
        "error": number(wording.median(each.sig for each in good), 3),
        "range": number(float(np.ptp(mags)), 2),
        "system": system,
    }


def control_scatter(state: State) -> tuple[float, float, int]:
    """Scatter of the control star (mag), its reduced χ² about the mean, and the points."""
    control = _control(state)
    good = control.good if control else ()
    if len(good) < 3:
        return math.nan, math.nan, len(good)
    mag, sig = (np.array([getattr(each, name) for each in good]) for name in ("mag", "sig"))
    weight = 1.0 / np.maximum(np.nan_to_num(sig, nan=1.0), 1e-3) ** 2
    mean = float(np.average(mag, weights=weight))
    chi2 = float(np.sum(weight * (mag - mean) ** 2) / (len(good) - 1))
    return float(np.std(mag, ddof=1)), chi2, len(good)


def control_star(*, varies: bool) -> Callable[[State], list[Finding]]:
    """The control star varies, or does not."""

    def values(state: State) -> Mapping[str, object] | None:
        scatter, chi2, count = control_scatter(state)
        restless = chi2 > CONTROL_CHI2 and scatter > CONTROL_SCATTER_MAG
        if math.isnan(scatter) or restless != varies:
            return None
        times = number(math.sqrt(chi2), 1)
        return {
            "scatter": number(scatter, 3),
            "times": times,
            "points": wording.many(count, "frame"),
        }

    return run(values)


def no_control_star(state: State) -> Mapping[str, object] | None:
    """There are targets and no control star."""
    return {} if state.distill and state.distill.targets and _control(state) is None else None


def unfinished(state: State) -> Mapping[str, object] | None:
    """The next stage, where a run stopped half way without an error."""
    stopped = {each.command for each in state.history.records if each.status == "failed"}
    done = {
        "pp_prepare": state.prepare,
        "pp_register": state.register,
        "pp_photometry": state.photometry,
        "pp_calibrate": state.calibrate,
        "pp_distill": state.distill or state.targets,
    }
    reached = max((n for n, name in enumerate(CHAIN) if done[name]), default=-1)
    needless = CHAIN[:2] if {each.name for each in state.frames} <= STACKS else ()
    missing = [name for name in CHAIN[: reached + 1] if not (done[name] or name in needless)]
    ahead = CHAIN[reached + 1 : reached + 2]
    names = [name for name in (*missing, *ahead) if name not in stopped]
    if not names or reached < 0:
        return None
    return {"missing": wording.listed(names), "have": "has" if len(names) == 1 else "have"}


def unreadable(state: State) -> Iterator[Finding]:
    """Files that could not be read."""
    for remark in state.remarks:
        yield Finding({"remark": remark})
