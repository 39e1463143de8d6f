#!/usr/bin/env python3
"""Register images astrometrically with SCAMP and catalogs of reference stars."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe import cli
from photpipe.errors import PhotPipeError, ReductionError, ServiceError
from photpipe.results import FrameFailure, RegisteredFrame, RegisterResult
from photpipe.workspace import Workspace

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from photpipe.astromatic.plates import Chart, Plate, Solved
    from photpipe.astromatic.solver import Solver
    from photpipe.catalogs.table import SourceTable
    from photpipe.frames import Frame
    from photpipe.sky import Cone

log = logging.getLogger(__name__)

LARGEST_MARGIN_DEG = 20 / 60  # around the field where the header is believed at first
SMALLEST_MARGIN_DEG = 6 / 60
WIDE_DEG = 1.1  # how far from the header a frame is looked for at last
NEAR_DEG = 2 / 60  # around frames whose place is known
WIDE_STARS_PER_FRAME = 100
DEEP_STARS_PER_SOURCE = 2.0
FEWEST_ROWS = 500

SUCCEEDED, FAILED = "registration_succeeded.lst", "registration_failed.lst"
BEST, REPORT = "best_astrometry.dat", "astrometry_scamp.xml"


@dataclass(frozen=True, slots=True)
class RegisterOptions:
    """What the user may say.

    Parameters
    ----------
    snr, minarea : float, int, optional
        Detection threshold and smallest area of a source; none: those of the telescope.
    cat : str, optional
        Reference catalog instead of those of the telescope.
    source_tolerance : str, optional
        Flagged sources that may be used: none, low, medium, high; none: as the telescope's entry.
    nodeblending : bool
        Do not separate overlapping sources.
    telescope : str, optional
        Keyword of the telescope; otherwise the headers tell.
    only_failed : bool
        Leave frames alone that an earlier run has registered.
    """

    snr: float | None = None
    minarea: int | None = None
    cat: str | None = None
    source_tolerance: str | None = None
    nodeblending: bool = False
    telescope: str | None = None
    only_failed: bool = False


def register(
    paths: Sequence[Path], options: RegisterOptions, workspace: Workspace
) -> RegisterResult:
    """Register frames.

    **Reads** prepared frames. **Writes** the WCS and its provenance into the headers of the
    frames that are registered, and a card REGSTAT into those that are not; the catalogs of
    sources ``<stem>.ldac`` beside the frames; in the data directory the reference stars
    ``<catalog>.cat``, the lists ``registration_succeeded.lst`` and ``registration_failed.lst``,
    ``best_astrometry.dat`` and SCAMP's report ``astrometry_scamp.xml``.

    A frame that an earlier run has registered stays registered if this run cannot do better.

    Parameters
    ----------
    paths : sequence of Path
        The frames.
    options : RegisterOptions
        What the user says.
    workspace : Workspace
        Settings, data directory, number of cores.

    Raises
    ------
    ToolError
        If Source Extractor or SCAMP is not installed.
    ConfigError
        If the telescope or the catalog is unknown.
    """
    from photpipe.astromatic import tool

    tool.find(tool.SCAMP)
    run = _Run(options, workspace)
    run.load(paths)
    for plates in run.fields():
        run.solve(plates)
    return run.finish(paths)


def verify(paths: Sequence[Path], options: RegisterOptions, workspace: Workspace) -> RegisterResult:
    """Compare the WCS that frames have with catalog stars, instead of registering them.

    **Reads** and **writes** as `register`; the WCS of the headers stays as it is.

    Raises
    ------
    ToolError
        If Source Extractor is not installed.
    ConfigError
        If the telescope or the catalog is unknown.
    """
    run = _Run(options, workspace, keeps=False)
    run.load(paths)
    for plates in run.fields():
        run.compare(plates)
    return run.finish(paths)


@dataclass(slots=True)
class _Run:
    """One call of the stage: frames, and what has become of each."""

    options: RegisterOptions
    workspace: Workspace
    keeps: bool = True
    headers: dict[str, "Header"] = field(default_factory=dict)
    frames: dict[str, "Frame"] = field(default_factory=dict)
    plates: dict[str, "Plate"] = field(default_factory=dict)
    solved: dict[str, tuple[str, "Solved"]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    charts: dict[str, list["Chart"]] = field(default_factory=dict)
    report: tuple[int, bytes] = (0, b"")

    # -- from frames to fields

    def load(self, paths: Sequence[Path]) -> None:
        """Read the frames, extract their sources, set aside what cannot be registered."""
        from photpipe import telescopes
        from photpipe.frames import Frame
        from photpipe.registration import is_registered

        name = self.options.telescope
        telescope = telescopes.by_keyword(name) if name else None
        read = self.workspace.map_frames(lambda path: Frame.read(path, telescope), paths, "read")
        for each in read:
            self._take(each)
        self.headers = {name: frame.header for name, frame in self.frames.items()}
        if self.options.only_failed:
            self.frames = {
                name: frame
                for name, frame in self.frames.items()
                if not is_registered(frame.header)
            }
        self._extract()
        made = self.workspace.map_frames(self._plate, list(self.frames.values()), "sources")
        for plate in made:
            if isinstance(plate, FrameFailure):
                self.failures[plate.frame] = plate.reason
            else:
                self.plates[plate.frame] = plate

    def _take(self, frame: "Frame | FrameFailure") -> None:
        if isinstance(frame, FrameFailure):
            self.failures[frame.frame] = frame.reason
        else:
            self.frames[frame.name] = frame

    def _extract(self) -> None:
        """Run pp_extract with the thresholds of each telescope."""
        from pp_extract import ExtractOptions, extract

        for keyword in {frame.telescope.keyword: None for frame in self.frames.values()}:
            mine = [each for each in self.frames.values() if each.telescope.keyword == keyword]
            telescope = mine[0].telescope
            options = ExtractOptions(
                snr=self.options.snr or telescope.source_snr,
                minarea=self.options.minarea or telescope.source_minarea,
                telescope=self.options.telescope,
                nodeblending=self.options.nodeblending,
            )
            result = extract([each.path for each in mine], options, self.workspace)
            for failure in result.failed:
                self.failures[failure.frame] = failure.reason
                del self.frames[failure.frame]

    def _plate(self, frame: "Frame") -> "Plate":
        """Plate of a frame whose sources are extracted.

        Raises
        ------
        PhotPipeError
            Why it has none.
        """
        from photpipe.astromatic.plates import Plate
        from photpipe.catalogs.ldac import read_ldac
        from photpipe.science.flags import TOLERANCE_MASKS

        tolerance = self.options.source_tolerance or frame.telescope.source_tolerance
        catalog, _ = read_ldac(frame.ldac_path)
        least = self.workspace.settings.registration.min_sources_astrometric_catalog
        wcs = _starting_wcs(frame, self.workspace)
        return Plate.of(frame, catalog, TOLERANCE_MASKS[tolerance], wcs, least)

    def fields(self) -> Iterator[list["Plate"]]:
        """Frames that share a patch of sky; those far from the others are set aside."""
        from photpipe.astromatic.plates import together

        limit = self.workspace.settings.registration.max_field_separation_deg
        regions = together(list(self.plates.values()), limit)
        main = max(regions, key=lambda plates: sum(each.pixels.size for each in plates), default=[])
        for plates in regions:
            if plates is not main:
                self._set_aside(plates, limit)
        yield from together(main, 2 * LARGEST_MARGIN_DEG)

    def _set_aside(self, plates: Sequence["Plate"], limit_deg: float) -> None:
        for plate in plates:
            cone = plate.cone
            self.failures[plate.frame] = (
                f"set aside: its field (RA {cone.ra_deg:.3f}, Dec {cone.dec_deg:+.3f}) lies more "
                f"than {limit_deg:g} deg from the others; register it by itself"
            )

    # -- solving

    def solve(self, plates: Sequence["Plate"]) -> None:
        """Register the frames of one field with one catalog after the other."""
        from photpipe.astromatic.solver import Solver

        solver = Solver(self.workspace.settings, self.workspace.jobs)
        complaints: dict[str, list[str]] = {plate.frame: [] for plate in plates}
        for name in self._catalogs(plates):
            pending = solver.pending(plates)
            solver.forget(pending)
            try:
                if pending:
                    self._solve_with(name, pending, solver)
            except (ServiceError, ReductionError) as error:
                log.warning("%s", error)
                for plate in solver.unseeded(pending):
                    solver.complain(plate, str(error))
            for plate in pending:
                if plate.frame in solver.solved:
                    self.solved[plate.frame] = name, solver.solved[plate.frame]
                else:
                    complaints[plate.frame].append(solver.complaints.get(plate.frame, ""))
        for plate in solver.pending(plates):
            self.failures[plate.frame] = _why_not(complaints[plate.frame])
        self.report = max(self.report, solver.report, key=lambda each: each[0])

    def _solve_with(self, name: str, plates: Sequence["Plate"], solver: "Solver") -> None:
        """Register what can be registered with one catalog: near the headers, then far from them.

        Raises
        ------
        ServiceError, ReductionError
            If the catalog cannot be had, or has too few stars.
        """
        from photpipe.astromatic.plates import covering

        margin_deg = min(
            max(plates[0].pointing_error_arcmin / 60, SMALLEST_MARGIN_DEG), LARGEST_MARGIN_DEG
        )
        cones = [plate.cone for plate in plates]
        chart = self._chart(name, plates, covering(cones, margin_deg))
        solver.seed(plates, chart, margin_deg)
        solver.ask_scamp(plates, chart)
        self._polish(plates, chart, solver)
        lost = solver.unseeded(plates)
        if not lost or self.workspace.settings.registration.repeat_registrations < 2:
            return
        wide_deg = max(WIDE_DEG, lost[0].pointing_error_arcmin / 60)
        log.info("%d frames are looked for within %.1f deg in %s", len(lost), wide_deg, name)
        wide = covering([plate.cone for plate in lost], wide_deg)
        solver.seed(lost, self._chart(name, lost, wide, sparse=True), wide_deg)
        found = solver.seeded(lost)
        if found:
            near = solver.whereabouts(found, NEAR_DEG)
            self._polish(found, self._chart(name, found, near), solver)

    def _polish(self, plates: Sequence["Plate"], chart: "Chart", solver: "Solver") -> None:
        """Refine seeded frames, the weak ones again and more finely."""
        from photpipe.astromatic.solver import FINENESS

        solver.refine(plates, chart)
        if self.workspace.settings.registration.repeat_registrations > 1:
            solver.refine(plates, chart, FINENESS)
        solver.settle(plates, chart)

    def compare(self, plates: Sequence["Plate"]) -> None:
        """Judge the WCS of the headers by the first catalog that can be had."""
        from photpipe.astromatic.plates import Solved, covering

        complaints: dict[str, list[str]] = {plate.frame: [] for plate in plates}
        cone = covering([plate.cone for plate in plates], NEAR_DEG)
        for name in self._catalogs(plates):
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
                found = Solved(plate, plate.wcs, chart.check(plate, plate.wcs), "header", "kept")
                if found.objection:
                    complaints[plate.frame].append(found.objection)
                else:
                    self.solved[plate.frame] = name, found
        for plate in plates:
            if plate.frame not in self.solved:
                reason = "; ".join(dict.fromkeys(complaints[plate.frame]))
                self.failures[plate.frame] = (
                    f"the WCS of the header does not fit the stars: {reason}; run without -keep_wcs"
                )

    def _catalogs(self, plates: Sequence["Plate"]) -> list[str]:
        """Names of the catalogs to try, in order."""
        if self.options.cat:
            return [self.options.cat]
        telescopes = [self.frames[plate.frame].telescope for plate in plates]
        return list({name: None for each in telescopes for name in each.astrometry_catalogs})

    def _chart(
        self, name: str, plates: Sequence["Plate"], cone: "Cone", *, sparse: bool = False
    ) -> "Chart":
        """Reference stars of a patch of sky at the epoch of the frames.

        Their number follows from that of the sources; the brightest come first.

        Raises
        ------
        ServiceError
            If the catalog cannot be had.
        ReductionError
            If it has too few stars there.
        """
        import numpy as np

        from photpipe.astromatic.plates import Chart
        from photpipe.services.reference import fetch_catalog

        settings = self.workspace.settings
        per_frame = (
            WIDE_STARS_PER_FRAME
            if sparse
            else DEEP_STARS_PER_SOURCE * max(each.pixels.size for each in plates)
        )
        area_deg2 = min(each.area_deg2 for each in plates)
        rows = max(per_frame * math.pi * cone.radius_deg**2 / area_deg2, FEWEST_ROWS)
        rows = min(_rounded_up(rows), settings.services.row_limit)
        epoch_jd = float(np.median([each.midtime_jd for each in plates]))
        stars = fetch_catalog(name, cone, settings, epoch_jd=epoch_jd, row_limit=rows)
        stars = stars.for_registration()
        least = settings.registration.min_sources_astrometric_catalog
        if len(stars) < least:
            raise ReductionError(f"{name} has {len(stars)} stars in {cone}; {least} are needed")
        log.info("%s: %d stars in %s", name, len(stars), cone)
        chart = Chart(stars, cone)
        self.charts.setdefault(name, []).append(chart)
        return chart

    # -- what is written

    def finish(self, paths: Sequence[Path]) -> RegisterResult:
        """Write headers, lists and tables; the result."""
        rows = self.workspace.map_frames(self._registered, paths, "write")
        done = {each.frame: each for each in rows if isinstance(each, RegisteredFrame)}
        names = [path.name for path in paths]
        result = RegisterResult(
            tuple(done[name] for name in names if name in done),
            tuple(FrameFailure(name, self.failures[name]) for name in names if name not in done),
            tuple(self.charts),
        )
        self._write_files(result)
        for each in result.frames:
            log.info(
                "%s: registered with %s: %d stars, rms %.3f arcsec, contrasts %.1f %.1f (%s, %s)",
                *(each.frame, each.catalog, each.matched, each.rms_arcsec),
                *(each.as_contrast, each.xy_contrast, each.seed, each.fit),
            )
        self.workspace.save(result)
        return result

    def _registered(self, path: Path) -> RegisteredFrame | None:
        """Write the outcome into the header of a frame; None if it is not registered."""
        from photpipe import registration
        from photpipe.fitsfile import update_header

        name = path.name
        try:
            if name in self.solved:
                catalog, solved = self.solved[name]
                row = _row(catalog, solved)
                changes = registration.changes_of(self.frames[name], row, solved.wcs)
                update_header(path, changes)
                return row
            header = self.headers.get(name)
            if self.keeps and header is not None and registration.is_registered(header):
                if name in self.failures:
                    log.warning("%s: keeps its earlier WCS; now: %s", name, self.failures[name])
                return registration.earlier(name, header)
            update_header(path, registration.changes_of_failure())
        except PhotPipeError as error:
            self.failures.setdefault(name, str(error).removeprefix(f"{name}: "))
        return None

    def _write_files(self, result: RegisterResult) -> None:
        """Write lists, tables, reference stars and SCAMP's report."""
        from photpipe.files import write_bytes, write_text

        directory = self.workspace.directory
        lists = {
            SUCCEEDED: [each.frame for each in result.frames],
            FAILED: [each.frame for each in result.failed],
        }
        for name, frames in lists.items():
            write_text(directory / name, "".join(f"{frame}\n" for frame in frames))
        write_text(directory / BEST, _best_table(result))
        if self.report[1]:
            write_bytes(directory / REPORT, self.report[1])
        for name, charts in self.charts.items():
            _joined(charts).write_ldac(directory / f"{name}.cat")


