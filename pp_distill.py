#!/usr/bin/env python3
"""Extract the calibrated photometry of targets."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe import cli
from photpipe.errors import ConfigError, PhotPipeError, ReductionError
from photpipe.results import DistilledTarget, DistillResult, FrameFailure
from photpipe.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.calibratedframe import CalibratedFrame
    from photpipe.identification import Track
    from photpipe.photometry_file import TargetPoint
    from photpipe.services.targetsearch import TargetSearch
    from photpipe.surroundings import Surroundings
    from photpipe.targets import Target

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DistillOptions:
    """What the user may say.

    Parameters
    ----------
    target : str, optional
        Name for Horizons, instead of the OBJECT of the frames.
    offset : tuple of float, optional
        Arcsec east and north that are added to all predicted positions.
    positions : str, optional
        A positions file, or ``all`` for every ``positions_*.dat`` of the directory.
    fixedtargets : str, optional
        A file of fixed targets.
    variable_stars, asteroids : bool
        Extract what is known in the field.
    reject : str
        Names of rejection schemata, separated by commas.
    """

    target: str | None = None
    offset: tuple[float, float] | None = None
    positions: str | None = None
    fixedtargets: str | None = None
    variable_stars: bool = False
    asteroids: bool = False
    reject: str = "pos"


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
    from photpipe import photometry_file, rejection
    from photpipe.distillation import points_of_frame
    from photpipe.services.targetsearch import TargetSearch

    rules = rejection.schemata(options.reject, workspace.settings.distill)
    by_hand = photometry_file.read_rejections(workspace.directory)
    frames, failed = _frames(paths, workspace)
    search = TargetSearch(frames, workspace.directory, workspace.settings)
    tracks, around = _tracks(search, options, workspace)
    offset = options.offset or (0.0, 0.0)
    outcomes = workspace.map_frames(
        lambda numbered: points_of_frame(
            numbered.frame, numbered.number, tracks, around, offset, workspace.settings.distill
        ),
        [_Numbered(number, each) for number, each in enumerate(frames)],
        "measure",
    )
    failed += [each for each in outcomes if isinstance(each, FrameFailure)]
    found = [each for each in outcomes if not isinstance(each, FrameFailure)]
    done = []
    for target in (each.target for each in tracks):
        points = [each[target.name] for each in found if target.name in each]
        points = rejection.judged(points, target.name, rules, by_hand)
        done += _written(target, points, workspace)
    result = DistillResult(
        targets=tuple(done),
        frames=tuple(each.frame.name for each in frames),
        failed=(*failed, *search.failed),
    )
    workspace.save(result)
    return result


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A frame and its number in the arrays of the targets."""

    number: int
    frame: "CalibratedFrame"

    @property
    def name(self) -> str:
        """File name of the frame."""
        return self.frame.frame.name


def _frames(
    paths: Sequence[Path], workspace: Workspace
) -> "tuple[list[CalibratedFrame], list[FrameFailure]]":
    """Calibrated frames in the order of time, and what is wrong with the others."""
    from photpipe.calibratedframe import CalibratedFrame
    from pp_photometry import read_frames

    prepared, failed = read_frames(paths, None)
    outcomes = workspace.map_frames(CalibratedFrame.read, prepared, "read")
    failed += [each for each in outcomes if isinstance(each, FrameFailure)]
    frames = [each for each in outcomes if not isinstance(each, FrameFailure)]
    if not frames:
        reasons = "; ".join(f"{each.frame}: {each.reason}" for each in failed[:3])
        raise ReductionError(f"no frame can be used: {reasons}")
    bands = {each.text("band") for each in frames}
    if len(bands) > 1:
        message = f"the frames have several bands ({', '.join(sorted(bands))}); distill each alone"
        raise ConfigError(message)
    return sorted(frames, key=lambda each: each.midtime_jd), failed


def _tracks(
    search: "TargetSearch", options: DistillOptions, workspace: Workspace
) -> "tuple[list[Track], Surroundings]":
    """All targets, each found on the frames, and what stands around them."""
    from photpipe.identification import tracked
    from photpipe.services.targetsearch import told_apart

    found = _from_files(search, options)
    found += search.moving(_names(search, options))
    if options.asteroids:
        found += search.asteroids()
    variables = search.catalogued_variables(wanted=options.variable_stars)
    if options.variable_stars and variables is not None:
        found += search.variable_stars(variables)
    _warn_of_hours(search, found)
    if options.offset:
        found = [each.moved(*options.offset) for each in found]
    found = told_apart([*found, *search.control_star(found, variables)])
    around = _surroundings(search.frames, workspace)
    settings = workspace.settings.distill
    return [tracked(each, search.frames, around, settings) for each in found], around


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
    names = sorted({each.text("object").strip() for each in search.frames} - {""})
    if not names:
        log.warning("the frames name no target; say -target NAME")
    return names


