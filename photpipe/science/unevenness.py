"""How much the same star's brightness differs across the field, after calibration.

What a flat field leaves, and a width of the stars that is not the same everywhere, changes
magnitudes slowly over a frame. The residuals of the reference stars show it, buried in the errors
of their catalog: the map is a polynomial of second degree whose coefficients have a common
scatter, and both are averaged over all scatters that may be (a Gaussian process of few terms;
Rasmussen & Williams 2006, chapter 2.7).
"""

from dataclasses import dataclass

import numpy as np

from photpipe.ground.sky import FloatArray

# Where the stars tell nothing. Sky flats are even to a few parts in a thousand: 1 % of light
# lost in the corners is a scatter of 0.0023 mag.
USUAL_MAG = 0.002
SMALLEST_MAG, LARGEST_MAG = 1e-4, 0.3  # from nothing to what no flat field leaves
GRID = 40  # steps of 22 % of the scatter of a map, of which a hundred stars leave more open
CATALOG_GRID, CATALOG_RANGE = 24, (0.05, 10.0)  # errors of the catalog, in units of those quoted
FEWEST_STARS = 3  # by judgement: two residuals tell no scatter


@dataclass(frozen=True, slots=True)
class Unevenness:
    """What differs across a field.

    Parameters
    ----------
    scatter_mag : float
        Root mean square of the map over the frame, what is not known of it included.
    coefficients : tuple of float
        The map (mag, catalog minus frame), to be used with `even_terms`.
    """

    scatter_mag: float
    coefficients: tuple[float, ...]


def even_terms(x_px: FloatArray, y_px: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Polynomials whose mean square over the frame is 1, each without the others; shape (n, 5).

    Parameters
    ----------
    x_px, y_px : array, shape (n,)
        FITS pixels.
    shape : (ny, nx)
    """
    u, v = 2 * (x_px - 0.5) / shape[1] - 1, 2 * (y_px - 0.5) / shape[0] - 1
    squares = [np.sqrt(5) / 2 * (3 * each**2 - 1) for each in (u, v)]
    return np.column_stack([np.sqrt(3) * u, np.sqrt(3) * v, 3 * u * v, *squares])


def unevenness(
    x_px: FloatArray,
    y_px: FloatArray,
    residual_mag: FloatArray,
    variance_mag2: FloatArray,
    reference_variance_mag2: FloatArray,
    shape: tuple[int, int],
) -> Unevenness:
    """The map that residuals of stars show, and its scatter.

    Parameters
    ----------
    x_px, y_px, residual_mag, variance_mag2 : array, shape (n,)
        Places (FITS pixels), catalog minus calibrated magnitudes, and the variances of the
        measurements.
    reference_variance_mag2 : array, shape (n,)
        Variances of the catalog: of which only the proportion counts. A floor under them, which is
        right for zeropoints, would hide the map.
    shape : (ny, nx)
        Of the frame.
    """
    if len(residual_mag) < FEWEST_STARS:
        return Unevenness(USUAL_MAG, ())
    terms = even_terms(x_px, y_px, shape)
    design = np.column_stack([np.ones(len(terms)), terms])
    count = terms.shape[1]
    scatter = np.geomspace(SMALLEST_MAG, LARGEST_MAG, GRID)
    typical = float(np.sqrt(np.median(reference_variance_mag2)))
    relative = reference_variance_mag2 / typical**2
    of_catalog = typical * np.geomspace(*CATALOG_RANGE, CATALOG_GRID)
    known = np.zeros((GRID, count + 1, count + 1))
    known[:, range(1, count + 1), range(1, count + 1)] = (count / scatter**2)[:, None]
    evidence = np.empty((of_catalog.size, GRID))
    means = np.empty((*evidence.shape, count))
    squares = np.empty(evidence.shape)
    for row, extra in enumerate(of_catalog):
        weight = 1 / (variance_mag2 + extra**2 * relative)
        weighted = design * weight[:, None]
        covariance = np.linalg.inv(design.T @ weighted + known)
        right = weighted.T @ residual_mag
        found = covariance @ right
        likelihood = np.log(weight).sum() - weight @ residual_mag**2 + found @ right
        evidence[row] = 0.5 * (
            likelihood + np.linalg.slogdet(covariance)[1] + count * np.log(count / scatter**2)
        )
        # the prior of the catalog's scatter is that of `zeropoint`, for the steps of this grid
        evidence[row] += np.log(extra / (typical + extra))
        means[row] = found[:, 1:]
        own = np.diagonal(covariance, axis1=1, axis2=2)[:, 1:]
        squares[row] = np.sum(found[:, 1:] ** 2 + own, axis=1)
    evidence += np.log(scatter) - scatter / USUAL_MAG  # exponential, for logarithmic steps
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    coefficients = np.tensordot(share, means, axes=2)
    return Unevenness(float(np.sqrt(np.sum(share * squares))), tuple(coefficients.tolist()))
