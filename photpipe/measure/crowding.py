"""Where stars crowd: whether they do, and the columns of a fit of the PSF to all of them."""

import math
from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from photpipe.catalogs.measures import CHI2
from photpipe.science import growth, noise, saturation
from photpipe.science.flags import SPOILS_PSF, SourceFlag
from photpipe.science.patches import CrowdedFrame, Patches, RoughStars
from photpipe.science.starimage import GAUSSIAN_FWHM

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BRIGHT_SNR = 10.0  # fainter neighbours change the stars that matter by less than their noise
# stars of S/N 10 per area of an aperture from which on fits are better (benchmarks/crowded.py)
CROWDED = 0.05
# by judgement: smaller apertures are those of undersampled stars, which need as much room
SMALLEST_RADIUS_PX = 4.0
# of a pixel of a star: where the PSF errs by more, as of stars that trail unevenly, apertures are
# better (12 real frames of an error of 5-10 %: a star scatters by 0.020 mag, else by 0.014)
LARGEST_ERROR = 0.03
LINEAR = 0.9  # of the saturation level, below which a star tells the PSF
SMALLEST_FLUX = 1e-3  # counts, to begin a fit with
COMPANY_FWHM = 1.0  # distance of stars that a fit tells apart at the cost of its errors


@dataclass(frozen=True, slots=True)
class PsfOutcome:
    """What came of the fit of a frame.

    Parameters
    ----------
    table : Table
        The catalog with the columns of the fit, and rows of stars that only the fit has found.
    found : int
        Number of those rows.
    stars : int
        Stars that told the PSF.
    fwhm_px, beta : float
        Width and exponent of the wings of the PSF (a Moffat profile).
    error : float
        By which pixels of the stars differ from it.
    residual : array, shape (ny, nx)
        The image without sky and stars.
    """

    table: Table
    found: int
    stars: int
    fwhm_px: float
    beta: float
    error: float
    residual: NDArray[np.floating]


def crowding(bright: int, radius_px: float, shape: tuple[int, int]) -> float:
    """Stars per area of an aperture, of `SMALLEST_RADIUS_PX` at least."""
    area = math.pi * max(radius_px, SMALLEST_RADIUS_PX) ** 2
    return bright * area / (shape[0] * shape[1])


