"""`SourceTable`: a list of catalog sources in our own columns, with its history.

Columns of `SourceTable.data` (plain columns, nothing masked; blank numbers are NaN):

=================================  =========  ====================================================
column                             unit
=================================  =========  ====================================================
ident                                         designation
ra_deg, dec_deg                    deg        ICRS at the epoch of the source
e_ra_arcsec, e_dec_arcsec          arcsec     one sigma on the sky
pm_ra_mas_yr, pm_dec_mas_yr        mas/yr     proper motion (cos Dec included), NaN if unknown
e_pm_ra_mas_yr, e_pm_dec_mas_yr    mas/yr     its errors
source_epoch_jd                    d          epoch of the position
<band>mag, e_<band>mag             mag        one pair for each band, e.g. gp1mag, e_gp1mag
mag, e_mag                         mag        the band named `mag_band`
for_astrometry, for_photometry                whether the source passed the survey's quality cuts
=================================  =========  ====================================================
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from photpipe.ground import ecsv, sky
from photpipe.ground.errors import FrameError, ReductionError
from photpipe.ground.files import write_bytes, write_text
from photpipe.ground.timescale import DAYS_PER_JULIAN_YEAR, julian_year

if TYPE_CHECKING:
    from astropy.table import Table

UNKNOWN_MOTION_MAS_YR = 10.0  # typical motion of a field star, for sources without a measured one
MOTION_COLUMNS = ("pm_ra_mas_yr", "pm_dec_mas_yr", "e_pm_ra_mas_yr", "e_pm_dec_mas_yr")
SAME_STAR_ARCSEC = 0.5  # by judgement: two catalogs' positions of one star, at one epoch
MAS_PER_ARCSEC = 1000.0
UNITS = {
    "_deg": "deg",
    "_arcsec": "arcsec",
    "_mas_yr": "mas / yr",
    "_jd": "d",
    "mag": "mag",
}
FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits"}


@dataclass(frozen=True)
class SourceTable:
    """Sources of one catalog; every change makes a new table with one more sentence of history.

    Parameters
    ----------
    data : astropy.table.Table
        The columns listed at the head of the module. Not to be changed: its arrays are
        read-only.
    name : str
        Name of the catalog, as `photpipe.catalogs.surveys.spec` knows it.
    history : tuple of str
        What was done, in sentences.
    epoch_jd : float
        Epoch of the positions (JD); typical, where every source has its own.
    truncated : bool
        Whether the service held more rows than it was allowed to send.
    systems : mapping of str to str
        Magnitude system (``"AB"`` or ``"Vega"``) of each band.
    mag_band : str
        The band of the columns mag and e_mag.
    transformed : bool
        Whether mag comes from other bands through a published transformation.
    """

    data: Table
    name: str
    history: tuple[str, ...] = ()
    epoch_jd: float = float("nan")
    truncated: bool = False
    systems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mag_band: str = ""
    transformed: bool = False

    def __post_init__(self) -> None:
        for column in self.data.itercols():
            column.flags.writeable = False

    def __len__(self) -> int:
        return len(self.data)

    def column(self, name: str) -> sky.FloatArray:
        """A numeric column as a plain array of shape (n,).

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        return np.asarray(self.data[name], float)

    @property
    def ra_deg(self) -> sky.FloatArray:
        """Right ascensions, degrees, shape (n,)."""
        return self.column("ra_deg")

    @property
    def dec_deg(self) -> sky.FloatArray:
        """Declinations, degrees, shape (n,)."""
        return self.column("dec_deg")

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of which the table has magnitudes."""
        return tuple(self.systems)

    @property
    def mag_system(self) -> str:
        """Magnitude system of mag, or ``""`` if it is unknown."""
        return self.systems.get(self.mag_band, "")

    def where(self, mask: ArrayLike, why: str) -> SourceTable:
        """The sources for which `mask` (booleans, shape (n,)) is true.

        `why` tells what the survivors have in common, e.g. ``"not saturated"``.
        """
        keep = np.asarray(mask, bool)
        lost = len(self) - int(keep.sum())
        sentence = f"kept {int(keep.sum())} of {len(self)} sources: {why}" if lost else ""
        return self._with(self.data[keep], sentence)

    def with_bands(
        self,
        magnitudes: Mapping[str, tuple[ArrayLike, ArrayLike]],
        system: str,
        why: str,
    ) -> SourceTable:
        """A table with further bands: band -> (magnitudes, errors), each of shape (n,)."""
        data = self.data.copy()
        for band, (mag, e_mag) in magnitudes.items():
            data[f"{band}mag"] = np.asarray(mag, float)
            data[f"e_{band}mag"] = np.asarray(e_mag, float)
        systems = MappingProxyType({**self.systems, **dict.fromkeys(magnitudes, system)})
        return replace(self._with(data, why), systems=systems)

    def selecting(
        self, band: str, offset_mag: float = 0.0, transformed: bool = False
    ) -> SourceTable:
        """The same sources with mag and e_mag showing another band.

        Parameters
        ----------
        band : str
            One of `bands`.
        offset_mag : float
            Added to mag, not to the column of the band.
        transformed : bool
            Whether the band came from a transformation.

        Raises
        ------
        ReductionError
            If the table has no such band.
        """
        if band not in self.systems:
            message = f"{self.name} has no magnitudes in {band} (has {' '.join(self.bands)})"
            raise ReductionError(message)
        data = self.data.copy()
        data["mag"] = self.column(f"{band}mag") + offset_mag
        data["e_mag"] = self.column(f"e_{band}mag")
        sentence = f"{band} shifted by {offset_mag:+g} mag to AB" if offset_mag else ""
        return replace(self._with(data, sentence), mag_band=band, transformed=transformed)

    def for_registration(self) -> SourceTable:
        """Sources that passed the survey's astrometric cuts and have a position."""
        good = np.asarray(self.data["for_astrometry"], bool)
        return self.where(
            good & np.isfinite(self.ra_deg) & np.isfinite(self.dec_deg),
            "good for astrometry",
        )

    def with_motions_of(self, other: SourceTable) -> SourceTable:
        """Proper motions from another catalog for the sources that have none.

        Sources are paired where those of the other catalog were at the median epoch of these.
        """
        from photpipe.catalogs.matching import mutual_matches

        lacking, known = ~self._have_motions(), other._have_motions()
        if not (lacking.any() and known.any()):
            return self
        then = other.at_epoch(float(np.median(self.column("source_epoch_jd"))))
        own, theirs, _ = mutual_matches(
            self.ra_deg, self.dec_deg, then.ra_deg, then.dec_deg, SAME_STAR_ARCSEC
        )
        wanted = lacking[own] & known[theirs]
        own, theirs = own[wanted], theirs[wanted]
        data = self.data.copy()
        for name in MOTION_COLUMNS:
            data[name][own] = then.column(name)[theirs]
        return self._with(data, f"proper motions of {other.name} for {len(own)} sources")

    def _have_motions(self) -> sky.BoolArray:
        motions = (np.isfinite(self.column(name)) for name in MOTION_COLUMNS[:2])
        return np.logical_and(*motions)

    def at_epoch(self, jd: float) -> SourceTable:
        """Positions moved to a date (JD) by proper motion, with errors grown accordingly.

        A source without a measured motion stays, and its error grows by that of a typical
        field star, 10 mas/yr.
        """
        years = (jd - self.column("source_epoch_jd")) / DAYS_PER_JULIAN_YEAR
        pm_ra, pm_dec, e_pm_ra, e_pm_dec = (self.column(name) for name in MOTION_COLUMNS)
        data = self.data.copy()
        data["ra_deg"], data["dec_deg"] = sky.propagated(
            self.ra_deg, self.dec_deg, pm_ra, pm_dec, years
        )
        data["pm_ra_mas_yr"], data["pm_dec_mas_yr"] = sky.carried(
            self.ra_deg, self.dec_deg, pm_ra, pm_dec, data["ra_deg"], data["dec_deg"]
        )
        unknown = ~self._have_motions()
        for name, error in (("e_ra_arcsec", e_pm_ra), ("e_dec_arcsec", e_pm_dec)):
            rate = np.where(unknown, UNKNOWN_MOTION_MAS_YR, np.nan_to_num(error)) / MAS_PER_ARCSEC
            data[name] = np.hypot(self.column(name), rate * years)
        data["source_epoch_jd"] = np.full(len(self), float(jd))
        sentence = f"positions moved to epoch {julian_year(jd):.3f}"
        return replace(self._with(data, sentence), epoch_jd=float(jd))

    def write_ldac(self, path: Path, *, adds: bool = False) -> None:
        """Write the FITS_LDAC reference catalog that SCAMP reads, with true errors and epoch.

        Sources without position or magnitude are left out: SCAMP would match nothing.
        Positions are those of the table; move them with `at_epoch` first, SCAMP does not.

        Parameters
        ----------
        adds : bool
            Add what is new to the sources of a file that is there.
        """
        from photpipe.catalogs.ldac import write_ldac

        reference = self._for_scamp()
        if adds:
            reference = _added(reference, path)
        if reference is not None:
            write_ldac(path, reference)

    def _for_scamp(self) -> Table:
        """The columns that SCAMP reads."""
        from astropy.table import Table

        good = np.isfinite(self.ra_deg) & np.isfinite(self.dec_deg)
        good &= np.isfinite(self.column("mag"))
        rows = self.data[good]
        single = np.float32
        reference = Table(
            {
                "XWIN_WORLD": np.asarray(rows["ra_deg"], float),
                "YWIN_WORLD": np.asarray(rows["dec_deg"], float),
                "ERRAWIN_WORLD": np.asarray(rows["e_ra_arcsec"] / sky.ARCSEC_PER_DEG, single),
                "ERRBWIN_WORLD": np.asarray(rows["e_dec_arcsec"] / sky.ARCSEC_PER_DEG, single),
                "ERRTHETAWIN_WORLD": np.zeros(len(rows), single),
                "MAG": np.asarray(rows["mag"], single),
                "MAGERR": np.nan_to_num(np.asarray(rows["e_mag"], single), nan=0.1),
                "OBSDATE": np.asarray(
                    [julian_year(jd) for jd in np.asarray(rows["source_epoch_jd"], float)], float
                ),
                "FLAGS": np.zeros(len(rows), np.int16),
            }
        )
        units = {"XWIN_WORLD": "deg", "YWIN_WORLD": "deg", "MAG": "mag", "MAGERR": "mag"}
        units |= dict.fromkeys(("ERRAWIN_WORLD", "ERRBWIN_WORLD", "ERRTHETAWIN_WORLD"), "deg")
        for name, unit in {**units, "OBSDATE": "yr"}.items():
            reference[name].unit = unit
        return reference

    def write(self, path: Path) -> None:
        """Write as .ecsv, .csv or .fits; in ecsv and fits name, systems and history go along.

        Raises
        ------
        ReductionError
            If the suffix is another one.
        OSError
            If the file cannot be written; an older one then stays as it is.
        """
        data = self.data.copy()
        for name in data.colnames:
            data[name].unit = next(
                (unit for suffix, unit in UNITS.items() if name.endswith(suffix)), None
            )
        form = _format_of(path)
        if form == "fits":
            data.meta = {"photpipe": json.dumps(self._facts())}
            binary = io.BytesIO()
            data.write(binary, format=form)
            write_bytes(path, binary.getvalue())
            return
        data.meta = self._facts()
        if form == ecsv.FORMAT:
            write_text(path, ecsv.to_text(data))
            return
        text = io.StringIO()
        data.write(text, format=form)
        write_text(path, text.getvalue())

    @classmethod
    def read(cls, path: Path) -> SourceTable:
        """Read what `write` wrote.

        A .csv tells only the columns: the name is then the stem of the file, and the
        magnitude systems are unknown.

        Raises
        ------
        ReductionError
            If the file is not such a table.
        """
        from astropy.table import Table

        form = _format_of(path)
        try:
            is_ecsv = form == ecsv.FORMAT
            table = (
                ecsv.from_text(path.read_text("utf-8"))
                if is_ecsv
                else Table.read(path, format=form)
            )
            facts: dict[str, Any] = dict(table.meta)
            facts = json.loads(facts["PHOTPIPE"]) if "PHOTPIPE" in facts else facts
            data = plain(table)
            data["ident"] = data["ident"].astype(str)
            for name in ("for_astrometry", "for_photometry"):
                data[name] = data[name].astype(str) == "True"
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path.name}: not a table of catalog sources ({error})"
            raise ReductionError(message) from error
        found = [(name[2:-3], "") for name in data.colnames if re.fullmatch(r"e_.+mag", name)]
        return cls(
            data,
            str(facts.get("name", path.stem)),
            tuple(facts.get("history", ())),
            float(facts.get("epoch_jd", "nan")),
            bool(facts.get("truncated", False)),
            MappingProxyType(dict(facts.get("systems", found))),
            str(facts.get("mag_band", "")),
            bool(facts.get("transformed", False)),
        )

    def _facts(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "history": list(self.history),
            "epoch_jd": self.epoch_jd,
            "truncated": self.truncated,
            "systems": [list(pair) for pair in self.systems.items()],
            "mag_band": self.mag_band,
            "transformed": self.transformed,
        }

    def _with(self, data: Table, sentence: str = "") -> SourceTable:
        history = (*self.history, sentence) if sentence else self.history
        return replace(self, data=data, history=history)


