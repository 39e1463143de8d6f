"""What stands where a moving target passes: stars of the series and of the catalog."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.distill.targets import Target
from photpipe.ground import sky
from photpipe.ground.errors import PhotPipeError
from photpipe.ground.sky import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from photpipe.catalogs.table import SourceTable
    from photpipe.run.settings import Settings

log = logging.getLogger("pp_distill")

SAMPLE_FRAMES = 12  # frames whose sources tell what stands around a moving target
# by judgement: two catalogs' positions of one star, proper motion included
STAR_TOLERANCE_ARCSEC = 1.0
LEAST_AWAY = 0.5  # arcsec by which a target has to move, so that what stands still is not it
OTHER_FRAMES = 3  # whose sources are taken for stars of a frame: more show hardly any further ones


class Star(NamedTuple):
    """What stands beside a target."""

    ra_deg: float
    dec_deg: float
    mag: float
    name: str = "star"


@dataclass(slots=True)
class Surroundings:
    """Sources of frames spread over a series: what stands where a moving target passes.

    Parameters
    ----------
    ra_deg, dec_deg, mag, index : array, shape (sources,)
        All sources of the sampled frames and the number of their frame.
    catalog_ra_deg, catalog_dec_deg, catalog_mag : array, shape (stars,)
        Stars of the reference catalog, in the band of the frames.
    """

    ra_deg: FloatArray
    dec_deg: FloatArray
    mag: FloatArray
    index: "NDArray[np.intp]"
    catalog_ra_deg: FloatArray = field(default_factory=lambda: np.zeros(0))
    catalog_dec_deg: FloatArray = field(default_factory=lambda: np.zeros(0))
    catalog_mag: FloatArray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, frames: Sequence[MeasuredFrame]) -> "Surroundings":
        """Take the sources of up to twelve frames."""
        chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLE_FRAMES).round().astype(int))
        columns = [
            np.concatenate([frames[number].column(name) for number in chosen])
            for name in ("ra_deg", "dec_deg")
        ]
        mag = np.concatenate([frames[number].magnitudes() for number in chosen])
        index = np.concatenate([np.full(len(frames[n].sources), n) for n in chosen])
        return cls(columns[0], columns[1], mag, index.astype(np.intp))

    def stars_near(
        self,
        target: Target,
        ra_deg: float,
        dec_deg: float,
        reach_arcsec: float,
        clear_arcsec: float,
    ) -> list[Star]:
        """What stands within reach of a place, the target aside.

        Parameters
        ----------
        clear_arcsec : float
            Sources of a frame on which the target was nearer to them than this do not count.
        """
        found = self._catalogued(ra_deg, dec_deg, reach_arcsec)
        near = self._within(self.ra_deg, self.dec_deg, ra_deg, dec_deg, reach_arcsec)
        frames = self.index[near]
        apart = sky.separation_deg(
            self.ra_deg[near], self.dec_deg[near], target.ra_deg[frames], target.dec_deg[frames]
        )
        # on a frame for which there is no prediction nobody knows where the target was
        near = near[apart * sky.ARCSEC_PER_DEG > clear_arcsec]
        sampled = np.unique(self.index)
        for group in self._groups(near):
            ra, dec = float(self.ra_deg[group[0]]), float(self.dec_deg[group[0]])
            place = sky.separation_deg(target.ra_deg[sampled], target.dec_deg[sampled], ra, dec)
            clear_frames = int(np.sum(place * sky.ARCSEC_PER_DEG > clear_arcsec))
            needed = 2 if clear_frames > 1 else 1
            known = any(
                sky.separation_deg(ra, dec, *star[:2]) * sky.ARCSEC_PER_DEG < STAR_TOLERANCE_ARCSEC
                for star in found
            )
            if len(np.unique(self.index[group])) >= needed and not known:
                found.append(Star(ra, dec, float(np.nanmedian(self.mag[group]))))
        return found

    def standing(
        self,
        target: Target,
        ra_deg: float,
        dec_deg: float,
        reach_arcsec: float,
        beside_arcsec: float,
    ) -> list[Star]:
        """Sources within reach of a place that stand still, of which the target moves away.

        They are as near to the target as its own light may be, so nothing of them can be taken out.

        Parameters
        ----------
        beside_arcsec : float
            Sources closer to the target than this on every frame are the target.
        """
        near = self._within(self.ra_deg, self.dec_deg, ra_deg, dec_deg, reach_arcsec)
        found = []
        for group in self._groups(near):
            frames = self.index[group]
            apart = sky.ARCSEC_PER_DEG * sky.separation_deg(
                self.ra_deg[group],
                self.dec_deg[group],
                target.ra_deg[frames],
                target.dec_deg[frames],
            )
            east, north = sky.offsets_arcsec(
                float(target.ra_deg[frames[0]]),
                float(target.dec_deg[frames[0]]),
                target.ra_deg[frames],
                target.dec_deg[frames],
            )
            moved = float(np.hypot(np.ptp(east), np.ptp(north)))
            if len(np.unique(frames)) > 1 and apart.min() > beside_arcsec and moved > LEAST_AWAY:
                ra, dec = float(self.ra_deg[group[0]]), float(self.dec_deg[group[0]])
                found.append(Star(ra, dec, float(np.nanmedian(self.mag[group]))))
        return found

    def others(self, number: int) -> "NDArray[np.intp]":
        """Numbers of the sampled frames that are nearest to a frame."""
        sampled = np.unique(self.index[self.index != number])
        return np.asarray(sampled[np.argsort(np.abs(sampled - number))][:OTHER_FRAMES])

    def sources_near(
        self, ra_deg: float, dec_deg: float, reach_arcsec: float, number: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What the catalog and other frames than `number` show within reach: RA, Dec, magnitude.

        A star is there as often as it was seen.
        """
        near = self._within(self.ra_deg, self.dec_deg, ra_deg, dec_deg, reach_arcsec)
        near = near[np.isin(self.index[near], self.others(number))]
        places = self.catalog_ra_deg, self.catalog_dec_deg
        listed = self._within(*places, ra_deg, dec_deg, reach_arcsec)
        columns = zip(
            (self.ra_deg, self.dec_deg, self.mag),
            (*places, self.catalog_mag),
            strict=True,
        )
        ra, dec, mag = (np.append(seen[near], known[listed]) for seen, known in columns)
        return ra, dec, mag

    def _catalogued(self, ra_deg: float, dec_deg: float, reach_arcsec: float) -> list[Star]:
        near = self._within(
            self.catalog_ra_deg, self.catalog_dec_deg, ra_deg, dec_deg, reach_arcsec
        )
        return [
            Star(float(self.catalog_ra_deg[i]), float(self.catalog_dec_deg[i]), float(m))
            for i in near
            if math.isfinite(m := self.catalog_mag[i])
        ]

    @staticmethod
    def _within(
        ra: FloatArray, dec: FloatArray, ra_deg: float, dec_deg: float, reach_arcsec: float
    ) -> "NDArray[np.intp]":
        """Indices within reach; a band of declination first, which is quick."""
        reach_deg = reach_arcsec / sky.ARCSEC_PER_DEG
        band = np.flatnonzero(np.abs(dec - dec_deg) <= reach_deg)
        apart = sky.separation_deg(ra[band], dec[band], ra_deg, dec_deg)
        return band[apart <= reach_deg]

    def _groups(self, indices: "NDArray[np.intp]") -> "list[NDArray[np.intp]]":
        """Sources at one place together."""
        groups, left = [], indices
        while left.size:
            apart = sky.separation_deg(
                self.ra_deg[left], self.dec_deg[left], self.ra_deg[left[0]], self.dec_deg[left[0]]
            )
            same = apart * sky.ARCSEC_PER_DEG < STAR_TOLERANCE_ARCSEC
            groups.append(left[same])
            left = left[~same]
        return groups


def catalogued(
    catalog: str, astrometric: str, cone: sky.Cone, settings: "Settings"
) -> "SourceTable":
    """Stars of a catalog; where it has no proper motions, with those of the astrometric one.

    Both were asked for by earlier stages and are in the cache, or the catalog is the user's
    zeropoint.
    """
    from photpipe.services.reference import fetch_catalog

    offline = settings.with_offline()
    stars = fetch_catalog(catalog, cone, offline)
    if astrometric in ("", catalog):
        return stars
    try:
        return stars.with_motions_of(fetch_catalog(astrometric, cone, offline))
    except PhotPipeError as error:
        log.debug("no proper motions around the targets: %s", error)
        return stars
