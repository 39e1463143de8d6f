"""Combine frames: in the rest frame of the stars, or in that of a moving target."""

import contextlib
import fcntl
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.astromatic.room import told_when_full
from photpipe.ground import files
from photpipe.ground.errors import ConfigError, FrameError, ReductionError, ToolError
from photpipe.ground.timescale import SECONDS_PER_DAY
from photpipe.run import kinds
from photpipe.run.options import COMOVING, METHOD, TARGET, TELESCOPE, Option
from photpipe.run.results import CombineResult, FrameFailure
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from photpipe.combine.exposures import Exposure
    from photpipe.ground.sky import BoolArray

    ReadExposures = tuple[Sequence[Exposure], Sequence[FrameFailure]]

log = logging.getLogger("pp_combine")

SKY_STACK, COMOVING_STACK = "skycoadd.fits", "comove.fits"
LARGEST_STACK = 25.0  # in areas of a frame: beyond, the frames do not show one field
FRAMES_PER_TIMEOUT = 10  # SWarp may take as long for so many frames as other tools for one
_WORKING_FOLDER = ".pp_combine_"


@dataclass(frozen=True, slots=True)
class CombineOptions:
    """What the user may say."""

    comoving: bool = COMOVING.field(False)
    targetname: str | None = TARGET.field(None)
    manual_rates: tuple[float, float] | None = Option(
        "motion of the target in RA (times cos Dec) and Dec, arcsec per second",
        kinds.finite,
        ("RA", "DEC"),
        nargs=2,
    ).field(None)
    method: str = METHOD.field("clipped")
    backsub: bool = Option("subtract the background of each frame before combining").field(False)
    keep_files: bool = Option("keep intermediate files").field(False)
    telescope: str | None = TELESCOPE.field(None)

    @property
    def moves(self) -> bool:
        """Whether a target is followed."""
        return self.comoving or self.manual_rates is not None


def combine(
    paths: Sequence[Path],
    options: CombineOptions,
    workspace: Workspace,
    read: "ReadExposures | None" = None,
) -> CombineResult:
    """Combine registered frames with SWarp.

    **Reads** the frames (WCS of pp_register), their databases or catalogs for the comparison
    of fluxes, if there are any, and ephemerides for ``-comoving``. **Writes** ``skycoadd.fits``
    or ``comove.fits``: counts of one frame of the mean exposure and typical transparency; NaN
    where no frame has data; the header of the middle frame with the cards that a stack changes
    (`photpipe.combine.stack_header`). No zeropoint is written: the stack is calibrated by
    pp_calibrate like any frame.

    Parameters
    ----------
    paths : sequence of Path
        The frames, of one telescope and filter; older stacks among them are left out.
    options : CombineOptions
        What the user says.
    workspace : Workspace
        Settings, and the directory of the stack.
    read : ReadExposures, optional
        What `exposures_of` has found for these frames.

    Raises
    ------
    ConfigError
        If the frames do not belong together, or a target is to be followed and none is named.
    ReductionError
        If fewer than two frames can be combined.
    ServiceError
        If the positions of the target are not to be had.
    ToolError
        If SWarp fails.
    """
    from photpipe.combine.exposures import scaled, weighted_mean, with_weights

    found, unread = read or exposures_of(paths, options.telescope, workspace)
    exposures, failed = list(found), list(unread)
    _enough(exposures, failed)
    exposures, unscaled = scaled(exposures)
    failed += unscaled
    _enough(exposures, failed)
    exposures = with_weights(exposures, by_noise=options.method == "clipped")
    midtime_jd = weighted_mean(exposures, [each.midtime_jd for each in exposures])
    target, path = "", _Path((), ())
    if options.moves:
        exposures, target, path = _moved(exposures, midtime_jd, options, workspace)
    _check_spread(exposures)
    name = COMOVING_STACK if options.moves else SKY_STACK
    _stack(exposures, midtime_jd, workspace.directory / name, options, workspace)
    log.info("%s: %d frames, %s", name, len(exposures), options.method)
    result = CombineResult(
        stack=name,
        target=target,
        method=options.method,
        midtime_jd=midtime_jd,
        frames=tuple(each.name for each in exposures),
        failed=tuple(failed),
        midtimes_jd=tuple(each.midtime_jd for each in exposures),
        path_ra_deg=tuple(ra for ra, _ in path.starts),
        path_dec_deg=tuple(dec for _, dec in path.starts),
        position_deg=path.end,
    )
    workspace.save(result)
    return result


