"""The sky without a target, and the difference: other frames, matched to this one in its PSF.

A template is the mean of other frames that show the place without the target, on the pixels of
this frame. A kernel of free pixels makes its stars those of this frame (Bramich 2008, MNRAS 386,
L77; Alard & Lupton 1998, ApJ 503, 325), and what is left of stars in apertures placed like that of
the target tells how well it does. Noise is carried along.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photpipe.ground.sky import BoolArray, FloatArray
from photpipe.science.forced import aperture_weights, circle_parts
from photpipe.science.starimage import GAUSSIAN_FWHM

# by judgement: seeing of neighbouring frames differs by no more
SMALLEST_KERNEL_PX, LARGEST_KERNEL_PX = 2, 4
KERNEL_OF_FWHM = 0.6  # half the width of a kernel, in units of the seeing
RIDGE = 1e-5  # of the mean diagonal of the normal equations: keeps the kernel from noise
PROFILE_ERROR = 0.01  # of the light of a pixel: what no kernel makes alike
CLIP_SIGMA, CLIP_PART = 5.0, 0.3  # what differs more on one template is no star
FEWEST_STARS = 3  # a kernel by fewer is at the mercy of one
KNOWN_PART = 0.9  # of the pixels around a star
CENTRING_ROUNDS = 4  # a bound: shifts have settled by then
LEAST_MISFIT = 0.005  # of the light of a star in an aperture
TURNS = 6  # apertures around a star, in which it is looked what is left of it


@dataclass(frozen=True, slots=True)
class Stamp:
    """Part of an image.

    Parameters
    ----------
    values, variance : array, shape (ny, nx)
        Counts above the sky and their variances; NaN where nothing is known.
    """

    values: FloatArray
    variance: FloatArray


def kernel_reach(fwhm_px: float) -> int:
    """Half the width of the kernel for stars of this width, in pixels."""
    wanted = int(np.ceil(KERNEL_OF_FWHM * fwhm_px))
    return min(max(wanted, SMALLEST_KERNEL_PX), LARGEST_KERNEL_PX)


def resampled(
    stamp: Stamp, matrix: FloatArray, offset: FloatArray, shape: tuple[int, int], scale: float
) -> Stamp:
    """A stamp on the pixels of another frame, by cubic splines.

    Parameters
    ----------
    matrix, offset : array, shape (2, 2) and (2,)
        Row and column on this stamp are matrix @ (row, column) + offset.
    shape : (ny, nx)
        Size of the outcome.
    scale : float
        Factor from these counts to those of the other frame.
    """
    from scipy.ndimage import affine_transform

    known = np.isfinite(stamp.values)
    filled = np.where(known, stamp.values, 0.0)
    values = affine_transform(filled, matrix, offset, shape, order=3, mode="constant", cval=np.nan)
    variance = affine_transform(
        np.where(known, stamp.variance, 0.0), matrix, offset, shape, order=1, cval=np.nan
    )
    if not known.all():
        hidden = affine_transform((~known).astype(float), matrix, offset, shape, order=1, cval=1.0)
        values[hidden > 0.0] = np.nan
    area = abs(np.linalg.det(matrix))  # counts per pixel follow the size of the pixels
    return Stamp(scale * area * values, (scale * area) ** 2 * np.maximum(variance, 0.0))


def combined(stamps: Sequence[Stamp]) -> Stamp:
    """Mean of aligned stamps without what stands on one of them alone."""
    values = np.stack([each.values for each in stamps])
    variance = np.stack([each.variance for each in stamps])
    good = np.isfinite(values) & np.isfinite(variance)
    if len(stamps) > 2:
        middle = _median(values)
        least = np.sqrt(variance) * CLIP_SIGMA + CLIP_PART * np.maximum(middle, 0.0)
        good &= ~(np.abs(values - middle) > least)
    count = good.sum(axis=0)
    some = np.where(count > 0, count, np.nan)
    total, noise = (np.where(good, each, 0.0).sum(axis=0) for each in (values, variance))
    return Stamp(total / some, noise / some**2)


def _median(values: FloatArray) -> FloatArray:
    """Median over the first axis of what is known; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN goes last
    count = np.isfinite(values).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1)
    pair = [np.take_along_axis(ordered, each[None], axis=0)[0] for each in (low, high)]
    return np.asarray(np.mean(pair, axis=0))