def star_width(fwhm_px: float, table: Table) -> float:
    """Width of the stars (px), one at least; that of all sources where it is not known (NaN)."""
    known = fwhm_px if math.isfinite(fwhm_px) else float(np.median(table["FWHM_IMAGE"]))
    return max(known, 1.0)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The stars of a frame, to be fitted at once.

    Parameters
    ----------
    table : Table
        The catalog of the frame, with numbers in its aperture columns.
    rows : array of int, shape (n,)
        Those of its sources that are fitted.
    patches : Patches
        The frame, and what is known of the fit already.
    """

    table: Table
    rows: NDArray[np.intp]
    patches: Patches

    @classmethod
    def of(
        cls,
        image: FloatArray,
        table: Table,
        fwhm_px: float,
        gain: float | None,
        saturation_adu: float,
    ) -> "Crowd":
        """Get a frame ready.

        Parameters
        ----------
        image : array, shape (ny, nx)
            Counts; NaN where masked.
        fwhm_px : float
            Width of the stars; NaN: not known.
        gain : float or None
            Electrons per count.
        saturation_adu : float
            Level of a saturated pixel.
        """
        level = saturation_adu if math.isfinite(saturation_adu) else math.inf
        good = np.isfinite(image) & ~saturation.saturated_pixels(image, level)
        x, y = (np.asarray(table[name], float) - 1.0 for name in ("XWIN_IMAGE", "YWIN_IMAGE"))
        flux = np.asarray(table["FLUX_ISOCOR"], float)
        peak = np.asarray(table["FLUX_MAX"], float) + np.asarray(table["BACKGROUND"], float)
        usable = (np.asarray(table["FLAGS"], int) & SPOILS_PSF == 0) & (peak < LINEAR * level)
        ny, nx = image.shape
        inside = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5) & np.isfinite(flux)
        rows = np.flatnonzero(inside)
        sources = RoughStars(
            x[rows],
            y[rows],
            np.maximum(flux[rows], SMALLEST_FLUX),
            usable[rows],
            star_width(fwhm_px, table),
            1.0 / gain if gain else 0.0,
        )
        return cls(table, rows, Patches(image, good, sources))

    def fitted(self, radius_px: float) -> PsfOutcome | None:
        """Fit them; None where too few stars tell the PSF.

        Parameters
        ----------
        radius_px : float
            Radius of the aperture: fluxes are the light that falls into it, were a star alone.
        """
        field = self.patches.fitted(radius_px)
        return None if field is None else _outcome(field, self.rows, self.table)


def _outcome(field: CrowdedFrame, rows: NDArray[np.intp], table: Table) -> PsfOutcome:
    """The catalog with the columns of a fit."""
    given = np.flatnonzero(field.origin >= 0)
    found = np.flatnonzero(field.origin < 0)
    own = rows[field.origin[given]]
    extra = _rows_like(table, field, found)
    count = len(table)
    whole = vstack([table, extra], metadata_conflicts="silent") if found.size else table
    at = np.concatenate([own, count + np.arange(found.size)])
    order = np.concatenate([given, found])
    within = field.within[order]
    flux, error = field.flux[order] * within, field.error[order] * within
    positive = (flux > 0) & np.isfinite(error) & (error > 0)
    mag, sig = noise.magnitudes(flux, error, positive)
    values: dict[str, tuple[FloatArray, FloatArray | float]] = {
        "FLUX_PSF": (flux, 0.0),
        "FLUXERR_PSF": (np.where(np.isfinite(error), error, 0.0), 0.0),
        "MAG_PSF": (mag, noise.NO_MAGNITUDE),
        "MAGERR_PSF": (sig, noise.NO_MAGNITUDE),
        "XPSF_IMAGE": (field.x[order] + 1.0, np.asarray(whole["XWIN_IMAGE"], float)),
        "YPSF_IMAGE": (field.y[order] + 1.0, np.asarray(whole["YWIN_IMAGE"], float)),
        "ERRPSF_IMAGE": (
            np.minimum(field.place_error_px[order], field.fwhm_px),
            np.asarray(whole["ERRAWIN_IMAGE"], float),
        ),
        CHI2: (field.chi[order] ** 2, math.nan),
    }
    for name, (of_stars, otherwise) in values.items():
        column = np.empty(len(whole))
        column[:] = otherwise
        column[at] = of_stars
        whole[name] = column
    company = growth.neighbour_light(
        field.x[order], field.y[order], flux, COMPANY_FWHM * field.fwhm_px
    )
    flags = np.asarray(whole["FLAGS"]).copy()
    kept = ~np.array(SourceFlag.CROWDED | SourceFlag.BLENDED, flags.dtype)
    blended = np.where(company > growth.NEIGHBOUR_LIGHT, int(SourceFlag.BLENDED), 0)
    flags[at] = (flags[at] & kept) | blended.astype(flags.dtype)
    whole["FLAGS"] = flags
    return PsfOutcome(
        whole,
        int(found.size),
        field.stars,
        field.fwhm_px,
        field.beta,
        field.psf_error,
        field.residual,
    )


def _rows_like(table: Table, field: CrowdedFrame, found: NDArray[np.intp]) -> Table:
    """Rows for stars that only the fit has found: nothing was measured of them in an aperture."""
    from scipy.spatial import KDTree

    places = np.column_stack([np.asarray(table[name], float) for name in ("X_IMAGE", "Y_IMAGE")])
    x, y = field.x[found] + 1.0, field.y[found] + 1.0
    _, nearest = KDTree(places).query(np.column_stack([x, y]))
    extra = table[np.asarray(nearest, int)].copy()
    width = field.fwhm_px
    flux = np.maximum(field.flux[found], SMALLEST_FLUX)
    numbers = {
        **dict.fromkeys(("XWIN_IMAGE", "X_IMAGE"), x),
        **dict.fromkeys(("YWIN_IMAGE", "Y_IMAGE"), y),
        **dict.fromkeys(("FLUX_ISOCOR", "FLUX_AUTO"), flux),
        **dict.fromkeys(("FLUXERR_ISOCOR", "FLUXERR_AUTO"), field.error[found]),
        **dict.fromkeys(("MAG_ISOCOR", "MAG_AUTO"), -2.5 * np.log10(flux)),
        **dict.fromkeys(("MAGERR_ISOCOR", "MAGERR_AUTO"), noise.POGSON * field.error[found] / flux),
        **dict.fromkeys(("FLUX_APER", "FLUXERR_APER"), 0.0),
        **dict.fromkeys(("MAG_APER", "MAGERR_APER"), noise.NO_MAGNITUDE),
        "FLUX_MAX": flux * field.peak[found],
        "FWHM_IMAGE": width,
        "FLUX_RADIUS": float(np.median(table["FLUX_RADIUS"])),
        "FLAGS": 0,
        **dict.fromkeys(("A_IMAGE", "B_IMAGE"), width / GAUSSIAN_FWHM),
        **dict.fromkeys(("ERRAWIN_IMAGE", "ERRBWIN_IMAGE"), field.place_error_px[found]),
    }
    for name, values in numbers.items():
        extra[name] = values
    return extra
