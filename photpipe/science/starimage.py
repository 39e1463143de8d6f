"""The image of a star on a frame: a Moffat profile, spread along the way it trailed.

Curves of growth of bright stars tell its width and its wings. Where the stars trail because the
telescope followed something else, the trail is known from the motion and is taken into account:
what is found is the image of a source that does not trail.
"""

from dataclasses import dataclass

import numpy as np

from photpipe.ground.sky import FloatArray
from photpipe.science import leastsquares
from photpipe.science.forced import circle_parts
from photpipe.science.noise import median

PIXEL_FWHM = 0.68  # that a pixel adds in squares to a profile: sqrt(8 ln 2 / 12)
GAUSSIAN_FWHM = 2.3548  # standard deviations: sqrt(8 ln 2)
TYPICAL_BETA = 3.0  # IRAF has 2.5, turbulence 4.765 (Trujillo et al. 2001, MNRAS 328, 977)
BETA_RANGE = (1.5, 12.0)  # from the widest wings seen to a Gaussian, as good as
FWHM_RANGE_PX = (0.7, 60.0)  # from undersampled to out of focus
RADII = (0.4, 0.55, 0.75, 1.0, 1.3, 1.7)  # of the curves of growth, in units of the aperture
APERTURE = RADII.index(1.0)
# by judgement: beyond the last radius; wide enough for a median
SKY_GAP_PX, SKY_WIDTH_PX = 3.0, 6.0
FEWEST_STARS = 3  # a scatter of fewer is none
# by judgement: no curve of growth is known better, whatever a few stars agree on
SMALLEST_ERROR = 0.002

_TURN = np.pi * (np.arange(48) + 0.5) / 48
_STEPS, _STEP_WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True, slots=True)
class StarImage:
    """Image of a point source that does not trail (Moffat 1969, A&A 3, 455).

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum.
    beta : float
        Exponent of the wings.
    """

    fwhm_px: float
    beta: float = TYPICAL_BETA

    def light(
        self,
        x_px: FloatArray | float,
        y_px: FloatArray | float,
        radius_px: float,
        trail_px: tuple[float, float] = (0.0, 0.0),
    ) -> FloatArray:
        """Part of the light of sources that falls into an aperture.

        Parameters
        ----------
        x_px, y_px : array, shape (n,)
            Places of the sources at mid-exposure, from the centre of the aperture.
        radius_px : float
            Radius of the aperture.
        trail_px : tuple of float
            How far the sources moved over the detector during the exposure.
        """
        x, y = np.atleast_1d(x_px, y_px)
        if trail_px == (0.0, 0.0):
            return self._within(np.hypot(x, y), radius_px)
        apart = np.hypot(
            x[:, None] + 0.5 * trail_px[0] * _STEPS, y[:, None] + 0.5 * trail_px[1] * _STEPS
        )
        return np.asarray(self._within(apart, radius_px) @ _STEP_WEIGHTS / 2)

    def growth(self, radii_px: FloatArray, trail_px: tuple[float, float]) -> FloatArray:
        """Part of the light of a source inside radii around its middle; shape (radii,)."""
        if trail_px == (0.0, 0.0):
            return np.asarray(1.0 - (1.0 + radii_px**2 / self._alpha2) ** (1.0 - self.beta))
        apart = 0.5 * np.hypot(*trail_px) * np.abs(_STEPS)
        return np.asarray(self._within(apart, radii_px[:, None]) @ _STEP_WEIGHTS / 2)

    def surface(
        self, x_px: FloatArray, y_px: FloatArray, trail_px: tuple[float, float] = (0.0, 0.0)
    ) -> FloatArray:
        """Part of the light of a source that falls on each square pixel, sampled at its middle.

        Parameters
        ----------
        x_px, y_px : array, any shape
            Places of the pixels, from the source at mid-exposure.
        trail_px : tuple of float
            How far the source moved over the detector during the exposure.
        """
        alpha2 = self._alpha2
        still = trail_px == (0.0, 0.0)
        total = np.zeros(np.broadcast(x_px, y_px).shape)
        for step, weight in [(0.0, 2.0)] if still else zip(_STEPS, _STEP_WEIGHTS, strict=True):
            x, y = x_px - 0.5 * trail_px[0] * step, y_px - 0.5 * trail_px[1] * step
            total += 0.5 * weight * (1.0 + (x**2 + y**2) / alpha2) ** -self.beta
        return np.asarray(total * (self.beta - 1.0) / (np.pi * alpha2))

    @property
    def _alpha2(self) -> float:
        return float(self.fwhm_px**2 / 4.0 / (2.0 ** (1.0 / self.beta) - 1.0))

    def _within(self, apart_px: FloatArray, radius_px: FloatArray | float) -> FloatArray:
        """Part of the light of still sources inside an aperture, by their distance from it.

        Rings around the source lie inside by the part of their angle that does.
        """
        alpha2, apart = self._alpha2, np.maximum(apart_px, 1e-6)
        nearest, farthest = np.abs(radius_px - apart), radius_px + apart
        middle, half = (nearest + farthest) / 2, (farthest - nearest) / 2
        wholly = 1.0 - (1.0 + nearest**2 / alpha2) ** (1.0 - self.beta)
        apart2, within2 = (apart**2)[..., None], np.asarray(radius_px)[..., None] ** 2
        # dense where the angle changes quickly
        ring = middle[..., None] - half[..., None] * np.cos(_TURN)
        cosine = (ring**2 + apart2 - within2) / (2 * ring * np.sqrt(apart2))
        angle = np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi
        slope = 2 * (self.beta - 1.0) / alpha2 * ring * (1.0 + ring**2 / alpha2) ** -self.beta
        partly = half * ((slope * angle) @ np.sin(_TURN)) * np.pi / _TURN.size
        return np.asarray(partly + np.where(apart_px < radius_px, wholly, 0.0))

    def trail_loss_mag(self, trail_px: tuple[float, float], radius_px: float) -> float:
        """Magnitudes by which a trail makes a source too faint in an aperture on its middle."""
        part, whole = (self.light(0.0, 0.0, radius_px, each)[0] for each in (trail_px, (0.0, 0.0)))
        return float(-2.5 * np.log10(part / whole))


