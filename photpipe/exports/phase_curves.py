"""From the photometry of several nights to absolute magnitude and slope."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photpipe.exports import nights
from photpipe.ground import files
from photpipe.ground.errors import ReductionError
from photpipe.run import kinds
from photpipe.run.options import TARGET, Option
from photpipe.run.results import PhaseCurveFit, PhaseCurveResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.science.phasecurve import Levels, PhaseCurve

log = logging.getLogger("pptool_phasecurve")


@dataclass(frozen=True, slots=True)
class PhaseCurveOptions:
    """What the user may say."""

    target: str | None = TARGET.field(None)
    period: float | None = Option(
        "rotation period in hours, to take the rotation out", kinds.positive, "H"
    ).field(None)


def phasecurve(
    paths: Sequence[Path], options: PhaseCurveOptions, workspace: Workspace
) -> PhaseCurveResult:
    """Join the nights, take the rotation out, fit all systems.

    Reads ``photometry_<target>.ecsv`` files of any directories. Writes
    ``phasecurve_<target>.ecsv`` and ``.csv`` (one row per night) and ``phasecurve_<target>.html``
    into the current directory.

    Raises
    ------
    ConfigError
        If the files are of different objects and no ``-target`` says that they are one.
    ReductionError
        If no point has a phase angle.
    """
    import numpy as np
    from astropy.table import vstack

    from photpipe.report import phasecurve as page

    target, points, failed, _ = nights.joined(paths, options.target)
    points = [point for point in points if np.isfinite(point.zeropoint)]
    if not points:
        raise ReductionError(f"{target}: all magnitudes are instrumental; calibrate them first")
    table = nights.corrected(target, points, workspace)
    table = table[np.isfinite(table["phase_deg"]) & np.isfinite(table["r_au"])]
    if not len(table):
        raise ReductionError(f"{target}: no phase angles without an ephemeris; see -offline")
    bands = [
        _fitted(str(band), table[table["band"] == band], options)
        for band in sorted(set(table["band"]))
    ]
    rows = vstack([each.rows for each in bands], metadata_conflicts="silent")
    text = page.render_page(target, bands, options.period)
    stem = f"phasecurve_{files.slug(target)}"
    return PhaseCurveResult(
        target=target,
        nights=len(rows),
        period_h=options.period or float("nan"),
        fits=tuple(each for band in bands for each in band.results()),
        files=tuple(nights.write(workspace.directory, stem, rows, text)),
        failed=failed,
    )


def _fitted(band: str, table: "Table", options: PhaseCurveOptions) -> "BandCurves":
    """Levels of the nights of one band, and all systems fitted to them."""
    import numpy as np

    from photpipe.science import phasecurve as science

    names = ("light_time_jd", "reduced_mag", "sig", "phase_deg")
    time_d, mag, sig, phase_deg = (np.asarray(table[name].data, float) for name in names)
    session = np.asarray(table["session"].data, np.int64)
    levels = science.levels(time_d, mag, sig, phase_deg, session, options.period)
    curves = sorted(
        (science.fit(levels, system) for system in science.SYSTEMS.values()),
        key=lambda curve: -curve.log_evidence,
    )
    found = BandCurves(band, levels, curves, _rows(band, table, levels, curves[0]))
    found.tell()
    return found


def _rows(band: str, table: "Table", levels: "Levels", curve: "PhaseCurve") -> "Table":
    """One row per night: when, how bright, how far from the curve."""
    import numpy as np
    from astropy.table import Table

    rows = Table(meta={"target": table.meta["target"], "time_scale": "UTC"})
    sessions = [table[table["session"] == each] for each in np.unique(table["session"])]
    rows["midtime_jd"] = [float(np.mean(each["midtime_jd"])) for each in sessions]
    rows["band"] = [band] * len(sessions)
    rows["telescope"] = [str(each["telescope"][0]) for each in sessions]
    rows["points"] = [len(each) for each in sessions]
    rows["phase_deg"] = levels.phase_deg
    rows["reduced_mag"] = levels.mag
    rows["sig"] = levels.sig
    rows["residual_mag"] = levels.mag - curve.curve(levels.phase_deg)
    units = {"midtime_jd": "d", "phase_deg": "deg", "reduced_mag": "mag", "sig": "mag"}
    for name, unit in (units | {"residual_mag": "mag"}).items():
        rows[name].unit = unit
    return rows


@dataclass(frozen=True, slots=True)
class BandCurves:
    """The nights of one band and their curves, the most probable first."""

    band: str
    levels: "Levels"
    curves: "list[PhaseCurve]"
    rows: "Table"

    def probabilities(self) -> list[float]:
        """Of each system, those tried being as probable beforehand."""
        import numpy as np

        evidence = np.array([each.log_evidence for each in self.curves])
        weight = np.exp(evidence - evidence.max())
        values: list[float] = (weight / weight.sum()).tolist()
        return values

    def results(self) -> list[PhaseCurveFit]:
        """The curves as results of the command."""
        from photpipe.science import phasecurve as science

        return [
            PhaseCurveFit(
                band=self.band,
                system=curve.system,
                h_mag=curve.h_mag,
                h_sig=curve.h_sig,
                slopes=curve.slopes,
                slope_sigs=curve.slope_sigs,
                scatter_mag=curve.scatter_mag,
                probability=probability,
                cautions=tuple(science.cautions(self.levels, curve)),
            )
            for curve, probability in zip(self.curves, self.probabilities(), strict=True)
        ]

    def tell(self) -> None:
        """All systems, one line each; then what to know of the most probable one."""
        from photpipe.science import phasecurve as science

        count, levels = len(self.levels.mag), self.levels
        nights_told = f"{count} night{'s' * (count > 1)}"
        rotation = "rotation not taken out (no -period)"
        if levels.order:
            rotation = f"rotation of {levels.amplitude_mag:.2f} mag taken out"
        log.info("%s: %s, %s", self.band, nights_told, rotation)
        for curve, probability in zip(self.curves, self.probabilities(), strict=True):
            log.info("%s: %s (%.0f %%)", self.band, science.told(curve), 100 * probability)
        for caution in science.cautions(levels, self.curves[0]):
            log.warning("%s, %s: %s", self.band, self.curves[0].system, caution)