def _format_of(path: Path) -> str:
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        message = f"{path.name}: tables of sources end in {', '.join(FORMATS)}"
        raise ReductionError(message)
    return form


def plain(table: Table) -> Table:
    """A copy without masks and units: blank numbers become NaN, blank texts ``""``."""
    from astropy.table import Table

    return Table({name: plain_column(table[name]) for name in table.colnames})


def plain_column(column: Any) -> np.ndarray[Any, Any]:
    """A column of any table as a plain array.

    Numbers keep their type, unless a blank makes them float with NaN; a blank boolean is
    false; bytes and objects become text without surrounding blanks.
    """
    # as it is, at a tenth of the time
    if type(column) is np.ndarray and column.dtype.kind in "iufb":
        return column.astype(column.dtype.newbyteorder("="), copy=False)
    blank = np.atleast_1d(np.ma.getmaskarray(column))
    values = np.atleast_1d(np.ma.getdata(np.ma.asarray(column)))
    if values.dtype.kind == "b":
        return np.asarray(values & ~blank)
    if values.dtype.kind in "iuf":
        native = values.astype(values.dtype.newbyteorder("="))
        return np.where(blank, np.nan, native.astype(float)) if blank.any() else native
    words = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return np.array(["" if b else w.strip() for w, b in zip(words, blank, strict=True)], str)


def _added(reference: Table, path: Path) -> Table | None:
    """Sources of a file, and behind them those of a table that it lacks; None: it lacks none."""
    from astropy.table import vstack

    from photpipe.catalogs.ldac import read_ldac
    from photpipe.catalogs.matching import mutual_matches

    try:
        earlier = read_ldac(path)[0]
        known, new = (
            [np.asarray(table[name], float) for name in ("XWIN_WORLD", "YWIN_WORLD")]
            for table in (earlier, reference)
        )
    except (FrameError, KeyError):
        return reference
    lacking = np.ones(len(reference), bool)
    lacking[mutual_matches(known[0], known[1], new[0], new[1], SAME_STAR_ARCSEC).index2] = False
    if not lacking.any():
        return None
    return vstack([earlier, reference[lacking]], metadata_conflicts="silent")
