"""The targets of a run: those of files, of Horizons, SkyBoT and VSX, and the control star.

What a service cannot answer costs its targets alone: it is remembered, not raised.
"""

import difflib
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from photpipe.distill import control_candidates, targets
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.surroundings import STAR_TOLERANCE_ARCSEC, Surroundings
from photpipe.distill.targets import Target
from photpipe.ground import designations, files, sky
from photpipe.ground.errors import ConfigError, ServiceError, UnknownTargetError
from photpipe.run.results import FrameFailure
from photpipe.run.settings import Settings
from photpipe.science import control_star
from photpipe.services import horizons, skybot, vsx
from photpipe.services.names import lookups, tidied

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

CONTROL_STAR = "Control Star"
MANUAL_TARGET = "manual_target"  # as the original calls what was marked by hand
POSITIONS_PATTERN = "positions_*.dat"
ALL_OBJECTS = "all_objects"
DEPTH_PERCENTILE = 90  # the original's: 90 % of the sources are brighter
LARGEST_UNCERTAINTY_PX = 5.0  # the original's: less certain places are skipped
FASTEST_ARCSEC_MIN = 2.0  # of the asteroids that a search in the middle of a series should find


class TargetSearch:
    """Collects targets of all kinds for the frames of a series.

    Parameters
    ----------
    frames : sequence of MeasuredFrame
        In the order of time.
    directory : Path
        Data directory.
    settings : Settings
        Tolerances and services.

    Attributes
    ----------
    failed : list of FrameFailure
        What could not be asked, and why.
    """

    def __init__(
        self, frames: Sequence[MeasuredFrame], directory: Path, settings: Settings
    ) -> None:
        self.frames, self.directory, self.settings = frames, directory, settings
        self.failed: list[FrameFailure] = []
        self._resolved: set[str] = set()

    @property
    def _times(self) -> list[float]:
        return [each.midtime_jd for each in self.frames]

    @property
    def _observatory(self) -> str:
        frame = self.frames[0]
        return frame.facts.observer or frame.facts.observatory_code

    def of_positions(self, name: str, target: str | None) -> list[Target]:
        """Targets of a positions file, or of all ``positions_*.dat``.

        Parameters
        ----------
        name : str
            File, ``all``, or ``all_objects``: every source of the frames.
        target : str or None
            Name of the target where neither the file nor its name tells.

        Raises
        ------
        ConfigError
            If a file is missing or wrong.
        """
        if name == ALL_OBJECTS:
            return self.objects()
        paths = [self._file(name)]
        if name == "all":
            paths = sorted(self.directory.glob(POSITIONS_PATTERN))
            if not paths:
                message = f"-positions all: there is no {POSITIONS_PATTERN} in {self.directory}"
                raise ConfigError(message)
        names = [each.frame.name for each in self.frames]
        found = []
        for path in paths:
            own = path.stem.removeprefix("positions_") if "positions_" in path.stem else ""
            # OBJECT names something else: its own photometry must not be written over
            found += targets.read_positions(path, names, own or target or MANUAL_TARGET)
        times = np.array(self._times)
        limit = max(STAR_TOLERANCE_ARCSEC, *(each.scale_arcsec for each in self.frames))
        moving = (targets.with_rates(each, times) for each in found)
        registered = all(each.facts.astrometric_catalog for each in self.frames)
        return [targets.at_rest(each, times, limit, registered=registered) for each in moving]

    def objects(self) -> list[Target]:
        """Sources of the richest frame that at least half of the frames have, as fixed targets."""
        from photpipe.catalogs.matching import mutual_matches

        richest = max(self.frames, key=lambda each: len(each.sources))
        ra, dec = richest.column("ra_deg"), richest.column("dec_deg")
        seen = np.zeros(len(ra), int)
        for each in self.frames:
            tolerance = max(STAR_TOLERANCE_ARCSEC, each.scale_arcsec)
            there = each.column("ra_deg"), each.column("dec_deg")
            seen[mutual_matches(ra, dec, *there, tolerance).index1] += 1
        places = [(ra[i], dec[i]) for i in np.flatnonzero(2 * seen >= len(self.frames))]
        count = len(self.frames)
        return [targets.fixed(sky.designation(*each), *each, count) for each in places]

    def of_fixed_targets(self, name: str) -> list[Target]:
        """Targets of a file of fixed targets.

        Raises
        ------
        ConfigError
            If the file is missing or wrong.
        """
        return targets.read_fixed_targets(self._file(name), len(self.frames))

    def _file(self, name: str) -> Path:
        """A file as the user named it, or in the data directory."""
        path = Path(name).expanduser()
        return path if path.exists() else self.directory / name

    def moving(self, names: Sequence[str]) -> list[Target]:
        """Solar System objects; what Horizons does not know is remembered as a failure.

        Names that say themselves that they are no such object (HD 12345, flat) are left out.
        """
        found = []
        for name in names:
            try:
                found.append(self._moving(tidied(name), targets.MOVING))
            except UnknownTargetError as error:
                if lookups(name):
                    reason = f"{error}; check the spelling{self._meant(name)}"
                    reason += " (a star needs -fixedtargets)"
                    self.failed.append(FrameFailure(f"target {name}", reason))
                else:
                    log.warning(
                        "%s: not known to JPL Horizons; check the spelling "
                        "(a star needs -fixedtargets)",
                        name,
                    )
            except ServiceError as error:
                self.failed.append(FrameFailure(f"target {name}", str(error)))
        return found

    def _meant(self, name: str) -> str:
        """A name of the headers that is nearly the same; empty if there is none."""
        known = sorted({each.facts.object for each in self.frames} - {"", name})
        alike = difflib.get_close_matches(name, known, 1)
        return f": did you mean {alike[0]}?" if alike else ""

    def _moving(self, name: str, kind: str) -> Target:
        """Target with the positions of Horizons on all frames."""
        ephemeris = horizons.positions(name, self._times, self._observatory, self.settings)
        self._resolved.add(ephemeris.name)
        known = ephemeris.mag[np.isfinite(ephemeris.mag)]
        designation = designations.parse(ephemeris.name)
        return Target(
            name,
            kind,
            ephemeris.ra_deg,
            ephemeris.dec_deg,
            ephemeris.sigma3_arcsec,
            float(np.median(known)) if known.size else math.nan,
            np.stack([ephemeris.ra_rate_arcsec_min, ephemeris.dec_rate_arcsec_min]),
            float(np.nanmin(ephemeris.delta_au, initial=np.inf)),
            np.stack([ephemeris.r_au, ephemeris.delta_au, ephemeris.phase_deg]),
            is_comet=designation is not None and designation.kind is designations.Kind.COMET,
        )

    def asteroids(self) -> list[Target]:
        """Asteroids in the field that are bright enough and have accurate orbits."""
        first, last = self.frames[0], self.frames[-1]
        minutes = (last.midtime_jd - first.midtime_jd) * 1440.0 / 2
        cone = self._cone()
        cone = replace(cone, radius_deg=cone.radius_deg + FASTEST_ARCSEC_MIN * minutes / 3600.0)
        middle = (first.midtime_jd + last.midtime_jd) / 2
        depth = self._depth_mag()
        unbinned = first.scale_arcsec / min(first.frame.binning)
        found = []
        try:
            listed = skybot.asteroids(cone, middle, self._observatory, self.settings)
            for row in listed:
                is_sure = row["uncertainty_arcsec"] <= LARGEST_UNCERTAINTY_PX * unbinned
                if is_sure and not row["mag"] > depth:
                    found += self._asteroid(str(row["target"]))
        except ServiceError as error:
            self.failed.append(FrameFailure("-asteroids", str(error)))
        return [each for each in found if self.is_ever_inside(each)]

    def _asteroid(self, name: str) -> list[Target]:
        """One asteroid of the field, unless it is a target already."""
        before = set(self._resolved)
        try:
            found = self._moving(name, targets.ASTEROID)
        except ServiceError as error:
            self.failed.append(FrameFailure(f"asteroid {name}", str(error)))
            return []
        return [found] if self._resolved != before else []

    def _depth_mag(self) -> float:
        """Magnitude that 90 % of the sources outshine; infinite without a calibration."""
        if not all(each.is_calibrated for each in self.frames):
            log.warning("-asteroids: without a calibration, faint asteroids cannot be left out")
            return math.inf
        mags = np.concatenate([each.magnitudes() for each in self.frames])
        mags = mags[np.isfinite(mags)]
        return float(np.percentile(mags, DEPTH_PERCENTILE)) if mags.size else math.inf

    def _cone(self) -> sky.Cone:
        """Patch of sky that the frames cover."""
        corners = [each.corners() for each in self.frames]
        ra, dec = np.concatenate(corners).T
        return sky.enclosing_cone(ra, dec)

    def is_ever_inside(self, target: Target) -> bool:
        """Whether a target is predicted on any frame."""
        return any(
            each.contains(*each.pixel_of(float(ra), float(dec)))
            for each, ra, dec in zip(self.frames, target.ra_deg, target.dec_deg, strict=True)
        )

    def hint(self, target: Target) -> str:
        """What may be wrong with a target of a file that lies on none of the frames."""
        if target.kind not in {targets.FIXED, targets.POSITIONS, targets.MARKED_STAR}:
            return ""
        in_hours = replace(target, ra_deg=target.ra_deg * 15.0 % 360.0)
        if not self.is_ever_inside(target) and self.is_ever_inside(in_hours):
            return "; its RA seems to be in hours: write degrees, or hours with colons"
        return ""

    def catalogued_variables(self, *, wanted: bool) -> "Table | None":
        """Variables of the field; from the cache alone unless they are wanted as targets."""
        settings = self.settings if wanted else self.settings.with_offline()
        try:
            return vsx.variables(self._cone(), settings)
        except ServiceError as error:
            if wanted:
                self.failed.append(FrameFailure("-variable_stars", str(error)))
            return None

    def variable_stars(self, variables: "Table") -> list[Target]:
        """Confirmed variables that are a source on at least one frame."""
        found = []
        for row in variables[np.asarray(variables["flag"] == 0, bool)]:
            place = float(row["ra_deg"]), float(row["dec_deg"])
            if any(self._is_seen(each, place) for each in self.frames):
                name = str(row["name"])
                found.append(targets.fixed(name, *place, len(self.frames), targets.VARIABLE))
        return found

    def _is_seen(self, calibrated: MeasuredFrame, place: tuple[float, float]) -> bool:
        reach = max(self.settings.distill.match_tolerance_arcsec, calibrated.scale_arcsec)
        apart = sky.separation_deg(
            calibrated.column("ra_deg"), calibrated.column("dec_deg"), *place
        )
        return bool((apart * sky.ARCSEC_PER_DEG <= reach).any())

    def control_star(
        self, found: Sequence[Target], variables: "Table | None", around: Surroundings
    ) -> list[Target]:
        """The control star, away from the other targets; none if no star is fit."""
        candidates, ra, dec = control_candidates.control_candidates(
            self.frames, found, variables, around
        )
        chosen = control_star.choose(candidates) if len(ra) else None
        if chosen is None:
            log.warning("no star is suitable as a control star")
            return []
        place = float(ra[chosen]), float(dec[chosen])
        return [targets.fixed(CONTROL_STAR, *place, len(self.frames), targets.CONTROL)]


def named_apart(found: Sequence[Target]) -> list[Target]:
    """Targets with names that make different files; a second one gets a number."""
    named: list[Target] = []
    taken: set[str] = set()
    for target in found:
        name, number = target.name, 1
        while files.slug(name).casefold() in taken:
            number += 1
            name = f"{target.name} {number}"
        if number > 1:
            log.warning("%s: a second target of this name is called %r", target.name, name)
        taken.add(files.slug(name).casefold())
        named.append(replace(target, name=name))
    return named
