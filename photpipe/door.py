"""The door for Python: what a run left in a directory, as tables.

``photpipe.open("field_1/R")`` gives a `Night`. Its tables are pandas DataFrames with the units of
their columns in ``.attrs["units"]``; `to_table` turns one into an astropy Table.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photpipe.catalogs.database import read_database
from photpipe.ground.errors import ConfigError
from photpipe.run import photometry_file
from photpipe.run.results import CalibrateResult, PrepareResult, RegisterResult
from photpipe.run.workspace import Workspace

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.axes import Axes
    from pandas import DataFrame

UNITS_OF_STARS = {"ra_deg": "deg", "dec_deg": "deg"}


class Night:
    """Results of one directory, read when they are asked for.

    Parameters
    ----------
    directory : Path
        Where pp_run, or the stages one by one, worked.

    Raises
    ------
    ConfigError
        If there is no such directory, or nothing was done in it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._workspace = Workspace(directory)
        if not directory.is_dir():
            raise ConfigError(f"{directory}: there is no such directory")
        if self._workspace.load(PrepareResult) is None and not self.targets:
            raise ConfigError(f"{directory}: no results here; run pp_run in it first")

    @property
    def frames(self) -> "DataFrame":
        """One row a frame: what preparing, registering and calibrating found, by file name."""
        from pandas import DataFrame

        table = DataFrame(index=[])
        kinds: tuple[type[Any], ...] = (PrepareResult, RegisterResult, CalibrateResult)
        for kind in kinds:
            result = self._workspace.load(kind)
            rows = [_plain_fields(row) for row in result.frames] if result else []
            if rows:
                new = DataFrame(rows).set_index("frame")
                missing = [name for name in new.columns if name not in table.columns]
                table = table.join(new[missing], how="outer") if len(table) else new
        return table

    @property
    def targets(self) -> "Targets":
        """Photometry of each target, by the name in its file."""
        return Targets(self.directory)

    def stars(self, frame: str) -> "DataFrame":
        """Sources of a calibrated frame, as its database has them; facts in ``.attrs``.

        Raises
        ------
        ReductionError
            If the frame has no database of pp_calibrate.
        """
        name = Path(frame).name  # never out of the directory
        header, table = read_database((self.directory / name).with_suffix(".ldac.db"))
        stars: DataFrame = table.to_pandas()
        stars.attrs = {"facts": header, "units": UNITS_OF_STARS}
        return stars

    def _repr_html_(self) -> str:
        """The frames as a table, for notebooks."""
        html: str = self.frames.to_html()
        return html

    def __repr__(self) -> str:
        return f"Night({str(self.directory)!r}: {len(self.frames)} frames, {list(self.targets)})"


class Targets(Mapping[str, "DataFrame"]):
    """Tables of the targets of a directory: ``night.targets["3552"]``."""

    def __init__(self, directory: Path) -> None:
        self._files = {}
        for path in sorted(directory.glob("photometry_*.ecsv")):
            self._files[photometry_file.read(path)[0]] = path

    def __getitem__(self, name: str) -> "DataFrame":
        from pandas import DataFrame

        points = photometry_file.read(self._files[name])[1]
        fields = dataclasses.fields(photometry_file.TargetPoint)
        table = DataFrame([dataclasses.asdict(each) for each in points])
        units = {each.name: each.metadata.get("unit", "") for each in fields}
        table.attrs = {"target": name, "units": {k: unit for k, unit in units.items() if unit}}
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"Targets({list(self)})"


def to_table(frame: "DataFrame") -> "Table":
    """Astropy Table of one of our DataFrames, with its units."""
    from astropy.table import Table

    table = Table.from_pandas(frame)
    for name, unit in frame.attrs.get("units", {}).items():
        if name in table.colnames:
            table[name].unit = unit
    return table


def plot(points: "DataFrame", axes: "Axes | None" = None) -> "Axes":
    """Light curve of a target: accepted points with errors, rejected ones as open circles.

    What neighbours contaminate and is left out is drawn as open diamonds.
    """
    from matplotlib.figure import Figure

    if axes is None:
        axes = Figure().subplots()
    is_good = points["rejected"] == ""
    is_spoiled = points["rejected"].str.startswith(photometry_file.CONTAMINATED)
    kinds = (
        (is_good, "o", "full", "used"),
        (is_spoiled, "D", "none", photometry_file.CONTAMINATED),
        (~is_good & ~is_spoiled, "o", "none", "rejected"),
    )
    for which, form, fill, label in kinds:
        rows = points[which]
        if len(rows):
            axes.errorbar(
                rows["midtime_jd"],
                rows["mag"],
                rows["sig"],
                fmt=form,
                fillstyle=fill,
                label=label,
            )
    axes.legend()
    axes.invert_yaxis()
    axes.set_xlabel("JD (UTC)")
    axes.set_ylabel("magnitude")
    return axes


def _plain_fields(row: Any) -> dict[str, Any]:
    """Fields of a row of results that are numbers or texts."""
    values = {each.name: getattr(row, each.name) for each in dataclasses.fields(row)}
    return {k: value for k, value in values.items() if isinstance(value, str | int | float)}