def convolved(values: FloatArray, kernel: FloatArray) -> FloatArray:
    """Values convolved with a kernel, without the rim that would reach beyond the edge."""
    reach = len(kernel) // 2
    ny, nx = (n - 2 * reach for n in values.shape)
    total = np.zeros((ny, nx))
    for row, part in enumerate(kernel):
        for column, weight in enumerate(part):
            total += weight * values[row : row + ny, column : column + nx]
    return total


@dataclass(frozen=True, slots=True)
class KernelMatch:
    """A kernel that makes templates like a frame.

    Parameters
    ----------
    kernel : array, shape (n, n)
        To be used by `convolved`.
    residuals : tuple of array
        Frame minus matched template around the stars.
    templates : tuple of array
        The matched templates around the stars.
    variances : tuple of array
        Of the residuals, by sky and photons.
    """

    kernel: FloatArray
    residuals: tuple[FloatArray, ...]
    templates: tuple[FloatArray, ...]
    variances: tuple[FloatArray, ...]


def matched(
    frame: Sequence[Stamp], template: Sequence[Stamp], reach: int, core: int
) -> KernelMatch | None:
    """Kernel of least squares from stamps around stars; None if there are too few.

    Parameters
    ----------
    frame, template : sequence of Stamp
        The same stars on the frame and on the template, in the middle of the stamps; those of the
        template are larger by `reach` on each side.
    core : int
        So far from the stars pixels make the kernel; what is farther only tells how well it does.
    """
    size = 2 * reach + 1
    count = size**2
    normal, right = np.zeros((count, count)), np.zeros(count)
    used = []
    for own, other in zip(frame, template, strict=True):
        rim = max(0, (len(own.values) - 1) // 2 - core)
        part = slice(rim, len(own.values) - rim)
        values, variance = own.values[part, part], own.variance[part, part]
        grown = slice(rim, len(other.values) - rim)
        if not (np.isfinite(other.values).all() and np.isfinite(values).mean() > KNOWN_PART):
            continue
        shifted = np.lib.stride_tricks.sliding_window_view(other.values[grown, grown], values.shape)
        columns = shifted.reshape(count, -1)
        variance = variance + (PROFILE_ERROR * np.maximum(values, 0.0)) ** 2
        weight = np.where(np.isfinite(variance) & (variance > 0), 1 / variance, 0.0).ravel()
        values = np.nan_to_num(values).ravel()
        # a level of its own for each star: means of columns and values are taken away
        columns = columns - (columns @ weight / weight.sum())[:, None]
        values = values - values @ weight / weight.sum()
        weighted = columns * weight
        normal += weighted @ columns.T
        right += weighted @ values
        used.append((own, other))
    if len(used) < FEWEST_STARS:
        return None
    normal += RIDGE * np.trace(normal) / count * np.eye(count)
    kernel = np.asarray(np.linalg.solve(normal, right).reshape(size, size), float)
    models = [convolved(other.values, kernel) for _, other in used]
    left = []
    for (own, _), model in zip(used, models, strict=True):
        residual = own.values - model
        left.append(residual - np.nanmedian(residual))
    inner = slice(reach, -reach)
    noise = tuple(own.variance + other.variance[inner, inner] for own, other in used)
    return KernelMatch(kernel, tuple(left), tuple(models), noise)


def misfit(match: KernelMatch, dx_px: float, dy_px: float, radius_px: float) -> float:
    """What is left of the light of stars in apertures as far from them, as a part of their light.

    Parameters
    ----------
    dx_px, dy_px : float
        Place of the aperture from the star.
    radius_px : float
        Its radius.
    """
    distance, direction = np.hypot(dx_px, dy_px), np.arctan2(dy_px, dx_px)
    turns = direction + 2 * np.pi * np.arange(TURNS) / TURNS
    shape = match.residuals[0].shape
    middle = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    own = aperture_weights(shape, *middle, radius_px)
    places = middle[0] + distance * np.cos(turns), middle[1] + distance * np.sin(turns)
    around = circle_parts(np.arange(shape[1]), np.arange(shape[0]), *places, radius_px)
    around = around.reshape(TURNS, -1)
    residuals, models, noise = (
        np.nan_to_num(np.array(pixels)).reshape(len(pixels), -1)
        for pixels in (match.residuals, match.templates, match.variances)
    )
    light = models @ own.ravel()
    beside = float(np.median((models @ around.T) / light[:, None]))
    excess = float(np.mean((residuals @ around.T) ** 2 - noise @ (around**2).T, axis=1).sum())
    # stars that made the kernel fit it better than others do
    excess *= len(light) / (len(light) - 1)
    seen = np.sqrt(max(excess, 0.0) / np.sum(light**2))
    return float(np.hypot(LEAST_MISFIT * beside, seen))


def aperture_variance(
    variance: FloatArray, kernel: FloatArray, x_px: float, y_px: float, radius_px: float
) -> float:
    """Variance of an aperture on a convolved template, from that of its pixels.

    Parameters
    ----------
    variance : array, shape (ny + 2 reach, nx + 2 reach)
        Of the template before it is convolved.
    x_px, y_px : float
        Centre on the convolved template; the first pixel's centre is 0.
    """
    reach = len(kernel) // 2
    weights = aperture_weights(variance.shape, x_px + reach, y_px + reach, radius_px)
    padded = np.pad(weights, reach)
    spread = convolved(padded, kernel[::-1, ::-1])
    return float(np.nansum(spread**2 * variance))


def masked(
    values: FloatArray,
    middle: Sequence[float],
    radius_px: float,
    trail_px: Sequence[float] = (0.0, 0.0),
) -> FloatArray:
    """Values with NaN within a radius of a trail.

    Parameters
    ----------
    middle, trail_px : (float, float)
        Column and row of its middle, and from its start to its end.
    """
    ny, nx = values.shape
    x, y = np.arange(nx) - middle[0], (np.arange(ny) - middle[1])[:, None]
    length2 = max(float(np.dot(trail_px, trail_px)), 1e-9)
    along = np.clip((x * trail_px[0] + y * trail_px[1]) / length2, -0.5, 0.5)
    inside: BoolArray = np.hypot(x - along * trail_px[0], y - along * trail_px[1]) < radius_px
    return np.where(inside, np.nan, values)


def centroid(values: FloatArray, column: float, row: float, fwhm_px: float) -> tuple[float, float]:
    """Centre of a source by a Gaussian window of its width; NaN where it is lost.

    Parameters
    ----------
    values : array, shape (ny, nx)
        Counts above the sky.
    column, row : float
        Where to begin; the first pixel's centre is 0.
    """
    ny, nx = values.shape
    filled = np.nan_to_num(values)
    sigma2 = (fwhm_px / GAUSSIAN_FWHM) ** 2
    for _ in range(CENTRING_ROUNDS):
        dx, dy = np.arange(nx) - column, (np.arange(ny) - row)[:, None]
        distance2 = dx**2 + dy**2
        weight = np.where(distance2 < 8 * sigma2, np.exp(-distance2 / (2 * sigma2)), 0.0) * filled
        total = float(weight.sum())
        if not total > 0:
            return float("nan"), float("nan")
        # a window of its own width halves the offset of a source
        step = 2 * float((weight * dx).sum()) / total, 2 * float((weight * dy).sum()) / total
        column, row = column + step[0], row + step[1]
        if not np.hypot(*step) < fwhm_px:
            return float("nan"), float("nan")
    return column, row
