"""Find and measure the sources of images with Source Extractor."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground import files
from photpipe.ground.errors import FrameError, PhotPipeError
from photpipe.ground.log import FRAME
from photpipe.run import kinds
from photpipe.run.options import MINAREA, NODEBLENDING, SNR, TELESCOPE, Option
from photpipe.run.results import ExtractedFrame, ExtractResult, FrameFailure
from photpipe.run.workspace import KeptCatalog, Workspace

if TYPE_CHECKING:
    from photpipe.astromatic.extraction import Extraction
    from photpipe.instruments.frames import Frame
    from photpipe.instruments.telescope import Telescope
    from photpipe.science.saturation import Ceilings, NightPixels

log = logging.getLogger("pp_extract")


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """What the user may say."""

    snr: float = SNR.field(1.5)
    minarea: int = MINAREA.field(3)
    paramfile: str | None = Option(
        "Source Extractor parameter file (output columns)", kinds.text, "FILE"
    ).field(None)
    aprad: tuple[float, ...] = Option(
        "aperture radii in pixels, separated by commas", kinds.radii, "PX"
    ).field(())
    ignore_saturation: bool = Option("do not flag saturated sources").field(False)
    nodeblending: bool = NODEBLENDING.field(False)
    telescope: str | None = TELESCOPE.field(None)


def extract(
    paths: Sequence[Path],
    options: ExtractOptions,
    workspace: Workspace,
    *,
    tells_gain: bool = True,
    ceilings: "Ceilings | None" = None,
) -> ExtractResult:
    """Extract the sources of frames, several frames at once.

    **Reads** the frames, prepared or not; they are not changed. **Writes** one catalog per
    frame, ``<stem>.ldac``, with the columns `photpipe.astromatic.extraction.COLUMNS`; where an
    extraction fails, no catalog remains. A catalog that another stage of the same run has
    extracted from these pixels with these settings is taken as it is.

    Parameters
    ----------
    paths : sequence of Path
        The frames.
    options : ExtractOptions
        What the user says.
    workspace : Workspace
        Settings, and how many frames are worked on side by side.
    tells_gain : bool
        Whether an unknown gain is warned of; a stage that finds one itself says so.
    ceilings : Ceilings, optional
        Where the pixels of the frames end, if there are others of their night.

    Raises
    ------
    ToolError
        If Source Extractor is not installed.
    ConfigError
        If the telescope is unknown or the parameter file cannot be used.
    """
    from photpipe.astromatic import sextractor, tool
    from photpipe.instruments import telescopes

    tool.find(tool.SOURCE_EXTRACTOR)
    telescope = telescopes.by_keyword(options.telescope) if options.telescope else None
    extra = sextractor.read_parameter_file(Path(options.paramfile)) if options.paramfile else ()
    owners = {path.with_suffix(".ldac"): path for path in reversed(paths)}
    unique = list(dict.fromkeys(paths))
    job = _Extraction(options, workspace, telescope, extra, owners)
    done: list[ExtractedFrame] = []
    failed: list[FrameFailure] = []
    if workspace.catalogs and ceilings is None:
        kept, failed = workspace.map_frames(job.kept, unique, "catalogs")
        done = [each for each in kept if each is not None]
    if len(done) < len(unique):
        if not options.ignore_saturation:
            job.ceilings = ceilings or ceilings_of(unique, telescope, workspace)
        done, failed = workspace.map_frames(job.extracted, unique, "extract")
    result = ExtractResult(tuple(done), tuple(failed))
    _report(result, tells_gain=tells_gain)
    return result


@dataclass(slots=True)
class _Extraction:
    """The extraction of frames: what is asked of each, and what of it is there already."""

    options: ExtractOptions
    workspace: Workspace
    telescope: "Telescope | None"
    extra: tuple[str, ...]
    owners: dict[Path, Path]
    ceilings: "Ceilings | None" = None

    def kept(self, path: Path) -> ExtractedFrame | None:
        """The catalog of a frame as an earlier stage has extracted it, if it is what is wanted."""
        from photpipe.astromatic import sextractor

        frame = self._frame(path)
        known = self._known(frame, sextractor.question(frame, self._wanted(frame)))
        return known.row if known else None

    def extracted(self, path: Path) -> ExtractedFrame:
        """The catalog of a frame."""
        from photpipe.astromatic import sextractor

        owner = self.owners[path.with_suffix(".ldac")]
        if owner != path:
            raise FrameError(
                path.name, f"its catalog would replace that of {owner.name}; rename it"
            )
        with _no_stale_catalog(path):
            frame = self._frame(path)
            asked = self._wanted(frame)
            question = sextractor.question(frame, asked)
            level_adu = sextractor.saturation_level(frame, self.ceilings)
            known = self._known(frame, question)
            if known is not None and known.saturation_adu == level_adu:
                return known.row
            timeout_s = self.workspace.settings.tools.timeout_s
            row = sextractor.extract_frame(frame, asked, timeout_s, level_adu)
            stamp = files.stamp(frame.ldac_path)
            known = KeptCatalog(question, level_adu, stamp, row)
            self.workspace.catalogs[frame.ldac_path] = known
            return row

    def _known(self, frame: "Frame", question: str) -> KeptCatalog | None:
        """What is known of a catalog that answers a question and is as it was left."""
        known = self.workspace.catalogs.get(frame.ldac_path)
        if known is None or known.question != question:
            return None
        with contextlib.suppress(OSError):
            return known if files.stamp(frame.ldac_path) == known.stamp else None
        return None

    def _frame(self, path: Path) -> "Frame":
        from photpipe.instruments.frames import Frame

        return Frame.read(path, self.telescope)

    def _wanted(self, frame: "Frame") -> "Extraction":
        return wanted(frame, self.options, self.extra)


def wanted(frame: "Frame", options: ExtractOptions, extra: tuple[str, ...] = ()) -> "Extraction":
    """What Source Extractor is asked about a frame; `extra` columns of a parameter file besides."""
    from photpipe.astromatic.extraction import Extraction

    return Extraction(
        snr=options.snr,
        minarea=options.minarea,
        radii_px=options.aprad or (frame.telescope.aprad_default,),
        ignore_saturation=options.ignore_saturation,
        deblend=not options.nodeblending,
        extra_columns=extra,
    )


def ceilings_of(
    paths: Sequence[Path],
    telescope: "Telescope | None",
    workspace: Workspace,
    before: "NightPixels | None" = None,
) -> "Ceilings":
    """Where the pixels end, frame by frame and in the night; frames that fail say nothing.

    Parameters
    ----------
    before : NightPixels, optional
        Those of other frames of the night.
    """
    from photpipe.instruments.frames import Frame
    from photpipe.measure.pixels import read_image
    from photpipe.science.saturation import BrightPixels, Ceilings

    def one(path: Path) -> tuple[str, BrightPixels]:
        return path.name, BrightPixels.of(read_image(Frame.read(path, telescope)))

    found, _ = workspace.map_frames(one, list(dict.fromkeys(paths)), "saturation")
    ceilings = Ceilings.of(dict(found), workspace.settings.photometry.nonlinear_adu, before)
    workspace.nights[ceilings.night.frames] = ceilings.night
    return ceilings


@contextlib.contextmanager
def _no_stale_catalog(path: Path) -> Iterator[None]:
    """Remove an older catalog of a frame that fails: it would be taken for the outcome."""
    try:
        yield
    except PhotPipeError:
        catalog = path.with_suffix(".ldac")
        if catalog != path:
            with contextlib.suppress(OSError):
                catalog.unlink()
        raise


def _report(result: ExtractResult, *, tells_gain: bool) -> None:
    """Say what came out of each frame."""
    for frame in result.frames:
        seeing = f"{frame.fwhm_px:.2f} px ({frame.fwhm_arcsec:.2f} arcsec)"
        log.info("%s: %d sources, seeing %s", frame.frame, frame.sources, seeing, extra=FRAME)
    unknown = sum(each.gain == 0 for each in result.frames)
    if unknown and tells_gain:
        log.warning(
            "no gain is known for %d of %d frames: errors do not include the photon noise of the "
            "sources; add a GAIN card or 'gain' to the telescope",
            unknown,
            result.done,
        )
