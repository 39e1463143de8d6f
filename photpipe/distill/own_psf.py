"""A target without its neighbours where no other frame shows the place: by the frame's own PSF.

Target and neighbours are fitted together on the pixels around them; what the neighbours are by that
fit is taken away, and the target is measured on what is left, as on the difference of frames. Stars
that the fit cannot tell from the target have the light that the catalog says.
"""

import math
from dataclasses import dataclass

import numpy as np

from photpipe.distill.clean import Region
from photpipe.distill.measured_frame import MeasuredFrame
from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science import crowded, psf
from photpipe.science.flags import SPOILS_PSF
from photpipe.science.forced import aperture_weights
from photpipe.science.together import Beforehand, Cutting, Noise, fitted_together

# of the light of a star in the aperture, by which its image is wrong: `benchmarks/passages.py`
MISFIT = 0.02
# of a pixel of a star: where stars of S/N 40 to 4,000 tell a PSF, it seems off by 0.05, though by
# the bright pixels it is by 0.02; 40 points beside stars as bright then have a pull of 0.93
LARGEST_PSF_ERROR = 0.06
# relative error of a catalogued star in the band of the frame: colour, variability, blends
CATALOG_ERROR = 0.06
PLACE_ERROR_PX = 0.15  # by judgement: of a catalogued star, WCS and proper motion included
TARGET_PLACE_FWHM = 0.15  # by judgement: of a target that the series shows
MARGIN_FWHM = 1.5  # by judgement: of the pixels that are fitted, beyond the aperture
WORST_CHI = 3.0  # by judgement: what is left is not noise any more
# By judgement: apertures around a neighbour, some of which fall on others; how sure it has to be
# that light is left in them; and by which part of it an elongated galaxy has more on one side. On
# a night of ten slow targets it is for 8 of 10 points beside a galaxy, for none of 49 beside stars.
TURNS, FEWEST_TURNS, LEFT_SIGMA, UNROUND = 12, 4, 3.0, 0.3


