"""Crowded frames of any size: fitted patch by patch, each with its own PSF.

A fit needs 40 to 80 bytes for each pixel that it sees; a patch bounds it. Patches overlap: every
star is fitted with its neighbours; of two fits of a star that of the patch which it lies on counts.
"""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photpipe.science.crowded import (
    APART_FWHM,
    STAR_COLUMNS,
    CrowdedField,
    FittedStars,
    fitted_field,
)
from photpipe.science.psf import Psf

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# by judgement: of the largest patch; a detector of 2048 pixels and its overscan are one piece, and
# a fit of it takes up to 0.4 GB
PATCH_PX = 2304
MARGIN_PX = 48  # stars are drawn over 32 pixels (`science.psf`): neighbours, and some of theirs
SEAM_PX = 0.5  # by judgement: by which two fits of a star may place it differently


@dataclass(frozen=True, slots=True)
class RoughStars:
    """Sources to begin with.

    Parameters
    ----------
    x, y, flux : array, shape (n,)
        Places on the frame from 0, rough counts.
    usable : bool array, shape (n,)
        Which may tell the PSF: clear of saturation, edges and defects.
    fwhm_px : float
        Width of a star, roughly.
    photons : float
        Variance of a count of light per count (1 / gain).
    """

    x: FloatArray
    y: FloatArray
    flux: FloatArray
    usable: BoolArray
    fwhm_px: float
    photons: float


@dataclass(frozen=True, slots=True)
class CrowdedFrame(FittedStars):
    """What a frame of many stars shows.

    Parameters
    ----------
    within, peak : array, shape (n,)
        Part of the light in an aperture, and on a pixel, on whose middle the star is.
    stars : int
        Stars that told the PSF.
    fwhm_px, beta, psf_error : float
        Width, exponent of the wings and error of the PSF: the median of the patches.
    residual : array, shape (ny, nx)
        What is left; NaN on patches without a source.
    """

    within: FloatArray
    peak: FloatArray
    stars: int
    fwhm_px: float
    beta: float
    psf_error: float
    residual: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class _Patch:
    """A part of a frame: its own rows and columns, and those with its margin."""

    core: tuple[slice, slice]
    whole: tuple[slice, slice]

    def has(self, x: FloatArray, y: FloatArray, beyond_px: float = 0.0) -> BoolArray:
        """Which places on the frame are its own, or that near to it."""
        rows, columns = self.core
        inside = (x >= columns.start - 0.5 - beyond_px) & (x < columns.stop - 0.5 + beyond_px)
        inside &= (y >= rows.start - 0.5 - beyond_px) & (y < rows.stop - 0.5 + beyond_px)
        return np.asarray(inside)

    @property
    def core_of_whole(self) -> tuple[slice, slice]:
        """Where its own pixels are among those with the margin."""
        rows, columns = (
            slice(own.start - all_.start, own.stop - all_.start)
            for own, all_ in zip(self.core, self.whole, strict=True)
        )
        return rows, columns


def _cut(shape: tuple[int, ...]) -> list[_Patch]:
    """Patches of a frame, of equal sizes, row by row."""
    sides = []
    for length in shape:
        edges = np.linspace(0, length, math.ceil(length / PATCH_PX) + 1).astype(int).tolist()
        sides.append(
            [
                (slice(*ends), slice(max(0, ends[0] - MARGIN_PX), min(length, ends[1] + MARGIN_PX)))
                for ends in itertools.pairwise(edges)
            ]
        )
    return [_Patch(*zip(*both, strict=True)) for both in itertools.product(*sides)]


