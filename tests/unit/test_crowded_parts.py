"""Parts of the fit of crowded fields, against slower ways to the same numbers."""

import numpy as np
import pytest
from scipy.ndimage import correlate, maximum_filter

from photpipe.science.hidden import Matching
from photpipe.science.noise import MAD_TO_SIGMA
from photpipe.science.psf import Psf
from photpipe.science.skysurface import clipped_levels, noise_below, surface
from photpipe.science.starblocks import Blocks


def clipped(values):
    """Pearson's mode of what is within 2.5 sigma, one box after the other."""
    for _ in range(4):
        away = np.abs(values - np.median(values))
        kept = values[away <= 2.5 * MAD_TO_SIGMA * np.median(away)]
        if kept.size == values.size:
            break
        values = kept
    mean, median = values.mean(), np.median(values)
    return 2.5 * median - 1.5 * mean if mean > median else mean


def test_levels_are_those_of_boxes_one_after_the_other():
    rng = np.random.default_rng(0)
    boxes = rng.normal(100.0, 5.0, (6, 2001)).astype(np.float32)
    boxes[:, :300] += rng.exponential(50.0, (6, 300)).astype(np.float32)
    boxes[:, -1] = np.nan
    boxes[1, 900:1200] = np.nan
    boxes[2, 40:] = np.nan
    wanted = [clipped(box[np.isfinite(box)].astype(float)) for box in boxes]
    found = clipped_levels(boxes.copy())
    assert np.isnan(found[2])
    rows = [0, 1, 3, 4, 5]
    assert found[rows] == pytest.approx(np.array(wanted)[rows], abs=0.02)


def test_a_sky_that_bends_is_followed_and_its_noise_known():
    rng = np.random.default_rng(1)
    y, x = np.indices((300, 520)) / 300.0
    sky = 200.0 + 20.0 * x + 15.0 * y**2
    image = (sky + rng.normal(0, 4.0, sky.shape)).astype(np.float32)
    found = surface(image[:, ::2].copy(), sky.shape)
    inner = slice(64, -64), slice(64, -64)  # further out it is level
    assert np.abs(found - sky)[inner].max() < 1.0
    assert noise_below(image - found) == pytest.approx(4.0, rel=0.02)


def test_blocks_are_those_of_the_whole_matrix():
    rng = np.random.default_rng(2)
    ny, nx, count = 50, 60, 30
    x, y = rng.uniform(0, nx - 1, count), rng.uniform(0, ny - 1, count)
    stamps = Psf.begin(3.1, (ny, nx)).tables().stamps(x, y, 3.4, slopes=True)
    design = np.stack([stamps.value, stamps.right, stamps.up], axis=1)
    whole = np.zeros((count, 3, ny * nx))
    for star in range(count):
        for unknown in range(3):
            np.add.at(whole[star, unknown], stamps.pixel[star], design[star, unknown])
    whole = whole.reshape(3 * count, -1)
    normal = whole @ whole.T
    blocks = Blocks.of(design, stamps)
    dense = np.zeros((count, 3, count, 3))
    dense[blocks.key // count, :, blocks.key % count] = blocks.block
    assert dense.reshape(normal.shape) == pytest.approx(normal, abs=1e-6)

    added = rng.uniform(0.01, 0.02, (count, 3))
    right = rng.normal(size=(count, 3))
    wanted = np.linalg.solve(normal + np.diag(added.ravel()), right.ravel())
    assert blocks.solved(added, right).ravel() == pytest.approx(wanted, rel=1e-3, abs=1e-3)

    variances = blocks.variances()
    for star in range(count):
        near = np.flatnonzero(np.abs(normal.reshape(count, 3, count, 3)[star]).max(axis=(0, 2)) > 0)
        unknown = (3 * near[:, None] + np.arange(3)).ravel()
        inverse = np.linalg.inv(normal[np.ix_(unknown, unknown)])
        first = 3 * int(np.searchsorted(near, star))
        wanted = np.diag(inverse)[first : first + 3]
        assert variances[star] == pytest.approx(wanted, rel=0.02)


def test_a_star_without_a_pixel_has_an_infinite_variance():
    stamps = Psf.begin(2.0, (40, 40)).tables().stamps(np.array([9.0]), np.array([9.0]), 2.0)
    assert np.all(np.isinf(Blocks.of(np.zeros((1, 3, stamps.rows.size), "f4"), stamps).variances()))


def test_tiles_show_the_peaks_that_the_whole_image_shows():
    rng = np.random.default_rng(3)
    psf = Psf.begin(3.0, (150, 170))
    left = rng.normal(0, 1.0, psf.frame).astype(np.float32)
    kernel = psf.pixels
    half = len(kernel) // 2
    for row, column in ((63, 64), (30, 127), (100, 20), (66, 67), (149 - half, 169 - half)):
        window = slice(row - half, row + half + 1), slice(column - half, column + half + 1)
        left[window] += 60.0 * kernel
    variance = np.full(psf.frame, 1.0, np.float32)
    variance[40:44, 90:95] = np.inf
    matching = Matching(psf, psf.frame, lambda window: (left[window], variance[window]))
    peaks = matching.peaks(matching.tiles(), 4.0)

    cut = slice(half - 5, half + 6)
    root = np.sqrt(kernel[half, half])
    core = np.outer(kernel[cut, half], kernel[half, cut]) / root**2
    over = correlate(left / variance, core, mode="constant")
    weight = correlate(1.0 / variance, core**2, mode="constant")
    ratio = over / np.sqrt(weight)
    rows, columns = np.nonzero((ratio == maximum_filter(ratio, size=5)) & (ratio > 4.0))
    assert len(rows) >= 4
    assert set(zip(peaks.row, peaks.column, strict=True)) == set(zip(rows, columns, strict=True))
    order = np.lexsort((peaks.column, peaks.row))
    assert peaks.flux[order] == pytest.approx((over / weight)[rows, columns], rel=1e-3)

    near = matching.tiles(np.array([20.0]), np.array([100.0]))
    assert 0 < near.size < matching.tiles().size
    assert (100, 20) in set(
        zip(*(getattr(matching.peaks(near, 4.0), axis) for axis in ("row", "column")), strict=True)
    )
