"""Register images astrometrically with SCAMP and catalogs of reference stars."""

import contextlib
import functools
import importlib
import logging
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from photpipe.ground.errors import HeaderError, PhotPipeError
from photpipe.ground.log import FRAME
from photpipe.run import kinds
from photpipe.run.options import CAT, MINAREA, NODEBLENDING, SNR, TELESCOPE, Option
from photpipe.run.results import FrameFailure, RegisteredFrame, RegisterResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.catalogs.columns import SourceColumns
    from photpipe.instruments.frames import Frame
    from photpipe.instruments.telescope import Telescope
    from photpipe.measure.extract import ExtractOptions
    from photpipe.register.blind import Place
    from photpipe.register.campaign import Campaign
    from photpipe.register.plates import Plate, Solved

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

log = logging.getLogger("pp_register")

SUCCEEDED, FAILED = "registration_succeeded.lst", "registration_failed.lst"
BEST, REPORT = "best_astrometry.dat", "astrometry_scamp.xml"

TOLERANCES = ("none", "low", "medium", "high")
# above a lower threshold more sources touch each other
BLENDS_TOLERATED = ("medium", "high")
# where pixels are larger, what touches a star moves its position (0.2 arcsec at 5 arcsec a pixel)
LARGEST_PIXEL_ARCSEC = 3.0


@dataclass(frozen=True, slots=True)
class RegisterOptions:
    """What the user may say."""

    snr: float | None = SNR.field(None)
    minarea: int | None = MINAREA.field(None)
    cat: str | None = CAT.field(None, in_run="regcat")
    source_tolerance: str | None = Option(
        "flagged sources that may enter the registration",
        kinds.text,
        choices=TOLERANCES,
        otherwise="that of the telescope",
    ).field(None)
    nodeblending: bool = NODEBLENDING.field(False)
    telescope: str | None = TELESCOPE.field(None)
    only_failed: bool = False
    asks_horizons: bool = True


