"""Measure instrumental magnitudes in the aperture that curves of growth recommend."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground.errors import (
    ConfigError,
    PhotPipeError,
    ReductionError,
    ServiceError,
    UnknownTargetError,
)
from photpipe.ground.log import FRAME
from photpipe.run import kinds
from photpipe.run.options import MINAREA, NODEBLENDING, SNR, TARGET, TELESCOPE, Option
from photpipe.run.results import FrameFailure, GrowthPoint, PhotometryFrame, PhotometryResult
from photpipe.run.workspace import Workspace, attempted

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame
    from photpipe.measure.apertures import FrameGrowth, TargetPosition, Tried
    from photpipe.measure.catalogs import Catalogs
    from photpipe.measure.extract import ExtractOptions
    from photpipe.measure.memory import KeptFrame
    from photpipe.science.growth import ApertureChoice, FloatArray, MeanCurve, Strategy

log = logging.getLogger("pp_photometry")

GROWTH_FILE = "aperturephotometry_curveofgrowth.dat"


@dataclass(frozen=True, slots=True)
class PhotometryOptions:
    """What the user may say."""

    snr: float = SNR.field(2.0)
    minarea: int | None = MINAREA.field(None)
    aprad: tuple[float, ...] = Option(
        "aperture radius in pixels to use instead of a curve of growth",
        kinds.radii,
        "PX",
        in_run="fixed_aprad",
    ).field(())
    target: str | None = TARGET.field(None)
    background_only: bool = Option("choose the aperture from the background sources only").field(
        False
    )
    target_only: bool = Option("choose the aperture from the target only").field(False)
    psf: bool = Option(
        "fit the point-spread function to all stars, not only where they are crowded"
    ).field(False)
    aperture: bool = Option("measure in apertures where stars are crowded, too").field(False)
    nodeblending: bool = NODEBLENDING.field(False)
    telescope: str | None = TELESCOPE.field(None)
    asks_horizons: bool = True


def photometry(
    paths: Sequence[Path], options: PhotometryOptions, workspace: Workspace
) -> PhotometryResult:
    """Extract all sources with twenty apertures, choose one of them, keep its magnitudes.

    Where stars crowd, all of them are fitted with the PSF at once, besides.

    **Reads** prepared frames, with their pixels. **Writes** the catalogs ``<stem>.ldac`` with
    the magnitudes in the chosen aperture and positions by the WCS of the header, the file
    ``aperturephotometry_curveofgrowth.dat``, the state, and when all is known the header
    cards of `header_cards`.

    Parameters
    ----------
    paths : sequence of Path
        The frames, all of one telescope.
    options : PhotometryOptions
        What the user says.
    workspace : Workspace
        Settings, and where the state is kept.

    Raises
    ------
    ConfigError
        If options contradict each other, or the telescope is unknown.
    ToolError
        If Source Extractor is not installed.
    """
    import numpy as np

    from photpipe.measure import crowding
    from photpipe.measure.catalogs import Catalogs
    from photpipe.science.growth import Strategy

    strategy = _strategy(options)
    frames, failed = read_frames(paths, options.telescope)
    if not frames:
        return _conclude(workspace, _nothing(strategy, workspace, failed))
    radii_px = _radii(frames[0], options, workspace)
    with_target = options.asks_horizons and strategy in {Strategy.BOTH, Strategy.TARGET}
    targets = target_positions(frames, options.target, workspace) if with_target else {}
    catalogs = Catalogs.of(frames, targets, options, workspace)
    grown, missed = _curves(catalogs, radii_px, workspace)
    failed += missed
    if not grown:
        return _conclude(workspace, _nothing(strategy, workspace, failed))
    background, target = _mean_curves(grown)
    choice = _choose(background, target, strategy, radii_px, frames[0], options, workspace)
    radius_px = float(radii_px[choice.index])
    crowded = float(
        np.median([crowding.crowding(each.bright, radius_px, each.frame.shape) for each in grown])
    )
    said = {"psf": options.psf, "aperture": options.aperture, "aprad": options.aprad}
    wish = next((name for name, value in said.items() if value), "")
    with_psf, error = wish == "psf", math.nan
    tried: Mapping[str, Tried] = {}
    if crowded >= crowding.CROWDED and not wish:
        error, tried = _tried_psf(grown, radii_px, choice.index, catalogs)
        with_psf = error <= crowding.LARGEST_ERROR
    how = choice.index, with_psf
    finished, missed = _finish(grown, radii_px, how, catalogs, workspace, tried)
    settings = workspace.settings.photometry
    result = PhotometryResult(
        aperture_radius_px=radius_px,
        aperture_index=choice.index,
        strategy=str(strategy),
        decided_by=str(choice.strategy),
        reason=choice.reason,
        flux_limit=settings.fluxlimit_aprad,
        flux_margin=settings.fluxmargin_aprad,
        curve=_points(radii_px, background, target),
        background_frames=sum(each.background is not None for each in grown),
        background_stars=background.number if background else 0,
        target_frames=target.number if target else 0,
        growth_file=GROWTH_FILE,
        frames=finished,
        failed=(*failed, *missed),
        crowding=crowded,
        crowding_limit=crowding.CROWDED,
        psf_wish=wish,
        psf_error=error,
        psf_error_limit=crowding.LARGEST_ERROR,
    )
    _write_curve(workspace.directory / GROWTH_FILE, result)
    return _conclude(workspace, result)


def _tried_psf(
    grown: "Sequence[FrameGrowth]", radii_px: "FloatArray", index: int, catalogs: "Catalogs"
) -> "tuple[float, Mapping[str, Tried]]":
    """By which the stars of a typical frame differ from its PSF; and what is known of that frame.

    Infinite, and nothing is known, if it cannot be measured.
    """
    from photpipe.measure.apertures import Tried

    typical = sorted(grown, key=lambda each: each.fwhm_px)[len(grown) // 2]
    known = catalogs.psf_error(typical.name, index)
    if not math.isnan(known):
        return known, {}
    catalogs.make_raw([typical.frame])
    tried = attempted(lambda each: Tried.of(each, radii_px, index), typical, typical.name)
    error = math.inf if isinstance(tried, FrameFailure) else tried.error
    catalogs.psf = typical.name, index, error
    return error, {} if isinstance(tried, FrameFailure) else {typical.name: tried}


def exclusive(options: PhotometryOptions) -> None:
    """Refuse options that contradict each other.

    Raises
    ------
    ConfigError
        If they do.
    """
    if options.background_only and options.target_only:
        raise ConfigError("-background_only and -target_only exclude each other; give one")
    if options.psf and options.aperture:
        raise ConfigError("-psf and -aperture exclude each other; give one")


def _strategy(options: PhotometryOptions) -> "Strategy":
    """Who decides on the aperture."""
    from photpipe.science.growth import Strategy

    exclusive(options)
    if len(options.aprad) > 1:
        raise ConfigError("-aprad takes one radius here; several are for pp_extract")
    if options.aprad:
        return Strategy.FIXED
    if options.background_only:
        return Strategy.BACKGROUND
    return Strategy.TARGET if options.target_only else Strategy.BOTH


def read_frames(
    paths: Sequence[Path], telescope: str | None
) -> "tuple[list[Frame], list[FrameFailure]]":
    """Prepared frames of one telescope, and what is wrong with the others.

    Raises
    ------
    ConfigError
        If the telescope named by the user is unknown.
    """
    from photpipe.instruments import telescopes
    from photpipe.instruments.frames import Frame

    known = telescopes.by_keyword(telescope) if telescope else None
    frames: list[Frame] = []
    failed: list[FrameFailure] = []

    def one(path: Path) -> Frame:
        frame = Frame.prepared(path, known)
        if frames and frame.telescope.keyword != frames[0].telescope.keyword:
            message = (
                f"is of {frame.telescope.keyword}, the first frame of "
                f"{frames[0].telescope.keyword}; work on one telescope at a time"
            )
            raise ReductionError(message)
        return frame

    for path in dict.fromkeys(paths):
        outcome = attempted(one, path, path.name)
        if isinstance(outcome, FrameFailure):
            failed.append(outcome)
        else:
            frames.append(outcome)
    return frames, failed


def failure(name: str, error: PhotPipeError) -> FrameFailure:
    """What an error says about a frame."""
    return FrameFailure(name, str(error).removeprefix(f"{name}: "))


def _radii(frame: "Frame", options: PhotometryOptions, workspace: Workspace) -> "FloatArray":
    """Aperture radii in pixels: those of the telescope, and the user's among them."""
    import numpy as np

    from photpipe.science.growth import aperture_radii

    try:
        radii = aperture_radii(
            *frame.telescope.aprad_range, workspace.settings.photometry.num_aprads
        )
    except ValueError as error:
        message = f"{frame.telescope.keyword}: aprad_range: {error}; correct the telescope's entry"
        raise ConfigError(message) from None
    return np.unique(np.append(radii, options.aprad))


