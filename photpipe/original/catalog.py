"""The class ``catalog`` of the original: a list of sources with what is known of it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photpipe.catalogs import database, ldac, matching
from photpipe.ground import sky
from photpipe.run.settings import Settings

if TYPE_CHECKING:
    from astropy.table import Table

    from photpipe.catalogs.table import SourceTable

Array = NDArray[Any]
POSITION = ("ra_deg", "dec_deg")
MATCH_DEG = 0.5 / 3600.0  # that of the original, half an arcsec


class Catalog:
    """Sources of a survey or of a frame.

    Parameters
    ----------
    catalogname : str
        Survey, or a name of one's own.
    display : bool
        Not needed: what is worth telling stands in `history`.

    Attributes
    ----------
    data : Table or None
        One row per source; positions are ra_deg and dec_deg.
    catalogname, origin, history, magsys, obj : str
        Name, where it came from, what was done, magnitude system, target of the frame.
    obstime, exptime : float
        Mid-exposure (JD) and exposure time (s) of the frame.
    """

    def __init__(self, catalogname: str, display: bool = False) -> None:
        self.catalogname, self.display = catalogname, display
        self.data: Table | None = None
        self.origin = self.history = self.magsys = self.obj = self.filtername = ""
        self.obstime = self.exptime = math.nan
        self._survey: SourceTable | None = None

    @property
    def fields(self) -> list[str]:
        """Names of the columns."""
        return [] if self.data is None else list(self.data.colnames)

    @property
    def shape(self) -> tuple[int, int]:
        """How many sources and how many columns."""
        return (0 if self.data is None else len(self.data), len(self.fields))

    @property
    def magsystem(self) -> str:
        """Magnitude system: AB, Vega, instrumental, or unknown (empty)."""
        return self.magsys

    def __getitem__(self, ident: Any) -> Any:
        """A column by its name, rows by number, slice or mask."""
        found = self._table[ident]
        return np.asarray(found) if isinstance(ident, str) else found

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def _table(self) -> "Table":
        if self.data is None:
            raise ValueError(f"{self.catalogname}: nothing was read or downloaded yet")
        return self.data

    # -- surveys

    def download_catalog(
        self,
        ra_deg: float,
        dec_deg: float,
        rad_deg: float,
        max_sources: int | None = None,
        save_catalog: bool = False,
        max_mag: float | None = None,
        use_all_stars: bool = False,
    ) -> int:
        """Fetch the brightest stars of the survey around a position; how many there are.

        Parameters
        ----------
        ra_deg, dec_deg, rad_deg : float
            Position and radius.
        max_sources : int, optional
            At most so many.
        save_catalog : bool
            Write them for SCAMP, too: ``<catalogname>.cat``.
        max_mag : float, optional
            None fainter than this.
        use_all_stars : bool
            Those, too, that fail the quality cuts of the survey.

        Raises
        ------
        PhotPipeError
            If there is no such catalog, or its service does not answer.
        """
        from photpipe.services.reference import fetch_catalog

        cone = sky.Cone(float(ra_deg), float(dec_deg), float(rad_deg))
        stars = fetch_catalog(
            self.catalogname,
            cone,
            Settings.load(Path.cwd()),
            max_mag=max_mag,
            row_limit=max_sources,
        )
        if not use_all_stars:
            stars = stars.where(stars.data["for_photometry"], "passed the survey's quality cuts")
        self._take(stars)
        if save_catalog:
            self.write_ldac(f"{self.catalogname}.cat")
        return len(self)

    def transform_filters(self, targetfilter: str, use_all_stars: bool = False) -> int:
        """Keep the stars with a magnitude in a band; columns ``_<band>mag``, ``_e_<band>mag``.

        Returns
        -------
        int
            How many stars have one.

        Raises
        ------
        ReductionError
            If there is no way from this catalog to the band.
        """
        from photpipe.catalogs.calibrators import calibrators_for

        if self._survey is None:
            raise ValueError(f"{self.catalogname}: download_catalog first")
        stars = calibrators_for(
            self._survey, targetfilter, solar=False, use_all_stars=use_all_stars
        )
        self._take(stars)
        for name, own in zip(
            database.magnitude_columns(targetfilter), ("mag", "e_mag"), strict=True
        ):
            self._table[name] = stars.column(own)
        self.magsys = stars.mag_system
        return len(self)

    def _take(self, stars: "SourceTable") -> None:
        """Hold the sources of a survey."""
        self._survey, self.data = stars, stars.data.copy()
        self.origin, self.history = stars.name, "; ".join(stars.history)
        self.magsys = ", ".join(dict.fromkeys(stars.systems.values()))

    # -- files

    def read_database(self, filename: str | Path) -> int:
        """Read the database of a frame (``.ldac.db``); how many sources it has.

        Raises
        ------
        ReductionError
            If there is no such file, or it is no database of pp_calibrate.
        """
        facts, self.data = database.read_database(Path(filename))
        self.catalogname = str(facts.get("name", Path(filename).name))
        texts = {name: str(facts.get(name, "")) for name in ("origin", "magsys", "obj")}
        self.origin, self.magsys, self.obj = texts["origin"], texts["magsys"], texts["obj"]
        self.history, self.filtername = str(facts["description"]), str(facts["filtername"])
        self.obstime, self.exptime = float(facts["obstime"]), float(facts["exptime"])
        return len(self)

    def write_database(self, filename: str | Path) -> int:
        """Write the sources as a database; how many they are."""
        facts: dict[str, database.Scalar] = {
            "name": self.catalogname,
            "origin": self.origin,
            "description": self.history,
            "magsys": self.magsys,
            "obstime": self.obstime,
            "exptime": self.exptime,
            "obj": self.obj,
            "filtername": self.filtername,
        }
        database.write_database(Path(filename), facts, self._table)
        return len(self)

    def read_ldac(self, filename: str | Path, maxflag: int | None = None) -> int:
        """Read the sources of a frame (``.ldac``) with flags up to `maxflag`; their number.

        Raises
        ------
        FrameError
            If there is no such file, or it is no catalog of Source Extractor.
        """
        from photpipe.fits.values import as_number, card_text, card_value

        table, header = ldac.read_ldac(Path(filename))
        if maxflag is not None:
            table = table[np.asarray(table["FLAGS"]) <= maxflag]
        for old, new in zip(("XWIN_WORLD", "YWIN_WORLD"), POSITION, strict=True):
            if old in table.colnames:
                table.rename_column(old, new)
        self.data, self.catalogname = table, Path(filename).name
        self.origin, self.magsys = card_text(header, "TEL_KEYW") or "", "instrumental"
        self.obj = card_text(header, "OBJECT") or ""
        jd, seconds = (as_number(card_value(header, key)) for key in ("MIDTIMJD", "EXPTIME"))
        self.obstime = math.nan if jd is None else jd
        self.exptime = math.nan if seconds is None else seconds
        return len(self)

    def write_ldac(self, filename: str | Path) -> int:
        """Write stars of a survey as a reference catalog of SCAMP; how many they are."""
        if self._survey is None:
            raise ValueError(f"{self.catalogname}: download_catalog first")
        self._survey.write_ldac(Path(filename))
        return len(self)

    def write_ascii(self, filename: str | Path) -> int:
        """Write the sources as a table of text; how many they are."""
        self._table.write(filename, format="ascii", overwrite=True)
        return len(self)

    # -- columns and rows

    def add_fields(self, field_names: Sequence[str], field_arrays: Sequence[Any]) -> int:
        """Add columns; how many there are now."""
        for name, values in zip(field_names, field_arrays, strict=True):
            self._table[name] = values
        return len(self.fields)

    def reject_sources_with(self, condition: Any) -> int:
        """Drop the sources for which a condition (booleans) holds; how many were dropped."""
        return self.reject_sources_other_than(~np.asarray(condition, bool))

    def reject_sources_other_than(self, condition: Any) -> int:
        """Keep the sources for which a condition (booleans) holds; how many were dropped."""
        before = len(self)
        self.data = self._table[np.asarray(condition, bool)]
        if self._survey is not None:
            self._survey = self._survey.where(condition, "chosen by the user")
        return before - len(self)

    def match_with(
        self,
        catalog: "Catalog | Mapping[str, Any]",
        match_keys_this_catalog: Sequence[str] = POSITION,
        match_keys_other_catalog: Sequence[str] = POSITION,
        extract_this_catalog: Sequence[str] = POSITION,
        extract_other_catalog: Sequence[str] = POSITION,
        tolerance: float = MATCH_DEG,
    ) -> tuple[list[Array], list[Array]]:
        """Columns of the sources that two catalogs have in common.

        Parameters
        ----------
        catalog : Catalog, Table or mapping of arrays
            The other one.
        match_keys_this_catalog, match_keys_other_catalog : sequence of str
            Columns of RA and Dec (degrees).
        extract_this_catalog, extract_other_catalog : sequence of str
            Columns wanted.
        tolerance : float
            Largest separation on the sky, degrees.

        Returns
        -------
        this, other : list of array
            The columns wanted; rows belong together.
        """
        ra1, dec1 = (self[key] for key in match_keys_this_catalog)
        ra2, dec2 = (catalog[key] for key in match_keys_other_catalog)
        tolerance_arcsec = tolerance * sky.ARCSEC_PER_DEG
        pairs = matching.mutual_matches(ra1, dec1, ra2, dec2, tolerance_arcsec)
        this = [self[key][pairs.index1] for key in extract_this_catalog]
        other = [np.asarray(catalog[key])[pairs.index2] for key in extract_other_catalog]
        return this, other


catalog = Catalog