def exposures_of(
    paths: Sequence[Path], keyword: str | None, workspace: Workspace
) -> "ReadExposures":
    """Frames that can be combined, in chronological order, and those that cannot.

    Parameters
    ----------
    keyword : str or None
        Telescope, where the headers do not tell it.

    Raises
    ------
    ConfigError
        If the frames do not belong together, or the telescope is unknown.
    """
    from photpipe.combine.exposures import Exposure
    from photpipe.instruments import telescopes

    telescope = telescopes.by_keyword(keyword) if keyword else None
    stacks = [path.name for path in paths if path.name in {SKY_STACK, COMOVING_STACK}]
    if stacks:
        log.info("%s: already stacked, left out", ", ".join(stacks))
    good, failed = workspace.map_frames(
        lambda path: Exposure.read(path, telescope),
        [path for path in dict.fromkeys(paths) if path.name not in stacks],
        "read",
    )
    _check_kin(good)
    if len(good) > 1 and not any(each.is_registered for each in good):
        log.warning("no frame is registered: they are aligned as their headers have it")
    elif good:
        reason = "not registered, in contrast to others; run pp_register on it"
        failed += [FrameFailure(each.name, reason) for each in good if not each.is_registered]
        good = [each for each in good if each.is_registered]
    return sorted(good, key=lambda each: each.midtime_jd), failed


def _check_kin(exposures: "Sequence[Exposure]") -> None:
    """Refuse to add up what does not belong together."""
    telescopes = {each.frame.telescope.keyword for each in exposures}
    filters = {each.frame.filter_name for each in exposures}
    for what, found in (("telescopes", telescopes), ("filters", filters)):
        if len(found) > 1:
            listed = ", ".join(sorted(found))
            raise ConfigError(f"the frames are of {len(found)} {what} ({listed}); combine each")


def _enough(exposures: "Sequence[Exposure]", failed: Sequence[FrameFailure]) -> None:
    if len(exposures) < 2:
        reasons = "; ".join(f"{each.frame}: {each.reason}" for each in failed[:3])
        count = "only one frame" if exposures else "no frame"
        raise ReductionError(f"{count} can be combined, two are needed. {reasons}".strip())


def _check_spread(exposures: "Sequence[Exposure]") -> None:
    """Refuse to make an image that nobody can hold."""
    from photpipe.combine.exposures import spread

    area = spread(exposures)
    if area > LARGEST_STACK:
        message = (
            f"the frames lie far apart: the stack would be {area:.0f} times as large as one of "
            "them; combine the frames of one field at a time"
        )
        raise ReductionError(message)


@dataclass(frozen=True, slots=True)
class _Path:
    """Positions (deg) of a target on the frames, and the one that they are brought to."""

    starts: tuple[tuple[float, float], ...]
    end: tuple[float, ...]


def _moved(
    exposures: "Sequence[Exposure]",
    midtime_jd: float,
    options: CombineOptions,
    workspace: Workspace,
) -> "tuple[list[Exposure], str, _Path]":
    """Frames turned so that the target stands where it is at the mid-time of the stack."""
    from photpipe.science.comoving import moved_wcs

    target = (options.targetname or exposures[0].frame.object_name).replace("_", " ")
    if options.manual_rates is not None:
        places = _places_by_rates(exposures, midtime_jd, options.manual_rates)
    elif target:
        places = _places_by_ephemeris(exposures, midtime_jd, target, workspace)
    else:
        raise ConfigError("no header names a target; use -targetname NAME or -manual_rates")
    *starts, end = places
    pairs = zip(exposures, starts, strict=True)
    turned = [replace(each, wcs=moved_wcs(each.wcs, start, end)) for each, start in pairs]
    return turned, target, _Path(tuple(starts), end)


