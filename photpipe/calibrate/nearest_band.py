"""Which band a frame is nearest to, as its stars show it.

In the band of the filter, catalog and frame differ by the same number of magnitudes for stars of
all colours. The slope of that difference against colour tells of another filter than the header
names: V minus Gaia G, for instance, has 0.3 mag per mag of g-r.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photpipe.catalogs import calibrators
from photpipe.ground import bands
from photpipe.ground.errors import ReductionError

if TYPE_CHECKING:
    from photpipe.calibrate.series import FrameSeries
    from photpipe.catalogs.table import SourceTable

FloatArray = NDArray[np.float64]

# a slope with an error needs several stars beyond the two that make it; by judgement
FEWEST_STARS = 12
LEAST_SPREAD_MAG = 0.12  # of the colours, rms
# one good star in 2150 lies beyond; by then the clipped set no longer changes, mostly
CLIP_SIGMA, CLIP_ROUNDS = 3.5, 4
MAD_TO_SIGMA = 1.4826022185056018
LEAST_SLOPE = 0.15  # mag per mag: real filters of a band differ by less
SURE_SIGMA = 5.0  # by judgement: a false alarm would send people looking for a wrong filter
NEARER = 0.5  # the slope that is left in the other band, at most


@dataclass(frozen=True, slots=True)
class Likeness:
    """How the stars of a field behave; slopes in mag per mag of `colour`, NaN if unknown.

    Parameters
    ----------
    colour : str
        Colour of the catalog, e.g. "g-r"; empty if nothing is known.
    slope, error : float
        Slope in the band of the filter, and its error.
    nearest : str
        Band of the catalog with the least slope.
    nearest_slope : float
        Slope in that band.
    """

    colour: str = ""
    slope: float = math.nan
    error: float = math.nan
    nearest: str = ""
    nearest_slope: float = math.nan

    @property
    def contradicts(self) -> bool:
        """Whether the stars are clearly those of another band than that of the filter."""
        return abs(self.slope) > max(LEAST_SLOPE, SURE_SIGMA * self.error) and abs(
            self.nearest_slope
        ) < NEARER * abs(self.slope)


def likeness(series: "FrameSeries", band: str) -> Likeness:
    """Compare the frames of a field with all bands of their catalog.

    Parameters
    ----------
    series : FrameSeries
        Frames, reference stars in `band`, and fits.
    band : str
        Band of the filter.
    """
    known = calibrators.solar_colors_of(series.stars)
    if not known or not series.calibrated:
        return Likeness()
    blue, red = known[0].color
    stars, difference, variance = series.averaged()
    colour = (series.stars.column(f"{blue}mag") - series.stars.column(f"{red}mag"))[stars]
    instrumental = series.stars.column("mag")[stars] - difference
    slopes = {}
    for name in _candidates(series.stars, band):
        try:
            mag = calibrators.in_band(series.stars, name, everywhere=True).column("mag")[stars]
        except ReductionError:
            continue
        found = slope_of(colour, mag - instrumental, variance)
        if found is not None:
            slopes[name] = found
    own = slopes.get(bands.reference(band))
    if own is None:
        return Likeness()
    nearest = min(slopes, key=lambda name: abs(slopes[name][0]))
    return Likeness(f"{blue}-{red}", *own, nearest, slopes[nearest][0])


def _candidates(stars: "SourceTable", band: str) -> list[str]:
    """Bands to compare with, that of the filter first."""
    every = calibrators.bands_of(calibrators.description_of(stars))
    return list(dict.fromkeys([bands.reference(band), *(name.rstrip("*") for name in every)]))


def slope_of(
    colour: FloatArray, difference: FloatArray, variance: FloatArray
) -> tuple[float, float] | None:
    """Slope of a difference against colour, and its error, without outliers; None if too few.

    Parameters
    ----------
    colour, difference, variance : array, shape (n,)
        Magnitudes, and the variance of the differences; NaN where unknown.
    """
    keep = np.isfinite(colour) & np.isfinite(difference) & np.isfinite(variance)
    slope, error = math.nan, math.nan
    for _ in range(CLIP_ROUNDS):
        if keep.sum() < FEWEST_STARS or float(np.std(colour[keep])) < LEAST_SPREAD_MAG:
            return None
        middle = float(np.mean(colour[keep]))
        scatter = _scatter(difference[keep])
        weight = 1.0 / (variance + scatter**2 / 4)
        design = np.stack([np.ones_like(colour), colour - middle], axis=1)
        covariance = np.linalg.inv(design[keep].T @ (design[keep] * weight[keep, None]))
        terms = covariance @ (design[keep].T @ (weight[keep] * difference[keep]))
        residual = difference - design @ terms
        chi2 = float(np.sum(weight[keep] * residual[keep] ** 2)) / (keep.sum() - 2)
        slope, error = float(terms[1]), math.sqrt(covariance[1, 1] * max(chi2, 1e-6))
        keep &= np.abs(residual) < CLIP_SIGMA * max(_scatter(residual[keep]), 1e-3)
    return slope, error


def _scatter(values: FloatArray) -> float:
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))
