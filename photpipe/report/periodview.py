"""What the page of a period search needs to fold the light curve with any period by itself."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from photpipe.ground import files, timescale
from photpipe.ground.timescale import HOURS_PER_DAY
from photpipe.report import links as places
from photpipe.report.plotspec import rounded

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.science.period import PeriodSolution

MOST_OF_SCAN = 1500  # periods of the periodogram that the page carries


@dataclass(frozen=True, slots=True)
class PointLinks:
    """Where a point leads, relative to the page; empty where there is nothing.

    Parameters
    ----------
    frame, cutout, night : str
        Page of its frame, cut-out of the target, and main page of the night.
    """

    frame: str = ""
    cutout: str = ""
    night: str = ""


def point_links(photometry: Path, frame: str, page_folder: Path) -> PointLinks:
    """Links of a point from a page of another directory.

    Parameters
    ----------
    photometry : Path
        The file of photometry that has the point.
    frame : str
        File name of its frame.
    page_folder : Path
        Where the page is.
    """
    target = photometry.stem.removeprefix("photometry_")
    slug = files.slug(Path(frame).stem, "frame")
    pages = photometry.parent / places.FOLDER

    def link(path: Path) -> str:
        if not path.is_file():
            return ""
        return quote(os.fsencode(os.path.relpath(path.resolve(), page_folder.resolve())))

    return PointLinks(
        frame=link(pages / "frames" / f"{slug}.html"),
        cutout=link(pages / "cutouts" / f"{target}-{slug}.jpg"),
        night=link(photometry.parent / places.MAIN),
    )


def spec(
    table: "Table", solution: "PeriodSolution", links: Sequence[PointLinks]
) -> Mapping[str, Any]:
    """Points, periodogram and periods found, as plain numbers.

    Parameters
    ----------
    links : sequence of PointLinks
        One for each row of the table.
    """
    time_d = np.asarray(table["light_time_jd"], float)
    numbers, session = np.unique(np.asarray(table["session"]), return_inverse=True)
    scan = _thinned(solution.scan_period_h, solution.scan_chi2)
    return {
        "period": solution.period_h,
        "order": solution.fit.order,
        "chi2": solution.fit.chi2,
        "low": float(solution.scan_period_h.min()),
        "high": float(solution.scan_period_h.max()),
        "candidates": [each.period_h for each in solution.candidates],
        "scan": scan,
        "sessions": [int(each) + 1 for each in numbers],
        "session": session.tolist(),
        # as for the column rotation_phase: the middle of all times has phase 0
        "t": rounded((time_d - time_d.mean()) * HOURS_PER_DAY, 6),
        "m": rounded(table["reduced_mag"], 5),
        "s": rounded(np.maximum(table["sig"], 1e-4), 6),
        "frame": [str(each) for each in table["frame"]],
        "time": [timescale.iso(float(each), 0).replace("T", " ") for each in table["midtime_jd"]],
        "href": [each.frame for each in links],
        "cut": [each.cutout for each in links],
    }


def _thinned(period_h: np.ndarray, chi2: np.ndarray) -> list[list[float]]:
    """Periodogram with the deepest of neighbouring periods, the shortest first."""
    order = np.argsort(period_h)
    parts = np.array_split(order, min(MOST_OF_SCAN, len(order)))
    deepest = [part[np.argmin(chi2[part])] for part in parts]
    return [[round(float(period_h[i]), 5), round(float(chi2[i]), 2)] for i in deepest]