def growth_curves(
    image: FloatArray, x_px: FloatArray, y_px: FloatArray, radii_px: FloatArray
) -> FloatArray:
    """Light of stars inside radii (counts), shape (stars, radii); NaN near edges and bad pixels.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts.
    x_px, y_px : array, shape (stars,)
        Centres in FITS pixels.
    radii_px : array, shape (radii,)
        Radii, ascending.
    """
    inner = radii_px[-1] + SKY_GAP_PX
    reach = int(np.ceil(inner + SKY_WIDTH_PX))
    left, top = (np.asarray(each - 1.0, np.intp) - reach for each in (x_px, y_px))
    size, (ny, nx) = 2 * reach + 1, image.shape
    whole = (np.minimum(left, top) >= 0) & (left + size <= nx) & (top + size <= ny)
    curves = np.full((len(x_px), len(radii_px)), np.nan)
    if not whole.any():
        return curves
    left, top = left[whole], top[whole]
    stamps = np.array(
        [image[y : y + size, x : x + size] for x, y in zip(left, top, strict=True)], float
    )
    along = np.arange(size)
    column, row = x_px[whole] - 1.0 - left, y_px[whole] - 1.0 - top
    apart2 = (along - column[:, None])[:, None] ** 2 + (along - row[:, None])[:, :, None] ** 2
    around = [stamp[ring] for stamp, ring in zip(stamps, apart2 >= inner**2, strict=True)]
    levels = [np.nan if np.isnan(each).any() else median(each) for each in around]
    stamps -= np.array(levels)[:, None, None]
    for index, radius in enumerate(radii_px):
        weights = circle_parts(along, along, column, row, radius)
        curves[whole, index] = np.einsum("ijk,ijk->i", weights, stamps)
    return curves


def fitted(
    curves: FloatArray, radii_px: FloatArray, trail_px: tuple[float, float], fwhm_px: float
) -> StarImage | None:
    """Image of the stars from their curves of growth; None with fewer than three usable stars.

    Parameters
    ----------
    curves : array, shape (stars, radii)
        Light inside the radii.
    radii_px : array, shape (radii,)
        The radii of `RADII` times the aperture.
    trail_px : tuple of float
        Trail of the stars.
    fwhm_px : float
        Width to begin with.
    """
    usable = np.isfinite(curves).all(axis=1) & (curves[:, APERTURE] > 0)
    shapes = curves[usable] / curves[usable, APERTURE][:, None]
    if len(shapes) < FEWEST_STARS:
        return None
    typical = np.median(shapes, axis=0)
    scatter = 1.4826 * np.median(np.abs(shapes - typical), axis=0)
    sigma = np.hypot(SMALLEST_ERROR, 1.25 * scatter / np.sqrt(len(shapes)))

    def misfit(parameters: FloatArray) -> FloatArray:
        image = StarImage(float(np.exp(parameters[0])), float(np.exp(parameters[1])))
        model = image.growth(radii_px, trail_px)
        return np.asarray((model / model[APERTURE] - typical) / sigma)

    bounds = np.log(np.array([FWHM_RANGE_PX, BETA_RANGE])).T
    begin = np.log([fwhm_px, TYPICAL_BETA])
    return StarImage(*np.exp(leastsquares.fitted(misfit, begin, *bounds)).tolist())


def squared_trails_px2(
    a_px: FloatArray, b_px: FloatArray, theta_deg: FloatArray, direction_deg: float
) -> FloatArray:
    """Squares of the lengths of trails along a direction, from the second moments of stars.

    A trail of length L adds L^2 / 12 to the variance along it. One star tells little: noise
    makes squares negative, too. The median of many is what counts.

    Parameters
    ----------
    a_px, b_px, theta_deg : array, shape (n,)
        Axes (rms) and position angle of the stars, counterclockwise from the x axis.
    direction_deg : float
        The direction, measured likewise.
    """
    angle = np.radians(theta_deg - direction_deg)
    # variance along minus across
    return np.asarray(12.0 * (a_px**2 - b_px**2) * np.cos(2 * angle))
