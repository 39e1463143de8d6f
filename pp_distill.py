#!/usr/bin/env python3
"""Extract the calibrated photometry of targets."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe import cli
from photpipe.errors import (
    ConfigError,
    PhotPipeError,
    ReductionError,
    ServiceError,
    UnknownTargetError,
)
from photpipe.results import DistilledTarget, DistillResult, FrameFailure
from photpipe.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.calibratedframe import CalibratedFrame
    from photpipe.photometry_file import TargetPoint
    from photpipe.sky import Cone
    from photpipe.surroundings import Surroundings
    from photpipe.targets import Target

log = logging.getLogger(__name__)

CONTROL_STAR = "Control Star"
POSITIONS_PATTERN = "positions_*.dat"
DEPTH_PERCENTILE = 90
LARGEST_UNCERTAINTY_PX = 5.0
FASTEST_ARCSEC_MIN = 2.0  # of the asteroids that a search in the middle of a series should find


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

    rules = rejection.schemata(options.reject, workspace.settings.distill)
    by_hand = photometry_file.read_rejections(workspace.directory)
    frames, failed = _frames(paths, workspace)
    search = _Search(frames, options, workspace)
    targets = search.targets()
    around = _surroundings(frames, workspace)
    east, north = options.offset or (0.0, 0.0)
    outcomes = workspace.map_frames(
        lambda numbered: points_of_frame(
            numbered.frame,
            numbered.number,
            targets,
            around,
            (east, north),
            workspace.settings.distill,
        ),
        [_Numbered(number, each) for number, each in enumerate(frames)],
        "measure",
    )
    failed += [each for each in outcomes if isinstance(each, FrameFailure)]
    found = [each for each in outcomes if not isinstance(each, FrameFailure)]
    done = []
    for target in targets:
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
    from photpipe.frames import Frame

    outcomes = workspace.map_frames(
        lambda path: CalibratedFrame.read(Frame.read(path)), list(dict.fromkeys(paths)), "read"
    )
    failed = [each for each in outcomes if isinstance(each, FrameFailure)]
    frames = [each for each in outcomes if not isinstance(each, FrameFailure)]
    if not frames:
        reasons = "; ".join(f"{each.frame}: {each.reason}" for each in failed[:3])
        raise ReductionError(f"no frame can be used: {reasons}")
    bands = {each.text("band") for each in frames}
    if len(bands) > 1:
        message = f"the frames have several bands ({', '.join(sorted(bands))}); distill each alone"
        raise ConfigError(message)
    return sorted(frames, key=lambda each: each.midtime_jd), failed


class _Search:
    """Collects targets of all kinds; what fails is remembered, not raised."""

    def __init__(
        self, frames: "list[CalibratedFrame]", options: DistillOptions, workspace: Workspace
    ) -> None:
        self.frames, self.options, self.workspace = frames, options, workspace
        self.settings = workspace.settings
        self.failed: list[FrameFailure] = []

    def targets(self) -> "list[Target]":
        """All targets, each name once, the control star last."""
        found = [*self._from_files(), *self._primary()]
        if self.options.asteroids:
            found += self._asteroids({each.name for each in found})
        variables = self._variables()
        if self.options.variable_stars and variables is not None:
            found += self._variable_stars(variables)
        unique = {each.name: each for each in reversed(found)}
        found = list(reversed(unique.values()))
        self._warn_of_hours(found)
        return [*found, *self._control_star(found, variables)]

    @property
    def _count(self) -> int:
        return len(self.frames)

    def _from_files(self) -> "list[Target]":
        from photpipe import targets

        found = []
        names = [each.frame.name for each in self.frames]
        for path in self._position_files():
            found += targets.read_positions(path, names, self._name_of(path))
        if self.options.fixedtargets:
            path = self._file(self.options.fixedtargets)
            found += targets.read_fixed_targets(path, self._count)
        return found

    def _position_files(self) -> list[Path]:
        if not self.options.positions:
            return []
        if self.options.positions == "all":
            files = sorted(self.workspace.directory.glob(POSITIONS_PATTERN))
            if not files:
                raise ConfigError(f"-positions all: there is no {POSITIONS_PATTERN}")
            return files
        return [self._file(self.options.positions)]

    def _file(self, name: str) -> Path:
        """A file as the user named it, or in the data directory."""
        path = Path(name)
        return path if path.exists() else self.workspace.directory / name

    def _name_of(self, path: Path) -> str:
        """Name of the target of a positions file that names none."""
        if path.stem.startswith("positions_"):
            return path.stem.removeprefix("positions_")
        return self.options.target or self.frames[0].text("object") or "target"

    def _primary(self) -> "list[Target]":
        """The moving target that the user or the frames name."""
        by_file = bool(self.options.positions or self.options.fixedtargets)
        if self.options.target and not self.options.positions:
            names = [self.options.target]
        elif by_file:
            return []
        else:
            names = sorted({each.text("object") for each in self.frames} - {""})
        found = []
        for name in names:
            try:
                found.append(self._moving(name.replace("_", " ")))
            except UnknownTargetError:
                log.info("%s: no Solar System object; it is not looked for", name)
            except ServiceError as error:
                self.failed.append(FrameFailure(f"target {name}", str(error)))
        if not names:
            log.warning("the frames name no target; say -target NAME")
        return found

    def _moving(self, name: str, kind: str = "moving") -> "Target":
        """Target with the positions of Horizons on all frames."""
        import numpy as np

        from photpipe.services import horizons
        from photpipe.targets import Target

        times = [each.midtime_jd for each in self.frames]
        code = self.frames[0].text("observatory_code")
        ephemeris = horizons.positions(name, times, code, self.settings)
        rate = np.stack([ephemeris.ra_rate_arcsec_min, ephemeris.dec_rate_arcsec_min])
        return Target(
            name,
            kind,
            ephemeris.ra_deg,
            ephemeris.dec_deg,
            ephemeris.sigma3_arcsec,
            float(np.median(ephemeris.mag)),
            rate,
        )

    def _cone(self) -> "Cone":
        """Patch of sky that the frames cover."""
        import numpy as np

        from photpipe import sky

        corners = [each.wcs.calc_footprint(axes=each.frame.shape[::-1]) for each in self.frames]
        ra, dec = np.concatenate(corners).T
        return sky.enclosing_cone(ra, dec)

    def _depth_mag(self) -> float:
        """Magnitude that 90 % of the sources outshine."""
        import numpy as np

        mags = np.concatenate([each.magnitudes() for each in self.frames])
        return float(np.nanpercentile(mags, DEPTH_PERCENTILE))

    def _asteroids(self, known: set[str]) -> "list[Target]":
        """Asteroids in the field that are bright enough and have accurate orbits."""
        from dataclasses import replace

        from photpipe.services import skybot

        if not all(each.is_calibrated for each in self.frames):
            log.warning("-asteroids: without a calibration, faint asteroids cannot be left out")
            depth = math.inf
        else:
            depth = self._depth_mag()
        first, last = self.frames[0], self.frames[-1]
        middle = (first.midtime_jd + last.midtime_jd) / 2
        cone = self._cone()
        minutes = (last.midtime_jd - first.midtime_jd) * 1440.0 / 2
        cone = replace(cone, radius_deg=cone.radius_deg + FASTEST_ARCSEC_MIN * minutes / 3600.0)
        unbinned = first.scale_arcsec / first.frame.binning[0]
        found = []
        try:
            listed = skybot.asteroids(cone, middle, first.text("observatory_code"), self.settings)
            for row in listed:
                is_sure = row["uncertainty_arcsec"] <= LARGEST_UNCERTAINTY_PX * unbinned
                if is_sure and row["mag"] <= depth and str(row["target"]) not in known:
                    found.append(self._moving(str(row["target"]), "asteroid"))
        except ServiceError as error:
            self.failed.append(FrameFailure("-asteroids", str(error)))
        return [each for each in found if self._is_ever_inside(each)]

    def _is_ever_inside(self, target: "Target") -> bool:
        return any(
            each.contains(*each.pixel_of(float(ra), float(dec)))
            for each, ra, dec in zip(self.frames, target.ra_deg, target.dec_deg, strict=True)
        )

    def _variables(self) -> "Table | None":
        """Catalogued variables of the field; from the cache alone unless they are wanted."""
        from photpipe.services import vsx

        wanted = self.options.variable_stars
        settings = self.settings if wanted else self.settings.with_offline()
        try:
            return vsx.variables(self._cone(), settings)
        except ServiceError as error:
            if wanted:
                self.failed.append(FrameFailure("-variable_stars", str(error)))
            return None

    def _variable_stars(self, variables: "Table") -> "list[Target]":
        """Variables that are a source on at least one frame."""
        from photpipe import sky, targets

        found = []
        for row in variables[variables["flag"] == 0]:
            place = float(row["ra_deg"]), float(row["dec_deg"])
            reach = max(self.settings.distill.match_tolerance_arcsec, self.frames[0].scale_arcsec)
            is_seen = any(
                (
                    sky.separation_deg(each.column("ra_deg"), each.column("dec_deg"), *place)
                    * sky.ARCSEC_PER_DEG
                    <= reach
                ).any()
                for each in self.frames
            )
            if is_seen:
                name = str(row["name"])
                found.append(targets.fixed(name, *place, self._count, targets.VARIABLE))
        return found

    def _warn_of_hours(self, found: "list[Target]") -> None:
        """Say it when RA in a file of targets seem to be hours."""
        from dataclasses import replace

        for target in found:
            if target.kind not in {"fixed", "positions"} or self._is_ever_inside(target):
                continue
            in_hours = replace(target, ra_deg=target.ra_deg * 15.0 % 360.0)
            hint = "; RA seems to be in hours: write degrees, or hours with colons"
            said = hint if self._is_ever_inside(in_hours) else ""
            log.warning("%s: lies on none of the frames%s", target.name, said)

    def _control_star(self, found: "list[Target]", variables: "Table | None") -> "list[Target]":
        from photpipe import controls, targets
        from photpipe.science import controlstar

        candidates, ra, dec = controls.control_candidates(self.frames, found, variables)
        chosen = controlstar.choose(candidates) if len(ra) else None
        if chosen is None:
            log.warning("no star is fit to be the control star")
            return []
        place = float(ra[chosen]), float(dec[chosen])
        return [targets.fixed(CONTROL_STAR, *place, self._count, targets.CONTROL)]


def _surroundings(frames: "list[CalibratedFrame]", workspace: Workspace) -> "Surroundings":
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
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
