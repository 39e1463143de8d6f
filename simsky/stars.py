"""A seeded field of stars and galaxies, with proper motions and variables."""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from photpipe.ground import sky as sphere
from photpipe.ground.timescale import julian_year
from simsky.locus import Anchors, magnitudes
from simsky.movers import Mover

FloatArray = NDArray[np.float64]

EPOCH_YR = 2016.0
STAR, GALAXY = 6, 3


@dataclass(frozen=True, slots=True)
class Field:
    """What kind of sky to make.

    Parameters
    ----------
    stars_per_deg2 : float
        Stars per square degree within `r_range`.
    r_range : tuple of float
        Brightest and faintest Pan-STARRS r (AB mag); counts rise as 10^(0.3 r).
    min_separation_arcsec : float
        Fainter stars closer than this to a brighter one are left out (0: blends happen).
    blend_fraction : float
        Fraction of stars that get a companion within 1 to 4 arcsec, 0 to 3 mag fainter.
    galaxy_fraction : float
        Galaxies, as a fraction of the number of stars.
    variable_fraction : float
        Fraction of stars that vary (sine, amplitude 0.1 to 0.6 mag, period 0.05 to 1 day).
    pm_mas_yr : float
        Rms of each component of the proper motion; one star in fifty moves ten times faster.
    scatter_mag : float
        Scatter of every star around the colour relations, in every band.
    anchors : Anchors
        Which published transformations are exact in this sky.
    """

    stars_per_deg2: float = 9000.0
    r_range: tuple[float, float] = (12.0, 21.0)
    min_separation_arcsec: float = 0.0
    blend_fraction: float = 0.0
    galaxy_fraction: float = 0.05
    variable_fraction: float = 0.01
    pm_mas_yr: float = 8.0
    scatter_mag: float = 0.0
    anchors: Anchors = field(default_factory=Anchors)