def _starting_wcs(frame: "Frame", workspace: Workspace) -> dict[str, float | str]:
    """WCS that a frame starts from: its own, or one made from the pointing.

    Where the header has no pointing either, the frame is taken to show its target.

    Raises
    ------
    HeaderError
        If nothing tells where the frame looked.
    """
    from photpipe.errors import HeaderError
    from photpipe.science.wcs_seed import seed_wcs
    from photpipe.services import horizons
    from photpipe.wcscards import standard_wcs

    try:
        return dict(standard_wcs(frame.header, frame.shape, frame.name))
    except HeaderError as no_wcs:
        try:
            pointing = frame.pointing()
        except HeaderError as error:
            target, code = frame.object_name, frame.telescope.observatory_code
            try:
                seen = horizons.positions(target, [frame.midtime_jd], code, workspace.settings)
            except ServiceError as unknown:
                advice = f"no pointing, and no position of the target ({unknown})"
                raise HeaderError(
                    frame.name, error.keyword, f"{advice}; give -ra and -dec to pp_prepare"
                ) from no_wcs
            pointing = float(seen.ra_deg[0]), float(seen.dec_deg[0])
            log.info("%s: no pointing; the position of %s is taken", frame.name, seen.name)
        seed = seed_wcs(frame.shape, pointing, frame.pixel_scale_arcsec, frame.orientation)
        return seed.cards()


