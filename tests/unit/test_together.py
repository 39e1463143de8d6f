"""A target and a star beside it, fitted together: trails, priors, and what the errors say."""

import numpy as np
import pytest

from photpipe.science.psf import Psf
from photpipe.science.starimage import StarImage
from photpipe.science.together import Beforehand, Cutting, Noise, fitted_together

SHAPE, FWHM, NOISE = (61, 61), 3.0, 2.0
TARGET, STAR = (30.2, 29.7), (33.4, 29.1)
FLUX = np.array([2e4, 3e4])


def picture(seed, trail=(0.0, 0.0), star=STAR):
    """Both on a level sky, drawn by sums over parts of pixels."""
    profile = StarImage(FWHM)
    fine = (np.arange(5) - 2) / 5
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    image = np.full(SHAPE, 100.0)
    for place, flux, moves in ((TARGET, FLUX[0], trail), (star, FLUX[1], (0.0, 0.0))):
        for dx in fine:
            for dy in fine:
                image += flux / 25 * profile.surface(x + dx - place[0], y + dy - place[1], moves)
    return image + np.random.default_rng(seed).normal(0, NOISE, SHAPE)


def fitted(image, trail=(0.0, 0.0), star=STAR, known_flux=3e4, flux_error=np.inf, place_error=0.3):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    window = Cutting(image, 0, 0, np.hypot(x - TARGET[0], y - TARGET[1]) < 12)
    known = Beforehand(
        np.array([TARGET[0] + 0.1, star[0]]),
        np.array([TARGET[1], star[1]]),
        np.array([1e4, known_flux]),
        np.full(2, place_error),
        np.array([np.inf, flux_error]),
        np.array([trail, (0.0, 0.0)]),
    )
    return fitted_together(Psf.begin(FWHM, SHAPE).tables(), window, known, Noise(NOISE, 0.0, 0.0))


def test_both_have_their_light():
    pulls = []
    for seed in range(12):
        found = fitted(picture(seed))
        assert found.flux == pytest.approx(FLUX, rel=0.02)
        assert found.sky == pytest.approx(100.0, abs=1.0)
        assert found.chi == pytest.approx(1.0, abs=0.15)
        pulls.append((found.flux - FLUX) / np.sqrt(np.diag(found.covariance)))
    scatter = np.std(pulls, axis=0)
    assert ((scatter > 0.5) & (scatter < 1.6)).all()
    assert found.covariance[0, 1] < 0  # what one gets is lost to the other


def test_trails_are_drawn_as_trails():
    image = picture(1, (2.5, 1.0))
    assert fitted(image, (2.5, 1.0)).flux[0] == pytest.approx(FLUX[0], rel=0.02)
    assert fitted(image).flux[0] < 0.95 * FLUX[0]


def test_what_is_known_of_a_star_on_the_target_decides():
    star = (TARGET[0] + 0.2, TARGET[1])
    image = picture(2, star=star)
    found = fitted(image, star=star, flux_error=600.0, place_error=0.02)
    assert found.flux == pytest.approx(FLUX, abs=1500.0)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(600.0, rel=0.3)
    free = fitted(image, star=star, place_error=0.02)
    assert np.sqrt(free.covariance[0, 0]) > 1000.0
