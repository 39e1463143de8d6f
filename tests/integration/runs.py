"""What the tests of pp_run share: calling it, and what it left."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

import pp_run
from photpipe.run import photometry_file
from photpipe.run.photometry_file import TargetPoint
from simsky import read_truth

TARGET_FILE = "photometry_3552.dat"


def run(*words: str | Path) -> int:
    """pp_run in this process."""
    return pp_run.main([str(word) for word in words])


def record(directory: Path) -> dict[str, Any]:
    """The record of the last run."""
    found: dict[str, Any] = json.loads((directory / ".diagnostics/state/run.json").read_text())
    return found


def worked(directory: Path) -> dict[str, list[str]]:
    """Stages that did something in the last run, and on which frames."""
    return {
        step["command"]: step["frames"] for step in record(directory)["steps"] if step["seconds"]
    }


def points(directory: Path, name: str = TARGET_FILE) -> list[TargetPoint]:
    """Photometry of a target."""
    return photometry_file.read(directory / name)[1]


def errors(directory: Path, name: str = TARGET_FILE) -> np.ndarray:
    """Measured minus true magnitudes of the asteroid."""
    found = []
    for point in points(directory, name):
        truth = read_truth(directory / point.frame)
        (row,) = truth[truth["kind"] == 1]
        found.append(point.mag - row["mag"])
    return np.array(found)


def stamps(directory: Path, pattern: str = "*") -> dict[str, tuple[int, int]]:
    """Size and time of change of the files of a directory, LOG left out."""
    return {
        path.name: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in directory.glob(pattern)
        if path.is_file() and path.name != "LOG"
    }


def tables(directory: Path) -> dict[str, str]:
    """What counts of a run: the photometry of all targets, as text."""
    return {path.name: path.read_text() for path in sorted(directory.glob("photometry_*.dat"))}


def read(path: Path) -> Table:
    """Table of a target."""
    return Table.read(path.with_suffix(".ecsv"), format="ascii.ecsv")
