"""Calibrate instrumental magnitudes against reference catalogs."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground.errors import ConfigError, PhotPipeError, ReductionError, ServiceError
from photpipe.ground.log import FRAME
from photpipe.run import kinds
from photpipe.run.options import CAT, FILTER, SOLAR, TARGET, TELESCOPE, Option
from photpipe.run.results import (
    NO_BAND,
    CalibratedFrame,
    CalibrateResult,
    CatalogAttempt,
    FieldCalibration,
    FrameFailure,
)
from photpipe.run.workspace import Workspace, unforeseen
from photpipe.science.flags import SourceFlag

if TYPE_CHECKING:
    from photpipe.calibrate.frame_calibration import CalibratedSources
    from photpipe.calibrate.reference_stars import Sources
    from photpipe.calibrate.series import FrameSeries
    from photpipe.ground.sky import Cone
    from photpipe.instruments.frames import Frame
    from photpipe.measure.apertures import TargetPosition
    from photpipe.science.published import SolarColor

log = logging.getLogger("pp_calibrate")

MANUAL = "manual_zp"
FEWEST_STARS = 3  # manual: a catalog is taken if it has three stars or more
FIELD_MARGIN_DEG = 5.0 / 3600.0  # rounding and distortion at the corners


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """What the user may say."""

    minstars: float | None = Option(
        "reference stars to keep: a fraction if below 1, else a number",
        kinds.positive,
        "N",
        otherwise="the setting minstars, 0.5",
    ).field(None)
    cat: str | None = CAT.field(None)
    filter: str | None = FILTER.field(None)
    maxflag: int | None = Option(
        "largest Source Extractor flag value of a source to be used",
        kinds.count_or_none,
        "FLAG",
        otherwise="the setting maxflag, 3",
    ).field(None)
    instrumental: bool = Option("skip the calibration and keep instrumental magnitudes").field(
        False
    )
    solar: bool = SOLAR.field(False)
    use_all_stars: bool = Option("calibrate with all stars, without quality checks").field(False)
    magzp: tuple[float, float] | None = Option(
        "use this magnitude zeropoint and its error", kinds.finite, ("ZP", "SIGMA"), nargs=2
    ).field(None)
    colorterm: bool = Option("fit a colour term where the stars support one").field(False)
    spatial: bool = Option(
        "fit a slow spatial variation of the zeropoint where the stars support it"
    ).field(False)
    target: str | None = TARGET.field(None)
    telescope: str | None = TELESCOPE.field(None)
    asks_horizons: bool = True


def calibrate(
    paths: Sequence[Path],
    options: CalibrateOptions,
    workspace: Workspace,
    *,
    why_instrumental: str = "",
) -> CalibrateResult:
    """Find the magnitude zeropoint of every frame and write its database.

    **Reads** the frames' headers and the catalogs ``<stem>.ldac`` of pp_photometry; asks the
    services of the reference catalogs, of variable stars and of the target's position.
    **Writes** ``<stem>.ldac.db`` and ``<stem>_cal.dat`` for each frame, and the state. Frames
    that no catalog calibrates keep instrumental magnitudes.

    Parameters
    ----------
    paths : sequence of Path
        The frames, all of one band.
    options : CalibrateOptions
        What the user says.
    workspace : Workspace
        Settings, and where the state is kept.
    why_instrumental : str
        Why the magnitudes are left instrumental although nobody asked for it.

    Raises
    ------
    ConfigError
        If the frames have several bands, or a catalog or telescope is unknown.
    """
    from photpipe.calibrate.reference_stars import read_sources
    from photpipe.measure.stage import read_frames

    settings = workspace.settings.calibration
    check_options(options, workspace)
    frames, failed = read_frames(paths, options.telescope)
    bands, missed = _bands(frames, options)
    _common_band(bands, options)  # several filters are said before anything is read
    failed += missed
    failed += _unplaced(frames, bands, options)
    maxflag = settings.maxflag if options.maxflag is None else options.maxflag
    sources, unread = workspace.map_frames(
        lambda frame: read_sources(frame, maxflag),
        [frame for frame in frames if frame.path in bands],
        "read sources",
    )
    failed += unread
    empty = [each for each in sources if not each.has_positions]
    failed += [FrameFailure(each.name, "it has no sources; nothing to calibrate") for each in empty]
    sources = [each for each in sources if each.has_positions]
    why = why_instrumental or _why_not(_common_band(bands, options), options)
    jobs, fields, uncalibrated = (
        _jobs(sources, bands, options, workspace, why) if sources else ([], (), [])
    )
    failed += uncalibrated
    done, missed = _write(jobs, options, workspace)
    failed += missed
    result = CalibrateResult(
        band=next((each.band for each in done), ""),
        solar=options.solar,
        instrumental=options.instrumental and not why_instrumental,
        zeropoint_sigma=settings.zeropoint_sigma,
        fields=fields,
        frames=done,
        failed=tuple(failed),
    )
    workspace.save(result)
    _report(result)
    return result


def check_options(options: CalibrateOptions, workspace: Workspace) -> None:
    """Refuse before any work what cannot be had.

    Raises
    ------
    ConfigError
        If no catalog has a band of the name that the user gave.
    """
    if options.filter and not options.instrumental and options.magzp is None:
        from photpipe.calibrate.field_catalogs import check_band

        check_band(options.filter, workspace.settings)


def _bands(
    frames: "Sequence[Frame]", options: CalibrateOptions
) -> "tuple[dict[Path, str | None], list[FrameFailure]]":
    """Band of each frame (None: no catalog has it); frames with unknown filters fail."""
    from photpipe.measure.stage import failure

    bands: dict[Path, str | None] = {}
    failed = []
    for frame in frames:
        try:
            bands[frame.path] = options.filter or frame.band
        except ConfigError as error:
            if not options.instrumental:
                failed.append(failure(frame.name, error))
                continue
            bands[frame.path] = None
    return bands, failed


def _unplaced(
    frames: "Sequence[Frame]", bands: "dict[Path, str | None]", options: CalibrateOptions
) -> list[FrameFailure]:
    """Frames that no catalog can calibrate, because nobody knows where they are; taken out."""
    if options.instrumental or options.magzp is not None:
        return []
    lost = [each for each in frames if each.path in bands and not each.is_placed]
    for each in lost:
        del bands[each.path]
    reason = (
        "not registered: run pp_register, then pp_photometry (or keep -instrumental magnitudes)"
    )
    return [FrameFailure(each.name, reason) for each in lost]


def _common_band(bands: "dict[Path, str | None]", options: CalibrateOptions) -> str | None:
    """The band of all frames.

    Raises
    ------
    ConfigError
        If there are several and a zeropoint is wanted.
    """
    by_band: dict[str | None, list[str]] = {}
    for path, band in bands.items():
        by_band.setdefault(band, []).append(path.name)
    if len(by_band) > 1 and not options.instrumental:
        listed = "; ".join(
            f"{band or 'no band'}: {names[0]}" + (f" and {len(names) - 1} more" * (len(names) > 1))
            for band, names in by_band.items()
        )
        message = (
            f"the frames have different filters ({listed}); calibrate each filter separately, "
            "or name one band with -filter"
        )
        raise ConfigError(message)
    return next(iter(by_band)) if len(by_band) == 1 else None


def _jobs(
    sources: "list[Sources]",
    bands: "dict[Path, str | None]",
    options: CalibrateOptions,
    workspace: Workspace,
    reason: str,
) -> "tuple[list[CalibratedSources], tuple[FieldCalibration, ...], list[FrameFailure]]":
    """Calibrate all frames, field by field; none where there is a reason against it."""
    from photpipe.calibrate.frame_calibration import without_catalog

    band = _common_band(bands, options)
    if reason:
        log.log(logging.WARNING if band is None else logging.INFO, "%s", reason)
        zeropoint = None if options.instrumental else options.magzp
        jobs = [
            without_catalog(each, bands[each.frame.path], reason, zeropoint) for each in sources
        ]
        return jobs, (), []
    targets = _targets(sources, options, workspace)
    jobs, fields, failed = [], [], []
    waiting = fields_of(sources)
    while waiting:
        group = waiting.pop(0)
        try:
            field, of_group = _calibrate_field(group, str(band), targets, options, workspace)
        except (PhotPipeError, ModuleNotFoundError):
            raise  # no frame is to blame
        except Exception as error:  # nobody knows which of them is: each by itself
            waiting += [[each] for each in group] if len(group) > 1 else []
            failed += [unforeseen(group[0].name, error)] if len(group) == 1 else []
            continue
        fields.append(field)
        jobs += of_group
    order = {each.name: number for number, each in enumerate(sources)}
    return sorted(jobs, key=lambda job: order[job.name]), tuple(fields), failed


def _why_not(band: str | None, options: CalibrateOptions) -> str:
    """Why no catalog is asked; empty if one is."""
    if options.instrumental:
        return "instrumental magnitudes, as requested"
    if options.magzp is not None:
        return f"zeropoint {options.magzp[0]:g} +- {options.magzp[1]:g} mag, given by the user"
    if band is None:
        return f"{NO_BAND}: the magnitudes stay instrumental; name a band with -filter"
    return ""


def _targets(
    sources: "Sequence[Sources]", options: CalibrateOptions, workspace: Workspace
) -> "dict[Path, TargetPosition]":
    """Where the moving target is on each frame: it must not calibrate."""
    from photpipe.measure.stage import target_positions

    if not options.asks_horizons:
        return {}
    return target_positions([each.frame for each in sources], options.target, workspace)


def fields_of(sources: "Sequence[Sources]") -> "list[list[Sources]]":
    """Frames grouped into fields: those that overlap, directly or through others."""
    cones = {id(each): _cone([each]) for each in sources}
    groups: list[list[Sources]] = []
    for each in sources:
        touching = [g for g in groups if any(_overlap(cones[id(each)], cones[id(o)]) for o in g)]
        merged = [each, *(other for group in touching for other in group)]
        groups = [group for group in groups if group not in touching] + [merged]
    return groups


def _cone(sources: "Sequence[Sources]") -> "Cone":
    """Cone around all sources of some frames."""
    import numpy as np

    from photpipe.ground.sky import enclosing_cone

    ra = np.concatenate([each.ra_deg for each in sources])
    dec = np.concatenate([each.dec_deg for each in sources])
    return enclosing_cone(ra, dec, FIELD_MARGIN_DEG)


def _overlap(one: "Cone", other: "Cone") -> bool:
    from photpipe.ground.sky import separation_deg

    distance = separation_deg(one.ra_deg, one.dec_deg, other.ra_deg, other.dec_deg)
    return bool(distance < one.radius_deg + other.radius_deg)


def _calibrate_field(
    sources: "list[Sources]",
    band: str,
    targets: "dict[Path, TargetPosition]",
    options: CalibrateOptions,
    workspace: Workspace,
) -> "tuple[FieldCalibration, list[CalibratedSources]]":
    """Calibrate the frames of one field with the first catalog that calibrates all or most."""
    from photpipe.calibrate.frame_calibration import NO_FIELD, with_catalog, without_catalog
    from photpipe.calibrate.nearest_band import likeness

    best, attempts = _choose_catalog(sources, band, targets, options, workspace)
    if best is None:
        field = replace(NO_FIELD, attempts=attempts, frames=len(sources))
        reason = "no catalog calibrates it"
        return field, [without_catalog(each, band, reason, field=field) for each in sources]
    idents = best.stars.data["ident"]
    alike = likeness(best, band)
    uneven = best.unevenness()
    field = FieldCalibration(
        catalog=best.stars.name,
        history=best.stars.history,
        attempts=attempts,
        frames=len(sources),
        repeatability_mag=best.repeatability_mag,
        variable_stars=tuple(str(each) for each in idents[best.varies]),
        colour="-".join(best.terms.colour),
        colour_reference=best.terms.colour_reference,
        colour_term=best.terms.colour_term[0],
        colour_term_error=best.terms.colour_term[1],
        sky_term=best.terms.sky_term[0],
        sky_term_error=best.terms.sky_term[1],
        spatial=best.terms.spatial,
        likeness_colour=alike.colour,
        slope=alike.slope,
        slope_error=alike.error,
        nearest_band=alike.nearest,
        nearest_slope=alike.nearest_slope,
        is_contradicted=alike.contradicts,
        unevenness_mag=uneven.scatter_mag,
        unevenness=uneven.coefficients,
    )
    return field, with_catalog(best, field, band, workspace.settings.calibration.zeropoint_sigma)


def _choose_catalog(
    sources: "list[Sources]",
    band: str,
    targets: "dict[Path, TargetPosition]",
    options: CalibrateOptions,
    workspace: Workspace,
) -> "tuple[FrameSeries | None, tuple[CatalogAttempt, ...]]":
    """Try the catalogs in order until one calibrates every frame; the best one otherwise."""
    import numpy as np

    from photpipe.calibrate.field_catalogs import Wanted, reference_stars
    from photpipe.calibrate.reference_stars import Rules, match
    from photpipe.calibrate.series import FrameSeries

    settings = workspace.settings.calibration
    company_px = max(each.company_px for each in sources)
    wanted = Wanted(
        cone=_cone(sources),
        band=band,
        epoch_jd=float(np.median([each.frame.midtime_jd for each in sources])),
        aperture_arcsec=company_px * sources[0].pixel_scale_arcsec,
        solar=options.solar,
        use_all_stars=options.use_all_stars,
    )
    rules = Rules(
        options.use_all_stars, workspace.settings.photometry.pos_epsilon, _admits_saturated(options)
    )
    minstars = settings.minstars if options.minstars is None else options.minstars
    fewest = max(settings.min_sources_photometric_catalog, FEWEST_STARS)
    attempts: list[CatalogAttempt] = []
    best: FrameSeries | None = None
    names = (options.cat,) if options.cat else sources[0].frame.telescope.photometry_catalogs
    for name in names:
        try:
            stars = reference_stars(name, wanted, workspace.settings)
        except (ServiceError, ReductionError) as error:
            log.warning("%s", error)
            attempts.append(CatalogAttempt(name, 0, 0, str(error)))
            continue
        matches = [match(each, stars, rules, targets.get(each.frame.path)) for each in sources]
        series = FrameSeries(stars, matches, minstars, fewest)
        colour = _colour(series) if options.colorterm else None
        if series.calibrated:  # stars that prove to vary do not calibrate: what is left decides
            series.refine(
                colour.color if colour else (),
                colour.mag if colour else math.nan,
                spatial=options.spatial,
            )
        remark = f"{series.calibrated} of {len(sources)} frames have at least {fewest} usable stars"
        log.info("%s: %d stars in the field; %s", name, len(stars), remark, extra=FRAME)
        attempts.append(CatalogAttempt(name, len(stars), series.calibrated, remark))
        if series.calibrated > (best.calibrated if best else 0):
            best = series
        if series.calibrated == len(sources):
            break
    return best, tuple(attempts)


def _admits_saturated(options: CalibrateOptions) -> bool:
    """Whether -maxflag lets saturated stars calibrate, as the manual says of its value 7."""
    return options.maxflag is not None and options.maxflag >= SourceFlag.SATURATED


def _colour(series: "FrameSeries") -> "SolarColor | None":
    """Colour for a colour term, with that of the Sun; None (and a word) if there is none."""
    from photpipe.catalogs.calibrators import solar_colors_of

    colors = solar_colors_of(series.stars)
    if not colors:
        log.warning("%s has no colours for a colour term", series.stars.name)
    return colors[0] if colors else None


def _write(
    jobs: "Sequence[CalibratedSources]", options: CalibrateOptions, workspace: Workspace
) -> tuple[tuple[CalibratedFrame, ...], list[FrameFailure]]:
    """Write the databases and the lists of stars of the frames that are not as they were."""
    from photpipe.calibrate.memory import Calibrations
    from photpipe.calibrate.output import write

    before = Calibrations.of(options, workspace)
    rows = before.rows(jobs)
    news = [each for each in jobs if each.name not in rows]
    written, failed = workspace.map_frames(write, news, "write databases", by_copies=True)
    kept = set(rows)
    rows |= {each.frame: each for each in written}
    before.keep([each for each in jobs if each.name in rows], kept)
    return tuple(rows[each.name] for each in jobs if each.name in rows), failed


def _report(result: CalibrateResult) -> None:
    """Say what came out of each frame."""
    for field in result.fields:
        if field.colour:
            log.info(
                "colour term %+.4f +- %.4f per mag of %s, zero at %.2f",
                field.colour_term,
                field.colour_term_error,
                field.colour,
                field.colour_reference,
            )
        if field.is_contradicted:
            log.warning(
                "the stars behave like %s, not like %s: %+.3f +- %.3f mag per mag of %s",
                *(field.nearest_band, result.band, field.slope, field.slope_error),
                field.likeness_colour,
            )
        if math.isfinite(field.sky_term):
            log.info(
                "background %s-subtracted by %.3f +- %.3f of the sky noise in the aperture",
                "over" if field.sky_term < 0 else "under",
                abs(field.sky_term),
                field.sky_term_error,
                extra=FRAME,
            )
        if field.spatial:
            log.info("the zeropoint varies over the frame (%d terms)", len(field.spatial))
        if field.variable_stars:
            log.info("%d reference stars vary in this series", len(field.variable_stars))
    for each in result.frames:
        if each.is_calibrated:
            log.info(
                "%s: zeropoint %.4f +- %.4f mag in %s (%s, %d of %d stars)%s",
                each.frame,
                each.zeropoint_mag,
                each.zeropoint_sigma_mag,
                each.band,
                each.catalog,
                each.used,
                each.matched,
                f"; {each.note}" if each.note and each.catalog != MANUAL else "",
                extra=FRAME,
            )
