"""How a survey sees the simulated sky: errors, limits, saturation, columns."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.spatial import KDTree

from photpipe.ground import sky as sphere
from simsky.dialects import sexagesimal
from simsky.stars import EPOCH_YR, STAR, Sky

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: NaN or an empty text is a blank cell; `decimals` is how it is printed."""

    name: str
    values: NDArray[Any]
    unit: str = ""
    decimals: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether the column holds text."""
        return bool(self.values.dtype.kind == "U")

    @property
    def is_whole(self) -> bool:
        """Whether the column holds whole numbers (and no blanks)."""
        return bool(self.values.dtype.kind in "iu")

    def cell(self, row: int) -> str:
        """Text of one cell, empty if blank."""
        return self.cells(np.array([row]))[0]

    def cells(self, rows: NDArray[np.integer]) -> list[str]:
        """Texts of cells, empty where blank."""
        values = self.values[rows].tolist()
        if self.is_text or self.is_whole:
            return list(map(str, values))
        shape = repr if self.decimals is None else f"{{:.{self.decimals}f}}".format
        return [shape(value) if math.isfinite(value) else "" for value in values]


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A whole catalog of the simulated sky; `ra_deg` and `dec_deg` are for searching."""

    name: str
    columns: tuple[Column, ...]
    ra_deg: FloatArray
    dec_deg: FloatArray

    def column(self, name: str) -> Column | None:
        """Column of this name, or None."""
        return next((column for column in self.columns if column.name == name), None)


class Survey:
    """Draws the errors of one survey; the same sky and table always give the same catalog.

    Parameters
    ----------
    sky : Sky
        The sky.
    table : str
        Identifier of the table; part of the seed.
    noise : float
        Factor on all random errors (0: the catalog is exact). Quoted errors do not change.
    epoch_yr : float
        Epoch of the positions.
    position_mas : float
        Error of the positions of bright stars, per axis.
    keep : ndarray of bool, optional
        Sources of the sky that are in the catalog; default: stars.
    """

    def __init__(
        self,
        sky: Sky,
        table: str,
        noise: float,
        *,
        epoch_yr: float,
        position_mas: float,
        keep: BoolArray | None = None,
    ) -> None:
        self.name, self.noise = table, noise
        self.rng = np.random.default_rng([sky.seed % 2**32, zlib.crc32(table.encode())])
        chosen = sky.sources["kind"] == STAR if keep is None else keep
        self.sources: Table = sky.sources[chosen]
        self.epoch_yr = epoch_yr
        self.position_error_mas = position_mas * np.maximum(
            1.0, 10 ** (0.2 * (self.sources["rp1"].data - 16))
        )
        self.ra_deg, self.dec_deg = self._positions()

    def __len__(self) -> int:
        return len(self.sources)

    def _positions(self) -> tuple[FloatArray, FloatArray]:
        table = self.sources
        true = sphere.propagated(
            table["ra_deg"].data,
            table["dec_deg"].data,
            table["pm_ra_mas_yr"].data,
            table["pm_dec_mas_yr"].data,
            self.epoch_yr - EPOCH_YR,
        )
        east, north = self.normal(2) * self.position_error_mas / 1000
        return sphere.shifted(*true, east, north)

    def normal(self, sets: int) -> FloatArray:
        """Unit Gaussian deviates, shape (sets, n), times the noise factor."""
        return self.noise * self.rng.normal(0, 1, (sets, len(self)))

    def idents(self, offset: int) -> NDArray[np.int64]:
        """Whole-number designations."""
        return np.asarray(self.sources["ident"].data + offset)

    def names(self, form: str, decimals: int = 2, separator: str = "") -> NDArray[np.str_]:
        """Designations made of the position, e.g. ``J115707.18+002541.2``."""
        return np.array(
            [
                form.format(
                    ra=sexagesimal(ra / 15, separator, decimals, signed=False),
                    dec=sexagesimal(dec, separator, decimals - 1, signed=True),
                    number=ident,
                )
                for ra, dec, ident in zip(
                    self.ra_deg, self.dec_deg, self.sources["ident"], strict=True
                )
            ],
            dtype=str,
        ).reshape(len(self))

    def mag(
        self, band: str, floor: float, limit: float, saturation: float = -5.0
    ) -> tuple[FloatArray, FloatArray]:
        """Catalogued magnitudes and errors of a band.

        Parameters
        ----------
        band : str
            Band of the sky.
        floor : float
            Error of bright stars (mag).
        limit : float
            5-sigma limit; fainter stars have no magnitude.
        saturation : float
            Brighter stars are listed too faint.
        """
        true = self.sources[band].data
        error = np.hypot(floor, 0.2 * 10 ** (0.4 * (true - limit)))
        (deviate,) = self.normal(1)
        listed = true + deviate * error
        listed = np.where(true < saturation, listed + 0.05 + 0.2 * (saturation - true), listed)
        blank = true > limit
        return np.where(blank, np.nan, listed), np.where(blank, np.nan, error)

    def columns_of(
        self, bands: Mapping[str, str], floor: float, limit: float, **options: Any
    ) -> list[Column]:
        """Columns ``<name>`` and ``e_<name>`` of several bands: {column: band}."""
        columns = []
        for name, band in bands.items():
            mag, error = self.mag(band, floor, limit, **options)
            columns += [Column(name, mag, "mag", 4), Column(f"e_{name}", error, "mag", 4)]
        return columns

    def radec(self, ra: str, dec: str) -> list[Column]:
        """Columns of the position, in degrees."""
        return [Column(ra, self.ra_deg, "deg", 8), Column(dec, self.dec_deg, "deg", 8)]

    def errors(self, ra: str, dec: str, unit: str = "mas") -> list[Column]:
        """Columns of the errors of the position."""
        factor, decimals = {"mas": (1.0, 4), "arcsec": (1e-3, 4)}[unit]
        values = self.position_error_mas * factor
        return [Column(ra, values, unit, decimals), Column(dec, values, unit, decimals)]

    def motions(self, error_mas_yr: float, blank_fraction: float = 0.0) -> list[Column]:
        """Columns pmRA, e_pmRA, pmDE, e_pmDE (mas/yr, pmRA with cos Dec)."""
        blank = self.rng.random(len(self)) < blank_fraction
        columns = []
        for axis, name in (("ra", "pmRA"), ("dec", "pmDE")):
            error = np.full(len(self), error_mas_yr)
            (deviate,) = self.normal(1)
            motion = self.sources[f"pm_{axis}_mas_yr"].data + deviate * error
            columns += [
                Column(name, np.where(blank, np.nan, motion), "mas/yr", 3),
                Column(f"e_{name}", np.where(blank, np.nan, error), "mas/yr", 3),
            ]
        return columns

    def constant(
        self, name: str, value: Any, unit: str = "", decimals: int | None = None
    ) -> Column:
        """Column with the same value for every source."""
        return Column(name, np.full(len(self), value), unit, decimals)

    def table(self, columns: list[Column]) -> CatalogTable:
        """The finished catalog."""
        return CatalogTable(self.name, tuple(columns), self.ra_deg, self.dec_deg)