def _warn_of_hours(search: "TargetSearch", found: "list[Target]") -> None:
    """Say it when a target of a file is nowhere, and whether its RA seems to be hours."""
    from dataclasses import replace

    from photpipe import targets

    for target in found:
        if target.kind not in {targets.FIXED, targets.POSITIONS} or search.is_ever_inside(target):
            continue
        in_hours = replace(target, ra_deg=target.ra_deg * 15.0 % 360.0)
        hint = "; its RA seems to be in hours: write degrees, or hours with colons"
        said = hint if search.is_ever_inside(in_hours) else ""
        log.warning("%s: lies on none of the frames%s", target.name, said)


def _surroundings(frames: "Sequence[CalibratedFrame]", workspace: Workspace) -> "Surroundings":
    """Stars around the targets: of the series, and of the catalog that calibrated it."""
    from photpipe.catalogs.calibrators import calibrators_for
    from photpipe.services.reference import fetch_catalog
    from photpipe.surroundings import Surroundings

    around = Surroundings.of(frames)
    best = next((each for each in frames if each.is_calibrated), None)
    catalog = best.text("catalog") if best else ""
    if best is None or not catalog:
        return around
    from photpipe import sky

    cone = sky.enclosing_cone(around.ra_deg, around.dec_deg)
    try:
        # pp_calibrate asked for it: it is in the cache, or the catalog is the user's zeropoint
        stars = fetch_catalog(
            catalog, cone, workspace.settings.with_offline(), epoch_jd=best.midtime_jd
        )
        stars = calibrators_for(stars, best.text("band"), solar=False, use_all_stars=True)
    except PhotPipeError as error:
        log.debug("no catalog stars around the targets: %s", error)
        return around
    around.catalog_ra_deg, around.catalog_dec_deg = stars.ra_deg, stars.dec_deg
    around.catalog_mag = stars.column("mag")
    return around


def _written(
    target: "Target", points: "list[TargetPoint]", workspace: Workspace
) -> list[DistilledTarget]:
    """Write the files of a target and say what was found; nothing for one that is never seen."""
    import numpy as np

    from photpipe import photometry_file as files

    if not points:
        log.warning("%s: on none of the frames", target.name)
        return []
    path = files.write(workspace.directory, target.name, points)
    good = [each for each in points if each.is_good]
    mags = np.array([each.mag for each in good])
    median = float(np.median(mags)) if mags.size else math.nan
    scatter = float(np.std(mags)) if mags.size else math.nan
    counts = {
        method: sum(each.method == method and not each.rejected for each in points)
        for method in (files.DETECTED, files.FORCED, files.LIMIT)
    }
    rejected = sum(bool(each.rejected) for each in points)
    is_calibrated = all(math.isfinite(each.zeropoint) for each in good) and bool(good)
    kind = points[0].band if is_calibrated else "instrumental"
    log.info(
        "%s: %d frames: %d detected, %d forced, %d limits, %d rejected; median %s = %.3f mag, "
        "scatter %.3f",
        target.name,
        len(points),
        *counts.values(),
        rejected,
        kind,
        median,
        scatter,
    )
    return [
        DistilledTarget(
            name=target.name,
            kind=target.kind,
            file=path.name,
            points=len(points),
            detected=counts[files.DETECTED],
            forced=counts[files.FORCED],
            limits=counts[files.LIMIT],
            rejected=rejected,
            contaminated=sum(bool(each.contamination) for each in points),
            median_mag=median,
            scatter_mag=scatter,
            is_calibrated=is_calibrated,
            predicted_mag=target.predicted_mag,
        )
    ]


COMMAND = cli.Command(
    name="pp_distill",
    summary="Extract the calibrated photometry of targets and of a control star.",
    stage=distill,
    options_class=DistillOptions,
    takes=(
        "target",
        "offset",
        "positions",
        "fixedtargets",
        "variable_stars",
        "asteroids",
        "reject",
    ),
    has_report=True,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