def _why_not(complaints: Sequence[str]) -> str:
    """Reason of a failure in one line."""
    reasons = "; ".join(dict.fromkeys(each for each in complaints if each))
    return (
        f"not registered: {reasons or 'no catalog'}; clouds, a wrong pointing (give -ra and -dec "
        "to pp_prepare) or a wrong pixel scale may be why, else try -cat or another -snr"
    )


def _rounded_up(number: float) -> int:
    """Next number of two digits and zeros: equal requests are served from the cache."""
    step = 10.0 ** max(int(math.log10(number)) - 1, 0)
    return int(math.ceil(number / step) * step)


def _row(catalog: str, solved: "Solved") -> RegisteredFrame:
    """Result of a registered frame."""
    from photpipe import sky

    plate, check, scamp = solved.plate, solved.check, solved.scamp
    ra, dec = check.middle_deg
    offset_deg = sky.separation_deg(plate.cone.ra_deg, plate.cone.dec_deg, ra, dec)
    terms = sum(key.startswith("PV1_") for key in solved.wcs)
    return RegisteredFrame(
        frame=plate.frame,
        catalog=catalog,
        seed=solved.seed,
        fit=solved.fit,
        as_contrast=scamp.as_contrast if scamp else math.nan,
        xy_contrast=scamp.xy_contrast if scamp else math.nan,
        detections=check.detections,
        references=check.references,
        matched=check.matched,
        expected=check.expected,
        surprise_nats=check.surprise_nats,
        rms_arcsec=check.rms_arcsec,
        region_arcsec=check.region_arcsec,
        ra_deg=ra,
        dec_deg=dec,
        offset_arcsec=float(offset_deg) * sky.ARCSEC_PER_DEG,
        pixel_scale_arcsec=check.scale_arcsec,
        scale_error=check.scale_arcsec / plate.scale_arcsec - 1,
        rotation_deg=check.rotation_deg,
        mirrored=check.mirrored,
        degree=1 if terms == 0 else 2 if terms <= 6 else 3,
        sigma_arcsec=scamp.sigma_arcsec if scamp else (check.rms_arcsec, check.rms_arcsec),
        chi2=scamp.chi2 if scamp else math.nan,
    )