def neighbours(survey: Survey, radius_arcsec: float) -> NDArray[np.int64]:
    """Pairs of rows closer than a radius, shape (k, 2)."""
    vectors = sphere.unit_vectors(survey.ra_deg, survey.dec_deg).reshape(-1, 3)
    chord = 2 * np.sin(np.radians(radius_arcsec / sphere.ARCSEC_PER_DEG) / 2)
    if not len(vectors):
        return np.zeros((0, 2), np.int64)
    return np.asarray(KDTree(vectors).query_pairs(chord, output_type="ndarray"))


def blended_within(survey: Survey, radius_arcsec: float) -> BoolArray:
    """Whether each source has a neighbour within a radius."""
    blended = np.zeros(len(survey), bool)
    blended[neighbours(survey, radius_arcsec).ravel()] = True
    return blended


def crowding_radius(survey: Survey) -> FloatArray:
    """Distance (arcsec) of the nearest neighbour with a tenth of a star's light; 99.9: none."""
    radius = np.full(len(survey), 99.9)
    first, second = neighbours(survey, 36.0).T
    separation = 3600 * sphere.separation_deg(
        survey.ra_deg[first], survey.dec_deg[first], survey.ra_deg[second], survey.dec_deg[second]
    )
    g_mag = survey.sources["G"].data
    for star, other in ((first, second), (second, first)):
        disturbs = g_mag[other] < g_mag[star] + 2.5
        np.minimum.at(radius, star[disturbs], separation[disturbs])
    return radius