def _places_by_rates(
    exposures: "Sequence[Exposure]", midtime_jd: float, rates: tuple[float, float]
) -> list[tuple[float, float]]:
    """Positions of something that moves at a rate (arcsec per second, on the sky)."""
    from photpipe.ground import sky

    start = exposures[len(exposures) // 2].centre()
    places = []
    for jd in [*(each.midtime_jd for each in exposures), midtime_jd]:
        seconds = (jd - midtime_jd) * SECONDS_PER_DAY
        ra, dec = sky.shifted(*start, rates[0] * seconds, rates[1] * seconds)
        places.append((float(ra), float(dec)))
    return places


def _places_by_ephemeris(
    exposures: "Sequence[Exposure]", midtime_jd: float, target: str, workspace: Workspace
) -> list[tuple[float, float]]:
    """Positions on all frames and at the mid-time of the stack, with one request."""
    from photpipe.services import horizons

    times = [*(each.midtime_jd for each in exposures), midtime_jd]
    observer = exposures[0].frame.telescope.observer
    found = horizons.positions(target, times, observer, workspace.settings)
    return list(zip(found.ra_deg.tolist(), found.dec_deg.tolist(), strict=True))


def _stack(
    exposures: "Sequence[Exposure]",
    midtime_jd: float,
    path: Path,
    options: CombineOptions,
    workspace: Workspace,
) -> None:
    """Run SWarp in a folder of its own and write the stack, all of it or nothing."""
    import numpy as np

    from photpipe.astromatic import swarp
    from photpipe.combine.exposures import seeing_excess

    settings = workspace.settings
    inputs = [
        swarp.Input(
            exposure.frame.path,
            {**exposure.cards, "FLXSCALE": exposure.scale},
            exposure.background_adu,
            exposure.frame.mask_path,
        )
        for exposure in exposures
    ]
    how = swarp.Combination(
        options.method,
        options.backsub,
        settings.combine.clip_sigma,
        float(np.fmax(settings.combine.clip_ampfrac, seeing_excess(exposures))),
        options.keep_files,
    )
    own = exposures[0].frame.telescope.tool_settings("swarp")
    timeout_s = settings.tools.timeout_s * max(1, len(exposures) / FRAMES_PER_TIMEOUT)
    try:
        with _working_folder(path, options.keep_files) as folder:
            products = swarp.run(inputs, how, own, folder, timeout_s)
            least = settings.combine.least_coverage
            _write(*products, path, exposures, midtime_jd, options, least)
    except OSError as error:
        raise ReductionError(f"{path.name} cannot be written: {error}") from error


@contextlib.contextmanager
def _working_folder(path: Path, keep: bool) -> Iterator[Path]:
    """Folder for the resampled frames, beside the stack, where there has to be room for them."""
    if keep:
        kept = path.with_name(f"{path.stem}_files")
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        log.info("%s: intermediate files", kept.name)
        yield kept
        return
    _sweep(path.parent)
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=_WORKING_FOLDER) as name,
        (Path(name) / "lock").open("wb") as lock,
    ):
        with contextlib.suppress(OSError):  # some network disks know no locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with told_when_full(Path(name), "make room and run again"):
            yield Path(name)


def _sweep(directory: Path) -> None:
    """Remove the folders that killed runs left; those of runs that live are locked."""
    for folder in directory.glob(f"{_WORKING_FOLDER}*"):
        with contextlib.suppress(OSError), (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _write(
    stack: Path,
    weight: Path,
    path: Path,
    exposures: "Sequence[Exposure]",
    midtime_jd: float,
    options: CombineOptions,
    least_coverage: float,
) -> None:
    """Mask what few frames cover; give the stack its level of sky and its header."""
    import numpy as np
    from astropy.io import fits

    from photpipe.combine.stack_header import stack_header
    from photpipe.fits.fitsfile import read_header
    from photpipe.fits.pixels import read_pixels

    level = 0.0
    if not options.backsub:
        level = sum(each.weight * each.background_adu * each.scale for each in exposures)
    try:
        pixels = np.asarray(read_pixels(stack), np.float32) + np.float32(level)
        wcs, seen = read_header(stack), read_pixels(weight) > 0
    except FrameError as error:
        raise ToolError("SWarp", f"its stack cannot be read: {error}") from error
    seen &= _well_covered(exposures, wcs, pixels.shape, least_coverage)
    if not seen.any():
        raise ReductionError("no pixel of the stack is covered by enough frames")
    pixels[~seen] = np.nan
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    wcs["CRPIX1"] -= int(columns[0])
    wcs["CRPIX2"] -= int(rows[0])
    header = stack_header(wcs, exposures, midtime_jd, options.method, level, comoving=options.moves)
    with files.replacing(path) as file:
        fits.PrimaryHDU(pixels, header).writeto(file)


def _well_covered(
    exposures: "Sequence[Exposure]", wcs: "Header", shape: tuple[int, ...], least: float
) -> "BoolArray":
    """Which pixels as many frames cover as a part of the most that cover any."""
    import numpy as np
    from astropy.wcs import WCS

    from photpipe.combine.exposures import coverage

    count = coverage(exposures, WCS(wcs, naxis=2), (shape[0], shape[1]))
    return np.asarray(count >= max(1.0, least * count.max()))