def target_positions(
    frames: "Sequence[Frame]", name: str | None, workspace: Workspace
) -> "dict[Path, TargetPosition]":
    """Predicted positions of each frame's moving target; one request per target.

    Frames whose target is no Solar System object, or is unknown because the service does not
    answer, are left out; the LOG says so.
    """
    from photpipe.measure.apertures import TargetPosition
    from photpipe.services import horizons

    by_name: dict[str, list[Frame]] = {}
    for frame in frames:
        by_name.setdefault(name or frame.object_name, []).append(frame)
    found: dict[Path, TargetPosition] = {}
    for wanted, group in by_name.items():
        try:
            ephemeris = horizons.positions(
                wanted,
                [frame.midtime_jd for frame in group],
                group[0].telescope.observer,
                workspace.settings,
            )
        except UnknownTargetError:
            log.info("%s is not a Solar System object: no moving target", wanted or "(no name)")
            continue
        except ServiceError as error:
            log.warning("%s; the target of %d frames is not considered", error, len(group))
            continue
        for frame, ra, dec, sigma3 in zip(
            group, ephemeris.ra_deg, ephemeris.dec_deg, ephemeris.sigma3_arcsec, strict=True
        ):
            position = TargetPosition(ephemeris.name, float(ra), float(dec), float(sigma3))
            found[frame.path] = position
    return found


