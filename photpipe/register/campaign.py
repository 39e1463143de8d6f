"""Registering fields with one catalog after the other, and judging a WCS without changing it.

Every catalog is used in a patch as small as will do: close to where the headers point, then, for
the frames that are not sure there, as far off as their telescopes may point, then far from
their headers and anywhere. Frames that are recognised but stay weak are matched more finely.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from photpipe.catalogs.table import SourceTable
from photpipe.fits.standard_wcs import standard_wcs
from photpipe.ground import sky
from photpipe.ground.errors import HeaderError, ReductionError, ServiceError
from photpipe.ground.log import FRAME
from photpipe.register import blind
from photpipe.register.plates import KEPT, Chart, Plate, Solved, cone_of, covering
from photpipe.register.solver import FINENESS, Solver
from photpipe.run.results import FrameFailure
from photpipe.run.settings import Settings
from photpipe.run.workspace import attempted
from photpipe.science.wcs_seed import seed_wcs
from photpipe.services import horizons, reference

if TYPE_CHECKING:
    from photpipe.instruments.frames import Frame

log = logging.getLogger(__name__)

LARGEST_MARGIN_DEG = 20 / 60  # around the field where the header is believed at first
SMALLEST_MARGIN_DEG = 6 / 60  # by judgement: telescopes point to some arcmin
# by judgement: most telescopes point to an arcmin, and stars 15 arcmin around a frame of 6 are ten
# times as many as those in it, each to be asked for, sent, read and kept
FIRST_MARGIN_DEG = 3 / 60
WIDE_DEG = 1.1  # how far from the header a frame is looked for at last
NEAR_DEG = 2 / 60  # around frames whose place is known
WIDE_STARS_PER_FRAME = 100
DEEP_STARS_PER_SOURCE = 2.0
FEWEST_ROWS = 500  # by judgement: of a poor field; fewer rows would save nothing


def no_places(_plates: "Sequence[Plate]") -> "Sequence[blind.Place]":
    """Nothing else tells where frames may lie."""
    return ()


@dataclass(slots=True)
class Campaign:
    """The attempt to register frames; what has become of each.

    Parameters
    ----------
    settings : Settings
        Limits and patience.
    jobs : int
        Cores that SCAMP may use.
    catalog : str or None
        The only catalog to use; None: those of the telescopes.

    places_of : callable
        Where else frames may lie than where they say; asked when they are found nowhere.

    Attributes
    ----------
    solved : dict
        Frame name to solution.
    failures : dict
        Frame name to the reason.
    charts : dict
        Catalog to the reference stars that were fetched.
    report : (int, bytes)
        SCAMP's XML of the run that registered the most frames, and how many these were.
    refused : list
        Catalogs and regions of which no kit could be made.
    """

    settings: Settings
    jobs: int = 1
    catalog: str | None = None
    solved: dict[str, Solved] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    charts: dict[str, list[Chart]] = field(default_factory=dict)
    report: tuple[int, bytes] = (0, b"")
    refused: "list[blind.Refused]" = field(default_factory=list)
    places_of: "Callable[[Sequence[Plate]], Sequence[blind.Place]]" = no_places

    def catalogs_of(self, plates: Sequence[Plate]) -> list[str]:
        """Names of the catalogs to try, in order."""
        if self.catalog:
            return [self.catalog]
        return list({name: None for each in plates for name in each.catalogs})

    def solve(self, plates: Sequence[Plate]) -> None:
        """Register the frames of one field with one catalog after the other."""
        solver = Solver(self.settings, self.jobs)
        complaints: dict[str, list[str]] = {plate.frame: [] for plate in plates}
        is_unserved = True
        for name in self.catalogs_of(plates):
            pending = solver.pending(plates)
            solver.forget(pending)
            try:
                if pending:
                    self._solve_with(name, pending, solver)
                is_unserved = False
            except (ServiceError, ReductionError) as error:
                is_unserved = is_unserved and isinstance(error, ServiceError)
                log.warning("%s", error)
                for plate in solver.unseeded(pending):
                    solver.complain(plate, str(error))
                if isinstance(error, ReductionError):  # no star where the headers point
                    self._try_anywhere(name, solver.unseeded(pending), solver)
            for plate in solver.pending(pending):
                complaints[plate.frame].append(solver.complaints.get(plate.frame, ""))
        solver.polish()
        self.solved |= solver.solved
        for plate in solver.pending(plates):
            reason = _why_not(complaints[plate.frame])
            advice = "" if is_unserved else f"; {_advice(plate)}"
            self.failures[plate.frame] = f"not registered: {reason}{advice}"
        self.report = max(self.report, solver.report, key=lambda each: each[0])

    def _solve_with(self, name: str, plates: Sequence[Plate], solver: Solver) -> None:
        """Register what can be registered with one catalog: near the headers, then far from them.

        Raises
        ------
        ServiceError, ReductionError
            If the catalog cannot be had, or has too few stars.
        """
        if plates[0].is_lost:
            self._look_anywhere(name, plates, solver)
            return
        margin_deg = min(
            max(plates[0].pointing_error_arcmin / 60, SMALLEST_MARGIN_DEG), LARGEST_MARGIN_DEG
        )
        self._look_close(name, plates, solver)
        rich, poor = self._parted(solver.pending(plates))
        if not (rich or poor):
            return
        cones = [plate.cone for plate in plates]
        chart = self._chart(name, plates, covering(cones, margin_deg))
        solver.forget(rich)  # of a place that was not confirmed
        solver.seed(rich, chart, margin_deg)
        solver.ask_scamp(rich, chart)
        self._refine(rich, chart, solver)
        solver.settle_sparse(rich, chart, margin_deg)
        self._look_farther(name, solver.unseeded(rich), solver)
        solver.settle_few(poor, chart, margin_deg)

    def _look_close(self, name: str, plates: Sequence[Plate], solver: Solver) -> None:
        """Register the frames that lie close to where their headers point.

        Raises
        ------
        ServiceError
            If the catalog cannot be had.
        """
        try:
            cones = [plate.cone for plate in plates]
            chart = self._chart(name, plates, covering(cones, FIRST_MARGIN_DEG))
        except ReductionError as error:
            log.info("%s", error)
            return
        rich, poor = self._parted(plates)
        solver.seed(rich, chart, FIRST_MARGIN_DEG)
        self._refine(rich, chart, solver)
        solver.settle_few(poor, chart, FIRST_MARGIN_DEG)

    def _parted(self, plates: Sequence[Plate]) -> tuple[list[Plate], list[Plate]]:
        """Frames with enough sources for patterns, and those with a handful."""
        least = self.settings.registration.min_sources_astrometric_catalog
        rich = [plate for plate in plates if plate.pixels.size > least]
        return rich, [plate for plate in plates if plate.pixels.size <= least]

    def _look_farther(self, name: str, lost: Sequence[Plate], solver: Solver) -> None:
        """Look for frames far from where their headers say, and then anywhere."""
        if not lost or self.settings.registration.repeat_registrations < 2:
            return
        wide_deg = max(WIDE_DEG, lost[0].pointing_error_arcmin / 60)
        log.info("searching for %d frames within %.1f deg in %s", len(lost), wide_deg, name)
        wide = covering([plate.cone for plate in lost], wide_deg)
        solver.seed(lost, self._chart(name, lost, wide, sparse=True), wide_deg)
        found = solver.seeded(lost)
        if found:
            near = solver.whereabouts(found, NEAR_DEG)
            self._refine(found, self._chart(name, found, near), solver)
        self._look_anywhere(name, solver.unseeded(lost), solver)

    def _try_anywhere(self, name: str, lost: Sequence[Plate], solver: Solver) -> None:
        """Look for frames anywhere; the catalog may fail there, too."""
        try:
            self._look_anywhere(name, lost, solver)
        except (ServiceError, ReductionError) as error:
            log.warning("%s", error)

    def _look_anywhere(self, name: str, lost: Sequence[Plate], solver: Solver) -> None:
        """Find one frame by the patterns of its stars anywhere, and the others around it."""
        if not lost or not self.settings.registration.anywhere:
            return
        for plate in sorted(lost, key=lambda each: -each.pixels.size)[: blind.TRIED_FRAMES]:
            hints = blind.Hints.of(plate, plate.scale_factor, self._places(plate))
            proposal = blind.propose(plate, hints, self.settings, name, self.refused)
            if proposal is None:
                solver.complain(plate, blind.not_found(hints))
                continue
            log.info("%s: found %s", plate.frame, cone_of(proposal.wcs, plate.shape), extra=FRAME)
            nearby = [_like(each, plate, proposal) for each in lost]
            found = next(each for each in nearby if each.frame == plate.frame)
            solver.place(found, proposal.wcs)
            self._refine_around(name, nearby, solver)
            if found.frame in solver.solved:
                break
            solver.forget([found])

    def _places(self, plate: Plate) -> list[blind.Place]:
        """Where else a frame may lie: beside those that are registered, or at its target."""
        cones = {
            str(each.plate.cone): cone_of(each.wcs, each.plate.shape)
            for each in self.solved.values()
        }
        near = covering(list(cones.values())) if cones else None
        beside = [blind.Place(near.ra_deg, near.dec_deg, "the other frames")] if near else []
        return [*beside, *self.places_of([plate])]

    def _refine_around(self, name: str, nearby: Sequence[Plate], solver: Solver) -> None:
        """Register frames around the one that was found."""
        around = covering([each.cone for each in nearby], SMALLEST_MARGIN_DEG)
        chart = self._chart(name, nearby, around)
        solver.seed(nearby, chart, around.radius_deg)
        self._refine(solver.seeded(nearby), chart, solver)

    def _refine(self, plates: Sequence[Plate], chart: Chart, solver: Solver) -> None:
        """Refine seeded frames, the weak ones again and more finely."""
        solver.refine(plates, chart)
        if self.settings.registration.repeat_registrations > 1:
            solver.refine(plates, chart, FINENESS)
        solver.settle(plates, chart)

    def compare(self, plates: Sequence[Plate]) -> None:
        """Judge the WCS of the headers by the first catalog that can be had."""
        complaints: dict[str, list[str]] = {plate.frame: [] for plate in plates}
        cone = covering([plate.cone for plate in plates], NEAR_DEG)
        for name in self.catalogs_of(plates):
            pending = [plate for plate in plates if plate.frame not in self.solved]
            if not pending:
                break
            try:
                chart = self._chart(name, plates, cone)
            except (ServiceError, ReductionError) as error:
                log.warning("%s", error)
                for plate in pending:
                    complaints[plate.frame].append(str(error))
                continue
            for plate in pending:
                found = attempted(
                    partial(Solved.of, chart=chart, wcs=plate.wcs, seed="header", fit=KEPT),
                    plate,
                    plate.frame,
                )
                if isinstance(found, FrameFailure):
                    complaints[plate.frame].append(found.reason)
                elif found.objection:
                    complaints[plate.frame].append(found.objection)
                else:
                    self.solved[plate.frame] = found
        for plate in plates:
            if plate.frame not in self.solved:
                reason = "; ".join(dict.fromkeys(complaints[plate.frame]))
                self.failures[plate.frame] = (
                    f"the WCS of the header does not fit the stars: {reason}; run without -keep_wcs"
                )

    def _chart(
        self, name: str, plates: Sequence[Plate], cone: sky.Cone, *, sparse: bool = False
    ) -> Chart:
        """Reference stars of a patch of sky at the epoch of the frames.

        Their number follows from that of the sources; the brightest come first.

        Raises
        ------
        ServiceError
            If the catalog cannot be had.
        ReductionError
            If it has too few stars there.
        """
        settings = self.settings
        per_frame = (
            WIDE_STARS_PER_FRAME
            if sparse
            else DEEP_STARS_PER_SOURCE * max(each.pixels.size for each in plates)
        )
        area_deg2 = min(each.area_deg2 for each in plates)
        rows = max(per_frame * math.pi * cone.radius_deg**2 / area_deg2, FEWEST_ROWS)
        rows = min(_rounded_up(rows), settings.services.row_limit)
        epoch_jd = float(np.median([each.midtime_jd for each in plates]))
        stars = reference.fetch_catalog(name, cone, settings, epoch_jd=epoch_jd, row_limit=rows)
        stars = stars.for_registration()
        least = settings.registration.min_sources_astrometric_catalog
        if len(stars) < least:
            raise ReductionError(f"{name} has {len(stars)} stars in {cone}; {least} are needed")
        log.info("%s: %d stars in %s", name, len(stars), cone, extra=FRAME)
        chart = Chart(stars, cone)
        self.charts.setdefault(name, []).append(chart)
        return chart


def _like(plate: Plate, found: Plate, proposal: blind.Proposal) -> Plate:
    """Plate of a frame that lies about where another one was found."""
    factor = plate.scale_arcsec / found.scale_arcsec
    return replace(
        plate,
        scale_arcsec=proposal.scale_arcsec * factor,
        wcs=proposal.wcs,
        cone=cone_of(proposal.wcs, plate.shape),
    )


def starting_wcs(
    frame: "Frame", settings: Settings, *, asks_horizons: bool = True
) -> dict[str, float | str]:
    """WCS that a frame starts from: its own, or one made from the pointing.

    Where the header has no pointing either, the frame is taken to show its target, if JPL Horizons
    may be asked for it.

    Raises
    ------
    HeaderError
        If nothing tells where the frame looked.
    """
    try:
        return dict(standard_wcs(frame.header, frame.shape, frame.name))
    except HeaderError as no_wcs:
        try:
            pointing = frame.pointing()
        except HeaderError as error:
            target, code = frame.object_name, frame.telescope.observer
            if not asks_horizons:
                advice = "no pointing; give -ra and -dec to pp_prepare"
                raise HeaderError(frame.name, error.keyword, advice) from no_wcs
            try:
                seen = horizons.positions(target, [frame.midtime_jd], code, settings)
            except ServiceError as unknown:
                advice = f"no pointing, and no position of the target ({unknown})"
                raise HeaderError(
                    frame.name, error.keyword, f"{advice}; give -ra and -dec to pp_prepare"
                ) from no_wcs
            pointing = float(seen.ra_deg[0]), float(seen.dec_deg[0])
            log.info("%s: no pointing; using the position of %s", frame.name, seen.name)
        seed = seed_wcs(frame.shape, pointing, frame.pixel_scale_arcsec, frame.orientation)
        return seed.cards()


def _why_not(complaints: Sequence[str]) -> str:
    """Reason of a failure in one line."""
    return "; ".join(dict.fromkeys(each for each in complaints if each)) or "no catalog"


def _advice(plate: Plate) -> str:
    """What to try with a frame that the stars do not fit."""
    if plate.is_trailed:
        return "the stars are trailed, try -nodeblending"
    return (
        "clouds, a wrong pointing (give -ra and -dec to pp_prepare) or a wrong pixel scale "
        "may be why, else try -cat or another -snr"
    )


def _rounded_up(number: float) -> int:
    """Next number of two digits and zeros: equal requests are served from the cache."""
    step = 10.0 ** max(int(math.log10(number)) - 1, 0)
    return int(math.ceil(number / step) * step)


def joined(charts: Sequence[Chart]) -> SourceTable:
    """Reference stars of several patches of sky, each star once."""
    from astropy.table import vstack

    tables = [chart.stars for chart in charts]
    if len(tables) == 1:
        return tables[0]
    data = vstack([table.data for table in tables], metadata_conflicts="silent")
    places = np.stack([np.asarray(data[name], float) for name in ("ra_deg", "dec_deg")], axis=-1)
    _, first = np.unique(np.round(places, 7), axis=0, return_index=True)
    return replace(tables[0], data=data[np.sort(first)])
