"""A few stars fitted together on the pixels around them, with what is known of them before.

Of a star that cannot be told from its neighbour the light and the place must be known from
elsewhere: both enter as measurements with errors of their own (a Gaussian prior).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photpipe.science.psf import Tables

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

ROUNDS = 6  # a bound: steps have settled by then
STEP_PX = 1.0  # by judgement: of the points of which a trail is made; narrower than any star
LARGEST_STEP_PX = 0.5  # a fit is linear over less than this


@dataclass(frozen=True, slots=True)
class Beforehand:
    """What is known of stars before a fit; arrays of shape (n,).

    Parameters
    ----------
    x, y : array
        Places in the image, from 0.
    flux : array
        Light (counts).
    place_error_px, flux_error : array
        Errors; infinite: nothing is known.
    trail_px : array, shape (n, 2)
        How far each moves against the stars that tell the PSF during the exposure.
    """

    x: FloatArray
    y: FloatArray
    flux: FloatArray
    place_error_px: FloatArray
    flux_error: FloatArray
    trail_px: FloatArray


@dataclass(frozen=True, slots=True)
class Cutting:
    """Pixels of an image: counts, the first column and row, and which of them are fitted."""

    counts: FloatArray
    left: int
    top: int
    fitted: BoolArray


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of a pixel of sky, photon noise per count, and relative error of the PSF."""

    sky: float
    photons: float
    psf: float


@dataclass(frozen=True, slots=True)
class Together:
    """Stars that were fitted together.

    Parameters
    ----------
    flux : array, shape (n,)
        Light of each (counts).
    covariance : array, shape (n, n)
        Of it.
    light : array, shape (n, ny, nx)
        Each star on the window, of one count.
    sky : float
        Level of the sky.
    chi : float
        Scatter of what is left in units of what is expected.
    """

    flux: FloatArray
    covariance: FloatArray
    light: FloatArray
    sky: float
    chi: float


def drawn(tables: Tables, window: Cutting, x: float, y: float, trail: FloatArray) -> FloatArray:
    """A star of one count on a window, and its changes right and up; shape (3, ny, nx)."""
    count = 1 + 2 * math.ceil(float(np.hypot(*trail)) / STEP_PX)
    # n points have 1 - 1 / n^2 of the variance of the line on which they stand
    along = (np.arange(count) + 0.5) / count - 0.5
    along /= math.sqrt(max(1.0 - count**-2.0, 0.5))
    places = np.array([[x, y]]) + along[:, None] * trail
    return np.asarray(np.mean([_still(tables, window, *each) for each in places], axis=0))


def _still(tables: Tables, window: Cutting, x: float, y: float) -> FloatArray:
    """A star that does not move, likewise."""
    stamps = tables.stamps(
        np.array([x]), np.array([y]), float(tables.psf.mesh.half_px), slopes=True
    )
    assert stamps.right is not None and stamps.up is not None
    ny, nx = window.counts.shape
    row = stamps.pixel[0] // tables.psf.frame[1] - window.top
    column = stamps.pixel[0] % tables.psf.frame[1] - window.left
    ours = (stamps.value[0] != 0.0) & (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
    canvas = np.zeros((3, ny, nx))
    values = np.stack([stamps.value[0], stamps.right[0], stamps.up[0]])
    canvas[:, row[ours], column[ours]] = values[:, ours]
    return canvas


def fitted_together(tables: Tables, window: Cutting, known: Beforehand, noise: Noise) -> Together:
    """Fit stars and a level sky.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the pixels tell nothing of a star of which nothing is known.
    """
    counts, fitted = window.counts, window.fitted
    x, y, flux = known.x.copy(), known.y.copy(), known.flux.copy()
    sky = float(np.median(counts[fitted]))
    prior = np.zeros(1 + 3 * x.size)
    prior[1::3] = 1.0 / known.flux_error**2
    prior[2::3] = prior[3::3] = 1.0 / known.place_error_px**2
    for _ in range(ROUNDS):
        stars = list(zip(x, y, known.trail_px, strict=True))
        light = np.array([drawn(tables, window, *each) for each in stars])
        model = np.tensordot(flux, light[:, 0], 1)
        variance = noise.sky**2 + noise.photons * np.maximum(model, 0.0)
        weight = 1.0 / np.sqrt(variance + (noise.psf * model) ** 2)[fitted]
        scaled = light[:, :, fitted]
        scaled[:, 1:] *= flux[:, None, None]
        design = np.vstack([np.ones(weight.size), scaled.reshape(-1, weight.size)]) * weight
        left = (counts - sky - model)[fitted] * weight
        off = np.column_stack([known.flux - flux, known.x - x, known.y - y]).ravel()
        normal = design @ design.T + np.diag(prior)
        step = np.linalg.solve(normal, design @ left + prior * np.concatenate([[0.0], off]))
        sky += float(step[0])
        flux = flux + step[1::3]
        x = x + np.clip(step[2::3], -LARGEST_STEP_PX, LARGEST_STEP_PX)
        y = y + np.clip(step[3::3], -LARGEST_STEP_PX, LARGEST_STEP_PX)
    chi = math.sqrt(float(left @ left) / max(left.size - prior.size, 1))
    stars = list(zip(x, y, known.trail_px, strict=True))
    light = np.array([drawn(tables, window, *each)[0] for each in stars])
    covariance = np.asarray(np.linalg.inv(normal)[1::3, 1::3], float) * max(chi, 1.0) ** 2
    return Together(flux, covariance, light, sky, chi)