def wanted_of(
    paths: Sequence[Path], options: PhotometryOptions, workspace: Workspace
) -> "ExtractOptions | None":
    """What this stage will want extracted of frames; None if none of them can be read.

    Raises
    ------
    ConfigError
        As `extraction_options`.
    """
    from photpipe.instruments import telescopes
    from photpipe.instruments.frames import Frame

    known = telescopes.by_keyword(options.telescope) if options.telescope else None
    for path in paths:
        frame = attempted(lambda each: Frame.read(each, known), path, path.name)
        if not isinstance(frame, FrameFailure):
            return extraction_options(frame, options, workspace)
    return None


def extraction_options(
    frame: "Frame", options: PhotometryOptions, workspace: Workspace
) -> "ExtractOptions":
    """What this stage wants extracted of frames like this one.

    Raises
    ------
    ConfigError
        If the entry of the telescope has an impossible range of apertures.
    """
    from photpipe.measure.extract import ExtractOptions

    return ExtractOptions(
        snr=options.snr,
        minarea=options.minarea or frame.telescope.source_minarea,
        aprad=tuple(_radii(frame, options, workspace).tolist()),
        telescope=options.telescope,
        nodeblending=options.nodeblending,
    )


def _curves(
    catalogs: "Catalogs", radii_px: "FloatArray", workspace: Workspace
) -> "tuple[list[FrameGrowth], list[FrameFailure]]":
    """Extract with all apertures; the curves of growth of each frame."""
    from photpipe.measure.apertures import FrameGrowth, frame_growth

    extracted = catalogs.extracted()
    known = {each.frame: each for each in extracted.frames}
    tolerance = workspace.settings.photometry.pos_epsilon

    def one(frame: "Frame") -> FrameGrowth:
        target = catalogs.targets.get(frame.path)
        if frame.name in catalogs.kept:
            return catalogs.kept[frame.name].growth(frame, target)
        found = known[frame.name]
        gain = found.gain or None
        return frame_growth(frame, radii_px, gain, target, tolerance, found.saturation_adu)

    there = [each for each in catalogs.frames if each.name in known or each.name in catalogs.kept]
    grown, failed = workspace.map_frames(one, there, "curves of growth")
    return grown, [*extracted.failed, *failed]


def _mean_curves(
    grown: "Sequence[FrameGrowth]",
) -> "tuple[MeanCurve | None, MeanCurve | None]":
    """Mean curves of the background and of the target over all frames."""
    import numpy as np

    from photpipe.science.growth import average_curves, mean_curve

    background = average_curves([each.background for each in grown if each.background])
    flux = [each.target_flux for each in grown if each.target_flux is not None]
    error = [each.target_error for each in grown if each.target_error is not None]
    return background, mean_curve(np.array(flux), np.array(error)) if flux else None


