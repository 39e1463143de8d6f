"""Crowded frames in patches: each star once, as a fit of the whole frame has it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import KDTree

from photpipe.science import patches
from photpipe.science.crowded import CrowdedField
from photpipe.science.patches import Patches, RoughStars
from photpipe.science.psf import Psf
from tests.unit.test_crowded import CENTROID, GAIN, SHAPE, scene

RADIUS_PX = 4.0
SMALL_PX = 170  # four patches of 160 x 150 pixels on a frame


def sources_of(sky, usable=None):
    x, y, flux = sky.seen
    usable = np.ones(x.size, bool) if usable is None else usable
    return RoughStars(x, y, flux, usable, 3.4, 1 / GAIN)


def fitted(sky, patch_px=SMALL_PX, usable=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "PATCH_PX", patch_px)
        good = np.ones(SHAPE, bool)
        return Patches(sky.image, good, sources_of(sky, usable)).fitted(RADIUS_PX)


def light(frame):
    return frame.flux * frame.within


@pytest.fixture(scope="module")
def sky():
    return scene(290, 0)  # 3000 per megapixel


@pytest.fixture(scope="module")
def parts(sky):
    """The frame, fitted in patches."""
    return fitted(sky)


@pytest.fixture
def calls(monkeypatch):
    """Shapes of the images that are fitted; the fit itself leaves sources where they are."""
    shapes = []

    def fit(image, good, x, y, flux, usable, fwhm_px, photons, known=None):
        shapes.append(image.shape)
        psf = replace(Psf.begin(fwhm_px, image.shape), error=0.01 * len(shapes), stars=150)
        one = np.ones_like(x)
        return CrowdedField(x, y, flux, one, one, one, np.arange(x.size), psf, image)

    monkeypatch.setattr(patches, "fitted_field", fit)
    return shapes


@pytest.mark.parametrize("shape", [(2148, 2304), (2305, 40), (9576, 6388)])
def test_each_pixel_is_in_one_patch(shape):
    cut = patches._cut(shape)
    seen = np.zeros(shape, np.uint8)
    for each in cut:
        seen[each.core] += 1
        rows, columns = each.core_of_whole
        whole = np.empty([side.stop - side.start for side in each.whole], bool)
        assert whole[rows, columns].shape == seen[each.core].shape
        assert max(whole.shape) <= patches.PATCH_PX + 2 * patches.MARGIN_PX
    assert np.all(seen == 1)
    assert (len(cut) == 1) == (max(shape) <= patches.PATCH_PX)


def test_patches_tell_what_the_whole_frame_does(sky, parts):
    whole = fitted(sky, patch_px=400)
    assert whole.psf_error == pytest.approx(parts.psf_error, abs=0.01)
    given = [each.origin[each.origin >= 0] for each in (parts, whole)]
    assert len(np.unique(given[0])) == len(given[0])
    assert len(np.setxor1d(*given)) <= 3
    assert len(parts.x) == pytest.approx(len(whole.x), rel=0.03)
    apart, row = KDTree(np.column_stack([parts.x, parts.y])).query(
        np.column_stack([whole.x, whole.y])
    )
    bright = light(whole) > 2e3
    assert np.mean(apart[bright] < 0.3) > 0.98
    off = (light(parts)[row] - light(whole)) / (whole.error * whole.within)
    assert np.percentile(np.abs(off[bright & (apart < 0.3)]), 90) < 1.0
    assert np.median(light(parts)[row][bright] / light(whole)[bright]) == pytest.approx(1, abs=4e-3)
    # nothing of the seams is left
    left = parts.residual - whole.residual
    assert np.std(left[150:170]) < 1.5 * np.std(left[60:80])


def test_stars_of_the_seams_are_there_once(sky, parts):
    places = np.column_stack([parts.x, parts.y])
    seam = (np.abs(parts.x - 150) < 3) | (np.abs(parts.y - 160) < 3)
    assert seam.sum() >= 8
    nearest = KDTree(places).query(places[seam], 2)[0][:, 1]
    assert nearest.min() > 0.4 * parts.fwhm_px
    true = np.column_stack([sky.x, sky.y]) + CENTROID
    near_seam = (np.abs(sky.x - 150) < 2) | (np.abs(sky.y - 160) < 2)
    alone = KDTree(true).query(true, 2)[0][:, 1] > 3.0
    found = KDTree(places).query(true[near_seam & alone & (sky.flux > 3e3)])[0]
    assert np.all(found < 1.0)


def test_a_patch_whose_stars_tell_no_psf_borrows_one(sky, parts):
    x, _, _ = sky.seen
    borrowed = fitted(sky, usable=x < 102)
    assert 0 < borrowed.stars < parts.stars
    apart, row = KDTree(np.column_stack([borrowed.x, borrowed.y])).query(
        np.column_stack([parts.x, parts.y])
    )
    same = (apart < 0.3) & (parts.x > 200) & (light(parts) > 5e3)
    assert same.sum() > 30
    ratio = light(borrowed)[row][same] / light(parts)[same]
    assert np.percentile(np.abs(ratio - 1), 80) < 0.05
    assert fitted(sky, usable=x < 0) is None


def test_some_patches_tell_the_error_and_are_not_fitted_again(sky, calls, monkeypatch):
    monkeypatch.setattr(patches, "PATCH_PX", 110)
    frame = Patches(sky.image, np.ones(SHAPE, bool), sources_of(sky))
    assert frame.psf_error() == pytest.approx(0.02)  # the median of three
    assert len(calls) == 3
    found = frame.fitted(RADIUS_PX)
    assert len(calls) == 9
    assert max(max(shape) for shape in calls) <= 110 + 2 * patches.MARGIN_PX
    assert found.psf_error == pytest.approx(0.05)
    assert found.stars == 9 * 150
    given = sources_of(sky)
    assert sorted(found.origin) == list(range(given.x.size))
    for name in ("x", "y", "flux"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name)[found.origin])
    np.testing.assert_array_equal(found.residual, sky.image.astype("f4"))


def test_a_patch_without_sources_is_left_out(sky, calls, monkeypatch):
    monkeypatch.setattr(patches, "PATCH_PX", SMALL_PX)
    x, y, flux = (each[(sky.seen[0] < 100) | (sky.seen[1] < 110)] for each in sky.seen)
    given = RoughStars(x, y, flux, x > 0, 3.4, 1 / GAIN)
    found = Patches(sky.image, np.ones(SHAPE, bool), given).fitted(RADIUS_PX)
    assert len(calls) == 3
    assert np.isnan(found.residual[160:, 150:]).all()
    assert np.isfinite(found.residual[:160]).all()
    assert found.x.size == x.size


def test_what_two_patches_found_counts_once():
    x, y = np.array([[10.0, 10.3, 30.0, 30.2, 50.0, 50.1, 70.0, 70.2], [5.0] * 8])
    origin = np.array([3, -1, -1, -1, 4, 5, -1, -1])
    patch = np.array([0, 1, 0, 1, 0, 1, 1, 1])
    again = patches._twice(x, y, origin, patch, 0.5)
    assert again.tolist() == [False, True, False, True, False, False, False, False]
