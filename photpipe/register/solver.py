"""Solving the frames of a field against the stars of a chart.

A solution goes three steps. A *seed* says where the frame lies: the header, shifted to where
most stars agree, or the pattern of the stars, or SCAMP's own match. SCAMP *refines* all seeded
frames, some together, with a distortion that they share. At last each solution is *judged*:
by the two contrasts of SCAMP, and by all stars, independently of SCAMP.

Where SCAMP fails or its contrasts stay low although the stars leave no doubt (ten pairs and
fifty nats of surprise at least), the frame is registered by least squares of its own. At the
very end the frames are *polished*: fitted together once more, which halves SCAMP's errors.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from photpipe.astromatic import scamp
from photpipe.ground import sky
from photpipe.ground.errors import ToolError
from photpipe.register.plates import (
    LEAST_SQUARES,
    OVERWHELMING_STARS,
    SCAMP,
    Cards,
    Chart,
    Plate,
    Solved,
    cone_of,
    covering,
    degree_of,
)
from photpipe.run.results import FrameFailure
from photpipe.run.settings import Settings
from photpipe.run.workspace import attempted, side_by_side
from photpipe.science import astrometry, fewstars, patterns, sparse

log = logging.getLogger(__name__)

RESOLUTION_ARCSEC = 1.0  # of the match, but
LARGEST_RESOLUTION_PX = 4.0  # by judgement: beyond, frames of short focus would match anything
FEW_STARS, BRIGHT_STARS = "few stars", "bright stars"
SERIES_SCALE = 0.01  # relative difference of pixel scales in a series (focus, refraction)
FEW_RICHNESS = 2.0  # reference stars per source of a poor frame
ANYWHERE = "anywhere"
FINENESS = 4.0  # how many times finer weak frames are matched again
SEED_TOLERANCE_PX = 3.0  # by judgement: a seed is right within this, before the fit
SEED_ERROR_PX = 40.0  # by judgement: what SCAMP still searches around a seed
FIT_ROUNDS = 3  # the stars beside a fit hardly change after the second
POLISH_ROUNDS, GROWING = 10, 1.02  # as long as so many more stars come beside the sources
PATIENCE = 6  # failures in a row after which only quick attempts are made
FRAMES_PER_TIMEOUT = 30
MOST_TOGETHER = 8  # frames in a run of SCAMP that refines, see `_batches`
# Stars that SCAMP matches around a seed: its time goes with their square, 0.93 s for ten frames
# with 500 sources and 0.37 s with 200 of each, at the same place to 0.003 arcsec. The contrast in
# angle falls from 19 to 14, and to 4 where magnitudes are random (5 mag); that in position stays.
MOST_MATCHED = 200


@dataclass(frozen=True, slots=True)
class Seed:
    """Where a frame lies, roughly.

    Parameters
    ----------
    kind : str
        How it is known: header, series (a neighbour's rotation and scale), pattern, SCAMP or
        anywhere (index files).
    wcs : mapping
        Cards.
    """

    kind: str
    wcs: Cards


class Solver:
    """Solves the frames of one field; what it learned from one attempt serves the next.

    Parameters
    ----------
    settings : Settings
        Limits and patience.
    jobs : int
        Cores that SCAMP may use.

    Attributes
    ----------
    solved : dict
        Frame name to its solution: frames that are registered.
    complaints : dict
        Frame name to the reason why its last attempt failed.
    report : (int, bytes)
        SCAMP's XML of the run that registered the most frames, and how many these were.
    """

    def __init__(self, settings: Settings, jobs: int = 1) -> None:
        self.settings = settings
        self.jobs = jobs
        self.solved: dict[str, Solved] = {}
        self.complaints: dict[str, str] = {}
        self.report: tuple[int, bytes] = (0, b"")
        self._seeds: dict[str, Seed] = {}
        self._example: Cards | None = None

    def forget(self, plates: Sequence[Plate]) -> None:
        """Forget where pending frames lie; a new catalog begins."""
        for plate in self.pending(plates):
            self._seeds.pop(plate.frame, None)
            self.complaints.pop(plate.frame, None)

    def complain(self, plate: Plate, reason: str) -> None:
        """Remember one more reason why a frame is not registered."""
        before = self.complaints.get(plate.frame)
        self.complaints[plate.frame] = f"{before}; {reason}" if before else reason

    def pending(self, plates: Sequence[Plate]) -> list[Plate]:
        """Frames that are not registered."""
        return [plate for plate in plates if plate.frame not in self.solved]

    def unseeded(self, plates: Sequence[Plate]) -> list[Plate]:
        """Pending frames of which nobody knows where they lie."""
        return [plate for plate in self.pending(plates) if plate.frame not in self._seeds]

    def seeded(self, plates: Sequence[Plate]) -> list[Plate]:
        """Pending frames with a seed."""
        return [plate for plate in self.pending(plates) if plate.frame in self._seeds]

    def whereabouts(self, plates: Sequence[Plate], margin_deg: float) -> sky.Cone:
        """Patch of sky where seeded frames lie; there has to be one."""
        cones = [cone_of(self._seeds[each.frame].wcs, each.shape) for each in plates]
        return covering(cones, margin_deg)

    def seed(self, plates: Sequence[Plate], chart: Chart, reach_deg: float) -> None:
        """Find out where frames lie, no farther than `reach_deg` from where their headers say.

        The richest frames come first; what they teach about rotation, scale and parity makes
        the others quick. When several in a row fail, the others get only the quick attempts.
        """
        region = chart.region()
        failures = 0
        for plate in sorted(self.unseeded(plates), key=lambda each: -each.pixels.size):
            kinds = {"header": plate.wcs}
            if self._example is not None:
                kinds = {"series": self._example, **kinds}
            known = [chart.map_of(wcs, plate.shape) for wcs in kinds.values()]
            expectation = _expectation(plate, known[-1], reach_deg)
            thorough = failures < PATIENCE
            search = partial(
                patterns.search,
                region=region,
                expectation=expectation,
                known=known,
                thorough=thorough,
            )
            found = attempted(search, plate.pixels, plate.frame)
            if isinstance(found, FrameFailure):
                failures += 1
                self.complaints[plate.frame] = found.reason
                continue
            if found is None or not found.is_sure:
                failures += 1
                self.complaints[plate.frame] = _unrecognised(plate, chart, found)
                continue
            wcs = astrometry.wcs_cards(found.plate, chart.cone.ra_deg, chart.cone.dec_deg)
            kind = [*kinds, "pattern"][found.origin]
            self._seeds[plate.frame] = Seed(kind, wcs)
            failures = 0
            if kind == "pattern":
                self._example = wcs

    def place(self, plate: Plate, wcs: Cards) -> None:
        """Take note of where a frame lies that was found by other means."""
        self._seeds[plate.frame] = Seed(ANYWHERE, wcs)
        self._example = wcs

    def ask_scamp(self, plates: Sequence[Plate], chart: Chart) -> None:
        """Let SCAMP itself look for frames, within what the telescope's entry allows."""
        for group in _by_instrument(self.unseeded(plates)):
            found, _ = self._run(
                *(group, [each.wcs for each in group], chart, _blind(group[0], chart)),
                self.jobs,
            )
            for each in found:
                if each.objection is None:
                    self._seeds[each.plate.frame] = Seed(SCAMP, each.wcs)

    def refine(self, plates: Sequence[Plate], chart: Chart, fineness: float = 1.0) -> None:
        """Let SCAMP refine the seeded frames together, and judge what it found."""
        for group in _by_instrument(self.seeded(plates)):
            seeds = _refitted_seeds(group, chart, [self._seeds[each.frame].wcs for each in group])
            degree = max(degree_of(wcs) for wcs in seeds)
            search = _refining(group[0], degree, fineness)
            found, xml = self._run_in_batches(group, seeds, chart, search)
            good = sum(self._judge(each) for each in found)
            if good > self.report[0]:
                self.report = good, xml

    def settle(self, plates: Sequence[Plate], chart: Chart) -> None:
        """Register frames without SCAMP's consent where the stars leave no doubt."""
        for plate in self.seeded(plates):
            seed = self._seeds[plate.frame]
            found = attempted(partial(_fitted, plate, chart), seed, plate.frame)
            if isinstance(found, FrameFailure):
                self.complaints[plate.frame] = found.reason
            elif found.is_overwhelming:
                self.solved[plate.frame] = found

    def settle_sparse(self, plates: Sequence[Plate], chart: Chart, reach_deg: float) -> None:
        """Register frames by their brightest sources where a catalog has few stars, all bright."""
        region = chart.region()
        for plate in self.pending(plates):
            expectation = _expectation(plate, chart.map_of(plate.wcs, plate.shape), reach_deg)
            if not sparse.is_sparse(plate.pixels.size, region, expectation):
                continue
            for neighbour in self._of_same_camera(plate):
                scale = neighbour.check.scale_arcsec
                expectation = replace(expectation, scale_arcsec=scale, scale_error=SERIES_SCALE)
                break
            place = partial(sparse.place, region=region, expectation=expectation)
            found = attempted(place, plate.pixels, plate.frame)
            if isinstance(found, FrameFailure):
                self.complain(plate, found.reason)
                continue
            if found is None or not found.is_sure:
                continue
            wcs = astrometry.wcs_cards(found.plate, chart.cone.ra_deg, chart.cone.dec_deg)
            bright = plate.brightest(found.sources)
            check = chart.check(bright, wcs, spent=astrometry.SPENT_BY_SIMILARITY)
            solved = Solved(bright, chart, wcs, check, "pattern", BRIGHT_STARS)
            if solved.objection:
                self.complain(plate, solved.objection)
            else:
                self.solved[plate.frame] = solved

    def settle_few(self, plates: Sequence[Plate], chart: Chart, reach_deg: float) -> None:
        """Register frames with a handful of stars: a shift from a neighbour's place or their own.

        Those that are left have a complaint.
        """
        for plate in self.pending(plates):
            found = attempted(partial(self._of_few, chart, reach_deg), plate, plate.frame)
            if isinstance(found, FrameFailure):
                self.complaints[plate.frame] = found.reason
            else:
                self.solved[plate.frame] = found

    def _of_few(self, chart: Chart, reach_deg: float, plate: Plate) -> Solved | FrameFailure:
        """A frame with a handful of stars, or why it has no sure place."""
        starts = {"header": (plate.wcs, fewstars.HEADER)}
        for neighbour in self._of_same_camera(plate):
            if neighbour.fit != FEW_STARS:
                starts = {"series": (neighbour.wcs, fewstars.SERIES), **starts}
                break
        best = "no common pattern"
        for kind, (wcs, slack) in starts.items():
            found = self._aligned(plate, chart, wcs, reach_deg, slack)
            if found is not None and found.is_sure:
                cards = astrometry.wcs_cards(found.plate, chart.cone.ra_deg, chart.cone.dec_deg)
                return Solved.of(plate, chart, cards, kind, FEW_STARS)
            best = f"at best {found.matched} of them match" if found else "no common pattern"
        reason = (
            f"{plate.pixels.size} sources, too few for pattern matching; {best} within "
            f"{60 * reach_deg:.0f} arcmin of the position in the header"
        )
        return FrameFailure(plate.frame, reason)

    def _of_same_camera(self, plate: Plate) -> Iterator[Solved]:
        """Frames of the camera of a plate that are solved."""
        return (each for each in self.solved.values() if each.plate.instrument == plate.instrument)

    def _aligned(
        self, plate: Plate, chart: Chart, wcs: Cards, reach_deg: float, slack: fewstars.Slack
    ) -> fewstars.Alignment | None:
        """Best place of a poor frame among the stars that are as bright as its own."""
        start = chart.map_of(wcs, plate.shape)
        own = complex(chart.map_of(plate.wcs, plate.shape)(astrometry.middle_of(plate.shape)))
        start = start.shifted(own - complex(start(astrometry.middle_of(plate.shape))))
        region = chart.region()
        area = plate.area_deg2 * sky.ARCSEC_PER_DEG**2
        bright = region.plane[: region.count_for(FEW_RICHNESS * plate.pixels.size, area)]
        return fewstars.align(
            plate.pixels,
            bright,
            start,
            plate.shape,
            reach_deg * sky.ARCSEC_PER_DEG,
            plate.tolerance_px,
            slack,
        )

    def polish(self) -> None:
        """Fit all frames of an instrument together, with a common distortion.

        SCAMP approximates a common distortion where frames are dithered, and gives every frame
        one of its own only at the price of larger errors.
        """
        groups: dict[tuple[str, str], list[Solved]] = {}
        for found in self.solved.values():
            if found.fit in (FEW_STARS, BRIGHT_STARS):
                continue
            key = found.plate.instrument, found.chart.stars.name
            groups.setdefault(key, []).append(found)
        for group in groups.values():
            self._polish(group)

    def _polish(self, group: Sequence[Solved]) -> None:
        """Fit frames with a common distortion, as long as that brings more stars beside sources.

        Behind a wide lens only the middle of the frame fits at first.
        """
        for _ in range(POLISH_ROUNDS):
            pairs = [each.plate.pairs(each.check) for each in group]
            fitted = astrometry.fit_together(pairs, group[0].plate.shape)
            before = sum(each.check.matched for each in group)
            group = [each.refitted(wcs) for each, wcs in zip(group, fitted, strict=True)]
            if sum(each.check.matched for each in group) <= before * GROWING:
                break
        for found in group:
            self.solved[found.plate.frame] = found

    def _run_in_batches(
        self,
        group: Sequence[Plate],
        starts: Sequence[Cards],
        chart: Chart,
        search: scamp.Search,
    ) -> tuple[list[Solved], bytes]:
        """Run SCAMP on some frames at a time, side by side; its reports come as one."""
        edges = _batches(len(group))
        count = len(edges) - 1
        threads = max(1, self.jobs // count)

        def one(number: int) -> tuple[list[Solved], bytes]:
            part = slice(edges[number], edges[number + 1])
            where = threads, edges[number]
            return self._run(group[part], starts[part], chart, search, *where)

        with side_by_side(min(self.jobs, count)) as spread:
            done = list(spread(one, range(count)))
        reports = [xml for _, xml in done if xml]
        return [each for found, _ in done for each in found], scamp.joined(reports)

    def _run(
        self,
        group: Sequence[Plate],
        starts: Sequence[Cards],
        chart: Chart,
        search: scamp.Search,
        threads: int,
        first: int = 0,
    ) -> tuple[list[Solved], bytes]:
        """Run SCAMP; nothing comes back if it fails."""
        exposures = [
            scamp.ScampInput(
                frame=plate.frame,
                sources=plate.sources,
                wcs=wcs,
                shape=plate.shape,
                midtime_jd=plate.midtime_jd,
                instrument=plate.instrument,
            )
            for plate, wcs in zip(group, starts, strict=True)
        ]
        timeout_s = self.settings.tools.timeout_s * max(1.0, len(group) / FRAMES_PER_TIMEOUT)
        try:
            solutions, xml = scamp.run(
                exposures,
                chart.for_scamp(group),
                search,
                group[0].scamp_settings,
                timeout_s=timeout_s,
                threads=threads,
                first=first,
            )
        except ToolError as error:
            log.warning("%s", error)
            self.complaints |= {each.frame: str(error) for each in group}
            return [], b""
        found = []
        for plate, each in zip(group, solutions, strict=True):
            if each is None:
                self.complaints[plate.frame] = "SCAMP wrote no usable solution of it"
            else:
                found.append(Solved.of(plate, chart, each.wcs, self._kind(plate), SCAMP, each))
        return found, xml

    def _kind(self, plate: Plate) -> str:
        return self._seeds[plate.frame].kind if plate.frame in self._seeds else SCAMP

    def _judge(self, found: Solved) -> bool:
        """Accept or refuse what SCAMP found."""
        name = found.plate.frame
        if found.objection is None and found.has_contrast(self.settings):
            self.solved[name] = found
            return True
        assert found.scamp is not None
        contrasts = (
            f"SCAMP's contrasts are {found.scamp.as_contrast:.1f} and {found.scamp.xy_contrast:.1f}"
        )
        self.complaints[name] = f"{contrasts}; {found.objection or 'too low to be sure'}"
        return False


def _by_instrument(plates: Sequence[Plate]) -> list[list[Plate]]:
    """Frames that share a distortion, together."""
    groups: dict[str, list[Plate]] = {}
    for plate in plates:
        groups.setdefault(plate.instrument, []).append(plate)
    return list(groups.values())


def _batches(count: int) -> list[int]:
    """Where batches of so many frames begin, and where the last one ends.

    SCAMP needs 42 ms a frame for 5 frames together, 50 for 10, 53 for 30 (500 sources each). An
    even number of batches leaves no core of two or four idle; that of the cores is not asked,
    because the contrasts differ a little with the batch.
    """
    number = 1
    if count > MOST_TOGETHER:
        number = min(count, 2 * math.ceil(count / (2 * MOST_TOGETHER)))
    return [count * each // number for each in range(number + 1)]


def _expectation(
    plate: Plate, start: astrometry.PlateMap, reach_deg: float
) -> patterns.Expectation:
    """What is known of a frame before it is looked for."""
    return patterns.Expectation(
        plate.shape,
        plate.scale_arcsec,
        centre_arcsec=complex(start(astrometry.middle_of(plate.shape))),
        offset_arcsec=reach_deg * sky.ARCSEC_PER_DEG,
        pixel_ratio=plate.pixel_ratio,
    )


def _refining(plate: Plate, degree: int, fineness: float = 1.0) -> scamp.Search:
    """Search close to a seed; with all stars at the second, finer try."""
    is_complete = fineness > 1.0 or float(plate.scamp_settings.get("MATCH_NMAX", 0)) > 0
    small = min(RESOLUTION_ARCSEC / plate.scale_arcsec, LARGEST_RESOLUTION_PX)
    coarse_px = max(small, plate.tolerance_px)
    return scamp.Search(
        resolution_arcsec=coarse_px * plate.scale_arcsec / fineness,
        position_error_arcmin=SEED_ERROR_PX * plate.scale_arcsec / 60,
        angle_error_deg=3.0,
        scale_error_factor=1.03,
        flipped=False,
        crossid_arcsec=plate.tolerance_px * plate.scale_arcsec,
        degree=degree,
        flags_mask=plate.flags_mask,
        most_stars=0 if is_complete else MOST_MATCHED,
    )


def _blind(plate: Plate, chart: Chart) -> scamp.Search:
    """Search in all that the telescope's entry allows and the chart covers."""
    entry = plate.scamp_settings
    return replace(
        _refining(plate, 2),
        position_error_arcmin=min(plate.pointing_error_arcmin, 60 * chart.cone.radius_deg),
        angle_error_deg=float(entry.get("POSANGLE_MAXERR", 180.0)),
        scale_error_factor=float(entry.get("PIXSCALE_MAXERR", 1.1)),
        flipped=entry.get("MATCH_FLIPPED", "Y").upper().startswith("Y"),
        most_stars=0,
    )


def _unrecognised(plate: Plate, chart: Chart, found: patterns.PatternMatch | None) -> str:
    """Say what was seen of a frame that could not be placed."""
    best = (
        f"at best {found.matched} match where chance gives {found.expected:.1f}"
        if found
        else "no common pattern"
    )
    return (
        f"{plate.pixels.size} sources and {len(chart.stars)} stars of {chart.stars.name} within "
        f"{chart.cone.radius_deg:.2f} deg: {best}"
    )


def _refitted_seeds(group: Sequence[Plate], chart: Chart, seeds: Sequence[Cards]) -> list[Cards]:
    """Seeds fitted together to all their coincidences, where these suffice."""
    checks = [
        chart.check(plate, wcs, SEED_TOLERANCE_PX) for plate, wcs in zip(group, seeds, strict=True)
    ]
    rich = [k for k, check in enumerate(checks) if check.matched >= astrometry.FEWEST_PAIRS]
    result = list(seeds)
    if rich:
        pairs = [group[k].pairs(checks[k]) for k in rich]
        fitted = astrometry.fit_together(pairs, group[0].shape)
        for k, wcs in zip(rich, fitted, strict=True):
            result[k] = wcs
    return result


def _fitted(plate: Plate, chart: Chart, seed: Seed) -> Solved:
    """Least-squares solution of one frame through all coincidences."""
    found = Solved.of(plate, chart, seed.wcs, seed.kind, LEAST_SQUARES)
    check = chart.check(plate, seed.wcs, SEED_TOLERANCE_PX)
    for _ in range(FIT_ROUNDS):
        if check.matched < OVERWHELMING_STARS:
            break
        wcs = astrometry.fit_together([plate.pairs(check)], plate.shape)[0]
        found = Solved.of(plate, chart, wcs, seed.kind, LEAST_SQUARES)
        check = found.check
    return found