def _choose(
    background: "MeanCurve | None",
    target: "MeanCurve | None",
    strategy: "Strategy",
    radii_px: "FloatArray",
    frame: "Frame",
    options: PhotometryOptions,
    workspace: Workspace,
) -> "ApertureChoice":
    """Choose the aperture, and say what could not be done as wished."""
    import numpy as np

    from photpipe.science.growth import ApertureChoice, Strategy, choose_aperture

    if strategy is Strategy.FIXED:
        index = int(np.argmin(np.abs(radii_px - options.aprad[0])))
        return ApertureChoice(index, strategy, "given by the user", True)
    settings = workspace.settings.photometry
    choice = choose_aperture(
        background, target, strategy, settings.fluxlimit_aprad, settings.fluxmargin_aprad
    )
    if choice is None:
        index = int(np.argmin(np.abs(radii_px - frame.telescope.aprad_default)))
        reason = "the aperture nearest to the default of the telescope: no curve of growth"
        log.warning("no star has a usable curve of growth; the default aperture is taken")
        return ApertureChoice(index, Strategy.FIXED, reason, False)
    if not choice.as_wished:
        level = logging.INFO if strategy is Strategy.BOTH else logging.WARNING
        log.log(level, "the aperture is chosen from the %s only", choice.strategy)
    return choice


def _finish(
    grown: "Sequence[FrameGrowth]",
    radii_px: "FloatArray",
    how: tuple[int, bool],
    catalogs: "Catalogs",
    workspace: Workspace,
    tried: "Mapping[str, Tried]",
) -> tuple[tuple[PhotometryFrame, ...], list[FrameFailure]]:
    """Write the final catalogs and, as each is there, its cards into the header.

    Parameters
    ----------
    how : (int, bool)
        Index of the aperture, and whether the stars are fitted with the PSF.
    tried : mapping
        What is known of frames already, by their names.
    """
    from photpipe.fits.fitsfile import update_header
    from photpipe.measure.apertures import write_final_catalog
    from photpipe.measure.memory import KeptFrame

    catalogs.make_raw([each.frame for each in grown if not catalogs.is_final(each.name, *how)])
    index, with_psf = how

    def one(each: "FrameGrowth") -> "tuple[PhotometryFrame, KeptFrame | None]":
        if each.name in catalogs.kept:
            kept = catalogs.kept[each.name]
            return kept.row, kept
        row = write_final_catalog(each, radii_px, index, with_psf, tried.get(each.name))
        update_header(each.frame.path, header_cards(row, float(radii_px[index]), index))
        question = catalogs.question(each.frame)
        return row, KeptFrame.of(question, each, row, how) if question else None

    done, failed = workspace.map_frames(one, grown, "photometry", by_copies=True)
    catalogs.keep([kept for _, kept in done if kept])
    return tuple(row for row, _ in done), failed


def header_cards(
    frame: PhotometryFrame, radius_px: float, index: int
) -> dict[str, tuple[str | int | float, str] | None]:
    """Cards that tell how a frame was measured; None (removed) where the number is unknown."""
    numbers = {
        "APCORR": (frame.aperture_correction_mag, "aperture to total magnitude (mag)"),
        "APCORRER": (frame.aperture_correction_error_mag, "error of APCORR (mag)"),
        "PPSEEING": (frame.fwhm_arcsec, "median FWHM of the stars (arcsec)"),
        "APNOISE": (frame.sky_noise_adu, "noise of the sky in the aperture (ADU)"),
        "PHOTGAIN": (frame.gain, "gain used for photon noise (e-/ADU)"),
        "INSTLIM": (frame.limiting_mag, "5 sigma limit (instrumental mag)"),
        "PPSATUR": (frame.saturation_adu, "saturation level of the pixels (ADU)"),
        "PSFFWHM": (frame.psf_fwhm_px, "width of the fitted PSF (px)"),
        "PSFBETA": (frame.psf_beta, "exponent of its wings (Moffat profile)"),
    }
    mode = ("APER", "photometry in circular apertures")
    if frame.psf_stars:
        mode = ("PSF", "all stars fitted at once; fluxes are those in the aperture")
    return {
        "PHOTMODE": mode,
        "APRAD": (round(radius_px, 4), "aperture radius (px)"),
        "APIDX": (index, "index of the aperture in the curve of growth"),
        **{
            key: (round(value, 5), comment) if math.isfinite(value) else None
            for key, (value, comment) in numbers.items()
        },
    }


