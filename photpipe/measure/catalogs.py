"""The catalogs of a series: which of them an earlier run has measured, and which are extracted.

The saturation level of a frame depends on its night. A frame that comes to a night leaves the level
of the others alone, or all of them are measured again.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.ground.errors import PhotPipeError
from photpipe.ground.log import FRAME
from photpipe.measure import memory
from photpipe.measure.extract import ExtractOptions, ceilings_of, extract, wanted
from photpipe.measure.memory import Circumstances, KeptFrame, PhotometryMemory, Recollection
from photpipe.run.results import ExtractResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from photpipe.astromatic.extraction import Extraction
    from photpipe.instruments.frames import Frame
    from photpipe.instruments.telescope import Telescope
    from photpipe.measure.apertures import TargetPosition
    from photpipe.measure.stage import PhotometryOptions
    from photpipe.science.saturation import Ceilings, NightPixels

log = logging.getLogger("pp_photometry")


@dataclass(slots=True)
class Catalogs:
    """Frames, what is asked about them, and what of it is known.

    Parameters
    ----------
    frames : sequence of Frame
        All frames of the series.
    targets : dict
        Predicted positions of their targets.
    options : ExtractOptions
        What is extracted of each.
    before : Recollection
        What an earlier run has measured.
    night : NightPixels or None
        Brightest pixels of all frames; None if they were not looked at.
    psf : (str, int, float)
        A typical frame, an aperture, and how the stars differ from its PSF.
    """

    frames: "Sequence[Frame]"
    targets: "dict[Path, TargetPosition]"
    options: ExtractOptions
    workspace: Workspace
    before: Recollection
    night: "NightPixels | None" = None
    psf: tuple[str, int, float] = ("", -1, math.nan)

    @classmethod
    def of(
        cls,
        frames: "Sequence[Frame]",
        targets: "dict[Path, TargetPosition]",
        options: "PhotometryOptions",
        workspace: Workspace,
    ) -> "Catalogs":
        """Those of frames of one telescope."""
        from photpipe.measure.stage import extraction_options

        asked = extraction_options(frames[0], options, workspace)
        telescope = frames[0].telescope
        told = asdict(options), asdict(workspace.settings.photometry)
        key = workspace.key_of(
            told, telescope.keyword, sorted(telescope.parameters.items(), key=str)
        )
        before = Recollection.of(key, frames, wanted(frames[0], asked), targets, workspace)
        return cls(frames, targets, asked, workspace, before, psf=before.psf)

    @property
    def _extraction(self) -> "Extraction":
        return wanted(self.frames[0], self.options)

    @property
    def kept(self) -> dict[str, KeptFrame]:
        """Frames that are taken as an earlier run has measured them."""
        return self.before.frames

    def extracted(self) -> ExtractResult:
        """Catalogs with all apertures of the frames that no earlier run has measured."""
        ceilings = self._ceilings() if self.kept else None
        if ceilings and ceilings.of_night != self.before.night.ceiling():
            log.info("the saturation level of the night has changed: measuring all frames again")
            self.kept.clear()
            ceilings = None
        if self.kept:
            log.info("%d frames are as they were measured", len(self.kept), extra=FRAME)
        paths = [each.path for each in self.frames if each.name not in self.kept]
        result = extract(paths, self.options, self.workspace, tells_gain=False, ceilings=ceilings)
        if ceilings:
            self.night = ceilings.night
        else:
            names = {each.name for each in self.frames}
            seen = self.workspace.nights.items()
            self.night = next((night for known, night in seen if known >= names), None)
        return result

    def _ceilings(self) -> "Ceilings":
        """Where the pixels of new frames end, in a night with those that are known."""
        if self.before.night.frames == self.kept.keys():
            new = [each.path for each in self.frames if each.name not in self.kept]
            return ceilings_of(new, self._telescope, self.workspace, self.before.night)
        return ceilings_of([each.path for each in self.frames], self._telescope, self.workspace)

    @property
    def _telescope(self) -> "Telescope | None":
        from photpipe.instruments import telescopes

        return telescopes.by_keyword(self.options.telescope) if self.options.telescope else None

    def is_final(self, name: str, aperture_index: int, with_psf: bool) -> bool:
        """Whether the catalog of a frame is the one that is wanted, or can still become it."""
        kept = self.kept.get(name)
        return kept is None or (kept.aperture_index, kept.with_psf) == (aperture_index, with_psf)

    def make_raw(self, frames: "Sequence[Frame]") -> None:
        """Extract frames again whose catalogs are final ones."""
        paths = [each.path for each in frames if self.kept.pop(each.name, None)]
        if paths:
            ceilings = ceilings_of(paths, self._telescope, self.workspace, self.night)
            extract(paths, self.options, self.workspace, tells_gain=False, ceilings=ceilings)

    def psf_error(self, name: str, aperture_index: int) -> float:
        """How the stars of a frame that is taken differ from its PSF; NaN if it is not known."""
        same = name in self.kept and self.psf[:2] == (name, aperture_index)
        return self.psf[2] if same else math.nan

    def question(self, frame: "Frame") -> Circumstances | None:
        """What decided how a frame was measured, once that is done; None if nothing is kept."""
        if not self.before.key:
            return None
        try:
            return Circumstances.of(frame, self._extraction, self.targets.get(frame.path))
        except (OSError, PhotPipeError):
            return None

    def keep(self, kept: Sequence[KeptFrame]) -> None:
        """Keep what was measured for the next run."""
        memory.keep(
            PhotometryMemory(self.before.key, tuple(kept), *self.psf), self.night, self.workspace
        )