def register(
    paths: Sequence[Path],
    options: RegisterOptions,
    workspace: Workspace,
    extraction: "ExtractOptions | None" = None,
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
    extraction : ExtractOptions, optional
        What a later stage wants extracted: where that holds all sources that are needed here,
        one extraction serves both.

    Raises
    ------
    ToolError
        If Source Extractor or SCAMP is not installed.
    ConfigError
        If the telescope or the catalog is unknown.
    """
    from photpipe.astromatic import tool

    tool.find(tool.SCAMP)
    run = _Run(options, workspace, extraction=extraction)
    for plates in run.fields(paths):
        run.campaign.solve(plates)
        run.look_elsewhere(plates)
    return run.finish(paths)


def verify(
    paths: Sequence[Path],
    options: RegisterOptions,
    workspace: Workspace,
    extraction: "ExtractOptions | None" = None,
) -> RegisterResult:
    """Compare the WCS that frames have with catalog stars, instead of registering them.

    **Reads**, **writes** and takes as `register`; the WCS of the headers stays as it is.

    Raises
    ------
    ToolError
        If Source Extractor is not installed.
    ConfigError
        If the telescope or the catalog is unknown.
    """
    run = _Run(options, workspace, keeps=False, extraction=extraction)
    for plates in run.fields(paths):
        run.campaign.compare(plates)
    return run.finish(paths)


class _Run:
    """One call of the stage: its frames, and what becomes of each."""

    def __init__(
        self,
        options: RegisterOptions,
        workspace: Workspace,
        *,
        keeps: bool = True,
        extraction: "ExtractOptions | None" = None,
    ) -> None:
        from photpipe.instruments import telescopes

        if options.cat:
            from photpipe.services.reference import check_catalog

            check_catalog(options.cat, workspace.settings)
        self.options, self.workspace, self.keeps = options, workspace, keeps
        self.has_earlier = False
        self.extraction = extraction
        self.deeper: dict[str, float] = {}
        self.widths: dict[str, float] = {}
        self.telescope = telescopes.by_keyword(options.telescope) if options.telescope else None
        self.failures: dict[str, str] = {}
        self.frames: dict[str, Frame] = {}
        self.unknown: set[str] = set()  # names without a position

    @functools.cached_property
    def campaign(self) -> "Campaign":
        """The attempt to register the frames, once their sources are extracted."""
        from photpipe.register.campaign import Campaign

        return Campaign(
            self.workspace.settings,
            self.workspace.jobs,
            self.options.cat,
            failures=self.failures,
            places_of=self._target_places,
        )

    def fields(self, paths: Sequence[Path]) -> Iterator[list["Plate"]]:
        """Extract the sources; frames that share a patch of sky, those far away set aside."""
        from photpipe.instruments.frames import Frame
        from photpipe.register.registration import is_registered

        read = self._survivors(lambda path: Frame.prepared(path, self.telescope), paths, "read")
        self.frames = {frame.name: frame for frame in read}
        done = [each for each in read if self.options.only_failed and is_registered(each.header)]
        self.has_earlier = bool(done)
        with _imported_meanwhile("photpipe.register.campaign"):
            extracted = self._extracted([frame for frame in read if frame not in done])
        from photpipe.register.campaign import LARGEST_MARGIN_DEG
        from photpipe.register.plates import together

        every = self._survivors(self._plate, extracted, "sources")
        lost = [plate for plate in every if plate.is_lost]
        plates = [plate for plate in every if not plate.is_lost]
        limit = self.workspace.settings.registration.max_field_separation_deg
        regions = together(plates, limit)
        main = max(regions, key=lambda region: sum(each.pixels.size for each in region), default=[])
        for plate in plates:
            if not any(plate is each for each in main):
                self.failures[plate.frame] = (
                    f"set aside: its field ({plate.cone}) lies more than {limit:g} deg from the "
                    "others; register it separately"
                )
        yield from together(main, 2 * LARGEST_MARGIN_DEG)
        if lost:
            yield lost

    def look_elsewhere(self, plates: Sequence["Plate"]) -> None:
        """Look for the frames that were not found where else their headers or targets say."""
        from photpipe.instruments.cameras.camera import GUESSED_SCALE_FACTOR

        lost = [each for each in plates if each.frame not in self.campaign.solved]
        if any(each.scale_factor > GUESSED_SCALE_FACTOR for each in lost):
            return  # of unknown size: they were looked for at all places already
        tried = [each.cone for each in lost[:1]]
        for place in self._target_places(lost) if lost else ():
            where = (place.ra_deg, place.dec_deg)
            if not self._may_be_moved(lost) or any(cone.contains(*where) for cone in tried):
                continue
            moved = [self._at(each, where) for each in lost]
            log.info("searching for %d frames at %s", len(moved), place.origin)
            tried.append(moved[0].cone)
            self.campaign.solve(moved)
            lost = [each for each in lost if each.frame not in self.campaign.solved]
        for name in self.campaign.solved:
            self.failures.pop(name, None)

    def _may_be_moved(self, lost: Sequence["Plate"]) -> bool:
        """Whether the pointing of frames is only one of several: those of an entry are trusted."""
        from photpipe.instruments.cameras.camera import is_camera

        return any(is_camera(self.frames[each.frame].telescope.keyword) for each in lost)

    def _at(self, plate: "Plate", where: tuple[float, float]) -> "Plate":
        """The plate with its starting WCS at another place."""
        from photpipe.register.plates import cone_of
        from photpipe.science.wcs_seed import seed_wcs

        frame = self.frames[plate.frame]
        wcs = seed_wcs(frame.shape, where, frame.pixel_scale_arcsec, frame.orientation).cards()
        return replace(plate, wcs=wcs, cone=cone_of(wcs, plate.shape), is_lost=False)

    def _target_places(self, plates: Sequence["Plate"]) -> "Sequence[Place]":
        """Where the headers say that frames lie, too, and where their targets were."""
        from photpipe.instruments.cameras import camera, reader
        from photpipe.register.blind import Place, target_places

        frames = [self.frames[plate.frame] for plate in plates]
        told = {
            pointing.value: Place(*pointing.value, pointing.origin)
            for frame in frames
            if camera.is_camera(frame.telescope.keyword)
            for pointing in reader.read(frame.header).pointings
        }
        known: Sequence[Place] = ()
        if self.options.asks_horizons:
            known = target_places(frames, self.workspace.settings, self.unknown)
        return [*known, *told.values()]

    def _survivors(
        self, function: Callable[[Item], Outcome], items: Sequence[Item], label: str
    ) -> list[Outcome]:
        """Outcomes of a function for many items; failures are remembered and left out."""
        done, failed = self.workspace.map_frames(function, items, label)
        self.failures |= {each.frame: each.reason for each in failed}
        return done

    def _extracted(self, frames: Sequence["Frame"]) -> list["Frame"]:
        """Run pp_extract with the thresholds of each telescope; the frames that have sources."""
        from photpipe.measure.extract import extract

        failed: set[str] = set()
        for keyword in {frame.telescope.keyword: None for frame in frames}:
            mine = [each for each in frames if each.telescope.keyword == keyword]
            result = extract(
                [each.path for each in mine],
                self._wanted(mine[0]),
                self.workspace,
                tells_gain=False,
            )
            self.widths |= {each.frame: each.fwhm_px for each in result.frames}
            failed |= {each.frame for each in result.failed}
            self.failures |= {each.frame: each.reason for each in result.failed}
        return [frame for frame in frames if frame.name not in failed]

    def _wanted(self, frame: "Frame") -> "ExtractOptions":
        """What is extracted of frames like this one: what another stage wants if that does."""
        from photpipe.measure.extract import ExtractOptions

        telescope = frame.telescope
        wanted = ExtractOptions(
            snr=self.options.snr or telescope.source_snr,
            minarea=self.options.minarea or telescope.source_minarea,
            telescope=self.options.telescope,
            nodeblending=self.options.nodeblending,
        )
        shared = self.extraction
        if (
            shared is None
            or shared.snr > wanted.snr
            or shared.minarea > wanted.minarea
            or shared.nodeblending != wanted.nodeblending
            or self._tolerance(telescope) not in BLENDS_TOLERATED
            or not _is_well_sampled(frame)
        ):
            return wanted
        self.deeper[telescope.keyword] = wanted.snr / shared.snr
        return shared

    def _tolerance(self, telescope: "Telescope") -> str:
        """Which flagged sources may enter the registration."""
        return self.options.source_tolerance or telescope.source_tolerance

    def _enough(self, frame: "Frame", catalog: "SourceColumns") -> "SourceColumns":
        """Sources that lie above the threshold of the registration."""
        import numpy as np

        from photpipe.science.detection import found_above

        ratio = self.deeper.get(frame.telescope.keyword, 1.0)
        minarea = self.options.minarea or frame.telescope.source_minarea
        area_px = np.asarray(catalog["ISOAREA_IMAGE"], float)
        return catalog.rows(found_above(area_px, self.widths[frame.name], ratio, minarea))

    def _plate(self, frame: "Frame") -> "Plate":
        """Plate of a frame whose sources are extracted.

        Raises
        ------
        PhotPipeError
            Why it has none.
        """
        from photpipe.catalogs.ldac import read_ldac_columns
        from photpipe.register.campaign import starting_wcs
        from photpipe.register.plates import SOURCE_COLUMNS, Plate
        from photpipe.science import fewstars
        from photpipe.science.flags import TOLERANCE_MASKS

        catalog = read_ldac_columns(frame.ldac_path, SOURCE_COLUMNS)
        if frame.telescope.keyword in self.deeper:
            catalog = self._enough(frame, catalog)
        least = fewstars.FEWEST_STARS - 1
        try:
            asks = self.options.asks_horizons
            wcs = starting_wcs(frame, self.workspace.settings, asks_horizons=asks)
        except HeaderError as error:
            log.warning("%s; searching the whole sky", error)
            wcs = None
        return Plate.of(
            frame, catalog, TOLERANCE_MASKS[self._tolerance(frame.telescope)], wcs, least
        )

    def finish(self, paths: Sequence[Path]) -> RegisterResult:
        """Write headers, lists and tables; the result."""
        rows, _ = self.workspace.map_frames(self._registered, paths, "write")
        done = {each.frame: each for each in rows if each is not None}
        names = [path.name for path in paths]
        result = RegisterResult(
            tuple(done[name] for name in names if name in done),
            tuple(FrameFailure(name, self.failures[name]) for name in names if name not in done),
            tuple(self.campaign.charts),
        )
        self._write_files(result)
        for each in result.frames:
            log.info(
                "%s: registered with %s: %d stars, rms %.3f arcsec%s (%s, %s)",
                *(each.frame, each.catalog, each.matched, each.rms_arcsec),
                *(_contrasts(each), each.seed, each.fit),
                extra=FRAME,
            )
        self.workspace.save(result)
        self._learn(result)
        return result

    def _learn(self, result: RegisterResult) -> None:
        """Remember what the solved frames of cameras without an entry taught."""
        from photpipe.ground.errors import ConfigError
        from photpipe.register.learning import learned

        solved = [
            (self.frames[each.frame], each)
            for each in result.frames
            if each.frame in self.campaign.solved
        ]
        try:
            for line in learned(solved):
                log.info("%s", line)
        except ConfigError as error:
            log.warning("%s", error)

    def _registered(self, path: Path) -> RegisteredFrame | None:
        """Write the outcome into the header of a frame; None if it is not registered."""
        from photpipe.fits.fitsfile import update_header
        from photpipe.register import registration

        name = path.name
        try:
            if name in self.campaign.solved:
                solved = self.campaign.solved[name]
                row = _row(solved)
                changes = registration.changes_of(self.frames[name], row, solved.wcs)
                update_header(path, changes)
                return row
            frame = self.frames.get(name)
            if self.keeps and frame is not None and registration.is_registered(frame.header):
                if name in self.failures:
                    self.failures[name] += "; it keeps its earlier WCS"
                    return None
                return registration.earlier(name, frame.header)
            update_header(path, registration.changes_of_failure())
        except PhotPipeError as error:
            self.failures.setdefault(name, str(error).removeprefix(f"{name}: "))
        return None

    def _write_files(self, result: RegisterResult) -> None:
        """Write lists, tables, reference stars and SCAMP's report."""
        from photpipe.fits.fitsfile import frame_errors
        from photpipe.ground.files import slug, write_bytes, write_text
        from photpipe.register.campaign import joined

        directory = self.workspace.directory
        lists = {
            SUCCEEDED: [each.frame for each in result.frames],
            FAILED: [each.frame for each in result.failed],
        }
        with frame_errors(directory):
            for name, frames in lists.items():
                write_text(directory / name, "".join(f"{frame}\n" for frame in frames))
            write_text(directory / BEST, _best_table(result))
            if self.campaign.report[1]:
                write_bytes(directory / REPORT, self.campaign.report[1])
            for name, charts in self.campaign.charts.items():
                path = directory / f"{slug(name)}.cat"
                joined(charts).write_ldac(path, adds=self.has_earlier)


@contextlib.contextmanager
def _imported_meanwhile(module: str) -> Iterator[None]:
    """Import a module beside a block that waits for tools: with scipy it takes half a second."""
    thread = threading.Thread(target=importlib.import_module, args=(module,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _is_well_sampled(frame: "Frame") -> bool:
    """Whether the pixels are known to be small enough for blends to leave positions alone."""
    try:
        return max(frame.pixel_scale_arcsec) <= LARGEST_PIXEL_ARCSEC
    except HeaderError:
        return False


def _row(solved: "Solved") -> RegisteredFrame:
    """Result of a registered frame."""
    from photpipe.ground import sky
    from photpipe.register.plates import degree_of

    plate, check, scamp = solved.plate, solved.check, solved.scamp
    ra, dec = check.middle_deg
    offset_deg = sky.separation_deg(plate.cone.ra_deg, plate.cone.dec_deg, ra, dec)
    return RegisteredFrame(
        frame=plate.frame,
        catalog=solved.chart.stars.name,
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
        degree=degree_of(solved.wcs),
        sigma_arcsec=scamp.sigma_arcsec if scamp else (check.rms_arcsec, check.rms_arcsec),
        chi2=scamp.chi2 if scamp else math.nan,
        chi2_internal=scamp.chi2_internal if scamp else math.nan,
        internal_arcsec=scamp.internal_arcsec if scamp else (math.nan, math.nan),
        flux_rms_mag=scamp.flux_rms_mag if scamp else math.nan,
    )


def _contrasts(row: RegisteredFrame) -> str:
    """SCAMP's contrasts; nothing where SCAMP had no part in it."""
    if not math.isfinite(row.as_contrast + row.xy_contrast):
        return ""
    return f", contrasts {row.as_contrast:.1f} {row.xy_contrast:.1f}"


def _best_table(result: RegisterResult) -> str:
    """Registered frames, the best first."""
    lines = ["# frame catalog as_contrast xy_contrast stars rms_arcsec scale_arcsec\n"]
    for each in sorted(result.frames, key=lambda row: row.rms_arcsec):
        lines.append(
            f"{each.frame} {each.catalog} {each.as_contrast:.1f} {each.xy_contrast:.1f} "
            f"{each.matched} {each.rms_arcsec:.4f} {each.pixel_scale_arcsec:.5f}\n"
        )
    return "".join(lines)