@dataclass(frozen=True, slots=True)
class OwnDifference:
    """A frame around a target, and what is left without its neighbours.

    Parameters
    ----------
    window : Region
        Where it is on the frame.
    raw, template, difference : array, shape (n, n)
        Counts above the sky; the template is what the fit makes of the neighbours.
    covariance : array, shape (k, k)
        Of their fluxes.
    light : array, shape (k, n, n)
        Each neighbour of one count.
    stars : array, shape (k, 3)
        Their places (FITS pixels) and counts.
    pixel_noise : float
        Noise of a pixel of sky (counts).
    """

    window: Region
    raw: FloatArray
    template: FloatArray
    difference: FloatArray
    covariance: FloatArray
    light: FloatArray
    stars: FloatArray
    pixel_noise: float

    @property
    def by(self) -> str:
        """How the neighbours were found, in words."""
        return "by the PSF of the frame"

    def error(self, x_px: float, y_px: float, radius_px: float) -> float:
        """Error (counts) of an aperture, as far as it is due to the fluxes of the neighbours."""
        parts = self._parts(x_px, y_px, radius_px)
        return math.sqrt(max(float(parts @ self.covariance @ parts), 0.0))

    def misfit(self, x_px: float, y_px: float, radius_px: float) -> float:
        """Error (counts) of an aperture, as far as it is due to the PSF."""
        weights = self._weights(x_px, y_px, radius_px)
        return MISFIT * float(np.sum(weights * np.abs(self.template)))

    def left_beside(self, x_px: float, y_px: float, radius_px: float) -> tuple[float, float]:
        """Light (counts) that a neighbour that is no star leaves in an aperture, and its error.

        As much as is left, in the median, in apertures as far from it on its other sides; a star
        leaves nothing.
        """
        share = self._parts(x_px, y_px, radius_px) * self.stars[:, 2]
        at = complex(*self.stars[int(np.argmax(share)), :2])
        arm = complex(x_px, y_px) - at
        angles = np.arange(1, TURNS) * 2j * np.pi / TURNS
        places = at + arm * np.exp(angles)
        places = places[np.abs(places - at - arm) > 2 * radius_px]
        level = float(np.nanmedian(self.difference))
        weights = [self._weights(each.real, each.imag, radius_px) for each in places]
        area = math.pi * radius_px**2
        sums = np.array([np.sum(each * (self.difference - level)) for each in weights])
        whole = np.array([each.sum() > 0.99 * area for each in weights], bool)
        known = sums[whole & np.isfinite(sums)] if sums.size else sums
        if known.size < FEWEST_TURNS:
            return 0.0, 0.0
        apart = min(known.size, math.floor(np.pi * abs(arm) / radius_px))  # that do not overlap
        noise = self.pixel_noise * math.sqrt(area)
        error = 1.25 * max(noise, float(np.std(known))) / math.sqrt(max(apart, 1))
        left = float(np.median(known))
        if left < LEFT_SIGMA * error:
            return 0.0, 0.0
        return left, math.hypot(error, UNROUND * left)

    def _parts(self, x_px: float, y_px: float, radius_px: float) -> FloatArray:
        weights = self._weights(x_px, y_px, radius_px)
        return np.asarray(np.tensordot(self.light, weights, 2))

    def _weights(self, x_px: float, y_px: float, radius_px: float) -> FloatArray:
        size = self.window.size
        column, row = x_px - 1 - self.window.left, y_px - 1 - self.window.top
        return aperture_weights((size, size), column, row, radius_px)


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of a frame, all of a small one, with its PSF.

    Parameters
    ----------
    left, top : int
        Its first column and row, counted from 0.
    image, good : array, shape (ny, nx)
        Counts, and the pixels that count.
    tables : Tables or None
        Its PSF; None if too few stars tell it, or it does not describe them.
    """

    left: int
    top: int
    image: FloatArray
    good: BoolArray
    tables: psf.Tables | None

    @classmethod
    def of(
        cls, calibrated: MeasuredFrame, pixels: FloatArray, good: BoolArray, corner: tuple[int, int]
    ) -> "Patch":
        """Patch of a frame from these pixels, whose PSF its well measured stars tell."""
        names = ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_APER")
        x, y, flux = (calibrated.column(name) for name in names)
        x, y = x - 1.0 - corner[0], y - 1.0 - corner[1]
        ny, nx = pixels.shape
        inside = (x > -0.5) & (y > -0.5) & (x < nx - 0.5) & (y < ny - 0.5)  # none of NaN is
        seen = np.flatnonzero(inside & (flux > 0))
        flags = np.asarray(calibrated.sources["FLAGS"], int)[seen]
        found = crowded.fitted_field(
            np.nan_to_num(pixels),
            good,
            x[seen],
            y[seen],
            flux[seen],
            (flags & SPOILS_PSF) == 0,
            max(calibrated.fwhm_px, 1.0),
            calibrated.photon_counts,
            rounds=0,
        )
        describes = found is not None and found.psf.error <= LARGEST_PSF_ERROR
        return cls(*corner, pixels, good, found.psf.tables() if found and describes else None)


def corner_around(at_px: float, length: int, side: int) -> int:
    """First row or column of a part around a place: even, and the same for places nearby."""
    step = side // 4
    first = round((at_px - side / 2) / step) * step
    return max(0, min(first, (length - side) // 2 * 2))


def own_difference(
    calibrated: MeasuredFrame,
    patch: Patch,
    target: tuple[float, float, float],
    trail_px: tuple[float, float],
    stars: FloatArray,
    reach_px: float,
) -> OwnDifference | str:
    """What is left around a target without its neighbours, or why that is not known.

    Parameters
    ----------
    patch : Patch
        Of the frame, with a PSF.
    target : (x, y, counts)
        Its place (FITS pixels), and its light in the aperture, roughly.
    trail_px : (float, float)
        How far it moves against the stars during the exposure.
    stars : array, shape (n, 3)
        Neighbours likewise, their light in apertures of their own.
    reach_px : float
        Half the size of the window, as far as the sky is measured.
    """
    if patch.tables is None:
        return "no PSF describes the stars of the frame"
    tables, (ny, nx) = patch.tables, patch.image.shape
    fwhm = tables.psf.shape.fwhm_px
    of_frame = Region(target[0], target[1], math.ceil(reach_px))
    target = target[0] - patch.left, target[1] - patch.top, target[2]
    stars = stars - [patch.left, patch.top, 0.0]
    window = Region(target[0], target[1], math.ceil(reach_px))
    rows = np.arange(window.top, window.top + window.size)
    columns = np.arange(window.left, window.left + window.size)
    if rows[0] < 0 or columns[0] < 0 or rows[-1] >= ny or columns[-1] >= nx:
        return "too near to the edge for the PSF of the frame"
    cut = np.ix_(rows, columns)
    counts, known = patch.image[cut].astype(float), patch.good[cut]
    apart = np.hypot(columns - (target[0] - 1.0), (rows - (target[1] - 1.0))[:, None])
    fitted = known & (apart <= calibrated.radius_px + MARGIN_FWHM * fwhm)
    if fitted.sum() < 4 * (len(stars) + 1) or not known[apart < calibrated.radius_px].all():
        return "bad or saturated pixels around it"
    try:
        found = fitted_together(
            tables,
            Cutting(counts, window.left, window.top, fitted),
            _known(tables.psf, calibrated.radius_px, target, trail_px, stars),
            Noise(calibrated.pixel_noise_counts, calibrated.photon_counts, MISFIT),
        )
    except np.linalg.LinAlgError:
        return "the pixels around it do not tell it from its neighbours"
    if found.chi > WORST_CHI:
        return "the PSF of the frame does not describe it"
    raw = np.where(known, counts - found.sky, np.nan)
    template = np.tensordot(found.flux[1:], found.light[1:], 1)
    places = np.column_stack([stars[:, :2] + [patch.left, patch.top], found.flux[1:]])
    return OwnDifference(
        *(of_frame, raw, template, raw - template, found.covariance[1:, 1:], found.light[1:]),
        *(places, calibrated.pixel_noise_counts),
    )


def _known(
    of_frame: psf.Psf,
    radius_px: float,
    target: tuple[float, float, float],
    trail_px: tuple[float, float],
    stars: FloatArray,
) -> Beforehand:
    """Target and neighbours as a fit wants them: only the light of the target is free."""
    x, y, counts = np.vstack([target, stars]).T
    flux = np.maximum(counts, 1.0) / of_frame.within(radius_px)
    flux_error = CATALOG_ERROR * flux
    flux_error[0] = np.inf
    place_error = np.full(len(x), PLACE_ERROR_PX)
    place_error[0] = TARGET_PLACE_FWHM * of_frame.shape.fwhm_px
    trails = np.zeros((len(x), 2))
    trails[0] = trail_px
    return Beforehand(x - 1.0, y - 1.0, flux, place_error, flux_error, trails)