class Patches:
    """A frame in patches, each fitted when somebody asks.

    Parameters
    ----------
    image : array, shape (ny, nx)
        Counts.
    good : bool array
        Pixels that count: neither masked nor saturated.
    sources : RoughStars
        All of them on the frame.
    """

    def __init__(self, image: NDArray[np.floating], good: BoolArray, sources: RoughStars) -> None:
        self._image, self._good, self._sources = image, good, sources
        self._patches = _cut(image.shape)
        self._fields: dict[int, CrowdedField | None] = {}

    def psf_error(self) -> float:
        """By which pixels of stars differ from the PSF of their patch; infinite without one.

        Of a frame of many patches, those in two corners and in the middle tell it.
        """
        last = len(self._patches) - 1
        tried = [self._own(number) for number in sorted({0, last // 2, last})]
        return float(np.median([each.psf.error if each else math.inf for each in tried]))

    def fitted(self, radius_px: float) -> CrowdedFrame | None:
        """All stars, with apertures of a radius; None where too few tell any PSF."""
        own = [self._own(number) for number in range(len(self._patches))]
        if not any(own):
            return None
        found = [
            field or self._fit(number, self._borrowed(number)) for number, field in enumerate(own)
        ]
        return self._joined(found, radius_px)

    def _own(self, number: int) -> CrowdedField | None:
        """A patch with its own PSF; None where too few stars tell one."""
        if number not in self._fields:
            self._fields[number] = self._fit(number)
        return self._fields[number]

    def _borrowed(self, number: int) -> Psf:
        """The PSF of the nearest patch that has one, as it is there in the mean."""

        def apart_px(other: int) -> float:
            corners = (self._patches[each].core for each in (number, other))
            return math.dist(*((rows.start, columns.start) for rows, columns in corners))

        nearest = min((other for other, field in self._fields.items() if field), key=apart_px)
        field = self._fields[nearest]
        assert field is not None
        return field.psf

    def _fit(self, number: int, known: Psf | None = None) -> CrowdedField | None:
        """A patch with its own PSF or a known one: its stars on the frame, its own pixels."""
        patch, given = self._patches[number], self._sources
        top, left = (side.start for side in patch.whole)
        seen = np.flatnonzero(patch.has(given.x, given.y, MARGIN_PX))
        if not seen.size:
            return None
        field = fitted_field(
            np.asarray(self._image[patch.whole], float),
            self._good[patch.whole],
            given.x[seen] - left,
            given.y[seen] - top,
            given.flux[seen],
            given.usable[seen],
            given.fwhm_px,
            given.photons,
            known=known,
        )
        if field is None:
            return None
        x, y = field.x + left, field.y + top
        origin = np.where(field.origin >= 0, seen[field.origin], -1)
        is_given = origin >= 0
        rows = np.flatnonzero(
            np.where(
                is_given,
                patch.has(given.x[origin], given.y[origin]),
                patch.has(x, y, SEAM_PX),
            )
        )
        own = field.take(rows)
        return replace(
            own,
            x=x[rows],
            y=y[rows],
            origin=origin[rows],
            residual=field.residual[patch.core_of_whole].astype(np.float32),
        )

    def _joined(self, found: list[CrowdedField | None], radius_px: float) -> CrowdedFrame:
        """The stars of all patches, each once."""
        residual = np.full(self._image.shape, np.nan, np.float32)
        for patch, field in zip(self._patches, found, strict=True):
            if field:
                residual[patch.core] = field.residual
        fields = [field for field in found if field]
        psfs = [field.psf for field in fields]
        patch_of = np.repeat(np.arange(len(fields)), [field.x.size for field in fields])

        x, y, origin = (_column(fields, name) for name in ("x", "y", "origin"))
        fwhm_px = float(np.median([psf.shape.fwhm_px for psf in psfs]))
        kept = ~_twice(x, y, origin, patch_of, APART_FWHM * fwhm_px)
        within = np.array([psf.within(radius_px) for psf in psfs])[patch_of]
        peak = np.array([psf.pixels.max() for psf in psfs])[patch_of]
        return CrowdedFrame(
            **{name: _column(fields, name)[kept] for name in STAR_COLUMNS},
            within=within[kept],
            peak=peak[kept],
            stars=sum(psf.stars for psf in psfs),
            fwhm_px=fwhm_px,
            beta=float(np.median([psf.shape.beta for psf in psfs])),
            psf_error=float(np.median([psf.error for psf in psfs])),
            residual=residual,
        )


def _column(fields: list[CrowdedField], name: str) -> NDArray[Any]:
    """A column of the stars of all patches."""
    return np.concatenate([getattr(field, name) for field in fields])


def _twice(
    x: FloatArray, y: FloatArray, origin: IntArray, patch: IntArray, apart_px: float
) -> BoolArray:
    """Which stars two patches have found, the second time."""
    from scipy.spatial import KDTree

    again = np.zeros(x.size, bool)
    if patch.max() == 0:
        return again
    pairs = KDTree(np.column_stack([x, y])).query_pairs(apart_px, output_type="ndarray")
    for one, other in pairs[patch[pairs[:, 0]] != patch[pairs[:, 1]]]:
        if not (again[one] or again[other]):
            again[other if origin[other] < 0 else one] = origin[other] < 0 or origin[one] < 0
    return again
