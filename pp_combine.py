#!/usr/bin/env python3
"""Combine frames: in the rest frame of the stars, or in that of a moving target."""

import logging
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photpipe import cli, files
from photpipe.errors import ConfigError, FrameError, PhotPipeError, ReductionError
from photpipe.results import CombineResult, FrameFailure
from photpipe.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.frames import Frame

log = logging.getLogger(__name__)

SKY_STACK, COMOVING_STACK = "skycoadd.fits", "comove.fits"
SECONDS_PER_DAY = 86400.0
# noise of a median relative to that of a mean of as many values
MEDIAN_NOISE = math.sqrt(math.pi / 2)


@dataclass(frozen=True, slots=True)
class CombineOptions:
    """What the user may say."""

    comoving: bool = False
    targetname: str | None = None
    manual_rates: tuple[float, float] | None = None
    method: str = "clipped"
    backsub: bool = False
    keep_files: bool = False


@dataclass(frozen=True, slots=True)
class Exposure:
    """A frame and what the stack needs of it.

    Parameters
    ----------
    scale : float
        Factor that brings its counts to the zeropoint and exposure of the stack.
    background_adu : float
        Median level of its sky.
    zeropoint_mag : float
        Magnitude zeropoint of its counts; NaN if it is not calibrated.
    """

    frame: "Frame"
    wcs: dict[str, float]
    midtime_jd: float
    exptime_s: float
    background_adu: float
    zeropoint_mag: float
    scale: float = 1.0


def combine(paths: Sequence[Path], options: CombineOptions, workspace: Workspace) -> CombineResult:
    """Combine registered frames with SWarp.

    Reads the frames (WCS of pp_register), their databases for the zeropoints, if there are
    any, and ephemerides for ``-comoving``. Writes ``skycoadd.fits`` or ``comove.fits``:
    counts of one frame of the mean exposure; NaN where no frame has data; the header of the
    middle frame with the cards that a stack changes (MIDTIMJD weighted by exposure, GAIN,
    SATURATE, EXPTIME, NCOMBINE, AIRMASS, WCS). No zeropoint is written: the stack is
    calibrated by pp_calibrate like any frame.

    Raises
    ------
    ReductionError
        If fewer than two frames can be combined.
    ServiceError
        If the positions of the target are not to be had.
    ToolError
        If SWarp fails.
    """
    exposures, failed = _exposures(paths, workspace)
    if len(exposures) < 2:
        reasons = "; ".join(f"{each.frame}: {each.reason}" for each in failed)
        raise ReductionError(f"{len(exposures)} frames can be combined, 2 are needed. {reasons}")
    exposures = _scaled(exposures)
    midtime_jd = _weighted(exposures, [each.midtime_jd for each in exposures])
    moves = options.comoving or options.manual_rates is not None
    target = ""
    if moves:
        exposures, target = _moved(exposures, midtime_jd, options, workspace)
    name = COMOVING_STACK if moves else SKY_STACK
    path = workspace.directory / name
    _stack(exposures, midtime_jd, path, options, workspace)
    log.info("%s: %d frames, %s", name, len(exposures), options.method)
    return CombineResult(
        stack=name,
        target=target,
        method=options.method,
        midtime_jd=midtime_jd,
        frames=tuple(each.frame.name for each in exposures),
        failed=failed,
    )


def _exposures(
    paths: Sequence[Path], workspace: Workspace
) -> tuple[list[Exposure], tuple[FrameFailure, ...]]:
    """Frames that can be combined, in the order of time, and those that cannot."""
    outcomes = workspace.map_frames(_exposure, paths, "reading")
    good = [each for each in outcomes if isinstance(each, Exposure)]
    failed = tuple(each for each in outcomes if isinstance(each, FrameFailure))
    telescopes = {each.frame.telescope.keyword for each in good}
    bands = {each.frame.filter_name for each in good}
    for what, found in (("telescopes", telescopes), ("filters", bands)):
        if len(found) > 1:
            raise ConfigError(f"the frames are of {len(found)} {what}: {', '.join(sorted(found))}")
    return sorted(good, key=lambda each: each.midtime_jd), failed


def _exposure(path: Path) -> Exposure:
    from photpipe.frames import Frame
    from photpipe.wcscards import standard_wcs

    frame = Frame.read(path)
    if not frame.is_prepared:
        raise FrameError(frame.name, "not prepared; run pp_prepare and pp_register first")
    cards = standard_wcs(frame.header, frame.shape, frame.name)
    return Exposure(
        frame,
        {key: float(value) for key, value in cards.items() if isinstance(value, float | int)},
        frame.midtime_jd,
        frame.exptime_s,
        _sky_level(path, frame.name),
        _zeropoint(frame),
    )