def _best_table(result: RegisterResult) -> str:
    """Registered frames, the best first."""
    lines = ["# frame catalog as_contrast xy_contrast stars rms_arcsec scale_arcsec\n"]
    for each in sorted(result.frames, key=lambda row: row.rms_arcsec):
        lines.append(
            f"{each.frame} {each.catalog} {each.as_contrast:.1f} {each.xy_contrast:.1f} "
            f"{each.matched} {each.rms_arcsec:.4f} {each.pixel_scale_arcsec:.5f}\n"
        )
    return "".join(lines)


def _joined(charts: Sequence["Chart"]) -> "SourceTable":
    """Reference stars of several patches of sky, each star once."""
    from dataclasses import replace

    import numpy as np
    from astropy.table import vstack

    tables = [chart.stars for chart in charts]
    if len(tables) == 1:
        return tables[0]
    data = vstack([table.data for table in tables], metadata_conflicts="silent")
    places = np.stack([np.asarray(data[name], float) for name in ("ra_deg", "dec_deg")], axis=-1)
    _, first = np.unique(np.round(places, 7), axis=0, return_index=True)
    return replace(tables[0], data=data[np.sort(first)])


COMMAND = cli.Command(
    name="pp_register",
    summary="Register images astrometrically with SCAMP and reference catalogs.",
    stage=register,
    options_class=RegisterOptions,
    takes=("snr", "minarea", "cat", "source_tolerance", "nodeblending"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run pp_register; returns the exit status."""
    return cli.run(COMMAND, argv)


if __name__ == "__main__":
    raise SystemExit(main())