@dataclass(frozen=True, slots=True)
class Sky:
    """Everything that is in the sky: sources at epoch 2016.0 and moving objects.

    Attributes
    ----------
    sources : astropy.table.Table
        ident (int), kind (6 star, 3 galaxy, as SDSS), ra_deg, dec_deg (ICRS, epoch 2016.0),
        pm_ra_mas_yr (with cos Dec), pm_dec_mas_yr, size_arcsec (FWHM of a galaxy, 0 for stars),
        amplitude_mag, period_d, phase (variables; amplitude 0: constant), and the mean
        magnitude in each band of `locus.magnitudes`.
    movers : tuple of Mover
        Asteroids, comets and planets.
    seed : int
        Seed of the sky; catalogs draw their errors from it, too.
    """

    sources: Table
    movers: tuple[Mover, ...] = ()
    seed: int = 0

    @classmethod
    def make(
        cls,
        seed: int,
        ra_deg: float,
        dec_deg: float,
        radius_deg: float = 0.3,
        kind: Field | None = None,
    ) -> "Sky":
        """Sky around a position: the same seed and arguments give the same sky."""
        kind = kind or Field()
        rng = np.random.default_rng(seed)
        area_deg2 = 2 * np.pi * (1 - np.cos(np.radians(radius_deg))) * np.degrees(1.0) ** 2
        count = max(1, round(area_deg2 * kind.stars_per_deg2))
        sources = _random_stars(rng, kind, sphere.Cone(ra_deg, dec_deg, radius_deg), count)
        sources = _with_companions(rng, kind, sources)
        sources.sort("rp1")
        if kind.min_separation_arcsec > 0:
            sources = sources[_isolated(sources, kind.min_separation_arcsec)]
        _add_galaxies(rng, sources, kind)
        _add_variability(rng, sources, kind)
        bands = magnitudes(
            sources["rp1"], sources["g_minus_i"], kind.anchors, kind.scatter_mag, seed
        )
        for band, mags in bands.items():
            sources[band] = mags
        sources["ident"] = np.arange(1, len(sources) + 1) + 1000000 * (seed % 100000)
        return cls(sources, seed=seed)

    def with_movers(self, *movers: Mover) -> "Sky":
        """This sky with more moving objects."""
        return replace(self, movers=self.movers + movers)

    def __add__(self, other: "Sky") -> "Sky":
        """Both skies at once, e.g. two fields far apart (made with different seeds)."""
        return Sky(vstack([self.sources, other.sources]), self.movers + other.movers, self.seed)

    @property
    def stars(self) -> Table:
        """The point sources alone."""
        return self.sources[self.sources["kind"] == STAR]

    def positions_at(
        self, jd: float, sources: Table | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """RA and Dec (deg) of the sources, proper motion applied to the date."""
        table = self.sources if sources is None else sources
        return sphere.propagated(
            table["ra_deg"].data,
            table["dec_deg"].data,
            table["pm_ra_mas_yr"].data,
            table["pm_dec_mas_yr"].data,
            julian_year(jd) - EPOCH_YR,
        )

    def within(self, cone: sphere.Cone) -> Table:
        """Sources inside a cone, at epoch 2016.0."""
        return self.sources[cone.contains(self.sources["ra_deg"], self.sources["dec_deg"])]

    def mover(self, name: str) -> Mover:
        """The moving object that answers to a name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for mover in self.movers:
            if mover.answers_to(name):
                return mover
        raise KeyError(name)


def variability(sources: Table, jd: float) -> FloatArray:
    """Offsets (mag) of the sources from their mean magnitudes at a date."""
    period = np.where(sources["amplitude_mag"] > 0, sources["period_d"], 1.0)
    phase = (jd - 2450000.0) / period + sources["phase"]
    return np.asarray(sources["amplitude_mag"] / 2 * np.sin(2 * np.pi * phase))


def _random_positions(
    rng: np.random.Generator, cone: sphere.Cone, count: int
) -> tuple[FloatArray, FloatArray]:
    """Positions spread evenly over a cap."""
    cos_distance = rng.uniform(np.cos(np.radians(cone.radius_deg)), 1.0, count)
    distance = np.degrees(np.arccos(cos_distance)) * sphere.ARCSEC_PER_DEG
    angle = rng.uniform(0, 2 * np.pi, count)
    east, north = distance * np.sin(angle), distance * np.cos(angle)
    return sphere.shifted(cone.ra_deg, cone.dec_deg, east, north)


def _random_magnitudes(
    rng: np.random.Generator, r_range: tuple[float, float], count: int
) -> FloatArray:
    """Magnitudes whose cumulative number rises as 10^(0.3 m)."""
    low, high = 10 ** (0.3 * r_range[0]), 10 ** (0.3 * r_range[1])
    return np.asarray(np.log10(rng.uniform(low, high, count)) / 0.3)


def _random_colours(rng: np.random.Generator, count: int) -> FloatArray:
    """(g-i)_P1: the two humps of a high-latitude field, F to K dwarfs and M dwarfs."""
    blue = rng.normal(0.65, 0.22, count)
    red = rng.normal(1.9, 0.35, count)
    return np.clip(np.where(rng.random(count) < 0.65, blue, red), 0.22, 2.75)


def _random_stars(rng: np.random.Generator, kind: Field, cone: sphere.Cone, count: int) -> Table:
    """Positions, motions and the two numbers from which all magnitudes follow."""
    fast = np.where(rng.random(count) < 0.02, 10.0, 1.0) * kind.pm_mas_yr
    table = Table()
    table["ident"] = np.zeros(count, np.int64)
    table["kind"] = np.full(count, STAR)
    table["ra_deg"], table["dec_deg"] = _random_positions(rng, cone, count)
    table["pm_ra_mas_yr"] = rng.normal(0, 1, count) * fast
    table["pm_dec_mas_yr"] = rng.normal(0, 1, count) * fast
    table["size_arcsec"] = np.zeros(count)
    table["amplitude_mag"] = np.zeros(count)
    table["period_d"] = np.zeros(count)
    table["phase"] = np.zeros(count)
    table["g_minus_i"] = _random_colours(rng, count)
    table["rp1"] = _random_magnitudes(rng, kind.r_range, count)
    return table


def _with_companions(rng: np.random.Generator, kind: Field, stars: Table) -> Table:
    """Close, fainter neighbours for some of the stars, moving along with them."""
    companions = stars[rng.random(len(stars)) < kind.blend_fraction]
    count = len(companions)
    distance, angle = rng.uniform(1, 4, count), rng.uniform(0, 2 * np.pi, count)
    companions["ra_deg"], companions["dec_deg"] = sphere.shifted(
        companions["ra_deg"].data,
        companions["dec_deg"].data,
        distance * np.sin(angle),
        distance * np.cos(angle),
    )
    companions["rp1"] += rng.uniform(0, 3, count)
    companions["g_minus_i"] = _random_colours(rng, count)
    return vstack([stars, companions])


def _isolated(sources: Table, min_separation_arcsec: float) -> NDArray[np.bool_]:
    """Mask without the fainter member of every close pair (the table is sorted by brightness)."""
    from scipy.spatial import KDTree

    vectors = sphere.unit_vectors(sources["ra_deg"], sources["dec_deg"])
    chord = 2 * np.sin(np.radians(min_separation_arcsec / sphere.ARCSEC_PER_DEG) / 2)
    pairs = KDTree(vectors).query_pairs(chord, output_type="ndarray")
    keep = np.ones(len(sources), bool)
    keep[pairs.max(axis=1)] = False
    return keep


def _add_galaxies(rng: np.random.Generator, sources: Table, kind: Field) -> None:
    """Turn some of the faint sources into galaxies: extended, red, not moving."""
    faint = sources["rp1"] > min(16.5, np.mean(kind.r_range))
    wanted = kind.galaxy_fraction / (1 + kind.galaxy_fraction) / max(faint.mean(), 1e-9)
    galaxy = faint & (rng.random(len(sources)) < wanted)
    sources["kind"][galaxy] = GALAXY
    sources["size_arcsec"][galaxy] = rng.uniform(1.0, 4.0, galaxy.sum())
    sources["g_minus_i"][galaxy] = rng.uniform(0.7, 1.4, galaxy.sum())
    sources["pm_ra_mas_yr"][galaxy] = 0.0
    sources["pm_dec_mas_yr"][galaxy] = 0.0


def _add_variability(rng: np.random.Generator, sources: Table, kind: Field) -> None:
    """Give some of the stars a sinusoidal light curve."""
    varies = (sources["kind"] == STAR) & (rng.random(len(sources)) < kind.variable_fraction)
    sources["amplitude_mag"][varies] = rng.uniform(0.1, 0.6, varies.sum())
    sources["period_d"][varies] = rng.uniform(0.05, 1.0, varies.sum())
    sources["phase"][varies] = rng.random(varies.sum())