def _sky_level(path: Path, name: str) -> float:
    """Median of the pixels; what the sky is in all but the most crowded fields."""
    import numpy as np
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as hdus:
            pixels = np.asarray(hdus[0].data, np.float32)
    except (OSError, ValueError, TypeError) as error:
        raise FrameError(name, f"the pixels cannot be read: {error}") from error
    sample = pixels.ravel()[:: max(1, pixels.size // 200_000)]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        raise FrameError(name, "all pixels are NaN")
    return float(np.median(sample))


def _zeropoint(frame: "Frame") -> float:
    """Zeropoint of the frame's counts, if pp_calibrate found one."""
    from photpipe.catalogs.database import read_database

    try:
        header, _ = read_database(frame.database_path)
    except PhotPipeError:
        return math.nan
    return float(header.get("zeropoint_mag", math.nan))


def _scaled(exposures: Sequence[Exposure]) -> list[Exposure]:
    """Bring all frames to the flux scale of the mean: by zeropoints, or else by exposure."""
    zeropoints = [each.zeropoint_mag for each in exposures]
    if all(map(math.isfinite, zeropoints)):
        reference = sorted(zeropoints)[len(zeropoints) // 2]
        return [replace(e, scale=10 ** (0.4 * (reference - e.zeropoint_mag))) for e in exposures]
    if any(map(math.isfinite, zeropoints)):
        log.warning("some frames are not calibrated: fluxes are scaled by exposure time alone")
    mean_s = sum(each.exptime_s for each in exposures) / len(exposures)
    return [replace(each, scale=mean_s / each.exptime_s) for each in exposures]


def _weighted(exposures: Sequence[Exposure], values: Sequence[float]) -> float:
    """Mean of values weighted by exposure; differences first, for the digits of Julian dates."""
    total = sum(each.exptime_s for each in exposures)
    start = values[0]
    pairs = zip(exposures, values, strict=True)
    return start + sum(e.exptime_s * (value - start) for e, value in pairs) / total


def _moved(
    exposures: Sequence[Exposure], midtime_jd: float, options: CombineOptions, workspace: Workspace
) -> tuple[list[Exposure], str]:
    """Frames turned so that the target stands where it is at the mid-time of the stack."""
    from photpipe.science.comoving import moved_wcs

    target = options.targetname or exposures[0].frame.object_name
    if options.manual_rates is not None:
        places = _places_by_rates(exposures, midtime_jd, options.manual_rates)
    else:
        if not target:
            raise ConfigError("no frame names its target; say -targetname NAME or -manual_rates")
        places = _places_by_ephemeris(exposures, midtime_jd, target, workspace)
    *starts, end = places
    pairs = zip(exposures, starts, strict=True)
    return [replace(each, wcs=moved_wcs(each.wcs, start, end)) for each, start in pairs], target


def _places_by_rates(
    exposures: Sequence[Exposure], midtime_jd: float, rates: tuple[float, float]
) -> list[tuple[float, float]]:
    """Positions of something that moves at a rate (arcsec per second, on the sky)."""
    from photpipe import sky

    middle = exposures[len(exposures) // 2].wcs
    start = (middle["CRVAL1"], middle["CRVAL2"])
    places = []
    for jd in [*(each.midtime_jd for each in exposures), midtime_jd]:
        seconds = (jd - midtime_jd) * SECONDS_PER_DAY
        ra, dec = sky.shifted(*start, rates[0] * seconds, rates[1] * seconds)
        places.append((float(ra), float(dec)))
    return places


def _places_by_ephemeris(
    exposures: Sequence[Exposure], midtime_jd: float, target: str, workspace: Workspace
) -> list[tuple[float, float]]:
    from photpipe.services import horizons

    times = [*(each.midtime_jd for each in exposures), midtime_jd]
    code = exposures[0].frame.telescope.observatory_code
    found = horizons.positions(target, times, code, workspace.settings)
    return list(zip(found.ra_deg.tolist(), found.dec_deg.tolist(), strict=True))


def _stack(
    exposures: Sequence[Exposure],
    midtime_jd: float,
    path: Path,
    options: CombineOptions,
    workspace: Workspace,
) -> None:
    """Run SWarp in a folder of its own and write the stack, all of it or nothing."""
    from photpipe.astromatic import swarp

    mean_background = sum(e.background_adu * e.scale for e in exposures) / len(exposures)
    inputs = [
        swarp.Input(
            each.frame.path,
            {**_head(each), "FLXSCALE": each.scale},
            # what is left after the subtraction is the mean level of all, in every frame
            each.background_adu - mean_background / each.scale,
        )
        for each in exposures
    ]
    settings = workspace.settings
    how = swarp.Combination(
        options.method, options.backsub, settings.combine.clip_sigma, settings.combine.clip_ampfrac
    )
    with tempfile.TemporaryDirectory(prefix="photpipe_") as name:
        folder = Path(name)
        telescope = exposures[0].frame.telescope
        timeout_s = settings.tools.timeout_s * max(1, len(exposures) / 10)
        try:
            stack, weight = swarp.run(
                inputs, how, telescope.tool_settings("swarp"), folder, timeout_s
            )
            _write(stack, weight, path, exposures, midtime_jd, options)
        finally:
            if options.keep_files:
                _keep(folder, path)


def _head(exposure: Exposure) -> dict[str, float | str]:
    """WCS of a frame for its .head file."""
    kind = "TPV" if any(key.startswith("PV") for key in exposure.wcs) else "TAN"
    names = {"CTYPE1": f"RA---{kind}", "CTYPE2": f"DEC--{kind}", "RADESYS": "ICRS"}
    return {**names, **exposure.wcs}


def _keep(folder: Path, path: Path) -> None:
    kept = path.with_name(f"{path.stem}_files")
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(folder, kept, symlinks=True)
    log.info("%s: intermediate files", kept.name)


def _write(
    stack: Path,
    weight: Path,
    path: Path,
    exposures: Sequence[Exposure],
    midtime_jd: float,
    options: CombineOptions,
) -> None:
    """Mask what no frame covers and give the stack its header."""
    import numpy as np
    from astropy.io import fits

    with fits.open(stack, memmap=False) as hdus, fits.open(weight, memmap=False) as weights:
        pixels = np.asarray(hdus[0].data, np.float32)
        pixels[np.asarray(weights[0].data) <= 0] = np.nan
        wcs = hdus[0].header
    if not np.isfinite(pixels).any():
        raise ReductionError("no pixel of the stack is covered by a frame")
    header = _header(wcs, exposures, midtime_jd, options)
    try:
        with files.replacing(path) as file:
            fits.PrimaryHDU(pixels, header).writeto(file)
    except OSError as error:
        raise ReductionError(f"{path.name} cannot be written: {error}") from error


def _header(
    wcs: Any, exposures: Sequence[Exposure], midtime_jd: float, options: CombineOptions
) -> Any:
    """Header of the middle frame with what a stack changes.

    The gain is that of the noise: a mean of N frames has N times the gain, a median
    2 N / pi; with flux scales s the photon noise of a mean is sum(s) / N^2 of one frame's.
    """
    from astropy.io import fits

    from photpipe.wcscards import is_wcs_keyword

    middle = exposures[len(exposures) // 2].frame
    header = fits.Header(
        [c for c in middle.header.cards if c.keyword and not is_wcs_keyword(c.keyword)]
    )
    for key in ("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX", "BITPIX", "NAXIS1", "NAXIS2"):
        header.remove(key, ignore_missing=True)
    count, scales = len(exposures), [each.scale for each in exposures]
    factor = count**2 / sum(scales) / (MEDIAN_NOISE**2 if options.method == "median" else 1.0)
    keys = middle.telescope.parameters
    changes: dict[str, tuple[float | int | str, str]] = {
        key: (wcs[key], wcs.comments[key]) for key in wcs if is_wcs_keyword(key)
    }
    if middle.gain:
        changes["PP_GAIN"] = (middle.gain * factor, "effective gain of the stack (e/ADU)")
    if middle.saturation:
        level = min(e.scale * (middle.saturation - e.background_adu) for e in exposures)
        background = sum(e.background_adu * e.scale for e in exposures) / count
        changes["SATURATE"] = (level + (0.0 if options.backsub else background), "ADU, lowest")
    exptime_s = sum(each.exptime_s for each in exposures) / count
    changes |= {
        str(keys["exptime"]): (exptime_s, "mean exposure, to which the counts belong (s)"),
        "TEXPTIME": (sum(each.exptime_s for each in exposures), "total exposure (s)"),
        "MIDTIMJD": (midtime_jd, "mean mid-time, weighted by exposure (JD, UTC)"),
        str(keys["airmass"]): (
            _weighted(exposures, [each.frame.airmass for each in exposures]),
            "mean airmass, weighted by exposure",
        ),
        "NCOMBINE": (count, "number of frames combined"),
        "COMBINET": (options.method, "method of combination"),
        "SECPIXX": (_scale_arcsec(wcs, 1), "arcsec per pixel"),
        "SECPIXY": (_scale_arcsec(wcs, 2), "arcsec per pixel"),
    }
    for key, (value, comment) in changes.items():
        header[key] = (value, comment)
    for key in ("APRAD", "APIDX", "PHOTMODE"):
        header.remove(key, ignore_missing=True)
    for each in exposures:
        header.add_history(f"combined: {each.frame.name.encode('ascii', 'replace').decode()}")
    return header


def _scale_arcsec(wcs: Any, axis: int) -> float:
    return 3600.0 * math.hypot(*(float(wcs.get(f"CD{row}_{axis}", 0.0)) for row in (1, 2)))


COMMAND = cli.Command(
    name="pp_combine",
    summary="Combine registered frames, following the stars or a moving target.",
    stage=combine,
    options_class=CombineOptions,
    takes=("comoving", "targetname", "manual_rates", "method", "backsub", "keep_files"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
