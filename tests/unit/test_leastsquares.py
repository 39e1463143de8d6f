"""Fits within limits: those of scipy, without its import."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import least_squares

from photpipe.science import leastsquares
from photpipe.science.growth import moffat_growth

RADII = np.linspace(2.0, 12.0, 20)
LOW, HIGH = np.array([1.0, -2.0, -1.0]), np.array([1.5, 3.0, 4.0])


def misfit_of(curve: np.ndarray) -> "leastsquares.Misfit":
    def misfit(parameters: np.ndarray) -> np.ndarray:
        total, core, excess = parameters
        model = total * moffat_growth(RADII, np.exp(core), 1.2 + np.exp(excess))
        return np.asarray((np.diff(model) - np.diff(curve)) / 0.002)

    return misfit


@pytest.mark.parametrize("seed", range(6))
def test_fits_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curve = moffat_growth(RADII, rng.uniform(1.5, 4.0), rng.uniform(1.6, 5.0))
    misfit = misfit_of((curve + rng.normal(0, 0.002, 20)) / curve[-1])
    begin = np.array([1.02, 1.0, 0.6])
    found = leastsquares.fitted(misfit, begin, LOW, HIGH)
    theirs = least_squares(misfit, begin, bounds=(LOW, HIGH))
    assert found[0] == pytest.approx(theirs.x[0], abs=5e-5)
    assert np.sum(misfit(found) ** 2) <= 2 * theirs.cost * (1 + 1e-6)


def test_what_would_leave_the_limits_stays_there() -> None:
    def misfit(parameters: np.ndarray) -> np.ndarray:
        x, y = parameters
        return np.array([x - 5.0, 10.0 * (y + x), x + y - 1.0])

    low, high = np.array([-1.0, -9.0]), np.array([2.0, 9.0])
    found = leastsquares.fitted(misfit, np.array([0.0, 0.0]), low, high)
    theirs = least_squares(misfit, np.array([0.0, 0.0]), bounds=(low, high))
    assert found == pytest.approx(theirs.x, abs=1e-5)
    assert found[0] == 2.0


def test_ordinary_nights_do_without_the_optimizers_of_scipy() -> None:
    """Importing them takes a fifth of a second on each core."""
    code = (
        "import sys, numpy as np; from photpipe.science import growth, starimage;"
        "r = np.linspace(2, 12, 20); f = growth.moffat_growth(r, 2.5, 3.0);"
        "c = growth.MeanCurve(f / f[-1], 0.001 * f, f, f, 9, 0.01);"
        "growth.aperture_correction(r, c, 5);"
        "radii = np.array(starimage.RADII) * 4;"
        "starimage.fitted(np.array([starimage.StarImage(4.0).growth(radii, (0.0, 0.0))] * 4),"
        " radii, (0.0, 0.0), 3.0);"
        "sys.exit('scipy.optimize' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