def _points(
    radii_px: "FloatArray", background: "MeanCurve | None", target: "MeanCurve | None"
) -> tuple[GrowthPoint, ...]:
    """Both curves, aperture by aperture."""

    def values(curve: "MeanCurve | None", index: int) -> tuple[float, float, float]:
        if curve is None:
            return math.nan, math.nan, math.nan
        return float(curve.fraction[index]), float(curve.error[index]), float(curve.snr[index])

    points = []
    for index, radius in enumerate(radii_px):
        of_background, of_target = values(background, index), values(target, index)
        difference = abs(of_target[0] - of_background[0])
        points.append(GrowthPoint(float(radius), *of_background, *of_target, difference))
    return tuple(points)


def _write_curve(path: Path, result: PhotometryResult) -> None:
    """Write the mean curves as a table of numbers."""
    from photpipe.ground.files import write_text

    lines = [
        "# radius(px) background     sigma  bg_snr     target     sigma tgt_snr difference",
        "# fluxes relative to the largest aperture, S/N to the best; nan: no curve",
    ]
    lines += [
        f"{p.radius_px:12.4f} {p.background:10.5f} {p.background_error:9.5f} "
        f"{p.background_snr:7.4f} {p.target:10.5f} {p.target_error:9.5f} {p.target_snr:7.4f} "
        f"{p.difference:10.5f}"
        for p in result.curve
    ]
    lines.append(f"# optimum {result.aperture_radius_px:.4f} px: {result.reason}")
    write_text(path, "\n".join(lines) + "\n")


def _nothing(
    strategy: "Strategy", workspace: Workspace, failed: list[FrameFailure]
) -> PhotometryResult:
    """Result when no frame could be measured."""
    settings = workspace.settings.photometry
    return PhotometryResult(
        aperture_radius_px=math.nan,
        aperture_index=-1,
        strategy=str(strategy),
        decided_by="",
        reason="no frame could be measured",
        flux_limit=settings.fluxlimit_aprad,
        flux_margin=settings.fluxmargin_aprad,
        curve=(),
        background_frames=0,
        background_stars=0,
        target_frames=0,
        growth_file="",
        frames=(),
        failed=tuple(failed),
    )


def _conclude(workspace: Workspace, result: PhotometryResult) -> PhotometryResult:
    """Save the result and say what came out."""
    workspace.save(result)
    if result.frames:
        log.info(
            "aperture radius %.2f px: %s (%d stars on %d frames, target on %d)",
            result.aperture_radius_px,
            result.reason,
            result.background_stars,
            result.background_frames,
            result.target_frames,
            extra=FRAME,
        )
    if result.wants_psf:
        _tell_psf(result)
    elif result.psf_lack:
        log.warning(
            "the stars are crowded (%.2f per aperture), but no PSF describes them (%s): they are "
            "measured in apertures; -psf fits it anyway",
            result.crowding,
            result.psf_lack,
        )
    guessed = sum(each.gain_from == "sky" for each in result.frames)
    if guessed:
        log.warning(
            "the gain of %d frames is estimated from the noise of the sky, for the photon noise "
            "of the sources",
            guessed,
        )
    unknown = sum(each.gain_from == "none" for each in result.frames)
    if unknown:
        log.warning(
            "the gain of %d frames is unknown, and the sky was subtracted: errors are those of the "
            "measured sky noise, without the photon noise of the sources; add a GAIN card",
            unknown,
        )
    return result


def _tell_psf(result: PhotometryResult) -> None:
    """Say how many frames were measured with the PSF, and why."""
    why = "as requested"
    if not result.psf_wish:
        why = f"{result.crowding:.2f} stars per aperture, the limit is {result.crowding_limit:.2f}"
    found = sum(each.psf_found for each in result.frames)
    log.info(
        "PSF photometry on %d of %d frames (%s); it found %d further sources",
        result.with_psf,
        result.done,
        why,
        found,
    )
    missing = [each.frame for each in result.frames if not each.psf_stars]
    if missing:
        log.warning(
            "%d frames have too few isolated stars for a PSF (%s); they are measured in apertures",
            len(missing),
            missing[0],
        )
