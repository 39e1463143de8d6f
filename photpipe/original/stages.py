"""The single stages with what the original's manual says of each: frames first, then its options.

Each works in the directory of the frames, writes its LOG, and gives back what the stage found; a
frame that fails is a row of ``failed``. `~photpipe.original.pipeline.run_the_pipeline` runs all.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from photpipe.command.file_names import common_directory, named_paths
from photpipe.ground.log import logging_to
from photpipe.run.lock import in_turn
from photpipe.run.settings import Settings
from photpipe.run.workspace import Workspace, core_count

Filenames = Sequence[str | Path]


def _done(filenames: Filenames, stage: Callable[..., Any], options: Any) -> Any:
    """Run a stage as its command does; what it found."""
    paths = named_paths([str(each) for each in filenames])
    directory = common_directory(paths)
    settings = Settings.load(directory)
    workspace = Workspace(directory, settings, quiet=True, jobs=core_count())
    with logging_to(directory, quiet=True, debug=False), in_turn(directory):
        return stage(paths, options, workspace)


def _radii(aprad: float | Sequence[float] | None) -> tuple[float, ...]:
    """Apertures of a number, of several, or of none."""
    if aprad is None:
        return ()
    return tuple(map(float, aprad)) if isinstance(aprad, Sequence) else (float(aprad),)


def prepare(
    filenames: Filenames,
    ra: float | str | None = None,
    dec: float | str | None = None,
    flipx: bool = False,
    flipy: bool = False,
    rotate: float = 0.0,
    target: str | None = None,
    keep_wcs: bool = False,
) -> Any:
    """Make headers uniform, as pp_prepare does; degrees."""
    from photpipe.prepare.stage import PrepareOptions
    from photpipe.prepare.stage import prepare as stage

    said = PrepareOptions(ra, dec, flipx, flipy, rotate, target, keep_wcs)
    return _done(filenames, stage, said)


def extract(
    filenames: Filenames,
    snr: float | None = None,
    minarea: int | None = None,
    paramfile: str | None = None,
    aprad: float | Sequence[float] | None = None,
    telescope: str | None = None,
    ignore_saturation: bool = False,
    nodeblending: bool = False,
) -> Any:
    """Extract sources, as pp_extract does; what is None is as there."""
    from photpipe.measure.extract import ExtractOptions
    from photpipe.measure.extract import extract as stage

    usual = ExtractOptions()
    said = ExtractOptions(
        snr=usual.snr if snr is None else snr,
        minarea=usual.minarea if minarea is None else minarea,
        paramfile=paramfile,
        aprad=usual.aprad if aprad is None else _radii(aprad),
        ignore_saturation=ignore_saturation,
        nodeblending=nodeblending,
        telescope=telescope,
    )
    return _done(filenames, stage, said)


def register(
    filenames: Filenames,
    snr: float | None = None,
    minarea: int | None = None,
    cat: str | None = None,
    source_tolerance: str | None = None,
    nodeblending: bool = False,
) -> Any:
    """Register frames, as pp_register does."""
    from photpipe.register.stage import RegisterOptions
    from photpipe.register.stage import register as stage

    said = RegisterOptions(snr, minarea, cat, source_tolerance, nodeblending)
    return _done(filenames, stage, said)


def photometry(
    filenames: Filenames,
    snr: float | None = None,
    minarea: int | None = None,
    aprad: float | Sequence[float] | None = None,
    target: str | None = None,
    background_only: bool = False,
    target_only: bool = False,
) -> Any:
    """Measure in the best aperture, as pp_photometry does."""
    from photpipe.measure.stage import PhotometryOptions
    from photpipe.measure.stage import photometry as stage

    said = PhotometryOptions(
        snr=PhotometryOptions().snr if snr is None else snr,
        minarea=minarea,
        aprad=_radii(aprad),
        target=target,
        background_only=background_only,
        target_only=target_only,
    )
    return _done(filenames, stage, said)


def calibrate(
    filenames: Filenames,
    minstars: float | None = None,
    catalog: str | None = None,
    filter: str | None = None,
    maxflag: int | None = None,
    instrumental: bool = False,
    solar: bool = False,
    use_all_stars: bool = False,
) -> Any:
    """Calibrate magnitudes, as pp_calibrate does."""
    from photpipe.calibrate.stage import CalibrateOptions
    from photpipe.calibrate.stage import calibrate as stage

    said = CalibrateOptions(
        minstars=minstars,
        cat=catalog,
        filter=filter,
        maxflag=maxflag,
        instrumental=instrumental,
        solar=solar,
        use_all_stars=use_all_stars,
    )
    return _done(filenames, stage, said)


def distill(
    filenames: Filenames,
    target: str | None = None,
    offset: Sequence[float] | None = None,
    positions: str | None = None,
    fixedtargets: str | None = None,
    variable_stars: bool = False,
    asteroids: bool = False,
    reject: str = "pos",
) -> Any:
    """Measure targets, as pp_distill does; the offset in arcsec, east and north."""
    from photpipe.distill.stage import DistillOptions
    from photpipe.distill.stage import distill as stage

    east_north = (float(offset[0]), float(offset[1])) if offset is not None else None
    said = DistillOptions(
        target=target,
        offset=east_north if east_north != (0.0, 0.0) else None,
        positions=positions,
        fixedtargets=fixedtargets,
        variable_stars=variable_stars,
        asteroids=asteroids,
        reject=reject,
    )
    return _done(filenames, stage, said)


def combine(
    filenames: Filenames,
    comoving: bool = False,
    targetname: str | None = None,
    manual_rates: Sequence[float] | None = None,
    method: str = "clipped",
    backsub: bool = False,
    keep_files: bool = False,
) -> Any:
    """Combine frames, as pp_combine does; rates in arcsec per second."""
    from photpipe.combine.stage import CombineOptions
    from photpipe.combine.stage import combine as stage

    rates = (float(manual_rates[0]), float(manual_rates[1])) if manual_rates else None
    said = CombineOptions(comoving, targetname, rates, method, backsub, keep_files)
    return _done(filenames, stage, said)
